"""Template and facts → HTML → PDF. The only module that calls WeasyPrint; `engine` reaches into it.

Four things are settled here once for all papers. The fonts: the engine sees `static/fonts` and nothing of the machine,
so that every machine makes the same bytes. The form: a paper is a PDF/A-3u (ISO 19005-3, level U), which may carry
files, its facts for one. The addresses: a template may name what stands in `_RESOURCES`; every other
address, of the network, of a file, of data, ends the rendering. The sharing: fonts and parsed style sheets are made
once for each process, which halves the time of a short paper and keeps memory flat; they are not thread-safe, hence
the lock.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import hashlib
import io
import os
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, meta
from markupsafe import Markup

from assets.labels import qr_svg
from config import ROOT
from docs_gen import engine as speed
from docs_gen.barcodes import sscc_bars, sscc_link
from docs_gen.latin import carrier_text
from master_data.rules import BIDI_CONTROLS

_FONT_DIR = ROOT / "static" / "fonts"
#: The files of our fonts, in the order in which a character is looked for; the style sheets name the families so, too.
FONT_FILES = (
    "NotoSans-Regular.ttf", "NotoSans-Bold.ttf", "NotoSansCJKsc-Regular.ttf", "NotoSansCJKsc-Bold.ttf",
    "NotoSansThai-Regular.ttf", "NotoSansThai-Bold.ttf", "NotoSansArabic-Regular.ttf", "NotoSansArabic-Bold.ttf",
    "NotoSansHebrew-Regular.ttf", "NotoSansHebrew-Bold.ttf", "NotoSansCJKrest-Regular.ttf",
)  # fmt: skip

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


@dataclass(frozen=True)
class Attachment:
    """A file inside a paper (an associated file of PDF/A-3, ISO 19005-3, 6.8)."""

    name: str  # facts.json: ASCII, one of a kind in its paper
    data: bytes
    media_type: str
    description: str
    relationship: str  # Source: the paper was made of it; Data; Alternative: says the same; Supplement
    day: date  # when it was made: the day of issue, never the clock, which would change the bytes


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


@cache
def engine_versions() -> str:
    """The versions of the programs that shape a paper, to be kept with it; at most 64 characters. Asked of the
    libraries, and not of the engine: who keeps papers need not load it."""
    number = ctypes.CDLL("libpango-1.0.so.0").pango_version()
    pango = f"{number // 10_000}.{number // 100 % 100}.{number % 100}"
    name_harfbuzz = ctypes.CDLL("libharfbuzz.so.0").hb_version_string
    name_harfbuzz.restype = ctypes.c_char_p
    harfbuzz = name_harfbuzz().decode()
    return f"WeasyPrint {version('weasyprint')}, pydyf {version('pydyf')}, Pango {pango}, HarfBuzz {harfbuzz}"


def paper_versions(template: str, *, stylesheets: Sequence[str] = ("paper.css",)) -> str:
    """What shapes a paper besides the programs, to be kept with it: template, fonts, zlib; at most 64 characters."""
    shape = template_version(template, stylesheets=stylesheets)
    return f"template {shape}, fonts {fonts_version()}, zlib {zlib.ZLIB_RUNTIME_VERSION}"


def template_version(template: str, *, stylesheets: Sequence[str] = ("paper.css",)) -> str:
    """12 hex digits that change with the template, with what it extends, includes or imports, and with its styles."""
    environment = templates()
    assert environment.loader
    sources: dict[str, str] = {}
    waiting = [template]
    while waiting:
        name = waiting.pop()
        if name not in sources:
            sources[name] = environment.loader.get_source(environment, name)[0]
            waiting += _named_templates(sources[name])
    digest = hashlib.sha256()
    for name in sorted(sources):
        digest.update(f"{name}\0{sources[name]}\0".encode())
    for name in stylesheets:
        digest.update((ROOT / "static" / name).read_bytes())
    return digest.hexdigest()[:12]


@lru_cache(maxsize=256)
def _named_templates(source: str) -> tuple[str, ...]:
    """The templates that one extends, includes or imports; looking for them takes longer than all the rest."""
    return tuple(name for name in meta.find_referenced_templates(templates().parse(source)) if name)


@cache
def fonts_version() -> str:
    """12 hex digits that change with the fonts."""
    digest = hashlib.sha256()
    for name in (*FONT_FILES, "fonts.conf"):
        digest.update((_FONT_DIR / name).read_bytes())
    return digest.hexdigest()[:12]


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
    for shown in (money, price, quantity, kilograms, centimetres, day, moment, carrier_text):
        environment.filters[shown.__name__] = shown
    environment.globals.update(qr=qr, sscc_bars=sscc_bars, sscc_link=sscc_link)
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


def moment(value: datetime | None) -> str:
    """20 NOV 2026 17:00; '' when not known. The zone is the paper's to name."""
    return f"{day(value)} {value:%H:%M}" if value else ""


def qr(text: str) -> Markup:
    """The QR code of `text` as an <svg> element."""
    return Markup(qr_svg(text))  # noqa: S704  (our own drawing: digits of a path, no text)


def html(template: str, **context: Any) -> str:
    """The HTML of a paper from `templates/documents/<template>`."""
    return templates().get_template(template).render(**context)


def pdf(
    html: str | Sequence[str],
    *,
    stylesheets: Sequence[str] = ("paper.css",),
    variant: str | None = "pdf/a-3u",
    attachments: Sequence[Attachment] = (),
    pictures: Mapping[str, tuple[bytes, str]] | None = None,
    css: str = "",
    sheet_css: str = "",
    must: Sequence[str] = (),
) -> Paper:
    """The PDF of `html`, laid out with style sheets of `static/`. Equal input gives equal bytes.

    Several: exemplars of one paper (ORIGINAL, COPY), one behind the other, each with page numbers of its own.

    Title, author, language and the day of its making are those that the HTML names; what bears `data-bookmark` becomes
    a bookmark. `variant` None: plain PDF, for label sheets. All others are tagged, for readers who listen (an eighth
    more time, a third more bytes); they claim level U all the same: level A would take a look at each paper's tags.
    `pictures`: SHA-256 → bytes and media type of what the HTML may show as `kept:<sha256>`. `css`: style of a template
    pack, after ours. `sheet_css`: style of ours that is not in a file, of which there are few. `must`: texts that have
    to stand on the pages, whatever white space parts them.
    Raises RenderError when the HTML or the style names an address that is not ours, when it cannot be laid out, or when
    one of the texts is missing.
    """
    engine = _engine()
    # The names are a tree that readers search by halves: sorted (ISO 32000-1, 7.9.6).
    enclosed = sorted(attachments, key=lambda one: one.name)
    with _lock, _no_collection():
        try:
            # Its own function: when it returns, the boxes of the paper are gone before the collector may look at them.
            return _written(
                [html] if isinstance(html, str) else html, _styles(stylesheets, sheet_css), variant, enclosed,
                _fetcher(pictures), css, must,
            )  # fmt: skip
        except engine.urls.FatalURLFetchingError as error:  # a BaseException: no handler above would see it
            raise RenderError(str(error)) from error
        except engine.css.tokens.InvalidValues as error:  # in a place where the engine does not expect it
            raise RenderError(f"a paper may not fetch an address without a scheme: {error}"[:300]) from error
        except RecursionError as error:
            raise RenderError("the document is nested too deeply") from error


def _written(
    htmls: Sequence[str],
    styles: list[Any],
    variant: str | None,
    enclosed: Sequence[Attachment],
    fetcher: Any,
    css: str,
    must: Sequence[str],
) -> Paper:
    engine = _engine()
    if css:
        styles.append(engine.CSS(string=css, font_config=_fonts(), url_fetcher=fetcher))
    exemplars: list[Any] = []
    try:
        for one in htmls:
            source = _source(one, fetcher, own=not css)
            exemplars.append(source.render(font_config=_fonts(), stylesheets=styles, pdf_variant=variant))
        document = exemplars[0]
        if must:
            said = _said(document)
            for text in must:
                if "".join(text.split()) not in said:
                    raise RenderError(f"the paper does not say “{text}”")
        if len(exemplars) > 1:
            document = document.copy([page for one in exemplars for page in one.pages])
        data = document.write_pdf(
            pdf_variant=variant,
            pdf_tags=variant is not None,
            attachments=[_embedded(one) for one in enclosed],
            finisher=lambda _, file: _name_attachments(file, enclosed),
        )
        return Paper(data, len(document.pages))
    finally:
        speed.let_go(exemplars)


def _source(html: str, fetcher: Any, *, own: bool) -> Any:
    """The document of a template, by the short way if it is our own."""
    tree = speed.parsed(html) if own else None
    if tree is None:
        return _engine().HTML(string=html, url_fetcher=fetcher)
    return speed.tree_source(_engine(), tree, fetcher)


def page_text(html: str, *, stylesheets: Sequence[str] = ("paper.css",)) -> str:
    """What the pages of `html` show as text, without any white space. Raises RenderError as `pdf` does."""
    engine = _engine()
    with _lock:
        try:
            styles = [_stylesheet(name) for name in stylesheets]
            document = _source(html, _fetcher(), own=True).render(font_config=_fonts(), stylesheets=styles)
            said = _said(document)
            speed.let_go([document])
            return said
        except engine.urls.FatalURLFetchingError as error:
            raise RenderError(str(error)) from error


def _said(document: Any) -> str:
    """What the pages of a document show as text, without any white space."""
    boxes = (box for page in document.pages for box in speed.every_box(page._page_box))
    return "".join("".join(box.text.split()) for box in boxes if hasattr(box, "text"))


def _embedded(one: Attachment) -> Any:
    made = datetime.combine(one.day, time(), UTC)
    return _engine().Attachment(
        file_obj=io.BytesIO(one.data), name=one.name, description=one.description, relationship=one.relationship,
        created=made, modified=made,
    )  # fmt: skip


def _name_attachments(file: Any, attachments: Sequence[Attachment]) -> None:
    """Put right what the engine guesses: the media types (it goes by the names), and each file associated once."""
    for one, reference in zip(attachments, file.catalog.get("AF", ()), strict=False):
        specification = file.objects[int(reference.split()[0])]
        content = file.objects[int(specification["EF"]["F"].split()[0])]
        content.extra["Subtype"] = "/" + one.media_type.replace("/", "#2f")
        specification["AFRelationship"] = f"/{one.relationship}"  # of two equal files it takes one for both
    if "AF" in file.catalog:
        del file.catalog["AF"][len(attachments) :]


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


def merge(files: Sequence[bytes], title: str = "", bookmarks: Sequence[str] = ()) -> bytes:
    """Several PDFs as one, in their order, numbered through; equal input gives equal bytes.

    `bookmarks`: the name of each file, which leads to its first page. Files inside the parts, and their tags, are left
    out; so the whole is plain PDF.
    """
    import pikepdf

    with pikepdf.new() as joined:
        starts = []
        for data in files:
            with pikepdf.open(io.BytesIO(data)) as part:
                starts.append(len(joined.pages))
                joined.pages.extend(part.pages)
        for page in joined.pages:  # what tells of the tags of a part, which are not those of the whole
            for key in ("/StructParents", "/Tabs"):
                if key in page:
                    del page[key]
        if bookmarks:
            with joined.open_outline() as outline:
                outline.root += [
                    pikepdf.OutlineItem(name, start) for name, start in zip(bookmarks, starts, strict=True)
                ]
        if title:
            joined.docinfo["/Title"] = title
        _share_streams(joined)
        buffer = io.BytesIO()
        joined.save(buffer, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)
        return buffer.getvalue()


def _share_streams(file: Any) -> None:
    """Keep each stream once that every part brought along: colour profiles, the fonts of papers that say the same."""
    import pikepdf

    kept: dict[tuple[str, bytes], Any] = {}
    twins: dict[tuple[int, int], Any] = {}
    for one in file.objects:
        if isinstance(one, pikepdf.Stream):
            told = sorted((key, value) for key, value in one.items() if key != "/Length")
            if any(getattr(value, "is_indirect", False) for _, value in told):
                continue  # two such may look the same and mean different things
            first = kept.setdefault((repr(told), one.read_raw_bytes()), one)
            if first.objgen != one.objgen:
                twins[one.objgen] = first
    waiting = list(file.objects)
    while waiting:
        one = waiting.pop()
        entries: list[tuple[Any, Any]]
        if isinstance(one, pikepdf.Array):
            entries = list(enumerate(one))
        elif isinstance(one, pikepdf.Dictionary | pikepdf.Stream):
            entries = list(one.items())
        else:
            continue
        for key, value in entries:
            if not isinstance(value, pikepdf.Object):
                continue
            if value.objgen in twins:
                one[key] = twins[value.objgen]
            elif not value.is_indirect:  # the indirect ones are in the list themselves
                waiting.append(value)


def missing_glyphs(text: str) -> str:
    """The characters of `text` that none of our fonts can print, each once, in their order."""
    found = dict.fromkeys(c for c in text if c not in "\n\r\t")
    missing = set(found)
    turning = missing & BIDI_CONTROLS  # the fonts have them; what stands behind them would be printed backwards
    for name in FONT_FILES:
        if missing and "Regular" in name:  # both weights of a family have the same characters
            missing -= {c for c in missing if ord(c) in _characters(name)}
    return "".join(c for c in found if c in missing | turning)


@cache
def _characters(name: str) -> frozenset[int]:
    """What a font file can print. Unicode's line and paragraph separators are in one and yet end in an empty box, or in
    a failed assertion of the engine, since Pango breaks the line there."""
    from fontTools.ttLib import TTFont

    return frozenset(TTFont(_FONT_DIR / name, lazy=True).getBestCmap()) - {0x2028, 0x2029}


_loading = threading.Lock()


def _engine() -> ModuleType:
    """WeasyPrint, imported at the first paper: on a machine without Pango the import fails."""
    with _loading:  # two first papers side by side would make it faster twice, which it refuses ever after
        return _loaded_engine()


@cache
def _loaded_engine() -> ModuleType:
    os.environ["FONTCONFIG_FILE"] = str(_FONT_DIR / "fonts.conf")  # fontconfig reads it when it is first used
    collected = gc.isenabled()
    gc.disable()  # what is imported stays
    try:
        import weasyprint
        import weasyprint.svg
        import weasyprint.text.ffi
        import weasyprint.text.line_break
        import weasyprint.urls

        speed.hasten(weasyprint)
    finally:
        if collected:
            gc.enable()
    return weasyprint


@cache
def _fonts() -> Any:
    from weasyprint.text.fonts import FontConfiguration

    fonts = FontConfiguration()
    fonts._folder = Path(os.devnull) / "none"  # it would make one to put the first font in that a style asks to fetch
    return fonts


def forget_fonts() -> None:
    """Let go of the loaded fonts; the next paper loads them again, from fontconfig's cache."""
    speed.forget_fonts(_engine())
    _fonts.cache_clear()


def _styles(names: Sequence[str], more: str) -> list[Any]:
    return [_stylesheet(name) for name in names] + ([_style(more)] if more else [])


@cache
def _stylesheet(name: str) -> Any:
    return _style((ROOT / "static" / name).read_text(encoding="utf-8"))


@cache
def _style(text: str) -> Any:
    sheet = _engine().CSS(string=text, font_config=_fonts(), url_fetcher=_fetcher())
    speed.mark_lasting(sheet, text)
    return sheet


def _fetcher(pictures: Mapping[str, tuple[bytes, str]] | None = None) -> Any:
    return _own_resources()(pictures or {})


@cache
def _own_resources() -> Any:
    urls = _engine().urls

    class OwnResources(urls.URLFetcher):  # type: ignore[misc, name-defined]
        """Gives what stands in `_RESOURCES`, and the kept pictures of this paper; anything else ends the rendering."""

        def __init__(self, pictures: Mapping[str, tuple[bytes, str]]) -> None:
            super().__init__(allowed_protocols=())
            self.pictures = pictures

        def fetch(self, url: str, headers: Any = None) -> Any:
            if url in _RESOURCES:
                path, media_type = _RESOURCES[url]
                data = path.read_bytes()
            elif url.startswith("kept:") and url[5:] in self.pictures:
                data, media_type = self.pictures[url[5:]]
            else:
                raise urls.FatalURLFetchingError(f"a paper may not fetch {url[:200]}")
            return urls.URLFetcherResponse(url, data, {"Content-Type": media_type})

    return OwnResources
