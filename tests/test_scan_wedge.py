"""What scanners and people type, in a real Chromium: nothing merged, nothing dropped, no button pressed by a scan."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from conftest import NOW
from playwright.sync_api import expect
from test_scan_page import TYPE, begin, begin_dispatch, counted, keys, sent, total, verdict, wedge

from assets.models import ScanEvent
from assets.registering import register_assets


@pytest.fixture
def boxes(app, world, user):
    codes = [f"KLT-{number:04d}" for number in range(1, 26)]
    return register_assets(world.klt, codes, world.suzhou, world.plant, user, NOW)


def test_twenty_scans_a_second_at_5_ms_a_key_are_twenty_scans(page, boxes):
    begin_dispatch(page)
    codes = [box.code for box in boxes[:20]]
    page.evaluate(TYPE, [codes, "Enter"])
    total(page, "20 of 12")
    assert counted(page, "dispatch") == codes


def test_prefixes_links_lower_case_and_full_width_letters_are_the_same_box(page, boxes):
    begin_dispatch(page)
    texts = [
        "]Q1KLT-0001", "]d2800304012345000016KLT-0002", "HTTPS://RT.EXAMPLE.COM/8003/04012345000016KLT-0003", "klt-0004",
        "ＫＬＴ－０００５", "KLT-0006KLT-0006",
    ]  # fmt: skip
    for number, text in enumerate(texts, 1):
        page.locator("#wedge").focus()
        page.keyboard.insert_text(text)
        page.keyboard.press("Enter")
        expect(page.locator("#verdict-code")).to_have_text(f"KLT-{number:04d}")
        verdict(page, "ok")
    assert counted(page, "dispatch") == [f"KLT-{number:04d}" for number in range(1, 7)]
    kept = ScanEvent.select().where(ScanEvent.type == "dispatch").order_by(ScanEvent.id)
    assert [row.scanned_text for row in kept] == texts  # kept as they were read


def test_a_separator_sent_as_a_control_key_opens_nothing(page, boxes):
    begin_dispatch(page)
    page.keyboard.type("]d2800304012345000016KLT-0001")
    page.keyboard.press("Control+]")
    page.keyboard.press("Enter")
    total(page, "1 of 12")
    assert counted(page, "dispatch") == ["KLT-0001"]
    assert "\x1d" in ScanEvent.get(ScanEvent.type == "dispatch").scanned_text


def test_cr_and_lf_both_end_one_scan(page, boxes):
    begin_dispatch(page)
    for box in boxes[:2]:
        page.keyboard.type(box.code)
        page.keyboard.press("Enter")
        page.keyboard.press("Control+j")
    total(page, "2 of 12")
    assert counted(page, "dispatch") == ["KLT-0001", "KLT-0002"]


def test_a_chinese_input_method_does_not_swallow_a_scan(page, boxes):
    begin_dispatch(page)
    page.locator("#wedge").focus()
    cdp = page.context.new_cdp_session(page)
    composed, begun = "", time.time()
    for place, letter in enumerate("KLT-0001"):
        code = {"-": "Minus"}.get(letter, f"Digit{letter}" if letter.isdigit() else f"Key{letter}")
        cdp.send(
            "Input.dispatchKeyEvent",
            {
                "type": "rawKeyDown", "key": "Process", "code": code, "windowsVirtualKeyCode": 229,
                "timestamp": begun + place * 0.005,  # as a scanner types, however busy this machine is
            },
        )  # fmt: skip
        composed += {"0": "零", "1": "一"}.get(letter, letter.lower())  # what the method makes of it
        cdp.send(
            "Input.imeSetComposition",
            {"text": composed, "selectionStart": len(composed), "selectionEnd": len(composed)},
        )
        cdp.send("Input.dispatchKeyEvent", {"type": "keyUp", "key": letter, "code": code})
    cdp.send(
        "Input.dispatchKeyEvent",
        {"type": "rawKeyDown", "key": "Process", "code": "Enter", "windowsVirtualKeyCode": 229},
    )
    cdp.send("Input.insertText", {"text": composed})
    total(page, "1 of 12")
    assert counted(page, "dispatch") == ["KLT-0001"]


def test_a_scan_while_a_name_is_being_typed_is_a_scan(page, boxes):
    begin_dispatch(page)
    wedge(page, boxes[0].code)
    page.click("#finish")
    page.fill("#finished-by", "")
    page.locator("#finished-by").press_sequentially("Wang", delay=90)
    wedge(page, boxes[1].code)
    expect(page.locator("#screen-scan")).to_be_visible()
    total(page, "2 of 12")
    expect(page.locator("#finished-by")).to_have_value("Wang")
    assert counted(page, "dispatch") == ["KLT-0001", "KLT-0002"]


def test_function_keys_do_what_the_help_says(page, boxes):
    begin_dispatch(page)
    wedge(page, boxes[0].code)
    wedge(page, boxes[1].code)
    total(page, "2 of 12")
    page.keyboard.press("F2")
    total(page, "1 of 12")
    page.keyboard.press("F3")
    expect(page.locator("#screen-list")).to_be_visible()
    page.keyboard.press("F10")
    page.keyboard.press("F4")
    expect(page.locator("#screen-finish")).to_be_visible()
    page.keyboard.press("F10")
    wedge(page, "KLT-9999")
    verdict(page, "bad")
    sent(page)
    page.keyboard.press("F8")
    verdict(page, "ready")
    page.keyboard.press("F1")
    expect(page.locator("#keys")).to_contain_text("F2")
    expect(page.locator("#keys")).to_contain_text("Undo the last scan")


def test_the_setup_page_tells_what_is_wrong_with_a_scanner(page, boxes):
    page.clock.install()
    page.goto("/scan/scanner-setup")
    expect(page.locator(".scan-probes svg")).to_have_count(2)
    page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))  # a busy machine may be late with the suffix
    results = page.locator("#setup-results")

    def scan(text: str, suffix: str = "Enter") -> None:
        page.keyboard.insert_text(text)
        if suffix:
            page.keyboard.press(suffix)

    right = "RTTEST-aBcXyZ-0123456789:/._%?=&"
    scan(right)
    expect(results).to_contain_text("Enter ends a scan")
    expect(results.locator(".rt-bad")).to_have_count(0)
    expect(page.locator("#setup-state")).to_have_text("Now scan the second code.")
    scan("RTGS-12345\x1d67890-END")
    expect(page.locator("#setup-state")).to_contain_text("All right")
    for text, sentence in (
        ("XX" + right, "“XX” is put before the code"),
        (right.swapcase(), "Caps Lock"),
        (right.replace(":", "Ö").replace("/", "-"), "keyboard language"),
        (right + right, "arrives twice"),
        (right + "#", "“#” is put behind the code"),
        ("RTGS-1234567890-END", "separator is lost"),
        ("RTGS-12345<GS>67890-END", "which is understood"),
        ("ＲＴＴＥＳＴ-aBcXyZ-0123456789:/._%?=&", "Full-width"),
    ):
        scan(text)
        expect(results).to_contain_text(sentence)
    page.reload()
    page.clock.resume()
    scan(right, "")
    expect(results).to_contain_text("set the suffix to Enter")


def test_no_focus_is_needed_and_none_is_lost(page, boxes):
    begin(page, "return")
    for element in ("#verdict", "#total-row", "#back", "#badge"):
        page.locator(element).evaluate("element => { element.tabIndex = 0; element.focus(); }")
        keys(page, boxes[{"#verdict": 0, "#total-row": 1, "#back": 2, "#badge": 3}[element]].code)
    total(page, "4 scanned")
