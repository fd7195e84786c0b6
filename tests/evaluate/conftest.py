"""A made-up run: the tables that a training leaves behind, small enough to reckon with, in two sets and three folds."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from breastcad.core.files import write_lesions, write_marks, write_predictions, write_split
from breastcad.core.records import LesionRow, MarkRow, PredictionRow, SplitRow
from breastcad.evaluate.aggregation import aggregated_rows

LABELS = {"with-normals": ["normal", "benign", "malignant"], "without": ["benign", "malignant"]}


def prediction(image, *, set_name="with-normals", group=None, label="benign", outer=0, part="test", abnormal=0.8, malignant=0.3, **more):
    """Return a row of predictions.csv, its probabilities all told by two of them."""
    probability = {"normal": 1 - abnormal, "benign": abnormal - malignant, "malignant": malignant, "abnormal": abnormal}
    raw = {"abnormal": 2.0, "malignant": -1.0}
    return PredictionRow(set_name, image, None, group or image, 0, outer, 0, part, "image", label, raw, probability, **more)


def mark(image, score, hit=None, *, set_name="with-normals", outer=0):
    """Return a row of marks.csv."""
    return MarkRow(set_name, image, 0, outer, 5.0, 9.0, score, hit)


def lesion(image, name, *, set_name="with-normals", group=None, outer=0):
    """Return a row of lesions.csv."""
    return LesionRow(set_name, image, 0, outer, name, group or image)


def write_run(folder: Path, predictions, marks=None, lesions=None) -> Path:
    """Write a run's tables; no marks, no lesions."""
    write_predictions(folder / "predictions.csv", predictions)
    if marks is not None:
        write_marks(folder / "marks.csv", marks)
        write_lesions(folder / "lesions.csv", lesions or [])
    return folder


def made_up_run(folder: Path, images: int = 90) -> Path:
    """Write a whole run: two images a group, three folds, validation rows, marks, lesions and the split."""
    draw = np.random.default_rng(11)
    predictions, marks, lesions, split = [], [], [], []
    for number in range(images):
        set_name = "with-normals" if number % 4 < 2 else "without"
        label = LABELS[set_name][number // 4 % len(LABELS[set_name])]
        image, group, fold = f"i{number}", f"g{number // 2}", number // 12 % 3
        abnormal = float(np.clip(draw.normal(0.4 if label == "normal" else 0.75, 0.15), 0.02, 0.98))
        malignant = abnormal * float(np.clip(draw.normal(0.65 if label == "malignant" else 0.35, 0.2), 0.02, 0.98))
        overlap = None if label == "normal" else float(draw.random())
        for outer in range(3):
            part = "test" if outer == fold else "validation" if (outer + 1) % 3 == fold else "train"
            split.append(SplitRow(set_name, image, group, 0, outer, 0, part))
            if part != "train":
                told = {"set_name": set_name, "group": group, "label": label, "outer": outer, "part": part, "dice": overlap}
                predictions.append(prediction(image, abnormal=abnormal, malignant=malignant, **told))
        if label != "normal":
            lesions.append(lesion(image, "f1", set_name=set_name, group=group, outer=fold))
        for _ in range(3):
            hit = "f1" if label != "normal" and draw.random() < 0.4 else None
            marks.append(mark(image, float(draw.random()), hit, set_name=set_name, outer=fold))
    write_split(folder, split, {})
    return write_run(folder, predictions, marks, lesions)


def softmax(logits):
    """Return probabilities of logits by name."""
    whole = sum(np.exp(value) for value in logits.values())
    return {name: float(np.exp(value) / whole) for name, value in logits.items()}


def made_up_classifier(folder: Path, *, classes=("benign", "malignant"), patients: int = 36, told: float = 1.5, seed: int = 5) -> Path:
    """Write a run of a classifier of windows: two sets, three folds, two films a patient with three windows each.

    The label of every thing is the patient's; its films are of two breasts. Higher levels are made of the windows by the maximum.
    """
    draw = np.random.default_rng(seed)
    rows, split = [], []
    for number in range(patients):
        set_name, patient, label = ("first", "second")[number % 2], f"p{number}", classes[number // 2 % len(classes)]
        ill = draw.normal(0, 0.7)
        for side in "LR":
            image, breast = f"{patient}{side}", f"{patient}/{side}"
            windows = [{name: told * (name == label) + draw.normal(ill, 1) * (name == classes[-1]) for name in classes} for _ in range(3)]
            for outer in range(3):
                part = ("test", "validation", "train")[(outer - number // 4) % 3]
                split.append(SplitRow(set_name, image, patient, 0, outer, 0, part))
                if part == "train":
                    continue
                of = {"image": image, "breast": breast}
                for k, raw in enumerate(windows):
                    row = (set_name, f"{image}-{k}", patient, patient, 0, outer, 0, part, "patch", label, raw, softmax(raw))
                    rows.append(PredictionRow(*row, kind="mass", **of))
                named = {"image": image} | ({"breast": breast, "patient": patient} if side == "L" else {"breast": breast})
                for level, name in named.items():
                    rows.append(PredictionRow(set_name, name, patient, patient, 0, outer, 0, part, level, label, **of))
    write_predictions(folder / "predictions.csv", aggregated_rows(rows, "max"))
    write_split(folder, split, {})
    (folder / "settings.yaml").write_text("task: classifier\naggregation: max\n")
    return folder


@pytest.fixture(scope="session")
def tables() -> SimpleNamespace:
    """Return the functions that make rows and runs."""
    return SimpleNamespace(
        prediction=prediction, mark=mark, lesion=lesion, write_run=write_run, made_up_run=made_up_run, made_up_classifier=made_up_classifier
    )


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up run that is only read."""
    return made_up_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def classifier_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up run of a classifier that is only read."""
    return made_up_classifier(tmp_path_factory.mktemp("classifier"))


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw 200 resamples for an interval of a run: enough to see that it is one."""
    monkeypatch.setattr("breastcad.evaluate.scopes.REPEATS", 200)


@pytest.fixture(scope="session")
def van_dyke() -> ModuleType:
    """Return the published reader study of van_dyke.py beside this file."""
    spec = importlib.util.spec_from_file_location("van_dyke", Path(__file__).with_name("van_dyke.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
