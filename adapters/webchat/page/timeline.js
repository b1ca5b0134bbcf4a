// When what was done in a turn: the bot's own moments to the millisecond, the API's in whole seconds.
import { el } from "/chat/files/dom.js";

const ENDS = { answered: "Answered", stopped: "Stopped", deleted: "Deleted before its turn", rejected: "Not read: too many were waiting", welcomed: "Welcomed", undeliverable: "Could not be delivered", unknown: "Perhaps delivered: the chat service did not say", given_up: "Given up" };

export function timeLine(turn, runs) {
  const moments = [...momentsOfBot(turn), ...runs.flatMap(({ run, steps }) => momentsOfRun(run, steps, turn))];
  moments.sort((one, other) => one.at_s - other.at_s || one.order - other.order);
  const rows = moments.map(({ at_s, words, about }, nth) =>
    el("li", {},
      el("span", { className: "words", textContent: words }),
      el("span", { className: "took", textContent: nth ? took(at_s - moments[nth - 1].at_s, about) : "" }),
      el("span", { className: "at", textContent: nth ? `${(at_s - turn.accepted_at_s).toFixed(2)} s` : clock(at_s) }),
    ),
  );
  return el("ol", { className: "line", aria: { label: "Time line: what, how long, when" } }, ...rows);
}

const took = (time_s, about) => (about ? (time_s < 0.01 ? "" : `about ${time_s.toFixed(1)} s`) : `${time_s.toFixed(2)} s`);
const clock = (at_s) => new Date(at_s * 1000).toLocaleTimeString([], { hour12: false });

function momentsOfBot({ accepted_at_s, started_at_s, ended_at_s, steps, outcome, attempts }) {
  const known = [{ at_s: accepted_at_s, words: "Message received" }];
  if (started_at_s) known.push({ at_s: started_at_s, words: attempts > 1 ? `Resumed (${attempts - 1})` : "Started" });
  for (const { name, done_at_s } of steps) {
    const words = step(name);
    if (words) known.push({ at_s: done_at_s, words });
  }
  if (ended_at_s) known.push({ at_s: ended_at_s, words: ENDS[outcome] ?? "Failed" });
  return known.map((moment, order) => ({ ...moment, order: order < 2 ? order : order + 100 }));
}

function step(name) {
  const [kind, index] = name.split("/"); // kind/index/reference, as bot/codec.py writes them
  if (kind === "run") return index === "0" ? "Run queued" : "Second run queued";
  if (kind === "call") return "Function called";
  if (kind === "tools") return "Outputs of functions given";
  if (kind === "reply") return "Answer ready";
  if (kind === "file") return "File brought to the assistant";
  if (kind === "signal") return name.endsWith("/stop") ? "Stop requested" : undefined;
  if (kind === "part" || kind === "give_up") return `Part ${Number(index) + 1} sent`;
}

// The API tells whole seconds, cut off: each moment is put where the bot's own moments leave it room.
function momentsOfRun(run, steps, turn) {
  const second = run.metadata.turn.endsWith(" again");
  const started = turn.steps.find(({ name }) => name.startsWith(second ? "run/1/" : "run/0/"))?.done_at_s ?? turn.accepted_at_s;
  const ready = turn.steps.find(({ name }) => name === "reply/0")?.done_at_s ?? Infinity;
  const margin = Math.min(0.001, (ready - started) / 4); // a moment at the very time of the bot's would come before it
  const known = [];
  const at = (time_s, words) => time_s && known.push({ at_s: Math.min(Math.max(time_s + 0.5, started + margin), ready - margin), words, about: true });
  for (const { completed_at, step_details, type } of steps) {
    const code = (step_details.tool_calls ?? []).filter((call) => call.code_interpreter);
    const pictures = code.flatMap((call) => call.code_interpreter.outputs).filter((output) => output.type === "image");
    if (code.length) at(completed_at, "Code ran");
    if (pictures.length) at(completed_at, pictures.length === 1 ? "A plot was drawn" : `${pictures.length} plots were drawn`);
    if (type === "message_creation") at(completed_at, "Answer written");
  }
  at(run.failed_at, "Run failed");
  at(run.cancelled_at, "Run cancelled");
  return known.map((moment, order) => ({ ...moment, order: 50 + order }));
}
