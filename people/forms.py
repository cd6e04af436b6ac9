"""What the pages of people accept."""

from __future__ import annotations

import re
from typing import Any

from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectChoice, SelectField, SelectMultipleField
from wtforms.validators import ValidationError

from accounts.models import User
from accounts.people import Belonging, belonging_of
from accounts.rights import ROLE_NAMES
from errors import N_
from form_fields import TextField
from i18n import name_of, translated
from master_data.models import Party, Place

_EMAIL = re.compile(r"[^@\s<>,\"]+@[^@\s<>,\"]+\.[^@\s<>,\".]+")
#: the address of somebody who has none: the login library wants one
_NO_ADDRESS = "@roundtrip.invalid"


class PersonForm(FlaskForm):
    """A person: who, which roles, what they belong to."""

    username = TextField(lazy_gettext("User name"))
    name = TextField(lazy_gettext("Full name"))
    email = TextField(lazy_gettext("E-mail address"))
    roles = SelectMultipleField(lazy_gettext("Roles"), validate_choice=False)
    partner = SelectField(lazy_gettext("Firm of the partner"), validate_choice=False)
    all_entities = BooleanField(lazy_gettext("All selling companies, also those to come"))
    entities = SelectMultipleField(lazy_gettext("Selling companies"), coerce=int)
    all_sites = BooleanField(lazy_gettext("All own places, also those to come"))
    sites = SelectMultipleField(lazy_gettext("Own places"), coerce=int)

    def __init__(self, user: User | None = None) -> None:
        super().__init__(data=_shown(user))
        own = Party.select().where(Party.own).order_by(Party.code)
        self.entities.choices = [SelectChoice(row.id, _named(row)) for row in own]
        places = Place.select(Place, Party).join(Party).where(Party.own).order_by(Place.code)
        self.sites.choices = [SelectChoice(row.id, _named(row)) for row in places]
        others = Party.select().where(~Party.own).order_by(Party.code)
        self.partner.choices = [SelectChoice("", ""), *(SelectChoice(str(row.id), _named(row)) for row in others)]
        self.roles.choices = [SelectChoice(role, translated(name)) for role, (name, _what) in ROLE_NAMES.items()]
        self.status = 200

    def validate_name(self, field: Any) -> None:
        if len(field.data or "") > 80:
            raise ValidationError(translated(N_("At most 80 characters.")))

    def validate_email(self, field: Any) -> None:
        if field.data and (not _EMAIL.fullmatch(field.data) or len(field.data) > 255):
            raise ValidationError(translated(N_("An address like name@example.com is needed.")))

    def validate_entities(self, field: Any) -> None:
        if not self.all_entities.data and not field.data and set(self.roles.data or ()) - {"partner", "seal"}:
            raise ValidationError(translated(N_("Choose at least one, or all.")))

    def validate_sites(self, field: Any) -> None:
        if not self.all_sites.data and not field.data and set(self.roles.data or ()) - {"partner", "seal"}:
            raise ValidationError(translated(N_("Choose at least one, or all.")))

    def belonging(self) -> Belonging:
        """What the form says; the rules of it are those of Belonging."""
        roles = frozenset(self.roles.data or ())
        offered = {choice.value for choice in self.partner.choices}
        partner = int(self.partner.data) if self.partner.data and self.partner.data in offered else None
        if "partner" in roles:
            return Belonging(roles, frozenset(), frozenset(), partner)
        return Belonging(
            roles, None if self.all_entities.data else frozenset(self.entities.data or ()),
            None if self.all_sites.data else frozenset(self.sites.data or ()), partner,
        )  # fmt: skip


def _named(row: Any) -> str:
    return f"{row.code} · {name_of(row)}"


def address_of(user: User) -> str:
    """The e-mail address of a person; empty when there is none."""
    return "" if user.email.endswith(_NO_ADDRESS) else user.email


def _shown(user: User | None) -> dict[str, Any]:
    if user is None:
        return {"all_entities": True, "all_sites": True}
    held = belonging_of(user)
    return {
        "username": user.username, "name": user.name, "email": address_of(user), "roles": sorted(held.roles),
        "partner": str(held.partner or ""), "all_entities": held.entities is None,
        "entities": sorted(held.entities or ()), "all_sites": held.sites is None, "sites": sorted(held.sites or ()),
    }  # fmt: skip
