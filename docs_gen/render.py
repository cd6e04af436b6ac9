"""Template and facts → HTML → PDF. The only module that imports WeasyPrint.

Three things are settled here once for all papers. The fonts: the engine sees `static/fonts` and nothing of the machine,
so that every machine makes the same bytes. The addresses: a template may name what stands in `_RESOURCES`; every other
address, of the network, of a file, of data, ends the rendering. The sharing: fonts and parsed style sheets are made
once for each process, which halves the time of a short paper and keeps memory flat; they are not thread-safe, hence
the lock.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from assets.labels import qr_svg
from config import ROOT

_FONT_DIR = ROOT / "static" / "fonts"
FONT_FILES = ("NotoSans-Regular.ttf", "NotoSans-Bold.ttf", "NotoSansCJKsc-Regular.ttf", "NotoSansCJKsc-Bold.ttf")

#: Every address that a paper may name → (file, media type).
_RESOURCES: dict[str, tuple[Path, str]] = {
    "roundtrip:logo": (ROOT / "static" / "img" / "roundtrip.svg", "image/svg+xml"),
}

#: shared library → Debian package that brings it
_LIBRARIES = {
    "libgobject-2.0.so.0": "libglib2.0-0",
    "libfontconfig.so.1": "libfontconfig1",
    "libharfbuzz.so.0": "libharfbuzz0b",
    "libpango-1.0.so.0": "libpango-1.0-0",
    "libpangoft2-1.0.so.0": "libpangoft2-1.0-0",
    "libharfbuzz-subset.so.0": "libharfbuzz-subset0",  # without it: 6 s a paper instead of 0.2, silently
}

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

_lock = threading.Lock()


class RenderError(Exception):
    """A paper could not be rendered; the message says which address or part was at fault."""


@dataclass(frozen=True)
class Paper:
    """A rendered PDF."""

    data: bytes
    pages: int


def missing_requirements() -> list[str]:
    """What this machine lacks to make papers: one line each, with the package that brings it."""
    lines = []
    for library, package in _LIBRARIES.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            lines.append(f"{library} is missing: apt-get install {package}")
    for name in FONT_FILES:
        if not (_FONT_DIR / name).is_file():
            lines.append(f"static/fonts/{name} is missing: run tools/build_fonts.py or fetch the file again")
    return lines


def engine_versions() -> str:
    """The versions that shape a paper, to be kept with it."""
    import pydyf

    engine = _engine()
    number = engine.text.ffi.pango.pango_version()
    pango = f"{number // 10_000}.{number // 100 % 100}.{number % 100}"
    return f"WeasyPrint {engine.__version__}, pydyf {pydyf.__version__}, Pango {pango}"


@cache
def templates() -> Environment:
    """The papers' own template environment: a missing value is an error, text is always escaped."""
    environment = Environment(
        loader=FileSystemLoader(ROOT / "templates" / "documents"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for shown in (money, price, quantity, kilograms, centimetres, day):
        environment.filters[shown.__name__] = shown
    environment.globals.update(qr=qr)
    return environment


def money(value: Decimal, decimals: int) -> str:
    """12,345.60: what has been rounded already, with all decimals of its currency."""
    return f"{value:,.{decimals}f}"


def price(value: Decimal, decimals: int) -> str:
    """A unit price with at least `decimals` places and no zeros beyond them: 182.50, 6.125."""
    text = quantity(value)
    places = len(text.partition(".")[2])
    return text if places > decimals else f"{value:,.{decimals}f}"


def quantity(value: Decimal) -> str:
    """1,200 or 0.5: no zeros at the end."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def kilograms(value: Decimal) -> str:
    """1,234.500: to the gram."""
    return f"{value:,.3f}"


def centimetres(millimetres: int) -> str:
    """594 mm → 59.4."""
    return quantity(Decimal(millimetres) / 10)


def day(value: date | None) -> str:
    """20 NOV 2026, which nobody reads as another day; '' when not known."""
    return f"{value.day:02} {_MONTHS[value.month - 1]} {value.year}" if value else ""


def qr(text: str) -> Markup:
    """The QR code of `text` as an <svg> element."""
    return Markup(qr_svg(text))  # noqa: S704  (our own drawing: digits of a path, no text)


def html(template: str, **context: Any) -> str:
    """The HTML of a paper from `templates/documents/<template>`."""
    return templates().get_template(template).render(**context)


def pdf(html: str, *, stylesheets: Sequence[str] = ("paper.css",)) -> Paper:
    """The PDF of `html`, laid out with style sheets of `static/`. Equal input gives equal bytes.

    Raises RenderError when the HTML names an address that is not ours, or cannot be laid out.
    """
    engine = _engine()
    with _lock, _no_collection():
        try:
            document = engine.HTML(string=html, url_fetcher=_fetcher()).render(
                font_config=_fonts(), stylesheets=[_stylesheet(name) for name in stylesheets]
            )
            return Paper(document.write_pdf(), len(document.pages))
        except engine.urls.FatalURLFetchingError as error:  # a BaseException: no handler above would see it
            raise RenderError(str(error)) from error
        except RecursionError as error:
            raise RenderError("the document is nested too deeply") from error


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """No garbage collection while a paper is laid out: nearly all that it makes is alive until it is written, so the
    collector would look through all of it again and again (a fifth of the time of a short paper) and find nothing."""
    _warm_engine()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@cache
def _warm_engine() -> None:
    """Load the engine, then take what is there now out of the collector's sight: it stays until the process ends."""
    _engine()
    gc.collect()
    gc.freeze()


def merge(files: Sequence[bytes], title: str = "") -> bytes:
    """Several PDFs as one, in their order."""
    import pikepdf

    with pikepdf.new() as joined:
        for data in files:
            with pikepdf.open(io.BytesIO(data)) as part:
                joined.pages.extend(part.pages)
        if title:
            joined.docinfo["/Title"] = title
        buffer = io.BytesIO()
        joined.save(buffer, deterministic_id=True)
        return buffer.getvalue()


def missing_glyphs(text: str) -> str:
    """The characters of `text` that our fonts cannot print, each once, in their order."""
    return "".join(dict.fromkeys(c for c in text if c not in "\n\r\t" and ord(c) not in _characters()))


@cache
def _characters() -> frozenset[int]:
    """What both weights of our fonts can print."""
    from fontTools.ttLib import TTFont

    weights = []
    for weight in ("Regular", "Bold"):
        names = [name for name in FONT_FILES if weight in name]
        weights.append({code for name in names for code in TTFont(_FONT_DIR / name, lazy=True).getBestCmap()})
    return frozenset(weights[0] & weights[1])


@cache
def _engine() -> ModuleType:
    """WeasyPrint, imported at the first paper: on a machine without Pango the import fails."""
    os.environ["FONTCONFIG_FILE"] = str(_FONT_DIR / "fonts.conf")  # fontconfig reads it when it is first used
    import weasyprint
    import weasyprint.text.ffi
    import weasyprint.urls

    return weasyprint


@cache
def _fonts() -> Any:
    from weasyprint.text.fonts import FontConfiguration

    return FontConfiguration()


@cache
def _stylesheet(name: str) -> Any:
    return _engine().CSS(
        string=(ROOT / "static" / name).read_text(encoding="utf-8"), font_config=_fonts(), url_fetcher=_fetcher()
    )


@cache
def _fetcher() -> Any:
    urls = _engine().urls

    class OwnResources(urls.URLFetcher):  # type: ignore[misc, name-defined]
        """Gives what stands in `_RESOURCES`; anything else ends the rendering."""

        def fetch(self, url: str, headers: Any = None) -> Any:
            if url not in _RESOURCES:
                raise urls.FatalURLFetchingError(f"a paper may not fetch {url[:200]}")
            path, media_type = _RESOURCES[url]
            return urls.URLFetcherResponse(url, path.read_bytes(), {"Content-Type": media_type})

    return OwnResources(allowed_protocols=())
