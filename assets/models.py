"""Returnable assets and the events that scans report of them.

ScanEvent is the truth and is only ever added to. The state columns of Asset are what `state.replay` makes of the
events; they are kept so that lists and balances need not replay.
"""

from peewee import BooleanField, CharField, Check, ForeignKeyField, IntegerField, TextField

from accounts.models import User
from database import Instant, Row
from master_data.models import AssetType, Party, Place
from shipments.models import Shipment


class Asset(Row):
    """One returnable asset with a code of its own.

    State is three axes (where, condition, life); `assets.state.shown()` makes one word of them for the pages.
    """

    code = CharField(24, unique=True)  # the human-readable code on the plate, capitals: KLT-000123-7
    grai = CharField(30, null=True, unique=True)  # 14 digits + serial when the type has a GS1 company prefix
    asset_type = ForeignKeyField(AssetType, on_delete="RESTRICT", backref="assets")
    owner = ForeignKeyField(Party, on_delete="RESTRICT", backref="owned_assets")
    return_place = ForeignKeyField(Place, null=True, on_delete="RESTRICT", backref="assets_to_return")
    created_time = Instant()
    # state, made by replay
    life = CharField(8, default="none")  # none, active, lost, gone
    where = CharField(8, default="nowhere", column_name="where_")  # nowhere, here, out, there, back
    condition = CharField(10, default="good")  # good, unchecked, damaged, in_repair
    holder = ForeignKeyField(Party, null=True, on_delete="RESTRICT", backref="held_assets")  # who answers for it
    place = ForeignKeyField(Place, null=True, on_delete="RESTRICT", backref="assets_here")  # where it was seen last
    shipment = ForeignKeyField(Shipment, null=True, on_delete="RESTRICT", backref="assets_out")  # of the open trip
    out_since = Instant(null=True)  # event_time of the dispatch of the open trip
    home_since = Instant(null=True)  # event_time of the last return
    last_event_time = Instant(null=True)
    event_count = IntegerField(default=0)  # events that count, for the check of replay against columns

    class Meta:
        indexes = (
            (("asset_type", "life", "where"), False),
            (("holder", "asset_type"), False),
            (("life", "out_since"), False),
        )
        constraints = [
            Check("life IN ('none', 'active', 'lost', 'gone')"),
            Check("where_ IN ('nowhere', 'here', 'out', 'there', 'back')"),
            Check("condition IN ('good', 'unchecked', 'damaged', 'in_repair')"),
        ]


class ScanEvent(Row):
    """One scan as it was reported; never changed, never deleted. A correction is a later event that voids it."""

    event_id = CharField(36, unique=True)  # UUID made by the device when the trigger is pulled
    type = CharField(16)  # a code of assets.event_types, or 'void'
    asset = ForeignKeyField(Asset, null=True, on_delete="RESTRICT", backref="events")
    scanned_text = CharField(512)  # raw, as it was read
    shipment = ForeignKeyField(Shipment, null=True, on_delete="RESTRICT", backref="scans")
    place = ForeignKeyField(Place, null=True, on_delete="RESTRICT", backref="scans")  # the read point
    party = ForeignKeyField(Party, null=True, on_delete="RESTRICT", backref="scans")  # to whom, from whom
    event_time = Instant()  # when it happened, by the device
    event_zone = IntegerField(default=0)  # minutes east of UTC at the device
    record_time = Instant()  # when we stored it
    device = CharField(64, default="")
    happened = BooleanField(default=False)  # made offline or after the fact: recorded even against the rules
    refused = CharField(24, default="")  # reason; a refused scan is kept but never folded into the state
    exception = CharField(64, default="")  # rules it broke though it was taken, space-separated
    warnings = CharField(128, default="")  # what the reader of the label text remarked, space-separated
    voids = CharField(36, null=True, unique=True)  # event_id of the event that this one declares wrong
    reason = TextField(default="")  # why void, damaged, lost …
    body_sha256 = CharField(64)  # of the request: the same id with another body is a conflict
    user = ForeignKeyField(User, null=True, on_delete="SET NULL")

    class Meta:
        indexes = (
            (("asset", "event_time", "record_time"), False),
            (("shipment", "type"), False),
            (("refused", "record_time"), False),
            (("record_time",), False),
        )
