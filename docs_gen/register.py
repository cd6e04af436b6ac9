"""The register of papers: one entry for each. URL, page, number, archive and tests follow from the entry.

`REGISTER` holds the types that come with Roundtrip. `types()` is what holds in an installation: the same with what the
template packs in use override and add. Where a paper is shown, checked or issued, it is `types()` that counts.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import archive
from apart import NotRead
from config import Store
from docs_gen.checks import Problem
from docs_gen.document_types import DocumentType, PaperPart, check_papers, paper_parts
from docs_gen.facts import ShipmentFacts
from docs_gen.models import IssuedDocument, TemplatePack
from docs_gen.pack_files import Pack, read_pack
from docs_gen.papers import accounts, bank, customs, goods, money, returnables, transport
from errors import InvalidInput, Unavailable, UserError

log = logging.getLogger("roundtrip")

#: in print order
REGISTER: dict[str, DocumentType] = {
    type.code: type
    for type in (
        *money.TYPES,
        *goods.TYPES,
        *customs.TYPES,
        *transport.TYPES,
        *bank.TYPES,
        *returnables.TYPES,
        *accounts.TYPES,
    )
}

#: In the column `template` of a paper: the pack and the version that printed it.
_PRINTED_BY = re.compile(r"pack ([a-z0-9-]+)/(\d+)\b")

_packs_dir: Store = Path()


def open_packs(folder: Store) -> None:
    """Say where the ZIPs of packs are kept; to be called once at start, like `open_database`."""
    global _packs_dir
    _packs_dir = folder


def types() -> dict[str, DocumentType]:
    """The types of this installation in print order: what a pack in use overrides in its place, what it adds last.

    A pack that cannot be read any more is left out, so that papers can still be made; the log and `flask check` say so.
    """
    found = dict(REGISTER)
    for row in TemplatePack.select().where(TemplatePack.active).order_by(TemplatePack.name):
        try:
            found |= {type.code: type for type in pack_of(row).types}
        except Unavailable:
            raise  # the store is away for a moment: a paper must not be printed by another template for that
        except UserError as fault:
            log.error("The template pack %s, version %s, cannot be used: %s", row.name, row.version, fault)
    return found


def shipment_types() -> dict[str, DocumentType]:
    """Those of them that are papers of a shipment."""
    return {code: type for code, type in types().items() if type.facts is ShipmentFacts}


def pack_of(row: TemplatePack) -> Pack:
    """What a taken pack holds. Raises UserError: its file is lost, or does not fit to this version of Roundtrip."""
    return _pack(_packs_dir, row.sha256, row.version)


@lru_cache(maxsize=64)
def _pack(folder: Store, sha256: str, version: int) -> Pack:
    data = archive.read(folder, sha256, suffix=".zip")
    try:
        return read_pack(data, REGISTER, version)
    except InvalidInput as error:
        if isinstance(error.__cause__, NotRead):  # it was read once: now it is the machine that cannot
            raise Unavailable("busy") from error
        raise


def named(code: str) -> DocumentType | None:
    """The type with this code, for its names; None when the pack that added it is not in use."""
    return REGISTER.get(code) or types().get(code)


def right_for(code: str) -> str:
    """The right that one needs to see a paper of this kind; '' for none besides reading papers.

    A kind that nobody knows any more, as its pack is not in use, may have told prices.
    """
    kind = named(code)
    return kind.asks if kind else "prices.see"


def type_of(document: IssuedDocument) -> DocumentType:
    """The type as it printed this paper: by the version of the pack that was in use then, or by none.

    One that has no file yet is printed by what is in use now. Raises KeyError when no pack adds its type any more,
    UserError when the file of that pack is lost.
    """
    if document.state == "numbered":
        return types()[document.type]
    if match := _PRINTED_BY.match(document.template):
        row = TemplatePack.get(TemplatePack.name == match[1], TemplatePack.version == int(match[2]))
        return next(type for type in pack_of(row).types if type.code == document.type)
    return REGISTER[document.type]


def papers(
    facts: ShipmentFacts,
    invoice: ShipmentFacts | None = None,
    codes: Iterable[str] | None = None,
    known: Mapping[str, DocumentType] = REGISTER,
) -> list[PaperPart]:
    """The papers of these kinds (all of `known`) that the shipment has, in print order."""
    wanted = set(known if codes is None else codes)
    return paper_parts([type for code, type in known.items() if code in wanted], facts, invoice)


def problems(
    facts: ShipmentFacts, invoice: ShipmentFacts | None = None, codes: Iterable[str] | None = None
) -> list[Problem]:
    """Every problem of these papers of a shipment, errors first."""
    return check_papers(papers(facts, invoice, codes))
