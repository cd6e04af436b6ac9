"""The commercial invoice of 3, 30 and 200 lines, beside a persistent headless Chromium that prints the same HTML.

Same HTML, same style sheet, same font files. Engines take turns round by round; medians. Cold is a whole process of ours
from its start to the PDF of 3 lines, beside a Chromium process that starts, prints and ends.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.figures import Figure
from config import ROOT
from docs_gen import render
from docs_gen.document_types import Imprint, paper_html
from docs_gen.register import REGISTER
from docs_gen.samples import sample_facts

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


def run() -> list[Figure]:
    """paper_3, paper_30, paper_200 warm and paper_3_cold, in milliseconds: less is better."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder, sync_playwright() as playwright:
        chromium = shutil.which("chromium") or playwright.chromium.executable_path
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page()
        for lines, rounds in ((3, 15), (30, 7), (200, 3)):
            html = _invoice(lines)
            file = _for_chromium(Path(folder), html, lines)
            ours, rivals = [], []
            for turn in range(rounds + 2):
                pair = (_ms(lambda html=html: render.pdf(html)), _ms(lambda file=file: _print(page, file)))
                if turn >= 2:  # the first two warm up
                    ours.append(pair[0])
                    rivals.append(pair[1])
            what = f"commercial invoice, {lines} lines, warm; rival: persistent Chromium"
            figures.append(Figure(f"paper_{lines}", statistics.median(ours), "ms", statistics.median(rivals), what))
        browser.close()
        file = Path(folder) / "3.html"
        cold = [(_ms(_cold_ours), _ms(lambda: _cold_chromium(chromium, file, Path(folder)))) for _ in range(5)]
        ours, rivals = (list(column) for column in zip(*cold, strict=True))
        what = "the same from the start of a process; rival: chromium --print-to-pdf"
        figures.insert(0, Figure("paper_3_cold", statistics.median(ours), "ms", statistics.median(rivals), what))
    return figures


def _invoice(lines: int) -> str:
    return paper_html(REGISTER["commercial_invoice"], sample_facts(lines), Imprint("CI-2026-0042"))


def _ms(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def _for_chromium(folder: Path, html: str, lines: int) -> Path:
    """The same HTML as a file, with our style sheet and our fonts, which WeasyPrint gets by other ways."""
    css = _FACES + (ROOT / "static" / "paper.css").read_text(encoding="utf-8")
    path = folder / f"{lines}.html"
    path.write_text(html.replace("</head>", f"<style>{css}</style></head>", 1), encoding="utf-8")
    return path


def _print(page: Page, file: Path) -> bytes:
    page.goto(file.as_uri())
    return page.pdf(prefer_css_page_size=True, print_background=True)


def _cold_ours() -> None:
    code = (
        "from docs_gen import document_types, register, render, samples; type = register.REGISTER['commercial_invoice'];"
        "assert render.pdf(document_types.paper_html(type, samples.sample_facts(3), document_types.Imprint('CI-2026-0042'))).pages"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def _cold_chromium(chromium: str, file: Path, folder: Path) -> None:
    command = [
        chromium,
        "--headless",
        *ARGUMENTS,
        f"--print-to-pdf={folder / 'cold.pdf'}",
        "--no-pdf-header-footer",
        file.as_uri(),
    ]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
