"""SSCC: built right, given once, never again, never wrapped round; by many at once."""

from __future__ import annotations

import multiprocessing
from typing import Any

import pytest
from biip.sscc import Sscc
from conftest import NOW, on_both_databases
from hypothesis import given
from hypothesis import strategies as st
from samples import World, party
from stdnum import gs1_128

from database import close_all, taking_turns
from database import db as proxy
from docs_gen.facts import shipment_facts
from docs_gen.models import LogisticUnit, NumberSeries
from docs_gen.sscc import allocate, sscc
from errors import Refused
from master_data.models import Party
from shipments.models import Package, Shipment

_FORK = multiprocessing.get_context("fork")


def given_to(shipment: Shipment, packages: int) -> tuple[str, ...]:
    with taking_turns():
        return allocate(Shipment.get_by_id(shipment.id), packages, NOW)


def another(world: World, number: str, consignor: Party | None = None) -> Shipment:
    values = {name: getattr(world.shipment, name) for name in Shipment._meta.sorted_field_names if name != "id"}
    return Shipment.create(**{**values, "number": number, "consignor": consignor or world.suzhou})


@pytest.fixture
def prefixed(world: World) -> World:
    world.suzhou.gs1_company_prefix = "4012345"
    world.suzhou.save()
    return world


def test_the_number_of_the_reference_and_of_the_general_specifications() -> None:
    assert sscc("6901234", 123) == "069012340000001235"
    # GS1 General Specifications, figure on AI (00): extension digit and prefix are ours, the check digit is the point
    assert gs1_128.validate(f"(00){sscc('4012345', 1)}") == f"00{sscc('4012345', 1)}"


@given(st.from_regex(r"[0-9]{4,12}", fullmatch=True), st.integers(0, 10**4 - 1))
def test_two_independent_libraries_accept_every_number(prefix: str, serial: int) -> None:
    made = sscc(prefix, serial)
    assert len(made) == 18
    assert Sscc.parse(made).value == made
    assert gs1_128.is_valid(f"(00){made}")
    assert made[1 : 1 + len(prefix)] == prefix
    assert int(made[1 + len(prefix) : 17]) == serial


@pytest.mark.parametrize("prefix", ["", "123", "1234567890123", "40I2345", "４０１２３４５"])
def test_what_is_no_company_prefix_makes_no_number(prefix: str) -> None:
    with pytest.raises(ValueError, match="no GS1 company prefix"):
        sscc(prefix, 1)


def test_a_serial_that_does_not_fit_makes_no_number() -> None:
    assert sscc("123456789012", 9999)[13:17] == "9999"
    with pytest.raises(ValueError, match="does not fit"):
        sscc("123456789012", 10_000)


@on_both_databases
def test_each_package_gets_its_own_number_and_keeps_it(prefixed: World) -> None:
    first = given_to(prefixed.shipment, 13)
    assert first == tuple(sscc("4012345", serial) for serial in range(1, 14))
    assert given_to(prefixed.shipment, 13) == first
    assert given_to(prefixed.shipment, 15) == (*first, sscc("4012345", 14), sscc("4012345", 15))
    assert given_to(prefixed.shipment, 12) == first[:12]  # fewer packages: none is given back
    assert given_to(another(prefixed, "S-2026-0002"), 1) == (sscc("4012345", 16),)
    rows = list(LogisticUnit.select().order_by(LogisticUnit.id))
    assert len({row.sscc for row in rows}) == len(rows) == 16
    assert NumberSeries.get(NumberSeries.prefix == "SSCC").year == 0


def test_the_facts_have_the_numbers_of_the_packages_that_there_are(prefixed: World) -> None:
    numbers = given_to(prefixed.shipment, 13)
    assert shipment_facts(prefixed.shipment, "https://x.example").ssccs == numbers
    Package.update(count=10).where(Package.position == 1).execute()
    assert shipment_facts(prefixed.shipment, "https://x.example").ssccs == numbers[:11]


def test_a_transaction_that_fails_gives_its_numbers_back(prefixed: World) -> None:
    with taking_turns(), proxy.atomic() as inner:
        allocate(prefixed.shipment, 5, NOW)
        inner.rollback()
    assert not LogisticUnit.select().exists()
    assert given_to(prefixed.shipment, 1) == (sscc("4012345", 1),)


def test_without_a_prefix_there_is_none(world: World) -> None:
    with pytest.raises(Refused) as refused:
        given_to(world.shipment, 1)
    assert refused.value.reason == "no_gs1_prefix"


def test_the_numbers_of_a_prefix_end_and_do_not_begin_anew(world: World) -> None:
    world.suzhou.gs1_company_prefix = "123456789012"
    world.suzhou.save()
    assert len(given_to(world.shipment, 9_990)) == 9_990
    other = another(world, "S-2026-0002")
    with pytest.raises(Refused, match="only 9 SSCC left, 10 are needed") as refused:
        given_to(other, 10)
    assert refused.value.reason == "sscc_exhausted"
    assert given_to(other, 9)[-1] == sscc("123456789012", 9_999)
    with pytest.raises(Refused, match="only 0 SSCC left"):
        given_to(another(world, "S-2026-0003"), 1)


def test_two_companies_with_one_prefix_share_its_numbers(prefixed: World) -> None:
    other = party(NOW, code="WUXI", gs1_company_prefix="4012345")
    assert given_to(prefixed.shipment, 2) == (sscc("4012345", 1), sscc("4012345", 2))
    assert given_to(another(prefixed, "S-2026-0002", other), 1) == (sscc("4012345", 3),)


def test_a_prefix_that_was_away_and_comes_back_goes_on_where_it_was(prefixed: World) -> None:
    given_to(prefixed.shipment, 5)
    Party.update(gs1_company_prefix="6901234").where(Party.id == prefixed.suzhou.id).execute()
    assert given_to(another(prefixed, "S-2026-0002"), 1)[0].startswith("06901234")
    Party.update(gs1_company_prefix="4012345").where(Party.id == prefixed.suzhou.id).execute()
    NumberSeries.update(last=0).execute()  # even when the series were lost
    assert given_to(another(prefixed, "S-2026-0003"), 1) == (sscc("4012345", 6),)


def _allocate(id: int, gate: Any) -> None:
    gate.wait()
    with proxy.connection_context():
        given_to(Shipment.get_by_id(id), 7)


@on_both_databases
def test_ten_processes_never_get_the_same_number(prefixed: World) -> None:
    ids = [another(prefixed, f"S-2026-1{number:03}").id for number in range(10)]
    close_all()
    if not proxy.is_closed():
        proxy.close()
    gate = _FORK.Barrier(len(ids))
    processes = [_FORK.Process(target=_allocate, args=(id, gate)) for id in ids]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * len(ids)
    proxy.connect(reuse_if_open=True)
    numbers = sorted(row.sscc for row in LogisticUnit.select())
    assert numbers == [sscc("4012345", serial) for serial in range(1, 71)]
