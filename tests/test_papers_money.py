"""Offer, contract and invoice: where their boxes stand, what they say and never say, and what keeps them back."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cache
from html import unescape
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from hostile import hostile_facts
from pypdf import PdfReader

from docs_gen.document_types import Imprint, paper_html, render_paper
from docs_gen.facts import CodeFacts, PartyFacts, SealFacts, ShipmentFacts, WordingFacts
from docs_gen.register import REGISTER, problems
from docs_gen.samples import sample_facts

DAY = date(2026, 11, 20)
FACTS = sample_facts(3)
URI = "https://rt.example.com/v/9kJx0QmVb3sT1uWyZa2c4E"
SOLD = ("proforma_invoice", "sales_contract", "commercial_invoice")
_MM = 25.4 / 72


def paper(code: str, facts: ShipmentFacts = FACTS) -> bytes:
    return render_paper(REGISTER[code], facts, Imprint(f"{REGISTER[code].series}-2026-0042", DAY)).data


@cache
def sample(code: str, lines: int) -> bytes:
    return paper(code, replace(sample_facts(lines), verify_uri=URI))


def pages(data: bytes) -> list[str]:
    return ["".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(data)).pages]


@cache
def said(code: str, facts: ShipmentFacts = FACTS) -> str:
    return "".join(pages(paper(code, facts)))


def written(code: str, facts: ShipmentFacts) -> str:
    """The text before it is laid out: enough for which sentence stands where, and twenty times as fast."""
    made = paper_html(REGISTER[code], facts, Imprint(f"{REGISTER[code].series}-2026-0042", DAY))
    return "".join(unescape(re.sub(r"<[^>]*>", "", made.partition("<body")[2])).split())


def find(data: bytes, text: str, page: int = 0) -> list[tuple[float, float, float, float]]:
    """Where `text` stands: left, top, right, bottom in mm from the corner of the sheet, once for each occurrence."""
    document = pypdfium2.PdfDocument(data)
    try:
        _, height = document[page].get_size()
        read = document[page].get_textpage()
        search, found = read.search(text, match_case=True), []
        while (hit := search.get_next()) is not None:
            boxes = [read.get_charbox(index) for index in range(hit[0], hit[0] + hit[1])]
            left, bottom = min(box[0] for box in boxes), min(box[1] for box in boxes)
            right, top = max(box[2] for box in boxes), max(box[3] for box in boxes)
            found.append((left * _MM, (height - top) * _MM, right * _MM, (height - bottom) * _MM))
        return found
    finally:
        document.close()


def characters(data: bytes, page: int = 0) -> list[tuple[float, float, float, float]]:
    document = pypdfium2.PdfDocument(data)
    try:
        _, height = document[page].get_size()
        read = document[page].get_textpage()
        boxes = [read.get_charbox(index) for index in range(read.count_chars())]
        return [(a * _MM, (height - d) * _MM, c * _MM, (height - b) * _MM) for a, b, c, d in boxes if c > a]
    finally:
        document.close()


#: caption → x, y of its box in mm (UN Layout Key, ISO 6422: x = 20 + (P − 9) × 2.54, y = 10 + (L − 3) × 4.233)
LAYOUT_KEY = {
    "Seller / Exporter": (20, 10),
    "Consignee": (20, 35.4),
    "Buyer": (111.4, 35.4),
    "Notify party": (20, 60.8),
    "Country of origin": (111.4, 60.8),
    "Country of destination": (157.1, 60.8),
    "Terms of delivery and payment": (111.4, 77.7),
    "Transport details": (20, 86.2),
    "Marks and numbers": (20, 111.6),
    "Number and kind of packages": (65.7, 111.6),
}


def everybody(facts: ShipmentFacts) -> ShipmentFacts:
    """Every box of the head is filled: a buyer and a notify party of their own, the numbers of all."""
    buyer = replace(facts.consignee, code="HOLDING", name_en="Automotive Holding SE", tax_no="DE-99-1234")
    details = replace(facts.details, importer_reference="ACID 1234567890123456789")
    return replace(facts, buyer=buyer, notify_party=facts.consignee, details=details)


@pytest.mark.parametrize("code", ["commercial_invoice", "proforma_invoice", "packing_list"])
@pytest.mark.parametrize("facts", [FACTS, everybody(sample_facts(3, full=True))], ids=["plain", "full"])
def test_the_boxes_stand_where_the_layout_key_puts_them(code: str, facts: ShipmentFacts) -> None:
    data = paper(code, facts)
    for caption, (x, y) in LAYOUT_KEY.items():
        left, top, _, _ = find(data, caption)[0]
        assert abs(left - 1.6 - x) <= 1, (caption, left)  # the text begins 1.6 mm inside of its box,
        assert abs(top - 1.2 - y) <= 1, (caption, top)  # and its capitals 1.2 mm below the line
    title = find(data, REGISTER[code].title_en)[0]
    assert abs(title[0] - 1.6 - 111.4) <= 1
    assert 10 <= title[1] <= 13
    for caption, start, end in (("Gross kg", 159.7, 182.6), ("m³", 182.6, 203)):  # these stand at the right
        left, _, right, _ = find(data, caption)[0]
        assert start - 1 <= left
        assert right <= end + 1


@pytest.mark.parametrize("code", ["commercial_invoice", "packing_list"])
def test_the_mark_stands_above_the_frame_and_in_the_strip_of_later_pages(code: str) -> None:
    data = sample(code, 20)
    [first] = find(data, "ORIGINAL")
    assert first[3] <= 10
    assert first[0] > 160
    for page, text in enumerate(pages(data)):
        assert "ORIGINAL正本" in text
        assert len(find(data, "ORIGINAL", page)) == 1
    draft = render_paper(REGISTER[code], sample_facts(3)).data
    assert "ORIGINAL" not in "".join(pages(draft))


@pytest.mark.parametrize(
    ("code", "lines"),
    [("commercial_invoice", 20), ("sales_contract", 3), ("packing_list", 3), ("china_export_declaration", 3)],
)
def test_the_code_of_the_proof_can_be_read_and_covers_nothing(code: str, lines: int) -> None:
    data = sample(code, lines)
    document = pypdfium2.PdfDocument(data)
    picture = document[0].render(scale=300 / 72).to_pil()
    [found] = [one for one in zxingcpp.read_barcodes(picture) if one.text == URI]
    for page in range(1, len(document)):
        assert zxingcpp.read_barcodes(document[page].render(scale=200 / 72).to_pil()) == []
    document.close()
    corners = (found.position.top_left, found.position.bottom_right)
    left, top, right, bottom = (value / 300 * 25.4 for corner in corners for value in (corner.x, corner.y))
    assert 11 <= right - left <= 16  # without its quiet zone
    inside = [box for box in characters(data) if box[0] < right and box[2] > left and box[1] < bottom and box[3] > top]
    assert inside == []
    assert find(data, "Genuine?")


@pytest.mark.parametrize("code", SOLD)
def test_a_draft_breaks_where_the_paper_will(code: str) -> None:
    facts = sample_facts(20)
    draft = pages(render_paper(REGISTER[code], facts).data)
    issued = pages(sample(code, 20))
    parts = [line.part_no + line.customer_part_no for line in facts.lines]
    assert [[part in page for part in parts] for page in draft] == [[part in page for part in parts] for page in issued]


def test_the_stamp_has_45_by_45_mm_without_text() -> None:
    data = sample("commercial_invoice", 3)
    [stamp], [place] = find(data, "Stamp"), find(data, "Place and date")
    frame_left, frame_right = stamp[0] - 1.2, place[0] - 1.6
    assert frame_right - frame_left >= 45
    caption = stamp[3] + 0.5
    below = [box for box in characters(data) if frame_left < box[0] < frame_right and caption < box[1]]
    assert min(box[1] for box in below) >= caption + 45  # the next text is the foot of the page


def test_logo_and_seals_are_named_by_what_is_kept_and_only_when_there_are_any() -> None:
    facts = replace(
        FACTS, logo="a" * 64, seals=(SealFacts("stamp", "公章", "b" * 64), SealFacts("signature", "Wang Li", "c" * 64))
    )
    for code in SOLD:
        made = paper_html(REGISTER[code], facts)
        assert [made.count(f'src="kept:{one * 64}"') for one in "abc"] == [1, 1, 1]
        assert "kept:" not in paper_html(REGISTER[code], FACTS)


def test_the_colour_is_six_hex_digits_or_none() -> None:
    def styled(colour: str) -> bool:
        return "--seller" in paper_html(REGISTER["commercial_invoice"], replace(FACTS, colour=colour))

    assert styled("#1a4F8b")
    for wrong in ("", "red", "#12345", "#12345g", "1234567", "#1a4f8b}", "#;}*{a:"):
        assert not styled(wrong)


def test_the_buyer_is_named_or_the_same_as_the_consignee() -> None:
    assert "Sameasconsignee同收货人" in said("commercial_invoice")
    text = said("commercial_invoice", everybody(FACTS))
    assert "Sameasconsignee" not in text
    for one in ("AutomotiveHoldingSE", "VATDE265123459EORIDE1234567Taxno.税号DE-99-1234"):
        assert one in text
    assert "Importer'sreference进口商参考号ACID1234567890123456789" in text


def test_numbers_of_the_importer_have_the_names_that_their_country_gives_them() -> None:
    facts = replace(everybody(FACTS), tax_label="CNPJ", reference_label="DUIMP")
    text = written(
        "commercial_invoice", replace(facts, consignee=replace(facts.consignee, tax_no="12.345.678/0001-95"))
    )
    assert "CNPJ12.345.678/0001-95" in text
    assert "DUIMPACID1234567890123456789" in text


def test_the_invoice_names_credit_manufacturer_and_the_shipments_that_share_it() -> None:
    facts = sample_facts(3, full=True)
    maker = replace(facts.seller, code="MAKER", name_en="Wuxi Forging Works", name_zh="无锡锻造厂")
    text = said("commercial_invoice", replace(facts, manufacturer=maker, also_shipments=("S-2026-0043", "S-2026-0044")))
    for one in (
        "LC8834/26,15SEP2026,ELBEHANDELSBANKAG,HAMBURG", "AUTOMOTIVESTEERINGPARTSASPERCONTRACTSC-2026-017",
        "WuxiForgingWorks无锡锻造厂", "S-2026-0042,S-2026-0043,S-2026-0044",
    ):  # fmt: skip
        assert one in text


def test_goods_that_are_not_sold_are_valued_for_customs_and_ask_for_no_payment() -> None:
    details = replace(FACTS.details, export_reason="Warranty replacement")
    text = said("commercial_invoice", replace(FACTS, payment_terms="", details=details))
    assert "Warrantyreplacement–Valueforcustomspurposesonly,nopayment仅供海关估价，不收款" in text
    assert FACTS.seller.bank_bic not in text


def test_deductions_and_charges_stand_apart_from_the_goods() -> None:
    facts = replace(FACTS, other_charges=Decimal("-39.75"), total=Decimal("1800.00"))
    assert "Subtotal小计1,839.75Deductions扣减-39.75TOTAL总计CIFHamburgEUR1,800.00" in said("commercial_invoice", facts)


@pytest.mark.parametrize("code", SOLD)
def test_an_amount_of_17_digits_stands_in_one_line(code: str) -> None:
    amount = Decimal("99999999999999999.99")
    lines = (replace(FACTS.lines[0], amount=amount), *FACTS.lines[1:])
    data = paper(code, replace(FACTS, lines=lines, subtotal=amount, total=amount))
    places = [box for page in range(len(pages(data))) for box in find(data, "99,999,999,999,999,999.99", page)]
    assert len(places) >= 2  # of the line and of the total
    for left, top, right, bottom in places[:2]:
        assert bottom - top < 4
        assert left > 105
        assert right <= 203


@pytest.mark.parametrize("code", SOLD)
def test_hostile_texts_stay_in_their_columns(code: str) -> None:
    data = paper(code, hostile_facts(2))
    for page, text in enumerate(pages(data)):
        for left, _, right, _ in find(data, "PPPPPPPP", page):
            assert left >= 28
            assert right <= 61
        assert text


def test_sums_are_carried_from_page_to_page_of_every_list_of_goods() -> None:
    for code in SOLD:
        read = pages(sample(code, 20))
        assert "Carriedforward过次页EUR" in read[0]
        assert "Broughtforward承前页EUR" in read[1]
        assert "Carriedforward" not in read[-1]


# ---- the offer


def test_the_offer_says_what_is_agreed_and_nothing_of_a_shipment() -> None:
    text = said("proforma_invoice")
    for one in (
        "PROFORMAINVOICE形式发票", "PI-2026-0042", "Validuntil有效期至31DEC2026", "notlaterthan30NOV2026", "±5%",
        "Partialshipments分批装运notallowed不允许", "Transhipment转运allowed允许", FACTS.seller.bank_bic, "China中国(CN)",
        "Returnableplasticboxesonpallets", "notademandforpayment",
    ):  # fmt: skip
        assert one in text
    for one in (
        FACTS.transport_document_no, FACTS.vessel, FACTS.voyage, FACTS.freight_container_no, FACTS.seal_no, "B/L",
        FACTS.invoice_number, "COMMERCIALINVOICE",
    ):  # fmt: skip
        assert one.replace(" ", "") not in text


@pytest.mark.parametrize("code", ["proforma_invoice", "sales_contract"])
def test_offer_and_contract_come_before_anything_is_packed(code: str) -> None:
    facts = replace(
        FACTS, packages=(), package_kinds=(), package_count=0, boxes=(), box_count=0, net_mass=Decimal(0),
        gross_mass=Decimal(0), volume=Decimal(0), invoice_date=None, departure_date=None, invoice_number="",
        freight=Decimal(0), insurance=Decimal(0), vessel="", transport_document_no="", customs_office=CodeFacts("", "", ""),
    )  # fmt: skip
    assert problems(facts, codes=[code]) == []
    assert "0.000" not in said(code, facts)


# ---- the contract

CLAUSES = (
    "Parties", "Goods, quantity, price", "Tolerance of quantity", "Price and total", "Packing", "Shipping marks", "Shipment",
    "Payment", "Insurance", "Documents", "Inspection and claims", "Force majeure", "Arbitration", "Governing law",
    "Language and copies",
)  # fmt: skip


def test_the_contract_has_numbered_clauses_in_both_languages_and_two_signatures() -> None:
    text = said("sales_contract")
    at = [text.index(f"{number}.{''.join(title.split())}") for number, title in enumerate(CLAUSES, 1)]
    assert at == sorted(at)
    for one in (
        "双方", "溢短装5%", "价格以欧元计", FACTS.words_en, FACTS.words_zh, "唛头", "分批装运：不允许", "转运：允许", "不可抗力",
        "中国国际经济贸易仲裁委员会", "CIETAC", "CISG", "theEnglishtextprevails", "notlaterthan30NOV2026", "60daysnet",
    ):  # fmt: skip
        assert "".join(one.split()) in text
    assert text.count("Stamp盖章") == 2
    assert text.count("Signature签字") == 2
    assert text.count("WANGLI") == 1  # ours, not theirs


def test_the_contract_bears_the_number_that_is_agreed_else_ours() -> None:
    assert "Contractno.合同号SC-2026-017Ourno.我方编号SC-2026-0042" in written("sales_contract", FACTS)
    text = written("sales_contract", replace(FACTS, contract_no=""))
    assert "Contractno.合同号SC-2026-0042" in text
    assert "Ourno." not in text


@pytest.mark.parametrize(
    ("term", "sentence"),
    [
        (
            "CIF",
            "Taken out by the Seller for 110 % of the value of this contract, ICC (A), with war and strikes clauses.",
        ),
        ("CIP", "Taken out by the Seller for 110 %"),
        ("FOB", "To be covered by the Buyer."),
        ("CFR", "To be covered by the Buyer."),
        ("DAP", "Each party insures the goods for its own risk"),
    ],
)
def test_the_incoterm_says_who_insures(term: str, sentence: str) -> None:
    text = written("sales_contract", replace(FACTS, incoterm=CodeFacts(term, term, term)))
    assert "".join(sentence.split()) in text
    assert ("insurancedocument" in text) == (term in ("CIF", "CIP"))


def test_without_a_cover_agreed_the_least_of_the_incoterm_is_named() -> None:
    details = replace(FACTS.details, insurance_cover="", war_and_strikes=False)
    for term, cover in (("CIF", "ICC(C)."), ("CIP", "ICC(A).")):
        facts = replace(FACTS, details=details, incoterm=CodeFacts(term, term, term))
        assert f"ofthiscontract,{cover}" in written("sales_contract", facts)


def test_a_wording_takes_the_place_of_a_clause_in_its_language() -> None:
    facts = replace(
        FACTS,
        wordings=(
            WordingFacts("clause-arbitration", "sales_contract", "en", "Arbitration in Stockholm <SCC>."),
            WordingFacts("clause-law", "", "zh", "适用瑞典法律。"),
        ),
    )
    text = written("sales_contract", facts)
    assert "ArbitrationinStockholm<SCC>." in text
    assert "CIETAC)" not in text
    assert "均应提交中国国际经济贸易仲裁委员会" in text  # the Chinese text stays until it is replaced, too
    assert "适用瑞典法律。" in text
    assert "CISG" in text


@pytest.mark.parametrize("code", SOLD)
def test_wordings_have_their_places_on_every_paper(code: str) -> None:
    slots = ("header", "bank", "remark", "footer")
    kept = [WordingFacts(slot, "", language, f"{slot}-{language}") for slot in slots for language in ("en", "zh")]
    kept.append(WordingFacts("bank", "packing_list", "en", "not here"))
    text = written(code, replace(FACTS, wordings=tuple(kept)))
    places = [text.index(f"{slot}-{language}") for slot in slots for language in ("en", "zh")]
    assert places == sorted(places)
    assert "nothere" not in text


# ---- checks


def _details(**changes: Any) -> Callable[[ShipmentFacts], ShipmentFacts]:
    return lambda facts: replace(facts, details=replace(facts.details, **changes))


def _all(**changes: Any) -> Callable[[ShipmentFacts], ShipmentFacts]:
    return lambda facts: replace(facts, **changes)


def _seller(**changes: Any) -> Callable[[ShipmentFacts], ShipmentFacts]:
    return lambda facts: replace(facts, seller=replace(facts.seller, **changes))


def _then(*steps: Callable[[ShipmentFacts], ShipmentFacts]) -> Callable[[ShipmentFacts], ShipmentFacts]:
    def broken(facts: ShipmentFacts) -> ShipmentFacts:
        for step in steps:
            facts = step(facts)
        return facts

    return broken


def _buyer(**changes: Any) -> Callable[[ShipmentFacts], ShipmentFacts]:
    def broken(facts: ShipmentFacts) -> ShipmentFacts:
        buyer: PartyFacts = replace(facts.consignee, code="HOLDING", **changes)
        return replace(facts, buyer=buyer)

    return broken


CIP = CodeFacts("CIP", "", "")

#: paper, rule, severity, field, what breaks it
BROKEN = [
    ("proforma_invoice", "R43", "error", "details:validity_date", _details(validity_date=None)),
    ("proforma_invoice", "R40", "warning", "details:validity_date", _details(validity_date=date(2026, 8, 31))),
    ("proforma_invoice", "R43", "error", "details:shipment_period", _details(shipment_period=" ")),
    ("proforma_invoice", "R43", "error", "shipment:payment_terms", _all(payment_terms="")),
    ("proforma_invoice", "R43", "error", "party:SUZHOU:bank_bic", _seller(bank_bic="")),
    ("proforma_invoice", "R43", "error", "details:packing_terms", _details(packing_terms="TBD")),
    ("proforma_invoice", "R42", "error", "details:packing_terms", _details(packing_terms="box \ue000")),
    ("proforma_invoice", "R6", "error", "details:quantity_tolerance", _details(quantity_tolerance=Decimal(100))),
    ("proforma_invoice", "R6", "error", "details:quantity_tolerance", _details(quantity_tolerance=Decimal(-1))),
    ("proforma_invoice", "R13", "error", "party:HOLDING:address_en", _buyer(address_en=())),
    ("sales_contract", "R43", "error", "details:shipment_period", _details(shipment_period="")),
    ("sales_contract", "R43", "error", "shipment:payment_terms", _all(payment_terms="")),
    ("sales_contract", "R40", "warning", "details:contract_date", _details(contract_date=date(2026, 11, 21))),
    ("sales_contract", "R13", "warning", "party:SUZHOU:bank_name", _seller(bank_account="")),
    ("sales_contract", "R17", "warning", "details:insured_percent", _details(insured_percent=Decimal(100))),
    ("sales_contract", "R17", "warning", "details:insurance_cover",
     _then(_all(incoterm=CIP), _details(insurance_cover="ICC (C)"))),
    ("commercial_invoice", "R40", "warning", "details:contract_date", _details(contract_date=date(2026, 11, 21))),
    ("commercial_invoice", "R43", "warning", "details:export_reason", _all(payment_terms="")),
    ("commercial_invoice", "R35", "warning", "shipment:payment_terms", _details(export_reason="Sample")),
    ("commercial_invoice", "R13", "warning", "party:SUZHOU:bank_name", _seller(bank_account="")),
    ("commercial_invoice", "R43", "error", "details:export_reason", _details(export_reason="XXX")),
    ("commercial_invoice", "R43", "error", "party:HOLDING:name_en", _buyer(name_en="TODO")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "rule", "severity", "field", "breaks"), BROKEN, ids=[f"{one[0]}-{one[1]}-{one[3]}" for one in BROKEN]
)
def test_a_broken_rule_is_found_at_its_field(
    code: str, rule: str, severity: str, field: str, breaks: Callable[[ShipmentFacts], ShipmentFacts]
) -> None:
    assert (rule, severity, field) not in [(one.rule, one.severity, one.field) for one in problems(FACTS, codes=[code])]
    found = problems(breaks(FACTS), codes=[code])
    assert (rule, severity, field) in [(one.rule, one.severity, one.field) for one in found]
    assert all(str(one.message) for one in found)


@pytest.mark.parametrize("code", SOLD)
@pytest.mark.parametrize("full", [False, True])
def test_a_good_shipment_has_no_problem(code: str, full: bool) -> None:
    assert problems(sample_facts(3, full=full), codes=[code]) == []


def test_what_is_not_sold_needs_no_bank() -> None:
    facts = _then(_seller(bank_account=""), _all(payment_terms=""), _details(export_reason="Sample"))(FACTS)
    assert problems(facts, codes=["commercial_invoice"]) == []
