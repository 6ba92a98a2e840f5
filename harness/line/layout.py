"""Layout and timing of the machine in integer microseconds, derived once and checked once.

With the default layout, after the trigger of a strip:

    0 ms       390 ms  394 ms               500 ms             882 ms   890 ms  898 ms
    trigger    last    frames at the        next trigger       cut-off  gate    sensor
               exposure  computer

The gate acts `pockets_to_gate` slots after the last exposure; its cut-off comes one stroke (`gate_lead_us`) before, and
the verification sensor stands one stroke behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import InitVar, dataclass

from harness.errors import Problem, ScenarioError
from harness.scenario import LineChoice

OVERRUN = ("reject_newest", "reject_oldest", "hold")
"""What happens when frames are ready and the queue of the inspection computer is full."""

LONGEST_US = 3_600_000_000
"""An hour; no time of a machine is longer, and sums of a long run stay whole numbers of 64 bits."""

FEED = ("constant", "jittered", "bursty", "starved", "poisson")
"""How strips reach the infeed (`infeed.py`)."""


@dataclass(frozen=True)
class Layout:
    """A carousel that can be built. Defaults are the paper's machine.

    Attributes:
        slot_us: The period; slot n starts at n * slot_us.
        pockets: Places on the carousel.
        pockets_to_gate: Indices from camera to gate, 1 <= pockets_to_gate < pockets.
        exposures: Frames of an acquisition.
        early_exposure: The last but one of those that are inspected: a detector that can begins when it is there.
        exposure_interval_us: From one exposure to the next; the first is at the trigger.
        transfer_us: From last exposure until the frames are at the inspection computer.
        gate_lead_us: What the gate needs to move, > 0: the cut-off comes so long before the gate acts.
        workers: Inspections side by side.
        queue_limit: Acquisitions that may wait for a worker, >= 1.
        overrun: One of `OVERRUN`.
        feed: One of `FEED`.
        where: Names the origin of the values in errors.

    Raises:
        ScenarioError: The layout is impossible; every problem is listed.

    >>> layout = Layout()
    >>> layout.last_exposure_us, layout.cutoff_us, layout.gate_us
    (390000, 882000, 890000)
    """

    slot_us: int = 500_000
    pockets: int = 24
    pockets_to_gate: int = 1
    exposures: int = 16
    early_exposure: int = 8
    exposure_interval_us: int = 26_000
    transfer_us: int = 4_000
    gate_lead_us: int = 8_000
    workers: int = 1
    queue_limit: int = 2
    overrun: str = "reject_newest"
    feed: str = "constant"
    where: InitVar[str] = "line"

    def __post_init__(self, where: str) -> None:
        problems = list(self._problems(where))
        if problems:
            raise ScenarioError.listing(problems)

    @classmethod
    def from_choice(cls, choice: LineChoice, where: str, *, early_exposure: int = early_exposure) -> Layout:
        """The layout a scenario asks for.

        Args:
            choice: Its table `line`.
            where: Names the scenario in errors.
            early_exposure: Of the acquisitions; the paper's by default.

        Raises:
            ScenarioError: The layout is impossible.
        """
        return cls(
            slot_us=round(choice.slot_ms * 1000),
            pockets=choice.pockets,
            pockets_to_gate=choice.pockets_to_gate,
            exposures=choice.exposures,
            early_exposure=early_exposure,
            exposure_interval_us=round(choice.exposure_interval_ms * 1000),
            transfer_us=round(choice.transfer_ms * 1000),
            gate_lead_us=round(choice.gate_lead_ms * 1000),
            workers=choice.workers,
            queue_limit=choice.queue_limit,
            overrun=choice.overrun,
            feed=choice.feed,
            where=f"{where}: line",
        )

    @property
    def last_exposure_us(self) -> int:
        """Last exposure, after the trigger."""
        return (self.exposures - 1) * self.exposure_interval_us

    @property
    def frames_us(self) -> int:
        """All frames at the inspection computer, after the trigger."""
        return self.last_exposure_us + self.transfer_us

    @property
    def early_us(self) -> int:
        """All inspected frames but the last at the inspection computer, after the trigger.

        >>> Layout().early_us
        186000
        """
        return (min(self.early_exposure, self.exposures) - 1) * self.exposure_interval_us + self.transfer_us

    @property
    def gate_us(self) -> int:
        """The gate acts, after the trigger, when the machine does not stop in between."""
        return self.last_exposure_us + self.pockets_to_gate * self.slot_us

    @property
    def cutoff_us(self) -> int:
        """Last instant at which a verdict still counts, after the trigger; a stop does not move it."""
        return self.gate_us - self.gate_lead_us

    def _problems(self, where: str) -> Iterator[Problem]:
        """Everything that keeps this layout from being built, by the names and in the ms that a person types."""
        least = {"slot_us": 1, "pockets": 1, "pockets_to_gate": 1, "exposures": 1, "early_exposure": 1,
                 "exposure_interval_us": 1,
                 "transfer_us": 0, "gate_lead_us": 1, "workers": 1, "queue_limit": 1}  # fmt: skip
        for name, smallest in least.items():
            value, time, place = getattr(self, name), name.endswith("_us"), f"{where}.{name.replace('_us', '_ms')}"
            if value < smallest:
                expected = f"at least {_ms(smallest)}" if time else f"an integer >= {smallest}"
                yield Problem(place, expected, _ms(value) if time else str(value))
            elif time and value > LONGEST_US:
                yield Problem(place, f"at most {_ms(LONGEST_US)}", _ms(value))
        for name, legal in (("overrun", OVERRUN), ("feed", FEED)):
            if getattr(self, name) not in legal:
                yield Problem(f"{where}.{name}", f"one of {', '.join(legal)}", repr(getattr(self, name)))
        if self.pockets_to_gate >= self.pockets:
            expected = f"a gate on the carousel, less than {self.pockets} pockets from the camera"
            yield Problem(f"{where}.pockets_to_gate", expected, str(self.pockets_to_gate))
        yield from self._late_stations(where)

    def _late_stations(self, where: str) -> Iterator[Problem]:
        """What would come too late within a slot, or before the cut-off."""
        if self.last_exposure_us >= self.slot_us:
            expected = f"exposures that end before the next trigger at {_ms(self.slot_us)}"
            yield Problem(
                f"{where}.exposures", expected, f"the last of {self.exposures} at {_ms(self.last_exposure_us)}"
            )
        elif self.last_exposure_us + self.gate_lead_us >= self.slot_us:
            expected = f"a gate whose sensor has seen the strip before the next index at {_ms(self.slot_us)}"
            yield Problem(f"{where}.gate_lead_ms", expected, _ms(self.last_exposure_us + self.gate_lead_us))
        if self.cutoff_us <= self.frames_us:
            expected = f"a cut-off after the frames are ready at {_ms(self.frames_us)}"
            yield Problem(f"{where}.gate_lead_ms", expected, f"one at {_ms(self.cutoff_us)}")


def _ms(time_us: int) -> str:
    return f"{time_us / 1000:g} ms"
