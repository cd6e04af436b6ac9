"""Mails handed to the mail server of the settings, by SMTP."""

from __future__ import annotations

import ipaddress
import smtplib
import ssl
from email.message import EmailMessage
from urllib.parse import SplitResult, unquote, urlsplit

SECONDS = 20


class NotSent(Exception):
    """The mail server did not take the mail; the text says why and holds no password."""


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
