"""Pipelines: those that come with breastcad are whole, a user's own are checked, and what is wrong in them is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from breastcad.core.errors import InputError, ReadError
from breastcad.core.seeding import generator
from breastcad.phantom.mammogram import mammogram
from breastcad.phantom.ultrasound import ultrasound
from breastcad.preprocess import contrast
from breastcad.preprocess.pipelines import Pipeline, pipeline, pipelines, with_settings
from breastcad.preprocess.prepared import Prepared, cropped, resize
from breastcad.preprocess.steps import STEPS, checked_settings, step


def test_every_publication_has_its_pipelines_with_their_source() -> None:
    assert {"a1", "a4", "b", "c", "c-edges", "d", "d-candidates", "e2", "e4", "e5", "film", "scan"} <= set(pipelines())
    for one in pipelines().values():
        assert one.title, one.name
        assert one.source, one.name


@pytest.mark.parametrize("name", STEPS)
def test_every_step_says_what_it_does_and_all_its_settings_have_defaults(name: str) -> None:
    one = step(name)
    assert one.says.endswith(".")
    assert len(one.says) > 20
    assert checked_settings(name, {}) == one.settings


def test_settings_are_changed_and_others_stay() -> None:
    changed = with_settings(pipeline("a4"), ["resize.rows=576", "resize.cols=448"])
    assert changed.steps == (("resize", {"rows": 576, "cols": 448}),)
    assert changed.run(Prepared(np.zeros((40, 30), np.float32))).shape == (576, 448)
    assert pipeline("a4").steps == (("resize", {"rows": 1152, "cols": 896}),)


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("rows=3", "--setting takes STEP.KEY=VALUE, got 'rows=3'"),
        ("resize.rows", "--setting takes STEP.KEY=VALUE"),
        ("median.size=3", "pipeline 'a4' has no step 'median'; its steps: resize"),
        ("resize.row=3", "step 'resize' has no setting 'row'; near name: 'rows'"),
        ("resize.rows=wide", "setting 'rows' of step 'resize' must be int, e.g. 1152, got 'wide'"),
        ("resize.rows=true", "must be int"),
        ("resize.rows={", "the value of 'resize.rows' cannot be read"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(pair: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        with_settings(pipeline("a4"), [pair])


def test_a_file_of_ones_own_is_a_pipeline(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("mine:\n  steps:\n    - resize: {rows: 6, cols: 4}\n    - gamma\n")
    own = pipeline(str(path))
    assert [name for name, _ in own.steps] == ["resize", "gamma"]
    assert own.run(Prepared(np.ones((3, 3), np.float32))).shape == (6, 4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: {steps: [gamma]}\nb: {steps: [gamma]}\n", "must hold one pipeline under its name, holds 2"),
        ("a: {}\n", "pipeline 'a' must have a list of 'steps'"),
        ("a: {steps: []}\n", "must have a list of 'steps'"),
        ("a: {steps: [gamma], stepz: 1}\n", "has an entry 'stepz'"),
        ("a: {steps: [gamma], modality: CT}\n", "must be MG or US, got 'CT'"),
        ("a: {steps: [gama]}\n", "unknown step 'gama'; near name: 'gamma'"),
        ("a: {steps: [{gamma: 3}]}\n", "a step must be a name, or a name with its settings"),
        ("a: {steps: [[gamma]]}\n", "a step must be a name"),
        ("a: {steps: [{resize: {rows: .inf}}]}\n", "must be int"),
        ("3: {steps: [gamma]}\n", "pipeline '3' must have"),
        ("a: {steps: [gamma], remarks: 5}\n", "must have a list of 'remarks', got '5'"),
        ("a: {steps: [gamma], remarks: a sentence}\n", "must have a list of 'remarks'"),
    ],
)
def test_a_file_that_is_no_pipeline_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.yml").write_text(text)
    with pytest.raises(ReadError, match=said):
        pipeline(str(tmp_path / "mine.yml"))


def test_an_unknown_pipeline_is_named_with_a_near_one() -> None:
    with pytest.raises(InputError, match="unknown pipeline 'flim'; did you mean 'film'"):
        pipeline("flim")


@pytest.mark.parametrize("name", [name for name, one in pipelines().items() if one.modality != "US"])
def test_each_pipeline_for_mammograms_runs_on_a_made_up_film(name: str) -> None:
    film = mammogram(generator(3), 200, 140)
    _sane(pipeline(name).run(Prepared(film.pixels, view="MLO", modality="MG")), name)


@pytest.mark.parametrize("name", [name for name, one in pipelines().items() if one.modality != "MG"])
def test_each_pipeline_for_ultrasound_runs_on_a_made_up_scan(name: str) -> None:
    scan = ultrasound(generator(3), 120, 160)
    _sane(pipeline(name).run(Prepared(scan.pixels, modality="US")), name)


def test_the_muscle_is_taken_out_of_an_mlo_and_of_nothing_else() -> None:
    film = mammogram(generator(5), 300, 200, view="MLO")
    kept = {view: pipeline("e2").run(Prepared(film.pixels, view=view)) for view in ("MLO", "CC")}
    assert (kept["MLO"].pixels > 0).sum() < (kept["CC"].pixels > 0).sum()
    assert kept["MLO"].remarks == ()
    assert "no pectoral muscle taken out" in kept["CC"].remarks[0]


def test_candidates_are_told_in_source_pixels_whatever_the_size_is() -> None:
    film = mammogram(generator(6), 300, 200, view="CC", lesion="malignant")
    small = pipeline("d-candidates").run(Prepared(film.pixels))
    large = with_settings(pipeline("d-candidates"), ["resize.rows=600", "resize.cols=400"]).run(Prepared(film.pixels))
    assert small.candidates == large.candidates
    assert small.candidates
    for box, _ in small.candidates:
        assert 0 <= box[0] < box[2] <= 300
        assert 0 <= box[1] < box[3] <= 200


def _sane(done: Prepared, name: str) -> None:
    assert done.pixels.dtype == np.float32, name
    assert np.isfinite(done.pixels).all()
    assert done.pixels.min() >= 0
    assert done.pixels.max() <= 1
    assert np.ptp(done.pixels) > 0.05
    assert done.tissue is None or done.tissue.shape == done.shape


def test_remarks_left_empty_are_none(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("a:\n  steps: [gamma]\n  remarks:\n")
    assert pipeline(str(tmp_path / "mine.yaml")).remarks == ()


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("wiener", {"size": 10**10 + 1}),  # OpenCV's error
        ("frost", {"size": 10**7 + 1}),  # no memory
        ("srad", {"homogeneous": 5}),  # TypeError
        ("non_local_means", {"strength": 1e-300}),  # division by zero
        ("respace", {"mm": 1e-320}),  # overflow
    ],
)
def test_a_setting_that_no_function_foresaw_is_one_sentence(name: str, settings: dict[str, object]) -> None:
    noisy = np.random.default_rng(1).random((20, 30), np.float32)
    with pytest.raises(InputError, match=f"step '{name}' cannot be done with"):
        Pipeline("a", "", "", ((name, checked_settings(name, settings)),)).run(Prepared(noisy, spacing_mm=(0.1, 0.1)))


def test_a_film_without_a_breast_is_said_to_have_none() -> None:
    assert "no breast found" in pipeline("d").run(Prepared(np.full((40, 30), 0.4, np.float32))).remarks


def test_candidates_after_a_crop_and_a_resize_are_where_they_were_on_the_source() -> None:
    film = np.full((300, 200), 0.3, np.float32)
    film[200:220, 120:140] = 0.8
    cut = resize(cropped(Prepared(film, tissue=np.ones(film.shape, bool)), (40, 20, 300, 200)), rows=130, cols=90)
    box = step("candidates").run(cut, most=1).candidates[0][0]
    assert box[0] < 210 < box[2]
    assert box[1] < 130 < box[3]
    assert (box[0] + box[2]) / 2 == pytest.approx(210, abs=6)


@pytest.mark.parametrize("name", ["percentile_stretch", "clahe", "equalise", "adaptive_equalise"])
def test_a_filter_that_takes_tissue_is_told_where_it_is(name: str) -> None:
    film = mammogram(generator(3), 120, 80).pixels
    tissue = film > 0.3
    told, not_told = (step(name).run(Prepared(film, tissue=mask)).pixels for mask in (tissue, None))
    np.testing.assert_array_equal(told, getattr(contrast, name)(film, tissue=tissue))
    assert not np.array_equal(told, not_told)
