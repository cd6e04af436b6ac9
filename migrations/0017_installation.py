"""What all hosts of one installation share and no table of the business holds: which keys they use, the last backup."""

from peewee import CharField, Model, TextField


def up(migrator, db):
    class InstallationNote(Model):
        name = CharField(max_length=40, unique=True)
        value = TextField()

        class Meta:
            database = db
            table_name = "installation_note"

    db.create_tables([InstallationNote])


def down(migrator, db):
    db.execute_sql("DROP TABLE installation_note")
