"""Small libraries in C that tests put between a process and the system: writes that fail, a clock that is set."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

HERE = Path(__file__).parent


def compiled(name: str, folder: Path) -> Path:
    """The library `name`.c; `make test` sees to it that there is a compiler."""
    library = folder / f"{name}.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, HERE / f"{name}.c", "-ldl"], check=True)
    return library


class SteppingClock:
    """The clock of processes that are started in `environment`, which somebody sets while they run."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.set(0)
        library = compiled("stepping_clock", folder)
        self.environment = {"LD_PRELOAD": str(library), "STEPPING_CLOCK": str(self._file)}

    def set(self, ahead: float) -> None:
        """Step it: from now on it is ahead of the right time by so many seconds, or behind."""
        with self._file.open("r+b" if self._file.exists() else "wb", buffering=0) as file:
            file.write(struct.pack("l", round(ahead)))  # one write of one word: nobody reads half of it
