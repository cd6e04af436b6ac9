"""Facts → problems. One small function for each rule; all problems at once, each with its field and a sentence.

An error keeps the paper from being issued, a warning is shown and let pass. The numbers R1 … are those of the trade's
rules of consistency (单单一致): what stands on two papers of a shipment must be the same, and must add up.

Fields are addresses of forms: `shipment:incoterm`, `shipment:lines-0-quantity`, `party:SUZHOU:uscc`,
`product:10-4711:hs_code`, `asset_type:KLT6428:tare`, `scans:` (the boxes scanned onto the shipment).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from decimal import Decimal, localcontext
from typing import Any

from stdnum import iso6346

from docs_gen import words
from docs_gen.countries import CountryProfile, profile_of
from docs_gen.facts import LineFacts, PartyFacts, ShipmentFacts, declared_mass
from docs_gen.render import missing_glyphs
from errors import N_, Message
from master_data import codes
from shipments import rules

#: Takes the facts that its papers are made of: ShipmentFacts, or a class of docs_gen.account_facts.
Check = Callable[[Any], Iterable["Problem"]]

#: kg by which a package may differ from net + tare: scales of packing tables show 50 g.
MASS_TOLERANCE = Decimal("0.05")
#: kg by which a figure printed to the gram may differ from what was rounded: half a gram up or down
PRINT_ROUNDING = Decimal("0.0005")


@dataclass(frozen=True)
class Problem:
    """What is wrong, where, and how bad it is. `papers`: keys of the papers that it concerns (`PaperPart.key`)."""

    rule: str
    severity: str  # error, warning
    field: str
    message: Message
    papers: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What the reason for letting a warning pass is kept under."""
        return f"{self.rule} {self.field}"


def error(rule: str, field: str, text: str, **values: Any) -> Problem:
    """A problem that keeps the paper from being issued."""
    return Problem(rule, "error", field, Message(text, values))


def warning(rule: str, field: str, text: str, **values: Any) -> Problem:
    """A problem that may be let pass with a reason."""
    return Problem(rule, "warning", field, Message(text, values))


def line_field(line: LineFacts, name: str) -> str:
    """The field of a line on the shipment's form; of a type of box, which has no line, that of its master data."""
    return f"shipment:lines-{line.row}-{name}" if line.row is not None else goods_field(line, name)


#: what a product and a type of box call differently
_OF_BOX = {"description_en": "name_en", "description_zh": "name_zh", "unit_price": "value"}


def goods_field(line: LineFacts, name: str) -> str:
    """The field of the product; of the type of box where it is declared as an item by itself."""
    if line.row is None:
        return f"asset_type:{line.part_no}:{_OF_BOX.get(name, name)}"
    return f"product:{line.part_no}:{name}"


# ---- packages and masses


def package_masses(facts: ShipmentFacts) -> Iterator[Problem]:
    """R1: 0 ≤ net ≤ gross for every package, and gross ≥ net + tare of its box."""
    if facts.part:
        return
    for row in facts.packages:
        field = f"shipment:packages-{row.row}-gross_mass" if row.row is not None else "scans:"
        values = {"first": row.first, "last": row.last, "net": row.net_mass, "gross": row.gross_mass, "tare": row.tare}
        if row.net_mass < 0:
            yield error(
                "R1",
                field.replace("gross", "net"),
                N_("Packages %(first)s–%(last)s: the net mass is negative."),
                **values,
            )
        if row.gross_mass <= 0:
            yield error("R1", field, N_("Packages %(first)s–%(last)s: the gross mass is missing."), **values)
        elif row.gross_mass < row.net_mass:
            yield error(
                "R1",
                field,
                N_("Packages %(first)s–%(last)s: gross mass %(gross)s kg is below net mass %(net)s kg."),
                **values,
            )
        elif row.box_type and row.gross_mass < row.net_mass + row.tare - MASS_TOLERANCE:
            yield error(
                "R1", field,
                N_("Packages %(first)s–%(last)s: gross %(gross)s kg is below net %(net)s kg + box %(tare)s kg."),
                **values,
            )  # fmt: skip


def masses_add_up(facts: ShipmentFacts) -> Iterator[Problem]:
    """R2, R9: the totals are the sums of the rows, and the packages weigh net what the goods of the lines weigh."""
    if facts.part:
        return  # a part of a shipment shares out what the whole was checked for
    if facts.net_mass != sum(row.net_total for row in facts.packages) or facts.gross_mass != sum(
        row.gross_total for row in facts.packages
    ):
        yield error("R2", "shipment:packages-0-gross_mass", N_("The total masses are not the sums of the packages."))
    goods = sum((line.net_mass for line in facts.lines), Decimal(0))
    allowed = max(MASS_TOLERANCE * max(1, facts.package_count), goods / 100)
    if facts.packages and facts.lines and abs(goods - facts.net_mass) > allowed:
        yield warning(
            "R9", "shipment:packages-0-net_mass",
            N_("The packages weigh %(packed)s kg net, the goods of the lines %(goods)s kg by their master data."),
            packed=facts.net_mass, goods=goods,
        )  # fmt: skip


def packages_present(facts: ShipmentFacts) -> Iterator[Problem]:
    """R10: there are packages, their numbers have no gap and add up to the count."""
    if facts.part:
        return
    if not facts.packages:
        yield error(
            "R10", "shipment:packages", N_("No packages: the papers cannot say in how many packages the goods travel.")
        )
    expected = 1
    for row in facts.packages:
        if row.first != expected or row.last - row.first + 1 != row.count:
            yield error(
                "R10", "shipment:packages", N_("The package numbers have a gap at %(number)s."), number=expected
            )
        expected = row.last + 1
    if facts.package_count != expected - 1:
        yield error("R10", "shipment:packages", N_("The package numbers do not add up to the number of packages."))


def package_codes(facts: ShipmentFacts) -> Iterator[Problem]:
    """R8: every package has a kind that the manifest and China customs know."""
    for row in facts.packages:
        if row.package.code not in codes.PACKAGES:
            yield error(
                "R8", _package_field(row.row, row.box_type, "package_code"),
                N_("Packages %(first)s–%(last)s: %(code)s is no UN/ECE package code."),
                first=row.first, last=row.last, code=row.package.code or "–",
            )  # fmt: skip
        elif row.customs_package.code not in codes.CN_PACKAGES:
            yield error(
                "R8", _package_field(row.row, row.box_type, "cn_package_code"),
                N_("Packages %(first)s–%(last)s: no kind of packing (包装种类) for the declaration."),
                first=row.first, last=row.last,
            )  # fmt: skip


def _package_field(row: int | None, box_type: str, field: str) -> str:
    return f"asset_type:{box_type}:{field}" if box_type else f"shipment:packages-{row}-package_code"


def payload(facts: ShipmentFacts) -> Iterator[Problem]:
    """R29: what is in a returnable box does not weigh more than the box may carry."""
    limits = {box.code: box.payload for box in facts.boxes}
    for row in facts.packages:
        limit = limits.get(row.box_type, Decimal(0))
        if row.box_type and limit and row.gross_mass - row.tare > limit:
            yield error(
                "R29", f"shipment:packages-{row.row}-net_mass",
                N_("Packages %(first)s–%(last)s: %(load)s kg in a box that may carry %(payload)s kg."),
                first=row.first, last=row.last, load=row.gross_mass - row.tare, payload=limit,
            )  # fmt: skip


def boxes_scanned(facts: ShipmentFacts) -> Iterator[Problem]:
    """R32: the boxes that were scanned onto the shipment are those that the packages expect."""
    for box in facts.boxes:
        if box.counted:
            continue
        values = {"type": box.code, "expected": box.expected, "scanned": box.scanned}
        if not facts.scanning:
            yield warning(
                "R32",
                "scans:",
                N_("%(type)s: %(expected)s expected, none scanned yet; the paper says the planned number."),
                **values,
            )
        elif box.expected != box.scanned:
            yield error("R32", "scans:", N_("%(type)s: %(expected)s expected, %(scanned)s scanned."), **values)
    codes_seen = [code for box in facts.boxes for code in box.codes]
    if len(codes_seen) != len(set(codes_seen)):
        yield error("R32", "scans:", N_("A box stands twice on this shipment."))


# ---- money


def amounts_add_up(facts: ShipmentFacts) -> Iterator[Problem]:
    """R3, R4: quantity × price, rounded half up, is the amount; the amounts add up; decimals are the currency's."""
    with localcontext(prec=100):
        minor = Decimal(1).scaleb(-facts.decimals)
        for line in facts.lines:
            if abs(line.quantity * line.unit_price - line.amount) * 2 > minor:
                yield error(
                    "R4", line_field(line, "unit_price"),
                    N_("Line %(line)s: quantity × price is not the amount."), line=line.number,
                )  # fmt: skip
            if line.amount != line.amount.quantize(minor):
                yield error(
                    "R3", line_field(line, "unit_price"),
                    N_("Line %(line)s: the amount has more decimals than %(currency)s."),
                    line=line.number, currency=facts.currency.code,
                )  # fmt: skip
        if (
            facts.subtotal != sum(line.amount for line in facts.lines)
            or facts.total != facts.subtotal + facts.other_charges
        ):
            yield error("R3", "shipment:other_charges", N_("The total is not the sum of the lines and the charges."))
        if facts.total < 0:
            yield error("R3", "shipment:other_charges", N_("The deductions are larger than the goods are worth."))
        elif facts.lines and facts.total == 0:
            yield error(
                "R3",
                line_field(facts.lines[0], "unit_price"),
                N_("The total is zero. Goods without payment need a value for customs."),
            )


def amount_in_words(facts: ShipmentFacts) -> Iterator[Problem]:
    """R5: the words say the figures, in English and in Chinese."""
    if facts.total < 0 or facts.currency.code not in codes.currencies():
        return
    wanted = (words.english(facts.total, facts.currency.code), words.chinese(facts.total, facts.currency.code))
    if (facts.words_en, facts.words_zh) != wanted:
        yield error("R5", "shipment:currency", N_("The amount in words is not the amount in figures."))


def currency_known(facts: ShipmentFacts) -> Iterator[Problem]:
    """R14: one currency of ISO 4217."""
    if facts.currency.code not in codes.currencies():
        yield error(
            "R14", "shipment:currency", N_("%(code)s is no currency of ISO 4217."), code=facts.currency.code or "–"
        )


def charges_fit_term(facts: ShipmentFacts) -> Iterator[Problem]:
    """R20: CIF declares freight and insurance, C&F freight, FOB and EXW neither; the FOB value is not negative."""
    term, values = facts.price_term.code, {"incoterm": facts.incoterm.code}
    to_destination = facts.incoterm.code in ("DAP", "DPU", "DDP")  # China's declaration has no terms like these
    if term in ("1", "2") and facts.freight <= 0:
        yield error(
            "R20", "shipment:freight", N_("%(incoterm)s includes the freight: its amount is missing."), **values
        )
    if term == "1" and facts.insurance <= 0:
        if to_destination:
            text = N_(
                "%(incoterm)s is often declared as CIF, with an amount of insurance, but none is given: "
                "ask the customs broker."
            )
            yield warning("R20", "shipment:insurance", text, **values)
        else:
            text = N_("%(incoterm)s is declared as CIF: the amount of the insurance is missing.")
            yield error("R20", "shipment:insurance", text, **values)
    if term == "2" and facts.insurance > 0:
        yield error(
            "R20", "shipment:insurance", N_("%(incoterm)s includes no insurance, but an amount is given."), **values
        )
    if term in ("3", "7"):
        if facts.freight != 0:
            yield error(
                "R20", "shipment:freight", N_("%(incoterm)s includes no freight, but an amount is given."), **values
            )
        if facts.insurance != 0:
            yield error(
                "R20", "shipment:insurance", N_("%(incoterm)s includes no insurance, but an amount is given."), **values
            )
    if facts.lines and facts.fob_value < 0:
        yield error(
            "R20",
            "shipment:freight",
            N_("Freight and insurance are more than the goods are worth: the FOB value is negative."),
        )
    if to_destination:
        text = N_(
            "%(incoterm)s is often declared as CIF, with the costs at the destination deducted under other charges: "
            "ask the customs broker whether to do so."
        )
        yield warning("R20", "shipment:incoterm", text, **values)


# ---- lines


def lines_complete(facts: ShipmentFacts) -> Iterator[Problem]:
    """R6: there are lines, and each has its texts, unit, quantity, price and origin."""
    if not facts.lines:
        yield error("R6", "shipment:lines", N_("No lines: a paper without goods cannot be issued."))
    for line in facts.lines:
        values = {"line": line.number, "part": line.part_no}
        if line.quantity <= 0:
            yield error(
                "R6", line_field(line, "quantity"), N_("Line %(line)s: the quantity must be above zero."), **values
            )
        if line.unit_price < 0:
            yield error("R6", line_field(line, "unit_price"), N_("Line %(line)s: the price is negative."), **values)
        elif line.unit_price == 0:
            yield warning("R6", line_field(line, "unit_price"), N_("Line %(line)s has no price."), **values)
        if not line.description_en.strip():
            yield error("R6", goods_field(line, "description_en"), N_("%(part)s has no English description."), **values)
        if not line.description_zh.strip():
            yield error("R6", goods_field(line, "description_zh"), N_("%(part)s has no Chinese description."), **values)
        if line.unit.code not in codes.UNITS:
            yield error(
                "R6",
                goods_field(line, "unit"),
                N_("%(part)s: %(unit)s is no UN/ECE unit."),
                unit=line.unit.code or "–",
                **values,
            )
        if not line.origin.alpha3:
            yield error("R6", goods_field(line, "origin"), N_("%(part)s has no country of origin."), **values)


def commodity_codes(facts: ShipmentFacts) -> Iterator[Problem]:
    """R6: the invoice prints the six digits of the HS that are the same in every country."""
    for line in _products(facts.lines):
        if not re.match(r"\d{6}", line.hs_code):
            yield error(
                "R6", goods_field(line, "hs_code"),
                N_("%(part)s: the invoice prints six digits of the HS code, here is %(code)s."),
                part=line.part_no, code=line.hs_code or "–",
            )  # fmt: skip


def quantities_packed(facts: ShipmentFacts) -> Iterator[Problem]:
    """R7: of each part as much is packed as is invoiced."""
    if facts.part:
        return
    invoiced: dict[str, Decimal] = {}
    packed: dict[str, Decimal] = {}
    where: dict[str, str] = {}
    for line in facts.lines:
        invoiced[line.part_no] = invoiced.get(line.part_no, Decimal(0)) + line.quantity
        where.setdefault(line.part_no, line_field(line, "quantity"))
    for row in facts.packages:
        if row.part_no:
            packed[row.part_no] = packed.get(row.part_no, Decimal(0)) + row.quantity
            where.setdefault(row.part_no, f"shipment:packages-{row.row}-pieces")
    for part in where:
        if facts.packages and invoiced.get(part, Decimal(0)) != packed.get(part, Decimal(0)):
            yield error(
                "R7", where[part], N_("%(part)s: %(invoiced)s invoiced, %(packed)s packed."),
                part=part, invoiced=invoiced.get(part, Decimal(0)), packed=packed.get(part, Decimal(0)),
            )  # fmt: skip


# ---- parties, terms, route


def parties_complete(facts: ShipmentFacts) -> Iterator[Problem]:
    """R13: seller, consignee, buyer and notify party with name, address and country."""
    for party in filter(None, (facts.seller, facts.consignee, facts.buyer, facts.notify_party)):
        place, values = f"party:{party.code}:", {"party": party.code}
        if not party.name_en.strip():
            yield error("R13", place + "name_en", N_("%(party)s has no English name."), **values)
        if not party.address_en:
            yield error("R13", place + "address_en", N_("%(party)s has no English address."), **values)
        if not party.country.alpha3:
            yield error("R13", place + "country", N_("%(party)s has no country."), **values)
        if len(party.address_en) > 5:
            yield warning(
                "R13",
                place + "address_en",
                N_("%(party)s: more than five address lines do not fit other forms."),
                **values,
            )


def bank_complete(facts: ShipmentFacts) -> Iterator[Problem]:
    """R13: the invoice says where to pay."""
    if not (facts.seller.bank_name and facts.seller.bank_account):
        yield warning(
            "R13", f"party:{facts.seller.code}:bank_name",
            N_("%(party)s has no bank details: the invoice does not say where to pay."),
            party=facts.seller.code,
        )  # fmt: skip


def references(facts: ShipmentFacts) -> Iterator[Problem]:
    """R12: contract and order are named, where there are any. Temporary goods (2600) are not sold: they have none."""
    if facts.customs_regime.code != "2600" and not facts.contract_no and not facts.order_no:
        yield warning("R12", "shipment:contract_no", N_("Neither a contract nor an order number is given."))


def country_profile(facts: ShipmentFacts) -> Iterator[Problem]:
    """R43: what the country of destination usually asks of the invoice; not law that we have read, so a warning."""
    profile = profile_of(facts.destination_country.alpha2)
    for name in profile.needs if profile else ():
        here = name == "importer_reference"
        if not getattr(facts.details if here else facts.consignee, name):
            yield warning(
                "R43",
                f"details:{name}" if here else f"party:{facts.consignee.code}:{name}",
                N_("%(country)s usually asks for %(what)s, which is missing; ask the customs broker. %(note)s"),
                country=facts.destination_country.en,
                what=_asked(profile, name),
                note=Message(profile.note) if profile else "",
            )


def _asked(profile: CountryProfile | None, name: str) -> Message | str:
    labels = {"eori": "EORI", "vat_no": N_("VAT no."), "phone": N_("Telephone")}
    if profile and name == "tax_no":
        return profile.tax_label
    if profile and name == "importer_reference":
        return profile.reference_label
    return Message(labels[name])


def invoice_dated(facts: ShipmentFacts) -> Iterator[Problem]:
    """R12: the invoice has its date; the packing list bears the same."""
    if facts.invoice_date is None:
        yield error(
            "R12", "shipment:invoice_date",
            N_("The date of the invoice is missing: invoice and packing list bear the same date."),
        )  # fmt: skip


def incoterm_fits(facts: ShipmentFacts) -> Iterator[Problem]:
    """R15: a term of 2020 with its place; a sea term on a sea route (a warning: FOB is a habit for air in China)."""
    term = codes.INCOTERMS.get(facts.incoterm.code)
    if term is None:
        yield error("R15", "shipment:incoterm", N_("%(code)s is no Incoterm of 2020."), code=facts.incoterm.code or "–")
        return
    if not facts.named_place.strip():
        yield error("R15", "shipment:named_place", N_("%(incoterm)s needs its place."), incoterm=term.code)
    if term.more["sea_only"] == "1" and facts.transport.code != "1":
        yield warning(
            "R15", "shipment:incoterm",
            N_("%(incoterm)s is a term for sea and inland waterway; this shipment goes by %(mode)s."),
            incoterm=term.code, mode=facts.transport.en or "–",
        )  # fmt: skip
    at_origin = term.more["place_side"] == "origin"
    other = facts.port_of_discharge_name if at_origin else facts.port_of_loading_name
    if other and not facts.part and _same(other) == _same(facts.named_place):
        yield warning(
            "R15", "shipment:named_place",
            N_("%(incoterm)s %(place)s: the place belongs to the other end of the route."),
            incoterm=term.code, place=facts.named_place,
        )  # fmt: skip
    port = facts.port_of_loading_name if at_origin else facts.port_of_discharge_name
    if term.more["sea_only"] == "1" and port and facts.named_place and _same(port) not in _same(facts.named_place):
        yield warning(
            "R15", "shipment:named_place", N_("%(incoterm)s %(place)s: the place is usually the port, here %(port)s."),
            incoterm=term.code, place=facts.named_place, port=port,
        )  # fmt: skip


def route_complete(facts: ShipmentFacts) -> Iterator[Problem]:
    """R18: how and from where to where; codes of places agree with the countries."""
    if facts.transport.code not in codes.TRANSPORT_MODES:
        yield error("R18", "shipment:transport_mode", N_("The mode of transport is missing."))
    yield from _wrong_codes("R18", port_of_loading=facts.port_of_loading, port_of_discharge=facts.port_of_discharge)
    if facts.customs_regime.code == "0110" and facts.port_of_loading and facts.port_of_loading[:2] != "CN":
        yield warning(
            "R18",
            "shipment:port_of_loading",
            N_("The goods leave China, but %(code)s is not in China."),
            code=facts.port_of_loading,
        )
    if not (facts.port_of_loading_name and facts.port_of_discharge_name):
        yield warning(
            "R18",
            "shipment:port_of_loading_name",
            N_("The names of the port of loading and the port of discharge are not both there."),
        )


def _wrong_codes(rule: str, **entered: str) -> Iterator[Problem]:
    """What the form of a shipment says of these fields: the shape of a code has one rule, that of shipments."""
    for found in rules.problems(rules.ShipmentEntry(**entered), rules.Known(), date.min):  # type: ignore[arg-type]
        if found.field in entered:
            yield Problem(rule, "error", f"shipment:{found.field}", found.message)


def countries_plausible(facts: ShipmentFacts) -> Iterator[Problem]:
    """R26: destination, consignee and port of discharge do not contradict each other."""
    if not facts.destination_country.alpha3:
        yield error("R26", "shipment:destination_country", N_("The country of destination is missing."))
    if facts.destination_country.alpha2 == "CN":
        yield warning(
            "R26",
            "shipment:destination_country",
            N_("The destination is China, which is unusual for an export: ask the customs broker."),
        )
    port = facts.port_of_discharge[:2]
    if (
        port
        and codes.is_country(port)
        and facts.destination_country.alpha3
        and port != facts.destination_country.alpha2
    ):
        yield warning(
            "R26", "shipment:destination_country",
            N_("The port of discharge is in %(port)s, the destination is %(destination)s."),
            port=codes.countries()[port].en, destination=facts.destination_country.en,
        )  # fmt: skip


def container_number(facts: ShipmentFacts) -> Iterator[Problem]:
    """R30: the check digit of the freight container; a container has a seal."""
    number = facts.freight_container_no
    if number and not iso6346.is_valid(number):
        yield error(
            "R30",
            "shipment:freight_container_no",
            N_("%(number)s: the check digit does not fit (ISO 6346)."),
            number=number,
        )
    if number and not facts.seal_no:
        yield warning("R30", "shipment:seal_no", N_("The container has no seal number yet."))


# ---- the China export declaration


def declaration_header(facts: ShipmentFacts) -> Iterator[Problem]:
    """R13, R19, R43: what the head of the declaration needs."""
    seller = facts.seller
    if not seller.name_zh:
        yield error("R13", f"party:{seller.code}:name_zh", N_("%(party)s has no Chinese name."), party=seller.code)
    if not seller.uscc:
        yield error(
            "R13",
            f"party:{seller.code}:uscc",
            N_("%(party)s has no unified social credit code (USCC)."),
            party=seller.code,
        )
    for field, table, fact in (
        ("customs_regime", codes.CUSTOMS_REGIMES, facts.customs_regime),
        ("duty_nature", codes.DUTY_NATURES, facts.duty_nature),
        ("duty_mode", codes.DUTY_MODES, facts.duty_mode),
    ):
        if fact.code not in table:
            yield error(
                "R19", f"shipment:{field}", N_("%(code)s is not in the customs code list."), code=fact.code or "–"
            )
    for field, fact, text in (
        ("customs_office", facts.customs_office, N_("The customs office of exit (出境关别) is missing.")),
        ("exit_port", facts.exit_port, N_("The place of departure (离境口岸) is missing.")),
        ("destination_port", facts.destination_port, N_("The port of destination (指运港) is missing.")),
    ):
        if not fact.code:
            yield error("R43", f"shipment:{field}", text)
        yield from _wrong_codes("R43", **{field: fact.code})
    if facts.customs_transport.code in ("2", "5") and not facts.vessel:
        yield warning("R43", "shipment:vessel", N_("Vessel or flight is not known yet."))
    if facts.customs_transport.code in ("2", "5") and not facts.transport_document_no:
        yield warning(
            "R43",
            "shipment:transport_document_no",
            N_("The number of the bill of lading or air waybill is not known yet."),
        )
    if not facts.trading_country.alpha3:
        yield error("R26", "shipment:trading_country", N_("The trading country is missing."))


def declared_goods(facts: ShipmentFacts) -> Iterator[Problem]:
    """R21, R22, R25: commodity code, legal units, declaration elements and source; each product once."""
    for line in _products(facts.lines):
        values = {"part": line.part_no, "code": line.hs_code or "–"}
        if not re.fullmatch(r"\d{10}", line.hs_code):
            yield error(
                "R21",
                goods_field(line, "hs_code"),
                N_("%(part)s: %(code)s is no commodity code of 10 digits."),
                **values,
            )
        elif line.hs_code[:2] in ("00", "77") or line.hs_code[:2] > "98":
            yield error(
                "R21",
                goods_field(line, "hs_code"),
                N_("%(part)s: there is no chapter %(chapter)s."),
                chapter=line.hs_code[:2],
                **values,
            )
        if line.legal_unit_1 is None:
            yield error(
                "R21",
                goods_field(line, "legal_unit_1"),
                N_("%(part)s has no first legal unit (法定第一单位)."),
                **values,
            )
        for number, unit, quantity in (
            (1, line.legal_unit_1, line.legal_quantity_1),
            (2, line.legal_unit_2, line.legal_quantity_2),
        ):
            field = goods_field(line, f"legal_unit_{number}")
            if unit and unit.code not in codes.CN_UNITS:
                yield error("R21", field, N_("%(part)s: %(unit)s is no customs unit."), unit=unit.code, **values)
            elif unit and (quantity is None or quantity <= 0):
                yield error(
                    "R21",
                    field,
                    N_("%(part)s: the quantity in %(unit)s cannot be calculated from the unit of sale."),
                    unit=unit.zh,
                    **values,
                )
        if not line.elements.replace("|", "").strip():
            yield error(
                "R22",
                goods_field(line, "declaration_elements"),
                N_("%(part)s has no declaration elements (申报要素)."),
                **values,
            )
        elif not re.fullmatch(r"[0-4]\|[0-3]\|.*", line.elements, re.DOTALL):
            yield warning(
                "R22", goods_field(line, "declaration_elements"),
                N_("%(part)s: the elements begin with the kind of brand (0–4) and the export benefit (0–3)."), **values,
            )  # fmt: skip
        for name, text in (("description_zh", line.description_zh), ("declaration_elements", line.elements)):
            if len(text) > 255:
                yield error(
                    "R22", goods_field(line, name), N_("%(part)s: this text has more than 255 characters."), **values
                )
        if not re.fullmatch(r"\d{5}", line.source_district):
            yield warning(
                "R25",
                f"party:{facts.seller.code}:customs_no" if line.row is None else goods_field(line, "source_district"),
                N_("%(part)s has no place of origin in China (境内货源地, 5 digits)."),
                **values,
            )


def legal_kilograms(facts: ShipmentFacts) -> Iterator[Problem]:
    """R21: where a legal unit is the kilogram (035), the kilograms of the items are the declared net mass.

    Items in other units count with their net mass. Allowed is the rounding of what is printed, PRINT_ROUNDING for each
    item and each row of packages.
    """
    masses, any_kilogram = Decimal(0), False
    for line in facts.lines:
        legal = ((line.legal_unit_1, line.legal_quantity_1), (line.legal_unit_2, line.legal_quantity_2))
        kilograms = [quantity for unit, quantity in legal if unit and unit.code == "035" and quantity is not None]
        any_kilogram = any_kilogram or bool(kilograms)
        masses += kilograms[0] if kilograms else line.net_mass
    allowed = PRINT_ROUNDING * (len(facts.lines) + len(facts.packages))
    if any_kilogram and abs(declared_mass(masses) - facts.declared_net_mass) > allowed:
        yield error(
            "R21", "shipment:packages-0-net_mass",
            N_(
                "The items weigh %(items)s kg by their master data, but %(declared)s kg net are declared: mend the net "
                "masses of the packages or of the products."
            ),
            items=f"{masses.normalize():f}", declared=f"{facts.declared_net_mass.normalize():f}",
        )  # fmt: skip


def _products(lines: Iterable[LineFacts]) -> Iterable[LineFacts]:
    return {line.part_no: line for line in lines}.values()


# ---- what can be printed

_LIMITS = {"marks": 400, "remarks": 255}
_PLACEHOLDER = re.compile(r"\b(TBD|TBA|TODO|XXX+)\b|【|\?\?\?|待定", re.IGNORECASE)


def texts_fit(facts: ShipmentFacts) -> Iterator[Problem]:
    """R42: marks and remarks within what customs takes."""
    if len("\n".join(facts.marks)) > _LIMITS["marks"]:
        yield error(
            "R42", "shipment:marks", N_("The marks are longer than %(limit)s characters."), limit=_LIMITS["marks"]
        )
    if len(facts.remarks) > _LIMITS["remarks"]:
        yield error(
            "R42", "shipment:remarks", N_("The remarks are longer than %(limit)s characters."), limit=_LIMITS["remarks"]
        )


def printable(facts: ShipmentFacts) -> Iterator[Problem]:
    """R42: no character is missing in the fonts: a paper with empty boxes is refused at the counter."""
    yield from printable_texts(_texts(facts))


def printable_texts(texts: Iterable[tuple[str, str]]) -> Iterator[Problem]:
    """The same of (field, text) that only some papers print."""
    for field, text in texts:
        missing = missing_glyphs(text)
        if missing:
            shown = " ".join(f"{c} (U+{ord(c):04X})" for c in missing[:5])
            yield error("R42", field, N_("These characters cannot be printed: %(characters)s"), characters=shown)


def no_placeholders(facts: ShipmentFacts) -> Iterator[Problem]:
    """R43: nothing like TBD, XXX or 【】 is left."""
    yield from no_placeholder_texts(_texts(facts))


def no_placeholder_texts(texts: Iterable[tuple[str, str]]) -> Iterator[Problem]:
    """The same of (field, text) that only some papers print."""
    for field, text in texts:
        if found := _PLACEHOLDER.search(text):
            yield error("R43", field, N_("“%(found)s” is a placeholder."), found=found.group())


def _texts(facts: ShipmentFacts) -> Iterator[tuple[str, str]]:
    """Every text that a person typed, with the address of its field; each once."""
    seen: set[tuple[str, str]] = set()
    for field, text in _all_texts(facts):
        if text and (field, text) not in seen:
            seen.add((field, text))
            yield field, text


def _all_texts(facts: ShipmentFacts) -> Iterator[tuple[str, str]]:
    for name in (
        "named_place", "payment_terms", "contract_no", "order_no", "port_of_loading_name", "port_of_discharge_name",
        "place_of_delivery", "vessel", "voyage", "transport_document_no", "seal_no", "remarks",
    ):  # fmt: skip
        yield f"shipment:{name}", getattr(facts, name)
    yield "shipment:marks", "\n".join(facts.marks)
    for name in ("customs_office", "exit_port", "destination_port"):
        yield f"shipment:{name}_name", getattr(facts, name).zh
    for party in filter(None, (facts.seller, facts.consignee, facts.buyer, facts.manufacturer, facts.notify_party)):
        yield from _fields(party, f"party:{party.code}:")
    for line in _products(facts.lines):
        for name in ("part_no", "customer_part_no", "description_en", "description_zh"):
            yield goods_field(line, name), getattr(line, name)
        yield goods_field(line, "declaration_elements"), line.elements
    for row in facts.packages:
        yield f"shipment:packages-{row.row}-marks", row.marks
    for box in facts.boxes:
        yield f"asset_type:{box.code}:name_en", box.name_en
        yield f"asset_type:{box.code}:name_zh", box.name_zh


def _fields(party: PartyFacts, place: str) -> Iterator[tuple[str, str]]:
    for one in fields(party):
        value = getattr(party, one.name)
        if isinstance(value, tuple):
            yield place + one.name, "\n".join(value)
        elif not is_dataclass(value):
            yield place + one.name, value


def _same(text: str) -> str:
    """For comparing names: case and space make no difference."""
    return "".join(text.split()).casefold()
