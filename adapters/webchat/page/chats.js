// The list of chats at the side: open, rename, delete; on narrow screens it slides in.
import { answerTo, asked, byId, el, renew, shieldCovered } from "/chat/files/dom.js";

let latest = 0;

export async function listChats(open, assistant) {
  const mine = ++latest;
  const chats = await answerTo("/chat/conversations");
  if (mine !== latest) return; // a later look has overtaken this one
  const again = () => listChats(open, assistant);
  byId("no-chats").hidden = chats.length > 0;
  renew(byId("chats"), chats.map((chat) => entry(chat, open, again)));
  const here = chats.find((chat) => chat.id === open);
  document.title = here ? `${here.title} - ${assistant}` : assistant;
}

function entry(chat, open, again) {
  const link = el("a", { id: `open-${chat.id}`, href: `/?chat=${chat.id}`, textContent: chat.title, title: chat.title });
  if (chat.id === open) link.setAttribute("aria-current", "page");
  const rename = el("button", { id: `rename-${chat.id}`, type: "button", textContent: "✎", title: "Rename", aria: { label: `Rename ${chat.title}` } });
  const remove = el("button", { id: `delete-${chat.id}`, type: "button", textContent: "×", title: "Delete", aria: { label: `Delete ${chat.title}` } });
  rename.addEventListener("click", () => renamed(chat).then((did) => did && again()));
  remove.addEventListener("click", () => removed(chat).then((did) => did && (chat.id === open ? location.assign("/") : again())));
  return el("li", {}, link, rename, remove);
}

async function renamed(chat) {
  byId("new-title").value = chat.title;
  if (!(await asked(byId("rename"))) || !byId("new-title").value.trim()) return false;
  await change(chat, { method: "PUT", body: { title: byId("new-title").value } });
  return true;
}

async function removed(chat) {
  byId("doomed").textContent = chat.title;
  if (!(await asked(byId("remove")))) return false;
  await change(chat, { method: "DELETE" });
  return true;
}

async function change(chat, how) {
  const { token } = await answerTo("/chat/tokens", { body: { conversation: chat.id } });
  await answerTo(`/chat/conversations/${chat.id}`, { token, ...how });
}

function showSide(shown) {
  document.body.classList.toggle("side-open", shown);
  byId("menu").setAttribute("aria-expanded", String(shown));
  shieldCovered();
  (shown ? document.querySelector("#side a") : byId("menu")).focus();
}

byId("menu").addEventListener("click", () => showSide(!document.body.classList.contains("side-open")));
byId("shade").addEventListener("click", () => showSide(false));
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.body.classList.contains("side-open")) showSide(false);
});
