"""The pages on which shipments are listed, entered and changed. What a shipment's papers say is in docs_gen/."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_security import current_user
from markupsafe import Markup
from peewee import ModelSelect, fn

from accounts.access import needs
from accounts.once import taken_once
from accounts.scope import seen
from database import utc_now
from errors import N_, Refused
from i18n import name_of, translated
from listing import Column, Filter, answer, table_file
from master_data import codes
from master_data.models import Party
from shipments import booking, line_import
from shipments.forms import ShipmentForm, details_form, lists, pressed_inside
from shipments.models import Package, Shipment, ShipmentLine
from shipments.rules import NEXT_STATES, STATES, mode_name
from shipments.visible import visible_shipments

blueprint = Blueprint("shipments", __name__)

_STATE_LOOK = {"open": "", "dispatched": "rt-ok", "closed": "", "cancelled": "rt-bad"}


def state_html(shipment: Shipment) -> Markup:
    """The state of a shipment as a coloured word."""
    look = _STATE_LOOK.get(shipment.state, "")
    return Markup('<span class="rt-state {}">{}</span>').format(look, translated(STATES[shipment.state]))


def _ports(shipment: Shipment) -> str:
    ends = (
        shipment.port_of_loading_name or shipment.port_of_loading,
        shipment.port_of_discharge_name or shipment.port_of_discharge or shipment.place_of_delivery,
    )
    return " → ".join(end for end in ends if end)


_COLUMNS = (
    Column("number", N_("Number"), lambda row: row.number, sort=Shipment.number, url=lambda row: _page_of(row.number)),
    Column("consignee", N_("Consignee"), lambda row: name_of(row.consignee), sort=fn.LOWER(Party.name_en)),
    Column("route", N_("Route"), _ports),
    Column("mode", N_("Mode"), lambda row: translated(mode_name(row.transport_mode)), sort=Shipment.transport_mode),
    Column("terms", N_("Terms"), lambda row: f"{row.incoterm} {row.named_place}", sort=Shipment.incoterm),
    Column("departure", N_("Departure"), lambda row: row.departure_date, sort=Shipment.departure_date),
    Column("packages", N_("Packages"), lambda row: row.package_count or 0, numeric=True),
    Column("state", N_("State"), lambda row: translated(STATES[row.state]), sort=Shipment.state, html=state_html),
)
_FILTERS = (
    Filter("state", N_("State"), list(STATES.items()), lambda query, state: query.where(Shipment.state == state)),
    Filter(
        "mode",
        N_("Mode"),
        [(code, mode_name(code).text) for code in codes.TRANSPORT_MODES],
        lambda query, mode: query.where(Shipment.transport_mode == mode),
    ),
)


def _shipments() -> ModelSelect[Any]:
    package_count = Package.select(fn.SUM(Package.count)).where(Package.shipment == Shipment.id)
    query = Shipment.select(Shipment, Party, package_count.alias("package_count")).join(Party, on=Shipment.consignee)
    return seen(visible_shipments, query)


@blueprint.get("/shipments")
@needs("shipments.read")
def shipment_list() -> Response | str:
    return answer(
        _shipments(),
        _COLUMNS,
        template="shipments/list.html",
        name="shipments",
        search=(
            Shipment.number, Party.name_en, Party.name_zh, Party.code, Shipment.order_no, Shipment.contract_no,
            Shipment.freight_container_no, Shipment.transport_document_no,
        ),
        exact=(Shipment.number,),
        filters=_FILTERS,
        sort="-number",
    )  # fmt: skip


@blueprint.route("/shipments/new", methods=["GET", "POST"])
@needs("shipments.write", "prices.see")
def shipment_new() -> Any:
    return _form_page(None) if pressed_inside() else _made_once()  # who adds a line waits for no turn to write


@taken_once
def _made_once() -> Any:
    return _form_page(None)


@blueprint.route("/shipments/<number>/edit", methods=["GET", "POST"])
@needs("shipments.write", "prices.see")
def shipment_edit(number: str) -> Any:
    return _form_page(_shipment(number))


def _form_page(shipment: Shipment | None) -> Any:
    form = ShipmentForm(shipment)
    form.settle()
    if request.method == "POST" and not form.pressed() and form.validate():
        number, version = (shipment.number, shipment.version) if shipment else (None, 0)
        try:
            saved = booking.save_shipment(form.entry(), number, version, current_user, utc_now())
        except Refused as refused:
            if shipment is None or refused.reason != "stale":
                raise
            return _form_page(_shipment(shipment.number))  # somebody saved since it was read: both versions, as always
        flash(_("%(number)s is saved.", number=saved.number), "success")
        return redirect(_page_of(saved.number))
    shown = {"form": form, "shipment": shipment, "lists": lists(), "next_states": _next(shipment)}
    return render_template("shipments/edit.html", **shown), form.status


@blueprint.route("/shipments/<number>/details", methods=["GET", "POST"])
@needs("shipments.write", "prices.see")
def shipment_details(number: str) -> Any:
    """What single papers ask for. `?group=`, several times: groups of `shipments.details` to unfold."""
    shipment = _shipment(number)
    form = details_form(shipment)
    form.settle()
    if form.is_submitted() and form.validate():
        try:
            booking.save_details(number, form.details(), shipment.version, current_user, utc_now())
        except Refused as refused:
            if refused.reason != "stale":
                raise
            return shipment_details(number)  # somebody saved since it was read: both versions, as always
        flash(_("%(number)s is saved.", number=number), "success")
        return redirect(_page_of(number))
    groups = list(form.groups(request.args.getlist("group")))
    return render_template("shipments/details.html", form=form, shipment=shipment, groups=groups), form.status


@blueprint.post("/shipments/<number>/state")
@needs("shipments.write")
def shipment_state(number: str) -> Any:
    """Form fields: `state`, one of rules.NEXT_STATES of the present one; `back`: `edit` to return to the form."""
    _shipment(number)
    shipment = booking.set_state(number, request.form.get("state", ""), current_user, utc_now())
    flash(_("%(number)s is now %(state)s.", number=number, state=translated(STATES[shipment.state])), "success")
    return redirect(_page_of(number))


@blueprint.route("/shipments/<number>/lines/import", methods=["GET", "POST"])
@needs("shipments.write", "prices.see")
def lines_import(number: str) -> Any:
    """Upload a file and see what would be read from it. Nothing is written here."""
    shipment = _shipment(number)
    if request.method != "POST":
        return _import_page(shipment)
    read = line_import.read_upload(request.files.get("file"), shipment)
    rows = None if read.problems else line_import.sealed(read.lines, number, shipment.version, _key())
    return _import_page(shipment, read, rows), 422 if read.problems else 200


def _import_page(shipment: Shipment, read: line_import.ReadFile | None = None, rows: str | None = None, *,
                 unconfirmed: bool = False) -> str:  # fmt: skip
    count = ShipmentLine.select().where(ShipmentLine.shipment == shipment).count()
    shown = {"shipment": shipment, "read": read, "rows": rows, "count": count, "unconfirmed": unconfirmed}
    return render_template("shipments/import.html", **shown)


@blueprint.post("/shipments/<number>/lines/import/confirm")
@needs("shipments.write", "prices.see")
def lines_import_confirm(number: str) -> Any:
    """Write the lines that the preview showed: `rows` as it carried them, `mode` replace or append.

    Lines that the shipment has already are added a second time only with `again` ticked.
    """
    shipment = _shipment(number)
    rows, append = request.form.get("rows", ""), request.form.get("mode") == "append"
    lines, version, at = line_import.unsealed(rows, number, _key())
    if append and version == shipment.version and not request.form.get("again"):
        read = line_import.read_again(lines, at, shipment)
        if read.there:
            return _import_page(shipment, read, rows, unconfirmed=True), 422
    entry = booking.with_lines(booking.entry_of(shipment), lines, append=append)
    try:
        booking.save_shipment(entry, number, version, current_user, utc_now())
    except Refused as refused:
        raise Refused("stale", _CHANGED, number=number) if refused.reason == "stale" else refused from None
    came = ngettext("%(num)s line came in from the file.", "%(num)s lines came in from the file.", len(lines))
    flash(f"{_('%(number)s is saved.', number=number)} {came}", "success")
    return redirect(url_for(".shipment_edit", number=number, _anchor="lines"))


_CHANGED = N_("%(number)s was saved since the file was read, so nothing of the file has been saved. Read it again.")


@blueprint.get("/shipments/lines-template.<any(csv, xlsx):kind>")
@needs("shipments.write", "prices.see")
def lines_template(kind: str) -> Response:
    """An empty file with the columns that the import knows, in the language of the page."""
    return table_file(kind, "lines", list(line_import.TITLES.values()), [])


def _shipment(number: str) -> Shipment:
    return seen(visible_shipments, Shipment.select().where(Shipment.number == number)).first() or abort(404)


def _next(shipment: Shipment | None) -> list[tuple[str, str]]:
    return [(state, _STATE_BUTTONS[state]) for state in NEXT_STATES[shipment.state]] if shipment else []


#: state → what the button says that leads there
_STATE_BUTTONS = {
    "open": N_("Open again"),
    "dispatched": N_("Mark as dispatched"),
    "closed": N_("Close the shipment"),
    "cancelled": N_("Cancel the shipment"),
}


def _page_of(number: str) -> str:
    return url_for("docs_gen.shipment_page", number=number)


def _key() -> str:
    return str(current_app.config["SECRET_KEY"])
