"""Work that is begun, interrupted, handed over and finished: each kind of session on the scan page."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import uuid
from pathlib import Path

import pytest
from browser import HANDHELD, session_cookie
from conftest import NOW, PASSWORD
from PIL import Image
from playwright.sync_api import Page, expect
from samples import asset_type
from test_scan_page import begin, begin_dispatch, counted, open_scan, sent, total, verdict, wedge

from accounts.people import create_user
from assets.models import Asset, ExceptionCase, ScanEvent, ScanSession
from assets.registering import register_assets
from assets.scan_told import ScanInput
from assets.scanning import record_scan
from database import utc_now
from master_data.models import Place


@pytest.fixture
def boxes(app, world, user):
    codes = [f"KLT-{number:04d}" for number in range(1, 16)]
    return register_assets(world.klt, codes, world.suzhou, world.plant, user, NOW)


def finish(page: Page, name: str = "Wang Li", reason: str = "") -> None:
    page.click("#finish")
    page.fill("#finished-by", name)
    if reason:
        page.fill("#difference-reason", reason)
    page.click("#close")
    expect(page.locator("#closing")).to_be_hidden()
    sent(page)


def reported(kind: str) -> ScanSession:
    return ScanSession.get(ScanSession.kind == kind)


def dispatched(boxes, user) -> None:
    for box in boxes:
        scan = {"type": "dispatch", "shipment": "S-2026-0001", "place": "SZ-PLANT", "event_time": NOW}
        record_scan(ScanInput(event_id=str(uuid.uuid4()), scanned_text=box.code, **scan), user, utc_now())


def finished(kind: str, page: Page) -> ScanSession:
    expect(page.locator("#result-text")).to_contain_text("Finished")
    expect(page.locator("#result-text")).not_to_contain_text("kept here")
    return reported(kind)


def test_a_finished_dispatch_names_its_difference_and_who_finished_it(page, boxes):
    begin_dispatch(page)
    for box in boxes[:11]:
        wedge(page, box.code)
    total(page, "11 of 12")
    page.click("#finish")
    page.fill("#finished-by", "")
    page.click("#close")
    expect(page.locator("#closing-error")).to_contain_text("Enter a name or sign")
    page.fill("#finished-by", "Wang Li")
    page.click("#close")
    expect(page.locator("#closing-error")).to_contain_text("Say why")
    page.fill("#difference-reason", "One box is at the workshop")
    page.click("#close")
    row = finished("dispatch", page)
    assert (row.state, row.finished_by, row.difference_reason) == ("finished", "Wang Li", "One box is at the workshop")
    expect(page.locator("#to-shipment")).to_have_attribute("href", "/shipments/S-2026-0001")


def test_a_finger_can_sign(page, boxes):
    begin(page, "return")
    wedge(page, boxes[0].code)
    total(page, "1 scanned")
    page.click("#finish")
    page.fill("#finished-by", "")
    pad = page.locator("#signature")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 60, steps=8)
    page.mouse.up()
    page.click("#close")
    row = finished("return", page)
    assert len(row.signature) == 64


def test_a_count_tells_missing_and_surplus_by_code_and_opens_a_case(page, boxes, world, user):
    dispatched(boxes[10:], user)  # five are away by the books, one of them stands here
    begin(page, "stock_take")
    page.click("#pick button")
    total(page, "0 of 10")
    for box in [*boxes[:8], boxes[12]]:
        wedge(page, box.code)
    verdict(page, "warn")
    total(page, "9 of 10")
    page.click("#total-row")
    expect(page.locator("#lists")).to_contain_text("Missing (2)")
    expect(page.locator("#lists")).to_contain_text("KLT-0009")
    expect(page.locator("#lists")).to_contain_text("Too many (1)")
    page.click("#back")
    finish(page, reason="Not found")
    expect(page.locator("#differences")).to_contain_text("KLT-0009, KLT-0010")
    finished("stock_take", page)
    assert {case.asset.code for case in ExceptionCase.select().where(ExceptionCase.code == "missing_in_count")} == {
        "KLT-0009",
        "KLT-0010",
    }


def test_a_count_expects_what_the_lists_say_that_arrive_between_its_choice_and_its_begin(page, boxes, user):
    begin(page, "stock_take")  # the lists of this place are on the device
    dispatched(boxes[10:], user)
    held = []
    page.route("**/api/v1/scan/snapshot*", lambda route: held.append(route))
    with page.expect_request("**/api/v1/scan/snapshot*"):
        begin(page, "stock_take")
    held.pop(0).continue_()
    page.wait_for_function(
        """() => new Promise(done => { const opening = indexedDB.open('rt-scan'); opening.onsuccess = () => {
            const kept = opening.result.transaction('meta').objectStore('meta').get('snapshot');
            kept.onsuccess = () => { opening.result.close();
            window.kept = (window.kept || 0) + JSON.stringify(kept.result).includes('in_transit_out'); done(window.kept > 5); }; }; })"""
    )  # looked at some pictures longer: what is kept is taken up right after
    page.click("#pick button")
    total(page, "0 of 10")


def test_a_blind_count_shows_what_was_expected_only_at_the_end(page, boxes):
    begin(page, "stock_take")
    page.check("#blind")
    page.click("#pick button")
    wedge(page, boxes[0].code)
    total(page, "1 scanned")
    assert "15" not in page.locator("#screen-scan").inner_text().replace("KLT-0015", "")
    page.click("#finish")
    expect(page.locator("#result-word")).to_have_text("1 of 15")


def test_a_damage_goes_with_its_reason_and_a_shrunk_photo(page, context, boxes, app):
    begin(page, "inspect")
    page.click("[data-mark=damage]")
    page.select_option("#damage-reason", "damage_cracked")
    context.set_offline(True)
    wedge(page, boxes[0].code)
    expect(page.locator("#photo-row")).to_be_visible()
    expect(page.locator("#badge")).to_have_attribute("data-state", "unsent")
    picture = io.BytesIO()
    Image.effect_noise((3200, 2400), 60).convert("RGB").save(picture, "JPEG", quality=92)
    page.set_input_files("#photo", {"name": "p.jpg", "mimeType": "image/jpeg", "buffer": picture.getvalue()})
    expect(page.locator("#verdict-text")).to_contain_text("photo is kept")
    wedge(page, boxes[1].code)  # and one without
    page.click("[data-mark=inspect]")
    wedge(page, boxes[2].code)
    expect(page.locator("#badge-text")).to_have_text("3 unsent")
    context.set_offline(False)
    assert counted(page, "damage") == ["KLT-0001", "KLT-0002"]
    first, second = ScanEvent.select().where(ScanEvent.type == "damage").order_by(ScanEvent.id)
    assert (first.reason, len(first.photo), second.photo) == ("damage_cracked", 64, "")
    assert Asset.get(Asset.code == "KLT-0001").condition == "damaged"
    (stored,) = [path for path in app.config["ROUNDTRIP"].photos_dir.rglob("*") if path.is_file()]
    with Image.open(stored) as kept:
        assert max(kept.size) == 1600
    assert first.photo == stored.stem, "the server makes a picture anew: its name is the one of what it keeps"
    page.goto("/assets/KLT-0001")
    expect(page.locator(".as-photo img")).to_have_js_property("naturalWidth", 1600)
    expect(page.locator(".as-life")).to_contain_text("Cracked")


def test_what_is_saved_as_a_file_has_its_pictures_in_it(page, context, boxes):
    begin(page, "inspect")
    page.click("[data-mark=damage]")
    context.set_offline(True)
    wedge(page, boxes[0].code)
    picture = io.BytesIO()
    Image.new("RGB", (640, 480), "red").save(picture, "JPEG")
    page.set_input_files("#photo", {"name": "p.jpg", "mimeType": "image/jpeg", "buffer": picture.getvalue()})
    expect(page.locator("#verdict-text")).to_contain_text("photo is kept")
    page.click("#badge")
    with page.expect_download() as download:
        page.click("#export")
    text = json.loads(Path(download.value.path()).read_text())
    (event,), (photo,) = text["events"], text["photos"]
    data = base64.b64decode(photo["base64"])
    assert event["photo"] == photo["sha256"] == hashlib.sha256(data).hexdigest()
    assert Image.open(io.BytesIO(data)).size == (640, 480)
    context.set_offline(False)


def test_a_transfer_leaves_for_one_of_our_places_and_is_received_there(page, boxes, world):
    Place.create(
        code="SZ-YARD", party=world.suzhou, name_en="Yard", country="CN", timezone="Asia/Shanghai", changed_time=NOW
    )
    begin(page, "transfer")
    page.click("[data-place=SZ-YARD]")
    wedge(page, boxes[0].code)
    total(page, "1 scanned")
    sent(page)
    assert Asset.get(Asset.code == "KLT-0001").where == "moving"
    page.click("#back")
    page.select_option("#place", "SZ-YARD")
    page.click(".scan-big[data-mode=receive]")
    wedge(page, boxes[0].code)
    verdict(page, "ok")
    sent(page)
    box = Asset.get(Asset.code == "KLT-0001")
    assert (box.where, box.place.code) == ("here", "SZ-YARD")


def test_a_return_from_a_partner_books_his_boxes(page, boxes, user):
    dispatched(boxes[:3], user)
    open_scan(page)
    page.select_option("#place", "SZ-PLANT")
    page.click(".scan-big[data-mode=return]")
    expect(page.locator("[data-party=HAMBURG]")).to_contain_text("3 out")
    page.click("[data-party=HAMBURG]")
    for box in boxes[:2]:
        wedge(page, box.code)
    total(page, "2 scanned")
    page.click("#total-row")
    expect(page.locator("#lists")).to_contain_text("KLT-0003")  # still with him
    assert counted(page, "return") == ["KLT-0001", "KLT-0002"]
    assert ScanEvent.get(ScanEvent.type == "return").party.code == "HAMBURG"


def test_any_scan_of_the_session_can_be_undone_not_only_the_last(page, boxes):
    begin_dispatch(page)
    for box in boxes[:8]:
        wedge(page, box.code)
    total(page, "8 of 12")
    page.click("#total-row")
    page.get_by_role("button", name="Undo KLT-0001").click()
    expect(page.locator("#lists [data-kind=void]")).to_have_count(1)
    page.click("#back")
    total(page, "7 of 12")
    sent(page)
    assert Asset.get(Asset.code == "KLT-0001").where == "here"
    assert Asset.get(Asset.code == "KLT-0002").where == "out"


def test_who_may_only_scan_undoes_his_own_scans_and_is_not_offered_those_of_others(
    page, context, live, app, boxes, user
):
    dispatched(boxes[8:9], user)
    with app.app_context():
        scanner = create_user("li.na", PASSWORD, NOW, role="scanner_operator")
    context.add_cookies([session_cookie(live, scanner)])
    begin_dispatch(page)
    for box in boxes[:2]:
        wedge(page, box.code)
    total(page, "3 of 12")
    page.keyboard.press("F2")
    total(page, "2 of 12")
    page.click("#total-row")
    expect(page.locator("#lists")).to_contain_text("KLT-0009")
    expect(page.get_by_role("button", name="Undo KLT-0009")).to_have_count(0)
    page.get_by_role("button", name="Undo KLT-0001").click()
    expect(page.locator("#lists [data-kind=void]")).to_have_count(2)
    sent(page)
    assert {box.code for box in Asset.select().where(Asset.where == "out")} == {"KLT-0009"}
    assert not ScanEvent.select().where(ScanEvent.refused != "").exists()


def test_work_is_taken_up_again_and_handed_over_to_another_device(page, context, browser, live, boxes):
    begin_dispatch(page)
    for box in boxes[:3]:
        wedge(page, box.code)
    total(page, "3 of 12")
    sent(page)
    open_scan(page)  # the browser was closed in between
    page.click("#resume button")
    total(page, "3 of 12")
    page.click("#total-row")
    page.click("#hand-over")
    expect(page.locator("#note")).to_contain_text("take over #")
    number = page.locator("#hand-over-help").inner_text().split("#")[1]

    other = browser.new_context(base_url=live.url, viewport=HANDHELD, locale="en-GB", service_workers="block")
    other.add_cookies(context.cookies())
    second = other.new_page()
    open_scan(second)
    second.click("#menu")
    second.fill("#device-name", "Gate 3")
    second.click("#device-form button")
    expect(second.locator("#device-text")).to_contain_text("registered")
    second.click("#back")
    open_scan(second)
    second.select_option("#place", "SZ-PLANT")
    second.locator("#elsewhere button", has_text=f"#{number}").click()
    total(second, "3 of 12")
    wedge(second, boxes[3].code)
    total(second, "4 of 12")
    sent(second)
    page.click("#back")
    page.evaluate("window.dispatchEvent(new Event('online'))")
    wedge(page, boxes[4].code)  # what the first one scans all the same is not lost
    expect(page.locator("#note")).to_contain_text("goes on on another device", timeout=15_000)
    expect(page.locator("#screen-start")).to_be_visible()
    sent(page)
    assert sorted(counted(page, "dispatch")) == [box.code for box in boxes[:5]]
    other.close()


def test_the_later_no_of_the_server_is_a_card_that_stays_until_it_is_dealt_with(page, context, boxes):
    begin_dispatch(page)
    context.set_offline(True)
    wedge(page, "KLT-9999")
    verdict(page, "kept")
    page.evaluate("() => { const now = Date.now; Date.now = () => now() + 60000 }")  # a minute without a network
    context.set_offline(False)
    page.evaluate("window.dispatchEvent(new Event('online'))")
    verdict(page, "bad")
    expect(page.locator("#verdict")).to_have_attribute("data-sound", "bad")
    page.keyboard.press("Space")  # not by any key: the worker is at another box by now
    wedge(page, boxes[0].code)
    verdict(page, "bad")
    sent(page)
    open_scan(page)
    expect(page.locator("#badge-text")).to_have_text("1 refused")
    expect(page.locator("#start-cards")).to_contain_text("KLT-9999")
    page.click("#start-cards [data-answer=go_on]")
    expect(page.locator("#badge-text")).to_have_text("All sent")
    expect(page.locator("#start-cards *")).to_have_count(0)


def test_unsent_for_hours_is_told_in_red_with_what_to_do(page, context, boxes):
    begin_dispatch(page)
    context.set_offline(True)
    wedge(page, boxes[0].code)
    expect(page.locator("#badge")).to_have_attribute("data-state", "unsent")
    page.click("#badge")
    expect(page.locator("#status-text")).to_contain_text("no connection")
    page.evaluate("() => { const now = Date.now; Date.now = () => now() + 5 * 3600e3 }")
    page.click("#send-now")
    page.click("#back")
    expect(page.locator("#badge")).to_have_attribute("data-state", "old")
    page.click("#badge")
    expect(page.locator("#status-title")).to_contain_text("1 unsent since")
    expect(page.locator("#status-text")).to_contain_text("more than four hours")


def test_work_that_was_left_open_for_half_a_day_is_called_to_mind(page, boxes):
    begin_dispatch(page)
    wedge(page, boxes[0].code)
    total(page, "1 of 12")
    page.evaluate(
        "import('/static/scan/queue.js').then(async ({ openQueue }) => { const queue = await openQueue();"
        " const [one] = await queue.sessions(); await queue.changeSession(one.id, { begun: Date.now() - 13 * 3600e3 }); })"
    )
    open_scan(page)
    expect(page.locator("#resume [data-old]")).to_contain_text("open for more than 12 hours")


def test_types_that_are_not_on_the_shipment_are_surplus_by_code(page, boxes, world, user):
    other = asset_type(NOW, code="BOX9", gs1_asset_type="00009")
    register_assets(other, ["BOX-0001"], world.suzhou, world.plant, user, NOW)
    begin_dispatch(page)
    wedge(page, "BOX-0001")
    verdict(page, "warn")  # the server takes it; the shipment does not want it
    expect(page.locator("#verdict-text")).to_contain_text("1 too many")
    sent(page)
    verdict(page, "warn")
    wedge(page, boxes[0].code)
    total(page, "2 of 12")
    verdict(page, "ok")
    page.click("#total-row")
    expect(page.locator("#lists section")).to_contain_text("BOX-0001")
    expect(page.locator("#lists section")).not_to_contain_text("KLT-0001")
