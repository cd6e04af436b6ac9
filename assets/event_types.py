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

The targets: AVA available · OUT in transit to the partner · UND its dispatch is taken back · PAR at the partner · BCK
on its way back · RET returned, not checked · MOV between two places of ours · IN arrived at a place of ours as it was ·
DMG damaged where it stands · REP in repair · FIX repaired where it stands · CLN clean · OWN its owner changes · PCK and
UNP into and out of a load · SEEN only its place changes · LOST · GONE. A damaged box that moves stays damaged.

`receive` has no row of its own: where it is received, and in which state, says which other scan it is (state.acts_as).

To add a kind of scan is to add an entry. `biz_step`, `disposition`, `action`, `epcis`: the words of GS1 EPCIS 2.0 and
CBV 2.0; a step that CBV does not have is the path of a URI of our own.
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
    "in_transit_own": (N_("Between our places"), "ok"),
    "returned": (N_("Returned, not checked"), "warn"),
    "damaged": (N_("Damaged"), "bad"),
    "in_repair": (N_("In repair"), "warn"),
    "lost": (N_("Lost"), "bad"),
    "gone": (N_("Written off"), "bad"),
}

#: The columns of the table: the shown states, damaged ones parted by whether the box is here.
COLUMNS = (
    "none", "available", "in_transit_out", "at_partner", "in_transit_back", "in_transit_own", "returned",
    "damaged_here", "damaged_away", "in_repair", "lost", "gone",
)  # fmt: skip

TARGETS = (
    "AVA", "OUT", "UND", "PAR", "BCK", "RET", "MOV", "IN", "DMG", "REP", "FIX", "CLN", "OWN", "PCK", "UNP", "SEEN",
    "LOST", "GONE",
)  # fmt: skip

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
    "gone_new_code": N_("%(code)s was written off; a code is never given again. Register the box under a new one."),
    "not_out": N_("%(code)s has not left; there is no dispatch to take back."),
    "too_late": N_("%(code)s left more than a day ago, or on another shipment. Scan its return instead."),
    "arrived": N_("%(code)s has arrived at the partner. Scan its return instead."),
    "not_there": N_("%(code)s is not at a partner by our books."),
    "arrival_implied": N_("The arrival of %(code)s at the partner was not scanned."),
    "transfer_open": N_("%(code)s was between two of our places; its arrival there was not scanned."),
    "no_transfer_out": N_("%(code)s came from another of our places; its departure there was not scanned."),
    "came_back": N_("%(code)s was out by our books; its coming in is counted as a return."),
    "lost": N_("%(code)s is reported lost."),
    "left_parent": N_("%(code)s was in a load; it was scanned alone and is counted as taken out of it."),
    "impossible_move": N_("%(code)s was at another company's place minutes before. Do two boxes bear this code?"),
    "foreign_owner": N_("%(code)s belongs to another customer and must not go to this one."),
    "photo_missing": N_("A photo of the damage is needed for this type of box."),
    "unknown_load": N_("Nothing was packed under this code."),
    "unknown_type": N_("There is no counted type of this code."),
    "serialised_type": N_("Boxes of this type have codes of their own. Scan each one."),
    "not_your_pool": N_("At this partner these boxes are counted for another of our companies. Ask the office."),
    "which_owner": N_("Several of our companies have such boxes there. Say whose these are."),
    "quantity": N_("How many? From 1 to 100,000."),
    "over_return": N_("More came back than the partner had by our books; the balance is below zero."),
    "below_zero": N_("More left this place than stood there by our books."),
    "count_difference": N_("The count differs from the books."),
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
    "needs_second": N_("%(code)s: this counts once a second person has agreed, under Exceptions."),
    # of what came with it
    "unknown_shipment": N_("There is no shipment of this number."),
    "closed_shipment": N_("This shipment is closed. Choose another one."),
    "unknown_place": N_("There is no place of this code."),
    "unknown_party": N_("There is no partner of this code."),
    "unknown_event": N_("There is no such scan that could be undone."),
    "stays_registered": N_("%(code)s is registered, and that is not undone. Scrap the box, or write it off."),
    "conflict": N_("The id of this scan had been used for another scan before."),
    "clock": N_("The clock of the device is ahead; the time of arrival here was taken."),
    # of the person
    "not_allowed": N_(
        "The role of who told this does not allow it. It is kept, and counts once the office lets it, under Exceptions."
    ),
    # of the device
    "device_revoked": N_(
        "This device was taken out of use; what it still sends is kept for review and does not count."
    ),
    "clock_far": N_("The clock of the device was wrong by more than a day. When were these scans made?"),
    "clock_backwards": N_("By its clock the device made this scan before the one it made earlier."),
    # of a count
    "missing_in_count": N_("%(code)s stood here by our books and was not found in the count."),
    # of a statement that a partner answered
    "disputed": N_("By the partner's books it is another quantity."),
    "not_ours": N_("The partner does not know this line."),
    "missing": N_("The partner has a line that our books do not have."),
    # remarks of the reader of the label text; the scan counts all the same
    "clock_corrected": N_("The clock of the device was wrong; the time is corrected."),
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
    """One kind of scan. `needs`: what it must bring along; `takes`: what it may bring besides; `happened`: where a box
    is after it happened anyway; `pool`: counted boxes can do it too; `moves`: the box leaves its place; `right`: what
    who tells it needs (accounts.rights), `pool_right` where it is told of a number of counted boxes."""

    code: str
    title: str
    biz_step: str
    disposition: str
    action: str
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    happened: str = ""
    pool: bool = False
    moves: bool = False
    right: str = "assets.scan"
    pool_right: str = "assets.write"
    epcis: str = "ObjectEvent"
    transitions: dict[str, tuple[Cell, ...]] = field(default_factory=dict)

    def right_for(self, counted: bool) -> str:
        """What who tells it needs, of a box or of counted boxes."""
        return self.pool_right if counted else self.right


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


_EVERY_EXISTS = " | ".join(["✗exists"] * 9)

_ALL = (
    EventType(
        "commission", N_("Registered"), "commissioning", "active", "ADD", needs=("place",), pool=True,
        right="assets.write",
        transitions=_row(f"→AVA | ✗exists | {_EVERY_EXISTS} | ✗gone_new_code"),
    ),
    # At go-live boxes are out already: since when (event_time), at whom (party). The day of typing in: nobody knows.
    EventType(
        "opening", N_("At the partner when the books were opened"), "other", "", "OBSERVE", needs=("party",), pool=True,
        takes=("place", "document"), happened="PAR", right="assets.write",
        transitions=_row(f"✗unknown_asset | →PAR | {_EVERY_EXISTS} | ✗gone"),
    ),
    EventType(
        "dispatch", N_("Dispatched"), "shipping", "in_transit", "OBSERVE", needs=("shipment",), happened="OUT",
        takes=("place", "document"), pool=True, moves=True,
        transitions=_row("""✗unknown_asset | →OUT | [same_shipment] = / ✗already_out | ?not_returned→OUT
            | w:implied_return→OUT | w:transfer_open→OUT | [must_be_inspected] ✗not_inspected / w:not_inspected→OUT
            | ✗damaged | ✗damaged | ✗in_repair | w:found→OUT | ✗gone"""),
    ),
    # The partner has been told already; a scan that nobody has seen is undone instead.
    EventType(
        "cancel_dispatch", N_("Dispatch taken back"), "void_shipping", "available", "OBSERVE", needs=("shipment",),
        takes=("place", "reason"), moves=True,
        transitions=_row("""✗unknown_asset | ✗not_out | [cancellable] →UND / ✗too_late | ✗arrived | ✗not_out | ✗not_out
            | ✗not_out | ✗not_out | ✗not_out | ✗not_out | ✗not_out | ✗gone"""),
    ),
    EventType(
        "arrive", N_("Arrived at the partner"), "arriving", "", "OBSERVE", happened="PAR",
        takes=("place", "party", "document"), pool=True, moves=True,
        transitions=_row("""✗unknown_asset | w:not_dispatched→PAR | [same_party] →PAR / w:other_partner→PAR
            | [same_party] = / w:moved_partner→PAR | w:went_back→PAR | w:transfer_open→PAR | w:not_dispatched→PAR
            | w:not_dispatched→PAR | →PAR | w:repair_open→PAR | w:found→PAR | ✗gone"""),
    ),
    EventType(
        "empties_ready", N_("Empties ready at the partner"), "staging_outbound", "available", "OBSERVE", happened="PAR",
        takes=("place", "party"),
        transitions=_row("""✗unknown_asset | ✗not_there | w:arrival_implied→PAR | → | = | ✗not_there | ✗not_there
            | ✗not_there | → | ✗not_there | w:found→PAR | ✗gone"""),
    ),
    EventType(
        "return_shipped", N_("Sent back by the partner"), "shipping", "in_transit", "OBSERVE", happened="BCK",
        takes=("place", "party", "document"), moves=True,
        transitions=_row("""✗unknown_asset | ✗not_there | w:arrival_implied→BCK | →BCK | = | ✗not_there | ✗not_there
            | ✗not_there | →BCK | ✗not_there | w:found→BCK | ✗gone"""),
    ),
    EventType(
        "return", N_("Returned"), "receiving", "returned", "OBSERVE", happened="RET",
        takes=("place", "party", "document", "photo"), pool=True, moves=True,
        transitions=_row("""✗unknown_asset
            | [just_returned_here] = / [same_place] w:never_left→RET / w:moved→RET
            | [just_left_here] ?cancel_or_return→RET / →RET | →RET | →RET | w:transfer_open→RET
            | [just_returned] = / w:double_return→RET | = | →RET | w:repair_open→RET | w:found→RET | ✗gone"""),
    ),
    EventType(
        "receive", N_("Received"), "receiving", "", "OBSERVE", needs=("place",), takes=("party", "document"),
        moves=True,
    ),
    EventType(
        "inspect", N_("Inspected: good"), "inspecting", "available", "OBSERVE", happened="AVA",
        takes=("place", "photo"),
        transitions=_row("""✗unknown_asset | = | ✗not_here | → | ✗not_here | w:transfer_open→AVA | →AVA
            | ?repaired_how→AVA | ✗not_here | →AVA | w:found→AVA | ✗gone"""),
    ),
    EventType(
        "damage", N_("Damage reported"), "inspecting", "damaged", "OBSERVE", needs=("reason",), happened="DMG",
        takes=("place", "party", "photo"), pool=True,
        transitions=_row("""✗unknown_asset | →DMG | →DMG | →DMG | →DMG | →DMG | →DMG | → | → | → | w:found→DMG
            | ✗gone"""),
    ),
    EventType(
        "clean", N_("Cleaned"), "/voc/bizstep/cleaning", "", "OBSERVE", happened="CLN",
        takes=("place", "party"),
        transitions=_row("""✗unknown_asset | →CLN | ✗not_here | [at_holder] →CLN / ✗not_here | ✗not_here | ✗not_here
            | →CLN | →CLN | ✗not_here | →CLN | w:found→RET | ✗gone"""),
    ),
    EventType(
        "repair", N_("Repair started"), "repairing", "unavailable", "OBSERVE", happened="REP",
        takes=("place", "party", "document"),
        transitions=_row("""✗unknown_asset | w:not_damaged→REP | ✗not_here | [at_holder] →REP / ✗not_here | ✗not_here
            | ✗not_here | →REP | →REP | [at_holder] →REP / ✗not_here | = | w:found→REP | ✗gone"""),
    ),
    EventType(
        "repaired", N_("Repaired"), "repairing", "available", "OBSERVE", happened="FIX",
        takes=("place", "party", "document"), pool=True,
        transitions=_row("""✗unknown_asset | ✗not_in_repair | ✗not_in_repair | ✗not_in_repair | ✗not_in_repair
            | ✗not_in_repair | ✗not_in_repair | w:start_missing→FIX | [at_holder] w:start_missing→FIX / ✗not_here
            | →FIX | w:found→AVA | ✗gone"""),
    ),
    EventType(
        "transfer_out", N_("Left for another of our places"), "departing", "in_transit", "OBSERVE",
        needs=("destination",), happened="MOV", takes=("place", "document"), pool=True, moves=True,
        transitions=_row("""✗unknown_asset | →MOV | ✗not_here | ✗not_here | ✗not_here | = | →MOV | →MOV | ✗not_here
            | ✗in_repair | w:found→MOV | ✗gone"""),
    ),
    EventType(
        "transfer_in", N_("Arrived from another of our places"), "arriving", "", "OBSERVE", needs=("place",),
        happened="IN", takes=("document",), pool=True, moves=True,
        transitions=_row("""✗unknown_asset | [same_place] = / w:no_transfer_out→IN | w:came_back→RET | w:came_back→RET
            | →RET | →IN | [same_place] = / w:no_transfer_out→IN | [same_place] = / →IN | [moving] →IN / w:came_back→RET
            | w:repair_open→RET | w:found→RET | ✗gone"""),
    ),
    EventType(
        "owner_change", N_("Owner changed"), "accepting", "", "OBSERVE", needs=("party",), takes=("document",),
        right="assets.write",
        transitions=_row("""✗unknown_asset | →OWN | →OWN | →OWN | →OWN | →OWN | →OWN | →OWN | →OWN | →OWN | w:lost→OWN
            | ✗gone"""),
    ),
    EventType(
        "stock_take", N_("Counted"), "cycle_counting", "", "OBSERVE", needs=("place",), pool=True,
        pool_right="assets.scan",  # a count in the yard; where it differs from the books it is a case for a person
        transitions=_row("""✗unknown_asset | [same_place] = / w:moved→AVA | w:seen_here | w:seen_here
            | w:return_implied→RET | w:transfer_open→IN | [same_place] → / w:moved→RET | →SEEN | w:seen_here
            | [same_place] = / w:repair_open→RET | w:found→RET | ✗gone"""),
    ),
    EventType(
        "pack", N_("Packed into a load"), "packing", "", "ADD", needs=("parent",), takes=("place",), pool=True,
        pool_right="assets.scan", epcis="AggregationEvent",
        transitions=_row("""✗unknown_asset | [same_parent] = / →PCK | ✗not_here | [same_parent] = / →PCK | ✗not_here
            | ✗not_here | [same_parent] = / →PCK | [same_parent] = / →PCK | ✗not_here | ✗in_repair | w:found→RET
            | ✗gone"""),
    ),
    EventType(
        "unpack", N_("Taken out of a load"), "unpacking", "", "DELETE", takes=("place",), pool=True,
        pool_right="assets.scan", epcis="AggregationEvent",
        transitions=_row("""✗unknown_asset | [packed] →UNP / = | [packed] →UNP / = | [packed] →UNP / =
            | [packed] →UNP / = | [packed] →UNP / = | [packed] →UNP / = | [packed] →UNP / = | [packed] →UNP / =
            | [packed] →UNP / = | w:found→RET | ✗gone"""),
    ),
    EventType(
        "lost", N_("Reported lost"), "other", "unknown", "OBSERVE", needs=("reason",), happened="LOST",
        takes=("place", "party", "document"), pool=True,
        transitions=_row("""✗unknown_asset | →LOST | →LOST | →LOST | →LOST | →LOST | →LOST | →LOST | →LOST | →LOST | =
            | ✗gone"""),
    ),
    EventType(
        "found", N_("Found"), "receiving", "returned", "OBSERVE", happened="RET", takes=("place",), pool=True,
        transitions=_row("""✗unknown_asset | = | w:seen_here | w:seen_here | →RET | w:transfer_open→RET | = | = | →RET
            | = | →RET | ✗gone"""),
    ),
    EventType(
        "write_off", N_("Written off"), "decommissioning", "inactive", "DELETE", needs=("reason",), happened="GONE",
        takes=("place", "party", "document"), pool=True, right="assets.write",
        transitions=_row("""✗unknown_asset | →GONE | →GONE | →GONE | →GONE | →GONE | →GONE | →GONE | →GONE | →GONE
            | →GONE | ="""),
    ),
    EventType(
        "decommission", N_("Taken out of service"), "decommissioning", "inactive", "DELETE", needs=("reason",),
        happened="GONE", takes=("place", "document"), pool=True, right="assets.write",
        transitions=_row("""✗unknown_asset | →GONE | ✗not_here | ✗not_here | ✗not_here | ✗not_here | →GONE | →GONE
            | [certified] →GONE / ✗not_here | →GONE | ✗lost | ="""),
    ),
    EventType(
        "scrap", N_("Scrapped"), "destroying", "destroyed", "DELETE", needs=("reason",), happened="GONE",
        takes=("place", "document"), pool=True, right="assets.write",
        transitions=_row("""✗unknown_asset | →GONE | ✗not_here | ✗not_here | ✗not_here | ✗not_here | →GONE | →GONE
            | [certified] →GONE / ✗not_here | →GONE | ✗lost | ="""),
    ),
    # GS1 calls it an error declaration: the event that it names is left out of every replay, and both rows stay.
    # A scan of one's own of less than a day ago is undone by whoever may tell it (scanning.py).
    EventType("void", N_("Undone"), "", "", "", needs=("voids", "reason"), right="ledger.correct"),
)  # fmt: skip

EVENT_TYPES: dict[str, EventType] = {entry.code: entry for entry in _ALL}

#: What a scan may report of a box; it is registered by registering.register_assets, which knows its type and owner.
SCANNABLE = tuple(code for code in EVENT_TYPES if code != "commission")

#: What ends a box by its books.
ENDS = tuple(code for code, entry in EVENT_TYPES.items() if entry.happened == "GONE")

#: What may be told of a pool that is only counted.
COUNTABLE = tuple(code for code, entry in EVENT_TYPES.items() if entry.pool)
