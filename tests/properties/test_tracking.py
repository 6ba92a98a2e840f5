"""Register and gate against a model of a few lines: whatever arrives in whatever order, the gate does what is safe."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from harness.line.flow import Fed, Outcome
from harness.line.pockets import Pockets
from harness.line.tracking import Track, Tracking

CUTOFF_US = 100
POCKETS = 6


@dataclass
class Story:
    """What really happened to one strip, kept apart from the register.

    Attributes:
        fed: Who it is.
        cutoff_us: Of its job.
        good_in_time: Accepting verdicts on itself that came before the cut-off.
        others_in_time: All other answers to its job before the cut-off.
    """

    fed: Fed
    cutoff_us: int
    good_in_time: int = 0
    others_in_time: int = 0

    @property
    def proven(self) -> bool:
        """One answer in time, its own, and it accepts."""
        return self.good_in_time == 1 and self.others_in_time == 0


class TrackingMachine(RuleBasedStateMachine):
    """Loads strips, indexes, delivers right and wrong results, and looks at what the gate is told."""

    @initialize(pockets_to_gate=st.integers(1, POCKETS - 1))
    def build(self, pockets_to_gate: int) -> None:
        """A register and a carousel of the same length."""
        self.tracking = Tracking(pockets_to_gate, "r")
        self.pockets = Pockets(POCKETS, pockets_to_gate)
        self.stories: dict[int, Story] = {}
        self.on_board: set[int] = set()
        self.slot = -1
        self.now_us = 0
        self.indices: dict[int, int] = {}
        self.pockets_to_gate = pockets_to_gate
        self.fates: dict[int, bool] = {}

    @rule(load=st.booleans())
    def index(self, load: bool) -> None:
        """The gate takes what stands before it, everything moves on, a strip may be loaded."""
        if self.slot >= 0:
            self._pass_gate()
        self.slot += 1
        self.now_us = max(self.now_us, self.slot * 40)
        self.pockets.turn()
        assert self.tracking.index() is None
        self.indices = {slot: moved + 1 for slot, moved in self.indices.items()}
        if load:
            story = Story(Fed(f"P{self.slot % 4}", self.slot // 4, "good"), self.now_us + CUTOFF_US)
            self.stories[self.slot] = story
            self.tracking.load(Track(self.slot, story.fed, story.cutoff_us))
            self.pockets.place(self.slot)
            self.on_board.add(self.slot)
            self.indices[self.slot] = 0

    def _pass_gate(self) -> None:
        track = self.tracking.take_at_gate()
        rows = self.pockets.lift(self.pockets.gate)
        if track is None:
            assert rows == ()
            return
        assert rows == (track.slot,)
        assert self.indices.pop(track.slot) == self.pockets_to_gate
        assert track.slot not in self.fates
        assert track.latched != self.stories[track.slot].proven
        assert (track.cause == "") == (not track.latched)
        self.fates[track.slot] = track.latched
        self.on_board.remove(track.slot)

    @precondition(lambda self: self.stories)
    @rule(
        data=st.data(),
        later_us=st.integers(0, 60),
        reject=st.booleans(),
        whose=st.sampled_from(["own", "own", "own", "another", "unknown", "recipe"]),
    )
    def deliver(self, data: st.DataObject, later_us: int, reject: bool, whose: str) -> None:
        """A result for some job: in time or not, its own or not, once or again, on board or gone."""
        slot = data.draw(st.sampled_from(sorted(self.stories)))
        story = self.stories[slot]
        self.now_us += later_us
        own = Outcome(story.fed.product, story.fed.run, "r", reject, "score" if reject else "")
        outcome = {
            "own": own,
            "another": replace(own, product=f"P{(slot + 1) % 4}"),
            "unknown": replace(own, run=999),
            "recipe": replace(own, recipe="old"),
        }[whose]
        finding = self.tracking.receive(slot, outcome, self.now_us)
        if slot not in self.on_board or self.now_us > story.cutoff_us:
            assert finding == "late"
            return
        first = story.good_in_time + story.others_in_time == 0
        assert (finding == "duplicate") == (not first)
        if whose == "own" and not reject:
            story.good_in_time += 1
        else:
            assert finding != ""
            story.others_in_time += 1

    @rule()
    def quarantine(self) -> None:
        """All is taken out by register and by hand; both agree on what that was."""
        tracked = {track.slot for track in self.tracking.quarantine()}
        assert tracked == set(self.pockets.clear()) == self.on_board
        self.on_board.clear()
        self.indices.clear()

    @invariant()
    def latched_unless_proven(self) -> None:
        """At every moment each tracked strip is latched exactly when it is not proven good."""
        for stage in range(self.pockets_to_gate + 1) if hasattr(self, "tracking") else ():
            track = self.tracking.at(stage)
            if track is not None:
                assert track.latched != self.stories[track.slot].proven

    @invariant()
    def nothing_is_lost(self) -> None:
        """The metal holds what was loaded and has not left."""
        if hasattr(self, "pockets"):
            assert self.pockets.on_board == len(self.on_board)


TestTracking = TrackingMachine.TestCase
TestTracking.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
