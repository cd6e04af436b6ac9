"""The form of a paper's file: PDF/A-3u with title, language, bookmark, tags and its facts; versions; sets in one file."""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import sys
from datetime import date
from functools import cache

import pikepdf
import pypdfium2
import pytest

from benchmarks.sets import LINES, TEN, _issued
from config import ROOT
from docs_gen import render
from docs_gen.document_types import print_job
from docs_gen.register import papers
from docs_gen.render import Attachment
from docs_gen.samples import sample_facts

DAY = date(2026, 11, 20)
HTML = (
    '<html lang="en"><head><title>COMMERCIAL INVOICE CI-2026-0042</title><meta name="author" content="Suzhou 苏州">'
    '<meta name="dcterms.created" content="2026-11-20"></head><body data-bookmark="COMMERCIAL INVOICE 商业发票">'
    "<h2>Invoice 发票</h2><table><thead><tr><th>No.</th></tr></thead><tbody><tr><td>1 <b>粗体</b></td></tr></tbody></table>"
)
FACTS = Attachment("facts.json", b'{"total": "12.50"}', "application/json", "What the paper says", "Source", DAY)
TWIN = Attachment("invoice.xml", b"<Invoice/>", "text/xml", "The same as XML", "Alternative", DAY)


@cache
def paper() -> bytes:
    return render.pdf(HTML, attachments=(TWIN, FACTS)).data


def opened(data: bytes) -> pikepdf.Pdf:
    return pikepdf.open(io.BytesIO(data))


def test_a_paper_says_that_it_is_pdf_a_3u_and_has_what_that_needs() -> None:
    with opened(paper()) as file:
        told = file.open_metadata()
        assert (told["pdfaid:part"], told["pdfaid:conformance"]) == ("3", "U")
        assert told["dc:title"] == "COMMERCIAL INVOICE CI-2026-0042"
        assert told["xmp:CreateDate"] == "2026-11-20"
        [intent] = file.Root.OutputIntents
        assert intent.S == "/GTS_PDFA1"
        assert intent.DestOutputProfile.N == 3
        assert file.trailer.ID
        assert not file.is_encrypted
        for font in file.pages[0].Resources.Font.values():
            assert "/ToUnicode" in font
            assert "/FontFile2" in font.DescendantFonts[0].FontDescriptor


def test_a_paper_has_title_author_day_language_bookmark_and_tags() -> None:
    with opened(paper()) as file:
        assert str(file.docinfo.Title) == "COMMERCIAL INVOICE CI-2026-0042"
        assert str(file.docinfo.Author) == "Suzhou 苏州"
        assert str(file.docinfo.CreationDate) == "D:20261120"
        assert str(file.Root.Lang) == "en"
        with file.open_outline() as outline:
            assert [one.title for one in outline.root] == ["COMMERCIAL INVOICE 商业发票"]
        assert file.Root.MarkInfo.Marked
        kinds = {str(one.S) for one in file.objects if isinstance(one, pikepdf.Dictionary) and "/S" in one}
        assert kinds >= {"/H2", "/Table", "/TR", "/TH", "/TD"}


def test_files_in_a_paper_keep_name_kind_purpose_and_content() -> None:
    with opened(paper()) as file:
        found = [
            (str(one.UF), one.EF.F.read_bytes(), str(one.EF.F.Subtype), str(one.Desc), str(one.AFRelationship))
            for one in file.Root.AF
        ]
        assert found == [
            (one.name, one.data, f"/{one.media_type}", one.description, f"/{one.relationship}") for one in (FACTS, TWIN)
        ]
        assert {str(one.EF.F.Params.ModDate) for one in file.Root.AF} == {"D:20261120000000Z"}
        assert list(file.Root.Names.EmbeddedFiles.Names)[::2] == ["facts.json", "invoice.xml"]
        assert set(file.attachments) == {"facts.json", "invoice.xml"}


def test_two_files_of_the_same_content_keep_their_own_purposes() -> None:
    same = [Attachment(name, b"x", "text/plain", name, use, DAY) for name, use in (("a", "Data"), ("b", "Source"))]
    with opened(render.pdf(HTML, attachments=same).data) as file:
        assert [str(one.AFRelationship) for one in file.Root.AF] == ["/Data", "/Source"]


def test_the_same_input_gives_the_same_bytes_here_and_in_another_process() -> None:
    assert render.pdf(HTML, attachments=(FACTS, TWIN)).data == paper()
    code = "import hashlib, test_render_form as t; print(hashlib.sha256(t.paper()).hexdigest(), t.merged_hash())"
    other = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT}/tests", "PYTHONHASHSEED": "7", "TZ": "Asia/Shanghai"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert other == [hashlib.sha256(paper()).hexdigest(), merged_hash()]


def merged_hash() -> str:
    return hashlib.sha256(render.merge([paper(), paper()], "Set", ("a", "b"))).hexdigest()


def test_label_sheets_are_plain() -> None:
    with opened(render.pdf(HTML, variant=None).data) as file:
        assert not {"/OutputIntents", "/Metadata", "/StructTreeRoot"} & set(file.Root.keys())


# ---- sets in one file


def test_a_set_has_every_page_and_a_bookmark_to_each_paper() -> None:
    two = render.pdf(HTML + '<p style="break-before: page">Second 第二').data
    data = render.merge([two, paper()], "Set S-2026-0042", ["CI-2026-0042 商业发票", "PL-2026-0042"])
    reader = pypdfium2.PdfDocument(data)
    texts = [page.get_textpage().get_text_bounded() for page in reader]
    assert ["Second 第二" in text for text in texts] == [False, True, False]
    assert [(one.get_title(), one.get_dest().get_index()) for one in reader.get_toc()] == [
        ("CI-2026-0042 商业发票", 0),
        ("PL-2026-0042", 2),
    ]
    parts = [page for part in (two, paper()) for page in pypdfium2.PdfDocument(part)]
    for page, part in zip(reader, parts, strict=True):  # nothing visible is lost
        assert page.render().to_pil().tobytes() == part.render().to_pil().tobytes()
    with opened(data) as file:
        assert str(file.docinfo.Title) == "Set S-2026-0042"
        assert "/PageLabels" not in file.Root, "numbered through"
        assert "/AF" not in file.Root
        assert not any("/StructParents" in page for page in file.pages)
        assert not file.check_pdf_syntax()


def test_what_the_papers_of_a_set_have_in_common_is_in_it_once() -> None:
    one = paper()
    ten = render.merge([one] * 10)
    fonts = re.findall(rb"/Length1 ", ten)
    assert len(ten) < 2 * len(one)
    assert len(fonts) == len(re.findall(rb"/Length1 ", render.merge([one])))
    with opened(ten) as file:
        assert len([1 for each in file.objects if isinstance(each, pikepdf.Stream) and each.get("/N") == 3]) == 1


def test_a_set_of_ten_papers_of_thirty_lines_is_at_most_a_megabyte() -> None:
    jobs = [print_job(one.type, one.facts, _issued(one)) for one in papers(sample_facts(LINES), codes=TEN)]
    assert len(jobs) == 10
    merged = render.merge([render.pdf(job.html, **job.options).data for job in jobs])  # type: ignore[arg-type]
    assert len(merged) <= 1024 * 1024
    with opened(merged) as file:
        assert not file.check_pdf_syntax()


# ---- versions


def test_the_versions_tell_programs_template_and_fonts_and_fit_their_columns() -> None:
    assert re.fullmatch(r"WeasyPrint [\d.]+, pydyf [\d.]+, Pango [\d.]+, HarfBuzz [\d.]+", render.engine_versions()), (
        render.engine_versions()
    )
    told = render.paper_versions("commercial_invoice.html")
    assert re.fullmatch(r"template [0-9a-f]{12}, fonts [0-9a-f]{12}, zlib [\d.]+\S*", told), told
    assert max(len(told), len(render.engine_versions())) <= 64


def test_the_version_of_a_template_follows_all_that_shapes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = {
        "paper.html": '{% extends "base.html" %}{% from "parts.html" import head %}',
        "base.html": "<p>",
        "parts.html": '{% include "foot.html" %}{% macro head() %}{% endmacro %}',
        "foot.html": "x",
        "other.html": "y",
    }
    from jinja2 import DictLoader

    environment = render.templates()
    monkeypatch.setattr(environment, "loader", DictLoader(sources))
    before = render.template_version("paper.html")
    assert render.template_version("paper.html") == before
    for name, follows in (("paper", True), ("base", True), ("parts", True), ("foot", True), ("other", False)):
        was = sources[f"{name}.html"]
        sources[f"{name}.html"] += " "
        assert (render.template_version("paper.html") != before) == follows, name
        sources[f"{name}.html"] = was
    assert render.template_version("paper.html", stylesheets=("css/label_sheet.css",)) != before
