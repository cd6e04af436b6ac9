"""What is answered to a scan: what became of it, and the sentence for the person with the scanner."""

from __future__ import annotations

from dataclasses import dataclass

from errors import N_, Message

STATUS = {"recorded": 201, "known": 200, "refused": 422, "conflict": 409, "invalid": 400}


@dataclass(frozen=True)
class Answer:
    """What became of a scan: `outcome` is a key of STATUS, `text` the sentence for the person with the scanner.

    `load`: the answers for the boxes in a load that was scanned.
    """

    event_id: str
    outcome: str
    text: Message
    code: str | None = None
    asset_type: str | None = None
    state: str | None = None
    reason: str | None = None
    exceptions: tuple[str, ...] = ()
    confirm: str | None = None
    field: str | None = None
    load: tuple[Answer, ...] = ()

    @property
    def status(self) -> int:
        """The HTTP status of this outcome."""
        return STATUS[self.outcome]

    @property
    def waits(self) -> bool:
        """It is kept, and counts when a second person has agreed."""
        return self.reason == "needs_second"

    @property
    def done(self) -> bool:
        """Whoever told it need not tell it again."""
        return self.waits or self.outcome in ("recorded", "known")


RECORDED = {
    "dispatch": N_("%(code)s dispatched."),
    "arrive": N_("%(code)s arrived."),
    "return": N_("%(code)s returned."),
    "void": N_("Undone: %(code)s."),
}
TEXTS = {
    "recorded": N_("%(code)s recorded."),
    "known": N_("%(code)s is in the list already."),
    "conflict": N_("This scan was sent before with other contents. Scan again."),
    "dispatch_known": N_("%(code)s is on this shipment already."),
    "load": N_("Load %(load)s: %(taken)s of %(count)s recorded."),
    "void_known": N_("%(code)s: this scan was undone already."),
    "foreign_grai": N_("This box belongs to another company (GS1 prefix %(prefix)s) and is not registered here."),
}
NEEDED = {
    "shipment": N_("This scan needs a shipment."),
    "place": N_("This scan needs a place."),
    "party": N_("This scan needs a partner."),
    "destination": N_("This scan needs the place where the box is going."),
    "parent": N_("This scan needs the load: scan its label."),
    "reason": N_("This scan needs a reason."),
    "voids": N_("Undoing needs the scan that is undone."),
}
UNKNOWN_TYPE = N_("There is no such kind of scan.")
