"""S6: thirty ways to smuggle a script, stored in every free field; a real browser goes through all pages."""

from __future__ import annotations

import shutil
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from browser import DESKTOP, session_cookie
from conftest import NOW, PASSWORD
from playwright.sync_api import Browser
from poison import XSS, poison
from two_entities import Side

from accounts.models import User
from accounts.people import create_user
from assets.scan_told import ScanInput
from assets.scanning import record_scan
from database import db as proxy
from database import utc_now
from docs_gen.models import IssuedDocument
from statements.accounts import Month
from statements.issuing import issue_charges
from statements.models import Statement
from statements.replies import make_link

FILES = (
    ".pdf",
    ".zip",
    ".png",
    ".json",
    ".xlsx",
    ".csv",
    "format=csv",
    "format=xlsx",
    "/logout",
    "lines-template",
    "/oauth",
    "/static/",
)


@pytest.fixture
def company(app, two_entities, tmp_path) -> tuple[Side, str]:
    """A firm that has some of everything, papers of accounts and answers to them too, with all its free texts poisoned;
    gives one of its entities and the token of a link to a statement."""
    pattern, side, _ = two_entities
    proxy.close()
    for path in tmp_path.glob("roundtrip.db*"):
        path.unlink()
    shutil.copytree(pattern, tmp_path, dirs_exist_ok=True)
    proxy.connect()
    proxy.obj.pragma("synchronous", "off", permanent=True)
    boss = User.get(User.username == "qax.boss")
    with app.test_request_context():
        charged = Month(2026, 10), "EUR", ("deposit", "rental"), None
        charges = issue_charges(side.own, side.partner, *charged, boss, NOW, app.config["ROUNDTRIP"])
        assert charges.state == "issued"
        for text in XSS[:10]:  # codes that are nobody's
            told = {"type": "return", "place": side.site.code, "event_time": utc_now()}
            record_scan(ScanInput(event_id=str(uuid4()), scanned_text=text, **told), boss, utc_now())
        token = make_link(Statement.get(), boss, utc_now())
    return side, token


@pytest.fixture
def user(app, company) -> User:
    with app.app_context():
        return create_user("wang.li", PASSWORD, NOW, administrator=True)


def test_S6_nothing_that_was_stored_runs_in_a_browser(browser: Browser, live, app, user, company):
    side, token = company
    found: list[str] = []
    assert poison(lambda number: XSS[number % len(XSS)]) > 120
    context = browser.new_context(base_url=live.url, viewport=DESKTOP, service_workers="block")
    context.add_init_script(
        "window.hit = () => console.error('EXECUTED');"
        "addEventListener('securitypolicyviolation', e => console.error('CSP ' + e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sourceFile));"
    )
    page = context.new_page()
    page.on("dialog", lambda dialog: (found.append(f"dialog on {page.url}"), dialog.dismiss()))
    page.on(
        "console",
        lambda told: (
            found.append(f"{page.url}: {told.text}")
            if "EXECUTED" in told.text or "CSP " in told.text or "Content Security" in told.text
            else None
        ),
    )
    page.on("pageerror", lambda error: found.append(f"{page.url}: {error}"))
    page.on("request", lambda asked: found.append(f"asked {asked.url}") if "198.51.100.7" in asked.url else None)

    def crawl(*waiting_: str) -> None:
        waiting = list(waiting_)
        while waiting:
            address = waiting.pop(0)
            answer = page.goto(address, wait_until="load")
            if answer is None or answer.status >= 500:
                failed.append(f"{address}: {answer and answer.status}")
            links, shows = page.evaluate(
                "[[...document.querySelectorAll('a[href]')].map(one => one.href), "
                r"/hit\(\)|198\.51\.100\.7/.test(document.body.innerHTML)]"
            )
            if shows:
                showing.append(address)
            for href in links:
                parts = urlsplit(href)
                if parts.scheme not in ("http", "https", "mailto", "tel"):
                    found.append(f"{page.url}: leads to {href[:60]}")
                if f"{parts.scheme}://{parts.netloc}" != live.url or any(end in href for end in FILES):
                    continue
                try:
                    endpoint, _ = adapter.match(parts.path)
                except Exception:
                    continue
                if seen.setdefault(endpoint, 0) < (2 if "page" in endpoint else 1):
                    seen[endpoint] += 1
                    waiting.append(parts.path + (f"?{parts.query}" if parts.query else ""))

    adapter, seen, failed, showing = app.url_map.bind("localhost"), {}, [], []
    # Nobody, a partner, and who may see everything.
    verify = IssuedDocument.get(IssuedDocument.type == "box_statement").verify_code
    crawl(f"/statement/{token}", f"/v/{verify}", f"/a/{side.boxes[0].code}")
    assert page.title()
    context.add_cookies([session_cookie(live, side.people["partner"])])
    crawl("/my/statements")
    context.add_cookies([session_cookie(live, user)])
    seen.clear()
    crawl("/", "/search?q=%3Cscript%3Ehit()%3C/script%3E", "/nothing?%22%3E%3Cscript%3Ehit()%3C/script%3E")
    context.close()
    assert failed == []
    assert found == []
    assert len(showing) > 50, "what was stored is shown"
    assert len(seen) > 60, sorted(seen)
    assert {
        "statements.statement",
        "statements.charges",
        "agreements.agreement_edit",
        "customs.declaration_page",
    } <= set(seen)
