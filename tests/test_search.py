"""A code or a number opens its page, in whatever spelling it was scanned; anything else is looked for everywhere."""

from __future__ import annotations

import re

import pytest
from conftest import NOW, on_both_databases
from customs_world import boxes, declared

import invariants
from assets.labels import label_uri, shipment_uri
from assets.models import Asset
from assets.registering import register_assets
from docs_gen.models import IssuedDocument, LogisticUnit
from invariants import faults
from master_data.models import Party
from shipments.models import Shipment

BASE = "https://rt.example.com"


@pytest.fixture
def box(app, world, user):
    return register_assets(world.klt, ["KLT-0001", "KLT-0002"], world.suzhou, world.plant, user, NOW)[0]


@pytest.fixture
def paper(world):
    return IssuedDocument.create(
        shipment=world.shipment, party=world.hamburg, seller=world.suzhou, type="packing_list", number="PL-2026-0001", issue_date=NOW.date(),
        state="issued", sha256="0" * 64, facts="{}", issued_time=NOW,
    )  # fmt: skip


def search(client, text):
    return client.get("/search", query_string={"q": text})


def found(client, text):
    answer = search(client, text)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "spelling", ["{code}", " klt-0001 ", "KLT–0001", "{uri}", "(8003){grai}", "]Q3 8003{grai}", "{grai}"]
)
def test_scanned_code_opens_its_box(client, box, spelling):
    text = spelling.format(code=box.code, uri=label_uri(BASE, box), grai=box.grai).replace("]Q3 ", "]Q3")
    answer = search(client, text)
    assert answer.status_code == 302, text
    assert answer.location == "/assets/KLT-0001"


@pytest.mark.parametrize("text", ["S-2026-0001", "s-2026-0001", shipment_uri(BASE, "S-2026-0001")])
def test_number_opens_its_shipment(client, world, text):
    assert search(client, text).location == "/shipments/S-2026-0001"


def test_number_opens_its_paper(client, paper):
    assert search(client, "pl-2026-0001").location == f"/documents/{paper.id}.pdf"
    IssuedDocument.update(state="numbered").execute()
    assert search(client, "PL-2026-0001").location == "/shipments/S-2026-0001"


def test_part_of_anything_gives_results_of_each_kind(client, world, box, paper):
    page = found(client, "2026")
    assert "S-2026-0001" in page
    assert "PL-2026-0001" in page
    page = found(client, "klt-00")
    assert "KLT-0001" in page
    assert "KLT-0002" in page
    assert "10-4711" in found(client, "转向器")
    assert "HAMBURG" in found(client, "automotive")
    assert "S-2026-0001" in found(client, "CSQU305438")
    assert "S-2026-0001" in found(client, "汉堡")


def test_a_number_of_a_declaration_opens_it_and_no_empty_load_though_it_passes_as_an_sscc(client, world, user):
    number = "224820260000004712"
    page = found(client, number)
    assert "Nothing matches" in page
    assert "Nothing matches" in found(client, f"(00){number}")
    declaration = declared(world, user, boxes(world, user, NOW), NOW, number=number)
    assert search(client, number).location == f"/customs/declarations/{declaration.id}"
    assert f'href="/customs/declarations/{declaration.id}"' in found(client, number[:-1])


def test_the_label_of_a_package_that_we_have_given_out_opens_its_load(client, world):
    LogisticUnit.create(shipment=world.shipment, package_no=1, sscc="340123450000000017", allocated_time=NOW)
    assert search(client, "340123450000000017").location == "/loads/(00)340123450000000017"


def test_a_seal_finds_its_shipment_and_a_name_its_place(client, world):
    Shipment.update(seal_no="CN0012345").execute()
    page = found(client, "cn00123")
    assert "/shipments/S-2026-0001" in page
    assert "CN0012345" in page
    assert f'href="/places/{world.plant.code}"' in found(client, world.plant.code[:5])
    assert f'href="/places/{world.warehouse.code}"' in found(client, world.warehouse.name_zh)


def test_wildcards_are_letters(client, world, box):
    assert "Nothing matches" in found(client, "%")
    assert "Nothing matches" in found(client, "KLT_0001")


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "javascript:alert(1)", "'; DROP TABLE asset; --", "x" * 5000]
)
def test_hostile_text_finds_nothing_and_is_not_executed(client, world, text):
    page = found(client, text)
    assert "<script>alert" not in page


def test_empty_search_explains_itself(client, world):
    assert "Scan a label" in found(client, "  ")


def test_search_needs_a_login(anonymous):
    assert search(anonymous, "KLT-0001").status_code == 302


def test_healthz_needs_none(anonymous):
    assert anonymous.get("/healthz").get_data(as_text=True) == "ok"


@on_both_databases
@pytest.mark.parametrize("text", ["müller öl", "MÜLLER ÖL", "Müller Öl"])
def test_capital_and_small_letters_of_every_script_are_the_same(client, world, text):
    Party.update(name_en="MÜLLER ÖL GMBH").where(Party.code == "HAMBURG").execute()
    assert "MÜLLER ÖL GMBH" in client.get("/search", query_string={"q": text}).get_data(as_text=True)
    assert "HAMBURG" in client.get("/parties", query_string={"q": text}).get_data(as_text=True)


@on_both_databases
def test_a_grai_is_found_by_its_beginning_in_whatever_order_the_database_has_its_letters(client, box):
    assert box.code in client.get(f"/search?q={box.grai[:-2]}").get_data(as_text=True)


@on_both_databases
@pytest.mark.parametrize("few", [1_000, 3])
def test_what_a_code_holds_is_found_whether_few_or_many_have_it_and_after_it_has_changed(
    db, client, world, user, monkeypatch, few
):
    """`few`: up to where the index of threes of letters is asked; beyond, the codes are read in their order."""
    monkeypatch.setattr("today.search._FEW", few)
    boxes = register_assets(world.klt, [f"KLT-77{n}5" for n in range(8)], world.suzhou, world.plant, user, NOW)

    def codes(text):
        return re.findall(r'href="/assets/([^"?]+)"', found(client, text))

    assert codes("t-77") == [f"KLT-77{n}5" for n in range(8)]
    assert codes("735") == ["KLT-7735"]
    assert codes("35") == ["KLT-7735"]  # too short for three letters
    Asset.update(code="RACK-9").where(Asset.id == boxes[3].id).execute()
    assert codes("735") == []
    assert codes("ack") == ["RACK-9"]
    assert codes("7'7") == codes('7"7') == codes("7*7") == []


def test_an_index_of_the_search_that_has_drifted_is_a_fault_that_says_how_it_is_mended(client, db, app, box):
    def said():
        return [one for one in faults(app.config["ROUNDTRIP"]) if one.startswith("I7")]

    def is_missed():
        return "KLT-0002" not in found(client, "LT-000")

    assert (said(), is_missed()) == ([], False)
    db.execute_sql(
        "INSERT INTO within_asset (within_asset, rowid, code) VALUES ('delete', ?, 'KLT-0002')", (box.id + 1,)
    )
    assert is_missed()
    [fault] = said()
    db.pragma("query_only", 1, permanent=True)  # a copy that nobody may write
    try:
        assert invariants._has_drifted("asset")
        assert not invariants._has_drifted("issued_document")
    finally:
        db.pragma("query_only", 0, permanent=True)
    db.execute_sql(fault.partition("Run this: ")[2])
    assert (said(), is_missed()) == ([], False)
    # Another code in the same row.
    db.execute_sql(
        "INSERT INTO within_asset (within_asset, rowid, code) VALUES ('delete', ?, 'KLT-0002')", (box.id + 1,)
    )
    db.execute_sql("INSERT INTO within_asset (rowid, code) VALUES (?, 'KLT-0003')", (box.id + 1,))
    assert len(said()) == 1
