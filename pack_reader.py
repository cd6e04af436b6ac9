"""Reads the ZIP of one template pack in a process of its own: `python pack_reader.py < file > JSON`.

docs_gen.pack_files starts it. What comes out is text and plain values: what the files of the pack say, and what its
pack.toml does. The directory of a ZIP may lie: it is looked at first, and what is unpacked is held against it.
"""

from __future__ import annotations

import io
import json
import re
import stat
import sys
import tomllib
import zipfile
import zlib
from itertools import pairwise
from typing import Any

from apart import limit
from errors import N_, InvalidInput, Message, plain_message

MAX_BYTES = 2 * 1024 * 1024  # of the ZIP
MAX_UNPACKED = 8 * 1024 * 1024
MAX_FILES = 50
MAX_RATIO = 100  # unpacked : packed, of files over 1 MB
MEMORY = 256 * 1024 * 1024  # bytes of address space
SECONDS = 5  # of CPU
_MAX_TOML = 64 * 1024
_MAX_DEPTH = 10  # of pack.toml; three are needed

NO_ZIP = N_("This is not a ZIP file that can be read.")
FAULT = N_("%(file)s: %(fault)s")
NO_PLAIN_FILE = N_("only plain files, no folders and no links")
TOO_LARGE = N_("Unpacked, a pack has at most %(max)s MB.")
TOO_MANY = N_("A pack has at most %(max)s files.")
_FILE = re.compile(r"[A-Za-z0-9_.-]{1,80}")


def fault(file: str, text: str, **values: Any) -> InvalidInput:
    """Something is wrong with a file of the pack."""
    return InvalidInput("file", FAULT, file=file, fault=Message(text, values))


def read(data: bytes) -> tuple[dict[str, str], dict[str, Any]]:
    """Names of the files and their texts without pack.toml, and what that says, with None for what is neither text,
    number, truth, list nor table. Raises InvalidInput(`file`)."""
    files = _texts(_unpacked(data))
    return files, _toml(files.pop("pack.toml", None))


def _unpacked(data: bytes) -> dict[str, bytes]:
    """Names → contents. A folder that everything lies in does not count. Raises InvalidInput."""
    if len(data) > MAX_BYTES:
        raise InvalidInput("file", N_("The file is larger than %(max)s MB."), max=MAX_BYTES >> 20)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            entries = [entry for entry in packed.infolist() if not entry.is_dir()]
            if len(packed.infolist()) > MAX_FILES + 1:  # and the folder that they lie in
                raise InvalidInput("file", TOO_MANY, max=MAX_FILES)
            if len(entries) > MAX_FILES:
                raise InvalidInput("file", TOO_MANY, max=MAX_FILES)
            if sum(entry.file_size for entry in entries) > MAX_UNPACKED:
                raise InvalidInput("file", TOO_LARGE, max=MAX_UNPACKED >> 20)
            places = sorted(entries, key=lambda entry: entry.header_offset)
            if any(one.header_offset + 30 + one.compress_size > two.header_offset for one, two in pairwise(places)):
                raise InvalidInput("file", NO_ZIP)  # two files out of the same bytes
            folders = {entry.filename.rpartition("/")[0] for entry in entries}
            folder = folders.pop() if len(folders) == 1 else ""
            prefix = f"{folder}/" if folder and _FILE.fullmatch(folder) else ""
            found: dict[str, bytes] = {}
            for entry in entries:
                name = entry.filename.removeprefix(prefix)
                mode = entry.external_attr >> 16
                if (
                    not _FILE.fullmatch(name)
                    or name in found
                    or (mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode))
                ):
                    raise fault(entry.filename[:80], NO_PLAIN_FILE)
                if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or entry.flag_bits & 1:
                    raise InvalidInput("file", NO_ZIP)
                if entry.file_size > 1 << 20 and entry.file_size > MAX_RATIO * entry.compress_size:
                    raise fault(name, N_("it unpacks to far more than a template needs"))
                found[name] = packed.read(entry)
            return found
    except (
        zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, ValueError, OverflowError,
        IndexError,  # an entry without a name
    ) as error:  # fmt: skip
        raise InvalidInput("file", NO_ZIP) from error


def _texts(files: dict[str, bytes]) -> dict[str, str]:
    """The same as texts. Raises InvalidInput: what is none, and kinds of files that a pack does not have."""
    found = {}
    for name, data in files.items():
        if name not in ("pack.toml", "README.md") and not name.endswith((".html", ".css", ".sample.json")):
            raise fault(name, N_("a pack holds pack.toml, README.md, .html, .css and .sample.json"))
        try:
            found[name] = data.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            raise fault(name, N_("this is no text in UTF-8")) from error
    return found


def _toml(text: str | None) -> dict[str, Any]:
    if text is None:
        raise fault("pack.toml", N_("it is missing"))
    if len(text) > _MAX_TOML:
        raise fault("pack.toml", N_("it is too long"))
    try:
        return {key: _plain(value, 1) for key, value in tomllib.loads(text).items()}
    except (ValueError, RecursionError) as error:  # ValueError: of numbers of thousands of digits, too
        raise fault("pack.toml", str(error)[:200] or "nested too deeply") from error


def _plain(value: Any, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise RecursionError
    if isinstance(value, dict):
        return {key: _plain(one, depth + 1) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one, depth + 1) for one in value]
    return value if isinstance(value, str | int | float) else None


def main() -> None:
    """Answer on standard output: {"files": …, "toml": …}, or {"fault": a message}."""
    limit(MEMORY, SECONDS)
    answer: dict[str, Any]
    try:
        files, toml = read(sys.stdin.buffer.read())
        answer = {"files": files, "toml": toml}
    except InvalidInput as error:
        answer = {"fault": plain_message(error.message)}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
