"""What master data must obey: identifiers with their check digits, codes of lists, texts. Pure.

A rule takes what was typed and gives what is stored, or raises InvalidInput with a sentence that says what is wrong and
what to do. Check digits are computed by libraries; only what they lack is written here, with its source.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal

from email_validator import EmailNotValidError, validate_email
from stdnum import bic, ean, iban
from stdnum.cn import uscc as cn_uscc
from stdnum.eu import vat as eu_vat
from stdnum.exceptions import ValidationError
from stdnum.gb import vat as gb_vat

from errors import N_, InvalidInput
from master_data import codes

MASS_DECIMALS = 5  # what the China declaration can hold
#: What turns the direction of text: on paper `GmbH 100` would read `001 HbmG` (Unicode, UAX #9).
BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LARGEST = {"net_mass": 1_000_000, "tare": 100_000, "payload": 1_000_000, "value": 10**12}  # kg; value in its currency


def plain_text(field: str, text: str, limit: int, *, lines: int = 1) -> str:
    """A text of at most `limit` characters and `lines` lines, without control characters."""
    for sign in text:
        forbidden = unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") or sign in BIDI_CONTROLS
        if forbidden and not (sign == "\n" and lines > 1):
            raise InvalidInput(
                field, N_("There is a control character (%(code)s) in it. Type it again."), code=f"U+{ord(sign):04X}"
            )
    if len(text) > limit:
        raise InvalidInput(
            field, N_("At most %(limit)s characters fit; these are %(count)s."), limit=limit, count=len(text)
        )
    if text.count("\n") >= lines:
        raise InvalidInput(
            field, N_("At most %(limit)s lines fit; these are %(count)s."), limit=lines, count=text.count("\n") + 1
        )
    return text


def code(text: str) -> str:
    """Our own short name of a party, place or box type: it stands in addresses, so plain signs only."""
    text = text.upper()
    if not re.fullmatch(r"[A-Z0-9][A-Z0-9._-]{0,23}", text):
        raise InvalidInput(
            "code", N_("A code is 1 to 24 letters A–Z, digits, points, dashes or underlines, like SZ-PLANT.")
        )
    return text


def part_no(text: str) -> str:
    """A part number; slashes and blanks occur, but it must survive as part of an address."""
    text = plain_text("part_no", text, 60)
    parts = text.split("/")
    if text == "new" or any(part in ("", ".", "..") for part in parts) or any(part != part.strip() for part in parts):
        raise InvalidInput(
            "part_no",
            N_("A part number cannot be “new”, nor have a slash at an end or with only points or blanks beside it."),
        )
    return text


def uscc(text: str) -> str:
    """统一社会信用代码, GB 32100-2015; its characters 9 to 17 are an organisation code with a check of their own."""
    text = cn_uscc.compact(text)
    if len(text) != 18:
        raise InvalidInput(
            "uscc", N_("A USCC has 18 characters; these are %(count)s. Copy it from the licence."), count=len(text)
        )
    try:
        cn_uscc.validate(text)
    except ValidationError as error:
        if any(sign in "IOSVZ" for sign in text):
            raise InvalidInput(
                "uscc", N_("A USCC has no letters I, O, S, V or Z; 1, 0, 5 or 2 may be meant.")
            ) from None
        if not text[:8].isdecimal() or not text.isalnum():
            raise InvalidInput("uscc", N_("A USCC is 8 digits and 10 digits or letters.")) from error
        raise InvalidInput(
            "uscc", N_("The check digit of this USCC is wrong. Compare each character with the licence.")
        ) from None
    if _organisation_check(text[8:16]) != text[16]:
        raise InvalidInput(
            "uscc",
            N_("Characters 9 to 17 of this USCC are wrong: their own check digit says so. Compare each one."),
        )
    return text


def _organisation_check(eight: str) -> str:
    """The check sign of an organisation code: GB 11714-1997, mod 11 (python-stdnum does not have it)."""
    total = sum(int(sign, 36) * weight for sign, weight in zip(eight, (3, 7, 9, 10, 5, 8, 4, 2), strict=True))
    return "0123456789X0"[11 - total % 11]


def customs_no(text: str) -> str:
    """海关注册编码: 10 characters, letters occur (440356K004)."""
    text = _compact(text)
    if not re.fullmatch(r"[0-9A-Z]{10}", text):
        raise InvalidInput(
            "customs_no",
            N_("A customs registration number has 10 digits or letters A–Z; these are %(count)s characters."),
            count=len(text),
        )
    return text


def vat_no(text: str, country_code: str) -> str:
    """A VAT number: checked where it is of the EU or of Great Britain, of any form elsewhere.

    Typed without its two letters it is taken as one of the party's country and stored with them.
    """
    text = _compact(text)
    prefix = "EL" if country_code == "GR" else country_code
    if text[:2] not in _VAT_AREAS and prefix in _VAT_AREAS:
        text = prefix + text
    try:
        if text[:2] == "GB":
            gb_vat.validate(text)
        elif text[:2] in _VAT_AREAS:
            eu_vat.validate(text)
    except ValidationError:
        raise InvalidInput(
            "vat_no",
            N_("%(typed)s is not a VAT number of %(area)s: a digit is wrong, or there are too many or too few."),
            typed=text[:30],
            area=text[:2],
        ) from None
    if not re.fullmatch(r"[0-9A-Z.+*]{2,20}", text):
        raise InvalidInput("vat_no", N_("A VAT number is 2 to 20 letters and digits."))
    return text


_VAT_AREAS = {state.upper() for state in eu_vat.MEMBER_STATES} - {"GR"} | {"EL", "GB"}


def eori(text: str) -> str:
    """Economic operators' number: two letters of a country and up to 15 more (EU 2015/2447, annex 12-01)."""
    text = _compact(text)
    if not re.fullmatch(r"[A-Z]{2}[0-9A-Z]{1,15}", text) or not (codes.is_country(text[:2]) or text[:2] == "XI"):
        raise InvalidInput(
            "eori", N_("An EORI is the two letters of a country and up to 15 letters or digits, like DE1234567.")
        )
    return text


def tax_no(text: str) -> str:
    """A tax number of any country: RFC, CUIT, RUT, GSTIN, IEC, EIN … Their forms are not checked."""
    return plain_text("tax_no", text, 32).upper()


def aeo_no(text: str) -> str:
    """AEO, two letters of a country and its number, like AEOCN3205940Q8K: 20 characters are declared at most."""
    text = _compact(text)
    if not re.fullmatch(r"AEO[A-Z]{2}[0-9A-Z]{1,15}", text) or not codes.is_country(text[3:5]):
        raise InvalidInput(
            "aeo_no",
            N_("An AEO number is AEO, two letters of a country and up to 15 letters or digits: AEOCN3205940Q8K."),
        )
    return text


def gs1_company_prefix(text: str, own: bool) -> str:
    """A GS1 company prefix, 4 to 12 digits. It numbers our own packages, so no other party has one here."""
    text = _compact(text)
    if not re.fullmatch(r"[0-9]{4,12}", text):
        raise InvalidInput("gs1_company_prefix", N_("A GS1 company prefix has 4 to 12 digits."))
    if not own:
        raise InvalidInput(
            "gs1_company_prefix", N_("Only one of our own companies has a GS1 company prefix here; leave it empty.")
        )
    return text


def bank_bic(text: str) -> str:
    """A BIC (ISO 9362) of 8 or 11 characters."""
    text = _compact(text)
    if not bic.is_valid(text) or not (codes.is_country(text[4:6]) or text[4:6] == "XK"):
        raise InvalidInput(
            "bank_bic", N_("A BIC has 8 or 11 characters, the 5th and 6th are a country, like ICBKCNBJSZU.")
        )
    return text


def bank_account(text: str) -> str:
    """An account number; what looks like an IBAN (ISO 13616) must be one and is stored in groups of four."""
    text = plain_text("bank_account", text, 64)
    compact = _compact(text)
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[0-9A-Z]{8,30}", compact):
        return text
    if not iban.is_valid(compact, check_country=False):
        raise InvalidInput(
            "bank_account",
            N_("This looks like an IBAN, but its check digits or its length are wrong. Compare each character."),
        )
    return iban.format(compact)


def email(text: str) -> str:
    """An e-mail address that is well formed; whether anyone reads it is not asked."""
    try:
        return validate_email(plain_text("email", text, 255), check_deliverability=False).normalized
    except EmailNotValidError:
        raise InvalidInput("email", N_("This is not an e-mail address; write it like name@company.com.")) from None


def country(text: str, field: str = "country") -> str:
    """An ISO 3166-1 alpha-2 code, also found by alpha-3 or by its English or Chinese name."""
    wanted = text.strip().casefold()
    for known in codes.countries().values():
        if wanted in (known.code.casefold(), known.more["alpha3"].casefold(), known.en.casefold(), known.zh):
            return known.code
    raise InvalidInput(
        field,
        N_("%(typed)s is not a country. Type its name or its two letters and choose from the list."),
        typed=text[:40],
    )


def listed(field: str, text: str, known: Mapping[str, codes.Code]) -> str:
    """A code of a list."""
    text = text.upper()
    if text not in known:
        raise InvalidInput(field, N_("%(typed)s is not in the list. Choose a code from it."), typed=text[:40])
    return text


def currency(text: str) -> str:
    """An ISO 4217 code of money."""
    text = text.upper()
    if text not in codes.currencies():
        raise InvalidInput("value_currency", N_("%(typed)s is not a currency of ISO 4217, like EUR."), typed=text[:40])
    return text


def timezone(text: str) -> str:
    """The name of a time zone of the IANA database."""
    for name in codes.timezones():
        if name.casefold() == text.casefold():
            return name
    raise InvalidInput(
        "timezone", N_("%(typed)s is not a time zone. Choose one from the list, like Asia/Shanghai."), typed=text[:40]
    )


def gln(text: str) -> str:
    """A GS1 Global Location Number: 13 digits, the last one a check digit."""
    text = _compact(text)
    if not re.fullmatch(r"[0-9]{13}", text):
        raise InvalidInput("gln", N_("A GLN has 13 digits; these are %(count)s characters."), count=len(text))
    if not ean.is_valid(text):
        raise InvalidInput("gln", N_("The check digit of this GLN is wrong. Compare each digit."))
    return text


def hs_code(text: str) -> str:
    """The 10 digits that China declares; points and blanks between them are dropped."""
    text = re.sub(r"[.\s-]", "", text)
    if not re.fullmatch(r"[0-9]+", text):
        raise InvalidInput("hs_code", N_("An HS code has digits only, like 8708.9490.90."))
    if len(text) != 10:
        raise InvalidInput(
            "hs_code",
            N_("China declares 10 digits; these are %(count)s. Look the full code up in the tariff."),
            count=len(text),
        )
    return text


def declaration_elements(text: str) -> str:
    """申报要素, parted by bars: first 品牌类型 0–4, then 出口享惠 0–3; empty elements keep their bar."""
    text = plain_text("declaration_elements", text.replace("｜", "|"), 255)
    parts = [part.strip() for part in text.split("|")]
    if parts[0] not in ("", *"01234") or len(parts) < 2:
        raise InvalidInput(
            "declaration_elements",
            N_("The first element is the kind of brand, 品牌类型 0 to 4, then a bar: 4|0|…"),
        )
    if parts[1] not in ("", *"0123"):
        raise InvalidInput(
            "declaration_elements",
            N_("The second element is the preference at export, 出口享惠情况 0 to 3: 4|0|…"),
        )
    return "|".join(parts)


def source_district(text: str) -> str:
    """境内货源地: 5 digits of the customs list of districts."""
    if not re.fullmatch(r"[0-9]{5}", text):
        raise InvalidInput("source_district", N_("A source district has 5 digits, like 32059."))
    return text


def un_no(text: str) -> str:
    """The four digits of a UN number; UN before them is dropped."""
    text = _compact(text).removeprefix("UN")
    if not re.fullmatch(r"[0-9]{4}", text) or text == "0000":
        raise InvalidInput("un_no", N_("A UN number has four digits, like 1263."))
    return text


#: classes and divisions of the UN Model Regulations 2.0.1.1; explosives with their compatibility group (2.1.2.1.1)
_HAZARD = r"1\.[1-6][A-HJKLNS]?|2\.[1-3]|3|4\.[1-3]|5\.[12]|6\.[12]|7|8|9"


def hazard_class(text: str) -> str:
    """The class or division of dangerous goods, for class 1 with its compatibility group."""
    text = _compact(text).removeprefix("CLASS")
    if not re.fullmatch(_HAZARD, text):
        raise InvalidInput(
            "hazard_class", N_("%(typed)s is not a class of dangerous goods, like 3 or 6.1."), typed=text[:20]
        )
    return text


def subsidiary_hazards(text: str) -> str:
    """Classes as above, parted by commas: 6.1, 8."""
    parts = [part for part in re.split(r"[,;/\s]+", unicodedata.normalize("NFKC", text).upper().strip("() ")) if part]
    for part in parts:
        if not re.fullmatch(_HAZARD, part):
            raise InvalidInput(
                "subsidiary_hazards", N_("%(typed)s is not a class of dangerous goods, like 3 or 6.1."), typed=part[:20]
            )
    return plain_text("subsidiary_hazards", ", ".join(dict.fromkeys(parts)), 16)


def packing_group(text: str) -> str:
    """I, II or III."""
    if text not in ("I", "II", "III"):
        raise InvalidInput("packing_group", N_("A packing group is I, II or III."))
    return text


def dangerous(un: str, name: str, hazard: str, *others: object) -> None:
    """With a UN number go the proper shipping name and the class (IMDG Code 5.4.1.4.1); without it nothing of these."""
    if un and not name:
        raise InvalidInput("proper_shipping_name", N_("With a UN number the proper shipping name is needed."))
    if un and not hazard:
        raise InvalidInput("hazard_class", N_("With a UN number the class is needed."))
    if not un and any((name, hazard, *others)):
        raise InvalidInput("un_no", N_("This is said of dangerous goods, but their UN number is missing."))


def supervision_codes(text: str) -> str:
    """监管证件代码 of the HS code, one sign each, like AB. Small letters differ from capitals: x is not X."""
    text = re.sub(r"[\s,/、]", "", unicodedata.normalize("NFKC", text))
    if not re.fullmatch(r"[0-9A-Za-z]{1,16}", text):
        raise InvalidInput("supervision_codes", N_("These are up to 16 letters or digits, like AB."))
    return text


def legal_units(first: str, second: str) -> None:
    """The HS code dictates one or two legal units; the second is another one than the first."""
    if second and not first:
        raise InvalidInput("legal_unit_1", N_("There is a second legal unit but no first one."))
    if second and second == first:
        raise InvalidInput("legal_unit_2", N_("The second legal unit is the same as the first; leave it empty."))


def amount(field: str, number: Decimal, decimals: int) -> Decimal:
    """A mass in kg or a value: not below 0, at most `decimals` decimals."""
    if number < 0:
        raise InvalidInput(field, N_("This cannot be below 0."))
    if number >= _LARGEST[field]:
        raise InvalidInput(field, N_("This number is too large."))
    exponent = number.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > decimals:
        raise InvalidInput(field, N_("At most %(most)s decimals; these are %(count)s."), most=decimals, count=-exponent)
    return number


def value(number: Decimal, currency_code: str) -> Decimal:
    """A value with the decimals of its currency (ISO 4217)."""
    try:
        return amount("value", number, codes.currency_decimals(currency_code))
    except InvalidInput as error:
        if "most" not in error.message.values:
            raise
        raise InvalidInput(
            "value",
            N_("%(currency)s has %(most)s decimals; these are %(count)s."),
            currency=currency_code,
            **error.message.values,
        ) from None


def whole(field: str, number: int, least: int, most: int) -> int:
    """A whole number between two bounds."""
    if not least <= number <= most:
        raise InvalidInput(field, N_("A whole number from %(least)s to %(most)s is needed."), least=least, most=most)
    return number


def grai(company_prefix: str, asset_type: str) -> str:
    """The 14 digits of a type's GRAI: 0, company prefix and asset type (12 digits together), check digit.

    Empty when the type has no GS1 number. Raises InvalidInput at the field that is wrong.
    """
    if not company_prefix and not asset_type:
        return ""
    for field, text in (("gs1_company_prefix", company_prefix), ("gs1_asset_type", asset_type)):
        if not re.fullmatch(r"[0-9]*", text):
            raise InvalidInput(field, N_("This has digits only."))
    if not 4 <= len(company_prefix) <= 12:
        raise InvalidInput("gs1_company_prefix", N_("A GS1 company prefix has 4 to 12 digits."))
    if len(company_prefix + asset_type) != 12:
        raise InvalidInput(
            "gs1_asset_type",
            N_("Company prefix and asset type have 12 digits together: %(wanted)s here, not %(count)s."),
            count=len(asset_type),
            wanted=12 - len(company_prefix),
        )
    return "0" + company_prefix + asset_type + ean.calc_check_digit(company_prefix + asset_type)


def _compact(text: str) -> str:
    return re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text)).upper()
