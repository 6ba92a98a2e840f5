"""A detector bundle on disk: which network, its weights, its thresholds, and what proves that they belong together.

A folder with `bundle.toml`, `weights.weights.h5` (encoder and decoder), `thresholds.toml`, and beside them what a
reader and a later training want: `second_encoder.weights.h5`, `discriminator.weights.h5`, `training.csv`, pictures.
A bundle with a marker (`model/marker.py`) has its weights and curves and a table [marker] too, one with an examiner
behind it (`model/examiner.py`) a table [marker.examiner].
Weights are read as arrays; nothing in them is executed.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from model.config import MARKED, NetworkConfig

SHIPPED = Path(__file__).parent / "weights"
ALLOWANCE = "allowance.npy"
EXAMINER = "examiner.weights.h5"
COMPARER = "comparer.weights.h5"
USUAL = "usual.npy"
PROPOSING = ("weights.weights.h5", "marker.weights.h5", ALLOWANCE)
MOST_FRAMES = 64
MOST_REGIONS = 64


class BundleError(ValueError):
    """A bundle that cannot be used: `where`, `expected`, `got`."""

    def __init__(self, where: str, expected: str, got: object) -> None:
        super().__init__(f"{where}: expected {expected}, got {got}")
        self.where, self.expected, self.got = where, expected, str(got)


@dataclass(frozen=True)
class ComparerFile:
    """What a bundle's marker has beside it to compare the vials of a strip (`comparer.py`).

    Attributes:
        weights: Its file.
        usual: File of how unlike the vials of good strips usually are.
        region: Of a vial, that it looks at.
        regions: Of a vial.
    """

    weights: Path
    usual: Path
    region: int
    regions: int


@dataclass(frozen=True)
class MarkerFile:
    """A bundle's marker.

    Attributes:
        weights: Its file.
        frames: Of an acquisition.
        digest: Of generator, marker, allowance, examiner and comparer: all that a score by the marker hangs on.
        proposing: The same without the last two: what says where an examiner looks.
        allowance: File of what is taken off its logits (`allowance.py`), if it has one.
        examiner: Weights of what looks closely where the marker is hottest (`examiner.py`), if there is one.
        regions: Of a vial, as the examiner knows them; 0 without.
        comparer: What looks where a vial is unlike the others, if there is one.
        made_by: As a bundle's, with a table each for `allowance`, `examiner` and `comparer`.
    """

    weights: Path
    frames: int
    digest: str
    proposing: str
    allowance: Path | None = None
    examiner: Path | None = None
    regions: int = 0
    comparer: ComparerFile | None = None
    made_by: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Bundle:
    """What `bundle.toml` says, checked against the weights.

    Attributes:
        folder: Where it lies.
        network: Which network.
        digest: Of the generator, everything that a score by the rebuilt image hangs on.
        made_by: Command, seed, versions, hardware and data identifiers of the training.
        marker: The second network, if there is one.
    """

    folder: Path
    network: NetworkConfig
    digest: str
    made_by: Mapping[str, Any]
    marker: MarkerFile | None = None

    @property
    def weights(self) -> Path:
        """Encoder and decoder."""
        return self.folder / "weights.weights.h5"

    @property
    def main_score(self) -> str:
        """What decides where nobody asks for another: the marker's score, or the paper's without one."""
        return "ssim" if self.marker is None else MARKED


def find_bundle(name: str) -> Path:
    """Folder of a bundle: a name under `model/weights`, or a path.

    Raises:
        BundleError: A name that a shipped bundle has, and one that lies here.
    """
    shipped, here = SHIPPED / name, Path(name)
    if name.rstrip("/") != here.name or not shipped.is_dir():
        return here
    if (here / "bundle.toml").is_file() and not here.samefile(shipped):
        raise BundleError(f"bundle {name}", f"one of this name: ./{name} is the one here", "two, and a shipped one")
    return shipped


def load_bundle(folder: Path, *, with_marker: bool = True) -> Bundle:
    """Read `bundle.toml` and hold the weights' digest against it.

    Args:
        folder: Of the bundle.
        with_marker: Hold the marker's digest too; without, the bundle is taken as if it had none.

    Raises:
        BundleError: Missing or unreadable files, an unknown network, or weights that are not the ones described.
    """
    description = read_toml(folder / "bundle.toml")
    try:
        network = NetworkConfig.from_dict(description["network"])
        stated = str(description["digests"]["model"])
    except KeyError as error:
        raise BundleError(str(folder / "bundle.toml"), f"a key {error}", "none") from None
    except (AttributeError, TypeError, ValueError) as error:
        raise BundleError(str(folder / "bundle.toml"), "[network] and [digests] of a bundle", error) from None
    weights = folder / "weights.weights.h5"
    if not weights.is_file():
        raise BundleError(str(weights), "weights", "no such file")
    digest = model_digest(network, weights)
    if digest != stated:
        raise BundleError(str(weights), f"weights of model {stated[:12]}", f"weights of model {digest[:12]}")
    marker = _marker(folder, network, description) if with_marker and "marker" in description else None
    return Bundle(folder, network, digest, description.get("made_by", {}), marker)


def _marker(folder: Path, network: NetworkConfig, description: Mapping[str, Any]) -> MarkerFile:
    weights = folder / "marker.weights.h5"
    if not weights.is_file():
        raise BundleError(str(weights), "weights of the marker", "no such file")
    try:
        frames, stated = description["marker"]["frames"], str(description["digests"]["marker"])
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(str(folder / "bundle.toml"), "marker.frames and digests.marker", error) from None
    if not is_whole(frames, 1, MOST_FRAMES):
        raise BundleError(str(folder / "bundle.toml"), f"marker.frames of 1 to {MOST_FRAMES}", frames)
    digest = marker_digest(folder, network)
    if digest != stated:
        raise BundleError(str(weights), f"weights of marker {stated[:12]}", f"weights of marker {digest[:12]}")
    proposing = marker_digest(folder, network, names=PROPOSING)
    allowance, examiner = (path if (path := folder / name).is_file() else None for name in (ALLOWANCE, EXAMINER))
    regions = 0
    if examiner is not None:
        try:
            regions = int(description["marker"]["examiner"]["regions"])
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(str(folder / "bundle.toml"), "marker.examiner.regions", error) from None
    comparer = _comparer(folder, description["marker"]) if (folder / COMPARER).is_file() else None
    return MarkerFile(
        weights, frames, digest, proposing, allowance, examiner, regions, comparer, made_by=description["marker"]
    )


def _comparer(folder: Path, marker: Mapping[str, Any]) -> ComparerFile:
    description, told = marker.get("comparer"), str(folder / "bundle.toml")
    region, regions = (description.get(key) if isinstance(description, dict) else None for key in ("region", "regions"))
    if not is_whole(regions, 1, MOST_REGIONS):
        raise BundleError(told, f"marker.comparer.regions of 1 to {MOST_REGIONS}", regions)
    if not is_whole(region, 0, regions - 1):
        raise BundleError(told, f"marker.comparer.region of 0 to {regions - 1}", region)
    if marker["frames"] < 2:
        raise BundleError(told, "marker.frames above 1: a comparer looks ahead of the last", marker["frames"])
    return ComparerFile(folder / COMPARER, folder / USUAL, region, regions)


def marker_digest(
    folder: Path, network: NetworkConfig, *, names: Sequence[str] = (*PROPOSING, EXAMINER, COMPARER, USUAL)
) -> str:
    """Of those of a bundle's files by a marker, and beside it, that are there."""
    return model_digest(network, *(folder / name for name in names if (folder / name).is_file()))


def is_whole(value: object, low: int, high: int) -> TypeGuard[int]:
    """Whether this is an integer from `low` to `high`; a truth value is none."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def model_digest(network: NetworkConfig, *files: Path) -> str:
    """Hex SHA-256 over the sorted (name, SHA-256) pairs of the files that score, the network's sizes among them."""
    pairs = [(file.name, file_digest(file)) for file in files]
    pairs.append(("network", hashlib.sha256(json.dumps(network.as_dict(), sort_keys=True).encode()).hexdigest()))
    return hashlib.sha256(json.dumps(sorted(pairs)).encode()).hexdigest()


def file_digest(file: Path) -> str:
    """Hex SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def read_array(path: Path, shape: tuple[int | str, ...]) -> NDArray[np.float32]:
    """An array of a bundle.

    Args:
        path: Its file.
        shape: Sides; a name stands for any length.

    Raises:
        BundleError: No file, no array, or one of another kind.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BundleError(str(path), "an array of a bundle", str(error).splitlines()[0][:120]) from None
    sides = zip(shape, array.shape, strict=False)
    fits = array.ndim == len(shape) and all(isinstance(asked, str) or asked == side for asked, side in sides)
    if array.dtype != np.float32 or not fits or not np.isfinite(array).all():
        expected = f"finite float32 ({', '.join(map(str, shape))})"
        raise BundleError(str(path), expected, f"{array.dtype} {array.shape}")
    return np.asarray(array)


def put(folder: Path, source: Path, name: str) -> None:
    """Copy a file beside and rename it into place."""
    shutil.copyfile(source, folder / f"{name}.new")
    (folder / f"{name}.new").replace(folder / name)


def write_toml(path: Path, tables: Mapping[str, Any]) -> None:
    """Write nested tables of plain values, beside and then into place."""
    text = "\n".join(_toml(tables)).lstrip("\n") + "\n"
    beside = path.with_suffix(".new")
    beside.write_text(text, encoding="utf-8", newline="\n")
    beside.replace(path)


def read_toml(path: Path) -> dict[str, Any]:
    """Tables of a file that belongs to a bundle.

    Raises:
        BundleError: No such file, or no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(str(path), "a file of a detector bundle", "no such file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BundleError(str(path), "readable TOML", error) from None


def _toml(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    """Lines of nested tables of plain values as TOML; keys of any spelling, at any depth."""
    tables = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    if path and (len(tables) < len(table) or not tables):
        yield f"\n[{'.'.join(map(_toml_key, path))}]"
    for key, value in table.items():
        if key not in tables:
            yield f"{_toml_key(key)} = {_toml_value(value)}"
    for key, value in tables.items():
        yield from _toml(value, (*path, key))


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _toml_value(key)


def _toml_value(value: object) -> str:
    """One value; an integer, number, string, truth value or a list of them.

    >>> _toml_value(["a", 1, 0.5, True])
    '["a", 1, 0.5, true]'
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)  # `inf` and `nan` are spelled as in Python
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml_value, value))}]"
    raise TypeError(f"expected plain values for TOML, got {value!r}")
