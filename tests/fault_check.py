"""After every fault test: whatever it did, the database and the folder that it leaves hold all of I1 to I8."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from peewee import SqliteDatabase

from config import Settings
from database import db as proxy
from invariants import faults

FAULTS = Path(__file__).parent / "faults"


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Right after a test of tests/faults, before its fixtures take down what it ran on (a server, a mounted disk).

    `unchecked(why)` on a test: its last database is none of ours. `unchecked(why, *faults)`: it leaves just these on
    purpose, told by how they begin.
    """
    result = yield
    if pyfuncitem.path.parent == FAULTS:
        mark = pyfuncitem.get_closest_marker("unchecked")
        why, *left = mark.args if mark else ("",)
        if left or not why:
            check(pyfuncitem.funcargs, tuple(left))
    return result


def check(given: dict[str, Any], left: tuple[str, ...]) -> None:
    """The database that is open, or was the last to be, and the data folder that belongs to it."""
    settings = _settings(given)
    with proxy.connection_context() if proxy.is_closed() else contextlib.nullcontext():
        found = list(faults(settings))
    if settings.data_dir == given.get("tmp_path"):  # where the test has folders of its own
        theirs = {f"I5 {one.name}: a folder that is not of this service" for one in settings.data_dir.iterdir()}
        found = [fault for fault in found if fault not in theirs]
    wrong = [fault for fault in found if not fault.startswith(left)]
    assert not wrong, "\n".join(wrong)
    missing = [one for one in left if not any(fault.startswith(one) for fault in found)]
    assert not missing, f"left on purpose, and not there: {missing}"


def _settings(given: dict[str, Any]) -> Settings:
    """Those of the application, when it runs on that database; else those of the folder in which the database lies."""
    from conftest import settings_for  # it loads this

    app = given.get("app")
    if isinstance(proxy.obj, SqliteDatabase):
        folder = Path(proxy.obj.database).parent
        if isinstance(app, Flask) and app.config["ROUNDTRIP"].database_url == f"sqlite:///{proxy.obj.database}":
            return app.config["ROUNDTRIP"]
        return settings_for(folder)
    return app.config["ROUNDTRIP"] if isinstance(app, Flask) else settings_for(given["tmp_path"])
