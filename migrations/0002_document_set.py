"""The whole document set: details, letters of credit, parts, voids, profiles, looks, packs, jobs. A frozen copy of the tables."""

from peewee import BooleanField, CharField, DateField, ForeignKeyField, IntegerField, Model, TextField

from database import Exact, Instant


def up(migrator, db):
    class IssuedDocument(Model):
        class Meta:
            database = db
            table_name = "issued_document"

    class Party(Model):
        class Meta:
            database = db
            table_name = "party"

    class Place(Model):
        class Meta:
            database = db
            table_name = "place"

    class Shipment(Model):
        class Meta:
            database = db
            table_name = "shipment"

    class User(Model):
        class Meta:
            database = db
            table_name = "user"

    class LetterOfCredit(Model):
        code = CharField(unique=True, max_length=24)
        number = CharField(max_length=35)
        issue_date = DateField()
        issuing_bank = CharField()
        advising_bank = CharField(default="")
        applicant = ForeignKeyField(Party, on_delete="RESTRICT")
        beneficiary = ForeignKeyField(Party, on_delete="RESTRICT")
        currency = CharField(max_length=3)
        amount = Exact()
        tolerance = Exact(default=0)
        goods = TextField(default="")
        latest_shipment = DateField(null=True)
        expiry_date = DateField()
        expiry_place = CharField(max_length=64, default="")
        presentation_days = IntegerField(default=21)
        partial_shipments = BooleanField(default=True)
        transhipment = BooleanField(default=True)
        port_of_loading = CharField(max_length=64, default="")
        port_of_discharge = CharField(max_length=64, default="")
        drawee = CharField(default="")
        tenor = CharField(max_length=64, default="")
        archived = BooleanField(default=False)
        changed_time = Instant()

        class Meta:
            database = db
            table_name = "letter_of_credit"

    db.create_tables([LetterOfCredit])

    class CreditDocument(Model):
        credit = ForeignKeyField(LetterOfCredit, on_delete="CASCADE")
        position = IntegerField()
        type = CharField(max_length=32)
        title = CharField(max_length=128, default="")
        originals = IntegerField(default=1)
        copies = IntegerField(default=0)
        signed = BooleanField(default=False)

        class Meta:
            database = db
            table_name = "credit_document"
            indexes = ((("credit", "position"), True),)

    db.create_tables([CreditDocument])

    class LogisticUnit(Model):
        shipment = ForeignKeyField(Shipment, on_delete="RESTRICT")
        package_no = IntegerField()
        sscc = CharField(unique=True, max_length=18)
        allocated_time = Instant()

        class Meta:
            database = db
            table_name = "logistic_unit"
            indexes = ((("shipment", "package_no"), True),)

    db.create_tables([LogisticUnit])

    class PaperJob(Model):
        shipment = ForeignKeyField(Shipment, on_delete="CASCADE")
        kind = CharField(max_length=12)
        wanted = TextField()
        reasons = TextField(default="{}")
        done = IntegerField(default=0)
        results = TextField(default="[]")
        state = CharField(max_length=10, default="waiting")
        lease_until = Instant(null=True)
        created_by = ForeignKeyField(User, null=True, on_delete="SET NULL")
        created_time = Instant()

        class Meta:
            database = db
            table_name = "paper_job"
            indexes = ((("state", "id"), False),)

    db.create_tables([PaperJob])

    class ProfileRule(Model):
        position = IntegerField()
        destination = CharField(max_length=2, default="")
        customer = ForeignKeyField(Party, null=True, on_delete="CASCADE")
        mode = CharField(max_length=1, default="")
        incoterm = CharField(max_length=3, default="")
        credit = CharField(max_length=3, default="")
        dangerous = CharField(max_length=3, default="")
        returnables = CharField(max_length=3, default="")
        type = CharField(max_length=32)
        need = CharField(max_length=8)
        originals = IntegerField(default=1)
        copies = IntegerField(default=0)
        note = CharField(default="")

        class Meta:
            database = db
            table_name = "profile_rule"

    db.create_tables([ProfileRule])

    class Seal(Model):
        seller = ForeignKeyField(Party, on_delete="CASCADE")
        name = CharField(max_length=64)
        kind = CharField(max_length=12)
        types = TextField(default="")
        sha256 = CharField(max_length=64)
        archived = BooleanField(default=False)
        changed_time = Instant()

        class Meta:
            database = db
            table_name = "seal"

    db.create_tables([Seal])

    class SealUse(Model):
        seal = ForeignKeyField(Seal, on_delete="RESTRICT")
        document = ForeignKeyField(IssuedDocument, on_delete="RESTRICT")
        used_by = ForeignKeyField(User, null=True, on_delete="SET NULL")
        used_time = Instant()

        class Meta:
            database = db
            table_name = "seal_use"
            indexes = ((("seal", "document"), True),)

    db.create_tables([SealUse])

    class SellerLook(Model):
        seller = ForeignKeyField(Party, unique=True, on_delete="CASCADE")
        logo = CharField(max_length=64, default="")
        colour = CharField(max_length=7, default="")
        changed_time = Instant()

        class Meta:
            database = db
            table_name = "seller_look"

    db.create_tables([SellerLook])

    class TemplatePack(Model):
        name = CharField(max_length=32)
        version = IntegerField()
        sha256 = CharField(max_length=64)
        active = BooleanField(default=False)
        types = TextField(default="")
        uploaded_by = ForeignKeyField(User, null=True, on_delete="SET NULL")
        uploaded_time = Instant()

        class Meta:
            database = db
            table_name = "template_pack"
            indexes = ((("name", "version"), True),)

    db.create_tables([TemplatePack])

    class Wording(Model):
        slot = CharField(max_length=32)
        type = CharField(max_length=32, default="")
        seller = ForeignKeyField(Party, null=True, on_delete="CASCADE")
        customer = ForeignKeyField(Party, null=True, on_delete="CASCADE")
        destination = CharField(max_length=2, default="")
        language = CharField(max_length=2, default="en")
        text = TextField()
        archived = BooleanField(default=False)
        changed_time = Instant()

        class Meta:
            database = db
            table_name = "wording"

    db.create_tables([Wording])

    migrator.migrate(migrator.add_column("asset_type", "hs_code", CharField(max_length=10, default="")))
    migrator.migrate(migrator.add_column("asset_type", "declaration_elements", CharField(default="")))
    migrator.migrate(migrator.add_column("asset_type", "origin", CharField(max_length=2, default="")))
    migrator.migrate(migrator.add_column("party", "tax_no", CharField(max_length=32, default="")))
    migrator.migrate(migrator.add_column("party", "aeo_no", CharField(max_length=20, default="")))
    migrator.migrate(migrator.add_column("party", "gs1_company_prefix", CharField(max_length=12, default="")))
    migrator.migrate(
        migrator.add_column(
            "shipment", "buyer_id", ForeignKeyField(Party, field=Party.id, null=True, on_delete="RESTRICT")
        )
    )
    migrator.migrate(
        migrator.add_column(
            "shipment", "manufacturer_id", ForeignKeyField(Party, field=Party.id, null=True, on_delete="RESTRICT")
        )
    )
    migrator.migrate(
        migrator.add_column(
            "shipment", "forwarder_id", ForeignKeyField(Party, field=Party.id, null=True, on_delete="RESTRICT")
        )
    )
    migrator.migrate(
        migrator.add_column(
            "shipment", "carrier_id", ForeignKeyField(Party, field=Party.id, null=True, on_delete="RESTRICT")
        )
    )
    migrator.migrate(
        migrator.add_column(
            "shipment", "broker_id", ForeignKeyField(Party, field=Party.id, null=True, on_delete="RESTRICT")
        )
    )
    migrator.migrate(
        migrator.add_column(
            "shipment", "deliver_to_id", ForeignKeyField(Place, field=Place.id, null=True, on_delete="RESTRICT")
        )
    )
    migrator.migrate(
        migrator.add_column(
            "shipment",
            "letter_of_credit_id",
            ForeignKeyField(LetterOfCredit, field=LetterOfCredit.id, null=True, on_delete="RESTRICT"),
        )
    )
    migrator.migrate(
        migrator.add_column(
            "shipment",
            "invoiced_with_id",
            ForeignKeyField(Shipment, field=Shipment.id, null=True, on_delete="RESTRICT"),
        )
    )
    migrator.migrate(migrator.add_column("shipment", "details", TextField(default="{}")))
    migrator.migrate(migrator.add_column("issued_document", "part", CharField(max_length=16, default="")))
    migrator.migrate(migrator.add_column("issued_document", "keywords", TextField(default="")))
    migrator.migrate(migrator.add_column("issued_document", "accepted", TextField(default="[]")))
    migrator.migrate(migrator.add_column("issued_document", "originals", IntegerField(default=1)))
    migrator.migrate(migrator.add_column("issued_document", "copies", IntegerField(default=0)))
    migrator.migrate(
        migrator.add_column("issued_document", "verify_code", CharField(unique=True, null=True, max_length=32))
    )
    migrator.migrate(migrator.add_column("issued_document", "template", CharField(max_length=64, default="")))
    migrator.migrate(migrator.add_column("issued_document", "signed", BooleanField(default=False)))
    migrator.migrate(migrator.add_column("issued_document", "voided_time", Instant(null=True)))
    migrator.migrate(
        migrator.add_column(
            "issued_document", "voided_by_id", ForeignKeyField(User, field=User.id, null=True, on_delete="SET NULL")
        )
    )
    migrator.migrate(migrator.add_column("issued_document", "void_reason", CharField(default="")))
    migrator.migrate(migrator.add_column("product", "un_no", CharField(max_length=4, default="")))
    migrator.migrate(migrator.add_column("product", "proper_shipping_name", CharField(max_length=128, default="")))
    migrator.migrate(migrator.add_column("product", "hazard_class", CharField(max_length=8, default="")))
    migrator.migrate(migrator.add_column("product", "subsidiary_hazards", CharField(max_length=16, default="")))
    migrator.migrate(migrator.add_column("product", "packing_group", CharField(max_length=3, default="")))
    migrator.migrate(migrator.add_column("product", "flash_point", CharField(max_length=16, default="")))
    migrator.migrate(migrator.add_column("product", "marine_pollutant", BooleanField(default=False)))
    migrator.migrate(migrator.add_column("product", "limited_quantity", BooleanField(default=False)))
    migrator.migrate(migrator.add_column("product", "supervision_codes", CharField(max_length=16, default="")))
    migrator.migrate(migrator.add_column("shipment_line", "invoice_group", CharField(max_length=4, default="")))
