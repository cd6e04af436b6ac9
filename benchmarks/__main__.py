"""`make bench`: every promise of speed with its rival in the same run. Quote the ratios, not the milliseconds."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from benchmarks import growth, label_run, month_end, pages, papers, prepared, scan_page, scans, sets, starts
from benchmarks.figures import Figure

PARTS = ("papers", "sets", "labels", "statements", "prepared", "scans", "scan_page", "start", "pages", "growth")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--only", choices=PARTS, help="one part")
    parser.add_argument(
        "--boxes",
        type=int,
        default=growth.SIZES[-1],
        help="pages, growth: the largest ledger, in boxes; 1000000 takes long to build",
    )
    parser.add_argument("--ledger", type=Path, help="pages: a folder in which their ledger is kept for the next time")
    arguments = parser.parse_args()
    figures: list[Figure] = []
    parts = {
        "papers": papers.run,
        "sets": sets.run,
        "prepared": prepared.run,
        "labels": label_run.run,
        "statements": month_end.run,
        "scans": scans.run,
        "scan_page": scan_page.run,
        "start": starts.run,
        "pages": lambda: pages.run(arguments.boxes, arguments.ledger),
        "growth": lambda: growth.run(arguments.boxes),
    }
    for name, part in parts.items():
        if arguments.only in (None, name):
            figures += part()
    print(f"\n{'name':28}{'value':>12}  {'unit':10}{'rival':>12}{'ratio':>8}{'peak MB':>9}  what")
    for figure in figures:
        rival = f"{figure.rival:,.2f}" if figure.rival is not None else ""
        ratio = f"{figure.ratio:.2f}" if figure.ratio is not None else ""
        peak = f"{figure.peak_mb:.0f}" if figure.peak_mb is not None else ""
        print(f"{figure.name:28}{figure.value:>12,.2f}  {figure.unit:10}{rival:>12}{ratio:>8}{peak:>9}  {figure.what}")
    if arguments.json:
        rows = [{**asdict(figure), "ratio": figure.ratio} for figure in figures]
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
