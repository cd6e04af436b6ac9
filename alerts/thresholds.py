"""The thresholds as they are set: a row for each that differs from the default."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from accounts.models import User
from alerts.models import AlertSetting
from alerts.rules import THRESHOLDS, Thresholds
from database import keep_writers_out, taking_turns, tuples


def thresholds() -> Thresholds:
    """What holds now."""
    stored = dict(tuples(AlertSetting.select(AlertSetting.name, AlertSetting.value)))
    return Thresholds(**{name: _read(name, stored[name]) for name in THRESHOLDS if name in stored})


def set_thresholds(values: Mapping[str, Any], user: User | None, now: datetime) -> None:
    """Keep these values (fields of Thresholds); one that is the default needs no row."""
    defaults = Thresholds()
    with taking_turns():
        keep_writers_out(AlertSetting)  # who saves at the same moment saves after this
        for name in THRESHOLDS:
            AlertSetting.delete().where(AlertSetting.name == name).execute()
            if values[name] != getattr(defaults, name):
                AlertSetting.create(name=name, value=_written(values[name]), changed_time=now, changed_by=user)


def _read(name: str, text: str) -> Any:
    if name == "customs_steps":
        return tuple(int(step) for step in text.split())
    return Decimal(text) if name == "damage_percent" else int(text)


def _written(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
