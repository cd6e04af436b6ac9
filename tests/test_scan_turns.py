"""Scans that come while others are being written go together: once for the disk, and each answered as it would be alone."""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise

import pytest
from conftest import NOW, on_both_databases
from test_scan_batches import URL, Scanner, boxes, rows  # noqa: F401 (a fixture)

import database
from accounts.people import create_user
from accounts.scope import EVERYTHING, Scope
from assets import scan_turns
from assets.devices import register
from assets.ledger_check import faults
from assets.models import Device, ScanBatch, ScanEvent
from assets.scan_batches import Request, Sender, Told, key_of
from assets.scan_told import ScanInput
from database import db as proxy
from database import utc_now


@pytest.fixture
def devices(app, user):
    with app.app_context():
        return [register(f"yard {number}", user, utc_now())[1] for number in range(8)]


def at_once(works):
    """All of `works`, each in a thread of its own; gives what they gave."""
    given = [None] * len(works)

    def run(number, work):
        try:
            given[number] = work()
        except Exception as error:
            given[number] = error
        proxy.close()

    threads = [threading.Thread(target=run, args=one) for one in enumerate(works)]
    for thread in threads:
        thread.start()
    return threads, given


@contextmanager
def nobody_writes(db):
    """SQLite's write lock is held by somebody else."""
    other = sqlite3.connect(db.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def wait_until(what):
    until = time.monotonic() + 20
    while not what():
        assert time.monotonic() < until
        threading.Event().wait(0.005)


def sent_together(db, works):
    """What `works` gave: the first has its turn, and waits for the database, until the others stand in the row."""
    with nobody_writes(db):
        first, begun = at_once(works[:1])
        wait_until(lambda: database._turn.locked() and not scan_turns._row)
        rest, given = at_once(works[1:])
        wait_until(lambda: len(scan_turns._row) == len(works) - 1)
    for thread in first + rest:
        thread.join()
    return begun + given


def transactions():
    """Batches of scans by the time of their record: within one it grows by a microsecond for each."""
    times = sorted(row.record_time for row in rows())
    return 1 + sum(after - before > timedelta(microseconds=50) for before, after in pairwise(times))


def test_who_waits_for_the_database_goes_together_with_all_who_wait(db, app, boxes, devices):  # noqa: F811
    scanners = [Scanner(app, token) for token in devices]
    scans = [scanner.scan("dispatch", f"KLT{number + 1:06d}") for number, scanner in enumerate(scanners)]
    answers = sent_together(
        db,
        [
            lambda scanner=scanner, scan=scan: scanner.http.post(URL, json=scan, headers=scanner.header)
            for scanner, scan in zip(scanners, scans, strict=True)
        ],
    )
    assert [answer.status_code for answer in answers] == [201] * 8
    assert [answer.json["event_id"] for answer in answers] == [scan["event_id"] for scan in scans]
    assert [answer.json["code"] for answer in answers] == [scan["scanned_text"] for scan in scans]
    assert transactions() == 2
    assert [device.last_sequence for device in Device.select()] == [1] * 8
    assert list(faults()) == []


def told(code, **fields):
    event_id = str(uuid.uuid4())
    more = {"shipment": "S-2026-0001", "place": "SZ-PLANT"} | fields
    return Told(ScanInput(event_id, "dispatch", code, NOW - timedelta(hours=1), **more))


def asked(user, one, key, answered=lambda taken: (200, {"outcome": taken.answers[0].outcome})):
    return lambda: scan_turns.answer(Request([one], Sender(user), answered, key_of(key, "me", {})), NOW)


def test_one_that_cannot_be_written_keeps_none_of_the_others_back(db, app, boxes, user):  # noqa: F811
    def fails(taken):
        raise RuntimeError("this one cannot be answered")

    works = [asked(user, told(f"KLT{number:06d}"), f"k{number}") for number in range(1, 5)]
    works[2] = asked(user, told("KLT000003"), "k3", fails)
    given = sent_together(db, works)
    assert [type(one).__name__ for one in given] == ["Reply", "Reply", "RuntimeError", "Reply"]
    assert {row.scanned_text for row in rows()} == {"KLT000001", "KLT000002", "KLT000004"}
    assert ScanBatch.select().count() == 3
    assert not scan_turns._is_led


def test_two_requests_of_one_device_do_not_go_together(db, app, boxes, devices):  # noqa: F811
    first, second = (Scanner(app, token) for token in devices[:2])
    same = first.scan("dispatch", "KLT000001")
    other = second.scan("dispatch", "KLT000002")
    answers = sent_together(
        db, [lambda: second.send([other]), lambda: first.send([same]), lambda: first.send([same])]
    )  # fmt: skip
    assert sorted(answer.json["results"][0]["outcome"] for answer in answers) == ["known", "recorded", "recorded"]
    assert rows().count() == 2


def test_whoever_comes_with_a_key_that_is_at_work_is_told_so_at_once(db, app, boxes, devices):  # noqa: F811
    first, second = (Scanner(app, token) for token in devices[:2])
    same = first.scan("dispatch", "KLT000001")
    works = [lambda: second.send([second.scan("dispatch", "KLT000002")], key="b"), lambda: first.send([same], key="a")]
    with nobody_writes(db):
        threads, begun = at_once(works[:1])
        wait_until(lambda: database._turn.locked() and not scan_turns._row)
        more, given = at_once(works[1:])
        wait_until(lambda: len(scan_turns._row) == 1)
        assert first.send([same], key="a").json["error"]["reason"] == "key_in_flight"
    for thread in threads + more:
        thread.join()
    assert [answer.status_code for answer in begun + given] == [200, 200]
    assert first.send([same], key="a").headers["Idempotency-Replayed"] == "true"
    assert rows().count() == 2


def test_people_with_other_scopes_do_not_go_together(db, app, user):
    one, other = Scope(frozenset({1}), None), Scope(frozenset({2}), None)

    def waiting(scope):
        return scan_turns._Waiting(Request([told("KLT000001")], Sender(user), lambda taken: (200, {})), NOW, scope)

    scan_turns._row[:] = [waiting(EVERYTHING), waiting(one), waiting(other), waiting(one)]
    try:
        together = scan_turns._together(scan_turns._row[1])
    finally:
        scan_turns._row.clear()
    assert [found.scope for found in together] == [one, one]


def test_each_is_answered_in_his_own_language(db, app, boxes, devices, user):  # noqa: F811
    with app.app_context():
        chinese = create_user("li.na", "a long password", NOW, role="scanner_operator")
        chinese.language = "zh"
        chinese.save()
        scanners = [Scanner(app, token) for token in (*devices[:2], register("yard li", chinese, utc_now())[1])]
    texts = sent_together(
        db,
        [
            lambda scanner=scanner, number=number: scanner.http.post(
                URL, json=scanner.scan("dispatch", f"KLT{number + 1:06d}"), headers=scanner.header
            ).json["text"]
            for number, scanner in enumerate(scanners)
        ],
    )
    assert texts[:2] == ["KLT000001 dispatched.", "KLT000002 dispatched."]
    assert "KLT000003" in texts[2]
    assert not texts[2].isascii()


@on_both_databases
def test_what_is_answered_is_stored_however_many_send(db, app, boxes, devices):  # noqa: F811
    scanners = [Scanner(app, token) for token in devices]
    lost = []

    def work(number, scanner):
        for turn in range(6):
            kind = "dispatch" if turn % 2 == 0 else "return"
            scan = scanner.scan(kind, f"KLT{number + 1:06d}", ago=timedelta(minutes=60 - turn))
            answer = scanner.http.post(URL, json=scan, headers=scanner.header)
            kept = ScanEvent.select().where(ScanEvent.event_id == scan["event_id"]).exists()
            if not (answer.status_code == 201 and kept):
                lost.append((answer.status_code, answer.data))

    threads, given = at_once([lambda one=one: work(*one) for one in enumerate(scanners)])
    for thread in threads:
        thread.join()
    assert (lost, given) == ([], [None] * 8)
    assert rows().count() == 48
    assert [device.last_sequence for device in Device.select()] == [6] * 8
    assert list(faults()) == []


def test_when_it_does_not_become_our_turn_all_in_the_row_are_told_at_once(db, app, boxes, devices):  # noqa: F811
    scanner = Scanner(app, devices[0])  # of one device no two go together
    works = [lambda: scanner.send([scanner.scan("dispatch", "KLT000001")]) for _ in range(4)]
    db.pragma("busy_timeout", 500, permanent=True)
    try:
        with nobody_writes(db):
            begun = time.monotonic()
            threads, given = at_once(works)
            for thread in threads:
                thread.join()
            took = time.monotonic() - begun
    finally:
        db.pragma("busy_timeout", 10_000, permanent=True)
    assert [answer.status_code for answer in given] == [503] * 4
    assert took < 4 * 0.5, took
    assert (scan_turns._row, scan_turns._is_led) == ([], False)
    assert scanner.send([scanner.scan("dispatch", "KLT000001")]).status_code == 200
