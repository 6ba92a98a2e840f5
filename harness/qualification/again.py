"""Everything a result concludes, once more from what it rests on: scores, the tape of times, the kit and the looks.

Ledger, fates, products, criteria, verdict, the trace and the verdict for machines are made again and compared. Inputs
cannot be made again here: pictures and scores (`replay --rescore` draws and scores anew), recorded looks, and how the
rejected patches of a region divide into defective and good ones. Digests and the record hold those.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError, Problem
from harness.inspection.levels import Acquisitions
from harness.line import LineRecord
from harness.qualification.inspector import (
    kit_scores,
    liquid_table,
    refused_from_table,
    scores_from_table,
    scores_table,
)
from harness.qualification.junit import junit_xml
from harness.qualification.replay import kit_again, layout_again, line_again
from harness.qualification.run import baseline_looks, run_id_fits, thresholds_digest
from harness.qualification.setup import renderer_of
from harness.qualification.summary import products_table, summarise
from harness.result.compare import table_differences, value_differences
from harness.result.stored import Stored, machine_looks
from harness.strips.kit import Kit, refuse_overlap

TAPE = ["product", "run", "response_us", "service_us", "ahead_us"]
"""Columns of the tape that follow from the line, the last where the tape has it; stages are what a clock once said."""


def concluded_again(folder: Path) -> list[Problem]:
    """What differs between the conclusions that are stored and the same made again; expected is what was made again.

    Args:
        folder: A result whose files can be read.
    """
    again = Again(Stored(folder))
    problems: list[Problem] = []
    for check in (
        _identity,
        _calibration,
        _scores,
        _frames,
        _looks,
        _liquid,
        _line,
        _products,
        _summary,
        _junit,
        _evidence,
    ):
        problems += _told(check, again)
    return list(dict.fromkeys(problems))


@dataclass(frozen=True)
class Again:
    """A result, and what follows from its inputs."""

    stored: Stored

    @cached_property
    def kit(self) -> Kit:
        """Products and truth."""
        return kit_again(self.stored)

    @cached_property
    def levels(self) -> dict[str, NDArray[np.float32]]:
        """Thresholds by level."""
        return {name: np.asarray(values, np.float32) for name, values in self.stored.manifest["thresholds"].items()}

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """Frames, vials, regions."""
        geometry = self.stored.manifest["geometry"]
        return len(geometry["frames"]), int(geometry["vials"]), len(geometry["regions"])

    @cached_property
    def digests(self) -> dict[str, str]:
        """Of scenario, kit, model and thresholds; the model's as stored, its weights are not in the folder."""
        return {
            "scenario": self.stored.scenario.digest(),
            "kit": self.kit.digest(),
            "model": str(self.stored.manifest["digests"]["model"]),
            "thresholds": thresholds_digest(self.levels),
        }

    @cached_property
    def record(self) -> LineRecord:
        """The line, run again from scores and tape."""
        return line_again(self.stored)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The summary, as JSON gives it back."""
        stored, manifest, scenario = self.stored, self.stored.manifest, self.stored.scenario
        scores = kit_scores(scores_from_table(stored.scores, self.shape), self.kit, scenario.kit.runs)
        defective = np.array([strip.defect is not None for strip in self.kit.strips])
        joint = bool(stored.scores["joint"].any())
        values = summarise(
            scenario=scenario,
            run_id=manifest["run_id"],
            seed=scenario.seed,
            kit=self.kit,
            layout=layout_again(stored),
            ledger=self.record.ledger,
            conservation=self.record.conservation,
            faults=[asdict(fault) for fault in self.record.faults],
            looks=stored.looks,
            acquisitions=None
            if scores is None
            else Acquisitions(scores, np.zeros(scores.shape, bool), defective, joint),  # no masks are stored
            levels=self.levels,
            calibration=manifest["calibration"],
            digests=self.digests,
            quantile=None if manifest["quick"] else scenario.acceptance.quantile,
            provenance=manifest["provenance"],
            frames=stored.frames,
        )
        plain: dict[str, Any] = json.loads(json.dumps(values))
        return plain


def _told(check: Callable[[Again], list[Problem]], again: Again) -> list[Problem]:
    """The findings of a check, or why it could not be made."""
    try:
        return check(again)
    except InputError as error:
        return list(error.problems)
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        what = check.__name__.strip("_")
        return [Problem(f"{what}, made again", "a result that can be read", f"{type(error).__name__}: {error}")]


def _within(name: str, problems: list[Problem]) -> list[Problem]:
    return [replace(problem, where=f"{name}: {problem.where}") for problem in problems]


def _identity(again: Again) -> list[Problem]:
    """Digests, and the run id that carries the scenario's."""
    manifest, summary = again.stored.manifest, again.stored.summary
    problems = value_differences(again.digests, manifest["digests"], "digests")
    if not run_id_fits(manifest["run_id"], again.stored.scenario):
        problems.append(Problem("run_id", f"one that ends in {again.digests['scenario'][:8]}", manifest["run_id"]))
    return _within("manifest.json", problems) + _within(
        "summary.json", value_differences(again.digests, summary["digests"], "digests")
    )


def _calibration(again: Again) -> list[Problem]:
    """No product of the kit was seen in calibration or training."""
    manifest = again.stored.manifest
    refuse_overlap(again.kit, manifest["calibration"]["products"], "calibration")
    refuse_overlap(again.kit, manifest["detector_made_by"].get("products", ()), "training")
    return []


def _scores(again: Again) -> list[Problem]:
    """Every acquisition once, every patch in its place."""
    scores, patches = again.stored.scores, int(np.prod(again.shape))
    if len(scores) % patches:
        return [Problem("scores.parquet: rows", f"a multiple of {patches}", str(len(scores)))]
    frames = tuple(again.stored.manifest["geometry"]["frames"])
    joint = bool(scores["joint"].any())
    refused = refused_from_table(scores)
    made = scores_table(scores_from_table(scores, again.shape), frames, joint=joint, refused=refused)
    return _within("scores.parquet", table_differences(made, scores, row="product"))


def _frames(again: Again) -> list[Problem]:
    """Every acquisition that was scored has the digest of its frames; results from before have none at all."""
    frames = again.stored.frames
    if frames is None:
        return []
    shown = set(frames[["product", "run"]].itertuples(index=False, name=None))
    unseen = sorted(key for key in scores_from_table(again.stored.scores, again.shape) if key not in shown)
    return [Problem(f"frames.parquet: {product}, run {run}", "a digest", "none") for product, run in unseen]


def _looks(again: Again) -> list[Problem]:
    """Inspectors that were drawn are drawn again; looks that were read from a file are what they are."""
    scenario = again.stored.scenario
    if scenario.baseline.looks_path is not None:
        return []
    columns = ["product", "inspector", "look", "reject"]
    made = baseline_looks(scenario, again.stored.folder, again.kit)[columns]
    return _within("looks.csv", table_differences(made, again.stored.looks[columns], row="product"))


def _liquid(again: Again) -> list[Problem]:
    """Of drawn strips: the state of the liquid, drawn again."""
    stored, scenario = again.stored.liquid, again.stored.scenario
    renderer = renderer_of(scenario)
    if stored is None or (made := liquid_table(renderer, again.kit, scenario.kit.runs)) is None:
        return []
    return _within("liquid.parquet", table_differences(made, stored, row="product"))


def _line(again: Again) -> list[Problem]:
    """The ledger with every fate and cause, the tape's responses, and the trace."""
    problems = _within("ledger.parquet", table_differences(again.record.ledger, again.stored.ledger, row="slot"))
    tape = again.stored.table("latency")
    columns = [name for name in TAPE if name in tape.columns or name != "ahead_us"]
    problems += _within(
        "latency.parquet", table_differences(again.record.tape[columns], tape.reindex(columns=columns), row="product")
    )
    trace = again.stored.folder / "trace.json"
    if trace.exists() and json.loads(trace.read_text(encoding="utf-8")) != {"traceEvents": again.record.events}:
        problems.append(Problem("trace.json", "the events of the ledger", "others"))
    return problems


def _products(again: Again) -> list[Problem]:
    looks = machine_looks(again.record.ledger)
    made = products_table(again.kit, looks, again.stored.scenario.kit.required)
    return _within("products.parquet", table_differences(made, again.stored.table("products"), row="product"))


def _summary(again: Again) -> list[Problem]:
    """Counts, criteria, verdict, timing, and the paper's tables but for what masks say."""
    made, stored = dict(again.summary), dict(again.stored.summary)
    made["paper"], stored["paper"] = _without_masks(made["paper"]), _without_masks(stored["paper"])
    if "early_exposure" not in stored["line"]["layout"]:  # results from before detectors began ahead
        layout = {name: value for name, value in made["line"]["layout"].items() if name != "early_exposure"}
        made["line"] = {**made["line"], "layout": layout}
    return _within("summary.json", value_differences(made, stored))


def _without_masks(paper: dict[str, Any] | None) -> dict[str, Any] | None:
    """Table 1 by patches looked at and patches rejected, which need no mask of a defect."""
    if paper is None:
        return None
    rows = []
    for row in paper["regions"]["rows"]:
        defect, good = row["defect_detected"], row["good_accepted"]
        consistent = row["right"] == {"right": defect["right"] + good["right"], "n": defect["n"] + good["n"]}
        rejected = defect["right"] + good["n"] - good["right"]
        rows.append({"n": row["right"]["n"], "rejected": rejected, "sums hold": consistent})
    return {**paper, "regions": {**paper["regions"], "rows": rows}}


def _junit(again: Again) -> list[Problem]:
    stored = (again.stored.folder / "junit.xml").read_text(encoding="utf-8")
    return [] if stored == junit_xml(again.summary) else [Problem("junit.xml", "the criteria as made again", "others")]


def _evidence(again: Again) -> list[Problem]:
    """Pictures of exactly the products that are not right, with the scores and thresholds they had."""
    evidence = again.stored.evidence
    if not evidence:
        return []
    products = again.stored.products
    failing = sorted(products.loc[~products["right"], "product"])
    if failing != sorted(evidence):
        return [Problem("evidence/index.json", f"products {', '.join(failing)}", ", ".join(sorted(evidence)))]
    scores = scores_from_table(again.stored.scores, again.shape)
    frames = list(again.stored.manifest["geometry"]["frames"])
    thresholds = again.levels[again.stored.level]
    problems = []
    for product, entry in evidence.items():
        if entry["run"] is None:
            continue
        place = frames.index(entry["frame"]), int(entry["vial"]), int(entry["region"])
        score = float(scores[product, entry["run"]][place])
        made = {"score": score if np.isfinite(score) else None, "threshold": float(thresholds[place[2]])}
        problems += value_differences(made, {name: entry[name] for name in made}, product)
    return _within("evidence/index.json", problems)
