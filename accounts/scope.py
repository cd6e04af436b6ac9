"""What a person belongs to: the selling entities, sites and the partner whose data they may see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import g, has_request_context
from flask_security import current_user
from peewee import ModelSelect

from accounts.models import User, UserEntity, UserSite
from database import tuples


@dataclass(frozen=True)
class Scope:
    """Keys of rows; None: no limit. `partner`: of a person of another firm, who sees that firm's statements only."""

    entities: frozenset[int] | None  # Party: the sellers
    sites: frozenset[int] | None  # Place: the own places
    partner: int | None = None

    @property
    def is_limited(self) -> bool:
        """Whether there is anything that the person may not see."""
        return self.entities is not None or self.sites is not None

    def has_entity(self, party_id: int | None) -> bool:
        """Whether rows of this seller are open to the person."""
        return self.entities is None or party_id in self.entities


#: For commands and jobs, which act for nobody.
EVERYTHING = Scope(None, None)
NOTHING = Scope(frozenset(), frozenset())


def scope_of(user: User) -> Scope:
    """The scope of a person, read once a request. Administrators have no limit; a partner has no seller and no site."""
    known: dict[int, Scope] = g.setdefault("scopes", {})
    if user.id not in known:
        known[user.id] = _read(user)
    return known[user.id]


def current_scope() -> Scope:
    """The scope of who asks, or that of `acting_as`. In a request without a person nothing is open; a command, also one
    that has a request's context for its links, is asked by nobody and works on everything."""
    if not has_request_context():
        return EVERYTHING
    acting: Scope | None = g.get("acting_scope")
    if acting is not None:
        return acting
    if not g.get("came_in"):  # access._guard says so of every request, before anything else
        return EVERYTHING
    return scope_of(current_user) if current_user.is_authenticated else NOTHING


@contextmanager
def acting_as(scope: Scope) -> Iterator[None]:
    """Within a request (a command has one for its links): what is asked here is asked with this scope."""
    before = g.get("acting_scope")
    g.acting_scope = scope
    try:
        yield
    finally:
        g.acting_scope = before


def seen(visible: Callable[[Scope], Any], query: ModelSelect[Any]) -> Any:
    """`query` narrowed to what who asks may see. `visible` is the rule of its rows, of a module `visible`: scope → a
    condition, None for all rows. Without a limit the query stays as it is."""
    condition = visible(current_scope())
    return query if condition is None else query.where(condition)


def both(*conditions: Any) -> Any:
    """The condition that all of these hold; None among them holds always."""
    found = None
    for one in conditions:
        if one is not None:
            found = one if found is None else found & one
    return found


def _read(user: User) -> Scope:
    if user.partner_id is not None:
        return Scope(frozenset(), frozenset(), user.partner_id)
    if user.all_entities and user.all_sites:
        return EVERYTHING
    if "people.manage" in user.rights:  # could give it to himself
        return EVERYTHING
    return Scope(
        None if user.all_entities else _keys(UserEntity.select(UserEntity.party_id).where(UserEntity.user == user)),
        None if user.all_sites else _keys(UserSite.select(UserSite.place_id).where(UserSite.user == user)),
    )


def _keys(query: object) -> frozenset[int]:
    return frozenset(key for (key,) in tuples(query))
