"""Reads one XLSX in a process of its own: `python xlsx_reader.py ROWS COLUMNS < file > JSON`.

spreadsheets.py starts it. A hostile workbook of 300 kB can cost 15 s and half a gigabyte; here that is the end of this
process, not of the server. The zip directory was checked before, but it may lie about sizes: every entry is unpacked
and compared first.
"""

from __future__ import annotations

import io
import json
import posixpath
import sys
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

from apart import limit
from errors import N_, InvalidInput

MEMORY = 512 * 1024 * 1024  # bytes of address space
SECONDS = 10  # of CPU
MAX_TEXT = 20_000_000  # characters in all cells: one shared text may be named by every cell

UNREADABLE = N_(
    "The file is not a readable XLSX workbook. Open it in a spreadsheet program, save it as XLSX or CSV and send that."
)


def column_name(index: int) -> str:
    """0 → A, 25 → Z, 26 → AA."""
    name = ""
    index += 1
    while index:
        index, letter = divmod(index - 1, 26)
        name = chr(65 + letter) + name
    return name


def read(data: bytes, max_rows: int, max_columns: int) -> list[tuple[int, list[str]]]:
    """The rows of the first visible sheet as (row number, texts from column A on), empty rows left out.

    Raises InvalidInput naming the cell for what has no text that can be trusted: error values, formulas that were never
    calculated, merged cells, whole numbers beyond 15 digits, days before March 1900.
    """
    from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _unpack(archive)
            book = CalamineWorkbook.from_filelike(io.BytesIO(data))
            name = next(
                (
                    sheet.name
                    for sheet in book.sheets_metadata
                    if sheet.visible == SheetVisibleEnum.Visible and sheet.typ == SheetTypeEnum.WorkSheet
                ),
                None,
            )
            if name is None:
                raise InvalidInput(
                    "file", N_("The workbook has no visible sheet. Unhide the sheet with the rows and send it again.")
                )
            _Scan(max_rows, max_columns).parse(archive.read(_part(archive, name)))
        sheet = book.get_sheet_by_name(name)
        for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
            raise InvalidInput(
                f"{column_name(left)}{top + 1}",
                N_("The cells %(first)s to %(last)s are merged. Unmerge them and send the file again."),
                first=f"{column_name(left)}{top + 1}",
                last=f"{column_name(right)}{bottom + 1}",
            )
        rows, size = [], 0
        for number, values in enumerate(sheet.iter_rows(), 1):
            texts = [
                value if type(value) is str and "\r" not in value else _text(value, number, column)
                for column, value in enumerate(values)
            ]
            size += sum(map(len, texts))
            if size > MAX_TEXT:
                raise InvalidInput("file", N_("The file holds too much text. Split it into smaller files."))
            if any(texts):
                rows.append((number, texts))
        return rows
    except (
        CalamineError,
        zipfile.BadZipFile,
        EOFError,
        KeyError,
        IndexError,
        NotImplementedError,  # of zipfile: patched data
        RuntimeError,  # and an encrypted entry
        ValueError,
        OSError,
        expat.ExpatError,
        ElementTree.ParseError,
    ):
        raise InvalidInput("file", UNREADABLE) from None


def _unpack(archive: zipfile.ZipFile) -> None:
    """Read every entry once: a size or a checksum that is not what the directory says raises BadZipFile."""
    for entry in archive.infolist():
        with archive.open(entry) as file:
            start = file.read(4096)
            while file.read(1 << 20):
                pass
        if b"<!DOCTYPE" in start or b"<!ENTITY" in start:  # no spreadsheet program writes one; entities multiply
            raise InvalidInput("file", UNREADABLE)


def _part(archive: zipfile.ZipFile, sheet_name: str) -> str:
    """The zip entry of a sheet, by way of workbook.xml and its relations."""
    relation = next(
        value
        for element in ElementTree.fromstring(archive.read("xl/workbook.xml")).iter()  # noqa: S314  (no DTD, checked)
        if element.tag.endswith("}sheet") and element.get("name") == sheet_name
        for key, value in element.attrib.items()
        if key.endswith("}id")
    )
    for element in ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels")):  # noqa: S314
        if element.get("Id") == relation:
            return posixpath.normpath(posixpath.join("/xl", element.get("Target", ""))).lstrip("/")
    raise KeyError(relation)


class _Scan:
    """Looks for what calamine hides: it gives error cells and uncalculated formulas as empty, and takes memory for
    every cell between the first and the last one."""

    def __init__(self, max_rows: int, max_columns: int) -> None:
        self.max_rows, self.max_columns = max_rows, max_columns
        self.row = self.column = 0
        self.kind = self.inside = ""
        self.formula = self.filled = False

    def parse(self, xml: bytes) -> None:
        parser = expat.ParserCreate()
        parser.StartElementHandler, parser.EndElementHandler = self.start, self.end
        parser.CharacterDataHandler = self.characters
        parser.Parse(xml, True)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        if name == "row":
            self.row, self.column = int(attributes.get("r", self.row + 1)), 0
        elif name == "c":
            self.place(attributes.get("r", ""))
            self.kind, self.formula, self.filled = attributes.get("t", ""), False, False
        elif name == "f":
            self.formula = True
        elif name in ("v", "t"):
            self.inside = name

    def place(self, reference: str) -> None:
        letters = reference.rstrip("0123456789")
        self.column = self.column + 1
        if letters:
            self.row, self.column = int(reference[len(letters) :]), 0
            for letter in letters:
                self.column = self.column * 26 + ord(letter) - 64

    def characters(self, text: str) -> None:
        if self.inside and text:
            self.filled = True

    def end(self, name: str) -> None:
        name = name.rpartition(":")[2]
        if name in ("v", "t"):
            self.inside = ""
        elif name == "c" and (self.filled or self.formula):
            cell = f"{column_name(self.column - 1)}{self.row}"
            if self.kind == "e":
                raise InvalidInput(
                    cell, N_("Cell %(cell)s holds an error value. Mend the formula or type the value."), cell=cell
                )
            if self.formula and not self.filled and self.kind != "str":
                raise InvalidInput(
                    cell,
                    N_("The formula in cell %(cell)s was never calculated. Save the file in a spreadsheet program."),
                    cell=cell,
                )
            check_size(self.row, self.column, self.max_rows, self.max_columns)


def check_size(row: int, columns: int, max_rows: int, max_columns: int) -> None:
    """Refuse a filled cell beyond the first `max_rows` rows under the header or beyond `max_columns` columns."""
    if row > max_rows + 1:
        raise InvalidInput(
            f"A{row}",
            N_("Row %(row)s is filled, but a file may have %(max)s rows under its header. Split the file."),
            row=row,
            max=max_rows,
        )
    if columns > max_columns:
        cell = f"{column_name(columns - 1)}{row}"
        raise InvalidInput(
            cell,
            N_("Cell %(cell)s is filled, but a file may have %(max)s columns. Delete the columns that are not needed."),
            cell=cell,
            max=max_columns,
        )


def _text(value: Any, row: int, column: int) -> str:
    cell = f"{column_name(column)}{row}"
    if isinstance(value, str):
        return value.replace("\r\n", "\n").replace("\r", "\n")
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        if not isfinite(value) or abs(value) >= 10**15:
            raise InvalidInput(
                cell,
                N_("Cell %(cell)s holds a number of more than 15 digits, whose last ones are lost. Type it as text."),
                cell=cell,
            )
        if value == int(value):
            return str(int(value))
        # 15 digits are what spreadsheet programs keep and show; the rest is noise of binary numbers (0.1 + 0.2).
        return format(Decimal(format(value, ".15g")), "f")
    if isinstance(value, datetime | date):
        if (value.year, value.month) < (1900, 3):  # serial 60 is 1900-02-29, which never was
            raise InvalidInput(
                cell,
                N_("Cell %(cell)s holds a date before March 1900, which spreadsheets get wrong. Type it as text."),
                cell=cell,
            )
        return value.isoformat(" ", "seconds") if isinstance(value, datetime) else value.isoformat()
    if isinstance(value, time):
        return value.isoformat("seconds")
    if isinstance(value, timedelta):
        seconds = round(value.total_seconds())
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return str(value)


def answer(read_rows: Callable[[bytes, int, int], Any], memory: int, seconds: int) -> None:
    """Read standard input within these limits, with the most rows and columns of the command line, and answer on
    standard output: {"rows": …} or {"field": …, "text": …, "values": …}. csv_reader does the same."""
    limit(memory, seconds)
    found: dict[str, Any]
    try:
        found = {"rows": read_rows(sys.stdin.buffer.read(), int(sys.argv[1]), int(sys.argv[2]))}
    except InvalidInput as error:
        found = {"field": error.field, "text": error.message.text, "values": error.message.values}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    answer(read, MEMORY, SECONDS)
