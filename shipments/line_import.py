"""Lines of a shipment from an uploaded CSV or XLSX: read, checked cell by cell, shown, and only then saved."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from itsdangerous import BadSignature
from werkzeug.datastructures import FileStorage

from errors import N_, InvalidInput, Message
from form_fields import exact_number
from shipments.booking import entry_of, known_to
from shipments.models import Shipment
from shipments.rules import MAX_LINES, Known, LineEntry, Problem, ShipmentEntry, line_problems
from signatures import Signed
from spreadsheets import Table, TableRow, read_table

#: field → the title of its column in the template file
TITLES = {
    "product": N_("Part no."),
    "quantity": N_("Quantity"),
    "unit_price": N_("Unit price"),
    "invoice_group": N_("Invoice group"),
}
_OPTIONAL = ("invoice_group",)

#: field → how people head its column; compared without case, blanks, signs and what stands in brackets
_HEADERS = {
    "product": ("part no", "part number", "part", "product", "product no", "item no", "material no",
                "料号", "物料号", "物料编码", "零件号", "产品编号", "品号"),
    "quantity": ("quantity", "qty", "数量"),
    "unit_price": ("unit price", "price", "单价"),
    "invoice_group": ("invoice group", "发票组", "发票分组"),
}  # fmt: skip
_PREVIEW_SECONDS = 24 * 3600


@dataclass(frozen=True)
class ReadLine:
    """One row of the file: its texts by field, the entry they make, and what is wrong by field."""

    number: int
    texts: Mapping[str, str]
    entry: LineEntry
    product: Any = None  # its row
    problems: Mapping[str, Message] = field(default_factory=dict)
    there: bool = False  # the shipment has such a line already


@dataclass(frozen=True)
class ReadFile:
    """What a file gives. With any problem nothing of it may be saved; a problem's field is its cell, or `file`."""

    lines: tuple[ReadLine, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def there(self) -> tuple[ReadLine, ...]:
        """Those of its lines that the shipment has already: the same file, perhaps, under another name."""
        return tuple(line for line in self.lines if line.there)


def read_upload(file: FileStorage | None, shipment: Shipment | None) -> ReadFile:
    """The lines in an uploaded file with all problems at once, each named by its cell."""
    if file is None or not file.filename:
        return _unreadable("file", N_("Choose a CSV or XLSX file first."))
    try:
        table = read_table(file.filename, file.read(), max_rows=MAX_LINES + 1)
        columns = _columns(table)
    except InvalidInput as error:
        return _unreadable(error.field, error.message.text, **error.message.values)
    entries = [_entry(row, columns) for row in table.rows]
    known = known_to(ShipmentEntry(lines=tuple(entries)), shipment)
    lines, problems = [], []
    for row, entry in zip(table.rows, entries, strict=True):
        texts = {name: row.cells[index] for name, index in columns.items()}
        wrong = _wrong(entry, texts, known)
        lines.append(ReadLine(row.number, texts, entry, known.product(entry.product), wrong))
        for name, message in wrong.items():
            cell = table.cell(row, columns[name])
            problems.append(Problem(cell, Message(N_("%(cell)s: %(problem)s"), {"cell": cell, "problem": message})))
    return ReadFile(compared(lines, _present(shipment)), tuple(problems))


def read_again(lines: Sequence[LineEntry], rows: Sequence[int], shipment: Shipment) -> ReadFile:
    """What a preview showed, from the lines and row numbers that it carries, held against the present lines again."""
    known = known_to(ShipmentEntry(lines=tuple(lines)), shipment)
    grouped = any(line.invoice_group for line in lines)
    found = []
    for number, line in zip(rows, lines, strict=True):
        texts = {"product": line.product, "quantity": str(line.quantity), "unit_price": str(line.unit_price)}
        texts |= {"invoice_group": line.invoice_group} if grouped else {}
        found.append(ReadLine(number, texts, line, known.product(line.product)))
    return ReadFile(compared(found, _present(shipment)))


def compared(lines: Sequence[ReadLine], present: Sequence[LineEntry]) -> tuple[ReadLine, ...]:
    """The lines, each with whether it is there: as often as it is among the present ones, and no oftener."""
    left = Counter(_same(line) for line in present)
    found = []
    for line in lines:
        key = _same(line.entry)
        found.append(replace(line, there=left[key] > 0))
        left[key] -= 1
    return tuple(found)


def _present(shipment: Shipment | None) -> tuple[LineEntry, ...]:
    return entry_of(shipment).lines if shipment else ()


def _same(line: LineEntry) -> tuple[object, ...]:
    return line.product.casefold(), line.quantity, line.unit_price, line.invoice_group


def _unreadable(where: str, text: str, **values: Any) -> ReadFile:
    return ReadFile(problems=(Problem(where, Message(text, values)),))


def _columns(table: Table) -> dict[str, int]:
    """field → index of its column. InvalidInput when one is missing or there twice."""
    found: dict[str, int] = {}
    wanted = {_plain(title): name for name, titles in _HEADERS.items() for title in titles}
    for index, title in enumerate(table.header):
        name = wanted.get(_plain(title))
        if name in found:
            text = N_("Two columns could be “%(title)s”: %(first)s and %(second)s. Delete or rename one.")
            values = {"first": table.header[found[name]], "second": title}
            raise InvalidInput("file", text, title=Message(TITLES[name]), **values)
        if name:
            found[name] = index
    for name, title in TITLES.items():
        if name not in found and name not in _OPTIONAL:
            text = N_("There is no column “%(title)s”. The first row must name the columns: %(names)s.")
            names = ", ".join(_HEADERS[name])
            raise InvalidInput("file", text, title=Message(title), names=names)
    return found


def _plain(title: str) -> str:
    title = unicodedata.normalize("NFKC", title).casefold().partition("(")[0].partition("[")[0]
    return "".join(c for c in title if c.isalnum())


def _entry(row: TableRow, columns: Mapping[str, int]) -> LineEntry:
    return LineEntry(
        product=_code(row.cells[columns["product"]]),
        quantity=exact_number(row.cells[columns["quantity"]]),
        unit_price=exact_number(row.cells[columns["unit_price"]]),
        invoice_group=_code(row.cells[columns["invoice_group"]]).upper() if "invoice_group" in columns else "",
    )


def _code(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()


def _wrong(entry: LineEntry, texts: Mapping[str, str], known: Known) -> dict[str, Message]:
    wrong: dict[str, Message] = {}
    for name in ("quantity", "unit_price"):
        if texts[name].strip() and getattr(entry, name) is None:
            text = N_("“%(text)s” is not a number; write it like 1234.5, with a point before the decimals.")
            wrong[name] = Message(text, {"text": texts[name].strip()[:30]})
    for problem in line_problems(entry, known):
        wrong.setdefault(problem.field, problem.message)
    return wrong


def sealed(lines: tuple[ReadLine, ...], number: str, version: int, key: str) -> str:
    """The checked lines as a signed text that a preview page carries to its confirmation."""
    rows = [
        [line.entry.product, str(line.entry.quantity), str(line.entry.unit_price), line.entry.invoice_group]
        for line in lines
    ]
    at = [line.number for line in lines]
    return _serializer(key).dumps({"number": number, "version": version, "rows": rows, "at": at})


def unsealed(text: str, number: str, key: str) -> tuple[tuple[LineEntry, ...], int, list[int]]:
    """The lines of `sealed`, the version of the shipment they were shown for, and their rows in the file.

    InvalidInput when the text was changed, is older than a day or of another shipment.
    """
    try:
        content = _serializer(key).loads(text, max_age=_PREVIEW_SECONDS)
    except BadSignature:
        content = {}
    if content.get("number") != number:
        text = N_("This preview is not of this shipment, too old, or was changed. Upload the file again.")
        raise InvalidInput("rows", text)
    lines = tuple(
        LineEntry(product, Decimal(quantity), Decimal(price), *group)
        for product, quantity, price, *group in content["rows"]  # a preview of an older version has no group
    )
    return lines, content["version"], content.get("at") or list(range(2, len(lines) + 2))


def _serializer(key: str) -> Signed:
    return Signed(key, salt="lines of a shipment from a file")
