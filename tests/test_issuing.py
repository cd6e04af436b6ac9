"""Issuing: numbers without gaps, facts that stay, files that are whole, whatever crashes in between."""

from __future__ import annotations

import hashlib
import re
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest
import samples
from conftest import NOW, PASS, on_both_databases, settings_for, unrenderable
from flask import Flask
from peewee import Database, IntegrityError
from pypdf import PdfReader
from samples import THREE, World, completed

import archive
from config import Settings
from database import db as proxy
from database import utc_now
from docs_gen.facts import ShipmentFacts, from_json, shipment_facts
from docs_gen.issuing import (
    Order,
    finish,
    finish_unfinished,
    is_stale,
    issue_document,
    latest_documents,
    render_document,
    take_number,
)
from docs_gen.models import IssuedDocument, NumberSeries
from docs_gen.register import REGISTER
from errors import Refused
from jobs import running, timetable
from jobs.models import Job
from master_data.models import Party, Product
from shipments.models import Shipment, ShipmentLine


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for(tmp_path)


def _numbers() -> list[str]:
    return [row.number for row in IssuedDocument.select().order_by(IssuedDocument.id)]


@on_both_databases
def test_issue_gives_number_facts_and_file(world: World, settings: Settings) -> None:
    document = issue_document(world.shipment, Order("commercial_invoice", reasons=PASS), None, NOW, settings)
    assert (document.number, document.state, document.seller) == ("CI-2026-0001", "issued", world.suzhou)
    data = archive.read(settings.archive_dir, document.sha256)
    assert (len(data), hashlib.sha256(data).hexdigest()) == (document.size, document.sha256)
    assert len(PdfReader(BytesIO(data)).pages) == document.pages
    assert from_json(ShipmentFacts, document.facts).total == Decimal("5605.00")
    assert "WeasyPrint" in document.engine


@on_both_databases
def test_numbers_run_without_gaps_for_each_kind_of_paper(world: World, settings: Settings) -> None:
    for _ in range(3):
        issue_document(world.shipment, Order("commercial_invoice", reasons=PASS), None, NOW, settings)
    issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings)
    assert _numbers() == ["CI-2026-0001", "CI-2026-0002", "CI-2026-0003", "PL-2026-0001"]


@on_both_databases
def test_a_new_one_replaces_and_names_the_old_one(world: World, settings: Settings) -> None:
    first = issue_document(world.shipment, Order("commercial_invoice", reasons=PASS), None, NOW, settings)
    second = issue_document(world.shipment, Order("commercial_invoice", reasons=PASS), None, NOW, settings)
    assert second.replaces == first
    assert IssuedDocument.get_by_id(first.id).state == "replaced"
    assert latest_documents(world.shipment) == {("commercial_invoice", ""): second}
    assert archive.read(settings.archive_dir, first.sha256)


@on_both_databases
def test_errors_refuse_and_take_no_number(world: World, settings: Settings) -> None:
    ShipmentLine.delete().execute()
    with pytest.raises(Refused) as refused:
        issue_document(world.shipment, Order("commercial_invoice", reasons=PASS), None, NOW, settings)
    assert refused.value.reason == "problems"
    assert IssuedDocument.select().count() == NumberSeries.select().count() == 0


def test_errors_of_another_paper_do_not_refuse(world: World, settings: Settings) -> None:
    Shipment.update(exit_port="").execute()  # only the declaration needs it
    assert issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings).state == "issued"
    with pytest.raises(Refused):
        issue_document(world.shipment, Order("china_export_declaration", reasons=PASS), None, NOW, settings)


def test_a_cancelled_shipment_is_refused(world: World, settings: Settings) -> None:
    Shipment.update(state="cancelled").execute()
    with pytest.raises(Refused) as refused:
        issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings)
    assert refused.value.reason == "cancelled"


@on_both_databases
def test_a_crash_after_the_number_is_finished_later(world: World, settings: Settings) -> None:
    document = take_number(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings.base_url)
    assert (document.state, document.sha256) == ("numbered", "")
    assert list(settings.archive_dir.rglob("*.pdf")) == []
    assert [one.state for one in finish_unfinished(settings)] == ["issued"]
    assert archive.read(settings.archive_dir, IssuedDocument.get().sha256)
    assert finish_unfinished(settings) == []


@on_both_databases
def test_a_number_without_its_file_is_finished_without_a_click_or_a_restart(app: Flask, world: World) -> None:
    settings, now = app.config["ROUNDTRIP"], utc_now()
    ages = {"commercial_invoice": timedelta(minutes=11), "packing_list": timedelta(minutes=9)}  # one may be in work
    ages |= {"delivery_note": timedelta(hours=23), "returnable_packing_list": timedelta(hours=25)}
    for type, age in ages.items():
        row = take_number(world.shipment, Order(type, reasons=PASS), None, now - age, settings.base_url)
        IssuedDocument.update(failed=age > timedelta(hours=1)).where(IssuedDocument.id == row.id).execute()
    assert timetable.plan(now)
    job = Job.get(kind="finish_papers")
    running.execute(app, job.id)
    proxy.connect(reuse_if_open=True)
    assert Job.get_by_id(job.id).state == "done"
    states = {one.type: one.state for one in IssuedDocument.select()}
    assert states == {"commercial_invoice": "issued", "packing_list": "numbered", "delivery_note": "issued",
                      "returnable_packing_list": "numbered"}  # fmt: skip
    assert archive.read(settings.archive_dir, IssuedDocument.get(type="commercial_invoice").sha256)


def test_a_crash_after_the_file_is_finished_later_with_the_same_file(world: World, settings: Settings) -> None:
    document = take_number(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings.base_url)
    done = finish(document, settings)
    IssuedDocument.update(state="numbered", sha256="", size=0).execute()  # as if step 3 had been lost
    assert finish(IssuedDocument.get(), settings).sha256 == done.sha256
    assert len(list(settings.archive_dir.rglob("*.pdf"))) == 1


def test_one_that_cannot_be_finished_does_not_keep_the_others_waiting(world: World, settings: Settings) -> None:
    broken = take_number(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings.base_url)
    take_number(world.shipment, Order("commercial_invoice", reasons=PASS), None, NOW, settings.base_url)
    IssuedDocument.update(facts="{}").where(IssuedDocument.id == broken.id).execute()
    assert [one.type for one in finish_unfinished(settings)] == ["commercial_invoice"]
    assert IssuedDocument.get_by_id(broken.id).state == "numbered"


def test_finishing_twice_changes_nothing(world: World, settings: Settings) -> None:
    document = take_number(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings.base_url)
    assert finish(document, settings).sha256 == finish(document, settings).sha256


def test_while_one_is_being_issued_a_second_is_refused_and_a_crashed_one_is_finished(
    world: World, settings: Settings
) -> None:
    take_number(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings.base_url)
    with pytest.raises(Refused) as refused:
        issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW + timedelta(seconds=30), settings)
    assert refused.value.reason == "unfinished"
    again = issue_document(
        world.shipment, Order("packing_list", reasons=PASS), None, NOW + timedelta(minutes=5), settings
    )
    assert (again.number, again.state) == ("PL-2026-0001", "issued")  # one click, one number
    assert _numbers() == ["PL-2026-0001"]


def test_after_a_crash_a_shipment_that_has_changed_gets_a_second_paper(world: World, settings: Settings) -> None:
    take_number(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings.base_url)
    Shipment.update(vessel="EVER GIVE").execute()
    second = issue_document(
        world.shipment, Order("packing_list", reasons=PASS), None, NOW + timedelta(minutes=5), settings
    )
    assert [(one.number, one.state) for one in IssuedDocument.select().order_by(IssuedDocument.id)] == [
        ("PL-2026-0001", "replaced"),
        ("PL-2026-0002", "issued"),
    ]
    assert second.replaces.number == "PL-2026-0001"
    assert "EVER GIVE" not in _text(settings, IssuedDocument.get(IssuedDocument.number == "PL-2026-0001"))


def test_after_a_crash_a_cancelled_shipment_is_finished_but_still_refused(world: World, settings: Settings) -> None:
    take_number(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings.base_url)
    Shipment.update(state="cancelled").execute()
    with pytest.raises(Refused) as refused:
        issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW + timedelta(minutes=5), settings)
    assert (refused.value.reason, IssuedDocument.get().state) == ("cancelled", "issued")


@on_both_databases
def test_a_failure_of_rendering_names_the_paper_and_the_next_click_finishes_that_one(
    world: World, settings: Settings
) -> None:
    with unrenderable(), pytest.raises(Refused, match="The paper PL-2026-0001 has its number") as refused:
        issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings)
    assert refused.value.reason == "not_rendered"
    with unrenderable(), pytest.raises(Refused, match="PL-2026-0001"):
        issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW + timedelta(seconds=5), settings)
    document = issue_document(
        world.shipment, Order("packing_list", reasons=PASS), None, NOW + timedelta(seconds=9), settings
    )
    assert (document.number, document.state, document.failed) == ("PL-2026-0001", "issued", False)
    assert _numbers() == ["PL-2026-0001"]


def test_a_file_that_cannot_be_kept_is_such_a_failure_too(world: World, settings: Settings) -> None:
    settings.archive_dir.rmdir()
    settings.archive_dir.write_text("a file where the folder should be")
    with pytest.raises(Refused, match="PL-2026-0001") as refused:
        issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings)
    assert str(settings.archive_dir) not in str(refused.value)  # paths of the machine stand in the log only
    settings.archive_dir.unlink()
    settings.archive_dir.mkdir()
    assert (
        issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings).number
        == "PL-2026-0001"
    )


def test_a_failed_one_that_is_being_rendered_again_refuses_a_second_click(world: World, settings: Settings) -> None:
    with unrenderable(), pytest.raises(Refused):
        issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings)
    IssuedDocument.update(failed=False).execute()  # what finish() writes before it renders
    with pytest.raises(Refused) as refused:
        issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW + timedelta(seconds=30), settings)
    assert refused.value.reason == "unfinished"


def _text(settings: Settings, document: IssuedDocument) -> str:
    data = archive.read(settings.archive_dir, document.sha256)
    return "".join("".join(page.extract_text().split()) for page in PdfReader(BytesIO(data)).pages)


def _stale(world: World, type: str, settings: Settings) -> bool:
    return is_stale(latest_documents(world.shipment)[type, ""], shipment_facts(Shipment.get(), settings.base_url))


def test_a_paper_that_names_another_invoice_than_the_valid_one_is_stale(world: World, settings: Settings) -> None:
    for type in THREE:
        if type != "commercial_invoice":
            issue_document(world.shipment, Order(type, reasons=PASS), None, NOW, settings)
            assert not _stale(world, type, settings)
    issue_document(world.shipment, Order("commercial_invoice", reasons=PASS), None, NOW, settings)
    assert not _stale(world, "commercial_invoice", settings)
    for type in ("packing_list", "china_export_declaration"):
        assert _stale(world, type, settings)  # issued before there was an invoice
        issue_document(world.shipment, Order(type, reasons=PASS), None, NOW, settings)
        assert not _stale(world, type, settings)
    issue_document(world.shipment, Order("commercial_invoice", reasons=PASS), None, NOW, settings)
    assert not _stale(world, "commercial_invoice", settings)
    for type in ("packing_list", "china_export_declaration"):
        assert _stale(world, type, settings)  # they name the one that was replaced


@pytest.mark.parametrize("type", [code for code, type in REGISTER.items() if type.facts is ShipmentFacts])
def test_a_correction_names_on_paper_what_it_replaces_and_is_made_again_with_the_same_bytes(
    type: str, world: World, settings: Settings
) -> None:
    shipment = completed(world)
    first = issue_document(shipment, Order(type, reasons=PASS), None, NOW, settings)
    second = issue_document(shipment, Order(type, reasons=PASS), None, NOW, settings)
    assert "Replaces" not in _text(settings, first)
    if type not in ("shipping_marks", "package_labels"):  # these are stuck on boxes
        assert re.search(rf"Replaces\W*(替代)?\W*{first.number}", _text(settings, second))
    assert render_document(IssuedDocument.get_by_id(second.id)).data == archive.read(
        settings.archive_dir, second.sha256
    )


def test_the_paper_says_the_frozen_facts_though_master_data_changed(world: World, settings: Settings) -> None:
    document = take_number(world.shipment, Order("commercial_invoice", reasons=PASS), None, NOW, settings.base_url)
    Party.update(name_en="Another Name Ltd.").execute()
    Product.update(description_en="Another thing").execute()
    data = archive.read(settings.archive_dir, finish(document, settings).sha256)
    text = "".join(page.extract_text() for page in PdfReader(BytesIO(data)).pages)
    assert "Suzhou Stabil Steering Co., Ltd." in text
    assert "Another" not in text


def test_the_number_takes_the_year_of_the_paper_and_each_seller_has_his_own(world: World, settings: Settings) -> None:
    other = samples.party(NOW, code="CHONGQING", name_en="Chongqing Stabil Co., Ltd.")
    issue_document(world.shipment, Order("commercial_invoice", reasons=PASS), None, NOW, settings)
    Shipment.update(consignor=other).execute()
    assert (
        issue_document(world.shipment, Order("commercial_invoice", reasons=PASS), None, NOW, settings).number
        == "CI-2026-0001"
    )
    Shipment.update(invoice_date=datetime(2027, 1, 4, tzinfo=UTC).date()).execute()
    assert (
        issue_document(world.shipment, Order("commercial_invoice", reasons=PASS), None, NOW, settings).number
        == "CI-2027-0001"
    )


def test_the_day_of_a_declaration_is_the_day_where_the_goods_leave(world: World, settings: Settings) -> None:
    evening = datetime(2026, 12, 31, 17, 0, tzinfo=UTC)  # already the new year in Suzhou
    document = issue_document(world.shipment, Order("china_export_declaration", reasons=PASS), None, evening, settings)
    assert (document.number, document.issue_date.isoformat()) == ("CD-2027-0001", "2027-01-01")


@on_both_databases
def test_many_at_the_same_time_get_each_number_once(db: Database, world: World, settings: Settings) -> None:
    shipments = [world.shipment]
    for number in range(2, 13):
        made = samples.shipment(NOW, world, number=f"S-2026-{number:04}")
        shipments.append(made)
    given: list[str] = []
    faults: list[BaseException] = []
    start = threading.Barrier(4)

    def work(mine: list[Shipment]) -> None:
        try:
            start.wait()
            with db.connection_context():
                for shipment in mine:
                    given.append(
                        take_number(shipment, Order("packing_list", reasons=PASS), None, NOW, settings.base_url).number
                    )
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(shipments[index::4],)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert sorted(given) == [f"PL-2026-{number:04}" for number in range(1, 13)]


@on_both_databases
def test_the_same_paper_issued_twice_at_the_same_time_is_issued_once(
    db: Database, world: World, settings: Settings
) -> None:
    outcome: list[str] = []
    start = threading.Barrier(3)

    def work() -> None:
        start.wait()
        with db.connection_context():
            try:
                outcome.append(
                    take_number(
                        world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings.base_url
                    ).number
                )
            except Refused as refused:
                outcome.append(refused.reason)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome) == ["PL-2026-0001", "unfinished", "unfinished"]


@on_both_databases
def test_the_database_itself_refuses_a_number_twice(world: World, settings: Settings) -> None:
    document = take_number(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings.base_url)
    with pytest.raises(IntegrityError):
        IssuedDocument.create(
            shipment=world.shipment, party=world.hamburg, seller=document.seller, type="packing_list", number=document.number,
            issue_date=document.issue_date, facts="{}", issued_time=NOW,
        )  # fmt: skip


def test_the_archive_gives_back_what_was_kept_or_says_that_it_cannot(tmp_path: Path) -> None:
    sha256 = archive.keep(tmp_path, b"paper")
    assert archive.keep(tmp_path, b"paper") == sha256
    assert archive.read(tmp_path, sha256) == b"paper"
    (path,) = tmp_path.rglob("*.pdf")
    path.write_bytes(b"other")
    with pytest.raises(archive.ArchiveFault, match="changed"):
        archive.read(tmp_path, sha256)
    archive.keep(tmp_path, b"paper")  # a damaged file is put right by keeping it again
    assert archive.read(tmp_path, sha256) == b"paper"
    path.unlink()
    with pytest.raises(archive.ArchiveFault, match="missing"):
        archive.read(tmp_path, sha256)
    with pytest.raises(ValueError, match="SHA-256"):
        archive.read(tmp_path, "../../etc/passwd")
    assert [one.name for one in tmp_path.rglob(".*")] == []
