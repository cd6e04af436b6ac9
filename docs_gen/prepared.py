"""Drafts that are made before somebody opens them.

A draft is a file named by the hash of all that it is made of: the facts, the template with what it includes and its
styles, the pack, the fonts, the programs. So what is found under that name is the very paper, byte for byte, that would
be made now, and nothing has to be told that something has changed. An issued paper is another file and never here.

To know the hash one needs the facts, and they cost more than to read the file. They follow from what the database
answers, so each process remembers what it asked for them and a digest of the answers (`database.answers_digest`): as
long as the same questions have the same answers, the facts are the same, and the hash too. Who may see a paper is asked
before that, at each request, by the view.

The files can be lost at any time: then the paper is made. They are bounded in size and in age. Where kept files lie in
a store, drafts are put there too, since the worker that prepares them is not the host that is asked; a host has a copy
of what it has opened.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import logging
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import buckets
from config import ROOT, Settings
from database import Question, answers_digest, noting_questions, one_view, only_if_free, utc_now
from docs_gen.checklist import checklist
from docs_gen.document_types import DocumentType, PaperPart, print_job, told_by, versions
from docs_gen.facts import ShipmentFacts, to_json
from docs_gen.issuing import paper_of
from docs_gen.models import TemplatePack
from docs_gen.render_pool import render_many
from errors import N_, Unavailable
from jobs.kinds import Kind, register
from jobs.queue import order
from jobs.running import Run
from shipments.models import Shipment

log = logging.getLogger("roundtrip")

#: Bytes of all files together, and days since one was last opened.
MOST_BYTES, MOST_DAYS = 512 * 1024 * 1024, 14
_REMEMBERED = 256
_AT_ONCE = 4


@dataclass(frozen=True)
class _Known:
    """What the facts of a draft were read by, and the name of its file."""

    questions: tuple[Question, ...]
    answers: str
    shape: str  # versions of template, styles, pack: they may change while a process runs
    name: str


_known: OrderedDict[tuple[object, ...], _Known] = OrderedDict()
_lock = threading.Lock()


def opened(shipment: Shipment, kind: DocumentType, part: str, settings: Settings) -> bytes | None:
    """The draft of this paper as it is now; None when the shipment has none. Raises RenderError.

    The caller has seen to it that who asks may see the shipment and this kind of paper.
    """
    with _lock:
        known = _known.get(_about(shipment, kind.code, part, settings))
    if known is not None and known.shape == _shape(kind):
        with one_view():
            same = answers_digest(known.questions) == known.answers
        if same and (data := _read(settings, known.name)) is not None:
            return data
    paper = remembered(shipment, kind.code, part, settings)
    if paper is None:
        return None
    [draft] = drafts([paper], settings)
    if isinstance(draft, Exception):
        raise draft
    return draft


def remembered(shipment: Shipment, code: str, part: str, settings: Settings) -> PaperPart | None:
    """`issuing.paper_of`, and what was asked for it, so that the draft can be found without its facts: for the page
    that shows the draft, whose browser asks for the file a moment later."""
    with one_view(), noting_questions() as questions:
        # Its row is asked for here too: what the caller has read of it is an answer that nobody would ask for again.
        paper = paper_of(Shipment.get_by_id(shipment.id), code, part, settings.base_url)
        if paper is None:
            return None
        asked = tuple(questions)
        known = _Known(asked, answers_digest(asked), _shape(paper.type), name_of(paper.type, paper.facts))
    about = _about(shipment, code, part, settings)
    with _lock:
        _known[about] = known
        _known.move_to_end(about)
        while len(_known) > _REMEMBERED:
            _known.popitem(last=False)
    return paper


def _about(shipment: Shipment, code: str, part: str, settings: Settings) -> tuple[object, ...]:
    return settings.database_url, settings.base_url, shipment.id, code, part


def drafts(papers: Sequence[PaperPart], settings: Settings) -> list[bytes | Exception]:
    """The draft of each paper, or why there is none; what is not there is made, several side by side."""
    names = [name_of(paper.type, paper.facts) for paper in papers]
    found: list[bytes | Exception | None] = [_read(settings, name) for name in names]
    missing = [place for place, data in enumerate(found) if data is None]
    jobs = [print_job(papers[i].type, papers[i].facts, pictures_dir=settings.pictures_dir) for i in missing]
    for place, answer in zip(missing, render_many(jobs), strict=True):
        if isinstance(answer, Exception):
            found[place] = answer
        else:
            found[place] = answer.data
            _keep(settings, names[place], answer.data)
    return [one if one is not None else RuntimeError("not made") for one in found]


def name_of(kind: DocumentType, facts: ShipmentFacts) -> str:
    """64 hex digits that change with everything that shapes a draft of this kind with these facts.

    The pictures on it are named in the facts by their own SHA-256.
    """
    parts = ("draft", kind.code, to_json(told_by(kind, facts)), _shape(kind), programs())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _shape(kind: DocumentType) -> str:
    """The versions of all files that shape a paper of this kind."""
    return versions(kind) + (f" {kind.pack.sha256}" if kind.pack else "")


@cache
def programs() -> str:
    """What shapes papers besides facts, templates and fonts: the libraries, and our own code that draws."""
    pango = ctypes.CDLL("libpango-1.0.so.0").pango_version()
    name_harfbuzz = ctypes.CDLL("libharfbuzz.so.0").hb_version_string
    name_harfbuzz.restype = ctypes.c_char_p
    digest = hashlib.sha256(f"{pango} {name_harfbuzz().decode()}".encode())
    for library in ("weasyprint", "pydyf", "tinycss2", "tinyhtml5", "fonttools", "jinja2", "qrcode", "zxing-cpp"):
        digest.update(f"{library} {version(library)}\n".encode())
    for path in (*sorted((ROOT / "docs_gen").rglob("*.py")), ROOT / "assets" / "labels.py", ROOT / "requirements.txt"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


# ---- prepared in the background


def prepare_when_changed(shipment: Shipment, facts: ShipmentFacts, now: datetime, settings: Settings) -> None:
    """Order the preparation of a shipment whose facts are others than those of the last one: whatever has changed, a
    scan, a partner's address, a template. For a page that has the facts anyway; when it cannot, nobody is kept."""
    if shipment.state in _OVER or _read(settings, _mark(facts)) is not None:
        return
    with only_if_free():
        order("prepare_papers", {"shipment": shipment.id}, now, key=f"prepare:{shipment.id}", about=shipment.number,
              entity=shipment.consignor)  # fmt: skip


#: Nobody opens a draft of these.
_OVER = ("closed", "cancelled")


def _mark(facts: ShipmentFacts) -> str:
    """The name of an empty file that says: the papers of a shipment with these facts have been prepared."""
    packs = TemplatePack.select(TemplatePack.sha256).where(TemplatePack.active).order_by(TemplatePack.id).tuples()
    parts = ("prepared", to_json(facts), programs(), _templates(), repr(list(packs)))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _templates() -> str:
    """When the newest template or style was written: as good as its content to know that something has changed."""
    folders = (ROOT / "templates" / "documents", ROOT / "static", ROOT / "static" / "papers")
    return repr([(folder.stat().st_mtime_ns, max(_times(folder))) for folder in folders])


def _times(folder: Path) -> list[int]:
    with os.scandir(folder) as entries:
        return [one.stat().st_mtime_ns for one in entries] or [0]


def _prepare(run: Run) -> None:
    """Make the drafts of the papers that a shipment needs; those that are there cost nothing."""
    shipment = Shipment.get_or_none(Shipment.id == run.args["shipment"])
    if shipment is None or shipment.state in _OVER:
        return
    with one_view():
        listed = checklist(shipment, run.settings.base_url)
        mark = _mark(listed.facts)
    papers = [row.paper for row in listed.rows]
    for start in range(0, len(papers), _AT_ONCE):
        run.step(start, len(papers))
        for answer in drafts(papers[start : start + _AT_ONCE], run.settings):
            if isinstance(answer, Exception):  # whoever opens it is told; it is nothing to try again
                log.info("job %s: a paper of %s was not prepared: %s", run.job.id, shipment.number, answer)
    _keep(run.settings, mark, b"")
    run.step(len(papers), len(papers))


def _bound(run: Run) -> None:
    """Remove what nobody has opened for long, and the oldest while all together are too large."""
    bound(run.settings.prepared_dir, time.time(), MOST_BYTES, MOST_DAYS)
    if shared := run.settings.shared_prepared:
        for name in list(buckets.names_before(shared, utc_now() - timedelta(days=MOST_DAYS))):
            buckets.discard(shared, name)
            run.step()


PREPARE = register(Kind("prepare_papers", N_("Preparing papers"), _prepare, seconds=300, tries=2))
BOUND = register(Kind("bound_prepared", N_("Clearing up prepared papers"), _bound, every=timedelta(hours=1)))


# ---- the files: the SHA-256 of the content, then the content


def _path(folder: Path, name: str) -> Path:
    return folder / name[:2] / f"{name}.draft"


def _read(settings: Settings, name: str) -> bytes | None:
    """None when it is not there, or not whole."""
    path = _path(settings.prepared_dir, name)
    try:
        data = path.read_bytes()
    except OSError:
        found = _of_another_host(settings, name)
        if found is not None:
            _write(path, found)
        return found
    if hashlib.sha256(data[32:]).digest() != data[:32]:
        path.unlink(missing_ok=True)
        return None
    with contextlib.suppress(OSError):
        if time.time() - path.stat().st_mtime > 3600:
            os.utime(path)  # it is in use: not the next to go
    return data[32:]


def _keep(settings: Settings, name: str, data: bytes) -> None:
    """Keep a draft, for other hosts too. A full disk and a store that is away keep nobody from his paper."""
    _write(_path(settings.prepared_dir, name), data)
    if shared := settings.shared_prepared:
        _asked(lambda: buckets.put(shared, f"{name}.draft", hashlib.sha256(data).digest() + data))


def _of_another_host(settings: Settings, name: str) -> bytes | None:
    """What a host has put into the store; None when there is nothing, or it is not whole."""
    shared = settings.shared_prepared
    data = _asked(lambda: buckets.get(shared, f"{name}.draft")) if shared else None
    return data[32:] if data is not None and hashlib.sha256(data[32:]).digest() == data[:32] else None


#: Seconds in which a store that did not answer is not asked again for what can be made as well.
_LEFT_ALONE = 60
_away_until = 0.0


def _asked(ask: Callable[[], Any]) -> Any:
    """What the store answers; None when it has nothing or does not answer."""
    global _away_until
    if time.monotonic() < _away_until:
        return None
    try:
        return ask()
    except FileNotFoundError:
        return None
    except Unavailable:
        _away_until = time.monotonic() + _LEFT_ALONE
        log.warning("prepared papers are not shared for %s seconds: the store does not answer", _LEFT_ALONE)
        return None


def _write(path: Path, data: bytes) -> None:
    """What a crash leaves half is not read."""
    draft = path.with_name(f".{path.stem}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(hashlib.sha256(data).digest() + data)
        draft.replace(path)
    except OSError as error:
        log.warning("a prepared paper could not be kept: %s", error)
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def bound(folder: Path, now: float, most_bytes: int, most_days: float) -> int:
    """Remove files of which nobody has had use for so many days, then the oldest until the rest is small enough; gives
    how many went. `now`: seconds since 1970."""
    files = []
    for path in folder.glob("*/*"):
        with contextlib.suppress(OSError):
            found = path.stat()
            files.append((found.st_mtime, found.st_size, path))
    total, gone = sum(size for _, size, _ in files), 0
    for used, size, path in sorted(files):
        if total <= most_bytes and now - used < most_days * 86_400:
            break
        path.unlink(missing_ok=True)
        total, gone = total - size, gone + 1
    return gone
