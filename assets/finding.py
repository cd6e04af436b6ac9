"""Which box a scanned text means: the one answer for scans, the resolver, the search and the public links."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from accounts.scope import both
from assets.models import Asset
from assets.scanned_text import ScannedCode
from database import one_of

Box = TypeVar("Box")


def _keys(code: ScannedCode) -> set[str]:
    """What the box may bear as its code or as its GRAI.

    A GRAI without its application identifier looks like a code, hence no distinction; X+X may be X sent twice.
    """
    if code.kind not in ("code", "grai"):
        return set()
    return {code.canonical, code.canonical * 2} if "doubled" in code.warnings else {code.canonical}


def keys_of(codes: Iterable[ScannedCode]) -> set[str]:
    """What the boxes that `codes` may mean can bear as their code or as their GRAI."""
    return {key for code in codes for key in _keys(code)}


def boxes_under(codes: Iterable[ScannedCode]) -> Any:
    """Condition on Asset: every box that one of `codes` may mean; None when they can mean none."""
    keys = keys_of(codes)
    return one_of(Asset.code, keys) | one_of(Asset.grai, keys) if keys else None


def box_of(code: ScannedCode, by_code: Mapping[str, Box], by_grai: Mapping[str, Box]) -> tuple[Box | None, str]:
    """The box that `code` means, or None and a word of event_types.REASONS."""
    keys = _keys(code)
    if not keys:
        return None, code.reason or code.kind
    found = {id(box): box for key in keys for box in (by_code.get(key), by_grai.get(key)) if box is not None}
    if len(found) == 1:
        return found.popitem()[1], ""
    if found:
        return None, "ambiguous"
    return None, "type_only" if code.kind == "grai" and len(code.canonical) == 14 else "unknown_asset"


def find_box(code: ScannedCode, among: Any = None) -> tuple[Asset | None, str]:
    """`box_of` among all boxes, or those for which the condition `among` holds."""
    condition = boxes_under([code])
    assets = list(Asset.select().where(both(condition, among))) if condition is not None else []
    return box_of(code, {row.code: row for row in assets}, {row.grai: row for row in assets if row.grai})
