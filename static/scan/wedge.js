// The keys of a scanner that types (keyboard wedge), told from those of a person.
//
// One listener, in the capture phase, for all screens: nothing is read twice and no button is pressed by a scan. The text
// is taken from the field where keys come without a name (Android, input methods). Where they have one it is taken from
// the keys: a field that fills is a picture with every key, and the slowest part of a scan. A scanner types 1 to 20 ms a
// key and ends with Enter or Tab, or with nothing (silence); a person needs more than 60 ms.

import { busy } from "./quiet.js";

const SCANNER_PACE = 60; // ms between two keys on average, at most: a busy device hands one of them over late
const SILENCE = 100; // ms without a key end a scan of a scanner without suffix
const SUFFIX_PAIR = 250; // ms in which the second half of CR LF comes
const SHORTEST = 4;

// An input method turns letters into its own words, but says which key was pressed: that is what the scanner meant.
const SIGNS = {
  Minus: "-_", Equal: "=+", Slash: "/?", Period: ".>", Comma: ",<", Semicolon: ";:", Quote: "'\"", BracketLeft: "[{",
  BracketRight: "]}", Backslash: "\\|", Backquote: "`~", Space: "  ",
};
function usKey(code, shift) {
  let found = /^Key([A-Z])$/.exec(code);
  if (found) { return shift ? found[1] : found[1].toLowerCase(); }
  found = /^(?:Digit|Numpad)([0-9])$/.exec(code);
  if (found) { return shift && code.startsWith("Digit") ? ")!@#$%^&*("[found[1]] : found[1]; }
  return SIGNS[code] ? SIGNS[code][shift ? 1 : 0] : "";
}

/**
 * wedge: the hidden field. typedField(): the field of this screen in which a person types codes, or null.
 * onScan(text, {suffix, pace}): something was read. onKey(key): a single key of a person; true when it was meant for us.
 * onFunction(key): F1 … F10; true when it does something. suffixKnown, learnSuffix(): what is known of this scanner.
 */
export function startWedge({ wedge, typedField, onScan, onKey, onFunction, suffixKnown, learnSuffix }) {
  let silence = null; // {timer, field, run, at}: what is done when it has lasted
  let due = 0; // until when the silence lasts; moved with every key, which is cheaper than another timer
  let held = ""; // what was typed by keys with a name; it stands before what is in the hidden field
  let lastRead = 0;
  let suffixSeen = suffixKnown;
  const typing = { last: 0, first: 0, keys: 0 }; // of the text that is being typed now
  const composing = { text: "", base: "", held: "", last: 0, first: 0, ended: false };
  const guest = { field: null, count: 0, last: 0 }; // a scan that ran into a field for something else

  const isTyped = (target) => Boolean(target.matches && target.matches(".scan-typed input"));
  const paceOf = ({ first, last }, keys) => (last - first) / Math.max(1, keys - 1);
  const focus = () => { if (document.activeElement !== wedge) { wedge.focus({ preventScroll: true }); } };

  const textOf = (field) => (field === wedge ? held + wedge.value : field.value);
  function empty(field) {
    if (field === wedge) { held = ""; }
    if (field.value) { field.value = ""; }
  }
  function hush() { if (silence) { clearTimeout(silence.timer); } silence = null; }
  function wait(field, time, run = quiet) {
    due = performance.now() + time;
    if (silence && silence.field === field && silence.run === run && silence.at <= due) { return; }
    hush();
    silence = { field, run, at: due, timer: setTimeout(passed, time) };
  }
  function passed() {
    const { field, run } = silence;
    silence = null;
    const rest = due - performance.now();
    if (rest > 1) { wait(field, rest, run); } else { run(field); }
  }

  function take(field, suffix) {
    const text = textOf(field);
    const pace = typing.last ? paceOf(typing, text.length) : 0;
    empty(field);
    hush();
    typing.last = 0;
    lastRead = performance.now();
    if (suffix && !suffixSeen) { suffixSeen = true; learnSuffix(); }
    for (const part of text.split(/[\r\n\t]+/)) { if (part) { onScan(part, { suffix, pace }); } }
    if (field !== wedge) { focus(); }
  }

  document.addEventListener("keydown", (event) => {
    busy();
    const target = event.target;
    const field = isTyped(target) ? target : wedge;
    if (/^F([1-9]|10)$/.test(event.key) && !event.ctrlKey && !event.altKey && !event.metaKey) {
      if (onFunction(event.key)) { event.preventDefault(); event.stopPropagation(); }
      return;
    }
    if (event.isComposing || event.keyCode === 229) { composed(event, field); return; }
    if (event.ctrlKey && !event.altKey && !event.metaKey) {
      if (event.key === "]" || event.key === "\x1d") { event.preventDefault(); focus(); held = textOf(wedge) + "\u001d"; if (wedge.value) { wedge.value = ""; } } // GS, as some scanners send it
      if (/^[jJmM]$/.test(event.key)) { event.preventDefault(); if (textOf(field)) { take(field, event.key.toLowerCase() === "m" ? "CR" : "LF"); } }
      return;
    }
    if (event.altKey || event.metaKey) { return; }
    const foreign = target.closest("select, textarea, input:not(.scan-wedge)") && !isTyped(target);
    if (foreign && followGuest(event, target)) { return; }
    if (event.key === "Enter" || event.key === "Tab") { ended(event, target, field); return; }
    if (foreign || isTyped(target)) { return; }
    if (event.key === " " && !textOf(wedge)) {
      if (onKey(" ", target)) { event.preventDefault(); return; }
      if (target.closest("button, a")) { return; }
    }
    if (event.key.length === 1 && (held || event.key !== " ")) {
      focus();
      if (wedge.value) { return; } // begun without names: all of it in the field, in its order
      event.preventDefault();
      held += event.key;
      typed(event, wedge);
    } else if (event.key.length === 1 || event.key === "Unidentified" || event.key === "Process") { focus(); }
  }, true);

  function ended(event, target, field) {
    const fast = paceOf(typing, typing.keys) < SCANNER_PACE;
    if (textOf(wedge)) { event.preventDefault(); event.stopPropagation(); take(wedge, event.key); return; }
    if (field !== wedge) {
      if (field.value && (event.key === "Enter" || fast)) { event.preventDefault(); event.stopPropagation(); take(field, fast ? event.key : ""); }
      return;
    }
    // the second half of CR LF, or a second suffix: no key of a person, and no press of the button that has the focus
    if (performance.now() - lastRead < SUFFIX_PAIR) { event.preventDefault(); event.stopPropagation(); return; }
    if (event.key === "Enter" && !target.closest("button, a, summary, select, textarea, input:not(.scan-wedge)") && onKey("Enter", target)) { event.preventDefault(); }
  }

  // A name is being typed, and somebody scans: the code is taken out of the field again.
  function followGuest(event, target) {
    if (target.tagName === "SELECT" || !("value" in target)) { return false; }
    const ending = event.key === "Enter" || event.key === "Tab";
    if (guest.field !== target || event.timeStamp - guest.last > SCANNER_PACE) { guest.field = target; guest.count = 0; }
    guest.last = event.timeStamp;
    if (!ending) { guest.count += event.key.length === 1 ? 1 : 0; return false; }
    if (guest.count < 6) { return false; }
    const end = target.selectionStart === null ? target.value.length : target.selectionStart;
    const text = target.value.slice(Math.max(0, end - guest.count), end);
    target.value = target.value.slice(0, Math.max(0, end - guest.count)) + target.value.slice(end);
    guest.count = 0;
    lastRead = performance.now();
    event.preventDefault();
    event.stopPropagation();
    onScan(text, { suffix: event.key, pace: 0 });
    return true;
  }

  // ------------------------------------------------------------ input methods

  function composed(event, field) {
    if (field === wedge) { focus(); }
    if (event.code === "Enter" || event.code === "NumpadEnter" || event.code === "Tab") { composing.ended = true; return; }
    const sign = usKey(event.code, event.shiftKey);
    if (!sign) { return; }
    if (!composing.text) { composing.first = event.timeStamp; }
    composing.last = event.timeStamp;
    composing.text += sign;
  }
  document.addEventListener("compositionstart", (event) => {
    composing.base = textOf(event.target) || "";
    composing.held = event.target === wedge ? held : "";
    held = "";
  }, true);
  document.addEventListener("compositionend", (event) => {
    const field = event.target;
    if (field !== wedge && !isTyped(field)) { reset(); return; }
    setTimeout(() => {
      const scanner = composing.text.length >= SHORTEST && paceOf(composing, composing.text.length) < SCANNER_PACE;
      const ended = composing.ended;
      if (scanner) { field.value = composing.base + composing.text; } else if (composing.held) { field.value = composing.held + field.value; }
      reset();
      if (scanner && ended) { take(field, "Enter"); return; }
      hush();
      if (field.value) { wait(field, SILENCE); }
    }, 0);
  }, true);
  function reset() { Object.assign(composing, { text: "", base: "", held: "", last: 0, first: 0, ended: false }); }

  // ------------------------------------------------------------ text that arrives

  document.addEventListener("input", (event) => {
    const field = event.target;
    if (field !== wedge && !isTyped(field)) { return; }
    if (event.isComposing) { hush(); return; }
    if (field === wedge && held) { wedge.value = held + wedge.value; held = ""; }
    typed(event, field);
  }, true);
  function typed(event, field) {
    const text = textOf(field);
    if (!typing.last) { Object.assign(typing, { first: event.timeStamp, keys: 0 }); }
    typing.keys += 1;
    typing.last = event.timeStamp;
    if (/[\r\n\t]/.test(text)) { take(field, "LF"); return; }
    if (field !== wedge && event.inputType === "insertFromPaste") { hush(); return; }
    wait(field, field === wedge && text.length === 1 ? SUFFIX_PAIR : SILENCE);
  }

  // Nothing has come for a while. A scanner without suffix has ended; a cut scan goes on in a moment; a person types.
  function quiet(field) {
    const text = textOf(field);
    const scanner = paceOf(typing, typing.keys) < SCANNER_PACE && text.length >= SHORTEST;
    const half = /^https?:/i.test(text) && !/\/(8003|8004|a|s)\/./i.test(text);
    if (field === wedge && text.length === 1 && onKey(text, wedge)) { empty(field); typing.last = 0; return; }
    if (scanner && !suffixSeen && !half) { take(field, ""); return; }
    if (scanner) { // a busy device hands keys over late: half a code must not pass for a whole one
      wait(field, 700, takeAll);
      if (field === wedge) { return; }
    }
    if (field === wedge) {
      const open = typedField();
      empty(wedge);
      if (!open) { typing.last = 0; return; }
      open.value += text;
      open.focus({ preventScroll: true });
      field = open;
    }
    if (!field.value) { typing.last = 0; }
  }

  function takeAll(field) { if (textOf(field)) { take(field, ""); } }

  document.addEventListener("submit", (event) => {
    const form = event.target.closest(".scan-typed");
    if (!form) { return; }
    event.preventDefault();
    event.stopPropagation();
    take(form.elements.text, "");
  }, true);
  document.addEventListener("focusout", () => {
    setTimeout(() => {
      const now = document.activeElement;
      if (!now || now === document.body) { focus(); }
    }, 30);
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("input, select, textarea, label, a, summary, dialog")) { focus(); }
  });
  return { focus };
}
