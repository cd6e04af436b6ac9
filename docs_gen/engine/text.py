"""Lines of text: laid out by Pango once for each text, style and width, and drawn as they were laid out.

Papers say the same again and again: units, currencies, countries, codes of goods, the words of the form. What Pango
said of a line (its length, its size) and what stands for it in the page's stream are kept with the style from paper to
paper; its own objects, some kilobytes a line, only until the line is drawn. Half the time of a long table went into
lines of text.
"""

from __future__ import annotations

from functools import lru_cache
from struct import iter_unpack
from typing import Any

#: Lines kept for the next papers; when there are more, all are forgotten. A line takes some 2 kB.
_MOST_LINES = 5_000
#: Lines of Pango kept for drawing, of one paper; beyond them the engine lays out again, as it comes.
_MOST_LAYOUTS = 8_000
#: Kinds of fonts (family, weight and size) that are remembered; our style sheets use some thirty.
_MOST_FONTS = 400

#: Characters of a text whose first line is kept: of a longer one the rest is kept with each line.
_LONGEST = 200

_kept: list[dict[Any, Any]] = []
_made: list[Any] = []


def end_paper() -> None:
    """Let go of what only the paper that was just made needed."""
    for layout in _made:
        layout.__dict__.pop("layout", None)
    _made.clear()
    if sum(map(len, _kept)) > _MOST_LINES:
        for lines in _kept:
            lines.clear()
        _kept.clear()
        for font in _fonts.values():
            font.signs.clear()


def forget_fonts() -> None:
    """Let go of all lines and of the fonts that they are drawn with."""
    from weasyprint.text.ffi import gobject

    end_paper()
    for lines in _kept:
        lines.clear()
    _kept.clear()
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
        _kept.append(lines)
    return lines  # type: ignore[no-any-return]


def remember_lines(replace: Any) -> None:
    """Ask Pango once for the first line of a text of one style in one width."""
    from weasyprint.text import line_break

    split = line_break.split_first_line

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
        key = (text, max_width, is_line_start)
        line = lines.get(key)
        if line is None:
            line = lines[key] = split(text, style, context, max_width, 0, is_line_start, False)
            made(line[0])
        return line

    replace("split_first_line", split, split_first_line)


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
        layout.reactivate(style)
        pango.pango_layout_set_single_paragraph_mode(layout.layout, True)
        first, _ = layout.get_first_line()
        utf8 = layout.text.encode()
        parts: list[bytes] = []
        string = ""
        size, before, current = 0.0, None, None
        known: Any = None
        told: list[tuple[KnownFont, list[Any]]] = []
        run = first.runs[0]
        while run != ffi.NULL:
            item = run.data
            run = run.next
            pango_font = item.item.analysis.font
            if item.item.analysis.level % 2:
                return None
            if pango_font != before:
                before = pango_font
                get_pango_font_key(pango_font)
                known = _fonts.get(int(ffi.cast("uintptr_t", pango_font)))
                if known is None:
                    return None
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
                widths, characters = font.widths, font.to_unicode
            string += "<"
            glyph_string, start, length = item.glyphs, item.item.offset, item.item.length
            count = glyph_string.num_glyphs
            places = ffi.unpack(glyph_string.log_clusters, count)
            places.append(length)
            infos = iter_unpack("=IiiiI", ffi.buffer(glyph_string.glyphs, count * _GLYPH_SIZE))
            for i, (glyph, width, across, rise, _) in enumerate(infos):
                if glyph == empty or glyph & unknown or rise:
                    return None
                text = utf8[start + places[i] : start + places[i + 1]].decode()
                if glyph not in characters:
                    characters[glyph] = text
                offset = across / size
                if offset:
                    string += f">{-offset}<"
                string += f"{glyph:04x}"
                mine = known.widths.get(glyph)
                if mine is None:
                    pango.pango_font_get_glyph_extents(pango_font, glyph, stream.ink_rect, stream.logical_rect)
                    mine = known.widths[glyph] = round(stream.logical_rect.width * 1000 * FROM_UNITS / size)
                used = widths.setdefault(glyph, mine)
                sign = (glyph, mine, used, text)
                glyphs.append(known.signs.setdefault(sign, sign))
                kerning = used + offset - width * 1000 * FROM_UNITS / size
                if kerning:
                    string += f">{int(kerning)}<"
            string = string[:-1] if string[-1] == "<" else string + ">"
        if current is None:
            return None
        parts.append(b"[" + string.encode("ascii") + b"] TJ")
        return Drawn(b"\n".join(parts), current, told)

    return drawn
