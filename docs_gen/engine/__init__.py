"""What makes WeasyPrint 70.0 faster for our papers, without changing what it draws.

A profile of the short papers showed where a program that makes one after the other with the same style sheets does the
same again: it reads well-formed HTML with a parser for any HTML (`reading`), tries the selectors on and computes the
styles of elements like those of the paper before (`styles`), resolves the same percentages box by box (`boxes`), lays
each line out a second time to draw it (`text`), and makes each PDF object twice (`writing`). That of the long ones was
flat: 250 calls of Python functions for each line of text, so the cells of tables have ways of their own through the
layout (`cells`), the drawing (`drawing`) and the tags (`tags`); lines of several texts are kept whole (`inlines`). All
this reaches into the engine, so it holds for the
version that requirements.txt pins; the tests hold every paper against the engine as it comes: the same drawing, byte by
byte.
"""

from __future__ import annotations

import sys
from typing import Any

from docs_gen.engine import text
from docs_gen.engine.boxes import (
    every_box,
    let_go,
    remember_contexts,
    remember_flow,
    remember_percentages,
    remember_struts,
)
from docs_gen.engine.building import hasten_building
from docs_gen.engine.cells import hasten_cells
from docs_gen.engine.drawing import hasten_drawing
from docs_gen.engine.fonts import remember_cuts
from docs_gen.engine.inlines import remember_paragraphs
from docs_gen.engine.reading import parsed, tree_source
from docs_gen.engine.styles import mark_lasting, shared_styles
from docs_gen.engine.tags import hasten_tags
from docs_gen.engine.text import keep_layouts, remember_breaks, remember_fonts, remember_lines
from docs_gen.engine.writing import hasten_writing

__all__ = ["every_box", "forget_fonts", "hasten", "let_go", "mark_lasting", "parsed", "tree_source"]


def hasten(engine: Any) -> None:
    """Make the engine use what stands here."""
    engine.css.StyleFor = shared_styles(engine)
    remember_percentages(_replace)
    remember_struts(_replace)
    remember_flow(engine.formatting_structure.boxes.Box)
    remember_contexts(engine)
    keep_layouts(engine.text.line_break.Layout)
    remember_fonts(_replace)
    remember_cuts(engine)
    hasten_building(_replace)
    remember_lines(_replace)
    remember_breaks(_replace)
    hasten_cells(_replace, remember_paragraphs(_replace))
    hasten_drawing(engine, _replace)
    hasten_tags(_replace)
    hasten_writing()


def forget_fonts(engine: Any) -> None:
    """Let go of all that was made with the fonts that are loaded: styles, lines, glyphs."""
    engine.css.StyleFor.kept.clear()
    engine.css.StyleFor.elements.clear()
    text.forget_fonts()


def _replace(name: str, old: Any, new: Any) -> None:
    """Put a function in the place of another in every module of the engine that took it by name."""
    for path, module in list(sys.modules.items()):
        if path.startswith("weasyprint.") and getattr(module, name, None) is old:
            setattr(module, name, new)
