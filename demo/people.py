"""A person of each role, invited and without access: whoever runs the demo makes a link for the one to be tried."""

from __future__ import annotations

from datetime import datetime

from flask import has_app_context

from accounts.models import User
from accounts.people import Belonging, invite
from master_data.models import Party

#: user name → (name, role)
_PEOPLE = {
    "chen.jie": ("陈洁", "document_clerk"),
    "liu.yang": ("刘洋", "logistics_lead"),
    "zhao.lei": ("赵磊", "scanner_operator"),
    "sun.li": ("孙丽", "viewer"),
}


def invited(now: datetime, partner: Party, by: User | None) -> None:
    """The people of the demo. Nobody knows the tokens of their links, and no password is set."""
    names = [*_PEOPLE, "j.brandt"]
    if not has_app_context() or User.select().where(User.username.in_(names)).exists():
        return
    for username, (name, role) in _PEOPLE.items():
        invite(username, name, "", Belonging(frozenset({role})), now, by)
    other = Belonging(frozenset({"partner"}), frozenset(), frozenset(), partner.id)
    invite("j.brandt", "Jürgen Brandt", "", other, now, by)
