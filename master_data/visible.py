"""Who sees which partner and which place. Products and box types are the firm's: everybody who reads them sees all.

Own companies and own places are seen by whoever belongs to them. An outside firm is seen with its places by an entity
that has to do with it, and while nobody has; what "has to do with it" means, the parts to the right say (`ties`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import reduce
from operator import or_
from typing import Any

from accounts.scope import Scope, both
from master_data.models import Party, Place
from prepared_statements import prepared_condition

#: Each gives conditions on a party: that an entity (None: any) has to do with it. Filled when the parts are imported.
ties: list[Callable[[Any, Collection[int] | None], list[Any]]] = []


def visible_parties(scope: Scope, party: Any = Party) -> Any:
    """Condition on Party (or an alias of it); None: all of them."""
    return None if scope.entities is None else _of_entities(party, scope.entities)


@prepared_condition
def _of_entities(party: Any, entities: frozenset[int]) -> Any:
    ours = [condition for tie in ties for condition in tie(party, entities)]
    anybodys = [condition for tie in ties for condition in tie(party, None)]
    outside = reduce(or_, ours) | ~reduce(or_, anybodys) if ours else ~party.own
    return (party.own & party.id.in_(entities)) | (~party.own & outside)


def visible_places(scope: Scope, place: Any = Place) -> Any:
    """Condition on Place (or an alias of it); None: all of them."""
    if not scope.is_limited:
        return None
    own, other = own_parties(), Party.alias()
    ours = both(
        place.party.in_(own),
        None if scope.entities is None else place.party.in_(scope.entities),
        None if scope.sites is None else place.id.in_(scope.sites),
    )
    theirs = both(~other.own, visible_parties(scope, other))
    return ours | place.party.in_(other.select(other.id).where(theirs))


def own_parties() -> Any:
    """Subquery: the ids of our own companies."""
    own = Party.alias()
    return own.select(own.id).where(own.own)


def places_of(entities: Collection[int]) -> Any:
    """Subquery: the ids of the places of these companies."""
    place = Place.alias()
    return place.select(place.id).where(place.party.in_(entities))
