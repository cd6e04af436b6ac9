// The scan page. It ties the parts together: keys and camera give a text, the rules judge it at once, the queue keeps it,
// the sync sends it, and the server's answer corrects what was shown. Nothing is shown as taken before it is kept.

import { signal, unlockSound } from "./feedback.js";
import { shrunk } from "./photo.js";
import { localTime, openQueue, StorageRefused, uuid } from "./queue.js";
import { first, quiet } from "./quiet.js";
import { Books, judge, readText, shortText } from "./rules.js";
import { $, button, card, codeList, difference, element, figure, ICONS, named, option, pickLine, scanLines, showBadge, showBar, showNote, showScreen, showTypes, showVerdict, signaturePad, wordOf } from "./screens.js";
import { eventOf, freeze, isFrozen, newSession, shortNumber, takenOver, Tally } from "./sessions.js";
import { confirmed, counts, Server, Sync } from "./sync.js";
import { currentLanguage, loadWords, say, setLanguage } from "./words.js";
import { startWedge } from "./wedge.js";

const VERSION = document.querySelector("meta[name=rt-version]").content;
const LATE_ANSWER = 3000; // ms; a "no" that comes later than this finds the worker at another box
const OLD = 4 * 3600e3; // ms; unsent for longer than this is told in red
const FORGOTTEN = 12 * 3600e3; // ms; a session left open for longer is called to mind
const DAMAGES = ["damage_broken", "damage_cracked", "damage_parts", "damage_dirty", "damage_other"]; // as assets/scan_words.py
const KEYS = { F1: "help", F2: "undo", F3: "list", F4: "finish", F6: "torch", F7: "camera", F8: "next", F9: "send", F10: "back" };

let queue, server, sync, wedge, camera, pad;
let books = new Books(null);
let session = null; // what is being done
let log = []; // its records, newest last
let tally = null;
let screen = "start";
let shown = { kind: "ready", code: "", text: "" };
let stamp = 0; // counts verdicts, so that two equal ones are told apart
let attention = []; // what a person must see before the next verdict is shown: {id, kind, code, text, late, sequence, reason}
const acknowledged = new Map(); // event_id → what a person said before the server did: {yes: the question, "" for no or seen}
let figures = { unsent: 0, refused: 0, oldest: null };
let device = { name: "", token: "" };
let person = "";
let mark = "inspect";
let chain = Promise.resolve(); // scans are kept one after the other, in the order in which they were read
let scanned = 0; // when a scan was kept last
let from = "start"; // the screen to which "back" leads from menu, status and help

// ------------------------------------------------------------------ start

async function start() {
  await loadWords();
  startWorker();
  try {
    queue = await openQueue(() => location.reload());
  } catch (error) {
    if (!(error instanceof StorageRefused)) { throw error; }
    showNote(say("storage_denied"));
    showScreen("start");
    for (const mode of document.querySelectorAll(".scan-big[data-mode]")) { mode.disabled = true; }
    return;
  }
  navigator.storage?.persist?.().catch(() => {});
  server = new Server(queue);
  device = (await queue.get("device")) || { name: "", token: "" };
  if (!device.name) { device = { name: `web-${uuid().slice(0, 8)}`, token: "" }; await queue.set("device", device); }
  server.token = device.token;
  person = (await queue.get("user")) || "";
  await useSnapshot(await queue.get("snapshot"));
  await releaseDrafts();
  await tidy();
  sync = new Sync(queue, server, VERSION, told);
  let counting = null; // not with every scan of a burst
  let otherTab = false;
  queue.onChange((elsewhere) => {
    otherTab ||= elsewhere;
    counting ||= setTimeout(async () => {
      await quiet();
      counting = null;
      figures = await queue.counts();
      showBadgeNow();
      if (sync.phase === "signin" && $("note").dataset.by === "sync") { askToSignIn(); } // how many wait now
      if (otherTab && session && screen === "scan") { await loadLog(); drawScan(); }
      otherTab = false;
    }, 80);
  });
  figures = await queue.counts();
  await loadCards();
  wedge = startWedge({
    wedge: $("wedge"), typedField: () => document.querySelector(`#screen-${screen} .scan-typed:not([hidden]) input`),
    onScan: (text) => readSoon(text), onKey, onFunction,
    suffixKnown: Boolean(await queue.get("suffix")), learnSuffix: () => queue.set("suffix", true),
  });
  pad = signaturePad($("signature"));
  wire();
  await go("start");
  document.body.dataset.ready = "1";
  sync.start();
  await refresh();
  setInterval(tick, 30000);
  window.addEventListener("pagehide", () => queue.noteCounter());
}

async function tick() {
  queue.noteCounter();
  if (document.hidden) { return; }
  if (session && session.state === "open") { await queue.changeSession(session.id, { dirty: true }); }
  await refresh();
  showBadgeNow();
}

/** A damage whose photo nobody took before the page was closed goes out without one. */
async function releaseDrafts() {
  const drafts = (await queue.unsent()).filter((record) => record.state === "draft");
  if (drafts.length) { await queue.change(drafts.map(({ sequence }) => ({ sequence, state: "unsent" }))); }
}
/** Finished work leaves the device a day after the server has it. */
async function tidy() {
  await queue.tidyPhotos(Date.now() - 30 * 24 * 3600e3);
  for (const old of await queue.sessions()) {
    if ((old.state === "finished" || old.taken) && !old.dirty && Date.now() - old.begun > 24 * 3600e3) { await queue.dropSession(old.id); }
  }
}

// ------------------------------------------------------------------ what the device knows

async function useSnapshot(kept) {
  books = new Books(kept ? kept.body : null);
  listsOf = kept ? kept.place : "";
  for (const record of await queue.unsent()) { learn(record); }
  if (session) { await loadLog(); }
}
function learn(record) {
  const box = books.find(record.code);
  if (box && record.type !== "void") {
    const verdict = judge(box, { ...record.event, at: record.at, happened: true }, books);
    if (verdict.box) { books.learn(verdict.box); }
  }
}

let listsOf = ""; // the place whose boxes are on this device
/** What is expected at `place` is on the device; false when it cannot be had now. */
async function listsFor(place) {
  for (let tries = 0; tries < 2 && listsOf !== place; tries += 1) { await refresh(); } // one may be under way for another place
  return listsOf === place;
}

let refreshing = null;
async function refresh() {
  if (!queue || refreshing) { return refreshing; }
  refreshing = (async () => {
    const kept = await queue.get("snapshot");
    const place = await queue.get("place");
    const same = kept && kept.place === place;
    const path = `/api/v1/scan/snapshot${place ? `?place=${encodeURIComponent(place)}` : ""}`;
    const answer = await server.call(path, { headers: same && kept.etag ? { "If-None-Match": kept.etag } : {} });
    if (answer && answer.status === 200) {
      const fresh = { place, etag: answer.etag, body: answer.body, at: Date.now() };
      try { await queue.set("snapshot", fresh); } catch { /* full: the scans need the room more than the lists do */ }
      if (answer.body.user) { person = answer.body.user; await queue.set("user", person); }
      await useSnapshot(fresh);
      if (screen === "start") { drawStart(); } else if (screen === "scan") { drawScan(); }
    } else if (answer && answer.status === 401) { sync.enter("signin"); showBadgeNow(); }
    return answer;
  })().finally(() => { refreshing = null; });
  return refreshing;
}

async function loadLog() {
  if (session.kind === "stock_take" && !isFrozen(session.id)) {
    const codes = await queue.get(`expected:${session.id}`);
    // none yet: lists arrived between choosing the count and beginning it, which is what decides
    if (codes && !isFrozen(session.id)) { freeze(session.id, codes); }
  }
  log = await queue.ofSession(session.id);
  tally = new Tally(session, log, books);
  for (const record of log) { if (record.state === "done" && record.kind !== "void") { learn(record); } }
}

// ------------------------------------------------------------------ a text was read

/** One after the other: what is read while a session is being opened waits for it. */
function inTurn(work) { chain = chain.then(work).catch((error) => { console.error(error); }); }
function readSoon(text) { inTurn(() => read(text)); }

async function read(text) {
  text = text.replace(/^[\s\u0002\ufeff]+|[\s\u0003]+$/g, "");
  if (!text) { return; }
  if (screen === "prepare") { await prepareByText(text); return; }
  if (!session || session.state !== "open") {
    signal("bad");
    const found = readText(text);
    if (found.kind === "shipment") { await choose("dispatch", found.code); return; }
    showNote(say("choose_mode"));
    return;
  }
  if (screen !== "scan") { await go("scan"); } // one more box: nothing that is read is passed over in silence
  await first(() => scan(text));
}

async function scan(text) {
  const found = readText(text);
  if (found.kind === "shipment") { look({ id: uuid(), kind: "bad", code: shortText(text), text: say("a_shipment") }); return; }
  const code = found.code ? books.codeIn(found) : shortText(text);
  const type = session.kind === "inspect" ? mark : "";
  if (alreadyHere(code, text, type)) { // the trigger was pulled twice: nothing new has happened
    verdict({ kind: "known", code, text: "" });
    signalNow("known");
    return;
  }
  const offline = sync.offline;
  const reason = type === "damage" ? $("damage-reason").value : ""; // its code: everybody reads it in his own language
  const event = eventOf(session, text, device.name, type === "damage" ? { type, reason } : {});
  const at = Date.now();
  const box = books.find(code);
  const judged = judge(box, { ...event, at, happened: offline }, books);
  const kind = session.kind === "stock_take" && judged.kind === "known" ? "ok" : judged.kind; // it stands where it should
  const record = {
    event_id: event.event_id, session: session.id, user: device.token ? "" : person, type: event.type, text: "", code, raw: text,
    asset_type: box ? box.type : "", kind, at, late: offline, event,
    ...(type === "damage" ? { state: "draft" } : {}),
  };
  await finishDraft();
  let kept;
  try {
    kept = await queue.keep(record);
  } catch (error) {
    if (!(error instanceof StorageRefused)) { throw error; }
    look({ id: uuid(), kind: "bad", code, text: say("storage_full") });
    showNote(say("storage_full"));
    return;
  }
  log.push(kept);
  if (judged.box) { books.learn(judged.box); }
  tally.take(kept);
  scanned = Date.now();
  oneMore(at);
  const beyond = kind === "ok" ? tooMany(code) : "";
  const words = beyond || sentenceOf(judged.reason, code);
  if (kind === "bad" || kind === "ask") {
    look({ id: event.event_id, kind, code, text: words, reason: judged.reason, sequence: kept.sequence });
  } else {
    const seen = beyond ? "warn" : kind;
    verdict({ kind: seen === "unsure" && offline ? "kept" : seen, code, text: words || (offline ? say("kept_text") : ""), id: event.event_id });
    signalNow(seen);
  }
  if (type === "damage") { offerPhoto(kept); }
  setTimeout(() => sync.pump()); // after the picture
}

/** What the server takes and the shipment does not want: a box of another type, or one more than was promised. */
function tooMany(code) {
  const held = session.kind === "dispatch" && tally.list.get(code);
  const row = held && held.type && tally.rows().find((one) => one.type === held.type); // what is not known yet is not wrong
  return row && row.want !== null && row.have > row.want ? `${nameOfType(row.type)}: ${figure(row)} · ${difference(row)}` : "";
}

/** The sentence of a reason in the language of this page; the server's own where the device has none. */
function sentenceOf(reason, code, otherwise = "") {
  const sentence = books.snapshot.reasons[reason];
  const words = sentence ? named(sentence).replaceAll("%(code)s", code) : "";
  return !words || words.includes("%(") ? otherwise : words;
}

/** The same box in the same list, or the same text that could not be read but is under way. */
function alreadyHere(code, text, type) {
  if (session.kind !== "inspect") { if (tally.has(code)) { return true; } }
  return log.slice(-300).some((record) => (record.raw === text || record.code === code) && record.type !== "void" && !record.undoing &&
    ["ok", "warn", "known", "kept", "unsure", "sending"].includes(record.kind) &&
    (session.kind !== "inspect" || record.type === type) && Date.now() - record.at < 600e3 && record.state !== "refused");
}

async function undo(record) {
  if (!record.sequence) { // another device's scan onto this shipment
    session.undone = [...(session.undone || []), record.code];
    await queue.changeSession(session.id, { undone: session.undone });
  } else {
    record.undoing = true;
    await queue.change([{ sequence: record.sequence, undoing: true }]);
  }
  await finishDraft();
  const event = {
    event_id: uuid(), type: "void", scanned_text: (record.raw || record.code).slice(0, 600), event_time: localTime(new Date()),
    place: session.place, device: device.name, voids: record.event_id, reason: "did_not_occur",
  };
  try {
    await queue.keep({ event_id: event.event_id, session: session.id, user: device.token ? "" : person, type: "void", code: record.code, kind: "ok", at: Date.now(), late: sync.offline, event });
  } catch {
    record.undoing = false;
    look({ id: uuid(), kind: "bad", code: record.code, text: say("storage_full") });
    return;
  }
  oneMore(Date.now());
  attention = attention.filter((entry) => entry.id !== record.event_id);
  books.changed.delete(record.code);
  await loadLog();
  verdict({ kind: "void", code: record.code, text: "" });
  draw();
  sync.pump();
}
function undoLast() {
  const last = [...log].reverse().find((record) => counts(record));
  if (last) { undo(last); }
}

// ------------------------------------------------------------------ verdicts, and what must be looked at

function verdict(next) { stamp += 1; shown = { ...next, stamp }; if (screen === "scan") { drawScan(); } }
function signalNow(kind) { $("verdict").dataset.sound = signal(kind); }

/** Something a person must see. Scans go on into the queue meanwhile; the picture waits for one key. */
function look(entry) {
  stamp += 1;
  attention.push({ session: session ? session.id : "", ...entry, stamp });
  signalNow(entry.kind);
  draw();
}

/** The server has answered: `settled` are the records as they are now. */
async function told({ phase, settled, session: changed }) {
  let louder = "";
  for (const record of settled) {
    const mine = session && record.session === session.id;
    const entry = attention.find((one) => one.id === record.event_id);
    if (record.state === "refused" || record.state === "ask") {
      const said = acknowledged.get(record.event_id);
      if (said && said.yes && said.yes === record.ask) {
        acknowledged.delete(record.event_id);
        await queue.change([{ sequence: record.sequence, state: "unsent", kind: "sending", event: confirmed(record.event, record.ask) }]);
        setTimeout(() => sync.pump());
      } else if (said && !said.yes) {
        acknowledged.delete(record.event_id);
        await queue.change([{ sequence: record.sequence, state: "done", kind: "bad", dealt: Date.now() }]);
      } else if (entry) {
        Object.assign(entry, { text: sentenceOf(record.reason, record.code, record.text), code: record.code, kind: record.kind, sequence: record.sequence, reason: record.reason });
      } else {
        attention.push(cardOf(record, Date.now() - record.at > LATE_ANSWER));
        louder = "bad";
        if (record.kind === "ask") { louder = louder || "ask"; }
      }
    } else if (record.state === "done") {
      if (entry) { attention = attention.filter((one) => one !== entry); }
      const beyond = mine && record.kind === "ok" ? tooMany(record.code) : "";
      const kind = beyond ? "warn" : record.kind;
      const calm = beyond || (record.event.photo ? say("photo_kept") : "");
      if (mine && shown.id === record.event_id && (kind !== shown.kind || entry)) {
        const clean = record.kind === "ok";
        if (!here().length && (!clean || beyond)) { louder = kind; }
        shown = { ...shown, kind, code: record.code, text: clean ? calm : sentenceOf(record.reason, record.code, record.kind === "known" ? "" : record.text) };
        stamp += 1;
      } else if (mine && shown.id === record.event_id) { shown = { ...shown, code: record.code, text: record.kind === "ok" ? calm : sentenceOf(record.reason, record.code, shown.text) }; }
    }
  }
  if (session) { takeAnswers(settled.filter((record) => record.session === session.id)); }
  if (session && changed === session.id) {
    session = (await queue.session(session.id)) || session;
    if (session.taken) { await leaveTaken(); }
  }
  if (louder) { signalNow(louder); }
  if (phase === "signin" && device.token) {
    device = { ...device, token: "" };
    await queue.set("device", device);
  }
  if (phase === "signin") { askToSignIn(); }
  else if (phase === "password") { showNote(say("password"), { link: { text: say("password_link"), href: "/change" }, by: "sync" }); }
  else if (phase === "revoked" || phase === "norights") { showNote(say(phase), { by: "sync" }); }
  else if (settled.length || phase === "idle") { showNote("", { by: "sync" }); }
  if (screen === "scan" && !settled.length && !changed) { showBadgeNow(); } else { draw(); }
  if (settled.length) { scheduleRefresh(); }
}
function askToSignIn() {
  const text = figures.unsent ? say("sign_in", { count: figures.unsent }) : say("sign_in_first");
  showNote(text, { link: { text: say("sign_in_link"), href: "/login?next=/scan" }, by: "sync" });
}
/** The records of this session as they are now; without reading all the others again. */
function takeAnswers(settled) {
  const places = new Map(settled.length ? log.map((record, index) => [record.sequence, index]) : []);
  for (const record of settled) {
    if (places.has(record.sequence)) { log[places.get(record.sequence)] = record; }
    tally.take(record);
  }
}
let refreshTimer = null;
/** New lists, when the worker has paused: to read 5,000 codes takes a slow device longer than a scan may wait. */
function scheduleRefresh() {
  clearTimeout(refreshTimer);
  refreshTimer = setTimeout(() => { if (Date.now() - scanned < 4000 || figures.unsent) { scheduleRefresh(); } else { refresh(); } }, 5000);
}

function cardOf(record, late) {
  return { id: record.event_id, session: record.session, kind: record.state === "ask" ? "ask" : "bad", code: record.code, text: sentenceOf(record.reason, record.code, record.text || say("failed")), late, sequence: record.sequence, reason: record.reason, stamp };
}
async function loadCards() {
  const cards = await queue.cards();
  attention = [...attention.filter((entry) => !entry.sequence), ...cards.map((record) => cardOf(record, true))];
}

/** What belongs to the work on the screen; the rest waits on the start page and behind the badge. */
function here() { return session ? attention.filter((entry) => entry.session === session.id) : []; }

/** A person has seen the entry (yes: and says yes to its question). */
async function answer(entry, yes) {
  attention = attention.filter((one) => one !== entry);
  const agreed = entry.kind === "ask" && yes;
  if (entry.sequence) { acknowledged.set(entry.id, { yes: agreed ? entry.reason : "" }); } // before waiting: the server may answer meanwhile
  const record = entry.sequence ? await queue.byEvent(entry.id) : null;
  if (record) {
    const answered = record.state === "refused" || record.state === "ask";
    if (agreed) {
      await queue.change([answered && record.state === "ask"
        ? { sequence: record.sequence, state: "unsent", kind: "sending", event: confirmed(record.event, record.ask) }
        : { sequence: record.sequence, kind: "sending", yes: [entry.reason] }]);
    } else if (answered) {
      await queue.change([{ sequence: record.sequence, state: "done", kind: "bad", dealt: Date.now() }]);
    }
  }
  if (session) { await loadLog(); }
  shown = agreed ? { kind: "sending", code: entry.code, text: "", id: entry.id } : { kind: "ready", code: "", text: "" };
  stamp += 1;
  draw();
  wedge.focus();
  sync.pump();
}
function answersOf({ kind, late }, entry) {
  if (kind === "ask") {
    return [{ name: "yes", text: say("yes"), key: "1", run: () => answer(entry, true) }, { name: "no", text: say("no"), key: "2", run: () => answer(entry, false) }];
  }
  return [{ name: "go_on", text: say(late ? "dealt_with" : "go_on"), key: late ? "1" : say("any_key"), run: () => answer(entry, true) }];
}

/** One key of a person. What came late must be answered on purpose; what came at once by any key. */
function onKey(key) {
  const entry = screen === "scan" && here()[0];
  if (!entry) { return false; }
  const answers = answersOf(entry, entry);
  if (entry.kind !== "ask" && !entry.late) { answers[0].run(); return true; }
  if (/^[1yYjJ是]$/.test(key)) { answers[0].run(); return true; }
  if (entry.kind === "ask" && /^[2nN0否]$/.test(key)) { answers[1].run(); return true; }
  return false;
}
function onFunction(key) {
  const run = {
    help: () => go("help"), undo: () => session && screen === "scan" && undoLast(), list: () => session && go("list"),
    finish: () => session && go("finish"), torch: () => camera?.torch(), camera: () => session && toggleCamera(),
    next: () => here().length && answersOf(here()[0], here()[0])[0].run(), send: () => sync.now(), back: () => back(),
  }[KEYS[key]];
  if (!run) { return false; }
  run();
  return true;
}

// ------------------------------------------------------------------ sessions

async function choose(kind, shipment = "") {
  unlockSound();
  const place = $("place").value;
  if (!place) { showNote(say("choose_place")); $("place").focus(); return; }
  showNote("");
  if ((await queue.get("place")) !== place) { await queue.set("place", place); refresh(); }
  if (["stock_take", "return"].includes(kind) && listsOf !== place) { // they begin with what should be there
    showNote(say("loading", { place }));
    if (!(await listsFor(place))) { showNote(say("no_lists", { place })); signal("warn"); if (kind === "stock_take") { return; } }
  }
  session = newSession(kind, { place });
  $("blind").checked = false;
  const asked = shipment || new URLSearchParams(location.search).get("shipment"); // come from the page of a shipment
  if (kind === "dispatch" && asked) {
    history.replaceState(null, "", "/scan");
    await go("prepare");
    await takeUp(asked);
  } else if (["receive", "inspect"].includes(kind)) { await begin(); } else { await go("prepare"); }
}

async function begin(fields = {}) {
  unlockSound();
  Object.assign(session, fields);
  shown = { kind: "ready", code: "", text: say("ready_text") };
  mark = "inspect";
  try {
    if (session.kind === "stock_take") {
      const codes = [...new Tally(session, [], books).expectedCodes()];
      await queue.set(`expected:${session.id}`, codes);
      freeze(session.id, codes);
    }
    await queue.saveSession(session);
  } catch {
    showNote(say("storage_full"));
    return;
  }
  await loadLog();
  await go("scan");
  refresh();
  sync.pump();
}
async function resume(kept) {
  unlockSound();
  session = kept;
  shown = { kind: "ready", code: "", text: "" };
  await loadLog();
  await go(session.state === "open" ? "scan" : "finish");
  refresh();
}
async function leaveTaken() {
  const number = shortNumber(session);
  session = null;
  log = [];
  await go("start");
  signal("warn");
  showNote(say("taken", { number }));
}

async function prepareByText(text) {
  const found = readText(text);
  const wanted = found.code || text.trim().toUpperCase();
  if (session.kind === "dispatch") { await takeUp(wanted, text, found.kind === "shipment"); return; }
  const known = session.kind === "transfer" ? books.places.get(wanted) : books.snapshot.parties.find((party) => party.code === wanted);
  if (known && session.kind === "transfer") { await begin({ destination: wanted }); return; }
  if (known && session.kind === "return") { await begin({ party: wanted }); return; }
  if (session.kind === "return" || session.kind === "stock_take") { // the worker has begun already
    await begin({ blind: $("blind").checked });
    await scan(text);
    return;
  }
  prepareError(say("choose_first"));
}
async function takeUp(number, text = "", sure = true) {
  prepareError("");
  let row = [...books.shipments.values()].find((one) => one.number.toUpperCase() === number.toUpperCase());
  if (!row) {
    if (!sure) {
      const answer = await server.call(`/api/v1/resolve?text=${encodeURIComponent(text)}`);
      if (answer === null) { prepareError(say("no_connection")); return; }
      number = answer.body && answer.body.number;
      if (!number) { prepareError(say("not_a_shipment")); return; }
    }
    const answer = await server.call(`/api/v1/shipments/${encodeURIComponent(number)}/expected`);
    if (answer === null) { prepareError(say("no_connection")); return; }
    if (answer.status !== 200) {
      prepareError(answer.status === 404 ? say("no_shipment", { number }) : answer.body?.error?.text || say("failed"));
      return;
    }
    row = { ...answer.body, consignee: answer.body.consignee, expected: answer.body.expected, scanned: answer.body.scanned };
    await begin({ shipment: row.number, consignee: row.consignee, expected: row.expected, before: row.scanned.map((one) => one.code), types: Object.fromEntries(row.scanned.map((one) => [one.code, one.asset_type])) });
    return;
  }
  await begin({ shipment: row.number, consignee: row.consignee });
}
function prepareError(text) { $("prepare-error").textContent = text; if (text) { signal("bad"); } }

async function takeOver(row) {
  unlockSound();
  const answer = await server.call(`/api/v1/scan/sessions/${row.uuid}/take`, { method: "POST", json: {} });
  if (!answer || answer.status !== 200) { showNote((answer && answer.body?.error?.text) || say("no_connection")); return; }
  await resume(await remembered(takenOver({ ...row, ...answer.body })));
}
async function remembered(made) { await queue.saveSession(made); return made; }

// ------------------------------------------------------------------ damage: a reason and a photo

let draft = null;
function offerPhoto(record) { draft = record; $("photo-row").hidden = false; $("photo-text").textContent = say("photo_take", { code: record.code }); }
async function finishDraft() {
  if (!draft) { return; }
  const { sequence } = draft;
  draft = null;
  $("photo-row").hidden = true;
  await queue.change([{ sequence, state: "unsent" }]);
}
async function takePhoto(file) {
  if (!draft || !file) { return; }
  const { sequence, event } = draft;
  try {
    const photo = await queue.keepPhoto(await shrunk(file));
    draft = null;
    $("photo-row").hidden = true;
    await queue.change([{ sequence, state: "unsent", event: { ...event, photo } }]);
    verdict({ ...shown, text: say("photo_kept") });
  } catch (error) {
    console.warn(error);
    showNote(say(error instanceof StorageRefused ? "storage_full" : "photo_failed"));
  }
  sync.pump();
}

// ------------------------------------------------------------------ camera

/** The camera; most handhelds have a scanner of their own and never fetch it. */
const lens = () => import("./camera.js");
let opening = null;
async function openCamera() {
  const { Camera } = await lens();
  return new Camera({
    video: $("video"), overlay: $("overlay"), onCode: (text) => readSoon(text), onSeveral: askWhich,
    takeAll: () => session?.kind === "stock_take", remembered: (await queue.get("camera")) || {}, remember: (choice) => queue.set("camera", choice),
  });
}
async function toggleCamera() {
  if (camera?.on) { cameraOff(); return; }
  unlockSound();
  $("camera").hidden = false;
  try {
    opening ||= openCamera().catch((error) => { opening = null; throw error; });
    camera = await opening;
    await camera.start();
    const can = camera.capabilities();
    $("torch").hidden = !can.torch;
    $("zoom").hidden = !can.zoom;
    showZoom();
    const lenses = await camera.cameras();
    $("lens").hidden = lenses.length < 2;
    $("lens").replaceChildren(...lenses.map((lens, index) => option(lens.deviceId, lens.label || `${index + 1}`, lens.deviceId === camera.choice.device)));
  } catch (error) {
    cameraOff();
    const reason = { NotAllowedError: "camera_forbidden", NotFoundError: "camera_none", SecurityError: "camera_insecure" }[error.name];
    showNote(say(reason || "camera_failed"));
    signal("bad");
  }
}
function cameraOff() { camera?.stop(); $("camera").hidden = true; askWhich(null); }
function showZoom() { $("zoom").textContent = say("zoom", { times: Math.round((camera.choice.zoom || 1) * 10) / 10 }); }
function nextZoom() {
  const can = camera.capabilities().zoom;
  if (can) { camera.zoom(camera.choice.zoom * 1.5 > can.max ? can.min : camera.choice.zoom * 1.5).then(showZoom); }
}
/** Several codes are in view: which one is meant? */
function askWhich(texts) {
  const row = $("several");
  row.hidden = !texts;
  if (!texts) { row.replaceChildren(); return; }
  const title = element("p", "", say("which"));
  row.replaceChildren(title, ...texts.map((text) => button("", readText(text).code ? books.codeIn(readText(text)) : shortText(text), () => { camera.chose(text); askWhich(null); })));
}

// ------------------------------------------------------------------ screens

async function go(next) {
  if (next !== "scan" && camera?.on) { cameraOff(); }
  if (["menu", "status", "help"].includes(next)) { if (!["menu", "status", "help"].includes(screen)) { from = screen; } }
  else { prepareError(""); }
  screen = next;
  showNote("");
  if (next === "start" && session && !log.length && session.state === "open" && !session.version) { await queue.dropSession(session.id); } // begun by mistake
  if (next === "start") { session = null; log = []; tally = null; mark = "inspect"; }
  showScreen(next);
  if (next === "finish") { openClosing(); sync.now(); }
  if (next === "list" && session) { await queue.changeSession(session.id, { dirty: true }); sync.now(); }
  draw();
  wedge?.focus();
  takeNewVersion();
}
function back() {
  if (["menu", "status", "help"].includes(screen)) { go(from); }
  else if (["list", "finish"].includes(screen) && session?.state === "open") { go("scan"); }
  else { finishDraft(); go("start"); }
}

function draw() {
  document.body.dataset.kind = "";
  if (screen !== "scan") { $("verdict").dataset.kind = "ready"; }
  const active = session && !["start", "menu", "status", "help"].includes(screen);
  const context = active ? [session.shipment, named(session.consignee), placeOrParty(), session.place].filter(Boolean).join(" · ") : "";
  showBar(active ? say(session.kind) : say("scan"), context, active ? session.kind : "");
  ({ start: drawStart, prepare: drawPrepare, scan: drawScan, list: drawList, finish: drawFinish, status: drawStatus, menu: drawMenu, help: drawHelp })[screen]();
  showBadgeNow();
}
function placeOrParty() {
  if (session.destination) { return `→ ${session.destination}`; }
  return session.party ? session.party : "";
}
function nameOfType(code) { return named(books.types.get(code)?.name, code || say("no_type")); }

function drawScan() {
  const [entry, ...others] = here();
  const now = entry || shown;
  const homeward = ["return", "receive"].includes(session.kind);
  const later = entry && shown.code && shown.stamp > entry.stamp; // scanned while this waits for its key
  const since = later ? ` · ${say("meanwhile", { code: shown.code, word: wordOf(shown.kind, homeward) })}` : "";
  const more = (others.length ? ` · ${say("more", { count: others.length })}` : "") + since;
  showVerdict({ kind: now.kind, code: now.code, text: (now.text || "") + more, word: wordOf(now.kind, homeward) }, entry ? answersOf(entry, entry) : [], String(stamp));
  const total = tally.total();
  const hidden = session.blind;
  $("total").textContent = total.want === null || hidden ? say("counted", { count: total.have }) : say("of", { count: total.have, expected: total.want });
  const waiting = tally.waiting;
  $("waiting").textContent = waiting ? say("of_which_unsent", { count: waiting }) : "";
  drawBelow();
}
let drawing = false;
/** The lists under the verdict come a frame later: on a slow device they would hold up what the worker waits for. */
function drawBelow() {
  if (drawing) { return; }
  drawing = true;
  requestAnimationFrame(() => setTimeout(async () => {
    await quiet();
    drawing = false;
    if (screen === "scan" && session) { drawLists(); }
  }));
}
function drawLists() {
  showTypes($("types"), session.blind ? [] : tally.rows().slice(0, 6), nameOfType, false);
  $("last").replaceChildren(...scanLines(log.filter((record) => record.type !== "void").slice(-5).reverse(), undo));
  $("mark").hidden = session.kind !== "inspect";
  $("damage").hidden = session.kind !== "inspect" || mark !== "damage";
  $("photo-row").hidden = !draft;
  for (const choice of document.querySelectorAll("[data-mark]")) { choice.setAttribute("aria-pressed", String(choice.dataset.mark === mark)); }
}

async function drawStart() {
  const place = await queue.get("place");
  const places = [...books.places.values()].sort((a, b) => Number(b.own) - Number(a.own));
  const chosen = $("place").value || place || (places.length === 1 ? places[0].code : "");
  $("place").replaceChildren(option("", say("choose_the_place"), false), ...places.map((one) => option(one.code, `${one.code} · ${named(one.name)}`, one.code === chosen)));
  $("no-place").hidden = places.length > 0 || !books.known;
  const open = (await queue.sessions()).filter((one) => one.state === "open" && !one.taken).sort((a, b) => b.begun - a.begun);
  $("resume").replaceChildren(...open.slice(0, 5).map((one) => {
    const made = button("scan-big scan-go", `${say("resume")}: ${say(one.kind)}`, () => { unlockSound(); inTurn(() => resume(one)); }, { "data-resume": one.id });
    const old = Date.now() - one.begun > FORGOTTEN ? `▲ ${say("since_long")}` : "";
    if (old) { made.dataset.old = "1"; }
    made.append(element("small", "", [one.shipment, named(one.consignee), one.party, one.destination, one.place, `#${shortNumber(one)}`, old].filter(Boolean).join(" · ")));
    return made;
  }));
  $("start-cards").replaceChildren(...attention.map((entry) => card(entry, answersOf({ ...entry, late: true }, entry))));
  drawElsewhere(open);
}
let elsewhereAt = 0;
async function drawElsewhere(open) {
  if (Date.now() - elsewhereAt < 3000 || !navigator.onLine) { return; }
  elsewhereAt = Date.now();
  const place = await queue.get("place");
  const answer = await server.call(`/api/v1/scan/sessions?state=open${place ? `&place=${encodeURIComponent(place)}` : ""}`);
  const rows = answer && answer.status === 200 ? answer.body.sessions || [] : [];
  const mine = new Set((await queue.sessions()).filter((one) => !one.taken).map((one) => one.id));
  const others = rows.filter((row) => !mine.has(row.uuid));
  $("elsewhere").replaceChildren();
  if (!others.length) { return; }
  const list = element("ul", "scan-pick");
  list.append(...others.slice(0, 10).map((row) => pickLine({
    title: `${say(row.kind)} #${row.uuid.slice(0, 4).toUpperCase()}`, right: say("counted", { count: (row.seen || []).length }),
    below: [row.shipment, row.party, row.destination, row.place, row.device, row.user].filter(Boolean).join(" · "), run: () => { unlockSound(); inTurn(() => takeOver(row)); }, data: { "data-take": row.uuid },
  })));
  $("elsewhere").append(element("h2", "", say("elsewhere")), list);
}

function drawPrepare() {
  const { kind } = session;
  $("prepare-ask").textContent = `${{ dispatch: "▣ ", return: "↙ ", stock_take: "# ", transfer: "⇄ " }[kind] || ""}${say(`ask_${kind}`)}`;
  $("prepare-typed").hidden = kind !== "dispatch";
  $("blind-row").hidden = kind !== "stock_take";
  const pick = { title: "", lines: [] };
  if (kind === "dispatch") {
    pick.title = say("open_shipments");
    pick.lines = [...books.shipments.values()].slice(0, 50).map((row) => pickLine({ title: row.number, right: row.departure || "", below: named(row.consignee), run: () => inTurn(() => takeUp(row.number)), data: { "data-number": row.number } }));
    if (!pick.lines.length) { pick.lines = [element("li", "scan-hint", say("no_open_shipment"))]; }
  } else if (kind === "return") {
    const out = new Map();
    for (const box of books.boxes.values()) { if (["in_transit_out", "at_partner", "in_transit_back"].includes(box.state)) { out.set(box.holder, (out.get(box.holder) || 0) + 1); } }
    pick.title = say("from_whom");
    pick.lines = [pickLine({ title: say("from_anybody"), below: say("from_anybody_help"), run: () => inTurn(() => begin({ party: "" })), data: { "data-party": "" } })];
    const parties = books.snapshot.parties.filter((party) => out.has(party.code)).sort((a, b) => out.get(b.code) - out.get(a.code));
    pick.lines.push(...parties.map((party) => pickLine({ title: party.code, right: say("out", { count: out.get(party.code) }), below: named(party.name), run: () => inTurn(() => begin({ party: party.code })), data: { "data-party": party.code } })));
  } else if (kind === "transfer") {
    pick.title = say("where_to");
    pick.lines = [...books.places.values()].filter((place) => place.own && place.code !== session.place)
      .map((place) => pickLine({ title: place.code, below: named(place.name), run: () => inTurn(() => begin({ destination: place.code })), data: { "data-place": place.code } }));
    if (!pick.lines.length) { pick.lines = [element("li", "scan-hint", say("no_other_place"))]; }
  } else if (kind === "stock_take") {
    pick.lines = [pickLine({ title: say("begin_count"), below: session.place, run: () => inTurn(() => begin({ blind: $("blind").checked })), data: { id: "begin-count" } })];
  }
  $("prepare-title").textContent = pick.title;
  $("pick").replaceChildren(...pick.lines);
}

function drawList() {
  const made = [];
  const missing = session.blind ? [] : tally.missing();
  const surplus = session.blind ? [] : tally.surplus();
  if (missing.length) { made.push(codeList(say("missing_codes"), missing, "rt-warn")); }
  const short = session.kind === "dispatch" && !tally.complete ? tally.rows().filter((row) => row.have < row.want) : [];
  if (short.length) { const list = element("ul", "scan-types"); showTypes(list, short, nameOfType, true); made.push(element("h2", "rt-state rt-warn", say("missing_codes")), list); }
  if (surplus.length) { made.push(codeList(say("surplus_codes"), surplus, "rt-warn")); }
  const records = log.filter((record) => record.type !== "void").reverse();
  const own = new Set(records.map((record) => record.code));
  const others = session.kind === "dispatch" ? (books.shipments.get(session.shipment)?.scanned || []).filter((one) => !own.has(one.code) && !(session.undone || []).includes(one.code)) : [];
  const lines = scanLines([...records, ...others.map((one) => ({ ...one, kind: "ok", state: "done" }))].slice(0, 500), undo);
  const list = element("ol", "scan-last");
  list.append(...lines);
  made.push(element("h2", "", say("scanned_codes")), list);
  $("lists").replaceChildren(...made);
  $("hand-over-help").textContent = say("hand_over_help", { number: shortNumber(session) });
}

function openClosing() {
  pad.clear();
  $("closing-error").textContent = "";
  $("finished-by").value = session.finished_by || person;
  $("difference-reason").value = "";
}
function drawFinish() {
  const rows = tally.rows();
  const total = tally.total();
  const right = tally.complete && !tally.waiting && total.have > 0;
  const open = here().length;
  const warnings = log.filter((record) => record.kind === "warn" && record.type !== "void").length;
  const kind = right && !open ? "ok" : "warn";
  $("result").dataset.kind = kind;
  $("result-icon").textContent = ICONS[kind];
  $("result-word").textContent = total.want === null ? say("counted", { count: total.have }) : say("of", { count: total.have, expected: total.want });
  const done = session.state === "finished";
  $("result-text").textContent = [
    tally.waiting ? say("unsent_finish", { count: tally.waiting }) : "", open ? say("refused_scans", { count: open }) : "",
    warnings ? say("warnings", { count: warnings }) : "", !total.have ? say("nothing") : tally.complete ? "" : say("differs"),
    done ? say(session.dirty ? "finished_kept" : "finished") : "",
  ].filter(Boolean).join(" · ");
  // nothing is missing where boxes of a type that is not known yet fill the number
  showTypes($("differences"), rows, nameOfType, !(tally.complete && tally.have.get("")));
  const missing = session.result?.missing || tally.missing();
  if (tally.exact && session.kind === "stock_take" && missing.length) { $("differences").append(element("li", "", `${say("missing_codes")}: ${missing.slice(0, 30).join(", ")}`)); }
  const surplus = session.result?.surplus || tally.surplus();
  if (surplus.length) { $("differences").append(element("li", "", `${say("surplus_codes")}: ${surplus.slice(0, 30).join(", ")}`)); }
  $("closing").hidden = done;
  $("reason-row").hidden = tally.complete;
  $("to-shipment").hidden = session.kind !== "dispatch" || !done || !books.snapshot.opens_shipments;
  $("to-shipment").href = `/shipments/${encodeURIComponent(session.shipment)}`;
  $("go-on").hidden = done;
}
async function closeSession() {
  const name = $("finished-by").value.trim();
  const reason = $("difference-reason").value.trim();
  if (!name && pad.empty()) { $("closing-error").textContent = say("name_needed"); $("finished-by").focus(); return; }
  if (!tally.complete && !reason) { $("closing-error").textContent = say("reason_needed"); $("difference-reason").focus(); return; }
  await finishDraft();
  let signature = "";
  try {
    if (!pad.empty()) { signature = await queue.keepPhoto(await pad.blob()); }
    session = await queue.changeSession(session.id, { state: "finished", finished_by: name, signature, difference_reason: reason, dirty: true });
  } catch {
    $("closing-error").textContent = say("storage_full");
    return;
  }
  signal("ok");
  draw();
  sync.now();
}

function drawStatus() {
  const state = badgeState();
  $("status-title").textContent = state.title;
  $("status-text").textContent = state.help;
  $("export").hidden = !figures.unsent && !figures.refused;
  $("status-cards").replaceChildren(...attention.map((entry) => card(entry, answersOf({ ...entry, late: true }, entry))));
}
function badgeState() {
  const { unsent, refused, oldest } = figures;
  const phase = sync ? sync.phase : "idle";
  const since = screen === "status" || screen === "menu" ? whenWords(oldest) : ""; // only there it is shown, and it is dear
  if (refused) { return { state: "refused", icon: "×", text: [say("badge_refused", { count: refused }), unsent ? say("badge_unsent", { count: unsent }) : ""].filter(Boolean).join("\n"), title: say("badge_refused", { count: refused }), help: say("refused_help") }; }
  if (!unsent) { return { state: "idle", icon: "✓", text: say("all_sent"), title: say("all_sent"), help: say("all_sent_help") }; }
  const text = say("badge_unsent", { count: unsent });
  if (Date.now() - oldest > OLD) { return { state: "old", icon: "!", text, title: say("unsent_since", { count: unsent, since }), help: say("old_help") }; }
  if (phase === "sending") { return { state: "sending", icon: "↑", text: say("badge_sending", { count: unsent }), title: say("badge_sending", { count: unsent }), help: say("sending_help") }; }
  const help = { signin: "sign_in_help", password: "password", revoked: "revoked", norights: "norights", busy: "busy_help" }[phase] || "offline_help";
  return { state: "unsent", icon: "⇡", text, title: say("unsent_since", { count: unsent, since }), help: say(help) };
}
function showBadgeNow() { showBadge(badgeState()); if (screen === "status") { drawStatus(); } }

function whenWords(time) {
  return time ? new Intl.DateTimeFormat(currentLanguage() === "zh" ? "zh-CN" : "en-GB", { dateStyle: "short", timeStyle: "short" }).format(time) : "";
}

/** The badge says so at once; the queue is asked for the exact number a little later. */
function oneMore(at) {
  figures = { ...figures, unsent: figures.unsent + 1, oldest: figures.oldest || at };
  showBadgeNow();
}

async function exportQueue() {
  const address = URL.createObjectURL(new Blob([await queue.exportText()], { type: "application/json" }));
  const link = element("a", "", "", { href: address, download: `scans-${localTime(new Date()).slice(0, 16).replace(/[:T]/g, "")}.json` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

function drawMenu() {
  for (const choice of document.querySelectorAll("[data-language]")) { choice.setAttribute("aria-pressed", String(choice.dataset.language === currentLanguage())); }
  $("menu-status").textContent = badgeState().title;
  $("device-name").value = device.name;
  $("device-name").disabled = Boolean(device.token);
  $("device-form").querySelector("button").hidden = Boolean(device.token);
  $("device-text").textContent = say(device.token ? "device_registered" : "device_help");
  $("install").hidden = !installer;
  $("update").hidden = !waitingWorker;
  $("version-text").textContent = say("version", { version: VERSION });
}
function drawHelp() {
  $("keys").replaceChildren(...Object.entries(KEYS).flatMap(([key, name]) => [element("dt", "", key), element("dd", "", say(`key_${name}`))]));
}
async function register(name) {
  if (!name) { return; }
  const answer = await server.call("/api/v1/scan/devices", { method: "POST", json: { name } });
  if (answer && answer.status === 201) {
    device = { id: answer.body.id, name: answer.body.name, token: answer.body.token };
    await queue.set("device", device);
    server.token = device.token;
    showNote("");
    draw();
    sync.now();
  } else if (answer && answer.status === 401) { sync.enter("signin"); }
  else { $("device-text").textContent = (answer && answer.body?.error?.text) || say("no_connection_device"); }
}

// ------------------------------------------------------------------ the app as an app

let waitingWorker = null;
let installer = null;
let reloadWanted = false;
async function startWorker() {
  window.addEventListener("beforeinstallprompt", (event) => { event.preventDefault(); installer = event; if (screen === "menu") { drawMenu(); } });
  if (!navigator.serviceWorker) { return; } // plain http: the page works, but not without a network
  const controlled = Boolean(navigator.serviceWorker.controller);
  navigator.serviceWorker.addEventListener("controllerchange", () => { if (controlled) { reloadWanted = true; takeNewVersion(); } });
  try {
    const registration = await navigator.serviceWorker.register("/scan/sw.js", { scope: "/scan", updateViaCache: "none" });
    if (!registration) { return; }
    const ready = () => { waitingWorker = controlled ? registration.waiting : null; takeNewVersion(); };
    ready();
    registration.addEventListener("updatefound", () => registration.installing?.addEventListener("statechange", ready));
    setInterval(() => registration.update().catch(() => {}), 3600e3);
  } catch (error) { console.warn(error); }
}
/** A new version comes in only between scans: on the start screen, when nothing is being kept. */
function takeNewVersion(now = false) {
  if (!now && (screen !== "start" || !document.body.dataset.ready)) { return; }
  inTurn(() => {
    if (reloadWanted) { location.reload(); } else if (waitingWorker) { waitingWorker.postMessage("take over"); }
  });
}

// ------------------------------------------------------------------ buttons

function wire() {
  const click = (id, run) => $(id).addEventListener("click", run);
  for (const made of document.querySelectorAll(".scan-big[data-mode]")) { made.addEventListener("click", () => { unlockSound(); inTurn(() => choose(made.dataset.mode)); }); }
  $("place").addEventListener("change", async () => { if ($("place").value) { await queue.set("place", $("place").value); elsewhereAt = 0; refresh(); } });
  click("back", back);
  click("menu", () => go("menu"));
  click("badge", () => { sync.now(); go("status"); });
  click("total-row", () => go("list"));
  click("finish", () => go("finish"));
  click("go-on", () => go("scan"));
  click("new", () => go("start"));
  click("send-now", () => sync.now());
  click("export", exportQueue);
  click("to-status", () => go("status"));
  click("to-help", () => go("help"));
  click("hand-over", async () => { await queue.changeSession(session.id, { dirty: true }); sync.sessionsSent.delete(session.id); sync.now(); showNote(say("hand_over_note", { number: shortNumber(session) })); });
  click("camera-on", toggleCamera);
  click("camera-off", cameraOff);
  click("torch", () => camera?.torch());
  click("zoom", nextZoom);
  $("lens").addEventListener("change", () => camera?.choose($("lens").value));
  click("clear-signature", () => pad.clear());
  $("closing").addEventListener("submit", (event) => { event.preventDefault(); closeSession(); });
  $("device-form").addEventListener("submit", (event) => { event.preventDefault(); register($("device-name").value.trim()); });
  for (const choice of document.querySelectorAll("[data-language]")) {
    choice.addEventListener("click", () => { chooseLanguage(choice.dataset.language); });
  }
  for (const choice of document.querySelectorAll("[data-mark]")) {
    // in its turn: what was read before the choice goes by the old one, what is read after it by the new one
    choice.addEventListener("click", () => { inTurn(async () => { await finishDraft(); mark = choice.dataset.mark; drawScan(); }); wedge.focus(); });
  }
  $("damage-reason").replaceChildren(...DAMAGES.map((reason) => option(reason, say(reason), false)));
  $("photo").addEventListener("change", async () => { await takePhoto($("photo").files[0]); $("photo").value = ""; wedge.focus(); });
  click("install", async () => { await installer.prompt(); installer = null; drawMenu(); });
  click("update", () => takeNewVersion(true));
}
/** The answers of the server come in the language of the person: it is told, when it can be. */
async function chooseLanguage(language) {
  setLanguage(language);
  $("damage-reason").replaceChildren(...DAMAGES.map((reason) => option(reason, say(reason), false)));
  draw();
  await server.ping();
  const body = new URLSearchParams({ language, back: "/scan" });
  fetch("/language", { method: "POST", redirect: "manual", headers: { "X-CSRFToken": server.csrf }, body }).catch(() => {});
}

start();
