"""The audit: who did what, when, from where, what stood before and what after.

Every change of a watched table comes here by itself (`database.watchers`), in the transaction of the change: what is
not told has not happened. Downloads of kept files come from one place behind all answers. Scans are not told: their
events are such a record of their own.

Each line holds the SHA-256 of the one before and of itself. A line joins the chain in its own transaction on SQLite,
where writers take turns anyway, and right after it on PostgreSQL, where a common end of the chain would make writers
wait for each other. Lines of commands join with the next line of a request, or when the chain is read.

Where the chain ends stands in a note of its own (`InstallationNote`), so that lines cut off at its end are missed.
Whoever writes the note anew as well is found only by who has seen an end that is not there any more: `flask check`
prints it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import pwd
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from flask import Flask, Response, g, has_request_context, request
from flask_security import current_user
from peewee import EXCLUDED, Alias, SqliteDatabase

from accounts.models import AuditEntry, InstallationNote
from database import Change, db, drop_connection, in_one, in_steps, tuples, unavailable, utc_now, watchers
from prepared_statements import Slot, prepared

log = logging.getLogger("roundtrip")

#: Longer values are told by their beginning and their length.
_MOST_TEXT = 2_000
#: What stands before the first line.
START = "0" * 64
#: The note of where the chain ends: position and hash of its last line.
END = "audit end"


def init_audit(app: Flask) -> None:
    """Write down what requests change and fetch."""
    app.after_request(_fetched)
    app.teardown_request(_join)


def told(change: Change) -> None:
    """One line for what a statement did to a table."""
    keys = [key for key, _, _ in change.rows if key is not None]
    rows: list[dict[str, Any]] = [
        {"key": key, **({"before": before} if before else {}), **({"after": after} if after else {})}
        for key, before, after in change.rows
    ]
    for row, named in zip(rows, change.named, strict=False):
        if named:  # what is created or deleted says it by its values
            row["named"] = named
    more = {"count": change.count} if change.count > len(rows) else {}
    record(change.verb, change.table, str(keys[0]) if len(keys) == change.count == 1 else "", rows=rows, **more)


def record(verb: str, kind: str, key: str = "", **more: Any) -> None:
    """Add a line: `verb` what was done, `kind` and `key` to what. `more` goes into its body; no secret may."""
    now = utc_now()
    actor, user, source = _actor()
    body = {"time": now.isoformat(timespec="microseconds"), **source, "verb": verb, "kind": kind, "key": key, **more}
    with in_one():
        AuditEntry.insert(
            time=now, user=user, actor=actor, verb=verb, kind=kind, key=key[:64], body=canonical(body)
        ).execute()
        if has_request_context():
            g.audited = True
            if isinstance(db.obj, SqliteDatabase):
                join()


def join() -> None:
    """Let the lines that wait join the chain, in the order in which they came."""
    with in_one():
        if not isinstance(db.obj, SqliteDatabase):
            # Held against another one that does the same, not against those who add lines.
            db.execute_sql("LOCK TABLE audit_entry IN SHARE UPDATE EXCLUSIVE MODE")
        waiting = tuples(
            AuditEntry.select(AuditEntry.id, AuditEntry.body)
            .where(AuditEntry.position.is_null())
            .order_by(AuditEntry.id)
        )
        if not waiting:
            return
        position, before = _goes_on()
        for id_, body in waiting:
            position, before = position + 1, chained(before, body)
            AuditEntry.update(position=position, hash=before).where(AuditEntry.id == id_).execute()
        _note_end.run(END, f"{position} {before}")


def _goes_on() -> tuple[int, str]:
    """After which line the chain goes on. Where it was cut off, after the one that is gone: the gap stays."""
    rows = _last_and_note.one(END)
    if rows is None:
        return _noted() or (0, START)
    return max((rows.position, rows.hash), _read(rows.value or f"0 {START}"), key=lambda one: one[0])


@prepared
def _last_and_note(name: Slot) -> Any:
    note = InstallationNote.select(InstallationNote.value).where(InstallationNote.name == name)
    query = AuditEntry.select(AuditEntry.position, AuditEntry.hash, Alias(note, "value"))
    return query.where(AuditEntry.position.is_null(False)).order_by(AuditEntry.position.desc()).limit(1)


@prepared
def _note_end(name: Slot, value: Slot) -> Any:
    return InstallationNote.insert(name=name, value=value).on_conflict(
        conflict_target=[InstallationNote.name], update={InstallationNote.value: EXCLUDED.value}
    )


def end() -> tuple[int, str]:
    """Position and hash of the last line that joined the chain."""
    row = AuditEntry.select(AuditEntry.position, AuditEntry.hash).where(AuditEntry.position.is_null(False))
    return row.order_by(AuditEntry.position.desc()).tuples().first() or (0, START)


def _noted() -> tuple[int, str] | None:
    """The same by the note."""
    note = InstallationNote.get_or_none(InstallationNote.name == END)
    return None if note is None else _read(note.value)


def _read(note: str) -> tuple[int, str]:
    position, _, hash_ = note.partition(" ")
    return int(position), hash_


def _cut() -> Iterator[str]:
    """What is missing behind the last line, by the note of the end. A version that knew no note went on without it."""
    last, noted = end(), _noted()
    if noted is None:
        if last[0]:
            yield "audit: nothing says where it ends"
        return
    line = AuditEntry.get_or_none(AuditEntry.position == noted[0])
    if line is None:
        yield f"audit: it ended with line {noted[0]}, and the last that is there is {last[0]}"
    elif line.hash != noted[1]:
        yield f"audit: line {noted[0]} is not the one with which it ended"


def chained(before: str, body: str) -> str:
    """The hash of a line: SHA-256 over the hash of the line before it, a line feed and its own text, in hex."""
    return hashlib.sha256(f"{before}\n{body}".encode()).hexdigest()


def canonical(value: Any) -> str:
    """JSON of a body: keys in order, no white space, one text for one content."""
    return json.dumps(_plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def lines() -> Iterator[dict[str, Any]]:
    """The whole chain from its first line: position, hash, body."""
    join()
    query = AuditEntry.select(AuditEntry.position, AuditEntry.hash, AuditEntry.body)
    for position, hash_, body in in_steps(query, AuditEntry.position):
        yield {"position": position, "hash": hash_, "body": body}


def broken(chain: Iterable[dict[str, Any]]) -> Iterator[str]:
    """One sentence for each line that is missing or is not what was written. Needs no database."""
    before, expected = START, 1
    for line in chain:
        if line["position"] != expected:
            yield f"audit: line {expected} is missing"
            expected = line["position"]
            before = ""  # what its hash should follow from is gone
        if before and chained(before, line["body"]) != line["hash"]:
            yield f"audit: line {line['position']} is not what was written"
        before, expected = line["hash"], expected + 1


def exported() -> Iterator[dict[str, Any]]:
    """`lines`, and a closing line with their number and the last hash: without it nobody would miss what is cut off."""
    last: dict[str, Any] = {"position": 0, "hash": START}
    for last in lines():
        yield last
    yield {"end": last["position"], "hash": last["hash"]}


def broken_export(texts: Iterable[str]) -> Iterator[str]:
    """What is wrong with an exported audit, a sentence each, from its lines of JSON. Needs no database."""
    last: dict[str, Any] = {"position": 0, "hash": START}
    end: dict[str, Any] | None = None
    unreadable, behind = [], 0

    def chain() -> Iterator[dict[str, Any]]:
        nonlocal last, end, behind
        for number, text in enumerate(texts, 1):
            line = _line(text)
            behind += end is not None
            if line is None:
                unreadable.append(number)
            elif "end" in line:
                end = line
            else:
                last = line
                yield line

    yield from broken(chain())
    for number in unreadable:
        yield f"audit: row {number} of the file cannot be read"
    if behind:
        yield "audit: there is more behind its closing line"
    if end is None:
        yield "audit: there is no closing line, so its end cannot be verified: it was cut, or an older version made it"
    elif (end["end"], end["hash"]) != (last["position"], last["hash"]):
        yield f"audit: its closing line tells of {end['end']} lines, and the last that is there is {last['position']}"


def _line(text: str) -> dict[str, Any] | None:
    """A line of an export, None when it is none."""
    try:
        line = json.loads(text)
        known = isinstance(line["hash"], str) and (
            isinstance(line["end"], int) if "end" in line
            else isinstance(line["position"], int) and isinstance(line["body"], str)
        )  # fmt: skip
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return line if known else None


def faults() -> Iterator[str]:
    """What is wrong with the audit, for `flask check`: a broken chain, columns that say something else than a line."""
    yield from broken(lines())
    yield from _cut()
    columns = (AuditEntry.time, AuditEntry.verb, AuditEntry.kind, AuditEntry.key, AuditEntry.actor)
    query = AuditEntry.select(AuditEntry.id, AuditEntry.position, AuditEntry.body, *columns)
    for _, position, text, *row in in_steps(query, AuditEntry.id):
        body = json.loads(text)
        said = [datetime.fromisoformat(body["time"]), body["verb"], body["kind"], body["key"][:64], body["actor"]]
        if said != row:
            yield f"audit: the columns of line {position} are not those of its text"


def _actor() -> tuple[str, int | None, dict[str, Any]]:
    """Name, key of the person, and what the line says of who it was and from where."""
    if not has_request_context():
        name = f"command ({_login()})"
        return name, None, {"actor": name}
    # A background job acts for whoever asked for it.
    user = g.get("acts_for") or (current_user if current_user and current_user.is_authenticated else None)
    name = user.username if user else "service" if "job" in g else "nobody"
    source = {"actor": name, "from": request.remote_addr or "", "request": g.get("request_id", ""),
              "route": request.endpoint or ""}  # fmt: skip
    if user:
        source["user"] = user.id
    if "job" in g:
        source["job"] = g.job
    if token := g.get("token"):
        source["token"] = token.name
    return name, user.id if user else None, source


def _login() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container without names
        return str(os.getuid())


def _fetched(response: Response) -> Response:
    """A line for every file that was handed out; drafts and static files are none."""
    name = response.headers.get("Content-Disposition", "")
    kept = name and "DRAFT" not in name and request.endpoint != "static"
    if kept and request.method == "GET" and response.status_code in (200, 206, 302):  # 302: a link to the store
        values, path = dict(request.view_args or {}), request.path
        if secret := values.pop("token", ""):  # who reads it opens what it opens
            path = path.replace(secret, "•••")
        record("fetched", request.endpoint or "", str(next(iter(values.values()), "")), path=path,
               file=name.partition("filename=")[2].split(";")[0].strip('"'))  # fmt: skip
    return response


def _join(_: BaseException | None) -> None:
    if g.pop("audited", False) and not isinstance(db.obj, SqliteDatabase) and not db.is_closed():
        try:
            join()
        except Exception as error:  # what was asked for is done and told; its lines join with the next one's
            fault = unavailable(error)
            if fault is None:
                raise
            log.warning("lines of the audit wait for the next one: %s", fault.reason)
            drop_connection(fault)


def _plain(value: Any) -> Any:
    """A value as JSON has it: numbers and times as texts, exact; long texts by their beginning."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat() if value.tzinfo else value.isoformat()
    if isinstance(value, date | Decimal):
        return str(value)
    if hasattr(value, "_pk"):  # a row that another one refers to
        return value._pk
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}… ({len(text)} characters)"


watchers.append(told)  # from the first import on: a command changes something, too
