"""Sections 2 to 6 and 17: what was asked, of which products, beside which inspectors, of which machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pandas as pd

from harness.acceptance.baseline import agreement, score_inspectors
from harness.acceptance.intervals import exact_interval
from harness.acceptance.rule import TRUTHS, Count
from harness.report.drift import drift_page
from harness.report.line import line_page
from harness.report.words import Cell, counted, interval, no_number, number, rule_text, table, word
from harness.result.stored import Stored, records


def scope_section(stored: Stored) -> dict[str, Any]:
    """What was qualified, for what, and what the numbers cannot say."""
    geometry = stored.manifest["geometry"]
    height, width = geometry["frame_shape"]
    return {
        "product": f"strips of {geometry['vials']} joined vials" if geometry["vials"] > 1 else "strips of one vial",
        "patches": len(geometry["frames"]) * len(geometry["boxes"]),
        "frames": ", ".join(str(frame) for frame in geometry["frames"]),
        "regions": ", ".join(stored.regions),
        "picture": f"{width} \u00d7 {height} px, {geometry['um_per_px']:g} \u00b5m a pixel",
        "provenance": stored.summary["provenance"],
        "generated": stored.origin.startswith("generated"),
        "assumed": stored.assumed,
        "quick": stored.manifest["quick"],
        "detector": stored.manifest["detector"],
    }


def protocol_section(stored: Stored) -> dict[str, Any]:
    """What was fixed before the first look."""
    summary, scenario = stored.summary, stored.manifest["scenario"]
    settings: list[list[str | Cell]] = [
        [f"{part}.{key}" if key else part, Cell(json.dumps(value, ensure_ascii=False), "code")]
        for part, key, value in _leaves(scenario)
        if not (stored.manifest.get("recording") and part == "liquid")  # nothing was drawn
    ]
    return {
        "rule": rule_text(stored.required, stored.runs),
        "facts": [
            ("scenario", Cell(summary["scenario"])),
            ("digest of the scenario", Cell(summary["digests"]["scenario"], "code")),
            ("qualification", Cell(summary["run_id"], "code")),
            ("seed", Cell(str(summary["seed"]))),
            (
                "rule for one product",
                Cell(f"right when at least {stored.required} of {stored.runs} runs are right"),
            ),
            ("runs of the kit", Cell(f"{stored.runs}, each in a random order of its own")),
            ("warm-up strips", Cell(f"{summary['timing']['warm_up']} before the first run, in no count")),
            ("criteria that decide", Cell(", ".join(row["name"] for row in summary["criteria"] if row["deciding"]))),
        ],
        "settings": table("Every setting of the scenario", ["setting", "value"], settings),
    }


def _leaves(values: dict[str, Any]) -> list[tuple[str, str, Any]]:
    leaves: list[tuple[str, str, Any]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            leaves += [(name, key, inner) for key, inner in value.items()]
        else:
            leaves.append((name, "", value))
    return leaves


def register_section(stored: Stored) -> dict[str, Any]:
    """The kit by class, and every product of it."""
    products = stored.products
    defective = products[products["truth"] == "defective"]
    classes = [
        [
            word(str(kind)),
            str(len(rows)),
            _sizes(rows["size_um"]),
            ", ".join(f"{name} {n}" for name, n in sorted(rows["criticality"].astype(str).value_counts().items())),
        ]
        for kind, rows in defective.groupby("defect", sort=True)
    ]
    return {
        "defective": len(defective),
        "good": len(products) - len(defective),
        "digest": stored.summary["digests"]["kit"],
        "classes": table(
            "Defective products by class", ["class", "products", "sizes", "criticality"], classes, numeric=(1,),
            empty="The kit has no defective product.",
        ),
        "register": table(
            "Every product of the kit",
            ["product", "truth", "defect", "size", "contrast", "criticality", "place"],
            [_register_row(row, stored.regions) for row in records(products)],
            numeric=(3, 4),
        ),
    }  # fmt: skip


def _sizes(sizes_um: pd.Series[float]) -> str:
    known = sizes_um.dropna()
    if known.empty:
        return "no size"
    ends = [f"{size:.0f}" for size in (known.min(), known.max())]
    return " \u2013 ".join(dict.fromkeys(ends)) + " \u00b5m"


def _register_row(row: dict[str, Any], regions: tuple[str, ...]) -> list[str]:
    product, truth = str(row["product"]), str(row["truth"])
    if truth == "good":
        return [product, truth, "none", "", "", "", ""]
    size = f"{row['size_um']:.0f} \u00b5m" if pd.notna(row["size_um"]) else "no size"
    contrast = f"{row['contrast']:.3f}" if pd.notna(row["contrast"]) else "not given"
    return [product, truth, word(str(row["defect"])), size, contrast, str(row["criticality"]), place(row, regions)]


def place(row: dict[str, Any], regions: tuple[str, ...]) -> str:
    """Where a defect lies, or that it is not given.

    >>> place({"vial": 2, "region": 0}, ("R0 flag",)), place({"vial": None, "region": None}, ())
    ('vial 2, R0 flag', 'not given')
    """
    if pd.isna(row["vial"]) or pd.isna(row["region"]):
        return "not given"
    return f"vial {int(row['vial'])}, {regions[int(row['region'])]}"


def baseline_section(stored: Stored) -> dict[str, Any]:
    """A row an inspector, the median, and all of them pooled."""
    baseline = stored.summary["baseline"]
    scores = score_inspectors(stored.looks, stored.products, required=stored.required, runs=stored.runs)
    each = {(row["inspector"], row["truth"]): Count(row["right"], row["n"]) for row in baseline["each"]}
    rows = [
        [name, *(cell for truth in TRUTHS for cell in _with_interval(each.get((name, truth), Count(0, 0))))]
        for name in sorted({name for name, _ in each})
    ]
    medians = [baseline[truth] for truth in TRUTHS]
    rows.append(["median inspector", f"{medians[0]['right']:g}/{medians[0]['n']}", "no interval: a median",
                 f"{medians[1]['right']:g}/{medians[1]['n']}", "no interval: a median"])  # fmt: skip
    pooled = [Count(baseline["pooled"][truth]["right"], baseline["pooled"][truth]["n"]) for truth in TRUTHS]
    rows.append(["all pooled", *(cell for count in pooled for cell in _with_interval(count))])
    looks = baseline["looks"]
    return {
        "source": baseline["source"],
        "rule": f"{scores.required} of {looks} for an inspector alone, "
        f"{scores.pooled_required} of {looks * baseline['inspectors']} for all pooled",
        "inspectors": baseline["inspectors"],
        "looks": looks,
        "table": table(
            f"Products right, {baseline['source']} inspectors",
            ["inspector", "defective right", "95 % interval", "good right", "95 % interval"],
            rows,
        ),
        "agreement": [
            f"{found.method} {number(found.value, 3, why=found.why)} over {found.subjects} products"
            for found in agreement(scores)
        ],
    }


def _with_interval(count: Count) -> tuple[Cell, str]:
    bounds = exact_interval(*count)
    return counted(count.text), interval(bounds.low, bounds.high) if count.n else no_number("no products")


def machine_section(stored: Stored) -> dict[str, Any]:
    """What inspected: model, thresholds, versions, hardware, and how the detector was made."""
    manifest, digests = stored.manifest, stored.summary["digests"]
    calibration = manifest["calibration"]
    levels = sorted(manifest["thresholds"], key=lambda name: (name != stored.level, name))
    hardware = manifest["hardware"]
    made_by = manifest["detector_made_by"]
    return {
        "facts": [
            ("detector", Cell(manifest["detector"])),
            *((f"digest of the {name}", Cell(value, "code")) for name, value in sorted(digests.items())),
            ("calibration", Cell(_calibration(calibration))),
            ("clock", Cell(stored.summary["timing"]["clock"])),
            *((word(name).replace("gib", "GiB"), Cell(str(value))) for name, value in hardware.items()),
            *_bench_cost(manifest),
        ],
        "thresholds": table(
            "Thresholds on the score, by region",
            ["level", *stored.regions],
            [
                [word(name) + (" (reaches the gate)" if name == stored.level else ""),
                 *(f"{value:.6f}" for value in manifest["thresholds"][name])]
                for name in levels
            ],
            numeric=range(1, 1 + len(stored.regions)),
        ),
        "versions": table(
            "Versions", ["package", "version"], [[name, str(v)] for name, v in sorted(manifest["versions"].items())]
        ),
        "made_by": table(
            "How the detector was made",
            ["what", "value"],
            [[name, Cell(value if isinstance(value, str) else json.dumps(value), "code")]
             for name, value in _made_by(made_by)],
            empty="Nothing is recorded of how the detector was made.",
        ),
        **drift_page(stored),
        **line_page(stored),
    }  # fmt: skip


def _made_by(table: dict[str, Any], network: str = "generator") -> Iterator[tuple[str, Any]]:
    """A row a fact, of each network in turn; what a bundle says of a part stands in a table of its own."""
    yield from (
        (f"{network}: {word(str(name))}", value) for name, value in table.items() if not isinstance(value, dict)
    )
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _made_by(value, word(str(name)))


def _bench_cost(manifest: dict[str, Any]) -> list[tuple[str, Cell]]:
    """What the bench's own simulation takes of a slot; nothing in a result from before it was measured."""
    if (cost_us := manifest.get("bench_us_a_slot")) is None:
        return []
    return [("the bench itself", Cell(f"{cost_us:g} us a slot, with a detector that does nothing"))]


def _calibration(calibration: dict[str, Any]) -> str:
    products = calibration["products"]
    if not products:
        return "none: the thresholds were given"
    return f"{len(products)} products, {calibration['runs']} runs each, none of them in the kit"


def repeat_section(stored: Stored) -> dict[str, Any]:
    """The command, and the digests that a repetition must bring again."""
    return {
        "command": stored.manifest["command"],
        "digests": [(name, Cell(value, "code")) for name, value in sorted(stored.summary["digests"].items())],
    }
