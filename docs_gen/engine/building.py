"""Building boxes: a cell of a table that holds text, or blocks of text, is made as it will be after all passes.

The engine makes a tree of boxes and walks over it nine times: white space, capitals, missing tables, flex, grid, lines
around text, blocks inside lines. For a cell whose text is written without white space around it nothing of this changes
more than one thing: its text gets a line. A tenth of the time of a long table went into building, a quarter of it into
the borders of cells, of which most styles have none.
"""

from __future__ import annotations

from typing import Any

from docs_gen.engine.cells import ordinary

_NOT_PLAIN = ("\n", "\r", "\t", "  ", "\xad")
_SIDES = ("left", "right", "top", "bottom")


def hasten_building(replace: Any) -> None:
    """Build as described above."""
    _build_cells(replace)
    _collapse_borders(replace)


def _build_cells(replace: Any) -> None:
    from weasyprint.formatting_structure import build
    from weasyprint.formatting_structure.boxes import (
        BlockBox,
        Box,
        LineBox,
        TableCellBox,
        TableRowBox,
        TableRowGroupBox,
        TextBox,
    )

    build_any = build.element_to_box
    Box.built = False

    def element_to_box(element: Any, style_for: Any, *more: Any) -> Any:
        if element.tag == "td" and len(more) > 5:  # with a state: not the root
            cell = built_cell(element, style_for)
            if cell is not None:
                return [cell]
        found = build_any(element, style_for, *more)
        if element.tag in inside and len(found) == 1:
            box = found[0]
            if type(box) is inside[element.tag] and not box.is_running() and box.children:
                box.built = all(child.built for child in box.children)
        return found

    #: Rows of such cells, and groups of such rows, are as they will be, too.
    inside = {"tr": TableRowBox, "tbody": TableRowGroupBox}

    def built_cell(element: Any, style_for: Any) -> Any:
        """The cell of an element, or None."""
        text = element.text
        blocks = list(element)
        if text is not None and (blocks or not _is_clean(text)):
            return None
        for block in blocks:
            if (
                block.tag != "div"
                or len(block)
                or block.tail is not None
                or not block.text
                or not _is_clean(block.text)
            ):
                return None
        style = style_for(element)
        if not _is_counted_out(style, ("table-cell",)) or _has_more(element, style_for):
            return None
        boxes = []
        for block in blocks:
            block_style = style_for(block)
            if not _is_counted_out(block_style, ("block", "flow")) or _has_more(block, style_for):
                return None
            boxes.append(BlockBox("div", block_style, block, ()))
        cell = TableCellBox("td", style, element, ())
        for box in boxes:
            box.string_set = []
            box.children = [line_around(box, box.element.text)]
        cell.string_set = []
        cell.children = boxes if text is None else [line_around(cell, text)]
        cell.built = True
        return cell

    def line_around(box: Any, text: str) -> Any:
        return LineBox.anonymous_from(box, [TextBox.anonymous_from(box, text)])

    def passing_by(name: str) -> None:
        run = getattr(build, name)

        def walk(box: Any) -> Any:
            return box if box.built else run(box)

        replace(name, run, walk)

    for name in ("anonymous_table_boxes", "flex_boxes", "grid_boxes", "inline_in_block", "block_in_inline"):
        passing_by(name)
    process_whitespace, process_text_transform = Box.process_whitespace, Box.process_text_transform

    def part_whitespace(self: Any, following_collapsible_space: bool = False) -> Any:
        return False if self.built else process_whitespace(self, following_collapsible_space)

    def part_text_transform(self: Any) -> None:
        if not self.built:
            process_text_transform(self)

    for part in (TableCellBox, TableRowBox, TableRowGroupBox):
        part.process_whitespace, part.process_text_transform = part_whitespace, part_text_transform
    replace("element_to_box", build_any, element_to_box)


def _is_clean(text: str) -> bool:
    """Whether a text has no white space that would go, and no hyphens that show when a line ends there."""
    return (
        text != "" and not text[0].isspace() and not text[-1].isspace() and not any(one in text for one in _NOT_PLAIN)
    )


def _has_more(element: Any, style_for: Any) -> bool:
    """Whether something is put before or after an element, or its first letters look different."""
    more = getattr(style_for, "more", None)
    if more is not None:
        return element in more
    return any(style_for(element, one) is not None for one in ("before", "after", "first-letter", "first-line"))


def _is_counted_out(style: Any, display: tuple[str, ...]) -> bool:
    """Whether boxes of this style are made of their text alone and change no counters."""
    known = style.__dict__.get("counted_out")
    if known is None:
        known = style.counted_out = (
            ordinary(style)
            and style["text_transform"] == "none"
            and not style["counter_reset"]
            and not style["counter_set"]
            and style["counter_increment"] in ("auto", (), [])
            and not style["anchor"]
            and style["content"] in ("normal", "none", "inhibit")
        )
    return known and style["display"] == display  # type: ignore[no-any-return]


def _collapse_borders(replace: Any) -> None:
    from weasyprint.draw.color import get_color
    from weasyprint.layout import table as module

    collapse_any = module.collapse_table_borders
    scores = {
        style: score
        for score, style in enumerate(
            ("none", "inset", "groove", "outset", "ridge", "dotted", "dashed", "solid", "double", "hidden")
        )
    }
    drawn_as = {"inset": "ridge", "outset": "groove"}
    none = ((0, 0, scores["none"]), ("none", 0, module.TRANSPARENT))
    inside = ((1, 0, scores["hidden"]), ("hidden", 0, module.TRANSPARENT))

    def edges(style: Any) -> tuple[Any, ...]:
        """The borders of a style that may win over none: (side, border)."""
        known = style.__dict__.get("edges")
        if known is None:
            found = []
            for side in _SIDES:
                line, width = style[f"border_{side}_style"], style[f"border_{side}_width"]
                score = (1 if line == "hidden" else 0, width, scores[line])
                if score > none[0]:
                    color = get_color(style, f"border_{side}_color")
                    found.append((side, (score, (drawn_as.get(line, line), width, color))))
            known = style.edges = tuple(found)
        return known  # type: ignore[no-any-return]

    def collapse_table_borders(table: Any, grid_width: int, grid_height: int) -> Any:
        """The engine's, for tables from left to right."""
        if table.style["direction"] != "ltr" or not (grid_width and grid_height):
            return collapse_any(table, grid_width, grid_height)
        upright = [[none] * (grid_width + 1) for _ in range(grid_height)]
        level = [[none] * grid_width for _ in range(grid_height + 1)]

        def set_borders(box: Any, x: int, y: int, width: int, height: int) -> None:
            for side, border in edges(box.style):
                score = border[0]
                if side == "left" or side == "right":
                    column = x if side == "left" else x + width
                    for row in upright[y : y + height]:
                        if row[column][0] < score:
                            row[column] = border
                else:
                    row = level[y if side == "top" else y + height]
                    for column in range(x, x + width):
                        if row[column][0] < score:
                            row[column] = border

        y = 0
        for group in table.children:
            for row in group.children:
                for cell in row.children:
                    x, across, down = cell.grid_x, cell.colspan, cell.rowspan
                    if across > 1 or down > 1:
                        for line in upright[y : y + down]:
                            line[x + 1 : x + across] = [inside] * (across - 1)
                        for line in level[y + 1 : y + down]:
                            line[x : x + across] = [inside] * across
                    set_borders(cell, x, y, across, down)
                y += 1
        y = 0
        for group in table.children:
            for row in group.children:
                set_borders(row, 0, y, grid_width, 1)
                y += 1
        y = 0
        for group in table.children:
            set_borders(group, 0, y, grid_width, len(group.children))
            y += len(group.children)
        for group in table.column_groups:
            for column in group.children:
                set_borders(column, column.grid_x, 0, 1, grid_height)
        for group in table.column_groups:
            set_borders(group, group.grid_x, 0, group.span, grid_height)
        set_borders(table, 0, 0, grid_width, grid_height)

        def give(box: Any, top: float, right: float, bottom: float, left: float) -> None:
            box.border_top_width, box.border_right_width = top / 2, right / 2
            box.border_bottom_width, box.border_left_width = bottom / 2, left / 2

        def thickest_level(y: int, x: int, across: int) -> float:
            if across == 1:
                return level[y][x][1][1]  # type: ignore[no-any-return]
            return max(border[1][1] for border in level[y][x : x + across])

        def thickest_upright(x: int, y: int, down: int) -> float:
            if down == 1:
                return upright[y][x][1][1]  # type: ignore[no-any-return]
            return max(line[x][1][1] for line in upright[y : y + down])

        y = 0
        for group in table.children:
            give(group, 0, 0, 0, 0)
            for row in group.children:
                give(row, 0, 0, 0, 0)
                for cell in row.children:
                    x, across, down = cell.grid_x, cell.colspan, cell.rowspan
                    give(
                        cell, thickest_level(y, x, across), thickest_upright(x + across, y, down),
                        thickest_level(y + down, x, across), thickest_upright(x, y, down),
                    )  # fmt: skip
                y += 1
        for group in table.column_groups:
            give(group, 0, 0, 0, 0)
            for column in group.children:
                give(column, 0, 0, 0, 0)
        give(
            table, thickest_level(0, 0, grid_width), thickest_upright(grid_width, 0, 1),
            thickest_level(grid_height, 0, grid_width), thickest_upright(0, 0, 1),
        )  # fmt: skip
        return upright, level

    replace("collapse_table_borders", collapse_any, collapse_table_borders)
