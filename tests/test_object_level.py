"""Who has no right to an entity, a site or a partner's data never sees one byte of it: every route, every method.

Made from the URL map: a route with an argument that `OWNED` does not know how to fill fails here, and so has to be
thought about.
"""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit
from uuid import uuid4

import psycopg
import pytest
import two_entities as has
from conftest import NOW, SignedIn, application, on_both_databases, settings_for
from flask import Flask
from flask.testing import FlaskClient
from large import LARGE, tried
from pypdf import PdfReader
from two_entities import Side, firm

import moving
from accounts.access import rule_of
from accounts.models import ApiToken
from accounts.scope import NOTHING, Scope, acting_as, scope_of, seen
from alerts import delivering
from alerts.current import current_alerts
from alerts.models import DigestRecipient
from assets.balances import balances, by_place
from assets.flow import legs
from assets.models import (
    Agreement,
    Asset,
    Device,
    ExceptionCase,
    Movement,
    PoolMinimum,
    ScanEvent,
    ScanSession,
    StockLevel,
    Trip,
)
from assets.registering import register_assets
from assets.visible import (
    visible_agreements,
    visible_assets,
    visible_cases,
    visible_devices,
    visible_events,
    visible_levels,
    visible_minimums,
    visible_movements,
    visible_sessions,
    visible_trips,
)
from customs.models import CustomsDeclaration, DeclaredBox
from customs.visible import visible_declarations, visible_declared
from database import db as proxy
from database import open_database
from docs_gen.models import IssuedDocument, PaperSet, ProfileRule, Seal, Wording
from docs_gen.visible import visible_papers, visible_profile_rules, visible_seals, visible_sets, visible_wordings
from foresight.outlook import facts
from master_data.models import Party, Place
from master_data.visible import visible_parties, visible_places
from shipments.models import LetterOfCredit, Package, Shipment, ShipmentLine
from shipments.visible import visible_credits, visible_shipments
from statements.accounts import Month, accounts_of, add_lines
from statements.charging import charges_of
from statements.models import Statement, StatementLink
from statements.visible import visible_statements

#: Whose token or code is enough by itself; nobody else's things are told by them.
BY_TOKEN = {
    "accounts.link", "accounts.link_use", "replies.show", "replies.answer", "replies.pdf", "replies.xlsx",
    "security.two_factor_setup_validate", "static", "security.static",
    "public.code_label", "public.grai_label",  # what a label tells anybody who holds it
    "verify.verify",  # what the code on a paper tells anybody who holds it
}  # fmt: skip
#: The firm's, not an entity's: seen by whoever has the right.
OF_THE_FIRM = {
    "master_data.product_edit", "master_data.asset_type_edit", "foresight.return_times_page", "foresight.fleet_page",
    "shipments.lines_template", "packs.pack_page", "packs.pack_sample", "packs.pack_use", "packs.pack_put_aside",
    "profiles.profile_delete", "customs.clock_delete", "alerts.recipient_delete", "alerts.webhook_delete",
}  # fmt: skip


#: Answered alike whether there is such a row or not, and done to one's own only.
OWN_ONLY = {"accounts.session_end", "accounts.token_revoke"}


def _each(name: str, values: Callable[[Side], list[Any]]) -> Callable[[Side], list[dict[str, Any]]]:
    return lambda side: [{name: value} for value in values(side)]


def _numbers(side: Side) -> list[Any]:
    return [one.number for one in side.shipments]


def _codes(side: Side) -> list[Any]:
    assert side.far_box
    return [side.boxes[0].code, side.boxes[2].code, side.far_box.code, side.boxes[4].code.lower()]


def _papers_of(side: Side) -> list[dict[str, Any]]:
    return [{"number": one.number, "type": kind} for one in side.shipments for kind in ("packing_list", "vgm")]


def _events(side: Side) -> list[dict[str, Any]]:
    rows = ScanEvent.select(ScanEvent, Asset).join(Asset).where(Asset.code.startswith(side.mark))
    return [{"code": row.asset.code, "event_id": row.event_id} for row in rows][-4:]


def _links(side: Side) -> list[dict[str, Any]]:
    return [{"id": row.statement_id, "link": row.id} for row in StatementLink.select() if row.id in has.links(side)]


SHIPMENT = _each("number", _numbers)
BOX = _each("code", _codes)
OWN = _each("code", lambda side: [side.own.code])
PARTNER = _each("code", lambda side: [side.partner.code])
STATEMENT = _each("id", has.statements)
DECLARATION = _each("id", has.declared)
PERSON = _each("id", lambda side: [one.id for one in side.people.values()])
SESSION = _each("uuid", lambda side: [side.session, side.session2])

#: endpoint, or blueprint → its arguments for all that is one entity's
OWNED: dict[str, Callable[[Side], list[dict[str, Any]]]] = {
    "shipments": SHIPMENT,
    "docs_gen": SHIPMENT,
    "docs_gen.preview": _papers_of,
    "docs_gen.preview_file": _papers_of,
    "docs_gen.issue": _papers_of,
    "docs_gen.void": _each("id", has.papers),
    "docs_gen.document_file": _each("id", has.papers),
    "docs_gen.set_page": _each("id", has.jobs),
    "jobs": _each("id", has.background_jobs),
    "assets_api": SHIPMENT,
    "public.shipment": SHIPMENT,
    "pools.shipment_counted": SHIPMENT,
    "pools.pool_void": _each("event_id", has.events),
    "assets": BOX,
    "assets.asset_correct": _events,
    "assets.photo": _each("sha256", lambda side: [side.photo, side.photo2]),
    "epcis.asset_epcis": BOX,
    "loads.load_page": _each("key", lambda side: [side.load]),
    "exceptions.case_page": _each("id", has.cases),
    "devices": _each("id", has.devices),
    "device_api.put_session": SESSION,
    "device_api.post_take": SESSION,
    "master_data.party_edit": _each("code", lambda side: [side.own.code, side.partner.code]),
    "master_data.place_edit": _each("code", lambda side: [side.site.code, side.site2.code, side.shop.code]),
    "foresight.shortage_page": lambda side: [
        {"code": "KLT6428", "place_code": one.code} for one in (side.site, side.site2)
    ],
    "credits.credit_edit": _each("code", lambda side: [f"{side.mark}-LC"]),
    "looks": OWN,
    "looks.seal_edit": _each("id", has.seals),
    "looks.seal_archive": _each("id", has.seals),
    "looks.seal_picture": _each("id", has.seals),
    "looks.wording_edit": _each("id", has.wordings),
    "looks.wording_archive": _each("id", has.wordings),
    "agreements.agreement_edit": _each("id", has.agreements),
    "agreements.agreement_new": PARTNER,
    "statements": STATEMENT,
    "statements.account": PARTNER,
    "statements.statement_draft": PARTNER,
    "statements.issue": PARTNER,
    "statements.charges": PARTNER,
    "statements.charges_draft": PARTNER,
    "statements.charges_issue": PARTNER,
    "statements.link_revoke": _links,
    "own_statements.pdf": STATEMENT,
    "own_statements.xlsx": STATEMENT,
    "customs": DECLARATION,
    "customs.box_page": BOX,
    "customs.shipment_clock": SHIPMENT,
    "customs.reopen": _each("id", has.declared_boxes),
    "people": PERSON,
    "people.person_token_revoke": lambda side: [
        {"id": side.people["clerk"].id, "token": one} for one in has.tokens(side)[:2]
    ],
    "accounts.session_end": _each("id", has.sessions),
    "accounts.token_revoke": _each("id", has.tokens),
}

#: Requests of this size would take long, and an entity's own PDFs are looked at by themselves.
_SLOW = (".pdf", ".zip")


@dataclass
class World:
    app: Flask
    a: Side
    b: Side


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, two_entities: tuple[Path, Side, Side]) -> World:
    pattern, a, b = two_entities
    settings = settings_for(shutil.copytree(pattern, tmp_path_factory.mktemp("objects") / "data"))
    return World(application(settings), a, b)


@pytest.fixture
def world(made: World) -> World:
    open_database(made.app.config["ROUNDTRIP"].database_url)
    proxy.connect(reuse_if_open=True)
    proxy.obj.pragma("synchronous", "off", permanent=True)
    return made


def browser(app: Flask, person: Any) -> SignedIn:
    client = SignedIn(app, app.response_class)
    client.sign_in(person)
    return client


def identities(world: World, side: Side) -> dict[str, tuple[FlaskClient, dict[str, str]]]:
    """name → client, headers: people of a side in a browser, its programs and its device, and nobody."""
    found: dict[str, tuple[FlaskClient, dict[str, str]]] = {}
    for name in ("clerk", "lead", "viewer", "scanner", "partner"):
        client = browser(world.app, side.people[name])
        found[name] = client, {"X-CSRFToken": client.token}
    for name, token in (("program", side.tokens["lead"]), ("device", side.device_token)):
        found[name] = world.app.test_client(), {"Authorization": f"Bearer {token}"}
    found["nobody"] = world.app.test_client(), {}
    return found


#: What protects a form, or was signed for the next step.
_SIGNED = re.compile(r"[\w-]{20,}\.[\w-]{5,8}\.[\w-]{20,}")


def text_of(answer: Any) -> str:
    """All that an answer tells: headers and body, unpacked where it is packed."""
    data, kind = answer.get_data(), answer.headers.get("Content-Type", "")
    head = "\n".join(f"{name}: {value}" for name, value in answer.headers if name not in ("Set-Cookie", "Location"))
    if data[:4] == b"%PDF":
        return head + "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)
    if data[:2] == b"PK":
        parts = []
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            for name in packed.namelist():
                inner = packed.read(name)
                pdf = inner[:4] == b"%PDF"
                parts.append(name)
                parts += [page.extract_text() for page in PdfReader(io.BytesIO(inner)).pages] if pdf else [
                    inner.decode("utf-8", "replace")
                ]  # fmt: skip
        return head + "\n".join(parts)
    if kind.startswith("image/"):
        return head
    text = unescape(data.decode("utf-8", "replace"))
    return head + "\n" + _SIGNED.sub("", text)  # of chance, so that now and then it spells a mark


def told(answer: Any, mark: str, *asked: str) -> list[str]:
    """Where an answer bears a mark, without what was asked for, which it may repeat."""
    text = text_of(answer)
    for one in sorted({part for text_ in asked for part in (text_, unquote(text_))}, key=len, reverse=True):
        for form in {one, quote_plus(one), quote(one)} - {""}:
            text = re.sub(re.escape(form), "", text, flags=re.IGNORECASE)
    return [text[max(0, at.start() - 60) : at.end() + 40] for at in re.finditer(mark, text, re.IGNORECASE)][:3]


def owned(app: Flask, side: Side) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """(endpoint, rule, arguments) for every route and all that a side has."""
    for rule in app.url_map.iter_rules():
        if not rule.arguments or rule.endpoint in BY_TOKEN | OF_THE_FIRM or rule_of(app, rule.endpoint) is None:
            continue
        fill = OWNED.get(rule.endpoint) or OWNED.get(rule.endpoint.partition(".")[0])
        assert fill, f"{rule.endpoint} takes {rule.arguments}: say in OWNED what of an entity it may be asked for"
        values = fill(side)
        assert values, f"nothing of {side.mark} to ask {rule.endpoint} for"
        for one in values:
            assert set(one) == rule.arguments, f"{rule.endpoint} takes {rule.arguments}: say in OWNED how to fill them"
            yield rule.endpoint, rule, one


def address(app: Flask, rule: Any, values: dict[str, Any]) -> str:
    adapter = app.url_map.bind("localhost")
    return str(adapter.build(rule.endpoint, values, method=next(iter(sorted(rule.methods)))))


def rows_of(world: World, side: Side) -> dict[str, Any]:
    """The rows of a side, to see that none has changed."""
    shipments = [one.id for one in side.shipments]
    assets = [one.id for one in Asset.select().where(Asset.owner == side.own)]
    chosen: list[tuple[Any, Any]] = [
        (Shipment, Shipment.id.in_(shipments)), (ShipmentLine, ShipmentLine.shipment.in_(shipments)),
        (Package, Package.shipment.in_(shipments)), (IssuedDocument, IssuedDocument.seller == side.own),
        (Asset, Asset.owner == side.own), (ScanEvent, ScanEvent.asset.in_(assets)),
        (StockLevel, StockLevel.owner == side.own), (Statement, Statement.id.in_(has.statements(side))),
        (StatementLink, StatementLink.id.in_(has.links(side))), (Agreement, Agreement.partner == side.partner),
        (CustomsDeclaration, CustomsDeclaration.number.startswith(side.mark)),
        (DeclaredBox, DeclaredBox.asset.in_(assets)), (ExceptionCase, ExceptionCase.id.in_(has.cases(side))),
        (Party, Party.code.startswith(side.mark)), (Place, Place.code.startswith(side.mark)),
        (LetterOfCredit, LetterOfCredit.code.startswith(side.mark)), (Seal, Seal.seller == side.own),
        (Wording, Wording.seller == side.own), (ScanSession, ScanSession.uuid.in_([side.session, side.session2])),
    ]  # fmt: skip
    found = {model.__name__: list(model.select().where(which).order_by(model.id).dicts()) for model, which in chosen}
    found["Device"] = [
        (row.id, row.revoked_time, row.place_id) for row in Device.select().where(Device.name.startswith(side.mark))
    ]
    return found


def test_S3_every_route_that_takes_an_argument_is_known_here(world: World) -> None:
    seen = {endpoint for endpoint, _rule, _values in owned(world.app, world.a)}
    assert len(seen) > 70
    endpoints = {rule.endpoint for rule in world.app.url_map.iter_rules()}
    assert not {name for name in OWNED if "." in name} | BY_TOKEN | OF_THE_FIRM - endpoints <= set()


#: How many of the things of each route people ask for who have the same scope as others that ask for all.
FEW = 1_000 if LARGE else 2


def ask_for_all(world: World, who: str, mine: Side, theirs: Side, most: int) -> int:
    """Every route that takes an argument, by every method, for what is `theirs`, `most` of each; gives how many."""
    client, headers = identities(world, mine)[who]
    before = rows_of(world, theirs)
    asked: dict[str, int] = defaultdict(int)
    for endpoint, rule, values in owned(world.app, theirs):
        asked[endpoint] += 1
        if asked[endpoint] > most:
            continue
        url = address(world.app, rule, values)
        for method in sorted(rule.methods - {"OPTIONS"}):
            more = {"Range": "bytes=0-200"} if method == "GET" and asked[endpoint] == 1 else {}
            body: dict[str, Any] = {"json": {}} if "/api/" in url else {"data": {}}
            answer = client.open(
                url, method=method, headers={**headers, **more}, **(body if method in ("POST", "PUT") else {})
            )
            to_login = answer.status_code == 302 and "/login" in answer.headers["Location"]
            ok = answer.status_code in (401, 403, 404) or to_login or endpoint in OWN_ONLY
            if who == "nobody" and method not in ("GET", "HEAD"):
                ok = ok or answer.status_code in (400, 302)  # no token of a form: refused before anything is looked for
            assert ok, f"{who} {method} {url}: {answer.status_code} {answer.headers.get('Location')}"
            asked_for = [str(value) for value in values.values()]
            assert not told(answer, theirs.mark, url, *asked_for), f"{who} {method} {url}"
    assert rows_of(world, theirs) == before
    assert has.sessions(theirs)
    tokens = ApiToken.select().where(ApiToken.id.in_(has.tokens(theirs)))
    assert not tokens.where(ApiToken.revoked_time.is_null(False)).exists()
    return sum(asked.values())


@pytest.mark.parametrize("who", ["clerk", "lead", "viewer", "scanner", "partner", "program", "device", "nobody"])
def test_S3_what_is_of_another_entity_is_not_there_on_any_route_by_any_method(world: World, who: str) -> None:
    count = ask_for_all(world, who, world.b, world.a, 1_000 if who in ("clerk", "lead", "program") else FEW)
    if LARGE:  # and the other way round
        count += ask_for_all(world, who, world.a, world.b, FEW)
    tried("S3", f"addresses of another entity's things, asked for by its {who}", count)


@pytest.mark.parametrize("who", ["viewer", "lead", "clerk"] if LARGE else ["viewer"])
def test_S3_nor_is_it_there_on_postgresql(
    made: World, postgresql: psycopg.Connection, postgresql_server: Any, who: str
) -> None:
    """Of each kind the first one, as what is seen is asked of the database in its own words."""
    postgresql.execute("DROP DATABASE IF EXISTS entities WITH (FORCE)")
    postgresql.execute("CREATE DATABASE entities")
    url = postgresql_server.get_uri("entities").replace("postgresql://", "psycopg3://")
    settings = made.app.config["ROUNDTRIP"]
    moving.move_database(settings.database_url, url, settings, with_faults=True)
    open_database(url)
    proxy.connect(reuse_if_open=True)
    count = ask_for_all(made, who, made.b, made.a, FEW if LARGE else 1)
    proxy.close()
    tried("S3", f"the same on PostgreSQL, by its {who}", count)


def crawl(client: FlaskClient, app: Flask, start: list[str], most: int = 6) -> dict[str, Any]:
    """The pages that links lead to from `start`, at most so many of each route: address → answer."""
    adapter = app.url_map.bind("localhost")
    waiting, found, known = list(start), {}, set()
    per_route: dict[str, int] = defaultdict(int)
    while waiting:
        url = waiting.pop(0)
        path = urlsplit(url)
        try:
            endpoint, values = adapter.match(path.path, method="GET")
        except Exception:
            continue
        names = tuple(sorted(name for name, _ in parse_qsl(path.query)))
        key = (endpoint, tuple(sorted(values.items())), names, path.query if len(names) < 2 else "")
        per_route[endpoint] += 1
        if key in known or endpoint in ("static", "security.logout") or per_route[endpoint] > most:
            continue
        known.add(key)
        if path.path.endswith(_SLOW):
            found[url] = None
            continue
        answer = client.get(url)
        found[url] = answer
        if "html" in answer.headers.get("Content-Type", ""):
            text = answer.get_data(as_text=True)
            waiting += [unescape(one) for one in re.findall(r'(?:href|src)="(/[^"#]*)', text)]
        elif answer.status_code in (302, 303):
            waiting.append(urlsplit(answer.headers["Location"])._replace(scheme="", netloc="").geturl())
    return found


def starts(app: Flask, *kinds: str) -> list[str]:
    """The addresses without arguments, as a page and as files of these kinds."""
    plain = [str(rule) for rule in app.url_map.iter_rules() if not rule.arguments and "GET" in (rule.methods or ())]
    plain = [one for one in plain if not one.startswith(("/log", "/verify", "/tf-", "/mf-", "/change"))]
    return [*plain, *(f"{one}?format={kind}" for one in plain for kind in kinds)]


def test_S3_no_page_of_an_entity_bears_a_word_of_another(world: World) -> None:
    """All that B's people reach, lists and files: none of it bears A's mark; and what A's people reach is not B's."""
    client = browser(world.app, world.b.people["all"])
    own = crawl(client, world.app, starts(world.app, "csv", "xlsx"))
    bad = {url: told(answer, world.a.mark) for url, answer in own.items() if answer is not None}
    assert {url: words for url, words in bad.items() if words} == {}
    assert not [url for url, answer in own.items() if answer is not None and answer.status_code >= 500]
    own_text = "".join(text_of(answer) for answer in own.values() if answer is not None)
    for word in (world.b.shipments[0].number, world.b.boxes[0].code, f"{world.b.mark}-LC", f"{world.b.mark} handheld"):
        assert word in own_text  # the crawl has seen what it is about
    assert len(own) > 150

    dead = {url: answer.status_code for url, answer in own.items() if answer is not None and answer.status_code == 404}
    assert dead == {}, "links to what is not there"

    theirs = crawl(browser(world.app, world.a.people["all"]), world.app, starts(world.app), most=4)
    foreign = [url for url in theirs if url not in own and not url.startswith("/v/")]  # that code is a secret itself
    assert len(foreign) > 60
    for url in foreign:
        answer = client.get(url)
        asked = [value for _, value in parse_qsl(urlsplit(url).query)]
        assert not told(answer, world.a.mark, url, *urlsplit(url).path.split("/"), *asked), url
        if url.endswith(_SLOW):
            assert answer.status_code in (403, 404), url


def test_S3_searching_for_what_another_has_finds_nothing(world: World) -> None:
    a, b = world.a, world.b
    words = [
        a.mark, a.boxes[0].code, a.shipments[0].number, a.shipments[0].contract_no, a.partner.name_en, a.own.code,
        a.load, a.load[4:], a.site.code, f"{a.mark}BL1", f"{a.mark}-NOTE", has.events(a)[0],
        IssuedDocument.get(IssuedDocument.shipment == a.shipments[0]).verify_code,
    ]  # fmt: skip
    for name in ("clerk", "lead", "viewer", "scanner"):
        client = browser(world.app, b.people[name])
        for word in words if name in ("clerk", "lead") else words[:4]:
            answer = client.get("/search", query_string={"q": word})
            place = answer.headers.get("Location", "")
            if place:
                assert client.get(place).status_code in (403, 404), (word, place)
            assert not told(answer, a.mark, word), word
            if name in ("viewer", "scanner"):
                continue
            for path in ("/assets", "/shipments", "/documents", "/parties", "/scan-events", "/exceptions", "/trips"):
                found = client.get(path, query_string={"q": word, "format": "csv"})
                assert not told(found, a.mark, word), (path, word)
    numbers = browser(world.app, b.people["clerk"]).get("/documents?format=csv").get_data(as_text=True)
    assert a.shipments[0].number not in numbers
    assert b.shipments[0].number in numbers


def test_the_api_and_the_snapshot_of_a_device_tell_of_its_own_entity_only(world: World) -> None:
    a, b = world.a, world.b
    for headers in ({"Authorization": f"Bearer {b.device_token}"}, {"Authorization": f"Bearer {b.tokens['lead']}"}):
        client = world.app.test_client()
        for path in (
            "/api/v1/scan/snapshot", f"/api/v1/scan/snapshot?place={b.site.code}", "/api/v1/scan/sessions",
            f"/api/v1/scan/sessions?place={a.site.code}", f"/api/v1/resolve?text={a.boxes[0].code}",
            f"/api/v1/resolve?text={a.shipments[0].number}", "/api/v1/epcis", "/api/v1/epcis?perPage=500",
            f"/api/v1/scan/snapshot?place={a.site.code}",
        ):  # fmt: skip
            answer = client.get(path, headers=headers)
            asked = [value for _, value in parse_qsl(urlsplit(path).query)]
            assert not told(answer, a.mark, *asked), path
            if f"snapshot?place={a.mark}" in path:
                assert answer.status_code == 400
        snapshot = client.get(f"/api/v1/scan/snapshot?place={b.site.code}", headers=headers).get_json()
        assert any(code.startswith(b.mark) for code in snapshot["boxes"])
        assert [one["number"] for one in snapshot["shipments"]] == [one.number for one in b.shipments]
        resolved = client.get(f"/api/v1/resolve?text={a.boxes[0].code}", headers=headers).get_json()
        assert resolved["code"] is None
        invented = client.get("/api/v1/resolve?text=NOBODYS-001", headers=headers).get_json()
        assert {**invented, "canonical": ""} == {**resolved, "canonical": ""}, "as of a code that nobody has"


def _scan(client: FlaskClient, token: str, **fields: Any) -> Any:
    body = {"event_id": str(uuid4()), "event_time": NOW.isoformat(), **fields}
    return client.post("/api/v1/scan-events", json=body, headers={"Authorization": f"Bearer {token}"})


def test_a_scan_of_what_another_has_is_kept_and_answered_like_one_of_what_nobody_has(world: World) -> None:
    a, b, client = world.a, world.b, world.app.test_client()
    before = rows_of(world, a)
    ship, box = a.shipments[0].number, a.boxes[0].code
    here = {"place": b.site.code}
    for told_, like in (
        ({"type": "return", "scanned_text": box, **here}, {"type": "return", "scanned_text": "NOBODYS-001", **here}),
        ({"type": "return", "scanned_text": a.load, **here},
         {"type": "return", "scanned_text": "(00)340999990000000019", **here}),
        ({"type": "dispatch", "scanned_text": b.boxes[5].code, "shipment": ship, **here},
         {"type": "dispatch", "scanned_text": b.boxes[5].code, "shipment": "S-2026-9999", **here}),
        ({"type": "arrive", "scanned_text": b.boxes[0].code, "place": a.site.code},
         {"type": "arrive", "scanned_text": b.boxes[0].code, "place": "NOWHERE"}),
        ({"type": "arrive", "scanned_text": b.boxes[0].code, "party": a.partner.code},
         {"type": "arrive", "scanned_text": b.boxes[0].code, "party": "NOBODY"}),
        ({"type": "void", "voids": has.events(a)[0], "reason": "x"},
         {"type": "void", "voids": str(uuid4()), "reason": "x"}),
    ):  # fmt: skip
        first, second = (_scan(client, b.device_token, **one) for one in (told_, like))
        assert first.status_code == second.status_code, (told_, first.get_json(), second.get_json())
        asked = [str(value) for value in told_.values()]
        assert not told(first, a.mark, *asked), told_
        bare = [{**one.get_json(), "event_id": "", "text": ""} for one in (first, second)]
        if "(00)" not in told_.get("scanned_text", ""):
            assert bare[0] == bare[1]
        row = ScanEvent.get(ScanEvent.event_id == first.get_json()["event_id"])
        assert row.refused or a.load in row.scanned_text
        assert row.asset_id is None or row.asset.owner_id == b.own.id
    again = _scan(client, b.device_token, type="return", scanned_text=box, **here, **{"event_id": has.events(a)[0]})
    assert again.status_code == 409
    assert not told(again, a.mark, box)
    assert rows_of(world, a) == before


def test_a_picture_is_not_to_be_had_by_its_hash(world: World) -> None:
    """Neither asked for, nor named in a scan or a session of one's own."""
    a, b, client = world.a, world.b, world.app.test_client()
    headers = {"Authorization": f"Bearer {b.device_token}"}
    code = b.boxes[5].code
    sent = _scan(
        client, b.device_token, type="damage", scanned_text=code, place=b.site.code, reason="torn", photo=a.photo
    )
    assert sent.status_code == 201
    put = client.put(
        f"/api/v1/scan/sessions/{uuid4()}", headers=headers,
        json={"kind": "return", "place": b.site.code, "started": NOW.isoformat(), "signature": a.photo},
    )  # fmt: skip
    assert put.status_code == 200
    assert put.get_json()["signature"] == ""
    lead = browser(world.app, b.people["lead"])
    assert lead.get(f"/photos/{a.photo}.jpg").status_code == 404
    assert lead.get(f"/photos/{b.photo}.jpg").status_code == 200
    assert browser(world.app, b.people["scanner"]).get(f"/photos/{b.photo2}.jpg").status_code == 404  # another site


def test_a_form_may_not_name_what_another_has(world: World) -> None:
    """The error stands at the field, as for a code that nobody has; nothing is stored."""
    a, b = world.a, world.b
    clerk, lead = browser(world.app, b.people["clerk"]), browser(world.app, b.people["lead"])
    before = rows_of(world, a)
    counts = [
        model.select().count() for model in (Shipment, LetterOfCredit, CustomsDeclaration, Place, Agreement, Asset)
    ]
    number = b.shipments[0].number
    form = clerk.get(f"/shipments/{number}/edit").get_data(as_text=True)
    fields = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', form))
    for name, code in (
        ("consignor", a.own.code), ("consignee", a.partner.code), ("ship_from", a.site.code),
        ("letter_of_credit", f"{a.mark}-LC"), ("invoiced_with", a.shipments[0].number),
    ):  # fmt: skip
        answer = clerk.post(f"/shipments/{number}/edit", data={**fields, name: code})
        assert answer.status_code == 422, name
        assert not told(answer, a.mark, code), name
    posts: list[tuple[SignedIn, str, dict[str, str]]] = [
        (clerk, "/letters-of-credit/new", {"code": "NEW-LC", "beneficiary": a.own.code, "applicant": "SHARED"}),
        (clerk, "/customs/declarations/new", {"number": "1", "shipment": a.shipments[0].number}),
        (clerk, "/customs/declarations/new", {"number": "1", "codes": a.boxes[0].code}),
        (clerk, "/places/new", {"code": "NEW", "party": a.partner.code, "name_en": "x", "country": "DE"}),
        (clerk, "/parties/new", {"code": "NEW", "own": "y", "name_en": "x", "country": "DE"}),
        (lead, "/assets/new", {"how": "codes", "asset_type": "KLT6428", "owner": a.own.code, "codes": "NEW-1"}),
        (lead, "/assets/new", {"how": "codes", "asset_type": "KLT6428", "owner": b.own.code, "codes": "NEW-1",
                               "return_place": a.site.code}),
        (lead, "/pools/book", {"type": "commission", "asset_type": "EPAL", "quantity": "1", "place": a.site.code}),
        (lead, "/pools/minimums", {"asset_type": "KLT6428", "place": a.site.code, "minimum": "3"}),
        (lead, f"/loads/{b.boxes[2].code}", {"how": "pack", "codes": a.boxes[2].code, "place": b.site.code}),
        (lead, f"/assets/{b.boxes[5].code}/report", {"type": "return", "place": a.site.code}),
    ]  # fmt: skip
    for client, url, data in posts:
        answer = client.post(url, data=data)
        assert answer.status_code == 422, (url, data, answer.status_code)
        assert not told(answer, a.mark, *data.values()), url
    assert lead.get("/assets/labels.pdf", query_string={"codes": a.boxes[0].code}).status_code in (400, 409, 422)
    issued = lead.post("/parties/SHARED/account/issue", data={"month": "2026-09", "seller": a.own.code})
    assert not told(issued, a.mark, a.own.code)
    assert not Statement.select().join(IssuedDocument).where(
        IssuedDocument.seller == a.own, Statement.first_day == NOW.date().replace(month=9, day=1)
    ).exists()  # fmt: skip
    after = [
        model.select().count() for model in (Shipment, LetterOfCredit, CustomsDeclaration, Place, Agreement, Asset)
    ]
    assert after == counts
    assert rows_of(world, a) == before


def test_an_account_that_two_entities_have_with_a_partner_is_told_to_each_without_the_other(world: World) -> None:
    """On the page, in its file, in the draft, and in what was issued in the name of each."""
    a, b = world.a, world.b
    lead = browser(world.app, b.people["lead"])
    page = lead.get("/parties/SHARED/account?month=2026-10")
    assert b.own.name_en in text_of(page) or b.own.code in text_of(page)
    for url in (
        "/parties/SHARED/account?month=2026-10", "/parties/SHARED/account?month=2026-10&format=xlsx",
        "/parties/SHARED/account.pdf?month=2026-10",
        "/parties/SHARED/charges?month=2026-10", "/balances?format=csv", "/statements?format=csv",
    ):  # fmt: skip
        answer = lead.get(url)
        assert answer.status_code == 200, url
        assert not told(answer, a.mark, a.own.code), url
    for path in ("account", "account.pdf", "charges", "charges.pdf"):
        for month in ("2026-10", "2026-11"):
            url = f"/parties/SHARED/{path}?month={month}&currency=EUR&seller={a.own.code}"
            assert lead.get(url).status_code == 404, url
    with world.app.test_request_context():
        agreement = Agreement.create(
            partner=Party.get(Party.code == "SHARED"), valid_from=NOW.date().replace(month=1), free_days=1,
            currency="EUR", rental=2, changed_time=NOW,
        )  # fmt: skip
        both = [charge.quantity for charge in charges_of(agreement.partner, Month(2026, 10), "UTC")]
        own = [
            [charge.quantity for charge in charges_of(agreement.partner, Month(2026, 10), "UTC", side.own)]
            for side in (a, b)
        ]
        with acting_as(Scope(frozenset({b.own.id}), None)):
            seen_by_b = [charge.quantity for charge in charges_of(agreement.partner, Month(2026, 10), "UTC")]
        agreement.delete_instance()
    assert own[0]
    assert own[0] == own[1] == seen_by_b
    assert sum(both) == sum(own[0]) + sum(own[1])
    mine = Statement.select().join(IssuedDocument).where(IssuedDocument.seller == b.own)
    for one in mine:
        assert a.mark not in one.document.facts
    buyer = browser(world.app, b.people["partner"])
    own = has.ids(Statement, Statement.partner == b.partner)
    assert buyer.get(f"/my/statements/{own[0]}.pdf").status_code == 200
    for other in set(has.statements(a) + has.statements(b)) - set(own):
        assert buyer.get(f"/my/statements/{other}.pdf").status_code == 404


def test_a_box_on_a_truck_of_another_entity_tells_where_it_is_and_not_the_shipment(world: World) -> None:
    """A yard worker of both loads it. Its owner sees who holds it; nothing of the shipment, and no link to it."""
    a, b = world.a, world.b
    code, number = b.boxes[5].code, a.shipments[1].number  # to SHARED, whom both have
    with world.app.test_request_context():
        has.scan(b, "dispatch", code, NOW, shipment=number)
    client = browser(world.app, b.people["all"])
    device = {"Authorization": f"Bearer {b.device_token}"}
    program = {"Authorization": f"Bearer {b.tokens['lead']}"}
    for url in (
        f"/assets/{code}", "/assets?format=csv", "/trips?format=csv", "/scan-events?format=csv", "/overdue?format=csv",
        f"/assets/{code}/epcis.json", "/api/v1/epcis?perPage=500", f"/api/v1/scan/snapshot?place={b.site.code}",
        "/exceptions?format=csv", f"/assets/{code}?at=2026-11-25", "/trips", "/scan-events", "/",
    ):  # fmt: skip
        headers = device if "snapshot" in url else program
        answer = client.get(url) if "/api/" not in url else world.app.test_client().get(url, headers=headers)
        assert answer.status_code == 200, url
        assert number not in text_of(answer), url
    assert "Shared Automotive GmbH" in text_of(client.get(f"/assets/{code}"))


def test_S3_the_account_of_a_box_that_left_with_goods_of_another_entity_does_not_name_its_shipment(
    world: World,
) -> None:
    a, b = world.a, world.b
    number = a.shipments[1].number  # to SHARED, whom both have
    with world.app.test_request_context():
        klt, boss = b.boxes[0].asset_type, b.people["lead"]
        register_assets(klt, [f"{b.mark}-KLT-099"], b.own, b.site, boss, has.SEPTEMBER)
        has.scan(b, "dispatch", f"{b.mark}-KLT-099", NOW, shipment=number)
    client = browser(world.app, b.people["lead"])
    october, november = (text_of(client.get(f"/parties/SHARED/account?month=2026-{month}")) for month in (10, 11))
    assert b.shipments[1].number in october
    assert "2026-11-23" in november  # the line is there
    assert number not in november
    with world.app.test_request_context():
        partner, month = Party.get(code="SHARED"), Month(2026, 11)
        accounts = accounts_of(partner, month, b.own)
        add_lines(accounts, partner, month)
        lines = [line.document for account in accounts for line in account.lines]
        assert lines
        assert number not in lines


def test_S3_what_another_entity_counted_into_the_same_load_is_not_told(world: World) -> None:
    a, b = world.a, world.b
    with world.app.test_request_context():
        has.scan(a, "pack", "", NOW, asset_type="EPAL", quantity=31, parent=b.load)
        has.scan(b, "pack", "", NOW, asset_type="EPAL", quantity=7, parent=b.load)
    for side, pieces, others in ((b, 7, (31, 38)), (a, 31, (7, 38))):
        rows = browser(world.app, side.people["all"]).get("/loads?format=csv").get_data(as_text=True)
        [line] = [line for line in rows.splitlines() if b.load in line]
        assert f'"{pieces}"' in line
        assert not any(f'"{other}"' in line for other in others)


def test_S3_nobody_counts_boxes_for_an_entity_that_is_not_his(world: World) -> None:
    """Whatever of a pool he tells at a partner that both have is of his own company; what he says is another's is not
    taken."""
    a, b = world.a, world.b
    before = rows_of(world, a)
    lead = browser(world.app, b.people["lead"])
    for told_ in (
        {"type": "opening", "party": "SHARED"}, {"type": "write_off", "party": "SHARED", "reason": "x"},
        {"type": "damage", "party": "SHARED", "reason": "x"},
    ):  # fmt: skip
        of_a = {"asset_type": "EPAL", "quantity": "5", "owner": a.own.code}
        answer = lead.post("/pools/book", data={**of_a, **told_})
        assert answer.status_code == 422, told_
        assert lead.post("/pools/book", data={**of_a, **told_, "owner": ""}).status_code == 302, told_
        assert not told(answer, a.mark)
    assert rows_of(world, a) == before
    arrived = lead.post(
        "/pools/book", data={"asset_type": "EPAL", "quantity": "5", "type": "arrive", "party": "SHARED"}
    )
    assert arrived.status_code in (302, 422)  # moves nothing, whoever they belong to
    assert rows_of(world, a) == before


def test_who_works_at_one_site_sees_nothing_that_is_of_the_other_only(world: World) -> None:
    b = world.b
    assert b.far_box
    client = browser(world.app, b.people["site"])
    found = crawl(client, world.app, starts(world.app, "csv"))
    bad = {url: told(answer, b.mark2) for url, answer in found.items() if answer is not None}
    assert {url: words for url, words in bad.items() if words} == {}
    assert not [url for url, answer in found.items() if answer is not None and answer.status_code >= 404]
    everything = "".join(text_of(answer) for answer in found.values() if answer is not None)
    assert b.boxes[0].code in everything  # at a partner, and comes back here
    assert b.boxes[2].code in everything
    code, place = b.far_box.code, b.site2.code
    far = [one for one in has.devices(b) if Device.get_by_id(one).place_id == b.site2.id]
    for url in (
        f"/assets/{code}", f"/assets/{code}/epcis.json", f"/customs/boxes/{code}", f"/places/{place}",
        f"/foresight/shortage/KLT6428/{place}", f"/photos/{b.photo2}.jpg",
    ):  # fmt: skip
        assert client.get(url).status_code == 404, url
    for url in (f"/devices/{far[0]}/revoke", f"/api/v1/scan/sessions/{b.session2}/take", f"/assets/{code}/report"):
        assert client.post(url, data={}).status_code == 404, url
    balance = client.get("/balances?format=csv").get_data(as_text=True)
    all_ = browser(world.app, b.people["all"]).get("/balances?format=csv").get_data(as_text=True)
    assert balance != all_


def test_the_digest_tells_a_person_what_the_page_tells_him(world: World) -> None:
    """And whoever is on the list without being a person here gets all: an administrator has put him there."""
    a, b = world.a, world.b
    with world.app.test_request_context():
        alerts = current_alerts(NOW)
        told_to_all = {one.subject.code for one in alerts}
        assert any(code.startswith(a.mark) for code in told_to_all)
        person = b.people["viewer"]
        recipient = DigestRecipient(address=person.email.upper(), language="en", hour=6, timezone="UTC")
        theirs = delivering._alerts_for(recipient, alerts, NOW)
        assert theirs
        assert not [one for one in theirs if a.mark in f"{one.subject} {one.sentence.values} {one.arguments}"]
        assert {one.value for one in theirs} == {None}  # who may not see values on the page
        stranger = DigestRecipient(address="board@example.com", language="en", hour=6, timezone="UTC")
        assert delivering._alerts_for(stranger, alerts, NOW) == alerts
        partner = DigestRecipient(address=b.people["partner"].email, language="en", hour=6, timezone="UTC")
        assert not delivering._alerts_for(partner, alerts, NOW)


def test_a_partner_that_nobody_has_yet_is_seen_by_all_and_then_by_who_has_him(world: World) -> None:
    a, b = world.a, world.b
    lists = {side.mark: browser(world.app, side.people["clerk"]) for side in (a, b)}
    new = has.samples.party(NOW, code="NEWCOMER", own=False, name_en="Newcomer GmbH", country="DE", uscc="")
    try:
        for client in lists.values():
            assert client.get("/parties/NEWCOMER").status_code == 200
        Shipment.update(forwarder=new).where(Shipment.id == b.shipments[1].id).execute()
        assert lists[b.mark].get("/parties/NEWCOMER").status_code == 200
        assert lists[a.mark].get("/parties/NEWCOMER").status_code == 404
        for client in lists.values():
            assert client.get("/parties/SHARED").status_code == 200
    finally:
        Shipment.update(forwarder=None).where(Shipment.id == b.shipments[1].id).execute()
        new.delete_instance()


#: every rule of a module `visible`, and what it narrows
RULES: list[tuple[Callable[[Scope], Any], Any]] = [
    (visible_parties, Party), (visible_places, Place), (visible_shipments, Shipment),
    (visible_credits, LetterOfCredit), (visible_assets, Asset), (visible_events, ScanEvent), (visible_trips, Trip),
    (visible_movements, Movement), (visible_levels, StockLevel), (visible_cases, ExceptionCase),
    (visible_minimums, PoolMinimum), (visible_agreements, Agreement), (visible_papers, IssuedDocument),
    (visible_sets, PaperSet), (visible_seals, Seal), (visible_wordings, Wording),
    (visible_profile_rules, ProfileRule), (visible_statements, Statement),
    (visible_declarations, CustomsDeclaration), (visible_declared, DeclaredBox),
    (lambda scope: visible_devices(scope, 1), Device), (lambda scope: visible_sessions(scope, 1), ScanSession),
]  # fmt: skip


@on_both_databases
def test_every_rule_is_understood_by_both_databases(db: Any, app: Flask) -> None:
    """And an empty scope opens nothing but outside partners that nobody has, and what is the firm's."""
    scopes = (
        Scope(frozenset({1}), None), Scope(None, frozenset({1})), Scope(frozenset({1}), frozenset({1})), NOTHING,
    )  # fmt: skip
    firm()
    with app.test_request_context():
        for scope in scopes:
            with acting_as(scope):
                for rule, model in RULES:
                    found = list(seen(rule, model.select()))
                    assert not found or model is Party, rule
                assert balances(NOW) == []
                assert by_place() == []
                assert legs(NOW).counts == {}
                assert facts(NOW)
                assert current_alerts(NOW) == []


def test_no_rule_makes_a_list_of_all_boxes_before_the_first_row_is_found(world: World) -> None:
    """At 100,000 boxes such a list took a quarter of a second, on pages of thirty rows."""
    for scope in (Scope(frozenset({1}), None), Scope(None, frozenset({1})), Scope(frozenset({1}), frozenset({1}))):
        for rule, model in RULES:
            if model in (ScanEvent, Trip, Movement, ExceptionCase):
                sql, _ = model.select().where(rule(scope)).sql()
                assert not re.search(r'IN \(SELECT "t\d+"\."id" FROM "asset"', sql), (rule, sql)


def test_without_limits_nothing_is_narrowed_and_nothing_more_is_asked(world: World) -> None:
    with world.app.test_request_context():
        person = has.create_user("without.limits", has.PASSWORD, NOW, role="viewer")
        asked: list[str] = []
        run = proxy.obj.execute_sql
        proxy.obj.execute_sql = lambda sql, *rest, **more: asked.append(sql) or run(sql, *rest, **more)
        try:
            scope = scope_of(person)
        finally:
            del proxy.obj.execute_sql
    assert not scope.is_limited
    assert visible_assets(scope) is None
    assert asked == []
