"""What a form that makes something was answered, so that the same form sent again makes nothing twice; and a note of where
the audit ends, so that lines cut off at its end are missed."""

from peewee import CharField, Model, TextField

from database import Instant


def up(migrator, db):
    class FormAnswer(Model):
        key = CharField(max_length=64, unique=True)
        body_sha256 = CharField(max_length=64)
        location = TextField()
        created_time = Instant(index=True)

        class Meta:
            database = db
            table_name = "form_answer"

    db.create_tables([FormAnswer], safe=False)
    db.execute_sql(
        "INSERT INTO installation_note (name, value) SELECT 'audit end', CAST(position AS TEXT) || ' ' || hash "
        "FROM audit_entry WHERE position = (SELECT MAX(position) FROM audit_entry)"
    )


def down(migrator, db):
    db.execute_sql("DELETE FROM installation_note WHERE name = 'audit end'")
    db.execute_sql("DROP TABLE form_answer")
