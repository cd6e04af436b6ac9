"""Where we are at home: the calendar by which the firm as a whole lives."""

from __future__ import annotations

from master_data.models import Party, Place


def home_place() -> Place | None:
    """The place of ours by whose calendar we live: first one to which boxes come home, else any."""
    return (
        Place.select()
        .join(Party)
        .where(Party.own, ~Place.archived)
        .order_by(Place.return_address.desc(), Place.code)
        .first()
    )


def home_zone() -> str:
    """The time zone of that place; UTC before there is one."""
    place = home_place()
    return place.timezone if place else "UTC"
