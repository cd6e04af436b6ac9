"""Who sees which background job: whoever asked for it, and who looks after all jobs, those of his entities."""

from __future__ import annotations

from typing import Any

from flask_security import current_user

from accounts.access import may
from accounts.scope import Scope
from jobs.models import Job


def visible_jobs(scope: Scope) -> Any:
    """Condition on Job; None: all of them. One that belongs to no entity is for who sees every entity."""
    own = Job.asked_by == current_user.id
    if not may("jobs.manage"):
        return own
    if scope.entities is None and scope.sites is None and scope.partner is None:
        return None
    return own if scope.entities is None else own | Job.entity.in_(scope.entities)
