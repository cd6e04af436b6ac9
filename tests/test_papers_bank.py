"""The papers for bank, insurer, origin and wood say what the facts say, in the form that banks know."""

from __future__ import annotations

import io
import logging
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

import pypdfium2
import pytest
from hostile import hostile_facts
from test_papers_transport import find

from docs_gen import words
from docs_gen.document_types import Imprint, render_paper
from docs_gen.facts import CreditDocumentFacts, ShipmentFacts
from docs_gen.papers.bank import TYPES
from docs_gen.register import REGISTER
from docs_gen.samples import sample_facts

DAY = date(2026, 11, 20)
FACTS = sample_facts(3, full=True)
CREDIT = FACTS.credit
assert CREDIT
CODES = [type.code for type in TYPES]


def pages(code: str, facts: ShipmentFacts, replaces: str = "") -> list[str]:
    """The text of each page without spaces, of the first exemplar."""
    type = REGISTER[code]
    data = render_paper(type, facts, Imprint(f"{type.series}-2026-0042", DAY, replaces)).data
    document = pypdfium2.PdfDocument(io.BytesIO(data))
    try:
        return [plain(page.get_textpage().get_text_bounded().replace("\ufffe", "-")) for page in document]
    finally:
        document.close()


@cache
def said(code: str) -> str:
    return "".join(pages(code, FACTS))


def plain(text: str) -> str:
    return "".join(text.split())


def missing(text: str, wanted: list[str]) -> list[str]:
    return [one for one in wanted if plain(one) not in text]


def details(facts: ShipmentFacts, **changes: Any) -> ShipmentFacts:
    return replace(facts, details=replace(facts.details, **changes))


@pytest.mark.parametrize("code", CODES)
def test_every_paper_names_number_seller_invoice_shipment_and_credit(code: str) -> None:
    assert CREDIT
    wanted = [
        f"{REGISTER[code].series}-2026-0042", FACTS.seller.name_en, "CI-2026-0042", FACTS.shipment_number,
        CREDIT.number, FACTS.contract_no, "Page 1 of 1", REGISTER[code].title_en, REGISTER[code].title_zh,
    ]  # fmt: skip
    assert missing(said(code), wanted) == []


@pytest.mark.parametrize("code", CODES)
def test_a_paper_that_replaces_another_names_it_and_a_draft_says_that_it_is_one(code: str) -> None:
    series = REGISTER[code].series
    text = pages(code, FACTS, f"{series}-2026-0007")[0]
    assert f"Replaces替代{series}-2026-0007" in text
    assert "Replaces" not in said(code)
    assert "DRAFT" not in said(code)
    document = pypdfium2.PdfDocument(io.BytesIO(render_paper(REGISTER[code], FACTS).data))
    assert "DRAFT" in document[0].get_textpage().get_text_bounded()
    document.close()


def test_the_certificate_of_origin_has_its_twelve_boxes() -> None:
    boxes = [
        "1. Exporter", "2. Consignee", "3. Means of transport and route", "4. Country / region of destination",
        "5. For certifying authority use only", "6. Marks and numbers", "7. Number and kind of packages", "8. H.S. code",
        "9. Quantity", "10. Number and date of invoices", "11. Declaration by the exporter", "12. Certification",
    ]  # fmt: skip
    text = said("certificate_of_origin")
    assert missing(text, boxes) == []
    goods = [FACTS.packages_en, FACTS.packages_zh, "CI-2026-0042", "20 NOV 2026", "GERMANY", *FACTS.marks]
    assert missing(text, [*goods, "8708.94", "From Shanghai to Hamburg by sea", "108.540 kg"]) == []
    assert "SAYELEVEN(11)PACKAGESONLY" in text
    end = text.index("*********")  # *** *** *** closes box 7, so that nobody adds a line
    assert text.rindex(plain(FACTS.lines[-1].description_en)) < end < text.index("11.Declaration")


def test_the_consignee_of_the_certificate_of_origin_may_be_another_than_that_of_the_goods() -> None:
    text = pages("certificate_of_origin", details(FACTS, origin_consignee="TO WHOM IT MAY CONCERN"))[0]
    assert "TOWHOMITMAYCONCERN" in text
    assert plain(FACTS.consignee.address_en[0]) not in text


@pytest.mark.parametrize(("authority", "name"), [("CCPIT", "中国国际贸易促进委员会"), ("customs", "中国海关")])
def test_the_certificate_of_origin_leaves_its_last_box_to_the_authority(authority: str, name: str) -> None:
    assert name in pages("certificate_of_origin", details(FACTS, origin_authority=authority))[0]
    assert name not in pages("certificate_of_origin", details(FACTS, origin_authority=""))[0]


def test_the_insurance_declaration_says_what_is_insured_and_how() -> None:
    assert FACTS.insured
    wanted = [
        f"EUR {FACTS.insured.amount:,.2f}", FACTS.insured.words_en, FACTS.insured.words_zh, "110 %", "ICC (A)",
        "including war and strikes", "COSCO TAURUS / 045W", "Shanghai (CNSHA)", "Hamburg (DEHAM)", "28 NOV 2026",
        "26 NOV 2026", "OC-2026-77", FACTS.details.survey_agent, FACTS.details.insurer, *FACTS.marks,
        f"EUR {FACTS.total:,.2f}", "Claims payable at 赔付地点 Hamburg",
    ]  # fmt: skip
    assert missing(said("insurance_declaration"), wanted) == []
    assert FACTS.insured.amount >= FACTS.total * Decimal("1.1")
    without = details(FACTS, war_and_strikes=False, premium_rate=Decimal("0.12"))
    assert missing("".join(pages("insurance_declaration", without)), ["without war and strikes", "0.12 %"]) == []


def test_the_draft_is_made_out_twice_for_the_amount_of_the_invoice_in_figures_and_words() -> None:
    assert CREDIT
    text = said("bill_of_exchange")
    figures = f"EUR{FACTS.total:,.2f}"
    assert text.count(figures) == text.count(plain(FACTS.words_en)) == text.count(plain(FACTS.words_zh)) == 2
    assert FACTS.words_en == words.english(FACTS.total, "EUR")
    invoice = "".join(pages("commercial_invoice", FACTS))
    assert missing(invoice, [figures, FACTS.words_en, FACTS.words_zh]) == []
    assert text.count("paythisFIRSTofexchange(SECONDofthesametenoranddateunpaid)") == 1
    assert text.count("paythisSECONDofexchange(FIRSTofthesametenoranddateunpaid)") == 1
    for one in (
        *CREDIT.drawee, "AT SIGHT", "BANK OF EXAMPLE, SUZHOU BRANCH", "Value received", "30 NOV 2026",
        f"letter of credit 信用证 no. {CREDIT.number} dated 15 SEP 2026 issued by {CREDIT.issuing_bank}",
    ):  # fmt: skip
        assert text.count(plain(one)) >= 2, one
    assert plain(FACTS.consignee.name_en) not in text  # drawn on a bank, not on the applicant
    assert "ORIGINAL" not in text


def test_a_draft_without_a_credit_is_drawn_on_the_buyer() -> None:
    text = "".join(pages("bill_of_exchange", replace(FACTS, credit=None)))
    assert text.count(plain(FACTS.consignee.name_en)) == 2
    assert "letterofcredit" not in text


def test_each_draft_is_at_least_a_third_of_a_landscape_sheet_high() -> None:
    document = pypdfium2.PdfDocument(io.BytesIO(render_paper(REGISTER["bill_of_exchange"], FACTS).data))
    page = document[0].get_textpage()
    tops = []
    for index in range(page.count_chars() - 8):
        if page.get_text_range(index, 8) == "BILL OF ":
            tops.append(page.get_charbox(index)[3])
    document.close()
    assert len(tops) == 2
    assert abs(tops[0] - tops[1]) / 72 * 25.4 >= 99


def test_the_certificate_bears_the_title_of_the_credit_and_the_text_as_entered() -> None:
    assert CREDIT
    assert missing(said("beneficiary_certificate"), [FACTS.details.certificate_text, "30 NOV 2026"]) == []
    named = (CreditDocumentFacts("beneficiary_certificate", "SHIPPING ADVICE CERTIFICATE", 1, 0, True),)
    facts = details(replace(FACTS, credit=replace(CREDIT, documents=named)), certificate_title="")
    assert "SHIPPINGADVICECERTIFICATE" in pages("beneficiary_certificate", facts)[0]
    assert "OTHERTITLE" in pages("beneficiary_certificate", details(facts, certificate_title="OTHER TITLE"))[0]


@pytest.mark.parametrize("code", ["certificate_of_origin", "insurance_declaration", "packing_statement"])
def test_papers_are_titled_as_the_credit_names_them(code: str) -> None:
    assert CREDIT
    named = (CreditDocumentFacts(code, "TITLE OF THE CREDIT", 1, 0, True),)
    assert "TITLEOFTHECREDIT" in pages(code, replace(FACTS, credit=replace(CREDIT, documents=named)))[0]


def test_the_packing_statement_says_one_thing_or_the_other_in_both_languages() -> None:
    none = said("packing_statement")
    treated = pages("packing_statement", details(FACTS, wood_packing="treated", ippc_mark="CN-320 HT"))[0]
    open_ = pages("packing_statement", details(FACTS, wood_packing=""))[0]
    assert missing(none, ["no solid wood packing material", "均未使用实木材料"]) == []
    assert missing(treated, ["treated and marked in accordance with ISPM 15", "进行检疫处理", "CN-320 HT"]) == []
    for text in (treated, open_):
        assert "nosolidwood" not in text
        assert "均未使用实木" not in text
    assert "treatedandmarked" not in none + open_
    assert missing(none, ["CSQU3054383", "CN0012345", "11 packages", *FACTS.marks]) == []


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("lines", [0, 60])
def test_weasyprint_has_nothing_to_complain_about(code: str, lines: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="weasyprint"):
        render_paper(REGISTER[code], sample_facts(lines, full=bool(lines)), Imprint("X-2026-0001", DAY))
    assert [record.message for record in caplog.records] == []


@pytest.mark.parametrize("code", CODES)
def test_hostile_values_stay_on_the_page(code: str) -> None:
    facts = details(
        hostile_facts(2), certificate_text="W" * 2000, certificate_title="T" * 128, draft_payee="P" * 128,
        draft_drawee="D" * 255, draft_tenor="A" * 64, origin_consignee="C" * 255, origin_remarks="R" * 255,
        ippc_mark="M" * 32, wood_packing="treated", insurer="I" * 128, survey_agent="S" * 128,
    )  # fmt: skip
    document = pypdfium2.PdfDocument(io.BytesIO(render_paper(REGISTER[code], facts, Imprint("X-1", DAY)).data))
    for page in document:
        width, height = page.get_size()
        text = page.get_textpage()
        for index in range(text.count_chars()):
            left, bottom, right, top = text.get_charbox(index)
            assert -1 <= left <= right <= width + 1
            assert -1 <= bottom <= top <= height + 1
    document.close()


def test_a_long_certificate_of_origin_repeats_its_head_and_keeps_declaration_and_last_goods_together() -> None:
    facts = sample_facts(40, full=True)
    text = pages("certificate_of_origin", facts)
    assert len(text) > 1
    assert all("8.H.S.code" in page for page in text)
    assert plain(facts.lines[-1].description_en) in text[-1]
    assert "12.Certification" in text[-1]


def test_the_head_of_the_certificate_of_origin_stands_where_the_layout_key_puts_it() -> None:
    facts = sample_facts(4, full=True)
    type = next(one for one in TYPES if one.code == "certificate_of_origin")
    data = render_paper(type, facts, Imprint("CO-2026-0042", facts.invoice_date)).data
    for caption, y in {"1. Exporter": 10.0, "2. Consignee": 35.4, "3. Means": 60.8, "4. Country": 86.2}.items():
        left, top = find(data, caption)
        assert abs(left - 1.7 - 20) <= 0.6, (caption, left)
        assert abs(top - 0.6 - y) <= 0.8, (caption, top)
