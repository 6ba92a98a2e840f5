"""A bundle changes whole: what is made for it is written beside it and put in its place in the end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DESCRIPTION = "bundle.toml"


@contextmanager
def beside(bundle: Path) -> Iterator[Path]:
    """A copy of a bundle to change, of the same name; an empty folder where there is none yet.

    What lies in it when the block ends takes the bundle's place, file by file and `bundle.toml` last, so that what is
    interrupted within these moments is refused by its digests. If the block raises, or the process is killed in it, the
    bundle is as it was.

    Args:
        bundle: Folder of the bundle, or where to make one.
    """
    bundle = bundle.resolve()
    bundle.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{bundle.name}.", dir=bundle.parent) as folder:
        copy = Path(folder) / bundle.name
        if bundle.is_dir():
            shutil.copytree(bundle, copy)
        else:
            copy.mkdir()
        before = _files(copy)
        yield copy
        after = _files(copy)
        bundle.mkdir(exist_ok=True)
        for name in sorted(before - after):
            (bundle / name).unlink(missing_ok=True)
        for name in sorted(after, key=lambda name: (name.name == DESCRIPTION, name)):
            (bundle / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).replace(bundle / name)


def _files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
