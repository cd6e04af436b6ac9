"""Over a long ledger the accounts of a month, and the legs that boxes have gone, are summed up from an index alone."""

#: table, name and columns before, name now, columns that are added
_WIDER = (
    (
        "movement", "movement_from_holder_id_asset_type_id_booked_day", "from_holder_id, asset_type_id, booked_day",
        "movement_from_account", "owner_id, from_place_id, quantity",
    ),
    (
        "movement", "movement_to_holder_id_asset_type_id_booked_day", "to_holder_id, asset_type_id, booked_day",
        "movement_to_account", "owner_id, to_place_id, quantity",
    ),
    (
        "trip", "trip_end_end_time_partner_id_damaged", '"end", end_time, partner_id, damaged',
        "trip_legs", "out_time, arrived_time, back_time",
    ),
)  # fmt: skip


def up(migrator, db):
    for table, before, columns, now, more in _WIDER:
        db.execute_sql(f"CREATE INDEX {now} ON {table} ({columns}, {more})")
        db.execute_sql(f"DROP INDEX {before}")


def down(migrator, db):
    for table, before, columns, now, _more in _WIDER:
        db.execute_sql(f"CREATE INDEX {before} ON {table} ({columns})")
        db.execute_sql(f"DROP INDEX {now}")
