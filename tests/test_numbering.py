"""Numbers without gaps from twenty processes, and nothing half-issued whenever a process is killed."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from typing import Any

import pytest
from conftest import NOW, PASS, on_both_databases
from flask import Flask
from samples import World

from config import Settings
from database import close_all
from database import db as proxy
from docs_gen.integrity import faults
from docs_gen.issuing import Order, finish_unfinished, issue_document, take_number
from docs_gen.models import IssuedDocument
from shipments.models import Shipment

_FORK = multiprocessing.get_context("fork")
PROCESSES = 20
EACH = 2


@pytest.fixture
def settings(app: Flask) -> Settings:
    settings: Settings = app.config["ROUNDTRIP"]
    return settings


def _copies(shipment: Shipment, count: int) -> list[int]:
    """So many shipments like this one, without boxes' scans: one paper of a kind each."""
    ids = []
    for number in range(count):
        values = {name: getattr(shipment, name) for name in shipment._meta.sorted_field_names if name != "id"}
        copy = Shipment.create(**{**values, "number": f"S-2026-1{number:03}"})
        for row in (*shipment.lines, *shipment.packages):
            kept = {name: getattr(row, name) for name in row._meta.sorted_field_names if name != "id"}
            type(row).create(**{**kept, "shipment": copy})
        ids.append(copy.id)
    return ids


def _take(ids: list[int], gate: Any, base_url: str) -> None:
    gate.wait()
    with proxy.connection_context():
        for id in ids:
            take_number(Shipment.get_by_id(id), Order("packing_list", reasons=PASS), None, NOW, base_url)


@on_both_databases
def test_twenty_processes_take_numbers_without_gaps(world: World, settings: Settings) -> None:
    ids = _copies(world.shipment, PROCESSES * EACH)
    close_all()
    if not proxy.is_closed():
        proxy.close()
    gate = _FORK.Barrier(PROCESSES)
    chunks = [ids[start : start + EACH] for start in range(0, len(ids), EACH)]
    processes = [_FORK.Process(target=_take, args=(chunk, gate, settings.base_url)) for chunk in chunks]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * PROCESSES
    proxy.connect(reuse_if_open=True)
    numbers = sorted(row.number for row in IssuedDocument.select())
    assert numbers == [f"PL-2026-{number:04}" for number in range(1, PROCESSES * EACH + 1)]


def _issue_for_ever(id: int, settings: Settings, ready: Any) -> None:
    with proxy.connection_context():
        while True:
            issue_document(Shipment.get_by_id(id), Order("packing_list", reasons=PASS), None, NOW, settings)
            ready.set()


def test_whenever_a_process_is_killed_nothing_is_half_issued(world: World, settings: Settings) -> None:
    """Kills land anywhere: before the number, between number and file, between file and mark."""
    chance = random.Random(7)
    ids = _copies(world.shipment, 6)
    for id in ids:
        proxy.close()
        ready = _FORK.Event()
        process = _FORK.Process(target=_issue_for_ever, args=(id, settings, ready))
        process.start()
        assert ready.wait(60)
        process.join(chance.random() * 0.4)  # it never ends by itself: this is the moment of the kill
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        proxy.connect(reuse_if_open=True)
    finish_unfinished(settings)
    assert list(faults(settings.archive_dir)) == []
    assert not IssuedDocument.select().where(IssuedDocument.state == "numbered").exists()
    for id in ids:
        assert (
            IssuedDocument.select().where(IssuedDocument.shipment == id, IssuedDocument.state == "issued").count() == 1
        )
