"""Loads: what travels together under one label, an SSCC or the plate of a box, and moves when the label is scanned.

A load is called by its key: `(00)` and the 18 digits of an SSCC, or the code of the box that it is. What is in it
follows from packing and unpacking: boxes bear the key in their state, counted pieces are summed up.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from typing import Any

from peewee import Case, fn

from accounts.scope import EVERYTHING, Scope, current_scope
from assets.models import ScanEvent
from assets.scanned_text import ScannedCode
from prepared_statements import Slot, any_of, prepared


def sscc_key(code: ScannedCode) -> str:
    """The key of the load with this label; '' when it is no SSCC."""
    return f"(00){code.canonical}" if code.kind == "sscc" else ""


def counted_in(keys: Collection[str], rule: Any = None) -> dict[str, Counter[int]]:
    """key → counted pieces in that load by id of their type: packed less unpacked, events that are void left out.
    `rule` of `visible`: only what it lets who asks see; to move a load, all of it counts."""
    inside: dict[str, Counter[int]] = defaultdict(Counter)
    if not keys:
        return inside
    for key, kind, quantity in _counted(keys, rule=rule, scope=EVERYTHING if rule is None else current_scope()):
        if quantity > 0:
            inside[key][kind] = int(quantity)
    return inside


@prepared
def _counted(keys: Slot, *, rule: Any, scope: Scope) -> Any:
    void = ScanEvent.alias()
    sign = Case(ScanEvent.type, [("pack", ScanEvent.quantity)], ScanEvent.quantity * -1)
    seen = None if rule is None else rule(scope)
    query = (
        ScanEvent.select(ScanEvent.parent, ScanEvent.asset_type, fn.SUM(sign))
        .where(
            any_of(ScanEvent.parent, keys),
            ScanEvent.parent != "",  # for the index
            ScanEvent.type.in_(["pack", "unpack"]),
            ScanEvent.asset_type.is_null(False),
            ScanEvent.refused == "",
            ~fn.EXISTS(void.select(void.id).where(void.voids == ScanEvent.event_id)),
        )
        .group_by(ScanEvent.parent, ScanEvent.asset_type)
    )
    return query if seen is None else query.where(seen)
