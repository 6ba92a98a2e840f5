"""Single files that a command writes: refused where there is one, written beside, renamed into place when whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from harness.errors import ResultError


def check_new_file(path: Path) -> None:
    """Refuse a file that exists already or cannot be made, before anything is computed.

    Raises:
        ResultError: It exists, its folder does not, or nobody may write there.
    """
    try:
        exists = path.exists()
    except OSError as error:  # such as a name that is too long
        raise ResultError(str(path), "a file that can be written", error.strerror) from None
    if exists:
        raise ResultError(str(path), "a file that does not exist yet", "one that does")
    if not path.parent.is_dir():
        raise ResultError(str(path), "a folder that exists", f"no folder {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise ResultError(str(path), "a file that can be written", f"no right to write in {path.parent}")


def write_new(files: Mapping[Path, str | bytes]) -> None:
    """Write new files. None appears under its own name before all of them are whole on disk.

    Args:
        files: Content by path; text is written as UTF-8, its line ends as they are.

    Raises:
        ResultError: One exists already or cannot be written; then none of them is there.
    """
    for path in files:
        check_new_file(path)
    beside = {path: path.with_name(f".{os.getpid()}-{place}.new") for place, path in enumerate(files)}
    placed: list[Path] = []
    try:
        for path, content in files.items():
            beside[path].write_bytes(content.encode() if isinstance(content, str) else content)
        for path in files:
            beside[path].replace(path)
            placed.append(path)
    except OSError as error:
        for path in placed:
            path.unlink(missing_ok=True)
        raise ResultError(str(next(iter(files))), "a file that can be written", error) from None
    finally:
        for path in beside.values():
            path.unlink(missing_ok=True)
