"""A line under stress: latency profiles, feeds and layouts tried, counts and shortest slots kept, a report written."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t

from harness.errors import ScenarioError
from harness.line import Layout, NormalLatency
from harness.line.alone import m_d_1_wait_us, waits_us
from harness.line.latency import STRETCH, TABLE2_US, is_file, profile_names, profile_or_file
from harness.line.layout import FEED
from harness.line.stress import Count, Stress, shortest_built_us
from harness.line.validity import slots_needed
from harness.progress import Progress, silent
from harness.report.stress import write_stress_report
from harness.result.folder import check_new, new_folder, write_json
from harness.scenario import Scenario
from harness.streams import stream
from harness.system import hardware, peak_memory_mib, versions

WORKERS = (1, 2)
POCKETS_TO_GATE = (1, 2, 3)
QUEUE_LIMITS = (1, 2, 4)
LONGEST_QUEUE = 256
"""A ledger whose rows are counted and let go holds a thousand slots; no result may come later than that."""

QUEUED_POCKETS = 2
"""To the gate, where lengths of the queue are compared: with one, what waits comes too late for its own gate."""

CURVE_STEPS = 12
CURVE_LONGEST_US = 600_000
CURVE_WIDEST = 1.5
"""Longest slot of a curve over the shortest, at least."""

FREE_LOADS = (0.5, 0.8, 0.9, 0.975)
QUANTILE = 0.99
"""Claimed where the scenario claims none."""


@dataclass(frozen=True)
class Plan:
    """How much is simulated.

    Attributes:
        profiles: Latency profiles to compare.
        strips: In a replication. By default enough for p99 with one late strip (662), so that each measurement ends
            soon: four profiles and their layouts take about a minute of one core.
        replications: Of every measurement; their scatter gives the interval.
        free_strips: Of a replication without slots; the first quarter, which found an empty queue, is left out.
    """

    profiles: tuple[str, ...]
    strips: int = 700
    replications: int = 4
    free_strips: int = 10_000


def run_stress(
    scenario: Scenario,
    *,
    where: Path,
    plan: Plan,
    out: Path | None = None,
    command: str = "",
    progress: Progress = silent,
) -> tuple[Path, dict[str, Any]]:
    """Stresses the line of a scenario and writes `stress.json` and `report.html`; the folder, and what the file holds.

    Raises:
        InputError: An impossible layout, an unknown profile, or a folder that cannot be made; nothing is written then.
    """
    layout = Layout.from_choice(scenario.line, str(where))
    for name in plan.profiles:
        profile_or_file(name, where="--profile")
    if plan.strips < 1 or plan.replications < 2:
        raise ScenarioError(
            "command line", "at least 1 strip and 2 replications", f"{plan.strips}, {plan.replications}"
        )
    if scenario.faults:
        raise ScenarioError(f"{where}: faults", "none: under stress a line has no faults, `swarm` tries them", "some")
    if layout.queue_limit > LONGEST_QUEUE:
        raise ScenarioError(f"{where}: line.queue_limit", f"at most {LONGEST_QUEUE} under stress", layout.queue_limit)
    folder = out or Path("results") / scenario.name / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{scenario.digest()[:8]}"
    check_new(folder)
    slots = [0]

    def count(done: int) -> None:
        slots[0] += done

    quantile = scenario.acceptance.quantile or QUANTILE
    stress = Stress(seed=scenario.seed, strips=plan.strips, quantile=quantile, counted=count)
    cells = [(name, lines) for name in plan.profiles for lines in _layouts(layout)]
    shortest, begun_mib = [], 0.0
    for done, (name, line) in enumerate(cells, start=1):
        shortest.append(_shortest(stress, line, name, plan.replications))
        progress("shortest slots", done, len(cells))
        if done == 1:
            begun_mib = peak_memory_mib()
    curve = []
    for done, name in enumerate(plan.profiles, start=1):
        curve += _curve(stress, layout, name, plan.replications)
        progress("capacity curves", done, len(plan.profiles))
    free_running = [_free_running(load, scenario.seed, plan) for load in FREE_LOADS]
    values = {
        "scenario": scenario.name,
        "digest": scenario.digest(),
        "seed": scenario.seed,
        "command": command,
        "layout": asdict(layout),
        "quantile": quantile,
        "queued_pockets": QUEUED_POCKETS,
        "needed": [slots_needed(quantile, late) for late in range(2)],
        "strips": plan.strips,
        "replications": plan.replications,
        "stretch": STRETCH,
        "slots": slots[0],
        "memory_mib": {"after_first_measurement": begun_mib, "at_end": peak_memory_mib()},
        "shortest_built_ms": shortest_built_us(layout) / 1000,
        "shortest": shortest,
        "curve": curve,
        "free_running": free_running,
        "hardware": hardware(),
        "versions": versions(),
    }
    with new_folder(folder) as beside:
        write_json(beside / "stress.json", values)
        write_stress_report(beside)
    return folder, values


def usual_profiles(scenario: Scenario, where: Path) -> tuple[str, ...]:
    """That of the scenario, which may be a file beside it, then every other one that ships."""
    own = scenario.line.profile
    if own is not None and is_file(own):
        own = str(where.parent / own)
    return tuple(dict.fromkeys([*([own] if own else []), *profile_names()]))


def _layouts(layout: Layout) -> list[Layout]:
    """Each feed with each number of workers, then the scenario's feed with other ways to the gate and queues.

    Those that can be built with the scenario's slot.
    """
    others: list[dict[str, Any]] = [{"feed": feed, "workers": workers} for feed in FEED for workers in WORKERS]
    others += [{"pockets_to_gate": pockets, "workers": workers} for pockets in POCKETS_TO_GATE for workers in WORKERS]
    others += [
        {"pockets_to_gate": QUEUED_POCKETS, "workers": workers, "queue_limit": limit}
        for limit in QUEUE_LIMITS
        for workers in WORKERS
    ]
    lines = []
    for other in others:
        with suppress(ScenarioError):  # one that cannot be built, such as a gate beyond the last pocket
            lines.append(replace(layout, **other))
    return list(dict.fromkeys(lines))


def _shortest(stress: Stress, layout: Layout, name: str, replications: int) -> dict[str, Any]:
    different = 1 if stress.without_chance(layout, name) else replications
    found = [stress.shortest_slot_us(layout, name, replication) for replication in range(different)]
    found += found[:1] * (replications - different)
    row = {
        "profile": name, "feed": layout.feed, "workers": layout.workers, "pockets_to_gate": layout.pockets_to_gate,
        "queue_limit": layout.queue_limit,
    }  # fmt: skip
    held = [slot_us / 1000 for slot_us in found if slot_us is not None]
    if len(held) < replications:
        return row | {"slot_ms": None, "low_ms": None, "high_ms": None}
    mean, low, high = _interval(held)
    low = max(low, shortest_built_us(layout) / 1000)  # shorter ones cannot be built
    return row | {"slot_ms": mean, "low_ms": low, "high_ms": high}


def _interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, and its 95 % interval over replications (Student)."""
    mean = float(np.mean(values))
    half = float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half


def _curve(stress: Stress, layout: Layout, name: str, replications: int) -> list[dict[str, Any]]:
    """Late strips and false rejects at slots from the shortest that can be built upwards."""
    rows = []
    short_us = shortest_built_us(layout)
    for slot_us in np.linspace(short_us, max(CURVE_LONGEST_US, CURVE_WIDEST * short_us), CURVE_STEPS):
        line = replace(layout, slot_us=round(slot_us))
        total = sum((stress.load(line, name, replication) for replication in range(replications)), Count())
        rows.append({"profile": name, "slot_ms": line.slot_us / 1000, **asdict(total)})
    return rows


def _free_running(load: float, seed: int, plan: Plan) -> dict[str, Any]:
    """A machine that triggers when a strip arrives: mean wait at the computer, simulated and by formula (M/D/1)."""
    service_us = TABLE2_US
    means = []
    for replication in range(plan.replications):
        gaps_us = stream("free-running", seed, replication).exponential(service_us / load, size=plan.free_strips)
        waits = waits_us([round(gap) for gap in gaps_us], NormalLatency("constant", service_us))
        means.append(float(waits[plan.free_strips // 4 :].mean()) / 1000)
    mean, low, high = _interval(means)
    theory = m_d_1_wait_us(load, service_us) / 1000
    return {"load": load, "wait_ms": mean, "low_ms": low, "high_ms": high, "theory_ms": theory}
