"""Alerts from real rows, their page and settings, the digest by a real SMTP server, webhooks to a real receiver."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import threading
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from conftest import NOW, on_both_databases
from customs_world import boxes, declared, scan

from alerts import delivering, webhooks
from alerts.current import current_alerts
from alerts.models import AlertSetting, Delivery, DigestRecipient, KnownAlert, Webhook
from alerts.thresholds import thresholds
from assets.models import Asset, ExceptionCase, PoolMinimum, StockLevel, Trip
from errors import InvalidInput

LEFT = NOW - timedelta(days=85)


@pytest.fixture
def trouble(app, world, user):
    """Something of every kind: late, unseen, damaged, in conflict, too few, due at customs, not declared back."""
    made = boxes(world, user, LEFT - timedelta(days=9), count=8)
    for asset in made[:6]:
        scan(user, "dispatch", asset.code, LEFT)
    out = declared(world, user, made[:6], LEFT, declared_day=LEFT.date(), exit_day=LEFT.date(), months=3)
    scan(user, "return", made[0].code, NOW - timedelta(days=2))
    Asset.update(seen_time=NOW - timedelta(days=130)).where(Asset.code == "KLT-0008").execute()
    Trip.delete().execute()
    for number in range(20):
        back = NOW - timedelta(days=number + 1)
        Trip.create(asset=made[0], asset_type=world.klt, partner=world.nagoya, out_event=str(uuid.uuid4()),
                    out_time=back - timedelta(days=20, hours=number), observed_from=back, end_time=back, end="returned",
                    damaged=number < 5)  # fmt: skip
    ExceptionCase.create(source="scan", code="moved", subject="x", opened_time=NOW - timedelta(days=8))
    PoolMinimum.create(asset_type=world.klt, place=world.plant, minimum=400)
    StockLevel.delete().execute()
    for number, (condition, quantity) in enumerate((("good", 3), ("good", 4), ("damaged", 9))):
        StockLevel.create(key=str(number), asset_type=world.klt, owner=world.suzhou, holder=world.suzhou, place=world.plant,
                          life="active", where="here", condition=condition, quantity=quantity)  # fmt: skip
    return out


@on_both_databases
def test_every_kind_of_trouble_is_told_from_its_rows(db, trouble):
    found = {alert.kind: alert for alert in current_alerts(NOW)}
    assert set(found) == {
        "customs_deadline", "customs_mismatch", "overdue", "pool", "conflict", "damage", "unseen",
    }  # fmt: skip
    assert (found["overdue"].subject.code, found["overdue"].count, found["overdue"].days) == ("HAMBURG", 5, 25)
    assert found["overdue"].value == Decimal("62.50")
    assert found["customs_deadline"].days == 7
    assert found["customs_deadline"].value == Decimal("75.00")
    assert (found["pool"].count, found["unseen"].count, found["unseen"].days) == (7, 1, 130)
    assert "25.0 %" in str(found["damage"].sentence)


@on_both_databases
def test_the_alerts_ask_as_many_queries_for_a_long_history_as_for_a_short_one(db, trouble, world, caplog):
    def queries():
        caplog.clear()
        with caplog.at_level("DEBUG", logger="peewee"):
            current_alerts(NOW)
        return sum(record.name == "peewee" for record in caplog.records)

    before = queries()
    asset = Asset.get()
    for number in range(40):
        back = NOW - timedelta(days=number)
        Trip.create(asset=asset, asset_type=world.klt, partner=world.hamburg, out_event=str(uuid.uuid4()),
                    out_time=back - timedelta(days=40), observed_from=back, end_time=back, end="returned")  # fmt: skip
        ExceptionCase.create(source="scan", code="moved", subject=str(number), opened_time=NOW)
    assert queries() == before
    assert before <= 25


# ---- pages


def test_the_page_shows_the_worst_first_and_filters_and_exports(client, trouble):
    page = client.get("/alerts").get_data(as_text=True)
    assert page.index("Customs deadline") < page.index("Not seen for long", page.index("<tbody"))
    assert "Hamburg Automotive GmbH" in page
    only = client.get("/alerts?kind=pool").get_data(as_text=True)
    assert "7 good ones in hand, at least 400 are wanted" in only
    assert "Hamburg Automotive GmbH" not in only
    assert "Pool below minimum" in client.get("/alerts?severity=warn&format=csv").get_data(as_text=True)
    assert client.get("/alerts?format=xlsx").data[:2] == b"PK"
    assert "Nothing matches" in client.get("/alerts?kind=pool&severity=bad").get_data(as_text=True)


def test_the_home_page_shows_alerts_that_are_in_none_of_its_lists(client, trouble):
    page = client.get("/").get_data(as_text=True)
    assert "224820260000000123" in page
    assert "All alerts" in page
    part = page[page.index('id="alerts"') : page.index("today-lists")]
    assert "Overdue at a partner" not in part
    assert "Customs deadline" in part


def limits(**more):
    return {
        "overdue_urgent_days": "30", "unseen_days": "120", "damage_percent": "2", "damage_window_days": "180",
        "conflict_urgent_days": "7", "customs_steps": "60 30 15 0", "customs_urgent_days": "15", **more,
    }  # fmt: skip


def test_thresholds_are_rows_and_defaults_are_none(client, trouble):
    assert client.post("/alerts/settings", data=limits()).status_code == 302
    assert not AlertSetting.select().exists()
    answer = client.post(
        "/alerts/settings", data=limits(unseen_days="131", customs_steps="5, 90 5", damage_percent="40")
    )
    assert answer.status_code == 302
    assert (thresholds().unseen_days, thresholds().customs_steps, thresholds().damage_percent) == (131, (90, 5), 40)
    kinds = {alert.kind for alert in current_alerts(NOW)}
    assert not kinds & {"unseen", "damage"}
    for wrong in ({"unseen_days": "0"}, {"customs_steps": "soon"}, {"customs_steps": ""}, {"damage_percent": "100"}):
        assert client.post("/alerts/settings", data=limits(**wrong)).status_code == 422
    assert thresholds().unseen_days == 131


def test_recipients_and_webhooks_are_checked_at_their_field(client, world):
    good = {"address": "lead@stabil.com", "language": "zh", "hour": "7", "timezone": "Asia/Shanghai"}
    for wrong in ({"address": "lead@"}, {"hour": "24"}, {"timezone": "Mars/Base"}, {"language": "de"},
                  {"address": "a@b.com\r\nBcc: x@y.com"}):  # fmt: skip
        assert client.post("/alerts/recipients", data=good | wrong).status_code == 422, wrong
    assert client.post("/alerts/recipients", data=good).status_code == 302
    assert client.post("/alerts/recipients", data=good | {"hour": "9"}).status_code == 302
    assert [(row.address, row.hour) for row in DigestRecipient.select()] == [("lead@stabil.com", 9)]
    for url in ("http://example.com/x", "https://127.0.0.1/", "https://[::1]/", "https://10.1.2.3/", "ftp://example.com/",
                "https://user:pw@example.com/", "https://169.254.169.254/latest", "https://[::ffff:10.0.0.1]/", "https://"):  # fmt: skip
        assert client.post("/alerts/webhooks", data={"url": url}).status_code == 422, url
    assert client.post("/alerts/webhooks", data={"url": "https://example.com/hook"}).status_code == 302
    assert client.post("/alerts/webhooks", data={"url": "https://example.com/hook"}).status_code == 422
    page = client.get("/alerts/settings").get_data(as_text=True)
    assert Webhook.get().secret in page
    assert "ROUNDTRIP_SMTP_URL is not set" in page
    client.post(f"/alerts/webhooks/{Webhook.get().id}/delete")
    client.post(f"/alerts/recipients/{DigestRecipient.get().id}/delete")
    assert not Webhook.select().exists()
    assert not DigestRecipient.select().exists()


# ---- the digest


@pytest.fixture
def run(app):
    """One call of the command at a time."""

    def once(now, **settings):
        with app.test_request_context(base_url="https://rt.example.com"):
            return list(delivering.run(now, replace(app.config["ROUNDTRIP"], **settings)))

    return once


def recipient(**more):
    return DigestRecipient.create(**{
        "address": "lead@stabil.example", "language": "en", "hour": 7, "timezone": "Asia/Shanghai", "created_time": NOW, **more,
    })  # fmt: skip


@on_both_databases
def test_the_digest_is_sent_once_a_local_day_from_its_hour_on(db, trouble, run, mailbox):
    recipient()
    mail = {"smtp_url": mailbox.url, "mail_from": "roundtrip@stabil.example"}
    early = datetime(2026, 11, 22, 22, 59, tzinfo=UTC)  # 06:59 on the 23rd in Suzhou
    run(early, **mail)
    assert mailbox.mails == []
    for minutes in (1, 61, 600):
        run(early + timedelta(minutes=minutes), **mail)
    assert len(mailbox.mails) == 1
    PoolMinimum.update(minimum=1).execute()
    ExceptionCase.create(source="scan", code="double_return", subject="x", opened_time=NOW)
    run(early + timedelta(days=1, minutes=1), **mail)
    assert len(mailbox.mails) == 2
    first, second = mailbox.mails
    assert first["To"] == "lead@stabil.example"
    assert first["Subject"].startswith("Roundtrip 2026-11-23: 7 alerts, 3 urgent")
    text = first.get_body(("plain",)).get_content()
    assert "https://rt.example.com/overdue?holder=HAMBURG" in text
    assert "224820260000000123" in text
    assert "[new]" not in text  # the first digest: there is nothing to compare it with
    assert second.get_body(("plain",)).get_content().count("[new]") == 1
    assert "Hamburg Automotive GmbH" in first.get_body(("html",)).get_content()
    assert [row.state for row in Delivery.select()] == ["sent", "sent"]


def test_the_digest_speaks_the_language_of_its_reader(db, trouble, run, mailbox, compiled_catalogue):
    recipient(language="zh")
    run(NOW, smtp_url=mailbox.url, mail_from="roundtrip@stabil.example")
    text = mailbox.mails[0].get_body(("plain",)).get_content()
    assert "条提醒" in mailbox.mails[0]["Subject"]
    assert "海关期限" in text
    assert "Boxes out longer" not in text


@pytest.fixture
def compiled_catalogue():
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po
    from test_translations import CATALOGUE

    path = CATALOGUE.with_suffix(".mo")
    if not path.exists() or path.stat().st_mtime < CATALOGUE.stat().st_mtime:
        with CATALOGUE.open("rb") as file, path.open("wb") as out:
            write_mo(out, read_po(file, locale="zh"))


def test_nothing_is_sent_when_there_is_nothing_to_tell_or_no_mail_server(db, world, run, mailbox):
    recipient()
    assert run(NOW, smtp_url=mailbox.url, mail_from="a@stabil.example") == []
    assert mailbox.mails == []
    assert run(NOW) == ["mail is off: ROUNDTRIP_SMTP_URL is not set"]
    assert not Delivery.select().exists()


def test_a_mail_that_failed_is_tried_again_at_the_next_run_and_not_the_next_day(db, trouble, run, mailbox):
    recipient()
    mail = {"smtp_url": mailbox.url, "mail_from": "a@stabil.example"}
    mailbox.refusing = True
    run(NOW, **mail)
    row = Delivery.get()
    assert (row.state, row.attempts) == ("failed", 1)
    assert "try again later" in row.answer
    mailbox.refusing = False
    run(NOW + timedelta(hours=1), **mail)
    assert Delivery.get_by_id(row.id).state == "sent"
    assert len(mailbox.mails) == 1
    mailbox.refusing = True
    run(NOW + timedelta(days=1), **mail)
    mailbox.refusing = False
    run(NOW + timedelta(days=2), **mail)
    assert [one.state for one in Delivery.select().order_by(Delivery.id)] == ["sent", "given_up", "sent"]


def test_a_password_is_not_sent_to_a_foreign_server_without_encryption(mailbox, monkeypatch):
    import socket
    from email.message import EmailMessage

    import mail

    port = int(mailbox.url.rpartition(":")[2])
    real = socket.create_connection
    monkeypatch.setattr(
        socket, "create_connection", lambda address, *args, **more: real(("127.0.0.1", port), *args, **more)
    )
    with pytest.raises(mail.NotSent, match="password was not sent"):
        mail.send(EmailMessage(), "smtp://user:secret@mail.example.com:25")
    with pytest.raises(mail.NotSent) as fault:
        mail.send(EmailMessage(), f"smtp://user:secret@127.0.0.1:{port}")
    assert "secret" not in str(fault.value)


def test_the_command_tells_what_it_did(app, trouble):
    told = app.test_cli_runner().invoke(args=["digest"])
    assert told.exit_code == 0, told.output
    assert "new alerts" in told.output
    assert app.test_cli_runner().invoke(args=["digest"]).output == ""


# ---- webhooks


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.got, server.status = [], 204
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield server
    server.shutdown()
    server.server_close()


ALLOWED = {"webhook_hosts": ("127.0.0.1",)}


@on_both_databases
def test_new_alerts_are_posted_once_and_signed(db, trouble, run, receiver, world):
    Webhook.create(url=receiver.url, secret="s3cret", created_time=NOW)
    run(NOW, **ALLOWED)
    run(NOW + timedelta(hours=1), **ALLOWED)
    [(path, headers, body)] = receiver.got
    assert path == "/hook"
    timestamp = headers["X-Roundtrip-Timestamp"]
    expected = hmac.new(b"s3cret", timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["X-Roundtrip-Signature"] == f"sha256={expected}"
    told = json.loads(body)
    assert told["id"] == headers["X-Roundtrip-Delivery"]
    assert {one["kind"] for one in told["alerts"]} >= {"overdue", "customs_deadline"}
    overdue = next(one for one in told["alerts"] if one["kind"] == "overdue")
    assert overdue["url"] == "https://rt.example.com/overdue?holder=HAMBURG"
    assert (overdue["value"], overdue["currency"]) == ("62.50", "EUR")
    assert set(overdue["text"]) == {"en", "zh"}

    # what is mended and breaks again is new again
    PoolMinimum.update(minimum=1).execute()
    run(NOW + timedelta(hours=2), **ALLOWED)
    assert not KnownAlert.select().where(KnownAlert.key.startswith("pool")).exists()
    PoolMinimum.update(minimum=400).execute()
    run(NOW + timedelta(hours=3), **ALLOWED)
    assert [one["kind"] for one in json.loads(receiver.got[-1][2])["alerts"]] == ["pool"]


def test_a_webhook_that_fails_waits_longer_each_time_and_is_given_up(db, trouble, run, receiver):
    Webhook.create(url=receiver.url, secret="s", created_time=NOW)
    receiver.status = 500
    run(NOW, **ALLOWED)
    row = Delivery.get()
    assert (row.state, row.attempts, row.answer) == ("failed", 1, "500 Internal Server Error")
    assert row.next_time == NOW + timedelta(minutes=5)
    run(NOW + timedelta(minutes=4), **ALLOWED)
    assert len(receiver.got) == 1
    when, waits = NOW, []
    for _ in range(9):
        when = Delivery.get().next_time
        run(when, **ALLOWED)
        waits.append((Delivery.get().next_time - when).total_seconds() / 60)
    assert waits[:4] == [10, 20, 40, 80]
    assert max(waits) <= 720
    assert (Delivery.get().state, Delivery.get().attempts) == ("given_up", 10)
    assert len({headers["X-Roundtrip-Delivery"] for _, headers, _ in receiver.got}) == 1
    run(when + timedelta(days=1), **ALLOWED)
    assert len(receiver.got) == 10


def test_a_redirect_is_not_followed(db, trouble, run, receiver):
    Webhook.create(url=receiver.url, secret="s", created_time=NOW)
    receiver.status = 302
    run(NOW, **ALLOWED)
    assert [path for path, _, _ in receiver.got] == ["/hook"]
    assert Delivery.get().answer == "302 Found"


def test_a_private_address_is_called_only_when_its_host_is_allowed(db, trouble, run, receiver):
    Webhook.create(url=receiver.url, secret="s", created_time=NOW)
    run(NOW)
    assert receiver.got == []
    assert "ROUNDTRIP_WEBHOOK_HOSTS" in Delivery.get().answer


@pytest.mark.parametrize(
    "address", ["10.0.0.7", "127.0.0.1", "169.254.169.254", "fd00::7", "::ffff:192.168.1.1", "0.0.0.0"]
)
def test_a_public_name_that_leads_into_a_private_network_is_refused(monkeypatch, address):
    import socket

    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *_, **__: [(socket.AF_INET, 1, 6, "", ("93.184.216.34", 443)), (0, 1, 6, "", (address, 443))],
    )
    with pytest.raises(webhooks.NotTaken, match="private network"):
        webhooks.post("https://hooks.example.com/x", "s", b"{}", "id", NOW, ())


def test_the_connection_goes_to_the_address_that_was_looked_at(monkeypatch):
    import socket

    seen = []
    answers = iter(
        [[(socket.AF_INET, 1, 6, "", ("93.184.216.34", 443))], [(socket.AF_INET, 1, 6, "", ("10.0.0.7", 443))]]
    )
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: next(answers))

    def connect(address, *_, **__):
        seen.append(address)
        raise OSError("no network in tests")

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(webhooks.NotTaken):
        webhooks.post("https://hooks.example.com/x", "s", b"{}", "id", NOW, ())
    assert seen == [("93.184.216.34", 443)]


@pytest.mark.parametrize(
    "url", ["http://example.com/", "https://10.0.0.1/", "https://a:b@example.com/", "https://x:0/", "x"]
)
def test_an_address_that_may_not_be_called_is_refused_at_its_field(url):
    with pytest.raises(InvalidInput) as fault:
        webhooks.checked_url(url, ())
    assert fault.value.field == "url"


def test_old_deliveries_are_forgotten(db, world, run):
    Delivery.create(channel="mail", target="x", day=date(2026, 1, 1), key="old", body="", count=1, state="sent",
                    next_time=NOW, created_time=NOW - timedelta(days=91))  # fmt: skip
    run(NOW)
    assert not Delivery.select().exists()
