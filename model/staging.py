"""A bundle changes whole: what is made for it is written elsewhere and put in its place in the end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model.bundle import file_digest, put

DESCRIPTION = "bundle.toml"


@contextmanager
def beside(bundle: Path) -> Iterator[Path]:
    """A copy of a bundle to change, of the same name; an empty folder where there is none yet.

    What the block changed in it takes its place in the bundle when the block ends, file by file and `bundle.toml` last,
    so that what is interrupted within these moments is refused by its digests. Other files stay as somebody may have
    left them meanwhile. If the block raises, or the process is killed in it, the bundle is as it was.

    Args:
        bundle: Folder of the bundle, or where to make one.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / bundle.resolve().name
        if bundle.is_dir():
            shutil.copytree(bundle, copy, ignore_dangling_symlinks=True)
        else:
            copy.mkdir()
        before = _digests(copy)
        yield copy
        after = _digests(copy)
        bundle.mkdir(parents=True, exist_ok=True)
        for name in sorted(set(before) - set(after)):
            (bundle / name).unlink(missing_ok=True)
        changed = [name for name, digest in after.items() if before.get(name) != digest]
        for name in sorted(changed, key=lambda name: (name == DESCRIPTION, name)):
            (bundle / name).parent.mkdir(parents=True, exist_ok=True)
            put(bundle, copy / name, name)


def _digests(folder: Path) -> dict[str, str]:
    """Every file below, by its path from there."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in files}
