"""Tokens: random, shown once, and kept as a hash."""

from __future__ import annotations

import hashlib


def token_hash(token: str) -> str:
    """SHA-256 of a token, as the database keeps it: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()
