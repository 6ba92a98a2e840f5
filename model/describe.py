"""What a network is made of and what it costs: shapes, arithmetic, parameters and bytes, counted from the layers themselves.

The networks are built and walked, so that what is described is what runs; `paper` takes a gigabyte for a moment. Only
convolutions and dense layers are counted, two operations a multiply-add: everything else is a percent of them. Times are
not told here; `benchmark.py` measures them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import keras

from model.blocks import ResidualBlock
from model.config import NetworkConfig
from model.export import fold_away
from model.network import build_decoder, build_discriminator, build_encoder

STRIP_PATCHES = 60
"""Patches of the paper's strip (its eq. 12)."""
