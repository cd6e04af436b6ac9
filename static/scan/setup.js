// The page for setting up scanners: two codes whose text is known, and what is wrong with what arrives.

import { startWedge } from "./wedge.js";

// as _PROBES in assets/scan_views.py
const LETTERS = "RTTEST-aBcXyZ-0123456789:/._%?=&";
const SEPARATED = ["RTGS-12345", "67890-END"];
const STAND_INS = /^(?:<GS>|\{GS\}|\\x1d|\\u001d|\^\]|␝|\|)$/i;

const words = JSON.parse(document.getElementById("setup-words").textContent);
function say(key, values = {}) { return words[key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? ""); }
const passed = new Set();

/** [[state, sentence]] for what arrived; null when it is none of the two codes. Pure. */
export function judged(text, { suffix, pace }) {
  const found = [];
  const flat = text.normalize("NFKC");
  if (flat !== text) { found.push(["bad", say("width_bad")]); }
  let rest = flat;
  const again = rest.length % 2 === 0 && rest.slice(0, rest.length / 2) === rest.slice(rest.length / 2);
  if (again) { found.push(["bad", say("double_bad")]); rest = rest.slice(0, rest.length / 2); }
  const start = rest.search(/rttest|rtgs/i);
  if (start < 0) { return null; }
  const prefix = rest.slice(0, start);
  const harmless = prefix === "" || /^\][A-Za-z][0-9A-Za-z]$/.test(prefix);
  found.push(harmless ? ["ok", say("prefix_ok")] : ["bad", say("prefix_some", { text: prefix })]);
  rest = rest.slice(start);
  if (/^rttest/i.test(rest)) {
    const body = rest.slice(0, LETTERS.length);
    const tail = rest.slice(LETTERS.length);
    const folded = body.toLowerCase() === LETTERS.toLowerCase();
    if (folded) {
      found.push(body === LETTERS ? ["ok", say("case_ok")] : ["bad", say("case_swapped")]);
      found.push(["ok", say("layout_ok")]);
    } else { found.push(["bad", say("layout_bad", { text: body })]); }
    if (folded && tail) { found.push(["bad", say("suffix_some", { text: tail })]); }
  } else {
    const match = new RegExp(`^${SEPARATED[0]}(.*?)${SEPARATED[1]}(.*)$`, "is").exec(rest);
    const between = match ? match[1] : null;
    if (between === "\x1d") { found.push(["ok", say("separator_ok")]); }
    else if (between && STAND_INS.test(between)) { found.push(["ok", say("separator_shown", { text: between })]); }
    else if (between === "") { found.push(["warn", say("separator_gone")]); }
    else { found.push(["bad", say("layout_bad", { text: rest })]); }
    if (match && match[2]) { found.push(["bad", say("suffix_some", { text: match[2] })]); }
  }
  found.push(suffix ? ["ok", say("suffix_ok", { key: suffix })] : ["warn", say("suffix_none")]);
  const rounded = Math.round(pace);
  found.push(rounded <= 40 ? ["ok", say("speed_ok", { pace: rounded })] : ["warn", say("speed_slow", { pace: rounded })]);
  return { which: /^rttest/i.test(rest) ? "letters" : "separator", found };
}

function show(text, info) {
  const result = judged(text, info);
  const state = document.getElementById("setup-state");
  const list = document.getElementById("setup-results");
  if (!result) { state.textContent = say("other"); return; }
  const bad = result.found.some(([kind]) => kind === "bad");
  if (bad) { passed.delete(result.which); } else { passed.add(result.which); }
  state.textContent = passed.size === 2 ? say("right") : bad ? "" : say("second");
  list.replaceChildren(...result.found.map(([kind, sentence]) => {
    const line = document.createElement("li");
    line.className = `rt-state rt-${kind}`;
    line.textContent = sentence;
    return line;
  }));
}

document.getElementById("setup-state").textContent = say("waiting");
startWedge({
  wedge: document.getElementById("wedge"), typedField: () => null, onScan: show, onKey: () => false, onFunction: () => false,
  suffixKnown: false, learnSuffix: () => {},
}).focus();
