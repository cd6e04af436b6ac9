"""Checks of the papers of a box account: that its figures add up, and that what it names can be printed."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from docs_gen.account_facts import AccountPaper, BoxChargesFacts, BoxStatementFacts
from docs_gen.checks import Problem, error, printable_texts
from errors import N_


def addressed(facts: AccountPaper) -> Iterator[Problem]:
    """R45: both sides stand on it with their address."""
    for party in (facts.seller, facts.consignee):
        if not party.address_en and not party.address_zh:
            yield error(
                "R45", f"party:{party.code}:address_en", N_("The address of %(code)s is missing."), code=party.code
            )


def account_printable(facts: AccountPaper) -> Iterator[Problem]:
    """R42: no character is missing in the fonts."""
    for party in (facts.seller, facts.consignee):
        texts = (party.name_en, party.name_zh, *party.address_en, *party.address_zh)
        yield from printable_texts([(f"party:{party.code}:name_en", text) for text in texts])
    if isinstance(facts, BoxStatementFacts):
        for account in facts.accounts:
            names = (account.name_en, account.name_zh)
            yield from printable_texts([(f"asset_type:{account.type_code}:name_en", text) for text in names])


def balances_add_up(facts: BoxStatementFacts) -> Iterator[Problem]:
    """R46: opening + in − out ± adjustments = closing, by type and by place, and the lines are what the sums say."""
    for one in facts.accounts:
        sums = [
            one.opening + one.incoming - one.outgoing + one.adjustment,
            one.opening + sum(line.quantity for line in one.lines),
            sum(place.closing for place in one.places),
        ]
        if any(total != one.closing for total in sums):
            yield error(
                "R46", f"asset_type:{one.type_code}:code",
                N_("The account of %(code)s does not add up: its balance is %(closing)s, its lines give %(lines)s."),
                code=one.type_code, closing=one.closing, lines=sums[1],
            )  # fmt: skip


def charges_add_up(facts: BoxChargesFacts) -> Iterator[Problem]:
    """R46: the total is the sum of the printed amounts, and there is something to charge."""
    if facts.total != sum((one.amount for one in facts.charges), Decimal(0)):
        yield error("R46", f"party:{facts.consignee.code}:code", N_("The total is not the sum of the charges."))
    if not facts.charges:
        yield error("R46", f"party:{facts.consignee.code}:code", N_("There is nothing to charge."))
