"""Alerts: thresholds, recipients of the digest, webhooks, what was known and what was sent."""

from peewee import CharField, Check, DateField, ForeignKeyField, IntegerField, Model, TextField

from database import Instant


def up(migrator, db):
    class User(Model):
        class Meta:
            database = db
            table_name = "user"

    class AlertSetting(Model):
        name = CharField(max_length=32, unique=True)
        value = CharField(max_length=64)
        changed_time = Instant()
        changed_by = ForeignKeyField(User, field=User.id, null=True, on_delete="SET NULL")

        class Meta:
            database = db
            table_name = "alert_setting"

    class DigestRecipient(Model):
        address = CharField(max_length=254, unique=True)
        language = CharField(max_length=2, default="en")
        hour = IntegerField(default=7)
        timezone = CharField(max_length=64, default="UTC")
        created_time = Instant()

        class Meta:
            database = db
            table_name = "digest_recipient"
            constraints = [Check("hour >= 0 AND hour < 24"), Check("language IN ('en', 'zh')")]

    class Webhook(Model):
        url = CharField(max_length=500, unique=True)
        secret = CharField(max_length=64)
        created_time = Instant()

        class Meta:
            database = db
            table_name = "webhook"

    class KnownAlert(Model):
        key = CharField(max_length=96, unique=True)
        since = Instant()

        class Meta:
            database = db
            table_name = "known_alert"

    class Delivery(Model):
        channel = CharField(max_length=8)
        target = CharField(max_length=500)
        day = DateField()
        key = CharField(max_length=64, unique=True)
        body = TextField()
        count = IntegerField()
        state = CharField(max_length=8, default="waiting")
        attempts = IntegerField(default=0)
        lease_until = Instant(null=True)
        next_time = Instant()
        answer = CharField(max_length=255, default="")
        created_time = Instant()
        sent_time = Instant(null=True)

        class Meta:
            database = db
            table_name = "delivery"
            indexes = (
                (("state", "next_time"), False),
                (("channel", "target", "day"), False),
                (("created_time",), False),
            )
            constraints = [
                Check("channel IN ('mail', 'webhook')"),
                Check("state IN ('waiting', 'sent', 'failed', 'given_up')"),
            ]

    db.create_tables([AlertSetting, DigestRecipient, Webhook, KnownAlert, Delivery], safe=False)
