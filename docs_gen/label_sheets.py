"""Sheets of QR labels for boxes: the sizes, what stands on a label, and the PDF.

A plate lives ten years and is read at arm's length, so the symbol takes error level Q and as much room as the label
gives. Its module is a whole number of eighths of a millimetre: that is a whole number of dots on a 203 dpi thermal
printer, and a module that is cut to a fraction of a dot is what makes a label unreadable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup
from peewee import ModelSelect

from accounts.scope import seen
from assets.labels import label_uri, qr_svg
from assets.models import Asset
from assets.return_to import return_place
from assets.visible import visible_assets
from database import one_of
from docs_gen import render
from docs_gen.render_pool import Job, paper_or_error, render_many
from errors import N_, InvalidInput, Refused
from master_data.codes import countries
from master_data.models import AssetType, Party, Place

#: More labels than this are several orders to a printer.
MOST_LABELS = 1000
_LABELS_AT_ONCE = 192
_PARTS_BETWEEN_STEPS = 2
#: mm; dots of a 203 dpi printer are 0.125 mm. Below three of them no scanner reads at arm's length.
DOT = Decimal("0.125")
SMALLEST_MODULE = 3 * DOT


@dataclass(frozen=True)
class Sheet:
    """A sheet of labels; all lengths in mm. `beside`: the text stands beside the QR code, else under it."""

    code: str
    title: str  # marked with N_
    page: tuple[Decimal, Decimal]  # width, height
    label: tuple[Decimal, Decimal]
    columns: int = 1
    rows: int = 1
    left: Decimal = Decimal(0)  # from the edge of the page to the first label
    top: Decimal = Decimal(0)
    margin: Decimal = Decimal(2)  # of each label: sheets shift in the printer
    beside: bool = True
    qr_area: Decimal = Decimal(30)  # side of the square for the QR code with its quiet zone
    code_pt: Decimal = Decimal(16)  # largest size of the code

    @property
    def labels(self) -> int:
        """Labels on one sheet."""
        return self.columns * self.rows

    @property
    def text_width(self) -> Decimal:
        """mm left for the text when the QR code takes all of its square."""
        return self.label[0] - 2 * self.margin - (self.qr_area + 1 if self.beside else 0)


def _mm(*lengths: str) -> tuple[Decimal, Decimal]:
    width, height = map(Decimal, lengths)
    return width, height


#: A new label stock is one entry here.
SHEETS: dict[str, Sheet] = {
    sheet.code: sheet
    for sheet in (
        Sheet(
            code="a4-24", title=N_("A4 sheet, 24 labels of 70 × 37 mm"), page=_mm("210", "297"), label=_mm("70", "37"),
            columns=3, rows=8, top=Decimal("0.5"), margin=Decimal("2.5"), qr_area=Decimal("29"),
        ),
        Sheet(
            code="thermal-50x50", title=N_("Thermal printer, 50 × 50 mm"), page=_mm("50", "50"), label=_mm("50", "50"),
            margin=Decimal("1.5"), beside=False, qr_area=Decimal("27"), code_pt=Decimal(13),
        ),
        Sheet(
            code="thermal-100x50", title=N_("Thermal printer, 100 × 50 mm"), page=_mm("100", "50"),
            label=_mm("100", "50"), margin=Decimal("2"), qr_area=Decimal("46"),
        ),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Label:
    """What stands on one label."""

    code: str
    code_size: Decimal  # pt, so that the code stays on one line
    grai: str  # with its AI, in the way people read it; empty without one
    uri: str
    qr: Markup
    qr_side: Decimal  # mm, with the quiet zone
    type_en: str
    type_zh: str
    tare: str  # kg
    owner: str
    return_to: tuple[str, ...]  # lines: name of the place, its address, its phone


def assets_of_codes(codes: Sequence[str]) -> list[Asset]:
    """The assets of these codes in this order, each once; InvalidInput at `codes` names those that do not exist."""
    wanted = list(dict.fromkeys(code.upper() for code in codes))
    if len(wanted) > MOST_LABELS:
        raise _too_many(len(wanted))
    found: dict[str, Asset] = {}
    for begin in range(0, len(wanted), 500):  # SQLite takes a limited number of values in one statement
        found |= {asset.code: asset for asset in _assets().where(Asset.code.in_(wanted[begin : begin + 500]))}
    missing = [code for code in wanted if code not in found]
    if missing:
        raise InvalidInput(
            "codes", N_("There is no box with the code %(codes)s."), codes=", ".join(c[:30] for c in missing[:5])
        )
    return [found[code] for code in wanted]


def assets_of_range(asset_type: str, first: str = "", last: str = "") -> list[Asset]:
    """The assets of a type from the code `first` to the code `last`; an open end takes all there are."""
    query = _assets().where(AssetType.code == asset_type)
    if first:
        query = query.where(Asset.code >= first.upper())
    if last:
        query = query.where(Asset.code <= last.upper())
    count = query.count()
    if count > MOST_LABELS:
        raise _too_many(count)
    if not count:
        raise InvalidInput("type", N_("There is no box of this type in this range."))
    return list(query.order_by(Asset.code))


def assets_of_ids(ids: Sequence[int]) -> list[Asset]:
    """These assets by their codes; those that are not there any more, or not for who asks, are left out."""
    return list(_assets().where(one_of(Asset.id, ids)).order_by(Asset.code))


def _assets() -> ModelSelect[Asset]:
    """Assets with what a label says of them."""
    query = (
        Asset.select(Asset, AssetType, Party).join(AssetType).switch(Asset).join(Party, on=(Asset.owner == Party.id))
    )
    return seen(visible_assets, query)  # type: ignore[no-any-return]


def _too_many(count: int) -> Refused:
    return Refused(
        "too_many_labels",
        N_("These are %(count)s labels; at most %(most)s are printed at a time. Choose a smaller range."),
        count=count, most=MOST_LABELS,
    )  # fmt: skip


def labels(assets: Sequence[Asset], sheet: Sheet, base_url: str) -> list[Label]:
    """What the labels of these assets say. Refused when the link is too long for a label of this size."""
    places: dict[tuple[int, int | None], Place | None] = {}
    return [_label(asset, sheet, base_url, places) for asset in assets]


def _label(asset: Asset, sheet: Sheet, base_url: str, places: dict[tuple[int, int | None], Place | None]) -> Label:
    uri = label_uri(base_url, asset)
    svg = qr_svg(uri, "Q")
    side = module_side(modules(svg), sheet) * modules(svg)
    code_width = sheet.text_width
    return Label(
        code=asset.code,
        code_size=min(sheet.code_pt, (code_width / Decimal("0.235") / len(asset.code)).quantize(Decimal("0.1"))),
        grai=f"(8003) {asset.grai}" if asset.grai else "",
        uri=uri,
        qr=Markup(svg),  # noqa: S704  (made by qr_svg from figures only)
        qr_side=side,
        type_en=asset.asset_type.name_en,
        type_zh=asset.asset_type.name_zh,
        tare=f"{asset.asset_type.tare.normalize():f}",
        owner=asset.owner.name_en,
        return_to=_return_to(asset, places),
    )


def _return_to(asset: Asset, places: dict[tuple[int, int | None], Place | None]) -> tuple[str, ...]:
    key = asset.owner_id, asset.return_place_id
    if key not in places:  # a sheet of a thousand boxes has one or two of them
        places[key] = return_place(asset)
    place = places[key]
    at = place or asset.owner
    address = ", ".join(line.strip().rstrip(",") for line in at.address_en.splitlines() if line.strip())
    return tuple(
        line
        for line in (place.name_en if place else "", f"{address}, {countries()[at.country].name('en')}", at.phone)
        if line
    )


def modules(svg: str) -> int:
    """Modules of one side of a QR code made by `qr_svg`, quiet zone included."""
    found = re.search(r'viewBox="0 0 (\d+) ', svg)
    assert found is not None
    return int(found[1])


def module_side(count: int, sheet: Sheet) -> Decimal:
    """mm of one module so that `count` of them fit: the largest whole number of dots. Refused below three dots."""
    side = (sheet.qr_area / count // DOT) * DOT
    if side < SMALLEST_MODULE:
        raise Refused(
            "label_too_small",
            N_(
                "The link is too long for a readable code on this label. Choose a larger one or a shorter base address."
            ),
        )
    return side


def size_css(sheet: Sheet) -> str:
    """The style that says how large the pages and the labels of a sheet are."""
    (width, height), (label_width, label_height) = sheet.page, sheet.label
    return f"@page {{ size: {width}mm {height}mm; }} .label {{ width: {label_width}mm; height: {label_height}mm; }}"


def check(assets: Sequence[Asset], sheet: Sheet, skip: int) -> None:
    """Raises InvalidInput or Refused when these labels cannot be printed so."""
    if not assets:
        raise InvalidInput("codes", N_("Choose at least one box."))
    if len(assets) > MOST_LABELS:
        raise _too_many(len(assets))
    if not 0 <= skip < sheet.labels:
        raise InvalidInput(
            "skip", N_("A sheet has %(labels)s labels; fewer than that can be used already."), labels=sheet.labels
        )


def pdf(
    assets: Sequence[Asset], sheet: Sheet, base_url: str, skip: int = 0, step: Callable[[int], None] | None = None
) -> bytes:
    """The label sheets as PDF. `skip`: labels of the first sheet that are used already; `step`: told now and then how
    many labels are made, as long as some are not."""
    check(assets, sheet, skip)
    cells: list[Label | None] = [None] * skip + list(labels(assets, sheet, base_url))
    pages = [cells[begin : begin + sheet.labels] for begin in range(0, len(cells), sheet.labels)]
    # A thousand labels take seconds: in parts, so that other papers are made in between.
    parts = max(1, _LABELS_AT_ONCE // sheet.labels)
    options = {"stylesheets": ("css/label_sheet.css",), "sheet_css": size_css(sheet), "variant": None}
    jobs = [
        Job(render.html("label_sheet.html", sheet=sheet, pages=pages[begin : begin + parts]), options)
        for begin in range(0, len(pages), parts)
    ]
    files: list[bytes] = []
    together = _PARTS_BETWEEN_STEPS if step else max(1, len(jobs))
    for begin in range(0, len(jobs), together):
        if step and begin:  # not after the last one: what is all made is not stopped any more
            step(begin * parts * sheet.labels - skip)
        files += [paper_or_error(answer).data for answer in render_many(jobs[begin : begin + together])]
    return files[0] if len(files) == 1 else render.merge(files, "Labels")
