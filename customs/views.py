"""Pages of the customs clocks: declarations, one declaration with its boxes, one box, the profile of months."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_security import current_user
from markupsafe import Markup
from peewee import JOIN, Case, ModelSelect, fn

from accounts.access import needs
from accounts.once import taken_once
from accounts.scope import seen
from assets.dispatched import dispatched_on
from assets.models import Asset
from assets.visible import visible_assets
from customs import declarations, proof, rules
from customs.clocks import clocks, own_rows, shipped_clocks
from customs.declarations import back_by_scan
from customs.forms import BackForm, ClockForm, CloseForm, ExtensionForm, OutForm, day_of
from customs.models import ClockRule, CustomsDeclaration, DeclaredBox
from customs.visible import visible_declarations, visible_declared
from database import save_one, utc_now
from docs_gen.models import IssuedDocument
from docs_gen.turns import prints
from errors import N_, InvalidInput
from i18n import instant, translated
from listing import Column, Filter, answer, attachment
from master_data.models import AssetType
from shipments.models import Shipment
from shipments.visible import visible_shipments

blueprint = Blueprint("customs", __name__, url_prefix="/customs")


# ---- the list


def _counted(condition: Any) -> Any:
    boxes = DeclaredBox.alias()
    query = boxes.select(fn.COUNT(boxes.id)).where(boxes.declaration == CustomsDeclaration.id)
    return query.where(boxes.closing == "") if condition == "open" else query


_all_boxes, _open_boxes = _counted("all"), _counted("open")


def _url(row: CustomsDeclaration) -> str:
    return url_for("customs.declaration_page", id=row.id)


def days_html(due: date | None, today: date, closed: bool) -> Markup:
    """How many days a clock has left, as a word with its mark."""
    if closed:
        return Markup('<span class="rt-state rt-ok">{}</span>').format(_("closed"))
    if due is None:
        return Markup('<span class="rt-state rt-warn">{}</span>').format(_("clock stands"))
    left = (due - today).days
    if left < 0:
        text, look = ngettext("%(num)s day over", "%(num)s days over", -left), "rt-bad"
    else:
        text = ngettext("%(num)s day left", "%(num)s days left", left)
        look = "rt-bad" if left <= 15 else "rt-warn" if left <= 60 else "rt-ok"
    return Markup('<span class="rt-state {}">{}</span>').format(look, text)


def _columns(today: date) -> tuple[Column, ...]:
    one = CustomsDeclaration
    return (
        Column("number", N_("Declaration no."), lambda row: row.number, one.number, _url),
        Column("item", N_("Item"), lambda row: row.item, one.item),
        Column("regime", N_("Customs regime"), lambda row: row.regime, one.regime),
        Column("country", N_("Customs of"), lambda row: row.country, one.country),
        Column("destination", N_("Destination"), lambda row: row.destination, one.destination),
        Column("shipment", N_("Shipment"), lambda row: row.shipment.number if row.shipment else "", Shipment.number,
               lambda row: url_for("docs_gen.shipment_page", number=row.shipment.number) if row.shipment else ""),
        Column("exit", N_("Over the border on"), lambda row: row.exit_day, one.exit_day),
        Column("due", N_("Due"), lambda row: row.due_day, one.due_day),
        Column("left", N_("Days left"), lambda row: _left(row, today), numeric=True,
               html=lambda row: days_html(row.due_day, today, row.closed_day is not None)),
        Column("boxes", N_("Boxes"), lambda row: row.box_count, numeric=True),
        Column("open", N_("Open"), lambda row: row.open_count, numeric=True),
    )  # fmt: skip


def _left(row: CustomsDeclaration, today: date) -> int | None:
    return None if row.closed_day or row.due_day is None else (row.due_day - today).days


_FILTERS = (
    Filter("state", N_("State"), [("open", N_("open")), ("closed", N_("closed"))],
           lambda q, v: q.where(CustomsDeclaration.closed_day.is_null(v == "open"))),
)  # fmt: skip


@blueprint.get("/declarations")
@needs("customs.read")
def declaration_list() -> Response | str:
    """Declarations out with the days that they have left."""
    query = seen(
        visible_declarations,
        CustomsDeclaration.select(
            CustomsDeclaration, Shipment, _all_boxes.alias("box_count"), _open_boxes.alias("open_count")
        )
        .join(Shipment, JOIN.LEFT_OUTER)
        .where(CustomsDeclaration.direction == "out"),
    )
    return answer(
        query, _columns(declarations.today()), template="customs/list.html", name="customs", sort="due",
        search=(CustomsDeclaration.number, Shipment.number, CustomsDeclaration.freight_container_no), filters=_FILTERS,
        offers=declarations.offers(utc_now()), mismatches=declarations.mismatches(), kinds=rules.MISMATCHES,
    )  # fmt: skip


# ---- one declaration


_BOX_FILTERS = (
    Filter("state", N_("For customs"), [(key or "open", title) for key, (title, _look) in rules.CLOSINGS.items()],
           lambda q, v: q.where(DeclaredBox.closing == ("" if v == "open" else v))),
    Filter("mismatch", N_("Does not fit"), [(key, rules.MISMATCHES[key])
                                            for key in ("back_undeclared", "declared_unscanned")],
           lambda q, v: q.where((DeclaredBox.closing == "") & back_by_scan().is_null(False) if v == "back_undeclared"
                                else (DeclaredBox.closing == "back") & back_by_scan().is_null())),
)  # fmt: skip


def closing_html(box: DeclaredBox) -> Markup:
    """What customs was told of a box, as a marked word."""
    title, look = rules.CLOSINGS[box.closing]
    return Markup('<span class="rt-state rt-{}">{}</span>').format(look, translated(title))


def _told(box: DeclaredBox) -> str:
    """When the clock of a box was closed, and by what."""
    number = box.back.number if box.back else box.reference
    return f"{box.closed_day} {number}" if box.closed_day else ""


def _mismatch(box: DeclaredBox) -> str:
    found = rules.mismatch(box.closing, box.back_time is not None)
    return translated(rules.MISMATCHES[found]) if found else ""


def _mismatch_html(box: DeclaredBox) -> Markup | str:
    text = _mismatch(box)
    return Markup('<span class="rt-state rt-bad cu-wrap">{}</span>').format(text) if text else ""


def _box_columns(zone: str) -> tuple[Column, ...]:
    return (
        Column("code", N_("Code"), lambda row: row.asset.code, Asset.code,
               lambda row: url_for("customs.box_page", code=row.asset.code)),
        Column("type", N_("Box type"), lambda row: row.asset.asset_type.code, AssetType.code),
        Column("scan", N_("Back by scan"), lambda row: row.back_time, html=lambda row: instant(row.back_time, zone)),
        Column("state", N_("For customs"), lambda row: translated(rules.CLOSINGS[row.closing][0]),
               DeclaredBox.closing, html=closing_html),
        Column("told", N_("Closed by"), _told, DeclaredBox.closed_day),
        Column("mismatch", N_("Does not fit"), _mismatch, html=_mismatch_html),
    )  # fmt: skip


@blueprint.get("/declarations/<int(max=2147483647):id>")
@needs("customs.read")
def declaration_page(id: int) -> Response | str:
    """One declaration, out or back, with its boxes."""
    declaration = _declaration(id)
    return _page(declaration)


def _page(declaration: CustomsDeclaration, **forms: Any) -> Response | str:
    out = declaration.direction == "out"
    home = declarations.home_place()
    left, absent = declarations.loading_differences(declaration) if out else ([], [])
    clock = rules.clock_for(clocks(), declaration.country, declaration.regime, declaration.destination)
    extensions = declarations.late_extensions(declaration) if out else []
    others = (
        [] if out else seen(visible_declarations, CustomsDeclaration.select().where(CustomsDeclaration.id.in_(
            DeclaredBox.select(DeclaredBox.declaration).where(DeclaredBox.back == declaration)
        ))).order_by(CustomsDeclaration.number)
    )  # fmt: skip
    return answer(
        declarations.boxes_of(declaration), _box_columns(home.timezone if home else "UTC"),
        template="customs/declaration.html", name=f"customs-{declaration.number}", sort="state", search=(Asset.code,),
        filters=_BOX_FILTERS if out else (), declaration=declaration, counts=declarations.counts(declaration),
        clock=clock, extensions=extensions, too_many=rules.too_many(clock, len(extensions)), others=list(others),
        after=left, absent=absent, today=declarations.today(), days_html=days_html, kinds=rules.MISMATCHES,
        back_count=len(declarations.open_codes(declaration, only_back=True)) if out else 0,
        extension=forms.get("extension") or ExtensionForm(),
    )  # fmt: skip


@blueprint.get("/declarations/<int(max=2147483647):id>/proof.pdf")
@needs("customs.read")
@prints
def proof_pdf(id: int) -> Response:
    """The proof list as PDF."""
    declaration = _out(id)
    paper = proof.pdf(proof.proof_of(declaration, utc_now()))
    return attachment(paper.data, f"proof-{declaration.number}.pdf", "application/pdf", inline=True)


@blueprint.get("/declarations/<int(max=2147483647):id>/proof.csv")
@needs("customs.read")
def proof_csv(id: int) -> Response:
    """The proof list as CSV."""
    declaration = _out(id)
    data = proof.csv_file(proof.proof_of(declaration, utc_now()))
    return attachment(data, f"proof-{declaration.number}.csv", "text/csv")


@blueprint.post("/declarations/<int(max=2147483647):id>/extend")
@needs("customs.write")
@taken_once
def extend(id: int) -> Any:
    """Record an extension; fields of ExtensionForm."""
    declaration, form = _out(id), ExtensionForm()
    if form.validate():
        try:
            declarations.extend(
                declaration, form.number.data, day_of(form.applied_day), day_of(form.until), _user(), utc_now()
            )
            flash(_("The extension is recorded."))
            return redirect(_url(declaration))
        except InvalidInput as error:
            form.complain(error)
    return _page(declaration, extension=form), 422


@blueprint.post("/boxes/<int(max=2147483647):id>/reopen")
@needs("customs.write")
def reopen(id: int) -> Any:
    """Take back a closing that was wrong: `reason`."""
    box = seen(visible_declared, DeclaredBox.select().where(DeclaredBox.id == id)).first() or abort(404)
    reason = " ".join(request.form.get("reason", "").replace("\0", "").split())[:200]
    if not reason:
        raise InvalidInput("reason", N_("This needs a reason."))
    declarations.reopen(box, reason, _user(), utc_now())
    flash(_("The clock of this box is open again."))
    return redirect(url_for("customs.box_page", code=box.asset.code))


# ---- forms


@blueprint.route("/declarations/new", methods=["GET", "POST"])
@needs("customs.write")
@taken_once
def declaration_new() -> Any:
    """Record a declaration out; `?shipment=` fills in what the shipment and its scans say."""
    return _edit_out(None)


@blueprint.route("/declarations/<int(max=2147483647):id>/edit", methods=["GET", "POST"])
@needs("customs.write")
def declaration_edit(id: int) -> Any:
    """Correct a declaration out, its boxes too."""
    return _edit_out(_out(id))


def _edit_out(declaration: CustomsDeclaration | None) -> Any:
    number = request.args.get("shipment", "").replace("\0", "")
    named = seen(visible_shipments, Shipment.select().where(Shipment.number == number))
    shipment = declaration.shipment if declaration else named.first()
    document = declaration.document if declaration else _paper_of(shipment)
    form = OutForm(data=_stored(declaration) if declaration else _from_shipment(shipment))
    status = 200
    if form.is_submitted():
        if form.validate():
            head = form.head(document)
            try:
                saved = declarations.save_out(head, form.assets, _user(), utc_now(), declaration)
                flash(_("Saved."))
                return redirect(_url(saved))
            except InvalidInput as error:
                form.complain(error)
        status = 422
    return render_template(
        "customs/out.html", form=form, declaration=declaration, shipment=shipment, document=document, clocks=clocks()
    ), status


def _from_shipment(shipment: Shipment | None) -> dict[str, Any]:
    """What a shipment says of the declaration of its boxes: the serials are those scanned onto it."""
    if shipment is None:
        return {"country": "CN", "regime": "2600", "declared_day": declarations.today()}
    consignee = shipment.consignee
    office = f"{shipment.customs_office} {shipment.customs_office_name}".strip()
    return {
        "country": shipment.consignor.country, "regime": "2600", "office": office, "shipment": shipment.number,
        "destination": shipment.destination_country or consignee.country, "declared_day": declarations.today(),
        "transport_document_no": shipment.transport_document_no, "freight_container_no": shipment.freight_container_no,
        "seal_no": shipment.seal_no, "codes": "\n".join(asset.code for asset in dispatched_on(shipment)),
    }  # fmt: skip


def _stored(declaration: CustomsDeclaration) -> dict[str, Any]:
    names = (
        "number", "item", "regime", "country", "office", "destination", "declared_day", "exit_day", "months",
        "transport_document_no", "freight_container_no", "seal_no", "note",
    )  # fmt: skip
    codes = [box.asset.code for box in declarations.boxes_of(declaration).order_by(Asset.code)]
    number = declaration.shipment.number if declaration.shipment else ""
    return {name: getattr(declaration, name) for name in names} | {"shipment": number, "codes": "\n".join(codes)}


def _paper_of(shipment: Shipment | None) -> IssuedDocument | None:
    """The issued paper that let the boxes of a shipment out, where there is one."""
    if shipment is None:
        return None
    papers = IssuedDocument.select().where(
        IssuedDocument.shipment == shipment, IssuedDocument.state == "issued", IssuedDocument.voided_time.is_null()
    )
    of_boxes = Case(None, [(IssuedDocument.part.startswith("2600-"), 0)], 1)
    kinds = papers.where(
        ((IssuedDocument.type == "china_export_declaration") & IssuedDocument.part.startswith("2600-"))
        | (IssuedDocument.type == "returnable_packing_list")
    )
    return kinds.order_by(of_boxes, IssuedDocument.id.desc()).first()


@blueprint.route("/back/new", methods=["GET", "POST"])
@needs("customs.write")
@taken_once
def back_new() -> Any:
    """Record a declaration back. `?declaration=` and `?fill=back|all` name the boxes beforehand."""
    out = _wanted()
    data = {"declared_day": declarations.today(), "country": "CN", "regime": "2600"}
    if out:
        data |= {"country": out.country, "regime": out.regime, "codes": _filled(out)}
    form = BackForm(data=data)
    status = 200
    if form.is_submitted():
        if form.validate():
            try:
                back, boxes = declarations.save_back(form.head(out), form.assets, _user(), utc_now())
                text = ngettext("%(num)s box is declared back.", "%(num)s boxes are declared back.", len(boxes))
                flash(text, "success")
                return redirect(_url(out or back))
            except InvalidInput as error:
                form.complain(error)
        status = 422
    return render_template("customs/back.html", form=form, out=out), status


@blueprint.route("/declarations/<int(max=2147483647):id>/close", methods=["GET", "POST"])
@needs("customs.write")
@taken_once
def close(id: int) -> Any:
    """Boxes that do not come back: duty paid, or destroyed under supervision."""
    out, form, status = _out(id), CloseForm(), 200
    if form.is_submitted():
        if form.validate():
            try:
                boxes = declarations.close_otherwise(
                    form.assets, out.country, form.closing.data, day_of(form.declared_day), form.reference.data
                )
                flash(ngettext("%(num)s box is closed.", "%(num)s boxes are closed.", len(boxes)), "success")
                return redirect(_url(out))
            except InvalidInput as error:
                form.complain(error)
        status = 422
    elif not form.declared_day.data:
        form.declared_day.data = declarations.today()
    return render_template("customs/close.html", form=form, out=out), status


def _wanted() -> CustomsDeclaration | None:
    text = request.args.get("declaration", "")
    return _out(int(text)) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _filled(out: CustomsDeclaration) -> str:
    fill = request.args.get("fill", "")
    return "\n".join(declarations.open_codes(out, only_back=fill != "all")) if fill in ("back", "all") else ""


# ---- one box


@blueprint.get("/boxes/<code>")
@needs("customs.read")
def box_page(code: str) -> str:
    """The clocks of one box."""
    asset = seen(visible_assets, Asset.select().where(Asset.code == code.upper())).first() or abort(404)
    home = declarations.home_place()
    return render_template(
        "customs/box.html", asset=asset, clocks=declarations.clocks_of(asset), today=declarations.today(),
        zone=home.timezone if home else "UTC", closing_html=closing_html, days_html=days_html, mismatch=_mismatch,
    )  # fmt: skip


@blueprint.get("/shipments/<number>")
@needs("customs.read")
def shipment_clock(number: str) -> Any:
    """From the page of a shipment: its declaration out, or the form that records it."""
    shipment = seen(visible_shipments, Shipment.select().where(Shipment.number == number)).first() or abort(404)
    recorded = CustomsDeclaration.select().where(
        CustomsDeclaration.direction == "out", CustomsDeclaration.shipment == shipment
    )
    found = list(seen(visible_declarations, recorded.limit(2)))
    if not found:
        return redirect(url_for("customs.declaration_new", shipment=shipment.number))
    return redirect(_url(found[0]) if len(found) == 1 else url_for("customs.declaration_list", q=shipment.number))


# ---- the profile


@blueprint.route("/clocks", methods=["GET"])
@needs("customs.read")
def clock_list() -> str:
    """Within how many months boxes are to be back: our own lines, and those that come with Roundtrip."""
    return _clock_page(ClockForm())


@blueprint.post("/clocks")
@needs("settings.write")
def clock_save() -> Any:
    """A new line of our own; one for the same customs, regime and destination replaces it."""
    form = ClockForm()
    if not form.validate():
        return _clock_page(form), 422
    values = {field.name: field.data for field in form if field.name != "csrf_token"}
    values |= {"extensions": form.extensions.data or 0, "extension_months": form.extension_months.data or 0}
    same = {name: values.pop(name) for name in ("country", "regime", "destination")}
    save_one(ClockRule, same, values | {"changed_time": utc_now()})
    flash(_("Saved. Declarations that are recorded keep their months."))
    return redirect(url_for("customs.clock_list"))


@blueprint.post("/clocks/<int(max=2147483647):id>/delete")
@needs("settings.write")
def clock_delete(id: int) -> Any:
    ClockRule.delete().where(ClockRule.id == id).execute()
    flash(_("The line is gone; declarations that are recorded keep their months."))
    return redirect(url_for("customs.clock_list"))


def _clock_page(form: ClockForm) -> str:
    return render_template(
        "customs/clocks.html", form=form, own=own_rows(), shipped=shipped_clocks(), open=request.method == "POST"
    )


# ---- parts


def _declarations() -> ModelSelect[Any]:
    return CustomsDeclaration.select(CustomsDeclaration, Shipment, IssuedDocument.id, IssuedDocument.number).join(
        Shipment, JOIN.LEFT_OUTER, on=(CustomsDeclaration.shipment == Shipment.id)
    ).join_from(
        CustomsDeclaration, IssuedDocument, JOIN.LEFT_OUTER, on=(CustomsDeclaration.document == IssuedDocument.id)
    )  # fmt: skip


def _declaration(id: int) -> CustomsDeclaration:
    return seen(visible_declarations, _declarations().where(CustomsDeclaration.id == id)).first() or abort(404)


def _out(id: int) -> CustomsDeclaration:
    out = _declarations().where(CustomsDeclaration.id == id, CustomsDeclaration.direction == "out")
    return seen(visible_declarations, out).first() or abort(404)


def _user() -> Any:
    return current_user._get_current_object()
