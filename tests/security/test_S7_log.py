"""S7, of the log: a line for each event, whatever comes from outside, and nothing in it that is nobody's business."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import sqlite3

import pytest

import logs

FORGED = "x\n2026-01-01T00:00:00.000Z INFO roundtrip forged\r\x1b[31m\u2028\u202edone\0"


@pytest.fixture(params=["text", "json"])
def lines(request):
    """Everything that is logged, in both forms, as the service writes it."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter({"text": logs.TextLines, "json": logs.JsonLines}[request.param]())
    handler.addFilter(logs.WhichRequest())
    root = logging.getLogger("roundtrip")
    before = root.level
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    yield request.param, lambda: out.getvalue().split("\n")[:-1]
    root.removeHandler(handler)
    root.setLevel(before)


def test_S7_each_request_is_one_line_with_its_route_and_no_value_of_it(client, world, lines):
    form, read = lines
    client.get(
        "/parties/HAMBURG?q=Secret-Name&token=abc",
        headers={"User-Agent": FORGED.replace("\n", " ").replace("\r", " ").replace("\0", "")},
    )
    client.get("/search?q=" + "evil%0A%0Dline")
    client.get("/assets/evil%0A2026-01-01 forged")
    client.post("/login", data={"username": "li", "password": "hunter2-hunter2"})
    found = [line for line in read() if "answered" in line]
    assert len(found) == 4
    assert len(read()) == 4
    for value in ("Secret-Name", "abc", "HAMBURG", "hunter2", "evil", "forged"):
        assert not any(value in line for line in found), value
    if form == "json":
        told = json.loads(found[0])
        assert told["route"] == "/parties/<code>"
        assert (told["method"], told["status"]) == ("GET", 200)
        assert len(told["request"]) == 16
        assert isinstance(told["user"], int)
        assert isinstance(told["ms"], int)
    else:
        assert "method=GET route=/parties/<code> status=200 ms=" in found[0]
        assert " request=" in found[0]


@pytest.mark.parametrize("address", ["/statement/", "/invitation/"])
def test_S7_the_secret_of_an_address_is_in_no_line_of_a_database_that_is_busy(db, anonymous, world, lines, address):
    _, read = lines
    db.pragma("busy_timeout", 50, permanent=True)
    with contextlib.closing(sqlite3.connect(db.database)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert anonymous.get(address + "SecretOfThisLink" * 3).status_code == 503
    db.pragma("busy_timeout", 10_000, permanent=True)
    assert any("busy" in line for line in read())
    assert not any("SecretOfThisLink" in line for line in read())


def test_S7_no_text_from_outside_begins_a_line_of_its_own(lines):
    form, read = lines
    log = logging.getLogger("roundtrip")
    log.info("uploaded %s", FORGED)
    try:
        raise ValueError(FORGED)
    except ValueError:
        log.exception("it failed: %s", FORGED)
    for line in read():
        assert "\r" not in line
        assert "\x1b" not in line
        assert "\0" not in line
        if form == "json":
            json.loads(line)
        else:
            assert line.startswith(("  | ", "20"))
            assert not line.startswith("2026-01-01")
    if form == "json":
        assert len(read()) == 2


def test_S7_a_forged_method_makes_no_line_and_no_series(client, lines):
    _, read = lines
    client.open("/parties", method="G\x1b[31mET")
    assert not any("\x1b" in line for line in read())
