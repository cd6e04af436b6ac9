"""Whoever presses twice, or sends again after a lost answer, makes nothing a second time: for every form that there is."""

from __future__ import annotations

import contextlib
import io
import re
import sqlite3
import threading
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import samples
from conftest import NOW, PASSWORD, SignedIn, at_once, on_both_databases
from customs_world import boxes, declared, scan
from flask import Flask
from test_customs import out_form
from test_letters_of_credit import TYPED as CREDIT
from test_looks import stamp
from test_master_data_forms import ASSET_TYPE, PARTY, PLACE, PRODUCT

from accounts.models import (
    ApiToken,
    AuditEntry,
    FormAnswer,
    InstallationNote,
    PersonLink,
    User,
    UserEntity,
    UserSession,
)
from accounts.people import create_token, create_user, deactivate
from alerts.models import DigestRecipient, Webhook
from assets.devices import register as register_device
from assets.models import Agreement, Asset, Device, PoolMinimum, ScanEvent
from customs.models import ClockRule, CustomsDeclaration, CustomsExtension
from database import Row, utc_now
from database import db as proxy
from docs_gen import issuing, label_views
from docs_gen import views as docs_pages
from docs_gen.models import IssuedDocument, ProfileRule, Seal, Wording
from errors import Refused
from jobs.models import Job
from master_data.models import AssetType, Party, Place, Product
from shipments.models import LetterOfCredit

#: Forms with a key, by endpoint. Those in brackets have a test of their own, since they need more than a small world.
WITH_KEY = {
    "master_data.party_new", "master_data.place_new", "master_data.product_new", "master_data.asset_type_new",
    "shipments.shipment_new", "docs_gen.issue_set", "credits.credit_new", "looks.seal_new", "looks.wording_new",
    "profiles.profile_add", "labels.order_sheets", "assets.asset_new", "assets.asset_report", "assets.asset_correct",
    "loads.load_page", "pools.pool_book", "agreements.agreement_new", "customs.declaration_new", "customs.back_new",
    "customs.extend", "customs.close", "alerts.webhook_add", "people.person_new", "accounts.token_new",
    "statements.issue_due", "statements.link_new",
}  # fmt: skip
#: Every other route that takes a POST, and why nothing comes of it twice.
HARMLESS = {
    "says the same again": {
        "accounts.set_language", "alerts.settings_save", "alerts.recipient_add", "customs.clock_save", "looks.look_edit",
        "pools.minimum_list", "people.person", "master_data.party_edit", "master_data.place_edit",
        "master_data.product_edit", "master_data.asset_type_edit", "agreements.agreement_edit", "credits.credit_edit",
        "customs.declaration_edit", "looks.seal_edit", "looks.wording_edit", "packs.pack_use", "packs.pack_put_aside",
        "devices.device_let_count",
    },
    "has ended or gone already": {
        "accounts.session_end", "accounts.sessions_end", "accounts.token_revoke", "alerts.recipient_delete",
        "alerts.webhook_delete", "customs.clock_delete", "devices.device_revoke", "people.person_end",
        "people.person_again", "people.person_factor_reset", "people.person_sessions_end",
        "people.person_token_revoke", "profiles.profile_delete", "statements.link_revoke", "looks.seal_archive",
        "looks.wording_archive", "security.logout",
    },
    "asks in which state it is": {
        "accounts.link_use", "assets.asset_void", "pools.pool_void", "customs.reopen", "docs_gen.void",
        "exceptions.case_page", "jobs.cancel", "jobs.retry", "statements.close", "statements.decide",
        "statements.finish_file", "shipments.shipment_state", "pools.shipment_counted", "assets_api.post_counted",
    },
    "an order of the same person for the same paper": {
        "docs_gen.issue", "statements.issue", "statements.charges_issue",
    },
    "is for one version": {
        "shipments.shipment_edit", "shipments.shipment_details", "shipments.lines_import",
        "shipments.lines_import_confirm",
    },
    "an answer that says what the last one said is none": {"replies.answer", "statements.answer_told"},
    "the same bytes are the same": {"device_api.post_photo", "packs.pack_list"},
    "the newest link ends those before it": {"people.person_link"},
    "brings an id or a name of its own": {
        "assets_api.post_scan_events", "device_api.post_device", "device_api.put_session", "device_api.post_take",
    },
}  # fmt: skip


def test_every_route_that_takes_a_post_has_a_key_or_says_why_it_needs_none(app: Flask) -> None:
    posting = {rule.endpoint for rule in app.url_map.iter_rules() if rule.methods and rule.methods & {"POST", "PUT"}}
    named = [*WITH_KEY, *(one for some in HARMLESS.values() for one in some)]
    assert len(named) == len(set(named))
    assert {one for one in posting if not one.startswith("security.")} == set(named) - {"security.logout"}


# ---- every form with a key


def filled(page: str, url: str, /, **typed: Any) -> dict[str, Any]:
    """The form of a page that brings a key and goes to `url`, as a browser would send it, with what is typed."""
    [form] = [one for one in _forms(page, url) if 'name="once"' in one]
    return _fields(form, **typed)


def _forms(page: str, url: str) -> list[str]:
    forms = re.findall(r"<form\b([^>]*)>(.*?)</form>", page, re.DOTALL)
    return [body for head, body in forms if unescape(_attribute(head, "action") or url) == url]


def _fields(form: str, /, **typed: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for tag in re.findall(r"<input\b[^>]*>", form):
        kind = _attribute(tag, "type")
        if kind not in ("file", "submit") and (kind not in ("checkbox", "radio") or " checked" in tag):
            fields[_attribute(tag, "name")] = unescape(_attribute(tag, "value"))
    for head, body in re.findall(r"<select\b([^>]*)>(.*?)</select>", form, re.DOTALL):
        options = re.findall(r"<option\b([^>]*)>", body)
        chosen = [one for one in options if "selected" in one] or ([] if "multiple" in head else options[:1])
        fields[_attribute(head, "name")] = [unescape(_attribute(one, "value")) for one in chosen]
    for head, text in re.findall(r"<textarea\b([^>]*)>(.*?)</textarea>", form, re.DOTALL):
        fields[_attribute(head, "name")] = unescape(text).strip()
    fields.pop("csrf_token", None)
    return {name: value for name, value in {**fields, **typed}.items() if value != []}


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return found[1] if found else ""


def sent_twice(client: Any, model: Any, page: str, action: str = "", /, **typed: Any) -> None:
    """Fill in the form, send it twice: one row, and both answers lead to the same place."""
    url, before = action or page, model.select().count()
    form = filled(client.get(page).text, url, **typed)
    answers = [client.post(url, data=_with_files(form)) for _ in range(2)]
    assert [one.status_code for one in answers] == [302, 302], (url, answers[0].status_code, answers[0].text[:3000])
    assert answers[0].location == answers[1].location, url
    assert model.select().count() == before + 1, url
    assert "This was done already; it is not done twice." in client.get(answers[1].location).text, url


def _with_files(form: dict[str, Any]) -> dict[str, Any]:
    return {name: (io.BytesIO(value), "one.png") if isinstance(value, bytes) else value for name, value in form.items()}


def test_every_form_that_makes_something_makes_one_when_it_is_sent_twice(
    client: SignedIn, world: samples.World, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_views, "DIRECT", 0)  # every run of labels is made in the background
    twice: Callable[..., None] = lambda *told, **typed: sent_twice(client, *told, **typed)  # noqa: E731
    twice(Party, "/parties/new", **PARTY)
    twice(Place, "/places/new", **PLACE)
    twice(Product, "/products/new", **PRODUCT)
    twice(AssetType, "/asset-types/new", **ASSET_TYPE)
    twice(LetterOfCredit, "/letters-of-credit/new", **CREDIT)
    twice(Seal, "/looks/SUZHOU/seals/new", name="公章", kind="stamp", types=["packing_list"], file=stamp())
    twice(Wording, "/wordings/new", slot="footer", text="Thank you.")
    twice(ProfileRule, "/profiles", type="cmr", need="required", originals="3")
    twice(Webhook, "/alerts/settings", "/alerts/webhooks", url="https://example.com/hook")
    twice(Agreement, "/parties/HAMBURG/agreements/new", valid_from="2026-10-01", free_days="30", currency="EUR")
    # boxes
    typed = {"asset_type": "KLT6428", "owner": "SUZHOU", "return_place": "SZ-PLANT"}
    twice(Asset, "/assets/new", how="codes", codes="KLT-000901", **typed)
    codes = [asset.code for asset in boxes(world, user, NOW)]
    labels = f"codes={codes[0]}&sheet=a4-24&skip=0"
    twice(Job, f"/assets/labels?{labels}")
    twice(
        ScanEvent, f"/assets/{codes[0]}", f"/assets/{codes[0]}/report", type="damage", reason="Dent", place="SZ-PLANT"
    )
    event = ScanEvent.get(ScanEvent.type == "damage")
    before = ScanEvent.select().count()
    wrong = f"/assets/{codes[0]}/events/{event.event_id}/correct"
    form = filled(client.get(wrong).text, wrong, reason="Scratch", why="It was a scratch.")
    answers = [client.post(wrong, data=form) for _ in range(2)]
    assert (answers[0].status_code, answers[0].location) == (302, answers[1].location), answers[0].text
    assert ScanEvent.select().count() == before + 2  # what undoes it, and what stands in its place
    load = "/loads/(00)340123450000000017"
    twice(ScanEvent, load, how="pack", codes="", asset_type="EPAL", quantity="4", place="SZ-PLANT")
    twice(ScanEvent, "/pools/book", type="opening", asset_type="EPAL", quantity="12", party="HAMBURG")
    # customs
    for code in codes[1:4]:
        scan(user, "dispatch", code, NOW)
    twice(CustomsDeclaration, "/customs/declarations/new", **out_form(codes=codes[1]))
    out = CustomsDeclaration.get()
    page = f"/customs/declarations/{out.id}"
    twice(CustomsExtension, page, f"{page}/extend", number="E1", applied_day="2026-11-20", until="2027-08-31")
    twice(
        CustomsDeclaration, "/customs/back/new", number="224820270000000456", declared_day="2026-11-20", codes=codes[1]
    )
    more = declared(world, user, list(Asset.select().where(Asset.code == codes[2])), NOW, number="224820260000000999")
    closing = f"/customs/declarations/{more.id}/close"
    form = filled(client.get(closing).text, closing, closing="paid", codes=codes[2], reference="D1")
    answers = [client.post(closing, data=form) for _ in range(2)]
    assert [(one.status_code, one.location) for one in answers] == [(302, f"/customs/declarations/{more.id}")] * 2


def test_a_token_whose_page_was_lost_is_shown_under_another_secret(app: Flask, client: SignedIn, user: User) -> None:
    url = "/profile/tokens/new"
    form = filled(client.get(url).text, url, name="ERP", rights=["shipments.read"])
    secrets = [re.search(r'value="([\w-]{43})"', client.post(url, data=form).text)[1] for _ in range(2)]  # type: ignore[index]
    row = ApiToken.get()  # one
    opened = [
        app.test_client().get("/shipments", headers={"Authorization": f"Bearer {one}"}).status_code for one in secrets
    ]
    assert opened == [401, 200]
    client.post(f"/profile/tokens/{row.id}/revoke")
    assert client.post(url, data=form).status_code == 409


def test_an_invitation_whose_page_was_lost_is_shown_with_another_link(client: SignedIn, user: User) -> None:
    url, before = "/people/new", User.select().count()
    typed = {"username": "li.na", "name": "Li Na", "roles": ["viewer"], "all_entities": "y", "all_sites": "y"}
    form = filled(client.get(url).text, url, **typed)
    links = [re.search(r"/invitation/[\w-]{43}", client.post(url, data=form).text)[0] for _ in range(2)]  # type: ignore[index]
    assert (User.select().count(), PersonLink.select().count()) == (before + 1, 1)
    assert [client.get(one).status_code for one in links] == [404, 200]
    assert client.post(url, data=form | {"name": "Another"}).status_code in (409, 422)


def test_a_device_is_registered_once_by_its_name(client: SignedIn, user: User) -> None:
    answers = [client.post("/api/v1/scan/devices", json={"name": "gate 1"}).status_code for _ in range(2)]
    assert (answers, Device.select().count(), ApiToken.select().count()) == ([201, 409], 1, 1)


# ---- forms without a key: each of the claims above that is cheap to try


def rows() -> dict[str, list[tuple[Any, ...]]]:
    """Of every table that forms write: what it holds, but for times."""
    found = {}
    for model in Row.__subclasses__():
        if model not in (AuditEntry, FormAnswer, InstallationNote, UserSession):
            names = set(model._meta.sorted_field_names) - {"id", *model._meta.unwatched}
            fields = [getattr(model, name) for name in sorted(names) if not name.endswith("_time")]
            found[model._meta.table_name] = list(model.select(*fields).order_by(model.id).tuples())
    return found


RECIPIENT = {"address": "lead@stabil.com", "language": "zh", "hour": "7", "timezone": "Asia/Shanghai"}
MINIMUM = {"asset_type": "EPAL", "place": "SZ-PLANT", "minimum": "30"}
CLOCK = {
    "country": "CN", "regime": "2600", "destination": "DE", "months": "5", "source": "Letter", "read_day": "2026-11-01",
}  # fmt: skip
AGREED = {"asset_type": "", "valid_from": "2026-10-01", "free_days": "30", "currency": "EUR"}
PERSON = {"username": "li.na", "name": "Li Na", "roles": ["viewer"], "all_entities": "y", "all_sites": "y"}


def test_forms_that_say_the_same_again_or_end_something_change_nothing_the_second_time(
    client: SignedIn, world, user: User
) -> None:
    [box] = boxes(world, user, NOW, 1)
    out = declared(world, user, [box], NOW)
    for url, form in (
        ("/parties/HAMBURG/agreements/new", AGREED), ("/letters-of-credit/new", CREDIT), ("/people/new", PERSON),
        ("/wordings/new", {"slot": "footer", "text": "Thank you."}),
        ("/looks/SUZHOU/seals/new", {"name": "公章", "kind": "stamp", "types": ["packing_list"], "file": stamp()}),
    ):  # fmt: skip
        form = filled(client.get(url).text, url, **form)
        assert client.post(url, data=_with_files(form)).status_code in (200, 302), url
    tried = set()
    for page, action, typed in (
        ("/profile", "/language", {"language": "en"}), ("/alerts/settings", "", {"unseen_days": "77"}),
        ("/alerts/settings", "/alerts/recipients", RECIPIENT), ("/pools/minimums", "", MINIMUM),
        ("/pools/minimums", "", MINIMUM | {"minimum": "0"}), ("/customs/clocks", "", CLOCK),
        ("/looks/SUZHOU", "", {"colour": "#204060"}), (f"/seals/{Seal.get().id}", "", {"name": "章"}),
        (f"/wordings/{Wording.get().id}", "", {"text": "Thanks."}), (f"/agreements/{Agreement.get().id}", "", {}),
        (f"/letters-of-credit/{LetterOfCredit.get().code}", "", {}),
        (f"/customs/declarations/{out.id}/edit", "", {"note": "n"}),
        (f"/people/{User.get(User.username == 'li.na').id}", "", {"name": "Na"}), ("/parties/HAMBURG", "", {}),
        ("/places/SZ-PLANT", "", {}), (f"/products/{Product.select().first().part_no}", "", {}), ("/asset-types/EPAL", "", {}),
    ):  # fmt: skip
        url = action or page
        form = _fields(max(_forms(client.get(page).text, url), key=len), **typed)
        held = []
        for _ in range(2):
            answer = client.post(url, data=_with_files(form))
            assert answer.status_code == 302, (url, answer.status_code, re.findall(r"invalid-feedback.*", answer.text))
            held.append(rows())
        assert held[0] == held[1], url
        tried.add(client.application.url_map.bind("localhost").match(url, method="POST")[0])
    rest = HARMLESS["says the same again"] - tried
    assert rest == {"packs.pack_use", "packs.pack_put_aside", "devices.device_let_count"}
    device, li_na = register_device("gate 1", user, NOW)[0], User.get(User.username == "li.na").id
    client.post("/alerts/webhooks", data={"url": "https://example.com/x"})
    client.post("/profiles", data=filled(client.get("/profiles").text, "/profiles", type="cmr", need="required"))
    for path in (
        f"/devices/{device.id}/revoke", f"/seals/{Seal.get().id}/archive", f"/wordings/{Wording.get().id}/archive",
        f"/alerts/recipients/{DigestRecipient.get().id}/delete", f"/alerts/webhooks/{Webhook.get().id}/delete",
        f"/customs/clocks/{ClockRule.get().id}/delete", f"/profiles/{ProfileRule.get().id}/delete",
        f"/people/{li_na}/end", f"/people/{li_na}/again", f"/people/{li_na}/sessions/end",
        f"/people/{li_na}/second-factor/reset",
    ):  # fmt: skip
        form = {}
        if path.endswith("archive"):
            form = {"archived": "1"}
            assert 'name="archived" value="1"' in client.get(path.removesuffix("/archive")).text
        first, once = client.post(path, data=form).status_code, rows()
        assert (first, client.post(path, data=form).status_code in (302, 404), rows()) == (302, True, once), path


@on_both_databases
def test_of_three_who_save_the_same_at_once_none_gets_a_fault_and_it_is_there_once(
    db, app, client, world, user
) -> None:
    boxes(world, user, NOW, 1)
    browsers = [SignedIn(app, app.response_class) for _ in range(3)]
    for one in browsers:
        one.sign_in(user)
    limits = _fields(max(_forms(client.get("/alerts/settings").text, "/alerts/settings"), key=len))

    def together(url: str, form: dict[str, Any]) -> list[int]:
        found = at_once(*(lambda one=one: one.post(url, data=form).status_code for one in browsers))  # type: ignore[misc]
        return sorted(found)

    for round in range(4):
        minimum = MINIMUM | {"place": f"Y{round}"}
        Place.create(
            code=f"Y{round}",
            party=world.suzhou,
            name_en="Yard",
            country="CN",
            timezone="Asia/Shanghai",
            changed_time=NOW,
        )
        for url, form in (
            ("/pools/minimums", minimum), ("/pools/minimums", minimum | {"minimum": "40"}),
            ("/alerts/recipients", RECIPIENT | {"address": f"{round}@stabil.com"}),
            ("/customs/clocks", CLOCK | {"regime": f"R{round}"}), ("/alerts/settings", limits | {"unseen_days": "77"}),
            ("/alerts/settings", limits),
        ):  # fmt: skip
            assert together(url, form) == [302] * 3, url
        assert together("/people/new", PERSON | {"username": f"na.{round}"}) == [200, 422, 422]
        agreed = AGREED | {"valid_from": f"2026-10-0{round + 1}"}
        assert together("/parties/HAMBURG/agreements/new", agreed) == [302, 422, 422]
        text = filled(client.get("/wordings/new").text, "/wordings/new", text="Thanks.", slot="footer")
        del text["once"]
        assert together("/wordings/new", text | {"destination": ("DE", "FR", "JP", "US")[round]}) == [302, 422, 422]
        one = out_form(number=f"2248202600000001{round}", codes="KLT-0001", shipment="")
        assert together("/customs/declarations/new", one) == [302, 422, 422]
    assert [row.minimum for row in PoolMinimum.select()] == [40] * 4
    found = [model.select().count() for model in (DigestRecipient, ClockRule, Agreement, CustomsDeclaration)]
    assert found == [4] * 4
    assert User.select().where(User.username.startswith("na.")).count() == 4


@on_both_databases
def test_two_administrators_who_end_each_other_at_once_leave_one(db, app, user) -> None:
    with app.app_context():
        pair = [user, create_user("li.na", PASSWORD, NOW, administrator=True)]
    gone = at_once(*(lambda one=one: deactivate(User.get_by_id(one.id)) for one in pair))  # type: ignore[misc]
    assert [type(one) for one in gone if one is not None] == [Refused]
    assert User.select().where(User.active).count() == 1


# ---- programs


@pytest.fixture
def program(app: Flask, user: User) -> Callable[..., Any]:
    """POST with a token and a key: program(url, key, data, token)."""
    own = create_token(user, "ERP", NOW)

    def post(url: str, key: str, data: dict[str, Any], token: str = own, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
        return app.test_client().post(url, data=data, headers=headers, **more)

    return post


ISSUE = "/shipments/S-2026-0001/documents/packing_list/issue"
ORDER = {"part": "", "reason:": "Agreed."}


@on_both_databases
def test_a_program_that_orders_a_paper_again_with_its_key_is_told_the_same(db, app, user, world, program) -> None:
    first, again = program(ISSUE, "order-1", ORDER), program(ISSUE, "order-1", ORDER)
    assert (first.status_code, first.location) == (302, "/shipments/S-2026-0001")
    assert (again.status_code, again.location, again.data) == (302, first.location, first.data)
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    assert IssuedDocument.select().count() == 1
    # Another body, or another address, under the same key.
    for url, body in ((ISSUE, ORDER | {"reason:": "x"}), ("/shipments/S-2026-0001/documents/cmr/issue", ORDER)):
        other = program(url, "order-1", body)
        assert (other.status_code, other.json["error"]["reason"]) == (422, "key_reused")
    # The key of another user is another key; and a new key a new order.
    with app.app_context():
        theirs = create_token(create_user("li.na", PASSWORD, NOW, administrator=True), "ERP", NOW)
    assert "Idempotency-Replayed" not in program(ISSUE, "order-1", ORDER, theirs).headers
    # A key is any printable ASCII of up to 255 characters.
    assert [program(ISSUE, key, ORDER).status_code for key in ("x" * 256, "日".encode().decode("latin-1"))] == [
        400,
        400,
    ]
    for key in ("x" * 255, "order 1/7: packing_list"):
        answers = [program(ISSUE, key, {"part": "", "replaces": "x"}) for _ in range(2)]
        assert [one.status_code for one in answers] == [409, 409], answers[0].text
    # What was refused was not done: its key is free.
    refused = program(ISSUE, "order-2", {"part": ""})
    assert refused.status_code in (409, 422), refused.text
    assert program(ISSUE, "order-2", ORDER).status_code == 302


@on_both_databases
def test_while_the_first_order_of_a_program_is_at_work_another_is_told_so(db, world, program, monkeypatch) -> None:
    told: list[Any] = []
    whole = issuing.finish_many

    def meanwhile(documents: Any, settings: Any) -> Any:
        FormAnswer.update(created_time=utc_now() - timedelta(days=1)).execute()  # it is at work, however long it takes
        other = threading.Thread(target=lambda: (told.append(program(ISSUE, "k", ORDER)), proxy.close()))
        other.start()
        other.join()
        return whole(documents, settings)

    with monkeypatch.context() as patched:
        patched.setattr(issuing, "finish_many", meanwhile)
        assert program(ISSUE, "k", ORDER).status_code == 302
    assert (told[0].status_code, told[0].json["error"]["reason"]) == (409, "key_in_flight")
    assert told[0].headers["Retry-After"] == "1"
    assert program(ISSUE, "k", ORDER).headers["Idempotency-Replayed"] == "true"


@on_both_databases
def test_an_order_whose_process_was_killed_before_it_answered_is_not_done_twice(
    db, world, program, monkeypatch
) -> None:
    def killed(answer: Any) -> Any:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setitem(program.__closure__[0].cell_contents.after_request_funcs, None, [killed])
        with pytest.raises(SystemExit):
            program(ISSUE, "k", ORDER)
    assert IssuedDocument.select().count() == 1
    assert program(ISSUE, "k", ORDER).status_code == 302  # nobody is at work on it
    assert [row.number for row in IssuedDocument.select()] == ["PL-2026-0001"]


LINES = "料号,数量,单价\n10-5200,4,182.5\n"


@on_both_databases
def test_what_a_program_was_told_is_not_told_again_when_it_may_see_less(db, app, world, program) -> None:
    with app.app_context():
        clerk = create_user("li.na", PASSWORD, NOW, role="document_clerk")
        User.update(all_entities=False).where(User.id == clerk.id).execute()
        UserEntity.create(user=clerk, party_id=world.suzhou.id)
        token = create_token(clerk, "ERP", NOW)
    url = "/shipments/S-2026-0001/lines/import"
    preview = lambda: program(url, "p", {"file": (io.BytesIO(LINES.encode()), "lines.csv")}, token)  # noqa: E731
    assert (preview().status_code, "182.5" in preview().text) == (200, True)
    assert "Idempotency-Replayed" not in preview().headers  # it writes nothing: nothing is kept
    assert program(ISSUE, "k", ORDER, token).status_code == 302
    assert "Idempotency-Replayed" in program(ISSUE, "k", ORDER, token).headers
    UserEntity.update(party_id=world.hamburg.id).execute()
    assert preview().status_code == 404
    changed = program(ISSUE, "k", ORDER, token)
    assert (changed.status_code, changed.json["error"]["reason"]) == (409, "rights_changed")
    assert "S-2026-0001" not in changed.text
    assert IssuedDocument.select().count() == 1


def test_the_key_of_a_set_that_found_another_at_work_stays_free(world, program, monkeypatch) -> None:
    monkeypatch.setattr(docs_pages, "execute_here", lambda *_: None)  # the job waits for a worker
    url, wanted = "/shipments/S-2026-0001/documents/issue", {"paper": "packing_list:", "reason:": "Agreed."}
    first, found = program(url, "a", wanted), program(url, "b", wanted)
    assert [(one.status_code, one.location) for one in (first, found)] == [(302, "/paper-sets/1")] * 2
    Job.update(state="done").execute()
    assert program(url, "a", wanted).location == "/paper-sets/1"
    assert program(url, "b", wanted).location == "/paper-sets/2"
    assert program(url, "b", wanted).headers["Idempotency-Replayed"] == "true"


def test_what_was_done_is_told_so_when_its_answer_cannot_be_kept(db, world, program, monkeypatch) -> None:
    program(ISSUE, "k", ORDER)
    url, why = f"/documents/{IssuedDocument.get().id}/void", {"reason": "mistyped"}
    app = program.__closure__[0].cell_contents
    [keep] = [one for one in app.after_request_funcs[None] if one.__name__ == "_keep_answer"]
    kept = app.after_request_funcs[None]

    def busy(answer: Any) -> Any:
        proxy.obj.pragma("busy_timeout", 50, permanent=True)
        with contextlib.closing(sqlite3.connect(db.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            answer = keep(answer)
        proxy.obj.pragma("busy_timeout", 10_000, permanent=True)
        return answer

    with monkeypatch.context() as patched:
        patched.setitem(app.after_request_funcs, None, [busy if one is keep else one for one in kept])
        assert (program(url, "v", why).status_code, IssuedDocument.get().status) == (302, "void")
    again = program(url, "v", why)
    assert (again.status_code, again.json["error"]["reason"]) == (409, "not_valid")


def test_the_key_of_a_program_holds_for_forms_too_and_for_thirty_days(world, program) -> None:
    form = PARTY
    answers = [program("/parties/new", "p", form) for _ in range(2)]
    assert [(one.status_code, one.location) for one in answers] == [(302, "/parties/DETROIT")] * 2
    FormAnswer.update(created_time=utc_now() - timedelta(days=29)).execute()
    program("/places/new", "q", PLACE)
    assert program("/parties/new", "p", form).headers["Idempotency-Replayed"] == "true"
    FormAnswer.update(created_time=utc_now() - timedelta(days=31)).execute()
    program("/places/new", "r", PLACE | {"code": "DTW2"})
    assert program("/parties/new", "p", form).status_code == 422  # forgotten, and the code is taken


# ---- an event of a counted pool, told again by a form that was opened anew (the way back of a browser)


def test_the_same_event_of_a_pool_told_again_a_moment_later_is_asked_about(app: Flask, client: SignedIn, world) -> None:
    url, form = "/pools/book", {"type": "opening", "asset_type": "EPAL", "quantity": "12", "party": "HAMBURG"}
    assert client.post(url, data=form).status_code == 302
    asked = client.post(url, data=form | {"once": "a" * 32})
    assert (asked.status_code, ScanEvent.select().count()) == (422, 1)
    assert "You booked the same at" in asked.text
    yes = filled(asked.text, url, confirmed="again")
    assert [yes[name] for name in ("quantity", "party")] == ["12", ["HAMBURG"]]
    assert [client.post(url, data=yes).status_code for _ in range(2)] == [302, 302]
    assert ScanEvent.select().count() == 2
    # Not the same: another quantity, document, time or person; and what was undone is asked about no more.
    with app.app_context():
        other = SignedIn(app, app.response_class)
        other.sign_in(create_user("li.na", PASSWORD, NOW, administrator=True))
    assert other.post(url, data=form).status_code == 302
    for change in ({"quantity": "13"}, {"document": "DN-1"}, {"moment": "2026-11-01 12:00"}):
        assert client.post(url, data=form | change).status_code == 302, change
    for event in ScanEvent.select().where(ScanEvent.type == "opening"):
        client.post(f"/pools/events/{event.event_id}/void", data={"reason": "mistyped"})
    assert client.post(url, data=form).status_code == 302
