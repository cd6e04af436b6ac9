"""The ledger of returnable packaging: counted pools, loads, the account book, levels, trips, cases, agreements."""

from peewee import (
    BooleanField,
    CharField,
    Check,
    DateField,
    ForeignKeyField,
    IntegerField,
    Model,
    SqliteDatabase,
    TextField,
)

from database import Exact, Instant

_WHERE = "where_ IN ('nowhere', 'here', 'out', 'there', 'back')"
_WITH_MOVING = "where_ IN ('nowhere', 'here', 'moving', 'out', 'there', 'back')"


def up(migrator, db):
    def known(name):
        meta = type("Meta", (), {"database": db, "table_name": name})
        return type(name.title().replace("_", ""), (Model,), {"Meta": meta})

    Asset, AssetType, Party = known("asset"), known("asset_type"), known("party")
    Place, Shipment, User = known("place"), known("shipment"), known("user")

    class ScanEvent(Model):
        event_id = CharField(max_length=36, unique=True)

        class Meta:
            database = db
            table_name = "scan_event"

    def reference(model, on_delete="RESTRICT", null=True, index=True):
        return ForeignKeyField(model, field=model.id, null=null, on_delete=on_delete, index=index)

    def add(table, **columns):
        for name, field in columns.items():
            migrator.migrate(migrator.add_column(table, name, field))

    # A box may be on its way between two places of ours. SQLite changes a CHECK in its schema only.
    if isinstance(db, SqliteDatabase):
        version = db.execute_sql("PRAGMA schema_version").fetchone()[0]
        db.execute_sql("PRAGMA writable_schema = ON")
        db.execute_sql(
            "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = 'asset'",
            (_WHERE, _WITH_MOVING),
        )
        db.execute_sql(f"PRAGMA schema_version = {version + 1}")
        db.execute_sql("PRAGMA writable_schema = OFF")
    else:
        [name] = db.execute_sql(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'asset'::regclass AND contype = 'c' "
            "AND pg_get_constraintdef(oid) LIKE %s",
            ("%nowhere%",),
        ).fetchone()
        db.execute_sql(f'ALTER TABLE asset DROP CONSTRAINT "{name}", ADD CHECK ({_WITH_MOVING})')

    migrator.migrate(migrator.drop_index("asset", "asset_life_out_since"))
    add(
        "asset",
        dirty=BooleanField(default=False),
        seen_time=Instant(null=True),
        parent=CharField(max_length=40, default=""),
        due_day=DateField(null=True),
    )
    migrator.migrate(
        migrator.add_index("asset", ("life", "due_day")),
        migrator.add_index("asset", ("life", "seen_time")),
        migrator.add_index("asset", ("place_id", "where_")),
        migrator.add_index("asset", ("parent",)),
    )
    add(
        "asset_type",
        inspected_before_dispatch=BooleanField(default=False),
        damage_needs_photo=BooleanField(default=False),
    )
    add(
        "scan_event",
        destination_id=reference(Place, index=False),
        asset_type_id=reference(AssetType, index=False),
        quantity=IntegerField(default=0),
        difference=IntegerField(null=True),
        parent=CharField(max_length=40, default=""),
        via=CharField(max_length=36, default=""),
        corrects=CharField(max_length=36, null=True),
        document=CharField(max_length=64, default=""),
        photo=CharField(max_length=64, default=""),
    )
    for name, columns, condition in (
        ("scan_event_asset_type_id_event_time", "asset_type_id, event_time", "asset_type_id IS NOT NULL"),
        ("scan_event_via", "via", "via <> ''"),
        ("scan_event_parent_event_time", "parent, event_time", "parent <> ''"),
    ):
        db.execute_sql(f"CREATE INDEX {name} ON scan_event ({columns}) WHERE {condition}")

    # Who owned a box when it was registered is from now on what its first event says; the owner may change later.
    db.execute_sql(
        "UPDATE scan_event SET party_id = (SELECT owner_id FROM asset WHERE asset.id = scan_event.asset_id) "
        "WHERE type = 'commission' AND party_id IS NULL"
    )

    class Movement(Model):
        event = ForeignKeyField(ScanEvent, field=ScanEvent.event_id, on_delete="RESTRICT")
        asset = reference(Asset)
        asset_type = reference(AssetType, null=False, index=False)
        owner = reference(Party, null=False, index=False)
        from_holder = reference(Party, index=False)
        from_place = reference(Place, index=False)
        to_holder = reference(Party, index=False)
        to_place = reference(Place, index=False)
        quantity = IntegerField()
        event_day = DateField()
        booked_day = DateField()
        record_time = Instant()

        class Meta:
            database = db
            table_name = "movement"
            indexes = (
                (("from_holder", "asset_type", "booked_day"), False),
                (("to_holder", "asset_type", "booked_day"), False),
            )
            constraints = [Check("quantity > 0")]

    class StockLevel(Model):
        key = CharField(max_length=64, unique=True)
        asset_type = reference(AssetType, null=False)
        owner = reference(Party, null=False)
        holder = reference(Party, null=False)
        place = reference(Place)
        life = CharField(max_length=8)
        where = CharField(max_length=8, column_name="where_")
        condition = CharField(max_length=10)
        quantity = IntegerField()

        class Meta:
            database = db
            table_name = "stock_level"
            indexes = ((("holder", "asset_type"), False), (("place", "asset_type"), False))

    class Trip(Model):
        asset = reference(Asset, null=False, index=False)
        asset_type = reference(AssetType, null=False, index=False)
        partner = reference(Party, null=False, index=False)
        from_place = reference(Place, index=False)
        shipment = reference(Shipment)
        out_event = CharField(max_length=36)
        out_time = Instant()
        observed_from = Instant()
        arrived_time = Instant(null=True)
        ready_time = Instant(null=True)
        back_time = Instant(null=True)
        end_time = Instant(null=True)
        end = CharField(max_length=12, default="")
        inspected = BooleanField(default=False)
        damaged = BooleanField(default=False)

        class Meta:
            database = db
            table_name = "trip"
            indexes = (
                (("asset", "out_time"), True),
                (("asset_type", "partner", "out_time"), False),
                (("partner", "end_time"), False),
                (("end", "out_time"), False),
            )
            constraints = [Check("\"end\" IN ('', 'returned', 'lost', 'written_off')")]

    class ExceptionCase(Model):
        source = CharField(max_length=10)
        code = CharField(max_length=24)
        event = ForeignKeyField(ScanEvent, field=ScanEvent.event_id, null=True, on_delete="RESTRICT")
        asset = reference(Asset)
        asset_type = reference(AssetType)
        party = reference(Party)
        place = reference(Place)
        subject = CharField(max_length=64, default="")
        values = TextField(default="{}")
        opened_time = Instant()
        state = CharField(max_length=10, default="open")
        decided_time = Instant(null=True)
        decided_by = reference(User, on_delete="SET NULL")
        note = TextField(default="")

        class Meta:
            database = db
            table_name = "exception_case"
            indexes = (
                (("source", "code", "event", "subject"), True),
                (("state", "opened_time"), False),
                (("asset", "state"), False),
            )
            constraints = [Check("state IN ('open', 'explained', 'accepted', 'mended')")]

    class Agreement(Model):
        partner = reference(Party, null=False)
        asset_type = reference(AssetType)
        valid_from = DateField()
        free_days = IntegerField(default=0)
        currency = CharField(max_length=3)
        deposit = Exact(default=0)
        rental = Exact(default=0)
        second_step_days = IntegerField(default=0)
        second_rental = Exact(default=0)
        loss_charge = Exact(default=0)
        life_years = IntegerField(default=0)
        loss_floor = Exact(default=0)
        accepted_after_days = IntegerField(default=0)
        note = TextField(default="")
        changed_time = Instant()

        class Meta:
            database = db
            table_name = "agreement"
            indexes = ((("partner", "asset_type", "valid_from"), False),)

    class AccountClosing(Model):
        partner = ForeignKeyField(Party, field=Party.id, unique=True, on_delete="RESTRICT")
        closed_until = DateField()

        class Meta:
            database = db
            table_name = "account_closing"

    class PoolMinimum(Model):
        asset_type = reference(AssetType, on_delete="CASCADE", null=False)
        place = reference(Place, on_delete="CASCADE", null=False)
        minimum = IntegerField()

        class Meta:
            database = db
            table_name = "pool_minimum"
            indexes = ((("asset_type", "place"), True),)
            constraints = [Check("minimum >= 0")]

    db.create_tables([Movement, StockLevel, Trip, ExceptionCase, Agreement, AccountClosing, PoolMinimum], safe=False)
