"""Lists that show the newest first find it without reading everything, a paper is found by its number, and unfinished
papers by an index of their own."""

_INDEXES = {
    "movement_booked_day": "movement (booked_day)",
    "trip_out_time": "trip (out_time)",
    "issued_document_issue_date": "issued_document (issue_date)",
    "issued_document_number": "issued_document (number)",
    "exception_case_opened_time": "exception_case (opened_time)",
    "issued_document_numbered": "issued_document (issued_time) WHERE state = 'numbered'",
}


def up(migrator, db):
    for name, on in _INDEXES.items():
        db.execute_sql(f"CREATE INDEX {name} ON {on}")


def down(migrator, db):
    for name in _INDEXES:
        db.execute_sql(f"DROP INDEX {name}")
