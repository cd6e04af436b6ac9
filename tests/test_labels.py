"""Label sheets: what is printed is what two independent readers read, at the dots of a laser and of a thermal printer."""

from __future__ import annotations

import pypdfium2
import pytest
import zxingcpp
from conftest import NOW
from pyzbar import pyzbar

from assets import labels
from assets.models import Asset
from docs_gen import label_sheets
from docs_gen.label_sheets import SHEETS
from errors import InvalidInput, Refused

BASE = "https://rt.example.com"
MM_PER_POINT = 25.4 / 72


def make_boxes(world, count, asset_type=None, prefix="KLT-"):
    asset_type = asset_type or world.klt
    rows = []
    for number in range(1, count + 1):
        code = labels.new_code(asset_type, prefix, number)
        rows.append(
            {"code": code, "grai": labels.grai(asset_type, code), "asset_type": asset_type, "owner": world.suzhou,
             "created_time": NOW}
        )  # fmt: skip
    for begin in range(0, len(rows), 100):
        Asset.insert_many(rows[begin : begin + 100]).execute()
    return [row["code"] for row in rows]


def images(data, dpi):
    document = pypdfium2.PdfDocument(data)
    return [page.render(scale=dpi / 72).to_pil() for page in document]


def cut_out(page, sheet, index, dpi):
    """The picture of one label of a sheet."""
    left = float(sheet.left + sheet.label[0] * (index % sheet.columns)) * dpi / 25.4
    top = float(sheet.top + sheet.label[1] * (index // sheet.columns)) * dpi / 25.4
    width, height = (float(side) * dpi / 25.4 for side in sheet.label)
    return page.crop((round(left), round(top), round(left + width), round(top + height)))


def read_with(reader, picture):
    if reader == "zxing":
        return {
            found.text for found in zxingcpp.read_barcodes(picture) if found.format == zxingcpp.BarcodeFormat.QRCode
        }
    return {found.data.decode() for found in pyzbar.decode(picture, symbols=[pyzbar.ZBarSymbol.QRCODE])}


@pytest.mark.parametrize("dpi", [203, 300])
@pytest.mark.parametrize("sheet", SHEETS.values(), ids=SHEETS)
def test_every_code_on_a_sheet_is_read_back_by_two_readers(db, world, sheet, dpi):
    codes = make_boxes(world, 30 if sheet.labels > 1 else 3)
    boxes = label_sheets.assets_of_codes(codes)
    pages = images(label_sheets.pdf(boxes, sheet, BASE), dpi)
    assert len(pages) == -(-len(codes) // sheet.labels)
    for reader in ("zxing", "zbar"):
        for index, box in enumerate(boxes):  # one label at a time, as a scanner sees them
            picture = cut_out(pages[index // sheet.labels], sheet, index % sheet.labels, dpi)
            assert read_with(reader, picture) == {labels.label_uri(BASE, box)}, (reader, box.code)


def test_boxes_without_gs1_prefix_carry_our_own_short_link(db, world):
    world.cage.gs1_company_prefix = world.cage.gs1_asset_type = ""
    world.cage.save()
    codes = make_boxes(world, 2, world.cage, "GLT-")
    (page, _) = images(label_sheets.pdf(label_sheets.assets_of_codes(codes), SHEETS["thermal-50x50"], BASE), 203)
    assert read_with("zxing", page) == {f"HTTPS://RT.EXAMPLE.COM/a/{codes[0]}"}


@pytest.mark.parametrize("sheet", SHEETS.values(), ids=SHEETS)
def test_label_says_code_type_tare_owner_and_where_to_return_it(db, world, sheet):
    codes = make_boxes(world, 1)
    data = label_sheets.pdf(label_sheets.assets_of_codes(codes), sheet, BASE)
    text = pypdfium2.PdfDocument(data)[0].get_textpage().get_text_range()
    text = " ".join(text.split())
    for words in (codes[0], "Small load carrier 6428", "KLT 6428 周转箱", "2.95 kg", "Suzhou Stabil Steering Co., Ltd.",
                  "Suzhou plant, gate 2", "No. 88 Xinghu Street", "+86 512 5555 0188"):  # fmt: skip
        assert words in text


@pytest.mark.parametrize("sheet", SHEETS.values(), ids=SHEETS)
def test_sheet_has_its_exact_size_and_modules_are_whole_dots_of_half_a_millimetre_or_more(db, world, sheet):
    codes = make_boxes(world, 1)
    boxes = label_sheets.assets_of_codes(codes)
    points = pypdfium2.PdfDocument(label_sheets.pdf(boxes, sheet, BASE))[0].get_size()
    assert tuple(side * MM_PER_POINT for side in points) == pytest.approx(tuple(map(float, sheet.page)), abs=0.1)
    label = label_sheets.labels(boxes, sheet, BASE)[0]
    module = label.qr_side / label_sheets.modules(str(label.qr))
    assert module >= label_sheets.Decimal("0.5")
    assert module % label_sheets.DOT == 0
    assert label.qr_side <= min(sheet.label)


def test_too_long_a_link_is_refused_instead_of_printed_unreadably(db, world):
    boxes = label_sheets.assets_of_codes(make_boxes(world, 1))
    with pytest.raises(Refused, match="too long") as refusal:
        label_sheets.pdf(boxes, SHEETS["thermal-50x50"], "https://" + "long." * 120 + "example.com")
    assert refusal.value.reason == "label_too_small"


def test_used_labels_of_the_first_sheet_are_skipped(db, world):
    boxes = label_sheets.assets_of_codes(make_boxes(world, 2))
    pages = images(label_sheets.pdf(boxes, SHEETS["a4-24"], BASE, skip=23), 203)
    assert [len(read_with("zxing", page)) for page in pages] == [1, 1]


def test_thousand_labels_are_made_and_one_more_is_refused(db, world):
    codes = make_boxes(world, 1001)
    with pytest.raises(Refused) as refusal:
        label_sheets.assets_of_range("KLT6428")
    assert refusal.value.reason == "too_many_labels"
    with pytest.raises(Refused):
        label_sheets.assets_of_codes(codes)
    boxes = label_sheets.assets_of_range("KLT6428", codes[0], codes[999])
    data = label_sheets.pdf(boxes, SHEETS["a4-24"], BASE)
    document = pypdfium2.PdfDocument(data)
    assert len(document) == 42
    last = read_with("zxing", document[41].render(scale=300 / 72).to_pil())
    assert last == {labels.label_uri(BASE, box) for box in boxes[984:]}


def test_codes_are_printed_in_the_order_given_and_unknown_ones_are_named(db, world):
    codes = make_boxes(world, 3)
    assert [a.code for a in label_sheets.assets_of_codes([codes[2].lower(), codes[0], codes[2]])] == [
        codes[2],
        codes[0],
    ]
    with pytest.raises(InvalidInput, match="KLT-999999"):
        label_sheets.assets_of_codes([codes[0], "KLT-999999"])


def test_long_names_stay_inside_their_label(db, world):
    world.klt.name_en, world.klt.name_zh = "W" * 128, "箱" * 128
    world.klt.save()
    world.suzhou.name_en = "Very Long Company Name " * 11
    world.suzhou.save()
    boxes = label_sheets.assets_of_codes(make_boxes(world, 24))
    (page,) = images(label_sheets.pdf(boxes, SHEETS["a4-24"], BASE), 300)
    assert read_with("zxing", page) == {labels.label_uri(BASE, box) for box in boxes}


def test_page_shows_what_will_be_printed(client, world):
    make_boxes(world, 5)
    page = client.get("/assets/labels?type=KLT6428&first=KLT-000002&last=KLT-000004&sheet=a4-24").get_data(as_text=True)
    assert "3 labels" in page
    assert "KLT-000003" in page
    assert "KLT-000005" not in page


def test_page_keeps_what_was_typed_and_shows_the_error_at_the_field(client, world):
    make_boxes(world, 1)
    page = client.get("/assets/labels?codes=KLT-000001,<b>NIX</b>&sheet=thermal-50x50").get_data(as_text=True)
    assert 'id="codes-error"' in page
    assert "<b>nix" not in page.lower()
    assert "&lt;b&gt;NIX&lt;/b&gt;" in page
    assert 'selected value="thermal-50x50"' in page


def test_pdf_is_shown_in_the_browser_and_wrong_choices_are_refused(client, anonymous, world):
    codes = make_boxes(world, 2)
    answer = client.get(f"/assets/labels.pdf?codes={codes[0]},{codes[1]}&sheet=a4-24")
    assert answer.status_code == 200
    assert answer.mimetype == "application/pdf"
    assert answer.headers["Content-Disposition"].startswith("inline")
    assert answer.data.startswith(b"%PDF")
    for wrong in (
        "",
        "codes=NIX-0001",
        "codes=KLT-000001&sheet=a5",
        "codes=KLT-000001&skip=24",
        "codes=KLT-000001&skip=x",
    ):
        assert client.get(f"/assets/labels.pdf?{wrong}").status_code == 400
    assert anonymous.get(f"/assets/labels.pdf?codes={codes[0]}").status_code == 302
