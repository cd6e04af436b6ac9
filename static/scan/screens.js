// What is seen. Every function draws one part of the page from plain values; none of them knows the queue or the server.

import { named, say } from "./words.js";

export const ICONS = {
  ready: "◎", sending: "…", unsure: "…", kept: "⇡", ok: "✓", known: "≡", warn: "▲", ask: "?", bad: "×", void: "↶",
};
const SCREENS = ["start", "prepare", "scan", "list", "finish", "status", "menu", "help"];

export function $(id) { return document.getElementById(id); }

export function element(tag, className, text, more = {}) {
  const made = document.createElement(tag);
  if (className) { made.className = className; }
  if (text !== undefined) { made.textContent = text; }
  for (const [name, value] of Object.entries(more)) { made.setAttribute(name, value); }
  return made;
}
export function button(className, text, onClick, more = {}) {
  const made = element("button", className, text, { type: "button", ...more });
  made.addEventListener("click", onClick);
  return made;
}

export function showScreen(name) {
  for (const other of SCREENS) { $(`screen-${other}`).hidden = other !== name; }
  $("back").hidden = name === "start";
  $("menu").hidden = name !== "start";
  window.scrollTo(0, 0);
}

export function showBar(title, context, mode) {
  $("bar").dataset.mode = mode;
  $("bar-mode").textContent = title;
  $("bar-context").textContent = context;
}

/** A line for the person. What the sync says stays until the sync takes it back, the rest until the next screen. */
export function showNote(text, { link = null, by = "page" } = {}) {
  if (!text && $("note").dataset.by !== by) { return; }
  $("note").dataset.by = by;
  $("note").hidden = !text;
  $("note").textContent = text;
  if (link) { $("note").append(" ", element("a", "", link.text, { href: link.href })); }
}

/** The badge: unsent, sending, refused, or that all is well; red when something waits for hours. */
export function showBadge({ state, icon, text }) {
  const badge = $("badge");
  if (badge.dataset.state === state && badge.dataset.said === text) { return; }
  badge.dataset.said = text;
  badge.dataset.state = state;
  $("badge-icon").textContent = icon;
  $("badge-text").textContent = text;
}

export function wordOf(kind, homeward) { return kind === "ok" && homeward ? say("ok_return") : say(kind === "unsure" ? "sending" : kind); }

/** The verdict fills the screen: colour, icon and word say the same. answers: [{key, text, run}] for a person. */
export function showVerdict({ kind, code, text, word }, answers, stamp) {
  document.body.dataset.kind = kind;
  const verdict = $("verdict");
  verdict.dataset.kind = kind;
  verdict.dataset.stamp = stamp;
  $("verdict-icon").textContent = ICONS[kind];
  $("verdict-word").textContent = word;
  $("verdict-code").textContent = code;
  $("verdict-text").textContent = text;
  const row = $("answers");
  const wanted = answers.map((answer) => answer.name + code).join();
  row.hidden = !answers.length;
  if (row.dataset.wanted === wanted) { return; } // a tap must not lose its button
  row.dataset.wanted = wanted;
  row.replaceChildren(...answers.map(({ name, text: label, key, run }) => {
    const made = button("", `${label} `, run, { "data-answer": name });
    made.append(element("small", "", `(${key})`));
    return made;
  }));
}

export function figure(row) {
  if (row.want === null) { return String(row.have); }
  return say("of", { count: row.have, expected: row.want });
}
export function difference(row) {
  if (row.want === null) { return ""; }
  if (row.have < row.want) { return say("missing", { count: row.want - row.have }); }
  return row.have > row.want ? say("too_many", { count: row.have - row.want }) : say("complete");
}

export function showTypes(list, rows, nameOf, withWords) {
  list.replaceChildren(...rows.map((row) => {
    const line = element("li");
    line.append(element("span", "", nameOf(row.type)));
    const same = row.want !== null && row.have === row.want;
    const inWords = row.want !== null && (withWords || row.have > row.want);
    const words = inWords ? ` · ${difference(row)}` : "";
    line.append(element("span", same ? "rt-ok" : inWords ? "rt-warn" : "", ` ${figure(row)}${words}`));
    return line;
  }));
}

/** Lines of scans with what became of them; `undo(record)` for those that can be undone. */
export function scanLines(records, undo) {
  return records.map((record) => {
    const kind = record.undoing ? "void" : record.kind;
    const line = element("li", "", undefined, { "data-kind": kind });
    const unsent = record.state === "unsent" || record.state === "draft";
    line.append(element("span", "scan-mark", ICONS[kind], { "aria-hidden": "true" }));
    const what = element("span", "scan-what");
    what.append(element("span", "scan-code-small", record.code));
    const words = [kind === "void" ? say("undone") : wordOf(kind), unsent ? say("not_sent") : "", record.event?.type === "damage" ? say("mark_damaged") : ""];
    what.append(element("small", "", words.filter(Boolean).join(" · ")));
    line.append(what);
    if (!record.undoing && !record.stays && ["ok", "warn", "kept", "unsure", "sending"].includes(kind)) {
      line.append(button("", say("undo"), () => undo(record), { "aria-label": `${say("undo")} ${record.code}` }));
    }
    return line;
  });
}

/** A card that stays until somebody has dealt with it. */
export function card(entry, answers) {
  const made = element("div", "scan-card", undefined, { "data-kind": entry.kind, role: "group" });
  made.append(element("strong", "", `${ICONS[entry.kind]} ${entry.code} · ${say(entry.kind)}`));
  made.append(element("p", "", entry.text));
  const row = element("div", "scan-row");
  row.append(...answers.map(({ name, text, run }) => button("btn btn-outline-secondary", text, run, { "data-answer": name })));
  made.append(row);
  return made;
}

export function pickLine({ title, right, below, run, data = {} }) {
  const line = element("li");
  const made = button("", undefined, run, data);
  made.append(element("strong", "", title), element("span", "", right || ""), element("small", "", below || ""));
  line.append(made);
  return line;
}

export function option(value, text, selected) {
  const made = element("option", "", text, { value });
  made.selected = selected;
  return made;
}

/** A list of codes under a title; long ones are cut, and the cut is told. */
export function codeList(title, codes, state) {
  const made = element("section", "scan-codes");
  made.append(element("h2", `rt-state ${state}`, `${title} (${codes.length})`));
  const shown = codes.slice(0, 200);
  const list = element("ul");
  list.append(...shown.map((code) => element("li", "", code)));
  if (codes.length > shown.length) { list.append(element("li", "", `… ${codes.length - shown.length}`)); }
  made.append(list);
  return made;
}

/** Lets a finger write on a canvas; gives {empty(), clear(), blob()}. */
export function signaturePad(canvas) {
  const pen = canvas.getContext("2d");
  let drawn = false;
  let last = null;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * (canvas.width / box.width), (event.clientY - box.top) * (canvas.height / box.height)];
  };
  const clear = () => { pen.fillStyle = "#fff"; pen.fillRect(0, 0, canvas.width, canvas.height); drawn = false; };
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); last = at(event); event.preventDefault(); });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) { return; }
    const now = at(event);
    Object.assign(pen, { lineWidth: 4, lineCap: "round", strokeStyle: "#000" });
    pen.beginPath();
    pen.moveTo(...last);
    pen.lineTo(...now);
    pen.stroke();
    last = now;
    drawn = true;
  });
  for (const end of ["pointerup", "pointercancel"]) { canvas.addEventListener(end, () => { last = null; }); }
  clear();
  return { empty: () => !drawn, clear, blob: () => new Promise((resolve) => canvas.toBlob(resolve, "image/png")) };
}

export { named };
