"""The register of papers: one entry for each. URL, page, number, archive and tests follow from the entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

from docs_gen import checks, render
from docs_gen.checks import Check, Problem
from docs_gen.facts import ShipmentFacts
from docs_gen.render import Paper
from errors import N_


@dataclass(frozen=True)
class DocumentType:
    """One kind of paper. `code` stands in the URL and names `templates/documents/<code>.html`."""

    code: str
    title: str  # marked with N_: the name on our pages
    title_en: str  # as printed
    title_zh: str
    un_code: str  # UNTDID 1001 document name code
    series: str  # numbers CI-2026-0001 …
    orientation: str  # portrait, landscape
    date_of: Callable[[ShipmentFacts], date | None]  # the date that it bears; None: the day of issue
    names_invoice: bool  # it prints the number of the issued commercial invoice
    checks: tuple[Check, ...]


_GOODS = (
    checks.parties_complete, checks.lines_complete, checks.packages_present, checks.package_codes,
    checks.package_masses, checks.masses_add_up, checks.quantities_packed, checks.payload,
    checks.boxes_scanned, checks.incoterm_fits,
    checks.route_complete, checks.countries_plausible, checks.container_number, checks.references, checks.texts_fit,
    checks.printable, checks.no_placeholders,
)  # fmt: skip
_MONEY = (checks.currency_known, checks.amounts_add_up, checks.charges_fit_term)

REGISTER: dict[str, DocumentType] = {
    type.code: type
    for type in (
        DocumentType(
            code="commercial_invoice",
            title=N_("Commercial invoice"),
            title_en="COMMERCIAL INVOICE",
            title_zh="商业发票",
            un_code="380",
            series="CI",
            orientation="portrait",
            date_of=lambda facts: facts.invoice_date,
            names_invoice=False,
            checks=(
                *_GOODS,
                *_MONEY,
                checks.commodity_codes,
                checks.invoice_dated,
                checks.amount_in_words,
                checks.bank_complete,
            ),
        ),
        DocumentType(
            code="packing_list",
            title=N_("Packing list"),
            title_en="PACKING LIST",
            title_zh="装箱单",
            un_code="271",
            series="PL",
            orientation="portrait",
            date_of=lambda facts: facts.invoice_date,
            names_invoice=True,
            checks=(*_GOODS, checks.invoice_dated),
        ),
        DocumentType(
            code="china_export_declaration",
            title=N_("China export declaration"),
            title_en="EXPORT GOODS DECLARATION",
            title_zh="中华人民共和国海关出口货物报关单",
            un_code="830",
            series="CD",
            orientation="landscape",
            date_of=lambda facts: None,
            names_invoice=True,
            checks=(
                *_GOODS,
                *_MONEY,
                checks.declaration_header,
                checks.item_limit,
                checks.declared_goods,
                checks.legal_kilograms,
            ),
        ),
    )
}


def problems(facts: ShipmentFacts) -> list[Problem]:
    """Every problem of a shipment's papers, errors first; `papers` names the types that each concerns."""
    concerned: dict[Check, list[str]] = {}
    for type in REGISTER.values():
        for check in type.checks:
            concerned.setdefault(check, []).append(type.code)
    found = [replace(problem, papers=tuple(papers)) for check, papers in concerned.items() for problem in check(facts)]
    return sorted(found, key=lambda problem: problem.severity != "error")


def render_paper(
    type: DocumentType, facts: ShipmentFacts, number: str = "", issue_date: date | None = None, replaces: str = ""
) -> Paper:
    """The PDF of a paper. Without a number it is a draft and says so on every page; `replaces`: number of the old."""
    return render.pdf(paper_html(type, facts, number, issue_date, replaces))


def paper_html(
    type: DocumentType, facts: ShipmentFacts, number: str = "", issue_date: date | None = None, replaces: str = ""
) -> str:
    """The same as HTML."""
    day = type.date_of(facts) or issue_date
    return render.html(f"{type.code}.html", type=type, facts=facts, number=number, date=day, replaces=replaces)
