"""Where a QR code leads: a finder learns whose the box is and where it belongs, our people see the box."""

from __future__ import annotations

import pytest
from conftest import NOW

from assets import labels
from assets.models import Asset


@pytest.fixture
def box(world):
    """A box that is out at the customer."""
    return Asset.create(
        code="KLT-000123", grai=labels.grai(world.klt, "KLT-000123"), asset_type=world.klt, owner=world.suzhou,
        return_place=world.plant, created_time=NOW, life="active", where="there", holder=world.hamburg,
        place=world.warehouse, shipment=world.shipment, out_since=NOW,
    )  # fmt: skip


def test_anybody_learns_whose_box_it_is_and_where_to_return_it(anonymous, box):
    answer = anonymous.get(f"/8003/{box.grai}")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    for words in ("Suzhou Stabil Steering Co., Ltd.", "Suzhou plant, gate 2", "No. 88 Xinghu Street", "+86 512 5555 0188",
                  "KLT-000123", "China"):  # fmt: skip
        assert words in page


def test_S10_nobody_learns_where_it_is_or_who_holds_it(anonymous, box, world):
    page = anonymous.get(f"/8003/{box.grai}").get_data(as_text=True)
    for secret in (world.hamburg.name_en, world.hamburg.code, world.warehouse.name_en, world.shipment.number, "at_partner",
                   "12.50"):  # fmt: skip
        assert secret not in page


@pytest.mark.parametrize("path", ["/a/KLT-000123", "/A/KLT-000123", "/a/klt-000123", "/8003/04012345000016klt-000123"])
def test_capitals_or_not_the_link_leads_to_the_same_page(anonymous, box, path):
    assert "KLT-000123" in anonymous.get(path).get_data(as_text=True)


def test_link_of_the_printed_label_works_as_it_is_printed(anonymous, box):
    from urllib.parse import urlsplit

    assert anonymous.get(urlsplit(labels.label_uri("https://rt.example.com", box)).path).status_code == 200


@pytest.mark.parametrize(
    "path", ["/8003/04012345000016NIX", "/8003/07300015200154000000000356", "/a/NIX-0001", "/A/NIX-0001"]
)
def test_S10_foreign_and_unknown_codes_get_the_same_kind_of_page(anonymous, client, box, path):
    for visitor in (anonymous, client):
        answer = visitor.get(path)
        assert answer.status_code == 404
        assert "not one of ours" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "javascript:alert(1)",
        "%22%3E%3Cimg%20src=x%3E",
    ],
)
def test_B5_hostile_text_is_not_repeated(anonymous, box, text):
    for path in (f"/a/{text}", f"/8003/{text}"):
        answer = anonymous.get(path)
        assert answer.status_code == 404
        body = answer.get_data(as_text=True).split('id="main"')[1]
        assert "alert(1)" not in body
        assert "<img" not in body


def test_without_a_return_place_the_owners_marked_place_is_named(anonymous, box):
    box.return_place = None
    box.save()
    assert "Suzhou plant, gate 2" in anonymous.get("/a/KLT-000123").get_data(as_text=True)


def test_finder_reads_it_in_chinese(anonymous, box):
    page = anonymous.get("/a/KLT-000123", headers={"Accept-Language": "zh-CN,zh;q=0.9"}).get_data(as_text=True)
    assert "苏州稳达转向系统有限公司" in page
    assert "苏州工业园区星湖街88号" in page


def test_our_people_are_led_to_the_box(client, box):
    answer = client.get(f"/8003/{box.grai}")
    assert answer.status_code == 302
    assert answer.location == "/assets/KLT-000123"


def test_code_of_a_shipment_needs_a_login_and_leads_to_it(client, anonymous, world):
    answer = anonymous.get("/s/S-2026-0001")
    assert answer.status_code == 302
    assert answer.location.startswith("/login")
    for path in ("/s/S-2026-0001", "/S/s-2026-0001"):
        assert client.get(path).location == "/shipments/S-2026-0001"
    assert client.get("/s/S-1999-0001").status_code == 404
