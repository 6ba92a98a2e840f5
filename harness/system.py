"""What ran a qualification: processor, cores, memory, versions. Evidence behind every time in a report."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment]

LEFT_BY_SYSTEMS = (".", "~$", "Thumbs.db", "desktop.ini")
"""How names begin of what systems and spreadsheets put beside the files of people."""

INSTRUCTIONS = "ONEDNN_MAX_CPU_ISA"
"""By which variable of the environment oneDNN, which convolves for both backends, is kept to some instructions of a
processor: sums come out otherwise in the last digits."""

PACKAGES = (
    "tensorflow-cpu",
    "tensorflow",
    "keras",
    "openvino",
    "numpy",
    "numba",
    "scipy",
    "simpy",
    "pandas",
    "pyarrow",
)


def hardware() -> dict[str, str | int]:
    """Processor, and instructions that it is kept to; cores this process may use, memory in GiB."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    except (ValueError, OSError, AttributeError):
        memory = 0
    kept = os.environ.get(INSTRUCTIONS, "")
    processor = f"{_processor()}, {INSTRUCTIONS}={kept}" if kept else _processor()
    return {"processor": processor, "cores": cores, "memory_gib": memory, "system": platform.system()}


def peak_memory_mib() -> float:
    """The most memory this process has held so far, in MiB; 0 where the system does not tell."""
    if resource is None:
        return 0.0
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def versions() -> dict[str, str]:
    """Python and the packages that decide a number; those that are not installed are left out."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    """The processor's own name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
