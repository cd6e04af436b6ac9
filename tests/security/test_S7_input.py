"""S7, of what is sent: no field that a form does not have is taken, one that comes twice counts once, SQL is text."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from conftest import NOW, PASSWORD, SignedIn, on_both_databases
from markupsafe import escape
from shipment_forms import GOOD
from test_master_data_forms import FORMS, TABLES
from werkzeug.datastructures import MultiDict

from accounts.models import User
from accounts.people import create_user
from assets.models import Device, ScanEvent
from assets.registering import register_assets
from database import db as proxy
from database import tables
from docs_gen.models import IssuedDocument
from master_data.models import Party
from shipments.models import Shipment

#: What nobody may choose, under the names of columns; each value would be seen wherever it was kept.
FORGED = {
    **dict.fromkeys(("id", "seller", "seller_id", "consignee_id", "party_id", "shipment_id", "user", "user_id"), "987654321"),
    **dict.fromkeys(("number", "username", "fs_uniquifier", "password", "sha256", "verify_code"), "FORGED9"),
    **dict.fromkeys(("issued_time", "created_time", "changed_time", "voided_time", "issue_date"), "1999-09-09T09:09:09Z"),
    **dict.fromkeys(("role", "roles", "rights"), "administrator"),
    **dict.fromkeys(("active", "administrator", "all_entities", "failed", "signed"), "1"),
}  # fmt: skip
MARKS = ("987654321", "FORGED9", "1999-09-09")
SHIPMENT = "/shipments/S-2026-0001"
REASON = {"reason:": "Agreed with the broker."}


@pytest.fixture
def clerk(app: Any, world: Any) -> SignedIn:
    with app.app_context():
        user = create_user("li.na", PASSWORD, NOW, role="document_clerk")
    clerk = SignedIn(app, app.response_class)
    clerk.sign_in(user)
    return clerk


def stored() -> str:
    """Every value of every table."""
    return "\n".join(str(row) for table in tables() for row in proxy.execute_sql(f'SELECT * FROM "{table}"').fetchall())


def person(name: str) -> tuple[Any, ...]:
    user = User.get(username=name)
    return (
        user.id,
        user.password,
        user.fs_uniquifier,
        user.active,
        sorted(user.rights),
        [role.name for role in user.roles],
    )


def test_S7_fields_that_no_form_has_change_nothing(clerk):
    before = person("li.na")
    sent = {
        **{url: (302, {**FORMS[url], **{k: v for k, v in FORGED.items() if k not in FORMS[url]}}) for url in FORMS},
        f"{SHIPMENT}/documents/packing_list/issue": (302, {**FORGED, **REASON, "version": "987654321"}),
        f"{SHIPMENT}/edit": (302, {**FORGED, **GOOD, "version": "1"}),
        f"{SHIPMENT}/state": (302, {**FORGED, "state": "dispatched", "version": "987654321"}),
        "/language": (302, {**FORGED, "language": "en", "version": "987654321"}),
    }
    for url, (status, fields) in sent.items():
        assert clerk.post(url, data=fields).status_code == status, url
    paper = IssuedDocument.get()
    assert (paper.number, paper.seller.code, paper.state, paper.failed) == ("PL-2026-0001", "SUZHOU", "issued", False)
    shipment = Shipment.get()
    assert (shipment.number, shipment.state, shipment.version) == ("S-2026-0001", "dispatched", 3)
    assert person("li.na") == before
    assert [mark for mark in MARKS if mark in stored()] == []


def test_S7_fields_that_a_json_body_does_not_have_are_refused_by_name(client, world):
    register_assets(world.klt, ["KLT000001"], world.suzhou, world.plant, None, NOW)
    scan = {"event_id": str(uuid.uuid4()), "type": "dispatch", "scanned_text": "KLT000001", "event_time": NOW.isoformat(),
            "shipment": "S-2026-0001", "place": "SZ-PLANT", "device": "yard-1"}  # fmt: skip
    there = ScanEvent.select().count()
    device = {"name": "yard 7", "sent_time": NOW.isoformat()}
    for name in ("id", "role", "number", "issued_time", "seller", "version", "user", "device_id"):
        for url, body in (("/api/v1/scan-events", scan), ("/api/v1/scan/devices", device)):
            answer = client.post(url, json={**body, name: FORGED.get(name, "987654321")})
            assert answer.status_code in (400, 422), (url, name, answer.text)
            assert "There is no such field." in answer.text
    assert (ScanEvent.select().count(), Device.select().count()) == (there, 0)
    twice = '{"name": "yard 7", "name": "yard 8", "sent_time": "2026-11-23T08:00:00Z"}'
    answer = client.post("/api/v1/scan/devices", data=twice, content_type="application/json")
    assert (answer.status_code, [one.name for one in Device.select()]) == (201, ["yard 8"])


def test_S7_a_field_that_comes_twice_counts_once(clerk):
    for url, fields in FORMS.items():
        key = next(iter(fields))  # its code
        twice = MultiDict([*fields.items(), (key, "OTHER"), ("country", "CN"), ("unit", "KGM")])
        assert clerk.post(url, data=twice).status_code == 302, url
        rows = [getattr(row, key) for row in TABLES[url].select()]
        assert (rows.count(fields[key]), rows.count("OTHER")) == (1, 0), url
    assert Party.get(code="DETROIT").country == "US"
    twice = MultiDict(
        [*{**GOOD, "version": "1"}.items(), ("version", "7"), ("currency", "USD"), ("lines-0-quantity", "1")]
    )
    assert clerk.post(f"{SHIPMENT}/edit", data=twice).status_code == 302
    shipment = Shipment.get()
    assert (shipment.currency, [line.quantity for line in shipment.lines]) == ("EUR", [24, 200])
    twice = MultiDict([("state", "dispatched"), ("state", "cancelled")])
    assert clerk.post(f"{SHIPMENT}/state", data=twice).status_code == 302
    assert Shipment.get().state == "dispatched"
    for path in ("/parties?q=HAMBURG&q=SUZHOU", "/shipments?q=S-2026&q=x&sort=number&sort=x&page=1&page=2"):
        assert clerk.get(path).status_code == 200


SQL = (
    "'; DROP TABLE shipment; --",
    "' OR '1'='1",
    '" OR ""="',
    "1); SELECT 1; --",
    "%' OR 1=1 /*",
    "\\'; SELECT 1 --",
    "x%_\\",
)
LISTS = (
    "/parties",
    "/places",
    "/products",
    "/asset-types",
    "/shipments",
    "/assets",
    "/documents",
    "/balances",
    "/search",
)


@on_both_databases
def test_S7_sql_in_forms_and_queries_is_text_and_shown_as_text(client, world):
    for number, text in enumerate(SQL):
        fields = {**FORMS["/parties/new"], "code": f"SQL{number}", "name_en": text, "address_en": text}
        assert client.post("/parties/new", data=fields).status_code == 302, text
        assert Party.get(code=f"SQL{number}").name_en == text
        assert str(escape(text)) in client.get(f"/parties/SQL{number}").text
        found = client.get("/parties", query_string={"q": text})
        assert (found.status_code, f"SQL{number}" in found.text, "HAMBURG" in found.text) == (200, True, False), text
        path = ("/shipments", "/assets", "/parties")[number % 3]
        assert client.get(f"{path}/{text}").status_code == 404, text
    for number, path in enumerate(LISTS):
        asked = dict.fromkeys(("q", "sort", "page", "state", "type", "place"), SQL[number % len(SQL)])
        assert client.get(path, query_string=asked).status_code < 500, path
    assert Shipment.select().count() == 1
