"""C1, C2, C4, C5, C7: the same thing twice, two things at once, and a key that comes again: once, and told the same."""

from __future__ import annotations

import contextlib
import io
import queue
import re
import sqlite3
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from copy import copy
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg
import pytest
from conftest import NOW, PASSWORD, SignedIn, application, on_both_databases
from peewee import SqliteDatabase, fn
from samples import party, shipment
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
from docs_gen.models import IssuedDocument, PaperSet
from docs_gen.paper_sets import order_set
from jobs.models import Job
from master_data.models import Place
from shipments.models import Shipment
from spreadsheets import write_xlsx

#: After so many pairs of events of C2 all that is stored is held against them (I2); and at the end.
CHECKED = 10 if LARGE else 1


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
def test_C1_the_same_scan_twice_at_once_is_one_event_and_both_answers_are_equal(db, app, user, world, boxes):  # noqa: F811
    """Pairs side by side, each of another device: in the large version 50 at once, a hundred times."""
    pairs, rounds = (50, 100) if LARGE else (4, 3)
    with app.app_context():
        scanners = [Scanner(app, register(f"yard {number}", user, NOW)[1]) for number in range(pairs)]
    codes = [f"KLT{number:06d}" for number in range(1, pairs + 1)]
    register_assets(world.klt, codes[len(boxes) :], world.suzhou, world.plant, user, NOW - timedelta(days=999))
    later = Counter()
    for number in range(rounds):
        ago = timedelta(seconds=2 * (rounds - number) * 60)
        kind = "dispatch" if number % 2 == 0 else "return"
        scans = [one.scan(kind, code, ago=ago) for one, code in zip(scanners, codes, strict=True)]
        twice = [
            lambda one=one, event=event: answered(one, app, event, later, key=event["event_id"])
            for one, event in zip(scanners, scans, strict=True)
            for _ in "12"
        ]
        both = at_once(*twice)
        for first, second in zip(both[::2], both[1::2], strict=True):
            assert (first.status_code, first.data) == (200, second.data)
        # Without a key: the id of the event has to do.
        scans = [
            one.scan(kind, code, ago=ago, scanned_text="no box") for one, code in zip(scanners, codes, strict=True)
        ]
        twice = [
            lambda one=one, event=event: answered(one, app, event, later)
            for one, event in zip(scanners, scans, strict=True)
            for _ in "12"
        ]
        told = [one.json["results"][0] for one in at_once(*twice)]
        for first, second in zip(told[::2], told[1::2], strict=True):
            assert first == second
            assert (first["outcome"], first["reason"]) == ("refused", "unreadable")
    assert rows().count() == 2 * pairs * rounds
    assert {
        row.n for row in rows().select(fn.COUNT(ScanEvent.id).alias("n")).group_by(ScanEvent.event_id).order_by()
    } == {1}
    assert list(faults()) == []
    again = ", ".join(f"{count} told {reason}" for reason, count in sorted(later.items()))
    tried(
        "C1",
        f"the same scan twice at once, {pairs} pairs at a time, with a key, {type(db).__name__}; {again or 'none told to come again'}",
        pairs * rounds,
    )
    tried("C1", f"the same without a key, {type(db).__name__}", pairs * rounds)


def answered(scanner: Scanner, app: Any, event: dict[str, Any], later: Counter[str], key: str | None = None) -> Any:
    """The answer to one scan over a connection of its own. Whoever is told to come again does, and is counted."""
    own = copy(scanner)
    own.http = app.test_client()
    while True:
        answer = own.send([event], key=key)
        if answer.status_code == 200:
            return answer
        reason = answer.json["error"]["reason"]
        assert (answer.status_code, reason) in ((409, "key_in_flight"), (503, "busy")), answer.text
        assert answer.headers["Retry-After"]
        later[reason] += 1


@on_both_databases
def test_C2_a_box_in_two_places_in_one_millisecond_is_in_one_and_the_other_is_for_a_person(db, app, user, world, yard):  # noqa: F811
    with app.app_context():
        here, there = Scanner(app, yard[1]), Scanner(app, register("yard 2", user, NOW)[1])
    times = 1_000 if LARGE else 12
    codes = [f"KLT{number:06d}" for number in range(1, times + 1)]  # a box that is out already is not dispatched again
    register_assets(world.klt, codes, world.suzhou, world.plant, user, NOW - timedelta(days=999))
    moment = {"event_time": (utc_now() - HOUR).isoformat(), "happened": True}
    for number, code in enumerate(codes):
        out = here.scan("dispatch", code, **moment)
        # As far as anybody knows it is in Suzhou, and somebody in Hamburg has it in his hands.
        away = there.scan("arrive", code, place="HH-VMI", **moment)
        answers = at_once(lambda out=out: here.send([out]), lambda away=away: there.send([away]))
        assert [one.json["results"][0]["status"] for one in answers] == [201, 201]
        if number % CHECKED == 0:
            assert list(faults()) == []
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
def test_C2_dispatched_in_a_and_returned_in_b_within_a_millisecond_one_wins_and_the_other_is_for_a_person(
    db,
    app,
    user,
    world,
    yard,  # noqa: F811
):
    """Both have happened; whichever came first by the rule, the other cannot be, and that is told."""
    with app.app_context():
        here, there = Scanner(app, yard[1]), Scanner(app, register("yard 2", user, NOW)[1])
    # Another of our companies: two gates of one company may be a minute apart.
    away = Place.create(
        code="HH-OWN", party=party(NOW, code="OWN-DE"), name_en="Our yard in Hamburg", address_en="Kaistraße 1",
        country="DE", timezone="Europe/Berlin", changed_time=NOW,
    )  # fmt: skip
    times = 1_000 if LARGE else 3
    codes = [f"KLT{number:06d}" for number in range(1, times + 1)]
    register_assets(world.klt, codes, world.suzhou, world.plant, user, NOW - timedelta(days=999))
    moment, later = utc_now() - HOUR, {}
    for number, code in enumerate(codes):
        # The return half a millisecond or a whole one before the dispatch, in the same moment, or after it.
        later[code] = timedelta(microseconds=(-500, 0, 500, -1_000, 1_000)[number % 5])
        out = here.scan("dispatch", code, happened=True, event_time=moment.isoformat())
        back = there.scan("return", code, happened=True, place=away.code, event_time=(moment + later[code]).isoformat())
        answers = at_once(lambda out=out: here.send([out]), lambda back=back: there.send([back]))
        assert [one.json["results"][0]["status"] for one in answers] == [201, 201]
        if number % CHECKED == 0:
            assert list(faults()) == []
    assert list(faults()) == []
    kept, told = defaultdict(dict), 0
    for row in rows():
        kept[row.asset.code][row.type] = row
    cases = {
        row.event_id
        for row in ExceptionCase.select().where(ExceptionCase.state == "open", ExceptionCase.code == "impossible_move")
    }
    for box in Asset.select().where(Asset.code.in_(codes)):
        assert set(kept[box.code]) == {"dispatch", "return"}, box.code  # nothing was dropped
        # The later one is where it is now; in the same moment, what reached us later.
        dispatched, returned = kept[box.code]["dispatch"], kept[box.code]["return"]
        if later[box.code]:
            returned_last = later[box.code] > timedelta(0)
        else:
            returned_last = (returned.record_time, returned.sender_id) > (dispatched.record_time, dispatched.sender_id)
        last = returned if returned_last else dispatched
        assert (box.where, box.place.code) == (("here", "HH-OWN") if returned_last else ("out", "SZ-PLANT"))
        assert "impossible_move" in last.exception
        assert last.event_id in cases  # and a person is asked
        told += 1
    tried(
        "C2",
        f"dispatched in A and returned in B within a millisecond, {type(db).__name__}; {told} conflicts kept for a person",
        times,
    )


class Open(NamedTuple):
    """A page with a form, open in a browser; two tabs of one browser are two of these."""

    browser: SignedIn
    form: dict[str, str]

    def send(self, url: str) -> Any:
        """Over a connection of its own, as a browser does that has been clicked at twice."""
        own = SignedIn(self.browser.application, self.browser.application.response_class)
        own._cookies, own.token = dict(self.browser._cookies), self.browser.token
        return own.post(url, data=self.form)


def opened(ways: str, browsers: dict[str, SignedIn], page: str, url: str, told: dict[str, str]) -> Iterator[Open]:
    """The forms that are about to be sent at once. `ways`: a letter for each of those who send, who has a browser; a
    capital one sends the same form as the small one before it, else the page was opened anew."""
    found: dict[str, Open] = {}
    for who in ways:
        if who.islower():
            form = form_of(browsers[who].get(page).text, f'action="{url}"') if url.endswith("documents/issue") else {}
            found[who] = Open(browsers[who], form | told)
        yield found[who.lower()]


#: What is sent at once: a double click, two tabs, two users; and all of it.
WAYS = {"a double click": "aA", "two tabs": "aa", "two users": "ab", "all of these": "aAab"}


@pytest.fixture
def two_users(app: Any, client: Any) -> dict[str, SignedIn]:
    with app.app_context():
        other = create_user("li.na", PASSWORD, NOW, administrator=True)
    second = SignedIn(app, app.response_class)
    second.sign_in(other)
    return {"a": client, "b": second}


@on_both_databases
def test_C4_who_issues_the_same_shipment_at_once_gets_one_paper(db, two_users, world):
    rounds, taken = (100, list(WAYS)) if LARGE else (1, ["all of these"])
    for number, way in enumerate([way for way in taken for _ in range(rounds)], start=2):
        one = shipment(NOW, world, number=f"S-2026-{number:04}")
        page, url = f"/shipments/{one.number}", f"/shipments/{one.number}/documents/packing_list/issue"
        told = {"part": "", "replaces": "", "reason:": "Agreed."}
        forms = list(opened(WAYS[way], two_users, page, url, told))
        answers = at_once(*(lambda form=form, url=url: form.send(url) for form in forms))
        assert [row.state for row in IssuedDocument.select().where(IssuedDocument.shipment == one)] == ["issued"]
        assert {answer.status_code for answer in answers} <= {302, 409}
        assert {answer.location for answer in answers if answer.status_code == 302} == {page}
        paper = IssuedDocument.get(IssuedDocument.shipment == one).number
        for answer in answers:
            assert (
                answer.status_code == 302
                or f"{paper} was issued in the meantime" in answer.text
                or f"{paper} is being issued at this moment" in answer.text
            )
        # A tab that was left open: the same person has the same paper, another one is told.
        assert {form.send(url).status_code for form in forms} <= {302, 409}
        assert IssuedDocument.select().where(IssuedDocument.shipment == one).count() == 1
    for way in taken:
        tried("C4", f"a paper issued by {way} at once, and again afterwards, {type(db).__name__}", rounds)


@on_both_databases
def test_C4_who_issues_the_same_set_at_once_gets_one(db, two_users, world):
    rounds, taken = (100, list(WAYS)) if LARGE else (1, ["all of these"])
    for number, way in enumerate([way for way in taken for _ in range(rounds)], start=2):
        one = shipment(NOW, world, number=f"S-2026-{number:04}")
        page, url = f"/shipments/{one.number}", f"/shipments/{one.number}/documents/issue"
        forms = list(
            opened(
                WAYS[way], two_users, page, url, {"paper": "packing_list", "saw:packing_list": "", "reason:": "Agreed."}
            )
        )
        answers = at_once(*(lambda form=form, url=url: form.send(url) for form in forms))
        jobs_end()
        answers += [form.send(url) for form in forms]  # a tab that was left open
        jobs_end()
        [papers] = PaperSet.select().where(PaperSet.shipment == one)
        [paper] = IssuedDocument.select().where(IssuedDocument.shipment == one)
        assert (paper.state, {answer.location for answer in answers if answer.status_code == 302}) == (
            "issued",
            {f"/paper-sets/{papers.id}"},
        )
        for answer in answers:
            assert answer.status_code == 302 or (
                answer.status_code == 409 and f"{paper.number} was issued in the meantime" in answer.text
            )
    for way in taken:
        tried("C4", f"a set issued by {way} at once, and again afterwards, {type(db).__name__}", rounds)


def test_C4_the_page_of_a_shipment_says_which_papers_it_has_shown(client, world):
    """So the set of a page that was left open, after its papers were issued, is refused, and does not replace them."""
    page = client.get("/shipments/S-2026-0001").text
    assert '<input type="hidden" form="set" name="saw:packing_list" value="">' in page
    url = "/shipments/S-2026-0001/documents/packing_list/issue"
    assert client.post(url, data={"part": "", "replaces": "", "reason:": "Agreed."}).status_code == 302
    Shipment.update(marks="OTHER MARKS").execute()
    page = client.get("/shipments/S-2026-0001").text
    assert '<input type="hidden" form="set" name="saw:packing_list" value="PL-2026-0001">' in page


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


#: Rounds of C5 and C7 in the large version.
ROUNDS = 100 if LARGE else 1


@on_both_databases
def test_C5_while_the_first_with_a_key_is_at_work_another_is_told_so_at_once(db, request, app, boxes, yard):  # noqa: F811
    scanner, told = Scanner(app, yard[1]), queue.Queue()

    def send(batch, key):
        told.put(scanner.send(batch, key=key))
        proxy.close()

    for number in range(ROUNDS):
        key, before = f"slow-{number}", 3 * number
        # Apart in time: two scans of a box in one second would be one of them.
        kind, ago = "return" if number % 2 else "dispatch", timedelta(minutes=2 * (ROUNDS - number))
        batch = [scanner.scan(kind, f"KLT00000{n}", ago=ago) for n in range(1, 4)]
        threads = [threading.Thread(target=send, args=(batch, key)) for _ in range(3)]
        with writers_wait(db, request):
            for thread in threads:
                thread.start()
            for answer in (told.get(timeout=8), told.get(timeout=8)):  # one is at work; nobody else waits for it
                assert (answer.status_code, answer.json["error"]["reason"]) == (409, "key_in_flight")
                assert answer.headers["Retry-After"] == "1"
            # Another batch under that key is no different: the first one's body is nowhere yet to compare it with.
            other = scanner.send([scanner.scan("dispatch", "KLT000009")], key=key)
            assert other.json["error"]["reason"] == "key_in_flight"
            assert rows().count() == before
        first = told.get(timeout=8)
        for thread in threads:
            thread.join()
        assert (first.status_code, rows().count()) == (200, before + 3)
        again = scanner.send(batch, key=key)
        assert (again.data, again.headers["Idempotency-Replayed"]) == (first.data, "true")
    assert list(faults()) == []
    tried(
        "C5", f"a key in flight: two more of it and another batch under it told so at once, {type(db).__name__}", ROUNDS
    )


def test_C5_a_key_is_one_result_for_one_sender_and_stays_so_after_a_restart(app, user, boxes, yard):  # noqa: F811
    scanner = Scanner(app, yard[1])
    with app.app_context():
        _, token = register("yard 2", create_user("li.na", PASSWORD, NOW, role="scanner_operator"), NOW)
    for number in range(ROUNDS):
        key, before = f"k-{number}", 14 * number
        kind, ago = "return" if number % 2 else "dispatch", timedelta(minutes=2 * (ROUNDS - number))
        events = [scanner.scan(kind, f"KLT00000{n}", ago=ago) for n in range(1, 4)]
        first = scanner.send(events, key=key)
        # Another body under the key: refused, and nothing is done.
        other = scanner.send([scanner.scan(kind, "KLT000009")], key=key)
        assert (other.status_code, other.json["error"]["reason"], rows().count()) == (422, "key_reused", before + 3)
        # Several at once: those that come while the first is at work are told so, and have its very answer afterwards.
        more = [scanner.scan(kind, f"KLT0000{n}", ago=ago) for n in range(10, 20)]
        answers = at_once(*[lambda more=more, key=key: scanner.send(more, key=f"in-flight-{key}")] * 4)
        assert {answer.status_code for answer in answers} in ({200}, {200, 409})
        answers += [scanner.send(more, key=f"in-flight-{key}")]
        assert len({answer.data for answer in answers if answer.status_code == 200}) == 1
        assert rows().count() == before + 13
        # After a restart: another application on the same database.
        again = application(app.config["ROUNDTRIP"])
        proxy.connect(reuse_if_open=True)
        restarted = Scanner(again, yard[1])
        replayed = restarted.send(events, key=key)
        assert (replayed.data, replayed.headers["Idempotency-Replayed"]) == (first.data, "true")
        assert rows().count() == before + 13
        # The same key of another sender is another key.
        theirs = Scanner(app, token)
        theirs.count = number
        answer = theirs.send([theirs.scan(kind, "KLT000025", ago=ago)], key=key)
        assert ([one["outcome"] for one in answer.json["results"]], "Idempotency-Replayed" in answer.headers) == (
            ["recorded"],
            False,
        )
        assert ScanBatch.select().count() == 3 * (number + 1)
    assert list(faults()) == []
    for what in ("with another body", "by four at once", "after a restart", "of another user"):
        tried("C5", f"a key {what}", ROUNDS)


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
    form = {"how": "codes", "asset_type": "KLT6428", "owner": "SUZHOU", "return_place": "SZ-PLANT"}
    for number in range(ROUNDS):
        codes = {"codes": f"KLT-{number:04}01\nKLT-{number:04}02"}
        assert [client.post("/assets/new", data=form | codes).status_code for _ in range(2)] == [302, 422]
        assert Asset.select().where(Asset.code.startswith(f"KLT-{number:04}0")).count() == 2
    assert Asset.select().where(Asset.code.startswith("KLT-")).count() == 2 * ROUNDS
    tried("C7", "a list of boxes sent twice", ROUNDS)


def test_C7_the_same_file_of_lines_read_twice_and_confirmed_twice_is_written_once(client, world):
    page = "/shipments/S-2026-0001/lines/import"

    def shown(data: bytes, name: str) -> str:
        answer = client.post(page, data={"file": (io.BytesIO(data), name)}, content_type="multipart/form-data")
        assert answer.status_code == 200, answer.text
        return answer.text.split('name="rows" value="')[1].split('"')[0]

    for number in range(ROUNDS):
        quantity = Decimal(1_007 + number)
        data = write_xlsx("lines", ["Part no.", "Quantity", "Unit price"], [["10-4711", quantity, Decimal("1.5")]])
        sealed = [shown(data, name) for name in ("order.xlsx", "the same under another name.xlsx")]
        answers = [
            client.post(f"{page}/confirm", data={"rows": rows_, "mode": "append"}) for rows_ in (*sealed, sealed[0])
        ]
        # The shipment is not the one any more for which the lines were shown.
        assert [answer.status_code for answer in answers] == [302, 409, 409]
        assert all(
            "was saved since the file was read, so nothing of the file has been saved" in one.text
            for one in answers[1:]
        )
        if LARGE:  # and where it is read anew; the small version of that is in tests/test_lines_import.py
            told = client.post(f"{page}/confirm", data={"rows": shown(data, "again.xlsx"), "mode": "append"})
            assert (told.status_code, "Nothing has been added" in told.text) == (422, True)
        assert [line.quantity for line in Shipment.get().lines].count(quantity) == 1
    assert Shipment.get().lines.count() == 2 + ROUNDS
    tried("C7", "the same workbook of lines under three names, its lines confirmed four times", ROUNDS)
