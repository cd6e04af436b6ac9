"""New boxes from a list, a range or a table: what was typed or uploaded becomes rows of type and code."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from peewee import IntegrityError

from accounts.models import User
from accounts.scope import seen
from assets import state as rules
from assets.balances import day_at
from assets.labels import checked_code, grai, new_code
from assets.ledger import Change, insert_rows, parts, store
from assets.models import Asset, ScanEvent
from assets.scan_told import ScanInput
from assets.scanning import record_scans
from assets.state import Event, State
from database import taking_turns, tell_created, tuples
from errors import N_, InvalidInput, Message, Refused
from master_data.models import AssetType, Party, Place
from master_data.visible import visible_parties, visible_places
from spreadsheets import Table, TableRow

MAX_BOXES = 5_000

_COLUMNS = {
    "code": ("code", "box", "编号", "编码", "箱号", "代码"),
    "type": ("type", "box type", "类型", "箱型"),
    "party": ("party", "partner", "holder", "合作方", "伙伴", "持有方"),
    "since": ("since", "out since", "自", "起始日期", "外出日期"),
}


@dataclass(frozen=True)
class Opening:
    """Who has a box already when it is registered, at which of his places, and since which day; None: nobody knows."""

    party: Party
    place: Place | None = None
    since: date | None = None


@dataclass(frozen=True)
class NewBox:
    """One box to register. `opening` None: it stands at home."""

    asset_type: AssetType
    code: str
    opening: Opening | None = None


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


def check_since(since: date | None, return_place: Place | None, now: datetime, field: str) -> None:
    """Raises InvalidInput(`field`) for a day since when no box can be out."""
    if since is not None and not date(2000, 1, 1) <= since <= day_at(return_place, now):
        raise InvalidInput(field, N_("A day from 2000-01-01 until today is needed."))


def read_boxes(table: Table, asset_type: AssetType | None, opening: Opening | None = None) -> ReadBoxes:
    """The boxes in a table with a column `code` and, where the file names several of them, `type`, `party`, `since`.

    `asset_type`, `opening`: of the rows that name none.
    """
    header = [unicodedata.normalize("NFKC", cell).strip().lower() for cell in table.header]
    at = {
        name: next((header.index(word) for word in words if word in header), None) for name, words in _COLUMNS.items()
    }
    if at["code"] is None:
        raise InvalidInput("file", N_("The first row must name a column “code”."))
    if len(table.rows) > MAX_BOXES:
        raise InvalidInput("file", N_("From 1 to %(max)s boxes at a time."), max=MAX_BOXES)
    types = {row.code.upper(): row for row in AssetType.select().where(~AssetType.counted, ~AssetType.archived)}
    partners = seen(visible_parties, Party.select().where(~Party.archived, ~Party.own))
    parties = {row.code.upper(): row for row in partners}
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
            try:
                boxes.append(NewBox(kind, code, _opening_of(table, row, at, parties, opening)))
            except InvalidInput as error:
                problems.append((error.field, error.message))
    taken = existing_codes([box.code for box in boxes])
    problems += [(cells[code], Message(N_("%(code)s is registered already."), {"code": code})) for code in taken]
    if not boxes and not problems:
        raise InvalidInput("file", N_("The file names no box."))
    return ReadBoxes(boxes, problems)


def _opening_of(
    table: Table, row: TableRow, at: dict[str, int | None], parties: dict[str, Party], otherwise: Opening | None
) -> Opening | None:
    def said(name: str) -> tuple[str, str]:
        column = at[name]
        return ("", "") if column is None else (row.cells[column].strip(), table.cell(row, column))

    code, cell = said("party")
    found = otherwise
    if code:
        if code.upper() not in parties:
            raise InvalidInput(cell, N_("There is no partner of the code “%(code)s”."), code=code[:40])
        found = Opening(parties[code.upper()])
    since, cell = said("since")
    if not since:
        return found
    if found is None:
        raise InvalidInput(cell, N_("Since when, but not at whom: name the partner too."))
    try:
        day = date.fromisoformat(since[:10])
    except ValueError:
        raise InvalidInput(cell, N_("“%(found)s” is not a date; write it like 2026-11-23."), found=since[:30]) from None
    return replace(found, since=day)


def register_assets(
    asset_type: AssetType,
    codes: Iterable[str],
    owner: Party,
    return_place: Place | None,
    user: User | None,
    now: datetime,
) -> list[Asset]:
    """Register new assets of one type: the rows and their commission events. All of them or none.

    Raises InvalidInput for a code that this type cannot have, Refused with the codes that exist or come twice.
    """
    if asset_type.counted:
        raise Refused(
            "counted_type", N_("Boxes of the type %(type)s are only counted; they have no codes."), type=asset_type.code
        )
    checked = [checked_code(asset_type, code) for code in codes]
    twice = sorted({code for code in checked if checked.count(code) > 1}) if len(set(checked)) < len(checked) else []
    if twice:
        raise Refused("code_twice", N_("These codes come twice: %(codes)s"), codes=_some(twice))
    try:
        with taking_turns():
            return _register(asset_type, checked, owner, return_place, user, now)
    except IntegrityError as error:  # somebody else registered one of them in the same moment
        raise _exist(existing_codes(checked) or checked) from error


def _register(
    asset_type: AssetType, codes: list[str], owner: Party, return_place: Place | None, user: User | None, now: datetime
) -> list[Asset]:
    existing = existing_codes(codes)
    if existing:
        raise _exist(existing)
    place_own = bool(return_place and return_place.party.own)
    events = [
        Event(
            str(uuid4()), "commission", now, now, place_id=return_place.id if return_place else None,
            place_party_id=return_place.party_id if return_place else None, place_own=place_own, party_id=owner.id,
        )
        for _ in codes
    ]  # fmt: skip
    rows = [
        {
            "code": code, "grai": grai(asset_type, code), "asset_type": asset_type.id, "owner": owner.id,
            "return_place": return_place.id if return_place else None, "created_time": now,
        }
        for code in codes
    ]  # fmt: skip
    insert_rows(Asset, rows)
    made: dict[str, Asset] = {}
    for part in parts(codes):
        made.update({asset.code: asset for asset in Asset.select().where(Asset.code.in_(part))})
    tell_created(Asset, {made[row["code"]].id: row for row in rows})
    insert_rows(
        ScanEvent,
        [
            {
                "event_id": event.event_id, "type": "commission", "asset": made[code].id, "scanned_text": code,
                "place": event.place_id, "party": owner.id, "event_time": now, "record_time": now,
                "user": user.id if user else None,
                "body_sha256": hashlib.sha256(f"commission {code}".encode()).hexdigest(),
            }
            for code, event in zip(codes, events, strict=True)
        ],
    )  # fmt: skip
    store(
        [
            Change(made[code], State(), [rules.apply(State(), event)], whole=False, count=1, last=now)
            for code, event in zip(codes, events, strict=True)
        ],
        now,
    )
    found = {asset.code: asset for part in parts(codes) for asset in Asset.select().where(Asset.code.in_(part))}
    return [found[code] for code in codes]


def existing_codes(codes: Sequence[str]) -> list[str]:
    """Those of `codes` that are registered already."""
    found: list[str] = []
    for part in parts(codes):
        query = Asset.select(Asset.code).where(Asset.code.in_(part)).order_by(Asset.code)
        found += [code for (code,) in tuples(query)]
    return found


def _exist(codes: Sequence[str]) -> Refused:
    return Refused("code_exists", N_("These codes are registered already: %(codes)s"), codes=_some(codes))


def _some(codes: Sequence[str]) -> str:
    return ", ".join(codes[:20]) + (f" … ({len(codes)})" if len(codes) > 20 else "")


def register(
    boxes: Sequence[NewBox], owner: Party, return_place: Place | None, user: User | None, now: datetime
) -> list[Asset]:
    """Register boxes of any types, all or none; those that are out already are told so by an event of their own.

    That event has happened at noon of the day, by the calendar of the return place; when nobody knows the day, now.
    Errors as register_assets; InvalidInput(`since`) for a day that cannot be.
    """
    by_type: dict[AssetType, list[str]] = {}
    for box in boxes:
        by_type.setdefault(box.asset_type, []).append(box.code)
        if box.opening:
            check_since(box.opening.since, return_place, now, "since")
    with taking_turns():
        made = [
            asset
            for asset_type, codes in by_type.items()
            for asset in register_assets(asset_type, codes, owner, return_place, user, now)
        ]
        told = [_told(box.code, box.opening, return_place, now) for box in boxes if box.opening]
        for answer in record_scans(told, user, now) if told else ():
            if answer.outcome != "recorded":
                raise Refused(answer.reason or answer.field or "opening", answer.text.text, **answer.text.values)
    codes = [asset.code for asset in made]
    return [asset for part in parts(codes) for asset in Asset.select().where(Asset.code.in_(part))] if told else made


def _told(code: str, opening: Opening, return_place: Place | None, now: datetime) -> ScanInput:
    zone = ZoneInfo(return_place.timezone if return_place else "UTC")
    noon = datetime.combine(opening.since, time(12), zone) if opening.since else now
    if opening.since and noon >= now:  # since this morning: that is known, and now would say that it is not
        noon = now - timedelta(minutes=1)
    place = opening.place.code if opening.place else ""
    return ScanInput(str(uuid4()), "opening", code, noon, party=opening.party.code, place=place, device="desk")


def boxes_as_text(boxes: Sequence[NewBox]) -> str:
    """Boxes in one text, for the page that shows them before they are registered."""
    return "\n".join("\t".join((box.asset_type.code, box.code, *_opening_as_text(box.opening))) for box in boxes)


def _opening_as_text(opening: Opening | None) -> tuple[str, ...]:
    if opening is None:
        return ()
    return (
        opening.party.code,
        opening.place.code if opening.place else "",
        opening.since.isoformat() if opening.since else "",
    )


def boxes_of_text(text: str) -> list[NewBox]:
    """The reverse of boxes_as_text; everything in it is checked again."""
    types = {row.code: row for row in AssetType.select()}
    parties = {row.code: row for row in seen(visible_parties, Party.select())}
    places = {row.code: row for row in seen(visible_places, Place.select())}
    boxes = []
    for line in text.splitlines():
        kind, code, *out = line.split("\t")[:5] if "\t" in line else (line, "")
        if kind not in types:
            raise InvalidInput("boxes", N_("There is no box type “%(code)s”."), code=kind[:40])
        opening = None
        if out:
            party, place, since = (*out, "", "")[:3]
            if party not in parties:
                raise InvalidInput("boxes", N_("There is no partner of the code “%(code)s”."), code=party[:40])
            try:
                day = date.fromisoformat(since) if since else None
            except ValueError:
                wrong = N_("“%(found)s” is not a date; write it like 2026-11-23.")
                raise InvalidInput("boxes", wrong, found=since[:30]) from None
            opening = Opening(parties[party], places.get(place), day)
        boxes.append(NewBox(types[kind], code, opening))
    if not boxes:
        raise InvalidInput("boxes", N_("There is no box type “%(code)s”."), code="")
    return boxes
