// The page around Web Chat: which conversation is open, which others there are, what to ask first.
import { look } from "/chat/files/look.js";
import { showPanel } from "/chat/files/panel.js";

const byId = (id) => document.getElementById(id);
const nonce = document.querySelector("script[nonce]").nonce;
const dark = matchMedia("(prefers-color-scheme: dark)");

async function answerTo(path, body) {
  const asked = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(path, asked);
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.json();
}

async function start() {
  const named = new URLSearchParams(location.search).get("chat");
  const { conversation, token, empty } = await answerTo("/chat/tokens", { conversation: named });
  history.replaceState(null, "", `/?chat=${conversation}`);
  const refreshPanel = showPanel({ conversation, token });
  const store = window.WebChat.createStore({}, () => (next) => (action) => {
    if (action.type === "DIRECT_LINE/INCOMING_ACTIVITY") refreshPanel();
    return heard(action, next, conversation);
  });
  const directLine = window.WebChat.createDirectLine({ domain: `${location.origin}/v3/directline`, token });
  const render = () =>
    window.WebChat.renderWebChat(
      { ...look(dark.matches), directLine, store, nonce, userID: "user", username: "You", locale: "en-US" },
      byId("chat"),
    );
  render();
  dark.addEventListener("change", render);
  offerStarters(store, empty);
  listChats(conversation);
}

function heard(action, next, conversation) {
  if (action.type === "DIRECT_LINE/CONNECT_FULFILLED") requestAnimationFrame(typeHere);
  if (action.type !== "DIRECT_LINE/INCOMING_ACTIVITY") return next(action);
  const { activity } = action.payload;
  if (activity.type === "message") {
    byId("starters").hidden = true;
    if (activity.from.role === "user") listChats(conversation);
  }
  if (activity.name !== "webchat/deleted") return next(action);
  return next({ type: "DIRECT_LINE/DELETE_ACTIVITY", payload: { activityID: activity.value } });
}

function typeHere() {
  if (document.activeElement === document.body) document.querySelector("[data-id=webchat-sendbox-input]")?.focus();
}

function offerStarters(store, empty) {
  byId("starters").hidden = !empty;
  for (const button of document.querySelectorAll("#starters button"))
    button.addEventListener("click", () => {
      store.dispatch({ type: "WEB_CHAT/SEND_MESSAGE", payload: { text: button.textContent } });
      byId("starters").hidden = true;
      document.querySelector("[data-id=webchat-sendbox-input]")?.focus();
    });
}

async function listChats(open) {
  const chats = await answerTo("/chat/conversations");
  byId("no-chats").hidden = chats.length > 0;
  byId("chats").replaceChildren(...chats.map((chat) => entry(chat, open)));
  const here = chats.find((chat) => chat.id === open);
  document.title = here ? `${here.title} - ${document.body.dataset.assistant}` : document.body.dataset.assistant;
}

function entry(chat, open) {
  const link = document.createElement("a");
  link.href = `/?chat=${chat.id}`;
  link.textContent = link.title = chat.title;
  if (chat.id === open) link.setAttribute("aria-current", "page");
  const item = document.createElement("li");
  item.append(link);
  return item;
}

function showSide(shown) {
  document.body.classList.toggle("side-open", shown);
  byId("menu").setAttribute("aria-expanded", String(shown));
  document.querySelector("main").inert = shown;
  (shown ? document.querySelector("#side a") : byId("menu")).focus();
}

byId("menu").addEventListener("click", () => showSide(!document.body.classList.contains("side-open")));
byId("shade").addEventListener("click", () => showSide(false));
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.body.classList.contains("side-open")) showSide(false);
});
byId("connect").addEventListener("click", () => byId("how").showModal());

if (window.WebChat)
  start().catch((error) => {
    byId("trouble").textContent = `The chat could not be opened: ${error.message}. Is the bot running? Reload to try again.`;
    byId("trouble").hidden = false;
  });
