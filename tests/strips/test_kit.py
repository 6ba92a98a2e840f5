from __future__ import annotations

import re
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from harness.errors import KitError
from harness.strips.defects import CLASSES, CONTRAST, natural_size_px
from harness.strips.kit import (
    COLUMNS,
    DRAWN_CONTRAST,
    KNAPP_SHARES,
    STANDARD_SEED,
    Kit,
    Strip,
    calibration_kit,
    draw_kit,
    good_strips,
    load_register,
    refuse_overlap,
    register_text,
    standard_kit,
)
from harness.strips.renderer import Renderer
from harness.strips.sheet import contact_sheet

NAMES = ("knapp", "quick", "calibration")
HEADER = ",".join(COLUMNS)
GOOD = "G001,good,,,,,,,81372"
BAD = "D001,defective,stuck_particle,2,2,640.0,0.31,critical,81231"


def written(folder: Path, *rows: str, header: str = HEADER) -> Path:
    """A register with these rows."""
    path = folder / "kit.csv"
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return path


def refused(path: Path) -> list[str]:
    """The sentences a register is refused with, without the folder."""
    with pytest.raises(KitError) as caught:
        load_register(path)
    assert caught.value.exit_code == 2
    return str(caught.value).replace(str(path), "kit.csv").splitlines()


def test_the_standard_kit_is_the_papers() -> None:
    """141 defective and 120 good strips, every class present (section 7.4 of the paper)."""
    strips = standard_kit("knapp").strips
    kinds = Counter(strip.defect.kind for strip in strips if strip.defect)
    assert Counter(strip.truth for strip in strips) == {"defective": 141, "good": 120}
    assert kinds == KNAPP_SHARES
    assert set(kinds) == set(CLASSES)


@pytest.mark.parametrize(("name", "defective", "good"), [("quick", 12, 10), ("calibration", 60, 60)])
def test_other_standard_kits(name: str, defective: int, good: int) -> None:
    """12 + 10 to show that the bench works, 60 + 60 to calibrate; every class in both."""
    strips = standard_kit(name).strips
    assert Counter(strip.truth for strip in strips) == {"defective": defective, "good": good}
    assert {strip.defect.kind for strip in strips if strip.defect} == set(CLASSES)


def test_products_stand_on_one_side_only() -> None:
    """Kit, quick kit, calibration and training share neither an identifier nor a seed."""
    groups = [list(standard_kit(name).strips) for name in NAMES] + [list(good_strips("training", 500, seed=101))]
    for one, other in combinations(groups, 2):
        assert {strip.product for strip in one}.isdisjoint(strip.product for strip in other)
        assert {strip.seed for strip in one}.isdisjoint(strip.seed for strip in other)
    assert len({strip.seed for group in groups for strip in group}) == sum(map(len, groups))


@pytest.mark.parametrize("name", NAMES)
def test_a_kit_is_the_same_for_everybody(name: str) -> None:
    """Drawn twice it is the same kit; another seed has the same classes and other products."""
    kit, again = standard_kit(name), standard_kit(name, seed=STANDARD_SEED)
    other = standard_kit(name, seed=1)
    assert kit == again
    assert kit.digest() == again.digest() != other.digest()
    assert [s.defect.kind for s in kit.strips if s.defect] == [s.defect.kind for s in other.strips if s.defect]
    assert {strip.seed for strip in kit.strips}.isdisjoint(strip.seed for strip in other.strips)


def test_a_product_does_not_depend_on_the_others() -> None:
    """With more strips in a kit, those that were in it stay as they are."""
    small = draw_kit("k", {"burn": 3}, 2, seed=1)
    large = draw_kit("k", {"burn": 5}, 4, seed=1)
    assert set(small.strips) <= set(large.strips)


def test_training_strips_go_on_where_they_stopped() -> None:
    """Strip n is the same whether asked for at once or later; all are good."""
    all_at_once = list(good_strips("training", 6, seed=3))
    assert all_at_once == [*good_strips("training", 2, seed=3), *good_strips("training", 4, seed=3, start=2)]
    assert {strip.truth for strip in all_at_once} == {"good"}


def test_sizes_and_contrasts_fill_the_table() -> None:
    """In every class sizes are log-uniform over the specification's range and contrasts over the drawn part of it."""
    assert CONTRAST[0] <= DRAWN_CONTRAST[0] < DRAWN_CONTRAST[1] <= CONTRAST[1]
    for kind, row in CLASSES.items():
        defects = [strip.defect for strip in draw_kit("many", {kind: 400}, 0, seed=5).strips if strip.defect]
        sizes = np.array([natural_size_px(defect, 50.0) for defect in defects])
        contrasts = np.array([defect.contrast for defect in defects])
        for values, (low, high) in ((sizes, row.size_px), (contrasts, DRAWN_CONTRAST)):
            share = np.log(values / low) / np.log(high / low)
            assert share.min() > -0.02
            assert share.max() < 1.02
            assert np.histogram(share, 4, (-0.02, 1.02))[0] == pytest.approx(np.full(4, 100), abs=40)
        assert set(Counter(defect.vial for defect in defects)) == set(range(5))
        assert set(Counter(defect.region for defect in defects)) == set(row.regions)
        assert {defect.criticality for defect in defects} == set(row.criticality)


@pytest.mark.parametrize("name", NAMES)
def test_register_round_trip(name: str, tmp_path: Path) -> None:
    """What is written reads back as the same kit, and writes the same text."""
    kit = standard_kit(name)
    path = tmp_path / f"{name}.csv"
    path.write_text(register_text(kit), encoding="utf-8")
    read = load_register(path)
    assert read == kit
    assert read.digest() == kit.digest()


def test_a_recording_names_paths_in_place_of_seeds(tmp_path: Path) -> None:
    """A register with a path column reads and writes paths; such strips have no seed."""
    kit = Kit("kit", (Strip("A1", 0, None, "A1"), Strip("B1", 0, standard_kit("quick").strips[0].defect, "deep/B1")))
    path = tmp_path / "kit.csv"
    path.write_text(register_text(kit), encoding="utf-8")
    assert register_text(kit).splitlines()[0].endswith(",path")
    assert load_register(path) == kit


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("D001,defective,dent,2,2,640,0.3,critical,1", "defect: expected one of stuck_particle, .*, got 'dent'"),
        ("D001,defective,,2,2,640,0.3,critical,1", "defect: expected one of .*, got ''"),
        ("D001,defective,burn,2,2,-640,0.3,major,1", "size_um: expected a number from 1 to 100000, got '-640'"),
        ("D001,defective,burn,2,2,0,0.3,major,1", "size_um: expected a number from 1 .*, got '0'"),
        ("D001,defective,burn,2,2,nan,0.3,major,1", "size_um: expected a number .*, got 'nan'"),
        ("D001,defective,burn,2,2,large,0.3,major,1", "size_um: expected a number .*, got 'large'"),
        ("D001,defective,burn,2,2,640,0,major,1", "contrast: expected a number from 0.01 to 1, got '0'"),
        ("D001,defective,burn,2,2,640,1.2,major,1", "contrast: expected a number from 0.01 to 1, got '1.2'"),
        ("D001,defective,burn,5,2,640,0.3,major,1", "vial: expected a number from 0 to 4, got '5'"),
        ("D001,defective,burn,1.5,2,640,0.3,major,1", "vial: expected a number from 0 to 4, got '1.5'"),
        ("D001,defective,burn,1,-1,640,0.3,major,1", "region: expected a number from 0 to 3, got '-1'"),
        ("D001,defective,burn,1,2,640,0.3,grave,1", "criticality: expected critical, major or minor, got 'grave'"),
        ("D001,defective,burn,1,2,640,0.3,major,-1", "seed: expected a number from 0 to .*, got '-1'"),
        ("D001,defective,burn,1,2,640,0.3,major,", "seed: expected a number from 0 to .*, got ''"),
        ("G001,fine,,,,,,,1", "truth: expected good or defective, got 'fine'"),
        ("G001,good,burn,,,,,,1", "defect: expected nothing for a good product, got 'burn'"),
        ("G001,good,,9,,,,,1", "vial: expected nothing for a good product, got '9'"),
        ("G001,good,,,,,77,,1", "contrast: expected nothing for a good product, got '77'"),
        ("G001,good,,,,,,foo,1", "criticality: expected nothing for a good product, got 'foo'"),
        ("G001,good", "expected 9 columns, got 2"),
        ("G001,good,,,,,,,1,surplus", "expected 9 columns, got 10"),
        ("G 1,good,,,,,,,1", "product: expected letters, digits, - and _, got 'G 1'"),
        (",good,,,,,,,1", "product: expected letters, digits, - and _, got ''"),
        ("../G1,good,,,,,,,1", "product: expected letters, digits, - and _, got '../G1'"),
    ],
)  # fmt: skip
def test_bad_rows_are_named(row: str, sentence: str, tmp_path: Path) -> None:
    """One wrong value is one sentence: file, line, column, the rule, and what stood there."""
    (problem,) = refused(written(tmp_path, row))
    assert re.fullmatch(f"kit.csv: line 2: {sentence}", problem), problem


def test_a_product_stands_once(tmp_path: Path) -> None:
    """A duplicate identifier is named with how often it is there."""
    path = written(tmp_path, GOOD, BAD, GOOD, GOOD)
    assert refused(path) == ["kit.csv: G001: expected a product once, got 3 rows"]


def test_all_problems_are_listed_at_once(tmp_path: Path) -> None:
    """A register with several problems is refused with a sentence for each, in the order of its lines."""
    path = written(
        tmp_path,
        "D001,defective,dent,2,2,640,0.3,critical,1",
        "D002,defective,burn,9,2,-3,0.3,major,2",
        GOOD,
        GOOD,
    )
    assert [problem.split(", got")[0] for problem in refused(path)] == [
        f"kit.csv: line 2: defect: expected one of {', '.join(CLASSES)}",
        "kit.csv: line 3: vial: expected a number from 0 to 4",
        "kit.csv: line 3: size_um: expected a number from 1 to 100000",
        "kit.csv: G001: expected a product once",
    ]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("product,truth,defect,vial,region,size_um,contrast,criticality,seed,colour", GOOD + ",red"),
        ("product,product,truth,seed", "G001,G002,good,1"),
        ("product,defect,seed", "G001,,1"),
        ("product,truth,defect,vial,region,size_um,contrast,criticality", "G001,good,,,,,,"),
    ],
    ids=["unknown column", "twice", "no truth", "neither seed nor path"],
)
def test_columns_are_checked(header: str, row: str, tmp_path: Path) -> None:
    """A column too many or too few is refused with the legal ones."""
    (problem,) = refused(written(tmp_path, row, header=header))
    assert problem.startswith("kit.csv: expected columns product, truth, defect, vial, region, size_um, contrast, ")


def test_every_row_is_counted(tmp_path: Path) -> None:
    """A field too many is seen in any row, and the line is that of the file, blank ones counted."""
    assert refused(written(tmp_path, GOOD, "", BAD + ",surplus")) == ["kit.csv: line 4: expected 9 columns, got 10"]


def test_a_register_from_a_spreadsheet(tmp_path: Path) -> None:
    """One that marks its UTF-8 at the beginning reads as any other."""
    path = written(tmp_path, GOOD, BAD)
    kit = load_register(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load_register(path) == kit


def test_an_empty_register_is_no_kit(tmp_path: Path) -> None:
    """A header alone names no product."""
    assert refused(written(tmp_path)) == ["kit.csv: expected at least one product, got none"]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00product", None], ids=["not text", "missing"])
def test_an_unreadable_register_is_named(content: bytes | None, tmp_path: Path) -> None:
    """What cannot be read is one sentence, not a traceback."""
    path = tmp_path / "kit.csv"
    if content is not None:
        path.write_bytes(content)
    (problem,) = refused(path)
    assert problem.startswith("kit.csv: expected a readable kit register (CSV), got ")


def test_overlap_is_refused() -> None:
    """A kit that shares products with calibration or training is refused, with how many and the first of them."""
    kit = standard_kit("quick")
    refuse_overlap(kit, standard_kit("calibration").products, "calibration")
    with pytest.raises(KitError, match=r"kit quick: expected no product of the calibration, got 2 shared, first QD001"):
        refuse_overlap(kit, ["QD002", "QD001", "X"], "calibration")


def test_contact_sheet_has_a_row_a_class(renderer: Renderer) -> None:
    """A crop a strip in a row a class, the smallest defect first, and a row of good strips at the end."""
    strips = {strip.product: strip for strip in standard_kit("quick").strips}
    small, large = sorted(
        (strip for strip in strips.values() if strip.defect and strip.defect.kind == "stuck_particle"),
        key=lambda strip: strip.defect.size_um if strip.defect else 0.0,
    )
    sheet = contact_sheet(Kit("k", (large, small, strips["QG001"])), renderer)
    picture = np.asarray(sheet)
    assert sheet.height == 2 * (256 + 8 + 24) + 8
    for column, strip in enumerate((small, large)):
        box = renderer.defect_boxes(strip, 1)[0]
        assert box is not None
        top, left = (int(np.clip(round((box[n] + box[n + 2]) / 2) - 128, 0, most)) for n, most in ((0, 768), (1, 1024)))
        crop = renderer.frames(strip, 1, (1,))[0, top : top + 256, left : left + 256]
        assert np.array_equal(picture[8:264, 210 + 264 * column :][:, :256], crop)


def test_contact_sheet_of_good_strips_alone(renderer: Renderer) -> None:
    """Without defective strips there is one row, and its crops are of the strips' liquid."""
    sheet = contact_sheet(Kit("k", (standard_kit("quick").strips[-1],)), renderer)
    assert sheet.height == 256 + 24 + 8 + 8
    assert np.asarray(sheet)[8:264, 210 : 210 + 256].std() > 20


def test_more_calibration_products_are_others_of_the_same_kind() -> None:
    """So many times as many of each class; none of them is a standard one, nor in a kit."""
    standard, double = calibration_kit(), calibration_kit(2)
    assert standard == standard_kit("calibration")
    count = Counter(strip.defect and strip.defect.kind for strip in standard.strips)
    assert Counter(strip.defect and strip.defect.kind for strip in double.strips) == {
        kind: 2 * number for kind, number in count.items()
    }
    seeds = {strip.seed for strip in double.strips}
    for kit in (standard, standard_kit("knapp"), standard_kit("quick")):
        assert not seeds & {strip.seed for strip in kit.strips}
