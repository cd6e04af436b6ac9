"""F10: the browser of a handheld dies with 200 unsent scans; opened again it has them all, and sends them once, in order."""

from __future__ import annotations

from browser import session_cookie
from large import tried
from playwright.sync_api import expect
from test_scan_offline import (  # noqa: F401 (a fixture)
    CODES,
    begin_dispatch,
    boxes,
    kept_for_offline,
    kill,
    nothing_left,
    own_browser,
    ready,
    register,
    taken,
)
from test_scan_page import wedge

from assets.models import ScanEvent


def test_F10_200_offline_scans_survive_a_killed_browser_and_arrive_once_in_order(
    playwright,
    live,
    user,
    boxes,  # noqa: F811
    tmp_path,
):
    folder = tmp_path / "profile"
    with own_browser(playwright, live, folder) as context:
        context.add_cookies([session_cookie(live, user)])
        page = context.pages[0]
        ready(page)
        register(page, "Gate 2")  # its token is on the disk; the cookie of a session ends with the browser
        kept_for_offline(page)
        begin_dispatch(page)
        live.stop()
        with page.expect_event("requestfailed", lambda request: "scan-events" in request.url):
            for code in CODES[:20]:
                wedge(page, code)
        for code in CODES[20:]:  # by now the page knows that there is no network
            wedge(page, code)
        expect(page.locator("#badge-text")).to_have_text("200 unsent", timeout=20_000)
        kill(folder)
    with own_browser(playwright, live, folder) as context:
        page = context.pages[0]
        ready(page)  # the server is still away
        expect(page.locator("#badge-text")).to_have_text("200 unsent")
        page.click("#resume button")
        expect(page.locator("#total")).to_have_text("200 of 12")
        expect(page.locator("#waiting")).to_have_text("200 not sent")
        live.start()
        page.evaluate("window.dispatchEvent(new Event('online'))")
        nothing_left(page)
    assert taken() == CODES
    rows = list(ScanEvent.select().where(ScanEvent.type == "dispatch").order_by(ScanEvent.id))
    assert [row.sequence for row in rows] == list(range(1, 201))
    assert len({row.event_id for row in rows}) == 200
    marks = [bool(row.happened) for row in rows]  # the first ones were on their way when the network went
    assert marks == sorted(marks)
    assert all(marks[20:])
    tried("F10", "browser killed with 200 unsent scans, opened again: all sent once and in order", len(rows))
