"""Issued papers, their number series, and what says how papers are made: profiles, looks, wording, packs, jobs."""

from peewee import BooleanField, CharField, Check, DateField, ForeignKeyField, IntegerField, TextField

from accounts.models import User
from database import Instant, Row
from jobs.models import Job
from master_data.models import Party
from shipments.models import Shipment


class NumberSeries(Row):
    """The last number given, for each seller, kind of paper and year. Numbers have no gaps."""

    seller = ForeignKeyField(Party, on_delete="RESTRICT")
    prefix = CharField(8)  # CI, PL, CD …
    year = IntegerField()
    last = IntegerField(default=0)

    class Meta:
        watched = False
        indexes = ((("seller", "prefix", "year"), True),)


class IssuedDocument(Row):
    """A paper that has its number. Its facts never change; its file follows from them."""

    shipment = ForeignKeyField(Shipment, null=True, on_delete="RESTRICT", backref="documents")  # None: of an account
    party = ForeignKeyField(Party, on_delete="RESTRICT", backref="documents_to")  # to whom: consignee, partner
    seller = ForeignKeyField(Party, on_delete="RESTRICT")
    type = CharField(32)  # a code of docs_gen.document_types
    part = CharField(
        16, default=""
    )  # '' the whole shipment; else which invoice, declaration, …; of an account the month
    number = CharField(24)
    issue_date = DateField()
    state = CharField(10, default="numbered")  # numbered: has facts but no file yet; issued; replaced
    failed = BooleanField(default=False)  # numbered, and its rendering ended without a file: nobody is at it
    facts = TextField()  # JSON, what the paper says
    keywords = TextField(default="")  # what it is looked up by, a line each
    accepted = TextField(default="[]")  # JSON: the warnings (errors.plain_message) that were let pass, and why
    originals = IntegerField(default=1)
    copies = IntegerField(default=0)
    verify_code = CharField(32, unique=True, null=True)  # in the QR on the paper: opens its public page
    engine = CharField(64, default="")  # versions that rendered it
    template = CharField(64, default="")  # versions of template, style and fonts
    signed = BooleanField(default=False)  # the file carries a PAdES signature
    sha256 = CharField(64, default="")
    size = IntegerField(default=0)  # bytes
    pages = IntegerField(default=0)
    replaces = ForeignKeyField("self", null=True, unique=True, on_delete="RESTRICT")
    issued_time = Instant()
    issued_by = ForeignKeyField(User, null=True, on_delete="SET NULL")
    voided_time = Instant(null=True)
    voided_by = ForeignKeyField(User, null=True, on_delete="SET NULL", backref="voided")
    void_reason = CharField(255, default="")

    @property
    def status(self) -> str:
        """numbered, issued, replaced, or void: that one is the last word."""
        return "void" if self.voided_time else self.state

    class Meta:
        named = ("type", "number")
        indexes = (
            (("seller", "number"), True),
            (("shipment", "type"), False),
            (("party", "type"), False),
            (("issued_time",), False),
            (("issue_date",), False),
            (("number",), False),
        )
        constraints = [
            Check("state IN ('numbered', 'issued', 'replaced')"),
            Check("state = 'numbered' OR length(sha256) = 64"),
        ]


# Few papers are unfinished.
IssuedDocument.add_index(
    IssuedDocument.index(IssuedDocument.issued_time, name="issued_document_numbered").where(
        IssuedDocument.state == "numbered"
    )
)


class ProfileRule(Row):
    """One line of the document profiles of our own: under these conditions a shipment needs this paper. Empty: any.

    It overrules the lines that come with Roundtrip (docs_gen/data/profiles.csv), and those of lower position.
    """

    position = IntegerField()
    destination = CharField(2, default="")  # ISO 3166-1 alpha-2, or EU
    customer = ForeignKeyField(Party, null=True, on_delete="CASCADE", backref="profile_rules")
    mode = CharField(1, default="")  # UN/ECE Rec. 19
    incoterm = CharField(3, default="")
    credit = CharField(3, default="")  # yes, no
    dangerous = CharField(3, default="")
    returnables = CharField(3, default="")
    type = CharField(32)  # a code of docs_gen.document_types
    need = CharField(8)  # required, offered, never
    originals = IntegerField(default=1)
    copies = IntegerField(default=0)
    note = CharField(255, default="")  # why

    class Meta:
        named = ("type", "destination")


class SellerLook(Row):
    """How the papers of one of our companies look. Pictures are kept files, named by their SHA-256."""

    seller = ForeignKeyField(Party, unique=True, on_delete="CASCADE", backref="look")
    logo = CharField(64, default="")
    colour = CharField(7, default="")  # #1a4f8b; '' black
    changed_time = Instant()

    class Meta:
        named = ("seller",)


class Seal(Row):
    """A stamp or a signature as a picture. It is placed only by people with the right to, and each use is logged."""

    seller = ForeignKeyField(Party, on_delete="CASCADE", backref="seals")
    name = CharField(64)  # 公章, 合同专用章, signature of Wang Li
    kind = CharField(12)  # stamp, signature
    types = TextField(default="")  # codes of papers that it may stand on, blank-separated; '' all
    sha256 = CharField(64)
    archived = BooleanField(default=False)
    changed_time = Instant()

    class Meta:
        named = ("name",)


class SealUse(Row):
    """Who placed which seal on which paper."""

    seal = ForeignKeyField(Seal, on_delete="RESTRICT", backref="uses")
    document = ForeignKeyField(IssuedDocument, on_delete="RESTRICT", backref="seals")
    used_by = ForeignKeyField(User, null=True, on_delete="SET NULL")
    used_time = Instant()

    class Meta:
        named = ("document", "seal")
        indexes = ((("seal", "document"), True),)


class Wording(Row):
    """A block of text on papers: a clause, a bank line, a remark. The most special one that fits is printed."""

    slot = CharField(32)  # where it stands: footer, bank, remark, clause-…; documented in docs/templates.md
    type = CharField(32, default="")  # a code of docs_gen.document_types; '' every paper with this slot
    seller = ForeignKeyField(Party, null=True, on_delete="CASCADE", backref="wordings")
    customer = ForeignKeyField(Party, null=True, on_delete="CASCADE", backref="wordings_for")
    destination = CharField(2, default="")  # ISO 3166-1 alpha-2, or EU: what the papers to a country say
    language = CharField(2, default="en")  # en, zh
    text = TextField()
    archived = BooleanField(default=False)
    changed_time = Instant()

    class Meta:
        named = ("slot", "type")


class TemplatePack(Row):
    """An uploaded set of templates, one row for each version. At most one version of a name is in use."""

    name = CharField(32)
    version = IntegerField()
    sha256 = CharField(64)  # of the ZIP, a kept file
    active = BooleanField(default=False)
    types = TextField(default="")  # codes that it overrides or adds, blank-separated
    uploaded_by = ForeignKeyField(User, null=True, on_delete="SET NULL")
    uploaded_time = Instant()

    class Meta:
        named = ("name", "version")
        indexes = ((("name", "version"), True),)


class PaperSet(Row):
    """Several papers of a shipment that were ordered in one go; a background job issues them."""

    shipment = ForeignKeyField(Shipment, on_delete="CASCADE", backref="paper_sets")
    wanted = TextField()  # JSON: [[type, part], …] in print order
    reasons = TextField(default="{}")  # JSON: why warnings are let pass
    results = TextField(default="[]")  # JSON: for each that is done, number or what was wrong
    job = ForeignKeyField(Job, null=True, on_delete="SET NULL", backref="paper_sets")  # None: long ago
    created_by = ForeignKeyField(User, null=True, on_delete="SET NULL")
    created_time = Instant()

    class Meta:
        watched = False


class LogisticUnit(Row):
    """The SSCC of one package of a shipment (GS1 General Specifications 2.2.1); never given again."""

    shipment = ForeignKeyField(Shipment, on_delete="RESTRICT", backref="logistic_units")
    package_no = IntegerField()  # 1, 2, 3 … of the shipment
    sscc = CharField(18, unique=True)
    allocated_time = Instant()

    class Meta:
        named = ("shipment", "sscc")
        indexes = ((("shipment", "package_no"), True),)
