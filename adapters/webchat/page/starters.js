// An empty chat's questions to begin with: a click asks one, with the sample file that it may need.
import { byId, el, renew } from "/chat/files/dom.js";

export function offerStarters(store, { empty, assistants }) {
  const chosen = assistants.find((one) => one.answers && !one.is_usual); // the page came with those of the usual one
  if (chosen) renew(document.querySelector("#starters ul"), chosen.starters.map(row));
  byId("starters").hidden = !empty || chosen?.starters.length === 0;
  for (const button of document.querySelectorAll("#starters button"))
    button.addEventListener("click", async () => {
      const { question, file } = button.dataset;
      const attachments = file ? [{ blob: await sample(file) }] : [];
      store.dispatch({ type: "WEB_CHAT/SEND_MESSAGE", payload: { text: question, attachments } });
      document.querySelector("[data-id=webchat-sendbox-input]")?.focus();
    });
}

function row(question) {
  const button = el("button", { type: "button" }, el("span", { textContent: question }));
  button.dataset.question = question;
  return el("li", {}, button);
}

async function sample(name) {
  const content = await fetch(`/chat/files/${name}`).then((answer) => answer.blob());
  return new File([content], name, { type: "text/csv" });
}
