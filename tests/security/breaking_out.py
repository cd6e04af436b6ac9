"""What a worker that renders papers is not to reach, tried from inside. It imports only what every worker has loaded."""

from __future__ import annotations

import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from config import ROOT
from docs_gen.render import RenderError


@dataclass(frozen=True)
class Attempt:
    """What a library might do that it should not, tried in a worker: the HTML says what came of it."""

    port: int
    file: str

    def __call__(self) -> tuple[str, ...]:
        def network() -> None:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as one:
                one.sendall(b"GET /worker HTTP/1.0\r\n\r\n")

        def resolver() -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
                one.sendto(b"x", ("127.0.0.1", self.port))

        tries = {
            "network": network,
            "datagram": resolver,
            "file": lambda: Path(self.file).read_bytes(),
            "passwd": lambda: Path("/etc/passwd").read_bytes(),
            "environ": lambda: Path("/proc/self/environ").read_bytes(),
            "listing": lambda: list(Path("/tmp").iterdir()),
            "write": lambda: Path(self.file).with_suffix(".new").write_bytes(b"x"),
            "program": lambda: subprocess.run(["/bin/sh", "-c", "true"], check=True),
            "own-style": lambda: (ROOT / "static" / "paper.css").read_bytes(),
        }
        came = []
        for name, attempt in tries.items():
            try:
                attempt()
                came.append(f"{name}:yes")
            except Exception as error:
                came.append(f"{name}:{type(error).__name__}")
        raise RenderError(" ".join(came))
