"""Pages of what was agreed with a partner about the boxes that he holds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from peewee import JOIN
from wtforms import Field, SelectField

from accounts.access import needs
from accounts.once import taken_once
from accounts.scope import seen
from assets.models import Agreement
from assets.scanned_text import storable
from assets.visible import visible_agreements
from database import keep_writers_out, taking_turns, utc_now
from errors import N_, InvalidInput
from form_fields import CodeField, DayField, WholeField
from i18n import name_of, number, translated
from listing import Column, Filter, answer
from master_data import codes, rules
from master_data.forms import Needed, Obeys, PointField, TextArea
from master_data.models import AssetType, Party
from master_data.visible import visible_parties

blueprint = Blueprint("agreements", __name__)

_DECIMALS = 4
_LARGEST = Decimal(10_000_000)
_MOST_DAYS = 3660


def _amount(number: Decimal) -> Decimal:
    if number < 0:
        raise InvalidInput("", N_("This cannot be below 0."))
    if number >= _LARGEST:
        raise InvalidInput("", N_("This number is too large."))
    exponent = number.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > _DECIMALS:
        raise InvalidInput("", N_("At most %(most)s decimals; these are %(count)s."), most=_DECIMALS, count=-exponent)
    return number


def _per_cent(number: Decimal) -> Decimal:
    if not 0 <= number <= 100:
        raise InvalidInput("", N_("From 0 to 100 per cent."))
    return number


def _whole(most: int) -> Obeys:
    return Obeys(lambda number: rules.whole("", number, 0, most))


class AgreementForm(FlaskForm):
    """Fields have the names of the columns. Amounts are of one box."""

    asset_type = SelectField(lazy_gettext("Box type"))
    valid_from = DayField(
        lazy_gettext("Holds from"), [Needed()],
        description=lazy_gettext("For boxes dispatched on this day and later, until the next agreement."),
    )  # fmt: skip
    free_days = WholeField(
        lazy_gettext("Free days"), [_whole(_MOST_DAYS)],
        description=lazy_gettext("The day of dispatch is day 1. Empty: the agreed days of the box type."),
    )  # fmt: skip
    currency = CodeField(lazy_gettext("Currency"), [Needed(), Obeys(rules.currency)], upper=True)
    deposit = PointField(
        lazy_gettext("Deposit"), [Obeys(_amount)],
        description=lazy_gettext("Charged when a box leaves, given back at the same price when it returns."),
    )  # fmt: skip
    rental = PointField(
        lazy_gettext("Rental a day"), [Obeys(_amount)],
        description=lazy_gettext("For each day beyond the free ones. The day of return does not count."),
    )  # fmt: skip
    second_step_days = WholeField(
        lazy_gettext("Second rate after day"), [_whole(_MOST_DAYS)],
        description=lazy_gettext("Counted from the day of dispatch. Empty: there is no second rate."),
    )  # fmt: skip
    second_rental = PointField(lazy_gettext("Second rate a day"), [Obeys(_amount)])
    loss_charge = PointField(
        lazy_gettext("Price of a new box"), [Obeys(_amount)],
        description=lazy_gettext("For a lost one. Empty: the value of the box type."),
    )  # fmt: skip
    life_years = WholeField(
        lazy_gettext("Years of life"), [_whole(50)],
        description=lazy_gettext("The charge falls with age in a straight line. Empty: it does not."),
    )  # fmt: skip
    loss_floor = PointField(
        lazy_gettext("Not below"), [Obeys(_per_cent)],
        description=lazy_gettext("So much of the price is due at any age."),
    )  # fmt: skip
    accepted_after_days = WholeField(
        lazy_gettext("Silence is consent after"), [_whole(365)],
        description=lazy_gettext("Only where the contract says so. Empty: a statement has to be answered."),
    )  # fmt: skip
    note = TextArea(lazy_gettext("Note"), [Obeys(lambda text: rules.plain_text("note", text, 1000, lines=20))])

    def __init__(self, row: Agreement) -> None:
        stored = {}
        if row.id:
            stored = {name: getattr(row, name) or None for name in Agreement._meta.fields}
            stored |= {"asset_type": row.asset_type.code if row.asset_type else "", "note": row.note}
        super().__init__(data=stored)
        self.row = row
        self.types = {one.code: one for one in AssetType.select().order_by(AssetType.code) if _offered(one, row)}
        self.asset_type.choices = [("", _("every type"))]
        self.asset_type.choices += [(code, f"{code} · {name_of(one)}") for code, one in self.types.items()]

    def validate(self, extra_validators: Any = None) -> bool:
        """True when the row may be saved; else every error stands at its field."""
        super().validate(extra_validators)
        if self.second_rental.data and not self.second_step_days.data and not self.second_step_days.errors:
            _blame(self.second_step_days, N_("Say after which day the second rate is due."))
        if self.second_step_days.data and not self.second_rental.data and not self.second_rental.errors:
            _blame(self.second_rental, N_("Say what the second rate is."))
        step, free = self.second_step_days.data or 0, self.free_days.data or 0
        if step and step <= free and not self.second_step_days.errors:
            _blame(self.second_step_days, N_("This must be later than the free days."))
        if not any(field.errors for field in self) and self._doubled():
            _blame(self.valid_from, N_("There is an agreement for this type from this day already."))
        return not any(field.errors for field in self)

    def _doubled(self) -> bool:
        kind = self.types.get(self.asset_type.data)
        same = Agreement.select().where(
            Agreement.partner == self.row.partner_id, Agreement.valid_from == self.valid_from.data,
            Agreement.id != (self.row.id or 0),
            Agreement.asset_type == kind if kind else Agreement.asset_type.is_null(),
        )  # fmt: skip
        return bool(same.exists())

    def values(self) -> dict[str, Any]:
        """Column → value to be stored."""
        values = {field.name: field.data for field in self if field.type != "CSRFTokenField"}
        values["asset_type"] = self.types.get(values["asset_type"])
        return {name: 0 if value is None and name != "asset_type" else value for name, value in values.items()}


def _offered(kind: AssetType, row: Agreement) -> bool:
    return not kind.archived or kind.id == row.asset_type_id


def _blame(field: Field, text: str) -> None:
    field.errors = [*field.errors, translated(text)]


@blueprint.get("/agreements")
@needs("agreements.read")
def agreement_list() -> Response | str:
    columns = (
        Column(
            "partner", N_("Partner"), lambda row: name_of(row.partner), Party.code,
            url=lambda row: url_for("agreements.agreement_edit", id=row.id),
        ),
        Column(
            "type", N_("Box type"), lambda row: name_of(row.asset_type) if row.asset_type else _("every type"),
            AssetType.code,
        ),
        Column("from", N_("Holds from"), lambda row: row.valid_from.isoformat(), Agreement.valid_from),
        Column("free", N_("Free days"), lambda row: row.free_days or None, Agreement.free_days, numeric=True),
        Column("deposit", N_("Deposit"), lambda row: row.deposit, numeric=True, html=_shown("deposit")),
        Column("rental", N_("Rental a day"), lambda row: row.rental, numeric=True, html=_shown("rental")),
        Column("loss", N_("Price of a new box"), lambda row: row.loss_charge, numeric=True, html=_shown("loss_charge")),
        Column("currency", N_("Currency"), lambda row: row.currency, Agreement.currency),
    )  # fmt: skip
    query = Agreement.select(Agreement, Party, AssetType).join(Party).switch(Agreement).join(AssetType, JOIN.LEFT_OUTER)
    query = seen(visible_agreements, query)
    partners = Party.select().where(Party.id.in_(Agreement.select(Agreement.partner))).order_by(Party.code)
    partners = seen(visible_parties, partners)
    filters = [
        Filter(
            "partner", N_("Partner"), [(row.code, f"{row.code} · {name_of(row)}") for row in partners],
            lambda q, v: q.where(Party.code == v),
        )
    ]  # fmt: skip
    chosen = _party(request.args.get("partner", ""))
    return answer(
        query, columns, template="assets/agreements.html", name="agreements", filters=filters, sort="-from",
        search=(Party.code, Party.name_en, Party.name_zh, Agreement.note), partner=chosen,
    )  # fmt: skip


def _shown(name: str) -> Any:
    return lambda row: number(getattr(row, name), 2) if getattr(row, name) else ""


@blueprint.route("/parties/<code>/agreements/new", methods=["GET", "POST"])
@needs("agreements.write")
@taken_once
def agreement_new(code: str) -> Any:
    partner = _party(code) or abort(404)
    return _edit(Agreement(partner=partner))


@blueprint.route("/agreements/<int(max=2147483647):id>", methods=["GET", "POST"])
@needs("agreements.read", post="agreements.write")
def agreement_edit(id: int) -> Any:
    return _edit(seen(visible_agreements, Agreement.select().where(Agreement.id == id)).first() or abort(404))


def _saved(form: AgreementForm, row: Agreement) -> bool:
    """Save what is right. Nobody else saves one meanwhile: of two for the same type and day the second is told."""
    with taking_turns():
        keep_writers_out(Agreement)
        if not form.validate():
            return False
        for name, value in form.values().items():
            setattr(row, name, value)
        row.changed_time = utc_now()
        row.save()
    return True


def _party(code: str) -> Party | None:
    return seen(visible_parties, Party.select().where(Party.code == storable(code))).first()  # type: ignore[no-any-return]


def _edit(row: Agreement) -> Any:
    back = redirect(url_for("agreements.agreement_list", partner=row.partner.code))
    if "delete" in request.form and row.id:
        row.delete_instance()
        flash(_("Deleted. What was issued by it stays as it is."))
        return back
    form = AgreementForm(row)
    if form.is_submitted() and _saved(form, row):
        flash(_("Saved."))
        return back
    page = render_template(
        "assets/agreement.html", form=form, row=row, currencies=codes.options(codes.currencies())
    )  # fmt: skip
    return page, 422 if form.is_submitted() else 200
