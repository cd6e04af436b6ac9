"""Template packs: what is hostile is refused or stopped and harms nobody; what is good prints, is versioned, turned back."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import NOW, PASS, SignedIn
from flask import Flask
from large import LARGE, tried
from pypdf import PdfReader
from samples import World
from test_render_pool import peak, workers

import archive
from accounts.people import create_user
from config import ROOT, Settings
from docs_gen import looks, pack_files, packs, register, render_pool
from docs_gen.document_types import DocumentType, Imprint, print_job, render_paper
from docs_gen.facts import to_json
from docs_gen.issuing import Order, issue_document, render_document
from docs_gen.models import IssuedDocument, TemplatePack
from docs_gen.pack_files import read_pack, zip_of
from docs_gen.register import REGISTER, types
from docs_gen.render import RenderError
from docs_gen.render_pool import render_limited
from docs_gen.samples import sample_facts
from docs_gen.sandbox import PackSource
from errors import InvalidInput, Refused, Unavailable

FACTS = sample_facts(1)
PLAIN = DocumentType(
    code="gate_pass", title="", title_en="GATE PASS", title_zh="出门证", un_code="", series="GP", checks=()
)

TOML = """
name = "acme"
version = "2026-11"
description = "Papers of the second plant."

[types.packing_list]
title_en = "PACKING LIST WERK 2"

[types.gate_pass]
title_en = "GATE PASS"
title_zh = "出门证"
series = "GP"
checks = ["goods"]
"""
GATE_PASS = """{% extends "_base.html" %}
{% from "_parts.html" import party %}
{% block content %}
<h1 class="pass">{{ type.title_en }} {{ type.title_zh }} {{ number or 'DRAFT' }}</h1>
{{ party(facts.seller) }}{{ party(facts.consignee) }}
<p>{{ facts.package_count }} packages, {{ facts.gross_mass|kilograms }} kg. WERK-2-TEXT</p>
{% endblock %}
"""
FILES = {"pack.toml": TOML, "gate_pass.html": GATE_PASS, "gate_pass.css": ".pass { color: #1a4f8b }"}


@pytest.fixture(scope="module", autouse=True)
def pool() -> Iterator[None]:
    yield
    render_pool.close()


@pytest.fixture
def settings(app: Flask) -> Settings:
    return app.config["ROUNDTRIP"]


def packed(files: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in files.items():
            file.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)  # no time: the same files, the same bytes
    return buffer.getvalue()


def with_template(html: str, css: str = "") -> DocumentType:
    source = PackSource("acme", 1, "0" * 64, (("gate_pass.html", html),), (("gate_pass", css),))
    return replace(PLAIN, pack=source)


def said(data: bytes) -> str:
    return "".join("".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages).split())


def invoice() -> bytes:
    job = print_job(REGISTER["commercial_invoice"], FACTS)
    return render_limited(job.html, **job.options).data


# ---- hostile templates and styles

REFUSED = {
    "a class": ("{{ ''.__class__.__mro__ }}", "unsafe"),
    "globals of the facts": ("{{ facts.__init__.__globals__ }}", "unsafe"),
    "globals of a method": ("{{ facts.wording.__globals__ }}", "unsafe"),
    "a class by format": ("{{ '{0.__class__}'.format(facts) }}", "unsafe"),
    "a class by map": ("{{ [facts]|map(attribute='__class__')|first }}", "unsafe"),
    "a filter that reaches attributes": ("{{ facts|attr('__class__') }}", "No filter"),
    "unescaped text": ("{{ facts.remarks|safe }}", "No filter"),
    "no escaping": ("{% autoescape false %}{{ facts.remarks }}{% endautoescape %}", "gate_pass.html:1: autoescape"),
    "chance": ("{{ [1, 2]|random }}", "No filter"),
    "a change": ("{% set d = {} %}{{ d.update(a=1) }}", "unsafe"),
    "a file of ours": ("{% include '../../config.py' %}", "no template"),
    "a long range": ("{% for i in range(10**9) %}x{% endfor %}", "Range too big"),
    "recursion": ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "without an end"),
    "itself": ("{% include 'gate_pass.html' %}", "without an end"),
    "deep nesting": ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "nested too deeply"),
    "the network": ("<img src='http://127.0.0.1:9/x.png'>", "may not fetch http"),
    "a file": ("<img src='file:///etc/passwd'>", "may not fetch file"),
    "data": ("<img src='data:image/png;base64,AAAA'>", "may not fetch data"),
    "a picture of others": (f"<img src='kept:{'0' * 64}'>", "may not fetch kept"),
    "a long text": ("{{ 'a' * 10**9 }}", "440 MB"),
    "a long number": ("{{ '%1000000000d'|format(1) }}", "440 MB"),
    "a wide text": ("{{ 'a'|center(10**10) }}", "440 MB"),
    "many rows": ("{{ [1]|batch(10**9, 0)|list|length }}", "440 MB"),
}
STYLES = {
    "import": ("@import url(http://127.0.0.1:9/x.css);", "may not fetch http"),
    "a file": ("body { background: url(file:///etc/passwd) }", "may not fetch file"),
    "a font of the network": ("@font-face { font-family: x; src: url(http://127.0.0.1:9/x.ttf) }", "may not fetch http"),
    "a font in the place of ours": (
        "@font-face { font-family: 'Noto Sans'; src: local('NotoSansCJKsc-Bold') }", "may not fetch file",
    ),
    "deep selectors": ("a" + ":not(a" * 20000 + ")" * 20000 + " { color: red }", "nested too deeply|memory|seconds"),
}  # fmt: skip
#: What is not refused but ended: template, style, and how; then what else is tried with the limits of service.
STOPPED = {
    "a loop": ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "", "{seconds}"),
    "a bomb of style": (
        "<p>x</p>", "p { display: grid; grid-template-columns: repeat(100000000, 1px) }", "440 MB|{seconds}",
    ),
}  # fmt: skip
LARGE_BOMBS = STOPPED | {
    "a long text": (REFUSED["a long text"][0], "", "440 MB"),
    "a long number": (REFUSED["a long number"][0], "", "440 MB"),
    "loops that keep what they make": (
        "{% for i in range(99999) %}{% for j in range(99999) %}{{ i }}-{{ j }} {% endfor %}{% endfor %}", "",
        "440 MB|{seconds}",
    ),
    "much text": ("{% for i in range(99999) %}{{ 'a' * 10**4 }}{% endfor %}", "", "440 MB"),
    "a text that doubles": (
        "{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}", "", "440 MB",
    ),
    "a number of many digits": ("{{ 9**(9**9) }}", "", "440 MB|{seconds}"),
    "endless recursion": (REFUSED["recursion"][0], "", "without an end"),
    "endless inclusion": (REFUSED["itself"][0], "", "without an end"),
    "a recursion with two ways": (
        "{% macro a(n) %}{% if n %}{{ a(n - 1) }}{{ a(n - 1) }}{% endif %}{% endmacro %}{{ a(60) }}", "", "{seconds}",
    ),
    "a wide cell": ("<table><tr><td colspan=1000000>x</table>", "", "440 MB|{seconds}"),
    "elements in elements": ("<div>" * 3_000 + "x", "", "nested too deeply"),
    "forced pages": ("{% for i in range(99999) %}<p>x</p>{% endfor %}", "p { break-after: page }", "440 MB|{seconds}"),
}  # fmt: skip


@contextmanager
def most_memory() -> Iterator[list[int]]:
    """The most that any worker has had resident meanwhile, in KiB: the last of what it gives."""
    peaks, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.01):
            peaks.append(max([peaks[-1], *(peak(worker.pid) for worker in workers())]))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield peaks
    finally:
        ended.set()
        watching.join()


def test_S2_hostile_templates_and_styles_are_refused_in_words_and_the_next_paper_is_the_same() -> None:
    before = invoice()
    hostile = {name: (with_template(html), words) for name, (html, words) in REFUSED.items()}
    hostile |= {f"style: {name}": (with_template("<p>x</p>", css), words) for name, (css, words) in STYLES.items()}
    with most_memory() as peaks:
        answers = render_pool.render_many([print_job(type, FACTS) for type, _ in hostile.values()])
    assert 0 < peaks[-1] < 512 << 10
    for (name, (_, words)), answer in zip(hostile.items(), answers, strict=True):
        assert isinstance(answer, RenderError), name
        assert re.search(words, str(answer)), (name, str(answer))
    assert invoice() == before


def test_S2_what_never_ends_is_stopped_within_its_limits_with_one_sentence_and_the_next_paper_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = invoice()  # the workers are there
    assert render_pool.SECONDS == 9
    if not LARGE:
        monkeypatch.setattr(render_pool, "SECONDS", 1)
    bombs, slowest = LARGE_BOMBS if LARGE else STOPPED, 0.0
    with most_memory() as peaks:
        for name, (html, css, words) in bombs.items():
            begun = time.monotonic()
            with pytest.raises(RenderError) as raised:
                render_paper(with_template(html, css), FACTS)
            seconds, told = time.monotonic() - begun, str(raised.value)
            print(f"{name}: {told}, after {seconds:.1f} s; {peaks[-1] >> 10} MB")
            assert re.search(words.replace("{seconds}", f"longer than {render_pool.SECONDS} seconds"), told), (
                name,
                told,
            )
            assert len(told.splitlines()) == 1
            assert seconds < (10 if LARGE else 60), name  # small: and what a busy machine adds
            slowest = max(slowest, seconds)
            assert invoice() == before
    assert 0 < peaks[-1] < 512 << 10
    tried(
        "S2",
        f"bombs in templates and styles, with the limits of service: the last was ended after {slowest:.1f} s, "
        f"a worker had at most {peaks[-1] >> 10} MB",
        len(bombs),
    )


def test_an_error_names_the_file_and_the_line() -> None:
    for html, words in (
        ("a\nb\n{{ facts.sellr }}", r"gate_pass\.html:3: .*sellr"),
        ("x\n\n{% if %}", r"gate_pass\.html:3: Expected an expression"),
        ("\n{{ 1 / 0 }}", r"gate_pass\.html:2: division by zero"),
    ):
        with pytest.raises(RenderError, match=words):
            render_paper(with_template(html), FACTS)


def test_S2_text_of_people_stays_text() -> None:
    facts = replace(FACTS, remarks="<script>alert(1)</script><img src='file:///etc/passwd'>{{ 7*7 }}")
    paper = render_paper(with_template("<p>{{ facts.remarks }}</p>"), facts)
    assert "<script>alert(1)</script>" in said(paper.data)
    assert "{{7*7}}" in said(paper.data)


# ---- hostile packs


def linked() -> bytes:
    buffer = io.BytesIO(packed({"pack.toml": TOML}))
    with zipfile.ZipFile(buffer, "a") as file:
        link = zipfile.ZipInfo("gate_pass.html")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/passwd")
    return buffer.getvalue()


def lying() -> bytes:
    """Its directory says ten bytes where nine million come out."""
    data = bytearray(packed({"pack.toml": TOML, "gate_pass.html": "0" * 9_000_000}))
    size = (9_000_000).to_bytes(4, "little")
    assert data.count(size) == 2
    return bytes(data).replace(size, (10).to_bytes(4, "little"))


def overlapping() -> bytes:
    """Two names for the same bytes: a bomb that no size of a file tells of."""
    data = packed({"pack.toml": TOML, "_a.html": "x" * 100, "_b.html": "x" * 100})
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        first, second = (file.getinfo(name).header_offset.to_bytes(4, "little") for name in ("_a.html", "_b.html"))
    head, tail = data[: data.index(b"PK\1\2")], data[data.index(b"PK\1\2") :]
    assert tail.count(second + b"_b.html") == 1
    return head + tail.replace(second + b"_b.html", first + b"_b.html")


def with_name(name: str) -> bytes:
    """A pack one of whose files has this name, which no program that makes ZIPs would give it."""
    data = packed({"pack.toml": TOML, "N" * len(name.encode()): "x"})
    return data.replace(b"N" * len(name.encode()), name.encode())


def folders() -> bytes:
    return packed({"pack.toml": TOML, **{f"{number}/": "" for number in range(60)}})


BAD = {
    "no zip": (lambda: b"PK\x03\x04 this is none", "no ZIP|not a ZIP"),
    "nothing": (lambda: b"", "not a ZIP"),
    "too large": (lambda: b"\0" * (2 * 1024 * 1024 + 1), "2 MB"),
    "a bomb": (lambda: packed({"pack.toml": TOML, "gate_pass.html": "0" * 9_000_000}), "8 MB"),
    "a bomb within the sizes": (lambda: packed({"pack.toml": TOML, "gate_pass.html": "0" * 7_000_000}), "far more than"),
    "a bomb that lies": (lying, "not a ZIP"),
    "overlapping files": (overlapping, "not a ZIP"),
    "many folders": (folders, "50 files"),
    "a name of Windows": (lambda: with_name("..\\..\\evil.html"), "plain files"),
    "a name with an end in it": (lambda: with_name("_a\0.html"), "kind|holds|plain"),
    "a name with a line in it": (lambda: with_name("_a\n.html"), "plain files"),
    "a name of none": (lambda: with_name(".."), "holds pack.toml"),
    "a name twice": (lambda: with_name("pack.toml"), "plain files"),
    "a long number": (lambda: packed({"pack.toml": "a = " + "9" * 5_000}), "pack.toml: Exceeds the limit"),
    "a table in a table": (lambda: packed({"pack.toml": f"[{'.'.join('a' * 900)}]"}), "nested too deeply|names no type"),
    "many files": (lambda: packed({f"_{number}.html": "" for number in range(51)}), "50 files"),
    "traversal": (lambda: packed({"pack.toml": TOML, "../evil.html": "x"}), "plain files"),
    "an absolute name": (lambda: packed({"pack.toml": TOML, "/tmp/evil.html": "x"}), "plain files"),
    "a link": (linked, "links"),
    "another kind of file": (lambda: packed({**FILES, "run.py": "x"}), "run.py"),
    "no text": (lambda: packed({**FILES, "gate_pass.css": b"\xff\xfe\x00"}), "UTF-8"),
    "no pack.toml": (lambda: packed({"gate_pass.html": "x"}), "pack.toml: it is missing"),
    "a broken pack.toml": (lambda: packed({"pack.toml": "name = "}), "pack.toml"),
    "a deep pack.toml": (lambda: packed({"pack.toml": "a=" + "[" * 20000}), "pack.toml"),
    "our series": (lambda: packed({**FILES, "pack.toml": TOML.replace('"GP"', '"CI"')}), "series"),
    "no template": (lambda: packed({"pack.toml": TOML}), "gate_pass.html is missing"),
    "a stray template": (lambda: packed({**FILES, "other.html": "x"}), "other.html"),
    "an unknown check": (lambda: packed({**FILES, "pack.toml": TOML.replace('"goods"', '"os"')}), "checks"),
    "an unknown word": (lambda: packed({**FILES, "pack.toml": TOML + "parts = 1"}), "parts"),
    "a style of the machine": (
        lambda: packed({**FILES, "pack.toml": TOML + 'styles = ["../../etc/passwd"]'}), "styles",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_pack_of_a_wrong_form_is_refused_in_words(name: str) -> None:
    make, words = BAD[name]
    with pytest.raises(InvalidInput, match=words):
        read_pack(make(), REGISTER)


def test_S9_a_pack_that_its_process_does_not_get_through_is_told_and_one_in_use_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, db: Any, settings: Settings, taken: TemplatePack
) -> None:
    packs.use(taken)
    monkeypatch.setattr(pack_files, "_WALL_SECONDS", 0.001)
    with pytest.raises(InvalidInput, match="too long or too much memory"):
        read_pack(packed(FILES), REGISTER)
    # One that was taken could be read: now the machine cannot, and no paper is printed by another template for that.
    register._pack.cache_clear()
    with pytest.raises(Unavailable):
        types()
    monkeypatch.undo()
    assert "gate_pass" in types()


def test_a_folder_with_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pack.toml").symlink_to("/etc/passwd")
    with pytest.raises(InvalidInput, match="links"):
        zip_of(tmp_path)


def test_a_folder_and_its_zip_are_the_same_pack_also_inside_a_folder(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / ".swp").write_text("an editor's")
    of_folder = read_pack(zip_of(tmp_path), REGISTER)
    inside = read_pack(packed({f"acme/{name}": text for name, text in FILES.items()}), REGISTER)
    assert (
        [type.code for type in of_folder.types] == [type.code for type in inside.types] == ["packing_list", "gate_pass"]
    )
    assert of_folder.types[0].title_en == "PACKING LIST WERK 2"
    assert of_folder.types[1].series == "GP"


# ---- taking, using, turning back


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gate_pass.html": GATE_PASS.replace("{{ party(facts.consignee) }}", "")}, "does not say “Hamburg Automotive"),
        ({"gate_pass.html": GATE_PASS.replace("{{ number or 'DRAFT' }}", "")
          .replace("_base.html", "_bare.html"), "_bare.html": "{% block content %}{% endblock %}"}, "does not say “GP-2026"),
        ({"gate_pass.html": GATE_PASS.replace("facts.package_count", "facts.pakage_count")}, "gate_pass.html:6"),
        ({"gate_pass.css": ".pass { display: none } body > * { display: none }"}, "does not say"),
        ({"gate_pass.sample.json": '{"shipment_number": 1}'}, "the sample holds no facts"),
        ({"gate_pass.sample.json": "[" * 100_000}, "the sample holds no facts"),
    ],
)  # fmt: skip
def test_a_pack_is_not_taken_while_a_sample_does_not_come_out(
    db: Any, settings: Settings, change: dict[str, str], words: str
) -> None:
    only = TOML[: TOML.index("[types.packing_list]")] + TOML[TOML.index("[types.gate_pass]") :]
    with pytest.raises(InvalidInput, match=words):
        packs.take(packed({**FILES, "pack.toml": only, **change}), None, NOW, settings.packs_dir)
    assert TemplatePack.select().count() == 0
    assert not settings.packs_dir.exists()


@pytest.fixture
def taken(db: Any, settings: Settings) -> TemplatePack:
    """What `take` leaves, without the drawing of every sample before: tests of taking are above and below."""
    data = packed(FILES)
    return TemplatePack.create(
        name="acme", version=1, sha256=archive.keep(settings.packs_dir, data, suffix=".zip"), uploaded_time=NOW,
        types="packing_list gate_pass",
    )  # fmt: skip


def test_a_pack_prints_once_it_is_in_use_and_papers_remember_its_version(
    world: World, settings: Settings, taken: TemplatePack
) -> None:
    plain = issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings)
    assert not plain.template.startswith("pack ")
    assert "gate_pass" not in types()
    packs.use(taken)
    assert list(types())[-1] == "gate_pass"
    assert list(types())[:-1] == list(REGISTER)

    first = issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings)
    assert re.match(r"pack acme/1 [0-9a-f]{12}, fonts [0-9a-f]{12}$", first.template)
    assert len(first.template) <= 64
    own = issue_document(world.shipment, Order("gate_pass", reasons=PASS), None, NOW, settings)
    assert own.number == "GP-2026-0001"
    assert "PACKINGLISTWERK2" in said(render_document(first).data)
    assert "WERK-2-TEXT" in said(render_document(own).data)

    later = packed({**FILES, "gate_pass.html": GATE_PASS.replace("WERK-2-TEXT", "WERK-3-TEXT")})
    second = packs.take(later, None, NOW, settings.packs_dir)
    assert second.version == 2
    packs.use(second)
    assert [row.active for row in TemplatePack.select().order_by(TemplatePack.version)] == [False, True]
    newer = issue_document(world.shipment, Order("gate_pass", reasons=PASS), None, NOW, settings)
    assert newer.template.startswith("pack acme/2 ")
    assert "WERK-3-TEXT" in said(render_document(newer).data)
    # what was printed by version 1, and by none, is printed so again, byte by byte
    for document in (plain, first, own):
        assert render_document(IssuedDocument.get_by_id(document.id)).data == archive.read(
            settings.archive_dir, document.sha256
        )

    packs.use(TemplatePack.get_by_id(taken.id))  # turned back
    back = issue_document(world.shipment, Order("gate_pass", reasons=PASS), None, NOW, settings)
    assert back.template.startswith("pack acme/1 ")
    packs.put_aside(taken)
    assert types() == REGISTER
    with pytest.raises(Refused):
        issue_document(world.shipment, Order("gate_pass", reasons=PASS), None, NOW, settings)
    assert "WERK-2-TEXT" in said(render_document(IssuedDocument.get_by_id(back.id)).data)


def test_the_same_pack_is_not_taken_twice_and_two_packs_never_have_the_same_paper(
    settings: Settings, taken: TemplatePack
) -> None:
    with pytest.raises(Refused, match="version 1 of acme"):
        packs.take(packed(FILES), None, NOW, settings.packs_dir)
    packs.use(taken)
    toml = 'name = "other"\n[types.out_pass]\ntitle_en = "OUT PASS"\ntitle_zh = "出"\nseries = "GP"\n'
    other = packs.take(packed({"pack.toml": toml, "out_pass.html": GATE_PASS}), None, NOW, settings.packs_dir)
    with pytest.raises(Refused, match="out_pass"):
        packs.use(other)
    assert "out_pass" not in types()


def test_a_lost_pack_is_left_out_and_our_own_templates_print(settings: Settings, taken: TemplatePack) -> None:
    packs.use(taken)
    register._pack.cache_clear()
    for path in settings.packs_dir.glob("??/*"):
        path.unlink()
    assert types() == REGISTER
    assert [fault for fault in looks.faults(settings.pictures_dir, settings.packs_dir) if taken.sha256 in fault]


def test_pages_and_lists_know_an_added_paper(
    client: SignedIn, world: World, settings: Settings, taken: TemplatePack
) -> None:
    packs.use(taken)
    assert "Gate pass 出门证" in client.get("/shipments/S-2026-0001").get_data(as_text=True)
    page = client.get("/shipments/S-2026-0001/documents/gate_pass")
    assert page.status_code == 200
    draft = client.get("/shipments/S-2026-0001/documents/gate_pass.pdf")
    assert "WERK-2-TEXT" in said(draft.data)
    assert "DRAFT" in said(draft.data)
    document = issue_document(world.shipment, Order("gate_pass", reasons=PASS), None, NOW, settings)
    packs.put_aside(taken)
    for path in ("/documents", f"/v/{document.verify_code}", "/shipments/S-2026-0001", "/shipments/S-2026-0001/documents.zip",
                 f"/documents/{document.id}.pdf"):  # fmt: skip
        assert client.get(path).status_code == 200, path


def test_upload_page_takes_shows_uses_and_turns_back(client: SignedIn, world: World, settings: Settings) -> None:
    def upload(data: bytes) -> Any:
        return client.post("/packs", data={"file": (io.BytesIO(data), "acme.zip")}, content_type="multipart/form-data")

    wrong = upload(packed({**FILES, "gate_pass.html": "{{ 7 + }}"}))
    assert wrong.status_code == 422
    assert "gate_pass.html:1" in wrong.get_data(as_text=True)
    answer = upload(packed(FILES))
    assert answer.status_code == 302
    page = answer.headers["Location"]
    assert "gate_pass.pdf" in client.get(page).get_data(as_text=True)
    sample = client.get(f"{page}/gate_pass.pdf")
    assert sample.mimetype == "application/pdf"
    assert "WERK-2-TEXT" in said(sample.data)
    assert client.get(f"{page}/commercial_invoice.pdf").status_code == 404
    assert client.post(f"{page}/use").status_code == 302
    assert "gate_pass" in types()
    assert client.post(f"{page}/put-aside").status_code == 302
    assert "gate_pass" not in types()


def test_only_administrators_reach_packs_and_nothing_works_without_the_token(
    app: Flask, client: SignedIn, taken: TemplatePack
) -> None:
    assert client.post(f"/packs/{taken.id}/use", csrf=False).status_code == 400
    with app.app_context():
        clerk = create_user("clerk", "correct horse battery", NOW, role="document_clerk")
    other = SignedIn(app, app.response_class)
    other.sign_in(clerk)
    for path in ("/packs", f"/packs/{taken.id}", f"/packs/{taken.id}/gate_pass.pdf"):
        assert other.get(path).status_code == 403, path
    for path in ("/packs", f"/packs/{taken.id}/use", f"/packs/{taken.id}/put-aside"):
        assert other.post(path).status_code == 403, path
    assert not TemplatePack.get().active


def test_a_pack_brings_facts_of_its_own_to_look_at(tmp_path: Path) -> None:
    facts = replace(FACTS, seller=replace(FACTS.seller, name_en="Our Very Own Sample Ltd."))
    toml = 'name = "own"\n[types.gate_pass]\ntitle_en = "GATE PASS"\ntitle_zh = "出"\nseries = "GP"\n'
    for name, text in {"pack.toml": toml, "gate_pass.html": GATE_PASS, "gate_pass.sample.json": to_json(facts)}.items():
        (tmp_path / name).write_text(text)
    assert "OurVeryOwnSampleLtd." in said(packs.draw(tmp_path).data)


def test_a_pack_that_only_changes_a_style_prints_with_our_template() -> None:
    toml = 'name = "own"\n[types.packing_list]\ntitle_en = "PACKING LIST X"\n'
    pack = read_pack(packed({"pack.toml": toml, "packing_list.css": ".titlebox .title { font-size: 30pt }"}), REGISTER)
    theirs = render_paper(pack.types[0], FACTS, Imprint("PL-1"))
    assert "PACKINGLISTX" in said(theirs.data)


def test_the_command_draws_anew_when_a_file_is_saved(tmp_path: Path) -> None:
    folder, out = tmp_path / "acme", tmp_path / "out.pdf"
    folder.mkdir()
    only = TOML[: TOML.index("[types.packing_list]")] + TOML[TOML.index("[types.gate_pass]") :]
    for name, text in {**FILES, "pack.toml": only}.items():
        (folder / name).write_text(text)
    command = [sys.executable, "-u", "-m", "flask", "--app", "app", "watch-pack", str(folder), str(out)]
    environment = {"PATH": "/usr/bin", "ROUNDTRIP_DATA_DIR": str(tmp_path / "data"), "PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert "✓" in process.stdout.readline()
            assert "WERK-2-TEXT" in said(out.read_bytes())
            (folder / "gate_pass.html").write_text(GATE_PASS.replace("WERK-2-TEXT", "{{ facts.sellr }}"))
            assert "gate_pass.html:6: " in process.stdout.readline()
            (folder / "gate_pass.html").write_text(GATE_PASS.replace("WERK-2-TEXT", "WERK-9-TEXT"))
            assert "✓" in process.stdout.readline()
            assert "WERK-9-TEXT" in said(out.read_bytes())
        finally:
            process.terminate()


def test_the_command_takes_a_folder_as_the_page_does(app: Flask, db: Any, tmp_path: Path) -> None:
    folder = tmp_path / "acme"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    runner = app.test_cli_runner()
    done = runner.invoke(args=["packs", "take", str(folder), "--use"])
    assert done.exit_code == 0, done.output
    assert "acme, version 1: packing_list gate_pass, in use" in done.output
    assert "gate_pass" in types()
    assert runner.invoke(args=["packs", "take", str(tmp_path / "acme" / "pack.toml")]).exit_code == 1


def test_the_lesson_of_the_documentation_works(tmp_path: Path) -> None:
    lesson = (ROOT / "docs" / "templates.md").read_text(encoding="utf-8")
    first, second = re.findall(r"```toml\n(.*?)```", lesson, re.DOTALL)
    (style,) = re.findall(r"```css\n(.*?)```", lesson, re.DOTALL)
    packing_list, gate_pass = re.findall(r"```jinja\n(.*?)```", lesson, re.DOTALL)
    files = {"pack.toml": first + second, "packing_list.css": style, "packing_list.html": packing_list}
    for name, text in {**files, "gate_pass.html": gate_pass}.items():
        (tmp_path / name).write_text(text)
    packs.check(read_pack(zip_of(tmp_path), REGISTER))
    text = said(packs.draw(tmp_path).data)
    for words in ("PACKINGLIST,PLANT2", "Delivertogate2only.", "GATEPASS", "准予放行"):
        assert words in text
