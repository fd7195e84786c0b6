"""The report's page: what it says, where, and that it opens alone."""

from __future__ import annotations

import base64
import hashlib
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core.records import NOTICE, Decision, ExamResult, LeftOut, Picture, Possible, Skipped
from breastcad.report import html
from breastcad.report.analysis_folder import write_analysis_folder
from breastcad.report.html import ReportNotes, Truth, percent, render_report

VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """The elements of a page, in order; fails where one is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["style"], ["script"], ["text"]):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page(folder: Path, run: Any, **notes: Any) -> Page:
    write_analysis_folder(folder, run, notes=ReportNotes(**notes))
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def four_views(make_image: Any, order: str = "LMLO RCC LCC RMLO") -> tuple[list[Any], ExamResult]:
    views = [(name[0], name[1:]) for name in order.split()]
    images = [make_image(k, modality="MG", laterality=side, view=view, source=f"case/{k}.dcm") for k, (side, view) in enumerate(views)]
    breasts = {"L": {"malignant": 0.71, "abnormal": 0.82}, "R": {"malignant": 0.13, "abnormal": 0.24}}
    return images, ExamResult("1", breasts, [image.result.image for image in images])


def test_the_notice_stands_first_and_last(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    text = page(tmp_path, make_run(make_image(0)), title="Title").text.removeprefix("Title - breastcad ")
    assert text.startswith(NOTICE)
    assert text.endswith(NOTICE)


def test_nothing_comes_from_elsewhere_and_nothing_runs(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    shown = page(tmp_path, make_run(make_image(0), make_image(1)))
    assert not shown.all("script")
    assert not shown.all("link")
    assert all(str(image["src"]).startswith("data:image/jpeg;base64,") for image in shown.all("img"))
    assert all(not re.match(r"[a-z]+:", str(link["href"])) for link in shown.all("a"))
    assert "url(" not in (tmp_path / "report.html").read_text()
    assert not any(name.startswith("on") for _, attributes in shown.elements for name in attributes)


def test_every_picture_has_words_and_every_link_a_target(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    images, exam = four_views(make_image)
    shown = page(tmp_path, make_run(*images, exams=(exam,)))
    assert len(shown.all("img")) == 16  # source, overlay, and film and heat map as hung, of four images
    assert all(image.get("alt") for image in shown.all("img"))
    ids = {str(attributes["id"]) for _, attributes in shown.elements if "id" in attributes}
    links = [str(link["href"]) for link in shown.all("a")]
    assert {link[1:] for link in links if link.startswith("#")} <= ids
    assert all((tmp_path / link).is_file() for link in links if not link.startswith("#"))


def test_probabilities_stand_with_their_interval_as_number_and_as_bar(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    shown = page(tmp_path, make_run(make_image(0)))
    assert "35 % (20 to 50 %, three folds)" in shown.text
    bars = [str(element["style"]) for element in shown.all("i")]
    assert bars[0] == "width: 35.0%"
    assert str(shown.all("b")[0].get("style")) == "left: 20.0%; width: 30.0%"


def test_names_from_outside_are_text_and_never_markup(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    evil = '<script>alert("x")</script>.png'
    run = make_run(make_image(0, source=evil, warnings=["<b>bold</b>"]), Skipped(0, "<i>s</i>", "<u>why</u>"), not_seen="<s>much</s>")
    shown = page(tmp_path, run, remarks=["<em>r</em>"], credits=["<q>c</q>"], truth=lambda _: Truth("<k>", "<w>"))
    assert not {"script", "em", "q", "u", "s", "k", "w"} & {tag for tag, _ in shown.elements}
    assert evil in shown.text


def test_the_right_breast_hangs_on_the_left_and_cc_above_mlo(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    images, exam = four_views(make_image)
    shown = page(tmp_path, make_run(*images, exams=(exam,)))
    hung = [str(image["alt"]).split()[0] for image in shown.all("img") if re.match("[LR](CC|MLO) ", str(image["alt"]))]
    assert hung == ["RCC", "LCC", "RMLO", "LMLO"]
    exams = shown.text[shown.text.index("Exam 1 (case)") :]
    assert exams.index("Right breast P(malignant) 13 %") < exams.index("Left breast P(malignant) 71 %")


def test_a_missing_view_and_one_without_a_place_are_said(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    images, exam = four_views(make_image, "RCC LCC LMLO LML")
    exam.breasts = {"L": {"malignant": 0.5}, "unknown": {"malignant": 0.2}}
    text = page(tmp_path, make_run(*images, exams=(exam,))).text
    assert "RMLO: not in this exam" in text
    assert "Other views: LML" in text
    assert "Right breast not judged" in text
    assert "Side unknown P(malignant) 20 %" in text


def bright_at(side: str) -> Picture:
    """Return a film (120, 80) whose breast, rows 20 to 100, is 40 columns deep from one side of the picture."""
    pixels = np.zeros((120, 80), np.float32)
    half = np.sqrt(np.clip(1 - (np.arange(-40, 40) / 40) ** 2, 0, 1)) * 40
    for row, deep in zip(range(20, 100), half, strict=True):
        pixels[row, : int(deep)] = 0.6
    return Picture(pixels if side == "left" else np.ascontiguousarray(pixels[:, ::-1]))


def test_chest_walls_hang_back_to_back_and_what_is_mirrored_for_it_is_said(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    """Right breasts: the first lies as it hangs, the second does not. Columns 5 to 45 of 80 are, mirrored, 35 to 75."""
    images, exam = four_views(make_image, "RCC RMLO LCC")
    for image, side in zip(images, ("right", "left", "left"), strict=True):
        image.picture = bright_at(side)
    shown = page(tmp_path, make_run(*images, exams=(exam,)))
    hung = {str(one["alt"]).split()[0]: one.get("class") for one in shown.all("img") if re.match("[LR](CC|MLO) with", str(one["alt"]))}
    assert hung == {"RCC": None, "LCC": None, "RMLO": "mirrored"}
    assert sum("mirrored" in str(one.get("class")) for one in shown.all("img")) == 2  # the film and its heat map
    assert {(one["class"], one["x"]) for one in shown.all("rect")} == {("case", "5"), ("line", "5"), ("case", "35"), ("line", "35")}
    assert "RMLO P(malignant) 35 % mirrored" in shown.text
    assert "RMLO 1, mass right 6" in shown.text  # 25 of some 40 columns from the left, where its chest wall lies
    assert shown.text.count("is shown mirrored here") == 1


def test_an_exam_says_what_does_not_count_what_is_odd_and_how_it_was_joined(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    images, exam = four_views(make_image)
    exam.woman, exam.rule = {"malignant": 0.71}, {"views": "mean-logit", "breasts": "max"}
    exam.left_out, exam.warnings = [LeftOut("0001", "the model abstained from it")], ["left breast: <b>odd</b>"]
    images[0].result.possible, images[0].result.unlike = Possible(["not malignant"], 0.9), 0.62
    text = page(tmp_path, make_run(*images, exams=(exam,))).text
    exams = text[text.index("Exam 1 (case)") : text.index("Images LMLO") if "Images LMLO" in text else None]
    for words in (
        "The woman P(malignant) 71 %",
        "left breast: <b>odd</b>",
        "no: the model abstained from it",
        "RCC P(malignant) 35 % does not count",
        "films of one view joined first; the woman's are those of her higher breast.",
        "LMLO 0000 35 % (20 to 50 %, three folds) malignant 0.62 yes",
        "it is right in that for about 90 % of images like its own",
    ):
        assert words in exams


def test_an_exam_that_does_not_hang_still_says_what_is_odd(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    exam = ExamResult("1", {}, ["0000"], warnings=["no image of this exam counts: nothing is said of a breast"])
    text = page(tmp_path, make_run(make_image(0), exams=(exam,))).text
    assert "no image of this exam counts: nothing is said of a breast" in text
    assert "Its images: picture 0.png" in text


def test_the_one_script_fades_heat_maps_and_only_where_an_exam_hangs(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    images, exam = four_views(make_image)
    shown = page(tmp_path, make_run(*images, exams=(exam,)))
    (slider,) = (one for tag, one in shown.elements if one.get("class") == "slider")
    assert "hidden" in slider  # until the script shows it: without scripts it would do nothing
    text = (tmp_path / "report.html").read_text()
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'\"" in unescape(text)


def test_an_exam_without_any_of_the_four_views_is_not_hung(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    exam = ExamResult("1", {"unknown": {"malignant": 0.4}}, ["0000"])
    assert "Exams" not in page(tmp_path, make_run(make_image(0), exams=(exam,))).text


def test_findings_warnings_decision_and_abstention_are_told(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    decision = Decision("sensitivity 0.90", 0.12, 0.9, 0.74, 0.33, True)
    both = Possible(["not malignant", "malignant"], 0.9)
    image = make_image(
        0, findings=2, warnings=["burnt-in overlay"], decision=decision, possible=both, abstained=True, spacing_mm=[0.1, 0.2]
    )
    text = page(tmp_path, make_run(image)).text
    assert "1 mass 80 % 25 % rows 10 to 25, columns 5 to 45; 2 x 8 mm" in text
    assert "burnt-in overlay" in text
    assert "The model abstains" in text
    assert "The model cannot tell: it rules out neither malignant nor not malignant." in text
    assert "Above the threshold of 12 % (sensitivity 0.90)" in text
    assert "sensitivity 90 % and specificity 74 % with 33 % of cases positive" in text


def test_an_image_without_findings_or_probability_is_shown_too(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    text = page(tmp_path, make_run(make_image(0, findings=0, probability=None, interval=None, frame=7))).text
    assert "No finding above the model's floor." in text
    assert "not given" in text
    assert "picture 0.png, frame 7" in text


def test_a_model_is_named_with_what_it_has_not_seen(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    run = make_run(make_image(0), trained_on=["set A", "set B"], seen="scanned film", not_seen="digital mammograms", warnings=["weak"])
    text = page(tmp_path, run).text
    for words in ("stand-in 0.1.0", "ab" * 32, "set A, set B", "Has seen scanned film", "Has not seen digital mammograms", "Warning weak"):
        assert words in text


def test_truth_stands_in_the_summary_the_exam_and_at_the_image(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    images, exam = four_views(make_image)
    text = page(
        tmp_path, make_run(*images, exams=(exam,)), truth=lambda image: Truth("benign", "by biopsy") if image.view == "CC" else None
    ).text
    assert text.count("Truth: benign , by biopsy") == 2
    assert text.count("truth: benign") == 2
    assert text.count("unknown") == 2


def test_skipped_files_stand_with_their_reasons(tmp_path: Path, make_run: Any) -> None:
    assert "File Reason notes.txt not an image" in page(tmp_path, make_run(Skipped(0, "notes.txt", "not an image"))).text


def test_many_images_are_referred_to_instead_of_embedded(
    tmp_path: Path, make_run: Any, make_image: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html, "EMBEDDED", 1)
    shown = page(tmp_path, make_run(make_image(0), make_image(1)))
    assert [image["src"] for image in shown.all("img")] == ["0000/source.jpg", "0000/overlay.png", "0001/source.jpg", "0001/overlay.png"]


def test_missing_pictures_are_said_to_be_missing(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    run = make_run(make_image(0))
    analysis = run.assemble([item.result for item in run.items], [])
    text = Page(render_report(analysis, tmp_path, ReportNotes(), {})).text
    assert "The source could not be shown." in text
    assert "No overlay." in text


def test_the_same_analysis_gives_the_same_page(tmp_path: Path, make_run: Any, make_image: Any) -> None:
    for name in ("one", "two"):
        write_analysis_folder(tmp_path / name, make_run(make_image(0)))
    assert (tmp_path / "one/report.html").read_bytes() == (tmp_path / "two/report.html").read_bytes()


@given(st.floats(0, 1))
def test_a_percentage_is_never_0_or_100_for_what_is_not_quite_that(probability: float) -> None:
    assert (percent(probability) == "0 %") == (probability == 0)
    assert (percent(probability) == "100 %") == (probability == 1)
