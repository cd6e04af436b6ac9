"""Pages for the look and the words of papers: companies with logo, colour and seals; blocks of wording."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from peewee import JOIN, fn
from wtforms import BooleanField, SelectField, SelectMultipleField, StringField
from wtforms.validators import Length

import archive
from accounts.access import may, needs
from accounts.models import User
from accounts.once import taken_once
from accounts.scope import seen
from config import Settings
from database import tuples, utc_now
from docs_gen import looks
from docs_gen.models import IssuedDocument, Seal, SealUse, SellerLook, Wording
from docs_gen.register import named, types
from docs_gen.visible import visible_seals, visible_wordings
from errors import N_, InvalidInput
from form_fields import TextField
from i18n import language, name_of, translated
from listing import Column, Filter, answer, attachment
from master_data import codes
from master_data.forms import Needed, TextArea
from master_data.models import Party
from master_data.saving import set_archived
from master_data.visible import visible_parties

blueprint = Blueprint("looks", __name__)

LANGUAGES = {"en": N_("English"), "zh": N_("Chinese")}


# ---- companies


class LookForm(FlaskForm):
    colour = StringField(
        lazy_gettext("Colour"),
        description=lazy_gettext("Of titles and lines, like #1a4f8b. It must be dark enough on white. Empty: black."),
    )
    logo = FileField(
        lazy_gettext("Logo"),
        description=lazy_gettext("PNG or JPEG, at most 2 MB and 4,000 pixels; printed up to 45 × 14 mm."),
    )
    remove = BooleanField(lazy_gettext("Take the logo away"))


@blueprint.get("/looks")
@needs("papers.read")
def look_list() -> str:
    """Our companies and how their papers look."""
    rows = (
        Party.select(Party, SellerLook)
        .join(SellerLook, JOIN.LEFT_OUTER, on=(SellerLook.seller == Party.id), attr="seen")
        .where(Party.own, ~Party.archived).order_by(Party.code)
    )  # fmt: skip
    rows = seen(visible_parties, rows)
    seals = Seal.select(Seal.seller, fn.COUNT(Seal.id)).where(~Seal.archived).group_by(Seal.seller)
    counts: dict[int, int] = dict(tuples(seals))
    return render_template("docs_gen/looks.html", rows=list(rows), counts=counts)


@blueprint.route("/looks/<code>", methods=["GET", "POST"])
@needs("settings.write")
def look_edit(code: str) -> Any:
    seller = _company(code)
    look = SellerLook.get_or_none(SellerLook.seller == seller)
    form = LookForm(data={"colour": look.colour if look else ""})
    status = 200
    if form.validate_on_submit():
        try:
            looks.save_look(
                seller, form.colour.data or "", _file(form.logo), not form.remove.data, utc_now(),
                _settings().pictures_dir,
            )  # fmt: skip
            flash(_("Saved."))
            return redirect(url_for("looks.look_edit", code=code))
        except InvalidInput as fault:
            _complain(form, fault)
            status = 422
    seals = Seal.select().where(Seal.seller == seller).order_by(Seal.archived, Seal.id)
    return render_template("docs_gen/look.html", seller=seller, look=look, form=form, seals=list(seals),
                           kinds=looks.SEAL_KINDS), status  # fmt: skip


@blueprint.get("/looks/<code>/logo.png")
@needs("papers.read")
def logo(code: str) -> Response:
    look = SellerLook.get_or_none(SellerLook.seller == _company(code))
    return _picture(look.logo if look else "")


# ---- seals


class SealForm(FlaskForm):
    name = TextField(
        lazy_gettext("Name"), [Needed(), Length(max=64)],
        description=lazy_gettext("As people call it: 公章, 合同专用章, signature of Wang Li."),
    )  # fmt: skip
    kind = SelectField(lazy_gettext("Kind"))
    types = SelectMultipleField(
        lazy_gettext("Papers that it may stand on"),
        description=lazy_gettext("None chosen: every paper that has a place for it. Ctrl and click to choose several."),
    )
    file = FileField(
        lazy_gettext("Picture"),
        description=lazy_gettext("PNG with a transparent background, at most 2 MB and 4,000 pixels; a stamp is printed "
                                 "up to 43 mm wide, a signature up to 41 × 21 mm."),
    )  # fmt: skip

    def __init__(self, seal: Seal | None) -> None:
        stored = {"name": seal.name, "kind": seal.kind, "types": seal.types.split()} if seal else None
        super().__init__(data=stored)
        self.kind.choices = [(code, translated(title)) for code, title in looks.SEAL_KINDS.items()]
        self.types.choices = [(code, translated(type.title)) for code, type in types().items() if type.seal_kinds]
        if seal:  # a paper of a pack that is not in use now stays chosen
            known = {code for code, _title in self.types.choices}
            self.types.choices += [(code, code) for code in seal.types.split() if code not in known]


@blueprint.route("/looks/<code>/seals/new", methods=["GET", "POST"])
@needs("settings.write")
@taken_once
def seal_new(code: str) -> Any:
    return _seal(_company(code), None)


@blueprint.route("/seals/<int(max=2147483647):id>", methods=["GET", "POST"])
@needs("settings.write")
def seal_edit(id: int) -> Any:
    seal = _stored_seal(id)
    return _seal(seal.seller, seal)


@blueprint.post("/seals/<int(max=2147483647):id>/archive")
@needs("settings.write")
def seal_archive(id: int) -> Any:
    """`archived`: 1, or 0 to use it again. The form says which, so that pressed twice it is done once."""
    seal, archived = _stored_seal(id), request.form.get("archived", "1") == "1"
    set_archived(seal, archived, utc_now())
    flash(_("Archived: it is offered no more, and stays where it is named.") if archived else _("In use again."))
    return redirect(url_for("looks.seal_edit", id=id))


@blueprint.get("/seals/<int(max=2147483647):id>.png")
@needs("settings.write")
def seal_picture(id: int) -> Response:
    seal = _stored_seal(id)
    return _picture(seal.sha256)


def _seal(seller: Party, seal: Seal | None) -> Any:
    form = SealForm(seal)
    status = 200
    if form.is_submitted():
        status = 422
        if form.validate():
            values = {"seller": seller, "name": form.name.data, "kind": form.kind.data,
                      "types": " ".join(form.types.data or [])}  # fmt: skip
            made = seal or Seal()
            try:
                looks.save_seal(made, values, _file(form.file), utc_now(), _settings().pictures_dir)
                flash(_("Saved."))
                return redirect(url_for("looks.seal_edit", id=made.id))
            except InvalidInput as fault:
                _complain(form, fault)
    uses = (
        SealUse.select(SealUse, IssuedDocument, User).join(IssuedDocument).switch(SealUse)
        .join(User, JOIN.LEFT_OUTER).where(SealUse.seal == seal).order_by(SealUse.id.desc()).limit(200)
        if seal else []
    )  # fmt: skip
    return render_template("docs_gen/seal.html", seller=seller, seal=seal, form=form, uses=list(uses)), status


# ---- wordings


class WordingForm(FlaskForm):
    slot = SelectField(lazy_gettext("Place"))
    type = SelectField(lazy_gettext("Paper"))
    seller = SelectField(lazy_gettext("Our company"))
    customer = SelectField(lazy_gettext("Customer"))
    destination = SelectField(lazy_gettext("Destination"))
    language = SelectField(lazy_gettext("Language"))
    text = TextArea(
        lazy_gettext("Text"), [Needed(), Length(max=looks.MAX_TEXT)],
        description=lazy_gettext("Printed as it stands here, line by line."),
    )  # fmt: skip

    def __init__(self, wording: Wording | None) -> None:
        stored = None
        if wording:
            stored = {
                "slot": wording.slot, "type": wording.type, "language": wording.language, "text": wording.text,
                "seller": wording.seller.code if wording.seller else "",
                "customer": wording.customer.code if wording.customer else "", "destination": wording.destination,
            }  # fmt: skip
        super().__init__(data=stored)
        parties = list(seen(visible_parties, Party.select().where(~Party.archived).order_by(Party.code)))
        self.slot.choices = [(code, f"{code} · {translated(title)}") for code, title in looks.SLOTS.items()]
        known = {code: translated(type.title) for code, type in types().items()}
        self.type.choices = [("", _("every paper")), *known.items()]
        self.seller.choices = [("", _("every company")), *_named(row for row in parties if row.own)]
        self.customer.choices = [("", _("every customer")), *_named(row for row in parties if not row.own)]
        countries = ((code, f"{code} · {one.name(language())}") for code, one in codes.countries().items())
        self.destination.choices = [("", _("every country")), ("EU", _("EU · European Union")), *countries]
        self.language.choices = [(code, translated(title)) for code, title in LANGUAGES.items()]
        for field in (self.type, self.seller, self.customer):  # what was put away since stays chosen
            if stored and stored[field.name] not in [value for value, _title in field.choices]:
                field.choices.append((stored[field.name], stored[field.name]))

    def values(self) -> dict[str, Any]:
        """What was chosen, parties as rows."""
        found = {name: self[name].data for name in ("slot", "type", "destination", "language", "text")}
        for name in ("seller", "customer"):
            found[name] = Party.get(Party.code == self[name].data) if self[name].data else None
        return found


_seller, _customer = Party.alias(), Party.alias()
_COLUMNS = (
    Column("slot", N_("Place"), lambda row: row.slot, Wording.slot, lambda row: _wording_url(row)),
    Column("type", N_("Paper"), lambda row: _paper(row.type), Wording.type),
    Column("seller", N_("Our company"), lambda row: name_of(row.seller) if row.seller else _("every company"),
           _seller.code),
    Column("customer", N_("Customer"), lambda row: name_of(row.customer) if row.customer else _("every customer"),
           _customer.code),
    Column("destination", N_("Destination"), lambda row: row.destination or _("every country"), Wording.destination),
    Column("language", N_("Language"), lambda row: translated(LANGUAGES[row.language]), Wording.language),
    Column("text", N_("Text"), lambda row: row.text, html=lambda row: _short(row.text)),
    Column("state", N_("State"), lambda row: _("archived") if row.archived else "", Wording.archived),
)  # fmt: skip
_FILTERS = (
    Filter("slot", N_("Place"), [(code, code) for code in looks.SLOTS],
           lambda query, chosen: query.where(Wording.slot == chosen)),
    Filter("state", N_("State"), [("used", N_("in use")), ("archived", N_("archived"))],
           lambda query, chosen: query.where(Wording.archived == (chosen == "archived"))),
)  # fmt: skip


@blueprint.get("/wordings")
@needs("papers.read")
def wording_list() -> Any:
    wordings = (
        Wording.select(Wording, _seller, _customer)
        .join_from(Wording, _seller, JOIN.LEFT_OUTER, on=Wording.seller)
        .join_from(Wording, _customer, JOIN.LEFT_OUTER, on=Wording.customer)
    )
    return answer(
        seen(visible_wordings, wordings), _COLUMNS,
        template="docs_gen/wordings.html", name="wordings", sort="slot", filters=_FILTERS,
        search=(Wording.text, Wording.slot, _customer.code, _customer.name_en, _customer.name_zh),
    )  # fmt: skip


@blueprint.route("/wordings/new", methods=["GET", "POST"])
@needs("settings.write")
@taken_once
def wording_new() -> Any:
    return _wording(None)


@blueprint.route("/wordings/<int(max=2147483647):id>", methods=["GET", "POST"])
@needs("settings.write")
def wording_edit(id: int) -> Any:
    return _wording(_stored_wording(id))


@blueprint.post("/wordings/<int(max=2147483647):id>/archive")
@needs("settings.write")
def wording_archive(id: int) -> Any:
    """`archived`: 1, or 0 to use it again."""
    wording, archived = _stored_wording(id), request.form.get("archived", "1") == "1"
    if archived:
        set_archived(wording, True, utc_now())
    elif wording.archived:  # taken up again it is judged like a new one: another may have its place by now
        values = {
            name: getattr(wording, name)
            for name in ("slot", "type", "destination", "language", "text", "seller", "customer")
        }
        looks.save_wording(wording, {**values, "archived": False}, utc_now())
    flash(_("Archived: papers do not print it any more.") if archived else _("In use again."))
    return redirect(url_for("looks.wording_edit", id=id))


def _wording(wording: Wording | None) -> Any:
    form = WordingForm(wording)
    status = 200
    if form.is_submitted():
        status = 422
        if form.validate():
            made = wording or Wording()
            try:
                looks.save_wording(made, form.values(), utc_now())
                flash(_("Saved."))
                return redirect(url_for("looks.wording_edit", id=made.id))
            except InvalidInput as fault:
                _complain(form, fault)
    return render_template("docs_gen/wording.html", wording=wording, form=form), status


# ---- shared


def _stored_seal(id: int) -> Seal:
    return seen(visible_seals, Seal.select().where(Seal.id == id)).first() or abort(404)


def _stored_wording(id: int) -> Wording:
    return seen(visible_wordings, Wording.select().where(Wording.id == id)).first() or abort(404)


def _company(code: str) -> Party:
    """One of our own companies."""
    own = Party.select().where(Party.code == code, Party.own)
    found: Party = seen(visible_parties, own).first() or abort(404)
    return found


def _named(rows: Any) -> list[tuple[str, str]]:
    return [(row.code, f"{row.code} · {name_of(row)}") for row in rows]


def _paper(code: str) -> str:
    kind = named(code) if code else None
    return translated(kind.title) if kind else code or _("every paper")


def _short(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:99]}…"


def _wording_url(wording: Wording) -> str:
    return url_for("looks.wording_edit", id=wording.id) if may("settings.write") else ""


def _file(field: FileField) -> bytes:
    """What was uploaded; a byte more than is allowed is enough to know that it is too much."""
    return field.data.read(looks.MAX_BYTES + 1) if field.data else b""


def _complain(form: FlaskForm, fault: InvalidInput) -> None:
    form[fault.field].errors = [translated(fault)]


def _picture(sha256: str) -> Response:
    if not sha256:
        abort(404)
    return attachment(
        archive.read(_settings().pictures_dir, sha256, suffix=".png"), f"{sha256[:8]}.png", "image/png", inline=True
    )


def _settings() -> Settings:
    settings: Settings = current_app.config["ROUNDTRIP"]
    return settings
