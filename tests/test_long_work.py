"""Work that takes its time: many labels, the statements of month-end. Ordered on a page, followed, stopped, fetched."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from datetime import date

import pypdfium2
import pytest
import samples
from account_book import Book
from browser import HANDHELD
from conftest import NOW, PASSWORD, SignedIn
from playwright.sync_api import expect
from test_jobs import deliver
from test_labels import make_boxes

from accounts.models import AuditEntry
from accounts.people import create_user, set_role
from assets.models import Asset
from database import db as proxy
from database import utc_now
from docs_gen import label_sheets
from jobs import queue, running
from jobs.models import Job
from statements.models import Statement


def signed_in(app, person):
    client = SignedIn(app, app.response_class)
    client.sign_in(person)
    return client


@pytest.fixture
def lead(app):
    with app.app_context():
        person = create_user("lead", PASSWORD, NOW)
        set_role(person, "logistics_lead", True)
    return person


def test_many_labels_are_made_in_the_background_and_the_page_shows_how_far_it_is(app, user, world, page):
    make_boxes(world, 101)
    page.goto("/assets/labels?type=KLT6428")
    page.get_by_role("button", name="Make the PDF").click()
    page.wait_for_url("**/jobs/*")
    expect(page.get_by_text("waiting", exact=True)).to_be_visible()
    job = Job.get()
    assert job.total == 101
    Job.update(state="running", done=40).execute()  # a worker is at it
    expect(page.get_by_text("40 of 101")).to_be_visible()  # the page looks again by itself
    assert page.locator("progress").get_attribute("value") == "40"
    assert page.evaluate("document.documentElement.scrollWidth") <= HANDHELD["width"]
    page.get_by_role("button", name="Stop it").click()
    expect(page.get_by_text("being stopped")).to_be_visible()
    Job.update(state="failed", stop_asked=False).execute()
    page.goto(f"/jobs/{job.id}")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("waiting", exact=True)).to_be_visible()
    deliver(app)
    expect(page.get_by_role("link", name="Open the PDF")).to_be_visible()
    answer = signed_in(app, user).get(f"/jobs/{job.id}/result")
    assert (answer.status_code, len(pypdfium2.PdfDocument(answer.data))) == (200, 5)


@pytest.mark.parametrize(("stopped_at", "state", "done"), [(2, "cancelled", 45), (3, "done", 60)])
def test_a_run_of_labels_that_is_stopped_says_how_many_were_made_and_one_that_is_all_made_is_done(
    app, world, lead, monkeypatch, stopped_at, state, done
):
    monkeypatch.setattr(label_sheets, "_LABELS_AT_ONCE", 24)  # a sheet at a time
    monkeypatch.setattr(label_sheets, "_PARTS_BETWEEN_STEPS", 1)
    monkeypatch.setattr(running, "_TELL", 0)
    make_boxes(world, 60)
    args = {"assets": [row.id for row in Asset.select()], "sheet": "a4-24", "skip": 3}
    job, sheets, whole = queue.order("labels", args, utc_now(), by=lead, total=60), [], label_sheets.render_many

    def stopped(jobs):
        sheets.append(1)
        if len(sheets) == stopped_at:
            queue.cancel(job, utc_now())
        return whole(jobs)

    monkeypatch.setattr(label_sheets, "render_many", stopped)
    deliver(app)
    job = Job.get_by_id(job.id)
    assert (job.state, job.done, bool(job.file_sha256)) == (state, done, state == "done")


def test_what_a_job_made_is_for_who_asked_for_it_and_may_still_see_all_of_it(app, client, world, lead):
    make_boxes(world, 3)
    ids = [row.id for row in Asset.select()]
    job = queue.order("labels", {"assets": ids, "sheet": "a4-24", "skip": 0}, utc_now(), by=lead, about="three")
    deliver(app)
    url = f"/jobs/{job.id}/result"
    own = signed_in(app, lead)
    data = own.get(url).data
    assert data.startswith(b"%PDF")
    assert client.get(url).data == data  # looks after jobs
    with app.app_context():
        other = create_user("other", PASSWORD, NOW)
        set_role(other, "logistics_lead", True)
    assert signed_in(app, other).get(url).status_code == 404
    set_role(lead, "logistics_lead", False)
    set_role(lead, "document_clerk", True)
    assert own.get(url).status_code == 403  # he prints no labels any more
    set_role(lead, "logistics_lead", True)
    Asset.delete().where(Asset.id == ids[0]).execute()
    assert own.get(url).status_code == 403  # not all that it tells is there for him
    assert AuditEntry.select().where(AuditEntry.verb == "fetched", AuditEntry.kind == "jobs.result").count() == 2


def test_the_statements_of_a_month_are_issued_in_the_background_stopped_and_gone_on_with_none_twice(app, client, world):
    book = Book(world.suzhou)
    partners = [
        samples.party(NOW, code=f"P{n}", own=False, name_en=f"Partner {n}", uscc="", country="DE") for n in range(6)
    ]
    for partner in partners:
        book.move(world.klt, 5, (world.suzhou, world.plant), (partner, None), date(2026, 9, 1))
    assert "Issue all that are missing" in client.get("/statements").get_data(as_text=True)
    answer = client.post("/statements/issue-due", data={"seller": world.suzhou.code})
    job = Job.get(Job.kind == "statements")
    assert answer.location.endswith(f"/jobs/{job.id}")
    assert job.total == 6
    pressed_again = client.post("/statements/issue-due", data={"seller": world.suzhou.code})  # in another window
    assert (pressed_again.location, Job.select().where(Job.kind == "statements").count()) == (answer.location, 1)
    with app.app_context():
        other = create_user("other", PASSWORD, NOW, administrator=True)
    told = signed_in(app, other).post("/statements/issue-due", data={"seller": world.suzhou.code})
    assert (told.status_code, "being issued at this moment" in told.text) == (409, True)

    class WorkerStops(threading.Event):
        def is_set(self) -> bool:
            return Statement.select().count() >= 4

    running.execute(app, job.id, WorkerStops())
    proxy.connect(reuse_if_open=True)
    assert (Job.get_by_id(job.id).state, Statement.select().count()) == ("waiting", 4)
    deliver(app)
    job = Job.get_by_id(job.id)
    assert (job.state, job.done, Statement.select().count()) == ("done", 6, 6)
    packed = zipfile.ZipFile(io.BytesIO(client.get(f"/jobs/{job.id}/result").data))
    assert len(packed.namelist()) == 6
    assert all(packed.read(name).startswith(b"%PDF") for name in packed.namelist())
    told = client.get(f"/jobs/{job.id}").get_data(as_text=True)
    numbers = [one.document.number for one in Statement.select()]
    assert all(number in told for number in numbers)
    assert len(json.loads(job.result)) == 6
    assert (
        client.post("/statements/issue-due", data={"seller": world.suzhou.code}).status_code == 409
    )  # none is missing
