"""What can be done about an exception with one click, and the doing of it.

Nothing is edited. A mend adds what was missing: the event that nobody scanned, just before the one that it explains; or
it declares the scan void; or it takes a refused scan again, now that it can be taken. Which events would explain a case
is a table; whether they do is tried by a replay, and only what leaves no exception behind is offered. A case that the
replay explains that way is marked mended, with who did it; anything may also be accepted as it was assumed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from peewee import JOIN, fn

from accounts.models import User
from accounts.scope import seen
from assets import state as rules
from assets.event_types import EVENT_TYPES, REASONS
from assets.ledger import histories
from assets.models import Asset, ExceptionCase, ScanEvent
from assets.pools import NEEDS
from assets.scan_answers import Answer
from assets.scan_told import ScanInput, heard_again
from assets.scanning import correct_event, record_scans
from assets.state import Event, Step
from database import taking_turns, tuples
from errors import N_, InvalidInput, Message, Refused
from master_data.home import home_place, home_zone
from master_data.models import AssetType, Party, Place
from shipments.models import Shipment
from shipments.visible import visible_shipments

#: code of a case → the events that would explain it when they happened just before, the likeliest first
CHAINS: dict[str, tuple[tuple[str, ...], ...]] = {
    "not_returned": (("return", "inspect"), ("return",)),
    "implied_return": (("return", "inspect"), ("return",)),
    "return_implied": (("return",),),
    "came_back": (("return",),),
    "seen_here": (("return",),),
    "not_here": (("return",), ("return", "inspect")),
    "already_out": (("cancel_dispatch",), ("return", "inspect"), ("return",)),
    "repair_open": (("repaired",), ("repaired", "dispatch")),
    "in_repair": (("repaired",),),
    "start_missing": (("repair",),),
    "damaged": (("repair", "repaired"),),
    "repaired_how": (("repair", "repaired"),),
    "not_damaged": (("damage",),),
    "not_inspected": (("inspect",),),
    "arrival_implied": (("arrive",),),
    "not_dispatched": (("dispatch",), ("inspect", "dispatch")),
    "transfer_open": (("transfer_in",), ("transfer_in", "inspect"), ("transfer_in", "dispatch")),
    "no_transfer_out": (("transfer_out",),),
    "moved": (("transfer_out", "transfer_in"),),
    "found": (("found",), ("found", "inspect")),
    "left_parent": (("unpack",),),
}

#: (code of a case, kind of the scan) → what the scan was meant to be
MEANT = {("repair_open", "return"): "repaired", ("transfer_open", "return"): "transfer_in"}

#: Refused scans of these kinds can be taken again: what they lacked may be there by now.
RETAKEN = (
    "unknown_asset", "closed_shipment", "unknown_shipment", "already_out", "not_inspected", "damaged", "in_repair",
    "not_here", "not_there", "not_in_repair", "lost", "photo_missing", "foreign_owner", "arrived", "too_late",
    "not_allowed",
)  # fmt: skip

_STEP = timedelta(seconds=1)
#: A dispatch and an arrival at another company a second apart would be a new exception.
_JOURNEY = rules.TRAVEL + timedelta(minutes=1)

_TITLES = {
    ("return", "inspect"): N_("It came home and was found good: add both"),
    ("return",): N_("It came home: add its return"),
    ("cancel_dispatch",): N_("It never left with the other shipment: take that dispatch back"),
    ("repaired",): N_("The repair was over: add its end"),
    ("repaired", "dispatch"): N_("The repair was over and it left: add both"),
    ("repair",): N_("Add the start of the repair"),
    ("repair", "repaired"): N_("It had been repaired: add the repair"),
    ("damage",): N_("It was damaged: add the report"),
    ("inspect",): N_("It had been checked and was good: add the inspection"),
    ("arrive",): N_("It had arrived: add its arrival"),
    ("dispatch",): N_("It had left: add its dispatch"),
    ("inspect", "dispatch"): N_("It had been checked and had left: add both"),
    ("transfer_in",): N_("It had arrived at our place: add its arrival"),
    ("transfer_in", "inspect"): N_("It had arrived at our place and was good: add both"),
    ("transfer_in", "dispatch"): N_("It had arrived at our place and left: add both"),
    ("transfer_out",): N_("It had left our other place: add its departure"),
    ("transfer_out", "transfer_in"): N_("It was moved between our places: add both ways"),
    ("found",): N_("It had been found: add that"),
    ("found", "inspect"): N_("It had been found and was good: add both"),
    ("unpack",): N_("It had been taken out of the load: add that"),
}


#: code of a case → what was assumed, so that the ledger could go on
ASSUMED = {
    "not_returned": N_("It had come home, and left again with this dispatch."),
    "implied_return": N_("It had come home, and left again with this dispatch."),
    "transfer_open": N_("It had arrived at the other place of ours."),
    "not_inspected": N_("It left as it was; nobody had checked it."),
    "found": N_("It is no longer lost."),
    "already_out": N_("It left with the later shipment."),
    "damaged": N_("It left although it was damaged, and is still damaged."),
    "in_repair": N_("It left the workshop, not checked."),
    "not_dispatched": N_("It had left with nobody scanning it; it is at the partner from now on."),
    "other_partner": N_("It is at the partner who scanned it, and on his account."),
    "moved_partner": N_("It is at the partner who scanned it last, and on his account."),
    "went_back": N_("It is at the partner again."),
    "repair_open": N_("Its repair was over."),
    "arrival_implied": N_("It had arrived at the partner."),
    "not_there": N_("It is at the partner all the same."),
    "never_left": N_("It had been away; it has to be checked."),
    "moved": N_("It stands where it was scanned last."),
    "cancel_or_return": N_("It had left and came back."),
    "double_return": N_("It was returned once more and has to be checked."),
    "wrong_returner": N_("The debt of the holder by our books went down, not that of the one who brought it."),
    "not_here": N_("It is where it was scanned."),
    "repaired_how": N_("It has been repaired and is good."),
    "not_damaged": N_("It is in repair without a damage that was reported."),
    "not_in_repair": N_("It is good."),
    "start_missing": N_("It had been in repair and is good."),
    "seen_here": N_("Nothing: by our books it is still elsewhere."),
    "return_implied": N_("It came home where it was seen, and has to be checked."),
    "came_back": N_("It came home and has to be checked."),
    "no_transfer_out": N_("It had left the other place of ours and stands where it was scanned."),
    "left_parent": N_("It was taken out of the load."),
    "impossible_move": N_("Nothing: the scans count in the order of their times."),
    "clock": N_("It happened when it was recorded here."),
    "lost": N_("It is still lost."),
    "gone": N_("Nothing: it stays written off."),
    "over_return": N_("All of them came back; the balance of the partner is below zero."),
    "below_zero": N_("All of them left; the stock of the place is below zero."),
    "count_difference": N_("The count is right; the books were changed to it."),
}
#: what was assumed of a scan that was taken against any other rule, or refused, or found by a count or a partner
ASSUMED_ELSE = {
    "scan": N_("It is as the scan says."),
    "refused": N_("Nothing: the scan was kept and changes nothing."),
    "count": N_("Nothing: by our books the boxes are still there."),
    "statement": N_("Nothing: our figure stands until it is decided."),
}


@dataclass(frozen=True)
class Mend:
    """One thing that can be done. `key` names it in forms; `needs`: fields that a person has to fill in.

    `chain`: the events that are added; `meant`: the kind that the scan should have been.
    """

    key: str
    title: Message
    needs: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    meant: str = ""


@dataclass
class Offer:
    """A case with what its box went through, and what can be done about it, the likeliest first."""

    case: ExceptionCase
    steps: Sequence[Step]
    step: Step | None  # the event of the case
    places: Mapping[int, Place]  # of these steps; parties joined
    home: Place | None  # where its box comes home to
    goal: Place | None  # to which it was on its way between our places
    mends: list[Mend] = field(default_factory=list)

    def ours(self, id_: int | None) -> Place | None:
        place = self.places.get(id_ or 0)
        return place if place and place.party.own else None


def cases() -> Any:
    """Query of the cases with all that a page shows of them joined."""
    return (
        ExceptionCase.select(ExceptionCase, ScanEvent, Asset, AssetType, Party, Place, Shipment, User)
        .join_from(ExceptionCase, ScanEvent, JOIN.LEFT_OUTER, on=(ExceptionCase.event == ScanEvent.event_id))
        .join_from(ExceptionCase, Asset, JOIN.LEFT_OUTER, on=(ExceptionCase.asset == Asset.id))
        .join_from(ExceptionCase, AssetType, JOIN.LEFT_OUTER, on=(ExceptionCase.asset_type == AssetType.id))
        .join_from(ExceptionCase, Party, JOIN.LEFT_OUTER, on=(ExceptionCase.party == Party.id))
        .join_from(ExceptionCase, Place, JOIN.LEFT_OUTER, on=(ExceptionCase.place == Place.id))
        .join_from(ScanEvent, Shipment, JOIN.LEFT_OUTER, on=(ScanEvent.shipment == Shipment.id))
        .join_from(ExceptionCase, User, JOIN.LEFT_OUTER, on=(ExceptionCase.decided_by == User.id))
    )


def assumed(case: ExceptionCase) -> str:
    """The sentence for what was assumed, marked for translation."""
    found = ASSUMED.get(case.code) if case.source == "scan" else None
    return found or ASSUMED_ELSE.get(case.source, ASSUMED_ELSE["scan"])


def offers(shown: Sequence[ExceptionCase]) -> list[Offer]:
    """What can be done about each of these cases, of `cases()`; a fixed number of queries for any number of them."""
    ids = {case.asset_id for case in shown if case.asset_id is not None and case.state == "open"}
    lives = {id_: list(rules.steps(event for event, _ in events)) for id_, events in histories(ids).items()}
    steps = [step for life in lives.values() for step in life]
    left = [step.event.event_id for step in steps if step.event.type == "transfer_out"]
    query = ScanEvent.select(ScanEvent.event_id, ScanEvent.destination).where(ScanEvent.event_id.in_(left))
    goals: dict[str, int | None] = dict(tuples(query))
    wanted = {one for step in steps for one in (step.before.place_id, step.after.place_id, step.event.place_id)}
    wanted |= {case.asset.return_place_id for case in shown if case.asset} | set(goals.values())
    rows = Place.select(Place, Party).join(Party).where(Place.id.in_(wanted - {None}))
    places: dict[int, Place] = {row.id: row for row in rows}
    home = home_place()
    found = []
    for case in shown:
        life = lives.get(case.asset_id, [])
        at = next((n for n, one in enumerate(life) if one.event.event_id == case.event_id), None)
        before = life[: at or 0]
        went = [goals.get(one.event.event_id) for one in before if one.event.type == "transfer_out"]
        goal = places.get((went[-1] if went else None) or 0)
        offer = Offer(case, life, None if at is None else life[at], places, home, goal)
        offer.home = offer.ours(case.asset.return_place_id) or home if case.asset else home
        offer.mends = _mends(offer) if case.state == "open" else []
        found.append(offer)
    return found


# what may be offered


def _mends(offer: Offer) -> list[Mend]:
    case, step, found = offer.case, offer.step, []
    if case.source == "statement":
        return []  # what was agreed is kept with the statement
    if case.source == "scan" and step is not None:
        for chain in CHAINS.get(case.code, ()):
            asks = "dispatch" in chain and step.event.shipment_id is None
            consignee = step.event.party_id or step.event.place_party_id
            shipment = (-1, consignee) if asks else (step.event.shipment_id, step.event.consignee_id)
            added = _added(chain, offer, shipment, None)
            if added and _explains(offer, added, step.event.event_id):
                needs = ("shipment",) if asks else ()
                found.append(Mend("+".join(chain), Message(_TITLES[chain]), needs, chain))
        meant = MEANT.get((case.code, step.event.type), "")
        if meant and _explains(offer, [replace(step.event, type=meant, happened=True)], ""):
            title = Message(N_("It was no return: %(kind)s"), {"kind": Message(EVENT_TYPES[meant].title)})
            found.append(Mend("meant", title, meant=meant))
        if case.code == "wrong_returner":
            found.append(Mend("holder", Message(N_("The holder by our books sent it: correct the partner"))))
    if case.code == "needs_second":
        return [
            Mend("agree", Message(N_("Agree: it counts"))),
            Mend("accept", Message(N_("Decline: it does not count"))),
        ]
    if case.source == "refused" and case.code in RETAKEN and case.event is not None and _retakable(case, case.event):
        needs = ("shipment",) if case.event.type == "dispatch" and not case.event.shipment_id else ()
        found.append(Mend("retake", Message(N_("Take the refused scan again")), needs))
    if case.source == "scan" and case.event is not None and case.event.type != "commission":
        found.append(Mend("void", Message(N_("This scan was wrong: it does not count"))))
    return [*found, Mend("accept", Message(N_("Accept it as it was assumed")))]


def _retakable(case: ExceptionCase, event: ScanEvent) -> bool:
    kind, counted = EVENT_TYPES.get(event.type), event.asset_type_id is not None
    if event.type == "void":
        return bool(asked_of(case).get("voids"))
    if kind is None or not (counted or (event.scanned_text and event.type != "commission")):
        return False
    given = {"shipment": True, "place": event.place_id, "party": event.party_id, "destination": event.destination_id,
             "parent": event.parent, "reason": event.reason, "holder": event.place_id or event.party_id}  # fmt: skip
    return all(given[need] for need in (NEEDS[event.type] if counted else kind.needs))


def asked_of(case: ExceptionCase) -> dict[str, str]:
    """Of an undoing that waits or was not allowed: `voids`, the event, and `instead`, what shall stand in its place."""
    found: dict[str, str] = json.loads(case.values or "{}")
    return found if case.code in ("needs_second", "not_allowed") else {}


def _explains(offer: Offer, added: Sequence[Event], kept: str) -> bool:
    """Whether the exception is gone when these events had happened, and no other has come instead.

    `kept`: event id of the scan that stays beside them; '': they stand in its place.
    """
    assert offer.step is not None
    event_id = offer.step.event.event_id
    events = [step.event for step in offer.steps if kept or step.event.event_id != event_id]
    before = {(step.event.event_id, word) for step in offer.steps for word in step.broken}
    _, broken = rules.replay([*events, *added])
    after = {(id_, word) for id_, words in broken.items() for word in words}
    return (event_id, offer.case.code) not in after and after <= before


def _added(
    chain: Sequence[str], offer: Offer, shipment: tuple[int | None, int | None], left: datetime | None
) -> list[Event] | None:
    """The events of a chain, just before that of the case; None when we do not know where they would have been.

    `shipment`: id and consignee. `left`: when the box was dispatched; None: the shortest journey before.
    """
    assert offer.step is not None
    event, before = offer.step.event, offer.step.before
    gap = _JOURNEY if "dispatch" in chain else _STEP
    here, stood = offer.ours(event.place_id), offer.ours(before.place_id)
    came_home = (offer.home or here) if event.type == "dispatch" else (here or offer.home)
    found = []
    for number, kind in enumerate(chain):
        time = event.order_time - gap * (len(chain) - number)
        place: Place | None
        more: dict[str, Any] = {}
        if kind == "return":
            place, more = came_home, {"party_id": before.holder_id}
        elif kind == "arrive":
            there = offer.places.get(event.place_id or 0)
            place = there if there and not there.party.own else None
            more = {"party_id": before.holder_id}
        elif kind == "dispatch":
            place = here or stood or offer.home
            time = left or time
            more = {"shipment_id": shipment[0], "consignee_id": shipment[1]}
        elif kind == "cancel_dispatch":
            place, more = None, {"shipment_id": before.shipment_id}
        elif kind == "unpack":
            place, more = None, {"parent": before.parent}
        elif kind == "transfer_out":
            place = stood
        elif kind == "transfer_in":
            place = here or offer.goal or offer.home
        elif kind == "found":
            place = here or offer.home
        elif "return" in chain:  # checked where it came home
            place = came_home
        else:
            place = here or stood
        if place is None and kind in ("return", "transfer_out", "transfer_in"):
            return None
        if kind == "transfer_out" and here is None:
            return None
        found.append(
            Event(
                f"+{number}", kind, time, time, place.id if place else None, place.party_id if place else None,
                bool(place and place.party.own), happened=True, must_be_inspected=event.must_be_inspected, **more,
            )
        )  # fmt: skip
    return found


# the doing


def mend(
    case_id: int,
    key: str,
    user: User | None,
    now: datetime,
    *,
    shipment: str = "",
    note: str = "",
    own_hosts: Collection[str] = (),
) -> bool:
    """Do one of the things that `offers` names; all of it or nothing. False: it waits for a second person.

    Raises Refused: the case is decided, the mend is not offered any more, or the register says no;
    InvalidInput(`shipment`): it is needed, or there is none of this number.
    """
    with taking_turns():
        case = cases().where(ExceptionCase.id == case_id).first()
        if case is None or case.state != "open":
            raise Refused("decided", N_("This has been decided already."))
        offer = offers([case])[0]
        chosen = next((one for one in offer.mends if one.key == key), None)
        if chosen is None:
            raise Refused("not_offered", N_("This does not explain it. Look at the history of the box again."))
        row = _shipment_for(chosen, shipment, case)
        if key == "agree":
            _agree(case, user, now, own_hosts)
        elif key != "accept" and not _act(chosen, offer, row, user, now, note, own_hosts):
            return False
        _decide(case, "accepted" if key == "accept" else "mended", chosen, user, now, note)
        return True


def _agree(case: ExceptionCase, user: User | None, now: datetime, own_hosts: Collection[str]) -> None:
    """Record what somebody else asked for; who asked stands in the kept row, who agreed in the new one."""
    event = case.event
    assert event is not None
    if user is None or event.user_id == user.id:
        raise Refused("same_person", N_("Whoever asked for it cannot agree to it too. Another person has to."))
    asked = json.loads(case.values or "{}")
    if event.type == "void" and asked.get("instead"):
        why = event.reason.removeprefix("incorrect_data ")
        right = replace(heard_again(json.loads(asked["instead"])), agreed=True)
        _taken([correct_event(asked["voids"], right, why, user, now, own_hosts)])
        return
    told = replace(_as_input(event), event_id=str(uuid4()), agreed=True, voids=asked.get("voids", ""))
    if event.type != "void":
        told = replace(told, corrects=event.event_id)
    _taken(record_scans([told], user, now, own_hosts))


def _shipment_for(chosen: Mend, number: str, case: ExceptionCase) -> Shipment | None:
    if not chosen.needs:
        return case.event.shipment if case.event is not None else None
    if not number.strip():
        raise InvalidInput("shipment", N_("Which shipment did it leave with?"))
    named = Shipment.select().where(fn.UPPER(Shipment.number) == number.strip().upper())
    found: Shipment | None = seen(visible_shipments, named).first()
    if found is None:
        raise InvalidInput("shipment", REASONS["unknown_shipment"])
    return found


def _act(
    chosen: Mend, offer: Offer, shipment: Shipment | None, user: User | None, now: datetime, note: str,
    own_hosts: Collection[str],
) -> bool:  # fmt: skip
    """False: it waits for a second person, and the case stays open until then."""
    case = offer.case
    assert case.event is not None
    number = f"case {case.id} {case.code}"
    why = f"{number}: {note}" if note else number
    if chosen.key == "retake":
        again = replace(_as_input(case.event), event_id=str(uuid4()), happened=True)
        undoes = asked_of(case).get("voids", "")
        again = replace(again, voids=undoes) if undoes else replace(again, corrects=case.event_id)
        if shipment and not again.shipment:
            again = replace(again, shipment=shipment.number)
        return _taken(record_scans([again], user, now, own_hosts))
    if chosen.key == "void":
        void = ScanInput(str(uuid4()), "void", "", now, voids=case.event_id, reason=why, device="desk")
        done = _taken(record_scans([void], user, now))
    elif chosen.key in ("meant", "holder"):
        right = replace(_as_input(case.event), event_id=str(uuid4()), happened=True)
        if chosen.key == "meant":
            right = replace(right, type=chosen.meant)
        else:
            assert offer.step is not None
            holder = Party.get_by_id(offer.step.before.holder_id)
            right = replace(right, party=holder.code)
        done = _taken([correct_event(case.event_id, right, why, user, now)])
    else:
        done = _taken(record_scans(_chain_scans(chosen, offer, shipment, why), user, now))
    if not done:
        return False
    state = ExceptionCase.select(ExceptionCase.state).where(ExceptionCase.id == case.id).scalar()
    if state != "explained":
        raise Refused("not_explained", N_("This does not explain it. Look at the history of the box again."))
    return True


def _chain_scans(chosen: Mend, offer: Offer, shipment: Shipment | None, why: str) -> list[ScanInput]:
    asset = offer.case.asset
    assert asset is not None
    leaves = (shipment.id, shipment.consignee_id) if shipment else (None, None)
    added = None
    if shipment is not None and "dispatch" in chosen.chain:  # with the others of its shipment, if that is possible
        added = _added(chosen.chain, offer, leaves, _left_with_the_others(shipment, offer))
        if added and not _explains(offer, added, offer.case.event_id):
            added = None
    added = added or _added(chosen.chain, offer, leaves, None)
    if not added or not _explains(offer, added, offer.case.event_id):
        raise Refused("not_explained", N_("This does not explain it. Look at the history of the box again."))
    ids = {one.party_id for one in added} | {asset.holder_id}
    parties = {row.id: row for row in Party.select().where(Party.id.in_(ids - {None}))}
    open_shipment = next((one.shipment_id for one in added if one.type == "cancel_dispatch"), None)
    if open_shipment:
        shipment = Shipment.get_by_id(open_shipment)
    here = offer.ours(offer.step.event.place_id) if offer.step else None
    scans = []
    for event in added:
        place = Place.get_by_id(event.place_id) if event.place_id else None
        zone = ZoneInfo(place.timezone if place else home_zone())
        scans.append(
            ScanInput(
                str(uuid4()), event.type, asset.code,
                event.order_time.astimezone(zone), place=place.code if place else "",
                party=parties[event.party_id].code if event.party_id else "",
                shipment=shipment.number if shipment and event.type in ("dispatch", "cancel_dispatch") else "",
                destination=here.code if here and event.type == "transfer_out" else "",
                parent=event.parent, reason=why, device="desk", happened=True,
            )
        )  # fmt: skip
    return scans


def _left_with_the_others(shipment: Shipment, offer: Offer) -> datetime | None:
    """When the other boxes of the shipment were dispatched, at most a minute before the event of the case."""
    assert offer.step is not None
    last = offer.step.event.order_time - timedelta(minutes=1)
    query = ScanEvent.select(fn.MAX(ScanEvent.event_time).converter(ScanEvent.event_time.python_value)).where(
        ScanEvent.shipment == shipment, ScanEvent.type == "dispatch", ScanEvent.refused == "",
        ScanEvent.event_time < last,
    )  # fmt: skip
    found: datetime | None = query.scalar()
    return found


def _as_input(event: ScanEvent) -> ScanInput:
    zone = timezone(timedelta(minutes=event.event_zone))
    return ScanInput(
        event.event_id, event.type, event.scanned_text, event.event_time.astimezone(zone),
        shipment=event.shipment.number if event.shipment else "", place=_code_of(Place, event.place_id),
        party=_code_of(Party, event.party_id), destination=_code_of(Place, event.destination_id),
        parent=event.parent, document=event.document, photo=event.photo, reason=event.reason, device=event.device,
        happened=event.happened, asset_type=_code_of(AssetType, event.asset_type_id) if event.type != "void" else "",
        quantity=event.quantity, owner=_code_of(Party, event.owner_id),
    )  # fmt: skip


def _code_of(model: Any, id_: int | None) -> str:
    return str(model.get_by_id(id_).code) if id_ else ""


def _taken(answers: Sequence[Answer]) -> bool:
    """False: one of them waits for a second person, and is kept."""
    for answer in answers:
        if answer.waits:
            return False
        if answer.outcome != "recorded":
            raise Refused(answer.reason or answer.field or answer.outcome, answer.text.text, **answer.text.values)
    return True


def _decide(case: ExceptionCase, state: str, chosen: Mend, user: User | None, now: datetime, note: str) -> None:
    values = json.dumps({**json.loads(case.values or "{}"), "mend": chosen.key})
    decided = {"state": state, "decided_time": now, "decided_by": user, "note": note, "values": values}
    open_ = ExceptionCase.state.in_(["open", "explained"])
    if ExceptionCase.update(decided).where(ExceptionCase.id == case.id, open_).execute() != 1:
        raise Refused("decided", N_("This has been decided already."))
