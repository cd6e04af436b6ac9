"""Over the register: every paper renders, says what the facts say (two independent readers), and keeps its form."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cache

import pypdfium2
import pytest
from hostile import hostile_facts
from pypdf import PdfReader

from docs_gen import render
from docs_gen.document_types import Imprint, render_paper
from docs_gen.facts import ShipmentFacts, assemble
from docs_gen.register import REGISTER
from docs_gen.samples import sample_facts
from master_data.models import Party, Product
from shipments.models import Package, Shipment, ShipmentLine

DAY = date(2026, 11, 20)
A4 = {"portrait": (595, 842), "landscape": (842, 595)}


@cache
def paper(code: str, lines: int) -> bytes:
    return render_paper(REGISTER[code], sample_facts(lines), Imprint(f"{REGISTER[code].series}-2026-0042", DAY)).data


def by_pypdf(data: bytes) -> list[str]:
    return ["".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(data)).pages]


def by_pdfium(data: bytes) -> list[str]:
    # A reader with nothing in common with pypdf; it writes the hyphen at a line's end as U+FFFE.
    document = pypdfium2.PdfDocument(data)
    try:
        return ["".join(page.get_textpage().get_text_bounded().split()).replace("\ufffe", "-") for page in document]
    finally:
        document.close()


READERS = pytest.mark.parametrize("read", [by_pypdf, by_pdfium])
#: the three papers of every export; what holds for all kinds stands in test_every_paper.py
TYPES = pytest.mark.parametrize("code", ["commercial_invoice", "packing_list", "china_export_declaration"])


def money(value: Decimal) -> str:
    return f"{value:,.2f}"


def must_say(code: str, facts: ShipmentFacts) -> list[str]:
    """What the paper has to say, written down here once more from the data."""
    number = f"{REGISTER[code].series}-2026-0042"
    texts = [
        number,
        facts.contract_no,
        facts.transport_document_no,
        facts.vessel,
        facts.voyage,
        facts.freight_container_no,
    ]
    if code == "china_export_declaration":
        texts += [
            facts.seller.name_zh,
            facts.seller.uscc,
            facts.consignee.name_en,
            "水路运输",
            "(0110)一般贸易",
            "(101)一般征税",
        ]
        texts += [
            "(2248)洋山港区",
            "(310001)上海港",
            "(DEU066)汉堡",
            "德国(DEU)",
            "(1)CIF",
            "EUR/820.00/3",
            "EUR/46.50/3",
        ]
        texts += [
            "出口货物报关单",
            "境内发货人",
            "出境关别",
            "出口日期",
            "申报日期",
            "备案号",
            "境外收货人",
            "运输方式",
            "运输工具名称及航次号",
        ]
        texts += [
            "提运单号",
            "生产销售单位",
            "监管方式",
            "征免性质",
            "许可证号",
            "合同协议号",
            "贸易国(地区)",
            "运抵国(地区)",
            "指运港",
            "离境口岸",
        ]
        texts += [
            "包装种类",
            "件数",
            "毛重(千克)",
            "净重(千克)",
            "成交方式",
            "运费",
            "保费",
            "杂费",
            "随附单证及编号",
            "标记唛码及备注",
        ]
        texts += [
            "特殊关系确认",
            "价格影响确认",
            "支付特许权使用费确认",
            "公式定价确认",
            "暂定价格确认",
            "自报自缴",
            "申报单位(签章)",
            "海关批注及签章",
        ]
        for line in facts.lines:
            texts += [line.hs_code, line.description_zh, line.elements, money(line.amount), f"{line.unit_price:,.4f}"]
            texts += [f"{line.legal_quantity_1.normalize():,f}千克", f"{line.quantity:,f}件", "中国(CHN)"]  # type: ignore[union-attr]
        return texts
    texts += [
        facts.seller.name_en,
        facts.seller.name_zh,
        facts.consignee.name_en,
        *facts.seller.address_en,
        *facts.marks,
    ]
    texts += ["CIFHamburg,Incoterms®2020", "20NOV2026", facts.order_no, "Shanghai(CNSHA)", "Hamburg(DEHAM)"]
    texts += [
        f"{facts.gross_mass:,.3f}",
        f"{facts.net_mass:,.3f}",
        f"{facts.volume:,.3f}",
        f"{facts.package_count}packages",
    ]
    if code == "commercial_invoice":
        for line in facts.lines:
            texts += [line.part_no, line.customer_part_no, line.description_en, line.description_zh, money(line.amount)]
        texts += [
            f"EUR{money(facts.total)}",
            facts.words_en,
            facts.words_zh,
            facts.seller.bank_account,
            facts.seller.bank_bic,
        ]
        texts += [money(facts.freight), money(facts.insurance), money(facts.fob_value)]
    else:
        for row in facts.packages:
            texts += [row.part_no, row.description_zh, f"{row.net_total:,.3f}", f"{row.gross_total:,.3f}"]
        texts += [code for box in facts.boxes for code in box.codes]
        texts += ["NOTSOLD–TOBERETURNED周转器具，非卖品", facts.packages_en, facts.invoice_number]
    return texts


@TYPES
@READERS
@pytest.mark.parametrize("lines", [1, 3, 40])
def test_the_text_of_the_pdf_is_the_data(code: str, read: Callable[[bytes], list[str]], lines: int) -> None:
    said = "".join(read(paper(code, lines)))
    assert [text for text in must_say(code, sample_facts(lines)) if "".join(text.split()) not in said] == []


@READERS
def test_the_declaration_prints_its_own_decimals_half_up_and_the_sum_of_what_it_prints(
    read: Callable[[bytes], list[str]],
) -> None:
    """Dinars have 3 decimals and prices up to 6; the form has 2 and 4. Half to even would print 0.1234 and 1.22."""
    facts = declared_facts(
        "KWD", [("10", "0.123450"), ("1", "1.225"), ("1", "1.225"), ("3", "2.123456")], net="0.010", gross="0.020"
    )
    assert facts.subtotal == Decimal("10.055")  # 1.235 + 1.225 + 1.225 + 6.370
    said = "".join(read(render_paper(REGISTER["china_export_declaration"], facts).data))
    for text in ("0.12351.24科威特", "1.22501.23科威特", "2.12356.37科威特", "KWD10.07"):
        assert text in said
    for text in ("毛重1千克", "净重1千克"):
        assert text in said


def test_the_declaration_of_yen_prints_two_decimals() -> None:
    facts = declared_facts("JPY", [("3", "1999.5")], net="7.25", gross="8")
    said = "".join(by_pypdf(render_paper(REGISTER["china_export_declaration"], facts).data))
    for text in ("1,999.50005,999.00", "JPY5,999.00", "净重7.25千克"):
        assert text in said


def declared_facts(currency: str, rows: list[tuple[str, str]], net: str, gross: str) -> ShipmentFacts:
    seller = Party(code="S", name_en="Seller", country="CN")
    shipment = Shipment(number="S-1", consignor=seller, consignee=seller, currency=currency)
    product = Product(part_no="P", unit="H87", net_mass=Decimal("0.001"), origin="CN", legal_unit_1="035")
    package = Package(
        package_code="CT", count=1, product=product, pieces=1, net_mass=Decimal(net), gross_mass=Decimal(gross)
    )
    lines = [ShipmentLine(product=product, quantity=Decimal(q), unit_price=Decimal(p)) for q, p in rows]
    return assemble(shipment, lines, [package], [], owners={}, scan_uri="https://x.example/S/S-1", invoice_number="")


@TYPES
@READERS
def test_a_paper_that_replaces_another_names_it(code: str, read: Callable[[bytes], list[str]]) -> None:
    type = REGISTER[code]
    said = read(
        render_paper(type, sample_facts(3), Imprint(f"{type.series}-2026-0042", DAY, f"{type.series}-2026-0007")).data
    )
    assert re.search(rf"Replaces替代\W*{type.series}-2026-0007", said[0])
    assert "Replaces" not in "".join(read(paper(code, 3)))


@TYPES
def test_names_invoice_says_whether_the_paper_prints_the_number_of_the_invoice(code: str) -> None:
    facts = replace(sample_facts(3), invoice_number="CI-2031-7777")
    said = "".join(by_pypdf(render_paper(REGISTER[code], facts, Imprint("X-2026-0001", DAY)).data))
    assert ("CI-2031-7777" in said) == REGISTER[code].names_invoice


@TYPES
def test_pages_are_numbered_and_of_the_right_size(code: str) -> None:
    data = paper(code, 40)
    pages = by_pypdf(data)
    assert len(pages) > 1
    for number, text in enumerate(pages, 1):
        assert f"Page{number}of{len(pages)}第{number}页共{len(pages)}页" in text
    for page in PdfReader(io.BytesIO(data)).pages:
        assert (round(page.mediabox.width), round(page.mediabox.height)) == A4[REGISTER[code].orientation]


@TYPES
def test_heads_and_the_strip_that_names_the_paper_are_on_every_page(code: str) -> None:
    pages = by_pypdf(paper(code, 40))
    head = {"commercial_invoice": "料号", "packing_list": "箱号", "china_export_declaration": "商品编号"}[code]
    for number, text in enumerate(pages, 1):
        assert head in text
        assert f"{REGISTER[code].series}-2026-0042" in text
        if number > 1:
            assert f"{''.join(REGISTER[code].title_en.split())}" in text
            assert "HamburgAutomotiveGmbH" in text


@pytest.mark.parametrize("lines", [5, 8, 9, 10, 11, 12, 24])
def test_totals_and_signature_stay_with_the_last_two_lines(lines: int) -> None:
    facts = sample_facts(lines)
    last = by_pypdf(paper("commercial_invoice", lines))[-1]
    for text in (facts.lines[-1].part_no, facts.lines[-2].part_no, f"EUR{money(facts.total)}", "Signature签字"):
        assert text in last


def test_a_line_never_splits() -> None:
    facts = sample_facts(60)
    pages = by_pypdf(paper("commercial_invoice", 60))
    for line in facts.lines:
        wanted = "".join(f"{line.part_no}{line.customer_part_no}{line.description_en}{line.description_zh}".split())
        assert any(wanted in page for page in pages), line.number


@TYPES
@pytest.mark.parametrize("lines", [0, 3, 200])
def test_weasyprint_has_nothing_to_complain_about(code: str, lines: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="weasyprint"):
        render_paper(REGISTER[code], sample_facts(lines), Imprint("X-2026-0001", DAY))
        assert [record.message for record in caplog.records] == []
        render.pdf("<p style='no-such-property: 1'>")
        assert caplog.records  # it would have been heard


@TYPES
def test_hostile_values_are_all_there_and_nothing_leaves_the_page(code: str) -> None:
    facts = hostile_facts()
    data = render_paper(REGISTER[code], facts, Imprint("X-2026-0001", DAY)).data
    said = "".join(by_pdfium(data))
    words = [
        facts.consignee.name_en,
        facts.vessel,
        facts.lines[0].description_zh,
        "99,999,999,999,999,999.99",
        *facts.marks,
    ]
    if code == "packing_list":
        words = [
            facts.consignee.name_en,
            facts.vessel,
            facts.packages[0].part_no,
            facts.packages[0].marks,
            *facts.marks,
        ]
    assert [word for word in words if "".join(word.split()) not in said] == []
    document = pypdfium2.PdfDocument(data)
    for page in document:
        width, height = page.get_size()
        text = page.get_textpage()
        for index in range(text.count_chars()):
            left, bottom, right, top = text.get_charbox(index)
            assert left >= -1
            assert bottom >= -1
            assert right <= width + 1
            assert top <= height + 1
    document.close()


@TYPES
def test_a_draft_says_so_on_every_page_and_an_issued_paper_does_not(code: str) -> None:
    facts = sample_facts(30)
    for text in by_pypdf(render_paper(REGISTER[code], facts).data):
        assert "DRAFT草稿" in text
    assert "DRAFT" not in "".join(by_pypdf(paper(code, 40)))


@pytest.mark.parametrize("count", [0, 1, 200])
def test_long_lists_of_box_codes_are_complete(count: int) -> None:
    facts = sample_facts(3)
    codes = tuple(f"KLT-{number:06}-7" for number in range(count))
    facts = replace(facts, boxes=(replace(facts.boxes[0], codes=codes),))
    said = "".join(by_pdfium(render_paper(REGISTER["packing_list"], facts, Imprint("PL-1", DAY)).data))
    assert all(code in said for code in codes)


def test_the_qr_of_the_packing_list_is_read_by_an_independent_reader() -> None:
    import zxingcpp

    page = pypdfium2.PdfDocument(paper("packing_list", 3))[0]
    found = zxingcpp.read_barcodes(page.render(scale=200 / 72).to_pil())
    assert [code.text for code in found] == [sample_facts(3).scan_uri]
