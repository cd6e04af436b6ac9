"""Declarations of boxes: recorded, extended, closed in parts; contradictions to the scans are named, none is hidden."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from conftest import NOW, on_both_databases
from customs_world import back_head, boxes, declared, ended, head, scan
from samples import shipment as make_shipment

from assets.scan_told import ScanInput
from assets.scanning import record_scan
from customs import declarations, proof
from customs.models import ClockRule, CustomsDeclaration, DeclaredBox
from docs_gen.models import IssuedDocument
from docs_gen.samples import DETAILS
from errors import InvalidInput
from shipments.details import details_to_json

LEFT = datetime(2026, 8, 29, 6, 0, tzinfo=UTC)
BACK = datetime(2026, 11, 18, 6, 0, tzinfo=UTC)


@pytest.fixture
def away(app, world, user):
    """Six boxes that left on the shipment, and the declaration that names them."""
    made = boxes(world, user, LEFT - timedelta(days=9))
    for asset in made:
        scan(user, "dispatch", asset.code, LEFT)
    return made, declared(world, user, made, LEFT + timedelta(days=1))


def states():
    query = DeclaredBox.select().order_by(DeclaredBox.id)
    return [box.closing for box in query]


@on_both_databases
def test_partial_returns_close_named_serials_and_the_rest_stays_open(db, away, user):
    made, out = away
    assert out.due_day == date(2027, 2, 28)
    for asset in made[:3]:
        scan(user, "return", asset.code, BACK)
    assert declarations.open_codes(out, only_back=True) == [asset.code for asset in made[:3]]
    declarations.save_back(back_head(), made[:3], user, NOW)
    declarations.close_otherwise(made[3:4], "CN", "paid", date(2026, 11, 21), "0110-1")
    declarations.close_otherwise(made[4:5], "CN", "destroyed", date(2026, 11, 21), "REC-7")
    counts = declarations.counts(out)
    assert (counts.out, counts.back, counts.paid, counts.destroyed, counts.open) == (6, 3, 1, 1, 1)
    assert {currency: str(value) for currency, value in counts.value.items()} == {"EUR": "12.50"}
    assert CustomsDeclaration.get_by_id(out.id).closed_day is None
    assert declarations.mismatches() == []
    declarations.close_otherwise(made[5:], "CN", "paid", date(2026, 11, 22), "0110-2")
    assert CustomsDeclaration.get_by_id(out.id).closed_day == date(2026, 11, 22)


@on_both_databases
def test_back_by_scan_without_a_declaration_is_an_alarm_even_after_the_box_has_left_again(db, away, user, world):
    made, out = away
    scan(user, "return", made[0].code, BACK)
    found = declarations.mismatches()
    assert [(one.kind, one.declaration.id, one.count, one.example) for one in found] == [
        ("back_undeclared", out.id, 1, "KLT-0001")
    ]
    make_shipment(NOW, world, number="S-2026-0002")
    scan(user, "inspect", made[0].code, BACK + timedelta(hours=1))
    scan(user, "dispatch", made[0].code, BACK + timedelta(days=1), shipment="S-2026-0002")
    ended(made[0], world, LEFT, BACK)  # what the ledger keeps of the trip
    assert [one.kind for one in declarations.mismatches()] == ["back_undeclared"]


@on_both_databases
def test_declared_back_without_a_scan_is_an_alarm_until_the_scan_comes(db, away, user):
    made, _ = away
    declarations.save_back(back_head(), made[:2], user, NOW)
    assert [(one.kind, one.count) for one in declarations.mismatches()] == [("declared_unscanned", 2)]
    for asset in made[:2]:
        scan(user, "return", asset.code, NOW + timedelta(hours=1))
    assert declarations.mismatches() == []
    assert declarations.settle() == 2
    assert declarations.settle() == 0


@on_both_databases
def test_a_box_that_is_scanned_after_the_list_was_closed_is_an_alarm_on_both_sides(db, away, user, world):
    made, out = away
    late = boxes_after(world, user)
    scan(user, "dispatch", late.code, LEFT + timedelta(days=2))
    assert [(one.kind, one.example) for one in declarations.mismatches()] == [("after_declaration", late.code)]
    assert declarations.loading_differences(out) == ([late.code], [])
    # the list says KLT-0006, the truck holds KLT-0099
    swapped = [*made[:5], boxes_after(world, user, "KLT-0098")]
    declarations.save_out(head(world), swapped, user, NOW, out)
    assert {one.kind for one in declarations.mismatches()} == {"after_declaration", "not_loaded"}
    assert declarations.loading_differences(out) == (["KLT-0006", "KLT-0099"], ["KLT-0098"])


def boxes_after(world, user, code="KLT-0099"):
    from assets.registering import register_assets

    return register_assets(world.klt, [code], world.suzhou, world.plant, user, LEFT - timedelta(days=9))[0]


@on_both_databases
def test_an_extension_moves_the_day_and_a_late_one_is_kept_and_said_so(db, away, user):
    _, out = away
    with pytest.raises(InvalidInput) as fault:
        declarations.extend(out, "EXT-1", date(2027, 1, 10), date(2027, 2, 28), user, NOW)
    assert fault.value.field == "until"
    declarations.extend(out, "EXT-1", date(2027, 1, 10), date(2027, 8, 28), user, NOW)
    declarations.extend(out, "EXT-2", date(2027, 9, 1), date(2028, 2, 28), user, NOW)
    with pytest.raises(InvalidInput) as fault:
        declarations.extend(out, "EXT-2", date(2027, 9, 1), date(2029, 2, 28), user, NOW)
    assert fault.value.field == "number"
    assert CustomsDeclaration.get_by_id(out.id).due_day == date(2028, 2, 28)
    assert [(row.number, late) for row, late in declarations.late_extensions(out)] == [
        ("EXT-1", False),
        ("EXT-2", True),
    ]


@on_both_databases
def test_the_clock_that_is_due_first_is_closed_and_a_box_without_one_is_named(db, away, user, world):
    made, out = away
    second = make_shipment(NOW, world, number="S-2026-0002")
    scan(user, "return", made[0].code, BACK)
    declared(world, user, made[:1], NOW, number="224820260000000999", exit_day=date(2026, 11, 19),
             declared_day=date(2026, 11, 19), shipment=second)  # fmt: skip
    _, closed = declarations.save_back(back_head(), made[:1], user, NOW)
    assert [box.declaration_id for box in closed] == [out.id]
    with pytest.raises(InvalidInput) as fault:
        declarations.save_back(back_head(country="EU"), made[:1], user, NOW)
    assert "KLT-0001" in str(fault.value)
    with pytest.raises(InvalidInput) as fault:
        declarations.save_back(back_head(number="B-2", declared_day=date(2026, 8, 1)), made[1:2], user, NOW)
    assert fault.value.field == "declared_day"


@on_both_databases
def test_a_wrong_closing_is_taken_back_and_stays_in_the_log(db, away, user):
    made, out = away
    declarations.save_back(back_head(), made, user, NOW)
    assert CustomsDeclaration.get_by_id(out.id).closed_day is not None
    box = DeclaredBox.get(DeclaredBox.asset == made[0])
    declarations.reopen(box, "wrong serial", user, NOW)
    box = DeclaredBox.get_by_id(box.id)
    assert (box.closing, box.back_id) == ("", None)
    assert "wrong serial" in box.log
    assert "224820270000000456" in box.log
    assert CustomsDeclaration.get_by_id(out.id).closed_day is None
    with pytest.raises(InvalidInput, match="KLT-0001"):  # a box with a past is never taken off the list
        declarations.save_out(head(out, shipment=out.shipment), made[1:], user, NOW, out)


def test_boxes_at_risk_are_those_of_declarations_that_are_due_soon(db, away, user):
    _, out = away
    assert declarations.at_risk(date(2027, 2, 27)) == []
    [risk] = declarations.at_risk(date(2027, 2, 28))
    assert (risk.declaration.number, risk.count, str(risk.value), risk.currency) == (out.number, 6, "75.00", "EUR")


# ---- the proof list


def test_the_proof_list_names_every_serial_and_every_exception(db, away, user, world):
    made, out = away
    scan(user, "return", made[0].code, BACK)
    scan(user, "return", made[1].code, BACK)
    declarations.save_back(back_head(), [made[0], made[2]], user, NOW)
    scan(user, "dispatch", boxes_after(world, user).code, LEFT + timedelta(days=2))
    told = proof.proof_of(out, datetime(2027, 3, 1, tzinfo=UTC))
    rows = {row.code: row for row in told.rows}
    assert len(rows) == 6
    assert rows["KLT-0001"].exceptions == ()
    assert rows["KLT-0001"].out.when == "2026-08-29 14:00 CST"
    assert (rows["KLT-0001"].back.place, rows["KLT-0001"].back.device) == ("SZ-PLANT", "TC22-01")
    assert rows["KLT-0001"].back_number == "224820270000000456"
    said = {code: " ".join(texts) for code, texts in ((row.code, row.exceptions) for row in told.rows)}
    assert "no declaration of re-import" in said["KLT-0002"]
    assert "not scanned back" in said["KLT-0003"]
    assert "open after the last day" in said["KLT-0004"]
    assert ("KLT-0099", "left on the shipment, not on its declaration 随该票发运，未列入报关单") in told.exceptions

    table = list(csv.reader(io.StringIO(proof.csv_file(told).decode("utf-8-sig"))))
    assert len(table) == 1 + 6 + 1  # head, boxes, the box that is not on the list
    assert table[1][0] == "KLT-0001"
    assert table[-1][0] == "KLT-0099"


def test_the_proof_list_as_pdf_repeats_its_head_and_counts_its_pages(db, app, world, user):
    import pypdf

    made = boxes(world, user, LEFT - timedelta(days=9), count=60)
    for asset in made:
        scan(user, "dispatch", asset.code, LEFT)
    out = declared(world, user, made, LEFT + timedelta(days=1))
    told = proof.proof_of(out, NOW)
    paper = proof.pdf(told)
    assert paper.pages > 1
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(paper.data)).pages]
    for number, text in enumerate(pages, 1):
        assert f"Page {number} of {len(pages)}" in text
        assert "224820260000000123" in text
    text = "".join("".join(pages).split())
    for asset in made:
        assert asset.code in text
    for words in ("supportsthedeclaration", "不代替报关单", "28FEB2027", "CSQU3054383", "COSU6391234560", told.sha256):
        assert words in text
    assert proof.pdf(told).data == paper.data


def test_a_scan_that_was_undone_stays_on_the_proof_list(db, away, user):
    made, out = away
    scan(user, "return", made[0].code, BACK)
    from assets.models import ScanEvent

    event = ScanEvent.get(ScanEvent.type == "return")
    record_scan(
        ScanInput("00000000-0000-4000-8000-000000000001", "void", "", NOW, reason="wrong box", voids=event.event_id),
        user, NOW,
    )  # fmt: skip
    told = proof.proof_of(out, NOW + timedelta(hours=1))
    row = next(row for row in told.rows if row.code == "KLT-0001")
    assert row.back.when == ""
    assert any("wrong box" in text for text in row.exceptions)


# ---- pages


def out_form(**more):
    return {
        "number": "224820260000000123", "item": "1", "country": "CN", "regime": "2600", "office": "2248", "destination": "DE",
        "declared_day": "2026-08-30", "exit_day": "2026-08-31", "months": "", "shipment": "S-2026-0001",
        "codes": "KLT-0001\nKLT-0002", **more,
    }  # fmt: skip


@on_both_databases
def test_a_declaration_is_recorded_from_the_shipment_with_the_boxes_that_were_scanned(db, client, world, user):
    for asset in boxes(world, user, LEFT - timedelta(days=9))[:2]:
        scan(user, "dispatch", asset.code, LEFT)
    page = client.get("/customs/declarations/new?shipment=S-2026-0001").get_data(as_text=True)
    assert re.search(r"KLT-0001\s+KLT-0002\s*</textarea>", page)
    assert "CSQU3054383" in page
    answer = client.post("/customs/declarations/new?shipment=S-2026-0001", data=out_form())
    assert answer.status_code == 302
    out = CustomsDeclaration.get()
    assert (out.months, out.due_day) == (6, date(2027, 2, 28))  # by the profile
    page = client.get(answer.headers["Location"]).get_data(as_text=True)
    assert "to be checked with the broker" in page
    assert "GACC Order No. 233" in page
    assert "2027-02-28" in page


def test_what_is_wrong_is_told_at_its_field_and_what_was_typed_stays(client, world, user):
    boxes(world, user, LEFT)
    answer = client.post(
        "/customs/declarations/new",
        data=out_form(codes="KLT-0001 KLT-7777", country="XX", months="0", shipment="S-1", exit_day="2025-01-01"),
    )
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    for sentence in ("no box with the code KLT-7777", "XX is no country", "from 1 to 120", "no shipment S-1"):
        assert sentence in page
    assert "KLT-0001 KLT-7777" in page
    assert not CustomsDeclaration.select().exists()
    assert "long before it was declared" in client.post(
        "/customs/declarations/new", data=out_form(shipment="", exit_day="2025-01-01")
    ).get_data(as_text=True)


def test_papers_of_a_temporary_export_are_offered_until_their_declaration_is_recorded(client, world, user):
    details = details_to_json(DETAILS.__class__(box_regime="2600"))
    world.shipment.details = details
    world.shipment.save()
    IssuedDocument.create(
        shipment=world.shipment, party=world.hamburg, seller=world.suzhou, type="china_export_declaration", part="2600-1",
        number="CD-2026-0007",
        issue_date=NOW.date(), state="issued", facts="{}", sha256="a" * 64, issued_time=datetime.now(UTC),
    )  # fmt: skip
    page = client.get("/customs/declarations").get_data(as_text=True)
    assert "To be recorded" in page
    assert "CD-2026-0007" in page
    boxes(world, user, LEFT)
    client.post("/customs/declarations/new?shipment=S-2026-0001", data=out_form())
    assert CustomsDeclaration.get().document.number == "CD-2026-0007"
    assert "To be recorded" not in client.get("/customs/declarations").get_data(as_text=True)


def test_all_boxes_that_are_back_by_scan_are_declared_back_in_one_go(client, away, user):
    made, out = away
    for asset in made[:2]:
        scan(user, "return", asset.code, BACK)
    page = client.get(f"/customs/declarations/{out.id}").get_data(as_text=True)
    assert "2 boxes are back by scan, but not declared back." in page
    form = client.get(f"/customs/back/new?declaration={out.id}&fill=back").get_data(as_text=True)
    assert re.search(r"KLT-0001\s+KLT-0002\s*</textarea>", form)
    answer = client.post(
        f"/customs/back/new?declaration={out.id}",
        data={
            "number": "B-1",
            "country": "CN",
            "regime": "2600",
            "declared_day": "2026-11-20",
            "codes": "KLT-0001, KLT-0002",
        },
    )
    assert answer.headers["Location"].endswith(f"/customs/declarations/{out.id}")
    assert states() == ["back", "back", "", "", "", ""]
    back = CustomsDeclaration.get(CustomsDeclaration.direction == "back")
    assert out.number in client.get(f"/customs/declarations/{back.id}").get_data(as_text=True)
    assert "Declared back" in client.get("/customs/boxes/KLT-0001").get_data(as_text=True)
    box = DeclaredBox.get(DeclaredBox.closing == "back")
    assert client.post(f"/customs/boxes/{box.id}/reopen", data={"reason": ""}).status_code == 400
    assert client.post(f"/customs/boxes/{box.id}/reopen", data={"reason": "typed wrong"}).status_code == 302
    assert "typed wrong" in client.get("/customs/boxes/KLT-0001").get_data(as_text=True)
    assert (
        client.post(
            f"/customs/declarations/{out.id}/close",
            data={"closing": "paid", "declared_day": "2026-11-21", "reference": "P-1", "codes": "KLT-0001"},
        ).status_code
        == 302
    )
    late = client.post(
        f"/customs/declarations/{out.id}/extend",
        data={"number": "E1", "applied_day": "2027-03-02", "until": "2027-08-31"},
    )
    assert late.status_code == 302
    assert "applied for after expiry" in client.get(f"/customs/declarations/{out.id}").get_data(as_text=True)
    assert client.post(f"/customs/declarations/{out.id}/extend", data={"number": "E2"}).status_code == 422


def test_a_line_of_the_profile_is_added_by_an_administrator_and_holds_from_then_on(client, world, user):
    line = {
        "country": "cn", "regime": "2600", "destination": "DE", "months": "5", "extensions": "", "extension_months": "",
        "source": "Letter of the broker", "read_day": "2026-11-01", "verified_by": "Gate Nine", "note": "",
    }  # fmt: skip
    assert client.post("/customs/clocks", data={**line, "months": "x"}).status_code == 422
    assert client.post("/customs/clocks", data=line).status_code == 302
    assert client.post("/customs/clocks", data={**line, "months": "4"}).status_code == 302
    assert [(row.country, row.months) for row in ClockRule.select()] == [("CN", 4)]
    page = client.get("/customs/clocks").get_data(as_text=True)
    assert "Gate Nine" in page
    assert "nobody: to be checked with the broker" in page
    boxes(world, user, LEFT)
    client.post("/customs/declarations/new", data=out_form())
    assert CustomsDeclaration.get().months == 4
    assert client.post(f"/customs/clocks/{ClockRule.get().id}/delete").status_code == 302


@on_both_databases
def test_pages_ask_as_many_queries_for_many_boxes_as_for_few(db, client, world, user, caplog):
    def queries(url):
        caplog.clear()
        with caplog.at_level("DEBUG", logger="peewee"):
            assert client.get(url).status_code == 200
        return sum(record.name == "peewee" for record in caplog.records)

    made = boxes(world, user, LEFT - timedelta(days=9), count=40)
    for asset in made:
        scan(user, "dispatch", asset.code, LEFT)
    few = declared(world, user, made[:1], NOW, number="1")
    urls = ("/customs/declarations", f"/customs/declarations/{few.id}", "/customs/boxes/KLT-0001",
            f"/customs/declarations/{few.id}/proof.csv", f"/customs/declarations/{few.id}/edit")  # fmt: skip
    before = [queries(url) for url in urls]
    declarations.save_out(head(world, number="1"), made, user, NOW, few)
    for number in range(2, 8):
        declared(world, user, made[number : number + 3], NOW, number=str(number), shipment=None)
    # one less where the boxes that were on no list are on one now
    assert all(now <= then for now, then in zip([queries(url) for url in urls], before, strict=True))
