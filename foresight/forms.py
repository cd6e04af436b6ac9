"""What the pages may be asked: forms that are only read, so the answer has an address."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import request
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import SelectField
from wtforms.validators import InputRequired, NumberRange, Optional

from errors import N_
from foresight.fleet import SERVICE
from foresight.outlook import CHECK_DAYS, HOME_DAYS, HORIZONS, LEAD_DAYS
from form_fields import ExactField, WholeField
from i18n import translated

_NEEDED = lazy_gettext("This is needed.")


def _within(low: int, high: int) -> list[Any]:
    text = lazy_gettext("A number from %(low)s to %(high)s.", low=low, high=high)
    return [InputRequired(_NEEDED), NumberRange(low, high, text)]


class _Asked(FlaskForm):
    """A form that takes what the address says and its own defaults for the rest. `asked` is None while it is wrong."""

    class Meta:
        csrf = False  # nothing changes by asking

    defaults: dict[str, str] = {}

    def __init__(self) -> None:
        super().__init__(MultiDict({**self.defaults, **{k: v for k, v in request.args.items() if k in self.defaults}}))
        self.valid = self.validate()


def _may_be(low: int, high: int) -> list[Any]:
    return [Optional(), *_within(low, high)[1:]]


class CountingForm(_Asked):
    """What is known of a count: how many to count, what a count found, two counts of a pool of unknown size."""

    defaults = dict.fromkeys(("boxes", "share", "margin", "counted", "missing", "first", "second", "both"), "") | {
        "share": "5",
        "margin": "2",
    }
    boxes = WholeField(lazy_gettext("Boxes expected at the place"), _may_be(1, 10_000_000))
    share = ExactField(lazy_gettext("Share that is missing, about"), _within(0, 100))
    margin = ExactField(lazy_gettext("To be known to ±"), _within(0, 100))
    counted = WholeField(lazy_gettext("Boxes looked for"), _may_be(1, 10_000_000))
    missing = WholeField(lazy_gettext("of them missing"), _may_be(0, 10_000_000))
    first = WholeField(lazy_gettext("Boxes found by the first count"), _may_be(0, 10_000_000))
    second = WholeField(lazy_gettext("Boxes found by the second count"), _may_be(0, 10_000_000))
    both = WholeField(lazy_gettext("found by both"), _may_be(0, 10_000_000))

    def validate(self, extra_validators: Any = None) -> bool:
        """Besides the single fields: a part is not larger than the whole, a margin is not nothing."""
        if not super().validate(extra_validators):
            return False
        for part, wholes in ((self.missing, (self.counted,)), (self.both, (self.first, self.second))):
            known = [whole.data for whole in wholes if whole.data is not None]
            if part.data is not None and known and part.data > min(known):
                part.errors = [translated(N_("This is more than the count it is a part of."))]
        if not self.margin.data:
            self.margin.errors = [translated(N_("A margin above 0 is needed."))]
        return not self.errors


class AheadForm(_Asked):
    """How far a shortage page looks, and how long a returned box is checked."""

    defaults = {"days": str(HORIZONS[1]), "check": str(CHECK_DAYS)}
    days = SelectField(lazy_gettext("Days ahead"), choices=[(str(days), str(days)) for days in HORIZONS])
    check = WholeField(lazy_gettext("Days of checking"), _within(0, 60))

    @property
    def asked(self) -> tuple[int, int]:
        """Days ahead, days of checking."""
        if not self.valid or self.check.data is None:
            return HORIZONS[1], CHECK_DAYS
        return int(self.days.data), int(self.check.data)


class FleetForm(_Asked):
    """What is to be assumed for the fleet size."""

    defaults = {"service": "95", "home": str(HOME_DAYS), "peak": "1", "lead": str(LEAD_DAYS)}
    service = SelectField(lazy_gettext("Enough on"), choices=[(str(share), f"{share} %") for share in SERVICE])
    home = WholeField(lazy_gettext("Days needed at home"), _within(0, 365))
    peak = ExactField(lazy_gettext("Peak factor"), _within(1, 10))
    lead = WholeField(lazy_gettext("Days to buy boxes"), _within(0, 730))

    @property
    def asked(self) -> tuple[int, int, Decimal, int]:
        """Service in per cent, days at home, peak factor, days to buy."""
        home, peak, lead = self.home.data, self.peak.data, self.lead.data
        if not self.valid or home is None or peak is None or lead is None:
            return 95, HOME_DAYS, Decimal(1), LEAD_DAYS
        return int(self.service.data), int(home), peak, int(lead)
