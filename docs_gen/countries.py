"""What a country of destination asks of the invoice: country profiles, kept as data.

They are what forwarders expect, not law that we have read: a line that is not met is a warning, and says whom to ask.
"""

from __future__ import annotations

from dataclasses import dataclass

from errors import N_
from master_data import codes


@dataclass(frozen=True)
class CountryProfile:
    """`needs`: fields of the consignee (eori, vat_no, tax_no, phone) or of the details (importer_reference)."""

    tax_label: str  # what the country calls the importer's tax number
    reference_label: str  # what it calls the number that it asks for on the papers
    needs: tuple[str, ...]
    note: str


def profile_of(country: str) -> CountryProfile | None:
    """The profile of a country (ISO 3166-1 alpha-2), of the European Union for its members; None: nothing is kept."""
    return PROFILES.get(country) or (PROFILES["EU"] if country in codes.EU else None)


_GULF = N_("Gulf states may ask for a legalised invoice and a certificate of origin.")
_UNION = N_("Customs of the Eurasian Union work with texts in Russian.")

PROFILES = {
    "EU": CountryProfile(
        "VAT no.", "", ("eori",), N_("Customs of the Union identify the importer by his EORI number.")
    ),
    "GB": CountryProfile(
        "VAT no.",
        "",
        ("eori", "vat_no"),
        N_("British customs identify the importer by his GB EORI number and his VAT number."),
    ),
    "US": CountryProfile(
        "EIN",
        "",
        ("phone",),
        N_("US customs ask for weights, discounts and assists on the invoice, in English (19 CFR 141.86)."),
    ),
    "CA": CountryProfile(
        "Business no.",
        "",
        ("tax_no",),
        N_("Canada asks for the data of its customs invoice on the commercial invoice."),
    ),
    "BR": CountryProfile(
        "CNPJ",
        "",
        ("tax_no",),
        N_("Brazil asks for the importer's CNPJ, NCM code, both masses and freight; the invoice is signed in ink."),
    ),
    "MX": CountryProfile("RFC", "", ("tax_no",), N_("Mexico asks for the importer's RFC.")),
    "AR": CountryProfile("CUIT", "", ("tax_no",), N_("Argentina asks for the importer's CUIT.")),
    "CL": CountryProfile("RUT", "", ("tax_no",), N_("Chile asks for the importer's RUT.")),
    "IN": CountryProfile("GSTIN / IEC", "", ("tax_no",), N_("India asks for the importer's GSTIN and IEC.")),
    "EG": CountryProfile(
        "Tax no.",
        "ACID",
        ("tax_no", "importer_reference"),
        N_("Egypt asks for the ACID number on invoice and bill of lading; legalisation may be asked for."),
    ),
    "TR": CountryProfile("Tax no.", "", ("tax_no",), N_("Turkey may ask for a legalised invoice.")),
    "SA": CountryProfile("VAT no.", "", ("vat_no",), _GULF),
    "AE": CountryProfile("TRN", "", ("tax_no",), _GULF),
    "KW": CountryProfile("Tax no.", "", (), _GULF),
    "QA": CountryProfile("Tax no.", "", (), _GULF),
    "BH": CountryProfile("VAT no.", "", (), _GULF),
    "OM": CountryProfile("VAT no.", "", (), _GULF),
    "KE": CountryProfile(
        "PIN", "CoC no.", ("importer_reference",), N_("Kenya may ask for a certificate of conformity.")
    ),
    "NG": CountryProfile("TIN", "SONCAP no.", ("importer_reference",), N_("Nigeria may ask for a SONCAP certificate.")),
    "RU": CountryProfile("INN", "", ("tax_no",), _UNION),
    "KZ": CountryProfile("BIN", "", ("tax_no",), _UNION),
    "BY": CountryProfile("UNP", "", ("tax_no",), _UNION),
}
