"""What we do to the engine for speed changes nothing that it draws: held against the engine as it comes."""

from __future__ import annotations

import gc
import io
import pickle
import random
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pikepdf
import pytest
import tinyhtml5
from markupsafe import Markup

from assets.labels import qr_svg
from config import ROOT
from docs_gen import engine as engine_speed
from docs_gen import render
from docs_gen.document_types import Imprint, print_job
from docs_gen.engine import text as text_lines
from docs_gen.label_sheets import SHEETS, Label, module_side, modules, size_css
from docs_gen.register import REGISTER
from docs_gen.render_pool import Job, render_one
from docs_gen.samples import ACCOUNT_SAMPLES, sample_facts

#: Renders the pickled jobs of its input with WeasyPrint as it comes, but for our resources and our fonts. In this process:
#: a worker of the pool is born of a nursery, which knows nothing of what is put out of use here.
_AS_IT_COMES = """
import pickle, sys
from docs_gen import engine as engine_speed, render
engine_speed.hasten = lambda engine: None
engine_speed.parsed = lambda html: None
drawn = [render.pdf(job.html() if callable(job.html) else job.html, **job.options).data for job in pickle.load(sys.stdin.buffer)]
import weasyprint
assert all(module.startswith("weasyprint.") for module in (weasyprint.css.StyleFor.__module__, weasyprint.layout.block.block_container_layout.__module__))
pickle.dump(drawn, sys.stdout.buffer)
"""


def _jobs() -> dict[str, Job]:
    jobs = {}
    for code, type in REGISTER.items():
        facts = ACCOUNT_SAMPLES[type.facts](3) if type.facts in ACCOUNT_SAMPLES else sample_facts(4, full=True)
        job = print_job(type, facts, Imprint("X-2026-0001"))
        jobs[code] = Job(job.html() if callable(job.html) else job.html, job.options)
    invoice = REGISTER["commercial_invoice"]
    coloured = replace(sample_facts(2), colour="#123456")
    jobs["coloured"] = print_job(invoice, coloured, Imprint("X-2026-0002"))
    jobs["labels"] = _label_job()
    jobs["long"] = print_job(invoice, sample_facts(40), Imprint("X-2026-0003"))
    jobs["odd"] = _odd_job()
    jobs["odd_without_tags"] = _odd_job(
        ".fl::first-letter { font-size: 150% } .fl::first-line { color: red }", short=True, variant=None
    )
    jobs["figures"] = _figures_job()
    jobs["draft"] = print_job(invoice, sample_facts(2), Imprint(""))
    return jobs


#: What may stand in a cell; most of it is not what the short ways of the engine know.
_CELLS = (
    "plain", "", " leading and trailing ", "two<br/>lines", "a <b>bold</b> word", "<div>one</div><div>two</div>",
    "<div>one</div>text", "text<div>after</div>", "<div><div>nested</div></div>", "<div>  spaces   inside </div>",
    "soft\u00adhyphen and alongwordwithoutanybreaksatallinitsothatitmustbebrokensomewhere", "中文字符很长很长很长很长很长，还要更长。",
    "שלום עולם", "مرحبا بالعالم", "ภาษาไทย", "e\u0301 combining ﬁ fi AV To", "\u00a0", "x\u00a0", "tab\there", "line\nfeed",
    '<img alt="logo" src="roundtrip:logo" style="width:5mm"/>', '<a href="https://example.com">link</a>', "<p>para</p><p>two</p>",
    "<ul><li>a</li></ul>", "<table><tr><td>inner</td></tr></table>", '<div class="float">f</div>text', "emoji 😀?",
    '<div class="abs">f</div>text', "<div>a</div> <div>b</div>", '<div class="m">margin</div><div class="p">padding</div>',
    '<div class="bd">border</div><div class="bg">back</div>', '<div data-bookmark="B">bookmark</div>', '<div id="here">id</div>',
    '<div class="counted">c</div>', '<div class="before">c</div>', '<div class="upper">upper case</div>',
    '<div class="just">justified text that is long enough for several lines</div>', '<div class="pre">pre\n  two</div>',
    '<div class="preline">pre\n  two</div>', '<div class="ell">an ellipsis stands where this is too long</div>',
    '<div class="under">under</div>', '<div class="rel">relative</div>', '<div class="op">opaque</div>',
    '<div class="out">outline</div>', '<div class="spaced">letters and words apart</div>', '<div class="sup">sup</div>',
    '<div class="indent">indented text that is long enough for two lines</div>', '<div class="hid">hidden</div>',
    '<div class="rtl">right to left, abc. שלום</div>', '<div class="fl">First letter and line</div>',
    '<div class="turn">turned</div>', '<div class="wide">wide</div>', '<div class="big">B</div><div>small</div>',
    '<div class="hy" lang="en">internationalization of characteristics</div>', '<div lang="ar">عربي</div>',
)  # fmt: skip
_ODD_STYLE = """
@page { size: A4; margin: 15mm; @bottom-center { content: counter(page) "/" counter(pages) } }
html { font: 8pt "Noto Sans", "Noto Sans CJK SC", "Noto Sans Thai", "Noto Sans Arabic", "Noto Sans Hebrew" }
table { width: 100%; table-layout: fixed } .collapsed { border-collapse: collapse } .apart { border-spacing: 1mm .5mm }
td, th { overflow-wrap: anywhere; vertical-align: top; padding: .4mm 1mm } tr.keep { break-inside: avoid }
.collapsed td { border-bottom: .1mm solid #bbb } .collapsed th { border: .3mm solid red }
td.x { border: .5mm dashed blue } td.y { border-left: 1mm double green; background: #eef }
.middle td { vertical-align: middle } .bottom td { vertical-align: bottom; text-align: right } .high td { height: 9mm }
.base td { vertical-align: baseline; text-align: center } td.green { color: rgba(0, 128, 0, .6) } td.hsl { color: hsl(200 50% 40%); white-space: nowrap }
.float { float: left } .abs { position: absolute } .m { margin: 1mm } .p { padding: 1mm } .bd { border: .2mm solid } .bg { background: yellow }
.counted { counter-increment: n } .counted::after { content: counter(n) } .before::before { content: "» " } .upper { text-transform: uppercase }
.just { text-align: justify } .pre { white-space: pre } .preline { white-space: pre-line } .under { text-decoration: underline }
.ell { white-space: nowrap; overflow: hidden; text-overflow: ellipsis } .rel { position: relative; top: 1mm } .op { opacity: .5 }
.out { outline: .2mm solid } .spaced { letter-spacing: .3mm; word-spacing: 1mm } .indent { text-indent: 3mm } .hid { visibility: hidden }
.sup { vertical-align: super; font-size: 60% } .rtl { direction: rtl } .turn { transform: rotate(10deg) } .hy { hyphens: auto }
.wide { width: 5mm; min-height: 4mm } .big { font-size: 20pt; line-height: 1 } [data-bookmark] { bookmark-level: 1; bookmark-label: attr(data-bookmark) }
"""


def _odd_job(more_style: str = "", *, short: bool = False, **options: object) -> Job:
    """Tables whose cells hold all sorts of things, go over pages, span others, stand at the top, the middle, the foot."""
    kinds = ("", 'class="x"', 'class="y"', 'class="green"', 'class="hsl"')
    tables = []
    for number, name in enumerate(
        ("collapsed", "apart middle", "collapsed bottom", "apart base", "collapsed high base")[3 * short :]
    ):
        rows = []
        for row in range(11):
            cells = [_CELLS[(number * 7 + row * 5 + column) % len(_CELLS)] for column in range(5)]
            marked = "".join(f"<td {kinds[(column + row) % 5]}>{cell}</td>" for column, cell in enumerate(cells))
            rows.append(f'<tr class="{"keep" if row % 3 else ""}">{marked}</tr>')
        head = "".join(f"<th>h{column}<br/>头</th>" for column in range(5))
        span = '<tr><td colspan="2">two</td><td rowspan="2">two rows</td><td colspan="3">beyond</td></tr><tr><td>a</td><td>b</td></tr>'
        tables.append(
            f'<table class="{name}"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}{span}</tbody></table>'
        )
    tall = (
        "<td>"
        + "tall text goes over the page. " * 300
        + "</td><td>short</td><td><div>"
        + "block " * 300
        + "</div></td>"
    )
    many = "".join(f"<tr><td>{row}</td><td><div>same</div><div>same</div></td><td>x y</td></tr>" for row in range(70))
    if not short:
        tables.append(f'<table class="collapsed"><tr>{tall}</tr></table><table class="collapsed base">{many}</table>')
    html = f'<html lang="en"><head><title>t</title><meta name="author" content="x"/></head><body>{"".join(tables)}</body></html>'
    return Job(html, {"stylesheets": (), "sheet_css": _ODD_STYLE + more_style, **options})


def _figures_job() -> Job:
    """Figures of any digits beside each other, in several styles, right and wrapped: the engine puts them together."""
    digits = random.Random(7)
    figures = ["".join(digits.choices("0123456789.,", k=digits.randint(1, 14))) for _ in range(60)]
    styles = ("8pt", "bold 7pt", "italic 10pt", "9pt/2")
    rows = "".join(
        f'<tr><td>{one}</td><td class="c{number % 4}"><div>{one}</div><div>{one[::-1]}</div></td><td><b>{one}</b> kg</td></tr>'
        for number, one in enumerate(figures)
    )
    css = "".join(
        f'.c{number} {{ font: {style} "Noto Sans", "Noto Sans CJK SC"; text-align: right }}'
        for number, style in enumerate(styles)
    )
    css += "table { table-layout: fixed; width: 60mm } .c0 { font-variant-numeric: tabular-nums; width: 8mm } td { overflow-wrap: anywhere }"
    html = f'<html lang="en"><head><title>t</title></head><body><table>{rows}</table></body></html>'
    return Job(html, {"stylesheets": (), "sheet_css": css})


def _label_job() -> Job:
    sheet, uri = SHEETS["a4-24"], "https://rt.example.com/8003/06912345000015KLT0001"
    svg = qr_svg(uri, "Q")
    label = Label(
        code="KLT-000123-7", code_size=Decimal(8), grai="(8003) 06912345000015", uri=uri, qr=Markup(svg),
        qr_side=module_side(modules(svg), sheet) * modules(svg), type_en="Small load carrier", type_zh="小型物流箱",
        tare="2.1", owner="Suzhou Steering Systems", return_to=("Plant", "Suzhou, China"),
    )  # fmt: skip
    html = render.html("label_sheet.html", sheet=sheet, pages=[[None, label, label], [label]])
    return Job(html, {"stylesheets": ("css/label_sheet.css",), "sheet_css": size_css(sheet), "variant": None})


def _drawn(data: bytes) -> list[bytes]:
    """What stands in the streams of a PDF: pages, fonts, attachments; not how they were compressed."""
    with pikepdf.open(io.BytesIO(data)) as file:
        streams = [one for one in file.objects if isinstance(one, pikepdf.Stream)]
        return [one.read_bytes() for one in streams if one.get("/Type") not in ("/XRef", "/ObjStm")]


def test_every_paper_is_drawn_as_by_the_engine_as_it_comes_whatever_was_drawn_before() -> None:
    jobs = _jobs()
    plain = subprocess.run(
        [sys.executable, "-c", _AS_IT_COMES], input=pickle.dumps(list(jobs.values())), capture_output=True, check=True,
        cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    expected = dict(zip(jobs, map(_drawn, pickle.loads(plain.stdout)), strict=True))
    backwards = list(reversed(jobs))
    for code in (*backwards, *backwards[:4]):
        assert _drawn(render_one(jobs[code]).data) == expected[code], code


def test_a_well_formed_paper_is_read_as_the_parser_of_any_html_reads_it() -> None:
    def told(element: ElementTree.Element) -> tuple[object, ...]:
        attributes = {name: value for name, value in element.attrib.items() if not name.endswith("}xmlns")}
        between = [(child.tail or "").strip() for child in element]
        return element.tag, attributes, (element.text or "").strip(), between, [told(child) for child in element]

    for code, job in _jobs().items():
        html = job.html if isinstance(job.html, str) else job.html[0]
        tree = engine_speed.parsed(html)
        assert tree is not None, f"{code} is not well-formed: it would be made by the slow way"
        assert told(tree) == told(tinyhtml5.parse(html, namespace_html_elements=False)), code


@pytest.mark.parametrize("html", ["<p>a<br>b", "<p>a&nbsp;b</p>", '<!DOCTYPE p [<!ENTITY a "b">]><p>&a;</p>'])
def test_what_is_not_well_formed_or_declares_entities_is_left_to_the_engine(html: str) -> None:
    assert engine_speed.parsed(html) is None


@pytest.mark.parametrize("selector", ["p:first-child", "td + td", "p ~ p", "tr:nth-child(2)", "p:not(.a)", "a:has(b)"])
def test_a_style_sheet_that_looks_at_brothers_is_tried_on_every_element(selector: str) -> None:
    class Sheet:
        lasting = False

    looking, plain = Sheet(), Sheet()
    engine_speed.mark_lasting(looking, f"p {{ margin: 0 }}\n{selector} {{ margin: 0 }}")
    engine_speed.mark_lasting(plain, "/* td + td */ @page a:first { margin: 0 } table .a > td { margin: 0 }")
    assert (looking.lasting, plain.lasting) == (False, True)


def test_the_styles_of_our_papers_look_at_no_brothers() -> None:
    for name in {"css/label_sheet.css"} | {name for type in REGISTER.values() for name in type.styles}:
        assert getattr(render._stylesheet(name), "lasting", False), name


def test_paper_after_paper_needs_no_more_styles() -> None:
    import weasyprint.css

    for _ in range(3):
        for lines in (3, 9):
            render_one(print_job(REGISTER["commercial_invoice"], sample_facts(lines), Imprint(f"CI-{lines}")))
            kept = len(weasyprint.css.StyleFor.kept), len(weasyprint.css.StyleFor.elements)
    render_one(print_job(REGISTER["commercial_invoice"], sample_facts(20), Imprint("CI-20")))
    assert (len(weasyprint.css.StyleFor.kept), len(weasyprint.css.StyleFor.elements)) == kept


def test_the_first_papers_of_a_process_may_come_side_by_side() -> None:
    """Two threads that load the engine at the same moment: to make it faster twice would break it for good."""
    script = (
        "import sys, threading\n"
        "from docs_gen import render\n"
        "gate, faults = threading.Barrier(8), []\n"
        "def load():\n"
        "    gate.wait()\n"
        "    try: render.engine_versions()\n"
        "    except Exception as fault: faults.append(fault)\n"
        "threads = [threading.Thread(target=load) for _ in range(8)]\n"
        "[one.start() for one in threads]; [one.join() for one in threads]\n"
        "sys.exit(repr(faults) if faults else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _laid_out(job: Job) -> list[object]:
    """The boxes of the cells of a job."""
    from weasyprint.formatting_structure.boxes import TableCellBox

    html = job.html if isinstance(job.html, str) else job.html[0]
    styles = render._styles(("paper.css",), "")
    document = render._source(html, render._fetcher(), own=True).render(font_config=render._fonts(), stylesheets=styles)
    boxes = [box for page in document.pages for box in engine_speed.every_box(page._page_box)]
    return [box for box in boxes if type(box) is TableCellBox and box.element.tag == "td"]


def test_the_cells_of_a_list_of_goods_are_laid_out_by_the_short_way() -> None:
    """Or a change of a template or a style sheet would cost the half of the speed, and nothing would look different."""
    cells = _laid_out(print_job(REGISTER["commercial_invoice"], sample_facts(20), Imprint("CI-20")))
    assert sum(cell.plain for cell in cells) > 20 * 8


def test_a_paper_leaves_nothing_for_the_collector_and_keeps_a_bounded_number_of_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = print_job(REGISTER["commercial_invoice"], sample_facts(20), Imprint("CI-21"))
    collected = 0

    def count(phase: str, info: dict[str, int]) -> None:
        nonlocal collected
        collected += info.get("collected", 0) if phase == "stop" else 0

    render.pdf(job.html, **job.options)
    gc.collect()
    gc.callbacks.append(count)
    try:
        render.pdf(job.html, **job.options)
        gc.collect()
    finally:
        gc.callbacks.remove(count)
    assert collected < 1_000, "the boxes of 20 lines alone are some 4,000"
    monkeypatch.setattr(text_lines, "_MOST_LINES", 100)
    for first in (0, 200):
        rows = "".join(f"<tr><td>{first + row}</td></tr>" for row in range(120))
        render.pdf(f"<html lang='en'><head></head><body><table>{rows}</table></body></html>")
        assert sum(map(len, text_lines._kept)) <= 100
