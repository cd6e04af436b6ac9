"""What is sent from a consignor to a consignee: the shipment, its lines, its packages."""

from peewee import BooleanField, CharField, Check, DateField, ForeignKeyField, IntegerField, TextField

from accounts.models import User
from database import Exact, Instant, Row
from master_data.models import AssetType, Party, Place, Product


class LetterOfCredit(Row):
    """A documentary credit, entered once from what the bank sent (SWIFT MT700); shipments name it."""

    code = CharField(24, unique=True)  # our short name for it
    number = CharField(35)  # L/C no., field 20
    issue_date = DateField()  # 31C
    issuing_bank = CharField(255)  # as the papers name it
    advising_bank = CharField(255, default="")
    applicant = ForeignKeyField(Party, on_delete="RESTRICT", backref="credits_as_applicant")  # 50
    beneficiary = ForeignKeyField(Party, on_delete="RESTRICT", backref="credits")  # 59, one of our own
    currency = CharField(3)  # 32B
    amount = Exact()
    tolerance = Exact(default=0)  # 39A, ± per cent; "about" is 10 (UCP 600 art. 30)
    goods = TextField(default="")  # 45A, the description that the invoice repeats
    latest_shipment = DateField(null=True)  # 44C
    expiry_date = DateField()  # 31D
    expiry_place = CharField(64, default="")
    presentation_days = IntegerField(default=21)  # 48, days after shipment (UCP 600 art. 14(c))
    partial_shipments = BooleanField(default=True)  # 43P
    transhipment = BooleanField(default=True)  # 43T
    port_of_loading = CharField(64, default="")  # 44E
    port_of_discharge = CharField(64, default="")  # 44F
    drawee = CharField(255, default="")  # 42a
    tenor = CharField(64, default="")  # 42C
    archived = BooleanField(default=False)
    changed_time = Instant()

    class Meta:
        named = ("code",)


class CreditDocument(Row):
    """One paper that a letter of credit asks for (46A): which, how titled, how often."""

    credit = ForeignKeyField(LetterOfCredit, backref="documents", on_delete="CASCADE")
    position = IntegerField()
    type = CharField(32)  # a code of docs_gen.document_types
    title = CharField(128, default="")  # exactly as the credit names it; empty: as we print it
    originals = IntegerField(default=1)
    copies = IntegerField(default=0)
    signed = BooleanField(default=False)

    class Meta:
        named = ("credit", "position")
        indexes = ((("credit", "position"), True),)


class Shipment(Row):
    """One shipment. Codes are those of `master_data.codes`; empty text means not known yet."""

    number = CharField(24, unique=True)  # S-2026-0042
    version = IntegerField(default=1)  # counts the saves: a page that holds an old one cannot overwrite
    consignor = ForeignKeyField(Party, on_delete="RESTRICT", backref="shipments_out")
    consignee = ForeignKeyField(Party, on_delete="RESTRICT", backref="shipments_in")
    notify_party = ForeignKeyField(Party, null=True, on_delete="RESTRICT", backref="shipments_notified")
    buyer = ForeignKeyField(Party, null=True, on_delete="RESTRICT", backref="shipments_bought")  # None: the consignee
    manufacturer = ForeignKeyField(
        Party, null=True, on_delete="RESTRICT", backref="shipments_made"
    )  # None: the consignor
    forwarder = ForeignKeyField(Party, null=True, on_delete="RESTRICT", backref="shipments_forwarded")
    carrier = ForeignKeyField(Party, null=True, on_delete="RESTRICT", backref="shipments_carried")
    broker = ForeignKeyField(Party, null=True, on_delete="RESTRICT", backref="shipments_declared")
    deliver_to = ForeignKeyField(Place, null=True, on_delete="RESTRICT", backref="shipments_in")
    letter_of_credit = ForeignKeyField(LetterOfCredit, null=True, on_delete="RESTRICT", backref="shipments")
    invoiced_with = ForeignKeyField(
        "self", null=True, on_delete="RESTRICT", backref="invoices_too"
    )  # shares its invoice
    ship_from = ForeignKeyField(Place, null=True, on_delete="RESTRICT", backref="shipments_out")
    invoice_date = DateField(null=True)
    departure_date = DateField(null=True)  # planned; after departure, the real one
    contract_no = CharField(32, default="")
    order_no = CharField(35, default="")
    incoterm = CharField(3)  # Incoterms 2020
    named_place = CharField(64)
    payment_terms = CharField(128, default="")
    transport_mode = CharField(1)  # UN/ECE Rec. 19: 1 sea, 2 rail, 3 road, 4 air, 5 mail
    port_of_loading = CharField(5, default="")  # UN/LOCODE; for air the city of the airport
    port_of_loading_name = CharField(64, default="")
    port_of_discharge = CharField(5, default="")
    port_of_discharge_name = CharField(64, default="")
    place_of_delivery = CharField(64, default="")
    vessel = CharField(50, default="")  # ship's name, flight number or plate
    voyage = CharField(32, default="")
    transport_document_no = CharField(32, default="")  # B/L or AWB
    freight_container_no = CharField(11, default="")  # ISO 6346
    seal_no = CharField(32, default="")
    currency = CharField(3)
    freight = Exact(default=0)
    insurance = Exact(default=0)
    other_charges = Exact(default=0)  # additions +, deductions −
    marks = TextField(default="")
    remarks = TextField(default="")
    # the China export declaration
    customs_regime = CharField(4, default="0110")  # 监管方式
    duty_nature = CharField(3, default="101")  # 征免性质
    duty_mode = CharField(1, default="1")  # 征免
    customs_office = CharField(4, default="")  # 出境关别
    customs_office_name = CharField(64, default="")
    exit_port = CharField(6, default="")  # 离境口岸
    exit_port_name = CharField(64, default="")
    destination_port = CharField(6, default="")  # 指运港, customs port code
    destination_port_name = CharField(64, default="")
    trading_country = CharField(2, default="")  # 贸易国; empty: the consignee's
    destination_country = CharField(2, default="")  # 运抵国; empty: the consignee's
    details = TextField(default="{}")  # JSON of shipments.details.Details: what single papers ask for
    state = CharField(12, default="open")  # open, dispatched, closed, cancelled
    created_time = Instant()
    changed_time = Instant()
    changed_by = ForeignKeyField(User, null=True, on_delete="SET NULL")

    class Meta:
        named = ("number",)
        constraints = [Check("state IN ('open', 'dispatched', 'closed', 'cancelled')")]


class ShipmentLine(Row):
    shipment = ForeignKeyField(Shipment, backref="lines", on_delete="CASCADE")
    position = IntegerField()  # 1, 2, 3 … as printed
    product = ForeignKeyField(Product, on_delete="RESTRICT")
    quantity = Exact()  # in the product's unit
    unit_price = Exact()  # in the shipment's currency, up to 6 decimals
    invoice_group = CharField(4, default="")  # lines of one group share an invoice: A, B …; '' the only one

    class Meta:
        named = ("shipment", "position")
        indexes = ((("shipment", "position"), True),)


class Package(Row):
    """`count` packages that are alike, with the same contents. Masses and pieces are those of ONE package."""

    shipment = ForeignKeyField(Shipment, backref="packages", on_delete="CASCADE")
    position = IntegerField()
    asset_type = ForeignKeyField(AssetType, null=True, on_delete="RESTRICT")  # a returnable one; else one-way
    package_code = CharField(2)  # UN/ECE Rec. 21
    count = IntegerField()
    product = ForeignKeyField(Product, null=True, on_delete="RESTRICT")  # what is in it; empty: nothing of a line
    pieces = Exact(default=0)  # of the product, in one package
    net_mass = Exact()  # kg
    gross_mass = Exact()  # kg, packing included
    length_mm = IntegerField(default=0)
    width_mm = IntegerField(default=0)
    height_mm = IntegerField(default=0)
    marks = CharField(255, default="")

    class Meta:
        named = ("shipment", "position")
        indexes = ((("shipment", "position"), True),)
        constraints = [Check("count > 0")]
