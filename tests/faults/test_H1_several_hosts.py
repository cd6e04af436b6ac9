"""H1: two web hosts and two workers that share a PostgreSQL and a store of files lose nothing when one of them is killed,
when the network of one is cut, and when PostgreSQL falls and comes back."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import pytest
import samples
from conftest import settings_for
from flask import Flask
from peewee import PeeweeException
from several_hosts import NAMESPACES, PORT, Installation
from simulated_devices import LARGE, Fleet, SimulatedDevice, in_the_ledger, prepare, tried

from accounts.models import User
from accounts.people import create_token, create_user
from config import database_address
from database import db as proxy
from database import open_database, utc_now
from docs_gen.models import IssuedDocument, NumberSeries
from invariants import faults
from jobs.models import Job
from jobs.queue import order
from master_data.models import AssetType, Party, Place, Product
from shipments.models import Shipment

ROUNDS = 5 if LARGE else 1
CUT = 30.0 if LARGE else 3.0  # seconds
SHIPMENTS = 60 if LARGE else 2  # of each clerk and round
KINDS = ("commercial_invoice", "packing_list")


@dataclass
class Clerk:
    """Issues the papers of shipments of her own, one after the other, at whichever host answers."""

    token: str
    wanted: list[tuple[str, str]]  # shipment, kind
    hosts: list[str]
    answered: int = 0
    lost: int = 0
    issued: set[tuple[str, str]] = field(default_factory=set)  # was told that it is
    fault: BaseException | None = None

    def start(self) -> None:
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def finish(self) -> None:
        self.thread.join(240)
        assert not self.thread.is_alive()
        if self.fault:
            raise self.fault

    def _work(self) -> None:
        turns = itertools.count()
        try:
            for shipment, kind in self.wanted:
                while (status := self._issue(shipment, kind, self.hosts[next(turns) % len(self.hosts)])) not in (
                    302,
                    409,
                ):
                    assert status in (0, 503), status
                    self.lost += 1
                    threading.Event().wait(0.1)
                # 409: an earlier try did it, and only its answer was lost; or it has its number, and a start finishes it
                if status == 302:
                    self.issued.add((shipment, kind))
                self.answered += 1
        except BaseException as fault:
            self.fault = fault

    def _issue(self, shipment: str, kind: str, host: str) -> int:
        """What the host answers; 0: nothing."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/x-www-form-urlencoded"}
        asked = http.client.HTTPConnection(host, PORT, timeout=20)
        try:
            form = f"replaces=&{quote('reason:')}=Agreed"
            asked.request("POST", f"/shipments/{shipment}/documents/{kind}/issue", form, headers)
            answer = asked.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            asked.close()


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path)
    yield made
    made.close()
    if proxy.obj is not None and not proxy.is_closed():
        proxy.close()


def _clerks(url: str, count: int, hosts: list[str]) -> list[Clerk]:
    """Clerks, each with shipments of her own."""
    open_database(url)
    now = utc_now()
    with proxy.connection_context():
        world = samples.World.__new__(samples.World)
        world.suzhou, world.hamburg = Party.get(Party.code == "SUZHOU"), Party.get(Party.code == "HAMBURG")
        world.plant, world.klt = Place.get(Place.code == "SZ-PLANT"), AssetType.get(AssetType.code == "KLT6428")
        world.rack, world.tie_rod = Product.select().order_by(Product.id).limit(2)
        made = []
        for number in range(count):
            user = User.get_or_none(User.username == f"clerk.{number}") or create_user(
                f"clerk.{number}", "correct horse battery", now, role="document_clerk"
            )
            last = IssuedDocument.select().count()
            names = [f"S-2026-{10_000 * (number + 2) + last + n}" for n in range(SHIPMENTS)]
            for name in names:
                samples.shipment(now, world, number=name)
            token = create_token(user, f"desk {last}", now)
            made.append(Clerk(token, [(name, kind) for name in names for kind in KINDS], hosts))
        return made


@pytest.mark.unchecked("it looks itself, with the store in which its files lie")
def test_H1_hosts_are_killed_and_cut_off_and_postgresql_falls_and_nothing_is_lost(
    installation: Installation, app: Flask
) -> None:
    web1, web2 = installation.webs
    hosts = [web1.address, web2.address]
    for web in installation.webs:  # both at once, on an empty database
        installation.start_web(web)
    for web in installation.webs:
        installation.wait_for(web)
    worker1 = installation.workers[0]
    for worker in installation.workers:
        installation.start_worker(worker)
    url = database_address(installation.postgres.address())[0]
    with app.app_context():
        devices = prepare(SimpleNamespace(url=url))
    for device in devices:
        device.patience = 20.0
    up = threading.Event()
    up.set()
    fleet = Fleet(devices, PORT, up, hosts=hosts, rest=0 if LARGE else 0.3)
    fleet.start()
    papers, jobs, issued = 0, 0, set()
    for _ in range(ROUNDS):
        with app.app_context():
            clerks = _clerks(url, 2, hosts)
        for clerk in clerks:
            clerk.start()
        _answers(fleet, 8)
        web1.kill()  # its power goes
        _answers(fleet, 8)  # the other one takes it all
        installation.start_web(web1)
        installation.wait_for(web1)
        _answers(fleet, 4)
        web2.cut()  # nobody is told: its connections neither end nor fail
        pause = threading.Timer(CUT, web2.mend)
        pause.start()
        _answers(fleet, 8)
        jobs += _orders(url, clerks)
        _until(url, lambda: Job.select().where(Job.state == "running").exists() or _drained(), "a job runs")
        worker1.kill()
        pause.join()
        _answers(fleet, 4)
        installation.start_worker(worker1)
        installation.postgres.restart()  # as after a crash
        _answers(fleet, 8)
        for clerk in clerks:
            clerk.finish()
            papers += len(clerk.wanted)
            issued |= clerk.issued
    fleet.finish()
    if not LARGE:
        _let_leases_run_out(url)
    _until(url, _drained, "the queue is empty")
    web1.kill()
    installation.start_web(web1)  # what has its number and lost its host is finished at a start
    installation.wait_for(web1)

    scans = _nothing_lost_nothing_double(url, devices)
    with proxy.connection_context():
        done = Job.select().where(Job.kind == "prepare_papers")
        assert ({job.state for job in done}, done.count()) == ({"done"}, jobs)
        rows = list(IssuedDocument.select())
        assert {row.state for row in rows} == {"issued"}
        assert len(rows) == papers == len({(row.shipment_id, row.type) for row in rows})  # each once
        there = {(row.shipment.number, row.type) for row in rows}
        assert issued <= there
        assert sum(series.last for series in NumberSeries.select()) == papers  # no number without its paper
        settings = replace(settings_for(installation.folder / "check"), bucket=installation.bucket)
        assert list(faults(settings)) == []
    lost = sum(device.lost for device in devices)
    assert lost >= 1  # it happened under their hands
    how = "network namespaces" if NAMESPACES else "groups of processes (no namespaces here)"
    what = f"2 web hosts, 2 workers in {how}: {scans} scans, {papers} papers, {jobs} jobs, cut {CUT:.0f} s"
    tried("H1", what, ROUNDS * 4)


def _orders(url: str, clerks: list[Clerk]) -> int:
    """Order the preparation of each shipment; gives how many."""
    open_database(url)
    names = {shipment for clerk in clerks for shipment, _ in clerk.wanted}
    with proxy.connection_context():
        for shipment in Shipment.select().where(Shipment.number.in_(names)):
            order("prepare_papers", {"shipment": shipment.id}, utc_now(), about=shipment.number)
    return len(names)


def _let_leases_run_out(url: str) -> None:
    """As if most of their 30 s had gone: a worker that lives renews its own long before."""
    open_database(url)
    with proxy.connection_context():
        Job.update(lease_until=utc_now() + timedelta(seconds=8)).where(Job.state == "running").execute()


def _drained() -> bool:
    return not Job.select().where(Job.state.in_(["waiting", "running"]), Job.kind == "prepare_papers").exists()


def _until(url: str, found: Callable[[], bool], what: str) -> None:
    open_database(url)
    until = time.monotonic() + 240
    while True:
        with contextlib.suppress(PeeweeException), proxy.connection_context():
            if found():
                return
        assert time.monotonic() < until, what
        threading.Event().wait(0.2)


def _answers(fleet: Fleet, count: int) -> None:
    """Wait until so many more batches are answered."""
    for _ in range(count):
        assert fleet.answered.acquire(timeout=120), fleet.faults
    assert not fleet.faults, fleet.faults


def _nothing_lost_nothing_double(url: str, devices: list[SimulatedDevice]) -> int:
    found = in_the_ledger(url)
    made = [event_id for device in devices for event_id in device.made]
    assert set(found["event"]) == set(made)
    assert set(found["event"].values()) == {1}
    assert not found["refused"]
    assert all(set(device.answers) == set(device.made) for device in devices)
    return len(made)
