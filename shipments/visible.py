"""Who sees which shipment and letter of credit: those of his entities. What hangs on a shipment goes with it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from peewee import fn

from accounts.scope import Scope, current_scope
from master_data import visible
from shipments.models import LetterOfCredit, Shipment
from shipments.rules import PARTY_ROLES


def visible_shipments(scope: Scope, shipment: Any = Shipment) -> Any:
    """Condition on Shipment: its seller is one of the person's entities; None: all of them."""
    return None if scope.entities is None else shipment.consignor.in_(scope.entities)


def visible_credits(scope: Scope) -> Any:
    """Condition on LetterOfCredit: its beneficiary is one of the person's entities; None: all of them."""
    return None if scope.entities is None else LetterOfCredit.beneficiary.in_(scope.entities)


def if_seen(shipment: Shipment | None) -> Shipment | None:
    """The shipment that stands beside something else (the box that left with it), where it is for who asks; else None:
    a box of one entity may be on a truck of another."""
    return shipment if shipment is not None and current_scope().has_entity(shipment.consignor_id) else None


def number_of(shipment: Shipment | None) -> str:
    """Its number; '' where there is none, or it is not for who asks."""
    seen = if_seen(shipment)
    return seen.number if seen else ""


def shipments_of(entities: Collection[int]) -> Any:
    """Subquery: the ids of the shipments of these sellers."""
    shipment = Shipment.alias()
    return shipment.select(shipment.id).where(shipment.consignor.in_(entities))


def _ties(party: Any, entities: Collection[int] | None) -> list[Any]:
    """A partner in any role of a shipment, or the buyer of a letter of credit."""
    found = []
    for role in PARTY_ROLES:
        shipment = Shipment.alias()
        query = shipment.select(shipment.id).where(getattr(shipment, role) == party.id)
        found.append(fn.EXISTS(query if entities is None else query.where(shipment.consignor.in_(entities))))
    credit = LetterOfCredit.alias()
    applied = credit.select(credit.id).where(credit.applicant == party.id)
    found.append(fn.EXISTS(applied if entities is None else applied.where(credit.beneficiary.in_(entities))))
    return found


visible.ties.append(_ties)
