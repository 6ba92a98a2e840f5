"""That another backend judges as TensorFlow does: what was compared, stored beside the bundle in `proof.toml`.

A proof is of one backend and score, and speaks for nothing but what it was made with: weights, thresholds, number of
patches, versions and processor. Where any of these is another, it does not hold. The bench makes them, since it has the
products (`python -m harness prove`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from model.bundle import BundleError, read_toml, write_toml

FILE = "proof.toml"
OPENVINO = ("openvino-bf16", "openvino")
"""Backends that need a proof, in the order in which `auto` asks for one: the less exact is the faster one."""


@dataclass(frozen=True)
class Subject:
    """What a proof speaks for.

    Attributes:
        model: Digest of what scores: the generator, or generator and marker.
        thresholds: Digest of the thresholds by which verdicts were compared.
        patches: Patches of an acquisition, the batch that both backends are compiled for.
        processor: Its name.
        versions: Of the packages that decide a number.
    """

    model: str
    thresholds: str
    patches: int
    processor: str
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Proof:
    """What was compared, and how far apart it came out.

    Attributes:
        subject: What it speaks for.
        kit: Digest of the products.
        products: How many.
        runs: Of each; the verdict on every run was compared, by the thresholds of every level.
        bound: Largest difference of two scores that was allowed.
        largest: The largest that was seen.
    """

    subject: Subject
    kit: str
    products: int
    runs: int
    bound: float
    largest: float


def write_proof(folder: Path, score: str, backend: str, proof: Proof) -> Path:
    """Put a proof into a bundle, in the place of an older one of the same score and backend."""
    path = folder / FILE
    proofs = _proofs(path)
    subject = {**asdict(proof.subject), "versions": dict(proof.subject.versions)}
    rest = {key: value for key, value in asdict(proof).items() if key != "subject"}
    proofs.setdefault(score, {})[backend] = {**rest, **subject}
    write_toml(path, {"proofs": proofs})
    return path


def remove_proof(folder: Path, score: str, backend: str) -> None:
    """Take away a proof that has turned out not to hold; nothing happens where there is none."""
    path = folder / FILE
    proofs = _proofs(path)
    if proofs.get(score, {}).pop(backend, None) is not None:
        write_toml(path, {"proofs": proofs})


def proof_problem(folder: Path, score: str, backend: str, subject: Subject) -> str | None:
    """Why there is no proof that speaks for this subject; "" where there is one, None where none was ever made.

    Raises:
        BundleError: A file that is no TOML.
    """
    table = _proofs(folder / FILE).get(score, {}).get(backend)
    if not isinstance(table, dict):
        return None
    for field in fields(subject):
        expected, stated = getattr(subject, field.name), table.get(field.name)
        if stated != expected:
            return f"a proof for other {_PLURAL[field.name]} ({_short(stated)}, here {_short(expected)})"
    largest, bound = table.get("largest"), table.get("bound")
    if not (isinstance(largest, float) and isinstance(bound, float) and largest <= bound):
        return f"a proof whose scores differ by {largest}, above its bound {bound}"
    return ""


_PLURAL = {
    "model": "weights",
    "thresholds": "thresholds",
    "patches": "numbers of patches",
    "processor": "processors",
    "versions": "versions",
}


def _short(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name} {version}" for name, version in sorted(value.items()))
    return value[:12] if isinstance(value, str) and len(value) == 64 else str(value)


def _proofs(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    proofs = read_toml(path).get("proofs", {})
    if not isinstance(proofs, dict) or not all(isinstance(table, dict) for table in proofs.values()):
        raise BundleError(str(path), "a table [proofs.<score>.<backend>] a proof", "something else")
    return proofs
