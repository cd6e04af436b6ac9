"""The page of document profiles: which papers a shipment needs. Roundtrip's lines are shown, a firm's own edited."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from peewee import fn
from wtforms import Field, SelectField
from wtforms.validators import StopValidation

from accounts.access import needs
from accounts.once import taken_once
from accounts.scope import seen
from docs_gen.models import ProfileRule
from docs_gen.profiles import shipped_rules
from docs_gen.register import shipment_types, types
from docs_gen.visible import visible_profile_rules
from errors import N_, InvalidInput, Message
from form_fields import CodeField, TextField, WholeField
from i18n import language, translated
from master_data import codes
from master_data.models import Party

blueprint = Blueprint("profiles", __name__)

NEEDS = {"required": N_("needed"), "offered": N_("possible"), "never": N_("not made")}
_ANY = {"": N_("either"), "yes": N_("yes"), "no": N_("no")}
_MOST = 9  # originals or copies of a paper


def _obeys(condition: Any, text: str) -> Any:
    def check(form: Any, field: Field) -> None:
        if not field.errors and field.data not in (None, "") and not condition(field.data):
            raise StopValidation(translated(InvalidInput(field.name, text, value=str(field.data)[:40])))

    return check


_COUNT = _obeys(lambda value: 0 <= value <= _MOST, N_("From 0 to 9."))


class RuleForm(FlaskForm):
    destination = CodeField(
        lazy_gettext("Destination"),
        [
            _obeys(
                lambda code: code == "EU" or codes.is_country(code), N_("%(value)s is no country of ISO 3166, nor EU.")
            )
        ],
        upper=True,
        description=lazy_gettext("Country code, or EU; empty: any."),
    )
    customer = CodeField(
        lazy_gettext("Customer"),
        [_obeys(lambda code: _party(code) is not None, N_("There is no partner with the code %(value)s."))],
        description=lazy_gettext("Code of the consignee; empty: any."),
    )
    mode = SelectField(lazy_gettext("Mode of transport"), default="")
    incoterm = SelectField(lazy_gettext("Incoterm 2020"), default="")
    credit = SelectField(lazy_gettext("Letter of credit"), default="")
    dangerous = SelectField(lazy_gettext("Dangerous goods"), default="")
    returnables = SelectField(lazy_gettext("Returnable boxes"), default="")
    type = SelectField(lazy_gettext("Paper"))
    need = SelectField(lazy_gettext("The paper is"))
    originals = WholeField(lazy_gettext("Originals"), [_COUNT])
    copies = WholeField(lazy_gettext("Copies"), [_COUNT])
    note = TextField(lazy_gettext("Why"), [_obeys(lambda text: len(text) <= 255, N_("At most 255 characters."))])

    def __init__(self) -> None:
        super().__init__(data={"originals": 1, "copies": 0})
        any_code = ("", translated(Message(N_("any"))))
        chosen = language()
        self.mode.choices = [any_code, *((one.code, one.name(chosen)) for one in codes.TRANSPORT_MODES.values())]
        self.incoterm.choices = [any_code, *((code, code) for code in codes.INCOTERMS)]
        for field in (self.credit, self.dangerous, self.returnables):
            field.choices = [(value, translated(Message(text))) for value, text in _ANY.items()]
        self.type.choices = [(code, translated(Message(kind.title))) for code, kind in shipment_types().items()]
        self.need.choices = [(value, translated(Message(text))) for value, text in NEEDS.items()]

    def validate(self, extra_validators: Any = None) -> bool:
        """True when the line may be kept; a paper that is made has at least one exemplar."""
        valid = bool(super().validate(extra_validators))
        if valid and not (self.originals.data or 0) + (self.copies.data or 0):
            self.originals.errors = [translated(Message(N_("At least one original or copy.")))]
            return False
        return valid


@blueprint.route("/profiles", methods=["GET"])
@needs("papers.read")
def profile_list() -> str:
    return _page(RuleForm())


@blueprint.post("/profiles")
@needs("settings.write")
@taken_once
def profile_add() -> Any:
    form = RuleForm()
    if not form.validate():
        return _page(form), 422
    values = {field.name: field.data for field in form if field.name not in ("csrf_token", "customer")}
    values |= {"originals": form.originals.data or 0, "copies": form.copies.data or 0}
    last = ProfileRule.select(fn.MAX(ProfileRule.position)).scalar() or 0
    ProfileRule.create(position=last + 1, customer=_party(form.customer.data) if form.customer.data else None, **values)
    flash(_("Saved."))
    return redirect(url_for(".profile_list"))


@blueprint.post("/profiles/<int(max=2147483647):id>/delete")
@needs("settings.write")
def profile_delete(id: int) -> Any:
    ProfileRule.delete().where(ProfileRule.id == id).execute()
    flash(_("The line is gone; papers that are issued stay as they are."))
    return redirect(url_for(".profile_list"))


def _page(form: RuleForm) -> str:
    rules = ProfileRule.select(ProfileRule, Party).left_outer_join(Party)
    own = list(seen(visible_profile_rules, rules.order_by(ProfileRule.position, ProfileRule.id)))
    return render_template(
        "docs_gen/profiles.html", form=form, own=own, shipped=shipped_rules(), register=types(), needs=NEEDS,
        modes=codes.TRANSPORT_MODES, open=request.method == "POST",
    )  # fmt: skip


def _party(code: str) -> Party | None:
    return Party.get_or_none((Party.code == code) | (Party.code == code.upper()))
