"""Issuing several papers at once: work that takes its time, can be left, and is found again.

A job is a row. Whoever runs it keeps a lease on it and notes every few papers what is done; when the process dies, the
lease runs out and the next look at the job goes on where it stood, with the numbers that were taken. The invoice comes
first, because others print its number; the rest is rendered side by side.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from accounts.models import User
from config import Settings
from database import db, end_of_request, locked, taking_turns, utc_now
from docs_gen.issuing import Order, finish_many, latest_documents, take_number
from docs_gen.models import IssuedDocument, PaperJob
from docs_gen.register import types
from errors import N_, InvalidInput, UserError, plain_message
from shipments.models import Shipment

log = logging.getLogger("roundtrip")

#: Who runs a job renews its lease with every few papers; they never take so long.
LEASE = timedelta(minutes=5)


def order_set(
    shipment: Shipment, wanted: Sequence[tuple[str, str]], reasons: Mapping[str, str], user: User | None, now: datetime
) -> PaperJob:
    """Note that these papers (type, part) are to be issued. InvalidInput when none is chosen."""
    order = list(types())
    known = [(type, part) for type, part in wanted if type in order]
    if not known:
        raise InvalidInput("paper", N_("Choose at least one paper."))
    known.sort(key=lambda one: order.index(one[0]))
    seen = latest_documents(shipment)
    noted = [(*one, seen[one].number if one in seen else "") for one in known]
    return PaperJob.create(
        shipment=shipment, kind="issue", wanted=json.dumps(noted), reasons=json.dumps(dict(reasons)), created_by=user,
        created_time=now,
    )  # fmt: skip


def results(job: PaperJob) -> list[dict[str, Any]]:
    """What became of each paper that is done: `type`, `part`, and `number` or why there is none (`text`, `values`)."""
    found: list[dict[str, Any]] = json.loads(job.results)
    return found


def start(job: PaperJob, settings: Settings) -> None:
    """Run the job in a thread of this process, unless another one is at it."""
    if _takes(job, utc_now()):
        threading.Thread(target=_in_thread, args=(job.id, settings), name=f"job-{job.id}", daemon=True).start()


def _in_thread(job_id: int, settings: Settings) -> None:
    try:
        with db.connection_context():
            run(PaperJob.get_by_id(job_id), settings)
    except Exception:
        log.exception("job %s stopped; the next look at it goes on", job_id)
    finally:
        end_of_request()


def run(job: PaperJob, settings: Settings) -> None:
    """Issue what is not done yet. What is refused is noted with its reason and keeps no other paper waiting.

    A paper that is newer than the order is the one that was ordered: an earlier run of the job took its number.
    """
    done = {(one["type"], one["part"]) for one in results(job)}
    left = [one for one in _wanted(job) if (one.type, one.part) not in done]
    for first in (True, False):  # the others print the number of the invoice, so it has to be there
        numbered: list[IssuedDocument] = []
        for order in left:
            if (order.type == "commercial_invoice") == first:
                try:
                    numbered.append(_numbered(job, order, settings))
                except UserError as error:
                    _note(job, [_refused(order.type, order.part, error)])
        for document, fault in finish_many(numbered, settings):
            _note(job, [_refused(document.type, document.part, fault) if fault else _done(document)])
    PaperJob.update(state="done", lease_until=None).where(PaperJob.id == job.id).execute()


def _wanted(job: PaperJob) -> list[Order]:
    reasons = json.loads(job.reasons)
    return [Order(type, part, seen, reasons) for type, part, seen in json.loads(job.wanted)]


def _numbered(job: PaperJob, order: Order, settings: Settings) -> IssuedDocument:
    latest = latest_documents(job.shipment).get((order.type, order.part))
    if latest and latest.number != order.replaces:
        return latest
    return take_number(job.shipment, order, job.created_by, utc_now(), settings.base_url)


def _done(document: IssuedDocument) -> dict[str, Any]:
    return {"type": document.type, "part": document.part, "number": document.number, "id": document.id}


def _refused(type: str, part: str, error: UserError) -> dict[str, Any]:
    return {"type": type, "part": part, **plain_message(error.message)}


def _note(job: PaperJob, more: list[dict[str, Any]]) -> None:
    """Keep what became of some papers, and the lease. What another runner has noted meanwhile stays."""
    with taking_turns():
        row = locked(PaperJob.select().where(PaperJob.id == job.id)).get()
        known = {(one["type"], one["part"]) for one in results(row)}
        noted = [*results(row), *(one for one in more if (one["type"], one["part"]) not in known)]
        job.results, job.done = json.dumps(noted, ensure_ascii=False), len(noted)
        PaperJob.update(results=job.results, done=job.done, lease_until=utc_now() + LEASE).where(
            PaperJob.id == job.id
        ).execute()


def _takes(job: PaperJob, now: datetime) -> bool:
    """True when the job is waiting, or whoever ran it is gone: then it is ours for the time of a lease."""
    with taking_turns():
        row = locked(PaperJob.select().where(PaperJob.id == job.id)).get()
        if row.state == "done" or (row.lease_until and row.lease_until > now):
            return False
        PaperJob.update(state="running", lease_until=now + LEASE).where(PaperJob.id == job.id).execute()
        return True


def take_up_left(settings: Settings) -> None:
    """Go on with the jobs that a stopped process left; to be called when the service is up."""
    for job in PaperJob.select().where(PaperJob.state != "done").order_by(PaperJob.id):
        start(job, settings)
