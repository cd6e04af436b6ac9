"""What people set about alerts, who gets them, and what has been sent."""

from peewee import CharField, Check, DateField, ForeignKeyField, IntegerField, TextField

from accounts.models import User
from database import Instant, Row


class AlertSetting(Row):
    """One threshold that differs from `alerts.rules.Thresholds`; without a row the default holds."""

    name = CharField(32, unique=True)  # a field of Thresholds
    value = CharField(64)
    changed_time = Instant()
    changed_by = ForeignKeyField(User, null=True, on_delete="SET NULL", backref="alert_settings")

    class Meta:
        named = ("name",)


class DigestRecipient(Row):
    """Who gets the digest by e-mail: once a day, in this language, at this hour of his own clock."""

    address = CharField(254, unique=True)
    language = CharField(2, default="en")
    hour = IntegerField(default=7)
    timezone = CharField(64, default="UTC")
    created_time = Instant()

    class Meta:
        named = ("address",)
        constraints = [Check("hour >= 0 AND hour < 24"), Check("language IN ('en', 'zh')")]


class Webhook(Row):
    """An address that is told of new alerts. The body is signed with the secret (HMAC-SHA256)."""

    url = CharField(500, unique=True)
    secret = CharField(64)
    created_time = Instant()

    class Meta:
        named = ("url",)
        secret = ("secret",)


class KnownAlert(Row):
    """An alert that stood at the last run, by its key: what is not here is new."""

    key = CharField(96, unique=True)
    since = Instant()

    class Meta:
        watched = False


class Delivery(Row):
    """One message: a digest of a day, or new alerts for a webhook. The row comes first, so nothing is sent twice."""

    channel = CharField(8)  # mail, webhook
    target = CharField(500)  # address, URL
    day = DateField()  # mail: the recipient's day
    key = CharField(64, unique=True)  # mail: recipient and day; webhook: its own id
    body = TextField()  # mail: keys of the alerts, a line each; webhook: the JSON
    count = IntegerField()  # alerts
    state = CharField(8, default="waiting")  # waiting, sent, failed (will be tried again), given up
    attempts = IntegerField(default=0)
    lease_until = Instant(null=True)  # a run is at it; after this another may be
    next_time = Instant()  # not before
    answer = CharField(255, default="")  # what the other side said last
    created_time = Instant()
    sent_time = Instant(null=True)

    class Meta:
        watched = False
        indexes = ((("state", "next_time"), False), (("channel", "target", "day"), False), (("created_time",), False))
        constraints = [
            Check("channel IN ('mail', 'webhook')"),
            Check("state IN ('waiting', 'sent', 'failed', 'given_up')"),
        ]
