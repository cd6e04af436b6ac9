"""S9 and B3: what is uploaded is limited before it is believed; what it costs, it costs a process of its own."""

from __future__ import annotations

import contextlib
import io
import resource
import socket
import struct
import time
import urllib.request
import zipfile
import zlib
from pathlib import Path

import pytest
from browser import Live
from PIL import Image

import photos
from errors import InvalidInput
from spreadsheets import read_table

SCRIPT = b"<html><script>alert(1)</script></html>"


def png(width: int, height: int, rows: bytes = b"") -> bytes:
    def part(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b"")


def jpeg() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, "JPEG")
    return out.getvalue()


def keep(data: bytes, folder: Path) -> bytes:
    return (next(folder.rglob(f"{photos.keep_photo(data, 'photo', folder)}*"))).read_bytes()


PICTURES = {
    "nothing": b"", "wrong magic": b"GIF89a" + b"\0" * 100, "PDF": b"%PDF-1.7\n" + SCRIPT, "HTML": SCRIPT, "SVG": b"<svg onload='alert(1)'/>",
    "a million by a million": png(1_000_000, 1_000_000), "9,999 by 9,999": png(9_999, 9_999), "cut off": jpeg()[:-40],
    "zip": b"PK\x03\x04" + b"\0" * 400, "bomb": png(7_000, 7_000, b"\0" * 147_007_000),
}  # fmt: skip


@pytest.mark.parametrize("name", PICTURES)
def test_S9_a_picture_that_is_none_is_told_at_its_field_and_costs_the_server_nothing(tmp_path, name):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.process_time()  # of CPU: how busy the machine is with other things says nothing
    if name == "bomb":  # 49 million black pixels in 140 kB: within the limits, and made small
        assert len(keep(PICTURES[name], tmp_path)) < 100_000
    else:
        with pytest.raises(InvalidInput) as caught:
            photos.keep_photo(PICTURES[name], "photo", tmp_path)
        assert caught.value.field == "photo"
    assert time.process_time() - begin < 15
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 50


@pytest.mark.parametrize("tail", [SCRIPT, b"%PDF-1.7 %%EOF", b"PK\x05\x06" + b"\0" * 18])
def test_S9_nothing_but_pixels_of_a_polyglot_is_kept(tmp_path, tail):
    kept = keep(jpeg()[:-2] + b"\xff\xd9" + tail[:60], tmp_path)
    assert kept.startswith(b"\xff\xd8")
    assert tail[:8] not in kept


def workbook(sheet: bytes, entries: int = 1, name: str = "xl/worksheets/sheet{}.xml") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("[Content_Types].xml", "<Types/>")
        for number in range(entries):
            book.writestr(name.format(number), sheet)
    return out.getvalue()


def lying() -> bytes:
    """A directory that says 10 bytes of an entry of 300 MB."""
    data = bytearray(workbook(b"0" * 300_000_000))
    place = data.rindex(b"PK\x01\x02")
    data[place + 24 : place + 28] = struct.pack("<I", 10)
    return bytes(data)


LAUGHS = (
    b'<!DOCTYPE x [<!ENTITY a "'
    + b"ha" * 1000
    + b'">'
    + b"".join(b'<!ENTITY b%d "&a;&a;&a;">' % n for n in range(9))
    + b"]><worksheet>&b8;</worksheet>"
)
BOMBS = {
    "200 MB in one sheet": lambda: workbook(b"0" * 200_000_000),
    "10,000 entries": lambda: workbook(b"x", 10_000),
    "one in another": lambda: workbook(workbook(b"0" * 150_000_000)),
    "a directory that lies": lying,
    "entities": lambda: workbook(LAUGHS, 1, "xl/workbook.xml"),
    "names that climb": lambda: workbook(b"<x/>", 1, "../../etc/cron.d/{}"),
    "a macro file": lambda: workbook(b"<x/>", 1, "xl/vbaProject.bin"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_B3_a_hostile_workbook_is_refused_soon_and_small(name):
    data = BOMBS[name]()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.process_time()
    with pytest.raises(InvalidInput):
        read_table("x.xlsx", data)
    assert time.process_time() - begin < 10  # 2 on most machines
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 150


def test_S9_too_many_parts_and_too_much_text_are_413(client):
    many = {f"x{number}": "1" for number in range(12_500)}
    assert client.post("/language", data=many, content_type="multipart/form-data").status_code == 413
    assert client.post("/language", data={"x": "y" * 2_200_000}).status_code == 413
    assert client.post("/language", data=many).status_code == 413
    assert client.post("/language", data={**dict(list(many.items())[:2_000]), "language": "zh"}).status_code == 302
    assert client.post("/language", data={"x": (io.BytesIO(b"z" * 13_000_000), "z")}).status_code == 413


@pytest.mark.parametrize(
    "name", ["a" * 255 + ".csv", "..\\..\\x.csv", "../../etc/passwd", "x.csv.exe", "x\r\ny.csv", "货单.csv", "a\0b.csv"]
)
def test_S9_the_name_of_a_file_means_nothing(client, world, name):
    files = {"file": (io.BytesIO(b"Part no.,Quantity\r\n10-4711,2\r\n"), name)}
    answer = client.post("/shipments/S-2026-0001/lines/import", data=files, content_type="multipart/form-data")
    assert answer.status_code < 500


def test_S9_a_body_that_crawls_keeps_nobody_waiting(live: Live):
    """One who sends a byte at a time holds a thread, and no more than that: who waited for him would wait for ever."""
    slow = [socket.create_connection(("127.0.0.1", live.port)) for _ in range(3)]
    for one in slow:
        one.sendall(b"POST /language HTTP/1.1\r\nHost: x\r\nContent-Length: 200\r\nContent-Type: text/plain\r\n\r\n")
    for _ in range(20):
        for one in slow:
            with contextlib.suppress(OSError):  # answered and closed already: that holds no thread either
                one.sendall(b"a")
        with urllib.request.urlopen(f"{live.url}/healthz", timeout=60) as answer:
            assert answer.status == 200
    for one in slow:
        one.close()
