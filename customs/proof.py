"""The proof list of a declaration: every box with what was declared and what was scanned, and every exception.

It is no numbered paper. It supports a declaration and does not replace one, and says so.
PDF and CSV have the same rows: the PDF names the SHA-256 of the CSV file.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from peewee import JOIN

from accounts.models import User
from assets.models import Asset, ScanEvent
from customs import declarations, rules
from customs.models import CustomsDeclaration, DeclaredBox
from docs_gen import render
from docs_gen.render_pool import render_limited
from master_data.models import AssetType, Party, Place
from spreadsheets import write_csv

_STYLES = ("paper.css", "papers/customs.css")
_CHUNK = 500
#: Scans before the border that may belong to this trip: a box waits at the port for a while.
_BEFORE = timedelta(days=60)

#: Words of the paper, both languages; it does not depend on the language of the page.
_STATUS = {
    "": "open 未核销",
    "back": "declared back 已申报复运进境",
    "paid": "duty paid 已补税",
    "destroyed": "destroyed under supervision 监管销毁",
}
_SAID = {
    "back_undeclared": "back by scan, no declaration of re-import 已扫描返回，无复运进境报关单",
    "declared_unscanned": "declared back, not scanned back 已申报返回，未见返回扫描",
    "after_declaration": "left on the shipment, not on its declaration 随该票发运，未列入报关单",
    "not_loaded": "on the declaration, not scanned onto the shipment 列入报关单，未见装车扫描",
    "overdue": "open after the last day 逾期未核销",
    "lost": "reported lost 已报失",
    "gone": "written off 已报废",
    "no_out_scan": "no scan of leaving 无发出扫描",
    "undone": "a scan was declared wrong 扫描已声明作废",
    "broken": "a scan was taken against the rules 扫描不符合规则",
    "reopened": "a closing was taken back 核销已撤回",
    "late_extension": "extension applied for after expiry 延期申请晚于到期日",
}


@dataclass(frozen=True)
class Seen:
    """One scan as it is told: when by the clock of the place, where, with which device, by whom."""

    when: str = ""
    place: str = ""
    device: str = ""
    person: str = ""


@dataclass(frozen=True)
class ProofRow:
    """One box."""

    code: str
    type: str
    tare: str  # kg
    owner: str
    out: Seen
    back: Seen
    back_number: str
    back_item: str
    back_day: date | None
    back_document: str
    reference: str
    status: str
    exceptions: tuple[str, ...]


@dataclass(frozen=True)
class Proof:
    """All that the list says."""

    declaration: CustomsDeclaration
    made: datetime
    zone: str
    company: Party | None
    rows: tuple[ProofRow, ...]
    counts: declarations.Counts
    extensions: tuple[tuple[str, date, date, bool], ...]  # number, applied on, until, too late
    exceptions: tuple[tuple[str, str], ...]  # what it is about, sentence; those of the boxes too
    overdue: bool

    @property
    def sha256(self) -> str:
        """Of the CSV file."""
        return hashlib.sha256(csv_file(self)).hexdigest()


def proof_of(declaration: CustomsDeclaration, now: datetime) -> Proof:
    """Everything about a declaration out and its boxes, as it is known at `now`."""
    home = declarations.home_place()
    today = declarations.day_at(home, now)
    overdue = declaration.due_day is not None and today > declaration.due_day
    boxes = list(declarations.boxes_of(declaration).order_by(Asset.code))
    owners = {row.id: row for row in Party.select().where(Party.id.in_({box.asset.owner_id for box in boxes}))}
    events = _events([box.asset_id for box in boxes], declaration.counts_from - _BEFORE)
    left, absent = declarations.loading_differences(declaration)
    rows = tuple(
        _row(box, declaration, events[box.asset_id], owners, overdue, box.asset.code in absent) for box in boxes
    )
    extensions = tuple(
        (row.number, row.applied_day, row.until, late) for row, late in declarations.late_extensions(declaration)
    )
    general = [(code, _SAID["after_declaration"]) for code in left]
    general += [(number, _SAID["late_extension"]) for number, _, _, late in extensions if late]
    general += [(row.code, text) for row in rows for text in row.exceptions]
    return Proof(
        declaration, now, home.timezone if home else "UTC", home.party if home else None, rows,
        declarations.counts(declaration), extensions, tuple(general), overdue,
    )  # fmt: skip


def pdf(proof: Proof) -> render.Paper:
    """The list as PDF/A: landscape, heads repeated, page x of y."""
    made = proof.made.astimezone(ZoneInfo(proof.zone))
    html = render.html("box_proof.html", proof=proof, made=made, status=_STATUS)
    return render_limited(html, stylesheets=_STYLES)


_HEADER = (
    "Box 箱号", "Type 类型", "Tare kg 皮重", "Owner 所有人", "Declaration out 出境报关单", "Item 项号", "Day 申报日期",
    "Exit 出境日期", "Due 期限", "B/L, AWB 提运单", "Container 集装箱", "Seal 封号", "Scan out 发出扫描", "Place 地点",
    "Device 设备", "Person 人员", "Scan back 返回扫描", "Place 地点", "Device 设备", "Person 人员",
    "Declaration back 进境报关单", "Item 项号", "Day 日期", "B/L, AWB 提运单", "Reference 凭证", "Status 状态",
    "Exceptions 异常",
)  # fmt: skip


def csv_file(proof: Proof) -> bytes:
    """The same rows as CSV; exceptions that are of no box on the list stand in rows of their own."""
    one = proof.declaration
    head = [one.number, one.item, one.declared_day, one.exit_day, one.due_day, one.transport_document_no,
            one.freight_container_no, one.seal_no]  # fmt: skip
    lines: list[Sequence[Any]] = [
        [row.code, row.type, row.tare, row.owner, *head, *_cells(row.out), *_cells(row.back), row.back_number,
         row.back_item, row.back_day, row.back_document, row.reference, _STATUS[row.status],
         "; ".join(row.exceptions)]
        for row in proof.rows
    ]  # fmt: skip
    listed = {row.code for row in proof.rows}
    for about, text in proof.exceptions:
        if about not in listed:
            lines.append([about, *[""] * (len(_HEADER) - 2), text])
    return write_csv(_HEADER, lines)


def _cells(seen: Seen) -> list[str]:
    return [seen.when, seen.place, seen.device, seen.person]


def _events(asset_ids: Sequence[int], since: datetime) -> dict[int, list[ScanEvent]]:
    """The scans of boxes from a time on, in order; each with `undone_by` where it was declared wrong."""
    found: dict[int, list[ScanEvent]] = defaultdict(list)
    void, person = ScanEvent.alias(), User.alias()
    for start in range(0, len(asset_ids), _CHUNK):
        query = (
            ScanEvent.select(ScanEvent, Place, User, void, person)
            .join_from(ScanEvent, Place, JOIN.LEFT_OUTER, on=(ScanEvent.place == Place.id))
            .join_from(ScanEvent, User, JOIN.LEFT_OUTER, on=(ScanEvent.user == User.id))
            .join_from(ScanEvent, void, JOIN.LEFT_OUTER, on=(void.voids == ScanEvent.event_id), attr="undone")
            .join_from(void, person, JOIN.LEFT_OUTER, on=(void.user == person.id))
            .where(
                ScanEvent.asset.in_(asset_ids[start : start + _CHUNK]), ScanEvent.event_time >= since,
                ScanEvent.refused == "", ScanEvent.type != "void",
            )
            .order_by(ScanEvent.event_time, ScanEvent.record_time, ScanEvent.id)
        )  # fmt: skip
        for event in query:
            found[event.asset_id].append(event)
    return found


def _undone(event: ScanEvent) -> Any:
    undone = getattr(event, "undone", None)
    return undone if undone is not None and undone.event_id else None


def _row(
    box: DeclaredBox, declaration: CustomsDeclaration, events: Sequence[ScanEvent], owners: dict[int, Party],
    overdue: bool, absent: bool,
) -> ProofRow:  # fmt: skip
    kind: AssetType = box.asset.asset_type
    counted = [event for event in events if not _undone(event)]
    out = next((e for e in reversed(counted) if _is_leaving(e, declaration)), None)
    back = next((e for e in counted if box.back_time in (e.event_time, e.record_time)), None) if box.back_time else None
    back_seen = _seen(back) if back else Seen(_told(box.back_time, "UTC")) if box.back_time else Seen()
    last = back.event_time if back else None
    trip = [e for e in events if (out is None or e.event_time >= out.event_time) and (not last or e.event_time <= last)]
    declared = box.back if box.back_id else None
    return ProofRow(
        code=box.asset.code,
        type=kind.code,
        tare=render.quantity(kind.tare),
        owner=owners[box.asset.owner_id].name_en,
        out=_seen(out) if out else Seen(),
        back=back_seen,
        back_number=declared.number if declared else "",
        back_item=declared.item if declared else "",
        back_day=box.closed_day,
        back_document=declared.transport_document_no if declared else "",
        reference=box.reference,
        status=box.closing,
        exceptions=tuple(_exceptions(box, out, trip, overdue, absent)),
    )


def _is_leaving(event: ScanEvent, declaration: CustomsDeclaration) -> bool:
    if event.type != "dispatch":
        return False
    if declaration.shipment_id:
        return bool(event.shipment_id == declaration.shipment_id)
    return event.event_time < declaration.counts_from + timedelta(days=1)


def _exceptions(
    box: DeclaredBox, out: ScanEvent | None, trip: Sequence[ScanEvent], overdue: bool, absent: bool
) -> Iterator[str]:
    found = rules.mismatch(box.closing, box.back_time is not None)
    if found:
        yield _SAID[found]
    if absent:
        yield _SAID["not_loaded"]
    elif out is None:
        yield _SAID["no_out_scan"]
    if not box.closing and box.asset.life in ("lost", "gone"):
        yield _SAID[box.asset.life]
    if overdue and not box.closing:
        yield _SAID["overdue"]
    for event in trip:
        when = f"{event.type} {_told(event.event_time, _zone(event))}"
        undone = _undone(event)
        if undone:
            who = undone.user.username if undone.user else "–"
            yield f"{_SAID['undone']}: {when} ({who}: {undone.reason})"
        elif event.exception:
            yield f"{_SAID['broken']}: {when} ({event.exception})"
    for line in box.log.splitlines():
        yield f"{_SAID['reopened']}: {line}"


def _zone(event: ScanEvent) -> str:
    return event.place.timezone if event.place else "UTC"


def _told(when: datetime, zone: str) -> str:
    return f"{when.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %Z}"


def _seen(event: ScanEvent) -> Seen:
    return Seen(
        _told(event.event_time, _zone(event)), event.place.code if event.place else "", event.device,
        event.user.username if event.user else "",
    )  # fmt: skip
