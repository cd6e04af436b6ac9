"""What must hold of everything that is stored, I1 to I8, over the database and the data folder: for `flask check`.

Nothing is held in memory that grows with the history, but for the keys of boxes and papers; the database may be in use
meanwhile.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from peewee import PeeweeException, SqliteDatabase, fn

import archive
from accounts import audit
from accounts.models import AuditEntry, User
from assets import ledger_check
from assets.models import ScanBatch, ScanEvent
from config import Settings, Store
from database import CLAIMS, Row, db, in_steps, tables, taking_turns, tuples, unavailable
from docs_gen import integrity, looks
from docs_gen.models import IssuedDocument
from today.search import WITHIN

#: number → what must hold; each fault begins with the number
INVARIANTS = {
    "I1": "Every scan that came with a key and was answered as taken is there, once.",
    "I2": "Each box is where its events put it, and the levels add up to the boxes.",
    "I3": "Each balance is the sum of what the events moved.",
    "I4": "The numbers of each series run from 1 without a gap, none twice.",
    "I5": "Every issued paper has its file, unchanged, and every file its paper; photos, pictures and packs are whole.",
    "I6": "No row refers to a missing row.",
    "I7": "The database finds itself whole.",
    "I8": "The audit is the chain that was written, and it tells of the making of every paper and every person.",
}

#: What may lie in the data folder beside the folders of kept files, as patterns of the whole name.
_BESIDE = rf"(-wal|-shm|-journal|{CLAIMS})?"
_OURS = (r"(secret|totp)\.key", r"[^/]*\.db" + _BESIDE, r"last_backup\.json", r"\..*")
#: Folders of what is kept for a time only; no row and no paper needs what lies in them.
_PASSING = ("results", "prepared")
_SUFFIXES = {"files": ".pdf", "photos": ".jpg", "pictures": ".png", "packs": ".zip"}


def faults(settings: Settings) -> Iterator[str]:
    """One sentence for each fault; it begins with the number of what does not hold.

    Changes nothing but the audit, whose waiting lines join the chain.
    """
    yield from _named("I7", _whole())
    yield from _named("I6", _references())
    yield from _named("I1", _acknowledged())
    for message in ledger_check.faults():
        yield f"{'I3' if 'account' in message.text else 'I2'} {message}"
    yield from _named("I4", integrity.number_faults())
    yield from _named("I5", integrity.file_faults(settings.archive_dir))
    yield from _named("I5", ledger_check.photo_faults(settings.photos_dir))
    yield from _named("I5", looks.faults(settings.pictures_dir, settings.packs_dir))
    yield from _named("I5", _stray(settings.data_dir))
    for name, suffix in _SUFFIXES.items():
        yield from _named("I5", _stray_kept(settings.kept / name, name, suffix))
    yield from _named("I8", audit.faults())
    yield from _named("I8", _untold())


def _named(number: str, found: Iterator[Any]) -> Iterator[str]:
    return (f"{number} {fault}" for fault in found)


def _whole() -> Iterator[str]:
    """PostgreSQL tells a broken page when it is read: every row of every table is, once."""
    if isinstance(db.obj, SqliteDatabase):
        yield from (f"database: {row[0]}" for row in db.execute_sql("PRAGMA integrity_check") if row[0] != "ok")
        for field in WITHIN:
            if _has_drifted(table := field.model._meta.table_name):
                mend = f"INSERT INTO within_{table}(within_{table}) VALUES ('rebuild')"  # noqa: S608
                yield f"database: a search may miss what {table} holds: its index has drifted. Run this: {mend}"
        return
    for (name,) in db.execute_sql("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid").fetchall():
        yield f"database: the index {name} is not usable"
    for table in tables():
        try:
            with db.atomic():
                db.execute_sql(f'SELECT SUM(LENGTH(one::text)) FROM "{table}" AS one')  # noqa: S608 (our own names)
        except Exception as error:
            yield f"database: {table} cannot be read: {str(error).splitlines()[0]}"


def _has_drifted(table: str) -> bool:
    """SQLite: whether an index of migration 0023 holds something else than its table, which `integrity_check` does not
    ask. The question is put as an INSERT, which writes nothing and takes two seconds of a million boxes; where nothing
    can be written, it is only asked whether both have the same rows."""
    name = f"within_{table}"
    try:
        with taking_turns():
            db.execute_sql(f"INSERT INTO {name} ({name}, rank) VALUES ('integrity-check', 1)")  # noqa: S608
    except PeeweeException as error:
        fault = unavailable(error)
        if fault is None:
            return True
        if fault.reason != "read_only":
            raise
        both = (table, f"{name}_docsize"), (f"{name}_docsize", table)
        differ = [f"SELECT id FROM {one} EXCEPT SELECT id FROM {other} LIMIT 1" for one, other in both]  # noqa: S608
        return any(db.execute_sql(one).fetchone() for one in differ)
    return False


def _references() -> Iterator[str]:
    if isinstance(db.obj, SqliteDatabase):
        for table, row, missing, _ in db.execute_sql("PRAGMA foreign_key_check"):
            yield f"database: {table} row {row} refers to a missing {missing}"
    else:  # the constraints are the database's own and hold for as long as they are there
        yield from _lost_constraints()
    before = IssuedDocument.alias()
    lost = IssuedDocument.select(IssuedDocument.number).where(
        IssuedDocument.replaces.is_null(False),
        ~fn.EXISTS(before.select(before.id).where(before.id == IssuedDocument.replaces)),
    )
    yield from (f"{number}: it replaces a paper that does not exist" for (number,) in tuples(lost))


def _lost_constraints() -> Iterator[str]:
    query = (
        "SELECT c.conrelid::regclass::text, a.attname FROM pg_constraint c"
        " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]"
        " WHERE c.contype = 'f' AND c.convalidated"
    )
    there = {(table.strip('"'), column) for table, column in db.execute_sql(query).fetchall()}
    for model in Row.__subclasses__():
        for field in model._meta.refs:
            if (model._meta.table_name, field.column_name) not in there:
                yield f"database: {model._meta.table_name}.{field.column_name} has lost its constraint"


def _acknowledged() -> Iterator[str]:
    """Answers to batches are kept for 30 days: what they call recorded must be in the ledger. Once, since the id of an
    event is unique in the database itself. (What they call known may be a second scan that told nothing new.)"""
    columns = (ScanBatch.id, ScanBatch.created_time, ScanBatch.answer)
    for _, time, answer in in_steps(ScanBatch.select(*columns), ScanBatch.id, 200):
        told = json.loads(answer) if answer else {}
        results = told.get("results", [told])
        taken = {one["event_id"] for one in results if one.get("outcome") == "recorded" and one.get("event_id")}
        there = {id_ for (id_,) in tuples(ScanEvent.select(ScanEvent.event_id).where(ScanEvent.event_id.in_(taken)))}
        yield from (
            f"scan {id_} was answered as taken at {time:%Y-%m-%d %H:%M}, and is not there" for id_ in taken - there
        )


def _stray(folder: Path) -> Iterator[str]:
    """Files in the data folder that are not ours."""
    ours = [*_OURS, *([re.escape(Path(db.obj.database).name) + _BESIDE] if isinstance(db.obj, SqliteDatabase) else [])]
    for path in sorted(folder.iterdir()):
        if path.is_file() and not any(re.fullmatch(one, path.name) for one in ours):
            yield f"{path.name}: a file that is not of this service"
        elif path.is_dir() and path.name not in (*_SUFFIXES, *_PASSING) and not path.name.startswith("."):
            yield f"{path.name}: a folder that is not of this service"


def _stray_kept(place: Store, folder: str, suffix: str) -> Iterator[str]:
    """Kept files that are not what their name says though no row names them: a photo waits for its scan, and a picture
    or pack of before is what an old paper was printed with."""
    ours: list[tuple[str, str]] = []
    for name in archive.names(place):
        if not (match := re.fullmatch(rf"([0-9a-f]{{2}})/(\1[0-9a-f]{{62}}){re.escape(suffix)}", name)):
            yield f"{folder}/{name}: a file that is not of this service"
        elif folder != "files":  # those are all named by a row, and have been read
            ours.append((match[2], suffix))
    for _, _, data in archive.read_many(place, ours):
        if isinstance(data, archive.ArchiveFault):
            yield str(data)


def _untold() -> Iterator[str]:
    """Every paper and every person has the line of its making, from the first one on that has; and what the audit says
    was made is there, unless it says that it went."""
    for model, name in ((IssuedDocument, "paper"), (User, "person")):
        table = model._meta.table_name
        made = AuditEntry.select(AuditEntry.key).where(
            AuditEntry.kind == table, AuditEntry.verb == "created", AuditEntry.key != ""
        )
        told = {int(key) for (key,) in made.tuples().iterator()}
        gone = AuditEntry.select(AuditEntry.key).where(AuditEntry.kind == table, AuditEntry.verb == "deleted")
        left = {int(key) for (key,) in tuples(gone.where(AuditEntry.key != ""))}
        there = {id_ for (id_,) in model.select(model.id).tuples().iterator()}
        yield from (f"{name} {id_}: the audit does not tell of its making" for id_ in sorted(there - told)
                    if told and id_ > min(told))  # fmt: skip
        yield from (f"{name} {id_}: the audit tells of it, and it is not there" for id_ in sorted(told - there - left))
