// The list of chats at the side, by day: open, find, rename, delete; on narrow screens it slides in.
import { answerTo, asked, byId, el, renew, shieldCovered } from "/chat/files/dom.js";
import { locale, say } from "/chat/files/words.js";

const PENCIL = '<path d="M4 16l.800-3.400L13.600 3.800l2.600 2.600-8.800 8.800z M12 5.400l2.600 2.600"/>';
const BIN = '<path d="M4 6h12 M8 6V4h4v2 M6 6l.700 10h6.600L14 6 M8.500 9v4.500 M11.500 9v4.500"/>';
const DAY_MS = 24 * 60 * 60 * 1000;
const SEARCH_AFTER_MS = 200; // of no further key
let latest = 0;
let draw = () => {};

export async function listChats(open, assistant) {
  draw = () => listChats(open, assistant);
  await told(show(open, assistant));
}

// Says below the list what kept something from being done.
async function told(work) {
  byId("chats-trouble").textContent = "";
  return work.catch((error) => { byId("chats-trouble").textContent = error.message; });
}

async function show(open, assistant) {
  const mine = ++latest;
  const words = byId("find").value.trim();
  const found = answerTo(`/chat/conversations${words && `?find=${encodeURIComponent(words)}`}`);
  // The open chat may just have got its title, and lack the words that are looked for.
  const [chats, all] = await Promise.all([found, words ? answerTo("/chat/conversations") : found]);
  if (mine !== latest) return; // a later look has overtaken this one
  byId("find").hidden = !words && !chats.length;
  byId("no-chats").hidden = chats.length > 0;
  byId("no-chats").textContent = say(words ? "no-chats-found" : "no-chats");
  byId("found").textContent = words ? say("chats-found", { count: chats.length }) : "";
  renew(byId("chats"), byDay(chats).flatMap(([day, those], nth) => [
    el("h3", { id: `day-${nth}`, textContent: day }),
    el("ul", { aria: { labelledby: `day-${nth}` } }, ...those.map((chat) => entry(chat, open))),
  ]));
  const here = all.find((chat) => chat.id === open);
  document.title = here ? `${here.title} - ${assistant}` : assistant;
}

// [["Today", [chat, ...]], ...], as the chats come: the latest first.
function byDay(chats) {
  const days = new Map();
  for (const chat of chats) {
    const day = dayOf(new Date(chat.last_at));
    days.set(day, [...(days.get(day) ?? []), chat]);
  }
  return [...days];
}

function daysAgo(date) {
  const midnight = (time) => new Date(time).setHours(0, 0, 0, 0);
  return Math.round((midnight(Date.now()) - midnight(date)) / DAY_MS); // a day of 23 or 25 hours is a day
}

function dayOf(date) {
  const ago = daysAgo(date);
  if (!(ago > 0)) return say("today");
  if (ago === 1) return say("yesterday");
  if (ago <= 7) return say("last-seven-days");
  return date.toLocaleDateString(locale, { month: "long", year: "numeric" });
}

function entry(chat, open) {
  const said = new Date(chat.last_at);
  const link = el("a", { id: `open-${chat.id}`, href: `/?chat=${chat.id}`, title: `${chat.title}\n${said.toLocaleString(locale, { dateStyle: "medium", timeStyle: "short" })}` },
    el("span", { className: "title", textContent: chat.title }),
    chat.excerpt ? el("span", { className: "excerpt", textContent: chat.excerpt }) : null);
  if (chat.id === open) link.setAttribute("aria-current", "page");
  const time = el("time", { dateTime: chat.last_at, textContent: shortTime(said) });
  const tool = (id, icon, title, label) =>
    el("button", { id, type: "button", title, aria: { label }, innerHTML: `<svg viewBox="0 0 20 20" width="16" height="16" aria-hidden="true">${icon}</svg>` });
  const rename = tool(`rename-${chat.id}`, PENCIL, say("rename"), say("rename-chat", { title: chat.title }));
  const remove = tool(`delete-${chat.id}`, BIN, say("delete"), say("delete-chat", { title: chat.title }));
  rename.addEventListener("click", () => told(renamed(chat).then((did) => did && draw())));
  remove.addEventListener("click", () => told(removed(chat).then((did) => did && (chat.id === open ? location.assign("/") : draw()))));
  return el("li", {}, link, time, rename, remove);
}

const shortTime = (date) =>
  daysAgo(date) > 1 ? date.toLocaleDateString(locale, { day: "numeric", month: "short" }) : date.toLocaleTimeString(locale, { timeStyle: "short" });

async function renamed(chat) {
  byId("new-title").value = chat.title;
  if (!(await asked(byId("rename"))) || !byId("new-title").value.trim()) return false;
  await change(chat, { method: "PUT", body: { title: byId("new-title").value } });
  return true;
}

async function removed(chat) {
  byId("doomed").textContent = say("remove-warning", { title: chat.title });
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
  if (event.key === "Escape" && document.body.classList.contains("side-open") && !event.target.value) showSide(false);
});

// Another tab may have begun, renamed or deleted chats, and a day may have ended.
addEventListener("focus", () => draw());

let typed;
byId("find").addEventListener("input", () => {
  clearTimeout(typed);
  typed = setTimeout(() => draw(), SEARCH_AFTER_MS);
});

// Arrow keys go through the chats, from the search box too.
byId("side").addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const stops = [byId("find"), ...byId("chats").querySelectorAll("a")];
  const at = stops.indexOf(event.target);
  if (!step || at < 0 || !stops[at + step]) return;
  event.preventDefault();
  stops[at + step].focus();
});
