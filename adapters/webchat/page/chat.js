// The page around Web Chat: which conversation is open, with whom, and what to ask first.
import { listChats } from "/chat/files/chats.js";
import { answerTo, byId } from "/chat/files/dom.js";
import { look, watchLook } from "/chat/files/look.js";
import { messageColumn } from "/chat/files/messages.js";
import { sendThrough, tell, withId } from "/chat/files/outbox.js";
import { showPanel } from "/chat/files/panel.js";
import { watchPlots } from "/chat/files/plots.js";
import { offerStarters } from "/chat/files/starters.js";
import { givenFiles, takeFiles } from "/chat/files/uploads.js";
import { showWeather } from "/chat/files/weather.js";
import { answeredBy, locale, number, say, watchLanguage } from "/chat/files/words.js";

const SOON_MS = 20; // after the last change
const LATE_MS = 400; // after the first one
const TOGETHER_MS = 100;
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
  const relist = together(() => listChats(chat.conversation, name));
  const introduceAgain = together(() => answerTo("/chat/tokens", { body: { conversation: chat.conversation } }).then(introduce, () => {}));
  const hear = (next) => (action) => isTooLong(action, store) ? undefined : heard(givenFiles(action), next, { relist, introduceAgain, panel, weather, column });
  const store = drawnTogether((middleware) => window.WebChat.createStore({}, middleware, () => hear));
  column.use(store);
  const directLine = window.WebChat.createDirectLine({ domain: `${location.origin}/v3/directline`, token: chat.token });
  sendThrough(directLine, chat);
  const render = () =>
    window.WebChat.renderWebChat(
      { ...look(), ...column.props, overrideLocalizedStrings: ownStrings, directLine, store, nonce, userID: "user", username: say("you"), locale },
      byId("chat"),
    );
  render();
  keepDraft(store, chat.conversation);
  watchLook(render);
  watchLanguage();
  watchPlots(byId("chat"));
  offerStarters(store, chat);
  takeFiles(store);
  listChats(chat.conversation, name);
  watchTheBot();
}

// Web Chat draws all messages anew at each change: a past of 250 messages took 20 seconds. What changes at once is drawn
// at once, but for what is typed: the box has to follow each key.
function drawnTogether(make) {
  const waiting = new Set();
  let isTyped = false;
  const store = make(() => (next) => (action) => {
    isTyped = /SEND_BOX|SEND_MESSAGE/.test(action.type);
    try {
      return next(action);
    } finally {
      isTyped = false;
    }
  });
  let soon, late;
  const draw = () => {
    clearTimeout(soon);
    clearTimeout(late);
    late = undefined;
    const listeners = [...waiting];
    waiting.clear();
    for (const listener of listeners) listener();
  };
  const subscribe = (listener) => {
    const leave = store.subscribe(() => {
      if (isTyped) return listener();
      waiting.add(listener);
      clearTimeout(soon);
      soon = setTimeout(draw, SOON_MS);
      late ??= setTimeout(draw, LATE_MS);
    });
    return () => {
      waiting.delete(listener);
      leave();
    };
  };
  return { ...store, subscribe };
}

// Once for all that is heard in a moment: a past of 250 messages is.
function together(act) {
  let waiting;
  return () => {
    clearTimeout(waiting);
    waiting = setTimeout(act, TOGETHER_MS);
  };
}

// What would be refused is not sent: the words stay in the box, where they can be shortened.
function isTooLong({ type }, store) {
  if (type !== "WEB_CHAT/SUBMIT_SEND_BOX") return false;
  const [length, limit] = [[...store.getState().sendBoxValue].length, Number(document.body.dataset.maxChars)];
  tell(length > limit ? say("is-too-long", { length: number(length), limit: number(limit) }) : "");
  return length > limit;
}

// What stands in the box is there again after a reload, such as the one for another language.
function keepDraft(store, conversation) {
  const place = `draft-${conversation}`;
  const text = sessionStorage.getItem(place);
  sessionStorage.removeItem(place);
  if (text) store.dispatch({ type: "WEB_CHAT/SET_SEND_BOX", payload: { text } });
  addEventListener("pagehide", () => {
    const left = store.getState().sendBoxValue;
    // A page that came back from the back-forward cache had left a draft, and may have sent it since.
    left ? sessionStorage.setItem(place, left) : sessionStorage.removeItem(place);
  });
}

// Web Chat's Dutch is more formal than the page. And how many attachments there are is said by their names (messages.js),
// and by what a plot shows; an empty string would bring the English one back.
const ownStrings = (strings) => ({
  ...Object.fromEntries(Object.entries(strings).map(([key, text]) => [key, key.startsWith("ACTIVITY_NUM_ATTACHMENTS_") ? " " : text])),
  TEXT_INPUT_PLACEHOLDER: say("type-here"),
});

// Web Chat takes 20 seconds to notice that nobody is there any more, and says so to nobody who looks.
function watchTheBot() {
  setInterval(async () => {
    const runs = await fetch("/healthz", { signal: AbortSignal.timeout(HEALTH_MS) }).then((answer) => answer.ok, () => false);
    if (byId("offline").hidden === runs) return;
    byId("offline").textContent = runs ? "" : say("offline");
    byId("offline").hidden = runs;
  }, HEALTH_MS);
}

// The page came with the usual assistant.
const usualOne = { name: byId("name").textContent, speaker: byId("speaker").textContent };

// Who answers here.
async function introduce({ assistant, assistants, usual, token }) {
  const chosen = assistants.find((one) => one.answers && !one.is_usual);
  let shown = usualOne;
  if (chosen) shown = { name: chosen.name, speaker: answeredBy(chosen.speaker) };
  else if (assistant !== usual && !assistants.some((one) => one.answers))
    shown = await answerTo(`/chat/api/assistants/${assistant}`, { token }).then(
      ({ name, model }) => ({ name: name ?? assistant, speaker: say("answered-by", { name: model }) }),
      () => ({ name: say("assistant-is-gone"), speaker: say("assistant-is-gone-hint", { id: assistant }) }));
  byId("name").textContent = shown.name;
  byId("speaker").textContent = shown.speaker;
  return shown.name;
}

function heard(action, next, { relist, introduceAgain, panel, weather, column }) {
  if (action.type === "DIRECT_LINE/CONNECT_FULFILLED") requestAnimationFrame(typeHere);
  if (action.type === "DIRECT_LINE/POST_ACTIVITY") {
    byId("starters").hidden = true; // they would cover what is said, and it may stay unsent for long
    return next(withId(action, next));
  }
  if (action.type !== "DIRECT_LINE/INCOMING_ACTIVITY") return next(action);
  const { activity } = action.payload;
  if (activity.name === "webchat/weather") return weather();
  if (activity.type !== "typing" || !activity.text) panel(); // a stream says nothing that the panel shows
  if (activity.type === "message") {
    byId("starters").hidden = true;
    if (activity.from.role === "user") {
      relist();
      next({ type: "WEB_CHAT/SET_SUGGESTED_ACTIONS", payload: { suggestedActions: [] } }); // those of an answer before it, after a reload
    }
    else if (column.isAnswerToCommand(activity)) introduceAgain();
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
    byId("trouble").textContent = say("not-opened", { reason: error.message.replace(/\.$/, "") });
    byId("trouble").hidden = false;
  });
