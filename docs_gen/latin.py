"""Text as carriers take it: capital Latin letters, digits and the signs of EDIFACT's level A (ISO 9735, UNOA)."""

from __future__ import annotations

import unicodedata

#: characters of a line on the papers and in the messages of carriers (EDIFACT C080, C059: 35)
CARRIER_LINE = 35

#: letters that are not a plain letter with an accent, or whose accent is written out (ICAO Doc 9303, part 3, section 6)
_LETTERS = {
    "Ä": "AE", "Ö": "OE", "Ü": "UE", "ẞ": "SS", "Å": "AA", "Æ": "AE", "Ø": "OE", "Œ": "OE", "Ł": "L", "Đ": "D",
    "Ð": "D", "Þ": "TH", "Ħ": "H", "Ŋ": "N", "Ŧ": "T", "ı": "I",
    "–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "„": '"', "×": "X", "\u00a0": " ",
}  # fmt: skip
_TAKEN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,-()/='+:?!\"%&*;<>\n")


def carrier_text(text: str) -> str:
    """`text` in capitals, accented letters spelled as in a passport; what has no such spelling stays as it is."""
    composed = unicodedata.normalize("NFKC", text).upper()  # ß becomes SS
    spelled = "".join(_LETTERS.get(letter, letter) for letter in composed)
    plain = unicodedata.normalize("NFKD", spelled)
    return unicodedata.normalize("NFC", "".join(c for c in plain if not unicodedata.combining(c)))


def not_for_carriers(text: str) -> str:
    """The characters of `text` that a carrier does not take even so, each once, in their order."""
    return "".join(dict.fromkeys(c for c in carrier_text(text) if c not in _TAKEN))
