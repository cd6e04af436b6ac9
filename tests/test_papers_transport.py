"""Papers for forwarders and carriers: what they say, where their boxes stand, and what keeps each of them back."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import pypdfium2
import pytest
from hostile import hostile_facts
from pypdf import PdfReader

from docs_gen import checks_transport
from docs_gen.checks import Problem
from docs_gen.document_types import DocumentType, Imprint, check_papers, paper_html, paper_parts, render_paper
from docs_gen.facts import CodeFacts, DangerFacts, ShipmentFacts, from_json, to_json
from docs_gen.latin import carrier_text, not_for_carriers
from docs_gen.papers.transport import TYPES
from docs_gen.samples import sample_facts
from shipments.details import FIELDS

DAY = date(2026, 11, 20)
PAPERS: dict[str, DocumentType] = {type.code: type for type in TYPES}
EACH = pytest.mark.parametrize("code", PAPERS)
_MM = 25.4 / 72


@cache
def shipped(code: str, lines: int = 3) -> ShipmentFacts:
    """A shipment for which this paper is right: by road for the CMR, by air for the air waybill, else by sea."""
    facts = sample_facts(lines, full=True)
    mode = {"cmr": CodeFacts("3", "road", "公路"), "air_waybill_instruction": CodeFacts("4", "air", "空运")}.get(code)
    if mode is None:
        return facts
    number = "618-12345675" if mode.code == "4" else "TR-0815"
    return replace(
        facts, transport=mode, transport_document_no=number, vessel="", voyage="CA937" if mode.code == "4" else "",
        incoterm=CodeFacts("CIP", "Carriage and Insurance Paid To", "运费和保险费付至"),
        details=replace(facts.details, sender_instructions="Do not stack. Tunnel code (E)", open_cover_no=""),
    )  # fmt: skip


def pages(data: bytes) -> list[str]:
    return ["".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(data)).pages]


def paper(code: str, facts: ShipmentFacts) -> bytes:
    type = PAPERS[code]
    return render_paper(type, facts, Imprint(f"{type.series}-2026-0042", DAY)).data


@cache
def sample(code: str, lines: int = 3) -> bytes:
    return paper(code, shipped(code, lines))


def said(code: str, facts: ShipmentFacts) -> str:
    return "".join(pages(paper(code, facts)))


def missing(texts: list[str], where: str) -> list[str]:
    return [text for text in texts if "".join(text.split()) not in where]


def must_say(code: str, facts: ShipmentFacts) -> list[str]:
    """What each paper has to say, written down here once more from the data."""
    type, details = PAPERS[code], facts.details
    assert facts.forwarder
    assert facts.carrier
    texts = [f"{type.series}-2026-0042", type.title_en, type.title_zh, facts.shipment_number, details.place_of_issue]
    if code == "vgm_declaration":
        packing = facts.gross_mass - facts.net_mass
        sum_ = facts.net_mass + packing + Decimal("35.5") + 2230
        return [
            *texts, facts.seller.name_en, details.booking_no, facts.transport_document_no, "CSQU3054383", "CN0012345",
            "22G1", "30,480 kg", f"{facts.net_mass:,.3f}", f"{packing:,.3f}", "35.500", "2,230.000", f"{sum_:,.3f}",
            f"{int(sum_ + Decimal('0.5')):,} kg", "WANG LI, EXPORT MANAGER", "SC-0042, valid until 2027-03",
            "26 NOV 2026", facts.carrier.name_en, "26 NOV 2026 12:00 (Asia/Shanghai)",
        ]  # fmt: skip
    if code == "shipping_instruction":
        texts += ["SUZHOU STABIL STEERING CO., LTD.", "WERKSTRASSE 12", "21079 HAMBURG", "GERMANY TEL +49 40 555 0100"]
        texts += ["SHIPPER'S LOAD, COUNT AND SEAL", "SAME AS CONSIGNEE", "FREIGHT PREPAID", "3/3", "CSQU3054383"]
        texts += ["CN0012345", facts.packages_en.upper(), "SHANGHAI (CNSHA)", "HAMBURG (DEHAM)", "28 NOV 2026"]
        texts += [text.upper() for row in facts.cargo for text in row.descriptions_en]
    else:
        texts += [facts.seller.name_en, *facts.seller.address_en, facts.consignee.name_en, *facts.consignee.address_en]
    if code == "dangerous_goods_declaration":
        texts += ["UN 3268, SAFETY DEVICES, 9", "+86 512 5555 0199 (24 h)", "Zhao Min, packing supervisor", "2,230"]
        texts += ["320026-1100-42", "CSQU3054383", "CN0012345", "22G1", "Suzhou, 26 NOV 2026", "WANG LI", "1/1"]
        assert facts.vgm
        return [*texts, f"{facts.vgm:,}", *(f"{row.gross_mass:,.3f}" for row in facts.cargo if row.danger)]
    texts += [*facts.marks, f"{facts.gross_mass:,.3f}", f"{facts.volume:,.3f}"]
    for row in facts.cargo:
        texts += [f"{row.hs_code[:4]}.{row.hs_code[4:]}", f"{row.gross_mass:,.3f}", f"{row.volume:,.3f}"]
    texts += [f"UN {row.danger.un_no}, {row.danger.proper_shipping_name}, 9" for row in facts.cargo if row.danger]
    if code == "booking_note":
        texts += [
            facts.forwarder.name_en,
            facts.carrier.name_en,
            "CIF Hamburg, Incoterms® 2020",
            "PREPAID 预付",
            "1 × 22G1",
        ]
        texts += ["25 NOV 2026 12:00", "26 NOV 2026 12:00", "26 NOV 2026 17:00", "26 NOV 2026 18:00", "Asia/Shanghai"]
        texts += ["SR-26-0815", "original bills of lading 正本提单, 3", "carrier 船东箱 (COC)", details.services]
    if code == "cmr":
        texts += [facts.carrier.name_en, "VMI warehouse Hamburg", "Suzhou plant, gate 2", "苏E·12345, 苏E·6789挂"]
        texts += ["Li Qiang", "28 NOV 2026", "sender 发货人", "(CMR)", details.documents_attached, "IRU model 2007"]
    if code == "air_waybill_instruction":
        texts += ["618-12345675", "PVG", "HAM", "CA937", "NVD", "NCV", "SPX", f"{facts.chargeable_mass:,.3f}", "× PP"]
        texts += ["59.4×39.6×28 × ", "Do not tilt", facts.forwarder.name_en, "ICC (A)", "IATA Shipper's Declaration"]
    return texts


@EACH
@pytest.mark.parametrize("lines", [1, 3, 30])
def test_the_text_of_the_pdf_is_the_data(code: str, lines: int) -> None:
    assert missing(must_say(code, shipped(code, lines)), "".join(pages(sample(code, lines)))) == []


@EACH
def test_a_typical_shipment_has_no_problem_and_takes_one_page(code: str) -> None:
    assert found(code, shipped(code)) == []
    assert len(pages(sample(code))) == 1


def test_an_air_waybill_instruction_of_thirty_lines_takes_one_page() -> None:
    assert len(pages(sample("air_waybill_instruction", 30))) == 1


@EACH
def test_facts_survive_being_kept_as_json(code: str) -> None:
    facts = shipped(code)
    kept = from_json(ShipmentFacts, to_json(facts))
    assert kept == facts
    assert paper_html(PAPERS[code], kept) == paper_html(PAPERS[code], facts)


# ---- where the boxes stand


def find(data: bytes, text: str) -> tuple[float, float]:
    """Left and top in mm of the first place on page 1 that says so."""
    document = pypdfium2.PdfDocument(data)
    try:
        read = document[0].get_textpage()
        hit = read.search(text, match_case=True).get_next()
        assert hit is not None, text
        left, _, _, top = read.get_charbox(hit[0], loose=True)
        return left * _MM, (document[0].get_height() - top) * _MM
    finally:
        document.close()


#: paper → caption → x, y of its box in mm. UN Layout Key (ISO 6422): x = 20 + (P − 9) × 2.54, y = 10 + (L − 3) × 4.233
LAYOUT_KEY: dict[str, dict[str, tuple[float, float]]] = {
    "booking_note": {
        "Shipper": (20, 10), "BOOKING": (111.4, 10), "Consignee": (20, 35.4), "Forwarder": (111.4, 35.4),
        "Notify party": (20, 60.8), "Country of origin": (111.4, 60.8), "Terms and freight": (111.4, 77.7),
        "Route": (20, 86.2), "Marks and numbers": (20, 111.6), "Packages, description": (65.7, 111.6),
        "HS code": (129.2, 111.6),
    },
    "shipping_instruction": {
        "Shipper": (20, 10), "SHIPPING": (111.4, 10), "Consignee": (20, 35.4), "Carrier": (111.4, 35.4),
        "Notify party": (20, 60.8), "Country of origin": (111.4, 60.8), "Freight and transport": (111.4, 77.7),
        "Pre-carriage": (20, 86.2), "Vessel, voyage": (20, 94.7), "Port of discharge": (20, 103.2),
        "Marks and numbers": (20, 111.6), "Packages, description": (65.7, 111.6), "HS code": (129.2, 111.6),
    },
    "dangerous_goods_declaration": {
        "1 Shipper": (20, 10), "DANGEROUS": (111.4, 10), "6 Consignee": (20, 35.4), "7 Carrier": (111.4, 35.4),
        "8 This shipment": (20, 60.8), "9 Additional": (111.4, 60.8),
    },
    "cmr": {
        "1 Sender": (20, 10), "CONSIGNMENT": (111.4, 10), "2 Consignee": (20, 35.4), "6 Carrier": (111.4, 35.4),
        "3 Taking over": (20, 60.8), "7 Successive": (111.4, 60.8), "4 Delivery": (20, 86.2), "8 Carrier": (111.4, 86.2),
    },
    "air_waybill_instruction": {
        "Shipper": (20, 10), "AIR WAYBILL": (111.4, 10), "Consignee": (20, 35.4), "Forwarder": (111.4, 35.4),
        "Also notify": (20, 60.8), "Route": (20, 86.2), "Marks and numbers": (20, 111.6),
    },
}  # fmt: skip


@pytest.mark.parametrize("code", LAYOUT_KEY)
def test_the_boxes_stand_where_the_layout_key_puts_them(code: str) -> None:
    for caption, (x, y) in LAYOUT_KEY[code].items():
        left, top = find(sample(code), caption)
        assert abs(left - 1.7 - x) <= 0.6, (caption, left)  # the text begins 1.7 mm inside of its box,
        assert abs(top - 0.6 - y) <= 0.8, (caption, top)  # 0.6 mm below its line


@pytest.mark.parametrize("code", ["booking_note", "shipping_instruction"])
def test_masses_and_volumes_stand_in_their_columns(code: str) -> None:
    for caption, (x, end) in {"Gross kg": (159.7, 182.6), "m³": (182.6, 203)}.items():
        assert x <= find(sample(code), caption)[0] <= end


def test_the_cmr_has_its_24_boxes_in_the_order_of_the_iru_model_of_2007() -> None:
    [text] = pages(sample("cmr"))
    captions = [
        "1Sender", "2Consignee", "3Takingover", "4Delivery", "5Sender'sinstructions", "6Carrier", "7Successive",
        "8Carrier'sreservations", "9Documents", "10Marks", "11Packages", "12Packing", "13Nature", "14Gross", "15m³",
        "16Specialagreements", "17Tobepaidby", "18Otheruseful", "19Cashondelivery", "20公约条款", "21Established",
        "22Signatureandstampofthesender", "23Signatureandstampofthecarrier", "24Goodsreceived",
    ]  # fmt: skip
    assert missing(captions, text) == []


def test_the_dangerous_goods_form_has_its_22_boxes_and_red_hatched_edges() -> None:
    data = sample("dangerous_goods_declaration")
    [text] = pages(data)
    captions = [
        "1Shipper", "2Transportdocument", "3Page", "4Shipper'sreference", "5Forwarder'sreference", "6Consignee",
        "7Carrier", "8Thisshipment", "9Additional", "10Vessel", "11Portorplaceofloading", "12Portorplaceofdischarge",
        "13Destination", "14Marks", "15Container", "16Seal", "17Type", "18Tare", "19Totalgross", "20Container", "21Receiving",
        "22Companypreparing",
    ]  # fmt: skip
    assert missing(captions, text) == []
    document = pypdfium2.PdfDocument(data)
    picture = document[0].render(scale=100 / 72).to_pil().convert("RGB")
    document.close()
    for x in (15, 206):  # mm: left and right of the frame
        column = [picture.getpixel((int(x / 25.4 * 100), y)) for y in range(60, 1000)]
        red = sum(1 for r, g, b in column if r > 150 and g < 80 and b < 80)  # type: ignore[misc]
        assert 0.3 < red / len(column) < 0.7


# ---- what stands on single papers


def _dangerous(facts: ShipmentFacts, **changes: Any) -> ShipmentFacts:
    """The dangerous line with other dangers."""
    assert facts.lines[-1].danger
    danger: DangerFacts = replace(facts.lines[-1].danger, **changes)
    return replace(
        facts,
        lines=(*facts.lines[:-1], replace(facts.lines[-1], danger=danger)),
        cargo=tuple(replace(row, danger=danger) if row.danger else row for row in facts.cargo),
    )


@pytest.mark.parametrize("code", [code for code in PAPERS if code != "vgm_declaration"])
def test_the_five_words_of_dangerous_goods_stand_together_in_their_order(code: str) -> None:
    facts = _dangerous(
        shipped(code), un_no="1098", proper_shipping_name="ALLYL ALCOHOL", hazard_class="6.1", subsidiary_hazards="3",
        packing_group="I", flash_point="21 °C c.c.", marine_pollutant=True, limited_quantity=True,
    )  # fmt: skip
    text = said(code, facts).upper()
    assert "UN1098,ALLYLALCOHOL,6.1(3),PGI" in text
    assert "FLASHPOINT21°CC.C.,MARINEPOLLUTANT,LIMITEDQUANTITY" in text


def test_without_dangerous_goods_there_is_no_declaration_of_them() -> None:
    assert paper_parts([PAPERS["dangerous_goods_declaration"]], sample_facts(3)) == []
    assert "×no否" in said("booking_note", sample_facts(3))


def test_a_bill_to_order_names_no_consignee() -> None:
    facts = shipped("shipping_instruction")
    facts = replace(
        facts, notify_party=facts.forwarder, details=replace(facts.details, consignee_to_order="To order of\nElbe Bank AG")
    )  # fmt: skip
    text = said("shipping_instruction", facts)
    assert "TOORDEROFELBEBANKAG" in text
    assert "SEAROADFORWARDING" in text
    assert "HAMBURGAUTOMOTIVE" not in text


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("Jörg Weiß, Łódź", "JOERG WEISS, LODZ"), ("Șos. București", "SOS. BUCURESTI"), ("Ørsted Åse Æble", "OERSTED AASE AEBLE"),
        ("İstanbul Dağıtım", "ISTANBUL DAGITIM"), ("Ａ１－２", "A1-2"), ("4 × 20′", "4 X 20′"), ("a\nb", "A\nB"),
    ],
)  # fmt: skip
def test_accents_are_spelled_as_in_a_passport(typed: str, printed: str) -> None:
    assert carrier_text(typed) == printed


@pytest.mark.parametrize(
    ("typed", "left"),
    [("Müller & Söhne, 5/7", ""), ("苏州 Ltd", "苏州"), ("a@b.c", "@"), ("Зенит Z", "ЗЕНИТ"), ("№ 5", "")],
)
def test_what_has_no_spelling_is_named(typed: str, left: str) -> None:
    assert not_for_carriers(typed) == left


def test_a_weighed_container_is_declared_as_weighed_and_a_sum_in_whole_kilograms() -> None:
    facts = sample_facts(3, full=True)
    assert (facts.vgm_calculated, facts.vgm) == (Decimal("2374.040"), Decimal(2374))
    weighed = replace(
        facts, vgm=Decimal(2381), details=replace(facts.details, vgm_method="1", vgm_mass=2381)
    )  # fmt: skip
    text = said("vgm_declaration", weighed)
    assert "2,381kg" in text
    assert "Howitaddsup" not in text


def test_cargo_and_sizes_are_the_packages_counted_as_carriers_do() -> None:
    facts = sample_facts(30, full=True)
    for name in ("net_mass", "gross_mass", "volume"):
        assert sum(getattr(row, name) for row in facts.cargo) == getattr(facts, name)
    assert sum(row.count for row in facts.cargo) == sum(size.count for size in facts.sizes) == facts.package_count
    keys = [(row.package.code, row.hs_code, row.danger) for row in facts.cargo]
    assert len(keys) == len(set(keys)) < len(facts.packages)
    assert {row.hs_code for row in facts.cargo} == {line.hs_code[:6] for line in facts.lines}
    [dangerous] = [row for row in facts.cargo if row.danger]
    assert dangerous.descriptions_en == ("Airbag module",)


# ---- at its worst


def hostile() -> ShipmentFacts:
    facts, danger = hostile_facts(3), sample_facts(3, full=True).lines[-1].danger
    assert danger
    danger = replace(danger, proper_shipping_name="X" * 200, subsidiary_hazards="3, 6.1, 8", flash_point="F" * 32)
    texts = {
        name: ("W" * 30 + " <b>&amp; Ł ")[: one.metadata["limit"]].ljust(one.metadata["limit"], "M")
        for name, one in FIELDS.items()
        if one.metadata["kind"] == "text" and name != "consignee_to_order"
    }
    mass = Decimal("99999999999999.999")
    return replace(
        facts, details=replace(facts.details, **texts), forwarder=facts.seller, carrier=facts.seller, net_mass=mass,
        gross_mass=mass, packing_mass=mass, vgm=Decimal(99999999999999), seal_no="S" * 32, place_of_delivery="D" * 64,
        lines=tuple(replace(line, danger=danger) for line in facts.lines),
        cargo=tuple(
            replace(row, descriptions_en=("Steering rack, " * 33,), gross_mass=mass, net_mass=mass, count=99999, danger=danger)
            for row in facts.cargo[:1]
        ),
    )  # fmt: skip


@EACH
def test_hostile_values_are_all_there_and_nothing_leaves_the_page(code: str) -> None:
    facts = hostile()
    document = pypdfium2.PdfDocument(paper(code, facts))
    text = "".join("".join(page.get_textpage().get_text_bounded().split()) for page in document).replace("\ufffe", "-")
    words = (
        [facts.details.signatory, facts.seal_no] if code == "vgm_declaration" else [*facts.marks, "X" * 200, "W" * 500]
    )
    assert missing([word.upper() for word in words], text.upper()) == []
    for page in document:
        width, height = page.get_size()
        read = page.get_textpage()
        for index in range(read.count_chars()):
            left, bottom, right, top = read.get_charbox(index)
            assert left >= -1
            assert bottom >= -1
            assert right <= width + 1
            assert top <= height + 1
    document.close()


# ---- the checks

Change = Callable[[ShipmentFacts], ShipmentFacts]


def found(code: str, facts: ShipmentFacts) -> list[Problem]:
    return check_papers(paper_parts([PAPERS[code]], facts))


def details(**changes: Any) -> Change:
    return lambda facts: replace(facts, details=replace(facts.details, **changes))


def shipment(**changes: Any) -> Change:
    return lambda facts: replace(facts, **changes)


def danger(**changes: Any) -> Change:
    return lambda facts: _dangerous(facts, **changes)


def consignee(**changes: Any) -> Change:
    return lambda facts: replace(facts, consignee=replace(facts.consignee, **changes))


def unsized(facts: ShipmentFacts) -> ShipmentFacts:
    return replace(facts, packages=(*facts.packages[:1], replace(facts.packages[1], height_mm=0), *facts.packages[2:]))


def two_classes(facts: ShipmentFacts) -> ShipmentFacts:
    assert facts.lines[-1].danger
    other = replace(facts.lines[-1].danger, hazard_class="8", packing_group="II")
    return replace(facts, lines=(replace(facts.lines[0], danger=other), *facts.lines[1:]))


def unpacked(facts: ShipmentFacts) -> ShipmentFacts:
    return replace(facts, packages=tuple(replace(row, part_no="OTHER") for row in facts.packages))


def at_home(facts: ShipmentFacts) -> ShipmentFacts:
    return replace(facts, deliver_to=facts.ship_from)


def nameless(facts: ShipmentFacts) -> ShipmentFacts:
    assert facts.forwarder
    return replace(facts, forwarder=replace(facts.forwarder, name_en=""))


def nowhere(facts: ShipmentFacts) -> ShipmentFacts:
    assert facts.carrier
    return replace(facts, carrier=replace(facts.carrier, address_en=()))


#: check → paper, what is broken, rule, severity, field
CASES: list[tuple[str, str, Change, str, str, str]] = [
    ("booked_with", "booking_note", shipment(forwarder=None, carrier=None), "R43", "error", "shipment:forwarder"),
    ("booked_with", "booking_note", nameless, "R13", "error", "party:SEAROAD:name_en"),
    ("cargo_ready", "booking_note", details(cargo_ready_date=None), "R43", "error", "details:cargo_ready_date"),
    ("cargo_ready", "booking_note", details(cargo_ready_date=date(2026, 11, 29)), "R40", "warning", "details:cargo_ready_date"),
    ("cutoffs_in_order", "booking_note", details(si_cutoff=datetime(2026, 11, 29, 9)), "R40", "warning", "details:si_cutoff"),  # noqa: DTZ001
    ("cutoffs_in_order", "booking_note", details(cy_cutoff=datetime(2026, 11, 24, 9)), "R40", "warning", "details:cy_cutoff"),  # noqa: DTZ001
    ("equipment", "booking_note", details(equipment_type=""), "R43", "warning", "details:equipment_type"),
    ("equipment", "booking_note", details(equipment_type="22R1"), "R43", "error", "details:temperature"),
    ("equipment", "booking_note", details(temperature="-18 C"), "R43", "warning", "details:temperature"),
    ("one_container", "booking_note", details(equipment_count=2), "R31", "warning", "details:equipment_count"),
    ("one_container", "shipping_instruction", details(equipment_count=2), "R31", "warning", "details:equipment_count"),
    ("one_container", "shipping_instruction", details(equipment_count=0), "R31", "error", "details:equipment_count"),
    ("bill_of_lading", "shipping_instruction", details(bl_type=""), "R43", "error", "details:bl_type"),
    ("bill_of_lading", "shipping_instruction", details(bl_originals=None), "R43", "error", "details:bl_originals"),
    ("bill_of_lading", "shipping_instruction", details(bl_type="waybill"), "R43", "warning", "details:bl_originals"),
    (
        "bill_of_lading", "shipping_instruction", details(bl_type="waybill", bl_originals=None, consignee_to_order="TO ORDER"),
        "R38", "error", "details:consignee_to_order",
    ),
    ("bill_of_lading", "shipping_instruction", details(freight_payable_at=""), "R43", "warning", "details:freight_payable_at"),
    ("booking_known", "shipping_instruction", details(booking_no=""), "R43", "error", "details:booking_no"),
    ("booking_known", "shipping_instruction", shipment(carrier=None), "R43", "warning", "shipment:carrier"),
    ("order_needs_notify", "shipping_instruction", details(consignee_to_order="TO ORDER"), "R43", "error", "shipment:notify_party"),
    ("carrier_characters", "shipping_instruction", details(special_instructions="防潮"), "R42", "error", "details:special_instructions"),
    ("carrier_characters", "shipping_instruction", consignee(name_en="ООО Зенит"), "R42", "error", "party:HAMBURG:name_en"),
    ("carrier_characters", "shipping_instruction", shipment(marks=("汉堡",)), "R42", "error", "shipment:marks"),
    ("carrier_lines", "shipping_instruction", consignee(address_en=("W" * 36,)), "R42", "error", "party:HAMBURG:address_en"),
    ("carrier_lines", "shipping_instruction", consignee(name_en="W" * 71), "R42", "error", "party:HAMBURG:name_en"),
    ("carrier_lines", "shipping_instruction", shipment(marks=("M" * 36,)), "R42", "error", "shipment:marks"),
    ("carrier_lines", "shipping_instruction", shipment(marks=("M",) * 11), "R42", "warning", "shipment:marks"),
    ("container_named", "vgm_declaration", shipment(freight_container_no=""), "R43", "error", "shipment:freight_container_no"),
    (
        "booking_or_bill", "vgm_declaration",
        lambda facts: details(booking_no="")(replace(facts, transport_document_no="")), "R43", "error", "details:booking_no",
    ),
    ("vgm_known", "vgm_declaration", details(vgm_method=""), "R28", "error", "details:vgm_method"),
    ("vgm_known", "vgm_declaration", details(vgm_method="1"), "R28", "error", "details:vgm_mass"),
    ("vgm_known", "vgm_declaration", details(container_tare=None), "R28", "error", "details:container_tare"),
    ("vgm_known", "vgm_declaration", details(dunnage_mass=Decimal(-1)), "R28", "error", "details:dunnage_mass"),
    ("vgm_known", "vgm_declaration", details(dunnage_mass=None), "R28", "warning", "details:dunnage_mass"),
    ("vgm_plausible", "vgm_declaration", shipment(vgm=Decimal(2376)), "R28", "error", "details:container_tare"),
    (
        "vgm_plausible", "vgm_declaration",
        lambda facts: details(vgm_method="1", vgm_mass=2500)(replace(facts, vgm=Decimal(2500))),
        "R28", "warning", "details:vgm_mass",
    ),
    ("container_limits", "vgm_declaration", details(container_max_gross=None), "R29", "warning", "details:container_max_gross"),
    ("container_limits", "vgm_declaration", details(container_max_gross=2373), "R29", "error", "details:container_max_gross"),
    ("container_limits", "vgm_declaration", shipment(gross_mass=Decimal(28300)), "R29", "error", "details:container_max_gross"),
    ("container_limits", "vgm_declaration", details(container_max_gross=2230), "R29", "error", "details:container_tare"),
    ("container_for_all", "vgm_declaration", details(equipment_count=2), "R31", "error", "details:equipment_count"),
    (
        "weighing_named", "vgm_declaration", details(vgm_method="1", vgm_mass=2374, weighing_place=""),
        "R43", "warning", "details:weighing_place",
    ),
    ("responsible_person", "vgm_declaration", details(signatory=" "), "R43", "error", "details:signatory"),
    ("responsible_person", "dangerous_goods_declaration", details(signatory=""), "R43", "error", "details:signatory"),
    (
        "packing_certified", "vgm_declaration", details(packing_certificate_person=""),
        "R41", "error", "details:packing_certificate_person",
    ),
    (
        "packing_certified", "dangerous_goods_declaration", details(packing_certificate_date=None),
        "R41", "error", "details:packing_certificate_date",
    ),
    ("hazards_described", "dangerous_goods_declaration", danger(un_no="326"), "R41", "error", "product:40-3268:un_no"),
    (
        "hazards_described", "shipping_instruction", danger(proper_shipping_name=""),
        "R41", "error", "product:40-3268:proper_shipping_name",
    ),
    ("hazards_described", "cmr", danger(hazard_class=""), "R41", "error", "product:40-3268:hazard_class"),
    (
        "hazards_described", "dangerous_goods_declaration", danger(hazard_class="8"),
        "R41", "warning", "product:40-3268:packing_group",
    ),
    (
        "hazards_described", "dangerous_goods_declaration", danger(hazard_class="6.1", subsidiary_hazards="8, 3"),
        "R41", "error", "product:40-3268:flash_point",
    ),
    (
        "hazards_described", "dangerous_goods_declaration", danger(proper_shipping_name="ARTICLES, N.O.S."),
        "R41", "warning", "product:40-3268:proper_shipping_name",
    ),
    ("hazards_packed", "dangerous_goods_declaration", unpacked, "R41", "error", "shipment:packages"),
    ("hazards_apart", "dangerous_goods_declaration", two_classes, "R41", "warning", "shipment:packages"),
    ("emergency", "dangerous_goods_declaration", details(emergency_contact=""), "R41", "warning", "details:emergency_contact"),
    (
        "package_report", "dangerous_goods_declaration", details(dangerous_package_report=""),
        "R41", "warning", "details:dangerous_package_report",
    ),
    (
        "not_for_air", "dangerous_goods_declaration", shipment(transport=CodeFacts("4", "air", "空运")),
        "R41", "warning", "shipment:transport_mode",
    ),
    ("crosses_border", "cmr", at_home, "R26", "error", "shipment:deliver_to"),
    ("by_road", "cmr", shipment(transport=CodeFacts("1", "sea", "海运")), "R18", "warning", "shipment:transport_mode"),
    ("road_carrier", "cmr", shipment(carrier=None), "R43", "error", "shipment:carrier"),
    ("road_carrier", "cmr", nowhere, "R13", "error", "party:COASTAL:address_en"),
    ("road_carrier", "cmr", details(truck_no=""), "R43", "warning", "details:truck_no"),
    ("taken_over", "cmr", shipment(departure_date=None), "R43", "error", "shipment:departure_date"),
    ("taken_over", "cmr", details(delivery_until=datetime(2026, 11, 27, 7)), "R40", "error", "details:delivery_until"),  # noqa: DTZ001
    ("tunnel_code", "cmr", details(sender_instructions="Do not stack."), "R41", "warning", "details:sender_instructions"),
    (
        "by_air", "air_waybill_instruction", shipment(transport=CodeFacts("1", "sea", "海运")),
        "R18", "warning", "shipment:transport_mode",
    ),
    ("airports", "air_waybill_instruction", details(airport_of_departure="PV1"), "R18", "error", "details:airport_of_departure"),
    ("airports", "air_waybill_instruction", details(airport_of_destination="PVG"), "R18", "error", "details:airport_of_destination"),
    ("sizes_known", "air_waybill_instruction", unsized, "R1", "error", "shipment:packages-1-length_mm"),
    (
        "declared_values", "air_waybill_instruction", details(declared_value_carriage=Decimal(0)),
        "R12", "error", "details:declared_value_carriage",
    ),
    (
        "declared_values", "air_waybill_instruction", details(declared_value_customs=Decimal(1)),
        "R12", "warning", "details:declared_value_customs",
    ),
    ("security_known", "air_waybill_instruction", details(security_status=""), "R43", "warning", "details:security_status"),
    ("booking_texts", "booking_note", details(services="TBD"), "R43", "error", "details:services"),
    ("container_texts", "vgm_declaration", details(weighing_place="XXX"), "R43", "error", "details:weighing_place"),
    ("dangerous_texts", "dangerous_goods_declaration", details(dangerous_handling="待定"), "R43", "error", "details:dangerous_handling"),
    ("dangerous_texts", "dangerous_goods_declaration", danger(flash_point="TBA"), "R43", "error", "product:40-3268:flash_point"),
    ("road_texts", "cmr", details(special_agreements="\ue000"), "R42", "error", "details:special_agreements"),
    ("air_texts", "air_waybill_instruction", details(handling_information="\ue000"), "R42", "error", "details:handling_information"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "code", "change", "rule", "severity", "field"), CASES)
def test_what_is_wrong_is_found_where_it_is_mended(
    check: str, code: str, change: Change, rule: str, severity: str, field: str
) -> None:
    facts = change(shipped(code))
    assert (rule, severity, field) in [(one.rule, one.severity, one.field) for one in found(code, facts)]
    assert (rule, field) in [(one.rule, one.field) for one in getattr(checks_transport, check)(facts)]
    assert all(str(one.message) for one in found(code, facts))


def test_every_check_has_a_case_that_breaks_it() -> None:
    used = {check.__name__ for type in TYPES for check in type.checks if check.__module__ == checks_transport.__name__}
    assert used == {case[0] for case in CASES}


def test_a_method_that_is_not_chosen_needs_nothing() -> None:
    """Only the VGM declaration asks for the VGM; a sum is not asked for where the container was weighed."""
    facts = details(vgm_method="1", vgm_mass=2380, dunnage_mass=None)(
        replace(shipped("vgm_declaration"), vgm=Decimal(2380))
    )
    assert found("vgm_declaration", facts) == []
    bare = details(vgm_method="", container_tare=None, container_max_gross=None)(shipped("shipping_instruction"))
    assert found("shipping_instruction", bare) == []
    assert found("booking_note", bare) == []
