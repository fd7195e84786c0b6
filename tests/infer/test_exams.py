"""Joining views: the worst view speaks for a breast."""

from __future__ import annotations

from breastcad.core.records import ExamResult, ImageResult
from breastcad.infer.exams import View, join_exams


def view(exam: str, image: str, laterality: str | None, malignant: float, *, abstained: bool = False) -> View:
    numbers = {"malignant": malignant, "abnormal": malignant / 2 + 0.5}
    result = ImageResult(image, 0, f"{image}.png", None, "", "MG", laterality, None, 4, 3, None, ["m"], numbers, {}, abstained=abstained)
    return View(exam, result)


def test_the_worst_view_of_each_breast() -> None:
    views = [view("a", "0", "R", 0.1), view("b", "1", "L", 0.9), view("a", "2", "L", 0.2), view("a", "3", "L", 0.4)]
    assert join_exams(views) == [
        ExamResult("1", {"L": {"malignant": 0.4, "abnormal": 0.7}, "R": {"malignant": 0.1, "abnormal": 0.55}}, ["0", "2", "3"]),
        ExamResult("2", {"L": {"malignant": 0.9, "abnormal": 0.95}}, ["1"]),
    ]


def test_what_was_abstained_from_is_listed_but_does_not_count() -> None:
    assert join_exams([view("a", "0", "L", 0.2), view("a", "1", "L", 0.9, abstained=True)]) == [
        ExamResult("1", {"L": {"malignant": 0.2, "abnormal": 0.6}}, ["0", "1"])
    ]


def test_a_side_that_is_not_known_is_called_so() -> None:
    (exam,) = join_exams([view("a", "0", None, 0.2)])
    assert list(exam.breasts) == ["unknown"]
