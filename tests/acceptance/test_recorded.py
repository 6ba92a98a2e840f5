from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from harness.acceptance.recorded import looks_source, recorded_looks
from harness.acceptance.sheets import read_key
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
        ("product,inspector,look,verdict,colour", "look, verdict, seconds, source, place, block, got colour"),
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


SHEET = """product,anna 1,anna 2,ben 1,ben 2
D1,reject,reject,accept,reject
G1,accept,accept,accept,reject
"""


def test_a_sheet_is_the_same_study(tmp_path: Path) -> None:
    """A row a product and a column a look give the table that a row a look gives."""
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(SHEET, encoding="utf-8")
    lines = [f"D1,anna,{look},reject" for look in (1, 2)] + ["D1,ben,1,accept", "D1,ben,2,reject"]
    lines += [f"G1,anna,{look},accept" for look in (1, 2)] + ["G1,ben,1,accept", "G1,ben,2,reject"]
    long = write(tmp_path, lines, "product,inspector,look,verdict")
    assert recorded_looks(sheet, KIT).equals(recorded_looks(long, KIT))


def test_every_problem_of_a_sheet_is_listed_with_its_cell(tmp_path: Path) -> None:
    """Unknown product, a verdict that is neither, an empty cell, a product twice."""
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(SHEET.replace("accept,accept", "maybe,") + "X9,,,,accept\nD1,accept,,,\n", encoding="utf-8")
    assert problems(sheet) == [
        "sheet.csv: line 3, column anna 1: verdict: expected accept or reject, got maybe",
        "sheet.csv: line 4, column ben 2: product: expected a product of the kit, got X9",
        "sheet.csv: line 5, column anna 1: expected look 1 of D1 by anna once, got it a second time "
        "(first in line 2, column anna 1)",
        "sheet.csv: product G1, inspector anna: expected looks 1 to 2, got 1",
    ]


def test_a_column_that_nobody_filled_in_is_named(tmp_path: Path) -> None:
    """An inspector who has not looked yet, and a look that nobody took, are gaps like any other."""
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("product,anna 1,anna 2,anna 3,ben 1\nD1,reject,reject,,\nG1,accept,accept,,\n", encoding="utf-8")
    assert problems(sheet) == [
        "sheet.csv: column anna 3: expected a verdict a product, got none",
        "sheet.csv: column ben 1: expected a verdict a product, got none",
    ]


def test_two_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """Where a look came first is said by its folder, where the name would point at itself."""
    (tmp_path / "monday").mkdir()
    first = write(tmp_path / "monday", rows())
    with pytest.raises(BaselineError) as caught:
        recorded_looks([first, write(tmp_path, rows())], KIT)
    assert str(caught.value.problems[0]) == (
        "looks.csv: line 2: expected look 1 of D1 by I1 once, got it a second time "
        f"(first in {tmp_path / 'monday' / 'looks.csv'}: line 2)"
    )


def test_looks_of_a_result_say_whose_they_are(tmp_path: Path) -> None:
    """Drawn ones, taken from a result in which no column says so, would count as people's."""
    (tmp_path / "ledger.parquet").write_text("")
    assert problems(write(tmp_path, rows())) == [
        "looks.csv: expected a column source: looks of a result may be assumed, got none"
    ]
    told = write(tmp_path, [f"{row},assumed" for row in rows()], f"{HEADER},source")
    assert looks_source(recorded_looks(told, KIT)) == "assumed"


def test_columns_of_a_sheet_that_are_no_looks_are_named(tmp_path: Path) -> None:
    """A column without a number, one twice, and no product."""
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("vial,anna 1,anna 1,remark\n", encoding="utf-8")
    assert problems(sheet) == [
        "sheet.csv: expected a column product, got columns vial, anna 1, anna 1, remark",
        "sheet.csv: expected columns product, and inspector and number of the look, such as anna 2, got vial",
        "sheet.csv: expected one column anna 1, got 2 of them",
        "sheet.csv: expected columns product, and inspector and number of the look, such as anna 2, got remark",
    ]


def test_lists_with_codes_are_read_with_their_key(tmp_path: Path) -> None:
    """Several files are one study, codes become products, place and block are left out, problems of all files come."""
    head = "inspector,look,place,block,code,verdict,seconds\n"
    files = []
    for look in (1, 2):
        files.append(tmp_path / f"anna-{look}.csv")
        files[-1].write_text(head + f"anna,{look},1,1,AC3K,reject,\nanna,{look},2,1,TT47,accept,4\n", encoding="utf-8")
    table = recorded_looks(files, KIT, key={"AC3K": "D1", "TT47": "G1"})
    assert table["reject"].tolist() == [True, True, False, False]
    assert table.columns.tolist() == ["product", "inspector", "look", "reject", "seconds"]
    with pytest.raises(BaselineError) as caught:
        recorded_looks([*files, files[0], tmp_path / "none.csv"], KIT, key={"AC3K": "D1"})
    assert [str(problem) for problem in caught.value.problems] == [
        "none.csv: expected a file of looks (CSV), got no such file"
    ]
    with pytest.raises(BaselineError) as caught:
        recorded_looks(files, KIT, key={"AC3K": "D1"})
    assert [problem.where for problem in caught.value.problems] == [
        "anna-1.csv: line 3: product", "anna-2.csv: line 3: product",
        "anna-1.csv and 1 more: product G1, inspector anna",
    ]  # fmt: skip


def test_looks_say_whether_they_are_assumed(tmp_path: Path) -> None:
    """A column source marks drawn looks; without it they are recorded; both in one study are refused."""
    lines = [line.rsplit(",", 1)[0] + ",assumed" for line in rows()]
    header = "product,inspector,look,verdict,source"
    assert looks_source(recorded_looks(write(tmp_path, lines, header), KIT)) == "assumed"
    lines[0] = lines[0].replace("assumed", "recorded")
    assert problems(write(tmp_path, lines, header)) == [
        "looks.csv: source: expected one for all looks, got assumed and recorded"
    ]
    assert (
        "source: expected recorded or assumed, got guessed"
        in problems(write(tmp_path, [line.replace("assumed", "guessed") for line in lines[1:]], header))[0]
    )
    assert looks_source(recorded_looks(write(tmp_path, rows()), KIT)) == "recorded"


def test_a_key_with_doubles_is_refused(tmp_path: Path) -> None:
    """Every code and every product once; the columns are product and code."""
    key = tmp_path / "key.csv"
    key.write_text("product,code\nD1,AC3K\nD1,AC3K\n,X\n", encoding="utf-8")
    with pytest.raises(BaselineError) as caught:
        read_key(key)
    assert [str(problem) for problem in caught.value.problems] == [
        "key.csv: line 3: code: expected each once, got AC3K",
        "key.csv: line 3: product: expected each once, got D1",
        "key.csv: line 4: expected a product and a code, got nothing",
    ]
    key.write_text("product,label\n", encoding="utf-8")
    with pytest.raises(BaselineError, match="columns product and code, got product, label"):
        read_key(key)
