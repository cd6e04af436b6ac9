"""CSV and XLSX, in and out: exact text, refusals that name the cell, hostile files, formula injection."""

from __future__ import annotations

import csv
import io
import resource
import struct
import time
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from errors import InvalidInput
from spreadsheets import read_table, write_csv, write_xlsx


def xlsx(*rows: list[Any], change: Callable[[Any], None] | None = None) -> bytes:
    """A workbook as a spreadsheet program would save it."""
    book = Workbook()
    for row in rows:
        book.active.append(row)
    if change:
        change(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def repacked(data: bytes, entries: dict[str, bytes | Callable[[bytes], bytes]]) -> bytes:
    """The workbook with entries replaced, changed or added."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            change = entries.get(name)
            new.writestr(name, change(old.read(name)) if callable(change) else change or old.read(name))
        for name, content in entries.items():
            if name not in old.namelist():
                new.writestr(name, content)
    return out.getvalue()


def sheet(xml: str) -> bytes:
    """A workbook whose sheet data is `xml`."""
    body = f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{xml}</sheetData></worksheet>'
    return repacked(xlsx(["a"]), {"xl/worksheets/sheet1.xml": body.encode()})


def refusal(filename: str, data: bytes, **limits: int) -> tuple[str, str]:
    with pytest.raises(InvalidInput) as caught:
        read_table(filename, data, **limits)
    return caught.value.field, str(caught.value)


def cells(filename: str, data: bytes) -> list[list[str]]:
    return [row.cells for row in read_table(filename, data).rows]


# ---- CSV


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_B2_csv_is_read_in_every_usual_encoding_and_delimiter(encoding, delimiter):
    text = f"料号{delimiter}数量\r\n转向器总成{delimiter}00012\r\n鑫堃{delimiter}3\r\n"
    table = read_table("订单.csv", text.encode(encoding))
    assert table.header == ["料号", "数量"]
    assert [row.cells for row in table.rows] == [["转向器总成", "00012"], ["鑫堃", "3"]]


def test_csv_big_endian_utf16():
    assert cells("a.csv", b"\xfe\xff" + "a,b\n1,中\n".encode("utf-16-be")) == [["1", "中"]]


@pytest.mark.parametrize("name", ["Müller Größe", "Søren Ærø", "Café à Nîmes", "Straße 5 – “Halle”", "ÄÖÜ"])
def test_csv_in_windows_1252(name):
    assert cells("a.csv", f"Name;Ort\r\n{name};Köln\r\n".encode("cp1252")) == [[name, "Köln"]]


def test_csv_with_a_single_rare_chinese_sign_is_not_taken_for_european():
    assert cells("a.csv", "a,b\n1,鑫\n".encode("gb18030")) == [["1", "鑫"]]


def test_B2_csv_cells_are_kept_exactly_as_typed():
    typed = ["00123", "1E5", "12345678901234567", "1,5", "1.234", "31.02.", "-5", "NaN", "Infinity", " x ", "TRUE"]
    data = ("\t".join("abcdefghijk") + "\n" + "\t".join(typed) + "\n").encode()
    assert cells("a.csv", data) == [typed]


def test_csv_quoted_line_breaks_and_row_numbers_as_the_spreadsheet_shows_them():
    table = read_table("a.csv", b'a,b\r\n"one\r\ntwo",1\r\n\r\n,,\r\nx,2\r\n')
    assert [(row.number, row.cells) for row in table.rows] == [(2, ["one\ntwo", "1"]), (5, ["x", "2"])]
    assert table.cell(table.rows[1], 1) == "B5"


def test_cell_names_beyond_z():
    table = read_table("a.csv", (",".join(f"c{n}" for n in range(30)) + "\n" + ",".join("1" * 30) + "\n").encode())
    assert [table.cell(table.rows[0], n) for n in (0, 25, 26, 29)] == ["A2", "Z2", "AA2", "AD2"]


def test_short_rows_are_filled_up_and_empty_columns_dropped():
    table = read_table("a.csv", b"a,b,,\n1,,,\n2,3,,\n")
    assert (table.header, [row.cells for row in table.rows]) == (["a", "b"], [["1", ""], ["2", "3"]])


@pytest.mark.parametrize(
    ("data", "field", "words"),
    [
        (b"", "file", "empty"),
        (b" \r\n,,\r\n", "file", "empty"),
        (b"\xef\xbb\xbf", "file", "empty"),
        (b"a,b\n", "file", "no rows"),
        (b"a,b\n1,2,3\n", "C2", "no name in the header"),
        (b"a,,b\n1,2,3\n", "B2", "no name in the header"),
        (b"Qty,part,qty \n1,2,3\n", "C1", "two columns with the name qty"),
        (b'a,b\n1,2\n"x,3\n', "A3", "quotation mark"),
        (b"a,b\n1," + b"x" * 131_073 + b"\n", "A2", "A cell in row 2 holds more than 131,072 characters."),
        (b"a,b\n1,\0\n", "file", "not text"),
        (b"a,b\n1,\x07\n", "B2", "control character"),
        (b"a,b\n1,x\x81\n", "file", "not text"),
        (b"\xff\xfea", "file", "not text"),
    ],
)
def test_B2_bad_csv_is_refused_with_the_place_and_a_sentence(data, field, words):
    assert refusal("a.csv", data)[0] == field
    assert words in refusal("a.csv", data)[1]


def test_too_many_rows_and_columns_are_refused_by_name():
    assert len(read_table("a.csv", b"a\n" + b"1\n" * 10_000).rows) == 10_000
    assert refusal("a.csv", b"a\n" + b"1\n" * 10_001)[0] == "A10002"
    assert refusal("a.csv", b"a" * 11 * 2**20)[1] == "The file is larger than 10 MB. Split it into smaller files."
    field, text = refusal("a.csv", (",".join(f"c{n}" for n in range(61)) + "\n").encode())
    assert field == "BI1"
    assert "60 columns" in text
    field, text = refusal("a.xlsx", xlsx(["a"], ["1"], ["2"]), max_rows=1)
    assert field == "A3"
    assert refusal("a.xlsx", xlsx(["a", "b", "c"], ["1", "2", "3"]), max_columns=2)[0] == "C1"


# ---- XLSX


def test_B2_xlsx_values_come_as_exact_text():
    row = ["00123", "1E5", "12345678901234567", 5, 5.0, 1.10, -0.25, 1e-7, True, date(2026, 2, 3),
           datetime.fromisoformat("2026-02-03 04:05:06"), "中文\nzwei", 123456789012345, 0.1 + 0.2, "'=x"]  # fmt: skip
    assert cells("a.xlsx", xlsx([f"c{n}" for n in range(len(row))], row)) == [
        ["00123", "1E5", "12345678901234567", "5", "5", "1.1", "-0.25", "0.0000001", "TRUE", "2026-02-03",
         "2026-02-03 04:05:06", "中文\nzwei", "123456789012345", "0.3", "'=x"]
    ]  # fmt: skip


def test_xlsx_empty_rows_keep_their_numbers():
    table = read_table("a.xlsx", xlsx([], ["a", "b"], [], ["1", None], [None, "  "], ["2", "3"]))
    assert [(row.number, row.cells) for row in table.rows] == [(4, ["1", ""]), (6, ["2", "3"])]
    assert table.cell(table.rows[1], 0) == "A6"


def test_xlsx_formula_cells_give_their_calculated_value():
    data = sheet(
        '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c><c r="B1" t="inlineStr"><is><t>b</t></is></c></row>'
        '<row r="2"><c r="A2"><f>1+1.5</f><v>2.5</v></c><c r="B2" t="str"><f>"x"</f><v></v></c></row>'
    )
    assert cells("a.xlsx", data) == [["2.5", ""]]


def test_B2_xlsx_formula_that_was_never_calculated_is_refused_by_cell():
    field, text = refusal("a.xlsx", xlsx(["a", "b"], ["1", "=1+1"]))
    assert field == "B2"
    assert "never calculated" in text


@pytest.mark.parametrize("error", ["#DIV/0!", "#N/A", "#REF!"])
def test_xlsx_error_cells_are_refused_by_cell(error):
    field, text = refusal("a.xlsx", xlsx(["a", "b"], ["1", error]))
    assert (field, text) == ("B2", "Cell B2 holds an error value. Mend the formula or type the value.")


def test_B2_xlsx_numbers_beyond_15_digits_are_refused_by_cell():
    field, text = refusal("a.xlsx", xlsx(["a"], [12345678901234567]))
    assert field == "A2"
    assert "15 digits" in text


@pytest.mark.parametrize("value", ["NaN", "inf", "1e400"])
def test_B2_xlsx_numbers_that_are_none_are_refused(value):
    data = sheet(f'<row><c t="inlineStr"><is><t>a</t></is></c></row><row><c><v>{value}</v></c></row>')
    assert refusal("a.xlsx", data)[0] in ("A2", "file")


def test_B2_xlsx_day_60_that_never_was_is_refused():
    def serial_60(book):
        book.active["A2"] = 60
        book.active["A2"].number_format = "yyyy-mm-dd"

    assert refusal("a.xlsx", xlsx(["a"], change=serial_60))[0] == "A2"


def test_B2_xlsx_merged_cells_are_refused_by_name():
    field, text = refusal("a.xlsx", xlsx(["a", "b"], ["1", "2"], [], change=lambda b: b.active.merge_cells("A2:A3")))
    assert field == "A2"
    assert "A2 to A3 are merged" in text


def test_B2_xlsx_hidden_sheets_are_passed_over():
    def hide_first(book):
        book.active.sheet_state = "hidden"
        shown = book.create_sheet("Lines")
        shown.append(["b"])
        shown.append(["2"])

    assert cells("a.xlsx", xlsx(["a"], ["1"], change=hide_first)) == [["2"]]


def test_xlsx_empty_or_header_only_is_refused():
    assert refusal("a.xlsx", xlsx()) == ("file", "The file is empty.")
    assert refusal("a.xlsx", xlsx(["a", "b"])) == ("file", "The file has a header but no rows under it.")


def test_B2_xlsx_with_a_million_formatted_empty_rows_is_read():
    rows = "".join(f'<row r="{n}"><c r="A{n}" s="0"/></row>' for n in range(3, 200_000))
    data = sheet(
        '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row><row r="2"><c r="A2"><v>1</v></c></row>'
        f'{rows}<row r="1048576"><c r="A1048576" s="0"/></row>'
    )
    assert cells("a.xlsx", data) == [["1"]]


def test_xlsx_with_one_cell_in_the_last_corner_is_refused_not_unrolled():
    data = sheet('<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
    assert refusal("a.xlsx", data)[0] == "A1048576"


@pytest.mark.parametrize("ending", [".xls", ".xlsm", ".xlsb", ".ods"])
def test_other_kinds_of_spreadsheet_are_refused_with_what_to_do(ending):
    field, text = refusal(f"order{ending}", xlsx(["a"], ["1"]))
    assert (field, text) == ("file", f"Files of the kind {ending} are not read. Save it as XLSX or CSV and send that.")


def test_xlsx_shared_texts_and_rich_text_as_excel_writes_them():
    ns = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    data = repacked(
        sheet('<row r="1"><c r="A1" t="s"><v>0</v></c></row><row r="2"><c r="A2" t="s"><v>1</v></c></row>'),
        {
            "xl/sharedStrings.xml": (
                f'<sst xmlns="{ns}"><si><t>零件号</t></si>'
                "<si><r><t>10-</t></r><r><rPr><b/></rPr><t>4711</t></r></si></sst>"
            ).encode(),
        },
    )
    table = read_table("a.xlsx", data)
    assert (table.header, table.rows[0].cells) == (["零件号"], ["10-4711"])


# ---- hostile files: each is refused quickly, and this process does not grow


@pytest.fixture
def quickly():
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    yield
    assert time.process_time() - start < 5  # of CPU: how busy the machine is with other things says nothing
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150 * 1024


def bomb(size: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        with zipfile.ZipFile(io.BytesIO(xlsx(["a"]))) as good:
            for name in good.namelist():
                if name != "xl/worksheets/sheet1.xml":
                    file.writestr(name, good.read(name))
        with file.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as entry:
            for _ in range(size // 2**20):
                entry.write(b" " * 2**20)
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04 and nothing more",
        xlsx(["a"], ["1"])[:-200],
        xlsx(["a"], ["1"])[:1000],
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500),
        b"%PDF-1.7\n",
        b"<html><table></table></html>",
        repacked(xlsx(["a"], ["1"]), {"xl/worksheets/sheet1.xml": b"<worksheet><sheetData><row>"}),
        repacked(xlsx(["a"], ["1"]), {"xl/workbook.xml": b"no xml at all"}),
    ],
)
def test_unreadable_xlsx_is_refused(data, quickly):
    field, text = refusal("a.xlsx", data)
    assert field == "file"
    assert text.endswith("send that.")


def test_B3_zip_bomb_is_refused_by_its_directory(quickly):
    data = bomb(300 * 2**20)
    assert len(data) < 2**20
    assert "unpacks to far more" in refusal("a.xlsx", data)[1]


def test_B3_zip_bomb_by_ratio_is_refused(quickly):
    assert "unpacks to far more" in refusal("a.xlsx", bomb(8 * 2**20))[1]


def test_B3_zip_bomb_that_lies_about_its_size_is_refused(quickly):
    data = bytearray(bomb(200 * 2**20))
    for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        position = data.rfind(signature)
        data[position + offset : position + offset + 4] = struct.pack("<I", 1000)
    assert refusal("a.xlsx", bytes(data))[0] == "file"


@pytest.mark.parametrize(
    ("added", "words"),
    [
        ({f"xl/media/{n}.png": b"x" for n in range(1001)}, "unpacks to far more"),
        ({"../../etc/cron.d/x": b"x"}, "unusual way"),
        ({"/etc/passwd": b"x"}, "unusual way"),
        ({"xl/embeddings/inner.xlsx": b"x"}, "unusual way"),
        ({"xl/vbaProject.bin": b"x"}, "macros"),
    ],
)
def test_B3_strange_zip_entries_are_refused(added, words, quickly):
    assert words in refusal("a.xlsx", repacked(xlsx(["a"], ["1"]), added))[1]


def test_B3_overlapping_zip_entries_are_refused(quickly):
    """Several directory entries that point at the same bytes: how the smallest known bombs are made."""
    data = bytearray(xlsx(["a"], ["1"]))
    first, second = data.find(b"PK\x01\x02"), data.find(b"PK\x01\x02", data.find(b"PK\x01\x02") + 4)
    data[second + 42 : second + 46] = data[first + 42 : first + 46]
    assert refusal("a.xlsx", bytes(data))[0] == "file"


def test_encrypted_zip_entry_is_refused(quickly):
    data = bytearray(xlsx(["a"], ["1"]))
    data[data.find(b"PK\x01\x02") + 8] |= 1
    assert "password" in refusal("a.xlsx", bytes(data))[1]


def test_B3_document_type_and_entities_are_refused(quickly):
    laughs = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    data = repacked(xlsx(["a"], ["1"]), {"xl/worksheets/sheet1.xml": lambda old: laughs + old})
    assert refusal("a.xlsx", data)[0] == "file"


def test_B3_one_long_text_named_by_every_cell_is_refused(quickly):
    """Small when unpacked, gigabytes as cells."""
    table = (
        b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>'
        + bytes(65 + n * n % 26 for n in range(32_000))
        + b"</t></si></sst>"
    )
    rows = ("<row>" + '<c t="s"><v>0</v></c>' * 60 + "</row>") * 700
    body = f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>'
    data = repacked(
        xlsx(["a"]),
        {"xl/sharedStrings.xml": table, "xl/worksheets/sheet1.xml": body.encode()},
    )
    assert "too much" in refusal("a.xlsx", data)[1]


# ---- out, and back

DANGEROUS = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\tx", "＝1", "＋1", "－1", "＠x", "'=1", "''=1", "'plain", "=HYPERLINK(\"http://x\",\"y\")",
    'a,"=1"', "a\n=1", "ordinary", "00123", "中文", "",
]  # fmt: skip


def test_B4_csv_round_trip_defuses_formulas_and_gives_the_original_back():
    data = write_csv(["n", "text"], [[n, text] for n, text in enumerate(DANGEROUS)])
    for row in csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")):
        assert not row[1].startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"))
    assert [row.cells[1] for row in read_table("a.csv", data).rows] == DANGEROUS


def test_B4_xlsx_round_trip_has_no_formula_cell_and_gives_the_original_back():
    data = write_xlsx("Parts", ["n", "text"], [[n, text] for n, text in enumerate(DANGEROUS)])
    for row in load_workbook(io.BytesIO(data)).active.iter_rows():
        assert all(cell.data_type != "f" for cell in row)
    assert [row.cells[1] for row in read_table("a.xlsx", data).rows] == DANGEROUS


def test_B4_negative_numbers_stay_numbers_in_both():
    data = write_csv(["a", "b"], [[Decimal("-5.50"), -3]])
    assert b'"-5.50","-3"' in data
    assert cells("a.csv", data) == [["-5.50", "-3"]]
    data = write_xlsx("x", ["a", "b"], [[Decimal("-5.50"), -3]])
    assert [cell.value for cell in list(load_workbook(io.BytesIO(data)).active.iter_rows())[1]] == [-5.5, -3]
    assert cells("a.xlsx", data) == [["-5.5", "-3"]]


def test_numbers_too_long_for_a_spreadsheet_are_written_as_text():
    assert cells("a.xlsx", write_xlsx("x", ["a"], [[Decimal("12345678901234567.89")]])) == [["12345678901234567.89"]]
