"""What the pages of the boxes accept."""

from __future__ import annotations

from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import BooleanField, Field, SelectField, TextAreaField
from wtforms.validators import InputRequired

from accounts.models import User
from assets import registering
from assets.event_types import EVENT_TYPES
from assets.models import Asset
from assets.registering import NewBox, ReadBoxes
from database import utc_now
from errors import N_, InvalidInput, UserError
from form_fields import CodeField, TextField, WholeField
from i18n import name_of, translated
from master_data.models import AssetType, Party, Place
from spreadsheets import read_table


class RegisterForm(FlaskForm):
    """New boxes: typed codes, a range, or a file. `how` is the button that was pressed: codes, range, file, boxes."""

    asset_type = SelectField(lazy_gettext("Box type"), [InputRequired()])
    owner = SelectField(lazy_gettext("Owner"), [InputRequired()])
    return_place = SelectField(
        lazy_gettext("Return to"), description=lazy_gettext("Printed on the label; the boxes stand there now.")
    )
    codes = TextAreaField(lazy_gettext("Codes"), description=lazy_gettext("One in each line, or parted by commas."))
    prefix = CodeField(lazy_gettext("Prefix"), upper=True)
    first = WholeField(lazy_gettext("First number"), default=1)
    count = WholeField(lazy_gettext("How many"), default=10)
    digits = WholeField(lazy_gettext("Digits"), default=6)
    file = FileField(lazy_gettext("CSV or XLSX file"))

    def __init__(self) -> None:
        super().__init__()
        types = AssetType.select().where(~AssetType.counted, ~AssetType.archived).order_by(AssetType.code)
        self.types = {row.code: row for row in types}
        self.owners = {
            row.code: row for row in Party.select().where(~Party.archived).order_by(Party.own.desc(), Party.code)
        }
        places = Place.select().where(~Place.archived).order_by(Place.return_address.desc(), Place.code)
        self.places = {row.code: row for row in places}
        self.asset_type.choices = [(code, f"{code} · {name_of(row)}") for code, row in self.types.items()]
        self.owner.choices = [(code, f"{code} · {name_of(row)}") for code, row in self.owners.items()]
        self.return_place.choices = [("", "–")] + [
            (code, f"{code} · {name_of(row)}") for code, row in self.places.items()
        ]
        if not self.is_submitted() and self.places:
            self.return_place.data = next(iter(self.places))

    def registered(self, how: str, boxes: str, user: User) -> list[Asset] | None:
        """The boxes that were registered; None when something is wrong, which then stands at its field."""
        if not self.validate():
            return None
        try:
            new = registering.boxes_of_text(boxes) if how == "boxes" else self._new_boxes(how)
            place = self.places.get(self.return_place.data)
            return registering.register(new, self.owners[self.owner.data], place, user, utc_now())
        except UserError as error:
            self._blame(getattr(error, "field", "prefix" if how == "range" else "codes"), error)
            return None

    def preview(self) -> ReadBoxes | None:
        """What the uploaded file holds; None when it cannot be read, which then stands at the field."""
        if not self.validate():
            return None
        try:
            if not self.file.data or not self.file.data.filename:
                raise InvalidInput("file", N_("Choose a CSV or XLSX file first."))
            table = read_table(self.file.data.filename, self.file.data.read())
            return registering.read_boxes(table, self.types.get(self.asset_type.data))
        except InvalidInput as error:
            self._blame("file", error)
            return None

    def _new_boxes(self, how: str) -> list[NewBox]:
        kind = self.types[self.asset_type.data]
        if how == "range":
            first, count, digits = (_whole(field) for field in (self.first, self.count, self.digits))
            codes = registering.codes_of_range(kind, self.prefix.data, first, count, digits)
        else:
            codes = registering.codes_of_text(self.codes.data or "")
        return [NewBox(kind, code) for code in codes]

    def _blame(self, name: str, error: UserError) -> None:
        field: Field = self._fields.get(name, self.codes if name == "code" else self.file)
        field.errors = [*field.errors, translated(error)]


def _whole(field: Field) -> int:
    if field.data is None:
        raise InvalidInput(field.name, N_("Type a whole number."))
    return int(field.data)


class ReportForm(FlaskForm):
    """An event told from a desk: a box is damaged, lost, found, repaired …"""

    type = SelectField(lazy_gettext("What happened"), [InputRequired()])
    place = SelectField(lazy_gettext("Place"))
    reason = TextField(lazy_gettext("Reason or remark"))
    happened = BooleanField(lazy_gettext("Record it even if our books say otherwise"))

    def __init__(self) -> None:
        super().__init__()
        kinds = ("inspect", "damage", "repair", "repaired", "return", "stock_take", "lost", "found", "write_off")
        self.type.choices = [(code, translated(EVENT_TYPES[code].title)) for code in kinds]
        places = Place.select().where(~Place.archived).order_by(Place.return_address.desc(), Place.code)
        self.place.choices = [("", "–")] + [(row.code, f"{row.code} · {name_of(row)}") for row in places]
