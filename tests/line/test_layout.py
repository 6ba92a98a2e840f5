from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.errors import ScenarioError
from harness.line import Layout
from harness.scenario import LineChoice


def test_default_choice_is_the_default_layout() -> None:
    """The scenario's defaults in ms and the layout's in us are one machine."""
    assert Layout.from_choice(LineChoice(), "s.toml") == Layout()


def test_half_a_second_lies_between_last_exposure_and_gate() -> None:
    """The paper's slot: gate 500 ms after the last exposure, cut-off a stroke before."""
    layout = Layout()
    assert layout.gate_us - layout.last_exposure_us == 500_000
    assert (layout.last_exposure_us, layout.frames_us, layout.cutoff_us, layout.gate_us) == (
        390_000, 394_000, 882_000, 890_000,
    )  # fmt: skip


def test_more_pockets_to_the_gate_move_the_cutoff_by_slots() -> None:
    """The deadline grows with the pockets between camera and gate, the period does not."""
    assert replace(Layout(), pockets_to_gate=3).cutoff_us == 882_000 + 2 * 500_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pockets": 0}, "line.pockets: expected an integer >= 1, got 0"),
        ({"workers": 0}, "line.workers: expected an integer >= 1, got 0"),
        ({"gate_lead_us": 0}, "line.gate_lead_ms: expected at least 0.001 ms, got 0 ms"),
        ({"exposures": 21}, "that end before the next trigger at 500 ms, got the last of 21 at 520 ms"),
        ({"pockets_to_gate": 24}, "expected a gate on the carousel, less than 24 pockets from the camera, got 24"),
        ({"gate_lead_us": 496_000}, "expected a cut-off after the frames are ready at 394 ms, got one at 394 ms"),
        ({"gate_lead_us": 110_000}, "sensor has seen the strip before the next index at 500 ms, got 500 ms"),
        ({"slot_us": 10**30}, "line.slot_ms: expected at most 3.6e+06 ms, got 1e+27 ms"),
        ({"overrun": "drop"}, "expected one of reject_newest, reject_oldest, hold, got 'drop'"),
        ({"feed": "random"}, "expected one of constant, jittered, bursty, starved, poisson, got 'random'"),
    ],
)  # fmt: skip
def test_impossible_layouts_are_bad_input(change: dict[str, Any], message: str) -> None:
    """A machine that cannot be built is refused in the words of the scenario."""
    with pytest.raises(ScenarioError) as caught:
        Layout(**change)
    assert message in str(caught.value)


def test_an_impossible_choice_names_its_file() -> None:
    """The origin of the values stands first in the error."""
    with pytest.raises(ScenarioError, match=r"^fast\.toml: line\.pockets_to_gate: expected a gate on the carousel"):
        Layout.from_choice(LineChoice(pockets=2, pockets_to_gate=2), "fast.toml")


def test_every_problem_is_listed() -> None:
    """Two mistakes are told at once."""
    with pytest.raises(ScenarioError) as caught:
        Layout(pockets=0, workers=0)
    assert [problem.where for problem in caught.value.problems] == [
        "line.pockets", "line.workers", "line.pockets_to_gate",
    ]  # fmt: skip
