"""Kept files: bytes ↔ a file named by its SHA-256. What is in the archive never changes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from pathlib import Path

from errors import N_, UserError

_MISSING = N_("The kept file %(sha256)s is missing. Tell the administrator: it must come back from the backup.")
_CHANGED = N_("The kept file %(sha256)s was changed. Tell the administrator: it must come back from the backup.")


class ArchiveFault(UserError):
    """A kept file is missing or is not what was kept; the message names it."""

    status = 500


def keep(folder: Path, data: bytes, *, suffix: str = ".pdf") -> str:
    """Keep `data` below `folder`; gives its SHA-256. When this returns the file is on the disk, whole.

    Written beside its place, synced and renamed: a crash leaves either no file or the whole one.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    path = _path(folder, sha256, suffix)
    if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
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
    for directory in (path.parent, folder):  # the name, too, must survive a power cut
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return sha256


def read(folder: Path, sha256: str, *, suffix: str = ".pdf") -> bytes:
    """The kept file. Raises ArchiveFault when it is missing or its content is not what its name says."""
    try:
        data = _path(folder, sha256, suffix).read_bytes()
    except FileNotFoundError as error:
        raise ArchiveFault(_MISSING, sha256=sha256) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ArchiveFault(_CHANGED, sha256=sha256)
    return data


def remove(folder: Path, sha256: str, *, suffix: str = ".pdf") -> None:
    """Remove a file that was kept for a time only; one that is gone already is no fault."""
    _path(folder, sha256, suffix).unlink(missing_ok=True)


def _path(folder: Path, sha256: str, suffix: str) -> Path:
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise ValueError("not a SHA-256")
    return folder / sha256[:2] / f"{sha256}{suffix}"
