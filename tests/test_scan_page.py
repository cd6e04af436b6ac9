"""The scan page in a real Chromium: nothing that was read is lost, nothing counts twice, every answer is seen and heard."""

from __future__ import annotations

import re
import uuid

import pytest
from browser import session_cookie
from conftest import NOW, PASSWORD
from playwright.sync_api import Page, expect

from accounts.people import create_user
from assets.labels import label_uri, shipment_uri
from assets.models import Asset, ScanEvent
from assets.registering import register_assets
from assets.scan_told import ScanInput
from assets.scanning import record_scan
from database import utc_now
from shipments.models import Shipment

BASE = "https://rt.example.com"


@pytest.fixture
def boxes(app, world, user):
    """25 registered boxes, available at the plant."""
    codes = [f"KLT-{number:04d}" for number in range(1, 26)]
    return register_assets(world.klt, codes, world.suzhou, world.plant, user, NOW)


#: Keys typed by the browser itself, 5 ms apart: the pace is the scanner's, and not that of the wire to the test.
TYPE = """async ([texts, suffix]) => {
    const pause = () => new Promise(done => { const port = new MessageChannel(); const until = performance.now() + 5;
        port.port1.onmessage = () => performance.now() < until ? port.port2.postMessage(0) : done(); port.port2.postMessage(0); });
    for (const text of texts) {
        for (const key of [...text, ...(suffix ? [suffix] : [])]) {
            const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
            const wanted = (document.activeElement || document.body).dispatchEvent(event);
            if (wanted && key !== suffix) { document.execCommand("insertText", false, key); }
            await pause();
        }
    }
}"""


#: The same keys in one go: a busy machine cannot make a person's typing of them.
AT_ONCE = """([text, suffix]) => {
    for (const key of [...text, ...(suffix ? [suffix] : [])]) {
        const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
        const wanted = (document.activeElement || document.body).dispatchEvent(event);
        if (wanted && key !== suffix) { document.execCommand("insertText", false, key); }
    }
}"""


def wedge(page: Page, text: str, suffix: str = "Enter") -> None:
    """Type as a scanner does, wherever the focus is: the keys, then the suffix."""
    page.evaluate(AT_ONCE, [text, suffix])


def keys(page: Page, text: str, suffix: str = "Enter") -> None:
    """The same by keys of the browser, which press the button that has the focus if nobody keeps them from it."""
    page.keyboard.type(text)
    page.keyboard.press(suffix)


def begin(page: Page, mode: str) -> None:
    open_scan(page)
    page.select_option("#place", "SZ-PLANT")
    page.click(f".scan-big[data-mode={mode}]")
    if mode == "return":
        page.click("[data-party='']")


def open_scan(page: Page) -> None:
    page.goto("/scan")
    expect(page.locator("#place option[value=SZ-PLANT]")).to_be_attached()


def sent(page: Page) -> None:
    """Everything has been sent."""
    expect(page.locator("#badge")).to_have_attribute("data-state", re.compile("idle|refused"), timeout=20_000)
    expect(page.locator("#badge")).not_to_contain_text(re.compile("unsent|未发送"))  # beside what was refused


def begin_dispatch(page: Page) -> None:
    begin(page, "dispatch")
    wedge(page, shipment_uri(BASE, "S-2026-0001"))
    expect(page.locator("#screen-scan")).to_be_visible()


def verdict(page: Page, kind: str) -> None:
    expect(page.locator("#verdict")).to_have_attribute("data-kind", kind)


def total(page: Page, text: str) -> None:
    expect(page.locator("#total")).to_have_text(text)


def kept(page: Page) -> int:
    """Scans that the device still has to send."""
    return page.evaluate("""() => new Promise(done => { const opening = indexedDB.open('rt-scan'); opening.onsuccess = () => {
        const count = opening.result.transaction('scans').objectStore('scans').index('state').count('unsent');
        count.onsuccess = () => { opening.result.close(); done(count.result); }; }; })""")


def counted(page: Page, kind: str) -> list[str]:
    """Codes of the events of a kind that count, in the order in which they were taken; all that was scanned is sent."""
    sent(page)
    void = ScanEvent.alias()
    query = (
        ScanEvent.select(ScanEvent, Asset)
        .join(Asset)
        .where(ScanEvent.type == kind, ScanEvent.refused == "")
        .where(ScanEvent.event_id.not_in(void.select(void.voids).where(void.voids.is_null(False))))
        .order_by(ScanEvent.id)
    )
    return [row.asset.code for row in query]


def dispatch(box, user, shipment="S-2026-0001", **more):
    scan = {"type": "dispatch", "shipment": shipment, "place": "SZ-PLANT", "event_time": utc_now(), **more}
    return record_scan(ScanInput(event_id=str(uuid.uuid4()), scanned_text=box.code, **scan), user, utc_now())


def test_the_page_of_a_shipment_leads_to_scanning_for_it(page, boxes):
    page.goto("/shipments/S-2026-0001")
    page.click("text=Scan boxes")
    expect(page.locator("#place option[value=SZ-PLANT]")).to_be_attached()
    page.select_option("#place", "SZ-PLANT")
    page.click(".scan-big[data-mode=dispatch]")
    expect(page.locator("#screen-scan")).to_be_visible()
    expect(page.locator("#bar")).to_contain_text("S-2026-0001")


def test_dispatch_from_packing_list_to_finish(page, boxes):
    begin_dispatch(page)
    expect(page.locator("#bar")).to_have_attribute("data-mode", "dispatch")
    expect(page.locator("#bar")).to_contain_text("S-2026-0001")
    total(page, "0 of 12")
    for box in boxes[:12]:
        wedge(page, label_uri(BASE, box))
    total(page, "12 of 12")
    verdict(page, "ok")
    expect(page.locator("#verdict")).to_contain_text("KLT-0012")
    expect(page.locator("#verdict")).to_have_attribute("data-sound", "ok")
    assert counted(page, "dispatch") == [box.code for box in boxes[:12]]
    event = ScanEvent.get(ScanEvent.type == "dispatch")
    assert (event.event_zone, event.place.code, event.happened) == (480, "SZ-PLANT", False)
    page.click("#finish")
    expect(page.locator("#result")).to_have_attribute("data-kind", "ok")
    expect(page.locator("#result")).to_contain_text("12 of 12")
    page.click("#close")
    expect(page.locator("#to-shipment")).to_have_attribute("href", "/shipments/S-2026-0001")
    expect(page.locator("#to-shipment")).to_be_visible()


def test_burst_of_twenty_scans_loses_none_and_keeps_their_order(page, boxes):
    begin_dispatch(page)
    for box in boxes[:20]:
        wedge(page, box.code)
    total(page, "20 of 12")
    sent(page)
    assert counted(page, "dispatch") == [box.code for box in boxes[:20]]
    assert kept(page) == 0
    total(page, "20 of 12")
    expect(page.locator("#types")).to_contain_text("8 too many")


@pytest.mark.parametrize("suffix", ["Enter", "Tab", ""])
def test_enter_tab_or_silence_ends_a_scan(page, boxes, suffix):
    begin(page, "dispatch")
    page.click("[data-number='S-2026-0001']")
    expect(page.locator("#screen-scan")).to_be_visible()
    page.evaluate(TYPE, [[boxes[0].code], suffix])
    total(page, "1 of 12")
    assert counted(page, "dispatch") == ["KLT-0001"]


def test_scan_goes_through_while_a_button_has_the_focus(page, boxes):
    begin_dispatch(page)
    page.locator("#finish").focus()
    keys(page, boxes[0].code)
    total(page, "1 of 12")
    expect(page.locator("#screen-finish")).to_be_hidden()


def test_code_typed_by_hand_is_taken(page, boxes):
    begin_dispatch(page)
    page.fill("#screen-scan .scan-typed input", "klt-0003")
    page.press("#screen-scan .scan-typed input", "Enter")
    total(page, "1 of 12")
    page.locator("#wedge").focus()
    page.keyboard.type("KLT-0004", delay=150)  # a person on a keyboard, the focus anywhere
    page.keyboard.press("Enter")
    total(page, "2 of 12")
    assert counted(page, "dispatch") == ["KLT-0003", "KLT-0004"]


def test_same_box_again_is_amber_and_counts_once(page, boxes):
    begin_dispatch(page)
    wedge(page, boxes[0].code)
    total(page, "1 of 12")
    wedge(page, boxes[0].code)
    verdict(page, "known")
    expect(page.locator("#verdict")).to_contain_text("Already in the list")
    wedge(page, label_uri(BASE, boxes[0]))  # another spelling of it
    sent(page)
    verdict(page, "known")
    expect(page.locator("#verdict")).to_have_attribute("data-sound", "known")
    total(page, "1 of 12")
    assert counted(page, "dispatch") == ["KLT-0001"]


def test_refusal_stays_until_one_key_while_scans_go_on(page, boxes):
    begin_dispatch(page)
    wedge(page, "KLT-9999")
    verdict(page, "bad")
    expect(page.locator("#verdict-text")).to_contain_text("No box is registered")
    expect(page.locator("#verdict")).to_have_attribute("data-sound", "bad")
    wedge(page, boxes[0].code)
    page.keyboard.press("Enter")  # the second half of a scanner's CR LF is no key of a person
    total(page, "1 of 12")
    sent(page)
    verdict(page, "bad")
    expect(page.locator("#verdict-text")).to_contain_text("Since then: KLT-0001, Taken")  # not passed over in silence
    expect(page.locator("#verdict")).to_have_attribute("data-sound", "ok")
    page.keyboard.press("Space")
    expect(page.locator("#answers")).to_be_hidden()
    verdict(page, "ready")
    refused = ScanEvent.get(ScanEvent.refused != "")
    assert (refused.refused, refused.scanned_text) == ("unknown_asset", "KLT-9999")


def test_a_return_of_a_box_that_never_left_is_taken_and_looks_and_sounds_like_a_warning(page, boxes):
    begin(page, "return")
    wedge(page, boxes[0].code)
    verdict(page, "warn")
    expect(page.locator("#verdict-text")).to_contain_text("never left")
    expect(page.locator("#verdict")).to_have_attribute("data-sound", "warn")
    assert counted(page, "return") == ["KLT-0001"]
    looks = page.evaluate("getComputedStyle(document.body).backgroundColor")
    wedge(page, "KLT-9999")
    verdict(page, "bad")
    page.wait_for_function("looks => getComputedStyle(document.body).backgroundColor !== looks", arg=looks)


def test_hostile_text_is_shown_as_text_and_kept_raw(page, boxes):
    begin_dispatch(page)
    for count, text in enumerate(("<img src=x onerror=document.title=1>", "javascript:document.title=1"), 1):
        wedge(page, text)
        expect(page.locator("#last li")).to_have_count(count)
        sent(page)
    verdict(page, "bad")
    assert page.locator("#screen-scan img").count() == 0
    assert page.title() != "1"
    assert {row.scanned_text for row in ScanEvent.select().where(ScanEvent.refused != "")} == {
        "<img src=x onerror=document.title=1>", "javascript:document.title=1",
    }  # fmt: skip


def test_code_of_the_shipment_is_not_taken_for_a_box(page, boxes):
    begin_dispatch(page)
    wedge(page, shipment_uri(BASE, "S-2026-0001"))
    verdict(page, "bad")
    expect(page.locator("#verdict-text")).to_contain_text("code of a shipment")
    assert counted(page, "dispatch") == []


def test_question_is_answered_by_one_key_and_not_by_a_scan(page, boxes, world, user):
    for box in boxes[:2]:
        dispatch(box, user)
        arrived = {"type": "arrive", "party": "HAMBURG", "place": "HH-VMI", "event_time": utc_now()}
        record_scan(ScanInput(event_id=str(uuid.uuid4()), scanned_text=box.code, **arrived), user, utc_now())
    second = Shipment.get(Shipment.number == "S-2026-0001")
    second.id = None
    second.number = "S-2026-0002"
    second.save(force_insert=True)
    begin(page, "dispatch")
    wedge(page, "S-2026-0002")
    expect(page.locator("#screen-scan")).to_be_visible()
    wedge(page, boxes[0].code)
    verdict(page, "ask")
    expect(page.locator("#verdict-text")).to_contain_text("at the partner by our books")
    wedge(page, boxes[1].code)  # the next scan is a scan, not an answer
    expect(page.locator("#verdict-text")).to_contain_text("1 more to look at")
    page.keyboard.press("1")
    expect(page.locator("#verdict-code")).to_have_text("KLT-0002")
    page.keyboard.press("2")
    expect(page.locator("#answers")).to_be_hidden()
    expect(page.locator("#badge")).to_have_attribute("data-state", "idle")  # sent again, and nothing is asked any more
    taken = [row.asset.code for row in ScanEvent.select().where(ScanEvent.shipment == second, ScanEvent.refused == "")]
    assert taken == ["KLT-0001"]
    assert kept(page) == 0


def test_undo_takes_the_box_out_and_it_can_be_scanned_again(page, boxes):
    begin_dispatch(page)
    wedge(page, boxes[0].code)
    total(page, "1 of 12")
    page.get_by_role("button", name="Undo KLT-0001").click()
    total(page, "0 of 12")
    expect(page.locator("#last li").first).to_have_attribute("data-kind", "void")
    sent(page)
    void = ScanEvent.get(ScanEvent.type == "void")
    assert void.voids == ScanEvent.get(ScanEvent.type == "dispatch").event_id
    assert Asset.get(Asset.code == "KLT-0001").where == "here"
    wedge(page, boxes[0].code)
    total(page, "1 of 12")
    sent(page)
    assert Asset.get(Asset.code == "KLT-0001").where == "out"


def test_offline_minute_loses_nothing_and_sends_in_order(page, context, boxes):
    begin_dispatch(page)
    wedge(page, boxes[0].code)
    total(page, "1 of 12")
    sent(page)
    context.set_offline(True)
    for box in boxes[1:6]:
        wedge(page, box.code)
    verdict(page, "ok")  # the lists of the device know these boxes
    expect(page.locator("#verdict-text")).to_contain_text("kept here and will be sent")
    wedge(page, "KLT-7777")  # and this one they do not
    verdict(page, "kept")
    expect(page.locator("#badge-text")).to_have_text("6 unsent")
    expect(page.locator("#waiting")).to_have_text("6 not sent")
    assert kept(page) == 6
    assert ScanEvent.select().where(ScanEvent.type == "dispatch").count() == 1
    context.set_offline(False)
    sent(page)
    total(page, "6 of 12")
    assert counted(page, "dispatch") == [box.code for box in boxes[:6]]
    happened = ScanEvent.select().where(ScanEvent.type == "dispatch", ScanEvent.refused == "").order_by(ScanEvent.id)
    assert [row.happened for row in happened] == [False] + [True] * 5
    verdict(page, "bad")  # the later "no" of the server
    assert kept(page) == 0


def test_scans_survive_a_dead_server_and_a_reload(page, live, boxes):
    begin_dispatch(page)
    live.stop()
    for box in boxes[:3]:
        wedge(page, box.code)
    expect(page.locator("#badge-text")).to_have_text("3 unsent")
    assert kept(page) == 3
    told, reloaded = [], []

    def pass_on(route):
        if not reloaded:  # what the page tries before it is loaded again does not arrive
            route.abort()
            return
        told.append(route.request.post_data_json)
        route.continue_()

    page.route("**/api/v1/scan-events", pass_on)
    page.on("framenavigated", lambda frame: reloaded.append(frame.url))
    live.start()
    open_scan(page)
    sent(page)
    ages = [event["age_ms"] for batch in told for event in batch["events"]]  # the counter goes on over the reload
    assert len(ages) == 3
    assert all(0 < age < 60_000 for age in ages)
    assert abs(told[-1]["clock_offset_ms"]) < 1_000
    assert counted(page, "dispatch") == [box.code for box in boxes[:3]]
    page.click("#resume button")
    total(page, "3 of 12")


def test_lost_answer_is_asked_for_again_and_counts_once(page, boxes):
    begin_dispatch(page)
    lost = []

    def swallow(route):
        if lost:
            route.continue_()
        else:
            lost.append(route.fetch())  # the server has taken it, the answer does not arrive
            route.abort()

    page.route("**/api/v1/scan-events", swallow)
    wedge(page, boxes[0].code)
    total(page, "1 of 12")
    sent(page)
    verdict(page, "ok")
    assert counted(page, "dispatch") == ["KLT-0001"]


def test_token_of_another_session_is_renewed_without_losing_a_scan(page, context, boxes, live, user):
    begin_dispatch(page)
    wedge(page, boxes[0].code)
    total(page, "1 of 12")
    sent(page)
    context.add_cookies([session_cookie(live, user)])  # signed in anew in another tab: the page's token is the old one
    wedge(page, boxes[1].code)
    total(page, "2 of 12")
    assert counted(page, "dispatch") == ["KLT-0001", "KLT-0002"]


def test_signed_out_keeps_the_scans_and_says_so(page, context, boxes):
    begin_dispatch(page)
    cookies = context.cookies()
    context.clear_cookies()
    page.reload()
    expect(page.locator("#note")).to_have_text("Please sign in. Sign in")  # nothing waits here yet
    page.click("[data-resume]")
    wedge(page, boxes[0].code)
    expect(page.locator("#note")).to_contain_text("sign in again")
    expect(page.locator("#note a")).to_have_attribute("href", "/login?next=/scan")
    assert kept(page) == 1
    context.add_cookies(cookies)
    page.click("#badge")
    page.click("#send-now")
    assert counted(page, "dispatch") == ["KLT-0001"]


def test_return_closes_the_trip_of_a_box(page, boxes, user):
    for box in boxes[:2]:
        dispatch(box, user, event_time=NOW)
    begin(page, "return")
    expect(page.locator("#bar")).to_have_attribute("data-mode", "return")
    for box in boxes[:2]:
        wedge(page, label_uri(BASE, box))
    total(page, "2 scanned")
    expect(page.locator("#verdict-word")).to_have_text("Home")
    assert counted(page, "return") == ["KLT-0001", "KLT-0002"]
    assert {box.where for box in Asset.select().where(Asset.code << ["KLT-0001", "KLT-0002"])} == {"here"}


def test_finish_names_what_is_missing(page, boxes):
    begin_dispatch(page)
    for box in boxes[:11]:
        wedge(page, box.code)
    total(page, "11 of 12")
    page.click("#finish")
    expect(page.locator("#result")).to_have_attribute("data-kind", "warn")
    expect(page.locator("#differences")).to_contain_text("1 missing")


#: What a device kept from a server that named no types of what was scanned, and that of a box scanned since.
OLDER = """async () => {
    const { Books } = await import("/static/scan/rules.js");
    const { Tally, newSession } = await import("/static/scan/sessions.js");
    const scanned = Array.from({ length: 11 }, (_, n) => ({ code: `K-${n}`, event_id: `${n}` }));
    const books = new Books({ boxes: {}, table: {}, reasons: {}, happened: {}, event_types: [], places: [], parties: [],
        types: [], shipments: [{ number: "S-1", expected: [{ asset_type: "KLT6428", count: 12 }], scanned }] });
    const record = { sequence: 1, code: "K-12", asset_type: "KLT6428", type: "dispatch", kind: "ok", state: "done" };
    const tally = new Tally(newSession("dispatch", { shipment: "S-1" }), [record], books);
    return [tally.total(), tally.complete, tally.surplus()];
}"""


def test_boxes_of_another_place_count_by_their_type(page, context, boxes, world, user, live):
    """11 of 12 were taken by others, and none of them is in the lists of this place: they return to another one."""
    for box in boxes[:11]:
        dispatch(box, user)
    Asset.update(return_place=world.warehouse).execute()
    Asset.update(place=None).where(Asset.code == "KLT-0012").execute()
    with live.app.app_context():
        worker = create_user("li.na", PASSWORD, NOW, role="scanner_operator")
    context.add_cookies([session_cookie(live, worker)])
    begin_dispatch(page)
    total(page, "11 of 12")
    context.set_offline(True)
    wedge(page, "KLT-0012")
    total(page, "12 of 12")
    expect(page.locator("#screen-scan")).not_to_contain_text("too many")
    page.click("#finish")
    expect(page.locator("#reason-row")).to_be_hidden()
    expect(page.locator("#differences")).to_have_text("Small load carrier 6428 11 of 12Type not known 1")
    context.set_offline(False)
    sent(page)
    expect(page.locator("#result")).to_have_attribute("data-kind", "ok")
    expect(page.locator("#differences")).to_have_text("Small load carrier 6428 12 of 12 · complete")
    page.click("#close")
    expect(page.locator("#closing")).to_be_hidden()
    expect(page.locator("#to-shipment")).to_be_hidden()  # it would not open for her
    assert counted(page, "dispatch") == [box.code for box in boxes[:12]]
    assert page.evaluate(OLDER) == [{"have": 12, "want": 12}, True, []]


def test_box_scanned_after_finish_is_not_passed_over(page, boxes):
    begin_dispatch(page)
    page.click("#finish")
    wedge(page, boxes[0].code)
    expect(page.locator("#screen-scan")).to_be_visible()
    total(page, "1 of 12")


def test_scan_before_a_choice_is_answered_with_what_to_do(page, boxes):
    open_scan(page)
    page.locator("#wedge").focus()
    wedge(page, boxes[0].code)
    expect(page.locator("#note")).to_contain_text("Choose first what you do here")


FULL = """() => { IDBObjectStore.prototype.add = () => { throw new DOMException('full', 'QuotaExceededError') } }"""


def test_a_full_device_refuses_new_scans_loudly_and_sends_what_it_has(page, context, boxes):
    begin_dispatch(page)
    context.set_offline(True)
    wedge(page, boxes[0].code)
    total(page, "1 of 12")
    page.evaluate(FULL)
    wedge(page, boxes[1].code)
    verdict(page, "bad")
    expect(page.locator("#verdict-text")).to_contain_text("was NOT taken")
    expect(page.locator("#verdict")).to_have_attribute("data-sound", "bad")
    total(page, "1 of 12")
    context.set_offline(False)
    assert counted(page, "dispatch") == ["KLT-0001"]


def test_a_browser_that_keeps_nothing_is_told_before_the_first_scan(page, boxes):
    page.add_init_script("IDBFactory.prototype.open = () => { throw new DOMException('denied', 'SecurityError') }")
    page.goto("/scan")
    expect(page.locator("#note")).to_contain_text("lets the page keep nothing")
    expect(page.locator(".scan-big[data-mode=dispatch]")).to_be_disabled()


def test_unsent_scans_of_another_person_wait_for_that_person(page, context, boxes, live, app):
    begin_dispatch(page)
    context.set_offline(True)
    wedge(page, boxes[0].code)
    expect(page.locator("#badge-text")).to_have_text("1 unsent")
    with app.app_context():
        other = create_user("li.na", PASSWORD, NOW, role="scanner_operator")
    mine = context.cookies()
    context.add_cookies([session_cookie(live, other)])
    context.set_offline(False)
    open_scan(page)
    expect(page.locator("#badge-text")).to_have_text("1 unsent")
    assert ScanEvent.select().where(ScanEvent.type == "dispatch").count() == 0
    context.add_cookies(mine)
    open_scan(page)
    assert counted(page, "dispatch") == ["KLT-0001"]
    assert ScanEvent.get(ScanEvent.type == "dispatch").user.username == "wang.li"


def test_unknown_shipment_is_named(page, boxes):
    begin(page, "dispatch")
    wedge(page, shipment_uri(BASE, "S-1999-0001"))
    expect(page.locator("#prepare-error")).to_have_text("There is no shipment S-1999-0001.")
    wedge(page, boxes[0].code)
    expect(page.locator("#prepare-error")).to_contain_text("not the code of a shipment")


def test_place_is_asked_for_and_remembered(page, boxes):
    open_scan(page)
    page.select_option("#place", "")
    page.click(".scan-big[data-mode=receive]")
    expect(page.locator("#note")).to_contain_text("where you are")
    page.select_option("#place", "SZ-PLANT")
    page.click(".scan-big[data-mode=receive]")
    expect(page.locator("#screen-scan")).to_be_visible()
    open_scan(page)
    expect(page.locator("#place")).to_have_value("SZ-PLANT")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_everything_fits_a_handheld_and_can_be_hit_with_gloves(page, boxes, language):
    page.add_init_script(f"localStorage.setItem('rt-language', '{language}')")
    begin_dispatch(page)
    for box in boxes[:6]:
        wedge(page, box.code)
    expect(page.locator("#total")).to_have_text(re.compile(r"6\D+12"))
    small = """() => [...document.querySelectorAll('button, a, select, input:not([type=checkbox])')].filter(e => e.offsetParent &&
        e.id !== 'wedge' && e.type !== 'file' && Math.min(e.getBoundingClientRect().height, e.getBoundingClientRect().width) < 47.5)
        .map(e => (e.id || e.textContent) + JSON.stringify(e.getBoundingClientRect()))"""
    assert page.evaluate(small) == []
    assert page.evaluate("document.documentElement.scrollWidth <= 360")
    assert page.evaluate("document.querySelector('#finish').getBoundingClientRect().bottom <= innerHeight")
    for way in ("#total-row", "#back", "#finish", "#back", "#back", "#menu", "#to-help", "#back", "#badge"):
        page.click(way)
        assert page.evaluate(small) == [], way
        assert page.evaluate("document.documentElement.scrollWidth <= 360"), way
