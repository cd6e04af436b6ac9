"""Files of static/: compressed, kept for ever under an address that names their contents, and few enough for poor Wi-Fi."""

import gzip
import re
from pathlib import Path

import pytest
from test_asset_pages import boxes  # noqa: F401 (a fixture)

from accounts.access import rule_of

ROOT = Path(__file__).parent.parent
KB = 1024
#: JS and CSS of ours that one page may ask for, before and after it is compressed; vendored libraries beside it.
OWN, SENT = 150 * KB, 150 * KB


def linked(page):
    """Addresses of the style sheets and scripts of a page."""
    found = re.findall(r'<link rel="stylesheet" href="([^"]+)"|<script[^>]* src="([^"]+)"', page)
    return [style or script for style, script in found]


def path_of(address):
    return ROOT / address.partition("?")[0].removeprefix("/")


def with_imports(path, seen):
    """A file and, of a module, all that it imports before it runs."""
    if path not in seen:
        seen.add(path)
        if path.suffix == ".js":
            for name in re.findall(
                r'^(?:import|export) [^;]*?from "(\.[^"]+)"', path.read_text(encoding="utf-8"), re.M
            ):
                with_imports((path.parent / name).resolve(), seen)
    return seen


def pages(app, client):
    """Every page that can be opened without naming something, and the parts of the shell: (address, HTML)."""
    for rule in app.url_map.iter_rules():
        signing = rule.endpoint.startswith("security.")  # some of these end a session that has no second factor
        if "GET" in rule.methods and not rule.arguments and rule_of(app, rule.endpoint) and not signing:
            answer = client.get(rule.rule)
            if answer.status_code == 200 and answer.mimetype == "text/html":
                yield rule.rule, answer.get_data(as_text=True)


def test_no_page_asks_for_more_than_150_KB_of_js_and_css(app, client, world, boxes):  # noqa: F811
    checked = {}
    for address, page in pages(app, client):
        files = set()
        for link in linked(page):
            with_imports(path_of(link), files)
        own = sum(path.stat().st_size for path in files if "vendor" not in path.parts)
        sent = sum(len(gzip.compress(path.read_bytes(), 9)) for path in files)
        checked[address] = (own, sent)
    assert len(checked) > 40
    assert "/scan" in checked
    assert {page: sizes for page, sizes in checked.items() if sizes[0] > OWN or sizes[1] > SENT} == {}


def test_pages_with_a_name_in_their_address_use_the_same_files():
    """No template links a file that the pages above do not: their sizes hold for all of them."""
    sizes = {}
    for template in (ROOT / "templates").rglob("*.html"):
        names = re.findall(r"url_for\('static', filename='([^']+\.(?:js|css))'\)", template.read_text(encoding="utf-8"))
        files = set()
        for name in names:
            with_imports(ROOT / "static" / name, files)
        sizes[template.name] = sum(path.stat().st_size for path in files if "vendor" not in path.parts)
    base = sizes.pop("base.html")
    assert {name: size for name, size in sizes.items() if size + base > OWN and name != "scan.html"} == {}


def test_an_address_that_names_the_contents_is_kept_for_ever_and_compressed(anonymous):
    for link in linked(anonymous.get("/login").get_data(as_text=True)):
        assert re.search(r"\?v=[0-9a-f]{12}$", link)
        plain = anonymous.get(link)
        packed = anonymous.get(link, headers={"Accept-Encoding": "gzip, br"})
        for answer in (plain, packed):
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert "Cookie" not in answer.headers.get("Vary", "")
            assert "Set-Cookie" not in answer.headers
        if path_of(link).stat().st_size > 500:
            assert packed.headers["Content-Encoding"] == "gzip"
            assert "Content-Encoding" not in plain.headers
            assert gzip.decompress(packed.data) == plain.data == path_of(link).read_bytes()
            assert len(packed.data) < 0.5 * len(plain.data)
            assert "Accept-Encoding" in packed.headers["Vary"]


@pytest.mark.parametrize("link", ["/static/css/pages.css", "/static/css/pages.css?v=000000000000"])
def test_an_address_of_another_version_is_not_kept_for_long(anonymous, link):
    answer = anonymous.get(link)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "public, max-age=3600")


def test_a_changed_file_has_another_address(app, tmp_path):
    from flask import Flask, url_for

    from static_files import init_static

    other = Flask("other", static_folder=str(tmp_path))
    init_static(other)
    (tmp_path / "a.css").write_text("a { color: red }")
    with other.test_request_context():
        before = url_for("static", filename="a.css")
        (tmp_path / "a.css").write_text("a { color: blue }")
        assert before != url_for("static", filename="a.css") != url_for("static", filename="b.css")


def test_the_modules_of_the_scan_page_are_asked_for_each_time_and_answered_unchanged(anonymous):
    link = next(link for link in linked(anonymous.get("/scan").get_data(as_text=True)) if "scan/app.js" in link)
    assert link == "/static/scan/app.js"
    for encoding in ("gzip", "identity"):
        first = anonymous.get(link, headers={"Accept-Encoding": encoding})
        assert first.headers["Cache-Control"] == "no-cache"
        again = anonymous.get(link, headers={"Accept-Encoding": encoding, "If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")


def test_the_service_worker_keeps_every_file_that_its_page_links(anonymous):
    kept = anonymous.get("/scan/sw.js").get_data(as_text=True)
    for link in linked(anonymous.get("/scan").get_data(as_text=True)):
        assert f'"{link.partition("?")[0]}"' in kept  # it looks at paths


@pytest.mark.parametrize("name", ["../app.py", "%2e%2e/app.py", "css", "", "css/none.css"])
def test_nothing_but_files_of_static_is_sent(anonymous, name):
    assert anonymous.get(f"/static/{name}").status_code == 404
