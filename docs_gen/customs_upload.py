"""What China Customs is said to take as an electronic paper (随附单证电子文件): advice, to be confirmed by the broker.

The figures are those of 报关单证电子转换或扫描文件格式标准, edition 2019, as others quote it.
"""

from __future__ import annotations

import io

from errors import N_, Message

LARGEST_FILE = 4 * 1024 * 1024  # bytes
LARGEST_PAGE = 400 * 1024  # bytes, of the file for each of its pages
LONGEST_NAME = 64  # characters, with .pdf
OLDEST_VERSION = (1, 4)  # of PDF


def upload_advice(name: str, data: bytes) -> list[Message]:
    """What may keep this PDF from being taken when it is uploaded for customs; empty when nothing is known to."""
    import pikepdf

    with pikepdf.open(io.BytesIO(data)) as file:
        pages = max(1, len(file.pages))
        version = tuple(int(part) for part in file.pdf_version.split("."))
    found = []
    if len(name) > LONGEST_NAME:
        text = N_("The file name has %(count)s characters; customs is said to take %(limit)s. Ask the customs broker.")
        found.append(Message(text, {"count": len(name), "limit": LONGEST_NAME}))
    if len(data) > LARGEST_FILE:
        text = N_("The file has %(size)s KB; customs is said to take %(limit)s KB. Ask the customs broker.")
        found.append(Message(text, {"size": -(-len(data) // 1024), "limit": LARGEST_FILE // 1024}))
    if len(data) > LARGEST_PAGE * pages:
        text = N_("The file has %(size)s KB a page; customs is said to take %(limit)s KB. Ask the customs broker.")
        found.append(Message(text, {"size": -(-len(data) // (1024 * pages)), "limit": LARGEST_PAGE // 1024}))
    if version < OLDEST_VERSION:
        text = N_("The file is PDF %(version)s; customs is said to take 1.4 and later. Ask the customs broker.")
        found.append(Message(text, {"version": ".".join(str(part) for part in version)}))
    return found
