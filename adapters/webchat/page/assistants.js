// The dialog that changes and deletes an assistant. What goes wrong is said in it, and it stays open.
import { answerTo, asked, byId, el, refusal } from "/chat/files/dom.js";
import { say } from "/chat/files/words.js";

const shown = (name) => byId(`edit-${name}`);

// "saved", "deleted", or undefined when nothing was changed.
export async function editAssistant({ token, id, name }) {
  const dialog = byId("edit");
  const path = `/chat/assistants/${id}`;
  dialog.querySelector("form").reset();
  shown("title").textContent = say("edit-assistant", { name });
  shown("trouble").textContent = "";
  const now = await answerTo(path, { token });
  shown("fixed").hidden = !now.fixed;
  shown("fixed").textContent = now.fixed ? refusal({ error: now.fixed }) : "";
  shown("fields").hidden = shown("save").hidden = shown("delete").hidden = Boolean(now.fixed);
  if (!now.fixed) fill(now);
  shown("cancel").textContent = say(now.fixed ? "close" : "cancel");

  let outcome;
  let busy = false;
  const attempt = async (work, result) => {
    if (busy) return;
    busy = true;
    try {
      await work();
      outcome = result;
      dialog.close();
    } catch (error) {
      shown("trouble").textContent = error.message;
    }
    busy = false;
  };
  dialog.querySelector("form").onsubmit = (event) => {
    if (event.submitter !== shown("save")) return; // the others close it
    event.preventDefault();
    attempt(async () => {
      await answerTo(path, { token, method: "PUT", body: wanted() });
      for (const file of shown("new-files").files) await upload(path, token, file);
    }, "saved");
  };
  shown("delete").onclick = async () => {
    byId("doomed-assistant").textContent = say("remove-assistant-warning", { name });
    if (await asked(byId("remove-assistant"))) attempt(() => answerTo(path, { token, method: "DELETE" }), "deleted");
  };
  await asked(dialog);
  return outcome;
}

function fill({ name, instructions, model, models, temperature, runs_code, functions, files }) {
  shown("name").value = name;
  shown("instructions").value = instructions;
  shown("model").replaceChildren(...[...new Set([...models, model])].map((each) => el("option", { textContent: each, selected: each === model })));
  shown("temperature").value = temperature ?? "";
  shown("tools").replaceChildren(choice(say("code-interpreter"), "", runs_code), ...functions.map((each) => choice(say("function", { name: each }), each, true)));
  shown("files").replaceChildren(...files.map(({ id, name, size_bytes }) => choice(say("file-and-size", { name, size: say("bytes", { count: size_bytes }) }), id, true)));
  shown("no-files").hidden = files.length > 0;
}

const choice = (words, value, checked) => el("label", { className: "tick" }, el("input", { type: "checkbox", value, checked }), el("span", { textContent: words }));

function wanted() {
  const ticked = (list) => [...shown(list).querySelectorAll("input:checked")].map((box) => box.value);
  const temperature = shown("temperature").value;
  return {
    name: shown("name").value, instructions: shown("instructions").value, model: shown("model").value,
    temperature: temperature === "" ? null : Number(temperature),
    runs_code: shown("tools").querySelector("input").checked, functions: ticked("tools").filter(Boolean), files: ticked("files"),
  };
}

async function upload(path, token, file) {
  const form = new FormData();
  form.append("file", file, file.name);
  await answerTo(`${path}/files`, { token, body: form });
}
