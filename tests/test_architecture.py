"""The arrows between the rooms, read from the imports, and what no file of the project may say."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

GROUND = {"errors", "geometry", "multiplicity", "streams", "progress", "side_by_side", "system", "terminal"}
TYPED_EDGE = {"scenario"}  # any room above the ground may ask what the scenario says
PARTS = {"inspection", "strips"}
TABLES = {"line", "report", "acceptance", "result"}
WHOLE = {"qualification", "training", "difficulty", "comparison", "study"}
BELOW = GROUND | TYPED_EDGE | PARTS | TABLES

ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "geometry": {"errors"},
    "multiplicity": set(),
    "streams": set(),
    "progress": set(),
    "side_by_side": set(),
    "system": set(),
    "terminal": set(),
    "scenario": {"errors"},
    "inspection": GROUND | TYPED_EDGE,
    "strips": GROUND | TYPED_EDGE,
    "line": GROUND | TYPED_EDGE | PARTS,
    "result": GROUND | TYPED_EDGE,  # the folder itself, below those who write it and those who read it
    # Statistics that only a reader wants are asked for by the report, not made.
    "report": GROUND | TYPED_EDGE | {"acceptance", "result"},
    "acceptance": {"errors", "multiplicity", "streams"} | TYPED_EDGE,  # tables too; no pixels, clock, ledger
    **dict.fromkeys(sorted(WHOLE), BELOW),
    "comparison": BELOW | {"difficulty"},  # whose tuned classical inspectors are compared
    "kit_commands": BELOW | {"difficulty"},
    "cli": BELOW | WHOLE | {"kit_commands"},
    "__main__": {"cli"},
}
"""What each room of `harness` may import besides itself. The twin of the picture in the README."""

MAY_LOAD_THE_NETWORK = {
    "harness.inspection.bundle_errors",
    "harness.inspection.detector",
    "harness.inspection.network",
    "harness.inspection.padim",
    "harness.training.calibrating",
    "harness.training.compared",
    "harness.training.comparer",
    "harness.training.data",
    "harness.training.drawers",
    "harness.training.folder",
    "harness.training.means",
    "harness.training.proving",
    "harness.training.workshop",
}


@dataclass(frozen=True)
class Import:
    """One imported module.

    Attributes:
        importer: Dotted name of the module that imports.
        line: Where it does.
        target: Dotted name of what it imports, with the imported name where that may be a module.
        eager: True when importing the importer runs this import as well.
    """

    importer: str
    line: int
    target: str
    eager: bool

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.target}"


def imports_of(source: str, module: str, *, package: bool = False) -> Iterator[Import]:
    """Every import of a module, also those inside functions and under `if TYPE_CHECKING`."""

    def visit(node: ast.AST, eager: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, node.lineno, alias.name, eager)
        elif isinstance(node, ast.ImportFrom):
            parents = module.split(".") if package else module.split(".")[:-1]
            base = parents[: len(parents) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield Import(module, node.lineno, f"{origin}.{alias.name}", eager)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for branch, runs in ((node.body, False), (node.orelse, eager)):
                for statement in branch:
                    yield from visit(statement, runs)
        else:
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for child in ast.iter_child_nodes(node):
                yield from visit(child, eager and not inside)

    yield from visit(ast.parse(source), True)


def imports_under(package: str) -> list[Import]:
    """Every import of every module of a package of this project."""
    found: list[Import] = []
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        found += imports_of(path.read_text(encoding="utf-8"), name, package=is_package)
    return found


def room(module: str) -> str | None:
    """The room of `harness` a dotted name lies in; `None` for the package itself and for other packages."""
    head, _, rest = module.partition(".")
    return rest.split(".")[0] if head == "harness" and rest else None


HARNESS = imports_under("harness")
MODEL = imports_under("model")


def test_imports_are_read_from_every_form_of_the_statement() -> None:
    """The reader below the other tests sees plain, relative, lazy and type-only imports, and tells which are eager."""
    source = """
import a.b
from . import c
from ..d import e
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import f
def later():
    import g
class Body:
    import h
"""
    seen = [(found.target, found.eager) for found in imports_of(source, "p.q.r")]
    assert seen == [
        ("a.b", True),
        ("p.q.c", True),
        ("p.d.e", True),
        ("typing.TYPE_CHECKING", True),
        ("f", False),
        ("g", False),
        ("h", True),
    ]


def test_every_room_is_in_the_picture() -> None:
    """A new room is drawn here and in the README before anything is put into it."""
    rooms = {
        path.stem for path in (ROOT / "harness").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert rooms - {"__init__"} <= set(ARROWS)


@pytest.mark.parametrize("origin", ARROWS)
def test_arrows_run_one_way(origin: str) -> None:
    """A room imports only the rooms that the picture lets it see."""
    crossing = [
        str(found)
        for found in HARNESS
        if room(found.importer) == origin
        and (target := room(found.target)) is not None
        and target in ARROWS
        and target not in ARROWS[origin] | {origin}
    ]
    assert not crossing, f"{origin} may import {sorted(ARROWS[origin])}"


def test_the_package_itself_imports_nothing() -> None:
    """`import harness` runs nothing, so that importing one room never drags in another."""
    assert [str(found) for found in HARNESS if found.importer == "harness"] == []


def test_the_network_knows_no_bench() -> None:
    """`model` takes arrays; it never imports `harness`."""
    assert [str(found) for found in MODEL if found.target.split(".")[0] == "harness"] == []


def test_only_these_modules_reach_the_network_and_all_of_them_late() -> None:
    """`model` is imported by adapters, seam and training alone, and only when one of their functions runs."""
    reaching = [found for found in HARNESS if found.target.split(".")[0] == "model"]
    assert [str(found) for found in reaching if found.importer not in MAY_LOAD_THE_NETWORK] == []
    assert [str(found) for found in reaching if found.eager] == []


def test_the_bench_names_no_network_library() -> None:
    """TensorFlow, Keras and OpenVINO are spoken to by `model` alone."""
    libraries = {"tensorflow", "keras", "openvino"}
    assert [str(found) for found in HARNESS if found.target.split(".")[0] in libraries] == []


def third_party(origin: str) -> set[str]:
    """Names of the installed packages that a room imports."""
    heads = {found.target.split(".")[0] for found in HARNESS if room(found.importer) == origin}
    return heads - sys.stdlib_module_names - {"harness"}


def test_acceptance_is_arithmetic() -> None:
    """Acceptance needs statistics and tables and no other library."""
    assert third_party("acceptance") <= {"numpy", "pandas", "scipy", "statsmodels"}


def test_the_report_computes_nothing() -> None:
    """The report formats tables: no statistics, no compiled kernels, no simulation."""
    assert third_party("report") <= {"jinja2", "markupsafe", "matplotlib", "numpy", "pandas", "PIL", "pyarrow"}


IMPORT_ALL = """
import importlib, json, pkgutil, sys
import harness

loaded = {}
for found in pkgutil.walk_packages(harness.__path__, "harness."):
    importlib.import_module(found.name)
    loaded[found.name] = sorted({"tensorflow", "keras", "model"} & set(sys.modules))
print(json.dumps(loaded))
"""


def test_importing_any_room_loads_no_network() -> None:
    """Every module of `harness` imports without TensorFlow, Keras and `model`, and without a warning."""
    answer = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT_ALL], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    loaded = json.loads(answer.stdout)
    assert "harness.inspection.detector" in loaded
    assert {name: heavy for name, heavy in loaded.items() if heavy} == {}


TEXT = {".cfg", ".csv", ".html", ".ini", ".j2", ".json", ".md", ".py", ".svg", ".toml", ".txt", ".yaml", ".yml"}
FOLDERS = (".ci", "docs", "harness", "model", "results/reference", "scenarios", "tests")


def project_files() -> list[Path]:
    """The text files of the project: those at its root and those in its folders."""
    inside = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    return sorted(
        path
        for path in [*ROOT.iterdir(), *inside]
        if path.is_file() and (path.suffix in TEXT or path.parent.name == ".ci" or path.name == ".gitignore")
    )


# Put together from pieces, so that this file does not find itself.
PERSONAL_PATH = re.compile(
    r"(?<![\w.\-<>])/(?:" + "|".join(("home", "root", "Users", "work")) + r")(?:/|\b)|[A-Z]:\\Users"
)
INDEX_ADDRESS = re.compile(
    "|".join(("pypi" + r"\.org", "python" + "hosted", "index" + "-url=", "index" + r"-url\s*=?\s*http"))
)


@pytest.mark.parametrize(
    ("text", "personal"),
    [
        ("/".join(("", "home", "someone", "strips")), True),
        ("open('" + "/".join(("", "root")) + "')", True),
        ("model/weights/compact", False),
        ("at https://example.org" + "/".join(("", "home", "page")), False),
        ("train, calibrate and .." + "/".join(("", "home", "a")), False),
    ],
)
def test_personal_paths_are_told_from_others(text: str, personal: bool) -> None:
    """The pattern of the next test finds a path of somebody's machine and leaves relative paths and addresses alone."""
    assert bool(PERSONAL_PATH.search(text)) is personal


@pytest.mark.parametrize("pattern", [PERSONAL_PATH, INDEX_ADDRESS], ids=["personal path", "package index"])
def test_files_speak_of_no_machine(pattern: re.Pattern[str]) -> None:
    """No file names a folder of the machine it was written on, nor the address of a package index."""
    told = []
    for path in project_files():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            if found := pattern.search(line):
                told.append(f"{path.relative_to(ROOT)}:{number}: {found.group()}")
    assert told == []


def test_configuration_names_no_address_at_all() -> None:
    """What sets up an environment names packages and versions only, so it works behind any mirror."""
    files = ["pyproject.toml", "tox.ini", "constraints.txt", ".ci/run", ".pre-commit-config.yaml"]
    assert [name for name in files if "://" in (ROOT / name).read_text(encoding="utf-8")] == []
