"""Cells of tables that hold text and nothing else: laid out directly, and passed over by what looks for something else.

A long table is some thousands of cells, each a text or some blocks of one text each. The engine lays each out as what
any box may be: with floats, notes, page breaks between the lines, margins that collapse. Here the same numbers are
reckoned in the same order (floating point!) for a cell of which that can be told from its styles; what ends below the
page, and every other cell, is left to the engine. A third of the time of a long table.

A cell that was laid out so is `plain`: its content has no background, anchor, outline or layer, so five walks over all
boxes of a page need not enter it.
"""

from __future__ import annotations

from math import inf
from typing import Any

from docs_gen.engine.boxes import BORDERS, RESOLVED
from docs_gen.engine.text import lines_of, made

_SIDES = ("top", "right", "bottom", "left")
#: What the style of a box must say for its content to be what it seems: property → values.
_ORDINARY: dict[str, tuple[Any, ...]] = {
    "position": ("static",), "float": ("none",), "overflow": ("visible",), "opacity": (1,), "direction": ("ltr",),
    "column_width": ("auto",), "column_count": ("auto",), "break_before": ("auto",), "break_after": ("auto",),
    "break_inside": ("auto",), "max_lines": ("none",), "continue": ("auto",), "box_decoration_break": ("slice",),
    "visibility": ("visible",), "string_set": ("none",), "bookmark_level": ("none",),
    "anchor": ("none", None), "outline_width": (0,), "box_shadow": ([], (), "none"), "appearance": ("none",),
}  # fmt: skip


def ordinary(style: Any) -> bool:
    """Whether a box of this style stands where the one before ends and shows its content only; borders apart."""
    known = style.__dict__.get("ordinary")
    if known is None:
        known = style.ordinary = _is_ordinary(style)
    return known  # type: ignore[no-any-return]


def _is_ordinary(style: Any) -> bool:
    return (
        all(style[name] in values for name, values in _ORDINARY.items())
        and not style["transform"]
        and all(style[name][0] == "none" for name in ("border_image_source", "mask_border_source"))
        and all(kind == "none" for kind, _ in style["background_image"])
        and (0, "px") in style["border_top_left_radius"]
        and (0, "px") in style["border_top_right_radius"]
        and (0, "px") in style["border_bottom_left_radius"]
        and (0, "px") in style["border_bottom_right_radius"]
        and not any(word in style["display"] for word in ("list-item", "flow-root"))
    )


def _bare(style: Any) -> bool:
    """Whether a block of this style is as large as its lines, without edges and background."""
    known = style.__dict__.get("bare")
    if known is None:
        colour = style["background_color"]
        known = style.bare = (
            ordinary(style)
            and (style["color"] if colour == "currentcolor" else colour).alpha == 0
            and not any(style[f"border_{side}_width"] for side in _SIDES)
            and all(_zero(style[f"{what}_{side}"]) for what in ("margin", "padding") for side in _SIDES)
            and style["height"] == "auto"
            and style["width"] == "auto"
            and all(style[name] == "auto" or _zero(style[name]) for name in ("min_width", "min_height"))
            and all(getattr(style[name], "value", None) == inf for name in ("max_width", "max_height"))
        )
    return known  # type: ignore[no-any-return]


def _zero(length: Any) -> bool:
    return getattr(length, "value", None) == 0


#: text-align of the last line of a block and of the others: the share of the space left of the line.
_SHARES = {"start": 0.0, "left": 0.0, "center": 0.5, "right": 1.0, "end": 1.0}


def _alignment(style: Any) -> tuple[float | None, float | None]:
    """The shares for a line of this style and for the last; None is left to the engine."""
    known = style.__dict__.get("alignment")
    if known is None:
        align, last = style["text_align_all"], style["text_align_last"]
        known = style.alignment = (_SHARES.get(align), _SHARES.get(align if last == "auto" else last))
    return known  # type: ignore[no-any-return]


def hasten_cells(replace: Any, known_lines: Any) -> None:
    """Lay out plain cells as described above, and those with lines of several texts that are `inlines.known_lines`."""
    from weasyprint.formatting_structure.boxes import BlockBox, LineBox, TableCellBox, TextBox
    from weasyprint.layout import block, percent
    from weasyprint.text import line_break

    lay_out, resolve, strut, split = (
        block.block_container_layout, percent.resolve_percentages, line_break.strut, line_break.split_first_line,
    )  # fmt: skip

    def block_container_layout(
        context: Any,
        box: Any,
        bottom_space: float,
        skip_stack: Any,
        page_is_empty: bool,
        absolute_boxes: Any,
        fixed_boxes: Any,
        adjoining_margins: Any,
        first_letter_style: Any,
        first_line_style: Any,
        discard: bool,
        max_lines: Any,
    ) -> Any:
        if type(box) is TableCellBox and skip_stack is None and max_lines is None and not discard:
            cell = plain_cell(context, box, bottom_space)
            if cell is not None:
                return cell, None, {"break": "any", "page": None}, [], False, None
        return lay_out(
            context, box, bottom_space, skip_stack, page_is_empty, absolute_boxes, fixed_boxes, adjoining_margins,
            first_letter_style, first_line_style, discard, max_lines,
        )  # fmt: skip

    def plain_cell(context: Any, cell: Any, bottom_space: float) -> Any:
        """The cell with its content in place, or None."""
        if not ordinary(cell.style) or cell.first_letter_style is not None or cell.first_line_style is not None:
            return None
        top = cell.content_box_y()
        end, children, plain = top, [], True
        if cell.children:
            left = cell.content_box_x()
            page = cell.style["page"]
            first = cell.children[0]
            if type(first) is LineBox:
                lines = plain_lines(context, cell, first, left, end)
                if lines is None:
                    lines, plain = mixed_lines(cell, first, end), False
                if lines is None:
                    return None
                children, end = lines
            else:
                for index, child in enumerate(cell.children):
                    if not is_text_block(child) or child.style["page"] != page:
                        return None
                    new = child.copy()
                    new.__dict__.update(bare_lengths(child, cell))
                    new.position_x, new.position_y, new.index = left, end, index
                    new.width = max(0, cell.width)
                    lines = plain_lines(context, new, child.children[0], left, end)
                    if lines is None:
                        lines, plain = mixed_lines(new, child.children[0], end), False
                    if lines is None:
                        return None
                    new.children, below = lines
                    new.remove_decoration_sides = set()
                    new.height = max(0, below - end)
                    end = end + new.height
                    children.append(new)
        if context.overflows_page(bottom_space, end + cell.border_bottom_width + cell.padding_bottom):
            return None
        new_cell = cell.copy_with_children(children)
        new_cell.height = max(min(max(0, end - top), cell.max_height), cell.min_height)
        new_cell.plain = plain
        return new_cell

    def is_text_block(box: Any) -> bool:
        return (
            type(box) is BlockBox
            and _bare(box.style)
            and len(box.children) == 1
            and type(box.children[0]) is LineBox
            and box.first_letter_style is None
            and box.first_line_style is None
            and not (box.string_set or box.bookmark_label or box.link or box.missing_link or box.is_table_wrapper)
        )

    def plain_lines(context: Any, around: Any, line_box: Any, x: float, y: float) -> Any:
        """The lines of a text in a block, and where they end; None when they are not plain."""
        if len(line_box.children) != 1 or line_box.text_overflow != "clip":
            return None
        text_box = line_box.children[0]
        style = line_box.style
        if type(text_box) is not TextBox or text_box.style is not style or text_box.missing_link or not _is_line(style):
            return None
        share, last_share = _alignment(style)
        space = (x + around.width) - x
        most = (x + space) * (1 + 1e-9)
        key = (text_box.text, x, space)
        kept = lines_of(style)
        found = kept.get(key)
        if found is None:
            found = kept[key] = broken(context, text_box.text, style, x, space, most) or ()
        if not found:
            return None
        lines = []
        common, text_common, lengths = line_box.__dict__, text_box.__dict__, bare_lengths(line_box, around)
        final = len(found) - 1
        for number, (values, text_values, line_width, resume) in enumerate(found):
            portion = last_share if number == final else share
            if portion is None:
                return None
            line = object.__new__(LineBox)
            here = line.__dict__
            here.update(common)
            here.update(lengths)
            here.update(values)
            text = object.__new__(TextBox)
            there = text.__dict__
            there.update(text_common)
            there.update(lengths)
            there.update(text_values)
            # As `text_align`, and as `translate` moves the line to its place from the place where its baseline is at 0.
            shift = 0 if line_width >= space or not portion else (space - line_width) * portion
            down = y - here["position_y"]
            here["position_x"] = x + shift
            there["position_x"] = x + shift
            there["position_y"] += down
            here["position_y"] = y
            here["children"] = [text]
            here["resume_at"] = resume
            here["remove_decoration_sides"] = set()
            lines.append(line)
            y = y + here["height"]
        return lines, y

    def mixed_lines(around: Any, line_box: Any, y: float) -> Any:
        """The same for lines of several texts, if they were laid out before."""
        if not len(line_box.children) > 1 or line_box.text_overflow != "clip" or not _bare(line_box.style):
            return None
        lines = known_lines(line_box, around, y)
        return (lines, lines[-1].position_y + lines[-1].height) if lines else None

    def bare_lengths(box: Any, around: Any) -> Any:
        """The used lengths of a bare box, which are zero or "auto" whatever stands around it."""
        known = box.style.__dict__.get("bare_lengths")
        if known is None:
            resolve(box, around)
            known = box.style.bare_lengths = {name: box.__dict__[name] for name in (*RESOLVED, *BORDERS)}
        return known

    def broken(context: Any, text: str, style: Any, x: float, space: float, most: float) -> Any:
        """For each line of a text: the values of its box but for the place, those of its text, its width, and where
        the next begins. None when there is more to see to than a line that ends at a space or between two signs."""
        collapse = style["white_space"] in ("normal", "nowrap", "pre-line")
        line_height, line_baseline = strut(style)
        font_size = style["font_size"]
        if not font_size:
            return None
        utf8, at, lines = text.encode(), 0, []
        while True:
            if collapse:
                while utf8.startswith(b" ", at):
                    at += 1
            if at >= len(utf8):
                return None
            rest = utf8[at:]
            layout, length, resume, width, height, baseline = split(
                rest.decode(), style, context, most - x, 0, is_line_start=True
            )
            made(layout)
            if length <= 0 or x + width > most:
                return None
            if resume is not None and length != resume and rest[length:resume].strip(b" "):
                return None
            if collapse and layout.text.endswith(" "):
                return None
            leading = (line_height - height) / 2
            text_baseline = baseline + leading
            text_top = 0 - text_baseline
            text_bottom = text_top + (height + leading + leading)
            half = (line_height - font_size) / 2
            top = 0 - line_baseline
            bottom = top + (font_size + half + half)
            top, bottom = min(text_top, top), max(text_bottom, bottom)
            line_width = x + width - x
            resume_at = None if resume is None else {0: {at + resume: None}}
            values = {
                "width": line_width, "height": bottom - top, "baseline": -top, "position_y": top,
                "margin_top": 0, "margin_bottom": 0,
            }  # fmt: skip
            text_values = {
                "text": layout.text, "width": width, "height": height, "pango_layout": layout, "margin_top": leading,
                "margin_bottom": leading, "baseline": text_baseline, "position_y": text_top,
            }  # fmt: skip
            lines.append((values, text_values, line_width, resume_at))
            if resume is None:
                return lines
            at += resume

    replace("block_container_layout", lay_out, block_container_layout)


def _is_line(style: Any) -> bool:
    known = style.__dict__.get("is_line")
    if known is None:
        known = style.is_line = _bare(style) and style["vertical_align"] == "baseline" and _zero(style["text_indent"])
    return known  # type: ignore[no-any-return]
