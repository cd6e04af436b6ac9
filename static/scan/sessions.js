// What is being done: one session for one shipment, one return, one count. Pure: what is expected, what was counted, what
// is missing and what is too much. The scans of a session are the records of the queue with its id.

import { counts } from "./sync.js";
import { localTime, uuid } from "./queue.js";

/** kind → the event that a scan in it makes. A damage is reported inside an inspection. */
export const KINDS = {
  dispatch: "dispatch", return: "return", receive: "receive", stock_take: "stock_take", inspect: "inspect", transfer: "transfer_out",
};

export function newSession(kind, fields) {
  return {
    id: uuid(), kind, place: "", shipment: "", party: "", destination: "", blind: false, state: "open",
    started: localTime(new Date()), begun: Date.now(), version: 0, dirty: true, before: [], ...fields,
  };
}

/** From a row of the server: a session that another device began. */
export function takenOver(row) {
  return newSession(row.kind, {
    id: row.uuid, place: row.place || "", shipment: row.shipment || "", party: row.party || "", destination: row.destination || "",
    started: row.started, begun: Date.parse(row.started) || Date.now(), version: row.version, dirty: false, before: row.seen || [],
  });
}

/** The first letters of its id: what one worker tells the other. */
export function shortNumber(session) { return session.id.slice(0, 4).toUpperCase(); }

/** The event of a scan in this session, without what the queue adds. `mark`: {type, reason} of an inspection. */
export function eventOf(session, text, device, mark = {}) {
  const event = {
    event_id: uuid(), type: mark.type || KINDS[session.kind], scanned_text: text.slice(0, 600), event_time: localTime(new Date()),
    place: session.place, device,
  };
  if (session.kind === "dispatch") { event.shipment = session.shipment; }
  if (session.kind === "transfer") { event.destination = session.destination; }
  if (["return", "receive"].includes(session.kind) && session.party) { event.party = session.party; }
  if (mark.reason) { event.reason = mark.reason; }
  return event;
}

const WANTED = new Map(); // id of a session → how many of which type that are
const FROZEN = new Map(); // id of a session → its expected codes

/** What stood in the books when a count began: the boxes that it finds change the books, not what was expected. */
export function freeze(id, codes) { FROZEN.set(id, new Set(codes)); WANTED.delete(id); }
export function isFrozen(id) { return FROZEN.has(id); }

export class Tally {
  /** records: of this session, oldest first. books: rules.Books. */
  constructor(session, records, books) {
    this.session = session;
    this.books = books;
    this.list = new Map(); // code → {type, record or null}
    this.have = new Map(); // type → how many
    this.open = new Set(); // sequences of what the server has not answered
    for (const one of this.scannedBefore()) { this.add(one.code, null, one.asset_type); }
    for (const code of session.before || []) { this.add(code, null, session.types?.[code]); }
    for (const record of records) { this.take(record); }
  }

  get waiting() { return this.open.size; }

  /** A scan of this session, new or as the server has answered it. */
  take(record) {
    if (record.type === "void") { return; }
    if (["unsent", "draft"].includes(record.state)) { this.open.add(record.sequence); } else { this.open.delete(record.sequence); }
    if (counts(record)) { this.add(record.code, record); } else if (this.list.get(record.code)?.record?.sequence === record.sequence) { this.remove(record.code); }
  }

  scannedBefore() { // by the server: scans of other devices onto the same shipment
    const row = this.session.kind === "dispatch" && this.books.shipments.get(this.session.shipment);
    const undone = new Set(this.session.undone || []);
    return row ? row.scanned.filter((one) => !undone.has(one.code)) : [];
  }

  /** `told`: the type as the server has named it; an older snapshot names none. */
  add(code, record, told = "") {
    if (!code) { return; }
    const type = (record && record.asset_type) || told || this.books.find(code)?.type || this.list.get(code)?.type || "";
    this.remove(code);
    this.list.set(code, { type, record });
    this.have.set(type, (this.have.get(type) || 0) + 1);
  }
  remove(code) {
    const held = this.list.get(code);
    if (held) { this.list.delete(code); this.have.set(held.type, this.have.get(held.type) - 1); }
  }
  has(code) { return this.list.has(code); }

  /** Codes that should be found, where they are known one by one: at home for a count, away for a return. */
  expectedCodes() {
    if (this.codes) { return this.codes; }
    const { kind, place, party, id } = this.session;
    if (FROZEN.has(id)) { this.codes = FROZEN.get(id); return this.codes; }
    const wanted = {
      stock_take: (box) => box.place === place && ["available", "returned", "damaged_here", "in_repair"].includes(box.state),
      return: (box) => party && box.holder === party && ["in_transit_out", "at_partner", "in_transit_back", "damaged_away"].includes(box.state),
      receive: (box) => box.state === "in_transit_own",
      inspect: (box) => box.place === place && box.state === "returned",
    }[kind];
    this.codes = new Set();
    if (wanted) { for (const [code, box] of this.books.boxes) { if (wanted(box)) { this.codes.add(code); } } }
    return this.codes;
  }

  wanted() { // counted once: a count of 5,000 boxes asks for it at every scan
    const { id } = this.session;
    if (!WANTED.has(id)) {
      const found = new Map();
      for (const code of this.expectedCodes()) { const type = this.books.boxes.get(code)?.type || ""; found.set(type, (found.get(type) || 0) + 1); }
      WANTED.set(id, found);
    }
    return WANTED.get(id);
  }

  /** Whether a number is expected at all, so that a difference needs a reason. */
  get exact() { return ["dispatch", "stock_take"].includes(this.session.kind); }

  /**
   * [{type, have, want}], expected types first; want is null where nothing was promised, and on a shipment for boxes whose
   * type this device does not know yet: they may well be what is still missing.
   */
  rows() {
    const { have } = this;
    const want = new Map();
    if (this.session.kind === "dispatch") {
      for (const row of this.books.shipments.get(this.session.shipment)?.expected || this.session.expected || []) { want.set(row.asset_type, row.count); }
    } else if (this.session.kind === "stock_take") {
      for (const [type, count] of this.wanted()) { want.set(type, count); }
    }
    const rows = [...want].map(([type, count]) => ({ type, have: have.get(type) || 0, want: count }));
    for (const [type, count] of have) { if (count && !want.has(type)) { rows.push({ type, have: count, want: this.exact && (type || this.session.kind !== "dispatch") ? 0 : null }); } }
    return rows;
  }
  total() {
    const rows = this.rows();
    const sum = (field) => rows.reduce((total, row) => total + (row[field] || 0), 0);
    return { have: this.list.size, want: this.exact ? sum("want") : null };
  }
  /** True when what was scanned is what was expected, or nothing was. */
  get complete() {
    if (this.session.kind === "stock_take") { return !this.missing().length && !this.surplus().length; }
    if (!this.exact) { return true; }
    const rows = this.rows();
    const missing = rows.reduce((total, row) => total + Math.max(0, row.want - row.have), 0);
    return rows.every((row) => row.want === null || row.have <= row.want) && missing === (this.have.get("") || 0);
  }
  missing() { return [...this.expectedCodes()].filter((code) => !this.list.has(code)).sort(); }
  surplus() {
    if (this.session.kind === "dispatch") { // of a type that is not on the shipment, or the last ones beyond its number
      const left = new Map(this.rows().map((row) => [row.type, row.want || 0]));
      const beyond = [];
      const unknown = [];
      for (const [code, { type }] of this.list) {
        if (left.get(type) > 0) { left.set(type, left.get(type) - 1); } else { (type ? beyond : unknown).push(code); }
      }
      return [...beyond, ...unknown.slice([...left.values()].reduce((total, count) => total + count, 0))];
    }
    const expected = this.expectedCodes();
    return this.session.kind === "stock_take" ? [...this.list.keys()].filter((code) => !expected.has(code)).sort() : [];
  }
}
