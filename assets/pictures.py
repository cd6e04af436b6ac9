"""Two pictures as SVG: the life of a box on lanes of places, and the flow of boxes by leg. Pure: values in, SVG out.

Both can be read in black and white: every figure and every name stands as text, states differ by shape and pattern, and
colours come from the classes of assets.css, so that dark mode is one too. `title` and `desc` say the same in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

WIDTH = 960
_LEFT = 200  # room for the names of the lanes
_RIGHT = 24
_LANE = 34


@dataclass(frozen=True)
class Stay:
    """A box in a lane from one time to another; `end` None: it is still there. `lane` None: on its way."""

    lane: int | None
    start: datetime
    end: datetime | None
    text: str


@dataclass(frozen=True)
class Mark:
    """One event on a lane; `look`: ok, warn (it broke a rule), bad (damaged, lost, gone)."""

    lane: int
    time: datetime
    text: str
    look: str = "ok"


@dataclass(frozen=True)
class Journey:
    """One trip: a bar above the lanes; `end` None: it is open."""

    start: datetime
    end: datetime | None
    text: str


@dataclass(frozen=True)
class Timeline:
    """The life of one box. `lanes`: names of the places or partners in the order of their first event."""

    title: str
    description: str
    lanes: Sequence[str]
    trips_title: str
    stays: Sequence[Stay]
    marks: Sequence[Mark]
    journeys: Sequence[Journey]
    now: datetime
    zone: str


def timeline(life: Timeline) -> Markup:
    """The SVG of a life; empty when there is nothing on it."""
    times = [stay.start for stay in life.stays] + [mark.time for mark in life.marks]
    if not times:
        return Markup("")
    first, last = min(times), max([*times, life.now])
    span = max(last - first, timedelta(hours=1))
    first, last = first - span / 50, last + span / 50
    top = 40
    height = top + _LANE * len(life.lanes) + 34

    def x(time: datetime) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * ((time - first) / (last - first)), 1)

    def y(lane: int) -> float:
        return top + _LANE * lane + _LANE / 2

    out = _head("as-timeline", WIDTH, height, life.title, life.description)
    out.append(_text(4, 24, life.trips_title, "as-lane"))
    for number, name in enumerate(life.lanes):
        out.append(f'<line class="as-rule" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y(number)}" y2="{y(number)}"/>')
        out.append(_text(4, y(number) + 4, _short(name, 25), "as-lane", name))
    for time, label in _ticks(first, last, ZoneInfo(life.zone)):
        out.append(f'<line class="as-tick" x1="{x(time)}" x2="{x(time)}" y1="{top - 6}" y2="{height - 26}"/>')
        out.append(_text(x(time), height - 10, label, "as-date"))
    for trip in life.journeys:
        end = trip.end or life.now
        width = max(2.0, round(x(end) - x(trip.start), 1))
        look = "as-trip" if trip.end else "as-trip as-open"
        out.append(f'<rect class="{look}" x="{x(trip.start)}" y="14" width="{width}" height="12">')
        out.append(f"<title>{escape(trip.text)}</title></rect>")
    before: Stay | None = None
    for stay in life.stays:
        end = stay.end or life.now
        if stay.lane is None:
            continue
        if before is not None and before.lane is not None:  # how it came here: a line from where it was
            left = before.end or before.start
            out.append(
                f'<line class="as-way" x1="{x(left)}" y1="{y(before.lane)}" x2="{x(stay.start)}" y2="{y(stay.lane)}"/>'
            )
        width = max(2.0, round(x(end) - x(stay.start), 1))
        out.append(f'<rect class="as-stay" x="{x(stay.start)}" y="{y(stay.lane) - 4}" width="{width}" height="8">')
        out.append(f"<title>{escape(stay.text)}</title></rect>")
        before = stay
    under = life.stays[-1] if life.stays else None
    if under and before and under.lane is None and under.end is None and before.lane is not None:
        off, level = x(before.end or before.start), y(before.lane)  # it left, and is under way
        out.append(f'<line class="as-way" x1="{off}" y1="{level}" x2="{x(life.now)}" y2="{level + 8}">')
        out.append(f"<title>{escape(under.text)}</title></line>")
    for mark in life.marks:
        out.append(f"<g><title>{escape(mark.text)}</title>{_sign(x(mark.time), y(mark.lane), mark.look)}</g>")
    return Markup("".join([*out, "</svg>"]))  # noqa: S704  (every text is escaped where it goes in)


def _sign(x: float, y: float, look: str) -> str:
    if look == "warn":
        return f'<path class="as-mark as-mark-warn" d="M{x} {y - 7}l7 12h-14z"/>'
    if look == "bad":
        return f'<path class="as-mark as-mark-bad" d="M{x - 5} {y - 5}l10 10m0 -10l-10 10"/>'
    return f'<circle class="as-mark" cx="{x}" cy="{y}" r="4"/>'


def _ticks(first: datetime, last: datetime, zone: ZoneInfo) -> list[tuple[datetime, str]]:
    """At most eight days or first days of months, with what to write under them."""
    span = (last - first).days
    start = first.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    if span <= 60:
        step = max(1, -(-span // 7))
        for number in range(step, span + 1, step):
            found.append((start + timedelta(days=number), f"{start + timedelta(days=number):%m-%d}"))
    else:
        months = max(1, -(-span // 30 // 8))
        year, month = start.year, start.month
        while True:
            month += months
            year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
            time = start.replace(year=year, month=month, day=1)
            if time > last:
                break
            found.append((time, f"{time:%Y-%m}"))
    return [(time, text) for time, text in found if first < time < last]


# flow


@dataclass(frozen=True)
class Node:
    """A station of the flow. `stock`: what is there now, as text; column and row: where it stands in the picture."""

    key: str
    title: str
    column: int
    row: int
    stock: str = ""


@dataclass(frozen=True)
class Ribbon:
    """Boxes that went from one station to another."""

    source: str
    target: str
    count: int
    text: str  # for the tooltip and the description


@dataclass(frozen=True)
class Flow:
    """Stations and ribbons between them."""

    title: str
    description: str
    nodes: Sequence[Node]
    ribbons: Sequence[Ribbon]


_NODE_WIDTH = 14
_COLUMN = 205
_ROW = 140
_MOST = 90  # pixels of the widest ribbon


def flow(picture: Flow) -> Markup:
    """The SVG of a flow: a ribbon is as wide as its share of the largest station, and its number stands on it."""
    columns = 1 + max(node.column for node in picture.nodes)
    last_row = max(node.row for node in picture.nodes)
    width, height = 60 + _COLUMN * (columns - 1) + 190, 64 + _ROW * last_row
    nodes = {node.key: node for node in picture.nodes}
    ins = {key: sum(one.count for one in picture.ribbons if one.target == key) for key in nodes}
    outs = {key: sum(one.count for one in picture.ribbons if one.source == key) for key in nodes}
    most = max([*ins.values(), *outs.values(), 1])

    def wide(count: int) -> float:
        return max(2.0, round(_MOST * count / most, 1)) if count else 0.0

    def left(node: Node) -> float:
        return 20 + _COLUMN * node.column

    def upper(node: Node) -> float:
        return 44 + _ROW * node.row

    out = _head("as-flow", width, height, picture.title, picture.description)
    drawn = [one for one in picture.ribbons if one.count]
    starts: dict[tuple[str, str], float] = {}
    ends: dict[tuple[str, str], float] = {}
    for key in nodes:  # stacked so that what goes straight on stays on top
        level = upper(nodes[key])
        leaving = (one for one in drawn if one.source == key)
        for one in sorted(leaving, key=lambda one: (nodes[one.target].row, nodes[one.target].column)):
            starts[one.source, one.target] = level
            level += wide(one.count)
        level = upper(nodes[key])
        coming = (one for one in drawn if one.target == key)
        for one in sorted(coming, key=lambda one: -nodes[one.source].column):
            ends[one.source, one.target] = level
            level += wide(one.count)
    numbers = []
    for ribbon in drawn:
        source, target, thick = nodes[ribbon.source], nodes[ribbon.target], wide(ribbon.count)
        y1 = starts[ribbon.source, ribbon.target] + thick / 2
        y2 = ends[ribbon.source, ribbon.target] + thick / 2
        x1, x2 = left(source) + _NODE_WIDTH, left(target)
        middle = (x1 + x2) / 2
        curve = f"M{x1} {y1:.1f}C{middle} {y1:.1f} {middle} {y2:.1f} {x2} {y2:.1f}"
        out.append(f'<path class="as-ribbon as-to-{escape(target.key)}" d="{curve}" stroke-width="{thick}">')
        out.append(f"<title>{escape(ribbon.text)}</title></path>")
        share = 0.5 if target.column - source.column == 1 else 0.25
        at_x = x1 + (x2 - x1) * share
        at_y = (y1 + y2) / 2 if share == 0.5 else y1 + (y2 - y1) * 0.16
        numbers.append(_text(at_x, at_y + 4, f"{ribbon.count:,}", "as-number"))
    for node in picture.nodes:
        tall = max(wide(ins[node.key]), wide(outs[node.key]), 8.0)
        out.append(
            f'<rect class="as-node as-to-{escape(node.key)}" x="{left(node)}" y="{upper(node)}" '
            f'width="{_NODE_WIDTH}" height="{tall}"/>'
        )
        out.append(_text(left(node), upper(node) - 22, node.title, "as-lane"))
        if node.stock:
            out.append(_text(left(node), upper(node) - 7, node.stock, "as-stock"))
    return Markup("".join([*out, *numbers, "</svg>"]))  # noqa: S704  (every text is escaped where it goes in)


def _head(name: str, width: float, height: float, title: str, description: str) -> list[str]:
    return [
        f'<svg class="{name}" viewBox="0 0 {width:g} {height:g}" role="img" aria-labelledby="{name}-t {name}-d" '
        f'xmlns="http://www.w3.org/2000/svg"><title id="{name}-t">{escape(title)}</title>'
        f'<desc id="{name}-d">{escape(description)}</desc>'
    ]


def _text(x: float, y: float, text: str, look: str, full: str = "") -> str:
    whole = f"<title>{escape(full)}</title>" if full and full != text else ""
    return f'<text class="{look}" x="{x:g}" y="{y:g}">{escape(text)}{whole}</text>'


def _short(text: str, length: int) -> str:
    """Cut to about `length` half-width characters; a Chinese character is as wide as two."""
    room, kept = length, ""
    for character in text:
        room -= 2 if ord(character) > 0x2E7F else 1
        if room < 0:
            return f"{kept.rstrip()}…"
        kept += character
    return kept
