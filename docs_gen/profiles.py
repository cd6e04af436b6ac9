"""Which papers a shipment needs, and how often: document profiles, kept as data.

The lines that come with Roundtrip stand in `data/profiles.csv`; a firm's own are rows (`ProfileRule`) and come after.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from docs_gen.facts import ShipmentFacts
from docs_gen.models import ProfileRule
from errors import N_
from master_data import codes

#: The notes of `data/profiles.csv`, so that they are translated as every other sentence.
_NOTES = {
    "": "",
    "domestic": N_("Nothing leaves the country."),
    "dock": N_("The driver and the dock sign it."),
    "solas": N_("No container is loaded without its verified gross mass (SOLAS VI/2)."),
    "seller_insures": N_("The seller insures (Incoterms 2020)."),
    "imdg": N_("IMDG Code 5.4.1"),
    "come_home": N_("Boxes that come home again."),
    "box_value": N_("Their value for customs."),
    "cmr": N_("Three originals (CMR art. 5)."),
    "usual": N_("Usually asked for there."),
}


@dataclass(frozen=True)
class Need:
    """What a profile says of one kind of paper."""

    need: str  # required, offered, never
    originals: int = 1
    copies: int = 0
    note: str = ""  # why


def needs(facts: ShipmentFacts, rules: Iterable[ProfileRule] | None = None) -> dict[str, Need]:
    """Kind of paper → what the profiles say of it; the last rule that fits wins. A kind without a rule is offered.

    What a letter of credit asks for is required, as often as it says, whatever the profiles say.
    """
    if rules is None:
        rules = [*shipped_rules(), *ProfileRule.select().order_by(ProfileRule.position, ProfileRule.id)]
    found = {rule.type: Need(rule.need, rule.originals, rule.copies, rule.note) for rule in rules if fits(rule, facts)}
    if facts.credit:
        for one in facts.credit.documents:
            found[one.type] = Need("required", one.originals, one.copies, facts.credit.number)
    return found


@cache
def shipped_rules() -> tuple[ProfileRule, ...]:
    """The lines of `data/profiles.csv`, as rows that are not stored."""
    with (Path(__file__).parent / "data" / "profiles.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            ProfileRule(
                position=number,
                **{
                    **row,
                    "originals": int(row["originals"]),
                    "copies": int(row["copies"]),
                    "note": _NOTES[row["note"]],
                },
            )
            for number, row in enumerate(csv.DictReader(file))
        )


def fits(rule: ProfileRule, facts: ShipmentFacts) -> bool:
    """True when every condition of the rule that is given holds for the shipment."""
    country = facts.destination_country.alpha2
    return (
        rule.destination in ("", country, *(["EU"] if country in codes.EU else []))
        and (rule.customer is None or rule.customer.code == facts.consignee.code)
        and rule.mode in ("", facts.transport.code)
        and rule.incoterm in ("", facts.incoterm.code)
        and _agrees(rule.credit, facts.credit is not None)
        and _agrees(rule.dangerous, any(line.danger for line in facts.lines))
        and _agrees(rule.returnables, bool(facts.boxes))
    )


def _agrees(condition: str, fact: bool) -> bool:
    return condition in ("", "yes" if fact else "no")
