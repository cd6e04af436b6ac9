"""Lines from a file: previewed, errors by cell, written only when confirmed, and only what was shown."""

import io
import re
from contextlib import suppress
from decimal import Decimal

import pytest
from shipment_forms import GOOD

import csv_reader
from errors import InvalidInput
from shipments.models import Shipment, ShipmentLine
from spreadsheets import table_of, write_xlsx

pytestmark = pytest.mark.usefixtures("world")
URL = "/shipments/S-2026-0001/lines/import"
CSV = 'Part no.,Quantity,Unit price,Remark\n10-5200,"1,500",6.125,urgent\n10-4711,7,182.5,\n'


def upload(client, data, name="lines.csv"):
    data = data if isinstance(data, bytes) else data.encode()
    return client.post(URL, data={"file": (io.BytesIO(data), name)})


def rows_of(page):
    found = re.search(r'name="rows" value="([^"]+)"', page.text)
    return found and found[1]


def stored():
    shipment = Shipment.get(number="S-2026-0001")
    lines = shipment.lines.order_by(ShipmentLine.position)
    return [(line.position, line.product.part_no, line.quantity, line.unit_price) for line in lines]


BEFORE = [(1, "10-4711", 24, Decimal("182.50")), (2, "10-5200", 200, Decimal("6.125"))]
NEW = [("10-5200", 1500, Decimal("6.125")), ("10-4711", 7, Decimal("182.5"))]


def test_nothing_is_written_before_it_is_confirmed(client):
    page = upload(client, CSV)
    assert page.status_code == 200
    assert "2 lines are ready" in page.text
    assert "Tie rod, left" in page.text
    assert stored() == BEFORE
    assert client.post(f"{URL}/confirm", data={"rows": rows_of(page), "mode": "replace"}).status_code == 302
    assert stored() == [(i, *line) for i, line in enumerate(NEW, 1)]


def test_lines_are_added_behind(client):
    page = upload(client, CSV)
    answer = client.post(f"{URL}/confirm", data={"rows": rows_of(page), "mode": "append"}, follow_redirects=True)
    assert "2 lines came in from the file." in answer.text
    assert stored() == [*BEFORE, *[(i, *line) for i, line in enumerate(NEW, 3)]]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_C7_the_same_file_under_another_name_is_added_a_second_time_only_when_that_is_ticked(client, kind):
    rows = [["10-5200", Decimal(1500), Decimal("6.125")], ["10-4711", Decimal(7), Decimal("182.5")]]
    data = CSV.encode() if kind == "csv" else write_xlsx("lines", ["料号", "数量", "单价"], rows)
    page = upload(client, data, f"order.{kind}")
    assert 'name="again"' not in page.text
    client.post(f"{URL}/confirm", data={"rows": rows_of(page), "mode": "append"})
    once = stored()
    page = upload(client, data, f"another name.{kind}")
    assert "All lines of this file are in the shipment already." in page.text
    assert page.text.count("in the shipment already</small>") == 2
    answer = client.post(f"{URL}/confirm", data={"rows": rows_of(page), "mode": "append"})
    assert (answer.status_code, stored()) == (422, once)
    assert re.search(r'id="again"[^>]+aria-describedby="again-error"', answer.text)
    assert "Nothing has been added. Tick this" in answer.text
    chinese = client.post(
        f"{URL}/confirm", data={"rows": rows_of(page), "mode": "append"}, headers={"Accept-Language": "zh"}
    )
    assert "此文件的所有明细行已在该发货单中。" in chinese.text
    ticked = {"rows": rows_of(answer), "mode": "append", "again": "1"}
    assert client.post(f"{URL}/confirm", data=ticked).status_code == 302
    assert len(stored()) == len(once) + 2
    # Instead of the present lines, they are there once: nothing to ask.
    assert client.post(f"{URL}/confirm", data={"rows": rows_of(upload(client, data, f"x.{kind}"))}).status_code == 302
    assert stored() == [(i, *line) for i, line in enumerate(NEW, 1)]


def test_C7_a_file_that_is_read_into_the_form_twice_is_told_there(client):
    for fields, told in ((GOOD, False), ({**GOOD, "lines-0-product": "10-5200"}, True)):
        file = (io.BytesIO(f"料号,数量,单价\n10-5200,{GOOD['lines-0-quantity']},182.5\n".encode()), "x.csv")
        page = client.post("/shipments/new", data={**fields, "read_file": "1", "lines_file": file})
        assert ("1 line of the file was in this form already" in page.text) is told


def test_C7_lines_of_which_some_are_there_are_told_by_their_rows(client):
    page = upload(client, "料号,数量,单价\n10-4711,24,182.5\n10-4711,24,182.5\n10-5200,200,6.2\n")
    assert "1 of 3 lines of this file are in the shipment already." in page.text  # it is there once, not twice
    assert page.text.count("in the shipment already</small>") == 1
    answer = client.post(f"{URL}/confirm", data={"rows": rows_of(page), "mode": "append"})
    assert (answer.status_code, stored()) == (422, BEFORE)
    assert "1 of 3 lines" in answer.text


@pytest.mark.parametrize(
    "data",
    ["料号;数量;单价（EUR）\n10-5200;1500;6.125\n".encode("gb18030"),
     "\ufeff物料号,数量,单价\r\n10-5200,1500,6.125\r\n".encode(),
     "\ufeffPART NO\tQTY\tPrice [EUR]\n10-5200\t1500\t6.125\n".encode("utf-16"),
     "单价,数量,零件号\n6.125,１５００,10-5200\n".encode()],
)  # fmt: skip
def test_encodings_and_headers(client, data):
    page = upload(client, data)
    client.post(f"{URL}/confirm", data={"rows": rows_of(page), "mode": "replace"})
    assert stored() == [(1, "10-5200", 1500, Decimal("6.125"))]


def test_xlsx(client):
    header = ["料号", "数量", "单价"]
    data = write_xlsx("lines", header, [["10-5200", Decimal(1500), Decimal("6.125")], ["10-4711", "7", "0.1"]])
    page = upload(client, data, "lines.xlsx")
    client.post(f"{URL}/confirm", data={"rows": rows_of(page), "mode": "replace"})
    assert stored() == [(1, "10-5200", 1500, Decimal("6.125")), (2, "10-4711", 7, Decimal("0.1"))]


def test_errors_are_named_by_cell_all_at_once(client):
    page = upload(client, "note,part,qty,price\na,10-4711,0,1\nb,,2,1\n\nc,10-9999,many,0.1234567\nd,10-5200,3,\n")
    assert page.status_code == 422
    found = dict(re.findall(r"<li>([A-Z]+\d+): (.*?)</li>", page.text))
    assert found == {
        "C2": "The quantity must be above 0.",
        "B3": "The part number is missing.",
        "B5": "There is no product with the part number 10-9999.",
        "C5": "“many” is not a number; write it like 1234.5, with a point before the decimals.",
        "D5": "At most 6 decimals; these are 7.",
        "D6": "The unit price is missing; 0 for goods free of charge.",
    }
    assert rows_of(page) is None
    assert stored() == BEFORE


@pytest.mark.parametrize(
    ("data", "sentence"),
    [("料号,单价\n10-4711,1\n", "There is no column “Quantity”"),
     ("part,qty,数量,price\n10-4711,1,1,1\n", "Two columns could be “Quantity”: qty and 数量"),
     ("part,qty,price\n", "has a header but no rows"),
     ("", "The file is empty")],
)  # fmt: skip
def test_files_that_cannot_be_read(client, data, sentence):
    page = upload(client, data)
    assert page.status_code == 422
    assert sentence in page.text


def test_no_file(client):
    page = client.post(URL, data={})
    assert page.status_code == 422
    assert "Choose a CSV or XLSX file first." in page.text


def test_html_in_a_file_is_shown_as_text(client):
    assert (
        "<script>"
        not in upload(client, "part,qty,price\n<script>alert(1)</script>,<b>,1\n")
        .text.split("<main")[1]
        .split("</main")[0]
    )


def test_a_changed_confirmation_is_refused(client):
    rows = rows_of(upload(client, CSV))
    # not its last character: some of the bits of that one are no part of the signature
    changed = rows[:-8] + ("A" if rows[-8] != "A" else "B") + rows[-7:]
    for wrong in (changed, "", "e30.x.y", rows.replace(".", "")):
        answer = client.post(f"{URL}/confirm", data={"rows": wrong, "mode": "replace"})
        assert answer.status_code == 400
        assert "Upload the file again" in answer.text
    assert stored() == BEFORE


def test_a_preview_of_another_shipment_is_refused(client):
    rows = rows_of(upload(client, CSV))
    Shipment.update(number="S-2026-0007").execute()
    answer = client.post("/shipments/S-2026-0007/lines/import/confirm", data={"rows": rows, "mode": "replace"})
    assert answer.status_code == 400


def test_a_preview_of_an_older_version_is_refused(client):
    rows = rows_of(upload(client, CSV))
    Shipment.update(version=2).execute()
    assert client.post(f"{URL}/confirm", data={"rows": rows, "mode": "replace"}).status_code == 409
    assert stored() == BEFORE


def test_what_was_confirmed_twice_is_written_once(client):
    rows = rows_of(upload(client, CSV))
    assert client.post(f"{URL}/confirm", data={"rows": rows, "mode": "append"}).status_code == 302
    assert client.post(f"{URL}/confirm", data={"rows": rows, "mode": "append"}).status_code == 409
    assert len(stored()) == 4


def test_rules_are_asked_again_when_it_is_saved(client, world):
    rows = rows_of(upload(client, CSV))
    world.suzhou.own = False  # what changed between preview and confirmation
    world.suzhou.save()
    assert client.post(f"{URL}/confirm", data={"rows": rows, "mode": "replace"}).status_code == 400
    assert stored() == BEFORE


@pytest.mark.parametrize(("kind", "language"), [("csv", "en"), ("xlsx", "en"), ("csv", "zh")])
def test_the_template_is_read_back(client, kind, language):
    answer = client.get(f"/shipments/lines-template.{kind}", headers={"Accept-Language": language})
    assert answer.status_code == 200
    page = upload(client, answer.data, f"lines.{kind}")
    assert "has a header but no rows" in page.text


def test_a_file_of_too_many_rows(client):
    page = upload(client, "part,qty,price\n" + "10-4711,1,1\n" * 1002)
    assert page.status_code == 422
    assert stored() == BEFORE


@pytest.mark.parametrize("title", ["Invoice group", "发票组", "发票分组"])
def test_invoice_groups_may_stand_in_a_column_of_their_own(client, title):
    page = upload(client, f"料号,数量,单价,{title}\n10-5200,1,2,a\n10-4711,3,4,\n10-4711,5,6,Ｂ2\n")
    assert '<td data-label="Invoice group"><span>a</span></td>' in page.text
    client.post(f"{URL}/confirm", data={"rows": rows_of(page), "mode": "replace"})
    lines = Shipment.get(number="S-2026-0001").lines.order_by(ShipmentLine.position)
    assert [line.invoice_group for line in lines] == ["A", "", "B2"]


def test_a_wrong_invoice_group_is_named_by_its_cell(client):
    page = upload(client, "part,qty,price,invoice group\n10-5200,1,2,First\n")
    assert page.status_code == 422
    assert "D2: An invoice group is 1 to 4 letters A–Z or digits, like A." in page.text


def test_a_preview_without_groups_has_no_column_for_them(client):
    assert 'data-label="Invoice group"' not in upload(client, CSV).text


def test_B1_an_order_file_that_is_cut_or_lies_is_shown_or_refused_and_writes_nothing(client):
    """Cut at each byte, each line dropped or doubled, other ends of line, NUL, a cell of a million characters."""
    whole = b"Part no.,Quantity,Unit price\r\n10-5200,1500,6.125\r\n10-4711,7,182.50\r\n"
    lines = whole.splitlines(keepends=True)
    for at in range(len(whole)):
        with suppress(InvalidInput):
            table_of(csv_reader.read(whole[:at], 100, 20), 100, 20)
    tried = [whole[:at] for at in range(0, len(whole), 5)]
    tried += [b"".join(lines[:at] + lines[at + 1 :]) for at in range(len(lines))]
    tried += [b"".join([*lines[:at], lines[at], *lines[at:]]) for at in range(len(lines))]
    tried += [whole.replace(b"\r\n", end) for end in (b"\n", b"\r", b"", b"\n\n")]
    tried += [
        whole + b"\0",
        b"\xef\xbb\xbf" + whole,
        whole.replace(b"7", b"7" * 1_000_000),
        whole + b'"',
        b"," * 50_000,
    ]
    for data in tried:
        page = upload(client, data)
        assert page.status_code in (200, 400, 413, 422), (data[:80], page.status_code)
    assert stored() == BEFORE
