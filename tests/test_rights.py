"""Who may do what: the table of rights, the same in every route, page and program; prices only for who may see them."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import samples
from conftest import NOW, PASSWORD, SignedIn, application, settings_for
from flask import Flask
from jinja2 import UndefinedError
from samples import World

from accounts import rights
from accounts.access import Rule, needs, rule_of
from accounts.models import User
from accounts.people import create_token, create_user, set_role
from accounts.rights import NOT_FOR_TOKENS, RIGHTS, ROLE_NAMES, ROLES
from accounts.scope import scope_of
from database import db as proxy
from docs_gen.document_types import paper_html, told_by
from docs_gen.facts import ShipmentFacts
from docs_gen.register import REGISTER
from docs_gen.samples import sample_papers

#: Their rule is not a right: what they are for everybody who is signed in.
OF_EVERYBODY = {
    "today.home", "accounts.profile", "accounts.session_end", "accounts.sessions_end",
    "accounts.token_new", "accounts.token_revoke", "accounts.oidc_verify", "security.verify", "security.logout",
    "security.change_password", "security.two_factor_setup_validate", "security.mf_recovery_codes",
    "security.oauth_verify_response",
}  # fmt: skip


@pytest.fixture(scope="module")
def everyone(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Iterator[tuple[Flask, dict[str, User]]]:
    """One application with the small world and a person of each role, for all tests here that only read."""
    folder = tmp_path_factory.mktemp("rights")
    shutil.copy(migrated_file, folder / "roundtrip.db")
    app = application(settings_for(folder))
    with app.app_context():
        proxy.connect(reuse_if_open=True)
        world = samples.world(NOW)
        people = {role: create_user(f"of.{role}", PASSWORD, NOW, role=role) for role in ROLES}
        User.update(partner_id=world.hamburg.id).where(User.id == people["partner"].id).execute()
    database = proxy.obj
    yield app, people
    database.close()


@pytest.fixture
def shared(everyone: tuple[Flask, dict[str, User]]) -> tuple[Flask, dict[str, User]]:
    app, people = everyone
    from database import open_database

    open_database(app.config["ROUNDTRIP"].database_url)
    proxy.connect(reuse_if_open=True)
    return app, people


def browser(app: Flask, user: User) -> SignedIn:
    client = SignedIn(app, app.response_class)
    client.sign_in(user)
    return client


def address(app: Flask, rule: Any, method: str) -> str:
    values = {name: next(iter(getattr(rule._converters[name], "items", ["1"]))) for name in rule.arguments}
    with app.test_request_context():
        return str(app.url_map.bind("localhost").build(rule.endpoint, values, method=method))


def test_every_route_names_rights_of_the_table_or_one_of_the_few_other_rules(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        found = rule_of(app, rule.endpoint)
        if found is None:
            assert rule.endpoint.startswith("security."), f"{rule.endpoint} declares no right"
        elif found.kind == "signed_in":
            assert rule.endpoint in OF_EVERYBODY, f"{rule.endpoint} is open to everybody who is signed in"
        elif found.kind in ("needs", "scanner"):
            assert found.read, rule.endpoint
            assert not rights.unknown(found.read | found.write), rule.endpoint
        else:
            assert found == Rule("public"), rule.endpoint


def test_a_right_that_is_not_in_the_table_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match=r"shipments\.eat"):
        needs("shipments.eat")
    with pytest.raises(ValueError, match="no such right"):
        needs("shipments.read", post="shipments.eat")
    with pytest.raises(ValueError, match="no such right"):
        needs()


def test_the_tables_know_each_role_and_each_right_is_held_by_somebody() -> None:
    assert set(ROLES) == set(ROLE_NAMES)
    assert not [right for held in ROLES.values() for right in rights.unknown(held)]
    assert frozenset().union(*ROLES.values()) == set(RIGHTS)
    assert ROLES["partner"] == {"statements.own"}
    assert not ROLES["viewer"] & {"prices.see", "agreements.read"}
    assert not any(right.endswith((".write", ".issue", ".correct", ".manage", ".scan")) for right in ROLES["viewer"])


def test_the_page_of_the_documentation_says_what_the_table_says() -> None:
    page = (Path(__file__).parent.parent / "docs" / "rights.md").read_text(encoding="utf-8")
    for right, text in RIGHTS.items():
        marks = " | ".join("✓" if right in held else " " for held in ROLES.values())
        assert f"| `{right}` | {text} | {marks} |" in page


@pytest.mark.parametrize("role", ROLES)
def test_a_role_gets_exactly_what_the_table_says_on_every_route(shared: Any, role: str) -> None:
    """Each route with each method it takes. 403 is the answer without the right, and with it never."""
    app, people = shared
    client = browser(app, people[role])
    for rule in app.url_map.iter_rules():
        found = rule_of(app, rule.endpoint)
        if rule.endpoint in (
            "static", "security.logout", "accounts.sessions_end", "accounts.session_end", "people.person_sessions_end",
            "security.two_factor_token_validation",
        ):  # fmt: skip
            continue  # these end the session with which this test asks
        for method in sorted(rule.methods - {"OPTIONS"}):
            allowed = found is not None and (
                found.kind in ("public", "signed_in") or ROLES[role] >= found.rights(method)
            )
            if (
                rule.endpoint == "operations.metrics_page"
            ):  # public for this machine itself, which asks without a person
                allowed = "operations.read" in ROLES[role]
            url = address(app, rule, method)
            if allowed and method not in ("GET", "HEAD"):
                # Whether it is let in shows without doing it: a form without its token is told so, or refused as before.
                status = client.open(url, method=method, headers={"X-CSRFToken": client.token}, data={}).status_code
                assert status != 403 or rule.endpoint in ("devices.device_revoke",), f"{role} {method} {url}"
                continue
            answer = client.open(url, method=method, headers={"X-CSRFToken": client.token})
            if allowed:
                assert answer.status_code != 403, f"{role} {method} {url}: {answer.status_code}"
                assert answer.status_code < 500, f"{role} {method} {url}: {answer.status_code}"
            else:
                assert answer.status_code == 403, f"{role} {method} {url}: {answer.status_code}"


@pytest.mark.parametrize("role", [role for role in ROLES if role != "seal"])
def test_no_page_offers_what_the_person_may_not_do(shared: Any, role: str) -> None:
    """Every link and button on the pages that a role reaches leads to something that this role may call."""
    app, people = shared
    client = browser(app, people[role])
    held, routes = ROLES[role], app.url_map.bind("localhost")
    waiting, seen, often = ["/", "/profile"], set(), Counter()
    if "assets.read" in held:
        waiting += ["/search?q=KLT", "/search?q=HAM"]
    while waiting:
        url = waiting.pop(0)
        endpoint = _endpoint(routes, url, "GET")
        if url in seen or endpoint is None or often[endpoint] > 2 or re.search(r"\.(pdf|zip|xlsx|csv)|format=", url):
            continue
        seen.add(url)
        often[endpoint] += 1
        answer = client.get(url)
        if answer.status_code == 302:
            waiting.append(answer.headers["Location"])
            continue
        assert answer.status_code == 200, f"{role} {url}"
        if endpoint == "scan.start" or not answer.mimetype.startswith("text/html"):
            continue  # the shell of the scan page is the same for everybody; its script asks who it is
        for target, method in _targets(answer.get_data(as_text=True), url):
            found = rule_of(app, _endpoint(routes, target, method) or "")
            assert found is not None, f"{role}: {url} leads to {target}"
            allowed = found.kind in ("public", "signed_in") or held >= found.rights(method)
            assert allowed, f"{role}: {url} offers {method} {target}"
            if method == "GET":
                waiting.append(target)
    assert len(seen) > 3


def _targets(page: str, url: str) -> Iterator[tuple[str, str]]:
    for tag in re.findall(r"<(?:a|form|button|input|img)\b[^>]*>", page):
        posts = tag.startswith("<form") and 'method="post"' in tag
        if posts and "action=" not in tag:
            yield url, "POST"
        for name, text in re.findall(r'\b(href|action|formaction|src)="([^"]*)"', tag):
            target = unescape(text)
            if not target.startswith(("http", "mailto:", "data:", "#")):
                target = urlsplit(url).path + target if target.startswith("?") else target
                yield target, "POST" if posts or name == "formaction" else "GET"


def _endpoint(routes: Any, url: str, method: str) -> str | None:
    from werkzeug.exceptions import HTTPException

    try:
        return str(routes.match(urlsplit(url).path, method=method)[0])
    except HTTPException:
        return None


# ---- prices


@pytest.mark.parametrize("code", [code for code, kind in REGISTER.items() if kind.asks == ""])
def test_a_paper_that_asks_for_no_right_says_the_same_without_any_money(code: str) -> None:
    """Nothing that it prints is lost when all prices are taken out: so none was printed."""
    for kind, _name, facts in sample_papers([code]):
        assert paper_html(kind, facts) == paper_html(replace(kind, asks="prices.see"), facts)


@pytest.mark.parametrize("code", [code for code, kind in REGISTER.items() if kind.asks])
def test_a_paper_that_asks_for_a_right_does_tell_money(code: str) -> None:
    for kind, _, facts in sample_papers([code]):
        if kind.facts is not ShipmentFacts:
            return  # that of charges has facts of its own
        if code == "air_waybill_instruction":  # only when there is one to tell
            facts = replace(facts, details=replace(facts.details, declared_value_carriage=Decimal(9137)))
        try:
            assert paper_html(kind, facts) != paper_html(replace(kind, asks=""), facts)
        except UndefinedError:
            pass  # it cannot even be printed without


def test_what_is_enclosed_in_a_paper_without_prices_holds_none() -> None:
    kind, _, facts = next(iter(sample_papers(["packing_list"])))
    told = told_by(kind, facts)
    assert not any(line.unit_price or line.amount for line in told.lines)
    assert not told.total
    assert told.net_mass == facts.net_mass
    assert told_by(REGISTER["commercial_invoice"], facts) == facts


@pytest.fixture
def priced(world: World) -> str:
    """A shipment whose racks cost 182.50 each."""
    return samples.completed(world).number


@pytest.mark.parametrize(("role", "sees"), [("document_clerk", True), ("logistics_lead", False), ("viewer", False)])
def test_prices_reach_only_who_may_see_them(app: Flask, priced: str, role: str, sees: bool) -> None:
    with app.app_context():
        client = browser(app, create_user("li.na", PASSWORD, NOW, role=role))
    shown = client.get(f"/shipments/{priced}").get_data(as_text=True)
    assert ("182.5" in shown) == sees
    assert ("Unit price" in shown) == sees
    for path in ("edit", "details", "documents/commercial_invoice", "documents/commercial_invoice.pdf"):
        assert (client.get(f"/shipments/{priced}/{path}").status_code == 200) == sees, path
    assert client.get(f"/shipments/{priced}/documents/packing_list").status_code == 200
    assert (client.get("/letters-of-credit").status_code == 200) == sees


@pytest.mark.parametrize(("role", "sees"), [("logistics_lead", True), ("viewer", False), ("scanner_operator", False)])
def test_values_of_boxes_reach_only_who_may_see_agreements(app: Flask, world: World, role: str, sees: bool) -> None:
    with app.app_context():
        client = browser(app, create_user("li.na", PASSWORD, NOW, role=role))
    for path in ("/balances?format=csv", "/overdue?format=csv"):
        assert ("Value" in client.get(path).get_data(as_text=True)) == sees, path
    if role != "scanner_operator":
        page = client.get(f"/asset-types/{world.klt.code}").get_data(as_text=True)
        assert ('name="value"' in page) == sees


def test_who_may_not_scan_is_told_so_and_who_has_a_password_to_choose_is_told_that(app: Flask, world: World) -> None:
    """The scan page says what the answer says: it once told everybody without the right to choose a password."""
    with app.app_context():
        clerk = browser(app, create_user("li.na", PASSWORD, NOW, role="document_clerk"))
        new = browser(app, create_user("zhao.min", PASSWORD, NOW, role="scanner_operator", one_time=True))
    reasons = [
        one.post("/api/v1/scan-events", json={"events": []}).get_json()["error"]["reason"] for one in (clerk, new)
    ]
    assert reasons[0] != "password_first"
    assert reasons[1] == "password_first"


def test_who_scans_finds_the_way_from_the_scan_page_to_the_others(app: Flask, world: World) -> None:
    with app.app_context():
        client = browser(app, create_user("li.na", PASSWORD, NOW, role="scanner_operator"))
    assert client.get("/").location == "/scan"
    assert 'href="/?elsewhere="' in client.get("/scan").get_data(as_text=True)
    page = client.get("/?elsewhere=", follow_redirects=True)
    assert (page.status_code, page.request.path) == (200, "/assets")


# ---- tokens and scope


def test_a_token_of_a_program_may_no_more_than_it_was_given_and_than_its_person(app: Flask, anonymous: Any) -> None:
    with app.app_context():
        clerk = create_user("li.na", PASSWORD, NOW, role="document_clerk")
    given = {
        "shipments.read": ["/shipments"], "shipments.read papers.read": ["/shipments", "/documents"], "": [],
        "people.manage assets.write": [], "*": ["/shipments", "/documents", "/letters-of-credit", "/parties"],
    }  # fmt: skip
    paths = ("/shipments", "/documents", "/letters-of-credit", "/parties", "/people", "/assets/labels", "/profile", "/")
    for held, opened in given.items():
        token = create_token(clerk, held or "none", NOW, rights=None if held == "*" else held.split())
        header = {"Authorization": f"Bearer {token}"}
        for path in paths:
            status = anonymous.get(path, headers=header).status_code
            assert status == (200 if path in opened else 403), (held, path, status)
    with app.app_context():
        set_role(clerk, "document_clerk", False)
    assert anonymous.get("/shipments", headers=header).status_code == 403  # what the person lost, the program lost


def test_no_token_hands_on_the_right_to_manage_people(app: Flask, user: User, anonymous: Any) -> None:
    token = create_token(user, "all of an administrator", NOW)
    assert "people.manage" in NOT_FOR_TOKENS
    for path in ("/people", "/people/new", "/people/roles", "/profile", "/profile/tokens/new", "/change", "/verify"):
        assert anonymous.get(path, headers={"Authorization": f"Bearer {token}"}).status_code == 403, path


def test_the_scope_of_a_person(app: Flask, user: User, world: World) -> None:
    from accounts.people import Belonging, change_person

    with app.app_context():
        clerk = create_user("li.na", PASSWORD, NOW)
        change_person(
            clerk, "Li Na", "", Belonging(frozenset({"document_clerk"}), frozenset({world.suzhou.id}), frozenset())
        )
        partner = create_user("hans", PASSWORD, NOW)
        change_person(partner, "", "", Belonging(frozenset({"partner"}), frozenset(), frozenset(), world.hamburg.id))
    with app.test_request_context():
        found = scope_of(User.get_by_id(clerk.id))
        assert (found.entities, found.sites, found.partner) == ({world.suzhou.id}, frozenset(), None)
        assert found.has_entity(world.suzhou.id)
        assert not found.has_entity(world.hamburg.id)
        assert scope_of(User.get_by_id(user.id)).entities is None  # an administrator
        found = scope_of(User.get_by_id(partner.id))
        assert (found.entities, found.sites, found.partner) == (frozenset(), frozenset(), world.hamburg.id)
