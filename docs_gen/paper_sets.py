"""Issuing several papers at once: work that takes its time, can be left, and is found again.

A set is a row that says what was wanted and what became of it; the work is a background job. The process that was
asked begins it at once, since somebody waits and its renderers are warm; when it dies, a worker goes on where it stood,
with the numbers that were taken. The invoice comes first, because others print its number; the rest is rendered side by
side, each as soon as it has its number, while the next one is given its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from accounts.models import User
from database import in_one, locked, taking_turns, utc_now
from docs_gen.issuing import Order, finish_many, issued_meanwhile, latest_documents, take_number
from docs_gen.models import IssuedDocument, PaperSet
from docs_gen.register import types
from errors import N_, InvalidInput, Refused, Unavailable, UserError, plain_message
from jobs.kinds import Kind, register
from jobs.models import Job
from jobs.queue import order
from jobs.running import Ended, Run
from shipments.models import Shipment


class AtWork(Refused):
    """Papers of this shipment are being issued already: the numbers that those print must be settled first."""

    def __init__(self, papers: PaperSet) -> None:
        super().__init__("at_work", N_("Papers of this shipment are being issued already. Wait until they are done."))
        self.papers = papers


def order_set(
    shipment: Shipment, wanted: Sequence[tuple[str, str]], reasons: Mapping[str, str], user: User | None, now: datetime,
    saw: Mapping[tuple[str, str], str] | None = None,
) -> PaperSet:  # fmt: skip
    """Note that these papers (type, part) are to be issued. InvalidInput when none is chosen, AtWork while others are
    being issued.

    `saw`: the number of each paper that the person had before his eyes, '' for none. Refused `issued_meanwhile` when it
    is another one by now: a page that was left open issues nothing a second time. What is not in it does not matter.
    """
    ranks = list(types())
    known = [(type, part) for type, part in wanted if type in ranks]
    if not known:
        raise InvalidInput("paper", N_("Choose at least one paper."))
    known.sort(key=lambda one: ranks.index(one[0]))
    with in_one():
        locked(Shipment.select(Shipment.id).where(Shipment.id == shipment.id)).get()  # of two orders one is the first
        at_work = PaperSet.select().join(Job).where(
            PaperSet.shipment == shipment, Job.state.in_(["waiting", "running"])
        ).first()  # fmt: skip
        if at_work is not None:
            raise AtWork(at_work)
        latest = {key: document.number for key, document in latest_documents(shipment).items()}
        noted = [(*one, latest.get(one, "")) for one in known]
        for type, part, number in noted:
            if number and saw is not None and saw.get((type, part), number) != number:
                raise issued_meanwhile(number)
        papers = PaperSet.create(
            shipment=shipment, wanted=json.dumps(noted), reasons=json.dumps(dict(reasons)), created_by=user,
            created_time=now,
        )  # fmt: skip
        papers.job = order(
            "issue_set", {"set": papers.id}, now, about=shipment.number, by=user, entity=shipment.consignor,
            total=len(noted),
        )  # fmt: skip
        PaperSet.update(job=papers.job).where(PaperSet.id == papers.id).execute()
    return papers


def results(papers: PaperSet) -> list[dict[str, Any]]:
    """What became of each paper that is done: `type`, `part`, and `number` or why there is none (`text`, `values`)."""
    found: list[dict[str, Any]] = json.loads(papers.results)
    return found


def became(papers: PaperSet) -> dict[tuple[str, str], dict[str, Any]]:
    """`results` by (type, part). Once the job has ended, a number that it took and did not note as issued is one, too,
    with the paper's present `state`: the job was stopped, or failed for good, and the paper is finished later.
    """
    found = {(one["type"], one["part"]): one for one in results(papers)}
    job = papers.job
    left = {(one.type, one.part) for one in _wanted(papers) if "number" not in found.get((one.type, one.part), ())}
    if not left or job is None or job.ended_time is None:
        return found
    taken = IssuedDocument.select().where(
        IssuedDocument.shipment == papers.shipment,
        IssuedDocument.issued_time.between(papers.created_time, job.ended_time),
    ).order_by(IssuedDocument.id)  # fmt: skip
    for row in taken:
        key = (row.type, row.part)
        if key in left and (row.state != "numbered" or key not in found):  # else it is known why it is not issued yet
            found[key] = {**_done(row), "state": row.state}
    return found


def _issue(run: Run) -> None:
    """Issue what is not done yet. What is refused is noted with its reason and keeps no other paper waiting. What the
    machine cannot do now (Unavailable) is no answer of a paper: the job is tried again. After somebody stopped it no
    paper gets a number any more, and those that have theirs are finished: nobody would come back for them.

    A paper that is newer than the order is the one that was ordered: an earlier run of the job took its number.
    """
    papers = PaperSet.get_or_none(PaperSet.id == run.args["set"])
    if papers is None:
        return
    done = {(one["type"], one["part"]) for one in results(papers)}
    left = [one for one in _wanted(papers) if (one.type, one.part) not in done]
    total = len(done) + len(left)
    run.step(len(done), total)
    stopped: list[Ended] = []
    for first in (True, False):  # the others print the number of the invoice, so it has to be there
        some = [one for one in left if (one.type == "commercial_invoice") == first]
        for document, fault in finish_many(_all_numbered(papers, some, run, stopped), run.settings):
            if isinstance(fault, Unavailable):
                raise fault
            _note(papers, _refused(document.type, document.part, fault) if fault else _done(document))
            _step(run, len(results(papers)), stopped)
        if stopped:
            raise stopped[0]
    run.step(total, total)
    issued = sum("number" in one for one in results(papers))
    told = N_("%(issued)s of %(all)s papers were issued.")
    run.says(told, "docs_gen.set_page", {"id": papers.id}, issued=issued, all=total)


def _step(run: Run, done: int, stopped: list[Ended]) -> None:
    """`run.step`, of which a stop is kept in `stopped` for later; after that nothing else ends the run."""
    if stopped:
        run.job.done = done
        run.renew()
        return
    try:
        run.step(done)
    except Ended as end:
        if end.why != "cancelled":
            raise
        stopped.append(end)


def _wanted(papers: PaperSet) -> list[Order]:
    reasons = json.loads(papers.reasons)
    return [Order(type, part, seen, reasons) for type, part, seen in json.loads(papers.wanted)]


def _all_numbered(
    papers: PaperSet, wanted: Sequence[Order], run: Run, stopped: Sequence[Ended]
) -> Iterator[IssuedDocument]:
    for one in wanted:
        if stopped:
            return
        try:
            document = _numbered(papers, one, run)
        except Unavailable:
            raise
        except UserError as error:
            _note(papers, _refused(one.type, one.part, error))
        else:
            yield document


def _numbered(papers: PaperSet, wanted: Order, run: Run) -> IssuedDocument:
    latest = latest_documents(papers.shipment).get((wanted.type, wanted.part))
    if latest and latest.number != wanted.replaces:
        return latest
    return take_number(papers.shipment, wanted, papers.created_by, utc_now(), run.settings.base_url)


def _done(document: IssuedDocument) -> dict[str, Any]:
    return {"type": document.type, "part": document.part, "number": document.number, "id": document.id}


def _refused(type: str, part: str, error: UserError) -> dict[str, Any]:
    return {"type": type, "part": part, **plain_message(error.message)}


def _note(papers: PaperSet, one: dict[str, Any]) -> None:
    """Keep what became of a paper. What another runner has noted meanwhile stays, unless it got no number there."""
    with taking_turns():
        row = locked(PaperSet.select().where(PaperSet.id == papers.id)).get()
        noted, paper = results(row), (one["type"], one["part"])
        if "number" in one:
            noted = [known for known in noted if "number" in known or (known["type"], known["part"]) != paper]
        if paper not in {(known["type"], known["part"]) for known in noted}:
            noted.append(one)
        papers.results = json.dumps(noted, ensure_ascii=False)
        PaperSet.update(results=papers.results).where(PaperSet.id == papers.id).execute()


ISSUE = register(Kind("issue_set", N_("Issuing papers"), _issue, right="papers.issue", priority=10))
