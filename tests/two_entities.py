"""One firm with two entities, each with two sites, a partner of its own and one that both share, made by the verbs.

Whatever belongs to one of them only bears its mark in its code, name or text: an answer with the mark tells of it.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import samples
from PIL import Image
from stdnum import ean

import archive
from accounts.models import ApiToken, UserSession
from accounts.people import Belonging, change_person, create_token, create_user
from accounts.sessions import begin
from assets.devices import register
from assets.models import Agreement, Asset, Device, ExceptionCase, PoolMinimum, ScanEvent
from assets.registering import register_assets
from assets.scan_told import ScanInput
from assets.scanning import record_scan
from assets.sessions import Hand, SessionInput, put
from config import Settings
from customs import declarations
from customs.declarations import Head
from customs.models import CustomsDeclaration, DeclaredBox
from docs_gen.issuing import Order, issue_document
from docs_gen.looks import save_look, save_seal, save_wording
from docs_gen.models import IssuedDocument, PaperSet, Seal, Wording
from docs_gen.paper_sets import order_set
from jobs.models import Job
from jobs.queue import order
from master_data.models import AssetType, Party, Place, Product
from photos import keep_photo
from shipments.models import LetterOfCredit, Package, Shipment, ShipmentLine
from statements import replies
from statements.accounts import Month
from statements.issuing import issue_statement
from statements.models import Statement, StatementLink

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
SEPTEMBER, OCTOBER = datetime(2026, 9, 1, 8, tzinfo=UTC), datetime(2026, 10, 5, 8, tzinfo=UTC)
PASSWORD = "correct horse battery"


@dataclass
class Firm:
    """What is the firm's, and the partner that both entities have."""

    shared: Party
    klt: AssetType
    pallet: AssetType
    rack: Product
    tie_rod: Product


@dataclass
class Side:
    """One entity with all that is its own. `mark` is in every text of it, `mark2` in what is of its second site only."""

    mark: str
    own: Party
    partner: Party
    site: Place
    site2: Place
    shop: Place  # of the partner
    boxes: list[Asset] = field(default_factory=list)
    far_box: Asset | None = None  # at the second site
    shipments: list[Shipment] = field(default_factory=list)
    load: str = ""
    photo: str = ""
    photo2: str = ""
    session: str = ""
    session2: str = ""
    device_token: str = ""
    people: dict[str, Any] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def mark2(self) -> str:
        return f"{self.mark}2ND"


def firm() -> Firm:
    other = {"own": False, "uscc": "", "customs_no": "", "bank_name": "", "bank_account": "", "bank_bic": ""}
    shared = samples.party(NOW, code="SHARED", name_en="Shared Automotive GmbH", name_zh="", country="DE", **other)
    return Firm(
        shared,
        samples.asset_type(NOW),
        samples.asset_type(
            NOW, code="EPAL", name_en="EUR pallet", counted=True, gs1_company_prefix="", gs1_asset_type="",
            package_code="PX", cn_package_code="93",
        ),
        samples.product(NOW),
        samples.product(NOW, part_no="10-5200", description_en="Tie rod, left", description_zh="左转向拉杆"),
    )  # fmt: skip


def picture(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGBA" if colour == "clear" else "RGB", (90, 60), "#0000" if colour == "clear" else colour).save(
        buffer, "PNG"
    )
    return buffer.getvalue()


def _parties(mark: str) -> tuple[Party, Party, Place, Place, Place]:
    own = samples.party(
        NOW, code=f"{mark}-OWN", name_en=f"{mark} Selling Ltd.", name_zh="", contact=f"{mark} Wang",
        email=f"own@{mark.lower()}.example", gs1_company_prefix="4012345" if mark < "QB" else "4054321",
    )  # fmt: skip
    partner = samples.party(
        NOW, code=f"{mark}-BUYER", own=False, name_en=f"{mark} Buyer GmbH", name_zh="", country="DE", uscc="",
        customs_no="", bank_name="", bank_account="", bank_bic="", email=f"buyer@{mark.lower()}.example",
    )  # fmt: skip
    where: dict[str, Any] = {"country": "CN", "timezone": "Asia/Shanghai", "changed_time": NOW}
    return (
        own, partner,
        Place.create(code=f"{mark}-SITE1", party=own, name_en=f"{mark} site one", return_address=True, **where),
        Place.create(code=f"{mark}-SITE2", party=own, name_en=f"{mark}2ND site", **where),
        Place.create(code=f"{mark}-SHOP", party=partner, name_en=f"{mark} shop", **{**where, "country": "DE"}),
    )  # fmt: skip


def scan(side: Side, kind: str, code: str, when: datetime, **more: Any) -> str:
    """One scan recorded when it happened; gives its id."""
    told = ScanInput(str(uuid4()), kind, code, when, **{"place": side.site.code, "device": f"{side.mark}-TC22", **more})
    answer = record_scan(told, None, when)
    assert answer.outcome in ("recorded", "refused"), answer
    return told.event_id


def build(mark: str, firm: Firm, settings: Settings) -> Side:
    """All of one entity. It needs the context of a request, since papers and statements speak a language."""
    side = Side(mark, *_parties(mark))
    boss = create_user(f"{mark.lower()}.boss", PASSWORD, NOW)
    photos = settings.photos_dir
    colours = ("#884422", "#448822") if mark < "QB" else ("#224488", "#882244")
    side.photo, side.photo2 = (keep_photo(picture(one), "photo", photos) for one in colours)

    codes = [f"{mark}-KLT-{number:03}" for number in range(1, 7)]
    side.boxes = register_assets(firm.klt, codes, side.own, side.site, boss, SEPTEMBER)
    (side.far_box,) = register_assets(firm.klt, [f"{side.mark2}-001"], side.own, side.site2, boss, SEPTEMBER)

    world = samples.World(
        side.own, side.partner, firm.shared, side.site, side.shop, firm.rack, firm.tie_rod, firm.klt, firm.klt,
        firm.pallet, None,  # type: ignore[arg-type]
    )  # fmt: skip
    for number, consignee in enumerate((side.partner, firm.shared), 1):
        made = samples.shipment(
            NOW, world, number=f"S-2026-{'1' if mark < 'QB' else '2'}00{number}", consignee=consignee,
            contract_no=f"{mark}-C{number}", order_no=f"{mark}-O{number}", marks=f"{mark} MARKS\nC/NO. 1-13",
            remarks=f"{mark} remark", transport_document_no=f"{mark}BL{number}", vessel=f"{mark} STAR",
        )  # fmt: skip
        boxes = 3 - number  # that will be scanned onto it
        ShipmentLine.update(quantity=2 * boxes).where(
            ShipmentLine.shipment == made, ShipmentLine.position == 1
        ).execute()
        Package.update(count=boxes).where(Package.shipment == made, Package.position == 1).execute()
        side.shipments.append(made)
    first, second = side.shipments

    scan(side, "dispatch", codes[0], OCTOBER, shipment=first.number, document=f"{mark}-NOTE")
    scan(side, "dispatch", codes[1], OCTOBER, shipment=first.number)
    scan(side, "dispatch", codes[3], OCTOBER, shipment=second.number)
    scan(side, "return", codes[1], OCTOBER + timedelta(days=15), party=side.partner.code)
    scan(side, "damage", codes[2], NOW, reason=f"{mark} torn", photo=side.photo)
    assert side.far_box is not None
    scan(side, "damage", side.far_box.code, NOW, place=side.site2.code, reason=f"{side.mark2} torn", photo=side.photo2)
    scan(side, "dispatch", f"{mark} UNKNOWN LABEL", NOW, shipment=first.number)
    scan(side, "return", f"{side.mark2} UNKNOWN LABEL", NOW, place=side.site2.code)
    scan(side, "commission", "", NOW, asset_type="EPAL", quantity=40 if mark < "QB" else 70)
    about: dict[str, Any] = {"asset_type": "EPAL", "party": "SHARED", "owner": side.own.code, "place": ""}
    scan(side, "opening", "", OCTOBER, quantity=600, document=f"{mark}-POOL", **about)
    scan(side, "write_off", "", NOW, quantity=900, reason=f"{mark} burnt", **about)  # more than he had: a case
    sscc = "34012345000000001" if mark < "QB" else "34054321000000001"
    side.load = f"(00){sscc}{ean.calc_check_digit(sscc)}"
    scan(side, "pack", codes[4], NOW, parent=side.load)

    _papers(side, firm, boss, settings)
    _customs(side, boss)
    _rest(side, firm, settings)
    return side


def _papers(side: Side, firm: Firm, boss: Any, settings: Settings) -> None:
    reasons = {"": f"{side.mark} has agreed with the broker."}
    issue_document(side.shipments[0], Order("packing_list", reasons=reasons), boss, NOW, settings)
    order_set(side.shipments[0], [("commercial_invoice", "")], reasons, boss, NOW)
    Job.update(state="done").where(Job.kind == "issue_set").execute()
    for partner in (side.partner, firm.shared):
        made = issue_statement(side.own, partner, Month(2026, 10), "en", boss, NOW, settings)
        replies.make_link(made, boss, NOW)
        line = replies.all_is_right(made)[0].line
        replies.take_answers(
            made, [replies.Answer(line, "disputed", 9, f"{side.mark} counted nine")], f"{side.mark} Buyer", NOW
        )


def _customs(side: Side, boss: Any) -> None:
    head = Head(
        number=f"{side.mark}2248", item="1", regime="2600", country="CN", office="2248", destination="DE",
        declared_day=date(2026, 10, 4), exit_day=date(2026, 10, 5), months=2, shipment=side.shipments[0],
        note=f"{side.mark} note",
    )  # fmt: skip
    out = declarations.save_out(head, [Asset.get_by_id(box.id) for box in side.boxes[:2]], boss, NOW)
    declarations.extend(out, f"{side.mark}EXT", date(2026, 11, 1), date(2027, 1, 5), boss, NOW)
    alone = replace(head, number=f"{side.mark}2249", shipment=None, months=1)
    declarations.save_out(alone, [Asset.get_by_id(side.boxes[3].id)], boss, NOW)


def _rest(side: Side, firm: Firm, settings: Settings) -> None:
    mark = side.mark
    for partner in (side.partner,):
        Agreement.create(
            partner=partner, valid_from=date(2026, 1, 1), free_days=1, currency="EUR", rental=Decimal("1.5"),
            deposit=Decimal("12"), note=f"{mark} agreement", changed_time=NOW,
        )  # fmt: skip
    LetterOfCredit.create(
        code=f"{mark}-LC", number=f"{mark}LC77", issue_date=date(2026, 9, 1), issuing_bank=f"{mark} Bank",
        applicant=side.partner, beneficiary=side.own, currency="EUR", amount=Decimal(10_000), changed_time=NOW,
        expiry_date=date(2027, 1, 1),
    )  # fmt: skip
    texts = {"slot": "footer", "type": "", "destination": "", "language": "en", "customer": None}
    save_wording(Wording(), {**texts, "seller": side.own, "text": f"{mark} footer"}, NOW)
    save_look(side.own, "#1a4f8b", picture("#111111"), True, NOW, settings.pictures_dir)
    values = {"seller": side.own, "name": f"{mark} stamp", "kind": "stamp", "types": ""}
    save_seal(Seal(), values, picture("clear"), NOW, settings.pictures_dir)
    for place, name in ((side.site, mark), (side.site2, side.mark2)):
        PoolMinimum.create(asset_type=firm.klt, place=place, minimum=500)
        worker = create_user(f"{name.lower()}.worker", PASSWORD, NOW)
        change_person(
            worker,
            "",
            worker.email,
            Belonging(frozenset({"scanner_operator"}), frozenset({side.own.id}), frozenset({place.id})),
        )
        device, token = register(f"{name} handheld", worker, NOW)
        Device.update(place=place).where(Device.id == device.id).execute()
        uuid = str(uuid4())
        put(SessionInput(uuid, "stock_take", NOW, place=place.code, difference_reason=f"{name} why"),
            Hand(worker, Device.get_by_id(device.id)), NOW)  # fmt: skip
        if place == side.site:
            side.device_token, side.session = token, uuid
        else:
            side.session2 = uuid
    entity = frozenset({side.own.id})
    for name, roles, sites in (
        ("all", ("document_clerk", "logistics_lead", "scanner_operator"), None), ("clerk", ("document_clerk",), None),
        ("lead", ("logistics_lead",), None), ("viewer", ("viewer",), None),
        ("scanner", ("scanner_operator",), frozenset({side.site.id})),
        ("site", ("logistics_lead", "document_clerk"), frozenset({side.site.id})),
    ):  # fmt: skip
        person = create_user(f"{mark.lower()}.{name}", PASSWORD, NOW)
        change_person(person, "", person.email, Belonging(frozenset(roles), entity, sites))
        side.people[name] = person
        side.tokens[name] = create_token(person, f"{mark} program of {name}", NOW)
    for person in (side.people["lead"], None):  # one that he asked for, with what it made, and one of the service
        job = order("labels" if person else "prepare_papers", {"assets": [side.boxes[0].id], "sheet": "a4-24", "skip": 0},
                    NOW, about=f"{mark} boxes", by=person, entity=side.own)  # fmt: skip
        Job.update(
            state="done", file_sha256=archive.keep(settings.results_dir, f"%PDF {mark}".encode()),
            file_name=f"{mark} labels.pdf", file_until=NOW + timedelta(days=3_000),
        ).where(Job.id == job.id).execute()  # fmt: skip
    begin(side.people["all"], NOW)
    buyer = create_user(f"{mark.lower()}.buyer", PASSWORD, NOW)
    change_person(buyer, "", buyer.email, Belonging(frozenset({"partner"}), partner=side.partner.id))
    side.people["partner"] = buyer


# what it has, by the arguments of routes


def ids(model: Any, *conditions: Any) -> list[int]:
    return [row.id for row in model.select().where(*conditions)]


def papers(side: Side) -> list[int]:
    return ids(IssuedDocument, IssuedDocument.seller == side.own)


def statements(side: Side) -> list[int]:
    return ids(Statement, Statement.document.in_(papers(side)))


def links(side: Side) -> list[int]:
    return ids(StatementLink, StatementLink.statement.in_(statements(side)))


def seals(side: Side) -> list[int]:
    return ids(Seal, Seal.seller == side.own)


def wordings(side: Side) -> list[int]:
    return ids(Wording, Wording.seller == side.own)


def agreements(side: Side) -> list[int]:
    return ids(Agreement, Agreement.partner == side.partner)


def declared(side: Side) -> list[int]:
    return ids(CustomsDeclaration, CustomsDeclaration.number.startswith(side.mark))


def declared_boxes(side: Side) -> list[int]:
    return ids(DeclaredBox, DeclaredBox.declaration.in_(declared(side)))


def jobs(side: Side) -> list[int]:
    return ids(PaperSet, PaperSet.shipment.in_([one.id for one in side.shipments]))


def background_jobs(side: Side) -> list[int]:
    return ids(Job, Job.entity == side.own)


def cases(side: Side) -> list[int]:
    """Of its boxes, its places, its statements."""
    assets = [box.id for box in (*side.boxes, side.far_box) if box]
    mine = statements(side)
    disputes = [
        case.id
        for case in ExceptionCase.select().where(ExceptionCase.source == "statement")
        if json.loads(case.values)["statement"] in mine
    ]
    places = [side.site.id, side.site2.id]
    about = ids(ExceptionCase, ExceptionCase.asset.in_(assets) | ExceptionCase.place.in_(places))
    return sorted({*about, *disputes})


def events(side: Side) -> list[str]:
    assets = [box.id for box in (*side.boxes, side.far_box) if box]
    rows = ScanEvent.select().where(ScanEvent.asset.in_(assets) | ScanEvent.place.in_([side.site, side.site2]))
    return [row.event_id for row in rows]


def devices(side: Side) -> list[int]:
    return ids(Device, Device.name.startswith(side.mark))


def tokens(side: Side) -> list[int]:
    return ids(ApiToken, ApiToken.name.startswith(side.mark))


def sessions(side: Side) -> list[int]:
    return ids(UserSession, UserSession.user == side.people["all"].id)
