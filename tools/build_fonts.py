"""Build the fonts of our papers from Debian's Noto packages; run by a developer, never at start.

The papers must look the same, and have the same bytes, on every machine. So the fonts are files of this repository
(`static/fonts`) and not whatever a machine has installed. This is how they were made:

    apt-get install fonts-noto-cjk fonts-noto-core
    python tools/build_fonts.py static/fonts

What is kept, and why:

* Noto Sans CJK SC, regular and bold: every character of GBK (the names 喆 堃 犇 are in it, GB 2312 lacks them), with
  quadratic outlines, because WeasyPrint embeds TrueType smaller than CFF. Glyphs are ordered by how often they are
  used (GB 2312 level 1, level 2, the rest): WeasyPrint keeps glyph numbers when it subsets, so the tables of an
  embedded font run up to the highest number used, and low numbers make small files.
* Noto Sans, regular and bold: Latin with Latin Extended, Greek, Cyrillic, punctuation and currency signs.
* Noto Sans Thai, Arabic and Hebrew, regular and bold, with all their shaping rules.
* Noto Sans CJK Rest, regular only: all other characters of Noto Sans CJK SC in one file – Korean syllables and letters,
  Unicode's CJK extensions, compatibility and half-width forms. A name in it that asks for bold is printed regular.

A character is taken from the first family of the list in `static/paper.css` that has it. Private-use characters are in
none of these files: what they look like differs from machine to machine.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTCollection, TTFont, newTable
from fontTools.ttLib.reorderGlyphs import reorderGlyphs

CJK = {
    "Regular": "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "Bold": "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
}
NOTO = "/usr/share/fonts/truetype/noto"  # NotoSansThai-Bold.ttf …
LATIN_FEATURES = ["kern", "mark", "mkmk", "ccmp", "tnum", "lnum"]
LATIN_RANGES = [
    (0x20, 0x24F),  # Basic Latin … Latin Extended-B
    (0x2B0, 0x36F),  # modifiers, combining marks
    (0x370, 0x52F),  # Greek, Cyrillic
    (0x1E00, 0x1EFF),  # Latin Extended Additional (Vietnamese)
    (0x2000, 0x206F),  # punctuation
    (0x2070, 0x218F),  # super- and subscripts, currency, letter-like, number forms
    (0x2190, 0x22FF),  # arrows, mathematics
    (0x25A0, 0x27BF),  # shapes, signs
]
#: script → what is kept of its font; its spaces, digits and punctuation come along for the shaping rules
SCRIPT_RANGES = {
    "Thai": [(0x20, 0x7E), (0xE00, 0xE7F), (0x200B, 0x200D), (0x25CC, 0x25CC)],
    "Arabic": [
        (0x20, 0x7E),
        (0x600, 0x6FF),
        (0x750, 0x77F),
        (0x8A0, 0x8FF),
        (0x200B, 0x200F),
        (0x25CC, 0x25CC),
        (0xFB50, 0xFDFF),
        (0xFE70, 0xFEFC),
    ],
    "Hebrew": [(0x20, 0x7E), (0x591, 0x5F4), (0x200B, 0x200F), (0x25CC, 0x25CC), (0xFB1D, 0xFB4F)],
}


def _decoded(charset: str, leads: range) -> list[int]:
    """Characters of a double-byte set whose lead byte lies in `leads`, in code order."""
    found = []
    for lead in leads:
        for trail in range(0x40, 0xFF):
            try:
                char = bytes([lead, trail]).decode(charset)
            except UnicodeDecodeError:
                continue
            if len(char) == 1 and not 0xE000 <= ord(char) <= 0xF8FF:
                found.append(ord(char))
    return found


def cjk_characters() -> list[int]:
    """Code points to keep, most used first."""
    ascii_ = list(range(0x20, 0x7F))
    symbols = _decoded("gb2312", range(0xA1, 0xAA))
    level_1 = _decoded("gb2312", range(0xB0, 0xD8))
    level_2 = _decoded("gb2312", range(0xD8, 0xF8))
    everything = _decoded("gbk", range(0x81, 0xFF))
    full_width = list(range(0xFF01, 0xFF5F))
    return list(dict.fromkeys([*ascii_, *symbols, *full_width, *level_1, *level_2, *everything]))


def rest_characters(font: TTFont, kept: list[int]) -> list[int]:
    """Code points of `font` that are not `kept`, most used first: KS X 1001 (Korean) before the other blocks.

    ASCII is in it again: a blank is printed in the font of the character before it, whether that has one or not.
    """
    ascii_ = set(range(0x20, 0x7F))
    korean = _decoded("euc_kr", range(0xB0, 0xC9))
    have = font.getBestCmap().keys() - set(kept) - set(range(0xE000, 0xF900)) - set(range(0xF0000, 0x110000)) | ascii_
    return [code for code in dict.fromkeys([*sorted(ascii_), *korean, *sorted(have)]) if code in have]


def _subset(font: TTFont, characters: list[int], features: list[str]) -> None:
    options = subset.Options()
    options.layout_features = features
    options.name_IDs = ["*"]
    options.hinting = False
    options.glyph_names = False
    options.notdef_outline = True
    options.drop_tables += ["vhea", "vmtx", "VORG", "BASE", "DSIG", "FFTM", "meta"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=characters)
    subsetter.subset(font)


def _to_truetype(font: TTFont) -> None:
    """CFF outlines → quadratic `glyf` outlines, error at most 1/1000 em."""
    glyph_set = font.getGlyphSet()
    glyphs = {}
    for name in font.getGlyphOrder():
        pen = TTGlyphPen(glyph_set)
        glyph_set[name].draw(Cu2QuPen(pen, 1.0, reverse_direction=True))
        glyphs[name] = pen.glyph()
    font["loca"] = newTable("loca")
    font["glyf"] = glyf = newTable("glyf")
    glyf.glyphOrder = font.getGlyphOrder()
    glyf.glyphs = glyphs
    del font["CFF "]
    if "VORG" in font:
        del font["VORG"]
    glyf.compile(font)
    maxp = font["maxp"]
    maxp.tableVersion = 0x00010000
    for field in (
        "maxTwilightPoints",
        "maxStorage",
        "maxFunctionDefs",
        "maxInstructionDefs",
        "maxStackElements",
        "maxSizeOfInstructions",
        "maxPoints",
        "maxContours",
        "maxCompositePoints",
        "maxCompositeContours",
        "maxComponentElements",
        "maxComponentDepth",
    ):
        setattr(maxp, field, 0)
    maxp.maxZones = 1
    maxp.recalc(font)
    font["post"].formatType = 3.0
    font["post"].extraNames, font["post"].mapping = [], {}
    font.sfntVersion = "\000\001\000\000"


def _cjk_face(source: str) -> TTFont:
    faces = TTCollection(source).fonts
    return next(face for face in faces if face["name"].getDebugName(1).startswith("Noto Sans CJK SC"))


def _save(font: TTFont, path: Path) -> None:
    font.recalcTimestamp = False  # the same sources give the same bytes, and those are a version of every paper
    font.save(path)


def _cjk(font: TTFont, characters: list[int]) -> None:
    """Keep `characters`, in this order, with quadratic outlines."""
    _subset(font, characters, [])  # with `locl` the Japanese, Korean and Taiwanese shapes would double the file
    cmap = font.getBestCmap()
    wanted = [cmap[c] for c in characters if c in cmap]
    order = list(dict.fromkeys([font.getGlyphOrder()[0], *wanted, *font.getGlyphOrder()]))
    _to_truetype(font)
    reorderGlyphs(font, order)


def _rename(font: TTFont, family: str) -> None:
    """A family name of its own, so that a style sheet can tell it from the one it was taken from."""
    for record in list(font["name"].names):
        if record.nameID in (1, 16) or record.nameID > 16:
            font["name"].removeNames(record.nameID, record.platformID, record.platEncID, record.langID)
    font["name"].setName(family, 1, 3, 1, 0x409)
    font["name"].setName(family + " Regular", 3, 3, 1, 0x409)
    font["name"].setName(family + " Regular", 4, 3, 1, 0x409)
    font["name"].setName(family.replace(" ", "") + "-Regular", 6, 3, 1, 0x409)


def _codes(ranges: list[tuple[int, int]]) -> list[int]:
    return [code for first, last in ranges for code in range(first, last + 1)]


def build(target: Path) -> None:
    """Write the font files into `target`."""
    characters = cjk_characters()
    for weight, source in CJK.items():
        font = _cjk_face(source)
        _cjk(font, characters)
        _save(font, target / f"NotoSansCJKsc-{weight}.ttf")
    font = _cjk_face(CJK["Regular"])
    _cjk(font, rest_characters(font, characters))
    _rename(font, "Noto Sans CJK Rest")
    _save(font, target / "NotoSansCJKrest-Regular.ttf")
    for weight in ("Regular", "Bold"):
        font = TTFont(f"{NOTO}/NotoSans-{weight}.ttf")
        _subset(font, _codes(LATIN_RANGES), LATIN_FEATURES)
        _save(font, target / f"NotoSans-{weight}.ttf")
        for script, ranges in SCRIPT_RANGES.items():
            font = TTFont(f"{NOTO}/NotoSans{script}-{weight}.ttf")
            _subset(font, _codes(ranges), ["*"])
            _save(font, target / f"NotoSans{script}-{weight}.ttf")
    for path in sorted(target.glob("*.ttf")):
        print(f"{path.name}: {path.stat().st_size:,} bytes, {len(TTFont(path).getBestCmap()):,} characters")


if __name__ == "__main__":
    build(Path(sys.argv[1]))
