// The panel: what the assistant did, in its API's own words, read again whenever something happens in the chat.
const MOST_RUNS = 20;
const ENDED = ["completed", "failed", "cancelled", "expired", "incomplete"];

const byId = (id) => document.getElementById(id);
const whole_s = (time) => Math.floor(Date.parse(time) / 1000); // the API counts whole seconds, so everything here does

function el(tag, props = {}, ...children) {
  const { aria, ...rest } = props;
  const node = Object.assign(document.createElement(tag), rest);
  for (const [name, value] of Object.entries(aria ?? {})) node.setAttribute(`aria-${name}`, value);
  node.append(...children.filter((child) => child != null));
  return node;
}

export function showPanel({ conversation, token }) {
  const turns = new Map(); // run id -> what it was drawn from, and the drawing
  const stepsOf = new Map(); // of runs that have ended
  let waiting;
  let latest = 0;

  async function read(path) {
    const response = await fetch(path, { headers: { Authorization: `Bearer ${token}` } });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error?.message ?? `${response.status}`);
    return answer;
  }
  const api = (path) => read(`/chat/api${path}`);

  async function steps(run) {
    if (stepsOf.has(run.id)) return stepsOf.get(run.id);
    const { data } = await api(`/threads/${run.thread_id}/runs/${run.id}/steps?order=asc&limit=100`);
    if (ENDED.includes(run.status)) stepsOf.set(run.id, data);
    return data;
  }

  async function draw() {
    const mine = ++latest;
    const { thread } = await read("/chat/thread");
    const [assistants, runs, said] = await Promise.all([
      api("/assistants?limit=20"),
      thread ? api(`/threads/${thread}/runs?order=desc&limit=${MOST_RUNS}`) : { data: [] },
      read(`/v3/directline/conversations/${conversation}/activities`),
    ]);
    const itsSteps = await Promise.all(runs.data.map(steps));
    if (mine !== latest) return; // a later look has overtaken this one
    const answering = runs.data[0]?.assistant_id ?? (assistants.data.length === 1 ? assistants.data[0].id : null);
    byId("assistants").replaceChildren(...assistants.data.map((one) => assistantEntry(one, one.id === answering, api)));
    const drawn = runs.data.map((run, nth) => turn(run, itsSteps[nth], said.activities, nth === 0));
    byId("turns").replaceChildren(...drawn);
    byId("no-turns").hidden = drawn.length > 0;
  }

  function turn(run, itsSteps, activities, isNewest) {
    const asked = activities.find((activity) => run.metadata?.turn?.endsWith(activity.id));
    const sent = activities.find((activity) => isAnswerTo(run, activity));
    const drawnFrom = JSON.stringify([run, itsSteps, sent?.id]);
    const before = turns.get(run.id);
    if (before?.drawnFrom === drawnFrom) return before.node;
    const node = turnEntry({ run, steps: itsSteps, asked, sent, api });
    node.open = before ? before.node.open : isNewest;
    turns.set(run.id, { drawnFrom, node });
    return node;
  }

  function refresh() {
    if (byId("panel").hidden) return;
    clearTimeout(waiting);
    waiting = setTimeout(
      () => draw().catch((error) => { byId("no-turns").hidden = false; byId("no-turns").textContent = error.message; }),
      200,
    );
  }

  openAndClose(refresh);
  return refresh;
}

function isAnswerTo(run, activity) {
  const isAnswer = activity.type === "message" && activity.from.role === "bot";
  return isAnswer && run.completed_at && whole_s(activity.timestamp) >= run.completed_at;
}

function assistantEntry(assistant, answers, api) {
  const tools = assistant.tools.map((tool) => tool.function?.name ?? tool.type.replaceAll("_", " ")).join(", ");
  return el("li", {},
    el("strong", { textContent: assistant.name ?? assistant.id }), answers ? el("span", { className: "tag", textContent: "answers here" }) : null,
    el("p", { textContent: `Model: ${assistant.model}. Tools: ${tools || "none"}.` }),
    call(`/assistants/${assistant.id}`, api),
  );
}

function turnEntry({ run, steps, asked, sent, api }) {
  const path = `/threads/${run.thread_id}`;
  return el("details", { className: "turn" },
    el("summary", {}, el("span", { textContent: asked?.text ?? run.id }), el("span", { className: `tag ${run.status}`, textContent: run.status.replaceAll("_", " ") })),
    timeLine({ run, steps, asked, sent }),
    run.last_error ? el("p", { className: "bad", textContent: run.last_error.message }) : null,
    ...steps.flatMap((step) => step.step_details.tool_calls ?? []).flatMap(toolCall),
    el("h4", { textContent: "API calls" }),
    ...[path, `${path}/runs/${run.id}`, `${path}/runs/${run.id}/steps?order=asc`, `${path}/messages?run_id=${run.id}`].map((each) => call(each, api)),
  );
}

function timeLine({ run, steps, asked, sent }) {
  const start_s = asked ? whole_s(asked.timestamp) : run.created_at;
  const moments = [];
  const at = (time_s, words) => time_s && moments.push([`+${Math.max(0, time_s - start_s)} s`, words]);
  if (asked) moments.push([new Date(asked.timestamp).toLocaleTimeString(), "Message received"]);
  at(run.created_at, "Run queued");
  at(run.started_at, "Run started");
  for (const step of steps) {
    const code = (step.step_details.tool_calls ?? []).filter((call) => call.code_interpreter);
    const pictures = code.flatMap((call) => call.code_interpreter.outputs).filter((output) => output.type === "image");
    if (code.length) at(step.completed_at, "Code ran");
    if (pictures.length) at(step.completed_at, pictures.length === 1 ? "A plot was drawn" : `${pictures.length} plots were drawn`);
    if (step.type === "message_creation") at(step.completed_at, "Answer written");
  }
  at(run.failed_at, "Run failed");
  at(run.cancelled_at, "Run cancelled");
  if (sent) at(whole_s(sent.timestamp), "Answer sent");
  return el("ol", { className: "line" }, ...moments.map(([when, words]) => el("li", {}, el("span", { textContent: when }), words)));
}

function toolCall(tool) {
  if (tool.function) return [el("h4", { textContent: `Function ${tool.function.name}` }), block(tool.function.arguments, "Arguments")];
  if (!tool.code_interpreter) return [];
  const printed = tool.code_interpreter.outputs.map((output) => output.logs).filter(Boolean).join("\n");
  return [
    el("h4", { textContent: "Code" }), block(tool.code_interpreter.input, "Code"),
    ...(printed ? [el("h4", { textContent: "Output" }), block(printed, "Output")] : []),
  ];
}

function block(text, label) {
  const pre = el("pre", { tabIndex: 0, textContent: text.trim(), aria: { label } });
  pre.setAttribute("role", "group");
  return pre;
}

function call(path, api) {
  const result = el("div", {});
  const button = el("button", { type: "button", className: "call" }, el("b", { textContent: "GET" }), ` ${path}`);
  button.addEventListener("click", async () => {
    const answer = await api(path).then((json) => JSON.stringify(json, null, 2), (error) => error.message);
    result.replaceChildren(block(answer, `Answer to GET ${path}`));
  });
  return el("div", {}, button, result);
}

function openAndClose(refresh) {
  const show = (shown) => {
    byId("panel").hidden = !shown;
    byId("hood").setAttribute("aria-expanded", String(shown));
    document.body.classList.toggle("panel-open", shown);
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
  show(innerWidth >= 1200 && localStorage.getItem("panel") !== "closed");
}
