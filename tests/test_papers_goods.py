"""Packing list, delivery note, shipping marks, package labels: what they say, and labels that scanners read."""

# ruff: noqa: DTZ001  (moments of the details are local)

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from biip.gs1_messages import GS1Message
from hostile import hostile_facts
from pypdf import PdfReader
from pyzbar import pyzbar

from docs_gen import checks_goods
from docs_gen.barcodes import SSCC_MODULES, sscc_bars, sscc_link
from docs_gen.document_types import Imprint, render_paper
from docs_gen.facts import DangerFacts, ShipmentFacts
from docs_gen.register import REGISTER
from docs_gen.samples import sample_facts, with_ssccs

DAY = date(2026, 11, 20)


def render(code: str, facts: ShipmentFacts, number: bool = True) -> bytes:
    imprint = Imprint(f"{REGISTER[code].series}-2026-0042", DAY) if number else Imprint()
    return render_paper(REGISTER[code], facts, imprint).data


def pages(data: bytes) -> list[str]:
    """The text of each page without blanks, by pypdf."""
    return ["".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(data)).pages]


def pictures(data: bytes, dpi: float, count: int | None = None) -> Iterator[Any]:
    """The first pages in grey, by PDFium."""
    document = pypdfium2.PdfDocument(data)
    for index in range(len(document) if count is None else count):
        yield document[index].render(scale=dpi / 72).to_pil().convert("L")
    document.close()


@cache
def labels() -> bytes:
    return render("package_labels", with_ssccs(sample_facts(2)))


def squeezed(*texts: object) -> list[str]:
    return ["".join(str(text).split()) for text in texts]


def missing(said: str, *texts: object) -> list[str]:
    return [text for text in squeezed(*texts) if text not in said]


# ---- packing list


def test_the_packing_list_carries_its_sums_from_page_to_page() -> None:
    facts = sample_facts(60)
    said = pages(render("packing_list", facts))
    assert len(said) > 3
    net = gross = volume = Decimal(0)
    rows = list(facts.packages)
    for number, text in enumerate(said):
        if number and rows:
            assert f"Broughtforward承前页{net:,.3f}kgnet净·{gross:,.3f}kggross毛·{volume:,.3f}m³" in text
        while rows and not missing(text, f"{rows[0].part_no} {rows[0].description_en}"):
            row = rows.pop(0)
            net, gross, volume = net + row.net_total, gross + row.gross_total, volume + row.volume
        if rows:
            assert f"Carriedforward过次页{net:,.3f}kgnet净·{gross:,.3f}kggross毛·{volume:,.3f}m³" in text
        else:
            assert "Carriedforward" not in text
    assert rows == []
    assert (net, gross, volume) == (facts.net_mass, facts.gross_mass, facts.volume)


def test_the_packing_list_names_wood_container_and_every_sscc() -> None:
    facts = with_ssccs(sample_facts(6))
    facts = replace(facts, details=replace(facts.details, wood_packing="treated", ippc_mark="CN-320 HT"))
    said = "".join(pages(render("packing_list", facts)))
    assert len(facts.ssccs) > 10
    for number, sscc in enumerate(facts.ssccs, 1):
        assert f"{number}{sscc}" in said
    assert not missing(said, "Treated and marked by ISPM 15 已按 ISPM 15 处理并加施标识: IPPC CN-320 HT")
    assert not missing(said, "CSQU3054383 · Seal 封号 CN0012345", facts.packages_en, facts.packages_zh)
    none = "".join(pages(render("packing_list", sample_facts(1))))
    assert "Nosolidwoodpackingmaterial" in none
    assert "SSCC" not in none


@pytest.mark.parametrize("code", ["packing_list", "booking_note", "shipping_instruction", "cmr"])
def test_the_sums_of_a_large_shipment_stay_on_one_line(code: str) -> None:
    mass, volume = Decimal("9999999.999"), Decimal("9999.999")
    facts = replace(sample_facts(1), net_mass=mass, gross_mass=mass, volume=volume, package_count=4716)
    said = PdfReader(io.BytesIO(render(code, facts))).pages[0].extract_text()
    total = said[said.index("TOTAL") :]
    assert "4,716" in total.splitlines()[0]
    assert "9,999,999.999" in total
    assert "9,999.999" in total.replace("9,999,999.999", "")


# ---- delivery note


def test_the_delivery_note_says_where_when_by_whom_and_what() -> None:
    facts = with_ssccs(sample_facts(5))
    assert facts.deliver_to
    [said, *rest] = pages(render("delivery_note", facts))
    said += "".join(rest)
    assert not missing(
        said, "送货单 DELIVERY NOTE", "28 NOV 2026", facts.order_no, "RA-0815", "Gate 3", "27 NOV 2026 08:00–10:00 (Asia/Shanghai)",
        "苏E·12345 / 苏E·6789挂", "Li Qiang, +86 139 0000 0000", facts.deliver_to.name_en, *facts.deliver_to.address_en,
        facts.consignee.name_en, "CSQU3054383", "到达时间 Arrived at", "离开时间 Left again at", *facts.ssccs,
    )  # fmt: skip
    for row in facts.packages:
        assert not missing(said, row.part_no, row.customer_part_no, row.description_zh, f"{row.quantity:f}件")
    for box in facts.boxes:
        assert not missing(said, box.code, box.owner_zh, f"{box.count}", *box.codes)
    assert not missing(said, "结存 Balance after", "带回空箱 Boxes out", "实收数量 Received", "差异 Difference")


def test_the_delivery_note_names_no_price() -> None:
    facts = sample_facts(5)
    said = "".join(pages(render("delivery_note", facts)))
    for line in facts.lines:
        assert f"{line.amount:,.2f}" not in said
        assert f"{line.unit_price:,.2f}" not in said
    assert "EUR" not in said
    assert "CIF" not in said


def test_without_a_place_of_delivery_the_goods_go_to_the_consignee() -> None:
    facts = replace(sample_facts(1), deliver_to=None)
    said = "".join(pages(render("delivery_note", facts)))
    assert not missing(said, "Werkstraße 12", "21079 Hamburg", "Jörg Weiß, +49 40 555 0100")


def test_a_window_of_two_days_names_both() -> None:
    facts = sample_facts(1)
    details = replace(
        facts.details, delivery_from=datetime(2026, 11, 28, 22), delivery_until=datetime(2026, 11, 29, 2, 5)
    )
    said = "".join(pages(render("delivery_note", replace(facts, details=details))))
    assert "28NOV202622:00–29NOV202602:05" in said


# ---- shipping marks


def test_there_is_a_sheet_of_marks_for_each_row_of_packages() -> None:
    facts = sample_facts(3)
    danger = DangerFacts("3268", "SAFETY DEVICES", "9", "", "", "", False, False)
    first, second, third = facts.packages
    facts = replace(
        facts, packages=(first, replace(second, marks="NAGOYA\nCASE 5"), replace(third, danger=danger)), verify_uri="https://x/v/1"
    )  # fmt: skip
    said = pages(render("shipping_marks", facts))
    assert len(said) == 3
    assert not missing(
        said[0], *facts.marks, "1-4 / 11", "N.W. 14.5 KG", "G.W. 17.45 KG", "59.4 X 39.6 X 28 CM", "MADE IN CHINA"
    )
    assert not missing(said[1], "NAGOYA", "CASE 5", "5 / 11")
    assert "HAMBURGAUTO" not in said[1]
    assert not missing(said[2], "6-11 / 11", "UN 3268 · SAFETY DEVICES · class 9")
    assert "ORIGINAL" not in "".join(said)
    assert ["Genuine" in one for one in said] == [True, False, False]


# ---- labels


@pytest.mark.parametrize("dpi", [203, 300])
def test_two_independent_readers_read_every_label(dpi: int) -> None:
    """As a thermal printer would print it: black dots and white ones, nothing between."""
    facts = with_ssccs(sample_facts(2))
    for sscc, picture in zip(facts.ssccs, pictures(labels(), dpi), strict=True):
        dots = picture.point(lambda value: 255 if value > 127 else 0)
        link = f"HTTPS://ID.GS1.ORG/00/{sscc}"
        seen = {code.symbology_identifier[:2]: code for code in zxingcpp.read_barcodes(dots)}
        assert seen["]C"].symbology_identifier == "]C1"
        assert seen["]C"].text == f"(00){sscc}"
        assert seen["]Q"].text == link
        assert {code.type: code.data.decode() for code in pyzbar.decode(dots)} == {
            "CODE128": f"00{sscc}",
            "QRCODE": link,
        }
        [element] = GS1Message.parse(f"00{sscc}").element_strings  # refuses a wrong check digit
        assert element.sscc
        assert element.sscc.value == sscc


def test_the_bars_have_the_width_height_and_quiet_zones_that_gs1_wants() -> None:
    """GS1 General Specifications, 5.4 and table 5: module 0.495–0.94 mm, height from 31.75 mm, 10 modules left and right."""
    per_mm = 40
    [picture] = pictures(labels(), 25.4 * per_mm, 1)
    width, height = picture.size
    assert (round(width / per_mm), round(height / per_mm)) == (100, 150)
    dark = [picture.getpixel((x, 125 * per_mm)) < 128 for x in range(width)]
    first, last = dark.index(True), width - 1 - dark[::-1].index(True)
    runs = [len(run[0]) for run in re.finditer(r"1+|0+", "".join("01"[one] for one in dark[first : last + 1]))]
    module = (last + 1 - first) / per_mm / (SSCC_MODULES - 20)
    assert module == pytest.approx(0.5, abs=0.001)
    assert len(runs) == 6 * 13 + 7  # 13 symbols of 3 bars and 3 spaces, and the stop of 4 and 3
    assert all(abs(run / per_mm / 0.5 - round(run / per_mm / 0.5)) < 0.06 for run in runs)
    for y in range(108 * per_mm, 142 * per_mm, per_mm):  # over the whole height nothing stands in the quiet zones
        assert picture.crop((first - 10 * 20, y, first - 1, y + 1)).getextrema()[0] > 250
        assert picture.crop((last + 2, y, last + 10 * 20, y + 1)).getextrema()[0] > 250
    column = [picture.getpixel((first + 10, y)) < 128 for y in range(height)]
    assert sum(column) / per_mm >= 32
    assert max(map(len, "".join("01"[one] for one in column).split("0"))) / per_mm >= 32  # in one piece


def test_a_label_says_from_to_and_what_is_in_it() -> None:
    facts = with_ssccs(sample_facts(2))
    said = pages(labels())
    assert len(said) == facts.package_count == 5
    for number, text in enumerate(said, 1):
        row = next(row for row in facts.packages if row.first <= number <= row.last)
        sscc = facts.ssccs[number - 1]
        assert not missing(
            text, facts.seller.name_en, facts.consignee.name_en, "GERMANY", row.part_no, row.customer_part_no, row.description_en,
            f"{row.pieces:f}件", f"{number} / 5", f"{row.gross_mass:.3f}", facts.order_no, facts.shipment_number,
            f"SSCC {sscc}", f"(00) {sscc}",
        )  # fmt: skip
    for page in PdfReader(io.BytesIO(labels())).pages:
        assert (round(page.mediabox.width / 72 * 25.4), round(page.mediabox.height / 72 * 25.4)) == (100, 150)


def test_a_draft_bears_no_code_that_a_scanner_reads() -> None:
    data = render("package_labels", with_ssccs(sample_facts(1)), number=False)
    for text in pages(data):
        assert "NOSSCCYET尚无SSCC" in text
        assert "04012345" not in text
    for picture in pictures(data, 203):
        assert list(zxingcpp.read_barcodes(picture)) == []
        assert pyzbar.decode(picture) == []


def test_an_issued_label_whose_package_has_no_number_says_so() -> None:
    facts = with_ssccs(sample_facts(1))
    said = pages(render("package_labels", replace(facts, ssccs=facts.ssccs[:2])))
    assert ["NOSSCCYET" in text for text in said] == [False, False, True, True]


@pytest.mark.parametrize("sscc", ["", "040123450000000017", "04012345000000001", "04012345000000001A"])
def test_no_bars_are_drawn_for_what_is_no_sscc(sscc: str) -> None:
    for drawing in (sscc_bars, sscc_link):
        with pytest.raises(ValueError, match="is no SSCC"):
            drawing(sscc)


def test_the_codes_are_figures_of_paths_only() -> None:
    for drawing in (sscc_bars("040123450000000016"), sscc_link("040123450000000016")):
        assert re.fullmatch(r'<svg class="\w+" xmlns="[^"]+" viewBox="[\d ]+" preserveAspectRatio="none">'
                            r'<path fill="none" stroke="#000" stroke-width="1" d="[Mhv\d. ]+"/></svg>', drawing)  # fmt: skip


def test_hostile_texts_leave_a_label_whole_and_readable() -> None:
    facts = with_ssccs(hostile_facts())
    data = render("package_labels", facts)
    first = pages(data)[0]
    assert not missing(first, "P" * 60, facts.order_no, "GERMANY")
    [picture] = pictures(data, 203, 1)
    assert {code.text for code in zxingcpp.read_barcodes(picture)} == {
        f"(00){facts.ssccs[0]}", f"HTTPS://ID.GS1.ORG/00/{facts.ssccs[0]}"
    }  # fmt: skip
    assert len(pages(data)) == facts.package_count


# ---- checks


def found(check: Any, facts: ShipmentFacts) -> list[tuple[str, str, str]]:
    return [(problem.rule, problem.severity, problem.field) for problem in check(facts)]


def test_the_sample_has_no_problem() -> None:
    facts = with_ssccs(sample_facts(3))
    facts = replace(facts, departure_date=date(2026, 11, 26))
    for code in ("delivery_note", "shipping_marks", "package_labels"):
        assert [str(problem.message) for check in REGISTER[code].checks for problem in check(facts)] == []


@pytest.mark.parametrize("prefix", ["", "123", "40I2345"])
def test_labels_need_the_seller_s_gs1_prefix(prefix: str) -> None:
    facts = sample_facts(1)
    facts = replace(facts, seller=replace(facts.seller, gs1_company_prefix=prefix))
    assert found(checks_goods.sscc_prefix, facts) == [("R30", "error", "party:SUZHOU:gs1_company_prefix")]


def test_a_wrong_or_doubled_sscc_is_an_error() -> None:
    facts = with_ssccs(sample_facts(1))
    good = facts.ssccs[0]
    wrong = good[:-1] + str((int(good[-1]) + 1) % 10)
    assert found(checks_goods.ssccs_valid, replace(facts, ssccs=(good, wrong))) == [
        ("R30", "error", "shipment:packages")
    ]
    assert found(checks_goods.ssccs_valid, replace(facts, ssccs=(good, "12"))) == [
        ("R30", "error", "shipment:packages")
    ]
    assert found(checks_goods.ssccs_valid, replace(facts, ssccs=(good, good))) == [
        ("R32", "error", "shipment:packages")
    ]


def test_marks_are_given_short_and_ascii() -> None:
    facts = sample_facts(2)
    assert found(checks_goods.marks_given, replace(facts, marks=())) == [("R11", "error", "shipment:marks")]
    own = tuple(replace(row, marks="CASE") for row in facts.packages)
    assert found(checks_goods.marks_given, replace(facts, marks=(), packages=own)) == []
    warning = ("R42", "warning", "shipment:marks")
    assert found(checks_goods.marks_fit, replace(facts, marks=("A" * 17,) * 9)) == []
    assert found(checks_goods.marks_fit, replace(facts, marks=("A",) * 10)) == [warning]
    assert found(checks_goods.marks_fit, replace(facts, marks=("A" * 18,))) == [warning]
    assert found(checks_goods.marks_fit, replace(facts, marks=("汉堡",))) == [warning]
    row = replace(facts.packages[1], marks="B" * 18)
    assert found(checks_goods.marks_fit, replace(facts, packages=(facts.packages[0], row))) == [
        ("R42", "warning", "shipment:packages-1-marks")
    ]


def test_the_delivery_note_needs_its_day_and_a_window_that_follows_it() -> None:
    facts = replace(sample_facts(1), departure_date=None)
    assert found(checks_goods.departure_known, facts) == [("R43", "error", "shipment:departure_date")]
    facts = sample_facts(1)  # leaves on the 28th, is delivered on the 27th
    assert found(checks_goods.delivery_window, facts) == [("R40", "warning", "details:delivery_from")]
    turned = replace(facts.details, delivery_from=datetime(2026, 11, 29, 8), delivery_until=datetime(2026, 11, 29, 7))
    assert found(checks_goods.delivery_window, replace(facts, details=turned)) == [
        ("R40", "error", "details:delivery_until")
    ]


def test_what_the_papers_print_of_the_details_is_no_placeholder() -> None:
    facts = sample_facts(1)
    facts = replace(facts, details=replace(facts.details, driver="TBD", ippc_mark="\U0001f4e6"))
    assert found(checks_goods.delivery_texts, facts) == [("R43", "error", "details:driver")]
    assert found(checks_goods.packing_texts, facts) == [("R42", "error", "details:ippc_mark")]
    assert facts.deliver_to
    facts = replace(sample_facts(1), deliver_to=replace(facts.deliver_to, name_en="Hall 4 TBD"))
    assert found(checks_goods.delivery_texts, facts) == [("R43", "error", "place:HH-VMI:name_en")]


def test_a_label_that_would_cut_a_name_says_so_and_too_many_are_refused() -> None:
    facts = sample_facts(1)
    long = replace(facts, consignee=replace(facts.consignee, name_en="W" * 71, address_en=("x" * 60, "y" * 60)))
    assert found(checks_goods.label_texts, long) == [
        ("R42", "warning", "party:HAMBURG:name_en"),
        ("R42", "warning", "party:HAMBURG:address_en"),
    ]
    assert found(checks_goods.labels_at_once, replace(facts, package_count=501)) == [
        ("R42", "error", "shipment:packages")
    ]
