// What is said reaches the bot once and in order, however long the bot is away: it is posted until it is taken, and the
// bot knows by the id of a message that it has it already.
import { answerTo, byId } from "/chat/files/dom.js";
import { say } from "/chat/files/words.js";

const AWAY_MS = 1000; // between two attempts while nobody answers
const LOOK_MS = 5000;
const REFUSED_MS = [1000, 2000, 4000, 8000, 15000]; // while the bot answers that it cannot take it just now
const ANSWER_MS = 60_000; // then the bot hangs, or the connection is gone without a word
const UPLOAD_MS = 600_000;
export const SEND_TIMEOUT_MS = 7 * 24 * 3600 * 1000; // Web Chat would give up after 20 seconds

// What Web Chat is about to post, with an id that stays when somebody presses Retry; Web Chat itself has a new one for each
// attempt, and would show the one that failed beside it.
export function withId(action, next) {
  const { activity } = action.payload;
  const { clientActivityID: failed } = activity.channelData ?? {};
  if (failed) {
    const activityID = `failed-${failed}`;
    next({ type: "DIRECT_LINE/INCOMING_ACTIVITY", payload: { activity: { ...activity, id: activityID } } }); // only what has an id can be deleted
    next({ type: "DIRECT_LINE/DELETE_ACTIVITY", payload: { activityID } });
  }
  const channelData = { messageId: crypto.randomUUID(), ...activity.channelData };
  return { ...action, payload: { ...action.payload, activity: { ...activity, channelData } } };
}

// Makes Web Chat post through here, and posts what a reload of this tab left behind.
export function sendThrough(directLine, { conversation, token }) {
  const place = `unsent-${conversation}`;
  const left = JSON.parse(sessionStorage.getItem(place) ?? "[]");
  const unsent = new Set();
  const keep = () => (unsent.size ? sessionStorage.setItem(place, JSON.stringify([...unsent])) : sessionStorage.removeItem(place));
  // Direct Line's client would look again after 3 to 23 seconds, and no more after half an hour.
  Object.assign(directLine, { timeout: LOOK_MS, retries: Infinity });
  directLine.services.random = () => -1 / 6; // it waits for 3 s + 12 s times this
  let last = Promise.resolve();
  const send = (activity) => {
    if (!activity.attachments?.length) unsent.add(activity); // files are in this page's memory only
    keep();
    tell("");
    const reading = read(activity); // now: while others wait to be sent, a file may be changed or deleted
    reading.catch(({ message }) => tell(message));
    const sent = last.then(async () => untilTaken(activity, { files: await reading, conversation, token })).finally(() => { unsent.delete(activity); keep(); });
    last = sent.catch(() => {}); // a message that is refused holds up no other
    return sent;
  };
  directLine.postActivity = (activity) => {
    const sent = send(activity);
    return { subscribe: ({ next, error }) => { sent.then(next, error); return { unsubscribe() {} }; } }; // as much of an Observable as Web Chat asks for
  };
  left.forEach(send);
}

export const tell = (words) => Object.assign(byId("trouble"), { textContent: words, hidden: !words });

async function read({ attachments = [] }) {
  return Promise.all(attachments.map(async ({ contentUrl, name }) => {
    try {
      const response = await fetch(contentUrl);
      return [new Blob([await response.arrayBuffer()], { type: response.headers.get("Content-Type") ?? "" }), name];
    } catch {
      throw new Error(say("file-is-unreadable", { name }));
    }
  }));
}

async function untilTaken(activity, chat) {
  for (let refusals = 0; ; ) {
    try {
      return (await post(activity, chat)).id;
    } catch (error) {
      if (error.status < 500) tell(error.message); // such as after DATA_DIR was emptied
      const pause = error.status ? REFUSED_MS[refusals++] : AWAY_MS;
      if (error.status < 500 || !pause) throw error;
      await new Promise((later) => setTimeout(later, pause));
    }
  }
}

async function post(activity, { files, conversation, token }) {
  const path = `/v3/directline/conversations/${conversation}`;
  const { attachments, ...words } = activity;
  if (!files.length) return answerTo(`${path}/activities`, { token, body: words, signal: AbortSignal.timeout(ANSWER_MS) });
  const form = new FormData();
  form.append("activity", new Blob([JSON.stringify(words)], { type: "application/vnd.microsoft.activity" }));
  for (const [content, name] of files) form.append("file", content, name);
  return answerTo(`${path}/upload`, { token, body: form, signal: AbortSignal.timeout(UPLOAD_MS) });
}
