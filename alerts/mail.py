"""The digest as an e-mail: made of templates in the recipient's language."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from email.message import EmailMessage
from email.utils import make_msgid

from flask import render_template
from flask_babel import force_locale, ngettext

from alerts.models import DigestRecipient
from alerts.rules import KINDS, SEVERITIES, Alert
from i18n import LANGUAGES

#: A digest is read on a phone; who wants all of them opens the page.
SHOWN = 40


def digest(
    alerts: Sequence[Alert], known: Collection[str], recipient: DigestRecipient, sender: str, day: date
) -> EmailMessage:
    """The mail for one recipient: text and HTML. `known`: keys that an earlier digest has told him of.

    It needs a request context whose base address is that of the service.
    """
    urgent = sum(alert.severity == "bad" for alert in alerts)
    with force_locale(LANGUAGES[recipient.language][0]):
        shown = {
            "alerts": alerts[:SHOWN], "more": max(0, len(alerts) - SHOWN), "known": known, "kinds": KINDS, "day": day,
            "severities": SEVERITIES, "urgent": urgent,
        }  # fmt: skip
        subject = ngettext("%(num)s alert", "%(num)s alerts", len(alerts))
        if urgent:
            subject += ", " + ngettext("%(num)s urgent", "%(num)s urgent", urgent)
        text = render_template("alerts/digest_text.html", **shown)
        html = render_template("alerts/digest.html", **shown)
    message = EmailMessage()
    message["Subject"] = f"Roundtrip {day.isoformat()}: {subject}"
    message["From"] = sender
    message["To"] = recipient.address
    message["Message-ID"] = make_msgid(domain=sender.partition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message
