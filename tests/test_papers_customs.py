"""Papers for customs and of returnable boxes: each rule has a case that breaks it, and the PDFs say what the facts say."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pypdfium2
import pytest
from pypdf import PdfReader, PdfWriter

from docs_gen import checks_customs
from docs_gen.customs_upload import LARGEST_FILE, upload_advice
from docs_gen.document_types import Imprint, PaperPart, check_papers, render_paper
from docs_gen.facts import CodeFacts, DeclaredBoxFacts, ShipmentFacts, country_facts, from_json, months_later, to_json
from docs_gen.parts import declarations
from docs_gen.register import REGISTER, papers
from docs_gen.samples import sample_facts

DAY = date(2026, 11, 20)
CODES = (
    "china_export_declaration", "declaration_elements", "customs_authorisation", "returnable_packing_list",
    "returnable_proforma", "returnable_statement",
)  # fmt: skip
#: one shipment without surprises, one with boxes declared apart
FACTS, APART = sample_facts(3), sample_facts(3, full=True)

Change = Callable[[ShipmentFacts], ShipmentFacts]


def _details(**changes: Any) -> Change:
    return lambda facts: replace(facts, details=replace(facts.details, **changes))


def _all(**changes: Any) -> Change:
    return lambda facts: replace(facts, **changes)


def _line(**changes: Any) -> Change:
    return lambda facts: replace(facts, lines=(replace(facts.lines[0], **changes), *facts.lines[1:]))


def _box(**changes: Any) -> Change:
    return lambda facts: replace(facts, boxes=(replace(facts.boxes[0], **changes),))


def _broker(**changes: Any) -> Change:
    return lambda facts: replace(facts, broker=replace(facts.broker, **changes))  # type: ignore[type-var]


def _maker(**changes: Any) -> Change:
    return lambda facts: replace(facts, manufacturer=replace(facts.seller, code="PLANT", **changes))


def _to(country: str, **details: Any) -> Change:
    return lambda facts: _details(**details)(replace(facts, destination_country=country_facts(country)))


def both(*changes: Change) -> Change:
    def changed(facts: ShipmentFacts) -> ShipmentFacts:
        for change in changes:
            facts = change(facts)
        return facts

    return changed


def found(facts: ShipmentFacts) -> set[tuple[str, str, str]]:
    problems = check_papers(papers(facts, codes=CODES))
    for problem in problems:
        assert str(problem.message)  # every sentence takes its values
    return {(one.rule, one.severity, one.field) for one in problems}


#: all ten boxes that left go home
HOME = replace(
    _details(box_leg="home", box_original_declaration="223320261000000001")(FACTS),
    declared_boxes=(DeclaredBoxFacts("KLT6428", 14, 4),),
)
#: rule, severity, field, the facts that it breaks in, what breaks it
BROKEN: list[tuple[str, str, str, ShipmentFacts, Change]] = [
    ("R1", "error", "shipment:packages-0-gross_mass", FACTS, _all(gross_mass=Decimal(1))),
    ("R6", "error", "asset_type:KLT6428:name_en", FACTS, _box(name_en=" ")),
    ("R6", "warning", "asset_type:KLT6428:hs_code", FACTS, _box(hs_code="")),
    ("R6", "warning", "asset_type:KLT6428:origin", FACTS, _box(origin=None)),
    ("R7", "error", "shipment:lines-0-quantity", APART, _line(quantity=Decimal(9))),
    ("R13", "error", "party:GATE9:name_zh", FACTS, _broker(name_zh="")),
    ("R13", "warning", "party:GATE9:customs_no", FACTS, _broker(customs_no="", uscc="")),
    ("R21", "error", "product:10-5200:legal_unit_1", FACTS, _line(legal_unit_1=CodeFacts("007", "piece", "个"))),
    ("R21", "error", "product:10-5200:legal_unit_2", FACTS, _line(legal_unit_2=CodeFacts("011", "piece", "件"))),
    ("R21", "error", "asset_type:KLT6428:hs_code", APART, _box(hs_code="3923")),
    ("R21", "warning", "shipment:departure_date", FACTS, _all(departure_date=date(2027, 1, 3))),
    ("R22", "error", "asset_type:KLT6428:declaration_elements", APART, _box(elements="")),
    ("R22", "warning", "product:10-5200:declaration_elements", FACTS, _line(elements="4|0|乘用车用")),
    ("R24", "warning", "product:10-4711:declaration_elements", FACTS, _line(elements="4|1|乘用车用|a|b|c|")),
    ("R22", "warning", "product:10-4711:declaration_elements", FACTS, _line(elements="4|3|乘用车用|a|b|c|")),
    ("R23", "error", "details:licence_no", FACTS, _line(supervision_codes="34A")),
    ("R23", "warning", "details:supervision_documents", FACTS, _line(supervision_codes="AB")),
    ("R25", "warning", "party:PLANT:uscc", FACTS, _maker(uscc="")),
    ("R25", "warning", "party:PLANT:name_zh", FACTS, _maker(name_zh=" ")),
    ("R25", "warning", "party:SUZHOU:customs_no", APART, lambda f: replace(f, seller=replace(f.seller, customs_no=""))),
    ("R26", "warning", "shipment:trading_country", FACTS, lambda f: replace(f, buyer=f.seller)),
    ("R33", "warning", "details:box_regime", FACTS, _details(box_regime="")),
    ("R33", "error", "details:box_return_date", APART, _all(departure_date=None)),
    ("R33", "error", "details:box_return_date", APART, _details(box_return_date=date(2026, 11, 28))),
    ("R33", "error", "details:box_confirmation_no", APART, _details(box_return_date=date(2027, 5, 29))),
    ("R33", "error", "details:box_return_date", APART,
     _details(box_return_date=date(2028, 11, 29), box_confirmation_no="C-1")),
    ("R33", "error", "details:box_original_declaration", APART, _details(box_leg="home")),
    ("R33", "error", "shipment:lines-0-product", APART, _line(part_no="KLT6428")),
    ("R33", "warning", "shipment:lines-0-product", FACTS, _line(part_no="KLT6428")),
    ("R33", "warning", "details:box_leg", FACTS, _details(box_leg="")),
    ("R33", "warning", "details:box_leg", FACTS, _box(owner_en="Hamburg Automotive GmbH")),
    ("R33", "warning", "details:box_return_date", FACTS, _all(departure_date=None)),
    ("R33", "warning", "details:box_evidence", FACTS, _to("US")),
    ("R33", "warning", "details:box_evidence", FACTS, _to("DE", box_leg="home")),
    ("R33", "warning", "details:box_original_declaration", FACTS, _to("CN", box_leg="home")),
    ("R34", "error", "details:box_original_declaration", HOME, _all(declared_boxes=(DeclaredBoxFacts("KLT6428", 10, 1),))),
    ("R34", "error", "details:box_original_declaration", HOME, _all(declared_boxes=(DeclaredBoxFacts("CAGE", 10, 0),))),
    ("R35", "error", "asset_type:KLT6428:value", FACTS, _box(value=Decimal(0))),
    ("R35", "error", "asset_type:KLT6428:value_currency", FACTS, _box(value_currency="")),
    ("R40", "warning", "details:proxy_valid_until", FACTS, _details(proxy_valid_until=DAY)),
    ("R42", "error", "party:SUZHOU:name_zh", FACTS,
     lambda f: replace(f, seller=replace(f.seller, name_zh="苏" * 101))),
    ("R42", "error", "details:customs_remarks", FACTS, _details(customs_remarks="备" * 230)),
    ("R42", "error", "details:licence_no", FACTS, _details(licence_no="\U0001f4a9")),
    ("R43", "error", "details:supervision_documents", FACTS, _details(supervision_documents="TBD")),
    ("R43", "error", "shipment:broker", FACTS, _all(broker=None)),
    ("R43", "error", "details:proxy_mode", FACTS, _details(proxy_mode="")),
    ("R43", "error", "details:proxy_services", FACTS, _details(proxy_services="")),
    ("R43", "error", "details:proxy_valid_until", FACTS, _details(proxy_valid_until=None)),
]  # fmt: skip


#: all boxes carry goods, so no package of its own begins on their declaration
SHARED = {("R8", "warning", "shipment:packages")}


@pytest.mark.parametrize("facts", [FACTS, APART], ids=["together", "apart"])
def test_the_samples_are_clean(facts: ShipmentFacts) -> None:
    assert found(facts) - SHARED == set()


@pytest.mark.parametrize(("rule", "severity", "field", "facts", "change"), BROKEN)
def test_a_broken_rule_is_told_at_its_field(
    rule: str, severity: str, field: str, facts: ShipmentFacts, change: Change
) -> None:
    assert (rule, severity, field) not in found(facts)
    assert (rule, severity, field) in found(change(facts))


def test_every_rule_of_the_module_has_a_case() -> None:
    import re
    from pathlib import Path

    rules = set(re.findall(r'"(R\d+)"', Path(str(checks_customs.__file__)).read_text(encoding="utf-8")))
    assert rules - {"R8"} <= {rule for rule, *_ in BROKEN}


def test_a_declaration_in_which_no_package_begins_says_so() -> None:
    facts = sample_facts(51)
    second = declarations(facts)[1]
    assert list(checks_customs.declared_packages(second)) == []
    shared = replace(second, packages=tuple(replace(row, count=0) for row in second.packages), package_count=0)
    assert [(one.rule, one.severity) for one in checks_customs.declared_packages(shared)] == [("R8", "warning")]


def test_what_is_not_confirmed_in_a_law_is_advice_that_names_the_broker() -> None:
    for facts in (_to("US")(FACTS), _line(supervision_codes="AB")(FACTS), _details(box_regime="")(FACTS)):
        warnings = [one for one in check_papers(papers(facts, codes=CODES)) if one.rule in ("R23", "R33")]
        assert {one.severity for one in warnings} == {"warning"}
        assert all("sk the customs broker" in str(one.message) for one in warnings)


def test_an_extension_that_customs_confirmed_lets_boxes_stay_longer() -> None:
    longer = _details(box_return_date=date(2027, 11, 28), box_confirmation_no="审2026-1")
    assert found(longer(APART)) - SHARED == set()


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2027, 8, 29), 6, date(2028, 2, 29)),
        (date(2026, 11, 28), 24, date(2028, 11, 28)),
        (date(2026, 12, 1), 0, date(2026, 12, 1)),
    ],
)
def test_months_end_on_the_same_day_or_the_last_of_the_month(day: date, months: int, later: date) -> None:
    assert months_later(day, months) == later


# ---- the PDFs


def said(code: str, facts: ShipmentFacts, replaces: str = "") -> list[str]:
    type = REGISTER[code]
    data = render_paper(type, facts, Imprint(f"{type.series}-2026-0042", DAY, replaces)).data
    return ["".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(data)).pages]


def missing(texts: list[str], pages: list[str]) -> list[str]:
    whole = "".join(pages)
    return [text for text in texts if "".join(text.split()) not in whole]


def test_the_declaration_has_the_whole_head_of_2019_on_every_page() -> None:
    facts = _details(filing_no="B22345678901", licence_no="26-00-123456", supervision_documents="B 123")(
        sample_facts(17)
    )
    facts = replace(
        facts,
        consignee=replace(facts.consignee, aeo_no="DEAEOF000001"),
        manufacturer=replace(facts.seller, code="PLANT", name_zh="苏州稳达制造有限公司", uscc="91320594MA1XJ2Y72X"),
    )
    pages = said("china_export_declaration", facts)
    assert len(pages) == 3
    heads = [
        "预录入编号", "海关编号", "境内发货人", "91320594MA1XJ2Y71H(3205940Q8K)", "出境关别", "出口日期", "申报日期",
        "备案号", "B22345678901", "境外收货人", "DEAEOF000001", "运输方式", "(2)水路运输", "运输工具名称及航次号",
        "COSCOTAURUS/045W", "提运单号", "生产销售单位", "苏州稳达制造有限公司91320594MA1XJ2Y72X", "监管方式", "征免性质",
        "许可证号", "26-00-123456", "合同协议号", "贸易国(地区)", "运抵国(地区)", "指运港", "离境口岸", "包装种类", "件数",
        "毛重(千克)", "净重(千克)", "成交方式", "运费", "EUR/820.00/3", "保费", "EUR/46.50/3", "杂费", "随附单证及编号", "B123",
        "商业发票CI-2026-0042", "标记唛码及备注", "HAMBURGAUTO/HAMBURG/C/NO.1-UP", "集装箱号CSQU3054383,封号CN0012345",
        "商品编号", "境内货源地", "征免",
    ]  # fmt: skip
    for number, page in enumerate(pages, 1):
        assert missing(heads, [page]) == []
        assert f"页码/页数:{number}/3" in page
    for line in facts.lines:
        assert any("".join(f"{line.hs_code}{line.description_zh}".split()) in page for page in pages)
    foot = [
        "特殊关系确认",
        "公式定价确认",
        "水运中转",
        "报关人员证号",
        "申报单位九门报关有限公司3109980A1B",
        "海关批注及签章",
    ]
    assert missing(foot, pages[-1:]) == []
    assert "特殊关系确认" not in "".join(pages[:-1])


@pytest.mark.parametrize("lines", [1, 5, 6, 9, 17])
def test_no_item_is_lost_and_the_foot_never_stands_alone(lines: int) -> None:
    facts = sample_facts(lines)
    pages = said("china_export_declaration", facts)
    items = ["".join(f"{line.number}{line.hs_code}{line.description_zh}".split()) for line in facts.lines]
    assert [sum(item in page for page in pages) for item in items[9:]] == [1] * len(items[9:])
    assert missing(items, pages) == []
    assert items[-1] in pages[-1]
    assert "海关批注及签章" in pages[-1]


def test_the_longest_texts_that_customs_takes_are_all_on_the_declaration() -> None:
    facts = sample_facts(4)
    facts = replace(
        facts,
        consignee=replace(facts.consignee, name_en="W" * 255),
        marks=("M" * 200, "N" * 199),
        remarks="备" * 200,
        lines=tuple(
            replace(line, description_zh=f"第{line.number}项" + "名" * 252, elements="4|0|" + "素" * 251)
            for line in facts.lines
        ),
    )
    pages = said("china_export_declaration", facts)
    texts = ["W" * 255, "M" * 200 + "/" + "N" * 199, "备" * 200]
    assert missing(texts + [line.description_zh + line.elements for line in facts.lines], pages) == []


def test_temporary_boxes_say_category_and_day_of_return_and_name_no_sale() -> None:
    goods, boxes = declarations(_details(box_confirmation_no="审42")(APART))
    page = "".join(said("china_export_declaration", boxes))
    texts = [
        "(2600)暂时进出货物", "(299)其他法定", "全免(3)", "暂出九,20270528前复运进境", "审核确认书号审42", "3923100000",
        "0|0|运输周转用|聚丙烯|无品牌|KLT6428|", "29.5千克", "10个", "12.5000125.00欧元(EUR)", "周转包装清单", "(3)FOB",
    ]  # fmt: skip
    assert missing(texts, [page]) == []
    assert facts_of_the_sale(page) == []
    page = "".join(said("china_export_declaration", goods))
    assert "暂出九" not in page
    assert "3923100000" not in page


def facts_of_the_sale(page: str) -> list[str]:
    return [text for text in ("SC-2026-017", "CI-2026-0042", "820.00", "8708949090") if text in page]


def test_boxes_that_go_home_name_the_declaration_that_let_them_in() -> None:
    facts = _details(box_leg="home", box_original_declaration="223320261000000001")(APART)
    boxes = declarations(facts)[-1]
    assert "暂进九, 复运出境; 关联报关单号 223320261000000001" in boxes.declared_remarks
    assert "前复运进境" not in boxes.declared_remarks


def test_elements_are_told_apart_and_the_first_two_in_words() -> None:
    facts = both(_line(elements="1|2||STABIL|", supervision_codes="AB"), _all(boxes=APART.boxes))(APART)
    pages = said("declaration_elements", facts, replaces="EL-2026-0007")
    texts = [
        "1品牌类型1=境内自主品牌", "2出口享惠情况2=不能确定", "3–4STABIL5–", "1|2||STABIL|", "8件=58千克", "10-4711",
        "A2C9988001", "Steeringrackassembly", "转向器总成", "32059", "AB", "KLT6428", "10个=29.5千克", "Replaces替代EL-2026-0007",
    ]  # fmt: skip
    assert missing(texts, pages) == []


def test_a_product_on_two_lines_has_one_row_of_elements() -> None:
    facts = replace(FACTS, lines=(*FACTS.lines, replace(FACTS.lines[0], number=4)))
    assert "".join(said("declaration_elements", facts)).count("Steeringrackassembly") == 1


def test_the_authorisation_names_both_sides_the_services_and_the_day() -> None:
    facts = _details(proxy_no="26000012345", proxy_services="AH")(APART)
    pages = said("customs_authorisation", facts)
    texts = [
        "代理报关委托书", "委托报关协议", "26000012345", "九门报关有限公司(3109980A1B)", "苏州稳达转向系统有限公司(3205940Q8K)",
        "■A填单申报", "□B申请、联系和配合实施检验检疫", "■H其他", "2026年12月31日止", "转向器总成等3项", "8708949090", "EUR2,665.05",
        "COSU6391234560", "一般贸易(0110);周转包装暂时进出货物(2600)", "CNY300", "中国/32059", "□合同□发票□装箱清单",
        "2026年11月28日", "Todayitisusuallysignedelectronically",
    ]  # fmt: skip
    assert len(pages) == 1
    assert missing(texts, pages) == []


@pytest.mark.parametrize("code", ["returnable_packing_list", "returnable_proforma", "returnable_statement"])
def test_papers_of_boxes_name_type_owner_count_and_value_and_no_bank(code: str) -> None:
    pages = said(code, REGISTER[code].parts(APART)[0])
    texts = [
        "KLT6428",
        "SuzhouStabilSteeringCo.,Ltd.",
        "10",
        "12.50",
        "EUR",
        "28MAY2027",
        "CI-2026-0042",
        "OUT,tobereturned去程",
    ]
    assert missing(texts, pages) == []
    for text in (APART.seller.bank_account, APART.seller.bank_bic, APART.seller.bank_name, APART.payment_terms):
        assert "".join(text.split()) not in "".join(pages)
    assert REGISTER[code].parts(replace(APART, boxes=())) == ()


def test_the_packing_list_of_boxes_has_every_code() -> None:
    codes = tuple(f"KLT-{number:06}-7" for number in range(400))
    pages = said("returnable_packing_list", _box(codes=codes)(FACTS))
    assert missing([*codes, "392310", "29.500", "10×2.95", "EUR125.00"], pages) == []


def test_the_proforma_says_that_nothing_is_to_be_paid() -> None:
    pages = said("returnable_proforma", APART)
    texts = [
        "VALUE FOR CUSTOMS PURPOSES ONLY – RETURNABLE PACKING, PROPERTY OF SUZHOU STABIL STEERING CO., LTD., NOT FOR SALE – NO "
        "PAYMENT DUE", "仅供报关", "非卖品，无需付款", "125.00", "SAYEUROSONEHUNDREDTWENTY-FIVEONLY",
    ]  # fmt: skip
    assert missing(texts, pages) == []


def test_values_in_two_currencies_have_two_totals() -> None:
    other = replace(
        APART.boxes[0], code="CAGE", value=Decimal(900), value_currency="JPY", value_total=Decimal(9000), codes=()
    )
    yen = replace(APART.box_values[0], currency=CodeFacts("JPY", "yen", "日元"), decimals=0, amount=Decimal(9000))
    facts = replace(APART, boxes=(*APART.boxes, other), box_values=(*APART.box_values, yen))
    assert missing(["EUR125.00", "JPY9,000", "JPY900"], said("returnable_proforma", facts)) == []


@pytest.mark.parametrize(
    ("country", "leg", "texts", "never"),
    [
        ("DE", "out", ["art.228", "141(1)(d)(iv)", "indelible"], ["19CFR", "GACC", "art.203"]),
        ("DE", "home", ["art.203", "138(c)"], ["art.228"]),
        ("GB", "out", ["HMRC", "filledonatleastoneway"], ["2015/2446"]),
        ("US", "out", ["19CFR10.41a", "skidsandpallets", "bydesignationHQ114187"], ["2015/2446"]),
        ("CN", "home", ["GACCOrderNo.233", "2600", "223320261000000001"], ["2015/2446", "notlaterthan"]),
        ("BR", "out", ["Onwhatground", "notlaterthan28MAY2027"], ["2015/2446", "19CFR", "Ground依据"]),
    ],
)
def test_the_statement_is_that_of_the_destination(country: str, leg: str, texts: list[str], never: list[str]) -> None:
    original = "223320261000000001" if country == "CN" else ""
    facts = _to(country, box_leg=leg, box_evidence="HQ 114187", box_original_declaration=original)(FACTS)
    (part,) = REGISTER["returnable_statement"].parts(facts)
    whole = "".join(said("returnable_statement", part))
    assert missing([*texts, "remainsthepropertyofitsowner", "Tobeconfirmedbytheimporter'scustomsbroker"], [whole]) == []
    assert [text for text in never if text in whole] == []
    assert from_json(ShipmentFacts, to_json(part)) == part  # an issued paper keeps the sentences that it says


def test_a_ground_names_its_source_and_advice_none() -> None:
    import csv
    from pathlib import Path

    import docs_gen

    path = Path(str(docs_gen.__file__)).parent / "data" / "box_statements.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["kind"] for row in rows} == {"statement", "basis", "advice"}
    for row in rows:
        assert bool(row["source"]) == (row["kind"] == "basis")
        assert row["en"]
        assert row["zh"]


@pytest.mark.parametrize("code", CODES)
def test_a_long_shipment_is_laid_out_without_complaint(code: str, caplog: pytest.LogCaptureFixture) -> None:
    facts = sample_facts(51, full=True)
    for part in REGISTER[code].parts(facts):
        data = render_paper(REGISTER[code], part, Imprint("X-2026-0001", DAY)).data
        document = pypdfium2.PdfDocument(data)
        for page in document:
            width, height = page.get_size()
            text = page.get_textpage()
            for index in range(0, text.count_chars(), 7):
                left, bottom, right, top = text.get_charbox(index)
                assert -1 <= left <= right <= width + 1
                assert -1 <= bottom <= top <= height + 1
        document.close()
    assert [record.message for record in caplog.records if record.name == "weasyprint"] == []


def test_a_paper_names_its_checks_only_for_its_own_part() -> None:
    facts = _box(hs_code="3923")(APART)
    problems = check_papers(papers(facts, codes=["china_export_declaration"]))
    assert [(one.field, one.papers) for one in problems if one.severity == "error"] == [
        ("asset_type:KLT6428:hs_code", ("china_export_declaration:2600-1",))
    ]
    part = PaperPart(REGISTER["china_export_declaration"], declarations(sample_facts(60))[1])
    lines = tuple(replace(line, unit_price=Decimal(-1)) for line in part.facts.lines)
    told = check_papers([replace(part, facts=replace(part.facts, lines=lines))])
    assert "shipment:lines-50-unit_price" in {one.field for one in told}


# ---- uploads


def _pdf(pages: int, size: int) -> bytes:
    """A PDF of so many pages and at least so many bytes."""
    writer = PdfWriter()
    writer.pdf_header = "%PDF-1.7"
    for _ in range(pages):
        writer.add_blank_page(595, 842)
    writer.add_attachment("padding.bin", b"")
    buffer = io.BytesIO()
    writer.write(buffer)
    data = buffer.getvalue()
    return data + b"\n%" + b"x" * max(0, size - len(data)) if size else data


def test_what_customs_is_said_not_to_take_is_advice() -> None:
    small = render_paper(REGISTER["returnable_proforma"], FACTS, Imprint("RI-2026-0042", DAY)).data
    assert upload_advice("RI-2026-0042.pdf", small) == []
    name = upload_advice("x" * 61 + ".pdf", small)
    assert [str(one) for one in name] == [
        "The file name has 65 characters; customs is said to take 64. Ask the customs broker."
    ]
    assert [str(one)[:19] for one in upload_advice("a.pdf", _pdf(1, 500 * 1024))] == ["The file has 501 KB"]
    assert upload_advice("a.pdf", _pdf(2, 500 * 1024)) == []
    large = upload_advice("a.pdf", _pdf(20, LARGEST_FILE + 10))
    assert [str(one)[:20] for one in large] == ["The file has 4097 KB"]
