// The scan page. What it promises: a scan that was read is kept before anything is shown, is sent in its order, once
// by its own id, and stays kept until the server has answered it, with or without a network.
(function () {
  "use strict";

  var data = JSON.parse(document.getElementById("scan-data").textContent);
  var settings = data.settings;
  var texts = data.texts;
  var KEPT = "rt-scan:"; // one stored item for each scan: two tabs then never overwrite each other's list
  var SESSION = "rt-scan-session:" + settings.user;
  var BATCH = 100;
  var LATE = 15000; // ms; a scan that is reported later than this has happened: the box is on the truck
  var AGAIN = 600000; // ms in which the same text in the same list is a repetition

  function $(id) { return document.getElementById(id); }
  function say(key, values) {
    return texts[key].replace(/\{(\w+)\}/g, function (_, name) { return values[name]; });
  }
  function uuid() {
    if (window.crypto.randomUUID) { return window.crypto.randomUUID(); }
    var b = window.crypto.getRandomValues(new Uint8Array(16)); // plain http: no randomUUID there
    b[6] = (b[6] & 15) | 64; b[8] = (b[8] & 63) | 128;
    var hex = Array.from(b, function (x) { return (x + 256).toString(16).slice(1); }).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  }
  var storage = null;
  try { storage = window.localStorage; } catch (_) { /* forbidden by the browser's settings: this page's memory is all */ }
  function stored(key) { try { return JSON.parse(storage.getItem(key)); } catch (_) { return null; } }
  function store(key, value) {
    try { storage.setItem(key, JSON.stringify(value)); return true; } catch (_) { return false; }
  }
  function forget(key) { if (storage) { storage.removeItem(key); } }
  function localTime(date) { // 2026-11-23T08:00:00.123+08:00: the device's own clock and zone
    var zone = -date.getTimezoneOffset();
    var pad = function (n) { return String(n).padStart(2, "0"); };
    var minutes = Math.abs(zone);
    return new Date(date.getTime() + zone * 60000).toISOString().slice(0, 23) +
      (zone < 0 ? "-" : "+") + pad(Math.floor(minutes / 60)) + ":" + pad(minutes % 60);
  }
  function element(tag, className, text) {
    var made = document.createElement(tag);
    if (className) { made.className = className; }
    if (text !== undefined) { made.textContent = text; }
    return made;
  }

  var device = stored("rt-scan-device");
  if (!device) { device = "web-" + uuid().slice(0, 8); store("rt-scan-device", device); }

  // ---------------------------------------------------------------- what is going on

  var session = null; // {id, mode, place, shipment, consignee, log: [entries], list: {code: {type, id}}, expected: [..]}
  var queue = []; // kept scans in their order: {key, event, tries, late, ask}
  var attention = []; // results that a person must see before the next one is shown large
  var offline = false; // the last attempt did not reach the server
  var screen = "start";
  var sequence = 0;

  function saveSession() {
    if (session) {
      session.log = session.log.slice(0, 40);
      store(SESSION, session);
    } else { forget(SESSION); }
  }
  function entryOf(id) { return session && session.log.find(function (entry) { return entry.id === id; }); }
  function waiting() {
    return queue.filter(function (item) { return session && item.session === session.id && item.event.type !== "void"; }).length;
  }

  // ---------------------------------------------------------------- sound and vibration

  var audio = null;
  var TONES = { // [frequency in Hz, start and length in s, wave]: they differ in pitch and in rhythm
    ok: [[1760, 0, 0.09, "sine"]],
    kept: [[1175, 0, 0.06, "sine"]],
    known: [[440, 0, 0.05, "triangle"], [440, 0.11, 0.05, "triangle"]],
    warn: [[988, 0, 0.13, "triangle"], [740, 0.17, 0.16, "triangle"]],
    bad: [[185, 0, 0.7, "square"]]
  };
  var SHAKES = { ok: 40, kept: 30, known: [30, 60, 30], warn: [80, 60, 80], bad: 500 };

  function unlockSound() { // browsers play nothing before a tap
    var Context = window.AudioContext || window.webkitAudioContext;
    if (!audio && Context) { audio = new Context(); }
    if (audio && audio.state === "suspended") { audio.resume(); }
  }
  function signal(kind) {
    var name = kind === "ask" ? "warn" : kind;
    $("verdict").dataset.sound = name;
    if (navigator.vibrate && SHAKES[name]) { navigator.vibrate(SHAKES[name]); }
    if (!audio || audio.state !== "running") { return; }
    (TONES[name] || []).forEach(function (tone) {
      var begin = audio.currentTime + tone[1];
      var oscillator = audio.createOscillator();
      var gain = audio.createGain();
      oscillator.type = tone[3];
      oscillator.frequency.value = tone[0];
      gain.gain.setValueAtTime(0.4, begin);
      gain.gain.setTargetAtTime(0, begin + tone[2] - 0.02, 0.01); // no click at the end
      oscillator.connect(gain).connect(audio.destination);
      oscillator.start(begin);
      oscillator.stop(begin + tone[2] + 0.05);
    });
  }

  // ---------------------------------------------------------------- the queue

  function keep(event, extra) {
    sequence += 1;
    var item = Object.assign({
      key: KEPT + settings.user + ":" + String(Date.now()).padStart(14, "0") + "-" + String(sequence).padStart(6, "0"),
      event: event, tries: 0, late: offline || !navigator.onLine, session: session ? session.id : ""
    }, extra);
    if (!store(item.key, item)) { item.volatile = true; note(texts.storage_full); }
    queue.push(item);
    showUnsent();
    pump();
    return item;
  }
  function drop(item) {
    forget(item.key);
    queue = queue.filter(function (other) { return other !== item; });
    showUnsent();
  }
  function loadQueue() {
    var others = {};
    for (var i = 0; storage && i < storage.length; i += 1) {
      var key = storage.key(i);
      if (!key.startsWith(KEPT)) { continue; }
      var user = key.slice(KEPT.length, key.lastIndexOf(":"));
      if (user !== settings.user) { others[user] = (others[user] || 0) + 1; continue; }
      var item = stored(key);
      if (item && item.event) { item.late = true; queue.push(item); }
    }
    queue.sort(function (a, b) { return a.key < b.key ? -1 : 1; });
    Object.keys(others).forEach(function (user) { note(say("others", { count: others[user], user: user })); });
    queue.filter(function (item) { return item.ask; }).forEach(function (item) {
      attention.push({ kind: "ask", code: shortText(item.event.scanned_text), text: item.askText, item: item });
    });
  }

  var sending = false;
  var staleToken = 0;
  var pause = 0;
  var timer = null;

  function pump() {
    if (sending || timer || !queue.some(function (item) { return !item.ask; })) { return; }
    sending = true;
    oneSender(send).catch(function () { return "later"; }).then(function (result) {
      sending = false;
      if (result === "later") {
        pause = Math.min(pause ? pause * 2 : 1000, 30000);
        wait(pause * (0.75 + Math.random() / 2));
      } else {
        pause = 0;
        pump();
      }
      saveSession();
      showAll();
    });
  }
  function wait(time) {
    window.clearTimeout(timer);
    timer = window.setTimeout(function () { timer = null; pump(); }, time);
  }
  function pumpNow() { window.clearTimeout(timer); timer = null; pump(); }
  function oneSender(work) { // two tabs on one device: one of them sends
    if (!navigator.locks) { return work(); }
    return navigator.locks.request("rt-scan-sender", { ifAvailable: true }, function (lock) { return lock ? work() : "later"; });
  }

  async function send() {
    queue = queue.filter(function (item) { return item.volatile || storage.getItem(item.key) !== null; }); // another tab has sent it
    var items = queue.filter(function (item) { return !item.ask; }).slice(0, BATCH);
    if (!items.length) { return "done"; }
    items.forEach(function (item) {
      // Decided before the first attempt and then left alone: the same id with another body would be a conflict.
      if (!item.tries && item.event.type !== "void" && (item.late || Date.now() - Date.parse(item.event.event_time) > LATE)) {
        item.event.happened = true;
      }
      item.tries += 1;
      item.volatile = !store(item.key, item);
    });
    var answer = await ask(settings.events, { events: items.map(function (item) { return item.event; }) });
    offline = answer === null;
    if (offline) { items.forEach(keptVerdict); return "later"; }
    if (answer.status === 401 || answer.status === 403) { signIn(); return "later"; }
    if (answer.status === 400 && reasonOf(answer) === "csrf") {
      staleToken += 1;
      return (await newToken()) && staleToken < 3 ? "done" : "later";
    }
    staleToken = 0;
    if (answer.status === 413 && BATCH > 1) { BATCH = Math.ceil(BATCH / 4); return "done"; }
    var results = answer.body && answer.body.results;
    if (!Array.isArray(results)) {
      if (answer.status === 400 && BATCH > 1) { BATCH = 1; return "done"; } // find the one that cannot be read
      if (answer.status === 400 || answer.status === 422) {
        settle(items[0], { outcome: "invalid", text: (answer.body && answer.body.error && answer.body.error.text) || texts.failed });
        return "done";
      }
      return "later"; // 429, 5xx: the server will be back
    }
    BATCH = 100;
    note("");
    var byId = {};
    results.forEach(function (result) { byId[result.event_id] = result; });
    items.forEach(function (item, index) {
      var result = byId[item.event.event_id] || results[index];
      if (result) { settle(item, result); }
    });
    return "done";
  }
  function reasonOf(answer) { return answer.body && answer.body.error && answer.body.error.reason; }

  // Gives {status, body}; null when the server cannot be reached.
  async function ask(url, body) {
    var stop = new AbortController();
    var limit = window.setTimeout(function () { stop.abort(); }, 10000);
    try {
      var response = await window.fetch(url, {
        method: body ? "POST" : "GET", credentials: "same-origin", redirect: "manual", signal: stop.signal,
        headers: Object.assign({ Accept: "application/json", "X-CSRFToken": document.querySelector("meta[name=csrf-token]").content },
          body ? { "Content-Type": "application/json" } : {}),
        body: body ? JSON.stringify(body) : undefined
      });
      if (response.type === "opaqueredirect") { return { status: 401, body: null }; }
      var read = null;
      try { read = await response.json(); } catch (error) { if (error.name === "AbortError" || response.ok) { return null; } }
      return { status: response.status, body: read };
    } catch (_) {
      return null;
    } finally {
      window.clearTimeout(limit);
    }
  }
  // A token lives an hour, a shift longer: fetch the page again and take the new one.
  async function newToken() {
    try {
      var response = await window.fetch(settings.page, { credentials: "same-origin", redirect: "manual" });
      if (!response.ok) { if (response.type === "opaqueredirect") { signIn(); } return false; }
      var page = new DOMParser().parseFromString(await response.text(), "text/html");
      document.querySelector("meta[name=csrf-token]").content = page.querySelector("meta[name=csrf-token]").content;
      return true;
    } catch (_) { return false; }
  }
  function signIn() {
    note(say("sign_in", { count: queue.length }));
    var link = element("a", "", texts.sign_in_link);
    link.href = settings.login;
    $("note").append(" ", link);
  }

  // ---------------------------------------------------------------- answers

  function settle(item, result) {
    var event = item.event;
    var entry = entryOf(event.type === "void" ? event.voids : event.event_id);
    var refused = result.outcome !== "recorded" && result.outcome !== "known";
    var late = Date.now() - Date.parse(event.event_time) > LATE;

    if (refused && result.confirm && event.type !== "void") {
      item.ask = result.confirm;
      item.askText = result.text;
      store(item.key, item);
      if (entry) { entry.kind = "ask"; entry.code = result.code || entry.code; }
      look({ kind: "ask", code: result.code || shortText(event.scanned_text), text: result.text, item: item });
      return;
    }
    drop(item);
    if (event.type === "void") {
      if (refused) {
        look({ kind: "bad", code: entry ? entry.code : "", text: result.text || texts.undo_late });
        if (entry) { entry.undoing = false; }
      } else if (entry) {
        entry.kind = "void";
        entry.undoing = false;
        var held = session.list[entry.code];
        if (held && held.id === entry.id) { delete session.list[entry.code]; }
        show("void", entry.code, "");
      }
      return;
    }
    if (result.outcome === "refused" && late && !event.happened && result.code) {
      // Reported in time, but the network went away before the answer: by now the box is where the scan says.
      var again = Object.assign({}, event, { event_id: uuid(), happened: true });
      if (entry) { entry.id = again.event_id; }
      keep(again, { session: item.session });
      return;
    }
    var code = result.code || shortText(event.scanned_text);
    var mine = session && item.session === session.id;
    var kind = refused ? "bad" : "ok";
    if (result.outcome === "known" && !(item.tries > 1 && !(mine && session.list[code]))) {
      kind = "known"; // known at a repeated attempt only means that the first answer was lost on the way
    } else if (!refused && result.exceptions && result.exceptions.length) { kind = "warn"; }
    if (mine && !refused && !(session.list[code] && kind === "known")) {
      session.list[code] = { type: result.asset_type || "", id: event.event_id };
    }
    if (entry) { entry.kind = kind; entry.code = code; entry.text = result.text || ""; }
    if (kind === "bad") { look({ kind: kind, code: code, text: result.text || texts.failed }); } else if (mine) {
      show(kind, code, kind === "ok" ? "" : result.text);
      signal(kind);
    }
  }
  function keptVerdict(item) {
    var entry = entryOf(item.event.event_id);
    if (!entry || entry.kind !== "sending") { return; }
    entry.kind = "kept";
    if (entry === session.log[0]) { show("kept", entry.code, texts.kept_text); signal("kept"); }
  }

  // Something a person must see. Scans go on into the queue meanwhile; the picture waits for one key.
  function look(result) {
    attention.push(result);
    signal(result.kind);
    showAll();
  }
  function answerAttention(yes) {
    var seen = attention.shift();
    if (!seen) { return; }
    if (seen.kind === "ask") {
      var item = seen.item;
      var entry = entryOf(item.event.event_id);
      if (yes) {
        item.event.confirmed = (item.event.confirmed || []).concat(item.ask);
        item.ask = "";
        store(item.key, item);
        if (entry) { entry.kind = "sending"; }
        show("sending", seen.code, "");
      } else {
        drop(item);
        if (entry) { entry.kind = "bad"; }
        show("ready", "", "");
      }
    } else { show("ready", "", ""); }
    showAll();
    focusWedge();
    pump();
  }
  function answerKey(key) {
    if (!attention.length) { return false; }
    if (attention[0].kind !== "ask") { answerAttention(true); return true; }
    if (/^[1yYjJ是]$/.test(key)) { answerAttention(true); return true; }
    if (/^[2nN0否]$/.test(key)) { answerAttention(false); return true; }
    return false;
  }

  // ---------------------------------------------------------------- a text was read

  function shortText(text) {
    var clean = String(text || "").replace(/[\u0000-\u001f\u007f]/g, "");
    var parts = clean.split(/[?#]/)[0].replace(/\/+$/, "").split("/");
    var last = parts[parts.length - 1] || clean;
    try { last = decodeURIComponent(last); } catch (_) { /* as it is */ }
    return last.slice(0, 40);
  }
  function shipmentIn(text) {
    var found = /\/s\/([^/?#]+)\/?(?:[?#].*)?$/i.exec(text.trim());
    var number = found ? found[1] : "";
    try { return decodeURIComponent(number).toUpperCase(); } catch (_) { return ""; }
  }

  function read(text) {
    text = text.replace(/^[\s\u0002\ufeff]+|[\s\u0003]+$/g, "");
    if (!text) { return; }
    if (screen === "start") { note(texts.choose_mode); signal("bad"); return; }
    if (screen === "shipment") { takeUpText(text); return; }
    if (screen === "finish") { go("scan"); } // one more box: nothing that is read is passed over in silence
    scan(text);
  }

  function scan(text) {
    var now = new Date();
    if (shipmentIn(text)) { look({ kind: "bad", code: shortText(text), text: texts.a_shipment }); return; }
    var before = session.log.find(function (entry) {
      return entry.text_read === text && now - entry.time < AGAIN && ["ok", "warn", "known", "sending", "kept"].includes(entry.kind) && !entry.undoing;
    });
    if (before) { // the trigger was pulled twice: nothing new has happened
      show("known", before.code, "");
      signal("known");
      return;
    }
    var event = {
      event_id: uuid(), type: session.mode, scanned_text: text.slice(0, 600), event_time: localTime(now),
      place: session.place, device: device
    };
    if (session.mode === "dispatch") { event.shipment = session.shipment; }
    var entry = { id: event.event_id, text_read: text, code: shortText(text), kind: "sending", time: now.getTime(), text: "" };
    session.log.unshift(entry);
    var item = keep(event);
    saveSession();
    if (item.late) { keptVerdict(item); } else {
      show("sending", entry.code, "");
      window.setTimeout(function () { keptVerdict(item); showAll(); }, 2500);
    }
    showAll();
  }

  function undo(entry) {
    var item = queue.find(function (other) { return other.event.event_id === entry.id; });
    entry.undoing = true;
    if (item && !item.tries) { // never left this device
      drop(item);
      entry.kind = "void";
      entry.undoing = false;
      show("void", entry.code, "");
      showAll();
    } else {
      keep({
        event_id: uuid(), type: "void", scanned_text: entry.text_read.slice(0, 600), event_time: localTime(new Date()),
        place: session.place, device: device, voids: entry.id, reason: "did_not_occur"
      });
    }
    saveSession();
    showAll();
    focusWedge();
  }

  // ---------------------------------------------------------------- sessions

  function choose(mode) {
    unlockSound();
    var place = $("place").value;
    if (!place) { note(texts.choose_place); $("place").focus(); return; }
    store("rt-scan-place", place);
    note("");
    begin({ id: uuid(), mode: mode, place: place, shipment: "", consignee: "", log: [], list: {}, expected: [] });
    go(mode === "dispatch" ? "shipment" : "scan");
    var asked = new URLSearchParams(window.location.search).get("shipment"); // come from the page of a shipment
    if (mode === "dispatch" && asked) {
      window.history.replaceState(null, "", settings.page);
      takeUp(asked);
    }
  }
  function begin(made) { session = made; saveSession(); }

  async function takeUpText(text) {
    var number = shipmentIn(text);
    if (!number) {
      var wanted = text.trim().toUpperCase();
      var known = data.shipments.find(function (row) { return row.number.toUpperCase() === wanted; });
      number = known && known.number;
    }
    if (!number) {
      var answer = await ask(settings.resolve + "?text=" + encodeURIComponent(text));
      if (answer === null) { shipmentError(texts.no_connection); return; }
      number = answer.body && answer.body.number;
    }
    if (!number) { shipmentError(texts.not_a_shipment); return; }
    takeUp(number);
  }
  async function takeUp(number) {
    unlockSound();
    shipmentError("");
    var row = data.shipments.find(function (one) { return one.number.toUpperCase() === number.toUpperCase(); });
    var answer = await expected(number);
    if (answer === null && !row) { shipmentError(texts.no_connection); return; }
    if (answer && answer.status !== 200) {
      shipmentError(answer.status === 404 ? say("no_shipment", { number: number })
        : (answer.body && answer.body.error && answer.body.error.text) || texts.failed);
      return;
    }
    session.shipment = row ? row.number : number;
    session.consignee = row ? row.consignee : "";
    if (answer) { learn(answer.body); }
    saveSession();
    show("ready", "", texts.ready_text);
    go("scan");
  }
  function shipmentError(text) {
    $("shipment-error").textContent = text;
    if (text) { signal("bad"); }
  }
  function expected(number) { return ask(settings.expected.replace("NUMBER", encodeURIComponent(number))); }
  function learn(body) { // what the server counts; scans under way are added when they are answered
    session.shipment = body.number || session.shipment;
    session.expected = body.expected || [];
    session.list = {};
    (body.scanned || []).forEach(function (row) { session.list[row.code] = { type: row.asset_type, id: row.event_id }; });
    if (typeof body.consignee === "string" && body.consignee && !session.consignee) { session.consignee = body.consignee; }
  }
  async function refresh() {
    if (!session || session.mode !== "dispatch" || !session.shipment) { return; }
    var id = session.id;
    var answer = await expected(session.shipment);
    if (answer && answer.status === 200 && session && session.id === id && !waiting()) { learn(answer.body); saveSession(); showAll(); }
  }

  // ---------------------------------------------------------------- what is shown

  var ICONS = { ready: "◎", sending: "…", kept: "⇡", ok: "✓", known: "≡", warn: "▲", ask: "?", bad: "✕", void: "↶" };
  var shown = { kind: "ready", code: "", text: texts.ready_text };

  function show(kind, code, text) { shown = { kind: kind, code: code, text: text }; showAll(); }

  function word(kind) { return kind === "ok" && session && session.mode === "return" ? texts.ok_return : texts[kind]; }

  function go(next) {
    screen = next;
    ["start", "shipment", "scan", "finish"].forEach(function (name) { $("screen-" + name).hidden = name !== next; });
    $("back").hidden = next === "start";
    $("leave").hidden = next !== "start";
    window.scrollTo(0, 0);
    showAll();
    focusWedge();
  }
  function showAll() {
    $("bar").dataset.mode = screen === "start" || !session ? "" : session.mode;
    $("bar-mode").textContent = screen === "start" || !session ? texts.scan : texts[session.mode];
    $("bar-context").textContent = screen === "start" || !session ? "" :
      [session.shipment, session.consignee, session.place].filter(Boolean).join(" · ");
    showUnsent();
    if (screen === "scan") { showVerdict(); showCount(); showLast(); }
    if (screen === "finish") { showFinish(); }
  }
  function showUnsent() {
    $("unsent").hidden = !queue.length;
    $("unsent").textContent = "⇡ " + say("waiting", { count: queue.length });
  }
  function showVerdict() {
    var now = attention[0] || shown;
    $("verdict").dataset.kind = now.kind;
    $("verdict-icon").textContent = ICONS[now.kind];
    $("verdict-word").textContent = word(now.kind);
    $("verdict-code").textContent = now.code;
    $("verdict-text").textContent = (now.text || "") +
      (attention.length > 1 ? " · " + say("more", { count: attention.length - 1 }) : "");
    var answers = $("answers");
    answers.hidden = !attention.length;
    if (answers.dataset.kind === now.kind && attention.length) { return; } // a tap must not lose its button
    answers.dataset.kind = attention.length ? now.kind : "";
    answers.replaceChildren();
    if (!attention.length) { return; }
    (now.kind === "ask" ? [["yes", "1"], ["no", "2"]] : [["go_on", texts.any_key]]).forEach(function (pair) {
      var button = element("button", "", texts[pair[0]] + " ");
      button.type = "button";
      button.dataset.answer = pair[0];
      button.append(element("small", "", "(" + pair[1] + ")"));
      button.addEventListener("click", function () { answerAttention(pair[0] !== "no"); });
      answers.append(button);
    });
  }
  function counts() { // [{name, have, want}], expected types first
    var have = {};
    Object.keys(session.list).forEach(function (code) {
      var type = session.list[code].type;
      have[type] = (have[type] || 0) + 1;
    });
    var rows = session.expected.map(function (row) {
      var number = have[row.asset_type] || 0;
      delete have[row.asset_type];
      return { name: row.name || data.types[row.asset_type] || row.asset_type, have: number, want: row.count };
    });
    Object.keys(have).forEach(function (type) {
      rows.push({ name: data.types[type] || type || "?", have: have[type], want: session.mode === "dispatch" ? 0 : null });
    });
    return rows;
  }
  function difference(row) {
    if (row.have < row.want) { return say("missing", { count: row.want - row.have }); }
    return row.have > row.want ? say("too_many", { count: row.have - row.want }) : texts.complete;
  }
  function sum(rows, field) { return rows.reduce(function (total, row) { return total + (row[field] || 0); }, 0); }

  function showCount() {
    var rows = counts();
    var have = sum(rows, "have");
    $("total").textContent = session.mode === "dispatch" ? say("of", { count: have, expected: sum(rows, "want") }) : say("counted", { count: have });
    var unsent = waiting();
    if (unsent) { $("total").append(" ", element("small", "", "+ " + say("waiting", { count: unsent }))); }
    $("types").replaceChildren.apply($("types"), rows.map(function (row) { return countRow(row, false); }));
  }
  function countRow(row, withWords) {
    var line = element("li");
    line.append(element("span", "", row.name));
    var figure = row.want === null ? String(row.have) : say("of", { count: row.have, expected: row.want });
    var same = row.want !== null && row.have === row.want;
    var inWords = row.want !== null && (withWords || row.have > row.want); // a return expects no number
    line.append(element("span", same ? "rt-ok" : inWords ? "rt-warn" : "", " " + figure + (inWords ? " · " + difference(row) : "")));
    return line;
  }
  function showLast() {
    $("last").replaceChildren.apply($("last"), session.log.slice(0, 5).map(function (entry) {
      var line = element("li");
      line.dataset.kind = entry.kind;
      line.append(element("span", "scan-mark", ICONS[entry.kind]));
      var what = element("span", "scan-what");
      what.append(element("span", "scan-code-small", entry.code));
      what.append(element("small", "", entry.kind === "void" ? texts.undone : word(entry.kind)));
      line.append(what);
      if (["ok", "warn", "kept", "sending"].includes(entry.kind)) {
        var button = element("button", "", texts.undo);
        button.type = "button";
        button.disabled = Boolean(entry.undoing);
        button.setAttribute("aria-label", texts.undo + " " + entry.code);
        button.addEventListener("click", function () { undo(entry); });
        line.append(button);
      }
      return line;
    }));
  }
  function showFinish() {
    var rows = counts();
    var have = sum(rows, "have");
    var unsent = waiting();
    var dispatch = session.mode === "dispatch";
    var right = !unsent && (dispatch ? rows.every(function (row) { return row.have === row.want; }) : have > 0);
    var refused = attention.filter(function (one) { return one.kind === "bad" || one.kind === "ask"; }).length;
    var kind = right && !refused ? "ok" : "warn";
    $("result").dataset.kind = kind;
    $("result-icon").textContent = ICONS[kind];
    $("result-word").textContent = dispatch ? say("of", { count: have, expected: sum(rows, "want") }) : say("counted", { count: have });
    $("result-text").textContent = [
      unsent ? say("unsent_finish", { count: unsent }) : "",
      refused ? say("refused_scans", { count: refused }) : "",
      right ? texts.done : have || unsent ? (dispatch && !unsent ? texts.differs : "") : texts.nothing
    ].filter(Boolean).join(" · ");
    $("differences").replaceChildren.apply($("differences"), rows.map(function (row) { return countRow(row, true); }));
    $("to-shipment").hidden = !dispatch;
    $("to-shipment").href = settings.shipment.replace("NUMBER", encodeURIComponent(session.shipment));
  }
  function note(text) {
    $("note").hidden = !text;
    $("note").textContent = text;
  }

  // ---------------------------------------------------------------- the scanner's keys

  // A wedge types 5 to 20 ms a key and ends with Enter or Tab, or with nothing. The text is taken from the field, not
  // from the keys: on Android keys come without a name. One listener for all screens: nothing is read twice.
  var wedge = $("wedge");
  var silence = null;
  var typing = { last: 0, slowest: 0 }; // of the text that is being typed now
  var lastRead = 0;
  var suffixSeen = Boolean(stored("rt-scan-suffix"));

  function focusWedge() { if (document.activeElement !== wedge) { wedge.focus({ preventScroll: true }); } }
  function typedField() { return document.querySelector("#screen-" + screen + " .scan-typed input"); }
  function isTyped(target) { return target.matches && target.matches(".scan-typed input"); }

  function take(field, suffix) {
    var text = field.value;
    field.value = "";
    window.clearTimeout(silence);
    typing.last = 0;
    lastRead = performance.now();
    if (suffix && !suffixSeen) { suffixSeen = true; store("rt-scan-suffix", true); }
    text.split(/[\r\n\t]+/).forEach(function (part) { if (part) { read(part); } });
    if (field !== wedge) { focusWedge(); }
  }

  document.addEventListener("keydown", function (event) {
    var target = event.target;
    var field = isTyped(target) ? target : wedge;
    if (event.ctrlKey && !event.altKey && !event.metaKey) {
      if (event.key === "]" ) { event.preventDefault(); wedge.value += "\u001d"; } // GS, as some scanners send it
      if (/^[jJmM]$/.test(event.key)) { event.preventDefault(); if (field.value) { take(field, true); } } // LF, CR
      return;
    }
    if (event.altKey || event.metaKey || event.isComposing) { return; }
    if (event.key === "Enter" || event.key === "Tab") {
      var fast = typing.slowest < 60;
      if (wedge.value) { event.preventDefault(); event.stopPropagation(); take(wedge, true); return; }
      if (field !== wedge) {
        if (field.value && (event.key === "Enter" || fast)) { event.preventDefault(); take(field, fast); }
        return;
      }
      if (event.key === "Tab") { return; }
      if (performance.now() - lastRead < 250) { event.preventDefault(); return; } // CR LF: the second half of a suffix
      if (attention.length && attention[0].kind !== "ask" && !target.closest("button, a")) { event.preventDefault(); answerKey("Enter"); }
      return;
    }
    if (target.closest("select, input:not(.scan-wedge)")) { return; }
    if (event.key === " " && !wedge.value) {
      if (attention.length && attention[0].kind !== "ask" && screen === "scan") { event.preventDefault(); answerKey(" "); return; }
      if (target.closest("button, a")) { return; }
    }
    if (event.key.length === 1 || event.key === "Unidentified" || event.key === "Process") { focusWedge(); }
  }, true);

  document.addEventListener("input", function (event) {
    var field = event.target;
    if (field !== wedge && !isTyped(field)) { return; }
    var gap = typing.last ? event.timeStamp - typing.last : 0;
    typing.slowest = typing.last ? Math.max(typing.slowest, gap) : 0;
    typing.last = event.timeStamp;
    if (/[\r\n\t]/.test(field.value)) { take(field, true); return; }
    window.clearTimeout(silence);
    if (field !== wedge && event.inputType === "insertFromPaste") { return; }
    silence = window.setTimeout(function () { quiet(field); }, field === wedge && field.value.length === 1 && attention.length ? 250 : 100);
  }, true);

  // Nothing has come for 100 ms. A scanner without suffix has ended; a cut scan goes on in a moment; a person types.
  function quiet(field) {
    var text = field.value;
    var scanner = typing.slowest < 60 && text.length >= 4;
    var half = /^https?:/i.test(text) && !/\/(8003|8004|a|s)\/./i.test(text);
    if (field === wedge && text.length === 1 && screen === "scan" && answerKey(text)) { field.value = ""; typing.last = 0; return; }
    if (scanner && !suffixSeen && !half) { // a busy device hands keys over late: half a code must not pass for a whole one
      silence = window.setTimeout(function () { if (field.value) { take(field, false); } }, 500);
      return;
    }
    if (field === wedge) {
      var typed = typedField();
      wedge.value = "";
      if (!typed) { typing.last = 0; return; }
      typed.value += text;
      typed.focus({ preventScroll: true });
      field = typed;
    }
    if (scanner) {
      silence = window.setTimeout(function () { if (field.value) { take(field, false); } }, 700);
    } else if (!field.value) { typing.last = 0; }
  }

  document.addEventListener("submit", function (event) {
    var form = event.target.closest("[data-typed]");
    if (!form) { return; }
    event.preventDefault();
    event.stopPropagation();
    take(form.elements.text, false);
  }, true);
  document.addEventListener("focusout", function () {
    window.setTimeout(function () {
      var now = document.activeElement;
      if (screen !== "start" && (!now || now === document.body)) { focusWedge(); }
    }, 30);
  });
  document.addEventListener("click", function (event) {
    if (!event.target.closest("input, select, label, a")) { focusWedge(); }
  });

  // ---------------------------------------------------------------- buttons

  document.querySelectorAll(".scan-big[data-mode]").forEach(function (button) {
    button.addEventListener("click", function () { choose(button.dataset.mode); });
  });
  $("pick").addEventListener("click", function (event) {
    var button = event.target.closest("[data-number]");
    if (button) { takeUp(button.dataset.number); }
  });
  $("back").addEventListener("click", function () {
    if (screen === "finish") { go("scan"); return; }
    go("start");
    offerResume();
  });
  $("finish").addEventListener("click", function () { go("finish"); pumpNow(); refresh(); });
  $("go-on").addEventListener("click", function () { go("scan"); });
  $("new").addEventListener("click", function () { session = null; saveSession(); shown = { kind: "ready", code: "", text: texts.ready_text }; offerResume(); go("start"); });
  $("unsent").addEventListener("click", function () { pumpNow(); });
  $("resume").addEventListener("click", function () {
    unlockSound();
    go(session.mode === "dispatch" && !session.shipment ? "shipment" : "scan");
    refresh();
  });
  function offerResume() {
    $("resume").hidden = !session || (session.mode === "dispatch" && !session.shipment);
    if (session) {
      $("resume").textContent = texts.resume + ": " + texts[session.mode];
      $("resume").append(element("small", "", [session.shipment, session.consignee, session.place].filter(Boolean).join(" · ")));
    }
  }

  window.addEventListener("online", pumpNow);
  window.addEventListener("pageshow", pumpNow);
  document.addEventListener("visibilitychange", function () { if (!document.hidden) { pumpNow(); } });
  window.setInterval(pump, 30000);
  window.addEventListener("beforeunload", function (event) {
    if (queue.some(function (item) { return item.volatile; })) { event.preventDefault(); } // no storage: only this page has them
  });

  var place = stored("rt-scan-place");
  if (place && $("place").querySelector("option[value='" + window.CSS.escape(place) + "']")) { $("place").value = place; }
  else if ($("place").options.length === 2) { $("place").selectedIndex = 1; }
  session = stored(SESSION);
  if (session && !session.log) { session = null; }
  loadQueue();
  offerResume();
  go("start");
  pump();
})();
