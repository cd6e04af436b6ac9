"""The codes of a package's label as drawings: its SSCC as GS1-128 and as a link. Pure.

Bars and modules are drawn as strokes, not as rectangles: a stroke takes two commands of a path where a rectangle takes
five, and a third of the time of a label is the drawing of its codes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import zxingcpp
from biip import ParseError
from biip.sscc import Sscc
from markupsafe import Markup

#: Modules of a GS1-128 that holds (00) and an SSCC: start, FNC1, ten pairs of digits and the check symbol of 11 modules
#: each, the stop of 13, and 10 of quiet zone on either side (ISO/IEC 15417).
SSCC_MODULES = 13 * 11 + 13 + 2 * 10
#: Modules of one side of the QR code of a link: version 2 with the quiet zone of 4 (ISO/IEC 18004).
LINK_MODULES = 25 + 2 * 4

_SIZE = re.compile(r'<svg width="(\d+)" height="(\d+)"')
_RECTANGLE = re.compile(r"M(\d+) (\d+)h(\d+)v(\d+)h-\3Z")


def sscc_bars(sscc: str) -> Markup:
    """The GS1-128 of `(00)<sscc>` as an <svg> that fills the box it is given: a module is 1/176 of its width.

    The quiet zones are part of it. Raises ValueError when `sscc` is not 18 digits with the right check digit.
    """
    _must_be_sscc(sscc)
    made = zxingcpp.create_barcode(f"(00){sscc}", zxingcpp.BarcodeFormat.Code128, gs1=True)
    bars = _rectangles(made.to_svg(scale=1), SSCC_MODULES)
    return _drawing("bars", SSCC_MODULES, 1, "".join(f"M{x} .5h{width}" for x, _, width, _ in bars))


def sscc_link(sscc: str) -> Markup:
    """The QR code of the SSCC's GS1 Digital Link, `https://id.gs1.org/00/<sscc>`, as an <svg> of 33 × 33 modules.

    The address is the one that GS1 gives to every key (GS1 Digital Link, URI syntax, canonical form), so it is read
    everywhere and depends on no server of ours. Scheme and host are in capitals, which takes a smaller symbol.
    Raises ValueError for what is no SSCC.
    """
    _must_be_sscc(sscc)
    made = zxingcpp.create_barcode(f"HTTPS://ID.GS1.ORG/00/{sscc}", zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    strokes = [
        f"M{x + 0.5} {y}v{height}" if width == 1 else "".join(f"M{x} {y + row + 0.5}h{width}" for row in range(height))
        for x, y, width, height in _rectangles(made.to_svg(scale=1), LINK_MODULES)
    ]
    return _drawing("link", LINK_MODULES, LINK_MODULES, "".join(strokes))


def _must_be_sscc(text: str) -> None:
    try:
        Sscc.parse(text)  # zxing draws a wrong check digit as well
    except ParseError as error:
        raise ValueError(f"{text} is no SSCC") from error


def _rectangles(svg: str, modules: int) -> Iterator[tuple[int, ...]]:
    """x, y, width, height of every dark rectangle of a symbol of so many modules."""
    size = _SIZE.search(svg)
    if size is None or size[1] != str(modules):
        raise ValueError(f"the symbol has not {modules} modules")
    for found in _RECTANGLE.finditer(svg):
        yield tuple(map(int, found.groups()))


def _drawing(name: str, width: int, height: int, path: str) -> Markup:
    return Markup(  # noqa: S704  (digits and letters of a path, nothing else)
        f'<svg class="{name}" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'preserveAspectRatio="none"><path fill="none" stroke="#000" stroke-width="1" d="{path}"/></svg>'
    )
