"""The rival of our renderer: a headless Chromium that stays up and prints the same HTML with the same style and fonts."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from config import ROOT

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--allow-file-access-from-files",
]  # fmt: skip
_FACES = "".join(
    f'@font-face {{ font-family: "{family}"; font-weight: {weight}; src: url("file://{ROOT}/static/fonts/{name}"); }}\n'
    for family, weight, name in (
        ("Noto Sans", 400, "NotoSans-Regular.ttf"),
        ("Noto Sans", 700, "NotoSans-Bold.ttf"),
        ("Noto Sans CJK SC", 400, "NotoSansCJKsc-Regular.ttf"),
        ("Noto Sans CJK SC", 700, "NotoSansCJKsc-Bold.ttf"),
    )
)


def executable(playwright: Playwright) -> str:
    """The Chromium of this machine, or Playwright's own."""
    return shutil.which("chromium") or playwright.chromium.executable_path


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=executable(playwright), args=ARGUMENTS)


def page_file(path: Path, html: str, stylesheets: Sequence[str] = ("paper.css",), css: str = "") -> Path:
    """The HTML of a paper as a file, with our style sheets and our fonts, which WeasyPrint gets by other ways."""
    style = _FACES + "".join((ROOT / "static" / name).read_text(encoding="utf-8") for name in stylesheets) + css
    path.write_text(html.replace("</head>", f"<style>{style}</style></head>", 1), encoding="utf-8")
    return path


def printed(page: Page, file: Path) -> bytes:
    """The PDF of a file."""
    page.goto(file.as_uri())
    return page.pdf(prefer_css_page_size=True, print_background=True)


@dataclass
class Printers:
    """Several Chromiums, each with its own thread, that share the work: as many cores as ours has."""

    threads: ThreadPoolExecutor
    own: threading.local

    def print_all(self, files: Sequence[Path]) -> list[bytes]:
        """The PDF of each file."""
        return list(self.threads.map(lambda file: printed(self.own.page, file), files))


@contextmanager
def printers(count: int) -> Iterator[Printers]:
    """`count` Chromiums that stay up."""
    own = threading.local()
    started: list[tuple[Playwright, Browser]] = []
    all_up = threading.Barrier(count)

    def start() -> None:
        playwright = sync_playwright().start()
        browser = launch(playwright)
        own.page, own.started = browser.new_page(), (playwright, browser)
        started.append(own.started)

    def end(_: int) -> None:
        all_up.wait()  # one for each thread
        own.started[1].close()
        own.started[0].stop()

    with ThreadPoolExecutor(count, initializer=start) as threads:
        try:
            yield Printers(threads, own)
        finally:
            list(threads.map(end, range(count)))
