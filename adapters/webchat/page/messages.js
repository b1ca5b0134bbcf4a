// The message column: the step that is being worked on, what can be done with an answer, code and tables.
import { answerTo, byId, el } from "/chat/files/dom.js";
import { hasThreads } from "/chat/files/panel.js";
import { codeOfTurn } from "/chat/files/turns.js";
import { locale, say } from "/chat/files/words.js";

const SILENT_MS = 7000; // the bot shows a sign of work at least every three seconds
const SOON_MS = 1000;
const AI_GENERATED = "AIGeneratedContent";
const ICONS = {
  copy: '<path d="M7 7h9v9H7z M4 13V4h9"/>',
  again: '<path d="M15.5 7A6 6 0 1 0 16 11 M16 3.5V7.5H12"/>',
  like: '<path d="M3.5 9H6v7H3.5z M6 9l3-6c1.4 0 2 1 2 2.2L10.600 8H15c1 0 1.700 .9 1.500 1.800l-1 4.700c-.2 .9-.9 1.500-1.800 1.500H6"/>',
  dislike: '<path d="M3.500 11H6V4H3.500z M6 11l3 6c1.400 0 2-1 2-2.200L10.600 12H15c1 0 1.700-.9 1.500-1.800l-1-4.700C15.300 4.600 14.600 4 13.700 4H6"/>',
};

let column; // the one there is: { token, api, store, colours }

// What Web Chat is given for its messages, and what hears of each activity before it is shown.
export async function messageColumn({ token }) {
  const colours = await import("/chat/highlight.js").then((module) => module.default, () => null);
  column = { token, api: (path) => answerTo(`/chat/api${path}`, { token }), colours };
  return {
    props: { activityMiddleware: withTools, typingIndicatorMiddleware: withStep, renderMarkdown: rendered },
    heard: (activity) => {
      noteWork(activity);
      dropLeftOver(activity);
      return activity.type === "message" ? heardRightly(unfolded(withoutCode(activity))) : activity;
    },
    use: (store) => { column.store = store; },
    // Such as /assistant, which changes who answers.
    isAnswerToCommand: ({ replyToId }) => activities().some(({ id, from, text }) => id === replyToId && from.role === "user" && text?.startsWith("/")),
  };
}

// A React element as compilers write it ("inline elements"): Web Chat's bundle does not hand out createElement.
const node = (type, props, ...children) => ({ $$typeof: Symbol.for("react.element"), type, key: null, ref: null, props: { ...props, children }, _owner: null });

const withTools = () => (next) => (request, ...more) => {
  const { activity } = request;
  const render = next(request, ...more);
  if (!render || activity.from.role !== "bot") return render;
  const { rated } = activity.channelData ?? {};
  // The same shape while an answer grows and when it is whole: Web Chat keeps the bubble.
  return (...how) => node("div", { className: "said" }, render(...how), node("message-tools", { activity: activity.id, growing: activity.type === "typing" ? "yes" : undefined, rated }));
};

const withStep = () => (next) => (how) => node("div", { className: "at-work" }, next(how), node("work-step", {}));

// ---- While it works

const work = { step: "", seconds: "", until: 0, stopping: false };

function noteWork({ type, name, from, channelData }) {
  if (from.role !== "bot") return;
  const isSign = type === "typing";
  if (!isSign && type !== "message" && name !== "webchat/deleted") return;
  const [, step, seconds] = /^(.*?)(, \d+ s)?$/.exec(channelData?.status ?? "");
  if (!isSign) Object.assign(work, { step: "", seconds: "", until: 0, stopping: false });
  else Object.assign(work, { step: step || work.step || say("working"), seconds: seconds ?? work.seconds, until: Date.now() + SILENT_MS });
  drawWork();
  clearTimeout(work.timer);
  if (isSign) work.timer = setTimeout(drawWork, SILENT_MS + 1);
}

function drawWork() {
  const here = document.querySelector("work-step");
  if (!here) return;
  const works = work.until > Date.now();
  const hadFocus = here.contains(document.activeElement);
  here.hidden = !works;
  if (here.step.textContent !== work.step) here.step.textContent = work.step;
  here.seconds.textContent = work.seconds;
  here.stop.textContent = say(work.stopping ? "stopping" : "stop");
  if (hadFocus && !works) document.querySelector("[data-id=webchat-sendbox-input]")?.focus();
}

customElements.define("work-step", class extends HTMLElement {
  connectedCallback() {
    this.step = el("span", {});
    this.step.setAttribute("role", "status");
    this.seconds = el("span", { className: "seconds", aria: { hidden: "true" } }); // heard every second, they would drown all else
    this.stop = el("button", { type: "button", className: "stop" });
    this.stop.addEventListener("click", () => {
      if (work.stopping) return;
      work.stopping = true;
      drawWork();
      answerTo("/chat/stop", { token: column.token, body: { locale } }).catch(() => { work.stopping = false; drawWork(); });
    });
    this.replaceChildren(el("span", { className: "words" }, this.step, this.seconds), this.stop);
    drawWork();
  }
});

// ---- What can be done with an answer

const activities = () => column.store.getState().activities;

// A bot that was killed in mid-stream may not know what it had begun to show: its answer takes the place of that all the same.
function dropLeftOver({ id, type, from, replyToId }) {
  if (type !== "message" || from.role !== "bot" || !replyToId) return;
  for (const other of activities())
    if (other.type === "typing" && other.text && other.replyToId === replyToId && other.id !== id)
      column.store.dispatch({ type: "DIRECT_LINE/DELETE_ACTIVITY", payload: { activityID: other.id } });
}

// All parts of the answer that this message belongs to, in order.
function partsOf(id) {
  const one = activities().find((activity) => activity.id === id);
  if (!one?.replyToId) return one ? [one] : [];
  return activities().filter(({ from, type, replyToId }) => from.role === "bot" && type === "message" && replyToId === one.replyToId);
}

const cardsOf = ({ attachments = [] }) => attachments.map(({ content }) => content).filter((content) => content?.type === "AdaptiveCard");

function markdownOf(parts) {
  const pictures = (part) => cardsOf(part).flatMap(({ body }) => body).filter(({ type }) => type === "Image").map(({ altText, url }) => `![${altText}](${url})`);
  const links = (part) => cardsOf(part).flatMap(({ body }) => body).filter(({ type, text }) => type === "TextBlock" && !part.text && text).map(({ text }) => text);
  return parts.flatMap((part) => [part.text, ...pictures(part), ...links(part)]).filter(Boolean).join("\n\n");
}

// The code of a card is shown with the tools of its answer, where it has colours and can be copied.
function withoutCode(activity) {
  let code;
  const attachments = activity.attachments?.map((attachment) => {
    const hidden = attachment.content?.body?.find?.(({ id, type }) => id === "code" && type === "Container");
    if (!hidden) return attachment;
    code = hidden.items.map((item) => (item.type === "CodeBlock" ? { code: item.codeSnippet, language: item.language.toLowerCase() } : { words: item.text.replaceAll("\\", "") }));
    const isShown = (action) => !action.targetElements?.includes("code");
    const content = { ...attachment.content, body: attachment.content.body.filter((item) => item !== hidden), actions: attachment.content.actions?.filter(isShown) };
    return { ...attachment, content };
  });
  return code ? { ...activity, attachments, channelData: { ...activity.channelData, code } } : activity;
}

// What else a card shows on request is a card within it: Web Chat calls the other kind of button an unknown action.
function unfolded(activity) {
  const attachments = activity.attachments?.map((attachment) => {
    const { body, actions } = attachment.content ?? {};
    if (!actions?.some(({ type }) => type === "Action.ToggleVisibility")) return attachment;
    const targets = new Set();
    const asCards = actions.map((action) => {
      const part = action.type === "Action.ToggleVisibility" && body.find(({ id }) => action.targetElements.includes(id));
      if (!part) return action;
      targets.add(part);
      return { type: "Action.ShowCard", title: action.title, card: { type: "AdaptiveCard", body: part.items } };
    });
    return { ...attachment, content: { ...attachment.content, body: body.filter((item) => !targets.has(item)), actions: asCards } };
  });
  return attachments ? { ...activity, attachments } : activity;
}

// Code that came with a card is in pieces already; that of a text, or of the API, is a cell with what it printed.
function shownCell(cell) {
  if (cell.language !== undefined || cell.words !== undefined) return cell;
  return [{ code: cell.code, language: "python" }, ...(cell.output?.trim() ? [{ words: say("output") }, { code: cell.output.trim(), language: "" }] : [])];
}

// Web Chat has screen readers say how many attachments there are, after whatever else is said: their names say more.
function heardRightly(activity) {
  const names = (activity.attachments ?? []).map(({ name }) => name).filter(Boolean).join(", ");
  if (!names || activity.from.role === "bot") return activity;
  const heard = [activity.text, names].filter(Boolean).join(" ");
  return { ...activity, channelData: { ...activity.channelData, "webchat:fallback-text": heard } };
}

let turnsByMessage; // of one look at the turns

async function turnOf(message, looks = 4) {
  turnsByMessage ??= answerTo("/chat/turns", { token: column.token }).then((turns) => new Map(turns.map((turn) => [turn.message, turn])));
  const looked = turnsByMessage;
  const turn = (await looked).get(message);
  if (turn?.ended_at_s || looks === 1) return turn;
  await new Promise((soon) => setTimeout(soon, SOON_MS)); // the answer is here a moment before its turn has ended
  if (turnsByMessage === looked) turnsByMessage = undefined;
  return turnOf(message, looks - 1);
}

let isArranged = true;

// The tools are at the last part of an answer.
function arrange() {
  if (!isArranged) return;
  isArranged = false;
  requestAnimationFrame(() => {
    isArranged = true;
    const all = [...document.querySelectorAll("message-tools")];
    all.forEach((tools, nth) => tools.settle({ isLatest: nth === all.length - 1 }));
  });
}

customElements.define("message-tools", class extends HTMLElement {
  static observedAttributes = ["activity", "growing", "rated"];

  connectedCallback() {
    arrange();
  }

  disconnectedCallback() {
    arrange();
  }

  attributeChangedCallback() {
    arrange();
  }

  settle({ isLatest }) {
    const parts = partsOf(this.getAttribute("activity"));
    const last = parts.at(-1);
    this.parts = parts;
    this.hidden = this.hasAttribute("growing") || !last || last.id !== this.getAttribute("activity");
    this.classList.toggle("latest", isLatest);
    if (this.hidden) return;
    if (!this.copy) this.build();
    const question = this.question();
    const rated = parts.map(({ channelData }) => channelData?.rated).find(Boolean);
    this.copy.hidden = !markdownOf(parts);
    this.again.hidden = !question;
    for (const [reaction, button] of Object.entries(this.thumbs)) {
      button.hidden = !this.opinionOn();
      button.setAttribute("aria-pressed", String(rated === reaction));
    }
    this.label.hidden = !parts.some(({ entities }) => entities?.some(({ additionalType }) => additionalType?.includes?.(AI_GENERATED)));
    this.findCode();
  }

  build() {
    this.copy = tool(say("copy"), "copy", () => this.copyAll());
    this.code = el("button", { type: "button", className: "word", textContent: say("show-code"), hidden: true, aria: { expanded: "false" } });
    this.code.addEventListener("click", () => this.toggleCode());
    this.again = tool(say("ask-again"), "again", () => this.askAgain());
    this.thumbs = { like: tool(say("good-answer"), "like", () => this.rate("like")), dislike: tool(say("bad-answer"), "dislike", () => this.rate("dislike")) };
    this.label = el("span", { className: "label", textContent: say("ai-generated"), hidden: true });
    this.told = el("span", { className: "told" });
    this.told.setAttribute("role", "status");
    const bar = el("div", { className: "bar", aria: { label: say("answer") } }, this.copy, this.code, this.again, this.thumbs.like, this.thumbs.dislike, this.told, this.label);
    bar.setAttribute("role", "group");
    this.ran = el("div", { className: "ran", hidden: true });
    this.opinion = this.opinionForm();
    this.replaceChildren(bar, this.ran, this.opinion);
  }

  question() {
    const asked = activities().find(({ id, from }) => from.role === "user" && id === this.parts[0].replyToId);
    return asked?.text?.startsWith("/") ? undefined : asked?.text;
  }

  opinionOn = () => this.parts.find(({ channelData }) => channelData?.feedbackLoop);

  tell(words) {
    this.told.textContent = words;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { this.told.textContent = ""; }, 4000);
  }

  copyAll() {
    navigator.clipboard.writeText(markdownOf(this.parts)).then(() => this.tell(say("copied")), () => this.tell(say("not-copied")));
  }

  askAgain() {
    column.store.dispatch({ type: "WEB_CHAT/SEND_MESSAGE", payload: { text: this.question() } });
    document.querySelector("[data-id=webchat-sendbox-input]")?.focus();
  }

  async rate(reaction, comment = "") {
    try {
      await answerTo("/chat/feedback", { token: column.token, body: { activity: this.opinionOn().id, reaction, comment } });
    } catch (error) {
      return this.tell(error.message);
    }
    this.reaction = reaction;
    for (const [name, button] of Object.entries(this.thumbs)) button.setAttribute("aria-pressed", String(name === reaction));
    this.opinion.hidden = Boolean(comment);
    this.opinion.querySelector("label").textContent = say(reaction === "like" ? "what-was-good" : "what-was-wrong");
    if (comment) this.tell(say("thank-you"));
    else this.opinion.querySelector("textarea").focus();
  }

  opinionForm() {
    const id = `opinion-${this.getAttribute("activity")}`;
    const words = el("textarea", { id, rows: 2, maxLength: 4000 });
    const leave = el("button", { type: "button", textContent: say("no-comment") });
    const form = el("form", { className: "opinion", hidden: true }, el("label", { htmlFor: id }), words,
      el("div", { className: "choice" }, el("button", { type: "submit", textContent: say("send") }), leave));
    const close = () => { form.hidden = true; this.thumbs[this.reaction].focus(); };
    leave.addEventListener("click", close);
    form.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (words.value.trim()) this.rate(this.reaction, words.value.trim()).then(() => this.thumbs[this.reaction].focus());
      else close();
    });
    return form;
  }

  async findCode() {
    const brought = this.parts.flatMap(({ channelData }) => channelData?.code ?? []).flatMap(shownCell);
    if (brought.length) {
      this.cells = () => brought;
      this.code.hidden = false;
    } else if (!this.cells && hasThreads() && this.question()) {
      this.cells = () => []; // looked for once
      const turn = await turnOf(this.parts[0].replyToId).catch(() => undefined);
      if (!turn?.usage?.code_runs) return;
      this.cells = async () => (await codeOfTurn(turn, column.api)).flatMap(shownCell);
      this.code.hidden = false;
    }
  }

  async toggleCode() {
    const shows = this.ran.hidden;
    if (shows) {
      const cells = await Promise.resolve(this.cells()).catch((error) => [{ words: error.message }]);
      this.ran.replaceChildren(...cells.map(({ words, code, language }) => (words ? el("p", { textContent: words }) : codeBlock(code, language))));
      if (!cells.length) this.ran.replaceChildren(el("p", { textContent: say("code-is-gone") }));
    }
    this.ran.hidden = !shows;
    this.code.setAttribute("aria-expanded", String(shows));
    this.code.textContent = say(shows ? "hide-code" : "show-code");
    if (shows) this.ran.scrollIntoView({ block: "nearest" });
  }
});

function tool(title, icon, act) {
  const button = el("button", { type: "button", title, innerHTML: `<svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">${ICONS[icon]}</svg>`, aria: { label: title } });
  button.addEventListener("click", act);
  return button;
}

// ---- Code and tables

// Web Chat's own Markdown, made safe by it; then code gets colours and a button, tables room to scroll.
function rendered(markdown, options, more) {
  const page = new DOMParser().parseFromString(window.WebChat.renderMarkdown(markdown, options, more), "text/html");
  const blocks = [...page.querySelectorAll("pre")];
  const languages = languagesIn(markdown); // Web Chat leaves them out
  blocks.forEach((pre, nth) => pre.replaceWith(codeBlock(pre.textContent, languages.length === blocks.length ? languages[nth] : "")));
  for (const place of page.querySelectorAll("ul, ol, blockquote, table")) place.dir = "auto";
  for (const table of page.querySelectorAll("table")) {
    for (const head of table.querySelectorAll("th")) head.setAttribute("scope", "col");
    alignNumbers(table);
    const room = el("div", { className: "table", tabIndex: 0, aria: { label: say("table") } });
    room.setAttribute("role", "region");
    table.replaceWith(room);
    room.append(table);
  }
  return page.body.innerHTML;
}

// Web Chat drops how a table is aligned: columns of numbers stand right all the same.
function alignNumbers(table) {
  const rows = [...table.rows];
  for (let column = 0; column < rows[0]?.cells.length; column++) {
    const cells = rows.map((row) => row.cells[column]).filter(Boolean);
    const isNumber = ({ textContent }) => /^[-+−]?[\p{Sc}\d][\d.,\s\u202f\p{Sc}%]*$/u.test(textContent.trim());
    if (cells.length > 1 && cells.slice(1).every(isNumber)) for (const cell of cells) cell.classList.add("number");
  }
}

function codeBlock(text, language) {
  const shown = text.replace(/\n$/, "");
  const code = el("code", { textContent: shown });
  if (column.colours?.getLanguage(language)) code.innerHTML = column.colours.highlight(shown, { language, ignoreIllegals: true }).value;
  const pre = el("pre", { tabIndex: 0, aria: { label: say("code") } }, code);
  pre.setAttribute("role", "region");
  // No words in the button: Web Chat would have screen readers say them in the middle of the answer.
  const copy = el("button", { type: "button", className: "copy-code", title: say("copy-code"), innerHTML: `<svg viewBox="0 0 20 20" width="16" height="16" aria-hidden="true">${ICONS.copy}</svg>`, aria: { label: say("copy-code") } });
  return el("div", { className: "code-block" }, pre, copy);
}

// The language of each fenced block, empty where none is named.
function languagesIn(markdown) {
  const languages = [];
  let fence;
  for (const line of markdown.split(/\r?\n/)) {
    const [, ticks, info] = /^[\s>]*(?:(?:[-*+]|\d{1,9}[.)])\s+)*(`{3,}|~{3,})([^`]*)$/.exec(line) ?? [];
    if (!ticks) continue;
    if (!fence) languages.push(info.trim().split(/\s/)[0].toLowerCase());
    if (!fence) fence = ticks;
    else if (ticks[0] === fence[0] && ticks.length >= fence.length && !info.trim()) fence = undefined;
  }
  return languages;
}

byId("chat").addEventListener("click", (event) => {
  const button = event.target.closest(".copy-code");
  if (!button) return;
  navigator.clipboard.writeText(button.parentNode.querySelector("code").textContent).then(() => {
    button.classList.add("copied");
    button.setAttribute("aria-label", say("copied"));
    setTimeout(() => { button.classList.remove("copied"); button.setAttribute("aria-label", say("copy-code")); }, 2000);
  }, () => {});
});
