"""Writing of a result folder: beside, and renamed into place when whole; its files by their digests.

A process that is killed leaves what it had beside, under a name that ends in `.unfinished`. The next one that writes
there removes it and says so. Who is still at work holds a lock on the folder, which ends with the process.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd

try:
    import fcntl
except ImportError:  # Windows has none: what is left behind there is not found
    fcntl = None  # type: ignore[assignment]

from harness.errors import ResultError
from harness.result.record import RECORD, sha256

FILES = (
    "manifest.json", "summary.json", "ledger.parquet", "scores.parquet", "products.parquet", "latency.parquet",
    "report.html", "trace.json", "junit.xml", "kit.csv", "looks.csv", "record.jsonl",
)  # fmt: skip
"""What a whole result holds, beside the pictures under `evidence/`."""


UNFINISHED = ".unfinished"
"""Ends the name of a folder that is being filled."""


def check_new(folder: Path) -> None:
    """Refuse an output folder that exists already or cannot be written.

    Raises:
        ResultError: Said before anything is computed.
    """
    try:
        there = folder.exists()
    except OSError as error:  # a name that is too long
        raise ResultError(str(folder), "a folder that can be made", error.strerror) from None
    if there:
        raise ResultError(str(folder), "a folder that does not exist yet", "one that does")
    if (found := no_ground(folder)) is not None:
        raise ResultError(str(folder), "a folder that can be written", f"no right to write in {found}")


def no_ground(place: Path) -> Path | None:
    """What keeps a folder from being made or filled here: the nearest path that is there, if nobody may write in it."""
    found = next(path for path in (place, *place.parents) if path.exists())
    return None if found.is_dir() and os.access(found, os.W_OK) else found


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill; it appears under its own name only when the block ends well, or not at all."""
    check_new(folder)
    made = [place for place in (folder.parent, *folder.parent.parents) if not place.exists()]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_unfinished(folder.parent)
        beside, lock = _folder_beside(folder)
    except OSError as error:
        raise ResultError(str(folder), "a folder that can be written", error) from None
    try:
        yield beside
        beside.chmod(0o755)
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        if lock is not None:
            os.close(lock)
        for place in made:
            with suppress(OSError):  # it holds the result, or somebody else's
                place.rmdir()


def _folder_beside(folder: Path) -> tuple[Path, int | None]:
    """A new folder beside the one that is wanted, and the lock on it; None where the file system has no locks."""
    while True:
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", suffix=UNFINISHED, dir=folder.parent))
        try:
            lock = _locked(beside)
        except (BlockingIOError, FileNotFoundError):
            continue  # another process took it, in this moment, for one that was left behind
        except OSError:
            return beside, None
        if beside.exists():
            return beside, lock
        if lock is not None:
            os.close(lock)


def _locked(folder: Path) -> int | None:
    """A lock on a folder, to be closed; None on a system without any.

    Raises:
        OSError: Another process holds it (BlockingIOError), the folder is gone, or it cannot be locked.
    """
    if fcntl is None:
        return None
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


def _remove_unfinished(place: Path) -> None:
    """What killed processes left in a folder is removed, and each is said on standard error."""
    for left in sorted(place.glob(f".*{UNFINISHED}")):
        try:
            lock = _locked(left)
        except OSError:
            continue  # somebody is at work there
        if lock is None:
            return
        shutil.rmtree(left, ignore_errors=True)
        os.close(lock)
        sys.stderr.write(f"{left}: a run that was killed before its end; it left no result, removed\n")


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
