"""The rules of foresight: the worked examples of each formula, and an independent statistics library that agrees."""

from __future__ import annotations

import warnings
from random import Random

import numpy as np
import pytest
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight

from foresight import fleet, metrics
from foresight.fleet import Flow
from foresight.shortage import Planned, Returning, Situation, expected_returns, forecast
from foresight.survival import (
    Spell,
    aalen_johansen,
    basis,
    bootstrap,
    ended,
    first_in_first_out,
    kaplan_meier,
)  # fmt: skip


def trips(text: str) -> list[Spell]:
    """3 5 5+ is: back on day 3, back on day 5, still out on day 5; 8x is lost on day 8; 4>9 was first seen at age 4."""
    spells = []
    for word in text.split():
        entry, _, rest = word.rpartition(">")
        end = {"+": "", "x": "lost"}.get(rest[-1], "returned")
        spells.append(Spell(int(rest.rstrip("+x")), end, int(entry or -1)))
    return spells


# return times


def test_the_first_worked_example_of_the_reference():
    curve = kaplan_meier(trips("3 5 5+ 8 9+ 12"))
    assert [round(curve.out_after(day), 4) for day in (2, 3, 5, 8, 11, 12)] == [
        1.0,
        0.8333,
        0.6667,
        0.4444,
        0.4444,
        0.0,
    ]
    assert curve.quantile(0.5) == 8
    assert curve.at_risk == (6, 5, 3, 1)


def test_the_second_worked_example_of_the_reference():
    curve = kaplan_meier(trips("10 12 14 14+ 18 20 20 25+ 30 30 35+ 40 41+ 45 60+"))
    found = {day: round(curve.out_after(day), 6) for day in (14, 18, 20, 30, 40, 45)}
    assert found == {14: 0.8, 18: 0.727273, 20: 0.581818, 30: 0.415584, 40: 0.311688, 45: 0.155844}
    assert (curve.quantile(0.5), curve.quantile(0.75), curve.quantile(0.9)) == (30, 45, None)


def test_a_quantile_that_is_never_reached_is_not_the_last_day():
    assert kaplan_meier(trips("3 9+")).quantile(0.9) is None
    assert kaplan_meier(trips("9+ 9+")).quantile(0.5) is None
    assert kaplan_meier([]).quantile(0.5) is None


def test_a_quantile_does_not_hang_on_the_last_bit_of_a_float():
    for n in range(2, 60, 2):
        spells = trips(" ".join(f"{day + 1}" for day in range(n)))
        assert kaplan_meier(spells).quantile(0.5) == n // 2


def test_on_one_day_returns_come_before_censorings():
    assert kaplan_meier(trips("5 5+")).out_after(5) == 0.5


def test_boxes_that_were_out_already_are_at_risk_only_from_the_age_they_had():
    # Two boxes first seen at age 10; one that was seen leaving is back on day 5, while they were not yet watched.
    curve = kaplan_meier(trips("5 8 20 10>12 10>30"))
    assert dict(zip(curve.days, curve.at_risk, strict=True)) == {5: 3, 8: 2, 12: 3, 20: 2, 30: 1}
    naive = kaplan_meier(trips("5 8 20 12 30"))
    assert curve.out_after(9) < naive.out_after(9), "counting them from day 0 overstates how long boxes stay away"


def test_what_ended_on_the_day_we_began_to_look_says_nothing():
    assert kaplan_meier(trips("7>7 3>3+ 5 9")) == kaplan_meier(trips("5 9"))
    assert ended(trips("7>7 5 9+")) == 1


def test_a_curve_that_ends_before_older_boxes_begin_is_known_as_broken():
    assert kaplan_meier(trips("3 10>20 10>20+")).broken
    assert not kaplan_meier(trips("3 10 10+ 4>20")).broken
    assert not kaplan_meier(trips("3 5 5+ 8 9+ 12")).broken


def test_losses_are_an_end_of_their_own():
    curve = aalen_johansen(trips("2 4x 6 8"))
    assert curve.returned == pytest.approx((0.25, 0.25, 0.5, 0.75))
    assert curve.lost == pytest.approx((0.0, 0.25, 0.25, 0.25))
    assert curve.quantile(0.9) is None, "a quarter never comes back"
    assert kaplan_meier(trips("2 4x 6 8")).quantile(0.9) == 8, "as censored it would"


def test_the_chance_of_an_open_trip_is_conditional_on_its_age():
    curve = aalen_johansen(trips("2 4x 6 8"))
    assert curve.back_within(2, 0) == pytest.approx(0.25)
    assert curve.back_within(2, 4) == pytest.approx(0.25 / 0.5)
    assert curve.back_within(10, 5) == pytest.approx(1.0)
    assert curve.back_within(10, 8) == 0.0, "older than any that was seen: nothing is known"
    assert curve.back_within(0, 3) == 0.0


def test_mean_days_away_is_the_area_under_the_share_still_out():
    curve = aalen_johansen(trips("2 4 6"))
    assert (curve.mean_out, curve.complete) == (pytest.approx(4.0), True)
    assert (aalen_johansen(trips("2 10+")).mean_out, aalen_johansen(trips("2 10+")).complete) == (
        pytest.approx(6.0),
        False,
    )


def random_spells(random: Random, *, losses: bool) -> list[Spell]:
    """Ties are many (30 days), a third censored, a third truncated; some are watched from day 0 to the last day."""
    spells = [Spell(31, "", -1), Spell(31, "", -1), Spell(31, "", -1)]
    for _ in range(random.randint(1, 120)):
        days = random.randint(1, 30)
        entry = random.randint(0, days - 1) if random.random() < 0.33 else -1
        end = random.choice(["", "returned", "returned", "lost" if losses else "returned"])
        spells.append(Spell(days, end, entry, random.choice([1, 1, 2, 5])))
    return spells


def columns(spells: list[Spell]):
    rows = [spell for spell in spells for _ in range(spell.count)]
    code = {"": 0, "returned": 1, "lost": 2}
    return (
        np.array([row.days for row in rows]), np.array([code[row.end] for row in rows]),
        np.array([float(max(0, row.entry)) for row in rows]),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_a_statistics_library_agrees_on_kaplan_meier_with_left_truncation_and_ties(seed):
    spells = random_spells(Random(seed), losses=False)
    days, ends, entry = columns(spells)
    theirs = SurvfuncRight(days, ends, entry=entry)
    ours = kaplan_meier(spells)
    assert list(theirs.surv_times) == list(ours.days)
    assert list(theirs.n_risk) == list(ours.at_risk)
    assert np.allclose(theirs.surv_prob, ours.out, atol=1e-9, rtol=0)


@pytest.mark.parametrize("seed", range(40))
def test_a_statistics_library_agrees_on_cumulative_incidence(seed):
    spells = random_spells(Random(1000 + seed), losses=True)
    days, ends, entry = columns(spells)
    # The library knows no left truncation here, but frequency weights: minus one box censored at each age of entry
    # takes it out of the set at risk up to there.
    late = entry[entry > 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = CumIncidenceRight(
            np.concatenate([days, late]), np.concatenate([ends, np.zeros(len(late), dtype=int)]),
            freq_weights=np.concatenate([np.ones(len(days)), -np.ones(len(late))]),
        )  # fmt: skip
    ours = aalen_johansen(spells)
    for cause, mine in ((0, ours.returned_by), (1, ours.lost_by)):
        if cause < len(theirs.cinc):
            assert np.allclose(theirs.cinc[cause], [mine(day) for day in theirs.times], atol=1e-9, rtol=0)
    both = SurvfuncRight(days, (ends > 0).astype(int), entry=entry)
    assert np.allclose(both.surv_prob, ours.out, atol=1e-9, rtol=0)
    assert np.allclose([1 - r - lost for r, lost in zip(ours.returned, ours.lost, strict=True)], ours.out, atol=1e-9)


def test_intervals_draw_whole_shipments_and_are_wider_than_those_of_single_boxes():
    random = Random(7)
    clustered = [Spell(random.randint(20, 60), "returned", count=50, cluster=f"S{number}") for number in range(20)]
    alone = [
        Spell(spell.days, "returned", cluster=f"{spell.cluster}/{i}") for spell in clustered for i in range(spell.count)
    ]
    median = lambda curve: (curve.quantile(0.5),)  # noqa: E731
    (wide,), (narrow,) = bootstrap(clustered, median), bootstrap(alone, median, runs=40)
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])
    assert bootstrap(clustered, median) == bootstrap(clustered, median), "the same figures at each look"
    assert bootstrap(clustered[:7], median) is None


def test_an_interval_whose_bound_was_not_reached_says_so():
    spells = [Spell(10 + n, "returned" if n % 2 else "", cluster=str(n)) for n in range(12)]
    ((_low, high),) = bootstrap(spells, lambda curve: (curve.quantile(0.9),))
    assert high is None


def test_below_twenty_ended_trips_the_next_larger_choice_is_taken_and_named():
    few, more = trips("5 " * 19), trips("5 " * 19 + "9")
    assert basis([("lane", few), ("partner", more), ("type", more)], 60).level == "partner"
    assert basis([("lane", more), ("partner", more)], 60).level == "lane"
    agreed = basis([("lane", few), ("partner", few), ("type", few)], 60)
    assert (agreed.level, agreed.curve, agreed.ended) == ("agreed", None, 0)
    broken = trips("5 " * 30 + "50>60 50>60")
    assert basis([("lane", broken), ("type", more)], 60).level == "type"


def test_by_agreement_a_box_comes_on_its_last_day_and_an_overdue_one_is_not_counted_on():
    agreed = basis([], 60)
    assert [agreed.back_within(days, 50) for days in (0, 9, 10, 30)] == [0.0, 0.0, 1.0, 1.0]
    assert [agreed.back_within(days, 60) for days in (0, 1)] == [0.0, 1.0], "due today: with the next day"
    assert agreed.back_within(30, 61) == 0.0
    assert basis([], 0).back_within(30, 5) == 0.0


def test_counted_pools_first_in_first_out():
    spells = first_in_first_out([(10, 100), (20, 50)], [(30, 120), (40, 10), (5, 7)], today=50)
    assert [(day, spell.days, spell.end, spell.count) for day, spell in spells] == [
        (10, 20, "returned", 100), (20, 10, "returned", 20), (20, 20, "returned", 10), (20, 30, "", 20),
    ]  # fmt: skip
    assert first_in_first_out([], [(5, 7)], 9) == []


def test_what_a_partner_had_before_goes_back_first_and_makes_no_trip():
    sent, back = [(10, 100)], [(12, 40), (30, 60)]
    assert [(spell.days, spell.end, spell.count) for _, spell in first_in_first_out(sent, back, 50, held=50)] == [
        (20, "returned", 50), (40, "", 50),
    ]  # fmt: skip
    written_off = first_in_first_out([(10, 100), (20, 10)], [(30, 60)], 50, held=35)
    assert [(spell.days, spell.end, spell.count) for _, spell in written_off] == [
        (20, "returned", 60), (40, "", 25), (30, "", 10),
    ]  # fmt: skip


# fleet size


def test_the_three_safety_stocks_of_the_reference():
    z = fleet.SERVICE[95]
    assert round(fleet.independent(Flow(20, 45), z)) == 949
    assert round(fleet.batched(Flow(20, 45, batch=10), z)) == 1056
    assert round(fleet.common_delay(Flow(20, 45, cycle_sd=12), z)) == 1298
    assert fleet.common_delay(Flow(20, 45), z) is None
    assert Flow(20, 45).mean == 900


def test_batches_of_different_size_need_more():
    flow = Flow(20, 45, batch=10, batch_cv=0.5)
    assert (fleet.batched(flow, 1.0) - 900) ** 2 == pytest.approx(11_250)


def test_history_with_the_dispersion_of_single_boxes_gives_the_first_variant():
    flow = Flow(20, 45)
    assert fleet.from_history(flow, 1.645, 1.0) == fleet.independent(flow, 1.645)
    assert fleet.from_history(flow, 1.645, None) is None


def test_dispersion_of_the_daily_number_out():
    assert fleet.dispersion([8, 12] * 20) == pytest.approx(4 / 10)
    assert fleet.dispersion([8, 12] * 14) is None, "28 days are too few"
    assert fleet.dispersion([0] * 40) is None


def test_dispersion_finds_the_batches_of_a_simulated_flow():
    # 2 shipments of 10 a day (Poisson), each away 30 to 60 days together: the factor is that of the batches.
    random, days, moment = Random(3), 30_000, 0.0
    change = [0] * (days + 100)
    while (moment := moment + random.expovariate(2)) < days:
        change[int(moment)] += 10
        change[int(moment) + random.randint(30, 60)] -= 10
    out, now = [], 0
    for step in change[:days]:
        now += step
        out.append(now)
    assert fleet.dispersion(out[100:]) == pytest.approx(10, rel=0.1)


def test_additions_to_the_fleet():
    assert fleet.with_additions(1000, peak=1.1, in_repair=12, lost_a_day=0.05, lead_days=60) == pytest.approx(1115)


# metrics


def test_sample_size_of_the_reference():
    assert metrics.sample_size(5000, 0.05, 0.02) == 419
    assert metrics.sample_size(10, 0.5, 0.01) == 10, "never more than there are"


def test_chapman_of_the_reference():
    assert round(metrics.chapman(180, 160, 120)) == 240


def test_wilson_interval_against_the_statistics_library():
    from statsmodels.stats.proportion import proportion_confint

    for hits, n in ((0, 20), (1, 30), (15, 30), (30, 30), (7, 1234)):
        assert metrics.wilson(hits, n) == pytest.approx(proportion_confint(hits, n, method="wilson"), abs=1e-9)
    assert metrics.wilson(0, 0) is None


def test_turns_loss_damage_overdue_and_use_by_hand():
    assert metrics.turns_per_year(closed=400, days=182, boxes=200).value == pytest.approx(365 * 400 / (182 * 200))
    loss = metrics.loss_rate(lost=3, unseen=1, dispatched=200, limit=120)
    assert (loss.value, loss.n) == (pytest.approx(2.0), 200)
    assert loss.low < 2.0 < loss.high
    assert metrics.damage_rate(damaged=4, returned=160).value == pytest.approx(2.5)
    assert metrics.overdue_box_days([(5, 10), (2, 1), (0, 100), (-3, 50)]).value == 52
    assert metrics.overdue_box_days([(5, 10), (2, 1), (0, 100)]).n == 11
    assert metrics.utilisation(days_away=9000, days=100, boxes=120).value == pytest.approx(75.0)
    assert metrics.coverage(3, 4) == 75
    assert metrics.coverage(0, 0) is None


@pytest.mark.parametrize(
    "metric",
    [
        metrics.turns_per_year(19, 365, 100),
        metrics.turns_per_year(100, 0, 100),
        metrics.loss_rate(1, 0, 19, 365),
        metrics.damage_rate(1, 19),
        metrics.return_rate(None, 60, 100),
        metrics.return_rate(kaplan_meier(trips("5 " * 19)), 5, 19),
        metrics.return_rate(kaplan_meier(trips("5 " * 20)), 6, 20),
        metrics.utilisation(1, 10, 0),
    ],
)
def test_no_figure_where_the_cases_are_too_few_and_a_reason_instead(metric):
    assert metric.value is None
    assert metric.missing is not None
    assert metric.formula.text


def test_a_leg_has_quantiles_from_twenty_trips_on():
    few = metrics.leg("x", [(5, 19)], 40)
    assert (few.n, few.median, few.p90, few.covered) == (19, None, None, 47.5)
    leg = metrics.leg("x", [(5, 10), (9, 8), (30, 2)], 40)
    assert (leg.median, leg.p90, leg.longest, leg.covered) == (7.0, 9, 30, 50.0)


# shortage


def sure(label, boxes, day, horizon=30):
    return Returning(label, boxes, tuple(float(h >= day) for h in range(horizon + 1)))


def situation(**changes):
    return Situation(**{
        "in_hand": 10, "minimum": 0, "usable": 1.0, "check_days": 0, "returning": (), "planned": (), **changes,
    })  # fmt: skip


def test_available_is_what_is_in_hand_and_came_back_less_what_was_planned():
    found = forecast(situation(returning=(sure("A", 6, 3),), planned=(Planned("S1", 2, 8), Planned("S2", 4, 7))), 5)
    assert [day.available for day in found.days] == [10, 10, 2, 8, 1, 1]
    assert [day.returns for day in found.days] == [0, 0, 0, 6, 0, 0]
    assert [day.need for day in found.days] == [0, 0, 8, 0, 7, 0]
    assert (found.first_short, found.hit) == (None, ())


def test_the_day_it_breaks_and_the_shipments_that_are_hit_in_order():
    plan = (Planned("S3", 6, 2), Planned("S1", 2, 8), Planned("S2", 4, 7), Planned("S4", 60, 99))
    found = forecast(situation(planned=plan), 7)
    assert found.first_short == 4
    assert [(hit.planned.label, hit.probability, hit.missing) for hit in found.hit] == [
        ("S2", 1.0, 5.0),
        ("S3", 1.0, 2.0),
    ]
    assert [hit.planned.label for hit in found.shipments] == ["S1", "S2", "S3"], (
        "what is beyond the horizon is not asked"
    )


def test_below_the_minimum_is_short_though_no_shipment_is_hit():
    found = forecast(situation(minimum=5, planned=(Planned("S1", 2, 6),)), 3)
    assert (found.first_short, found.hit) == (2, ())
    assert forecast(situation(in_hand=4, minimum=5), 3).first_short == 0


def test_damaged_boxes_and_days_of_checking_hold_returns_back():
    found = forecast(situation(usable=0.9, check_days=2, returning=(sure("A", 100, 1),)), 4)
    assert [day.available for day in found.days] == [10, 10, 10, 100, 100]


def test_what_should_have_left_already_is_needed_today():
    assert forecast(situation(planned=(Planned("S1", -3, 4),)), 1).days[0].need == 4


def test_probabilities_are_those_of_whole_shipments():
    half = Returning("A", 100, (0.0, 0.5, 0.5, 0.5))
    found = forecast(situation(in_hand=0, returning=(half,), planned=(Planned("S1", 2, 60),)), 3)
    assert found.days[2].short == pytest.approx(0.5, abs=0.05), "box by box it would be nearly safe to miss"
    assert found.days[1].available == pytest.approx(50, abs=5)
    assert (found.days[1].low, found.days[1].high) == (0, 100)
    assert found.hit[0].missing == pytest.approx(60)
    assert expected_returns((half, sure("B", 10, 3)), 3) == 60
    two = (half, Returning("B", 100, (0.0, 0.5, 0.5, 0.5)))
    found = forecast(situation(in_hand=0, returning=two, planned=(Planned("S1", 2, 60),)), 3)
    assert found.days[2].short == pytest.approx(0.25, abs=0.05)


def test_twenty_per_cent_is_the_edge():
    for chance, first in ((0.85, None), (0.75, 2)):
        one = Returning("A", 60, (0.0, chance, chance, chance))
        assert forecast(situation(in_hand=0, returning=(one,), planned=(Planned("S1", 2, 60),)), 3).first_short == first


def test_the_same_facts_give_the_same_answer():
    mine = situation(
        returning=tuple(Returning(str(n), 7, (0.0, 0.2, 0.4, 0.7)) for n in range(9)), planned=(Planned("S1", 2, 40),)
    )
    assert forecast(mine, 3, seed="KLT/SZ/2026-11-23") == forecast(mine, 3, seed="KLT/SZ/2026-11-23")
    assert forecast(mine, 3, seed="KLT/SZ/2026-11-24") != forecast(mine, 3, seed="KLT/SZ/2026-11-23")


def test_boxes_of_a_planned_shipment_come_back_too_but_not_those_that_it_misses():
    back_in_2 = (0.0, 0.0, 1.0, 1.0, 1.0, 1.0)
    found = forecast(situation(planned=(Planned("S1", 1, 8, back_in_2),)), 5)
    assert [day.available for day in found.days] == [10, 2, 2, 10, 10, 10]
    assert [day.returns for day in found.days] == [0, 0, 0, 8, 0, 0]
    found = forecast(situation(planned=(Planned("S1", 1, 14, back_in_2),)), 5)
    assert [day.available for day in found.days] == [10, -4, -4, 6, 6, 6], "10 left, 4 are owed"
