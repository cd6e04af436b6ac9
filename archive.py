"""Kept files: bytes ↔ a file named by its SHA-256. What is in the archive never changes.

They lie in a folder of this machine, or in a bucket of a store that speaks S3 (`buckets.py`); the rest of the service
does not know which. The folder is written by our own code and not by obstore's LocalStore, which does not sync: what is
acknowledged here is on the disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import buckets
from config import Bucket, Store
from errors import N_, UserError

_MISSING = N_("The kept file %(sha256)s is missing. Tell the administrator: it must come back from the backup.")
_CHANGED = N_("The kept file %(sha256)s was changed. Tell the administrator: it must come back from the backup.")


class ArchiveFault(UserError):
    """A kept file is missing or is not what was kept; the message names it. `found`: what lies in its place."""

    status = 500
    found: bytes | None = None


def keep(place: Store, data: bytes, *, suffix: str = ".pdf", shown_as: str = "") -> str:
    """Keep `data` below `place`; gives its SHA-256. When this returns the file is kept, whole.

    On the disk it is written beside its place, synced and renamed: a crash leaves either no file or the whole one. A
    store is given it with its SHA-256 and either has it then or has not. `shown_as`: the name, in plain ASCII, under
    which a browser saves it that fetches it by a link. Raises Unavailable when the store does not answer.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    if isinstance(place, Bucket):
        name = _name(sha256, suffix)
        # Whoever kept the same before kept the same; what is not whole (somebody else wrote it) is replaced.
        if not buckets.put(place, name, data, shown_as=shown_as) and _sha256_of(buckets.get(place, name)) != sha256:
            buckets.put(place, name, data, shown_as=shown_as, instead=True)
        return sha256
    path = place / _name(sha256, suffix)
    if path.exists() and _sha256_of(path.read_bytes()) == sha256:
        return sha256
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{sha256}.{secrets.token_hex(4)}")
    try:
        with draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    for directory in (path.parent, place):  # the name, too, must survive a power cut
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return sha256


def read(place: Store, sha256: str, *, suffix: str = ".pdf") -> bytes:
    """The kept file. Raises ArchiveFault when it is missing or its content is not what its name says, Unavailable when
    the store does not answer."""
    name = _name(sha256, suffix)
    try:
        data = buckets.get(place, name) if isinstance(place, Bucket) else (place / name).read_bytes()
    except FileNotFoundError as error:
        raise ArchiveFault(_MISSING, sha256=sha256) from error
    if _sha256_of(data) != sha256:
        fault = ArchiveFault(_CHANGED, sha256=sha256)
        fault.found = data
        raise fault
    return data


def link(place: Store, sha256: str, good_for: timedelta, *, suffix: str = ".pdf") -> str:
    """An address at the store by which anybody may fetch the file for so long; '' when it has none to give.

    Raises ArchiveFault when the file is missing. Whether it was changed is not looked at: it does not come by here.
    """
    if not isinstance(place, Bucket) or not good_for:
        return ""
    if not buckets.there(place, _name(sha256, suffix)):
        raise ArchiveFault(_MISSING, sha256=sha256)
    return buckets.link(place, _name(sha256, suffix), good_for)


def names(place: Store) -> Iterator[str]:
    """What lies there, like `ab/ab….pdf`, in order; also what is not ours. Drafts of files that are not kept yet are
    left out."""
    if isinstance(place, Bucket):
        found: Iterator[str] = buckets.names(place)
    else:
        found = (path.relative_to(place).as_posix() for path in sorted(place.glob("*/*")))
    return (name for name in found if not name.rpartition("/")[2].startswith("."))


def read_many(place: Store, wanted: list[tuple[str, str]]) -> Iterator[tuple[str, str, bytes | ArchiveFault]]:
    """Many files (SHA-256, suffix), in this order, each with what became of it; from a store some at a time, since each
    costs a way there and back."""

    def one(each: tuple[str, str]) -> tuple[str, str, bytes | ArchiveFault]:
        try:
            return *each, read(place, each[0], suffix=each[1])
        except ArchiveFault as fault:
            return *each, fault

    if not isinstance(place, Bucket):
        yield from map(one, wanted)
        return
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for start in range(0, len(wanted), _AT_ONCE):
            yield from pool.map(one, wanted[start : start + _AT_ONCE])


_AT_ONCE = 8


def discard(place: Store, sha256: str, *, suffix: str = ".pdf") -> None:
    """Throw away a file that nothing names any more: the second of two that were made of one paper, a result of a job
    whose time is over. One that is gone already is no fault."""
    name = _name(sha256, suffix)
    if isinstance(place, Bucket):
        buckets.discard(place, name)
    else:
        (place / name).unlink(missing_ok=True)


def _sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _name(sha256: str, suffix: str) -> str:
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise ValueError("not a SHA-256")
    return f"{sha256[:2]}/{sha256}{suffix}"
