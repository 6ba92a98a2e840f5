"""The README's figures are those of the committed reference result, and what it shows can be run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness.qualification.replay import replay_result
from harness.qualification.verify import verify_result

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "results" / "reference" / "knapp"


def figures(summary: dict[str, Any], manifest: dict[str, Any]) -> str:
    """The block between the README's marks, from a result."""
    products, runs, baseline = summary["products"], summary["runs"], summary["baseline"]
    timing, latency = summary["timing"], summary["timing"]["latency_ms"]
    hardware = manifest["hardware"]
    valid = {True: "VALID", False: "INVALID", None: "NOT CLAIMED"}[timing["valid"]]
    rows = [
        ("verdict", f"**{summary['verdict']}** against {baseline['source']} inspectors, generated strips"),
        *(
            (
                f"{truth} products right, {summary['required']} of {summary['runs_each']}",
                f"{products[truth]['right']}/{products[truth]['n']}"
                f" (median inspector {baseline[truth]['right']:g}/{baseline[truth]['n']})",
            )
            for truth in ("defective", "good")
        ),
        *((f"{truth} runs right", f"{runs[truth]['right']}/{runs[truth]['n']}") for truth in ("defective", "good")),
        ("strip AUROC, single runs", f"{summary['auroc']['all']['auroc']:.3f}"),
        ("timing at p99", f"{valid}, {timing['late']} late of {timing['slots']}"),
        (
            "response",
            f"mean {latency['mean']:.0f} ms, p99 {latency['p99']:.0f} ms, max {latency['max']:.0f} ms"
            f" of {timing['deadline_ms']:g} ms; {manifest['detector']};"
            f" {hardware['processor']}, {hardware['cores']} cores",
        ),
    ]
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)])


def test_readme_shows_the_reference_result() -> None:
    """No number in the README's table was typed by hand."""
    summary = json.loads((REFERENCE / "summary.json").read_text())
    manifest = json.loads((REFERENCE / "manifest.json").read_text())
    assert figures(summary, manifest) in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", ["knapp", "wall-clock"])
def test_reference_is_as_it_was_written_and_follows_from_its_scores(name: str) -> None:
    """A committed result holds byte for byte but for its pictures, which are left out, and so do its conclusions."""
    found = verify_result(REFERENCE.parent / name, without_pictures=True)
    assert [str(problem) for problem in found.differences] == []
    assert "pictures were left out, so the report was not made again" in found.notes


@pytest.mark.parametrize("name", ["knapp", "wall-clock"])
def test_reference_is_replayed_to_the_same_ledger(name: str) -> None:
    """A committed result, measured or in real time, gives its ledger again, on whatever machine this runs."""
    assert replay_result(REFERENCE.parent / name).same


@pytest.mark.parametrize("name", ["summary.json", "manifest.json"])
def test_formats_page_names_what_is_written(name: str) -> None:
    """The examples of `docs/formats.md` have the keys of a real result, no more and no less."""
    page = (ROOT / "docs" / "formats.md").read_text()
    blocks = re.findall(r"## [^\n]*`" + re.escape(name) + r"`.*?```json\n(.*?)```", page, flags=re.DOTALL)
    shown, real = json.loads(blocks[0]), json.loads((REFERENCE / name).read_text())
    assert set(shown) == set(real)
    for key in ("timing", "line", "baseline", "paper"):
        if key in real:
            assert set(shown[key]) == set(real[key])
    if "line" in real:
        assert {name: set(values) for name, values in shown["line"].items() if name != "states"} == {
            name: set(values) for name, values in real["line"].items() if name != "states"
        }
    if "criteria" in real:
        assert set(shown["criteria"][0]) == set(real["criteria"][0])
