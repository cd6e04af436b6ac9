"""Whatever spelling a box is asked for in, scans, resolver, search and public links find the same one, or none."""

from __future__ import annotations

import uuid

import pytest
from conftest import NOW, on_both_databases

from assets.registering import register_assets

LONG = "KLT-00000000-001"  # 16 characters: its GRAI is longer than any code


@pytest.fixture
def boxes(world):
    return register_assets(world.klt, ["KLT000003", LONG], world.suzhou, world.plant, None, NOW)


@on_both_databases
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("KLT000003", "KLT000003"),
        ("klt000003", "KLT000003"),
        ("KLT000003KLT000003", "KLT000003"),
        ("800304012345000016KLT000003", "KLT000003"),
        ("(8003)4012345000016KLT000003", "KLT000003"),
        ("04012345000016KLT000003", "KLT000003"),
        ("04012345000016klt000003", "KLT000003"),
        ("04012345000016KLT000003\r\n04012345000016KLT000003", "KLT000003"),
        (f"04012345000016{LONG}", LONG),
        ("https://rt.example.com/a/04012345000016KLT000003", "KLT000003"),
        ("04012345000016KLT000004", None),
        (f"04012345000017{LONG}", None),
        ("04012345000016", None),
        ("800304012345000016", None),
        ("CSQU3054383", None),
        ("", None),
    ],
)
def test_every_way_to_ask_finds_the_same_box(db, client, boxes, text, code):
    resolved = client.get("/api/v1/resolve", query_string={"text": text}).json
    scan = {"event_id": str(uuid.uuid4()), "type": "dispatch", "scanned_text": text, "event_time": NOW.isoformat()}
    taken = client.post("/api/v1/scan-events", json={**scan, "shipment": "S-2026-0001"}).json
    assert (resolved["code"], taken["code"]) == (code, code)
    if code is None:
        assert resolved["text"] == taken["text"]
    searched = client.get("/search", query_string={"q": text})
    assert searched.location == (f"/assets/{code}" if code else None)


@pytest.mark.parametrize("path", ["/8003/04012345000016KLT000003", "/8003/4012345000016klt000003", "/a/klt000003",
                                  "/A/04012345000016KLT000003"])  # fmt: skip
def test_public_links_find_it_too(client, boxes, path):
    assert client.get(path).location == "/assets/KLT000003"


def test_a_text_that_fits_two_boxes_finds_neither(client, world):
    made = register_assets(world.klt, ["BOX1", "BOX1BOX1"], world.suzhou, world.plant, None, NOW)
    assert len(made) == 2
    resolved = client.get("/api/v1/resolve?text=BOX1BOX1").json
    assert (resolved["code"], resolved["text"]) == (None, "Two boxes fit this text. Scan the plate once.")
