"""Kept files in a store that speaks S3, by the library obstore: put if absent, get, list, signed links.

A store that does not answer is `Unavailable("no_files")`, within `_PATIENCE` for each request with its repeats.

obstore's threads do not outlive a fork: a process that has spoken to a store must not fork another one that does, too.
`serve` does what it does before its fork in a process of its own; a child that would wait for ever is told so instead.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config import Bucket
from errors import Unavailable

if TYPE_CHECKING:
    from obstore.store import S3Store

log = logging.getLogger("roundtrip")

#: One try, and all tries of a request together. A phone that uploads a photo waits for 30 s.
_TRY, _PATIENCE = timedelta(seconds=10), timedelta(seconds=15)
_TYPES = {".pdf": "application/pdf", ".jpg": "image/jpeg", ".png": "image/png", ".zip": "application/zip"}

_spoke: int | None = None  # the process that spoke to a store first


class StoreFault(Exception):
    """The store answers, and cannot be used as it is: `str()` says why in one line."""


def put(bucket: Bucket, name: str, data: bytes, *, shown_as: str = "", instead: bool = False) -> bool:
    """Keep `data`; False when there is an object of this name, which stays as it is unless `instead`.

    The store is told the SHA-256, so that it refuses what was changed on the way. `shown_as`: the name under which a
    browser saves it from a signed link.
    """
    import obstore
    from obstore.exceptions import AlreadyExistsError, PreconditionError

    attributes = {"Content-Type": _TYPES.get(Path(name).suffix, "application/octet-stream")}
    if shown_as:
        attributes["Content-Disposition"] = f'inline; filename="{shown_as}"'
    try:
        obstore.put(
            _store(bucket), name, data, mode="overwrite" if instead else "create", attributes=attributes,
            use_multipart=False,
        )  # fmt: skip
    except (AlreadyExistsError, PreconditionError):
        return False
    except Exception as error:
        raise _told(error) from error
    return True


def get(bucket: Bucket, name: str) -> bytes:
    """What is kept under this name. Raises FileNotFoundError when nothing is."""
    import obstore

    try:
        return bytes(obstore.get(_store(bucket), name).bytes())
    except Exception as error:
        raise _told(error) from error


def there(bucket: Bucket, name: str) -> bool:
    """Whether something is kept under this name."""
    import obstore

    try:
        obstore.head(_store(bucket), name)
    except Exception as error:
        told = _told(error)
        if isinstance(told, FileNotFoundError):
            return False
        raise told from error
    return True


def names(bucket: Bucket) -> Iterator[str]:
    """The names of all that is kept in this folder, in their order; a thousand are asked for at a time."""
    import obstore

    try:
        for some in obstore.list(_store(bucket), chunk_size=1_000):
            yield from (one["path"] for one in some)
    except Exception as error:
        raise _told(error) from error


def names_before(bucket: Bucket, time: datetime) -> Iterator[str]:
    """The names of what was put here before this time."""
    import obstore

    try:
        for some in obstore.list(_store(bucket), chunk_size=1_000):
            yield from (one["path"] for one in some if one["last_modified"] < time)
    except Exception as error:
        raise _told(error) from error


def link(bucket: Bucket, name: str, good_for: timedelta) -> str:
    """An address by which anybody may fetch the object for so long. It is reckoned here; the store is not asked."""
    import obstore

    return obstore.sign(_store(bucket), "GET", name, good_for)


def discard(bucket: Bucket, name: str) -> None:
    """Throw away what is kept under this name."""
    import obstore

    try:
        obstore.delete(_store(bucket), name)
    except Exception as error:
        raise _told(error) from error


def try_it(bucket: Bucket) -> None:
    """See whether the store does what we rely on: keep what it is given, refuse to replace it, and give it back.

    Raises StoreFault when it answers and does not, Unavailable when it does not answer.
    """
    name = f".tried-{os.urandom(8).hex()}"
    try:
        put(bucket, name, b"1")
        replaced = put(bucket, name, b"2")
        told = get(bucket, name)
        discard(bucket, name)
    except FileNotFoundError as error:
        raise StoreFault(f"there is no bucket {bucket.name}") from error
    if replaced or told != b"1":
        raise StoreFault("this store replaces what it was asked to keep (it ignores If-None-Match: *)")


def _store(bucket: Bucket) -> S3Store:
    global _spoke
    _spoke = _spoke or os.getpid()
    if _spoke != os.getpid():
        raise RuntimeError("the process that made this one had spoken to the store of files; this one would hang")
    return _opened(bucket)


@lru_cache(maxsize=32)
def _opened(bucket: Bucket) -> S3Store:
    from obstore.store import S3Store

    options: dict[str, Any] = {"endpoint": bucket.endpoint} if bucket.endpoint else {}
    plain = bucket.endpoint.startswith("http://")
    return S3Store(
        bucket.name, prefix=bucket.folder or None, region=bucket.region, access_key_id=bucket.key,
        secret_access_key=bucket.secret, virtual_hosted_style_request=False, checksum_algorithm="SHA256",
        client_options={"timeout": _TRY, "connect_timeout": timedelta(seconds=3), "allow_http": plain},
        retry_config={
            "max_retries": 3, "retry_timeout": _PATIENCE,
            "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2},
        },
        **options,
    )  # fmt: skip


def _told(error: Exception) -> Exception:
    """What an error of obstore means to us."""
    from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

    text = str(error)
    if isinstance(error, FileNotFoundError) and "NoSuchBucket" not in text:
        return FileNotFoundError("no such object")
    if isinstance(error, BaseError | OSError):
        # Its text names the address and the answer of the store, but no secret: for the log, not for the page.
        log.error("the store of the files: %s", " ".join(text.split("Debug source")[0].split())[:500])
        if isinstance(error, PermissionDeniedError | UnauthenticatedError):
            log.error("the store of the files refuses the key of ROUNDTRIP_FILES_KEY, or what it asks for")
        return Unavailable("no_files")
    return error
