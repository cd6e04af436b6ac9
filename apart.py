"""What strangers send is opened in a process of its own with limits of memory, CPU and time: this starts one and reads
its answer. A hostile file costs that process, not the server. xlsx_reader, csv_reader, picture_reader and
pack_reader are such.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent


class NotRead(Exception):
    """The process came to no answer: it was stopped by one of its limits, or died."""


def read_apart(script: str, data: bytes, wall_seconds: int, *arguments: str) -> bytes:
    """What `script`, a module of ours beside this one, writes on its output when it is given `data` as its input.

    Raises NotRead.
    """
    import subprocess  # the process itself starts sooner without

    try:
        done = subprocess.run(  # noqa: S603  (our own module, no shell)
            [sys.executable, "-E", "-s", str(_ROOT / script), *arguments],
            input=data, capture_output=True, timeout=wall_seconds, check=True, cwd=_ROOT,
        )  # fmt: skip
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        raise NotRead(script) from error
    return done.stdout


def limit(memory: int, seconds: int) -> None:
    """In such a process, first of all: so many bytes of memory and seconds of CPU, no file written, no core dumped."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
