"""Boxes: what depends on the style and the width alone is computed once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from docs_gen.engine import text

_SIDES = ("top", "right", "bottom", "left")
BORDERS = tuple(f"border_{side}_width" for side in _SIDES)
RESOLVED = (
    *(f"{what}_{side}" for what in ("margin", "padding") for side in _SIDES),
    "width", "min_width", "max_width", "height", "min_height", "max_height",
)  # fmt: skip
#: Widths of containing blocks for which a style remembers its used values.
_MOST_WIDTHS = 16


def remember_percentages(replace: Any) -> None:
    from weasyprint.formatting_structure.boxes import Box, PageBox
    from weasyprint.layout import percent

    resolve = percent.resolve_percentages

    def resolve_percentages(box: Any, containing_block: Any) -> None:
        """The used lengths of a box, which are those of the last box of this style in a block of this size."""
        style = box.style
        if isinstance(containing_block, Box):
            key = (containing_block.width, containing_block.height, isinstance(box, PageBox))
        else:
            key = (*containing_block, isinstance(box, PageBox))
        kept = style.__dict__.setdefault("used_lengths", {})
        used = kept.get(key)
        attributes = box.__dict__
        if used is None:
            resolve(box, containing_block)
            collapse = style["border_collapse"] == "collapse"
            if collapse and style["box_sizing"] != "content-box":
                return  # the borders come from the neighbours, and the lengths from the borders
            if len(kept) >= _MOST_WIDTHS:
                kept.clear()
            kept[key] = {name: attributes[name] for name in (RESOLVED if collapse else RESOLVED + BORDERS)}
        else:
            attributes.update(used)
            if BORDERS[0] not in used:
                for name in BORDERS:
                    if name not in attributes:
                        attributes[name] = style[name]

    replace("resolve_percentages", resolve, resolve_percentages)


def remember_struts(replace: Any) -> None:
    from weasyprint.text import line_break

    measure = line_break.strut

    def strut(style: Any) -> tuple[float, float]:
        """Line height and baseline of a style."""
        kept = style.__dict__.get("strut")
        if kept is None:
            kept = style.strut = measure(style)
        return kept  # type: ignore[no-any-return]

    replace("strut", measure, strut)


def remember_flow(box_class: Any) -> None:
    ask = box_class.is_in_normal_flow

    def is_in_normal_flow(self: Any) -> bool:
        """Whether boxes of this style stand in the normal flow."""
        kept = self.style.__dict__.get("in_flow")
        if kept is None:
            kept = self.style.in_flow = ask(self)
        return kept  # type: ignore[no-any-return]

    box_class.is_in_normal_flow = is_in_normal_flow


def every_box(box: Any) -> Iterator[Any]:
    """A box and all that it holds: what the engine's `descendants` gave before it passed over plain cells."""
    yield box
    for child in box.children:
        if type(child).__name__ == "AbsolutePlaceholder":
            yield child
        else:
            yield from every_box(child)


def remember_contexts(engine: Any) -> None:
    """Note what holds all boxes of a paper while it is laid out, for `let_go`."""
    begin = engine.layout.LayoutContext.__init__

    def __init__(self: Any, *given: Any) -> None:
        begin(self, *given)
        _contexts.append(self)

    engine.layout.LayoutContext.__init__ = __init__


_contexts: list[Any] = []


def let_go(documents: Iterable[Any]) -> None:
    """Cut the rings in which the boxes of papers hang together, so that they go at once. Otherwise the collector has to
    look through all of them, when nobody needs them any more: a tenth of the time of any paper."""
    for context in _contexts:
        context.__dict__.clear()
    _contexts.clear()
    text.end_paper()
    for document in documents:
        document._html.wrapper_element.__dict__.clear()
        for page in document.pages:
            for box in page._page_box.descendants():
                for group in getattr(box, "column_groups", ()):
                    for column in group.children:
                        column.__dict__.pop("get_cells", None)
