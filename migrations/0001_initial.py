"""The first schema. A frozen copy of the tables: it never imports the models, which go on changing."""

from peewee import BooleanField, CharField, Check, DateField, ForeignKeyField, IntegerField, Model, TextField

from database import Exact, Instant


def up(migrator, db):
    class Frozen(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Role(Frozen):
        name = CharField(32, unique=True)
        description = CharField(255, default="")

    class User(Frozen):
        email = CharField(255, unique=True)
        username = CharField(64, unique=True)
        password = TextField()
        active = BooleanField(default=True)
        fs_uniquifier = CharField(64, unique=True)
        must_change_password = BooleanField(default=False)
        language = CharField(2, default="")
        created_time = Instant()

    class UserRole(Frozen):
        user = ForeignKeyField(User, on_delete="CASCADE")
        role = ForeignKeyField(Role, on_delete="RESTRICT")

        class Meta:
            indexes = ((("user", "role"), True),)

    class ApiToken(Frozen):
        name = CharField(64)
        user = ForeignKeyField(User, on_delete="CASCADE")
        sha256 = CharField(64, unique=True)
        created_time = Instant()
        last_used_time = Instant(null=True)
        revoked_time = Instant(null=True)

    class Party(Frozen):
        code = CharField(24, unique=True)
        own = BooleanField(default=False)
        name_en = CharField(255)
        name_zh = CharField(255, default="")
        address_en = TextField(default="")
        address_zh = TextField(default="")
        country = CharField(2)
        contact = CharField(128, default="")
        phone = CharField(64, default="")
        email = CharField(255, default="")
        uscc = CharField(18, default="")
        customs_no = CharField(10, default="")
        vat_no = CharField(20, default="")
        eori = CharField(17, default="")
        bank_name = CharField(255, default="")
        bank_account = CharField(64, default="")
        bank_bic = CharField(11, default="")
        archived = BooleanField(default=False)
        changed_time = Instant()

    class Place(Frozen):
        code = CharField(24, unique=True)
        party = ForeignKeyField(Party, backref="places", on_delete="RESTRICT")
        name_en = CharField(255)
        name_zh = CharField(255, default="")
        address_en = TextField(default="")
        address_zh = TextField(default="")
        country = CharField(2)
        timezone = CharField(64, default="UTC")
        gln = CharField(13, default="")
        phone = CharField(64, default="")
        return_address = BooleanField(default=False)
        archived = BooleanField(default=False)
        changed_time = Instant()

    class Product(Frozen):
        part_no = CharField(64, unique=True)
        customer_part_no = CharField(64, default="")
        description_en = CharField(255)
        description_zh = CharField(255)
        hs_code = CharField(10)
        declaration_elements = CharField(255, default="")
        unit = CharField(3)
        net_mass = Exact()
        origin = CharField(2)
        legal_unit_1 = CharField(3, default="")
        legal_unit_2 = CharField(3, default="")
        source_district = CharField(5, default="")
        archived = BooleanField(default=False)
        changed_time = Instant()

        class Meta:
            constraints = [Check("length(hs_code) = 10")]

    class AssetType(Frozen):
        code = CharField(24, unique=True)
        name_en = CharField(128)
        name_zh = CharField(128, default="")
        counted = BooleanField(default=False)
        length_mm = IntegerField()
        width_mm = IntegerField()
        height_mm = IntegerField()
        tare = Exact()
        payload = Exact()
        pieces_per_box = IntegerField(default=0)
        package_code = CharField(2)
        cn_package_code = CharField(2)
        gs1_company_prefix = CharField(12, default="")
        gs1_asset_type = CharField(12, default="")
        value = Exact()
        value_currency = CharField(3)
        agreed_days_out = IntegerField(default=0)
        archived = BooleanField(default=False)
        changed_time = Instant()

        class Meta:
            constraints = [Check("length_mm > 0"), Check("width_mm > 0"), Check("height_mm > 0")]

    class Shipment(Frozen):
        number = CharField(24, unique=True)
        version = IntegerField(default=1)
        consignor = ForeignKeyField(Party, on_delete="RESTRICT", backref="shipments_out")
        consignee = ForeignKeyField(Party, on_delete="RESTRICT", backref="shipments_in")
        notify_party = ForeignKeyField(Party, null=True, on_delete="RESTRICT", backref="shipments_notified")
        ship_from = ForeignKeyField(Place, null=True, on_delete="RESTRICT", backref="shipments_out")
        invoice_date = DateField(null=True)
        departure_date = DateField(null=True)
        contract_no = CharField(32, default="")
        order_no = CharField(35, default="")
        incoterm = CharField(3)
        named_place = CharField(64)
        payment_terms = CharField(128, default="")
        transport_mode = CharField(1)
        port_of_loading = CharField(5, default="")
        port_of_loading_name = CharField(64, default="")
        port_of_discharge = CharField(5, default="")
        port_of_discharge_name = CharField(64, default="")
        place_of_delivery = CharField(64, default="")
        vessel = CharField(50, default="")
        voyage = CharField(32, default="")
        transport_document_no = CharField(32, default="")
        freight_container_no = CharField(11, default="")
        seal_no = CharField(32, default="")
        currency = CharField(3)
        freight = Exact(default=0)
        insurance = Exact(default=0)
        other_charges = Exact(default=0)
        marks = TextField(default="")
        remarks = TextField(default="")
        customs_regime = CharField(4, default="0110")
        duty_nature = CharField(3, default="101")
        duty_mode = CharField(1, default="1")
        customs_office = CharField(4, default="")
        customs_office_name = CharField(64, default="")
        exit_port = CharField(6, default="")
        exit_port_name = CharField(64, default="")
        destination_port = CharField(6, default="")
        destination_port_name = CharField(64, default="")
        trading_country = CharField(2, default="")
        destination_country = CharField(2, default="")
        state = CharField(12, default="open")
        created_time = Instant()
        changed_time = Instant()
        changed_by = ForeignKeyField(User, null=True, on_delete="SET NULL")

        class Meta:
            constraints = [Check("state IN ('open', 'dispatched', 'closed', 'cancelled')")]

    class ShipmentLine(Frozen):
        shipment = ForeignKeyField(Shipment, backref="lines", on_delete="CASCADE")
        position = IntegerField()
        product = ForeignKeyField(Product, on_delete="RESTRICT")
        quantity = Exact()
        unit_price = Exact()

        class Meta:
            indexes = ((("shipment", "position"), True),)

    class Package(Frozen):
        shipment = ForeignKeyField(Shipment, backref="packages", on_delete="CASCADE")
        position = IntegerField()
        asset_type = ForeignKeyField(AssetType, null=True, on_delete="RESTRICT")
        package_code = CharField(2)
        count = IntegerField()
        product = ForeignKeyField(Product, null=True, on_delete="RESTRICT")
        pieces = Exact(default=0)
        net_mass = Exact()
        gross_mass = Exact()
        length_mm = IntegerField(default=0)
        width_mm = IntegerField(default=0)
        height_mm = IntegerField(default=0)
        marks = CharField(255, default="")

        class Meta:
            indexes = ((("shipment", "position"), True),)
            constraints = [Check("count > 0")]

    class Asset(Frozen):
        code = CharField(24, unique=True)
        grai = CharField(30, null=True, unique=True)
        asset_type = ForeignKeyField(AssetType, on_delete="RESTRICT", backref="assets")
        owner = ForeignKeyField(Party, on_delete="RESTRICT", backref="owned_assets")
        return_place = ForeignKeyField(Place, null=True, on_delete="RESTRICT", backref="assets_to_return")
        created_time = Instant()
        life = CharField(8, default="none")
        where = CharField(8, default="nowhere", column_name="where_")
        condition = CharField(10, default="good")
        holder = ForeignKeyField(Party, null=True, on_delete="RESTRICT", backref="held_assets")
        place = ForeignKeyField(Place, null=True, on_delete="RESTRICT", backref="assets_here")
        shipment = ForeignKeyField(Shipment, null=True, on_delete="RESTRICT", backref="assets_out")
        out_since = Instant(null=True)
        home_since = Instant(null=True)
        last_event_time = Instant(null=True)
        event_count = IntegerField(default=0)

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

    class ScanEvent(Frozen):
        event_id = CharField(36, unique=True)
        type = CharField(16)
        asset = ForeignKeyField(Asset, null=True, on_delete="RESTRICT", backref="events")
        scanned_text = CharField(512)
        shipment = ForeignKeyField(Shipment, null=True, on_delete="RESTRICT", backref="scans")
        place = ForeignKeyField(Place, null=True, on_delete="RESTRICT", backref="scans")
        party = ForeignKeyField(Party, null=True, on_delete="RESTRICT", backref="scans")
        event_time = Instant()
        event_zone = IntegerField(default=0)
        record_time = Instant()
        device = CharField(64, default="")
        happened = BooleanField(default=False)
        refused = CharField(24, default="")
        exception = CharField(64, default="")
        warnings = CharField(128, default="")
        voids = CharField(36, null=True, unique=True)
        reason = TextField(default="")
        body_sha256 = CharField(64)
        user = ForeignKeyField(User, null=True, on_delete="SET NULL")

        class Meta:
            indexes = (
                (("asset", "event_time", "record_time"), False),
                (("shipment", "type"), False),
                (("refused", "record_time"), False),
                (("record_time",), False),
            )

    class NumberSeries(Frozen):
        seller = ForeignKeyField(Party, on_delete="RESTRICT")
        prefix = CharField(8)
        year = IntegerField()
        last = IntegerField(default=0)

        class Meta:
            indexes = ((("seller", "prefix", "year"), True),)

    class IssuedDocument(Frozen):
        shipment = ForeignKeyField(Shipment, on_delete="RESTRICT", backref="documents")
        seller = ForeignKeyField(Party, on_delete="RESTRICT")
        type = CharField(32)
        number = CharField(24)
        issue_date = DateField()
        state = CharField(10, default="numbered")
        failed = BooleanField(default=False)
        facts = TextField()
        engine = CharField(64, default="")
        sha256 = CharField(64, default="")
        size = IntegerField(default=0)
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

    db.create_tables(
        [
            Role,
            User,
            UserRole,
            ApiToken,
            Party,
            Place,
            Product,
            AssetType,
            Shipment,
            ShipmentLine,
            Package,
            Asset,
            ScanEvent,
            NumberSeries,
            IssuedDocument,
        ]
    )
