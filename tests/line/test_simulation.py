from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from harness.errors import InputError, ScenarioError
from harness.line import (
    KINDS,
    Fed,
    Layout,
    LineRecord,
    MeasuredClock,
    NormalLatency,
    Outcome,
    Tape,
    VirtualClock,
    simulate,
)
from harness.line.infeed import Numbered
from harness.line.layout import FEED
from harness.scenario import FaultChoice

Run = Callable[..., LineRecord]
Fates = Callable[[LineRecord], list[tuple[Any, ...]]]

COLUMNS = [
    "replication", "slot", "pocket", "packml", "product", "run", "warm_up", "scheduled_us", "triggered_us",
    "frames_us", "inference_start_us", "inference_end_us", "verdict_us", "cutoff_us", "gate_us", "verified_us", "queue",
    "verdict", "fate", "cause", "truth",
]  # fmt: skip


def log_of(record: LineRecord) -> list[tuple[Any, ...]]:
    """The times of each row, None for null."""
    times = ["slot", "pocket", "scheduled_us", "triggered_us", "frames_us", "inference_start_us", "inference_end_us",
             "verdict_us", "cutoff_us", "gate_us", "verified_us", "queue"]  # fmt: skip
    rows = record.ledger[times].itertuples(index=False)
    return [tuple(None if pd.isna(value) else int(value) for value in row) for row in rows]


def parquet(table: pd.DataFrame) -> bytes:
    """The table as the file a result holds."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def test_three_strips_on_a_small_line(run: Run, fates: Fates) -> None:
    """Every time by hand: frames 35 after the trigger, inspection 50, cut-off 120, gate 130, sensor 140."""
    record = run(3, rejects=["P1"])
    assert log_of(record) == [
        (0, 0, 0, 0, 35, 35, 85, 85, 120, 130, 140, 0),
        (1, 1, 100, 100, 135, 135, 185, 185, 220, 230, 240, 0),
        (2, 2, 200, 200, 235, 235, 285, 285, 320, 330, 340, 0),
        (3, 3, 300, None, None, None, None, None, None, None, None, None),
    ]
    assert fates(record) == [
        ("P0", "accepted", ""),
        ("P1", "rejected", "score"),
        ("P2", "accepted", ""),
        ("", "empty", ""),
    ]
    assert record.conservation == {"fed": 3, "accepted": 2, "rejected": 1, "removed": 0, "on_board": 0}


def test_the_ledger_has_the_columns_of_its_format(run: Run) -> None:
    """Names, order and types, with an empty row among them."""
    ledger = run(2).ledger
    assert list(ledger.columns) == COLUMNS
    assert ledger["verdict_us"].dtype == pd.Int64Dtype()
    assert ledger["scheduled_us"].dtype == "int64"
    assert ledger["warm_up"].dtype == bool
    assert ledger["product"].isna().tolist() == [False, False, True]
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(parquet(ledger))), ledger)


def test_the_tape_has_both_latencies_apart(run: Run) -> None:
    """Service is what passes on the clock; response counts from the scheduled last exposure."""
    tape = run(2).tape
    assert list(tape.columns) == [
        "product", "run", "response_us", "crop_us", "network_us", "score_us", "verdict_us", "service_us",
        "ahead_us",
    ]  # fmt: skip
    assert tape["service_us"].tolist() == [50, 50]
    assert tape["response_us"].tolist() == [55, 55]
    assert tape["crop_us"].isna().all()


def test_a_late_result_is_written_down_and_rejects(run: Run, fates: Fates) -> None:
    """After the cut-off an accept is worth nothing; its time is in the row, and the next strip waits for the worker."""
    record = run(3, durations={"P0": 90})
    assert log_of(record)[0][6:8] == (125, 125)
    assert fates(record)[0] == ("P0", "rejected", "late")
    assert record.ledger["verdict"].tolist()[0] == "accept"
    assert fates(record)[1] == ("P1", "accepted", "")


def test_a_result_at_the_cutoff_counts(run: Run, fates: Fates) -> None:
    """The cut-off is the last instant, not the first that is too late."""
    assert fates(run(1, durations={"P0": 85}))[0] == ("P0", "accepted", "")
    assert fates(run(1, durations={"P0": 86}))[0] == ("P0", "rejected", "late")


def test_a_result_after_the_gate_is_late_and_changes_no_fate(run: Run, fates: Fates) -> None:
    """It arrives when the next strips are tracked, or between gate and sensor, and touches none of the others."""
    record = run(4, durations={"P0": 150}, rejects=["P1", "P2"])
    assert log_of(record)[1][7:11] == (235, 220, 230, 240)
    assert fates(record)[:4] == [
        ("P0", "rejected", "late"),
        ("P1", "rejected", "late"),
        ("P2", "rejected", "score"),
        ("P3", "accepted", ""),
    ]


@pytest.mark.parametrize(
    ("policy", "causes"),
    [
        ("reject_newest", ["late", "late", "overrun", "overrun", "late"]),
        ("reject_oldest", ["late", "overrun", "overrun", "late", "late"]),
    ],
)
def test_a_full_queue_costs_strips_by_policy(run: Run, small: Layout, policy: str, causes: list[str]) -> None:
    """One waits, one is at work: the policy says which strip gets no result."""
    layout = replace(small, queue_limit=1, overrun=policy)
    record = run(5, layout=layout, durations={f"P{number}": 350 for number in range(5)})
    assert record.ledger["cause"].tolist()[:5] == causes


def test_holding_costs_slots_and_no_strip(run: Run, small: Layout) -> None:
    """When the computer is full the pocket stays empty and the strip waits; none is overrun."""
    layout = replace(small, queue_limit=1, overrun="hold", pockets=12, pockets_to_gate=9)
    record = run(5, layout=layout, durations={f"P{number}": 250 for number in range(5)})
    assert record.conservation["accepted"] == 5
    assert (record.ledger["cause"] == "held").sum() > 0


def test_a_free_worker_holds_nothing_up(run: Run, small: Layout) -> None:
    """Frames that are on their way when the next strip comes go straight to it: the queue stays empty all the while."""
    layout = replace(small, queue_limit=1, overrun="hold", transfer_us=80)  # there 110 us after the trigger
    record = run(6, layout=replace(layout, pockets=12, pockets_to_gate=9), durations={f"P{n}": 20 for n in range(6)})
    assert (record.ledger["cause"] == "held").sum() == 0


def test_more_workers_and_more_pockets_carry_a_slow_detector(run: Run, small: Layout) -> None:
    """Throughput comes from workers, the deadline from pockets: both are needed."""
    slow = {f"P{number}": 250 for number in range(12)}
    far = replace(small, pockets=6, pockets_to_gate=3, workers=3)
    assert run(12, layout=far, durations=slow).conservation["accepted"] == 12
    one = replace(far, workers=1, queue_limit=5)
    assert run(12, layout=one, durations=slow).conservation["accepted"] < 12


@pytest.mark.parametrize("feed", FEED)
def test_every_feed_loses_nothing(run: Run, small: Layout, feed: str) -> None:
    """Each strip gets one row, in order; pockets with nothing to load are empty rows; slots never drift."""
    record = run(60, layout=replace(small, feed=feed))
    strips = record.ledger["product"].dropna().tolist()
    assert strips == [f"P{number}" for number in range(60)]
    assert record.ledger["scheduled_us"].tolist() == [100 * slot for slot in range(len(record.ledger))]
    assert (record.ledger["fate"] == "empty").sum() == len(record.ledger) - 60
    assert (len(record.ledger) > 61) == (feed in ("bursty", "starved", "poisson", "jittered"))


def test_warm_up_is_marked(small: Layout, steady: VirtualClock) -> None:
    """The mark of the feed is in the ledger, and those strips are in the conservation."""
    feed = [Fed("W0", 0, "good", warm_up=True), Fed("A", 1, "defective")]
    record = simulate(small, feed, lambda fed: Outcome(fed.product, fed.run, "r", False), steady, recipe="r", seed=7)
    assert record.ledger["warm_up"].tolist() == [True, False, False]
    assert record.ledger["truth"].tolist()[:2] == ["good", "defective"]
    assert record.conservation["fed"] == 2


def test_nothing_fed_is_no_slot(run: Run) -> None:
    """An empty feed gives empty tables of the same columns."""
    record = run(0)
    assert list(record.ledger.columns) == COLUMNS
    assert (len(record.ledger), len(record.tape), record.events[6:]) == (0, 0, [])


def test_progress_counts_strips(small: Layout, steady: VirtualClock) -> None:
    """One call a strip, with the number loaded."""
    seen: list[int] = []
    feed = [Fed("A", run, "good") for run in (1, 2, 3)]
    simulate(
        small, feed, lambda fed: Outcome(fed.product, fed.run, "r", False), steady,
        recipe="r", seed=7, progress=seen.append,
    )  # fmt: skip
    assert seen == [1, 2, 3]


def test_a_measured_run_replays_to_the_byte() -> None:
    """The tape of a run on the measured clock gives the same ledger, to the bytes of its file."""
    feed = [Fed(f"P{number}", 1 + number % 3, "good") for number in range(60)]
    tight = Layout(slot_us=1000, pockets=4, exposures=2, exposure_interval_us=300, transfer_us=5, gate_lead_us=300)

    def inspect(fed: Fed) -> Outcome:
        effort = sum(range(1000 * (1 + len(fed.product) + 7 * (fed.run == 3))))
        return Outcome(fed.product, fed.run, "r", reject=effort < 0)

    measured = simulate(tight, feed, inspect, MeasuredClock(), recipe="r", seed=7)
    tape = Tape.from_frame(pd.read_parquet(io.BytesIO(parquet(measured.tape))))
    replayed = simulate(tight, feed, inspect, VirtualClock(tape), recipe="r", seed=7)
    pd.testing.assert_frame_equal(replayed.ledger, measured.ledger)
    assert parquet(replayed.ledger) == parquet(measured.ledger)
    assert parquet(replayed.tape) == parquet(measured.tape)


def test_errors_inside_a_process_come_through_as_raised(small: Layout) -> None:
    """A gap in the tape is an error of input, and an error of the detector is its own."""
    feed = [Fed("A", 1, "good")]
    with pytest.raises(InputError, match=r"^latency tape: expected an entry for product A, run 1, got none$"):
        simulate(
            small, feed, lambda fed: Outcome(fed.product, fed.run, "r", False), VirtualClock(Tape({})),
            recipe="r", seed=7,
        )  # fmt: skip

    def broken(fed: Fed) -> Outcome:
        raise KeyError(fed.product)

    with pytest.raises(KeyError, match="A"):
        simulate(small, feed, broken, MeasuredClock(), recipe="r", seed=7)


def test_feeds_that_cannot_be(small: Layout) -> None:
    """A product twice in a run, and several workers on a measured clock, are bad input."""
    feed = [Fed("A", 1, "good"), Fed("A", 1, "good")]
    with pytest.raises(ScenarioError, match="expected each product once in a run, got A twice in run 1"):
        simulate(small, feed, lambda fed: Outcome("A", 1, "r", False), MeasuredClock(), recipe="r", seed=7)
    with pytest.raises(ScenarioError, match=r"line\.workers: expected 1 with the measured clock"):
        simulate(
            replace(small, workers=2), [], lambda fed: Outcome("A", 1, "r", False), MeasuredClock(),
            recipe="r", seed=7,
        )  # fmt: skip


def test_the_paper_s_slot_carries_table_2_read_as_seconds(run: Run) -> None:
    """Constant 487.3 ms after 4 ms of transfer leaves 0.7 ms before the cut-off, strip after strip."""
    record = run(30, layout=Layout(), durations={f"P{number}": 487_300 for number in range(30)})
    assert record.conservation["accepted"] == 30
    spare = record.ledger["cutoff_us"] - record.ledger["verdict_us"]
    assert set(spare.dropna()) == {700}


@pytest.mark.parametrize("overrun", ["reject_newest", "hold"])
def test_rows_that_are_handed_on_are_the_rows_that_are_kept(overrun: str) -> None:
    """3,000 strips, every kind of fault: the tables of the sink are the ledger, to the byte; no tape is left."""
    faults = [FaultChoice(kind=kind, at_slot=tuple(range(place, 3_000, 171))) for place, kind in enumerate(KINDS)]
    layout = Layout(overrun=overrun, feed="jittered")
    handed: list[pd.DataFrame] = []

    def line(sink: Callable[[pd.DataFrame], None] | None) -> LineRecord:
        return simulate(
            layout, Numbered(3_000), lambda fed: Outcome(fed.product, fed.run, "r", fed.truth == "defective"),
            VirtualClock(NormalLatency("steady", 450_000)), recipe="r", faults=faults, seed=7, sink=sink,
        )  # fmt: skip

    kept, gone = line(None), line(handed.append)
    assert len(handed) >= 2
    assert parquet(pd.concat(handed, ignore_index=True)) == parquet(kept.ledger)
    assert (len(gone.ledger), len(gone.tape)) == (0, 0)
    assert (gone.faults, gone.conservation) == (kept.faults, kept.conservation)
