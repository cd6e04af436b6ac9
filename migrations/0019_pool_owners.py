"""Each of our companies has counted pools, and closes accounts, of its own. What was there keeps the owner it has had:
of a pool whoever the place is of, at a partner our first company; of a closed account who had told it."""

from peewee import DateField, ForeignKeyField, Model

_FIRST = "(SELECT MIN(id) FROM party WHERE own)"
_OF_PLACE = (
    "(SELECT party.id FROM place JOIN party ON party.id = place.party_id WHERE place.id = scan_event.place_id AND own)"
)


def _replace_closings(db, rows, owned):
    """Few rows: one for each partner that was ever sent a statement."""
    db.execute_sql("DROP TABLE account_closing")

    def known(name):
        return type(name.title(), (Model,), {"Meta": type("Meta", (), {"database": db, "table_name": name})})

    party = known("party")

    def reference(**more):
        return ForeignKeyField(party, field=party.id, on_delete="RESTRICT", **more)

    class AccountClosing(Model):
        if owned:
            owner = reference(index=False)
        partner = reference(unique=not owned, backref="closed_by")
        closed_until = DateField()

        class Meta:
            database = db
            table_name = "account_closing"
            indexes = ((("owner", "partner"), True),) if owned else ()

    db.create_tables([AccountClosing], safe=False)
    names = ("owner", "partner", "closed_until") if owned else ("partner", "closed_until")
    for row in rows:
        AccountClosing.insert(dict(zip(names, row, strict=True))).execute()


def up(migrator, db):
    db.execute_sql("ALTER TABLE scan_event ADD COLUMN owner_id INTEGER REFERENCES party (id) ON DELETE RESTRICT")
    db.execute_sql(
        f"UPDATE scan_event SET owner_id = COALESCE({_OF_PLACE}, CASE WHEN refused = '' THEN {_FIRST} END) "  # noqa: S608
        "WHERE asset_type_id IS NOT NULL AND type <> 'void'"
    )
    # A declaration that an event was wrong is about the boxes of that event.
    db.execute_sql(
        "UPDATE scan_event SET owner_id = (SELECT wrong.owner_id FROM scan_event AS wrong "
        "WHERE wrong.event_id = scan_event.voids) WHERE asset_type_id IS NOT NULL AND type = 'void'"
    )
    db.execute_sql(
        "CREATE INDEX scan_event_owner_id_event_time ON scan_event (owner_id, event_time) WHERE owner_id IS NOT NULL"
    )
    # Whoever issued a statement closed the account; declared void or not.
    told = db.execute_sql(
        "SELECT issued_document.seller_id, statement.partner_id, MAX(statement.last_day) FROM statement "
        "JOIN issued_document ON issued_document.id = statement.document_id "
        "JOIN account_closing ON account_closing.partner_id = statement.partner_id "
        "GROUP BY issued_document.seller_id, statement.partner_id"
    ).fetchall()
    by_nobody = db.execute_sql(
        f"SELECT {_FIRST}, partner_id, closed_until FROM account_closing "  # noqa: S608
        "WHERE partner_id NOT IN (SELECT partner_id FROM statement)"
    ).fetchall()
    _replace_closings(db, [*told, *by_nobody], owned=True)


def down(migrator, db):
    rows = db.execute_sql("SELECT partner_id, MAX(closed_until) FROM account_closing GROUP BY partner_id").fetchall()
    _replace_closings(db, rows, owned=False)
    db.execute_sql("DROP INDEX scan_event_owner_id_event_time")
    db.execute_sql("ALTER TABLE scan_event DROP COLUMN owner_id")
