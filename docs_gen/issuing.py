"""Issuing a paper: number and facts first, then the file, then the mark that it is there.

(1) One short transaction takes the next number and writes the row with its facts as JSON. (2) Outside of it the paper
is rendered from those facts and kept. (3) The row is marked issued. So numbers have no gaps, rendering holds no lock,
and an issued row always has its file. When 2 fails the row keeps its number and is marked so; after that or after a
crash `finish_unfinished` or the next click repeats 2 and 3. One click is one number, also then.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from peewee import IntegrityError

from accounts.models import User
from config import Settings
from database import db, locked, taking_turns
from docs_gen import archive
from docs_gen.document_types import REGISTER, problems, render_paper
from docs_gen.facts import ShipmentFacts, from_json, shipment_facts, to_json
from docs_gen.models import IssuedDocument, NumberSeries
from docs_gen.render import Paper, RenderError, engine_versions
from errors import N_, Refused
from master_data.models import Party
from shipments.models import Shipment

log = logging.getLogger("roundtrip")

#: After so long a paper that has its number but no file is not being rendered any more: its process is gone.
_CRASHED = timedelta(minutes=2)


def issue_document(
    shipment: Shipment, type: str, user: User | None, now: datetime, settings: Settings, replaces: str | None = None
) -> IssuedDocument:
    """Issue a paper of the shipment; replaces the one of this type (a code of the register) that was issued before.

    One that has its number but no file, and that nobody is rendering, is finished first; it is the answer when the
    shipment still says the same. `replaces` is the number that the person saw as the valid one ('' for none): when it
    is another one by now, somebody else was faster, and nothing is issued twice.

    Raises Refused: `problems` while the check finds errors, `cancelled` for a cancelled shipment, `unfinished` and
    `issued_meanwhile` when another of this type is or has just been issued, `not_rendered` when its number is taken but
    its file could not be made.
    """
    left = _latest(shipment, type)
    if left and left.state == "numbered" and (left.failed or now - left.issued_time > _CRASHED):
        left = finish(left, settings)
        shipment = Shipment.get_by_id(shipment.id)  # rendering took its time: ask what the shipment says now
        if shipment.state != "cancelled" and not is_stale(left, shipment_facts(shipment, settings.base_url)):
            return left  # the click that began it asked for this very paper
    document = take_number(shipment, type, user, now, settings.base_url, replaces)
    return finish(document, settings)


def take_number(
    shipment: Shipment, type: str, user: User | None, now: datetime, base_url: str, replaces: str | None = None
) -> IssuedDocument:
    """Step 1: number and frozen facts, in state `numbered`."""
    kind = REGISTER[type]
    with taking_turns():
        # The facts are read under the same lock: nobody changes the shipment between its check and its freezing.
        shipment = locked(Shipment.select().where(Shipment.id == shipment.id)).get()
        if shipment.state == "cancelled":
            raise Refused("cancelled", N_("Shipment %(number)s is cancelled."), number=shipment.number)
        facts = shipment_facts(shipment, base_url)
        errors = [one for one in problems(facts) if one.severity == "error" and type in one.papers]
        if errors:
            raise Refused(
                "problems",
                N_("This paper cannot be issued yet: %(count)s errors. The first: %(first)s"),
                count=len(errors),
                first=errors[0].message,
            )
        before = _latest(shipment, type)
        if before and before.state == "numbered":
            raise Refused(
                "unfinished", N_("%(number)s is being issued at this moment. Reload the page."), number=before.number
            )
        if replaces is not None and before and before.number != replaces:
            raise Refused(
                "issued_meanwhile", N_("%(number)s was issued in the meantime. Reload the page."), number=before.number
            )
        day = kind.date_of(facts) or _today(shipment, now)
        return IssuedDocument.create(
            shipment=shipment,
            seller=shipment.consignor_id,
            type=type,
            number=_next_number(shipment.consignor, kind.series, day.year),
            issue_date=day,
            facts=to_json(facts),
            replaces=before,
            issued_time=now,
            issued_by=user,
        )


def finish(document: IssuedDocument, settings: Settings) -> IssuedDocument:
    """Steps 2 and 3: render from the frozen facts, keep the file, mark the row. May be repeated.

    Raises Refused(`not_rendered`) when the paper cannot be rendered or its file cannot be kept.
    """
    if document.state != "numbered":
        return document
    IssuedDocument.update(failed=False).where(IssuedDocument.id == document.id).execute()  # somebody is at it again
    try:
        paper = render_document(document)
        sha256 = archive.keep(settings.archive_dir, paper.data)
    except Exception as error:
        log.exception("%s has its number but could not be rendered", document.number)
        unfinished = (IssuedDocument.id == document.id) & (IssuedDocument.state == "numbered")
        IssuedDocument.update(failed=True).where(unfinished).execute()
        raise Refused(
            "not_rendered",
            N_(
                "The paper %(number)s has its number but could not be rendered: %(fault)s. "
                "Try again, or tell the administrator."
            ),
            number=document.number,
            # Only the renderer's own words are fit for everybody; the others may tell paths, and stand in the log.
            fault=str(error) if isinstance(error, RenderError) else type(error).__name__,
        ) from error
    with taking_turns():
        done = (
            IssuedDocument.update(
                state="issued", sha256=sha256, size=len(paper.data), pages=paper.pages, engine=engine_versions()
            )
            .where(IssuedDocument.id == document.id, IssuedDocument.state == "numbered")
            .execute()
        )
        if done and document.replaces_id:
            IssuedDocument.update(state="replaced").where(IssuedDocument.id == document.replaces_id).execute()
    return IssuedDocument.get_by_id(document.id)


def render_document(document: IssuedDocument) -> Paper:
    """The PDF of a paper that has its number, from its frozen facts: the same bytes whenever it is asked for."""
    facts = from_json(ShipmentFacts, document.facts)
    replaces = document.replaces.number if document.replaces_id else ""
    return render_paper(REGISTER[document.type], facts, document.number, document.issue_date, replaces)


def finish_unfinished(settings: Settings) -> list[IssuedDocument]:
    """Finish what a crash left with a number but without its file; to be called at start.

    One that cannot be finished stays as it is, is told to the log, and does not keep the others or the service waiting.
    """
    finished = []
    for document in IssuedDocument.select().where(IssuedDocument.state == "numbered").order_by(IssuedDocument.id):
        try:
            finished.append(finish(document, settings))
        except Exception:
            log.exception("%s has its number but could not be finished", document.number)
    return finished


def latest_documents(shipment: Shipment) -> dict[str, IssuedDocument]:
    """type code → the paper that is valid now: the last one issued, or the one that has just taken its number."""
    rows = (
        IssuedDocument.select().where(IssuedDocument.shipment == shipment, IssuedDocument.state != "replaced")
        .order_by(IssuedDocument.id)
    )  # fmt: skip
    return {row.type: row for row in rows}


def is_stale(document: IssuedDocument, facts: ShipmentFacts) -> bool:
    """True when the shipment's facts are no longer those that the paper was issued with (R44).

    The number of the invoice counts for the papers that print it: one that names no invoice, or one that was replaced.
    """
    apart = {"scan_uri": ""}  # where the service can be reached is no fact of the shipment
    if not REGISTER[document.type].names_invoice:
        apart["invoice_number"] = ""
    then = from_json(ShipmentFacts, document.facts)
    return replace(then, **apart) != replace(facts, **apart)  # type: ignore[arg-type]


def _latest(shipment: Shipment, type: str) -> IssuedDocument | None:
    """The newest paper of this type; a later one always replaces it, so the chain has no branches."""
    return (
        IssuedDocument.select()
        .where(IssuedDocument.shipment == shipment, IssuedDocument.type == type)
        .order_by(IssuedDocument.id.desc())
        .first()
    )


def _next_number(seller: Party, prefix: str, year: int) -> str:
    """The next number of a series; the caller's transaction keeps it, or gives it back when it fails."""
    key = (NumberSeries.seller == seller) & (NumberSeries.prefix == prefix) & (NumberSeries.year == year)
    if not NumberSeries.select().where(key).exists():
        try:
            with db.atomic():
                NumberSeries.create(seller=seller, prefix=prefix, year=year)
        except IntegrityError:
            pass  # another one made the series at the same moment; it is there now
    series = locked(NumberSeries.select().where(key)).get()
    NumberSeries.update(last=series.last + 1).where(NumberSeries.id == series.id).execute()
    return f"{prefix}-{year}-{series.last + 1:04}"


def _today(shipment: Shipment, now: datetime) -> date:
    """The day of `now` where the goods leave, else at the Chinese consignor's."""
    zone = shipment.ship_from.timezone if shipment.ship_from else "Asia/Shanghai"
    return now.astimezone(ZoneInfo(zone)).date()
