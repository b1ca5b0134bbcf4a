// Elements, and answers of the bot's own routes.
import { isSaid, say } from "/chat/files/words.js";

export const byId = (id) => document.getElementById(id);

export function el(tag, props = {}, ...children) {
  const { aria, ...rest } = props;
  const node = Object.assign(document.createElement(tag), rest);
  for (const [name, value] of Object.entries(aria ?? {})) node.setAttribute(`aria-${name}`, value);
  node.append(...children.filter((child) => child != null));
  return node;
}

// Draws what is in a list anew. Who is at one of its elements by keyboard stays there, or at the new one of the same id.
export function renew(list, children) {
  const held = list.contains(document.activeElement) ? document.activeElement : null;
  list.replaceChildren(...children);
  (held?.isConnected ? held : byId(held?.id))?.focus({ preventScroll: true });
}

// A text as it is, which scrolls and can be scrolled by keyboard.
export function block(text, label) {
  const pre = el("pre", { tabIndex: 0, textContent: text.trim(), aria: { label } });
  pre.setAttribute("role", "group");
  return pre;
}

// A path with its long ids cut, for reading; the title has all of it.
export const short = (path) => path.replace(/\b([a-z]+[_-][0-9a-z]{4})[0-9a-z]{6,}/gi, "$1…");

export async function answerTo(path, { token, method, body, signal } = {}) {
  const isJson = body && !(body instanceof FormData);
  const headers = { ...(token && { Authorization: `Bearer ${token}` }), ...(isJson && { "Content-Type": "application/json" }) };
  const response = await fetch(path, { method: method ?? (body ? "POST" : "GET"), headers, body: isJson ? JSON.stringify(body) : body, signal })
    .catch(() => { throw new Error(say("no-answer")); });
  const { ok, status } = response;
  const answer = status === 204 ? null : await response.json().catch(() => ({}));
  if (!ok) throw Object.assign(new Error(refusal(answer) ?? say("answered-with", { path, status })), { status });
  return answer;
}

// Why the server refused, in the language of the page where its code is known here.
export const refusal = ({ error }) => (error && isSaid(`error-${error.code}`) ? say(`error-${error.code}`) : error?.message);

const narrow = matchMedia("(max-width: 47.5em)");

// What lies under the drawer of chats, or under details that fill a narrow page, cannot be reached.
export function shieldCovered() {
  const { classList } = document.body;
  document.querySelector("main").inert = classList.contains("side-open") || (narrow.matches && classList.contains("panel-open"));
}
narrow.addEventListener("change", shieldCovered);

// A dialog of the page, open until it is closed; true when it was closed by its button of value "yes".
export function asked(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true }));
}
