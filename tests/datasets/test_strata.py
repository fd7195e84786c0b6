"""What groups count as, that dealing balances it, and how far parts differ; a made-up set with and without the finer strata."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core.records import PARTS, FindingRow, ImageRow, SplitRow
from breastcad.core.seeding import generator
from breastcad.datasets.splits import holdout, kfold, nested
from breastcad.datasets.strata import Stratum, Traits, balance, dealt, strata_of, traits_of

BY = ("kind", "density")
KINDS = ("mass", "calcification", "asymmetry")
Made = tuple[list[ImageRow], dict[str, str], Traits]


def made_up(seed: int, patients: int) -> Made:
    """Draw patients of one to four films: one density a woman, findings on half of her films, of a kind and pathology each."""
    random = generator(seed, "made-up strata")
    images, findings, groups = [], [], {}
    for patient in range(patients):
        density = str(random.choice(list("ABCD"), p=[0.1, 0.4, 0.4, 0.1]))
        for _ in range(int(random.integers(1, 5))):
            row = ImageRow("s", f"i{len(images)}", density=density, label="normal")
            if random.random() < 0.5:
                row.label = str(random.choice(["benign", "malignant"]))
                kind = str(random.choice(KINDS, p=[0.6, 0.3, 0.1]))
                findings.append(FindingRow("s", f"f{len(findings)}", row.image_id, kind=kind, pathology=row.label))
            images.append(row)
            groups[row.image_id] = f"p{patient}"
    return images, groups, traits_of(images, findings)


def test_traits_are_read_from_findings_and_images() -> None:
    images = [
        ImageRow("s", "a", label="benign", density="B"),
        ImageRow("s", "b", label="normal"),
        ImageRow("mini-mias", "a", label="normal", extra={"tissue": "F"}),
    ]
    findings = [
        FindingRow("s", "1", "a", kind="mass"),
        FindingRow("s", "2", "a", kind="calcification"),
        FindingRow("s", "3", "a", kind="mass"),
        FindingRow("s", "4", "elsewhere", kind="other"),
    ]
    assert traits_of(images, findings) == {
        ("s", "a"): {"label": ("benign",), "kind": ("calcification", "mass"), "density": ("B",)},
        ("s", "b"): {"label": ("normal",), "kind": (), "density": ()},
        ("mini-mias", "a"): {"label": ("normal",), "kind": (), "density": ("F",)},
    }


def test_a_group_has_what_all_its_images_have() -> None:
    images = [ImageRow("s", name, label=label) for name, label in (("a", "benign"), ("b", "normal"), ("c", "malignant"), ("d", "normal"))]
    findings = [FindingRow("s", "1", "a", kind="mass"), FindingRow("s", "2", "c", kind="calcification")]
    group_of = {("s", name): group for name, group in zip("abcd", "gggh", strict=True)}
    has = traits_of(images, findings)
    assert strata_of(images, group_of, has, BY) == {
        "g": Stratum("s", "malignant", ("calcification+mass", ""), 3),
        "h": Stratum("s", "normal", ("", ""), 1),
    }
    assert strata_of(images, group_of)["g"] == Stratum("s", "malignant", (), 3)


@given(st.integers(0, 2**20), st.integers(2, 5), st.sampled_from([("kind",), ("density",), BY]))
def test_every_stratum_is_dealt_out_in_proportion(seed: int, folds: int, by: tuple[str, ...]) -> None:
    """A stratum's images differ from its share by less than the largest group before and the largest after it: two of four films."""
    images, groups, traits = made_up(seed, 60)
    group_of = {("s", name): group for name, group in groups.items()}
    strata = strata_of(images, group_of, traits, by)
    test_fold = {row.group: row.outer for row in kfold(images, groups, folds=folds, seed=seed, traits=traits, by=by) if row.part == "test"}
    sizes: Counter[tuple[str, ...]] = Counter()
    found: Counter[tuple[tuple[str, ...], int]] = Counter()
    for group, stratum in strata.items():
        key = (stratum.label, *stratum.traits)
        sizes[key] += stratum.images
        found[key, test_fold[group]] += stratum.images
    for key, size in sizes.items():
        for fold in range(folds):
            assert abs(found[key, fold] - size / folds) <= 8


def test_a_trait_that_does_not_vary_changes_nothing() -> None:
    """One density for all, and a kind that the label tells: the rows are those without them, to the last."""
    images = [ImageRow("s", f"i{i}", label=("normal", "benign", "malignant")[i % 3], density="B") for i in range(50)]
    findings = [FindingRow("s", f"f{i}", row.image_id, kind="mass") for i, row in enumerate(images) if row.label != "normal"]
    groups = {row.image_id: f"g{i // 2}" for i, row in enumerate(images)}
    traits = traits_of(images, findings)
    plain, finer = (nested(images, groups, folds=3, inner_folds=2, seed=4, traits=traits, by=by) for by in ((), BY))
    assert plain == finer


@pytest.mark.parametrize("kind", ["kfold", "nested", "holdout"])
def test_finer_strata_make_the_parts_more_alike(kind: str) -> None:
    """400 made-up women, mean over 12 seeds: densities differ by less than two thirds of what they do without, kinds by less."""
    split = {"kfold": kfold, "nested": nested, "holdout": holdout}[kind]
    options = {"kfold": {"folds": 5}, "nested": {"folds": 3, "inner_folds": 3}, "holdout": {}}[kind]
    images, groups, traits = made_up(1, 400)
    differences: dict[tuple[str, ...], list[dict[str, float]]] = {(): [], BY: []}
    for by, found in differences.items():
        for seed in range(12):
            lines = balance(split(images, groups, seed=seed, traits=traits, by=by, **options), traits)
            found.append({name: max(line["difference"] for line in lines if line["of"] == name) for name in ("label", *BY)})
    without, with_it = ({name: np.mean([one[name] for one in found]) for name in ("label", *BY)} for found in differences.values())
    assert with_it["density"] < 2 / 3 * without["density"]
    assert with_it["kind"] < without["kind"]
    assert with_it["label"] < 1.2 * without["label"]


def test_differences_are_the_largest_over_folds_and_values() -> None:
    """Fold 0 tests one of a's two: 1/1 against 2/4; fold 1 tests two c and trains a, a, b, c: a is 2/4 there and 2/6 in the whole."""
    rows = [SplitRow("s", name, name, outer=0, part="test" if name == "a1" else "train") for name in ("a1", "a2", "b1", "c1")]
    rows += [
        SplitRow("s", name, name, outer=1, part="test" if name in ("c2", "c3") else "train")
        for name in ("a1", "a2", "b1", "c1", "c2", "c3")
    ]
    has = {("s", row.id): {"label": ("benign",), "kind": (row.id[0],), "density": ()} for row in rows}
    lines = {(line["of"], line["part"]): line for line in balance(rows, has)}
    assert list(lines) == [(name, part) for name in ("label", "kind", "density") for part in ("train", "test")]
    assert lines["kind", "test"] == {
        **{"of": "kind", "part": "test", "difference": 0.5, "value": "a", "share": 1.0, "whole": 0.5},
        **{"repeat": 0, "outer": 0, "inner": 0},
    }
    assert lines["kind", "train"] == {
        **{"of": "kind", "part": "train", "difference": 0.25, "value": "c", "share": 0.25, "whole": 0.5},
        **{"repeat": 0, "outer": 1, "inner": 0},
    }
    assert lines["label", "test"]["difference"] == 0
    assert lines["density", "train"]["value"] == "none"


def test_parts_of_no_share_get_nothing() -> None:
    strata = {str(number): Stratum("s", "benign", (), 1) for number in range(9)}
    assert Counter(dealt(strata, [2 / 3, 0, 1 / 3], 1, "t").values()) == {0: 6, 2: 3}
    assert len(PARTS) == 3
