"""The real server: `flask --app app serve` with its two processes, on both databases."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def get(url: str, token: str = "") -> tuple[int, str]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture(params=["sqlite", "postgresql"])
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    found = {name: value for name, value in os.environ.items() if not name.startswith("ROUNDTRIP_")}
    found |= {"ROUNDTRIP_DATA_DIR": str(tmp_path / "data"), "ROUNDTRIP_DEMO": "0", "ROUNDTRIP_PORT": str(free_port())}
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql_server")
        server.psql("DROP DATABASE IF EXISTS served")
        server.psql("CREATE DATABASE served")
        found["ROUNDTRIP_DATABASE_URL"] = server.get_uri("served")
    return found


@pytest.fixture
def serve(environment: dict[str, str]) -> Iterator[object]:
    """Start the server; gives its address and what it printed."""
    running: list[subprocess.Popen[str]] = []

    def start() -> tuple[str, str]:
        log = Path(environment["ROUNDTRIP_DATA_DIR"]).parent / f"log-{len(running)}"
        with log.open("w") as out:
            command = [sys.executable, "-m", "flask", "--app", "app", "serve"]
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT, text=True
            )
        running.append(process)
        url = f"http://127.0.0.1:{environment['ROUNDTRIP_PORT']}"
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{url}/healthz", timeout=5)
                return url, log.read_text()
            except OSError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                threading.Event().wait(0.05)  # to ask without a pause would take the processor that it starts with

    def stop() -> None:
        for process in running:
            process.terminate()
            process.wait(timeout=40)

    start.stop = stop  # type: ignore[attr-defined]
    yield start
    stop()


def test_two_processes_answer_many_at_once_each_with_its_own_connections(serve, environment):
    environment["ROUNDTRIP_WORKERS"] = "0"  # the workers that it keeps are those of test_worker.py
    url, printed = serve()
    assert url in printed
    assert re.search(r"First administrator: admin   one-time password: \S{12,}", printed)
    command = [sys.executable, "-m", "flask", "--app", "app", "user", "token", "admin", "t"]
    made = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    token = made.stdout.strip()

    def ask(number: int) -> tuple[int, bool]:
        path = ("/parties", "/assets", "/documents", f"/search?q=box{number}")[number % 4]
        status, text = get(url + path, token)
        return status, "</html>" in text

    for path in ("/parties", "/products", "/shipments", "/assets"):  # ROUNDTRIP_DEMO=0 leaves it empty
        assert len(get(f"{url}{path}?format=csv", token)[1].splitlines()) == 1

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(ask, range(120)))
    assert answers == {(200, True)}

    # the second start: nothing to make, no password to tell
    serve.stop()
    url, printed = serve()  # within a minute; the promise of 5 s is measured by hand on an idle machine
    assert "one-time password" not in printed
    assert get(f"{url}/login")[0] == 200
