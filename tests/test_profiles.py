"""Which papers a shipment needs: the lines that come with Roundtrip, a firm's own, and what a letter of credit asks for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conftest import NOW, PASSWORD
from flask import Flask
from flask.testing import FlaskClient
from samples import World

from accounts.people import create_user
from docs_gen.checks import country_profile
from docs_gen.facts import CodeFacts, ShipmentFacts, country_facts
from docs_gen.models import ProfileRule
from docs_gen.profiles import needs, shipped_rules
from docs_gen.register import REGISTER
from docs_gen.samples import sample_facts
from master_data import codes

FACTS = sample_facts(3)


def required(facts: ShipmentFacts) -> set[str]:
    return {code for code, need in needs(facts, shipped_rules()).items() if need.need == "required"}


def test_every_line_names_a_paper_of_the_register_and_known_codes() -> None:
    for rule in shipped_rules():
        assert rule.type in REGISTER
        assert rule.need in ("required", "offered", "never")
        assert rule.destination in ("", "EU") or codes.is_country(rule.destination)
        assert rule.mode in ("", *codes.TRANSPORT_MODES)
        assert rule.incoterm in ("", *codes.INCOTERMS)


def test_the_set_follows_mode_term_goods_boxes_and_destination() -> None:
    by_sea = required(FACTS)
    assert {"commercial_invoice", "packing_list", "china_export_declaration", "vgm_declaration"} <= by_sea
    assert {"insurance_declaration", "returnable_packing_list"} <= by_sea
    by_air = required(
        replace(FACTS, transport=CodeFacts("4", "air", "航空"), incoterm=CodeFacts("FCA", "", ""), boxes=())
    )
    assert "air_waybill_instruction" in by_air
    assert not by_air & {"vgm_declaration", "insurance_declaration", "returnable_packing_list"}
    assert "dangerous_goods_declaration" in required(sample_facts(3, full=True))
    at_home = required(replace(FACTS, destination_country=country_facts("CN")))
    assert "delivery_note" in at_home
    assert "china_export_declaration" not in at_home


def test_what_the_credit_asks_for_overrules_the_profiles() -> None:
    found = needs(sample_facts(3, full=True), shipped_rules())
    assert (found["commercial_invoice"].originals, found["packing_list"].copies) == (3, 1)
    assert found["beneficiary_certificate"].need == "required"


def test_a_line_of_our_own_overrules_for_its_customer_only(world: World) -> None:
    ProfileRule.create(position=1, customer=world.nagoya, type="packing_list", need="required", originals=2, copies=3)
    ProfileRule.create(
        position=2, destination="EU", type="certificate_of_origin", need="required", originals=1, copies=1
    )
    hamburg = replace(FACTS, consignee=replace(FACTS.consignee, code="HAMBURG"))
    nagoya = replace(FACTS, consignee=replace(FACTS.consignee, code="NAGOYA"), destination_country=country_facts("JP"))
    assert (needs(hamburg)["packing_list"].originals, needs(nagoya)["packing_list"].originals) == (1, 2)
    assert needs(hamburg)["certificate_of_origin"].need == "required"
    assert needs(nagoya)["certificate_of_origin"].need == "offered"


def test_a_country_that_asks_for_more_is_told_as_a_warning_with_the_field() -> None:
    egypt = replace(FACTS, destination_country=country_facts("EG"))
    found = [(one.severity, one.field) for one in country_profile(egypt)]
    assert found == [("warning", "party:HAMBURG:tax_no"), ("warning", "details:importer_reference")]
    assert list(country_profile(FACTS)) == []  # Germany: the consignee has an EORI number
    assert [one.field for one in country_profile(replace(FACTS, consignee=replace(FACTS.consignee, eori="")))] == [
        "party:HAMBURG:eori"
    ]


def test_the_page_adds_and_deletes_lines(client: FlaskClient, world: World) -> None:
    line = {"type": "cmr", "need": "required", "originals": "3", "copies": "1", "destination": "kz", "note": "Border"}
    assert client.post("/profiles", data=line).status_code == 302
    rule = ProfileRule.get()
    assert (rule.destination, rule.originals, rule.copies, rule.need) == ("KZ", 3, 1, "required")
    assert "Border" in client.get("/profiles").get_data(as_text=True)
    assert client.post(f"/profiles/{rule.id}/delete").status_code == 302
    assert not ProfileRule.select().exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"destination": "XX"}, "XX is no country"),
        ({"customer": "NOBODY"}, "no partner with the code NOBODY"),
        ({"originals": "0", "copies": "0"}, "At least one"),
        ({"copies": "10"}, "From 0 to 9"),
        ({"type": "no_such"}, ""),
        ({"note": "x" * 256}, "At most 255"),
    ],
)
def test_a_wrong_line_is_refused_at_its_field(
    client: FlaskClient, world: World, changes: dict[str, str], said: str
) -> None:
    line = {"type": "cmr", "need": "required", "originals": "3", "copies": "1", **changes}
    answer = client.post("/profiles", data=line)
    assert answer.status_code == 422
    assert said in answer.get_data(as_text=True)
    assert not ProfileRule.select().exists()


def test_only_administrators_change_profiles(app: Flask, anonymous: FlaskClient, world: World) -> None:
    from conftest import SignedIn

    with app.app_context():
        clerk = create_user("clerk", PASSWORD, NOW, role="document_clerk")
    browser = SignedIn(app, app.response_class)
    browser.sign_in(clerk)
    assert browser.get("/profiles").status_code == 200
    assert browser.post("/profiles", data={"type": "cmr", "need": "never"}).status_code == 403
    assert not ProfileRule.select().exists()
    assert anonymous.get("/profiles").status_code in (302, 401)
