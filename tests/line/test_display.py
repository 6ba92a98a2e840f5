from __future__ import annotations

from threading import Event, get_ident

import pandas as pd

from harness.line import Fed, Layout, LineRecord, Outcome, VirtualClock, simulate
from harness.line.display import Display

STRIPS = [Fed(f"P{number}", 1, "good") for number in range(10)]


def line(layout: Layout, clock: VirtualClock, display: Display[int] | None) -> LineRecord:
    """Ten strips, each told to the display when it is loaded."""

    def inspect(fed: Fed) -> Outcome:
        return Outcome(fed.product, fed.run, "r", reject=False)

    told = None if display is None else display.show
    return simulate(layout, STRIPS, inspect, clock, recipe="r", seed=7, progress=told)


def test_a_display_that_hangs_delays_no_verdict(small: Layout, steady: VirtualClock) -> None:
    """The line ends while the display still hangs, with the ledger it has without one; the oldest messages are gone."""
    taken, released = Event(), Event()
    seen: list[int] = []

    def hang(message: int) -> None:
        taken.set()
        released.wait()
        seen.append(message)

    display = Display(hang, limit=2)
    display.show(0)
    taken.wait()
    record = line(small, steady, display)
    assert (seen, display.sent, display.dropped) == ([], 11, 8)
    pd.testing.assert_frame_equal(record.ledger, line(small, steady, None).ledger)
    released.set()
    display.close(patience_s=600)
    assert (seen, display.dropped) == ([0, 9, 10], 8)


def test_closing_waits_for_no_display(small: Layout, steady: VirtualClock) -> None:
    """Without patience, what waits behind a display that hangs is dropped when the line ends."""
    taken, released = Event(), Event()

    def hang(message: int) -> None:
        taken.set()
        released.wait()

    display = Display(hang)
    display.show(0)
    taken.wait()
    line(small, steady, display)
    display.close()
    display.show(11)
    assert (display.sent, display.dropped) == (12, 11)
    released.set()


def test_a_display_that_breaks_is_left_alone(small: Layout, steady: VirtualClock) -> None:
    """What a display raises stays there; all it has not shown counts as dropped."""
    threads = set()

    def broken(message: int) -> None:
        threads.add(get_ident())
        raise RuntimeError("no screen")

    display = Display(broken)
    record = line(small, steady, display)
    display.close(patience_s=600)
    assert set(record.ledger["fate"].iloc[: len(STRIPS)]) == {"accepted"}
    assert (display.sent, display.dropped) == (10, 10)
    assert len(threads) == 1
    assert get_ident() not in threads
