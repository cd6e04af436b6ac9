"""Pages of template packs: take one, look at its papers, put it into use, turn back. For administrators."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_security import current_user

from accounts.access import needs
from accounts.models import User
from config import Settings
from database import utc_now
from docs_gen import packs
from docs_gen.models import TemplatePack
from docs_gen.pack_files import Pack
from docs_gen.register import REGISTER, pack_of
from docs_gen.render import RenderError
from docs_gen.turns import prints
from errors import N_, Refused, UserError
from listing import attachment
from pack_reader import MAX_BYTES

blueprint = Blueprint("packs", __name__)


@blueprint.route("/packs", methods=["GET", "POST"])
@needs("settings.write")
def pack_list() -> Any:
    """All packs with their versions, and the form that takes one: the field `file`, a ZIP."""
    fault: UserError | None = None
    if request.method == "POST":
        upload = request.files.get("file")
        data = upload.read(MAX_BYTES + 1) if upload else b""
        try:
            row = packs.take(data, User.get_by_id(current_user.id), utc_now(), _settings().packs_dir)
            flash(_("Taken: every sample came out. Look at its papers, then put it into use."), "success")
            return redirect(url_for("packs.pack_page", id=row.id))
        except UserError as error:
            fault = error
    rows = TemplatePack.select(TemplatePack).order_by(TemplatePack.name, TemplatePack.version.desc())
    return render_template("docs_gen/packs.html", rows=list(rows), fault=fault), (422 if fault else 200)


@blueprint.get("/packs/<int(max=2147483647):id>")
@needs("settings.write")
def pack_page(id: int) -> str:
    row = _row(id)
    pack: Pack | None = None
    fault: UserError | None = None
    try:
        pack = pack_of(row)
    except UserError as error:  # its file is lost, or does not fit to this version of Roundtrip
        fault = error
    versions = TemplatePack.select().where(TemplatePack.name == row.name).order_by(TemplatePack.version.desc())
    return render_template(
        "docs_gen/pack.html", row=row, pack=pack, fault=fault, versions=list(versions), ours=REGISTER
    )


@blueprint.get("/packs/<int(max=2147483647):id>/<code>.pdf")
@needs("settings.write")
@prints
def pack_sample(id: int, code: str) -> Response:
    """The usual sample as this version prints it."""
    row = _row(id)
    try:
        paper = packs.sample_paper(row, code)
    except KeyError:
        abort(404)
    except RenderError as error:
        raise Refused(
            "not_rendered", N_("%(paper)s could not be rendered: %(fault)s"), paper=code, fault=packs.fault_of(error)
        ) from error
    return attachment(paper.data, f"{row.name} {row.version} {code}.pdf", "application/pdf", inline=True)


@blueprint.post("/packs/<int(max=2147483647):id>/use")
@needs("settings.write")
def pack_use(id: int) -> Any:
    """Put this version into use, also an older one: that is how one turns back."""
    row = _row(id)
    packs.use(row)
    flash(_("%(name)s, version %(version)s, is in use.", name=row.name, version=row.version), "success")
    return redirect(url_for("packs.pack_page", id=id))


@blueprint.post("/packs/<int(max=2147483647):id>/put-aside")
@needs("settings.write")
def pack_put_aside(id: int) -> Any:
    row = _row(id)
    packs.put_aside(row)
    flash(_("%(name)s is not in use any more; papers that it printed stay as they are.", name=row.name), "success")
    return redirect(url_for("packs.pack_page", id=id))


def _row(id: int) -> TemplatePack:
    row: TemplatePack = TemplatePack.get_or_none(TemplatePack.id == id) or abort(404)
    return row


def _settings() -> Settings:
    settings: Settings = current_app.config["ROUNDTRIP"]
    return settings
