"""Who may call which route: denied unless the route says otherwise.

Every view carries a rule, set by a decorator right above it. A request for a view without one is refused, and a test
walks the URL map so that it is noticed before that. Roles come as more rules beside these; views do not change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, Request, abort, current_app, g, redirect, request, url_for
from flask_security import current_user
from flask_wtf.csrf import CSRFProtect

from accounts.models import ApiToken, User
from database import utc_now
from errors import N_, Refused

View = TypeVar("View", bound=Callable[..., Any])

#: Views of libraries, which cannot carry our decorator. Everything of a library that is not named here is refused.
LIBRARY_RULES = {
    "static": "public",
    "security.login": "public",
    "security.logout": "signed_in",
    "security.change_password": "signed_in",
}

#: ApiToken.scope of a device.
SCAN = "scan"

csrf = CSRFProtect()


def public(view: View) -> View:
    """Anybody may call this view."""
    view.access_rule = "public"  # type: ignore[attr-defined]
    return view


def signed_in(view: View) -> View:
    """Whoever is signed in may call this view."""
    view.access_rule = "signed_in"  # type: ignore[attr-defined]
    return view


def scanner(view: View) -> View:
    """Whoever is signed in may call this view, and a device with its own token, which may call no others."""
    view.access_rule = "scanner"  # type: ignore[attr-defined]
    return view


def takes_revoked(view: View) -> View:
    """A device whose token was revoked reaches this view of `scanner` too: it must ask `device_is_revoked()`."""
    view.takes_revoked = True  # type: ignore[attr-defined]
    return view


def administrator(view: View) -> View:
    """Only administrators may call this view."""
    view.access_rule = "administrator"  # type: ignore[attr-defined]
    return view


def rule_of(app: Flask, endpoint: str) -> str | None:
    """The access rule of an endpoint; None when it has none and is therefore refused."""
    return LIBRARY_RULES.get(endpoint) or getattr(app.view_functions.get(endpoint), "access_rule", None)


def init_access(app: Flask) -> None:
    """Check the rule, and CSRF, before every request."""
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False  # _guard calls it: a bearer token needs none
    app.config["WTF_CSRF_TIME_LIMIT"] = None  # as long as the session: a form that takes two hours is not lost
    csrf.init_app(app)
    app.login_manager.request_loader(_token_user)  # type: ignore[attr-defined]
    app.before_request(_guard)


def _guard() -> Any:
    if request.endpoint is None:
        return None  # 404 or 405, answered by the error handlers
    rule = rule_of(current_app, request.endpoint)
    if _token_user(request):
        if device_token() and rule not in ("scanner", "public"):
            abort(403)
        if device_is_revoked():
            if not getattr(current_app.view_functions[request.endpoint], "takes_revoked", False):
                raise DeviceRevoked
            g.csrf_valid = True
            return None
        g.csrf_valid = True  # a foreign page cannot make a browser send this header; tells Flask-Security's forms too
    elif request.method not in ("GET", "HEAD", "OPTIONS"):
        if wants_json() and rule != "public" and not current_user.is_authenticated:
            abort(401)  # a program without a token needs one, and no page to reload
        csrf.protect()
    if rule == "public":
        return None
    if not current_user.is_authenticated:
        if wants_json():
            abort(401)
        return redirect(url_for("security.login", next=request.full_path.rstrip("?")))
    if (
        current_user.must_change_password
        and "token_user" not in g
        and not request.endpoint.startswith(("security.", "accounts."))
    ):
        if wants_json():
            abort(403)
        return redirect(url_for("security.change_password"))
    if rule in ("signed_in", "scanner") or (rule == "administrator" and current_user.has_role("administrator")):
        return None
    abort(403)


def wants_json() -> bool:
    """True for calls of the API: they are answered in JSON, errors included."""
    return request.path.startswith("/api/")


def _token_user(request: Request) -> User | None:
    """The person whose token the request carries as `Authorization: Bearer …`; a wrong token is 401 at once."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return None
    if "token_user" not in g:
        row = ApiToken.select(ApiToken, User).join(User).where(ApiToken.sha256 == token_hash(token)).first()
        ended = row is None or row.revoked_time is not None or not row.user.active
        if ended and (row is None or row.scope != SCAN):
            g.token_user = None  # the error page asks for the person again, to know the language
            abort(401)
        g.token, g.token_ended = row, ended
        now = utc_now()
        if row.last_used_time is None or (now - row.last_used_time).total_seconds() > 60:  # not a write for every scan
            ApiToken.update(last_used_time=now).where(ApiToken.id == row.id).execute()
        g.token_user = row.user
    return g.token_user


def device_token() -> ApiToken | None:
    """The token of the device that sends this request; None for people and for programs that may do all."""
    token = g.get("token")
    return token if token is not None and token.scope == SCAN else None


def device_is_revoked() -> bool:
    """Whether that token was revoked, or its person may no longer come in."""
    return bool(g.get("token_ended"))


class DeviceRevoked(Refused):
    """A device that may no longer scan; it has to keep what it has not sent."""

    status = 403

    def __init__(self) -> None:
        super().__init__("device_revoked", N_("This device was taken out of use. Ask the office to register it again."))


def token_hash(token: str) -> str:
    """SHA-256 of an API token, as `ApiToken` keeps it."""
    return hashlib.sha256(token.encode()).hexdigest()
