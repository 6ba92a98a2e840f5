"""What a study writes: a folder of look lists with their key, and a file of looks. Whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from harness.acceptance.plan import COLUMNS, blind_codes
from harness.errors import Problem, ResultError
from harness.result.file import write_new
from harness.result.folder import new_folder
from harness.system import LEFT_BY_SYSTEMS

LISTS, KEY = "lists", "key.csv"


def write_plan(folder: Path, lists: pd.DataFrame, *, seed: int) -> None:
    """Write the lists under `lists/`, a file each, and the key of their codes beside; the inspectors never see the key.

    Args:
        folder: To make; it must not exist.
        lists: From `plan.look_lists`.
        seed: Of the study; makes the codes.

    Raises:
        ResultError: The folder exists or cannot be written.
    """
    codes = blind_codes(sorted(set(lists["product"])), seed=seed)
    with new_folder(folder) as beside:
        (beside / LISTS).mkdir()
        for _, rows in lists.groupby(["inspector", "look"], sort=True):
            name = "{}-{:02d}.csv".format(rows["inspector"].iloc[0], rows["look"].iloc[0])
            sheet = rows.assign(code=rows["product"].map(codes), verdict="", seconds="")[list(COLUMNS)]
            sheet.to_csv(beside / LISTS / name, index=False, lineterminator="\n")
        key = pd.DataFrame({"product": list(codes), "code": list(codes.values())})
        key.to_csv(beside / KEY, index=False, lineterminator="\n")


def write_looks(path: Path, looks: pd.DataFrame, *, source: str) -> None:
    """Write a file of looks: product, inspector, look, verdict, seconds where there are any, source.

    Args:
        path: To make.
        looks: Columns product, inspector, look, reject, optionally seconds.
        source: recorded or assumed.

    Raises:
        ResultError: It exists or cannot be written.
    """
    table = looks[["product", "inspector", "look"]].copy()
    table["verdict"] = np.where(looks["reject"], "reject", "accept")
    if "seconds" in looks:
        table["seconds"] = looks["seconds"]
    table["source"] = source
    write_new({path: table.to_csv(index=False, lineterminator="\n")})


def looks_files(paths: list[Path]) -> list[Path]:
    """Files as they are, folders as the CSV files in them, in the order of their names.

    Raises:
        ResultError: A folder without CSV files, or with others, which may hold looks, too; or one that cannot be read.
    """
    files: list[Path] = []
    for path in paths:
        try:
            inside = sorted(path.iterdir()) if path.is_dir() else [path]
        except OSError as error:
            raise ResultError(str(path), "a file of looks, or a folder of such files", error) from None
        if path.is_dir():
            inside = [file for file in inside if not file.name.startswith(LEFT_BY_SYSTEMS)]
            others = [file for file in inside if file.suffix.lower() != ".csv"]
            if others:
                raise ResultError.listing([Problem(str(file), "a file of looks (CSV)", "another") for file in others])
        if not inside:
            raise ResultError(str(path), "a folder with files of looks (CSV)", "one without")
        files += inside
    return files
