"""Indexes for look-ups that would read the whole ledger otherwise; and without those that others begin with."""

#: what the first columns of another index are
_REPEATED = (
    "scan_event_asset_id", "scan_event_shipment_id", "asset_asset_type_id", "asset_holder_id", "asset_place_id",
    "exceptioncase_asset_id",
)  # fmt: skip


def up(migrator, db):
    for name in (
        *_REPEATED, "asset_life_due_day", "asset_life_seen_time", "exceptioncase_state_opened_time",
        "scan_event_refused_record_time",
    ):  # fmt: skip
        db.execute_sql(f"DROP INDEX {name}")
    for name, table, columns in (
        ("asset_life_seen_time_holder_id_asset_type_id", "asset", "life, seen_time, holder_id, asset_type_id"),
        ("exceptioncase_state_opened_time_code", "exception_case", "state, opened_time, code"),
        ("trip_end_end_time_partner_id_damaged", "trip", '"end", end_time, partner_id, damaged'),
    ):
        db.execute_sql(f"CREATE INDEX {name} ON {table} ({columns})")
    for name, table, columns, condition in (
        ("asset_overdue", "asset", "life, due_day, return_place_id, holder_id, asset_type_id", "due_day IS NOT NULL"),
        ("scan_event_refused_record_time", "scan_event", "refused, record_time", "refused <> ''"),
        ("scan_event_corrects", "scan_event", "corrects", "corrects IS NOT NULL"),
    ):
        db.execute_sql(f"CREATE INDEX {name} ON {table} ({columns}) WHERE {condition}")
