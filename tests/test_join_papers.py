"""The join: what was scanned onto the truck is what the papers say."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pytest
from conftest import NOW
from pypdf import PdfReader
from samples import THREE, World

from assets.models import Asset, ScanEvent
from docs_gen.document_types import render_paper
from docs_gen.facts import ShipmentFacts, shipment_facts
from docs_gen.register import REGISTER, problems
from master_data.models import AssetType
from shipments.details import Details, details_to_json
from shipments.models import Package, Shipment


def _scan(world: World, kind: AssetType, count: int, prefix: str = "KLT", **fields: Any) -> list[ScanEvent]:
    events = []
    for number in range(1, count + 1):
        asset = Asset.create(code=f"{prefix}-{number:06}", asset_type=kind, owner=world.suzhou, created_time=NOW)
        events.append(
            ScanEvent.create(
                **{
                    "event_id": str(uuid.uuid4()),
                    "type": "dispatch",
                    "asset": asset,
                    "scanned_text": asset.code,
                    "shipment": world.shipment,
                    "event_time": NOW,
                    "record_time": NOW,
                    "body_sha256": "0" * 64,
                    **fields,
                }
            )
        )
    return events


def _facts(world: World) -> ShipmentFacts:
    return shipment_facts(Shipment.get_by_id(world.shipment.id), "https://rt.example.com")


def _sentences(facts: ShipmentFacts) -> list[str]:
    return [str(one.message) for one in problems(facts, codes=THREE) if one.severity == "error"]


def test_all_scanned_is_without_errors_and_lists_the_codes(world: World, tmp_path: Any) -> None:
    _scan(world, world.klt, 12)
    facts = _facts(world)
    assert facts.scanning
    assert (facts.package_count, facts.gross_mass) == (13, Decimal("275.600"))
    assert _sentences(facts) == []
    (tmp_path / "list.pdf").write_bytes(render_paper(REGISTER["packing_list"], facts).data)
    text = "".join(page.extract_text() for page in PdfReader(tmp_path / "list.pdf").pages)
    for number in range(1, 13):
        assert f"KLT-{number:06}" in text


def test_eleven_of_twelve_scanned_counts_eleven_and_says_so(world: World) -> None:
    _scan(world, world.klt, 11)
    facts = _facts(world)
    assert [row.count for row in facts.packages] == [11, 1]
    assert (facts.boxes[0].expected, facts.boxes[0].scanned, facts.boxes[0].count) == (12, 11, 11)
    assert facts.gross_mass == 11 * Decimal("17.45") + Decimal("66.2")
    assert "KLT6428: 12 expected, 11 scanned." in _sentences(facts)


def test_nothing_scanned_prints_the_plan(world: World) -> None:
    facts = _facts(world)
    assert not facts.scanning
    assert facts.boxes[0].count == 12
    assert _sentences(facts) == []


def test_gross_is_net_plus_tare_of_the_box_plus_other_packing(world: World) -> None:
    Package.update(gross_mass=Decimal("18.00")).where(Package.position == 1).execute()  # 0.55 kg of foam
    _scan(world, world.klt, 12)
    AssetType.update(tare=Decimal("3.10")).where(AssetType.code == "KLT6428").execute()
    assert _facts(world).packages[0].gross_mass == Decimal("14.5") + Decimal("3.10") + Decimal("0.40")


def test_other_packing_is_never_below_zero(world: World) -> None:
    Package.update(gross_mass=Decimal("15.00")).where(Package.position == 1).execute()  # the tare was forgotten
    _scan(world, world.klt, 12)
    facts = _facts(world)
    assert facts.packages[0].gross_mass == Decimal("17.45")
    assert facts.gross_mass == 12 * Decimal("17.45") + Decimal("66.2")


def test_boxes_of_a_type_that_no_row_expects_get_a_row_with_their_tare(world: World) -> None:
    _scan(world, world.klt, 12)
    _scan(world, world.cage, 2, "GLT")
    facts = _facts(world)
    row = facts.packages[-1]
    assert (row.row, row.count, row.first, row.last, row.box_type) == (None, 2, 14, 15, "GLT1210")
    assert (row.net_total, row.gross_total, row.part_no) == (Decimal(0), Decimal(170), "")
    assert "GLT1210: 0 expected, 2 scanned." in _sentences(facts)


def test_more_than_expected_go_as_empty_boxes(world: World) -> None:
    _scan(world, world.klt, 13)
    facts = _facts(world)
    assert facts.package_count == 14
    assert (facts.packages[-1].row, facts.packages[-1].gross_total) == (None, Decimal("2.950"))
    assert "KLT6428: 12 expected, 13 scanned." in _sentences(facts)


def test_two_rows_of_one_type_share_the_boxes_in_their_order(world: World) -> None:
    Package.create(
        shipment=world.shipment, position=3, asset_type=world.klt, package_code="4H", count=3, product=world.tie_rod,
        pieces=10, net_mass=Decimal("3.2"), gross_mass=Decimal("6.15"),
    )  # fmt: skip
    _scan(world, world.klt, 14)
    assert [row.count for row in _facts(world).packages] == [12, 1, 2]


def test_a_row_of_which_nothing_was_scanned_is_not_printed(world: World) -> None:
    _scan(world, world.cage, 1, "GLT")
    facts = _facts(world)
    assert [row.box_type for row in facts.packages] == ["", "GLT1210"]
    assert [(row.first, row.last) for row in facts.packages] == [(1, 1), (2, 2)]
    assert "KLT6428: 12 expected, 0 scanned." in _sentences(facts)


@pytest.mark.parametrize("fields", [{"refused": "unknown_asset"}, {"type": "stock_take"}])
def test_scans_that_do_not_count_are_not_on_the_paper(world: World, fields: dict[str, str]) -> None:
    _scan(world, world.klt, 3, **fields)
    assert not _facts(world).scanning


def test_a_voided_scan_is_not_on_the_paper(world: World) -> None:
    events = _scan(world, world.klt, 12)
    ScanEvent.create(
        event_id=str(uuid.uuid4()), type="void", asset=events[0].asset, scanned_text="", event_time=NOW, record_time=NOW,
        voids=events[0].event_id, body_sha256="0" * 64,
    )  # fmt: skip
    assert _facts(world).boxes[0].codes == tuple(f"KLT-{number:06}" for number in range(2, 13))


def test_a_counted_pool_is_never_scanned(world: World) -> None:
    Package.create(
        shipment=world.shipment,
        position=3,
        asset_type=world.pallet,
        package_code="PX",
        count=2,
        net_mass=0,
        gross_mass=25,
    )
    treated = details_to_json(Details(wood_packing="treated", ippc_mark="CN-320 HT"))
    Shipment.update(details=treated).where(Shipment.id == world.shipment.id).execute()
    _scan(world, world.klt, 12)
    facts = _facts(world)
    assert [(box.code, box.count) for box in facts.boxes] == [("KLT6428", 12), ("EPAL", 2)]
    assert _sentences(facts) == []
    assert facts.gross_mass == Decimal("325.600")
