// The turns of the chat, newest first. Each is looked into when it is unfolded: many turns cost little.
import { answerTo, block, byId, el, renew, short } from "/chat/files/dom.js";
import { hasThreads, readCall } from "/chat/files/panel.js";
import { timeLine } from "/chat/files/timeline.js";
import { isSaid, number, say, seconds } from "/chat/files/words.js";

const ENDED = ["completed", "failed", "cancelled", "expired", "incomplete"];

export function turnList({ token, api }) {
  const drawings = new Map(); // number of a turn -> its drawing
  const endedRuns = new Map(); // name of a turn -> its runs with their steps
  let looks = 0;
  let asked = 0;
  let drawnAs = 0;

  async function draw() {
    const mine = ++asked;
    const turns = await answerTo("/chat/turns", { token });
    if (mine < drawnAs) return false; // a later list has overtaken this one, and knows more turns
    drawnAs = mine;
    const drawn = turns.map((turn, nth) => drawing(turn, nth === 0));
    for (const node of byId("turns").children) if (!drawn.includes(node)) node.remove();
    drawn.forEach((node, nth) => byId("turns").children[nth] === node || byId("turns").insertBefore(node, byId("turns").children[nth] ?? null));
    byId("no-turns").hidden = drawn.length > 0;
    return turns.some((turn) => !turn.ended_at_s);
  }

  function drawing(turn, isNewest) {
    const node = drawings.get(turn.number) ?? el("details", { className: "turn" }, el("summary"), el("div"));
    const drawnFrom = JSON.stringify(turn);
    if (node.dataset.drawnFrom === drawnFrom && turn.ended_at_s) return node;
    if (!drawings.has(turn.number)) {
      drawings.set(turn.number, node);
      node.open = isNewest;
      node.addEventListener("toggle", () => unfold(node, turn.number));
    } else unfold(node, turn.number);
    if (isNewest) for (const other of drawings.values()) if (other !== node && !other.dataset.touched) other.open = false;
    node.dataset.drawnFrom = drawnFrom;
    node.firstChild.replaceChildren(el("span", { textContent: turn.text || turn.code }), el("span", { className: "tag", textContent: state(turn) }));
    node.firstChild.onclick = () => (node.dataset.touched = "yes");
    return node;
  }

  async function unfold(node, which) {
    if (!node.open) return;
    const mine = ++looks;
    const turn = await answerTo(`/chat/turns/${which}`, { token });
    const runs = await knownRuns(turn);
    if (mine < node.dataset.look) return; // a later look has overtaken this one
    node.dataset.look = mine;
    const shown = JSON.stringify([turn, runs]);
    if (node.dataset.shown === shown) return; // what is unfolded in it stays so
    node.dataset.shown = shown;
    const unfolded = [...node.querySelectorAll(".exchange[open]")].map((one) => one.dataset.call);
    renew(node.lastChild, inside(turn, runs, api));
    for (const one of node.querySelectorAll(".exchange")) one.open = unfolded.includes(one.dataset.call);
  }

  async function knownRuns(turn) {
    if (!hasThreads()) return [];
    if (endedRuns.has(turn.name)) return endedRuns.get(turn.name);
    const runs = await runsOf(turn, api);
    if (turn.ended_at_s && runs.every(({ run }) => ENDED.includes(run.status))) endedRuns.set(turn.name, runs);
    return runs;
  }

  function tell(words) {
    byId("no-turns").hidden = false;
    byId("no-turns").textContent = words;
  }

  return { draw, tell };
}

async function runsOf(turn, api) {
  const lists = await Promise.all(turn.threads.map((thread) => api(`/threads/${thread}/runs?order=desc&limit=100`)));
  const own = lists.flatMap((list) => list.data).filter((run) => [turn.name, `${turn.name} again`].includes(run.metadata?.turn));
  const stepsOf = async (run) => (await api(`/threads/${run.thread_id}/runs/${run.id}/steps?order=asc&limit=100`)).data;
  return Promise.all(own.reverse().map(async (run) => ({ run, steps: await stepsOf(run) })));
}

// What ran for the answer, with what it printed.
export async function codeOfTurn(turn, api) {
  const steps = (await runsOf(turn, api)).flatMap((one) => one.steps);
  const calls = steps.flatMap((step) => step.step_details.tool_calls ?? []).filter((tool) => tool.code_interpreter);
  return calls.map(({ code_interpreter: { input, outputs } }) => ({ code: input, output: outputs.map(({ logs }) => logs).filter(Boolean).join("\n") }));
}

function state({ outcome, attempts, accepted_at_s, ended_at_s }) {
  if (!ended_at_s) return say(attempts ? "state-working" : "state-waiting");
  const word = (outcome ?? "done").split(":")[0];
  const key = `outcome-${word.replace("_", "-")}`;
  return `${isSaid(key) ? say(key) : word}, ${seconds(ended_at_s - accepted_at_s, 1)}`;
}

function inside(turn, runs, api) {
  return [
    timeLine(turn, runs),
    ...(turn.usage ? [el("p", { textContent: used(turn.usage) })] : []),
    ...runs.flatMap(({ run, steps }) => [
      run.last_error ? el("p", { className: "bad", textContent: run.last_error.message }) : null,
      ...steps.flatMap((step) => step.step_details.tool_calls ?? []).flatMap(toolCall),
    ]).filter(Boolean),
    el("h4", { textContent: say("api-calls") }),
    ...(turn.calls.length ? turn.calls.map((call) => recorded(turn.number, call, api)) : [el("p", { textContent: none(turn) })]),
    ...(runs.length ? [el("h4", { textContent: say("read-now") })] : []),
    ...runs.flatMap(({ run }) => further(run)).map((path) => readCall(path, api)),
    el("p", { className: "code" }, `${say("turn", { code: turn.code })} `, el("code", { textContent: `teamsbot explain ${turn.code}` })),
  ];
}

const used = ({ input_tokens, cached_tokens, output_tokens, reasoning_tokens, code_runs }) =>
  `${say("tokens-used", { in: input_tokens, cached: cached_tokens, out: output_tokens, reasoning: reasoning_tokens })} ${say("code-runs", { count: code_runs })}`;

const none = (turn) => say(turn.threads.length ? "calls-are-forgotten" : "answered-by-bot");

function further({ id, thread_id }) {
  const path = `/threads/${thread_id}`;
  return [path, `${path}/runs/${id}`, `${path}/runs/${id}/steps?order=asc`, `${path}/messages?run_id=${id}`];
}

function toolCall(tool) {
  if (tool.function) return [el("h4", { textContent: say("function", { name: tool.function.name }) }), block(tool.function.arguments, say("arguments"))];
  if (!tool.code_interpreter) return [];
  const printed = tool.code_interpreter.outputs.map((output) => output.logs).filter(Boolean).join("\n");
  return [
    el("h4", { textContent: say("code") }), block(tool.code_interpreter.input, say("code")),
    ...(printed ? [el("h4", { textContent: say("output-title") }), block(printed, say("output-title"))] : []),
  ];
}

function recorded(turn, { method, path, asked, status, answered, took_s, times }, api) {
  const facts = [status ?? say("no-status"), `${number(took_s * 1000)} ms`, times > 1 ? say("times", { count: times }) : null].filter(Boolean).join(", ");
  const readable = hasThreads() && method === "GET" && !path.startsWith("/files");
  const node = el("details", { className: "exchange" },
    el("summary", { id: `turn-${turn}-${method}-${path}` }, el("span", { title: path }, el("b", { textContent: method }), ` ${short(path)}`), el("span", { className: "facts", textContent: facts })));
  node.dataset.call = `${method} ${path}`;
  node.addEventListener("toggle", () => { // the JSON is drawn when it is wanted
    if (!node.open || node.childElementCount > 1) return;
    if (asked) node.append(el("h5", { textContent: say("request") }), block(pretty(asked), say("request-of", { call: `${method} ${path}` })));
    node.append(el("h5", { textContent: say(times > 1 ? "last-answer" : "answer") }), block(pretty(answered ?? say("nothing")), say("answer-to", { call: `${method} ${path}` })));
    if (readable) node.append(el("h5", { textContent: say("again") }), readCall(path, api));
  });
  return node;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
