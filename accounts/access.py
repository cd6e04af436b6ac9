"""Who may call which route: denied unless the route says otherwise.

Every view carries a rule, set by a decorator right above it: `needs` names rights of `accounts.rights`. A request for a
view without one is refused, and a test walks the URL map so that it is noticed before that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Request, abort, current_app, g, redirect, request, url_for
from flask_security import current_user
from flask_wtf.csrf import CSRFProtect
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from accounts.models import ApiToken, User
from accounts.once import init_once, key_field
from accounts.rights import NOT_FOR_TOKENS, unknown
from accounts.scope import current_scope
from accounts.tokens import token_hash
from database import only_if_free, utc_now
from errors import N_, Refused
from prepared_statements import Slot, prepared

View = TypeVar("View", bound=Callable[..., Any])

#: ApiToken.scope of a device.
SCAN = "scan"
_READING = ("GET", "HEAD", "OPTIONS")
#: what programs ask for where a browser asks for a page
_DATA = ("application/json", "application/ld+json", "text/csv")


@dataclass(frozen=True)
class Rule:
    """Who may call a view. `kind`: public, signed_in (a person in a browser), needs, scanner (or a device's token)."""

    kind: str
    read: frozenset[str] = frozenset()  # rights for GET and HEAD, all of them
    write: frozenset[str] = frozenset()  # and for every other method

    def rights(self, method: str) -> frozenset[str]:
        """What a person needs for a request of this method."""
        return self.read if method in _READING else self.write


PUBLIC, SIGNED_IN = Rule("public"), Rule("signed_in")
_SCANNER = Rule("scanner", frozenset(("assets.scan",)), frozenset(("assets.scan",)))

#: Views of libraries, which cannot carry our decorator. Everything of a library that is not named here is refused.
LIBRARY_RULES = {
    "static": PUBLIC,
    "security.login": PUBLIC,
    "security.two_factor_setup": PUBLIC,  # these three ask for the password of a moment ago, or for a session
    "security.two_factor_token_validation": PUBLIC,
    "security.mf_recovery": PUBLIC,
    "security.oauthresponse": PUBLIC,  # asks for the state that the browser was sent away with
    "security.oauth_verify_response": SIGNED_IN,
    "security.two_factor_setup_validate": SIGNED_IN,
    "security.mf_recovery_codes": SIGNED_IN,
    "security.verify": SIGNED_IN,
    "security.logout": SIGNED_IN,
    "security.change_password": SIGNED_IN,
}

csrf = CSRFProtect()


def public(view: View) -> View:
    """Anybody may call this view."""
    view.access_rule = PUBLIC  # type: ignore[attr-defined]
    return view


def signed_in(view: View) -> View:
    """Whoever is signed in by a browser may call this view: one's profile, pages that show what the rights allow."""
    view.access_rule = SIGNED_IN  # type: ignore[attr-defined]
    return view


def needs(*rights: str, post: str = "") -> Callable[[View], View]:
    """Whoever has all of these rights may call the view. `post`: the right for what is not GET, beside the others.

    Raises ValueError for a right that is not in the table.
    """
    if wrong := unknown([*rights, *filter(None, [post])]) or not rights:
        raise ValueError(f"no such right: {wrong}")
    read = frozenset(rights)
    rule = Rule("needs", read, read | {post} if post else read)

    def mark(view: View) -> View:
        view.access_rule = rule  # type: ignore[attr-defined]
        return view

    return mark


def scanner(view: View) -> View:
    """Whoever may scan may call this view, and a device with its own token, which may call no others."""
    view.access_rule = _SCANNER  # type: ignore[attr-defined]
    return view


def takes_revoked(view: View) -> View:
    """A device whose token was revoked reaches this view of `scanner` too: it must ask `device_is_revoked()`."""
    view.takes_revoked = True  # type: ignore[attr-defined]
    return view


def rule_of(app: Flask, endpoint: str) -> Rule | None:
    """The access rule of an endpoint; None when it has none and is therefore refused."""
    return LIBRARY_RULES.get(endpoint) or getattr(app.view_functions.get(endpoint), "access_rule", None)


def init_access(app: Flask) -> None:
    """Check the rule, and CSRF, before every request."""
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False  # _guard calls it: a bearer token needs none
    app.config["WTF_CSRF_TIME_LIMIT"] = None  # as long as the session: a form that takes two hours is not lost
    csrf.init_app(app)
    app.login_manager.request_loader(_token_user)  # type: ignore[attr-defined]
    app.before_request(_guard)
    init_once(app)
    app.jinja_env.globals.update(may=may, opens=opens, reaches=reaches, sees_all=lambda: not current_scope().is_limited)
    app.jinja_env.globals["once"] = key_field


def may(*rights: str) -> bool:
    """Whether who asks has all of these rights: what a page shows, and what it leaves out."""
    return current_user.is_authenticated and _rights().issuperset(rights)


def rights_held() -> frozenset[str]:
    """The rights of who asks; a device may scan and nothing else, whoever registered it."""
    return _SCANNER.write if device_token() else _rights()


def opens(endpoint: str, method: str = "GET") -> bool:
    """Whether who asks may call this endpoint: a link or a button to it is shown only then."""
    rule = rule_of(current_app, endpoint)
    return rule is not None and (rule.kind == "public" or may(*rule.rights(method)))


def reaches(url: str) -> bool:
    """The same for an address of ours, as a list has it for its rows."""
    if "routes" not in g:
        g.routes = current_app.create_url_adapter(request)
    try:
        endpoint, _ = g.routes.match(urlsplit(url).path, method="GET")
    except (RequestRedirect, HTTPException):
        return False
    return opens(endpoint)


def _rights() -> frozenset[str]:
    """The rights of who asks, read once a request; of a program at most those of its token."""
    if "rights" not in g:
        rights = current_user.rights
        token = g.get("token")
        if token is not None:
            given = rights if token.rights == "*" else frozenset(token.rights.split())
            rights = (rights & given) - NOT_FOR_TOKENS
        g.rights = rights
    return g.rights  # type: ignore[no-any-return]


def _guard() -> Any:
    g.came_in = True
    by_token = _token_user(request) is not None
    if request.endpoint is None:
        return None  # 404 or 405, answered by the error handlers
    rule = rule_of(current_app, request.endpoint)
    if by_token:
        if device_token() and (rule is None or rule.kind not in ("scanner", "public")):
            if device_is_revoked():
                raise TokenEnded("device_revoked")
            abort(403)
        if device_is_revoked():
            if not getattr(current_app.view_functions[request.endpoint], "takes_revoked", False):
                raise DeviceRevoked
            g.csrf_valid = True
            return None
        g.csrf_valid = True  # a foreign page cannot make a browser send this header; tells Flask-Security's forms too
    elif request.method not in _READING:
        if wants_json() and rule != PUBLIC and not current_user.is_authenticated:
            abort(401)  # a program without a token needs one, and no page to reload
        csrf.protect()
    if rule == PUBLIC:
        return None
    if not current_user.is_authenticated:
        if wants_json():
            abort(401)
        return redirect(url_for("security.login", next=request.full_path.rstrip("?")))
    if (
        current_user.must_change_password
        and not by_token
        and not request.endpoint.startswith(("security.", "accounts."))
    ):
        if wants_json():
            raise PasswordFirst
        return redirect(url_for("security.change_password"))
    if rule is None or (rule.kind == "signed_in" and by_token):  # a program has no profile to change
        abort(403)
    if not device_token() and not may(*rule.rights(request.method)):
        abort(403)
    return None


def wants_json() -> bool:
    """True for programs: calls of the API, requests with a token, and those that ask for data and for no page. They are
    answered in JSON, errors included. (A browser says of every link that it would take a page.)"""
    if request.path.startswith("/api/") or request.headers.get("Authorization", "")[:7].lower() == "bearer ":
        return True
    accepted = request.headers.get("Accept", "")
    if "text/html" in accepted:
        return False
    return any(kind in accepted for kind in _DATA) or (
        accepted in ("", "*/*") and request.args.get("format") in ("csv", "xlsx")
    )


def _token_user(request: Request) -> User | None:
    """The person whose token the request carries as `Authorization: Bearer …`; a wrong token is 401 at once."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return None
    if "token_user" not in g:
        row: Any = next(iter(_tokens.models(token_hash(token))), None)
        ended = row is None or row.revoked_time is not None or not row.user.active
        if row is not None and row.scope == SCAN and not ended:
            ended = "assets.scan" not in row.user.rights  # who may not scan has no device that may
        if ended and (row is None or row.scope != SCAN):
            g.token_user = None  # the error page asks for the person again, to know the language
            raise TokenEnded("token_unknown" if row is None else "token_revoked")
        g.token, g.token_ended = row, ended
        now = utc_now()
        if row.last_used_time is None or (now - row.last_used_time).total_seconds() > 60:  # not a write for every scan
            with only_if_free():
                ApiToken.update(last_used_time=now).where(ApiToken.id == row.id).execute()
        g.token_user = row.user
    return g.token_user


@prepared
def _tokens(sha256: Slot) -> Any:
    return ApiToken.select(ApiToken, User).join(User).where(ApiToken.sha256 == sha256)


def device_token() -> ApiToken | None:
    """The token of the device that sends this request; None for people and for programs that may do all."""
    token = g.get("token")
    return token if token is not None and token.scope == SCAN else None


def device_is_revoked() -> bool:
    """Whether that token was revoked, or its person may no longer come in."""
    return bool(g.get("token_ended"))


class TokenEnded(Refused):
    """The token of a request opens nothing (any more): `token_unknown`, `token_revoked`, `device_revoked`."""

    status = 401

    def __init__(self, reason: str) -> None:
        unknown = N_("There is no such token.")
        ended = N_("This token was revoked, or its person may not come in any more.")
        super().__init__(reason, unknown if reason == "token_unknown" else ended)


class PasswordFirst(Refused):
    """Whoever was given a password chooses one of his own before anything else."""

    status = 403

    def __init__(self) -> None:
        super().__init__("password_first", N_("Choose a password of your own first."))


class DeviceRevoked(Refused):
    """A device that may no longer scan; it has to keep what it has not sent."""

    status = 403

    def __init__(self) -> None:
        super().__init__("device_revoked", N_("This device was taken out of use. Ask the office to register it again."))
