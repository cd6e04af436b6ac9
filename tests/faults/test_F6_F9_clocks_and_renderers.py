"""F6: clocks that are wrong or jump. F9: a renderer that hangs or dies."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from conftest import NOW, PASS
from simulated_devices import tried
from test_scan_batches import DAY, HOUR, MINUTE, Scanner, boxes, open_cases, rows, yard  # noqa: F401 (fixtures)

from accounts.models import UserSession
from assets.ledger_check import faults as ledger_faults
from assets.models import Asset
from database import utc_now
from docs_gen import render_pool
from docs_gen.issuing import Order, finish, finish_many, take_number
from docs_gen.render import Paper
from docs_gen.render_pool import Job, render_limited, render_many
from invariants import faults
from shipments.models import Shipment

CLOCKS = {
    "three days slow": -3 * DAY, "two hours fast": 2 * HOUR, "1970": datetime(1970, 1, 1, tzinfo=UTC) - NOW,
    "2099": datetime(2099, 6, 1, tzinfo=UTC) - NOW, "right": timedelta(0),
}  # fmt: skip


@pytest.mark.parametrize("ahead", CLOCKS.values(), ids=CLOCKS.keys())
def test_F6_a_clock_of_a_device_is_corrected_flagged_and_ages_no_box(app, boxes, yard, ahead):  # noqa: F811
    scanner = Scanner(app, yard[1], ahead)
    event = scanner.scan("dispatch")
    assert scanner.send([event]).json["results"][0]["status"] == 201
    (row,) = rows()
    assert abs(row.event_time - (utc_now() - HOUR)) < MINUTE  # the server's time rules
    assert row.device_time == datetime.fromisoformat(event["event_time"])  # the device's is kept beside
    assert ("clock_corrected" in row.warnings) == (abs(ahead) > 10 * MINUTE)
    assert (open_cases() == ["clock_far"]) == (abs(ahead) >= DAY)
    box = Asset.get(code="KLT000001")
    assert box.out_since <= utc_now()
    assert list(ledger_faults()) == []


def test_F6_a_change_to_winter_time_and_another_zone_keep_the_order(app, boxes, yard):  # noqa: F811
    """One o'clock comes twice that night; with the offset both are what they were."""
    scanner = Scanner(app, yard[1])
    start = utc_now() - 5 * HOUR
    summer, winter, pacific = (timezone(hours * HOUR) for hours in (2, 1, -8))
    times = [
        (start + n * 20 * MINUTE).astimezone(zone) for n, zone in enumerate((summer, summer, winter, winter, pacific))
    ]
    kinds = ("dispatch", "return", "dispatch", "return", "dispatch")
    events = [
        scanner.scan(kind, event_time=at.isoformat(), happened=True) for kind, at in zip(kinds, times, strict=True)
    ]
    assert [one["status"] for one in scanner.send(events).json["results"]] == [201] * 5
    assert [row.type for row in rows().order_by()] == list(kinds)
    assert sorted(row.event_time for row in rows()) == [row.event_time for row in rows()] == times
    assert list(ledger_faults()) == []


def test_F6_when_the_clock_of_the_server_steps_back_numbers_and_lines_still_rise(app, client, world):
    assert client.get("/shipments").status_code == 200
    UserSession.update(seen_time=utc_now() + HOUR, created_time=utc_now() + HOUR).execute()
    assert client.get("/shipments").status_code == 200  # a session that began in the future of this clock
    settings = app.config["ROUNDTRIP"]
    order = Order("china_export_declaration", reasons=PASS)
    with app.app_context():
        for at, number in ((NOW, 1), (NOW - HOUR, 2), (NOW - 2 * HOUR, 3)):
            document = finish(take_number(Shipment.get(), order, None, at, settings.base_url), settings)
            assert document.number == f"CD-2026-{number:04}"
    assert list(faults(settings)) == []


# F9


def _workers() -> list[int]:
    return [child.pid for child in multiprocessing.active_children() if "pebble" in child.name and child.pid]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_F9_renderers_that_die_or_hang_cost_one_paper_at_most_and_the_next_one_works(app, world, monkeypatch, how):
    settings = app.config["ROUNDTRIP"]
    render_many([Job("<p>warm"), Job("<p>warm")])
    before = _workers()
    for pid in before:
        os.kill(pid, how)
    in_service = render_pool._STUCK_SECONDS
    start = time.monotonic()
    with app.app_context(), monkeypatch.context() as patch:
        if how == signal.SIGSTOP:
            patch.setattr(render_pool, "_STUCK_SECONDS", 4)  # a worker that does not even begin
        documents = [
            take_number(Shipment.get(), Order(code, reasons=PASS), None, NOW, settings.base_url)
            for code in ("commercial_invoice", "packing_list")
        ]
        first = list(finish_many(documents, settings))
    took = time.monotonic() - start
    for pid in before:
        if how == signal.SIGSTOP and os.path.exists(f"/proc/{pid}"):  # noqa: PTH110
            os.kill(pid, signal.SIGCONT)
    # 5 s on an idle machine; on a busy one the next renderers take long to start, and that proves nothing about these.
    assert took < in_service
    assert all(document.state == "issued" or fault.reason == "not_rendered" for document, fault in first)
    assert isinstance(render_limited("<p>next"), Paper)
    with app.app_context():
        for document, _ in first:
            assert finish(document, settings).state == "issued"  # the next click
    assert list(faults(settings)) == []
    tried("F9", f"renderers {how.name}, told after {took:.1f} s", len(before))
