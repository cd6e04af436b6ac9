"""What stands in static/: compressed once, and kept by a browser for ever under an address that names the contents.

`url_for("static", …)` adds `?v=` and the beginning of a SHA-256. The modules of the scan page import each other by
plain paths and have to be of one version: a browser asks for these each time; the service worker keeps them offline.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, Request, Response, abort, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from werkzeug.security import safe_join

from signatures import Signed

#: Kinds of files that get smaller; pictures and fonts are compressed already.
_SMALLER = {
    ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".wasm": "application/wasm",
    ".json": "application/json", ".txt": "text/plain",
}  # fmt: skip
#: Below it nothing is won: less than what a network sends at once.
_SMALL = 500

FOR_EVER = "public, max-age=31536000, immutable"
_AN_HOUR = "public, max-age=3600"
_OF_ONE_VERSION = "scan/"


@dataclass(frozen=True)
class _File:
    version: str
    compressed: bytes | None


class _NotForFiles(SecureCookieSessionInterface):
    """Files are the same for everybody: with "Vary: Cookie" a browser would fetch them anew when its cookie changes."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if self.get_cookie_name(app) not in request.cookies:  # a device: nothing to verify, so no keys are derived
            return self.session_class()
        return super().open_session(app, request)

    def get_signing_serializer(self, app: Flask) -> Signed | None:
        """As the library makes it, but with our signer, which outlives a clock that is set back."""
        if super().get_signing_serializer(app) is None:
            return None
        how = {"key_derivation": self.key_derivation, "digest_method": self.digest_method}
        keys = [*(app.config["SECRET_KEY_FALLBACKS"] or ()), app.secret_key]
        return Signed(keys, salt=self.salt, serializer=self.serializer, signer_kwargs=how)  # type: ignore[arg-type]

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if request.endpoint != "static":
            super().save_session(app, session, response)


def init_static(app: Flask) -> None:
    """Name the version in every address of a static file, and answer for them."""
    app.session_interface = _NotForFiles()
    folder = Path(app.static_folder or "static")

    @app.url_defaults
    def _versioned(endpoint: str, values: dict[str, Any]) -> None:
        name = values.get("filename", "")
        if endpoint == "static" and "v" not in values and name and not name.startswith(_OF_ONE_VERSION):
            path = safe_join(str(folder), name)
            if path and Path(path).is_file():
                values["v"] = _file(path).version

    def send(filename: str) -> Response:
        path = safe_join(str(folder), filename)
        if path is None or not Path(path).is_file():
            abort(404)
        kind = _SMALLER.get(Path(path).suffix)
        file = _file(path) if kind or "v" in request.args else None
        if kind and file and file.compressed and request.accept_encodings.quality("gzip") > 0:
            response = Response(file.compressed, mimetype=kind)
            response.headers["Content-Encoding"] = "gzip"
            response.set_etag(f"{file.version}-gzip")
            response.make_conditional(request)
        else:
            response = app.send_static_file(filename)
        if kind:
            response.vary.add("Accept-Encoding")
        if filename.startswith(_OF_ONE_VERSION):
            response.headers["Cache-Control"] = "no-cache"
        else:
            same = file is not None and request.args.get("v") == file.version
            response.headers["Cache-Control"] = FOR_EVER if same else _AN_HOUR
        return response

    app.view_functions["static"] = send


def _file(path: str) -> _File:
    stat = Path(path).stat()
    return _read(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=1_000)
def _read(path: str, size: int, changed: int) -> _File:
    data = Path(path).read_bytes()
    compressed = None
    if Path(path).suffix in _SMALLER and len(data) > _SMALL:
        compressed = gzip.compress(data, 9, mtime=0)
        compressed = compressed if len(compressed) < len(data) else None
    return _File(hashlib.sha256(data).hexdigest()[:12], compressed)
