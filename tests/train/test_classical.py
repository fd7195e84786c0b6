"""Traditional CAD from files to predictions: the table of features, what a fold may learn from, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("skops")

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import read_predictions
from breastcad.core.records import Collection, FindingRow, ImageRow, PatchRow, SplitRow
from breastcad.evaluate.run_figures import evaluated
from breastcad.models.classical import load, scores
from breastcad.patches.features import features, surroundings
from breastcad.patches.rois import roi_mask
from breastcad.patches.settings import Roi
from breastcad.patches.table import cut_patches
from breastcad.patches.views import window_of
from breastcad.read import open_picture
from breastcad.train import feature_table
from breastcad.train.classical import MODEL, calibration, probabilities, train_classical_fold
from breastcad.train.classical_run import FEATURES
from breastcad.train.classical_settings import ClassicalSettings
from breastcad.train.feature_table import FeatureTable, Key, load_table
from breastcad.train.run import check, train_run
from breastcad.train.run_folder import open_run
from breastcad.train.search import Search
from breastcad.train.settings import with_values
from breastcad.train.tasks import recipe

IMAGES = 36
PARTS_OF = ("train", "train", "train", "train", "validation", "test")


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """Return scans of dark ellipses: malignant ones upright, benign ones lying, outlined by masks."""
    root = tmp_path_factory.mktemp("made")
    images, findings = [], []
    for number in range(IMAGES):
        random = np.random.default_rng(number)
        malignant = number % 2 == 1
        rows, cols = np.indices((70, 90))
        height, width = (17, 9) if malignant else (9, 17)
        mask = ((rows - 34 - number % 5) / height) ** 2 + ((cols - 40 - number % 7) / width) ** 2 <= 1
        pixels = np.where(mask, 60, 150) + random.integers(-30, 30, mask.shape)
        Image.fromarray(pixels.astype(np.uint8)).save(root / f"{number}.png")
        Image.fromarray(mask.astype(np.uint8) * 255).save(root / f"{number}-mask.png")
        label = "malignant" if malignant else "benign"
        images.append(
            ImageRow(
                "made",
                f"i{number}",
                f"{number}.png",
                modality="US",
                rows=70,
                cols=90,
                label=label,
                patient_id=f"p{number // 2}",
                laterality="L",
            )
        )
        box = {
            "row0": float(rows[mask].min()),
            "col0": float(cols[mask].min()),
            "row1": rows[mask].max() + 1.0,
            "col1": cols[mask].max() + 1.0,
        }
        findings.append(
            FindingRow("made", f"f{number}", f"i{number}", pathology=label, geometry="mask", mask_path=f"{number}-mask.png", **box)
        )
    return Collection(str(root), images, findings)


@pytest.fixture(scope="module")
def windows(collection: Collection) -> list[PatchRow]:
    """Return a window round each lesion."""
    return cut_patches(collection, "roi", Roi(window=48, context=1.5, border="pad")).rows


@pytest.fixture(scope="module")
def groups(collection: Collection) -> dict[Key, str]:
    """Return two images a group."""
    return {(image.set, image.image_id): f"g{number // 2}" for number, image in enumerate(collection.images)}


@pytest.fixture
def settings() -> ClassicalSettings:
    """Return settings of few and fast features."""
    return ClassicalSettings(features="first-order, shape", context=0.25)


@pytest.fixture(scope="module")
def table(collection: Collection, windows: list[PatchRow], groups: dict[Key, str]) -> FeatureTable:
    """Return the features of all windows."""
    return load_table([collection], windows, groups, ClassicalSettings(features="first-order, shape", context=0.25))


@pytest.fixture(scope="module")
def part_of(groups: dict[Key, str]) -> dict[Key, str]:
    """Return a part of each image: groups in one part each."""
    return {key: PARTS_OF[int(group[1:]) % len(PARTS_OF)] for key, group in groups.items()}


# ---- the table ----


def test_features_are_those_of_the_window_with_its_mask_cut_alike(
    collection: Collection, windows: list[PatchRow], table: FeatureTable, settings: ClassicalSettings
) -> None:
    assert len(table.windows) == len(table.values) == IMAGES
    assert table.problems == []
    for place in (0, 17):
        window = table.windows[place]
        number = int(window.row.image_id[1:])
        pixels = open_picture(Path(collection.root) / f"{number}.png").pixels
        outline = roi_mask(collection.findings[number], (70, 90), Path(collection.root))
        assert outline is not None
        region = surroundings(window_of(outline, window.row), 0.25) & window_of(np.ones((70, 90), bool), window.row)
        wanted = features(np.clip(window_of(pixels, window.row), 0, 1), region, settings.groups(), outline=outline)
        assert table.names == list(wanted)
        assert table.values[place].tolist() == list(wanted.values())
        assert (window.image.image_id, window.kind, window.group) == (f"i{number}", "mass", f"g{number // 2}")


def test_shape_is_that_of_the_whole_outline_in_source_pixels(table: FeatureTable) -> None:
    areas = table.values[:, table.names.index("shape.area")]
    assert areas.min() > 0.95 * np.pi * 9 * 17
    assert areas.max() < 1.05 * np.pi * 9 * 17


def test_padding_is_not_measured(collection: Collection, groups: dict[Key, str]) -> None:
    beyond = cut_patches(collection, "roi", Roi(window=48, context=4, border="pad")).rows
    found = load_table([collection], beyond, groups, ClassicalSettings(features="first-order", context=50))
    assert found.values[:, found.names.index("first-order.least")].min() > 20 / 255


def test_measured_windows_are_kept_and_not_measured_again(
    collection: Collection,
    windows: list[PatchRow],
    groups: dict[Key, str],
    settings: ClassicalSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = tmp_path / "features.csv"
    told: list[tuple[str, int, int]] = []
    first = load_table([collection], windows[:20], groups, settings, progress=lambda *said: told.append(said), kept=kept)
    assert told[-1] == ("measuring", 20, 20)
    assert kept.read_text().splitlines()[0].startswith("set,sample_id,label,kind,first-order.mean,")
    more = load_table([collection], windows, groups, settings, kept=kept)
    assert np.array_equal(more.values[:20], first.values)
    monkeypatch.setattr(feature_table, "features", None)
    again = load_table([collection], windows, groups, settings, kept=kept)
    assert np.array_equal(again.values, more.values)
    assert again.names == more.names


HEADER = b"set,sample_id,label,kind,first"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "its columns are not those of one"),
        (b"a,b\n1,2\n", "its columns are not those of one"),
        (HEADER + b"\nmade,s,benign\n", "its columns are not those of one"),
        (b"set,sample_id,label,kind\nmade,s,benign,\n", "its columns are not those of one"),
        (HEADER + b"\nmade,s,benign,,much\n", "could not convert string to float"),
        (HEADER + b"\nmade,s,benign,,nan\n", "a value is not finite"),
        (HEADER + b"\nmade,s,benign,,1\nmade,s,benign,,2\n", "a window or a feature stands twice"),
        (HEADER + b",first\nmade,s,benign,,1,2\n", "a window or a feature stands twice"),
        (b"\xff\xfe\x00", "it is not text"),
    ],
)
def test_a_damaged_table_of_features_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "features.csv").write_bytes(content)
    with pytest.raises(ReadError, match=rf"features\.csv: is no table of features \({said}.*\); remove it, and the windows are measured"):
        load_table([], [], {}, ClassicalSettings(features="first-order"), kept=tmp_path / "features.csv")


def test_kept_features_of_another_version_do_not_mix_with_those_measured_now(
    collection: Collection, windows: list[PatchRow], groups: dict[Key, str], settings: ClassicalSettings, tmp_path: Path
) -> None:
    kept = tmp_path / "features.csv"
    load_table([collection], windows[:20], groups, settings, kept=kept)
    first, _, rest = kept.read_text().partition("\n")
    *fixed, one, other = first.split(",")
    kept.write_text("\n".join([",".join([*fixed, other, one]), rest]))
    with pytest.raises(
        ReadError, match=r"features\.csv: has other features than are measured now; remove it, and the windows are measured"
    ):
        load_table([collection], windows, groups, settings, kept=kept)


def test_shape_needs_outlines_and_is_left_out_without(
    collection: Collection, windows: list[PatchRow], groups: dict[Key, str], settings: ClassicalSettings
) -> None:
    boxed = replace(collection, findings=[replace(collection.findings[0], geometry="box"), *collection.findings[1:]])
    found = load_table([boxed], windows, groups, settings)
    assert not any(name.startswith("shape") for name in found.names)
    assert found.problems == ["the features of shape: 1 of 36 windows have no outline (a box, a circle, no lesion)"]
    with pytest.raises(InputError, match="features=shape needs outlines, and 1 of 36 windows have none"):
        load_table([boxed], windows, groups, replace(settings, features="shape"))


def test_a_window_without_a_lesion_is_measured_whole(collection: Collection, windows: list[PatchRow], groups: dict[Key, str]) -> None:
    empty = replace(
        windows[0], sample_id="made/i0/0-0-20x20", finding_id=None, row=0, col=0, height=20, width=20, scale=1.0, label="normal"
    )
    settings = ClassicalSettings(features="first-order", classes="normal, benign, malignant")
    found = load_table([collection], [*windows, empty], groups, settings)
    pixels = open_picture(Path(collection.root) / "0.png").pixels
    assert found.windows[-1].kind is None
    assert found.values[-1, 0] == pytest.approx(float(pixels[:20, :20].mean()))


def test_what_cannot_be_read_or_seen_is_left_out_and_said(collection: Collection, windows: list[PatchRow], groups: dict[Key, str]) -> None:
    lost = replace(collection, images=[replace(collection.images[0], path="none.png"), *collection.images[1:]])
    away = replace(windows[1], row=0.0, col=0.0, height=5.0, width=5.0, scale=1.0)
    found = load_table([lost], [windows[0], away, *windows[2:]], groups, ClassicalSettings(features="first-order"))
    assert len(found.windows) == IMAGES - 2
    assert found.problems[0].startswith("made i0: ")
    assert found.problems[1] == f"made {away.sample_id}: no pixel of its finding lies in the window"


def test_windows_of_no_class_or_in_no_part_are_no_samples(collection: Collection, windows: list[PatchRow], groups: dict[Key, str]) -> None:
    settings = ClassicalSettings(features="first-order", classes="benign, malignant mass")
    unknown = replace(windows[0], label="unknown")
    some = {key: group for key, group in groups.items() if key[1] != "i5"}
    assert len(load_table([collection], [unknown, *windows[1:]], some, settings).windows) == IMAGES - 2
    with pytest.raises(InputError, match="no window of the classes 'normal, lesion' could be measured"):
        load_table([collection], windows, groups, replace(settings, classes="normal, lesion"))


def test_a_split_of_windows_comes_before_one_of_images(windows: list[PatchRow]) -> None:
    row = windows[0]
    both = {(row.set, row.sample_id): "test", (row.set, row.image_id): "train"}
    assert feature_table.looked_up(both, row) == "test"
    assert feature_table.looked_up({(row.set, row.image_id): "train"}, row) == "train"
    assert feature_table.looked_up({}, row) is None


def test_features_of_a_network_join_those_of_formulas(collection: Collection, windows: list[PatchRow], groups: dict[Key, str]) -> None:
    shapes = []

    def deep(given: np.ndarray) -> np.ndarray:
        shapes.append(given.shape)
        return np.stack([given.mean((1, 2)), given.max((1, 2))], axis=1)

    settings = ClassicalSettings(features="cnn, first-order", rows=32, cols=40)
    found = load_table([collection], windows, groups, settings, deep=deep)
    assert shapes == [(1, 32, 40)] * IMAGES
    assert found.names[-2:] == ["cnn.0", "cnn.1"]
    assert (found.values[:, -1] <= 1).all()
    assert (found.values[:, -2] < found.values[:, -1]).all()


# ---- a fold ----


def test_a_fold_tells_upright_from_lying_and_can_be_read_again(
    table: FeatureTable, part_of: dict[Key, str], settings: ClassicalSettings, tmp_path: Path
) -> None:
    rows, facts = train_classical_fold(table, part_of, settings, tmp_path, (0, 2))
    assert [row.part for row in rows] == ["validation"] * 6 + ["test"] * 6
    assert all((row.probability["malignant"] > 0.5) == (row.label == "malignant") for row in rows)
    assert all(sum(row.probability.values()) == pytest.approx(1, abs=1e-5) and row.raw["benign"] == -row.raw["malignant"] for row in rows)
    assert {(row.level, row.outer, row.kind, row.image is None, row.breast is None) for row in rows} == {("patch", 2, "mass", False, False)}
    json.dumps(facts, allow_nan=False)
    assert facts["classes"] == ["benign", "malignant"]
    assert facts["samples"]["train"] == {"benign": 12, "malignant": 12}
    assert "shape.uprightness" in facts["selected"]
    test = [i for i, window in enumerate(table.windows) if part_of[window.row.set, window.row.image_id] == "test"]
    said = scores(load(tmp_path / MODEL), table.values[test], 24)
    assert said[:, 1].tolist() == [row.raw["malignant"] for row in rows if row.part == "test"]


@pytest.mark.parametrize(
    "changed", [("select", "rfe"), ("select", "pca"), ("select", "chi-square"), ("search", "inner"), ("classifier", "knn")]
)
def test_nothing_is_learnt_from_what_a_fold_tests(
    table: FeatureTable, part_of: dict[Key, str], settings: ClassicalSettings, tmp_path: Path, changed: tuple[str, str]
) -> None:
    """Other features and labels of test samples change nothing else; other validation samples change the calibration alone."""
    settings = with_values(settings, [changed, ("select_number", "4"), ("inner_folds", "3")])
    rows, facts = train_classical_fold(table, part_of, settings, tmp_path, (0, 0))
    for part in ("test", "validation"):
        values, windows = table.values.copy(), list(table.windows)
        for place, window in enumerate(table.windows):
            if part_of[window.row.set, window.row.image_id] == part:
                values[place] = 1e3 - values[place]
                windows[place] = replace(window, target=1 - window.target)
        other, others = train_classical_fold(replace(table, values=values, windows=windows), part_of, settings, tmp_path, (0, 0))
        kept = [(one, two) for one, two in zip(rows, other, strict=True) if one.part != part]
        assert all(one.raw == two.raw for one, two in kept)
        assert others["selected"] == facts["selected"]
        assert (others["calibration"] == facts["calibration"]) == (part == "test")
        if part == "test":
            assert all(one == two for one, two in kept)


def test_a_repeat_starts_from_another_seed(
    table: FeatureTable, part_of: dict[Key, str], settings: ClassicalSettings, tmp_path: Path
) -> None:
    forest = replace(settings, classifier="random-forest", trees=5, features="first-order")
    first, again, other = (train_classical_fold(table, part_of, forest, tmp_path, (repeat, 0))[0] for repeat in (0, 0, 1))
    assert first == again
    assert [row.raw for row in first] != [row.raw for row in other]


def test_three_classes_and_merged_ones(table: FeatureTable, part_of: dict[Key, str], settings: ClassicalSettings, tmp_path: Path) -> None:
    third = [replace(one, target=2, row=replace(one.row, label="normal")) if i % 3 == 0 else one for i, one in enumerate(table.windows)]
    three = replace(settings, classes="benign, malignant, normal")
    rows, facts = train_classical_fold(replace(table, windows=third), part_of, three, tmp_path, (0, 0))
    assert all(sum(row.raw[name] is not None for name in ("benign", "malignant", "normal")) == 3 for row in rows)
    assert all(row.probability["normal"] + row.probability["abnormal"] == pytest.approx(1, abs=1e-5) for row in rows)
    assert len(facts["calibration"]) == 3
    merged = [replace(one, target=int(one.target == 1)) for one in third]
    two = replace(settings, classes="normal+benign, malignant")
    rows, facts = train_classical_fold(replace(table, windows=merged), part_of, two, tmp_path, (0, 0))
    assert set(rows[0].raw) == set(facts["calibration"]) == {"normal+benign", "malignant"}
    assert set(rows[0].probability) == {"malignant"}


def test_calibration_of_two_classes_mirrors_and_of_one_class_does_nothing() -> None:
    random = np.random.default_rng(0)
    numbers = np.arange(200) % 2
    score = 8 * numbers + random.normal(size=200) * 4
    both = np.stack([-score, score], axis=1)
    lines = calibration(both, numbers)
    assert lines[0] == (lines[1][0], -lines[1][1])
    likely = probabilities(both, lines)
    assert likely[:, 1].mean() == pytest.approx(0.5, abs=0.02)
    assert calibration(both, np.ones(200, np.int64)) == [(1, 0), (1, 0)]
    far = probabilities(np.full((1, 3), -1e6), [(1.0, 0.0)] * 3)
    assert far.tolist() == [[pytest.approx(1 / 3)] * 3]


def test_a_fold_without_samples_or_a_class_is_refused(
    table: FeatureTable, part_of: dict[Key, str], settings: ClassicalSettings, tmp_path: Path
) -> None:
    for part in ("train", "validation"):
        with pytest.raises(InputError, match=f"no window of the split's part '{part}' could be measured"):
            train_classical_fold(table, {key: one for key, one in part_of.items() if one != part}, settings, tmp_path, (0, 0))
    with pytest.raises(InputError, match="the training part has no window of the class 'normal'"):
        train_classical_fold(table, part_of, replace(settings, classes="benign, malignant, normal"), tmp_path, (0, 0))
    rows, _ = train_classical_fold(table, {key: one for key, one in part_of.items() if one != "test"}, settings, tmp_path, (0, 0))
    assert {row.part for row in rows} == {"validation"}


# ---- a run ----


def split_of(groups: dict[Key, str]) -> list[SplitRow]:
    """Return two folds; the second tests what the first validates on."""
    folds = PARTS_OF, tuple({"validation": "test", "test": "validation"}.get(part, part) for part in PARTS_OF)
    return [
        SplitRow(*key, group, outer=fold, part=parts[int(group[1:]) % len(parts)])
        for fold, parts in enumerate(folds)
        for key, group in groups.items()
    ]


def test_a_run_is_trained_goes_on_and_is_evaluated(
    collection: Collection, windows: list[PatchRow], groups: dict[Key, str], settings: ClassicalSettings, tmp_path: Path
) -> None:
    rows, folder = split_of(groups), tmp_path / "run"
    check([collection], rows, settings, patches=windows)
    with pytest.raises(InputError, match="traditional CAD measures windows of lesions"):
        check([collection], rows, settings)
    run = open_run(folder, settings, rows, {"leaks": []}, device=torch.device("cpu"), progress=lambda *said: None)
    assert train_run(run, [collection], [0], patches=windows) == []
    assert not (folder / "predictions.csv").exists()
    features_text = (folder / FEATURES).read_text()
    assert train_run(run, [collection], patches=windows) == []
    assert (folder / FEATURES).read_text() == features_text
    first = (folder / "predictions.csv").read_text()
    (folder / "checkpoints" / "repeat0-fold1" / "fold.json").unlink()
    train_run(run, [collection], patches=windows)
    assert (folder / "predictions.csv").read_text() == first
    assert {row.level for row in read_predictions(folder / "predictions.csv")} == {"patch", "image", "breast", "patient"}
    found = {(one.level, one.name): one for one in evaluated(folder).figures if one.name.startswith("auc")}
    assert any(level == "patch" and one.value == 1 for (level, _), one in found.items()), found
    search = Search((("penalty", "0.1..1"),), 2)
    nested = [*rows, *(replace(row, inner=1) for row in rows)]
    run = open_run(tmp_path / "other", settings, nested, {"leaks": []}, device=torch.device("cpu"), progress=lambda *said: None)
    with pytest.raises(InputError, match="traditional CAD chooses its parameters with --setting search=inner"):
        train_run(run, [collection], patches=windows, search=search)


# ---- settings ----


def test_a_run_folder_keeps_the_name_of_weights_and_not_their_place() -> None:
    assert ClassicalSettings(weights="somewhere/runs/mine/checkpoints/repeat0-fold0").kept().weights == "repeat0-fold0"


def test_the_recipe_is_one_of_traditional_cad() -> None:
    found = recipe("classical")
    assert isinstance(found, ClassicalSettings)
    assert found.groups() == ["first-order", "glcm", "wavelet", "shape"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("features", "glcm, hog", "setting 'features' must name groups once each, .*, of first-order, .*, shape, cnn, got 'glcm, hog'"),
        ("features", "glcm, glcm", "got 'glcm, glcm'"),
        ("glcm_distances", "1, 0", "setting 'glcm_distances' must be whole numbers from 1 to 999 .*, got '1, 0'"),
        ("glcm_distances", "1.5", "got '1.5'"),
        ("classes", "benign", "setting 'classes' must name two classes at least"),
        ("members", "2", "setting 'members' must be 1 for the task 'classical', got 2"),
        ("inner_folds", "1", "setting 'inner_folds' must be at least 2, got 1"),
        ("classifier", "bayes", "setting 'classifier' must be one of svm, .*, got 'bayes'"),
        ("penalty", "0", "setting 'penalty' must be above 0, got 0.0"),
        ("context", "-1", "setting 'context' must be at least 0, got -1.0"),
        ("select_number", "0", "setting 'select_number' must be at least 1, got 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(name: str, value: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        with_values(ClassicalSettings(), [(name, value)])


def test_classes_are_weighted_only_by_those_who_can() -> None:
    with pytest.raises(InputError, match="setting 'class_weight' must be none for 'knn'; it is known to svm"):
        with_values(ClassicalSettings(classifier="knn"), [("class_weight", "balanced")])
