"""The file of an issued paper, for who may have it: from the service itself, or by a link to the store of the files."""

from __future__ import annotations

from flask import Response, current_app

import archive
from config import Settings
from database import in_steps
from docs_gen.models import IssuedDocument
from listing import attachment


def names_of_files() -> dict[str, str]:
    """SHA-256 → the name under which a browser saves the file of a paper that comes from the store."""
    query = IssuedDocument.select(IssuedDocument.id, IssuedDocument.sha256, IssuedDocument.number)
    return {sha256: f"{number}.pdf" for _, sha256, number in in_steps(query, IssuedDocument.id)}


def paper_file(document: IssuedDocument, name: str, *, inline: bool = False) -> Response:
    """The answer to who asks for the file, once it is known that they may have it.

    With ROUNDTRIP_FILES_LINKS it sends them to the store, by a link that is good for so many seconds; the audit tells
    of it as of a download. Without, the file is held against its SHA-256 and handed out.
    """
    settings: Settings = current_app.config["ROUNDTRIP"]
    url = archive.link(settings.archive_dir, document.sha256, settings.links)
    if not url:
        return attachment(archive.read(settings.archive_dir, document.sha256), name, "application/pdf", inline=inline)
    response = attachment(b"", name, "text/html")  # the name is what the audit tells
    response.status_code, response.headers["Location"] = 302, url
    return response
