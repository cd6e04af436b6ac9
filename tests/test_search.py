"""A code or a number opens its page, in whatever spelling it was scanned; anything else is looked for everywhere."""

from __future__ import annotations

import pytest
from conftest import NOW, on_both_databases

from assets.labels import label_uri, shipment_uri
from assets.registering import register_assets
from docs_gen.models import IssuedDocument
from master_data.models import Party

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
