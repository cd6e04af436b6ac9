"""F6: clocks that are wrong or jump. F9: a renderer that hangs or dies."""

from __future__ import annotations

import contextlib
import http.client
import json
import multiprocessing
import os
import random
import re
import signal
import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

import pytest
from conftest import NOW, PASS, PASSWORD
from preloaded import SteppingClock
from simulated_devices import LARGE, Fleet, RealServer, nothing_lost_nothing_double, prepare, tried
from test_scan_batches import DAY, HOUR, MINUTE, Scanner, boxes, open_cases, rows, yard  # noqa: F401 (fixtures)

from accounts.people import create_token, create_user
from assets.clocks import CORRECTED
from assets.devices import register
from assets.ledger_check import faults as ledger_faults
from assets.models import Asset, ScanEvent
from database import db as proxy
from database import utc_now
from docs_gen import render_pool
from docs_gen.issuing import Order, finish, finish_many, take_number
from docs_gen.models import IssuedDocument
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


#: Clocks of devices beside that of 1970, by what they are ahead of the right time. A change to summer time is a clock that
#: is set by an hour while scans wait; the counter of the device goes on.
WRONG = [timedelta(0), -3 * DAY, 2 * HOUR, CLOCKS["2099"], HOUR, -HOUR, 90 * timedelta(seconds=1), -400 * DAY]
ZONES = [timezone(hours * HOUR) for hours in (0, 8, -8, 2, 1, -3.5, 5.75, 14, -12)]
SCANS = 5_000 if LARGE else 60


def test_F6_devices_with_clocks_of_all_kinds_that_share_boxes_tell_the_history_as_it_was(app, boxes, user):  # noqa: F811
    """Each box goes from device to device, whose clocks and zones differ and are set in between; the right time of the
    server is the order, and nothing of it is in the future."""
    luck, start = random.Random(6), utc_now() - 20 * DAY
    clocks = [*WRONG, datetime(1970, 1, 1, tzinfo=UTC) - start]
    with app.app_context():
        scanners = [Clock(app, register(f"yard {n}", user, NOW)[1], ahead) for n, ahead in enumerate(clocks)]
    codes = [box.code for box in boxes]
    happened: list[tuple[datetime, str, str, str, timedelta]] = []  # when, id, box, kind, by how much its clock was off
    waiting: dict[int, list[tuple[dict[str, Any], datetime]]] = {n: [] for n in range(len(scanners))}
    out, last = dict.fromkeys(codes, False), dict[str, int]()
    for number in range(SCANS):
        at = start + number * (19 * DAY / SCANS)
        code, place = codes[number % len(codes)], luck.randrange(len(scanners))
        if last.setdefault(code, place) != place:  # what another one has of this box comes first
            send_waiting(scanners[last[code]], waiting[last[code]], luck)
        last[code] = place
        scanner, kind = scanners[place], "return" if out[code] else "dispatch"
        out[code] = not out[code]
        shown_ = (at + scanner.ahead).astimezone(luck.choice(ZONES))
        event = scanner.scan(kind, code, event_time=shown_.isoformat())
        happened.append((at, event["event_id"], code, kind, scanner.ahead))
        waiting[place].append((event, at))
        if len(waiting[place]) >= luck.randint(1, 40):
            send_waiting(scanner, waiting[place], luck)
    for place, scanner in enumerate(scanners):
        send_waiting(scanner, waiting[place], luck)
    found = {row.event_id: row for row in rows()}
    assert len(found) == SCANS
    for at, event_id, _, _, ahead in happened:
        row = found[event_id]
        assert abs(row.event_time - at) <= CORRECTED + timedelta(seconds=30), (ahead, row.event_time - at)
        assert abs(row.device_time - at - ahead) < timedelta(milliseconds=1)  # the device's is kept beside
        assert abs(ahead) <= 10 * MINUTE or "clock_corrected" in row.warnings
    for box in Asset.select():
        assert (box.where == "out") == out[box.code]
        assert (box.out_since or NOW) <= utc_now()
    assert list(ledger_faults()) == []
    tried(
        "F6", f"scans by {len(scanners)} devices with wrong clocks in {len(ZONES)} zones, set while scans wait", SCANS
    )


class Clock(Scanner):
    """A device whose clock is changed to summer time and back."""

    summer = False


def send_waiting(scanner: Clock, waiting: list[tuple[dict[str, Any], datetime]], luck: random.Random) -> None:
    """Before some of the sendings the clock of the device changes from winter to summer time, or back."""
    if not waiting:
        return
    for event, at in waiting:
        event["age_ms"] = int((utc_now() - at) / timedelta(milliseconds=1))
    if luck.random() < 0.2:
        scanner.summer = not scanner.summer
        scanner.ahead += HOUR if scanner.summer else -HOUR
    answer = scanner.send([event for event, _ in waiting])
    assert {one["status"] for one in answer.json["results"]} == {201}, answer.json
    waiting.clear()


class Browser:
    """A person's browser at a real server: keeps its cookies."""

    def __init__(self, port: int) -> None:
        self.port, self.cookies = port, SimpleCookie()

    def ask(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        """Status, and the page or where it leads to. While the service is busy it is asked again, as the page says."""
        for _ in range(100):
            answer = self._ask(path, form)
            if answer[0] != 503:
                break
            threading.Event().wait(0.2)
        return answer

    def _ask(self, path: str, form: dict[str, str] | None) -> tuple[int, str]:
        headers = {"Cookie": "; ".join(f"{name}={one.value}" for name, one in self.cookies.items())}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as asked:
            asked.request("GET" if form is None else "POST", path, form and urlencode(form), headers)
            answer = asked.getresponse()
            for told in answer.headers.get_all("Set-Cookie") or ():
                self.cookies.load(told)
            return answer.status, answer.getheader("Location") or answer.read().decode()

    def csrf(self, path: str) -> str:
        (token,) = set(re.findall(r'name="csrf_token"[^>]*value="([^"]+)"', self.ask(path)[1]))
        return token

    def sign_in(self, name: str) -> Browser:
        form = {"csrf_token": self.csrf("/login"), "username": name, "password": PASSWORD}
        status, to = self.ask("/login", form)
        assert (status, "/login" in to) == (302, False), to
        return self

    @property
    def signed_in(self) -> bool:
        status, to = self.ask("/shipments")
        assert status == 200 or "/login" in to, (status, to)
        return status == 200


#: Seconds by which the clock of the server is ahead of the right time, one after the other.
_luck = random.Random(6)
STEPS = [-3600, 3600, *([_luck.choice((-1, 1)) * _luck.randint(600, 3600) for _ in range(58)] if LARGE else [])]


def test_F6_the_clock_of_a_running_server_is_set_back_and_forward(tmp_path, migrated_file, app):
    server, clock = RealServer(tmp_path / "data", migrated_file), SteppingClock(tmp_path)
    server.environment.update(clock.environment)
    with app.app_context():
        devices = prepare(server)
        clerk = create_user("clerk", PASSWORD, utc_now(), role="document_clerk")
        token = create_token(clerk, "desk", utc_now())
    server.start()
    try:
        browsers = [Browser(server.port).sign_in("clerk")]
        form = browsers[0].csrf("/account")  # a page that stays open
        fleet = Fleet(devices, server.port, server.up, rest=0.05 if LARGE else 0.2)
        fleet.start()
        numbers = [issued(server.port, token)]
        for ahead in STEPS:
            clock.set(ahead)
            told = datetime.fromisoformat(asked(server.port, "/api/v1/scan/ping", devices[0].token)["server_time"])
            assert abs(told - utc_now() - timedelta(seconds=ahead)) < MINUTE  # it believes it
            for _ in range(8):
                fleet.answered.acquire()
            numbers.append(issued(server.port, token))
            browsers = [*browsers[-5:], Browser(server.port).sign_in("clerk")]
            assert all(browser.signed_in for browser in browsers)
            language = {"csrf_token": form, "language": "en", "back": "/"}
            assert browsers[0].ask("/language", language)[0] == 302 or len(STEPS) > 5
            assert not fleet.faults, fleet.faults
        fleet.finish()
        clock.set(0)
        for path in ("/", "/shipments/S-2026-0001", "/assets", "/assets/KLT-A-0001", "/balances", "/documents"):
            assert browsers[0].ask(path)[0] == 200, path
        assert Browser(server.port).ask("/healthz")[0] == 200
        clock.set(9 * 3600)  # nobody has asked for more than eight hours
        assert not any(browser.signed_in for browser in browsers)
        clock.set(50 * 365 * 86_400)
        late = Browser(server.port).sign_in("clerk")
        assert late.signed_in
        clock.set(0)
        assert not late.signed_in  # else until then
    finally:
        server.stop()
    count = nothing_lost_nothing_double(server, devices)
    with proxy.connection_context():
        series = [row.number for row in IssuedDocument.select().order_by(IssuedDocument.id)]
        assert series == numbers == [f"CI-2026-{n:04}" for n in range(1, len(STEPS) + 2)]
        for device in devices:
            ids = dict(ScanEvent.select(ScanEvent.event_id, ScanEvent.id).tuples())
            assert [ids[one] for one in device.made] == sorted(ids[one] for one in device.made)
    what = f"clock of the running server set back or forward by up to an hour: {count} scans, {len(numbers)} papers"
    tried("F6", what, len(STEPS))


def asked(port: int, path: str, token: str, form: dict[str, str] | None = None) -> Any:
    """JSON, or where a form leads to."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-www-form-urlencoded"}
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET" if form is None else "POST", path, form and urlencode(form), headers)
        answer = connection.getresponse()
        data = answer.read()
        assert answer.status in (200, 302), data
        return answer.getheader("Location") or json.loads(data)


def issued(port: int, token: str) -> str:
    """The number of one more invoice, which replaces the one before."""
    asked(port, "/shipments/S-2026-0002/documents/commercial_invoice/issue", token, {"reason:": "Agreed"})
    with proxy.connection_context():
        return str(IssuedDocument.select(IssuedDocument.number).order_by(IssuedDocument.id.desc()).scalar())


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
