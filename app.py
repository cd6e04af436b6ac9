"""Roundtrip: papers out, boxes home. The map of the service; no rules here."""

from __future__ import annotations

import gc
import logging
import secrets
import sys
import time
from collections.abc import Mapping
from typing import Any

# What is imported stays; the collector would look through it for a tenth of the time of a start.
gc.disable()
# For signing in elsewhere Flask-Security imports Authlib, and with it all that speaks HTTP, wherever they are
# installed: a tenth, too. `accounts.provider` brings them when the settings name a provider.
sys.modules.setdefault("authlib.integrations", None)  # type: ignore[arg-type]

from flask import Flask, Request, Response, abort, current_app, g, jsonify, render_template, request
from flask_security import current_user
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.utils import cached_property
from werkzeug.wsgi import LimitedStream

import commands
from accounts.access import init_access, wants_json
from accounts.audit import init_audit
from accounts.login import init_login
from accounts.oidc import init_oidc
from accounts.views import blueprint as accounts_pages
from alerts.views import blueprint as alert_pages
from assets.agreement_views import blueprint as agreement_pages
from assets.api import blueprint as assets_api
from assets.box_views import blueprint as assets_pages
from assets.device_api import blueprint as device_api
from assets.device_views import blueprint as device_pages
from assets.epcis_views import blueprint as epcis_pages
from assets.exception_views import blueprint as exception_pages
from assets.flow_views import blueprint as flow_pages
from assets.load_views import blueprint as load_pages
from assets.pool_views import blueprint as pool_pages
from assets.public_views import blueprint as public_pages
from assets.scan_views import blueprint as scan_pages
from config import Settings, SettingsFault, load_settings
from customs.views import blueprint as customs_pages
from database import db, drop_connection, end_of_request, open_database, unavailable
from docs_gen.credit_views import blueprint as credit_pages
from docs_gen.label_views import blueprint as label_pages
from docs_gen.look_views import blueprint as look_pages
from docs_gen.pack_views import blueprint as pack_pages
from docs_gen.profile_views import blueprint as profile_pages
from docs_gen.register import open_packs
from docs_gen.verify_views import blueprint as verify_pages
from docs_gen.views import blueprint as docs_pages
from errors import N_, InvalidInput, Refused, UserError
from foresight.views import blueprint as foresight_pages
from i18n import init_i18n, translated
from jobs.views import blueprint as job_pages
from logs import init_logs
from master_data.home import instant_at_home
from master_data.views import blueprint as master_data_pages
from operations.views import blueprint as operations_pages
from people.audit_views import blueprint as audit_pages
from people.views import blueprint as people_pages
from shipments.views import blueprint as shipments_pages
from statements.own_views import blueprint as own_statement_pages
from statements.reply_views import blueprint as reply_pages
from statements.views import blueprint as statement_pages
from static_files import init_static
from today.views import blueprint as today_pages

gc.freeze()
gc.enable()
if sys.modules["authlib.integrations"] is None:
    del sys.modules["authlib.integrations"]

log = logging.getLogger("roundtrip")

_HTTP_TEXTS = {
    "csrf": N_("This page was open for too long or was not sent by you. Go back, reload it and send it again."),
    "http_400": N_("This was not understood. Go back and send it again."),
    "http_401": N_("Please sign in."),
    "http_403": N_("You have no right to this."),
    "http_404": N_("There is no such page."),
    "http_405": N_("This cannot be done here."),
    "http_408": N_("What was sent came too slowly. Send it again when the network is better."),
    "http_413": N_("What was sent is larger than 12 MB or has too many fields. Send less at a time."),
    "http_500": N_("Something went wrong on our side. It is in the log; tell the administrator the reference below."),
}


class _WholeOrNone(LimitedStream):
    """A body whose length nobody has told. Werkzeug cuts it at the limit and gives what it has as if that were all."""

    def readall(self) -> bytes:
        data = super().readall()
        if self.is_exhausted and self._stream.read(1):
            self.on_exhausted()
        return data


class _Request(Request):
    @cached_property
    def stream(self) -> Any:
        """The body, with its limit; 413 beyond it also for chunks without end."""
        found = super().stream
        if self.content_length is None and isinstance(found, LimitedStream):
            return _WholeOrNone(self.environ["wsgi.input"], found.limit, is_max=True)
        return found


def create_app(overrides: Mapping[str, Any] | None = None) -> Flask:
    """The application. `overrides` (tests): `ROUNDTRIP` (Settings) and any Flask setting."""
    overrides = dict(overrides or {})
    try:
        settings: Settings = overrides.pop("ROUNDTRIP", None) or load_settings()
    except SettingsFault as fault:
        sys.exit(f"Settings that cannot be taken:\n{fault}")  # for the person at the terminal: no traceback
    app = Flask(__name__)
    app.request_class = _Request
    app.config.update(
        ROUNDTRIP=settings,
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=12 * 1024 * 1024,  # above the 10 MB of an upload: that is told at its field
        MAX_FORM_MEMORY_SIZE=2 * 1024 * 1024,
        MAX_FORM_PARTS=12_000,  # the largest shipment that its form allows: 1,000 lines and 500 packages
    )
    app.config.update(overrides)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    if settings.proxy_hops:  # what stands in a header of the request is believed from no one else
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.proxy_hops, x_proto=settings.proxy_hops)  # type: ignore[method-assign]
    open_database(settings.database_url)
    open_packs(settings.packs_dir)
    app.before_request(_begin)
    app.before_request(_connect)
    app.teardown_appcontext(_disconnect)
    init_login(app)
    init_oidc(app)
    init_access(app)
    init_audit(app)
    init_i18n(app)
    app.jinja_env.filters["instant"] = instant_at_home
    for blueprint in (
        today_pages,
        accounts_pages,
        master_data_pages,
        job_pages,
        shipments_pages,
        assets_pages,
        pool_pages,
        load_pages,
        exception_pages,
        flow_pages,
        assets_api,
        epcis_pages,
        device_api,
        device_pages,
        scan_pages,
        public_pages,
        foresight_pages,
        docs_pages,
        label_pages,
        credit_pages,
        verify_pages,
        look_pages,
        pack_pages,
        profile_pages,
        agreement_pages,
        statement_pages,
        reply_pages,
        customs_pages,
        alert_pages,
        own_statement_pages,
        people_pages,
        audit_pages,
        operations_pages,
    ):
        app.register_blueprint(blueprint)
    for error in (UserError, HTTPException, Exception):
        app.register_error_handler(error, _answer_error)
    init_static(app)
    init_logs(app)
    app.after_request(_headers)
    commands.init_commands(app)
    return app


def _begin() -> None:
    g.begun = time.monotonic()
    g.request_id = secrets.token_hex(8)  # in the log, in the audit, and on the page of an error
    if request.mimetype == "application/x-www-form-urlencoded":
        # Werkzeug limits the fields of multipart forms only; of these, 12 MB would be six million.
        request.max_content_length = current_app.config["MAX_FORM_MEMORY_SIZE"]
        if request.get_data(cache=True).count(b"&") >= current_app.config["MAX_FORM_PARTS"]:
            abort(413)


def _connect() -> None:
    if "\0" in request.path:
        abort(404)  # no name of ours holds a NUL, and PostgreSQL does not even take the question
    if request.endpoint != "static":
        db.connect(reuse_if_open=True)


def _disconnect(_: BaseException | None) -> None:
    if db.obj is not None and db.transaction_depth() == 0:
        end_of_request()


_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'self'"
)
#: What no page of ours uses. The scan page has the camera.
_NOT_USED = (
    "accelerometer",
    "camera",
    "display-capture",
    "geolocation",
    "gyroscope",
    "microphone",
    "midi",
    "payment",
    "usb",
)
_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Content-Security-Policy", _POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
_NOTHING_ALLOWED = ", ".join(f"{name}=()" for name in _NOT_USED)
_CAMERA_ALLOWED = _NOTHING_ALLOWED.replace("camera=()", "camera=(self)")


def _headers(response: Response) -> Response:
    headers = response.headers
    has = {name.lower() for name in headers.keys()}  # noqa: SIM118
    for name, value in _HEADERS:
        if name.lower() not in has:
            headers.add(name, value)
    headers["Permissions-Policy"] = _CAMERA_ALLOWED if request.blueprint == "scan" else _NOTHING_ALLOWED
    if current_app.config["ROUNDTRIP"].secure:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    if (request.endpoint or "").startswith("security."):
        headers["Cache-Control"] = "no-store"  # the library's own "no-store=True" is a word that no browser knows
    elif request.endpoint != "static":
        headers.setdefault("Cache-Control", "no-store")
    return response


def _forget_who_asks() -> None:
    """Where even that cannot be read, the answer is for nobody in particular; it would be none at all otherwise."""
    try:
        _ = current_user.is_authenticated
    except Exception:
        g._login_user = current_app.login_manager.anonymous_user()  # type: ignore[attr-defined]


def _answer_error(error: Exception) -> Any:
    """One answer for every error, in HTML or JSON by what was asked; a traceback only ever goes to the log."""
    answer: dict[str, Any]
    error = getattr(error, "original_exception", None) or error  # what happened behind the answer, in a hook
    fault = unavailable(error)
    if fault is not None:
        # The traceback tells which write it was; a database that is busy is no fault of the program.
        told = fault.reason not in ("busy", "no_files")
        route = request.url_rule or "no route"  # never the address: there are some that are secrets
        log.error("%s %s: %s", request.method, route, fault.reason, exc_info=told)
        drop_connection(fault)
        _forget_who_asks()
        error = fault
    if isinstance(error, UserError):
        status, answer = error.status, {"text": translated(error)}
        if isinstance(error, Refused):
            answer["reason"] = error.reason
        if isinstance(error, InvalidInput):
            answer["field"] = error.field
    elif isinstance(error, HTTPException):
        status = error.code or 500
        reason = "csrf" if isinstance(error, CSRFError) else f"http_{status}"
        answer = {"text": translated(_HTTP_TEXTS.get(reason, error.name)), "reason": reason}
        if error.response is not None:
            return error.response, error.response.status_code
    else:
        log.exception("%s %s failed", request.method, request.url_rule or "?")
        status, answer = 500, {"text": translated(_HTTP_TEXTS["http_500"]), "reason": "http_500"}
    wait = getattr(error, "retry_after", None)
    headers = {"Retry-After": str(wait)} if isinstance(wait, int) else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if getattr(error, "again", False) and request.method == "GET":
        headers["Refresh"] = str(wait)
    if status >= 500:
        answer["reference"] = g.get("request_id", "")
    if wants_json():
        return jsonify(error=answer), status, headers
    try:
        return render_template("error.html", status=status, **answer), status, headers
    except Exception as second:
        if unavailable(second) is None:
            raise
        return render_template("unavailable.html", status=status, text=answer["text"]), status, headers
