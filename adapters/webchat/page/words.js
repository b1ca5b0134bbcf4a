// What the page says: the sentences of words.<language>.json, which came with the page; numbers and dates of that language.
const words = JSON.parse(document.getElementById("words").textContent);
const language = document.documentElement.lang;
const REGIONS = { en: "en-US", de: "de-DE", nl: "nl-NL" };

// As the browser has it, such as de-AT, where that is the language of the page.
export const locale = navigator.languages.find((each) => each.split("-")[0] === language && isTag(each)) ?? REGIONS[language];

// Browsers pass on what the system calls its language, "en-US@posix" too.
function isTag(text) {
  try {
    return Intl.getCanonicalLocales(text).length > 0;
  } catch {
    return false;
  }
}

const plurals = new Intl.PluralRules(locale);

// A sentence, or its form for `count`, with each {gap} filled.
export function say(key, gaps = {}) {
  const sentence = words[key] ?? words[`${key}-${plurals.select(gaps.count)}`];
  return sentence.replace(/\{(\w+)\}/g, (_, name) => (typeof gaps[name] === "number" ? number(gaps[name]) : gaps[name]));
}

export const isSaid = (key) => key in words;

export const number = (value, decimals = 0) =>
  value.toLocaleString(locale, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
export const seconds = (value, decimals = 0) => `${number(value, decimals)} s`;

export const clock = (date) => date.toLocaleTimeString(locale, { timeStyle: "medium" });

// Who answers, by what it is: the built-in tutor, a model, an assistant or an agent somewhere.
export function answeredBy({ kind, name, address }) {
  return say(kind && (address || kind === "tutor") ? `answered-by-${kind}` : "answered-by", { name, address });
}

// A choice is remembered in a cookie, because the page is written in its language before any script runs.
const COOKIE = "teamsbot-language";

export function watchLanguage() {
  for (const choice of document.querySelectorAll("#languages input"))
    choice.addEventListener("change", () => {
      const lasts_s = choice.value ? 365 * 24 * 3600 : 0;
      document.cookie = `${COOKIE}=${choice.value}; path=/; max-age=${lasts_s}; samesite=strict`;
      location.reload();
    });
}
