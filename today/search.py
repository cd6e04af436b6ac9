"""The search over everything: a code or a number opens its page, anything else is looked for in names and numbers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for
from peewee import JOIN, Field, fn

from assets.finding import find_box
from assets.models import Asset
from assets.scanned_text import read_scanned_text
from docs_gen.models import IssuedDocument
from listing import matches
from master_data.models import AssetType, Party, Product
from shipments.models import Shipment

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

    @property
    def count(self) -> int:
        return sum(map(len, (self.shipments, self.assets, self.documents, self.parties, self.products)))


def exact(text: str, own_hosts: Collection[str]) -> str | None:
    """The address of the one thing whose code or number `text` is, in whatever spelling; None when none or several."""
    scanned = read_scanned_text(text, own_hosts)
    number = scanned.canonical if scanned.kind == "shipment" else text.strip().upper()
    found: set[str] = set()
    asset, _ = find_box(scanned)
    if asset:
        found.add(url_for("assets.asset_page", code=asset.code))
    for shipment in Shipment.select(Shipment.number).where(fn.UPPER(Shipment.number) == number.upper()):
        found.add(url_for("docs_gen.shipment_page", number=shipment.number))
    for document in IssuedDocument.select().where(IssuedDocument.number == number):
        found.add(document_url(document))
    return found.pop() if len(found) == 1 else None


def document_url(document: IssuedDocument) -> str:
    """The file of an issued paper; the page of its shipment, or the list, while it has none."""
    if document.state == "numbered":
        if document.shipment is None:
            return url_for("docs_gen.document_list", q=document.number)
        return url_for("docs_gen.shipment_page", number=document.shipment.number)
    return url_for("docs_gen.document_file", id=document.id)


def find(text: str) -> Results:
    """Everything in which `text` occurs."""
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
            shipments, text, Shipment.number, Shipment.freight_container_no, Shipment.transport_document_no,
            Shipment.vessel, Shipment.port_of_loading_name, Shipment.port_of_discharge_name, Shipment.contract_no,
            Shipment.order_no, consignee.name_en, consignee.name_zh,
        ),
        assets=_matching(assets, text, Asset.code, Asset.grai),
        documents=_matching(documents, text, IssuedDocument.number, Shipment.number, Shipment.freight_container_no),
        parties=_matching(
            Party.select().order_by(Party.code), text, Party.code, Party.name_en, Party.name_zh, Party.uscc,
            Party.contact, Party.address_en, Party.address_zh,
        ),
        products=_matching(
            Product.select().order_by(Product.part_no), text, Product.part_no, Product.customer_part_no,
            Product.description_en, Product.description_zh, Product.hs_code,
        ),
    )  # fmt: skip


def _matching(query: Any, text: str, *fields: Field) -> list[Any]:
    return list(query.where(matches(fields, text)).limit(LIMIT))
