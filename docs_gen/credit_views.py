"""Pages of letters of credit. They stand here since a credit asks for papers, and the register knows which."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from peewee import fn

from accounts.access import needs
from accounts.once import taken_once
from accounts.scope import seen
from database import utc_now
from docs_gen.register import shipment_types
from errors import N_
from i18n import name_of, translated
from listing import Column, Filter, answer
from master_data import codes
from master_data.models import Party
from master_data.saving import set_archived
from master_data.visible import visible_parties
from shipments.credit_forms import CreditForm
from shipments.credits import save_credit
from shipments.models import LetterOfCredit, Shipment
from shipments.visible import visible_credits, visible_shipments

blueprint = Blueprint("credits", __name__)

_applicant, _beneficiary = Party.alias(), Party.alias()
_COLUMNS = (
    Column("code", N_("Code"), lambda row: row.code, LetterOfCredit.code, lambda row: _url(row)),
    Column("number", N_("L/C no."), lambda row: row.number, LetterOfCredit.number),
    Column("applicant", N_("Applicant"), lambda row: name_of(row.applicant), _applicant.name_en),
    Column("beneficiary", N_("Beneficiary"), lambda row: name_of(row.beneficiary), _beneficiary.name_en),
    Column("currency", N_("Currency"), lambda row: row.currency, LetterOfCredit.currency),
    Column("amount", N_("Amount"), lambda row: row.amount, LetterOfCredit.amount.cast("NUMERIC"), numeric=True),
    Column("latest", N_("Latest day of shipment"), lambda row: row.latest_shipment, LetterOfCredit.latest_shipment),
    Column("expires", N_("Expires on"), lambda row: row.expiry_date, LetterOfCredit.expiry_date),
    Column("shipments", N_("Shipments"), lambda row: row.shipment_count, numeric=True),
    Column("state", N_("State"), lambda row: _("archived") if row.archived else "", LetterOfCredit.archived),
)
_ARCHIVED = Filter(
    "state", N_("State"), [("used", N_("in use")), ("archived", N_("archived"))],
    lambda query, chosen: query.where(LetterOfCredit.archived == (chosen == "archived")),
)  # fmt: skip


@blueprint.get("/letters-of-credit")
@needs("shipments.read", "prices.see")
def credit_list() -> Any:
    shipments = Shipment.select(fn.COUNT(Shipment.id)).where(Shipment.letter_of_credit == LetterOfCredit.id)
    credits = (
        LetterOfCredit.select(LetterOfCredit, _applicant, _beneficiary, shipments.alias("shipment_count"))
        .join_from(LetterOfCredit, _applicant, on=LetterOfCredit.applicant)
        .join_from(LetterOfCredit, _beneficiary, on=LetterOfCredit.beneficiary)
    )
    return answer(
        seen(visible_credits, credits), _COLUMNS,
        template="docs_gen/credits.html", name="letters-of-credit", sort="-expires",
        filters=(_ARCHIVED,),
        search=(
            LetterOfCredit.code, LetterOfCredit.number, LetterOfCredit.issuing_bank, _applicant.code,
            _applicant.name_en, _applicant.name_zh,
        ),
    )  # fmt: skip


@blueprint.route("/letters-of-credit/new", methods=["GET", "POST"])
@needs("shipments.write", "prices.see")
@taken_once
def credit_new() -> Any:
    return _edit(None)


@blueprint.route("/letters-of-credit/<code>", methods=["GET", "POST"])
@needs("shipments.read", "prices.see", post="shipments.write")
def credit_edit(code: str) -> Any:
    return _edit(
        seen(visible_credits, LetterOfCredit.select().where(LetterOfCredit.code == code)).first() or abort(404)
    )


def _edit(credit: LetterOfCredit | None) -> Any:
    """The form of a credit, new or stored, and what it is sent."""
    if "archived" in request.form and credit is not None:
        archived = request.form["archived"] == "1"
        set_archived(credit, archived, utc_now())
        flash(_("Archived: it is offered no more, and stays where it is named.") if archived else _("In use again."))
        return redirect(_url(credit))
    form = CreditForm(credit, {type.code: translated(type.title) for type in shipment_types().values()})
    status = 200
    if form.is_submitted() and not form.pressed():
        if form.validate():
            saved = save_credit(form.entry(), credit, utc_now())
            flash(_("Saved."))
            return redirect(_url(saved))
        status = 422
    shown = {"form": form, "credit": credit, "lists": _lists(), "shipments": _shipments(credit)}
    return render_template("docs_gen/credit.html", **shown), status


def _shipments(credit: LetterOfCredit | None) -> list[str]:
    """The numbers of the shipments under the credit, the newest first, at most fifty."""
    if credit is None:
        return []
    query = seen(visible_shipments, Shipment.select(Shipment.number).where(Shipment.letter_of_credit == credit))
    return [row.number for row in query.order_by(Shipment.id.desc()).limit(50)]


def _lists() -> dict[str, list[tuple[str, str]]]:
    parties = [
        (row.own, row.code, _both(row.name_en, row.name_zh))
        for row in seen(visible_parties, Party.select().where(~Party.archived).order_by(Party.code))
    ]
    return {
        "parties": [(code, name) for _own, code, name in parties],
        "own-parties": [(code, name) for own, code, name in parties if own],
        "currencies": [(code.code, _both(code.en, code.zh)) for code in codes.currencies().values()],
    }


def _both(en: str, zh: str) -> str:
    return f"{en} · {zh}".rstrip(" ·")


def _url(credit: LetterOfCredit) -> str:
    return url_for("credits.credit_edit", code=credit.code)
