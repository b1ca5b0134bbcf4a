// Files that go with the next message: chosen or dropped, named below the box, held to the limits before they are read.
import { byId, el } from "/chat/files/dom.js";
import { number, say } from "/chat/files/words.js";

const CHOSEN = "WEB_CHAT/SET_SEND_BOX_ATTACHMENTS";
const { takes, maxBytes, maxFiles } = document.body.dataset;
const endings = takes.split(",");

// What Web Chat is about to keep for the next message, without what the bot would refuse.
export function givenFiles(action) {
  if (action.type !== CHOSEN) return action;
  const given = action.payload.attachments;
  const fits = given.filter(({ blob }) => !objectionTo(blob));
  const kept = fits.slice(0, maxFiles);
  const objections = given.map(({ blob }) => objectionTo(blob)).filter(Boolean);
  if (kept.length < fits.length) objections.push(say("too-many-files", { count: Number(maxFiles) }));
  show(kept, objections);
  return { ...action, payload: { attachments: Object.freeze(kept) } };
}

// Web Chat has a button for files, and no place to drop them.
export function takeDroppedFiles(store) {
  const set = (attachments) => store.dispatch({ type: CHOSEN, payload: { attachments } });
  const holdsFiles = (event) => event.dataTransfer.types.includes("Files");
  addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    const dropped = Array.from(event.dataTransfer.files, (blob) => ({ blob }));
    set([...store.getState().sendBoxAttachments, ...dropped]);
    document.querySelector("[data-id=webchat-sendbox-input]")?.focus();
  });
  byId("let-go").addEventListener("click", () => set([]));
}

function objectionTo({ name, size }) {
  if (!endings.some((ending) => name.toLowerCase().endsWith(ending))) return say("not-readable", { name, endings: endings.join(" ") });
  if (size === 0) return say("is-empty", { name });
  return size > maxBytes && say("is-too-large", { name, size: `${number(maxBytes / 1e6)} MB` });
}

function show(kept, objections) {
  const names = kept.map(({ blob }) => blob.name).join(", ");
  byId("given").hidden = !names && !objections.length;
  byId("let-go").hidden = !names;
  byId("given-words").replaceChildren(
    ...objections.map((words) => el("span", { className: "objection", textContent: words })),
    ...(names ? [el("span", { textContent: say("with-next-message", { names }) })] : []),
  );
}
