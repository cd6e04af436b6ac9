"""Background jobs: what was promised to be done, how far it is, and what became of it."""

from peewee import SQL, BooleanField, CharField, Check, ForeignKeyField, IntegerField, TextField

from accounts.models import User
from database import Instant, Row
from master_data.models import Party


class Job(Row):
    """A piece of work. The row is the promise; the queue only says to a worker that it is there."""

    kind = CharField(24)  # a code of jobs.kinds
    args = TextField(default="{}")  # JSON: ids and plain values, never what they stand for
    key = CharField(64, default="")  # of those that wait only one has it; '' none
    about = CharField(120, default="")  # what it is about, in words that need no translation: codes, a month
    state = CharField(10, default="waiting")  # waiting, running, done, failed, cancelled
    done = IntegerField(default=0)
    total = IntegerField(default=0)  # 0: not known
    runs = IntegerField(default=0)  # how often it was begun; whoever runs it knows its run by this number
    attempts = IntegerField(default=0)  # the same since somebody asked for it last
    stop_asked = BooleanField(default=False)  # running: it is to stop at its next step
    due_time = Instant()  # not before
    lease_until = Instant(null=True)  # running: whoever runs it says so before this; after it, it is taken up again
    error = TextField(default="")  # JSON of a message: why the last run came to nothing
    result = TextField(default="[]")  # JSON: messages of what it did, each with an address or none
    file_sha256 = CharField(64, default="")  # of the result to download
    file_name = CharField(120, default="")
    file_until = Instant(null=True)  # until then it is kept
    entity = ForeignKeyField(Party, null=True, on_delete="SET NULL", backref="background_jobs")  # whose it is
    asked_by = ForeignKeyField(User, null=True, on_delete="SET NULL", backref="background_jobs")  # None: the service
    created_time = Instant()
    begun_time = Instant(null=True)
    ended_time = Instant(null=True)

    class Meta:
        watched = False  # a record itself; what people do to one is told by name
        named = ("kind", "about")
        indexes = (
            (("state", "due_time"), False),
            (("kind", "key"), False),
            (("created_time",), False),
            (("asked_by", "created_time"), False),
        )
        constraints = [Check("state IN ('waiting', 'running', 'done', 'failed', 'cancelled')")]


#: Of those that wait only one has a key.
Job.add_index(Job.index(Job.key, unique=True, name="job_waiting_key").where(SQL("state = 'waiting' AND key <> ''")))
