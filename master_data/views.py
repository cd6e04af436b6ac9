"""Pages of what rarely changes: partners, places, products, box types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext
from peewee import ModelSelect

from accounts.access import needs
from accounts.once import taken_once
from accounts.scope import Scope, seen
from database import Row, utc_now
from errors import N_
from i18n import name_of
from listing import Column, Filter, answer
from master_data import codes
from master_data.forms import AssetTypeForm, PartyForm, PlaceForm, ProductForm, RowForm
from master_data.models import AssetType, Party, Place, Product
from master_data.rules import grai
from master_data.saving import key_of, save, set_archived
from master_data.visible import visible_parties, visible_places

blueprint = Blueprint("master_data", __name__)


@dataclass(frozen=True)
class Kind:
    """What the pages of one table need to know about it."""

    name: str  # of its endpoints and its template
    model: type[Row]
    form: Callable[..., RowForm]
    title: str
    new: str
    empty: str
    visible: Callable[[Scope], Any] | None = None  # None: the firm's

    @property
    def list(self) -> str:
        return f"master_data.{self.name}_list"

    def url(self, row: Any) -> str:
        key = key_of(self.model)
        return url_for(f"master_data.{self.name}_edit", **{key: getattr(row, key)})

    def find(self, key: str) -> Any:
        if "\0" in key:  # PostgreSQL takes none
            abort(404)
        query = self.rows(self.model.select()).where(getattr(self.model, key_of(self.model)) == key)
        return query.first() or abort(404)

    def rows(self, query: Any) -> Any:
        """The query narrowed to what who asks may see."""
        return seen(self.visible, query) if self.visible else query


PARTY = Kind(
    "party",
    Party,
    PartyForm,
    N_("Partners"),
    N_("New partner"),
    N_("No partner yet: your own company and those you send to."),
    visible_parties,
)
PLACE = Kind(
    "place",
    Place,
    PlaceForm,
    N_("Places"),
    N_("New place"),
    N_("No place yet: plants, gates and warehouses where boxes are scanned."),
    visible_places,
)
PRODUCT = Kind(
    "product",
    Product,
    ProductForm,
    N_("Products"),
    N_("New product"),
    N_("No product yet: what stands on the lines of a shipment."),
)
ASSET_TYPE = Kind(
    "asset_type",
    AssetType,
    AssetTypeForm,
    N_("Box types"),
    N_("New box type"),
    N_("No box type yet: the kinds of boxes, racks and pallets that come back."),
)


def _archived(model: Any) -> Filter:
    return Filter(
        "state", N_("State"), [("used", N_("in use")), ("archived", N_("archived"))],
        lambda query, chosen: query.where(model.archived == (chosen == "archived")),
    )  # fmt: skip


def _state(model: Any) -> Column:
    return Column("state", N_("State"), lambda row: gettext("archived") if row.archived else "", model.archived)


def _list(kind: Kind, query: ModelSelect[Any], columns: list[Column], filters: list[Filter], search: list[Any]) -> Any:
    filters, columns = [*filters, _archived(kind.model)], [*columns, _state(kind.model)]
    return answer(
        kind.rows(query), columns, template="master_data/list.html", name=kind.list.partition(".")[2].replace("_", "-"),
        search=search, filters=filters, sort=columns[0].key, kind=kind,
    )  # fmt: skip


def _edit(kind: Kind, row: Any) -> Any:
    """The form of a row, new or stored, and what it is sent."""
    if "archived" in request.form and row.id:
        archived = request.form["archived"] == "1"
        set_archived(row, archived, utc_now())
        flash(
            gettext("Archived: it is offered no more, and stays where it is named.")
            if archived
            else gettext("In use again.")
        )
        return redirect(kind.url(row))
    form = kind.form(row)
    if form.validate_on_submit():
        save(row, form.values(), utc_now())
        flash(gettext("Saved."))
        return redirect(kind.url(row))
    page = render_template(f"master_data/{kind.name}.html", kind=kind, form=form, row=row, **_context(kind, row))
    return page, 422 if form.is_submitted() else 200


def _context(kind: Kind, row: Any) -> dict[str, Any]:
    """What the type-ahead fields of a form offer (id of the list → code and label), and what it shows besides."""
    lists = {"countries": codes.options(codes.countries())}
    if kind is PLACE:
        lists["timezones"] = [(name, name) for name in codes.timezones()]
        parties = seen(visible_parties, Party.select().where(~Party.archived).order_by(Party.code))
        lists["parties"] = [(p.code, f"{p.code} · {p.name_en} · {p.name_zh}".rstrip(" ·")) for p in parties]
    if kind is PRODUCT:
        lists["cn-units"] = codes.options(codes.CN_UNITS)
    if kind is ASSET_TYPE:
        lists["packages"] = codes.options(codes.PACKAGES)
        lists["currencies"] = codes.options(codes.currencies())
    stored_grai = grai(row.gs1_company_prefix, row.gs1_asset_type) if kind is ASSET_TYPE and row.id else ""
    return {"lists": lists, "stored_grai": stored_grai}


# ---- partners


@blueprint.get("/parties")
@needs("master_data.read")
def party_list() -> Any:
    columns = [
        Column("code", N_("Code"), lambda row: row.code, Party.code, PARTY.url),
        Column("name_en", N_("Name, English"), lambda row: row.name_en, Party.name_en),
        Column("name_zh", N_("Name, Chinese"), lambda row: row.name_zh, Party.name_zh),
        Column("country", N_("Country"), lambda row: row.country, Party.country),
        Column("uscc", N_("USCC"), lambda row: row.uscc, Party.uscc),
        Column("vat_no", N_("VAT no."), lambda row: row.vat_no, Party.vat_no),
        Column("contact", N_("Contact"), lambda row: row.contact, Party.contact),
        Column("own", N_("Our own"), lambda row: gettext("our own") if row.own else "", Party.own),
    ]
    filters = [
        Filter(
            "own", N_("Company"), [("1", N_("our own")), ("0", N_("others"))],
            lambda query, chosen: query.where(Party.own == (chosen == "1")),
        ),
        _countries(Party),
    ]  # fmt: skip
    search = [Party.code, Party.name_en, Party.name_zh, Party.address_en, Party.uscc, Party.customs_no, Party.vat_no]
    return _list(PARTY, Party.select(), columns, filters, search)


def _countries(model: Any) -> Filter:
    visible = visible_parties if model is Party else visible_places
    used = [row.country for row in seen(visible, model.select(model.country).distinct().order_by(model.country))]
    known = codes.countries()
    return Filter(
        "country", N_("Country"), [(code, codes.label(known[code])) for code in used if code in known],
        lambda query, chosen: query.where(model.country == chosen),
    )  # fmt: skip


@blueprint.route("/parties/new", methods=["GET", "POST"])
@needs("master_data.write")
@taken_once
def party_new() -> Any:
    return _edit(PARTY, Party())


@blueprint.route("/parties/<code>", methods=["GET", "POST"])
@needs("master_data.read", post="master_data.write")
def party_edit(code: str) -> Any:
    return _edit(PARTY, PARTY.find(code))


# ---- places


@blueprint.get("/places")
@needs("master_data.read")
def place_list() -> Any:
    columns = [
        Column("code", N_("Code"), lambda row: row.code, Place.code, PLACE.url),
        Column("name_en", N_("Name, English"), lambda row: row.name_en, Place.name_en),
        Column("name_zh", N_("Name, Chinese"), lambda row: row.name_zh, Place.name_zh),
        Column("party", N_("Partner"), lambda row: name_of(row.party), Party.code, lambda row: PARTY.url(row.party)),
        Column("country", N_("Country"), lambda row: row.country, Place.country),
        Column("timezone", N_("Time zone"), lambda row: row.timezone, Place.timezone),
        Column(
            "return_address",
            N_("Boxes return here"),
            lambda row: gettext("yes") if row.return_address else "",
            Place.return_address,
        ),
    ]
    query = Place.select(Place, Party).join(Party)
    search = [Place.code, Place.name_en, Place.name_zh, Place.address_en, Party.code, Party.name_en, Party.name_zh]
    return _list(PLACE, query, columns, [_countries(Place)], search)


@blueprint.route("/places/new", methods=["GET", "POST"])
@needs("master_data.write")
@taken_once
def place_new() -> Any:
    return _edit(PLACE, Place())


@blueprint.route("/places/<code>", methods=["GET", "POST"])
@needs("master_data.read", post="master_data.write")
def place_edit(code: str) -> Any:
    return _edit(PLACE, PLACE.find(code))


# ---- products


@blueprint.get("/products")
@needs("master_data.read")
def product_list() -> Any:
    columns = [
        Column("part_no", N_("Part no."), lambda row: row.part_no, Product.part_no, PRODUCT.url),
        Column(
            "customer_part_no", N_("Customer's part no."), lambda row: row.customer_part_no, Product.customer_part_no
        ),
        Column("description_en", N_("Description, English"), lambda row: row.description_en, Product.description_en),
        Column("description_zh", N_("Description, Chinese"), lambda row: row.description_zh, Product.description_zh),
        Column("hs_code", N_("HS code"), lambda row: row.hs_code, Product.hs_code),
        Column("unit", N_("Unit"), lambda row: row.unit, Product.unit),
        Column(
            "net_mass", N_("Net mass, kg"), lambda row: row.net_mass, Product.net_mass.cast("NUMERIC"), numeric=True
        ),
        Column("origin", N_("Origin"), lambda row: row.origin, Product.origin),
    ]
    search = [
        Product.part_no,
        Product.customer_part_no,
        Product.description_en,
        Product.description_zh,
        Product.hs_code,
    ]
    return _list(PRODUCT, Product.select(), columns, [], search)


@blueprint.route("/products/new", methods=["GET", "POST"])
@needs("master_data.write")
@taken_once
def product_new() -> Any:
    return _edit(PRODUCT, Product())


@blueprint.route("/products/<path:part_no>", methods=["GET", "POST"])
@needs("master_data.read", post="master_data.write")
def product_edit(part_no: str) -> Any:
    return _edit(PRODUCT, PRODUCT.find(part_no))


# ---- box types


@blueprint.get("/asset-types")
@needs("master_data.read")
def asset_type_list() -> Any:
    columns = [
        Column("code", N_("Code"), lambda row: row.code, AssetType.code, ASSET_TYPE.url),
        Column("name_en", N_("Name, English"), lambda row: row.name_en, AssetType.name_en),
        Column("name_zh", N_("Name, Chinese"), lambda row: row.name_zh, AssetType.name_zh),
        Column("size", N_("Outer size, mm"), lambda row: f"{row.length_mm} × {row.width_mm} × {row.height_mm}"),
        Column("tare", N_("Tare, kg"), lambda row: row.tare, AssetType.tare.cast("NUMERIC"), numeric=True),
        Column("payload", N_("Payload, kg"), lambda row: row.payload, AssetType.payload.cast("NUMERIC"), numeric=True),
        Column("package_code", N_("Package"), lambda row: row.package_code, AssetType.package_code),
        Column("grai", N_("GRAI"), lambda row: grai(row.gs1_company_prefix, row.gs1_asset_type)),
        Column(
            "agreed_days_out",
            N_("Agreed days out"),
            lambda row: row.agreed_days_out or None,
            AssetType.agreed_days_out,
            numeric=True,
        ),
    ]
    counted = Filter(
        "counted", N_("Followed"), [("0", N_("one by one")), ("1", N_("by count"))],
        lambda query, chosen: query.where(AssetType.counted == (chosen == "1")),
    )  # fmt: skip
    return _list(
        ASSET_TYPE, AssetType.select(), columns, [counted], [AssetType.code, AssetType.name_en, AssetType.name_zh]
    )


@blueprint.route("/asset-types/new", methods=["GET", "POST"])
@needs("master_data.write")
@taken_once
def asset_type_new() -> Any:
    return _edit(ASSET_TYPE, AssetType())


@blueprint.route("/asset-types/<code>", methods=["GET", "POST"])
@needs("master_data.read", post="master_data.write")
def asset_type_edit(code: str) -> Any:
    return _edit(ASSET_TYPE, ASSET_TYPE.find(code))
