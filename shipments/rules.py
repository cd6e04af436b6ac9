"""What a shipment as it is entered must obey. Pure: plain values in, every problem out, each naming its field.

The form and `save_shipment` ask the same functions, so that a shipment from a file or a command obeys what a typed
one obeys. What only a paper needs (a complete address, totals that agree) is checked where papers are made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from stdnum import iso6346

from errors import N_, InvalidInput, Message
from master_data import codes
from master_data.rules import BIDI_CONTROLS, plain_text
from shipments.details import FIELDS, Details

MAX_LINES = 1000
MAX_PACKAGES = 500
UNIT_PRICE_DECIMALS = 6
QUANTITY_DECIMALS = MASS_DECIMALS = 5  # what the China declaration can hold
_LARGEST = Decimal(10) ** 12

#: field → most characters; those of the database's columns, and for marks what the declaration holds
TEXT_LIMITS = {
    "named_place": 64, "payment_terms": 128, "contract_no": 32, "order_no": 35, "port_of_loading_name": 64,
    "port_of_discharge_name": 64, "place_of_delivery": 64, "vessel": 50, "voyage": 32, "transport_document_no": 32,
    "seal_no": 32, "marks": 400, "remarks": 1000, "customs_office_name": 64, "exit_port_name": 64,
    "destination_port_name": 64,
}  # fmt: skip
PACKAGE_MARKS_LIMIT = 255

#: state → its title
STATES = {
    "open": N_("open"),
    "dispatched": N_("dispatched"),
    "closed": N_("closed"),
    "cancelled": N_("cancelled"),
}
#: state → states that may follow it; the ways back are there because a wrong click must not need an administrator
NEXT_STATES = {
    "open": ("dispatched", "cancelled"),
    "dispatched": ("closed", "open"),
    "closed": ("dispatched",),
    "cancelled": ("open",),
}


@dataclass(frozen=True)
class LineEntry:
    """One line as entered; None: not entered or not readable."""

    product: str = ""  # part no.
    quantity: Decimal | None = None
    unit_price: Decimal | None = None
    invoice_group: str = ""  # lines of one group share an invoice: A, B …


@dataclass(frozen=True)
class PackageEntry:
    """`count` packages that are alike, as entered; masses in kg and pieces are those of one package."""

    asset_type: str = ""  # code; empty: one-way packing
    package_code: str = ""
    count: int | None = None
    product: str = ""
    pieces: Decimal | None = None
    net_mass: Decimal | None = None
    gross_mass: Decimal | None = None
    length_mm: int | None = None
    width_mm: int | None = None
    height_mm: int | None = None
    marks: str = ""


@dataclass(frozen=True)
class ShipmentEntry:
    """A shipment as entered: the columns of `Shipment`, with parties, places and products by their codes."""

    consignor: str = ""
    consignee: str = ""
    notify_party: str = ""
    ship_from: str = ""
    buyer: str = ""  # empty: the consignee
    manufacturer: str = ""  # empty: the consignor
    forwarder: str = ""
    carrier: str = ""
    broker: str = ""
    deliver_to: str = ""
    letter_of_credit: str = ""  # code
    invoiced_with: str = ""  # number of the shipment whose invoice names this one too
    invoice_date: date | None = None
    departure_date: date | None = None
    contract_no: str = ""
    order_no: str = ""
    incoterm: str = ""
    named_place: str = ""
    payment_terms: str = ""
    transport_mode: str = ""
    port_of_loading: str = ""
    port_of_loading_name: str = ""
    port_of_discharge: str = ""
    port_of_discharge_name: str = ""
    place_of_delivery: str = ""
    vessel: str = ""
    voyage: str = ""
    transport_document_no: str = ""
    freight_container_no: str = ""
    seal_no: str = ""
    currency: str = ""
    freight: Decimal | None = None
    insurance: Decimal | None = None
    other_charges: Decimal | None = None
    marks: str = ""
    remarks: str = ""
    customs_regime: str = "0110"
    duty_nature: str = "101"
    duty_mode: str = "1"
    customs_office: str = ""
    customs_office_name: str = ""
    exit_port: str = ""
    exit_port_name: str = ""
    destination_port: str = ""
    destination_port_name: str = ""
    trading_country: str = ""
    destination_country: str = ""
    lines: tuple[LineEntry, ...] = ()
    packages: tuple[PackageEntry, ...] = ()


#: the fields of a shipment that hold the code of a party; the first two are needed
PARTY_ROLES = ("consignor", "consignee", "notify_party", "buyer", "manufacturer", "forwarder", "carrier", "broker")
PLACE_ROLES = ("ship_from", "deliver_to")


@dataclass(frozen=True)
class OtherShipment:
    """What has to agree between shipments that share an invoice; parties by their codes."""

    number: str
    consignor: str
    consignee: str
    currency: str
    incoterm: str
    state: str = "open"
    invoiced_with: str = ""  # number


@dataclass(frozen=True)
class Known:
    """What an entry may name: code → row (anything with the attributes that the rules ask)."""

    parties: Mapping[str, Any] = field(default_factory=dict)  # own
    places: Mapping[str, Any] = field(default_factory=dict)
    products: Mapping[str, Any] = field(default_factory=dict)  # net_mass
    asset_types: Mapping[str, Any] = field(default_factory=dict)  # tare, payload
    credits: Mapping[str, Any] = field(default_factory=dict)
    number: str = ""  # of the shipment that is changed; '' a new one
    invoice_shipment: OtherShipment | None = None  # the one that the entry names as `invoiced_with`
    followers: tuple[OtherShipment, ...] = ()  # those that are invoiced with the one that is changed

    def party(self, code: str) -> Any:
        """The party with this code, None when there is none."""
        return _find(self.parties, code)

    def place(self, code: str) -> Any:
        """The place with this code, None when there is none."""
        return _find(self.places, code)

    def product(self, code: str) -> Any:
        """The product with this part number, None when there is none."""
        return _find(self.products, code)

    def asset_type(self, code: str) -> Any:
        """The type of boxes with this code, None when there is none."""
        return _find(self.asset_types, code)

    def credit(self, code: str) -> Any:
        """The letter of credit with this code, None when there is none."""
        return _find(self.credits, code)


def _find(rows: Mapping[str, Any], code: str) -> Any:
    # Whoever types `hamburg` means HAMBURG; an exact match wins over one in capitals.
    return rows.get(code) or rows.get(code.upper())


@dataclass(frozen=True)
class Problem:
    """Why an entry cannot be saved: the field's id on the form (`lines-0-quantity`) and a sentence."""

    field: str
    message: Message


def problems(entry: ShipmentEntry, known: Known, today: date) -> list[Problem]:
    """Everything that keeps `entry` from being saved, in the order of the form; empty: it may be saved."""
    found: list[Problem] = []
    for name, text, values in _head_problems(entry, known, today):
        found.append(Problem(name, Message(text, values)))
    if not entry.lines:
        found.append(Problem("lines-0-product", Message(N_("A shipment needs at least one line: enter what is sent."))))
    if len(entry.lines) > MAX_LINES:
        found.append(
            Problem("lines-0-product", Message(N_("More than %(max)s lines; split the shipment."), {"max": MAX_LINES}))
        )
    if len(entry.packages) > MAX_PACKAGES:
        text = N_("More than %(max)s rows of packages; put packages that are alike into one row.")
        found.append(Problem("packages-0-package_code", Message(text, {"max": MAX_PACKAGES})))
    for index, line in enumerate(entry.lines):
        found += [Problem(f"lines-{index}-{p.field}", p.message) for p in line_problems(line, known)]
    for index, package in enumerate(entry.packages):
        found += [Problem(f"packages-{index}-{p.field}", p.message) for p in package_problems(package, known)]
    return found


_Found = Iterator[tuple[str, str, dict[str, Any]]]


def _head_problems(entry: ShipmentEntry, known: Known, today: date) -> _Found:
    yield from _party_problems(entry, known)
    yield from _invoice_problems(entry, known)
    yield from _term_problems(entry)
    yield from _money_problems(entry)
    yield from _route_problems(entry)
    yield from _customs_problems(entry)
    for name in ("invoice_date", "departure_date"):
        day = getattr(entry, name)
        if day and not date(2000, 1, 1) <= day <= date(today.year + 3, 12, 31):
            yield name, N_("%(day)s cannot be right; check the year."), {"day": day.isoformat()}
    for name, limit in TEXT_LIMITS.items():
        yield from _text_problems(name, getattr(entry, name), limit)


def _party_problems(entry: ShipmentEntry, known: Known) -> _Found:
    for name in PARTY_ROLES:
        code = getattr(entry, name)
        if not code and name in ("consignor", "consignee"):
            yield name, N_("This is needed."), {}
        elif code and known.party(code) is None:
            yield name, N_("There is no partner with the code %(code)s; choose one of the list."), {"code": code[:40]}
    consignor = known.party(entry.consignor)
    if consignor is not None and not consignor.own:
        yield "consignor", N_("%(code)s is not one of our own companies; only these send."), {"code": entry.consignor}
    if consignor is not None and consignor is known.party(entry.consignee):
        yield "consignee", N_("Consignor and consignee are the same company."), {}
    for name in PLACE_ROLES:
        code = getattr(entry, name)
        if code and known.place(code) is None:
            yield name, N_("There is no place with the code %(code)s; choose one of the list."), {"code": code[:40]}
    code = entry.letter_of_credit
    if code and known.credit(code) is None:
        text = N_("There is no letter of credit with the code %(code)s; choose one of the list.")
        yield "letter_of_credit", text, {"code": code[:40]}


#: what shipments on one invoice have in common → its name in a sentence
_SHARED = {
    "consignor": N_("the consignor"),
    "consignee": N_("the consignee"),
    "currency": N_("the currency"),
    "incoterm": N_("the Incoterm"),
}


def _invoice_problems(entry: ShipmentEntry, known: Known) -> _Found:
    """One invoice may cover several shipments: each of them names the one that carries it, and that one names none."""
    wanted, other = entry.invoiced_with, known.invoice_shipment
    values = {"number": wanted[:40]}
    if wanted and other is None:
        yield "invoiced_with", N_("There is no shipment %(number)s."), values
    elif other is not None and other.number == known.number:
        yield "invoiced_with", N_("A shipment cannot be invoiced with itself; leave this empty."), {}
    elif other is not None and other.state == "cancelled":
        yield "invoiced_with", N_("%(number)s is cancelled."), values
    elif other is not None and other.invoiced_with:
        text = N_("%(number)s is itself invoiced with %(other)s; name that one here.")
        yield "invoiced_with", text, {**values, "other": other.invoiced_with}
    elif other is not None and known.followers:
        text = N_("%(others)s is invoiced with this shipment, so this one cannot be invoiced with another.")
        yield "invoiced_with", text, {"others": _numbers(known.followers)}
    elif other is not None and (names := _differing(entry, other, known)):
        text = N_("%(number)s differs in %(what)s; shipments on one invoice have it in common.")
        yield "invoiced_with", text, {**values, "what": Message(_SHARED[names[0]])}
    for name in _SHARED:
        others = [one for one in known.followers if name in _differing(entry, one, known)]
        if others and getattr(entry, name):
            text = N_("%(others)s is on the invoice of this shipment and would differ; change it there first.")
            yield name, text, {"others": _numbers(others)}


def _numbers(others: Iterable[OtherShipment]) -> str:
    return ", ".join(one.number for one in others)


def _differing(entry: ShipmentEntry, other: OtherShipment, known: Known) -> list[str]:
    """The names in `_SHARED` in which the entry and another shipment differ."""
    return [
        name
        for name in _SHARED
        if (
            known.party(getattr(entry, name)) is not known.party(getattr(other, name))
            if name in PARTY_ROLES
            else getattr(entry, name) != getattr(other, name)
        )
    ]


def _term_problems(entry: ShipmentEntry) -> _Found:
    """Incoterms 2020: each rule goes with a named place; FAS, FOB, CFR, CIF are for sea and inland waterway only."""
    term = codes.INCOTERMS.get(entry.incoterm)
    if not entry.incoterm:
        yield "incoterm", N_("This is needed."), {}
    elif term is None:
        yield "incoterm", N_("%(code)s is not an Incoterm 2020."), {"code": entry.incoterm[:10]}
    elif term.more["sea_only"] == "1" and entry.transport_mode in codes.TRANSPORT_MODES and entry.transport_mode != "1":
        yield (
            "incoterm",
            N_("%(term)s is for sea transport only, but the mode is %(mode)s; use %(right)s instead."),
            {"term": term.code, "mode": mode_name(entry.transport_mode), "right": _ANY_MODE[term.code]},
        )
    if not entry.named_place:
        text = N_("%(term)s needs a named place, for example %(example)s.")
        example = {"origin": "Shanghai", "destination": "Hamburg"}[term.more["place_side"] if term else "origin"]
        yield (
            "named_place",
            text,
            {"term": entry.incoterm or Message(N_("The Incoterm")), "example": f"{entry.incoterm or 'FCA'} {example}"},
        )
    if not entry.transport_mode:
        yield "transport_mode", N_("This is needed."), {}
    elif entry.transport_mode not in codes.TRANSPORT_MODES:
        yield "transport_mode", N_("%(code)s is not in the list."), {"code": entry.transport_mode[:10]}


#: sea-only term → the term of the same duties for any mode (Incoterms 2020, introduction)
_ANY_MODE = {"FAS": "FCA", "FOB": "FCA", "CFR": "CPT", "CIF": "CIP"}

_MODE_NAMES = {"1": N_("sea"), "2": N_("rail"), "3": N_("road"), "4": N_("air"), "5": N_("mail")}


def mode_name(code: str) -> Message:
    """The name of a mode of transport (UN/ECE Rec. 19), to be translated."""
    return Message(_MODE_NAMES.get(code, code))


def _money_problems(entry: ShipmentEntry) -> _Found:
    if not entry.currency:
        yield "currency", N_("This is needed."), {}
    elif entry.currency not in codes.currencies():
        yield "currency", N_("%(code)s is not a currency of ISO 4217."), {"code": entry.currency[:10]}
    for name in ("freight", "insurance", "other_charges"):
        amount = getattr(entry, name)
        if amount is None:
            continue
        if amount < 0 and name != "other_charges":
            yield name, N_("This cannot be below 0."), {}
        if abs(amount) >= _LARGEST:
            yield name, N_("This number is too large."), {}
        if entry.currency in codes.currencies():
            most = codes.currency_decimals(entry.currency)
            if decimals(amount) > most:
                text = N_("%(currency)s has %(most)s decimals, %(amount)s has %(count)s.")
                values = {"currency": entry.currency, "most": most, "amount": f"{amount:f}", "count": decimals(amount)}
                yield name, text, values


def decimals(value: Decimal) -> int:
    """How many decimals a number needs; zeros at its end do not count: 1.50 → 1."""
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


_LOCODE = re.compile(r"[A-Z]{2}[A-Z2-9]{3}")
_AWB = re.compile(r"(\d{3})[- ]?(\d{7})(\d)")
_CONTAINER = re.compile(r"[A-Z]{3}[UJZ]\d{7}")


def _route_problems(entry: ShipmentEntry) -> _Found:
    for name in ("port_of_loading", "port_of_discharge"):
        code = getattr(entry, name)
        if code and not _LOCODE.fullmatch(code):
            text = N_("%(code)s is not a UN/LOCODE: 2 letters of the country and 3 letters or digits 2–9, like CNSHA.")
            yield name, text, {"code": code[:20]}
        elif code and not codes.is_country(code[:2]):
            yield name, N_("%(code)s: there is no country %(country)s."), {"code": code, "country": code[:2]}
    container = entry.freight_container_no
    if container and not _CONTAINER.fullmatch(container):
        text = N_(
            "%(code)s is not a freight container number: 4 letters (the last U, J or Z) and 7 digits, like CSQU3054383."
        )
        yield "freight_container_no", text, {"code": container[:20]}
    elif container and (digit := iso6346.calc_check_digit(container[:10])) != container[10]:
        text = N_("The check digit of %(code)s should be %(digit)s (ISO 6346), not %(typed)s; read the number again.")
        yield "freight_container_no", text, {"code": container, "digit": digit, "typed": container[10]}
    if entry.transport_mode == "4" and entry.transport_document_no:
        yield from _awb_problems(entry.transport_document_no)


def _awb_problems(number: str) -> _Found:
    """An air waybill: 3 digits of the airline, 7 of the number, check digit = number mod 7 (IATA Resolution 600a).

    China writes MASTER_HOUSE; a house number has no form of its own.
    """
    match = _AWB.fullmatch(number.partition("_")[0].strip())
    if not match:
        text = N_("%(code)s is not an air waybill number: 3 and 8 digits, like 618-12345675.")
        yield "transport_document_no", text, {"code": number[:40]}
    elif (digit := str(int(match[2]) % 7)) != match[3]:
        text = N_("The check digit of %(code)s should be %(digit)s, not %(typed)s; read the number again.")
        yield "transport_document_no", text, {"code": number[:40], "digit": digit, "typed": match[3]}


def _customs_problems(entry: ShipmentEntry) -> _Found:
    for name, known_codes in (
        ("customs_regime", codes.CUSTOMS_REGIMES), ("duty_nature", codes.DUTY_NATURES), ("duty_mode", codes.DUTY_MODES),
    ):  # fmt: skip
        code = getattr(entry, name)
        if code not in known_codes:
            yield name, N_("%(code)s is not in the list."), {"code": code[:10] or "–"}
    for name, pattern, text in (
        ("customs_office", r"[0-9]{4}", N_("A customs office has 4 digits, like 2248.")),
        ("exit_port", r"[0-9]{6}", N_("A place of departure from China has 6 digits, like 310001.")),
        (
            "destination_port",
            r"[A-Z0-9]{6}",
            N_("A customs port code has 6 capitals or digits, like DEU066; it is not a UN/LOCODE."),
        ),
    ):
        if getattr(entry, name) and not re.fullmatch(pattern, getattr(entry, name)):
            yield name, text, {}
    for name in ("trading_country", "destination_country"):
        code = getattr(entry, name)
        if code and not codes.is_country(code):
            yield name, N_("%(code)s is not a country code of ISO 3166."), {"code": code[:10]}


def _text_problems(name: str, text: str, limit: int) -> _Found:
    if len(text) > limit:
        values = {"max": limit, "count": len(text)}
        yield name, N_("At most %(max)s characters have room here; these are %(count)s."), values
    if any((c < " " and c != "\n") or c in BIDI_CONTROLS for c in text):
        yield name, N_("There is a control character in this text; type it anew."), {}


def line_problems(line: LineEntry, known: Known) -> list[Problem]:
    """What is wrong with one line; the fields are those of LineEntry."""
    return [Problem(name, Message(text, values)) for name, text, values in _line_problems(line, known)]


def _line_problems(line: LineEntry, known: Known) -> _Found:
    if not line.product:
        yield "product", N_("The part number is missing."), {}
    elif known.product(line.product) is None:
        yield "product", N_("There is no product with the part number %(code)s."), {"code": line.product[:64]}
    if line.quantity is None:
        yield "quantity", N_("The quantity is missing."), {}
    elif line.quantity <= 0:
        yield "quantity", N_("The quantity must be above 0."), {}
    else:
        yield from _size_problems("quantity", line.quantity, QUANTITY_DECIMALS)
    if line.unit_price is None:
        yield "unit_price", N_("The unit price is missing; 0 for goods free of charge."), {}
    elif line.unit_price < 0:
        yield "unit_price", N_("This cannot be below 0."), {}
    else:
        yield from _size_problems("unit_price", line.unit_price, UNIT_PRICE_DECIMALS)
    if line.invoice_group and not re.fullmatch(r"[A-Z0-9]{1,4}", line.invoice_group):
        yield "invoice_group", N_("An invoice group is 1 to 4 letters A–Z or digits, like A."), {}


def _size_problems(name: str, value: Decimal, most: int) -> _Found:
    if value >= _LARGEST:
        yield name, N_("This number is too large."), {}
    if decimals(value) > most:
        yield name, N_("At most %(most)s decimals; these are %(count)s."), {"most": most, "count": decimals(value)}


def package_problems(package: PackageEntry, known: Known) -> list[Problem]:
    """What is wrong with one row of packages; the fields are those of PackageEntry."""
    return [Problem(name, Message(text, values)) for name, text, values in _package_problems(package, known)]


def _package_problems(package: PackageEntry, known: Known) -> _Found:
    box = known.asset_type(package.asset_type) if package.asset_type else None
    if package.asset_type and box is None:
        yield "asset_type", N_("There is no box type with the code %(code)s."), {"code": package.asset_type[:40]}
    if not package.package_code:
        yield "package_code", N_("The kind of package is missing."), {}
    elif package.package_code not in codes.PACKAGES:
        yield (
            "package_code",
            N_("%(code)s is not a package code of UN/ECE Rec. 21."),
            {"code": package.package_code[:10]},
        )
    if package.product and known.product(package.product) is None:
        yield "product", N_("There is no product with the part number %(code)s."), {"code": package.product[:64]}
    if package.count is None:
        yield "count", N_("The number of packages is missing."), {}
    elif not 1 <= package.count <= 100_000:
        yield "count", N_("The number of packages must be from 1 to 100,000."), {}
    if package.pieces is not None:
        if package.pieces < 0:
            yield "pieces", N_("This cannot be below 0."), {}
        else:
            yield from _size_problems("pieces", package.pieces, QUANTITY_DECIMALS)
        if package.pieces > 0 and not package.product:
            yield "product", N_("Which product are these pieces?"), {}
    for name in ("length_mm", "width_mm", "height_mm"):
        size = getattr(package, name)
        if size is not None and not 0 <= size <= 100_000:
            yield name, N_("A length must be from 0 to 100,000 mm."), {}
    yield from _text_problems("marks", package.marks, PACKAGE_MARKS_LIMIT)
    yield from _mass_problems(package, box)


def _mass_problems(package: PackageEntry, box: Any) -> _Found:
    net, gross = package.net_mass, package.gross_mass
    for name, mass in (("net_mass", net), ("gross_mass", gross)):
        if mass is None:
            yield name, N_("The mass is missing."), {}
        elif mass < 0:
            yield name, N_("This cannot be below 0."), {}
        else:
            yield from _size_problems(name, mass, MASS_DECIMALS)
    if net is None or gross is None:
        return
    if gross == 0:
        yield "gross_mass", N_("A package weighs something: the gross mass must be above 0 kg."), {}
    if net > gross:
        values = {"net": f"{net:f}", "gross": f"{gross:f}"}
        yield "gross_mass", N_("The net mass (%(net)s kg) is above the gross mass (%(gross)s kg)."), values
    elif box is not None and gross < net + box.tare:
        values = {"gross": f"{gross:f}", "least": f"{net + box.tare:f}", "net": f"{net:f}", "tare": f"{box.tare:f}"}
        text = N_("%(gross)s kg is below net mass and empty box together: %(net)s + %(tare)s = %(least)s kg.")
        yield "gross_mass", text, values
    if box is not None and box.payload and net > box.payload:
        values = {"net": f"{net:f}", "payload": f"{box.payload:f}"}
        yield "net_mass", N_("%(net)s kg is more than this box may carry (%(payload)s kg)."), values


def may_follow(state: str, new_state: str) -> bool:
    """True when a shipment in `state` may be set to `new_state`."""
    return new_state in NEXT_STATES.get(state, ())


def propose_packages(lines: Iterable[LineEntry], box_code: str, known: Known) -> list[PackageEntry]:
    """Packages for all lines in boxes of one type: full ones, and one for the rest of each line.

    As many pieces as the type usually holds and its payload allows. A line without a known product and quantity, and a
    product of which not one piece may be carried, gets none.
    """
    box = known.asset_type(box_code)
    made: list[PackageEntry] = []
    for line in lines:
        product = known.product(line.product)
        if box is None or product is None or not line.quantity or line.quantity <= 0:
            continue
        fill = Decimal(box.pieces_per_box) or line.quantity
        if product.net_mass > 0 and box.payload > 0:
            fill = min(fill, box.payload // product.net_mass)
        if fill <= 0:
            continue
        full, rest = divmod(line.quantity, fill)
        for count, pieces in ((int(full), fill), (1, rest)):
            if count and pieces:
                net = pieces * product.net_mass
                made.append(PackageEntry(
                    asset_type=box.code, package_code=box.package_code, count=count, product=product.part_no,
                    pieces=pieces, net_mass=net, gross_mass=net + box.tare,
                    length_mm=box.length_mm, width_mm=box.width_mm, height_mm=box.height_mm,
                ))  # fmt: skip
    return made


# ---- the details that single papers ask for

PERCENTS = ("quantity_tolerance", "insured_percent", "premium_rate")
MASSES = ("container_tare", "container_max_gross", "vgm_mass", "dunnage_mass")
VALUES = ("declared_value_carriage", "declared_value_customs")
PERCENT_DECIMALS = 4

#: field → what it must look like, and the sentence when it does not
_DETAIL_FORMS = {
    "airport_of_departure": (r"[A-Z]{3}", N_("An airport has the 3 letters of IATA, like PVG.")),
    "airport_of_destination": (r"[A-Z]{3}", N_("An airport has the 3 letters of IATA, like PVG.")),
    "proxy_services": (r"(?!.*(.).*\1)[A-H]+", N_("The services are letters from A to H, each once, like ABD.")),
    "box_declaration_no": (r"[0-9]{18}", N_("The number of a declaration has 18 digits.")),
    "box_original_declaration": (r"[0-9]{18}", N_("The number of a declaration has 18 digits.")),
}


def details_problems(details: Details, currency: str) -> list[Problem]:
    """Everything that keeps details from being saved, in the order of their page; `currency`: of the shipment."""
    found: list[Problem] = []
    for name in FIELDS:
        found += [Problem(name, Message(text, values)) for name, text, values in _detail_problems(name, details)]
        if name in VALUES and currency in codes.currencies() and not any(one.field == name for one in found):
            most, value = codes.currency_decimals(currency), getattr(details, name)
            if value is not None and decimals(value) > most:
                text = N_("%(currency)s has %(most)s decimals, %(amount)s has %(count)s.")
                values = {"currency": currency, "most": most, "amount": f"{value:f}", "count": decimals(value)}
                found.append(Problem(name, Message(text, values)))
    wrong = {one.field for one in found}
    together = [(name, text, values) for name, text, values in _details_together(details) if name not in wrong]
    return found + [Problem(name, Message(text, values)) for name, text, values in together]


def _detail_problems(name: str, details: Details) -> _Found:
    kind, value = FIELDS[name].metadata["kind"], getattr(details, name)
    if value in ("", None) or kind == "yes":
        return
    if kind == "text":
        try:
            plain_text(name, value, FIELDS[name].metadata["limit"], lines=FIELDS[name].metadata["lines"])
        except InvalidInput as error:
            yield name, error.message.text, error.message.values
        else:
            pattern, text = _DETAIL_FORMS.get(name, ("", ""))
            if pattern and not re.fullmatch(pattern, value):
                yield name, text, {}
    elif kind == "choice":
        if value not in FIELDS[name].metadata["choices"]:
            yield name, N_("%(code)s is not in the list."), {"code": value[:20]}
    elif kind in ("day", "moment"):
        if isinstance(value, datetime) and value.tzinfo is not None:
            yield name, N_("This is the time of the place, without a zone."), {}
        elif not 2000 <= value.year <= 2099:
            yield name, N_("%(day)s cannot be right; check the year."), {"day": value.isoformat()[:10]}
    else:
        yield from _detail_number_problems(name, value)


def _detail_number_problems(name: str, value: Decimal | int) -> _Found:
    if value < 0:
        yield name, N_("This cannot be below 0."), {}
    elif name in PERCENTS and value > 1000:
        yield name, N_("This is per cent: from 0 to 1000."), {}
    elif value >= _too_large(name):
        yield name, N_("This number is too large."), {}
    elif name not in VALUES:
        most = PERCENT_DECIMALS if name in PERCENTS else MASS_DECIMALS
        yield from _size_problems(name, Decimal(value), most)


def _too_large(name: str) -> int:
    if name in MASSES:
        return 10**9
    return 10**12 if FIELDS[name].metadata["kind"] == "exact" else 10**6 + 1


def _details_together(details: Details) -> _Found:
    tare, most = details.container_tare, details.container_max_gross
    if tare is not None and most is not None and most <= tare:
        text = N_("The largest gross mass (%(most)s kg) is not above the tare (%(tare)s kg).")
        yield "container_max_gross", text, {"most": most, "tare": tare}
    if details.delivery_from and details.delivery_until and details.delivery_until < details.delivery_from:
        yield "delivery_until", N_("The delivery ends before it begins."), {}
    if details.airport_of_departure and details.airport_of_departure == details.airport_of_destination:
        yield "airport_of_destination", N_("This is the airport of departure."), {}
