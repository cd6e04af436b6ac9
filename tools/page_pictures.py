"""Remake the pictures of the README: pages of the demo company, and the two papers of the shipment that leaves next.

Run by hand after a change of pages or papers: .venv/bin/python -m tools.page_pictures
"""

from __future__ import annotations

import io
import os
import secrets
import shutil
import tempfile
import threading
from pathlib import Path

import pypdfium2
from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from werkzeug.serving import make_server

import demo
from accounts.people import create_user
from app import create_app
from assets.models import Asset
from config import ROOT, load_settings
from database import db, migrate, utc_now
from shipments.models import Shipment

FOLDER = ROOT / "docs" / "pictures"
PASSWORD = secrets.token_urlsafe()
COLOURS = 96
#: so that the pictures have the same letters, and Chinese, on every machine
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>/usr/share/fonts</dir><dir>{fonts}</dir><cachedir>{cache}</cachedir></fontconfig>"""
STYLE = 'body, input, button { font-family: "Noto Sans", "Noto Sans CJK SC", sans-serif !important; }'


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="roundtrip-pictures-") as folder:
        (Path(folder) / "fonts.conf").write_text(FONTS.format(fonts=ROOT / "static" / "fonts", cache=f"{folder}/cache"))
        settings = load_settings({"ROUNDTRIP_DATA_DIR": folder})
        app = create_app({"ROUNDTRIP": settings})
        with app.app_context(), db.connection_context():
            migrate()
            create_user("admin", PASSWORD, utc_now(), administrator=True)
            demo.load(utc_now(), settings)
            leaving = Shipment.select().where(Shipment.state == "open").order_by(Shipment.departure_date)
            first, second = (shipment.number for shipment in leaving.limit(2))
            at_home = (Asset.where == "here") & (Asset.condition == "good") & (Asset.life == "active")
            boxes = [box.code for box in Asset.select().where(at_home).order_by(Asset.code.desc()).limit(4)]
        server = make_server("127.0.0.1", 0, app, threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"),
                    args=["--no-sandbox", "--disable-gpu"],
                    env={**os.environ, "FONTCONFIG_FILE": f"{folder}/fonts.conf"},
                )
                _take(browser, f"http://127.0.0.1:{server.server_port}", first, second, boxes)
                browser.close()
        finally:
            server.shutdown()


def _take(browser: Browser, url: str, number: str, scanned: str, boxes: list[str]) -> None:
    """Pages and papers of shipment `number`; the handheld scans `boxes` onto shipment `scanned`."""
    context = browser.new_context(
        base_url=url, viewport={"width": 1440, "height": 922}, locale="en-GB", bypass_csp=True
    )
    page = context.new_page()
    page.goto("/login")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/")
    for name, path in (("today", "/"), ("shipment", f"/shipments/{number}"), ("balances", "/balances")):
        page.goto(path)
        page.add_style_tag(content=STYLE)
        _save(name, Image.open(io.BytesIO(page.screenshot())), (1000, 640))
    for name, size in (("packing_list", (760, 1074)), ("china_export_declaration", (1000, 707))):
        data = page.request.get(f"/shipments/{number}/documents/{name}.pdf").body()
        _save(name, pypdfium2.PdfDocument(data)[0].render(scale=2).to_pil(), size)
    page.set_viewport_size({"width": 360, "height": 640})
    page.goto(f"/scan?shipment={scanned}")
    page.add_style_tag(content=STYLE)
    page.select_option("#place", "SZ-GATE2")
    page.click(".scan-big[data-mode=dispatch]")
    page.wait_for_selector("#screen-scan:not([hidden])")
    for code in boxes:
        page.keyboard.type(code, delay=5)
        page.keyboard.press("Enter")
        page.wait_for_selector(f"#verdict:has-text('{code}')")
    # What the server says of the last one: it comes when all are sent.
    page.wait_for_selector(f"#verdict:not([data-kind=read]):has-text('{boxes[-1]}')")
    page.wait_for_function("!document.querySelector('#waiting').textContent.trim()")
    _save("scan", Image.open(io.BytesIO(page.screenshot())), (480, 853))


def _save(name: str, picture: Image.Image, size: tuple[int, int]) -> None:
    small = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    small.quantize(COLOURS).save(FOLDER / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
