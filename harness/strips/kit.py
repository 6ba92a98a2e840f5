"""Kits: products with known truth, their register on disk, and the standard kits drawn from fixed distributions.

The seed of a standard kit is a constant: everybody who says *knapp* means the same 261 products. Sizes and contrasts
are log-uniform within the ranges of `defects.CLASSES`; they were fixed before any detector was tuned.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from harness.errors import KitError, Problem
from harness.streams import stream, stream_seed
from harness.strips.defects import CLASSES, Criticality, Defect, register_size_um

COLUMNS = ("product", "truth", "defect", "vial", "region", "size_um", "contrast", "criticality", "seed")
OF_DEFECT = COLUMNS[2:-1]
"""Columns that good products leave empty."""

UM_PER_PX = 50.0

KNAPP_SHARES = {
    "stuck_particle": 20, "contamination_foam": 12, "body_deformation": 15, "black_spot": 18, "burn": 16,
    "scratch": 18, "laser_cut": 10, "bump": 12, "neck_deformation": 8, "floating_particle": 12,
}  # fmt: skip
"""Defective strips of each class in the standard kit; 141 in all, as in section 7.4 of the paper."""

KNAPP_GOOD = 120
QUICK_SHARES = {
    "stuck_particle": 2, "contamination_foam": 1, "body_deformation": 1, "black_spot": 2, "burn": 1,
    "scratch": 1, "laser_cut": 1, "bump": 1, "neck_deformation": 1, "floating_particle": 1,
}  # fmt: skip
QUICK_GOOD = 10
CALIBRATION_SHARES = dict.fromkeys(CLASSES, 6)
CALIBRATION_GOOD = 60
CALIBRATION_SEED = 55
"""Seed of the calibration products' runs; any scenario may share it, since the products differ."""

DRAWN_CONTRAST = (0.15, 0.60)
"""Contrasts of the standard kits. From .10, the table's lower end, the assumed inspectors put 64-72 % of the defective
strips into the reject zone, from .15 they put 72-78 % there (eight seeds); a standard kit needs 70-90 %."""

STANDARD_SEED = 2024
"""Seed of the standard kits; another seed makes a kit of the same kind that is not the standard one."""

DEVELOPMENT_SEED = 77
"""Seed of the development kit and its runs, which neither training, calibration nor any standard kit uses."""


@dataclass(frozen=True)
class Strip:
    """One product and its truth; a detector never sees this.

    Attributes:
        product: Identifier, unique in its kit.
        seed: What its look is drawn from; 0 where `path` names a recording.
        defect: None for a good strip.
        path: Folder of its frames within a recording, or "".
    """

    product: str
    seed: int
    defect: Defect | None = None
    path: str = ""

    @property
    def truth(self) -> str:
        """`defective` or `good`."""
        return "good" if self.defect is None else "defective"


@dataclass(frozen=True)
class Kit:
    """Products with known truth, in the order of their register."""

    name: str
    strips: tuple[Strip, ...]

    @property
    def products(self) -> frozenset[str]:
        """Identifiers of all products."""
        return frozenset(strip.product for strip in self.strips)

    def digest(self) -> str:
        """Hex SHA-256 of the register."""
        return hashlib.sha256(register_text(self).encode()).hexdigest()


def standard_kit(name: str, *, seed: int = STANDARD_SEED) -> Kit:
    """A kit drawn from the standard distributions: `knapp` (141 + 120), `quick` (12 + 10), `calibration` (60 + 60).

    `quick` is of products of its own: it shows that the bench works, and qualifies nothing.
    """
    shares, good, letters = {
        "knapp": (KNAPP_SHARES, KNAPP_GOOD, ("D", "G")),
        "quick": (QUICK_SHARES, QUICK_GOOD, ("QD", "QG")),
        "calibration": (CALIBRATION_SHARES, CALIBRATION_GOOD, ("CD", "CG")),
    }[name]
    return draw_kit(name, shares, good, seed=seed, letters=letters)


def draw_kit(name: str, shares: dict[str, int], good: int, *, seed: int, letters: tuple[str, str] = ("D", "G")) -> Kit:
    """A kit with the given number of strips of each class, and good ones.

    Args:
        name: Part of every product's stream, so that kits never share one.
        shares: Defective strips by class.
        good: Good strips, >= 0.
        seed: Another seed, another kit of the same kind.
        letters: First letters of the identifiers of defective and of good products.
    """
    kinds = [kind for kind, count in shares.items() for _ in range(count)]
    strips = []
    for number, kind in enumerate(kinds, start=1):
        product = f"{letters[0]}{number:03d}"
        key = stream_seed("product", name, seed, product)
        strips.append(Strip(product, key, _draw_defect(kind, key)))
    for number in range(1, good + 1):
        product = f"{letters[1]}{number:03d}"
        strips.append(Strip(product, stream_seed("product", name, seed, product)))
    return Kit(name, tuple(strips))


def calibration_kit(times: int = 1) -> Kit:
    """The standard calibration products, or a kit of so many times as many of each class and of good ones."""
    if times == 1:
        return standard_kit("calibration")
    shares = {kind: times * count for kind, count in CALIBRATION_SHARES.items()}
    return draw_kit(
        f"calibration x {times}", shares, times * CALIBRATION_GOOD, seed=STANDARD_SEED, letters=("CD", "CG")
    )


def development_kit(defective: int = 8, good: int = 60) -> Kit:
    """So many of each class, and good ones; same seed, same kit."""
    return draw_kit("development", dict.fromkeys(CLASSES, defective), good, seed=DEVELOPMENT_SEED)


def good_strips(name: str, count: int, *, seed: int = 0, start: int = 0) -> Iterable[Strip]:
    """Good strips for training, `T<seed>-<number>`; drawn from streams no kit uses."""
    for number in range(start, start + count):
        product = f"T{seed}-{number:06d}"
        yield Strip(product, stream_seed("product", name, seed, product))


def _draw_defect(kind: str, key: int) -> Defect:
    rng = stream("defect plan", key)
    row = CLASSES[kind]
    contrast = _log_uniform(rng.random(), *DRAWN_CONTRAST)
    natural = _log_uniform(rng.random(), *row.size_px)
    size_um = register_size_um(kind, natural, contrast, UM_PER_PX)
    return Defect(
        kind,
        vial=int(rng.integers(0, 5)),
        region=int(rng.choice(row.regions)),
        size_um=round(size_um, 1),
        contrast=round(contrast, 3),
        criticality=row.criticality[int(rng.integers(len(row.criticality)))],
    )


def _log_uniform(share: float, low: float, high: float) -> float:
    return math.exp(math.log(low) + share * (math.log(high) - math.log(low)))


def register_text(kit: Kit) -> str:
    """The register as CSV."""
    paths = any(strip.path for strip in kit.strips)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS[:-1], "path" if paths else "seed"])
    for strip in kit.strips:
        defect = strip.defect
        fields = (
            [""] * 6
            if defect is None
            else [defect.kind, defect.vial, defect.region, defect.size_um, defect.contrast, defect.criticality]
        )
        writer.writerow([strip.product, strip.truth, *fields, strip.path if paths else strip.seed])
    return text.getvalue()


def load_register(path: Path, *, vials: int = 5, regions: int = 4) -> Kit:
    """Read a kit register, every problem named.

    Raises:
        KitError: Unreadable file, unknown column or class, duplicate product, or a value outside its range.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # a spreadsheet marks its UTF-8
            reader = csv.reader(file, strict=True)
            columns = next(reader, [])
            rows = [(reader.line_num, row) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise KitError(str(path), "a readable kit register (CSV)", error) from None
    if not rows:
        raise KitError(str(path), "at least one product", "none")
    legal, has = {*COLUMNS, "path"}, set(columns)
    if not {"product", "truth"} <= has <= legal or not has & {"seed", "path"} or len(has) < len(columns):
        raise KitError(str(path), f"columns {', '.join(COLUMNS[:-1])} and seed or path, each once", ", ".join(columns))
    problems: list[Problem] = []
    strips = []
    for line, row in rows:
        if len(row) != len(columns):
            problems.append(Problem(f"{path}: line {line}", f"{len(columns)} columns", str(len(row))))
            continue
        strips.append(_strip(dict(zip(columns, row, strict=True)), f"{path}: line {line}", vials, regions, problems))
    for product, count in Counter(strip.product for strip in strips).items():
        if count > 1:
            problems.append(Problem(f"{path}: {product}", "a product once", f"{count} rows"))
    if problems:
        raise KitError.listing(problems)
    return Kit(path.stem, tuple(strips))


def refuse_undrawable(kit: Kit, where: str) -> None:
    """Refuse a register by which strips cannot be drawn: one of a recording, or one product under two names.

    Args:
        kit: As it was read.
        where: Its file.

    Raises:
        KitError: It names paths in place of seeds, or the same seed and defect twice.
    """
    if any(strip.path for strip in kit.strips):
        raise KitError(f"{where}: path", "seeds, where strips are drawn", "paths, which want --recording")
    first: dict[tuple[int, Defect | None], str] = {}
    problems = [
        Problem(f"{where}: {strip.product}", "a seed of its own", f"that of {name}")
        for strip in kit.strips
        if (name := first.setdefault((strip.seed, strip.defect), strip.product)) != strip.product
    ]
    if problems:
        raise KitError.listing(problems)


def _strip(row: dict[str, str], where: str, vials: int, regions: int, problems: list[Problem]) -> Strip:
    """One row as a strip; what is wrong with it is added to `problems`."""

    def number(column: str, low: float, high: float, kind: type[float] | type[int]) -> float:
        text = row.get(column) or ""
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            problems.append(Problem(f"{where}: {column}", f"a number from {low:g} to {high:g}", repr(text)))
            return low
        return value

    product = row["product"].strip()
    if not product or not product.replace("-", "").replace("_", "").isalnum():
        problems.append(Problem(f"{where}: product", "letters, digits, - and _", repr(row["product"])))
    path = (row.get("path") or "").strip()
    seed = 0 if path or "seed" not in row else int(number("seed", 0, 2**63, int))
    if row["truth"] not in ("good", "defective"):
        problems.append(Problem(f"{where}: truth", "good or defective", repr(row["truth"])))
    if row["truth"] != "defective":
        problems.extend(
            Problem(f"{where}: {column}", "nothing for a good product", repr(row[column]))
            for column in OF_DEFECT
            if row.get(column) and row["truth"] == "good"
        )
        return Strip(product, seed, None, path)
    kind = row.get("defect") or ""
    if kind not in CLASSES:
        problems.append(Problem(f"{where}: defect", f"one of {', '.join(CLASSES)}", repr(kind)))
        return Strip(product, seed, None, path)
    criticality = row.get("criticality") or ""
    if criticality not in get_args(Criticality):
        problems.append(Problem(f"{where}: criticality", "critical, major or minor", repr(criticality)))
    defect = Defect(
        kind,
        int(number("vial", 0, vials - 1, int)),
        int(number("region", 0, regions - 1, int)),
        number("size_um", 1, 1e5, float),
        number("contrast", 0.01, 1.0, float),
        criticality,  # type: ignore[arg-type]  # checked above; a wrong one never leaves load_register
    )
    return Strip(product, seed, defect, path)


def refuse_overlap(kit: Kit, products: Iterable[str], what: str) -> None:
    """Refuse a kit that shares products with what a detector was made with.

    Raises:
        KitError: Some product stands on both sides.
    """
    shared = sorted(kit.products & set(products))
    if shared:
        raise KitError(f"kit {kit.name}", f"no product of the {what}", f"{len(shared)} shared, first {shared[0]}")
