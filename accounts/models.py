"""Who may come in: people, their roles, and tokens for programs."""

from flask_security import RoleMixin, UserMixin
from peewee import BooleanField, CharField, ForeignKeyField, TextField

from database import Instant, Row


class Role(RoleMixin, Row):
    name = CharField(32, unique=True)
    description = CharField(255, default="")


class User(UserMixin, Row):  # UserMixin first: peewee has a get_id() too, the wrong one for a session
    email = CharField(255, unique=True)
    username = CharField(64, unique=True)
    password = TextField()  # Argon2id hash
    active = BooleanField(default=True)
    fs_uniquifier = CharField(64, unique=True)  # a new one ends all sessions of this person
    must_change_password = BooleanField(default=False)
    language = CharField(2, default="")  # en, zh; empty: what the browser asks for
    created_time = Instant()

    @property
    def roles(self) -> list[Role]:  # type: ignore[override]
        return list(Role.select().join(UserRole).where(UserRole.user == self))


class UserRole(Row):
    user = ForeignKeyField(User, on_delete="CASCADE")
    role = ForeignKeyField(Role, on_delete="RESTRICT")

    class Meta:
        indexes = ((("user", "role"), True),)


class ApiToken(Row):
    """A token for a program or a device. Only its SHA-256 is kept: 256 random bits need no slow hash."""

    name = CharField(64)
    scope = CharField(8, default="")  # scan: of a device, may call only what `access.scanner` opens to it; '': all
    user = ForeignKeyField(User, on_delete="CASCADE")
    sha256 = CharField(64, unique=True)
    created_time = Instant()
    last_used_time = Instant(null=True)
    revoked_time = Instant(null=True)
