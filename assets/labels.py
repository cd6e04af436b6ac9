"""What stands on a label: the code people read, and the link that its QR code holds.

With a GS1 company prefix the link is a GS1 Digital Link of the GRAI; any company's software reads it. Without one it is
our own short link. Both hold the code of the asset and never the id of a row, because a plate outlives every database.
Scheme and host are written in capitals (they are the same to every reader): a QR code then packs two characters into
11 bits instead of 16, and the symbol gets one version smaller.
"""

from __future__ import annotations

import re
from typing import Protocol
from urllib.parse import quote, urlsplit

from biip.checksums import gs1_standard_check_digit
from stdnum.iso7064 import mod_37_36

from errors import N_, InvalidInput

#: Longest serial of a GRAI (GS1: X..16) and longest code of a type without a GS1 prefix.
SERIAL_LENGTH, CODE_LENGTH = 16, 24

_CODE = re.compile(r"[A-Z0-9](?:[A-Z0-9-]*[A-Z0-9])?")
#: Of the eight masks of ISO/IEC 18004, the one in diagonals of three. A symbol tells its readers which mask it has.
#: Looking for the best takes 4 ms a code, and blurred, turned, small codes of our links are read no better for it.
_MASK = 3
_LEVELS = {"L": 1, "M": 0, "Q": 3, "H": 2}  # as the standard numbers them


class GraiType(Protocol):
    """What is needed of an asset type: both parts of its GRAI, empty without a GS1 prefix."""

    gs1_company_prefix: str
    gs1_asset_type: str


class Labelled(Protocol):
    """What is needed of an asset."""

    code: str
    grai: str | None


def grai(asset_type: GraiType, serial: str) -> str | None:
    """The GRAI (14 digits with check digit, then the serial); None for a type without a GS1 prefix."""
    payload = f"{asset_type.gs1_company_prefix}{asset_type.gs1_asset_type}"
    if not payload:
        return None
    return f"0{payload}{gs1_standard_check_digit(payload)}{serial}"


def check_character(text: str) -> str:
    """The ISO 7064 mod 37,36 character of a code; hyphens do not count. KLT000123 → L."""
    return str(mod_37_36.calc_check_digit(text.replace("-", "")))


def has_check_character(code: str) -> bool:
    """True when the last character of `code` is its ISO 7064 mod 37,36 character."""
    return bool(mod_37_36.is_valid(code.replace("-", "")))


def new_code(asset_type: GraiType, prefix: str, number: int, digits: int = 6) -> str:
    """The code of one asset in a range: prefix, number, and the check character where the type has no GRAI."""
    code = f"{prefix}{number:0{digits}d}"
    return code if asset_type.gs1_company_prefix else code + check_character(code)


def checked_code(asset_type: GraiType, text: str, field: str = "code") -> str:
    """`text` as a code of this type, in capitals; InvalidInput at `field` when it cannot be one."""
    code = text.strip().upper()
    longest = SERIAL_LENGTH if asset_type.gs1_company_prefix else CODE_LENGTH
    if not 4 <= len(code) <= longest or not _CODE.fullmatch(code):
        raise InvalidInput(
            field,
            N_("“%(code)s” is no code: 4 to %(longest)s letters A–Z, digits and hyphens."),
            code=code[:40],
            longest=longest,
        )
    if not asset_type.gs1_company_prefix and not has_check_character(code):
        stem = code[:-1].rstrip("-")
        raise InvalidInput(
            field,
            N_("The last character of “%(code)s” must be its check character: after %(stem)s it is %(right)s."),
            code=code, stem=stem, right=check_character(stem),
        )  # fmt: skip
    return code


def label_uri(base_url: str, asset: Labelled) -> str:
    """What the QR code of an asset holds: BASE/8003/<GRAI>, without a GRAI BASE/a/<code>."""
    if asset.grai:
        return f"{_loud(base_url)}/8003/{quote(asset.grai, safe='')}"
    return f"{_loud(base_url)}/a/{quote(asset.code, safe='')}"


def shipment_uri(base_url: str, number: str) -> str:
    """What the QR code on a packing list holds: BASE/s/<number of the shipment>."""
    return f"{_loud(base_url)}/s/{quote(number, safe='')}"


def own_hosts(base_url: str) -> tuple[str, ...]:
    """The host names whose /a/ and /s/ links are ours, for `read_scanned_text`."""
    parts = urlsplit(base_url)
    return parts.netloc.lower(), parts.hostname or ""


def _loud(base_url: str) -> str:
    """`base_url` with scheme and host in capitals; its path keeps its letters, there they make a difference."""
    parts = urlsplit(base_url)
    return f"{parts.scheme.upper()}://{parts.netloc.upper()}{parts.path.rstrip('/')}"


def qr_svg(text: str, error_correction: str = "M") -> str:
    """A QR code as an <svg> element to stand in HTML: a module is 1 unit, 4 modules of quiet zone, no size of its own.

    `error_correction` L, M, Q or H: Q on boxes, M on paper. Style it by the classes `qr`, `qr-ground` and `qr-dark`.
    """
    from qrcode.main import QRCode  # late: with Pillow behind it, it would make every start longer

    code = QRCode(error_correction=_LEVELS[error_correction], border=4, mask_pattern=_MASK)
    code.add_data(text)
    code.make(fit=True)
    rows = code.get_matrix()
    # One path of horizontal runs: a third of the size of a square for each module, and no hairlines between rows.
    path = "".join(
        f"M{run.start()} {y}h{run.end() - run.start()}v1h-{run.end() - run.start()}z"
        for y, row in enumerate(rows)
        for run in re.finditer("1+", "".join("1" if dark else "0" for dark in row))
    )
    size = len(rows)
    return (
        f'<svg class="qr" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges">'
        f'<path class="qr-ground" fill="#fff" d="M0 0h{size}v{size}H0z"/>'
        f'<path class="qr-dark" fill="#000" d="{path}"/></svg>'
    )
