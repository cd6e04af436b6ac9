"""Where the QR codes lead. Whoever finds a box learns whose it is and where it belongs, and nothing else."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, redirect, render_template, url_for
from flask_security import current_user
from werkzeug.wrappers import Response

from accounts.access import needs, public
from accounts.scope import seen
from accounts.throttle import open_label
from assets.finding import find_box
from assets.return_to import return_place
from assets.scanned_text import ScannedCode, read_scanned_text
from assets.visible import box_is_seen
from i18n import language
from master_data.codes import countries
from shipments.models import Shipment
from shipments.visible import visible_shipments

blueprint = Blueprint("public", __name__)


# A serial may hold a '/', which comes percent-encoded and is decoded before we see it: hence `path`.
@blueprint.get("/8003/<path:grai>")
@public
def grai_label(grai: str) -> Any:
    """A GS1 Digital Link of a GRAI: 14 digits and the serial."""
    return _answer(read_scanned_text(f"8003{grai}", ()))


# The whole link may have been printed in capitals, which makes the QR code smaller.
@blueprint.get("/a/<code>")
@blueprint.get("/A/<code>")
@public
def code_label(code: str) -> Any:
    """Our own short link, of a box whose type has no GS1 prefix."""
    return _answer(ScannedCode("code", code.upper(), code))


@blueprint.get("/s/<number>")
@blueprint.get("/S/<number>")
@needs("shipments.read")
def shipment(number: str) -> Response:
    """The QR code on a packing list: the shipment, for people who may see it."""
    row = _numbered(number.upper()) or _numbered(number) or abort(404)
    return redirect(url_for("docs_gen.shipment_page", number=row.number))


def _numbered(number: str) -> Shipment | None:
    return seen(visible_shipments, Shipment.select().where(Shipment.number == number)).first()  # type: ignore[no-any-return]


def _answer(code: ScannedCode) -> Any:
    """The box's own page for our people; for anybody else whose box it is. What was asked for is not repeated."""
    if not current_user.is_authenticated:
        open_label()
    asset, _ = find_box(code)
    if asset is None:
        return render_template("assets/public.html", asset=None), 404
    if current_user.is_authenticated and box_is_seen(asset):
        return redirect(url_for("assets.asset_page", code=asset.code))
    place = return_place(asset)
    country = countries()[(place or asset.owner).country].name(language())
    return render_template("assets/public.html", asset=asset, place=place, country=country)
