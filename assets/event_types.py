"""The register of scan events: one entry for each kind, with what it does in every state of a box. Pure data.

A row of the table says for each shown state of the box, in the order of COLUMNS, what the scan does:

    →OUT             taken; the box is then OUT                 →      taken, nothing changes (a note)
    =                known: nothing new, nothing is written
    w:code→OUT       taken with an exception for someone to look at
    ?code→OUT        asks for one confirmation, then as written
    ✗code            refused; the row is kept
    [condition] …    holds only then (state.CONDITIONS); alternatives are parted by " / ", the last one is for the rest

A scan of what has already happened is never refused for state: ✗ and ? become w: with the same code and lead to
`happened`, because the box in the hand is the truth. Only an unknown box stays refused, and a gone one stays gone.

The targets: AVA available · OUT in transit to the partner · PAR at the partner · RET returned, not checked · DMG
damaged where it stands · REP in repair · SEEN only its place changes · LOST · GONE. A damaged box that moves stays
damaged.

To add a kind of scan is to add an entry. `biz_step`, `disposition`, `action`: the words of GS1 EPCIS 2.0 / CBV 2.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from errors import N_

#: The shown states of a box → title, and how a page marks it (ok, warn, bad).
STATES: dict[str, tuple[str, str]] = {
    "none": (N_("Not in use"), "warn"),
    "available": (N_("Available"), "ok"),
    "in_transit_out": (N_("On the way out"), "ok"),
    "at_partner": (N_("At the partner"), "ok"),
    "in_transit_back": (N_("On the way back"), "ok"),
    "returned": (N_("Returned, not checked"), "warn"),
    "damaged": (N_("Damaged"), "bad"),
    "in_repair": (N_("In repair"), "warn"),
    "lost": (N_("Lost"), "bad"),
    "gone": (N_("Written off"), "bad"),
}

#: The columns of the table: the shown states, damaged ones parted by whether the box is here.
COLUMNS = (
    "none", "available", "in_transit_out", "at_partner", "in_transit_back", "returned", "damaged_here", "damaged_away",
    "in_repair", "lost", "gone",
)  # fmt: skip

TARGETS = ("AVA", "OUT", "PAR", "RET", "DMG", "REP", "SEEN", "LOST", "GONE")

#: A word for programs, which stays, → the sentence for the person with the scanner. %(code)s is the box.
REASONS: dict[str, str] = {
    # of the text
    "too_long": N_("This is longer than 512 characters. Scan the plate of the box."),
    "unreadable": N_("This is no code of a box. Scan the plate of the box."),
    "check_digit": N_("The check digit is wrong: a character was misread or mistyped. Scan again."),
    "no_separator": N_("Two codes ran into each other. Scan the plate of the box alone."),
    "foreign_link": N_("This link does not belong to our boxes. Scan the plate of the box."),
    "foreign_label": N_("This is the plate of another company's box."),
    "goods_label": N_("This is the goods label. Scan the plate of the box."),
    "freight_container": N_("This is a freight container. Scan the plate of the box."),
    "shipment": N_("This is a shipment, not a box."),
    "keyboard_layout": N_("The keyboard language of the scanner differs from this device's. Set the scanner to US."),
    "ambiguous": N_("Two boxes fit this text. Scan the plate once."),
    # of the box
    "unknown_asset": N_("No box is registered under this code. Check it, or register the box."),
    "type_only": N_("This names a type of box, not one box. Scan the plate of the box."),
    "exists": N_("%(code)s is registered already."),
    "already_out": N_("%(code)s is out already, on another shipment."),
    "not_returned": N_("%(code)s is at the partner by our books. Was its return not scanned?"),
    "implied_return": N_("%(code)s was on its way back; its return was not scanned."),
    "not_inspected": N_("%(code)s left without being checked after its return."),
    "damaged": N_("%(code)s is damaged and must not leave. Have it repaired, or inspect it."),
    "in_repair": N_("%(code)s is in repair and must not leave. End the repair first."),
    "found": N_("%(code)s was reported lost; now it is found."),
    "gone": N_("%(code)s is written off. Put it aside and tell the office."),
    "not_dispatched": N_("%(code)s arrived, but its dispatch was not scanned."),
    "other_partner": N_("%(code)s arrived at another partner than the consignee."),
    "moved_partner": N_("%(code)s was at another partner before."),
    "went_back": N_("%(code)s was on its way back."),
    "repair_open": N_("%(code)s was in repair; the end of it was not scanned."),
    "never_left": N_("%(code)s came back, but it never left by our books."),
    "moved": N_("%(code)s was at another place before."),
    "cancel_or_return": N_(
        "%(code)s left from here less than two hours ago. Has it come back? If it never left, undo its dispatch."
    ),
    "double_return": N_("%(code)s has been returned before and did not leave since."),
    "wrong_returner": N_("%(code)s was held by another partner than the one who brought it."),
    "not_here": N_("%(code)s is not here by our books. Scan its return first."),
    "repaired_how": N_("%(code)s was damaged. Has it been repaired?"),
    "not_damaged": N_("%(code)s was not reported damaged."),
    "not_in_repair": N_("%(code)s is not in repair."),
    "start_missing": N_("%(code)s was repaired; the start of it was not scanned."),
    "seen_here": N_("%(code)s was seen here, but it is elsewhere by our books."),
    "return_implied": N_("%(code)s was on its way back; now it is counted as returned."),
    # of what came with it
    "unknown_shipment": N_("There is no shipment of this number."),
    "closed_shipment": N_("This shipment is closed. Choose another one."),
    "unknown_place": N_("There is no place of this code."),
    "unknown_party": N_("There is no partner of this code."),
    "unknown_event": N_("There is no such scan that could be undone."),
    "conflict": N_("The id of this scan had been used for another scan before."),
    "clock": N_("The clock of the device is ahead; the time of arrival here was taken."),
    # remarks of the reader of the label text; the scan counts all the same
    "grai_without_zero": N_("The GRAI on the label lacks its leading zero."),
    "doubled": N_("The scanner sent the code twice."),
}


@dataclass(frozen=True)
class Cell:
    """One alternative of a cell: when it holds, what the scan does, the word for why, and where the box is then."""

    condition: str
    verdict: str  # → = w ? ✗
    code: str = ""
    target: str = ""


@dataclass(frozen=True)
class EventType:
    """One kind of scan. `needs`: what it must bring along; `happened`: where a box is after it happened anyway."""

    code: str
    title: str
    biz_step: str
    disposition: str
    action: str
    needs: tuple[str, ...] = ()
    happened: str = ""
    transitions: dict[str, tuple[Cell, ...]] = field(default_factory=dict)


_CELL = re.compile(r"(?:\[(\w+)\] )?(?:(→|=)|(w:|\?|✗)(\w+)(?:→(?=\w))?)([A-Z]*)")


def _row(text: str) -> dict[str, tuple[Cell, ...]]:
    cells = [tuple(_cell(part.strip()) for part in cell.split(" / ")) for cell in " ".join(text.split()).split("|")]
    if len(cells) != len(COLUMNS):
        raise ValueError(f"{len(COLUMNS)} cells are needed, these are {len(cells)}: {text}")
    return dict(zip(COLUMNS, cells, strict=True))


def _cell(text: str) -> Cell:
    found = _CELL.fullmatch(text)
    if not found or (found[5] and found[5] not in TARGETS) or (found[4] and found[4] not in REASONS):
        raise ValueError(f"no cell of the table: {text}")
    return Cell(found[1] or "", found[2] or found[3][0], found[4] or "", found[5])


_ALL = (
    EventType(
        "commission", N_("Registered"), "commissioning", "active", "ADD",
        transitions=_row("""→AVA | ✗exists | ✗exists | ✗exists | ✗exists | ✗exists | ✗exists | ✗exists | ✗exists
            | ✗exists | ✗gone"""),
    ),
    EventType(
        "dispatch", N_("Dispatched"), "shipping", "in_transit", "OBSERVE", needs=("shipment",), happened="OUT",
        transitions=_row("""✗unknown_asset | →OUT | [same_shipment] = / ✗already_out | ?not_returned→OUT
            | w:implied_return→OUT | w:not_inspected→OUT | ✗damaged | ✗damaged | ✗in_repair | w:found→OUT | ✗gone"""),
    ),
    EventType(
        "arrive", N_("Arrived at the partner"), "arriving", "", "OBSERVE", happened="PAR",
        transitions=_row("""✗unknown_asset | w:not_dispatched→PAR | [same_party] →PAR / w:other_partner→PAR
            | [same_party] = / w:moved_partner→PAR | w:went_back→PAR | w:not_dispatched→PAR | w:not_dispatched→PAR
            | →PAR | w:repair_open→PAR | w:found→PAR | ✗gone"""),
    ),
    EventType(
        "return", N_("Returned"), "receiving", "returned", "OBSERVE", happened="RET",
        transitions=_row("""✗unknown_asset
            | [just_returned_here] = / [same_place] w:never_left→RET / w:moved→RET
            | [just_left_here] ?cancel_or_return→RET / →RET | →RET | →RET | [just_returned] = / w:double_return→RET
            | = | →RET | w:repair_open→RET | w:found→RET | ✗gone"""),
    ),
    EventType(
        "inspect", N_("Inspected: good"), "inspecting", "available", "OBSERVE", happened="AVA",
        transitions=_row("""✗unknown_asset | = | ✗not_here | → | ✗not_here | →AVA | ?repaired_how→AVA | ✗not_here | →AVA
            | w:found→AVA | ✗gone"""),
    ),
    EventType(
        "damage", N_("Damage reported"), "inspecting", "damaged", "OBSERVE", needs=("reason",), happened="DMG",
        transitions=_row("""✗unknown_asset | →DMG | →DMG | →DMG | →DMG | →DMG | → | → | → | w:found→DMG | ✗gone"""),
    ),
    EventType(
        "repair", N_("Repair started"), "repairing", "unavailable", "OBSERVE", happened="REP",
        transitions=_row("""✗unknown_asset | w:not_damaged→REP | ✗not_here | ✗not_here | ✗not_here | →REP | →REP
            | ✗not_here | = | w:found→REP | ✗gone"""),
    ),
    EventType(
        "repaired", N_("Repaired"), "repairing", "available", "OBSERVE", happened="AVA",
        transitions=_row("""✗unknown_asset | ✗not_in_repair | ✗not_in_repair | ✗not_in_repair | ✗not_in_repair
            | ✗not_in_repair | w:start_missing→AVA | ✗not_here | →AVA | w:found→AVA | ✗gone"""),
    ),
    EventType(
        "stock_take", N_("Counted"), "cycle_counting", "", "OBSERVE", needs=("place",),
        transitions=_row("""✗unknown_asset | [same_place] = / w:moved→AVA | w:seen_here | w:seen_here
            | w:return_implied→RET | [same_place] → / w:moved→RET | →SEEN | w:seen_here
            | [same_place] = / w:repair_open→RET | w:found→RET | ✗gone"""),
    ),
    EventType(
        "lost", N_("Reported lost"), "other", "unknown", "OBSERVE", needs=("reason",), happened="LOST",
        transitions=_row("""✗unknown_asset | →LOST | →LOST | →LOST | →LOST | →LOST | →LOST | →LOST | →LOST | =
            | ✗gone"""),
    ),
    EventType(
        "found", N_("Found"), "receiving", "returned", "OBSERVE", happened="RET",
        transitions=_row("""✗unknown_asset | = | w:seen_here | w:seen_here | →RET | = | = | →RET | = | →RET | ✗gone"""),
    ),
    EventType(
        "write_off", N_("Written off"), "decommissioning", "inactive", "DELETE", needs=("reason",), happened="GONE",
        transitions=_row("""✗unknown_asset | →GONE | →GONE | →GONE | →GONE | →GONE | →GONE | →GONE | →GONE | →GONE
            | ="""),
    ),
    # GS1 calls it an error declaration: the event that it names is left out of every replay, and both rows stay.
    EventType("void", N_("Undone"), "", "", "", needs=("voids", "reason")),
)  # fmt: skip

EVENT_TYPES: dict[str, EventType] = {entry.code: entry for entry in _ALL}

#: What a scan may report; a box is registered by scanning.register_assets, which knows its type and owner.
SCANNABLE = tuple(code for code in EVENT_TYPES if code != "commission")
