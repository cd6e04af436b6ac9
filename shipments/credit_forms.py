"""What the page of a letter of credit accepts: texts are read into an entry; whether it may be saved, the rules say.

Help texts name the field of the bank's message (SWIFT MT700), so that a credit is typed off line by line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from flask import request
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, Form, FormField, SelectChoice, SelectField

from errors import Message
from form_fields import CodeField, DayField, ExactField, TextField, WholeField
from i18n import translated
from master_data.forms import TextArea
from master_data.saving import TAKEN, other_with
from shipments import credits
from shipments.credits import CreditDocumentEntry, CreditEntry, entry_of, parties_of
from shipments.forms import Rows, is_typed, needed
from shipments.models import LetterOfCredit
from shipments.rules import Problem


class DocumentForm(Form):
    type = SelectField(lazy_gettext("Paper"), needed, validate_choice=False, choices=[])
    title = TextField(lazy_gettext("Its title in the credit"))
    originals = WholeField(lazy_gettext("Originals"))
    copies = WholeField(lazy_gettext("Copies"))
    signed = BooleanField(lazy_gettext("signed"))


class CreditForm(FlaskForm):
    """One page, in the order of MT700. Rows of documents that are wholly empty do not count."""

    code = CodeField(
        lazy_gettext("Code"), needed, upper=True, description=lazy_gettext("Our short name for it, like LC-HAMBURG-7.")
    )
    number = CodeField(lazy_gettext("L/C no."), needed, description=lazy_gettext("Field 20"))
    issue_date = DayField(lazy_gettext("Issued on"), needed, description=lazy_gettext("Field 31C"))
    expiry_date = DayField(lazy_gettext("Expires on"), needed, description=lazy_gettext("Field 31D"))
    expiry_place = TextField(lazy_gettext("Expires in"), description=lazy_gettext("Field 31D, the place"))
    issuing_bank = TextField(
        lazy_gettext("Issuing bank"), needed, description=lazy_gettext("Field 52a, as the papers name it")
    )
    advising_bank = TextField(lazy_gettext("Advising bank"), description=lazy_gettext("Field 57a, or who advised us"))
    applicant = CodeField(lazy_gettext("Applicant"), needed, upper=True, description=lazy_gettext("Field 50"))
    beneficiary = CodeField(lazy_gettext("Beneficiary"), needed, upper=True, description=lazy_gettext("Field 59"))
    currency = CodeField(lazy_gettext("Currency"), needed, upper=True, description=lazy_gettext("Field 32B"))
    amount = ExactField(lazy_gettext("Amount"), needed, description=lazy_gettext("Field 32B"))
    tolerance = ExactField(
        lazy_gettext("Tolerance ±"),
        description=lazy_gettext("Field 39A; “about” is 10 (UCP 600 art. 30); empty: none"),
    )
    drawee = TextArea(lazy_gettext("Drawee"), description=lazy_gettext("Field 42a, the bank that drafts are drawn on"))
    tenor = TextField(lazy_gettext("Drafts at"), description=lazy_gettext("Field 42C: AT SIGHT"))
    partial_shipments = BooleanField(lazy_gettext("Partial shipments allowed (field 43P)"), default=True)
    transhipment = BooleanField(lazy_gettext("Transhipment allowed (field 43T)"), default=True)
    port_of_loading = TextField(lazy_gettext("Port of loading"), description=lazy_gettext("Field 44E"))
    port_of_discharge = TextField(lazy_gettext("Port of discharge"), description=lazy_gettext("Field 44F"))
    latest_shipment = DayField(lazy_gettext("Latest day of shipment"), description=lazy_gettext("Field 44C"))
    goods = TextArea(
        lazy_gettext("Description of the goods"),
        description=lazy_gettext("Field 45A; the invoice repeats it (UCP 600 art. 18(c))"),
    )
    presentation_days = WholeField(
        lazy_gettext("Presented within"),
        description=lazy_gettext("Field 48, days after shipment; empty: 21 (UCP 600 art. 14(c))"),
    )
    documents = Rows(FormField(DocumentForm), max_entries=credits.MAX_DOCUMENTS + 1)

    def __init__(self, credit: LetterOfCredit | None, types: Mapping[str, str]) -> None:
        """The form of a new credit, or of this one. `types`: code of a paper → its title, what may be asked for."""
        self.credit = credit
        self.types = dict(types)
        stored = entry_of(credit) if credit else None
        if stored:  # a paper that is no more is still shown where it is asked for
            self.types |= {one.type: one.type for one in stored.documents if one.type not in types}
        super().__init__(data=_shown(stored) if stored else None)
        self.with_empty_row()

    def with_empty_row(self, *, another: bool = False) -> None:
        """Make sure that there is a row to type into; `another`: one more than there are."""
        rows: Rows = self.documents
        if (another or not rows.entries) and len(rows.entries) <= credits.MAX_DOCUMENTS:
            rows.append_entry()
        for entry in rows.entries:
            entry.form.type.choices = self._choices()

    def _choices(self) -> list[SelectChoice]:
        return [SelectChoice(""), *(SelectChoice(code, title) for code, title in self.types.items())]

    def document_template(self) -> DocumentForm:
        """An empty row for the browser to copy; `__i__` stands for its index."""
        row = DocumentForm(prefix="documents-__i__-")
        row.type.choices = self._choices()
        return row

    def pressed(self) -> bool:
        """Do what a button inside the form asks (add or take out a row); False: it asks to save."""
        if "add_document" in request.form:
            self.with_empty_row(another=True)
        elif "remove" in request.form:
            self.documents.take_out(request.form["remove"])
            self.with_empty_row()
        else:
            return False
        return True

    def entry(self) -> CreditEntry:
        """What was typed. A field that could not be read is None and carries its error."""
        plain = [f.name for f in fields(CreditEntry) if f.name != "documents"]
        rows = tuple(CreditDocumentEntry(**row.form.data) for row in self._filled())
        return CreditEntry(**{name: self[name].data for name in plain}, documents=rows)

    def _filled(self) -> list[FormField]:
        return [row for row in self.documents.entries if any(is_typed(f) for f in row.form if f.type != "BooleanField")]

    def validate(self, extra_validators: Any = None) -> bool:
        """True when it can be saved; else every error stands at its field."""
        fine = super().validate(extra_validators)
        for problem in self._problems():
            field = self._field_at(problem.field)
            if not field.errors:  # a text that is no number is not missing as well
                field.errors = [translated(problem.message)]
                fine = False
        return fine

    def _problems(self) -> Iterator[Problem]:
        entry = self.entry()
        yield from credits.problems(entry, parties_of(entry, self.credit))
        for index, row in enumerate(entry.documents):
            if row.type not in ("", *self.types):
                yield Problem(f"documents-{index}-type", Message(credits.NOT_LISTED, {"code": row.type[:32]}))
        if entry.code and (other := other_with(self.credit or LetterOfCredit(), entry.code)):
            yield Problem("code", Message(TAKEN, {"code": other.code}))

    def _field_at(self, id_: str) -> Field:
        """The field that a rule names. The rules count filled rows only, the page has empty ones between them."""
        name, _, rest = id_.partition("-")
        if not rest:
            return self[name]
        index, _, column = rest.partition("-")
        return (self._filled() or self.documents.entries)[int(index)].form[column]


def _shown(entry: CreditEntry) -> dict[str, Any]:
    values = {f.name: getattr(entry, f.name) for f in fields(entry)}
    values["tolerance"] = entry.tolerance or None
    values["documents"] = [{f.name: getattr(row, f.name) for f in fields(row)} for row in entry.documents]
    return values
