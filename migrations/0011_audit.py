"""The audit: lines that are only added, chained by hash. Not even this program may change or delete one."""

from peewee import CharField, IntegerField, Model, SqliteDatabase, TextField

from database import Instant

_REFUSED = "a line of the audit is never changed or deleted"


def up(migrator, db):
    class AuditEntry(Model):
        time = Instant(index=True)
        user = IntegerField(null=True, index=True)
        actor = CharField(max_length=64)
        verb = CharField(max_length=16)
        kind = CharField(max_length=32)
        key = CharField(max_length=64, default="")
        body = TextField()
        position = IntegerField(null=True, unique=True)
        hash = CharField(max_length=64, default="")

        class Meta:
            database = db
            table_name = "audit_entry"
            indexes = ((("kind", "key"), False),)

    db.create_tables([AuditEntry])
    # What joins the chain gets its position and its hash, once; all else stands from the first moment.
    if isinstance(db, SqliteDatabase):
        db.execute_sql(
            "CREATE TRIGGER audit_entry_stays BEFORE DELETE ON audit_entry"
            f" BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
        )
        db.execute_sql(
            "CREATE TRIGGER audit_entry_stands BEFORE UPDATE ON audit_entry"
            " WHEN OLD.position IS NOT NULL OR NEW.body <> OLD.body OR NEW.id <> OLD.id"
            f" BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
        )
    else:
        db.execute_sql(
            "CREATE FUNCTION audit_entry_stands() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF TG_OP = 'UPDATE' AND OLD.position IS NULL AND NEW.body = OLD.body AND NEW.id = OLD.id THEN"
            " RETURN NEW; END IF;"
            f" RAISE EXCEPTION '{_REFUSED}'; END $$"
        )
        db.execute_sql(
            "CREATE TRIGGER audit_entry_stands BEFORE UPDATE OR DELETE ON audit_entry"
            " FOR EACH ROW EXECUTE FUNCTION audit_entry_stands()"
        )
        db.execute_sql(
            "CREATE TRIGGER audit_table_stays BEFORE TRUNCATE ON audit_entry EXECUTE FUNCTION audit_entry_stands()"
        )


def down(migrator, db):
    raise NotImplementedError("the audit is not thrown away")
