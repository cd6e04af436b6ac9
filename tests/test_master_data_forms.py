"""What master data accepts: each wrong input is refused at its field, with a sentence, and nothing is saved."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
import samples
from conftest import NOW, PASSWORD, SignedIn, application, settings_for
from stdnum.cn import uscc as cn_uscc

from accounts.people import create_user
from database import db as proxy
from errors import InvalidInput
from master_data import rules
from master_data.models import AssetType, Party, Place, Product

PARTY = {"code": "DETROIT", "name_en": "Motor City Axle Inc.", "country": "US"}
PLACE = {"code": "DTW", "party": "HAMBURG", "name_en": "Dock 4", "country": "US", "timezone": "America/Detroit"}
PRODUCT = {
    "part_no": "10-9000", "description_en": "Nut", "description_zh": "螺母", "hs_code": "7318160000", "unit": "H87",
    "net_mass": "0.018", "origin": "CN",
}  # fmt: skip
ASSET_TYPE = {
    "code": "KLT4315", "name_en": "Small load carrier", "length_mm": "400", "width_mm": "300", "height_mm": "147",
    "tare": "1.3", "payload": "20", "package_code": "4H", "cn_package_code": "29", "value": "8.90", "value_currency": "EUR",
}  # fmt: skip
FORMS = {"/parties/new": PARTY, "/places/new": PLACE, "/products/new": PRODUCT, "/asset-types/new": ASSET_TYPE}
TABLES = {"/parties/new": Party, "/places/new": Place, "/products/new": Product, "/asset-types/new": AssetType}


@pytest.fixture(scope="module")
def signed_in(migrated_file, tmp_path_factory) -> tuple[Any, SignedIn]:
    """One application with the small world for all tests here: each of them takes away what it adds."""
    folder = tmp_path_factory.mktemp("forms")
    shutil.copy(migrated_file, folder / "roundtrip.db")
    app = application(settings_for(folder))
    with app.app_context():
        proxy.connect(reuse_if_open=True)
        samples.world(NOW)
        user = create_user("wangli", PASSWORD, NOW, role="document_clerk")
    client = SignedIn(app, app.response_class)
    client.sign_in(user)
    return proxy.obj, client


@pytest.fixture
def client(signed_in) -> Iterator[SignedIn]:
    database, client = signed_in
    proxy.initialize(database)
    proxy.connect(reuse_if_open=True)
    last = {table: max(row.id for row in table.select()) for table in (Place, Party, Product, AssetType)}
    yield client
    proxy.connect(reuse_if_open=True)  # a request closes the connection at its end
    for table, id_ in last.items():
        table.delete().where(table.id > id_).execute()
    proxy.close()


def errors(page: str) -> dict[str, str]:
    """Field → sentence, as they stand at the fields."""
    found = re.findall(r'<div class="rt-error" id="([a-z0-9_]+)-error">(.*?)</div>', page, re.S)
    return {field: unescape(text) for field, text in found}


def refused(client, url: str, **typed: str) -> dict[str, str]:
    """The errors of a form that was sent with `typed`; it must not have been saved, and must show what was typed."""
    table = TABLES[url]
    before = table.select().count()
    response = client.post(url, data={**FORMS[url], **typed})
    assert response.status_code == 422
    assert table.select().count() == before
    page = response.get_data(as_text=True)
    for field in errors(page):
        assert f'<a href="#{field}">' in page  # the summary leads to it
        assert f'id="{field}"' in page
    return errors(page)


def saved(client, url: str, **typed: str):
    """The row that was saved from the form."""
    response = client.post(url, data={**FORMS[url], **typed})
    assert response.status_code == 302, errors(response.get_data(as_text=True))
    return TABLES[url].select().order_by(TABLES[url].id.desc()).get()


# ---- each form is saved when it is right


@pytest.mark.parametrize("url", FORMS)
def test_the_least_that_is_needed_is_enough(client, url):
    row = saved(client, url)
    for field, text in FORMS[url].items():
        stored = getattr(row, field)
        assert (stored.code if field == "party" else str(stored)) == text


@pytest.mark.parametrize(("url", "field"), [(url, field) for url, fields in FORMS.items() for field in fields])
def test_what_is_needed_and_empty_is_named(client, url, field):
    assert refused(client, url, **{field: " "}) == {field: "This is needed."}


def test_all_errors_are_shown_at_once_and_all_that_was_typed_stays(client):
    response = client.post(
        "/parties/new",
        data={
            "code": "a b",
            "name_en": "<b>Müller & 'Söhne'</b>",
            "country": "Atlantis",
            "uscc": "123",
            "own": "y",
            "address_zh": "一\n二",
        },
    )
    page = response.get_data(as_text=True)
    assert set(errors(page)) == {"code", "country", "uscc"}
    assert "3 fields need a correction; nothing has been saved." in page
    for kept in ("A B", "Atlantis", "123", "&lt;b&gt;Müller &amp; &#39;Söhne&#39;&lt;/b&gt;", "一\n二"):
        assert kept in page
    assert re.search(r"<input checked[^>]*id=\"own\"", page)
    assert not Party.select().where(Party.name_en.contains("Müller")).exists()


# ---- texts


@pytest.mark.parametrize(
    ("url", "field", "limit"),
    [
        ("/parties/new", "name_en", 255),
        ("/parties/new", "name_zh", 255),
        ("/parties/new", "bank_name", 255),
        ("/parties/new", "contact", 128),
        ("/parties/new", "phone", 64),
        ("/places/new", "name_en", 255),
        ("/products/new", "part_no", 60),
        ("/products/new", "customer_part_no", 64),
        ("/products/new", "description_en", 255),
        ("/products/new", "description_zh", 255),
        ("/products/new", "declaration_elements", 255),
        ("/asset-types/new", "name_en", 128),
    ],
)
def test_names_of_500_characters_are_refused_with_the_limit(client, url, field, limit):
    text = "0|0|" + "长" * 496 if field == "declaration_elements" else "长" * 500
    assert refused(client, url, **{field: text}) == {field: f"At most {limit} characters fit; these are 500."}


def test_addresses_are_limited_in_characters_and_lines(client):
    assert refused(client, "/parties/new", address_en="x" * 501) == {
        "address_en": "At most 500 characters fit; these are 501."
    }
    assert refused(client, "/places/new", address_zh="\r\n".join("x" * 9)) == {
        "address_zh": "At most 8 lines fit; these are 9."
    }


@pytest.mark.parametrize(
    ("sign", "name"), [("\0", "U+0000"), ("\x1b", "U+001B"), ("\n", "U+000A"), ("\u2028", "U+2028")]
)
def test_control_characters_are_refused(client, sign, name):
    assert refused(client, "/parties/new", name_en=f"a{sign}b") == {
        "name_en": f"There is a control character ({name}) in it. Type it again."
    }


@pytest.mark.parametrize(
    "text", ["خط عربي", "ไทย", "𠮷野家", "é", "Ł Ø ß", "{{7*7}}", "<script>alert(1)</script>", "=1+1"]
)
def test_names_of_every_script_are_kept(client, text):
    assert saved(client, "/parties/new", name_en=text).name_en == text
    assert "<script>alert" not in client.get("/parties/DETROIT").get_data(as_text=True)


# ---- codes


@pytest.mark.parametrize("typed", ["SUZHOU", "suzhou", " Suzhou ", "ＳＵＺＨＯＵ"])
def test_a_party_code_that_is_there_is_refused_also_in_small_letters(client, typed):
    assert refused(client, "/parties/new", code=typed) == {
        "code": "SUZHOU is there already. Choose another one, or change that entry."
    }


def test_a_part_number_that_is_there_is_refused_also_in_small_letters(client):
    saved(client, "/products/new", part_no="ab-1")
    assert refused(client, "/products/new", part_no="AB-1") == {
        "part_no": "ab-1 is there already. Choose another one, or change that entry."
    }


@pytest.mark.parametrize("url", ["/places/new", "/asset-types/new"])
def test_other_codes_that_are_there_are_refused(client, url):
    taken = {"/places/new": "sz-plant", "/asset-types/new": "klt6428"}[url]
    assert "is there already" in refused(client, url, code=taken)["code"]


@pytest.mark.parametrize("code", ["A B", "A/B", "苏州", "-A", "A" * 25, "../X", "A?B"])
def test_codes_have_plain_signs_only(client, code):
    assert refused(client, "/parties/new", code=code) == {
        "code": "A code is 1 to 24 letters A–Z, digits, points, dashes or underlines, like SZ-PLANT."
    }


@pytest.mark.parametrize("part_no", ["new", "/a", "a/", "a//b", "../a", "a/./b", "a/ b"])
def test_part_numbers_that_would_be_lost_in_an_address_are_refused(client, part_no):
    assert "A part number cannot be" in refused(client, "/products/new", part_no=part_no)["part_no"]


# ---- identifiers of a party


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("91320594MA1XJ2Y71J", "The check digit of this USCC is wrong. Compare each character with the licence."),
        ("91320594MA1XJ2Y71", "A USCC has 18 characters; these are 17. Copy it from the licence."),
        ("91320594MA1XJ2Y7IH", "A USCC has no letters I, O, S, V or Z; 1, 0, 5 or 2 may be meant."),
        ("9132059XMA1XJ2Y71H", "A USCC is 8 digits and 10 digits or letters."),
    ],
)
def test_a_wrong_uscc_is_refused(client, typed, sentence):
    assert refused(client, "/parties/new", uscc=typed) == {"uscc": sentence}


def test_a_uscc_whose_organisation_code_is_wrong_is_refused_though_its_last_digit_fits(client):
    wrong = "91320594MA1XJ2Y72"
    assert refused(client, "/parties/new", uscc=wrong + cn_uscc.calc_check_digit(wrong)) == {
        "uscc": "Characters 9 to 17 of this USCC are wrong: their own check digit says so. Compare each one."
    }


@pytest.mark.parametrize(
    "typed",
    ["91510100569680768F", "91510100-569680768-f", " 9151 0100 5696 8076 8F ", "９１５１０１００５６９６８０７６８Ｆ"],
)
def test_a_right_uscc_is_stored_without_what_is_between(client, typed):
    assert saved(client, "/parties/new", uscc=typed).uscc == "91510100569680768F"


def test_the_customs_number_may_have_letters(client):
    assert saved(client, "/parties/new", customs_no="440356k004").customs_no == "440356K004"


@pytest.mark.parametrize("typed", ["440356K00", "440356K0045", "44035É6004"])
def test_a_customs_number_of_another_form_is_refused(client, typed):
    assert (
        "A customs registration number has 10 digits or letters"
        in refused(client, "/parties/new", customs_no=typed)["customs_no"]
    )


@pytest.mark.parametrize(
    ("country", "typed", "area"),
    [
        ("DE", "DE136695977", "DE"),
        ("DE", "136695977", "DE"),
        ("FR", "FR123", "FR"),
        ("GB", "GB980780685", "GB"),
        ("GR", "094259217", "EL"),
    ],
)
def test_a_wrong_vat_number_is_refused(client, country, typed, area):
    text = refused(client, "/parties/new", country=country, vat_no=typed)["vat_no"]
    assert f"is not a VAT number of {area}: a digit is wrong" in text


@pytest.mark.parametrize(
    ("country", "typed", "stored"),
    [
        ("DE", "DE 136 695 976", "DE136695976"),
        ("DE", "136695976", "DE136695976"),
        ("US", "DE136695976", "DE136695976"),
        ("GR", "094259216", "EL094259216"),
        ("GB", "gb980780684", "GB980780684"),
        ("US", "12-3456789", "123456789"),
        ("CH", "CHE-123.456.789 MWST", "CHE123.456.789MWST"),
    ],
)
def test_a_right_vat_number_is_stored_with_its_country(client, country, typed, stored):
    assert saved(client, "/parties/new", country=country, vat_no=typed).vat_no == stored


@pytest.mark.parametrize("typed", ["1234567", "QQ1234567", "DE", "DE1234567890123456", "DE12_4"])
def test_a_wrong_eori_is_refused(client, typed):
    assert refused(client, "/parties/new", eori=typed) == {
        "eori": "An EORI is the two letters of a country and up to 15 letters or digits, like DE1234567."
    }


@pytest.mark.parametrize("typed", ["ICBKCNBJS", "ICBK1NBJSZU", "ICBKQQBJSZU", "X"])
def test_a_wrong_bic_is_refused(client, typed):
    assert refused(client, "/parties/new", bank_bic=typed) == {
        "bank_bic": "A BIC has 8 or 11 characters, the 5th and 6th are a country, like ICBKCNBJSZU."
    }


def test_an_iban_with_wrong_check_digits_is_refused(client):
    assert refused(client, "/parties/new", bank_account="DE89 3704 0044 0532 0130 01") == {
        "bank_account": "This looks like an IBAN, but its check digits or its length are wrong. Compare each character."
    }


def test_an_iban_is_grouped_and_other_account_numbers_are_kept(client):
    assert (
        saved(client, "/parties/new", bank_account="de89370400440532013000").bank_account
        == "DE89 3704 0044 0532 0130 00"
    )
    assert (
        saved(client, "/parties/new", code="B", bank_account="1102 0208 0900 1234 567").bank_account
        == "1102 0208 0900 1234 567"
    )


@pytest.mark.parametrize("typed", ["x", "a@b", "a b@c.de", "a@b.de, c@d.de", "javascript:alert(1)"])
def test_what_is_no_email_address_is_refused(client, typed):
    assert refused(client, "/parties/new", email=typed) == {
        "email": "This is not an e-mail address; write it like name@company.com."
    }


# ---- codes of lists


@pytest.mark.parametrize("typed", ["XX", "UK", "Germ", "Atlantis"])
def test_an_unknown_country_is_refused(client, typed):
    assert (
        "is not a country. Type its name or its two letters"
        in refused(client, "/parties/new", country=typed)["country"]
    )
    assert "is not a country" in refused(client, "/products/new", origin=typed)["origin"]


@pytest.mark.parametrize("typed", ["DE", "de", "Germany", "德国", "DEU"])
def test_a_country_is_found_by_code_and_by_either_name(client, typed):
    assert saved(client, "/parties/new", country=typed).country == "DE"


@pytest.mark.parametrize(
    ("url", "field", "typed"),
    [
        ("/products/new", "unit", "PCS"),
        ("/products/new", "legal_unit_1", "999"),
        ("/products/new", "legal_unit_2", "35"),
        ("/asset-types/new", "package_code", "ZZ"),
        ("/asset-types/new", "cn_package_code", "77"),
    ],
)
def test_an_unknown_code_is_refused(client, url, field, typed):
    assert (
        refused(client, url, **{"legal_unit_1": "", field: typed})[field]
        == f"{typed} is not in the list. Choose a code from it."
    )


def test_an_unknown_currency_is_refused(client):
    assert refused(client, "/asset-types/new", value_currency="XAU") == {
        "value_currency": "XAU is not a currency of ISO 4217, like EUR."
    }


def test_an_unknown_partner_is_refused(client):
    assert refused(client, "/places/new", party="NOBODY") == {
        "party": "There is no partner with the code NOBODY. Choose one from the list."
    }


@pytest.mark.parametrize("typed", ["Mars/Olympus", "CET+1", "../etc/passwd", "+08:00"])
def test_an_unknown_time_zone_is_refused(client, typed):
    assert refused(client, "/places/new", timezone=typed) == {
        "timezone": f"{typed} is not a time zone. Choose one from the list, like Asia/Shanghai."
    }


def test_a_gln_is_checked(client):
    assert refused(client, "/places/new", gln="4012345000116") == {
        "gln": "The check digit of this GLN is wrong. Compare each digit."
    }
    assert refused(client, "/places/new", gln="401234500011") == {
        "gln": "A GLN has 13 digits; these are 12 characters."
    }
    assert saved(client, "/places/new", gln="4012345 00011 5").gln == "4012345000115"


# ---- products


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("870894", "China declares 10 digits; these are 6. Look the full code up in the tariff."),
        ("8708.9490.901", "China declares 10 digits; these are 11. Look the full code up in the tariff."),
        ("87O8949090", "An HS code has digits only, like 8708.9490.90."),
    ],
)
def test_an_hs_code_of_wrong_length_or_with_letters_is_refused(client, typed, sentence):
    assert refused(client, "/products/new", hs_code=typed) == {"hs_code": sentence}


@pytest.mark.parametrize("typed", ["8708.94.90.90", "8708 9490 90", "0101.2100.10", "８７０８９４９０９０"])
def test_points_and_blanks_in_an_hs_code_are_dropped(client, typed):
    expected = "0101210010" if typed.startswith("0") else "8708949090"
    assert saved(client, "/products/new", hs_code=typed).hs_code == expected


@pytest.mark.parametrize(
    ("typed", "part"),
    [
        ("5|0|x", "品牌类型 0 to 4"),
        ("转向器", "品牌类型 0 to 4"),
        ("4", "品牌类型 0 to 4"),
        ("4|4|x", "出口享惠情况 0 to 3"),
        ("4|乘用车|x", "出口享惠情况 0 to 3"),
    ],
)
def test_declaration_elements_begin_with_brand_and_preference(client, typed, part):
    assert part in refused(client, "/products/new", declaration_elements=typed)["declaration_elements"]


def test_empty_declaration_elements_keep_their_bars(client):
    row = saved(client, "/products/new", declaration_elements="4｜0｜ 乘用车用 |||STABIL|")
    assert row.declaration_elements == "4|0|乘用车用|||STABIL|"


@pytest.mark.parametrize("typed", ["3205", "320590", "3205A"])
def test_a_source_district_has_5_digits(client, typed):
    assert refused(client, "/products/new", source_district=typed) == {
        "source_district": "A source district has 5 digits, like 32059."
    }


def test_legal_units_follow_one_another(client):
    assert refused(client, "/products/new", legal_unit_2="035") == {
        "legal_unit_1": "There is a second legal unit but no first one."
    }
    assert refused(client, "/products/new", legal_unit_1="035", legal_unit_2="035") == {
        "legal_unit_2": "The second legal unit is the same as the first; leave it empty."
    }


@pytest.mark.parametrize(
    "typed", ["0,018", "1,234.5", "1,234", "1.234,5", "abc", "1E5", "NaN", "Infinity", "0x1", "1 kg", "١٢"]
)
def test_a_mass_that_is_not_clear_is_refused_and_stays(client, typed):
    text = refused(client, "/products/new", net_mass=typed)["net_mass"]
    assert text == f"“{typed}” is not clear; write it like 1234.5: a point before the decimals, no commas."
    assert f'value="{typed}"' in client.post("/products/new", data={**PRODUCT, "net_mass": typed}).get_data(
        as_text=True
    )


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("-0.5", "This cannot be below 0."),
        ("0.000001", "At most 5 decimals; these are 6."),
        ("1000000", "This number is too large."),
        ("9" * 20, "This number is too large."),
    ],
)
def test_a_mass_out_of_bounds_is_refused(client, typed, sentence):
    assert refused(client, "/products/new", net_mass=typed) == {"net_mass": sentence}


@pytest.mark.parametrize(
    ("typed", "stored"),
    [("0.00001", "0.00001"), ("7.250", "7.250"), ("0", "0"), ("１２．５", "12.5"), ("0.1000000", "0.1000000")],
)
def test_a_mass_is_stored_exactly(client, typed, stored):
    assert str(saved(client, "/products/new", net_mass=typed).net_mass) == stored


# ---- box types


@pytest.mark.parametrize(
    ("typed", "currency", "sentence"),
    [
        ("8.905", "EUR", "EUR has 2 decimals; these are 3."),
        ("8.5", "JPY", "JPY has 0 decimals; these are 1."),
        ("1.2345", "KWD", "KWD has 3 decimals; these are 4."),
        ("-1", "EUR", "This cannot be below 0."),
    ],
)
def test_a_value_has_the_decimals_of_its_currency(client, typed, currency, sentence):
    assert refused(client, "/asset-types/new", value=typed, value_currency=currency) == {"value": sentence}


@pytest.mark.parametrize(("typed", "currency"), [("8.905", "KWD"), ("900", "JPY"), ("900.00", "JPY"), ("8.90", "EUR")])
def test_a_value_that_fits_its_currency_is_stored(client, typed, currency):
    assert saved(client, "/asset-types/new", value=typed, value_currency=currency).value == Decimal(typed)


@pytest.mark.parametrize(
    ("prefix", "kind", "field", "sentence"),
    [
        ("4012345", "0001", "gs1_asset_type", "Company prefix and asset type have 12 digits together: 5 here, not 4."),
        ("4012345", "", "gs1_asset_type", "Company prefix and asset type have 12 digits together: 5 here, not 0."),
        ("", "00001", "gs1_company_prefix", "A GS1 company prefix has 4 to 12 digits."),
        ("40123A5", "00001", "gs1_company_prefix", "This has digits only."),
        ("4012345", "00001", "gs1_asset_type", "Box type KLT6428 has this GS1 number already. Each type needs its own."),
    ],
)  # fmt: skip
def test_a_gs1_number_has_12_digits_and_is_of_one_type(client, prefix, kind, field, sentence):
    assert refused(client, "/asset-types/new", gs1_company_prefix=prefix, gs1_asset_type=kind) == {field: sentence}


def test_the_grai_of_a_type_is_shown_with_its_check_digit(client):
    assert "04012345000016" in client.get("/asset-types/KLT6428").get_data(as_text=True)
    assert rules.grai("6901234", "00001") == "06901234000016"  # the example of GS1's own documents
    assert rules.grai("", "") == ""


@pytest.mark.parametrize(
    ("field", "typed", "part"),
    [
        ("length_mm", "0", "from 1 to 20000"),
        ("width_mm", "-1", "from 1 to 20000"),
        ("height_mm", "20001", "from 1 to 20000"),
        ("length_mm", "59.4", "is not a whole number"),
        ("pieces_per_box", "-1", "from 0 to"),
        ("agreed_days_out", "4000", "from 0 to 3650"),
        ("tare", "-1", "below 0"),
        ("payload", "1e3", "is not clear"),
    ],
)
def test_sizes_out_of_bounds_are_refused(client, field, typed, part):
    assert part in refused(client, "/asset-types/new", **{field: typed})[field]


def test_rules_raise_invalid_input_that_names_the_column():
    """So that a file or a command that uses them can name the cell."""
    for rule, text, field in (
        (rules.uscc, "1", "uscc"), (rules.customs_no, "1", "customs_no"), (rules.eori, "1", "eori"), (rules.gln, "1", "gln"),
        (rules.hs_code, "1", "hs_code"), (rules.country, "1", "country"), (rules.currency, "1", "value_currency"),
        (rules.timezone, "1", "timezone"), (rules.bank_bic, "1", "bank_bic"), (rules.email, "1", "email"),
        (rules.source_district, "1", "source_district"), (rules.code, "?", "code"), (rules.part_no, "new", "part_no"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput) as caught:
            rule(text)
        assert caught.value.field == field


# ---- numbers of parties for more papers


@pytest.mark.parametrize(
    ("typed", "stored"), [("aeocn3205940q8k", "AEOCN3205940Q8K"), (" AEO DE 123456789012345", "AEODE123456789012345")]
)
def test_an_aeo_number_is_stored_without_blanks(client, typed, stored):
    assert saved(client, "/parties/new", aeo_no=typed).aeo_no == stored


@pytest.mark.parametrize("typed", ["CN3205940", "AEOQQ12345", "AEOCN", "AEOCN1234567890123456", "AEOCN12É"])
def test_an_aeo_number_of_another_form_is_refused(client, typed):
    assert refused(client, "/parties/new", aeo_no=typed) == {
        "aeo_no": "An AEO number is AEO, two letters of a country and up to 15 letters or digits: AEOCN3205940Q8K."
    }


def test_a_tax_number_is_of_any_form_but_not_longer_than_its_column(client):
    assert saved(client, "/parties/new", tax_no="abc-680524/p76").tax_no == "ABC-680524/P76"
    assert refused(client, "/parties/new", code="B", tax_no="9" * 500) == {
        "tax_no": "At most 32 characters fit; these are 500."
    }


def test_a_gs1_company_prefix_is_of_our_own_companies_only(client):
    assert saved(client, "/parties/new", own="y", gs1_company_prefix="4012345").gs1_company_prefix == "4012345"
    assert (
        "Only one of our own"
        in refused(client, "/parties/new", code="B", gs1_company_prefix="4012345")["gs1_company_prefix"]
    )
    for wrong in ("401", "4" * 13, "40123A5"):
        assert refused(client, "/parties/new", code="B", own="y", gs1_company_prefix=wrong) == {
            "gs1_company_prefix": "A GS1 company prefix has 4 to 12 digits."
        }


# ---- dangerous goods, and the customs data of boxes

DANGEROUS = {
    "un_no": "un 1263", "proper_shipping_name": "PAINT", "hazard_class": "3", "subsidiary_hazards": "6.1;8",
    "packing_group": "II", "flash_point": "-4", "marine_pollutant": "y", "limited_quantity": "y",
}  # fmt: skip


def test_dangerous_goods_are_stored_as_papers_print_them(client):
    row = saved(client, "/products/new", **DANGEROUS)
    assert (row.un_no, row.proper_shipping_name, row.hazard_class, row.subsidiary_hazards) == (
        "1263",
        "PAINT",
        "3",
        "6.1, 8",
    )
    assert (row.packing_group, row.flash_point, row.marine_pollutant, row.limited_quantity) == ("II", "-4", True, True)
    page = client.get("/products/10-9000").get_data(as_text=True)
    assert '<details class="rt-card rt-fold" open>' in page
    assert '<details class="rt-card rt-fold">' in client.get("/products/new").get_data(as_text=True)


def test_a_un_number_needs_its_name_and_class_and_these_need_it(client):
    assert refused(client, "/products/new", **{**DANGEROUS, "proper_shipping_name": ""}) == {
        "proper_shipping_name": "With a UN number the proper shipping name is needed."
    }
    assert refused(client, "/products/new", **{**DANGEROUS, "hazard_class": " "}) == {
        "hazard_class": "With a UN number the class is needed."
    }
    for name in set(DANGEROUS) - {"un_no"}:
        assert refused(client, "/products/new", **{name: DANGEROUS[name]}) == {
            "un_no": "This is said of dangerous goods, but their UN number is missing."
        }


@pytest.mark.parametrize(
    ("field", "typed"),
    [("un_no", "126"), ("un_no", "12633"), ("un_no", "0000"), ("un_no", "NA1993"), ("hazard_class", "10"),
     ("hazard_class", "6.3"), ("hazard_class", "1.4I"), ("hazard_class", "flammable"), ("subsidiary_hazards", "6.1, x"),
     ("packing_group", "IV"), ("proper_shipping_name", "P" * 500), ("flash_point", "2" * 17), ("flash_point", "a\x07")],
)  # fmt: skip
def test_wrong_data_of_dangerous_goods_are_refused_at_their_field(client, field, typed):
    assert set(refused(client, "/products/new", **{**DANGEROUS, field: typed})) == {field}


@pytest.mark.parametrize("hazard", ["1.4S", "2.1", "2.3", "3", "4.2", "5.2", "6.2", "7", "8", "9"])
def test_classes_of_the_un_model_regulations_are_taken(client, hazard):
    assert saved(client, "/products/new", **{**DANGEROUS, "hazard_class": hazard.lower()}).hazard_class == hazard


def test_supervision_codes_keep_small_letters_apart(client):
    assert saved(client, "/products/new", supervision_codes="A, x/4").supervision_codes == "Ax4"
    for wrong in ("A" * 17, "甲", "A-B"):
        assert set(refused(client, "/products/new", part_no="b", supervision_codes=wrong)) == {"supervision_codes"}


def test_customs_data_of_an_empty_box_may_be_given(client):
    row = saved(
        client, "/asset-types/new", hs_code="3923.1000 00", declaration_elements="4|0|周转箱|PP|", origin="germany"
    )
    assert (row.hs_code, row.declaration_elements, row.origin) == ("3923100000", "4|0|周转箱|PP|", "DE")
    for field, typed in (("hs_code", "392310"), ("declaration_elements", "9|0|x"), ("origin", "Atlantis")):
        assert set(refused(client, "/asset-types/new", code="B", **{field: typed})) == {field}
