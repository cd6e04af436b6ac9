"""Stamps and signatures: who may place which on which paper, and the log of each use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from accounts.models import User
from docs_gen.document_types import DocumentType
from docs_gen.facts import SealFacts
from docs_gen.models import IssuedDocument, Seal, SealUse
from errors import N_, Refused
from master_data.models import Party

#: the role that may place seals
ROLE = "seal"


def usable(type: DocumentType, seller: Party, user: User | None) -> list[Seal]:
    """The seals that this person may place on this kind of paper of this seller."""
    if user is None or not user.has_role(ROLE):
        return []
    rows = Seal.select().where(Seal.seller == seller, ~Seal.archived, Seal.kind.in_(type.seal_kinds)).order_by(Seal.id)
    return [seal for seal in rows if not seal.types or type.code in seal.types.split()]


def chosen(ids: Sequence[int], type: DocumentType, seller: Party, user: User | None) -> list[Seal]:
    """The seals with these ids. Raises Refused(`seal`) when one of them is not this person's to place here."""
    allowed = {seal.id: seal for seal in usable(type, seller, user)} if ids else {}
    if not set(ids) <= set(allowed):
        raise Refused("seal", N_("You may not place this seal on this paper. Ask the administrator for the right to."))
    return [allowed[id] for id in ids]


def facts_of(seal: Seal) -> SealFacts:
    """The seal as the paper carries it."""
    return SealFacts(seal.kind, seal.name, seal.sha256)


def log(placed: Sequence[Seal], document: IssuedDocument, user: User | None, now: datetime) -> None:
    """Keep who placed which seals on the paper."""
    for seal in placed:
        SealUse.create(seal=seal, document=document, used_by=user, used_time=now)
