"""The demo company: deterministic for a given day, six months of life, every figure traceable to its rows."""

from datetime import datetime

from config import Settings
from master_data.models import Party


def is_empty() -> bool:
    """True when the database holds nobody's master data yet."""
    return not Party.select().exists()


def load(now: datetime, settings: Settings) -> None:
    """Store the company and the six months that end at `now`; all of it or nothing of the rows."""
    from demo.life import live

    live(now, settings)
