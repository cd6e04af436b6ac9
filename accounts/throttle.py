"""How often a password, a code or a link may be guessed. The library `limits` counts, in a table of the database: one
count for all processes, and it survives a restart.

An account and an address have a count each, and somebody who signed in before on the same browser has one of his own:
guesses from elsewhere never lock him out, and he does not count for his office's address.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NoReturn, TypeVar

from flask import Response, current_app, request
from itsdangerous import BadSignature
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from peewee import DatabaseError

from accounts.models import AttemptCount
from database import db, in_one, unavailable, utc_now
from errors import N_, UserError
from signatures import Signed

log = logging.getLogger("roundtrip.login")

Found = TypeVar("Found")

#: Wrong passwords (or codes) for one account, from browsers that it never signed in on.
PER_ACCOUNT = RateLimitItemPerMinute(10, 15)
#: The same from one such browser of the person.
PER_DEVICE = RateLimitItemPerMinute(10, 15)
#: Wrong passwords from one address, for any accounts, from browsers that are not known.
PER_ADDRESS = RateLimitItemPerMinute(50, 15)
#: Links, and codes of papers, that do not exist, from one address.
LINKS = RateLimitItemPerHour(30)
#: Labels that are opened from one address without signing in: a truck full of boxes, and not the whole fleet.
LABELS = RateLimitItemPerHour(300)

COOKIE = "known_device"

_COOKIE_DAYS = 365
_MOST_PEOPLE = 8  # that one browser is remembered for: a shared handheld


class TooManyAttempts(UserError):
    """Nothing is tried any more for a while, not even what would be right. `retry_after`: seconds."""

    status = 429

    def __init__(self, retry_after: int) -> None:
        minutes = max(1, -(-retry_after // 60))
        super().__init__(N_("That was tried too often. Wait %(minutes)s minutes, then try again."), minutes=minutes)
        self.retry_after = max(1, retry_after)


class CountsInDatabase(Storage):
    """Counters of `limits` in our table: it has none for SQL, and what it keeps in memory no other process sees."""

    STORAGE_SCHEME = ["roundtrip"]

    @property
    def base_exceptions(self) -> type[Exception]:
        return DatabaseError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """One statement that adds and answers: two at once are never counted as one."""
        now = utc_now()
        key = _short(key)
        with in_one():  # in its turn, as in `sessions`
            AttemptCount.delete().where(AttemptCount.expires_time < now).execute()
            query = AttemptCount.insert(
                key=key, count=amount, expires_time=now + timedelta(seconds=expiry)
            ).on_conflict(conflict_target=[AttemptCount.key], update={AttemptCount.count: AttemptCount.count + amount})
            [row] = list(query.returning(AttemptCount.count).execute())  # SQLite ends nothing that is half read
        return int(row.count)

    def get(self, key: str) -> int:
        row = self._row(key)
        return row.count if row else 0

    def get_expiry(self, key: str) -> float:
        row = self._row(key)
        return row.expires_time.timestamp() if row else time.time()

    def check(self) -> bool:
        return not db.is_closed()

    def reset(self) -> int | None:
        return int(AttemptCount.delete().execute())

    def clear(self, key: str) -> None:
        with in_one():
            AttemptCount.delete().where(AttemptCount.key == _short(key)).execute()

    def _row(self, key: str) -> AttemptCount | None:
        return AttemptCount.get_or_none(AttemptCount.key == _short(key), AttemptCount.expires_time >= utc_now())


_limiter = FixedWindowRateLimiter(CountsInDatabase())


def _short(key: str) -> str:
    """A name of any length that somebody typed, as a key of the table; and no names in it."""
    return hashlib.sha256(key.encode()).hexdigest()


@dataclass(frozen=True)
class Attempt:
    """One try for an account, counted already. Say `right()` when it was."""

    what: str
    account: str
    device: str  # '' when the browser is not known to the account

    def right(self) -> None:
        """The guesses before were typing errors of the rightful person."""
        _limiter.clear(*self._own)

    @property
    def _own(self) -> tuple[RateLimitItem, str, str, str]:
        if self.device:
            return (PER_DEVICE, self.what, self.account, self.device)
        return (PER_ACCOUNT, self.what, self.account, "")

    def wrong(self) -> None:
        """Count it for the address, and write it to the log."""
        if not self.device:
            _limiter.hit(PER_ADDRESS, "address", _address())
        log.warning("%s refused address=%s account=%s", self.what, _address(), _short(self.account)[:12])


def attempt(what: str, account: str) -> Attempt:
    """Begin a try of `what` (password, code) for an account. Raises TooManyAttempts.

    It is counted before it is judged, so that many at once are not all judged before the first one counts.
    """
    account = account.strip().lower()
    one = Attempt(what, account, _known_device(account))
    if not one.device and not _limiter.test(PER_ADDRESS, "address", _address()):
        _refuse(PER_ADDRESS, "address", _address())
    if not _limiter.hit(*one._own):
        _refuse(*one._own)
    return one


def look_up(find: Callable[[], Found | None]) -> Found | None:
    """Find a link by its token; guessed ones are counted for the address. Raises TooManyAttempts."""
    if not _limiter.test(LINKS, "link", _address()):
        _refuse(LINKS, "link", _address())
    found = find()
    if found is None:
        _limiter.hit(LINKS, "link", _address())
    return found


def open_label() -> None:
    """Count a label, ours or not, that somebody opens who is not signed in. Raises TooManyAttempts."""
    if not _limiter.test(LABELS, "label", _address()):
        _refuse(LABELS, "label", _address())
    try:
        _limiter.hit(LABELS, "label", _address())
    except Exception as error:
        if unavailable(error) is None:
            raise  # who finds a box is told whose it is, also while nothing can be written


def _refuse(item: RateLimitItem, *key: str) -> NoReturn:
    until = datetime.fromtimestamp(_limiter.get_window_stats(item, *key).reset_time, UTC)
    log.warning("too many attempts %s address=%s", key[0], _address())
    raise TooManyAttempts(int((until - utc_now()).total_seconds()))


def _address() -> str:
    return request.remote_addr or ""


def _signer() -> Signed:
    return Signed(str(current_app.config["SECRET_KEY"]), salt="known-device")


def cookie_name() -> str:
    """Of the cookie of known browsers: behind https one that no other host of the same domain can set."""
    return f"__Host-{COOKIE}" if current_app.config["SESSION_COOKIE_SECURE"] else COOKIE


def _cookie() -> dict[str, object]:
    try:
        read = _signer().loads(request.cookies.get(cookie_name(), ""), max_age=_COOKIE_DAYS * 86_400)
    except BadSignature:
        return {}
    return read if isinstance(read, dict) else {}


def _known_device(account: str) -> str:
    read = _cookie()
    people = read.get("people")
    return str(read.get("id", "")) if isinstance(people, list) and _short(account)[:16] in people else ""


def remember_device(response: Response, account: str) -> Response:
    """Let this browser be known to the account from now on: a signed cookie, which opens nothing by itself."""
    read = _cookie()
    mark = _short(account.strip().lower())[:16]
    known = read.get("people")
    people = [one for one in known if one != mark] if isinstance(known, list) else []
    value = {"id": read.get("id") or secrets.token_urlsafe(16), "people": [mark, *people][:_MOST_PEOPLE]}
    response.set_cookie(
        cookie_name(), _signer().dumps(value), max_age=_COOKIE_DAYS * 86_400, httponly=True, samesite="Lax",
        secure=current_app.config["SESSION_COOKIE_SECURE"], path="/",
    )  # fmt: skip
    return response
