"""Signed-in browsers, a row each: so that a session ends at its time, at logout, and when somebody ends it elsewhere.

The cookie holds a random token beside what the login library keeps there; without its row it opens nothing.
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, current_app, request, session
from flask_login import user_logged_in, user_logged_out
from flask_security.utils import set_request_attr

from accounts.models import User, UserSession
from accounts.tokens import token_hash
from config import Settings
from database import in_one, only_if_free, utc_now
from prepared_statements import Slot, prepared

_KEY = "sid"
#: What of an old session goes over into a new one: nothing but the language, and what the login itself has put there.
_KEPT = {"language", "_user_id", "_fresh", "_id", "fs_oauth_next", "tf_remember_login", "_flashes"}
#: A browser names those that it wants to pass for, too: the most special first.
_BROWSERS = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
_NOTED_EVERY = timedelta(minutes=1)


def init_sessions(app: Flask) -> None:
    """Let rows decide who is signed in; to be called after the login library is there."""
    app.login_manager.user_loader(_person)  # type: ignore[attr-defined]
    user_logged_in.connect(_begun, app)
    user_logged_out.connect(_ended, app)


def begin(user: User, now: datetime, address: str = "", agent: str = "") -> str:
    """A new session; gives its token."""
    token = secrets.token_urlsafe(32)
    UserSession.create(
        user=user, token_sha256=token_hash(token), created_time=now, seen_time=now, address=address[:45],
        agent=agent.replace("\0", "")[:200],
    )  # fmt: skip
    return token


def current_session() -> UserSession | None:
    """The row of the browser that asks."""
    token = session.get(_KEY)
    return UserSession.get_or_none(UserSession.token_sha256 == token_hash(token)) if isinstance(token, str) else None


def open_sessions(user: User, now: datetime) -> list[UserSession]:
    """The browsers in which a person is signed in, the last used first."""
    return list(
        UserSession.select().where(UserSession.user == user, *_not_over(now)).order_by(UserSession.seen_time.desc())
    )


def browser_of(agent: str) -> str:
    """What a browser says of itself, as people know it: `Firefox · Android 14`. What is not known stays as it is."""
    name = next((name for mark, name in _BROWSERS.items() if mark in agent), "")
    system = re.search(r"\((?:X11; |Windows; |compatible; )?([^;)]{2,40})(?:; (Android [0-9.]+))?", agent)
    if not name or system is None:
        return agent[:60]
    return f"{name} · {system[2] or system[1]}"


def end_session(user: User, id: int) -> None:
    """End one of a person's sessions; another's is left alone."""
    UserSession.delete().where(UserSession.user == user, UserSession.id == id).execute()


def end_all(user: User, but: UserSession | None = None) -> int:
    """End all sessions of a person, or all others. Gives how many."""
    query = UserSession.delete().where(UserSession.user == user)
    return int((query.where(UserSession.id != but.id) if but else query).execute())


def _not_over(now: datetime) -> tuple[Any, Any]:
    """When the clock was set back, what was begun and seen before is of the future. It stays within reason; what was
    begun under a clock that was wrong by years would last as long."""
    settings: Settings = current_app.config["ROUNDTRIP"]
    until = now + settings.session_lifetime
    return UserSession.seen_time.between(now - settings.session_idle, until), UserSession.created_time.between(
        now - settings.session_lifetime, until
    )


def _person(uniquifier: str) -> User | None:
    """Who is signed in by this cookie: called by the login library once a request."""
    token = session.get(_KEY)
    if not isinstance(token, str):
        return None
    now = utc_now()
    settings: Settings = current_app.config["ROUNDTRIP"]
    longest = settings.session_lifetime
    rows = _sessions.models(
        token_hash(token), str(uniquifier), now - settings.session_idle, now - longest, now + longest
    )  # as _not_over
    if not rows:
        return None
    row = rows[0]
    if abs(now - row.seen_time) > _NOTED_EVERY:
        begun = min(row.created_time, now)  # of the future: it lasts no longer than one that begins now
        with only_if_free():
            UserSession.update(seen_time=now, created_time=begun).where(UserSession.id == row.id).execute()
    set_request_attr("fs_authn_via", "session")  # what the library's own loader tells its pages
    set_request_attr("fs_paa", session.get("fs_paa", 0))
    return row.user


@prepared
def _sessions(token_sha256: Slot, uniquifier: Slot, seen_since: Slot, created_since: Slot, until: Slot) -> Any:
    return (
        UserSession.select(UserSession, User)
        .join(User)
        .where(
            UserSession.token_sha256 == token_sha256, User.fs_uniquifier == uniquifier, User.active,
            UserSession.seen_time >= seen_since, UserSession.created_time >= created_since,
            UserSession.seen_time <= until, UserSession.created_time <= until,
        )
    )  # fmt: skip


def _begun(app: Flask, user: User, **_: Any) -> None:
    """Whatever was in the cookie before is left behind: nobody can prepare a session for someone else."""
    for key in set(session) - _KEPT:
        del session[key]
    now = utc_now()
    longest: timedelta = app.config["ROUNDTRIP"].session_lifetime
    with in_one():  # in its turn: who only asks SQLite again and again gets none while devices upload
        UserSession.delete().where(~UserSession.created_time.between(now - longest, now + longest)).execute()
        session[_KEY] = begin(user, now, request.remote_addr or "", request.user_agent.string)
        User.update(signed_in_time=now).where(User.id == user.id).execute()


def _ended(app: Flask, **_: Any) -> None:
    token = session.pop(_KEY, None)
    if isinstance(token, str):
        UserSession.delete().where(UserSession.token_sha256 == token_hash(token)).execute()
