"""The pages of a partner's own people: the statements of their firm, and nothing else."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, url_for
from flask_security import current_user

from accounts.access import needs
from accounts.scope import scope_of
from docs_gen.handing_out import paper_file
from docs_gen.models import IssuedDocument
from errors import N_
from i18n import translated
from listing import Column, Filter, answer, attachment
from master_data.models import Party
from statements.issuing import facts_of, statement_xlsx
from statements.models import Statement
from statements.states import STATES

blueprint = Blueprint("own_statements", __name__)

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_COLUMNS = (
    Column("number", N_("Number"), lambda row: row.document.number, sort=IssuedDocument.number,
           url=lambda row: url_for(".pdf", id=row.id)),
    Column("month", N_("Month"), lambda row: row.first_day.strftime("%Y-%m"), sort=Statement.first_day),
    Column("seller", N_("Seller"), lambda row: row.document.seller.code, sort=Party.code),
    Column("state", N_("State"), lambda row: translated(STATES[row.state][0]), sort=Statement.state),
    Column("xlsx", N_("Table"), lambda row: "XLSX", url=lambda row: url_for(".xlsx", id=row.id)),
)  # fmt: skip


def _own() -> Any:
    """The valid statements of the firm that the person is of; none for who is of none."""
    return (
        Statement.select(Statement, IssuedDocument, Party)
        .join(IssuedDocument)
        .join(Party, on=IssuedDocument.seller)
        .where(
            Statement.partner == scope_of(current_user).partner,
            IssuedDocument.state == "issued",
            IssuedDocument.voided_time.is_null(),
        )
    )


@blueprint.get("/my/statements")
@needs("statements.own")
def statement_list() -> Response | str:
    choices = [(state, text) for state, (text, _look) in STATES.items()]
    states = Filter("state", N_("State"), choices, lambda query, one: query.where(Statement.state == one))
    return answer(
        _own(), _COLUMNS, template="statements/own.html", name="statements", search=(IssuedDocument.number,),
        filters=[states], sort="-month",
    )  # fmt: skip


@blueprint.get("/my/statements/<int(max=2147483647):id>.pdf")
@needs("statements.own")
def pdf(id: int) -> Response:
    document = _statement(id).document
    return paper_file(document, f"{document.number}.pdf")


@blueprint.get("/my/statements/<int(max=2147483647):id>.xlsx")
@needs("statements.own")
def xlsx(id: int) -> Response:
    statement = _statement(id)
    number = statement.document.number
    return attachment(statement_xlsx(facts_of(statement), number), f"{number}.xlsx", _XLSX)


def _statement(id: int) -> Statement:
    """One of the own firm's; another's is not there."""
    return _own().where(Statement.id == id).first() or abort(404)
