"""Which agreement with a partner holds for a box, and how long he may keep it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, timedelta
from typing import Any

from assets.models import Agreement
from master_data.models import AssetType
from prepared_statements import Slot, any_of, prepared


def agreements_of(partner_ids: Collection[int]) -> list[Agreement]:
    """All agreements with these partners, old ones too."""
    return _agreements.models(partner_ids) if partner_ids else []


@prepared
def _agreements(partners: Slot) -> Any:
    return Agreement.select().where(any_of(Agreement.partner, partners))


def agreement_for(
    agreements: Iterable[Agreement], partner_id: int | None, asset_type_id: int, left: date
) -> Agreement | None:
    """The agreement for a box dispatched on that day: one for its type goes before one for all, a later one first."""
    fitting = [
        one
        for one in agreements
        if one.partner_id == partner_id and one.asset_type_id in (None, asset_type_id) and one.valid_from <= left
    ]
    return max(fitting, key=lambda one: (one.asset_type_id is not None, one.valid_from), default=None)


def agreed_days(agreements: Iterable[Agreement], partner_id: int | None, asset_type_id: int, left: date) -> int:
    """The free days of that agreement; 0 when it names none."""
    found = agreement_for(agreements, partner_id, asset_type_id, left)
    return found.free_days if found else 0


def free_days(agreement: Agreement | None, asset_type: AssetType) -> int:
    """The days for which a box is free: those of the agreement, else those of its type. 0: none were agreed."""
    return (agreement.free_days if agreement else 0) or asset_type.agreed_days_out


def periods(
    agreements: Collection[Agreement], partner_id: int, asset_type_id: int
) -> list[tuple[date, date, Agreement | None]]:
    """Days of dispatch in one row, each stretch (first and last day) with the agreement that holds for it."""
    mine = [one for one in agreements if one.partner_id == partner_id and one.asset_type_id in (None, asset_type_id)]
    starts = [date.min, *sorted({one.valid_from for one in mine} - {date.min})]
    ends = [*(start - timedelta(days=1) for start in starts[1:]), date.max]
    return [
        (start, end, agreement_for(mine, partner_id, asset_type_id, start))
        for start, end in zip(starts, ends, strict=True)
    ]
