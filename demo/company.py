"""Master data of the demo company: a maker of steering parts in Suzhou, its customers, products and box types.

All names, numbers and addresses are invented; identifiers with check digits are valid.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from master_data.models import AssetType, Party, Place, Product


@dataclass(frozen=True)
class Company:
    """The stored rows by their codes."""

    parties: dict[str, Party]
    places: dict[str, Place]
    products: dict[str, Product]
    asset_types: dict[str, AssetType]


_PARTIES: list[dict[str, Any]] = [
    {
        "code": "STABIL", "own": True, "country": "CN",
        "name_en": "Suzhou Stabil Steering Systems Co., Ltd.", "name_zh": "苏州稳达转向系统有限公司",
        "address_en": "No. 88 Xinghu Street\nSuzhou Industrial Park\nSuzhou 215021, Jiangsu",
        "address_zh": "江苏省苏州市苏州工业园区星湖街88号 邮编215021",
        "contact": "Wang Li 王丽", "phone": "+86 512 5555 0188", "email": "export@stabil.example",
        "uscc": "91320594MA1XJ2Y71H", "customs_no": "3205940Q8K",
        "bank_name": "Example Bank of China, Suzhou Industrial Park Branch", "bank_account": "1102 0208 0900 1234 567",
        "bank_bic": "EXMPCNBJSUZ", "gs1_company_prefix": "4012345",
    },
    {
        "code": "HANSA", "country": "DE", "name_en": "Hansa Lenksysteme GmbH", "name_zh": "汉萨转向系统有限公司",
        "address_en": "Werkstraße 12\n21079 Hamburg", "contact": "Jörg Weiß", "phone": "+49 40 5555 0100",
        "email": "wareneingang@hansa-lenk.example", "vat_no": "DE265123459", "eori": "DE265123459000",
    },
    {
        "code": "TOKAI", "country": "JP", "name_en": "Tokai Drive Systems K.K.", "name_zh": "东海驱动系统株式会社",
        "address_en": "3-1 Meieki, Nakamura-ku\nNagoya 450-0002, Aichi", "contact": "Satō Kenji", "phone": "+81 52 555 0110",
        "email": "inbound@tokai-drive.example",
    },
    {
        "code": "MOTORCITY", "country": "US", "name_en": "Motor City Axle Inc.", "name_zh": "汽车城车桥公司",
        "address_en": "2400 Example Avenue\nDetroit, MI 48201", "contact": "Dana O'Neill", "phone": "+1 313 555 0123",
        "email": "receiving@motorcity-axle.example",
    },
    {
        "code": "SHANCHENG", "country": "CN", "name_en": "Chongqing Shancheng Automobile Co., Ltd.",
        "name_zh": "重庆山城汽车有限公司", "address_en": "No. 6 Jinkai Avenue\nLiangjiang New Area\nChongqing 401120",
        "address_zh": "重庆市两江新区金开大道6号 邮编401120", "contact": "Chen Kun 陈堃", "phone": "+86 23 5555 0166",
        "email": "wuliu@shancheng.example", "uscc": "91500000MA5U7K3PXY",
    },
    {
        "code": "ELBE", "country": "DE", "name_en": "Elbe Kontraktlogistik GmbH", "name_zh": "易北河合同物流有限公司",
        "address_en": "Containerstraße 5\n21220 Seevetal", "contact": "Maren Schäfer", "phone": "+49 4105 555 0140",
        "email": "vmi@elbe-logistik.example", "vat_no": "DE311900427", "eori": "DE311900427000",
    },
    {
        "code": "SEAROAD", "country": "CN", "name_en": "Searoad Forwarding (Shanghai) Ltd.", "name_zh": "上海海路国际货运代理有限公司",
        "address_en": "1 Harbour Road\nShanghai 200080", "address_zh": "上海市虹口区港口路1号 邮编200080",
        "contact": "Chen Yu 陈宇", "phone": "+86 21 5555 0100", "email": "booking@searoad.example", "uscc": "91310109MA1G5XUT7P",
    },
    {
        "code": "COASTAL", "country": "CN", "name_en": "Coastal Container Line Ltd.", "name_zh": "海岸集装箱航运有限公司",
        "address_en": "9 Bund Plaza\nShanghai 200002", "phone": "+86 21 5555 0900", "email": "docs@coastal-line.example",
    },
    {
        "code": "GATE9", "country": "CN", "name_en": "Gate Nine Customs Brokers Ltd.", "name_zh": "上海九门报关有限公司",
        "address_en": "200 Yangshan Avenue\nShanghai 201308", "address_zh": "上海市洋山大道200号", "contact": "Zhou Jie 周洁",
        "phone": "+86 21 5555 0209", "email": "export@gate9.example", "uscc": "91310115MA1K4BQY0Q", "customs_no": "3122480A9B",
    },
]  # fmt: skip

_PLACES: list[dict[str, Any]] = [
    {
        "code": "SZ-GATE2", "party": "STABIL", "name_en": "Suzhou plant, gate 2", "name_zh": "苏州工厂 2号门", "country": "CN",
        "address_en": "No. 88 Xinghu Street, Suzhou Industrial Park, Suzhou 215021, Jiangsu",
        "address_zh": "江苏省苏州市苏州工业园区星湖街88号2号门", "timezone": "Asia/Shanghai", "gln": "4012345000115",
        "phone": "+86 512 5555 0188",
    },
    {
        "code": "SZ-EMPTIES", "party": "STABIL", "name_en": "Suzhou plant, empties yard", "name_zh": "苏州工厂 空箱场", "country": "CN",
        "address_en": "No. 90 Xinghu Street, Suzhou Industrial Park, Suzhou 215021, Jiangsu",
        "address_zh": "江苏省苏州市苏州工业园区星湖街90号", "timezone": "Asia/Shanghai", "gln": "4012345000122",
        "phone": "+86 512 5555 0190", "return_address": True,
    },
    {
        "code": "HH-WERK", "party": "HANSA", "name_en": "Hansa plant Hamburg", "name_zh": "汉萨汉堡工厂", "country": "DE",
        "address_en": "Werkstraße 12, 21079 Hamburg", "timezone": "Europe/Berlin", "phone": "+49 40 5555 0100",
    },
    {
        "code": "HH-VMI", "party": "ELBE", "name_en": "VMI warehouse Seevetal", "name_zh": "塞维塔尔VMI仓库", "country": "DE",
        "address_en": "Containerstraße 5, 21220 Seevetal", "timezone": "Europe/Berlin", "phone": "+49 4105 555 0140",
    },
    {
        "code": "NGO-INBOUND", "party": "TOKAI", "name_en": "Tokai inbound dock", "name_zh": "东海收货码头", "country": "JP",
        "address_en": "3-1 Meieki, Nakamura-ku, Nagoya", "timezone": "Asia/Tokyo",
    },
    {
        "code": "DTW-DOCK4", "party": "MOTORCITY", "name_en": "Motor City dock 4", "name_zh": "底特律4号道口", "country": "US",
        "address_en": "2400 Example Avenue, Detroit, MI", "timezone": "America/Detroit",
    },
    {
        "code": "CQ-LINE", "party": "SHANCHENG", "name_en": "Shancheng line side", "name_zh": "山城总装线边库", "country": "CN",
        "address_en": "No. 6 Jinkai Avenue, Chongqing", "address_zh": "重庆市两江新区金开大道6号", "timezone": "Asia/Shanghai",
    },
]  # fmt: skip

#: part no., customer's part no., English, Chinese, HS code, elements, unit, net kg, legal unit 1, legal unit 2
_PRODUCTS = [
    ("10-4711", "A2C9988001", "Electric steering rack assembly", "电动转向器总成", "8708949090", "1|0|乘用车用|电动转向器总成|STABIL|R2|", "H87", "7.250", "035", ""),
    ("10-4720", "A2C9988002", "Hydraulic steering rack assembly", "液压转向器总成", "8708949090", "1|0|乘用车用|液压转向器总成|STABIL|R1|", "H87", "6.900", "035", ""),
    ("10-5200", "A2C9988110", "Tie rod, left", "左转向拉杆总成", "8708949090", "1|0|乘用车用|转向拉杆|STABIL|T1L|", "H87", "0.640", "035", ""),
    ("10-5201", "A2C9988111", "Tie rod, right", "右转向拉杆总成", "8708949090", "1|0|乘用车用|转向拉杆|STABIL|T1R|", "H87", "0.640", "035", ""),
    ("10-6010", "A2C9988200", "Steering column with adjustment", "可调式转向管柱", "8708949090", "1|0|乘用车用|转向管柱|STABIL|C3|", "H87", "4.180", "035", ""),
    ("10-6500", "A2C9988300", "Intermediate steering shaft", "转向中间轴", "8708949090", "1|0|乘用车用|转向中间轴|STABIL|S1|", "H87", "1.320", "035", ""),
    ("20-1105", "A2C9988410", "Rubber bellows for steering rack", "转向器橡胶防尘罩", "4016931000", "1|0|机动车用密封件|硫化橡胶|STABIL|B1|", "SET", "0.095", "035", ""),
    ("20-1220", "A2C9988420", "Hexagon nut M14 × 1.5", "六角螺母 M14×1.5", "7318160000", "1|0|钢铁制|螺母|M14|STABIL||", "H87", "0.018", "035", ""),
]  # fmt: skip

_ASSET_TYPES: list[dict[str, Any]] = [
    {
        "code": "KLT6428", "name_en": "Small load carrier 6428", "name_zh": "小型周转箱 6428", "length_mm": 594, "width_mm": 396,
        "height_mm": 280, "tare": "2.95", "payload": "20", "pieces_per_box": 2, "package_code": "4H", "cn_package_code": "29",
        "gs1_company_prefix": "4012345", "gs1_asset_type": "00001", "value": "12.50", "agreed_days_out": 75,
        "hs_code": "3923100000", "origin": "CN", "declaration_elements": "0|0|运输周转用|聚丙烯|无品牌|KLT6428|",
    },
    {
        "code": "GLT1210", "name_en": "Folding steel cage 1200 × 1000", "name_zh": "折叠式钢制网箱 1200 × 1000", "length_mm": 1200,
        "width_mm": 1000, "height_mm": 970, "tare": "85", "payload": "1000", "pieces_per_box": 60, "package_code": "CG",
        "cn_package_code": "29", "gs1_company_prefix": "4012345", "gs1_asset_type": "00002", "value": "240.00",
        "agreed_days_out": 90, "hs_code": "7326901900", "origin": "CN", "declaration_elements": "0|0|运输周转用|钢|无品牌|GLT1210|",
    },
    {
        "code": "EPAL", "name_en": "EUR pallet", "name_zh": "欧标木托盘", "counted": True, "length_mm": 1200, "width_mm": 800,
        "height_mm": 144, "tare": "25", "payload": "1500", "package_code": "PX", "cn_package_code": "93", "value": "14.00",
        "hs_code": "4415201000", "origin": "CN", "declaration_elements": "0|0|运输用|松木|无品牌|EPAL|",
    },
]  # fmt: skip


def store(now: datetime) -> Company:
    """Store the master data."""
    parties = {row["code"]: Party.create(**row, changed_time=now) for row in _PARTIES}
    places = {row["code"]: Place.create(**{**row, "party": parties[row["party"]]}, changed_time=now) for row in _PLACES}
    products = {}
    for part_no, customer_part_no, en, zh, hs_code, elements, unit, net_mass, unit_1, unit_2 in _PRODUCTS:
        products[part_no] = Product.create(
            part_no=part_no, customer_part_no=customer_part_no, description_en=en, description_zh=zh, hs_code=hs_code,
            declaration_elements=elements, unit=unit, net_mass=Decimal(net_mass), origin="CN", legal_unit_1=unit_1,
            legal_unit_2=unit_2, source_district="32059", changed_time=now,
        )  # fmt: skip
    asset_types = {
        row["code"]: AssetType.create(
            **{**row, "tare": Decimal(row["tare"]), "payload": Decimal(row["payload"]), "value": Decimal(row["value"])},
            value_currency="EUR",
            changed_time=now,
        )
        for row in _ASSET_TYPES
    }
    return Company(parties, places, products, asset_types)
