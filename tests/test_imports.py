"""The import line: a part of the business imports only from what stands to its left."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

LINE = [
    "config", "errors", "metrics", "database", "prepared_statements", "apart", "xlsx_reader", "csv_reader", "spreadsheets", "i18n", "logs", "form_fields", "signatures", "static_files", "listing", "buckets", "archive", "picture_reader", "photos", "pack_reader",
    "mail",
    "accounts", "master_data", "jobs", "shipments", "assets", "foresight", "docs_gen", "statements", "customs", "alerts",
    "people", "today", "operations", "demo", "invariants", "backup", "moving", "worker", "slow_senders", "serve", "commands", "app",
]  # fmt: skip

#: Pure modules: rules on plain values, whose tests need neither a database nor a request.
PURE = [
    "accounts/rights.py",
    "assets/clocks.py",
    "assets/event_types.py", "assets/state.py", "assets/scanned_text.py", "docs_gen/checks.py", "docs_gen/words.py",
    "shipments/rules.py", "errors.py", "foresight/survival.py", "foresight/metrics.py", "foresight/fleet.py",
    "foresight/shortage.py", "foresight/charts.py",
    "customs/rules.py", "alerts/rules.py",
]  # fmt: skip


def modules() -> list[Path]:
    return [
        path
        for name in LINE
        for path in ([ROOT / f"{name}.py"] if (ROOT / f"{name}.py").exists() else sorted((ROOT / name).rglob("*.py")))
    ]


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_from_the_left(path):
    own = LINE.index(path.relative_to(ROOT).parts[0].removesuffix(".py"))
    for name in imported(path):
        top = name.split(".")[0]
        if top in LINE:
            assert LINE.index(top) <= own, f"{path.name} imports {name}, which stands to its right"


def test_every_part_stands_in_the_line():
    parts = {path.parent.name for path in ROOT.glob("*/__init__.py")} | {path.stem for path in ROOT.glob("*.py")}
    assert parts - {"benchmarks", "tests"} == set(LINE)


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_know_neither_request_nor_database(name):
    tops = {module.split(".")[0] for module in imported(ROOT / name)}
    assert not tops & {"flask", "flask_wtf", "flask_babel", "flask_security", "peewee", "database", "weasyprint"}
    assert not any(module.endswith((".models", ".views")) for module in imported(ROOT / name))


def test_only_the_renderer_imports_weasyprint():
    found = {
        str(path.relative_to(ROOT))
        for path in modules()
        if any(name.split(".")[0] == "weasyprint" for name in imported(path))
    }
    assert {name for name in found if not name.startswith("docs_gen/engine/")} == {"docs_gen/render.py"}
