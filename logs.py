"""What the service says of itself, on standard output: one line for each request and event, as text or as JSON.

A line tells the id of the request, the pattern of its address, never the address with what somebody typed; no query, no
form, no header, no cookie. What comes from outside cannot begin a line of its own: line ends and other control
characters are escaped, and the further lines of a traceback begin with `  | `.
"""

from __future__ import annotations

import logging
import logging.config
import re
import time
from typing import Any

from flask import Flask, Response, g, has_request_context, request
from pythonjsonlogger.json import JsonFormatter

import metrics

requests = logging.getLogger("roundtrip.request")
_CONTROLS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
#: Addresses that monitors call every few seconds.
_QUIET = ("operations.healthz", "operations.metrics_page", "static")


def settle(form: str) -> None:
    """Let everything of this process go to standard output. `form`: text or json (`ROUNDTRIP_LOG`)."""
    logging.config.dictConfig(configuration(form))


def configuration(form: str) -> dict[str, Any]:
    """The same as a dictionary for `logging.config`; gunicorn takes it for what it says itself."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": JsonLines if form == "json" else TextLines}},
        "filters": {"request": {"()": WhichRequest}},
        "handlers": {
            "out": {
                "class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "lines",
                "filters": ["request"],
            }
        },
        "root": {"level": "INFO", "handlers": ["out"]},
        "loggers": {
            **{name: {"level": "WARNING"} for name in ("fontTools", "weasyprint", "pyhanko", "PIL", "alembic")},
            "gunicorn.error": {"level": "WARNING", "propagate": True, "handlers": []},
            "gunicorn.access": {"level": "CRITICAL", "propagate": False, "handlers": []},
        },
    }  # fmt: skip


class WhichRequest(logging.Filter):
    """Gives each line the id of the request that it belongs to."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request = g.get("request_id", "") if has_request_context() else ""
        return True


class TextLines(logging.Formatter):
    """`2026-11-26T08:00:00.123Z INFO roundtrip.request request=… text`."""

    default_msec_format = "%s.%03dZ"
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    converter = staticmethod(time.gmtime)  # type: ignore[assignment]

    def format(self, record: logging.LogRecord) -> str:
        """One line, and with a traceback further ones that cannot be taken for lines of their own."""
        request_id = getattr(record, "request", "")
        named = f" request={request_id}" if request_id else ""
        fields = "".join(f" {key}={escaped(str(value))}" for key, value in _fields(record).items() if value is not None)
        line = (
            f"{self.formatTime(record)} {record.levelname} {record.name}{named} {escaped(record.getMessage())}{fields}"
        )
        if record.exc_info:
            trace = self.formatException(record.exc_info)
            line += "".join(f"\n  | {escaped(one)}" for one in trace.splitlines())
        return line


class JsonLines(JsonFormatter):
    """One JSON object for each line."""

    converter = staticmethod(time.gmtime)  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__(
            "{levelname}{name}{message}", style="{", rename_fields={"levelname": "level", "name": "logger"},
            timestamp="time", json_ensure_ascii=False,
        )  # fmt: skip

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Without what is empty, and what a line tells besides its text not in a box of its own."""
        told = log_data.pop("told", None) or {}
        return {key: value for key, value in (log_data | told).items() if value not in ("", None)}


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    found: dict[str, Any] = getattr(record, "told", {})
    return found


def escaped(text: str) -> str:
    """The text with `\\n`, `\\x1b` and the like for control characters, and for those that turn the text around."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def init_logs(app: Flask) -> None:
    """Tell of each request when it is answered."""
    app.after_request(_answered)


def _answered(response: Response) -> Response:
    seconds = time.monotonic() - g.get("begun", time.monotonic())
    route = request.url_rule.rule if request.url_rule else ""
    metrics.answered(request.method, route, response.status_code, seconds)
    response.headers["X-Request-ID"] = g.get("request_id", "")
    if request.endpoint in _QUIET and response.status_code < 500:
        return response
    if not requests.isEnabledFor(logging.INFO):
        return response
    told = {
        "method": request.method if request.method.isalpha() else "?", "route": route or "none",
        "status": response.status_code, "ms": round(seconds * 1000),
        "user": _user(),
    }  # fmt: skip
    requests.info("answered", extra={"told": told})
    return response


def _user() -> int | None:
    """The key of the person, if the request has asked for the person at all: the log asks no database."""
    user = g.get("_login_user")
    return user.id if user is not None and user.is_authenticated else None
