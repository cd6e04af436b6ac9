"""Writing the PDF: each object is turned into bytes once, and the kinds of which there are thousands directly."""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import Any

import pydyf

#: 9, pydyf's own, takes twice the time of 6 for one per cent of the size.
_LEVEL = 6


def hasten_writing() -> None:
    """Let pydyf use what stands here."""
    pydyf._to_bytes = to_bytes
    pydyf.Stream.data = property(_stream_data)
    pydyf.Dictionary.data = property(_dictionary_data)
    pydyf.Array.data = property(_array_data)
    pydyf.String.data = property(_text_data)
    pydyf.PDF.page_references = property(_page_references)


class Settled(pydyf.Object):  # type: ignore[misc]
    """A PDF object whose bytes are known: they are asked for twice, for the identifier and for the file."""

    generation, free, offset, compressible, data = 0, "n", 0, True, b""

    def __init__(self, number: int, data: bytes, compressible: bool = True) -> None:
        self.number, self.data = number, data
        if not compressible:
            self.compressible = False


def settle(file: Any) -> None:
    """Turn every object of a finished PDF into its bytes, each of which is made and compressed once."""
    file.objects[:] = [
        one if type(one) is Settled or one.free == "f" else Settled(one.number, one.data, one.compressible)
        for one in file.objects
    ]


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
    return zlib.compress(content, _LEVEL)


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
