"""Sample facts for looking at papers and measuring them: plain values, no database.

The rows that they are assembled from are never stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path

from assets.labels import shipment_uri
from assets.models import Asset
from docs_gen import words
from docs_gen.account_facts import (
    AccountFacts,
    AccountLineFacts,
    AccountPaper,
    BoxChargeFacts,
    BoxChargesFacts,
    BoxStatementFacts,
    OldBoxFacts,
    PlaceBalanceFacts,
)
from docs_gen.document_types import DocumentType, Imprint, PaperFacts, render_paper
from docs_gen.facts import CreditDocumentFacts, CreditFacts, ShipmentFacts, assemble
from docs_gen.register import REGISTER, papers
from docs_gen.sscc import sscc
from master_data.models import AssetType, Party, Place, Product
from shipments.details import Details, details_to_json
from shipments.models import Package, Shipment, ShipmentLine

_DAY = date(2026, 11, 20)

#: our part no., the customer's, English, Chinese, HS code, kg, price, model
_PARTS = (
    ("10-4711", "A2C9988001", "Steering rack assembly", "转向器总成", "8708949090", "7.250", "182.50", "R2"),
    ("10-5200", "A2C9988002", "Tie rod, left", "左转向拉杆", "8708949090", "0.320", "6.125", "T1"),
    ("10-5201", "A2C9988003", "Tie rod, right", "右转向拉杆", "8708949090", "0.320", "6.125", "T1"),
    ("20-0815", "A2C9988010", "Steering column, adjustable", "可调式转向管柱", "8708949010", "4.180", "96.40", "C7"),
    ("30-1200", "", "Ball joint M14", "球头 M14", "8708809000", "0.185", "3.2475", "B14"),
)


def sample_facts(lines: int = 3, *, scanned: bool = True, full: bool = False) -> ShipmentFacts:
    """A consistent shipment of so many lines. Every second line travels in returnable boxes, which are `scanned`.

    `full`: it is paid by letter of credit, its boxes are declared apart, and the last line is dangerous goods.
    """
    seller, buyer = _seller(), _buyer()
    klt = AssetType(
        id=1, code="KLT6428", name_en="Small load carrier 6428", name_zh="KLT 6428 周转箱", counted=False,
        length_mm=594, width_mm=396, height_mm=280, tare=Decimal("2.95"), payload=Decimal(20), package_code="4H",
        cn_package_code="29", value=Decimal("12.50"), value_currency="EUR", hs_code="3923100000", origin="CN",
        declaration_elements="0|0|运输周转用|聚丙烯|无品牌|KLT6428|",
    )  # fmt: skip
    shipment = Shipment(
        id=1, number="S-2026-0042", consignor=seller, consignee=buyer, notify_party=None, invoice_date=_DAY,
        departure_date=date(2026, 11, 28), contract_no="SC-2026-017", order_no="4500123456", incoterm="CIF",
        named_place="Hamburg", payment_terms="60 days net", transport_mode="1", port_of_loading="CNSHA",
        port_of_loading_name="Shanghai", port_of_discharge="DEHAM", port_of_discharge_name="Hamburg",
        place_of_delivery="Hamburg", vessel="COSCO TAURUS", voyage="045W", transport_document_no="COSU6391234560",
        freight_container_no="CSQU3054383", seal_no="CN0012345", currency="EUR",
        freight=Decimal(820 if lines else 0), insurance=Decimal("46.50" if lines else 0), other_charges=Decimal(0),
        marks="HAMBURG AUTO\nHAMBURG\nC/NO. 1-UP", customs_office="2248", customs_office_name="洋山港区",
        exit_port="310001", exit_port_name="上海港", destination_port="DEU066", destination_port_name="汉堡（德国）",
        forwarder=_other(3, "SEAROAD", "Searoad Forwarding (Shanghai) Ltd.", "上海海路国际货运代理有限公司"),
        carrier=_other(4, "COASTAL", "Coastal Container Line", "海岸集装箱航运"),
        broker=_other(5, "GATE9", "Gate Nine Customs Brokers Ltd.", "九门报关有限公司"), ship_from=_plant(seller),
        deliver_to=_warehouse(buyer), details=details_to_json(replace(DETAILS, box_regime="2600" if full else "none")),
    )  # fmt: skip
    rows: list[ShipmentLine] = []
    packages: list[Package] = []
    boxes: list[Asset] = []
    for index in range(lines):
        product, price = _airbag(index) if full and index == lines - 1 else _product(index)
        count = 4 + index % 3 if index % 2 == 0 else 1
        pieces = 2 if index % 2 == 0 else 50
        net = product.net_mass * pieces
        rows.append(
            ShipmentLine(position=index + 1, product=product, quantity=Decimal(count * pieces), unit_price=price)
        )
        kind = klt if index % 2 == 0 else None
        packages.append(
            Package(
                position=index + 1,
                asset_type=kind,
                package_code="4H" if kind else "CT",
                count=count,
                product=product,
                pieces=Decimal(pieces),
                net_mass=net,
                gross_mass=net + (klt.tare if kind else Decimal("1.2")),
                length_mm=594 if kind else 600,
                width_mm=396 if kind else 400,
                height_mm=280 if kind else 400,
            )
        )
        if kind and scanned:
            boxes += [
                Asset(code=f"KLT-{number + 1:06}-{number % 10}", asset_type=klt, owner=seller)
                for number in range(len(boxes), len(boxes) + count)
            ]
    with localcontext(prec=100):
        facts = assemble(
            shipment, rows, packages, boxes, owners={1: seller},
            scan_uri=shipment_uri("https://rt.example.com", shipment.number), invoice_number="CI-2026-0042",
        )  # fmt: skip
    return replace(with_ssccs(facts), credit=_credit(facts)) if full else facts


def with_ssccs(facts: ShipmentFacts) -> ShipmentFacts:
    """The same with an SSCC for each package, as issuing the labels gives them."""
    prefix = facts.seller.gs1_company_prefix
    return replace(facts, ssccs=tuple(sscc(prefix, number) for number in range(1, facts.package_count + 1)))


def _at(*moment: int) -> datetime:
    """A moment as people type it: local to the place where the goods leave."""
    return datetime(*moment)  # type: ignore[arg-type, misc]  # noqa: DTZ001


#: what single papers ask for, all of it
DETAILS = Details(
    validity_date=date(2026, 12, 31), shipment_period="not later than 30 NOV 2026", quantity_tolerance=Decimal(5),
    partial_shipments="not_allowed", transhipment="allowed", contract_date=date(2026, 9, 1),
    packing_terms="Returnable plastic boxes on pallets, cartons for small parts", booking_no="COSU6391234560",
    contract_rate_no="SR-26-0815", cargo_ready_date=date(2026, 11, 25), customs_cutoff=_at(2026, 11, 26, 17),
    si_cutoff=_at(2026, 11, 25, 12), vgm_cutoff=_at(2026, 11, 26, 12), cy_cutoff=_at(2026, 11, 26, 18),
    bl_type="original", bl_originals=3, on_board_date=date(2026, 11, 28), freight_payable_at="Shanghai",
    pre_carriage="Truck", place_of_receipt="Suzhou", services="Trucking from Suzhou, customs clearance",
    special_instructions="Keep dry", equipment_type="22G1", equipment_count=1, container_tare=2230,
    container_max_gross=30480, vgm_method="2", dunnage_mass=Decimal("35.5"), weighing_place="Suzhou plant, scale 2",
    weighing_date=date(2026, 11, 26), weighing_device="SC-0042, valid until 2027-03", truck_no="苏E·12345",
    trailer_no="苏E·6789挂", driver="Li Qiang", driver_phone="+86 139 0000 0000", dock="Gate 3",
    delivery_from=_at(2026, 11, 27, 8), delivery_until=_at(2026, 11, 27, 10), call_off_no="RA-0815",
    sender_instructions="Handle with care. Do not stack.", documents_attached="Invoice, packing list",
    airport_of_departure="PVG", airport_of_destination="HAM", other_charges_payment="PP",
    handling_information="Do not tilt", security_status="SPX", emergency_contact="+86 512 5555 0199 (24 h)",
    packing_certificate_place="Suzhou", packing_certificate_date=date(2026, 11, 26),
    packing_certificate_person="Zhao Min, packing supervisor",
    packing_certificate_company="Suzhou Stabil Steering Co., Ltd.", aircraft_limits="passenger",
    dangerous_package_report="320026-1100-42", insurance_cover="ICC (A)", war_and_strikes=True,
    claims_payable_at="Hamburg", survey_agent="Elbe Survey GmbH, Hamburg", open_cover_no="OC-2026-77",
    insurance_date=date(2026, 11, 26), insurer="Example Property & Casualty", origin_authority="CCPIT",
    wood_packing="none", certificate_title="BENEFICIARY'S CERTIFICATE",
    certificate_text="WE HEREBY CERTIFY THAT ONE SET OF NON-NEGOTIABLE DOCUMENTS HAS BEEN SENT BY COURIER.",
    certificate_date=date(2026, 11, 30), draft_tenor="AT SIGHT", draft_payee="BANK OF EXAMPLE, SUZHOU BRANCH",
    draft_date=date(2026, 11, 30), presentation_date=date(2026, 12, 2), proxy_mode="A", proxy_services="AB",
    proxy_valid_until=date(2026, 12, 31), broker_fee="CNY 300", box_leg="out", place_of_issue="SUZHOU, CHINA",
    signatory="WANG LI", position="Export manager",
)  # fmt: skip


def write_samples(folder: Path, lines: int = 3, type_code: str = "") -> list[Path]:
    """Render every paper (or the one of `type_code`) from the full sample facts into `folder`; gives the files.

    `<code>.pdf`; of several papers of a kind the first, and the others with their part behind the code.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for type, part, facts in sample_papers([type_code] if type_code else REGISTER, lines):
        path = folder / f"{type.code}.pdf"
        if path in written:
            path = folder / f"{type.code}_{part}.pdf"
        path.write_bytes(render_paper(type, facts, Imprint(f"{type.series}-2026-0042", _DAY)).data)
        written.append(path)
    return written


def _credit(facts: ShipmentFacts) -> CreditFacts:
    return CreditFacts(
        code="LC-HAMBURG-1", number="LC8834/26", issue_date=date(2026, 9, 15),
        issuing_bank="ELBE HANDELSBANK AG, HAMBURG", advising_bank="BANK OF EXAMPLE, SUZHOU BRANCH",
        applicant=facts.consignee, beneficiary=facts.seller, currency=facts.currency.code,
        amount=facts.total, tolerance=Decimal(0), drawn=Decimal(0),
        goods=("AUTOMOTIVE STEERING PARTS AS PER CONTRACT SC-2026-017",), latest_shipment=date(2026, 11, 30),
        expiry_date=date(2026, 12, 21), expiry_place="China", presentation_days=21, partial_shipments=False,
        transhipment=True, port_of_loading="Shanghai", port_of_discharge="Hamburg",
        drawee=("ELBE HANDELSBANK AG", "HAMBURG"), tenor="AT SIGHT",
        documents=(
            CreditDocumentFacts("commercial_invoice", "", 3, 0, True),
            CreditDocumentFacts("packing_list", "", 2, 1, False),
            CreditDocumentFacts("beneficiary_certificate", "BENEFICIARY'S CERTIFICATE", 1, 0, True),
        ),
        shipments=1,
    )  # fmt: skip


def _other(id: int, code: str, english: str, chinese: str) -> Party:
    return Party(
        id=id, code=code, name_en=english, name_zh=chinese, address_en="1 Harbour Road\nShanghai 200080",
        address_zh="上海市港口路1号", country="CN", contact="Chen Yu", phone="+86 21 5555 0100",
        uscc="91310109MA1G5XUT7P", customs_no="3109980A1B",
    )  # fmt: skip


def _plant(seller: Party) -> Place:
    return Place(
        id=1, code="SZ-PLANT", party=seller, name_en="Suzhou plant, gate 2", name_zh="苏州工厂2号门",
        address_en="No. 88 Xinghu Street\nSuzhou 215021", address_zh="苏州工业园区星湖街88号", country="CN",
        timezone="Asia/Shanghai", phone="+86 512 5555 0188",
    )  # fmt: skip


def _warehouse(buyer: Party) -> Place:
    return Place(
        id=2, code="HH-VMI", party=buyer, name_en="VMI warehouse Hamburg", name_zh="汉堡VMI仓库",
        address_en="Containerstraße 5\n21129 Hamburg", country="DE", timezone="Europe/Berlin", phone="+49 40 555 0120",
    )  # fmt: skip


def _airbag(index: int) -> tuple[Product, Decimal]:
    product, _ = _product(index)
    product.part_no, product.description_en, product.description_zh = "40-3268", "Airbag module", "安全气囊模块"
    product.hs_code, product.declaration_elements = "8708959000", "4|0|乘用车用|安全气囊|STABIL|A1|"
    product.un_no, product.proper_shipping_name, product.hazard_class = "3268", "SAFETY DEVICES", "9"
    return product, Decimal("74.90")


def _seller() -> Party:
    return Party(
        id=1, code="SUZHOU", own=True, name_en="Suzhou Stabil Steering Co., Ltd.", name_zh="苏州稳达转向系统有限公司",
        address_en="No. 88 Xinghu Street\nSuzhou Industrial Park\nSuzhou 215021", address_zh="苏州工业园区星湖街88号",
        country="CN", contact="Wang Li", phone="+86 512 5555 0188", email="export@stabil.example",
        uscc="91320594MA1XJ2Y71H", customs_no="3205940Q8K", bank_name="Bank of Example, Suzhou Branch",
        bank_account="1102 0208 0900 1234 567", bank_bic="ICBKCNBJSZU",
        gs1_company_prefix="4012345",
    )  # fmt: skip


def _buyer() -> Party:
    return Party(
        id=2, code="HAMBURG", own=False, name_en="Hamburg Automotive GmbH", name_zh="汉堡汽车零部件有限公司",
        address_en="Werkstraße 12\n21079 Hamburg", country="DE", contact="Jörg Weiß", phone="+49 40 555 0100",
        email="wareneingang@hamburg-auto.example", vat_no="DE265123459", eori="DE1234567",
    )  # fmt: skip


def _product(index: int) -> tuple[Product, Decimal]:
    part, customer, english, chinese, hs_code, mass, price, model = _PARTS[index % len(_PARTS)]
    round_ = index // len(_PARTS)
    product = Product(
        id=index + 1, part_no=f"{part}-{round_:02}" if round_ else part, customer_part_no=customer,
        description_en=english, description_zh=chinese, hs_code=hs_code,
        declaration_elements=f"4|0|乘用车用|{chinese}|STABIL|{model}|", unit="H87", net_mass=Decimal(mass), origin="CN",
        legal_unit_1="035", legal_unit_2="", source_district="32059",
    )  # fmt: skip
    return product, Decimal(price)


def sample_account(lines: int = 4) -> BoxStatementFacts:
    """A statement of October 2026 to a partner in Hamburg: two accounts, the first with so many lines."""
    base = sample_facts(1)
    first = date(2026, 10, 1)
    moves = []
    balance = 48
    for number in range(1, lines + 1):
        away = number % 3 != 0
        quantity = 12 + number % 5 if away else 20
        balance += quantity if away else -quantity
        day = first + timedelta(days=(number - 1) * 27 // max(1, lines))
        late = number == lines and lines > 1
        moves.append(
            AccountLineFacts(
                f"1.{number}",
                date(2026, 9, 28) if late else day,
                date(2026, 10, 30) if late else day,
                "Sent to partner" if away else "Returned by partner",
                "发往合作方" if away else "合作方退回",
                f"S-2026-{40 + number:04}" if away else f"DN-{7000 + number}",
                "Suzhou plant, gate 2",
                "苏州工厂2号门",
                quantity if away and not late else 0,
                0 if away or late else quantity,
                date(2026, 9, 1) if late else None,
                balance,
                (quantity if away else -quantity) if late else 0,
            )
        )
    incoming, outgoing = sum(one.incoming for one in moves), sum(one.outgoing for one in moves)
    adjustment = sum(one.adjustment for one in moves)
    way = min(10, max(balance, 0))
    klt = AccountFacts(
        "1", "KLT6428", "Small load carrier 6428", "KLT 6428 周转箱", False, base.seller.code, base.seller.name_en,
        base.seller.name_zh, 48, incoming, outgoing, adjustment, balance,
        (
            PlaceBalanceFacts("", "", "", 0, incoming, 0, way - incoming, 0, way),
            PlaceBalanceFacts(
                "HH-VMI", "VMI warehouse Hamburg", "汉堡VMI仓库", 48, 0, outgoing, incoming - way, adjustment,
                balance - way,
            ),
        ),
        tuple(moves), (balance - 30, 18, 8, 4), 60, 12, 2,
        tuple(OldBoxFacts(f"KLT-{number:06}-7", date(2026, 6, 20 + number), 130 - number) for number in range(1, 6)),
    )  # fmt: skip
    pallets = AccountFacts(
        "2", "EPAL", "EUR pallet", "欧标托盘", True, base.seller.code, base.seller.name_en, base.seller.name_zh,
        30, 0, 0, 0, 30, (PlaceBalanceFacts("HH-VMI", "VMI warehouse Hamburg", "汉堡VMI仓库", 30, 0, 0, 0, 0, 30),),
        (), (30, 0, 0, 0), 0, 0, 0, (),
    )  # fmt: skip
    return BoxStatementFacts(
        base.seller, base.consignee, "2026-10", first, date(2026, 10, 31), "Asia/Shanghai", "en", (klt, pallets),
        lines > 1, "BS-2026-0041" if lines > 1 else "", 28 if lines > 1 else 0,
    )  # fmt: skip


def sample_charges(lines: int = 4) -> BoxChargesFacts:
    """The charges of the same month: so many lines, deposits, what is given back, rental, lost boxes."""
    base = sample_facts(1)
    kinds = (
        ("deposit", "Deposit for boxes that left us", "发出周转箱押金", 48, "8.00"),
        ("refund", "Deposit given back for boxes that returned", "退回周转箱押金返还", -40, "7.50"),
        ("rental", "Rental beyond the free days, box-days", "免费期后租金（箱·天）", 372, "0.125"),
        ("loss", "Lost box: KLT-000012-7, lost 2026-10-14, 2.0 years old",
         "丢失周转箱：KLT-000012-7，2026-10-14 丢失，已用 2.0 年", 1, "9.38"),
    )  # fmt: skip
    charges = []
    for number in range(lines):
        kind, en, zh, quantity, price = kinds[number % len(kinds)]
        amount = (quantity * Decimal(price)).quantize(Decimal("0.01"), ROUND_HALF_UP)
        charges.append(
            BoxChargeFacts(
                kind, "KLT6428", "Small load carrier 6428", "KLT 6428 周转箱", en, zh, quantity, Decimal(price), amount
            )
        )
    total = sum((one.amount for one in charges), Decimal(0))
    return BoxChargesFacts(
        base.seller, base.consignee, "2026-10-EUR", date(2026, 10, 1), date(2026, 10, 31), "Asia/Shanghai", "en",
        base.currency, 2, tuple(charges), total, words.english(total, "EUR"), words.chinese(total, "EUR"),
    )  # fmt: skip


#: class of facts → a sample of it, with so many lines
ACCOUNT_SAMPLES: dict[type, Callable[[int], AccountPaper]] = {
    BoxStatementFacts: sample_account, BoxChargesFacts: sample_charges,
}  # fmt: skip


def sample_papers(codes: Iterable[str], lines: int = 3) -> Iterator[tuple[DocumentType, str, PaperFacts]]:
    """Of each kind (by its code) the papers of the full sample: type, part, facts."""
    for code in codes:
        type = REGISTER[code]
        if type.facts is not ShipmentFacts:
            facts = ACCOUNT_SAMPLES[type.facts](lines)
            yield type, facts.part, facts
            continue
        for paper in papers(sample_facts(lines, full=True), codes=[code]):
            yield type, paper.facts.part, with_ssccs(paper.facts) if type.needs_sscc else paper.facts
