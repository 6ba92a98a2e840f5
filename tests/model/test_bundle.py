from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import bundle as bundles
from model.bundle import Bundle, BundleError, find_bundle, load_bundle
from model.bundle_making import write_bundle
from model.config import PRESETS, NetworkConfig
from model.loaded import load_generator
from model.network import build_networks
from model.thresholds import LEVELS, Thresholds, load_thresholds, write_thresholds

MakeBundle = Callable[..., Bundle]


def thresholds_of(model: str, *, score: str = "ssim", regions: int = 4) -> Thresholds:
    """Some thresholds with digits that a float32 has and a short decimal has not."""
    levels = {level: np.linspace(0.1, 1 / 3, regions, dtype=np.float32) for level in LEVELS}
    return Thresholds(levels, model, score, ("C1", "C2"), 3)


def test_a_bundle_comes_back(tmp_path: Path, tiny: NetworkConfig, make_bundle: MakeBundle) -> None:
    """Network, digest, history and weights of a written bundle are those that were put in."""
    written = make_bundle(tmp_path / "bundle", seed=3)
    found = load_bundle(tmp_path / "bundle")
    assert found == written
    assert found.network == tiny
    assert found.made_by == {"command": "none", "seed": 3}
    networks = build_networks(tiny, seed=3)
    for loaded, saved in zip(load_generator(found), (networks.encoder, networks.decoder), strict=True):
        assert all((one == two).all() for one, two in zip(loaded.get_weights(), saved.get_weights(), strict=True))


def test_digest_follows_what_scores(tmp_path: Path, make_bundle: MakeBundle) -> None:
    """Other weights or other sizes change the digest; who made it and when does not."""
    one = make_bundle(tmp_path / "one", seed=1)
    assert make_bundle(tmp_path / "two", seed=2).digest != one.digest
    renamed = NetworkConfig(**{**one.network.as_dict(), "name": "another", "inner": (4,), "outer": (8,)})
    assert bundles.model_digest(renamed, one.weights) != one.digest
    assert write_bundle(one.folder, one.network, {"command": "again"}).digest == one.digest


def test_a_bundle_is_found_by_name_or_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that ships wins; anything else is a path."""
    (tmp_path / "compact").mkdir()
    monkeypatch.setattr(bundles, "SHIPPED", tmp_path)
    assert find_bundle("compact") == tmp_path / "compact"
    assert find_bundle("some/where") == Path("some/where")


def test_two_bundles_of_one_name_are_not_taken_for_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that ships, one in the working folder: a command that wrote to the one would read the other."""
    here = tmp_path / "here"
    for folder in (tmp_path / "shipped" / "lean", here / "lean"):
        folder.mkdir(parents=True)
    monkeypatch.setattr(bundles, "SHIPPED", tmp_path / "shipped")
    monkeypatch.chdir(here)
    assert find_bundle("lean") == tmp_path / "shipped" / "lean"
    (here / "lean" / "bundle.toml").touch()
    with pytest.raises(BundleError, match=r"bundle lean: expected one of this name: ./lean is the one here, got two"):
        find_bundle("lean")
    assert find_bundle("./lean") == Path("lean")
    assert find_bundle(str(here / "lean")) == here / "lean"


def refused(problem: Callable[[], object], file: Path, message: str) -> None:
    """The one sentence: it begins with the file and fits a line."""
    with pytest.raises(BundleError, match=message) as caught:
        problem()
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


def test_missing_files_are_named(tmp_path: Path, make_bundle: MakeBundle) -> None:
    """No description, no weights, no thresholds: one sentence each."""
    refused(
        lambda: load_bundle(tmp_path), tmp_path / "bundle.toml", "expected a file of a detector bundle, got no such"
    )
    bundle = make_bundle(tmp_path)
    (tmp_path / "thresholds.toml").unlink()
    asked = {"model": bundle.digest, "score": "ssim", "regions": 4}
    refused(lambda: load_thresholds(tmp_path, **asked), tmp_path / "thresholds.toml", "got no such file")
    bundle.weights.unlink()
    refused(lambda: load_bundle(tmp_path), bundle.weights, "expected weights, got no such file")


def test_weights_that_changed_are_refused(tmp_path: Path, make_bundle: MakeBundle) -> None:
    """One byte is enough."""
    bundle = make_bundle(tmp_path)
    data = bytearray(bundle.weights.read_bytes())
    data[-1] ^= 1
    bundle.weights.write_bytes(data)
    refused(
        lambda: load_bundle(tmp_path), bundle.weights, f"expected weights of model {bundle.digest[:12]}, got weights"
    )


def test_truncated_weights_are_refused(tmp_path: Path, make_bundle: MakeBundle) -> None:
    """Half a file fails its digest, and where someone has made the digest anew it fails to load."""
    bundle = make_bundle(tmp_path)
    data = bundle.weights.read_bytes()
    bundle.weights.write_bytes(data[: len(data) // 2])
    refused(lambda: load_bundle(tmp_path), bundle.weights, "expected weights of model")
    redone = write_bundle(tmp_path, bundle.network, {})
    refused(lambda: load_generator(redone), bundle.weights, "expected whole weights of compact/8, got ")


@pytest.mark.parametrize(
    "foreign",
    [PRESETS["compact"].narrowed(4), PRESETS["compact-dense"].narrowed(8), PRESETS["gpu"].narrowed(16)],
    ids=lambda config: config.name,
)
def test_foreign_weights_are_refused(
    foreign: NetworkConfig, tiny: NetworkConfig, tmp_path: Path, make_bundle: MakeBundle
) -> None:
    """Weights of another width, bottleneck or number of stages do not load, even with a digest that fits."""
    make_bundle(tmp_path, foreign)
    passed_off = write_bundle(tmp_path, tiny, {})
    refused(lambda: load_generator(passed_off), passed_off.weights, "expected whole weights of compact/8, got ")


def test_fewer_stages_than_the_weights_have_are_refused(tmp_path: Path, make_bundle: MakeBundle) -> None:
    """Weights of a deeper network with the same widths do not pass for a shallower one's."""
    deep = NetworkConfig("deep", 4, (4, 4), (8, 8), "convolutional", 48)
    make_bundle(tmp_path, deep)
    shallow = write_bundle(tmp_path, NetworkConfig("shallow", 4, (4,), (8,), "convolutional", 48), {})
    refused(lambda: load_generator(shallow), shallow.weights, "expected whole weights of shallow, got ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[network\n", "expected readable TOML"),
        ("", "expected a key 'network', got none"),
        ("network = 3\n[digests]\nmodel = 'x'", "expected .network. and .digests. of a bundle"),
        ("network = {}\n[digests]\nmodel = 'x'", "expected .network. and .digests. of a bundle"),
        (
            "network = {name = 'x', stem = 3, inner = [1], outer = [1], bottleneck = 'dense', code = 1}\n[digests]",
            "stem: expected 1, 2, 4 or 8, got 3",
        ),
    ],
)
def test_a_description_that_is_none_is_refused(text: str, message: str, tmp_path: Path) -> None:
    """Whatever stands in `bundle.toml`, the answer is a sentence."""
    (tmp_path / "bundle.toml").write_text(text)
    refused(lambda: load_bundle(tmp_path), tmp_path / "bundle.toml", message)


def test_thresholds_come_back(tmp_path: Path, make_bundle: MakeBundle) -> None:
    """To the last digit of a float32, with products and runs; those of another score stay beside them."""
    bundle = make_bundle(tmp_path)
    for score in ("ssim", "another"):
        write_thresholds(tmp_path, thresholds_of(bundle.digest, score=score))
    for score in ("ssim", "another"):
        found = load_thresholds(tmp_path, model=bundle.digest, score=score, regions=4)
        expected = thresholds_of(bundle.digest, score=score)
        assert (found.model, found.score, found.products, found.runs) == (bundle.digest, score, ("C1", "C2"), 3)
        assert all((found.levels[level] == expected.levels[level]).all() for level in LEVELS)
        assert found.digest() == expected.digest()


def test_thresholds_of_others_are_refused(tmp_path: Path, make_bundle: MakeBundle) -> None:
    """Of another model, of another score, or for another number of regions."""
    bundle = make_bundle(tmp_path)
    file = tmp_path / "thresholds.toml"
    refused(
        lambda: load_thresholds(tmp_path, model="0" * 64, score="ssim", regions=4), file, "expected 000000000000, got"
    )
    refused(
        lambda: load_thresholds(tmp_path, model=bundle.digest, score="other", regions=4),
        file,
        "scores: expected thresholds for other, got ssim",
    )
    refused(
        lambda: load_thresholds(tmp_path, model=bundle.digest, score="ssim", regions=5),
        file,
        "ssim.patch: expected 5 finite thresholds, a region each, got",
    )


@pytest.mark.parametrize(
    "strip", ["[0.1, 0.2, 0.3]", "[0.1, 0.2, 0.3, nan]", "[0.1, 0.2, inf, 0.4]", "0.1", "['a', 'b', 'c', 'd']",
              "[true, 0.2, 0.3, 0.4]", "[[0.1], 0.2, 0.3, 0.4]", "[1e39, 0.2, 0.3, 0.4]"]
)  # fmt: skip
def test_thresholds_that_are_no_numbers_are_refused(strip: str, tmp_path: Path) -> None:
    """One level short of a region, or with anything in it that no score can be compared with."""
    four = "[0.1, 0.2, 0.3, 0.4]"
    file = tmp_path / "thresholds.toml"
    file.write_text(f"[scores.ssim]\nmodel = 'm'\npatch = {four}\nstrip = {strip}\nseven_of_ten = {four}\n")
    refused(
        lambda: load_thresholds(tmp_path, model="m", score="ssim", regions=4), file, "ssim.strip: expected 4 finite"
    )


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("runs = 10", "ssim.products: expected the calibration products, which no kit may have, got None"),
        ("runs = 10\nproducts = 'C1'", "ssim.products: expected the calibration products, .*, got C1"),
        ("runs = 10\nproducts = []", "ssim.products: expected the calibration products"),
        ("runs = 'ten'\nproducts = ['C1']", "ssim.runs: expected a whole number from 1 to 1000, got ten"),
        ("runs = -1\nproducts = ['C1']", "ssim.runs: expected a whole number from 1 to 1000, got -1"),
    ],
)
def test_thresholds_say_what_they_were_tuned_on(given: str, sentence: str, tmp_path: Path) -> None:
    """Else a kit could hold a product of it, and nobody would notice."""
    one = "[0.1]"
    file = tmp_path / "thresholds.toml"
    file.write_text(f"[scores.ssim]\nmodel = 'm'\npatch = {one}\nstrip = {one}\nseven_of_ten = {one}\n{given}\n")
    with pytest.raises(BundleError, match=sentence):
        load_thresholds(tmp_path, model="m", score="ssim", regions=1)


@pytest.mark.parametrize("text", ["", "scores = 3", "scores = ['ssim']", "[scores]\nssim = 3", "[scores]"])
def test_a_file_without_thresholds_is_refused(text: str, tmp_path: Path) -> None:
    """Whatever stands in `thresholds.toml`, the answer is a sentence."""
    file = tmp_path / "thresholds.toml"
    file.write_text(text)
    refused(lambda: load_thresholds(tmp_path, model="m", score="ssim", regions=4), file, "expected thresholds for ssim")


def test_a_level_that_is_missing_is_named(tmp_path: Path) -> None:
    """All three levels are needed, whichever reaches the gate."""
    file = tmp_path / "thresholds.toml"
    file.write_text("[scores.ssim]\nmodel = 'm'\npatch = [0.1]\nstrip = [0.1]\n")
    refused(
        lambda: load_thresholds(tmp_path, model="m", score="ssim", regions=1), file, "ssim.seven_of_ten: expected 1"
    )


def test_a_level_that_came_later_is_read_where_it_is(tmp_path: Path) -> None:
    """With what it rests on; a file without it has three levels, and one with half of it is refused."""
    old = thresholds_of("m")
    write_thresholds(tmp_path, old)
    assert set(load_thresholds(tmp_path, model="m", score="ssim", regions=4).levels) == set(LEVELS)
    levels = {**old.levels, "good_only": np.full(4, 0.7, np.float32)}
    noted = {"good_only_from": {"alpha": 0.05, "products": 30, "rank": 30}}
    write_thresholds(tmp_path, Thresholds(levels, "m", "ssim", ("C1",), 3, noted))
    found = load_thresholds(tmp_path, model="m", score="ssim", regions=4)
    assert found.levels["good_only"].tolist() == levels["good_only"].tolist()
    assert found.notes == noted
    assert found.digest() != old.digest()
    file = tmp_path / "thresholds.toml"
    file.write_text(file.read_text().replace("good_only = [0.699999988, ", "good_only = ["))
    refused(lambda: load_thresholds(tmp_path, model="m", score="ssim", regions=4), file, "ssim.good_only: expected 4")


def written(tables: dict[str, Any]) -> str:
    """Tables as the bundle writes them."""
    return "\n".join(bundles._toml(tables))


def test_toml_by_hand() -> None:
    """Values before tables, each table under its whole name, odd keys quoted at every level."""
    tables = {"b": {"x y": {"1.0": {"n": 1}, "on": True}, "list": ["a", 0.5]}, "a": 'it\'s "so"\n'}
    assert written(tables) == (
        'a = "it\'s \\"so\\"\\n"\n\n[b]\nlist = ["a", 0.5]\n\n[b."x y"]\non = true\n\n[b."x y"."1.0"]\nn = 1'
    )


PLAIN = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text(st.characters(codec="utf-8"))
)
VALUES = PLAIN | st.lists(PLAIN, max_size=3)
KEYS = st.text(st.characters(codec="utf-8"), max_size=4)
TABLES = st.recursive(
    st.dictionaries(KEYS, VALUES, max_size=3),
    lambda inner: st.dictionaries(KEYS, VALUES | inner, max_size=3),
    max_leaves=6,
)


@given(TABLES)
def test_toml_is_read_back_as_it_was(tables: dict[str, Any]) -> None:
    """Any nesting, any key, any text: Python's own reader gives the same tables."""
    assert tomllib.loads(written(tables)) == tables


def test_a_value_that_toml_has_not_is_refused() -> None:
    """Nothing is written in its place."""
    with pytest.raises(TypeError, match="expected plain values for TOML, got None"):
        written({"a": None})
