"""Chinese and English are equals: whatever a page or a rule says is in the Chinese catalogue, and arrives on the page."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_keywords, parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask.testing import FlaskClient
from samples import World

from accounts.models import User
from master_data.models import Party

ROOT = Path(__file__).parent.parent
CATALOGUE = ROOT / "translations" / "zh" / "LC_MESSAGES" / "messages.po"

#: %(name)s of Python and {name} of the scan page's JavaScript
_PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|\{\w+\}")

#: A sentence that is the same in both languages; all others must hold Chinese.
_NOT_TRANSLATED = {"GLN", "GRAI", "{count} of {expected}", "{times}×"}


@pytest.fixture(scope="module")
def chinese() -> Catalog:
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="zh", ignore_obsolete=False)


@pytest.fixture(scope="module")
def compiled(chinese: Catalog) -> None:
    """What `make` does before the service starts, also for who runs pytest alone."""
    path = CATALOGUE.with_suffix(".mo")
    if not path.exists() or path.stat().st_mtime < CATALOGUE.stat().st_mtime:
        with path.open("wb") as file:
            write_mo(file, chinese)


def _entries(catalogue: Catalog) -> Iterator[tuple[list[str], list[str]]]:
    """Of each entry its English texts (one, or singular and plural) and its Chinese ones."""
    for entry in catalogue:
        if entry.id:
            yield _texts(entry.id), _texts(entry.string)


def _texts(one_or_more: Any) -> list[str]:
    return [one_or_more] if isinstance(one_or_more, str) else list(one_or_more)


def _said_by_the_code() -> dict[str | tuple[str, ...], str]:
    """Every msgid in templates and modules, extracted as `make translations` does → where it stands."""
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    keywords = {**DEFAULT_KEYWORDS, **parse_keywords(["N_", "lazy_gettext"])}
    found = extract_from_dir(ROOT, methods, options, keywords)
    return {msgid: f"{name}:{line}" for name, line, msgid, _comments, _context in found}


def test_the_chinese_catalogue_holds_exactly_what_the_code_says(chinese: Catalog) -> None:
    said = _said_by_the_code()
    known = {entry.id for entry in chinese if entry.id}
    assert len(said) > 800, "babel.cfg finds too little"
    assert {msgid: place for msgid, place in said.items() if msgid not in known} == {}, "run `make translations`"
    assert {msgid for msgid in known if msgid not in said} == set(), "no page says this any more"
    assert list(chinese.obsolete) == []


def test_every_sentence_is_translated_and_none_is_a_guess(chinese: Catalog) -> None:
    assert not chinese.fuzzy
    assert [entry.id for entry in chinese if entry.id and entry.fuzzy] == []
    assert [english for english, texts in _entries(chinese) if not texts or not all(texts)] == []
    assert [
        english[0]
        for english, texts in _entries(chinese)
        if english[0] not in _NOT_TRANSLATED and re.search("[A-Za-z]{2}", _PLACEHOLDER.sub("", english[0]))
        for text in texts
        if not re.search("[\u4e00-\u9fff]", text)
    ] == []


def test_each_translation_takes_the_values_of_its_sentence(chinese: Catalog) -> None:
    # A forgotten placeholder drops a value from the page; one too many is an error when the sentence is said.
    for english, texts in _entries(chinese):
        for text in texts:
            assert set(_PLACEHOLDER.findall(text)) == set(_PLACEHOLDER.findall(english[-1])), english[0]
            values = dict.fromkeys(re.findall(r"%\((\w+)\)", text), 1)
            assert not values or text % values


def test_every_translation_compiles(chinese: Catalog) -> None:
    # pybabel ends with an error where babel takes a “%” in a label for a placeholder, and `make run` with it.
    assert [(entry.id, str(error)) for entry in chinese for error in entry.check(chinese)] == []


def test_chinese_sentences_end_as_the_english_ones_do(chinese: Catalog) -> None:
    ends = {".": "。", ":": "：", "?": "？。"}  # a question may become a request
    for english, texts in _entries(chinese):
        for text in texts:
            assert not re.search(r"[\u4e00-\u9fff][,;:?!(]|[,;?!)][\u4e00-\u9fff]", text), f"half-width mark: {text}"
            if english[0][-1] in ends and not english[0].endswith("no."):  # “Seal no.” is a label
                assert text[-1] in ends[english[0][-1]], text


PAGES = {
    "/": ("今日", ["Today", "Leaving soon", "New shipment"]),
    "/shipments": ("新建发运", ["New shipment", "Consignee", "Departure", "Search"]),
    "/shipments/new": ("贸易术语", ["Consignor", "Named place", "Payment terms", "Save shipment", "Gross kg"]),
    "/documents": ("单证", ["Documents", "Papers are issued"]),
    "/assets": ("周转箱", ["Register boxes", "Holder"]),
    "/assets/new": ("登记周转箱", ["Register boxes", "Box type", "First number"]),
    "/balances": ("结存", ["Balances", "Overdue"]),
    "/letters-of-credit/new": ("受益人", ["Beneficiary", "Issuing bank", "Latest day of shipment", "Originals"]),
    "/profiles": ("单证方案", ["Document profiles", "Applies to", "The seller insures", "Usually asked for there"]),
    "/looks": ("单证外观", ["Look of papers", "Companies", "Logo"]),
    "/looks/SUZHOU": ("印章与签名", ["Stamps and signatures", "Logo and colour", "Colour"]),
    "/wordings/new": ("新建文字", ["New text", "Wording", "every paper"]),
    "/packs": ("模板包", ["Template packs", "Take a pack", "Try it and take it"]),
    "/parties/new": ("统一社会信用代码", ["Name, English", "Customs registration", "Save"]),
    "/products/new": ("申报要素", ["Declaration elements", "HS code", "Country of origin"]),
    "/asset-types/new": ("皮重", ["Tare", "Payload", "Agreed days out"]),
    "/scan/scanner-setup": ("设置扫描枪", ["Set up a scanner", "Suffix", "Keyboard language", "All right"]),
    "/foresight": ("预测", ["Foresight", "In hand", "Expected back", "Boxes needed", "Estimates by counting"]),
    "/foresight/fleet/KLT6428": ("箱队规模", ["Fleet size", "Peak factor", "Days to buy boxes", "Enough on"]),
    "/foresight/shortage/KLT6428/SZ-PLANT": ("逐日可用箱数", ["Available boxes", "Planned need", "Days of checking"]),
    "/alerts": ("提醒", ["Alerts", "How bad", "Nothing is worth", "Customs clocks"]),
    "/alerts/settings": ("邮件摘要", ["Digest", "Add a recipient", "Customs is urgent from", "What was sent"]),
    "/customs/declarations": ("海关期限管理", ["Declaration out", "No box is under", "Months by regime"]),
    "/customs/declarations/new": ("报关单号", ["Declaration no", "Over the border on", "Boxes and journey"]),
    "/customs/clocks": ("期限表", ["Months by regime", "Verified by", "to be checked with the broker"]),
}


def test_the_scan_page_has_every_sentence_in_both_languages(compiled: None, anonymous: FlaskClient) -> None:
    words = anonymous.get("/scan/words.json").json
    assert words["en"].keys() == words["zh"].keys()
    assert (words["en"]["dispatch"], words["zh"]["dispatch"]) == ("Dispatch", "发出")
    same = {key for key, english in words["en"].items() if english == words["zh"][key]}
    assert same <= {"of", "zoom"}
    named = {
        name
        for path in (ROOT / "static" / "scan").glob("*.js")
        for name in re.findall(r'say\("(\w+)"', path.read_text())
    }
    shell = anonymous.get("/scan").get_data(as_text=True)
    named |= set(re.findall(r'data-(?:text|label|hint)="(\w+)"', shell))
    setup = {"prefix", "suffix", "case", "layout", "width", "double", "separator", "speed"}  # of the other page
    assert {name for name in named - words["en"].keys() if name.split("_")[0] not in setup} <= {
        "right",
        "second",
        "other",
        "waiting",
    }


@pytest.mark.parametrize("path", PAGES)
def test_a_page_in_chinese_is_chinese(compiled: None, client: FlaskClient, user: User, world: World, path: str) -> None:
    here, gone = PAGES[path]
    user.language = "zh"
    user.save()
    page = client.get(path).get_data(as_text=True)
    assert '<html lang="zh-CN">' in page
    assert here in page
    # “Save” stands in no attribute or address, so the whole page may be searched as words.
    assert [text for text in gone if re.search(rf"(?<![\w-]){re.escape(text)}(?![\w-])", page)] == []


def test_the_audit_calls_values_as_the_form_does_in_chinese(compiled: None, client: FlaskClient, world: World) -> None:
    client.post("/language", data={"language": "zh"})
    Party.update(name_en="Suzhou").where(Party.id == world.suzhou.id).execute()
    assert "<b>英文名称</b>" in client.get("/audit?kind=party&verb=changed").text


def test_a_refusal_is_said_in_chinese(compiled: None, client: FlaskClient, user: User, world: World) -> None:
    user.language = "zh"
    user.save()
    page = client.post("/shipments/new", data={"save": "1", "consignor": "NOBODY"}).get_data(as_text=True)
    assert "没有代码为 NOBODY 的合作方" in page
    assert "此项必填。" in page
    assert "This is needed." not in page


def test_the_answer_to_a_scan_is_in_the_language_of_the_person(
    compiled: None, client: FlaskClient, user: User, world: World
) -> None:
    scan = {"type": "return", "scanned_text": "KLT999999", "event_time": "2026-11-23T17:00:00+08:00"}
    texts = {}
    for language in ("en", "zh"):
        user.language = language
        user.save()
        answer = client.post("/api/v1/scan-events", json={**scan, "event_id": str(uuid.uuid4())}).json
        assert answer["reason"] == "unknown_asset"  # for programs: the same in every language
        texts[language] = answer["text"]
    assert texts["en"].startswith("No box is registered")
    assert re.search("[\u4e00-\u9fff]", texts["zh"])


def test_a_failed_login_is_told_in_chinese(compiled: None, anonymous: FlaskClient) -> None:
    # The login form is Flask-Security's; what its own catalogue lacks comes from ours.
    chinese = {"Accept-Language": "zh-CN,zh;q=0.9"}
    page = anonymous.get("/login", headers=chinese).get_data(as_text=True)
    token = page.split('name="csrf-token" content="')[1].split('"')[0]
    typed = {"csrf_token": token, "username": "nobody", "password": "not this one"}
    page = anonymous.post("/login", data=typed, headers=chinese).get_data(as_text=True)
    assert "用户名或密码不正确。" in page
    assert "用户名</label>" in page or "用户名<span" in page
    assert "密码" in page
    assert not re.search("Username|Password|Authentication|Remember", page)


def test_before_signing_in_the_language_is_the_browsers(compiled: None, anonymous: FlaskClient) -> None:
    assert "登录" in anonymous.get("/login", headers={"Accept-Language": "zh-CN,zh;q=0.9"}).get_data(as_text=True)
    assert "登录" not in anonymous.get("/login", headers={"Accept-Language": "de"}).get_data(as_text=True)
