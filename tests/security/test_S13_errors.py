"""S13: whatever goes wrong inside, a person gets one plain page with a reference, and the log gets the rest."""

from __future__ import annotations

import io
import json
import logging
import re
import sqlite3

import peewee
import pytest
from conftest import answering, application, settings_for

import logs
from accounts.access import public

EXCEPTIONS = [
    ZeroDivisionError("division by zero in /srv/roundtrip/app.py"), KeyError("ROUNDTRIP_SECRET_KEY"), ValueError("SELECT * FROM user"),
    TypeError("'NoneType' object is not subscriptable"), AttributeError("module 'x' has no attribute 'y'"), IndexError("list index out of range"),
    RuntimeError("Werkzeug 3.1"), RecursionError("maximum recursion depth exceeded"), MemoryError("no memory"), OSError(28, "No space left on device", "/data/x"),
    FileNotFoundError(2, "No such file", "/root/secret.key"), PermissionError(13, "Permission denied", "/data"), TimeoutError("timed out"),
    ConnectionResetError(104, "reset"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), AssertionError("never"),
    NotImplementedError("later"), StopIteration("over"), peewee.OperationalError("no such table: secret"), peewee.IntegrityError("UNIQUE constraint failed: user.username"),
    sqlite3.DatabaseError("database disk image is malformed"), json.JSONDecodeError("Expecting value", "{", 1), Exception("<script>alert(1)</script>"),
]  # fmt: skip
NOT_FOR_PEOPLE = re.compile(
    r"Traceback|File \"|/srv/|/root/|/data|SELECT|UNIQUE|SECRET_KEY|Werkzeug|Python|sqlite|peewee|<script>alert|site-packages"
)


RAISED = []


@pytest.fixture(scope="module")
def with_fault(tmp_path_factory):
    """An application of its own, with two routes that raise the last of RAISED."""
    app = application(settings_for(tmp_path_factory.mktemp("fails")))

    @public
    def fails():
        raise RAISED[-1]

    app.add_url_rule("/fails", "fails", fails)
    app.add_url_rule("/api/v1/fails", "fails", fails)
    return app


@pytest.fixture
def app(with_fault, db, tmp_path):
    with answering(with_fault, db, tmp_path) as app:
        yield app


@pytest.fixture
def failing(app):
    """What the views raise."""
    app.config["TESTING"] = False  # as in production
    RAISED.clear()
    return RAISED


@pytest.mark.parametrize("error", EXCEPTIONS, ids=lambda error: f"{type(error).__module__}.{type(error).__name__}")
@pytest.mark.parametrize("path", ["/fails", "/api/v1/fails"])
def test_S13_a_generic_answer_with_a_reference_that_the_log_knows(failing, client, caplog, error, path):
    failing.append(error)
    answer = client.get(path)
    text = answer.get_data(as_text=True)
    assert answer.status_code in (500, 503, 507), text
    assert not NOT_FOR_PEOPLE.search(text), text
    reference = answer.headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{16}", reference)
    assert reference in text
    if path.startswith("/api/"):
        assert answer.get_json()["error"]["reference"] == reference
    assert any(record.exc_info and record.exc_info[0] is type(error) for record in caplog.records)


@pytest.mark.parametrize("path", ["/console", "/?__debugger__=yes&cmd=resource&f=style.css", "/debug"])
def test_S13_there_is_no_debugger(client, path):
    answer = client.get(path)
    assert answer.status_code in (200, 404)
    assert "Werkzeug" not in answer.get_data(as_text=True)
    assert "EVALEX" not in answer.get_data(as_text=True)


def test_S13_a_reference_stands_in_the_log_line(failing, client):
    failing.append(ValueError("line one\nINFO forged line"))
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logs.JsonLines())
    handler.addFilter(logs.WhichRequest())
    log = logging.getLogger("roundtrip")
    log.addHandler(handler)
    try:
        reference = client.get("/fails").headers["X-Request-ID"]
    finally:
        log.removeHandler(handler)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    [fault] = [line for line in lines if line["level"] == "ERROR"]
    assert fault["request"] == reference
    assert "ValueError" in fault["exc_info"]
    assert fault["message"] == "GET /fails failed"
