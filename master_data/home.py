"""Where we are at home: the calendar by which the firm as a whole lives."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import g
from markupsafe import Markup

from i18n import instant
from master_data.models import Party, Place
from prepared_statements import prepared


def home_place() -> Place | None:
    """The place of ours by whose calendar we live: first one to which boxes come home, else any."""
    return _homes().first()


def _homes() -> Any:
    query = Place.select().join(Party).where(Party.own, ~Place.archived)
    return query.order_by(Place.return_address.desc(), Place.code)


def home_zone() -> str:
    """The time zone of that place; UTC before there is one."""
    place = _home_zone.one()
    return place.timezone if place else "UTC"


def home_zones() -> Any:
    """Query of that time zone: one row, or none."""
    return _homes().select(Place.timezone).limit(1)


@prepared
def _home_zone() -> Any:
    return home_zones()


def home_zone_here() -> str:
    """The same, asked for once in a request."""
    if "home_zone" not in g:
        g.home_zone = home_zone()
    zone: str = g.home_zone
    return zone


def instant_at_home(value: datetime | None, zone: str = "") -> Markup:
    """Filter of the templates: a point in time, shown in `zone`; where a page names none, in that of our home place."""
    if not zone and value is not None:
        zone = home_zone_here()
    return instant(value, zone or "UTC")
