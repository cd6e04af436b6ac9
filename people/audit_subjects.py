"""What a line of the audit is about, in the words of people: "Shipment EX-2026-0012", not a table and the key of a row.

A line says by itself what its subject was called when it was written: in `named`, or by the values of what was created
or deleted. That name is under its hash, and it is the one that is shown. What lines only refer to (the shipment of a
package, the paper of a download), and all that lines from before `named` say, is looked up when the page is read; a
subject that has another name today is shown with both.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from peewee import ForeignKeyField

from accounts.audit import canonical
from accounts.models import (
    ApiToken,
    AuditEntry,
    PersonLink,
    Role,
    User,
    UserEntity,
    UserRole,
    UserSession,
    UserSite,
)
from accounts.rights import ROLE_NAMES
from alerts.models import AlertSetting, DigestRecipient, Webhook
from assets.models import Agreement, Asset, Device, PoolMinimum, ScanEvent
from customs.models import ClockRule, CustomsDeclaration, CustomsExtension, DeclaredBox
from database import Instant, one_of, tuples
from docs_gen.models import (
    IssuedDocument,
    LogisticUnit,
    ProfileRule,
    Seal,
    SealUse,
    SellerLook,
    TemplatePack,
    Wording,
)
from docs_gen.register import types
from errors import N_
from i18n import translated
from jobs.kinds import KINDS as JOB_KINDS
from jobs.models import Job
from listing import matches
from master_data.models import AssetType, Party, Place, Product
from shipments.models import CreditDocument, LetterOfCredit, Package, Shipment, ShipmentLine
from statements.models import Statement, StatementAnswer, StatementLink

#: Each with its name on pages; a part comes after what it is a part of.
_TITLES: dict[Any, str] = {
    Role: N_("Role"), User: N_("Person"), UserRole: N_("Role of a person"),
    UserEntity: N_("Selling company of a person"), UserSite: N_("Place of a person"), UserSession: N_("Session"),
    PersonLink: N_("Link to come in"), ApiToken: N_("Token"),
    Party: N_("Partner"), Place: N_("Place"), Product: N_("Product"), AssetType: N_("Box type"),
    Job: N_("Background job"),
    LetterOfCredit: N_("Letter of credit"), CreditDocument: N_("Paper of a letter of credit"),
    Shipment: N_("Shipment"), ShipmentLine: N_("Line of a shipment"), Package: N_("Package"),
    Asset: N_("Box"), Device: N_("Device"), Agreement: N_("Agreement"), PoolMinimum: N_("Minimum of a pool"),
    IssuedDocument: N_("Paper"), ProfileRule: N_("Line of the profiles"), SellerLook: N_("Look of papers"),
    Seal: N_("Seal"), SealUse: N_("Seal on a paper"), Wording: N_("Wording"), TemplatePack: N_("Template pack"),
    LogisticUnit: N_("SSCC of a package"),
    Statement: N_("Statement"), StatementLink: N_("Link to a statement"), StatementAnswer: N_("Answer to a statement"),
    CustomsDeclaration: N_("Customs declaration"), CustomsExtension: N_("Extension of a customs clock"),
    DeclaredBox: N_("Box on a customs declaration"), ClockRule: N_("Rule of a customs clock"),
    AlertSetting: N_("Setting of alerts"), DigestRecipient: N_("Recipient of alerts"),
    Webhook: N_("Address told of alerts"),
}  # fmt: skip
#: A paper is called by its type, and a statement as its paper is: the title before it would say the same again.
_SELF_NAMED = (IssuedDocument, Statement)
#: What is read of a row besides what it is named by. Numbers of statements are counted by company, two may be the same.
_BESIDES = {IssuedDocument: ("seller",)}
_MODELS = {model._meta.table_name: model for model in _TITLES}
#: what is written down by name and is no table
_OTHERS = {"backup": N_("Backup"), "files": N_("Kept files"), "keys": N_("Keys of the installation")}

#: Columns that hold the key of a row to the right of their own on the import line.
_KEYS = {(User, "partner_id"): Party, (UserEntity, "party_id"): Party, (UserSite, "place_id"): Place}

_PAGES: dict[Any, Callable[[int, dict[str, Any]], str]] = {
    Role: lambda id, row: url_for("people.role_list"),
    User: lambda id, row: url_for("people.person", id=id),
    Party: lambda id, row: url_for("master_data.party_edit", code=row["code"]),
    Place: lambda id, row: url_for("master_data.place_edit", code=row["code"]),
    Product: lambda id, row: url_for("master_data.product_edit", part_no=row["part_no"]),
    AssetType: lambda id, row: url_for("master_data.asset_type_edit", code=row["code"]),
    Job: lambda id, row: url_for("jobs.job_page", id=id),
    LetterOfCredit: lambda id, row: url_for("credits.credit_edit", code=row["code"]),
    Shipment: lambda id, row: url_for("docs_gen.shipment_page", number=row["number"]),
    Asset: lambda id, row: url_for("assets.asset_page", code=row["code"]),
    Device: lambda id, row: url_for("devices.device_list", q=row["name"]),
    Agreement: lambda id, row: url_for("agreements.agreement_edit", id=id),
    PoolMinimum: lambda id, row: url_for("pools.minimum_list"),
    IssuedDocument: lambda id, row: url_for("docs_gen.document_list", q=row["number"]),
    ProfileRule: lambda id, row: url_for("profiles.profile_list"),
    Seal: lambda id, row: url_for("looks.seal_edit", id=id),
    Wording: lambda id, row: url_for("looks.wording_edit", id=id),
    TemplatePack: lambda id, row: url_for("packs.pack_page", id=id),
    Statement: lambda id, row: url_for("statements.statement", id=id),
    CustomsDeclaration: lambda id, row: url_for("customs.declaration_page", id=id),
    ClockRule: lambda id, row: url_for("customs.clock_list"),
    AlertSetting: lambda id, row: url_for("alerts.settings_page"),
    DigestRecipient: lambda id, row: url_for("alerts.settings_page"),
    Webhook: lambda id, row: url_for("alerts.settings_page"),
}

#: Lists, and other files that are of no single thing: endpoint → what it is.
_LISTS = {
    "agreements.agreement_list": N_("Agreements on boxes"), "alerts.alert_list": N_("Alerts"),
    "assets.asset_list": N_("Boxes"), "assets.balance_list": N_("Balances"), "assets.event_list": N_("Scans"),
    "assets.overdue_list": N_("Overdue boxes"), "audit.entry_list": N_("Audit"),
    "credits.credit_list": N_("Letters of credit"), "customs.declaration_list": N_("Customs clocks"),
    "devices.device_list": N_("Devices"), "docs_gen.document_list": N_("Documents"),
    "exceptions.case_list": N_("Exceptions"), "flows.flow_page": N_("Flow of boxes"), "flows.level_list": N_("Levels"),
    "flows.movement_list": N_("Account book"), "flows.trip_list": N_("Trips"),
    "foresight.counting_page": N_("Foresight"), "foresight.overview": N_("Foresight"),
    "jobs.job_list": N_("Jobs"), "labels.sheet_pdf": N_("Labels"), "loads.load_list": N_("Loads"),
    "master_data.asset_type_list": N_("Box types"), "master_data.party_list": N_("Partners"),
    "master_data.place_list": N_("Places"), "master_data.product_list": N_("Products"),
    "looks.wording_list": N_("Wording"), "own_statements.statement_list": N_("Statements"),
    "people.person_list": N_("People"), "pools.pool_events": N_("Events of counted pools"),
    "pools.pool_list": N_("Counted pools"), "shipments.lines_template": N_("Table to fill in with lines"),
    "shipments.shipment_list": N_("Shipments"), "statements.statement_list": N_("Statements of boxes"),
}  # fmt: skip
#: Files of one thing: endpoint → what they are of, the column that the address names it by, what of it.
_FILES: dict[str, tuple[Any, str, str]] = {
    "assets.photo": (None, "", N_("Photo")),
    "customs.declaration_page": (CustomsDeclaration, "id", N_("list of its boxes")),
    "customs.proof_csv": (CustomsDeclaration, "id", N_("proof list (CSV)")),
    "customs.proof_pdf": (CustomsDeclaration, "id", N_("proof list (PDF)")),
    "docs_gen.document_file": (IssuedDocument, "id", ""),
    "docs_gen.merged_file": (Shipment, "number", N_("all papers in one PDF")),
    "docs_gen.zip_file": (Shipment, "number", N_("all papers as ZIP")),
    "epcis.asset_epcis": (Asset, "code", N_("its scans (EPCIS)")),
    "foresight.fleet_page": (AssetType, "code", N_("Foresight")),
    "foresight.return_times_page": (AssetType, "code", N_("Foresight")),
    "foresight.shortage_page": (AssetType, "code", N_("Foresight")),
    "jobs.result": (Job, "id", N_("what it made")),
    "loads.load_page": (None, "", N_("Load")),
    "looks.logo": (Party, "code", N_("logo")),
    "looks.seal_picture": (Seal, "id", N_("picture")),
    "own_statements.pdf": (Statement, "id", N_("as PDF")),
    "own_statements.xlsx": (Statement, "id", N_("as XLSX")),
    "packs.pack_sample": (TemplatePack, "id", N_("sample")),
    "replies.pdf": (None, "", N_("Statement, by the link of the partner")),
    "replies.xlsx": (None, "", N_("Statement, by the link of the partner")),
    "statements.account": (Party, "code", N_("Account")),
    "statements.charges": (Party, "code", N_("charges")),
    "statements.statement_file": (Statement, "id", N_("as XLSX")),
}
_LINK_PURPOSES = {"invite": N_("invitation"), "reset": N_("new password")}

#: Of so many things with a searched name the lines are looked for; whoever finds more types more of the name.
_MOST_FOUND = 50
_MOST_TIMES = 5


def kind_title(kind: str) -> str:
    """What the subjects of this kind are called: a table, an endpoint that hands files out, or a word of its own."""
    if model := _MODELS.get(kind):
        return translated(_TITLES[model])
    if kind in _OTHERS:
        return translated(_OTHERS[kind])
    if kind in _LISTS:
        return _("List: %(what)s", what=translated(_LISTS[kind]))
    if kind in _FILES:
        model, _column, part = _FILES[kind]
        title = translated(_TITLES[model]) if model else ""
        return ": ".join(filter(None, [title, translated(part or N_("download"))]))
    return kind


@dataclass(frozen=True)
class Subject:
    """What one line is about. `today`: its name where it has another one now; `gone`: it is not there any more."""

    words: str
    url: str = ""
    today: str = ""
    gone: bool = False


def body_of(row: AuditEntry) -> dict[str, Any]:
    """What the line says; read once."""
    if "told" not in row.__dict__:
        row.__dict__["told"] = json.loads(row.body)
    return row.__dict__["told"]  # type: ignore[no-any-return]


class Subjects:
    """The subjects of many lines, looked up together: how many queries that takes depends on how many kinds of things
    they are about, not on how many lines there are."""

    def __init__(self, rows: Iterable[AuditEntry]) -> None:
        self._titles: dict[str, str] | None = None
        self._by_name: dict[tuple[Any, str], int] = {}  # of downloads, whose address holds a name
        self._photos: dict[str, int] = {}
        self._ends: dict[tuple[Any, int], dict[str, Any]] = {}
        self._rows: dict[tuple[Any, int], dict[str, Any] | None] = {}
        lines = list(rows)
        self._find_named(lines)
        self._read({need for row in lines for need in self._needs(row)})
        self._find_ends(lines)

    def of(self, row: AuditEntry) -> Subject:
        """What this line is about."""
        body = body_of(row)
        if row.kind in _FILES or row.kind in _LISTS:
            return self._file(row)
        model = _MODELS.get(row.kind)
        if model is None:
            return Subject(f"{kind_title(row.kind)} {row.key}".strip())
        told = body.get("rows") or [{"key": int(row.key) if row.key.isdecimal() else None}]
        if model is Job:
            told = [{**told[0], "named": {"kind": body.get("what", ""), "about": body.get("about", "")}}]
        names = list(dict.fromkeys(filter(None, (self._name(model, self._identity(model, one)) for one in told))))
        key = told[0].get("key")
        now = self._rows.get((model, key)) if key else None
        count = max(len(names), body.get("count", 0))
        name = ", ".join(_short(names[:2])) + (f" … ({count})" if count > 2 else "")
        words = _titled(model, name)
        alone = len(told) == 1 and not self._wholes(model)  # a part goes with what it is a part of
        today = self._name(model, now) if now else ""
        return Subject(
            words, self._url(model, key, self._identity(model, told[0])),
            today if alone and names and today not in ("", names[0]) else "",
            alone and bool(key) and now is None and row.verb != "deleted",
        )  # fmt: skip

    def value(self, kind: str, column: str, value: Any) -> Any:
        """A value as people read it: of a column that refers to something, what that is called; a point in time."""
        if isinstance(value, str) and isinstance(_field(kind, column), Instant):
            at = datetime.fromisoformat(value)
            return at if at.tzinfo else at.replace(tzinfo=UTC)
        model = _refers_to(_MODELS.get(kind), column)
        if model is None or not isinstance(value, int) or isinstance(value, bool):
            return value
        found = self._rows.get((model, value))
        return self._name(model, found) if found else f"№ {value}"

    # ---- what has to be looked up

    def _find_named(self, lines: list[AuditEntry]) -> None:
        """The keys of what downloads name in their address, and of the boxes that photos are of."""
        asked: dict[tuple[Any, str], set[str]] = defaultdict(set)
        for row in lines:
            model, column, _part = _FILES.get(row.kind, (None, "", ""))
            if model is not None and column != "id":
                asked[model, column].add(row.key)
        for (model, column), names in asked.items():
            field = getattr(model, column)
            for id_, name in tuples(model.select(model.id, field).where(one_of(field, names))):
                self._by_name[model, name] = id_
        photos = {row.key for row in lines if row.kind == "assets.photo"}
        if photos:
            events = ScanEvent.select(ScanEvent.photo, ScanEvent.asset)
            events = events.where(
                one_of(ScanEvent.photo, photos), ScanEvent.photo != "", ScanEvent.asset.is_null(False)
            )
            self._photos = dict(tuples(events))

    def _needs(self, row: AuditEntry) -> Iterable[tuple[Any, int]]:
        model = _MODELS.get(row.kind)
        if model is None:
            found = self._filed(row)
            if found:
                yield found
            return
        if row.key.isdecimal():
            yield model, int(row.key)
        for one in body_of(row).get("rows", []):
            if one.get("key"):
                yield model, one["key"]
            for values in (one.get("named"), one.get("before"), one.get("after")):
                yield from _references(model, values or {})

    def _read(self, wanted: set[tuple[Any, int]]) -> None:
        while wanted := {need for need in wanted if need not in self._rows}:
            keys: dict[Any, set[int]] = defaultdict(set)
            for model, key in wanted:
                self._rows[model, key] = None
                if -(2**31) < key < 2**31:
                    keys[model].add(key)
            wanted = set()
            for model, ids in keys.items():
                fields = [getattr(model, name) for name in ("id", *model._meta.named, *_BESIDES.get(model, ()))]
                for row in model.select(*fields).where(one_of(model.id, ids)).dicts():
                    self._rows[model, row["id"]] = row
                    wanted |= set(_references(model, row))

    def _find_ends(self, lines: list[AuditEntry]) -> None:
        """The names of what is gone, for lines that do not say them: the line that tells of its end does."""
        gone = {
            (row.kind, row.key) for row in lines
            if row.key.isdecimal() and self._rows.get((_MODELS.get(row.kind), int(row.key)), {}) is None
        }  # fmt: skip
        if not gone:
            return
        ends = AuditEntry.select(AuditEntry.kind, AuditEntry.key, AuditEntry.body).where(
            AuditEntry.kind.in_(sorted({kind for kind, _key in gone})),
            one_of(AuditEntry.key, {key for _kind, key in gone}),
            AuditEntry.verb.in_(("created", "deleted")),
        ).order_by(AuditEntry.id)  # fmt: skip
        for kind, key, body in tuples(ends):
            rows = json.loads(body).get("rows", [])
            if len(rows) == 1:
                model = _MODELS[kind]
                self._ends[model, int(key)] = rows[0].get("before") or rows[0].get("after") or {}
        self._read({need for (model, _key), values in self._ends.items() for need in _references(model, values)})

    # ---- names

    def _identity(self, model: Any, one: dict[str, Any]) -> dict[str, Any]:
        """What the row of a line was called: by the line itself as far as it says it."""
        values = one.get("named") or {**(one.get("after") or {}), **(one.get("before") or {})}
        said = {name: values[name] for name in model._meta.named if values.get(name) not in (None, "")}
        key = one.get("key")
        known = (self._rows.get((model, key)) or self._ends.get((model, key)) or {}) if key else {}
        return {**{name: known[name] for name in model._meta.named if name in known}, **said}

    def _name(self, model: Any, values: dict[str, Any] | None) -> str:
        parts = [self._part(model, name, (values or {}).get(name)) for name in model._meta.named]
        if model is Statement and (paper := self._rows.get((IssuedDocument, (values or {}).get("document", 0)))):
            parts.append(self._part(IssuedDocument, "seller", paper["seller"]))
        between = " " if model in (IssuedDocument, TemplatePack) else " · "
        return between.join(filter(None, parts))

    def _part(self, model: Any, column: str, value: Any) -> str:
        if value in (None, ""):
            return ""
        if other := _refers_to(model, column):
            found = self._rows.get((other, value)) if isinstance(value, int) else None
            return self._name(other, found) if found else f"№ {value}"
        if column == "type" and model is not AssetType:
            if self._titles is None:
                self._titles = {code: translated(kind.title) for code, kind in types().items()}
            return self._titles.get(value, value)
        if model is Role and value in ROLE_NAMES:
            return translated(ROLE_NAMES[value][0])
        if model is PersonLink and value in _LINK_PURPOSES:
            return translated(_LINK_PURPOSES[value])
        if model is Job and column == "kind" and value in JOB_KINDS:
            return translated(JOB_KINDS[value].title)
        return str(value)

    def _wholes(self, model: Any) -> list[str]:
        return [name for name in model._meta.named if _refers_to(model, name)]

    def _url(self, model: Any, key: int | None, values: dict[str, Any]) -> str:
        """The page of a row that is there; of a part, that of what it is a part of."""
        row = self._rows.get((model, key)) if key else None
        if model in _PAGES:
            return _PAGES[model](key, row) if key and row else ""
        for name in self._wholes(model):
            other, whole = _refers_to(model, name), (row or values).get(name)
            if isinstance(whole, int) and (url := self._url(other, whole, {})):
                return url
        return ""

    # ---- downloads

    def _filed(self, row: AuditEntry) -> tuple[Any, int] | None:
        """What a downloaded file was of."""
        if row.kind == "assets.photo":
            return (Asset, self._photos[row.key]) if row.key in self._photos else None
        model, column, _part = _FILES.get(row.kind, (None, "", ""))
        if model is None:
            return None
        key = int(row.key) if column == "id" and row.key.isdecimal() else self._by_name.get((model, row.key))
        return (model, key) if key else None

    def _file(self, row: AuditEntry) -> Subject:
        if row.kind in _LISTS:
            return Subject(kind_title(row.kind))
        model, column, part = _FILES[row.kind]
        filed = self._filed(row)
        known = self._rows.get(filed) if filed else None
        if filed and known:
            name = self._name(filed[0], known)
            words = _titled(filed[0], name)
            return Subject(": ".join(filter(None, [words, translated(part) if part else ""])), self._url(*filed, known))
        name = row.key if model is not None and column != "id" else ""
        return Subject(f"{kind_title(row.kind)} {name}".strip(), gone=model is not None)


def _titled(model: Any, name: str) -> str:
    alone = model in _SELF_NAMED and name and not name.startswith("№")
    return name if alone else f"{translated(_TITLES[model])} {name}".strip()


def _short(names: list[str]) -> list[str]:
    """The parts of one thing: it is named with the first of them only."""
    whole = names[0].rpartition(" · ")[0] + " · " if names else ""
    if len(whole) > 3 and all(name.startswith(whole) for name in names):
        return [names[0], *(name.removeprefix(whole) for name in names[1:])]
    return names


def _field(kind: str, column: str) -> Any:
    model = _MODELS.get(kind)
    return model._meta.fields.get(column) if model else None


def _refers_to(model: Any, column: str) -> Any:
    """The table that a column refers to; None for other columns."""
    if model is None:
        return None
    field = model._meta.fields.get(column)
    if isinstance(field, ForeignKeyField):
        return field.rel_model if field.rel_model in _TITLES else None
    return _KEYS.get((model, column))


def _references(model: Any, values: dict[str, Any]) -> Iterable[tuple[Any, int]]:
    for name, value in values.items():
        if isinstance(value, int) and not isinstance(value, bool) and (other := _refers_to(model, name)):
            yield other, value


# ---- the search

#: Where a name that somebody types is looked for. Boxes are found by the beginning of their code.
_NAMES: dict[Any, tuple[Any, ...]] = {
    User: (User.username, User.name, User.email), ApiToken: (ApiToken.name,),
    Party: (Party.code, Party.name_en, Party.name_zh), Place: (Place.code, Place.name_en, Place.name_zh),
    Product: (Product.part_no, Product.description_en, Product.description_zh),
    AssetType: (AssetType.code, AssetType.name_en, AssetType.name_zh),
    LetterOfCredit: (LetterOfCredit.code, LetterOfCredit.number), Shipment: (Shipment.number,),
    Device: (Device.name,), IssuedDocument: (IssuedDocument.number,),
    CustomsDeclaration: (CustomsDeclaration.number,),
}  # fmt: skip
#: Found with what they belong to, though they have a number of their own.
_BELONG = {IssuedDocument: ("shipment",), CustomsDeclaration: ("shipment",)}


def lines_about(text: str) -> Any:
    """Condition on AuditEntry: who did it, what is called so, its parts and files, or what the line says."""
    found = _called(text)
    line = AuditEntry
    conditions = [matches((line.actor,), text), line.body.contains(text)]
    if users := found.get(User):
        conditions.append(line.user.in_(users))
    for model, keys in found.items():
        if keys:
            conditions.append((line.kind == model._meta.table_name) & line.key.in_([str(key) for key in keys]))
        for name in _within(model):
            # Parts that are gone, and those of which a line tells several: canonical JSON has one form of a value.
            wholes = found.get(_refers_to(model, name), [])[:5]
            said = [line.body.contains(f'"{name}":{key}{end}') for key in wholes for end in ",}"]
            if said:
                conditions.append((line.kind == model._meta.table_name) & reduce(or_, said))
    for endpoint, (model, column, _part) in _FILES.items():
        if column == "id" and found.get(model):
            conditions.append((line.kind == endpoint) & line.key.in_([str(key) for key in found[model]]))
    if boxes := found.get(Asset):
        photos = ScanEvent.select(ScanEvent.photo).where(ScanEvent.asset.in_(boxes), ScanEvent.photo != "")
        conditions.append((line.kind == "assets.photo") & line.key.in_(photos))
        # Of those that were registered together one line tells, with the first of them and the time of all.
        times = tuples(Asset.select(Asset.created_time).where(Asset.id.in_(boxes)).distinct().limit(_MOST_TIMES))
        said = [line.body.contains(f'"created_time":{canonical(time)}') for (time,) in times]
        conditions.append((line.kind == "asset") & (line.verb == "created") & reduce(or_, said))
    return reduce(or_, conditions)


def _called(text: str) -> dict[Any, list[int]]:
    """The keys of what bears this name, and of all its parts."""
    found: dict[Any, list[int]] = {}
    for model in _TITLES:
        bears = [matches(_NAMES[model], text)] if model in _NAMES else []
        if model is Asset:
            bears.append(Asset.code.startswith(text.upper()))
        parts = [(name, found.get(_refers_to(model, name))) for name in _within(model)]
        bears += [getattr(model, name).in_(keys) for name, keys in parts if keys]
        if bears:
            query = model.select(model.id).where(reduce(or_, bears)).order_by(model.id.desc()).limit(_MOST_FOUND)
            found[model] = [key for (key,) in tuples(query)]
    return found


def _within(model: Any) -> list[str]:
    """The columns that say what a row is a part of, or belongs to."""
    return [name for name in (*model._meta.named, *_BELONG.get(model, ())) if _refers_to(model, name)]
