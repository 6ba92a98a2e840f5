"""A capsule: the file from which one command repeats a broken replication of a swarm, to the event."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import InputError, Problem
from harness.line.layout import Layout
from harness.line.swarm import Plan
from harness.scenario import FaultChoice
from harness.system import versions


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    broken: str
    seed: int
    replication: int
    profile: str
    layout: dict[str, int | str]
    faults: tuple[FaultChoice, ...]
    versions: dict[str, str | int]


@dataclass(frozen=True)
class Capsule:
    """A replication and the rule it broke.

    Attributes:
        plan: What was run.
        broken: The whole message: rule, last events, how to repeat it.
    """

    plan: Plan
    broken: str

    def write(self, path: Path) -> None:
        """Writes it as JSON, with the versions that ran it."""
        plan = self.plan
        values = {
            "broken": self.broken,
            "seed": plan.seed,
            "replication": plan.replication,
            "profile": plan.profile,
            "layout": asdict(plan.layout),
            "faults": [{"kind": fault.kind, "at_slot": list(fault.at_slot)} for fault in plan.faults],
            "versions": versions(),
        }
        path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def same_event(self, message: str) -> bool:
        """True when another run broke the same rule with the same last events; how to repeat it may differ."""
        return _without_command(message) == _without_command(self.broken)


def read_capsule(path: Path) -> Capsule:
    """Reads and checks a capsule.

    Raises:
        InputError: No file, not a capsule, or an impossible layout; every problem is listed.
    """
    try:
        file = _File.model_validate_json(path.read_text(encoding="utf-8"))
        layout = Layout(**file.layout, where=f"{path}: layout")  # type: ignore[arg-type]  # names and values checked there
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(str(path), "a capsule (JSON)", error) from None
    except TypeError as error:
        raise InputError(f"{path}: layout", "the fields of a layout", error) from None
    except ValidationError as error:
        places = [(".".join(map(str, found["loc"])) or "file", found["msg"]) for found in error.errors()]
        raise InputError.listing([Problem(f"{path}: {at}", "a capsule's value", told) for at, told in places]) from None
    return Capsule(Plan(file.seed, file.replication, file.profile, layout, file.faults), file.broken)


def _without_command(message: str) -> str:
    return message.partition("\nrepeat with:")[0]
