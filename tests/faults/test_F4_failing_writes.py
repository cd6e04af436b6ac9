"""F4: the n-th write fails, for every n, or from it on every write until the disk is mended: what is stored is what was
there before or what should be after, never between; and the process that met it goes on, without a restart."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import NOW, PASSWORD
from preloaded import HERE, compiled
from simulated_devices import LARGE, tried

from accounts.people import create_user
from assets.registering import register_assets
from database import db as proxy


@pytest.fixture(scope="session")
def shim(tmp_path_factory) -> Path:
    """The library that lets writes fail."""
    return compiled("failing_writes", tmp_path_factory.mktemp("shim"))


EACH = [errno.EIO, errno.ENOSPC]
TRIES = (
    [(verb, number, kind) for verb in ("scan", "issue") for number in EACH for kind in ("one", "lasting")]
    if LARGE
    else [("scan", errno.EIO, "one,lasting"), ("issue", errno.ENOSPC, "one,lasting")]
)


@pytest.mark.parametrize(("verb", "number", "kinds"), TRIES, ids=lambda one: errno.errorcode.get(one, one))
def test_F4_after_any_write_that_fails_it_is_before_or_after_and_never_between(
    app, world, shim, tmp_path, verb, number, kinds
):
    long_ago = NOW.replace(year=2025)
    register_assets(world.klt, [f"KLT00000{n}" for n in range(1, 7)], world.suzhou, world.plant, None, long_ago)
    with app.app_context():
        create_user("wang.li", PASSWORD, NOW)
    proxy.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    proxy.close()
    pattern = tmp_path / "data"
    pattern.mkdir()
    shutil.copy(tmp_path / "roundtrip.db", pattern)
    answer = subprocess.run(
        [sys.executable, HERE / "writes_that_fail.py", pattern, verb, str(number), "300",
         "1" if LARGE else "6" if verb == "scan" else "18", kinds],
        env={**os.environ, "LD_PRELOAD": str(shim)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    told = [json.loads(line) for line in answer.stdout.splitlines()]
    assert len(told) >= 4
    for one in told:
        assert one["faults"] == [], one
        assert one["state"] in ("before", "after", "numbered"), one
        assert one["outcome"] in ("acknowledged", "unavailable"), one
        if one["outcome"] == "acknowledged":
            assert one["state"] == "after", one
        mended = one.get("after_mending", {"again": "acknowledged", "state": "after", "faults": []})
        assert mended == {"again": "acknowledged", "state": "after", "faults": []}, one
    assert {one["kind"] for one in told if one["outcome"] == "unavailable"} == set(kinds.split(","))
    what = "fails" if kinds == "one" else "and all later ones fail until the disk is mended"
    tried("F4", f"{verb}: write 1 to {len(told)} {what}, {errno.errorcode[number]}", len(told))
