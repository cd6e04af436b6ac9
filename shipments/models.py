"""What is sent from a consignor to a consignee: the shipment, its lines, its packages."""

from peewee import CharField, Check, DateField, ForeignKeyField, IntegerField, TextField

from accounts.models import User
from database import Exact, Instant, Row
from master_data.models import AssetType, Party, Place, Product


class Shipment(Row):
    """One shipment. Codes are those of `master_data.codes`; empty text means not known yet."""

    number = CharField(24, unique=True)  # S-2026-0042
    version = IntegerField(default=1)  # counts the saves: a page that holds an old one cannot overwrite
    consignor = ForeignKeyField(Party, on_delete="RESTRICT", backref="shipments_out")
    consignee = ForeignKeyField(Party, on_delete="RESTRICT", backref="shipments_in")
    notify_party = ForeignKeyField(Party, null=True, on_delete="RESTRICT", backref="shipments_notified")
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
    state = CharField(12, default="open")  # open, dispatched, closed, cancelled
    created_time = Instant()
    changed_time = Instant()
    changed_by = ForeignKeyField(User, null=True, on_delete="SET NULL")

    class Meta:
        constraints = [Check("state IN ('open', 'dispatched', 'closed', 'cancelled')")]


class ShipmentLine(Row):
    shipment = ForeignKeyField(Shipment, backref="lines", on_delete="CASCADE")
    position = IntegerField()  # 1, 2, 3 … as printed
    product = ForeignKeyField(Product, on_delete="RESTRICT")
    quantity = Exact()  # in the product's unit
    unit_price = Exact()  # in the shipment's currency, up to 6 decimals

    class Meta:
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
        indexes = ((("shipment", "position"), True),)
        constraints = [Check("count > 0")]
