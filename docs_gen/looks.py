"""What papers of one's own look like and say: logo, colour, pictures of seals, blocks of wording.

A picture is made anew from its pixels before it is kept: so nothing that came with it is, no metadata, no second
picture, no trick of a format; and a paper stays small. It is kept under its SHA-256 as the papers name it, and never
taken away, since papers that show it can be printed again.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import archive
from config import Store
from database import keep_writers_out, taking_turns
from docs_gen.models import Seal, SellerLook, TemplatePack, Wording
from docs_gen.render import missing_glyphs
from errors import N_, InvalidInput
from master_data.models import Party
from photos import opened

MAX_BYTES = 2 * 1024 * 1024
MAX_SIDE = 4000  # pixels of what is uploaded
_KEPT_SIDE = 1063  # pixels: 45 mm, the widest that a paper shows one, at 600 dots to the inch
_MIN_CONTRAST = 4.5  # to white, for text (WCAG 2.2, 1.4.3)
MAX_TEXT = 4000

#: where a wording may stand → what it is for; `_parts.html` and the contract's clauses place them
SLOTS = {
    "header": N_("Under the head: what is said first"),
    "terms": N_("With the terms of delivery and payment"),
    "bank": N_("With the bank"),
    "remark": N_("With the remarks"),
    "footer": N_("Below the signature"),
    "statement": N_("Statement about returnable boxes: what else is declared"),
    "clause-tolerance": N_("Sales contract: tolerance of quantity"),
    "clause-price": N_("Sales contract: price and total"),
    "clause-packing": N_("Sales contract: packing"),
    "clause-marks": N_("Sales contract: shipping marks"),
    "clause-shipment": N_("Sales contract: shipment"),
    "clause-payment": N_("Sales contract: payment"),
    "clause-insurance": N_("Sales contract: insurance"),
    "clause-documents": N_("Sales contract: documents"),
    "clause-claims": N_("Sales contract: inspection and claims"),
    "clause-force-majeure": N_("Sales contract: force majeure"),
    "clause-arbitration": N_("Sales contract: arbitration"),
    "clause-law": N_("Sales contract: governing law"),
    "clause-language": N_("Sales contract: language and copies"),
}
#: kinds of seals → their names
SEAL_KINDS = {"stamp": N_("Stamp"), "signature": N_("Signature")}


def picture(data: bytes, field: str, *, seal: bool = False) -> bytes:
    """The picture as a PNG of its own making, at most 1063 pixels wide and high. `seal`: it must be transparent.

    Raises InvalidInput(`field`): no PNG or JPEG, more than 2 MB or 4,000 pixels, a seal that would hide what is below.
    """
    unreadable = N_("This is not a PNG or JPEG picture that can be read.")
    made = opened(data, field, ("PNG", "JPEG"), MAX_BYTES, MAX_SIDE, unreadable, _KEPT_SIDE)
    if seal and (made.mode != "RGBA" or min(made.getchannel("A").tobytes()) > 0):
        raise InvalidInput(
            field,
            N_(
                "A stamp or signature must be a PNG with a transparent background: it stands on text that must be read."
            ),
        )
    from PIL import Image  # late: it would make every start longer

    plain = Image.new(made.mode, made.size)
    plain.paste(made)
    buffer = io.BytesIO()
    plain.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def colour(text: str) -> str:
    """#1a4f8b in small letters; '' for none. Raises InvalidInput(`colour`) when it is none or too pale on white."""
    text = text.strip().lower()
    if not text:
        return ""
    if not re.fullmatch(r"#[0-9a-f]{6}", text):
        raise InvalidInput("colour", N_("Write the colour like #1a4f8b."))
    if contrast(text) < _MIN_CONTRAST:
        raise InvalidInput(
            "colour",
            N_("This colour is too pale to be read on white (contrast %(found)s, at least %(least)s is needed)."),
            found=f"{contrast(text):.1f}",
            least=_MIN_CONTRAST,
        )
    return text


def contrast(text: str) -> float:
    """The contrast of a colour to white, 1 to 21 (WCAG 2.2, relative luminance)."""
    parts = [int(text[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)


def save_look(
    seller: Party, wanted: str, logo: bytes, keep_logo: bool, now: datetime, pictures_dir: Store
) -> SellerLook:
    """Colour and logo of one of our companies; `logo` b'': the one that there is, or with `keep_logo` false none.

    Raises InvalidInput(`colour`, `logo`).
    """
    chosen = colour(wanted)
    made = picture(logo, "logo") if logo else b""
    with taking_turns():
        look, _ = SellerLook.get_or_create(seller=seller, defaults={"changed_time": now})
        look.colour, look.changed_time = chosen, now
        if made:
            look.logo = archive.keep(pictures_dir, made, suffix=".png")
        elif not keep_logo:
            look.logo = ""
        look.save()
    return look


def save_seal(seal: Seal, values: dict[str, Any], data: bytes, now: datetime, pictures_dir: Store) -> None:
    """Write the checked `values` into a seal, new or not; `data` b'': it keeps its picture.

    Raises InvalidInput(`file`).
    """
    if data:
        seal.sha256 = archive.keep(pictures_dir, picture(data, "file", seal=True), suffix=".png")
    elif not seal.sha256:
        raise InvalidInput("file", N_("This is needed."))
    for name, value in values.items():
        setattr(seal, name, value)
    seal.changed_time = now
    seal.save()


def save_wording(wording: Wording, values: dict[str, Any], now: datetime) -> None:
    """Write the checked `values` into a wording, new or not.

    Raises InvalidInput(`text`): it cannot be printed; (`slot`): there is one for the same place, paper, parties and
    language, and nobody could tell which of them is meant.
    """
    if missing := missing_glyphs(values["text"]):
        raise InvalidInput("text", N_("No font of ours can print these characters: %(found)s"), found=missing[:40])
    with taking_turns():
        keep_writers_out(Wording)
        same = Wording.select().where(
            Wording.slot == values["slot"], Wording.type == values["type"], Wording.language == values["language"],
            _is(Wording.seller, values["seller"]), _is(Wording.customer, values["customer"]),
            Wording.destination == values["destination"], ~Wording.archived, Wording.id != (wording.id or 0),
        )  # fmt: skip
        if same.exists():
            raise InvalidInput(
                "slot", N_("There is a text for this place, paper, company, customer and destination already.")
            )
        for name, value in values.items():
            setattr(wording, name, value)
        wording.changed_time = now
        wording.save()


def _is(column: Any, row: Party | None) -> Any:
    return column.is_null() if row is None else column == row


def faults(pictures_dir: Store, packs_dir: Store) -> Iterator[str]:
    """One sentence for each kept picture or pack that is missing or changed, for `flask check`."""
    pictures = {look.logo for look in SellerLook.select().where(SellerLook.logo != "")}
    pictures |= {seal.sha256 for seal in Seal.select()}
    used = {pack.sha256 for pack in TemplatePack.select()}
    for folder, names, suffix in ((pictures_dir, pictures, ".png"), (packs_dir, used, ".zip")):
        for sha256 in sorted(names):
            try:
                archive.read(folder, sha256, suffix=suffix)
            except archive.ArchiveFault as fault:
                yield str(fault)
