"""The line: a discrete-event model of the carousel, from infeed to verification sensor.

It knows no pixels and no detector: strips are names, an inspection is a call that takes time, and the ledger is all
that remains. What other rooms use stands below.
"""

from harness.line.clock import Clock, MeasuredClock, VirtualClock, clock_from_choice
from harness.line.cost import cost_us
from harness.line.effectiveness import Oee, oee
from harness.line.faults import KINDS, FaultSummary
from harness.line.flow import Fed, Inspect, Outcome
from harness.line.latency import (
    Duration,
    EmpiricalLatency,
    LatencyProfile,
    NormalLatency,
    Tape,
    measured_profile,
    profile,
)
from harness.line.layout import Layout
from harness.line.simulation import LineRecord, simulate
from harness.line.stations import line_summary
from harness.line.validity import Rule, Validity, latency_summary, timing_validity
from harness.line.wall import Answer, WallClock, kept_period, with_lags

__all__ = [
    "KINDS",
    "Answer",
    "Clock",
    "Duration",
    "EmpiricalLatency",
    "FaultSummary",
    "Fed",
    "Inspect",
    "LatencyProfile",
    "Layout",
    "LineRecord",
    "MeasuredClock",
    "NormalLatency",
    "Oee",
    "Outcome",
    "Rule",
    "Tape",
    "Validity",
    "VirtualClock",
    "WallClock",
    "clock_from_choice",
    "cost_us",
    "kept_period",
    "latency_summary",
    "line_summary",
    "measured_profile",
    "oee",
    "profile",
    "simulate",
    "timing_validity",
    "with_lags",
]
