"""Fuzz: what comes in anywhere is answered, never with a fault of ours. `make fuzz N=100000` tries as many as it says.

Each target turns what hypothesis invents into one input of the service. An answer of 5xx, or an exception that is none
of those that are told to people, fails; hypothesis then looks for the smallest input that does.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from poison import XSS
from shipment_forms import GOOD

from assets.scanned_text import MAX_LENGTH, read_scanned_text
from docs_gen.pack_files import read_pack
from docs_gen.register import REGISTER
from errors import UserError
from spreadsheets import read_table

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
    def mark(test: Any) -> Any:
        return seed(int(os.environ.get("FUZZ_SEED", "1")))(PROFILE(given(**given_)(test)))

    return mark


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
    try:
        read_table("x.csv", data)
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
    try:
        read_pack(broken({"pack.toml": toml, **files}, cuts), REGISTER)
    except UserError as error:
        str(error)


FIELDS = [
    "event_id",
    "type",
    "scanned_text",
    "event_time",
    "shipment",
    "place",
    "device",
    "events",
    "sent_time",
    "voids",
    "corrects",
    "session",
    "age_ms",
    "sequence",
    "quantity",
]


@pytest.fixture
def programs(app, client, world):
    def call(method: str, path: str, **more: Any) -> None:
        answer = client.open(path, method=method, headers={"X-CSRFToken": client.token}, **more)
        assert answer.status_code < 500, (method, path, more, answer.status_code)
        assert b"Traceback" not in answer.data

    return call


@tried(
    body=st.one_of(
        values,
        st.dictionaries(st.sampled_from(FIELDS), values, max_size=8),
        st.fixed_dictionaries(
            {
                "event_id": st.uuids().map(str),
                "type": st.sampled_from(["dispatch", "return", "arrive", "void"]),
                "scanned_text": words,
                "event_time": words,
            }
        ),
    )
)
def test_fuzz_scan_api(programs, body: Any) -> None:
    programs("POST", "/api/v1/scan-events", data=json.dumps(body), content_type="application/json")


@pytest.fixture
def rules(app):
    found = [
        rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint not in ("static", "security.static", "security.logout")
    ]
    return sorted(found, key=lambda rule: (rule.rule, sorted(rule.methods)))


@tried(data=st.data())
def test_fuzz_every_json_endpoint(programs, rules, data: Any) -> None:
    api = [rule for rule in rules if rule.rule.startswith("/api/")]
    rule = data.draw(st.sampled_from(api))
    body = data.draw(st.one_of(st.binary(max_size=200), values.map(lambda value: json.dumps(value).encode())))
    method = data.draw(st.sampled_from(sorted(rule.methods - {"OPTIONS", "HEAD"})))
    programs(method, filled(rule, data), data=body, content_type="application/json")


def filled(rule: Any, data: Any) -> str:
    path = rule.rule
    for name in rule.arguments:
        converter = type(rule._converters[name]).__name__
        value = (
            data.draw(words)
            if "Unicode" in converter or "Path" in converter
            else str(next(iter(getattr(rule._converters[name], "items", ["1"]))))
        )
        start = path.index("<")
        path = path[:start] + (quote(clean(value), safe="") or "x") + path[path.index(">") + 1 :]
    return path


QUERY = [
    "q",
    "sort",
    "page",
    "size",
    "state",
    "type",
    "format",
    "month",
    "day",
    "at",
    "known",
    "holder",
    "days",
    "code",
    "text",
    "part",
    "lang",
    "since",
    "limit",
    "cursor",
]


@tried(data=st.data())
def test_fuzz_every_query_string(programs, rules, data: Any) -> None:
    pages = [rule for rule in rules if "GET" in rule.methods and not rule.rule.endswith((".pdf", "documents.zip"))]
    query = data.draw(st.lists(st.tuples(st.sampled_from(QUERY), words), max_size=5))
    told = "&".join(f"{name}={quote(clean(value), safe='')}" for name, value in query)
    programs("GET", f"{filled(data.draw(st.sampled_from(pages)), data)}?{told}")


NAMES = sorted(
    {
        *GOOD,
        "name",
        "code",
        "reason",
        "note",
        "days",
        "roles",
        "email",
        "username",
        "quantity",
        "month",
        "text",
        "title",
        "place",
        "party",
        "value",
        "paper",
        "seal",
        "replaces",
        "version",
    }
)


@tried(data=st.data())
def test_fuzz_every_form(programs, rules, data: Any) -> None:
    forms = [rule for rule in rules if "POST" in rule.methods and not rule.rule.startswith("/api/")]
    fields = data.draw(st.dictionaries(st.sampled_from(NAMES), words, max_size=10))
    programs(
        "POST",
        filled(data.draw(st.sampled_from(forms)), data),
        data={name: clean(value) for name, value in fields.items()},
    )


@tried(changes=st.dictionaries(st.sampled_from(sorted(GOOD)), words, min_size=1, max_size=6))
def test_fuzz_the_form_of_a_shipment(programs, changes: dict[str, str]) -> None:
    programs("POST", "/shipments/new", data={**GOOD, **{name: clean(value) for name, value in changes.items()}})


@tried(
    name=words,
    kind=st.sampled_from(["x.csv", "x.xlsx", "x.zip", "x.png"]),
    data=st.binary(max_size=300),
    where=st.sampled_from(["/shipments/S-2026-0001/lines/import", "/assets/new"]),
)
def test_fuzz_uploads(programs, name: str, kind: str, data: bytes, where: str) -> None:
    file = (io.BytesIO(data), clean(name).replace("\0", "") + kind)
    programs(
        "POST",
        where,
        data={"file": file, "how": "file", "asset_type": "KLT6428", "owner": "SUZHOU"},
        content_type="multipart/form-data",
    )
