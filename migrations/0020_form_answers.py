"""What a form that makes something was answered, so that the same form sent again makes nothing twice."""

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


def down(migrator, db):
    db.execute_sql("DROP TABLE form_answer")
