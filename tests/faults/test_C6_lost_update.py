"""C6: two edit one shipment. The second is answered 409 with both versions, and chooses field by field."""

from __future__ import annotations

from decimal import Decimal

import pytest
from conftest import NOW, PASSWORD, SignedIn, on_both_databases
from shipment_forms import GOOD
from simulated_devices import LARGE, tried
from test_C1_C2_C4_C5_C7_at_once import at_once

from accounts.people import create_user
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


@on_both_databases
def test_C6_of_two_who_save_in_the_same_moment_one_is_saved_and_the_other_chooses(db, app, client, world):
    with app.app_context():
        other = create_user("li.na", PASSWORD, NOW, administrator=True)
    second = SignedIn(app, app.response_class)
    second.sign_in(other)
    rounds = 100 if LARGE else 1
    for number in range(rounds):
        version = Shipment.get().version
        typed = [{**GOOD, "version": str(version), "vessel": f"{who} {number}"} for who in ("EVER GIVEN", "MSC OSCAR")]
        sent = list(zip((client, second), typed, strict=True))
        answers = at_once(*(lambda one=one, form=form: one.post(EDIT, data=form) for one, form in sent))
        assert sorted(answer.status_code for answer in answers) == [302, 409]
        late = next(place for place in (0, 1) if answers[place].status_code == 409)
        mine, theirs = typed[late]["vessel"], typed[1 - late]["vessel"]
        assert (Shipment.get().vessel, Shipment.get().version) == (theirs, version + 1)
        shown = answers[late].text.split('id="differences"')[1].split("</section>")[0]
        assert mine in shown
        assert theirs in shown
        # Whoever came second chooses; then it is saved, and on top of what he has seen.
        settled = {
            **typed[late],
            "keep-vessel": "yours" if number % 2 else "theirs",
            "seen": str(version + 1),
            "settle": "1",
        }
        assert sent[late][0].post(EDIT, data=settled).status_code == 302
        assert Shipment.get().vessel == (mine if number % 2 else theirs)
    tried("C6", f"two save one shipment in the same moment, the second one chooses, {type(db).__name__}", rounds)


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


def test_C6_details_saved_in_the_same_moment_have_both_versions_too(db, app, client, world):
    with app.app_context():
        other = create_user("li.na", PASSWORD, NOW, administrator=True)
    second = SignedIn(app, app.response_class)
    second.sign_in(other)
    rounds = 100 if LARGE else 1
    for _ in range(rounds):
        version = str(Shipment.get().version)
        typed = [{"version": version, "booking_no": f"{who} {version}"} for who in ("FIRST", "SECOND")]
        sent = zip((client, second), typed, strict=True)
        answers = at_once(*(lambda one=one, form=form: one.post(DETAILS, data=form) for one, form in sent))
        assert sorted(answer.status_code for answer in answers) == [302, 409]
        late = next(answer for answer in answers if answer.status_code == 409)
        shown = late.text.split('id="differences"')[1].split("</section>")[0]
        assert all(one["booking_no"] in shown for one in typed)
    tried("C6", "two save the details of one shipment in the same moment", rounds)


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
