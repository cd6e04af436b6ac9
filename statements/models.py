"""Statements of boxes, the links to them, and what partners answered."""

from peewee import CharField, Check, DateField, ForeignKeyField, IntegerField, TextField

from accounts.models import User
from database import Instant, Row
from docs_gen.models import IssuedDocument
from master_data.models import Party


class Statement(Row):
    """A monthly statement. Number, frozen facts and file are those of its paper; here is how far it has come."""

    document = ForeignKeyField(IssuedDocument, unique=True, on_delete="RESTRICT", backref="statements")
    partner = ForeignKeyField(Party, on_delete="RESTRICT", backref="statements")
    first_day = DateField()
    last_day = DateField()
    language = CharField(2)  # en, zh: of the partner's page and his XLSX
    accepted_after_days = IntegerField(default=0)  # as it was agreed on the day of issue; 0: silence is no consent
    state = CharField(10, default="issued")  # issued, partly answered, confirmed, disputed, agreed, closed
    issued_time = Instant()
    changed_time = Instant()

    class Meta:
        named = ("document",)
        indexes = ((("partner", "first_day"), False), (("state", "first_day"), False))
        constraints = [Check("state IN ('issued', 'partly', 'confirmed', 'disputed', 'agreed', 'closed')")]


class StatementLink(Row):
    """A link by which a partner sees and answers one statement. Of its token only the SHA-256 is kept."""

    statement = ForeignKeyField(Statement, on_delete="CASCADE", backref="links")
    token_sha256 = CharField(64, unique=True)
    created_time = Instant()
    created_by = ForeignKeyField(User, null=True, on_delete="SET NULL", backref="statement_links")
    expires_time = Instant()
    revoked_time = Instant(null=True)
    seen_time = Instant(null=True)  # first opened

    class Meta:
        named = ("statement",)
        secret = ("token_sha256",)


class StatementAnswer(Row):
    """What a partner said to one line; never changed. Of several to a line the last one counts."""

    statement = ForeignKeyField(Statement, on_delete="RESTRICT", backref="answers")
    link = ForeignKeyField(StatementLink, null=True, on_delete="SET NULL", backref="answers")
    user = ForeignKeyField(
        User, null=True, on_delete="SET NULL", backref="statement_answers"
    )  # told to us: by whom kept
    line = CharField(16)  # 1: the closing balance of account 1; 1.2: its second line; +1: a line that was missing
    verdict = CharField(10)  # confirmed, disputed, not_ours, missing
    quantity = IntegerField(null=True)  # by his books
    reason = TextField(default="")
    name = CharField(80)  # as typed: who says so
    address = CharField(45, default="")  # IP address
    answered_time = Instant()

    class Meta:
        named = ("statement", "line")
        indexes = ((("link", "answered_time"), False),)
        constraints = [Check("verdict IN ('confirmed', 'disputed', 'not_ours', 'missing')")]
