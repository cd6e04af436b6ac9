"""Copies of libraries are what their list says, to the byte, and come with their licences."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("folder", ["static/vendor", "tests/vendor"])
def test_S12_every_copied_file_is_listed_with_its_hash_and_has_a_licence(folder):
    root = ROOT / folder
    lines = [line.split() for line in (root / "VERSIONS").read_text().splitlines()[1:]]
    listed = {file: sha256 for _name, _version, _licence, file, sha256 in lines}
    found = {
        str(path.relative_to(root))
        for path in root.rglob("*.*")
        if path.is_file() and path.suffix in (".js", ".css", ".wasm")
    }
    assert found == set(listed)
    for file, sha256 in listed.items():
        assert hashlib.sha256((root / file).read_bytes()).hexdigest() == sha256, file
        assert list((root / file).parent.glob("LICENSE*")), file
