"""An invitation, or a link for a new password, as an e-mail."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import make_msgid

from flask import render_template
from flask_babel import gettext as _

from accounts.models import User
from config import Settings
from mail import NotSent, send
from people.forms import address_of


def send_link(user: User, purpose: str, url: str, settings: Settings) -> bool | None:
    """Mail a link to its person in the language of this page. None: no mail server or no address; False: not taken."""
    address = address_of(user)
    if not settings.smtp_url or not address:
        return None
    message = EmailMessage()
    message["Subject"] = (
        _("Roundtrip: your invitation") if purpose == "invite" else _("Roundtrip: choose a new password")
    )
    message["From"] = settings.mail_from
    message["To"] = address
    message["Message-ID"] = make_msgid(domain=settings.mail_from.partition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    message.set_content(render_template("people/mail_text.html", user=user, purpose=purpose, url=url))
    try:
        send(message, settings.smtp_url)
    except NotSent:
        return False
    return True
