"""Reading: well-formed HTML needs no parser for any HTML."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any
from xml.etree import ElementTree

#: What the engine's own style sheet says of notes, rule by rule.
_NOTES = re.compile(r"^::(footnote|note)-[^}]*}$", re.M)


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
    for element in root.iter():
        if element.tag in _PARTS:
            _take_space_out(element)
    return root


#: What a table is made of → what may stand in it. White space between them never becomes a box.
_PARTS = {
    "table": {"colgroup", "thead", "tbody", "tfoot"}, "colgroup": {"col"}, "thead": {"tr"}, "tbody": {"tr"},
    "tfoot": {"tr"}, "tr": {"td", "th"},
}  # fmt: skip


def _take_space_out(part: ElementTree.Element) -> None:
    """Remove the white space between the parts of a table, which the engine makes boxes of and removes itself."""
    inside = _PARTS[part.tag]
    if (part.text is None or part.text.isspace()) and all(
        child.tag in inside and (child.tail is None or child.tail.isspace()) for child in part
    ):
        part.text = None
        for child in part:
            child.tail = None


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


def tree_source(engine: Any, tree: ElementTree.Element, fetcher: Any) -> Any:
    """A parsed document as the engine's own `HTML`."""
    return tree_source_class(engine)(tree, fetcher)


@cache
def tree_source_class(engine: Any) -> Any:
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
            self.wrapper_element.query_all = _in_head(self.wrapper_element)

        def _ua_stylesheets(self, forms: bool = False) -> list[Any]:
            return [without_notes]

    return TreeSource


def _in_head(root: Any) -> Any:
    """The engine's search for what stands in a head (title, meta, style …), without a walk over the body."""
    search = root.query_all

    def query_all(*names: str) -> Any:
        parts = list(root.etree_element)
        if [part.tag for part in parts] != ["head", "body"] or any(
            found is not None for name in names for found in [next(parts[1].iter(name), None)]
        ):
            return search(*names)
        return next(iter(root.iter_children())).query_all(*names)

    return query_all
