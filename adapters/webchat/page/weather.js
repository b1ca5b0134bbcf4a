// Simulated faults ("weather"): their switches in the panel, and a line above the chat while any of them is on.
import { answerTo, byId, el } from "/chat/files/dom.js";

const KINDS = {
  "slow-model": ["Slow model", "Each exchange with the model takes 8 seconds longer."],
  "model-429": ["Model over its limit", "The model answers 429 and asks for a pause of 5 seconds."],
  "connector-502": ["Connector down", "Nothing reaches the chat: the connector answers 502."],
  redelivery: ["Messages come twice", "What you say is delivered again after 15 seconds, as Teams may do."],
};

const LOOK_EVERY_S = 5; // while it storms: the bot may be in another life, which knows of no storm
const BACK_WITHIN_S = 60;

export function showWeather(token, refreshPanel) {
  let ends = {}; // kind -> when, in milliseconds of this page
  const post = (path, body) => answerTo(path, { token, body }).catch((error) => { byId("weather-trouble").textContent = error.message; });

  async function look() {
    const { possible, left_s, notes, can_restart } = await answerTo("/chat/weather", { token });
    ends = Object.fromEntries(Object.entries(left_s).map(([kind, left]) => [kind, Date.now() + 1000 * left]));
    byId("kill").hidden = !can_restart;
    for (const item of byId("kinds").children) item.hidden = !possible.includes(item.firstChild.value);
    byId("weather-notes").replaceChildren(...notes.map(({ at_s, words }) => el("li", {}, el("time", { textContent: new Date(1000 * at_s).toLocaleTimeString() }), ` ${words}`)));
    byId("weather-trouble").textContent = "";
    draw();
  }

  function draw() {
    const on = Object.keys(KINDS).filter((kind) => ends[kind] > Date.now());
    for (const button of byId("kinds").querySelectorAll("button")) button.setAttribute("aria-checked", String(on.includes(button.value)));
    const names = on.map((kind) => `${KINDS[kind][0]}, ${Math.ceil((ends[kind] - Date.now()) / 1000)} s`).join("; ");
    if (byId("storm").hidden !== !on.length) byId("storm-word").textContent = on.length ? "Bad weather is on." : "";
    byId("storm").hidden = !on.length;
    byId("storm-names").textContent = names;
  }

  for (const [kind, [name, words]] of Object.entries(KINDS)) {
    const button = el("button", { type: "button", value: kind, aria: { checked: "false", describedby: `about-${kind}` } }, name);
    button.setAttribute("role", "switch");
    button.addEventListener("click", () => post("/chat/weather", { kind, on: button.getAttribute("aria-checked") !== "true" }));
    byId("kinds").append(el("li", {}, button, el("p", { id: `about-${kind}`, textContent: words })));
  }
  byId("end-storm").addEventListener("click", () => Object.keys(ends).forEach((kind) => post("/chat/weather", { kind, on: false })));
  byId("kill").addEventListener("click", async () => {
    byId("kill").disabled = true;
    byId("weather-trouble").textContent = "The bot was killed. It comes back in a moment.";
    await post("/chat/restart", {});
    for (let tries = 0; tries < 2 * BACK_WITHIN_S && byId("kill").disabled; tries++) {
      await new Promise((later) => setTimeout(later, 500));
      await look().then(() => { byId("kill").disabled = false; }, () => {});
    }
    refreshPanel();
  });
  let seconds = 0;
  setInterval(() => {
    if (byId("storm").hidden) return;
    draw();
    if (++seconds % LOOK_EVERY_S === 0) quietly();
  }, 1000);
  const quietly = () => look().catch(() => {}); // the bot is away, and will be asked again
  quietly();
  return quietly;
}
