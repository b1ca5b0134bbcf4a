// The panel: assistants and turns, looked at again whenever something happens in the chat.
import { answerTo, asked, block, byId, el, renew, shieldCovered, short } from "/chat/files/dom.js";
import { editAssistant } from "/chat/files/assistants.js";
import { turnList } from "/chat/files/turns.js";
import { say } from "/chat/files/words.js";

const SOON_MS = 200;
const LATER_MS = 5000; // after trouble
const USUAL_WIDTH = 380, MIN_WIDTH = 320, MIN_ROOM_LEFT = 272 + 420, STEP = 24; // pixels
const AGAIN_MS = 1000; // while a turn is being worked on

export function showPanel({ token, assistant }) {
  const api = (path) => answerTo(`/chat/api${path}`, { token });
  const turns = turnList({ token, api });
  let waiting;

  async function draw() {
    const [assistants, unfinished] = await Promise.all([hasThreads() ? api("/assistants?limit=100") : { data: [] }, turns.draw()]);
    const hereFirst = [...assistants.data].sort((one, other) => (other.id === assistant) - (one.id === assistant));
    renew(byId("assistants"), hereFirst.map((one) => assistantEntry(one, one.id === assistant, api, edited)));
    if (unfinished) refresh(AGAIN_MS);
  }

  async function edited(id, name) {
    tell("");
    const outcome = await editAssistant({ token, id, name });
    if (outcome && id === assistant) location.assign(outcome === "deleted" ? "/" : location.href); // its name stands everywhere
    refresh();
  }

  function refresh(inMs = SOON_MS) {
    if (byId("panel").hidden) return;
    clearTimeout(waiting);
    waiting = setTimeout(() => draw().catch((error) => { turns.tell(error.message); refresh(LATER_MS); }), inMs);
  }

  byId("new-assistant").addEventListener("click", () => made(token).catch((error) => tell(error.message)));
  openAndClose(refresh);
  resize();
  return () => refresh();
}

function assistantEntry(assistant, answers, api, edited) {
  const tools = assistant.tools.map((tool) => tool.function?.name ?? tool.type.replaceAll("_", " ")).join(", ");
  const name = assistant.name ?? assistant.id;
  const known = byId(assistant.id);
  const drawnFrom = JSON.stringify([assistant, answers]);
  if (known?.dataset.drawnFrom === drawnFrom) return known; // what is unfolded in it stays so
  const edit = el("button", { id: `edit-${assistant.id}`, className: "quiet", type: "button", textContent: say("edit"), aria: { label: say("edit-assistant", { name }) } });
  edit.addEventListener("click", () => edited(assistant.id, name).catch((error) => tell(error.message)));
  const entry = el("li", { id: assistant.id },
    el("div", { className: "who" },
      el("strong", { textContent: name }), answers ? el("span", { className: "tag", textContent: say("answers-here") }) : null, edit),
    el("p", { textContent: say("model-and-tools", { model: assistant.model, tools: tools || say("none") }) }),
    el("p", {}, el("a", { href: `/?assistant=${assistant.id}`, textContent: say("new-chat-with", { name }) })),
    readCall(`/assistants/${assistant.id}`, api),
  );
  entry.dataset.drawnFrom = drawnFrom;
  return entry;
}

function tell(words) {
  byId("assistants-trouble").textContent = words;
}

// Whether the assistant's service has assistants, threads and runs to read; the Responses API has none.
export const hasThreads = () => document.body.dataset.threads === "yes";

// A call that only reads, made by a click.
export function readCall(path, api) {
  const result = el("div", {});
  const button = el("button", { type: "button", className: "call", title: path }, el("b", { textContent: "GET" }), ` ${short(path)}`);
  button.addEventListener("click", async () => {
    const answer = await api(path).then((json) => JSON.stringify(json, null, 2), (error) => error.message);
    result.replaceChildren(block(answer, say("answer-to", { call: `GET ${path}` })));
  });
  return el("div", {}, button, result);
}

async function made(token) {
  tell("");
  if (!(await asked(byId("make"))) || !byId("make-name").value.trim()) return;
  const body = { name: byId("make-name").value, instructions: byId("make-instructions").value };
  const { id } = await answerTo("/chat/assistants", { token, body });
  location.assign(`/?assistant=${id}`);
}

function openAndClose(refresh) {
  const show = (shown) => {
    byId("panel").hidden = !shown;
    byId("hood").setAttribute("aria-expanded", String(shown));
    document.body.classList.toggle("panel-open", shown);
    shieldCovered();
    refresh();
  };
  const choose = (shown) => {
    localStorage.setItem("panel", shown ? "open" : "closed");
    show(shown);
    (shown ? byId("panel") : byId("hood")).focus();
  };
  byId("hood").hidden = false;
  byId("hood").addEventListener("click", () => choose(byId("panel").hidden));
  byId("close-panel").addEventListener("click", () => choose(false));
  byId("panel").addEventListener("keydown", (event) => event.key === "Escape" && choose(false));
  show(matchMedia("(min-width: 75em)").matches && localStorage.getItem("panel") === "open"); // over a narrow chat it opens on a click only
}

// The panel's left edge is drawn by pointer or arrow keys, and stays where it was left.
function resize() {
  const grip = byId("grip");
  const set = (wanted) => {
    const most = Math.max(MIN_WIDTH, innerWidth - MIN_ROOM_LEFT);
    const width = Math.round(Math.min(Math.max(wanted, MIN_WIDTH), most));
    document.body.style.setProperty("--panel", `${width}px`);
    for (const [name, value] of Object.entries({ valuenow: width, valuemin: MIN_WIDTH, valuemax: most })) grip.setAttribute(`aria-${name}`, value);
    return width;
  };
  let width = set(Number(localStorage.getItem("panel-width")) || USUAL_WIDTH);
  const keep = (wanted) => localStorage.setItem("panel-width", (width = set(wanted)));
  grip.addEventListener("pointerdown", ({ pointerId }) => grip.setPointerCapture(pointerId));
  grip.addEventListener("pointermove", ({ pointerId, clientX }) => grip.hasPointerCapture(pointerId) && keep(innerWidth - clientX));
  grip.addEventListener("keydown", ({ key }) => {
    const step = { ArrowLeft: STEP, ArrowRight: -STEP }[key];
    if (step) keep(width + step);
  });
  addEventListener("resize", () => set(width));
}
