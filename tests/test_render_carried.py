"""Sums carried from page to page: what the foot of a page says is what its lines add up to, and the next head says it again."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from functools import cache

import pypdfium2

from docs_gen import render
from docs_gen.document_types import Imprint, render_paper
from docs_gen.register import REGISTER
from docs_gen.samples import sample_facts

CARRIED = r"Carried forward 过次页 +EUR ([\d,]+\.\d\d)"
BROUGHT = r"Brought forward 承前页 +EUR ([\d,]+\.\d\d)"


@cache
def invoice(lines: int) -> list[str]:
    """The text of each page of the sample invoice."""
    imprint = Imprint("CI-2026-0042", date(2026, 11, 20))
    return pages(render_paper(REGISTER["commercial_invoice"], sample_facts(lines), imprint).data)


def pages(data: bytes) -> list[str]:
    return [page.get_textpage().get_text_bounded() for page in pypdfium2.PdfDocument(data)]


def test_each_page_carries_forward_what_was_printed_up_to_there() -> None:
    facts = sample_facts(100)
    amounts = {line.part_no: line.amount for line in facts.lines}
    assert len(amounts) == 100
    texts = invoice(100)
    assert len(texts) > 3
    printed = Decimal(0)
    for number, text in enumerate(texts):
        brought = [Decimal(one.replace(",", "")) for one in re.findall(BROUGHT, text)]
        assert brought == ([] if number == 0 else [printed])
        # Counted from the page itself: the part numbers that stand on it.
        words = set(text.split())
        printed += sum((amount for part, amount in amounts.items() if part in words), Decimal(0))
        carried = [Decimal(one.replace(",", "")) for one in re.findall(CARRIED, text)]
        assert carried == ([] if number == len(texts) - 1 else [printed])
    assert printed == sum(amounts.values())


def test_an_invoice_of_one_page_carries_nothing() -> None:
    [text] = invoice(3)
    assert "forward" not in text
    assert "Page 1 of 1" in text


def test_after_the_total_nothing_is_carried_on_any_page() -> None:
    row = '<tr class="carries" data-carried="{0}"{1}><td>row {0}'
    rows = "".join(row.format(n, f' data-brought="{n - 1}"' if n > 1 else "") for n in range(1, 4))
    html = (
        f'<html lang="en"><body class="portrait"><table>{rows}<tr style="break-before: page" class="carries" data-carried="4" '
        'data-brought="3"><td>row 4<tr class="carried"><td>total</table><p style="break-before: page">Codes</p>'
    )
    first, second, third = pages(render.pdf(html).data)
    assert "Carried forward 过次页 3" in " ".join(first.split())
    assert "Brought forward 承前页 3" in " ".join(second.split())
    assert "Carried" not in second
    assert "forward" not in third
