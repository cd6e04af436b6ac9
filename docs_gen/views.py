"""The page of a shipment, the preview of a paper, and everything that was issued."""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import Any

from flask import Blueprint, Response, abort, current_app, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_security import current_user
from peewee import JOIN

import archive
from accounts.access import may, needs
from accounts.models import User
from accounts.once import first_said, has_key, nothing_done, taken_once
from accounts.scope import seen
from assets.shipment_pools import counted_packages
from config import Settings
from database import utc_now
from docs_gen import prepared
from docs_gen.checklist import checklist
from docs_gen.checks import Problem
from docs_gen.customs_upload import upload_advice
from docs_gen.document_types import DocumentType, PaperPart, check_papers
from docs_gen.handing_out import paper_file
from docs_gen.issuing import (
    Order,
    is_stale,
    issue_document,
    latest_documents,
    latest_number,
    paper_of,
    shipment_papers,
    void_document,
)
from docs_gen.models import IssuedDocument, PaperSet
from docs_gen.paper_sets import AtWork, became, order_set
from docs_gen.prices import without_prices
from docs_gen.register import named, right_for, types
from docs_gen.render import RenderError, merge
from docs_gen.seals import usable
from docs_gen.turns import prints
from docs_gen.visible import visible_papers, visible_sets
from errors import N_, Message, Refused, message_of
from i18n import language, name_of, translated
from jobs.running import error_of, execute_here
from jobs.views import may_change
from listing import Column, Filter, answer, attachment
from master_data.models import Party
from shipments.models import Shipment
from shipments.visible import visible_shipments

blueprint = Blueprint("docs_gen", __name__)

STATES = {"numbered": N_("being issued"), "issued": N_("issued"), "replaced": N_("replaced"), "void": N_("void")}


@blueprint.get("/shipments/<number>")
@needs("shipments.read")
def shipment_page(number: str) -> str:
    shipment = _shipment(number)
    listed = checklist(shipment, _settings().base_url)
    last_set = PaperSet.select().where(PaperSet.shipment == shipment).order_by(PaperSet.id.desc()).first()
    prepared.prepare_when_changed(shipment, listed.facts, utc_now(), _settings())
    facts = listed.facts if may("prices.see") else without_prices(listed.facts)
    return render_template(
        "docs_gen/shipment.html", shipment=shipment, facts=facts, sees=_sees, listed=listed, last_set=last_set,
        set_is_made=last_set is not None and _is_made(last_set),
        counted={row.asset_type.code: row for row in counted_packages(shipment)},
    )  # fmt: skip


@blueprint.get("/shipments/<number>/documents/<type>")
@needs("shipments.read", "papers.read")
def preview(number: str, type: str) -> Any:
    shipment = _shipment(number)
    _seen(_type(type))
    paper = prepared.remembered(shipment, type, _part(), _settings())
    if paper is None:  # the shipment has been split since the link was made, or it has no such paper
        others = shipment_papers(shipment, _settings().base_url, [type]) or abort(404)
        return redirect(url_for(".preview", number=number, type=type, part=others[0].facts.part or None))
    return _preview(shipment, paper)


def _preview(shipment: Shipment, paper: PaperPart, missing: Refused | None = None) -> str:
    """The page of a draft; `missing`: why it was not issued, with all that was typed."""
    kind, part = paper.type, paper.facts.part
    found = check_papers([paper])
    document = latest_documents(shipment).get((kind.code, part))
    accepted = json.loads(document.accepted) if document else []
    accepted = [one | {"warning": message_of(one["warning"])} for one in accepted]
    reasons = {problem.key: text for problem in found for text in [_reasons().get(problem.key)] if text} or {
        problem.key: one["reason"] for problem in found for one in accepted if one["rule"] == problem.rule
    }
    advice = []
    if document and document.sha256:
        advice = upload_advice(file_name(document), archive.read(_settings().archive_dir, document.sha256))
    return render_template(
        "docs_gen/preview.html", shipment=shipment, type=kind, part=part, problems=found, field_url=field_url,
        document=document, reasons=reasons, accepted=accepted, advice=advice, missing=missing,
        before_invoice=kind.names_invoice and not paper.facts.invoice_number,
        stale=bool(document and document.status == "issued" and is_stale(document, paper.facts)),
        errors=sum(one.severity == "error" for one in found),
        seals=usable(kind, shipment.consignor, User.get_by_id(current_user.id)),
    )  # fmt: skip


@blueprint.get("/shipments/<number>/documents/<type>.pdf")
@needs("shipments.read", "papers.read")
@prints
def preview_file(number: str, type: str) -> Response:
    kind = _seen(_type(type))
    data = prepared.opened(_shipment(number), kind, _part(), _settings())
    if data is None:
        abort(404)
    return attachment(data, f"{number} {kind.title_en} DRAFT.pdf", "application/pdf", inline=True)


@blueprint.post("/shipments/<number>/documents/<type>/issue")
@needs("papers.issue")
@prints
def issue(number: str, type: str) -> Any:
    """Form fields: `part`; `replaces`: the number seen as valid; `reason:KEY`, why a warning passes; `seal`s."""
    user, shipment, code = User.get_by_id(current_user.id), _shipment(number), _seen(_type(type)).code
    part, replaces = request.form.get("part", ""), request.form.get("replaces")
    if replaces is None and has_key():  # sent again with its key it must not replace its own paper
        replaces = first_said(latest_number(shipment, code, part))
    order = Order(code, part, replaces, _reasons(), tuple(request.form.getlist("seal", type=int)))
    try:
        document = issue_document(shipment, order, user, utc_now(), _settings())
    except Refused as refused:
        paper = paper_of(shipment, type, order.part, _settings().base_url)
        if refused.reason != "warnings" or paper is None:
            raise
        return _preview(shipment, paper, refused), refused.status
    flash(_("%(number)s is issued.", number=document.number), "success")
    return redirect(url_for("docs_gen.shipment_page", number=number))


def _reasons() -> dict[str, str]:
    return {name.partition(":")[2]: text for name, text in request.form.items() if name.startswith("reason:")}


@blueprint.post("/documents/<int(max=2147483647):id>/void")
@needs("papers.issue")
def void(id: int) -> Any:
    found = seen(visible_papers, IssuedDocument.select().where(IssuedDocument.id == id))
    document: IssuedDocument = found.first() or abort(404)
    void_document(document, request.form.get("reason", ""), User.get_by_id(current_user.id), utc_now())
    flash(_("%(number)s is void.", number=document.number), "success")
    if document.shipment is None:  # of an account
        return redirect(url_for("docs_gen.document_list", q=document.number))
    return redirect(url_for("docs_gen.shipment_page", number=document.shipment.number))


@blueprint.post("/shipments/<number>/documents/issue")
@needs("papers.issue")
def issue_set(number: str) -> Any:
    """Form fields: `paper` (keys of papers, several), `saw:KEY`, the number of each on the page that was open, and
    `reason:` for all warnings. Answers with the page of the job."""
    wanted = [_of_key(key) for key in request.form.getlist("paper")]
    try:
        answer = _ordered(_shipment(number), wanted)
    except AtWork as error:  # nothing was done for this order, so its key stays free
        nothing_done()
        flash(translated(error), "warning")
        return redirect(url_for("docs_gen.set_page", id=error.papers.id))
    papers = g.pop("ordered", None)
    if papers is not None:  # not before others can see it
        execute_here(current_app._get_current_object(), papers.job_id)  # type: ignore[attr-defined]
    return answer


def _of_key(key: str) -> tuple[str, str]:
    """Type and part of a paper, of what `PaperPart.key` gives."""
    type, _, part = key.partition(":")
    return type, part


@taken_once
def _ordered(shipment: Shipment, wanted: list[tuple[str, str]]) -> Any:
    told = request.form.items()
    saw = {_of_key(name.removeprefix("saw:")): number for name, number in told if name.startswith("saw:")}
    g.ordered = order_set(shipment, wanted, _reasons(), User.get_by_id(current_user.id), utc_now(), saw)
    return redirect(url_for("docs_gen.set_page", id=g.ordered.id))


@blueprint.get("/paper-sets/<int(max=2147483647):id>")
@needs("shipments.read", "papers.read")
def set_page(id: int) -> str:
    """How far the papers of a set are."""
    papers: PaperSet = seen(visible_sets, PaperSet.select().where(PaperSet.id == id)).first() or abort(404)
    wanted = json.loads(papers.wanted)
    found, known = became(papers), types()
    rows = [(known[type], part, found.get((type, part))) for type, part, _seen in wanted if type in known]
    job, done = papers.job, sum(one.get("state") != "numbered" for one in found.values())
    return render_template(
        "docs_gen/set.html", shipment=papers.shipment, rows=rows, done=done, message_of=message_of, job=job,
        running=_is_made(papers), error=error_of(job) if job else "", sees=_sees, may_change=job and may_change(job),
    )  # fmt: skip


def _is_made(papers: PaperSet) -> bool:
    return papers.job is not None and papers.job.state in ("waiting", "running")


@blueprint.get("/shipments/<number>/documents.pdf")
@needs("shipments.read", "papers.read")
@prints
def merged_file(number: str) -> Response:
    """The whole set in print order, a bookmark for each paper; what is not issued yet stands in it as a draft."""
    rows = [row for row in checklist(_shipment(number), _settings().base_url).rows if _sees(row.paper.type.code)]
    if not rows:
        abort(404)
    drafts = [row for row in rows if not (row.document and row.document.status == "issued")]
    made = dict(zip(map(id, drafts), prepared.drafts([row.paper for row in drafts], _settings()), strict=True))
    files, names = [], []
    for row in rows:
        file = made.get(id(row))
        if isinstance(file, Exception):
            raise Refused(
                "not_rendered",
                N_("%(paper)s could not be rendered: %(fault)s"),
                paper=Message(row.paper.type.title),
                fault=str(file) if isinstance(file, RenderError) else type(file).__name__,
            )
        title = row.paper.type.title_en.title()
        if file:
            files.append(file)
            names.append(f"DRAFT {title}")
        elif row.document:
            files.append(archive.read(_settings().archive_dir, row.document.sha256))
            names.append(f"{row.document.number} {title}")
    return attachment(merge(files, number, names), f"{number}.pdf", "application/pdf", inline=True)


@blueprint.get("/shipments/<number>/documents.zip")
@needs("shipments.read", "papers.read")
def zip_file(number: str) -> Response:
    """Every valid paper of the shipment as a file of its own, under names that say what they are."""
    valid = (
        IssuedDocument.select()
        .where(
            IssuedDocument.shipment == _shipment(number), IssuedDocument.state == "issued",
            IssuedDocument.voided_time.is_null(),
        )
        .order_by(IssuedDocument.id)
    )  # fmt: skip
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:  # stored: a PDF does not get smaller
        order = list(types())
        for document in sorted(
            (one for one in valid if _sees(one.type)),
            key=lambda one: order.index(one.type) if one.type in order else len(order),
        ):
            info = zipfile.ZipInfo(file_name(document), document.issued_time.timetuple()[:6])
            packed.writestr(info, archive.read(_settings().archive_dir, document.sha256))
    return attachment(buffer.getvalue(), f"{number}.zip", "application/zip")


def file_name(document: IssuedDocument) -> str:
    """`CI-2026-0001 Commercial Invoice.pdf`, `CI-2026-0001 商业发票.pdf`: in the language of who fetches it.

    At most 64 characters, which China Customs' upload takes, and none that a file system or a ZIP reads as a path.
    """
    kind = named(document.type)
    title = document.type if kind is None else kind.title_zh if language() == "zh" else kind.title_en.title()
    plain = re.sub(r'(?:\s*[/\\:*?"<>|\x00-\x1f])+\s*', "-", f"{document.number} {title} {document.part}")
    return plain[:60].strip() + ".pdf"


@blueprint.get("/documents/<int(max=2147483647):id>.pdf")
@needs("papers.read")
def document_file(id: int) -> Response:
    document = seen(visible_papers, IssuedDocument.select().where(IssuedDocument.id == id)).first()
    if document is None or document.state == "numbered":
        abort(404)
    if not _sees(document.type):
        abort(403)
    return paper_file(document, file_name(document), inline=True)


_addressee = Party.alias()
_COLUMNS = (
    Column("number", N_("Number"), lambda row: row.number, IssuedDocument.number, url=lambda row: _file_url(row)),
    Column("type", N_("Paper"), lambda row: _title(row.type), IssuedDocument.type),
    Column("date", N_("Date"), lambda row: row.issue_date.isoformat(), IssuedDocument.issue_date),
    Column("seller", N_("Seller"), lambda row: row.seller.code, Party.code),
    Column("consignee", N_("Consignee or partner"), lambda row: name_of(row.party), _addressee.name_en),
    Column(
        "shipment", N_("Shipment"), lambda row: row.shipment.number if row.shipment else "", Shipment.number,
        url=lambda row: url_for("docs_gen.shipment_page", number=row.shipment.number) if row.shipment else "",
    ),
    Column(
        "container", N_("Container"), lambda row: row.shipment.freight_container_no if row.shipment else "",
        Shipment.freight_container_no,
    ),
    Column("state", N_("State"), lambda row: translated(STATES[row.status]), IssuedDocument.state),
    Column("pages", N_("Pages"), lambda row: row.pages, IssuedDocument.pages, numeric=True),
)  # fmt: skip


@blueprint.get("/documents")
@needs("papers.read")
def document_list() -> Response | str:
    documents = (
        IssuedDocument.select(IssuedDocument, Party, Shipment, _addressee)
        .join(Party, JOIN.INNER, on=IssuedDocument.seller).switch(IssuedDocument)
        .join(Shipment, JOIN.LEFT_OUTER).switch(IssuedDocument).join(_addressee, on=IssuedDocument.party)
    )  # fmt: skip
    kinds = Filter(
        "type", N_("Paper"), [(type.code, type.title) for type in types().values()],
        lambda query, chosen: query.where(IssuedDocument.type == chosen),
    )  # fmt: skip
    states = Filter(
        "state", N_("State"), list(STATES.items()),
        lambda query, chosen: query.where(~IssuedDocument.voided_time.is_null())
        if chosen == "void"
        else query.where(IssuedDocument.state == chosen, IssuedDocument.voided_time.is_null()),
    )  # fmt: skip
    return answer(
        seen(visible_papers, documents), _COLUMNS, template="docs_gen/documents.html", name="documents", sort="-date",
        filters=(kinds, states),
        exact=(IssuedDocument.number,),
        search=(
            IssuedDocument.number, IssuedDocument.keywords, Shipment.number, _addressee.name_en, _addressee.name_zh,
            _addressee.code,
        ),
    )  # fmt: skip


def field_url(problem: Problem, shipment_number: str) -> str:
    """Where a problem is mended: at its field in a form; what the scans lack, at the scan page."""
    kind, rest = problem.field.split(":", 1)
    if kind == "scans":
        return url_for("scan.start", shipment=shipment_number)
    if kind == "shipment":
        return url_for("shipments.shipment_edit", number=shipment_number, _anchor=rest)
    if kind == "details":
        return url_for("shipments.shipment_details", number=shipment_number, _anchor=rest)
    key, field = rest.rsplit(":", 1)
    endpoint, argument = {
        "party": ("master_data.party_edit", "code"),
        "product": ("master_data.product_edit", "part_no"),
        "asset_type": ("master_data.asset_type_edit", "code"),
        "place": ("master_data.place_edit", "code"),
        "credit": ("credits.credit_edit", "code"),
    }[kind]
    values: dict[str, Any] = {argument: key, "_anchor": field}
    return url_for(endpoint, **values)


def _file_url(document: IssuedDocument) -> str:
    if document.state == "numbered" or not _sees(document.type):
        return ""
    return url_for("docs_gen.document_file", id=document.id)


def _shipment(number: str) -> Shipment:
    shipment: Shipment | None = seen(visible_shipments, Shipment.select().where(Shipment.number == number)).first()
    if shipment is None:
        abort(404)
    return shipment


def _part() -> str:
    """Which of several papers of a kind: `?part=`."""
    return request.args.get("part", "")[:16]


def _type(code: str) -> DocumentType:
    return types().get(code) or abort(404)


def _sees(code: str) -> bool:
    """Whether who asks may see papers of this kind."""
    right = right_for(code)
    return not right or may(right)


def _seen(kind: DocumentType) -> DocumentType:
    """The same; 403 for who may not see papers of this kind."""
    if kind.asks and not may(kind.asks):
        abort(403)
    return kind


def _title(code: str) -> str:
    kind = named(code)
    return translated(kind.title) if kind else code


def _settings() -> Settings:
    settings: Settings = current_app.config["ROUNDTRIP"]
    return settings
