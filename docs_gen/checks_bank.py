"""The bank's profile of the checks: what is presented under a letter of credit must not conflict with it.

Customs want that what stands on two papers is equal; a bank wants that it does not conflict (UCP 600 art. 14(d), ISBP
745).

These rules hold the shipment against its letter of credit, which is entered once; a shipment without one is left
alone, except where a rule says otherwise. A credit may ask for more than what is entered: such things are warnings
and say "ask the bank".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal

from docs_gen import checks
from docs_gen.checks import Check, Problem, error, line_field, warning
from docs_gen.checks_money import contract_before_invoice
from docs_gen.facts import CreditFacts, PackageFacts, PartyFacts, ShipmentFacts
from errors import N_
from master_data import codes

#: Incoterms 2020 A5: the seller insures, at least with these covers; () any of those that the details offer.
INSURED_TERMS = {"CIF": (), "CIP": ("ICC (A)", "ICC (Air)", "PICC All Risks")}
#: per cent of the CIF or CIP value (UCP 600 art. 28(f)(ii), Incoterms 2020 CIF A5, CIP A5)
MINIMUM_INSURED = Decimal(110)
#: per cent by which a drawing may fall short although partial shipments are not allowed (UCP 600 art. 30(c))
SHORT_DRAWING = Decimal(5)

#: 包装种类 of wood or other plant material: box, barrel, dunnage. The UN/ECE code says more exactly what it is made of.
_PLANT_PACKAGES = frozenset(["23", "33", "98"])
_SOLID_WOOD_PALLET = "93"
#: UN/ECE Rec. 21: boxes of plywood and of reconstituted wood, which ISPM 15 leaves free
_PROCESSED_WOOD = frozenset(["4D", "4F"])

#: details that these papers print
_TEXTS = (
    "claims_payable_at", "survey_agent", "open_cover_no", "insurer", "origin_remarks", "origin_consignee", "ippc_mark",
    "certificate_title", "certificate_text", "draft_tenor", "draft_drawee", "draft_payee", "place_of_issue",
    "signatory", "position",
)  # fmt: skip


# ---- the shipment against the letter of credit


def credit_named(facts: ShipmentFacts) -> Iterator[Problem]:
    """R12: the papers bear number, date and bank of the credit; the contract that its text names is ours.

    Without a credit: terms of payment that speak of one.
    """
    credit = facts.credit
    if credit is None:
        if re.search(r"\bL\s*/\s*C\b|letters? of credit|documentary credit|信用证", facts.payment_terms, re.IGNORECASE):
            yield warning(
                "R12", "shipment:letter_of_credit",
                N_("The terms of payment speak of a letter of credit, but none is entered: its rules are not checked."),
            )  # fmt: skip
        return
    for field, text in (
        ("number", N_("The letter of credit has no number.")),
        ("issuing_bank", N_("The letter of credit does not name the bank that issued it.")),
    ):
        if not getattr(credit, field).strip():
            yield error("R12", f"credit:{credit.code}:{field}", text)
    named = " ".join(credit.goods)
    if "contract" in named.casefold() and facts.contract_no and _plain(facts.contract_no) not in _plain(named):
        yield warning(
            "R12", "shipment:contract_no",
            N_("The credit's description of the goods speaks of a contract, but not of %(contract)s: ask the bank."),
            contract=facts.contract_no,
        )  # fmt: skip


def marks_written_out(facts: ShipmentFacts) -> Iterator[Problem]:
    """R11: the marks are the same on every paper, so they are written out, and no package bears others.

    All papers take the shipment's marks. What may differ is a mark of a single row of packages, which only the packing
    list shows. To a bank (ISBP 745) further marks do not conflict, but customs and carrier compare them too.
    """
    severity = error if facts.credit else warning
    if re.search(r"\bas per\b|\bsee (invoice|packing list)\b|见发票|同发票", "\n".join(facts.marks), re.IGNORECASE):
        yield severity(
            "R11", "shipment:marks", N_("Write the marks out: papers that only point to others are refused.")
        )
    if not facts.credit:
        return
    known = _plain(" ".join(facts.marks))
    for row in facts.packages:
        if row.marks.strip() and _plain(row.marks) not in known:
            yield error(
                "R11", f"shipment:packages-{row.row}-marks",
                N_("Packages %(first)s–%(last)s bear marks that invoice and certificates do not show."),
                first=row.first, last=row.last,
            )  # fmt: skip


def credit_parties(facts: ShipmentFacts) -> Iterator[Problem]:
    """R13: the beneficiary sells and the applicant buys (UCP 600 art. 18(a)); addresses may differ, not the country
    (art. 14(j))."""
    credit = facts.credit
    if credit is None:
        return
    buyer = facts.buyer or facts.consignee
    yield from _same_party(credit, "beneficiary", credit.beneficiary, facts.seller, _NOT_BENEFICIARY)
    yield from _same_party(credit, "applicant", credit.applicant, buyer, _NOT_APPLICANT)


_NOT_BENEFICIARY = N_("%(named)s is the beneficiary of the letter of credit, but %(ours)s sells (UCP 600 art. 18).")
_NOT_APPLICANT = N_("%(named)s is the applicant of the letter of credit, but %(ours)s buys (UCP 600 art. 18).")


def _same_party(credit: CreditFacts, field: str, named: PartyFacts, ours: PartyFacts, text: str) -> Iterator[Problem]:
    place = f"credit:{credit.code}:{field}"
    if _plain(named.name_en) != _plain(ours.name_en):
        yield error("R13", place, text, named=named.name_en, ours=ours.name_en)
    elif named.country.alpha2 != ours.country.alpha2:
        yield error(
            "R13", place,
            N_("%(party)s is in another country in the letter of credit: %(named)s, not %(ours)s (UCP 600 art. 14)."),
            party=ours.name_en, named=named.country.en, ours=ours.country.en,
        )  # fmt: skip


def credit_currency(facts: ShipmentFacts) -> Iterator[Problem]:
    """R14: the invoice is made out in the currency of the credit (UCP 600 art. 18(a)(iii))."""
    if facts.credit and facts.currency.code != facts.credit.currency:
        yield error(
            "R14", "shipment:currency", N_("The invoice is in %(currency)s, the letter of credit in %(credit)s."),
            currency=facts.currency.code or "–", credit=facts.credit.currency,
        )  # fmt: skip


def freight_as_term(facts: ShipmentFacts) -> Iterator[Problem]:
    """R16: with an E or F term the freight is COLLECT and paid at the destination, with a C or D term PREPAID and paid
    where the goods leave. An error under a letter of credit, else a warning."""
    severity = error if facts.credit else warning
    term = codes.INCOTERMS.get(facts.incoterm.code)
    if term is None:
        return
    wanted = term.more["freight"]
    if facts.freight_payment != wanted:
        yield severity(
            "R16", "shipment:incoterm", N_("%(incoterm)s: the freight is %(wanted)s, not %(freight)s."),
            incoterm=term.code, wanted=wanted, freight=facts.freight_payment or "–",
        )  # fmt: skip
    start = (facts.port_of_loading_name, facts.details.place_of_receipt, "ORIGIN")
    end = (facts.port_of_discharge_name, facts.place_of_delivery, "DESTINATION")
    elsewhere, here = (end, start) if wanted == "PREPAID" else (start, end)
    paid_at = facts.details.freight_payable_at
    if paid_at and _names(paid_at, elsewhere) and not _names(paid_at, here):
        yield severity(
            "R16", "details:freight_payable_at",
            N_("%(incoterm)s: the freight is %(wanted)s, but payable at %(place)s."),
            incoterm=term.code, wanted=wanted, place=paid_at,
        )  # fmt: skip


def credit_goods(facts: ShipmentFacts) -> Iterator[Problem]:
    """R36: the invoice describes the goods as the credit does (UCP 600 art. 18(c)): it prints that text, which must be
    there, and a term of delivery in it is that of the shipment (ISBP 745 C8)."""
    credit = facts.credit
    if credit is None:
        return
    if not credit.goods:
        yield error(
            "R36", f"credit:{credit.code}:goods",
            N_("The credit's description of the goods is missing: the invoice repeats it word by word."),
        )  # fmt: skip
    # In capitals only, because DAP may be a word; a code is a term with a place behind it.
    found = re.findall(rf"\b({'|'.join(codes.INCOTERMS)})\b(?=\W*\w)", " ".join(credit.goods))
    if found and facts.incoterm.code not in found:
        yield error(
            "R36", "shipment:incoterm",
            N_("The letter of credit describes the goods with %(credit)s, the shipment goes %(incoterm)s."),
            credit=", ".join(dict.fromkeys(found)), incoterm=facts.incoterm.code or "–",
        )  # fmt: skip


def credit_amount(facts: ShipmentFacts) -> Iterator[Problem]:
    """R36: the invoice does not exceed what is left of the credit, ± its tolerance (UCP 600 art. 18(b), 30(a))."""
    credit = facts.credit
    if credit is None or facts.currency.code != credit.currency:
        return
    limit = credit.amount * (100 + credit.tolerance) / 100
    if facts.total + credit.drawn > limit:
        yield error(
            "R36", f"credit:{credit.code}:amount",
            N_("The invoice is %(total)s, but only %(left)s of the letter of credit are left."),
            total=_amount(facts.total), left=_amount(max(limit - credit.drawn, Decimal(0))),
        )  # fmt: skip


def credit_dates(facts: ShipmentFacts) -> Iterator[Problem]:
    """R37: shipped not after the latest date, presented within the days after shipment and not after expiry
    (UCP 600 art. 14(c), 6(d))."""
    credit = facts.credit
    if credit is None:
        return
    field, shipped = _shipped(facts)
    if shipped and credit.latest_shipment and shipped > credit.latest_shipment:
        yield error(
            "R37", field, N_("Shipped on %(shipped)s; the letter of credit allows it until %(latest)s."),
            shipped=shipped.isoformat(), latest=credit.latest_shipment.isoformat(),
        )  # fmt: skip
    if shipped and shipped > credit.expiry_date:
        yield error(
            "R37", field, N_("Shipped on %(shipped)s, after the letter of credit expired on %(expiry)s."),
            shipped=shipped.isoformat(), expiry=credit.expiry_date.isoformat(),
        )  # fmt: skip
    presented = facts.details.presentation_date
    if presented is None:
        return
    if presented > credit.expiry_date:
        yield error(
            "R37", "details:presentation_date",
            N_("Presented on %(presented)s, after the letter of credit expired on %(expiry)s."),
            presented=presented.isoformat(), expiry=credit.expiry_date.isoformat(),
        )  # fmt: skip
    if shipped and presented > shipped + timedelta(days=credit.presentation_days):
        yield error(
            "R37", "details:presentation_date",
            N_("Presented on %(presented)s, more than %(days)s days after shipment on %(shipped)s."),
            presented=presented.isoformat(), days=credit.presentation_days, shipped=shipped.isoformat(),
        )  # fmt: skip


def credit_documents(facts: ShipmentFacts) -> Iterator[Problem]:
    """R38: titles, numbers and signatures of the papers are those of the credit's list (UCP 600 art. 17, ISBP 745 A39).

    Our papers print the credit's titles, and issuing makes as many originals and copies as it asks for.
    """
    credit = facts.credit
    if credit is None:
        return
    place = f"credit:{credit.code}:documents"
    if not credit.documents:
        yield warning("R38", place, N_("The letter of credit asks for no papers: enter its list, or ask the bank."))
    for one in credit.documents:
        if one.originals + one.copies < 1:
            yield error(
                "R38", place, N_("%(paper)s: the letter of credit asks for neither an original nor a copy."),
                paper=one.title or one.type,
            )  # fmt: skip
    for type in dict.fromkeys(one.type for one in credit.documents):
        if sum(one.type == type for one in credit.documents) > 1:
            yield warning(
                "R38", place,
                N_("The letter of credit asks twice for one kind of paper: we make the first, the other is up to you."),
            )  # fmt: skip
    if not facts.details.signatory and any(one.signed for one in credit.documents):
        yield warning(
            "R38", "details:signatory",
            N_("The letter of credit asks for signed papers, but nobody is named who signs: ask the bank."),
        )  # fmt: skip
    wanted, ours = facts.credit_title("beneficiary_certificate"), facts.details.certificate_title
    if wanted and ours and _plain(wanted) != _plain(ours):
        yield error(
            "R38", "details:certificate_title", N_("The letter of credit names this certificate “%(title)s”."),
            title=wanted,
        )  # fmt: skip


def dated_before_presentation(facts: ShipmentFacts) -> Iterator[Problem]:
    """R38: no paper is dated after its presentation (UCP 600 art. 14(i)); before the credit it may be."""
    presented = facts.details.presentation_date
    if facts.credit is None or presented is None:
        return
    dated = [("shipment:invoice_date", facts.invoice_date)] + [
        (f"details:{name}", getattr(facts.details, name))
        for name in ("certificate_date", "draft_date", "insurance_date", "on_board_date")
    ]
    for field, day in dated:
        if day and day > presented:
            yield error(
                "R38", field, N_("Dated %(day)s, after the presentation on %(presented)s."),
                day=day.isoformat(), presented=presented.isoformat(),
            )  # fmt: skip


def credit_shipments(facts: ShipmentFacts) -> Iterator[Problem]:
    """R39: partial shipments and transhipment only as the credit allows them (UCP 600 art. 20, 31), and the route is
    its route (art. 20(a)(iii))."""
    credit = facts.credit
    if credit is None:
        return
    place = f"credit:{credit.code}:partial_shipments"
    if not credit.partial_shipments:
        if credit.drawn > 0:
            yield error("R39", place, N_("Another shipment has drawn on a letter of credit that allows only one."))
        elif credit.shipments > 1:
            yield warning(
                "R39", place,
                N_("Several shipments draw on a letter of credit that allows only one: ask the bank."),
            )  # fmt: skip
        elif facts.currency.code == credit.currency and (
            facts.total < credit.amount * (100 - max(credit.tolerance, SHORT_DRAWING)) / 100
        ):
            yield warning(
                "R39", place,
                N_("Partial shipments are not allowed, but %(total)s of %(amount)s are drawn: ask the bank."),
                total=_amount(facts.total), amount=_amount(credit.amount),
            )  # fmt: skip
        if facts.details.partial_shipments == "allowed":
            yield warning(
                "R39", "details:partial_shipments",
                N_("The contract allows partial shipments, the letter of credit does not: ask the bank."),
            )  # fmt: skip
    if not credit.transhipment and facts.details.transhipment == "allowed":
        yield warning(
            "R39", "details:transhipment",
            N_("The contract allows transhipment, the letter of credit does not: ask the bank."),
        )  # fmt: skip
    for field, named, ours in (
        ("port_of_loading", credit.port_of_loading, facts.port_of_loading_name),
        ("port_of_discharge", credit.port_of_discharge, facts.port_of_discharge_name),
    ):
        if named and ours and not (_names(named, (ours,)) or _names(ours, (named,))):
            yield warning(
                "R39", f"shipment:{field}_name",
                N_("The letter of credit names %(named)s, the shipment %(ours)s: ask the bank whether this fits."),
                named=named, ours=ours,
            )  # fmt: skip


def nothing_beyond_credit(facts: ShipmentFacts) -> Iterator[Problem]:
    """R39: the invoice shows nothing that the credit does not call for, not even free of charge (ISBP 745 C12):
    no returnable boxes, no samples."""
    if facts.credit is None:
        return
    boxes = {_plain(name) for box in facts.boxes for name in (box.code, box.name_en)}
    for line in facts.lines:
        if _plain(line.part_no) in boxes or _plain(line.description_en) in boxes:
            yield error(
                "R39", line_field(line, "product"),
                N_("Line %(line)s: returnable boxes do not belong on the invoice under a letter of credit."),
                line=line.number,
            )  # fmt: skip
        elif line.unit_price == 0:
            yield error(
                "R39", line_field(line, "unit_price"),
                N_("Line %(line)s: under a letter of credit the invoice shows no goods free of charge."),
                line=line.number,
            )  # fmt: skip


# ---- dates, whether there is a credit or not


def dates_in_order(facts: ShipmentFacts) -> Iterator[Problem]:
    """R40: invoice ≤ shipment ≤ draft ≤ presentation; the draft is not older than the invoice."""
    shipped_field, shipped = _shipped(facts)
    details = facts.details
    yield from _in_order("shipment:invoice_date", facts.invoice_date, shipped_field, shipped)
    yield from _in_order(shipped_field, shipped, "details:draft_date", details.draft_date)
    yield from _in_order("shipment:invoice_date", facts.invoice_date, "details:draft_date", details.draft_date)
    yield from _in_order(shipped_field, shipped, "details:presentation_date", details.presentation_date)


_DATES = {
    "shipment:invoice_date": N_("Invoice of %(first)s, shipment on %(second)s: the invoice comes first."),
    "details:draft_date": N_("The draft of %(second)s is older than the invoice or the shipment of %(first)s."),
    "details:presentation_date": N_("Presented on %(second)s, before the shipment on %(first)s."),
}


def _in_order(first_field: str, first: date | None, second_field: str, second: date | None) -> Iterator[Problem]:
    if first and second and first > second:
        field = second_field if second_field in _DATES else first_field
        yield warning("R40", field, _DATES[field], first=first.isoformat(), second=second.isoformat())


#: of every paper that a bank sees
BANK: tuple[Check, ...] = (
    credit_named, marks_written_out, credit_parties, credit_currency, freight_as_term, credit_goods, credit_amount,
    credit_dates, credit_documents, dated_before_presentation, credit_shipments, nothing_beyond_credit, dates_in_order,
    contract_before_invoice,
)  # fmt: skip


# ---- insurance


def insured_enough(facts: ShipmentFacts) -> Iterator[Problem]:
    """R17: under CIF and CIP at least 110 % are insured, in the currency of credit or invoice (UCP 600 art. 28(f)).

    Under a credit 110 % of the gross value, before deductions (art. 28(f)(ii)), and an error; without one the parties
    may have agreed on less, so it is a warning.
    """
    if facts.incoterm.code not in INSURED_TERMS:
        return
    severity = error if facts.credit else warning
    value = max(facts.total, facts.subtotal) if facts.credit else facts.total
    wanted = value * MINIMUM_INSURED / 100
    if facts.insured is None or facts.insured.amount < wanted:
        yield severity(
            "R17", "details:insured_percent",
            N_("%(incoterm)s: at least %(wanted)s (%(percent)s %% of the value) are to be insured, not %(insured)s."),
            incoterm=facts.incoterm.code, wanted=_amount(wanted), percent=f"{MINIMUM_INSURED:f}",
            insured=_amount(facts.insured.amount) if facts.insured else "–",
        )  # fmt: skip
    currency = facts.credit.currency if facts.credit else facts.currency.code
    if facts.insured and facts.insured.currency.code != currency:
        yield severity(
            "R17", "shipment:currency", N_("Insured in %(insured)s, but the value is in %(currency)s."),
            insured=facts.insured.currency.code, currency=currency,
        )  # fmt: skip


def insurance_covers(facts: ShipmentFacts) -> Iterator[Problem]:
    """R17: a cover is named; under CIF at least clauses (C), under CIP clauses (A) (Incoterms 2020 A5).

    Less may be agreed: under a letter of credit an error, else a warning.
    """
    cover, enough = facts.details.insurance_cover, INSURED_TERMS.get(facts.incoterm.code, ())
    if not cover:
        yield error("R17", "details:insurance_cover", N_("The cover is missing, such as ICC (A)."))
    elif enough and cover not in enough:
        yield (error if facts.credit else warning)(
            "R17", "details:insurance_cover",
            N_("%(incoterm)s: the seller insures with clauses (A); here it is %(cover)s."),
            incoterm=facts.incoterm.code, cover=cover,
        )  # fmt: skip


def insured_before_shipment(facts: ShipmentFacts) -> Iterator[Problem]:
    """R17: insured not later than shipped (UCP 600 art. 28(e)); a warning without a letter of credit."""
    insured, (_, shipped) = facts.details.insurance_date, _shipped(facts)
    if insured and shipped and insured > shipped:
        yield (error if facts.credit else warning)(
            "R17", "details:insurance_date", N_("Insured on %(insured)s, after the shipment on %(shipped)s."),
            insured=insured.isoformat(), shipped=shipped.isoformat(),
        )  # fmt: skip


def claims_payable(facts: ShipmentFacts) -> Iterator[Problem]:
    """R43: the insurer must know where claims are paid; usually at the destination, in the currency of the credit."""
    if not facts.details.claims_payable_at.strip():
        yield warning("R43", "details:claims_payable_at", N_("Where claims are payable is missing."))


# ---- origin


def origin_declared(facts: ShipmentFacts) -> Iterator[Problem]:
    """R24: the exporter declares that all goods are produced in China, and an authority is chosen to certify it."""
    for line in facts.lines:
        if line.origin.alpha2 != "CN":
            yield error(
                "R24", checks.goods_field(line, "origin"),
                N_("%(part)s is of %(origin)s origin, but the certificate declares that all goods are made in China."),
                part=line.part_no, origin=line.origin.en or "–",
            )  # fmt: skip
    if not facts.details.origin_authority:
        yield warning("R24", "details:origin_authority", N_("Which authority certifies the origin is not chosen yet."))


# ---- wood


def wood_declared(facts: ShipmentFacts) -> Iterator[Problem]:
    """R27: packing of solid wood has its IPPC mark (ISPM 15), and "no solid wood" does not contradict the packages.

    Codes 23, 33 and 98 say wood or other plant material; boxes of plywood and reconstituted wood are free of ISPM 15.
    """
    details = facts.details
    pallets = [row for row in facts.packages if row.customs_package.code == _SOLID_WOOD_PALLET]
    plant = [row for row in facts.packages if _of_plants(row)]
    for row in (*pallets, *plant):
        kind = {"first": row.first, "last": row.last, "code": row.customs_package.code, "kind": row.customs_package.zh}
        if details.wood_packing == "none":
            yield error(
                "R27", "details:wood_packing",
                N_("“No solid wood” is declared, but packages %(first)s–%(last)s are %(code)s %(kind)s."), **kind,
            )  # fmt: skip
        elif not details.wood_packing:
            yield error(
                "R27", "details:wood_packing",
                N_("Packages %(first)s–%(last)s are %(code)s %(kind)s: say whether the wood is treated."), **kind,
            )  # fmt: skip
    if details.wood_packing == "treated":
        if not details.ippc_mark.strip():
            yield error("R27", "details:ippc_mark", N_("Treated wood bears an IPPC mark (ISPM 15): it is missing."))
        elif not re.search(r"\b[A-Z]{2}[\s-]*\w+.*\b(HT|DH|MB|SF)\b", details.ippc_mark):
            yield warning(
                "R27", "details:ippc_mark",
                N_("%(mark)s: an IPPC mark has country, producer and treatment (HT, DH, MB, SF), such as CN-320 HT."),
                mark=details.ippc_mark,
            )  # fmt: skip


def _of_plants(row: PackageFacts) -> bool:
    return row.customs_package.code in _PLANT_PACKAGES and row.package.code not in _PROCESSED_WOOD


def wood_statement(facts: ShipmentFacts) -> Iterator[Problem]:
    """R27: the statement needs its choice; Australia and New Zealand want a form of their own (verify)."""
    if not facts.details.wood_packing:
        yield error(
            "R27", "details:wood_packing", N_("Say whether the packing is of wood: the statement depends on it.")
        )
    country = facts.destination_country
    if country.alpha2 in ("AU", "NZ"):
        yield warning(
            "R27", "shipment:destination_country",
            N_("%(country)s usually wants a packing declaration in its own words: ask the customs broker there."),
            country=country.en,
        )  # fmt: skip


# ---- bill of exchange, certificate


def draft_complete(facts: ShipmentFacts) -> Iterator[Problem]:
    """R5, R38, R43: a bill of exchange has an amount in figures and words, tenor, payee and drawee; under a credit the
    drawee is a bank, never the applicant (UCP 600 art. 6(c)), and the tenor that of the credit (ISBP 745 B2)."""
    details, credit = facts.details, facts.credit
    if facts.total <= 0 or not facts.words_en:
        yield error("R5", "shipment:lines", N_("There is no amount to draw, or it cannot be written in words."))
    if not details.draft_payee.strip():
        yield error("R43", "details:draft_payee", N_("To whose order the draft is payable is missing."))
    tenor = details.draft_tenor or (credit.tenor if credit else "")
    if not tenor.strip():
        yield error("R43", "details:draft_tenor", N_("The tenor is missing, such as AT SIGHT."))
    elif credit and credit.tenor and _plain(credit.tenor) not in _plain(tenor):
        yield warning(
            "R38", "details:draft_tenor",
            N_("The letter of credit says %(credit)s, the draft %(tenor)s: ask the bank."),
            credit=credit.tenor, tenor=tenor,
        )  # fmt: skip
    if re.search(r"\b(after|from)\b", tenor, re.IGNORECASE) and not re.search(r"sight|\d{4}", tenor, re.IGNORECASE):
        yield warning(
            "R38", "details:draft_tenor",
            N_("When the draft falls due must follow from the draft itself: add the date from which the days count."),
        )  # fmt: skip
    if credit is None:
        return
    drawee = details.draft_drawee or " ".join(credit.drawee)
    field = "details:draft_drawee" if details.draft_drawee else f"credit:{credit.code}:drawee"
    if not drawee.strip():
        yield error("R43", field, N_("The drawee is missing: the bank that the letter of credit names."))
    elif _names(drawee, (credit.applicant.name_en,)):
        yield error(
            "R38", field, N_("A draft under a letter of credit is not drawn on the applicant (UCP 600 art. 6).")
        )


def certificate_complete(facts: ShipmentFacts) -> Iterator[Problem]:
    """R43: the certificate says what the credit wants certified; a date where its text implies one."""
    if not facts.details.certificate_text.strip():
        yield error("R43", "details:certificate_text", N_("The text of the certificate is missing."))


def bank_texts(facts: ShipmentFacts) -> Iterator[Problem]:
    """R42, R43: what these papers print of details and credit can be printed and holds no placeholder."""
    texts = [(f"details:{name}", getattr(facts.details, name)) for name in _TEXTS]
    if credit := facts.credit:
        place = f"credit:{credit.code}:"
        texts += [(place + name, getattr(credit, name)) for name in ("number", "issuing_bank", "tenor")]
        texts += [(place + "goods", "\n".join(credit.goods)), (place + "drawee", "\n".join(credit.drawee))]
        texts += [(place + "documents", one.title) for one in credit.documents]
    yield from checks.printable_texts(texts)
    yield from checks.no_placeholder_texts(texts)


# ---- helpers


def _shipped(facts: ShipmentFacts) -> tuple[str, date | None]:
    """The day of shipment with its field: on board, or as planned."""
    if facts.details.on_board_date:
        return "details:on_board_date", facts.details.on_board_date
    return "shipment:departure_date", facts.departure_date


def _names(text: str, places: Iterable[str]) -> bool:
    """True when the text contains one of these names."""
    return any(_plain(place) in _plain(text) for place in places if place.strip())


def _plain(text: str) -> str:
    """For comparing: case, spaces, full-width forms and punctuation make no difference."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def _amount(value: Decimal) -> str:
    """1,234.50 for a sentence: at least the decimals that tell, no more than needed."""
    return f"{value.normalize():,f}"
