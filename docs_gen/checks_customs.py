"""What the papers for customs and of the returnable boxes must say beyond what every paper must.

What nobody has confirmed in the text of a law is a warning here that names the person to ask, never an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from docs_gen import checks
from docs_gen.checks import Problem, error, goods_field, line_field, warning
from docs_gen.facts import LineFacts, ShipmentFacts, months_later
from errors import N_
from master_data import codes

#: most characters on the declaration: 境内发货人, 备注 (Single Window dictionary)
NAME_LIMIT, REMARKS_LIMIT = 100, 255
#: 监管证件代码 that stand for an export licence: 两用物项 3 G, 出口许可证 4 x y
EXPORT_LICENCES = frozenset("34Gxy")
#: months that temporary boxes may stay out, without and with extensions (GACC Order 233: 6, then up to 3 × 6)
MONTHS_OUT, LONGEST_OUT = 6, 24

#: details that these papers print
_TEXTS = (
    "filing_no", "licence_no", "supervision_documents", "proxy_no", "broker_fee", "customs_remarks",
    "box_confirmation_no", "box_evidence", "place_of_issue", "signatory", "position",
)  # fmt: skip


def details_printable(facts: ShipmentFacts) -> Iterator[Problem]:
    """R42, R43: what the details say can be printed, and no placeholder is left in it."""
    texts = [(f"details:{name}", getattr(facts.details, name)) for name in _TEXTS]
    yield from checks.printable_texts(texts)
    yield from checks.no_placeholder_texts(texts)


# ---- the declaration: head


def declaration_parties(facts: ShipmentFacts) -> Iterator[Problem]:
    """R25, R26, R42: who makes and sells the goods (生产销售单位), and who buys them, as the declaration names them."""
    maker = facts.manufacturer
    if maker:
        for field, value, text in (
            ("name_zh", maker.name_zh, N_("%(party)s makes the goods (生产销售单位) but has no Chinese name.")),
            ("uscc", maker.uscc, N_("%(party)s makes the goods (生产销售单位) but has no USCC.")),
        ):
            if not value.strip():
                yield warning("R25", f"party:{maker.code}:{field}", text, party=maker.code)
    for party in filter(None, (facts.seller, maker)):
        if len(party.name_zh) > NAME_LIMIT:
            yield error(
                "R42", f"party:{party.code}:name_zh",
                N_("%(party)s: the declaration takes a Chinese name of at most %(limit)s characters."),
                party=party.code, limit=NAME_LIMIT,
            )  # fmt: skip
    if facts.buyer and facts.buyer.country.alpha2 != facts.trading_country.alpha2:
        yield warning(
            "R26", "shipment:trading_country",
            N_("The buyer is in %(buyer)s, but the trading country (贸易国) is %(trading)s."),
            buyer=facts.buyer.country.en, trading=facts.trading_country.en or "–",
        )  # fmt: skip


def declaration_remarks(facts: ShipmentFacts) -> Iterator[Problem]:
    """R42: container, seal, temporary boxes and remarks together fit the field 备注."""
    count = len(facts.declared_remarks)
    if count > REMARKS_LIMIT:
        yield error(
            "R42", "details:customs_remarks",
            N_("The remarks on the declaration have %(count)s characters with container and seal; %(limit)s fit."),
            count=count, limit=REMARKS_LIMIT,
        )  # fmt: skip


def preference_claimed(facts: ShipmentFacts) -> Iterator[Problem]:
    """R24: goods declared as enjoying a preference (出口享惠情况 1) need a preferential certificate of origin."""
    for line in {line.part_no: line for line in facts.lines}.values():
        parts = line.elements.split("|")
        if len(parts) > 1 and parts[1].strip() == "1":
            yield warning(
                "R24", f"product:{line.part_no}:declaration_elements",
                N_(
                    "%(part)s is declared as enjoying a preference in the destination: a preferential certificate of "
                    "origin is needed, which is not made here; ask the customs broker."
                ),
                part=line.part_no,
            )  # fmt: skip


def declared_packages(facts: ShipmentFacts) -> Iterator[Problem]:
    """R1, R7, R8: gross is not below net; one declaration of several has packages, and in them what it says."""
    field = "shipment:packages-0-gross_mass"
    if facts.packages and facts.gross_mass < facts.net_mass:
        yield error(
            "R1", field, N_("Declared are %(gross)s kg gross and %(net)s kg net: gross must not be below net."),
            gross=facts.gross_mass, net=facts.net_mass,
        )  # fmt: skip
    if not facts.part:
        return
    if not facts.package_count:
        yield warning(
            "R8", "shipment:packages",
            N_(
                "No package begins on declaration %(part)s, so it declares 1: ask the customs broker how to count "
                "packages that are shared by declarations."
            ),
            part=facts.part,
        )  # fmt: skip
    if any(line.row is None for line in facts.lines):
        return  # the boxes' own declaration: nothing is packed in them
    declared: dict[str, list[LineFacts]] = {}
    for line in facts.lines:
        declared.setdefault(line.part_no, []).append(line)
    for part_no, lines in declared.items():
        quantity = sum((line.quantity for line in lines), Decimal(0))
        packed = sum((row.quantity for row in facts.packages if row.part_no == part_no), Decimal(0))
        if quantity != packed:
            yield error(
                "R7", line_field(lines[0], "quantity"),
                N_("%(part_no)s: %(quantity)s declared on %(part)s, %(packed)s packed."),
                part_no=part_no, quantity=quantity, packed=packed, part=facts.part,
            )  # fmt: skip


# ---- the declaration: goods


def goods_consistent(facts: ShipmentFacts) -> Iterator[Problem]:
    """R21, R22: goods of one HS code have the same legal units and as many elements: the code dictates both.

    We hold no tariff, so what a code dictates is known only where two goods have it.
    """
    first: dict[str, LineFacts] = {}
    for line in {line.part_no: line for line in facts.lines}.values():
        other = first.setdefault(line.hs_code, line)
        values = {"part": line.part_no, "other": other.part_no, "code": line.hs_code}
        for name in ("legal_unit_1", "legal_unit_2"):
            if getattr(line, name) != getattr(other, name):
                yield error(
                    "R21",
                    goods_field(line, name),
                    N_("%(part)s and %(other)s have the HS code %(code)s but not the same legal units."),
                    **values,
                )
                break
        bars, expected = line.elements.count("|"), other.elements.count("|")
        if bars != expected and line.elements and other.elements:
            yield warning(
                "R22",
                goods_field(line, "declaration_elements"),
                N_(
                    "%(part)s has %(count)s elements (申报要素), %(other)s of the same HS code has %(expected)s: "
                    "empty elements keep their bar."
                ),
                count=bars + 1,
                expected=expected + 1,
                **values,
            )
        if line.elements.split("|")[1:2] == ["3"]:
            yield warning(
                "R22",
                goods_field(line, "declaration_elements"),
                N_("%(part)s: export benefit 3 is said to be for imports; ask the customs broker."),
                **values,
            )


def tariff_year(facts: ShipmentFacts) -> Iterator[Problem]:
    """R21: the HS code must be valid on the day of export; the tariff changes on 1 January."""
    made, leaves = facts.invoice_date, facts.departure_date
    if made and leaves and leaves.year > made.year:
        yield warning(
            "R21", "shipment:departure_date",
            N_("The goods leave in %(leaves)s, the papers are of %(made)s: check the codes in the new tariff."),
            leaves=leaves.year, made=made.year,
        )  # fmt: skip


def supervision(facts: ShipmentFacts) -> Iterator[Problem]:
    """R23: what customs supervises goes with a document: a licence for codes of licences, else what the broker says."""
    details = facts.details
    for line in {line.part_no: line for line in facts.lines if line.supervision_codes}.values():
        values = {"part": line.part_no, "codes": line.supervision_codes}
        if EXPORT_LICENCES & set(line.supervision_codes):
            if not (details.licence_no or details.supervision_documents):
                yield error(
                    "R23",
                    "details:licence_no",
                    N_("%(part)s needs an export licence (监管证件 %(codes)s): its number is missing."),
                    **values,
                )
        elif not details.supervision_documents:
            yield warning(
                "R23",
                "details:supervision_documents",
                N_(
                    "%(part)s has the supervision codes %(codes)s: ask the customs broker which of them apply to "
                    "exports, and give the numbers of the documents."
                ),
                **values,
            )


# ---- boxes that cross the border


def boxes_decided(facts: ShipmentFacts) -> Iterator[Problem]:
    """R33: when returnable boxes travel, somebody has decided how they leave China."""
    if facts.boxes and not facts.details.box_regime:
        yield warning(
            "R33", "details:box_regime",
            N_(
                "Returnable boxes travel: say whether they leave China as temporary export (2600). Ask the customs "
                "broker."
            ),
        )  # fmt: skip


def temporary_boxes(facts: ShipmentFacts) -> Iterator[Problem]:
    """R33: what a declaration of temporary boxes says: how long they stay, or which declaration let them in."""
    if facts.customs_regime.code != "2600" or not facts.boxes:
        return
    details, until, leaves = facts.details, facts.boxes_back_by, facts.departure_date
    if details.box_leg == "home":
        if not details.box_original_declaration:
            yield error(
                "R33", "details:box_original_declaration",
                N_("Boxes that go home name the declaration that let them in."),
            )  # fmt: skip
        return
    if until is None:
        yield error(
            "R33", "details:box_return_date",
            N_("The day until which the boxes come back is missing, and no day of departure tells it."),
        )  # fmt: skip
    if until is None or leaves is None:
        return
    values = {"until": until.isoformat(), "leaves": leaves.isoformat()}
    if until <= leaves:
        yield error(
            "R33",
            "details:box_return_date",
            N_("The boxes come back until %(until)s, but they leave on %(leaves)s."),
            **values,
        )
    elif until > months_later(leaves, LONGEST_OUT):
        yield error(
            "R33",
            "details:box_return_date",
            N_("Temporary boxes come back within %(months)s months at most; %(until)s is later."),
            months=LONGEST_OUT,
            **values,
        )
    elif until > months_later(leaves, MONTHS_OUT) and not details.box_confirmation_no:
        yield error(
            "R33",
            "details:box_confirmation_no",
            N_(
                "Temporary boxes come back within %(months)s months; for %(until)s customs must have confirmed an "
                "extension (审核确认书)."
            ),
            months=MONTHS_OUT,
            **values,
        )


def boxes_written_off(facts: ShipmentFacts) -> Iterator[Problem]:
    """R34: by a declaration no more boxes of a type go home than left under it and are still out (Order 233).

    Known is what shipments of ours let out under that number; of a declaration that is not ours nothing is told.
    """
    out = {one.code: one.out - one.back for one in facts.declared_boxes}
    for box in facts.boxes if out else ():
        left = max(0, out.get(box.code, 0))
        if box.count > left:
            yield error(
                "R34", "details:box_original_declaration",
                N_("%(type)s: %(count)s go home, but under declaration %(number)s only %(left)s are still out."),
                type=box.code, count=box.count, number=facts.details.box_original_declaration, left=left,
            )  # fmt: skip


def boxes_not_sold(facts: ShipmentFacts) -> Iterator[Problem]:
    """R33, R39: what travels as returnable packing is not sold; no credit takes it on the invoice (ISBP 745 C12)."""
    types = {box.code for box in facts.boxes}
    for line in facts.lines:
        if line.part_no in types:
            found = error if facts.credit else warning
            yield found(
                "R33", line_field(line, "product"),
                N_("%(part)s is sold on line %(line)s and travels as returnable box: it can be only one of the two."),
                part=line.part_no, line=line.number,
            )  # fmt: skip


def boxes_valued(facts: ShipmentFacts) -> Iterator[Problem]:
    """R35: every box has a value for customs above zero; R6: HS code and origin."""
    for box in facts.boxes:
        place, values = f"asset_type:{box.code}:", {"type": box.code}
        if box.value <= 0:
            yield error("R35", place + "value", N_("%(type)s has no value: customs refuses zero."), **values)
        if box.value_currency not in codes.currencies():
            yield error("R35", place + "value_currency", N_("%(type)s: its value has no currency."), **values)
        if len(box.hs_code) < 6:
            yield warning("R6", place + "hs_code", N_("%(type)s has no HS code of its own."), **values)
        if box.origin is None:
            yield warning("R6", place + "origin", N_("%(type)s has no country of origin."), **values)
        if not box.name_en.strip():
            yield error("R6", place + "name_en", N_("%(type)s has no English name."), **values)


def boxes_return(facts: ShipmentFacts) -> Iterator[Problem]:
    """R33: which way the boxes go, and until when they come back, stands on their papers."""
    if not facts.details.box_leg:
        yield warning(
            "R33", "details:box_leg", N_("Say whether the boxes go out or home; the papers say: out."),
        )  # fmt: skip
    if facts.details.box_leg != "home" and facts.boxes_back_by is None:
        yield warning(
            "R33", "details:box_return_date",
            N_("The day until which the boxes come back is missing, and no day of departure tells it."),
        )  # fmt: skip


def statement_grounds(facts: ShipmentFacts) -> Iterator[Problem]:
    """R33: what the country of destination will ask for besides the statement: a ruling, a proof, a declaration."""
    country, details = facts.destination_country.alpha2, facts.details
    if country == "US" and not details.box_evidence:
        yield warning(
            "R33", "details:box_evidence",
            N_(
                "The USA know skids and pallets as instruments of international traffic by name; other boxes need a "
                "designation: ask the customs broker for its number."
            ),
        )  # fmt: skip
    strange = [box for box in facts.boxes if box.owner_en != facts.seller.name_en]
    if strange and details.box_leg != "home":
        yield warning(
            "R33", "details:box_leg",
            N_(
                "%(type)s belongs to %(owner)s, not to the sender: ask the customs broker whether it goes out or comes "
                "home."
            ),
            type=strange[0].code, owner=strange[0].owner_en,
        )  # fmt: skip
    if country in codes.EU and details.box_leg == "home" and not details.box_evidence:
        yield warning(
            "R33", "details:box_evidence",
            N_("Boxes that come home to the EU need a proof that they left it: ask the customs broker."),
        )  # fmt: skip
    if country == "CN" and details.box_leg == "home" and not details.box_original_declaration:
        yield warning(
            "R33", "details:box_original_declaration",
            N_("Boxes that come home to China name the declaration that let them out: ask the customs broker."),
        )  # fmt: skip


# ---- the authorisation of the broker


def authorisation(facts: ShipmentFacts) -> Iterator[Problem]:
    """R43, R13: who is authorised, for what, and until when (代理报关委托书)."""
    broker, details = facts.broker, facts.details
    if broker is None:
        yield error("R43", "shipment:broker", N_("The customs broker is missing: nobody can be authorised."))
    for party in filter(None, (facts.seller, broker)):
        place, values = f"party:{party.code}:", {"party": party.code}
        if not party.name_zh.strip():
            yield error("R13", place + "name_zh", N_("%(party)s has no Chinese name."), **values)
        if not (party.uscc or party.customs_no):
            yield warning(
                "R13",
                place + "customs_no",
                N_("%(party)s has neither a customs registration no. nor a USCC."),
                **values,
            )
    if not details.proxy_mode:
        yield error("R43", "details:proxy_mode", N_("Say whether the authorisation is for this shipment or long-term."))
    if not details.proxy_services:
        yield error("R43", "details:proxy_services", N_("Say which services the broker is authorised to."))
    if details.proxy_valid_until is None:
        yield error("R43", "details:proxy_valid_until", N_("The authorisation does not say until when it is valid."))
    elif facts.departure_date and details.proxy_valid_until < facts.departure_date:
        yield warning(
            "R40", "details:proxy_valid_until",
            N_("The authorisation ends on %(until)s, the goods leave on %(leaves)s."),
            until=details.proxy_valid_until.isoformat(), leaves=facts.departure_date.isoformat(),
        )  # fmt: skip
