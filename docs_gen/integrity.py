"""What must hold between the issued papers, their numbers and their files; `flask check` tells every fault."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import archive
from docs_gen.models import IssuedDocument, NumberSeries


def faults(archive_dir: Path) -> Iterator[str]:
    """One sentence for each fault: numbers missing or double, papers without their file, files without their paper."""
    given: dict[tuple[int, str, int], list[int]] = defaultdict(list)
    kept, unfinished = set(), False
    columns = (IssuedDocument.seller, IssuedDocument.number, IssuedDocument.state, IssuedDocument.sha256)
    for seller, number, state, sha256 in (
        IssuedDocument.select(*columns).order_by(IssuedDocument.id).tuples().iterator()
    ):
        match = re.fullmatch(r"([A-Z]+)-(\d{4})-(\d{4,})", number)
        if match is None:
            yield f"{number}: not a number of a series"
        else:
            given[seller, match[1], int(match[2])].append(int(match[3]))
        if state == "numbered":
            yield f"{number}: has its number but no file yet; it is finished at the next start or the next issue"
            unfinished = True
            continue
        kept.add(sha256)
        try:
            archive.read(archive_dir, sha256)
        except archive.ArchiveFault as fault:
            yield f"{number}: {fault}"

    series = {(row.seller_id, row.prefix, row.year): row.last for row in NumberSeries.select()}
    for key in sorted(series.keys() | given.keys(), key=str):
        numbers, last = sorted(given.get(key, [])), series.get(key, 0)
        if numbers != list(range(1, last + 1)):
            yield f"series {key[1]}-{key[2]}: {last} numbers were given, the papers have {numbers[:20]}"

    if unfinished:
        return  # one of the files may be that of a paper that is being issued right now
    for path in archive_dir.glob("??/*"):
        if path.stem not in kept and not path.name.startswith("."):
            yield f"{path.name}: a file that no issued paper names"
