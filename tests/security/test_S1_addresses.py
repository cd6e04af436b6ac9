"""S1: whatever stands in a field, a template or a style, a paper asks no address and holds no file of the machine."""

from __future__ import annotations

import io
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import pikepdf
import pytest
import two_entities as has
from breaking_out import Attempt
from conftest import NOW, PASSWORD, SignedIn, application, settings_for
from hostile import hostile_facts
from poison import poison
from two_entities import Side

from accounts.people import create_user
from database import db as proxy
from docs_gen import render_pool
from docs_gen.document_types import DocumentType, Imprint, print_job, render_paper
from docs_gen.facts import ShipmentFacts
from docs_gen.register import REGISTER
from docs_gen.render import RenderError
from docs_gen.render_pool import Job, render_many
from docs_gen.samples import ACCOUNT_SAMPLES, sample_facts
from docs_gen.sandbox import PackSource

SECRET = "the-canary-of-the-house"

#: The channels of a page: 13 that reach a network with an engine left as it comes, an iframe, and one for files.
CHANNELS = {
    "img": "<img src='{url}'>",
    "srcset": "<img srcset='{url} 2x' src='{url}'>",
    "svg image": "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><image href='{url}' width='9' height='9'/></svg>",
    "link": "<link rel='stylesheet' href='{url}'>",
    "import": "<style>@import url({url});</style>",
    "background": "<style>p {{ background: url({url}) }}</style><p>x</p>",
    "font": "<style>@font-face {{ font-family: f; src: url({url}) }} p {{ font-family: f }}</style><p>x</p>",
    "attachment": "<link rel='attachment' href='{url}'>",
    "attached link": "<a rel='attachment' href='{url}'>x</a>",
    "object": "<object data='{url}'></object>",
    "embed": "<embed src='{url}'>",
    "content": "<style>p::before {{ content: url({url}) }}</style><p>x</p>",
    "base": "<base href='{url}/'><img src='x.png'>",
    "list": "<p style='list-style-image: url({url}); display: list-item'>x</p>",
    "iframe": "<iframe src='{url}'></iframe>",
}  # fmt: skip


@dataclass
class Canary:
    """A web server on this machine that notes who comes, and a file."""

    port: int
    seen: list[str]
    file: Path

    def addresses(self) -> list[str]:
        port = self.port
        return [
            f"http://127.0.0.1:{port}/a", f"http://localhost:{port}/b", f"//127.0.0.1:{port}/c", f"http://2130706433:{port}/d",
            f"http://[::ffff:127.0.0.1]:{port}/e", f"http://127.0.0.1:{port}/redirect", f"ftp://127.0.0.1:{port}/f", self.file.as_uri(), str(self.file),
            f"file://localhost{self.file}", "data:image/svg+xml," + f"%3Csvg xmlns=%22http://www.w3.org/2000/svg%22%3E%3Cimage href=%22http://127.0.0.1:{port}/g%22/%3E%3C/svg%3E",
        ]  # fmt: skip


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canary]:
    seen: list[str] = []
    file = tmp_path_factory.mktemp("canary") / "secret.txt"
    file.write_text(SECRET)

    class Noting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(302 if "redirect" in self.path else 200)
            self.send_header("Location", file.as_uri())
            self.end_headers()
            self.wfile.write(SECRET.encode())

        def log_message(self, *_: object) -> None: ...

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Noting)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield Canary(httpd.server_port, seen, file)
    httpd.shutdown()
    thread.join()
    httpd.server_close()
    render_pool.close()


def plain(data: bytes) -> bytes:
    """A PDF with every stream unpacked."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(data)) as pdf:
        assert not [name for name in pdf.attachments if name != "facts.json"]
        parts = [bytes(one.read_bytes()) for one in pdf.objects if isinstance(one, pikepdf.Stream) and _readable(one)]
        pdf.save(out, stream_decode_level=pikepdf.StreamDecodeLevel.all, compress_streams=False)
    return out.getvalue() + b"".join(parts)


def _readable(stream: Any) -> bool:
    try:
        stream.read_bytes()
    except pikepdf.PdfError:
        return False
    return True


def everywhere(value: Any, texts: Iterator[str], keep: frozenset[str]) -> Any:
    """Facts with the next of `texts` in each of their texts but those of `keep`, which are codes of lists."""
    if is_dataclass(value) and not isinstance(value, type):
        changed = {
            one.name: everywhere(getattr(value, one.name), texts, keep)
            for one in fields(value)
            if one.init and one.name not in keep
        }
        return replace(value, **changed)
    if isinstance(value, tuple):
        return tuple(everywhere(one, texts, keep) for one in value)
    return next(texts) if isinstance(value, str) and value else value


#: Codes that lists limit; what they stand for is looked up, or drawn as a bar code of digits.
CODES = frozenset(
    (
        "code",
        "colour",
        "logo",
        "seals",
        "part",
        "group",
        "kind",
        "slot",
        "sscc",
        "ssccs",
        "units",
        "verify_uri",
        "scan_uri",
        "un",
        "alpha2",
        "value_currency",
        "other_charges_payment",
    )
)


def channels(canary: Canary) -> list[str]:
    """Each channel with an address, two of them in each text."""
    addresses = cycle(canary.addresses())
    return [
        f"{one.format(url=next(addresses))} {two.format(url=next(addresses))}"
        for one, two in pairwise([*CHANNELS.values(), CHANNELS["img"]])
    ]


@pytest.mark.parametrize("code", REGISTER)
def test_S1_channels_in_every_field_of_the_facts_are_text(canary: Canary, code: str) -> None:
    """Each text of the facts is another channel with another address, and its paper has them all several times."""
    type = REGISTER[code]
    sample = sample_facts(1, full=True) if type.facts is ShipmentFacts else ACCOUNT_SAMPLES[type.facts](1)
    facts = everywhere(sample, cycle(channels(canary)), CODES)
    data = render_paper(type, facts, Imprint("X-1", sample_facts(1).invoice_date)).data
    assert canary.seen == []
    assert SECRET.encode() not in plain(data)


def test_S1_channels_in_every_column_that_takes_free_text_are_text_on_what_is_printed_of_it(
    canary: Canary, two_entities: tuple[Path, Side, Side], tmp_path: Path
) -> None:
    """From the rows to the paper: drafts, accounts, charges, the proof list of the customs, labels, tables, mails' links."""
    pattern, side, _ = two_entities
    app = application(settings_for(shutil.copytree(pattern, tmp_path / "data")))
    texts = channels(canary)
    with app.test_request_context():
        proxy.connect(reuse_if_open=True)
        declaration = has.declared(side)[0]
        assert poison(lambda number: texts[number % len(texts)]) > 120
        person = create_user("wang.li", PASSWORD, NOW, administrator=True)
    client = SignedIn(app, app.response_class)
    client.sign_in(person)
    database, first, partner = proxy.obj, side.shipments[0].number, f"/parties/{side.partner.code}"
    for path in (
        f"/shipments/{first}/documents/packing_list.pdf", f"/shipments/{first}/documents/commercial_invoice.pdf", f"/shipments/{first}/documents/cmr.pdf",
        f"{partner}/account.pdf?month=2026-10", f"{partner}/charges.pdf?month=2026-10&currency=EUR", f"/customs/declarations/{declaration}/proof.pdf",
        f"/assets/labels.pdf?codes={side.boxes[0].code}&sheet=a4-24",
    ):  # fmt: skip
        answer = client.get(path)
        assert (answer.status_code, answer.mimetype) == (200, "application/pdf"), (
            path,
            answer.get_data(as_text=True)[:2_000],
        )
        assert SECRET.encode() not in plain(answer.data), path
    for path in (
        f"/statements/{has.statements(side)[0]}.xlsx",
        f"/customs/declarations/{declaration}/proof.csv",
        "/parties?format=xlsx",
    ):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert SECRET.encode() not in answer.data
    assert canary.seen == []
    database.close()


def pack(html: str, css: str = "") -> DocumentType:
    source = PackSource("acme", 1, "0" * 64, (("gate_pass.html", html),), (("gate_pass", css),))
    return replace(REGISTER["packing_list"], code="gate_pass", pack=source)


@pytest.mark.parametrize("channel", CHANNELS)
def test_S1_channels_in_a_template_of_a_pack_end_the_paper(canary: Canary, channel: str) -> None:
    page = '{{% extends "_base.html" %}}{{% block content %}}{html}{{% endblock %}}'
    types = [pack(page.format(html=CHANNELS[channel].format(url=address))) for address in canary.addresses()]
    for answer in render_many([print_job(type, sample_facts(1)) for type in types]):
        if isinstance(answer, RenderError):
            assert "may not fetch" in str(answer)
        else:  # the channel is none for this engine
            assert SECRET.encode() not in plain(answer.data)
    assert canary.seen == []


STYLES = ["@import url({url});", "@import '{url}';", "p {{ background: url({url}) }}", "@font-face {{ font-family: f; src: url({url}) }} * {{ font-family: f }}",
          "body::before {{ content: url({url}) }}", "@page {{ background: url({url}) }}", "li, p {{ list-style-image: url({url}); display: list-item }}",
          "p::after {{ content: target-text(url({url})) }}", "p {{ mask-image: url({url}); border-image: url({url}) 1 }}"]  # fmt: skip


@pytest.mark.parametrize("style", STYLES)
def test_S1_channels_in_a_style_of_a_pack_end_the_paper(canary: Canary, style: str) -> None:
    html = '{% extends "_base.html" %}{% block content %}<p>x</p><ul><li>y</ul>{% endblock %}'
    jobs = [print_job(pack(html, style.format(url=address)), sample_facts(1)) for address in canary.addresses()]
    for answer in render_many(jobs):
        if not isinstance(answer, RenderError):
            assert SECRET.encode() not in plain(answer.data)
    assert canary.seen == []


INCLUDES = ["{% include '/etc/passwd' %}", "{% include '../../config.py' %}", "{% extends '../base.html' %}", "{% import 'file:///etc/passwd' as x %}",
            "{% include '..%2f..%2fconfig.py' %}", "{% include 'ours/../../base.html' %}"]  # fmt: skip


@pytest.mark.parametrize("include", INCLUDES)
def test_S1_a_template_includes_none_but_its_own_and_ours(include: str) -> None:
    [answer] = render_many([print_job(pack(include), sample_facts(1))])
    assert isinstance(answer, RenderError)
    assert "there is no template" in str(answer)


def test_S1_even_a_library_that_breaks_out_reaches_no_network_and_no_file(canary: Canary) -> None:
    if not {"network", "files"} <= (render_pool.state().confined or set()):  # a kernel that lets us do neither
        pytest.fail("this kernel confines no process; the product says so on /healthz?full")
    [answer] = render_many([Job(Attempt(canary.port, str(canary.file)))])
    assert "yes" in str(answer), answer
    said = dict(one.split(":") for one in str(answer).split())
    assert said.pop("own-style") == "yes"
    assert "yes" not in said.values(), said
    assert canary.seen == []


def test_S1_hostile_facts_print_without_any_address(canary: Canary) -> None:
    for code in ("commercial_invoice", "packing_list", "cmr"):
        if code in REGISTER:
            render_paper(REGISTER[code], hostile_facts(1))
    assert canary.seen == []
