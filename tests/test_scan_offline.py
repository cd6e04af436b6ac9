"""The scan page as an app: it opens without a network, and nothing that was scanned is lost or counted twice."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from browser import CHROMIUM_ARGS, HANDHELD, Live, session_cookie
from conftest import NOW
from playwright.sync_api import BrowserContext, Error, Page, Playwright, expect
from test_scan_page import wedge

from accounts.models import ApiToken
from assets.models import Asset, Device, ScanEvent
from assets.registering import register_assets

CODES = [f"KLT-{number:04d}" for number in range(1, 201)]


@pytest.fixture
def boxes(app, world, user):
    return register_assets(world.klt, CODES, world.suzhou, world.plant, user, NOW)


def ready(page: Page) -> None:
    """The app is open; with or without a network."""
    page.goto("/scan")
    expect(page.locator("body[data-ready]")).to_be_attached()


def kept_for_offline(page: Page) -> None:
    page.evaluate("navigator.serviceWorker.ready")
    page.reload()
    expect(page.locator("#place option[value=SZ-PLANT]")).to_be_attached()
    page.wait_for_function("Boolean(navigator.serviceWorker.controller)")


def register(page: Page, name: str) -> None:
    page.click("#menu")
    page.fill("#device-name", name)
    page.click("#device-form button")
    expect(page.locator("#device-text")).to_contain_text("registered")


def begin_dispatch(page: Page) -> None:
    page.select_option("#place", "SZ-PLANT")
    page.click(".scan-big[data-mode=dispatch]")
    page.click("[data-number='S-2026-0001']")
    expect(page.locator("#screen-scan")).to_be_visible()


def nothing_left(page: Page) -> None:
    expect(page.locator("#badge")).to_have_attribute("data-state", "idle", timeout=30_000)


def taken() -> list[str]:
    query = ScanEvent.select(ScanEvent, Asset).join(Asset).where(ScanEvent.type == "dispatch", ScanEvent.refused == "")
    query = query.order_by(ScanEvent.id)
    return [row.asset.code for row in query]


@contextmanager
def own_browser(playwright: Playwright, live: Live, folder: Path) -> Iterator[BrowserContext]:
    """A browser with a profile on the disk, as on a handheld; `kill` ends its processes as a flat battery does."""
    context = playwright.chromium.launch_persistent_context(
        str(folder), executable_path=shutil.which("chromium"), args=CHROMIUM_ARGS, base_url=live.url,
        viewport=HANDHELD, locale="en-GB", timezone_id="Asia/Shanghai",
    )  # fmt: skip
    yield context
    with suppress(Error):  # it was killed
        context.close()


def kill(folder: Path) -> None:
    """SIGKILL for every process of the browser whose profile this is."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if f"--user-data-dir={folder}" in command:
                os.kill(int(entry.name), signal.SIGKILL)


def test_C5_a_batch_that_is_still_being_taken_is_asked_for_again_under_its_own_key(page, boxes):
    ready(page)
    expect(page.locator("#place option[value=SZ-PLANT]")).to_be_attached()
    begin_dispatch(page)
    keys = []

    def in_flight_at_first(route):
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) > 1:
            route.continue_()
        else:
            error = {"reason": "key_in_flight", "text": "…"}
            route.fulfill(status=409, headers={"Retry-After": "1"}, json={"error": error})

    page.route("**/api/v1/scan-events", in_flight_at_first)
    with page.expect_response(lambda answer: "scan-events" in answer.url and answer.status == 200):
        wedge(page, CODES[0])
    nothing_left(page)
    assert taken() == CODES[:1]
    assert keys[0] == keys[1]


def test_every_second_answer_lost_and_two_tabs_send_each_scan_once(context, page, boxes):
    ready(page)
    expect(page.locator("#place option[value=SZ-PLANT]")).to_be_attached()
    begin_dispatch(page)
    swallowed, keys = [], []

    def swallow(route):
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) % 2:
            swallowed.append(route.fetch())  # the server has taken it, the answer does not arrive
            route.abort()
        else:
            route.continue_()

    context.route("**/api/v1/scan-events", swallow)
    second = context.new_page()
    ready(second)
    for code in CODES[:30]:
        wedge(page, code)
        if code == CODES[10]:
            second.evaluate("window.dispatchEvent(new Event('online'))")
    expect(page.locator("#total")).to_have_text("30 of 12")
    page.wait_for_function(  # the pauses between attempts are the device's; a person presses the button
        """() => {
            if (document.querySelector("#badge").dataset.state === "idle") return true;
            window.dispatchEvent(new Event("online"));
        }""",
        polling=50,
    )
    nothing_left(page)
    assert taken() == CODES[:30]
    assert swallowed
    assert all(keys.count(key) == 2 for key in keys[: 2 * len(swallowed) : 2])  # sent again under its own key


def test_a_new_version_waits_until_nobody_scans_and_loses_nothing(playwright, live, user, boxes, tmp_path, monkeypatch):
    from assets import scan_views

    with own_browser(playwright, live, tmp_path / "profile") as context:
        context.add_cookies([session_cookie(live, user)])
        page = context.pages[0]
        ready(page)
        kept_for_offline(page)
        old = page.get_attribute("meta[name=rt-version]", "content")
        begin_dispatch(page)
        context.set_offline(True)
        wedge(page, CODES[0])
        expect(page.locator("#badge-text")).to_have_text("1 unsent")
        monkeypatch.setattr(scan_views, "_version", lambda: "newer")
        context.set_offline(False)
        page.evaluate("navigator.serviceWorker.getRegistration('/scan').then(found => found.update())")
        page.wait_for_function("navigator.serviceWorker.getRegistration('/scan').then(found => Boolean(found.waiting))")
        wedge(page, CODES[1])
        expect(page.locator("#total")).to_have_text("2 of 12")
        assert page.get_attribute("meta[name=rt-version]", "content") == old  # not in the middle of the work
        page.click("#back")
        expect(page.locator("meta[name=rt-version]")).to_have_attribute("content", "newer")
        expect(page.locator("body[data-ready]")).to_be_attached()
        nothing_left(page)
        page.click("#resume button")
        expect(page.locator("#total")).to_have_text("2 of 12")
    assert taken() == CODES[:2]


def test_the_app_can_be_installed(client, page):
    manifest = json.loads(client.get("/scan/manifest.webmanifest").get_data())
    assert (manifest["start_url"], manifest["scope"], manifest["display"]) == ("/scan", "/scan", "standalone")
    assert {(icon["sizes"], icon.get("purpose")) for icon in manifest["icons"]} >= {
        ("192x192", "any"), ("512x512", "any"), ("192x192", "maskable"), ("512x512", "maskable"),
    }  # fmt: skip
    for icon in manifest["icons"]:
        assert client.get(icon["src"]).status_code == 200
    ready(page)
    found = page.context.new_cdp_session(page).send("Page.getAppManifest")
    assert found["errors"] == []
    faults = page.context.new_cdp_session(page).send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert {fault["errorId"] for fault in faults} <= {"in-incognito"}  # the profile of the tests is one


def test_the_shell_holds_no_data_and_its_version_follows_its_files(client, anonymous, world):
    for visitor in (client, anonymous):
        page = visitor.get("/scan").get_data(as_text=True)
        assert not [word for word in ("wang.li", "csrf", "SZ-PLANT", "S-2026-0001", "HAMBURG") if word in page]
    answer = anonymous.get("/scan/sw.js")
    assert answer.headers["Service-Worker-Allowed"] == "/scan"
    head = answer.get_data(as_text=True).split("\n")
    files = json.loads(re.search(r"\[.*\]", head[1])[0])
    assert all(anonymous.get(path).status_code == 200 for path in files)
    # what a module imports is in the list: else it would be missing without a network
    named = {
        name
        for path in Path("static/scan").glob("*.js")
        for name in re.findall(r'(?:from |import\()"\./(\w+)\.js"', path.read_text())
    }
    assert {f"/static/scan/{name}.js" for name in named} <= set(files)
    policy = anonymous.get("/scan").headers["Content-Security-Policy"]
    assert "script-src 'self' 'wasm-unsafe-eval';" in policy
    assert "wasm" not in client.get("/").headers["Content-Security-Policy"]


def test_signing_out_asks_while_anything_is_unsent(page, context, boxes):
    ready(page)
    expect(page.locator("#place option[value=SZ-PLANT]")).to_be_attached()
    begin_dispatch(page)
    page.route("**/api/v1/scan-events", lambda route: route.abort())
    wedge(page, CODES[0])
    wedge(page, CODES[1])
    expect(page.locator("#badge-text")).to_have_text("2 unsent")
    page.goto("/")
    page.click(".rt-person summary")
    page.click("text=Sign out")
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text("2 scans are not sent")
    dialog.get_by_role("button", name="Stay").click()
    assert page.url.endswith("/")
    page.click("text=Sign out")
    page.locator("dialog[open]").get_by_role("link", name="Send them").click()
    page.unroute("**/api/v1/scan-events")
    nothing_left(page)
    assert taken() == CODES[:2]
    page.goto("/")
    page.click(".rt-person summary")
    page.click("text=Sign out")
    page.wait_for_url(lambda url: "/login" in url)
    page.goto("/scan")  # what the device knew of boxes and partners is gone with the person
    expect(page.locator("#note")).to_have_text("Please sign in. Sign in")  # nothing waits, so nothing is said of it
    expect(page.locator("#place option")).to_have_count(1)


def test_a_registered_device_sends_without_anybody_signed_in_until_it_is_revoked(page, context, boxes):
    ready(page)
    register(page, "Gate 2")
    context.clear_cookies()
    ready(page)
    expect(page.locator("#place option[value=SZ-PLANT]")).to_be_attached()
    begin_dispatch(page)
    wedge(page, CODES[0])
    expect(page.locator("#total")).to_have_text("1 of 12")
    nothing_left(page)
    row = ScanEvent.get(ScanEvent.type == "dispatch")
    assert (row.device, row.user.username, row.sequence) == ("Gate 2", "wang.li", 1)
    token = Device.get().token
    token.revoked_time = NOW
    token.save()
    wedge(page, CODES[1])
    expect(page.locator("#note")).to_contain_text("may no longer send")
    page.click("#badge")
    with page.expect_download() as download:
        page.click("#export")
    text = json.loads(Path(download.value.path()).read_text())
    assert [event["scanned_text"] for event in text["events"]] == [CODES[1]]
    assert taken() == [CODES[0]]


def test_a_token_that_the_server_does_not_know_gives_way_to_the_person(page, context, boxes):
    ready(page)
    register(page, "Gate 2")
    ApiToken.update(sha256="0" * 64).where(ApiToken.scope == "scan").execute()
    page.click("#back")
    expect(page.locator("#place option[value=SZ-PLANT]")).to_be_attached()
    begin_dispatch(page)
    wedge(page, CODES[0])
    expect(page.locator("#total")).to_have_text("1 of 12")
    page.evaluate("window.dispatchEvent(new Event('online'))")
    nothing_left(page)
    assert taken() == [CODES[0]]
