"""Every script that our customers write comes out of our own fonts; what they lack is known before, never a box."""

from __future__ import annotations

import html
import io
import logging
from collections.abc import Iterator

import pypdfium2
import pytest
from fontTools.ttLib import TTFont
from pypdf import PdfReader

from config import ROOT
from docs_gen import render
from master_data.rules import BIDI_CONTROLS

FONTS = ROOT / "static" / "fonts"

#: script → (a name in it, the family that must print it)
NAMES = {
    "Vietnamese": ("Công ty Cổ phần Việt Nhật", "Noto-Sans"),
    "Polish": ("Łódź Żółć", "Noto-Sans"),
    "Romanian": ("Constanța București Șos.", "Noto-Sans"),
    "Turkish": ("İstanbul Dağıtım", "Noto-Sans"),
    "Greek": ("Ζήνων Αθήνα", "Noto-Sans"),
    "Russian": ("ООО «Жигулёвск»", "Noto-Sans"),
    "Ukrainian": ("Київ Ґалаґан", "Noto-Sans"),
    "Chinese": ("苏州稳达转向系统有限公司", "Noto-Sans-CJK-SC"),
    "Japanese": ("株式会社カタカナひらがな", "Noto-Sans-CJK-SC"),
    "Thai": ("บริษัท ไทยสตีล", "Noto-Sans-Thai"),
    "Arabic": ("شركة الخليج", "Noto-Sans-Arabic"),
    "Hebrew": ("חברת הדוגמה", "Noto-Sans-Hebrew"),
    "Korean": ("주식회사 한국자동차", "Noto-Sans-CJK-Rest"),
    "half-width": ("ｶﾀｶﾅ", "Noto-Sans-CJK-Rest"),
    "extensions": ("𠮷㐀𡃁", "Noto-Sans-CJK-Rest"),
}


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What the engine complains of: it names every character that becomes an empty box."""
    told: list[str] = []

    class Noting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())

    handler = Noting()
    logging.getLogger("weasyprint").addHandler(handler)
    yield told
    logging.getLogger("weasyprint").removeHandler(handler)


@pytest.mark.parametrize(("name", "family"), NAMES.values(), ids=NAMES)
def test_B6_every_script_is_printed_by_its_font_and_read_back(name: str, family: str, complaints: list[str]) -> None:
    assert render.missing_glyphs(name) == ""
    data = render.pdf(f"<p>{name}</p><p><b>{name}</b></p>", variant=None).data
    assert complaints == []
    families = {one.removesuffix("-Bold") for one in embedded(data)}
    assert family in families
    read = pypdfium2.PdfDocument(data)[0].get_textpage().get_text_bounded()
    assert read.count(name) == 2, read


def test_arabic_letters_are_joined_and_run_from_right_to_left() -> None:
    data = render.pdf("<p>AB شركة CD</p>", variant=None).data
    [arabic] = [one for name, one in embedded(data).items() if "Arabic" in name]
    file = TTFont(io.BytesIO(arabic["/DescendantFonts"][0]["/FontDescriptor"]["/FontFile2"].get_data()))
    source = TTFont(FONTS / "NotoSansArabic-Regular.ttf")
    letters = [source.getGlyphID(source.getBestCmap()[ord(c)]) for c in "شركة"]
    drawn = [index for index, name in enumerate(file.getGlyphOrder()) if file["glyf"][name].numberOfContours]
    assert letters[0] not in drawn, "ش at the start of a word has its initial form"
    page = pypdfium2.PdfDocument(data)[0].get_textpage()
    places = {page.get_text_range(i, 1): page.get_charbox(i)[0] for i in range(page.count_chars())}
    assert places["A"] < places["ة"] < places["ك"] < places["ش"] < places["C"]


@pytest.mark.parametrize("weight", ["normal", "bold"])
def test_all_that_is_not_called_missing_is_printed(weight: str, complaints: list[str]) -> None:
    known = sorted(set().union(*(TTFont(path, lazy=True).getBestCmap() for path in FONTS.glob("*.ttf"))))
    text = [chr(code) for code in known]
    missing = render.missing_glyphs("".join(text))
    assert set(missing) == set("\u2028\u2029") | BIDI_CONTROLS
    for begin in range(0, len(text), 4000):
        part = html.escape(" ".join(c for c in text[begin : begin + 4000] if c not in missing))
        render.pdf(f"<body style='font-weight: {weight}; font-size: 4pt'><p>{part}", variant=None)
    assert complaints == []


@pytest.mark.parametrize("before", ["a", "汉", "ไ", "ش", "ח", "한"])
def test_a_blank_is_no_box_after_any_script(before: str, complaints: list[str]) -> None:
    blanks = "\u0020\u00a0\u2002\u2003\u2009\u200b\u200d\u200e\u200f\u202f\u2060\u3000"
    assert render.missing_glyphs(blanks) == ""
    render.pdf("<p>" + before.join(["", *blanks, ""]), variant=None)
    assert complaints == []


def test_what_no_font_has_is_missing() -> None:
    assert render.missing_glyphs("a😀b\ue000c\U000f0000नd\u2028😀") == "😀\ue000\U000f0000न\u2028"


def test_both_weights_of_a_family_print_the_same_and_none_has_private_characters() -> None:
    for path in FONTS.glob("*.ttf"):
        characters = TTFont(path, lazy=True).getBestCmap().keys()
        assert not characters & {*range(0xE000, 0xF900), *range(0xF0000, 0x110000)}, path.name
        bold = path.with_name(path.name.replace("Regular", "Bold"))
        if bold.exists():
            assert characters == TTFont(bold, lazy=True).getBestCmap().keys(), path.name
    assert {path.name for path in FONTS.glob("*.ttf")} == set(render.FONT_FILES)


def test_the_style_sheets_name_the_families_in_the_order_of_the_files() -> None:
    files = (TTFont(FONTS / name, lazy=True) for name in render.FONT_FILES)
    families = ", ".join(dict.fromkeys(f'"{one["name"].getDebugName(1)}"' for one in files))
    for name in ("paper.css", "css/label_sheet.css"):
        assert f"font-family: {families};" in (ROOT / "static" / name).read_text(encoding="utf-8"), name


def embedded(data: bytes) -> dict[str, dict[str, object]]:
    """family → font, as the file has them."""
    fonts = (
        font.get_object()
        for page in PdfReader(io.BytesIO(data)).pages
        for font in page["/Resources"]["/Font"].values()  # type: ignore[index, union-attr]
    )
    return {font["/BaseFont"].split("+")[1]: font for font in fonts}
