"""Register test: every kind of paper, with the least facts, typical ones, many lines, and the worst that forms let in.

What is read back comes from an independent reader (PDFium); the syntax is checked by qpdf's library.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
import zxingcpp
from hostile import hostile_facts

from docs_gen.account_facts import AccountPaper, BoxChargesFacts, BoxStatementFacts
from docs_gen.document_types import DocumentType, Imprint, PaperFacts, PaperPart, render_paper
from docs_gen.facts import ShipmentFacts
from docs_gen.register import REGISTER, papers
from docs_gen.samples import ACCOUNT_SAMPLES, sample_facts
from shipments.details import Details

ROOT = Path(__file__).parent.parent
TYPES = pytest.mark.parametrize("code", REGISTER)
KINDS = ("minimal", "typical", "long", "hostile")


@cache
def facts_of(kind: str) -> ShipmentFacts:
    if kind == "minimal":  # one line, and nothing that may be left empty
        return replace(
            sample_facts(1), details=Details(), forwarder=None, carrier=None, broker=None, ship_from=None, deliver_to=None,
            contract_no="", order_no="", vessel="", voyage="", transport_document_no="", freight_container_no="",
            seal_no="", marks=(), remarks="", payment_terms="", place_of_delivery="", invoice_number="",
        )  # fmt: skip
    if kind == "typical":
        return sample_facts(4, full=True)
    if kind == "long":
        return sample_facts(60, full=True)
    return replace(hostile_facts(), details=_hostile_details(), credit=sample_facts(2, full=True).credit)


def _hostile_details() -> Details:
    from shipments.details import FIELDS

    worst = "{{7*7}} <b>&amp;</b> שלום مرحبا 𠮷 Ünïcödé" + "W" * 2000
    texts = {name: worst[: one.metadata["limit"]] for name, one in FIELDS.items() if one.metadata["kind"] == "text"}
    return replace(sample_facts(1, full=True).details, **texts)  # type: ignore[arg-type]


def account_facts(code: str, kind: str) -> AccountPaper:
    """The same for the papers of an account."""
    facts = ACCOUNT_SAMPLES[REGISTER[code].facts]({"minimal": 1, "long": 120}.get(kind, 6))
    if kind == "minimal":
        return replace(
            facts, consignee=replace(facts.consignee, name_zh="", contact="", phone="", email="", vat_no="", eori="")
        )
    if kind != "hostile":
        return facts
    worst = hostile_facts()
    facts = replace(facts, seller=worst.seller, consignee=worst.consignee)
    text = "{{7*7}} <b>&amp;</b> שלום مرحبا 𠮷 Ünïcödé" + "W" * 400
    if isinstance(facts, BoxChargesFacts):
        broad = {
            "type_code": "W" * 24,
            "name_en": text[:128],
            "name_zh": "箱" * 128,
            "quantity": -(10**9),
            "text_en": text,
        }
        lines = tuple(replace(line, **broad, amount=Decimal("-99999999999999.99")) for line in facts.charges)  # type: ignore[arg-type]
        return replace(facts, charges=lines)
    assert isinstance(facts, BoxStatementFacts)
    [first, *others] = facts.accounts
    lines = tuple(
        replace(
            line, document=text[:64], place_en=text[:255], place_zh="地" * 255, incoming=10**9, outgoing=10**9, balance=-(10**9)
        )
        for line in first.lines
    )  # fmt: skip
    first = replace(
        first, type_code="W" * 24, name_en=text[:128], owner_en=text[:255], opening=-(10**9), lines=lines,
        old_boxes=tuple(replace(box, code="W" * 24) for box in first.old_boxes * 12),
    )  # fmt: skip
    return replace(facts, accounts=(first, *others))


@dataclass(frozen=True)
class Part:
    """What is drawn: a kind of paper with facts."""

    type: DocumentType
    facts: PaperFacts

    @property
    def key(self) -> str:
        return f"{self.type.code}:{self.facts.part}"


def parts(code: str, kind: str) -> Sequence[PaperPart | Part]:
    if REGISTER[code].facts is not ShipmentFacts:
        return [Part(REGISTER[code], account_facts(code, kind))]
    few = kind == "long" and not REGISTER[code].marked  # labels: a page for each package, of which a line has several
    found = papers(sample_facts(12, full=True) if few else facts_of(kind), codes=[code])
    if not found:  # dangerous goods, boxes: a shipment without them has no such paper
        found = [PaperPart(REGISTER[code], facts_of("typical"))]
    return found


@cache
def rendered(code: str, kind: str) -> tuple[tuple[str, bytes], ...]:
    type = REGISTER[code]
    made = []
    for part in parts(code, kind):
        facts = replace(part.facts, verify_uri=_URI)
        made.append((part.key, render_paper(type, facts, Imprint(f"{type.series}-2026-0042", _DAY)).data))
    return tuple(made)


_DAY = sample_facts(1).invoice_date
_ISSUED = Imprint("X-2026-0007", _DAY)
_URI = "https://rt.example.com/v/AAAAAAAAAAAAAAAAAAAAAA"


@dataclass(frozen=True)
class Read:
    """What PDFium reads of one page: its text without blanks, and of each character what it is and where, in points."""

    number: int
    pages: int
    text: str
    size: tuple[float, float]
    boxes: tuple[tuple[float, float, float, float, str], ...]


@cache
def read(code: str, kind: str) -> tuple[tuple[str, tuple[Read, ...]], ...]:
    """The pages of each part. Of many pages the first two and the last: those between are like the second."""
    found = []
    for key, data in rendered(code, kind):
        document = pypdfium2.PdfDocument(data)
        count = len(document)
        numbers = range(count) if count <= 4 else (0, 1, count - 1)
        found.append((key, tuple(_page(document[number], number + 1, count) for number in numbers)))
        document.close()
    return tuple(found)


def _page(page: pypdfium2.PdfPage, number: int, pages: int) -> Read:
    reader = page.get_textpage()
    text = reader.get_text_range()
    boxes = [(*reader.get_charbox(index), text[index]) for index in range(min(reader.count_chars(), len(text)))]
    plain = "".join(reader.get_text_bounded().split()).replace("\ufffe", "-")
    return Read(number, pages, plain, page.get_size(), tuple(box for box in boxes if not box[4].isspace()))


@TYPES
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_made_whole_and_its_syntax_is_clean(code: str, kind: str) -> None:
    for key, data in rendered(code, kind):
        with pikepdf.open(io.BytesIO(data)) as pdf:
            assert pdf.check_pdf_syntax() == [], key
            assert len(pdf.pages) >= 1
            with pdf.open_metadata() as metadata:
                assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("3", "U")
            assert str(pdf.Root.Lang)
            assert str(pdf.docinfo["/Title"]).startswith(REGISTER[code].title_en)
            assert pdf.attachments["facts.json"].get_file().mime_type == "application/json"


@TYPES
@pytest.mark.parametrize("kind", KINDS)
def test_B6_number_and_title_are_on_it_and_nothing_leaves_the_page(code: str, kind: str) -> None:
    for key, pages in read(code, kind):
        text = "".join(page.text for page in pages)
        assert f"{REGISTER[code].series}-2026-0042" in text, key
        assert "DRAFT" not in text
        for page in pages:
            outside = [
                box for box in page.boxes
                if box[0] < -1 or box[1] < -1 or box[2] > page.size[0] + 1 or box[3] > page.size[1] + 1
            ]  # fmt: skip
            assert outside == [], (key, page.number)


@TYPES
@pytest.mark.parametrize("kind", KINDS)
def test_no_text_lies_on_other_text(code: str, kind: str) -> None:
    for key, pages in read(code, kind):
        for page in pages:
            assert list(_overlaps(page)) == [], (key, page.number)


def _overlaps(page: Read) -> Iterator[tuple[str, str]]:
    """Pairs of characters of different lines that cover each other by more than two fifths of the smaller one."""
    rows: dict[int, list[tuple[float, float, float, float, str]]] = {}
    for box in page.boxes:
        if box[2] - box[0] >= 0.5 and box[3] - box[1] >= 0.5:
            for band in range(int(box[1] // 12), int(box[3] // 12) + 1):
                rows.setdefault(band, []).append(box)
    for boxes in rows.values():
        boxes.sort()
        for place, one in enumerate(boxes):
            for other in boxes[place + 1 :]:
                if other[0] >= one[2]:
                    break
                width = min(one[2], other[2]) - max(one[0], other[0])
                height = min(one[3], other[3]) - max(one[1], other[1])
                smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
                if width > 0 and height > 0 and width * height > smaller * 0.4 and abs(one[1] - other[1]) > 1:
                    yield one[4], other[4]


@TYPES
def test_B6_user_text_is_text(code: str) -> None:
    """Every paper prints one of these texts; what is typed as markup or as a template is printed as it was typed."""
    typed = "{{7919*7919}}<B>&AMP;</B>"  # in capitals, as carriers have it
    facts = parts(code, "typical")[0].facts
    seller = replace(facts.seller, name_en=f"{typed}EN", name_zh=f"{typed}ZH")
    changed = replace(facts, seller=seller)
    if isinstance(changed, ShipmentFacts):
        lines = tuple(replace(line, description_zh=f"{typed}LINE") for line in changed.lines)
        changed = replace(changed, lines=lines, marks=(typed,))
    data = render_paper(REGISTER[code], changed, _ISSUED).data
    with pypdfium2.PdfDocument(data) as document:
        text = "".join("".join(page.get_textpage().get_text_bounded().split()) for page in document)
    assert typed in text
    assert str(7919 * 7919) not in text


@TYPES
def test_the_code_of_the_proof_is_on_the_first_page_and_can_be_read(code: str) -> None:
    """Labels have none: beside the code of the package a scanner at the dock would read one or the other."""
    [(_key, data), *_] = rendered(code, "typical")
    with pypdfium2.PdfDocument(data) as document:
        found = zxingcpp.read_barcodes(document[0].render(scale=300 / 72).to_pil())
    assert [one.text for one in found].count(_URI) == (code != "package_labels")


@TYPES
def test_B6_pages_are_numbered_where_there_are_several(code: str) -> None:
    for _key, pages in read(code, "long"):
        for page in pages:
            if page.pages > 1 and REGISTER[code].marked:
                assert re.search(rf"(Page{page.number}of{page.pages}|{page.number}/{page.pages})", page.text)


@TYPES
def test_the_entry_is_complete_and_documented(code: str) -> None:
    type: DocumentType = REGISTER[code]
    assert type.code == code
    assert (ROOT / "templates" / "documents" / f"{code}.html").is_file()
    assert type.un_code == "" or type.un_code.isdigit()
    assert type.title_en
    assert type.title_zh
    assert type.checks
    page = (ROOT / "docs" / "documents" / f"{code}.md").read_text(encoding="utf-8")
    assert f"({code}.png)" in page
    picture = ROOT / "docs" / "documents" / f"{code}.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 120_000


def test_series_differ() -> None:
    assert len({one.series for one in REGISTER.values()}) == len(REGISTER)


@TYPES
@pytest.mark.parametrize("kind", ["minimal", "typical", "hostile"])
def test_checks_name_a_field_and_never_fail(code: str, kind: str) -> None:
    for part in parts(code, kind):
        for check in part.type.checks:
            for problem in check(part.facts):
                assert re.fullmatch(r"(shipment|details|party|product|asset_type|credit|scans):.*", problem.field)
                assert str(problem.message)
                assert problem.severity in ("error", "warning")
                assert problem.rule.startswith("R")


def test_the_typical_sample_has_no_errors() -> None:
    from docs_gen.register import problems

    found = [
        (one.rule, one.field, str(one.message)) for one in problems(facts_of("typical")) if one.severity == "error"
    ]
    assert found == []
