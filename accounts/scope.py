"""What a person belongs to: the selling entities, sites and the partner whose data they may see."""

from __future__ import annotations

from dataclasses import dataclass

from flask import g

from accounts.models import User, UserEntity, UserSite
from database import tuples


@dataclass(frozen=True)
class Scope:
    """Keys of rows; None: no limit. `partner`: of a person of another firm, who sees that firm's statements only."""

    entities: frozenset[int] | None  # Party: the sellers
    sites: frozenset[int] | None  # Place: the own places
    partner: int | None = None

    def has_entity(self, party_id: int | None) -> bool:
        """Whether rows of this seller are open to the person."""
        return self.entities is None or party_id in self.entities

    def has_site(self, place_id: int | None) -> bool:
        """Whether rows of this own place are open to the person."""
        return self.sites is None or place_id in self.sites


#: For commands and jobs, which act for nobody.
EVERYTHING = Scope(None, None)
NOTHING = Scope(frozenset(), frozenset())


def scope_of(user: User) -> Scope:
    """The scope of a person, read once a request. Administrators have no limit; a partner has no seller and no site."""
    known: dict[int, Scope] = g.setdefault("scopes", {})
    if user.id not in known:
        known[user.id] = _read(user)
    return known[user.id]


def _read(user: User) -> Scope:
    if user.partner_id is not None:
        return Scope(frozenset(), frozenset(), user.partner_id)
    if "people.manage" in user.rights:  # could give it to himself
        return EVERYTHING
    return Scope(
        None if user.all_entities else _keys(UserEntity.select(UserEntity.party_id).where(UserEntity.user == user)),
        None if user.all_sites else _keys(UserSite.select(UserSite.place_id).where(UserSite.user == user)),
    )


def _keys(query: object) -> frozenset[int]:
    return frozenset(key for (key,) in tuples(query))
