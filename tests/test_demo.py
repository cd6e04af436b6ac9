"""The demo company: believable, the same for the same day, and nothing in it breaks a rule."""

from __future__ import annotations

from datetime import timedelta

import pytest
from conftest import NOW

import demo
from accounts.people import create_user
from assets import balances, ledger_check
from assets.models import Asset, ScanEvent
from docs_gen import integrity
from docs_gen.checklist import checklist
from docs_gen.models import IssuedDocument
from shipments.models import Shipment


@pytest.fixture
def company(app):
    with app.app_context():
        create_user("admin", "a long password", NOW, administrator=True)
    demo.load(NOW, app.config["ROUNDTRIP"])
    return app


def test_the_demo_company_shows_every_side_of_the_service(company):
    assert not demo.is_empty()
    states = {row.state for row in Shipment.select()}
    assert states == {"open", "dispatched", "closed", "cancelled"}
    assert Shipment.select().count() == 20
    assert Asset.select().count() == 403  # three were out already when the books were opened
    lives = {(asset.life, asset.where, asset.condition) for asset in Asset.select()}
    assert {
        ("active", "here", "good"),
        ("active", "here", "damaged"),
        ("active", "there", "good"),
        ("lost", "there", "good"),
    } <= lives
    assert balances.overdue_assets(NOW).count() > 0
    assert ScanEvent.select().where(ScanEvent.refused != "").count() > 0
    assert IssuedDocument.select().where(IssuedDocument.state == "issued").count() > 40

    # what it shows can be traced: replay, numbers and files agree
    assert list(map(str, ledger_check.faults())) == []
    assert list(integrity.faults(company.config["ROUNDTRIP"].archive_dir)) == []

    # one shipment waits for its last box, the next is ready
    loading, ready = (
        Shipment.select().where(Shipment.departure_date > NOW.date()).order_by(Shipment.departure_date).limit(2)
    )
    base = company.config["ROUNDTRIP"].base_url
    assert "R32" in {one.rule for one in checklist(loading, base).problems if one.severity == "error"}
    assert [one for one in checklist(ready, base).problems if one.severity == "error"] == []

    # the one after that says what it lacks, the date of its invoice first of all
    missing = Shipment.get(Shipment.invoice_date.is_null())
    assert ("R12", "error", "shipment:invoice_date") in {
        (one.rule, one.severity, one.field) for one in checklist(missing, base).problems
    }
    assert all(event.event_time <= NOW + timedelta(minutes=1) for event in ScanEvent.select())
