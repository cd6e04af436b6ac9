"""What is looked for within the codes of boxes and the numbers of papers is found by its threes of letters, and not by
reading all of them: by FTS5 on SQLite, by pg_trgm on PostgreSQL where the extension is there to be had."""

_WITHIN = {"asset": "code", "issued_document": "number"}


def _sqlite(db, table, column):
    name = f"within_{table}"
    db.execute_sql(
        f"CREATE VIRTUAL TABLE {name} USING fts5({column}, content='{table}', content_rowid='id', tokenize='trigram', "
        "detail='none')"
    )
    db.execute_sql(f"INSERT INTO {name} ({name}) VALUES ('rebuild')")  # noqa: S608
    new = f"INSERT INTO {name} (rowid, {column}) VALUES (new.id, new.{column});"  # noqa: S608
    old = f"INSERT INTO {name} ({name}, rowid, {column}) VALUES ('delete', old.id, old.{column});"  # noqa: S608
    db.execute_sql(f"CREATE TRIGGER {name}_new AFTER INSERT ON {table} BEGIN {new} END")
    db.execute_sql(f"CREATE TRIGGER {name}_gone AFTER DELETE ON {table} BEGIN {old} END")
    db.execute_sql(
        f"CREATE TRIGGER {name}_changed AFTER UPDATE OF {column} ON {table} "
        f"WHEN old.{column} <> new.{column} BEGIN {old} {new} END"
    )


def up(migrator, db):
    if db.param == "?":
        for table, column in _WITHIN.items():
            _sqlite(db, table, column)
        return
    # The owner of a database may have the extension (it is a trusted one) where the server has its files.
    had = "SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'"
    to_be_had = (
        "SELECT 1 FROM pg_available_extension_versions WHERE name = 'pg_trgm' AND trusted "
        "AND has_database_privilege(current_database(), 'CREATE')"
    )
    if not db.execute_sql(had).fetchone():
        if not db.execute_sql(to_be_had).fetchone():
            return
        db.execute_sql("CREATE EXTENSION pg_trgm")
    for table, column in _WITHIN.items():
        db.execute_sql(f"CREATE INDEX within_{table} ON {table} USING gin ({column} gin_trgm_ops)")


def down(migrator, db):
    for table in _WITHIN:
        if db.param == "?":
            for trigger in ("new", "gone", "changed"):
                db.execute_sql(f"DROP TRIGGER within_{table}_{trigger}")
            db.execute_sql(f"DROP TABLE within_{table}")
        else:
            db.execute_sql(f"DROP INDEX IF EXISTS within_{table}")
