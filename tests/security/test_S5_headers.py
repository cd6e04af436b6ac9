"""S5: headers and cookies of every kind of answer, and the names of files."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from conftest import NOW, PASSWORD, answering, application, settings_for
from samples import completed

from accounts.access import public
from assets.registering import register_assets
from database import db as proxy
from docs_gen.turns import AllBusy
from listing import attachment

ANSWERS = {
    "page": ("client", "GET", "/parties", 200),
    "to the login": ("anonymous", "GET", "/parties", 302),
    "login": ("anonymous", "GET", "/login", 200),
    "bad login": ("anonymous", "POST", "/login", 400),
    "second factor": ("client", "GET", "/tf-setup", 200),
    "public label": ("anonymous", "GET", "/a/KLT-0001", 200),
    "genuineness": ("anonymous", "GET", "/v/AAAAAAAAAAAAAAAAAAAAAA", 404),
    "scan app": ("anonymous", "GET", "/scan", 200),
    "its worker": ("anonymous", "GET", "/scan/sw.js", 200),
    "style": ("anonymous", "GET", "/static/css/pages.css", 200),
    "alive": ("anonymous", "GET", "/healthz", 200),
    "health": ("anonymous", "GET", "/healthz?full", 403),
    "not ours": ("client", "GET", "/nothing", 404),
    "NUL": ("client", "GET", "/parties/a%00b", 404),
    "wrong method": ("client", "DELETE", "/parties", 405),
    "no token": ("client", "POST", "/parties/new", 400),
    "too large": ("client", "POST", "/language", 413),
    "API without a token": ("anonymous", "GET", "/api/v1/epcis", 401),
    "PDF": ("client", "GET", "/shipments/S-2026-0001/documents/packing_list.pdf", 200),
    "CSV": ("client", "GET", "/parties?format=csv", 200),
    "fault": ("client", "GET", "/a-fault", 500),
    "busy": ("client", "GET", "/all-busy", 503),
}
STATIC = ("its worker", "style", "scan app")


@pytest.fixture(scope="module")
def failing(tmp_path_factory):
    """An application of its own, with two routes more."""
    app = application(settings_for(tmp_path_factory.mktemp("failing")))

    @public
    def fault():
        raise ZeroDivisionError("secret of the house")

    @public
    def busy():
        raise AllBusy

    app.add_url_rule("/a-fault", "fault", fault)
    app.add_url_rule("/all-busy", "busy", busy)
    return app


@pytest.fixture
def app(failing, db, tmp_path):
    with answering(failing, db, tmp_path) as app:
        yield app


@pytest.fixture
def answers(client, anonymous, user, world):
    completed(world)
    register_assets(world.klt, ["KLT-0001"], world.suzhou, world.plant, user, NOW)

    def ask(name):
        who, method, path, status = ANSWERS[name]
        more = {"data": {"x": (io.BytesIO(b"x" * 13_000_000), "x")}} if status == 413 else {}
        answer = {"client": client, "anonymous": anonymous}[who].open(path, method=method, **more)
        assert answer.status_code == status, (name, answer.status_code)
        return answer

    return ask


@pytest.mark.parametrize("name", ANSWERS)
def test_S5_every_answer_bears_the_headers(answers, name):
    headers = answers(name).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] in ("same-origin", "no-referrer")
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    policy = headers["Content-Security-Policy"]
    for part in ("default-src 'self'", "base-uri 'none'", "form-action", "frame-ancestors"):
        assert part in policy
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy
    assert "*" not in policy
    camera = "camera=(self)" if name in ("scan app", "its worker") else "camera=()"
    assert camera in headers["Permissions-Policy"]
    assert "geolocation=()" in headers["Permissions-Policy"]
    if name in STATIC:
        assert "no-store" not in headers["Cache-Control"]
    else:
        assert headers["Cache-Control"] == "no-store"
    assert "Werkzeug" not in headers.get("Server", "")
    if headers["Content-Type"].startswith(("text/", "application/json")):
        assert "charset" in headers["Content-Type"] or "json" in headers["Content-Type"]


@pytest.mark.parametrize("name", [name for name in ANSWERS if name != "too large"])
def test_S5_no_page_has_script_or_style_of_its_own(answers, name):
    answer = answers(name)
    if answer.mimetype == "text/html":
        html = answer.get_data(as_text=True)
        assert not re.findall(r"<style|\sstyle=|\son[a-z]+\s*=\s*[\"']|javascript:", html)
        for tag in re.findall(r"<script[^>]*>", html):
            assert "src=" in tag or 'type="application/json"' in tag, tag


def test_S5_the_pdf_is_shown_under_its_name_and_kept_by_no_cache(answers):
    answer = answers("PDF")
    assert answer.mimetype == "application/pdf"
    assert answer.headers["Content-Disposition"].startswith('inline; filename="S-2026-0001 PACKING LIST DRAFT.pdf"')


def test_S5_a_hostile_name_of_a_file_stays_one_name(app):
    with app.test_request_context():
        header = attachment(b"x", '货单"\r\nX: y.pdf', "application/pdf").headers["Content-Disposition"]
    assert header == (
        "attachment; filename=\"_____X: y.pdf\"; filename*=UTF-8''%E8%B4%A7%E5%8D%95%22%0D%0AX%3A%20y.pdf"
    )


def sign_in(client):
    page = client.get("/login").get_data(as_text=True)
    token = page.split('name="csrf_token" type="hidden" value="')[1].split('"')[0]
    return client.post("/login", data={"csrf_token": token, "username": "wang.li", "password": PASSWORD})


def test_S5_behind_https_the_cookies_are_the_hosts_own(anonymous, user):
    cookies = sign_in(anonymous).headers.getlist("Set-Cookie")
    assert len(cookies) == 2  # of the session, and of the browser that is known
    for cookie in cookies:
        parts = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"secure", "httponly", "path=/", "samesite=lax"} <= parts, cookie
        assert not any(part.startswith("domain") for part in parts)
    assert {cookie.split("=")[0] for cookie in cookies} == {"__Host-session", "__Host-known_device"}


def test_S5_without_https_nothing_is_promised_that_would_lock_people_out(app, db, user):
    settings = replace(app.config["ROUNDTRIP"], base_url="http://127.0.0.1:8000")
    plain = application(settings)
    proxy.initialize(db)
    answer = sign_in(plain.test_client())
    assert answer.status_code == 302
    assert "Strict-Transport-Security" not in answer.headers
    cookies = answer.headers.getlist("Set-Cookie")
    assert any(cookie.startswith("session=") for cookie in cookies)
    assert not any("secure" in cookie.lower() for cookie in cookies)
