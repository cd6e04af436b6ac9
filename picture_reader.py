"""Reads one picture in a process of its own: `python picture_reader.py FORMATS SIDE PIXELS FIT < file > pixels`.

photos.py starts it. Decoders of pictures are old code in C that strangers feed; here a hostile one costs this process,
not the server. What comes out is pixels and nothing else: a line of JSON, then the bytes of them.
"""

from __future__ import annotations

import io
import json
import sys
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from apart import limit

MEMORY = 1024 * 1024 * 1024  # bytes of address space: 60 million pixels are 180 MB, twice while they are turned
SECONDS = 15  # of CPU


def read(data: bytes, formats: list[str], max_side: int, max_pixels: int, fit: int) -> tuple[dict[str, Any], bytes]:
    """{mode, size} and the pixels of the picture, upright, at most `fit` wide and high; or {fault: why not}."""
    try:
        with Image.open(io.BytesIO(data), formats=formats) as whole:
            whole.verify()
            if whole.format == "JPEG" and b"\xff\xd9" not in data[-64:]:
                raise OSError("cut off")
        with Image.open(io.BytesIO(data), formats=formats) as found:
            if max(found.size) > max_side:  # told by its head, before a pixel is unpacked
                return {"fault": "side"}, b""
            if found.width * found.height > max_pixels:
                return {"fault": "pixels"}, b""
            turned = ImageOps.exif_transpose(found)
            made = turned.convert("RGBA" if turned.has_transparency_data else "RGB")
            made.thumbnail((fit, fit), Image.Resampling.LANCZOS)
            return {"mode": made.mode, "size": made.size}, made.tobytes()
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return {"fault": "unreadable"}, b""


def main() -> None:
    """Answer on standard output."""
    limit(MEMORY, SECONDS)
    formats, side, pixels, fit = sys.argv[1].split(","), *map(int, sys.argv[2:5])
    head, made = read(sys.stdin.buffer.read(), formats, side, pixels, fit)
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + made)


if __name__ == "__main__":
    main()
