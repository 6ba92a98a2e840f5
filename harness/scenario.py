"""A scenario: one question, one TOML file. Its models, its loader, its schema.

Times are in ms here, because people type them; everything behind this edge uses integer microseconds.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema, model_validator
from pydantic.json_schema import SkipJsonSchema

from harness.errors import Problem, ScenarioError


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, allow_inf_nan=False)


class KitChoice(_Table):
    """Which products are inspected, how often, and how many right runs make a product right."""

    standard: Literal["knapp", "quick"] | None = None
    register_path: str | None = Field(default=None, alias="register")
    runs: int = Field(default=10, ge=1, le=1000)
    required: int = Field(default=7, ge=1)

    @model_validator(mode="after")
    def _check(self) -> KitChoice:
        if self.required > self.runs:
            raise ValueError(f"expected required <= runs, got {self.required} of {self.runs}")
        if self.standard is not None and self.register_path is not None:
            raise ValueError("expected either standard or register, got both")
        return self


class LineChoice(_Table):
    """Layout and timing of the machine (`docs/formats.md`)."""

    slot_ms: float = Field(default=500.0, gt=0)
    pockets: int = Field(default=24, ge=1)
    pockets_to_gate: int = Field(default=1, ge=1)
    exposures: int = Field(default=16, ge=1)
    exposure_interval_ms: float = Field(default=26.0, gt=0)
    transfer_ms: float = Field(default=4.0, ge=0)
    gate_lead_ms: float = Field(default=8.0, ge=0)
    warm_up_strips: int = Field(default=20, ge=0)
    clock: Literal["virtual", "measured", "wall"] = "measured"
    profile: str | None = None
    workers: int = Field(default=1, ge=1)
    queue_limit: int = Field(default=2, ge=1)
    overrun: Literal["reject_newest", "reject_oldest", "hold"] = "reject_newest"
    feed: Literal["constant", "jittered", "bursty", "starved", "poisson"] = "constant"


class LiquidChoice(_Table):
    """Scales of the liquid; 1.0 is `docs/product.md`."""

    slosh: float = Field(default=1.0, ge=0)
    bubbles: float = Field(default=1.0, ge=0)
    stick: float = Field(default=0.2, ge=0, le=1)
    drops: float = Field(default=1.0, ge=0)
    viscosity: float = Field(default=1.0, gt=0)
    agitation: float = Field(default=0.0, ge=0)


class DetectorChoice(_Table):
    """Which inspector is qualified, and which thresholds reach the gate.

    Without a score it is the marker's where the bundle has one, else the paper's.
    """

    bundle: str | None = None
    factory: str | None = None
    backend: Literal["tensorflow", "openvino", "openvino-bf16", "auto"] = "auto"
    score: str | None = None
    level: Literal["patch", "strip", "seven_of_ten", "good_only"] = "seven_of_ten"

    @model_validator(mode="after")
    def _check(self) -> DetectorChoice:
        if (self.bundle is None) == (self.factory is None):
            raise ValueError("expected exactly one of bundle and factory")
        return self


class FaultChoice(_Table):
    """A fault to inject: how often, or at which slots, or on which products."""

    kind: str
    rate: float | None = Field(default=None, ge=0, le=1)
    at_slot: tuple[int, ...] = ()
    products: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> FaultChoice:
        if (self.rate is not None) + bool(self.at_slot) + bool(self.products) != 1:
            raise ValueError("expected exactly one of rate, at_slot and products")
        return self


_COUNT_OR_PATH = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}], "title": "Looks"}


class BaselineChoice(_Table):
    """The manual inspectors: recorded looks, or the assumed size model of `harness/acceptance/assumed.py`."""

    source: Literal["assumed", "recorded"] = "assumed"
    looks_path: SkipJsonSchema[str | None] = None
    inspectors: int = Field(default=5, ge=1)
    looks: Annotated[int, Field(ge=1), WithJsonSchema(_COUNT_OR_PATH)] = 10

    @model_validator(mode="before")
    @classmethod
    def _path_or_count(cls, values: Any) -> Any:
        # In a file, `looks` is a count (assumed) or the path of a CSV (recorded, unless the source says otherwise).
        if isinstance(values, dict) and isinstance(values.get("looks"), str):
            values = {"source": "recorded", **values, "looks_path": values["looks"]}
            del values["looks"]
        return values

    @model_validator(mode="after")
    def _check(self) -> BaselineChoice:
        if self.source == "recorded" and self.looks_path is None:
            raise ValueError("expected looks to name a file where they are recorded, got a number of looks")
        return self


DECIDING = ("defective_median_inspector", "good_median_inspector", "no_late_run")
"""Criteria that decide PASS unless the scenario says otherwise."""


class MarginsChoice(_Table):
    """How much lower the machine's rate may be than the median inspector's: by criticality, and for good products."""

    critical: float = Field(default=0.0, ge=0, lt=1)
    major: float = Field(default=0.05, ge=0, lt=1)
    minor: float = Field(default=0.05, ge=0, lt=1)
    good: float = Field(default=0.05, ge=0, lt=1)


class AcceptanceChoice(_Table):
    """What decides the verdict, and what the criteria are held to."""

    quantile: float | None = Field(default=None, gt=0, lt=1)
    deciding: tuple[str, ...] = DECIDING
    tie: Literal["grey", "accept"] = "grey"
    rag_ceiling: float | None = Field(default=None, ge=0, le=1)
    margins: MarginsChoice = MarginsChoice()


_ADDED_LATER = ("tie", "rag_ceiling", "margins")
"""Left out of a digest where they are the default, so that results made before these keys were there keep theirs."""


class Scenario(_Table):
    """One question put to the bench. Frozen; paths are relative to the scenario's folder."""

    name: str = Field(min_length=1, pattern=r"^[a-z0-9][a-z0-9-]*$")
    seed: int = Field(default=7, ge=0)
    kit: KitChoice = KitChoice()
    line: LineChoice = LineChoice()
    liquid: LiquidChoice = LiquidChoice()
    detector: DetectorChoice
    faults: tuple[FaultChoice, ...] = ()
    baseline: BaselineChoice = BaselineChoice()
    acceptance: AcceptanceChoice = AcceptanceChoice()

    def digest(self) -> str:
        """Hex SHA-256 of what the scenario asks, whatever the layout of its file."""
        values = self.model_dump(mode="json", by_alias=True)
        plain = AcceptanceChoice().model_dump(mode="json")
        for key in _ADDED_LATER:
            if values["acceptance"][key] == plain[key]:
                del values["acceptance"][key]
        text = json.dumps(values, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def load_scenario(path: Path) -> Scenario:
    """Read and check a scenario file.

    Raises:
        ScenarioError: Missing or unreadable file, unknown key, wrong type or value; every problem is listed.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ScenarioError(str(path), "a scenario file (TOML)", "no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(str(path), "a readable scenario file (TOML)", error) from None
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(str(path), "valid TOML", error) from None
    return parse_scenario(values, where=str(path))


def parse_scenario(values: dict[str, Any], *, where: str) -> Scenario:
    """Check the values of a scenario; `where` names their origin in errors."""
    try:
        return Scenario.model_validate(values)
    except ValidationError as error:
        _raise_listing(error, where)


def scenario_schema() -> dict[str, Any]:
    """JSON Schema of a scenario file, for editors."""
    return Scenario.model_json_schema(by_alias=True)


def _raise_listing(error: ValidationError, where: str) -> NoReturn:
    raise ScenarioError.listing([_problem(dict(detail), where) for detail in error.errors()]) from None


_LIMITS = {"greater_than": "a number > {gt:g}", "greater_than_equal": "a number >= {ge:g}",
           "less_than": "a number < {lt:g}", "less_than_equal": "a number <= {le:g}"}  # fmt: skip


def _problem(detail: dict[str, Any], where: str) -> Problem:
    """One pydantic finding as *where: expected, got*."""
    place = ".".join(str(part) for part in detail["loc"])
    spot = f"{where}: {place}" if place else where
    kind, context = detail["type"], detail.get("ctx", {})
    got = repr(detail["input"])
    if kind == "extra_forbidden":
        return Problem(spot, f"one of {', '.join(_legal_keys(detail['loc']))}", "an unknown key")
    if kind == "missing":
        return Problem(spot, "a value", "nothing")
    if kind in _LIMITS:
        return Problem(spot, _LIMITS[kind].format(**context), got)
    if kind == "literal_error":
        return Problem(spot, f"one of {context['expected']}", got)
    if kind == "value_error":
        expected, _, value = str(context["error"]).removeprefix("expected ").partition(", got ")
        return Problem(spot, expected, value or "neither or both")
    return Problem(spot, detail["msg"].removeprefix("Input should be ").removeprefix("Value error, "), got)


def _legal_keys(location: tuple[str | int, ...]) -> list[str]:
    """Keys that are legal in the table where an unknown key was found."""
    model: Any = Scenario
    for part in location[:-1]:
        if isinstance(part, str):
            field = next(f for n, f in model.model_fields.items() if part in (n, f.alias))
            model = field.annotation
            if not (isinstance(model, type) and issubclass(model, BaseModel)):
                model = next(a for a in getattr(model, "__args__", ()) if isinstance(a, type))
    return sorted(field.alias or name for name, field in model.model_fields.items())
