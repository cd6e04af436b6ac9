"""What we do to the engine for speed changes nothing that it draws: held against the engine as it comes."""

from __future__ import annotations

import io
import pickle
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
from docs_gen.label_sheets import SHEETS, Label, module_side, modules, size_css
from docs_gen.register import REGISTER
from docs_gen.render_pool import Job, render_one
from docs_gen.samples import ACCOUNT_SAMPLES, sample_facts

#: Renders the pickled jobs of its input with WeasyPrint as it comes, but for our resources and our fonts.
_AS_IT_COMES = """
import pickle, sys
from docs_gen import engine as engine_speed, render_pool
engine_speed.hasten = lambda engine: None
engine_speed.parsed = lambda html: None
pickle.dump([render_pool.render_one(job).data for job in pickle.load(sys.stdin.buffer)], sys.stdout.buffer)
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
    jobs["draft"] = print_job(invoice, sample_facts(2), Imprint(""))
    return jobs


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
