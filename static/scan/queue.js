// What this device keeps, in IndexedDB: every scan from the moment it was read, until the server has answered it.
//
//   scans     one record for each scan, by its sequence number: what was read, the event to be sent, what became of it
//   batches   which scans were sent under which key, as long as no answer has come: a repetition must be the same batch
//   sessions  what is being done here: dispatch for a shipment, a count …
//   photos    pictures and signatures by their SHA-256, until they are sent
//   meta      device, token, snapshot, choices, and what a count expects
//
// A write is over when it is on the disk ("strict"), not when it has left for there: then the light turns green.

import { openDB } from "/static/vendor/idb/idb.js";

const STRICT = { durability: "strict" };
const VERSION = 1;

export class StorageRefused extends Error {}

/** Another tab of a newer version wants to change the tables: `onOld` is told, and lets go. */
export async function openQueue(onOld = () => {}) {
  let db;
  try {
    db = await openDB("rt-scan", VERSION, {
      upgrade(made, from) {
        if (from < 1) {
          // the browser's own counter: never the same number twice, also in two tabs and after a number was deleted
          const scans = made.createObjectStore("scans", { keyPath: "sequence", autoIncrement: true });
          scans.createIndex("state", "state");
          scans.createIndex("session", "session");
          scans.createIndex("event_id", "event_id", { unique: true });
          made.createObjectStore("batches", { keyPath: "key" });
          made.createObjectStore("sessions", { keyPath: "id" });
          made.createObjectStore("photos", { keyPath: "sha256" });
          made.createObjectStore("meta");
        }
      },
      blocking() { db.close(); onOld(); },
    });
  } catch (error) {
    throw new StorageRefused(String(error));
  }
  const queue = new Queue(db);
  await queue.carryOn();
  return queue;
}

export class Queue {
  constructor(db) {
    this.db = db;
    this.carried = 0; // of the pages before this one
    this.channel = "BroadcastChannel" in window ? new BroadcastChannel("rt-scan") : null;
    this.listeners = [];
    if (this.channel) { this.channel.onmessage = () => this.listeners.forEach((listener) => listener(true)); }
  }

  onChange(listener) { this.listeners.push(listener); }
  changed() {
    this.listeners.forEach((listener) => listener(false));
    if (this.channel) { this.channel.postMessage("changed"); }
  }

  // ------------------------------------------------------------ meta

  get(key) { return this.db.get("meta", key); }
  async set(key, value) {
    const write = this.db.transaction("meta", "readwrite", STRICT);
    await Promise.all([write.store.put(value, key), write.done]);
  }

  // ------------------------------------------------------------ a clock that nobody can set

  /** ms. While no page is open it goes by the wall clock, but never back. */
  uptime() { return this.carried + performance.now(); }
  async carryOn() {
    const last = await this.db.transaction("scans").store.openCursor(null, "prev");
    const known = [await this.get("counter"), last && last.value.up !== undefined ? { up: last.value.up, wall: last.value.at } : null];
    const latest = known.filter(Boolean).sort((a, b) => b.up - a.up)[0];
    if (latest) { this.carried = latest.up + Math.max(0, Date.now() - latest.wall) - performance.now(); }
  }
  noteCounter() { return this.set("counter", { up: this.uptime(), wall: Date.now() }).catch(() => {}); }

  // ------------------------------------------------------------ scans

  /** Keep a scan; gives it back with its sequence number. Throws StorageRefused: then it is not kept, and nothing may say so. */
  async keep(record) {
    try {
      const kept = { state: "unsent", up: this.uptime(), ...record };
      const write = this.db.transaction("scans", "readwrite", STRICT);
      const adding = write.store.add(kept);
      write.commit(); // not first back here to ask whether there is more
      const [sequence] = await Promise.all([adding, write.done]);
      setTimeout(() => this.changed()); // after the picture
      return { ...kept, sequence };
    } catch (error) {
      throw new StorageRefused(String(error));
    }
  }

  /** Change kept scans: `changes` are [{sequence, …fields}]. */
  async change(changes) {
    const write = this.db.transaction("scans", "readwrite", STRICT);
    await Promise.all(changes.map((change) => patch(write.store, change)));
    await write.done;
    this.changed();
  }

  /** The same records, read again. */
  async again(records) {
    const { store } = this.db.transaction("scans");
    return (await Promise.all(records.map((record) => store.get(record.sequence)))).map((found, index) => found || records[index]);
  }
  ofSession(id) { return this.db.getAllFromIndex("scans", "session", id); }
  byEvent(id) { return this.db.getFromIndex("scans", "event_id", id); }

  /** What a person has to look at: refused by the server, or asked back. Oldest first. */
  async cards() {
    const both = await Promise.all(["refused", "ask"].map((state) => this.db.getAllFromIndex("scans", "state", state)));
    return both.flat().sort((a, b) => a.sequence - b.sequence);
  }

  async unsent() {
    const both = await Promise.all(["unsent", "draft"].map((state) => this.db.getAllFromIndex("scans", "state", state)));
    return both.flat().sort((a, b) => a.sequence - b.sequence);
  }

  /** {unsent, refused, oldest (ms or null)} */
  async counts() {
    const read = this.db.transaction("scans");
    const index = read.store.index("state");
    const [unsent, drafts, refused, asked, ...first] = await Promise.all([
      index.count("unsent"), index.count("draft"), index.count("refused"), index.count("ask"), index.get("unsent"), index.get("draft"),
    ]);
    const times = first.filter(Boolean).map((record) => record.at);
    return { unsent: unsent + drafts, refused: refused + asked, oldest: times.length ? Math.min(...times) : null };
  }

  // ------------------------------------------------------------ batches

  /**
   * {key, records, tries}: what is to be sent now; null when nothing is. A batch without an answer is sent again under its
   * key before anything else. `prepare(record)` gives the event as it stays as long as the batch is open: the same id with
   * another body would be a conflict.
   */
  async nextBatch(limit, user, prepare) {
    const write = this.db.transaction(["scans", "batches"], "readwrite", STRICT);
    const scans = write.objectStore("scans");
    const batches = write.objectStore("batches");
    const taken = new Set();
    for (const batch of await batches.getAll()) {
      const found = await Promise.all(batch.sequences.map((sequence) => scans.get(sequence)));
      const records = found.filter((record) => record && record.state === "unsent");
      if (!records.length) { batches.delete(batch.key); continue; }
      if (batch.user && user && batch.user !== user) { batch.sequences.forEach((sequence) => taken.add(sequence)); continue; }
      batch.tries += 1;
      batches.put(batch);
      await write.done;
      return { key: batch.key, tries: batch.tries, records: records.map((record) => ({ ...record, event: batch.events[record.sequence] || record.event })) };
    }
    const mine = (record) => !taken.has(record.sequence) && (!record.user || !user || record.user === user);
    let waiting = (await scans.index("state").getAll("unsent", limit)).filter(mine);
    if (waiting.length < limit) { waiting = (await scans.index("state").getAll("unsent")).filter(mine).slice(0, limit); }
    if (!waiting.length) { await write.done; return null; }
    const batch = { key: uuid(), user: waiting[0].user, tries: 1, sequences: waiting.map((record) => record.sequence), events: {} };
    const records = waiting.map((record) => {
      const event = prepare(record);
      if (event !== record.event) { batch.events[record.sequence] = event; }
      return { ...record, event };
    });
    batches.put(batch);
    await write.done;
    return { key: batch.key, tries: 1, records };
  }

  /** The batch was answered: what its scans have become, and the end of its key, in one step. */
  async settle(key, changes) {
    const write = this.db.transaction(["scans", "batches"], "readwrite", STRICT);
    const scans = write.objectStore("scans");
    // one after the other only where one scan is changed twice
    const merged = new Map();
    for (const change of changes) { merged.set(change.sequence, { ...merged.get(change.sequence), ...change }); }
    const settled = await Promise.all([...merged.values()].map((change) => patch(scans, change)));
    write.objectStore("batches").delete(key);
    await write.done;
    this.changed();
    return settled.filter(Boolean);
  }

  /** The batch cannot be sent as it is: its scans go into other ones. */
  async release(key) {
    const write = this.db.transaction("batches", "readwrite", STRICT);
    write.store.delete(key);
    await write.done;
  }

  // ------------------------------------------------------------ sessions and photos

  sessions() { return this.db.getAll("sessions"); }
  session(id) { return this.db.get("sessions", id); }
  async saveSession(session) {
    const write = this.db.transaction("sessions", "readwrite", STRICT);
    await Promise.all([write.store.put(session), write.done]);
  }
  /** Change single fields of a session, whatever another tab has changed in the meantime. */
  async changeSession(id, fields) {
    const write = this.db.transaction("sessions", "readwrite", STRICT);
    const session = await write.store.get(id);
    if (session) { Object.assign(session, fields); write.store.put(session); }
    await write.done;
    return session;
  }
  async dropSession(id) {
    const write = this.db.transaction(["sessions", "scans", "meta"], "readwrite", STRICT);
    write.objectStore("sessions").delete(id);
    write.objectStore("meta").delete(`expected:${id}`);
    for (const record of await write.objectStore("scans").index("session").getAll(id)) {
      if (record.state === "done") { write.objectStore("scans").delete(record.sequence); }
    }
    await write.done;
  }

  async keepPhoto(blob) {
    const bytes = await blob.arrayBuffer();
    const digest = await crypto.subtle.digest("SHA-256", bytes);
    const sha256 = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    try {
      const write = this.db.transaction("photos", "readwrite", STRICT);
      await Promise.all([write.store.put({ sha256, type: blob.type, bytes, at: Date.now() }), write.done]);
    } catch (error) {
      throw new StorageRefused(String(error));
    }
    return sha256;
  }
  photo(sha256) { return this.db.get("photos", sha256); }
  /** The server has it, under the name `kept`: the bytes go, the name stays for what is sent again. */
  photoSent(sha256, kept) { return this.db.put("photos", { sha256, kept, at: Date.now() }); }
  async tidyPhotos(before) {
    for (const photo of await this.db.getAll("photos")) {
      if (photo.kept !== undefined && photo.at < before) { await this.db.delete("photos", photo.sha256); }
    }
  }

  /** All that is not sent, as text for a file, with its pictures. */
  async exportText() {
    const [unsent, cards, device] = [await this.unsent(), await this.cards(), await this.get("device")];
    const sessions = (await this.sessions()).filter((one) => one.dirty && one.signature);
    const names = new Set([...[...unsent, ...cards].map((record) => record.event.photo), ...sessions.map((one) => one.signature)].filter(Boolean));
    const photos = (await Promise.all([...names].map((name) => this.photo(name)))).filter((photo) => photo && photo.bytes);
    return JSON.stringify({
      format: "roundtrip-scan-queue/1", written: new Date().toISOString(), device: device ? device.name : "",
      events: unsent.map((record) => ({ ...record.event, read_by: record.user })),
      refused: cards.map((record) => ({ ...record.event, read_by: record.user, answer: record.text })),
      photos: photos.map((photo) => ({ sha256: photo.sha256, type: photo.type, base64: base64(photo.bytes) })),
    }, null, 1);
  }
}

function base64(buffer) {
  const bytes = new Uint8Array(buffer);
  let text = "";
  for (let begin = 0; begin < bytes.length; begin += 8192) { text += String.fromCharCode(...bytes.subarray(begin, begin + 8192)); }
  return btoa(text);
}

async function patch(store, change) {
  const record = await store.get(change.sequence);
  if (!record) { return null; }
  Object.assign(record, change);
  store.put(record);
  return record;
}

export function uuid() {
  if (crypto.randomUUID) { return crypto.randomUUID(); }
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // plain http: no randomUUID there
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** 2026-11-23T08:00:00.123+08:00: the device's own clock and zone. */
export function localTime(date) {
  const zone = -date.getTimezoneOffset();
  const minutes = Math.abs(zone);
  const two = (number) => String(number).padStart(2, "0");
  return new Date(date.getTime() + zone * 60000).toISOString().slice(0, 23) +
    (zone < 0 ? "-" : "+") + two(Math.floor(minutes / 60)) + ":" + two(minutes % 60);
}
