"""The scan page as an app that works without a network: its shell, its words, its service worker, its manifest.

None of them holds data: the shell is the same for everybody, so a browser may keep it. What is expected where comes
from the API, from which a device learns only what its person may see. The rules of the page are in static/scan.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

from flask import Blueprint, Response, current_app, jsonify, render_template, url_for
from flask_babel import force_locale, gettext

from accounts.access import needs, public
from assets.labels import qr_svg
from assets.scan_words import KEYS, SETUP, WORDS
from i18n import LANGUAGES

blueprint = Blueprint("scan", __name__)

#: The page runs WebAssembly (the reader of the camera) beside our own scripts, and nothing else.
_POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; manifest-src 'self'; "
    "img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

#: What the app needs to open without a network, below static/.
_FILES = (
    "css/pages.css",
    "css/scan.css",
    "img/app-192.png",
    "img/roundtrip.svg",
    "js/theme.js",
    "scan/app.js",
    "scan/camera.js",
    "scan/feedback.js",
    "scan/photo.js",
    "scan/queue.js",
    "scan/quiet.js",
    "scan/rules.js",
    "scan/screens.js",
    "scan/sessions.js",
    "scan/sync.js",
    "scan/wedge.js",
    "scan/words.js",
    "vendor/bootstrap/bootstrap.min.css",
    "vendor/idb/idb.js",
    "vendor/zxing-wasm/reader.js",
    "vendor/zxing-wasm/zxing_reader.wasm",
)


@blueprint.get("/scan")
@public
def start() -> Response:
    """The shell of the app. It names its version and asks the API for everything else."""
    response = Response(render_template("assets/scan.html", version=_version()))
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Cache-Control"] = "no-cache"
    return response


@blueprint.get("/scan/sw.js")
@public
def worker() -> Response:
    """The service worker with the list of what it keeps. A change of any file is a new version."""
    kept = [url_for("scan.start"), url_for("scan.words"), url_for("scan.manifest")]
    kept += [url_for("static", filename=name, v=None) for name in _FILES]  # it looks at paths, and has its own version
    head = f"const VERSION = {json.dumps(_version())};\nconst FILES = {json.dumps(kept)};\n"
    script = _static() / "scan" / "sw.js"
    response = Response(head + script.read_text(encoding="utf-8"), mimetype="text/javascript")
    response.headers["Service-Worker-Allowed"] = url_for("scan.start")
    response.headers["Cache-Control"] = "no-cache"
    return response


@blueprint.get("/scan/words.json")
@public
def words() -> Response:
    """Every sentence of the app in both languages, so that the language can be changed without a network."""
    said = {}
    for code, (locale, _own_name) in LANGUAGES.items():
        with force_locale(locale):
            said[code] = {key: gettext(sentence) for key, sentence in {**WORDS, **KEYS}.items()}
    response = jsonify(said)
    response.headers["Cache-Control"] = "no-cache"
    return response


#: Drawn by tools/build_icons.py; maskable ones may be cut to any shape.
_ICONS = (("app", "any"), ("app-maskable", "maskable"))


def _icon(file: str, size: int, purpose: str) -> dict[str, str]:
    address = url_for("static", filename=f"img/{file}")
    return {"src": address, "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}


@blueprint.get("/scan/manifest.webmanifest")
@public
def manifest() -> Response:
    """What the system needs to put the app on the home screen."""
    icons = [_icon(f"{name}-{size}.png", size, use) for name, use in _ICONS for size in (192, 512)]
    icons.append({"src": url_for("static", filename="img/roundtrip.svg"), "sizes": "any", "type": "image/svg+xml"})
    found = {
        "id": url_for("scan.start"), "name": "Roundtrip Scan", "short_name": "Scan", "start_url": url_for("scan.start"),
        "scope": url_for("scan.start"), "display": "standalone", "orientation": "portrait-primary",
        "background_color": "#ffffff", "theme_color": "#14532d", "icons": icons,
    }  # fmt: skip
    response = Response(json.dumps(found), mimetype="application/manifest+json")
    response.headers["Cache-Control"] = "no-cache"
    return response


#: What the codes of the page for setting up scanners hold: letters of both cases and every sign that a link needs; the
#: same with a GS1 separator inside. static/scan/setup.js knows them too.
_PROBES = ("RTTEST-aBcXyZ-0123456789:/._%?=&", "RTGS-12345\x1d67890-END")


@blueprint.get("/scan/scanner-setup")
@needs("assets.scan")
def scanner_setup() -> str:
    """A page to print and to try: prefix, suffix, case, separator and speed of a scanner."""
    said = {key: gettext(sentence) for key, sentence in SETUP.items()}
    return render_template("assets/scanner_setup.html", codes=[qr_svg(text) for text in _PROBES], words=said)


def _static() -> Path:
    return Path(current_app.static_folder or "static")


@lru_cache(maxsize=2)
def _version_of(stamp: tuple[tuple[str, int, int], ...], folder: str) -> str:
    digest = hashlib.sha256()
    for name, _size, _changed in stamp:
        digest.update((Path(folder) / name).read_bytes())
    digest.update(json.dumps([WORDS, KEYS]).encode())
    return digest.hexdigest()[:12]


def _version() -> str:
    """A name for the state of all files of the app; it changes with any of them."""
    root = Path(current_app.root_path)
    names = [*(f"static/{name}" for name in (*_FILES, "scan/sw.js")), "templates/assets/scan.html"]
    names += sorted(str(path.relative_to(root)) for path in (root / "translations").glob("*/LC_MESSAGES/messages.mo"))
    stamp = tuple((name, (root / name).stat().st_size, (root / name).stat().st_mtime_ns) for name in names)
    return _version_of(stamp, str(root))
