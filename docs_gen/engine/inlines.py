"""Lines of several texts: a caption in two languages, a name with what is bold in it, numbers with their words.

The boxes of a paper's head say the same on every paper to a customer. Where the texts, their styles and the width are
those of a paragraph that was laid out before, its lines are what they were then, but for their height on the page. The
engine's own way through such a line takes 0.1 ms; half the lines of a short paper are such.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from docs_gen.engine.boxes import BORDERS, RESOLVED
from docs_gen.engine.cells import ordinary
from docs_gen.engine.styles import lasts
from docs_gen.engine.text import lines_of

#: What the layout says of a box. All else of it is its own, and stays with it.
_LAID_OUT = (*RESOLVED, *BORDERS, "position_x", "baseline", "text_indent", "text", "pango_layout")
#: Boxes of a paragraph that is remembered, and characters of its texts.
_MOST_BOXES, _LONGEST = 24, 400


class _Line:
    """A line as it was laid out: what is said of its box, and of the boxes in it, in their order.

    `inner`: for each box its place among the boxes of the paragraph, its height with the base line at 0, what is said
    of it, the sides that it lost, and how many of the next boxes are its children.
    """

    __slots__ = ("inner", "resume_at", "said", "styles")

    def __init__(self, said: Any, inner: Any, resume_at: Any, styles: Any) -> None:
        self.said, self.inner, self.resume_at = said, inner, resume_at
        self.styles = styles  # held: the key goes by their addresses


def remember_paragraphs(replace: Any) -> Any:
    """Lay out a paragraph of several texts once. Gives a function for who lays out its block himself: the lines of a
    paragraph from a height on in a block, None when it was not laid out before."""
    from weasyprint.formatting_structure.boxes import InlineBox, LineBox, TextBox
    from weasyprint.layout import inline

    lay_out, align = inline.iter_line_boxes, inline.line_box_verticality
    heights: list[list[float]] | None = None

    def iter_line_boxes(
        context: Any,
        box: Any,
        position_y: float,
        bottom_space: float,
        skip_stack: Any,
        around: Any,
        absolute_boxes: Any,
        fixed_boxes: Any,
        first_letter_style: Any,
        first_line_style: Any,
    ) -> Iterator[tuple[Any, Any]]:
        given = (
            context, box, position_y, bottom_space, skip_stack, around, absolute_boxes, fixed_boxes,
            first_letter_style, first_line_style,
        )  # fmt: skip
        if (
            skip_stack is not None or context.excluded_shapes or first_letter_style or first_line_style
            or box.style["direction"] != "ltr"
        ):  # fmt: skip
            return lay_out(*given)  # type: ignore[no-any-return]
        boxes: list[Any] = []
        key = key_of(box, around, boxes)
        if key is None:
            return lay_out(*given)  # type: ignore[no-any-return]
        kept = lines_of(box.style)
        lines = kept.get(key)
        if lines is not None:
            return replayed(lines, boxes, position_y)
        return noted(given, boxes, kept, key)

    def known_lines(box: Any, around: Any, position_y: float) -> list[Any] | None:
        boxes: list[Any] = []
        key = key_of(box, around, boxes) if box.style["direction"] == "ltr" else None
        lines = None if key is None else lines_of(box.style).get(key)
        if lines is None:
            return None
        found = []
        for line, resume_at in replayed(lines, boxes, position_y):
            line.resume_at = resume_at
            found.append(line)
        return found

    def key_of(box: Any, around: Any, boxes: list[Any]) -> tuple[Any, ...] | None:
        told: list[Any] = [around.content_box_x(), around.width, around.height, box.text_overflow, box.block_ellipsis]
        return tuple(told) if lasts(box.style) and tell(box, boxes, told) else None

    def tell(box: Any, boxes: list[Any], told: list[Any]) -> bool:
        """Gather the boxes of a paragraph, and all that its lines depend on; False when there is something unusual."""
        boxes.append(box)
        children = box.children
        told.append((id(box.style), len(children), box.leading_collapsible_space, box.trailing_collapsible_space))
        for child in children:
            kind = type(child)
            if kind is TextBox:
                if child.justification_spacing or len(child.text) > _LONGEST:
                    return False
                boxes.append(child)
                told.append((id(child.style), child.text, child.leading_collapsible_space,
                             child.trailing_collapsible_space))  # fmt: skip
            elif (
                kind is not InlineBox or child.is_leader or not lasts(child.style) or not ordinary(child.style)
                or not tell(child, boxes, told)
            ):  # fmt: skip
                return False
        return len(boxes) <= _MOST_BOXES

    def noted(given: Any, boxes: Any, kept: Any, key: Any) -> Iterator[tuple[Any, Any]]:
        """Let the engine lay out, and keep what it found."""
        nonlocal heights
        for place, one in enumerate(boxes):
            one.place = place  # a copy has it too
        heights = []
        try:
            found = list(lay_out(*given))
            if len(found) == len(heights):
                lines = [
                    told_of(line, resume_at, ys, boxes) for (line, resume_at), ys in zip(found, heights, strict=True)
                ]
                if all(lines):
                    kept[key] = lines
        finally:
            heights = None
        return iter(found)

    def told_of(line: Any, resume_at: Any, ys: list[float], boxes: Any) -> _Line | None:
        inner: list[Any] = []
        height = iter(ys)

        def take(parent: Any) -> bool:
            for box in parent.children:
                kind = type(box)
                if "justification_spacing" in box.__dict__ or (kind is not TextBox and kind is not InlineBox):
                    return False
                sides = frozenset(box.remove_decoration_sides)
                inner.append((box.place, next(height), said_of(box), sides, len(box.children)))
                if not take(box):
                    return False
            return True

        if not take(line):
            return None
        return _Line((said_of(line), len(line.children)), inner, resume_at, [one.style for one in boxes])

    def said_of(box: Any) -> dict[str, Any]:
        own = box.__dict__
        return {name: own[name] for name in _LAID_OUT if name in own}

    def replayed(lines: list[_Line], boxes: list[Any], position_y: float) -> Iterator[tuple[Any, Any]]:
        """The same lines, of these boxes and from here on."""
        for kept in lines:
            said, count = kept.said
            line = object.__new__(LineBox)
            own = line.__dict__
            own.update(boxes[0].__dict__)
            own.update(said)
            own["remove_decoration_sides"] = set()
            # As the engine moves a line down, from the place where its base line is at 0.
            down = position_y + own["baseline"]
            inner = iter(kept.inner)
            own["children"] = [placed(inner, boxes, down) for _ in range(count)]
            own["position_y"] = position_y
            position_y = position_y + own["height"]
            yield line, kept.resume_at

    def placed(inner: Iterator[Any], boxes: list[Any], down: float) -> Any:
        place, y, said, sides, count = next(inner)
        source = boxes[place]
        box = object.__new__(type(source))
        own = box.__dict__
        own.update(source.__dict__)
        own.update(said)
        own["remove_decoration_sides"] = set(sides)
        own["position_y"] = y + down
        own["children"] = [placed(inner, boxes, down) for _ in range(count)]
        return box

    def line_box_verticality(box: Any) -> Any:
        found = align(box)
        if heights is not None:
            heights.append([one.position_y for one in inside(box)])
        return found

    def inside(box: Any) -> Iterator[Any]:
        for child in box.children:
            yield child
            yield from inside(child)

    replace("iter_line_boxes", lay_out, iter_line_boxes)
    replace("line_box_verticality", align, line_box_verticality)
    return known_lines
