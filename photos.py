"""Pictures that somebody uploads: opened with limits, and made anew from their pixels before they are kept.

So nothing that came with a picture is kept: no metadata (a phone writes down where it was), no second picture, no trick
of a format.
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

import archive
from errors import N_, InvalidInput

PHOTO_BYTES = 10 * 1024 * 1024
_PHOTO_SIDE = 10_000  # pixels of what is uploaded: a phone of 100 megapixels
_PHOTO_PIXELS = 60_000_000  # unpacked that is 180 MB, for a moment
_KEPT_SIDE = 1600  # pixels: enough to see a crack
_QUALITY = 82


def opened(
    data: bytes, field: str, formats: tuple[str, ...], max_bytes: int, max_side: int, unreadable: str
) -> Image.Image:
    """The picture, turned upright, as RGB or (transparent) RGBA.

    Raises InvalidInput(`field`): too large, too wide, or `unreadable` (marked with N_), which cut off files are too.
    """
    if len(data) > max_bytes:
        raise InvalidInput(field, N_("The picture is larger than %(max)s MB."), max=max_bytes >> 20)
    try:
        with Image.open(io.BytesIO(data), formats=formats) as whole:
            # WeasyPrint tells Pillow to take pictures that are cut off; half a logo is none.
            whole.verify()
            if whole.format == "JPEG" and b"\xff\xd9" not in data[-64:]:
                raise OSError("cut off")
        with Image.open(io.BytesIO(data), formats=formats) as found:
            if max(found.size) > max_side:  # told by its head, before a pixel is unpacked
                raise InvalidInput(field, N_("The picture is wider or higher than %(max)s pixels."), max=max_side)
            if found.width * found.height > _PHOTO_PIXELS:
                raise InvalidInput(
                    field, N_("The picture has more than %(max)s million pixels."), max=_PHOTO_PIXELS // 1_000_000
                )
            turned = ImageOps.exif_transpose(found)
            return turned.convert("RGBA" if turned.has_transparency_data else "RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InvalidInput(field, unreadable) from error


def keep_photo(data: bytes, field: str, folder: Path) -> str:
    """Keep a photo as a JPEG of at most 1600 pixels; gives the SHA-256 under which `archive.read` finds it.

    Raises InvalidInput(`field`): no JPEG, PNG or WebP, more than 10 MB, 10,000 pixels a side or 60 million pixels.
    """
    unreadable = N_("This is not a JPEG, PNG or WebP picture that can be read.")
    found = opened(data, field, ("JPEG", "PNG", "WEBP"), PHOTO_BYTES, _PHOTO_SIDE, unreadable)
    found.thumbnail((_KEPT_SIDE, _KEPT_SIDE), Image.Resampling.LANCZOS)
    plain = Image.new("RGB", found.size, "white")
    plain.paste(found, mask=found.getchannel("A") if found.mode == "RGBA" else None)
    buffer = io.BytesIO()
    plain.save(buffer, "JPEG", quality=_QUALITY)
    return archive.keep(folder, buffer.getvalue(), suffix=".jpg")
