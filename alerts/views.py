"""The page of all alerts, and its settings: thresholds, who gets the digest, webhooks, what was sent."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_security import current_user
from markupsafe import Markup
from peewee import IntegrityError

from accounts.access import needs
from accounts.once import taken_once
from alerts.current import current_alerts
from alerts.forms import RecipientForm, ThresholdForm, WebhookForm
from alerts.models import Delivery, DigestRecipient, Webhook
from alerts.rules import KINDS, LEAST_RETURNS, SEVERITIES, Alert
from alerts.thresholds import set_thresholds, thresholds
from config import Settings
from database import db, save_one, utc_now
from errors import N_
from i18n import name_of, number, translated
from listing import Column, Filter, answer_reckoned
from master_data import codes
from master_data.home import home_place

blueprint = Blueprint("alerts", __name__, url_prefix="/alerts")

_LOG_SHOWN = 50


def alert_url(alert: Alert) -> str:
    """The page that shows what an alert is about."""
    return url_for(alert.endpoint, **alert.arguments)


def severity_html(alert: Alert) -> Markup:
    """How bad it is, as a marked word."""
    return Markup('<span class="rt-state rt-{}">{}</span>').format(
        alert.severity, translated(SEVERITIES[alert.severity])
    )


def subject_of(alert: Alert) -> str:
    """The name of what it is about, in the language of the page; a kind of conflict has none beside its sentence."""
    return name_of(alert.subject) if alert.subject.name_en else _("Scans")


_COLUMNS = (
    Column("severity", N_("How bad"), lambda row: translated(SEVERITIES[row.severity]),
           lambda row: list(SEVERITIES).index(row.severity), html=severity_html),
    Column("kind", N_("Kind"), lambda row: translated(KINDS[row.kind]), lambda row: list(KINDS).index(row.kind)),
    Column("subject", N_("About"), lambda row: subject_of(row), lambda row: subject_of(row).lower(), alert_url),
    Column("sentence", N_("What"), lambda row: translated(row.sentence)),
    Column("count", N_("Count"), lambda row: row.count, lambda row: row.count, numeric=True),
    Column("days", N_("Days"), lambda row: row.days, lambda row: row.days or 0, numeric=True),
    Column("value", N_("Value"), lambda row: row.value, lambda row: row.value or 0, numeric=True,
           html=lambda row: number(row.value, 2), right="agreements.read"),
    Column("currency", N_("Currency"), lambda row: row.currency, lambda row: row.currency),
)  # fmt: skip

_FILTERS = (
    Filter("kind", N_("Kind"), list(KINDS.items()), lambda query, value: query),
    Filter("severity", N_("How bad"), list(SEVERITIES.items()), lambda query, value: query),
)


@blueprint.get("")
@needs("alerts.read")
def alert_list() -> Response | str:
    """Every alert of now, the worst first; `?format=csv|xlsx` as a file."""
    kind, severity = request.args.get("kind", ""), request.args.get("severity", "")
    rows = current_alerts(utc_now(), [kind] if kind in KINDS else KINDS)
    return answer_reckoned(
        (row for row in rows if severity not in SEVERITIES or row.severity == severity), _COLUMNS,
        template="alerts/list.html", name="alerts", filters=_FILTERS,
        search=lambda row: f"{subject_of(row)} {row.subject.code} {translated(row.sentence)}",
    )  # fmt: skip


# ---- settings


@blueprint.get("/settings")
@needs("settings.write")
def settings_page() -> str:
    return _page()


@blueprint.post("/settings")
@needs("settings.write")
def settings_save() -> Any:
    """Fields of ThresholdForm."""
    form = ThresholdForm(thresholds())
    if not form.validate():
        return _page(limits=form), 422
    set_thresholds(form.values(), current_user._get_current_object(), utc_now())
    flash(_("Saved."))
    return redirect(url_for("alerts.settings_page"))


@blueprint.post("/recipients")
@needs("settings.write")
def recipient_add() -> Any:
    """Fields of RecipientForm. An address that is there already gets the new language and hour."""
    form = RecipientForm(_zone())
    if not form.validate():
        return _page(recipient=form), 422
    values = {"language": form.language.data, "hour": form.hour.data, "timezone": form.timezone.data}
    save_one(DigestRecipient, {"address": form.address.data}, values, created_time=utc_now())
    flash(_("Saved."))
    return redirect(url_for("alerts.settings_page"))


@blueprint.post("/recipients/<int(max=2147483647):id>/delete")
@needs("settings.write")
def recipient_delete(id: int) -> Any:
    DigestRecipient.delete().where(DigestRecipient.id == id).execute()
    flash(_("Taken off the list."))
    return redirect(url_for("alerts.settings_page"))


@blueprint.post("/webhooks")
@needs("settings.write")
@taken_once
def webhook_add() -> Any:
    """`url`; the secret is made here."""
    form = WebhookForm(_settings().webhook_hosts)
    if not form.validate():
        return _page(webhook=form), 422
    try:
        with db.atomic():
            Webhook.create(url=form.url.data, secret=secrets.token_hex(32), created_time=utc_now())
    except IntegrityError:
        form.url.errors = [_("This address is on the list already.")]
        return _page(webhook=form), 422
    flash(_("Saved. From the next run on it is told of new alerts."))
    return redirect(url_for("alerts.settings_page"))


@blueprint.post("/webhooks/<int(max=2147483647):id>/delete")
@needs("settings.write")
def webhook_delete(id: int) -> Any:
    Webhook.delete().where(Webhook.id == id).execute()
    flash(_("Taken off the list."))
    return redirect(url_for("alerts.settings_page"))


def _page(
    limits: ThresholdForm | None = None, recipient: RecipientForm | None = None, webhook: WebhookForm | None = None
) -> str:
    return render_template(
        "alerts/settings.html",
        limits=limits or ThresholdForm(thresholds()),
        recipient=recipient or RecipientForm(_zone()),
        webhook=webhook or WebhookForm(_settings().webhook_hosts),
        recipients=list(DigestRecipient.select().order_by(DigestRecipient.address)),
        webhooks=list(Webhook.select().order_by(Webhook.url)),
        deliveries=list(Delivery.select().order_by(Delivery.created_time.desc(), Delivery.id.desc()).limit(_LOG_SHOWN)),
        mail_on=bool(_settings().smtp_url),
        zone=_zone(),
        zones=codes.timezones(),
        least=LEAST_RETURNS,
    )


def _zone() -> str:
    home = home_place()
    return home.timezone if home else "UTC"


def _settings() -> Settings:
    settings: Settings = current_app.config["ROUNDTRIP"]
    return settings
