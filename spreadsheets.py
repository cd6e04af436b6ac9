"""CSV and XLSX, in and out: the only module that opens or writes a spreadsheet. What comes in is read by limited
processes, xlsx_reader.py and csv_reader.py."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from apart import NotRead, read_apart
from csv_reader import FORMULA_STARTS
from errors import N_, InvalidInput
from xlsx_reader import UNREADABLE, check_size, column_name

MAX_BYTES = 10 * 1024 * 1024
_MAX_UNPACKED = 100 * 1024 * 1024
_MAX_ENTRIES = 1_000
_MAX_RATIO = 100  # unpacked : packed, of entries over 1 MB
_WALL_SECONDS = 15


def write_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """A CSV file (UTF-8 with BOM, so that spreadsheet programs see Chinese). Text that looks like a formula gets an
    apostrophe in front; our own reader takes it off again."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    for row in [header, *rows]:
        writer.writerow([_csv_text(value) for value in row])
    return ("\ufeff" + out.getvalue()).encode("utf-8")


def _csv_text(value: Any) -> str:
    if isinstance(value, Decimal | int | float) and not isinstance(value, bool):
        return format(value, "f") if isinstance(value, Decimal) else str(value)
    text = _text(value)
    # A text that has such an apostrophe already gets one more, so that reading gives exactly it back.
    return "'" + text if text.lstrip("'").startswith(FORMULA_STARTS) else text


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat(*([" ", "seconds"] if isinstance(value, datetime) else []))
    # Control characters but line ends have no place in a spreadsheet; XLSX cannot hold them.
    return "".join(c for c in str(value) if c in "\n\t" or c >= " ")


def write_xlsx(title: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """An XLSX file with one sheet: numbers as numbers, all else as text, never a formula."""
    from openpyxl import Workbook  # late: with numpy behind it, it would make every start longer
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet("".join(c for c in title if c not in r"[]:*?/\\")[:31] or "1")
    sheet.freeze_panes = "A2"
    for row in [header, *rows]:
        cells = []
        for value in row:
            numeric = (
                isinstance(value, int | Decimal)
                and not isinstance(value, bool)
                and len(str(value).strip("-").replace(".", "")) <= 15
            )
            cell = WriteOnlyCell(sheet, value if numeric else "")
            if not numeric:
                cell.value = _text(value)[:32_767]
                cell.data_type = "s"  # openpyxl would make a formula of a text that starts with =
            cells.append(cell)
        sheet.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@dataclass(frozen=True)
class TableRow:
    """One filled row: its number as the spreadsheet program shows it, and as many texts as the header has."""

    number: int
    cells: list[str]


@dataclass(frozen=True)
class Table:
    """What a file holds: all cells as text, exactly as they were typed."""

    header: list[str]
    rows: list[TableRow]

    @staticmethod
    def cell(row: TableRow, column_index: int) -> str:
        """The name of a cell as the spreadsheet program shows it: C7."""
        return f"{column_name(column_index)}{row.number}"


def read_table(filename: str, data: bytes, *, max_rows: int = 10_000, max_columns: int = 60) -> Table:
    """The table in a CSV or XLSX file (its first visible sheet); the first filled row is the header.

    All cells come as text: leading zeros, 1E5 and long numbers of text cells as they are, numbers of XLSX as plain
    decimals, dates as 2026-11-23. Rows without any text are left out, their numbers are not given to others.
    Raises InvalidInput whose field is the cell (`C7`) or `file`.
    """
    if not data.strip():
        raise InvalidInput("file", N_("The file is empty."))
    if len(data) > MAX_BYTES:
        raise InvalidInput(
            "file", N_("The file is larger than %(max)s MB. Split it into smaller files."), max=MAX_BYTES // 2**20
        )
    if _is_xlsx(filename, data):
        _check_zip(data)
        rows = _apart("xlsx_reader.py", data, max_rows, max_columns)
    else:
        rows = _apart("csv_reader.py", data, max_rows, max_columns)
    return table_of(rows, max_rows, max_columns)


def _is_xlsx(filename: str, data: bytes) -> bool:
    """True for XLSX, False for CSV, by what is in the file; its name only makes a refusal clearer."""
    ending = Path(filename).suffix.lower()
    if ending in (".xls", ".xlsm", ".xlsb", ".xltx", ".xltm", ".ods", ".numbers"):
        raise InvalidInput(
            "file", N_("Files of the kind %(kind)s are not read. Save it as XLSX or CSV and send that."), kind=ending
        )
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise InvalidInput(
            "file",
            N_("This is an old Excel file or one with a password. Save it as XLSX without a password and send that."),
        )
    if data.startswith(b"PK"):
        return True
    if ending == ".xlsx":
        raise InvalidInput("file", UNREADABLE)
    return False


def _check_zip(data: bytes) -> None:
    """Refuse by the zip's directory alone what would be costly or dangerous to unpack."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, EOFError):
        raise InvalidInput("file", UNREADABLE) from None
    names = [entry.filename for entry in entries]
    if any(entry.flag_bits & 1 for entry in entries):
        raise InvalidInput("file", N_("The file has a password. Save it without one and send that."))
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        raise InvalidInput("file", N_("The file holds macros. Save it as XLSX without macros and send that."))
    if "xl/workbook.xml" not in names or "[Content_Types].xml" not in names:
        raise InvalidInput("file", UNREADABLE)
    too_big = (
        len(entries) > _MAX_ENTRIES
        or sum(entry.file_size for entry in entries) > _MAX_UNPACKED
        or any(entry.file_size > 2**20 and entry.file_size > _MAX_RATIO * entry.compress_size for entry in entries)
    )
    if too_big:
        raise InvalidInput(
            "file",
            N_("The file unpacks to far more than a table needs. Copy the rows into a new workbook and send that."),
        )
    strange = (
        len(set(names)) < len(names)
        or any(".." in name.replace("\\", "/").split("/") or name.startswith(("/", "\\")) for name in names)
        or any(a.header_offset + 30 + a.compress_size > b.header_offset for a, b in pairwise(entries))
        or any(name.lower().endswith((".zip", ".xlsx", ".xlsm", ".docx", ".pptx", ".bin.zip")) for name in names)
    )
    if strange:
        raise InvalidInput(
            "file",
            N_("The file is packed in an unusual way. Copy the rows into a new workbook and send that."),
        )


def _apart(reader: str, data: bytes, max_rows: int, max_columns: int) -> list[tuple[int, list[str]]]:
    try:
        answer = json.loads(read_apart(reader, data, _WALL_SECONDS, str(max_rows), str(max_columns)))
    except NotRead as error:
        if reader == "csv_reader.py":
            raise InvalidInput("file", N_("The file takes too long or too much memory to read.")) from error
        raise InvalidInput("file", N_("The file takes too long or too much memory to read. Send it as CSV.")) from error
    if "field" in answer:
        raise InvalidInput(answer["field"], answer["text"], **answer["values"])
    return [(number, cells) for number, cells in answer["rows"]]


def table_of(rows: Iterable[tuple[int, list[str]]], max_rows: int, max_columns: int) -> Table:
    """Rows as a reader gives them, checked: one header, no control characters, nothing beside it."""
    header: list[str] = []
    found: list[TableRow] = []
    for number, cells in rows:
        while cells and not cells[-1].strip():
            cells.pop()
        if not cells:
            continue
        check_size(number, len(cells), max_rows, max_columns)
        for index, text in enumerate(cells):
            if any(sign < " " and sign not in "\n\t" for sign in text):
                cell = f"{column_name(index)}{number}"
                raise InvalidInput(cell, N_("Cell %(cell)s holds a control character. Type its text again."), cell=cell)
        if not header:
            header = _header(number, cells)
            continue
        for index, text in enumerate(cells):
            if text.strip() and (index >= len(header) or not header[index]):
                cell = f"{column_name(index)}{number}"
                raise InvalidInput(
                    cell, N_("Cell %(cell)s is filled, but its column has no name in the header."), cell=cell
                )
        found.append(TableRow(number, (cells + [""] * len(header))[: len(header)]))
    if not header:
        raise InvalidInput("file", N_("The file is empty."))
    if not found:
        raise InvalidInput("file", N_("The file has a header but no rows under it."))
    return Table(header, found)


def _header(number: int, cells: list[str]) -> list[str]:
    header = [cell.strip() for cell in cells]
    for index, name in enumerate(header):
        if name and name.casefold() in (earlier.casefold() for earlier in header[:index]):
            cell = f"{column_name(index)}{number}"
            raise InvalidInput(
                cell,
                N_("Cell %(cell)s: there are two columns with the name %(name)s. Rename or delete one."),
                cell=cell,
                name=name,
            )
    return header
