"""Who may come in: people, their roles and what they belong to, their sessions, and tokens for programs."""

from __future__ import annotations

import json
from typing import Any

from flask import current_app
from flask_security import RoleMixin, UserMixin
from peewee import BigIntegerField, BooleanField, CharField, Check, ForeignKeyField, IntegerField, TextField

from accounts.rights import rights_of_roles
from database import Instant, Row
from prepared_statements import Slot, prepared


class Words(TextField):
    """A list of words, as the login library wants it for recovery codes."""

    def db_value(self, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else json.dumps(list(value))

    def python_value(self, value: Any) -> Any:
        return None if value is None else json.loads(value)


class Role(RoleMixin, Row):
    name = CharField(32, unique=True)
    description = CharField(255, default="")

    class Meta:
        named = ("name",)


class User(UserMixin, Row):  # UserMixin first: peewee has a get_id() too, the wrong one for a session
    email = CharField(255, unique=True)
    username = CharField(64, unique=True)
    name = CharField(80, default="")  # as people say it; empty: the user name
    password = TextField()  # Argon2id hash
    active = BooleanField(default=True)  # may come in; an invited person may not yet
    fs_uniquifier = CharField(64, unique=True)  # a new one ends all sessions of this person
    must_change_password = BooleanField(default=False)
    language = CharField(2, default="")  # en, zh; empty: what the browser asks for
    created_time = Instant()
    signed_in_time = Instant(null=True)
    # What belongs to the person: keys of rows to the right on the import line; the migration says what they refer to.
    partner_id = IntegerField(null=True)  # Party: the other firm that the person is of
    all_entities = BooleanField(default=False)  # every selling party, also those to come; else those of UserEntity
    all_sites = BooleanField(default=False)  # every own place; else those of UserSite
    # second factor, named as the login library asks for it
    tf_primary_method = CharField(16, null=True)  # authenticator
    tf_totp_secret = TextField(null=True)  # encrypted
    totp_counter = BigIntegerField(null=True)  # of the last code that was taken: none is taken twice
    mf_recovery_codes = Words(null=True)  # encrypted
    oidc_subject = CharField(400, null=True, unique=True)  # "issuer subject" of who signs in elsewhere

    class Meta:
        named = ("username",)
        unwatched = ("fs_uniquifier", "signed_in_time", "totp_counter")
        secret = ("password", "tf_totp_secret", "mf_recovery_codes")

    @property
    def roles(self) -> list[Role]:  # type: ignore[override]
        return _roles.models(self.id)

    @property
    def rights(self) -> frozenset[str]:
        """What the roles give; one query."""
        return rights_of_roles(role.name for role in _role_names(self.id))

    @property
    def shown(self) -> str:
        """The name that pages show."""
        return self.name or self.username

    @property
    def has_second_factor(self) -> bool:
        return bool(self.tf_primary_method and self.tf_totp_secret)

    def check_tf_required(
        self, tf_setup_methods: list[tuple[str, str]], tf_fresh: bool
    ) -> tuple[bool, list[tuple[str, str]]]:
        """Asked by the login library after the password was right: whoever has a second factor, or must have one."""
        return bool(tf_setup_methods) or self.check_tf_required_setup(), tf_setup_methods

    def check_tf_required_setup(self) -> bool:
        """Whether a role of this person has to have a second factor (ROUNDTRIP_REQUIRE_TOTP)."""
        required = current_app.config["ROUNDTRIP"].require_totp
        return bool(required) and any(role.name in required for role in self.roles)


class UserRole(Row):
    user = ForeignKeyField(User, on_delete="CASCADE")
    role = ForeignKeyField(Role, on_delete="RESTRICT")

    class Meta:
        named = ("user", "role")
        indexes = ((("user", "role"), True),)


@prepared
def _roles(user: Slot) -> Any:
    return Role.select().join(UserRole).where(UserRole.user == user)


@prepared
def _role_names(user: Slot) -> Any:
    return Role.select(Role.name).join(UserRole).where(UserRole.user == user)


class UserEntity(Row):
    """A selling party that a person works for."""

    user = ForeignKeyField(User, on_delete="CASCADE", index=False)
    party_id = IntegerField()

    class Meta:
        named = ("user", "party_id")
        indexes = ((("user", "party_id"), True),)


class UserSite(Row):
    """An own place that a person works at."""

    user = ForeignKeyField(User, on_delete="CASCADE", index=False)
    place_id = IntegerField()

    class Meta:
        named = ("user", "place_id")
        indexes = ((("user", "place_id"), True),)


class UserSession(Row):
    """A browser that is signed in. Of the token in its cookie only the SHA-256 is kept; no row, no session."""

    user = ForeignKeyField(User, on_delete="CASCADE")
    token_sha256 = CharField(64, unique=True)
    created_time = Instant(index=True)
    seen_time = Instant()
    address = CharField(45, default="")
    agent = CharField(200, default="")

    class Meta:
        named = ("user",)
        unwatched = ("seen_time",)
        secret = ("token_sha256",)


class PersonLink(Row):
    """An invitation, or a link to choose a new password. Of its token only the SHA-256 is kept."""

    user = ForeignKeyField(User, on_delete="CASCADE", backref="links")
    purpose = CharField(6)  # invite, reset
    token_sha256 = CharField(64, unique=True)
    created_time = Instant()
    created_by = ForeignKeyField(User, null=True, on_delete="SET NULL", index=False, backref="links_made")
    expires_time = Instant()
    used_time = Instant(null=True)

    class Meta:
        named = ("user", "purpose")
        secret = ("token_sha256",)
        constraints = [Check("purpose IN ('invite', 'reset')")]


class AttemptCount(Row):
    """How often something was tried in a span of time; shared by all processes. See `throttle`."""

    key = CharField(255, unique=True)
    count = IntegerField()
    expires_time = Instant(index=True)

    class Meta:
        watched = False


class ApiToken(Row):
    """A token for a program or a device. Only its SHA-256 is kept: 256 random bits need no slow hash."""

    name = CharField(64)
    scope = CharField(8, default="")  # scan: of a device, may call only what `access.scanner` opens; '': a program
    rights = TextField(default="*")  # of a program: the rights it was given, parted by blanks; *: all of its person's
    user = ForeignKeyField(User, on_delete="CASCADE")
    sha256 = CharField(64, unique=True)
    created_time = Instant()
    last_used_time = Instant(null=True)
    revoked_time = Instant(null=True)

    class Meta:
        named = ("name", "user")
        unwatched = ("last_used_time",)
        secret = ("sha256",)


class AuditEntry(Row):
    """Who did what, when, from where: lines are only added, and each holds the hash of the one before.

    `body` is the line itself, as JSON; the other columns repeat what is searched for. The database refuses to change
    or delete it (migration 0011). `position` and `hash` are filled in when the line joins the chain.
    """

    time = Instant(index=True)
    user = IntegerField(null=True, index=True)  # User; a number, since a person may go and the line stays
    actor = CharField(64)
    verb = CharField(16)
    kind = CharField(32)
    key = CharField(64, default="")
    body = TextField()
    position = IntegerField(null=True, unique=True)
    hash = CharField(64, default="")

    class Meta:
        watched = False
        indexes = ((("kind", "key"), False),)


class InstallationNote(Row):
    """What all hosts of one installation share: marks of their keys, when the last backup was made. No secret."""

    name = CharField(40, unique=True)
    value = TextField()

    class Meta:
        watched = False


class FormAnswer(Row):
    """Where a form that made something led to, so that the same form sent again leads there and makes nothing."""

    key = CharField(64, unique=True)  # SHA-256 of who sends where, and of the key in the form
    body_sha256 = CharField(64)  # of who sent what
    location = TextField()  # '' while it is at work
    created_time = Instant(index=True)

    class Meta:
        watched = False
