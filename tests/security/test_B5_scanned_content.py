"""B5: whatever a code says, it is answered, kept as it was read, and counts only when it is the code of a box of ours."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice
from urllib.parse import quote

from conftest import on_both_databases
from large import LARGE, tried
from poison import XSS
from test_scan_batches import Scanner, boxes, rows, yard  # noqa: F401 (fixtures)

from assets.ledger_check import faults
from assets.models import Asset, ScanEvent
from assets.scanned_text import MAX_LENGTH, storable

GRAI = "04012345000016"
#: What the promise names, and codes of ours beside it.
SEEDS = [
    "javascript:alert(1)", "data:text/html,<script>alert(1)</script>", "https://evil.example/C/123", "//evil.example", "<img src=x onerror=alert(1)>",
    "{{7*7}}", "{% for x in y %}", "' OR 1=1", "'; DROP TABLE asset; --", "A1" * 2_148, "é" * 1_476, "\0", "KLT\x00000001", "\u202eKLT000001", "KLT\u200f000001", "😀📦",
    "ＫＬＴ０００００１", "klt000001", "KLT000001", "KLT000002KLT000003", "KLT999999", "https://rt.example.com/a/KLT000004", "HTTPS://RT.EXAMPLE.COM/A/KLT000004",
    "https://rt.example.com/s/S-2026-0001", "https://rt.example.com@evil.example/a/KLT000001", "https://evil.example/a/KLT000001", f"]Q38003{GRAI}KLT000005", f"8003{GRAI}KLT000005",
    f"\x1d8003{GRAI}KLT000006\x1d10LOT", f"(8003){GRAI}KLT000007", "80030401234500001", "[)>\x1e06\x1d1BKLT000008\x1e\x04", "CSQU3054383", "(00)340123450000000017", "%00%0d%0aSet-Cookie: x=1",
    "../../etc/passwd", "WIFI:S:net;;", "BEGIN:VCARD\nFN:Li\nEND:VCARD", "\ud800", "=1+1", "@SUM(A1)", "\r\n", "", "\ufeff\u200b", "ﷺ" * 40, "٣" * 20, *XSS,
]  # fmt: skip
ODD = [
    "\0",
    "\x1d",
    "\x1e",
    "\x04",
    "\u202e",
    "\u200b",
    "\ufeff",
    "😀",
    "\ud800",
    "ﷺ",
    "ß",
    "²",
    "'",
    '"',
    "<",
    ">",
    "%",
    "\\",
    "\r\n",
    "\t",
    "/",
    "//",
    "]Q3",
    "(8003)",
    "{{",
    "𠮷",
    "а",
]


def invented(luck: random.Random) -> Iterator[str]:
    """Each of `SEEDS`, then what becomes of them when they are spoilt, some of them several times; none comes again."""

    def put(text: str) -> str:
        place = luck.randint(0, len(text))
        return text[:place] + luck.choice(ODD) + text[place:]

    def cut(text: str) -> str:
        first = luck.randint(0, len(text))
        return text[:first] + text[first + luck.randint(1, 9) :]

    def any_text(_: str) -> str:
        return "".join(
            chr(luck.choice((luck.randrange(128), luck.randrange(0x3000), luck.randrange(0x110000))))
            for _ in range(luck.randrange(40))
        )

    ways: list[Callable[[str], str]] = [
        put, put, cut, any_text, str.lower, str.upper, str.swapcase, lambda text: text * 2, lambda text: text[::-1],
        lambda text: text + luck.choice(SEEDS), lambda text: luck.choice(SEEDS) + "\n" + text, lambda text: f"KLT{luck.randrange(10**6):06d}",
        lambda text: quote(text.encode("utf-8", "replace").decode()), lambda text: text.translate({n: n + 0xFEE0 for n in range(0x21, 0x7F)}),
        lambda text: f"https://rt.example.com/a/{text}", lambda text: f"(8003){text}", lambda text: text + "x" * luck.choice((200, 256, 257, 512, 513, 3_000)),
    ]  # fmt: skip
    given = set(SEEDS)
    yield from SEEDS
    while True:
        text = luck.choice(SEEDS)
        for _ in range(luck.choice((1, 1, 2, 3))):
            text = luck.choice(ways)(text)
        if (text := text[:5_000]) not in given:
            given.add(text)
            yield text


@on_both_databases
def test_B5_whatever_is_scanned_is_answered_kept_and_counts_only_as_a_box_of_ours(db, app, client, boxes, yard):  # noqa: F811
    scanner, many, step = Scanner(app, yard[1]), 100_000 if LARGE else 400, 200
    known, texts = {box.code for box in boxes}, invented(random.Random(5))
    outcomes: Counter[str] = Counter()
    longest, slowest, alone = 0, 0.0, []
    for batch in range(many // step):
        kind = "return" if batch % 2 else "dispatch"
        ago = timedelta(minutes=2 * (many // step - batch))  # two scans of a box in one second would be one of them
        sent = [scanner.scan(kind, ago=ago, scanned_text=text) for text in islice(texts, step)]
        begun = time.monotonic()
        answer = scanner.send(sent)
        slowest = max(slowest, (time.monotonic() - begun) / step)
        assert answer.status_code == 200, answer.text
        told = {one["event_id"]: one for one in answer.json["results"]}
        kept = {row.event_id: row for row in ScanEvent.select().where(ScanEvent.event_id.in_(list(told)))}
        for event in sent:
            text, one = event["scanned_text"], told[event["event_id"]]
            outcomes[one["reason"] or one["outcome"]] += 1
            assert one["status"] < 500
            row = kept.get(event["event_id"])
            if one["reason"]:  # no box: kept as what it is, and as it was read
                assert (row.refused, row.asset_id, row.scanned_text) == (
                    one["reason"],
                    None,
                    storable(text[:MAX_LENGTH]),
                ), ascii(text)
                assert one["code"] is None
            else:  # a box: one that there is, whose code is in the text
                longest = max(longest, len(text))
                assert one["code"] in known, ascii(text)
                assert (row is None) == (one["outcome"] == "known"), ascii(text)  # the same box in the same moment
            assert len(text) <= MAX_LENGTH or one["reason"] == "too_long", ascii(text)
        # By itself, and where a text is asked for: answered soon, never led elsewhere.
        text = sent[batch % step]["scanned_text"]
        begun = time.monotonic()
        single = scanner.http.post(
            "/api/v1/scan-events", json=scanner.scan(kind, ago=ago, scanned_text=text), headers=scanner.header
        )
        alone.append(time.monotonic() - begun)
        assert single.status_code in (200, 201, 422), ascii(text)
        path = quote(text.encode("utf-8", "replace").decode(), safe="")
        assert client.get(f"/api/v1/resolve?text={path}").status_code == 200
        shown = client.get(f"/a/{path}")
        assert shown.status_code in (302, 308, 400, 404), ascii(text)
        assert shown.headers.get("Location", "/").startswith(("/", "http://localhost/")), ascii(text)
        assert not shown.headers.get("Location", "/").startswith("//"), ascii(text)
    assert outcomes["unknown_asset"] > many / 500  # codes as ours are, of boxes that there are not
    assert outcomes["recorded"] > many / 500
    assert Asset.select().count() == len(boxes)
    assert rows().where(ScanEvent.refused == "", ScanEvent.asset.is_null()).count() == 0
    assert list(faults()) == []
    typical = 1000 * sorted(alone)[int(0.95 * len(alone))]
    if LARGE:
        assert slowest <= 0.1  # seconds
        assert typical <= 100
    told_ = ", ".join(f"{count} {word}" for word, count in outcomes.most_common())
    tried(
        "B5",
        f"different texts scanned, {type(db).__name__}: {told_}; the longest that was a box"
        f" had {longest} characters; at most {1000 * slowest:.1f} ms each in a batch, {typical:.0f} ms alone (p95)",
        many,
    )
