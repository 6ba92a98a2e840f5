"""What the camera showed, by digest: which pictures a verdict is about, and that no two runs saw the same ones."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.line import Rule

DIGEST_BYTES = 16


def frames_digest(frames: NDArray[np.uint8]) -> str:
    """Hex BLAKE2b, 128 bits, over the pixels of an acquisition's frames in their order."""
    return hashlib.blake2b(np.ascontiguousarray(frames).data, digest_size=DIGEST_BYTES).hexdigest()


def frames_table(digests: Mapping[tuple[str, int], str]) -> pd.DataFrame | None:
    """`frames.parquet`: a row an acquisition, by product and run; None where no picture was drawn or read."""
    if not digests:
        return None
    keys = sorted(digests)
    return pd.DataFrame(
        {
            "product": pd.array([product for product, _ in keys], dtype="str"),
            "run": np.array([run for _, run in keys], np.int64),
            "digest": pd.array([digests[key] for key in keys], dtype="str"),
        }
    )


def distinct_looks(frames: pd.DataFrame | None) -> tuple[Rule, ...]:
    """The rule that every run of a product was photographed anew: a picture shown twice is one look, not two.

    Warm-up strips, run 0, show what they like. That no two products share a picture is a line of its own only where
    it is broken.

    Args:
        frames: As `frames_table` gives it; None, as where a detector looks at no picture, is asked nothing.
    """
    if frames is None:
        return ()
    again = int(frames.duplicated(["product", "digest"]).sum())
    advice = "" if again == 0 else "photograph every run anew: a picture shown twice is one look, not two"
    runs = Rule(f"runs on frames of an earlier run of the product, of {len(frames)}", again, 0, again == 0, advice)
    own = frames[frames["run"] > 0].drop_duplicates(["product", "digest"])
    shared = int(own.duplicated("digest").sum())
    if not shared:
        return (runs,)
    advice = "give every product pictures of its own: one under two names is one product"
    return runs, Rule(f"runs on frames of another product, of {len(frames)}", shared, 0, False, advice)
