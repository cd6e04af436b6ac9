"""The statements of a month for many partners, in the background: what month-end is.

Numbers are taken one after the other, the files made side by side. A run that is cut off leaves statements with their
number; the next one finishes these, and issues none twice, since a month has one valid statement.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from datetime import datetime

import archive
from accounts.models import User
from accounts.scope import seen
from database import utc_now
from docs_gen.issuing import finish_many
from docs_gen.models import IssuedDocument
from docs_gen.visible import visible_papers
from errors import N_, Refused
from jobs.kinds import Kind, register
from jobs.models import Job
from jobs.queue import order
from jobs.running import Run
from master_data.models import Party
from statements.accounts import Month, month_named
from statements.issuing import number_statement, statement_of
from statements.models import Statement

_TOGETHER = 4


def order_statements(seller: Party, month: Month, partners: Sequence[Party], by: User | None, now: datetime) -> Job:
    """Let the statements of a month be issued to these partners. While they are being issued already: that job;
    Refused(`at_work`) when it is somebody else's."""
    args = {"seller": seller.id, "month": str(month), "partners": [partner.id for partner in partners]}
    about = f"{month} · {seller.code}"
    key = f"statements {seller.id} {month}"
    at_work = Job.get_or_none(Job.kind == "statements", Job.key == key, Job.state.in_(("waiting", "running")))
    if at_work is None:
        return order("statements", args, now, about=about, key=key, by=by, entity=seller, total=len(partners))
    if by is None or at_work.asked_by_id != by.id:
        raise Refused("at_work", N_("These statements are being issued at this moment."))
    return at_work


def _issue(run: Run) -> None:
    seller, month = Party.get_by_id(run.args["seller"]), month_named(run.args["month"])
    ids = run.args["partners"]
    made: list[Statement] = []
    for start in range(0, len(ids), _TOGETHER):
        run.step(start, len(ids))
        partners = {row.id: row for row in Party.select().where(Party.id.in_(ids[start : start + _TOGETHER]))}
        numbered = [
            statement
            for id_ in ids[start : start + _TOGETHER]
            if id_ in partners and (statement := _numbered(run, seller, partners[id_], month))
        ]
        finished = finish_many([one.document for one in numbered], run.settings)
        for statement, (document, fault) in zip(numbered, finished, strict=True):
            if fault:
                run.says("%(partner)s: %(fault)s", partner=statement.partner.code, fault=fault.message)
                continue
            statement.document = document
            made.append(statement)
            run.says("%(partner)s: %(number)s", "statements.statement", {"id": statement.id},
                     partner=statement.partner.code, number=document.number)  # fmt: skip
    run.step(len(ids), len(ids))
    if made:
        run.gives(_zip(run, made), f"statements-{month}-{seller.code}.zip")


def _numbered(run: Run, seller: Party, partner: Party, month: Month) -> Statement | None:
    """The statement with its number, of this run or of one that was cut off; None, and a line that says why."""
    found = statement_of(seller, partner, month)
    if found is not None:
        return found
    try:
        return number_statement(seller, partner, month, "", run.by, utc_now(), run.settings)
    except Refused as refused:
        if refused.reason == "issued":  # by somebody else in between
            return statement_of(seller, partner, month)
        run.says("%(partner)s: %(fault)s", "statements.account", {"code": partner.code, "month": str(month)},
                 partner=partner.code, fault=refused.message)  # fmt: skip
        return None


def _zip(run: Run, statements: Sequence[Statement]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:  # stored: a PDF does not get smaller
        for one in statements:
            info = zipfile.ZipInfo(f"{one.document.number} {one.partner.code}.pdf", one.issued_time.timetuple()[:6])
            packed.writestr(info, archive.read(run.settings.archive_dir, one.document.sha256))
    return buffer.getvalue()


def _may_fetch(job: Job) -> bool:
    """The papers of one seller: for who sees that seller's."""
    seller = json.loads(job.args)["seller"]
    query = IssuedDocument.select(IssuedDocument.id).where(IssuedDocument.seller == seller)
    return bool(seen(visible_papers, query).exists())


STATEMENTS = register(
    Kind(
        "statements", N_("Issuing statements"), _issue, right="statements.write", seconds=3600, priority=5,
        may_fetch=_may_fetch,
    )
)  # fmt: skip
