"""The audit: who did what, when, from where, what stood before and what after.

Every change of a watched table comes here by itself (`database.watchers`), in the transaction of the change: what is
not told has not happened. Downloads of kept files come from one place behind all answers. Scans are not told: their
events are such a record of their own.

Each line holds the SHA-256 of the one before and of itself. A line joins the chain in its own transaction on SQLite,
where writers take turns anyway, and right after it on PostgreSQL, where a common end of the chain would make writers
wait for each other. Lines of commands join with the next line of a request, or when the chain is read.
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
from peewee import SqliteDatabase

from accounts.models import AuditEntry
from database import Change, db, drop_connection, in_one, in_steps, tuples, unavailable, utc_now, watchers

log = logging.getLogger("roundtrip")

#: Longer values are told by their beginning and their length.
_MOST_TEXT = 2_000
#: What stands before the first line.
START = "0" * 64


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
        last = (
            AuditEntry.select(AuditEntry.position, AuditEntry.hash)
            .where(AuditEntry.position.is_null(False))
            .order_by(AuditEntry.position.desc())
            .tuples()
            .first()
        )
        position, before = last or (0, START)
        for id_, body in waiting:
            position, before = position + 1, chained(before, body)
            AuditEntry.update(position=position, hash=before).where(AuditEntry.id == id_).execute()


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
