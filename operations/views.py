"""For those who run the service: is it alive, is it well, how much does it do."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from flask import Blueprint, Response, abort, current_app, jsonify, request

import metrics
from accounts.access import may, public
from config import Settings
from database import db
from operations.health import findings, gauges

blueprint = Blueprint("operations", __name__)

_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")


@blueprint.get("/healthz")
@public
def healthz() -> Any:
    """`ok`: the process answers and the database does. `?full`: every check, as JSON, 503 when one finds a fault; for
    who holds `operations.read`, and for this machine itself."""
    if "full" not in request.args:
        db.execute_sql("SELECT 1")
        return "ok", 200
    _for_operators()
    found = findings(_settings())
    faults = {name: one.fault for name, one in found.items() if one.fault}
    answer = jsonify(
        status="fault" if faults else "ok",
        faults=faults,
        checks={name: one.told for name, one in found.items()},
    )
    return answer, 503 if faults else 200


@blueprint.get("/metrics")
@public
def metrics_page() -> Response:
    """Figures in the text format of Prometheus, for the same people."""
    _for_operators()
    return Response(metrics.text(gauges(_settings())), mimetype="text/plain")


def _for_operators() -> None:
    if not (may("operations.read") or _asked_by_this_machine()):
        abort(403)


def _asked_by_this_machine() -> bool:
    """Whether who asks sits at this machine. Behind a proxy on the same machine everybody seems to; so it must be told
    of (ROUNDTRIP_PROXY_HOPS), or the address of the service must not be https, which only a proxy can serve."""
    settings = _settings()
    if not settings.proxy_hops and (
        settings.base_url.startswith("https://") or any(name in request.headers for name in _FORWARDED)
    ):
        return False
    try:
        return ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


def _settings() -> Settings:
    settings: Settings = current_app.config["ROUNDTRIP"]
    return settings
