"""Reading of a result folder. Tables come out as they lie there; nothing is concluded here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.errors import ResultError
from harness.scenario import Scenario, parse_scenario

MISSING_WHY = "the line inspected fewer runs than the kit has, so the tables of scores are not whole"


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows, each by its column names."""
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def machine_looks(ledger: pd.DataFrame) -> pd.DataFrame:
    """product, truth, slot, run, cause, reject of every run of a kit product; what was not accepted is a reject."""
    rows = ledger[ledger["product"].notna() & ~ledger["warm_up"]]
    looks = rows[["product", "truth", "slot"]].assign(run=rows["run"].astype(np.int64), cause=rows["cause"].fillna(""))
    return looks.assign(reject=rows["fate"] != "accepted").reset_index(drop=True)


@dataclass(frozen=True)
class Stored:
    """A result folder.

    Raises:
        ResultError: From any member, when its file is missing or unreadable.
    """

    folder: Path

    @cached_property
    def summary(self) -> dict[str, Any]:
        """`summary.json`."""
        return self._table_of("summary.json", ("verdict", "timing", "products", "digests"))

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """`manifest.json`, with or without the digests of the files."""
        return self._table_of("manifest.json", ("scenario", "geometry", "thresholds"))

    @cached_property
    def scenario(self) -> Scenario:
        """What was asked."""
        return parse_scenario(self.manifest["scenario"], where=str(self.folder / "manifest.json"))

    @cached_property
    def evidence(self) -> dict[str, dict[str, Any]]:
        """`evidence/index.json` by product; empty where no evidence was collected."""
        if not (self.folder / "evidence" / "index.json").exists():
            return {}
        return {str(entry["product"]): entry for entry in self._json("evidence/index.json")}

    @cached_property
    def products(self) -> pd.DataFrame:
        """A row a product; one the line never brought to an end counts as rejected in every run."""
        table = self.table("products")
        runs = table["runs"].fillna(self.runs).astype(np.int64)
        return table.assign(
            runs=runs, rejects=table["rejects"].fillna(runs).astype(np.int64), right=table["right"].eq(True)
        )

    @cached_property
    def ledger(self) -> pd.DataFrame:
        """A row a slot, the warm-up among them."""
        return self.table("ledger")

    @cached_property
    def machine_looks(self) -> pd.DataFrame:
        """`machine_looks` of the ledger, by product and run."""
        return machine_looks(self.ledger).sort_values(["product", "run"], ignore_index=True)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """A row a patch: product, run, frame, vial, region, score, joint."""
        return self.table("scores")

    @cached_property
    def liquid(self) -> pd.DataFrame | None:
        """A row an acquisition: product, run, stuck, rising, largest_um, tilt_deg; None where nobody knows."""
        return self.table("liquid") if (self.folder / "liquid.parquet").exists() else None

    @cached_property
    def frames(self) -> pd.DataFrame | None:
        """A row an acquisition: product, run, digest of its frames; None where no picture was looked at."""
        return self.table("frames") if (self.folder / "frames.parquet").exists() else None

    @cached_property
    def responses_ms(self) -> pd.Series[float]:
        """Response of every inspected run of a kit product, ms."""
        tape = self.table("latency")
        return tape.loc[(tape["run"] > 0) & tape["response_us"].notna(), "response_us"].astype(np.float64) / 1000.0

    @cached_property
    def computing_ms(self) -> tuple[float, float]:
        """What an inspection of a kit product takes on average, and how much of that needs no last frame; ms.

        The second is 0 where nothing was done ahead, both where nothing was inspected.
        """
        tape = self.table("latency")
        kit = tape[tape["run"] > 0]
        if kit.empty:
            return 0.0, 0.0
        ahead_us = kit["ahead_us"].mean() if "ahead_us" in kit.columns else 0.0
        return float(kit["service_us"].mean()) / 1000.0, float(ahead_us) / 1000.0

    @cached_property
    def looks(self) -> pd.DataFrame:
        """The inspectors': product, inspector, look, reject."""
        path = self.folder / "looks.csv"
        try:
            names = {"product": str, "inspector": str, "verdict": str}
            table = pd.read_csv(path, dtype=names, keep_default_na=False)  # an inspector may be called NA
        except (OSError, ValueError) as error:
            raise ResultError(str(path), "the looks of a result", str(error).splitlines()[0]) from None
        if not {*names, "look"} <= set(table.columns):
            expected = "columns product, inspector, look and verdict, by commas"
            raise ResultError(str(path), expected, ", ".join(map(str, table.columns))[:80])
        return table.assign(reject=table["verdict"] == "reject").drop(columns="verdict")

    @property
    def required(self) -> int:
        """Right runs that make a product right."""
        return int(self.summary["required"])

    @property
    def runs(self) -> int:
        """Runs of the kit."""
        return int(self.summary["runs_each"])

    @property
    def regions(self) -> tuple[str, ...]:
        """Labels of the regions, from top to bottom."""
        names = self.manifest["geometry"]["regions"]
        return tuple(f"R{place} {name}" for place, name in enumerate(names))

    @property
    def level(self) -> str:
        """Name of the thresholds that reached the gate."""
        return str(self.manifest["scenario"]["detector"].get("level", "seven_of_ten"))

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Those thresholds, by region."""
        return tuple(float(value) for value in self.manifest["thresholds"][self.level])

    @property
    def assumed(self) -> bool:
        """The inspectors are assumed, not recorded."""
        return bool(self.summary["baseline"]["source"] == "assumed")

    @property
    def origin(self) -> str:
        """What the pictures are, in two words: generated strips, recorded strips."""
        return str(self.summary["provenance"]).partition(":")[0]

    def check_pictures(self) -> None:
        """Refuse a folder from which pictures were taken: a report written again would be without them.

        Raises:
            ResultError: The manifest names pictures that are not there.
        """
        named = [name for name in self.manifest.get("files", {}) if name.startswith("evidence/")]
        missing = sum(not (self.folder / name).is_file() for name in named)
        if missing:
            raise ResultError(str(self.folder / "evidence"), f"the {len(named)} files that the manifest names",
                              f"{missing} of them missing")  # fmt: skip

    def table(self, name: str) -> pd.DataFrame:
        """`ledger`, `scores`, `products`, `latency`, `frames` or `liquid`, as it was written."""
        path = self.folder / f"{name}.parquet"
        try:
            return pd.read_parquet(path, engine="pyarrow")
        except FileNotFoundError:
            raise ResultError(str(path), "a table of a result", "no such file") from None
        except (OSError, ValueError) as error:
            raise ResultError(str(path), "a table of a result", str(error).splitlines()[0]) from None

    def _table_of(self, name: str, keys: tuple[str, ...]) -> dict[str, Any]:
        """An object of JSON with at least these keys."""
        values = self._json(name)
        missing = [key for key in keys if key not in values] if isinstance(values, dict) else list(keys)
        if missing:
            raise ResultError(str(self.folder / name), f"a file of a result, with {', '.join(keys)}",
                              f"one without {', '.join(missing)}")  # fmt: skip
        return dict(values)

    def _json(self, name: str) -> Any:
        path = self.folder / name
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ResultError(str(path), "a file of a result", "no such file") from None
        except (OSError, ValueError) as error:
            raise ResultError(str(path), "a file of a result", error) from None
