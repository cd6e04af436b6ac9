"""Login, logout and change of password: Flask-Security with our pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask
from flask_security import PeeweeUserDatastore, Security, password_changed, uia_username_mapper

from accounts.models import Role, User, UserRole
from database import db
from errors import N_

security = Security()

#: Words of Flask-Security that its own Chinese catalogue lacks; ours has them.
_THEIR_WORDS = (N_("Username"),)


def init_login(app: Flask) -> None:
    """Put the login pages into `app`."""
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
        SECURITY_USER_IDENTITY_ATTRIBUTES=[{"username": {"mapper": uia_username_mapper, "case_insensitive": True}}],
        SECURITY_CHANGEABLE=True,
        SECURITY_SEND_PASSWORD_CHANGE_EMAIL=False,
        SECURITY_RETURN_GENERIC_RESPONSES=True,  # the same words for an unknown name and a wrong password
        SECURITY_MSG_GENERIC_AUTHN_FAILED=(N_("The user name or the password is wrong."), "error"),
        SECURITY_I18N_DIRNAME=["builtin", str(Path(app.root_path) / "translations")],
        SECURITY_I18N_DOMAIN="flask_security;messages",  # one for each directory
        SECURITY_STATIC_FOLDER_URL="/login-static",  # not ours to serve: it has no access rule
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=app.config["ROUNDTRIP"].base_url.startswith("https://"),
        REMEMBER_COOKIE_HTTPONLY=True,
        REMEMBER_COOKIE_SAMESITE="Lax",
        REMEMBER_COOKIE_SECURE=app.config["ROUNDTRIP"].base_url.startswith("https://"),
    )
    security.init_app(app, PeeweeUserDatastore(db, User, Role, UserRole))


@password_changed.connect
def _password_is_own_now(_: Any, user: User, **__: Any) -> None:
    User.update(must_change_password=False).where(User.id == user.id).execute()
