"""The ledger of returnable assets: boxes with a code of their own, counted pools, and the events that scans report.

ScanEvent is the truth and is only ever added to. The state columns of Asset, StockLevel and Trip are what a replay
makes of the events; they are kept so that no page has to sum up or replay the past. Movement is the account book: also
only ever added to, so that what a partner has confirmed does not change under his hands.
"""

from peewee import BigIntegerField, BooleanField, CharField, Check, DateField, ForeignKeyField, IntegerField, TextField

from accounts.models import ApiToken, User
from database import Exact, Instant, Row
from master_data.models import AssetType, Party, Place
from shipments.models import Shipment


class Asset(Row):
    """One returnable asset with a code of its own.

    State is three axes (where, condition, life); `assets.state.shown()` makes one word of them for the pages.
    """

    code = CharField(24, unique=True)  # the human-readable code on the plate, capitals: KLT-000123-7
    grai = CharField(30, null=True, unique=True)  # 14 digits + serial when the type has a GS1 company prefix
    asset_type = ForeignKeyField(AssetType, index=False, on_delete="RESTRICT", backref="assets")
    owner = ForeignKeyField(Party, on_delete="RESTRICT", backref="owned_assets")
    return_place = ForeignKeyField(Place, null=True, on_delete="RESTRICT", backref="assets_to_return")
    created_time = Instant()
    # state, made by replay
    life = CharField(8, default="none")  # none, active, lost, gone
    where = CharField(8, default="nowhere", column_name="where_")  # nowhere, here, moving, out, there, back
    condition = CharField(10, default="good")  # good, unchecked, damaged, in_repair
    dirty = BooleanField(default=False)
    holder = ForeignKeyField(
        Party, null=True, index=False, on_delete="RESTRICT", backref="held_assets"
    )  # who answers for it
    place = ForeignKeyField(
        Place, null=True, index=False, on_delete="RESTRICT", backref="assets_here"
    )  # where it was seen last
    shipment = ForeignKeyField(Shipment, null=True, on_delete="RESTRICT", backref="assets_out")  # of the open trip
    out_since = Instant(null=True)  # event_time of the dispatch of the open trip
    home_since = Instant(null=True)  # event_time of the last return
    seen_time = Instant(null=True)  # event_time at which somebody had it before his eyes for the last time
    parent = CharField(40, default="")  # the load that it travels in: code of an asset, or (00) and an SSCC
    due_day = DateField(null=True)  # last agreed day of the open trip, by the calendar of the return place
    last_event_time = Instant(null=True)
    event_count = IntegerField(default=0)  # events that count, for the check of replay against columns

    class Meta:
        named = ("code",)
        unwatched = (  # follows from the scans
            "life", "where", "condition", "dirty", "holder", "place", "shipment", "out_since", "home_since",
            "seen_time", "parent", "due_day", "last_event_time", "event_count",
        )  # fmt: skip
        indexes = (
            (("asset_type", "life", "where"), False),
            (("holder", "asset_type"), False),
            (("life", "seen_time", "holder", "asset_type"), False),
            (("place", "where"), False),
            (("parent",), False),
        )
        constraints = [
            Check("life IN ('none', 'active', 'lost', 'gone')"),
            Check("where_ IN ('nowhere', 'here', 'moving', 'out', 'there', 'back')"),
            Check("condition IN ('good', 'unchecked', 'damaged', 'in_repair')"),
        ]


# With all that balances.overdue() asks, so that it need not look at the boxes.
Asset.add_index(
    Asset.index(
        Asset.life, Asset.due_day, Asset.return_place, Asset.holder, Asset.asset_type, name="asset_overdue"
    ).where(Asset.due_day.is_null(False))
)


class Device(Row):
    """A handheld, phone or browser that scans with a token of its own, which a person registered and may revoke.

    What it last said of itself, and which of its scans have not come yet.
    """

    name = CharField(64)  # as it is written on the device; unique among those that are not revoked
    token = ForeignKeyField(ApiToken, unique=True, on_delete="RESTRICT", backref="devices")  # says whose it is too
    place = ForeignKeyField(Place, null=True, on_delete="SET NULL", backref="devices")  # where it scans
    created_time = Instant()
    sync_time = Instant(null=True)  # when it last sent scans
    unsent = IntegerField(null=True)  # what it still had then, by itself
    app_version = CharField(32, default="")
    clock_offset_ms = BigIntegerField(null=True)  # our clock less its clock, at the last sync
    last_sequence = IntegerField(default=0)  # the highest that came
    last_event_time = Instant(null=True)  # of that scan
    gaps = TextField(default="[]")  # JSON: [first, last] of sequences below it that have not come
    revoked_time = Instant(null=True)
    revoked_by = ForeignKeyField(User, null=True, index=False, on_delete="SET NULL", backref="revoked_devices")

    class Meta:
        named = ("name",)
        unwatched = (  # told with every upload
            "sync_time", "unsent", "app_version", "clock_offset_ms", "last_sequence", "last_event_time", "gaps",
        )  # fmt: skip


Device.add_index(Device.index(Device.name, unique=True).where(Device.revoked_time.is_null()))


class ScanBatch(Row):
    """What a batch of scans was answered, so that the same batch sent again is answered with the very same words."""

    key = CharField(64, unique=True)  # SHA-256 of who sends and of the Idempotency-Key
    body_sha256 = CharField(64)  # of who sent what
    status = IntegerField()
    answer = TextField()  # JSON
    created_time = Instant(index=True)

    class Meta:
        watched = False


class ScanSession(Row):
    """One piece of work of a scanning person: loading a shipment, a return, a count; can change hands while open."""

    uuid = CharField(36, unique=True)  # made by the device
    kind = CharField(12)
    place = ForeignKeyField(Place, null=True, on_delete="RESTRICT", backref="sessions")
    shipment = ForeignKeyField(Shipment, null=True, on_delete="RESTRICT", backref="sessions")
    party = ForeignKeyField(Party, null=True, on_delete="RESTRICT", backref="sessions")
    destination = ForeignKeyField(Place, null=True, on_delete="RESTRICT", backref="sessions_to")
    device = ForeignKeyField(Device, null=True, on_delete="RESTRICT", backref="sessions")  # who has it in hand
    user = ForeignKeyField(User, null=True, on_delete="SET NULL", backref="sessions")
    started_time = Instant()  # by the device
    state = CharField(8, default="open")  # open, finished
    version = IntegerField(default=1)  # one more with each change
    changed_time = Instant()
    finished_time = Instant(null=True)
    finished_by = CharField(64, default="")  # name, as it was typed
    signature = CharField(64, default="")  # SHA-256 of a kept picture
    difference_reason = TextField(default="")
    seen = TextField(default="[]")  # JSON: codes in the order of the scans, for who takes it over
    expected = TextField(default="{}")  # JSON, of a count: code of a box that stood here at the start → its type
    result = TextField(default="")  # JSON, of a finished count: what was missing, surplus, moved

    class Meta:
        watched = False
        indexes = ((("state", "place"), False),)
        constraints = [
            Check("kind IN ('dispatch', 'return', 'receive', 'stock_take', 'inspect', 'transfer')"),
            Check("state IN ('open', 'finished')"),
        ]


class ScanEvent(Row):
    """One scan as it was reported; never changed, never deleted. A correction is a later event that voids it.

    Of a counted pool it has no asset but a type and a quantity. A load that was scanned is one event, and one more for
    each box in it, which says by `via` that nobody scanned the box itself.
    """

    event_id = CharField(36, unique=True)  # UUID made by the device when the trigger is pulled
    type = CharField(16)  # a code of assets.event_types, or 'void'
    asset = ForeignKeyField(Asset, null=True, index=False, on_delete="RESTRICT", backref="events")
    scanned_text = CharField(512)  # raw, as it was read
    shipment = ForeignKeyField(Shipment, null=True, index=False, on_delete="RESTRICT", backref="scans")
    place = ForeignKeyField(Place, null=True, on_delete="RESTRICT", backref="scans")  # the read point
    party = ForeignKeyField(Party, null=True, index=False, on_delete="RESTRICT", backref="scans")  # to whom, from whom
    destination = ForeignKeyField(
        Place, null=True, index=False, on_delete="RESTRICT", backref="transfers_to"
    )  # of a transfer
    asset_type = ForeignKeyField(
        AssetType, null=True, index=False, on_delete="RESTRICT", backref="scans"
    )  # of a counted pool
    quantity = IntegerField(default=0)  # pieces of a counted pool
    owner = ForeignKeyField(
        Party, null=True, index=False, on_delete="RESTRICT", backref="pool_scans"
    )  # whose boxes of a counted pool they are; None: it counts nothing, or it is not known whose
    difference = IntegerField(null=True)  # of a count of a pool: what was counted less what stood in the books
    parent = CharField(40, default="")  # load: what it was packed into, or what was scanned in its place
    via = CharField(36, default="")  # event_id of the scan of the load by which this box moved too
    corrects = CharField(36, null=True)  # event_id of the event in whose place this one stands
    document = CharField(64, default="")  # number of the delivery note, pallet note
    photo = CharField(64, default="")  # SHA-256 of a kept picture
    event_time = Instant()  # when it happened, by the device, its clock corrected
    device_time = Instant(null=True)  # the same as the device said it; None: it is event_time
    event_zone = IntegerField(default=0)  # minutes east of UTC at the device
    record_time = Instant()  # when we stored it
    device = CharField(64, default="")
    sender = ForeignKeyField(
        Device, null=True, index=False, on_delete="RESTRICT", backref="scans"
    )  # whose token it was
    sequence = IntegerField(null=True)  # count of the scans of that device
    session = CharField(36, default="")  # uuid of the ScanSession
    happened = BooleanField(default=False)  # made offline or after the fact: recorded even against the rules
    refused = CharField(24, default="")  # reason; a refused scan is kept but never folded into the state
    exception = CharField(64, default="")  # rules it broke though it was taken, space-separated
    warnings = CharField(128, default="")  # what the reader of the label text remarked, space-separated
    voids = CharField(36, null=True)  # event_id of the event that this one declares wrong
    reason = TextField(default="")  # why void, damaged, lost …
    body_sha256 = CharField(64)  # of the request: the same id with another body is a conflict
    user = ForeignKeyField(User, null=True, on_delete="SET NULL")

    class Meta:
        watched = False
        indexes = (
            (("asset", "event_time", "record_time"), False),
            (("record_time",), False),
        )


# Few events have these; an index over all of them would be as long as the ledger, and written with every scan.
ScanEvent.add_index(ScanEvent.index(ScanEvent.party).where(ScanEvent.party.is_null(False)))
ScanEvent.add_index(ScanEvent.index(ScanEvent.shipment, ScanEvent.type).where(ScanEvent.shipment.is_null(False)))
ScanEvent.add_index(ScanEvent.index(ScanEvent.voids, unique=True).where(ScanEvent.voids.is_null(False)))
ScanEvent.add_index(
    ScanEvent.index(ScanEvent.asset_type, ScanEvent.event_time).where(ScanEvent.asset_type.is_null(False))
)
ScanEvent.add_index(ScanEvent.index(ScanEvent.owner, ScanEvent.event_time).where(ScanEvent.owner.is_null(False)))
# Not for its length alone: SQLite knows no statistics and would take `refused = ''` for a way to find few events.
ScanEvent.add_index(ScanEvent.index(ScanEvent.refused, ScanEvent.record_time).where(ScanEvent.refused != ""))
ScanEvent.add_index(ScanEvent.index(ScanEvent.sender, ScanEvent.sequence).where(ScanEvent.sender.is_null(False)))
ScanEvent.add_index(ScanEvent.index(ScanEvent.session).where(ScanEvent.session != ""))
ScanEvent.add_index(ScanEvent.index(ScanEvent.via).where(ScanEvent.via != ""))
ScanEvent.add_index(ScanEvent.index(ScanEvent.corrects).where(ScanEvent.corrects.is_null(False)))
ScanEvent.add_index(ScanEvent.index(ScanEvent.parent, ScanEvent.event_time).where(ScanEvent.parent != ""))
ScanEvent.add_index(ScanEvent.index(ScanEvent.document).where(ScanEvent.document != ""))
ScanEvent.add_index(ScanEvent.index(ScanEvent.photo).where(ScanEvent.photo != ""))


class Movement(Row):
    """One line of the account book: boxes of one type that went from one holder or place to another.

    `from_holder` None: they are new; `to_holder` None: they are gone. What an event means for the accounts is the sum
    of its lines: when a late scan or a void changes that, lines are added and none is changed.
    """

    event = ForeignKeyField(ScanEvent, field=ScanEvent.event_id, on_delete="RESTRICT", backref="movements")
    asset = ForeignKeyField(Asset, null=True, on_delete="RESTRICT", backref="movements")  # None: a counted pool
    # An index for each of these would be written more often than read.
    asset_type = ForeignKeyField(AssetType, index=False, on_delete="RESTRICT", backref="movements")
    owner = ForeignKeyField(Party, index=False, on_delete="RESTRICT", backref="owned_movements")
    from_holder = ForeignKeyField(Party, null=True, index=False, on_delete="RESTRICT", backref="movements_out")
    from_place = ForeignKeyField(Place, null=True, index=False, on_delete="RESTRICT", backref="movements_out")
    to_holder = ForeignKeyField(Party, null=True, index=False, on_delete="RESTRICT", backref="movements_in")
    to_place = ForeignKeyField(Place, null=True, index=False, on_delete="RESTRICT", backref="movements_in")
    quantity = IntegerField()  # 1 and more
    event_day = DateField()  # when it happened, by the calendar of our own home place
    booked_day = DateField()  # the same; or the day of recording, when the account had been closed over it before
    record_time = Instant()

    class Meta:
        watched = False
        indexes = ((("booked_day",), False),)
        constraints = [Check("quantity > 0")]


# All that the accounts of a month are summed up from, in the order in which they are: no row is read, nothing sorted.
Movement.add_index(
    Movement.index(
        Movement.from_holder, Movement.asset_type, Movement.booked_day, Movement.owner, Movement.from_place,
        Movement.quantity, name="movement_from_account",
    )
)  # fmt: skip
Movement.add_index(
    Movement.index(
        Movement.to_holder, Movement.asset_type, Movement.booked_day, Movement.owner, Movement.to_place,
        Movement.quantity, name="movement_to_account",
    )
)  # fmt: skip


class StockLevel(Row):
    """How many boxes of a type are in one state now, with codes or counted; gone ones are left out."""

    key = CharField(64, unique=True)  # all that follows in one text, because a place may be null
    asset_type = ForeignKeyField(AssetType, on_delete="RESTRICT", backref="levels")
    owner = ForeignKeyField(Party, on_delete="RESTRICT", backref="owned_levels")
    holder = ForeignKeyField(Party, on_delete="RESTRICT", backref="levels")
    place = ForeignKeyField(Place, null=True, on_delete="RESTRICT", backref="levels")  # where they stand; None: moving
    life = CharField(8)
    where = CharField(8, column_name="where_")
    condition = CharField(10)
    quantity = IntegerField()  # below 0: a counted pool gave back more than it had by our books

    class Meta:
        watched = False
        indexes = ((("holder", "asset_type"), False), (("place", "asset_type"), False))


class Trip(Row):
    """One box away from home: from its dispatch to its return, its loss or its write-off; open while none has come."""

    asset = ForeignKeyField(Asset, index=False, on_delete="RESTRICT", backref="trips")
    asset_type = ForeignKeyField(AssetType, index=False, on_delete="RESTRICT", backref="trips")
    partner = ForeignKeyField(Party, index=False, on_delete="RESTRICT", backref="trips")  # who answered for it last
    from_place = ForeignKeyField(Place, null=True, index=False, on_delete="RESTRICT", backref="trips_from")
    shipment = ForeignKeyField(Shipment, null=True, on_delete="RESTRICT", backref="trips")
    out_event = CharField(36)  # event_id of what began it
    out_time = Instant()
    observed_from = Instant()  # later than out_time: it was out already when we began to look (left truncated)
    arrived_time = Instant(null=True)
    ready_time = Instant(null=True)  # empties ready
    back_time = Instant(null=True)  # left the partner
    end_time = Instant(null=True)
    end = CharField(12, default="")  # '' open, returned, lost, written_off
    inspected = BooleanField(default=False)  # checked after it came home: good or damaged
    damaged = BooleanField(default=False)  # found damaged while away, or when it was checked

    class Meta:
        watched = False
        indexes = (
            (("asset", "out_time"), True),
            (("out_time",), False),
            (("asset_type", "partner", "out_time"), False),
            (("partner", "end_time"), False),
            (("end", "out_time"), False),
        )
        constraints = [Check("\"end\" IN ('', 'returned', 'lost', 'written_off')")]


Trip.add_index(
    Trip.index(
        Trip.end, Trip.end_time, Trip.partner, Trip.damaged, Trip.out_time, Trip.arrived_time, Trip.back_time,
        name="trip_legs",
    )
)  # fmt: skip


class ExceptionCase(Row):
    """Something for a person to decide. What a replay no longer finds explains itself; what a person decided stays."""

    source = CharField(10)  # scan: taken against a rule; refused; statement: in dispute; count: not found
    code = CharField(24)  # a word of event_types.REASONS, or of the source
    event = ForeignKeyField(ScanEvent, field=ScanEvent.event_id, null=True, on_delete="RESTRICT", backref="cases")
    asset = ForeignKeyField(Asset, null=True, index=False, on_delete="RESTRICT", backref="cases")
    asset_type = ForeignKeyField(AssetType, null=True, on_delete="RESTRICT", backref="cases")
    party = ForeignKeyField(Party, null=True, on_delete="RESTRICT", backref="cases")
    place = ForeignKeyField(Place, null=True, on_delete="RESTRICT", backref="cases")
    subject = CharField(64, default="")  # what else it is about: a statement line; unique with source and code
    values = TextField(default="{}")  # JSON: the figures of both sides
    opened_time = Instant()
    state = CharField(10, default="open")  # open, explained, accepted, mended
    decided_time = Instant(null=True)
    decided_by = ForeignKeyField(User, null=True, on_delete="SET NULL", backref="decisions")
    note = TextField(default="")

    class Meta:
        watched = False
        indexes = (
            (("source", "code", "event", "subject"), True),
            (("state", "opened_time", "code"), False),
            (("opened_time",), False),
            (("asset", "state"), False),
        )
        constraints = [Check("state IN ('open', 'explained', 'accepted', 'mended')")]


class Agreement(Row):
    """What was agreed with a partner about the boxes that he holds. The most special one that fits holds.

    Amounts are of one box in `currency`. Days are days of the calendar at the return place; for charges the day of
    dispatch is day 1, and the day of return does not count (assets.charges).
    """

    partner = ForeignKeyField(Party, on_delete="RESTRICT", backref="agreements")
    asset_type = ForeignKeyField(AssetType, null=True, on_delete="RESTRICT", backref="agreements")  # None: every type
    valid_from = DateField()  # for boxes dispatched on this day and later, until the next one
    free_days = IntegerField(default=0)  # 0: those of the box type
    currency = CharField(3)
    deposit = Exact(default=0)
    rental = Exact(default=0)  # a day, beyond the free days
    second_step_days = IntegerField(default=0)  # after this day the second rate; 0: no second rate
    second_rental = Exact(default=0)
    loss_charge = Exact(default=0)  # of a new box; 0: the value of the type
    life_years = IntegerField(default=0)  # loss charge falls in a straight line over so many years; 0: it does not
    loss_floor = Exact(default=0)  # per cent of the loss charge that are due at any age
    accepted_after_days = IntegerField(default=0)  # silence on a statement is consent after so many days; 0: never
    note = TextField(default="")
    changed_time = Instant()

    class Meta:
        named = ("partner", "asset_type")
        indexes = ((("partner", "asset_type", "valid_from"), False),)


class AccountClosing(Row):
    """Until which day the account that a partner has with one of our companies has been told to him; what comes in
    later is booked as an adjustment. What we keep of an outside owner stands in the statements of all of them."""

    owner = ForeignKeyField(Party, index=False, on_delete="RESTRICT", backref="closings")
    partner = ForeignKeyField(Party, on_delete="RESTRICT", backref="closed_by")
    closed_until = DateField()

    class Meta:
        watched = False
        indexes = ((("owner", "partner"), True),)


class PoolMinimum(Row):
    """How many good boxes of a type are to be in hand at a place of ours."""

    asset_type = ForeignKeyField(AssetType, on_delete="CASCADE", backref="minimums")
    place = ForeignKeyField(Place, on_delete="CASCADE", backref="minimums")
    minimum = IntegerField()

    class Meta:
        named = ("asset_type", "place")
        indexes = ((("asset_type", "place"), True),)
        constraints = [Check("minimum >= 0")]
