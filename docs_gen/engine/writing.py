"""Writing the PDF: each object is turned into bytes once, and the kinds of which there are thousands directly."""

from __future__ import annotations

import zlib
from functools import lru_cache
from hashlib import md5
from typing import Any

import pydyf

#: 9, pydyf's own, takes five times the time of 5 for a twentieth of the size; 4 saves a third of that of 5 and costs
#: as much again. What faster programs for the same format would bring is in docs/scaling.md.
_LEVEL = 5


def hasten_writing() -> None:
    """Let pydyf use what stands here."""
    pydyf._to_bytes = to_bytes
    pydyf.Stream.data = property(_stream_data)
    pydyf.Dictionary.data = property(_dictionary_data)
    pydyf.Array.data = property(_array_data)
    pydyf.String.data = property(_text_data)
    pydyf.PDF.page_references = property(_page_references)
    pydyf.PDF.write = _written_by(pydyf.PDF.write)


class Settled(pydyf.Object):  # type: ignore[misc]
    """A PDF object whose bytes are known."""

    generation, free, offset, compressible, data = 0, "n", 0, True, b""

    def __init__(self, number: int, data: bytes, compressible: bool = True) -> None:
        self.number, self.data = number, data
        if not compressible:
            self.compressible = False


def _written_by(write_any: Any) -> Any:
    """pydyf's `PDF.write`, with the same bytes: it compresses the stream of objects twice, for the file and for the
    identifier, and passes over the objects six times."""

    def write(self: Any, output: Any, version: Any = b"1.7", identifier: Any = False, compress: bool = False) -> None:
        version = to_bytes(version or b"1.7")
        objects = self.objects
        if version < b"1.5" or not compress or any(one.free == "f" or one.generation for one in objects[1:]):
            write_any(self, output, version, identifier, compress)
            return
        if self.info:
            self.add_object(self.info)
        number = len(objects)  # of the stream of objects
        head = b"%PDF-" + version + b"\n%\xf0\x9f\x96\xa4\n"
        parts, position = [head], len(head)
        said: list[bytes] = []
        packed: list[bytes] = []
        places: list[int] = []
        at = 0
        entries = [(0, 0, objects[0].generation)]  # of each object: kind, place or stream, generation or place in that
        for one in objects[1:]:
            data = one.data
            said.append(data)
            if one.compressible:
                entries.append((2, number, len(packed)))
                packed.append(data)
                places += (one.number, at)
                at += len(data) + 1
            else:
                entries.append((1, position, 0))
                part = b"%d 0 obj\n%b\nendobj\n" % (one.number, data)
                parts.append(part)
                position += len(part)
        first = " ".join(map(str, places))
        stream = pydyf.Stream([first, *packed], {"Type": "/ObjStm", "N": len(packed), "First": len(first) + 1}, True)
        data = stream.data
        said.append(data)
        entries.append((1, position, 0))
        part = b"%d 0 obj\n%b\nendobj\n" % (number, data)
        parts.append(part)
        position += len(part)
        entries.append((1, position, 0))
        most = max(position, number), max(objects[0].generation, len(packed))
        across, deep = ((one.bit_length() + 7) // 8 for one in most)
        table = b"".join(
            [
                b"%c%b%b" % (kind, place.to_bytes(across, "big"), more.to_bytes(deep, "big"))
                for kind, place, more in entries
            ]
        )
        extra: dict[str, Any] = {
            "Type": "/XRef", "Index": pydyf.Array((0, number + 2)), "W": pydyf.Array((1, across, deep)),
            "Size": number + 2, "Root": self.catalog.reference,
        }  # fmt: skip
        if self.info:
            extra["Info"] = self.info.reference
        if identifier:
            digest = md5(b"".join(said), usedforsecurity=False).hexdigest().encode()
            own = digest if identifier is True else to_bytes(identifier)
            extra["ID"] = pydyf.Array((pydyf.String(own).data, pydyf.String(digest).data))
        parts.append(b"%d 0 obj\n%b\nendobj\n" % (number + 1, pydyf.Stream([table], extra, True).data))
        parts.append(b"startxref\n%d\n%%%%EOF\n" % position)
        output.write(b"".join(parts))

    return write


def _page_references(self: Any) -> tuple[bytes, ...]:
    """The pages' references, made again when there is one more: every tag asks for them."""
    kids = self.pages["Kids"]
    known = self.__dict__.get("known_pages")
    if known is None or len(known) * 3 != len(kids):
        known = self.known_pages = tuple(b"%d 0 R" % number for number in kids[::3])
    return known  # type: ignore[no-any-return]


def _dictionary_data(self: Any) -> bytes:
    return b"<<" + b"".join([b"/" + to_bytes(key) + b" " + to_bytes(value) for key, value in self.items()]) + b">>"


def _array_data(self: Any) -> bytes:
    return b"[" + b" ".join([to_bytes(child) for child in self]) + b"]"


_string_data = pydyf.String.data.fget


def _text_data(self: Any) -> bytes:
    """A string; the names of columns, which every cell bears, have nothing to be escaped."""
    text = self.string
    if type(text) is str and text.replace("-", "").isalnum() and text.isascii():
        return b"(" + text.encode("ascii") + b")"
    return _string_data(self)  # type: ignore[no-any-return]


def _stream_data(self: Any) -> bytes:
    """A stream with its dictionary, compressed once and not at the highest level."""
    content = b"\n".join([to_bytes(item) for item in self.stream])
    extra = pydyf.Dictionary(self.extra)
    if self.compress:
        if "N" in self.extra and "Type" not in self.extra:
            content = _packed_profile(content)
        elif "Length1" in self.extra or self.extra.get("Subtype") == "/OpenType":
            content = _packed_font(content)
        else:
            content = zlib.compress(content, _LEVEL)
        extra["Filter"] = "/FlateDecode"
    extra["Length"] = len(content)
    return b"\n".join((extra.data, b"stream", content, b"endstream"))


@lru_cache(maxsize=8)
def _packed_profile(content: bytes) -> bytes:
    """Of a colour profile, which every paper brings along."""
    return zlib.compress(content, 9)


@lru_cache(maxsize=24)
def _packed_font(content: bytes) -> bytes:
    """Of what was cut out of a font (see `fonts`), for many papers the same."""
    return zlib.compress(content, 6)


def to_bytes(item: Any) -> bytes:
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
