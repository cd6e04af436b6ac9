"""A set of papers is issued by a background job like all others: what is left of its own row is what was wanted and what
became of it. A set that is not done yet gets a job, which the next worker that looks brings up."""

import json

_INDEXES = {
    "paperjob_shipment_id": "paperset_shipment_id",
    "paperjob_created_by_id": "paperset_created_by_id",
}


def _rename(db, old, new, table):
    db.execute_sql(f"DROP INDEX {old}")
    db.execute_sql(f"CREATE INDEX {new} ON {table} ({new.partition('_')[2]})")


def up(migrator, db):
    db.execute_sql("ALTER TABLE paper_job ADD COLUMN job_id INTEGER REFERENCES job (id) ON DELETE SET NULL")
    left = db.execute_sql(
        "SELECT paper_job.id, shipment.number, shipment.consignor_id, paper_job.created_by_id, paper_job.created_time, "
        "paper_job.done FROM paper_job JOIN shipment ON shipment.id = paper_job.shipment_id "
        "WHERE paper_job.state <> 'done' ORDER BY paper_job.id"
    ).fetchall()
    mark = db.param
    for id_, number, seller, by, created, done in left:
        row = {
            "kind": "issue_set", "args": json.dumps({"set": id_}), "key": f"set {id_}", "about": number,
            "state": "waiting", "done": done, "total": 0, "runs": 0, "attempts": 0, "stop_asked": False,
            "due_time": created, "error": "", "result": "[]", "file_sha256": "", "file_name": "", "entity_id": seller,
            "asked_by_id": by, "created_time": created,
        }  # fmt: skip
        marks = ", ".join([mark] * len(row))
        db.execute_sql(f"INSERT INTO job ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))  # noqa: S608
        db.execute_sql(
            f"UPDATE paper_job SET job_id = (SELECT id FROM job WHERE key = {mark}) WHERE id = {mark}",  # noqa: S608
            (f"set {id_}", id_),
        )
    db.execute_sql("DROP INDEX paperjob_state_id")
    for column in ("kind", "done", "state", "lease_until"):
        db.execute_sql(f"ALTER TABLE paper_job DROP COLUMN {column}")
    db.execute_sql("ALTER TABLE paper_job RENAME TO paper_set")
    for old, new in _INDEXES.items():
        _rename(db, old, new, "paper_set")
    db.execute_sql("CREATE INDEX paperset_job_id ON paper_set (job_id)")


def down(migrator, db):
    db.execute_sql("DROP INDEX paperset_job_id")
    for old, new in _INDEXES.items():
        _rename(db, new, old, "paper_set")
    db.execute_sql("ALTER TABLE paper_set RENAME TO paper_job")
    db.execute_sql("ALTER TABLE paper_job ADD COLUMN kind VARCHAR(12) NOT NULL DEFAULT 'issue'")
    db.execute_sql("ALTER TABLE paper_job ADD COLUMN done INTEGER NOT NULL DEFAULT 0")
    db.execute_sql("ALTER TABLE paper_job ADD COLUMN state VARCHAR(10) NOT NULL DEFAULT 'done'")
    db.execute_sql("ALTER TABLE paper_job ADD COLUMN lease_until VARCHAR(32)")
    db.execute_sql("ALTER TABLE paper_job DROP COLUMN job_id")
    db.execute_sql("CREATE INDEX paperjob_state_id ON paper_job (state, id)")
