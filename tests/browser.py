"""A real Chromium against a real server: fixtures for the tests that drive pages.

The server is a thread of the test's own process on the test's own database, so a test can look at the rows that a click
has made. `live` gives its address, `page` a signed-in page that fails the test when the script of the page fails.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright
from werkzeug.serving import BaseWSGIServer, make_server

from accounts.models import User

#: What Playwright itself switches off: the list below takes the place of its own.
_NOT_FOR_TESTS = [
    "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled",
    "PreconnectToSearch",
]  # fmt: skip
#: Pages of the browser's own, for what is typed into its address bar, of which each window loads 400 files: with them a
#: visit of the scan page costs twice the time.
_ADDRESS_BAR = ["WebUIOmniboxPopup", "WebUIOmniboxFullPopup", "WebUIOmniboxAimPopup"]
CHROMIUM_ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--autoplay-policy=user-gesture-required",
    f"--disable-features={','.join(_NOT_FOR_TESTS + _ADDRESS_BAR)}",
]  # fmt: skip
expect.set_options(timeout=30_000)  # what comes at all comes sooner; on a busy machine not within the 5 s of Playwright
HANDHELD = {"width": 360, "height": 640}
DESKTOP = {"width": 1440, "height": 900}


@dataclass
class Live:
    """A running server. `stop` and `start` take it off the network and bring it back at the same address."""

    app: Flask
    port: int = 0
    server: BaseWSGIServer | None = None
    thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.server = make_server("127.0.0.1", self.port, self.app, threaded=True)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


@pytest.fixture
def live(app: Flask) -> Iterator[Live]:
    # The tests' base address is https, this server is not.
    app.config.update(SESSION_COOKIE_SECURE=False, SESSION_COOKIE_NAME="session")
    live = Live(app)
    live.start()
    yield live
    live.stop()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_ARGS)
    yield browser
    browser.close()


@pytest.fixture
def context(browser: Browser, live: Live, user: User) -> Iterator[BrowserContext]:
    """A fresh, signed-in browser profile at handheld size, in English. Without the service worker of the scan page: what
    that does is shown in test_scan_offline.py, and every other test would wait for it to fetch the whole app."""
    context = browser.new_context(
        base_url=live.url, viewport=HANDHELD, locale="en-GB", timezone_id="Asia/Shanghai", service_workers="block"
    )
    context.add_cookies([session_cookie(live, user)])
    context.new_page()
    yield context
    context.close()


def session_cookie(live: Live, user: User) -> Any:
    """The cookie of a browser in which `user` is signed in."""
    from conftest import SignedIn

    client = SignedIn(live.app, live.app.response_class)
    client.sign_in(user)
    name = live.app.config["SESSION_COOKIE_NAME"]
    return {"name": name, "value": client.get_cookie(name).value, "url": live.url}


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """The signed-in page. An error in a script, or a breach of the content security policy, fails the test."""
    page = context.pages[0]
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console", lambda message: errors.append(message.text) if "Content Security Policy" in message.text else None
    )
    yield page
    assert not errors, errors


def sign_in(page: Page, username: str, password: str) -> None:
    """Through the login form, as a person does."""
    page.goto("/login")
    page.fill("[name=username]", username)
    page.fill("[name=password]", password)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/")
