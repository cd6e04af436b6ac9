"""Indexes for look-ups that would read the whole ledger otherwise."""


def up(migrator, db):
    db.execute_sql("CREATE INDEX scan_event_corrects ON scan_event (corrects) WHERE corrects IS NOT NULL")
