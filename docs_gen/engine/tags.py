"""Tags for readers who listen: those inside a plain cell are written as the bytes that they become.

Every box and every text of a page is an object of the PDF: some six thousand for 200 lines of an invoice. The engine
makes a dictionary of each, asks for the references of all pages for each, and asks each for its bytes. What stands in a
plain cell (see `cells`) is known when the cell is reached. A tenth of the time of a long table.
"""

from __future__ import annotations

from typing import Any

import pydyf

from docs_gen.engine.writing import Settled

#: What the boxes in a cell may be; all others have rules of their own.
_SIMPLE = ("Div", "Span", "P", "NonStruct")


class CellTag(pydyf.Object):  # type: ignore[misc]
    """The tag of a cell. The engine tells it its name, of a column's head, or the names of the heads of its column."""

    generation, free, offset, compressible = 0, "n", 0, True

    def __init__(self, number: int, name: str, page: bytes, above: bytes, cell: Any) -> None:
        self.number, self.name, self.page, self.above = number, name.encode(), page, above
        self.kids, self.more, self.attributes = b"", b"", b"/O /Table"
        if cell.colspan != 1:
            self.attributes += b"/ColSpan %d" % cell.colspan
        if cell.rowspan != 1:
            self.attributes += b"/RowSpan %d" % cell.rowspan

    def __getitem__(self, key: str) -> Any:
        """Its attributes, which are told to the tag itself."""
        if key != "A":
            raise KeyError(key)
        return self

    def __setitem__(self, key: str, value: Any) -> None:
        if key == "Headers":
            self.attributes += b"/Headers " + value.data
        else:
            self.more += b"/" + key.encode() + b" " + value.data

    @property
    def data(self) -> bytes:
        return b"<</Type /StructElem/S /%b/K [%b]/Pg %b/P %b/A <<%b>>%b>>" % (
            self.name, self.kids, self.page, self.above, self.attributes, self.more,
        )  # fmt: skip


def hasten_tags(replace: Any) -> None:
    """Tag plain cells as described above."""
    from weasyprint.formatting_structure.boxes import LineBox, TableCellBox
    from weasyprint.pdf import tags as module

    build, name_of = module._build_box_tree, module._get_pdf_tag
    names: dict[str, str] = {}

    def _build_box_tree(
        box: Any, parent: Any, pdf: Any, page_number: int, nums: Any, annotations: Any, tags: Any
    ) -> Any:
        if type(box) is TableCellBox and box.plain and box.element_tag in ("td", "th") and parent["S"] == "/TR":
            element = tag_cell(box, parent, pdf, page_number, nums, tags)
            if element is not None:
                yield element
                return
        yield from build(box, parent, pdf, page_number, nums, annotations, tags)

    def simple_name(box: Any) -> str:
        """What a block in a cell is tagged as; '' when that has rules of its own."""
        tag = "" if box.element is None else box.element_tag
        if tag not in names:
            name = "NonStruct" if tag in ("td", "th", "") else name_of(tag)
            names[tag] = name if name in _SIMPLE else ""
        return names[tag]

    def tag_cell(cell: Any, parent: Any, pdf: Any, page_number: int, nums: Any, tags: Any) -> Any:
        children = cell.children
        if cell.element is None or cell.link_annotation or cell.widget_annotation:
            return None
        if any(type(child) is not LineBox and not simple_name(child) for child in children):
            return None
        objects = pdf.objects
        page = pdf.page_references[page_number]
        number = len(objects)
        reference = b"%d 0 R" % number
        kids: list[bytes] = []
        element = CellTag(number, name_of(cell.element_tag), page, parent.reference, cell)
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
        element.kids = b" ".join(kids)
        cell.mark = element
        return element

    replace("_build_box_tree", build, _build_box_tree)
