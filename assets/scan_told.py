"""What a scanning person or device tells, as it came: what its texts mean, and what makes two reports the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid4, uuid5

from assets.models import ScanEvent
from assets.scanned_text import MAX_LENGTH, ScannedCode, read_scanned_text
from assets.values import altered

#: Boxes of a counted pool that one scan may tell of.
MAX_QUANTITY = 100_000


@dataclass(frozen=True)
class ScanInput:
    """One scan as a device reports it; event_id and voids are UUIDs, event_time has the device's offset."""

    event_id: str
    type: str
    scanned_text: str
    event_time: datetime
    shipment: str = ""  # number
    place: str = ""  # code
    party: str = ""  # code
    device: str = ""
    happened: bool = False
    confirmed: tuple[str, ...] = ()
    reason: str = ""
    voids: str = ""
    destination: str = ""  # code of a place
    asset_type: str = ""  # code; of a counted pool
    quantity: int = 0
    owner: str = ""  # code; whose they are, of a counted pool; '': see scan_rows
    parent: str = ""  # text of the load: an SSCC, or the plate of a box
    document: str = ""
    photo: str = ""  # SHA-256 of a kept picture
    corrects: str = ""
    # how it came; no part of what makes two reports the same
    device_time: datetime | None = None  # what the device said where event_time is corrected
    sender: int | None = None  # id of the registered device
    sequence: int | None = None  # its count of its scans
    session: str = ""
    clock_corrected: bool = False
    refuse: str = ""  # reason for which it is kept, and never counts
    agreed: bool = False  # a second person has agreed to it
    rights: frozenset[str] | None = None  # of who tells it; None: whoever let it in has asked for what it needs
    instead: str = ""  # of an undoing, JSON: the scan that shall stand in its place once a second person has agreed


def told_again(scan: ScanInput) -> dict[str, Any]:
    """A scan from the desk as JSON, for `heard_again`."""
    kept = asdict(scan) | {"event_time": scan.event_time.isoformat()}
    return {name: value for name, value in kept.items() if value and name not in ("device_time", "rights")}


def heard_again(told: dict[str, Any]) -> ScanInput:
    """The scan that `told_again` kept, under a new id."""
    known = told | {"event_id": str(uuid4()), "event_time": datetime.fromisoformat(told["event_time"])}
    return ScanInput(**known | {"confirmed": tuple(told.get("confirmed", ()))})


#: What the scanned text of a scan means, and the text of the load.
Texts = tuple[ScannedCode, ScannedCode | None]


def texts_of(scan: ScanInput, own_hosts: Collection[str]) -> Texts:
    """What the texts of a scan mean: nothing that is stored is needed for that."""
    parent = read_scanned_text(scan.parent, own_hosts) if scan.parent else None
    return read_scanned_text(scan.scanned_text, own_hosts), parent


@dataclass(frozen=True)
class Scan:
    """A scan with what its texts mean. `via`: event_id of the load whose scan stands for it."""

    input: ScanInput
    code: ScannedCode
    parent: ScannedCode | None
    body: str
    user_id: int | None
    via: str = ""

    @classmethod
    def read(cls, scan: ScanInput, own_hosts: Collection[str], user_id: int | None) -> Scan:
        return cls(scan, *texts_of(scan, own_hosts), body_sha256(scan), user_id)

    def of(self, code: str) -> Scan:
        """The same for a box of the load. Its id follows from the load's, so that it is never taken twice."""
        derived = altered(
            self.input,
            event_id=str(uuid5(NAMESPACE_OID, f"{self.input.event_id} {code}")),
            scanned_text=code,
        )
        return altered(
            self,
            input=derived,
            code=ScannedCode("code", code, code),
            body=body_sha256(derived),
            via=self.input.event_id,
        )


def body_sha256(scan: ScanInput) -> str:
    """What makes two reports the same. `confirmed` is left out: it is the answer to our own question."""
    told = scan.device_time or scan.event_time  # a correction of the clock comes out otherwise the next time
    body = (
        scan.type, scan.scanned_text, told.isoformat(), scan.shipment, scan.place, scan.party, scan.device,
        scan.happened, scan.reason, scan.voids,
    )  # fmt: skip
    later = (
        scan.destination, scan.asset_type, scan.quantity, scan.parent, scan.document, scan.photo, scan.corrects,
    )  # fmt: skip
    if any(later):  # fields that came later: without them a body is what it always was
        body = (*body, *later)  # type: ignore[assignment]
    if scan.owner:
        body = (*body, scan.owner)  # type: ignore[assignment]
    return hashlib.sha256(json.dumps(body).encode()).hexdigest()


def conflict_id(scan: ScanInput, body: str) -> str:
    """Always the same for the same body under the same id, so that sending it again adds nothing."""
    return str(uuid5(NAMESPACE_OID, f"{scan.event_id} {body}"))


assert ScanEvent.scanned_text.max_length == MAX_LENGTH
