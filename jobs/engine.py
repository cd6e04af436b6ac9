"""huey on our own database: a message is there exactly when the transaction that sent it is.

A message says the number of a job and nothing else, as JSON: what stands in the queue can start no other function. The
job's row is the truth; a message that comes twice, late or for nothing does no harm, and one that is lost is sent again
(`running.sweep`). Of huey's tables only tasks and schedule are used; migrations make them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from huey import Huey
from huey.constants import EmptyData
from huey.contrib.sql_huey import SqlStorage
from huey.registry import Message as Sent
from huey.serializer import Serializer

from database import db, sound_connection

NAME = "roundtrip"
_TASK = "job"


class _Storage(SqlStorage):  # type: ignore[misc]
    """huey's own, on tables of our names, without results and revocations: the row of a job tells of both."""

    def create_models(self) -> Any:
        kv, schedule, task, counter = super().create_models()
        schedule._meta.set_table_name("queue_schedule")
        task._meta.set_table_name("queue_task")
        return kv, schedule, task, counter

    def dequeue(self) -> Any:
        with sound_connection():
            self.check_conn()
            # A worker looks every moment; to take SQLite's write lock each time would keep scans waiting.
            return super().dequeue() if self.tasks().exists() else None

    def read_schedule(self, timestamp: datetime) -> Any:
        with sound_connection():
            self.check_conn()
            due = self.schedule().where(self.Schedule.timestamp <= timestamp)
            return super().read_schedule(timestamp) if due.exists() else []

    def peek_data(self, key: str) -> Any:
        return EmptyData

    def peek_many(self, keys: Any) -> dict[str, Any]:
        return {}

    def pop_data(self, key: str) -> Any:
        return EmptyData

    def delete_data(self, key: str) -> bool:
        return False


class _Plain(Serializer):  # type: ignore[misc]
    """Messages as JSON: number of the job, when it is due, its priority. Nothing that is read is ever run."""

    def _serialize(self, data: Any) -> bytes:
        eta = data.eta.isoformat() if data.eta else None
        return json.dumps([data.id, data.args[0], eta, data.priority]).encode()

    def _deserialize(self, data: bytes) -> Any:
        id_, job_id, eta, priority = json.loads(bytes(data))
        return Sent(
            id=id_, name=_name, eta=datetime.fromisoformat(eta) if eta else None, retries=0, retry_delay=0,
            priority=priority, args=(int(job_id),), kwargs={},
        )  # fmt: skip


_name = f"{__name__}.{_TASK}"


def huey_for(run: Callable[[int], None]) -> Any:
    """huey on the database that is open now; `run` is called with the number of a job."""
    queue = Huey(
        NAME, results=False, utc=True, serializer=_Plain(), storage_class=_Storage, database=db.obj,
        create_tables=False,
    )  # fmt: skip

    def job(job_id: int) -> None:
        run(job_id)

    job.__module__ = __name__
    queue.task(name=_TASK)(job)
    return queue


def _nothing(_: int) -> None:
    """What a process that only sends would do with a message."""


_sender: tuple[Any, Any] | None = None


def _queue() -> Any:
    global _sender
    if _sender is None or _sender[0] is not db.obj:  # tests open one database after the other
        _sender = (db.obj, huey_for(_nothing))
    return _sender[1]


def send(job_id: int, due: datetime, priority: int, now: datetime) -> None:
    """Tell the workers of a job, in the transaction of the caller; not before `due`."""
    queue = _queue()
    task = queue._registry.string_to_task(_name)(args=(job_id,), kwargs={}, priority=priority)
    if due > now:
        task.eta = due.astimezone(UTC).replace(tzinfo=None)
        queue.storage.add_to_schedule(queue.serialize_task(task), task.eta)
    else:
        queue.storage.enqueue(queue.serialize_task(task), priority)


def is_empty() -> bool:
    """Whether no message waits that is due."""
    return int(_queue().storage.queue_size()) == 0
