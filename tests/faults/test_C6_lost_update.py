"""C6: two edit one shipment. The second is answered 409 with both versions, and chooses field by field."""

from __future__ import annotations

from decimal import Decimal

import pytest
from shipment_forms import GOOD

from shipments.booking import entry_of
from shipments.details import details_from_json
from shipments.models import Shipment

EDIT, DETAILS = "/shipments/S-2026-0001/edit", "/shipments/S-2026-0001/details"


@pytest.fixture
def both(client, world):
    """Both opened version 1; the first has saved another vessel and an order number, the second types a seal and lines."""
    assert (
        client.post(EDIT, data={**GOOD, "version": "1", "vessel": "EVER GIVEN", "order_no": "PO-1"}).status_code == 302
    )
    mine = {**GOOD, "version": "1", "vessel": "MSC OSCAR", "seal_no": "SEAL9", "lines-0-quantity": "30"}
    page = client.post(EDIT, data=mine)
    assert page.status_code == 409
    return mine, page


def test_C6_the_second_sees_both_versions_and_nothing_is_saved(client, both):
    _, page = both
    assert "Somebody else saved S-2026-0001" in page.text
    shown = page.text.split('id="differences"')[1].split("</section>")[0]
    for words in (
        "MSC OSCAR",
        "EVER GIVEN",
        "PO-1",
        "SEAL9",
        "10-4711 · 30 · 182.5",
        "10-4711 · 24 · 182.5",
        "wang.li",
    ):
        assert words in shown, words
    assert "Hamburg" not in shown  # what is the same in both
    assert (Shipment.get().vessel, Shipment.get().version) == ("EVER GIVEN", 2)


def test_C6_each_field_is_what_was_chosen(client, both):
    mine, _ = both
    chosen = {"keep-vessel": "yours", "keep-order_no": "theirs", "keep-seal_no": "yours", "keep-lines": "theirs"}
    answer = client.post(EDIT, data={**mine, **chosen, "seen": "2", "settle": "1"})
    assert answer.status_code == 302
    entry = entry_of(Shipment.get())
    assert (entry.vessel, entry.order_no, entry.seal_no, entry.lines[0].quantity) == (
        "MSC OSCAR",
        "PO-1",
        "SEAL9",
        Decimal(24),
    )
    assert Shipment.get().version == 3


@pytest.mark.parametrize(
    "more",
    [
        {"keep-vessel": "yours"}, {"keep-vessel": "nonsense"}, {"seen": "1"}, {"seen": "x"},
        {"settle": None},
    ],
)  # fmt: skip
def test_C6_what_is_not_chosen_or_was_saved_again_is_asked_again(client, both, more):
    mine, _ = both
    chosen = {"keep-vessel": "yours", "keep-order_no": "theirs", "keep-seal_no": "yours", "keep-lines": "yours"}
    data = {**mine, **chosen, "seen": "2", "settle": "1"}
    if list(more) == ["keep-vessel"]:
        data = {key: value for key, value in data.items() if not key.startswith("keep-")}
    data = {key: value for key, value in {**data, **more}.items() if value is not None}
    page = client.post(EDIT, data=data)
    assert (page.status_code, 'id="differences"' in page.text) == (409, True)
    assert Shipment.get().vessel == "EVER GIVEN"


def test_C6_details_for_papers_have_both_versions_too(client, world):
    assert (
        client.post(DETAILS, data={"version": "1", "booking_no": "FIRST", "proxy_services": "abc"}).status_code == 302
    )
    mine = {"version": "1", "booking_no": "SECOND"}
    page = client.post(DETAILS, data=mine)
    shown = page.text.split('id="differences"')[1].split("</section>")[0]
    assert (page.status_code, "FIRST" in shown, "SECOND" in shown) == (409, True, True)
    chosen = {"keep-booking_no": "yours", "keep-proxy_services": "theirs", "seen": "2", "settle": "1"}
    assert client.post(DETAILS, data={**mine, **chosen}).status_code == 302
    stored = details_from_json(Shipment.get().details)
    assert (stored.booking_no, stored.proxy_services) == ("SECOND", "ABC")


def test_C6_two_versions_are_chosen_from_in_a_browser(page, both_open):
    first, second = both_open
    first.fill("#vessel", "EVER GIVEN")
    first.click(".rt-save button.btn-primary")
    first.wait_for_url("**/shipments/S-2026-0001")
    second.fill("#vessel", "MSC OSCAR")
    second.click(".rt-save button.btn-primary")
    second.wait_for_selector("#differences")
    second.check('[name="keep-vessel"][value="yours"]')
    for group in second.locator(".sh-difference").all()[0:]:
        if not group.locator("input:checked").count():
            group.locator('input[value="theirs"]').check()
    second.click('[name="settle"]')
    second.wait_for_url("**/shipments/S-2026-0001")
    assert Shipment.get().vessel == "MSC OSCAR"


@pytest.fixture
def both_open(page, context, live, world):
    second = context.new_page()
    for one in (page, second):
        one.goto(f"{live.url}{EDIT}")
    return page, second


def test_C6_what_is_chosen_from_a_list_is_shown_in_words(client, world):
    first = {"version": "1", "partial_shipments": "allowed"}
    assert client.post(DETAILS, data=first).status_code == 302
    page = client.post(DETAILS, data={"version": "1", "partial_shipments": "not_allowed"})
    assert page.status_code == 409
    shown = page.text.split('id="differences"')[1].split("</section>")[0]
    assert (shown.count("not allowed"), shown.count("allowed")) == (1, 2)
