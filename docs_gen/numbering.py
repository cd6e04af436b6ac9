"""Number series: the row that holds the last number given, locked so that two people never get the same one."""

from __future__ import annotations

from peewee import IntegrityError

from database import db, locked
from docs_gen.models import NumberSeries


def locked_series(seller_id: int, prefix: str, year: int) -> NumberSeries:
    """The series of this seller, prefix and year, made when it is not there, locked until the transaction ends."""
    key = (NumberSeries.seller == seller_id) & (NumberSeries.prefix == prefix) & (NumberSeries.year == year)
    if not NumberSeries.select().where(key).exists():
        try:
            with db.atomic():
                NumberSeries.create(seller=seller_id, prefix=prefix, year=year)
        except IntegrityError:
            pass  # another one made the series at the same moment; it is there now
    return locked(NumberSeries.select().where(key)).get()
