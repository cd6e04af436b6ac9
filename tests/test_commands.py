"""The administrator's commands do what their help says."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest
from conftest import NOW, PASS, settings_for
from test_serve import free_port

from accounts.models import ApiToken, User
from accounts.people import create_user
from app import create_app
from assets.models import Asset
from assets.registering import register_assets
from commands import check, demo, migrate, user
from config import SettingsFault
from database import db as proxy
from docs_gen.issuing import Order, issue_document
from docs_gen.models import IssuedDocument, NumberSeries
from docs_gen.register import REGISTER
from master_data.models import Party


@pytest.fixture
def run(app):
    """Run a command; gives its result."""

    def invoke(command, *arguments):
        proxy.close()  # a command opens its own connection
        result = app.test_cli_runner().invoke(command, list(arguments))
        proxy.connect(reuse_if_open=True)
        return result

    return invoke


@pytest.mark.parametrize("name", ["serve", "migrate", "demo", "user", "check", "sample-papers"])
def test_every_command_has_help(app, name):
    result = app.test_cli_runner().invoke(args=[name, "--help"])
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 4


def test_migrate_tells_that_nothing_was_to_do(run):
    result = run(migrate)
    assert result.exit_code == 0
    assert "up to date" in result.output


def test_a_new_person_gets_a_one_time_password(run):
    result = run(user, "add", "chen.kun", "--administrator")
    assert "one-time password" in result.output
    made = User.get(username="chen.kun")
    assert made.must_change_password
    assert made.has_role("administrator")
    assert run(user, "add", "chen.kun").exit_code == 1
    assert "letters" in run(user, "add", "<script>").output
    assert "chen.kun" in run(user, "list").output
    before = made.password
    assert run(user, "password", "chen.kun").exit_code == 0
    assert User.get(username="chen.kun").password != before
    assert "no user" in run(user, "password", "nobody").output


def test_a_token_is_shown_once_and_kept_as_a_hash(app, run):
    run(user, "add", "scanner-1")
    token = run(user, "token", "scanner-1", "gate 2").output.strip()
    assert len(token) >= 43
    assert token not in {row.sha256 for row in ApiToken.select()}


def test_check_finds_nothing_in_sound_data(app, world, run):
    with app.app_context():
        clerk = create_user("clerk", "a long password", NOW)
        register_assets(world.klt, ["KLT000001", "KLT000002"], world.suzhou, world.plant, clerk, NOW)
        issue_document(world.shipment, Order("commercial_invoice", reasons=PASS), clerk, NOW, app.config["ROUNDTRIP"])
    result = run(check)
    assert result.exit_code == 0, result.output


def test_S11_check_names_every_fault(app, world, run):
    with app.app_context():
        clerk = create_user("clerk", "a long password", NOW)
        register_assets(world.klt, ["KLT000001"], world.suzhou, world.plant, clerk, NOW)
        first = issue_document(
            world.shipment, Order("commercial_invoice", reasons=PASS), clerk, NOW, app.config["ROUNDTRIP"]
        )
        second = issue_document(
            world.shipment, Order("packing_list", reasons=PASS), clerk, NOW, app.config["ROUNDTRIP"]
        )
    archive = app.config["ROUNDTRIP"].archive_dir
    path = archive / first.sha256[:2] / f"{first.sha256}.pdf"
    path.write_bytes(path.read_bytes() + b" ")
    (archive / second.sha256[:2] / f"{second.sha256}.pdf").unlink()
    (archive / "ab").mkdir(exist_ok=True)
    (archive / "ab" / f"{'ab' * 32}.pdf").write_bytes(b"nobody's")
    NumberSeries.update(last=5).where(NumberSeries.prefix == "CI").execute()
    Asset.update(where="out").execute()
    result = run(check)
    assert result.exit_code == 1
    for words in (
        f"{first.number}: ",
        "changed",
        f"{second.number}: ",
        "missing",
        "abab",
        "series CI",
        "KLT000001",
        "faults",
    ):
        assert words in result.output, words


def test_the_demo_company_is_only_loaded_into_an_empty_database(world, run):
    before = Party.select().count()
    result = run(demo)
    assert result.exit_code == 1
    assert "not empty" in result.output
    assert Party.select().count() == before


def test_sample_papers_of_every_type_are_rendered_without_a_database(tmp_path, monkeypatch):
    settings = settings_for(tmp_path / "nowhere", "sqlite:////nonexistent/folder/x.db")
    app = create_app({"ROUNDTRIP": settings})
    result = app.test_cli_runner().invoke(args=["sample-papers", str(tmp_path / "papers"), "--lines", "2"])
    assert result.exit_code == 0, result.output
    assert set(REGISTER) <= {path.stem for path in (tmp_path / "papers").glob("*.pdf")}
    shutil.rmtree(tmp_path / "papers")
    app.test_cli_runner().invoke(args=["sample-papers", str(tmp_path / "papers"), "--type", "packing_list"])
    assert [path.name for path in (tmp_path / "papers").iterdir()] == ["packing_list.pdf"]
    assert app.test_cli_runner().invoke(args=["sample-papers", str(tmp_path), "--type", "nothing"]).exit_code == 2


BAD_DATABASES = {
    "no server": "psycopg3+pool://u:secret@127.0.0.1:1/x",
    "no folder": "sqlite:////nonexistent/folder/x.db",
    "no database": "sqlite:///{folder}/garbage.db",
}


@pytest.mark.parametrize("command", ["serve", "migrate", "check"])
@pytest.mark.parametrize("name", BAD_DATABASES)
def test_a_database_that_cannot_be_used_is_one_clear_line(tmp_path, name, command):
    (tmp_path / "garbage.db").write_bytes(b"no database at all " * 100)
    settings = replace(settings_for(tmp_path, BAD_DATABASES[name].format(folder=tmp_path)), port=free_port())
    result = create_app({"ROUNDTRIP": settings}).test_cli_runner().invoke(args=[command])
    assert result.exit_code == 1
    assert result.output.startswith("Error: ROUNDTRIP_DATABASE_URL: the database cannot be used: ")
    assert len(result.output.splitlines()) == 1
    assert "secret" not in result.output
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ  # a service that did not start leaves no counters behind


@pytest.mark.parametrize("command", [["check"], ["demo"], ["user", "list"], ["user", "add", "chen.kun"]])
def test_a_database_that_is_not_migrated_is_told_with_what_to_do(tmp_path, command):
    app = create_app({"ROUNDTRIP": settings_for(tmp_path)})
    result = app.test_cli_runner().invoke(args=command)
    assert result.exit_code == 1
    assert "flask --app app migrate" in result.output
    assert app.test_cli_runner().invoke(args=["migrate"]).exit_code == 0
    assert app.test_cli_runner().invoke(args=["user", "list"]).exit_code == 0


def test_wrong_settings_are_one_clear_message_and_no_traceback(monkeypatch, tmp_path):
    monkeypatch.setenv("ROUNDTRIP_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ROUNDTRIP_PORT", "no port")
    with pytest.raises(SystemExit) as stop:
        create_app()
    assert "ROUNDTRIP_PORT=no port" in str(stop.value)
    assert not isinstance(stop.value, SettingsFault)


@pytest.mark.parametrize("command", [["serve"], ["sample-papers", "papers"], ["watch-pack", ".", "out.pdf"]])
def test_a_library_that_is_missing_is_named_at_start_with_its_package(app, monkeypatch, tmp_path, command):
    from docs_gen import render

    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setitem(render._LIBRARIES, "libnotthere.so.7", "libnotthere7")
    monkeypatch.setattr(render, "FONT_FILES", (*render.FONT_FILES, "NotHere.ttf"))
    result = app.test_cli_runner().invoke(args=[part.replace("out.pdf", "../out.pdf") for part in command])
    assert result.exit_code == 1
    assert "apt-get install libnotthere7" in result.output
    assert "static/fonts/NotHere.ttf is missing" in result.output
    assert IssuedDocument.select().count() == 0
