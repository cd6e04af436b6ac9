"""The API for devices that scan: to be registered, to go on without a network, sessions, photos.

POST /api/v1/scan/devices    {name, sent_time?} → 201 {id, name, token}: the token is shown this once. It needs a person
                             who is signed in; the token opens what is said here and in api.py, and nothing else
GET  /api/v1/scan/ping       {server_time, user, csrf}; csrf is null for a token
GET  /api/v1/scan/snapshot?place=CODE[&place=…]    what snapshot.snapshot() gives, and version, server_time; ETag
PUT  /api/v1/scan/sessions/<uuid>
    {kind, place, shipment, party, destination, started, state, finished_by, signature, difference_reason,
     seen: [codes], version}: version is the one that the device knows. 200 with the session and its new version;
    409 session_taken, session_changed or session_finished with {"error": …, "session": as it is}
GET  /api/v1/scan/sessions?place=&state=    {"sessions": [the latest 200]}
POST /api/v1/scan/sessions/<uuid>/take      this device goes on with it
POST /api/v1/photos          the bytes of a JPEG, PNG or WebP picture, 2 MB at most → 201 {sha256} of what is kept;
                             the same picture gives the same
A finished stock_take is answered with `result`: {missing, surplus, moved: [codes], expected, scanned: {type: count}}.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from flask import Blueprint, Response, abort, current_app, g, jsonify, request
from flask_security import current_user
from flask_wtf.csrf import generate_csrf
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, ValidationError

from accounts.access import device_token, needs, opens, rights_held, scanner
from accounts.once import has_own_keys
from accounts.scope import current_scope
from assets.devices import device_of, register
from assets.json_bodies import CodeText, TimeText, fault_of, json_body, text_only
from assets.models import Device, ScanSession
from assets.sessions import MAX_SEEN, Hand, SessionConflict, SessionInput, put, seen_of, sessions, take
from assets.snapshot import snapshot
from assets.visible import visible_sessions
from database import utc_now
from errors import N_, InvalidInput
from i18n import translated
from master_data.models import Place
from photos import keep_photo
from shipments.visible import number_of

blueprint = Blueprint("device_api", __name__, url_prefix="/api/v1")

MAX_PHOTO_BYTES = 2 * 1024 * 1024


class DeviceBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, BeforeValidator(text_only), Field(max_length=200)]
    sent_time: TimeText | None = None


class SessionBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Literal["dispatch", "return", "receive", "stock_take", "inspect", "transfer"]
    place: CodeText = ""
    shipment: CodeText = ""
    party: CodeText = ""
    destination: CodeText = ""
    started: TimeText
    state: Literal["open", "finished"] = "open"
    finished_by: Annotated[str, BeforeValidator(text_only), Field(max_length=64)] = ""
    signature: Annotated[str, BeforeValidator(text_only), Field(pattern="^([0-9a-f]{64})?$")] = ""
    difference_reason: Annotated[str, BeforeValidator(text_only), Field(max_length=2_000)] = ""
    seen: Annotated[
        list[Annotated[str, BeforeValidator(text_only), Field(max_length=64)]], Field(max_length=MAX_SEEN)
    ] = []
    version: Annotated[StrictInt, Field(ge=0, le=1_000_000_000)] = 0


def _read(model: type[BaseModel]) -> Any:
    try:
        return model.model_validate(json_body(N_("Send one JSON object.")))
    except ValidationError as error:
        name, text = fault_of(error)
        raise InvalidInput(name or "body", text) from error


def _device() -> Device | None:
    return device_of(device_token())


@blueprint.post("/scan/devices")
@needs("assets.scan")
@has_own_keys
def post_device() -> tuple[Response, int]:
    body: DeviceBody = _read(DeviceBody)
    device, token = register(body.name, current_user._get_current_object(), utc_now(), body.sent_time)
    return jsonify(id=device.id, name=device.name, token=token), 201


@blueprint.get("/scan/ping")
@scanner
def get_ping() -> Response:
    csrf = None if "token_user" in g and g.token_user else generate_csrf()
    return jsonify(server_time=_time(utc_now()), user=current_user.username, csrf=csrf)


@blueprint.get("/scan/snapshot")
@scanner
def get_snapshot() -> Response:
    places = list(dict.fromkeys(place for place in request.args.getlist("place") if place))[:20]
    # A token opens no page, and says nothing of who holds the device.
    opens_shipments = device_token() is None and opens("docs_gen.shipment_page")
    may_undo = None if "ledger.correct" in rights_held() else current_user.id
    found = snapshot(places, current_user.username, opens_shipments=opens_shipments, undoes_of=may_undo)
    _stands_at(places)
    if request.if_none_match.contains(found.version):
        answer = Response(status=304)
    else:
        answer = jsonify({**found.body, "version": found.version, "server_time": _time(utc_now())})
    answer.set_etag(found.version)
    answer.headers["Cache-Control"] = "private, no-cache"  # kept, and asked for again
    return answer


def _stands_at(places: list[str]) -> None:
    """The first place that a device asks for is the one where it scans."""
    device = _device()
    if device is None or not places:
        return
    here = Place.select(Place.id).where(Place.code == places[0])
    Device.update(place=here).where(
        Device.id == device.id, Device.place.is_null() | Device.place.not_in(here)
    ).execute()


@blueprint.put("/scan/sessions/<uuid>")
@scanner
def put_session(uuid: str) -> tuple[Response, int] | Response:
    uuid = _uuid(uuid)
    _within_reach(uuid)
    body: SessionBody = _read(SessionBody)
    values = body.model_dump(exclude={"started", "seen"})
    told = SessionInput(uuid=uuid, started_time=body.started, seen=tuple(body.seen), **values)
    try:
        put(told, _hand(), utc_now())
    except SessionConflict as conflict:
        return _conflict(conflict)
    return jsonify(_session_json(uuid))


@blueprint.get("/scan/sessions")
@scanner
def get_sessions() -> Response:
    state = request.args.get("state", "")
    if state not in ("", "open", "finished"):
        raise InvalidInput("state", N_("A session is open or finished."))
    place = text_only(request.args.get("place", ""))
    narrow = visible_sessions(current_scope(), current_user.id)
    return jsonify(sessions=[_as_json(row) for row in sessions(place=place, state=state, among=narrow)])


@blueprint.post("/scan/sessions/<uuid>/take")
@scanner
def post_take(uuid: str) -> tuple[Response, int] | Response:
    uuid = _uuid(uuid)
    _within_reach(uuid)
    try:
        row = take(uuid, _hand(), utc_now())
    except SessionConflict as conflict:
        return _conflict(conflict)
    if row is None:
        abort(404)
    return jsonify(_session_json(uuid))


def _within_reach(uuid: str) -> None:
    """404 for a session of others at a place that the person has no part in."""
    narrow = visible_sessions(current_scope(), current_user.id)
    stored = ScanSession.select().where(ScanSession.uuid == uuid)
    if narrow is not None and stored.exists() and not stored.where(narrow).exists():
        abort(404)


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        abort(404)


def _hand() -> Hand:
    return Hand(current_user._get_current_object(), _device())


def _conflict(conflict: SessionConflict) -> tuple[Response, int]:
    error = {"text": translated(conflict), "reason": conflict.reason}
    return jsonify(error=error, session=_session_json(conflict.row.uuid)), conflict.status


def _session_json(uuid: str) -> dict[str, Any]:
    return _as_json(sessions(uuid=uuid)[0])


def _as_json(row: ScanSession) -> dict[str, Any]:
    return {
        "uuid": row.uuid,
        "kind": row.kind,
        "place": row.place.code if row.place else "",
        "shipment": number_of(row.shipment),
        "party": row.party.code if row.party else "",
        "destination": row.destination.code if row.destination else "",
        "started": _time(row.started_time),
        "state": row.state,
        "finished": _time(row.finished_time),
        "finished_by": row.finished_by,
        "signature": row.signature,
        "difference_reason": row.difference_reason,
        "seen": seen_of(row),
        "version": row.version,
        "changed": _time(row.changed_time),
        "device": row.device.name if row.device else "",
        "user": row.user.username if row.user else "",
        "mine": _hand().holds(row),
        "result": json.loads(row.result) if row.result else None,
    }


@blueprint.post("/photos")
@scanner
def post_photo() -> tuple[Response, int]:
    if (request.content_length or 0) > MAX_PHOTO_BYTES:
        raise InvalidInput("photo", N_("The picture is larger than %(max)s MB."), max=MAX_PHOTO_BYTES >> 20)
    data = request.get_data(cache=False)
    if len(data) > MAX_PHOTO_BYTES:
        raise InvalidInput("photo", N_("The picture is larger than %(max)s MB."), max=MAX_PHOTO_BYTES >> 20)
    return jsonify(sha256=keep_photo(data, "photo", current_app.config["ROUNDTRIP"].photos_dir)), 201


def _time(time: datetime | None) -> str | None:
    return time.isoformat(timespec="milliseconds") if time else None
