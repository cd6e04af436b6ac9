"""Lists of rows: paged, sorted, searched, and the same rows as CSV or XLSX. Every list page is one of these."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import islice
from operator import or_
from typing import Any
from urllib.parse import quote

from flask import Response, current_app, render_template, request
from peewee import Field, ModelSelect, fn

from database import utc_now
from i18n import translated
from spreadsheets import write_csv, write_xlsx

PAGE_SIZES = (25, 50, 100, 200)
#: So many rows are counted and paged through; to count all of a long ledger takes longer than to show a page of it.
COUNTED = 50_000
#: The same for who sees only some of the rows: each row, seen or not, has to be judged for it.
COUNTED_IF_JUDGED = 10_000
_MIME = {"csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


@dataclass(frozen=True)
class Column:
    """One column. `value` gives what is shown and exported; `sort` the field to sort by; `url` makes it a link."""

    key: str
    title: str  # marked with N_
    value: Callable[[Any], Any]
    sort: Any = None  # a peewee field or expression; for reckoned rows a function that gives what to compare
    url: Callable[[Any], str] | None = None
    numeric: bool = False
    right: str = ""  # of accounts.rights: who lacks it neither sees the column nor gets it in a file
    html: Callable[[Any], Any] | None = None  # how a page shows it when that differs from the exported value


@dataclass(frozen=True)
class Filter:
    """A select above the list. `apply` narrows the query for a chosen value."""

    key: str
    title: str
    choices: Sequence[tuple[str, str]]  # value, title
    apply: Callable[[ModelSelect[Any], str], ModelSelect[Any]]


@dataclass(frozen=True)
class Page:
    """What the template `listing.html` shows."""

    columns: Sequence[Column]
    filters: Sequence[Filter]
    rows: Sequence[Any]
    total: int
    number: int
    size: int
    sort: str
    search: str
    searchable: bool
    more: bool = False  # there are more rows than `total`

    @property
    def last(self) -> int:
        return max(1, -(-self.total // self.size))


def answer(
    query: ModelSelect[Any],
    columns: Sequence[Column],
    *,
    template: str,
    name: str,
    search: Sequence[Field] | Callable[[str], Any] = (),
    exact: Sequence[Field] = (),
    filters: Sequence[Filter] = (),
    sort: str = "",
    prepare: Callable[[list[Any]], None] | None = None,
    files: bool = False,
    bare: ModelSelect[Any] | None = None,
    **context: Any,
) -> Response | str:
    """The answer to a list request: the page, or with `?format=csv|xlsx` all rows that match as a file.

    `query` must already join what the columns show (no query per row). `search`: text fields that `?q=` looks into,
    or what makes the condition of its text.
    `exact`: of these the codes in capitals that have an index; a row whose code is the whole text is all that is found.
    `sort`: key of the column to sort by, `-` in front for descending; `?sort=` overrides it. `name`: of the file.
    `bare`: the rows of `query` without its joins, where those are dear: they are counted while nothing narrows them.
    `prepare`: called with the rows of a page before they are shown, to read at once what their columns need besides;
    with `files` of a file too, a thousand rows at a time.
    """
    columns = _allowed(columns)
    text, everything = _searched(), query
    if text and search:
        query = _found(query, search, exact, text)
    for filter_ in filters:
        chosen = request.args.get(filter_.key, "")
        if chosen and chosen in {value for value, _ in filter_.choices}:
            query = filter_.apply(query, chosen)

    countable = bare if bare is not None and query is everything else query
    order, expression = _order(columns, sort)
    if expression is not None:
        last = query.model._meta.primary_key
        # Both in one direction, so that an index of the column gives the whole order: SQLite keeps the key behind it.
        both = (expression.desc(), last.desc()) if order.startswith("-") else (expression.asc(), last.asc())
        query = query.order_by(*both)

    kind = request.args.get("format", "")
    if kind in _MIME:
        return _file(kind, name, columns, _prepared(query, prepare) if prepare and files else query)

    sees_all: Any = current_app.jinja_env.globals["sees_all"]
    most = COUNTED if sees_all() else COUNTED_IF_JUDGED
    counted = countable.limit(most + 1).count()
    total = min(counted, most)
    number, size = _paged(total)
    rows = list(query.paginate(number, size))
    if prepare:
        prepare(rows)
    page = Page(columns, filters, rows, total, number, size, order, text, bool(search), more=counted > most)
    return render_template(template, page=page, PAGE_SIZES=PAGE_SIZES, **context)


def answer_reckoned(
    rows: Iterable[Any],
    columns: Sequence[Column],
    *,
    template: str,
    name: str,
    search: Callable[[Any], str],
    filters: Sequence[Filter] = (),
    sort: str = "",
    **context: Any,
) -> Response | str:
    """As `answer`, for rows that are reckoned and not read. `search`: the text of a row that `?q=` looks into.

    `filters` are shown above the list; whoever reckons the rows has heeded them.
    """
    columns = _allowed(columns)
    text = _searched()
    rows = [row for row in rows if text.lower() in search(row).lower()]
    order, compared = _order(columns, sort)
    if compared is not None:
        rows.sort(key=compared, reverse=order.startswith("-"))
    kind = request.args.get("format", "")
    if kind in _MIME:
        return _file(kind, name, columns, rows)
    number, size = _paged(len(rows))
    shown = rows[(number - 1) * size : number * size]
    page = Page(columns, filters, shown, len(rows), number, size, order, text, True)
    return render_template(template, page=page, PAGE_SIZES=PAGE_SIZES, **context)


def _allowed(columns: Sequence[Column]) -> list[Column]:
    """Those that the person may see; `may` (and `sees_all` above) is what accounts.access gives to all templates."""
    may: Any = current_app.jinja_env.globals["may"]
    return [column for column in columns if not column.right or may(column.right)]


def _searched() -> str:
    return request.args.get("q", "").replace("\0", "").strip()[:200]  # PostgreSQL takes no NUL


def _order(columns: Sequence[Column], default: str) -> tuple[str, Any]:
    """(key of the column with its direction, what that column sorts by)."""
    sortable = {column.key: column.sort for column in columns if column.sort is not None}
    order = request.args.get("sort", "")
    order = order if order.lstrip("-") in sortable else default
    return order, sortable.get(order.lstrip("-"))


def _paged(total: int) -> tuple[int, int]:
    """(number of the page, rows a page); a page that is not there is the nearest one."""
    size = _int(request.args.get("size"), PAGE_SIZES[1])
    size = size if size in PAGE_SIZES else PAGE_SIZES[1]
    return min(max(1, _int(request.args.get("page"), 1)), max(1, -(-total // size))), size


def _prepared(query: Any, prepare: Callable[[list[Any]], None]) -> Iterator[Any]:
    rows = iter(query.iterator())
    while some := list(islice(rows, 1_000)):
        prepare(some)
        yield from some


def _found(query: Any, search: Any, exact: Sequence[Field], text: str) -> Any:
    """A whole code, as a scanner types it, is found by its index; only what is no code is looked for everywhere."""
    for field in exact:
        whole = query.where(field == text.upper())
        if whole.exists():
            return whole
    return query.where(search(text) if callable(search) else matches(search, text))


def matches(fields: Sequence[Field], text: str) -> Any:
    """The condition that one of the fields holds `text`, in capitals or small letters of any script."""
    if text.isascii():  # both databases compare these without regard to case by themselves, in half the time
        return reduce(or_, (field.contains(text) for field in fields))
    return reduce(or_, (fn.LOWER(field).contains(text.lower()) for field in fields))


def _file(kind: str, name: str, columns: Sequence[Column], rows: Iterable[Any]) -> Response:
    return table_file(
        kind, name, [column.title for column in columns], ([c.value(row) for c in columns] for row in rows)
    )


def table_file(kind: str, name: str, titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """Rows as a CSV or XLSX file to download, `titles` (marked with N_) translated above them."""
    header = [translated(title) for title in titles]
    data = write_csv(header, rows) if kind == "csv" else write_xlsx(name, header, rows)
    return attachment(data, f"{name}-{utc_now().date().isoformat()}.{kind}", _MIME[kind])


def attachment(data: bytes, filename: str, mimetype: str, *, inline: bool = False) -> Response:
    """A file to download (or to show), under a name that may be Chinese; never cached, never sniffed.

    To a `mimetype` of text, Flask adds that it is UTF-8.
    """
    response = Response(data, mimetype=mimetype)
    plain = "".join(c if 32 <= ord(c) < 127 and c not in '"\\/;%' else "_" for c in filename)
    kind = "inline" if inline else "attachment"
    encoded = quote(filename, safe="")
    response.headers["Content-Disposition"] = f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}"
    response.headers["Cache-Control"] = "no-store"
    return response


def _int(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else default
