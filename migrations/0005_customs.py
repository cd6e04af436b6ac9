"""Customs clocks of boxes: declarations out and back, extensions, the boxes on them, rules of a firm's own."""

from peewee import BooleanField, CharField, Check, DateField, ForeignKeyField, IntegerField, Model, TextField

from database import Instant


def up(migrator, db):
    def known(name):
        meta = type("Meta", (), {"database": db, "table_name": name})
        return type(name.title().replace("_", ""), (Model,), {"Meta": meta})

    Asset, IssuedDocument, Shipment, User = map(known, ("asset", "issued_document", "shipment", "user"))

    def reference(model, on_delete="RESTRICT", null=True):
        return ForeignKeyField(model, field=model.id, null=null, on_delete=on_delete)

    class CustomsDeclaration(Model):
        direction = CharField(max_length=4)
        number = CharField(max_length=32)
        item = CharField(max_length=8, default="")
        regime = CharField(max_length=32)
        country = CharField(max_length=2)
        office = CharField(max_length=64, default="")
        destination = CharField(max_length=2, default="")
        declared_day = DateField()
        exit_day = DateField(null=True)
        months = IntegerField(null=True)
        due_day = DateField(null=True)
        counts_from = Instant()
        shipment = reference(Shipment)
        document = reference(IssuedDocument)
        transport_document_no = CharField(max_length=32, default="")
        freight_container_no = CharField(max_length=32, default="")
        seal_no = CharField(max_length=32, default="")
        note = TextField(default="")
        closed_day = DateField(null=True)
        created_time = Instant()
        changed_time = Instant()
        changed_by = reference(User, on_delete="SET NULL")

        class Meta:
            database = db
            table_name = "customs_declaration"
            indexes = (
                (("country", "direction", "number", "item"), True),
                (("direction", "closed_day", "due_day"), False),
            )
            constraints = [
                Check("direction IN ('out', 'back')"),
                Check("months IS NULL OR months > 0"),
            ]

    class CustomsExtension(Model):
        declaration = reference(CustomsDeclaration, null=False)
        number = CharField(max_length=32)
        applied_day = DateField()
        until = DateField()
        recorded_time = Instant()
        recorded_by = reference(User, on_delete="SET NULL")

        class Meta:
            database = db
            table_name = "customs_extension"
            indexes = ((("declaration", "number"), True),)

    class DeclaredBox(Model):
        declaration = reference(CustomsDeclaration, null=False)
        asset = reference(Asset, null=False)
        closing = CharField(max_length=10, default="")
        back = reference(CustomsDeclaration)
        closed_day = DateField(null=True)
        reference_ = CharField(max_length=64, default="", column_name="reference")
        settled = BooleanField(default=False)
        added_time = Instant()
        log = TextField(default="")

        class Meta:
            database = db
            table_name = "declared_box"
            indexes = ((("declaration", "asset"), True), (("asset", "closing"), False))
            constraints = [
                Check("closing IN ('', 'back', 'paid', 'destroyed')"),
                Check("(closing = 'back') = (back_id IS NOT NULL)"),
                Check("(closing = '') = (closed_day IS NULL)"),
            ]

    class ClockRule(Model):
        country = CharField(max_length=2)
        regime = CharField(max_length=32)
        destination = CharField(max_length=2, default="")
        months = IntegerField()
        extensions = IntegerField(default=0)
        extension_months = IntegerField(default=0)
        source = CharField(max_length=255)
        read_day = DateField()
        verified_by = CharField(max_length=64, default="")
        note = CharField(max_length=255, default="")
        changed_time = Instant()

        class Meta:
            database = db
            table_name = "clock_rule"
            indexes = ((("country", "regime", "destination"), True),)
            constraints = [Check("months > 0"), Check("extensions >= 0"), Check("extension_months >= 0")]

    db.create_tables([CustomsDeclaration, CustomsExtension, DeclaredBox, ClockRule], safe=False)
    db.execute_sql("CREATE INDEX declared_box_open ON declared_box (declaration_id) WHERE closing = ''")
    db.execute_sql(
        "CREATE INDEX declared_box_unsettled ON declared_box (asset_id) WHERE closing = 'back' AND NOT settled"
    )
