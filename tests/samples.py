"""One small world with names that stay: a consignor in Suzhou, consignees in Hamburg and Nagoya, boxes KLT-…"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from docs_gen.samples import DETAILS
from master_data.models import AssetType, Party, Place, Product
from shipments.details import details_to_json
from shipments.models import Package, Shipment, ShipmentLine

#: the papers that every export has
THREE = ("commercial_invoice", "packing_list", "china_export_declaration")


@dataclass
class World:
    suzhou: Party
    hamburg: Party
    nagoya: Party
    plant: Place
    warehouse: Place
    rack: Product
    tie_rod: Product
    klt: AssetType
    cage: AssetType
    pallet: AssetType
    shipment: Shipment


def party(now: datetime, **fields: Any) -> Party:
    return Party.create(**{
        "code": "SUZHOU", "own": True, "name_en": "Suzhou Stabil Steering Co., Ltd.", "name_zh": "苏州稳达转向系统有限公司",
        "address_en": "No. 88 Xinghu Street\nSuzhou Industrial Park\nSuzhou 215021", "address_zh": "苏州工业园区星湖街88号",
        "country": "CN", "contact": "Wang Li", "phone": "+86 512 5555 0188", "email": "export@stabil.example",
        "uscc": "91320594MA1XJ2Y71H", "customs_no": "3205940Q8K", "bank_name": "Bank of Example, Suzhou Branch",
        "bank_account": "1102 0208 0900 1234 567", "bank_bic": "ICBKCNBJSZU", "changed_time": now, **fields,
    })  # fmt: skip


def product(now: datetime, **fields: Any) -> Product:
    return Product.create(**{
        "part_no": "10-4711", "customer_part_no": "A2C9988001", "description_en": "Steering rack assembly",
        "description_zh": "转向器总成", "hs_code": "8708949090", "declaration_elements": "4|0|乘用车用|转向器总成|STABIL|R2|",
        "unit": "H87", "net_mass": Decimal("7.250"), "origin": "CN", "legal_unit_1": "035", "source_district": "32059",
        "changed_time": now, **fields,
    })  # fmt: skip


def asset_type(now: datetime, **fields: Any) -> AssetType:
    return AssetType.create(**{
        "code": "KLT6428", "name_en": "Small load carrier 6428", "name_zh": "KLT 6428 周转箱", "length_mm": 594,
        "width_mm": 396, "height_mm": 280, "tare": Decimal("2.95"), "payload": Decimal("20"), "pieces_per_box": 2,
        "package_code": "4H", "cn_package_code": "29", "gs1_company_prefix": "4012345", "gs1_asset_type": "00001",
        "value": Decimal("12.50"), "value_currency": "EUR", "agreed_days_out": 60, "changed_time": now, **fields,
    })  # fmt: skip


def shipment(now: datetime, world: World, **fields: Any) -> Shipment:
    """A complete, consistent shipment: 2 lines, 12 KLT with 2 steering racks each and 1 carton of tie rods."""
    made = Shipment.create(**{
        "number": "S-2026-0001", "consignor": world.suzhou, "consignee": world.hamburg, "ship_from": world.plant,
        "invoice_date": date(2026, 11, 20), "departure_date": date(2026, 11, 28), "contract_no": "SC-2026-017",
        "order_no": "4500123456", "incoterm": "CIF", "named_place": "Hamburg", "payment_terms": "60 days net",
        "transport_mode": "1", "port_of_loading": "CNSHA", "port_of_loading_name": "Shanghai", "port_of_discharge": "DEHAM",
        "port_of_discharge_name": "Hamburg", "place_of_delivery": "Hamburg", "vessel": "COSCO TAURUS", "voyage": "045W",
        "transport_document_no": "COSU6391234560", "freight_container_no": "CSQU3054383", "seal_no": "CN0012345",
        "currency": "EUR", "freight": Decimal("820"), "insurance": Decimal("46.50"), "marks": "HAMBURG AUTO\nHAMBURG\nC/NO. 1-13",
        "customs_office": "2248", "customs_office_name": "洋山港区", "exit_port": "310001", "exit_port_name": "上海港",
        "destination_port": "DEU066", "destination_port_name": "汉堡（德国）", "created_time": now, "changed_time": now, **fields,
    })  # fmt: skip
    ShipmentLine.create(
        shipment=made, position=1, product=world.rack, quantity=Decimal(24), unit_price=Decimal("182.50")
    )
    ShipmentLine.create(
        shipment=made, position=2, product=world.tie_rod, quantity=Decimal(200), unit_price=Decimal("6.125")
    )
    Package.create(
        shipment=made, position=1, asset_type=world.klt, package_code="4H", count=12, product=world.rack, pieces=2,
        net_mass=Decimal("14.5"), gross_mass=Decimal("17.45"), length_mm=594, width_mm=396, height_mm=280,
    )  # fmt: skip
    Package.create(
        shipment=made, position=2, package_code="CT", count=1, product=world.tie_rod, pieces=200,
        net_mass=Decimal("64"), gross_mass=Decimal("66.2"), length_mm=600, width_mm=400, height_mm=400,
    )  # fmt: skip
    return made


def completed(world: World) -> Shipment:
    """The shipment with everything that any paper asks for: roles, details, a dangerous line, boxes with an HS code."""
    now = world.shipment.created_time
    helpers = {
        code: party(
            now, code=code, own=False, name_en=name, name_zh=zh, uscc="", bank_name="", bank_account="", bank_bic=""
        )
        for code, name, zh in (
            ("SEAROAD", "Searoad Forwarding (Shanghai) Ltd.", "上海海路国际货运代理有限公司"),
            ("COASTAL", "Coastal Container Line", "海岸集装箱航运"),
            ("GATE9", "Gate Nine Customs Brokers Ltd.", "九门报关有限公司"),
        )
    }
    Party.update(gs1_company_prefix="4012345").where(Party.id == world.suzhou.id).execute()
    Product.update(un_no="3268", proper_shipping_name="SAFETY DEVICES", hazard_class="9").where(
        Product.id == world.tie_rod.id
    ).execute()
    AssetType.update(
        hs_code="3923100000", origin="CN", declaration_elements="0|0|运输周转用|聚丙烯|无品牌|KLT6428|"
    ).where(AssetType.id == world.klt.id).execute()
    details = replace(DETAILS, vgm_mass=None, box_regime="none")
    Shipment.update(
        details=details_to_json(details), forwarder=helpers["SEAROAD"], carrier=helpers["COASTAL"],
        broker=helpers["GATE9"], deliver_to=world.warehouse,
    ).where(Shipment.id == world.shipment.id).execute()  # fmt: skip
    world.shipment = Shipment.get_by_id(world.shipment.id)
    return world.shipment


def world(now: datetime) -> World:
    """Store the whole small world."""
    made = World.__new__(World)
    made.suzhou = party(now)
    made.hamburg = party(
        now, code="HAMBURG", own=False, name_en="Hamburg Automotive GmbH", name_zh="汉堡汽车零部件有限公司",
        address_en="Werkstraße 12\n21079 Hamburg", address_zh="", country="DE", contact="Jörg Weiß", phone="+49 40 555 0100",
        email="wareneingang@hamburg-auto.example", uscc="", customs_no="", vat_no="DE265123459", eori="DE1234567",
        bank_name="", bank_account="", bank_bic="",
    )  # fmt: skip
    made.nagoya = party(
        now, code="NAGOYA", own=False, name_en="Nagoya Drive Systems K.K.", name_zh="名古屋驱动系统株式会社",
        address_en="3-1 Meieki, Nakamura-ku\nNagoya 450-0002", address_zh="", country="JP", contact="Satō Kenji",
        phone="+81 52 555 0110", email="inbound@nagoya-drive.example", uscc="", customs_no="", bank_name="",
        bank_account="", bank_bic="",
    )  # fmt: skip
    made.plant = Place.create(
        code="SZ-PLANT", party=made.suzhou, name_en="Suzhou plant, gate 2", name_zh="苏州工厂2号门",
        address_en="No. 88 Xinghu Street, Suzhou 215021", address_zh="苏州工业园区星湖街88号", country="CN",
        timezone="Asia/Shanghai", gln="4012345000115", phone="+86 512 5555 0188", return_address=True, changed_time=now,
    )  # fmt: skip
    made.warehouse = Place.create(
        code="HH-VMI", party=made.hamburg, name_en="VMI warehouse Hamburg", name_zh="汉堡VMI仓库",
        address_en="Containerstraße 5, 21129 Hamburg", country="DE", timezone="Europe/Berlin", changed_time=now,
    )  # fmt: skip
    made.rack = product(now)
    made.tie_rod = product(
        now, part_no="10-5200", customer_part_no="A2C9988002", description_en="Tie rod, left", description_zh="左转向拉杆",
        hs_code="8708949090", declaration_elements="4|0|乘用车用|转向拉杆|STABIL|T1|", net_mass=Decimal("0.320"),
    )  # fmt: skip
    made.klt = asset_type(now)
    made.cage = asset_type(
        now, code="GLT1210", name_en="Steel cage 1200 × 1000", name_zh="钢制网箱 1200 × 1000", length_mm=1200, width_mm=1000,
        height_mm=970, tare=Decimal("85"), payload=Decimal("1000"), pieces_per_box=40, package_code="CG",
        gs1_asset_type="00002", value=Decimal("240"), agreed_days_out=90,
    )  # fmt: skip
    made.pallet = asset_type(
        now, code="EPAL", name_en="EUR pallet", name_zh="欧标托盘", counted=True, length_mm=1200, width_mm=800, height_mm=144,
        tare=Decimal("25"), payload=Decimal("1500"), pieces_per_box=0, package_code="PX", cn_package_code="93",
        gs1_company_prefix="", gs1_asset_type="", value=Decimal("14"),
    )  # fmt: skip
    made.shipment = shipment(now, made)
    return made
