// Files that go with the next message: chosen or dropped, named below the box, held to the limits before they are read.
import { byId, el, renew } from "/chat/files/dom.js";
import { number, say } from "/chat/files/words.js";

const DRAG_MS = 500;
const CHOSEN = "WEB_CHAT/SET_SEND_BOX_ATTACHMENTS";
const { takes, refuses, maxBytes, maxFiles } = document.body.dataset;
const endings = takes ? takes.split(",") : [""]; // without a list, files of any kind but these

const folders = new WeakSet(); // of what was dropped

let choose = () => {}; // makes these the files of the next message

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

// Web Chat has a button for files, and no place to drop or paste them.
export function takeFiles(store) {
  choose = (attachments) => store.dispatch({ type: CHOSEN, payload: { attachments } });
  const holdsFiles = (transfer) => transfer?.types.includes("Files");
  const take = (event, files) => {
    event.preventDefault();
    choose([...store.getState().sendBoxAttachments, ...Array.from(files, (blob) => ({ blob }))]);
    document.querySelector("[data-id=webchat-sendbox-input]")?.focus();
  };
  let leaves;
  const show = (shown) => document.body.classList.toggle("drop", shown);
  addEventListener("dragover", (event) => {
    if (!holdsFiles(event.dataTransfer)) return;
    event.preventDefault();
    show(true);
    clearTimeout(leaves);
    leaves = setTimeout(show, DRAG_MS, false); // no event tells reliably that the pointer has left the page
  });
  addEventListener("drop", (event) => {
    show(false);
    if (!holdsFiles(event.dataTransfer)) return;
    const entries = [...event.dataTransfer.items].filter(({ kind }) => kind === "file").map((item) => item.webkitGetAsEntry());
    const files = [...event.dataTransfer.files];
    files.forEach((file, nth) => { if (entries[nth]?.isDirectory) folders.add(file); });
    take(event, files);
  });
  // A cell of a spreadsheet is pasted as words and as a picture of it: words are what is meant.
  addEventListener("paste", (event) => {
    const { clipboardData } = event;
    if (holdsFiles(clipboardData) && !clipboardData.types.includes("text/plain")) take(event, clipboardData.files);
  });
}

// As the bot will call it: marks that turn the direction of writing would show another name.
const plain = (name) => name.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "_");

function objectionTo(file) {
  const [name, size] = [plain(file.name), file.size];
  if (folders.has(file)) return say("is-a-folder", { name });
  const endsIn = (ending) => name.toLowerCase().endsWith(ending);
  if (!endings.some(endsIn)) return say("not-readable", { name, endings: endings.join(" ") });
  if (refuses.split(",").some(endsIn)) return say("never-readable", { name });
  if (size === 0) return say("is-empty", { name });
  return size > maxBytes && say("is-too-large", { name, size: `${number(maxBytes / 1e6)} MB` });
}

function show(kept, objections) {
  const names = kept.map(({ blob }) => plain(blob.name));
  byId("given").hidden = !names.length && !objections.length;
  byId("objections").replaceChildren(...objections.map((words) => el("span", { textContent: words })));
  byId("given-words").textContent = names.length ? say("with-next-message", { names: names.join(", ") }) : "";
  const without = (nth) => () => {
    choose(kept.filter((_, each) => each !== nth));
    if (document.activeElement === document.body) document.querySelector("[data-id=webchat-sendbox-input]")?.focus();
  };
  renew(byId("given-files"), names.map((name, nth) => {
    const remove = el("button", { id: `remove-file-${nth}`, type: "button", title: say("remove"), textContent: "×", aria: { label: say("remove-file", { name }) } });
    remove.addEventListener("click", without(nth));
    return el("li", { title: name }, el("span", { textContent: name }), remove);
  }));
}
