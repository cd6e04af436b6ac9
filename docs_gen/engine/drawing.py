"""Drawing: what a long table draws a thousand times is written as one piece of the page's stream.

The engine opens a marked part, a text, a matrix for each line, and a saved state for each border, each by a call that
adds some bytes. Here are the same bytes with one call each; and the walks over all boxes for what the papers do not
have (outlines, layers, backgrounds) pass over plain cells (see `cells`). A fifth of the time of a long table.
"""

from __future__ import annotations

import operator
import re
from typing import Any

from docs_gen.engine import text
from docs_gen.engine.cells import ordinary
from docs_gen.engine.writing import to_bytes

_NO_EDGES = {f"border_{side}_width" for side in ("top", "right", "bottom", "left")}


def hasten_drawing(engine: Any, replace: Any) -> None:
    """Draw as described above."""
    _draw_squares(engine.svg)
    _draw_lines(replace)
    _draw_borders(replace)
    _pass_over_plain_cells(replace)


def _draw_lines(replace: Any) -> None:
    from weasyprint import draw
    from weasyprint.formatting_structure.boxes import InlineBox, LineBox, ReplacedBox, TextBox

    draw_any_inline, draw_text = draw.draw_inline_level, draw.draw_text
    drawn = text.tracer(to_bytes)

    def draw_inline_level(
        stream: Any,
        page: Any,
        box: Any,
        offset_x: float = 0,
        text_overflow: str = "clip",
        block_ellipsis: Any = "none",
    ) -> None:
        kind = type(box)
        if kind is LineBox:
            text_overflow, block_ellipsis = box.text_overflow, box.block_ellipsis
        if (
            (kind is not LineBox and kind is not InlineBox)
            or text_overflow != "clip"
            or block_ellipsis != "none"
            or box.background is not None
            or not _is_edgeless(box.style)
        ):
            if kind is LineBox or kind is InlineBox:
                _own_layouts(box)
            draw_any_inline(stream, page, box, offset_x, text_overflow, block_ellipsis)
            return
        for child in box.children:
            if type(child) is TextBox:
                if not draw_plain_text(stream, child):
                    with stream.marked(child, "Span"):
                        draw_text(stream, child, offset_x + child.position_x - box.position_x, "clip", "none")
            elif isinstance(child, draw.StackingContext):
                draw_inline_level(stream, page, child, offset_x)
            else:
                draw_inline_level(stream, page, child, offset_x + child.position_x - box.position_x)

    def _own_layouts(box: Any) -> None:
        """An ellipsis is put into the layout of a line, which others may share: they get copies."""
        for child in box.children:
            if type(child) is TextBox:
                shared = child.pango_layout
                child.pango_layout = own = object.__new__(type(shared))
                own.__dict__.update(shared.__dict__)
                own.__dict__.pop("layout", None)
                own.__dict__.pop("drawn", None)

    def draw_plain_text(stream: Any, box: Any) -> bool:
        """Draw a text in one piece; False when it is not one that can be drawn so."""
        tags, style, layout = stream._tags, box.style, box.pango_layout
        ink = style.__dict__.get("ink")
        if ink is None:
            ink = style.ink = _ink(style)
        if tags is None or not ink or layout.justification_spacing or not box.text.strip():
            return False
        line = drawn(layout, style, stream)
        if line is None:
            return False
        number = len(tags)
        assert box not in tags
        tags[box] = {"tag": "Span", "mcid": number}
        alpha, colour, paint = ink
        head = b"/Span\n<</MCID %d>>\nBDC\n" % number
        if stream._current_color != colour or stream._current_alpha != alpha:
            if stream._current_alpha == alpha and paint:
                stream._current_color = colour
                head += paint
            else:
                stream.stream.append(head[:-1])
                stream.set_color(style["color"])
                head = b""
        x, y = to_bytes(box.position_x), to_bytes(box.position_y + box.baseline)
        stream.stream.append(b"%bBT\n1 0 0 -1 %b %b Tm\n%b\nET\nEMC" % (head, x, y, line.stream))
        stream._old_font, stream._current_font = line.font, None
        return True

    def draw_plain_line(stream: Any, page: Any, line: Any) -> None:
        """A line of a plain cell: one text."""
        if line.block_ellipsis != "none" or not draw_plain_text(stream, line.children[0]):
            draw_inline_level(stream, page, line)

    def draw_block_level(page: Any, stream: Any, blocks_and_cells: Any) -> None:
        for block, inner in blocks_and_cells.items():
            children = block.children
            if isinstance(block, ReplacedBox):
                with stream.marked(block, "Figure"):
                    draw.draw_replacedbox(stream, block)
            elif children:
                if isinstance(children[-1], LineBox):
                    draw_line = draw_plain_line if block.plain else draw_inline_level
                    for child in children:
                        draw_line(stream, page, child)
                elif block.plain:
                    for child in children:
                        for line in child.children:
                            draw_plain_line(stream, page, line)
            if inner:
                draw_block_level(page, stream, inner)

    replace("draw_inline_level", draw_any_inline, draw_inline_level)
    replace("draw_block_level", draw.draw_block_level, draw_block_level)


def _is_edgeless(style: Any) -> bool:
    known = style.__dict__.get("edgeless")
    if known is None:
        known = style.edgeless = (
            not any(style[name] for name in _NO_EDGES)
            and style["border_image_source"][0] == "none"
            and style["mask_border_source"][0] == "none"
        )
    return known  # type: ignore[no-any-return]


def _ink(style: Any) -> tuple[Any, ...]:
    """How the engine names the alpha value and the colour of a text, and what sets the colour if it knows no other way;
    () for a text that is more than its glyphs."""
    if style["visibility"] != "visible" or style["text_decoration_line"] != "none" or style["font_size"] < 1e-6:
        return ()
    color = style["color"]
    *channels, alpha = color
    paint = b" ".join(map(to_bytes, color.to("srgb").coordinates)) + b" rg\n" if color.space == "srgb" else b""
    return f"a{alpha}", (color.space, *channels), paint


def _draw_borders(replace: Any) -> None:
    from weasyprint import draw

    draw_line, styled = draw.draw_line, draw.styled_color

    def draw_collapsed_borders(stream: Any, table: Any) -> None:
        """The borders of a table whose borders collapse: as the engine finds them, each written as one piece."""
        segments = _segments(table)
        prefixes: dict[Any, bytes] = {}
        tagged = stream._tags is not None
        end = b"S\nQ\nQ" + (b"\nEMC" if tagged else b"")
        for number, (_, style, width, color, side, (x, y, across, down)) in enumerate(segments):
            if number == 0 or style != "solid":  # the first finds the colours of what was drawn before
                with stream.artifact(), stream.stacked():
                    draw_line(stream, x, y, x + across, y + down, width, style, styled(style, color, side))
                continue
            key = (id(color), width)
            prefix = prefixes.get(key)
            if prefix is None:
                prefix = prefixes[key] = (
                    (b"/Artifact\nBMC\n" if tagged else b"") + b"q\nq\n" + pen(stream, color, width)
                )
            places = to_bytes(x), to_bytes(y), to_bytes(x + across), to_bytes(y + down)
            stream.stream.append(b"%b\n%b %b m\n%b %b l\n%b" % (prefix, *places, end))

    def pen(stream: Any, color: Any, width: float) -> bytes:
        """What sets colour and width of a line in a state just saved."""
        kept, stream.stream = stream.stream, []
        stream.push_state()
        stream.set_color(color, stroke=True)
        stream.set_line_width(width)
        written = b"\n".join(map(to_bytes, stream.stream[1:]))
        stream.pop_state()
        stream.stream = kept
        return written

    replace("draw_collapsed_borders", draw.draw_collapsed_borders, draw_collapsed_borders)


def _segments(table: Any) -> list[Any]:
    """As in the engine's `draw_collapsed_borders`: (score, style, width, colour, side, place), weakest first."""
    rows = [row for group in table.children for row in group.children]
    column_widths = table.column_widths
    if not (rows and column_widths):
        return []
    ys = [row.position_y for row in rows]
    ys.append(ys[-1] + rows[-1].height)
    xs = list(table.column_positions)
    xs.append(xs[-1] + column_widths[-1])
    height, width = len(rows), len(column_widths)
    vertical, horizontal = table.collapsed_border_grid
    heads = len(table.children[0].children) if table.children[0].is_header else 0
    feet = len(table.children[-1].children) if table.children[-1].is_footer else 0
    skipped = table.skipped_rows - heads if table.skipped_rows else 0

    def row_number(y: int, more: int) -> int:
        if heads and y < heads + more:
            return y
        if feet and y >= height - feet:
            return y + len(vertical) - height
        return y + skipped

    uprights = [vertical[row_number(y, 0)] for y in range(height)]
    levels = [horizontal[row_number(y, 1)] for y in range(height + 1)]
    crossing = [any(border[1][1] for border in row) for row in uprights]  # most tables have none

    def half_upright(y: int, x: int) -> float:
        """Half the width of the thickest border that a level one meets at its end."""
        most = 0
        for row in (y - 1, y):
            if 0 <= row < height and crossing[row]:
                most = max(most, uprights[row][x][1][1])
        return most / 2

    def half_level(y: int, x: int) -> float:
        most = 0
        for column in (x - 1, x):
            if 0 <= column < width:
                most = max(most, levels[y][column][1][1])
        return most / 2

    segments: list[Any] = []

    def add_level(x: int, y: int) -> None:
        score, (style, thick, color) = levels[y][x]
        if thick == 0 or color.alpha == 0:
            return
        start = xs[x] - half_upright(y, x)
        end = xs[x + 1] + half_upright(y, x + 1)
        segments.append((score, style, thick, color, "top", (start, ys[y], end - start, 0)))

    def add_upright(x: int, y: int) -> None:
        score, (style, thick, color) = uprights[y][x]
        if thick == 0 or color.alpha == 0:
            return
        start, end = ys[y], ys[y + 1]
        if y != 0 or not table.skip_cell_border_top:
            start -= half_level(y, x)
        if y != height - 1 or not table.skip_cell_border_bottom:
            end += half_level(y + 1, x)
        segments.append((score, style, thick, color, "left", (xs[x], start, 0, end - start)))

    columns = range(width)
    if not table.skip_cell_border_top:
        for x in columns:
            add_level(x, 0)
    for y in range(height):
        below = y + 1 < height or not table.skip_cell_border_bottom
        if crossing[y]:
            add_upright(0, y)
        for x in columns:
            if crossing[y]:
                add_upright(x + 1, y)
            if below:
                add_level(x, y + 1)
    segments.sort(key=operator.itemgetter(0))
    return segments


def _pass_over_plain_cells(replace: Any) -> None:
    """Walk over the boxes of a page without entering plain cells, and look at a style once for what it rules out."""
    from weasyprint import anchors, draw, stacking
    from weasyprint.formatting_structure.boxes import Box, LineBox, TextBox
    from weasyprint.layout import background

    Box.plain = False
    for corner in ("top_left", "top_right", "bottom_right", "bottom_left"):
        setattr(Box, f"border_{corner}_radius", (0, 0))
    Box.background = None

    def descendants(self: Any, placeholders: bool = False) -> Any:
        """The engine's, for anchors, bookmarks and strings to carry on; without a generator in a generator."""
        yield self
        waiting = [iter(self.children)]
        while waiting:
            for child in waiting[-1]:
                if isinstance(child, Box):
                    yield child
                    if child.children and not child.plain:
                        waiting.append(iter(child.children))
                        break
                elif placeholders:
                    yield from child.descendants(placeholders)
                else:
                    yield child
            else:
                waiting.pop()

    lay_out_background = background.layout_box_backgrounds

    def layout_box_backgrounds(
        page: Any, box: Any, get_image_from_uri: Any, layout_children: bool = True, style: Any = None
    ) -> None:
        if style is not None or not layout_children or box is page or not _is_unpainted(box.style):
            if box.plain:
                lay_out_background(page, box, get_image_from_uri, False, style)
            else:
                lay_out_background(page, box, get_image_from_uri, layout_children, style)
            return
        if not box.plain:
            for child in box.all_children():
                if child.plain and _is_unpainted(child.style):
                    child.background = None
                elif type(child) is not TextBox:  # a text has no background of its own, and is born so
                    layout_box_backgrounds(page, child, get_image_from_uri)
        box.background = None

    draw_any_outline = draw.draw_outline

    def draw_outline(stream: Any, box: Any) -> None:
        if box.style["outline_width"]:
            draw_any_outline(stream, box)
        elif not box.plain:
            for child in box.children:
                if isinstance(child, Box) and (not child.plain or child.style["outline_width"]):
                    draw_outline(stream, child)

    gather = anchors.gather_anchors

    def gather_anchors(
        box: Any,
        anchors: Any,
        links: Any,
        bookmarks: Any,
        forms: Any,
        matrix: Any = None,
        form: Any = None,
        link: Any = None,
    ) -> None:
        if link or box.link or box.bookmark_label or not _is_unnamed(box.style) or box.is_form():
            gather(box, anchors, links, bookmarks, forms, matrix, form, link)
        elif not box.plain:
            for child in box.all_children():
                if not (child.plain and _is_unnamed(child.style)) or child.link or child.bookmark_label:
                    gather_anchors(child, anchors, links, bookmarks, forms, matrix, form, None)

    dispatch = stacking._dispatch

    def _dispatch(box: Any, page: Any, child_contexts: Any, blocks: Any, floats: Any, blocks_and_cells: Any) -> Any:
        kind = type(box)
        if kind is TextBox:
            return box
        if getattr(box, "plain", False):
            blocks_and_cells[box] = {}
            return box
        if kind is LineBox and all(type(child) is TextBox for child in box.children):
            return box
        return dispatch(box, page, child_contexts, blocks, floats, blocks_and_cells)

    Box.descendants = descendants
    replace("layout_box_backgrounds", lay_out_background, layout_box_backgrounds)
    replace("draw_outline", draw_any_outline, draw_outline)
    replace("gather_anchors", gather, gather_anchors)
    replace("_dispatch", dispatch, _dispatch)


def _is_unpainted(style: Any) -> bool:
    """Whether boxes of this style have no background, round corners or images of borders."""
    known = style.__dict__.get("unpainted")
    if known is None:
        color = style["background_color"]
        known = style.unpainted = ordinary(style) and (style["color"] if color == "currentcolor" else color).alpha == 0
    return known  # type: ignore[no-any-return]


def _is_unnamed(style: Any) -> bool:
    """Whether boxes of this style are not turned, not inputs, and nothing leads to them."""
    known = style.__dict__.get("unnamed")
    if known is None:
        known = style.unnamed = not style["transform"] and not style["anchor"] and style["appearance"] != "auto"
    return known  # type: ignore[no-any-return]


_SQUARES = re.compile(r"(?:M\d+ \d+h\d+v1h-\d+z)+")
_RUN = re.compile(r"M(\d+) (\d+)h(\d+)")


def _draw_squares(svg_module: Any) -> None:
    """Draw a path of black runs of one row, as `labels.qr_svg` writes them, without the reader of any path."""
    draw = svg_module.TAGS["path"]

    def path(svg: Any, node: Any, font_size: Any) -> None:
        text = node.get("d", "")
        if not _SQUARES.fullmatch(text):
            draw(svg, node, font_size)
            return
        lines = [b"0 0 m"]
        for found in _RUN.findall(text):
            x, y, length = map(int, found)
            end = x + length
            lines.append(b"%d %d m\n%d %d l\n%d %d l\n%d %d l\nh" % (x, y, end, y, end, y + 1, x, y + 1))
        svg.stream.stream.append(b"\n".join(lines))

    svg_module.TAGS["path"] = path
