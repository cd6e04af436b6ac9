"""Every list page: paged, sorted, searched, exported; and its links keep what was chosen."""

from __future__ import annotations

import csv
import io
import re

import pytest
from conftest import NOW

from assets.registering import register_assets

CODES = [f"KLT-{number:04}" for number in range(1, 61)]


@pytest.fixture
def boxes(world):
    return register_assets(world.klt, CODES, world.suzhou, world.plant, None, NOW)


def shown(client, query=""):
    """The codes on a page in their order, and the page."""
    page = client.get(f"/assets{query}").get_data(as_text=True)
    return re.findall(r'<a href="/assets/(KLT-\d+)">', page), page


def link(page, rel):
    found = re.search(rf'<a href="([^"]+)" rel="{rel}">', page)
    return found and found[1].replace("&amp;", "&").removeprefix("/assets")


def test_pages_follow_one_another_and_hold_every_row_once(client, boxes):
    seen, query = [], "?size=25&sort=-code"
    while query:
        codes, page = shown(client, query)
        seen.append(codes)
        query = link(page, "next")
    assert [len(codes) for codes in seen] == [25, 25, 10]
    assert [code for codes in seen for code in codes] == CODES[::-1]
    assert link(page, "prev") == "?size=25&sort=-code&page=2"
    assert "60 rows · page 3 of 3" in page


def test_a_list_too_long_to_be_counted_says_so_and_is_paged_as_far_as_it_was_counted(client, boxes, monkeypatch):
    monkeypatch.setattr("listing.COUNTED", 50)
    codes, page = shown(client, "?size=25&page=9")
    assert codes == CODES[25:50]
    assert "more than 50 rows · page 2 of 2" in page
    monkeypatch.setattr("listing.COUNTED", 60)
    assert "60 rows · page 3 of 3" in shown(client, "?size=25&page=9")[1]


@pytest.mark.parametrize(
    ("query", "count"),
    [("", 50), ("?page=2", 10), ("?page=99", 10), ("?page=0", 50), ("?page=-1", 50), ("?page=x", 50), ("?size=7", 50),
     ("?size=200", 60), ("?sort=nothing", 50), ("?size=25&page=3&q=KLT-000", 9)],
)  # fmt: skip
def test_a_page_that_is_not_there_is_the_nearest_one(client, boxes, query, count):
    assert len(shown(client, query)[0]) == count


def test_links_keep_search_filter_and_order(client, boxes):
    _, page = shown(client, "?q=KLT-00&state=available&sort=code&size=25&page=2")
    heads = {href.replace("&amp;", "&") for href in re.findall(r'<th[^>]*><a href="/assets([^"]+)"', page)}
    assert "?q=KLT-00&state=available&sort=-code&size=25&page=1" in heads
    assert 'href="/assets?q=KLT-00&amp;state=available&amp;sort=code&amp;size=25&amp;page=2&amp;format=csv"' in page


def test_a_file_holds_all_pages(client, boxes):
    answer = client.get("/assets?q=KLT-00&sort=-code&size=25&page=2&format=csv")
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert [row[0] for row in rows[1:]] == CODES[::-1]
