"""Issued papers and their number series."""

from peewee import BooleanField, CharField, Check, DateField, ForeignKeyField, IntegerField, TextField

from accounts.models import User
from database import Instant, Row
from master_data.models import Party
from shipments.models import Shipment


class NumberSeries(Row):
    """The last number given, for each seller, kind of paper and year. Numbers have no gaps."""

    seller = ForeignKeyField(Party, on_delete="RESTRICT")
    prefix = CharField(8)  # CI, PL, CD
    year = IntegerField()
    last = IntegerField(default=0)

    class Meta:
        indexes = ((("seller", "prefix", "year"), True),)


class IssuedDocument(Row):
    """A paper that has its number. Its facts never change; its file follows from them."""

    shipment = ForeignKeyField(Shipment, on_delete="RESTRICT", backref="documents")
    seller = ForeignKeyField(Party, on_delete="RESTRICT")
    type = CharField(32)  # a code of docs_gen.document_types
    number = CharField(24)
    issue_date = DateField()
    state = CharField(10, default="numbered")  # numbered: has facts but no file yet; issued; replaced
    failed = BooleanField(default=False)  # numbered, and its rendering ended without a file: nobody is at it
    facts = TextField()  # JSON, what the paper says
    engine = CharField(64, default="")  # versions that rendered it
    sha256 = CharField(64, default="")
    size = IntegerField(default=0)  # bytes
    pages = IntegerField(default=0)
    replaces = ForeignKeyField("self", null=True, unique=True, on_delete="RESTRICT")
    issued_time = Instant()
    issued_by = ForeignKeyField(User, null=True, on_delete="SET NULL")

    class Meta:
        indexes = ((("seller", "number"), True), (("shipment", "type"), False), (("issued_time",), False))
        constraints = [
            Check("state IN ('numbered', 'issued', 'replaced')"),
            Check("state = 'numbered' OR length(sha256) = 64"),
        ]
