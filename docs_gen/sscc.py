"""The SSCC of packages: how the number is built, and how a shipment's packages get theirs.

GS1 General Specifications, 2.2.1 and 3.2 (AI 00): extension digit, company prefix, serial, check digit, 18 digits in
all. GS1 wants a year before a number is given to another logistic unit; here none is ever given twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from biip.checksums import gs1_standard_check_digit
from peewee import fn

from database import tuples
from docs_gen.models import LogisticUnit, NumberSeries
from docs_gen.numbering import locked_series
from errors import N_, Refused
from master_data.models import Party
from shipments.models import Shipment

EXTENSION = "0"
_SERIES = "SSCC"  # of NumberSeries, with the year 0: it never begins anew
_ROWS_AT_ONCE = 500  # SQLite takes a limited number of values in one statement


def sscc(company_prefix: str, serial: int) -> str:
    """The SSCC of this serial. Raises ValueError when the prefix leaves no room for it."""
    digits = serial_digits(company_prefix)
    if not 0 <= serial < 10**digits:
        raise ValueError(f"{serial} does not fit into {digits} digits")
    payload = f"{EXTENSION}{company_prefix}{serial:0{digits}}"
    return f"{payload}{gs1_standard_check_digit(payload)}"


def serial_digits(company_prefix: str) -> int:
    """Digits of the serial: what the company prefix leaves of 16. Raises ValueError for what is no company prefix."""
    if not (company_prefix.isascii() and company_prefix.isdecimal() and 4 <= len(company_prefix) <= 12):
        raise ValueError(f"“{company_prefix}” is no GS1 company prefix of 4 to 12 digits")
    return 16 - len(company_prefix)


def allocate(shipment: Shipment, packages: int, now: datetime) -> tuple[str, ...]:
    """The SSCC of the packages 1 … `packages` of the shipment; those that have none yet get the next ones.

    A package keeps its number, also when the count of packages falls and rises again. The caller's transaction
    (`taking_turns`) keeps what was given or gives it back. Raises Refused: `no_gs1_prefix` while the seller has none,
    `sscc_exhausted` when its prefix has not so many numbers left.
    """
    given: dict[int, str] = dict(
        tuples(LogisticUnit.select(LogisticUnit.package_no, LogisticUnit.sscc).where(LogisticUnit.shipment == shipment))
    )
    missing = [number for number in range(1, packages + 1) if number not in given]
    if missing:
        given |= dict(zip(missing, _next(shipment.consignor, len(missing)), strict=True))
        rows = [
            {"shipment": shipment.id, "package_no": number, "sscc": given[number], "allocated_time": now}
            for number in missing
        ]
        for begin in range(0, len(rows), _ROWS_AT_ONCE):
            LogisticUnit.insert_many(rows[begin : begin + _ROWS_AT_ONCE]).execute()
    return tuple(given[number] for number in range(1, packages + 1))


def _next(seller: Party, count: int) -> Iterable[str]:
    """So many numbers that were never given."""
    prefix = seller.gs1_company_prefix
    try:
        highest = 10 ** serial_digits(prefix) - 1
    except ValueError as error:
        raise Refused(
            "no_gs1_prefix", N_("%(party)s has no GS1 company prefix: its packages get no SSCC."), party=seller.code
        ) from error
    # Two of our companies may share a prefix, and a prefix may be typed anew: the numbers belong to the prefix, so its
    # first company keeps the series, and what was given under another one counts too.
    keeper = Party.select(fn.MIN(Party.id)).where(Party.gs1_company_prefix == prefix).scalar()
    series = locked_series(keeper or seller.id, _SERIES, 0)
    last = max(series.last, _last_given(prefix))
    if last + count > highest:
        raise Refused(
            "sscc_exhausted",
            N_(
                "The GS1 company prefix %(prefix)s has only %(left)s SSCC left, %(count)s are needed. "
                "Ask GS1 for another prefix."
            ),
            prefix=prefix, left=max(0, highest - last), count=count,
        )  # fmt: skip
    NumberSeries.update(last=last + count).where(NumberSeries.id == series.id).execute()
    return [sscc(prefix, serial) for serial in range(last + 1, last + count + 1)]


def _last_given(prefix: str) -> int:
    """The highest serial given under this prefix, 0 for none."""
    begin = f"{EXTENSION}{prefix}"
    # ":" follows 9 in ASCII; all are digits of one length, so the order of texts is that of numbers.
    found = (
        LogisticUnit.select(fn.MAX(LogisticUnit.sscc))
        .where(LogisticUnit.sscc >= begin, LogisticUnit.sscc < f"{begin}:")
        .scalar()
    )
    return int(found[len(begin) : -1]) if found else 0
