"""Events are found by the number of the document that came with them."""


def up(migrator, db):
    db.execute_sql("CREATE INDEX scan_event_document ON scan_event (document) WHERE document <> ''")
