"""The tables of the pages, which can be had as files too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from flask import url_for

from accounts.access import may
from errors import N_, Message
from foresight.outlook import AHEAD, Facts, FleetNeed, Lever, Outlook, ReturnTimes, TypeLine
from foresight.shortage import RISK
from i18n import name_of, translated
from master_data.models import AssetType

#: What a forecast rests on → how a page says it.
BASES = {
    "": N_("these trips"),
    "lane": N_("trips of this lane"),
    "partner": N_("trips of this partner"),
    "type": N_("trips of this box type"),
    "agreed": N_("agreed days only"),
}

LEVERS = {
    "overdue": N_("Overdue at %(name)s: ask for them"),
    "unchecked": N_("Returned here, not checked: check them"),
    "in_repair": N_("In repair here: finish it"),
    "damaged": N_("Damaged here: repair or replace them"),
    "elsewhere": N_("In hand at %(name)s: move them"),
}

#: The ways to reckon a safety stock → title, formula, what it holds for.
FLEET_MODELS = {
    "independent": (
        N_("Each box on its own"),
        "λT̄ + z·√(λT̄)",
        N_("Boxes that come back one by one."),
    ),
    "batched": (
        N_("Shipments that return together"),
        "λT̄ + z·√(λT̄·b·(1 + cv²))",
        N_("The b boxes of a shipment come back on one day; cv is the spread of b ÷ b."),
    ),
    "common": (
        N_("Whole lane delayed together"),
        "λT̄ + z·√(λT̄ + λ²σ²)",
        N_("A vessel, customs or the season delays all of them; σ is the spread of the time of whole shipments."),
    ),
    "history": (
        N_("As seen so far"),
        "λT̄ + z·√(f·λT̄)",
        N_("f is the variance of the daily number out ÷ its mean."),
    ),
}

#: Units of metrics, as a page says them.
UNITS = {"%": "%", "1/year": N_("a year"), "box-days": N_("box-days")}


@dataclass(frozen=True)
class Table:
    """A table that a page shows and that can be had as a file. `urls`, `bad`: of cells, by row and column."""

    name: str
    titles: Sequence[str]  # marked with N_
    rows: Sequence[Sequence[Any]]
    urls: dict[tuple[int, int], str] = field(default_factory=dict)
    bad: frozenset[tuple[int, int]] = frozenset()
    decimals: dict[int, int] = field(default_factory=dict)  # of money, by column


def rounded(value: float | None, decimals: int = 0) -> Decimal | None:
    """A figure to be shown; None stays None."""
    return None if value is None else Decimal(f"{value:.{decimals}f}") + 0  # + 0: never -0


def types_table(lines: Sequence[TypeLine]) -> Table:
    titles = [
        N_("Box type"), N_("In hand"), N_("At home, not ready"), N_("Out"), N_("Back in 7 days"), N_("Back in 14 days"),
        N_("Back in 30 days"), N_("First short day"), N_("Short at"), N_("Boxes in use"), N_("Boxes needed"),
    ]  # fmt: skip
    rows, urls, bad = [], {}, set()
    for index, line in enumerate(lines):
        worst = line.worst
        rows.append([
            name_of(line.type), line.in_hand, line.not_ready, line.out,
            *(rounded(line.expected[day]) for day in AHEAD), worst.first_short if worst else None,
            name_of(worst.place) if worst else None, line.active, rounded(line.fleet.best),
        ])  # fmt: skip
        urls[index, 3] = urls[index, 4] = urls[index, 5] = urls[index, 6] = url_for(
            "foresight.return_times_page", code=line.type.code
        )
        urls[index, 10] = url_for("foresight.fleet_page", code=line.type.code)
        if worst:
            urls[index, 7] = _shortage_url(worst)
            bad.add((index, 7))
    return Table("types", titles, rows, urls, frozenset(bad))


def _shortage_url(item: Outlook) -> str:
    return url_for("foresight.shortage_page", code=item.type.code, place_code=item.place.code)


def places_table(lines: Sequence[TypeLine]) -> Table:
    titles = [
        N_("Box type"), N_("Place"), N_("In hand"), N_("Minimum"), N_("Planned need"), N_("On the way home"),
        N_("First short day"), N_("Shipments hit"),
    ]  # fmt: skip
    items = [item for line in lines for item in line.outlooks]
    rows = [
        [
            name_of(item.type), name_of(item.place), item.in_hand, item.situation.minimum, item.need, item.out,
            item.first_short, ", ".join(hit.planned.label for hit in item.forecast.hit) or None,
        ]
        for item in items
    ]  # fmt: skip
    urls = {(index, 1): _shortage_url(item) for index, item in enumerate(items)}
    bad = frozenset((index, 6) for index, item in enumerate(items) if item.first_short)
    return Table("places", titles, rows, urls, bad)


def days_table(item: Outlook) -> Table:
    titles = [
        N_("Day"), N_("Expected back"), N_("Planned need"), N_("Available"), N_("Low (10 %)"), N_("High (90 %)"),
        N_("Short, %"),
    ]  # fmt: skip
    days = item.forecast.days
    rows = [
        [
            item.date_of(day.day), rounded(day.returns, 1), day.need, rounded(day.available), rounded(day.low),
            rounded(day.high), rounded(100 * day.short),
        ]
        for day in days
    ]  # fmt: skip
    return Table("days", titles, rows, {}, frozenset((index, 6) for index, day in enumerate(days) if day.short > RISK))


def shipments_table(item: Outlook, known: Facts) -> Table:
    titles = [
        N_("Shipment"), N_("Consignee"), N_("Departure"), N_("Boxes planned"), N_("Scanned already"),
        N_("Boxes to come"), N_("Short, %"), N_("Missing then, on average"),
    ]  # fmt: skip
    needs = {need.number: need for need in item.needs}
    rows, urls, bad = [], {}, set()
    for index, hit in enumerate(item.forecast.shipments):
        need = needs[hit.planned.label]
        rows.append([
            need.number, name_of(known.parties[need.consignee]), need.day, need.planned, need.gone, need.boxes,
            rounded(100 * hit.probability), rounded(hit.missing) or None,
        ])  # fmt: skip
        urls[index, 0] = url_for("docs_gen.shipment_page", number=need.number)
        if hit.probability > RISK:
            bad.add((index, 6))
    return Table("shipments", titles, rows, urls, frozenset(bad))


def sources_table(item: Outlook) -> Table:
    titles = [
        N_("Partner"), N_("Sent from"), N_("Out"), N_("Back in 7 days"), N_("Back in 14 days"), N_("Back in 30 days"),
        N_("Rests on"), N_("Trips that ended"),
    ]  # fmt: skip
    rows = [
        [
            name_of(source.partner), name_of(source.place) if source.place else None, source.boxes,
            *(rounded(source.expected[day], 1) for day in AHEAD), translated(BASES[source.basis.level]),
            source.basis.ended,
        ]
        for source in item.sources
    ]  # fmt: skip
    urls = {
        (index, 0): url_for(
            "foresight.return_times_page", code=item.type.code, partner=source.partner.code,
            place=source.place.code if source.place else None,
        )
        for index, source in enumerate(item.sources)
    }  # fmt: skip
    return Table("returns", titles, rows, urls)


def lever_text(lever: Lever) -> str:
    """What could be done, as a sentence."""
    text = LEVERS[lever.kind]
    return translated(Message(text, {"name": name_of(lever.party or lever.place)} if "%(" in text else {}))


def levers_table(item: Outlook) -> Table:
    titles = [
        N_("What could be done"), N_("Boxes"), N_("Days late"), N_("Value"), N_("Currency"), N_("Needed there itself"),
    ]  # fmt: skip
    worth = may("agreements.read")
    rows = [
        [
            lever_text(lever), lever.boxes, lever.days_late or None, lever.value if worth else None,
            item.type.value_currency if worth and lever.value is not None else None,
            lever.needed if lever.kind == "elsewhere" else None,
        ]
        for lever in item.levers
    ]  # fmt: skip
    urls = {}
    for index, lever in enumerate(item.levers):
        if lever.kind == "overdue" and lever.party:
            urls[index, 0] = url_for("assets.overdue_list", holder=lever.party.code, type=item.type.code)
        elif lever.kind == "elsewhere" and lever.place:
            urls[index, 0] = url_for("foresight.shortage_page", code=item.type.code, place_code=lever.place.code)
    return Table("levers", titles, rows, urls, decimals={3: 2})


def curve_table(found: ReturnTimes) -> Table:
    titles = [N_("Days"), N_("Under observation"), N_("Back by then, %"), N_("Lost by then, %"), N_("Still out, %")]
    curve = found.curve
    rows = [
        [day, risk, *(rounded(100 * share, 2) for share in shares)]
        for day, risk, *shares in (
            zip(curve.days, curve.at_risk, curve.returned, curve.lost, curve.out, strict=True) if curve else ()
        )
    ]
    return Table("curve", titles, rows)


def lanes_table(found: ReturnTimes, kind: AssetType) -> Table:
    titles = [
        N_("Partner"), N_("Sent from"), N_("Trips that ended"), N_("Still out"), N_("Median days"),
        N_("90 % back by day"), N_("Lost so far, %"), N_("Forecasts rest on"),
    ]  # fmt: skip
    rows = [
        [
            name_of(lane.partner), name_of(lane.place) if lane.place else None, lane.ended, lane.out, lane.median,
            lane.p90, rounded(lane.never, 1), translated(BASES[lane.basis.level]),
        ]
        for lane in found.lanes
    ]  # fmt: skip
    urls = {
        (index, 0): url_for(
            "foresight.return_times_page", code=kind.code, partner=lane.partner.code,
            place=lane.place.code if lane.place else None,
        )
        for index, lane in enumerate(found.lanes)
    }  # fmt: skip
    return Table("lanes", titles, rows, urls)


def legs_table(found: ReturnTimes) -> Table:
    titles = [N_("Leg"), N_("Median days"), N_("90 % within days"), N_("Longest"), N_("Trips"), N_("Coverage, %")]
    rows = [
        [translated(leg.title), rounded(leg.median, 1), rounded(leg.p90), leg.longest, leg.n, rounded(leg.covered)]
        for leg in found.legs
    ]
    return Table("legs", titles, rows)


def metrics_table(found: ReturnTimes) -> Table:
    titles = [
        N_("Figure"), N_("Result"), N_("Unit"), N_("From"), N_("To"), N_("Cases"), N_("Of"), N_("Formula"),
    ]  # fmt: skip
    rows = [
        [
            translated(metric.title), rounded(metric.value, 1), translated(UNITS[metric.unit]), rounded(metric.low, 1),
            rounded(metric.high, 1), metric.n, translated(metric.of),
            translated(metric.formula) + (f" · {translated(metric.missing)}" if metric.missing else ""),
        ]
        for metric in found.metrics
    ]  # fmt: skip
    return Table("figures", titles, rows)


def fleet_table(need: FleetNeed, active: int) -> Table:
    titles = [
        N_("Safety stock for"), N_("Formula"), N_("In circulation"), N_("Boxes to own"), N_("In use now"),
        N_("More than needed"), N_("When it holds"),
    ]  # fmt: skip
    rows, bad = [], set()
    for index, (key, (title, formula, why)) in enumerate(FLEET_MODELS.items()):
        total = need.total[key]
        spare = None if total is None else active - round(total)
        rows.append([
            translated(title), formula, rounded(need.sizes[key]), rounded(total), active, spare, translated(why)
        ])  # fmt: skip
        if spare is not None and spare < 0:
            bad.add((index, 5))
    return Table("fleet", titles, rows, {}, frozenset(bad))
