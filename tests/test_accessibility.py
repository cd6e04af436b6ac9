"""axe-core finds nothing serious on any page, in both languages; on the scan page in light and dark, in every screen."""

from __future__ import annotations

import uuid
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from browser import DESKTOP, HANDHELD, session_cookie
from conftest import NOW, PASS
from playwright.sync_api import Browser, BrowserContext, Page, expect

from accounts.models import User
from assets.models import Asset
from assets.registering import register_assets
from assets.scan_told import ScanInput
from assets.scanning import record_scan
from database import utc_now
from docs_gen.issuing import Order, issue_document

AXE = (Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
_RUN = """async () => {
    const found = await axe.run(document, { resultTypes: ["violations"], elementRef: false });
    return found.violations.filter(one => ["serious", "critical"].includes(one.impact))
        .map(one => `${one.id}: ${one.nodes.map(node => node.target.join(" ") + " | " + node.any.map(any => any.message).join(" ")).slice(0, 4).join("; ")}`);
}"""

#: What stands for the parts of an address; and what answers with a file, or only to a program.
_VALUES = {
    "master_data.party_edit": "HAMBURG", "master_data.place_edit": "SZ-PLANT", "master_data.product_edit": "10-4711",
    "master_data.asset_type_edit": "KLT6428", "looks.look_edit": "SUZHOU", "looks.seal_new": "SUZHOU",
    "public.code_label": "KLT-0001", "public.grai_label": "04012345000016KLT-0001", "assets.asset_page": "KLT-0001",
}  # fmt: skip
_NO_PAGE = (
    ".pdf",
    ".png",
    ".zip",
    ".js",
    ".json",
    ".webmanifest",
    "lines-template",
    "/healthz",
    "/metrics",
    "/login-static",
    "/static",
    "/api/",
    "/tf-validate",  # signs out who is signed in
    "/provider",
    "/login/",
    "/S/",
    "/s/",
)


def examined(context: BrowserContext) -> Page:
    """A page with axe-core in every document. Through the debugger: the pages' own policy lets no foreign script in."""
    page = context.new_page()
    page.add_init_script(AXE)
    return page


def faults(page: Page) -> list[str]:
    return page.evaluate(_RUN)


@pytest.fixture
def company(app, world, user):
    """The small world with something on every page: boxes here and away, an exception, an issued paper."""
    with app.app_context():
        issue_document(world.shipment, Order("commercial_invoice", reasons=PASS), user, NOW, app.config["ROUNDTRIP"])
    boxes = register_assets(
        world.klt, [f"KLT-{number:04d}" for number in range(1, 9)], world.suzhou, world.plant, user, NOW
    )
    for box in boxes[:4]:
        scan = {
            "type": "dispatch",
            "shipment": "S-2026-0001",
            "place": "SZ-PLANT",
            "event_time": utc_now() - timedelta(days=90),
        }
        record_scan(ScanInput(event_id=str(uuid.uuid4()), scanned_text=box.code, **scan), user, utc_now())
    odd = {"type": "return", "place": "SZ-PLANT", "event_time": utc_now()}
    record_scan(ScanInput(event_id=str(uuid.uuid4()), scanned_text=boxes[6].code, **odd), user, utc_now())
    return world


def addresses(app: Any, pages: set[str]) -> list[str]:
    found = []
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            if (
                "GET" not in rule.methods
                or any(part in rule.rule for part in _NO_PAGE)
                or rule.endpoint == "scan.start"
            ):
                continue
            values: dict[str, Any] = {}
            for name in rule.arguments:
                values[name] = _VALUES.get(rule.endpoint) or {"number": "S-2026-0001", "type": "packing_list"}.get(name)
            if None not in values.values():
                found.append(app.url_map.bind("localhost").build(rule.endpoint, values))
    return sorted(set(found) | pages)


def _pages(app: Any, user: Any) -> list[str]:
    pages = addresses(
        app, {"/assets?q=none", "/search?q=KLT-0001", "/nothing", "/assets/labels?code=KLT-0001", f"/people/{user.id}"}
    )
    assert len(pages) > 40
    return pages


class _Skeleton(HTMLParser):
    """The elements of a page with their attributes, without its words: what axe judges, but for colours and sizes."""

    WORDS = ("lang", "title", "alt", "content", "placeholder", "value", "href", "aria-label", "aria-description")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[Any] = []
        self.unnamed: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        kept = [
            (name, "" if name in self.WORDS or name.startswith("data-") else value)
            for name, value in attrs
            if name not in ("aria-pressed", "selected", "datetime")  # which language is chosen, and when
        ]
        self.found.append((tag, sorted(kept, key=str)))
        self.unnamed += [f"{tag} {name}" for name, value in attrs if name in ("title", "aria-label") and not value]

    def handle_endtag(self, tag: str) -> None:
        self.found.append(tag)

    def handle_data(self, data: str) -> None:
        if data.strip() and self.found[-1] != "words":
            self.found.append("words")


def _built_otherwise(client: Any, pages: list[str]) -> list[str]:
    """The pages that are not built in Chinese as in English; what axe says of one of the others holds for both."""
    found = []
    for address in pages:
        built = []
        for language in ("en", "zh"):
            User.update(language=language).execute()
            skeleton = _Skeleton(client.get(address).get_data(as_text=True))
            assert not skeleton.unnamed, address
            built.append(skeleton.found)
        found += [address] if built[0] != built[1] else []
    return found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_axe_finds_nothing_serious_on_any_page(browser: Browser, live, app, client, user, company, language):
    pages = _pages(app, user)
    if language == "zh":
        all_pages, pages = len(pages), _built_otherwise(client, pages)
        assert len(pages) < all_pages / 4
        pages += ["/", "/assets", "/shipments/S-2026-0001"]  # with the fonts and the sizes of this language
    User.update(language=language).execute()
    context = browser.new_context(base_url=live.url, viewport=DESKTOP, service_workers="block", reduced_motion="reduce")
    context.add_cookies([session_cookie(live, user)])
    page = examined(context)
    found = {}
    for address in pages:
        page.goto(address, wait_until="domcontentloaded")
        assert page.locator("html").get_attribute("lang").startswith(language)
        if bad := faults(page):
            found[address] = bad
    context.clear_cookies()
    page.goto("/login")
    if bad := faults(page):
        found["/login"] = bad
    context.close()
    assert found == {}


@pytest.mark.parametrize(("language", "scheme"), [("en", "dark"), ("zh", "light")])
def test_axe_finds_nothing_serious_on_any_screen_of_scanning(browser: Browser, live, user, company, language, scheme):
    context = browser.new_context(base_url=live.url, viewport=HANDHELD, color_scheme=scheme, service_workers="block")
    context.add_cookies([session_cookie(live, user)])
    context.add_init_script(f"localStorage.setItem('rt-language', '{language}')")
    page = examined(context)
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        if bad := faults(page):
            found[name] = bad

    def scan(text: str, kind: str) -> None:
        page.keyboard.type(text)
        page.keyboard.press("Enter")
        expect(page.locator("#verdict")).to_have_attribute("data-kind", kind)
        look(f"{kind} {text}")

    page.goto("/scan")
    expect(page.locator("#place option[value=SZ-PLANT]")).to_be_attached()
    page.select_option("#place", "SZ-PLANT")
    look("start")
    page.click(".scan-big[data-mode=dispatch]")
    look("prepare")
    page.click("[data-number='S-2026-0001']")
    scan("KLT-0005", "ok")
    scan("KLT-0005", "known")
    scan("KLT-0007", "warn")
    scan("KLT-9999", "bad")
    page.click("#total-row")
    look("list")
    page.click("#back")
    page.click("#finish")
    look("finish")
    page.click("#back")
    page.click("#back")
    look("start with cards and work")
    page.click(".scan-big[data-mode=stock_take]")
    look("prepare count")
    page.click("#back")
    page.click(".scan-big[data-mode=inspect]")
    page.click("[data-mark=damage]")
    look("inspect")
    page.click("#back")
    page.click("#menu")
    look("menu")
    page.click("#to-help")
    look("help")
    page.click("#back")
    page.click("#badge")
    look("status")
    context.close()
    assert found == {}
    assert Asset.get(Asset.code == "KLT-0005").where == "out"
