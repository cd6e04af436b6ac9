"""Bar codes as drawings: the GS1-128 of an SSCC. Pure; the QR codes are made in `assets.labels`."""

from __future__ import annotations

import re

import zxingcpp
from markupsafe import Markup

#: Modules of a GS1-128 that holds (00) and an SSCC: start, FNC1, ten pairs of digits and the check symbol of 11 modules
#: each, the stop of 13, and 10 of quiet zone on either side (ISO/IEC 15417).
SSCC_MODULES = 13 * 11 + 13 + 2 * 10

_PATH = re.compile(r'<svg width="(\d+)" height="(\d+)".* d="([MhvZ0-9 -]+)"', re.DOTALL)


def sscc_bars(sscc: str) -> Markup:
    """The GS1-128 of `(00)<sscc>` as an <svg> that fills the box it is given: a module is 1/176 of its width.

    The quiet zones are part of it. Raises ValueError when `sscc` is not 18 digits with the right check digit.
    """
    made = zxingcpp.create_barcode(f"(00){sscc}", zxingcpp.BarcodeFormat.Code128, gs1=True)
    found = _PATH.search(made.to_svg(scale=1))
    if found is None or found[1] != str(SSCC_MODULES):
        raise ValueError(f"{sscc} makes no GS1-128 of {SSCC_MODULES} modules")
    width, height, path = found.groups()
    return Markup(  # noqa: S704  (digits and letters of a path, nothing else)
        f'<svg class="bars" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'preserveAspectRatio="none" shape-rendering="crispEdges"><path fill="#000" d="{path}"/></svg>'
    )
