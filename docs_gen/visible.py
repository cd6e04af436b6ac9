"""Who sees which paper and what papers look like: those of his entities. Profiles and packs are the firm's."""

from __future__ import annotations

from typing import Any

from accounts.scope import Scope, both
from docs_gen.models import IssuedDocument, PaperSet, ProfileRule, Seal, Wording
from master_data.models import Party
from master_data.visible import visible_parties
from shipments.visible import shipments_of


def visible_papers(scope: Scope) -> Any:
    """Condition on IssuedDocument: the seller is one of the person's entities; None: all of them."""
    return None if scope.entities is None else IssuedDocument.seller.in_(scope.entities)


def visible_sets(scope: Scope) -> Any:
    """Condition on PaperSet: of a shipment of his; None: all of them."""
    return None if scope.entities is None else PaperSet.shipment.in_(shipments_of(scope.entities))


def visible_seals(scope: Scope) -> Any:
    """Condition on Seal: of the person's entities; None: all of them."""
    return None if scope.entities is None else Seal.seller.in_(scope.entities)


def visible_wordings(scope: Scope) -> Any:
    """Condition on Wording: of the person's entities or of every one, and of no partner that he does not see."""
    if scope.entities is None:
        return None
    ours = Wording.seller.is_null() | Wording.seller.in_(scope.entities)
    return both(ours, Wording.customer.is_null() | Wording.customer.in_(_partners(scope)))


def visible_profile_rules(scope: Scope) -> Any:
    """Condition on ProfileRule: lines about a partner are seen with the partner; None: all of them."""
    if scope.entities is None:
        return None
    return ProfileRule.customer.is_null() | ProfileRule.customer.in_(_partners(scope))


def _partners(scope: Scope) -> Any:
    partner = Party.alias()
    return partner.select(partner.id).where(visible_parties(scope, partner))
