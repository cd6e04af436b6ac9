"""What the pages of foresight read from the ledger, say, draw and give as files."""

from __future__ import annotations

import copy
import logging
import re
import shutil
from datetime import timedelta
from pathlib import Path
from uuid import uuid4
from xml.etree import ElementTree

import pytest
from conftest import NOW, on_both_databases
from playwright.sync_api import expect
from trip_samples import half_a_year, level, planned, trips

from assets.dispatched import dispatches_onto
from assets.models import Asset, Movement, PoolMinimum, ScanEvent, Trip
from assets.registering import register_assets
from assets.scan_told import ScanInput
from assets.scanning import record_scans
from database import db as proxy
from database import open_database, utc_now
from foresight import outlook as looking
from foresight import trips as reading
from foresight.outlook import facts
from foresight.survival import MIN_ENDED
from master_data.models import AssetType, Party, Place
from shipments.models import Shipment

DAY = timedelta(days=1)
PAGES = (
    "/foresight",
    "/foresight/shortage/KLT6428/SZ-PLANT",
    "/foresight/return-times/KLT6428",
    "/foresight/return-times/KLT6428?partner=HAMBURG&place=SZ-PLANT",
    "/foresight/fleet/KLT6428",
)


def text_of(client, url, status=200):
    answer = client.get(url)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))


# what is read


@on_both_databases
def test_a_large_ledger_is_looked_at_for_a_shorter_time(db, world, client, monkeypatch):
    monkeypatch.setattr(reading, "MOST_ENDED", 60)
    trips(world, NOW, 40, 400, 30)
    trips(world, NOW, 30, 100, 30)
    trips(world, NOW, 20, 100, 40)
    trips(world, NOW, 30, 60, 20)
    trips(world, NOW, 7, 90)
    known = facts(NOW, "KLT6428")
    assert (NOW - known.begin).days == 70  # the end of the 61st, counted from the last
    assert sum(group.count for group in known.groups) == 87
    found = looking.return_times(known, world.klt.id, None, None)
    # Those of 100 and 90 days ago were out already when the time begins that is looked at.
    assert (found.n, found.ended, found.out, found.truncated) == (87, 50, 7, 57)
    assert looking.fleet_need(known, world.klt.id).days <= 70
    page = text_of(client, "/foresight/return-times/KLT6428")
    assert re.search(r"Trips of the last \d+ days", page)


@on_both_databases
def test_trips_that_went_alike_are_one_row(db, world):
    trips(world, NOW, 12, 50, 30, shipment=world.shipment, damaged=2)
    trips(world, NOW, 5, 50, shipment=world.shipment)
    trips(world, NOW, 3, 50, 45, end="lost", shipment=world.shipment)
    known = facts(NOW, "KLT6428")
    assert sorted((g.count, g.end, g.damaged, g.age(known.today(g.from_place))) for g in known.groups) == [
        (2, "returned", True, 30), (3, "lost", False, 45), (5, "", False, 50), (10, "returned", False, 30),
    ]  # fmt: skip
    assert {g.cluster for g in known.groups} == {str(world.shipment.id)}
    assert {(g.home, g.from_place) for g in known.groups} == {(world.plant.id, world.plant.id)}


@on_both_databases
def test_days_are_those_of_the_calendar_where_the_boxes_left(db, world):
    # 17:30 UTC is 01:30 of the next day in Suzhou; back at 15:30 UTC ten days later is 23:30 there, of the tenth day.
    moment = NOW.replace(hour=17, minute=30) - 20 * DAY
    trips(world, moment, 1, 0, 10 - 2 / 24)
    (group,) = facts(NOW, "KLT6428").groups
    assert (group.out, group.ended) == ((moment + timedelta(hours=8)).date(), (moment + 10 * DAY).date())
    assert group.age(NOW.date()) == 9


@on_both_databases
def test_what_was_out_at_the_beginning_is_under_observation_from_then_on_only(db, world):
    trips(world, NOW, 4, 100, 80, seen_age=60)
    trips(world, NOW, 4, 800, 790)  # had begun before the window of two years
    trips(world, NOW, 4, 900, 20)  # was over before it
    known = facts(NOW, "KLT6428")
    assert sorted((s.days, s.entry, s.count) for s in known.spells(known.groups)) == [(80, 60, 4), (790, 70, 4)]


@on_both_databases
def test_boxes_scanned_onto_a_planned_shipment_are_no_longer_needed(db, world):
    made = planned(world, NOW, "S-1", NOW.date() + 5 * DAY, 30)
    planned(world, NOW, "S-2", NOW.date() + 5 * DAY, 30, state="dispatched")
    planned(world, NOW, "S-3", None, 7)
    trips(world, NOW, 12, 0.1, shipment=made)
    known = facts(NOW, "KLT6428")
    assert [(n.number, n.planned, n.gone, n.boxes) for n in known.needs if n.number != "S-2026-0001"] == [
        ("S-1", 30, 12, 18), ("S-3", 7, 0, 7),
    ]  # fmt: skip
    item = looking.outlook(known, world.klt.id, world.plant.id, 30)
    assert (item.undated, item.need) == (7, 18 + 12)


@on_both_databases
def test_counted_pools_go_first_in_first_out_and_are_called_estimated(db, world, client):
    def moved(days_ago, quantity, *, back=False, wrong=False):
        event = ScanEvent.create(
            event_id=f"e{days_ago}-{quantity}-{back}", type="return" if back else "dispatch", scanned_text="EPAL",
            event_time=NOW, record_time=NOW, body_sha256="", asset_type=world.pallet, quantity=quantity,
        )  # fmt: skip
        ours, theirs = (world.suzhou, world.plant), (world.hamburg, world.warehouse)
        lines = [(theirs, ours) if back else (ours, theirs)]
        for giver, taker in [*lines, *([(lines[0][1], lines[0][0])] if wrong else [])]:
            Movement.create(
                event=event, asset_type=world.pallet, owner=world.suzhou, from_holder=giver[0], from_place=giver[1],
                to_holder=taker[0], to_place=taker[1], quantity=quantity, event_day=NOW.date() - days_ago * DAY,
                booked_day=NOW.date() - days_ago * DAY, record_time=NOW,
            )  # fmt: skip

    moved(60, 100)
    moved(40, 50)
    moved(35, 33, wrong=True)  # undone: its lines cancel out
    moved(30, 120, back=True)
    level(world.pallet, world.hamburg, None, 30, where="there")
    known = facts(NOW, "EPAL")
    assert [(g.count, g.end, g.age(NOW.date()), g.home) for g in known.groups] == [
        (100, "returned", 30, world.plant.id), (30, "", 40, world.plant.id), (20, "returned", 10, world.plant.id),
    ]  # fmt: skip
    assert "first in, first out" in text_of(client, "/foresight/return-times/EPAL")


# what follows from it


def test_a_small_lane_falls_back_to_its_partner_then_the_type_then_the_agreed_days(world):
    other = Place.create(code="SZ-2", party=world.suzhou, name_en="Hall 2", country="CN", changed_time=NOW)
    trips(world, NOW, MIN_ENDED, 60, 20)
    trips(world, NOW, 3, 10, place=other)
    trips(world, NOW, 3, 10, partner=world.nagoya)
    trips(world, NOW, 3, 10, kind=world.cage)
    known = facts(NOW)
    levels = {
        (g.asset_type, g.from_place, g.partner): known.basis(g.asset_type, g.from_place, g.partner).level
        for g in known.groups
    }
    assert levels == {
        (world.klt.id, world.plant.id, world.hamburg.id): "lane",
        (world.klt.id, other.id, world.hamburg.id): "partner",
        (world.klt.id, world.plant.id, world.nagoya.id): "type",
        (world.cage.id, world.plant.id, world.hamburg.id): "agreed",
    }
    assert looking.expected(known, world.klt.id, None, (9, 10, 30)) == {9: 0.0, 10: 6.0, 30: 6.0}
    assert looking.expected(known, world.cage.id, None, (79, 80)) == {79: 0.0, 80: 3.0}


def test_a_gate_and_the_yard_to_which_its_boxes_come_home_are_one_stock(world, client):
    yard = Place.create(code="SZ-YARD", party=world.suzhou, name_en="Yard", country="CN", changed_time=NOW)
    other = Place.create(code="SZ-2", party=world.suzhou, name_en="Hall 2", country="CN", changed_time=NOW)
    trips(world, NOW, 6, 10)
    Asset.update(return_place=yard).execute()
    trips(world, NOW, 4, 10)  # these come home to the gate itself
    trips(world, NOW, 2, 10, place=other)
    trips(world, NOW, 2, 70, 10, place=yard)
    level(world.klt, world.suzhou, yard, 40)
    level(world.klt, world.suzhou, world.plant, 3)
    level(world.klt, world.suzhou, other, 7)
    PoolMinimum.create(asset_type=world.klt, place=yard, minimum=5)
    PoolMinimum.create(asset_type=world.klt, place=world.plant, minimum=2)
    known = facts(NOW, "KLT6428")
    assert looking.pairs(known) == [(world.klt.id, other.id), (world.klt.id, yard.id)]
    for place in (world.plant, yard):
        item = looking.outlook(known, world.klt.id, place.id, 30)
        assert (item.place, item.shares, item.in_hand, item.situation.minimum, item.out, item.need) == (
            yard, (world.plant,), 43, 7, 10, 12,
        )  # fmt: skip
        assert [(lever.kind, lever.place) for lever in item.levers] == [("elsewhere", other)]
    assert "they are reckoned as one stock" in text_of(client, "/foresight/shortage/KLT6428/SZ-PLANT")


def test_two_places_that_send_to_each_other_are_one_stock_too(world):
    yard = Place.create(code="SZ-YARD", party=world.suzhou, name_en="Yard", country="CN", changed_time=NOW)
    gate = Place.create(code="SZ-3", party=world.suzhou, name_en="Gate 3", country="CN", changed_time=NOW)
    trips(world, NOW, 6, 10)
    Asset.update(return_place=yard).execute()
    trips(world, NOW, 3, 10, place=yard)
    Asset.update(return_place=world.plant).where(Asset.return_place == yard, Asset.code.endswith("0")).execute()
    Asset.update(return_place=world.plant).where(
        Asset.id.in_(Trip.select(Trip.asset).where(Trip.from_place == yard))
    ).execute()
    trips(world, NOW, 1, 10, place=gate)
    Asset.update(return_place=yard).where(
        Asset.id.in_(Trip.select(Trip.asset).where(Trip.from_place == gate))
    ).execute()
    known = facts(NOW, "KLT6428")
    assert {known.home(world.klt.id, place.id) for place in (world.plant, yard, gate)} == {world.plant.id}


def test_what_could_be_done_names_overdue_unchecked_in_repair_and_other_places(world):
    other = Place.create(code="SZ-2", party=world.suzhou, name_en="Hall 2", country="CN", changed_time=NOW)
    trips(world, NOW, 8, 70)  # 60 days are agreed
    trips(world, NOW, 5, 61, partner=world.nagoya)
    trips(world, NOW, 5, 60)
    level(world.klt, world.suzhou, world.plant, 4, condition="unchecked")
    level(world.klt, world.suzhou, world.plant, 3, condition="in_repair")
    level(world.klt, world.suzhou, other, 50)
    planned(world, NOW, "S-9", NOW.date() + 9 * DAY, 20, ship_from=other)
    item = looking.outlook(facts(NOW, "KLT6428"), world.klt.id, world.plant.id, 30)
    assert [(lever.kind, lever.boxes, lever.days_late, lever.needed) for lever in item.levers] == [
        ("overdue", 8, 10, 0), ("overdue", 5, 1, 0), ("unchecked", 4, 0, 0), ("in_repair", 3, 0, 0),
        ("elsewhere", 50, 0, 20),
    ]  # fmt: skip
    assert item.levers[0].value == 8 * world.klt.value


def test_fleet_size_by_hand(world):
    # 10 boxes leave every 5 days and are back after 20: 2 a day, 40 out, nothing strays.
    for age in range(200, 0, -5):
        trips(world, NOW, 10, age, 20 if age > 20 else None)
    level(world.klt, world.suzhou, world.plant, 3, condition="in_repair")
    need = looking.fleet_need(facts(NOW, "KLT6428"), world.klt.id, home_days=5)
    assert (need.n, need.days) == (400, 200)
    assert (need.flow.per_day, need.flow.cycle, need.flow.batch, need.flow.batch_cv) == (2.0, 25.0, 10.0, 0.0)
    assert need.flow.cycle_sd == 0
    assert need.factor == 0
    assert round(need.sizes["independent"], 2) == round(50 + 1.645 * 50**0.5, 2)
    assert need.total["history"] == 50 + 3
    assert need.sizes["common"] == need.sizes["independent"], "no spread between shipments"


def test_figures_by_hand(world):
    trips(world, NOW, 30, 400, 100, damaged=3)
    trips(world, NOW, 2, 400, 390, end="lost")
    trips(world, NOW, 8, 380)
    trips(world, NOW, 50, 10)  # not of the cohort yet
    level(world.klt, world.suzhou, world.plant, 32)
    level(world.klt, world.hamburg, None, 58, where="there")
    known = facts(NOW, "KLT6428")
    found = {m.key: m for m in looking.return_times(known, world.klt.id, None, None).metrics}
    assert (found["loss"].n, round(found["loss"].value, 1)) == (40, 25.0), "8 of 40 are out for more than 365 days"
    assert (found["damage"].n, found["damage"].value) == (30, 10.0)
    assert found["overdue"].value == 8 * (380 - 60)
    assert (found["turns"].n, round(found["turns"].value, 3)) == (30, round(365 * 30 / (400 * 90), 3))
    assert round(found["utilisation"].value, 1) == round(100 * (3000 + 780 + 3040 + 500) / (90 * 400), 1)


def test_the_average_fleet_follows_what_was_bought_and_written_off(world):
    trips(world, NOW, 25, 100, 10)
    level(world.klt, world.suzhou, world.plant, 80)
    event = ScanEvent.create(
        event_id="e", type="commission", scanned_text="x", event_time=NOW, record_time=NOW, body_sha256=""
    )
    Movement.create(
        event=event, asset_type=world.klt, owner=world.suzhou, to_holder=world.suzhou, to_place=world.plant, quantity=40,
        event_day=NOW.date() - 50 * DAY, booked_day=NOW.date(), record_time=NOW,
    )  # fmt: skip
    known = facts(NOW, "KLT6428")
    assert looking._average_active(known, world.klt.id, NOW.date() - 100 * DAY, NOW.date()) == 60


# the pages


@pytest.fixture(scope="module")
def busy_file(file_with_world, tmp_path_factory) -> Path:
    """The small world with half a year of trips, made once and copied."""
    small, world = file_with_world
    path = shutil.copy(small, tmp_path_factory.mktemp("busy") / "busy.db")
    with open_database(f"sqlite:///{path}").connection_context():
        half_a_year(copy.deepcopy(world), utc_now())
        proxy.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture
def busy(busy_file, db, world):
    """To be asked for before the person who looks, who is written into the copy."""
    db.close()
    shutil.copy(busy_file, db.database)
    db.connect()
    return world


def test_every_page_says_what_breaks_and_what_it_rests_on(busy, client):
    page = text_of(client, "/foresight")
    for told in ("Small load carrier 6428", "Short from", "Shipments hit", "in 7 days", "needed"):
        assert told in page
    page = text_of(client, "/foresight/shortage/KLT6428/SZ-PLANT")
    for told in ("short from", "minimum 20", "trips of this lane", "Returned here, not checked", "simulated futures"):
        assert told in page
    page = text_of(client, "/foresight/return-times/KLT6428?partner=HAMBURG")
    for told in ("half: day", "90 %: day", "Aalen–Johansen", "still out (censored)", "Coverage", "Damage rate", "÷"):
        assert told in page
    assert "Turns per year" not in page, "a partner has no fleet of its own"
    assert "Turns per year" in text_of(client, "/foresight/return-times/KLT6428")
    page = text_of(client, "/foresight/fleet/KLT6428")
    for told in ("λT̄ + z·√(λT̄ + λ²σ²)", "Whole lane delayed together", "In use now"):
        assert told in page
    assert re.search(r" in (179|180) days", page), "half a year; a day less in the evening, when it is tomorrow at home"


def test_a_page_with_too_few_trips_gives_no_figure_and_says_why(client, world):
    trips(world, utc_now(), 19, 60, 20)
    trips(world, utc_now(), 2, 10)
    page = text_of(client, "/foresight/return-times/KLT6428")
    assert "Only 19 of these trips have ended; 20 are needed" in page
    assert "Forecasts go by the agreed 60 days" in page
    assert "half: day" not in page
    assert "Only 19 cases; 20 are needed." in page
    assert "Too few trips have ended" in text_of(client, "/foresight/fleet/KLT6428")
    assert "too few trips have ended" in text_of(client, "/foresight")


def test_empty_pages_say_what_would_fill_them(client, world):
    Shipment.update(state="cancelled").execute()
    assert "nothing to foresee yet" in text_of(client, "/foresight")
    assert "Enough on every day" in text_of(client, "/foresight/shortage/KLT6428/SZ-PLANT")
    assert "No such box has been away" in text_of(client, "/foresight/return-times/KLT6428")


def test_unknown_types_and_places_are_not_found(client, world):
    for url in ("/foresight/fleet/NONE", "/foresight/return-times/NONE", "/foresight/shortage/KLT6428/NONE",
                "/foresight/shortage/NONE/SZ-PLANT"):  # fmt: skip
        assert client.get(url).status_code == 404


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("/foresight/shortage/KLT6428/SZ-PLANT?check=x", "“x” is not a whole number."),
        ("/foresight/shortage/KLT6428/SZ-PLANT?check=61", "A number from 0 to 60."),
        ("/foresight/shortage/KLT6428/SZ-PLANT?days=1000", "Not a valid choice"),
        ("/foresight/fleet/KLT6428?peak=0.5", "A number from 1 to 10."),
        ("/foresight/fleet/KLT6428?home=&lead=3", "This is needed."),
        ("/foresight/fleet/KLT6428?service=100", "Not a valid choice"),
    ],
)
def test_a_wrong_question_is_told_at_its_field(busy, client, url, told):
    assert told in text_of(client, url, 422)


def test_what_is_assumed_changes_the_answer(busy, client):
    known = facts(utc_now(), "KLT6428")
    least = looking.fleet_need(known, busy.klt.id, 95).total["batched"]
    assert looking.fleet_need(known, busy.klt.id, 99).total["batched"] > least
    assert "z 2.326" in text_of(client, "/foresight/fleet/KLT6428?service=99&home=10")
    assert text_of(client, "/foresight/shortage/KLT6428/SZ-PLANT?days=30&check=5") != text_of(
        client, "/foresight/shortage/KLT6428/SZ-PLANT?days=30&check=0"
    )


def test_every_table_can_be_had_as_a_file(busy, client):
    for url in PAGES:
        page = client.get(url).get_data(as_text=True)
        links = [link.replace("&amp;", "&") for link in re.findall(r'href="([^"]+format=[^"]+)"', page)]
        assert len(links) >= 2
        for link in links:
            answer = client.get(link)
            assert answer.status_code == 200
            assert "attachment" in answer.headers["Content-Disposition"]
            assert len(answer.data) > 20
    days = client.get("/foresight/shortage/KLT6428/SZ-PLANT?table=days&format=csv&days=30").get_data(as_text=True)
    assert days.count("\n") == 32
    assert "HAMBURG" not in days
    assert client.get("/foresight?table=nothing&format=csv").mimetype == "text/html"


def charts_of(client, url):
    return [
        ElementTree.fromstring(svg)
        for svg in re.findall(r"<svg viewBox=.*?</svg>", client.get(url).get_data(as_text=True), re.S)
    ]


@pytest.mark.parametrize("url", PAGES[1:])
def test_charts_are_well_formed_have_a_title_and_stay_in_their_frame(busy, client, url):
    charts = charts_of(client, url)
    assert charts
    ids = [element.get("id") for chart in charts for element in chart.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    for chart in charts:
        assert chart.get("role") == "img"
        title, text, *_ = chart
        assert (title.tag, text.tag) == ("title", "desc")
        assert title.text.strip()
        assert text.text.strip()
        assert set(chart.get("aria-labelledby").split()) == {title.get("id"), text.get("id")}
        width, height = (float(value) for value in chart.get("viewBox").split()[2:])
        for element in chart.iter():
            assert not {"style", "onclick"} & set(element.keys()), "the content security policy forbids it"
            for key in ("x", "x1", "x2"):
                assert -0.5 <= float(element.get(key, 0)) <= width + 0.5, ElementTree.tostring(element)
            for key in ("y", "y1", "y2"):
                assert -0.5 <= float(element.get(key, 0)) <= height + 0.5, ElementTree.tostring(element)


def test_names_of_users_are_text_in_charts(client, world):
    AssetType.update(name_en='<b>"&').where(AssetType.id == world.klt.id).execute()
    Shipment.update(number='S<i>"').where(Shipment.id == world.shipment.id).execute()
    Shipment.update(departure_date=utc_now().date() + 4 * DAY).execute()
    page = client.get("/foresight/shortage/KLT6428/SZ-PLANT").get_data(as_text=True)
    assert "<b>" not in page.replace("<b>&", "")
    assert "<i>" not in page
    assert "S&lt;i&gt;" in page


@on_both_databases
def test_the_number_of_queries_does_not_grow(client, world, db):
    def queries(url):
        seen = []
        handler = logging.Handler()
        handler.emit = seen.append
        logger = logging.getLogger("peewee")
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        assert client.get(url).status_code == 200
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
        return len(seen)

    trips(world, utc_now(), 2, 60, 20)
    few = {url: queries(url) for url in PAGES}
    half_a_year(world, utc_now())
    trips(world, utc_now(), 30, 60, 20, kind=world.cage)
    for number in range(5):
        place = Place.create(
            code=f"P{number}", party=world.suzhou, name_en=f"Place {number}", country="CN", changed_time=NOW
        )
        level(world.klt, world.suzhou, place, 10)
        trips(world, utc_now(), 3, 10, place=place)
    assert {url: queries(url) for url in PAGES} == few
    assert max(few.values()) <= 20


def test_pages_need_a_login(anonymous, world):
    for url in PAGES:
        assert anonymous.get(url).status_code == 302


def test_a_lead_finds_the_day_it_breaks_on_a_phone(busy, page):
    page.goto("/")
    page.click(".rt-menu > summary")
    page.click("text=Foresight")
    page.click(".rt-card .rt-bad >> nth=0")
    expect(page.locator(".fs-narrow svg").first).to_be_visible()
    expect(page.locator(".fs-wide svg").first).to_be_hidden()
    expect(page.locator(".fs-narrow svg text.fs-bad").first).to_be_visible()
    for url in PAGES:
        page.goto(url)
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, url


def test_lost_boxes_of_a_party_that_was_archived_still_have_a_page(client, world):
    trips(world, utc_now(), 25, 60, 20)
    Party.update(archived=True).where(Party.id == world.hamburg.id).execute()
    AssetType.update(archived=True).where(AssetType.id == world.klt.id).execute()
    assert Trip.select().count() == 25
    assert "Hamburg Automotive GmbH" in text_of(client, "/foresight/return-times/KLT6428")
    PoolMinimum.create(asset_type=world.klt, place=world.plant, minimum=3)
    assert "nothing to foresee" in text_of(client, "/foresight")


def test_estimates_by_counting_are_those_of_the_reference(client):
    page = text_of(client, "/foresight/counting?boxes=5000&share=5&margin=2&first=180&second=160&both=120")
    assert "Count 419 boxes" in page
    assert "About 240 boxes." in page
    page = text_of(client, "/foresight/counting?counted=200&missing=0")
    assert "0.0 % are missing, between 0.0 and 1.9 %." in page
    for wrong in ("counted=5&missing=6", "first=5&second=9&both=6", "boxes=5&margin=0", "boxes=x", "share=101"):
        assert client.get(f"/foresight/counting?{wrong}").status_code == 422
    assert "more than the count it is a part of" in text_of(client, "/foresight/counting?counted=5&missing=6", 422)
    assert "boxes, drawn" not in text_of(client, "/foresight/counting")


# with real scans


def scan(kind, codes, at, **fields):
    fields = {"place": "SZ-PLANT", **fields}
    inputs = [ScanInput(str(uuid4()), kind, code, at, **fields) for code in codes]
    answers = record_scans(inputs, None, at)
    assert {answer.outcome for answer in answers} == {"recorded"}, answers
    return inputs


@on_both_databases
def test_scans_become_what_is_foreseen(db, world):
    start = NOW - 90 * DAY
    codes = [f"KLT-{n:04}" for n in range(40)]
    register_assets(world.klt, codes, world.suzhou, world.plant, None, start)
    made = {number: planned(world, NOW, number, NOW.date() + 3 * DAY, 12) for number in ("S-1", "S-2")}
    gone = planned(world, NOW, "S-0", start.date(), 25, state="dispatched")
    scan("dispatch", codes[:25], start + 2 * DAY, shipment=gone.number)
    scan("arrive", codes[:25], start + 12 * DAY, place="HH-VMI")
    scan("return", codes[:22], start + 42 * DAY)
    scan("damage", codes[:1], start + 42 * DAY, reason="wall torn")
    scan("inspect", codes[1:22], start + 42 * DAY)
    scan("write_off", codes[22:23], start + 50 * DAY, place="", reason="burnt")

    # Onto the planned shipments: two change over to the other one, one is taken back, one is undone.
    scan("dispatch", codes[25:33], NOW, shipment="S-1")
    scan("dispatch", codes[25:27], NOW + timedelta(minutes=1), shipment="S-2", happened=True)
    scan("cancel_dispatch", codes[27:28], NOW + timedelta(minutes=2), shipment="S-1")
    (undone,) = scan("dispatch", codes[33:34], NOW + timedelta(minutes=3), shipment="S-2")
    scan("void", [""], NOW + timedelta(minutes=4), voids=undone.event_id, reason="wrong box", place="")

    known = facts(NOW + timedelta(minutes=10), "KLT6428")
    for need in known.needs:
        if need.number in made:
            truth = dispatches_onto(made[need.number]).count()
            assert (need.gone, need.boxes) == (truth, 12 - truth), need.number
    assert {need.number: need.gone for need in known.needs if need.number in made} == {"S-1": 5, "S-2": 2}
    past = [group for group in known.groups if group.shipment == gone.id]
    assert sorted((g.end, g.damaged, g.inspected, g.count, g.age(NOW.date())) for g in past) == [
        ("", False, False, 2, 88), ("returned", False, True, 21, 40), ("returned", True, True, 1, 40),
        ("written_off", False, False, 1, 48),
    ]  # fmt: skip
    found = looking.return_times(known, world.klt.id, None, None)
    assert (found.ended, found.median, found.legs[0].median) == (22, 40, 10)
    item = looking.outlook(known, world.klt.id, world.plant.id, 30)
    assert item.in_hand == 21 + 15 - 7
    assert [(lever.kind, lever.boxes, lever.days_late) for lever in item.levers] == [
        ("overdue", 2, 88 - 60), ("damaged", 1, 0),
    ]  # fmt: skip


@on_both_databases
def test_pallets_that_are_only_counted_are_foreseen_from_their_scans(db, world):
    def pool(kind, at, quantity, **fields):
        scan(kind, [""], at, asset_type="EPAL", quantity=quantity, **fields)

    start = NOW - 90 * DAY
    pool("commission", start, 500)
    for week in range(10):
        planned(world, NOW, f"S-{week}", None, 30, kind=world.pallet, state="dispatched")
        pool("dispatch", start + (week * 7 + 1) * DAY, 30, shipment=f"S-{week}")
    pool("return", start + 21 * DAY, 30, party="HAMBURG")
    pool("return", start + 40 * DAY, 60, party="HAMBURG")
    plan = planned(world, NOW, "S-PLAN", NOW.date() + 4 * DAY, 50, kind=world.pallet)
    pool("dispatch", NOW, 20, shipment=plan.number)
    known = facts(NOW + timedelta(minutes=10), "EPAL")
    assert sorted((g.count, g.end, g.age(NOW.date())) for g in known.groups if g.end) == [
        (30, "returned", 20), (30, "returned", 25), (30, "returned", 32),
    ]  # fmt: skip
    assert sum(group.count for group in known.groups if not group.end) == 7 * 30 + 20
    assert [(need.number, need.gone, need.boxes) for need in known.needs] == [("S-PLAN", 20, 30)]
    item = looking.outlook(known, world.pallet.id, world.plant.id, 30)
    assert (item.estimated, item.in_hand, item.out) == (True, 500 - 10 * 30 + 90 - 20, 230)
