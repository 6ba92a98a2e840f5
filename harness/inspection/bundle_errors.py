"""What the network's package finds wrong with a bundle or a checkpoint, as an error of the bench's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import DetectorError


@contextmanager
def told() -> Iterator[None]:
    """A `BundleError` raised within becomes a `DetectorError` of the same sentence."""
    from model.bundle import BundleError

    try:
        yield
    except BundleError as error:
        raise DetectorError(error.where, error.expected, error.got) from None
