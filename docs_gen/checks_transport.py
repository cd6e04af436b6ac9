"""What forwarders and carriers refuse: missing days, masses that contradict each other, hazards half described.

Packages, masses, container and seal come from one source for every paper (R8, R9, R31); checked here is what a person
types once more beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from docs_gen import checks
from docs_gen.checks import Problem, error, warning
from docs_gen.facts import DangerFacts, PartyFacts, ShipmentFacts
from docs_gen.latin import CARRIER_LINE, not_for_carriers
from errors import N_

#: marks as carriers' systems hold them (EDIFACT PCI: 10 × 35)
MARK_LINES = 10
#: kg and per cent by which a weighed container may differ from what its contents add up to, before somebody asks
VGM_KILOGRAMS, VGM_PERCENT = Decimal(500), Decimal(5)
#: kg by which a VGM by method 2 may differ from its sum: it is declared in whole kilograms
VGM_ROUNDING = Decimal(1)

#: classes whose substances have a packing group (IMDG Code 2.0.1.3); some of their articles have none
_GROUPED = ("3", "4.1", "4.2", "4.3", "5.1", "6.1", "8")


# ---- booking, bill of lading


def booked_with(facts: ShipmentFacts) -> Iterator[Problem]:
    """R43: a booking note is addressed to somebody."""
    if facts.forwarder is None and facts.carrier is None:
        yield error("R43", "shipment:forwarder", N_("Neither forwarder nor carrier is named: whom is this sent to?"))
    for party in filter(None, (facts.forwarder, facts.carrier)):
        if not party.name_en.strip():
            yield error("R13", f"party:{party.code}:name_en", N_("%(party)s has no English name."), party=party.code)


def cargo_ready(facts: ShipmentFacts) -> Iterator[Problem]:
    """R43, R40: a booking says when the goods are ready, and that is not after they leave."""
    ready, leaves = facts.details.cargo_ready_date, facts.departure_date
    if ready is None:
        yield error("R43", "details:cargo_ready_date", N_("The day on which the goods are ready is missing."))
    elif leaves and ready > leaves:
        yield warning(
            "R40", "details:cargo_ready_date", N_("The goods are ready on %(ready)s but leave on %(leaves)s."),
            ready=ready.isoformat(), leaves=leaves.isoformat(),
        )  # fmt: skip


def cutoffs_in_order(facts: ShipmentFacts) -> Iterator[Problem]:
    """R40: no cut-off lies before the goods are ready or after they leave. All are local to the place of departure."""
    for name in ("customs_cutoff", "si_cutoff", "vgm_cutoff", "cy_cutoff"):
        moment = getattr(facts.details, name)
        if moment is None:
            continue
        if facts.departure_date and moment.date() > facts.departure_date:
            yield warning(
                "R40", f"details:{name}", N_("This cut-off is after the day of departure, %(leaves)s."),
                leaves=facts.departure_date.isoformat(),
            )  # fmt: skip
        ready = facts.details.cargo_ready_date
        if name == "cy_cutoff" and ready and moment.date() < ready:
            yield warning(
                "R40", "details:cy_cutoff",
                N_("The container yard closes before the goods are ready, on %(ready)s."), ready=ready.isoformat(),
            )  # fmt: skip


def equipment(facts: ShipmentFacts) -> Iterator[Problem]:
    """R43: by sea a booking names the containers, and a reefer its temperature."""
    details = facts.details
    if facts.transport.code == "1" and not details.equipment_type:
        yield warning("R43", "details:equipment_type", N_("No type of container is named."))
    if details.equipment_type in ("22R1", "45R1") and not details.temperature.strip():
        yield error("R43", "details:temperature", N_("A reefer container needs its temperature."))
    if details.equipment_type and details.equipment_type not in ("22R1", "45R1") and details.temperature.strip():
        yield warning(
            "R43", "details:temperature",
            N_("A temperature is given, but %(type)s is no reefer container."), type=details.equipment_type,
        )  # fmt: skip
    yield from one_container(facts)


def one_container(facts: ShipmentFacts) -> Iterator[Problem]:
    """R31: a container number stands for one container; where more are booked, the papers cannot name them all."""
    count = facts.details.equipment_count
    if count is not None and count < 1:
        yield error("R31", "details:equipment_count", N_("The number of containers must be above zero."))
    elif count and count > 1 and facts.freight_container_no:
        yield warning(
            "R31", "details:equipment_count",
            N_("%(count)s containers are booked, the shipment names one: make a shipment for each container."),
            count=count,
        )  # fmt: skip


def bill_of_lading(facts: ShipmentFacts) -> Iterator[Problem]:
    """R43, R38: which transport document is wanted, and how many originals; an order bill is an original.

    A credit that forbids what is asked here is looked at with the bank's papers.
    """
    details = facts.details
    if not details.bl_type:
        yield error(
            "R43",
            "details:bl_type",
            N_("Bill of lading, sea waybill or telex release: it is not said which is wanted."),
        )
    if details.bl_type == "original" and not details.bl_originals:
        yield error("R43", "details:bl_originals", N_("The number of original bills of lading is missing."))
    if details.bl_type == "waybill" and details.bl_originals:
        yield warning("R43", "details:bl_originals", N_("A sea waybill has no originals, but a number is given."))
    if details.bl_type == "waybill" and details.consignee_to_order.strip():
        yield error(
            "R38", "details:consignee_to_order",
            N_("A sea waybill cannot be made out to order: name the consignee or ask for bills of lading."),
        )  # fmt: skip
    if not details.freight_payable_at.strip():
        yield warning("R43", "details:freight_payable_at", N_("The place where the freight is payable is missing."))


def booking_known(facts: ShipmentFacts) -> Iterator[Problem]:
    """R43: a carrier finds a shipping instruction by its booking number."""
    if not facts.details.booking_no.strip():
        yield error("R43", "details:booking_no", N_("The booking number is missing."))
    if facts.carrier is None:
        yield warning("R43", "shipment:carrier", N_("The carrier is not named."))


def order_needs_notify(facts: ShipmentFacts) -> Iterator[Problem]:
    """R43: goods to order have no consignee whom the carrier could tell that they have arrived."""
    if facts.details.consignee_to_order.strip() and facts.notify_party is None:
        yield error(
            "R43", "shipment:notify_party",
            N_("A bill of lading to order needs a notify party: nobody else learns that the goods have arrived."),
        )  # fmt: skip


def carrier_characters(facts: ShipmentFacts) -> Iterator[Problem]:
    """R42: what goes to the carrier is capital Latin text (ISO 9735, level A); accents are spelled out anyway."""
    for field, text in _carried(facts):
        if left := not_for_carriers(text):
            shown = " ".join(f"{c} (U+{ord(c):04X})" for c in left[:5])
            yield error(
                "R42", field, N_("Carriers take Latin letters only; these are not: %(characters)s"), characters=shown
            )


def carrier_lines(facts: ShipmentFacts) -> Iterator[Problem]:
    """R42: a line for the carrier has at most 35 characters (EDIFACT C080, C059), and the marks ten lines."""
    for field, text in _lines(facts):
        if len(text) > CARRIER_LINE:
            yield error(
                "R42", field, N_("“%(line)s” has more than %(limit)s characters, the line of a carrier."),
                line=text[:40], limit=CARRIER_LINE,
            )  # fmt: skip
    for party in _named(facts):
        if len(party.name_en) > 2 * CARRIER_LINE:
            yield error(
                "R42", f"party:{party.code}:name_en",
                N_("%(party)s: a name of more than %(limit)s characters does not fit on a bill of lading."),
                party=party.code, limit=2 * CARRIER_LINE,
            )  # fmt: skip
    if len(facts.marks) > MARK_LINES:
        yield warning(
            "R42", "shipment:marks", N_("Carriers take %(limit)s lines of marks."), limit=MARK_LINES
        )  # fmt: skip


def _named(facts: ShipmentFacts) -> Iterator[PartyFacts]:
    yield facts.seller
    if not facts.details.consignee_to_order.strip():
        yield facts.consignee
    if facts.notify_party:
        yield facts.notify_party


def _lines(facts: ShipmentFacts) -> Iterator[tuple[str, str]]:
    for party in _named(facts):
        for line in party.address_en:
            yield f"party:{party.code}:address_en", line
    for line in facts.details.consignee_to_order.splitlines():
        yield "details:consignee_to_order", line
    for line in facts.marks:
        yield "shipment:marks", line


def _carried(facts: ShipmentFacts) -> Iterator[tuple[str, str]]:
    """Every text that goes to the carrier, with its field."""
    for party in filter(None, (*_named(facts), facts.carrier)):
        yield f"party:{party.code}:name_en", party.name_en
        yield f"party:{party.code}:phone", party.phone
        yield f"party:{party.code}:address_en", "\n".join(party.address_en)
    for name in ("consignee_to_order", "pre_carriage", "place_of_receipt", "freight_payable_at", "temperature",
                 "special_instructions"):  # fmt: skip
        yield f"details:{name}", getattr(facts.details, name)
    for name in ("vessel", "voyage", "port_of_loading_name", "port_of_discharge_name", "place_of_delivery", "seal_no"):
        yield f"shipment:{name}", getattr(facts, name)
    yield "shipment:marks", "\n".join(facts.marks)
    for line in facts.lines:
        yield f"product:{line.part_no}:description_en", line.description_en
        if line.danger:
            yield f"product:{line.part_no}:proper_shipping_name", line.danger.proper_shipping_name


# ---- the container and its mass


def container_named(facts: ShipmentFacts) -> Iterator[Problem]:
    """R43: a verified gross mass is that of one container, named by its number."""
    if not facts.freight_container_no:
        yield error("R43", "shipment:freight_container_no", N_("The container number is missing."))


def booking_or_bill(facts: ShipmentFacts) -> Iterator[Problem]:
    """R43: the carrier finds the declaration by booking or bill of lading."""
    if not facts.details.booking_no.strip() and not facts.transport_document_no.strip():
        yield error(
            "R43", "details:booking_no", N_("Neither the booking number nor that of the bill of lading is given.")
        )


def vgm_known(facts: ShipmentFacts) -> Iterator[Problem]:
    """R28: a method, and what it needs: the weighed mass, or the tare of the container (MSC.1/Circ.1475, 5.1)."""
    details = facts.details
    if details.vgm_method not in ("1", "2"):
        yield error("R28", "details:vgm_method", N_("Method 1 or method 2: it is not said how the mass was verified."))
    elif details.vgm_method == "1" and not (details.vgm_mass and details.vgm_mass > 0):
        yield error("R28", "details:vgm_mass", N_("Method 1: the mass of the weighed container is missing."))
    elif details.vgm_method == "2" and not (details.container_tare and details.container_tare > 0):
        yield error("R28", "details:container_tare", N_("Method 2: the tare of the container is missing."))
    if details.dunnage_mass is not None and details.dunnage_mass < 0:
        yield error("R28", "details:dunnage_mass", N_("The mass of dunnage and securing is negative."))
    if details.vgm_method == "2" and details.dunnage_mass is None:
        yield warning(
            "R28", "details:dunnage_mass",
            N_("Method 2: the mass of dunnage and securing is not given; 0 if there is none."),
        )  # fmt: skip


def vgm_plausible(facts: ShipmentFacts) -> Iterator[Problem]:
    """R28: what was weighed is near to what the contents add up to; a sum (method 2) is that of its parts."""
    details, vgm = facts.details, facts.vgm
    if vgm is None or not details.container_tare:
        return
    parts = facts.net_mass + facts.packing_mass + (details.dunnage_mass or Decimal(0)) + details.container_tare
    apart = abs(vgm - parts)
    values = {"vgm": f"{vgm:f}", "parts": f"{parts:f}"}
    if details.vgm_method == "2" and apart > VGM_ROUNDING:
        yield error(
            "R28", "details:container_tare",
            N_("The VGM is %(vgm)s kg, but goods, packing, dunnage and tare add up to %(parts)s kg."), **values,
        )  # fmt: skip
    if details.vgm_method == "1" and (apart > VGM_KILOGRAMS or apart * 100 > parts * VGM_PERCENT):
        yield warning(
            "R28", "details:vgm_mass",
            N_("Weighed were %(vgm)s kg, but goods, packing, dunnage and tare add up to %(parts)s kg."), **values,
        )  # fmt: skip


def container_limits(facts: ShipmentFacts) -> Iterator[Problem]:
    """R29: no more in the container than its plate allows (CSC): gross mass, and payload = gross mass − tare."""
    details = facts.details
    most, tare = details.container_max_gross, details.container_tare
    if not most:
        yield warning(
            "R29", "details:container_max_gross",
            N_("The largest gross mass on the plate of the container is not given, so the VGM is not held against it."),
        )  # fmt: skip
        return
    if facts.vgm is not None and facts.vgm > most:
        yield error(
            "R29", "details:container_max_gross",
            N_("The VGM, %(vgm)s kg, is more than the container may weigh, %(most)s kg."),
            vgm=f"{facts.vgm:f}", most=most,
        )  # fmt: skip
    if tare:
        if tare >= most:
            yield error(
                "R29", "details:container_tare", N_("The tare of the container is not below its largest gross mass.")
            )
        elif (cargo := facts.gross_mass + (details.dunnage_mass or Decimal(0))) > most - tare:
            yield error(
                "R29", "details:container_max_gross",
                N_("The cargo weighs %(cargo)s kg, but the container may carry %(payload)s kg."),
                cargo=f"{cargo:f}", payload=most - tare,
            )  # fmt: skip


def container_for_all(facts: ShipmentFacts) -> Iterator[Problem]:
    """R31, R28: all goods of the shipment are in the one container of the declaration."""
    count = facts.details.equipment_count
    if count and count > 1:
        yield error(
            "R31", "details:equipment_count",
            N_("%(count)s containers are booked, but a VGM is that of one: make a shipment for each container."),
            count=count,
        )  # fmt: skip


def weighing_named(facts: ShipmentFacts) -> Iterator[Problem]:
    """R43: where, when and with what was weighed; terminals and authorities may ask for it."""
    details = facts.details
    if details.vgm_method != "1":
        return
    for name, text in (
        ("weighing_place", N_("The place of weighing is not given.")),
        ("weighing_date", N_("The day of weighing is not given.")),
        ("weighing_device", N_("Neither the weighing device nor its certificate is named.")),
    ):
        if not getattr(details, name):
            yield warning("R43", f"details:{name}", text)


def responsible_person(facts: ShipmentFacts) -> Iterator[Problem]:
    """R43: somebody answers for the declaration by name (MSC.1/Circ.1475, 6; IMDG Code 5.4.1.6)."""
    if not facts.details.signatory.strip():
        yield error("R43", "details:signatory", N_("The name of the person who signs is missing."))


# ---- dangerous goods


def hazards_described(facts: ShipmentFacts) -> Iterator[Problem]:
    """R41: UN number, proper shipping name, class, packing group, flash point (IMDG Code 5.4.1.4)."""
    seen: set[str] = set()
    for line in facts.lines:
        if line.danger is None or line.part_no in seen:
            continue
        seen.add(line.part_no)
        yield from _described(line.part_no, line.danger)


def _described(part: str, danger: DangerFacts) -> Iterator[Problem]:
    place, values = f"product:{part}:", {"part": part}
    if not re.fullmatch(r"\d{4}", danger.un_no):
        yield error("R41", place + "un_no", N_("%(part)s: the UN number has not four digits."), **values)
    if not danger.proper_shipping_name.strip():
        yield error(
            "R41", place + "proper_shipping_name", N_("%(part)s: the proper shipping name is missing."), **values
        )
    if not danger.hazard_class:
        yield error("R41", place + "hazard_class", N_("%(part)s: the class is missing."), **values)
    if danger.hazard_class in _GROUPED and not danger.packing_group:
        yield warning(
            "R41", place + "packing_group",
            N_("%(part)s, class %(class)s: no packing group. Only articles and few substances have none."),
            **{**values, "class": danger.hazard_class},
        )  # fmt: skip
    hazards = [danger.hazard_class, *re.split(r"[, ]+", danger.subsidiary_hazards)]
    if "3" in hazards and not danger.flash_point.strip():
        yield error("R41", place + "flash_point", N_("%(part)s: flammable liquids need their flash point."), **values)
    name = danger.proper_shipping_name.upper()
    if "N.O.S" in name and "(" not in name:
        yield warning(
            "R41", place + "proper_shipping_name",
            N_("%(part)s: a name with N.O.S. often takes the technical name in brackets; ask whoever classified it."),
            **values,
        )  # fmt: skip


def hazards_packed(facts: ShipmentFacts) -> Iterator[Problem]:
    """R41: the declaration lists dangerous goods by their packages, so each product that is dangerous is packed."""
    packed = {row.part_no for row in facts.packages}
    for part in dict.fromkeys(line.part_no for line in facts.lines if line.danger):
        if part not in packed:
            yield error(
                "R41", "shipment:packages",
                N_("%(part)s is dangerous but in no package: the declaration would not name it."), part=part,
            )  # fmt: skip


def hazards_apart(facts: ShipmentFacts) -> Iterator[Problem]:
    """R41: several classes in one container: who packs it must know the table of segregation (IMDG Code 7.2.4)."""
    classes = sorted({line.danger.hazard_class for line in facts.lines if line.danger and line.danger.hazard_class})
    if len(classes) > 1:
        yield warning(
            "R41", "shipment:packages",
            N_("Goods of the classes %(classes)s travel together: check that the IMDG Code does not segregate them."),
            classes=", ".join(classes),
        )  # fmt: skip


def packing_certified(facts: ShipmentFacts) -> Iterator[Problem]:
    """R41: dangerous goods in a container need the certificate of who packed it (IMDG Code 5.4.2), before the VGM."""
    if not facts.freight_container_no or not any(line.danger for line in facts.lines):
        return
    for name, text in (
        ("packing_certificate_company", N_("Packing certificate: the company that packed the container is missing.")),
        ("packing_certificate_person", N_("Packing certificate: the person who packed the container is missing.")),
        ("packing_certificate_place", N_("Packing certificate: the place is missing.")),
        ("packing_certificate_date", N_("Packing certificate: the date is missing.")),
    ):
        if not getattr(facts.details, name):
            yield error("R41", f"details:{name}", text)


def emergency(facts: ShipmentFacts) -> Iterator[Problem]:
    """R41: somebody can be reached when something leaks or burns, day and night as many carriers want it."""
    if not facts.details.emergency_contact.strip():
        yield warning("R41", "details:emergency_contact", N_("No emergency contact is given."))


def package_report(facts: ShipmentFacts) -> Iterator[Problem]:
    """R41: China wants a report on the use of packing for dangerous goods that are exported (危包证)."""
    if facts.seller.country.alpha2 == "CN" and not facts.details.dangerous_package_report.strip():
        yield warning(
            "R41", "details:dangerous_package_report",
            N_("No packing use report (危包证) is named: ask the broker whether these goods need one."),
        )  # fmt: skip


def not_for_air(facts: ShipmentFacts) -> Iterator[Problem]:
    """R41: by air the IATA Shipper's Declaration is wanted, which this form is not."""
    if facts.transport.code == "4":
        yield warning(
            "R41", "shipment:transport_mode",
            N_("By air the carrier wants the Shipper's Declaration of IATA instead of this form: ask the forwarder."),
        )  # fmt: skip


# ---- road


def crosses_border(facts: ShipmentFacts) -> Iterator[Problem]:
    """R26: the CMR is for carriage from one country to another, one of which is a party to it (CMR art. 1)."""
    start = facts.ship_from.country if facts.ship_from else facts.seller.country
    end = facts.deliver_to.country if facts.deliver_to else facts.consignee.country
    if start.alpha2 == end.alpha2:
        yield error(
            "R26", "shipment:deliver_to",
            N_("The goods do not leave %(country)s: the CMR is for carriage between two countries."), country=start.en,
        )  # fmt: skip


def by_road(facts: ShipmentFacts) -> Iterator[Problem]:
    """R18: a consignment note for road, a shipment by road."""
    if facts.transport.code != "3":
        yield warning(
            "R18", "shipment:transport_mode",
            N_("A CMR consignment note is for road; this shipment goes by %(mode)s."),
            mode=facts.transport.en or "–",
        )  # fmt: skip


def road_carrier(facts: ShipmentFacts) -> Iterator[Problem]:
    """R43: the carrier with name and address (CMR art. 6, 1 c), and the truck."""
    if facts.carrier is None:
        yield error("R43", "shipment:carrier", N_("The carrier is missing."))
    elif not facts.carrier.address_en:
        yield error(
            "R13", f"party:{facts.carrier.code}:address_en", N_("%(party)s has no English address."),
            party=facts.carrier.code,
        )  # fmt: skip
    if not facts.details.truck_no.strip():
        yield warning("R43", "details:truck_no", N_("The number of the truck is not known yet."))


def taken_over(facts: ShipmentFacts) -> Iterator[Problem]:
    """R43, R40: place and date of taking over (CMR art. 6, 1 d); the time of delivery has its end after its start."""
    if facts.departure_date is None:
        yield error(
            "R43", "shipment:departure_date", N_("The day on which the carrier takes over the goods is missing.")
        )
    start, end = facts.details.delivery_from, facts.details.delivery_until
    if start and end and end < start:
        yield error("R40", "details:delivery_until", N_("The delivery ends before it begins."))


def tunnel_code(facts: ShipmentFacts) -> Iterator[Problem]:
    """R41: ADR 5.4.1.1.1 (k) wants the tunnel restriction code, unless no tunnel of that kind is on the way."""
    if any(line.danger for line in facts.lines) and not re.search(
        r"\([B-E](?:/[B-E]|\d+[B-E]?)*\)", facts.details.sender_instructions
    ):
        yield warning(
            "R41", "details:sender_instructions",
            N_("Dangerous goods by road: ask the carrier for the tunnel restriction code and add it, like (D/E)."),
        )  # fmt: skip


# ---- air


def by_air(facts: ShipmentFacts) -> Iterator[Problem]:
    """R18: an air waybill for air."""
    if facts.transport.code != "4":
        yield warning(
            "R18", "shipment:transport_mode",
            N_("An air waybill is for air; this shipment goes by %(mode)s."),
            mode=facts.transport.en or "–",
        )  # fmt: skip


_NO_AIRPORT = {
    "airport_of_departure": N_("The airport of departure is missing (IATA code, like PVG)."),
    "airport_of_destination": N_("The airport of destination is missing (IATA code, like FRA)."),
}


def airports(facts: ShipmentFacts) -> Iterator[Problem]:
    """R18: airports by their IATA code, three letters (IATA Resolution 763), and two of them."""
    details = facts.details
    for name in ("airport_of_departure", "airport_of_destination"):
        code = getattr(details, name)
        if not code:
            yield error("R18", f"details:{name}", _NO_AIRPORT[name])
        elif not re.fullmatch(r"[A-Z]{3}", code):
            yield error("R18", f"details:{name}", N_("%(code)s is no IATA code of an airport, like PVG."), code=code)
    if details.airport_of_departure and details.airport_of_departure == details.airport_of_destination:
        yield error("R18", "details:airport_of_destination", N_("Both airports are the same."))


def sizes_known(facts: ShipmentFacts) -> Iterator[Problem]:
    """R1: air freight is paid by space or mass, so each package has its dimensions."""
    for row in facts.packages:
        if not all((row.length_mm, row.width_mm, row.height_mm)):
            field = f"asset_type:{row.box_type}:length_mm" if row.box_type else f"shipment:packages-{row.row}-length_mm"
            yield error(
                "R1", field, N_("Packages %(first)s–%(last)s: the dimensions are missing."),
                first=row.first, last=row.last,
            )  # fmt: skip


def declared_values(facts: ShipmentFacts) -> Iterator[Problem]:
    """R12: a declared value is above zero; that for customs is the one of the invoice."""
    details = facts.details
    for name in ("declared_value_carriage", "declared_value_customs"):
        value = getattr(details, name)
        if value is not None and value <= 0:
            yield error("R12", f"details:{name}", N_("A declared value must be above zero; empty if none is declared."))
    customs = details.declared_value_customs
    if customs is not None and customs > 0 and customs != facts.total:
        yield warning(
            "R12", "details:declared_value_customs",
            N_("Declared for customs are %(declared)s, the invoice says %(total)s."),
            declared=f"{customs:f}", total=f"{facts.total:f}",
        )  # fmt: skip


def security_known(facts: ShipmentFacts) -> Iterator[Problem]:
    """R43: the security status decides whether the cargo is screened again."""
    if not facts.details.security_status:
        yield warning("R43", "details:security_status", N_("The security status is not given; the forwarder will ask."))


# ---- texts of the details


def booking_texts(facts: ShipmentFacts) -> Iterator[Problem]:
    """R42, R43: what booking note and shipping instruction print of the details."""
    yield from _texts(
        facts, "booking_no", "contract_rate_no", "consignee_to_order", "freight_payable_at", "pre_carriage",
        "place_of_receipt", "services", "temperature", "special_instructions", "place_of_issue",
        "signatory", "position",
    )  # fmt: skip


def container_texts(facts: ShipmentFacts) -> Iterator[Problem]:
    """R42, R43: what the VGM declaration prints of the details."""
    yield from _texts(
        facts, "booking_no", "weighing_place", "weighing_device", "place_of_issue", "signatory", "position"
    )


def dangerous_texts(facts: ShipmentFacts) -> Iterator[Problem]:
    """R42, R43: what the dangerous goods declaration prints of the details and of the products."""
    yield from _texts(
        facts, "emergency_contact", "dangerous_handling", "packing_certificate_place", "packing_certificate_person",
        "packing_certificate_company", "dangerous_package_report", "temperature", "truck_no", "trailer_no", "driver",
        "place_of_issue", "signatory", "position",
    )  # fmt: skip
    named = [
        (f"product:{line.part_no}:{name}", getattr(line.danger, name))
        for line in facts.lines
        if line.danger
        for name in ("proper_shipping_name", "flash_point")
    ]
    yield from checks.printable_texts(named)
    yield from checks.no_placeholder_texts(named)


def road_texts(facts: ShipmentFacts) -> Iterator[Problem]:
    """R42, R43: what the consignment note prints of the details."""
    yield from _texts(
        facts, "sender_instructions", "documents_attached", "special_agreements", "cash_on_delivery",
        "successive_carriers", "truck_no", "trailer_no", "driver", "driver_phone", "dock", "place_of_issue",
        "signatory", "position",
    )  # fmt: skip


def air_texts(facts: ShipmentFacts) -> Iterator[Problem]:
    """R42, R43: what the air waybill instruction prints of the details."""
    yield from _texts(
        facts, "handling_information", "special_customs_information", "documents_attached", "temperature", "booking_no",
        "contract_rate_no", "place_of_issue", "signatory", "position",
    )  # fmt: skip


def _texts(facts: ShipmentFacts, *names: str) -> Iterator[Problem]:
    typed = [(f"details:{name}", getattr(facts.details, name)) for name in names]
    for party in filter(None, (facts.forwarder, facts.carrier)):
        typed += [(f"party:{party.code}:name_en", party.name_en)]
        typed += [(f"party:{party.code}:address_en", "\n".join(party.address_en))]
    yield from checks.printable_texts(typed)
    yield from checks.no_placeholder_texts(typed)
