"""Signing in: Flask-Security with our pages. Password, second factor, and what is tried too often; see `oidc` too."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask, abort, after_this_request, current_app, make_response, render_template, request, session
from flask_babel import gettext as _
from flask_login import user_logged_in
from flask_security import (
    ChangePasswordForm,
    LoginForm,
    PeeweeUserDatastore,
    Security,
    TwoFactorVerifyCodeForm,
    VerifyForm,
    current_user,
    password_changed,
    uia_username_mapper,
)
from flask_security.recovery_codes import MfRecoveryForm
from flask_security.totp import Totp
from passlib.totp import TotpMatch

from accounts.models import Role, User, UserRole
from accounts.sessions import current_session, end_all, init_sessions
from accounts.throttle import attempt, remember_device
from config import Settings
from database import db
from errors import N_

#: Words of Flask-Security that its own Chinese catalogue lacks; ours has them.
_THEIR_WORDS = (N_("Username"), N_("Recovery Code"), N_("Recovery code invalid"), N_("Invalid code"))


class _LoginForm(LoginForm):
    """Without "remember me", which would outlive every limit of a session; counted before the password is looked at."""

    remember = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.username.flags.required = self.password.flags.required = True

    def validate(self, **kwargs: Any) -> bool:
        one = attempt("password", self.username.data or "")
        if super().validate(**kwargs):
            one.right()
            return True
        one.wrong()
        return False


class _VerifyForm(VerifyForm):
    """The password once more, before something that matters."""

    def validate(self, **kwargs: Any) -> bool:
        one = attempt("password", _name(current_user))
        if super().validate(**kwargs):
            one.right()
            return True
        one.wrong()
        return False


class _ChangePasswordForm(ChangePasswordForm):
    """The old password is as much worth guessing here as at the login."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.password.label.text = _("The password that you have")
        self.password.flags.required = bool(current_user.password)
        self.new_password.label.text = _("New password")
        self.new_password_confirm.label.text = _("The new password once more")

    def validate(self, **kwargs: Any) -> bool:
        one = attempt("password", _name(current_user))
        if super().validate(**kwargs):
            one.right()
            return True
        if self.password.errors:
            one.wrong()
        else:
            one.right()
        return False


class _CodeForm(TwoFactorVerifyCodeForm):
    """Six digits are soon guessed: counted as passwords are."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.code.label.text = _("Authentication code")

    def validate(self, **kwargs: Any) -> bool:
        one = attempt("code", _name(self.user))
        if super().validate(**kwargs):
            one.right()
            return True
        one.wrong()
        token = (request.view_args or {}).get("token", "")
        if token or session.get("tf_state") == "validating_profile":
            # The library leads back to the beginning, to another key than the one that the app has just scanned.
            abort(make_response(self._set_up_again(token)))
        return False

    def _set_up_again(self, token: str) -> str:
        assert self.user is not None
        values = security_of(current_app).totp_factory.fetch_setup_values(self.tf_totp_secret, self.user)
        return render_template(
            "security/two_factor_setup.html", two_factor_verify_code_form=self, chosen_method="authenticator",
            authr_qrcode=values["image"], authr_key=values["key"], state_token=token, changing=bool(token),
        )  # fmt: skip


class _RecoveryForm(MfRecoveryForm):
    def validate(self, **kwargs: Any) -> bool:
        one = attempt("recovery code", _name(self.user))
        if super().validate(**kwargs):
            one.right()
            return True
        one.wrong()
        return False


def _name(user: Any) -> str:
    return str(user.username)


class _Totp(Totp):
    """A code is taken once: whoever looked over a shoulder comes too late."""

    def get_last_counter(self, user: Any) -> int | None:
        row = User.select(User.totp_counter).where(User.id == user.id).first()
        return row.totp_counter if row else None

    def set_last_counter(self, user: Any, tmatch: TotpMatch) -> None:
        User.update(totp_counter=tmatch.counter).where(User.id == user.id).execute()
        user.totp_counter = tmatch.counter  # the library may save this row once more


def security_of(app: Flask) -> Security:
    """The Flask-Security of an application: each has its own, since what one hashes passwords with is kept in it."""
    own: Security = app.extensions["security"]
    return own


class _People(PeeweeUserDatastore):
    """Saves what has changed of a person, and not what another request changed meanwhile."""

    def put(self, model: Any) -> Any:
        if isinstance(model, User) and model.id is not None:
            model.save(only=[*model.dirty_fields, User.mf_recovery_codes])  # a list, from which it takes what is used
        else:
            model.save()
        return model


def init_login(app: Flask) -> None:
    """Put the pages of signing in into `app`."""
    settings: Settings = app.config["ROUNDTRIP"]
    key = hashlib.sha256(f"totp {settings.totp_key or settings.secret_key}".encode()).digest()
    app.config.update(
        SECURITY_PASSWORD_HASH="argon2",  # noqa: S106
        SECURITY_PASSWORD_SCHEMES=["argon2"],
        # Argon2 salts each hash itself. With the library's second salt a new secret key would lock everybody out.
        SECURITY_PASSWORD_SINGLE_HASH={"argon2"},
        SECURITY_PASSWORD_LENGTH_MIN=10,
        SECURITY_USERNAME_ENABLE=True,
        SECURITY_USERNAME_MIN_LENGTH=3,
        SECURITY_USERNAME_ALLOWED_CHARS=["L", "N", "Po", "Pd", "Pc"],  # Unicode categories: wang.li, scanner-1, a_b
        SECURITY_INPUT_NORMALIZE_FORM="NFKC",
        SECURITY_USER_IDENTITY_ATTRIBUTES=[
            {"username": {"mapper": uia_username_mapper, "case_insensitive": True}},
            {"oidc_subject": {"mapper": str}},
        ],
        SECURITY_CHANGEABLE=True,
        SECURITY_SEND_PASSWORD_CHANGE_EMAIL=False,
        SECURITY_RETURN_GENERIC_RESPONSES=True,  # the same words for an unknown name and a wrong password
        SECURITY_MSG_GENERIC_AUTHN_FAILED=(N_("The user name or the password is wrong."), "error"),
        SECURITY_MSG_IDENTITY_NOT_REGISTERED=(
            N_("Nobody here belongs to this sign-in. Ask an administrator to enter your e-mail address."),
            "error",
        ),
        SECURITY_MSG_DISABLED_ACCOUNT=(N_("This person may not come in any more."), "error"),
        SECURITY_MSG_TWO_FACTOR_INVALID_TOKEN=(
            N_("This code is not right, or was used already. Type the six digits that the app shows now."),
            "error",
        ),
        SECURITY_MSG_TWO_FACTOR_LOGIN_SUCCESSFUL=(N_("The code is right."), "success"),
        SECURITY_MSG_TWO_FACTOR_CHANGE_METHOD_SUCCESSFUL=(N_("Your second factor is set up."), "success"),
        SECURITY_MSG_TWO_FACTOR_DISABLED=(N_("Your second factor is switched off."), "success"),
        SECURITY_MSG_PASSWORD_CHANGE=(N_("Your password is changed. You are signed out everywhere else."), "success"),
        SECURITY_MSG_PASSWORD_IS_THE_SAME=(N_("The new password must not be the one that you have."), "error"),
        SECURITY_CLI_USERS_NAME=False,  # they know neither links to come in nor what a person belongs to: `user` does
        SECURITY_CLI_ROLES_NAME=False,
        SECURITY_API_ENABLED_METHODS=["session"],
        SECURITY_FRESHNESS=timedelta(hours=1),
        SECURITY_FRESHNESS_GRACE_PERIOD=timedelta(minutes=30),
        SECURITY_TWO_FACTOR=True,
        SECURITY_TWO_FACTOR_ENABLED_METHODS=["authenticator"],
        SECURITY_TWO_FACTOR_AUTHENTICATOR_VALIDITY=30,  # seconds that a clock may be off
        SECURITY_TWO_FACTOR_RESCUE_EMAIL=False,
        SECURITY_TWO_FACTOR_POST_SETUP_VIEW="security.mf_recovery_codes",
        SECURITY_MULTI_FACTOR_RECOVERY_CODES=True,
        SECURITY_MULTI_FACTOR_RECOVERY_CODES_N=10,
        SECURITY_MULTI_FACTOR_RECOVERY_CODES_KEYS=[base64.urlsafe_b64encode(key)],
        SECURITY_TOTP_SECRETS={"1": key.hex()},
        SECURITY_TOTP_ISSUER="Roundtrip",
        SECURITY_OAUTH_ENABLE=bool(settings.oidc_issuer),
        SECURITY_OAUTH_BUILTIN_PROVIDERS=[],
        SECURITY_I18N_DIRNAME=["builtin", str(Path(app.root_path) / "translations")],
        SECURITY_I18N_DOMAIN="flask_security;messages",  # one for each directory
        SECURITY_STATIC_FOLDER_URL="/login-static",  # not ours to serve: it has no access rule
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure,
        # The prefix: a browser takes it by https only, from this host only; no neighbour can plant one.
        SESSION_COOKIE_NAME="__Host-session" if settings.secure else "session",
        PERMANENT_SESSION_LIFETIME=settings.session_lifetime,  # no cookie is read that is older; see `sessions`
    )
    if settings.oidc_issuer:
        from accounts.provider import bring_along

        bring_along()
    security = Security(totp_cls=_Totp)
    security.init_app(
        app, _People(db, User, Role, UserRole), login_form=_LoginForm, verify_form=_VerifyForm,
        change_password_form=_ChangePasswordForm, two_factor_verify_code_form=_CodeForm,
        mf_recovery_form=_RecoveryForm,
    )  # fmt: skip
    # Needs of Flask-Principal are asked for nowhere (`access` asks for rights); for them its hook would read person and
    # roles before every request, those for a style sheet too.
    app.before_request_funcs[None].remove(security.principal._on_before_request)
    init_sessions(app)
    user_logged_in.connect(_device_is_known, app)


def _device_is_known(app: Flask, user: User, **_: Any) -> None:
    after_this_request(lambda response: remember_device(response, user.username))


@password_changed.connect
def _password_is_own_now(_: Any, user: User, **__: Any) -> None:
    User.update(must_change_password=False).where(User.id == user.id).execute()
    end_all(user, but=current_session())  # the others open nothing any more, and are not shown as if they did
