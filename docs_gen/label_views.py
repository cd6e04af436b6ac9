"""The page on which labels are chosen, and their PDF."""

from __future__ import annotations

import json
import re
from typing import Any

from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for
from flask_babel import lazy_gettext
from flask_security import current_user
from flask_wtf import FlaskForm
from wtforms import IntegerField, SelectField, StringField, TextAreaField
from wtforms.validators import Optional

from accounts.access import needs
from accounts.models import User
from accounts.once import taken_once
from assets.models import Asset
from database import utc_now
from docs_gen import label_sheets
from docs_gen.label_sheets import SHEETS, Sheet
from docs_gen.turns import prints
from errors import N_, InvalidInput, UserError
from i18n import name_of, translated
from jobs.kinds import Kind, register
from jobs.models import Job
from jobs.queue import order
from jobs.running import Run
from listing import attachment
from master_data.models import AssetType

blueprint = Blueprint("labels", __name__)

#: More labels than this are made in the background.
DIRECT = 100


class LabelForm(FlaskForm):
    """Which boxes, on which sheet. Only read, so the choice stands in the address and can be kept as a bookmark."""

    class Meta:
        csrf = False

    codes = TextAreaField(lazy_gettext("Codes"), description=lazy_gettext("One in each line, or parted by commas"))
    type = SelectField(lazy_gettext("or all boxes of a type"))
    first = StringField(lazy_gettext("from code"))
    last = StringField(lazy_gettext("to code"))
    sheet = SelectField(lazy_gettext("Label and sheet"))
    skip = IntegerField(lazy_gettext("Labels already used on the first sheet"), [Optional()], default=0)

    def __init__(self) -> None:
        super().__init__(request.args)
        types = AssetType.select().where(~AssetType.counted, ~AssetType.archived).order_by(AssetType.code)
        self.type.choices = [("", "")] + [(row.code, f"{row.code} · {name_of(row)}") for row in types]
        self.sheet.choices = [(sheet.code, translated(sheet.title)) for sheet in SHEETS.values()]

    @property
    def stock(self) -> Sheet:
        return SHEETS.get(self.sheet.data) or SHEETS["a4-24"]

    def assets(self) -> list[Asset]:
        """The chosen assets; InvalidInput or Refused where the choice is wrong."""
        self.sheet.data, self.type.data = self.sheet.data or "a4-24", self.type.data or ""
        for field in (self.sheet, self.type, self.skip):
            if not field.validate(self):
                raise InvalidInput(field.name, str(field.errors[0]))
        codes = re.split(r"[\s,;，；]+", (self.codes.data or "").strip())
        if codes != [""]:
            return label_sheets.assets_of_codes(codes)
        if self.type.data:
            return label_sheets.assets_of_range(
                self.type.data, (self.first.data or "").strip(), (self.last.data or "").strip()
            )
        raise InvalidInput("codes", N_("Choose at least one box."))

    def found(self) -> list[Asset]:
        """Like `assets`, but what is wrong stands at its field; nothing is wrong while nothing was asked for."""
        if not request.args:
            return []
        try:
            return self.assets()
        except UserError as error:
            field = self[getattr(error, "field", "codes")]
            field.errors = [translated(error)]
            return []


@blueprint.get("/assets/labels")
@needs("assets.write")
def sheet() -> str:
    """Choose boxes and a sheet; shows what will be printed."""
    form = LabelForm()
    assets = form.found()
    sheets = -(-(len(assets) + (form.skip.data or 0)) // form.stock.labels)
    return render_template(
        "docs_gen/labels.html", form=form, assets=assets, sheets=sheets, in_background=len(assets) > DIRECT
    )


@blueprint.post("/assets/labels")
@needs("assets.write")
@taken_once
def order_sheets() -> Any:
    """Have many labels made in the background: the choice stands in the address, as for the page. Answers with the
    page of the job."""
    form = LabelForm()
    assets = form.assets()
    label_sheets.check(assets, form.stock, form.skip.data or 0)
    owners = {asset.owner for asset in assets}
    job = order(
        "labels", {"assets": [asset.id for asset in assets], "sheet": form.stock.code, "skip": form.skip.data or 0},
        utc_now(), about=f"{assets[0].code} … {assets[-1].code}", by=User.get_by_id(current_user.id),
        entity=owners.pop() if len(owners) == 1 else None, total=len(assets),
    )  # fmt: skip
    return redirect(url_for("jobs.job_page", id=job.id))


def _make(run: Run) -> None:
    """The labels of a job. Those of boxes that are gone since are left out."""
    assets = label_sheets.assets_of_ids(run.args["assets"])
    run.step(0, len(assets))
    sheet = SHEETS[run.args["sheet"]]
    data = label_sheets.pdf(assets, sheet, run.settings.base_url, run.args["skip"], step=run.step)
    run.gives(data, f"labels-{assets[0].code}.pdf")
    run.job.done = len(assets)


def _may_fetch(job: Job) -> bool:
    ids = json.loads(job.args)["assets"]
    return len(label_sheets.assets_of_ids(ids)) == len(ids)


LABELS = register(
    Kind("labels", N_("Printing labels"), _make, right="assets.write", seconds=180, priority=10, may_fetch=_may_fetch)
)


@blueprint.get("/assets/labels.pdf")
@needs("assets.write")
@prints
def sheet_pdf() -> Response:
    """The sheets as PDF, to be printed at 100 %."""
    form = LabelForm()
    assets = form.assets()
    data: Any = label_sheets.pdf(assets, form.stock, current_app.config["ROUNDTRIP"].base_url, form.skip.data or 0)
    return attachment(data, f"labels-{assets[0].code}.pdf", "application/pdf", inline=True)
