"""Devices that scan with a token of their own, batches that are taken once, sessions; events say when and as which scan."""

from peewee import BigIntegerField, CharField, Check, ForeignKeyField, IntegerField, Model, TextField

from database import Instant


def up(migrator, db):
    def known(name):
        meta = type("Meta", (), {"database": db, "table_name": name})
        return type(name.title().replace("_", ""), (Model,), {"Meta": meta})

    ApiToken, Party, Place = known("api_token"), known("party"), known("place")
    Shipment, User = known("shipment"), known("user")

    def reference(model, on_delete="RESTRICT", null=True, **more):
        return ForeignKeyField(model, field=model.id, null=null, on_delete=on_delete, **more)

    migrator.migrate(migrator.add_column("api_token", "scope", CharField(max_length=8, default="")))

    class Device(Model):
        name = CharField(max_length=64)
        token = reference(ApiToken, null=False, unique=True)
        place = reference(Place, "SET NULL")
        created_time = Instant()
        sync_time = Instant(null=True)
        unsent = IntegerField(null=True)
        app_version = CharField(max_length=32, default="")
        clock_offset_ms = BigIntegerField(null=True)
        last_sequence = IntegerField(default=0)
        last_event_time = Instant(null=True)
        gaps = TextField(default="[]")
        revoked_time = Instant(null=True)
        revoked_by = reference(User, "SET NULL", index=False)

        class Meta:
            database = db
            table_name = "device"

    class ScanBatch(Model):
        key = CharField(max_length=64, unique=True)
        body_sha256 = CharField(max_length=64)
        status = IntegerField()
        answer = TextField()
        created_time = Instant(index=True)

        class Meta:
            database = db
            table_name = "scan_batch"

    class ScanSession(Model):
        uuid = CharField(max_length=36, unique=True)
        kind = CharField(max_length=12)
        place = reference(Place)
        shipment = reference(Shipment)
        party = reference(Party)
        destination = reference(Place)
        device = reference(Device)
        user = reference(User, "SET NULL")
        started_time = Instant()
        state = CharField(max_length=8, default="open")
        version = IntegerField(default=1)
        changed_time = Instant()
        finished_time = Instant(null=True)
        finished_by = CharField(max_length=64, default="")
        signature = CharField(max_length=64, default="")
        difference_reason = TextField(default="")
        seen = TextField(default="[]")
        expected = TextField(default="{}")
        result = TextField(default="")

        class Meta:
            database = db
            table_name = "scan_session"
            indexes = ((("state", "place"), False),)
            constraints = [
                Check("kind IN ('dispatch', 'return', 'receive', 'stock_take', 'inspect', 'transfer')"),
                Check("state IN ('open', 'finished')"),
            ]

    db.create_tables([Device, ScanBatch, ScanSession], safe=False)
    db.execute_sql("CREATE UNIQUE INDEX device_name ON device (name) WHERE revoked_time IS NULL")

    for name, field in {
        "device_time": Instant(null=True),
        "sender_id": reference(Device, index=False),
        "sequence": IntegerField(null=True),
        "session": CharField(max_length=36, default=""),
    }.items():
        migrator.migrate(migrator.add_column("scan_event", name, field))
    db.execute_sql(
        "CREATE INDEX scan_event_sender_id_sequence ON scan_event (sender_id, sequence) WHERE sender_id IS NOT NULL"
    )
    db.execute_sql("CREATE INDEX scan_event_session ON scan_event (session) WHERE session <> ''")
