"""The charts of the pages: what is drawn, and what it says to who cannot see it."""

from __future__ import annotations

from datetime import date

from flask_babel import format_date
from flask_babel import gettext as _
from markupsafe import Markup

from foresight.charts import Chart, Span, both, spans
from foresight.outlook import FleetNeed, Outlook, ReturnTimes
from foresight.tables import FLEET_MODELS, rounded
from i18n import name_of, number, translated


def weekday(day: date | None) -> str:
    """2026-11-23 Mon."""
    return f"{day.isoformat()} {format_date(day, 'EEE')}" if day else ""


def _day_ticks(item: Outlook) -> list[tuple[float, str]]:
    """Mondays, and today."""
    days = range(len(item.forecast.days))
    mondays = [day for day in days if item.date_of(day).weekday() == 0 and day > 3]
    return [(0, _("today")), *((day, item.date_of(day).strftime("%m-%d")) for day in mondays)]


def shortage_chart(item: Outlook) -> Markup:
    """Available boxes with their spread, the minimum, the planned shipments and the day it breaks."""
    days, hits = item.forecast.days, {hit.planned.label for hit in item.forecast.hit}
    said = (
        _("Short from %(day)s on.", day=weekday(item.first_short))
        if item.first_short
        else _("Enough on every day that is shown.")
    )
    title = _("%(type)s at %(place)s, day by day", type=name_of(item.type), place=name_of(item.place))
    low = min(0, *(day.low for day in days))
    high = max(1, item.situation.minimum, *(day.high for day in days), *(day.need for day in days))

    def draw(width: int) -> Chart:
        chart = Chart("available", title, said, width, len(days) - 1, low, high, head=45 if item.needs else 0)
        chart.y_axis()
        chart.x_axis(_day_ticks(item))
        chart.band([(day.day, day.low, day.high) for day in days])
        marks = sorted(item.forecast.shipments, key=lambda hit: (hit.planned.label not in hits, hit.planned.day))
        chart.heads([
            (hit.planned.day, ("✕ " if hit.planned.label in hits else "") + f"{hit.planned.label} −{hit.planned.boxes}",
             "fs-bad" if hit.planned.label in hits else "")
            for hit in marks
        ])  # fmt: skip
        chart.steps([(day.day, day.available) for day in days], "", _("available, on average"), at=len(days) * 0.3)
        if item.situation.minimum:
            chart.across(item.situation.minimum, "fs-dashed", _("minimum %(count)s", count=item.situation.minimum))
        if item.forecast.first_short is not None and item.first_short:
            label = "▲ " + _("short from %(day)s", day=item.first_short.strftime("%m-%d"))
            chart.upright(item.forecast.first_short, "fs-bad", label)
        return chart

    return both(draw)


def returns_chart(item: Outlook) -> Markup:
    """Boxes expected back, a bar for each day."""
    days = item.forecast.days
    total = sum(day.returns for day in days)
    title = _("Boxes expected back, by day")
    said = _("%(count)s boxes in %(days)s days.", count=f"{total:.0f}", days=len(days) - 1)

    def draw(width: int) -> Chart:
        chart = Chart(
            "returns", title, said, width, len(days) - 1, 0, max(1, *(day.returns for day in days)), height=180
        )
        chart.y_axis()
        chart.x_axis(_day_ticks(item))
        chart.bars([(day.day, day.returns, "") for day in days], 0.8)
        return chart

    return both(draw)


def curve_chart(found: ReturnTimes) -> Markup:
    """The share that is back, with its interval, and the share that is lost; nothing without a curve."""
    curve = found.curve
    if curve is None:
        return Markup("")
    title = _("Share of the boxes that are back, by days since dispatch")
    said = _(
        "Half of them are back by day %(median)s, 90 %% by day %(p90)s.",
        median=_("(not yet known)") if found.median is None else found.median,
        p90=_("(not yet known)") if found.p90 is None else found.p90,
    )
    returned = [(0.0, 0.0), *((day, 100 * share) for day, share in zip(curve.days, curve.returned, strict=True))]
    lost = [(0.0, 0.0), *((day, 100 * share) for day, share in zip(curve.days, curve.lost, strict=True))]

    def draw(width: int) -> Chart:
        chart = Chart("curve", title, said, width, max(curve.last, 1), 0, 100)
        chart.y_axis(" %")
        step = max(1, round(curve.last / 8 / 5) * 5) if curve.last > 10 else 1
        chart.x_axis([(day, _("day %(day)s", day=day)) for day in range(0, curve.last + 1, step)])
        if found.band:
            chart.band([(day, 100 * low, 100 * high) for day, (low, high) in zip(found.grid, found.band, strict=True)])
        chart.steps([*returned, (curve.last, returned[-1][1])], "", _("back"))
        if curve.lost and curve.lost[-1] > 0:
            chart.steps([*lost, (curve.last, lost[-1][1])], "fs-dashed", _("lost or written off"))
        if found.median is not None:
            chart.upright(found.median, "fs-dotted", _("half: day %(day)s", day=found.median), foot=4)
        if found.p90 is not None:
            chart.upright(found.p90, "fs-dotted", _("90 %%: day %(day)s", day=found.p90), foot=2)
        return chart

    return both(draw)


def legs_chart(found: ReturnTimes) -> Markup:
    """Days of each leg: a bar to the median, a line on to 90 %."""
    rows = [
        Span(
            translated(leg.title),
            leg.median,
            leg.p90,
            _("half within %(median)s days, 90 %% within %(p90)s", median=f"{leg.median:g}", p90=f"{leg.p90:g}")
            if leg.median is not None and leg.p90 is not None
            else _("n = %(n)s, too few", n=leg.n),
        )
        for leg in found.legs
    ]
    title = _("Days in each leg of a trip")
    return both(lambda width: spans("legs", title, "; ".join(f"{row.label}: {row.text}" for row in rows), rows, width))


def fleet_chart(need: FleetNeed, active: int) -> Markup:
    """Boxes to own by each way to reckon, beside those in use."""
    rows = [
        Span(
            translated(title),
            need.total[key],
            None,
            "" if need.total[key] is None else number(rounded(need.total[key])),
        )
        for key, (title, _formula, _why) in FLEET_MODELS.items()
        if need.total[key] is not None
    ]
    rows.append(Span(_("In use now"), active, None, number(active)))
    title = _("Boxes to own, and in use now")
    return both(lambda width: spans("fleet", title, "; ".join(f"{row.label}: {row.text}" for row in rows), rows, width))
