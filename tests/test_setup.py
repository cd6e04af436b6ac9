"""tools/setup.sh, which `make run` and `make test` call first: what it says and does where there is no apt."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LEFT_OUT = ("apt", "dpkg", "chromium", "sudo")


@pytest.fixture
def path_without_apt(tmp_path: Path) -> Path:
    """A folder with every command of this machine but those of its package manager."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for command in (one for place in os.get_exec_path() if Path(place).is_dir() for one in Path(place).iterdir()):
        link = folder / command.name
        if not command.name.startswith(LEFT_OUT) and not link.is_symlink():
            link.symlink_to(command)
    return folder


@pytest.mark.parametrize("purpose", ["run", "test"])
def test_without_apt_it_says_what_is_needed_and_goes_on_with_what_is_there(tmp_path, path_without_apt, purpose):
    venv = tmp_path / "venv"  # one in which everything is installed already
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    shutil.copy(Path(sys.executable).parent / "pybabel", venv / "bin")
    for name, requirements in (("run", "requirements.txt"), ("test", "requirements-dev.txt")):
        shutil.copy(ROOT / requirements, venv / f".{name}-requirements")
    (path_without_apt / "chromium").write_text("#!/bin/sh\n")
    (path_without_apt / "chromium").chmod(0o755)
    environment = {**os.environ, "PATH": str(path_without_apt), "VENV": str(venv)}
    done = subprocess.run(
        ["sh", ROOT / "tools" / "setup.sh", purpose], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    for words in ("There is no apt here", "libpango-1.0-0", "libharfbuzz-subset0", "Going on with what is installed"):
        assert words in done.stderr
    assert ("Chromium" in done.stderr) == (purpose == "test")
