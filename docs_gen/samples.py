"""Sample facts for looking at papers and measuring them: plain values, no database.

The rows that they are assembled from are never stored.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal, localcontext
from pathlib import Path

from assets.labels import shipment_uri
from assets.models import Asset
from docs_gen.document_types import REGISTER, render_paper
from docs_gen.facts import ShipmentFacts, assemble
from master_data.models import AssetType, Party, Product
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


def sample_facts(lines: int = 3, *, scanned: bool = True) -> ShipmentFacts:
    """A consistent shipment of so many lines. Every second line travels in returnable boxes, which are `scanned`."""
    seller, buyer = _seller(), _buyer()
    klt = AssetType(
        id=1, code="KLT6428", name_en="Small load carrier 6428", name_zh="KLT 6428 周转箱", counted=False,
        length_mm=594, width_mm=396, height_mm=280, tare=Decimal("2.95"), payload=Decimal(20), package_code="4H",
        cn_package_code="29", value=Decimal("12.50"), value_currency="EUR",
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
    )  # fmt: skip
    rows: list[ShipmentLine] = []
    packages: list[Package] = []
    boxes: list[Asset] = []
    for index in range(lines):
        product, price = _product(index)
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
        return assemble(
            shipment, rows, packages, boxes, owners={1: seller},
            scan_uri=shipment_uri("https://rt.example.com", shipment.number), invoice_number="CI-2026-0042",
        )  # fmt: skip


def write_samples(folder: Path, lines: int = 3, type_code: str = "") -> list[Path]:
    """Render every paper (or the one of `type_code`) from the sample facts into `folder`; gives the files."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = sample_facts(lines)
    written = []
    for type in REGISTER.values():
        if type_code in ("", type.code):
            path = folder / f"{type.code}.pdf"
            path.write_bytes(render_paper(type, facts, f"{type.series}-2026-0042", _DAY).data)
            written.append(path)
    return written


def _seller() -> Party:
    return Party(
        id=1, code="SUZHOU", own=True, name_en="Suzhou Stabil Steering Co., Ltd.", name_zh="苏州稳达转向系统有限公司",
        address_en="No. 88 Xinghu Street\nSuzhou Industrial Park\nSuzhou 215021", address_zh="苏州工业园区星湖街88号",
        country="CN", contact="Wang Li", phone="+86 512 5555 0188", email="export@stabil.example",
        uscc="91320594MA1XJ2Y71H", customs_no="3205940Q8K", bank_name="Bank of Example, Suzhou Branch",
        bank_account="1102 0208 0900 1234 567", bank_bic="ICBKCNBJSZU",
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
