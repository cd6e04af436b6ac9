"""Who sees which statement: those of his entities. An account has no site."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from peewee import Value, fn

from accounts.scope import Scope
from assets import visible
from assets.models import ExceptionCase
from docs_gen.models import IssuedDocument
from statements.models import Statement


def visible_statements(scope: Scope) -> Any:
    """Condition on Statement: its seller is one of the person's entities; None: all of them."""
    if scope.entities is None:
        return None
    paper = IssuedDocument.alias()
    return Statement.document.in_(paper.select(paper.id).where(paper.seller.in_(scope.entities)))


def _disputes(entities: Collection[int]) -> Any:
    """Condition on ExceptionCase: a dispute about a statement of these sellers, which its values name."""
    statement, paper = Statement.alias(), IssuedDocument.alias()
    start = Value('"statement": ').concat(statement.id.cast("TEXT"))  # JSON: what follows the number is , or }
    named = ExceptionCase.values.contains(start.concat(",")) | ExceptionCase.values.contains(start.concat("}"))
    own = (
        statement.select(statement.id)
        .join(paper, on=(statement.document == paper.id))
        .where(paper.seller.in_(entities), statement.partner == ExceptionCase.party, named)
    )
    return (ExceptionCase.source == "statement") & fn.EXISTS(own)


visible.case_rules.append(_disputes)
