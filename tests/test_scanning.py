"""record_scans: what it promises on both databases."""

import threading
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from conftest import NOW, on_both_databases
from samples import THREE
from samples import shipment as make_shipment

from assets.dispatched import dispatched_on
from assets.ledger_check import faults
from assets.models import Asset, ScanEvent
from assets.registering import register_assets
from assets.scan_told import ScanInput
from assets.scanning import record_scan, record_scans
from assets.state import shown
from database import db as proxy
from docs_gen.facts import shipment_facts
from docs_gen.register import problems

HOUR = timedelta(hours=1)
AWAY = NOW + 60 * HOUR
HOSTS = ("rt.example.com",)


@pytest.fixture
def boxes(world):
    return register_assets(world.klt, [f"KLT{n:06d}" for n in range(1, 31)], world.suzhou, world.plant, None, NOW)


def scan(type="dispatch", code="KLT000001", at=NOW + HOUR, **fields):
    more = {"shipment": "S-2026-0001"} if type == "dispatch" else {}
    return ScanInput(
        **{"event_id": str(uuid.uuid4()), "type": type, "scanned_text": code, "event_time": at, "place": "SZ-PLANT",
           "device": "yard-1", **more, **fields}
    )  # fmt: skip


def record(one, now=None):
    return record_scan(one, None, now or one.event_time, HOSTS)


def state_of(code="KLT000001"):
    return shown(Asset.get(code=code))


def events(**where):
    return ScanEvent.select().where(
        ScanEvent.type != "commission", *(getattr(ScanEvent, k) == v for k, v in where.items())
    )


@on_both_databases
def test_a_box_goes_out_and_comes_home(db, world, boxes):
    answer = record(scan(code="HTTPS://RT.EXAMPLE.COM/8003/04012345000016KLT000001"))
    assert (answer.status, answer.code, answer.asset_type, answer.state) == (
        201,
        "KLT000001",
        "KLT6428",
        "in_transit_out",
    )
    box = Asset.get(code="KLT000001")
    assert (box.holder, box.shipment, box.out_since) == (world.hamburg, world.shipment, NOW + HOUR)
    assert [found.code for found in dispatched_on(world.shipment)] == ["KLT000001"]
    answer = record(scan("return", at=AWAY, place=""))
    assert (answer.outcome, answer.state, answer.exceptions) == ("recorded", "returned", ())
    box = Asset.get(code="KLT000001")
    assert (box.holder, box.place, box.shipment, box.out_since, box.event_count) == (
        world.suzhou,
        world.plant,
        None,
        None,
        3,
    )
    assert [found.code for found in dispatched_on(world.shipment)] == ["KLT000001"]
    assert list(faults()) == []


@on_both_databases
def test_the_same_id_with_the_same_body_changes_nothing(db, boxes):
    first = scan()
    assert record(first).status == 201
    rows = events().count()
    again = record(first, now=AWAY)
    assert (again.status, again.outcome, again.code, again.state) == (200, "known", "KLT000001", "in_transit_out")
    assert events().count() == rows
    refused = scan(code="KLT999999")
    assert record(refused).status == 422
    again = record(refused)
    assert (again.status, again.reason) == (422, "unknown_asset")
    assert events().count() == rows + 1


@on_both_databases
def test_the_same_id_with_another_body_is_a_conflict(db, boxes):
    first = scan()
    record(first)
    other = replace(first, scanned_text="KLT000002")
    answer = record(other)
    assert record(other) == answer
    assert [row.scanned_text for row in events(refused="conflict")] == ["KLT000002"]  # both texts are kept, once
    assert (answer.status, answer.outcome, answer.reason) == (409, "conflict", "conflict")
    assert state_of("KLT000002") == "available"
    assert ScanEvent.get(event_id=first.event_id).scanned_text == "KLT000001"


@on_both_databases
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("KLT999999", "unknown_asset"),
        ("8003042987650000089X", "check_digit"),
        ("(8003)04298765000007X-1", "unknown_asset"),
        ("800304012345000016", "type_only"),
        ("CSQU3054383", "freight_container"),
        ("(00)340123450000000017", "goods_label"),
        ("https://rt.example.com/s/S-2026-0001", "shipment"),
        ("javascript:alert(1)", "unreadable"),
        ("<script>alert('x')</script>", "unreadable"),
        ("x" * 513, "too_long"),
        ("KLT\x00000001", "unreadable"),
        ("", "unreadable"),
    ],
)
def test_a_text_that_is_no_box_of_ours_is_refused_and_kept(db, boxes, text, reason):
    answer = record(scan(code=text, happened=True))
    assert (answer.status, answer.reason, answer.code) == (422, reason, None)
    row = ScanEvent.get(event_id=answer.event_id)
    assert (row.refused, row.asset, row.scanned_text) == (reason, None, text.replace("\0", "␀")[:512])


def test_the_prefix_of_a_foreign_company_is_told(db, boxes):
    answer = record(scan(code="(8003)06901234000009KLT1"))
    assert str(answer.text) == "This box belongs to another company (GS1 prefix 6901234) and is not registered here."


@on_both_databases
def test_a_box_that_is_out_cannot_leave_again(db, world, boxes):
    from samples import shipment

    shipment(NOW, world, number="S-2026-0002")
    record(scan())
    same = record(scan(at=NOW + 2 * HOUR))
    assert (same.status, same.outcome) == (200, "known")
    other = record(scan(at=NOW + 2 * HOUR, shipment="S-2026-0002"))
    assert (other.status, other.reason, other.state) == (422, "already_out", "in_transit_out")
    assert events(refused="already_out").count() == 1
    anyway = record(scan(at=NOW + 3 * HOUR, shipment="S-2026-0002", happened=True))
    assert (anyway.status, anyway.exceptions) == (201, ("already_out",))
    assert Asset.get(code="KLT000001").shipment.number == "S-2026-0002"
    assert list(faults()) == []


@on_both_databases
def test_a_return_of_a_box_that_never_left_is_taken_with_an_exception(db, boxes):
    answer = record(scan("return"))
    assert (answer.status, answer.exceptions, answer.state) == (201, ("never_left",), "returned")
    assert "never left" in str(answer.text)
    assert ScanEvent.get(event_id=answer.event_id).exception == "never_left"


@on_both_databases
def test_a_late_scan_takes_the_exception_back(db, boxes):
    returned = record(scan("return", at=AWAY))
    assert returned.exceptions == ("never_left",)
    late = record(scan(at=NOW + HOUR), now=AWAY + HOUR)
    assert (late.status, late.exceptions, late.state) == (201, (), "returned")
    assert ScanEvent.get(event_id=returned.event_id).exception == ""
    assert list(faults()) == []


@on_both_databases
def test_a_time_in_the_future_is_kept_but_not_believed(db, boxes):
    answer = record(scan(at=NOW + 5 * HOUR), now=NOW + HOUR)
    assert (answer.status, answer.exceptions) == (201, ("clock",))
    row, box = ScanEvent.get(event_id=answer.event_id), Asset.get(code="KLT000001")
    assert (row.event_time, row.record_time, box.out_since) == (NOW + 5 * HOUR, NOW + HOUR, NOW + HOUR)
    assert record(scan("return", at=NOW + 4 * HOUR, confirmed=("cancel_or_return",))).state == "returned"
    assert list(faults()) == []


@on_both_databases
def test_a_void_takes_the_effect_away_and_keeps_both_rows(db, world, boxes):
    first = record(scan())
    undo = scan("void", code="", voids=first.event_id, reason="did_not_occur")
    answer = record(undo)
    assert (answer.status, answer.code, answer.state) == (201, "KLT000001", "available")
    assert dispatched_on(world.shipment) == []
    assert events().count() == 2
    assert record(undo).outcome == "known"
    assert record(scan("void", code="", voids=first.event_id, reason="again")).outcome == "known"
    assert record(scan(at=NOW + HOUR + timedelta(seconds=5))).status == 201  # not a double trigger of the one undone
    assert list(faults()) == []


def test_what_cannot_be_undone_is_refused(db, boxes):
    refused = record(scan(code="KLT999999"))
    undone = record(scan("void", code="", voids=record(scan()).event_id, reason="x"))
    for target in (str(uuid.uuid4()), refused.event_id, undone.event_id):
        answer = record(scan("void", code="", voids=target, reason="x"))
        assert (answer.status, answer.reason) == (422, "unknown_event")


@on_both_databases
def test_that_a_box_was_registered_is_not_undone_and_costs_nobody_his_scan(db, boxes, user):
    """Also when a second person could agree to it, and when the box has been on its way since."""
    commissions = [ScanEvent.get(type="commission", scanned_text=f"KLT00000{n}").event_id for n in (1, 2)]
    record(scan())
    batch = [scan("void", "", voids=id_, reason="x") for id_ in commissions] + [scan("damage", "KLT000003", reason="x")]
    for now in (NOW + 2 * HOUR, NOW + 99 * HOUR):
        batch = [replace(one, event_id=str(uuid.uuid4()), event_time=now) for one in batch]
        answers = record_scans(batch, user, now)
        assert [answer.reason for answer in answers] == ["stays_registered", "stays_registered", None]
    assert answers[0].text.values == {"code": "KLT000001"}
    assert [state_of(f"KLT00000{n}") for n in (1, 2, 3)] == ["in_transit_out", "available", "damaged"]
    assert list(faults()) == []


def test_the_same_trigger_twice_is_one_event(db, boxes):
    assert record(scan("damage", reason="corner broken")).status == 201
    assert record(scan("damage", at=NOW + HOUR + timedelta(seconds=29), reason="corner broken")).outcome == "known"
    assert record(scan("damage", at=NOW + HOUR + timedelta(seconds=9), reason="x", device="yard-2")).status == 201
    assert record(scan("damage", at=NOW + HOUR + timedelta(seconds=61), reason="x")).status == 201
    assert events().count() == 3


def test_a_question_leaves_no_row_and_is_taken_with_its_answer(db, boxes):
    record(scan())
    back = scan("return", at=NOW + 2 * HOUR)
    answer = record(back)
    assert (answer.status, answer.reason, answer.confirm) == (422, "cancel_or_return", "cancel_or_return")
    assert events().count() == 1
    answer = record(replace(back, confirmed=("cancel_or_return",)))
    assert (answer.status, answer.exceptions, answer.state) == (201, ("cancel_or_return",), "returned")
    assert record(replace(back, confirmed=("cancel_or_return",))).outcome == "known"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"shipment": "S-0"}, "unknown_shipment"),
        ({"place": "NOWHERE"}, "unknown_place"),
        ({"party": "NOBODY"}, "unknown_party"),
    ],
)
def test_an_unknown_context_is_refused_and_kept(db, boxes, fields, reason):
    answer = record(scan(**fields))
    assert (answer.status, answer.reason) == (422, reason)
    assert events(refused=reason).count() == 1
    assert state_of() == "available"


def test_a_closed_shipment_takes_no_more_boxes(db, world, boxes):
    world.shipment.state = "closed"
    world.shipment.save()
    assert record(scan()).reason == "closed_shipment"
    assert record(scan(happened=True)).status == 201


def test_what_is_missing_is_invalid_and_leaves_no_row(db, boxes):
    for one, field in (
        (scan(shipment=""), "shipment"),
        (scan("lost"), "reason"),
        (scan("commission"), "type"),
        (scan("x"), "type"),
    ):
        answer = record(one)
        assert (answer.status, answer.outcome, answer.field) == (400, "invalid", field)
    assert events().count() == 0


@on_both_databases
def test_a_batch_is_answered_in_order_and_a_bad_scan_fails_nobody_else(db, boxes):
    first, back = scan(), scan("return", at=AWAY)
    undone = scan(code="KLT000002")
    batch = [
        first, back, scan(code="KLT999999"), undone, scan("void", code="", voids=undone.event_id, reason="x"), first,
        replace(first, scanned_text="KLT000003"), scan(code="KLT000004", shipment=""), scan(code="KLT000005"),
    ]  # fmt: skip
    answers = record_scans(batch, None, AWAY, HOSTS)
    assert [answer.event_id for answer in answers] == [one.event_id for one in batch]
    assert [answer.status for answer in answers] == [201, 201, 422, 201, 201, 200, 409, 400, 201]
    assert [state_of(f"KLT{n:06d}") for n in (1, 2, 3, 4, 5)] == [
        "returned", "available", "available", "available", "in_transit_out",
    ]  # fmt: skip
    assert list(faults()) == []


@on_both_databases
def test_scans_of_one_moment_keep_the_order_of_the_batch(db, boxes):
    at = NOW + HOUR
    answers = record_scans([scan(at=at), scan("return", at=at, happened=True), scan("inspect", at=at)], None, at, HOSTS)
    assert [answer.state for answer in answers] == ["in_transit_out", "returned", "available"]
    assert list(faults()) == []


@on_both_databases
def test_the_number_of_queries_does_not_grow_with_the_batch(db, boxes):
    counts = []
    for lo, hi in ((1, 3), (3, 30)):
        batch = [scan(code=f"KLT{n:06d}", at=NOW + HOUR) for n in range(lo, hi)]
        counts.append(_queries(lambda batch=batch: record_scans(batch, None, NOW + HOUR, HOSTS)))
        late = [
            scan("inspect", code=f"KLT{n:06d}", at=NOW + timedelta(minutes=5), happened=True) for n in range(lo, hi)
        ]
        counts.append(_queries(lambda late=late: record_scans(late, None, NOW + 2 * HOUR, HOSTS)))
    assert counts[:2] == counts[2:]
    assert max(counts) <= 16


def _queries(call):
    """How many statements `call` sends; an executemany counts as one."""
    import logging

    seen = []
    handler = logging.Handler()
    handler.emit = seen.append
    logger = logging.getLogger("peewee")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        call()
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    return len(seen)


@on_both_databases
def test_two_devices_scan_the_same_box_at_once(db, world, boxes):
    from samples import shipment

    shipment(NOW, world, number="S-2026-0002")
    same_id = str(uuid.uuid4())
    scans = [scan(device=f"d{n}", shipment=f"S-2026-000{1 + n % 2}") for n in range(8)]
    scans += [scan(code="KLT000002", event_id=same_id) for _ in range(4)]
    scans += [scan(code="unknown!", event_id=scans[0].event_id[:-4] + "beef") for _ in range(4)]
    answers, errors = _at_once([lambda one=one: record(one) for one in scans])
    assert errors == []
    by_code = {code: [a for one, a in answers if one == code] for code in range(16)}
    first = [by_code[n][0] for n in range(8)]
    assert [a.status for a in first].count(201) == 1
    assert {a.status for a in first} <= {201, 200, 422}
    assert sorted(by_code[n][0].status for n in range(8, 12)) == [200, 200, 200, 201]
    assert {by_code[n][0].status for n in range(12, 16)} == {422}
    assert events(event_id=same_id).count() == 1
    assert Asset.get(code="KLT000001").event_count == 2
    assert list(faults()) == []


def _at_once(calls):
    """Run calls in threads of their own, each with a connection of its own; gives (number, result) and the errors."""
    answers, errors, gate = [], [], threading.Barrier(len(calls))

    def run(number, call):
        try:
            proxy.connect(reuse_if_open=True)
            gate.wait()
            answers.append((number, call()))
        except Exception as error:
            errors.append(error)
        finally:
            proxy.close()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers, errors


@on_both_databases
def test_random_scans_keep_the_columns_true_to_the_events(db, world, boxes):
    from random import Random

    random = Random(7)
    kinds = [
        "dispatch",
        "return",
        "inspect",
        "damage",
        "repair",
        "repaired",
        "stock_take",
        "lost",
        "found",
        "arrive",
        "write_off",
    ]
    weights = [9, 9, 5, 2, 2, 2, 3, 1, 2, 4, 1]
    sent = []
    for n in range(12):
        now = NOW + (n + 1) * 10 * HOUR
        batch = []
        for _ in range(20):
            kind = random.choices(kinds, weights)[0]
            if sent and random.random() < 0.1:
                kind = "void"
            batch.append(scan(
                kind, code=f"KLT{random.randint(1, 6):06d}" if kind != "void" else "", at=now - random.randint(0, 3000) * HOUR / 100,
                reason="x", place=random.choice(["SZ-PLANT", "HH-VMI"]), happened=random.random() < 0.3,
                device=random.choice("ab"), voids=random.choice(sent) if kind == "void" else "",
            ))  # fmt: skip
        answers = record_scans(batch, None, now, HOSTS)
        assert {answer.outcome for answer in answers} <= {"recorded", "known", "refused"}
        sent += [answer.event_id for answer in answers if answer.outcome == "recorded"]
    assert len(sent) > 60
    assert list(faults()) == []


def left_on(shipment):
    return [asset.code for asset in dispatched_on(shipment)]


@on_both_databases
def test_a_box_that_left_with_another_shipment_is_no_longer_on_the_first(db, world, boxes):
    other = make_shipment(NOW, world, number="S-2026-0002")
    record_scans([scan(code=f"KLT{n:06d}") for n in (1, 2)], None, NOW + HOUR, HOSTS)
    moved = scan(at=NOW + 2 * HOUR, shipment="S-2026-0002", happened=True)
    assert record(moved).exceptions == ("already_out",)
    assert (left_on(world.shipment), left_on(other)) == (["KLT000002"], ["KLT000001"])
    facts = shipment_facts(world.shipment, "https://rt.example.com")
    assert [(box.expected, box.scanned) for box in facts.boxes] == [(12, 1)]
    assert "R32" in {problem.rule for problem in problems(facts, codes=THREE)}
    back = scan(at=NOW + 3 * HOUR, happened=True)  # onto the first truck again
    record(back)
    assert (left_on(world.shipment), left_on(other)) == (["KLT000001", "KLT000002"], [])
    for undone, lists in ((back, (["KLT000002"], ["KLT000001"])), (moved, (["KLT000001", "KLT000002"], []))):
        record(scan("void", "", at=NOW + 4 * HOUR, voids=undone.event_id, reason="x", place=""))
        assert (left_on(world.shipment), left_on(other)) == lists
    assert list(faults()) == []


@on_both_databases
@pytest.mark.parametrize("between", ["return", "arrive"])
def test_a_box_that_travelled_with_both_is_on_both(db, world, boxes, between):
    other = make_shipment(NOW, world, number="S-2026-0002")
    record(scan())
    record(scan(between, at=AWAY, place=""))
    assert record(scan(at=AWAY + 20 * HOUR, shipment="S-2026-0002", happened=True)).outcome == "recorded"
    assert (left_on(world.shipment), left_on(other)) == (["KLT000001"], ["KLT000001"])


@on_both_databases
def test_damage_on_the_way_and_late_scans_do_not_hide_that_it_left_with_another(db, world, boxes):
    other = make_shipment(NOW, world, number="S-2026-0002")
    record(scan(at=NOW + 9 * HOUR, shipment="S-2026-0002"))
    record(scan("damage", at=NOW + 2 * HOUR, reason="x"), now=NOW + 10 * HOUR)
    record(scan(at=NOW + HOUR, happened=True), now=NOW + 11 * HOUR)  # sent last, happened first
    assert (left_on(world.shipment), left_on(other)) == ([], ["KLT000001"])
    assert list(faults()) == []


@on_both_databases
def test_the_list_of_a_shipment_costs_the_same_for_any_number_of_boxes(db, world, boxes, caplog):
    make_shipment(NOW, world, number="S-2026-0002")

    def queries():
        caplog.clear()
        with caplog.at_level("DEBUG", "peewee"):
            dispatched_on(world.shipment)
        return len(caplog.records)

    counts = set()
    for n in (1, 2, 20):
        record_scans([scan(code=f"KLT{i:06d}") for i in range(1, n + 1)], None, NOW + HOUR, HOSTS)
        more = [
            scan(code=f"KLT{i:06d}", at=NOW + 2 * HOUR, shipment="S-2026-0002", happened=True) for i in range(1, n + 1)
        ]
        record_scans(more, None, NOW + 2 * HOUR, HOSTS)
        counts.add(queries())
    assert len(counts) == 1
    assert counts.pop() <= 3
