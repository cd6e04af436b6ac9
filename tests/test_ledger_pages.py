"""The pages of the ledger: all that a desk can tell, correct, open, pack and mend; what was at any time; the lists."""

from __future__ import annotations

import csv
import io
import re
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from browser import DESKTOP
from conftest import NOW, on_both_databases
from PIL import Image
from playwright.sync_api import expect
from samples import shipment as make_shipment

from assets import registering
from assets.balances import balances
from assets.event_types import EVENT_TYPES
from assets.flow import legs
from assets.ledger_check import faults, photo_faults
from assets.models import Asset, ExceptionCase, PoolMinimum, ScanEvent, StockLevel, Trip
from assets.past import read_instant, state_at
from assets.registering import NewBox, Opening, register_assets
from assets.scan_told import ScanInput
from assets.scanning import correct_event, record_scans
from assets.shipment_pools import counted_packages, dispatch_counted
from assets.state import State, column, shown, tellable
from database import utc_now
from errors import InvalidInput, Refused
from master_data.models import Place
from photos import keep_photo
from shipments.models import Package
from spreadsheets import read_table

DAY = timedelta(days=1)
SSCC = "(00)340123450000000017"


def scan(type, at, code="KLT000001", place="SZ-PLANT", **fields):
    more = {"shipment": "S-2026-0001"} if type == "dispatch" else {}
    return ScanInput(str(uuid.uuid4()), type, code, at, place=place, device="yard-1", **{**more, **fields})


def tell(*scans):
    for one in scans:
        (answer,) = record_scans([one], None, one.event_time)
        assert answer.outcome == "recorded", answer
    return one


@pytest.fixture
def boxes(world):
    Place.create(
        code="SZ-YARD", party=world.suzhou, name_en="Yard", name_zh="空箱场", country="CN", address_en="No. 90",
        timezone="Asia/Shanghai", changed_time=NOW,
    )  # fmt: skip
    codes = [f"KLT{n:06d}" for n in range(1, 6)]
    return register_assets(world.klt, codes, world.suzhou, world.plant, None, NOW - 100 * DAY)


def picture(format="JPEG", size=(900, 600), **more):
    buffer = io.BytesIO()
    Image.new("RGB", size, "#884422").save(buffer, format, **more)
    return buffer.getvalue()


def text_of(client, url, status=200):
    answer = client.get(url)
    assert answer.status_code == status, url
    return answer.get_data(as_text=True)


# what a desk can tell


def test_what_may_be_told_follows_from_the_table_for_every_state():
    for where in ("here", "moving", "out", "there", "back"):
        for condition in ("good", "unchecked", "damaged", "in_repair"):
            state = State("active", where, condition, holder_id=1, owner_id=1)
            offered = tellable(state)
            for code, kind in EVENT_TYPES.items():
                verdicts = {cell.verdict for cell in kind.transitions.get(column(state), ())}
                assert (offered.get(code) is True) == bool(verdicts & {"→", "w", "?"}), (code, shown(state))
    assert "void" not in offered
    assert "commission" not in offered
    assert not any(tellable(State("gone", "here")).values())


@pytest.mark.parametrize(
    ("kind", "fields", "state"),
    [
        ("damage", {"reason": "wall torn", "place": "SZ-PLANT"}, "damaged"),
        ("transfer_out", {"place": "SZ-PLANT", "destination": "SZ-YARD", "document": "TR-7"}, "in_transit_own"),
        ("dispatch", {"shipment": "s-2026-0001", "place": "SZ-PLANT"}, "in_transit_out"),
        ("repair", {"place": "SZ-PLANT", "party": "NAGOYA"}, "in_repair"),
        ("owner_change", {"party": "NAGOYA"}, "available"),
        ("pack", {"parent": SSCC}, "available"),
        ("write_off", {"reason": "burnt"}, "gone"),
        ("opening", {"party": "HAMBURG", "place": "HH-VMI", "moment": "2026-10-01T12:00"}, "at_partner"),
    ],
)
def test_anything_that_the_register_allows_is_told_from_the_page_of_a_box(client, boxes, kind, fields, state):
    page = text_of(client, "/assets/KLT000001")
    assert f'<option value="{kind}">' in page
    fields = {**fields, "shipment": fields["shipment"].upper()} if "shipment" in fields else fields
    answer = client.post("/assets/KLT000001/report", data={"type": kind, **fields})
    assert answer.status_code == 302, answer.get_data(as_text=True)
    assert shown(Asset.get(code="KLT000001")) == state
    row = ScanEvent.get(ScanEvent.type == kind)
    assert row.document == fields.get("document", "")
    assert row.user.username == "wang.li"
    assert list(faults()) == []


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    [
        ({"type": "dispatch"}, "shipment", "needs a shipment"),
        ({"type": "dispatch", "shipment": "S-1"}, "shipment", "no shipment of this number"),
        ({"type": "transfer_out"}, "destination", "where the box is going"),
        ({"type": "damage"}, "reason", "needs a reason"),
        ({"type": "pack", "parent": "NOTHING"}, "parent", "Nothing was packed under this code"),
        ({"type": "damage", "reason": "x", "moment": "2999-01-01T00:00"}, "moment", "No clock shows that"),
        ({"type": "damage", "reason": "x", "moment": "2100-01-01T00:00"}, "moment", "has not happened yet"),
        ({"type": "damage", "reason": "x", "moment": "yesterday"}, "moment", "is not a date with its time"),
        ({"type": "damage", "reason": "x", "place": "MOON"}, "place", "Not a valid choice"),
        ({"type": "nonsense"}, "type", "no such kind of scan"),
        ({"type": ""}, "type", "required"),
        ({"type": "repaired"}, "type", "is not in repair"),
    ],
)
def test_what_is_wrong_stands_at_its_field(client, boxes, fields, field, text):
    count = ScanEvent.select().where(ScanEvent.refused == "").count()
    answer = client.post("/assets/KLT000001/report", data=fields)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    error = re.search(rf'<div class="rt-error" id="{field}-error">(.*?)</div>', page)
    assert error, page
    assert text in error[1]
    assert ScanEvent.select().where(ScanEvent.refused == "").count() == count


def test_the_time_is_that_of_the_place(client, boxes):
    told = {"type": "arrive", "place": "HH-VMI", "party": "HAMBURG", "moment": "2026-10-01T12:00", "happened": "1"}
    client.post("/assets/KLT000001/report", data=told)
    row = ScanEvent.get(ScanEvent.type == "arrive")
    assert (row.event_time, row.event_zone) == (datetime(2026, 10, 1, 10, 0, tzinfo=UTC), 120)


def test_a_question_is_answered_with_a_second_click(client, boxes):
    tell(scan("dispatch", NOW - 9 * DAY), scan("arrive", NOW - 8 * DAY, place="HH-VMI"))
    told = {"type": "dispatch", "shipment": "S-2026-0001", "place": "SZ-PLANT"}
    answer = client.post("/assets/KLT000001/report", data=told)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert 'name="confirmed" value="not_returned"' in page
    assert client.post("/assets/KLT000001/report", data={**told, "confirmed": "not_returned"}).status_code == 302
    assert "not_returned" in ScanEvent.get(ScanEvent.exception != "").exception


def test_a_photo_is_kept_without_what_the_camera_wrote_into_it(client, app, boxes, tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "SECRET CAMERA"
    exif[0x0112] = 6  # lies on its side
    told = {"type": "damage", "reason": "torn", "photo": (io.BytesIO(picture(exif=exif)), "a.jpg")}
    assert client.post("/assets/KLT000001/report", data=told).status_code == 302
    sha256 = ScanEvent.get(ScanEvent.type == "damage").photo
    answer = client.get(f"/photos/{sha256}.jpg")
    assert (answer.status_code, answer.mimetype, answer.headers["X-Content-Type-Options"]) == (
        200, "image/jpeg", "nosniff")  # fmt: skip
    kept = Image.open(io.BytesIO(answer.data))
    assert kept.size == (600, 900)
    assert not kept.getexif()
    assert b"SECRET" not in answer.data
    assert f"/photos/{sha256}.jpg" in text_of(client, "/assets/KLT000001")
    assert list(photo_faults(app.config["ROUNDTRIP"].photos_dir)) == []
    assert app.test_client().get(f"/photos/{sha256}.jpg").status_code == 302  # to the login
    for wrong in ("0" * 64, "x", "..%2f..%2fetc"):
        assert client.get(f"/photos/{wrong}.jpg").status_code == 404


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"GIF89a nonsense", "not a JPEG, PNG or WebP"), (picture("GIF"), "not a JPEG, PNG or WebP"),
        (picture()[:-900], "not a JPEG, PNG or WebP"), (picture(size=(10_001, 4)), "wider or higher"),
        (picture("PNG", size=(9000, 7000)), "million pixels"), (b"\xff\xd8" + b"0" * (10 * 1024 * 1024), "larger than 10 MB"),
    ],
    ids=["nonsense", "gif", "cut off", "too wide", "too many pixels", "too large"],
)  # fmt: skip
def test_a_picture_that_is_none_or_too_large_is_told_at_its_field(client, boxes, data, text):
    told = {"type": "damage", "reason": "torn", "photo": (io.BytesIO(data), "a.jpg")}
    answer = client.post("/assets/KLT000001/report", data=told)
    assert answer.status_code == 422
    assert text in answer.get_data(as_text=True)
    assert not ScanEvent.select().where(ScanEvent.type == "damage").exists()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_a_photo_is_sent_before_its_event(client, boxes, tmp_path, format):
    answer = client.post("/api/v1/photos", data=picture(format), headers={"Content-Type": "image/x"})
    assert answer.status_code == 201
    assert re.fullmatch("[0-9a-f]{64}", answer.json["sha256"])
    assert client.get(f"/photos/{answer.json['sha256']}.jpg").status_code == 200
    assert client.post("/api/v1/photos", data=b"no").status_code == 400
    with pytest.raises(InvalidInput):
        keep_photo(b"", "photo", tmp_path)


# corrections


@on_both_databases
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"place": "SZ-YARD"}, "place"), ({"party": "NAGOYA"}, "party"), ({"shipment": "S-2026-0002"}, "shipment"),
        ({"event_time": NOW - 21 * DAY}, "moment"), ({"scanned_text": "KLT000002"}, "code"), ({"type": "arrive", "place": "HH-VMI"}, "type"),
    ],
)  # fmt: skip
def test_a_correction_is_a_void_and_an_event_in_one(db, world, boxes, change, told):
    make_shipment(NOW, world, number="S-2026-0002")
    wrong = tell(scan("dispatch", NOW - 20 * DAY))
    right = replace(wrong, event_id=str(uuid.uuid4()), **change)
    answer = correct_event(wrong.event_id, right, f"{told}: it was so", None, NOW)
    assert answer.outcome == "recorded"
    void = ScanEvent.get(ScanEvent.voids == wrong.event_id)
    assert void.reason == f"incorrect_data {told}: it was so"
    assert ScanEvent.get(ScanEvent.corrects == wrong.event_id).event_id == right.event_id
    assert Asset.get(code="KLT000001").event_count == (1 if told == "code" else 2)
    assert list(map(str, faults())) == []


@on_both_databases
def test_a_correction_that_cannot_be_taken_leaves_everything_as_it_was(db, world, boxes):
    wrong = tell(scan("dispatch", NOW - 20 * DAY))
    before = ScanEvent.select().count()
    for change in ({"scanned_text": "NO-SUCH"}, {"type": "repaired"}, {"shipment": "S-1"}, {"shipment": ""}):
        right = replace(wrong, event_id=str(uuid.uuid4()), **change)
        assert correct_event(wrong.event_id, right, "", None, NOW).outcome in ("refused", "invalid")
    assert correct_event("no such", replace(wrong, event_id=str(uuid.uuid4())), "", None, NOW).reason == "unknown_event"
    assert ScanEvent.select().count() == before
    assert shown(Asset.get(code="KLT000001")) == "in_transit_out"
    assert list(faults()) == []


def test_the_wrong_entry_and_the_right_one_are_one_line_of_the_life(client, boxes):
    wrong = tell(scan("dispatch", NOW - 20 * DAY))
    url = f"/assets/KLT000001/events/{wrong.event_id}/correct"
    assert 'value="S-2026-0001"' in text_of(client, url)
    told = {"type": "dispatch", "code": "KLT000001", "place": "SZ-YARD", "shipment": "S-2026-0001", "why": "wrong gate",
            "moment": (NOW - 20 * DAY + timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M")}  # fmt: skip
    assert client.post(url, data={**told, "code": "NOPE"}).status_code == 422
    assert client.post(url, data=told).status_code == 302
    page = text_of(client, "/assets/KLT000001")
    assert page.count('<li class="as-event') == 2  # registered, dispatched
    assert "In place of:" in page
    assert "incorrect_data place: SZ-PLANT → SZ-YARD; wrong gate" in page
    assert client.get(url).status_code == 404  # it has been corrected
    # another box: both lives say so
    right = ScanEvent.get(ScanEvent.corrects == wrong.event_id)
    told |= {"code": "KLT000002", "why": ""}
    assert client.post(f"/assets/KLT000001/events/{right.event_id}/correct", data=told).status_code == 302
    assert "In its place:" in text_of(client, "/assets/KLT000001")
    assert "In place of:" in text_of(client, "/assets/KLT000002")
    assert shown(Asset.get(code="KLT000001")) == "available"
    assert list(faults()) == []


# what was


def test_an_instant_is_read_by_the_clock_of_the_place():
    end = datetime(2026, 6, 30, 16, tzinfo=UTC) - timedelta(microseconds=1)
    for text in ("2026-06-30T24:00", "2026-06-30 24:00", "2026-06-30", "２０２６-06-30"):
        assert read_instant(text, "Asia/Shanghai", "at") == end
    assert read_instant("2026-06-30 8:05", "Asia/Shanghai", "at") == datetime(2026, 6, 30, 0, 5, tzinfo=UTC)
    for text in ("", "yesterday", "2026-13-01", "2026-06-30T25:00", "2026-06-30T24:01", "9999-12-31"):
        with pytest.raises(InvalidInput):
            read_instant(text, "Asia/Shanghai", "at")


@on_both_databases
def test_who_held_it_on_30_june_and_what_we_knew_of_it_then(db, world, boxes):
    box = boxes[0]
    june = datetime(2026, 9, 30, 16, tzinfo=UTC)  # midnight in Suzhou
    tell(scan("dispatch", june - 10 * DAY))
    late = scan("arrive", june - 2 * DAY, place="HH-VMI", party="HAMBURG")
    record_scans([late], None, june + 5 * DAY)  # it was told a week later
    tell(scan("return", june))  # at 0:00 of the next day
    at = read_instant("2026-09-30T24:00", "Asia/Shanghai", "at")
    past = state_at(box, at)
    assert (shown(past.state), past.holder, past.place, past.shipment) == (
        "at_partner", world.hamburg, world.warehouse, world.shipment)  # fmt: skip
    known = state_at(box, at, as_known=True)
    assert (shown(known.state), known.holder, known.place) == ("in_transit_out", world.hamburg, None)
    assert shown(state_at(box, june).state) == "returned"
    assert state_at(box, NOW - 200 * DAY).since is None
    # what was declared void later was believed then
    void = ScanInput(str(uuid.uuid4()), "void", "", june + 6 * DAY, voids=late.event_id, reason="no")
    record_scans([void], None, june + 6 * DAY)
    assert shown(state_at(box, at).state) == "in_transit_out"
    assert shown(state_at(box, june + 5 * DAY, as_known=True).state) == "returned"


def test_the_page_of_a_box_answers_for_any_time_and_draws_its_life(client, boxes):
    tell(scan("dispatch", NOW - 20 * DAY), scan("arrive", NOW - 10 * DAY, place="HH-VMI", party="HAMBURG"))
    day = (NOW - 5 * DAY).date().isoformat()
    page = text_of(client, f"/assets/KLT000001?at={day}T24:00")
    assert 'class="rt-facts as-past"' in page
    assert "Not in the books yet" in text_of(client, "/assets/KLT000001?at=2020-01-01")
    assert "is no instant" in text_of(client, "/assets/KLT000001?at=soon&known=1")
    picture = page[page.index('<svg class="as-timeline"') : page.index("</svg>")]
    assert "<title" in picture
    assert "<desc" in picture
    assert "VMI warehouse Hamburg" in picture
    assert picture.count("as-mark") == 3
    assert picture.count('class="as-trip as-open"') == 1
    assert "style=" not in picture


# boxes that are out already


@on_both_databases
def test_boxes_that_are_out_already_are_opened_with_their_day_or_without(db, world):
    known = Opening(world.hamburg, world.warehouse, date(2026, 9, 1))
    unknown = Opening(world.nagoya)
    new = [
        NewBox(world.klt, "KLT000101", known),
        NewBox(world.klt, "KLT000102", unknown),
        NewBox(world.klt, "KLT000103"),
    ]
    registering.register(new, world.suzhou, world.plant, None, NOW)
    first, second, third = (Asset.get(code=f"KLT00010{n}") for n in (1, 2, 3))
    assert (shown(first), first.holder, first.place) == ("at_partner", world.hamburg, world.warehouse)
    assert first.out_since == datetime(2026, 9, 1, 4, 0, tzinfo=UTC)  # noon in Suzhou
    assert (first.due_day, shown(third)) == (date(2026, 10, 31), "available")
    (trip,) = Trip.select()  # the one that nobody knows about would say that it left just now
    assert (trip.asset, trip.out_time) == (first, first.out_since)
    assert trip.observed_from >= NOW
    assert {(row.holder.code, row.total) for row in balances(NOW)} == {("HAMBURG", 1), ("NAGOYA", 1), ("SUZHOU", 1)}
    tell(scan("return", NOW + 30 * DAY, "KLT000102", party="NAGOYA"), scan("inspect", NOW + 31 * DAY, "KLT000102"))
    assert Trip.select().where(Trip.asset == second).count() == 0
    tell(scan("dispatch", NOW + 40 * DAY, "KLT000102"), scan("return", NOW + 60 * DAY, "KLT000102"))
    assert [trip.end for trip in Trip.select().where(Trip.asset == second)] == ["returned"]
    assert list(map(str, faults())) == []


@on_both_databases
def test_boxes_out_already_are_registered_all_or_none(db, world):
    fine = NewBox(world.klt, "KLT000101", Opening(world.hamburg))
    with pytest.raises(InvalidInput):
        registering.register([fine, NewBox(world.klt, "KLT000102", Opening(world.hamburg, None, date(2099, 1, 1)))],
                             world.suzhou, world.plant, None, NOW)  # fmt: skip
    assert Asset.select().count() == 0
    assert ScanEvent.select().count() == 0


def test_the_day_that_is_today_is_known_all_the_same(db, world):
    registering.register(
        [NewBox(world.klt, "KLT000101", Opening(world.hamburg, None, NOW.date()))], world.suzhou, world.plant, None,
        datetime(2026, 11, 23, 1, 0, tzinfo=UTC),
    )  # fmt: skip
    assert Trip.select().count() == 1


def test_a_file_says_for_each_box_where_it_is(client, world):
    file = b"code,party,since\nKLT000101,hamburg,2026-09-01\nKLT000102,,\nKLT000103,NAGOYA,\n"
    data = {"asset_type": "KLT6428", "owner": "SUZHOU", "return_place": "SZ-PLANT", "how": "file"}
    page = client.post("/assets/new", data={**data, "file": (io.BytesIO(file), "b.csv")}).get_data(as_text=True)
    assert "HAMBURG 2026-09-01" in page
    boxes = re.search(r'name="boxes" value="([^"]*)"', page)[1]
    assert client.post("/assets/new", data={**data, "how": "boxes", "boxes": boxes}).status_code == 302
    assert [shown(Asset.get(code=f"KLT00010{n}")) for n in (1, 2, 3)] == ["at_partner", "available", "at_partner"]
    assert list(faults()) == []


@pytest.mark.parametrize(
    ("row", "cell", "text"),
    [
        ("KLT000101,MARS,", "B2", "no partner of the code"), ("KLT000101,,2026-09-01", "C2", "not at whom"),
        ("KLT000101,HAMBURG,soon", "C2", "is not a date"), ("KLT000101,SUZHOU,", "B2", "no partner of the code"),
    ],
)  # fmt: skip
def test_a_wrong_cell_of_such_a_file_is_named(db, world, row, cell, text):
    read = registering.read_boxes(read_table("b.csv", f"code,party,since\n{row}\n".encode()), world.klt)
    assert read.problems[0][0] == cell
    assert text in str(read.problems[0][1])


def test_the_page_of_registering_opens_boxes_and_tells_what_is_wrong(client, world):
    data = {
        "asset_type": "KLT6428",
        "owner": "SUZHOU",
        "return_place": "SZ-PLANT",
        "how": "codes",
        "codes": "KLT000101",
    }
    for fields, text in (
        ({"since": "2026-09-01"}, "Choose the partner"), ({"party": "NAGOYA", "party_place": "HH-VMI"}, "another company"),
        ({"party": "HAMBURG", "since": "2099-01-01"}, "until today"), ({"party": "HAMBURG", "since": "soon"}, "not a date"),
    ):  # fmt: skip
        answer = client.post("/assets/new", data={**data, **fields})
        assert answer.status_code == 422
        assert text in answer.get_data(as_text=True)
    told = {**data, "party": "HAMBURG", "party_place": "HH-VMI", "since": "2026-09-01"}
    assert client.post("/assets/new", data=told).status_code == 302
    assert Asset.get().where == "there"


# counted pools


def book(client, **fields):
    return client.post("/pools/book", data={"asset_type": "EPAL", "quantity": "10", **fields})


def test_counted_pools_are_booked_listed_and_undone(client, world):
    for fields, name, text in (
        ({"type": "commission"}, "place", "needs a place"), ({"type": "commission", "place": "SZ-PLANT", "quantity": "0"}, "quantity", "From 1"),
        ({"type": "commission", "place": "SZ-PLANT", "quantity": ""}, "quantity", "From 1"),
        ({"type": "commission", "place": "SZ-PLANT", "quantity": "many"}, "quantity", "not a whole number"),
        ({"type": "dispatch", "place": "SZ-PLANT"}, "shipment", "needs a shipment"),
        ({"type": "write_off", "place": "SZ-PLANT"}, "reason", "needs a reason"),
        ({"type": "clean", "place": "SZ-PLANT"}, "type", "no such kind"),
    ):  # fmt: skip
        answer = book(client, **fields)
        assert answer.status_code == 422
        assert text in re.search(rf'id="{name}-error">(.*?)</div>', answer.get_data(as_text=True))[1]
    assert book(client, type="commission", place="SZ-PLANT", quantity="100").status_code == 302
    assert book(client, type="dispatch", place="SZ-PLANT", shipment="S-2026-0001", document="PN-1").status_code == 302
    assert book(client, type="damage", place="SZ-PLANT", reason="boards", quantity="3").status_code == 302
    rows = list(csv.DictReader(io.StringIO(client.get("/pools?format=csv").data.decode("utf-8-sig"))))
    assert {(row["Holder"][:7], row["State"], row["Boxes"]) for row in rows} == {
        ("Suzhou ", "Available", "87"), ("Suzhou ", "Damaged", "3"), ("Hamburg", "At the partner", "10")}  # fmt: skip
    page = text_of(client, "/pools/events")
    assert "PN-1" in page
    event = ScanEvent.get(ScanEvent.type == "dispatch")
    assert client.post(f"/pools/events/{event.event_id}/void", data={"reason": ""}).status_code == 409
    assert client.post(f"/pools/events/{event.event_id}/void", data={"reason": "not loaded"}).status_code == 302
    assert "undone" in text_of(client, "/pools/events")
    assert text_of(client, "/scan-events").count(">undone<") == 1
    told = list(csv.DictReader(io.StringIO(client.get("/pools/events?format=csv").data.decode("utf-8-sig"))))
    assert {(row["Document no."], row["Outcome"]) for row in told} == {("", "taken"), ("PN-1", "undone")}
    assert "Hamburg" not in client.get("/pools?format=csv").data.decode()
    assert list(faults()) == []


@on_both_databases
def test_an_event_without_a_place_is_told_by_the_clock_at_home(client, world):
    assert book(client, type="opening", party="HAMBURG", moment="2026-11-02 09:30").status_code == 302
    for page in ("/pools/events", "/scan-events"):
        told = text_of(client, page)
        assert re.search(r"2026-11-02 09:30 <small[^>]*>CST</small>", told), page
        assert ">UTC</small>" not in told


def test_the_counted_packages_of_a_shipment_leave_with_one_click_and_only_once(db, world):
    Package.create(
        shipment=world.shipment,
        position=3,
        asset_type=world.pallet,
        package_code="PX",
        count=4,
        net_mass=Decimal(25),
        gross_mass=Decimal(25),
    )
    tell(scan("dispatch", NOW, "", asset_type="EPAL", quantity=1))
    assert [(row.planned, row.dispatched, row.missing) for row in counted_packages(world.shipment)] == [(4, 1, 3)]
    assert dispatch_counted(world.shipment, None, NOW) == 3
    assert dispatch_counted(world.shipment, None, NOW + DAY) == 0
    assert StockLevel.get(StockLevel.holder == world.hamburg).quantity == 4
    assert list(faults()) == []
    world.shipment.ship_from = None
    world.shipment.save()
    Package.update(count=9).where(Package.asset_type == world.pallet).execute()
    with pytest.raises(Refused, match="from which place"):
        dispatch_counted(world.shipment, None, NOW)


def test_the_page_of_the_shipment_offers_it_and_so_does_the_api(client, world):
    Package.create(
        shipment=world.shipment, position=3, asset_type=world.pallet, package_code="PX", count=4, length_mm=1200,
        width_mm=800, height_mm=144, net_mass=Decimal(25), gross_mass=Decimal(25),
    )  # fmt: skip
    assert "4 counted pieces left" in text_of(client, "/shipments/S-2026-0001")
    assert client.post("/shipments/S-2026-0001/counted").status_code == 302
    page = text_of(client, "/shipments/S-2026-0001")
    assert "counted pieces left" not in page
    assert client.post("/api/v1/shipments/S-2026-0001/counted").json == {"recorded": 0}
    assert client.post("/api/v1/shipments/S-1/counted").status_code == 404


def test_minimums_are_kept_by_type_and_place(client, boxes):
    told = {"asset_type": "KLT6428", "place": "SZ-PLANT"}
    for wrong in ("", "-1", "x", "100001"):
        assert client.post("/pools/minimums", data={**told, "minimum": wrong}).status_code == 422
    assert client.post("/pools/minimums", data={**told, "place": "HH-VMI", "minimum": "5"}).status_code == 422
    assert client.post("/pools/minimums", data={**told, "minimum": "7"}).status_code == 302
    page = text_of(client, "/pools/minimums")
    assert "2 too few" in page
    client.post("/pools/minimums", data={**told, "minimum": "3"})
    assert [row.minimum for row in PoolMinimum.select()] == [3]
    assert "enough" in text_of(client, "/pools/minimums")
    client.post("/pools/minimums", data={**told, "minimum": "0"})
    assert PoolMinimum.select().count() == 0


# loads


def test_a_load_is_packed_moved_and_unpacked_by_typed_codes(client, boxes):
    url = f"/loads/{SSCC}"
    assert "It is empty" in text_of(client, url)
    told = {"how": "pack", "codes": "KLT000001\nklt000002, KLT000003", "asset_type": "EPAL", "quantity": "1"}
    assert client.post(url, data=told).status_code == 302
    page = text_of(client, url)
    assert all(f"/assets/KLT00000{n}" in page for n in (1, 2, 3))
    assert "1 ×" in page
    tell(scan("dispatch", utc_now(), SSCC))
    assert {shown(Asset.get(code=f"KLT00000{n}")) for n in (1, 2, 3)} == {"in_transit_out"}
    rows = list(csv.DictReader(io.StringIO(client.get("/loads?format=csv").data.decode("utf-8-sig"))))
    assert [(row["Load"], row["Boxes"], row["Counted pieces"]) for row in rows] == [(SSCC, "3", "1")]
    answer = client.post(url, data={"how": "unpack", "codes": "KLT000001\nNO-SUCH"})
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert "NO-SUCH: No box is registered" in page
    assert re.search(r"<textarea[^>]*>\s*KLT000001\s+NO-SUCH</textarea>", page)
    assert client.post(url, data={"how": "pack", "codes": ""}).status_code == 422
    assert client.post(url, data={"how": "stir", "codes": "KLT000002"}).status_code == 400
    assert client.get("/loads/NOTHING").status_code == 404
    assert client.get("/loads/340123450000000017").headers["Location"].endswith("/loads/(00)340123450000000017")
    assert list(faults()) == []


@on_both_databases
def test_what_is_packed_is_packed_whole_or_not_at_all(db, client, boxes):
    url, before = f"/loads/{SSCC}", (ScanEvent.select().count(), ExceptionCase.select().count())
    told = {"how": "pack", "codes": "KLT000001\nNOSUCHBOX1", "asset_type": "EPAL", "quantity": "4", "once": "a" * 32}
    wrong = client.post(url, data=told)
    assert (wrong.status_code, "nothing has been saved" in wrong.text) == (422, True)
    assert (ScanEvent.select().count(), ExceptionCase.select().count()) == before
    assert [client.post(url, data=told | {"codes": "KLT000001"}).status_code for _ in range(2)] == [302, 302]
    packed = ScanEvent.select().where(ScanEvent.type == "pack").order_by(ScanEvent.id)
    assert [(one.asset_id and one.asset.code, one.quantity) for one in packed] == [("KLT000001", 0), (None, 4)]
    too_many = client.post(url, data={"how": "pack", "codes": "KLT000002", "asset_type": "EPAL", "quantity": "999999"})
    assert (too_many.status_code, packed.count()) == (422, 2)


def test_search_opens_loads_types_documents_and_events(client, boxes):
    client.post(f"/loads/{SSCC}", data={"how": "pack", "codes": "KLT000001"})
    told = tell(scan("dispatch", utc_now(), "KLT000002", document="DN-77"))
    for text, page in (
        ("340123450000000017", "/loads/(00)340123450000000017"), ("00340123450000000017", "/loads/(00)340123450000000017"), (SSCC, "/loads/(00)340123450000000017"),
        ("epal", "/pools?type=EPAL"), ("klt6428", "/assets?type=KLT6428"), (told.event_id, f"/assets/KLT000002#e-{told.event_id}"),
    ):  # fmt: skip
        assert client.get("/search", query_string={"q": text}).headers["Location"] == page, text
    assert "/scan-events?document=DN-77" in text_of(client, "/search?q=DN-77")
    assert "KLT000002" in text_of(client, "/scan-events?document=DN-77")
    assert "KLT000001" not in text_of(client, "/scan-events?document=DN-77")
    assert "/loads/(00)340123450000000017" in text_of(client, "/search?q=34012345")


# exceptions


def test_the_list_of_exceptions_says_what_was_assumed_and_mends_with_one_click(client, boxes, user):
    tell(scan("dispatch", NOW - 30 * DAY), scan("arrive", NOW - 20 * DAY, place="HH-VMI", party="HAMBURG"),
         scan("stock_take", NOW))  # fmt: skip
    record_scans([scan("dispatch", NOW, "KLT000404")], None, NOW)
    page = text_of(client, "/exceptions?state=open")
    assert "KLT000001 was seen here, but it is elsewhere by our books." in page
    assert "Nothing: by our books it is still elsewhere." in page
    assert "KLT000404" in page
    assert "KLT000404" not in text_of(client, "/exceptions?state=open&source=scan")
    assert "KLT000404" in text_of(client, "/exceptions?code=unknown_asset")
    assert '<option value="seen_here">… was seen here, but it is elsewhere by our books.</option>' in page
    assert client.get("/exceptions?format=csv").headers["Content-Type"] == "text/csv; charset=utf-8"
    case = ExceptionCase.get(code="seen_here")
    assert 'value="return"' in page
    assert client.post(f"/exceptions/{case.id}", data={"mend": "return"}).status_code == 302
    assert "KLT000001" not in text_of(client, "/exceptions?state=open")
    decided = text_of(client, "/exceptions?state=mended")
    assert "KLT000001" in decided
    assert "wang.li" in decided
    assert "what was missing was added" in text_of(client, f"/exceptions/{case.id}")
    assert client.post(f"/exceptions/{case.id}", data={"mend": "accept"}).status_code == 409
    other = ExceptionCase.get(code="unknown_asset")
    assert "Register the box first" in text_of(client, f"/exceptions/{other.id}")
    assert client.post(f"/exceptions/{other.id}", data={"mend": "accept", "note": "not ours"}).status_code == 302
    rows = list(csv.DictReader(io.StringIO(client.get("/exceptions?format=csv").data.decode("utf-8-sig"))))
    assert {(row["Kind"], row["State"], row["Note"]) for row in rows} == {
        ("seen_here", "mended", ""), ("unknown_asset", "accepted", "not ours")}  # fmt: skip
    assert client.get("/exceptions/999").status_code == 404


def test_a_case_asks_for_the_shipment_at_its_field(client, boxes):
    tell(scan("arrive", NOW, place="HH-VMI", party="HAMBURG", happened=True))
    case = ExceptionCase.get(code="not_dispatched")
    answer = client.post(f"/exceptions/{case.id}", data={"mend": "dispatch"})
    assert answer.status_code == 422
    assert "Which shipment did it leave with?" in answer.get_data(as_text=True)
    assert (
        client.post(f"/exceptions/{case.id}", data={"mend": "dispatch", "shipment": "S-2026-0001"}).status_code == 302
    )
    assert ExceptionCase.get_by_id(case.id).state == "mended"


def test_a_mend_and_a_correction_by_click(page, live, world, boxes):
    tell(scan("dispatch", NOW - 30 * DAY), scan("arrive", NOW - 20 * DAY, place="HH-VMI", party="HAMBURG"),
         scan("stock_take", NOW))  # fmt: skip
    page.goto("/exceptions?state=open")
    page.get_by_role("button", name="It came home: add its return").click()
    page.wait_for_url("**/exceptions?state=open")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    assert [row.type for row in ScanEvent.select().where(ScanEvent.reason.contains("seen_here"))] == ["return"]

    page.set_viewport_size(DESKTOP)
    page.goto("/assets/KLT000001")
    expect(page.locator(".as-timeline")).to_be_visible()
    arrived = page.locator("li", has_text="Arrived at the partner")
    arrived.get_by_role("link", name="Correct").click()
    page.wait_for_url("**/correct")
    expect(page.locator("[name=party]")).to_have_value("HAMBURG")
    expect(page.locator("[name=shipment]")).to_be_hidden()  # an arrival brings none
    page.locator("[name=party]").select_option("NAGOYA")
    page.locator("[name=place]").select_option("")
    page.fill("[name=why]", "it went to Nagoya")
    page.get_by_role("button", name="This is how it was").click()
    page.wait_for_url("**/assets/KLT000001")
    expect(page.get_by_text("In place of:")).to_be_visible()
    expect(
        page.get_by_text("incorrect_data place: HH-VMI → –; party: HAMBURG → NAGOYA; it went to Nagoya")
    ).to_be_visible()
    page.locator("[name=type]").select_option("transfer_out")
    expect(page.locator("[name=destination]")).to_be_visible()
    expect(page.locator("[name=party]")).to_be_hidden()
    assert list(faults()) == []


# flow and lists


@on_both_databases
def test_the_flow_counts_each_leg_in_the_window(db, world, boxes):
    tell(*(scan("dispatch", NOW - 80 * DAY, f"KLT00000{n}") for n in (1, 2, 3)))
    tell(*(scan("arrive", NOW - 50 * DAY, f"KLT00000{n}", "HH-VMI") for n in (1, 2)))
    tell(scan("return_shipped", NOW - 30 * DAY, "KLT000001", "HH-VMI"), scan("return", NOW - 9 * DAY, "KLT000001"),
         scan("return", NOW - 8 * DAY, "KLT000003"), scan("lost", NOW - 5 * DAY, "KLT000002", "", reason="gone"),
         scan("write_off", NOW - 2 * DAY, "KLT000005", reason="burnt"))  # fmt: skip
    assert legs(NOW - 90 * DAY).counts == {
        ("home", "out"): 3, ("out", "partner"): 2, ("partner", "back"): 1, ("back", "home2"): 1, ("out", "home2"): 1,
        ("partner", "lost"): 1, ("home", "written_off"): 1,
    }  # fmt: skip
    assert legs(NOW - 20 * DAY).counts == {
        ("back", "home2"): 1, ("out", "home2"): 1, ("partner", "lost"): 1, ("home", "written_off"): 1}  # fmt: skip
    assert legs(NOW - 90 * DAY).stock == {"home": 3, "lost": 1}
    assert legs(NOW - 90 * DAY, world.cage).total == 0


@on_both_databases
def test_the_flow_counts_as_written_off_at_home_what_ended_there_and_stays_ended(db, world, boxes, user):
    def at_home(days=30):
        return legs(NOW - days * DAY).counts.get(("home", "written_off"), 0)

    tell(
        scan("dispatch", NOW - 80 * DAY, "KLT000003"),
        scan("opening", NOW - 80 * DAY, "KLT000004", "HH-VMI", party="HAMBURG"),
    )
    wrong, taken_back = scan("write_off", NOW - 9 * DAY, reason="x"), NOW - 8 * DAY
    tell(wrong, *(scan("owner_change", NOW - 7 * DAY, code, party="HAMBURG") for code in ("KLT000002", "KLT000003")))
    tell(scan("write_off", NOW - 6 * DAY, "KLT000004", "", reason="never came home"))
    assert at_home() == 1
    tell(scan("void", taken_back, "", voids=wrong.event_id, reason="it stood behind the rack"))
    assert at_home() == 0
    tell(scan("scrap", NOW - 5 * DAY, reason="burnt"), scan("write_off", NOW - 50 * DAY, "KLT000005", reason="x"))
    moved = scan("transfer_in", NOW - 12 * DAY, "KLT000001", "SZ-YARD", happened=True)
    assert record_scans([moved], None, NOW)[0].outcome == "recorded"  # late: the line of the scrapping is booked anew
    assert (at_home(), at_home(90)) == (1, 2)
    tell(scan("write_off", NOW - 4 * DAY, "KLT000003", "", reason="x"))
    assert legs(NOW - 30 * DAY).counts == {("home", "written_off"): 1, ("out", "written_off"): 1}


def test_the_flow_is_a_picture_with_its_numbers_as_text(client, boxes):
    now = utc_now()
    tell(scan("dispatch", now - 20 * DAY), scan("dispatch", now - 20 * DAY, "KLT000002"))
    page = text_of(client, "/flow")
    assert "Boxes by leg in the last 90 days" in page
    assert re.search(r'<text class="as-number"[^>]*>2</text>', page)
    assert "No box has moved" in text_of(client, "/flow?type=GLT1210")
    assert "No box has moved" not in text_of(client, "/flow?days=nonsense&type=nonsense")
    file = client.get("/flow?format=csv").data.decode("utf-8-sig")
    assert '"At home","On the way out","2"' in file


def test_trips_movements_and_levels_are_listed_and_filtered(client, boxes):
    tell(
        scan("dispatch", NOW - 20 * DAY), scan("return", NOW - 10 * DAY), scan("dispatch", NOW - 20 * DAY, "KLT000002")
    )
    assert "KLT000002" not in text_of(client, "/trips?how=returned")
    assert "KLT000001" not in text_of(client, "/trips?how=open")
    assert "KLT000001" in text_of(client, "/trips?partner=HAMBURG")
    assert "KLT000001" in text_of(client, "/movements?party=HAMBURG&q=klt000001")
    rows = list(csv.DictReader(io.StringIO(client.get("/levels?format=csv").data.decode("utf-8-sig"))))
    assert sum(int(row["Boxes"]) for row in rows) == 5
