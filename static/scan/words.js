// The sentences of the scan page in both languages. They come with the app, so the language can be changed offline.

export const LANGUAGES = { en: "English", zh: "中文" };
const STORED = "rt-language"; // pages.js keeps here what the person chose on the other pages

let all = { en: {}, zh: {} };
let language = "en";

export async function loadWords() {
  const answer = await fetch("/scan/words.json");
  all = await answer.json();
  let wanted = null;
  try { wanted = localStorage.getItem(STORED); } catch { /* storage denied: the browser's language then */ }
  setLanguage(wanted || (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en"));
}

export function setLanguage(wanted) {
  language = wanted.toLowerCase().startsWith("zh") ? "zh" : "en";
  try { localStorage.setItem(STORED, language); } catch { /* for this visit only */ }
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-text]")) { element.textContent = say(element.dataset.text); }
  for (const element of document.querySelectorAll("[data-label]")) { element.setAttribute("aria-label", say(element.dataset.label)); }
  for (const element of document.querySelectorAll("[data-hint]")) { element.placeholder = say(element.dataset.hint); }
}

export function currentLanguage() { return language; }

/** The sentence of `key`; {name} in it is replaced by values.name. */
export function say(key, values = {}) {
  const text = all[language][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** Of a name in two languages the one of this page, or the other where there is none. */
export function named(both, otherwise = "") {
  if (!both) { return otherwise; }
  if (typeof both === "string") { return both; }
  return both[language] || both.en || both.zh || otherwise;
}
