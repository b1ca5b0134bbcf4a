// When what was done in a turn: the bot's own moments to the millisecond, the API's in whole seconds.
import { el } from "/chat/files/dom.js";
import { clock, isSaid, say, seconds } from "/chat/files/words.js";

export function timeLine(turn, runs) {
  const moments = [...momentsOfBot(turn), ...runs.flatMap(({ run, steps }) => momentsOfRun(run, steps, turn))];
  moments.sort((one, other) => one.at_s - other.at_s || one.order - other.order);
  const rows = moments.map(({ at_s, words, about }, nth) =>
    el("li", {},
      el("span", { className: "words", textContent: words }),
      el("span", { className: "took", textContent: nth ? took(at_s - moments[nth - 1].at_s, about) : "" }),
      el("span", { className: "at", textContent: nth ? seconds(at_s - turn.accepted_at_s, 2) : clock(new Date(at_s * 1000)) }),
    ),
  );
  return el("ol", { className: "line", aria: { label: say("time-line") } }, ...rows);
}

const took = (time_s, about) => (about ? (time_s < 0.01 ? "" : say("about", { time: seconds(time_s, 1) })) : seconds(time_s, 2));

function momentsOfBot({ accepted_at_s, started_at_s, ended_at_s, steps, outcome, attempts }) {
  const known = [{ at_s: accepted_at_s, words: say("received") }];
  if (started_at_s) known.push({ at_s: started_at_s, words: attempts > 1 ? say("resumed", { count: attempts - 1 }) : say("started") });
  for (const { name, done_at_s } of steps) {
    const words = step(name);
    if (words) known.push({ at_s: done_at_s, words });
  }
  if (ended_at_s) known.push({ at_s: ended_at_s, words: ending(outcome) });
  return known.map((moment, order) => ({ ...moment, order: order < 2 ? order : order + 100 }));
}

function ending(outcome) {
  const key = `end-${outcome?.replace("_", "-")}`;
  return say(isSaid(key) ? key : "end-failed");
}

function step(name) {
  const [kind, index] = name.split("/"); // kind/index/reference, as bot/codec.py writes them
  if (kind === "run") return say(index === "0" ? "run-queued" : "second-run-queued");
  if (kind === "call") return say("function-called");
  if (kind === "tools") return say("outputs-given");
  if (kind === "reply") return say("answer-ready");
  if (kind === "file") return say("file-brought");
  if (kind === "signal") return name.endsWith("/stop") ? say("stop-requested") : undefined;
  if (kind === "part" || kind === "give_up") return say("part-sent", { number: Number(index) + 1 });
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
    if (code.length) at(completed_at, say("code-ran"));
    if (pictures.length) at(completed_at, say("plots-drawn", { count: pictures.length }));
    if (type === "message_creation") at(completed_at, say("answer-written"));
  }
  at(run.failed_at, say("run-failed"));
  at(run.cancelled_at, say("run-cancelled"));
  return known.map((moment, order) => ({ ...moment, order: 50 + order }));
}
