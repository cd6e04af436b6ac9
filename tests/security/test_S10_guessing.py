"""S10: who guesses the codes and links of public pages, thousands of them, finds none; who comes again is stopped."""

from __future__ import annotations

import os
import random
import string
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from conftest import NOW
from samples import World

from accounts import throttle
from accounts.models import AttemptCount, User
from accounts.people import create_token, create_user, new_link
from assets.registering import register_assets
from assets.scan_told import ScanInput
from assets.scanning import record_scan
from database import utc_now
from statements import replies
from statements.accounts import Month
from statements.issuing import issue_statement

#: Guesses of each kind: few in the suite, as many as `make fuzz N=…` says.
MANY = int(os.environ.get("FUZZ", "0")) or 70
LETTERS = string.ascii_letters + string.digits + "-_"
HITS = (200, 302)


def near(real: str, luck: random.Random) -> Iterator[str]:
    """What somebody may try who knows how a token looks, or even all of it but a letter."""
    while True:
        place = luck.randrange(1, len(real))
        yield "".join(luck.choices(LETTERS, k=len(real)))
        yield real[:place] + luck.choice(LETTERS.replace(real[place], "")) + real[place + 1 :]
        yield real[:place]
        yield real[:place] + real[place:].swapcase() + "x"
        yield real + luck.choice(LETTERS)
        yield str(luck.randrange(100_000))
        yield luck.choice(["%25", "_", "*", "' OR '1'='1", "..", real[::-1] + "y"])


@pytest.fixture
def public(app, world: World, user: User) -> dict[str, tuple[str, str]]:
    """What opens for whoever has it: an address, and the code or token that is right."""
    register_assets(world.klt, ["KLT-0001"], world.suzhou, world.plant, user, NOW.replace(year=2025))
    with app.test_request_context():
        settings = app.config["ROUNDTRIP"]
        scan = ScanInput(
            "a" * 32, "dispatch", "KLT-0001", NOW.replace(month=10), shipment="S-2026-0001", place="SZ-PLANT"
        )
        record_scan(scan, user, NOW.replace(month=10))
        statement = issue_statement(world.suzhou, world.hamburg, Month(2026, 10), "en", user, NOW, settings)
        return {
            "paper": ("/v/", statement.document.verify_code),
            "statement": ("/statement/", replies.make_link(statement, user, utc_now())),
            "invitation": ("/invitation/", new_link(create_user("li.na", "a long password", NOW), "reset", utc_now(), user)),
        }  # fmt: skip


def told(what: str, begun: float, answers: Counter[int]) -> None:
    """A line for the table of `make fuzz`."""
    if table := os.environ.get("FUZZ_TABLE"):
        words = " ".join(f"{status} {count}" for status, count in sorted(answers.items()))
        with Path(table).open("a", encoding="utf-8") as file:
            file.write(f"guessed {what}\t{answers.total()}\t{time.monotonic() - begun:.0f}\t{words}\n")


def test_S10_guessed_codes_and_links_open_nothing_from_many_addresses_nor_from_one(app, anonymous, public) -> None:
    luck = random.Random(10)
    for what, (path, real) in public.items():
        begun, answers = time.monotonic(), Counter()
        for number, guess in enumerate(islice(near(real, luck), MANY)):
            # Half of them come from an address each, as of a botnet, so that nothing but the code itself stands there.
            address = f"2001:db8::{number:x}" if number % 2 else "203.0.113.7"
            answer = anonymous.get(f"{path}{guess}", environ_base={"REMOTE_ADDR": address})
            answers[answer.status_code] += 1
            assert answer.status_code in (404, 429), (what, guess)
            assert number % 2 == 0 or answer.status_code == 404, "who did not guess before is not stopped"
        assert answers[429] == max(0, -(-MANY // 2) - throttle.LINKS.amount), what
        assert anonymous.get(f"{path}{real}", environ_base={"REMOTE_ADDR": "203.0.113.7"}).status_code == 429
        assert anonymous.get(f"{path}{real}", environ_base={"REMOTE_ADDR": "198.51.100.1"}).status_code in HITS, what
        AttemptCount.delete().execute()
        told(f"codes: {what}", begun, answers)


def test_S10_guessed_tokens_of_programs_open_nothing(app, user) -> None:
    with app.app_context():
        real = create_token(user, "ours", NOW)
    luck, begun, answers = random.Random(10), time.monotonic(), Counter()
    client = app.test_client()
    for guess in islice(near(real, luck), MANY):
        answer = client.get("/api/v1/scan/snapshot", headers={"Authorization": f"Bearer {guess}"})
        answers[answer.status_code] += 1
    assert set(answers) <= {401, 403}
    told("tokens", begun, answers)


def test_S10_whoever_tries_all_labels_is_stopped_and_learned_no_more_than_from_one(
    app, anonymous, client, world, user, monkeypatch
) -> None:
    monkeypatch.setattr(throttle, "LABELS", type(throttle.LABELS)(throttle.LABELS.amount if MANY > 1_000 else 40))
    codes = [f"KLT-{number:04}" for number in range(0, 40, 2)]
    register_assets(world.klt, codes, world.suzhou, world.plant, user, NOW.replace(year=2025))
    scan = ScanInput("b" * 32, "dispatch", codes[0], NOW.replace(month=10), shipment="S-2026-0001", place="SZ-PLANT")
    record_scan(scan, user, NOW.replace(month=10))
    begun, answers, pages = time.monotonic(), Counter(), set()
    for number in range(MANY):
        answer = anonymous.get(f"/a/KLT-{number:04}" if number % 4 else f"/8003/04012345000016KLT-{number:04}")
        answers[answer.status_code] += 1
        if answer.status_code == 200:
            pages.add(answer.get_data(as_text=True).split("<main")[1].replace(f"KLT-{number:04}", "…"))
    assert len(pages) == 1, "the page of a box that is out is that of one at home"
    assert not any(secret in pages.copy().pop() for secret in ("HAMBURG", world.hamburg.name_en, "S-2026-0001"))
    assert answers[200] + answers[404] == throttle.LABELS.amount
    assert answers[429] == MANY - throttle.LABELS.amount
    assert client.get("/a/KLT-0002").status_code == 302  # our people scan as many as they like
    told("labels", begun, answers)
