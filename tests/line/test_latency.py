from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.errors import InputError, ScenarioError
from harness.line import EmpiricalLatency, Fed, NormalLatency, Tape, measured_profile, profile
from harness.line.infeed import Numbered
from harness.line.latency import PROFILES, STRETCH, Duration, profile_or_file

REFERENCE = Path(__file__).parents[2] / "results" / "reference" / "knapp"


def many(count: int) -> list[Fed]:
    """Strips to draw for."""
    return [Fed(f"P{number}", 1, "good") for number in range(count)]


def test_shipped_constant_is_table_2_read_as_seconds() -> None:
    """487.3 ms whatever the strip."""
    assert {profile("table2-as-seconds").takes(fed).service_us for fed in many(5)} == {487_300}


def test_the_marked_profile_is_the_reference_results_own() -> None:
    """What the shipped detector took in the committed qualification, strip after strip."""
    tape = pd.read_parquet(REFERENCE / "latency.parquet")
    columns = ["service_us", "ahead_us"]
    expected = tape.loc[tape["run"] > 0, columns].astype("int64").reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.read_csv(PROFILES / "two-core-marked.csv"), expected)


def test_stretches_are_of_the_measured_order() -> None:
    """Nearly every duration is followed by the one that was measured after it, the last by the first; all come up."""
    latency = EmpiricalLatency("counted", tuple(map(Duration, range(500))))
    drawn = np.array([takes.service_us for takes in latency.of_feed(Numbered(100_000))])
    followed = (drawn[:-1] + 1) % 500 == drawn[1:]
    assert followed.mean() == pytest.approx(1 - 1 / STRETCH, abs=0.001)
    assert len(set(drawn)) == 500
    assert not followed.all()


def test_stretches_repeat_and_differ_by_seed_and_replication() -> None:
    """Keyed as all draws are; a shorter feed begins as the longer one, and one of no strip has none."""
    latency = profile("two-core-marked", seed=7)
    drawn = list(latency.of_feed(Numbered(300)))
    assert drawn == list(profile("two-core-marked", seed=7).of_feed(Numbered(300)))
    assert drawn[:200] == list(latency.of_feed(Numbered(200)))
    assert drawn != list(profile("two-core-marked", seed=8).of_feed(Numbered(300)))
    assert drawn != list(profile("two-core-marked", replication=1).of_feed(Numbered(300)))
    assert list(latency.of_feed([])) == []


def test_measured_times_come_in_stretches() -> None:
    """Of the shipped detector's a slow one follows a slow one: by themselves they would be far too kind to a line."""
    times = np.array([takes.service_us for takes in profile("two-core-marked").durations], float)
    deviation = times - times.mean()
    assert (deviation[1:] * deviation[:-1]).mean() / times.var() > 0.2


def test_a_draw_by_itself_does_not_hang_on_the_order_measured() -> None:
    """The same durations in another order give each strip the same one."""
    durations = tuple(Duration(us, us // 2) for us in (30, 10, 20, 50, 40))
    one, other = (EmpiricalLatency("some", order) for order in (durations, durations[::-1]))
    assert [one.takes(fed) for fed in many(50)] == [other.takes(fed) for fed in many(50)]


@pytest.mark.parametrize(("name", "spread"), [("-1", 0.01), ("-2", 0.02), ("-5", 0.05)])
def test_shipped_spreads(name: str, spread: float) -> None:
    """The variants have the stated mean and spread."""
    drawn = np.array([profile(f"table2-as-seconds{name}").takes(fed).service_us for fed in many(4000)])
    assert drawn.mean() == pytest.approx(487_300, rel=4 * spread / np.sqrt(4000))
    assert drawn.std() == pytest.approx(487_300 * spread, rel=0.05)


def test_draws_belong_to_strips_and_not_to_the_order_of_calls() -> None:
    """The same strip takes the same time, whenever it is asked; another seed or replication gives another time."""
    latency = profile("table2-as-seconds-5", seed=7)
    forwards = [latency.takes(fed).service_us for fed in many(20)]
    backwards = [latency.takes(fed).service_us for fed in reversed(many(20))]
    assert forwards == backwards[::-1]
    assert forwards != [profile("table2-as-seconds-5", seed=8).takes(fed).service_us for fed in many(20)]
    assert forwards != [profile("table2-as-seconds-5", replication=1).takes(fed).service_us for fed in many(20)]


def test_no_duration_is_negative() -> None:
    """A wide spread is cut at 0."""
    assert min(NormalLatency("wide", 10, spread=5.0).takes(fed).service_us for fed in many(100)) == 0


def test_a_profile_may_be_a_file_where_that_is_asked_for(tmp_path: Path) -> None:
    """By its path; that of a result leaves its warm-up out."""
    path = tmp_path / "ours.csv"
    path.write_text("run,service_us\n0,900\n1,100\n1,200\n", encoding="utf-8")
    assert profile_or_file(str(path)) == measured_profile(path)
    assert profile_or_file("two-core-marked") == profile("two-core-marked")
    with pytest.raises(ScenarioError, match=r"line\.profile: expected one of table2-as-seconds, "):
        profile(str(path))  # as swarm does, to which the folder of the scenario is not told
    with pytest.raises(InputError, match=r"none\.csv: expected a CSV or Parquet file of durations"):
        profile_or_file(str(tmp_path / "none.csv"))


def test_unknown_profiles_list_the_legal_ones() -> None:
    """Bad input names what would have been good."""
    with pytest.raises(ScenarioError, match=r"line\.profile: expected one of table2-as-seconds, .*, got 'fast'"):
        profile("fast")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_measured_profile_draws_what_was_measured(tmp_path: Path, suffix: str) -> None:
    """Only durations of the file come, all of them, evenly."""
    path = tmp_path / f"shop.{suffix}"
    table = pd.DataFrame({"service_us": [100, 200, 400]})
    table.to_csv(path) if suffix == "csv" else table.to_parquet(path)
    latency = measured_profile(path)
    counts = pd.Series([latency.takes(fed).service_us for fed in many(3000)]).value_counts()
    assert latency.name == "shop"
    assert set(counts.index) == {100, 200, 400}
    assert counts.min() > 900


@pytest.mark.parametrize(
    "text", ["", "other\n1\n", "service_us\n", "service_us\n-1\n", "service_us\n1.5\n", "service_us\nx\n"]
)
def test_an_unusable_profile_is_bad_input(tmp_path: Path, text: str) -> None:
    """Empty files, other columns, and durations that are no whole numbers are refused."""
    path = tmp_path / "shop.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=r"shop\.csv"):
        measured_profile(path)


def test_a_missing_profile_is_bad_input(tmp_path: Path) -> None:
    """No file is an error of input, not a crash."""
    with pytest.raises(InputError, match="expected a CSV or Parquet file of durations"):
        measured_profile(tmp_path / "none.csv")


def test_a_tape_gives_what_it_holds_and_nothing_else() -> None:
    """An entry is exact; a missing one is one sentence."""
    tape = Tape.from_frame(pd.DataFrame({"product": ["A"], "run": [1], "service_us": [123]}))
    assert tape.takes(Fed("A", 1, "good")).service_us == 123
    with pytest.raises(InputError, match=r"^latency tape: expected an entry for product A, run 2, got none$"):
        tape.takes(Fed("A", 2, "good"))


def test_a_tape_without_its_columns_is_bad_input() -> None:
    """A table that is no tape is refused."""
    with pytest.raises(InputError, match="expected a column run"):
        Tape.from_frame(pd.DataFrame({"product": ["A"], "service_us": [1]}))
    with pytest.raises(InputError, match="expected a column service_us"):
        Tape.from_frame(pd.DataFrame({"product": ["A"], "run": [1]}))


def test_what_is_done_ahead_may_stand_beside(tmp_path: Path) -> None:
    """A whole number, no more than all of it."""
    path = tmp_path / "tape.csv"
    path.write_text("service_us,ahead_us\n100,40\n90,0\n")
    assert measured_profile(path).durations == (Duration(100, 40), Duration(90, 0))
    for wrong, told in (("101", "at most service_us, 100, got 101"), ("", "whole microseconds >= 0, got nan")):
        path.write_text(f"service_us,ahead_us\n100,{wrong}\n90,0\n")
        with pytest.raises(InputError, match=rf"tape\.csv: ahead_us: expected {told}$"):
            measured_profile(path)


def test_times_of_another_detector_are_refused(tmp_path: Path) -> None:
    """A tape or a profile that says whose times it holds is for that detector alone; one that does not say is taken."""
    tape = pd.DataFrame({"product": ["A", "B"], "run": [1, 1], "service_us": [1, 2], "detector": ["net, ssim 1"] * 2})
    with pytest.raises(InputError) as caught:
        Tape.from_frame(tape, detector="net, marked 2")
    assert str(caught.value) == (
        "latency tape: detector: expected times measured with net, marked 2, got times of net, ssim 1"
    )
    tape.to_parquet(tmp_path / "tape.parquet")
    with pytest.raises(InputError, match=r"tape\.parquet: detector: expected times measured with net, marked 2, got"):
        measured_profile(tmp_path / "tape.parquet", detector="net, marked 2")
    assert measured_profile(tmp_path / "tape.parquet", detector="net, ssim 1").durations == (Duration(1), Duration(2))
    assert Tape.from_frame(tape.drop(columns="detector"), detector="any").takes(Fed("A", 1, "good")) == Duration(1)


def test_a_profile_leaves_the_warm_up_out(tmp_path: Path) -> None:
    """Rows of run 0 are no times of the machine at work."""
    path = tmp_path / "tape.csv"
    path.write_text("product,run,service_us\nW001,0,900\nA,1,100\n")
    assert measured_profile(path).durations == (Duration(100),)
