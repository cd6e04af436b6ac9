"""Prepared papers: what is found is what would be made now, byte for byte; it changes with each thing it is made of."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import NOW, PASSWORD, SignedIn, on_both_databases, settings_for
from samples import World
from test_jobs import bring_up, deliver

from accounts.people import Belonging, change_person, create_user
from assets.models import Asset
from assets.registering import register_assets
from assets.scan_told import ScanInput
from assets.scanning import record_scan
from database import db as proxy
from database import utc_now
from docs_gen import prepared, render, render_pool
from docs_gen.document_types import render_paper
from docs_gen.issuing import paper_of
from docs_gen.looks import save_wording
from docs_gen.models import IssuedDocument, Wording
from docs_gen.register import types
from jobs.models import Job
from master_data.models import Party, Product
from shipments import booking
from shipments.models import Shipment, ShipmentLine

KIND = "packing_list"
URL = f"/shipments/S-2026-0001/documents/{KIND}.pdf"


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    prepared._known.clear()


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each call of the renderer: how many papers it was given."""
    calls: list[int] = []
    real = render_pool.render_many

    def counting(jobs: list[render_pool.Job]) -> list[render.Paper | render.RenderError]:
        calls.extend([len(jobs)] if jobs else [])
        return real(jobs)

    for module in (render_pool, prepared):
        monkeypatch.setattr(module, "render_many", counting)
    return calls


def fresh(app, kind: str = KIND) -> bytes:
    """The draft as it is made without any store."""
    settings = app.config["ROUNDTRIP"]
    paper = paper_of(Shipment.get(), kind, "", settings.base_url)
    assert paper is not None
    return render_paper(paper.type, paper.facts, pictures_dir=settings.pictures_dir).data


@on_both_databases
def test_a_draft_that_was_opened_before_is_the_same_to_the_byte_and_not_made_again(app, world, client, counted):
    first = client.get(URL)
    assert first.status_code == 200
    assert sum(counted) == 1
    assert first.data == fresh(app)
    counted.clear()
    assert client.get(URL).data == first.data  # by what was asked before
    prepared._known.clear()
    assert client.get(URL).data == first.data  # by its facts
    assert counted == []


def _recorded(outcome) -> None:
    assert outcome.outcome == "recorded", outcome


CHANGES: dict[str, Callable[[World], object]] = {
    "the shipment": lambda w: Shipment.update(vessel="EVER GIVEN").execute(),
    "a line": lambda w: ShipmentLine.update(quantity=Decimal(7)).where(ShipmentLine.position == 1).execute(),
    "the partner": lambda w: Party.update(name_en="Hamburg Parts GmbH").where(Party.code == "HAMBURG").execute(),
    "a product": lambda w: Product.update(description_en="Steering rack, right").execute(),
    "a scan": lambda w: _recorded(record_scan(
        ScanInput("6f2c1f9e-0000-4000-8000-000000000001", "dispatch", Asset.get().code, NOW, place=w.plant.code,
                  shipment=w.shipment.number), None, NOW,
    )),
    "wording": lambda w: save_wording(
        Wording(), {"slot": "footer", "type": "", "destination": "", "language": "en", "customer": None,
                    "seller": w.suzhou, "text": "All ours."}, NOW,
    ),
    "the number of the invoice": lambda w: IssuedDocument.create(
        shipment=w.shipment, party=w.hamburg, seller=w.suzhou, type="commercial_invoice", number="CI-2026-0099",
        issue_date=NOW.date(), state="issued", facts="{}", sha256="0" * 64, issued_time=NOW,
    ),
}  # fmt: skip


@on_both_databases
@pytest.mark.parametrize("what", CHANGES)
def test_a_draft_changes_with_everything_that_it_tells(app, world, client, what):
    register_assets(world.klt, ["KLT000001"], world.suzhou, world.plant, None, NOW - timedelta(days=1))
    client.get(URL)
    [before] = prepared._known.values()
    CHANGES[what](world)
    after = client.get(URL).data
    [known] = prepared._known.values()
    assert known.name != before.name
    assert after == fresh(app)


def test_a_draft_changes_with_template_and_programs_and_is_another_for_each_kind(app, world, monkeypatch, tmp_path):
    kind = types()[KIND]
    paper = paper_of(world.shipment, KIND, "", "https://rt.example.com")
    names = {prepared.name_of(kind, paper.facts), prepared.name_of(types()["vgm_declaration"], paper.facts)}
    monkeypatch.setattr(prepared, "programs", lambda: "another engine")
    names.add(prepared.name_of(kind, paper.facts))
    folder = tmp_path / "root"
    shutil.copytree(Path(render.ROOT) / "static", folder / "static")
    style = folder / "static" / kind.styles[0]
    monkeypatch.setattr(render, "ROOT", folder)
    style.write_text(style.read_text() + "\n/* */")
    names.add(prepared.name_of(kind, paper.facts))
    names.add(prepared.name_of(kind, replace(paper.facts, colour="#123456")))
    assert len(names) == 5


def test_a_change_of_a_shipment_orders_its_papers_once_and_opening_them_makes_none(app, world, client, counted):
    for _ in range(3):
        shipment = Shipment.get()
        entry = booking.entry_of(shipment)
        booking.save_shipment(replace(entry, vessel=f"V{shipment.version}"), shipment.number, shipment.version, None,
                              utc_now())  # fmt: skip
    assert Job.select().where(Job.kind == "prepare_papers").count() == 1
    assert deliver(app) == 0  # not while changes may follow
    due = Job.get().due_time
    assert due - utc_now() < timedelta(seconds=3)
    bring_up(app, due)
    Job.update(due_time=utc_now()).execute()
    assert deliver(app, due) == 1
    job = Job.get()
    assert (job.state, job.done, job.total) == ("done", job.total, job.total)
    assert job.total >= 3
    assert sum(counted) == job.total
    counted.clear()
    assert client.get(URL).data == fresh(app)
    assert client.get(f"/shipments/{shipment.number}/documents.pdf").status_code == 200
    assert sum(counted) == 1  # what `fresh` made
    Shipment.update(state="closed").execute()


def test_the_page_of_a_shipment_orders_what_is_not_prepared_whatever_has_changed_and_nothing_twice(app, world, client):
    page = f"/shipments/{world.shipment.number}"
    client.get(page)
    client.get(page)
    assert Job.select().where(Job.kind == "prepare_papers").count() == 1
    deliver(app)
    client.get(page)
    assert Job.select().where(Job.kind == "prepare_papers").count() == 1
    Party.update(name_en="Hamburg Parts GmbH").where(Party.code == "HAMBURG").execute()
    client.get(page)
    assert Job.select().where(Job.kind == "prepare_papers", Job.state == "waiting").count() == 1


def test_who_may_not_see_a_shipment_or_prices_gets_no_prepared_paper(app, world, client):
    invoice = "/shipments/S-2026-0001/documents/commercial_invoice.pdf"
    assert client.get(URL).status_code == client.get(invoice).status_code == 200
    with app.app_context():
        stranger = create_user("stranger", PASSWORD, NOW)
        change_person(stranger, "", "", Belonging(frozenset({"document_clerk"}), frozenset({world.nagoya.id}), None))
        lead = create_user("leader", PASSWORD, NOW)
        change_person(lead, "", "", Belonging(frozenset({"logistics_lead"}), None, None))
    other = SignedIn(app, app.response_class)
    other.sign_in(stranger)
    assert (other.get(URL).status_code, other.get(invoice).status_code) == (404, 404)
    unpriced = SignedIn(app, app.response_class)
    unpriced.sign_in(lead)
    assert (unpriced.get(URL).status_code, unpriced.get(invoice).status_code) == (200, 403)


def test_a_file_that_is_not_whole_is_not_given(app, world, client, counted):
    whole = client.get(URL).data
    [path] = app.config["ROUNDTRIP"].prepared_dir.rglob("*.draft")
    for broken in (path.read_bytes()[:-10], b"", b"x" * 100):
        path.write_bytes(broken)
        assert client.get(URL).data == whole
    assert sum(counted) == 4


def test_the_store_is_bounded_in_age_and_in_size_and_the_oldest_go_first(tmp_path):
    settings = settings_for(tmp_path)
    for day in range(20):
        prepared._keep(settings, f"{day:064}", b"x" * 968)  # 1,000 bytes with its hash
        os.utime(prepared._path(settings.prepared_dir, f"{day:064}"), (day * 86_400, day * 86_400))
    assert prepared.bound(settings.prepared_dir, 20 * 86_400, 10_000_000, 14) == 7
    assert prepared.bound(settings.prepared_dir, 20 * 86_400, 5_000, 14) == 8
    assert prepared._read(settings, f"{15:064}") == b"x" * 968
    assert prepared._read(settings, f"{14:064}") is None


@on_both_databases
def test_the_same_questions_with_the_same_answers_and_only_these_have_the_same_digest(app, world):
    from database import answers_digest, noting_questions

    with noting_questions() as questions:
        list(Party.select().where(Party.code == "HAMBURG"))
    before = answers_digest(questions)
    assert answers_digest(questions) == before
    Party.update(phone="1").where(Party.code == "NAGOYA").execute()
    assert answers_digest(questions) == before
    Party.update(phone="1").where(Party.code == "HAMBURG").execute()
    assert answers_digest(questions) != before
    assert proxy.obj is not None


def test_a_template_that_is_changed_while_the_service_runs_is_seen_at_the_next_request(app, world, client, monkeypatch):
    client.get(URL)
    [before] = prepared._known.values()
    real = prepared.versions
    monkeypatch.setattr(prepared, "versions", lambda kind: f"another {real(kind)}")
    client.get(URL)
    [after] = prepared._known.values()
    assert (after.answers, after.name != before.name) == (before.answers, True)
