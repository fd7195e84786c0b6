"""Odd exams from DICOM file to findings.json: made-up films whose tags say what is odd, and what `analyze` makes of them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset

from breastcad.core.records import ExamResult, ImageResult
from breastcad.infer.run import analyze
from breastcad.phantom import film_exams
from breastcad.phantom.dicom_files import file_bytes

MakeModel = Callable[..., Path]
NOT_SEEN = "digital mammograms, tomosynthesis, synthetic views, contrast-enhanced mammograms, magnification views, implants, men"


@pytest.fixture(scope="module")
def films() -> dict[str, film_exams.Film]:
    """The four films of one made-up exam, by name."""
    return {film.laterality + film.view: film for film in film_exams.exam(7, "odd", 1, {"L": "malignant"})}


@pytest.fixture
def analysed(
    tmp_path: Path, films: dict[str, film_exams.Film], tiny_model: MakeModel
) -> Callable[..., tuple[list[ImageResult], ExamResult]]:
    """Return a function that analyses films by name, each with a function that changes its DICOM object."""

    def do(*changed: tuple[str, Callable[[Dataset], None]]) -> tuple[list[ImageResult], ExamResult]:
        for number, (name, change) in enumerate(changed):
            dataset = copy.deepcopy(films[name].dataset)
            change(dataset)
            (tmp_path / f"{number}.dcm").write_bytes(file_bytes(dataset))
        found = analyze(tmp_path, model=tiny_model("MG", not_seen=NOT_SEEN))
        (exam,) = found.exams
        return found.images, exam

    return do


def as_it_is(dataset: Dataset) -> None:
    """Change nothing."""


def modified(code: str, meaning: str) -> Callable[[Dataset], None]:
    def change(dataset: Dataset) -> None:
        modifier = Dataset()
        modifier.CodeValue, modifier.CodingSchemeDesignator, modifier.CodeMeaning = code, "SCT", meaning
        dataset.ViewCodeSequence[0].ViewModifierCodeSequence = [modifier]

    return change


def tagged(**tags: str) -> Callable[[Dataset], None]:
    def change(dataset: Dataset) -> None:
        for name, value in tags.items():
            setattr(dataset, name, value)

    return change


def viewed(code: str, position: str) -> Callable[[Dataset], None]:
    def change(dataset: Dataset) -> None:
        dataset.ViewCodeSequence[0].CodeValue, dataset.ViewPosition = code, position

    return change


def test_a_whole_exam_is_joined_and_nothing_is_left_out(analysed) -> None:
    _, exam = analysed(*((name, as_it_is) for name in ("LCC", "LMLO", "RCC", "RMLO")))
    assert (list(exam.breasts), exam.left_out, exam.warnings) == (["L", "R"], [], [])


@pytest.mark.parametrize(
    ("change", "abstained"),
    [
        (modified("399163009", "Magnification"), "a magnification view; the model tiny-mg has not seen magnification"),
        (tagged(BreastImplantPresent="YES"), "a breast with an implant; the model tiny-mg has not seen implants"),
        (tagged(PatientSex="M"), "a man's breast; the model tiny-mg has not seen men"),
        (
            tagged(ImageType=["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "GENERATED_2D"]),
            "a synthetic view; the model tiny-mg has not seen synthetic views",
        ),
        (viewed("127457009", ""), "a specimen, tissue that was taken out, and not a breast"),
        (tagged(SeriesDescription="Specimen radiograph"), "a specimen, tissue that was taken out, and not a breast"),
    ],
)
def test_what_the_model_cannot_know_is_abstained_from_and_left_out(analysed, change, abstained) -> None:
    images, exam = analysed(("LCC", change), ("LMLO", as_it_is))
    assert images[0].abstained
    assert images[0].warnings[0] == f"abstained: the file says that it shows {abstained}"
    assert [(one.image, one.reason) for one in exam.left_out] == [("0000", "the model abstained from it")]
    assert "left breast: no CC view that counts; it is judged by MLO alone" in exam.warnings


def test_a_spot_view_is_said_and_left_out(analysed) -> None:
    images, exam = analysed(("LCC", as_it_is), ("LMLO", modified("399055006", "Spot Compression")))
    assert "a special view: spot compression" in images[1].warnings
    assert [one.reason for one in exam.left_out] == ["a spot compression view, which does not show the breast as CC and MLO views do"]


def test_an_implant_displaced_view_counts_and_the_one_with_the_implant_does_not(analysed) -> None:
    _, exam = analysed(("LCC", tagged(BreastImplantPresent="YES", ViewPosition="CCID")), ("LMLO", tagged(BreastImplantPresent="YES")))
    assert [one.image for one in exam.left_out] == ["0001"]
    assert exam.warnings[0] == (
        "left breast: 0000 is an implant-displaced view; it counts, though the rule was measured on women without implants"
    )


@pytest.mark.parametrize(("code", "view"), [("399260004", "ML"), ("399192008", "XCCL"), ("399188001", "SIO")])
def test_another_view_beside_cc_is_left_out(analysed, code, view) -> None:
    images, exam = analysed(("LCC", as_it_is), ("LMLO", viewed(code, view)))
    assert images[1].view == view
    assert [one.reason for one in exam.left_out] == [
        f"{'a' if view[0] not in 'MX' else 'an'} {view} view beside CC or MLO; the rule was measured on CC and MLO alone".replace(
            "a SIO", "an SIO"
        )
    ]


def test_a_side_that_the_tags_contradict_is_said(analysed) -> None:
    images, exam = analysed(("LCC", tagged(Laterality="R")), ("LMLO", as_it_is))
    assert any(warning.startswith("laterality contradictory") for warning in images[0].warnings)
    assert exam.warnings[0] == "0000 counts for the left breast, but its side is in doubt (its own warnings say why)"


def test_a_side_that_the_picture_contradicts_is_said(analysed) -> None:
    _, exam = analysed(("LCC", tagged(ImageLaterality="R", PatientOrientation="")), ("LMLO", as_it_is))
    assert exam.warnings[0] == "0000 counts for the right breast, but its side is in doubt (its own warnings say why)"


def test_a_mirrored_picture_whose_orientation_was_kept_is_of_a_side_in_doubt(analysed) -> None:
    def mirrored(dataset: Dataset) -> None:
        assert dataset.PatientOrientation
        stored = np.frombuffer(dataset.PixelData, f"<u{dataset.BitsAllocated // 8}").reshape(dataset.Rows, dataset.Columns)
        dataset.PixelData = stored[:, ::-1].tobytes()

    images, exam = analysed(("LCC", mirrored), ("LMLO", as_it_is))
    assert any("but Patient Orientation (0020,0020) says left; trust neither" in warning for warning in images[0].warnings)
    assert exam.warnings[0] == "0000 counts for the left breast, but its side is in doubt (its own warnings say why)"


def test_a_file_that_was_exported_twice_counts_once(analysed) -> None:
    _, exam = analysed(("LCC", as_it_is), ("LMLO", as_it_is), ("LCC", tagged(SOPInstanceUID="1.2.3")))
    assert [(one.image, one.reason) for one in exam.left_out] == [("0002", "the same picture as 0000; it counts once")]
