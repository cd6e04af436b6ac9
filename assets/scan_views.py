"""The page for handhelds: choose dispatch or return, take up the shipment, scan box after box.

The page holds no rules: `static/js/scan.js` keeps each scan, sends it to the API and shows the answer.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, url_for
from flask_security import current_user

from accounts.access import signed_in
from i18n import name_of
from master_data.models import AssetType, Party, Place
from shipments.models import Shipment

blueprint = Blueprint("scan", __name__)

#: As many open shipments as a person would read through; any other one is taken up by its QR code or its number.
_SHIPMENTS_SHOWN = 50


@blueprint.get("/scan")
@signed_in
def start() -> str:
    """The scan page, with all that it needs to go on without a network."""
    return render_template(
        "assets/scan.html",
        places=_places(),
        shipments=_open_shipments(),
        type_names=_type_names(),
        settings=_settings(),
    )


def _places() -> list[Place]:
    """Read points, our own ones first: that is where boxes leave and come home."""
    return list(Place.select(Place, Party).join(Party).where(~Place.archived).order_by(Party.own.desc(), Place.code))


def _open_shipments() -> list[dict[str, str]]:
    """Shipments that have not left yet, the next to leave first."""
    query = (
        Shipment.select(Shipment, Party)
        .join(Party, on=(Shipment.consignee == Party.id))
        .where(Shipment.state == "open")
        .order_by(Shipment.departure_date.is_null(), Shipment.departure_date, Shipment.number)
        .limit(_SHIPMENTS_SHOWN)
    )
    return [
        {
            "number": row.number,
            "consignee": name_of(row.consignee),
            "departure": row.departure_date.isoformat() if row.departure_date else "",
        }
        for row in query
    ]


def _type_names() -> dict[str, str]:
    return {row.code: name_of(row) for row in AssetType.select().where(~AssetType.counted)}


def _settings() -> dict[str, Any]:
    """Addresses for the script; NUMBER stands for a shipment's number."""
    return {
        "user": current_user.username,
        "page": url_for("scan.start"),
        "login": url_for("security.login", next=url_for("scan.start")),
        "events": url_for("assets_api.post_scan_events"),
        "resolve": url_for("assets_api.get_resolve"),
        "expected": url_for("assets_api.get_expected", number="NUMBER"),
        "shipment": url_for("docs_gen.shipment_page", number="NUMBER"),
    }
