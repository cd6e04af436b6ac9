// From the queue to the server: in order, exactly once, whenever there is a network.
//
// One sender for all tabs (Web Locks). A batch keeps its key until it is answered, and every scan its id, so whatever is
// sent twice counts once. Nothing is ever dropped because of a failure: only an answer ends a scan.

import { localTime, uuid } from "./queue.js";
import { quiet } from "./quiet.js";

const BATCH = 500; // as assets/api.py
const LATE = 15000; // ms; a scan that is reported later than this has happened: the box is on the truck
const PATIENCE = 15000; // ms for one request
const SESSION_PAUSE = 4000; // ms between two reports of a session that goes on

export class Server {
  constructor(queue) {
    this.queue = queue;
    this.csrf = "";
    this.token = "";
    this.user = "";
    this.clock = new Clock();
  }

  /** {status, body} or null when the server cannot be reached. */
  async call(path, { method = "GET", json, bytes, type, headers = {}, retried = false } = {}) {
    const stop = new AbortController();
    const limit = setTimeout(() => stop.abort(), PATIENCE);
    const writes = method !== "GET";
    if (writes && !this.token && !this.csrf) { await this.ping(); }
    const begin = performance.now();
    try {
      const response = await fetch(path, {
        method, redirect: "manual", signal: stop.signal, cache: "no-store",
        credentials: this.token ? "omit" : "same-origin", // a token speaks for the device, whoever is signed in beside it
        headers: {
          Accept: "application/json",
          ...(this.token ? { Authorization: `Bearer ${this.token}` } : {}),
          ...(writes && !this.token ? { "X-CSRFToken": this.csrf } : {}),
          ...(json !== undefined ? { "Content-Type": "application/json" } : {}),
          ...(bytes !== undefined ? { "Content-Type": type } : {}),
          ...headers,
        },
        body: json !== undefined ? JSON.stringify(json) : bytes,
      });
      if (response.type === "opaqueredirect") { return { status: 401, body: null }; }
      if (response.status === 304) { return { status: 304, body: null }; }
      let body = null;
      try { body = await response.json(); } catch (error) { if (error.name === "AbortError" || response.ok) { return null; } }
      const replayed = response.headers.get("Idempotency-Replayed"); // the time of the first answer
      if (body && body.server_time && !replayed) { this.clock.heard(body.server_time, performance.now() - begin); }
      const answer = { status: response.status, body, etag: response.headers.get("ETag") || "" };
      if (response.status === 400 && reasonOf(answer) === "csrf" && !retried) {
        const before = this.user;
        await this.ping();
        // somebody else has signed in meanwhile: what is sent here is not his
        return this.user === before ? await this.call(path, { method, json, bytes, type, headers, retried: true }) : answer;
      }
      return answer;
    } catch {
      return null;
    } finally {
      clearTimeout(limit);
    }
  }

  /** Learns the token of this page, the person and the server's time. */
  async ping() {
    const answer = await this.call("/api/v1/scan/ping");
    if (answer && answer.status === 200) {
      this.csrf = answer.body.csrf || "";
      this.user = answer.body.user || "";
      await this.queue.set("user", this.user);
    }
    return answer;
  }
}

const CLOCK_MEMORY = 600e3; // ms; clocks drift, and somebody may set them
const CLOCK_SET = 1000; // ms between the clock on the wall and the one that nobody can set

/**
 * How far the clock of this device is from the server's: of several answers the one that came fastest, less half of its way.
 * What was measured before somebody set the clock does not count.
 */
export class Clock {
  constructor() { this.heardOf = []; }
  /** An answer says what time it is at the server, `took` ms after it was asked. */
  heard(time, took) {
    const [now, wall] = [performance.now(), Date.now()];
    this.heardOf.push({ offset: Date.parse(time) + took / 2 - wall, took, at: now, base: wall - now });
    this.heardOf = this.heardOf.slice(-8);
  }
  /** ms, server's less ours; null when nothing is known. */
  offset() {
    const [now, wall] = [performance.now(), Date.now()];
    const good = this.heardOf.filter((one) => now - one.at < CLOCK_MEMORY && Math.abs(wall - now - one.base) < CLOCK_SET);
    return good.length ? Math.round(good.reduce((best, one) => (one.took < best.took ? one : best)).offset) : null;
  }
  /** What a batch says of it. */
  told() {
    const offset = this.offset();
    return { sent_time: localTime(new Date()), ...(offset === null ? {} : { clock_offset_ms: offset }) };
  }
}

export function reasonOf(answer) { return answer && answer.body && answer.body.error && answer.body.error.reason; }

export class Sync {
  /** `told({phase, settled})`: called when something has changed. `session(row)`: the server's word on a session. */
  constructor(queue, server, version, told) {
    Object.assign(this, { queue, server, version, told });
    this.phase = "idle"; // idle, sending, offline, busy, signin, password, revoked, norights
    this.limit = BATCH;
    this.pause = 0;
    this.timer = null;
    this.running = false;
    this.again = false;
    this.sessionsSent = new Map();
    this.dirty = new Set(); // sessions whose news are known to be waiting: written down once, not with every scan
  }

  start() {
    window.addEventListener("online", () => this.now());
    window.addEventListener("pageshow", () => this.now());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) { this.now(); } });
    setInterval(() => this.now(), 30000);
    this.now();
  }

  get offline() { return this.phase === "offline" || navigator.onLine === false; }

  /** Send now, whatever pause was agreed. */
  now() {
    clearTimeout(this.timer);
    this.timer = null;
    return this.pump();
  }

  /** Something new is in the queue: send it unless a pause is on. */
  async pump() {
    if (this.timer) { return; }
    if (this.running) { this.again = true; return; }
    this.running = true;
    let result;
    try {
      result = await this.alone(() => this.send());
    } catch (error) {
      console.error(error);
      result = "later";
    }
    this.running = false;
    if (result === "later") {
      this.pause = Math.min(this.pause ? this.pause * 2 : 1000, 30000);
      this.timer = setTimeout(() => { this.timer = null; this.pump(); }, this.pause * (0.75 + Math.random() / 2));
    } else {
      this.pause = 0;
      if (this.again) { this.again = false; this.pump(); }
    }
  }

  alone(work) {
    if (!navigator.locks) { return work(); }
    return navigator.locks.request("rt-scan-sender", { ifAvailable: true }, (lock) => (lock ? work() : "later"));
  }

  enter(phase, settled = []) {
    const changed = this.phase !== phase;
    this.phase = phase;
    if (changed || settled.length) { this.told({ phase, settled }); }
  }

  async send() {
    for (;;) {
      await quiet();
      this.again = false;
      if (!this.server.token && !this.server.csrf) { // who is signed in? what another person scanned is not sent in his name
        const known = await this.server.ping();
        if (!known || known.status !== 200) { return this.failed(known); }
      }
      const user = this.server.token ? "" : this.server.user;
      const batch = await this.queue.nextBatch(this.limit, user, prepare(this.offline));
      if (!batch) {
        const left = await this.sendSessions();
        if (left === "later") { return "later"; }
        if (this.phase !== "idle" && !(await this.queue.counts()).unsent) { this.enter("idle"); }
        if (!this.again) { return "done"; }
        continue;
      }
      this.enter(this.offline ? this.phase : "sending");
      const pictures = await this.sendPhotos(batch.records.map((record) => record.event.photo));
      if (!pictures) { return this.failed(null); }
      const { unsent } = await this.queue.counts();
      const answer = await this.server.call("/api/v1/scan-events", {
        method: "POST",
        headers: { "Idempotency-Key": batch.key },
        json: {
          events: batch.records.map((record) => this.body(record, pictures)),
          ...this.server.clock.told(), unsent, app_version: this.version,
        },
      });
      const results = answer && answer.status === 200 && answer.body && answer.body.results;
      if (Array.isArray(results) && results.length === batch.records.length) {
        this.limit = BATCH;
        this.pause = 0;
        await quiet();
        await this.settle(batch, results);
        continue;
      }
      const verdict = await this.unanswered(batch, answer);
      if (verdict !== "again") { return verdict; }
    }
  }

  body(record, pictures) {
    const event = { ...record.event, sequence: record.sequence };
    if (event.photo) { event.photo = pictures.get(event.photo) || ""; }
    if (record.session) { event.session = record.session; }
    // beside the wall clock one that nobody can set
    if (record.up !== undefined) { event.age_ms = Math.max(0, Math.round(this.queue.uptime() - record.up)); }
    return event;
  }

  /** A whole batch was not taken: what to do with it. */
  async unanswered(batch, answer) {
    const status = answer ? answer.status : 0;
    const reason = reasonOf(answer);
    if (status === 400 && reason === "csrf") {
      const others = batch.records[0].user && batch.records[0].user !== this.server.user;
      return others ? "again" : this.failed(answer);
    }
    if (status === 413 || status === 400 || (status === 422 && reason !== "key_reused")) {
      if (batch.records.length > 1) { // find the one that cannot be read
        await this.queue.release(batch.key);
        this.limit = status === 413 ? Math.ceil(batch.records.length / 4) : 1;
      } else {
        const text = (answer.body && answer.body.error && answer.body.error.text) || "";
        await this.settle(batch, [{ outcome: "invalid", text }]);
      }
      return "again";
    }
    if (status === 409 && reason === "key_in_flight") { return this.failed(answer); } // the first try is still at work: keep the key
    if (status === 422 || status === 409) { await this.queue.release(batch.key); return "again"; }
    return this.failed(answer);
  }

  failed(answer) {
    const status = answer ? answer.status : 0;
    if (!answer) { this.enter("offline"); return "later"; }
    // a token that the server does not know speaks for nobody: from now on it is the person who is signed in
    if (status === 401) { this.server.csrf = this.server.token = ""; this.enter("signin"); return "later"; }
    if (status === 403) { this.enter({ device_revoked: "revoked", password_first: "password" }[reasonOf(answer)] || "norights"); return "later"; }
    this.enter("busy"); // 429, 5xx: the server will be back
    return "later";
  }

  async settle(batch, results) {
    const changes = [];
    // as they are now: while they were on their way somebody may have said yes, or undone one
    const records = await this.queue.again(batch.records);
    for (const [index, record] of records.entries()) {
      const sent = { ...record, event: batch.records[index].event };
      for (const change of await this.verdict(sent, results[index], batch.tries)) {
        changes.push(change.sequence === record.sequence ? { event: sent.event, ...change } : change);
      }
    }
    const settled = await this.queue.settle(batch.key, changes);
    for (const id of new Set(settled.map((record) => record.session).filter(Boolean))) {
      if (!this.dirty.has(id)) { this.dirty.add(id); await this.queue.changeSession(id, { dirty: true }); }
    }
    this.enter("sending", settled);
  }

  /** The changes that an answer makes to a record, and to the one that it undoes. */
  async verdict(record, result, tries) {
    const { event, sequence } = record;
    const text = result.text || "";
    const refused = result.outcome !== "recorded" && result.outcome !== "known";
    const asset = { asset_type: result.asset_type || record.asset_type || "", code: result.code || record.code };
    const answered = { sequence, text, answered: Date.now(), reason: result.confirm || result.reason || (result.exceptions || [])[0] || "", exceptions: result.exceptions || [] };
    if (event.type === "void") {
      const undone = await this.queue.byEvent(event.voids);
      const changes = [];
      const counted = undone && !["bad", "void"].includes(undone.kind);
      if (undone) { changes.push({ sequence: undone.sequence, undoing: false, ...(refused ? {} : { kind: "void" }) }); }
      changes.unshift({ ...answered, state: refused && counted ? "refused" : "done", kind: refused ? "bad" : "ok", code: undone ? undone.code : record.code });
      return changes;
    }
    if (refused && result.confirm) {
      if ((record.yes || []).includes(result.confirm) || record.yes === true) { // said yes before the question came
        return [{ sequence, state: "unsent", event: confirmed(event, result.confirm) }];
      }
      return [{ ...answered, ...asset, state: "ask", kind: "ask", ask: result.confirm }];
    }
    if (result.outcome === "refused" && result.code && !event.happened && Date.now() - record.at > LATE) {
      // Sent in time, but the network went away before the answer: by now the box is where the scan says.
      const again = { ...event, event_id: uuid(), happened: true };
      const changes = [{ sequence, state: "unsent", event: again, event_id: again.event_id }];
      for (const other of await this.queue.unsent()) {
        if (other.event.voids === event.event_id) { changes.push({ sequence: other.sequence, event: { ...other.event, voids: again.event_id } }); }
      }
      return changes;
    }
    if (refused) { return [{ ...answered, ...asset, state: "refused", kind: "bad" }]; }
    let kind = result.exceptions && result.exceptions.length ? "warn" : "ok";
    // known at a repeated attempt only means that the first answer was lost on the way; in a count it stands where it should
    if (result.outcome === "known" && tries === 1 && event.type !== "stock_take") { kind = "known"; }
    return [{ ...answered, ...asset, state: "done", kind: record.kind === "void" ? "void" : kind }];
  }

  /**
   * name → name at the server, which makes every picture anew; "" for one that it cannot read. null: not all are there yet.
   * The names are kept, so that a batch which is sent again says the same.
   */
  async sendPhotos(names) {
    const sent = new Map();
    for (const name of new Set(names.filter(Boolean))) {
      const photo = await this.queue.photo(name);
      if (!photo || photo.kept !== undefined) { sent.set(name, photo ? photo.kept : ""); continue; }
      const answer = await this.server.call("/api/v1/photos", { method: "POST", bytes: photo.bytes, type: photo.type });
      if (!answer || answer.status === 401 || answer.status === 403 || answer.status === 429 || answer.status >= 500) { return null; }
      const kept = (answer.status === 201 && answer.body && answer.body.sha256) || "";
      await this.queue.photoSent(name, kept);
      sent.set(name, kept);
    }
    return sent;
  }

  async sendSessions() {
    for (const session of await this.queue.sessions()) {
      if (!session.dirty || session.taken) { continue; }
      const last = this.sessionsSent.get(session.id) || 0;
      const rest = last + SESSION_PAUSE - Date.now();
      if (session.state === "open" && session.version && rest > 0) {
        clearTimeout(this.sessionTimer);
        this.sessionTimer = setTimeout(() => this.pump(), rest);
        continue;
      }
      await quiet();
      const records = await this.queue.ofSession(session.id);
      if (session.state === "open" && !session.version && !records.length) { continue; } // nothing to hand over yet
      if (session.state === "finished" && records.some((record) => ["unsent", "draft"].includes(record.state))) { continue; }
      const pictures = await this.sendPhotos([session.signature]);
      if (!pictures) { return this.failed(null); }
      const seen = records.filter((record) => counts(record)).map((record) => record.code);
      const answer = await this.server.call(`/api/v1/scan/sessions/${session.id}`, {
        method: "PUT",
        json: {
          kind: session.kind, place: session.place, shipment: session.shipment, party: session.party,
          destination: session.destination, started: session.started, state: session.state,
          finished_by: session.finished_by || "", signature: pictures.get(session.signature) || "",
          difference_reason: session.difference_reason || "",
          seen: [...new Set([...(session.before || []), ...seen])].slice(0, 20000), version: session.version || 0,
        },
      });
      if (!answer || [401, 403, 429].includes(answer.status) || answer.status >= 500) { return this.failed(answer); }
      this.sessionsSent.set(session.id, Date.now());
      this.dirty.delete(session.id);
      if (answer.status === 200) {
        await this.queue.changeSession(session.id, { dirty: false, version: answer.body.version, result: answer.body });
      } else if (reasonOf(answer) === "session_changed" && answer.body.session) {
        await this.queue.changeSession(session.id, { version: answer.body.session.version }); // ours is the one that goes on
        this.sessionsSent.delete(session.id);
        this.again = true;
      } else {
        const taken = reasonOf(answer) === "session_taken";
        await this.queue.changeSession(session.id, { dirty: false, taken, fault: (answer.body && answer.body.error && answer.body.error.text) || "" });
      }
      this.told({ phase: this.phase, settled: [], session: session.id });
    }
    return "done";
  }
}

/** A scan that counts in the list of its session. */
export function counts(record) {
  return record.type !== "void" && !record.undoing && ["ok", "warn", "kept", "unsure", "sending"].includes(record.kind) &&
    !(record.state === "refused");
}

export function confirmed(event, word) { return { ...event, confirmed: [...(event.confirmed || []), word] }; }

/** Decided before the first attempt and then left alone: whether the scan has happened already. */
function prepare(offline) {
  return (record) => {
    const old = record.late || offline || Date.now() - record.at > LATE;
    return record.event.type !== "void" && old ? { ...record.event, happened: true } : record.event;
  };
}
