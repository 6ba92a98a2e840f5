"""Writing of a result folder: beside, and renamed into place when whole; its files by their digests."""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from harness.errors import ResultError
from harness.result.record import RECORD, sha256

FILES = (
    "manifest.json", "summary.json", "ledger.parquet", "scores.parquet", "products.parquet", "latency.parquet",
    "report.html", "trace.json", "junit.xml", "kit.csv", "looks.csv", "record.jsonl",
)  # fmt: skip
"""What a whole result holds, beside the pictures under `evidence/`."""


def check_new(folder: Path) -> None:
    """Refuse an output folder that exists already or cannot be written.

    Raises:
        ResultError: Said before anything is computed.
    """
    if folder.exists():
        raise ResultError(str(folder), "a folder that does not exist yet", "one that does")
    parent = folder.parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise ResultError(str(folder), "a folder that can be written", f"no right to write in {parent}")


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill; it appears under its own name only when the block ends well, or not at all."""
    check_new(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise ResultError(str(folder), "a folder that can be written", error) from None
    try:
        yield beside
        beside.chmod(0o755)
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def parquet_bytes(table: pd.DataFrame) -> bytes:
    """The table as a Parquet file; the same table is the same bytes."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, engine="pyarrow", index=False, compression="zstd")
    return buffer.getvalue()


def write_json(path: Path, values: Any) -> None:
    """Plain values, keys in order; NaN is refused."""
    path.write_text(json.dumps(values, indent=1, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")


def file_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in a folder by its path within, but of the manifest, and of the record, which grows."""
    return {
        path.relative_to(folder).as_posix(): sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path not in (folder / "manifest.json", folder / RECORD)
    }
