"""One run: what is told to whom, and what was left from the run before. `flask --app app digest` calls it.

A message is a row before it is sent, so a run that dies leaves it to the next one, and no run sends what another has at
hand. What was sent twice in spite of that (the answer was lost) has the same delivery id.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from flask import url_for
from flask_babel import force_locale
from peewee import IntegrityError, fn

import mail
from accounts.models import User
from accounts.scope import acting_as, scope_of
from alerts import webhooks
from alerts.current import current_alerts
from alerts.mail import digest
from alerts.models import Delivery, DigestRecipient, KnownAlert, Webhook
from alerts.rules import Alert
from config import Settings
from customs import declarations
from database import db, taking_turns, tuples, utc_now
from errors import N_
from i18n import LANGUAGES, translated
from jobs.kinds import Kind, register
from jobs.running import Run

log = logging.getLogger("roundtrip.alerts")

#: A webhook is tried again after 5, 10, 20 … minutes, at most half a day, ten times in all.
_FIRST_WAIT, _LONGEST_WAIT, _MOST_ATTEMPTS = timedelta(minutes=5), timedelta(hours=12), 10
_LEASE = timedelta(minutes=5)
_KEPT = timedelta(days=90)
_CHUNK = 500


def run(now: datetime, settings: Settings) -> Iterator[str]:
    """Do what is due at `now`; a line for each thing that was done or failed.

    It needs a request context whose base address is that of the service: links in messages are made of it.
    """
    declarations.settle()
    alerts = current_alerts(now)
    new = _note(alerts, now)
    if new:
        yield f"{new} new alerts"
    if settings.smtp_url:
        _plan_digests(alerts, now)
    elif DigestRecipient.select().exists():
        yield "mail is off: ROUNDTRIP_SMTP_URL is not set"
    for delivery in _due(now):
        if _claimed(delivery, now):
            yield _deliver(delivery, alerts, now, settings)
    Delivery.delete().where(Delivery.created_time < now - _KEPT).execute()


def _deliver_due(run_: Run) -> None:
    for line in run(utc_now(), run_.settings):
        log.info("digest: %s", line)


#: By itself each hour; the command does the same for who calls it by a timer of his own.
DIGEST = register(Kind("digest", N_("Sending alerts"), _deliver_due, every=timedelta(hours=1), tries=2))


def _note(alerts: Sequence[Alert], now: datetime) -> int:
    """Remember which alerts stand; those that did not before go to every webhook. Gives how many are new."""
    try:
        with taking_turns():
            known = {key for (key,) in tuples(KnownAlert.select(KnownAlert.key))}
            new = [alert for alert in alerts if alert.key not in known]
            gone = sorted(known - {alert.key for alert in alerts})
            for start in range(0, len(gone), _CHUNK):
                KnownAlert.delete().where(KnownAlert.key.in_(gone[start : start + _CHUNK])).execute()
            rows = [{"key": alert.key, "since": now} for alert in new]
            for start in range(0, len(rows), _CHUNK):
                KnownAlert.insert_many(rows[start : start + _CHUNK]).execute()
            for hook in Webhook.select() if new else ():
                _plan_webhook(hook, new, now)
    except IntegrityError:  # another run notes the same at this moment, and tells of it
        return 0
    return len(new)


def _plan_webhook(hook: Webhook, alerts: Sequence[Alert], now: datetime) -> None:
    id_ = str(uuid4())
    body = {"id": id_, "made": now.isoformat(timespec="seconds"), "alerts": [as_json(alert) for alert in alerts]}
    Delivery.create(
        channel="webhook", target=hook.url, day=now.date(), key=id_, body=json.dumps(body, ensure_ascii=False),
        count=len(alerts), next_time=now, created_time=now,
    )  # fmt: skip


def as_json(alert: Alert) -> dict[str, Any]:
    """An alert as a webhook gets it."""
    texts = {}
    for language, (locale, _name) in LANGUAGES.items():
        with force_locale(locale):
            texts[language] = translated(alert.sentence)
    return {
        "key": alert.key, "kind": alert.kind, "severity": alert.severity,
        "subject": {"code": alert.subject.code, "en": alert.subject.name_en, "zh": alert.subject.name_zh},
        "text": texts, "count": alert.count, "days": alert.days,
        "value": None if alert.value is None else f"{alert.value:f}", "currency": alert.currency,
        "url": url_for(alert.endpoint, _external=True, **alert.arguments),
    }  # fmt: skip


def _plan_digests(alerts: Sequence[Alert], now: datetime) -> None:
    """A row for everybody whose hour has come and who has none of this day; nothing when there is nothing to tell."""
    if not alerts:
        return
    for recipient in DigestRecipient.select():
        theirs = _alerts_for(recipient, alerts, now)
        if not theirs:
            continue
        local = now.astimezone(ZoneInfo(recipient.timezone))
        key = _digest_key(recipient, local.date())
        if local.hour < recipient.hour or Delivery.select().where(Delivery.key == key).exists():
            continue
        try:
            with db.atomic():
                Delivery.create(
                    channel="mail", target=recipient.address, day=local.date(), key=key, body="", count=len(theirs),
                    next_time=now, created_time=now,
                )  # fmt: skip
        except IntegrityError:
            log.info("%s: another run sends this digest", recipient.address)


def _digest_key(recipient: DigestRecipient, day: date) -> str:
    return f"mail:{recipient.id}:{day.isoformat()}"


def _due(now: datetime) -> list[Delivery]:
    query = Delivery.select().where(Delivery.state.in_(["waiting", "failed"]), Delivery.next_time <= now)
    return list(query.order_by(Delivery.id))


def _alerts_for(recipient: DigestRecipient, alerts: Sequence[Alert], now: datetime) -> Sequence[Alert]:
    """Of all alerts those that the recipient may see: where the address is that of a person here, what he sees on the
    page; else all, since an administrator has put him on the list."""
    person = User.get_or_none(fn.LOWER(User.email) == recipient.address.lower())
    if person is None:
        return alerts
    if not person.active or "alerts.read" not in person.rights:
        return ()
    scope = scope_of(person)
    if scope.is_limited:
        with acting_as(scope):
            alerts = current_alerts(now)
    return alerts if "agreements.read" in person.rights else [replace(one, value=None, currency="") for one in alerts]


def _claimed(delivery: Delivery, now: datetime) -> bool:
    """True when this run has it now; another run may take it when we do not say what became of it in time."""
    free = Delivery.lease_until.is_null() | (Delivery.lease_until < now)
    return bool(
        Delivery.update(lease_until=now + _LEASE, attempts=Delivery.attempts + 1)
        .where(Delivery.id == delivery.id, Delivery.state.in_(["waiting", "failed"]), free)
        .execute()
    )


def _deliver(delivery: Delivery, alerts: Sequence[Alert], now: datetime, settings: Settings) -> str:
    attempts = delivery.attempts + 1
    send = _send_digest if delivery.channel == "mail" else _send_webhook
    try:
        answer, body = send(delivery, alerts, now, settings)
    except _TooLate as reason:
        return _ended(delivery, "given_up", str(reason), now)
    except (mail.NotSent, webhooks.NotTaken) as error:
        log.warning("%s %s: %s", delivery.channel, delivery.target, error)
        if delivery.channel == "webhook" and attempts >= _MOST_ATTEMPTS:
            return _ended(delivery, "given_up", str(error), now)
        wait = min(_FIRST_WAIT * 2 ** (attempts - 1), _LONGEST_WAIT) if delivery.channel == "webhook" else timedelta()
        return _ended(delivery, "failed", str(error), now, next_time=now + wait)
    return _ended(delivery, "sent", answer, now, body=body, sent_time=now)


class _TooLate(Exception):
    """There is nobody any more to send it to, or it is of yesterday."""


def _send_digest(delivery: Delivery, alerts: Sequence[Alert], now: datetime, settings: Settings) -> tuple[str, str]:
    recipient = DigestRecipient.get_or_none(DigestRecipient.address == delivery.target)
    if recipient is None:
        raise _TooLate("the recipient was taken off the list")
    if now.astimezone(ZoneInfo(recipient.timezone)).date() != delivery.day:
        raise _TooLate("the next digest tells of it")
    alerts = _alerts_for(recipient, alerts, now)
    if not alerts:
        raise _TooLate("nothing is left to tell")
    if not settings.smtp_url:
        raise mail.NotSent("ROUNDTRIP_SMTP_URL is not set")
    message = digest(alerts, _told_before(delivery, alerts), recipient, settings.mail_from, delivery.day)
    mail.send(message, settings.smtp_url)
    return "accepted by the mail server", "\n".join(alert.key for alert in alerts)


def _told_before(delivery: Delivery, alerts: Sequence[Alert]) -> set[str]:
    """Keys of the last digest that this recipient got; without one nothing is marked as new."""
    last = (
        Delivery.select(Delivery.body)
        .where(Delivery.channel == "mail", Delivery.target == delivery.target, Delivery.state == "sent")
        .order_by(Delivery.day.desc(), Delivery.id.desc())
        .first()
    )
    return set(last.body.splitlines()) if last else {alert.key for alert in alerts}


def _send_webhook(delivery: Delivery, alerts: Sequence[Alert], now: datetime, settings: Settings) -> tuple[str, str]:
    hook = Webhook.get_or_none(Webhook.url == delivery.target)
    if hook is None:
        raise _TooLate("the webhook was taken off the list")
    answer = webhooks.post(hook.url, hook.secret, delivery.body.encode(), delivery.key, now, settings.webhook_hosts)
    return answer, delivery.body


def _ended(delivery: Delivery, state: str, answer: str, now: datetime, **more: Any) -> str:
    Delivery.update(state=state, answer=answer[:255], lease_until=None, **more).where(
        Delivery.id == delivery.id
    ).execute()
    return f"{delivery.channel} {delivery.target}: {state}, {answer}"
