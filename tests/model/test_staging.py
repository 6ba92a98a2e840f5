from __future__ import annotations

from pathlib import Path

import pytest

from model.staging import beside


def lying_in(folder: Path) -> dict[str, str]:
    """Text of every file, by its place."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_what_was_changed_takes_the_bundles_place(tmp_path: Path) -> None:
    """Files that are new, changed and gone; what somebody put there meanwhile stays, and nothing is left beside."""
    bundle = tmp_path / "bundle"
    (bundle / "notes").mkdir(parents=True)
    for name in ("bundle.toml", "weights", "thresholds.toml", "notes/mine"):
        (bundle / name).write_text("old")
    with beside(bundle) as copy:
        assert copy.name == "bundle"
        (copy / "weights").write_text("new")
        (copy / "marks.png").write_text("new")
        (copy / "thresholds.toml").unlink()
        (bundle / "meanwhile").write_text("theirs")
        (bundle / "notes" / "mine").write_text("newer")
        assert lying_in(bundle)["weights"] == "old"
    assert lying_in(bundle) == {
        "bundle.toml": "old", "weights": "new", "marks.png": "new", "notes/mine": "newer", "meanwhile": "theirs",
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_what_fails_leaves_the_bundle_as_it_was(tmp_path: Path) -> None:
    """A bundle to its last file, and no folder where there was none."""
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "weights").write_text("old")

    def interrupted(place: Path) -> None:
        with beside(place) as copy:
            (copy / "weights").write_text("new")
            raise KeyboardInterrupt

    for place in (bundle, tmp_path / "none"):
        with pytest.raises(KeyboardInterrupt):
            interrupted(place)
    assert lying_in(tmp_path) == {"bundle/weights": "old"}
    assert not (tmp_path / "none").exists()


def test_a_link_stays_one(tmp_path: Path) -> None:
    """The bundle that it names is changed."""
    (tmp_path / "real").mkdir()
    (tmp_path / "name").symlink_to(tmp_path / "real")
    with beside(tmp_path / "name") as copy:
        (copy / "weights").write_text("new")
    assert (tmp_path / "name").is_symlink()
    assert lying_in(tmp_path / "real") == {"weights": "new"}
