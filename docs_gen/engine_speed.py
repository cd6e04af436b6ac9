"""What makes WeasyPrint 70.0 faster for our papers, without changing what it draws.

A profile of the short papers showed where a program that makes one after the other with the same style sheets does the
same again: it reads well-formed HTML with a parser for any HTML, tries the selectors on and computes the styles of
elements like those of the paper before, resolves the same percentages box by box, lays each line out a second time to
draw it, and makes each PDF object twice (for the file's identifier and for the file). Each of these is taken up by one
function or class here. They reach into the engine, so they hold for the version that requirements.txt pins; the tests
hold every paper against the engine as it comes: the same drawing, byte by byte.
"""

from __future__ import annotations

import re
import sys
import zlib
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any
from xml.etree import ElementTree

import pydyf

#: 9, pydyf's own, takes twice the time of 6 for one per cent of the size.
_LEVEL = 6


class _Settled(pydyf.Object):  # type: ignore[misc]
    """A PDF object whose bytes are known: they are asked for twice, for the identifier and for the file."""

    def __init__(self, one: Any) -> None:
        super().__init__()
        self.number, self.generation, self.free = one.number, one.generation, one.free
        self._compressible = one.compressible
        self._data = one.data

    @property
    def data(self) -> bytes:
        return self._data

    @property
    def compressible(self) -> bool:
        return self._compressible


def settle(file: Any) -> None:
    """Turn every object of a finished PDF into its bytes, each of which is made and compressed once."""
    file.objects[:] = [one if one.free == "f" else _Settled(one) for one in file.objects]


def _stream_data(self: Any) -> bytes:
    """A stream with its dictionary, compressed once and not at the highest level."""
    content = b"\n".join(_to_bytes(item) for item in self.stream)
    extra = pydyf.Dictionary(self.extra)
    if self.compress:
        content = (
            _packed_again(content) if "N" in self.extra and "Type" not in self.extra else zlib.compress(content, _LEVEL)
        )
        extra["Filter"] = "/FlateDecode"
    extra["Length"] = len(content)
    return b"\n".join((extra.data, b"stream", content, b"endstream"))


@lru_cache(maxsize=8)
def _packed_again(content: bytes) -> bytes:
    """Of a colour profile, which every paper brings along."""
    return zlib.compress(content, 9)


def parsed(html: str) -> ElementTree.Element | None:
    """The tree of well-formed HTML, as the parser for any HTML would give it; None when it is not well-formed.

    Our own templates are, since they close every element (`<br/>`). Named entities are not (`&nbsp;`), and neither is
    what a template pack of a customer may bring.
    """
    if "<!ENTITY" in html:
        return None
    try:
        root = ElementTree.fromstring(html.strip())  # noqa: S314  (no entities are declared in it)
    except ElementTree.ParseError:
        return None
    for table in list(root.iter("table")):
        _put_rows_into_bodies(table)
    return root


def _put_rows_into_bodies(table: ElementTree.Element) -> None:
    """Rows right under a table stand in a <tbody> that need not be written (HTML, 13.1.2.4)."""
    if table.find("tr") is None:
        return
    children: list[ElementTree.Element] = []
    body = None
    for child in table:
        if child.tag != "tr":
            body = None
            children.append(child)
            continue
        if body is None:
            body = ElementTree.Element("tbody")
            children.append(body)
        body.append(child)
    table[:] = children


#: What the engine's own style sheet says of notes, rule by rule.
_NOTES = re.compile(r"^::(footnote|note)-[^}]*}$", re.M)
#: More styles than this are forgotten before the next paper; all kinds of papers have some thousands together.
_MOST_STYLES = 8_000
#: The same for elements that differ in what a selector can see: tag, class and so on, up to the root.
_MOST_ELEMENTS = 40_000
#: Attributes that a selector of ours or the engine asks for; and those that none does.
_SEEN = ("class", "style", "lang", "id", "href", "name", "width", "height")
_UNSEEN = {
    "alt", "src", "content", "charset", "colspan", "rowspan", "scope", "title", "viewBox", "shape-rendering", "d",
    "fill", "stroke", "stroke-width", "x", "y", "x1", "x2", "y1", "y2", "role", "aria-label",
}  # fmt: skip


def shared_styles(engine: Any) -> type:
    """The engine's table of styles, but one that keeps them from paper to paper.

    The engine lets equal elements of one paper share a computed style. Here the next paper shares it too: same parent,
    same declarations, same weights. What it has computed so far, and the styles of its anonymous boxes, come with it.
    Nor are the selectors tried again on an element whose like was seen under the like of its parent, if all style
    sheets are `lasting`: kept until the process ends, and without a selector that looks at the brothers of an element.
    """
    css = engine.css

    class SharedStyles(css.StyleFor):  # type: ignore[name-defined, misc]
        kept: dict[Any, Any] = {}
        elements: dict[Any, tuple[int, dict[str | None, Any]]] = {}

        def __init__(self, html: Any, sheets: Any, hints: bool, fonts: Any, targets: Any) -> None:
            engine.text.line_break.Layout.kept = 0
            if len(self.kept) > _MOST_STYLES or len(self.elements) > _MOST_ELEMENTS:
                self.kept.clear()
                self.elements.clear()
            self.shares = isinstance(html, _tree_source(engine))  # what a customer's pack brings may hang on its page
            lasting = self.shares and all(hasattr(sheet, "lasting") for sheet, _, _ in sheets)
            seen = _seen(html.etree_element, tuple(id(sheet) for sheet, _, _ in sheets)) if lasting else None
            if seen is None:
                super().__init__(html, sheets, hints, fonts, targets)
                return
            self._cascaded_styles: dict[Any, Any] = {}
            self._computed_styles: dict[Any, Any] = {}
            self.initial_page_sizes = {"box": None, "area": None}
            self._sheets, self.font_config = sheets, fonts
            if not self._recall(seen, targets):
                self._computed_styles = {}
                super().__init__(html, sheets, hints, fonts, targets)
                self._keep(seen)

        def _recall(self, seen: list[Any], targets: Any) -> bool:
            """Give each element the styles of its like; False when one has none."""
            above = {None: 0}
            for element, parent, told in seen:
                known = self.elements.get((above[parent], told))
                if known is None:
                    return False
                above[element], styles = known
                for pseudo_type, style in styles.items():
                    self._computed_styles[element, pseudo_type] = style
            for style in self._computed_styles.values():
                if style["anchor"]:
                    targets.collect_anchor(style["anchor"])
            return True

        def _keep(self, seen: list[Any]) -> None:
            styles: dict[Any, dict[str | None, Any]] = {}
            for (element, pseudo_type), style in self._computed_styles.items():
                styles.setdefault(element, {})[pseudo_type] = style
            above = {None: 0}
            for element, parent, told in seen:
                key = (above[parent], told)
                above[element], _ = self.elements.setdefault(key, (len(self.elements) + 1, styles[element]))

        def set_computed_styles(
            self,
            element: Any,
            parent: Any,
            root: Any = None,
            pseudo_type: str | None = None,
            base_url: str | None = None,
            target_collector: Any = None,
        ) -> None:
            if not self.shares:
                super().set_computed_styles(element, parent, root, pseudo_type, base_url, target_collector)
                return
            computed = self.get_computed_styles()
            above = None if parent is None or (element == root and pseudo_type is None) else computed[parent, None]
            declared = self.get_cascaded_styles().get((element, pseudo_type), {})
            key = (id(above), pseudo_type, base_url, isinstance(element, tuple), *map(_hashable, declared.items()))
            style = self.kept.get(key)
            if style is None:
                super().set_computed_styles(element, parent, root, pseudo_type, base_url, target_collector)
                self.kept[key] = computed[element, pseudo_type]
            else:
                computed[element, pseudo_type] = style
                if target_collector and style["anchor"]:
                    target_collector.collect_anchor(style["anchor"])

    return SharedStyles


#: Selectors that look further than at an element and what it stands in.
_FURTHER = re.compile(r":(?:first|last|nth|only|empty|has|not|root)\b|[+~]")


def mark_lasting(sheet: Any, text: str) -> None:
    """Tell that a style sheet, kept until the process ends, has only selectors whose answers can be kept, too."""
    selectors = re.findall(r"([^{};]+){", re.sub(r"/\*.*?\*/", "", text, flags=re.S))
    if not any(_FURTHER.search(one) for one in selectors if not one.strip().startswith("@")):
        sheet.lasting = True


def _seen(root: ElementTree.Element, sheets: tuple[int, ...]) -> list[tuple[Any, Any, Any]] | None:
    """Each element in the order of the tree with its parent and what selectors can see of it; None when there is more
    to see than we know of."""
    found: list[tuple[Any, Any, Any]] = []
    waiting: list[tuple[Any, Any]] = [(root, None)]
    while waiting:
        element, parent = waiting.pop()
        attributes = element.attrib
        told: list[Any] = [element.tag]
        for name, value in attributes.items():
            if name in _SEEN:
                told += (name, value)
            elif name.startswith("data-"):
                told.append(name)  # that it is there; the values are sums and codes
            elif name not in _UNSEEN:
                return None
        if parent is None:
            told += sheets
        found.append((element, parent, tuple(told)))
        waiting += [(child, element) for child in reversed(element)]
    return found


def _hashable(declared: tuple[str, Any]) -> Any:
    """A property with its value and weight, of which some are lists."""
    try:
        hash(declared)
    except TypeError:
        return repr(declared)
    return declared


def hasten(engine: Any) -> None:
    """Make the engine use what stands here."""
    engine.css.StyleFor = shared_styles(engine)
    _remember_percentages()
    _remember_struts()
    _remember_flow(engine.formatting_structure.boxes.Box)
    _keep_layouts(engine.text.line_break.Layout)
    _draw_squares(engine.svg)
    pydyf._to_bytes = _to_bytes
    pydyf.Stream.data = property(_stream_data)


def _replace(name: str, old: Any, new: Any) -> None:
    """Put a function in the place of another in every module of the engine that took it by name."""
    for path, module in list(sys.modules.items()):
        if path.startswith("weasyprint.") and getattr(module, name, None) is old:
            setattr(module, name, new)


# ---- layout: what depends on the style and the width alone is computed once

_SIDES = ("top", "right", "bottom", "left")
_BORDERS = tuple(f"border_{side}_width" for side in _SIDES)
_RESOLVED = (
    *(f"{what}_{side}" for what in ("margin", "padding") for side in _SIDES),
    "width", "min_width", "max_width", "height", "min_height", "max_height",
)  # fmt: skip
#: Widths of containing blocks for which a style remembers its used values.
_MOST_WIDTHS = 16


def _remember_percentages() -> None:
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
            kept[key] = {name: attributes[name] for name in (_RESOLVED if collapse else _RESOLVED + _BORDERS)}
        else:
            attributes.update(used)
            if _BORDERS[0] not in used:
                for name in _BORDERS:
                    if name not in attributes:
                        attributes[name] = style[name]

    _replace("resolve_percentages", resolve, resolve_percentages)


def _remember_struts() -> None:
    from weasyprint.text import line_break

    measure = line_break.strut

    def strut(style: Any) -> tuple[float, float]:
        """Line height and baseline of a style."""
        kept = style.__dict__.get("strut")
        if kept is None:
            kept = style.strut = measure(style)
        return kept  # type: ignore[no-any-return]

    _replace("strut", measure, strut)


def _remember_flow(box_class: Any) -> None:
    ask = box_class.is_in_normal_flow

    def is_in_normal_flow(self: Any) -> bool:
        """Whether boxes of this style stand in the normal flow."""
        kept = self.style.__dict__.get("in_flow")
        if kept is None:
            kept = self.style.in_flow = ask(self)
        return kept  # type: ignore[no-any-return]

    box_class.is_in_normal_flow = is_in_normal_flow


# ---- text: a line that was laid out is drawn as it is

#: Lines kept for drawing, of one paper; beyond them the engine lays out again, as it comes.
_MOST_LAYOUTS = 8_000


def _keep_layouts(layout_class: Any) -> None:
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
        layout_class.kept += 1
        if layout_class.kept > _MOST_LAYOUTS or self.justification_spacing:
            drop(self)

    def reactivate(self: Any, style: Any) -> None:
        if "layout" not in self.__dict__:
            revive(self, style)

    layout_class.kept = 0
    layout_class.setup, layout_class.set_text = setup, set_text
    layout_class.deactivate, layout_class.reactivate = deactivate, reactivate


# ---- drawing

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


# ---- writing


def _to_bytes(item: Any) -> bytes:
    """What pydyf writes for an item; the kinds of which there are thousands come first."""
    kind = type(item)
    if kind is str:
        return item.encode("ascii")  # type: ignore[no-any-return]
    if kind is bytes:
        return item  # type: ignore[no-any-return]
    if kind is int:
        return b"%d" % item
    if kind is float:
        return b"%d" % item if item.is_integer() else f"{item:f}".rstrip("0").encode("ascii")
    if isinstance(item, pydyf.Object):
        return item.data  # type: ignore[no-any-return]
    return str(item).encode("ascii")


def tree_source(engine: Any, tree: ElementTree.Element, fetcher: Any) -> Any:
    """A parsed document as the engine's own `HTML`."""
    return _tree_source(engine)(tree, fetcher)


@cache
def _tree_source(engine: Any) -> Any:
    import cssselect2

    text = (files(engine) / "css" / "html5_ua.css").read_text(encoding="utf-8")
    without_notes = engine.CSS(string=_NOTES.sub("", text))
    without_notes.lasting = True  # :not() and :has() stand in it for form fields only, which no paper has

    class TreeSource(engine.HTML):  # type: ignore[name-defined, misc]
        """HTML whose tree is known, and which has no footnotes: five styles for each element that nobody looks at."""

        def __init__(self, tree: ElementTree.Element, fetcher: Any) -> None:
            self.base_url, self.url_fetcher, self.media_type = None, fetcher, "print"
            self.wrapper_element = cssselect2.ElementWrapper.from_html_root(tree, content_language=None)
            self.etree_element = self.wrapper_element.etree_element

        def _ua_stylesheets(self, forms: bool = False) -> list[Any]:
            return [without_notes]

    return TreeSource
