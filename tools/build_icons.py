"""Draws the icons of the installed scan page from static/img/roundtrip.svg: `python -m tools.build_icons`.

The maskable ones fill the whole square and keep the sign within the circle that every system leaves (80 %).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parent.parent / "static" / "img"


def main() -> None:
    """Write app-192.png, app-512.png and both maskable ones."""
    svg = (IMAGES / "roundtrip.svg").read_text(encoding="utf-8")
    filling = svg.replace('rx="7"', "").replace('viewBox="0 0 32 32"', 'viewBox="-5 -5 42 42"')
    filling = filling.replace('<rect width="32" height="32"', '<rect x="-5" y="-5" width="42" height="42"')
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, drawing in (("app", svg), ("app-maskable", filling)):
            for size in (192, 512):
                page = browser.new_page(viewport={"width": size, "height": size})
                page.set_content(f"<style>body{{margin:0}}svg{{display:block;width:{size}px}}</style>{drawing}")
                page.screenshot(path=IMAGES / f"{name}-{size}.png", omit_background=True)
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
