// Simulated faults ("weather"): their switches in the panel, and a line above the chat while any of them is on.
import { answerTo, byId, el } from "/chat/files/dom.js";
import { clock, say, seconds } from "/chat/files/words.js";

const KINDS = ["slow-model", "model-429", "connector-502", "redelivery"];

const LOOK_EVERY_S = 5; // while it storms: the bot may be in another life, which knows of no storm
const BACK_WITHIN_S = 60;

export function showWeather(token, refreshPanel) {
  let ends = {}; // kind -> when, in milliseconds of this page
  let latest = 0;
  const post = (path, body) => answerTo(path, { token, body }).catch((error) => { byId("weather-trouble").textContent = error.message; });

  async function look() {
    const mine = ++latest;
    const { possible, left_s, notes, can_restart } = await answerTo("/chat/weather", { token });
    if (mine !== latest) return; // a later look has overtaken this one
    ends = Object.fromEntries(Object.entries(left_s).map(([kind, left]) => [kind, Date.now() + 1000 * left]));
    byId("kill").hidden = !can_restart;
    for (const item of byId("kinds").children) item.hidden = !possible.includes(item.firstChild.value);
    byId("weather-notes").replaceChildren(...notes.map(({ at_s, kind }) => el("li", {}, el("time", { textContent: clock(new Date(1000 * at_s)) }), ` ${say(`${kind}-note`)}`)));
    byId("weather-trouble").textContent = "";
    draw();
  }

  function draw() {
    const on = KINDS.filter((kind) => ends[kind] > Date.now());
    for (const button of byId("kinds").querySelectorAll("button")) button.setAttribute("aria-checked", String(on.includes(button.value)));
    const names = on.map((kind) => `${say(kind)}, ${seconds(Math.ceil((ends[kind] - Date.now()) / 1000))}`).join("; ");
    if (byId("storm").hidden !== !on.length) byId("storm-word").textContent = on.length ? say("bad-weather") : "";
    byId("storm").hidden = !on.length;
    byId("storm-names").textContent = names;
  }

  for (const kind of KINDS) {
    const button = el("button", { type: "button", value: kind, aria: { checked: "false", describedby: `about-${kind}` } }, say(kind));
    Object.assign(button.dataset, { on: say("on"), off: say("off") });
    button.setAttribute("role", "switch");
    button.addEventListener("click", () => post("/chat/weather", { kind, on: button.getAttribute("aria-checked") !== "true" }));
    byId("kinds").append(el("li", {}, button, el("p", { id: `about-${kind}`, textContent: say(`${kind}-about`) })));
  }
  byId("end-storm").addEventListener("click", () => Object.keys(ends).forEach((kind) => post("/chat/weather", { kind, on: false })));
  byId("kill").addEventListener("click", async () => {
    byId("kill").disabled = true;
    byId("weather-trouble").textContent = say("killed");
    await post("/chat/restart", {});
    for (let tries = 0; tries < 2 * BACK_WITHIN_S && byId("kill").disabled; tries++) {
      await new Promise((later) => setTimeout(later, 500));
      await look().then(() => { byId("kill").disabled = false; }, () => {});
    }
    refreshPanel();
  });
  let beats = 0;
  setInterval(() => {
    if (byId("storm").hidden) return;
    draw();
    if (++beats % LOOK_EVERY_S === 0) quietly();
  }, 1000);
  const quietly = () => look().catch(() => {}); // the bot is away, and will be asked again
  quietly();
  return quietly;
}
