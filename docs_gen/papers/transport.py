"""Papers for forwarders and carriers."""

from __future__ import annotations

from docs_gen.document_types import DocumentType

TYPES: tuple[DocumentType, ...] = ()
