"""Faults to inject into the line, and the account of them: injected, noticed, escaped, longest delay.

A station asks whether a fault strikes and then misbehaves for real. It is noticed only when a check of the machine
gives the sign; nothing here tells a check that a fault was planted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from harness.errors import Problem, ScenarioError
from harness.inspection.verdict import decide
from harness.line.camera import is_noticed
from harness.line.flow import Fed, Outcome
from harness.scenario import FaultChoice
from harness.streams import stream

RESTART_SLOTS = 4
"""Slots the machine stands still after a stop; then it is producing again."""

STALL_SLOTS = 3
"""What a stall adds to one inspection."""

CRASH_SLOTS = 2
"""How long a worker is gone after the detector crashed."""

THROTTLE_SLOTS = 10
"""How long the computer runs slow when it gets too hot."""

DEAF_SLOTS = 2
"""How long nothing comes through after the computer's heartbeat is lost."""

BURST_SLOTS = 3
"""How long a transfer that stalls holds back frames; then all of them come at once."""

CLOCK_STEP_SLOTS = 60
"""How far the computer's clock steps, forward or back; more than a strip is ever on its way to the gate."""

CLOCK_SLOTS = 2
"""How long it stays wrong."""

THROTTLE_FACTOR = 2
"""How much longer each inspection that begins then takes."""


@dataclass(frozen=True)
class FaultKind:
    """One fault the line can have.

    Attributes:
        bites: Where it bites.
        reaction: What the machine does to stay safe.
        signs: Findings of the machine's own checks that count as noticing it.
        of_strip: True when it belongs to one strip; False when it belongs to the machine.
    """

    bites: str
    reaction: str
    signs: tuple[str, ...]
    of_strip: bool = True


_REJECT = "the strip stays rejected"
_QUARANTINE = "the machine stops and quarantines"

KINDS: dict[str, FaultKind] = {
    "frame_dropped": FaultKind("camera: one frame is missing", _REJECT, ("frame_check",)),
    "frame_surplus": FaultKind("camera: one frame too many", _REJECT, ("frame_check",)),
    "nan_score": FaultKind("detector: every score is NaN", _REJECT, ("invalid_score",)),
    "infinite_score": FaultKind(
        "detector: every score is minus infinity, below any threshold", _REJECT, ("invalid_score",)
    ),
    "constant_output": FaultKind(
        "detector: repeats the scores of the strip before, to the bit", _REJECT, ("constant_output", "late", "missing")
    ),
    "detector_crash": FaultKind("detector: dies or is killed, its worker restarts", _REJECT, ("detector_crash",)),
    "out_of_memory": FaultKind("detector: has no memory for an inspection", _REJECT, ("out_of_memory",)),
    "stall": FaultKind(f"detector: takes {STALL_SLOTS} slots longer", _REJECT, ("late", "missing")),
    "throttling": FaultKind(
        f"computer: {THROTTLE_FACTOR} times slower for {THROTTLE_SLOTS} slots",
        "what is late stays rejected",
        ("slow",),
        of_strip=False,
    ),
    "burst": FaultKind(
        f"transfer: holds frames back for {BURST_SLOTS} slots, then hands over all at once",
        "what is late or finds the queue full stays rejected",
        ("frames_late",),
        of_strip=False,
    ),
    "clock_step": FaultKind(
        f"computer: its clock steps by {CLOCK_STEP_SLOTS} slots and stays wrong for {CLOCK_SLOTS}",
        "a result stamped with an impossible time counts for nothing",
        ("clock_step",),
        of_strip=False,
    ),
    "result_delayed": FaultKind(
        "link: arrives at the cut-off, the last instant that counts",
        "it counts: the strip ends as judged",
        ("at_cutoff", "late", "missing"),
    ),
    "result_late": FaultKind("link: arrives just after the cut-off", _REJECT, ("late", "missing")),
    "result_lost": FaultKind("link: never arrives", _REJECT, ("missing",)),
    "result_duplicate": FaultKind("link: arrives twice", _REJECT, ("duplicate", "late")),
    "result_stale": FaultKind("link: repeats the strip before", _REJECT, ("stale", "late", "missing")),
    "wrong_identity": FaultKind("link: names another run", _REJECT, ("wrong_identity", "late", "missing")),
    "wrong_recipe": FaultKind(
        "detector: other weights or thresholds are loaded", _REJECT, ("wrong_recipe", "late", "missing")
    ),
    "disk_full": FaultKind("computer: the verdict cannot be recorded", "no release without a record", ("disk_full",)),
    "heartbeat_lost": FaultKind(
        f"link: nothing comes through for {DEAF_SLOTS} slots",
        "what is due meanwhile stays rejected",
        ("heartbeat_lost",),
        of_strip=False,
    ),
    "slip": FaultKind("carousel: one pocket too far", _QUARANTINE, ("slip",), of_strip=False),
    "encoder_glitch": FaultKind(
        "carousel: the encoder counts a pocket too many", _QUARANTINE, ("slip",), of_strip=False
    ),
    "bin_full": FaultKind(
        "bin: full after a reject", "the machine stops until it is emptied", ("bin_full",), of_strip=False
    ),
    "double_load": FaultKind("gripper: two strips in a pocket", "both strips are removed", ("double_load",)),
    "empty_pocket": FaultKind("gripper: misses the strip", "the strip waits", ("empty_pocket",), of_strip=False),
    "taken_out": FaultKind("carousel: a hand takes a strip", "its row is removed", ("taken_out",)),
    "gate_stuck_open": FaultKind("gate: lets all through", _QUARANTINE, ("gate_stuck_open",), of_strip=False),
    "gate_stuck_closed": FaultKind("gate: rejects all", _QUARANTINE, ("gate_stuck_closed",), of_strip=False),
    "sensor_dead": FaultKind("verification sensor: sees nothing", _QUARANTINE, ("sensor_dead",), of_strip=False),
}
"""Every fault that a check of the machine always notices, by the name a scenario uses; the swarm is of these."""

CAMERA: dict[str, FaultKind] = {
    kind: FaultKind(f"camera: {bites}", "the strip stays rejected where it is noticed", ("frame_check",))
    for kind, bites in {
        "frame_swapped": "two frames change places",
        "frame_duplicated": "a frame comes twice",
        "frame_stale": "frames of an acquisition before",
        "frame_torn": "the lower part is of another frame",
        "frame_black": "no light",
        "under_exposed": "too little light",
        "over_exposed": "too much light",
        "defocused": "out of focus",
        "shifted": "the strip lies elsewhere",
    }.items()
}
"""Faulty frames of every strength that was measured, weak ones among them: noticed as often as then (`camera.py`)."""

ALL = {**KINDS, **CAMERA}


@dataclass(frozen=True)
class FaultSummary:
    """What became of one kind of fault.

    Attributes:
        kind: Its name.
        bites: Where it bites.
        reaction: The safe reaction.
        injected: How often it struck.
        noticed: How often a check of the machine found it.
        escaped: Strips let through unproven because of it. Of the camera's, those accepted on frames whose fault was
            not noticed; of all others 0: such an escape stops the simulation (`audit.py`).
        longest_delay_slots: From loading the strip (of the machine's own: from the strike) to the notice; None when
            nothing was noticed.
    """

    kind: str
    bites: str
    reaction: str
    injected: int
    noticed: int
    escaped: int
    longest_delay_slots: int | None


class Faults:
    """Decides which faults strike, and keeps the account.

    Args:
        choices: What the scenario asks for.
        seed: Of the scenario; a rate is drawn by strip (or by slot, for faults of the machine), never by call order.
        replication: Of the scenario.
        where: Names the scenario in errors.

    Raises:
        ScenarioError: An unknown kind, or a rate of 1 at which no strip would ever be loaded.
    """

    def __init__(
        self, choices: Sequence[FaultChoice] = (), *, seed: int = 7, replication: int = 0, where: str = "faults"
    ) -> None:
        self._seed, self._replication = seed, replication
        self._where = where
        self._aimed = tuple(choices)
        self._choices: dict[str, list[FaultChoice]] = {}
        for place, choice in enumerate(choices):
            _check(choice, f"{where}[{place}]")
            self._choices.setdefault(choice.kind, []).append(choice)
        self._open: dict[str, dict[Fed | None, int]] = {kind: {} for kind in self._choices}
        self._struck: set[tuple[str, str, int]] = set()
        self._injected = dict.fromkeys(self._choices, 0)
        self._delays: dict[str, tuple[int, int]] = dict.fromkeys(self._choices, (0, 0))  # noticed, longest
        self._camera = tuple(kind for kind in self._choices if kind in CAMERA)
        self._escaped = dict.fromkeys(self._choices, 0)

    def check_aim(self, products: Collection[str]) -> None:
        """Every fault is aimed at something that comes: a slot from 0 on, a product that is fed.

        Raises:
            ScenarioError: Every fault that would strike nothing.
        """
        problems = list(self._misses(products))
        if problems:
            raise ScenarioError.listing(problems)

    def strikes(self, kind: str, slot: int, fed: Fed | None) -> bool:
        """Whether a fault strikes here and now; when it does, it is on the account.

        Args:
            kind: One of `KINDS`.
            slot: Slot the strip was loaded in; for a fault of the machine, the slot that is running.
            fed: The strip it concerns; None where there is none.
        """
        if kind not in self._choices:
            return False
        of_strip = ALL[kind].of_strip
        if not any(self._chosen(choice, slot, fed, of_strip) for choice in self._choices[kind]):
            return False
        self._injected[kind] += 1
        self._open[kind][fed if of_strip else None] = slot
        return True

    def spoil(self, slot: int, fed: Fed) -> bool:
        """Faults of the camera strike the frames of a strip; whether the check of frames notices any of them."""
        struck = [kind for kind in self._camera if self.strikes(kind, slot, fed)]
        return any(is_noticed(kind, fed, seed=self._seed, replication=self._replication) for kind in struck)

    def accepted(self, fed: Fed) -> None:
        """A strip has left on the good side; what nobody noticed of its frames has escaped."""
        for kind in self._camera:
            if self._open[kind].pop(fed, None) is not None:
                self._escaped[kind] += 1

    def notice(self, sign: str, slot: int, fed: Fed | None) -> None:
        """A check of the machine found something; `slot` is the one that is running."""
        for kind, open_faults in self._open.items():
            about = fed if ALL[kind].of_strip else None
            if sign in ALL[kind].signs and about in open_faults:
                noticed, longest = self._delays[kind]
                self._delays[kind] = noticed + 1, max(longest, slot - open_faults.pop(about))

    def summary(self) -> tuple[FaultSummary, ...]:
        """The account, a line a kind that the scenario asks for."""
        return tuple(
            FaultSummary(
                kind=kind,
                bites=ALL[kind].bites,
                reaction=ALL[kind].reaction,
                injected=self._injected[kind],
                noticed=noticed,
                escaped=self._escaped[kind],
                longest_delay_slots=longest if noticed else None,
            )
            for kind, (noticed, longest) in self._delays.items()
        )

    def _misses(self, products: Collection[str]) -> Iterator[Problem]:
        for place, choice in enumerate(self._aimed):
            for slot in choice.at_slot:
                if slot < 0:
                    yield Problem(f"{self._where}[{place}].at_slot", "slots from 0 on", str(slot))
            for product in choice.products:
                if product not in products:
                    yield Problem(f"{self._where}[{place}].products", "products that are fed", repr(product))

    def _chosen(self, choice: FaultChoice, slot: int, fed: Fed | None, of_strip: bool) -> bool:
        """Whether one line of the scenario asks for the fault here."""
        if choice.at_slot:
            return slot in choice.at_slot
        if choice.products:
            if fed is None or fed.product not in choice.products:
                return False
            once = (choice.kind, fed.product, fed.run)  # a strip that waits is not struck again in every slot
            fresh = once not in self._struck
            self._struck.add(once)
            return fresh
        key = (fed.product, fed.run) if of_strip and fed is not None else ("slot", slot)
        rng = stream("fault", choice.kind, self._seed, self._replication, *key)
        return choice.rate is not None and bool(rng.random() < choice.rate)


def with_scores_of(value: float, outcome: Outcome) -> Outcome:
    """The same strip, judged by the bench's own rule on scores that are all `value`, thresholds being 0."""
    verdict = decide(np.full((1, 1, 1), value, np.float32), np.zeros(1, np.float32))
    return Outcome(outcome.product, outcome.run, outcome.recipe, verdict.reject, verdict.cause, outcome.stages_us)


_NO_LOADING = ("slip", "encoder_glitch", "empty_pocket")
"""In a slot with one of these nothing is loaded."""


def _check(choice: FaultChoice, where: str) -> None:
    if choice.kind not in ALL:
        raise ScenarioError(f"{where}.kind", f"one of {', '.join(ALL)}", repr(choice.kind))
    if choice.kind in _NO_LOADING and choice.rate == 1.0:
        raise ScenarioError(f"{where}.rate", f"a rate < 1 for {choice.kind}, or no strip would ever be loaded", "1.0")
