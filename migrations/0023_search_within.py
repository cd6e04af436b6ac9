"""What is looked for within the codes of boxes and the numbers of papers is found by its threes of letters, and not by
reading all of them: by FTS5 on SQLite, by pg_trgm on PostgreSQL where the extension is there to be had."""

from peewee import DatabaseError, ProgrammingError

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
    schema = _trigrams(db)
    for table, column in _WITHIN.items() if schema else ():
        try:
            with db.atomic():
                db.execute_sql(f'CREATE INDEX within_{table} ON {table} USING gin ({column} "{schema}".gin_trgm_ops)')
        except ProgrammingError:  # a schema that is not open to us
            return


def _trigrams(db):
    """The schema in which pg_trgm is, which need not be on the search path; '' where it is not to be had. The owner of a
    database may have it (it is a trusted one) where the server has its files, if whoever runs the server lets him."""
    had = "SELECT nspname FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'pg_trgm'"
    to_be_had = (
        "SELECT 1 FROM pg_available_extension_versions WHERE name = 'pg_trgm' AND trusted "
        "AND has_database_privilege(current_database(), 'CREATE')"
    )
    if not db.execute_sql(had).fetchone() and db.execute_sql(to_be_had).fetchone():
        try:
            with db.atomic():
                db.execute_sql("CREATE EXTENSION pg_trgm")
        except DatabaseError:  # each provider has words of his own for it
            return ""
    found = db.execute_sql(had).fetchone()
    return found[0].replace('"', '""') if found else ""


def down(migrator, db):
    for table in _WITHIN:
        if db.param == "?":
            for trigger in ("new", "gone", "changed"):
                db.execute_sql(f"DROP TRIGGER within_{table}_{trigger}")
            db.execute_sql(f"DROP TABLE within_{table}")
        else:
            db.execute_sql(f"DROP INDEX IF EXISTS within_{table}")
