"""What a kind of paper is, and how one is made of facts. The kinds themselves stand in `docs_gen.papers`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

import archive
from config import ROOT, Store
from docs_gen import checks, render
from docs_gen.account_facts import AccountPaper
from docs_gen.checks import Check, Problem
from docs_gen.facts import ShipmentFacts, to_json
from docs_gen.parts import whole
from docs_gen.prices import without_prices
from docs_gen.render import Attachment, Paper
from docs_gen.render_pool import Job, render_one
from docs_gen.sandbox import Exemplars, PackSource, PaperType

#: what a paper may be made of
PaperFacts = ShipmentFacts | AccountPaper


@dataclass(frozen=True)
class DocumentType:
    """One kind of paper. `code` stands in the URL and names `templates/documents/<code>.html`."""

    code: str
    title: str  # marked with N_: the name on our pages
    title_en: str  # as printed
    title_zh: str
    un_code: str  # UNTDID 1001 document name code, '' where it has none
    series: str  # numbers CI-2026-0001 …
    checks: tuple[Check, ...]
    orientation: str = "portrait"  # class of the page: portrait, landscape, or one of the style sheets
    styles: tuple[str, ...] = ("paper.css",)  # of static/, in this order
    facts: type[PaperFacts] = ShipmentFacts  # the class of what it says; all but ShipmentFacts belong to no shipment
    date_of: Callable[[Any], date | None] = lambda facts: None  # the date that it bears; None: day of issue
    names_invoice: bool = True  # it prints the number of the issued commercial invoice
    parts: Callable[[ShipmentFacts], tuple[ShipmentFacts, ...]] = whole  # one paper for each; none: does not apply
    shares_invoice: bool = False  # covers the shipments that share the invoice
    seal_kinds: tuple[str, ...] = ("stamp", "signature")  # pictures that somebody with the right may place
    marked: bool = True  # bears ORIGINAL and COPY
    needs_sscc: bool = False  # issuing gives an SSCC to each package that has none
    groups: tuple[str, ...] = ()  # of shipments.details, what it asks for beyond the form of the shipment
    asks: str = ""  # right to see it: prices.see, agreements.read (values of boxes); '': it tells no money
    pack: PackSource | None = None  # whose template and style print it; None: ours


@dataclass(frozen=True)
class Imprint:
    """What issuing adds to the facts; a draft has none of it."""

    number: str = ""
    issue_date: date | None = None
    replaces: str = ""  # the number of the paper whose place it takes
    originals: int = 1
    copies: int = 0

    def marks(self) -> tuple[str, ...]:
        """What stands on each exemplar: ORIGINAL, COPY, with its number where there are several; '' on a draft."""
        if not self.number:
            return ("",)
        return (*_numbered("ORIGINAL 正本", self.originals), *_numbered("COPY 副本", self.copies))


def _numbered(mark: str, count: int) -> Iterable[str]:
    return [mark] if count == 1 else [f"{mark} {number}/{count}" for number in range(1, count + 1)]


GOODS = (
    checks.parties_complete, checks.lines_complete, checks.packages_present, checks.package_codes,
    checks.package_masses, checks.masses_add_up, checks.quantities_packed, checks.payload,
    checks.boxes_scanned, checks.incoterm_fits,
    checks.route_complete, checks.countries_plausible, checks.container_number, checks.references, checks.texts_fit,
    checks.printable, checks.no_placeholders,
)  # fmt: skip
MONEY = (checks.currency_known, checks.amounts_add_up, checks.charges_fit_term)


@dataclass(frozen=True)
class PaperPart:
    """One paper that a shipment may have: a kind, and the facts that it covers."""

    type: DocumentType
    facts: ShipmentFacts

    @property
    def key(self) -> str:
        """`packing_list`, `china_export_declaration:2600-1`: what a problem names and the page links to."""
        return f"{self.type.code}:{self.facts.part}" if self.facts.part else self.type.code


def paper_parts(
    types: Iterable[DocumentType], facts: ShipmentFacts, invoice: ShipmentFacts | None = None
) -> list[PaperPart]:
    """The papers of these kinds that the shipment has; `invoice`: its facts with those that share its invoice."""
    return [
        PaperPart(type, part)
        for type in types
        if type.facts is ShipmentFacts
        for part in type.parts((invoice or facts) if type.shares_invoice else facts)
    ]


def check_facts(type: DocumentType, facts: PaperFacts) -> list[Problem]:
    """Every problem of one paper with these facts, errors first."""
    found = [problem for check in type.checks for problem in check(facts)]
    return sorted(found, key=lambda problem: problem.severity != "error")


def check_papers(papers: Iterable[PaperPart]) -> list[Problem]:
    """Every problem of these papers, errors first; `papers` of each names the keys of those that it concerns."""
    found: dict[tuple[str, str, str], Problem] = {}
    asked: dict[tuple[Check, int], list[Problem]] = {}
    for paper in papers:
        for check in paper.type.checks:
            key = (check, id(paper.facts))
            if key not in asked:
                asked[key] = list(check(paper.facts))
            for problem in asked[key]:
                same = found.setdefault((problem.rule, problem.field, str(problem.message)), problem)
                if paper.key not in same.papers:
                    found[problem.rule, problem.field, str(problem.message)] = replace(
                        same, papers=(*same.papers, paper.key)
                    )
    return sorted(found.values(), key=lambda problem: problem.severity != "error")


def render_paper(
    type: DocumentType, facts: PaperFacts, imprint: Imprint = Imprint(), pictures_dir: Store | None = None
) -> Paper:
    """The PDF of a paper. Without a number it is a draft and says so on every page. Raises RenderError."""
    return render_one(print_job(type, facts, imprint, pictures_dir))


def print_job(
    type: DocumentType, facts: PaperFacts, imprint: Imprint = Imprint(), pictures_dir: Store | None = None
) -> Job:
    """What the renderer needs for a paper: its exemplars, styles and pictures, and for an issued one its facts as JSON.

    `pictures_dir`: where the pictures that the facts name are kept. Raises ArchiveFault when one of them is missing.
    """
    facts = told_by(type, facts)
    marks = imprint.marks() if type.marked else ("",)
    options: dict[str, Any] = {"stylesheets": type.styles}
    named = [sha256 for sha256 in (facts.logo, *(seal.sha256 for seal in facts.seals)) if sha256]
    if named and pictures_dir:
        options["pictures"] = {
            sha256: (archive.read(pictures_dir, sha256, suffix=".png"), "image/png") for sha256 in named
        }
    if imprint.issue_date:
        source = Attachment(
            "facts.json",
            to_json(facts).encode(),
            "application/json",
            "What this paper says",
            "Source",
            imprint.issue_date,
        )
        options["attachments"] = [source]
    if type.pack is None:
        return Job(tuple(paper_html(type, facts, imprint, mark) for mark in marks), options)
    options["css"] = dict(type.pack.styles).get(type.code, "")
    plain = {field.name: getattr(type, field.name) for field in fields(PaperType)}
    made_there = Exemplars(
        templates=type.pack.templates,
        type=PaperType(**plain),
        facts=to_json(facts),
        number=imprint.number,
        date=type.date_of(facts) or imprint.issue_date,
        replaces=imprint.replaces,
        marks=marks,
    )
    return Job(made_there, options)


def told_by(type: DocumentType, facts: PaperFacts) -> PaperFacts:
    """The facts as far as this kind of paper may tell them, in print and in what is enclosed: money only if it asks for
    the right to see it."""
    if type.asks == "prices.see" or not isinstance(facts, ShipmentFacts):  # an account with money is its own kind
        return facts
    return without_prices(facts, boxes=type.asks != "agreements.read")


def versions(type: DocumentType) -> str:
    """What shapes a paper of this type besides the programs, to be kept with it; at most 64 characters.

    Of a pack: its name and version, and 12 digits that change with it and with whatever of ours it may use.
    """
    if type.pack is None:
        return render.paper_versions(f"{type.code}.html", stylesheets=type.styles)
    digest = hashlib.sha256(type.pack.sha256.encode())
    for folder, ending in (("templates/documents", "*.html"), ("static", "paper.css"), ("static/papers", "*.css")):
        for path in sorted((ROOT / folder).glob(ending)):
            digest.update(path.read_bytes())
    return f"pack {type.pack.name}/{type.pack.version} {digest.hexdigest()[:12]}, fonts {render.fonts_version()}"


def paper_html(type: DocumentType, facts: PaperFacts, imprint: Imprint = Imprint(), mark: str = "") -> str:
    """One exemplar as HTML."""
    facts = told_by(type, facts)
    return render.html(
        f"{type.code}.html",
        type=type,
        facts=facts,
        number=imprint.number,
        date=type.date_of(facts) or imprint.issue_date,
        replaces=imprint.replaces,
        mark=mark,
    )
