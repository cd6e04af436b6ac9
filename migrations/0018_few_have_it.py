"""Indexes of the ledger over what few events have hold these few: every scan wrote an empty place into each."""

_COLUMNS = {
    "scan_event_party_id": ("INDEX", "party_id", "party_id"),
    "scan_event_shipment_id_type": ("INDEX", "shipment_id, type", "shipment_id"),
    "scan_event_voids": ("UNIQUE INDEX", "voids", "voids"),
}


def up(migrator, db):
    for name, (kind, columns, has) in _COLUMNS.items():
        db.execute_sql(f"DROP INDEX {name}")
        db.execute_sql(f"CREATE {kind} {name} ON scan_event ({columns}) WHERE {has} IS NOT NULL")


def down(migrator, db):
    for name, (kind, columns, _) in _COLUMNS.items():
        db.execute_sql(f"DROP INDEX {name}")
        db.execute_sql(f"CREATE {kind} {name} ON scan_event ({columns})")
