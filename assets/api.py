"""The API of the scans. All of it needs a signed-in session (with the X-CSRFToken header) or a bearer token.

POST /api/v1/scan-events     one event object, or {"events": [1 to 500 of them]}

    event_id      UUID made by the device when the trigger is pulled; the same id is taken once
    type          a code of event_types.EVENT_TYPES: dispatch, cancel_dispatch, arrive, empties_ready, return_shipped,
                  return, receive, inspect, damage, clean, repair, repaired, transfer_out, transfer_in, owner_change,
                  stock_take, pack, unpack, lost, found, write_off, decommission, scrap, opening, void
    scanned_text  what was read, untouched; longer than 512 characters is refused (too_long). A void needs none
    event_time    ISO 8601 with its offset: 2026-11-20T16:05:12+08:00
    shipment      number; dispatch needs it
    place         code of the place of the scan; stock_take, receive and transfer_in need it. return and found without
                  one take the place that stands on the plate as 'return to'
    destination   code of the place to which it goes; transfer_out needs it
    party         code: from whom it returned, at whom it arrived, who owns it from now on (owner_change)
    asset_type    code of a counted type, with `quantity` in place of scanned_text: boxes without codes
    quantity      1 to 100,000; of a stock_take also 0
    parent        text of the load into which a box is packed (pack): an SSCC, or the plate of a box. Scanning the load
                  moves what is in it
    document      up to 64 characters: number of the delivery note, pallet note, certificate
    photo         SHA-256 of a picture that was sent before
    corrects      event_id of the event in whose place this one stands; that one is declared void by another event
    device        up to 64 characters
    happened      true: made offline or after the fact, so a rule that it breaks becomes an exception, not a refusal
    confirmed     codes that a person said yes to
    reason        damage, lost, write_off, decommission, scrap and void need one
    voids         event_id of the event that a void declares wrong

Each event is answered by
    {event_id, status, outcome, code, asset_type, state, reason, exceptions, confirm, text, load}
    status, outcome   201 recorded · 200 known (sent before, or nothing new: already in the list) · 422 refused ·
                      409 conflict (this id was used for something else) · 400 invalid (then also `field`)
    code, asset_type  of the asset, null when there is none; state: its state now, one of event_types.STATES
    reason            refused: a word that stays, for programs; null otherwise
    exceptions        rules that the scan broke although it was taken: [] is a clean scan
    confirm           refused, but send the same event again with this word in `confirmed` and it is taken
    text              a sentence for the person with the scanner, in their language
    load              of a load: the answers for what is in it, in the same form; [] otherwise
What is kept: recorded and refused scans become rows, and so does the other body of a conflict. Nothing is written for
known, for invalid, and for a question (`confirm`): its id stays free, and what is sent under it later is taken as new.
One event is answered with its own status; a list with 200 and {"results": [in order]}: a bad event never fails the
others. Only a body that is no such object or list is answered 400 with {"error": {text, field}}.

GET /api/v1/shipments/<number>/expected
    {number, consignee, state, expected: [{asset_type, name, count}],
     scanned: [{code, asset_type, event_id, event_time}]}
POST /api/v1/shipments/<number>/counted
    Records that the counted packages of a shipment left, as far as that has not been recorded: {recorded: pieces}
POST /api/v1/photos          the picture itself as the body: JPEG, PNG or WebP, at most 10 MB
    {sha256}: what `photo` of an event names; the picture is made anew, without what the camera wrote into it
GET /api/v1/resolve?text=…
    {kind, canonical, number, code, text}: what a scanned text is; kind as in scanned_text.KINDS, number of a shipment
    and code of an asset that exist, else null
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from flask import Blueprint, Response, abort, current_app, jsonify, request
from flask_security import current_user
from peewee import fn
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from accounts.access import signed_in
from assets.event_types import EVENT_TYPES, REASONS
from assets.finding import find_box
from assets.labels import own_hosts
from assets.models import Asset, ScanEvent
from assets.scanned_text import MAX_LENGTH, read_scanned_text, storable
from assets.scanning import MAX_QUANTITY, STATUS, Answer, ScanInput, dispatches_onto, record_scans
from assets.shipment_pools import dispatch_counted
from database import utc_now
from errors import N_, InvalidInput, Message
from i18n import name_of, translated
from master_data.models import AssetType, Party
from photos import keep_photo
from shipments.models import Package, Shipment

blueprint = Blueprint("assets_api", __name__, url_prefix="/api/v1")

MAX_EVENTS = 500


def _text_only(value: Any) -> Any:
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "text is needed")
    # JSON can carry a NUL and half a surrogate pair, which no database takes; the scan is answered nevertheless.
    return storable(value)


def _sane_year(value: datetime) -> datetime:
    if not 2000 <= value.year < 2200:  # no clock shows that; and it could not be turned into UTC everywhere
        raise PydanticCustomError("datetime_parsing", "no such year")
    return value


def _known_type(value: str) -> str:
    if value not in EVENT_TYPES:
        raise PydanticCustomError("enum", "no such type")
    return value


def _stripped(value: str | None) -> str:
    return (value or "").strip()


_Uuid = Annotated[str, BeforeValidator(_text_only), AfterValidator(lambda text: str(UUID(text)))]
_Code = Annotated[Annotated[str, BeforeValidator(_text_only), Field(max_length=64)] | None, AfterValidator(_stripped)]


class EventBody(BaseModel):
    """One event as it is posted; the limits of all fields."""

    model_config = ConfigDict(extra="forbid")

    event_id: _Uuid
    type: Annotated[str, AfterValidator(_known_type)]
    scanned_text: Annotated[str, BeforeValidator(_text_only), Field(max_length=100_000)] = ""
    event_time: Annotated[AwareDatetime, BeforeValidator(_text_only), AfterValidator(_sane_year)]
    shipment: _Code = ""
    place: _Code = ""
    party: _Code = ""
    device: Annotated[str, BeforeValidator(_text_only), Field(max_length=64)] = ""
    happened: StrictBool = False
    confirmed: Annotated[list[Annotated[str, Field(max_length=24)]], Field(max_length=10)] = []
    reason: Annotated[str, BeforeValidator(_text_only), Field(max_length=2_000)] = ""
    voids: _Uuid | None = None
    destination: _Code = ""
    asset_type: _Code = ""
    quantity: Annotated[StrictInt, Field(ge=0, le=MAX_QUANTITY)] = 0
    parent: Annotated[str, BeforeValidator(_text_only), Field(max_length=MAX_LENGTH)] = ""
    document: Annotated[str, BeforeValidator(_text_only), Field(max_length=64)] = ""
    photo: Annotated[str, BeforeValidator(_text_only), Field(pattern="^([0-9a-f]{64})?$")] = ""
    corrects: _Uuid | None = None

    def scan(self) -> ScanInput:
        """The same for the business."""
        values = self.model_dump()
        told = {"confirmed": tuple(self.confirmed), "voids": self.voids or "", "corrects": self.corrects or ""}
        return ScanInput(**{**values, **told})


_FAULTS = {
    "missing": N_("This is missing."),
    "extra_forbidden": N_("There is no such field."),
    "enum": N_("There is no such kind of scan."),
    "timezone_aware": N_("The time needs its offset from UTC: 2026-11-20T16:05:12+08:00."),
    "datetime_parsing": N_("This is no time like 2026-11-20T16:05:12+08:00."),
    "datetime_from_date_parsing": N_("This is no time like 2026-11-20T16:05:12+08:00."),
    "string_type": N_("Text is needed here."),
    "bool_type": N_("true or false is needed here."),
    "int_type": N_("A whole number is needed here."),
    "greater_than_equal": N_("This number is too small."),
    "less_than_equal": N_("This number is too large."),
    "string_too_long": N_("This is too long."),
    "too_long": N_("This is too long."),
}
_FAULT = N_("This cannot be taken.")
_BODY = N_('Send one event, or {"events": [1 to %(max)s events]}.')


@blueprint.post("/scan-events")
@signed_in
def post_scan_events() -> tuple[Response, int] | Response:
    body = _body()
    if "events" in body:
        return jsonify(results=[_json(answer) for answer in _answers(body["events"])])
    (answer,) = _answers([body])
    return jsonify(_json(answer)), STATUS[answer.outcome]


def _body() -> dict[str, Any]:
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError) as error:
        raise InvalidInput("body", N_("This is no JSON.")) from error
    if not isinstance(body, dict):
        raise InvalidInput("body", _BODY, max=MAX_EVENTS)
    if "events" in body:
        events = body["events"]
        if not isinstance(events, list) or not 1 <= len(events) <= MAX_EVENTS:
            raise InvalidInput("events", _BODY, max=MAX_EVENTS)
        if len(body) > 1:
            raise InvalidInput(next(name for name in body if name != "events"), _FAULTS["extra_forbidden"])
    return body


def _answers(events: list[Any]) -> list[Answer]:
    """An answer for each event in order; those that are none are answered here, the others by record_scans."""
    answers: list[Answer | None] = []
    scans: list[ScanInput] = []
    for event in events:
        try:
            scans.append(EventBody.model_validate(event).scan())
            answers.append(None)
        except ValidationError as error:
            answers.append(_invalid(event, error))
    recorded = iter(record_scans(scans, current_user, utc_now(), _own_hosts()) if scans else ())
    return [answer or next(recorded) for answer in answers]


def _invalid(event: Any, error: ValidationError) -> Answer:
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    name = str(fault["loc"][0])[:64] if fault["loc"] else "event"
    event_id = event.get("event_id") if isinstance(event, dict) else None
    text = Message(_FAULTS.get(fault["type"], _FAULT))
    return Answer(event_id[:64] if isinstance(event_id, str) else "", "invalid", text, field=name)


def _json(answer: Answer) -> dict[str, Any]:
    found = {
        "event_id": answer.event_id, "status": answer.status, "outcome": answer.outcome, "code": answer.code,
        "asset_type": answer.asset_type, "state": answer.state, "reason": answer.reason,
        "exceptions": list(answer.exceptions), "confirm": answer.confirm, "text": translated(answer.text),
        "load": [_json(part) for part in answer.load],
    }  # fmt: skip
    return {**found, "field": answer.field} if answer.field else found


def _own_hosts() -> tuple[str, ...]:
    return own_hosts(current_app.config["ROUNDTRIP"].base_url)


@blueprint.get("/shipments/<number>/expected")
@signed_in
def get_expected(number: str) -> Response:
    shipment = Shipment.get_or_none(Shipment.number == number) or abort(404)
    consignee = Party.get_by_id(shipment.consignee_id)
    return jsonify(
        number=shipment.number,
        consignee=name_of(consignee),
        state=shipment.state,
        expected=[
            {"asset_type": row.asset_type.code, "name": name_of(row.asset_type), "count": row.boxes}
            for row in _expected(shipment)
        ],
        scanned=[
            {
                "code": row.asset.code,
                "asset_type": row.asset.asset_type.code,
                "event_id": row.event_id,
                "event_time": row.event_time.isoformat(),
            }
            for row in _scanned(shipment)
        ],
    )


def _expected(shipment: Shipment) -> Any:
    """Boxes by type that its packages say; counted pools are left out, they are never scanned one by one."""
    return (
        Package.select(AssetType, fn.SUM(Package.count).alias("boxes"))
        .join(AssetType)
        .where(Package.shipment == shipment, ~AssetType.counted)
        .group_by(AssetType)
        .order_by(AssetType.code)
    )


def _scanned(shipment: Shipment) -> list[Any]:
    """The last dispatch of each box that counts, in the order of the scans."""
    query = (
        dispatches_onto(shipment)
        .select(ScanEvent, Asset, AssetType)
        .join_from(ScanEvent, Asset)
        .join_from(Asset, AssetType)
        .order_by(ScanEvent.event_time, ScanEvent.record_time)
    )
    return list({row.asset_id: row for row in query}.values())


@blueprint.post("/shipments/<number>/counted")
@signed_in
def post_counted(number: str) -> Response:
    shipment = Shipment.get_or_none(Shipment.number == number) or abort(404)
    return jsonify(recorded=dispatch_counted(shipment, current_user, utc_now()))


@blueprint.post("/photos")
@signed_in
def post_photo() -> tuple[Response, int]:
    folder = current_app.config["ROUNDTRIP"].photos_dir
    return jsonify(sha256=keep_photo(request.get_data(), "body", folder)), 201


@blueprint.get("/resolve")
@signed_in
def get_resolve() -> Response:
    found = read_scanned_text(request.args.get("text", ""), _own_hosts())
    asset, fault = find_box(found)
    shipment = None
    if found.kind == "shipment" or (found.kind == "code" and asset is None):  # a number typed by hand looks like a code
        shipment = Shipment.get_or_none(Shipment.number == found.canonical)
    return jsonify(
        kind="shipment" if shipment else found.kind,
        canonical=found.canonical,
        number=shipment.number if shipment else None,
        code=asset.code if asset else None,
        text=asset.code if asset else shipment.number if shipment else translated(REASONS[_REASON.get(fault, fault)]),
    )


#: A link to a shipment that does not exist is no box either; what it lacks is the shipment.
_REASON = {"shipment": "unknown_shipment"}
