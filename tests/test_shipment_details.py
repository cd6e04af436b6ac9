"""What single papers ask of a shipment: read, checked and kept by its declaration, never half, never over another's work."""

import html
import re
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import pytest
from conftest import NOW, on_both_databases
from playwright.sync_api import expect
from shipment_forms import GOOD

from errors import InvalidInput, Refused
from shipments.booking import save_details, set_state
from shipments.details import FIELDS, GROUPS, Details, details_from_json, details_to_json
from shipments.forms import DetailsForm
from shipments.models import Shipment
from shipments.rules import MASSES, PERCENTS, VALUES, details_problems

URL = "/shipments/S-2026-0001/details"

#: what is typed for a field of each kind, and what is stored
TYPED = {
    "text": ("Scale 2 | 二号秤", "Scale 2 | 二号秤"),
    "day": ("2026-11-28", date(2026, 11, 28)),
    "moment": ("2026-11-28T09:30", datetime.fromisoformat("2026-11-28T09:30")),
    "exact": ("110.50", Decimal("110.50")),
    "whole": ("3", 3),
    "yes": ("y", True),
}
CODED = {
    "airport_of_departure": "PVG", "airport_of_destination": "FRA", "proxy_services": "ABD",
    "box_original_declaration": "223320260001234567", "box_declaration_no": "223320260001234568",
    "container_max_gross": "30480", "filing_no": "C12345678901",
}  # fmt: skip


def typed_and_stored(name):
    """What may be typed into a field, and the value that comes of it."""
    of = FIELDS[name].metadata
    if of["kind"] == "choice":
        code = list(of["choices"])[-1]
        return code, code
    if name in CODED:
        return CODED[name], int(CODED[name]) if of["kind"] == "whole" else CODED[name]
    text, value = TYPED[of["kind"]]
    limit = of.get("limit", 99)
    return text[:limit].strip(), value[:limit].strip() if isinstance(value, str) else value


EVERYTHING = {name: typed_and_stored(name) for name in FIELDS}
FULL = Details(**{name: stored for name, (_, stored) in EVERYTHING.items()})


def errors(page):
    """field → sentence, as they stand at the fields."""
    found = re.findall(r'<div class="rt-error" id="(.+?)-error">(.*?)</div>', page.text)
    return {field: html.unescape(text) for field, text in found}


def stored():
    return details_from_json(Shipment.get(number="S-2026-0001").details)


def refused(client, **typed):
    """The errors of the page after sending these fields; makes sure that nothing was written and the summary links."""
    page = client.post(URL, data={"version": "1", **typed})
    assert page.status_code == 422
    assert Shipment.get(number="S-2026-0001").version == 1
    assert stored() == Details()
    for id_ in errors(page):
        assert f'id="{id_}"' in page.text
        assert f'<a href="#{id_}">' in page.text
    return errors(page)


def wrong(**changes):
    """field → sentence, of details that are right but for these."""
    return {p.field: str(p.message) for p in details_problems(replace(FULL, **changes), "EUR")}


# ---- the rules


def test_what_may_be_given_is_right():
    assert details_problems(FULL, "EUR") == []
    assert details_problems(Details(), "EUR") == []


@pytest.mark.parametrize("name", [name for name in FIELDS if FIELDS[name].metadata["kind"] == "text"])
def test_texts_have_a_limit_and_no_control_characters(name):
    limit = FIELDS[name].metadata["limit"]
    assert str(limit) in wrong(**{name: "名" * (limit + 1)})[name]
    assert "control character (U+0007)" in wrong(**{name: "a\x07"})[name]
    assert name in wrong(**{name: "a\n" * 20})


@pytest.mark.parametrize("name", [name for name in FIELDS if FIELDS[name].metadata["kind"] == "choice"])
def test_choices_are_of_their_list(name):
    assert wrong(**{name: "Q9"}) == {name: "Q9 is not in the list."}


@pytest.mark.parametrize("name", [n for n in FIELDS if FIELDS[n].metadata["kind"] in ("day", "moment")])
def test_days_have_a_year_that_can_be_right(name):
    for year in (26, 1999, 2100):
        assert "check the year" in wrong(**{name: datetime.fromisoformat(f"{year:04}-11-28")})[name]


@pytest.mark.parametrize("name", [n for n in FIELDS if FIELDS[n].metadata["kind"] in ("exact", "whole")])
def test_numbers_have_bounds(name):
    whole = FIELDS[name].metadata["kind"] == "whole"
    assert wrong(**{name: -1}) == {name: "This cannot be below 0."}
    largest = 1000 if name in PERCENTS else 10**9 - 1 if name in MASSES else 10**6 if whole else 10**12 - 1
    number = largest if whole else Decimal(largest)
    changes = {"container_max_gross": None} if name == "container_tare" else {}
    assert wrong(**{name: number, **changes}) == {}
    assert set(wrong(**{name: number + 1, **changes})) == {name}


def test_numbers_have_as_many_decimals_as_a_paper_holds():
    assert "At most 4 decimals" in wrong(premium_rate=Decimal("0.00001"))["premium_rate"]
    assert "At most 5 decimals" in wrong(dunnage_mass=Decimal("0.000001"))["dunnage_mass"]
    for name in VALUES:
        assert wrong(**{name: Decimal("1.001")}) == {name: "EUR has 2 decimals, 1.001 has 3."}


@pytest.mark.parametrize("name", ["airport_of_departure", "airport_of_destination"])
@pytest.mark.parametrize("code", ["PV", "PVGA", "P1G", "pvg", "CNSHA"])
def test_airports_have_the_three_letters_of_iata(name, code):
    assert name in wrong(**{name: code})


def test_the_two_airports_differ():
    assert set(wrong(airport_of_destination="PVG")) == {"airport_of_destination"}


@pytest.mark.parametrize("letters", ["AA", "ABCA", "I", "A B", "A,B", "ab"])
def test_services_of_the_broker_are_letters_each_once(letters):
    assert set(wrong(proxy_services=letters)) == {"proxy_services"}
    assert wrong(proxy_services="ABCDEFGH") == {}


@pytest.mark.parametrize("number", ["1" * 17, "1" * 19, "1" * 17 + "A", "１" * 18])
def test_a_declaration_has_18_digits(number):
    assert set(wrong(box_original_declaration=number)) == {"box_original_declaration"}
    assert set(wrong(box_declaration_no=number)) == {"box_declaration_no"}


def test_a_container_holds_more_than_itself():
    assert wrong(container_tare=30480) == {
        "container_max_gross": "The largest gross mass (30480 kg) is not above the tare (30480 kg)."
    }


def test_a_delivery_begins_before_it_ends():
    assert wrong(delivery_from=datetime.fromisoformat("2026-11-28T09:31")) == {
        "delivery_until": "The delivery ends before it begins."
    }


# ---- kept


@pytest.mark.parametrize("name", FIELDS)
def test_each_value_survives_its_json(name):
    for value in (getattr(FULL, name), {"exact": Decimal(0), "whole": 0}.get(FIELDS[name].metadata["kind"], "")):
        if value != "":
            given = replace(Details(), **{name: value})
            assert details_from_json(details_to_json(given)) == given
            assert getattr(details_from_json(details_to_json(given)), name) is not None


@on_both_databases
def test_saving_counts_as_a_change_of_the_shipment(db, world):
    saved = save_details("S-2026-0001", FULL, 1, None, NOW.replace(hour=9))
    assert (saved.version, saved.changed_time) == (2, NOW.replace(hour=9))
    assert stored() == FULL
    assert Shipment.get(number="S-2026-0001").lines.count() == 2


@on_both_databases
def test_wrong_stale_closed_and_unknown_change_nothing(db, world):
    with pytest.raises(InvalidInput) as invalid:
        save_details("S-2026-0001", replace(FULL, vgm_mass=-1), 1, None, NOW)
    assert invalid.value.field == "vgm_mass"
    for number, version, reason in (("S-2026-0001", 0, "stale"), ("S-1", 1, "unknown_shipment")):
        with pytest.raises(Refused) as refusal:
            save_details(number, FULL, version, None, NOW)
        assert refusal.value.reason == reason
    set_state("S-2026-0001", "cancelled", None, NOW)
    with pytest.raises(Refused) as refusal:
        save_details("S-2026-0001", FULL, 2, None, NOW)
    assert refusal.value.reason == "shipment_closed"
    assert stored() == Details()


# ---- the page


def test_every_field_stands_once_on_the_page_under_its_name(client, world):
    page = client.get(URL).text
    for name in FIELDS:
        assert page.count(f'id="{name}"') == 1
    for group in GROUPS:
        assert f'id="group-{group}"' in page
    assert not set(FIELDS) & set(dir(DetailsForm))  # no field hides something of the form


def test_everything_that_is_typed_is_stored_and_shown_again(client, world, user):
    answer = client.post(URL, data={"version": "1", **{name: typed for name, (typed, _) in EVERYTHING.items()}})
    assert (answer.status_code, answer.location) == (302, "/shipments/S-2026-0001")
    assert stored() == FULL
    assert Shipment.get(number="S-2026-0001").changed_by == user
    shown = client.get(URL).text
    sent = dict(re.findall(r'<input[^>]*? id="([^"]+)"[^>]*? value="([^"]*)"', shown))
    sent |= {
        id_: text.strip()
        for id_, text in re.findall(r'<textarea[^>]*? id="([^"]+)"[^>]*>(.*?)</textarea>', shown, re.S)
    }
    for select in re.findall(r"<select.*?</select>", shown, re.S):
        chosen = re.search(r'<option selected value="([^"]*)"', select)
        sent[re.search(r'id="([^"]+)"', select)[1]] = chosen[1] if chosen else ""
    sent = {name: html.unescape(text) for name, text in sent.items() if name in FIELDS}
    assert set(sent) == set(FIELDS)
    assert client.post(URL, data={**sent, "version": "2"}).status_code == 302
    assert stored() == FULL


def test_an_emptied_page_empties_the_details(client, world):
    client.post(URL, data={"version": "1", "vgm_mass": "21340", "shipper_owned": "y", "booking_no": "B1"})
    assert stored() == Details(vgm_mass=21340, shipper_owned=True, booking_no="B1")
    client.post(URL, data={"version": "2", "vgm_mass": "", "booking_no": " "})
    assert stored() == Details()


def test_errors_stand_at_their_fields_and_what_is_typed_stays(client, world):
    typed = {
        "vgm_mass": "21 t", "insured_percent": "1,5", "on_board_date": "28.11.2026", "vgm_cutoff": "tomorrow",
        "cy_cutoff": "2026-11-28T09:30+08:00", "bl_type": "Q9", "airport_of_departure": "Shanghai", "driver": "x" * 500,
        "certificate_text": "<script>alert(1)</script>\x07",
    }  # fmt: skip
    page = client.post(URL, data={"version": "1", **typed})
    assert page.status_code == 422
    assert set(errors(page)) == set(typed)
    assert stored() == Details()
    for name, text in typed.items():
        if name != "bl_type":
            assert html.escape(text.upper() if "airport" in name else text, quote=False) in page.text
    assert "<script>alert" not in page.text


def test_texts_of_500_characters_are_stored_or_refused_never_cut(client, world):
    limits = {name: of.metadata["limit"] for name, of in FIELDS.items() if of.metadata["kind"] == "text"}
    short = {name for name, limit in limits.items() if limit < 500}
    found = refused(client, **dict.fromkeys(limits, "转" * 500))
    assert set(found) == short
    assert all("500" in sentence for sentence in found.values())
    client.post(URL, data={"version": "1", **dict.fromkeys(set(limits) - short, "转" * 500)})
    assert {name for name in limits if getattr(stored(), name) == "转" * 500} == set(limits) - short


def test_codes_are_taken_in_small_letters(client, world):
    client.post(URL, data={"version": "1", "airport_of_departure": " pvg", "proxy_services": "ａbd"})
    assert (stored().airport_of_departure, stored().proxy_services) == ("PVG", "ABD")


def test_a_stale_page_saves_nothing_and_keeps_what_was_typed(client, world):
    assert client.post(URL, data={"version": "1", "booking_no": "FIRST"}).status_code == 302
    for version in ("1", "", "x", "²"):
        page = client.post(URL, data={"version": version, "booking_no": "SECOND"})
        assert page.status_code == 409
        assert "Somebody else saved S-2026-0001" in page.text
        assert 'value="SECOND"' in page.text
    assert stored().booking_no == "FIRST"


def test_details_of_a_cancelled_shipment_are_not_changed(client, world):
    set_state("S-2026-0001", "cancelled", None, NOW)
    page = client.post(URL, data={"version": "2", "booking_no": "B1"})
    assert page.status_code == 409
    assert "is closed or cancelled" in page.text


def test_the_form_of_the_shipment_leaves_the_details_alone(client, world):
    client.post(URL, data={"version": "1", "booking_no": "B1"})
    assert client.post("/shipments/S-2026-0001/edit", data={**GOOD, "version": "2"}).status_code == 302
    assert stored() == Details(booking_no="B1")


def test_moments_name_the_zone_of_the_place_where_the_goods_leave(client, world):
    assert "VGM cut-off (Asia/Shanghai)" in client.get(URL).text
    Shipment.update(ship_from=world.warehouse).execute()
    assert "VGM cut-off (Europe/Berlin)" in client.get(URL).text


def unfolded(page):
    return set(re.findall(r'id="group-(\w+)" open', page.text))


def test_groups_with_content_with_errors_and_those_asked_for_are_unfolded(client, world):
    assert unfolded(client.get(URL)) == set()
    assert unfolded(client.get(f"{URL}?group=container&group=air&group=<b>")) == {"container", "air"}
    assert unfolded(client.post(URL, data={"version": "1", "insured_percent": "x"})) == {"insurance"}
    client.post(URL, data={"version": "1", "truck_no": "苏E·12345", "war_and_strikes": "y"})
    assert unfolded(client.get(URL)) == {"road", "insurance"}


def test_pages_lead_to_the_details(client, world):
    for url in ("/shipments/S-2026-0001", "/shipments/S-2026-0001/edit"):
        assert f'href="{URL}"' in client.get(url).text


def test_unknown_shipment_no_login_and_no_token(client, anonymous, world):
    assert client.get("/shipments/S-1999-0001/details").status_code == 404
    assert anonymous.get(URL).status_code == 302
    assert client.post(URL, data={"version": "1", "booking_no": "B1"}, csrf=False).status_code == 400
    assert stored() == Details()


# ---- in a browser


@pytest.mark.parametrize(
    "size", [{"width": 360, "height": 640}, {"width": 1440, "height": 900}], ids=["phone", "desktop"]
)
def test_in_a_browser_a_link_unfolds_its_group_and_details_are_saved(page, world, size):
    page.set_viewport_size(size)
    page.goto(f"{URL}#vgm_method")
    expect(page.locator("#vgm_method")).to_be_focused()
    page.select_option("#vgm_method", "1")
    page.fill("#vgm_mass", "21340")
    page.click("#group-booking summary")
    page.fill("#vgm_cutoff", "2026-11-28T17:00")
    page.fill("#services", "W" * 600)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.click("text=Save details")
    page.click(".rt-errors a")  # to the field that is wrong
    expect(page.locator("#services")).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.fill("#services", "Trucking")
    page.click("text=Save details")
    page.wait_for_url("**/shipments/S-2026-0001")
    assert stored() == Details(
        vgm_method="1", vgm_mass=21340, vgm_cutoff=datetime.fromisoformat("2026-11-28T17:00"), services="Trucking"
    )
