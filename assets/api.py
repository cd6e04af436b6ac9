"""The API of the scans. All of it needs a signed-in session (with the X-CSRFToken header) or a bearer token; that of a
device (device_api.py) will do.

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
    owner         code of the company of ours whose boxes of a counted type they are. Without it they are of whoever the
                  place is of, or has such boxes there; where several have, the scan is refused (which_owner)
    parent        text of the load into which a box is packed (pack): an SSCC, or the plate of a box. Scanning the load
                  moves what is in it
    document      up to 64 characters: number of the delivery note, pallet note, certificate
    photo         SHA-256 of a picture that was sent before
    corrects      event_id of the event in whose place this one stands; that one is declared void by another event
    device        up to 64 characters
    sequence      1 and more: the device counts its scans; within one device this is the order, whatever its clock says
    session       uuid of the session in which it was scanned
    age_ms        how long ago it was when sent, by a counter that nobody can set
    happened      true: made offline or after the fact, so a rule that it breaks becomes an exception, not a refusal
    confirmed     codes that a person said yes to
    reason        damage, lost, write_off, decommission, scrap and void need one
    voids         event_id of the event that a void declares wrong

Each event is answered by
    {event_id, status, outcome, code, asset_type, state, reason, exceptions, confirm, text, load}
    status, outcome   201 recorded · 200 known (sent before, or nothing new: already in the list) · 422 refused ·
                      409 conflict (this id was used for something else) · 400 invalid (then also `field`)
    code, asset_type  of the asset, null when there is none; state: its state now, one of event_types.STATES
    reason            refused: a word that stays, for programs; null otherwise. not_allowed: the type needs a right that
                      who sends it has not (docs/rights.md); kept, and somebody else can let it count
    exceptions        rules that the scan broke although it was taken: [] is a clean scan
    confirm           refused, but send the same event again with this word in `confirmed` and it is taken
    text              a sentence for the person with the scanner, in their language
    load              of a load: the answers for what is in it, in the same form; [] otherwise
What is kept: recorded and refused scans become rows, and so does the other body of a conflict. Nothing is written for
known, for invalid, and for a question (`confirm`): its id stays free, and what is sent under it later is taken as new.
One event is answered with its own status; a list with 200: a bad event never fails the others. Only a body that is no
such object or list is answered 400 with {"error": {text, field}}.

Beside "events" may stand sent_time (what the clock of the device shows now; ISO 8601 with milliseconds),
clock_offset_ms (our clock less the device's, as it has measured it: best of several answers, less half their way),
unsent (how many scans it still has) and app_version. A clock that is wrong by more than two minutes is corrected: the
scan then has the warning clock_corrected, and keeps what the device said. A list is answered with
    {results: [in order], server_time, clock_offset_ms (ours less the device's; null without sent_time),
     gap: [first, last] of the device's sequences that have not come, or null}
With the header Idempotency-Key (1 to 255 printable characters of ASCII; a UUID is best) a body is taken once: the same
again is answered with the very same words and the header Idempotency-Replayed: true, also when age_ms and what stands
beside the events have changed meanwhile; another body under the same key with 422 key_reused. While the first one is at
work, any other with its key is answered 409 key_in_flight with Retry-After: nothing was done, send the same again. Keys
are kept for 30 days.
A device that was revoked is answered 403 {"error": {reason: "device_revoked", text}, "quarantined": n}: n of these
events are kept for review, and none counts.

GET /api/v1/shipments/<number>/expected
    {number, consignee, state, expected: [{asset_type, name, count}],
     scanned: [{code, asset_type, event_id, event_time}]}
POST /api/v1/shipments/<number>/counted
    Records that the counted packages of a shipment left, as far as that has not been recorded: {recorded: pieces}
GET /api/v1/resolve?text=…
    {kind, canonical, number, code, text}: what a scanned text is; kind as in scanned_text.KINDS, number of a shipment
    and code of an asset that exist, else null
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from flask import Blueprint, Response, abort, current_app, jsonify, request
from flask_security import current_user
from peewee import fn
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from accounts.access import DeviceRevoked, device_is_revoked, device_token, needs, rights_held, scanner, takes_revoked
from accounts.once import has_own_keys, header_key
from accounts.scope import current_scope, seen
from assets import scan_turns
from assets.devices import device_of, milliseconds
from assets.dispatched import dispatches_onto
from assets.event_types import EVENT_TYPES, REASONS
from assets.finding import find_box
from assets.json_bodies import CodeText, TimeText, UuidText, fault_of, json_body, text_only
from assets.labels import own_hosts
from assets.models import Asset, ScanEvent
from assets.scan_answers import STATUS, Answer
from assets.scan_batches import Request, Sender, Taken, Told, key_of, may_quarantine, take
from assets.scan_told import MAX_QUANTITY, ScanInput, texts_of
from assets.scanned_text import MAX_LENGTH, read_scanned_text, storable
from assets.shipment_pools import dispatch_counted
from assets.visible import of_entities
from database import utc_now
from errors import N_, InvalidInput, Message
from i18n import name_of, translated, translator
from master_data.models import AssetType, Party
from shipments.models import Package, Shipment
from shipments.visible import visible_shipments

blueprint = Blueprint("assets_api", __name__, url_prefix="/api/v1")

MAX_EVENTS = 500
_TEN_YEARS_MS = 10 * 366 * 24 * 3600 * 1000


def _known_type(value: str) -> str:
    if value not in EVENT_TYPES:
        raise PydanticCustomError("enum", "no such type")
    return value


class EventBody(BaseModel):
    """One event as it is posted; the limits of all fields."""

    model_config = ConfigDict(extra="forbid")

    event_id: UuidText
    type: Annotated[str, AfterValidator(_known_type)]
    scanned_text: Annotated[str, BeforeValidator(text_only), Field(max_length=100_000)] = ""
    event_time: TimeText
    shipment: CodeText = ""
    place: CodeText = ""
    party: CodeText = ""
    device: Annotated[str, BeforeValidator(text_only), Field(max_length=64)] = ""
    happened: StrictBool = False
    confirmed: Annotated[list[Annotated[str, Field(max_length=24)]], Field(max_length=10)] = []
    reason: Annotated[str, BeforeValidator(text_only), Field(max_length=2_000)] = ""
    voids: UuidText | None = None
    destination: CodeText = ""
    asset_type: CodeText = ""
    quantity: Annotated[StrictInt, Field(ge=0, le=MAX_QUANTITY)] = 0
    owner: CodeText = ""
    parent: Annotated[str, BeforeValidator(text_only), Field(max_length=MAX_LENGTH)] = ""
    document: Annotated[str, BeforeValidator(text_only), Field(max_length=64)] = ""
    photo: Annotated[str, BeforeValidator(text_only), Field(pattern="^([0-9a-f]{64})?$")] = ""
    corrects: UuidText | None = None
    sequence: Annotated[StrictInt, Field(ge=1, le=2_000_000_000)] | None = None
    session: UuidText | None = None
    age_ms: Annotated[StrictInt, Field(ge=0, le=_TEN_YEARS_MS)] | None = None

    def told(self, own_hosts: tuple[str, ...]) -> Told:
        """The same for the business."""
        scan = ScanInput(
            self.event_id, self.type, self.scanned_text, self.event_time, self.shipment or "", self.place or "",
            self.party or "", self.device, self.happened, tuple(self.confirmed), self.reason, self.voids or "",
            self.destination or "", self.asset_type or "", self.quantity, self.owner or "", self.parent, self.document,
            self.photo, self.corrects or "", sequence=self.sequence, session=self.session or "",
        )  # fmt: skip
        age = None if self.age_ms is None else timedelta(milliseconds=self.age_ms)
        return Told(scan, age, texts_of(scan, own_hosts))


class BatchBody(BaseModel):
    """What stands around the events: what the device says of itself."""

    model_config = ConfigDict(extra="forbid")

    events: Annotated[list[Any], Field(min_length=1, max_length=MAX_EVENTS)]
    sent_time: TimeText | None = None
    clock_offset_ms: Annotated[StrictInt, Field(ge=-_TEN_YEARS_MS * 10, le=_TEN_YEARS_MS * 10)] | None = None
    unsent: Annotated[StrictInt, Field(ge=0, le=1_000_000_000)] | None = None
    app_version: Annotated[str, BeforeValidator(text_only), Field(max_length=32)] = ""


_BODY = N_('Send one event, or {"events": [1 to %(max)s events]}.')


@blueprint.post("/scan-events")
@scanner
@takes_revoked
@has_own_keys
def post_scan_events() -> tuple[Response, int] | Response:
    sent = _sent()
    now = utc_now()
    if device_is_revoked():
        return _kept_for_review(sent, now)
    key = header_key()
    token = device_token()
    owner = f"{current_user.id} {token.id if token else ''}"
    told, invalid = _read(sent)
    wanted = Request(
        told,
        _sender(sent),
        lambda taken: _answered(sent, invalid, taken, now),
        key_of(key, owner, sent.what) if key else None,
        _own_hosts(),
    )
    reply = scan_turns.answer(wanted, now)
    answered = Response(reply.text, status=reply.status, mimetype="application/json")
    if reply.replayed:
        answered.headers["Idempotency-Replayed"] = "true"
    return answered


@dataclass(frozen=True)
class _Sent:
    """A body that can be taken: its events, as they came, and what stood around them. `single`: it was one event."""

    events: list[Any]
    around: BatchBody
    single: bool

    @property
    def what(self) -> list[Any]:
        """What makes two bodies the same: not how long they were on their way."""
        return [
            {name: value for name, value in event.items() if name != "age_ms"} if isinstance(event, dict) else event
            for event in self.events
        ]


def _sent() -> _Sent:
    body = json_body(_BODY, max=MAX_EVENTS)
    if "events" not in body:
        return _Sent([body], BatchBody(events=[body]), single=True)
    try:
        around = BatchBody.model_validate(body)
    except ValidationError as error:
        name, text = fault_of(error)
        if name == "events":
            raise InvalidInput("events", _BODY, max=MAX_EVENTS) from error
        raise InvalidInput(name, text) from error
    return _Sent(around.events, around, single=False)


def _answered(sent: _Sent, invalid: dict[int, Answer], taken: Taken, now: datetime) -> tuple[int, dict[str, Any]]:
    """(status, answer) after the events are taken."""
    recorded = iter(taken.answers)
    answers = [invalid.get(number) or next(recorded) for number in range(len(sent.events))]
    say = translator()
    if sent.single:
        return STATUS[answers[0].outcome], _json(answers[0], say)
    return 200, {
        "results": [_json(answer, say) for answer in answers],
        "server_time": now.isoformat(timespec="milliseconds"),
        "clock_offset_ms": milliseconds(taken.offset),
        "gap": taken.gap,
    }


def _kept_for_review(sent: _Sent, now: datetime) -> tuple[Response, int]:
    """What a revoked device still sends: kept, never counted."""
    device = device_of(device_token())
    kept = 0
    if device is not None and may_quarantine(device, len(sent.events)):
        told, _ = _read(sent)
        taken = take(told, _sender(sent), now, _own_hosts())
        kept = sum(answer.reason == "device_revoked" for answer in taken.answers)
    revoked = DeviceRevoked()
    error = {"text": translated(revoked), "reason": revoked.reason}
    return jsonify(error=error, quarantined=kept), revoked.status


def _read(sent: _Sent) -> tuple[list[Told], dict[int, Answer]]:
    """The events of a body, and by its number the answer to each that is none."""
    told: list[Told] = []
    invalid: dict[int, Answer] = {}
    own_hosts = _own_hosts()
    for number, event in enumerate(sent.events):
        try:
            told.append(EventBody.model_validate(event).told(own_hosts))
        except ValidationError as error:
            invalid[number] = _invalid(event, error)
    return told, invalid


def _sender(sent: _Sent) -> Sender:
    around, token = sent.around, device_token()
    return Sender(
        current_user._get_current_object(),
        token.id if token else None,
        device_is_revoked(),
        around.sent_time,
        None if around.clock_offset_ms is None else timedelta(milliseconds=around.clock_offset_ms),
        around.unsent,
        around.app_version,
        rights_held(),
    )


def _invalid(event: Any, error: ValidationError) -> Answer:
    name, text = fault_of(error)
    event_id = event.get("event_id") if isinstance(event, dict) else None
    known = storable(event_id[:64]) if isinstance(event_id, str) else ""
    return Answer(known, "invalid", Message(text), field=name or "event")


def _json(answer: Answer, say: Callable[[Message], str]) -> dict[str, Any]:
    found = {
        "event_id": answer.event_id, "status": answer.status, "outcome": answer.outcome, "code": answer.code,
        "asset_type": answer.asset_type, "state": answer.state, "reason": answer.reason,
        "exceptions": list(answer.exceptions), "confirm": answer.confirm, "text": say(answer.text),
        "load": [_json(part, say) for part in answer.load],
    }  # fmt: skip
    return {**found, "field": answer.field} if answer.field else found


def _own_hosts() -> tuple[str, ...]:
    return own_hosts(current_app.config["ROUNDTRIP"].base_url)


@blueprint.get("/shipments/<number>/expected")
@scanner
def get_expected(number: str) -> Response:
    shipment = _shipment(number) or abort(404)
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
@needs("assets.scan")
def post_counted(number: str) -> Response:
    shipment = _shipment(number) or abort(404)
    return jsonify(recorded=dispatch_counted(shipment, current_user, utc_now()))


def _shipment(number: str) -> Shipment | None:
    return seen(visible_shipments, Shipment.select().where(Shipment.number == number)).first()  # type: ignore[no-any-return]


@blueprint.get("/resolve")
@scanner
def get_resolve() -> Response:
    found = read_scanned_text(request.args.get("text", ""), _own_hosts())
    asset, fault = find_box(found, of_entities(current_scope()))
    shipment = None
    if found.kind == "shipment" or (found.kind == "code" and asset is None):  # a number typed by hand looks like a code
        shipment = _shipment(found.canonical)
    return jsonify(
        kind="shipment" if shipment else found.kind,
        canonical=found.canonical,
        number=shipment.number if shipment else None,
        code=asset.code if asset else None,
        text=asset.code if asset else shipment.number if shipment else translated(REASONS[_REASON.get(fault, fault)]),
    )


#: A link to a shipment that does not exist is no box either; what it lacks is the shipment.
_REASON = {"shipment": "unknown_shipment"}
