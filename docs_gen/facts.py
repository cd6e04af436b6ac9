"""Rows → ShipmentFacts: what the papers of a shipment say, in plain frozen values with all sums already made.

Rounding happens here and only here: money half up to the decimals of its currency (ISO 4217), once for each line;
masses half up to the gram and volumes to the litre, once for each row of packages. Every total is the sum of the
figures that are printed above it, because that is what a bank or a customs officer adds up. The China declaration has
decimals of its own, whatever the currency: its figures are facts of their own, and so is their sum.

What an issued paper says is kept as JSON (`to_json`, `from_json`), numbers as text, so that it can be printed again
when master data have long changed.
"""

from __future__ import annotations

import json
from calendar import monthrange
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal, localcontext
from functools import cache
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from peewee import JOIN

from assets.dispatched import dispatched_on
from assets.labels import shipment_uri
from assets.models import Asset
from docs_gen import words
from docs_gen.countries import profile_of
from docs_gen.models import IssuedDocument, LogisticUnit, SellerLook, Wording
from master_data import codes
from master_data.codes import Code
from master_data.models import AssetType, Party, Place, Product
from shipments.details import Details, details_from_json
from shipments.models import CreditDocument, LetterOfCredit, Package, Shipment, ShipmentLine

_GRAM = Decimal("0.001")  # kg
_LITRE = Decimal("0.001")  # m³
#: What the China declaration prints: prices with 4 decimals, totals with 2.
_DECLARED_PRICE = Decimal("0.0001")
_DECLARED_TOTAL = Decimal("0.01")
_CUBIC_MM = Decimal(10) ** 9

#: Any quantity times any price is exact in so many digits.
_PRECISION = 100


@dataclass(frozen=True)
class CodeFacts:
    """A code with its names as they are printed."""

    code: str
    en: str
    zh: str


@dataclass(frozen=True)
class CountryFacts:
    alpha2: str
    alpha3: str  # the China declaration
    en: str
    zh: str


@dataclass(frozen=True)
class PartyFacts:
    code: str
    name_en: str
    name_zh: str
    address_en: tuple[str, ...]  # lines, without the country
    address_zh: tuple[str, ...]
    country: CountryFacts
    contact: str
    phone: str
    email: str
    uscc: str
    customs_no: str
    vat_no: str
    eori: str
    bank_name: str
    bank_account: str
    bank_bic: str
    tax_no: str = ""
    aeo_no: str = ""
    gs1_company_prefix: str = ""


@dataclass(frozen=True)
class PlaceFacts:
    code: str
    name_en: str
    name_zh: str
    address_en: tuple[str, ...]
    address_zh: tuple[str, ...]
    country: CountryFacts
    phone: str


@dataclass(frozen=True)
class MoneyFacts:
    """An amount that some paper prints by itself, in words too ('' when it cannot be written so)."""

    currency: CodeFacts
    decimals: int
    amount: Decimal
    words_en: str
    words_zh: str


@dataclass(frozen=True)
class DangerFacts:
    """What the IMDG Code 5.4.1.4 wants to know of dangerous goods."""

    un_no: str  # 4 digits
    proper_shipping_name: str
    hazard_class: str
    subsidiary_hazards: str
    packing_group: str
    flash_point: str
    marine_pollutant: bool
    limited_quantity: bool


@dataclass(frozen=True)
class CreditDocumentFacts:
    type: str  # a code of docs_gen.document_types
    title: str  # '' as we print it
    originals: int
    copies: int
    signed: bool


@dataclass(frozen=True)
class CreditFacts:
    """A letter of credit, as the bank issued it."""

    code: str
    number: str
    issue_date: date
    issuing_bank: str
    advising_bank: str
    applicant: PartyFacts
    beneficiary: PartyFacts
    currency: str
    amount: Decimal
    tolerance: Decimal  # ± per cent
    drawn: Decimal  # by the issued invoices of other shipments
    goods: tuple[str, ...]
    latest_shipment: date | None
    expiry_date: date
    expiry_place: str
    presentation_days: int
    partial_shipments: bool
    transhipment: bool
    port_of_loading: str
    port_of_discharge: str
    drawee: tuple[str, ...]
    tenor: str
    documents: tuple[CreditDocumentFacts, ...]
    shipments: int  # that draw on it, this one included; those that share an invoice are one


@dataclass(frozen=True)
class WordingFacts:
    slot: str
    type: str  # '' every paper that has the slot
    language: str
    text: str


@dataclass(frozen=True)
class SealFacts:
    """A stamp or a signature that somebody with the right to placed on this paper."""

    kind: str  # stamp, signature
    name: str
    sha256: str  # the picture, a kept file


@dataclass(frozen=True)
class LineFacts:
    """One item of the invoice and of the declaration."""

    number: int  # 1, 2, 3 … as printed
    part_no: str
    customer_part_no: str
    description_en: str
    description_zh: str
    hs_code: str  # 10 digits
    elements: str  # 申报要素
    quantity: Decimal
    unit: CodeFacts  # UN/ECE Rec. 20
    customs_unit: CodeFacts  # the same as a China customs unit
    unit_price: Decimal
    amount: Decimal  # rounded to the currency
    declared_price: Decimal  # the same on the China declaration: 4 decimals
    declared_total: Decimal  # amount with 2 decimals: the declaration says what the invoice says
    net_mass: Decimal  # kg of the line, from the product's master data
    origin: CountryFacts
    legal_unit_1: CodeFacts | None
    legal_quantity_1: Decimal | None  # None: cannot be calculated from what we know
    legal_unit_2: CodeFacts | None
    legal_quantity_2: Decimal | None
    source_district: str
    running_total: Decimal = Decimal(0)  # of the amounts, this line included: what a page carries forward
    invoice_group: str = ""
    supervision_codes: str = ""
    danger: DangerFacts | None = None
    row: int | None = None  # place of the row in the shipment's form, from 0; None: a type of box, declared by itself


@dataclass(frozen=True)
class PackageFacts:
    """`count` packages that are alike, numbers `first` to `last` of the shipment."""

    row: int | None  # place of the row in the shipment's form, from 0; None: scanned, but no row expects it
    first: int
    last: int
    count: int
    package: CodeFacts  # UN/ECE Rec. 21
    customs_package: CodeFacts  # 包装种类
    box_type: str  # code of the returnable type, '' for one-way packing
    part_no: str  # what is in it, '' for nothing
    description_en: str
    description_zh: str
    unit: CodeFacts | None
    pieces: Decimal  # in one package
    quantity: Decimal  # in all of them
    net_mass: Decimal  # kg, one package
    gross_mass: Decimal  # kg, one package
    tare: Decimal  # kg of the returnable box alone, one
    net_total: Decimal
    gross_total: Decimal
    length_mm: int
    width_mm: int
    height_mm: int
    volume: Decimal  # m³ of all of them
    marks: str
    running_net: Decimal = Decimal(0)  # kg up to here, this row included
    running_gross: Decimal = Decimal(0)
    running_volume: Decimal = Decimal(0)
    danger: DangerFacts | None = None
    customer_part_no: str = ""
    origin: CountryFacts | None = None  # of what is in it


@dataclass(frozen=True)
class BoxFacts:
    """The returnable boxes of one type: what was planned, what was scanned."""

    code: str
    name_en: str
    name_zh: str
    counted: bool  # a pool without codes: never scanned
    expected: int
    scanned: int
    count: int  # what the papers say
    codes: tuple[str, ...]
    owner_en: str
    owner_zh: str
    package: CodeFacts
    tare: Decimal  # kg, one
    tare_total: Decimal
    payload: Decimal  # kg, one
    value: Decimal  # one, for customs and loss
    value_currency: str
    value_total: Decimal = Decimal(0)
    hs_code: str = ""  # of the empty box
    elements: str = ""
    origin: CountryFacts | None = None
    customs_package: CodeFacts = CodeFacts("", "", "")  # 包装种类


@dataclass(frozen=True)
class CargoFacts:
    """Packages of one kind with goods of one HS subheading and one hazard: an item on the papers of carriers."""

    package: CodeFacts  # UN/ECE Rec. 21
    count: int
    hs_code: str  # 6 digits, '' when not known
    descriptions_en: tuple[str, ...]
    descriptions_zh: tuple[str, ...]
    net_mass: Decimal  # kg, of all of them
    gross_mass: Decimal
    volume: Decimal  # m³
    danger: DangerFacts | None = None


@dataclass(frozen=True)
class SizeFacts:
    """How many packages have these outer dimensions."""

    length_mm: int
    width_mm: int
    height_mm: int
    count: int


@dataclass(frozen=True)
class DeclaredBoxFacts:
    """Boxes of one type under the declaration that those of the shipment go home by, as shipments of ours tell."""

    code: str
    out: int  # left under it
    back: int  # went home by it with other shipments


@dataclass(frozen=True)
class StatementFacts:
    """A sentence of the statement about returnable boxes, for one destination."""

    kind: str  # statement: what we declare; basis: on what ground; advice: what a broker must confirm
    en: str
    zh: str
    source: str  # the law or guidance that says so, '' for a plain fact


@dataclass(frozen=True)
class ShipmentFacts:
    shipment_number: str
    scan_uri: str  # what the QR on the packing list says: takes the shipment up at the scan page
    invoice_number: str  # of the issued commercial invoice, '' before
    invoice_date: date | None
    departure_date: date | None
    seller: PartyFacts
    consignee: PartyFacts
    notify_party: PartyFacts | None
    contract_no: str
    order_no: str
    incoterm: CodeFacts
    named_place: str
    price_term: CodeFacts  # 成交方式
    payment_terms: str
    freight_payment: str  # PREPAID or COLLECT, as the term says
    transport: CodeFacts  # UN/ECE Rec. 19
    customs_transport: CodeFacts  # 运输方式
    port_of_loading: str  # UN/LOCODE
    port_of_loading_name: str
    port_of_discharge: str
    port_of_discharge_name: str
    place_of_delivery: str
    vessel: str
    voyage: str
    transport_document_no: str
    freight_container_no: str
    seal_no: str
    marks: tuple[str, ...]
    remarks: str
    currency: CodeFacts
    decimals: int  # of the currency
    lines: tuple[LineFacts, ...]
    subtotal: Decimal  # sum of the printed amounts; prices are those of the Incoterm, so freight is inside for CIF
    other_charges: Decimal  # additions +, deductions −
    total: Decimal  # subtotal + other_charges
    freight: Decimal  # of the total, where the term includes it
    insurance: Decimal
    fob_value: Decimal  # total − freight − insurance
    words_en: str  # '' when the total cannot be written in words
    words_zh: str
    packages: tuple[PackageFacts, ...]
    package_count: int
    packages_en: str  # the number in words
    packages_zh: str
    package_kinds: tuple[CodeFacts, ...]  # Rec. 21, the most frequent first
    customs_packages: tuple[CodeFacts, ...]  # 包装种类, the most frequent first
    net_mass: Decimal  # kg, sum of the printed rows
    gross_mass: Decimal
    volume: Decimal  # m³
    scanning: bool  # boxes were scanned: the papers say what was scanned, no longer what was planned
    boxes: tuple[BoxFacts, ...]
    box_count: int
    box_tare: Decimal  # kg, sum of the printed rows
    # the China export declaration
    declared_total: Decimal  # sum of the printed totals of its items, 2 decimals
    declared_net_mass: Decimal  # kg; less than 1 is declared as 1
    declared_gross_mass: Decimal
    customs_regime: CodeFacts
    duty_nature: CodeFacts
    duty_mode: CodeFacts
    customs_office: CodeFacts
    exit_port: CodeFacts
    destination_port: CodeFacts
    trading_country: CountryFacts
    destination_country: CountryFacts
    # roles that may be empty: then buyer is the consignee, manufacturer the seller
    buyer: PartyFacts | None = None
    manufacturer: PartyFacts | None = None
    forwarder: PartyFacts | None = None
    carrier: PartyFacts | None = None
    broker: PartyFacts | None = None
    ship_from: PlaceFacts | None = None
    deliver_to: PlaceFacts | None = None
    timezone: str = "UTC"  # of the moments in `details`
    details: Details = field(default_factory=Details)
    credit: CreditFacts | None = None
    part: str = ""  # '' the whole shipment; else the key of the part: one invoice, one declaration
    also_shipments: tuple[str, ...] = ()  # numbers of the shipments that share this invoice
    packing_mass: Decimal = Decimal(0)  # kg, gross − net
    box_values: tuple[MoneyFacts, ...] = ()  # of the returnable boxes, for customs: one for each currency
    vgm_calculated: Decimal | None = None  # kg: cargo + packing + dunnage + tare of the container (method 2)
    vgm: Decimal | None = None  # kg, whole: what the declaration says; None: not known
    insured: MoneyFacts | None = None  # value × per cent, rounded up to the whole unit of currency
    chargeable_mass: Decimal = Decimal(0)  # kg, air: the larger of gross mass and cm³ / 6000
    ssccs: tuple[str, ...] = ()  # of the packages 1, 2, 3 …; empty before they are given
    logo: str = ""  # SHA-256 of a kept picture
    colour: str = ""
    seals: tuple[SealFacts, ...] = ()
    verify_uri: str = ""  # of the public page that tells whether the paper is genuine; '' before it is issued
    wordings: tuple[WordingFacts, ...] = ()
    declared_packages: int = 0  # 件数 of the China declaration: at least 1, also for bare goods
    statements: tuple[StatementFacts, ...] = ()  # about the boxes, as their destination asks for
    cargo: tuple[CargoFacts, ...] = ()  # the packages as carriers count them
    sizes: tuple[SizeFacts, ...] = ()  # of the packages, in their order
    tax_label: str = ""  # what the country of destination calls the importer's tax number
    reference_label: str = ""  # and the importer's reference
    declared_boxes: tuple[DeclaredBoxFacts, ...] = ()  # empty: no boxes go home, or no shipment of ours let them out

    @property
    def boxes_back_by(self) -> date | None:
        """The day until which the boxes come back: as given, else six months after they leave (GACC Order 233)."""
        if self.details.box_return_date or self.departure_date is None:
            return self.details.box_return_date
        return months_later(self.departure_date, 6)

    @property
    def declared_remarks(self) -> str:
        """备注 of the China declaration: container, what is known of temporary boxes, our own remarks."""
        details, parts = self.details, []
        if self.freight_container_no:
            seal = f", 封号 {self.seal_no}" if self.seal_no else ""
            parts.append(f"集装箱号 {self.freight_container_no}{seal}")
        if self.customs_regime.code == "2600" and self.boxes:
            if details.box_leg == "home":
                parts.append("暂进九, 复运出境")
            else:
                until = self.boxes_back_by
                parts.append(f"暂出九, {until:%Y%m%d}前复运进境" if until else "暂出九")
            if details.box_original_declaration:
                parts.append(f"关联报关单号 {details.box_original_declaration}")
            if details.box_confirmation_no:
                parts.append(f"审核确认书号 {details.box_confirmation_no}")
        parts += [" ".join(text.split()) for text in (self.remarks, details.customs_remarks) if text.strip()]
        return "; ".join(parts)

    @property
    def about(self) -> str:
        """What the paper is about, in a word: it stands in the title and the strip of each page."""
        return self.shipment_number

    def wording(self, slot: str, type: str, language: str = "en") -> str:
        """The text for this place on this kind of paper, '' when none is kept."""
        return wording_for(self.wordings, slot, type, language)

    def credit_title(self, type: str) -> str:
        """The title by which the letter of credit asks for this kind of paper, '' where it names none."""
        wanted = self.credit.documents if self.credit else ()
        return next((one.title for one in wanted if one.type == type), "")


def wording_for(wordings: Sequence[WordingFacts], slot: str, type: str, language: str) -> str:
    """Of the texts that were chosen for a paper the one for a place on it; that for its kind goes first."""
    found = [one for one in wordings if one.slot == slot and one.language == language and one.type in ("", type)]
    return max(found, key=lambda one: bool(one.type)).text if found else ""


def shipment_facts(shipment: Shipment, base_url: str) -> ShipmentFacts:
    """The facts of a stored shipment; `base_url`: where QR codes lead. The number of queries is fixed."""
    return _facts_of(shipment, [shipment], base_url)


def invoice_facts(shipment: Shipment, base_url: str, alone: ShipmentFacts | None = None) -> ShipmentFacts:
    """The same with the goods and packages of the shipments that share this one's invoice behind its own; `alone`: its
    own facts, which they are when no other shares it."""
    joined = list(
        Shipment.select().where(Shipment.invoiced_with == shipment, Shipment.state != "cancelled").order_by(Shipment.id)
    )
    return _facts_of(shipment, [shipment, *joined], base_url) if joined or alone is None else alone


def _facts_of(shipment: Shipment, shipments: Sequence[Shipment], base_url: str) -> ShipmentFacts:
    ids = [one.id for one in shipments]
    lines = (
        ShipmentLine.select(ShipmentLine, Product).join(Product)
        .where(ShipmentLine.shipment.in_(ids)).order_by(ShipmentLine.shipment, ShipmentLine.position)
    )  # fmt: skip
    packages = (
        Package.select(Package, AssetType, Product)
        .join(AssetType, JOIN.LEFT_OUTER).switch(Package).join(Product, JOIN.LEFT_OUTER)
        .where(Package.shipment.in_(ids)).order_by(Package.shipment, Package.position)
    )  # fmt: skip
    scanned = [asset for one in shipments for asset in dispatched_on(one)]
    owners = Party.select().where(Party.id.in_({asset.owner_id for asset in scanned})) if scanned else []
    invoices = (
        IssuedDocument.select(IssuedDocument.number, IssuedDocument.part)
        .where(
            IssuedDocument.shipment == (shipment.invoiced_with_id or shipment.id),
            IssuedDocument.type == "commercial_invoice",
            IssuedDocument.state == "issued",
            IssuedDocument.voided_time.is_null(),
        )
        .order_by(IssuedDocument.id)
    )  # fmt: skip
    units = LogisticUnit.select().where(LogisticUnit.shipment == shipment).order_by(LogisticUnit.package_no)
    with localcontext(prec=_PRECISION):
        facts = assemble(
            shipment,
            list(lines),
            list(packages),
            scanned,
            owners={owner.id: owner for owner in owners},
            scan_uri=shipment_uri(base_url, shipment.number),
            invoice_number=", ".join(row.number for row in invoices),
            charges=[(one.other_charges, one.freight, one.insurance) for one in shipments],
            credit=_credit(shipment),
        )
    return replace(
        facts,
        also_shipments=tuple(one.number for one in shipments[1:]),
        ssccs=tuple(unit.sscc for unit in units if unit.package_no <= facts.package_count),
        declared_boxes=tuple(_declared_boxes(shipment, facts.details)),
        **look_of(
            shipment.consignor_id, shipment.consignee_id, shipment.destination_country or shipment.consignee.country
        ),
    )


def _declared_boxes(shipment: Shipment, details: Details) -> Iterable[DeclaredBoxFacts]:
    """What left under the declaration by which the boxes of this shipment go home, and what is home already."""
    number = details.box_original_declaration
    if details.box_leg != "home" or not number:
        return
    out: dict[str, int] = {}
    back: dict[str, int] = {}
    others = Shipment.select().where(
        Shipment.details.contains(number), Shipment.state != "cancelled", Shipment.id != shipment.id
    )
    for other in others:
        said = details_from_json(other.details)
        if said.box_declaration_no == number:
            counts = out
        elif said.box_original_declaration == number and said.box_leg == "home":
            counts = back
        else:
            continue
        rows, scanned = list(other.packages), dispatched_on(other)
        for box in _boxes(rows, scanned, {asset.owner_id: other.consignor for asset in scanned}, other.consignor):
            counts[box.code] = counts.get(box.code, 0) + box.count
    for code in out:
        yield DeclaredBoxFacts(code, out[code], back.get(code, 0))


def look_of(seller_id: int, customer_id: int, country: str) -> dict[str, Any]:
    """How a seller's papers to a customer in a country look and what they say besides: `logo`, `colour`, `wordings`."""
    look = SellerLook.get_or_none(SellerLook.seller == seller_id)
    wordings = Wording.select().where(
        ~Wording.archived,
        Wording.seller.is_null() | (Wording.seller == seller_id),
        Wording.customer.is_null() | (Wording.customer == customer_id),
        Wording.destination.in_(["", country, *(["EU"] if country in codes.EU else [])]),
    )
    return {
        "logo": look.logo if look else "",
        "colour": look.colour if look else "",
        "wordings": tuple(_wordings(wordings)),
    }


def _wordings(rows: Iterable[Wording]) -> Iterable[WordingFacts]:
    """For each slot, paper and language the most special text: the customer's, the country's, the seller's, ours."""
    chosen: dict[tuple[str, str, str], Wording] = {}
    for row in sorted(rows, key=_how_special):
        chosen[row.slot, row.type, row.language] = row
    for slot, type, language in sorted(chosen):
        yield WordingFacts(slot, type, language, chosen[slot, type, language].text)


def _how_special(row: Wording) -> tuple[bool, bool, bool, bool, int]:
    country = row.destination != ""
    return row.customer_id is not None, country, country and row.destination != "EU", row.seller_id is not None, row.id


def _credit(shipment: Shipment) -> CreditFacts | None:
    if shipment.letter_of_credit_id is None:
        return None
    row = LetterOfCredit.get_by_id(shipment.letter_of_credit_id)
    documents = CreditDocument.select().where(CreditDocument.credit == row).order_by(CreditDocument.position)
    own = [shipment.id, shipment.invoiced_with_id or shipment.id]  # one invoice, one drawing
    others = (
        IssuedDocument.select(IssuedDocument.facts).join(Shipment)
        .where(
            Shipment.letter_of_credit == row, Shipment.id.not_in(own), IssuedDocument.type == "commercial_invoice",
            IssuedDocument.state == "issued", IssuedDocument.voided_time.is_null(),
        )
    )  # fmt: skip
    drawn = sum((Decimal(json.loads(document.facts)["total"]) for document in others), Decimal(0))
    plain = (
        "code", "number", "issue_date", "issuing_bank", "advising_bank", "currency", "amount", "tolerance",
        "latest_shipment",
        "expiry_date", "expiry_place", "presentation_days", "partial_shipments", "transhipment", "port_of_loading",
        "port_of_discharge", "tenor",
    )  # fmt: skip
    return CreditFacts(
        applicant=party_facts(row.applicant),
        beneficiary=party_facts(row.beneficiary),
        drawn=drawn,
        goods=_text_lines(row.goods),
        drawee=_text_lines(row.drawee),
        documents=tuple(
            CreditDocumentFacts(one.type, one.title, one.originals, one.copies, one.signed) for one in documents
        ),
        shipments=Shipment.select()
        .where(Shipment.letter_of_credit == row, Shipment.state != "cancelled", Shipment.invoiced_with.is_null())
        .count(),
        **{name: getattr(row, name) for name in plain},
    )


#: other charges, freight, insurance of one shipment
Charges = tuple[Decimal | None, Decimal | None, Decimal | None]


def assemble(
    shipment: Shipment,
    lines: Sequence[ShipmentLine],
    packages: Sequence[Package],
    scanned: Sequence[Asset],
    *,
    owners: dict[int, Party],
    scan_uri: str,
    invoice_number: str,
    charges: Sequence[Charges] = (),
    credit: CreditFacts | None = None,
) -> ShipmentFacts:
    """Rows → facts, without a query as long as the rows carry what they refer to.

    `charges`: of each shipment that stands on the papers; none: those of `shipment`.
    """
    decimals = codes.currency_decimals(shipment.currency) if shipment.currency in codes.currencies() else 2
    minor = Decimal(1).scaleb(-decimals)
    term = codes.INCOTERMS.get(shipment.incoterm)
    mode = codes.TRANSPORT_MODES.get(shipment.transport_mode)
    consignee = party_facts(shipment.consignee)
    summed = [
        sum((_round(one or Decimal(0), minor) for one in column), Decimal(0))
        for column in zip(*(charges or [(shipment.other_charges, shipment.freight, shipment.insurance)]), strict=True)
    ]
    details = details_from_json(shipment.details)
    profile = profile_of(shipment.destination_country or consignee.country.alpha2)
    head = _Head(shipment.currency, decimals, details)
    return ShipmentFacts(
        **_sums(
            head,
            tuple(_line(line, number, minor) for number, line in enumerate(lines, 1)),
            tuple(_packages(packages, scanned)),
            tuple(_boxes(packages, scanned, owners, shipment.consignor)),
            summed,
        ),
        shipment_number=shipment.number,
        scan_uri=scan_uri,
        invoice_number=invoice_number,
        invoice_date=shipment.invoice_date,
        departure_date=shipment.departure_date,
        seller=party_facts(shipment.consignor),
        consignee=consignee,
        notify_party=party_facts(shipment.notify_party) if shipment.notify_party else None,
        contract_no=shipment.contract_no,
        order_no=shipment.order_no,
        incoterm=code_facts(codes.INCOTERMS, shipment.incoterm),
        named_place=shipment.named_place,
        price_term=code_facts(codes.PRICE_TERMS, term.more["price_term"] if term else ""),
        payment_terms=shipment.payment_terms,
        freight_payment=term.more["freight"] if term else "",
        transport=code_facts(codes.TRANSPORT_MODES, shipment.transport_mode),
        customs_transport=CodeFacts(mode.more["cn_code"], mode.en, mode.more["cn_name"])
        if mode
        else CodeFacts("", "", ""),
        port_of_loading=shipment.port_of_loading,
        port_of_loading_name=shipment.port_of_loading_name,
        port_of_discharge=shipment.port_of_discharge,
        port_of_discharge_name=shipment.port_of_discharge_name,
        place_of_delivery=shipment.place_of_delivery,
        vessel=shipment.vessel,
        voyage=shipment.voyage,
        transport_document_no=shipment.transport_document_no,
        freight_container_no=shipment.freight_container_no,
        seal_no=shipment.seal_no,
        marks=_text_lines(shipment.marks),
        remarks=shipment.remarks,
        currency=code_facts(codes.currencies(), shipment.currency),
        decimals=decimals,
        scanning=bool(scanned),
        customs_regime=code_facts(codes.CUSTOMS_REGIMES, shipment.customs_regime),
        duty_nature=code_facts(codes.DUTY_NATURES, shipment.duty_nature),
        duty_mode=code_facts(codes.DUTY_MODES, shipment.duty_mode),
        customs_office=CodeFacts(shipment.customs_office, "", shipment.customs_office_name),
        exit_port=CodeFacts(shipment.exit_port, "", shipment.exit_port_name),
        destination_port=CodeFacts(shipment.destination_port, "", shipment.destination_port_name),
        trading_country=country_facts(shipment.trading_country or consignee.country.alpha2),
        destination_country=country_facts(shipment.destination_country or consignee.country.alpha2),
        buyer=party_facts(shipment.buyer) if shipment.buyer else None,
        manufacturer=party_facts(shipment.manufacturer) if shipment.manufacturer else None,
        forwarder=party_facts(shipment.forwarder) if shipment.forwarder else None,
        carrier=party_facts(shipment.carrier) if shipment.carrier else None,
        broker=party_facts(shipment.broker) if shipment.broker else None,
        ship_from=_place(shipment.ship_from) if shipment.ship_from else None,
        deliver_to=_place(shipment.deliver_to) if shipment.deliver_to else None,
        timezone=shipment.ship_from.timezone if shipment.ship_from else "UTC",
        details=details,
        credit=credit,
        tax_label=profile.tax_label if profile else "",
        reference_label=profile.reference_label if profile else "",
    )


@dataclass(frozen=True)
class _Head:
    """What the sums need to know besides the rows."""

    currency: str
    decimals: int
    details: Details


def with_rows(
    facts: ShipmentFacts,
    lines: Sequence[LineFacts],
    packages: Sequence[PackageFacts],
    boxes: Sequence[BoxFacts],
    charges: Sequence[Decimal],
    **changes: Any,
) -> ShipmentFacts:
    """A part of the facts: these rows and charges (other, freight, insurance), every sum made anew.

    Lines are numbered anew; packages keep their numbers, which are painted on them.
    """
    head = _Head(facts.currency.code, facts.decimals, facts.details)
    numbered = tuple(replace(line, number=number) for number, line in enumerate(lines, 1))
    with localcontext(prec=_PRECISION):
        return replace(facts, **_sums(head, numbered, tuple(packages), tuple(boxes), charges), **changes)


def _sums(
    head: _Head,
    lines: tuple[LineFacts, ...],
    packages: tuple[PackageFacts, ...],
    boxes: tuple[BoxFacts, ...],
    charges: Sequence[Decimal],
) -> dict[str, Any]:
    """Everything that follows from the rows: the one place where papers' totals are made."""
    minor = Decimal(1).scaleb(-head.decimals)
    lines = tuple(_running_lines(lines))
    packages = tuple(_running_packages(packages))
    other, freight, insurance = charges
    subtotal = sum((line.amount for line in lines), Decimal(0)).quantize(minor)
    total = subtotal + other
    net_mass = sum((row.net_total for row in packages), Decimal(0)).quantize(_GRAM)
    gross_mass = sum((row.gross_total for row in packages), Decimal(0)).quantize(_GRAM)
    volume = sum((row.volume for row in packages), Decimal(0)).quantize(_LITRE)
    package_count = sum(row.count for row in packages)
    return {
        "lines": lines,
        "subtotal": subtotal,
        "other_charges": other,
        "total": total,
        "freight": freight,
        "insurance": insurance,
        "fob_value": total - freight - insurance,
        "words_en": _words(words.english, total, head.currency),
        "words_zh": _words(words.chinese, total, head.currency),
        "packages": packages,
        "package_count": package_count,
        "declared_packages": max(1, package_count),
        "packages_en": words.packages_english(package_count),
        "packages_zh": words.packages_chinese(package_count),
        "package_kinds": _by_frequency((row.package, row.count) for row in packages),
        "customs_packages": _by_frequency((row.customs_package, row.count) for row in packages),
        "net_mass": net_mass,
        "gross_mass": gross_mass,
        "packing_mass": gross_mass - net_mass,
        "cargo": tuple(_cargo(lines, packages, boxes)),
        "sizes": tuple(_sizes(packages)),
        "volume": volume,
        "boxes": boxes,
        "box_count": sum(box.count for box in boxes),
        "box_tare": sum((box.tare_total for box in boxes), Decimal(0)).quantize(_GRAM),
        "box_values": tuple(_box_values(boxes)),
        "declared_total": sum((line.declared_total for line in lines), Decimal(0)).quantize(_DECLARED_TOTAL),
        "declared_net_mass": declared_mass(net_mass),
        "declared_gross_mass": declared_mass(gross_mass),
        "insured": _money(_insured(total, head.details.insured_percent), head.currency),
        # IATA: 6,000 cm³ weigh as a kilogram
        "chargeable_mass": max(gross_mass, _round(volume * 1_000_000 / 6000, _GRAM)),
        **_verified_mass(head.details, gross_mass),
    }


def _running_lines(lines: Iterable[LineFacts]) -> Iterable[LineFacts]:
    total = Decimal(0)
    for line in lines:
        total += line.amount
        yield replace(line, running_total=total)


def _running_packages(packages: Iterable[PackageFacts]) -> Iterable[PackageFacts]:
    net = gross = volume = Decimal(0)
    for row in packages:
        net, gross, volume = net + row.net_total, gross + row.gross_total, volume + row.volume
        yield replace(row, running_net=net, running_gross=gross, running_volume=volume)


def _cargo(
    lines: Iterable[LineFacts], packages: Iterable[PackageFacts], boxes: Iterable[BoxFacts]
) -> Iterable[CargoFacts]:
    """Rows that a carrier need not tell apart, as one; empty boxes count as goods of their own."""
    goods = {line.part_no: line.hs_code for line in lines}
    types = {box.code: box for box in boxes}
    together: dict[tuple[CodeFacts, str, DangerFacts | None], list[PackageFacts]] = {}
    names: dict[tuple[CodeFacts, str, DangerFacts | None], list[tuple[str, str]]] = {}
    for row in packages:
        empty = None if row.part_no else types.get(row.box_type)
        hs_code = (empty.hs_code if empty else goods.get(row.part_no)) or ""
        key = (row.package, hs_code[:6], row.danger)
        together.setdefault(key, []).append(row)
        names.setdefault(key, []).append(
            (empty.name_en, empty.name_zh) if empty else (row.description_en, row.description_zh)
        )
    for key, rows in together.items():
        yield CargoFacts(
            package=key[0],
            count=sum(row.count for row in rows),
            hs_code=key[1],
            descriptions_en=tuple(dict.fromkeys(en for en, _ in names[key] if en)),
            descriptions_zh=tuple(dict.fromkeys(zh for _, zh in names[key] if zh)),
            net_mass=sum((row.net_total for row in rows), Decimal(0)).quantize(_GRAM),
            gross_mass=sum((row.gross_total for row in rows), Decimal(0)).quantize(_GRAM),
            volume=sum((row.volume for row in rows), Decimal(0)).quantize(_LITRE),
            danger=key[2],
        )


def _sizes(packages: Iterable[PackageFacts]) -> Iterable[SizeFacts]:
    counts: dict[tuple[int, int, int], int] = {}
    for row in packages:
        size = (row.length_mm, row.width_mm, row.height_mm)
        counts[size] = counts.get(size, 0) + row.count
    for (length, width, height), count in counts.items():
        yield SizeFacts(length, width, height, count)


def _box_values(boxes: Iterable[BoxFacts]) -> Iterable[MoneyFacts]:
    sums: dict[str, Decimal] = {}
    for box in boxes:
        sums[box.value_currency] = sums.get(box.value_currency, Decimal(0)) + box.value_total
    for currency, amount in sums.items():
        yield _money(amount, currency)


def _money(amount: Decimal, currency: str) -> MoneyFacts:
    known = currency in codes.currencies()
    decimals = codes.currency_decimals(currency) if known else 2
    rounded = _round(amount, Decimal(1).scaleb(-decimals))
    return MoneyFacts(
        currency=code_facts(codes.currencies(), currency),
        decimals=decimals,
        amount=rounded,
        words_en=_words(words.english, rounded, currency),
        words_zh=_words(words.chinese, rounded, currency),
    )


def _insured(value: Decimal, percent: Decimal | None) -> Decimal:
    """110 % of the CIF or CIP value unless agreed otherwise (UCP 600 art. 28(f)(ii)), up to the next whole unit."""
    return (max(value, Decimal(0)) * (Decimal(110) if percent is None else percent) / 100).to_integral_value(
        ROUND_CEILING
    )


def _verified_mass(details: Details, gross_mass: Decimal) -> dict[str, Decimal | None]:
    """VGM, verified gross mass of the packed container (SOLAS VI/2, MSC.1/Circ.1475): weighed or added, whole kg."""
    calculated = None
    if details.container_tare:
        calculated = gross_mass + (details.dunnage_mass or Decimal(0)) + details.container_tare
    weighed = Decimal(details.vgm_mass) if details.vgm_mass else None
    added = calculated.to_integral_value(ROUND_HALF_UP) if calculated is not None else None
    return {"vgm_calculated": calculated, "vgm": {"1": weighed, "2": added}.get(details.vgm_method)}


def _line(line: ShipmentLine, number: int, minor: Decimal) -> LineFacts:
    product = line.product
    unit = code_facts(codes.UNITS, product.unit)
    net_mass = _round(line.quantity * product.net_mass, _GRAM)
    amount = _round(line.quantity * line.unit_price, minor)
    customs_unit = codes.UNITS[product.unit].more["cn_code"] if product.unit in codes.UNITS else ""
    legal = [
        code_facts(codes.CN_UNITS, code) if code else None for code in (product.legal_unit_1, product.legal_unit_2)
    ]
    quantities = [legal_quantity(unit.code, line.quantity, net_mass, one.code) if one else None for one in legal]
    return LineFacts(
        number=number,
        part_no=product.part_no,
        customer_part_no=product.customer_part_no,
        description_en=product.description_en,
        description_zh=product.description_zh,
        hs_code=product.hs_code,
        elements=product.declaration_elements,
        quantity=line.quantity,
        unit=unit,
        customs_unit=code_facts(codes.CN_UNITS, customs_unit),
        unit_price=line.unit_price,
        amount=amount,
        declared_price=_round(line.unit_price, _DECLARED_PRICE),
        declared_total=_round(amount, _DECLARED_TOTAL),
        net_mass=net_mass,
        origin=country_facts(product.origin),
        legal_unit_1=legal[0],
        legal_quantity_1=quantities[0],
        legal_unit_2=legal[1],
        legal_quantity_2=quantities[1],
        source_district=product.source_district,
        invoice_group=line.invoice_group,
        supervision_codes=product.supervision_codes,
        danger=_danger(product),
        row=number - 1,
    )


def _danger(product: Product | None) -> DangerFacts | None:
    if product is None or not product.un_no:
        return None
    return DangerFacts(**{field.name: getattr(product, field.name) for field in fields(DangerFacts)})


#: Pieces in one unit of sale, for units that count.
_PIECES = {"H87": 1, "C62": 1, "EA": 1, "SET": 1, "DZN": 12, "CEN": 100, "MIL": 1000}
#: China customs units that count single things; which one it is, the HS code says.
_COUNTING = frozenset(
    [
        "001",
        "002",
        "003",
        "005",
        "006",
        "007",
        "008",
        "011",
        "012",
        "014",
        "015",
        "016",
        "017",
        "019",
        "020",
        "021",
        "163",
    ]
)
_KILOGRAMS = {"035": Decimal(1), "036": Decimal("0.001"), "070": Decimal(1000)}


def legal_quantity(unit: str, quantity: Decimal, net_mass: Decimal, legal_unit: str) -> Decimal | None:
    """The quantity in the unit that the HS code dictates (法定单位), up to 5 decimals; None when nothing says how.

    A unit of mass takes the net mass. `unit`: UN/ECE Rec. 20; `legal_unit`: China customs code.
    """
    if legal_unit in _KILOGRAMS:
        return _round(net_mass / _KILOGRAMS[legal_unit], Decimal("0.00001")).normalize() + 0
    if unit in codes.UNITS and codes.UNITS[unit].more["cn_code"] == legal_unit:
        return quantity
    if unit in _PIECES and legal_unit in _COUNTING:
        return quantity * _PIECES[unit]
    return None


def declared_mass(mass: Decimal) -> Decimal:
    """kg as the China declaration says them: less than 1 kg is declared as 1 (填制规范, GACC 2019 No. 18).

    0 stays 0: that is a mass that is missing, not a light one.
    """
    return max(mass, Decimal(1)) if mass else mass


def months_later(day: date, months: int) -> date:
    """The same day so many months later, or the last one of that month: 31 August + 6 is 28 February."""
    year, month = divmod(day.month - 1 + months, 12)
    first = date(day.year + year, month + 1, 1)
    return first.replace(day=min(day.day, monthrange(first.year, first.month)[1]))


def _packages(rows: Sequence[Package], scanned: Sequence[Asset]) -> Iterable[PackageFacts]:
    """The packages as the papers say them.

    As soon as boxes are scanned, a row of boxes that carry codes counts what was scanned, never more than it plans;
    what is scanned beyond all rows follows as empty boxes in a row of its own.
    """
    free: dict[int, list[Asset]] = {}
    for asset in scanned:
        free.setdefault(asset.asset_type_id, []).append(asset)
    next_number = 1
    for index, row in enumerate(rows):
        kind = row.asset_type
        count, gross = row.count, row.gross_mass
        if kind is not None and not kind.counted and scanned:
            here = free.get(kind.id, [])
            count, free[kind.id] = min(row.count, len(here)), here[row.count :]
            other_packing = max(Decimal(0), row.gross_mass - row.net_mass - kind.tare)
            gross = row.net_mass + kind.tare + other_packing
        if count:
            size = (row.length_mm, row.width_mm, row.height_mm)
            if kind is not None and not all(size):
                size = (kind.length_mm, kind.width_mm, kind.height_mm)
            yield _package(index, next_number, count, row, kind, gross, size)
            next_number += count
    for assets in free.values():
        if assets:
            kind = assets[0].asset_type
            size = (kind.length_mm, kind.width_mm, kind.height_mm)
            yield _package(None, next_number, len(assets), None, kind, kind.tare, size)
            next_number += len(assets)


def _package(
    index: int | None,
    first: int,
    count: int,
    row: Package | None,
    kind: AssetType | None,
    gross: Decimal,
    size: tuple[int, int, int],
) -> PackageFacts:
    product = row.product if row else None
    net = row.net_mass if row else Decimal(0)
    pieces = row.pieces if row and product else Decimal(0)
    rec21 = row.package_code if row else kind.package_code if kind else ""
    customs = kind.cn_package_code if kind else codes.PACKAGES[rec21].more["cn_code"] if rec21 in codes.PACKAGES else ""
    return PackageFacts(
        row=index,
        first=first,
        last=first + count - 1,
        count=count,
        package=code_facts(codes.PACKAGES, rec21),
        customs_package=code_facts(codes.CN_PACKAGES, customs),
        box_type=kind.code if kind else "",
        part_no=product.part_no if product else "",
        description_en=product.description_en if product else "",
        description_zh=product.description_zh if product else "",
        unit=code_facts(codes.UNITS, product.unit) if product else None,
        pieces=pieces,
        quantity=pieces * count,
        net_mass=net,
        gross_mass=gross,
        tare=kind.tare if kind else Decimal(0),
        net_total=_round(net * count, _GRAM),
        gross_total=_round(gross * count, _GRAM),
        length_mm=size[0],
        width_mm=size[1],
        height_mm=size[2],
        volume=_round(Decimal(size[0] * size[1] * size[2] * count) / _CUBIC_MM, _LITRE),
        marks=row.marks if row else "",
        danger=_danger(product),
        customer_part_no=product.customer_part_no if product else "",
        origin=country_facts(product.origin) if product and product.origin else None,
    )


def _boxes(
    rows: Sequence[Package], scanned: Sequence[Asset], owners: dict[int, Party], consignor: Party
) -> Iterable[BoxFacts]:
    """One entry for each returnable type: those of the rows in their order, then those that were scanned unplanned."""
    kinds: dict[int, AssetType] = {}
    expected: dict[int, int] = {}
    for row in rows:
        if row.asset_type is not None:
            kinds.setdefault(row.asset_type.id, row.asset_type)
            expected[row.asset_type.id] = expected.get(row.asset_type.id, 0) + row.count
    for asset in scanned:
        kinds.setdefault(asset.asset_type_id, asset.asset_type)
    for key, kind in kinds.items():
        assets = [asset for asset in scanned if asset.asset_type_id == key]
        count = len(assets) if scanned and not kind.counted else expected.get(key, 0)
        whose = list(dict.fromkeys(asset.owner_id for asset in assets))
        named = [owners[one] for one in whose] or [consignor]
        yield BoxFacts(
            code=kind.code,
            name_en=kind.name_en,
            name_zh=kind.name_zh,
            counted=kind.counted,
            expected=expected.get(key, 0),
            scanned=len(assets),
            count=count,
            codes=tuple(asset.code for asset in assets),
            owner_en=" / ".join(owner.name_en for owner in named),
            owner_zh=" / ".join(owner.name_zh for owner in named if owner.name_zh),
            package=code_facts(codes.PACKAGES, kind.package_code),
            customs_package=code_facts(codes.CN_PACKAGES, kind.cn_package_code),
            tare=kind.tare,
            tare_total=_round(kind.tare * count, _GRAM),
            payload=kind.payload,
            value=kind.value,
            value_currency=kind.value_currency,
            value_total=_money(kind.value * count, kind.value_currency).amount,
            hs_code=kind.hs_code,
            elements=kind.declaration_elements,
            origin=country_facts(kind.origin) if kind.origin else None,
        )


def party_facts(party: Party) -> PartyFacts:
    """A party as papers name it."""
    return PartyFacts(
        address_en=_text_lines(party.address_en),
        address_zh=_text_lines(party.address_zh),
        country=country_facts(party.country),
        **{
            name: getattr(party, name)
            for name in (
                "code", "name_en", "name_zh", "contact", "phone", "email", "uscc", "customs_no", "vat_no", "eori",
                "bank_name", "bank_account", "bank_bic", "tax_no", "aeo_no", "gs1_company_prefix",
            )
        },
    )  # fmt: skip


def _place(place: Place) -> PlaceFacts:
    return PlaceFacts(
        code=place.code,
        name_en=place.name_en,
        name_zh=place.name_zh,
        address_en=_text_lines(place.address_en),
        address_zh=_text_lines(place.address_zh),
        country=country_facts(place.country),
        phone=place.phone,
    )


def country_facts(alpha2: str) -> CountryFacts:
    found = codes.countries().get(alpha2)
    return (
        CountryFacts(alpha2, found.more["alpha3"], found.en, found.zh)
        if found
        else CountryFacts(alpha2, "", alpha2, alpha2)
    )


def code_facts(table: dict[str, Code], code: str) -> CodeFacts:
    """A code with its names; one that is not in its list is printed as it is, and a check says so."""
    found = table.get(code)
    return CodeFacts(code, found.en, found.zh) if found else CodeFacts(code, code, code)


def _text_lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _round(value: Decimal, step: Decimal) -> Decimal:
    """Half up to the decimals of `step`, as invoices are rounded."""
    with localcontext(prec=_PRECISION):
        return Decimal(value).quantize(step, ROUND_HALF_UP)


def _words(language: Any, amount: Decimal, currency: str) -> str:
    if amount < 0 or currency not in codes.currencies():
        return ""
    return language(amount, currency)


def _by_frequency(counted: Iterable[tuple[CodeFacts, int]]) -> tuple[CodeFacts, ...]:
    sums: dict[CodeFacts, int] = {}
    for code, count in counted:
        sums[code] = sums.get(code, 0) + count
    return tuple(sorted(sums, key=lambda code: -sums[code]))


# ---- facts ↔ JSON

Facts = TypeVar("Facts")


def to_json(facts: Any) -> str:
    """Facts as JSON; `from_json` gives back exactly the same, every Decimal with its digits."""
    return json.dumps(facts, ensure_ascii=False, default=_plain, separators=(",", ":"))


def from_json(kind: type[Facts], text: str) -> Facts:
    """The facts that `to_json` wrote."""
    return _reader(kind)(json.loads(text))  # type: ignore[no-any-return, arg-type]


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if is_dataclass(value):  # as `asdict` has it, which copies every text beside
        kind: Any = type(value)
        return {name: getattr(value, name) for name in _names(kind)}
    if isinstance(value, date):  # a datetime too
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no plain value")


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """What makes a value of this kind of what JSON has for it; looked up once, since a paper has thousands."""
    if get_origin(kind) is UnionType:
        return _reader(next(one for one in get_args(kind) if one is not type(None)))
    if get_origin(kind) is tuple:
        read = _reader(get_args(kind)[0])
        return lambda value: None if value is None else tuple([read(one) for one in value])
    if is_dataclass(kind):
        readers = {name: _reader(hint) for name, hint in get_type_hints(kind).items()}

        def build(value: Any) -> Any:
            if value is None:
                return None
            # A later field has a default.
            return kind(**{name: readers[name](value[name]) for name in _names(kind) if name in value})  # type: ignore[operator, arg-type]

        return build
    if kind is Decimal:
        return lambda value: None if value is None else Decimal(value)
    if kind in (date, datetime):
        return lambda value: None if value is None else kind.fromisoformat(value)
    return lambda value: value
