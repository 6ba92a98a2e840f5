"""Sections 8, 10 to 12 and 14: counts of products and looks, put through the functions of `harness.acceptance`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from harness.acceptance.assumed import assumed_probabilities
from harness.acceptance.baseline import InspectorScores, score_inspectors
from harness.acceptance.criteria import rules_of
from harness.acceptance.design import oc_curve
from harness.acceptance.intervals import cluster_interval
from harness.acceptance.knapp import Knapp, knapp
from harness.acceptance.power import pass_rates, study
from harness.acceptance.rule import ENOUGH_FOR_90_95, TRUTHS
from harness.acceptance.tables import group_name, look_subgroups, size_groups, subgroups
from harness.report.deciding import deciding_patches
from harness.report.figures import Point, plane_figure
from harness.report.verdict import CRITERION_NAMES, criteria_table
from harness.report.words import DASH, Cell, interval, no_number, number, percent, rule_text, table, word
from harness.result.stored import Stored, records

SEED = 1980
"""Of resampling and simulation in the report, so that it comes out the same to the byte."""

REPLICATIONS = 1000
NO_ZONE = "the zone is empty"
ZONES = {
    "grey": {"reject": "p \u2265 0.7", "grey": "0.3 \u2264 p < 0.7", "accept": "p < 0.3"},
    "accept": {"reject": "p \u2265 0.7", "grey": "0.3 < p < 0.7", "accept": "p \u2264 0.3"},
}
"""Ranges of the zones, by the zone of a tie at 0.3."""


def _scores(stored: Stored) -> InspectorScores:
    return score_inspectors(stored.looks, stored.products, required=stored.required, runs=stored.runs)


def zones_section(stored: Stored) -> dict[str, Any]:
    """Zones by the baseline, efficiencies of each inspector and of the machine over them, and their plane."""
    scores = _scores(stored)
    tie = stored.scenario.acceptance.tie
    machine = knapp(stored.products, scores.pooled, tie=tie)
    alone = {
        str(name): knapp(rows, scores.pooled, tie=tie) for name, rows in scores.products.groupby("inspector", sort=True)
    }
    who = "assumed inspector" if stored.assumed else "inspector"
    rows = [_efficiency_row("machine", machine)]
    rows += [_efficiency_row(f"{who} {name}", each) for name, each in alone.items()]
    rows.append(["all inspectors pooled", _share(machine.rze_baseline), "1.000", _share(machine.rag_baseline)])
    points = [Point(name, each.rag_machine, each.rze_machine, "inspector") for name, each in alone.items()]
    points.append(Point("pooled", machine.rag_baseline, machine.rze_baseline, "pooled"))
    points.append(Point("machine", machine.rag_machine, machine.rze_machine, "machine"))
    counts = machine.zones.merge(stored.products[["product", "truth"]], on="product").groupby(["zone", "truth"]).size()
    return {
        "ratio": number(_float(machine.ratio), 4, why="no product is in the reject zone"),
        "zones": table(
            "Products by zone of the baseline",
            ["zone", "pooled reject probability p", "defective", "good"],
            [
                [name, range_of_p, *(str(int(counts.get((name, truth), 0))) for truth in TRUTHS)]
                for name, range_of_p in ZONES[tie].items()
            ],
            numeric=(2, 3),
        ),
        "efficiencies": table(
            "Efficiencies over the zones of the baseline",
            ["who", "RZE", "RZE / pooled RZE", "RAG"],
            rows,
            numeric=(1, 2, 3),
        ),
        "figure": plane_figure(points, assumed=stored.assumed),
    }


def _efficiency_row(name: str, zones: Knapp) -> list[str]:
    ratio = number(_float(zones.ratio), 3, why=NO_ZONE)
    return [name, _share(zones.rze_machine), ratio, _share(zones.rag_machine)]


def _share(value: Any) -> str:
    return number(_float(value), 4, why=NO_ZONE)


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def subgroups_section(stored: Stored) -> dict[str, Any]:
    """Right products of the sub-groups, with intervals and Holm's correction, and what the inspectors have right."""
    products = stored.products.assign(size=size_groups(stored.products["size_um"]))
    inspected = _scores(stored).products
    regions = stored.regions
    named: dict[str, tuple[str, Callable[[str], str]]] = {
        "defect": ("class", word),
        "size": ("size", lambda text: text.partition(": ")[2].replace("-", " \u2013 ").replace(" um", " \u00b5m")),
        "region": ("region", lambda text: regions[int(text)]),
        "vial": ("vial", lambda text: f"vial {text}"),
        "criticality": ("criticality", word),
    }
    tables = []
    for column, (title, shown) in named.items():
        groups = subgroups(stored.products[["product", "truth", "right"]], products, column)
        theirs = _right_of_inspectors(inspected, products, column)
        tables.append(
            table(
                f"Defective products right, by {title}",
                [title, "right", "inspectors", "95 % interval"],
                [
                    [
                        Cell(shown(row["group"]), "tight"),
                        _right_of(row),
                        theirs[row["group"]],
                        Cell(interval(row["low"], row["high"]), "tight", f"P {row['p_holm']:.3f}"),
                    ]
                    for row in records(groups)
                ],
                empty=f"No defective product has a {title}.",
            )
        )
    return {"tables": tables, "missed": _missed_places(stored), "liquid": _liquid_tables(stored)}


def _right_of(group: dict[str, Any]) -> Cell:
    """Right products of a group; below, their rate, or that they are too few for one."""
    note = f"n < {ENOUGH_FOR_90_95}" if group["note"] else percent(group["right"] / group["n"])
    return Cell(f"{group['right']}/{group['n']}", "tight", note)


def _right_of_inspectors(inspected: pd.DataFrame, products: pd.DataFrame, column: str) -> dict[str, Cell]:
    """By group, how many of its defective products the median inspector has right, and from how few to how many."""
    members = products.loc[products["truth"].eq("defective") & products[column].notna(), ["product", column]]
    rows = inspected.merge(members.assign(group=members[column].map(group_name)), on="product")
    each = rows.groupby(["group", "inspector"])["right"].sum().groupby(level="group").agg(["median", "min", "max"])
    return {
        str(group): Cell(f"{row['median']:g}", "tight", f"{row['min']:g} {DASH} {row['max']:g}")
        for group, row in each.iterrows()
    }


def _missed_places(stored: Stored) -> Any:
    """A map of the strip: defective products that came out wrong, of all whose defect lies there."""
    defective = stored.products[stored.products["truth"] == "defective"]
    counts = defective.groupby(["region", "vial"])["right"].agg(["sum", "size"])
    shown = {place: f"{row['size'] - row['sum']}/{row['size']}" for place, row in counts.iterrows()}
    return _map("Where misses lie: wrong of the defective products, by region and vial", stored, shown, nothing="none")


def _map(title: str, stored: Stored, shown: Mapping[Any, str], *, nothing: str) -> Any:
    """A table as the strip lies: a row a region, a column a vial."""
    vials = range(int(stored.manifest["geometry"]["vials"]))
    return table(
        title,
        ["region", *(f"vial {vial}" for vial in vials)],
        [
            [name, *(Cell(shown.get((region, vial), nothing)) for vial in vials)]
            for region, name in enumerate(stored.regions)
        ],
        numeric=range(1, 1 + len(vials)),
    )


LIQUID = {
    "stuck": ("bubbles and drops that do not move", "{:.0f}", ""),
    "rising": ("bubbles that rise", "{:.0f}", ""),
    "largest_um": ("largest bubble or drop", "{:.0f}", " \u00b5m"),
    "tilt_deg": ("largest tilt of a surface", "{:.1f}", "\u00b0"),
}
"""Columns of `liquid.parquet`: what they are called, how a value is written, its unit."""


def _liquid_tables(stored: Stored) -> list[Any]:
    """Right looks by the state of the liquid; empty where it is not known."""
    if stored.liquid is None:
        return []
    looks = stored.machine_looks.merge(stored.liquid, on=["product", "run"], validate="1:1")
    looks = looks.assign(right=looks["reject"].eq(looks["truth"].eq("defective")))
    tables = []
    for column, (title, form, unit) in LIQUID.items():
        rows: list[list[str | Cell]] = []
        for truth in TRUTHS:
            members = looks[looks["truth"] == truth].reset_index(drop=True)
            if members.empty:
                continue
            for row in records(look_subgroups(members, column, rng=np.random.default_rng(SEED))):
                span = " \u2013 ".join(dict.fromkeys(form.format(row[end]) for end in ("low_value", "high_value")))
                rows.append([
                    Cell(truth, "tight"), Cell(span + unit, "tight"), f"{row['right']}/{row['n']}",
                    interval(row["low"], row["high"]), f"{row['p_holm']:.3f}",
                ])  # fmt: skip
        tables.append(
            table(
                f"Single looks right, by {title} in the run",
                ["products", "in the run", "right", "95 % interval", "P (Holm)"],
                rows,
                numeric=(4,),
            )
        )
    return tables


def paired_section(stored: Stored) -> dict[str, Any]:
    """Machine and median inspector on the same products; margins; and what the rules can show at all."""
    rows = [row for row in stored.summary["criteria"] if row["name"].startswith(("mcnemar", "noninferior"))]
    rules = rules_of(stored.scenario.acceptance)
    margins = rules.margins
    open_rows = [row for row in stored.summary["criteria"] if row["passed"] is None and not row["denominator"]]
    nothing = {row["name"]: "no such products" for row in open_rows if not row["name"].startswith("knapp")}
    if rules.rag_ceiling is None:
        nothing["knapp_rag_ceiling"] = "no ceiling set"
    required, runs = stored.required, stored.runs
    chances = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95)
    return {
        "criteria": criteria_table("Paired comparison with the median inspector", rows),
        "margins": ", ".join(f"{name} {100 * margin:g} points" for name, margin in margins.items()),
        "power": table(
            "Power: how often a machine exactly as good as the inspectors meets each criterion",
            ["criterion", "met in", "share", "95 % interval"],
            [_power_row(row, nothing.get(str(row["criterion"]), "")) for row in records(_power(stored))],
            numeric=(1, 2),
        ),
        "power_from": "the assumed model that the looks were drawn from"
        if stored.assumed and stored.scenario.baseline.looks_path is None
        else f"the {'assumed' if stored.assumed else 'recorded'} shares of rejects, taken as if they were the "
        "inspectors' true probabilities",
        "rule": rule_text(required, runs),
        "curve": table(
            f"The rule {rule_text(required, runs)}: chance that a product comes out right",
            ["when one run is right with probability", *(f"{chance:g}" for chance in chances)],
            [["independent runs", *(f"{float(p):.4f}" for p in oc_curve(chances, required=required, runs=runs))]],
            numeric=range(1, 1 + len(chances)),
        ),
    }


def _power_row(row: dict[str, Any], nothing: str) -> list[str]:
    """One criterion; `nothing` says why there is nothing in it to meet."""
    name = CRITERION_NAMES.get(row["criterion"], word(row["criterion"]))
    if nothing:
        return [name, no_number(nothing), "no share", "no interval"]
    counts = f"{row['passed']} of {row['replications']}"
    return [name, counts, percent(row["rate"]), interval(row["low"], row["high"])]


def _power(stored: Stored) -> pd.DataFrame:
    products, looks = stored.products, stored.looks
    baseline = stored.summary["baseline"]
    if stored.assumed and stored.scenario.baseline.looks_path is None:
        chances = assumed_probabilities(products, inspectors=baseline["inspectors"], seed=stored.summary["seed"])
    else:
        chances = looks.groupby(["product", "inspector"])["reject"].mean().rename("probability").reset_index()
    plan = study(products, chances, looks=baseline["looks"], runs=stored.runs, required=stored.required)
    rules = rules_of(stored.scenario.acceptance)
    return pass_rates(plan, rng=np.random.default_rng(SEED), replications=REPLICATIONS, rules=rules)


def repeatability_section(stored: Stored) -> dict[str, Any]:
    """How many products had all their runs alike, all but one, and so on."""
    products = stored.products
    accepts = products["runs"] - products["rejects"]
    alike = accepts.where(accepts > products["rejects"], products["rejects"])
    steps = range(stored.runs, (stored.runs - 1) // 2, -1)
    counts = {truth: alike[products["truth"] == truth].value_counts() for truth in TRUTHS}
    totals = {truth: int((products["truth"] == truth).sum()) for truth in TRUTHS}
    return {
        "table": table(
            "Products by the number of identical looks",
            ["identical looks", "defective", "good", "all"],
            [
                [
                    f"{step} of {stored.runs}",
                    *(f"{int(counts[truth].get(step, 0))}/{totals[truth]}" for truth in TRUTHS),
                    f"{int((alike == step).sum())}/{len(products)}",
                ]
                for step in steps
            ],
            numeric=(1, 2, 3),
        ),
        "same": f"{int((alike == products['runs']).sum())}/{len(products)}",
    }


def yield_section(stored: Stored) -> dict[str, Any]:
    """False rejects by products and by single looks, what they cost, and where the deciding patches lay."""
    good = stored.products[stored.products["truth"] == "good"]
    if good.empty:
        return {"nothing": no_number("the kit has no good product")}
    rejects, looks = int(good["rejects"].sum()), int(good["runs"].sum())
    bounds = cluster_interval(good["rejects"], good["runs"], rng=np.random.default_rng(SEED))
    wrong = int((~good["right"]).sum())
    share = rejects / looks
    slots_an_hour = 3_600_000 / stored.summary["timing"]["slot_ms"]
    return {
        "nothing": "",
        "products": f"{wrong}/{len(good)}",
        "looks": f"{rejects}/{looks}",
        "share": percent(share),
        "interval": interval(bounds.low, bounds.high),
        "method": bounds.method,
        "of_thousand": number(1000 * share, 1),
        "an_hour": number(slots_an_hour * share, 0),
        "slots_an_hour": number(slots_an_hour, 0),
        "places": _false_reject_places(stored),
    }


def _false_reject_places(stored: Stored) -> Any:
    """Deciding patches of the rejected looks at good products."""
    counts = deciding_patches(stored, "good").groupby(["region", "vial"]).size()
    shown = {place: str(int(count)) for place, count in counts.items()}
    title = "Deciding patch of each false reject that the score caused, by region and vial"
    return _map(title, stored, shown, nothing="0")
