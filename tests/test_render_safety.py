"""No paper reaches the network or a file, whatever it is given; text is text; the same input gives the same bytes."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hostile import hostile_facts
from jinja2 import UndefinedError
from pypdf import PdfReader

from config import ROOT
from docs_gen import render
from docs_gen.document_types import Imprint, paper_html, render_paper
from docs_gen.facts import ShipmentFacts
from docs_gen.register import REGISTER
from docs_gen.samples import sample_facts

OF_SHIPMENTS = [type for type in REGISTER.values() if type.facts is ShipmentFacts]


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """A real web server that notes who comes."""
    seen: list[str] = []

    class Noting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    httpd = HTTPServer(("127.0.0.1", 0), Noting)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}", seen
    httpd.shutdown()
    thread.join()
    httpd.server_close()


CHANNELS = [
    "<img src='{url}'>",
    "<img srcset='{url} 2x' src='{url}'>",
    "<style>p {{ background: url({url}) }}</style><p>x</p>",
    "<p style='list-style-image: url({url}); display: list-item'>x</p>",
    "<style>@import url({url});</style>",
    "<link rel='stylesheet' href='{url}'>",
    "<style>@font-face {{ font-family: f; src: url({url}) }} p {{ font-family: f }}</style><p>x</p>",
    "<object data='{url}'></object>",
    "<embed src='{url}'>",
    "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><image href='{url}' width='9' height='9'/></svg>",
    "<link rel='attachment' href='{url}'>",
    "<a rel='attachment' href='{url}'>x</a>",
    "<base href='{url}'><img src='x.png'>",
    "<p style='content: url({url})'>x</p>",
]


@pytest.mark.parametrize("channel", CHANNELS)
def test_no_channel_reaches_the_network(server: tuple[str, list[str]], channel: str) -> None:
    url, seen = server
    _try(channel.format(url=url + "/secret"))
    assert seen == []


@pytest.mark.parametrize("channel", CHANNELS)
def test_no_channel_reaches_a_file(tmp_path: Path, channel: str) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the-secret-of-the-house")
    data = _try(channel.format(url=secret.as_uri()))
    assert b"the-secret-of-the-house" not in data
    if data:
        path = tmp_path / "paper.pdf"
        path.write_bytes(data)
        assert not PdfReader(path).attachments


def test_a_refused_address_is_an_ordinary_error_that_names_it() -> None:
    with pytest.raises(render.RenderError, match=r"may not fetch http://198\.51\.100\.1/x"):
        render.pdf("<img src='http://198.51.100.1/x'>")


def test_our_own_resources_are_given() -> None:
    assert render.pdf("<img src='roundtrip:logo' width=20>").pages == 1


def test_markup_in_names_stays_text() -> None:
    facts = hostile_facts()
    for type in OF_SHIPMENTS:
        html = paper_html(type, facts)
        assert "<script>" not in html
        assert "<b>Söhne" not in html


def test_a_missing_value_is_an_error_and_no_blank() -> None:
    with pytest.raises(UndefinedError):
        render.html("commercial_invoice.html", type=REGISTER["commercial_invoice"], number="", date=None, replaces="")


def test_the_same_facts_give_the_same_bytes_in_another_process() -> None:
    code = (
        "from docs_gen import document_types, samples; from docs_gen.document_types import render_paper\n"
        "from docs_gen.register import REGISTER; import hashlib\n"
        "for type in (type for type in REGISTER.values() if type.facts is document_types.ShipmentFacts):\n"
        "    print(hashlib.sha256(render_paper(type, samples.sample_facts(), document_types.Imprint('X-1', samples._DAY)).data).hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    import hashlib

    from docs_gen.samples import _DAY

    ours = [
        hashlib.sha256(render_paper(type, sample_facts(), Imprint("X-1", _DAY)).data).hexdigest()
        for type in OF_SHIPMENTS
    ]
    assert ours == other


def test_threads_share_the_engine() -> None:
    results: list[bytes] = []
    facts = sample_facts(1)
    type = REGISTER["commercial_invoice"]
    threads = [threading.Thread(target=lambda: results.append(render_paper(type, facts).data)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6
    assert len(set(results)) == 1


def test_only_our_fonts_are_embedded() -> None:
    data = render.pdf("<p>Łódź Ünal Ζήνων Жук 喆堃犇 <b>粗体 Bold</b> <i>x</i>").data
    with render_reader(data) as reader:
        names = {
            font["/BaseFont"].split("+")[1]
            for page in reader.pages
            for font in map(_get, page["/Resources"]["/Font"].values())
        }  # type: ignore[index, union-attr]
    assert names
    assert all(name.startswith("Noto-Sans") for name in names)


def test_characters_without_a_glyph_are_found() -> None:
    assert render.missing_glyphs("Suzhou 苏州喆堃犇 Łódź Ζ Ж €®–“”１２\n") == ""
    assert render.missing_glyphs("aไbไ𠮷नc😀न") == "न😀"


def test_this_machine_has_all_that_papers_need() -> None:
    assert render.missing_requirements() == []
    assert render.engine_versions().startswith("WeasyPrint 7")
    assert len(render.engine_versions()) <= 64


def _try(html: str) -> bytes:
    try:
        return render.pdf(html).data
    except render.RenderError:
        return b""


def _get(one: object) -> dict[str, str]:
    return one.get_object()  # type: ignore[attr-defined, no-any-return]


def render_reader(data: bytes) -> PdfReader:
    from io import BytesIO

    return PdfReader(BytesIO(data))
