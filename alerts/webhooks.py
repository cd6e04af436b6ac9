"""New alerts to other programs: one POST, signed, to an address that was looked at before.

Whoever may type an address here could make the server call machines that only it can reach. So the name is resolved
once, every address of it must be public (or its host be named in ROUNDTRIP_WEBHOOK_HOSTS), and the connection goes to
the very address that was looked at. Redirects are not followed.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ipaddress
import socket
import ssl
from collections.abc import Collection
from datetime import datetime
from urllib.parse import urlsplit

from errors import N_, InvalidInput

SECONDS = 10
#: Of the answer only this is kept.
_ANSWER = 200


class NotTaken(Exception):
    """The other side did not take it; the text says why."""


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """`sha256=` and the HMAC-SHA256 of `timestamp.body`: the receiver makes the same, and refuses old times."""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def checked_url(url: str, private_hosts: Collection[str]) -> str:
    """The address of a webhook as it may be kept. Raises InvalidInput at `url`.

    https, or http on this machine; no name and password in it, they would stand in the log.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if not host or parts.scheme not in ("https", "http") or port == 0:
        raise InvalidInput("url", N_("An address like https://example.com/alerts is needed."))
    if parts.username or parts.password:
        raise InvalidInput("url", N_("No user name and password in the address: the secret signs what is sent."))
    if parts.scheme == "http" and not _is_loopback(host):
        raise InvalidInput("url", N_("https is needed; http goes to this machine only."))
    literal = _ip(host)
    if literal is not None and _is_private(literal) and host.lower() not in private_hosts:
        raise InvalidInput(
            "url", N_("This address is in a private network; ROUNDTRIP_WEBHOOK_HOSTS does not allow it.")
        )
    return url


def post(
    url: str, secret: str, body: bytes, delivery: str, now: datetime, private_hosts: Collection[str],
    timeout: float = SECONDS,
) -> str:  # fmt: skip
    """Send `body`; gives the status line of the answer. Raises NotTaken for all but 2xx.

    Headers: X-Roundtrip-Delivery (the same at each try), X-Roundtrip-Timestamp (seconds), X-Roundtrip-Signature.
    """
    try:
        checked_url(url, private_hosts)
    except InvalidInput as error:
        raise NotTaken(str(error)) from error
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    timestamp = str(int(now.timestamp()))
    headers = {
        "Content-Type": "application/json", "User-Agent": "Roundtrip", "X-Roundtrip-Delivery": delivery,
        "X-Roundtrip-Timestamp": timestamp, "X-Roundtrip-Signature": signature(secret, timestamp, body),
    }  # fmt: skip
    connection = _To(host, port, _address(host, port, private_hosts), parts.scheme == "https", timeout)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read(_ANSWER)
        told = f"{answer.status} {answer.reason}"[:_ANSWER]
    except (OSError, http.client.HTTPException) as error:
        raise NotTaken(f"{type(error).__name__}: {error}"[:_ANSWER]) from error
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        raise NotTaken(told)
    return told


class _To(http.client.HTTPConnection):
    """A connection to an address that was looked at; TLS is checked against the name all the same."""

    def __init__(self, host: str, port: int, address: str, encrypted: bool, timeout: float) -> None:
        super().__init__(host, port, timeout=timeout)
        self.default_port = 443 if encrypted else 80
        self._address, self._encrypted = address, encrypted

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), self.timeout)
        if self._encrypted:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)


def _address(host: str, port: int, private_hosts: Collection[str]) -> str:
    """The first address of a host; NotTaken when one of them is private and the host is not allowed."""
    try:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as error:
        raise NotTaken(f"{host}: {error}"[:_ANSWER]) from error
    if host.lower() not in private_hosts:
        for address in found:
            literal = _ip(address)
            if literal is None or _is_private(literal):
                raise NotTaken(f"{host} leads into a private network, which ROUNDTRIP_WEBHOOK_HOSTS does not allow")
    return found[0]


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _is_private(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    mapped = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    return not address.is_global or address.is_multicast or (mapped is not None and not mapped.is_global)


def _is_loopback(host: str) -> bool:
    literal = _ip(host)
    return host.lower() == "localhost" if literal is None else literal.is_loopback
