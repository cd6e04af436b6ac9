"""New boxes: singly, as a range, from a file; all or none, with every fault named."""

import io

import pytest
from conftest import NOW, on_both_databases
from samples import asset_type

from assets.labels import has_check_character, label_uri, new_code, qr_svg, shipment_uri
from assets.ledger_check import faults
from assets.models import Asset, ScanEvent
from assets.registering import register_assets
from assets.scanned_text import read_scanned_text
from assets.state import shown
from errors import InvalidInput, Refused


@pytest.fixture
def crate(world):
    """A type without a GS1 prefix: its codes end in a check character."""
    return asset_type(NOW, code="CRATE", name_en="Crate", gs1_company_prefix="", gs1_asset_type="")


@on_both_databases
def test_boxes_are_registered_with_their_events(db, world, crate):
    boxes = register_assets(world.klt, ["klt-0001", "KLT-0002"], world.suzhou, world.plant, None, NOW)
    assert [(box.code, box.grai) for box in boxes] == [
        ("KLT-0001", "04012345000016KLT-0001"), ("KLT-0002", "04012345000016KLT-0002"),
    ]  # fmt: skip
    assert (shown(boxes[0]), boxes[0].holder, boxes[0].place) == ("available", world.suzhou, world.plant)
    (plain,) = register_assets(crate, ["KLT000123L"], world.suzhou, None, None, NOW)
    assert (plain.grai, plain.holder, plain.place) == (None, world.suzhou, None)
    assert ScanEvent.select().where(ScanEvent.type == "commission").count() == 3
    assert list(faults()) == []


@on_both_databases
def test_codes_that_exist_or_come_twice_are_named_and_nothing_is_written(db, world, crate):
    register_assets(world.klt, ["KLT-0002"], world.suzhou, world.plant, None, NOW)
    with pytest.raises(Refused, match="KLT-0002"):
        register_assets(world.klt, ["KLT-0001", "KLT-0002"], world.suzhou, world.plant, None, NOW)
    with pytest.raises(Refused, match="KLT-0003"):
        register_assets(world.klt, ["KLT-0003", "klt-0003"], world.suzhou, world.plant, None, NOW)
    assert Asset.select().count() == 1


@pytest.mark.parametrize("code", ["KLT000123M", "KL", "KLT 0001", "KLT_0001L", "-KLT1", "KÄST1", "K" * 25, ""])
def test_a_code_that_cannot_be_one_is_refused(crate, world, code):
    with pytest.raises(InvalidInput):
        register_assets(crate, [code], world.suzhou, None, None, NOW)


def test_a_counted_type_has_no_codes(world):
    with pytest.raises(Refused):
        register_assets(world.pallet, ["EPAL0001"], world.suzhou, None, None, NOW)


def test_a_serial_of_a_grai_has_16_characters_at_most(world):
    with pytest.raises(InvalidInput):
        register_assets(world.klt, ["K" * 17], world.suzhou, None, None, NOW)


def test_what_a_label_holds_is_read_back_as_the_box(world, crate):
    boxes = register_assets(world.klt, ["KLT-0001"], world.suzhou, None, None, NOW)
    boxes += register_assets(crate, [new_code(crate, "KLT", 123)], world.suzhou, None, None, NOW)
    assert [label_uri("https://rt.example.com", box) for box in boxes] == [
        "HTTPS://RT.EXAMPLE.COM/8003/04012345000016KLT-0001", "HTTPS://RT.EXAMPLE.COM/a/KLT000123L",
    ]  # fmt: skip
    assert label_uri("https://x.example/Base", boxes[1]) == "HTTPS://X.EXAMPLE/Base/a/KLT000123L"
    found = [read_scanned_text(label_uri("https://rt.example.com", box), ["rt.example.com"]) for box in boxes]
    assert [code.canonical for code in found] == ["04012345000016KLT-0001", "KLT000123L"]
    sent = read_scanned_text(shipment_uri("https://rt.example.com", "S-2026-0001"), ["rt.example.com"])
    assert (sent.kind, sent.canonical) == ("shipment", "S-2026-0001")
    assert has_check_character("KLT-000123-L")
    assert not has_check_character("KLT-000124-L")


def test_the_qr_code_is_plain_svg_that_stands_in_html():
    svg = qr_svg("HTTPS://RT.EXAMPLE.COM/8003/04012345000016KLT000123", "Q")
    assert svg.startswith('<svg class="qr"')
    assert 'viewBox="0 0 41 41"' in svg  # 33 modules and the quiet zone: capitals keep it at version 4
    assert "style=" not in svg


def form(**fields):
    return {
        "asset_type": "KLT6428",
        "owner": "SUZHOU",
        "return_place": "SZ-PLANT",
        "first": "1",
        "count": "3",
        "digits": "4",
        **fields,
    }


def test_a_range_by_the_page(client, world):
    answer = client.post("/assets/new", data=form(how="range", prefix="klt-"))
    assert answer.status_code == 302
    assert [row.code for row in Asset.select().order_by(Asset.code)] == ["KLT-0001", "KLT-0002", "KLT-0003"]
    again = client.post("/assets/new", data=form(how="range", prefix="klt-", first="3"))
    assert again.status_code == 422
    assert "KLT-0003" in again.get_data(as_text=True)
    assert 'value="KLT-"' in again.get_data(as_text=True)
    assert Asset.select().count() == 3


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"how": "range", "prefix": "K", "count": "0"}, "From 1 to 5000"),
        ({"how": "range", "prefix": "K", "count": "5001", "digits": "9"}, "From 1 to 5000"),
        ({"how": "range", "prefix": "K", "count": "x"}, "whole number"),
        ({"how": "range", "prefix": "K_", "count": "2"}, "hyphens only"),
        ({"how": "range", "prefix": "K", "first": "9999"}, "does not fit"),
        ({"how": "range", "prefix": "KLT-KLT-KLT-KLT"}, "is no code"),
        ({"how": "codes", "codes": " "}, "at least one code"),
        ({"how": "codes", "codes": "ABCD\nA<b>"}, "A&lt;B&gt;"),
        ({"how": "codes", "codes": "ABCD", "owner": "NOBODY"}, "Not a valid choice"),
        ({"how": "file"}, "Choose a CSV or XLSX"),
    ],
)
def test_a_wrong_field_of_the_page_is_told(client, world, fields, told):
    answer = client.post("/assets/new", data=form(**fields))
    assert answer.status_code == 422
    assert told in answer.get_data(as_text=True)
    assert Asset.select().count() == 0


def upload(client, text, **fields):
    file = (io.BytesIO(text.encode("gb18030") if isinstance(text, str) else text), "boxes.csv")
    return client.post("/assets/new", data=form(how="file", file=file, **fields), content_type="multipart/form-data")


def test_a_file_is_shown_first_and_registered_then(client, world, crate):
    page = upload(client, "编号,类型\nKLT-0001,\nKLT000123L,crate\n").get_data(as_text=True)
    assert Asset.select().count() == 0
    assert "KLT6428\tKLT-0001\nCRATE\tKLT000123L" in page
    answer = client.post("/assets/new", data=form(how="boxes", boxes="KLT6428\tKLT-0001\nCRATE\tKLT000123L"))
    assert answer.status_code == 302
    assert {row.code: row.asset_type.code for row in Asset.select()} == {"KLT-0001": "KLT6428", "KLT000123L": "CRATE"}


def test_every_fault_of_a_file_is_named_by_its_cell(client, world, crate):
    register_assets(world.klt, ["KLT-0009"], world.suzhou, None, None, NOW)
    answer = upload(client, "code,type\nKLT-0001,\nKLT-0001,\nKLT-0009,\n?,\nKLT000123M,CRATE\nKLT-0002,BOAT\n")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    for told in (
        "A3</code>: KLT-0001 stands in A2",
        "A4</code>: KLT-0009 is registered",
        "A5</code>: “?”",
        "A6</code>: The last",
        "B7",
    ):
        assert told in page
    assert Asset.select().count() == 1


@pytest.mark.parametrize("text", ["", "name\nx\n", "code\n", b"PK\x03\x04 not a workbook"])
def test_a_file_that_holds_no_boxes_is_refused(client, world, text):
    answer = upload(client, text)
    assert answer.status_code == 422
    assert "rt-error" in answer.get_data(as_text=True)


def test_forged_rows_of_the_preview_are_checked_again(client, world):
    for rows in ("", "BOAT\tKLT-0001", "KLT6428\t<script>"):
        assert client.post("/assets/new", data=form(how="boxes", boxes=rows)).status_code == 422
    assert Asset.select().count() == 0
