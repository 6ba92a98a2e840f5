"""One picture in a file: PNG or TIFF, 8-bit grey, upright and whole, or one sentence that says what is wrong."""

from __future__ import annotations

import warnings
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.errors import RecordingError

ENDINGS = (".png", ".tif", ".tiff")
FORMATS = ("PNG", "TIFF")
LARGEST_FRAME_PX = 64_000_000
"""A frame that says it is larger is refused before it is decoded."""

ORIENTATION = 274
"""TIFF's tag; 1 is upright."""

PNG_HEADER_BYTES = 8
INFLATED_BYTES = 1 << 20
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""First row and column, and steps, of the seven passes of an interlaced PNG (PNG specification, 8.1)."""


def read_picture(file: Path, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """uint8 of that shape.

    Raises:
        RecordingError: Not a PNG or TIFF, not 8-bit grey, of another size, turned, of several pages, or damaged.
    """
    try:
        with _opened(file, shape) as image:
            return np.asarray(image)
    except RecordingError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever a damaged file makes the decoder raise
        raise RecordingError(str(file), "a whole picture", error) from None


def check_picture(file: Path, shape: tuple[int, int]) -> None:
    """Header first, then the whole file: a PNG's sums and how much it unpacks to, a TIFF by decoding it.

    Raises:
        RecordingError: As `read_picture`, and a PNG that holds fewer rows than it says, which a decoder leaves black.
    """
    try:
        with _opened(file, shape) as image:
            if image.format != "PNG":
                image.load()
                return
            interlaced = bool(image.info.get("interlace"))
            image.verify()
        expected = _png_bytes(shape, interlaced=interlaced)
        got, ended = _inflated(file.read_bytes(), expected)
    except RecordingError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever a damaged file makes the decoder raise
        raise RecordingError(str(file), "a whole picture", error) from None
    if got < expected or not ended:
        raise RecordingError(str(file), f"a whole picture, {expected:,} bytes of pixels", f"{got:,}, or no end of them")


def _opened(file: Path, shape: tuple[int, int]) -> Image.Image:
    """A picture whose header says what it must; no pixel is decoded before that is known."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # its size is refused below, in our words
            image = Image.open(file, formats=FORMATS)
            turned = image.format == "TIFF" and image.getexif().get(ORIENTATION, 1) != 1
            pages = getattr(image, "n_frames", 1)
    except Exception as error:  # noqa: BLE001  # whatever a damaged file makes the decoder raise
        raise RecordingError(str(file), "a readable picture", error) from None
    size, mode = (image.height, image.width), image.mode
    wrong = next(
        (
            (expected, got)
            for bad, expected, got in (
                (size != shape, f"{shape[0]} x {shape[1]} px", f"{size[0]} x {size[1]} px"),
                (mode != "L", "8-bit grey", f"mode {mode}"),
                (size[0] * size[1] > LARGEST_FRAME_PX, f"at most {LARGEST_FRAME_PX} px", f"{size[0]} x {size[1]} px"),
                (turned, "an upright picture", "a tag that turns it"),
                (pages > 1, "one picture", f"{pages} in one file"),
            )
            if bad
        ),
        None,
    )
    if wrong is not None:
        image.close()
        raise RecordingError(str(file), *wrong)
    return image


def _png_bytes(shape: tuple[int, int], *, interlaced: bool) -> int:
    """What the pixels of an 8-bit grey PNG unpack to: each row of each pass, and its filter's byte."""
    height, width = shape
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    sizes = ((-(-(height - top) // down), -(-(width - left) // right)) for top, left, down, right in passes)
    return sum(rows * (1 + columns) for rows, columns in sizes if rows > 0 and columns > 0)


def _inflated(png: bytes, expected: int) -> tuple[int, bool]:
    """Bytes that a PNG's data chunks unpack to, and whether their end is there.

    Beyond what is expected it is looked no further: few bytes may unpack to more than any memory holds.
    """
    inflate, total, place = zlib.decompressobj(), 0, PNG_HEADER_BYTES
    while place + 8 <= len(png) and total <= expected:
        length, kind = int.from_bytes(png[place : place + 4], "big"), png[place + 4 : place + 8]
        rest = png[place + 8 : place + 8 + length] if kind == b"IDAT" else b""
        while rest and total <= expected:
            total += len(inflate.decompress(rest, INFLATED_BYTES))
            rest = inflate.unconsumed_tail
        place += 12 + length
    if total <= expected:
        total += len(inflate.flush())
    return total, inflate.eof or total > expected
