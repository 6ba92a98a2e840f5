"""A fault swarm with its folder: counts, and a capsule for each broken replication; and running a capsule again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.errors import InvariantBroken
from harness.line.campaign import capsule_name, run_campaign
from harness.line.capsule import read_capsule
from harness.line.swarm import run_plan
from harness.progress import Progress, silent
from harness.result.folder import check_new, new_folder, write_json
from harness.scenario import Scenario
from harness.system import hardware, versions

CAPSULES = "capsules"


@dataclass(frozen=True)
class Swarm:
    """A campaign that has ended.

    Attributes:
        folder: With `swarm.json`, and `capsules/` where a rule was broken.
        counts: As in `swarm.json`.
    """

    folder: Path
    counts: dict[str, Any]

    def in_words(self) -> str:
        """As a person reads it."""
        counts = self.counts
        reached = sum(count > 0 for count in counts["states"].values())
        recovery = counts["recovery_slots"]
        lines = [
            f"{'SAFE' if counts['passed'] else 'NOT SHOWN SAFE'}: {counts['replications']:,} of"
            f" {counts['asked']:,} replications,"
            f" {counts['slots']:,} slots, {sum(fault['injected'] for fault in counts['faults'].values()):,} faults",
            f"  rules broken {counts['broken_count']} (an escape or a lost strip is one of them)",
            f"  recovered within {recovery['longest']} slots, {recovery['bound']} allowed",
            f"  states reached {reached}/{len(counts['states'])}",
            *(f"  never reached: {state}" for state, count in counts["states"].items() if count == 0),
            *(f"  replication {row['replication']}: {row['rule']}" for row in counts["broken"]),
            *(f"  not covered: {pair}" for pair in counts["not_covered"]),
        ]
        return "\n".join([*lines, f"  {self.folder / 'swarm.json'}"])


def run_swarm(
    scenario: Scenario,
    *,
    where: Path,
    replications: int,
    processes: int = 1,
    limit_s: float = math.inf,
    out: Path | None = None,
    command: str = "",
    progress: Progress = silent,
) -> Swarm:
    """Runs a swarm and writes its folder, by default under `results/<scenario>/`.

    Raises:
        InputError: The scenario is no swarm, or the folder cannot be made; nothing has been written then.
    """
    folder = out or Path("results") / scenario.name / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{scenario.digest()[:8]}"
    check_new(folder)
    done = run_campaign(
        scenario, where=str(where), replications=replications, processes=processes, limit_s=limit_s,
        capsules=str(folder / CAPSULES), progress=progress,
    )  # fmt: skip
    counts = {
        "scenario": scenario.name, "digest": scenario.digest(), "seed": scenario.seed, "command": command,
        "versions": versions(), "hardware": hardware(), **done.as_dict(),
    }  # fmt: skip
    with new_folder(folder) as beside:
        write_json(beside / "swarm.json", counts)
        if done.capsules:
            (beside / CAPSULES).mkdir()
        for capsule in done.capsules:
            capsule.write(beside / CAPSULES / capsule_name(capsule.plan.replication))
    return Swarm(folder, counts)


def repeat_capsule(path: Path) -> tuple[str, bool]:
    """Runs a capsule's replication again; what came of it in words, and whether a rule broke.

    Raises:
        InputError: Not a capsule.
    """
    capsule = read_capsule(path)
    try:
        run_plan(capsule.plan, repeat=f"python -m harness swarm --repeat {path}")
    except InvariantBroken as error:
        same = capsule.same_event(str(error))
        return f"{'broken again, at the same event' if same else 'broken, but otherwise'}: {error}", True
    return f"not broken any more: {capsule.broken.partition(chr(10))[0]}", False
