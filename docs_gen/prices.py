"""Facts without money, for whoever and whatever is not to tell it: a person without the right, a paper without prices.

What is left out is nought or empty and not missing, so that the facts stay whole and can be read again.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from docs_gen.facts import ShipmentFacts

_NIL = Decimal(0)


def without_prices(facts: ShipmentFacts, *, boxes: bool = True) -> ShipmentFacts:
    """The facts of a shipment without prices and values of the goods; `boxes`: without those of the boxes too."""
    nil = _NIL
    bare = replace(
        facts,
        lines=tuple(
            replace(line, unit_price=nil, amount=nil, declared_price=nil, declared_total=nil, running_total=nil)
            for line in facts.lines
        ),
        subtotal=nil, other_charges=nil, total=nil, freight=nil, insurance=nil, fob_value=nil, declared_total=nil,
        words_en="", words_zh="", insured=None,
        credit=replace(facts.credit, amount=nil, drawn=nil) if facts.credit else None,
        details=replace(facts.details, declared_value_carriage=None, declared_value_customs=None),
    )  # fmt: skip
    if not boxes:
        return bare
    return replace(bare, boxes=tuple(replace(box, value=nil, value_total=nil) for box in facts.boxes), box_values=())
