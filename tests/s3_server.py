"""A store that speaks S3, over real HTTP: moto's server in a process of its own, or the one of the environment.

ROUNDTRIP_TEST_S3_ENDPOINT (with _KEY, _SECRET, _BUCKET) names a real one; each test has a folder of its own there.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from config import Bucket

_SERVER = "from moto.server import main; main(['-H', '{host}', '-p', '{port}'])"


@dataclass
class Store:
    """A store that runs; `hang` and `go_on` stop its process and let it go on, where it is ours."""

    endpoint: str
    bucket: str = "roundtrip-tests"
    key: str = "tests"
    secret: str = "tests-secret"
    process: subprocess.Popen[bytes] | None = None

    def folder(self) -> Bucket:
        """An empty folder of the bucket."""
        return Bucket(self.bucket, f"t-{secrets.token_hex(6)}", self.endpoint, "us-east-1", self.key, self.secret)

    def environment(self, folder: Bucket) -> dict[str, str]:
        """The settings that name this folder."""
        return {
            "ROUNDTRIP_FILES_URL": f"s3://{folder.name}/{folder.folder}", "ROUNDTRIP_FILES_ENDPOINT": folder.endpoint,
            "ROUNDTRIP_FILES_KEY": folder.key, "ROUNDTRIP_FILES_SECRET": folder.secret,
        }  # fmt: skip

    def hang(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def start(host: str, port: int, *, within: tuple[str, ...] = (), log: Path | None = None) -> Store:
    """moto's server at this address; `within`: what is put before its command, like `ip netns exec NAME`."""
    out = log.open("wb") if log else subprocess.DEVNULL
    process = subprocess.Popen(
        [*within, sys.executable, "-c", _SERVER.format(host=host, port=port)], stdout=out, stderr=out,
        start_new_session=True,
    )  # fmt: skip
    store = Store(f"http://{host}:{port}", process=process)
    if not within:
        make_bucket(store)
    return store


def make_bucket(store: Store) -> None:
    """Wait until the store answers, and make the bucket. (moto asks for no signature.)"""
    until = time.monotonic() + 60
    while True:
        try:
            asked = urllib.request.Request(f"{store.endpoint}/{store.bucket}", method="PUT")
            urllib.request.urlopen(asked, timeout=5).close()
            return
        except OSError:
            assert time.monotonic() < until, "the store does not start"
            time.sleep(0.05)


@pytest.fixture(scope="session")
def s3() -> Iterator[Store]:
    endpoint = os.environ.get("ROUNDTRIP_TEST_S3_ENDPOINT", "")
    if endpoint:
        named = {part: os.environ[f"ROUNDTRIP_TEST_S3_{part.upper()}"] for part in ("bucket", "key", "secret")}
        yield Store(endpoint, **named)
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    store = start("127.0.0.1", port)
    yield store
    store.stop()
