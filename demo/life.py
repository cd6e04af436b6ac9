"""Six months of the demo company: shipments, papers, and what the scanners reported.

Everything follows from the day it is loaded on and a fixed seed, and is written by the verbs of the service itself: what
the demo shows, the rules have let pass.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import groupby
from zoneinfo import ZoneInfo

from biip.checksums import gs1_standard_check_digit

from accounts.models import User
from assets.dispatched import dispatched_on
from assets.models import Asset, PoolMinimum
from assets.registering import NewBox, Opening, register, register_assets
from assets.scan_told import ScanInput
from assets.scanning import record_scans
from config import Settings
from customs import declarations, rules
from customs.clocks import clocks
from customs.declarations import Head
from database import db
from demo import accounts, people
from demo.company import Company, store
from docs_gen.checklist import checklist
from docs_gen.issuing import Order, finish_many, issue_document, take_number
from docs_gen.models import IssuedDocument
from docs_gen.register import REGISTER
from master_data.models import AssetType, Party
from shipments.details import Details, details_to_json
from shipments.models import Package, Shipment, ShipmentLine

_SUZHOU = ZoneInfo("Asia/Shanghai")
_NAMESPACE = uuid.UUID("6f1f7b0e-5f0e-4b57-9a6c-0d6a4a1f7c11")


@dataclass(frozen=True)
class Lane:
    """How goods go to one customer, and how long its boxes take."""

    party: str
    place: str  # where boxes arrive
    mode: str
    incoterm: str
    named_place: str
    currency: str
    freight: str
    insurance: str
    loading: tuple[str, str]
    discharge: tuple[str, str]
    customs: tuple[str, str, str, str, str, str]  # office, name, exit port, name, destination port, name
    transit: int  # days
    dwell: int
    home: int


_LANES = {
    "HANSA": Lane("HANSA", "HH-WERK", "1", "CIF", "Hamburg", "EUR", "1850", "94.50", ("CNSHA", "Shanghai"), ("DEHAM", "Hamburg"),
                  ("2248", "洋山港区", "310001", "上海港", "DEU066", "汉堡(德国)"), 34, 9, 30),
    "ELBE": Lane("ELBE", "HH-VMI", "1", "DAP", "Seevetal", "EUR", "2100", "0", ("CNSHA", "Shanghai"), ("DEHAM", "Hamburg"),
                 ("2248", "洋山港区", "310001", "上海港", "DEU066", "汉堡(德国)"), 35, 16, 31),
    "TOKAI": Lane("TOKAI", "NGO-INBOUND", "1", "FOB", "Shanghai", "JPY", "0", "0", ("CNSHA", "Shanghai"), ("JPNGO", "Nagoya"),
                  ("2248", "洋山港区", "310001", "上海港", "JPN331", "名古屋(日本)"), 5, 8, 7),
    "MOTORCITY": Lane("MOTORCITY", "DTW-DOCK4", "4", "CIP", "Detroit", "USD", "3120", "41.20", ("CNPVG", "Shanghai Pudong"),
                      ("USDTW", "Detroit"), ("2233", "浦东机场", "310302", "上海浦东国际机场", "USA000", "美国"), 4, 12, 28),
    "SHANCHENG": Lane("SHANCHENG", "CQ-LINE", "3", "DAP", "Chongqing", "CNY", "4600", "0", ("CNSZH", "Suzhou"), ("CNCKG", "Chongqing"),
                      ("", "", "", "", "", ""), 3, 6, 4),
}  # fmt: skip

#: days before the day of loading (negative: ahead) → lane, steel cages, small carriers, state, notes of the story
_VOYAGES: list[tuple[int, str, int, int, str, frozenset[str]]] = [
    (172, "HANSA", 10, 40, "closed", frozenset({"temporary export"})),
    (165, "TOKAI", 4, 24, "closed", frozenset()),
    (158, "SHANCHENG", 0, 60, "closed", frozenset()),
    (150, "ELBE", 12, 30, "dispatched", frozenset({"some lost", "temporary export"})),
    (140, "MOTORCITY", 0, 18, "closed", frozenset()),
    (131, "HANSA", 10, 36, "dispatched", frozenset({"some late"})),
    (119, "TOKAI", 4, 24, "closed", frozenset({"some damaged"})),
    (108, "SHANCHENG", 0, 48, "closed", frozenset()),
    (97, "HANSA", 8, 40, "dispatched", frozenset({"some late", "some damaged"})),
    (86, "ELBE", 10, 24, "dispatched", frozenset()),
    (74, "TOKAI", 4, 20, "closed", frozenset({"brought by another"})),
    (60, "MOTORCITY", 0, 20, "dispatched", frozenset({"some damaged"})),
    (47, "HANSA", 10, 36, "dispatched", frozenset({"some not seen"})),
    (40, "TOKAI", 0, 12, "cancelled", frozenset()),
    (30, "SHANCHENG", 0, 48, "closed", frozenset({"no arrival scans"})),
    (17, "TOKAI", 4, 20, "dispatched", frozenset()),
    (9, "ELBE", 8, 24, "dispatched", frozenset({"temporary export", "on pallets"})),
    (-1, "HANSA", 0, 12, "open", frozenset({"loading"})),
    (-4, "TOKAI", 4, 16, "open", frozenset({"ready"})),
    (-11, "MOTORCITY", 0, 16, "open", frozenset({"facts missing"})),
]

#: The last shipments that left have the papers of their whole set, older ones these three: loading must not take long.
_WHOLE_SETS = 4
_THREE = ("commercial_invoice", "packing_list", "china_export_declaration")

_VESSELS = ["COSCO TAURUS", "EVER GIVE", "HANSE STERN", "NAGOYA EXPRESS", "YANGTZE PEARL", "ELBE TRADER"]
_CONTAINERS = ["TGHU4528713", "MSKU7012349", "CSLU2204578", "OOLU8315207", "TEMU6192740", "COSU6008123"]
_EUR_PRICES = {
    "10-4711": "182.50", "10-4720": "148.20", "10-5200": "9.8750", "10-5201": "9.8750", "10-6010": "96.40",
    "10-6500": "31.15", "20-1105": "2.4600", "20-1220": "0.1185",
}  # fmt: skip
#: what one euro was worth when the price lists were made
_RATES = {"EUR": Decimal(1), "JPY": Decimal(162), "USD": Decimal("1.09"), "CNY": Decimal("7.80")}


def live(now: datetime, settings: Settings) -> None:
    """Store company, shipments, boxes and scans in one transaction, then issue the papers of what has left."""
    story = _Story(now)
    with db.atomic():
        story.tell()
        accounts.agree(now)
    for number, (shipment, day) in enumerate(story.shipped, 1):
        old = number <= len(story.shipped) - _WHOLE_SETS
        _issue(shipment, _THREE if old else tuple(REGISTER), story.clerk, _at(day, 17, 30), settings)
    accounts.state(now, story.clerk, settings)
    with db.atomic():
        people.invited(now, Party.get(Party.code == "HANSA"), story.clerk)
        _declare([one for one in story.shipped if one[1] < story.today - timedelta(days=9)], story.clerk)


def _declare(shipped: list[tuple[Shipment, date]], clerk: User) -> None:
    """The customs clocks of the boxes that left under a declaration of their own; the last one still waits for it."""
    papers = IssuedDocument.select().where(IssuedDocument.part.startswith("2600-"))
    of_boxes = {paper.shipment_id: paper for paper in papers}
    clock = rules.clock_for(clocks(), "CN", "2600")
    for number, (shipment, day) in enumerate((one for one in shipped if one[0].id in of_boxes), 1):
        head = Head(
            number=f"2248{day.year}00000{4711 + number:05d}", item="", regime="2600", country="CN", office="2248 洋山港区",
            destination=shipment.consignee.country, declared_day=day - timedelta(days=1), exit_day=day,
            months=clock.months if clock else None, shipment=shipment, document=of_boxes[shipment.id],
            transport_document_no=shipment.transport_document_no, freight_container_no=shipment.freight_container_no,
            seal_no=shipment.seal_no,
        )  # fmt: skip
        out = declarations.save_out(head, dispatched_on(shipment), clerk, _at(day, 9))
        back = declarations.open_codes(out, only_back=True)
        entry = Head(
            number=f"2248{day.year}10000{4711 + number:05d}", regime="2600", country="CN", office="2248 洋山港区",
            declared_day=day + timedelta(days=82), transport_document_no=f"COSU700{number:07d}",
        )  # fmt: skip
        # Three boxes were overlooked: they are in the yard, and customs does not know it.
        declarations.save_back(entry, declarations.assets_of(back[:-3]), clerk, _at(day + timedelta(days=82), 16))


def _issue(shipment: Shipment, kinds: tuple[str, ...], clerk: User, now: datetime, settings: Settings) -> None:
    """Issue the papers of these kinds that the shipment needs: the invoice first, then those that name it."""
    numbered = []
    for row in checklist(shipment, settings.base_url).rows:
        type = row.paper.type
        order = Order(type.code, row.paper.facts.part, reasons={"": "Agreed with the forwarder. 已与货代确认。"})
        if type.code in kinds and not type.names_invoice:
            issue_document(shipment, order, clerk, now, settings)
        elif type.code in kinds:
            numbered.append(take_number(shipment, order, clerk, now, settings.base_url))
    for document, fault in finish_many(numbered, settings):
        if fault:
            raise RuntimeError(f"{document.number} of the demo: {fault}")


def _at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), _SUZHOU)


class _Story:
    """The state while the tale is told: which boxes are at home, and the scans in the order of time."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.today = now.astimezone(_SUZHOU).date()
        self.random = random.Random(4711)  # noqa: S311  (a story, not a secret)
        self.scans: list[tuple[datetime, ScanInput]] = []
        self.shipped: list[tuple[Shipment, date]] = []
        self.states: list[tuple[Shipment, str]] = []
        self.waiting: list[tuple[Asset, date]] = []  # damaged boxes for which nobody has time, since when
        self.pallets: list[tuple[Shipment, Lane, date, datetime, int]] = []  # EUR pallets that left, and when
        self.company: Company
        self.clerk = User.select().order_by(User.id).first()

    def tell(self) -> None:
        self.company = store(self.now - timedelta(days=200))
        self.boxes = self._buy_boxes()
        #: when a box is free again, by its code; boxes are taken in the order of their codes
        self.free_from = {
            asset.code: self.today - timedelta(days=190) for assets in self.boxes.values() for asset in assets
        }
        for index, (days, lane, cages, carriers, state, notes) in enumerate(_VOYAGES):
            self._ship(index, self.today - timedelta(days=days), _LANES[lane], cages, carriers, state, notes)
        self._between_our_places()
        self._pool()
        self._recent_mistakes()
        self._record()
        self._open_the_books()
        for shipment, state in self.states:  # last: nothing can be scanned onto a shipment that is closed
            Shipment.update(state=state).where(Shipment.id == shipment.id).execute()

    def _buy_boxes(self) -> dict[str, list[Asset]]:
        parties, places, types = self.company.parties, self.company.places, self.company.asset_types
        bought = {}
        for code, prefix, count in (("KLT6428", "KLT", 320), ("GLT1210", "GLT", 80)):
            bought[code] = register_assets(
                types[code], [f"{prefix}{n:06d}" for n in range(1, count + 1)], parties["STABIL"], places["SZ-EMPTIES"],
                self.clerk, _at(self.today - timedelta(days=190), 9),
            )  # fmt: skip
        for code, least in (("KLT6428", 150), ("GLT1210", 80)):
            PoolMinimum.create(asset_type=types[code], place=places["SZ-EMPTIES"], minimum=least)
        return bought

    def _take(self, asset_type: str, count: int, day: date) -> list[Asset]:
        free = [asset for asset in self.boxes[asset_type] if self.free_from[asset.code] < day]
        return free[:count]

    def _ship(
        self, index: int, day: date, lane: Lane, cages: int, carriers: int, state: str, notes: frozenset[str]
    ) -> None:
        shipment = self._store_shipment(index, day, lane, cages, carriers, notes)
        self.states.append((shipment, state))
        boxes = self._take("KLT6428", carriers, day) + self._take("GLT1210", cages, day)
        if state == "cancelled" or "facts missing" in notes:
            return
        if "ready" in notes:
            boxes = []  # complete on paper, not loaded yet
        loaded = _at(min(day, self.today) - timedelta(days=1), 15)
        if "loading" in notes:
            boxes = boxes[:-1]  # 11 of 12: one box is still to be scanned
            loaded = self.now - timedelta(minutes=20)
        single = boxes
        if "on pallets" in notes:
            single = self._pack(boxes, loaded - timedelta(hours=2), shipment)
        for number, asset in enumerate(single):
            self._scan(
                "dispatch", asset, loaded + timedelta(seconds=7 * number), shipment=shipment.number, place="SZ-GATE2"
            )
        if boxes:
            pallets = max(2, carriers // 8 + cages // 2)
            self.pallets.append((shipment, lane, day, loaded, pallets))
        if state != "open":
            self.shipped.append((shipment, day))
            self._come_home(boxes, day, lane, notes)

    def _come_home(self, boxes: list[Asset], day: date, lane: Lane, notes: frozenset[str]) -> None:
        arrival = day + timedelta(days=lane.transit)
        never = set()
        if "some lost" in notes:
            never = {asset.code for asset in boxes[:5]}
            for asset in boxes[:5]:
                self.free_from[asset.code] = date.max
                self._scan(
                    "lost",
                    asset,
                    _at(day + timedelta(days=128), 11),
                    reason="Not found in the count at the VMI warehouse.",
                )
        if "some late" in notes:
            never = {asset.code for asset in boxes[6:15]}
        damaged = {asset.code for asset in boxes[20:24]} if "some damaged" in notes else set()
        halves = (boxes[: len(boxes) // 2], boxes[len(boxes) // 2 :])  # empties come back in two trucks
        for half, part in enumerate(halves):
            back = arrival + timedelta(days=lane.dwell + lane.home + 4 * half + self.random.randint(0, 3))
            for number, asset in enumerate(part):
                moment = timedelta(seconds=6 * number)
                there = {"place": lane.place, "party": lane.party}
                overlooked = "some not seen" in notes and half == 0 and number < 2
                if "no arrival scans" not in notes and not overlooked:
                    self._scan("arrive", asset, _at(arrival, 20) + moment, **there)
                if asset.code in never:
                    self.free_from[asset.code] = date.max
                    continue
                self.free_from[asset.code] = back + timedelta(days=2)
                if lane.party == "HANSA":  # the one customer who reports his empties
                    ready = arrival + timedelta(days=lane.dwell + 4 * half)
                    self._scan("empties_ready", asset, _at(ready, 15) + moment, **there)
                    self._scan("return_shipped", asset, _at(ready + timedelta(days=2), 16) + moment, **there)
                brought = "SHANCHENG" if "brought by another" in notes and half == number == 0 else lane.party
                self._scan("return", asset, _at(back, 10) + moment, place="SZ-EMPTIES", party=brought)
                if lane.party == "SHANCHENG":
                    self._scan("clean", asset, _at(back, 14) + moment, place="SZ-EMPTIES")
                checked = _at(back + timedelta(days=1), 9) + moment
                if asset.code in damaged:
                    self.free_from[asset.code] = back + timedelta(days=32)
                    self._scan("damage", asset, checked, place="SZ-EMPTIES", reason="Side wall cracked at the handle.")
                    if number % 2:  # the others wait for the workshop
                        self._scan("repair", asset, _at(back + timedelta(days=6), 14) + moment, place="SZ-EMPTIES")
                        self._scan("repaired", asset, _at(back + timedelta(days=30), 14) + moment, place="SZ-EMPTIES")
                    else:
                        self.free_from[asset.code] = date.max
                        self.waiting.append((asset, back))
                else:
                    self._scan("inspect", asset, checked, place="SZ-EMPTIES")

    def _pack(self, boxes: list[Asset], packed: datetime, shipment: Shipment) -> list[Asset]:
        """Two pallets of twelve carriers each: whoever scans the label of a pallet moves what is on it."""
        for number in (1, 2):
            label = "34012345" + f"{90_000 + number:09d}"
            label = f"(00){label}{gs1_standard_check_digit(label)}"
            for place, asset in enumerate(boxes[12 * (number - 1) : 12 * number]):
                moment = packed + timedelta(minutes=10 * number, seconds=4 * place)
                self._scan("pack", asset, moment, place="SZ-GATE2", parent=label)
            pallet = {"asset_type": "EPAL", "quantity": 1, "place": "SZ-GATE2", "parent": label}
            self._scan("pack", "", packed + timedelta(minutes=10 * number + 2), **pallet)
            loaded = packed + timedelta(hours=2, minutes=-number)
            self._scan("dispatch", label, loaded, shipment=shipment.number, place="SZ-GATE2")
        return boxes[24:]

    def _between_our_places(self) -> None:
        """Boxes for the next shipment go from the yard to the gate; the last ones are still on their way."""
        left = self.now - timedelta(hours=3)
        for number, asset in enumerate(self._take("KLT6428", 300, self.today)[30:46]):
            moment = timedelta(seconds=5 * number)
            self._scan("transfer_out", asset, left + moment, place="SZ-EMPTIES", destination="SZ-GATE2")
            if number < 12:
                self._scan("transfer_in", asset, left + timedelta(minutes=40) + moment, place="SZ-GATE2")

    def _pool(self) -> None:
        """EUR pallets have no codes: they are counted, go with the shipments, and come back fewer."""
        bought = _at(self.today - timedelta(days=189), 10)
        epal = {"asset_type": "EPAL"}
        self._scan("commission", "", bought, place="SZ-GATE2", quantity=300, **epal)
        for shipment, lane, day, loaded, count in self.pallets:
            note = f"PN-{shipment.number[2:]}"
            self._scan("dispatch", "", loaded + timedelta(minutes=9), shipment=shipment.number, place="SZ-GATE2",
                       quantity=count, document=note, **epal)  # fmt: skip
            back = _at(day + timedelta(days=lane.transit + lane.dwell + lane.home + 6), 11)
            home = {"place": "SZ-EMPTIES", "party": lane.party, **epal}
            self._scan("return", "", back, quantity=max(1, count * 4 // 5), document=f"R{note}", **home)
        yard = {"place": "SZ-EMPTIES", **epal}
        self._scan("damage", "", self.now - timedelta(days=20), quantity=6, reason="Boards broken.", **yard)
        self._scan("scrap", "", self.now - timedelta(days=12), quantity=4, reason="Not worth a repair.", **yard)
        self._scan("transfer_out", "", self.now - timedelta(days=6), quantity=20, destination="SZ-GATE2", **yard)
        self._scan("transfer_in", "", self.now - timedelta(days=6, hours=-1), quantity=20, place="SZ-GATE2", **epal)

    def _open_the_books(self) -> None:
        """A few boxes were out already when they were registered, one of them nobody knows since when."""
        types, parties, places = self.company.asset_types, self.company.parties, self.company.places
        now = self.now - timedelta(days=120)
        since = (self.today - timedelta(days=150), self.today - timedelta(days=150), None)
        tokai = [Opening(parties["TOKAI"], places["NGO-INBOUND"], day) for day in since]
        boxes = [NewBox(types["KLT6428"], f"KLT{321 + number:06d}", one) for number, one in enumerate(tokai)]
        register(boxes, parties["STABIL"], places["SZ-EMPTIES"], self.clerk, now)
        PoolMinimum.create(asset_type=types["EPAL"], place=places["SZ-GATE2"], minimum=240)

    def _recent_mistakes(self) -> None:
        """What a yard really scans: goods labels, foreign boxes, boxes that were never scanned out."""
        gate = {"place": "SZ-EMPTIES", "party": "HANSA"}
        at_home = self._take("KLT6428", 300, self.today)[-1]
        for hours, text, more in (
            (50, "(00)069012340000001235", {}),
            (49, "https://id.gs1.org/8003/04298765000014HL0042", {}),
            (28, "KLT009999", {}),
            (27, at_home.code, {"happened": True}),
        ):
            self._scan("return", text, self.now - timedelta(hours=hours), **gate, **more)
        # One that Hamburg has by our books stands in the yard; one that stands in the yard is in Hamburg.
        late = next(code for code, day in self.free_from.items() if day == date.max and code.startswith("KLT"))
        self._scan("stock_take", late, self.now - timedelta(hours=52), place="SZ-EMPTIES")
        there = {"place": "HH-WERK", "party": "HANSA"}
        self._scan(
            "arrive", self._take("KLT6428", 300, self.today)[-2], self.now - timedelta(hours=31), happened=True, **there
        )
        self._scan("stock_take", "", self.now - timedelta(hours=8), place="SZ-EMPTIES", asset_type="EPAL", quantity=110)
        for asset, back in self.waiting[:1]:
            self._scan(
                "write_off", asset, _at(back + timedelta(days=40), 15), place="SZ-EMPTIES", reason="Beyond repair."
            )

    def _scan(self, kind: str, asset: Asset | str, moment: datetime, **fields: object) -> None:
        if moment >= self.now:
            return
        text = asset if isinstance(asset, str) else asset.code
        counted = "".join(f" {fields[name]}" for name in ("asset_type", "quantity") if name in fields)
        event_id = str(uuid.uuid5(_NAMESPACE, f"{kind} {text} {moment.isoformat()}{counted}"))
        device = "DT50-02" if fields.get("place") == "SZ-EMPTIES" else "TC22-01"
        self.scans.append((
            moment,
            ScanInput(event_id=event_id, type=kind, scanned_text=text, event_time=moment, device=device, **fields),  # type: ignore[arg-type]
        ))  # fmt: skip

    def _record(self) -> None:
        self.scans.sort(key=lambda pair: (pair[0], pair[1].event_id))
        for _, batch in groupby(
            self.scans, key=lambda pair: (pair[1].type, pair[0].date(), pair[1].place, pair[1].shipment)
        ):
            for part in _portions([scan for _, scan in batch], 200):
                record_scans(part, self.clerk, part[-1].event_time + timedelta(seconds=3))

    def _store_shipment(
        self, index: int, day: date, lane: Lane, cages: int, carriers: int, notes: frozenset[str]
    ) -> Shipment:
        parties, products, types = self.company.parties, self.company.products, self.company.asset_types
        complete = "facts missing" not in notes
        rack = products["10-4711" if index % 2 else "10-4720"]
        office, office_name, exit_port, exit_name, target, target_name = lane.customs
        sea = lane.mode == "1"
        made = _at(day - timedelta(days=9), 10)
        shipment = Shipment.create(
            number=f"S-{day.year}-{index + 1:04d}", consignor=parties["STABIL"], consignee=parties[lane.party],
            notify_party=parties["ELBE"] if lane.party == "HANSA" else None, ship_from=self.company.places["SZ-GATE2"],
            invoice_date=day - timedelta(days=2) if complete else None, departure_date=day,
            contract_no=f"SC-{day.year}-{index + 7:03d}", order_no=f"45{index:02d}{day:%m%d}17", incoterm=lane.incoterm,
            named_place=lane.named_place, payment_terms="60 days net from date of invoice", transport_mode=lane.mode,
            port_of_loading=lane.loading[0], port_of_loading_name=lane.loading[1], port_of_discharge=lane.discharge[0],
            port_of_discharge_name=lane.discharge[1], place_of_delivery=lane.named_place,
            vessel=_VESSELS[index % len(_VESSELS)] if sea else ("CA 7437" if lane.mode == "4" else "苏E·88" + f"{index:03d}"),
            voyage=f"{40 + index:03d}W" if sea else "", transport_document_no=_document_no(lane.mode, index) if complete else "",
            freight_container_no=_CONTAINERS[index % len(_CONTAINERS)] if sea else "", seal_no=f"CN{4711000 + index}" if sea else "",
            currency=lane.currency, freight=Decimal(lane.freight), insurance=Decimal(lane.insurance),
            marks=f"{lane.party}\n{lane.named_place.upper()}\nC/NO. 1-UP", customs_office=office, customs_office_name=office_name,
            exit_port=exit_port, exit_port_name=exit_name, destination_port=target, destination_port_name=target_name,
            forwarder=parties["SEAROAD"], carrier=parties["COASTAL"] if sea else None, broker=parties["GATE9"],
            deliver_to=self.company.places[lane.place], details=details_to_json(_details(lane, day, complete, "temporary export" in notes)),
            created_time=made, changed_time=made, changed_by=self.clerk,
        )  # fmt: skip
        packed: list[tuple[AssetType | None, str, int, str, int]] = []  # type, Rec. 21, count, part no., pieces in one
        if carriers:
            packed.append((types["KLT6428"], "4H", carriers, rack.part_no, 2))
        if cages:
            packed.append((types["GLT1210"], "CG", cages - cages // 2, "10-5200", 120))
            packed.append((types["GLT1210"], "CG", cages // 2, "10-5201", 120))
        packed.append((None, "CT", 2, "20-1220", 500))
        quantities: dict[str, int] = {}
        for position, (kind, code, count, part_no, pieces) in enumerate(packed, 1):
            quantities[part_no] = quantities.get(part_no, 0) + count * pieces
            net = products[part_no].net_mass * pieces
            size = (kind.length_mm, kind.width_mm, kind.height_mm) if kind else (400, 300, 250)
            Package.create(
                shipment=shipment, position=position, asset_type=kind, package_code=code, count=count, product=products[part_no],
                pieces=pieces, net_mass=net, gross_mass=net + (kind.tare if kind else Decimal("0.45")),
                length_mm=size[0], width_mm=size[1], height_mm=size[2],
            )  # fmt: skip
        decimals = 0 if lane.currency == "JPY" else 4
        for position, (part_no, quantity) in enumerate(quantities.items(), 1):
            price = round(Decimal(_EUR_PRICES[part_no]) * _RATES[lane.currency], decimals)
            ShipmentLine.create(
                shipment=shipment,
                position=position,
                product=products[part_no],
                quantity=Decimal(quantity),
                unit_price=price,
            )
        return shipment


def _details(lane: Lane, day: date, complete: bool, temporary: bool) -> Details:
    """What single papers ask for; of a shipment whose facts are missing nothing is known yet."""
    if not complete:
        return Details()
    before = day - timedelta(days=1)
    common = Details(
        place_of_issue="SUZHOU, CHINA", signatory="WANG LI", position="Export manager", wood_packing="none",
        box_regime="2600" if temporary else "none", proxy_mode="B", proxy_services="AB", cargo_ready_date=before,
    )  # fmt: skip
    if lane.mode == "1":
        return replace(
            common, booking_no=f"BK{day:%y%m%d}01", equipment_type="22G1", equipment_count=1, container_tare=2230,
            container_max_gross=30480, vgm_method="2", dunnage_mass=Decimal(28), bl_type="original", bl_originals=3,
            on_board_date=day, freight_payable_at="Shanghai" if lane.insurance != "0" else "",
            si_cutoff=datetime.combine(before, time(12)), vgm_cutoff=datetime.combine(before, time(17)),
            insurance_cover="ICC (A)", claims_payable_at=lane.named_place, insurance_date=before, open_cover_no="OC-2026-77",
        )  # fmt: skip
    if lane.mode == "4":
        return replace(
            common, airport_of_departure="PVG", airport_of_destination="DTW", other_charges_payment="PP",
            security_status="SPX", insurance_cover="ICC (Air)", claims_payable_at=lane.named_place, insurance_date=before,
        )  # fmt: skip
    return replace(
        common, truck_no="苏E·88017", driver="Li Qiang 李强", driver_phone="+86 139 0000 0000", dock="Line side 3",
        delivery_from=datetime.combine(day + timedelta(days=lane.transit), time(8)),
        delivery_until=datetime.combine(day + timedelta(days=lane.transit), time(10)),
    )  # fmt: skip


def _document_no(mode: str, index: int) -> str:
    if mode == "1":
        return f"COSU{6391234500 + 17 * index}"
    if mode == "4":
        serial = 8765430 + index
        return f"999-{serial}{serial % 7}"  # IATA: the check digit is the serial modulo 7
    return f"TR{20260 + index}"


def _portions(items: list[ScanInput], size: int) -> Iterator[list[ScanInput]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
