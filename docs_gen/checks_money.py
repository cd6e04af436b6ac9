"""What offer, contract and invoice must say beyond what every paper must: agreed terms, dates, where to pay."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from docs_gen import checks
from docs_gen.checks import Problem, error, warning
from docs_gen.facts import ShipmentFacts
from errors import N_

#: Incoterms 2020 under which the seller insures for the buyer, with the covers that are enough
_INSURED = {"CIF": (), "CIP": ("ICC (A)", "ICC (Air)", "PICC All Risks")}

#: details that these papers print
_TEXTS = (
    "shipment_period", "packing_terms", "export_reason", "importer_reference", "place_of_issue", "signatory",
    "position",
)  # fmt: skip


def offer_valid(facts: ShipmentFacts) -> Iterator[Problem]:
    """R43, R40: an offer says until when it binds, and that is not before the contract that it led to.

    Whether it has passed already is not asked here: the day of issue is no fact of the shipment.
    """
    until, contract = facts.details.validity_date, facts.details.contract_date
    if until is None:
        yield error("R43", "details:validity_date", N_("The offer does not say until when it is valid."))
    elif contract and until < contract:
        yield warning(
            "R40", "details:validity_date", N_("The offer was valid until %(until)s, the contract is of %(contract)s."),
            until=until.isoformat(), contract=contract.isoformat(),
        )  # fmt: skip


def shipment_period(facts: ShipmentFacts) -> Iterator[Problem]:
    """R43: offer and contract say when the goods are shipped."""
    if not facts.details.shipment_period.strip():
        yield error("R43", "details:shipment_period", N_("The shipment period is missing."))


def payment_agreed(facts: ShipmentFacts) -> Iterator[Problem]:
    """R43: offer and contract say how the goods are paid."""
    if not facts.payment_terms.strip() and facts.credit is None:
        yield error("R43", "shipment:payment_terms", N_("The terms of payment are missing."))


def tolerance_plausible(facts: ShipmentFacts) -> Iterator[Problem]:
    """R6: more or less of a quantity is a share of it."""
    tolerance = facts.details.quantity_tolerance
    if tolerance is not None and not 0 <= tolerance < 100:
        yield error("R6", "details:quantity_tolerance", N_("The tolerance of quantity is not between 0 and 100 %."))


def bank_required(facts: ShipmentFacts) -> Iterator[Problem]:
    """R43: an offer names account and BIC: the buyer opens the credit or prepares the payment with them."""
    seller = facts.seller
    for field, value in (
        ("bank_name", seller.bank_name),
        ("bank_account", seller.bank_account),
        ("bank_bic", seller.bank_bic),
    ):
        if not value:
            yield error(
                "R43", f"party:{seller.code}:{field}",
                N_("%(party)s: the proforma invoice needs bank, account and BIC."), party=seller.code,
            )  # fmt: skip


def contract_before_invoice(facts: ShipmentFacts) -> Iterator[Problem]:
    """R40: the contract is not younger than the invoice."""
    contract, invoice = facts.details.contract_date, facts.invoice_date
    if contract and invoice and contract > invoice:
        yield warning(
            "R40", "details:contract_date", N_("The contract is of %(contract)s, the invoice of %(invoice)s."),
            contract=contract.isoformat(), invoice=invoice.isoformat(),
        )  # fmt: skip


def contract_insured(facts: ShipmentFacts) -> Iterator[Problem]:
    """R17: under CIF and CIP the seller insures for at least 110 %, under CIP with the clauses (A) (Incoterms 2020 A5).

    The parties may agree otherwise, so these are warnings.
    """
    covers = _INSURED.get(facts.incoterm.code)
    if covers is None:
        return
    percent, cover = facts.details.insured_percent, facts.details.insurance_cover
    if percent is not None and percent < Decimal(110):
        yield warning(
            "R17", "details:insured_percent",
            N_("%(incoterm)s: the seller insures for 110 %% of the value unless agreed otherwise."),
            incoterm=facts.incoterm.code,
        )  # fmt: skip
    if covers and cover and cover not in covers:
        yield warning(
            "R17", "details:insurance_cover",
            N_("%(incoterm)s: the seller insures with clauses (A) unless agreed otherwise; here it is %(cover)s."),
            incoterm=facts.incoterm.code, cover=cover,
        )  # fmt: skip


def sold_or_reason(facts: ShipmentFacts) -> Iterator[Problem]:
    """R43, R35: goods are paid, or the invoice says why they leave without; then it asks for no payment."""
    reason = facts.details.export_reason.strip()
    if not reason and not facts.payment_terms.strip() and facts.credit is None:
        yield warning(
            "R43", "details:export_reason",
            N_("No terms of payment: if the goods are not sold, say why they leave."),
        )  # fmt: skip
    if reason and facts.payment_terms.strip():
        yield warning(
            "R35", "shipment:payment_terms",
            N_("The invoice says “%(reason)s”, so it asks for no payment; but terms of payment are given."),
            reason=reason,
        )  # fmt: skip


def where_to_pay(facts: ShipmentFacts) -> Iterator[Problem]:
    """R13: the invoice says where to pay, unless nothing is paid."""
    if not facts.details.export_reason.strip():
        yield from checks.bank_complete(facts)


def sale_texts(facts: ShipmentFacts) -> Iterator[Problem]:
    """R42, R43: what these papers print of the details can be printed and holds no placeholder."""
    texts = [(f"details:{name}", getattr(facts.details, name)) for name in _TEXTS]
    yield from checks.printable_texts(texts)
    yield from checks.no_placeholder_texts(texts)
