from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from harness.line import Layout, LineRecord, Rule, latency_summary, timing_validity
from harness.line.validity import slots_needed
from harness.scenario import FaultChoice

Run = Callable[..., LineRecord]


def slots(count: int, late: int = 0, warm_up: int = 0) -> pd.DataFrame:
    """A ledger of the columns that matter, with the last `late` rows after the cut-off."""
    total = warm_up + count
    verdict_us = [100] * (total - late) + [201] * late
    return pd.DataFrame(
        {
            "product": "P",
            "warm_up": [True] * warm_up + [False] * count,
            "scheduled_us": 0,
            "frames_us": pd.array([35] * total, dtype="Int64"),
            "inference_start_us": pd.array([35] * total, dtype="Int64"),
            "verdict_us": pd.array(verdict_us, dtype="Int64"),
            "cutoff_us": pd.array([200] * total, dtype="Int64"),
        }
    )


@pytest.mark.parametrize(
    ("quantile", "late", "needed"),
    [(0.99, 0, 459), (0.99, 1, 662), (0.999, 0, 4_603), (0.999, 1, 6_636), (0.9999, 0, 46_050)],
)
def test_slots_needed_as_the_specification_says(quantile: float, late: int, needed: int) -> None:
    """The numbers of the specification, from the binomial itself."""
    assert slots_needed(quantile, late) == needed


def test_slots_needed_elsewhere() -> None:
    """90/95 with none late is the 29 of every handbook (Wilks 1941); a low claim needs little."""
    assert slots_needed(0.90, 0, confidence=0.95) == 29
    assert slots_needed(0.95, 0, confidence=0.95) == 59
    assert slots_needed(0.5, 0, confidence=0.5) == 1


@pytest.mark.parametrize("arguments", [(0.0, 0), (1.0, 0), (0.9, -1)])
def test_claims_outside_their_range(arguments: tuple[float, int]) -> None:
    """A quantile of 0 or 1 cannot be shown by any number of slots."""
    with pytest.raises(ValueError, match="expected quantile and confidence"):
        slots_needed(*arguments)


@pytest.mark.parametrize(
    ("count", "late", "valid"), [(458, 0, False), (459, 0, True), (661, 1, False), (662, 1, True), (2610, 30, False)]
)
def test_a_claim_is_valid_from_the_needed_slots_on(count: int, late: int, valid: bool) -> None:
    """One slot decides at the boundary."""
    validity = timing_validity(slots(count, late), quantile=0.99)
    assert validity.valid is valid
    assert (validity.slots, validity.late) == (count, late)
    assert validity.rules[0].passed is valid
    assert (validity.rules[0].advice == "") is valid


@pytest.mark.parametrize(
    ("count", "late", "advice"),
    [
        (458, 0, "run 459 slots, or claim a lower quantile"),
        (661, 1, "run 662 slots with no more late, or claim a lower quantile"),
        (2610, 30, "make the slot longer or the detector faster: more are late than the claim allows"),
    ],
)
def test_advice_says_what_to_change(count: int, late: int, advice: str) -> None:
    """More slots help only a machine that is fast enough."""
    assert timing_validity(slots(count, late), quantile=0.99).rules[0].advice == advice


def test_warm_up_is_left_out_and_shown() -> None:
    """Warm-up slots count for nothing, and the number left out is a line of its own."""
    validity = timing_validity(slots(450, warm_up=20), quantile=0.99)
    assert validity.valid is False
    assert (validity.slots, validity.warm_up, validity.rules[1].observed) == (450, 20, 20)
    mixed = slots(700, warm_up=20).iloc[::-1]
    assert not timing_validity(mixed, quantile=0.99).rules[1].passed


def test_what_is_not_claimed_is_not_judged() -> None:
    """No quantile: NOT CLAIMED, with the counts still there."""
    validity = timing_validity(slots(10, 2), quantile=None)
    assert (validity.valid, validity.rules, validity.late) == (None, (), 2)


def test_rules_of_other_rooms_count() -> None:
    """One rule that fails elsewhere makes the claim invalid."""
    rule = Rule("runs on identical frames", 1, 0, False, "draw every run anew")
    validity = timing_validity(slots(459), quantile=0.99, others=[rule])
    assert validity.valid is False
    assert validity.rules[-1] is rule


def test_a_result_that_never_came_is_late(run: Run) -> None:
    """Lost, overrun and late are all without a verdict in time."""
    record = run(
        10, faults=[FaultChoice(kind="result_lost", at_slot=(3,)), FaultChoice(kind="result_late", at_slot=(5,))]
    )
    assert timing_validity(record.ledger, quantile=0.99).late == 2


def test_summary_is_of_responses(run: Run, small: Layout) -> None:
    """5 us of transfer and the service after the last exposure, in ms; quantiles are responses that occurred."""
    record = run(4, durations={"P0": 10, "P1": 20, "P2": 30, "P3": 60})
    assert latency_summary(record.ledger, small) == {
        "mean": pytest.approx(0.035), "p50": 0.035, "p99": 0.065, "p99_9": 0.065, "max": 0.065,
    }  # fmt: skip
    assert record.tape["response_us"].tolist() == [15, 25, 35, 65]


def test_summary_of_nothing_has_no_numbers(run: Run, small: Layout) -> None:
    """An empty ledger gives None, not NaN."""
    assert latency_summary(run(0).ledger, small) == dict.fromkeys(("mean", "p50", "p99", "p99_9", "max"))
