"""Reads one CSV in a process of its own: `python csv_reader.py ROWS COLUMNS < file > JSON`.

spreadsheets.py starts it. A text of 10 MB may be one row of ten million cells, and which of many encodings it is in is
found out by trying them: here that costs this process, not the server.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from errors import N_, InvalidInput
from xlsx_reader import MAX_TEXT, answer, check_size

MEMORY = 512 * 1024 * 1024  # bytes of address space
SECONDS = 10  # of CPU

#: A cell that starts so is a formula to a spreadsheet program (OWASP: CSV injection), full-width forms included.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\0", "＝", "＋", "－", "＠")

TOO_LONG = N_("A cell in row %(row)s holds more than %(most)s characters. A quotation mark before it may be missing.")
NO_TEXT = N_("The file is not text that can be read. Save it as “CSV UTF-8” or XLSX and send that.")


def read(data: bytes, max_rows: int, max_columns: int) -> list[tuple[int, list[str]]]:
    """The rows as (row number, texts), empty cells at the end and empty rows left out.

    Raises InvalidInput naming the cell beyond which there is more than a table may have, or the row that is no CSV.
    """
    rows, size = [], 0
    for number, cells in _rows(_decoded(data)):
        while cells and not cells[-1].strip():
            cells.pop()
        if not cells:
            continue
        check_size(number, len(cells), max_rows, max_columns)
        size += sum(map(len, cells))
        if size > MAX_TEXT:
            raise InvalidInput("file", N_("The file holds too much text. Split it into smaller files."))
        rows.append((number, [_unquoted(cell) for cell in cells]))
    return rows


def _decoded(data: bytes) -> str:
    """The text of a CSV file: UTF-8, UTF-16 with BOM, GB18030, else Windows-1252."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "gb18030", "cp1252"] if _looks_chinese(data) else ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InvalidInput("file", NO_TEXT)


def _looks_chinese(data: bytes) -> bool:
    """Whether bytes above 127 are GB18030. Most Windows-1252 text is valid as GB18030 too, but gives rare signs."""
    try:
        signs = [sign.encode("gb18030") for sign in data.decode("gb18030") if sign > "\x7f"]
    except UnicodeDecodeError:
        return False
    common = sum(len(sign) == 2 and 0xA1 <= sign[0] <= 0xD7 and sign[1] >= 0xA1 for sign in signs)  # GB 2312 level 1
    return 2 * common >= len(signs) or not re.search(rb"[A-Za-z][\x80-\xff]|[\x80-\xff][A-Za-z]", data)


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    if "\0" in text:
        raise InvalidInput("file", NO_TEXT)
    number = 0
    try:
        for number, cells in enumerate(
            csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True), 1
        ):
            yield number, cells
    except csv.Error as error:
        if "field limit" in str(error):  # it has no class or number of its own
            most = f"{csv.field_size_limit():,}"
            raise InvalidInput(f"A{number + 1}", TOO_LONG, row=number + 1, most=most) from None
        raise InvalidInput(
            f"A{number + 1}",
            N_("Row %(row)s cannot be read: a quotation mark is missing or stands alone."),
            row=number + 1,
        ) from None


def _unquoted(cell: str) -> str:
    """A cell without the apostrophe that `write_csv` put in front of what looks like a formula."""
    cell = cell.replace("\r\n", "\n").replace("\r", "\n")
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(FORMULA_STARTS) else cell


def _delimiter(text: str) -> str:
    """The one of , ; TAB that cuts the first filled line into most cells."""

    def columns(delimiter: str) -> int:
        try:
            return len(next((row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row), []))
        except csv.Error:
            return 0

    return max(",;\t", key=columns)


if __name__ == "__main__":
    answer(read, MEMORY, SECONDS)
