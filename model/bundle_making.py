"""Bundles as trainings make them: networks are put in or taken out, and `bundle.toml` says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.bundle import (
    ALLOWANCE,
    COMPARER,
    EXAMINER,
    USUAL,
    Bundle,
    BundleError,
    load_bundle,
    marker_digest,
    model_digest,
    put,
    write_toml,
)
from model.config import NetworkConfig


def write_bundle(folder: Path, network: NetworkConfig, made_by: Mapping[str, Any]) -> Bundle:
    """Write `bundle.toml` for the weights that already lie in the folder."""
    digest = model_digest(network, folder / "weights.weights.h5")
    tables = {"network": network.as_dict(), "digests": {"model": digest}, "made_by": dict(made_by)}
    write_toml(folder / "bundle.toml", tables)
    return load_bundle(folder)


def add_marker(folder: Path, weights: Path, curves: Iterable[Path], frames: int, made_by: Mapping[str, Any]) -> Bundle:
    """Put a trained marker into a bundle, in the place of one that it had; what stood with it goes with it.

    Thresholds of an earlier marker stay in the file and are refused by their digest.
    """
    bundle = load_bundle(folder, with_marker=False)
    for name in (ALLOWANCE, EXAMINER, COMPARER, USUAL):
        (folder / name).unlink(missing_ok=True)
    for curve in curves:
        put(folder, curve, curve.name)
    put(folder, weights, "marker.weights.h5")
    return _describe_marker(bundle, {"frames": frames, **made_by})


def add_allowance(folder: Path, allowance: NDArray[np.float32], made_by: Mapping[str, Any]) -> Bundle:
    """Put the allowance of a bundle's marker beside it, in the place of one that it had.

    Args:
        folder: Of a bundle with a marker.
        allowance: float32 (region, 64, 64).
        made_by: What it was made of; becomes the table [marker.allowance].
    """
    bundle = load_bundle(folder)
    description = _described(bundle)
    for table in ("examiner", "comparer"):
        description.pop(table, None)
    for name in (EXAMINER, COMPARER, USUAL):  # they learnt from, or were held to, logits less another allowance
        (folder / name).unlink(missing_ok=True)
    with (folder / f"{ALLOWANCE}.new").open("wb") as file:
        np.save(file, allowance, allow_pickle=False)
    (folder / f"{ALLOWANCE}.new").replace(folder / ALLOWANCE)
    return _describe_marker(bundle, {**description, "allowance": dict(made_by)})


def add_examiner(
    folder: Path, weights: Path, curves: Iterable[Path], regions: int, made_by: Mapping[str, Any]
) -> Bundle:
    """Put a trained examiner into a bundle with a marker, in the place of one that it had.

    Args:
        folder: Of the bundle.
        weights: Of the examiner.
        curves: Of its training.
        regions: Of a vial.
        made_by: What it was made of; becomes the table [marker.examiner].
    """
    bundle = load_bundle(folder)
    description = _described(bundle)
    put(folder, weights, EXAMINER)
    for curve in curves:
        put(folder, curve, curve.name)
    return _describe_marker(bundle, {**description, "examiner": {"regions": regions, **made_by}})


def add_comparer(
    folder: Path,
    weights: Path,
    usual: Path,
    curves: Iterable[Path],
    region: int,
    regions: int,
    made_by: Mapping[str, Any],
) -> Bundle:
    """Put a trained comparer beside the marker of a bundle, in the place of one that it had.

    Args:
        folder: Of the bundle.
        weights: Of the comparer.
        usual: How unlike good vials usually are.
        curves: Of its training.
        region: That it looks at.
        regions: Of a vial.
        made_by: What it was made of; becomes the table [marker.comparer].
    """
    bundle = load_bundle(folder)
    description = _described(bundle)
    put(folder, weights, COMPARER)
    put(folder, usual, USUAL)
    for curve in curves:
        put(folder, curve, curve.name)
    return _describe_marker(bundle, {**description, "comparer": {"region": region, "regions": regions, **made_by}})


def remove_comparer(folder: Path) -> Bundle:
    """Take the comparer out of a bundle, if there is one."""
    bundle = load_bundle(folder)
    description = _described(bundle)
    description.pop("comparer", None)
    for name in (COMPARER, USUAL):
        (folder / name).unlink(missing_ok=True)
    return _describe_marker(bundle, description)


def _described(bundle: Bundle) -> dict[str, Any]:
    """The table [marker] as it stands; `BundleError` where there is none."""
    if bundle.marker is None:
        raise BundleError(str(bundle.folder), "a bundle with a marker", "none")
    return dict(bundle.marker.made_by)


def _describe_marker(bundle: Bundle, marker: Mapping[str, Any]) -> Bundle:
    """Write `bundle.toml` for the marker that already lies in the folder."""
    write_toml(
        bundle.folder / "bundle.toml",
        {
            "network": bundle.network.as_dict(),
            "digests": {"model": bundle.digest, "marker": marker_digest(bundle.folder, bundle.network)},
            "made_by": dict(bundle.made_by),
            "marker": marker,
        },
    )
    return load_bundle(bundle.folder)
