"""S6: thirty ways to smuggle a script, stored in every free field; a real browser goes through all pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from browser import DESKTOP, session_cookie
from conftest import NOW, PASS
from playwright.sync_api import Browser
from poison import COLUMNS, XSS, poison

from assets.registering import register_assets
from assets.scan_told import ScanInput
from assets.scanning import record_scan
from database import utc_now
from docs_gen.issuing import Order, issue_document

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
def company(app, world, user):
    with app.app_context():
        issue_document(world.shipment, Order("commercial_invoice", reasons=PASS), user, NOW, app.config["ROUNDTRIP"])
    codes = [f"KLT-{number:04d}" for number in range(1, 5)]
    boxes = register_assets(world.klt, codes, world.suzhou, world.plant, user, NOW)
    for number, box in enumerate(boxes[:3]):
        scan: dict[str, Any] = {"type": "dispatch", "shipment": "S-2026-0001"} if number < 2 else {"type": "return"}
        scan |= {"place": "SZ-PLANT", "event_time": utc_now() - timedelta(days=9), "device": XSS[0], "reason": XSS[1]}
        record_scan(ScanInput(event_id=str(uuid4()), scanned_text=box.code, **scan), user, utc_now())
    for text in XSS[:10]:  # codes that are nobody's
        told = {"type": "return", "place": "SZ-PLANT", "event_time": utc_now()}
        record_scan(ScanInput(event_id=str(uuid4()), scanned_text=text, **told), user, utc_now())
    return world


def test_S6_nothing_that_was_stored_runs_in_a_browser(browser: Browser, live, app, user, company):
    found: list[str] = []
    shift = [0]
    poisoned = sum(len(columns) for columns in COLUMNS.values())
    assert poisoned > 50
    poison(lambda number: XSS[(number + shift[0]) % len(XSS)])
    context = browser.new_context(base_url=live.url, viewport=DESKTOP, service_workers="block")
    context.add_cookies([session_cookie(live, user)])
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

    adapter = app.url_map.bind("localhost")
    waiting, seen, failed = (
        ["/", "/search?q=%3Cscript%3Ehit()%3C/script%3E", "/nothing?%22%3E%3Cscript%3Ehit()%3C/script%3E"],
        {},
        [],
    )
    while waiting:
        address = waiting.pop(0)
        answer = page.goto(address, wait_until="load")
        if answer is None or answer.status >= 500:
            failed.append(f"{address}: {answer and answer.status}")
        for href in page.eval_on_selector_all("a[href]", "all => all.map(one => one.href)"):
            parts = urlsplit(href)
            if parts.scheme not in ("http", "https", "mailto", "tel"):
                found.append(f"{page.url}: leads to {href[:60]}")
            if f"{parts.scheme}://{parts.netloc}" != live.url or any(end in href for end in FILES):
                continue
            try:
                endpoint, _ = adapter.match(parts.path)
            except Exception:
                continue
            if seen.setdefault(endpoint, 0) < (3 if "page" in endpoint else 1):
                seen[endpoint] += 1
                waiting.append(parts.path + (f"?{parts.query}" if parts.query else ""))
    context.close()
    assert failed == []
    assert found == []
    assert len(seen) > 40, sorted(seen)
