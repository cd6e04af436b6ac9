"""Two people changed one shipment: what the second typed beside what the first saved, and a choice for each field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from wtforms import Field

from i18n import translated
from shipments.models import Shipment
from shipments.rules import LineEntry, PackageEntry


@dataclass(frozen=True)
class Difference:
    """One field that differs: both values as the page shows them, '' for nothing."""

    name: str
    label: str
    yours: str
    theirs: str
    choice: str  # '' not made yet, yours, theirs


class Settling(FlaskForm):
    """A form of a shipment that was saved by somebody else after it was opened.

    Such a form is answered with its differences. What is chosen there comes back as `keep-<field>` (yours or theirs)
    with `seen`, the version that the differences were shown for; with `settle` the choices are taken into the form.
    """

    shipment: Shipment | None

    def stored(self) -> Mapping[str, Any]:
        """What is stored now, by the names of the fields."""
        raise NotImplementedError

    def typed(self) -> Mapping[str, Any]:
        """What was typed, by the same names."""
        raise NotImplementedError

    def take_over(self, name: str, value: Any) -> None:
        """Put what is stored into the field."""
        field = self[name]
        field.process(None, data=value)
        field.raw_data = None

    def differences(self) -> list[Difference]:
        """What differs, in the order of the form; nothing while nobody else saved."""
        if self.shipment is None or self["version"].data == str(self.shipment.version):
            return []
        stored, typed = self.stored(), self.typed()
        return [
            Difference(name, _label(self[name]), _shown(self[name], typed[name]), _shown(self[name], stored[name]),
                       request.form.get(f"keep-{name}", ""))
            for name in stored
            if _differs(typed[name], stored[name]) or self[name].errors
        ]  # fmt: skip

    def settle(self) -> bool:
        """Take the choices over; True when it was asked for and one was made for each difference, and nobody has saved
        once more since they were shown."""
        if self.shipment is None or "settle" not in request.form:
            return False
        found = self.differences()
        seen = request.form.get("seen", "")
        if seen != str(self.shipment.version) or not all(one.choice in ("yours", "theirs") for one in found):
            return False
        stored = self.stored()
        for one in found:
            if one.choice == "theirs":
                self.take_over(one.name, stored[one.name])
        self["version"].data = seen
        self["version"].raw_data = None
        return True


def _differs(yours: Any, theirs: Any) -> bool:
    if isinstance(yours, tuple) and isinstance(theirs, tuple):
        return len(yours) != len(theirs) or any(
            _differs(getattr(one, name), getattr(other, name))
            for one, other in zip(yours, theirs, strict=True)
            for name in _columns(one)
        )
    return bool((yours or None) != (theirs or None))


def _columns(row: LineEntry | PackageEntry) -> list[str]:
    return [f.name for f in fields(row)]


def _label(field: Field) -> str:
    return {"lines": _("Lines"), "packages": _("Packages")}.get(field.name) or str(field.label.text)


def _shown(field: Field, value: Any) -> str:
    if isinstance(value, tuple):
        return "\n".join(_row(row) for row in value)
    if value is None and field.raw_data:
        return str(field.raw_data[0])  # what could not be read
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    for choice in getattr(field, "choices", None) or []:
        # WTForms makes objects of those that stand in the class, and leaves the pairs that a form sets as they are.
        key, label = choice if isinstance(choice, tuple) else (choice.value, choice.label)
        if key == value:
            return translated(str(label))
    return _text(value)


def _row(row: LineEntry | PackageEntry) -> str:
    if isinstance(row, LineEntry):
        return " · ".join(filter(None, (row.product, _text(row.quantity), _text(row.unit_price), row.invoice_group)))
    parts: Sequence[str] = (
        f"{row.count or ''} × {row.asset_type or row.package_code}", row.product, _text(row.pieces),
        f"{_text(row.net_mass)} / {_text(row.gross_mass)} kg", row.marks,
    )  # fmt: skip
    return " · ".join(filter(None, parts))


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat(" ", timespec="minutes")
    return "" if value is None else str(value)
