// What a text is and what a scan means, told at once and without the server. Pure: no page, no storage.
//
// The rules are not written a second time: the snapshot brings the server's own table (assets/event_types.py), and this
// module only walks it. What it says is provisional. The lists of a device may be old, so the server has the last word.

const MAX_LENGTH = 512; // as assets/scanned_text.py
const INVISIBLE = /[\ufeff\u200b-\u200f\u202a-\u202e\u2060-\u2069\u00ad\ufe0f]/g;
const DASHES = /[\u2010-\u2015\u2212\ufe58\ufe63]/g;
const ENDS = /^[ \t\r\n\0\x02\x03\x1c\x1d]+|[ \t\r\n\0\x02\x03\x1c\x1d]+$/g;
const AIM = /^\][A-Za-z][0-9A-Za-z]/;
const SEPARATOR = /<GS>|\{GS\}|\\x1d|\\u001d|\^\]|␝/gi;
const OWN_CODE = /^[A-Z0-9][A-Z0-9-]{2,22}[A-Z0-9]$/;

/**
 * {kind, code}: kind is box (code: of the box, or 14 digits and serial), shipment (code: number), or unreadable ("").
 * Of a text that came twice, code is that of its half, and whole the other reading: X+X may be a code of its own.
 */
export function readText(text) {
  const whole = clean(text);
  const found = readOnce(whole);
  const lines = whole.split(/[\r\n\t]+/).filter(Boolean); // two output channels at once, with or without a line break
  const half = lines.length === 2 && lines[0] === lines[1] ? lines[0] : whole.slice(0, whole.length / 2);
  if (!half || half + half !== lines.join("")) { return found; }
  const once = readOnce(half);
  return once.kind === "unreadable" ? found : { ...once, whole: found.code };
}

function clean(text) {
  return text.slice(0, MAX_LENGTH + 1).replace(INVISIBLE, "").replace(ENDS, "").normalize("NFKC").replace(DASHES, "-").replace(ENDS, "");
}

function readOnce(text) {
  const nothing = { kind: "unreadable", code: "" };
  if (!text || text.length > MAX_LENGTH) { return nothing; }
  const plain = text.replace(AIM, "").replace(SEPARATOR, "\x1d").replace(ENDS, "");
  if (/^https?:\/\//i.test(plain)) { return readLink(plain) || nothing; }
  let found = /^\(8003\)\s*([0-9]{14}[^\x1d(]*)/.exec(plain) || /^8003([0-9]{14}[^\x1d]*)/.exec(plain);
  if (found) { return box(found[1]); }
  found = /^urn:epc:(?:id|tag):grai(?:-\d+)?:(?:\d\.)?(\d+)\.(\d+)\.(.+)$/i.exec(plain);
  if (found && found[1].length + found[2].length === 12) {
    const digits = `0${found[1]}${found[2]}`;
    return box(digits + checkDigit(digits) + safeDecode(found[3]));
  }
  found = /^\[\)>.*?[\x1d\x1e](?:1B|B)([A-Z0-9-]{4,24})(?:[\x04\x1d\x1e]|$)/is.exec(plain);
  if (found) { return box(found[1]); }
  const code = plain.toUpperCase();
  return OWN_CODE.test(code) || /^0[0-9]{13}[A-Z0-9-]{1,16}$/.test(code) ? { kind: "box", code } : nothing;
}

function readLink(text) {
  const path = safeDecode(text.replace(/^https?:\/\/[^/]*/i, "").split(/[?#]/)[0]);
  let found = /(?:^|\/)8003\/([^/]+)/.exec(path);
  if (found) { return box(found[1]); }
  found = /(?:^|\/)([as])\/([^/]+)\/?$/i.exec(path);
  if (!found) { return null; }
  return { kind: found[1].toLowerCase() === "s" ? "shipment" : "box", code: found[2].toUpperCase() };
}

function box(text) { return { kind: "box", code: text.trim().toUpperCase() }; }
function safeDecode(text) { try { return decodeURIComponent(text); } catch { return text; } }
function checkDigit(digits) {
  const sum = [...digits].reverse().reduce((total, digit, index) => total + Number(digit) * (index % 2 ? 1 : 3), 0);
  return String((10 - (sum % 10)) % 10);
}

/** A short text for people when nothing better is known of what was read. */
export function shortText(text) {
  const visible = String(text || "").replace(/[\u0000-\u001f\u007f]/g, "");
  const parts = visible.split(/[?#]/)[0].replace(/\/+$/, "").split("/");
  return safeDecode(parts[parts.length - 1] || visible).slice(0, 40);
}

/** The snapshot, ready to be asked. `learn` takes what scans of this device made of a box since then. */
export class Books {
  constructor(snapshot) {
    this.snapshot = snapshot || { boxes: {}, table: {}, reasons: {}, happened: {}, event_types: [], places: [], parties: [], types: [], shipments: [] };
    this.boxes = new Map();
    this.byGrai = new Map();
    // state is the column of the table: a damaged box is damaged_here or damaged_away
    for (const [code, [type, state, holder, place, shipment, grai]] of Object.entries(this.snapshot.boxes)) {
      this.boxes.set(code, { code, type, state, holder: holder || "", place: place || "", shipment: shipment || "" });
      if (grai) { this.byGrai.set(grai, code); }
    }
    this.changed = new Map();
    this.places = new Map(this.snapshot.places.map((place) => [place.code, place]));
    this.types = new Map(this.snapshot.types.map((type) => [type.code, type]));
    this.eventTypes = new Map(this.snapshot.event_types.map((type) => [type.code, type]));
    this.shipments = new Map(this.snapshot.shipments.map((row) => [row.number, row]));
  }

  get known() { return Object.keys(this.snapshot.table).length > 0; }

  find(code) {
    // 14 digits of a GRAI and the serial, which is the code; as long as no box is called so itself
    const own = this.boxes.has(code) ? code : this.byGrai.get(code) || (/^[0-9]{14}./.test(code) ? code.slice(14) : code);
    return this.changed.get(own) || this.boxes.get(own) || null;
  }
  /** The code of the box that readText() has found. */
  codeIn(found) { return this.codeOf(found.whole && this.boxes.has(found.whole) ? found.whole : found.code); }
  codeOf(text) { return this.find(text)?.code || (/^0[0-9]{13}./.test(text) ? text.slice(14) : text); }
  learn(box) { this.changed.set(box.code, box); }
  forget() { this.changed.clear(); }

  isOwn(place) { return Boolean(this.places.get(place)?.own); }
}

const CONDITIONS = {
  "": () => true,
  same_shipment: (box, event) => Boolean(event.shipment) && box.shipment === event.shipment,
  same_party: (box, event, books) => [undefined, "", box.holder].includes(partner(event, books)),
  at_holder: (box, event, books) => Boolean(partner(event, books)) && partner(event, books) === box.holder,
  same_place: (box, event) => Boolean(event.place) && box.place === event.place,
  moving: (box) => box.state === "in_transit_own",
  must_be_inspected: (box, event, books) => Boolean(books.types.get(box.type)?.must_be_inspected),
  just_left_here: (box, event) => box.left !== undefined && event.at - box.left < 2 * 3600e3 && box.place === event.place,
  just_returned: (box, event) => box.home !== undefined && event.at - box.home < 12 * 3600e3,
  just_returned_here: (box, event) => box.home !== undefined && event.at - box.home < 12 * 3600e3 && box.place === event.place,
  cancellable: (box, event) => box.left !== undefined && event.at - box.left < 24 * 3600e3 && box.shipment === event.shipment,
  certified: (box, event) => Boolean(event.document),
};
function partner(event, books) { return event.party || books.places.get(event.place)?.party; }

/** Which kind of scan this is: receiving means another one by state and place (state.acts_as on the server). */
export function actsAs(box, event, books) {
  if (event.type !== "receive") { return event.type; }
  if (event.place && books.places.has(event.place) && !books.isOwn(event.place)) { return "arrive"; }
  return ["in_transit_out", "at_partner", "in_transit_back", "damaged_away", "lost"].includes(box.state) ? "return" : "transfer_in";
}

/**
 * {kind, reason, box}: what an event does by the lists of this device. kind: ok, known, warn, ask, bad, or unsure where
 * the lists do not hold the box. `box` is what becomes of it. event: {type, place, party, shipment, at (ms), happened}.
 */
export function judge(box, event, books) {
  if (!box || !books.known) { return { kind: "unsure", reason: "", box: null }; }
  const acts = actsAs(box, event, books);
  const row = books.snapshot.table[acts] || {};
  const cells = row[box.state] || [];
  const cell = cells.find(([condition]) => CONDITIONS[condition]?.(box, event, books)) || cells[cells.length - 1];
  if (!cell) { return { kind: "unsure", reason: "", box: null }; }
  let [, verdict, reason, target] = cell;
  if (event.happened && (verdict === "?" || verdict === "✗") && box.state !== "none") {
    target = box.state === "gone" ? "" : target || books.snapshot.happened[acts] || "";
    verdict = "w"; // what has happened is never refused for its state
  }
  const kind = { "→": "ok", "=": "known", w: "warn", "?": "ask", "✗": "bad" }[verdict] || "unsure";
  const taken = kind === "ok" || kind === "warn";
  return { kind, reason: reason || "", box: taken && target ? moved(box, event, target, books) : box };
}

const STATE_AFTER = {
  AVA: "available", OUT: "in_transit_out", UND: "available", PAR: "at_partner", BCK: "in_transit_back", RET: "returned",
  MOV: "in_transit_own", REP: "in_repair", FIX: "available", LOST: "lost", GONE: "gone",
};
const STAYS_DAMAGED = { OUT: "damaged_away", PAR: "damaged_away", BCK: "damaged_away", RET: "damaged_here", IN: "damaged_here", MOV: "damaged_away" };
const AWAY = ["in_transit_out", "at_partner", "in_transit_back", "in_transit_own", "damaged_away"];

function moved(box, event, target, books) {
  let state = STATE_AFTER[target] || box.state;
  if (target === "IN" && box.state === "in_transit_own") { state = "available"; }
  if (target === "DMG") { state = AWAY.includes(box.state) ? "damaged_away" : "damaged_here"; }
  if (box.state.startsWith("damaged") && STAYS_DAMAGED[target]) { state = STAYS_DAMAGED[target]; }
  const after = { ...box, state };
  if (target === "OUT") {
    Object.assign(after, { shipment: event.shipment || "", left: event.at, home: undefined });
  } else if (["AVA", "RET", "IN", "UND"].includes(target)) {
    Object.assign(after, { shipment: "", left: undefined, home: target === "RET" ? event.at : box.home });
  }
  if (event.place && target !== "DMG") { after.place = event.place; }
  if (["PAR", "BCK"].includes(target)) { after.holder = partner(event, books) || box.holder; }
  return after;
}
