"""What single papers ask of a shipment beyond its form: one typed value for each, kept together as JSON.

Each field is declared once, with its label, the group it stands in on the page, its kind and its limit. The page of
details, its checks of input, the JSON in the database and the papers' facts follow from the declaration.
"""

# ruff: noqa: RUF009  (these calls give dataclasses.field)

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from errors import N_

#: group → title, in the order of the page
GROUPS = {
    "sale": N_("Offer and contract"),
    "booking": N_("Booking and bill of lading"),
    "container": N_("Container and verified gross mass"),
    "road": N_("Truck and delivery"),
    "air": N_("Air freight"),
    "dangerous": N_("Dangerous goods"),
    "insurance": N_("Cargo insurance"),
    "origin": N_("Origin and packing"),
    "bank": N_("Bank papers"),
    "customs": N_("Customs"),
    "returnables": N_("Returnable packaging"),
    "signing": N_("Who signs"),
}


def _text(label: str, group: str, limit: int = 64, *, lines: int = 1, hint: str = "") -> Any:
    return field(
        default="",
        metadata={"label": label, "group": group, "kind": "text", "limit": limit, "lines": lines, "hint": hint},
    )


def _choice(label: str, group: str, choices: Mapping[str, str], hint: str = "") -> Any:
    return field(
        default="", metadata={"label": label, "group": group, "kind": "choice", "choices": choices, "hint": hint}
    )


def _of(kind: str, label: str, group: str, hint: str = "") -> Any:
    return field(
        default=False if kind == "yes" else None, metadata={"label": label, "group": group, "kind": kind, "hint": hint}
    )


ALLOWED = {"allowed": N_("allowed"), "not_allowed": N_("not allowed")}


@dataclass(frozen=True)
class Details:
    """Empty text, None and False mean: not given. Moments are local to the place where the goods leave."""

    # offer and contract
    validity_date: date | None = _of("day", N_("Offer valid until"), "sale")
    shipment_period: str = _text(N_("Shipment period"), "sale", hint=N_("As agreed: not later than 30 NOV 2026"))
    quantity_tolerance: Decimal | None = _of("exact", N_("Tolerance of quantity, %"), "sale")
    partial_shipments: str = _choice(N_("Partial shipments"), "sale", ALLOWED)
    transhipment: str = _choice(N_("Transhipment"), "sale", ALLOWED)
    contract_date: date | None = _of("day", N_("Date of the contract"), "sale")
    packing_terms: str = _text(N_("Packing terms"), "sale", 255, lines=3)
    # booking, bill of lading
    booking_no: str = _text(N_("Booking no."), "booking", 35)
    contract_rate_no: str = _text(N_("Contract rate no."), "booking", 35)
    cargo_ready_date: date | None = _of("day", N_("Cargo ready"), "booking")
    customs_cutoff: datetime | None = _of("moment", N_("Customs cut-off"), "booking")
    si_cutoff: datetime | None = _of("moment", N_("Shipping instruction cut-off"), "booking")
    vgm_cutoff: datetime | None = _of("moment", N_("VGM cut-off"), "booking")
    cy_cutoff: datetime | None = _of("moment", N_("Container yard cut-off"), "booking")
    bl_type: str = _choice(
        N_("Transport document"), "booking",
        {"original": N_("original bills of lading"), "waybill": N_("sea waybill"), "telex": N_("telex release")},
    )  # fmt: skip
    bl_originals: int | None = _of("whole", N_("Originals of the bill of lading"), "booking")
    on_board_date: date | None = _of("day", N_("On board"), "booking")
    consignee_to_order: str = _text(
        N_("Consignee on the bill of lading"),
        "booking",
        255,
        lines=5,
        hint=N_("Empty: the consignee. TO ORDER, TO ORDER OF … BANK"),
    )
    freight_payable_at: str = _text(N_("Freight payable at"), "booking")
    pre_carriage: str = _text(N_("Pre-carriage by"), "booking")
    place_of_receipt: str = _text(N_("Place of receipt"), "booking")
    services: str = _text(N_("Services wanted of the forwarder"), "booking", 400, lines=4)
    temperature: str = _text(N_("Temperature"), "booking", 32)
    special_instructions: str = _text(N_("Special instructions"), "booking", 400, lines=4)
    # container, VGM
    equipment_type: str = _choice(
        N_("Type of container"), "container",
        {"22G1": N_("20′ standard (22G1)"), "42G1": N_("40′ standard (42G1)"), "45G1": N_("40′ high cube (45G1)"),
         "L5G1": N_("45′ high cube (L5G1)"), "22R1": N_("20′ reefer (22R1)"), "45R1": N_("40′ reefer (45R1)")},
    )  # fmt: skip
    equipment_count: int | None = _of("whole", N_("Number of containers"), "container")
    shipper_owned: bool = _of("yes", N_("Shipper-owned container (SOC)"), "container")
    container_tare: int | None = _of("whole", N_("Tare of the container, kg"), "container")
    container_max_gross: int | None = _of("whole", N_("Largest gross mass of the container, kg"), "container")
    vgm_method: str = _choice(
        N_("VGM method"), "container",
        {"1": N_("1: the packed container was weighed"), "2": N_("2: everything in it was weighed and added")},
    )  # fmt: skip
    vgm_mass: int | None = _of("whole", N_("Weighed mass of the packed container, kg"), "container", N_("Method 1"))
    dunnage_mass: Decimal | None = _of("exact", N_("Dunnage and securing, kg"), "container", N_("Method 2"))
    weighing_place: str = _text(N_("Weighed at"), "container")
    weighing_date: date | None = _of("day", N_("Weighed on"), "container")
    weighing_device: str = _text(N_("Weighing device, certificate no."), "container")
    # truck, delivery
    truck_no: str = _text(N_("Truck"), "road", 32)
    trailer_no: str = _text(N_("Trailer"), "road", 32)
    driver: str = _text(N_("Driver"), "road")
    driver_phone: str = _text(N_("Driver's telephone"), "road", 32)
    dock: str = _text(N_("Dock or gate"), "road", 32)
    delivery_from: datetime | None = _of("moment", N_("Delivery from"), "road")
    delivery_until: datetime | None = _of("moment", N_("Delivery until"), "road")
    call_off_no: str = _text(N_("Call-off no."), "road", 35)
    sender_instructions: str = _text(N_("Sender's instructions"), "road", 400, lines=4)
    documents_attached: str = _text(N_("Documents attached"), "road", 255, lines=3)
    special_agreements: str = _text(N_("Special agreements"), "road", 255, lines=3)
    cash_on_delivery: str = _text(N_("Cash on delivery"), "road", 64)
    successive_carriers: str = _text(N_("Successive carriers"), "road", 255, lines=3)
    # air
    airport_of_departure: str = _text(N_("Airport of departure"), "air", 3, hint=N_("IATA code: PVG"))
    airport_of_destination: str = _text(N_("Airport of destination"), "air", 3, hint=N_("IATA code: FRA"))
    declared_value_carriage: Decimal | None = _of("exact", N_("Declared value for carriage"), "air", N_("Empty: NVD"))
    declared_value_customs: Decimal | None = _of("exact", N_("Declared value for customs"), "air", N_("Empty: NCV"))
    other_charges_payment: str = _choice(N_("Other charges"), "air", {"PP": N_("prepaid"), "CC": N_("collect")})
    handling_information: str = _text(N_("Handling information"), "air", 255, lines=3)
    security_status: str = _choice(
        N_("Security status"), "air", {"SPX": "SPX", "SCO": "SCO", "SHR": "SHR", "NSC": "NSC"}
    )
    special_customs_information: str = _text(N_("Special customs information (SCI)"), "air", 35)
    # dangerous goods
    emergency_contact: str = _text(N_("Emergency contact"), "dangerous", 128)
    packing_certificate_place: str = _text(N_("Packing certificate: place"), "dangerous")
    packing_certificate_date: date | None = _of("day", N_("Packing certificate: date"), "dangerous")
    packing_certificate_person: str = _text(N_("Packing certificate: name and position"), "dangerous")
    packing_certificate_company: str = _text(N_("Packing certificate: company"), "dangerous", 128)
    dangerous_handling: str = _text(N_("Additional handling information"), "dangerous", 255, lines=3)
    aircraft_limits: str = _choice(
        N_("Aircraft"), "dangerous",
        {"passenger": N_("passenger and cargo aircraft"), "cargo": N_("cargo aircraft only")},
    )  # fmt: skip
    dangerous_package_report: str = _text(N_("China: packing use report (危包证) no."), "dangerous", 35)
    # insurance
    insured_percent: Decimal | None = _of("exact", N_("Insured, per cent of the value"), "insurance", N_("Empty: 110"))
    insurance_cover: str = _choice(
        N_("Cover"), "insurance",
        {"ICC (A)": "ICC (A)", "ICC (B)": "ICC (B)", "ICC (C)": "ICC (C)", "ICC (Air)": "ICC (Air)",
         "PICC All Risks": "PICC All Risks", "PICC WPA": "PICC WPA", "PICC FPA": "PICC FPA"},
    )  # fmt: skip
    war_and_strikes: bool = _of("yes", N_("War and strikes clauses"), "insurance")
    claims_payable_at: str = _text(N_("Claims payable at"), "insurance")
    survey_agent: str = _text(N_("Survey agent"), "insurance", 128)
    premium_rate: Decimal | None = _of("exact", N_("Premium, %"), "insurance")
    open_cover_no: str = _text(N_("Open cover or policy no."), "insurance", 35)
    insurance_date: date | None = _of("day", N_("Date of the insurance"), "insurance")
    insurer: str = _text(N_("Insurer"), "insurance", 128)
    # origin, packing
    origin_authority: str = _choice(
        N_("Certificate of origin from"), "origin", {"CCPIT": N_("CCPIT"), "customs": N_("China Customs")}
    )
    origin_remarks: str = _text(N_("Remarks on the certificate of origin"), "origin", 255, lines=3)
    origin_consignee: str = _text(
        N_("Consignee on the certificate of origin"),
        "origin",
        255,
        lines=4,
        hint=N_("Empty: the consignee. TO ORDER, TO WHOM IT MAY CONCERN"),
    )
    wood_packing: str = _choice(
        N_("Wood packing"), "origin",
        {"none": N_("no solid wood"), "treated": N_("treated and marked by ISPM 15")},
    )  # fmt: skip
    ippc_mark: str = _text(N_("IPPC mark"), "origin", 32, hint=N_("Country, producer, treatment: CN-320 HT"))
    export_reason: str = _text(N_("Reason for export if not a sale"), "origin", 64)
    importer_reference: str = _text(
        N_("Importer's reference"),
        "origin",
        64,
        hint=N_("What the country of destination asks for: ACID, CoC number …"),
    )
    # bank
    certificate_title: str = _text(N_("Title of the beneficiary's certificate"), "bank", 128)
    certificate_text: str = _text(N_("Text of the beneficiary's certificate"), "bank", 2000, lines=15)
    certificate_date: date | None = _of("day", N_("Date of the certificate"), "bank")
    draft_tenor: str = _text(
        N_("Tenor of the draft"), "bank", 64, hint=N_("AT SIGHT; AT 60 DAYS AFTER B/L DATE 12 MAR 2026")
    )
    draft_drawee: str = _text(
        N_("Drawee"), "bank", 255, lines=4, hint=N_("Under a letter of credit the bank that it names.")
    )
    draft_payee: str = _text(N_("Pay to the order of"), "bank", 128)
    draft_date: date | None = _of("day", N_("Date of the draft"), "bank")
    presentation_date: date | None = _of("day", N_("Presented to the bank on"), "bank")
    # customs
    filing_no: str = _text(N_("Filing no. (备案号)"), "customs", 12)
    licence_no: str = _text(N_("Export licence no. (许可证号)"), "customs", 20)
    supervision_documents: str = _text(N_("Documents that supervision asks for"), "customs", 255, lines=3)
    proxy_no: str = _text(N_("Authorisation no. (委托书编号)"), "customs", 11)
    proxy_mode: str = _choice(
        N_("Authorisation"), "customs", {"A": N_("A: for this shipment"), "B": N_("B: long-term")}
    )
    proxy_services: str = _text(N_("Services of the broker (A–H)"), "customs", 8, hint=N_("Letters: ABCD"))
    proxy_valid_until: date | None = _of("day", N_("Authorisation valid until"), "customs")
    broker_fee: str = _text(N_("Fee of the broker"), "customs", 32)
    customs_remarks: str = _text(N_("Remarks on the declaration"), "customs", 255, lines=3)
    # returnable packaging
    box_regime: str = _choice(
        N_("Boxes leave China"), "returnables",
        {"2600": N_("as temporary export (2600)"), "none": N_("without a declaration of their own")},
    )  # fmt: skip
    box_return_date: date | None = _of(
        "day", N_("Boxes come back until"), "returnables", N_("Empty: six months after departure")
    )
    box_leg: str = _choice(
        N_("Journey of the boxes"), "returnables", {"out": N_("out, with goods"), "home": N_("home, empty")}
    )
    box_declaration_no: str = _text(
        N_("Customs no. (海关编号) of the boxes' own declaration"),
        "returnables",
        18,
        hint=N_("Known when it is filed."),
    )
    box_original_declaration: str = _text(
        N_("Declaration that let the boxes out"), "returnables", 18, hint=N_("For boxes that go home.")
    )
    box_confirmation_no: str = _text(N_("Confirmation no. of customs (审核确认书)"), "returnables", 35)
    box_evidence: str = _text(N_("Ruling, designation or authorisation no."), "returnables", 64)
    # who signs
    place_of_issue: str = _text(N_("Place of issue"), "signing")
    signatory: str = _text(N_("Signatory"), "signing")
    position: str = _text(N_("Position"), "signing")


FIELDS = {one.name: one for one in fields(Details)}


def details_to_json(details: Details) -> str:
    """What is given, as JSON; what is not given is left out."""
    values = {name: getattr(details, name) for name in FIELDS}
    given = {name: value for name, value in values.items() if value is not None and value is not False and value != ""}
    return json.dumps(given, ensure_ascii=False, default=_plain, separators=(",", ":"))


def details_from_json(text: str) -> Details:
    """The details that `details_to_json` wrote."""
    return Details(
        **{
            name: _value(FIELDS[name].metadata["kind"], value)
            for name, value in json.loads(text).items()
            if name in FIELDS
        }
    )


def _plain(value: Any) -> str:
    return format(value, "f") if isinstance(value, Decimal) else value.isoformat()


_READ: dict[str, Callable[[str], Any]] = {"day": date.fromisoformat, "moment": datetime.fromisoformat, "exact": Decimal}


def _value(kind: str, value: Any) -> Any:
    return _READ[kind](value) if kind in _READ else value
