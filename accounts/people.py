"""People and their tokens: made by the administrator's commands, and the first administrator at the first start."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime

from flask import current_app
from flask_security import hash_password

from accounts.access import token_hash
from accounts.models import ApiToken, Role, User, UserRole
from database import taking_turns
from errors import N_, InvalidInput, Refused

ROLES = {
    "administrator": "Runs the installation; may do everything.",
    "seal": "May place stamps and signatures on papers.",  # not even an administrator may without it
}


def create_user(
    username: str, password: str, now: datetime, *, administrator: bool = False, one_time: bool = False
) -> User:
    """A new person. `one_time`: the password must be changed at the first login.

    Raises InvalidInput for a name that the login page would not take, Refused when it is taken.
    """
    fault, name = current_app.extensions["security"].username_util.validate(username)
    if fault or name != username:
        raise InvalidInput("username", N_("A user name has 3 to 32 letters, digits, dots, hyphens and underscores."))
    with taking_turns():
        if User.select().where(User.username == username).exists():
            raise Refused("user_exists", N_("There is already a user %(name)s."), name=username)
        user = User.create(
            username=username,
            email=f"{username}@roundtrip.invalid",  # the login library wants one; nothing is ever sent to it
            password=hash_password(password),
            fs_uniquifier=uuid.uuid4().hex,
            must_change_password=one_time,
            created_time=now,
        )
        if administrator:
            set_role(user, "administrator", True)
    return user


def set_role(user: User, name: str, held: bool) -> None:
    """Give a person a role of `ROLES`, or take it back. Repeating it changes nothing."""
    role, _ = Role.get_or_create(name=name, defaults={"description": ROLES[name]})
    if held:
        UserRole.get_or_create(user=user, role=role)
    else:
        UserRole.delete().where(UserRole.user == user, UserRole.role == role).execute()


def first_administrator(now: datetime) -> tuple[str, str] | None:
    """(user name, one-time password) of the first administrator; None when there are people already."""
    if User.select().exists():
        return None
    password = secrets.token_urlsafe(12)
    create_user("admin", password, now, administrator=True, one_time=True)
    return "admin", password


def new_password(user: User) -> str:
    """A new one-time password for someone who forgot theirs; ends all their sessions."""
    password = secrets.token_urlsafe(12)
    user.password = hash_password(password)
    user.must_change_password = True
    user.fs_uniquifier = uuid.uuid4().hex
    user.save()
    return password


def create_token(user: User, name: str, now: datetime, scope: str = "") -> str:
    """A new API token for `user`; shown this once, only its hash is kept. `scope`: access.SCAN for a device."""
    token = secrets.token_urlsafe(32)
    ApiToken.create(name=name, user=user, sha256=token_hash(token), created_time=now, scope=scope)
    return token
