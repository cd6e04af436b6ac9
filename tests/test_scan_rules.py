"""The rules in the browser are the server's: cell by cell of the table, and text by text of what a scanner may send."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from conftest import NOW

from assets.event_types import COLUMNS, EVENT_TYPES, SCANNABLE
from assets.scanned_text import read_scanned_text
from assets.snapshot import rules_as_json
from assets.state import Event, State, column, outcome

STATES = {
    "available": State("active", "here"),
    "in_transit_out": State("active", "out"),
    "at_partner": State("active", "there"),
    "in_transit_back": State("active", "back"),
    "in_transit_own": State("active", "moving"),
    "returned": State("active", "here", "unchecked"),
    "damaged_here": State("active", "here", "damaged"),
    "damaged_away": State("active", "there", "damaged"),
    "in_repair": State("active", "here", "in_repair"),
    "lost": State("lost", "there"),
    "gone": State("gone", "here"),
}
PLACES = {1: ("PLANT", True, 1), 2: ("GATE", True, 1), 3: ("VMI", False, 7)}
PARTIES = {1: "OWN", 7: "PARTNER", 8: "OTHER"}
KIND = {"→": "ok", "=": "known", "w": "warn", "?": "ask", "✗": "bad"}


@pytest.fixture
def scan_page(page, world):
    page.goto("/scan")
    return page


def cases():
    """Every kind of scan, in every state, at the box's own place and at others, on its shipment and on another, late and
    in time. What no device can know (when the box came home, what its type demands) is left out of all of them."""
    for type_ in SCANNABLE:
        if type_ in ("void", "opening", "pack", "unpack"):
            continue
        for name, state in STATES.items():
            for place in PLACES:
                for shipment in (5, 6):
                    for happened in (False, True):
                        at = replace(
                            state, place_id=1, place_party_id=1, shipment_id=5, holder_id=7,
                            out_since=NOW - timedelta(days=9), home_since=NOW - timedelta(days=30),
                        )  # fmt: skip
                        assert column(at) == name
                        code, own, owner = PLACES[place]
                        event = Event(
                            "e", type_, NOW, NOW, place_id=place, place_party_id=owner, place_own=own,
                            shipment_id=shipment, happened=happened,
                        )  # fmt: skip
                        yield (
                            at,
                            event,
                            {
                                "state": name,
                                "type": type_,
                                "place": code,
                                "shipment": f"S-{shipment}",
                                "happened": happened,
                            },
                        )


def test_every_cell_of_the_table_is_judged_in_the_browser_as_on_the_server(scan_page, app):
    with app.app_context():
        snapshot = {
            **rules_as_json(), "boxes": {}, "shipments": [], "types": [{"code": "KLT"}],
            "parties": [{"code": code} for code in PARTIES.values()],
            "places": [{"code": code, "own": own, "party": PARTIES[party]} for code, own, party in PLACES.values()],
        }  # fmt: skip
    told = list(cases())
    found = scan_page.evaluate(
        """async ([snapshot, cases]) => {
            const { Books, judge } = await import("/static/scan/rules.js");
            const books = new Books(snapshot);
            return cases.map(one => {
                const box = { code: "B", type: "KLT", state: one.state, holder: "PARTNER", place: "PLANT", shipment: "S-5" };
                const { kind, reason } = judge(box, { ...one, at: 0 }, books);
                return [kind, reason];
            });
        }""",
        [snapshot, [case for _, _, case in told]],
    )
    expected = []
    for state, event, _ in told:
        cell = outcome(state, event)
        expected.append([KIND[cell.verdict], cell.code])
    assert len(told) > 2_000
    assert {name for name in COLUMNS if name != "none"} == set(STATES)
    assert [
        (case, ours, theirs) for (_, _, case), ours, theirs in zip(told, found, expected, strict=True) if ours != theirs
    ] == []
    assert set(snapshot["table"]) >= {
        code for code in EVENT_TYPES if code in SCANNABLE and EVENT_TYPES[code].transitions
    }


TEXTS = [
    "KLT-0001", "klt-0001", " KLT-0001\r\n", "\ufeffKLT-0001", "ＫＬＴ－０００１", "KLT–0001", "]Q1KLT-0001", "]d2800304012345000016KLT-0001",
    "HTTPS://RT.EXAMPLE.COM/8003/04012345000016KLT-0001", "https://id.gs1.org/8003/04012345000016KLT-0001?x=1",
    "HTTPS://RT.EXAMPLE.COM/a/KLT-0001", "https://rt.example.com/A/klt-0001/", "(8003)04012345000016KLT-0001",
    "(8003) 04012345000016KLT-0001", "800304012345000016KLT-0001", "]C1800304012345000016KLT-0001\x1d", "<GS>800304012345000016KLT-0001<GS>",
    "urn:epc:id:grai:4012345.00001.KLT-0001", "urn:epc:tag:grai-170:0.4012345.00001.KLT-0001",
    "[)>\x1e06\x1d1BKLT-0001\x1d\x1e\x04", "KLT-0001KLT-0001", "KLT-0001\nKLT-0001",
    "HTTPS://RT.EXAMPLE.COM/s/S-2026-0001", "javascript:alert(1)", "", "x" * 600, "https://evil.example/login", "WIFI:S:net;;",
]  # fmt: skip


def test_what_a_scanner_sends_is_the_same_code_in_the_browser_as_on_the_server(scan_page):
    found = scan_page.evaluate(
        """async (texts) => { const { Books, readText } = await import("/static/scan/rules.js");
            const books = new Books(null);
            return texts.map(text => { const found = readText(text); return [found.kind, found.kind === "box" ? books.codeIn(found) : found.code]; }); }""",
        TEXTS,
    )
    for text, (kind, code) in zip(TEXTS, found, strict=True):
        server = read_scanned_text(text, ("rt.example.com",))
        if server.kind in ("code", "grai"):
            assert (kind, code) in (("box", server.canonical[-8:]), ("box", server.canonical)), text
        elif server.kind == "shipment":
            assert (kind, code) == ("shipment", server.canonical), text
        else:
            assert kind == "unreadable" or server.reason in ("foreign_link", "goods_label"), (text, kind)
