"""A template pack as a folder or a ZIP ↔ what it says: which types it overrides or adds, with which templates.

A process of its own unpacks it and gives texts and plain values (`pack_reader`); only their form is judged here, and
nothing of it is run. What its templates do, a worker finds out (`docs_gen.packs`). docs/templates.md teaches the
format.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import stat
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from apart import NotRead, read_apart
from config import ROOT
from docs_gen.document_types import GOODS, MONEY, DocumentType
from docs_gen.facts import ShipmentFacts
from docs_gen.sandbox import PackSource
from errors import N_, InvalidInput, message_of
from pack_reader import MAX_BYTES, MAX_FILES, MAX_UNPACKED, NO_PLAIN_FILE, TOO_LARGE, TOO_MANY, fault

MAX_TYPES = 12
_WALL_SECONDS = 15

#: what `checks` of an added type may name
CHECKS = {"goods": GOODS, "money": MONEY}
_CODE = re.compile(r"[a-z][a-z0-9_]{2,31}")
_NAME = re.compile(r"[a-z][a-z0-9-]{1,19}")  # so long that name and version fit beside the others in a paper's row
_SERIES = re.compile(r"[A-Z]{2,4}")
_PAGE = re.compile(r"[a-z][a-z-]{0,19}")
_TEXTS = {"title_en": 60, "title_zh": 60, "orientation": 20}  # → characters
_ADDED_ONLY = {"series", "un_code", "checks", "styles", "names_invoice", "prices"}


@dataclass(frozen=True)
class Pack:
    """What a pack says of itself, and its types ready to be registered."""

    name: str
    label: str  # its version as its author calls it
    description: str
    sha256: str  # of the ZIP
    types: tuple[DocumentType, ...]
    samples: tuple[tuple[str, str], ...]  # code → facts as JSON, not yet read


def zip_of(folder: Path) -> bytes:
    """The files of a folder as a ZIP, the same bytes for the same files. Raises InvalidInput: links, too much.

    Files whose names begin with a dot or end with ~ are an editor's own and stay out.
    """
    buffer = io.BytesIO()
    total = 0
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        names = sorted(path.name for path in folder.iterdir())
        wanted = [name for name in names if not name.startswith(".") and not name.endswith("~")]
        if len(wanted) > MAX_FILES:
            raise InvalidInput("file", TOO_MANY, max=MAX_FILES)
        for name in wanted:
            path = folder / name
            if not stat.S_ISREG(path.lstat().st_mode):
                raise fault(name, NO_PLAIN_FILE)
            total += path.stat().st_size
            if total > MAX_UNPACKED:
                raise InvalidInput("file", TOO_LARGE, max=MAX_UNPACKED >> 20)
            packed.writestr(zipfile.ZipInfo(name), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def read_pack(data: bytes, known: Mapping[str, DocumentType], version: int = 0) -> Pack:
    """The pack in a ZIP. `known`: our own types, which it may override.

    Raises InvalidInput(`file`) with what is wrong.
    """
    if len(data) > MAX_BYTES:
        raise InvalidInput("file", N_("The file is larger than %(max)s MB."), max=MAX_BYTES >> 20)
    try:
        answer = json.loads(read_apart("pack_reader.py", data, _WALL_SECONDS))
    except NotRead as error:
        raise InvalidInput("file", N_("The file takes too long or too much memory to read.")) from error
    if "fault" in answer:
        told = message_of(answer["fault"])
        raise InvalidInput("file", told.text, **told.values)
    return judged(answer["files"], answer["toml"], hashlib.sha256(data).hexdigest(), known, version)


def judged(
    files: dict[str, str], entry: dict[str, Any], sha256: str, known: Mapping[str, DocumentType], version: int = 0
) -> Pack:
    """The pack of these files, whose pack.toml says `entry`. Raises InvalidInput(`file`)."""
    name = _text(entry, "name", 20)
    if not _NAME.fullmatch(name):
        raise fault("pack.toml", N_("name: 2 to 20 small letters, digits and hyphens, like “acme-papers”"))
    told = entry.get("types")
    if not isinstance(told, dict) or not told or not all(isinstance(one, dict) for one in told.values()):
        raise fault("pack.toml", N_("it names no type: a section [types.packing_list] is needed"))
    if len(told) > MAX_TYPES:
        raise fault("pack.toml", N_("at most %(max)s types"), max=MAX_TYPES)
    _no_others(entry, {"name", "version", "description", "types"}, "pack.toml")
    source = PackSource(
        name=name,
        version=version,
        sha256=sha256,
        templates=tuple((file, text) for file, text in files.items() if file.endswith(".html")),
        styles=tuple((Path(file).stem, text) for file, text in files.items() if file.endswith(".css")),
    )
    for file in files:
        code = file.partition(".")[0]
        if code not in told and file != "README.md" and not (file.startswith("_") and file.endswith(".html")):
            raise fault(file, N_("belongs to no type that pack.toml names"))
    types = tuple(_type(code, one, source, known) for code, one in told.items())
    series = [type.series for type in types if type.code not in known]
    if len(series) != len(set(series)):
        raise fault("pack.toml", N_("two types have the same series"))
    return Pack(
        name=name,
        label=_text(entry, "version", 40),
        description=_text(entry, "description", 500),
        sha256=sha256,
        types=types,
        samples=tuple(
            (file.removesuffix(".sample.json"), text) for file, text in files.items() if file.endswith(".sample.json")
        ),
    )


def _type(code: str, entry: dict[str, Any], source: PackSource, known: Mapping[str, DocumentType]) -> DocumentType:
    where = f"pack.toml [types.{code}]"
    if not _CODE.fullmatch(code):
        raise fault(where, N_("a code has 3 to 32 small letters, digits and underscores"))
    texts: dict[str, Any] = {key: _text(entry, key, most, where) for key, most in _TEXTS.items() if key in entry}
    if not _PAGE.fullmatch(texts.get("orientation", "portrait")):
        raise fault(where, N_("orientation: portrait, landscape, or the name of a page in the style sheet"))
    if code in known:
        if known[code].facts is not ShipmentFacts:
            raise fault(where, N_("a pack may change the papers of a shipment only"))
        _no_others(entry, set(_TEXTS), where)
        return replace(known[code], pack=_with_template(source, code), **texts)
    _no_others(entry, {*_TEXTS, *_ADDED_ONLY}, where)
    if not {"title_en", "title_zh", "series"} <= set(entry):
        raise fault(where, N_("a type of your own needs title_en, title_zh and series"))
    if code not in (Path(file).stem for file, _ in source.templates):
        raise fault(where, N_("the template %(name)s.html is missing"), name=code)
    series = _text(entry, "series", 4, where)
    if not _SERIES.fullmatch(series) or series in {type.series for type in known.values()}:
        raise fault(where, N_("series: 2 to 4 capital letters that no type of Roundtrip has"))
    un_code = _text(entry, "un_code", 3, where)
    if un_code and not (un_code.isascii() and un_code.isdecimal()):
        raise fault(where, N_("un_code: the digits of UNTDID 1001, or leave it out"))
    styles = _list(entry, "styles", our_styles(), where)
    checks = [check for group in _list(entry, "checks", CHECKS, where) for check in CHECKS[group]]
    names_invoice = entry.get("names_invoice", False)
    if not isinstance(names_invoice, bool):
        raise fault(where, N_("names_invoice: true or false"))
    prices = entry.get("prices", True)
    if not isinstance(prices, bool):
        raise fault(where, N_("prices: true or false"))
    return DocumentType(
        code=code,
        title=f"{texts['title_en'].capitalize()} {texts['title_zh']}".strip(),
        title_en=texts["title_en"],
        title_zh=texts["title_zh"],
        un_code=un_code,
        series=series,
        checks=tuple(dict.fromkeys(checks)),
        orientation=texts.get("orientation", "portrait"),
        styles=("paper.css", *styles),
        names_invoice=names_invoice,
        asks="prices.see" if prices else "",
        pack=source,
    )


def our_styles() -> list[str]:
    """The style sheets of ours that a type may ask for besides paper.css."""
    return sorted(f"papers/{path.name}" for path in (ROOT / "static" / "papers").glob("*.css"))


def _with_template(source: PackSource, code: str) -> PackSource:
    """The same; where the pack changes only style or titles of a type of ours, with our template."""
    file = f"{code}.html"
    if file in dict(source.templates):
        return source
    return replace(source, templates=(*source.templates, (file, f'{{% extends "ours/{file}" %}}')))


def _text(entry: Mapping[str, Any], key: str, most: int, where: str = "pack.toml") -> str:
    value = entry.get(key, "")
    if not isinstance(value, str) or len(value) > most or not value.replace("\n", "").isprintable():
        raise fault(where, N_("%(key)s: a text of at most %(max)s characters"), key=key, max=most)
    return value.strip()


def _list(entry: Mapping[str, Any], key: str, allowed: Iterable[str], where: str) -> list[str]:
    value = entry.get(key, [])
    if not isinstance(value, list) or not set(map(str, value)) <= set(allowed):
        raise fault(where, N_("%(key)s: a list of these: %(names)s"), key=key, names=", ".join(allowed))
    return [str(one) for one in value]


def _no_others(entry: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in entry:
        if key not in known:
            raise fault(where, N_("%(key)s means nothing here"), key=key[:40])
