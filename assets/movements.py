"""The account book: what an event means for the accounts, and which lines bring the book to say so. Pure.

An account is a holder, a place (None: on the way) and an owner. A box that changes none of them has not moved. Lines
are only ever added: when the replay of a history comes to say something else of an event than the book does, the
difference is booked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from assets.state import State, Step
from assets.values import altered

#: (holder, place, owner); holder None: the box is not in the books, not yet or no longer.
Account = tuple[int | None, int | None, int | None]
NOWHERE: Account = (None, None, None)


@dataclass(frozen=True)
class Line:
    """`quantity` boxes from one account to another, because of an event."""

    event_id: str
    source: Account
    target: Account
    quantity: int = 1


def account(state: State) -> Account:
    """In whose books a box in this state stands, and where."""
    return (
        NOWHERE
        if state.life in ("none", "gone") or not state.holder_id
        else (state.holder_id, state.stands_at, state.owner_id)
    )


def line(step: Step) -> Line | None:
    """What a step means for the accounts; None when nothing."""
    source, target = account(step.before), account(step.after)
    return Line(step.event.event_id, source, target) if source != target else None


def corrections(wanted: Iterable[Line], booked: Iterable[Line]) -> list[Line]:
    """The lines that are missing: after them the book says of every event what `wanted` says. Fewest possible."""
    balance: dict[str, Counter[Account]] = {}
    for lines, sign in ((wanted, 1), (booked, -1)):
        for one in lines:
            sums = balance.setdefault(one.event_id, Counter())
            sums[one.source] -= sign * one.quantity
            sums[one.target] += sign * one.quantity
    found = []
    for event_id, sums in balance.items():
        keys = sorted(sums, key=_sortable)
        givers = [key for key in keys for _ in range(-sums[key])]
        takers = [key for key in keys for _ in range(sums[key])]
        pairs = Counter(zip(givers, takers, strict=True))  # what leaves one account reaches another
        found += [Line(event_id, source, target, count) for (source, target), count in pairs.items()]
    return found


def of_one_owner(one: Line) -> list[Line]:
    """The same as lines that each stay with one owner: a box that is sold leaves one book and enters another."""
    if one.source[2] == one.target[2] or NOWHERE in (one.source, one.target):
        return [one]
    return [altered(one, target=NOWHERE), altered(one, source=NOWHERE)]


def _sortable(key: Account) -> tuple[int, ...]:
    return tuple(part or 0 for part in key)
