"""C1, C2, C4, C5, C7: the same thing twice, two things at once, and a key that comes again: once, and told the same."""

from __future__ import annotations

import contextlib
import io
import queue
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
from conftest import NOW, PASS, PASSWORD, SignedIn, application, on_both_databases
from peewee import SqliteDatabase
from shipment_forms import GOOD
from simulated_devices import LARGE, tried
from test_scan_batches import HOUR, Scanner, boxes, rows, yard  # noqa: F401 (fixtures)

from accounts.models import FormAnswer
from accounts.people import create_user
from assets.devices import register
from assets.ledger_check import faults
from assets.models import Asset, ExceptionCase, ScanBatch, ScanEvent
from assets.registering import register_assets
from database import db as proxy
from database import utc_now
from docs_gen.issuing import Order, issue_document
from docs_gen.models import IssuedDocument, PaperSet
from docs_gen.paper_sets import order_set
from jobs.models import Job
from shipments.models import Shipment


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Each in its own thread, all from one moment on; gives what they gave."""
    gate, given = threading.Barrier(len(works)), [None] * len(works)

    def run(place: int, work: Callable[[], Any]) -> None:
        gate.wait()
        given[place] = work()
        if not proxy.is_closed():
            proxy.close()

    threads = [threading.Thread(target=run, args=one) for one in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return given


@on_both_databases
def test_C1_the_same_scan_twice_at_once_is_one_event_and_both_answers_are_equal(db, app, boxes, yard):  # noqa: F811
    scanner, pairs = Scanner(app, yard[1]), 1_000 if LARGE else 12
    for number in range(pairs):
        kind = "dispatch" if number % 2 == 0 else "return"
        event = scanner.scan(kind, f"KLT{number // 2 % 30 + 1:06d}", ago=timedelta(seconds=3_600 - number))
        both = at_once(*[lambda event=event: scanner.send([event], key=event["event_id"])] * 2)
        # Whoever comes while the first is at work asks again, as it is told to.
        first, second = (
            scanner.send([event], key=event["event_id"]) if one.status_code == 409 else one for one in both
        )
        assert (first.status_code, first.data) == (200, second.data)
        # Without a key: the id of the event has to do.
        event = scanner.scan(
            kind, f"KLT{number // 2 % 30 + 1:06d}", ago=timedelta(seconds=3_600 - number), scanned_text="no box"
        )
        both = [one.json["results"][0]["outcome"] for one in at_once(*[lambda event=event: scanner.send([event])] * 2)]
        assert sorted(both) in (["known", "refused"], ["refused", "refused"]), both
    assert rows().count() == 2 * pairs
    assert list(faults()) == []
    tried("C1", f"the same scan twice at once, with and without a key, {type(db).__name__}", 2 * pairs)


@on_both_databases
def test_C2_a_box_in_two_places_in_one_millisecond_is_in_one_and_the_other_is_for_a_person(db, app, user, world, yard):  # noqa: F811
    with app.app_context():
        here, there = Scanner(app, yard[1]), Scanner(app, register("yard 2", user, NOW)[1])
    times = 500 if LARGE else 12
    codes = [f"KLT{number:06d}" for number in range(1, times + 1)]  # a box that is out already is not dispatched again
    register_assets(world.klt, codes, world.suzhou, world.plant, user, NOW - timedelta(days=999))
    moment = {"event_time": (utc_now() - HOUR).isoformat(), "happened": True}
    for code in codes:
        out = here.scan("dispatch", code, **moment)
        # As far as anybody knows it is in Suzhou, and somebody in Hamburg has it in his hands.
        away = there.scan("arrive", code, place="HH-VMI", **moment)
        answers = at_once(lambda out=out: here.send([out]), lambda away=away: there.send([away]))
        assert [one.json["results"][0]["status"] for one in answers] == [201, 201]
        assert list(faults()) == []
    assert rows().count() == 2 * times  # nothing was dropped
    told = [row for row in rows() if row.exception]
    assert {row.asset_id for row in told} == {row.asset_id for row in rows()}  # each box is for a person to look at
    assert {row.code for row in ExceptionCase.select()} >= {"impossible_move"}
    tried(
        "C2",
        f"one box, two places, one millisecond, {type(db).__name__}; {len(told)} conflicts kept for a person",
        times,
    )


@on_both_databases
def test_C2_dispatched_here_and_returned_there_at_once_leaves_a_case_for_a_person(db, app, user, boxes, yard):  # noqa: F811
    """Both have happened; whichever order the rule gives them, one of the two breaks a rule, and that is told."""
    with app.app_context():
        here, there = Scanner(app, yard[1]), Scanner(app, register("yard 2", user, NOW)[1])
    moment = {"event_time": (utc_now() - HOUR).isoformat(), "happened": True}
    out, back = here.scan("dispatch", **moment), there.scan("return", place="SZ-PLANT", **moment)
    at_once(lambda: here.send([out]), lambda: there.send([back]))
    assert list(faults()) == []
    box = Asset.get(code="KLT000001")
    kept = ScanEvent.select().where(ScanEvent.asset == box, ScanEvent.type != "commission")
    assert {row.type for row in kept} == {"dispatch", "return"}
    assert box.where in ("here", "out")
    assert ExceptionCase.select().where(ExceptionCase.state == "open").exists()


@on_both_databases
def test_C4_two_users_who_issue_the_same_shipment_at_once_get_one_paper(db, app, client, user, world):
    with app.app_context():
        other = create_user("li.na", PASSWORD, NOW, administrator=True)
    second = SignedIn(app, app.response_class)
    second.sign_in(other)
    shipment, settings = world.shipment, app.config["ROUNDTRIP"]

    def issue(who):
        def work():
            try:
                with proxy.connection_context():
                    return issue_document(
                        shipment, Order("commercial_invoice", replaces="", reasons=PASS), who, NOW, settings
                    ).number
            except Exception as error:
                return getattr(error, "reason", repr(error))

        return work

    answers = at_once(issue(user), issue(other), issue(user))
    assert [row.number for row in IssuedDocument.select()] == ["CI-2026-0001"]
    assert set(answers) <= {"CI-2026-0001", "unfinished", "issued_meanwhile"}
    assert "CI-2026-0001" in answers


@contextlib.contextmanager
def writers_wait(db, request) -> Iterator[None]:
    """Somebody else holds what every batch has to write."""
    if isinstance(db, SqliteDatabase):
        with contextlib.closing(sqlite3.connect(db.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
    else:
        with psycopg.connect(request.getfixturevalue("postgresql_server").get_uri("one_test")) as other:
            other.execute("SELECT id FROM device FOR UPDATE")
            yield


@on_both_databases
def test_C5_while_the_first_with_a_key_is_at_work_another_is_told_so_at_once(db, request, app, boxes, yard):  # noqa: F811
    scanner, told = Scanner(app, yard[1]), queue.Queue()
    batch = [scanner.scan("dispatch", f"KLT00000{n}") for n in range(1, 4)]

    def send():
        told.put(scanner.send(batch, key="slow"))
        proxy.close()

    threads = [threading.Thread(target=send) for _ in range(3)]
    with writers_wait(db, request):
        for thread in threads:
            thread.start()
        for answer in (told.get(timeout=8), told.get(timeout=8)):  # one is at work; nobody else waits for it
            assert (answer.status_code, answer.json["error"]["reason"]) == (409, "key_in_flight")
            assert answer.headers["Retry-After"] == "1"
        # Another batch under that key is no different: the first one's body is nowhere yet to compare it with.
        other = scanner.send([scanner.scan("dispatch", "KLT000009")], key="slow")
        assert other.json["error"]["reason"] == "key_in_flight"
        assert rows().count() == 0
    first = told.get(timeout=8)
    for thread in threads:
        thread.join()
    assert (first.status_code, rows().count()) == (200, 3)
    again = scanner.send(batch, key="slow")
    assert (again.data, again.headers["Idempotency-Replayed"]) == (first.data, "true")
    assert list(faults()) == []


def test_C5_a_key_is_one_result_for_one_sender_and_stays_so_after_a_restart(app, user, boxes, yard):  # noqa: F811
    scanner = Scanner(app, yard[1])
    events = [scanner.scan("dispatch", f"KLT00000{n}") for n in range(1, 4)]
    first = scanner.send(events, key="k")
    # Another body under the key: refused, and nothing is done.
    other = scanner.send([scanner.scan("dispatch", "KLT000009")], key="k")
    assert (other.status_code, other.json["error"]["reason"], rows().count()) == (422, "key_reused", 3)
    # Several at once: those that come while the first is at work are told so, and have its very answer afterwards.
    more = [scanner.scan("dispatch", f"KLT0000{n}") for n in range(10, 20)]
    answers = at_once(*[lambda: scanner.send(more, key="in-flight")] * 4)
    assert {answer.status_code for answer in answers} in ({200}, {200, 409})
    answers += [scanner.send(more, key="in-flight")]
    assert len({answer.data for answer in answers if answer.status_code == 200}) == 1
    assert rows().count() == 13
    # After a restart: another application on the same database.
    again = application(app.config["ROUNDTRIP"])
    proxy.connect(reuse_if_open=True)
    restarted = Scanner(again, yard[1])
    assert (restarted.send(events, key="k").data, rows().count()) == (first.data, 13)
    # The same key of another sender is another key.
    with app.app_context():
        _, token = register("yard 2", create_user("li.na", PASSWORD, NOW, role="scanner_operator"), NOW)
    theirs = Scanner(app, token)
    answer = theirs.send([theirs.scan("dispatch", "KLT000025")], key="k")
    assert ([one["outcome"] for one in answer.json["results"]], "Idempotency-Replayed" in answer.headers) == (
        ["recorded"],
        False,
    )
    assert ScanBatch.select().count() == 3
    assert list(faults()) == []


def form_of(page: str, address: str) -> dict[str, str]:
    """The hidden key of a form on a page."""
    return {"once": re.search(r'name="once" value="(\w+)"', page.split(address)[1])[1]}


def test_C5_an_order_to_issue_whose_answer_was_lost_is_sent_again_and_gets_the_same_paper(client, app, world, user):
    issue = "/shipments/S-2026-0001/documents/commercial_invoice/issue"
    order = {"part": "", "replaces": "", "reason:": "Agreed."}
    answers = [client.post(issue, data=order) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [302, 302, 302]
    assert {answer.location for answer in answers} == {"/shipments/S-2026-0001"}
    assert [row.number for row in IssuedDocument.select()] == ["CI-2026-0001"]
    # Another person with the same old page is told, and so is the same one when the shipment has changed since.
    with app.app_context():
        other = create_user("li.na", PASSWORD, NOW, administrator=True)
    second = SignedIn(app, app.response_class)
    second.sign_in(other)
    told = second.post(issue, data=order)
    assert (told.status_code, "CI-2026-0001 was issued in the meantime" in told.text) == (409, True)
    Shipment.update(marks="OTHER MARKS").execute()
    assert client.post(issue, data=order).status_code == 409
    assert IssuedDocument.select().count() == 1


def jobs_end() -> None:
    """Those that this process began have come to their end."""
    for thread in [one for one in threading.enumerate() if one.name.startswith("job-")]:
        thread.join(60)


def test_C5_a_set_that_was_ordered_is_not_issued_again_by_the_same_form(client, world):
    url = "/shipments/S-2026-0001/documents/issue"
    form = form_of(client.get("/shipments/S-2026-0001").text, f'action="{url}"')
    form |= {"paper": "packing_list:", "reason:": "Agreed."}
    first = client.post(url, data=form)
    jobs_end()
    again = client.post(url, data=form)
    assert (first.status_code, again.status_code, again.location) == (302, 302, first.location)
    assert PaperSet.select().count() == 1
    other = client.post(url, data=form | {"paper": "commercial_invoice:"})
    assert (other.status_code, PaperSet.select().count()) == (409, 1)
    assert "sent before with other values" in other.text


def test_C5_a_set_that_found_another_at_work_is_issued_when_its_form_comes_again(client, world):
    url = "/shipments/S-2026-0001/documents/issue"
    before = order_set(world.shipment, [("packing_list", "")], {"": "Agreed."}, None, utc_now())
    form = {"once": "b" * 32, "paper": "commercial_invoice:", "reason:": "Agreed."}
    assert client.post(url, data=form).location == f"/paper-sets/{before.id}"
    assert (FormAnswer.select().count(), PaperSet.select().count()) == (0, 1)
    Job.update(state="done").execute()
    again = client.post(url, data=form)
    assert (again.status_code, again.location) == (302, f"/paper-sets/{PaperSet.get(PaperSet.id != before.id).id}")
    jobs_end()


@on_both_databases
def test_C5_a_shipment_that_was_saved_is_not_made_a_second_time_by_the_same_form(db, app, client, user, world):
    """Pressed twice at once, sent again later, by somebody else, with other values, and after a fault."""
    url, before = "/shipments/new", Shipment.select().count()
    once = {"once": re.search(r'name="once" value="(\w+)"', client.get(url).text)[1]}
    faulty = client.post(url, data=GOOD | once | {"incoterm": "QQQ"})
    assert (faulty.status_code, FormAnswer.select().count()) == (422, 0)  # nothing was done, so the key is free
    with app.app_context():
        other = create_user("li.na", PASSWORD, NOW, administrator=True)
    clients = [SignedIn(app, app.response_class) for _ in range(3)]
    for one, who in zip(clients, (user, user, other), strict=True):
        one.sign_in(who)
    answers = at_once(*(lambda one=one: one.post(url, data=GOOD | once) for one in clients[:2]))
    assert [answer.status_code for answer in answers] == [302, 302]
    assert len({answer.location for answer in answers}) == 1
    assert Shipment.select().count() == before + 1
    again = client.post(url, data=GOOD | once, follow_redirects=True)
    assert "This was done already" in again.text
    assert client.post(url, data=GOOD | once | {"remarks": "other"}).status_code == 409
    assert Shipment.select().count() == before + 1
    assert clients[2].post(url, data=GOOD | once).status_code == 302  # the key of another person is another key
    assert Shipment.select().count() == before + 2


def test_C5_a_button_inside_a_form_waits_for_no_turn_to_write_and_takes_no_key(client, world):
    form = GOOD | {"once": "c" * 32}
    with contextlib.closing(sqlite3.connect(proxy.obj.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert client.post("/shipments/new", data=form | {"add_line": "1"}).status_code == 200
    assert client.post("/shipments/new", data=form).status_code == 302


def test_C5_a_form_that_comes_again_with_another_file_is_another_form(client, world):
    def sent(data: bytes) -> int:
        form = GOOD | {"once": "d" * 32, "lines_file": (io.BytesIO(data), "lines.csv")}
        return int(client.post("/shipments/new", data=form, content_type="multipart/form-data").status_code)

    assert [sent(b"one"), sent(b"one"), sent(b"two")] == [302, 302, 409]


def test_C5_an_event_of_a_counted_pool_is_booked_once(client, world):
    form = {"once": "a" * 32, "type": "opening", "asset_type": "EPAL", "quantity": "12", "party": "HAMBURG"}
    assert [client.post("/pools/book", data=form).status_code for _ in range(2)] == [302, 302]
    assert ScanEvent.select().count() == 1


def test_C7_a_file_of_boxes_confirmed_twice_registers_them_once(client, world):
    form = {
        "how": "codes",
        "asset_type": "KLT6428",
        "owner": "SUZHOU",
        "return_place": "SZ-PLANT",
        "codes": "KLT-000901\nKLT-000902",
    }
    assert [client.post("/assets/new", data=form).status_code for _ in range(2)] == [302, 422]
    assert Asset.select().where(Asset.code.startswith("KLT-0009")).count() == 2


def test_C7_the_same_file_of_lines_read_twice_and_confirmed_twice_is_written_once(client, world):
    page = "/shipments/S-2026-0001/lines/import"
    data = b"Part no.,Quantity,Unit price\n10-4711,7,1.5\n"
    sealed = []
    for name in ("order.csv", "the same under another name.csv"):
        shown = client.post(page, data={"file": (io.BytesIO(data), name)}, content_type="multipart/form-data")
        assert shown.status_code == 200, shown.text
        sealed.append(shown.text.split('name="rows" value="')[1].split('"')[0])
    answers = [
        client.post(f"{page}/confirm", data={"rows": rows_, "mode": "append"}).status_code
        for rows_ in (*sealed, sealed[0])
    ]
    assert answers == [302, 409, 409]  # the shipment is not the one any more for which the lines were shown
    assert [str(line.quantity) for line in Shipment.get().lines].count("7") == 1
