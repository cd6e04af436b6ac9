"""The camera as a scanner: a real Chromium sees a film of labels and reads them, with nothing from outside."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from browser import CHROMIUM_ARGS, HANDHELD, Live, session_cookie
from conftest import NOW
from PIL import Image, ImageFilter
from playwright.sync_api import Page, Playwright, expect
from qrcode.constants import ERROR_CORRECT_Q
from qrcode.main import QRCode
from test_scan_page import begin, begin_dispatch, counted, total

from accounts.models import User
from assets.labels import label_uri
from assets.registering import register_assets

#: A phone's main camera 15 cm above a label sees some 19 cm in 1,280 pixels: 20 mm are 135 of them.
SIZE = (1280, 720)
LABEL_20_MM = 135


@pytest.fixture
def boxes(app, world, user):
    return register_assets(
        world.klt, [f"KLT-{number:04d}" for number in range(1, 6)], world.suzhou, world.plant, user, NOW
    )


def label(text: str, pixels: int) -> Image.Image:
    code = QRCode(error_correction=ERROR_CORRECT_Q, border=4)
    code.add_data(text)
    code.make(fit=True)
    return code.make_image().get_image().convert("L").resize((pixels, pixels), Image.Resampling.LANCZOS)


def film(path: Path, scenes: list[list[tuple[Image.Image, int, int]]], frames: int = 1) -> Path:
    """A film in which each scene (labels with their places) lasts for some frames; grey, a little blurred, turned."""
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W%d H%d F10:1 Ip A1:1 C420jpeg\n" % SIZE)
        for scene in scenes:
            picture = Image.new("L", SIZE, 150)
            for code, x, y in scene:
                turned = code.rotate(7, expand=True, fillcolor=150, resample=Image.Resampling.BICUBIC)
                picture.paste(turned, (x, y))
            grey = picture.filter(ImageFilter.GaussianBlur(0.8)).tobytes()
            neutral = bytes([128]) * (SIZE[0] * SIZE[1] // 4)
            for _ in range(frames):
                file.write(b"FRAME\n" + grey + neutral + neutral)
    return path


@contextmanager
def seeing(playwright: Playwright, live: Live, user: User, path: Path) -> Iterator[Page]:
    browser = playwright.chromium.launch(
        executable_path=shutil.which("chromium"),
        args=[
            *CHROMIUM_ARGS, "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={path}",
        ],
    )  # fmt: skip
    context = browser.new_context(base_url=live.url, viewport=HANDHELD, locale="en-GB", service_workers="block")
    context.add_cookies([session_cookie(live, user)])
    page = context.new_page()
    outside: list[str] = []
    page.on("request", lambda request: outside.append(request.url) if not request.url.startswith(live.url) else None)
    page.on("console", lambda message: outside.append(message.text) if "Content Security" in message.text else None)
    yield page
    assert [url for url in outside if not url.startswith(("blob:", "data:"))] == []
    browser.close()


def test_a_20_mm_label_is_read_once_while_it_stays_in_view(playwright, live, user, boxes, tmp_path):
    path = film(
        tmp_path / "label.y4m", [[(label(label_uri("https://rt.example.com", boxes[0]), LABEL_20_MM), 560, 290)]]
    )
    with seeing(playwright, live, user, path) as page:
        begin_dispatch(page)
        page.click("#camera-on")
        total(page, "1 of 12")
        expect(page.locator("#verdict-code")).to_have_text("KLT-0001")
        # It stays in the picture, and counts once, however many pictures come of it.
        seen = page.evaluate("document.querySelector('#video').getVideoPlaybackQuality().totalVideoFrames")
        page.wait_for_function(
            "seen => document.querySelector('#video').getVideoPlaybackQuality().totalVideoFrames >= seen + 15", arg=seen
        )
        expect(page.locator("#last li")).to_have_count(1)
        expect(page.locator("#verdict")).to_have_attribute("data-kind", "ok")
        page.click("#camera-off")
        expect(page.locator("#camera")).to_be_hidden()
        assert counted(page, "dispatch") == ["KLT-0001"]


def test_several_codes_in_view_are_asked_about_and_all_taken_in_a_count(playwright, live, user, boxes, tmp_path):
    labels = [label(label_uri("https://rt.example.com", box), 200) for box in boxes[:2]]
    path = film(tmp_path / "two.y4m", [[(labels[0], 350, 250), (labels[1], 650, 250)]])
    with seeing(playwright, live, user, path) as page:
        begin_dispatch(page)
        page.click("#camera-on")
        expect(page.locator("#several button")).to_have_count(2)
        total(page, "0 of 12")
        page.locator("#several button", has_text="KLT-0002").click()
        total(page, "1 of 12")
        assert counted(page, "dispatch") == ["KLT-0002"]
        begin(page, "stock_take")
        page.click("#pick button")
        page.click("#camera-on")
        total(page, "2 of 4")  # the dispatched one too, which should not be here


def test_without_a_camera_the_page_says_so(page, boxes):
    begin_dispatch(page)
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError')) }"
    )
    page.click("#camera-on")
    expect(page.locator("#note")).to_contain_text("not allowed")
    expect(page.locator("#camera")).to_be_hidden()
