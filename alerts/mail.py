"""The digest as an e-mail: made of templates in the recipient's language, sent by SMTP."""

from __future__ import annotations

import ipaddress
import smtplib
import ssl
from collections.abc import Collection, Sequence
from datetime import date
from email.message import EmailMessage
from email.utils import make_msgid
from urllib.parse import SplitResult, unquote, urlsplit

from flask import render_template
from flask_babel import force_locale, ngettext

from alerts.models import DigestRecipient
from alerts.rules import KINDS, SEVERITIES, Alert
from i18n import LANGUAGES

SECONDS = 20
#: A digest is read on a phone; who wants all of them opens the page.
SHOWN = 40


class NotSent(Exception):
    """The mail server did not take the mail; the text says why and holds no password."""


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


def send(message: EmailMessage, url: str, timeout: float = SECONDS) -> None:
    """Hand a mail to the server of `url` (smtp:// with STARTTLS where it is offered, smtps://). Raises NotSent.

    A password goes over an encrypted line only, or stays on this machine.
    """
    server = urlsplit(url)
    host = server.hostname or ""
    try:
        with _connected(server, host, timeout) as smtp:
            if server.username:
                smtp.login(unquote(server.username), unquote(server.password or ""))
            smtp.send_message(message)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise NotSent(f"{type(error).__name__}: {error}"[:255]) from error


def _connected(server: SplitResult, host: str, timeout: float) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if server.scheme == "smtps":
        return smtplib.SMTP_SSL(host, server.port or 465, timeout=timeout, context=context)
    smtp = smtplib.SMTP(host, server.port or 587, timeout=timeout)
    try:
        smtp.ehlo()
        if smtp.has_extn("starttls"):
            smtp.starttls(context=context)
            smtp.ehlo()
        elif server.username and not _loopback(host):
            raise smtplib.SMTPNotSupportedError("the server offers no encryption; the password was not sent")
    except BaseException:
        smtp.close()
        raise
    return smtp


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
