"""Lines of text: laid out by Pango once for each text, style and width, and drawn as they were laid out.

Papers say the same again and again: units, currencies, countries, codes of goods, the words of the form. What Pango
said of a line (its length, its size) and what stands for it in the page's stream are kept with the style from paper to
paper; its own objects, some kilobytes a line, only until the line is drawn. Half the time of a long table went into
lines of text.
"""

from __future__ import annotations

from functools import lru_cache
from math import inf
from struct import iter_unpack
from typing import Any

#: Lines kept for the next papers; when there are more, all are forgotten. A line takes some 2 kB; one in a cell is
#: known by its text, and by its place in the table.
_MOST_LINES = 6_000
#: Lines of Pango kept for drawing, of one paper; beyond them the engine lays out again, as it comes.
_MOST_LAYOUTS = 8_000
#: Kinds of fonts (family, weight and size) that are remembered; our style sheets use some thirty.
_MOST_FONTS = 400

#: Characters of a text whose first line is kept: of a longer one the rest is kept with each line.
_LONGEST = 200

_kept: dict[int, dict[Any, Any]] = {}  # by their addresses: each once
_made: list[Any] = []


def end_paper() -> None:
    """Let go of what only the paper that was just made needed."""
    for layout in _made:
        layout.__dict__.pop("layout", None)
    _made.clear()
    if sum(map(len, _kept.values())) > _MOST_LINES:
        for lines in _kept.values():
            lines.clear()
        _kept.clear()
        for font in _fonts.values():
            font.signs.clear()


def forget_fonts() -> None:
    """Let go of all lines and of the fonts that they are drawn with."""
    from weasyprint.text.ffi import gobject

    end_paper()
    for lines in _kept.values():
        lines.clear()
    _kept.clear()
    for figures in _figures:
        figures.signs.clear()
        figures.known = None
    _figures.clear()
    for font in _fonts.values():
        gobject.g_object_unref(font.reference)
    _fonts.clear()


def made(layout: Any) -> None:
    """Note a layout of this paper."""
    _made.append(layout)


def lines_of(style: Any) -> dict[Any, Any]:
    """The lines that are kept with a style."""
    lines = style.__dict__.get("lines")
    if lines is None:
        lines = style.lines = {}
    if not lines:
        _kept[id(lines)] = lines
    return lines  # type: ignore[no-any-return]


def remember_lines(replace: Any) -> None:
    """Ask Pango once for the first line of a text of one style: for every width in which it is whole, else for each."""
    from weasyprint.text import line_break
    from weasyprint.text.ffi import TO_UNITS

    split = line_break.split_first_line
    compose = composer(split)

    def split_first_line(
        text: str,
        style: Any,
        context: Any,
        max_width: Any,
        justification_spacing: float,
        is_line_start: bool = True,
        minimum: bool = False,
    ) -> Any:
        if justification_spacing or minimum or len(text) > _LONGEST:
            return split(text, style, context, max_width, justification_spacing, is_line_start, minimum)
        lines = lines_of(style)
        # Who asks for an ellipsis at the end of a block has to know the width for which a line was asked: none of ours.
        shared = context is not None and context.style_for.shares
        if shared:
            line = lines.get(text)
            if line is None:
                line = compose(text, style, context)
                if line is not None:
                    lines[text] = line
            if line is not None and is_whole(line[3], max_width):
                return line
        key = (text, max_width, is_line_start)
        line = lines.get(key)
        if line is None:
            line = split(text, style, context, max_width, 0, is_line_start, False)
            layout, _, resume, width, _, _ = line
            made(layout)
            if shared and resume is None and layout.text == text and is_whole(width, max_width):
                lines[text] = line
                if max_width is None or max_width == inf:
                    layout.max_width = width + 1  # an ellipsis at the end of a line, where it fits, wants a number
            else:
                lines[key] = line
        return line

    def is_whole(width: float, max_width: Any) -> bool:
        """Whether a text of this width is one line in that width, as Pango reckons it."""
        return max_width is None or max_width == inf or width * TO_UNITS <= int(max(0, max_width) * TO_UNITS)

    replace("split_first_line", split, split_first_line)


#: What figures are written with. Every paper has others, and the same few signs.
_FIGURES = frozenset("0123456789.,")


class Figures:
    """The signs of figures in a style, as Pango sets them: each has its glyph, and a width that depends on the next."""

    __slots__ = ("baseline", "height", "known", "signs", "usable")

    def __init__(self, usable: bool) -> None:
        self.usable, self.known = usable, None
        self.height = self.baseline = 0.0
        self.signs: dict[str, tuple[int, int]] = {}  # a sign, or a sign and the next → glyph, width in Pango's units


def composer(split: Any) -> Any:
    """A function `compose(text, style, context)`: the first line of a figure, put together of the signs that Pango has
    set before; None when the text is no figure, or when the signs of its style are not set one by one."""
    from weasyprint.text.ffi import FROM_UNITS, ffi, pango
    from weasyprint.text.fonts import get_pango_font_key
    from weasyprint.text.line_break import Layout

    if ffi.sizeof("PangoGlyphInfo") != _GLYPH_SIZE:  # another Pango
        return lambda text, style, context: None
    unknown, empty = pango.PANGO_GLYPH_UNKNOWN_FLAG, pango.PANGO_GLYPH_EMPTY

    def compose(text: str, style: Any, context: Any) -> Any:
        if not text or not _FIGURES.issuperset(text):
            return None
        figures = style.__dict__.get("figures")
        if figures is None:
            plain = style["letter_spacing"] == "normal" and not style["word_spacing"] and style["direction"] == "ltr"
            figures = style.figures = Figures(plain and bool(style["font_size"]))
            _figures.append(figures)
        signs = figures.signs
        glyphs = []
        for place, sign in enumerate(text, 2):
            pair = text[place - 2 : place]
            found = signs.get(pair)
            if found is None:
                found = figures.usable and learn(pair, figures, style, context)
                if not found:
                    return None
            glyphs.append((found[0], found[1], 0, sign))
        layout = object.__new__(Layout)
        width = sum([one[1] for one in glyphs]) * FROM_UNITS
        layout.text, layout.style, layout.max_width = text, style, width + 1
        layout.justification_spacing = layout.first_line_direction = 0
        layout.composed = [(figures.known, glyphs)]
        return layout, len(text), None, width, figures.height, figures.baseline

    def learn(pair: str, figures: Figures, style: Any, context: Any) -> tuple[int, int] | None:
        """Ask Pango for a sign before another one, or for the last one. What is not one glyph after the other of one
        font makes the style unusable."""
        if len(pair) == 2 and not all(one in figures.signs or learn(one, figures, style, context) for one in pair):
            return None
        line = split(pair, style, context, None, 0)
        layout, _, resume, _, height, baseline = line
        glyphs = set_by_pango(layout, style)
        layout.__dict__.pop("layout", None)
        figures.usable = False
        if glyphs is None or resume is not None or len(glyphs[1]) != len(pair):
            return None
        if figures.known is None:
            figures.known, figures.height, figures.baseline = glyphs[0], height, baseline
        if (figures.known, figures.height, figures.baseline) != (glyphs[0], height, baseline):
            return None
        first = glyphs[1][0]
        if len(pair) == 2 and (first[0], glyphs[1][1]) != (figures.signs[pair[0]][0], figures.signs[pair[1]]):
            return None
        figures.usable = True
        figures.signs[pair] = first
        return first  # type: ignore[no-any-return]

    def set_by_pango(layout: Any, style: Any) -> Any:
        """The font of a line and, for each glyph, its number and width; None when there is more to it."""
        layout.reactivate(style)
        first, _ = layout.get_first_line()
        run = first.runs[0]
        if run == ffi.NULL or run.next != ffi.NULL:
            return None
        item = run.data
        font = item.item.analysis.font
        get_pango_font_key(font)
        known = _fonts.get(int(ffi.cast("uintptr_t", font)))
        if known is None or item.item.analysis.level % 2:
            return None
        count = item.glyphs.num_glyphs
        glyphs = []
        for glyph, width, across, rise, _ in iter_unpack("=IiiiI", ffi.buffer(item.glyphs.glyphs, count * _GLYPH_SIZE)):
            if across or rise or glyph == empty or glyph & unknown:
                return None
            glyphs.append((glyph, width))
        return known, glyphs

    return compose


_figures: list[Figures] = []


def remember_breaks(replace: Any) -> None:
    """Ask Pango once whether a line may end between two signs."""
    from weasyprint.text import line_break

    ask = line_break.can_break_text
    remembered = lru_cache(maxsize=4096)(ask)

    def can_break_text(text: str, lang: str | None) -> Any:
        return remembered(text, lang) if len(text) == 2 else ask(text, lang)

    replace("can_break_text", ask, can_break_text)


def keep_layouts(layout_class: Any) -> None:
    """Make Pango's layouts from one of the same style, and keep each from the layout of the page to its drawing."""
    from weasyprint.text.ffi import ffi, gobject, pango

    ffi.cdef("PangoLayout * pango_layout_copy (PangoLayout *src);")
    prepare, put_text, drop, revive = (
        layout_class.setup, layout_class.set_text, layout_class.deactivate, layout_class.reactivate,
    )  # fmt: skip

    def setup(self: Any, style: Any) -> None:
        kept = style.__dict__.get("text_layout")
        if kept is None:
            prepare(self, style)
            kept = style.text_layout = dict(self.__dict__)
            kept.pop("style")
            kept.pop("max_width", None)
            kept.pop("justification_spacing")
        self.__dict__.update(kept)
        self.style = style
        self.layout = ffi.gc(pango.pango_layout_copy(kept["layout"]), gobject.g_object_unref)

    def set_text(self: Any, text: str, justify: bool = False) -> None:
        put_text(self, text, justify)
        if "\n" not in text and "\r" not in text and "\u2029" not in text:
            pango.pango_layout_set_single_paragraph_mode(self.layout, True)  # as for drawing, or it is laid out again

    def deactivate(self: Any) -> None:
        if len(_made) > _MOST_LAYOUTS or self.justification_spacing:
            drop(self)

    def reactivate(self: Any, style: Any) -> None:
        if "layout" not in self.__dict__:
            revive(self, style)

    layout_class.setup, layout_class.set_text = setup, set_text
    layout_class.deactivate, layout_class.reactivate = deactivate, reactivate


class KnownFont:
    """A font of Pango in one size, with what the engine asks of it for each line: its key, and the widths of glyphs."""

    __slots__ = ("description", "key", "reference", "signs", "size", "widths")

    def __init__(self, reference: Any, key: int, description: Any, size: float) -> None:
        self.reference, self.key, self.description, self.size = reference, key, description, size
        self.widths: dict[int, int] = {}
        self.signs: dict[Any, Any] = {}  # what lines say of glyphs, each once


_fonts: dict[int, KnownFont] = {}


def remember_fonts(replace: Any) -> None:
    """Ask Pango once for the key of a font. The reference that is held keeps its address from meaning another font."""
    from weasyprint.text import fonts
    from weasyprint.text.ffi import ffi, gobject

    ffi.cdef("void * g_object_ref (void *object);")
    ask = fonts.get_pango_font_key

    def get_pango_font_key(pango_font: Any) -> tuple[int, Any, float]:
        address = int(ffi.cast("uintptr_t", pango_font))
        known = _fonts.get(address)
        if known is None:
            key, description, size = ask(pango_font)
            if len(_fonts) >= _MOST_FONTS:
                return key, description, size
            gobject.g_object_ref(pango_font)
            known = _fonts[address] = KnownFont(pango_font, key, description, size)
        return known.key, known.description, known.size

    replace("get_pango_font_key", ask, get_pango_font_key)


#: Bytes of a PangoGlyphInfo: glyph, width, two offsets, flags. Read as such, not field by field: half the time.
_GLYPH_SIZE = 20


class Drawn:
    """What stands in a page's stream for a line of text, between the place of its start and the end of the text.

    `glyphs`: for each font, (glyph, its width in this size, the width that the stream goes by, its characters). A font
    of a paper has one width for each glyph, that of the size which the paper used first; the stream holds the
    differences.
    """

    __slots__ = ("font", "glyphs", "stream")

    def __init__(self, stream: bytes, font: tuple[str, float], glyphs: Any) -> None:
        self.stream, self.font, self.glyphs = stream, font, glyphs


def tracer(to_bytes: Any) -> Any:
    """A function `drawn(layout, style, stream)`: a layout's line in the fonts of a stream; None if it is unusual."""
    from weasyprint.pdf.fonts import Font
    from weasyprint.text.ffi import FROM_UNITS, ffi, pango
    from weasyprint.text.fonts import get_pango_font_key

    if ffi.sizeof("PangoGlyphInfo") != _GLYPH_SIZE:  # another Pango: the engine draws
        return lambda layout, style, stream: None
    old_pango = pango.pango_version() < 14802
    unknown, empty = pango.PANGO_GLYPH_UNKNOWN_FLAG, pango.PANGO_GLYPH_EMPTY

    def own(fonts: Any, known: KnownFont) -> Any:
        font = fonts.get(known.key)
        if font is None:
            font = fonts[known.key] = Font(known.reference, known.description, known.size)
        if "said" not in font.__dict__:
            font.said = set()  # lines that this paper has drawn
        return font

    def drawn(layout: Any, style: Any, stream: Any) -> Drawn | None:
        line = layout.__dict__.get("drawn")
        if line is not None and (line in own(stream._fonts, line.glyphs[0][0]).said or fits(line, stream._fonts)):
            return line  # type: ignore[no-any-return]
        line = trace(layout, style, stream)
        if line is not None:
            layout.drawn = line
            layout.__dict__.pop("layout", None)  # Pango's part: some kilobytes, for a line that is drawn now
        return line  # type: ignore[no-any-return]

    def fits(line: Drawn, fonts: Any) -> bool:
        """Tell the fonts of a paper what a line says; whether they have the widths that its stream goes by."""
        for known, glyphs in line.glyphs:
            font = own(fonts, known)
            widths, characters = font.widths, font.to_unicode
            for glyph, width, used, text in glyphs:
                if glyph not in characters:
                    characters[glyph] = text
                if widths.setdefault(glyph, width) != used:
                    return False
        own(fonts, line.glyphs[0][0]).said.add(line)
        return True

    def trace(layout: Any, style: Any, stream: Any) -> Drawn | None:
        """As the engine's `draw_first_line`, for glyphs that stand on the line and come from a font of outlines."""
        runs = layout.__dict__.get("composed") or set_by_pango(layout, style)
        if not runs:
            return None
        parts: list[bytes] = []
        string = ""
        size, before, current = 0.0, None, None
        told: list[tuple[KnownFont, list[Any]]] = []
        for known, infos in runs:
            if known is not before:
                before = known
                font = own(stream._fonts, known)
                if font.svg or font.png or font.colr or font.bitmap:
                    return None
                size = style["font_size"] if old_pango else known.size
                if string:
                    parts.append(b"[" + string.encode("ascii") + b"] TJ")
                string = ""
                if current != (font.hash, size):
                    current = (font.hash, size)
                    parts.append(b"/" + font.hash.encode("ascii") + b" " + to_bytes(size) + b" Tf")
            glyphs: list[Any] = []
            told.append((known, glyphs))
            widths, characters, own_widths, signs = font.widths, font.to_unicode, known.widths, known.signs
            string += "<"
            for glyph, width, across, text in infos:
                if glyph not in characters:
                    characters[glyph] = text
                offset = across / size
                if offset:
                    string += f">{-offset}<"
                string += f"{glyph:04x}"
                mine = own_widths.get(glyph)
                if mine is None:
                    pango.pango_font_get_glyph_extents(known.reference, glyph, stream.ink_rect, stream.logical_rect)
                    mine = own_widths[glyph] = round(stream.logical_rect.width * 1000 * FROM_UNITS / size)
                used = widths.setdefault(glyph, mine)
                sign = (glyph, mine, used, text)
                glyphs.append(signs.setdefault(sign, sign))
                kerning = used + offset - width * 1000 * FROM_UNITS / size
                if kerning:
                    string += f">{int(kerning)}<"
            string = string[:-1] if string[-1] == "<" else string + ">"
        if current is None:
            return None
        parts.append(b"[" + string.encode("ascii") + b"] TJ")
        return Drawn(b"\n".join(parts), current, told)

    def set_by_pango(layout: Any, style: Any) -> Any:
        """For each run of a line its font, and of each glyph the number, width, distance and characters."""
        layout.reactivate(style)
        pango.pango_layout_set_single_paragraph_mode(layout.layout, True)
        first, _ = layout.get_first_line()
        utf8 = layout.text.encode()
        runs = []
        run = first.runs[0]
        while run != ffi.NULL:
            item = run.data
            run = run.next
            pango_font = item.item.analysis.font
            if item.item.analysis.level % 2:
                return None
            get_pango_font_key(pango_font)
            known = _fonts.get(int(ffi.cast("uintptr_t", pango_font)))
            if known is None:
                return None
            glyph_string, start, length = item.glyphs, item.item.offset, item.item.length
            count = glyph_string.num_glyphs
            places = ffi.unpack(glyph_string.log_clusters, count)
            places.append(length)
            glyphs = []
            infos = iter_unpack("=IiiiI", ffi.buffer(glyph_string.glyphs, count * _GLYPH_SIZE))
            for i, (glyph, width, across, rise, _) in enumerate(infos):
                if glyph == empty or glyph & unknown or rise:
                    return None
                glyphs.append((glyph, width, across, utf8[start + places[i] : start + places[i + 1]].decode()))
            runs.append((known, glyphs))
        return runs

    return drawn
