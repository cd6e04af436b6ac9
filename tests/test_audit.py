"""The audit: every change and every file handed out is a line; lines are only added; a changed one is named."""

from __future__ import annotations

import json
import re
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
from accounts.models import AuditEntry, InstallationNote, User
from accounts.people import create_token, create_user
from accounts.tokens import token_hash
from assets.models import Asset
from assets.registering import register_assets
from database import Row, noting_questions, utc_now
from database import db as proxy
from docs_gen.models import IssuedDocument
from master_data.models import Party, Place, Product
from people.audit_subjects import kind_title
from shipments.models import Package, ShipmentLine


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
            "named": {"code": "SUZHOU"},
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
def test_boxes_that_are_registered_are_told_and_found_by_any_of_their_codes(
    db: Database, client: SignedIn, user: User, world: World
) -> None:
    codes = [f"KLT-{number:06}" for number in range(1, 603)]
    for some in (codes[:1], codes[1:]):
        register_assets(world.klt, some, world.suzhou, world.plant, user, utc_now())
    one, many = told(kind="asset", verb="created")
    after = {"code", "asset_type", "owner", "return_place", "created_time"}
    assert (one["key"], "count" in one, after <= set(one["rows"][0]["after"])) == (
        str(Asset.get(Asset.code == codes[0]).id), False, True,
    )  # fmt: skip
    assert (many["key"], many["count"], len(many["rows"])) == ("", 601, 100)
    assert [row["after"]["code"] for row in many["rows"]] == codes[1:101]
    assert list(audit.faults()) == []
    for code in (codes[1], codes[-1]):
        [(verb, subject, what)] = cells(client, f"q={code}")
        assert (verb, "KLT-000002, KLT-000003 … (601)" in subject) == ("created", True)
        assert "601 rows; the values of the first 100 were written down." in what
        assert "Box type, Code, created, GRAI, Owner, " in what
    assert "KLT-000001" in cells(client, f"q={codes[0]}")[0][1]
    assert "601 rows; the values of the first 100" in client.get(f"/audit?format=csv&q={codes[-1]}").text


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


@on_both_databases
def test_S11_lines_that_were_deleted_at_the_end_of_the_table_are_missed(db: Database, world: World) -> None:
    """By somebody who may switch off what forbids it."""
    chain = list(audit.lines())
    assert list(audit.faults()) == []
    count = len(chain)
    with proxy.atomic() as undone:
        if isinstance(proxy.obj, SqliteDatabase):
            for (name,) in proxy.execute_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                proxy.execute_sql(f'DROP TRIGGER "{name}"')
        else:
            proxy.execute_sql("SET LOCAL session_replication_role = replica")
        proxy.execute_sql(f"DELETE FROM audit_entry WHERE position > {count - 2}")
        assert list(audit.faults()) == [f"audit: it ended with line {count}, and the last that is there is {count - 2}"]
        proxy.execute_sql("DELETE FROM audit_entry")
        assert list(audit.faults()) == [f"audit: it ended with line {count}, and the last that is there is 0"]
        Party.update(name_en="Something new").where(Party.id == world.suzhou.id).execute()
        assert list(audit.faults()) == ["audit: line 1 is missing"]  # whatever is written since, the gap stays
        assert audit.end()[0] == count + 1
        # Who writes the note anew too is found only by who has kept an end that `flask check` printed.
        proxy.execute_sql(f"DELETE FROM audit_entry WHERE position = {count + 1}")
        InstallationNote.delete().where(InstallationNote.name == audit.END).execute()
        Party.update(name_en="Something newer").where(Party.id == world.suzhou.id).execute()
        assert list(audit.faults()) == []
        assert audit.end()[1] != chain[0]["hash"]
        undone.rollback()


def test_S11_a_command_verifies_an_export_without_the_database(app: Flask, world: World, tmp_path: Path) -> None:
    runner, out = app.test_cli_runner(), tmp_path / "audit.jsonl"
    exported = runner.invoke(args=["audit", "export", str(out)])
    assert exported.exit_code == 0, exported.output
    lines = out.read_text(encoding="utf-8").splitlines()
    assert exported.output.startswith(f"{len(lines) - 1} lines")
    assert runner.invoke(args=["audit", "verify", str(out)]).output == "No fault found.\n"
    out.write_text("\n".join([*lines[:4], lines[4].replace("created", "changed"), *lines[5:]]), encoding="utf-8")
    found = runner.invoke(args=["audit", "verify", str(out)])
    assert (found.exit_code, "line 5 is not what was written" in found.output) == (1, True)


def test_S11_an_export_that_was_cut_at_its_end_or_emptied_is_told(app: Flask, world: World, tmp_path: Path) -> None:
    runner, out = app.test_cli_runner(), tmp_path / "audit.jsonl"
    runner.invoke(args=["audit", "export", str(out)])
    lines = out.read_text(encoding="utf-8").splitlines(keepends=True)
    count = len(lines) - 1
    no_end = "there is no closing line, so its end cannot be verified"
    for cut, told in (
        (lines[:-1], no_end),  # as exports of before had none
        (lines[:-3], no_end),
        ([], no_end),
        (
            [*lines[:-2], lines[-1]],
            f"its closing line tells of {count} lines, and the last that is there is {count - 1}",
        ),
        (lines[-1:], f"its closing line tells of {count} lines, and the last that is there is 0"),
        ([*lines[:-1], lines[-1][:20]], f"row {count + 1} of the file cannot be read"),
        ([*lines[:-1], "[]\n", lines[-1]], f"row {count + 1} of the file cannot be read"),
        ([*lines, lines[-1]], "there is more behind its closing line"),
    ):
        out.write_text("".join(cut), encoding="utf-8")
        found = runner.invoke(args=["audit", "verify", str(out)])
        assert (found.exit_code, told in found.output) == (1, True), (told, found.output)


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
    assert "<b>Name, English</b>" in page  # as the form of partners calls it
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


def paper(world: World) -> IssuedDocument:
    return IssuedDocument.create(
        shipment=world.shipment, party=world.hamburg, seller=world.suzhou, type="commercial_invoice",
        number="CI-2026-0007", issue_date=NOW.date(), facts="{}", issued_time=NOW,
    )  # fmt: skip


def cells(client: FlaskClient, query: str) -> list[tuple[str, str, str]]:
    """(what was done, to what, before and after) of the lines that the page shows for `query`, the newest first."""
    page = client.get(f"/audit?{query}").text.partition("<tbody>")[2].partition("</tbody>")[0]
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.S) for row in page.split("<tr>")[1:]]
    return [(row[3], row[4], row[5]) for row in rows]


@on_both_databases
def test_a_line_is_found_by_the_number_that_a_person_knows_and_names_its_subject(
    client: SignedIn, user: User, world: World
) -> None:
    document = paper(world)
    box = Asset.create(code="KLT-000123-7", asset_type=world.klt, owner=world.suzhou, created_time=NOW)
    Asset.update(return_place=world.plant).where(Asset.id == box.id).execute()
    Party.update(contact="Otto").where(Party.id == world.nagoya.id).execute()
    Package.update(marks="C/NO. 13").where(Package.shipment == world.shipment, Package.position == 2).execute()
    ShipmentLine.delete().where(ShipmentLine.shipment == world.shipment).execute()
    audit.record(
        "fetched", "docs_gen.document_file", str(document.id), path="/documents/1.pdf", file="CI-2026-0007.pdf"
    )
    audit.record("fetched", "docs_gen.zip_file", "S-2026-0001", path="/shipments/S-2026-0001/documents.zip")

    found = cells(client, "q=S-2026-0001")
    assert found[0][1] == '<a href="/shipments/S-2026-0001">Shipment S-2026-0001: all papers as ZIP</a>'
    assert found[1][1] == '<a href="/documents?q=CI-2026-0007">Commercial invoice CI-2026-0007</a>'
    assert [row[:2] for row in found[2:4]] == [
        ("deleted", '<a href="/shipments/S-2026-0001">Line of a shipment S-2026-0001 · 1, 2</a>'),
        ("changed", '<a href="/shipments/S-2026-0001">Package S-2026-0001 · 2</a>'),
    ]
    assert ("created", '<a href="/shipments/S-2026-0001">Shipment S-2026-0001</a>') in [row[:2] for row in found]
    found = cells(client, "q=ci-2026-0007")
    assert [row[0] for row in found] == ["fetched", "created"]
    [changed, created] = cells(client, "q=KLT-000123-7")
    assert changed[:2] == ("changed", '<a href="/assets/KLT-000123-7">Box KLT-000123-7</a>')
    assert "SZ-PLANT" in changed[2], "a place is named, not told by the key of its row"
    assert created[0] == "created"
    assert cells(client, "q=nagoya&verb=changed")[0][1] == '<a href="/parties/NAGOYA">Partner NAGOYA</a>'
    assert f'<a href="/people/{user.id}">Person wang.li</a>' in [row[1] for row in cells(client, "q=wang.li")]
    file = client.get("/audit?format=csv&q=CI-2026-0007").data.decode("utf-8-sig")
    assert "Commercial invoice CI-2026-0007" in file
    assert f"issued_document {document.id}" in file, "in a file the row can be told, too"


def test_times_are_shown_in_our_zone_and_values_by_words(client: SignedIn, user: User, world: World) -> None:
    User.update(tf_totp_secret="x").where(User.id == user.id).execute()
    shown = cells(client, "kind=user&verb=changed")[0][2]
    assert "Key of the second factor" in shown
    assert "tf_totp_secret" not in shown
    page = client.get("/audit?kind=shipment&verb=created").text
    assert '<time datetime="2026-11-23T08:00:00+00:00">2026-11-23 16:00 <small' in page
    assert "2026-11-23 08:00:00.000000" not in page
    audit.record("fetched", "docs_gen.document_file", str(paper(world).id), path="/documents/1.pdf", file="x.pdf")
    options = re.findall(r"<option value=\"[^\"]*\"[^>]*>(Paper[^<]*)<", client.get("/audit").text)
    assert sorted(options) == ["Paper", "Paper: download"]


def test_a_subject_that_was_renamed_or_is_gone_keeps_the_name_that_it_had(client: SignedIn, world: World) -> None:
    spare = {"party": world.hamburg, "name_en": "Spare", "country": "DE", "changed_time": NOW}
    place = Place.create(code="OLD-NAME", **spare)
    Place.update(phone="1").where(Place.id == place.id).execute()
    audit.record("changed", "place", str(place.id), rows=[{"key": place.id, "before": {"phone": "1"}}])  # as of old
    Place.update(code="NEW-NAME").where(Place.id == place.id).execute()
    assert told(kind="place", verb="changed")[-1]["rows"][0]["named"] == {"code": "OLD-NAME"}
    [renamed, changed, _created] = cells(client, "q=OLD-NAME")
    assert changed[1] == '<a href="/places/NEW-NAME">Place OLD-NAME</a><small class="pe-note">today: NEW-NAME</small>'
    assert renamed[1] == changed[1]
    lines = cells(client, "q=NEW-NAME")
    assert len(lines) == 4, "by the name of today all lines are found"
    assert lines[1][1] == '<a href="/places/NEW-NAME">Place NEW-NAME</a>', "it does not say what it was called"
    Place.delete().where(Place.id == place.id).execute()
    lines = cells(client, "kind=place")
    assert lines[0][:2] == ("deleted", "Place NEW-NAME")
    assert [line[1] for line in lines[1:4]] == [
        'Place OLD-NAME<small class="pe-note">not there any more</small>',
        'Place NEW-NAME<small class="pe-note">not there any more</small>',
        'Place OLD-NAME<small class="pe-note">not there any more</small>',
    ]
    assert list(audit.faults()) == [], "lines with and without a name are one chain"


def test_the_page_asks_as_many_queries_for_many_lines_as_for_few(client: SignedIn, world: World, db: Database) -> None:
    def queries(url: str) -> int:
        with noting_questions() as asked:
            assert client.get(url).status_code == 200
        return len(asked)

    for number in range(60):
        Party.update(contact=f"{number}").where(Party.id == world.hamburg.id).execute()
        Package.update(marks=f"{number}").where(Package.shipment == world.shipment).execute()
        audit.record("fetched", "docs_gen.document_file", str(paper(world).id if not number else 1), file="x.pdf")
    for kind in ("party", "package", "docs_gen.document_file"):
        many, few = f"/audit?size=200&kind={kind}", f"/audit?size=25&kind={kind}"
        assert queries(many) <= queries(few) + 3, "for other kinds of things on it, not for 35 more lines"
        assert queries(f"{many}&q=HAMBURG") <= queries(f"{few}&q=HAMBURG") + 3
        assert queries(f"{many}&format=csv") <= queries(few) + 4  # the line of the download, too


def test_every_list_that_is_handed_out_is_named_in_the_audit(app: Flask, client: SignedIn, world: World) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ()) and not rule.arguments]
    for rule in rules:
        if not rule.rule.startswith(("/static", "/login", "/change", "/tf-", "/mf-", "/verify")):
            client.get(f"{rule.rule}?format=csv&table=types&asset=KLT-1")
    kinds = {line["kind"] for line in told(verb="fetched")}
    assert len(kinds) > 20
    assert {kind for kind in kinds if kind_title(kind) == kind} == set()


def test_a_link_of_a_partner_is_not_written_down(client: SignedIn, app: Flask) -> None:
    with app.test_request_context("/statement/very-secret/statement.xlsx"):
        answer = app.response_class(headers={"Content-Disposition": 'attachment; filename="BS-2026-0001.xlsx"'})
        audit._fetched(answer)
    [line] = told(verb="fetched")
    assert "very-secret" not in json.dumps(line)
    assert (line["key"], line["file"]) == ("", "BS-2026-0001.xlsx")


def test_every_table_that_is_told_of_is_named_and_its_rows_are_known_by_something(app: Flask) -> None:
    told_of = [model for model in Row.__subclasses__() if model.__module__ != __name__ and model._meta.watched]
    assert len(told_of) > 30
    tables = [(model._meta.table_name, model._meta.named) for model in told_of]
    assert [table for table, named in tables if not named or kind_title(table) == table] == []
