from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from harness.acceptance.recorded import recorded_looks
from harness.errors import BaselineError

KIT = pd.DataFrame({"product": ["D1", "G1"], "truth": ["defective", "good"]})
HEADER = "product,inspector,look,verdict,seconds"


def rows(inspectors: int = 2, looks: int = 2) -> list[str]:
    """A whole study of the kit."""
    return [
        f"{product},I{i},{look},{verdict},4.5"
        for product, verdict in (("D1", "reject"), ("G1", "accept"))
        for i in range(1, inspectors + 1)
        for look in range(1, looks + 1)
    ]


def write(tmp_path: Path, lines: list[str], header: str = HEADER) -> Path:
    """A file of looks."""
    path = tmp_path / "looks.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def problems(path: Path) -> list[str]:
    """Every problem of a file, a sentence each."""
    with pytest.raises(BaselineError) as caught:
        recorded_looks(path, KIT)
    return [str(problem) for problem in caught.value.problems]


def test_a_whole_study_is_read(tmp_path: Path) -> None:
    """A row a look, ordered, with seconds; the order of lines, a byte order mark and blank seconds do not matter."""
    lines = rows()
    lines[0] = lines[0].replace("4.5", "")
    path = write(tmp_path, lines[::-1], "\ufeff" + HEADER)
    table = recorded_looks(path, KIT)
    assert table[["product", "inspector", "look", "reject"]].values.tolist() == [
        ["D1", "I1", 1, True], ["D1", "I1", 2, True], ["D1", "I2", 1, True], ["D1", "I2", 2, True],
        ["G1", "I1", 1, False], ["G1", "I1", 2, False], ["G1", "I2", 1, False], ["G1", "I2", 2, False],
    ]  # fmt: skip
    assert table["seconds"].isna().tolist() == [True] + [False] * 7


def test_seconds_are_optional(tmp_path: Path) -> None:
    """A file without the column gives a table without it."""
    path = write(tmp_path, [line.rsplit(",", 1)[0] for line in rows()], "product,inspector,look,verdict")
    assert "seconds" not in recorded_looks(path, KIT)


def test_every_problem_is_listed_with_its_line(tmp_path: Path) -> None:
    """Unknown product, a verdict that is neither, a look that is no number, seconds below zero: all in one error."""
    found = problems(write(tmp_path, [*rows(), "X9,I1,1,accept,1", "D1,I1,zero,maybe,-2", ",,3,,"]))
    assert found == [
        "looks.csv: line 10: product: expected a product of the kit, got X9",
        "looks.csv: line 11: look: expected a whole number >= 1, got zero",
        "looks.csv: line 11: verdict: expected accept or reject, got maybe",
        "looks.csv: line 11: seconds: expected a number >= 0, or nothing, got -2",
        "looks.csv: line 12: product: expected a product of the kit, got nothing",
        "looks.csv: line 12: inspector: expected a name, got nothing",
        "looks.csv: line 12: verdict: expected accept or reject, got nothing",
    ]


def test_double_and_missing_looks_are_named(tmp_path: Path) -> None:
    """A look given twice names both lines; a gap names product, inspector and what is there."""
    lines = rows(looks=3)
    del lines[1]
    found = problems(write(tmp_path, [*lines, lines[0]]))
    assert found == [
        "looks.csv: line 13: expected look 1 of D1 by I1 once, got it a second time (first in line 2)",
        "looks.csv: product D1, inspector I1: expected looks 1 to 3, got 1, 3",
    ]


def test_a_product_nobody_saw_is_a_gap(tmp_path: Path) -> None:
    """Every product of the kit is looked at by everyone."""
    found = problems(write(tmp_path, [line for line in rows() if not line.startswith("G1,I2")]))
    assert found == ["looks.csv: product G1, inspector I2: expected looks 1 to 2, got none"]


def test_an_inspector_with_a_single_look_is_refused(tmp_path: Path) -> None:
    """One look a product says nothing of how sure the inspector is."""
    assert problems(write(tmp_path, rows(looks=1))) == [
        "looks.csv: inspector I1: expected at least 2 looks at each product, got a single look",
        "looks.csv: inspector I2: expected at least 2 looks at each product, got a single look",
    ]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("product,inspector,look", "a column verdict, got columns product, inspector, look"),
        ("product,inspector,look,verdict,colour", "out of product, inspector, look, verdict, seconds, got colour"),
        ("product,inspector,look,verdict,look", "one column look, got 2 of them"),
    ],
)
def test_an_unusable_header_is_named(tmp_path: Path, header: str, message: str) -> None:
    """Missing, unknown and doubled columns."""
    found = problems(write(tmp_path, [], header))
    assert any(message in sentence for sentence in found)


def test_files_that_are_no_tables_are_named(tmp_path: Path) -> None:
    """Missing, empty, without rows, not UTF-8, a row too long or too short."""
    assert problems(tmp_path / "none.csv") == ["none.csv: expected a file of looks (CSV), got no such file"]
    assert problems(write(tmp_path, [])) == ["looks.csv: expected at least one look, got a file without rows"]
    assert problems(write(tmp_path, ["D1,I1,1"])) == ["looks.csv: line 2: expected 5 values, got 3"]
    (tmp_path / "empty.csv").write_text("", encoding="utf-8")
    assert "a column product, got columns none" in problems(tmp_path / "empty.csv")[0]
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00product")
    assert "a readable file" in problems(tmp_path / "bytes.csv")[0]
    assert "a readable file" in problems(tmp_path)[0]
