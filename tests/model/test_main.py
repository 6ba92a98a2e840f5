from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from model.__main__ import main
from model.bundle import Bundle

ROOT = Path(__file__).parents[2]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Exit code of a command, run in this process."""
    monkeypatch.setattr(sys, "argv", ["model", *arguments])
    try:
        main()
    except SystemExit as leave:
        return int(leave.code or 0)
    return 0


def test_describe_shows_a_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Layers by stage and their sums on standard output, nothing else there."""
    assert run(monkeypatch, "describe", "compact") == 0
    shown = capsys.readouterr().out
    assert "stage0_C" in shown
    assert "GFLOP" in shown
    assert "347,344" in shown


def test_describe_gives_a_bundles_own_figures(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    make_bundle: Callable[..., Bundle],
) -> None:
    """As one JSON document, with the digest and the bytes of what lies there."""
    bundle = make_bundle(tmp_path / "bundle")
    assert run(monkeypatch, "describe", str(tmp_path / "bundle"), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["bundle"] == {"digest": bundle.digest, "bytes": bundle.weights.stat().st_size}
    assert told["network"] == bundle.network.as_dict()


def test_benchmark_measures_a_bundle(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    make_bundle: Callable[..., Bundle],
) -> None:
    """Figures on standard output, progress on standard error."""
    make_bundle(tmp_path / "bundle")
    choices = ("benchmark", str(tmp_path / "bundle"), "--patches", "2", "--calls", "2", "--runtime", "tensorflow")
    assert run(monkeypatch, *choices, "--json") == 0
    told = capsys.readouterr()
    assert [measured["runtime"] for measured in json.loads(told.out)["runtimes"]] == ["tensorflow"]
    assert "tensorflow" in told.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("describe", "nothing"), "nothing/bundle.toml: expected a file of a detector bundle, got no such file"),
        (("benchmark", "nothing"), "nothing/bundle.toml: expected a file of a detector bundle, got no such file"),
        (("benchmark", "--calls", "0"), "command line: "),
        (
            ("benchmark", "--runtime", "fast"),
            "--runtime: expected one of tensorflow, openvino, openvino-bf16, got fast",
        ),
        (("describe", "--no-such-option"), "command line: "),
        (("sing",), "command line: "),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, exit 2, no traceback."""
    assert run(monkeypatch, *arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(message)
    assert "Traceback" not in told.err


def test_commands_are_listed_without_loading_the_network() -> None:
    """`python -m model --help` answers at once: TensorFlow is loaded by the commands that need it."""
    code = (
        "import sys, runpy\nsys.argv = ['model', '--help']\n"
        "try:\n    runpy.run_module('model', run_name='__main__')\nexcept SystemExit as leave:\n"
        "    assert not leave.code\nassert not {'tensorflow', 'keras'} & set(sys.modules), 'loaded'\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert "describe" in answer.stdout
    assert "benchmark" in answer.stdout
