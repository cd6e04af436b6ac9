"""S12: what is installed is locked with its hashes, and not older than what is known to have holes. And: every number of
the fault and attack tests has a test that bears it in its name."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import NOW
from flask import Flask
from samples import World, completed

from accounts.models import User
from accounts.people import create_token

ROOT = Path(__file__).parent.parent.parent
#: the first versions without the known holes that concern us: files and addresses in papers, sandbox escapes, forms
FLOORS = {"weasyprint": (70, 0), "jinja2": (3, 1, 6), "werkzeug": (3, 0, 6)}
NUMBERS = [
    *(f"F{n}" for n in range(1, 12)), *(f"C{n}" for n in range(1, 9)), *(f"B{n}" for n in range(1, 8)),
    *(f"S{n}" for n in range(1, 14)), "L2", "L4",
]  # fmt: skip


def locked(name: str) -> dict[str, tuple[str, int]]:
    """package → (version, how many hashes)."""
    found = {}
    for entry in (ROOT / name).read_text().replace("\\\n", " ").splitlines():
        head = re.match(r"([a-zA-Z0-9._-]+)(?:\[[^]]*\])?==(\S+)", entry)
        if head:
            found[head[1].lower()] = (head[2], entry.count("--hash=sha256:"))
    return found


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_S12_every_package_is_locked_with_its_hashes_and_none_is_below_its_floor(name: str) -> None:
    packages = locked(name)
    assert len(packages) > 30
    assert [one for one, (_, hashes) in packages.items() if not hashes] == []
    for package, floor in FLOORS.items():
        assert tuple(map(int, re.findall(r"\d+", packages[package][0]))) >= floor, package


@pytest.mark.parametrize("number", NUMBERS)
def test_each_number_has_a_test_of_its_name(number: str) -> None:
    named = re.compile(rf"def test_(?:[A-Z]\d+_)*{number}_")
    assert any(named.search(path.read_text(encoding="utf-8")) for path in (ROOT / "tests").rglob("test_*.py"))


def test_S12_the_service_starts_and_prints_its_first_paper_with_the_network_off(
    app: Flask, user: User, world: World, tmp_path: Path
) -> None:
    """In a network namespace that has nothing but its own loopback: no font, script, list or licence is fetched."""
    completed(world)
    token = create_token(user, "monitor", NOW)
    command = [sys.executable, str(Path(__file__).with_name("without_network.py")), str(tmp_path), token]
    done = subprocess.run(["unshare", "-rn", *command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["unreachable"] == "ENETUNREACH"
    assert told["page"] == 200
    assert set(told["health"]["faults"]) <= {"backup"}
    assert "Traceback" not in told["log"]
