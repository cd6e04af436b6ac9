"""Lists and forms of partners, places, products and box types: found, changed, put away; the same on both databases."""

from __future__ import annotations

import pytest
import samples
from conftest import NOW, on_both_databases

from errors import InvalidInput
from master_data.models import AssetType, Party, Place, Product
from master_data.saving import save, set_archived
from spreadsheets import read_table

LISTS = {"/parties": "HAMBURG", "/places": "HH-VMI", "/products": "10-4711", "/asset-types": "KLT6428"}


def text_of(response) -> str:
    assert response.status_code == 200, response.status
    return response.get_data(as_text=True)


@pytest.mark.parametrize("url", LISTS)
def test_lists_show_each_row_and_lead_to_it(client, world, url):
    assert f'href="{url}/{LISTS[url]}"' in text_of(client.get(url))
    assert LISTS[url] in text_of(client.get(f"{url}/{LISTS[url]}"))


@pytest.mark.parametrize("url", LISTS)
def test_an_empty_list_says_what_would_fill_it(client, url):
    page = text_of(client.get(url))
    assert f'href="{url}/new"' in page
    assert "rt-empty" in page


@pytest.mark.parametrize("url", LISTS)
def test_lists_are_exported_as_csv_and_xlsx(client, world, url):
    for kind in ("csv", "xlsx"):
        response = client.get(f"{url}?format={kind}")
        table = read_table(f"list.{kind}", response.data)
        assert LISTS[url] in [row.cells[0] for row in table.rows]
        assert "attachment" in response.headers["Content-Disposition"]


def test_an_export_gives_dangerous_names_back_unchanged(client, world):
    samples.party(NOW, code="EVIL", name_en='=HYPERLINK("http://x")', name_zh="＝1+1", contact="@SUM(1)")
    for kind in ("csv", "xlsx"):
        table = read_table(f"a.{kind}", client.get(f"/parties?format={kind}&q=EVIL").data)
        assert [table.rows[0].cells[n] for n in (1, 2, 6)] == ['=HYPERLINK("http://x")', "＝1+1", "@SUM(1)"]


@pytest.mark.parametrize(
    ("url", "query", "found", "missing"),
    [
        ("/parties", "q=automotive", "HAMBURG", "NAGOYA"),
        ("/parties", "q=名古屋", "NAGOYA", "HAMBURG"),
        ("/parties", "own=1", "SUZHOU", "HAMBURG"),
        ("/parties", "country=JP", "NAGOYA", "HAMBURG"),
        ("/places", "q=hamburg", "HH-VMI", "SZ-PLANT"),
        ("/places", "country=CN", "SZ-PLANT", "HH-VMI"),
        ("/products", "q=tie rod", "10-5200", "10-4711"),
        ("/products", "q=A2C9988001", "10-4711", "10-5200"),
        ("/asset-types", "counted=1", "EPAL", "KLT6428"),
        ("/asset-types", "q=网箱", "GLT1210", "EPAL"),
    ],
)
def test_lists_are_searched_and_filtered(client, world, url, query, found, missing):
    page = text_of(client.get(f"{url}?{query}"))
    assert f"{url}/{found}" in page
    assert f"{url}/{missing}" not in page


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("/parties", "name_zh"),
        ("/places", "party"),
        ("/products", "net_mass"),
        ("/asset-types", "tare"),
        ("/asset-types", "state"),
    ],
)
@on_both_databases
def test_lists_are_sorted_by_a_column(client, world, url, key):
    for sort in (key, f"-{key}"):
        assert 'aria-sort="' in text_of(client.get(f"{url}?sort={sort}&q="))


def test_masses_are_sorted_as_numbers(client, world):
    samples.product(NOW, part_no="10-0010", net_mass="10")
    page = text_of(client.get("/products?sort=net_mass"))
    assert page.index("/products/10-5200") < page.index("/products/10-4711") < page.index("/products/10-0010")


@on_both_databases
def test_search_looks_into_all_names_on_both_databases(client, world):
    assert "/parties/HAMBURG" in text_of(client.get("/parties?q=AUTOMOTIVE"))


@pytest.mark.parametrize("number", ["10/4711 A", "A/B/C", "50%", "a?b#c", "零件 7", 'x"y', "x & y"])
def test_part_numbers_with_slashes_and_blanks_have_pages(client, world, number):
    samples.product(NOW, part_no=number)
    page = text_of(client.get("/products"))
    href = next(
        part.split('"')[0]
        for part in page.split('href="')
        if part.startswith("/products/")
        and part.split('"')[0] not in ("/products/new", "/products/10-4711", "/products/10-5200")
    )
    response = client.get(href.replace("&amp;", "&"))
    assert response.status_code == 200
    assert "Steering rack" in response.get_data(as_text=True)


@pytest.mark.parametrize("url", ["/parties/NOBODY", "/places/NOWHERE", "/products/a/b", "/asset-types/NONE"])
def test_what_is_not_there_is_not_found(client, world, url):
    assert client.get(url).status_code == 404


@pytest.mark.parametrize(
    "url", ["/parties", "/parties/new", "/parties/SUZHOU", "/places/new", "/products/10-4711", "/asset-types"]
)
def test_nobody_sees_master_data_without_login(anonymous, world, url):
    assert anonymous.get(url).status_code == 302
    assert client_post(anonymous, url) in (302, 400, 405)


def client_post(client, url: str) -> int:
    return client.post(url, data={"archived": "1"}).status_code


def test_a_form_needs_its_csrf_token(client, world):
    client.application.config["WTF_CSRF_ENABLED"] = True
    assert (
        client.post("/parties/new", data={"code": "X", "name_en": "x", "country": "DE"}, csrf=False).status_code == 400
    )
    assert not Party.select().where(Party.code == "X").exists()


@pytest.mark.parametrize(
    ("url", "fields"),
    [
        ("/parties/SUZHOU", ["uscc", "customs_no", "name_zh", "bank_bic", "address_zh"]),
        ("/places/SZ-PLANT", ["party", "gln", "timezone", "return_address"]),
        ("/products/10-4711", ["hs_code", "declaration_elements", "net_mass", "origin", "source_district"]),
        ("/asset-types/KLT6428", ["tare", "package_code", "cn_package_code", "gs1_company_prefix", "value"]),
    ],
)
def test_each_column_is_a_field_that_other_pages_can_link_to(client, world, url, fields):
    page = text_of(client.get(url))
    for field in fields:
        assert f'id="{field}"' in page


def form_of(page: str) -> dict[str, str]:
    """What a browser would send if the form were sent as it stands."""
    from html.parser import HTMLParser

    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.values: dict[str, str] = {}
            self.area = self.select = ""

        def handle_starttag(self, tag, attrs):
            a = dict(attrs)
            if tag == "input" and a.get("name") and (a.get("type") != "checkbox" or "checked" in a):
                self.values[a["name"]] = a.get("value", "")
            elif tag == "textarea":
                self.area, self.values[a["name"]] = a["name"], ""
            elif tag == "select":
                self.select = a["name"]
            elif tag == "option" and "selected" in a:
                self.values[self.select] = a["value"]

        def handle_data(self, data):
            if self.area:
                self.values[self.area] += data

        def handle_endtag(self, tag):
            if tag == "textarea":
                self.values[self.area] = self.values[self.area].removeprefix("\r\n").removeprefix("\n")
                self.area = ""

    reader = Reader()
    reader.feed(page[page.index('<form method="post" novalidate') : page.index('<div class="rt-save">')])
    return reader.values


@pytest.mark.parametrize(
    ("url", "table"),
    [("/parties/SUZHOU", Party), ("/parties/HAMBURG", Party), ("/places/SZ-PLANT", Place), ("/products/10-4711", Product),
     ("/asset-types/KLT6428", AssetType), ("/asset-types/EPAL", AssetType)],
)  # fmt: skip
def test_a_form_that_is_opened_and_saved_changes_nothing(client, world, url, table):
    before = list(table.select().order_by(table.id).dicts())
    response = client.post(url, data=form_of(text_of(client.get(url))))
    assert response.status_code == 302, response.get_data(as_text=True)
    after = list(table.select().order_by(table.id).dicts())
    for row in before + after:
        del row["changed_time"]
    assert after == before


@on_both_databases
def test_a_row_is_changed_and_its_time_with_it(client, world):
    typed = form_of(text_of(client.get("/products/10-4711")))
    response = client.post(
        "/products/10-4711", data={**typed, "part_no": "10/4711", "net_mass": "7.3"}, follow_redirects=True
    )
    assert "Saved." in text_of(response)
    row = Product.get_by_id(world.rack.id)
    assert (row.part_no, str(row.net_mass)) == ("10/4711", "7.3")
    assert row.changed_time > NOW


def test_a_wrong_change_leaves_the_row_as_it_was(client, world):
    typed = form_of(text_of(client.get("/parties/SUZHOU")))
    response = client.post("/parties/SUZHOU", data={**typed, "name_en": "Changed", "uscc": "1"})
    assert response.status_code == 422
    assert 'value="Changed"' in response.get_data(as_text=True)
    assert Party.get(code="SUZHOU").name_en == "Suzhou Stabil Steering Co., Ltd."


def test_a_row_may_keep_its_own_code_but_not_take_anothers(client, world):
    typed = form_of(text_of(client.get("/parties/SUZHOU")))
    assert client.post("/parties/SUZHOU", data={**typed, "code": "suzhou"}).status_code == 302
    response = client.post("/parties/SUZHOU", data={**typed, "code": "Hamburg"})
    assert response.status_code == 422
    assert "HAMBURG is there already" in response.get_data(as_text=True)


@pytest.mark.parametrize(
    ("url", "table"),
    [
        ("/parties/NAGOYA", Party),
        ("/places/HH-VMI", Place),
        ("/products/10-5200", Product),
        ("/asset-types/GLT1210", AssetType),
    ],
)
def test_rows_are_archived_and_taken_up_again_never_deleted(client, world, url, table):
    count, key = table.select().count(), url.rpartition("/")[2]
    assert "Archived" in text_of(client.post(url, data={"archived": "1"}, follow_redirects=True))
    listed = url.rpartition("/")[0]
    assert url in text_of(client.get(f"{listed}?state=archived"))
    assert url not in text_of(client.get(f"{listed}?state=used"))
    assert "In use again." in text_of(client.post(url, data={"archived": "0"}, follow_redirects=True))
    assert url in text_of(client.get(f"{listed}?state=used"))
    assert table.select().count() == count
    assert key in text_of(client.get(url))


def test_archived_partners_are_not_offered(client, world):
    set_archived(world.nagoya, True, NOW)
    page = text_of(client.get("/places/new"))
    assert '<option value="HAMBURG">' in page
    assert '<option value="NAGOYA">' not in page


def test_columns_that_are_no_fields_cannot_be_set_from_outside(client, world):
    client.post(
        "/parties/new",
        data={"code": "X1", "name_en": "x", "country": "DE", "id": "1", "changed_time": "2000-01-01 00:00"},
    )
    row = Party.get(code="X1")
    assert row.id not in (1, world.suzhou.id)
    assert row.changed_time > NOW


@on_both_databases
def test_a_code_taken_in_the_meantime_is_refused_and_nothing_is_written(world):
    """The form looked before; two who save at once both found the code free."""
    values = {"code": "hamburg", "name_en": "Second", "country": "DE"}
    with pytest.raises(InvalidInput) as caught:
        save(Party(), values, NOW)
    assert caught.value.field == "code"
    with pytest.raises(InvalidInput):
        save(Party(), {**values, "code": "HAMBURG"}, NOW)
    assert Party.select().where(Party.country == "DE").count() == 1


def test_pages_are_there_in_chinese_too(client, world):
    client.post("/language", data={"language": "zh", "back": "/parties"})
    for url in ("/parties", "/parties/SUZHOU", "/places/new", "/products/10-4711", "/asset-types/KLT6428"):
        assert 'lang="zh-CN"' in text_of(client.get(url))


@on_both_databases
def test_what_no_database_can_hold_is_no_fault_of_ours(client, world):
    """PostgreSQL refuses NUL; nobody should see that."""
    assert client.get("/parties/%00").status_code == 404
    assert client.get("/products/a%00/b").status_code == 404
    assert client.get("/parties?q=%00HAMBURG%00").status_code == 200
    for url, field in (("/places/new", "party"), ("/parties/new", "code"), ("/products/new", "part_no")):
        assert client.post(url, data={field: "A\0B"}).status_code == 422
