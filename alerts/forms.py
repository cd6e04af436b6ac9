"""What the settings page of alerts accepts."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from email_validator import EmailNotValidError, validate_email
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import Field, SelectField
from wtforms.validators import StopValidation

from alerts.rules import THRESHOLDS, Thresholds
from alerts.webhooks import checked_url
from errors import N_, InvalidInput
from form_fields import CodeField, ExactField, Obeys, WholeField
from i18n import LANGUAGES, translated
from master_data import codes, rules
from master_data.forms import Needed


def _whole(least: int, most: int) -> Obeys:
    return Obeys(lambda field: rules.whole(field.name, field.data, least, most))


def _percent(field: Field) -> Decimal:
    if not 0 <= field.data < 100:
        raise InvalidInput(field.name, N_("From 0 to less than 100."))
    return Decimal(field.data)


class StepsField(CodeField):
    """Whole numbers of days, parted by blanks. `data` is a tuple of int, the largest first."""

    wrong = N_("Write days parted by blanks, like 60 30 15 0; at most eight of them, none above 720.")

    def process_data(self, value: Any) -> None:
        self.data = value

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata(valuelist)
        steps = self.data.replace(",", " ").split()
        if not all(step.isascii() and step.isdecimal() and len(step) < 4 and int(step) <= 720 for step in steps):
            raise ValueError(translated(self.wrong))
        if not 1 <= len(steps) <= 8:
            raise ValueError(translated(self.wrong))
        self.data = tuple(sorted({int(step) for step in steps}, reverse=True))

    def _value(self) -> str:
        return str(self.raw_data[0]) if self.raw_data else " ".join(map(str, self.data or ()))


class ThresholdForm(FlaskForm):
    """From when on something is an alert; the fields are those of Thresholds."""

    overdue_urgent_days = WholeField(
        lazy_gettext("Overdue is urgent from"), [Needed(), _whole(1, 3650)],
        description=lazy_gettext("Boxes out longer than agreed are always told; from this many days on urgently."),
    )  # fmt: skip
    unseen_days = WholeField(
        lazy_gettext("A box counts as unseen after"), [Needed(), _whole(1, 3650)],
        description=lazy_gettext("Days since anybody had it before his eyes."),
    )  # fmt: skip
    damage_percent = ExactField(
        lazy_gettext("Damage rate: the band ends at"), [Needed(), Obeys(_percent)],
        description=lazy_gettext(
            "Told where the whole interval (of 95 per cent) lies above it, from 20 inspected returns on."
        ),
    )  # fmt: skip
    damage_window_days = WholeField(
        lazy_gettext("Damage rate: returns of the last"), [Needed(), _whole(7, 730)],
    )  # fmt: skip
    conflict_urgent_days = WholeField(lazy_gettext("A conflict is urgent after"), [Needed(), _whole(1, 3650)])
    customs_steps = StepsField(
        lazy_gettext("Customs: days before the last one"), [Needed()],
        description=lazy_gettext("An alert at each of them, largest first."),
    )  # fmt: skip
    customs_urgent_days = WholeField(lazy_gettext("Customs is urgent from"), [Needed(), _whole(0, 720)])

    def __init__(self, stored: Thresholds) -> None:
        super().__init__(data={name: getattr(stored, name) for name in THRESHOLDS})

    def values(self) -> dict[str, Any]:
        """Field of Thresholds → value; call it after `validate`."""
        return {name: self[name].data for name in THRESHOLDS}


class RecipientForm(FlaskForm):
    """Somebody who gets the digest."""

    address = CodeField(lazy_gettext("E-mail address"), [Needed(), Obeys(lambda field: _address(field))])
    language = SelectField(lazy_gettext("Language"))
    hour = WholeField(lazy_gettext("Hour"), [Needed(), _whole(0, 23)])
    timezone = CodeField(lazy_gettext("Time zone"), [Needed(), Obeys(lambda field: _timezone(field))])

    def __init__(self, zone: str) -> None:
        super().__init__(data={"hour": 7, "timezone": zone})
        self.language.choices = [(code, name) for code, (_locale, name) in LANGUAGES.items()]


def _address(field: Field) -> str:
    try:
        return str(validate_email(field.data, check_deliverability=False).normalized)
    except EmailNotValidError:
        raise InvalidInput(field.name, N_("This is no e-mail address.")) from None


def _timezone(field: Field) -> str:
    if field.data not in codes.timezones():
        raise InvalidInput(field.name, N_("There is no time zone %(zone)s."), zone=field.data[:40])
    return str(field.data)


class WebhookForm(FlaskForm):
    """An address that is told of new alerts."""

    url = CodeField(
        lazy_gettext("Address"), [Needed()],
        description=lazy_gettext("https. It gets a POST with JSON, signed with a secret that is shown below."),
    )  # fmt: skip

    def __init__(self, private_hosts: Collection[str]) -> None:
        super().__init__()
        self.private_hosts = private_hosts

    def validate_url(self, field: Field) -> None:
        """wtforms calls it: the address may be called."""
        if field.errors or not field.data:
            return
        try:
            checked_url(rules.plain_text("url", field.data, 500), self.private_hosts)
        except InvalidInput as error:
            raise StopValidation(translated(error)) from None
