"""Does another backend judge as TensorFlow does? Compared strip by strip, and the proof put into the bundle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.errors import DetectorError
from harness.geometry import PAPER
from harness.inspection.detector import Inspection, Scores
from harness.inspection.network import NetworkDetector
from harness.inspection.verdict import decide
from harness.progress import Progress, silent
from harness.strips.kit import STANDARD_SEED, Kit
from harness.strips.renderer import Renderer


@dataclass(frozen=True)
class Compared:
    """Two backends on the same pictures.

    Attributes:
        backend: The one that is not TensorFlow.
        acquisitions: Runs of all products.
        bound: Largest difference of scores that is allowed.
        largest: The largest seen; infinite where only one of two is a finite number.
        differing: Acquisitions on which the two came to different verdicts, at one of the levels or more.
        path: The proof; None where they are not equal, and none was written.
    """

    backend: str
    acquisitions: int
    bound: float
    largest: float
    differing: int
    path: Path | None

    @property
    def equal(self) -> bool:
        """Every verdict is the same and no score is further off than allowed."""
        return self.differing == 0 and self.largest <= self.bound

    def in_words(self) -> str:
        """One sentence.

        >>> Compared("openvino", 10, 1e-4, 2e-6, 0, None).in_words()
        'openvino is equal: the same verdict on 10 of 10 runs, scores within 2e-06 (bound 0.0001)'
        """
        same = self.acquisitions - self.differing
        return (
            f"{self.backend} is {'equal' if self.equal else 'NOT equal'}: the same verdict on {same} of "
            f"{self.acquisitions} runs, scores within {self.largest:.2g} (bound {self.bound:g})"
        )


def prove(
    bundle: str, kit: Kit, *, score: str | None, backend: str, runs: int, bound: float, progress: Progress = silent
) -> Compared:
    """Let TensorFlow and another backend judge every run of a kit's products.

    Args:
        bundle: Name or path.
        kit: Products, drawn.
        score: Which score; None takes the bundle's `main_score`.
        backend: What is compared with TensorFlow.
        runs: Runs of each product.
        bound: Largest difference of two scores that is allowed.
        progress: Told of every product.

    Raises:
        DetectorError: The bundle, its thresholds or the backend cannot be used.
    """
    from model.proof import OPENVINO, Proof, remove_proof, write_proof

    if backend not in OPENVINO:
        raise DetectorError("--backend", " or ".join(OPENVINO), backend)
    reference = NetworkDetector(bundle, PAPER, score=score, backend="tensorflow")
    subject, levels = reference.subject(), reference.thresholds().levels
    other = NetworkDetector(bundle, PAPER, score=score, backend=backend, unproved=True)
    renderer = Renderer(seed=STANDARD_SEED)
    largest, differing = 0.0, 0
    for done, strip in enumerate(kit.strips, start=1):
        for run in range(1, runs + 1):
            inspection = Inspection.of_frames(PAPER, renderer.frames(strip, run))
            one, two = reference.score(inspection), other.score(inspection)
            largest = max(largest, _difference(one, two))
            differing += any(decide(one, level).reject != decide(two, level).reject for level in levels.values())
        progress("products compared", done, len(kit.strips))
    found = Compared(backend, runs * len(kit.strips), bound, largest, differing, None)
    folder = reference.bundle.folder
    if not found.equal:
        remove_proof(folder, reference.score_name, backend)
        return found
    proof = Proof(subject, kit.digest(), len(kit.strips), runs, bound, largest)
    path = write_proof(folder, reference.score_name, backend, proof)
    return Compared(backend, found.acquisitions, bound, largest, differing, path)


def _difference(one: Scores, two: Scores) -> float:
    """Largest difference; what is no finite number must be none in both."""
    finite = np.isfinite(one)
    if (finite != np.isfinite(two)).any():
        return float("inf")
    return float(np.abs(one - two)[finite].max(initial=0.0))
