"""A set of papers: issued in one go, found again after a crash, fetched as one PDF or as ZIP."""

from __future__ import annotations

import errno
import io
import json
import threading
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from conftest import NOW, PASS, on_both_databases
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader
from samples import World, completed

from accounts.models import User
from accounts.people import set_role
from config import Settings
from database import db as proxy
from database import utc_now
from docs_gen.checklist import checklist
from docs_gen.issuing import Order, finish, issue_document, take_number, void_document
from docs_gen.models import IssuedDocument, PaperSet
from docs_gen.paper_sets import _note, order_set, results
from docs_gen.register import REGISTER
from docs_gen.views import file_name
from errors import InvalidInput, Refused, Unavailable, message_of
from jobs import running
from jobs.models import Job
from jobs.queue import cancel
from jobs.running import LEASE

SET = [("packing_list", ""), ("china_export_declaration", ""), ("commercial_invoice", "")]
PAGE = "/shipments/S-2026-0001"


@pytest.fixture
def settings(app: Flask) -> Settings:
    settings: Settings = app.config["ROUNDTRIP"]
    return settings


def made(app: Flask, papers: PaperSet) -> PaperSet:
    """The set after its job was run, as a worker runs it."""
    running.execute(app, papers.job_id)
    proxy.connect(reuse_if_open=True)
    return PaperSet.get_by_id(papers.id)  # type: ignore[no-any-return]


@on_both_databases
def test_a_set_is_issued_invoice_first_so_that_the_others_name_it(app: Flask, world: World) -> None:
    papers = made(app, order_set(world.shipment, SET, PASS, None, utc_now()))
    assert (papers.job.state, papers.job.done, papers.job.total) == ("done", 3, 3)
    assert next(one["number"] for one in results(papers)) == "CI-2026-0001"
    for document in IssuedDocument.select().where(IssuedDocument.type != "commercial_invoice"):
        assert document.status == "issued"
        assert json.loads(document.facts)["invoice_number"] == "CI-2026-0001"


def test_a_paper_that_is_refused_keeps_no_other_waiting(app: Flask, world: World) -> None:
    world.suzhou.uscc = ""
    world.suzhou.save()
    papers = made(app, order_set(world.shipment, SET, PASS, None, utc_now()))
    found = {one["type"]: one for one in results(papers)}
    assert found["packing_list"]["number"] == "PL-2026-0001"
    assert "USCC" in str(message_of({k: found["china_export_declaration"][k] for k in ("text", "values")}))


def test_warnings_without_a_reason_are_refused_and_a_reason_is_kept(world: World, settings: Settings) -> None:
    with pytest.raises(Refused) as refused:
        issue_document(world.shipment, Order("packing_list"), None, NOW, settings)
    assert refused.value.reason == "warnings"
    assert not IssuedDocument.select().exists()
    document = issue_document(
        world.shipment, Order("packing_list", reasons={"R32 scans:": "Count agreed"}), None, NOW, settings
    )
    assert [(one["rule"], one["reason"]) for one in json.loads(document.accepted)] == [("R32", "Count agreed")]


def test_a_set_goes_on_where_a_killed_process_left_it(app: Flask, world: World, settings: Settings) -> None:
    papers = order_set(world.shipment, SET, PASS, None, utc_now())
    Job.update(state="running", runs=1, attempts=1, lease_until=utc_now() + LEASE).execute()
    issue_document(world.shipment, Order("commercial_invoice", reasons=PASS), None, NOW, settings)
    noted = json.dumps([{"type": "commercial_invoice", "part": "", "number": "CI-2026-0001", "id": 1}])
    PaperSet.update(results=noted).execute()
    assert results(made(app, papers)) == json.loads(noted)  # somebody else is at it
    Job.update(lease_until=utc_now() - timedelta(seconds=1)).execute()
    assert running.sweep(utc_now()) == 1  # and is gone
    papers = made(app, papers)
    assert papers.job.state == "done"
    assert sorted(row.number for row in IssuedDocument.select()) == ["CD-2026-0001", "CI-2026-0001", "PL-2026-0001"]


@on_both_databases
def test_a_set_that_was_killed_half_way_goes_on_with_the_numbers_it_took(
    app: Flask, world: World, settings: Settings
) -> None:
    """Killed after two papers had their numbers: nothing is issued twice, whoever finishes them."""
    papers = order_set(world.shipment, SET, PASS, None, utc_now())
    issue_document(world.shipment, Order("commercial_invoice", reasons=PASS), None, NOW, settings)
    for type in ("packing_list", "china_export_declaration"):
        take_number(world.shipment, Order(type, reasons=PASS), None, NOW, settings.base_url)
    finish(IssuedDocument.get(IssuedDocument.type == "packing_list"), settings)  # what the next start does
    papers = made(app, papers)
    found = {row.number: row.status for row in IssuedDocument.select()}
    assert found == {"CI-2026-0001": "issued", "PL-2026-0001": "issued", "CD-2026-0001": "issued"}
    assert {one["number"] for one in results(papers)} == set(found)


def test_a_set_that_is_run_twice_notes_each_paper_once(app: Flask, world: World) -> None:
    papers = made(app, order_set(world.shipment, SET, PASS, None, utc_now()))
    Job.update(state="waiting").execute()
    assert len(results(made(app, papers))) == 3
    assert IssuedDocument.select().count() == 3


def test_of_two_runners_of_a_set_the_one_that_gave_a_paper_its_number_is_believed(app: Flask, world: World) -> None:
    papers = made(app, order_set(world.shipment, SET[:1], PASS, None, utc_now()))
    issued = results(papers)
    refused = {"type": "packing_list", "part": "", "text": "It was being issued.", "values": {}}
    PaperSet.update(results=json.dumps([refused])).execute()  # by the one whose lease was thought lost
    _note(papers, issued[0])
    _note(papers, refused)
    assert results(PaperSet.get()) == issued


def test_while_a_set_is_made_another_one_of_its_shipment_waits_and_leads_to_it(
    app: Flask, client: FlaskClient, world: World
) -> None:
    papers = order_set(world.shipment, SET, PASS, None, utc_now())
    answer = client.post(f"{PAGE}/documents/issue", data={"paper": ["packing_list"], "reason:": "Agreed."})
    assert answer.headers["Location"].endswith(f"/paper-sets/{papers.id}")
    assert "are being issued already" in client.get(answer.headers["Location"]).get_data(as_text=True)
    assert PaperSet.select().count() == 1
    assert "3 of 3 papers were issued" in client.get(f"/jobs/{made(app, papers).job_id}").get_data(as_text=True)


def test_who_may_not_see_prices_gets_no_link_to_a_paper_with_prices(
    app: Flask, client: FlaskClient, user: User, world: World
) -> None:
    papers = made(app, order_set(world.shipment, SET, PASS, None, utc_now()))
    invoice = IssuedDocument.get(IssuedDocument.type == "commercial_invoice")
    assert f"/documents/{invoice.id}.pdf" in client.get(f"/paper-sets/{papers.id}").get_data(as_text=True)
    set_role(user, "administrator", False)
    set_role(user, "logistics_lead", True)
    page = client.get(f"/paper-sets/{papers.id}").get_data(as_text=True)
    assert invoice.number in page
    assert f"/documents/{invoice.id}.pdf" not in page


def test_a_set_that_was_stopped_says_so_and_which_papers_are_not_issued(
    app: Flask, client: FlaskClient, world: World
) -> None:
    papers = order_set(world.shipment, SET, PASS, None, utc_now())
    assert "waiting" in client.get(f"/paper-sets/{papers.id}").get_data(as_text=True)
    cancel(papers.job, utc_now())
    page = client.get(f"/paper-sets/{made(app, papers).id}").get_data(as_text=True)
    assert (page.count("not issued"), "cancelled" in page, "http-equiv" in page) == (3, True, False)
    assert not IssuedDocument.select().exists()


@pytest.mark.parametrize("fails", ["number", "file"])
def test_what_the_machine_cannot_do_for_a_moment_is_no_answer_of_a_paper_and_the_set_is_tried_again(
    app: Flask, world: World, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    real, asked = Path.open, []

    def no_room(self: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        if mode == "xb":
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, mode, *rest, **more)

    def busy(size: int) -> str:
        asked.append(size)
        if len(asked) == 1:  # the first of all papers, and the others could have theirs
            raise Unavailable("busy")
        return f"code-{len(asked)}"

    papers = order_set(world.shipment, SET, PASS, None, utc_now())
    with monkeypatch.context() as patch:
        if fails == "file":
            patch.setattr(Path, "open", no_room)
        else:
            patch.setattr("docs_gen.issuing.secrets.token_urlsafe", busy)
        papers = made(app, papers)
    assert (papers.job.state, results(papers)) == ("waiting", [])
    assert papers.job.due_time > utc_now()
    assert "saved" in str(running.error_of(papers.job))
    taken = [(row.number, row.state) for row in IssuedDocument.select()]
    assert taken == ([("CI-2026-0001", "numbered")] if fails == "file" else [])
    Job.update(due_time=utc_now()).execute()
    papers = made(app, papers)
    assert (papers.job.state, papers.job.error) == ("done", "")
    found = {row.number: row.state for row in IssuedDocument.select()}
    assert found == dict.fromkeys(("CI-2026-0001", "PL-2026-0001", "CD-2026-0001"), "issued")
    assert {one["number"] for one in results(papers)} == set(found)


def test_a_set_that_is_stopped_takes_no_number_more_and_issues_those_it_has_taken(
    app: Flask, world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_TELL", 0.0)
    completed(world)
    wanted = [(row.paper.type.code, row.paper.facts.part) for row in checklist(world.shipment, settings.base_url).rows]
    papers = order_set(world.shipment, wanted, PASS, None, utc_now())
    proxy.execute_sql(
        "CREATE TRIGGER stops AFTER UPDATE OF state ON issued_document WHEN new.state = 'issued' "
        "AND new.type <> 'commercial_invoice' BEGIN UPDATE job SET stop_asked = 1; END"
    )
    papers = made(app, papers)
    proxy.execute_sql("DROP TRIGGER stops")
    assert papers.job.state == "cancelled"
    found = {row.number: row.state for row in IssuedDocument.select()}
    assert set(found.values()) == {"issued"}
    assert 2 < len(found) < len(wanted)  # one was being rendered when it was stopped
    assert {one["number"] for one in results(papers) if "number" in one} == set(found)


def test_a_set_that_ended_with_a_number_that_is_not_issued_yet_shows_it_and_later_that_it_is(
    app: Flask, client: FlaskClient, world: World, settings: Settings
) -> None:
    """Stopped while it waited for its next try; the paper is finished by another job."""
    earlier = issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings)
    papers = order_set(world.shipment, SET, PASS, None, utc_now())
    invoice = take_number(world.shipment, Order("commercial_invoice", reasons=PASS), None, utc_now(), "")
    cancel(papers.job, utc_now())
    page = client.get(f"/paper-sets/{papers.id}").get_data(as_text=True)
    assert ("being issued CI-2026-0001" in page, page.count("not issued")) == (True, 2)
    assert "0 of 3 done" in page
    finish(invoice, settings)
    issue_document(world.shipment, Order("china_export_declaration", reasons=PASS), None, utc_now(), settings)
    page = client.get(f"/paper-sets/{papers.id}").get_data(as_text=True)
    assert (f"/documents/{invoice.id}.pdf" in page, page.count("not issued")) == (True, 2)  # what came later is not its
    assert earlier.number not in page
    noted = [{"type": "commercial_invoice", "part": "", "text": "It took too long.", "values": {}}]
    PaperSet.update(results=json.dumps(noted)).execute()  # as of one that was refused before it was finished
    assert "It took too long." not in client.get(f"/paper-sets/{papers.id}").get_data(as_text=True)
    IssuedDocument.update(state="numbered").where(IssuedDocument.id == invoice.id).execute()
    assert "It took too long." in client.get(f"/paper-sets/{papers.id}").get_data(as_text=True)
    finish(invoice, settings)


def test_a_set_without_papers_is_refused(world: World) -> None:
    with pytest.raises(InvalidInput):
        order_set(world.shipment, [("no_such", "")], {}, None, NOW)


def test_void_keeps_number_and_reason_and_the_next_one_does_not_name_it(world: World, settings: Settings) -> None:
    first = issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings)
    with pytest.raises(InvalidInput):
        void_document(first, " ", None, NOW)
    void_document(first, "Wrong consignee", None, NOW)
    with pytest.raises(Refused):
        void_document(first, "again", None, NOW)
    second = issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings)
    first = IssuedDocument.get_by_id(first.id)
    assert (first.status, first.void_reason, first.number) == ("void", "Wrong consignee", "PL-2026-0001")
    assert (second.number, second.replaces_id) == ("PL-2026-0002", None)
    row = next(
        row for row in checklist(world.shipment, settings.base_url).rows if row.paper.type.code == "packing_list"
    )
    assert row.document == second


def test_the_page_issues_the_set_and_shows_how_far_it_is(client: FlaskClient, world: World) -> None:
    answer = client.post(
        f"{PAGE}/documents/issue", data={"paper": ["commercial_invoice", "packing_list"], "reason:": "Agreed."}
    )
    papers = PaperSet.get()
    assert answer.headers["Location"].endswith(f"/paper-sets/{papers.id}")
    for thread in [one for one in threading.enumerate() if one.name == f"job-{papers.job_id}"]:
        thread.join(60)
    page = client.get(f"/paper-sets/{papers.id}").get_data(as_text=True)
    assert "CI-2026-0001" in page
    assert "PL-2026-0001" in page
    assert "2 of 2 done" in page


def test_zip_holds_each_valid_paper_under_a_name_a_clerk_would_choose(
    client: FlaskClient, world: World, settings: Settings
) -> None:
    issue_document(world.shipment, Order("commercial_invoice", reasons=PASS), None, NOW, settings)
    voided = issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings)
    void_document(voided, "wrong", None, NOW)
    answer = client.get(f"{PAGE}/documents.zip")
    packed = zipfile.ZipFile(io.BytesIO(answer.data))
    assert packed.namelist() == ["CI-2026-0001 Commercial Invoice.pdf"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert PdfReader(io.BytesIO(packed.read(packed.namelist()[0]))).pages


def test_a_chinese_clerk_gets_chinese_names(client: FlaskClient, user: User, world: World, settings: Settings) -> None:
    document = issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings)
    completed(world)
    issue_document(world.shipment, Order("customs_authorisation", reasons=PASS), None, NOW, settings)
    user.language = "zh"
    user.save()
    header = client.get(f"/documents/{document.id}.pdf").headers["Content-Disposition"]
    plain, encoded = header.split("; ")[1:]
    assert plain == 'filename="PL-2026-0001 ___.pdf"'  # for programs that know no other
    assert unquote(encoded) == "filename*=UTF-8''PL-2026-0001 装箱单.pdf"
    packed = zipfile.ZipFile(io.BytesIO(client.get(f"{PAGE}/documents.zip").data))
    assert packed.namelist() == ["PL-2026-0001 装箱单.pdf", "PA-2026-0001 代理报关委托书-委托报关协议.pdf"]


def test_no_name_of_a_file_is_a_path(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = replace(REGISTER["packing_list"], title_en='../..\\A: *LIST*?\n"<X>|')
    monkeypatch.setattr("docs_gen.views.named", lambda code: kind)
    with app.test_request_context():
        name = file_name(IssuedDocument(number="PL-2026-0001", type="packing_list"))
    assert name == "PL-2026-0001 ..-..-A-List-X-.pdf"


def test_the_merged_set_has_a_bookmark_for_each_paper(client: FlaskClient, world: World, settings: Settings) -> None:
    issue_document(world.shipment, Order("commercial_invoice", reasons=PASS), None, NOW, settings)
    reader = PdfReader(io.BytesIO(client.get(f"{PAGE}/documents.pdf").data))
    titles = [one["/Title"] for one in reader.outline if not isinstance(one, list)]
    assert titles[:3] == ["CI-2026-0001 Commercial Invoice", "DRAFT Packing List", "DRAFT Export Goods Declaration"]
    assert len(titles) == len(checklist(world.shipment, settings.base_url).rows)


def test_papers_are_found_by_hs_code_and_part_number(client: FlaskClient, world: World, settings: Settings) -> None:
    issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings)
    for text in ("8708949090", "8708.94", "10-4711", "CSQU3054383", "SC-2026-017", "2026-11-20", "2026-11-28"):
        assert "PL-2026-0001" in client.get(f"/documents?q={text}").get_data(as_text=True)
    assert "PL-2026-0001" not in client.get("/documents?q=8703").get_data(as_text=True)


def test_void_papers_are_listed_as_void_only(client: FlaskClient, world: World, settings: Settings) -> None:
    document = issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings)
    void_document(document, "wrong", None, NOW)
    assert "PL-2026-0001" in client.get("/documents?state=void").get_data(as_text=True)
    assert "PL-2026-0001" not in client.get("/documents?state=issued").get_data(as_text=True)


def test_originals_and_copies_stand_in_one_file_each_with_its_mark(world: World, settings: Settings) -> None:
    from docs_gen.models import ProfileRule

    ProfileRule.create(position=1, type="packing_list", need="required", originals=2, copies=1)
    document = finish(
        take_number(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings.base_url), settings
    )
    reader = PdfReader(io.BytesIO((settings.archive_dir / document.sha256[:2] / f"{document.sha256}.pdf").read_bytes()))
    said = [page.extract_text() for page in reader.pages]
    assert len(said) == 3
    for text, mark in zip(said, ("ORIGINAL 正本 1/2", "ORIGINAL 正本 2/2", "COPY 副本"), strict=True):
        assert mark in text
        assert "Page 1 of 1" in text
