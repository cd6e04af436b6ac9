"""Templates that a pack brought: Jinja with nothing of the machine behind it.

They are text of somebody else, so nothing of them runs in the service itself. A job that prints a type of a pack
carries their sources and the facts as JSON; a worker of `docs_gen.render_pool` makes the HTML and the PDF, both within
its limits of time and memory. What a template can reach there: the facts, our filters, the pack's own files, and ours
below `ours/` or under their plain names where the pack has none. Names with underscores, attributes of functions,
methods that change a value are refused by Jinja's sandbox; text is always escaped; what is by chance (`random`,
`lipsum`) is left out, since the same facts have to give the same bytes.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from datetime import date
from functools import cache

from jinja2 import FunctionLoader, StrictUndefined, TemplateNotFound, TemplateSyntaxError, nodes
from jinja2.defaults import DEFAULT_FILTERS
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range

from config import ROOT
from docs_gen import render
from docs_gen.render import RenderError

#: Of Jinja's own filters those that choose, join and format plain values.
FILTERS = frozenset([
    "abs", "batch", "capitalize", "center", "count", "d", "default", "dictsort", "e", "escape", "first",
    "float", "format", "groupby", "indent", "int", "items", "join", "last", "length", "list", "lower", "map",
    "max", "min", "reject", "rejectattr", "replace", "reverse", "round", "select", "selectattr", "slice",
    "sort", "string", "striptags", "sum", "title", "trim", "truncate", "unique", "upper", "wordcount",
])  # fmt: skip

_OURS = "ours/"
_NO_FACTS = "the sample holds no facts: it must be what facts.json inside an issued paper is"


@dataclass(frozen=True)
class PackSource:
    """What a pack brings to the printing of its types."""

    name: str
    version: int  # 0: not taken
    sha256: str  # of its ZIP
    templates: tuple[tuple[str, str], ...]  # file name, text
    styles: tuple[tuple[str, str], ...]  # code of the type, CSS


@dataclass(frozen=True)
class PaperType:
    """What a template may know of its type: plain texts."""

    code: str
    title_en: str
    title_zh: str
    un_code: str
    series: str
    orientation: str
    names_invoice: bool
    marked: bool


@dataclass(frozen=True)
class Exemplars:
    """The exemplars of a paper, to be made where it is rendered: calling it gives their HTML."""

    templates: tuple[tuple[str, str], ...]
    type: PaperType
    facts: str  # JSON
    number: str
    date: date | None
    replaces: str
    marks: tuple[str, ...]

    def __call__(self) -> tuple[str, ...]:
        """The HTML of each exemplar. Raises RenderError, with file and line, when a template does not work."""
        # Here and not above: only a worker that prints for a pack needs them.
        from docs_gen.facts import ShipmentFacts, from_json

        sources = dict(self.templates)
        environment = _environment(sources)
        try:
            facts = from_json(ShipmentFacts, self.facts)
        except Exception as error:
            raise RenderError(f"{_NO_FACTS} ({type(error).__name__}: {str(error)[:200]})") from error
        try:
            _look_through(environment, sources)
            template = environment.get_template(f"{self.type.code}.html")
            return tuple(
                template.render(
                    type=self.type, facts=facts, number=self.number, date=self.date, replaces=self.replaces, mark=mark
                )
                for mark in self.marks
            )
        except MemoryError:
            raise  # the worker knows what to do
        except RenderError:
            raise
        except Exception as error:
            raise RenderError(_told(error, sources)) from error


def _environment(sources: dict[str, str]) -> ImmutableSandboxedEnvironment:
    ours = render.templates()

    def source_of(name: str) -> tuple[str, str, None] | None:
        if name in sources:
            return sources[name], name, None
        text = _our_templates().get(name.removeprefix(_OURS))
        return None if text is None else (text, name, None)

    environment = ImmutableSandboxedEnvironment(
        loader=FunctionLoader(source_of),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters = {
        name: filter for name, filter in ours.filters.items() if name in FILTERS or name not in DEFAULT_FILTERS
    }
    environment.globals = {name: value for name, value in ours.globals.items() if name != "lipsum"}
    environment.globals["range"] = safe_range  # at most 100,000
    return environment


@cache
def _our_templates() -> dict[str, str]:
    folder = ROOT / "templates" / "documents"
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.html")}


def _look_through(environment: ImmutableSandboxedEnvironment, sources: dict[str, str]) -> None:
    """Read every template of the pack: a slip in one that is rarely used is found now. None may switch escaping off."""
    for name, source in sources.items():
        found = environment.parse(source, name, name).find(nodes.EvalContextModifier)
        if found:
            raise RenderError(f"{name}:{found.lineno}: autoescape cannot be changed; text of people stays text")


def _told(error: Exception, sources: dict[str, str]) -> str:
    """`gate_pass.html:12: 'facts.sellr' is undefined`: of all templates that were at work the innermost of the pack."""
    text = " ".join((str(error) or type(error).__name__).split())[:500]
    if isinstance(error, RecursionError):
        text = "the templates call each other without an end, or are nested too deeply"
    if isinstance(error, TemplateSyntaxError):
        return f"{error.name or error.filename}:{error.lineno}: {text}"
    if isinstance(error, TemplateNotFound):
        text = f"there is no template {error.name}"
    lines = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename in sources
    ]
    return f"{lines[-1][0]}:{lines[-1][1]}: {text}" if lines else text
