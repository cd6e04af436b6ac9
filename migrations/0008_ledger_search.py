"""Events are found by the document that came with them and by the event in whose place they stand."""


def up(migrator, db):
    for name, columns, condition in (("scan_event_document", "document", "document <> ''"),):
        db.execute_sql(f"CREATE INDEX {name} ON scan_event ({columns}) WHERE {condition}")
