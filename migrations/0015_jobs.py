"""Background jobs, and the two tables of their queue."""

from peewee import (
    BlobField,
    BooleanField,
    CharField,
    Check,
    FloatField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
    TimestampField,
)

from database import Instant


def up(migrator, db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class User(Base):
        pass

    class Party(Base):
        pass

    class Job(Base):
        kind = CharField(24)
        args = TextField(default="{}")
        key = CharField(64, default="")
        about = CharField(120, default="")
        state = CharField(10, default="waiting")
        done = IntegerField(default=0)
        total = IntegerField(default=0)
        runs = IntegerField(default=0)
        attempts = IntegerField(default=0)
        stop_asked = BooleanField(default=False)
        due_time = Instant()
        lease_until = Instant(null=True)
        error = TextField(default="")
        result = TextField(default="[]")
        file_sha256 = CharField(64, default="")
        file_name = CharField(120, default="")
        file_until = Instant(null=True)
        entity = ForeignKeyField(Party, null=True, on_delete="SET NULL")
        asked_by = ForeignKeyField(User, null=True, on_delete="SET NULL")
        created_time = Instant()
        begun_time = Instant(null=True)
        ended_time = Instant(null=True)

        class Meta:
            indexes = (
                (("state", "due_time"), False),
                (("kind", "key"), False),
                (("created_time",), False),
                (("asked_by", "created_time"), False),
            )
            constraints = [Check("state IN ('waiting', 'running', 'done', 'failed', 'cancelled')")]

    class QueueTask(Base):
        queue = CharField()
        data = BlobField()
        priority = FloatField(default=0.0)

        class Meta:
            table_name = "queue_task"

    class QueueSchedule(Base):
        queue = CharField()
        data = BlobField()
        timestamp = TimestampField(resolution=1000)

        class Meta:
            table_name = "queue_schedule"
            indexes = ((("queue", "timestamp"), False),)

    QueueTask.add_index(QueueTask.priority.desc(), QueueTask.id)
    db.create_tables([Job, QueueTask, QueueSchedule])
    db.execute_sql("CREATE UNIQUE INDEX job_waiting_key ON job (key) WHERE state = 'waiting' AND key <> ''")


def down(migrator, db):
    for table in ("queue_schedule", "queue_task", "job"):
        db.execute_sql(f'DROP TABLE "{table}"')
