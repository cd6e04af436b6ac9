"""Signing in at an OpenID Connect provider: code flow with PKCE, state and nonce; `provider` speaks to it.

A person is found by the provider's own key for it (issuer and subject); the first time by an e-mail address that the
provider calls verified. Nobody is made here: an administrator invites people. A second factor is asked for as ever.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Flask, abort, current_app, redirect, request, session, url_for
from flask_security import current_user
from flask_security.utils import do_flash, get_message
from peewee import fn

from accounts.access import public, signed_in
from accounts.login import security_of
from accounts.models import User
from accounts.people import accept_invitation
from config import Settings
from database import utc_now
from errors import N_, Refused

log = logging.getLogger("roundtrip.login")

NAME = "oidc"
_SECONDS = 10


def subject_of(claims: dict[str, Any]) -> str | None:
    """ "issuer subject" of these claims; the person whose verified address this is belongs to it from now on.

    None when the claims name nobody.
    """
    issuer, subject = claims.get("iss"), claims.get("sub")
    if not (isinstance(issuer, str) and isinstance(subject, str) and subject):
        return None
    key = f"{issuer} {subject}"[:400]
    email = claims.get("email")
    if claims.get("email_verified") is True and isinstance(email, str) and not _known(key):
        mine = (fn.LOWER(User.email) == email.lower()) & User.oidc_subject.is_null()
        user = User.get_or_none(mine)
        if user is not None and (user.active or accept_invitation(user, utc_now())):
            User.update(oidc_subject=key).where(mine).execute()
    return key


def _known(key: str) -> bool:
    return bool(User.select().where(User.oidc_subject == key).exists())


def init_oidc(app: Flask) -> None:
    """Put the provider of the settings, if there is one, into `app`; to be called after `init_login`."""
    settings: Settings = app.config["ROUNDTRIP"]
    app.jinja_env.globals["oidc"] = bool(settings.oidc_issuer)
    if not settings.oidc_issuer:
        return
    from accounts.provider import Provider

    app.config["SECURITY_MSG_OAUTH_HANDSHAKE_ERROR"] = (
        N_("Signing in there did not work. Try again, or sign in with your password."), "error",
    )  # fmt: skip
    known_as = {
        "client_id": settings.oidc_client_id,
        "client_secret": settings.oidc_client_secret,
        "server_metadata_url": f"{settings.oidc_issuer}/.well-known/openid-configuration",
        "client_kwargs": {"scope": "openid email", "code_challenge_method": "S256", "timeout": _SECONDS},
    }
    glue = security_of(app).oauthglue
    assert glue is not None  # SECURITY_OAUTH_ENABLE
    glue.register_provider_ext(Provider(NAME, known_as))
    for endpoint in ("security.oauthresponse", "security.oauth_verify_response"):
        app.view_functions[endpoint] = _told(app.view_functions[endpoint])


def _told(view: Callable[..., Any]) -> Callable[..., Any]:
    """The library's view of the way back; an ID token that is not for us, which it does not expect, is told as well."""
    from accounts.provider import NOT_FOR_US

    @wraps(view)
    def told(**values: Any) -> Any:
        try:
            return view(**values)
        except NOT_FOR_US as error:
            log.warning("sign-in at the provider failed: %s", type(error).__name__)
            do_flash(*get_message("OAUTH_HANDSHAKE_ERROR", exerror="", exdesc=""))
            return redirect(url_for("security.login"))

    return told


@public
def start() -> Any:
    """To the provider. A link, not a form: `form-action` of our pages does not let a form lead elsewhere."""
    return _sent_away("oauthresponse")


@signed_in
def verify() -> Any:
    """To the provider once more, before something that matters."""
    return _sent_away("oauth_verify_response")


def _sent_away(back: str) -> Any:
    glue = security_of(current_app).oauthglue
    if not current_app.config["ROUNDTRIP"].oidc_issuer or glue is None:
        abort(404)
    if back == "oauthresponse" and current_user.is_authenticated:
        return redirect(url_for("today.home"))
    from accounts.provider import UNREACHABLE

    session.pop("fs_oauth_next", None)
    if request.args.get("next"):
        session["fs_oauth_next"] = request.args["next"]  # the library checks that it leads nowhere else
    try:
        return glue.get_redirect(NAME, back)
    except UNREACHABLE as error:
        log.warning("the provider cannot be reached: %s", type(error).__name__)
        text = N_("The place where you sign in cannot be reached. Try again later, or sign in with your password.")
        raise Refused("oidc_unreachable", text) from error
