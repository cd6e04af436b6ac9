"""What the papers about packages must say beyond what every paper must: marks, SSCC, wood, delivery."""

from __future__ import annotations

import re
from collections.abc import Iterator

from biip import ParseError
from biip.sscc import Sscc

from docs_gen import checks
from docs_gen.checks import Problem, error, warning
from docs_gen.facts import ShipmentFacts
from errors import N_

#: UN/CEFACT Recommendation 15: a mark has at most so many lines of so many characters, in ASCII
MARK_LINES, MARK_CHARACTERS = 10, 17
#: So many labels are rendered well within the time of one paper.
MOST_LABELS = 500
#: what a label of 100 × 150 mm has room for, in characters; the template cuts there
_LABEL_LIMITS = {"name_en": 70, "name_zh": 35, "address_en": 72}

_PACKING_TEXTS = ("ippc_mark", "place_of_issue", "signatory", "position")
_DELIVERY_TEXTS = ("dock", "truck_no", "trailer_no", "driver", "driver_phone", "call_off_no", "signatory")


# ---- delivery note


def departure_known(facts: ShipmentFacts) -> Iterator[Problem]:
    """R43: the delivery note bears the day on which the goods leave."""
    if facts.departure_date is None:
        yield error(
            "R43", "shipment:departure_date",
            N_("The date of departure is missing: the delivery note bears it."),
        )  # fmt: skip


def delivery_window(facts: ShipmentFacts) -> Iterator[Problem]:
    """R40: the goods are delivered after they have left, and the window has an end after its beginning."""
    begin, end, left = facts.details.delivery_from, facts.details.delivery_until, facts.departure_date
    if begin and end and end < begin:
        yield error("R40", "details:delivery_until", N_("The delivery window ends before it begins."))
    if left and (begin or end) and (end or begin).date() < left:  # type: ignore[union-attr]
        yield warning(
            "R40", "details:delivery_from", N_("The delivery window is before the departure on %(day)s."),
            day=left.isoformat(),
        )  # fmt: skip


def delivery_texts(facts: ShipmentFacts) -> Iterator[Problem]:
    """R42, R43: what the delivery note prints of the details and places can be printed, and is no placeholder."""
    yield from _texts(facts, _DELIVERY_TEXTS)
    for place in filter(None, (facts.ship_from, facts.deliver_to)):
        texts = {"name_en": place.name_en, "name_zh": place.name_zh, "phone": place.phone}
        texts |= {"address_en": "\n".join(place.address_en), "address_zh": "\n".join(place.address_zh)}
        fields = [(f"place:{place.code}:{name}", text) for name, text in texts.items()]
        yield from checks.printable_texts(fields)
        yield from checks.no_placeholder_texts(fields)


def packing_texts(facts: ShipmentFacts) -> Iterator[Problem]:
    """R42, R43: what the packing list prints of the details can be printed, and is no placeholder."""
    yield from _texts(facts, _PACKING_TEXTS)


def _texts(facts: ShipmentFacts, names: tuple[str, ...]) -> Iterator[Problem]:
    texts = [(f"details:{name}", getattr(facts.details, name)) for name in names]
    yield from checks.printable_texts(texts)
    yield from checks.no_placeholder_texts(texts)


# ---- marks


def marks_given(facts: ShipmentFacts) -> Iterator[Problem]:
    """R11: there is a mark for every package, the one that the other papers print."""
    if facts.packages and not facts.marks and not all(row.marks for row in facts.packages):
        yield error(
            "R11", "shipment:marks",
            N_("There are no marks to be put on the packages: name consignee, reference and destination."),
        )  # fmt: skip


def marks_fit(facts: ShipmentFacts) -> Iterator[Problem]:
    """R42: marks are short enough to be painted and typed: UN/CEFACT Rec. 15, number of the package included."""
    fields = {"shipment:marks": facts.marks}
    for row in facts.packages:
        if row.marks and row.row is not None:
            fields[f"shipment:packages-{row.row}-marks"] = tuple(row.marks.splitlines())
    for field, lines in fields.items():
        if len(lines) + 1 > MARK_LINES:
            yield warning(
                "R42", field,
                N_("The mark has %(lines)s lines with the package number; %(limit)s are usual (Rec. 15)."),
                lines=len(lines) + 1, limit=MARK_LINES,
            )  # fmt: skip
        long = next((line for line in lines if len(line) > MARK_CHARACTERS), "")
        if long:
            yield warning(
                "R42", field,
                N_("“%(line)s” is longer than %(limit)s characters, the most for a mark by UN/CEFACT Rec. 15."),
                line=long[:60], limit=MARK_CHARACTERS,
            )  # fmt: skip
        if any(not line.isascii() for line in lines):
            yield warning(
                "R42",
                field,
                N_("The mark has characters that a carrier's system may not take: use A–Z, 0–9 (Rec. 15)."),
            )


# ---- SSCC and labels


def sscc_prefix(facts: ShipmentFacts) -> Iterator[Problem]:
    """R30: the seller has a GS1 company prefix, with which its SSCC begin."""
    seller = facts.seller
    if not re.fullmatch(r"[0-9]{4,12}", seller.gs1_company_prefix):
        yield error(
            "R30", f"party:{seller.code}:gs1_company_prefix",
            N_("%(party)s has no GS1 company prefix: its packages get no SSCC."), party=seller.code,
        )  # fmt: skip


def ssccs_valid(facts: ShipmentFacts) -> Iterator[Problem]:
    """R30, R32: each SSCC has 18 digits and a right check digit (GS1 General Specifications, 7.9), and stands once."""
    for number, sscc in enumerate(facts.ssccs, 1):
        try:
            Sscc.parse(sscc)
        except ParseError:
            yield error(
                "R30", "shipment:packages", N_("Package %(number)s: %(sscc)s is no SSCC."), number=number, sscc=sscc
            )
    if len(set(facts.ssccs)) != len(facts.ssccs):
        yield error("R32", "shipment:packages", N_("Two packages have the same SSCC."))


def labels_at_once(facts: ShipmentFacts) -> Iterator[Problem]:
    """R42: the labels fit into one file that is made in one go."""
    if facts.package_count > MOST_LABELS:
        yield error(
            "R42", "shipment:packages",
            N_("%(count)s labels: at most %(limit)s are made for a shipment. Number pallets instead of boxes."),
            count=facts.package_count, limit=MOST_LABELS,
        )  # fmt: skip


def label_texts(facts: ShipmentFacts) -> Iterator[Problem]:
    """R42: names and addresses are short enough for a label of 100 × 150 mm, which cuts longer ones."""
    for party in (facts.seller, facts.consignee):
        for name, limit in _LABEL_LIMITS.items():
            value = getattr(party, name)
            text = ", ".join(value) if isinstance(value, tuple) else value
            if len(text) > limit:
                yield warning(
                    "R42", f"party:{party.code}:{name}",
                    N_("%(party)s: a label shows only the first %(limit)s characters of this."),
                    party=party.code, limit=limit,
                )  # fmt: skip
