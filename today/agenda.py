"""What needs doing today: four short lists, the worst first. Questions only; nothing is written.

"Today" is the day at the place from which a shipment leaves; where that is not known, and for the page as a whole, the
day at our own place (`home_place`), and UTC's before there is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from peewee import JOIN, ModelSelect

from accounts.scope import seen
from alerts.current import current_alerts
from alerts.rules import KINDS, Alert
from assets.balances import Overdue, day_at, overdue
from assets.mending import cases
from assets.models import Asset, ExceptionCase
from assets.visible import visible_cases
from docs_gen.checklist import checklist
from docs_gen.models import IssuedDocument
from docs_gen.visible import visible_papers
from errors import Message
from master_data.home import home_place
from master_data.models import AssetType, Party, Place, Product
from shipments.models import Shipment
from shipments.visible import visible_shipments

#: A page that is looked at twenty times a day: the facts and checks of more shipments than this take too long.
SHIPMENTS_SHOWN = 10
ROWS_SHOWN = 8
ALERTS_SHOWN = 6
#: kinds of alerts on the home page; what is overdue and what is to be decided have lists of their own there
ALERT_KINDS = tuple(kind for kind in KINDS if kind not in ("overdue", "conflict"))
#: days before departure from which a shipment stands in the list; what leaves later is "the next thing ahead"
DAYS_AHEAD = 14


@dataclass(frozen=True)
class Leaving:
    """A shipment that leaves soon, with what it lacks."""

    number: str
    consignee: Party
    departure: date | None
    days: int | None  # until departure, negative when it should have left
    errors: int
    warnings: int
    lacks: tuple[Message, ...]  # the first sentences of what is wrong
    papers_missing: tuple[str, ...]  # titles of the papers that are not issued, marked with N_
    boxes_expected: int  # boxes with codes; counted pools are never scanned
    boxes_scanned: int

    @property
    def ready(self) -> bool:
        return not self.errors and not self.papers_missing and self.boxes_expected == self.boxes_scanned


@dataclass(frozen=True)
class Agenda:
    """The four lists, and alerts of what is in none of them; `…_total` counts also what is not shown."""

    today: date
    alerts: Sequence[Alert]
    alerts_total: int
    leaving: Sequence[Leaving]
    leaving_total: int
    overdue: Sequence[Overdue]
    overdue_total: int  # boxes
    exceptions: Sequence[ExceptionCase]
    exceptions_total: int
    unfinished: Sequence[IssuedDocument]
    next_shipment: Shipment | None  # the next to leave after those of the list
    first_steps: Sequence[tuple[str, bool]]  # what a new installation still needs: (endpoint of its list, done)

    @property
    def nothing_to_do(self) -> bool:
        return not (self.alerts or self.leaving or self.overdue or self.exceptions or self.unfinished)


def agenda(now: datetime, base_url: str) -> Agenda:
    """Everything that the home page shows."""
    home = home_place()
    today = day_at(home, now)
    horizon = today + timedelta(days=DAYS_AHEAD)
    waiting = _open_shipments()
    soon = waiting.where((Shipment.departure_date <= horizon) | Shipment.departure_date.is_null())
    late = overdue(now)
    exceptions = _exceptions()
    alerts = current_alerts(now, ALERT_KINDS)
    return Agenda(
        today=today,
        alerts=alerts[:ALERTS_SHOWN],
        alerts_total=len(alerts),
        leaving=sorted(
            (_leaving(row, day_at(row.ship_from or home, now), base_url) for row in soon.limit(SHIPMENTS_SHOWN)),
            key=lambda row: (row.departure is None, row.departure or date.max, -row.errors),
        ),
        leaving_total=soon.count(),
        overdue=late[:ROWS_SHOWN],
        overdue_total=sum(row.count for row in late),
        exceptions=list(exceptions.limit(ROWS_SHOWN)),
        exceptions_total=seen(visible_cases, ExceptionCase.select().where(ExceptionCase.state == "open")).count(),
        unfinished=_unfinished(),
        next_shipment=waiting.where(Shipment.departure_date > horizon).first(),
        first_steps=first_steps(),
    )


def _open_shipments() -> ModelSelect[Shipment]:
    return seen(  # type: ignore[no-any-return]
        visible_shipments,
        Shipment.select(Shipment, Party, Place)
        .join(Party, on=(Shipment.consignee == Party.id))
        .switch(Shipment)
        .join(Place, JOIN.LEFT_OUTER, on=(Shipment.ship_from == Place.id))
        .where(Shipment.state == "open")
        .order_by(Shipment.departure_date.is_null(), Shipment.departure_date, Shipment.number),
    )


def _leaving(shipment: Shipment, today: date, base_url: str) -> Leaving:
    listed = checklist(shipment, base_url)
    facts, found = listed.facts, listed.problems
    errors = [problem for problem in found if problem.severity == "error"]
    missing = [row.paper.type.title for row in listed.rows if not row.document or row.document.status != "issued"]
    return Leaving(
        number=shipment.number,
        consignee=shipment.consignee,
        departure=shipment.departure_date,
        days=(shipment.departure_date - today).days if shipment.departure_date else None,
        errors=len(errors),
        warnings=len(found) - len(errors),
        lacks=tuple(problem.message for problem in errors[:2]),
        papers_missing=tuple(dict.fromkeys(missing)),
        boxes_expected=sum(box.expected for box in facts.boxes if not box.counted),
        boxes_scanned=sum(box.scanned for box in facts.boxes if not box.counted),
    )


def _exceptions() -> ModelSelect[ExceptionCase]:
    """What somebody has to decide; the newest first."""
    found: ModelSelect[ExceptionCase] = (
        cases().where(ExceptionCase.state == "open").order_by(ExceptionCase.opened_time.desc(), ExceptionCase.id.desc())
    )
    return seen(visible_cases, found)  # type: ignore[no-any-return]


def _unfinished() -> list[IssuedDocument]:
    """Papers that have a number but no file yet, the oldest first: something stopped in between."""
    papers = IssuedDocument.select(IssuedDocument, Shipment).join(Shipment).where(IssuedDocument.state == "numbered")
    return list(seen(visible_papers, papers.order_by(IssuedDocument.issued_time).limit(ROWS_SHOWN)))


def first_steps() -> list[tuple[str, bool]]:
    """What has to be entered before the first shipment can go, in order; empty once there is one."""
    if Shipment.select().exists():
        return []
    return [
        ("own_party", Party.select().where(Party.own).exists()),
        ("partner", Party.select().where(~Party.own).exists()),
        ("place", Place.select().exists()),
        ("product", Product.select().exists()),
        ("asset_type", AssetType.select().exists()),
        ("assets", Asset.select().exists()),
        ("shipment", False),
    ]
