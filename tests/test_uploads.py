"""Uploads through the pages: what cannot be read is told at the file's field, and nothing is written."""

from __future__ import annotations

import io
import os
import zipfile

import pytest
from shipment_forms import GOOD

from assets.models import Asset
from shipments.models import ShipmentLine

PAGES = ["/shipments/S-2026-0001/lines/import", "/shipments/S-2026-0001/edit", "/shipments/new", "/assets/new"]


def zip_bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("[Content_Types].xml", "<Types/>")
        book.writestr("xl/workbook.xml", "<workbook/>")
        book.writestr("xl/worksheets/sheet1.xml", b"0" * 200 * 1024 * 1024)
    return out.getvalue()


UPLOADS = {
    "unreadable": (lambda: b"PK\x03\x04 this is no workbook", "lines.xlsx", ("workbook", "XLSX")),
    "random bytes": (lambda: os.urandom(5000), "lines.xlsx", ("XLSX",)),
    "zip bomb": (zip_bomb, "lines.xlsx", ("unpacks to far more",)),
    "oversized workbook": (lambda: zip_bomb() + os.urandom(10 * 1024 * 1024), "lines.xlsx", ("larger than 10 MB",)),
    "oversized": (lambda: b"a,b\r\n" + b"x" * (10 * 1024 * 1024 + 10), "lines.csv", ("larger than 10 MB",)),
    "empty": (lambda: b"", "lines.csv", ("empty",)),
    "a picture": (lambda: b"\x89PNG\r\n\x1a\n" + b"\0" * 400, "lines.png", ("CSV", "XLSX")),
}


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("name", UPLOADS)
def test_a_file_that_cannot_be_taken_is_told_and_changes_nothing(client, world, path, name):
    make, filename, words = UPLOADS[name]
    before = ShipmentLine.select().count(), Asset.select().count()
    if path.endswith(("/edit", "/new")) and "shipments" in path:  # a file among the fields of the form
        field, more = "lines_file", {**GOOD, "version": "1", "read_file": "1"}
    else:
        field, more = "file", {"how": "file", "asset_type": "KLT6428", "owner": "SUZHOU", "return_place": "SZ-PLANT"}
    form = {field: (io.BytesIO(make()), filename), **more}
    answer = client.post(path, data=form, content_type="multipart/form-data")
    text = answer.get_data(as_text=True)
    assert 400 <= answer.status_code < 500
    assert any(word.lower() in text.lower() for word in words), text[-3000:]
    assert "Traceback" not in text
    assert f'name="{field}"' in text  # the form is still there to try again
    assert (ShipmentLine.select().count(), Asset.select().count()) == before


def test_more_than_the_server_takes_is_refused_in_words(client, world):
    form = {"file": (io.BytesIO(b"x" * (13 * 1024 * 1024)), "lines.csv")}
    answer = client.post(PAGES[0], data=form, content_type="multipart/form-data")
    assert answer.status_code == 413
    assert "12 MB" in answer.get_data(as_text=True)
