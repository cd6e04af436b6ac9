"""What the pages of customs clocks accept. Which day follows which is checked here, at the field."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import Field, SelectField

from accounts.scope import seen
from assets.models import Asset
from assets.registering import codes_of_text
from customs.clocks import clocks
from customs.declarations import Head, assets_of
from customs.models import CustomsDeclaration
from customs.rules import CLOSINGS, Clock, clock_for
from docs_gen.models import IssuedDocument
from errors import N_, InvalidInput, UserError
from form_fields import CodeField, DayField, Obeys, TextField, WholeField
from i18n import translated
from master_data import codes, rules
from master_data.forms import Needed, TextArea
from shipments.models import Shipment
from shipments.visible import visible_shipments

#: A clock of more than this is a slip of the finger.
_MOST_MONTHS = 120


def _plain(limit: int, lines: int = 1) -> Obeys:
    return Obeys(lambda field: rules.plain_text(field.name, field.data, limit, lines=lines))


def _country(field: Field) -> str:
    if field.data != "EU" and not codes.is_country(field.data):
        raise InvalidInput(field.name, N_("%(value)s is no country of ISO 3166, nor EU."), value=field.data[:10])
    return str(field.data)


def _shipment(field: Field) -> str:
    if not seen(visible_shipments, Shipment.select().where(Shipment.number == field.data)).exists():
        raise InvalidInput(field.name, N_("There is no shipment %(number)s."), number=field.data[:30])
    return str(field.data)


def _whole(least: int, most: int) -> Obeys:
    return Obeys(lambda field: rules.whole(field.name, field.data, least, most))


def day_of(field: DayField) -> date:
    """The day of a field that must be filled, once its form is valid."""
    assert field.data is not None
    return field.data


class _Boxes(FlaskForm):
    """A form that names boxes. `assets` are they once the form is valid."""

    codes = TextArea(
        lazy_gettext("Boxes"), [Needed()], description=lazy_gettext("One code in each line, or parted by commas")
    )

    assets: list[Asset]

    def validate(self, extra_validators: Any = None) -> bool:
        valid = bool(super().validate(extra_validators))
        if self.codes.errors:
            return False
        try:
            self.assets = assets_of(codes_of_text(self.codes.data))
        except InvalidInput as error:
            self.complain(error)
            return False
        return valid

    def complain(self, error: UserError) -> None:
        """Put what a business function refused at its field."""
        field = getattr(error, "field", "codes")
        (self[field] if field in self.data else self.codes).errors = [translated(error)]


class _Declaration(_Boxes):
    number = CodeField(lazy_gettext("Declaration no."), [Needed(), _plain(32)], upper=True)
    item = CodeField(lazy_gettext("Item"), [_plain(8)], description=lazy_gettext("Empty: all of the declaration."))
    country = CodeField(
        lazy_gettext("Customs of"), [Needed(), Obeys(_country)], upper=True,
        description=lazy_gettext("Country code, or EU: whose clock it is."),
    )  # fmt: skip
    office = CodeField(lazy_gettext("Customs office"), [_plain(64)])
    declared_day = DayField(lazy_gettext("Declared on"), [Needed()])
    transport_document_no = CodeField(lazy_gettext("B/L or air waybill no."), [_plain(32)])
    freight_container_no = CodeField(lazy_gettext("Freight container no."), [_plain(32)], upper=True)
    seal_no = CodeField(lazy_gettext("Seal no."), [_plain(32)])
    note = TextArea(lazy_gettext("Note"), [_plain(2000, 40)])


class OutForm(_Declaration):
    """A declaration out: new, from a shipment, or a correction of a recorded one."""

    regime = CodeField(
        lazy_gettext("Customs regime"), [Needed(), _plain(32)],
        description=lazy_gettext("In China 2600; elsewhere in words, as in the lines of the profile."),
    )  # fmt: skip
    destination = CodeField(
        lazy_gettext("Destination"), [Obeys(_country)], upper=True,
        description=lazy_gettext("Country to which the boxes go."),
    )  # fmt: skip
    exit_day = DayField(
        lazy_gettext("Over the border on"),
        description=lazy_gettext("The clock stands still until this day is known."),
    )
    months = WholeField(
        lazy_gettext("Back within"), [_whole(1, _MOST_MONTHS)],
        description=lazy_gettext("Empty: as the profile says for this regime and destination."),
    )  # fmt: skip
    shipment = CodeField(lazy_gettext("Shipment"), [Obeys(_shipment)], upper=True)

    clock: Clock | None = None

    def validate(self, extra_validators: Any = None) -> bool:
        """True when it may be stored; the months come from the profile where none were typed."""
        valid = super().validate(extra_validators)
        exit_day, declared = self.exit_day.data, self.declared_day.data
        if exit_day and declared and (exit_day - declared).days < -31:
            self.exit_day.errors = [translated(InvalidInput("exit_day", N_("This is long before it was declared.")))]
            return False
        if valid:
            self.clock = clock_for(clocks(), self.country.data, self.regime.data, self.destination.data)
        return valid

    def head(self, document: IssuedDocument | None) -> Head:
        """The declaration; call it after `validate`."""
        number = self.shipment.data
        months = self.months.data if self.months.data is not None else self.clock.months if self.clock else None
        return Head(
            number=self.number.data, item=self.item.data, regime=self.regime.data, country=self.country.data,
            office=self.office.data, destination=self.destination.data, declared_day=day_of(self.declared_day),
            exit_day=self.exit_day.data, months=months,
            shipment=Shipment.get(Shipment.number == number) if number else None, document=document,
            transport_document_no=self.transport_document_no.data, freight_container_no=self.freight_container_no.data,
            seal_no=self.seal_no.data, note=self.note.data,
        )  # fmt: skip


class BackForm(_Declaration):
    """A declaration back: it closes the clock of the boxes that it names."""

    regime = CodeField(lazy_gettext("Customs regime"), [Needed(), _plain(32)])
    exit_day = DayField(lazy_gettext("Over the border on"))

    def head(self, out: CustomsDeclaration | None) -> Head:
        """The declaration; call it after `validate`."""
        return Head(
            number=self.number.data, item=self.item.data, regime=self.regime.data, country=self.country.data,
            office=self.office.data, destination=out.destination if out else "", declared_day=day_of(self.declared_day),
            exit_day=self.exit_day.data, transport_document_no=self.transport_document_no.data,
            freight_container_no=self.freight_container_no.data, seal_no=self.seal_no.data, note=self.note.data,
        )  # fmt: skip


class CloseForm(_Boxes):
    """Boxes that do not come back: duty was paid, or they were destroyed under supervision."""

    closing = SelectField(lazy_gettext("What became of them"))
    declared_day = DayField(lazy_gettext("On"), [Needed()])
    reference = CodeField(lazy_gettext("Number of the payment or of the record"), [Needed(), _plain(64)])

    def __init__(self) -> None:
        super().__init__()
        self.closing.choices = [(code, translated(CLOSINGS[code][0])) for code in ("paid", "destroyed")]


class ExtensionForm(FlaskForm):
    """More time, as granted."""

    number = CodeField(lazy_gettext("Number of the extension"), [Needed(), _plain(32)])
    applied_day = DayField(lazy_gettext("Applied for on"), [Needed()])
    until = DayField(lazy_gettext("Extended until"), [Needed()])

    def complain(self, error: InvalidInput) -> None:
        """Put what a business function refused at its field."""
        self[error.field].errors = [translated(error)]


class ClockForm(FlaskForm):
    """A line of our own of the profile."""

    country = CodeField(
        lazy_gettext("Customs of"), [Needed(), Obeys(_country)], upper=True,
        description=lazy_gettext("Country code, or EU: whose clock it is."),
    )  # fmt: skip
    regime = CodeField(lazy_gettext("Customs regime"), [Needed(), _plain(32)])
    destination = CodeField(
        lazy_gettext("Destination"), [Obeys(_country)], upper=True,
        description=lazy_gettext("Country code, or EU; empty: any."),
    )  # fmt: skip
    months = WholeField(lazy_gettext("Back within"), [Needed(), _whole(1, _MOST_MONTHS)])
    extensions = WholeField(lazy_gettext("Extensions at most"), [_whole(0, 20)])
    extension_months = WholeField(lazy_gettext("Each extension"), [_whole(0, _MOST_MONTHS)])
    source = TextField(
        lazy_gettext("Source"),
        [Needed(), _plain(255)],
        description=lazy_gettext("Which text says so: law, ruling, letter."),
    )
    read_day = DayField(lazy_gettext("Read on"), [Needed()])
    verified_by = TextField(
        lazy_gettext("Verified by"), [_plain(64)], description=lazy_gettext("Broker or office; empty: nobody yet.")
    )
    note = TextField(lazy_gettext("Note"), [_plain(255)])
