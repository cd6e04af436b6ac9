"""Issuing a paper: number and facts first, then the file, then the mark that it is there.

(1) One short transaction takes the next number and writes the row with its facts as JSON. (2) Outside of it the paper
is rendered from those facts and kept. (3) The row is marked issued. So numbers have no gaps, rendering holds no lock,
and an issued row always has its file. When 2 fails the row keeps its number and is marked so; after that or after a
crash the next start, the next click or `FINISH`, which is due by itself, repeats 2 and 3. One click is one number, also
then.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import archive
from accounts.models import User
from config import Settings, Store
from database import locked, taking_turns, unavailable, utc_now
from docs_gen import render, seals, signing, sscc
from docs_gen.account_facts import AccountPaper
from docs_gen.checks import Problem
from docs_gen.document_types import DocumentType, Imprint, PaperPart, check_facts, check_papers, print_job, versions
from docs_gen.facts import ShipmentFacts, from_json, invoice_facts, shipment_facts, to_json
from docs_gen.models import IssuedDocument, NumberSeries
from docs_gen.numbering import locked_series
from docs_gen.profiles import Need, needs
from docs_gen.register import named, papers, type_of, types
from docs_gen.render import Paper, RenderError
from docs_gen.render_pool import Job, render_as_they_come, render_one
from errors import N_, InvalidInput, Refused, plain_message
from jobs.kinds import Kind, register
from jobs.running import Run
from master_data.models import Party
from shipments.models import Shipment

log = logging.getLogger("roundtrip")

#: After so long a paper that has its number but no file is not being rendered any more: its process is gone.
_CRASHED = timedelta(minutes=2)
#: A background job finishes those that are so old; one that failed only for so long: then somebody has to look at it.
_LEFT, _TRIED_AGAIN = timedelta(minutes=10), timedelta(days=1)


@dataclass(frozen=True)
class Order:
    """What is to be issued, and what the person says with it."""

    type: str  # a code of the register
    part: str = ""  # '' the whole shipment, else which invoice, declaration
    replaces: str | None = None  # the number that the person saw as the valid one, '' for none; None: does not matter
    reasons: Mapping[str, str] = field(default_factory=dict)  # problem key → why it is let pass; '' for all others
    seals: tuple[int, ...] = ()  # ids of the stamps and signatures to be placed


def issue_document(
    shipment: Shipment, order: Order, user: User | None, now: datetime, settings: Settings
) -> IssuedDocument:
    """Issue a paper of the shipment; replaces the one of this type and part that was issued before.

    One that has its number but no file, and that nobody is rendering, is finished first; it is the answer when the
    shipment still says the same. When another paper than `order.replaces` is valid by now, somebody else was faster,
    and nothing is issued twice.

    Raises Refused: `problems` while the check finds errors, `warnings` while one of them is let pass without a reason,
    `no_such_paper` when the shipment has no such paper, `seal` when somebody places a seal without the right to,
    `cancelled` for a cancelled shipment, `unfinished` and
    `issued_meanwhile` when another of this type is or has just been issued, `not_rendered` when its number is taken but
    its file could not be made.
    """
    left = _latest(shipment, order.type, order.part)
    if left and left.state == "numbered" and (left.failed or now - left.issued_time > _CRASHED):
        left = finish(left, settings)
        shipment = Shipment.get_by_id(shipment.id)  # rendering took its time: ask what the shipment says now
        paper = paper_of(shipment, order.type, order.part, settings.base_url)
        if shipment.state != "cancelled" and paper and not is_stale(left, paper.facts):
            return left  # the click that began it asked for this very paper
    return finish(take_number(shipment, order, user, now, settings.base_url), settings)


def issued_meanwhile(number: str) -> Refused:
    """Who asks for a paper has not seen this one of its type, which there is by now."""
    return Refused("issued_meanwhile", N_("%(number)s was issued in the meantime. Reload the page."), number=number)


def take_number(shipment: Shipment, order: Order, user: User | None, now: datetime, base_url: str) -> IssuedDocument:
    """Step 1: number and frozen facts, in state `numbered`. The same order of the same person again: its paper."""
    with taking_turns():
        # The facts are read under the same lock: nobody changes the shipment between its check and its freezing.
        shipment = locked(Shipment.select().where(Shipment.id == shipment.id)).get()
        if shipment.state == "cancelled":
            raise Refused("cancelled", N_("Shipment %(number)s is cancelled."), number=shipment.number)
        paper = paper_of(shipment, order.type, order.part, base_url)
        if paper is None:
            raise Refused("no_such_paper", N_("%(number)s has no such paper."), number=shipment.number)
        kind = paper.type
        accepted = _accepted(check_papers([paper]), order.reasons)
        before = _latest(shipment, order.type, order.part)
        if before and before.state == "numbered":
            raise Refused(
                "unfinished", N_("%(number)s is being issued at this moment. Reload the page."), number=before.number
            )
        valid = before if before and before.status == "issued" else None
        if order.replaces is not None and before and before.number != order.replaces:
            replaced = before.replaces.number if before.replaces_id else ""
            mine = valid and user and before.issued_by_id == user.id and replaced == order.replaces
            if mine and not is_stale(before, paper.facts):
                return before  # the same order again: its answer was lost
            raise issued_meanwhile(before.number)
        day = kind.date_of(paper.facts) or _today(shipment, now)
        need = needs(paper.facts).get(order.type, Need("offered"))
        if kind.needs_sscc:
            given = sscc.allocate(shipment, paper.facts.package_count, now)
            paper = replace(paper, facts=replace(paper.facts, ssccs=given))
        verify_code = secrets.token_urlsafe(16)
        placed = seals.chosen(order.seals, kind, shipment.consignor, user)
        document = IssuedDocument.create(
            shipment=shipment,
            party=shipment.consignee_id,
            seller=shipment.consignor_id,
            type=order.type,
            part=order.part,
            number=_next_number(shipment.consignor, kind.series, day.year),
            issue_date=day,
            facts=to_json(
                replace(
                    paper.facts,
                    verify_uri=f"{base_url}/v/{verify_code}",
                    seals=tuple(seals.facts_of(one) for one in placed),
                )
            ),
            keywords=_keywords(paper.facts, day),
            accepted=json.dumps(accepted, ensure_ascii=False),
            originals=need.originals,
            copies=need.copies,
            verify_code=verify_code,
            replaces=valid,
            issued_time=now,
            issued_by=user,
        )
        seals.log(placed, document, user, now)
        return document


def take_account_number(
    kind: DocumentType, facts: AccountPaper, seller: Party, party: Party, day: date, user: User | None, now: datetime,
    base_url: str, reasons: Mapping[str, str] | None = None, *, replaces: str | None = None,
) -> IssuedDocument:  # fmt: skip
    """Step 1 for a paper of a partner's account; `finish` is what follows. The caller has read the facts, and what they
    must not change under, in the same transaction.

    A valid one of this partner, kind and part is replaced. `replaces`, reasons, and what is refused: as `take_number`.
    """
    with taking_turns():
        locked_series(seller.id, kind.series, day.year)  # two people issue one after the other
        before = latest_account_paper(seller, party, kind.code, facts.part)
        if before and before.state == "numbered":
            raise Refused(
                "unfinished", N_("%(number)s is being issued at this moment. Reload the page."), number=before.number
            )
        if replaces is not None and before and before.status == "issued" and before.number != replaces:
            raise issued_meanwhile(before.number)
        accepted = _accepted(check_facts(kind, facts), reasons or {})
        verify_code = secrets.token_urlsafe(16)
        words = [facts.seller, facts.consignee]
        return IssuedDocument.create(
            shipment=None,
            party=party,
            seller=seller,
            type=kind.code,
            part=facts.part,
            number=_next_number(seller, kind.series, day.year),
            issue_date=day,
            facts=to_json(replace(facts, verify_uri=f"{base_url}/v/{verify_code}")),
            keywords="\n".join(
                dict.fromkeys(
                    text
                    for text in (
                        *(name for one in words for name in (one.code, one.name_en, one.name_zh)),
                        facts.part, facts.about, day.isoformat(),
                    )
                    if text
                )
            ),
            accepted=json.dumps(accepted, ensure_ascii=False),
            verify_code=verify_code,
            replaces=before if before and before.status == "issued" else None,
            issued_time=now,
            issued_by=user,
        )  # fmt: skip


def latest_account_paper(seller: Party, party: Party, type: str, part: str) -> IssuedDocument | None:
    """The newest paper of this kind and part of a partner's account, whatever its state."""
    return (
        IssuedDocument.select()
        .where(
            IssuedDocument.shipment.is_null(), IssuedDocument.seller == seller, IssuedDocument.party == party,
            IssuedDocument.type == type, IssuedDocument.part == part,
        )
        .order_by(IssuedDocument.id.desc())
        .first()
    )  # fmt: skip


def _keywords(facts: ShipmentFacts, issue_date: date) -> str:
    """What people look a paper up by, in one text: parties, references, container, days, HS codes, part numbers."""
    parties = (facts.seller, facts.consignee, facts.buyer, facts.notify_party)
    found = [text for party in parties if party for text in (party.code, party.name_en, party.name_zh)]
    found += [
        facts.shipment_number,
        facts.contract_no,
        facts.order_no,
        facts.invoice_number,
        facts.transport_document_no,
    ]
    found += [
        facts.freight_container_no,
        facts.seal_no,
        facts.vessel,
        facts.details.booking_no,
        facts.credit.number if facts.credit else "",
    ]
    found += [day.isoformat() for day in (facts.invoice_date, facts.departure_date, issue_date) if day]
    for line in facts.lines:
        dotted = f"{line.hs_code[:4]}.{line.hs_code[4:6]}.{line.hs_code[6:]}"  # as people write it
        found += [line.hs_code, dotted, line.part_no, line.customer_part_no]
    return "\n".join(dict.fromkeys(text for text in found if text))


def paper_of(shipment: Shipment, type: str, part: str, base_url: str) -> PaperPart | None:
    """This paper of the shipment with its present facts; None when the shipment has none."""
    found = shipment_papers(shipment, base_url, [type])
    return next((paper for paper in found if paper.facts.part == part), None)


def shipment_papers(
    shipment: Shipment, base_url: str, codes: Iterable[str] | None = None, facts: ShipmentFacts | None = None
) -> list[PaperPart]:
    """The papers of these kinds (all) that the shipment has, with its present facts; `facts`: these, read already.

    A shipment that shares the invoice of another has no invoice of its own.
    """
    known = types()
    if codes is not None:
        wanted = set(codes)
        known = {code: one for code, one in known.items() if code in wanted}
    facts = facts or shipment_facts(shipment, base_url)
    shared = any(one.shares_invoice for one in known.values())
    return [
        paper
        for paper in papers(facts, invoice_facts(shipment, base_url, facts) if shared else facts, None, known)
        if not (paper.type.shares_invoice and shipment.invoiced_with_id)
    ]


def _accepted(found: list[Problem], reasons: Mapping[str, str]) -> list[dict[str, Any]]:
    """The warnings with the reasons for which they are let pass. Refused: an error, or a warning without reason."""
    errors = [one for one in found if one.severity == "error"]
    if errors:
        raise Refused(
            "problems",
            N_("This paper cannot be issued yet: %(count)s errors. The first: %(first)s"),
            count=len(errors),
            first=errors[0].message,
        )
    accepted = []
    for one in found:
        reason = (reasons.get(one.key) or reasons.get("") or "").strip()
        if not reason:
            raise Refused(
                "warnings",
                N_("A warning needs a reason for letting it pass: %(warning)s"),
                warning=one.message,
            )
        accepted.append({"rule": one.rule, "warning": plain_message(one.message), "reason": reason[:500]})
    return accepted


def void_document(document: IssuedDocument, reason: str, user: User | None, now: datetime) -> IssuedDocument:
    """Declare an issued paper void; it keeps its number and its file, and the next one does not name it.

    Raises InvalidInput without a reason; Refused `not_valid` when it is not the valid one any more.
    """
    if not reason.strip():
        raise InvalidInput("reason", N_("Say why it is void; the reason is kept."))
    with taking_turns():
        row = locked(IssuedDocument.select().where(IssuedDocument.id == document.id)).get()
        if row.status != "issued":
            raise Refused("not_valid", N_("%(number)s is not valid any more. Reload the page."), number=row.number)
        IssuedDocument.update(voided_time=now, voided_by=user, void_reason=reason.strip()[:255]).where(
            IssuedDocument.id == row.id
        ).execute()
    return IssuedDocument.get_by_id(document.id)


def finish(document: IssuedDocument, settings: Settings) -> IssuedDocument:
    """Steps 2 and 3: render from the frozen facts, keep the file, mark the row. May be repeated.

    Raises Refused(`not_rendered`) when the paper cannot be rendered or its file cannot be kept.
    """
    [(finished, fault)] = finish_many([document], settings)
    if fault:
        raise fault
    return finished


def finish_many(
    documents: Iterable[IssuedDocument], settings: Settings
) -> Iterator[tuple[IssuedDocument, Refused | None]]:
    """The same for several papers, rendered side by side; each comes when it is done, with what went wrong, if anything
    did. The next document is asked for while those before it are being rendered."""
    at_once: list[tuple[IssuedDocument, Exception | None]] = []
    kinds: dict[int, DocumentType] = {}

    def jobs() -> Iterator[tuple[IssuedDocument, Job]]:
        for document in documents:
            if document.state != "numbered":
                at_once.append((document, None))
                continue
            with taking_turns():  # somebody is at it
                IssuedDocument.update(failed=False).where(IssuedDocument.id == document.id).execute()
            try:
                kind = kinds[document.id] = type_of(document)
                job = _job(document, kind, settings.pictures_dir)
            except Exception as error:  # a picture is lost, or the pack that adds its type is not in use any more
                at_once.append((document, error))
                continue
            yield document, job

    def ended() -> Iterator[tuple[IssuedDocument, Refused | None]]:
        while at_once:
            document, fault = at_once.pop(0)
            yield _kept(document, kinds.get(document.id), fault, settings) if fault else (document, None)

    for document, paper in render_as_they_come(jobs()):
        yield from ended()
        yield _kept(document, kinds[document.id], paper, settings)
    yield from ended()


def _kept(
    document: IssuedDocument, kind: DocumentType | None, paper: Paper | Exception, settings: Settings
) -> tuple[IssuedDocument, Refused | None]:
    """Keep the file and mark the row, or mark it as failed."""
    try:
        if isinstance(paper, Exception):
            raise paper
        data = signing.sign(paper.data, settings)
        sha256 = archive.keep(settings.archive_dir, data, shown_as=f"{document.number}.pdf")
    except Exception as error:
        log.exception("%s has its number but could not be rendered", document.number)
        unfinished = (IssuedDocument.id == document.id) & (IssuedDocument.state == "numbered")
        with taking_turns():
            IssuedDocument.update(failed=True).where(unfinished).execute()
        if fault := unavailable(error):
            return IssuedDocument.get_by_id(document.id), fault
        return IssuedDocument.get_by_id(document.id), Refused(
            "not_rendered",
            N_(
                "The paper %(number)s has its number but could not be rendered: %(fault)s. "
                "Try again, or tell the administrator."
            ),
            number=document.number,
            # Only the renderer's own words are fit for everybody; the others may tell paths, and stand in the log.
            fault=str(error) if isinstance(error, RenderError) else type(error).__name__,
        )
    assert kind  # it has been rendered
    with taking_turns():
        done = (
            IssuedDocument.update(
                state="issued",
                sha256=sha256,
                size=len(data),
                signed=settings.signing_file is not None,
                pages=paper.pages,
                engine=render.engine_versions(),
                template=versions(kind),
            )
            .where(IssuedDocument.id == document.id, IssuedDocument.state == "numbered")
            .execute()
        )
        if done and document.replaces_id:
            IssuedDocument.update(state="replaced").where(IssuedDocument.id == document.replaces_id).execute()
    return IssuedDocument.get_by_id(document.id), None


def _job(document: IssuedDocument, kind: DocumentType, pictures_dir: Store | None) -> Job:
    """How a paper that has its number is printed, from its frozen facts: the same bytes whenever it is asked for."""
    replaces = document.replaces.number if document.replaces_id else ""
    imprint = Imprint(document.number, document.issue_date, replaces, document.originals, document.copies)
    return print_job(kind, from_json(kind.facts, document.facts), imprint, pictures_dir)


def render_document(document: IssuedDocument, pictures_dir: Store | None = None) -> Paper:
    """The PDF of a paper that has its number, made again: by the template pack that printed it, if one did."""
    return render_one(_job(document, type_of(document), pictures_dir))


def finish_unfinished(settings: Settings) -> list[IssuedDocument]:
    """Finish what a crash left with a number but without its file; to be called at start.

    One that cannot be finished stays as it is, is told to the log, and does not keep the others or the service waiting.
    """
    return list(_finished(_NUMBERED, settings))


def _finished(which: Any, settings: Settings, step: Callable[[], None] = lambda: None) -> Iterator[IssuedDocument]:
    for document in IssuedDocument.select().where(which).order_by(IssuedDocument.id):
        step()
        try:
            yield finish(document, settings)
        except Exception:
            log.exception("%s has its number but could not be finished", document.number)


_NUMBERED = IssuedDocument.state == "numbered"


def _finish_left(run: Run) -> None:
    """Finish what a crash left while the service goes on, or the store that was away: nobody has to click or restart.

    Who is slow and still at one makes the same paper, and whoever is first marks it.
    """
    now, taken = utc_now(), IssuedDocument.issued_time
    alive = ~IssuedDocument.failed | (taken > now - _TRIED_AGAIN)
    for _ in _finished(_NUMBERED & (taken < now - _LEFT) & alive, run.settings, run.step):
        pass


FINISH = register(Kind("finish_papers", N_("Finishing papers"), _finish_left, every=timedelta(minutes=15), tries=1))


def latest_documents(shipment: Shipment) -> dict[tuple[str, str], IssuedDocument]:
    """(type code, part) → the newest paper: valid, void, or one that has just taken its number."""
    rows = (
        IssuedDocument.select().where(IssuedDocument.shipment == shipment, IssuedDocument.state != "replaced")
        .order_by(IssuedDocument.id)
    )  # fmt: skip
    return {(row.type, row.part): row for row in rows}


def is_stale(document: IssuedDocument, facts: ShipmentFacts) -> bool:
    """True when the shipment's facts are no longer those that the paper was issued with (R44).

    The number of the invoice counts for the papers that print it: one that names no invoice, or one that was replaced.
    """
    # Where the service can be reached, and how the firm's papers look, are no facts of the shipment.
    apart: dict[str, Any] = {"scan_uri": "", "verify_uri": "", "logo": "", "colour": "", "seals": (), "wordings": ()}
    apart["declared_boxes"] = ()  # checked when it was issued; other shipments change them
    kind = named(document.type)
    if kind and not kind.names_invoice:
        apart["invoice_number"] = ""
    if kind and not kind.needs_sscc:
        apart["ssccs"] = ()  # given when the labels were issued; the shipment is the same
    then, now = (
        # The answer of customs to a declaration changes nothing that the papers say.
        replace(one, **apart, details=replace(one.details, box_declaration_no=""))
        for one in (from_json(ShipmentFacts, document.facts), facts)
    )
    return then != now


def latest_number(shipment: Shipment, type: str, part: str) -> str:
    """The number of the newest paper of this type and part, as `Order.replaces` names it; '' when there is none."""
    found = _latest(shipment, type, part)
    return found.number if found else ""


def _latest(shipment: Shipment, type: str, part: str) -> IssuedDocument | None:
    """The newest paper of this type and part; a later one replaces it or follows a void one: no chain has branches."""
    return (
        IssuedDocument.select()
        .where(IssuedDocument.shipment == shipment, IssuedDocument.type == type, IssuedDocument.part == part)
        .order_by(IssuedDocument.id.desc())
        .first()
    )


def _next_number(seller: Party, prefix: str, year: int) -> str:
    """The next number of a series; the caller's transaction keeps it, or gives it back when it fails."""
    series = locked_series(seller.id, prefix, year)
    NumberSeries.update(last=series.last + 1).where(NumberSeries.id == series.id).execute()
    return f"{prefix}-{year}-{series.last + 1:04}"


def _today(shipment: Shipment, now: datetime) -> date:
    """The day of `now` where the goods leave, else at the Chinese consignor's."""
    zone = shipment.ship_from.timezone if shipment.ship_from else "Asia/Shanghai"
    return now.astimezone(ZoneInfo(zone)).date()
