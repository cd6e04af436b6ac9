"""The search over everything: a code or a number opens its page, anything else is looked for in names and numbers."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for
from peewee import JOIN, Field, SqliteDatabase, fn

from accounts.access import may
from accounts.scope import current_scope, seen
from assets.finding import find_box
from assets.loads import sscc_key
from assets.models import Asset, ScanEvent
from assets.scanned_text import read_scanned_text
from assets.visible import visible_assets, visible_events
from customs.models import CustomsDeclaration
from customs.visible import visible_declarations
from database import db, tuples
from docs_gen.models import IssuedDocument, LogisticUnit
from docs_gen.register import right_for
from docs_gen.visible import visible_papers
from listing import matches
from master_data.models import AssetType, Party, Place, Product
from master_data.visible import visible_parties, visible_places
from shipments.models import Shipment
from shipments.visible import visible_shipments

#: Rows of each kind on the page of results; whoever needs more uses the list with its own search.
LIMIT = 10


@dataclass(frozen=True)
class Results:
    """What was found, kind by kind, at most LIMIT of each."""

    text: str
    shipments: Sequence[Shipment]
    assets: Sequence[Asset]
    documents: Sequence[IssuedDocument]
    parties: Sequence[Party]
    products: Sequence[Product]
    types: Sequence[AssetType]
    loads: Sequence[str]
    places: Sequence[Place]
    declarations: Sequence[CustomsDeclaration]
    scans: int  # that came with a document of this number

    @property
    def count(self) -> int:
        found = (
            self.shipments, self.assets, self.documents, self.parties, self.products, self.types, self.loads,
            self.places, self.declarations,
        )  # fmt: skip
        return sum(map(len, found)) + self.scans


def exact(text: str, own_hosts: Collection[str]) -> str | None:
    """The address of the one thing whose code or number `text` is, in whatever spelling; None when none or several."""
    scanned = read_scanned_text(text, own_hosts)
    number = scanned.canonical if scanned.kind == "shipment" else text.strip().upper()
    found: set[str] = set()
    asset, _ = find_box(scanned, visible_assets(current_scope())) if may("assets.read") else (None, None)
    if asset:
        found.add(url_for("assets.asset_page", code=asset.code))
    numbered = Shipment.select(Shipment.number).where(fn.UPPER(Shipment.number) == number.upper())
    for shipment in seen(visible_shipments, numbered) if may("shipments.read") else ():
        found.add(url_for("docs_gen.shipment_page", number=shipment.number))
    papers = seen(visible_papers, IssuedDocument.select().where(IssuedDocument.number == number))
    for document in papers if may("papers.read") else ():
        if not sees(document):
            continue
        found.add(document_url(document))
    declared = CustomsDeclaration.select(CustomsDeclaration.id).where(CustomsDeclaration.number == number)
    for (id_,) in tuples(seen(visible_declarations, declared).limit(2)) if may("customs.read") else ():
        found.add(url_for("customs.declaration_page", id=id_))
    if not may("assets.read"):
        return found.pop() if len(found) == 1 else None
    for kind in AssetType.select().where(fn.UPPER(AssetType.code) == number.upper()):
        found.add(type_url(kind))
    bare = re.fullmatch(r"[0-9]{18}", text.strip())  # an SSCC without its (00)
    load = sscc_key(read_scanned_text(f"(00){bare[0]}", own_hosts) if bare and not asset else scanned)
    if load and _is_load(load):  # one number of ten that customs or a carrier gives passes as an SSCC, too
        found.add(url_for("loads.load_page", key=load))
    for event in _events_of(text.strip().lower()):
        found.add(event_url(event))
    return found.pop() if len(found) == 1 else None


def _is_load(key: str) -> bool:
    """Whether the person may see something in this load, or told of it, or its label is one of ours, yet to be used."""
    inside = Asset.select(Asset.id).where(Asset.parent == key)
    told = ScanEvent.select(ScanEvent.id).where(ScanEvent.parent == key, ScanEvent.parent != "")  # second: the index
    label = LogisticUnit.select(LogisticUnit.id).join(Shipment).where(LogisticUnit.sscc == key.removeprefix("(00)"))
    rows = (visible_assets, inside), (visible_events, told), (visible_shipments, label)
    return any(seen(visible, query).exists() for visible, query in rows)


def document_url(document: IssuedDocument) -> str:
    """The file of an issued paper; the page of its shipment, or the list, while it has none."""
    if document.state == "numbered":
        if document.shipment is None:
            return url_for("docs_gen.document_list", q=document.number)
        return url_for("docs_gen.shipment_page", number=document.shipment.number)
    return url_for("docs_gen.document_file", id=document.id)


def sees(document: IssuedDocument) -> bool:
    """Whether who asks may see this paper."""
    right = right_for(document.type)
    return not right or may(right)


def _events_of(event_id: str) -> Any:
    events = ScanEvent.select(ScanEvent, Asset).join(Asset, JOIN.LEFT_OUTER)
    return seen(visible_events, events.where(ScanEvent.event_id == event_id)) if len(event_id) == 36 else ()


def event_url(event: ScanEvent) -> str:
    """Where an event is shown: in the life of its box, among the events of a pool, in its load, in the log."""
    if event.asset:
        return url_for("assets.asset_page", code=event.asset.code, _anchor=f"e-{event.event_id}")
    if event.asset_type_id:
        return url_for("pools.pool_events", q=event.document) if event.document else url_for("pools.pool_events")
    if event.parent and not event.refused:
        return url_for("loads.load_page", key=event.parent)
    return url_for("assets.event_list", q=event.scanned_text[:200])


def type_url(kind: AssetType) -> str:
    """A counted type: how many there are and where; another one: the boxes of this type."""
    return url_for("pools.pool_list" if kind.counted else "assets.asset_list", type=kind.code)


def find(text: str) -> Results:
    """Everything in which `text` occurs, of what the person may see."""
    consignee = Party.alias()
    shipments = (
        Shipment.select(Shipment, consignee)
        .join(consignee, on=(Shipment.consignee == consignee.id))
        .order_by(Shipment.created_time.desc())
    )
    assets = Asset.select(Asset, AssetType, Party).join(AssetType).switch(Asset).join(
        Party, JOIN.LEFT_OUTER, on=(Asset.holder == Party.id)
    ).order_by(Asset.code)  # fmt: skip
    documents = (
        IssuedDocument.select(IssuedDocument, Shipment)
        .join(Shipment, JOIN.LEFT_OUTER, on=(IssuedDocument.shipment == Shipment.id))
        .order_by(IssuedDocument.issued_time.desc())
    )
    return Results(
        text,
        shipments=_matching(
            "shipments.read", seen(visible_shipments, shipments), text,
            Shipment.number, Shipment.freight_container_no, Shipment.seal_no, Shipment.transport_document_no,
            Shipment.vessel, Shipment.port_of_loading_name, Shipment.port_of_discharge_name, Shipment.contract_no,
            Shipment.order_no, consignee.name_en, consignee.name_zh,
        ),
        assets=_rows(assets, Asset.id, _boxes(text)) if may("assets.read") else [],
        documents=_rows(documents, IssuedDocument.id, _papers(text)) if may("papers.read") else [],
        parties=_matching(
            "master_data.read", seen(visible_parties, Party.select().order_by(Party.code)), text,
            Party.code, Party.name_en, Party.name_zh, Party.uscc,
            Party.contact, Party.address_en, Party.address_zh,
        ),
        types=_matching(
            "assets.read", AssetType.select().order_by(AssetType.code), text,
            AssetType.code, AssetType.name_en, AssetType.name_zh
        ),
        loads=_loads(text) if may("assets.read") else [],
        places=_matching(
            "master_data.read", seen(visible_places, Place.select().order_by(Place.code)), text,
            Place.code, Place.name_en, Place.name_zh,
        ),
        declarations=_matching(
            "customs.read",
            seen(visible_declarations, CustomsDeclaration.select().order_by(CustomsDeclaration.declared_day.desc())),
            text, CustomsDeclaration.number,
        ),
        scans=seen(
            visible_events, ScanEvent.select().where(ScanEvent.document == text[:64], ScanEvent.document != "")
        ).count()
        if may("assets.read")
        else 0,
        products=_matching(
            "master_data.read", Product.select().order_by(Product.part_no), text,
            Product.part_no, Product.customer_part_no,
            Product.description_en, Product.description_zh, Product.hs_code,
        ),
    )  # fmt: skip


# A million boxes, half a million papers: what is looked for everywhere is looked for in one index, which holds all that
# the condition asks for and is in the order of the answer, so that the reading ends with the last row that is shown.
# What few have is found in the index of threes of letters before (migration 0023), which knows no order.

#: What has such an index, which is called `within_` and the table.
WITHIN = (Asset.code, IssuedDocument.number)
#: What more rows hold is read in the order of its index, whose first rows have it soon.
_FEW = 1_000


def _holds(field: Field, text: str) -> Any:
    """That a code of a box, or the number of a paper, holds `text`. PostgreSQL finds the index itself."""
    if not isinstance(db.obj, SqliteDatabase) or len(text) < 3 or set(text) & set("%_\\"):
        return field.contains(text)
    index = f"within_{field.model._meta.table_name}"
    query = f"SELECT rowid FROM {index} WHERE {field.column_name} LIKE ? LIMIT ?"  # noqa: S608 (names of our own)
    found = [id_ for (id_,) in db.execute_sql(query, (f"%{text}%", _FEW + 1)).fetchall()]
    return field.contains(text) if len(found) > _FEW else field.model.id.in_(found)


def _boxes(text: str) -> list[int]:
    """Ids of boxes whose code holds `text`, or whose GRAI begins with it; none of them matters more than the other."""
    coded = Asset.select(Asset.id).where(_holds(Asset.code, text)).order_by(Asset.code)
    identified = Asset.select(Asset.id).where(_begins(Asset.grai, text.upper())).order_by(Asset.grai)
    return _ids(visible_assets, coded, identified)


def _papers(text: str) -> list[int]:
    """Ids of papers whose number holds `text`, and of those of the newest shipments of such a number or container."""
    numbered = IssuedDocument.select(IssuedDocument.id).where(_holds(IssuedDocument.number, text))
    shipped = Shipment.select(Shipment.id).where(
        Shipment.number.contains(text) | Shipment.freight_container_no.contains(text)
    )
    newest = [id_ for (id_,) in tuples(seen(visible_shipments, shipped).order_by(Shipment.id.desc()).limit(LIMIT))]
    of_them = IssuedDocument.select(IssuedDocument.id).where(IssuedDocument.shipment.in_(newest))
    return _ids(
        visible_papers,
        numbered.order_by(IssuedDocument.number.desc()),
        of_them.order_by(IssuedDocument.issued_time.desc()),
    )


def _begins(field: Field, text: str) -> Any:
    """The condition that a code begins so. SQLite orders codes by their bytes, so a span of its index answers it; the
    order of PostgreSQL is that of its locale, in which ~ need not come after letters and digits."""
    if isinstance(db.obj, SqliteDatabase):
        return field.between(text, f"{text}~")
    return field.startswith(text)


def _rows(query: Any, key: Any, ids: Sequence[int]) -> list[Any]:
    return list(query.where(key.in_(ids))) if ids else []


def _ids(visible: Any, *queries: Any) -> list[int]:
    """The ids that the queries give together, at most LIMIT, of rows that the person may see."""
    found = [id_ for query in queries for (id_,) in tuples(seen(visible, query).limit(LIMIT))]
    return list(dict.fromkeys(found))[:LIMIT]


def _loads(text: str) -> list[str]:
    """Keys of loads with boxes in them that begin so; an SSCC with or without its (00)."""
    start = text.strip().upper().removeprefix("(00)")
    if len(start) < 4:
        return []
    query = Asset.select(Asset.parent).where(
        _begins(Asset.parent, start) | _begins(Asset.parent, f"(00){start}")
    ).distinct().order_by(Asset.parent).limit(LIMIT)  # fmt: skip
    return [key for (key,) in tuples(seen(visible_assets, query))]


def _matching(right: str, query: Any, text: str, *fields: Field) -> list[Any]:
    return list(query.where(matches(fields, text)).limit(LIMIT)) if may(right) else []
