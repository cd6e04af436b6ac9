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


class Settled(pydyf.Object):  # type: ignore[misc]
    """A PDF object whose bytes are known: they are asked for twice, for the identifier and for the file."""

    def __init__(self, one: Any) -> None:
        self.number, self.generation, self.free, self.offset = one.number, one.generation, one.free, 0
        self._compressible = one.compressible
        self._data = one.data

    @property
    def data(self) -> bytes:
        return self._data  # type: ignore[no-any-return]

    @property
    def compressible(self) -> bool:
        return self._compressible  # type: ignore[no-any-return]


def settle(file: Any) -> None:
    """Turn every object of a finished PDF into its bytes, each of which is made and compressed once."""
    file.objects[:] = [one if one.free == "f" or isinstance(one, Settled) else Settled(one) for one in file.objects]


def _stream_data(self: Any) -> bytes:
    """A stream with its dictionary, compressed once and not at the highest level."""
    content = b"\n".join([to_bytes(item) for item in self.stream])
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
