"""What a scanner or a finger typed, made into a code. Pure: text in, ScannedCode out, and it never raises.

Wedges, cameras, input methods and partners' labels spell the same box in many ways. What can be put right without
guessing is put right here, in a fixed order; what cannot is named (`reason`), so that the person with the scanner reads
a sentence instead of "error". The raw text always stays. O and 0, I and 1 are never guessed: the check character tells.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from biip import ParseError
from biip.checksums import gs1_standard_check_digit
from biip.gs1_messages import GS1Message
from biip.gs1_prefixes import GS1CompanyPrefix
from stdnum import iso6346

MAX_LENGTH = 512

KINDS = ("grai", "code", "shipment", "freight_container", "sscc", "licence_plate", "unreadable")


@dataclass(frozen=True)
class ScannedCode:
    """What a text is. `canonical`: GRAI (14 digits + serial), own code, number of a shipment, ISO 6346 number, SSCC.

    `reason` is empty for what may be a box or a shipment, else it says why it is neither. `warnings` tell what was odd
    about the spelling: grai_without_zero, doubled.
    """

    kind: str
    canonical: str
    raw: str
    warnings: tuple[str, ...] = ()
    reason: str = ""


_INVISIBLE = re.compile("[\ufeff\u200b-\u200f\u202a-\u202e\u2060-\u2069\u00ad\ufe0f]")
_LINES = re.compile(r"[\r\n\t]+")
_DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63]")
_ENDS = " \t\r\n\0\x02\x03\x1c\x1d"  # STX and ETX of serial readers, a separator without anything behind it
_AIM = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_SEPARATORS = (
    (re.compile(r"<GS>|\{GS\}|\\x1d|\\u001d|\^\]|␝", re.I), "\x1d"),
    (re.compile(r"<RS>|\{RS\}|\\x1e|\\u001e|\^\^|␞", re.I), "\x1e"),
    (re.compile(r"<EOT>|\{EOT\}|\\x04|\\u0004|\^D|␄"), "\x04"),
)
_SPELT = re.compile(r"[<{\\^␝␞␄]")  # a separator begins with one of these
_HTTP = re.compile(r"https?://", re.I)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SERIAL = r"[!%-?A-Z_a-z\"]"  # GS1 character set 82
_VALID = re.compile(rf"(\d+?)(\d)({_SERIAL}*)")
_OWN_CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{2,22}[A-Z0-9]")
#: A GRAI of ours without its application identifier, where it is longer than a code can be.
_BARE_GRAI = re.compile(r"(0[0-9]{12})([0-9])[A-Z0-9-]{11,16}")
_NUMBER = re.compile(r"[A-Z0-9][A-Z0-9-]{0,23}")
_LICENCE_PLATE = re.compile(r"[1-6]J(UN|OD|L[A-Z])[A-Z0-9+/-]{4,46}")  # ISO/IEC 15459: who issued it, then the company
_BRACKETS = re.compile(r"\((\d{2,4})\)([^(]*)")
_GS1_PATH = re.compile(r"(?:^|/)(8003|00)/([^/]*)")
_SIMPLE_LINK = re.compile(r"https?://([a-z0-9.-]+(?::[0-9]{1,5})?)(/[a-z0-9/._-]*)", re.I | re.A)
_GTIN_PATH = re.compile(r"/01/\d{14}(/|$)")
_OWN_PATH = re.compile(r"(?:^|/)([as])/([^/]+)/?$", re.I)
#: What a keyboard of another language makes of https:// and of the hyphen; digits of a French one.
_LAYOUT = re.compile(r"https?(?!s?://)[^A-Za-z0-9].*|[)*]8003[=(].*", re.I | re.S)
_LAYOUT_LETTERS = re.compile(r"(?=.*[A-Z0-9])[A-Z0-9&\"'(_)=;:,.!?/+*#-]*[ßöäüéèàçùñ§°´^`][^\s<>{}]*", re.I)
_FRENCH_DIGITS = re.compile(r"[A-Za-z-]*[&\"'(_][A-Za-z&\"'(_-]*")
_REFUSED = re.compile(r"(javascript|vbscript|data|file|blob|wifi|mailto|tel|sms|smsto|geo|mecard|begin|otpauth):", re.I)


class _Unreadable(Exception):
    """This text is surely meant to be `kind`, and surely wrong."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def read_scanned_text(text: str, own_hosts: Collection[str]) -> ScannedCode:
    """What `text` is. `own_hosts`: host names (with port where there is one) whose /a/ and /s/ links are ours."""
    # A box that goes out is scanned again a moment later, when it is loaded, and the plate says the same.
    return (_known if len(text) <= MAX_LENGTH else _read)(text, tuple(own_hosts))


def _read(text: str, own_hosts: tuple[str, ...]) -> ScannedCode:
    raw = storable(text[:MAX_LENGTH])
    if len(text) > MAX_LENGTH:
        return ScannedCode("unreadable", "", raw, reason="too_long")
    clean = storable(text).strip(_ENDS)
    if not clean.isascii():
        clean = _INVISIBLE.sub("", clean).strip(_ENDS)
        clean = _DASHES.sub("-", unicodedata.normalize("NFKC", clean)).strip(_ENDS)
    if len(clean) > MAX_LENGTH:  # some single characters are a sentence to NFKC
        return ScannedCode("unreadable", "", raw, reason="too_long")
    found = _parse(clean, own_hosts)
    lines = [line for line in _LINES.split(clean) if line]
    half = lines[0] if len(lines) == 2 and lines[0] == lines[1] else clean[: len(clean) // 2]
    if half and half * 2 == "".join(lines):
        # Two output channels at once. For a plain code X+X may be a code of its own: whoever looks it up asks for both.
        once = _parse(half, own_hosts)
        if once.kind != "unreadable":
            found = replace(once, warnings=(*once.warnings, "doubled"))
    return found if found.raw == raw else replace(found, raw=raw)


_known = lru_cache(4_096)(_read)


def company_prefix(grai: str) -> str:
    """The GS1 company prefix in a GRAI as far as the published table knows its length; else empty."""
    try:
        prefix = GS1CompanyPrefix.extract(grai[1:14])
    except (ParseError, ValueError):
        return ""
    return prefix.value if prefix else ""


def storable(text: str) -> str:
    """`text` without what no database takes: a NUL becomes its picture, half a surrogate pair a question mark."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "␀").encode("utf-8", "replace").decode("utf-8")


def _parse(text: str, own_hosts: Collection[str]) -> ScannedCode:
    try:
        return _kind(text, own_hosts) or ScannedCode("unreadable", "", text, reason="unreadable")
    except _Unreadable as fault:
        return ScannedCode("unreadable", "", text, reason=fault.reason)


def _kind(text: str, own_hosts: Collection[str]) -> ScannedCode | None:
    if prefix := _AIM.match(text):
        text = text[prefix.end() :]
    if _SPELT.search(text):
        for spelling, character in _SEPARATORS:
            text = spelling.sub(character, text)
        text = text.strip(_ENDS)
    if _HTTP.match(text):
        return _link(text, own_hosts)
    if _REFUSED.match(text):
        return None
    for reader in (_brackets, _element_string, _epc_urn, _envelope):
        if found := reader(text):
            return found
    if _CONTROL.search(text):
        return None
    return _plain(text)


def _link(text: str, own_hosts: Collection[str]) -> ScannedCode | None:
    if simple := _SIMPLE_LINK.fullmatch(text):  # as our labels have it; nothing in it can mean anything else
        host, path = simple[1].lower(), simple[2]
    else:
        try:
            parts = urlsplit(text)
            host, path = parts.netloc.lower().rpartition("@")[2], unquote(parts.path, errors="strict")
        except (UnicodeDecodeError, ValueError):
            return None
        if _CONTROL.search(path):
            return None
    if gs1 := _GS1_PATH.search(path):
        return _grai(gs1[2]) if gs1[1] == "8003" else _sscc(gs1[2])
    if _GTIN_PATH.search(path):
        raise _Unreadable("goods_label")
    ours = {name.lower() for name in own_hosts}
    if host not in ours and host.rpartition(":")[0] not in ours:
        raise _Unreadable("foreign_link")
    if own := _OWN_PATH.search(path):
        code = own[2].upper() if own[2].isascii() else ""
        if own[1] in "sS":
            return ScannedCode("shipment", code, text) if _NUMBER.fullmatch(code) else None
        return ScannedCode("code", code, text) if _OWN_CODE.fullmatch(code) else None
    raise _Unreadable("foreign_link")


def _brackets(text: str) -> ScannedCode | None:
    """(8003)0401…, as it stands in clear text under a bar code, with or without spaces."""
    if not _BRACKETS.match(text):
        return None
    parts = {ai: re.sub(r"[\s\x1d]", "", value) for ai, value in _BRACKETS.findall(text)}
    return _of_identifiers(parts)


def _element_string(text: str) -> ScannedCode | None:
    """8003…, alone or among other application identifiers with separators between them."""
    if text.startswith("8003") and "\x1d" not in text:
        if re.match(r"8003\d{13}", text):
            return _grai(text[4:])
        return None
    if "\x1d" in text or re.fullmatch(r"00\d{18}", text):
        try:
            message = GS1Message.parse(text)
        except (ParseError, ValueError):
            return None
        return _of_identifiers({part.ai.ai: part.value for part in message.element_strings})
    return None


def _of_identifiers(parts: dict[str, str]) -> ScannedCode | None:
    if "8003" in parts:
        return _grai(parts["8003"])
    if "00" in parts:
        return _sscc(parts["00"])
    if parts.keys() & {"01", "02", "10", "21", "37", "241"}:
        raise _Unreadable("goods_label")
    return None


def _grai(text: str) -> ScannedCode:
    """14 digits and a serial; 13 digits are taken with a warning, as some systems leave the leading zero out."""
    text = text.strip()
    for length, warnings in ((14, ()), (13, ("grai_without_zero",))):
        digits, serial = text[:length], text[length:]
        if not (digits.isascii() and digits.isdecimal() and len(digits) == length and _VALID.fullmatch(text)):
            continue
        if length == 14 and digits[0] != "0":
            continue
        if gs1_standard_check_digit(digits[:-1]) != int(digits[-1]):
            continue
        if len(serial) > 16:
            raise _Unreadable("no_separator")  # another identifier may have run into it; where it starts is unknown
        # Our serials are capitals, a partner's is only shown: the case of a serial never keeps a box from being found.
        return ScannedCode("grai", ("0" if length == 13 else "") + digits + serial.upper(), text, warnings)
    raise _Unreadable("check_digit" if re.match(r"\d{13}", text) else "unreadable")


def _sscc(text: str) -> ScannedCode | None:
    digits = text.strip()[:18]
    if not re.fullmatch(r"[0-9]{18}", digits):
        return None
    if gs1_standard_check_digit(digits[:-1]) != int(digits[-1]):
        raise _Unreadable("check_digit")
    return ScannedCode("sscc", digits, text, reason="goods_label")


def _epc_urn(text: str) -> ScannedCode | None:
    found = re.match(r"urn:epc:(?:id|tag|idpat|pat):([a-z0-9]+)(?:-\d+)?:(.*)", text, re.I | re.S)
    if not found:
        return None
    fields = found[2].split(".")
    if ":tag:" in text.lower() or ":pat:" in text.lower():
        fields = fields[1:]  # the filter value of an RFID tag
    if len(fields) < 2 or not all(re.fullmatch(r"[0-9]+", field) for field in fields[:2]):
        return None
    scheme, digits = found[1].lower(), fields[0] + fields[1]
    if scheme == "grai" and len(digits) == 12:
        serial = unquote(".".join(fields[2:]))
        return _grai(f"0{digits}{gs1_standard_check_digit(digits)}{'' if serial == '*' else serial}")
    if scheme == "sscc" and len(digits) == 17:
        digits = fields[1][0] + fields[0] + fields[1][1:]
        return _sscc(f"{digits}{gs1_standard_check_digit(digits)}")
    return None


def _envelope(text: str) -> ScannedCode | None:
    """ISO/IEC 15434: [)> RS format GS field GS field … RS EOT, as on automotive labels."""
    if not text.startswith("[)>"):
        return None
    fields = [field for field in re.split(r"[\x04\x1d\x1e]", text[3:]) if field]
    for field in fields:
        if container := re.fullmatch(r"(?:1B|B)([A-Z0-9-]{4,24})", field.upper()):
            return _plain(container[1])
        if re.match(r"(25|55)B", field):
            raise _Unreadable("foreign_label")
        if found := _element_string(field):
            return found
    for field in fields:
        if _LICENCE_PLATE.fullmatch(field.upper()):
            return ScannedCode("licence_plate", field.upper(), text, reason="goods_label")
    raise _Unreadable("goods_label")


def _plain(text: str) -> ScannedCode | None:
    upper = text.upper() if text.isascii() else text  # "ß".upper() is "SS": it would hide the wrong keyboard
    if _LICENCE_PLATE.fullmatch(upper):
        return ScannedCode("licence_plate", upper, text, reason="goods_label")
    compact = upper.replace(" ", "")
    if re.fullmatch(r"[A-Z]{3}[UJZ][0-9]{7}", compact) and iso6346.is_valid(compact):
        return ScannedCode("freight_container", compact, text, reason="freight_container")
    bare = _BARE_GRAI.fullmatch(upper)
    if _OWN_CODE.fullmatch(upper) or (bare and gs1_standard_check_digit(bare[1]) == int(bare[2])):
        return ScannedCode("code", upper, text)
    if _LAYOUT.fullmatch(text) or _LAYOUT_LETTERS.fullmatch(text) or _FRENCH_DIGITS.fullmatch(text):
        raise _Unreadable("keyboard_layout")
    return None
