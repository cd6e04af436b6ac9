"""Boxes that left under a customs clock: the declarations, their boxes, extensions, and the rules of a firm's own.

A box has two states here that are never merged: physically back, which scans tell (`assets`), and back for customs,
which only a declaration tells (`DeclaredBox.closing`).
"""

from peewee import BooleanField, CharField, Check, DateField, ForeignKeyField, IntegerField, TextField

from accounts.models import User
from assets.models import Asset
from database import Instant, Row
from docs_gen.models import IssuedDocument
from shipments.models import Shipment


class CustomsDeclaration(Row):
    """A declaration as the customs office gave it its number: boxes go out for a time, or come back."""

    direction = CharField(4)  # out: the clock begins; back: it ends for the boxes that it names
    number = CharField(32)
    item = CharField(8, default="")  # line of the declaration; '' all of it
    regime = CharField(32)  # 2600 in China; elsewhere in words
    country = CharField(2)  # whose customs: ISO 3166-1 alpha-2, or EU
    office = CharField(64, default="")
    destination = CharField(2, default="")  # where the boxes go; back: where they come from
    declared_day = DateField()
    exit_day = DateField(null=True)  # day over the border; None: not told yet, the clock stands
    months = IntegerField(null=True)  # within which the boxes are to be back; None: nobody has said
    due_day = DateField(null=True)  # by exit_day, months and the extensions
    counts_from = Instant()  # beginning of exit_day (of declared_day before it is known) at our home place
    shipment = ForeignKeyField(Shipment, null=True, on_delete="RESTRICT", backref="customs_declarations")
    document = ForeignKeyField(IssuedDocument, null=True, on_delete="RESTRICT", backref="customs_declarations")
    transport_document_no = CharField(32, default="")  # B/L, AWB, consignment note
    freight_container_no = CharField(32, default="")
    seal_no = CharField(32, default="")
    note = TextField(default="")
    closed_day = DateField(null=True)  # out: when its last box was closed; None while one is open
    created_time = Instant()
    changed_time = Instant()
    changed_by = ForeignKeyField(User, null=True, on_delete="SET NULL", backref="customs_declarations")

    class Meta:
        named = ("number",)
        indexes = (
            (("country", "direction", "number", "item"), True),
            (("direction", "closed_day", "due_day"), False),
        )
        constraints = [
            Check("direction IN ('out', 'back')"),
            Check("months IS NULL OR months > 0"),
        ]


class CustomsExtension(Row):
    """More time, as the customs office granted it."""

    declaration = ForeignKeyField(CustomsDeclaration, on_delete="RESTRICT", backref="extensions")
    number = CharField(32)
    applied_day = DateField()  # after the day that was due before: it came too late, and the pages say so
    until = DateField()
    recorded_time = Instant()
    recorded_by = ForeignKeyField(User, null=True, on_delete="SET NULL", backref="customs_extensions")

    class Meta:
        named = ("declaration", "number")
        indexes = ((("declaration", "number"), True),)


class DeclaredBox(Row):
    """One box on a declaration out, and how customs was told what became of it."""

    declaration = ForeignKeyField(CustomsDeclaration, on_delete="RESTRICT", backref="boxes")
    asset = ForeignKeyField(Asset, on_delete="RESTRICT", backref="customs_clocks")
    closing = CharField(10, default="")  # '' open, back, paid (duty), destroyed (under supervision)
    back = ForeignKeyField(CustomsDeclaration, null=True, on_delete="RESTRICT", backref="boxes_back")
    closed_day = DateField(null=True)
    reference = CharField(64, default="")  # of the duty payment, of the record of the destruction
    settled = BooleanField(default=False)  # declared back, and a scan has seen it back: nobody need look again
    added_time = Instant()  # when it was put on our list of the declaration
    log = TextField(default="")  # what was taken back, a line each: day, person, what, why

    class Meta:
        named = ("declaration", "asset")
        indexes = ((("declaration", "asset"), True), (("asset", "closing"), False))
        constraints = [
            Check("closing IN ('', 'back', 'paid', 'destroyed')"),
            Check("(closing = 'back') = (back_id IS NOT NULL)"),
            Check("(closing = '') = (closed_day IS NULL)"),
        ]


# Closed boxes pile up for years; what the alerts ask for is open or not settled.
DeclaredBox.add_index(
    DeclaredBox.index(DeclaredBox.declaration, name="declared_box_open").where(DeclaredBox.closing == "")
)
DeclaredBox.add_index(
    DeclaredBox.index(DeclaredBox.asset, name="declared_box_unsettled").where(
        (DeclaredBox.closing == "back") & ~DeclaredBox.settled
    )
)


class ClockRule(Row):
    """A line of our own: how long boxes may stay abroad. It goes before the lines of customs/data/clocks.csv."""

    country = CharField(2)
    regime = CharField(32)
    destination = CharField(2, default="")  # '' any
    months = IntegerField()
    extensions = IntegerField(default=0)  # how often it may be extended
    extension_months = IntegerField(default=0)  # each time
    source = CharField(255)
    read_day = DateField()  # when somebody read the source
    verified_by = CharField(64, default="")  # who has checked it with the broker or the office; '' nobody
    note = CharField(255, default="")
    changed_time = Instant()

    class Meta:
        named = ("country", "regime")
        indexes = ((("country", "regime", "destination"), True),)
        constraints = [Check("months > 0"), Check("extensions >= 0"), Check("extension_months >= 0")]
