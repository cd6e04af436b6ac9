"""Tags for readers who listen: most are written as the bytes that they become.

Every box and every text of a page is an object of the PDF: some six thousand for 200 lines of an invoice. The engine
makes a dictionary of each, asks for the references of all pages for each, and goes through a generator for each. What
stands in a plain cell (see `cells`) is known when the cell is reached; of the others all but tables, lists, pictures
and links are a name and what is in them. A tenth of the time of any table.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pydyf

from docs_gen.engine.writing import Settled

#: What the boxes in a cell may be; all others have rules of their own.
_SIMPLE = ("Div", "Span", "P", "NonStruct")
_ROWS = ("TR", "THead", "TBody", "TFoot")


class Tag(pydyf.Object):  # type: ignore[misc]
    """The tag of a box, with the references of the tags in it."""

    generation, free, offset, compressible = 0, "n", 0, True

    def __init__(self, number: int, name: str, page: bytes, above: bytes) -> None:
        self.number, self.name, self.page, self.above = number, name, page, above
        self.reference = b"%d 0 R" % number
        self.kids: list[bytes] = []

    reference = b""

    def __getitem__(self, key: str) -> Any:
        """What the engine asks of a tag around its own."""
        return {"S": f"/{self.name}", "K": self.kids}[key]

    @property
    def data(self) -> bytes:
        return b"<</Type /StructElem/S /%b/K [%b]/Pg %b/P %b>>" % (
            self.name.encode(), b" ".join(self.kids), self.page, self.above,
        )  # fmt: skip


class CellTag(Tag):
    """The tag of a cell. The engine tells it its name, of a column's head, or the names of the heads of its column."""

    def __init__(self, number: int, name: str, page: bytes, above: bytes, cell: Any) -> None:
        super().__init__(number, name, page, above)
        self.more, self.attributes = b"", b"/O /Table"
        if cell.colspan != 1:
            self.attributes += b"/ColSpan %d" % cell.colspan
        if cell.rowspan != 1:
            self.attributes += b"/RowSpan %d" % cell.rowspan

    def __getitem__(self, key: str) -> Any:
        """Its attributes are told to the tag itself."""
        return self if key == "A" else super().__getitem__(key)

    def __setitem__(self, key: str, value: Any) -> None:
        if key == "Headers":
            self.attributes += b"/Headers " + value.data
        else:
            self.more += b"/" + key.encode() + b" " + value.data

    @property
    def data(self) -> bytes:
        return b"<</Type /StructElem/S /%b/K [%b]/Pg %b/P %b/A <<%b>>%b>>" % (
            self.name.encode(), b" ".join(self.kids), self.page, self.above, self.attributes, self.more,
        )  # fmt: skip


def hasten_tags(replace: Any) -> None:
    """Tag as described above."""
    from weasyprint.formatting_structure.boxes import (
        BlockBox,
        InlineBox,
        LineBox,
        TableCellBox,
        TableRowBox,
        TableRowGroupBox,
        TextBox,
    )
    from weasyprint.pdf import tags as module

    build, name_of = module._build_box_tree, module._get_pdf_tag
    names: dict[str, str] = {}
    kinds = {
        BlockBox: _SIMPLE,
        InlineBox: _SIMPLE,
        TableRowBox: _ROWS,
        TableRowGroupBox: _ROWS,
        TableCellBox: ("TD", "TH"),
    }

    def _build_box_tree(
        box: Any, parent: Any, pdf: Any, page_number: int, nums: Any, annotations: Any, tags: Any
    ) -> Iterable[Any]:
        kind = type(box)
        if kind not in kinds or box.link_annotation or box.widget_annotation:
            return build(box, parent, pdf, page_number, nums, annotations, tags)  # type: ignore[no-any-return]
        if kind is TableCellBox and box.plain and box.element_tag in ("td", "th") and parent["S"] == "/TR":
            element = tag_cell(box, parent, pdf, page_number, nums, tags)
            if element is not None:
                return [element]
        tag = None if box.element is None else box.element_tag
        name = "" if tag in ("html", "body") else name_of(tag)
        if name in ("TD", "TH") and parent["S"] in ("/TD", "/TH"):
            name = "NonStruct"  # a block that has no element of its own
        if name not in kinds[kind]:
            return build(box, parent, pdf, page_number, nums, annotations, tags)  # type: ignore[no-any-return]
        objects, page = pdf.objects, pdf.page_references[page_number]
        if kind is TableCellBox:
            element = box.mark = CellTag(len(objects), name, page, parent.reference, box)
        else:
            element = Tag(len(objects), name, page, parent.reference)
        objects.append(element)
        kids = element.kids
        for line in box.children:
            for child in line.children if isinstance(line, LineBox) else (line,):
                if isinstance(child, TextBox):
                    kid = tags.pop(child)
                    number, mcid = len(objects), kid["mcid"]
                    assert mcid not in nums
                    nums[mcid] = reference = b"%d 0 R" % number
                    kids.append(reference)
                    data = b"<</Type /StructElem/S /%b/K [%d]/Pg %b/P %b>>" % (
                        kid["tag"].encode(), mcid, page, element.reference,
                    )  # fmt: skip
                    objects.append(Settled(number, data))
                else:
                    for one in _build_box_tree(child, element, pdf, page_number, nums, annotations, tags):
                        kids.append(one.reference)
        return [element]

    def simple_name(box: Any) -> str:
        """What a block in a cell is tagged as; '' when that has rules of its own."""
        tag = "" if box.element is None else box.element_tag
        if tag not in names:
            name = "NonStruct" if tag in ("td", "th", "") else name_of(tag)
            names[tag] = name if name in _SIMPLE else ""
        return names[tag]

    def tag_cell(cell: Any, parent: Any, pdf: Any, page_number: int, nums: Any, tags: Any) -> Any:
        children = cell.children
        if cell.element is None:
            return None
        if any(type(child) is not LineBox and not simple_name(child) for child in children):
            return None
        objects = pdf.objects
        page = pdf.page_references[page_number]
        element = CellTag(len(objects), name_of(cell.element_tag), page, parent.reference, cell)
        reference, kids = element.reference, element.kids
        objects.append(element)

        def tag_line(line: Any, above: bytes, kids: list[bytes]) -> None:
            for text in line.children:
                mcid = tags.pop(text)["mcid"]
                assert mcid not in nums
                nums[mcid] = kid = b"%d 0 R" % len(objects)
                kids.append(kid)
                data = b"<</Type /StructElem/S /Span/K [%d]/Pg %b/P %b>>" % (mcid, page, above)
                objects.append(Settled(len(objects), data))

        for child in children:
            if type(child) is LineBox:
                tag_line(child, reference, kids)
                continue
            block = Settled(len(objects), b"")
            objects.append(block)
            above = b"%d 0 R" % block.number
            kids.append(above)
            inner: list[bytes] = []
            for line in child.children:
                tag_line(line, above, inner)
            block.data = b"<</Type /StructElem/S /%b/K [%b]/Pg %b/P %b>>" % (
                simple_name(child).encode(), b" ".join(inner), page, reference,
            )  # fmt: skip
        cell.mark = element
        return element

    replace("_build_box_tree", build, _build_box_tree)
