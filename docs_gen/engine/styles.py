"""Styles: computed once for elements that are alike, in this paper and the next."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

from docs_gen.engine.reading import tree_source_class

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

#: What stands in the boxes of an element besides what it holds, or looks different there.
_ADDED = {"before", "after", "first-letter", "first-line"}


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
        #: Elements of this paper that have styles besides their own (::before …); None when that is not known.
        more: set[Any] | None = None

        def __call__(self, element: Any, pseudo_type: str | None = None) -> Any:
            """The style of an element; the engine puts right the edges of tables in it each time that it is asked."""
            style = self._computed_styles.get((element, pseudo_type))
            if style and "asked" not in style.__dict__:
                super().__call__(element, pseudo_type)
                style.asked = True
            return style

        def __init__(self, html: Any, sheets: Any, hints: bool, fonts: Any, targets: Any) -> None:
            if len(self.kept) > _MOST_STYLES or len(self.elements) > _MOST_ELEMENTS:
                self.kept.clear()
                self.elements.clear()
            self.shares = isinstance(
                html, tree_source_class(engine)
            )  # what a customer's pack brings may hang on its page
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
            more: set[Any] = set()
            for element, parent, told in seen:
                known = self.elements.get((above[parent], told))
                if known is None:
                    return False
                above[element], styles = known
                if len(styles) > 1 and not _ADDED.isdisjoint(styles):
                    more.add(element)
                for pseudo_type, style in styles.items():
                    self._computed_styles[element, pseudo_type] = style
            for style in self._computed_styles.values():
                if style["anchor"]:
                    targets.collect_anchor(style["anchor"])
            self.more = more
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
                self.kept[key] = style = computed[element, pseudo_type]
                style.lasting = True
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


def lasts(style: Any) -> bool:
    """Whether a style, or that of which it is the anonymous one, comes again with the next paper."""
    known = style.__dict__.get("lasts")
    if known is None:
        above = style
        while "lasting" not in above.__dict__ and above.specified is above:  # an anonymous one
            above = above.parent_style
        known = style.lasts = "lasting" in above.__dict__
    return known  # type: ignore[no-any-return]


def _hashable(declared: tuple[str, Any]) -> Any:
    """A property with its value and weight, of which some are lists."""
    try:
        hash(declared)
    except TypeError:
        return repr(declared)
    return declared
