"""Pictures that somebody uploads: opened with limits, and made anew from their pixels before they are kept.

So nothing that came with a picture is kept: no metadata (a phone writes down where it was), no second picture, no trick
of a format.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import archive
from apart import NotRead, read_apart
from config import Store
from errors import N_, InvalidInput

if TYPE_CHECKING:
    from PIL import Image

PHOTO_BYTES = 10 * 1024 * 1024
_PHOTO_SIDE = 10_000  # pixels of what is uploaded: a phone of 100 megapixels
_PHOTO_PIXELS = 60_000_000  # unpacked that is 180 MB, for a moment
_KEPT_SIDE = 1600  # pixels: enough to see a crack
_QUALITY = 82
_WALL_SECONDS = 20


def opened(
    data: bytes, field: str, formats: tuple[str, ...], max_bytes: int, max_side: int, unreadable: str, fit: int
) -> Image.Image:
    """The picture, turned upright, as RGB or (transparent) RGBA, at most `fit` pixels wide and high.

    A process of its own decodes it (`picture_reader`). Raises InvalidInput(`field`): too large, too wide, or
    `unreadable` (marked with N_), which cut off files are too, and those that take too long or too much memory.
    """
    if len(data) > max_bytes:
        raise InvalidInput(field, N_("The picture is larger than %(max)s MB."), max=max_bytes >> 20)
    limits = ",".join(formats), str(max_side), str(_PHOTO_PIXELS), str(fit)
    try:
        told = read_apart("picture_reader.py", data, _WALL_SECONDS, *limits)
    except NotRead as error:
        raise InvalidInput(field, unreadable) from error
    line, _, pixels = told.partition(b"\n")
    head = json.loads(line)
    if head.get("fault") == "side":
        raise InvalidInput(field, N_("The picture is wider or higher than %(max)s pixels."), max=max_side)
    if head.get("fault") == "pixels":
        most = _PHOTO_PIXELS // 1_000_000
        raise InvalidInput(field, N_("The picture has more than %(max)s million pixels."), max=most)
    if "fault" in head:
        raise InvalidInput(field, unreadable)
    from PIL import Image  # late: it would make every start longer

    return Image.frombytes(head["mode"], tuple(head["size"]), pixels)


def keep_photo(data: bytes, field: str, folder: Store) -> str:
    """Keep a photo as a JPEG of at most 1600 pixels; gives the SHA-256 under which `archive.read` finds it.

    Raises InvalidInput(`field`): no JPEG, PNG or WebP, more than 10 MB, 10,000 pixels a side or 60 million pixels.
    """
    unreadable = N_("This is not a JPEG, PNG or WebP picture that can be read.")
    found = opened(data, field, ("JPEG", "PNG", "WEBP"), PHOTO_BYTES, _PHOTO_SIDE, unreadable, _KEPT_SIDE)
    from PIL import Image

    plain = Image.new("RGB", found.size, "white")
    plain.paste(found, mask=found.getchannel("A") if found.mode == "RGBA" else None)
    buffer = io.BytesIO()
    plain.save(buffer, "JPEG", quality=_QUALITY)
    return archive.keep(folder, buffer.getvalue(), suffix=".jpg")
