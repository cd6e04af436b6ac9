"""What the pages of master data accept. Fields have the names of the columns, so that other pages can link to them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, SelectField, TextAreaField
from wtforms.validators import StopValidation

from accounts.scope import current_scope, seen
from database import Row
from errors import N_, InvalidInput
from form_fields import CodeField, ExactField, TextField, WholeField
from i18n import translated
from master_data import codes, rules
from master_data.models import AssetType, Party, Place, Product
from master_data.saving import GRAI_TAKEN, TAKEN, key_of, other_with
from master_data.visible import visible_parties

_ADDRESS = (500, 8)  # characters, lines
_MISSING = N_("This is needed.")


class PointField(ExactField):
    """A number without commas: 1,234 kg is 1.234 kg to half of the world, so it is refused rather than guessed."""

    wrong = N_("“%(text)s” is not clear; write it like 1234.5: a point before the decimals, no commas.")

    def read(self, text: str) -> Any:
        return None if set(text) & set(",，'") else super().read(text)


class TextArea(TextField, TextAreaField):
    """Several lines of text."""


def _filled(field: Field) -> bool:
    return field.data is not None and str(field.data).strip() != ""


class Needed:
    """The field is filled; an error of reading it stands alone."""

    field_flags = {"required": True}

    def __call__(self, form: Any, field: Field) -> None:
        if not field.errors and not _filled(field):
            raise StopValidation(translated(_MISSING))


class Obeys:
    """What is filled in obeys a rule of `rules`, and is stored as the rule gives it."""

    def __init__(self, rule: Callable[[Any], Any]) -> None:
        self.rule = rule

    def __call__(self, form: Any, field: Field) -> None:
        if field.errors or not _filled(field):
            return
        try:
            field.data = self.rule(field.data)
        except InvalidInput as error:
            raise StopValidation(translated(error)) from None


def _text(column: Any, *, lines: int = 1, limit: int = 0) -> Obeys:
    return Obeys(lambda text: rules.plain_text(column.name, text, limit or column.max_length, lines=lines))


def _mass(name: str) -> Obeys:
    return Obeys(lambda number: rules.amount(name, number, rules.MASS_DECIMALS))


def _whole(name: str, least: int, most: int) -> Obeys:
    return Obeys(lambda number: rules.whole(name, number, least, most))


def _listed(name: str, known: dict[str, codes.Code]) -> Obeys:
    return Obeys(lambda text: rules.listed(name, text, known))


class RowForm(FlaskForm):
    """A form of one row of master data, new or stored; `values()` are its columns when it is valid."""

    def __init__(self, row: Row, **shown: Any) -> None:
        self.row = row
        stored = {name: getattr(row, name) for name in row._meta.fields if row.id} if row.id else {}  # type: ignore[attr-defined]
        super().__init__(data={**stored, **shown})

    def validate(self, extra_validators: Any = None) -> bool:
        """True when the row may be saved; else every error stands at its field."""
        super().validate(extra_validators)
        key = self[key_of(type(self.row))]
        if not key.errors and (other := other_with(self.row, key.data)):
            key.errors = [translated(InvalidInput(key.name, TAKEN, code=getattr(other, key.name)))]
        self.check_together()
        return not any(field.errors for field in self)

    def check_together(self) -> None:
        """Rules of two fields at once."""

    def obey(self, *fields: str, rule: Callable[..., Any]) -> Any:
        """The result of a rule over several fields; asked only when each of them is right by itself."""
        if any(self[name].errors for name in fields):
            return None
        try:
            return rule(*(self[name].data for name in fields))
        except InvalidInput as error:
            self[error.field].errors = [translated(error)]
            return None

    def values(self) -> dict[str, Any]:
        """Column → value to be stored."""
        values = {field.name: field.data for field in self if field.type != "CSRFTokenField"}
        return {name: self.empty(name) if value is None else value for name, value in values.items()}

    def empty(self, name: str) -> Any:
        """What is stored when a field is left empty."""
        default = self.row._meta.fields[name].default  # type: ignore[attr-defined]
        return "" if default is None else default


class PartyForm(RowForm):
    code = CodeField(lazy_gettext("Code"), [Needed(), Obeys(rules.code)], upper=True)
    country = CodeField(lazy_gettext("Country"), [Needed(), Obeys(rules.country)])
    name_en = TextField(lazy_gettext("Name, English"), [Needed(), _text(Party.name_en)])
    name_zh = TextField(lazy_gettext("Name, Chinese"), [_text(Party.name_zh)])
    address_en = TextArea(
        lazy_gettext("Address, English"),
        [_text(Party.address_en, limit=_ADDRESS[0], lines=_ADDRESS[1])],
        description=lazy_gettext("Lines as they are printed, without the country."),
    )
    address_zh = TextArea(
        lazy_gettext("Address, Chinese"), [_text(Party.address_zh, limit=_ADDRESS[0], lines=_ADDRESS[1])]
    )
    own = BooleanField(lazy_gettext("One of our own companies: sends goods, owns boxes"))
    uscc = CodeField(
        lazy_gettext("USCC"),
        [Obeys(rules.uscc)],
        upper=True,
        description=lazy_gettext("Unified social credit code 统一社会信用代码, 18 characters."),
    )
    customs_no = CodeField(
        lazy_gettext("Customs registration no."),
        [Obeys(rules.customs_no)],
        upper=True,
        description=lazy_gettext("海关注册编码, 10 digits or letters."),
    )
    vat_no = CodeField(lazy_gettext("VAT no."), upper=True)
    eori = CodeField(lazy_gettext("EORI"), [Obeys(rules.eori)], upper=True)
    tax_no = CodeField(
        lazy_gettext("Tax no."),
        [Obeys(rules.tax_no)],
        upper=True,
        description=lazy_gettext("As its country calls it: RFC, CUIT, RUT, GSTIN, IEC, EIN."),
    )
    aeo_no = CodeField(
        lazy_gettext("AEO no."),
        [Obeys(rules.aeo_no)],
        upper=True,
        description=lazy_gettext("Of an authorised economic operator: AEOCN and its number."),
    )
    gs1_company_prefix = CodeField(
        lazy_gettext("GS1 company prefix"),
        description=lazy_gettext("Of our own companies: the SSCC of packages begin with it."),
    )
    contact = TextField(lazy_gettext("Contact"), [_text(Party.contact)])
    phone = TextField(lazy_gettext("Telephone"), [_text(Party.phone)])
    email = TextField(lazy_gettext("E-mail"), [Obeys(rules.email)])
    bank_name = TextField(lazy_gettext("Bank"), [_text(Party.bank_name)])
    bank_account = CodeField(lazy_gettext("Account no. or IBAN"), [Obeys(rules.bank_account)])
    bank_bic = CodeField(lazy_gettext("BIC"), [Obeys(rules.bank_bic)], upper=True)

    def check_together(self) -> None:
        if self.vat_no.data:
            self.vat_no.data = self.obey("vat_no", "country", rule=rules.vat_no) or self.vat_no.data
        prefix = self.gs1_company_prefix
        if prefix.data:
            prefix.data = self.obey("gs1_company_prefix", "own", rule=rules.gs1_company_prefix) or prefix.data

    def validate_own(self, field: Field) -> None:
        """Which companies are ours is not for whoever belongs to some of them only."""
        if bool(field.data) != bool(self.row.own) and current_scope().entities is not None:  # type: ignore[attr-defined]
            raise StopValidation(
                translated(N_("You belong to certain companies only; an administrator says which are ours."))
            )


class PlaceForm(RowForm):
    code = CodeField(lazy_gettext("Code"), [Needed(), Obeys(rules.code)], upper=True)
    party = CodeField(
        lazy_gettext("Partner"),
        [Needed(), Obeys(rules.code)],
        upper=True,
        description=lazy_gettext("Whose place it is."),
    )
    name_en = TextField(lazy_gettext("Name, English"), [Needed(), _text(Place.name_en)])
    name_zh = TextField(lazy_gettext("Name, Chinese"), [_text(Place.name_zh)])
    address_en = TextArea(
        lazy_gettext("Address, English"), [_text(Place.address_en, limit=_ADDRESS[0], lines=_ADDRESS[1])]
    )
    address_zh = TextArea(
        lazy_gettext("Address, Chinese"), [_text(Place.address_zh, limit=_ADDRESS[0], lines=_ADDRESS[1])]
    )
    country = CodeField(lazy_gettext("Country"), [Needed(), Obeys(rules.country)])
    timezone = CodeField(
        lazy_gettext("Time zone"),
        [Needed(), Obeys(rules.timezone)],
        description=lazy_gettext("Days and times of this place are shown in it."),
    )
    gln = CodeField(
        lazy_gettext("GLN"), [Obeys(rules.gln)], description=lazy_gettext("GS1 location number, 13 digits.")
    )
    phone = TextField(lazy_gettext("Telephone"), [_text(Place.phone)])
    return_address = BooleanField(lazy_gettext("Printed on labels as the address to return boxes to"))

    def __init__(self, row: Place) -> None:
        super().__init__(row, **({"party": row.party.code} if row.id else {}))  # type: ignore[attr-defined]
        self.owner: Party | None = None

    def validate_party(self, field: Field) -> None:
        """The partner of this code, also when its code was typed in small letters."""
        known = seen(visible_parties, Party.select().where(Party.code == field.data))
        self.owner = known.first() if field.data else None
        if field.data and self.owner is None:
            no_partner = N_("There is no partner with the code %(code)s. Choose one from the list.")
            raise StopValidation(translated(InvalidInput("party", no_partner, code=field.data[:40])))
        ours = bool(self.row.id and self.row.party.own)  # type: ignore[attr-defined]
        if self.owner and self.owner.own and not ours and current_scope().sites is not None:
            raise StopValidation(translated(N_("You work at certain sites only; an administrator enters a new one.")))

    def values(self) -> dict[str, Any]:
        return {**super().values(), "party": self.owner}


def _unit_choices() -> list[tuple[str, str]]:
    return [("", ""), *codes.options(codes.UNITS)]


def _cn_package_choices() -> list[tuple[str, str]]:
    return [("", ""), *codes.options(codes.CN_PACKAGES)]


class ProductForm(RowForm):
    part_no = CodeField(lazy_gettext("Part no."), [Needed(), Obeys(rules.part_no)])
    customer_part_no = CodeField(lazy_gettext("Customer's part no."), [_text(Product.customer_part_no)])
    description_en = TextField(lazy_gettext("Description, English"), [Needed(), _text(Product.description_en)])
    description_zh = TextField(lazy_gettext("Description, Chinese"), [Needed(), _text(Product.description_zh)])
    hs_code = CodeField(
        lazy_gettext("HS code"),
        [Needed(), Obeys(rules.hs_code)],
        description=lazy_gettext("10 digits as China declares them; other papers print the first 6."),
    )
    declaration_elements = CodeField(
        lazy_gettext("Declaration elements"),
        [Obeys(rules.declaration_elements)],
        description=lazy_gettext("申报要素 in the order of the tariff, parted by bars, empty ones keep theirs: 4|0|…|"),
    )
    unit = SelectField(
        lazy_gettext("Unit of sale"),
        [Needed(), _listed("unit", codes.UNITS)],
        choices=_unit_choices,
        validate_choice=False,
    )
    net_mass = PointField(lazy_gettext("Net mass of one unit"), [Needed(), _mass("net_mass")])
    origin = CodeField(lazy_gettext("Country of origin"), [Needed(), Obeys(lambda text: rules.country(text, "origin"))])
    legal_unit_1 = CodeField(
        lazy_gettext("First legal unit"),
        [_listed("legal_unit_1", codes.CN_UNITS)],
        description=lazy_gettext("法定第一单位, by the HS code."),
    )
    legal_unit_2 = CodeField(
        lazy_gettext("Second legal unit"),
        [_listed("legal_unit_2", codes.CN_UNITS)],
        description=lazy_gettext("法定第二单位, where the HS code has one."),
    )
    source_district = CodeField(
        lazy_gettext("Source district"),
        [Obeys(rules.source_district)],
        description=lazy_gettext("境内货源地, 5 digits."),
    )
    supervision_codes = CodeField(
        lazy_gettext("Supervision codes"),
        [Obeys(rules.supervision_codes)],
        description=lazy_gettext("监管证件代码 of the HS code, like AB."),
    )
    un_no = CodeField(
        lazy_gettext("UN no."),
        [Obeys(rules.un_no)],
        upper=True,
        description=lazy_gettext("Four digits; empty: the product is not dangerous."),
    )
    proper_shipping_name = TextField(
        lazy_gettext("Proper shipping name"),
        [_text(Product.proper_shipping_name)],
        description=lazy_gettext("In English, as the IMDG Code lists it."),
    )
    hazard_class = CodeField(lazy_gettext("Class"), [Obeys(rules.hazard_class)], upper=True)
    subsidiary_hazards = CodeField(
        lazy_gettext("Subsidiary hazards"),
        [Obeys(rules.subsidiary_hazards)],
        description=lazy_gettext("Classes, parted by commas."),
    )
    packing_group = SelectField(
        lazy_gettext("Packing group"),
        [Obeys(rules.packing_group)],
        choices=["", "I", "II", "III"],
        validate_choice=False,
    )
    flash_point = TextField(
        lazy_gettext("Flash point"), [_text(Product.flash_point)], description=lazy_gettext("°C, closed cup.")
    )
    marine_pollutant = BooleanField(lazy_gettext("Marine pollutant"))
    limited_quantity = BooleanField(lazy_gettext("Packed in limited quantities"))

    @property
    def is_dangerous(self) -> bool:
        """True when the group of dangerous goods has something to show."""
        return any(self[name].data or self[name].errors for name in _DANGEROUS)

    def check_together(self) -> None:
        self.obey("legal_unit_1", "legal_unit_2", rule=rules.legal_units)
        self.obey(*_DANGEROUS, rule=rules.dangerous)


#: the fields of dangerous goods, in the order of rules.dangerous
_DANGEROUS = (
    "un_no", "proper_shipping_name", "hazard_class", "subsidiary_hazards", "packing_group", "flash_point",
    "marine_pollutant", "limited_quantity",
)  # fmt: skip


class AssetTypeForm(RowForm):
    code = CodeField(lazy_gettext("Code"), [Needed(), Obeys(rules.code)], upper=True)
    counted = BooleanField(lazy_gettext("A pool without codes: counted by type, never scanned one by one"))
    name_en = TextField(lazy_gettext("Name, English"), [Needed(), _text(AssetType.name_en)])
    name_zh = TextField(lazy_gettext("Name, Chinese"), [_text(AssetType.name_zh)])
    length_mm = WholeField(lazy_gettext("Outer length"), [Needed(), _whole("length_mm", 1, 20_000)])
    width_mm = WholeField(lazy_gettext("Outer width"), [Needed(), _whole("width_mm", 1, 20_000)])
    height_mm = WholeField(lazy_gettext("Outer height"), [Needed(), _whole("height_mm", 1, 20_000)])
    tare = PointField(lazy_gettext("Tare"), [Needed(), _mass("tare")])
    payload = PointField(lazy_gettext("Payload"), [Needed(), _mass("payload")])
    pieces_per_box = WholeField(
        lazy_gettext("Pieces per box"),
        [_whole("pieces_per_box", 0, 1_000_000)],
        description=lazy_gettext("The usual fill; empty: none is usual."),
    )
    package_code = CodeField(
        lazy_gettext("Kind of package"), [Needed(), _listed("package_code", codes.PACKAGES)], upper=True
    )
    cn_package_code = SelectField(
        lazy_gettext("Kind of package in China"),
        [Needed(), _listed("cn_package_code", codes.CN_PACKAGES)],
        choices=_cn_package_choices,
        validate_choice=False,
        description=lazy_gettext("包装种类 of the declaration."),
    )
    gs1_company_prefix = CodeField(
        lazy_gettext("GS1 company prefix"),
        description=lazy_gettext("With the asset type 12 digits; empty: our own codes."),
    )
    gs1_asset_type = CodeField(lazy_gettext("GS1 asset type"))
    value = PointField(
        lazy_gettext("Value of one box"), [Needed()], description=lazy_gettext("For customs and for loss.")
    )
    value_currency = CodeField(lazy_gettext("Currency"), [Needed(), Obeys(rules.currency)], upper=True)
    hs_code = CodeField(
        lazy_gettext("HS code"),
        [Obeys(rules.hs_code)],
        description=lazy_gettext("Of the empty box, 10 digits, when it crosses a border by itself."),
    )
    declaration_elements = CodeField(
        lazy_gettext("Declaration elements"),
        [Obeys(rules.declaration_elements)],
        description=lazy_gettext("申报要素 in the order of the tariff, parted by bars, empty ones keep theirs: 4|0|…|"),
    )
    origin = CodeField(lazy_gettext("Country of origin"), [Obeys(lambda text: rules.country(text, "origin"))])
    agreed_days_out = WholeField(
        lazy_gettext("Agreed days out"),
        [_whole("agreed_days_out", 0, 3650)],
        description=lazy_gettext("Longer is overdue; empty: nothing is agreed."),
    )

    def __init__(self, row: AssetType) -> None:
        # A stored 0 that means 'none' is shown as an empty field.
        unset = {name: None for name in ("pieces_per_box", "agreed_days_out") if row.id and not getattr(row, name)}  # type: ignore[attr-defined]
        super().__init__(row, **unset)

    def check_together(self) -> None:
        if isinstance(self.value.data, Decimal):
            self.obey("value", "value_currency", rule=rules.value)
        if self.obey("gs1_company_prefix", "gs1_asset_type", rule=rules.grai):
            other = AssetType.get_or_none(
                AssetType.gs1_company_prefix.concat(AssetType.gs1_asset_type)
                == f"{self.gs1_company_prefix.data}{self.gs1_asset_type.data}",
                AssetType.id != (self.row.id or 0),  # type: ignore[attr-defined]
            )
            if other:
                error = InvalidInput("gs1_asset_type", GRAI_TAKEN, code=other.code)
                self.gs1_asset_type.errors = [translated(error)]
