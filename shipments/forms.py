"""What the shipment pages accept. The form reads texts into an entry; whether that may be saved, the rules say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from flask import request
from flask_babel import lazy_gettext
from flask_wtf.file import FileField
from wtforms import (
    BooleanField,
    Field,
    FieldList,
    Form,
    FormField,
    HiddenField,
    SelectChoice,
    SelectField,
)

from accounts.scope import seen
from database import utc_now
from errors import N_, Message
from form_fields import CodeField, DayField, ExactField, MomentField, TextField, WholeField
from i18n import language, translated
from master_data import codes
from master_data.forms import TextArea
from master_data.models import AssetType, Party, Place, Product
from master_data.visible import visible_parties, visible_places
from shipments import line_import, rules
from shipments.booking import CLOSED, STALE, entry_of, known_to
from shipments.details import FIELDS, GROUPS, Details, details_from_json
from shipments.differences import Settling
from shipments.models import LetterOfCredit, Shipment
from shipments.rules import LineEntry, PackageEntry, ShipmentEntry
from shipments.visible import visible_credits, visible_shipments


class _Needed:
    """Shows the star at a field. Whether it is filled, the rules say, with all else that is wrong."""

    field_flags = {"required": True}

    def __call__(self, form: Any, field: Any) -> None:
        pass


needed = [_Needed()]


class ContainerField(CodeField):
    """A freight container number: CSQU 305438-3 is CSQU3054383."""

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata(valuelist)
        self.data = self.data.replace(" ", "").replace("-", "")


def _choices(listed: dict[str, codes.Code], empty: bool = True) -> list[tuple[str, str]]:
    chosen = language()
    return [("", "")] * empty + [(code.code, f"{code.code} · {code.name(chosen)}") for code in listed.values()]


class Rows(FieldList):
    """Rows of a table, numbered from 0 without gaps whatever numbers the browser sent."""

    def _extract_indices(self, prefix: str, formdata: Any) -> Iterator[int]:
        pattern = re.compile(rf"{prefix}-([0-9]{{1,9}})-")  # the library's own takes ² for a number and fails
        return (int(match[1]) for key in formdata if (match := pattern.match(key)))

    def take_out(self, row: str) -> None:
        """Take out the row with this id; the rows behind it move up."""
        self.entries: list[Any] = [entry for entry in self.entries if entry.id != row]
        self._compact_indices()


class LineForm(Form):
    product = CodeField(lazy_gettext("Part no."), needed)
    quantity = ExactField(lazy_gettext("Quantity"), needed)
    unit_price = ExactField(lazy_gettext("Unit price"), needed)
    invoice_group = CodeField(lazy_gettext("Invoice group"), upper=True)


class PackageForm(Form):
    asset_type = CodeField(lazy_gettext("Box type"))
    package_code = CodeField(lazy_gettext("Kind of package"), needed, upper=True)
    count = WholeField(lazy_gettext("Count"), needed)
    product = CodeField(lazy_gettext("Part no. inside"))
    pieces = ExactField(lazy_gettext("Pieces"))
    net_mass = ExactField(lazy_gettext("Net kg"), needed)
    gross_mass = ExactField(lazy_gettext("Gross kg"), needed)
    length_mm = WholeField(lazy_gettext("Length mm"))
    width_mm = WholeField(lazy_gettext("Width mm"))
    height_mm = WholeField(lazy_gettext("Height mm"))
    marks = TextField(lazy_gettext("Marks"))


def pressed_inside() -> bool:
    """Whether a button inside the form was pressed (add or take out a row, read a file, pack), which writes nothing."""
    return any(name in request.form for name in ("add_line", "add_package", "remove", "propose", "read_file"))


class ShipmentForm(Settling):
    """One page, filled top to bottom. Rows of lines and packages that are wholly empty do not count."""

    version = HiddenField(default="0")
    # parties
    consignor = CodeField(lazy_gettext("Consignor"), needed)
    consignee = CodeField(lazy_gettext("Consignee"), needed)
    notify_party = CodeField(lazy_gettext("Notify party"))
    ship_from = CodeField(lazy_gettext("Ships from"))
    # more roles
    buyer = CodeField(lazy_gettext("Buyer"), description=lazy_gettext("Empty: the consignee"))
    manufacturer = CodeField(lazy_gettext("Manufacturer"), description=lazy_gettext("Empty: the consignor"))
    forwarder = CodeField(lazy_gettext("Forwarder"))
    carrier = CodeField(lazy_gettext("Carrier"))
    broker = CodeField(lazy_gettext("Customs broker"))
    deliver_to = CodeField(lazy_gettext("Delivered to"), description=lazy_gettext("Empty: the consignee's address"))
    letter_of_credit = CodeField(lazy_gettext("Letter of credit"))
    invoiced_with = CodeField(
        lazy_gettext("On the invoice of"),
        upper=True,
        description=lazy_gettext("Another shipment whose commercial invoice covers this one too"),
    )
    # terms
    incoterm = SelectField(lazy_gettext("Incoterm 2020"), needed, validate_choice=False)
    named_place = TextField(lazy_gettext("Named place"), needed)
    currency = CodeField(lazy_gettext("Currency"), needed, upper=True)
    payment_terms = TextField(lazy_gettext("Payment terms"))
    freight = ExactField(lazy_gettext("Freight"))
    insurance = ExactField(lazy_gettext("Insurance"))
    other_charges = ExactField(lazy_gettext("Other charges"), description=lazy_gettext("Deductions with a minus."))
    contract_no = TextField(lazy_gettext("Contract no."))
    order_no = TextField(lazy_gettext("Customer's order no."))
    invoice_date = DayField(lazy_gettext("Invoice date"))
    # route
    transport_mode = SelectField(lazy_gettext("Mode of transport"), needed, validate_choice=False)
    departure_date = DayField(lazy_gettext("Departure"))
    port_of_loading = CodeField(lazy_gettext("Port of loading"), upper=True, description="UN/LOCODE, CNSHA")
    port_of_loading_name = TextField(lazy_gettext("Port of loading, name"))
    port_of_discharge = CodeField(lazy_gettext("Port of discharge"), upper=True, description="UN/LOCODE, DEHAM")
    port_of_discharge_name = TextField(lazy_gettext("Port of discharge, name"))
    place_of_delivery = TextField(lazy_gettext("Place of delivery"))
    vessel = TextField(lazy_gettext("Vessel, flight or plate"))
    voyage = TextField(lazy_gettext("Voyage"))
    transport_document_no = TextField(lazy_gettext("B/L or air waybill no."))
    freight_container_no = ContainerField(lazy_gettext("Freight container no."), upper=True, description="ISO 6346")
    seal_no = TextField(lazy_gettext("Seal no."))
    marks = TextArea(lazy_gettext("Marks and numbers"), description=lazy_gettext("Empty: N/M"))
    remarks = TextArea(lazy_gettext("Remarks"))
    # lines and packages
    lines = Rows(FormField(LineForm), max_entries=rules.MAX_LINES + 1)
    lines_file = FileField(lazy_gettext("CSV or XLSX file"))
    packages = Rows(FormField(PackageForm), max_entries=rules.MAX_PACKAGES + 1)
    propose_in = CodeField(lazy_gettext("Pack all lines in"))
    # customs
    customs_regime = SelectField(lazy_gettext("Customs regime"), validate_choice=False)
    duty_nature = SelectField(lazy_gettext("Duty nature"), validate_choice=False)
    duty_mode = SelectField(lazy_gettext("Duty mode"), validate_choice=False)
    customs_office = CodeField(lazy_gettext("Customs office of exit"), description=lazy_gettext("4 digits"))
    customs_office_name = TextField(lazy_gettext("Customs office of exit, name"))
    exit_port = CodeField(lazy_gettext("Place of departure from China"), description=lazy_gettext("6 digits"))
    exit_port_name = TextField(lazy_gettext("Place of departure, name"))
    destination_port = CodeField(
        lazy_gettext("Port of destination"), upper=True, description=lazy_gettext("Customs port code, 6 characters")
    )
    destination_port_name = TextField(lazy_gettext("Port of destination, name"))
    trading_country = CodeField(
        lazy_gettext("Trading country"), upper=True, description=lazy_gettext("Empty: the consignee's")
    )
    destination_country = CodeField(
        lazy_gettext("Country of arrival"), upper=True, description=lazy_gettext("Empty: the consignee's")
    )

    def __init__(self, shipment: Shipment | None = None) -> None:
        """The form of a new shipment, or of this one; filled from the request when one was sent."""
        self.shipment = shipment
        self.status = 200
        self.file_problems: list[Message] = []
        self.file_there = 0  # of the lines that were read, those that the form had already
        stored = entry_of(shipment) if shipment else None
        super().__init__(data=_shown(stored, shipment.version) if stored and shipment else self._defaults())
        self.incoterm.choices = _choices(codes.INCOTERMS)
        self.transport_mode.choices = _choices(codes.TRANSPORT_MODES)
        self.customs_regime.choices = _choices(codes.CUSTOMS_REGIMES, empty=False)
        self.duty_nature.choices = _choices(codes.DUTY_NATURES, empty=False)
        self.duty_mode.choices = _choices(codes.DUTY_MODES, empty=False)
        self.with_empty_row("lines")
        self.with_empty_row("packages")

    @staticmethod
    def _defaults() -> dict[str, Any]:
        own = list(seen(visible_parties, Party.select(Party.code).where(Party.own, ~Party.archived).limit(2)))
        return {
            "consignor": own[0].code if len(own) == 1 else "",
            "customs_regime": "0110",
            "duty_nature": "101",
            "duty_mode": "1",
        }

    @staticmethod
    def line_template() -> LineForm:
        """An empty row for the browser to copy; `__i__` stands for its index."""
        return LineForm(prefix="lines-__i__-")

    @staticmethod
    def package_template() -> PackageForm:
        """The same for packages."""
        return PackageForm(prefix="packages-__i__-")

    def pressed(self) -> bool:
        """Do what a button inside the form asks (`pressed_inside`); False: it asks to save."""
        if not pressed_inside():
            return False
        if "add_line" in request.form or "add_package" in request.form:
            self.with_empty_row("lines" if "add_line" in request.form else "packages", another=True)
        elif "remove" in request.form:
            self.without_row(request.form["remove"])
        elif "propose" in request.form:
            self.propose()
        else:
            self.read_file()
        return True

    def read_file(self) -> None:
        """Put the lines of the chosen file behind those that are there; with an error in a cell none of them."""
        read = line_import.read_upload(self.lines_file.data, self.shipment)
        self.file_problems = [problem.message for problem in read.problems]
        if read.problems:
            self.status = 422
        else:
            typed = [LineEntry(**row.form.data) for row in self._filled("lines")]
            self.file_there = sum(line.there for line in line_import.compared(read.lines, typed))
            self.replace_rows("lines", [*typed, *(line.entry for line in read.lines)])

    def with_empty_row(self, name: str, *, another: bool = False) -> None:
        """Make sure that there is a row to type into; `another`: one more than there are."""
        rows: Rows = self[name]
        if (another or not rows.entries) and len(rows.entries) <= rows.max_entries - 1:
            rows.append_entry()

    def without_row(self, row: str) -> None:
        """Take out the row whose id is `row` (`lines-3`); an id of no row changes nothing."""
        name = row.partition("-")[0]
        if name in ("lines", "packages"):
            self[name].take_out(row)
            self.with_empty_row(name)

    def replace_rows(self, name: str, rows: list[Any]) -> None:
        """Put these entries into the place of all rows of `lines` or `packages`."""
        self[name].process(None, [_shown_row(row) for row in rows])
        self.with_empty_row(name)

    def entry(self) -> ShipmentEntry:
        """What was typed. A field that could not be read is None and carries its error."""
        plain = [f.name for f in fields(ShipmentEntry) if f.name not in ("lines", "packages")]
        values: dict[str, Any] = {name: self[name].data for name in plain}
        for name in plain:
            if values[name] is None and name not in _MAYBE_NONE:
                values[name] = ""
        return ShipmentEntry(
            **values,
            lines=tuple(LineEntry(**row.form.data) for row in self._filled("lines")),
            packages=tuple(PackageEntry(**row.form.data) for row in self._filled("packages")),
        )

    def _filled(self, name: str) -> list[FormField]:
        return [row for row in self[name].entries if any(is_typed(field) for field in row.form)]

    def stored(self) -> dict[str, Any]:
        entry = entry_of(self.shipment) if self.shipment else ShipmentEntry()
        return {f.name: getattr(entry, f.name) for f in fields(entry)}

    def typed(self) -> dict[str, Any]:
        entry = self.entry()
        return {f.name: getattr(entry, f.name) for f in fields(entry)}

    def take_over(self, name: str, value: Any) -> None:
        if name in ("lines", "packages"):
            self.replace_rows(name, list(value))
        else:
            super().take_over(name, value)

    def validate(self, extra_validators: Any = None) -> bool:
        """True when it can be saved; else every error stands at its field, and `status` is the answer's."""
        fine = super().validate(extra_validators)
        entry = self.entry()
        for problem in rules.problems(entry, known_to(entry, self.shipment), utc_now().date()):
            field = self._field_at(problem.field)
            if not field.errors:  # a text that is no number is not missing as well
                field.errors = [translated(problem.message)]
                fine = False
        self.status = 200 if fine else 422
        if self.shipment and (refusals := _refusals(self.shipment, self.version.data)):
            self.form_errors += refusals
            fine, self.status = False, 409
        return fine

    @property
    def has_roles(self) -> bool:
        """True when the section of further roles has something to show."""
        return any(self[name].data or self[name].errors for name in MORE_ROLES)

    def _field_at(self, id_: str) -> Field:
        """The field that a rule names. The rules count filled rows only, the page has empty ones between them."""
        name, _, rest = id_.partition("-")
        if not rest:
            return self[name]
        index, _, column = rest.partition("-")
        rows = self._filled(name) or self[name].entries
        return rows[int(index)].form[column]

    def propose(self) -> None:
        """Fill the packages from the lines and the chosen type of boxes; what was typed there before goes."""
        entry = self.entry()
        known = known_to(ShipmentEntry(lines=entry.lines, packages=(PackageEntry(self.propose_in.data or ""),)), None)
        made = rules.propose_packages(entry.lines, self.propose_in.data or "", known)
        if made:
            self.replace_rows("packages", made)
        else:
            self.propose_in.errors = [translated(NOTHING_TO_PACK)]
            self.status = 422


MORE_ROLES = (
    "buyer", "manufacturer", "forwarder", "carrier", "broker", "deliver_to", "letter_of_credit", "invoiced_with",
)  # fmt: skip


def _refusals(shipment: Shipment, version: str | None) -> list[str]:
    """Why nothing of a page that shows `version` may be saved now."""
    found = []
    if version != str(shipment.version):
        found.append(translated(Message(STALE, {"number": shipment.number})))
    if shipment.state in ("closed", "cancelled"):
        found.append(translated(Message(CLOSED, {"number": shipment.number})))
    return found


NOTHING_TO_PACK = N_("Nothing could be packed: choose a box type, and enter lines with products and quantities first.")

_MAYBE_NONE = {"invoice_date", "departure_date", "freight", "insurance", "other_charges"}


def is_typed(field: Field) -> bool:
    """True when something stands in the field."""
    return bool("".join(field.raw_data).strip()) if field.raw_data else field.data not in (None, "")


def _shown(entry: ShipmentEntry, version: int) -> dict[str, Any]:
    values = {f.name: getattr(entry, f.name) for f in fields(entry)}
    values["version"] = str(version)
    values["lines"] = [_shown_row(line) for line in entry.lines]
    values["packages"] = [_shown_row(package) for package in entry.packages]
    return values


def _shown_row(row: LineEntry | PackageEntry) -> dict[str, Any]:
    """A stored 0 that means 'not given' is shown as an empty field, so that it need not be deleted to type."""
    blank = ("pieces", "length_mm", "width_mm", "height_mm")
    return {f.name: getattr(row, f.name) or None if f.name in blank else getattr(row, f.name) for f in fields(row)}


_LISTED = 200  # shipments in a type-ahead, the newest


def lists() -> dict[str, list[tuple[str, str]]]:
    """What the type-ahead fields offer: id of the list → (code, name in both languages)."""
    parties = list(seen(visible_parties, Party.select().where(~Party.archived).order_by(Party.code)))
    places = seen(visible_places, Place.select().where(~Place.archived).order_by(Place.code))
    products = Product.select().where(~Product.archived).order_by(Product.part_no)
    credits = seen(
        visible_credits, LetterOfCredit.select().where(~LetterOfCredit.archived).order_by(LetterOfCredit.code)
    )
    shipments = (
        Shipment.select(Shipment, Party).join(Party, on=Shipment.consignee)
        .where(Shipment.state == "open", Shipment.invoiced_with.is_null()).order_by(Shipment.id.desc()).limit(_LISTED)
    )  # fmt: skip
    shipments = seen(visible_shipments, shipments)
    types = AssetType.select().where(~AssetType.archived).order_by(AssetType.code)
    return {
        "own-parties": [(row.code, _both(row.name_en, row.name_zh)) for row in parties if row.own],
        "parties": [(row.code, _both(row.name_en, row.name_zh)) for row in parties],
        "places": [(row.code, _both(row.name_en, row.name_zh)) for row in places],
        "products": [(row.part_no, _both(row.description_en, row.description_zh)) for row in products],
        "asset-types": [(row.code, _both(row.name_en, row.name_zh)) for row in types],
        "credits": [(row.code, f"{row.number} · {row.currency} {row.amount:f}") for row in credits],
        "shipments": [(row.number, _both(row.consignee.name_en, row.consignee.name_zh)) for row in shipments],
        "package-codes": [(code.code, _both(code.en, code.zh)) for code in codes.PACKAGES.values()],
        "currencies": [(code.code, _both(code.en, code.zh)) for code in codes.currencies().values()],
        "countries": [(code.code, _both(code.en, code.zh)) for code in codes.countries().values()],
    }


def _both(en: str, zh: str) -> str:
    return f"{en} · {zh}" if en and zh else en or zh


# ---- the details that single papers ask for


#: codes that are stored in capitals
_CAPITALS = ("airport_of_departure", "airport_of_destination", "proxy_services")


def _detail_field(name: str, zone: str) -> Any:
    """The form field of one declared detail; its label in the language of the page."""
    of = FIELDS[name].metadata
    label, hint = translated(of["label"]), translated(of["hint"])
    match of["kind"]:
        case "text" if of["lines"] > 1:
            return TextArea(label, description=hint)
        case "text" if name in _CAPITALS:
            return CodeField(label, description=hint, upper=True)
        case "text":
            return TextField(label, description=hint)
        case "choice":
            choices = [
                SelectChoice(""),
                *(SelectChoice(code, translated(text)) for code, text in of["choices"].items()),
            ]
            return SelectField(label, description=hint, choices=choices, validate_choice=False)
        case "day":
            return DayField(label, description=hint)
        case "moment":
            return MomentField(f"{label} ({zone})", description=hint)
        case "exact":
            return ExactField(label, description=hint)
        case "whole":
            return WholeField(label, description=hint)
        case _:
            return BooleanField(label, description=hint)


class DetailsForm(Settling):
    """The details of a shipment. Its fields follow from `shipments.details`: see `details_form`."""

    version = HiddenField(default="0")
    shipment: Shipment
    status = 200

    def groups(self, wanted: Iterable[str]) -> Iterator[tuple[str, str, list[Field], bool]]:
        """The groups of the page: code, title, fields, and whether it is unfolded: it holds something or is wanted."""
        for code, title in GROUPS.items():
            listed = [self[name] for name in FIELDS if FIELDS[name].metadata["group"] == code]
            filled = any(field.data not in ("", None, False) or field.errors for field in listed)
            yield code, title, listed, filled or code in wanted

    @staticmethod
    def rows(name: str) -> int:
        """The height of a text of several lines."""
        return int(FIELDS[name].metadata["lines"])

    def stored(self) -> dict[str, Any]:
        assert self.shipment
        details = details_from_json(self.shipment.details)
        return {name: getattr(details, name) for name in FIELDS}

    def typed(self) -> dict[str, Any]:
        return {name: self[name].data for name in FIELDS}

    def details(self) -> Details:
        """What was typed. A field that could not be read is not given, and carries its error."""
        return Details(**{name: self[name].data for name in FIELDS})

    def validate(self, extra_validators: Any = None) -> bool:
        """True when it can be saved; else every error stands at its field, and `status` is the answer's."""
        fine = super().validate(extra_validators)
        for problem in rules.details_problems(self.details(), self.shipment.currency):
            if not self[problem.field].errors:
                self[problem.field].errors = [translated(problem.message)]
                fine = False
        self.status = 200 if fine else 422
        if refusals := _refusals(self.shipment, self.version.data):
            self.form_errors += refusals
            fine, self.status = False, 409
        return fine


def details_form(shipment: Shipment) -> DetailsForm:
    """The form of the details of this shipment, filled from the request when one was sent."""
    zone = shipment.ship_from.timezone if shipment.ship_from else "UTC"
    made: type[DetailsForm] = type("DetailsForm", (DetailsForm,), {name: _detail_field(name, zone) for name in FIELDS})
    stored = details_from_json(shipment.details)
    form = made(data={name: getattr(stored, name) for name in FIELDS} | {"version": str(shipment.version)})
    form.shipment = shipment
    return form
