"""The audit: every change and every file handed out is a line; lines are only added; a changed one is named."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from conftest import NOW, SignedIn, on_both_databases
from flask import Flask, request_finished
from flask.testing import FlaskClient
from peewee import Database, DatabaseError, SqliteDatabase
from samples import World

from accounts import audit
from accounts.models import AuditEntry, User
from accounts.people import create_token, create_user
from accounts.tokens import token_hash
from assets.models import Asset
from database import db as proxy
from master_data.models import Party, Place, Product


def told(**conditions: Any) -> list[dict[str, Any]]:
    """The bodies of the lines that fit, in their order."""
    query = AuditEntry.select().order_by(AuditEntry.id)
    for name, value in conditions.items():
        query = query.where(getattr(AuditEntry, name) == value)
    return [json.loads(row.body) for row in query]


@on_both_databases
def test_a_change_is_told_with_what_stood_before_and_after(db: Database, world: World) -> None:
    Party.update(name_en="Suzhou Steering II").where(Party.id == world.suzhou.id).execute()
    line = told(kind="party", verb="changed")[-1]
    assert line["key"] == str(world.suzhou.id)
    assert line["rows"] == [
        {
            "key": world.suzhou.id,
            "before": {"name_en": world.suzhou.name_en},
            "after": {"name_en": "Suzhou Steering II"},
        }
    ]
    product = Product.select().first()
    product.net_mass = Decimal("7.251")
    product.save()
    assert told(kind="product", verb="changed")[-1]["rows"][0]["after"]["net_mass"] == "7.251"  # exact, as a text
    spare = Place.create(
        code="SPARE", party=world.hamburg, name_en="Spare", country="DE", timezone="Europe/Berlin", changed_time=NOW
    )
    spare.delete_instance()
    gone = told(kind="place", verb="deleted")[-1]
    assert gone["rows"][0]["before"]["code"] == "SPARE"


@on_both_databases
def test_what_changes_nothing_and_what_a_machine_counts_is_not_told(db: Database, world: World) -> None:
    before = AuditEntry.select().count()
    Party.update(name_en=world.suzhou.name_en).where(Party.id == world.suzhou.id).execute()
    Asset.update(event_count=Asset.event_count).execute()
    assert AuditEntry.select().count() == before


@on_both_databases
def test_a_line_stands_with_its_change_or_not_at_all(db: Database, world: World) -> None:
    before = AuditEntry.select().count()
    with proxy.atomic() as change:
        Party.update(name_en="Never").where(Party.id == world.suzhou.id).execute()
        change.rollback()
    assert AuditEntry.select().count() == before


@on_both_databases
def test_not_even_the_program_changes_or_deletes_a_line(db: Database, world: World) -> None:
    audit.join()
    for statement in (
        AuditEntry.update(body="{}"), AuditEntry.update(hash="0" * 64), AuditEntry.update(position=None),
        AuditEntry.delete(),
    ):  # fmt: skip
        with pytest.raises(DatabaseError, match="never changed or deleted"), proxy.atomic():
            statement.execute()
    if not isinstance(proxy.obj, SqliteDatabase):
        with pytest.raises(DatabaseError, match="never changed or deleted"), proxy.atomic():
            proxy.execute_sql("TRUNCATE audit_entry")


@on_both_databases
def test_S11_the_chain_names_a_line_that_was_changed_and_one_that_is_gone(db: Database, world: World) -> None:
    chain = list(audit.lines())
    assert len(chain) > 5
    assert list(audit.broken(chain)) == []
    changed = [dict(line) for line in chain]
    changed[2]["body"] = changed[2]["body"].replace("created", "fetched")
    assert list(audit.broken(changed)) == ["audit: line 3 is not what was written"]
    assert list(audit.broken([*chain[:3], *chain[4:]])) == ["audit: line 4 is missing"]
    assert list(audit.faults()) == []


def test_S11_a_command_verifies_an_export_without_the_database(app: Flask, world: World, tmp_path: Path) -> None:
    runner, out = app.test_cli_runner(), tmp_path / "audit.jsonl"
    exported = runner.invoke(args=["audit", "export", str(out)])
    assert exported.exit_code == 0, exported.output
    lines = out.read_text(encoding="utf-8").splitlines()
    assert exported.output.startswith(f"{len(lines)} lines")
    assert runner.invoke(args=["audit", "verify", str(out)]).output == "No fault found.\n"
    out.write_text("\n".join([*lines[:4], lines[4].replace("created", "changed"), *lines[5:]]), encoding="utf-8")
    found = runner.invoke(args=["audit", "verify", str(out)])
    assert (found.exit_code, "line 5 is not what was written" in found.output) == (1, True)


def test_a_line_says_who_from_where_and_on_which_page(client: SignedIn, user: User, world: World) -> None:
    client.post(f"/parties/{world.suzhou.id}", data={"csrf_token": client.token})  # not a whole form: refused, no line
    client.post("/language", data={"language": "zh", "back": "/"})
    line = told(kind="user", verb="changed")[-1]
    assert (line["actor"], line["user"], line["from"]) == (user.username, user.id, "127.0.0.1")
    assert line["route"] == "accounts.set_language"
    assert line["rows"][0]["after"] == {"language": "zh"}
    assert len(line["request"]) == 16
    assert AuditEntry.select().where(AuditEntry.position.is_null()).count() == 0, "it joined the chain at once"


def test_no_secret_is_told(app: Flask) -> None:
    with app.app_context():
        person = create_user("lu.na", "a long password 1", NOW)
        token = create_token(person, "press", NOW)
    bodies = " ".join(json.dumps(line) for line in told())
    assert person.password not in bodies
    assert token not in bodies
    assert token_hash(token) not in bodies


def test_a_file_that_is_handed_out_is_told(client: FlaskClient, world: World) -> None:
    assert client.get("/parties?format=csv").status_code == 200
    line = told(verb="fetched")[-1]
    assert line["kind"] == "master_data.party_list"
    assert line["path"] == "/parties"
    client.get("/parties")
    client.get("/static/js/pages.js")
    assert len(told(verb="fetched")) == 1


def test_the_page_shows_and_finds_lines(client: FlaskClient, world: World) -> None:
    Party.update(name_en='<b>"Suzhou"</b>').where(Party.id == world.suzhou.id).execute()
    page = client.get("/audit?kind=party&verb=changed").text
    assert "&lt;b&gt;&#34;Suzhou&#34;&lt;/b&gt;" in page
    assert "<b>&#34;" not in page
    assert "Suzhou" not in client.get("/audit?kind=product").text
    file = client.get("/audit?format=csv&kind=party").data.decode("utf-8-sig")
    assert "name_en" in file
    assert "hash" in file.splitlines()[0].lower()


@pytest.mark.parametrize("db", ["postgresql"], indirect=True)
def test_a_line_to_the_database_that_breaks_after_the_change_does_not_make_the_answer_a_fault(
    app: Flask, client: FlaskClient, postgresql: psycopg.Connection
) -> None:
    """The change is committed and told; only the joining of the chain, after the answer, waits for the next line."""

    def cut(*_: Any, **__: Any) -> None:
        postgresql.execute("SELECT pg_terminate_backend(%s)", (proxy.connection().info.backend_pid,))

    with request_finished.connected_to(cut, app):
        answer = client.post("/language", data={"language": "zh"})
    assert answer.status_code == 302
    with proxy.connection_context():
        assert told(kind="user", verb="changed")[-1]["rows"][0]["after"] == {"language": "zh"}
        assert list(audit.faults()) == []
