"""The keys that all hosts of one installation must share: with another one, a host would end the sessions that the
others began, and could not read the second factors that they wrote. The database holds a mark of each, not the key."""

from __future__ import annotations

import hashlib
import hmac

from peewee import SqliteDatabase

from accounts.models import InstallationNote
from config import Settings
from database import db, in_one


def other_keys(settings: Settings) -> list[str]:
    """The settings whose key is not the one that this database knows. The first host to come lays down its own.

    On SQLite there is one host, and none to differ from.
    """
    if isinstance(db.obj, SqliteDatabase):
        return []
    with in_one():
        found = []
        for setting, mark in _marks(settings).items():
            InstallationNote.insert(name=_name(setting), value=mark).on_conflict_ignore().execute()
            if InstallationNote.get(InstallationNote.name == _name(setting)).value != mark:
                found.append(setting)
        return found


def accept_keys(settings: Settings) -> None:
    """From now on the keys of this host are the ones: all hosts were given new ones, or a backup held none."""
    with in_one():
        for setting, mark in _marks(settings).items():
            InstallationNote.delete().where(InstallationNote.name == _name(setting)).execute()
            if not isinstance(db.obj, SqliteDatabase):
                InstallationNote.create(name=_name(setting), value=mark)


def _marks(settings: Settings) -> dict[str, str]:
    keys = {"ROUNDTRIP_SECRET_KEY": settings.secret_key, "ROUNDTRIP_TOTP_KEY": settings.totp_key or settings.secret_key}
    return {
        setting: hmac.new(key.encode(), f"mark of {setting}".encode(), hashlib.sha256).hexdigest()
        for setting, key in keys.items()
    }


def _name(setting: str) -> str:
    return f"mark of {setting}"
