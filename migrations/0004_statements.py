"""Statements of boxes, and papers that belong to a partner and no shipment. A frozen copy of the tables."""

from peewee import CharField, Check, DateField, ForeignKeyField, IntegerField, Model, SqliteDatabase, TextField

from database import Instant


def up(migrator, db):
    def known(name):
        meta = type("Meta", (), {"database": db, "table_name": name})
        return type(name.title().replace("_", ""), (Model,), {"Meta": meta})

    IssuedDocument, Party, User = known("issued_document"), known("party"), known("user")

    def reference(model, on_delete="RESTRICT", null=False, **more):
        return ForeignKeyField(model, field=model.id, null=null, on_delete=on_delete, **more)

    # A paper names to whom it is addressed, and needs no shipment any more. SQLite changes a column in its schema only.
    migrator.migrate(migrator.add_column("issued_document", "party_id", reference(Party, null=True)))
    db.execute_sql(
        "UPDATE issued_document SET party_id = "
        "(SELECT consignee_id FROM shipment WHERE shipment.id = issued_document.shipment_id)"
    )
    if isinstance(db, SqliteDatabase):
        version = db.execute_sql("PRAGMA schema_version").fetchone()[0]
        db.execute_sql("PRAGMA writable_schema = ON")
        for before, after in (
            ('"shipment_id" INTEGER NOT NULL', '"shipment_id" INTEGER'),
            ('"party_id" INTEGER REFERENCES', '"party_id" INTEGER NOT NULL REFERENCES'),
        ):
            db.execute_sql(
                "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = 'issued_document'",
                (before, after),
            )
        db.execute_sql(f"PRAGMA schema_version = {version + 1}")
        db.execute_sql("PRAGMA writable_schema = OFF")
    else:
        db.execute_sql("ALTER TABLE issued_document ALTER COLUMN shipment_id DROP NOT NULL")
        db.execute_sql("ALTER TABLE issued_document ALTER COLUMN party_id SET NOT NULL")
    migrator.migrate(migrator.add_index("issued_document", ("party_id", "type")))

    class Statement(Model):
        document = reference(IssuedDocument, unique=True)
        partner = reference(Party)
        first_day = DateField()
        last_day = DateField()
        language = CharField(max_length=2)
        accepted_after_days = IntegerField(default=0)
        state = CharField(max_length=10, default="issued")
        issued_time = Instant()
        changed_time = Instant()

        class Meta:
            database = db
            table_name = "statement"
            indexes = ((("partner", "first_day"), False), (("state", "first_day"), False))
            constraints = [Check("state IN ('issued', 'partly', 'confirmed', 'disputed', 'agreed', 'closed')")]

    class StatementLink(Model):
        statement = reference(Statement, on_delete="CASCADE")
        token_sha256 = CharField(max_length=64, unique=True)
        created_time = Instant()
        created_by = reference(User, on_delete="SET NULL", null=True)
        expires_time = Instant()
        revoked_time = Instant(null=True)
        seen_time = Instant(null=True)

        class Meta:
            database = db
            table_name = "statement_link"

    class StatementAnswer(Model):
        statement = reference(Statement)
        link = reference(StatementLink, on_delete="SET NULL", null=True)
        user = reference(User, on_delete="SET NULL", null=True)
        line = CharField(max_length=16)
        verdict = CharField(max_length=10)
        quantity = IntegerField(null=True)
        reason = TextField(default="")
        name = CharField(max_length=80)
        address = CharField(max_length=45, default="")
        answered_time = Instant()

        class Meta:
            database = db
            table_name = "statement_answer"
            indexes = ((("link", "answered_time"), False),)
            constraints = [Check("verdict IN ('confirmed', 'disputed', 'not_ours', 'missing')")]

    db.create_tables([Statement, StatementLink, StatementAnswer], safe=False)
