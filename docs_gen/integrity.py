"""What must hold between the issued papers, their numbers and their files: for `flask check` and for tests."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

import archive
from config import Store
from database import in_steps
from docs_gen.models import IssuedDocument, NumberSeries


def faults(archive_dir: Store) -> Iterator[str]:
    """One sentence for each fault: numbers missing or double, papers without their file, files without their paper."""
    yield from number_faults()
    yield from file_faults(archive_dir)


def number_faults() -> Iterator[str]:
    """Numbers that are missing, double, or of no series."""
    given: dict[tuple[int, str, int], list[int]] = defaultdict(list)
    columns = (IssuedDocument.id, IssuedDocument.seller, IssuedDocument.number)
    for _, seller, number in in_steps(IssuedDocument.select(*columns), IssuedDocument.id):
        match = re.fullmatch(r"([A-Z]+)-(\d{4})-(\d{4,})", number)
        if match is None:
            yield f"{number}: not a number of a series"
        else:
            given[seller, match[1], int(match[2])].append(int(match[3]))
    series = {(row.seller_id, row.prefix, row.year): row.last for row in NumberSeries.select()}
    for key in sorted(series.keys() | given.keys(), key=str):
        numbers, last = sorted(given.get(key, [])), series.get(key, 0)
        if numbers != list(range(1, last + 1)):
            twice = [one for one, times in Counter(numbers).items() if times > 1]
            missing = sorted(set(range(1, last + 1)) - set(numbers))
            told = f"missing {missing[:20]}, twice {twice[:20]}, beyond {[one for one in numbers if one > last][:20]}"
            yield f"series {key[1]}-{key[2]}: {last} numbers were given, the papers have {len(numbers)}: {told}"


def file_faults(archive_dir: Store) -> Iterator[str]:
    """Papers without their file, files that were changed, files that no paper names."""
    kept, unfinished = set(), False
    numbers: list[tuple[str, str]] = []
    columns = (IssuedDocument.id, IssuedDocument.number, IssuedDocument.state, IssuedDocument.sha256)
    for _, number, state, sha256 in in_steps(IssuedDocument.select(*columns), IssuedDocument.id):
        if state == "numbered":
            yield f"{number}: has its number but no file yet; it is finished soon, or by the next start or click"
            unfinished = True
            continue
        kept.add(bytes.fromhex(sha256))
        numbers.append((number, sha256))
        if len(numbers) == _STEP:
            yield from _lost(archive_dir, numbers)
            numbers = []
    yield from _lost(archive_dir, numbers)
    if unfinished:
        return  # one of the files may be that of a paper that is being issued right now
    for name in archive.names(archive_dir):
        stem = name.rpartition("/")[2].partition(".")[0]
        if not (re.fullmatch(r"[0-9a-f]{64}", stem) and bytes.fromhex(stem) in kept):
            if IssuedDocument.select().where(IssuedDocument.sha256 == stem).exists():
                continue  # issued since we looked
            yield f"{name.rpartition('/')[2]}: a file that no issued paper names"


_STEP = 256


def _lost(archive_dir: Store, numbers: list[tuple[str, str]]) -> Iterator[str]:
    found = archive.read_many(archive_dir, [(sha256, ".pdf") for _, sha256 in numbers])
    for (number, _), (_, _, data) in zip(numbers, found, strict=True):
        if isinstance(data, archive.ArchiveFault):
            yield f"{number}: {data}"
