"""New boxes from a list, a range or a table: what was typed or uploaded becomes rows of type and code."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.models import User
from assets.labels import checked_code, new_code
from assets.models import Asset
from assets.scanning import existing_codes, register_assets
from database import taking_turns
from errors import N_, InvalidInput, Message
from master_data.models import AssetType, Party, Place
from spreadsheets import Table

MAX_BOXES = 5_000

_COLUMNS = {"code": ("code", "box", "编号", "编码", "箱号", "代码"), "type": ("type", "box type", "类型", "箱型")}


@dataclass(frozen=True)
class NewBox:
    """One box to register."""

    asset_type: AssetType
    code: str


@dataclass(frozen=True)
class ReadBoxes:
    """What a file holds: the boxes, and what is wrong with it by cell. With a problem nothing is registered."""

    boxes: list[NewBox]
    problems: list[tuple[str, Message]]


def codes_of_text(text: str) -> list[str]:
    """Codes parted by blanks, commas or lines."""
    codes = [code for code in re.split(r"[\s,;，；]+", unicodedata.normalize("NFKC", text)) if code]
    if not codes:
        raise InvalidInput("codes", N_("Type at least one code."))
    return codes


def codes_of_range(asset_type: AssetType, prefix: str, first: int, count: int, digits: int) -> list[str]:
    """`count` codes: prefix and number from `first` on; with a check character where the type has no GRAI."""
    prefix = unicodedata.normalize("NFKC", prefix).strip().upper()
    if not 1 <= count <= MAX_BOXES:
        raise InvalidInput("count", N_("From 1 to %(max)s boxes at a time."), max=MAX_BOXES)
    if not 1 <= digits <= 9 or len(str(first + count - 1)) > digits:
        raise InvalidInput("digits", N_("The last number does not fit into so many digits."))
    if not re.fullmatch(r"[A-Z0-9][A-Z0-9-]*|", prefix):
        raise InvalidInput("prefix", N_("The prefix holds letters A–Z, digits and hyphens only."))
    codes = [new_code(asset_type, prefix, number, digits) for number in range(first, first + count)]
    checked_code(asset_type, codes[-1], "prefix")
    return codes


def read_boxes(table: Table, asset_type: AssetType | None) -> ReadBoxes:
    """The boxes in a table with a column `code` and, where the file names several types, `type`."""
    header = [unicodedata.normalize("NFKC", cell).strip().lower() for cell in table.header]
    at = {
        name: next((header.index(word) for word in words if word in header), None) for name, words in _COLUMNS.items()
    }
    if at["code"] is None:
        raise InvalidInput("file", N_("The first row must name a column “code”."))
    if len(table.rows) > MAX_BOXES:
        raise InvalidInput("file", N_("From 1 to %(max)s boxes at a time."), max=MAX_BOXES)
    types = {row.code.upper(): row for row in AssetType.select().where(~AssetType.counted, ~AssetType.archived)}
    boxes: list[NewBox] = []
    problems: list[tuple[str, Message]] = []
    cells: dict[str, str] = {}
    for row in table.rows:
        cell = table.cell(row, at["code"])
        kind = asset_type
        if at["type"] is not None and row.cells[at["type"]].strip():
            kind = types.get(row.cells[at["type"]].strip().upper())
            if kind is None:
                text = Message(N_("There is no box type “%(code)s”."), {"code": row.cells[at["type"]][:40]})
                problems.append((table.cell(row, at["type"]), text))
                continue
        if kind is None:
            problems.append((cell, Message(N_("No box type: choose one above, or name it in a column “type”."))))
            continue
        try:
            code = checked_code(kind, row.cells[at["code"]], cell)
        except InvalidInput as error:
            problems.append((cell, error.message))
            continue
        if code in cells:
            problems.append(
                (cell, Message(N_("%(code)s stands in %(cell)s already."), {"code": code, "cell": cells[code]}))
            )
        else:
            cells[code] = cell
            boxes.append(NewBox(kind, code))
    taken = existing_codes([box.code for box in boxes])
    problems += [(cells[code], Message(N_("%(code)s is registered already."), {"code": code})) for code in taken]
    if not boxes and not problems:
        raise InvalidInput("file", N_("The file names no box."))
    return ReadBoxes(boxes, problems)


def register(
    boxes: Sequence[NewBox], owner: Party, return_place: Place | None, user: User | None, now: datetime
) -> list[Asset]:
    """Register boxes of any types, all or none. Errors as register_assets."""
    by_type: dict[AssetType, list[str]] = {}
    for box in boxes:
        by_type.setdefault(box.asset_type, []).append(box.code)
    with taking_turns():
        return [
            asset
            for asset_type, codes in by_type.items()
            for asset in register_assets(asset_type, codes, owner, return_place, user, now)
        ]


def boxes_as_text(boxes: Sequence[NewBox]) -> str:
    """Boxes in one text, for the page that shows them before they are registered."""
    return "\n".join(f"{box.asset_type.code}\t{box.code}" for box in boxes)


def boxes_of_text(text: str) -> list[NewBox]:
    """The reverse of boxes_as_text; everything in it is checked again."""
    types = {row.code: row for row in AssetType.select()}
    pairs = [line.partition("\t")[::2] for line in text.splitlines() if line]
    wrong = next((kind for kind, _ in pairs if kind not in types), None)
    if wrong is not None or not pairs:
        raise InvalidInput("boxes", N_("There is no box type “%(code)s”."), code=(wrong or "")[:40])
    return [NewBox(types[kind], code) for kind, code in pairs]
