// An empty chat's questions to begin with: a click asks one, with the sample file that it may need.
import { byId } from "/chat/files/dom.js";

export function offerStarters(store, empty) {
  byId("starters").hidden = !empty;
  for (const button of document.querySelectorAll("#starters button"))
    button.addEventListener("click", async () => {
      const { question, file } = button.dataset;
      const attachments = file ? [{ blob: await sample(file) }] : [];
      store.dispatch({ type: "WEB_CHAT/SEND_MESSAGE", payload: { text: question, attachments } });
      byId("starters").hidden = true;
      document.querySelector("[data-id=webchat-sendbox-input]")?.focus();
    });
}

async function sample(name) {
  const content = await fetch(`/chat/files/${name}`).then((answer) => answer.blob());
  return new File([content], name, { type: "text/csv" });
}
