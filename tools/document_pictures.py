"""Remake the pictures of docs/documents: page 1 of the typical sample of every paper, as small PNG.

Run by hand after a change of templates: .venv/bin/python -m tools.document_pictures [CODE …]
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pypdfium2

from docs_gen.document_types import Imprint, render_paper
from docs_gen.register import REGISTER
from docs_gen.samples import sample_facts, sample_papers

FOLDER = Path(__file__).parent.parent / "docs" / "documents"
DPI = 75
GREYS = 16


def main() -> None:
    for code in sys.argv[1:] or REGISTER:
        type, _, facts = next(sample_papers([code], 4))
        issued = replace(facts, verify_uri="https://rt.example.com/v/AAAAAAAAAAAAAAAAAAAAAA")
        data = render_paper(type, issued, Imprint(f"{type.series}-2026-0042", sample_facts(1).invoice_date)).data
        page = pypdfium2.PdfDocument(data)[0].render(scale=DPI / 72).to_pil()
        page.quantize(GREYS).save(FOLDER / f"{code}.png", optimize=True)


if __name__ == "__main__":
    main()
