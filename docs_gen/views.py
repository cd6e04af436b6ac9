"""The page of a shipment, the preview of a paper, and everything that was issued."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_security import current_user
from peewee import JOIN

from accounts.access import signed_in
from accounts.models import User
from config import Settings
from database import utc_now
from docs_gen import archive
from docs_gen.checks import Problem
from docs_gen.document_types import REGISTER, DocumentType, problems, render_paper
from docs_gen.facts import ShipmentFacts, shipment_facts
from docs_gen.issuing import is_stale, issue_document, latest_documents
from docs_gen.models import IssuedDocument
from docs_gen.render import merge
from errors import N_
from i18n import name_of, translated
from listing import Column, Filter, answer, attachment
from master_data.models import Party
from shipments.models import Shipment

blueprint = Blueprint("docs_gen", __name__)

STATES = {"numbered": N_("being issued"), "issued": N_("issued"), "replaced": N_("replaced")}


@dataclass(frozen=True)
class PaperState:
    """One row of the checklist of papers."""

    type: DocumentType
    document: IssuedDocument | None  # the one that is valid now
    errors: int
    warnings: int
    stale: bool  # issued, and the shipment has changed since


@blueprint.get("/shipments/<number>")
@signed_in
def shipment_page(number: str) -> str:
    shipment = _shipment(number)
    facts = shipment_facts(shipment, _settings().base_url)
    found = problems(facts)
    return render_template(
        "docs_gen/shipment.html", shipment=shipment, facts=facts, papers=_papers(shipment, facts, found)
    )


@blueprint.get("/shipments/<number>/documents/<type>")
@signed_in
def preview(number: str, type: str) -> str:
    shipment, kind = _shipment(number), _type(type)
    facts = shipment_facts(shipment, _settings().base_url)
    found = [problem for problem in problems(facts) if type in problem.papers]
    document = latest_documents(shipment).get(type)
    return render_template(
        "docs_gen/preview.html", shipment=shipment, type=kind, problems=found, field_url=field_url, document=document,
        stale=bool(document and is_stale(document, facts)), errors=sum(one.severity == "error" for one in found),
    )  # fmt: skip


@blueprint.get("/shipments/<number>/documents/<type>.pdf")
@signed_in
def preview_file(number: str, type: str) -> Response:
    kind = _type(type)
    paper = render_paper(kind, shipment_facts(_shipment(number), _settings().base_url))
    return attachment(paper.data, f"{number} {kind.title_en} DRAFT.pdf", "application/pdf", inline=True)


@blueprint.post("/shipments/<number>/documents/<type>/issue")
@signed_in
def issue(number: str, type: str) -> Any:
    user = User.get_by_id(current_user.id)
    seen = request.form.get("replaces")
    document = issue_document(_shipment(number), _type(type).code, user, utc_now(), _settings(), seen)
    flash(_("%(number)s is issued.", number=document.number), "success")
    return redirect(url_for("docs_gen.shipment_page", number=number))


@blueprint.get("/shipments/<number>/documents.pdf")
@signed_in
def merged_file(number: str) -> Response:
    shipment = _shipment(number)
    facts, issued = shipment_facts(shipment, _settings().base_url), latest_documents(shipment)
    files = [
        archive.read(_settings().archive_dir, issued[type.code].sha256)
        if type.code in issued and issued[type.code].state == "issued"
        else render_paper(type, facts).data
        for type in REGISTER.values()
    ]
    return attachment(merge(files, title=number), f"{number}.pdf", "application/pdf", inline=True)


@blueprint.get("/documents/<int(max=2147483647):id>.pdf")
@signed_in
def document_file(id: int) -> Response:
    document = IssuedDocument.get_or_none(IssuedDocument.id == id)
    if document is None or document.state == "numbered":
        abort(404)
    data = archive.read(_settings().archive_dir, document.sha256)
    return attachment(data, f"{document.number} {document.shipment.number}.pdf", "application/pdf", inline=True)


_consignee = Party.alias()
_COLUMNS = (
    Column("number", N_("Number"), lambda row: row.number, IssuedDocument.number, url=lambda row: _file_url(row)),
    Column("type", N_("Paper"), lambda row: translated(REGISTER[row.type].title), IssuedDocument.type),
    Column("date", N_("Date"), lambda row: row.issue_date.isoformat(), IssuedDocument.issue_date),
    Column("seller", N_("Seller"), lambda row: row.seller.code, Party.code),
    Column("consignee", N_("Consignee"), lambda row: name_of(row.shipment.consignee), _consignee.name_en),
    Column(
        "shipment", N_("Shipment"), lambda row: row.shipment.number, Shipment.number,
        url=lambda row: url_for("docs_gen.shipment_page", number=row.shipment.number),
    ),
    Column("container", N_("Container"), lambda row: row.shipment.freight_container_no, Shipment.freight_container_no),
    Column("state", N_("State"), lambda row: translated(STATES[row.state]), IssuedDocument.state),
    Column("pages", N_("Pages"), lambda row: row.pages, IssuedDocument.pages, numeric=True),
)  # fmt: skip


@blueprint.get("/documents")
@signed_in
def document_list() -> Response | str:
    documents = (
        IssuedDocument.select(IssuedDocument, Party, Shipment, _consignee)
        .join(Party, JOIN.INNER, on=IssuedDocument.seller).switch(IssuedDocument)
        .join(Shipment).join(_consignee, on=Shipment.consignee)
    )  # fmt: skip
    types = Filter(
        "type", N_("Paper"), [(type.code, type.title) for type in REGISTER.values()],
        lambda query, chosen: query.where(IssuedDocument.type == chosen),
    )  # fmt: skip
    states = Filter(
        "state", N_("State"), list(STATES.items()), lambda query, chosen: query.where(IssuedDocument.state == chosen)
    )
    return answer(
        documents, _COLUMNS, template="docs_gen/documents.html", name="documents", sort="-date",
        filters=(types, states),
        search=(
            IssuedDocument.number, Shipment.number, Shipment.freight_container_no, Shipment.order_no,
            _consignee.name_en, _consignee.name_zh, _consignee.code,
        ),
    )  # fmt: skip


def field_url(problem: Problem, shipment_number: str) -> str:
    """Where a problem is mended: at its field in a form; what the scans lack, at the scan page."""
    kind, rest = problem.field.split(":", 1)
    if kind == "scans":
        return url_for("scan.start", shipment=shipment_number)
    if kind == "shipment":
        return url_for("shipments.shipment_edit", number=shipment_number, _anchor=rest)
    key, field = rest.rsplit(":", 1)
    endpoint, argument = {
        "party": ("master_data.party_edit", "code"),
        "product": ("master_data.product_edit", "part_no"),
        "asset_type": ("master_data.asset_type_edit", "code"),
    }[kind]
    values: dict[str, Any] = {argument: key, "_anchor": field}
    return url_for(endpoint, **values)


def _papers(shipment: Shipment, facts: ShipmentFacts, found: list[Problem]) -> list[PaperState]:
    issued = latest_documents(shipment)
    return [
        PaperState(
            type,
            issued.get(type.code),
            sum(type.code in one.papers and one.severity == "error" for one in found),
            sum(type.code in one.papers and one.severity == "warning" for one in found),
            type.code in issued and is_stale(issued[type.code], facts),
        )
        for type in REGISTER.values()
    ]


def _file_url(document: IssuedDocument) -> str:
    return "" if document.state == "numbered" else url_for("docs_gen.document_file", id=document.id)


def _shipment(number: str) -> Shipment:
    shipment: Shipment | None = Shipment.get_or_none(Shipment.number == number)
    if shipment is None:
        abort(404)
    return shipment


def _type(code: str) -> DocumentType:
    if code not in REGISTER:
        abort(404)
    return REGISTER[code]


def _settings() -> Settings:
    settings: Settings = current_app.config["ROUNDTRIP"]
    return settings
