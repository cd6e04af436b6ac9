"""Rights, in the words of the trade, and the roles that hold them: one table. Pure: no request, no database.

A right is what a route asks for (`access.needs`). Two are separate only where a real person has the one and not the
other. `prices.see` is about goods: what a warehouse does not need to know; money of boxes goes with `agreements.read`.
"""

from __future__ import annotations

from collections.abc import Iterable

from errors import N_

#: right → what it lets a person do
RIGHTS: dict[str, str] = {
    "shipments.read": N_("See shipments, without prices"),
    "shipments.write": N_("Enter and change shipments and letters of credit"),
    "papers.read": N_("See and download papers, without those that tell prices"),
    "papers.issue": N_("Issue papers and declare them void"),
    "prices.see": N_("See prices, values of shipments, letters of credit, and the papers that tell them"),
    "seals.place": N_("Place stamps and signatures on papers"),
    "assets.read": N_("See boxes, scans, balances and foresight"),
    "assets.scan": N_("Scan boxes, and register a device for it"),
    "assets.write": N_("Register, sell and write off boxes, print labels, book counted pools, set minimums"),
    "ledger.correct": N_("Correct scans, undo those of others, decide exceptions"),
    "agreements.read": N_("See agreements with partners, charges and values of boxes"),
    "agreements.write": N_("Make and change agreements with partners"),
    "statements.read": N_("See accounts and statements of partners"),
    "statements.write": N_("Issue statements and charges, record answers, decide disputes"),
    "statements.own": N_("See the statements of one's own firm"),
    "customs.read": N_("See customs clocks and declarations of boxes"),
    "customs.write": N_("Enter customs declarations of boxes"),
    "master_data.read": N_("See partners, places, products and box types"),
    "master_data.write": N_("Change partners, places, products and box types"),
    "alerts.read": N_("See alerts"),
    "settings.write": N_("Change alerts, customs clocks, looks of papers, profiles and template packs"),
    "people.manage": N_("Invite people, set their roles, end their access and that of devices"),
    "audit.read": N_("See who changed what"),
    "jobs.read": N_("Follow the background jobs that one asked for"),
    "jobs.manage": N_("See all background jobs, cancel and repeat them"),
    "operations.read": N_("See how the service is: health and metrics"),
}

_READ = ("shipments.read", "papers.read", "assets.read", "statements.read", "customs.read", "master_data.read",
         "alerts.read")  # fmt: skip

#: role → rights
ROLES: dict[str, frozenset[str]] = {
    "administrator": frozenset(RIGHTS) - {"seals.place", "statements.own"},
    "document_clerk": frozenset((
        *_READ, "shipments.write", "papers.issue", "prices.see", "agreements.read", "customs.write",
        "master_data.write", "jobs.read",
    )),
    "logistics_lead": frozenset((
        *_READ, "assets.scan", "assets.write", "ledger.correct", "agreements.read", "agreements.write",
        "statements.write", "master_data.write", "jobs.read",
    )),
    "scanner_operator": frozenset(("assets.read", "assets.scan")),
    "viewer": frozenset(_READ),
    "partner": frozenset(("statements.own",)),
    "seal": frozenset(("seals.place",)),  # beside another role; not even an administrator may without it
}  # fmt: skip

#: role → (its name, what it is for)
ROLE_NAMES: dict[str, tuple[str, str]] = {
    "administrator": (N_("Administrator"), N_("Runs the installation; may do all but place stamps.")),
    "document_clerk": (N_("Document clerk"), N_("Makes shipments, papers and customs declarations.")),
    "logistics_lead": (
        N_("Logistics lead"),
        N_("Looks after boxes, agreements, statements; sees no prices of goods."),
    ),
    "scanner_operator": (N_("Scanner operator"), N_("Scans boxes and sees where they are.")),
    "viewer": (N_("Viewer"), N_("Sees all but prices; changes nothing.")),
    "partner": (N_("Partner"), N_("Of another firm: sees the statements of that firm and nothing else.")),
    "seal": (N_("Seal"), N_("May place stamps and signatures on papers, beside another role.")),
}

#: What a person may not hand on to a program: whoever holds the token could give himself all the rest.
NOT_FOR_TOKENS = frozenset(("people.manage", "seals.place", "statements.own"))


def rights_of_roles(names: Iterable[str]) -> frozenset[str]:
    """The rights of somebody who holds these roles; a role that is not in the table gives none."""
    return frozenset().union(*(ROLES.get(name, frozenset()) for name in names))


def unknown(rights: Iterable[str]) -> list[str]:
    """Those that are no rights."""
    return [right for right in rights if right not in RIGHTS]
