"""`flask backup FILE` and `flask restore FILE`: all of a running service in one file, and back into an empty place.

What is in it: the database as it was at one moment, and then the kept files. In this order nothing can be missing: a
file is on the disk before the row that names it is committed, it never changes, and nothing of the service deletes one.
So whatever the copy of the database names lies there when it is read afterwards, however much is written meanwhile. Of
the issued papers only those that the copy names are taken; photos, pictures and packs all, since a photo may wait for
the scan that will name it.

The archive is a tar. Without a key it is followed by the SHA-256 of all of it (`tar -tf` reads it all the same). With
ROUNDTRIP_BACKUP_KEY it is encrypted: a head of magic and salt, then pieces of 64 KiB, each AES-256-GCM under a key that
scrypt makes of the secret and the salt; the nonce is the count of the piece and whether it is the last (the STREAM
construction), the head is authenticated with each. So a byte that is wrong, missing, moved or added anywhere is found
before anything is put in place. The last member, manifest.json, names each other with its size and SHA-256.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import re
import secrets
import shutil
import sqlite3
import struct
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from peewee import SqliteDatabase

import archive
from accounts.models import InstallationNote
from config import ROOT, Settings, Store
from database import applied_migrations, db, in_steps, one_view, tables
from docs_gen.models import IssuedDocument

FORMAT = 1
_SEALED = b"ROUNDTRIP-SEALED-1\n"
_PLAIN = b"\nROUNDTRIP-PLAIN-1 sha256 "  # then 64 hex digits and a line feed: the end of an archive without a key
_TRAILER = len(_PLAIN) + 65
_PIECE = 64 * 1024
_TAG = 16
_BLOCK = 1 << 20
_SOME = 64  # kept files that are read at a time: the largest has 10 MB
_LAST = "last_backup.json"
_SQLITE, _POSTGRESQL = "database.sqlite3.gz", "database.pgdump"
_KEYS = ("secret.key", "totp.key")
_FOLDERS = {"files": ".pdf", "photos": ".jpg", "pictures": ".png", "packs": ".zip"}
_MEMBER = re.compile(
    r"(files/[0-9a-f]{2}/[0-9a-f]{64}\.pdf|photos/[0-9a-f]{2}/[0-9a-f]{64}\.jpg|pictures/[0-9a-f]{2}/[0-9a-f]{64}\.png"
    r"|packs/[0-9a-f]{2}/[0-9a-f]{64}\.zip|database\.sqlite3\.gz|database\.pgdump|secret\.key|totp\.key|manifest\.json)"
)
_DAY = 24 * 3600
_DAMAGED = "The backup is damaged: it is not what was written. Take another one."


class BackupFault(Exception):
    """A backup cannot be made or taken; `str()` says in one sentence why."""


@dataclass(frozen=True)
class Kept:
    """The last backup that was written whole and read back."""

    time: datetime  # of the copy of the database
    size: int  # bytes
    file: str  # its name, without the folder
    encrypted: bool


@dataclass(frozen=True)
class Made:
    """What a backup or a restore dealt with. `faults`: kept files that are missing or changed, a sentence each."""

    time: datetime
    size: int
    files: int
    rows: int
    encrypted: bool
    keys: bool
    faults: tuple[str, ...] = ()


def last_good(settings: Settings) -> datetime | None:
    """When the last backup was made that was whole; None: there is none that this data folder knows of."""
    kept = last_kept(settings)
    return kept.time if kept else None


def last_kept(settings: Settings) -> Kept | None:
    """The same, with its size and name. Another host may have made it: the database is told of it, too, except on
    SQLite, where a backup changes nothing that it copies."""
    told = [_kept_of(_text_of(settings.data_dir / _LAST))]
    if not isinstance(db.obj, SqliteDatabase):
        note = InstallationNote.get_or_none(InstallationNote.name == _LAST)
        told.append(_kept_of(note.value if note else ""))
    return max((one for one in told if one), key=lambda one: one.time, default=None)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def _kept_of(text: str) -> Kept | None:
    try:
        said = json.loads(text)
        return Kept(datetime.fromisoformat(said["time"]), int(said["size"]), str(said["file"]), bool(said["encrypted"]))
    except (ValueError, KeyError, TypeError):
        return None


# making one


def backup(target: Path, settings: Settings, now: datetime) -> Made:
    """Write all of the service to `target`, beside it first; it appears under its name whole, on the disk, and read
    back. The service may run. The caller has a connection.

    Raises BackupFault: `target` is there already or lies in the data folder, pg_dump is missing or fails, no space.
    """
    target = target.absolute()
    if target.exists():
        raise BackupFault(f"{target} is there already; a backup replaces nothing.")
    if target.resolve().is_relative_to(settings.data_dir.resolve()):
        raise BackupFault(f"{target} lies in the data folder; a backup belongs on another disk.")
    key = settings.backup_key
    try:
        _sweep(target.parent)
        with tempfile.TemporaryDirectory(prefix=".roundtrip-backup-", dir=target.parent) as name:
            draft, copy = Path(name) / "archive", Path(name) / "database"
            faults: list[str] = []
            with _private(draft) as file:
                out = _Sealing(file, key) if key else _Summing(file)
                said = _write(out, copy, settings, now, faults)
                out.finish()
                file.flush()
                os.fsync(file.fileno())
            size = draft.stat().st_size
            copy.unlink(missing_ok=True)
            with draft.open("rb") as file:  # what cannot be read back is no backup
                for _ in _members(file, key):
                    pass
            draft.rename(target)
            _sync_folder(target.parent)
    except OSError as error:
        raise BackupFault(f"The backup could not be written: {error.strerror or error}.") from error
    if not faults:
        told = {"time": now.isoformat(), "size": size, "file": target.name, "encrypted": bool(key)}
        _replace(settings.data_dir / _LAST, json.dumps(told).encode())
        if not isinstance(db.obj, SqliteDatabase):
            note = InstallationNote.insert(name=_LAST, value=json.dumps(told))
            note.on_conflict(
                conflict_target=[InstallationNote.name], update={InstallationNote.value: json.dumps(told)}
            ).execute()
    return Made(now, size, said["files"], sum(said["counts"].values()), bool(key), bool(key), tuple(faults))


def _write(out: Any, copy: Path, settings: Settings, now: datetime, faults: list[str]) -> dict[str, Any]:
    members: dict[str, list[Any]] = {}
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:

        def add(name: str, file: IO[bytes], size: int) -> str:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = size, 0o600, int(now.timestamp())
            reading = _Hashed(file)
            tar.addfile(entry, reading)  # type: ignore[arg-type]  # read() is all that it asks for
            tar.members.clear()  # type: ignore[attr-defined]  # it would remember each
            members[name] = [size, reading.sha256.hexdigest()]
            return reading.sha256.hexdigest()

        with one_view():  # one moment for the copy, the counts and the names
            counts = {table: _count(table) for table in tables()}
            names = _POSTGRESQL, _dump_postgresql
            if isinstance(db.obj, SqliteDatabase):
                names = _SQLITE, _copy_sqlite
            names[1](copy)
            papers = IssuedDocument.select(IssuedDocument.id, IssuedDocument.sha256)
            wanted = in_steps(papers.where(IssuedDocument.state != "numbered"), IssuedDocument.id)
            named = [bytes.fromhex(sha256) for _, sha256 in wanted]
            migrations = applied_migrations()
        with copy.open("rb") as file:
            add(names[0], file, copy.stat().st_size)
        files = 0
        for folder, suffix in _FOLDERS.items():
            wanted_here = _kept_names(settings.kept / folder, folder, suffix, named)
            while some := list(islice(wanted_here, _SOME)):
                for sha256, _, data in archive.read_many(settings.kept / folder, [(one, suffix) for one in some]):
                    name = f"{folder}/{sha256[:2]}/{sha256}{suffix}"
                    if isinstance(data, archive.ArchiveFault):
                        lost = data.found is None
                        what = "missing: a paper names it" if lost else "not what was kept: it was changed"
                        faults.append(f"{name} is {what}")
                        if lost:
                            continue
                    content = data if isinstance(data, bytes) else data.found or b""
                    add(name, io.BytesIO(content), len(content))
                    files += 1
        for name in _KEYS if settings.backup_key else ():
            with contextlib.suppress(FileNotFoundError):
                data = (settings.data_dir / name).read_bytes()
                add(name, io.BytesIO(data), len(data))
        said = {
            "format": FORMAT, "time": now.isoformat(), "database": names[0], "migrations": migrations,
            "counts": counts, "files": files, "members": dict(members),
        }  # fmt: skip
        data = json.dumps(said, ensure_ascii=False).encode()
        add("manifest.json", io.BytesIO(data), len(data))
    return said


def _kept_names(place: Store, folder: str, suffix: str, papers: Sequence[bytes]) -> Iterator[str]:
    """The SHA-256 of each file to be taken."""
    if folder == "files":
        yield from (sha256.hex() for sha256 in sorted(set(papers)))
        return
    for name in archive.names(place):
        if _MEMBER.fullmatch(f"{folder}/{name}"):
            yield name[3 : -len(suffix)]


def _count(table: str) -> int:
    return int(db.execute_sql(f'SELECT COUNT(*) FROM "{table}"').fetchone()[0])  # noqa: S608 (our own names)


def _copy_sqlite(copy: Path) -> None:
    """The database as this transaction sees it: SQLite's own online backup, within the transaction that is open."""
    plain = copy.with_suffix(".plain")
    with contextlib.closing(sqlite3.connect(plain)) as into:
        db.connection().backup(into)
        fault = into.execute("PRAGMA quick_check").fetchone()[0]
    if fault != "ok":
        raise BackupFault(f"The database is damaged, so no backup was made: {fault}.")
    with plain.open("rb") as file, gzip.open(copy, "wb", compresslevel=3) as packed:
        shutil.copyfileobj(file, packed, _BLOCK)
    plain.unlink()


#: What the driver's library says of every connection, and what that of PostgreSQL 14 and 15 takes for a mistake.
_NEWER = ("sslcertmode", "gssdelegation", "sslnegotiation", "load_balance_hosts", "min_protocol_version")


def _dump_postgresql(copy: Path) -> None:
    """The same by pg_dump, which is given the snapshot of the transaction that is open."""
    snapshot = db.execute_sql("SELECT pg_export_snapshot()").fetchone()[0]
    with _private(copy) as file:
        _run(["pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}"], stdout=file)


def _run(command: list[str], **files: Any) -> None:
    """Run a program of PostgreSQL against our database; the password is in its environment, which only we see."""
    from psycopg.conninfo import make_conninfo  # with SQLite it is not wanted

    tool = shutil.which(command[0])
    if tool is None:
        raise BackupFault(
            f"{command[0]} is missing: install the client programs of PostgreSQL (postgresql-client) of the version of "
            "the server or a newer one."
        )
    info = db.connection().info
    where = {name: value for name, value in info.get_parameters().items() if name not in _NEWER}
    done = subprocess.run(  # noqa: S603 (our own command)
        [tool, f"--dbname={make_conninfo(**where)}", *command[1:]],
        env={**os.environ, "PGPASSWORD": info.password},
        stderr=subprocess.PIPE, check=False, **files,
    )  # fmt: skip
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines() or [f"status {done.returncode}"]
        raise BackupFault(f"{command[0]} failed: {words[0]}")


# taking one


def restore(source: Path, settings: Settings) -> Made:
    """Put a backup into an empty data folder and an empty database, after every byte of it was looked at.

    The caller has a connection, and migrates and checks afterwards. Raises BackupFault: the place is not empty, the
    archive is damaged, cut off, of another key, another database or a newer version; then nothing was put in place.
    """
    _refuse_unless_empty(settings)
    try:
        with tempfile.TemporaryDirectory(prefix=".restore-", dir=settings.data_dir) as name:
            draft = Path(name)
            with source.open("rb") as file:
                said = _unpacked(file, settings, draft)
                size = os.fstat(file.fileno()).st_size
                sealed = _is_sealed(file)
            _refuse_what_does_not_fit(said)
            if said["database"] == _SQLITE:
                _unpack_sqlite(draft)
            os.sync()  # all of it is on the disk before anything of it has its name
            _put_in_place(draft, settings, said)
    except OSError as error:
        raise BackupFault(f"The backup could not be restored: {error.strerror or error}.") from error
    keys = any(name in said["members"] for name in _KEYS)
    rows = sum(said["counts"].values())
    return Made(datetime.fromisoformat(said["time"]), size, said["files"], rows, sealed, keys)


def _refuse_unless_empty(settings: Settings) -> None:
    folder = settings.data_dir
    if any(path.is_file() for name in _FOLDERS for path in (folder / name).glob("*/*")):
        raise BackupFault("The data folder is not empty; a backup is only restored into an empty one.")
    if settings.bucket and any(True for name in _FOLDERS for _ in archive.names(settings.kept / name)):
        raise BackupFault(
            "ROUNDTRIP_FILES_URL names a folder that is not empty; a backup is only restored into an empty one."
        )
    if tables():
        raise BackupFault("The database is not empty; a backup is only restored into an empty one.")


def _refuse_what_does_not_fit(said: dict[str, Any]) -> None:
    ours = _SQLITE if isinstance(db.obj, SqliteDatabase) else _POSTGRESQL
    if said["database"] != ours:
        here, there = ("SQLite", "PostgreSQL") if ours == _SQLITE else ("PostgreSQL", "SQLite")
        raise BackupFault(
            f"This is the backup of a database on {there}, and ROUNDTRIP_DATABASE_URL names one on {here}."
        )
    known = {path.stem for path in (ROOT / "migrations").glob("[0-9]*.py")}
    if newer := sorted(set(said["migrations"]) - known):
        raise BackupFault(f"This backup is of a newer version, which has the migration {newer[-1]}; install that one.")


def _unpacked(file: IO[bytes], settings: Settings, draft: Path) -> dict[str, Any]:
    """All members as files below `draft`, each held against the manifest; gives the manifest."""
    said: dict[str, Any] = {}
    for name, data in _members(file, settings.backup_key):
        if name == "manifest.json":
            said = data
            continue
        path = draft / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with _private(path) as out, _damage_told():
            shutil.copyfileobj(data, out, _BLOCK)
    return said


@contextlib.contextmanager
def _damage_told() -> Iterator[None]:
    """Whatever stumbles over wrong bytes says the same in the end."""
    try:
        yield
    except (tarfile.TarError, EOFError, ValueError, InvalidTag, struct.error) as error:
        raise BackupFault(_DAMAGED) from error


def _members(file: IO[bytes], key: str) -> Iterator[tuple[str, Any]]:
    """Each member with its content: a stream, of the manifest what it says. Ends only when all was as it must be."""
    found: dict[str, list[Any]] = {}
    said: dict[str, Any] = {}
    with _damage_told():
        source = _opened(file, key)
        with tarfile.open(fileobj=source, mode="r|") as tar:
            for entry in tar:
                if not entry.isreg() or not _MEMBER.fullmatch(entry.name) or entry.name in found or said:
                    raise BackupFault(_DAMAGED)
                content = tar.extractfile(entry)
                assert content
                if entry.name == "manifest.json":
                    said = json.loads(content.read())
                    continue
                reading = _Hashed(content)
                yield entry.name, reading
                while reading.read(_BLOCK):
                    pass
                found[entry.name] = [reading.size, reading.sha256.hexdigest()]
                tar.members.clear()  # type: ignore[attr-defined]  # it would remember each
        source.finish()
    if said.get("format") != FORMAT or said.get("members") != found:
        raise BackupFault(_DAMAGED)
    yield "manifest.json", said


def _unpack_sqlite(draft: Path) -> None:
    plain = draft / "database"
    try:
        with gzip.open(draft / _SQLITE) as packed, _private(plain) as file:
            shutil.copyfileobj(packed, file, _BLOCK)
        with contextlib.closing(sqlite3.connect(plain)) as copy:
            # Its bytes are those that were written; whether each index fits its table, the check that follows looks at.
            fault = copy.execute("PRAGMA quick_check").fetchone()[0]
    except (EOFError, gzip.BadGzipFile, sqlite3.DatabaseError) as error:
        raise BackupFault(f"The database in the backup is damaged: {error}.") from error
    if fault != "ok":
        raise BackupFault(f"The database in the backup is damaged: {fault}.")


def _give_to(place: Store, folder: Path, suffix: str) -> None:
    """What was changed before it came into the backup is left out; the check that follows says that it is missing."""
    for path in sorted(folder.glob("*/*")):
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() == path.stem:
            archive.keep(place, data, suffix=suffix)


def _put_in_place(draft: Path, settings: Settings, said: dict[str, Any]) -> None:
    """The database last: what was stopped before has none, and says so instead of looking whole."""
    folder = settings.data_dir
    for name in _FOLDERS:
        if settings.bucket:
            _give_to(settings.kept / name, draft / name, _FOLDERS[name])
        elif (draft / name).is_dir():
            shutil.rmtree(folder / name, ignore_errors=True)  # empty, as was looked at
            (draft / name).rename(folder / name)
    for name in _KEYS:
        if (draft / name).exists():
            (draft / name).replace(folder / name)
    _sync_folder(folder)
    if said["database"] == _POSTGRESQL:
        _run([
            "pg_restore", "--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges",
            str(draft / _POSTGRESQL),
        ])  # fmt: skip
    else:
        # By SQLite itself, in one transaction: no moment has half of it.
        # With a journal in the place of the WAL, since the empty place has nothing to put into it: all is written once.
        db.execute_sql("PRAGMA journal_mode = DELETE").fetchall()
        with contextlib.closing(sqlite3.connect(draft / "database")) as copy:
            copy.backup(db.connection())
        db.execute_sql("PRAGMA journal_mode = WAL").fetchall()
        db.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    counts = {table: _count(table) for table in tables()}
    if counts != said["counts"]:
        raise BackupFault("The database has not the rows that the backup counted; throw the place away and try again.")


# how it is written


class _Hashed:
    """A stream that is read through, and what was read of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.sha256, self.size = file, hashlib.sha256(), 0

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self.sha256.update(data)
        self.size += len(data)
        return data


class _Summing:
    """An archive without a key: as it is, and at the end its SHA-256."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.sha256 = file, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        return self.file.write(data)

    def finish(self) -> None:
        self.file.write(_PLAIN + self.sha256.hexdigest().encode() + b"\n")


class _Summed:
    """The same, read; `finish` raises ValueError when it is not what was written."""

    def __init__(self, file: IO[bytes]) -> None:
        self.left = file.seek(0, os.SEEK_END) - _TRAILER
        file.seek(0)
        self.file, self.sha256 = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        size = self.left if size < 0 else min(size, self.left)
        data = self.file.read(max(size, 0))
        self.left -= len(data)
        self.sha256.update(data)
        return data

    def finish(self) -> None:
        while self.read(_BLOCK):
            pass
        if self.file.read() != _PLAIN + self.sha256.hexdigest().encode() + b"\n":
            raise ValueError("not what was written")


class _Sealing:
    """An encrypted archive, piece by piece."""

    def __init__(self, file: IO[bytes], key: str) -> None:
        self.file, self.head, self.count, self.waiting = file, _SEALED + secrets.token_bytes(16), 0, bytearray()
        self.cipher = _cipher(key, self.head)
        file.write(self.head)

    def write(self, data: bytes) -> int:
        self.waiting += data
        while len(self.waiting) > _PIECE:  # one piece always waits: it may be the last
            self._piece(bytes(self.waiting[:_PIECE]), last=False)
            del self.waiting[:_PIECE]
        return len(data)

    def finish(self) -> None:
        self._piece(bytes(self.waiting), last=True)

    def _piece(self, data: bytes, *, last: bool) -> None:
        self.file.write(self.cipher.encrypt(_nonce(self.count, last), data, self.head))
        self.count += 1


class _Unsealing:
    """The same, read. Raises InvalidTag or ValueError for what was not written so, under this key."""

    def __init__(self, file: IO[bytes], key: str) -> None:
        self.size = file.seek(0, os.SEEK_END)
        file.seek(0)
        self.file, self.head, self.count, self.ready = file, file.read(len(_SEALED) + 16), 0, bytearray()
        self.cipher = _cipher(key, self.head)
        self.ended = False
        self._piece()  # here it shows whether the key is the right one

    def _piece(self) -> None:
        piece = self.file.read(_PIECE + _TAG)
        self.ended = self.file.tell() == self.size
        self.ready += self.cipher.decrypt(_nonce(self.count, self.ended), piece, self.head)
        self.count += 1

    def read(self, size: int = -1) -> bytes:
        while not self.ended and (size < 0 or len(self.ready) < size):
            self._piece()
        size = len(self.ready) if size < 0 else size
        data = bytes(self.ready[:size])
        del self.ready[:size]
        return data

    def finish(self) -> None:
        while self.read(_BLOCK):
            pass


def _cipher(key: str, head: bytes) -> AESGCM:
    return AESGCM(Scrypt(salt=head[len(_SEALED) :], length=32, n=1 << 15, r=8, p=1).derive(key.encode()))


def _nonce(count: int, last: bool) -> bytes:
    return struct.pack(">3xQ?", count, last)


def _has_sum(file: IO[bytes]) -> bool:
    file.seek(max(file.seek(0, os.SEEK_END) - _TRAILER, 0))
    return file.read(len(_PLAIN)) == _PLAIN


def _is_sealed(file: IO[bytes]) -> bool:
    file.seek(0)
    return file.read(len(_SEALED)) == _SEALED


def _opened(file: IO[bytes], key: str) -> Any:
    if not _is_sealed(file):
        if key and not _has_sum(file):
            raise BackupFault(_DAMAGED)
        if key:  # anybody can make one of these: who has a key asks for what only the key can make
            raise BackupFault("This backup is not encrypted; to take it all the same, unset ROUNDTRIP_BACKUP_KEY.")
        return _Summed(file)
    if not key:
        raise BackupFault("This backup is encrypted; set ROUNDTRIP_BACKUP_KEY to the key that it was made with.")
    try:
        return _Unsealing(file, key)
    except InvalidTag as error:
        raise BackupFault(
            "This backup is damaged, or ROUNDTRIP_BACKUP_KEY is not the key that it was made with."
        ) from error


def _private(path: Path) -> IO[bytes]:
    """A new file that only we may read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _replace(path: Path, data: bytes) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with _private(draft) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Drafts that a backup left which was killed; one that is under way is younger than a day."""
    for path in folder.glob(".roundtrip-backup-*"):
        if path.is_dir() and time.time() - path.stat().st_mtime > _DAY:
            shutil.rmtree(path, ignore_errors=True)
