"""Small charts as SVG: steps, bands, bars, marks. No script; for screen, print and a screen reader.

Colours and weights are classes of foresight.css, so a chart follows dark mode; lines are told apart by pattern and
label, never by colour alone. Each line carries its own label; there is no legend. A chart is drawn twice, wide and
narrow, and the style shows the one that fits: text in a picture that shrinks would not be readable on a phone.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, log10

from markupsafe import Markup

WIDE, NARROW = 960, 340

_TOP, _RIGHT, _BOTTOM, _LEFT = 12, 12, 26, 44
_LINE = 15  # height of a line of text


def both(draw: Callable[[int], Chart]) -> Markup:
    """The chart at both widths."""
    return Markup('<div class="fs-chart fs-wide">{}</div><div class="fs-chart fs-narrow">{}</div>').format(
        draw(WIDE).svg(), draw(NARROW).svg()
    )


def text_width(text: str) -> float:
    """Width of a label at 12 px, about: Chinese characters are square."""
    return sum(12.0 if unicodedata.east_asian_width(char) in "WF" else 6.6 for char in text)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round values from below `low` to above `high`, a step of 1, 2 or 5 times a power of ten apart; no fractions."""
    span = max(high - low, 1e-9)
    power = 10.0 ** floor(log10(span / most))
    step = max(1.0, next(factor * power for factor in (1, 2, 5, 10) if factor * power * most >= span))
    first, last = floor(low / step), ceil(high / step)
    return [index * step for index in range(first, max(last, first + 1) + 1)]


@dataclass
class Chart:
    """One picture. `x` runs from 0 to `x_max`; `y` from `low` to `high`, widened to round values."""

    name: str  # part of ids: unique on its page
    title: str
    description: str
    width: int
    x_max: float
    low: float
    high: float
    height: int = 300
    head: int = 0  # room above the plot for labels
    parts: list[Markup] = field(default_factory=list)
    labels: list[tuple[float, float, str, str]] = field(default_factory=list)  # x, y, text, class
    notes: list[Markup] = field(default_factory=list)  # texts that stand over all lines

    def __post_init__(self) -> None:
        self.marks = ticks(min(self.low, self.high), max(self.low, self.high))
        self.low, self.high = self.marks[0], self.marks[-1]
        self.height += self.head

    def x(self, value: float) -> float:
        return round(_LEFT + (self.width - _LEFT - _RIGHT) * value / max(self.x_max, 1e-9), 1)

    def y(self, value: float) -> float:
        top, bottom = _TOP + self.head, self.height - _BOTTOM
        return round(bottom - (bottom - top) * (value - self.low) / (self.high - self.low), 1)

    def y_axis(self, unit: str = "") -> None:
        """Grid lines with their values; `unit` behind the highest one."""
        for mark in self.marks:
            y = self.y(mark)
            self.add('<line class="fs-grid" x1="{}" x2="{}" y1="{}" y2="{}"/>', _LEFT, self.width - _RIGHT, y, y)
            text = f"{mark:,.0f}{unit if mark == self.marks[-1] else ''}"
            self.add('<text class="fs-tick" x="{}" y="{}" text-anchor="end">{}</text>', _LEFT - 6, y + 4, text)

    def x_axis(self, labels: Sequence[tuple[float, str]]) -> None:
        """Texts below the plot; those that would overlap are left out."""
        free, bottom = -1e9, self.height - _BOTTOM
        self.add('<line class="fs-axis" x1="{}" x2="{}" y1="{}" y2="{}"/>', _LEFT, self.width - _RIGHT, bottom, bottom)
        for value, text in labels:
            x, half = self.x(value), text_width(text) / 2
            left = min(max(x - half, 2), self.width - 2 - 2 * half)
            if left >= free:
                self.add('<line class="fs-axis" x1="{}" x2="{}" y1="{}" y2="{}"/>', x, x, bottom, bottom + 4)
                self.add('<text class="fs-tick" x="{}" y="{}">{}</text>', round(left, 1), bottom + 18, text)
                free = left + 2 * half + 10

    def steps(self, points: Sequence[tuple[float, float]], look: str, label: str = "", at: float | None = None) -> None:
        """A line that keeps each value until the next; its label above it at `at`, else at its end."""
        path = f"M{self.x(points[0][0])} {self.y(points[0][1])}"
        path += "".join(f"H{self.x(x)}V{self.y(y)}" for x, y in points[1:])
        self.add('<path class="fs-line {}" d="{}"/>', look, path)
        if label:
            x = points[-1][0] if at is None else at
            y = next((value for place, value in reversed(points) if place <= x), points[0][1])
            self.labels.append((self.x(x), self.y(y) - 6, label, look))

    def band(self, points: Sequence[tuple[float, float, float]]) -> None:
        """Between two lines of steps: (x, low, high)."""
        x0, _low0, high0 = points[0]
        upper = f"M{self.x(x0)} {self.y(high0)}" + "".join(f"H{self.x(x)}V{self.y(high)}" for x, _, high in points[1:])
        lower = f"L{self.x(points[-1][0])} {self.y(points[-1][1])}"
        lower += "".join(f"V{self.y(low)}H{self.x(x)}" for x, low, _ in reversed(points[:-1]))
        self.add('<path class="fs-band" d="{}{}Z"/>', upper, lower)

    def bars(self, values: Sequence[tuple[float, float, str]], width: float) -> None:
        """(x, value, class): bars from 0, `width` of a unit of x."""
        for x, value, look in values:
            if value > 0:
                left, right, top, zero = self.x(x - width / 2), self.x(x + width / 2), self.y(value), self.y(0)
                left = max(left, _LEFT)
                size = round(max(1.0, right - left), 1), round(max(0.5, zero - top), 1)
                self.add('<rect class="fs-bar {}" x="{}" y="{}" width="{}" height="{}"/>', look, left, top, *size)

    def across(self, value: float, look: str, label: str) -> None:
        """A line over the whole width."""
        y = self.y(value)
        self.add('<line class="fs-line {}" x1="{}" x2="{}" y1="{}" y2="{}"/>', look, _LEFT, self.width - _RIGHT, y, y)
        self.labels.append((self.width - _RIGHT, y - 5, label, look))

    def upright(self, value: float, look: str, label: str, foot: int | None = None) -> None:
        """A line from top to bottom; its label beside its head, or so many lines above its foot."""
        x, top, bottom = self.x(value), _TOP + self.head, self.height - _BOTTOM
        self.add('<line class="fs-line {}" x1="{}" x2="{}" y1="{}" y2="{}"/>', look, x, x, top - 4, bottom)
        self.beside(x, top + 8 if foot is None else bottom - 10 - _LINE * foot, label, look)

    def beside(self, x: float, y: float, label: str, look: str = "") -> None:
        """A text to the right of a point, to the left where there is no room. In pixels."""
        width = text_width(label)
        right = x + 5 + width > self.width - 2
        anchor, at = ("end", x - 5) if right and x - 5 - width > 0 else ("start", x + 5)
        if right and anchor == "start":
            at = max(2, self.width - width - 4)
        self.notes.append(_label(at, y, label, look, anchor))

    def heads(self, items: Sequence[tuple[float, str, str]]) -> None:
        """(x, text, class): labels in the room above the plot, each with a line down; as many as there is room for."""
        rows = [-1e9] * (self.head // _LINE)
        for x, text, look in items:
            at = self.x(x)
            width = text_width(text)
            left = min(max(at - width / 2, 2), self.width - width - 2)
            row = next((index for index, end in enumerate(rows) if left > end + 6), None)
            top = _TOP + self.head if row is None else 4 + _LINE * (row + 1)
            self.add(
                '<line class="fs-stem {}" x1="{}" x2="{}" y1="{}" y2="{}"/>', look, at, at, top, self.height - _BOTTOM
            )
            if row is not None:
                rows[row] = left + width
                self.add('<text class="fs-label {}" x="{}" y="{}">{}</text>', look, round(left, 1), top - 2, text)

    def add(self, markup: str, *values: object) -> None:
        self.parts.append(Markup(markup).format(*values))  # noqa: S704 - markup of this module, values escaped

    def svg(self) -> Markup:
        """The whole picture, with a title and a description for who cannot see it."""
        lowest = 1e9
        placed: list[Markup] = []
        for x, y, text, look in sorted(
            self.labels, key=lambda item: -item[1]
        ):  # from below: push up what would overlap
            at = max(_TOP + 2.0, min(y, lowest - _LINE))
            lowest = at
            anchor = "end" if x > self.width / 2 else "start"
            placed.append(_label(x, at, text, look, anchor))
        name = f"{self.name}-{self.width}"
        return Markup(
            '<svg viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-labelledby="{}-t {}-d">'
            '<title id="{}-t">{}</title><desc id="{}-d">{}</desc>{}</svg>'
        ).format(
            self.width, self.height, self.width, self.height, name, name, name, self.title, name, self.description,
            Markup("").join([*self.parts, *self.notes, *placed]),
        )  # fmt: skip


def _label(x: float, y: float, text: str, look: str, anchor: str) -> Markup:
    return Markup('<text class="fs-label {}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        look, round(x, 1), round(y, 1), anchor, text
    )


@dataclass(frozen=True)
class Span:
    """A row of `spans`: a bar to `value`, a thin line on to `far`, and what stands behind it."""

    label: str
    value: float | None
    far: float | None
    text: str


def spans(name: str, title: str, description: str, rows: Sequence[Span], width: int) -> Chart:
    """Lying bars with their label above them and their figures behind them."""
    most = max([row.far or row.value or 0 for row in rows], default=0) or 1
    chart = Chart(name, title, description, width, 1, 0, 1, height=40 * len(rows) + 8)
    room = width - max((text_width(row.text) for row in rows), default=0) - 14
    for index, row in enumerate(rows):
        y = 40 * index
        chart.add('<text class="fs-label" x="0" y="{}">{}</text>', y + 14, row.label)
        end = 0.0
        if row.value is not None:
            end = round(max(2.0, room * row.value / most), 1)
            chart.add('<rect class="fs-bar" x="0" y="{}" width="{}" height="10"/>', y + 20, end)
        if row.far is not None:
            far = round(max(2.0, room * row.far / most), 1)
            chart.add('<path class="fs-line" d="M{} {}H{}M{} {}V{}"/>', end, y + 25, far, far, y + 20, y + 30)
            end = max(end, far)
        chart.add('<text class="fs-tick" x="{}" y="{}">{}</text>', round(end + 6, 1), y + 29, row.text)
    return chart
