from __future__ import annotations

from dataclasses import replace
from time import perf_counter_ns

import pytest

from harness.errors import ScenarioError
from harness.line import Clock, Duration, Fed, Inspect, MeasuredClock, Outcome, VirtualClock, clock_from_choice, profile
from harness.scenario import LineChoice

STRIP = Fed("A", 1, "good")


def work(fed: Fed) -> Outcome:
    """An inspection that takes a measurable time."""
    return Outcome(fed.product, fed.run, "r", reject=sum(range(20_000)) < 0)


def served(clock: Clock, inspect: Inspect) -> tuple[Outcome, Duration]:
    """What a clock that lets no time pass by itself says of one inspection."""
    env = clock.environment()
    process = env.process(clock.service(env, STRIP, inspect))
    outcome, takes = env.run(process)
    assert env.now == 0
    return outcome, takes


def test_a_virtual_clock_takes_its_time_from_the_profile() -> None:
    """487.3 ms of the paper's second table, whatever the call took."""
    assert served(VirtualClock(profile("table2-as-seconds")), work)[1] == Duration(487_300)


def test_measured_clock_times_the_inspection_and_not_the_drawing() -> None:
    """`prepare` comes first and outside: a long preparation is not in the duration."""
    seen: list[str] = []

    def prepare(fed: Fed) -> None:
        seen.append("prepare")
        sum(range(3_000_000))

    def inspect(fed: Fed) -> Outcome:
        seen.append("inspect")
        return work(fed)

    outcome, (service_us, ahead_us) = served(MeasuredClock(prepare), inspect)
    _, (alone_us, _) = served(MeasuredClock(), lambda fed: work(Fed(str(sum(range(3_000_000))), 1, "good")))
    assert seen == ["prepare", "inspect"]
    assert outcome.product == "A"
    assert type(service_us) is int
    assert 0 < service_us < alone_us
    assert ahead_us == 0


def test_a_measured_clock_asks_the_detector_what_needed_no_last_frame() -> None:
    """The stage `ahead`, which cannot be more than all that passed."""

    def inspect(fed: Fed) -> Outcome:
        began_ns = perf_counter_ns()
        outcome = work(fed)
        return replace(outcome, stages_us={"ahead": (perf_counter_ns() - began_ns) // 2000, "crop": 1})

    _, (service_us, ahead_us) = served(MeasuredClock(), inspect)
    assert 0 < ahead_us < service_us
    _, whole = served(MeasuredClock(), lambda fed: replace(work(fed), stages_us={"ahead": 10**9}))
    assert whole.ahead_us == whole.service_us


@pytest.mark.parametrize(("choice", "kind"), [
    (LineChoice(), MeasuredClock),
    (LineChoice(clock="virtual", profile="table2-as-seconds"), VirtualClock),
    (LineChoice(clock="virtual", profile="table2-as-seconds", workers=3), VirtualClock),
])  # fmt: skip
def test_the_clock_a_scenario_asks_for(choice: LineChoice, kind: type) -> None:
    """Names in the scenario are names of clocks."""
    clock = clock_from_choice(choice, "s.toml", seed=7)
    assert type(clock) is kind
    assert clock.name == choice.clock


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (
            LineChoice(clock="wall"),
            "s.toml: line.clock: expected virtual or measured, which need no workers, got wall",
        ),
        (LineChoice(clock="virtual"), "s.toml: line.profile: expected the name of a latency profile"),
        (LineChoice(clock="virtual", profile="x"), "s.toml: line.profile: expected one of table2-as-seconds"),
        (LineChoice(clock="measured", workers=2), "s.toml: line.workers: expected 1 with the measured clock"),
    ],
)
def test_clocks_that_cannot_be(choice: LineChoice, message: str) -> None:
    """What is not built, not named or not measurable is bad input."""
    with pytest.raises(ScenarioError) as caught:
        clock_from_choice(choice, "s.toml", seed=7)
    assert str(caught.value).startswith(message)
