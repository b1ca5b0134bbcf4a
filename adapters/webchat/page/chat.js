// The page around Web Chat: which conversation is open, with whom, and what to ask first.
import { listChats } from "/chat/files/chats.js";
import { answerTo, byId } from "/chat/files/dom.js";
import { look, watchLook } from "/chat/files/look.js";
import { messageColumn } from "/chat/files/messages.js";
import { showPanel } from "/chat/files/panel.js";
import { watchPlots } from "/chat/files/plots.js";
import { offerStarters } from "/chat/files/starters.js";
import { givenFiles, takeDroppedFiles } from "/chat/files/uploads.js";
import { showWeather } from "/chat/files/weather.js";

const HEALTH_MS = 2000;
const nonce = document.querySelector("script[nonce]").nonce;

async function start() {
  const wish = new URLSearchParams(location.search);
  const chat = await answerTo("/chat/tokens", { body: { conversation: wish.get("chat"), assistant: wish.get("assistant") } });
  history.replaceState(null, "", `/?chat=${chat.conversation}`);
  const name = await introduce(chat);
  const panel = showPanel(chat);
  const weather = showWeather(chat.token, panel);
  const column = await messageColumn(chat);
  const store = window.WebChat.createStore({}, () => (next) => (action) => heard(givenFiles(action), next, { chat, name, panel, weather, column }));
  column.use(store);
  const directLine = window.WebChat.createDirectLine({ domain: `${location.origin}/v3/directline`, token: chat.token });
  const render = () =>
    window.WebChat.renderWebChat(
      { ...look(), ...column.props, directLine, store, nonce, userID: "user", username: "You", locale: navigator.language },
      byId("chat"),
    );
  render();
  watchLook(render);
  watchPlots(byId("chat"));
  offerStarters(store, chat);
  takeDroppedFiles(store);
  listChats(chat.conversation, name);
  watchTheBot();
}

// Web Chat takes 20 seconds to notice that nobody is there any more, and says so to nobody who looks.
function watchTheBot() {
  setInterval(async () => {
    const runs = await fetch("/healthz", { signal: AbortSignal.timeout(HEALTH_MS) }).then((answer) => answer.ok, () => false);
    if (byId("offline").hidden === runs) return;
    byId("offline").textContent = runs ? "" : "The bot is not running. Start it with make run; this page then goes on by itself.";
    byId("offline").hidden = runs;
  }, HEALTH_MS);
}

// Who answers here; the page came with the name of the usual assistant.
async function introduce({ assistant, assistants, usual, token }) {
  const chosen = assistants.find((one) => one.answers && !one.is_usual);
  if (chosen) {
    byId("name").textContent = chosen.name;
    byId("speaker").textContent = `Answered by ${chosen.model}`;
  } else if (assistant !== usual && !assistants.some((one) => one.answers))
    try {
      const { name, model } = await answerTo(`/chat/api/assistants/${assistant}`, { token });
      byId("name").textContent = name ?? assistant;
      byId("speaker").textContent = `Answered by ${model}`;
    } catch {
      byId("name").textContent = "An assistant that is not there";
      byId("speaker").textContent = `The service does not know ${assistant} any more. Begin a new chat.`;
    }
  return byId("name").textContent;
}

function heard(action, next, { chat, name, panel, weather, column }) {
  if (action.type === "DIRECT_LINE/CONNECT_FULFILLED") requestAnimationFrame(typeHere);
  if (action.type !== "DIRECT_LINE/INCOMING_ACTIVITY") return next(action);
  const { activity } = action.payload;
  if (activity.name === "webchat/weather") return weather();
  if (activity.type !== "typing" || !activity.text) panel(); // a stream says nothing that the panel shows
  if (activity.type === "message") {
    byId("starters").hidden = true;
    if (activity.from.role === "user") listChats(chat.conversation, name);
  }
  const shown = column.heard(activity);
  if (activity.name !== "webchat/deleted") return next({ ...action, payload: { ...action.payload, activity: shown } });
  return next({ type: "DIRECT_LINE/DELETE_ACTIVITY", payload: { activityID: activity.value } });
}

function typeHere() {
  if (document.activeElement === document.body) document.querySelector("[data-id=webchat-sendbox-input]")?.focus();
}

byId("connect").addEventListener("click", () => byId("how").showModal());

if (window.WebChat)
  start().catch((error) => {
    byId("trouble").textContent = `The chat could not be opened: ${error.message}. Is the bot running? Reload to try again.`;
    byId("trouble").hidden = false;
  });
