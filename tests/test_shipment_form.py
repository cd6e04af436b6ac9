"""The shipment's page: what is typed stays, every error stands at its field, nothing is saved half."""

import io
import re
from datetime import date
from decimal import Decimal

import pytest
from playwright.sync_api import expect
from shipment_forms import GOOD

from master_data.models import Party, Product
from shipments.models import Package, Shipment, ShipmentLine

pytestmark = pytest.mark.usefixtures("world")


def errors(page):
    """field id → sentence, as they stand at the fields."""
    return dict(re.findall(r'<div class="rt-error" id="(.+?)-error">(.*?)</div>', page.text))


def values(page):
    """field id → what stands in it."""
    return dict(re.findall(r'<input[^>]*? id="([^"]+)"[^>]*? value="([^"]*)"', page.text))


def refused(client, **changes):
    """The page after sending the good form with these changes; makes sure that it was refused and wrote nothing."""
    page = client.post("/shipments/new", data={**GOOD, **{name.replace("__", "-"): v for name, v in changes.items()}})
    assert page.status_code == 422
    assert (Shipment.select().count(), ShipmentLine.select().count(), Package.select().count()) == (1, 2, 2)
    for id_ in errors(page):
        assert f'id="{id_}"' in page.text
        assert f'<a href="#{id_}">' in page.text  # the summary links to each
    return page


def test_a_new_shipment_is_saved_whole(client, user):
    answer = client.post("/shipments/new", data=GOOD)
    assert (answer.status_code, answer.location) == (302, "/shipments/S-2026-0002")
    made = Shipment.get(number="S-2026-0002")
    assert (made.consignor.code, made.consignee.code, made.notify_party, made.ship_from.code) == (
        "SUZHOU", "HAMBURG", None, "SZ-PLANT",
    )  # fmt: skip
    assert (made.freight, made.other_charges, made.departure_date) == (Decimal(820), 0, date(2026, 11, 28))
    assert (made.version, made.state, made.changed_by) == (1, "open", user)
    lines = [
        (x.position, x.product.part_no, x.quantity, x.unit_price) for x in made.lines.order_by(ShipmentLine.position)
    ]
    assert lines == [(1, "10-4711", 24, Decimal("182.50")), (2, "10-5200", 200, Decimal("6.125"))]
    box = made.packages.get()
    assert (box.asset_type.code, box.count, box.net_mass, box.gross_mass, box.length_mm) == (
        "KLT6428", 12, Decimal("14.5"), Decimal("17.45"), 594,
    )  # fmt: skip


def test_an_unchanged_form_saves_the_same_shipment(client, world):
    page = client.get("/shipments/S-2026-0001/edit")
    sent = values(page)
    sent |= {"incoterm": "CIF", "transport_mode": "1", "customs_regime": "0110", "duty_nature": "101", "duty_mode": "1",
             "marks": world.shipment.marks}  # fmt: skip
    before = Shipment.select().dicts().get()
    assert client.post("/shipments/S-2026-0001/edit", data=sent).status_code == 302
    after = Shipment.select().dicts().get()
    changing = ("version", "changed_time", "changed_by")
    assert {k: v for k, v in after.items() if k not in changing} == {
        k: v for k, v in before.items() if k not in changing
    }
    assert after["version"] == before["version"] + 1
    assert [x.gross_mass for x in world.shipment.packages.order_by(Package.position)] == [
        Decimal("17.45"),
        Decimal("66.2"),
    ]


def test_fields_have_the_ids_that_other_pages_link_to(client):
    page = client.get("/shipments/S-2026-0001/edit").text
    for id_ in ("incoterm", "named_place", "lines-0-quantity", "lines-1-product", "packages-0-gross_mass", "exit_port"):
        assert page.count(f'id="{id_}"') == 1


def test_incoterm_without_place(client):
    assert errors(refused(client, named_place=" ")) == {
        "named_place": "CIF needs a named place, for example CIF Hamburg."
    }


def test_sea_term_with_air_mode(client):
    assert errors(refused(client, transport_mode="4")) == {
        "incoterm": "CIF is for sea transport only, but the mode is air; use CIP instead."
    }


def test_currency_with_wrong_decimals(client):
    page = refused(client, currency="jpy", freight="820.5", insurance="")
    assert errors(page) == {"freight": "JPY has 0 decimals, 820.5 has 1."}


def test_zero_lines(client):
    page = refused(client, **{f"lines__{i}__{c}": "" for i in (0, 1) for c in ("product", "quantity", "unit_price")})
    assert errors(page) == {"lines-0-product": "A shipment needs at least one line: enter what is sent."}


def test_zero_lines_when_the_browser_sends_none(client):
    sent = {name: value for name, value in GOOD.items() if not name.startswith("lines")}
    page = client.post("/shipments/new", data=sent)
    assert page.status_code == 422
    assert "lines-0-product" in errors(page)


@pytest.mark.parametrize("name", ["named_place", "payment_terms", "vessel", "seal_no", "packages__0__marks"])
def test_names_of_500_characters(client, name):
    page = refused(client, **{name: "名" * 500})
    assert "these are 500" in errors(page)[name.replace("__", "-")]
    assert values(page)[name.replace("__", "-")] == "名" * 500


def test_net_above_gross(client):
    assert errors(refused(client, packages__0__net_mass="18")) == {
        "packages-0-gross_mass": "The net mass (18 kg) is above the gross mass (17.45 kg)."
    }


def test_wrong_check_digit_of_the_freight_container(client):
    assert (
        "should be 3 (ISO 6346)" in errors(refused(client, freight_container_no="CSQU3054385"))["freight_container_no"]
    )


def test_freight_container_is_taken_as_it_is_painted(client):
    client.post("/shipments/new", data={**GOOD, "freight_container_no": " csqu 305438-3 "})
    assert Shipment.get(number="S-2026-0002").freight_container_no == "CSQU3054383"


@pytest.mark.parametrize(
    "name",
    ["consignor", "consignee", "notify_party", "ship_from", "incoterm", "transport_mode", "currency", "customs_regime",
     "duty_nature", "trading_country", "lines__1__product", "packages__0__asset_type", "packages__0__package_code"],
)  # fmt: skip
def test_unknown_codes(client, name):
    assert name.replace("__", "-") in errors(refused(client, **{name: "Q9"}))


def test_a_customer_cannot_send(client):
    assert "not one of our own companies" in errors(refused(client, consignor="NAGOYA"))["consignor"]


def test_what_is_archived_is_not_taken_anew_but_kept_where_it_is(client, world):
    Party.update(archived=True).where(Party.id == world.hamburg.id).execute()
    Product.update(archived=True).where(Product.id == world.rack.id).execute()
    assert set(errors(refused(client))) == {"consignee", "lines-0-product", "packages-0-product"}
    assert 'value="HAMBURG"' not in client.get("/shipments/new").text
    kept = client.post("/shipments/S-2026-0001/edit", data={**GOOD, "version": "1"})
    assert kept.status_code == 302


def test_text_that_is_no_number_stays_and_is_said_once(client):
    page = refused(client, lines__0__quantity="2 dozen", packages__0__count="1.5", freight="1,5")
    assert errors(page) == {
        "lines-0-quantity": "“2 dozen” is not a number; write it like 1234.5, with a point before the decimals.",
        "packages-0-count": "“1.5” is not a whole number.",
        "freight": "“1,5” is not a number; write it like 1234.5, with a point before the decimals.",
    }
    assert values(page)["lines-0-quantity"] == "2 dozen"


def test_a_date_may_be_empty_but_not_wrong(client):
    page = refused(client, invoice_date="20.11.2026", departure_date="0026-11-28")
    assert errors(page) == {
        "invoice_date": "“20.11.2026” is not a date; write it like 2026-11-23.",
        "departure_date": "0026-11-28 cannot be right; check the year.",
    }
    assert values(page)["invoice_date"] == "20.11.2026"
    assert client.post("/shipments/new", data={**GOOD, "invoice_date": "", "departure_date": ""}).status_code == 302
    assert Shipment.get(number="S-2026-0002").departure_date is None


def test_everything_typed_stays_also_in_rows(client):
    page = refused(client, named_place="", lines__1__quantity="0")
    shown = values(page)
    for name, text in GOOD.items():
        if name not in ("incoterm", "transport_mode", "customs_regime", "duty_nature", "duty_mode", "named_place",
                        "lines-1-quantity", "other_charges"):  # fmt: skip
            assert shown[name] == text
    assert '<option selected value="CIF">' in page.text
    assert shown["lines-1-quantity"] == "0"


def test_html_is_shown_as_text(client):
    page = refused(client, consignee="<script>alert(1)</script>", vessel='"><b>x', named_place="")
    assert "<script>alert" not in page.text
    assert "<b>x" not in page.text


def test_errors_name_the_row_that_is_wrong_with_an_empty_row_before_it(client):
    sent = {name.replace("lines-1", "lines-5"): value for name, value in GOOD.items()}
    sent |= {"lines-3-product": "", "lines-3-quantity": "", "lines-3-unit_price": " ", "lines-5-quantity": "-1"}
    page = client.post("/shipments/new", data=sent)
    assert errors(page) == {"lines-2-quantity": "The quantity must be above 0."}  # rows are numbered anew
    assert values(page)["lines-2-product"] == "10-5200"
    sent["lines-5-quantity"] = "1"
    client.post("/shipments/new", data=sent)
    assert [line.position for line in Shipment.get(number="S-2026-0002").lines] == [1, 2]


def test_rows_are_added_and_taken_out_without_javascript(client):
    page = client.post("/shipments/new", data={**GOOD, "add_line": "1"})
    assert (page.status_code, values(page)["lines-1-quantity"]) == (200, "200")
    assert 'id="lines-2-product"' in page.text
    assert errors(page) == {}
    page = client.post("/shipments/new", data={**GOOD, "add_package": "1"})
    assert 'id="packages-1-count"' in page.text
    page = client.post("/shipments/new", data={**GOOD, "remove": "lines-0"})
    assert values(page)["lines-0-product"] == "10-5200"
    assert 'id="lines-1-product"' not in page.text
    page = client.post("/shipments/new", data={**GOOD, "remove": "packages-0"})
    assert values(page)["packages-0-count"] == ""  # an empty row to type into
    assert Shipment.select().count() == 1


def test_the_first_button_of_the_form_saves(client):
    form = client.get("/shipments/new").text.split('<form id="shipment"')[1]
    assert 'name="save"' in form.split("<button", 2)[1]


def test_packages_are_proposed(client):
    page = client.post("/shipments/new", data={**GOOD, "propose": "1", "propose_in": "KLT6428"})
    shown = values(page)
    assert [shown[f"packages-{i}-count"] for i in (0, 1)] == ["12", "100"]
    assert (shown["packages-1-net_mass"], shown["packages-1-gross_mass"]) == ("0.640", "3.590")
    page = client.post("/shipments/new", data={**GOOD, "propose": "1", "propose_in": "NONE"})
    assert page.status_code == 422
    assert values(page)["packages-0-marks"] == "1-12"


def test_lines_of_a_file_come_into_the_form_and_nothing_is_saved(client):
    file = (io.BytesIO("料号,数量,单价\n10-5200,7,6.5\n".encode()), "订单.csv")
    page = client.post("/shipments/new", data={**GOOD, "read_file": "1", "lines_file": file})
    shown = values(page)
    assert [shown[f"lines-{i}-product"] for i in (0, 1, 2)] == ["10-4711", "10-5200", "10-5200"]
    assert (shown["lines-2-quantity"], shown["lines-2-unit_price"]) == ("7", "6.5")
    assert Shipment.select().count() == 1


def test_errors_in_a_file_leave_the_form_as_it_was(client):
    file = (io.BytesIO(b"part no,qty,price\n10-5200,0,6.5\n"), "lines.csv")
    page = client.post("/shipments/new", data={**GOOD, "read_file": "1", "lines_file": file})
    assert page.status_code == 422
    assert "B2: The quantity must be above 0." in page.text
    assert values(page)["lines-1-quantity"] == "200"
    assert 'id="lines-2-quantity"' not in page.text
    nothing = client.post("/shipments/new", data={**GOOD, "read_file": "1"})
    assert "Choose a CSV or XLSX file first." in nothing.text


def test_a_stale_page_saves_nothing_and_keeps_what_was_typed(client):
    sent = {**GOOD, "version": "1"}
    assert client.post("/shipments/S-2026-0001/edit", data={**sent, "vessel": "FIRST"}).status_code == 302
    page = client.post("/shipments/S-2026-0001/edit", data={**sent, "vessel": "SECOND"})
    assert page.status_code == 409
    assert "Somebody else saved S-2026-0001" in page.text
    assert "Two versions differ in 1 field; nothing has been saved." in page.text
    assert "needs a correction" not in page.text
    saved = page.text.partition("Saved by ")[2].partition("</p>")[0]
    assert '<small class="text-body-secondary">CST</small>' in saved, "in the zone of our place, as everywhere"
    assert values(page)["vessel"] == "SECOND"
    assert Shipment.get(number="S-2026-0001").vessel == "FIRST"


def test_states_follow_their_order(client):
    assert client.post("/shipments/S-2026-0001/state", data={"state": "closed"}).status_code == 409
    assert client.post("/shipments/S-2026-0001/state", data={"state": "cancelled"}).status_code == 302
    page = client.post("/shipments/S-2026-0001/edit", data={**GOOD, "version": "2"})
    assert page.status_code == 409
    assert "is closed or cancelled" in page.text
    assert Shipment.get(number="S-2026-0001").state == "cancelled"


def test_unknown_shipment(client):
    assert client.get("/shipments/S-1999-0001/edit").status_code == 404
    assert client.post("/shipments/S-1999-0001/state", data={"state": "closed"}).status_code in (404, 409)


def test_without_csrf_token_nothing_is_saved(client):
    assert client.post("/shipments/new", data=GOOD, csrf=False).status_code == 400
    assert Shipment.select().count() == 1


def test_senseless_row_numbers_change_nothing(client):
    sent = {**GOOD, "lines-²-product": "x", f"lines-{'9' * 5000}-product": "x", "lines-x-product": "x", "lines": "x"}
    assert client.post("/shipments/new", data=sent).status_code == 302
    assert Shipment.get(number="S-2026-0002").lines.count() == 2


def test_more_rows_than_there_may_be(client):
    sent = dict(GOOD)
    for i in range(1100):
        sent |= {f"lines-{i}-product": "10-4711", f"lines-{i}-quantity": "1", f"lines-{i}-unit_price": "1"}
    page = client.post("/shipments/new", data=sent)
    assert errors(page) == {"lines-0-product": "More than 1000 lines; split the shipment."}


def test_more_roles_are_saved_and_shown_in_their_section(client, world):
    roles = {"buyer": "nagoya", "manufacturer": "SUZHOU", "forwarder": "NAGOYA", "carrier": "NAGOYA",
             "broker": "NAGOYA", "deliver_to": "HH-VMI", "invoiced_with": "s-2026-0001", "lines-0-invoice_group": "a"}  # fmt: skip
    assert client.post("/shipments/new", data={**GOOD, **roles}).status_code == 302
    made = Shipment.get(number="S-2026-0002")
    assert (made.buyer, made.deliver_to, made.invoiced_with) == (world.nagoya, world.warehouse, world.shipment)
    assert [line.invoice_group for line in made.lines.order_by(ShipmentLine.position)] == ["A", ""]
    page = client.get("/shipments/S-2026-0002/edit")
    assert values(page)["invoiced_with"] == "S-2026-0001"
    assert 'id="roles" open' in page.text
    assert 'id="roles">' in client.get("/shipments/new").text  # folded while it is empty


@pytest.mark.parametrize(
    "name", ["buyer", "manufacturer", "forwarder", "carrier", "broker", "deliver_to", "letter_of_credit", "invoiced_with"]
)  # fmt: skip
def test_an_unknown_role_unfolds_its_section(client, name):
    page = refused(client, **{name: "Q9<b>"})
    assert set(errors(page)) == {name}
    assert 'id="roles" open' in page.text
    assert "<b>" not in page.text.split("<main")[1]


def test_shipments_that_can_carry_the_invoice_are_offered(client, world):
    client.post("/shipments/new", data={**GOOD, "invoiced_with": "S-2026-0001"})
    page = client.get("/shipments/new").text
    offered = page.split('id="list-shipments"')[1].split("</datalist>")[0]
    assert 'value="S-2026-0001"' in offered
    assert 'value="S-2026-0002"' not in offered  # it is itself invoiced with another


@pytest.mark.parametrize(
    "size", [{"width": 360, "height": 640}, {"width": 1440, "height": 900}], ids=["phone", "desktop"]
)
def test_in_a_browser_the_form_has_no_sideways_scrolling(page, world, size):
    page.set_viewport_size(size)
    page.goto("/shipments/S-2026-0001/edit#broker")
    expect(page.locator("#broker")).to_be_focused()  # the link has unfolded the section
    page.click("[data-add=lines]")
    page.fill("#lines-2-invoice_group", "B")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.fill("#broker", "NAGOYA")
    page.fill("#lines-2-product", "10-4711")
    page.fill("#lines-2-quantity", "1")
    page.fill("#lines-2-unit_price", "2")
    page.press("#lines-2-unit_price", "Enter")
    page.wait_for_url("**/shipments/S-2026-0001")
    made = Shipment.get(number="S-2026-0001")
    assert made.broker == world.nagoya
    assert [line.invoice_group for line in made.lines.order_by(ShipmentLine.position)] == ["", "", "B"]
