"""Fuzz: what comes in anywhere is answered, never with a fault of ours. `make fuzz N=100000` tries as many as it says.

Each target turns what hypothesis invents into one input of the service. An answer of 5xx, or an exception that is none
of those that are told to people, fails; hypothesis then looks for the smallest input that does.

What is sent to pages begins as something that they take: a form as the page itself gives it, a row that is there, a file
that can be read. Then parts of it are made nonsense. Nonsense alone would hardly get beyond the first check.
"""

from __future__ import annotations

import functools
import io
import json
import os
import re
import shutil
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import two_entities as has
from conftest import NOW, PASSWORD, SignedIn, application, settings_for
from flask import Flask
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from lxml import html
from poison import XSS
from shipment_forms import GOOD
from test_object_level import address, owned
from test_packs import FILES, packed

import csv_reader
import pack_reader
from accounts.people import create_user
from assets.scanned_text import MAX_LENGTH, read_scanned_text
from config import ROOT
from database import db as proxy
from database import open_database
from docs_gen import render_pool
from docs_gen.pack_files import judged
from docs_gen.register import REGISTER
from errors import UserError
from spreadsheets import table_of, write_csv, write_xlsx

#: Inputs for each target: few in the suite, `FUZZ` of all targets together when somebody asks for more.
TARGETS = 10
MANY = int(os.environ.get("FUZZ", "0")) // TARGETS
PROFILE = settings(
    max_examples=MANY or 25, deadline=None, database=None, print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)  # fmt: skip

TOKENS = [
    "", "0", "-1", "1e309", "NaN", "Infinity", "99999999999999999999", "0.1", "1,5", "²", "١٢٣", "true", "null", "[]", "{}", "S-2026-0001", "HAMBURG", "10-4711",
    "KLT6428", "KLT-0001", "SZ-PLANT", "04012345000016KLT-0001", "8003", "(8003)", "]Q3", "]C1", "\x1d", "[)>\x1e06\x1d", "https://rt.example.com/a/", "//evil", "2026-02-31",
    "2026-11-23T08:00:00Z", "1970-01-01", "9999-12-31T23:59:59.999999+14:00", "\u202e", "😀", "\ud800", "\0", "%00", "%", "'", '"', "<b>", "\\", "\r\n", "𠮷", "a" * 300, *XSS[:6],
]  # fmt: skip
words = st.one_of(
    st.sampled_from(TOKENS), st.text(max_size=40), st.lists(st.sampled_from(TOKENS), max_size=4).map("".join)
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), words), lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4), max_leaves=8
)  # fmt: skip


def clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def tried(**given_: Any) -> Callable[[Any], Any]:
    """A target: it is tried with what these strategies invent, and `make fuzz` gets a line of its table."""

    def mark(test: Any) -> Any:
        @functools.wraps(test)
        def counted(**values: Any) -> None:
            TRIED[test.__name__] += 1
            test(**values)

        return seed(int(os.environ.get("FUZZ_SEED", "1")))(PROFILE(given(**given_)(counted)))

    return mark


TRIED: Counter[str] = Counter()
#: What the service answered, by status: nonsense that is always refused would try nothing.
ANSWERED: Counter[int] = Counter()


@pytest.fixture(autouse=True)
def told(request: pytest.FixtureRequest) -> Iterator[None]:
    """For `make fuzz`: how many inputs a target had, in how many seconds, and what was answered."""
    ANSWERED.clear()
    begun = time.monotonic()
    yield
    if table := os.environ.get("FUZZ_TABLE"):
        name, seconds = request.node.name, time.monotonic() - begun
        answers = " ".join(f"{status} {count}" for status, count in sorted(ANSWERED.items()))
        with Path(table).open("a", encoding="utf-8") as file:
            file.write(f"{name.removeprefix('test_fuzz_')}\t{TRIED[name]}\t{seconds:.0f}\t{answers}\n")


@tried(text=st.one_of(words, st.lists(words, max_size=10).map("".join), st.text(max_size=4_296)))
def test_fuzz_scanned_text(text: str) -> None:
    found = read_scanned_text(text, ("rt.example.com",))
    assert len(found.raw) <= MAX_LENGTH
    found.raw.encode()


@tried(
    rows=st.lists(st.lists(words, max_size=8), max_size=8),
    separator=st.sampled_from(",;\t|"),
    coding=st.sampled_from(["utf-8-sig", "gb18030", "utf-16", "cp1252"]),
    junk=st.binary(max_size=60),
)
def test_fuzz_csv(rows: list[list[str]], separator: str, coding: str, junk: bytes) -> None:
    data = "\r\n".join(separator.join(row) for row in rows).encode(coding, "ignore") + junk
    try:  # what its process does, here: to start one takes longer than to read
        table_of(csv_reader.read(data, 10_000, 60), 10_000, 60)
    except UserError as error:
        str(error)


def broken(parts: dict[str, str], cuts: list[tuple[int, int]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, text in parts.items():
            file.writestr(zipfile.ZipInfo(clean(name) or "x"), clean(text))
    data = bytearray(out.getvalue())
    for place, value in cuts:
        data[place % len(data)] = value
    return bytes(data)


cuts = st.lists(st.tuples(st.integers(0, 4_000), st.integers(0, 255)), max_size=5)
SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="{}" t="{}"><v>{}</v><f>{}</f></c></row></sheetData></worksheet>'
BOOK = '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>'
LINKS = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'


@tried(cell=st.lists(words, min_size=4, max_size=4), cuts=cuts)
def test_fuzz_workbook_parser(cell: list[str], cuts: list[tuple[int, int]]) -> None:
    """The parser itself, in this process: a hundred thousand processes would take a day."""
    from xlsx_reader import read

    data = broken(
        {"xl/workbook.xml": BOOK, "xl/_rels/workbook.xml.rels": LINKS, "xl/worksheets/sheet1.xml": SHEET.format(*cell)},
        cuts,
    )
    try:
        read(data, 100, 20)
    except UserError as error:
        str(error)


@tried(
    toml=st.one_of(
        words,
        st.dictionaries(st.sampled_from(["name", "version", "description", "types"]), values).map(
            lambda told: "\n".join(f"{key} = {json.dumps(value)}" for key, value in told.items())
        ),
    ),
    files=st.dictionaries(words, words, max_size=4),
    cuts=cuts,
)
def test_fuzz_template_pack(toml: str, files: dict[str, str], cuts: list[tuple[int, int]]) -> None:
    """The reader itself and what judges it, in this process, as above."""
    try:
        judged(*pack_reader.read(broken({"pack.toml": toml, **files}, cuts)), "0" * 64, REGISTER)
    except UserError as error:
        str(error)


# ---- pages and the API, signed in as an administrator of a firm that has some of everything


@dataclass(repr=False)
class Service:
    """The application with one entity and all that is its own, and a browser whose session fuzz may end."""

    app: Flask
    client: SignedIn
    pages: list[str]  # every page that is no paper, with the arguments of rows that are there
    posts: list[str]  # and what takes forms or JSON
    api: list[tuple[str, str]]  # method, path
    pattern: Path  # of the database
    calls: int = 0
    forms: dict[str, list[Form]] = field(default_factory=dict)

    def begin(self) -> None:
        """All as it was, and signed in: what was sent may have ended sessions and people, or emptied lists."""
        folder = self.app.config["ROUNDTRIP"].data_dir
        if not proxy.is_closed():
            proxy.close()
        for path in folder.glob("roundtrip.db*"):
            path.unlink()
        shutil.copy(self.pattern, folder / "roundtrip.db")
        open_database(self.app.config["ROUNDTRIP"].database_url)
        proxy.connect(reuse_if_open=True)
        proxy.obj.pragma("synchronous", "off", permanent=True)
        with self.app.test_request_context():
            person = create_user("fuzz", PASSWORD, NOW, administrator=True)
        self.client = SignedIn(self.app, self.app.response_class)
        self.client.sign_in(person)
        self.forms.clear()

    def call(self, method: str, path: str, **more: Any) -> Any:
        """The answer. It fails for one that tells of a fault of ours."""
        if self.calls % 200 == 0:
            self.begin()
        self.calls += 1
        headers = {"X-CSRFToken": self.client.token, **more.pop("headers", {})}
        answer = self.client.open(path, method=method, headers=headers, **more)
        assert answer.status_code < 500, (method, path, more, answer.status_code)
        assert b"Traceback" not in answer.data
        if answer.headers.get("Location", "").startswith("/login") or b"was not sent by you" in answer.data:
            self.calls = 0  # its session is over: the next one begins anew
        ANSWERED[answer.status_code] += 1
        return answer

    def forms_of(self, path: str) -> list[Form]:
        """The forms of a page, as they were when it was last asked for them."""
        found = self.forms.get(path)
        if found is None:
            answer = self.call("GET", path)
            page = html.fromstring(answer.get_data(as_text=True)) if answer.mimetype == "text/html" else None
            found = [] if page is None else [_form(one, path) for one in page.forms if one.method == "POST"]
            self.forms[path] = found
        return found


@dataclass
class Form:
    """What a browser would send."""

    action: str
    values: dict[str, str]
    choices: dict[str, list[str]]  # of what is chosen from a list
    files: list[str]


def _form(form: Any, path: str) -> Form:
    choices, files = {}, []
    for one in form.inputs:
        if one.name and one.tag == "select":
            choices[one.name] = list(one.value_options)
        elif one.name and one.get("type") == "file":
            files.append(one.name)
    values = {name: value for name, value in form.form_values() if name != "csrf_token"}
    return Form((form.action or path).partition("#")[0], values, choices, files)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, two_entities: tuple[Path, has.Side, has.Side]) -> Iterator[Service]:
    pattern, side, _ = two_entities
    folder = shutil.copytree(pattern, tmp_path_factory.mktemp("fuzz") / "data")
    app = application(settings_for(folder))
    with app.test_request_context():
        proxy.connect(reuse_if_open=True)
        proxy.obj.pragma("synchronous", "off", permanent=True)
        rules = [one for one in app.url_map.iter_rules() if one.endpoint not in LEFT]
        asked = [(rule, address(app, rule, {})) for rule in rules if not rule.arguments]
        asked += [
            (rule, address(app, rule, values)) for _, rule, values in owned(app, side) if rule.endpoint not in LEFT
        ]
    database = proxy.obj
    paths: dict[str, set[str]] = {"GET": set(), "POST": set(), "PUT": set()}
    for rule, path in asked:
        for method in rule.methods & set(paths):
            paths[method].add(path)
    api = sorted((method, path) for method, all_ in paths.items() for path in all_ if path.startswith("/api/"))
    pages = sorted(path for path in paths["GET"] if not path.endswith((".pdf", ".zip", ".png", ".jpg")))
    posts = sorted(path for path in paths["POST"] if not path.startswith("/api/"))
    yield Service(app, SignedIn(app, app.response_class), pages, posts, api, pattern / "roundtrip.db")
    database.close()
    render_pool.close()


LEFT = {"static", "security.static", "security.logout"}


@pytest.fixture
def service(made: Service) -> Service:
    made.calls = 0
    made.begin()
    return made


FIELDS = [
    "event_id", "type", "scanned_text", "event_time", "shipment", "place", "device", "events", "sent_time", "voids", "corrects", "session", "age_ms", "sequence", "quantity",
    "asset_type", "party", "parent", "reason", "photo", "happened", "name", "kind", "uuid", "started_time", "state", "counts", "count", "difference_reason", "lines", "version", "unsent",
]  # fmt: skip
KNOWN = [
    "QAX-SITE1",
    "QAX-BUYER",
    "SHARED",
    "QAX-KLT-001",
    "S-2026-1001",
    "KLT6428",
    "EPAL",
    "dispatch",
    "return",
    "stock_take",
    "2026-11-23T08:00:00Z",
    "1",
]
told_values = st.one_of(values, st.sampled_from(KNOWN))
EVENT = {
    "event_id": st.uuids().map(str),
    "type": st.sampled_from(["dispatch", "return", "arrive", "void", "pack", "damage", "count", "commission"]),
    "scanned_text": st.one_of(words, st.sampled_from(KNOWN)),
    "event_time": st.one_of(words, st.sampled_from(KNOWN)),
    "place": st.one_of(words, st.sampled_from(KNOWN)),
}


#: What becomes of a path: nothing, or now and then another text stands in the place of a part of it.
spoiling = st.one_of(st.none(), st.none(), st.none(), st.tuples(st.integers(0, 9), words))


def spoilt(path: str, how: tuple[int, str] | None) -> str:
    if how is None:
        return path
    parts = path.split("/")
    parts[1 + how[0] % (len(parts) - 1)] = quote(clean(how[1]), safe="") or "x"
    return "/".join(parts)


@tried(
    body=st.one_of(
        values, st.dictionaries(st.sampled_from(FIELDS), told_values, max_size=8), st.fixed_dictionaries(EVENT),
        st.lists(st.fixed_dictionaries(EVENT), max_size=4).map(lambda events: {"events": events}),
    )
)  # fmt: skip
def test_fuzz_scan_api(service: Service, body: Any) -> None:
    service.call("POST", "/api/v1/scan-events", data=json.dumps(body), content_type="application/json")


@tried(
    which=st.integers(0, 10_000),
    how=spoiling,
    body=st.one_of(
        st.binary(max_size=200),
        st.one_of(values, st.dictionaries(st.sampled_from(FIELDS), told_values, max_size=8)).map(
            lambda one: json.dumps(one).encode()
        ),
    ),
    key=st.one_of(st.just(""), words.map(lambda one: re.sub(r"[\r\n]", "", clean(one)))),
)
def test_fuzz_every_json_endpoint(service: Service, which: int, how: Any, body: bytes, key: str) -> None:
    method, path = service.api[which % len(service.api)]
    headers = {"Idempotency-Key": key.encode().decode("latin-1")} if key else {}
    service.call(method, spoilt(path, how), data=body, content_type="application/json", headers=headers)


#: Every name that some page asks its query string for, and those of the filters of lists.
QUERY = sorted(
    {
        name
        for path in ROOT.rglob("*.py")
        if path.relative_to(ROOT).parts[0] not in ("tests", ".venv", "data")
        for name in re.findall(
            r'(?:args(?:\.get|\.getlist)?[\[(]|Filter\()"([a-z_]+)"', path.read_text(encoding="utf-8")
        )
    }
    | {"known", "holder", "lang", "since", "limit", "cursor", "day"}
)


@tried(
    which=st.integers(0, 10_000),
    how=spoiling,
    query=st.lists(
        st.tuples(
            st.sampled_from(QUERY), st.one_of(words, st.sampled_from([*KNOWN, "csv", "xlsx", "-code", "2026-10"]))
        ),
        max_size=5,
    ),
)
def test_fuzz_every_query_string(service: Service, which: int, how: Any, query: list[tuple[str, str]]) -> None:
    asked = "&".join(f"{name}={quote(clean(value), safe='')}" for name, value in query)
    service.call("GET", f"{spoilt(service.pages[which % len(service.pages)], how)}?{asked}")


changing = st.lists(st.tuples(st.integers(0, 99), st.booleans(), words), max_size=4)


@tried(which=st.integers(0, 10_000), how=spoiling, changes=changing)
def test_fuzz_every_form(service: Service, which: int, how: Any, changes: list[tuple[int, bool, str]]) -> None:
    """A form of a page with some of its fields changed, or nonsense for whatever takes any."""
    pages = service.pages + service.posts
    path = pages[which % len(pages)]
    forms = [one for one in service.forms_of(path) if one.action not in ("/logout", "/language") or which % 50 == 0]
    if not forms:
        fields = {NAMES[place % len(NAMES)]: clean(value) for place, _, value in changes}
        service.call("POST", spoilt(service.posts[which % len(service.posts)], how), data=fields)
        return
    form = forms[which // len(pages) % len(forms)]
    service.call("POST", spoilt(form.action, how), data=changed(form, changes))


def changed(form: Form, changes: list[tuple[int, bool, str]]) -> dict[str, str]:
    told, names = dict(form.values), sorted({*form.values, *form.choices, "extra"})
    for place, chosen, word in changes:
        name = names[place % len(names)]
        choices = form.choices.get(name)
        told[name] = choices[place % len(choices)] if chosen and choices else clean(word)
    return told


NAMES = sorted({
    *GOOD, "name", "code", "reason", "note", "days", "roles", "email", "username", "quantity", "month", "text", "title", "place", "party", "value", "paper", "seal", "replaces", "version",
})  # fmt: skip


@tried(changes=st.dictionaries(st.sampled_from(sorted(GOOD)), words, max_size=6), which=st.booleans())
def test_fuzz_the_form_of_a_shipment(service: Service, changes: dict[str, str], which: bool) -> None:
    good = {**GOOD, "consignor": "QAX-OWN", "consignee": "QAX-BUYER", "ship_from": "QAX-SITE1"}
    path = "/shipments/new" if which else "/shipments/S-2026-1001/edit"
    service.call("POST", path, data={**good, **{name: clean(value) for name, value in changes.items()}})


LINES = ["Part no.", "Quantity", "Unit price"], [["10-4711", "7", "1.5"], ["10-5200", "9", "2"]]
FILES_SENT = {
    "x.csv": write_csv(*LINES), "x.xlsx": write_xlsx("lines", *LINES), "x.zip": packed(FILES), "x.png": has.picture("clear"),
    "boxes.csv": write_csv(["Code"], [["FUZZ-1"], ["FUZZ-2"]]),
}  # fmt: skip


UPLOADS = [
    "/shipments/S-2026-1001/lines/import",
    "/assets/new",
    "/packs",
    "/looks/QAX-OWN",
    "/looks/QAX-OWN/seals/new",
    "/api/v1/photos",
]


@tried(
    which=st.sampled_from(UPLOADS),
    kind=st.sampled_from(sorted(FILES_SENT)),
    noise=st.one_of(st.none(), st.none(), st.binary(max_size=300)),
    cuts=cuts,
    length=st.one_of(st.none(), st.none(), st.integers(0, 9_000)),
    name=words,
    changes=changing,
)
def test_fuzz_uploads(
    service: Service, which: str, kind: str, noise: bytes | None, cuts: Any, length: int | None, name: str, changes: Any
) -> None:
    """Each form that takes a file, and the photos of the API: a good file, one with wrong bytes, or noise."""
    sent = bytearray(FILES_SENT[kind])
    for place, value in cuts:
        sent[place % len(sent)] = value
    file = bytes(sent[:length]) if noise is None else noise
    if which.startswith("/api/"):
        service.call("POST", which, data=file, content_type="image/jpeg")
        return
    form = next(one for one in service.forms_of(which) if one.files)
    files = {one: (io.BytesIO(file), clean(name).replace("\0", "") + kind) for one in form.files}
    told = {**changed(form, changes), **files}
    service.call("POST", form.action, data=told, content_type="multipart/form-data")
