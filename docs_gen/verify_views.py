"""Where the QR code on an issued paper leads: a public page that tells whether the paper is genuine.

It says what stands on the paper's face anyway, and the SHA-256 of the file. A PDF that is dropped on the page is hashed
in the browser and compared there; it is never sent.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from flask import Blueprint, render_template

from accounts.access import public
from accounts.throttle import look_up
from docs_gen.facts import from_json
from docs_gen.models import IssuedDocument
from docs_gen.register import type_of

blueprint = Blueprint("verify", __name__)


@blueprint.get("/v/<code>")
@public
def verify(code: str) -> tuple[str, int]:
    said = (IssuedDocument.verify_code == code[:32]) & (IssuedDocument.state != "numbered")
    document = look_up(lambda: IssuedDocument.get_or_none(said))
    if document is None:
        return render_template("docs_gen/verify.html", document=None), 404
    type = type_of(document)
    chain, facts = _chain(document), from_json(type.facts, document.facts)
    return (
        render_template(
            "docs_gen/verify.html",
            document=document,
            type=type,
            facts=facts,
            successor=next((one.number for one in chain if one.status == "issued"), ""),
            void_day=document.voided_time.astimezone(ZoneInfo(facts.timezone)).date() if document.voided_time else None,
            files=[{"sha256": one.sha256, "number": one.number, "status": one.status} for one in chain],
        ),
        200,
    )


def _chain(document: IssuedDocument) -> list[IssuedDocument]:
    """The paper and all others of its kind and shipment (or account), newest first: who holds an old file learns of the
    new one."""
    if document.shipment_id:
        whose = IssuedDocument.shipment == document.shipment_id
    else:
        whose = IssuedDocument.shipment.is_null() & (IssuedDocument.party == document.party_id)
    same = (
        IssuedDocument.select()
        .where(
            whose, IssuedDocument.seller == document.seller_id, IssuedDocument.type == document.type,
            IssuedDocument.part == document.part, IssuedDocument.sha256 != "",
        )
        .order_by(IssuedDocument.id.desc())
    )  # fmt: skip
    return list(same)
