"""People: invited, given roles, ended; their links and tokens; the first administrator at the first start."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import current_app
from flask_security import hash_password
from peewee import fn

from accounts.models import ApiToken, PersonLink, Role, User, UserEntity, UserRole, UserSession, UserSite
from accounts.rights import NOT_FOR_TOKENS, RIGHTS, ROLE_NAMES, ROLES
from accounts.tokens import token_hash
from database import keep_writers_out, locked, taking_turns
from errors import N_, InvalidInput, Refused

#: How long a link of each purpose can be used.
LINK_LIFE = {"invite": timedelta(days=7), "reset": timedelta(hours=24)}

_NAME_FAULT = N_("A user name has 3 to 32 letters, digits, dots, hyphens and underscores.")


@dataclass(frozen=True)
class Belonging:
    """What a person is to be: roles, and what they belong to; None: all of them."""

    roles: frozenset[str]
    entities: frozenset[int] | None = None  # Party
    sites: frozenset[int] | None = None  # Place
    partner: int | None = None  # Party

    def check(self) -> None:
        """Raises InvalidInput for roles that do not go together."""
        if strange := self.roles - set(ROLES):
            raise InvalidInput("roles", N_("There is no role %(name)s."), name=", ".join(sorted(strange)))
        if "partner" in self.roles and len(self.roles) > 1:
            raise InvalidInput("roles", N_("A partner has no other role: this person would see your own data."))
        if ("partner" in self.roles) != (self.partner is not None):
            raise InvalidInput("partner", N_("Choose the firm for the role of a partner, and for no other role."))


def create_user(
    username: str, password: str, now: datetime, *, administrator: bool = False, one_time: bool = False, role: str = ""
) -> User:
    """A new person without limits of entity and site; without a role, and so without rights, unless one is given.

    `one_time`: the password must be changed at the first login. Raises InvalidInput for a name that the login page
    would not take, Refused when it is taken.
    """
    check_name(username)
    with _no_other_change():
        _check_free(username)
        user = _added(username, f"{username}@roundtrip.invalid", now, password=password)
        user.must_change_password, user.all_entities, user.all_sites = one_time, True, True
        user.save()
        for name in filter(None, ("administrator" if administrator else "", role)):
            set_role(user, name, True)
    return user


def check_name(username: str) -> None:
    """Raises InvalidInput for a user name that the login page would not take."""
    fault, name = current_app.extensions["security"].username_util.validate(username)
    if fault or name != username:
        raise InvalidInput("username", _NAME_FAULT)


def _added(username: str, email: str, now: datetime, *, password: str, active: bool = True) -> User:
    return User.create(
        username=username, email=email, password=hash_password(password), fs_uniquifier=uuid.uuid4().hex,
        active=active, created_time=now,
    )  # fmt: skip


def invite(
    username: str, name: str, email: str, belonging: Belonging, now: datetime, by: User | None
) -> tuple[User, str]:
    """A person who may come in once they have used the link. Gives the person and the token of the link.

    Raises InvalidInput and Refused.
    """
    check_name(username)
    belonging.check()
    with _no_other_change():
        _check_free(username)
        address = email or f"{username}@roundtrip.invalid"  # the library wants one; nothing is ever sent to that
        _check_email(address)
        user = _added(username, address, now, password=secrets.token_urlsafe(32), active=False)
        User.update(name=name).where(User.id == user.id).execute()
        _give(user, belonging)
        return User.get_by_id(user.id), new_link(user, "invite", now, by)


def change_person(user: User, name: str, email: str, belonging: Belonging) -> None:
    """New name, address, roles and belonging. Raises InvalidInput, and Refused when no administrator would be left."""
    belonging.check()
    with _no_other_change():
        address = email or f"{user.username}@roundtrip.invalid"
        _check_email(address, user)
        if "administrator" not in belonging.roles:
            _keep_an_administrator(user)
        changes: dict[str, str | None] = {"name": name, "email": address}
        if address.lower() != user.email.lower():
            changes["oidc_subject"] = None  # another address, perhaps another person at the provider
        User.update(**changes).where(User.id == user.id).execute()
        _give(user, belonging)


@contextmanager
def _no_other_change() -> Iterator[None]:
    """A transaction in which nobody else adds or changes people: a name that is free stays free until its end, and who
    is an administrator stays one. Signing in goes on."""
    with taking_turns():
        keep_writers_out(UserRole)
        yield


def _check_free(username: str) -> None:
    if User.select().where(fn.LOWER(User.username) == username.lower()).exists():
        raise Refused("user_exists", N_("There is already a user %(name)s."), name=username)


def _check_email(email: str, user: User | None = None) -> None:
    others = User.select().where(fn.LOWER(User.email) == email.lower())
    if user is not None:
        others = others.where(User.id != user.id)
    if others.exists():
        raise InvalidInput("email", N_("Another person has this address."))


def _give(user: User, belonging: Belonging) -> None:
    for name in ROLES:
        set_role(user, name, name in belonging.roles)
    User.update(
        partner_id=belonging.partner, all_entities=belonging.entities is None, all_sites=belonging.sites is None
    ).where(User.id == user.id).execute()
    for model, field, keys in (
        (UserEntity, UserEntity.party_id, belonging.entities), (UserSite, UserSite.place_id, belonging.sites),
    ):  # fmt: skip
        model.delete().where(model.user == user).execute()
        if keys:
            model.insert_many([{"user": user, field: key} for key in sorted(keys)]).execute()


def belonging_of(user: User) -> Belonging:
    """What a person is now."""
    return Belonging(
        frozenset(role.name for role in user.roles),
        None
        if user.all_entities
        else frozenset(row.party_id for row in UserEntity.select().where(UserEntity.user == user)),
        None if user.all_sites else frozenset(row.place_id for row in UserSite.select().where(UserSite.user == user)),
        user.partner_id,
    )


def set_role(user: User, name: str, held: bool) -> None:
    """Give a person a role of `ROLES`, or take it back. Repeating it changes nothing."""
    if held:
        role, _ = Role.get_or_create(name=name, defaults={"description": ROLE_NAMES[name][1]})
        UserRole.get_or_create(user=user, role=role)
        return
    role = Role.get_or_none(Role.name == name)
    if role is not None:
        UserRole.delete().where(UserRole.user == user, UserRole.role == role).execute()


def deactivate(user: User) -> None:
    """The person may not come in any more: sessions, links and tokens end at once.

    Devices that the person registered keep what they have not sent. Raises Refused for the last administrator.
    """
    with _no_other_change():
        _keep_an_administrator(user)
        User.update(active=False, fs_uniquifier=uuid.uuid4().hex).where(User.id == user.id).execute()
        UserSession.delete().where(UserSession.user == user).execute()
        PersonLink.delete().where(PersonLink.user == user, PersonLink.used_time.is_null()).execute()


def activate(user: User) -> None:
    """The person may come in again, with the password they had."""
    User.update(active=True).where(User.id == user.id).execute()


def reset_second_factor(user: User) -> None:
    """For somebody who lost the phone and the recovery codes."""
    User.update(tf_primary_method=None, tf_totp_secret=None, mf_recovery_codes=None, totp_counter=None).where(
        User.id == user.id
    ).execute()


def _keep_an_administrator(user: User) -> None:
    others = (
        User.select().join(UserRole).join(Role)
        .where(Role.name == "administrator", User.active, User.id != user.id)
    )  # fmt: skip
    if user.has_role("administrator") and user.active and not others.exists():
        raise Refused("last_administrator", N_("Nobody else is an administrator; give the role to someone else first."))


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
    UserSession.delete().where(UserSession.user == user).execute()
    return password


# ---- links: an invitation, a new password


def new_link(user: User, purpose: str, now: datetime, by: User | None) -> str:
    """The token of a new link (256 random bits), shown this once; earlier links of the person end."""
    token = secrets.token_urlsafe(32)
    PersonLink.delete().where(PersonLink.user == user, PersonLink.used_time.is_null()).execute()
    PersonLink.create(
        user=user, purpose=purpose, token_sha256=token_hash(token), created_time=now, created_by=by,
        expires_time=now + LINK_LIFE[purpose],
    )  # fmt: skip
    return token


def link_of(token: str) -> PersonLink | None:
    """The link with this token, used or not; None when there is none."""
    return PersonLink.select(PersonLink, User).join(User).where(PersonLink.token_sha256 == token_hash(token)).first()


def is_open(link: PersonLink, now: datetime) -> bool:
    """Whether a link can still be used; a reset only by somebody who may come in."""
    return link.used_time is None and link.expires_time > now and (link.purpose == "invite" or link.user.active)


def use_link(link: PersonLink, password: str, now: datetime) -> User:
    """Set the password by a link, which is used up by it. All sessions of the person end.

    Raises InvalidInput for a password that is too weak, Refused when the link was used meanwhile or is too old.
    """
    faults, normal = current_app.extensions["security"].password_util.validate(password, False, user=link.user)
    if faults:
        raise InvalidInput("password", str(faults[0]))
    hashed = hash_password(normal)
    with taking_turns():
        row = locked(PersonLink.select().where(PersonLink.id == link.id)).first()
        if row is None or not is_open(row, now):
            raise Refused("link_ended", N_("This link was used already or is too old. Ask for a new one."))
        PersonLink.update(used_time=now).where(PersonLink.id == row.id).execute()
        User.update(
            password=hashed, must_change_password=False, active=True, fs_uniquifier=uuid.uuid4().hex
        ).where(User.id == row.user_id).execute()  # fmt: skip
        UserSession.delete().where(UserSession.user == row.user_id).execute()
    return User.get_by_id(row.user_id)


def accept_invitation(user: User, now: datetime) -> bool:
    """Let in a person who was invited and comes by another way than the link, which is used up; False without one."""
    with taking_turns():
        used = PersonLink.update(used_time=now).where(
            PersonLink.user == user, PersonLink.purpose == "invite", PersonLink.used_time.is_null(),
            PersonLink.expires_time > now,
        )  # fmt: skip
        if not used.execute():
            return False
        User.update(active=True).where(User.id == user.id).execute()
    return True


# ---- tokens of programs


def create_token(user: User, name: str, now: datetime, scope: str = "", rights: Iterable[str] | None = None) -> str:
    """A new API token for `user`; shown this once, only its hash is kept. `scope`: access.SCAN for a device.

    `rights`: what a program may do with it; None: all that the person may, now and later.
    """
    token = secrets.token_urlsafe(32)
    given = "" if scope else "*" if rights is None else " ".join(sorted(rights))
    ApiToken.create(name=name, user=user, sha256=token_hash(token), created_time=now, scope=scope, rights=given)
    return token


def own_token(user: User, name: str, rights: Collection[str], now: datetime) -> str:
    """A token that a person makes for a program: with at most their own rights. Raises InvalidInput."""
    name = " ".join(name.replace("\0", "").split())
    if not 1 <= len(name) <= 64:
        raise InvalidInput("name", N_("Say in at most 64 characters what uses this token."))
    if not rights or not set(rights) <= tokens_may(user):
        raise InvalidInput("rights", N_("Choose what the program may do, of what you may do yourself."))
    return create_token(user, name, now, rights=rights)


def token_anew(user: User, id: int) -> str:
    """Another secret for a token whose first one nobody has seen; that one opens nothing any more. Refused: it was
    revoked meanwhile."""
    token = secrets.token_urlsafe(32)
    mine = (ApiToken.id == id) & (ApiToken.user == user) & ApiToken.revoked_time.is_null()
    if not ApiToken.update(sha256=token_hash(token)).where(mine).execute():
        raise Refused("token_revoked", N_("This token was revoked meanwhile. Make a new one."))
    return token


def tokens_may(user: User) -> set[str]:
    """The rights that a person can hand on to a program, in the order of the table."""
    return {right for right in RIGHTS if right in user.rights} - NOT_FOR_TOKENS


def revoke_token(user: User, id: int, now: datetime) -> None:
    """End a token of a program; another person's is left alone. Twice is once."""
    ApiToken.update(revoked_time=now).where(
        ApiToken.id == id, ApiToken.user == user, ApiToken.scope == "", ApiToken.revoked_time.is_null()
    ).execute()
