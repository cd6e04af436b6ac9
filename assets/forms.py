"""What the pages of the boxes accept."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import BooleanField, Field, SelectField, TextAreaField
from wtforms.validators import InputRequired, ValidationError

from accounts.access import may
from accounts.models import User
from accounts.scope import seen
from assets import registering
from assets.event_types import EVENT_TYPES, SCANNABLE
from assets.models import Asset, ScanEvent
from assets.pools import NEEDS
from assets.registering import NewBox, Opening, ReadBoxes
from assets.scan_answers import Answer
from assets.scan_told import MAX_QUANTITY, ScanInput
from assets.scan_words import reason_words
from assets.scanned_text import storable
from assets.state import CLOCK_TOLERANCE, State, tellable
from database import tuples, utc_now
from errors import N_, InvalidInput, Message, UserError
from form_fields import CodeField, DayField, MomentField, TextField, WholeField
from i18n import name_of, translated
from master_data.models import AssetType, Party, Place
from master_data.visible import visible_parties, visible_places
from shipments.models import Shipment
from shipments.visible import number_of, visible_shipments
from spreadsheets import read_table


class RegisterForm(FlaskForm):
    """New boxes: typed codes, a range, or a file. `how` is the button that was pressed: codes, range, file, boxes."""

    asset_type = SelectField(lazy_gettext("Box type"), [InputRequired()])
    owner = SelectField(lazy_gettext("Owner"), [InputRequired()])
    return_place = SelectField(
        lazy_gettext("Return to"),
        description=lazy_gettext("Printed on the label; the boxes stand there now, unless they are out already."),
    )
    party = SelectField(
        lazy_gettext("Out already, at partner"),
        default="",
        description=lazy_gettext("When the books are opened: who has them. In a file a column “party” goes first."),
    )
    party_place = SelectField(lazy_gettext("At his place"), default="")
    since = DayField(lazy_gettext("Out since"), description=lazy_gettext("Empty: nobody knows."))
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
        owners = seen(visible_parties, Party.select().where(~Party.archived).order_by(Party.own.desc(), Party.code))
        self.owners = {row.code: row for row in owners}
        places = Place.select().where(~Place.archived).order_by(Place.return_address.desc(), Place.code)
        places = seen(visible_places, places)
        self.places = {row.code: row for row in places}
        self.asset_type.choices = [(code, f"{code} · {name_of(row)}") for code, row in self.types.items()]
        self.owner.choices = [(code, f"{code} · {name_of(row)}") for code, row in self.owners.items()]
        self.return_place.choices = [("", "–")] + [
            (code, f"{code} · {name_of(row)}") for code, row in self.places.items()
        ]
        partners = seen(visible_parties, Party.select().where(~Party.archived, ~Party.own).order_by(Party.code))
        self.partners = {row.code: row for row in partners}
        self.party.choices = [("", "–"), *((code, f"{code} · {name_of(row)}") for code, row in self.partners.items())]
        own = {row.id for row in self.owners.values() if row.own}
        self.party_place.choices = [
            ("", "–"),
            *((code, f"{code} · {name_of(row)}") for code, row in self.places.items() if row.party_id not in own),
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
            return registering.read_boxes(table, self.types.get(self.asset_type.data), self._opening())
        except InvalidInput as error:
            self._blame("file", error)
            return None

    def _opening(self) -> Opening | None:
        """Who has all of these boxes already; None when they stand at home."""
        party = self.partners.get(self.party.data)
        if party is None:
            for field in (self.party_place, self.since):
                if field.data:
                    raise InvalidInput("party", N_("Choose the partner who has them."))
            return None
        place = self.places.get(self.party_place.data)
        if place is not None and place.party_id != party.id:
            raise InvalidInput("party_place", N_("This is a place of another company."))
        since: date | None = self.since.data
        registering.check_since(since, self.places.get(self.return_place.data), utc_now(), "since")
        return Opening(party, place, since)

    def _new_boxes(self, how: str) -> list[NewBox]:
        kind = self.types[self.asset_type.data]
        if how == "range":
            first, count, digits = (_whole(field) for field in (self.first, self.count, self.digits))
            codes = registering.codes_of_range(kind, self.prefix.data, first, count, digits)
        else:
            codes = registering.codes_of_text(self.codes.data or "")
        opening = self._opening()
        return [NewBox(kind, code, opening) for code in codes]

    def _blame(self, name: str, error: UserError) -> None:
        field: Field = self._fields.get(name, self.codes if name == "code" else self.file)
        field.errors = [*field.errors, translated(error)]


def _whole(field: Field) -> int:
    if field.data is None:
        raise InvalidInput(field.name, N_("Type a whole number."))
    return int(field.data)


class ToldForm(FlaskForm):
    """An event told from a desk: the fields that an event may bring along, and what was typed as a ScanInput.

    What a kind of event needs is said by the register (event_types, pools.NEEDS); what it says no to stands at its
    field. A time is that of the clock at the place that was chosen, else at `zone`.
    """

    type = SelectField(lazy_gettext("What happened"), [InputRequired()], validate_choice=False)
    place = SelectField(lazy_gettext("Place"), default="")
    destination = SelectField(lazy_gettext("Going to"), default="")
    party = SelectField(lazy_gettext("Partner"), default="")
    shipment = CodeField(lazy_gettext("Shipment"))
    parent = CodeField(lazy_gettext("Load"), description=lazy_gettext("Its SSCC, or the code of the box that it is."))
    document = CodeField(
        lazy_gettext("Document no."), description=lazy_gettext("Of the delivery note, pallet note or certificate.")
    )
    reason = TextField(lazy_gettext("Reason or remark"))
    moment = MomentField(
        lazy_gettext("When"), description=lazy_gettext("By the clock at the place. Empty: it happens now.")
    )
    happened = BooleanField(lazy_gettext("Record it even if our books say otherwise"))

    def __init__(self, zone: str, **shown: Any) -> None:
        super().__init__(**shown)
        self.zone = zone
        offered_places = Place.select().where(~Place.archived).order_by(Place.return_address.desc(), Place.code)
        places = list(seen(visible_places, offered_places))
        self.zones = {row.code: row.timezone for row in places}
        offered = [(row.code, f"{row.code} · {name_of(row)}") for row in places]
        self.place.choices = self.destination.choices = [("", "–"), *offered]
        parties = seen(visible_parties, Party.select().where(~Party.archived).order_by(Party.own, Party.code))
        self.party.choices = [("", "–"), *((row.code, f"{row.code} · {name_of(row)}") for row in parties)]
        for field in (self.place, self.destination, self.party):  # what was put away since stays chosen
            if field.object_data and field.object_data not in [value for value, _ in field.choices]:
                field.choices.append((field.object_data, field.object_data))

    @property
    def open_shipments(self) -> list[str]:
        """Numbers to choose from while typing; any other may be typed."""
        query = Shipment.select(Shipment.number).where(Shipment.state.in_(["open", "dispatched"]))
        query = seen(visible_shipments, query)
        return [number for (number,) in tuples(query.order_by(Shipment.created_time.desc()).limit(50))]

    def validate(self, extra_validators: Any = None) -> bool:
        good = super().validate(extra_validators)
        if good and self.moment.data and not datetime(2000, 1, 1) <= self.moment.data < datetime(2200, 1, 1):  # noqa: DTZ001
            return self._wrong(self.moment, N_("No clock shows that."))
        if good and self.at(utc_now()) > utc_now() + CLOCK_TOLERANCE:
            return self._wrong(self.moment, N_("This has not happened yet."))
        return good

    def at(self, now: datetime) -> datetime:
        """When it happened."""
        zone = ZoneInfo(self.zones.get(self.place.data, self.zone))
        return self.moment.data.replace(tzinfo=zone) if self.moment.data else now.astimezone(zone)

    def told(self, now: datetime, scanned_text: str, **more: Any) -> ScanInput:
        """What was typed. `more`: what the fields do not hold."""
        values = {name: storable(self[name].data or "") for name in _TOLD}
        return ScanInput(
            str(uuid4()), self.type.data, scanned_text, self.at(now), device="desk", happened=self.happened.data,
            **{**values, **more},
        )  # fmt: skip

    def blame(self, answer: Answer) -> None:
        """Put what the register says no to at its field."""
        name = answer.field or _FIELD_OF.get(answer.reason or "", "type")
        field = self._fields.get(name, self.type)
        field.errors = [*field.errors, translated(answer.text)]

    def _wrong(self, field: Field, text: str) -> bool:
        field.errors = [*field.errors, translated(text)]
        return False


_TOLD = ("place", "destination", "party", "shipment", "parent", "document", "reason")
#: Where what a scan was refused for stands in the form.
_FIELD_OF = {
    "unknown_shipment": "shipment", "closed_shipment": "shipment", "foreign_owner": "shipment",
    "unknown_place": "place", "unknown_party": "party", "unknown_load": "parent",
    "not_your_pool": "owner", "which_owner": "owner", "photo_missing": "photo",
    "quantity": "quantity", "unknown_asset": "code",
}  # fmt: skip


class ReportForm(ToldForm):
    """Anything that may be told of a box in its state, by who asks."""

    photo = FileField(
        lazy_gettext("Photo"),
        description=lazy_gettext("JPEG, PNG or WebP, at most 10 MB; kept without its place and camera."),
    )

    def __init__(self, state: State, zone: str, **shown: Any) -> None:
        super().__init__(zone, **shown)
        offered = {code: fits for code, fits in tellable(state).items() if may(EVENT_TYPES[code].right)}
        now = [(code, translated(EVENT_TYPES[code].title)) for code, fits in offered.items() if fits]
        after = [(code, translated(EVENT_TYPES[code].title)) for code, fits in offered.items() if not fits]
        choose = [("", translated(N_("Choose")))]
        self.type.choices = [*choose, *now]
        if after:
            self.type.choices = {
                "–": choose,
                translated(N_("As the box stands")): now,
                translated(N_("Only after the fact")): after,
            }
        self.brings: dict[str, list[str]] = {
            code: [*EVENT_TYPES[code].needs, *EVENT_TYPES[code].takes, *_ALWAYS] for code, _ in (*now, *after)
        }
        if self.brings:
            self.brings[""] = []


#: What may come with every kind of event.
_ALWAYS = ("reason", "moment", "happened")


class CorrectForm(ReportForm):
    """What an event should have said. `code`: the right box."""

    code = CodeField(lazy_gettext("Box"), [InputRequired()], upper=True)
    why = TextField(lazy_gettext("Why was it wrong?"))

    def __init__(self, event: ScanEvent, zone: str) -> None:
        shown = {
            "type": event.type, "code": event.asset.code if event.asset else "",
            "place": event.place.code if event.place else "",
            "destination": event.destination.code if event.destination else "",
            "party": event.party.code if event.party else "",
            "shipment": number_of(event.shipment), "parent": event.parent,
            "document": event.document, "reason": reason_words(event.type, event.reason), "happened": event.happened,
            "moment": event.event_time.astimezone(ZoneInfo(zone)).replace(tzinfo=None, second=0, microsecond=0),
        }  # fmt: skip
        super().__init__(State(), zone, data=shown)
        self.shown = shown
        kinds = [code for code in SCANNABLE if code not in ("void", "receive")]
        self.type.choices = [(code, translated(EVENT_TYPES[code].title)) for code in kinds]
        self.brings = {code: [*EVENT_TYPES[code].needs, *EVENT_TYPES[code].takes, *_ALWAYS] for code in kinds}
        self.event = event

    def at(self, now: datetime) -> datetime:
        """When it happened; to the second as it was told when nobody has changed it."""
        unchanged = self.moment.data == self.shown["moment"] and self.place.data == self.shown["place"]
        return self.event.event_time.astimezone(ZoneInfo(self.zone)) if unchanged else super().at(now)

    def told(self, now: datetime, scanned_text: str, **more: Any) -> ScanInput:
        """What was typed; a reason that nobody has changed as it was told, and not in the words that were shown."""
        if (self.type.data, self.reason.data) == (self.shown["type"], self.shown["reason"]):
            more = {"reason": self.event.reason, **more}
        return super().told(now, scanned_text, **more)

    def difference(self) -> str:
        """What is said otherwise, for the error declaration: `place: SZ-GATE2 → SZ-EMPTIES`."""
        names = ("type", "code", *_TOLD[:-1], "moment")
        changed = [
            f"{name}: {self.shown[name] or '–'} → {self[name].data or '–'}"
            for name in names
            if (self[name].data or "") != (self.shown[name] or "")
        ]
        return "; ".join([*changed, *([self.why.data] if self.why.data else [])])[:500]


class PoolForm(ToldForm):
    """An event of a counted pool."""

    asset_type = SelectField(lazy_gettext("Box type"), [InputRequired()])
    quantity = WholeField(lazy_gettext("How many"))
    owner = SelectField(
        lazy_gettext("Whose boxes"), default="",
        description=lazy_gettext("Empty: of the company whose place it is, or which has such boxes there."),
    )  # fmt: skip

    def __init__(self, zone: str, **shown: Any) -> None:
        super().__init__(zone, **shown)
        own = seen(visible_parties, Party.select().where(Party.own).order_by(Party.code))
        self.owner.choices = [("", "–"), *((row.code, f"{row.code} · {name_of(row)}") for row in own)]
        self.type.choices = [(code, translated(EVENT_TYPES[code].title)) for code in NEEDS]
        kinds = AssetType.select().where(AssetType.counted, ~AssetType.archived).order_by(AssetType.code)
        self.asset_type.choices = [(row.code, f"{row.code} · {name_of(row)}") for row in kinds]
        self.brings = {
            code: [*(("place", "party") if "holder" in needs else ()), *needs, *EVENT_TYPES[code].takes, *_ALWAYS]
            for code, needs in NEEDS.items()
        }

    def told_of_pool(self, now: datetime) -> ScanInput:
        """What was typed, as a scan of a counted type."""
        quantity = self.quantity.data if self.quantity.data is not None else -1
        return self.told(
            now, "", asset_type=self.asset_type.data, quantity=min(max(quantity, -1), MAX_QUANTITY + 1),
            owner=self.owner.data or "",
        )  # fmt: skip


class MinimumForm(FlaskForm):
    """How many good boxes of a type are to be in hand at a place of ours; 0 takes the minimum away."""

    asset_type = SelectField(lazy_gettext("Box type"), [InputRequired()])
    place = SelectField(lazy_gettext("Place"), [InputRequired()])
    minimum = WholeField(lazy_gettext("Minimum"))

    def __init__(self) -> None:
        super().__init__()
        kinds = AssetType.select().where(~AssetType.archived).order_by(AssetType.code)
        self.types = {row.code: row for row in kinds}
        self.asset_type.choices = [(code, f"{code} · {name_of(row)}") for code, row in self.types.items()]
        places = Place.select().join(Party).where(~Place.archived, Party.own).order_by(Place.code)
        places = seen(visible_places, places)
        self.places = {row.code: row for row in places}
        self.place.choices = [(code, f"{code} · {name_of(row)}") for code, row in self.places.items()]

    def validate_minimum(self, field: Field) -> None:
        if not field.errors and (field.data is None or not 0 <= field.data <= MAX_QUANTITY):
            raise ValidationError(translated(Message(N_("From 0 to %(max)s."), {"max": f"{MAX_QUANTITY:,}"})))


class PackForm(FlaskForm):
    """What goes into a load or out of it: codes, and pieces of a counted type."""

    codes = TextAreaField(
        lazy_gettext("Codes"), description=lazy_gettext("Scan, type or paste them, one in each line.")
    )
    place = SelectField(lazy_gettext("Place"), default="")
    asset_type = SelectField(lazy_gettext("Counted type"), default="")
    quantity = WholeField(lazy_gettext("How many"))

    def __init__(self) -> None:
        super().__init__()
        places = Place.select().where(~Place.archived).order_by(Place.return_address.desc(), Place.code)
        places = seen(visible_places, places)
        self.place.choices = [("", "–"), *((row.code, f"{row.code} · {name_of(row)}") for row in places)]
        kinds = AssetType.select().where(AssetType.counted, ~AssetType.archived).order_by(AssetType.code)
        self.asset_type.choices = [("", "–"), *((row.code, f"{row.code} · {name_of(row)}") for row in kinds)]
