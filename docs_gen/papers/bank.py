"""Papers that a bank or an insurer asks for, and those about origin."""

from __future__ import annotations

from docs_gen.document_types import DocumentType

TYPES: tuple[DocumentType, ...] = ()
