"""Products of a study and their truth, from a register that may be poorer than a kit's: real products have no seed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd

from harness.acceptance.policy import CRITICALITIES
from harness.acceptance.rule import TRUTHS
from harness.acceptance.sheets import read_table, unknown_or_double
from harness.errors import BaselineError, KitError, Problem
from harness.strips.kit import COLUMNS, Kit, standard_kit

STANDARD = ("knapp", "quick")
STRICTEST = "critical"
"""What a defective product is held to be where the register names no criticality: it is granted no margin."""


def study_products(kit: str) -> pd.DataFrame:
    """The products of a study.

    Args:
        kit: `knapp` or `quick`, or the path of a register (CSV) with columns product and truth, and as many of the
            others of a kit register as there are.

    Returns:
        Columns product, truth, defect, size_um, contrast, criticality; a row a product, in the order of the register.
        What a product does not have is empty text, or NaN for a number.

    Raises:
        KitError: The register cannot be read, or says what it must not; every problem is listed.
    """
    if kit in STANDARD:
        return _of_kit(standard_kit(kit))
    return _of_register(Path(kit))


def _of_kit(kit: Kit) -> pd.DataFrame:
    rows: list[tuple[str | float | None, ...]] = [
        (strip.product, "defective", strip.defect.kind, strip.defect.size_um, strip.defect.contrast,
         strip.defect.criticality) if strip.defect else (strip.product, "good", "", None, None, "")
        for strip in kit.strips
    ]  # fmt: skip
    return _table(rows)


def _of_register(path: Path) -> pd.DataFrame:
    try:
        header, lines = read_table(path, "products")
    except BaselineError as error:
        raise KitError.listing(error.problems) from None
    problems = list(unknown_or_double(header, (*COLUMNS, "path"), path.name))
    problems += [Problem(path.name, f"a column {n}", "none") for n in ("product", "truth") if n not in header]
    if problems:
        raise KitError.listing(problems)
    if not lines:
        raise KitError(path.name, "at least one product", "none")
    rows = []
    for line, row in lines:
        where = f"{path.name}: line {line}"
        numbers = [_number(row, name, where, problems) for name in ("size_um", "contrast")]
        criticality = row.get("criticality") or (STRICTEST if row["truth"] == "defective" else "")
        if not row["product"]:
            problems.append(Problem(f"{where}: product", "a name", "nothing"))
        if row["truth"] not in TRUTHS:
            problems.append(Problem(f"{where}: truth", " or ".join(TRUTHS), row["truth"] or "nothing"))
        elif row["truth"] == "defective" and criticality not in CRITICALITIES:
            problems.append(Problem(f"{where}: criticality", f"one of {', '.join(CRITICALITIES)}", criticality))
        rows.append((row["product"], row["truth"], row.get("defect", ""), *numbers, criticality))
    twice = [(name, count) for name, count in Counter(row[0] for row in rows).items() if count > 1]
    problems += [Problem(f"{path.name}: {name}", "a product once", f"{count} rows") for name, count in twice]
    if problems:
        raise KitError.listing(problems)
    return _table(rows)


def _number(row: dict[str, str], column: str, where: str, problems: list[Problem]) -> float | None:
    text = row.get(column) or ""
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        problems.append(Problem(f"{where}: {column}", "a number > 0, or nothing", text))
    return value


def _table(rows: list[tuple[str | float | None, ...]]) -> pd.DataFrame:
    columns = ["product", "truth", "defect", "size_um", "contrast", "criticality"]
    return pd.DataFrame(rows, columns=columns).astype({"size_um": "float64", "contrast": "float64"})
