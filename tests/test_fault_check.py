"""What is looked at after every fault test: a fault that it leaves is told, and so is one that it said to leave."""

from __future__ import annotations

import pytest
from conftest import NOW, on_both_databases
from fault_check import check

from assets.models import StockLevel
from assets.registering import register_assets


@on_both_databases
def test_a_fault_that_a_test_leaves_is_told_unless_it_leaves_it_on_purpose(db, app, world, tmp_path):
    (tmp_path / "folder of the test").mkdir()
    given = {"app": app, "tmp_path": tmp_path}
    register_assets(world.klt, ["KLT000001"], world.suzhou, world.plant, None, NOW)
    check(given, ())
    with pytest.raises(AssertionError, match="I2"):
        check(given, ("I2",))  # it said that it leaves one, and left none
    StockLevel.update(quantity=7).execute()
    with pytest.raises(AssertionError, match=r"I2 Level .*\n *I3 "):
        check(given, ())
    (tmp_path / "a file.txt").touch()
    with pytest.raises(AssertionError, match=r"I5 a file\.txt"):
        check(given, ("I2", "I3"))
    check(given, ("I2", "I3", "I5"))
