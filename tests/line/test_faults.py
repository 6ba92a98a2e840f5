from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.errors import ScenarioError
from harness.line import (
    KINDS,
    FaultSummary,
    Fed,
    Layout,
    LineRecord,
    NormalLatency,
    Outcome,
    VirtualClock,
    simulate,
)
from harness.line.faults import ALL, RESTART_SLOTS, Faults
from harness.scenario import FaultChoice, parse_scenario

Run = Callable[..., LineRecord]
Fates = Callable[[LineRecord], list[tuple[Any, ...]]]


def account(record: LineRecord) -> list[tuple[str, int, int, int, int | None]]:
    """Kind, injected, noticed, escaped, longest delay."""
    return [
        (fault.kind, fault.injected, fault.noticed, fault.escaped, fault.longest_delay_slots) for fault in record.faults
    ]


@pytest.mark.parametrize(
    ("kind", "fate", "cause", "delay"),
    [
        ("frame_dropped", "rejected", "frame_check", 0),
        ("frame_surplus", "rejected", "frame_check", 0),
        ("nan_score", "rejected", "invalid_score", 0),
        ("infinite_score", "rejected", "invalid_score", 0),
        ("constant_output", "rejected", "constant_output", 0),
        ("detector_crash", "rejected", "detector_crash", 0),
        ("out_of_memory", "rejected", "out_of_memory", 0),
        ("stall", "rejected", "late", 1),
        ("result_late", "rejected", "late", 1),
        ("result_lost", "rejected", "missing", 1),
        ("result_duplicate", "rejected", "duplicate", 0),
        ("result_stale", "rejected", "stale", 0),
        ("wrong_identity", "rejected", "wrong_identity", 0),
        ("wrong_recipe", "rejected", "wrong_recipe", 0),
        ("disk_full", "rejected", "disk_full", 0),
        ("taken_out", "removed", "taken_out", 1),
        ("double_load", "removed", "double_load", 0),
    ],
)
def test_a_fault_of_a_strip_costs_that_strip(
    run: Run, fates: Fates, kind: str, fate: str, cause: str, delay: int
) -> None:
    """Each fault ends safe, with its own cause, and is noticed within a slot."""
    record = run(12, faults=[FaultChoice(kind=kind, products=("P3",))])
    assert ("P3", fate, cause) in fates(record)
    assert account(record) == [(kind, 1, 1, 0, delay)]
    spoilt = [row for row in fates(record) if row[1] not in ("accepted", "empty")]
    assert [row[0] for row in spoilt] == {"double_load": ["P3", "P4"], "stall": ["P3", "P4", "P5", "P6", "P7"],
                                          "detector_crash": ["P3", "P4", "P5"]}.get(kind, ["P3"])  # fmt: skip
    assert record.conservation["on_board"] == 0


def test_a_frame_missing_and_one_too_many_are_not_the_right_number(run: Run, fates: Fates) -> None:
    """Both strike the same strip: what is missing is not made up for by what came twice."""
    faults = [FaultChoice(kind=kind, products=("P1",)) for kind in ("frame_dropped", "frame_surplus")]
    record = run(3, faults=faults)
    assert fates(record)[1] == ("P1", "rejected", "frame_check")
    assert account(record) == [("frame_dropped", 1, 1, 0, 0), ("frame_surplus", 1, 1, 0, 0)]


def test_a_result_at_the_last_instant_counts(run: Run, fates: Fates) -> None:
    """At the cut-off itself a verdict is in time, an accept as well as a reject; a microsecond later it is not."""
    record = run(4, rejects=["P2"], faults=[FaultChoice(kind="result_delayed", products=("P1", "P2"))])
    assert fates(record)[:4] == [
        ("P0", "accepted", ""), ("P1", "accepted", ""), ("P2", "rejected", "score"), ("P3", "accepted", ""),
    ]  # fmt: skip
    rows = record.ledger.iloc[1:3]
    assert (rows["verdict_us"] == rows["cutoff_us"]).all()
    assert account(record) == [("result_delayed", 2, 2, 0, 1)]


def test_scores_that_repeat_prove_nothing(run: Run, fates: Fates) -> None:
    """A stuck detector accepts a defective strip with the scores of the good one before: they are known by that."""
    record = run(5, rejects=["P2"], faults=[FaultChoice(kind="constant_output", products=("P2", "P3"))])
    assert fates(record)[:5] == [
        ("P0", "accepted", ""), ("P1", "accepted", ""), ("P2", "rejected", "constant_output"),
        ("P3", "rejected", "constant_output"), ("P4", "accepted", ""),
    ]  # fmt: skip
    assert account(record) == [("constant_output", 2, 2, 0, 0)]


def test_a_detector_that_may_repeat_itself_is_not_stuck(small: Layout) -> None:
    """One that only says yes or no gives every good strip the same scores; none is refused, and no fault is planted."""
    record = simulate(
        small, [Fed(f"P{number}", 1, "good") for number in range(4)],
        lambda fed: Outcome(fed.product, fed.run, "r", reject=False), VirtualClock(NormalLatency("steady", 50)),
        recipe="r", faults=[FaultChoice(kind="constant_output", rate=0.5)], seed=7,
    )  # fmt: skip
    assert record.ledger["fate"].tolist() == ["accepted"] * 4 + ["empty"]
    assert account(record) == [("constant_output", 0, 0, 0, None)]


def test_frames_that_were_held_back_come_all_at_once(run: Run, fates: Fates) -> None:
    """Frames of three slots reach the computer together, too late for their strips; then all is as before."""
    record = run(8, faults=[FaultChoice(kind="burst", at_slot=(1,))])
    frames_us = record.ledger["frames_us"].dropna().tolist()
    assert frames_us == [35, 400, 400, 400, 435, 535, 635, 735]
    assert [(product, fate) for product, fate, _ in fates(record)][:5] == [
        ("P0", "accepted"), ("P1", "rejected"), ("P2", "rejected"), ("P3", "rejected"), ("P4", "rejected"),
    ]  # fmt: skip
    assert fates(record)[6:8] == [("P6", "accepted", ""), ("P7", "accepted", "")]
    assert account(record) == [("burst", 1, 1, 0, 3)]


@pytest.mark.parametrize("slot", [2, 3])
def test_a_result_of_an_impossible_time_counts_for_nothing(run: Run, fates: Fates, slot: int) -> None:
    """The computer's clock steps back (slot 2) or forward (slot 3) and is set right two slots later."""
    record = run(8, faults=[FaultChoice(kind="clock_step", at_slot=(slot,))])
    ends = [(fate, cause) for _, fate, cause in fates(record)]
    assert ends[:8] == [
        *[("accepted", "")] * slot, *[("rejected", "clock_step")] * 2, *[("accepted", "")] * (6 - slot)
    ]  # fmt: skip
    assert account(record) == [("clock_step", 1, 1, 0, 0)]


def test_a_computer_that_throttles_is_late_until_it_has_cooled(run: Run, fates: Fates) -> None:
    """Inspections of 60 take 120 while it is hot: each strip waits longer, then the lag is worked off."""
    durations = {f"P{number}": 60 for number in range(30)}
    record = run(30, durations=durations, faults=[FaultChoice(kind="throttling", at_slot=(2,))])
    causes = [cause for _, _, cause in fates(record)]
    assert causes == [""] * 2 + ["late"] * 13 + [""] * 16
    assert account(record) == [("throttling", 1, 1, 0, 1)]


def test_an_empty_pocket_costs_a_slot(run: Run, fates: Fates) -> None:
    """The strip that was missed by the gripper waits and comes next."""
    record = run(3, faults=[FaultChoice(kind="empty_pocket", at_slot=(1,))])
    assert fates(record) == [
        ("P0", "accepted", ""), ("", "empty", "empty_pocket"), ("P1", "accepted", ""), ("P2", "accepted", ""),
        ("", "empty", ""),
    ]  # fmt: skip
    assert account(record) == [("empty_pocket", 1, 1, 0, 0)]


def test_a_slip_is_seen_at_the_index_and_quarantines(run: Run, fates: Fates, small: Layout) -> None:
    """All between camera and gate is removed, the machine stops, and produces again after the stated slots."""
    record = run(5, layout=replace(small, pockets_to_gate=2), faults=[FaultChoice(kind="slip", at_slot=(2,))])
    assert fates(record) == [
        ("P0", "removed", "slip"), ("P1", "removed", "slip"), ("", "empty", "slip"),
        *[("", "empty", "stopped")] * RESTART_SLOTS,
        ("P2", "accepted", ""), ("P3", "accepted", ""), ("P4", "accepted", ""), ("", "empty", ""), ("", "empty", ""),
    ]  # fmt: skip
    assert record.ledger["pocket"].tolist()[:3] == [0, 1, 3]
    assert account(record) == [("slip", 1, 1, 0, 0)]


def test_a_gate_stuck_open_lets_good_ones_through_and_stops_at_the_first_reject(run: Run, fates: Fates) -> None:
    """It is latent while strips are accepted anyway; the strip let through against the command is quarantined."""
    record = run(6, rejects=["P3"], faults=[FaultChoice(kind="gate_stuck_open", at_slot=(2,))])
    assert fates(record) == [
        ("P0", "accepted", ""), ("P1", "accepted", ""), ("P2", "accepted", ""), ("P3", "removed", "gate_stuck_open"),
        ("P4", "accepted", ""), *[("", "empty", "stopped")] * RESTART_SLOTS, ("P5", "accepted", ""), ("", "empty", ""),
    ]  # fmt: skip
    assert account(record) == [("gate_stuck_open", 1, 1, 0, 2)]


def test_a_gate_stuck_closed_costs_one_good_strip(run: Run, fates: Fates) -> None:
    """An accept that the sensor does not confirm stops the machine as well; the strip stays rejected."""
    record = run(4, faults=[FaultChoice(kind="gate_stuck_closed", at_slot=(1,))])
    assert fates(record)[:3] == [
        ("P0", "rejected", "gate_stuck_closed"), ("P1", "accepted", ""), ("", "empty", "stopped"),
    ]  # fmt: skip
    assert account(record) == [("gate_stuck_closed", 1, 1, 0, 0)]


def test_an_encoder_glitch_is_taken_for_a_slip(run: Run, fates: Fates) -> None:
    """The metal has turned rightly, but who cannot tell quarantines; from the next slot on both agree again."""
    record = run(4, faults=[FaultChoice(kind="encoder_glitch", at_slot=(2,))])
    assert fates(record)[:4] == [
        ("P0", "accepted", ""), ("P1", "removed", "slip"), ("", "empty", "slip"), ("", "empty", "stopped"),
    ]  # fmt: skip
    assert [row for row in fates(record) if row[0] in ("P2", "P3")] == [("P2", "accepted", ""), ("P3", "accepted", "")]
    assert account(record) == [("encoder_glitch", 1, 1, 0, 0)]


def test_without_a_heartbeat_nothing_clears_a_latch(run: Run, fates: Fates) -> None:
    """Two slots of results do not come through; those strips stay rejected, and the next one is judged again."""
    record = run(6, faults=[FaultChoice(kind="heartbeat_lost", at_slot=(1,))])
    assert fates(record)[:5] == [
        ("P0", "accepted", ""), ("P1", "rejected", "heartbeat_lost"), ("P2", "rejected", "heartbeat_lost"),
        ("P3", "accepted", ""), ("P4", "accepted", ""),
    ]  # fmt: skip
    assert account(record) == [("heartbeat_lost", 1, 1, 0, 0)]


def test_a_dead_sensor_confirms_nothing_and_stops_the_machine(run: Run, fates: Fates) -> None:
    """What lay between gate and sensor is quarantined, whatever the command was."""
    record = run(4, faults=[FaultChoice(kind="sensor_dead", at_slot=(1,))])
    assert fates(record)[:3] == [
        ("P0", "removed", "sensor_dead"), ("P1", "accepted", ""), ("", "empty", "stopped"),
    ]  # fmt: skip
    assert account(record) == [("sensor_dead", 1, 1, 0, 0)]


def test_a_full_bin_stops_the_machine_after_the_reject_that_filled_it(run: Run, fates: Fates) -> None:
    """That reject is in the bin; an accepted strip fills none."""
    faults = [FaultChoice(kind="bin_full", at_slot=(1, 2))]
    record = run(4, rejects=["P1"], faults=faults)
    assert fates(record)[:4] == [
        ("P0", "accepted", ""), ("P1", "rejected", "score"), ("P2", "accepted", ""), ("", "empty", "stopped"),
    ]  # fmt: skip
    assert account(record) == [("bin_full", 1, 1, 0, 0)]


def test_a_strip_on_board_in_a_stop_keeps_its_verdict(run: Run) -> None:
    """The stop moves the gate, not the cut-off: what was judged in time is still accepted."""
    record = run(4, faults=[FaultChoice(kind="gate_stuck_closed", at_slot=(1,))])
    row = record.ledger.iloc[1]
    assert (row["fate"], row["cutoff_us"]) == ("accepted", 220)
    assert row["gate_us"] == 230 + 100 * RESTART_SLOTS


def test_two_strips_in_a_pocket_have_a_row_each(run: Run) -> None:
    """The second one has the row of the slot it was due for, in the pocket it was really in."""
    ledger = run(4, faults=[FaultChoice(kind="double_load", at_slot=(1,))]).ledger
    assert ledger["product"].tolist()[:4] == ["P0", "P1", "P2", "P3"]
    assert ledger["verified_us"].tolist()[1:3] == [240, 240]
    assert ledger["verdict_us"].isna().tolist()[1:3] == [True, True]


def test_the_last_strip_may_be_the_one_that_is_taken(run: Run, fates: Fates) -> None:
    """The carousel turns on until the gate has seen that the pocket is empty."""
    record = run(2, faults=[FaultChoice(kind="taken_out", products=("P1",))])
    assert fates(record) == [("P0", "accepted", ""), ("P1", "removed", "taken_out"), ("", "empty", "")]
    assert record.conservation == {"fed": 2, "accepted": 1, "rejected": 0, "removed": 1, "on_board": 0}


def test_rates_strike_about_as_often_as_they_say(run: Run) -> None:
    """A rate is a chance for each strip; the same seed strikes the same strips, another seed others."""
    choice = [FaultChoice(kind="nan_score", rate=0.2), FaultChoice(kind="result_lost", rate=0.1)]
    record = run(1000, faults=choice)
    injected = {fault.kind: fault.injected for fault in record.faults}
    assert 150 < injected["nan_score"] < 250
    assert 70 < injected["result_lost"] < 130
    assert record.ledger.equals(run(1000, faults=choice).ledger)
    assert not record.ledger.equals(run(1000, faults=choice, seed=8).ledger)


@pytest.mark.parametrize("pockets_to_gate", [1, 3])
def test_all_faults_at_once_lose_nothing(run: Run, small: Layout, pockets_to_gate: int) -> None:
    """With every kind at once no strip is lost, none escapes, and the line ends."""
    layout = replace(small, pockets_to_gate=pockets_to_gate)
    record = run(
        600, layout=layout, rejects=[f"P{number}" for number in range(0, 600, 3)],
        faults=[FaultChoice(kind=kind, rate=0.03) for kind in KINDS],
    )  # fmt: skip
    conservation = record.conservation
    assert conservation["fed"] == 600 == sum(conservation.values()) - 600
    assert conservation["on_board"] == 0
    assert sorted(record.ledger["product"].dropna()) == sorted(f"P{number}" for number in range(600))
    assert (record.ledger["fate"] != "").all()
    assert all(fault.injected > 0 and fault.escaped == 0 for fault in record.faults)
    accepted = record.ledger[record.ledger["fate"] == "accepted"]
    assert (accepted["verdict"] == "accept").all()
    assert (accepted["verdict_us"] <= accepted["cutoff_us"]).all()


def test_unknown_faults_list_the_legal_ones(run: Run) -> None:
    """Bad input names what would have been good."""
    with pytest.raises(ScenarioError) as caught:
        run(1, faults=[FaultChoice(kind="stall", rate=0.1), FaultChoice(kind="lightning", rate=0.1)])
    assert str(caught.value) == f"faults[1].kind: expected one of {', '.join(ALL)}, got 'lightning'"


@pytest.mark.parametrize("kind", ["slip", "empty_pocket"])
def test_a_line_that_would_never_load_is_bad_input(kind: str) -> None:
    """At a rate of 1 no strip would come in and the simulation would not end."""
    with pytest.raises(ScenarioError, match="expected a rate < 1"):
        Faults([FaultChoice(kind=kind, rate=1.0)])


def test_a_fault_nobody_noticed_stays_on_the_account() -> None:
    """Injected and not noticed are both told; the delay of nothing is nothing."""
    faults = Faults([FaultChoice(kind="stall", products=("A",))])
    assert faults.strikes("stall", 3, Fed("A", 1, "good"))
    assert not faults.strikes("stall", 3, Fed("B", 1, "good"))
    faults.notice("late", 4, Fed("B", 1, "good"))
    faults.notice("overrun", 4, Fed("A", 1, "good"))
    assert faults.summary() == (
        FaultSummary("stall", KINDS["stall"].bites, KINDS["stall"].reaction, 1, 0, 0, None),
    )  # fmt: skip


def test_a_fault_aimed_at_nothing_is_bad_input(run: Run) -> None:
    """A station, a product and a slot that are not there: each is told, the last two together, before time runs."""
    with pytest.raises(ScenarioError, match=r"faults\[0\]\.kind: expected one of frame_dropped, .*, got 'elevator'"):
        run(3, faults=[FaultChoice(kind="elevator", rate=0.1)])
    with pytest.raises(ScenarioError) as caught:
        run(3, faults=[FaultChoice(kind="stall", products=("P1", "P9")), FaultChoice(kind="slip", at_slot=(2, -1))])
    assert str(caught.value).splitlines() == [
        "faults[0].products: expected products that are fed, got 'P9'",
        "faults[1].at_slot: expected slots from 0 on, got -1",
    ]


@pytest.mark.parametrize("kind", ALL)
def test_every_fault_can_be_aimed_at_a_product(run: Run, kind: str) -> None:
    """None is accepted and then strikes nothing; a bin fills with a reject."""
    record = run(6, rejects=["P2"], faults=[FaultChoice(kind=kind, products=("P2",))])
    assert [fault.injected for fault in record.faults] == [1]


def test_rates_that_are_no_probabilities_are_bad_input() -> None:
    """Above one, below nought and not a number: each line of the scenario is told."""
    rates = (1.5, -0.1, float("nan"))
    values = {"name": "s", "detector": {"factory": "truth"}, "faults": [{"kind": "stall", "rate": r} for r in rates]}
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(values, where="s.toml")
    assert str(caught.value).splitlines() == [
        "s.toml: faults.0.rate: expected a number <= 1, got 1.5",
        "s.toml: faults.1.rate: expected a number >= 0, got -0.1",
        "s.toml: faults.2.rate: expected a finite number, got nan",
    ]
