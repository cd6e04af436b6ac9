"""save_shipment(): whole or not at all, never over somebody else's work, every number once."""

import threading
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from conftest import NOW, on_both_databases

from errors import InvalidInput, Refused
from shipments.booking import entry_of, save_shipment, set_state
from shipments.credits import CreditEntry, save_credit
from shipments.models import Package, Shipment, ShipmentLine
from shipments.rules import LineEntry


def rows():
    """Everything that is stored of shipments."""
    return [list(model.select().order_by(model.id).dicts()) for model in (Shipment, ShipmentLine, Package)]


@on_both_databases
def test_what_is_saved_is_read_back_the_same(db, world):
    entry = entry_of(Shipment.get())
    made = save_shipment(entry, None, 0, None, NOW)
    assert (made.number, made.version, made.created_time) == ("S-2026-0002", 1, NOW)
    assert entry_of(made) == entry


@on_both_databases
def test_saving_again_replaces_lines_and_packages(db, world):
    entry = replace(
        entry_of(Shipment.get()), lines=(LineEntry("10-5200", Decimal(5), Decimal("0.000001")),), packages=()
    )
    saved = save_shipment(entry, "S-2026-0001", 1, None, NOW)
    assert saved.version == 2
    assert [(line.position, str(line.unit_price)) for line in saved.lines] == [(1, "0.000001")]
    assert saved.packages.count() == 0


@on_both_databases
def test_a_stale_version_changes_nothing(db, world):
    entry = entry_of(Shipment.get())
    save_shipment(replace(entry, vessel="FIRST"), "S-2026-0001", 1, None, NOW)
    before = rows()
    with pytest.raises(Refused) as refused:
        save_shipment(replace(entry, vessel="SECOND"), "S-2026-0001", 1, None, NOW)
    assert refused.value.reason == "stale"
    assert rows() == before


@on_both_databases
def test_an_entry_that_breaks_a_rule_changes_nothing(db, world):
    entry = entry_of(Shipment.get())
    before = rows()
    wrong = replace(entry, lines=(*entry.lines, LineEntry("10-4711", Decimal(0), Decimal(1))))
    for number in (None, "S-2026-0001"):
        with pytest.raises(InvalidInput) as invalid:
            save_shipment(wrong, number, 1, None, NOW)
        assert invalid.value.field == "lines-2-quantity"
    assert rows() == before


@on_both_databases
def test_a_failure_in_the_last_step_leaves_nothing_behind(db, world, monkeypatch):
    before = rows()

    def broken(*_):
        raise OSError("disk full")

    monkeypatch.setattr("shipments.booking._package", broken)
    for number in (None, "S-2026-0001"):
        with pytest.raises(OSError, match="disk full"):
            save_shipment(entry_of(Shipment.get()), number, 1, None, NOW)
    assert rows() == before


@on_both_databases
def test_savers_at_once_get_different_numbers(db, world):
    entry, numbers, faults = entry_of(Shipment.get()), [], []
    start = threading.Barrier(4)

    def save():
        try:
            with db.connection_context():
                start.wait()
                for _ in range(5):
                    numbers.append(save_shipment(entry, None, 0, None, NOW).number)
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=save) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert sorted(numbers) == [f"S-2026-{n:04d}" for n in range(2, 22)]
    assert ShipmentLine.select().count() == 21 * 2


@on_both_databases
def test_one_of_two_who_save_the_same_shipment_at_once_is_refused(db, world):
    entry, results = entry_of(Shipment.get()), []
    start = threading.Barrier(2)

    def save(vessel):
        with db.connection_context():
            start.wait()
            try:
                results.append(save_shipment(replace(entry, vessel=vessel), "S-2026-0001", 1, None, NOW).vessel)
            except Refused as refused:
                results.append(refused.reason)

    threads = [threading.Thread(target=save, args=(vessel,)) for vessel in ("A", "B")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count("stale") == 1
    stored = Shipment.get()
    assert (stored.version, stored.lines.count()) == (2, 2)
    assert stored.vessel in results


@on_both_databases
def test_numbers_go_on_behind_9999_and_start_anew_each_year(db, world):
    entry = entry_of(Shipment.get())
    Shipment.update(number="S-2026-9999").execute()
    assert save_shipment(entry, None, 0, None, NOW).number == "S-2026-10000"
    assert save_shipment(entry, None, 0, None, NOW).number == "S-2026-10001"
    assert save_shipment(entry, None, 0, None, datetime(2027, 1, 4, tzinfo=UTC)).number == "S-2027-0001"


@on_both_databases
def test_a_closed_shipment_is_not_changed(db, world):
    set_state("S-2026-0001", "dispatched", None, NOW)
    assert set_state("S-2026-0001", "closed", None, NOW).version == 3
    with pytest.raises(Refused) as refused:
        save_shipment(entry_of(Shipment.get()), "S-2026-0001", 3, None, NOW)
    assert refused.value.reason == "shipment_closed"


@on_both_databases
def test_a_change_of_state_makes_an_open_page_stale(db, world):
    set_state("S-2026-0001", "dispatched", None, NOW)
    with pytest.raises(Refused) as refused:
        save_shipment(entry_of(Shipment.get()), "S-2026-0001", 1, None, NOW)
    assert refused.value.reason == "stale"


@on_both_databases
def test_an_unknown_shipment(db, world):
    for act in (
        lambda: save_shipment(entry_of(Shipment.get()), "S-1", 1, None, NOW),
        lambda: set_state("S-1", "open", None, NOW),
    ):
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.reason == "unknown_shipment"


@on_both_databases
def test_a_thousand_lines(db, world):
    entry = replace(entry_of(Shipment.get()), lines=(LineEntry("10-4711", Decimal(1), Decimal(1)),) * 1000)
    assert save_shipment(entry, None, 0, None, NOW).lines.count() == 1000


def full_entry():
    """The stored shipment with every role filled, and lines on two invoices."""
    credit = CreditEntry(
        code="LC-1", number="1", issue_date=date(2026, 10, 1), expiry_date=date(2027, 1, 1), issuing_bank="Bank",
        applicant="HAMBURG", beneficiary="SUZHOU", currency="EUR", amount=Decimal(1),
    )  # fmt: skip
    save_credit(credit, None, NOW)
    entry = entry_of(Shipment.get())
    return replace(
        entry, buyer="NAGOYA", manufacturer="SUZHOU", forwarder="NAGOYA", carrier="HAMBURG", broker="NAGOYA",
        deliver_to="HH-VMI", letter_of_credit="LC-1", invoiced_with="S-2026-0001",
        lines=tuple(replace(line, invoice_group=group) for line, group in zip(entry.lines, ("A", "B2"), strict=True)),
    )  # fmt: skip


@on_both_databases
def test_every_role_is_saved_and_read_back(db, world):
    entry = full_entry()
    made = save_shipment(entry, None, 0, None, NOW)
    assert entry_of(made) == entry
    assert (made.invoiced_with, made.deliver_to, made.buyer) == (world.shipment, world.warehouse, world.nagoya)
    assert made.details == "{}"


@on_both_databases
def test_what_shares_an_invoice_is_checked_when_it_is_saved(db, world):
    first = entry_of(Shipment.get())
    second = save_shipment(replace(first, invoiced_with="S-2026-0001"), None, 0, None, NOW)
    for number, changes, field in (
        (None, {"invoiced_with": "S-2026-0002"}, "invoiced_with"),  # a chain
        ("S-2026-0001", {"invoiced_with": "S-2026-0002"}, "invoiced_with"),  # a ring
        ("S-2026-0001", {"invoiced_with": "S-2026-0001"}, "invoiced_with"),  # itself
        ("S-2026-0001", {"consignee": "NAGOYA"}, "consignee"),  # another than its follower
        ("S-2026-0002", {"invoiced_with": "S-2026-0001", "currency": "USD"}, "invoiced_with"),
    ):
        with pytest.raises(InvalidInput) as invalid:
            save_shipment(replace(first, **changes), number, 1, None, NOW)
        assert invalid.value.field == field
    set_state("S-2026-0002", "cancelled", None, NOW)
    assert save_shipment(replace(first, consignee="NAGOYA"), "S-2026-0001", 1, None, NOW).version == 2
    assert Shipment.get_by_id(second.id).invoiced_with == Shipment.get(number="S-2026-0001")


@on_both_databases
def test_two_that_join_each_other_at_once_do_not_become_a_ring(db, world):
    entry, results = entry_of(Shipment.get()), []
    save_shipment(entry, None, 0, None, NOW)
    start = threading.Barrier(2)

    def join(number, other):
        with db.connection_context():
            start.wait()
            try:
                save_shipment(replace(entry, invoiced_with=other), number, 1, None, NOW)
                results.append("saved")
            except InvalidInput as invalid:
                results.append(invalid.field)

    pairs = [("S-2026-0001", "S-2026-0002"), ("S-2026-0002", "S-2026-0001")]
    threads = [threading.Thread(target=join, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["invoiced_with", "saved"]
    assert Shipment.select().where(Shipment.invoiced_with.is_null(False)).count() == 1


def test_saving_asks_as_many_queries_for_many_lines_as_for_few(db, world, caplog):
    def queries(count):
        caplog.clear()
        entry = replace(few, lines=few.lines * count, packages=few.packages * count)
        with caplog.at_level("DEBUG", "peewee"):
            entry_of(save_shipment(entry, None, 0, None, NOW))
        return len([record for record in caplog.records if record.name == "peewee"])

    few = full_entry()
    least = queries(1)
    assert queries(40) == least
    assert least <= 31  # the last one orders the preparation of the papers
