"""Papers of the returnable packaging that travels with the goods or by itself."""

from __future__ import annotations

from docs_gen.document_types import DocumentType

TYPES: tuple[DocumentType, ...] = ()
