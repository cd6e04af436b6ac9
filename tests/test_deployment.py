"""What deploys the service says the same as the service: packages, settings, commands."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.utils import canonicalize_name

from app import create_app
from config import SETTINGS, load_settings

ROOT = Path(__file__).parent.parent
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
UNITS = sorted((ROOT / "deploy").glob("*.service"))


def _example() -> dict[str, str]:
    """The settings of a web host in compose.yaml, filled in from deploy/example.env with secrets."""
    lines = (ROOT / "deploy" / "example.env").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    filled = {name: value or "0123456789abcdef" * 4 for name, value in given.items()}
    return {
        name: re.sub(r"\$\{([A-Z_]+)(?::[-?])?\}", lambda match: filled[match[1]], str(value))
        for name, value in COMPOSE["services"]["web"]["environment"].items()
    }


def test_the_settings_of_compose_are_taken(tmp_path: Path) -> None:
    settings = load_settings({**_example(), "ROUNDTRIP_DATA_DIR": str(tmp_path)})
    assert settings.bucket is not None
    assert settings.bucket.endpoint == "http://files:8333"
    assert settings.database_url.startswith("psycopg3+pool://roundtrip:")
    assert settings.workers == 0  # jobs are the workers' there
    assert COMPOSE["services"]["worker"]["environment"] == COMPOSE["services"]["web"]["environment"]


def test_hosts_share_their_keys_by_settings_and_not_by_a_folder() -> None:
    for service in ("web", "worker"):
        assert {"ROUNDTRIP_SECRET_KEY", "ROUNDTRIP_TOTP_KEY"} <= set(COMPOSE["services"][service]["environment"])
        assert COMPOSE["services"][service]["volumes"] == ["/srv/data"]  # a nameless one for each


def test_the_image_has_the_packages_that_the_set_up_installs() -> None:
    script = (ROOT / "tools" / "setup.sh").read_text()
    wanted = re.search(r'^packages="python3 python3-venv ([^"]+)"', script, re.MULTILINE)
    assert wanted
    assert set(wanted[1].split()) <= set(DOCKERFILE.split())
    assert "--require-hashes" in DOCKERFILE


def test_pg_dump_of_the_image_is_not_older_than_the_server_of_compose() -> None:
    """`backup` calls it, and it refuses a newer server. The client is that of the Debian on which the image stands."""
    of_debian = {"bookworm": 15, "trixie": 17}
    debian = re.search(r"^FROM python:[0-9.]+-slim-(\w+)", DOCKERFILE, re.MULTILINE)
    server = re.match(r"postgres:(\d+)", COMPOSE["services"]["database"]["image"])
    assert debian
    assert server
    assert int(server[1]) <= of_debian[debian[1]]


def test_the_image_is_nobody_special_and_stops_gently() -> None:
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert "HEALTHCHECK" in DOCKERFILE
    ends = COMPOSE["services"]["web"]["stop_grace_period"]
    assert int(ends.removesuffix("s")) > 30  # begun requests have 30 s
    for path in (ROOT / "deploy" / "roundtrip-web.service", ROOT / "deploy" / "roundtrip-worker.service"):
        assert "TimeoutStopSec=40" in path.read_text()


def test_the_secrets_in_env_get_neither_into_the_image_nor_into_git() -> None:
    for name in (".dockerignore", ".gitignore"):
        assert ".env" in (ROOT / name).read_text().splitlines(), name


@pytest.mark.parametrize(("created", "listed", "succeeds"), [(0, True, True), (1, True, True), (1, False, False)])
def test_the_second_start_is_content_with_the_bucket_of_the_first(
    created: int, listed: bool, succeeds: bool, tmp_path: Path
) -> None:
    """web and worker wait for it. `s3.bucket.create` of SeaweedFS 4.48 fails with 1 when the bucket is there."""
    list_ = "echo '  roundtrip\tsize:0'" if listed else ":"
    weed = tmp_path / "weed"
    weed.write_text(f"#!/bin/sh\nread line\ncase $line in *create*) exit {created};; *list*) {list_};; esac\n")
    weed.chmod(0o755)
    bucket = COMPOSE["services"]["bucket"]
    done = subprocess.run(
        [*bucket["entrypoint"], *bucket["command"]],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode == 0) is succeeds


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_call_commands_that_there_are(path: Path, tmp_path: Path) -> None:
    app = create_app({"ROUNDTRIP": load_settings({"ROUNDTRIP_DATA_DIR": str(tmp_path)})})
    called = re.findall(r"--app app ([a-z-]+)", path.read_text())
    assert called
    assert set(called) <= set(app.cli.commands)


def test_commands_of_compose_are_there_and_all_settings_are_known() -> None:
    for service in ("web", "worker"):
        assert COMPOSE["services"][service]["command"] in (["serve"], ["worker"])
        assert set(COMPOSE["services"][service]["environment"]) <= set(SETTINGS)


def test_what_the_service_imports_is_in_the_lock_that_an_installation_gets() -> None:
    """What comes with the tools of development is not there in production."""
    ours = {path.stem for path in ROOT.glob("*.py")} | {path.parent.name for path in ROOT.glob("*/__init__.py")}
    locked = {
        canonicalize_name(line.split("==")[0])
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if "==" in line and not line.startswith(" ")
    }
    brought = packages_distributions()
    lost = set()
    for path in (*ROOT.glob("*.py"), *(one for name in ours for one in (ROOT / name).rglob("*.py"))):
        if path.relative_to(ROOT).parts[0] in ("tests", "benchmarks", "tools"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for top in {module.partition(".")[0] for module in modules} - ours - sys.stdlib_module_names - {""}:
                if not {canonicalize_name(one) for one in brought.get(top, [])} & locked:
                    lost.add(f"{path.relative_to(ROOT)}: {top}")
    assert not lost
