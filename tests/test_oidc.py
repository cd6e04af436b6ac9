"""Signing in at an OpenID Connect provider: against a real one on loopback (provider.py)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from conftest import NOW, PASSWORD, application, settings_for
from flask import Flask
from flask.testing import FlaskClient
from peewee import Database
from provider import CLIENT, SECRET, Provider
from test_sign_in import sign_in

from accounts.models import User
from accounts.people import Belonging, create_user, deactivate, invite
from database import db as proxy
from database import utc_now


@pytest.fixture(scope="module")
def at() -> Iterator[Provider]:
    provider = Provider()
    provider.start()
    yield provider
    provider.stop()


@pytest.fixture
def provider(at: Provider) -> Provider:
    at.spoil, at.claims = "", {"sub": "u-1", "email": "Li.Na@example.com", "email_verified": True}
    return at


@pytest.fixture
def app(db: Database, tmp_path: Path, provider: Provider) -> Flask:
    settings = replace(
        settings_for(tmp_path), oidc_issuer=provider.issuer, oidc_client_id=CLIENT, oidc_client_secret=SECRET
    )
    app = application(settings)
    proxy.initialize(db)
    return app


@pytest.fixture
def li(app: Flask) -> User:
    with app.app_context():
        made = create_user("li.na", PASSWORD, NOW, role="viewer")
        User.update(email="li.na@example.com").where(User.id == made.id).execute()
        return User.get_by_id(made.id)


def way_back(client: FlaskClient, start: str = "/login/provider") -> str:
    """Sent away and signed in there: the address with which the browser comes back."""
    away = client.get(start)
    assert away.status_code == 302, away.get_data(as_text=True)
    back = requests.get(away.headers["Location"], allow_redirects=False, timeout=10)
    assert back.status_code == 302, back.text
    found = urlsplit(back.headers["Location"])
    return f"{found.path}?{found.query}"


def comes_in(client: FlaskClient) -> bool:
    client.get(way_back(client))
    return client.get("/profile").status_code == 200


def test_who_is_known_by_a_verified_address_comes_in_and_is_known_by_the_subject_from_then_on(
    app: Flask, anonymous: FlaskClient, provider: Provider, li: User
) -> None:
    assert "Sign in with your firm" in anonymous.get("/login").get_data(as_text=True)
    assert comes_in(anonymous)
    assert User.get_by_id(li.id).oidc_subject == f"{provider.issuer} u-1"
    provider.claims = {"sub": "u-1", "email": "li.na@new-name.example"}
    assert comes_in(app.test_client())
    provider.claims = {"sub": "u-2", "email": "li.na@example.com", "email_verified": True}
    assert not comes_in(app.test_client())  # the address now belongs to another subject there


def test_it_is_sent_away_with_pkce_state_and_nonce(anonymous: FlaskClient, li: User) -> None:
    asked = parse_qs(urlsplit(anonymous.get("/login/provider").headers["Location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert min(len(asked[name][0]) for name in ("code_challenge", "state", "nonce")) >= 20
    assert asked["scope"] == ["openid email"]


@pytest.mark.parametrize("verified", [False, None, "true"])
def test_an_address_that_is_not_verified_opens_nothing(
    anonymous: FlaskClient, provider: Provider, li: User, verified: object
) -> None:
    provider.claims = {"sub": "u-9", "email": "li.na@example.com", "email_verified": verified}
    assert not comes_in(anonymous)
    assert User.get_by_id(li.id).oidc_subject is None


def test_nobody_is_made_by_signing_in_there(anonymous: FlaskClient, provider: Provider, li: User) -> None:
    provider.claims = {"sub": "u-3", "email": "stranger@example.com", "email_verified": True}
    assert not comes_in(anonymous)
    assert "Nobody here belongs to this sign-in" in anonymous.get("/login").get_data(as_text=True)
    assert User.select().count() == 1


def test_who_is_invited_comes_in_from_there_and_the_link_is_used_up(
    app: Flask, anonymous: FlaskClient, provider: Provider
) -> None:
    with app.app_context():
        made, token = invite("li.na", "", "li.na@example.com", Belonging(frozenset({"viewer"})), utc_now(), None)
    assert comes_in(anonymous)
    assert User.get_by_id(made.id).active
    assert anonymous.get(f"/invitation/{token}").status_code == 410


@pytest.mark.parametrize("spoil", ["nonce", "signature", "audience", "expiry"])
def test_an_answer_that_is_not_for_this_sign_in_is_refused(
    anonymous: FlaskClient, provider: Provider, li: User, spoil: str
) -> None:
    provider.spoil = spoil
    assert not comes_in(anonymous)
    assert "did not work" in anonymous.get("/login").get_data(as_text=True)


def test_an_answer_with_another_state_or_in_another_browser_is_refused(
    app: Flask, anonymous: FlaskClient, li: User
) -> None:
    back = way_back(anonymous)
    other = app.test_client()
    other.get(back)  # a link that an attacker sends
    assert other.get("/profile").status_code == 302
    anonymous.get(back.replace("state=", "state=x"))
    assert anonymous.get("/profile").status_code == 302


def test_who_may_not_come_in_here_does_not_come_in_from_there(app: Flask, anonymous: FlaskClient, li: User) -> None:
    with app.app_context():
        deactivate(li)
    assert not comes_in(anonymous)


def test_a_second_factor_is_asked_for_all_the_same(app: Flask, anonymous: FlaskClient, li: User) -> None:
    app.config["ROUNDTRIP"] = replace(app.config["ROUNDTRIP"], require_totp=frozenset({"viewer"}))
    assert anonymous.get(way_back(anonymous)).headers["Location"].startswith("/tf-setup")
    assert anonymous.get("/profile").status_code == 302


def test_it_leads_back_to_the_page_that_was_asked_for_and_nowhere_else(app: Flask, li: User) -> None:
    for target, leads in (("/shipments", "/shipments"), ("https://evil.example/", "/"), ("//evil.example/", "/")):
        client = app.test_client()
        answer = client.get(way_back(client, f"/login/provider?next={target}"))
        assert answer.headers["Location"] == leads, target


def test_a_provider_that_cannot_be_reached_is_told_and_the_password_still_works(
    db: Database, tmp_path: Path, li: User, app: Flask
) -> None:
    settings = replace(app.config["ROUNDTRIP"], oidc_issuer="http://127.0.0.1:9")
    lost = application(settings)
    proxy.initialize(db)
    client = lost.test_client()
    answer = client.get("/login/provider")
    assert answer.status_code == 409
    assert "cannot be reached" in answer.get_data(as_text=True)
    assert sign_in(client, "li.na", PASSWORD).status_code == 302
