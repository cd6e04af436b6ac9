"""With which scan a picture came: whoever may not see the scan does not see its picture."""


def up(migrator, db):
    db.execute_sql("CREATE INDEX scan_event_photo ON scan_event (photo) WHERE photo <> ''")


def down(migrator, db):
    db.execute_sql("DROP INDEX scan_event_photo")
