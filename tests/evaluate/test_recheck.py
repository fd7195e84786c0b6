"""Recheck: agrees with what was written honestly, and names whatever was changed by hand; tables of documents with it."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict

import pytest

from breastcad.core.errors import InputError, ReadError
from breastcad.evaluate.documents import documents_with_figures, fill_tables, quoted_tables, repository_of
from breastcad.evaluate.figures import Options, figures_table, read_metrics, write_metrics
from breastcad.evaluate.recheck import recheck, recheck_card
from breastcad.evaluate.run_figures import evaluated, figures

CARD = """# A card

<!-- figures: results/ours -->
<!-- end -->

Between.

<!-- figures: results/ours | dice, brier -->
old
<!-- end -->
After.
"""


@pytest.fixture
def repository(tmp_path, whole_run, monkeypatch):
    """A repository with a run under results/, a card of a bundled model and a RESULTS.md, all in agreement."""
    run = tmp_path / "results" / "ours"
    shutil.copytree(whole_run, run)
    write_metrics(run / "metrics.json", "ours", figures(run))
    (tmp_path / "src/breastcad/models/bundled").mkdir(parents=True)
    for document in ("src/breastcad/models/bundled/ours.md", "RESULTS.md"):
        (tmp_path / document).write_text(CARD)
        assert fill_tables(tmp_path / document, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def change_metrics(repository, change):
    path = repository / "results/ours/metrics.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_what_was_written_honestly_agrees(repository) -> None:
    done = recheck(repository / "results/ours")
    assert done.differences == []
    assert (done.runs, done.tables) == (["ours"], 4)
    assert done.figures == len(read_metrics(repository / "results/ours/metrics.json")[1]) > 20


def test_a_card_s_runs_and_tables_are_checked_and_other_documents_that_quote_them(repository) -> None:
    done = recheck_card(repository / "src/breastcad/models/bundled/ours.md")
    assert done.differences == []
    assert (done.runs, done.tables) == (["results/ours"], 4)


@pytest.mark.parametrize(("name", "by"), [("value", 1e-6), ("low", -0.01), ("high", 0.01), ("n", 1), ("positives", 1), ("clusters", -1)])
def test_a_changed_number_is_named_with_both_values(repository, name, by) -> None:
    def change(content):
        content["figures"][0][name] += by

    change_metrics(repository, change)
    found = [difference for difference in recheck(repository / "results/ours").differences if "metrics.json" in difference.where]
    written = read_metrics(repository / "results/ours/metrics.json")[1][0]
    assert [difference.what for difference in found] == [f"{name} of {written.name} ({written.set}, test, image)"]
    assert found[0].written == repr(getattr(written, name))
    assert float(found[0].recomputed) == pytest.approx(getattr(written, name) - by)
    assert f"written {found[0].written}, recomputed {found[0].recomputed}" in str(found[0])


def test_a_changed_prediction_changes_figures(repository) -> None:
    path = repository / "results/ours/predictions.csv"
    lines = path.read_text().splitlines()
    place = lines[0].split(",").index("probability_malignant")
    number = next(k for k, line in enumerate(lines) if ",test," in line and ",malignant," in line)
    cells = lines[number].split(",")
    cells[place] = "0.001"
    lines[number] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")
    assert any("auc malignant against benign" in difference.what for difference in recheck(repository / "results/ours").differences)


def test_confusion_counts_that_were_taken_out_are_named(tmp_path, tables) -> None:
    run = tables.made_up_classifier(tmp_path)
    options = Options(level="patch")
    found = evaluated(run, options)
    confusions = [asdict(one) for one in found.confusions]
    write_metrics(run / "metrics.json", "t", found.figures, options=options, confusions=confusions[1:])
    (difference,) = recheck(run).differences
    assert difference.what.startswith("confusions (")
    assert difference.written == "nothing"


def test_figures_left_out_or_made_up_are_named(repository) -> None:
    def change(content):
        content["figures"][0]["name"] = "auc of our dreams"

    change_metrics(repository, change)
    found = [(one.what.split(" (")[0], one.written, one.recomputed) for one in recheck(repository / "results/ours").differences]
    assert ("auc of our dreams", "no such figure") in [(what, recomputed) for what, _, recomputed in found]
    assert ("auc malignant against benign", "nothing") in [(what, written) for what, written, _ in found]


def test_wording_may_change(repository) -> None:
    change_metrics(repository, lambda content: content["figures"][0].update(how="in other words"))
    assert recheck(repository / "results/ours").differences == []


@pytest.mark.parametrize("document", ["RESULTS.md", "src/breastcad/models/bundled/ours.md"])
def test_a_table_changed_by_hand_is_named_with_its_line(repository, document) -> None:
    path = repository / document
    lines = path.read_text().splitlines()
    number = next(k for k, line in enumerate(lines) if line.startswith("| dice | all"))
    old, lines[number] = lines[number], lines[number].replace("| 0.", "| 1.", 1)
    path.write_text("\n".join(lines) + "\n")
    (found,) = recheck_card(repository / "src/breastcad/models/bundled/ours.md").differences
    assert found.where == f"{path.name}, line {number + 1}"
    assert (found.written, found.recomputed) == (lines[number], old)


def test_a_table_with_a_line_too_few_differs(repository) -> None:
    path = repository / "RESULTS.md"
    path.write_text(path.read_text().replace("\n\nInterval", "\nInterval"))
    assert recheck(repository / "results/ours").differences


def test_parts_and_groups_must_be_those_of_the_split(repository) -> None:
    path = repository / "results/ours/split.csv"
    lines = path.read_text().splitlines()
    number = next(k for k, line in enumerate(lines) if line.endswith(",test"))
    lines[number] = lines[number].removesuffix("test") + "train"
    path.write_text("\n".join(lines) + "\n")
    (found,) = recheck(repository / "results/ours").differences
    assert "part and group of" in found.what
    assert "first of 1 that differ" in found.what
    assert found.written.startswith("'test'")
    assert found.recomputed.startswith("'train'")


def test_a_run_outside_results_is_checked_without_documents(whole_run, tmp_path) -> None:
    shutil.copytree(whole_run, tmp_path / "run")
    write_metrics(tmp_path / "run/metrics.json", "run", figures(whole_run))
    assert recheck(tmp_path / "run").tables == 0


def test_an_installed_card_finds_the_runs_above_the_folder_where_one_stands(repository, tmp_path_factory, monkeypatch) -> None:
    installed = tmp_path_factory.mktemp("site-packages") / "ours.md"
    shutil.copy(repository / "RESULTS.md", installed)
    assert recheck_card(installed, start=repository / "results").differences == []
    with pytest.raises(InputError, match=r"the runs behind ours.md \('results/ours'\) are not here"):
        recheck_card(installed, start=installed.parent)


def test_a_card_that_quotes_no_run_is_refused(tmp_path) -> None:
    (tmp_path / "card.md").write_text("# Trust us\n\nAUC 0.99\n")
    with pytest.raises(InputError, match=r"card.md quotes no run; its figures must stand between"):
        recheck_card(tmp_path / "card.md")


def test_metrics_without_figures_are_refused(repository) -> None:
    change_metrics(repository, lambda content: content.update(figures=[]))
    with pytest.raises(InputError, match=r"ours: metrics.json holds no figure"):
        recheck(repository / "results/ours")


def test_filling_again_changes_nothing(repository) -> None:
    before = (repository / "RESULTS.md").read_text()
    assert not fill_tables(repository / "RESULTS.md", repository)
    assert (repository / "RESULTS.md").read_text() == before


def test_filled_tables_are_the_run_s_and_keep_the_text_between(repository) -> None:
    text, (_, written) = (repository / "RESULTS.md").read_text(), read_metrics(repository / "results/ours/metrics.json")
    some = [figure for figure in written if figure.name.startswith(("dice", "brier"))]
    assert f"results/ours -->\n{figures_table(written)}<!-- end -->\n\nBetween.\n" in text
    assert f"| dice, brier -->\n{figures_table(some)}<!-- end -->\nAfter.\n" in text


def test_documents_are_those_at_the_top_in_docs_and_the_cards(repository) -> None:
    (repository / "docs/deep").mkdir(parents=True)
    (repository / "docs/deep/page.md").write_text(CARD)
    (repository / "README.md").write_text("no table; the marker `<!-- figures: x -->` in a sentence is none\n")
    found = [path.relative_to(repository).as_posix() for path in documents_with_figures(repository)]
    assert found == ["RESULTS.md", "docs/deep/page.md", "src/breastcad/models/bundled/ours.md"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!-- figures: results/a -->\n| 1 |\n", "line 1: the table of 'results/a' has no end"),
        ("\n<!-- figures: ../other -->\n<!-- end -->\n", "line 2: the run of a table must be a path inside the repository, got '../other'"),
        ("<!-- figures: /tmp/other -->\n<!-- end -->\n", "must be a path inside the repository"),
    ],
)
def test_markers_that_cannot_be_used_are_refused(tmp_path, text, message) -> None:
    (tmp_path / "page.md").write_text(text)
    with pytest.raises(ReadError, match=message):
        quoted_tables(tmp_path / "page.md")


def test_a_marker_that_asks_for_a_figure_that_is_not_there_is_refused(repository) -> None:
    (repository / "page.md").write_text("<!-- figures: results/ours | accuracy -->\n<!-- end -->\n")
    with pytest.raises(InputError, match="results/ours: no figure's name begins with 'accuracy'"):
        fill_tables(repository / "page.md", repository)


def test_a_document_that_is_missing_is_refused(tmp_path) -> None:
    with pytest.raises(ReadError, match=r"none.md: cannot be opened"):
        quoted_tables(tmp_path / "none.md")


def test_the_repository_is_the_nearest_folder_above_that_has_the_run(repository) -> None:
    assert repository_of(repository / "src/breastcad", run="results/ours") == repository
    assert repository_of(repository / "src", run="results/no-such-run") is None


def test_a_run_that_predicts_other_things_than_images_is_not_held_against_the_split_of_images(repository) -> None:
    run = repository / "results/ours"
    table = run / "predictions.csv"
    table.write_text(re.sub(",(test|validation),image,", r",\1,patient,", table.read_text()))
    write_metrics(run / "metrics.json", "ours", figures(run, level="patient"))
    assert not any("split.csv" in difference.what for difference in recheck(run).differences)


def test_tables_of_other_runs_are_not_asked(repository) -> None:
    (repository / "RESULTS.md").write_text("<!-- figures: results/theirs -->\nmissing\n<!-- end -->\n")
    done = recheck(repository / "results/ours")
    assert (done.tables, done.differences) == (2, [])


# ---- tables that were damaged or changed by hand ----


def cell(column, value, *words):
    """Return a change of one cell, in the first row below the header that holds all words."""

    def change(lines):
        number = next(k for k, line in enumerate(lines) if k and all(word in line for word in words))
        cells = lines[number].split(",")
        cells[lines[0].split(",").index(column)] = value
        return [*lines[:number], ",".join(cells), *lines[number + 1 :]]

    return change


def without_fold(lines):
    place = lines[0].split(",").index("outer")
    return [line for line in lines if line.split(",")[place] != "1"]


def change_table(repository, name, change):
    path = repository / "results/ours" / name
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")


@pytest.mark.parametrize("name", ["metrics.json", "predictions.csv", "marks.csv", "lesions.csv", "split.csv"])
@pytest.mark.parametrize(
    ("cut", "said"),
    [
        (lambda old: b"", "is (empty|not JSON)"),
        (lambda old: old[: len(old) // 2], "cells, the header|is not JSON"),
        (lambda old: b"\xff" + old, "is no"),
    ],
    ids=["empty", "half", "not-text"],
)
def test_files_cut_short_are_refused(repository, name, cut, said) -> None:
    path = repository / "results/ours" / name
    path.write_bytes(cut(path.read_bytes()))
    with pytest.raises(ReadError, match=rf"^{name}: .*({said})"):
        recheck(repository / "results/ours")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("metrics.json", "ours: there is no metrics.json yet; make it with: breastcad evaluate"),
        ("predictions.csv", "'ours' is no run"),
        ("lesions.csv", "lesions.csv: cannot be opened"),
    ],
)
def test_files_that_are_missing_are_refused(repository, name, said) -> None:
    (repository / "results/ours" / name).unlink()
    with pytest.raises(InputError, match=f"^{said}"):
        recheck(repository / "results/ours")


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("predictions.csv", cell("group", "", ",test,"), "line 2: 'group' is empty; every row must have one"),
        ("predictions.csv", cell("outer", "", ",validation,"), "line 3: 'outer' is empty"),
        ("predictions.csv", cell("outer", "9" * 4000 + "x"), "line 2: 'outer' must be a number, got '9{60}'$"),
        ("predictions.csv", cell("level", "images", ",validation,"), "'level' of 'i0' must be one of patch, image, breast, patient, got"),
        ("predictions.csv", cell("probability_malignant", "nan", ",test,"), "line 2: 'probability_malignant' must be a finite number"),
        ("predictions.csv", cell("probability_malignant", "1.5", ",test,"), r"row 2: 'probability_malignant' must lie in \[0, 1\]"),
        ("predictions.csv", lambda lines: [*lines, lines[1]], "holds the row .* twice; keep one"),
        ("predictions.csv", cell("label", "unknown", ",validation,"), "gives 'i0' of 'with-normals' more than one label: normal, unknown"),
        ("predictions.csv", cell("group", "g7", ",validation,"), "gives 'i0' of 'with-normals' more than one group: g0, g7"),
        ("marks.csv", cell("score", ""), "line 2: 'score' is empty"),
        ("marks.csv", lambda lines: [*lines, lines[1]], "holds the row .* twice; keep one"),
        ("lesions.csv", cell("group", "other"), "puts 'f1' of .* in group 'other', predictions.csv in 'g1'; both are of one training"),
        ("lesions.csv", cell("pathology", "cancer"), "'pathology' of 'f1' must be one of unknown, normal, benign, malignant, got 'cancer'"),
        ("split.csv", lambda lines: [*lines, lines[1]], "holds the row .* twice; keep one"),
        ("split.csv", cell("group", ""), "line 2: 'group' is empty"),
    ],
)  # fmt: skip
def test_tables_changed_by_hand_are_refused(repository, name, change, said) -> None:
    change_table(repository, name, change)
    with pytest.raises(ReadError, match=f"^{name}: {said}"):
        recheck(repository / "results/ours")


def test_images_of_inner_folds_need_no_prediction(repository) -> None:
    change_table(repository, "split.csv", lambda lines: [*lines, "without,i0,g0,0,0,1,validation"])
    assert recheck(repository / "results/ours").differences == []


@pytest.mark.parametrize("part", ["test", "validation"])
def test_an_image_of_the_split_without_a_prediction_differs(repository, part) -> None:
    change_table(repository, "split.csv", lambda lines: [*lines, f"without,forgotten,g99,0,0,0,{part}"])
    (found,) = recheck(repository / "results/ours").differences
    assert ("'forgotten' of 'without'" in found.what, found.written) == (True, "no row")


def test_a_validation_row_left_out_differs(repository) -> None:
    change_table(repository, "predictions.csv", lambda lines: [line for k, line in enumerate(lines) if k != 2])
    (found,) = recheck(repository / "results/ours").differences
    assert (found.written, found.recomputed) == ("no row", "'validation', 'g0'")


def test_rows_in_another_order_agree(repository) -> None:
    for name in ("predictions.csv", "marks.csv", "lesions.csv", "split.csv"):
        change_table(repository, name, lambda lines: [lines[0], *reversed(lines[1:])])
    assert recheck(repository / "results/ours").differences == []


def test_a_fold_left_out_is_found(repository) -> None:
    change_table(repository, "predictions.csv", without_fold)
    with pytest.raises(ReadError, match=r"^lesions.csv: names the image .* which is not among the test rows of predictions.csv"):
        recheck(repository / "results/ours")
    for name in ("marks.csv", "lesions.csv"):
        change_table(repository, name, without_fold)
    found = recheck(repository / "results/ours").differences
    assert any("differ from split.csv" in one.what for one in found)
    assert any(one.what.startswith("n of auc") for one in found)


def test_a_fold_left_out_of_the_split_too_is_found_in_the_figures(repository) -> None:
    for name in ("predictions.csv", "marks.csv", "lesions.csv", "split.csv"):
        change_table(repository, name, without_fold)
    assert any(one.what.startswith("n of auc") for one in recheck(repository / "results/ours").differences)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("value", 10**400, "'value' of .* must be a finite number, got 1000"),
        ("value", True, "'value' of .* must be a finite number, got True"),
        ("low", "0.5", "'low' of .* must be a finite number, got '0.5'"),
        ("value", float("nan"), "'value' of .* must be a finite number, got nan"),
        ("n", "5" * 10_000, "'n' of .* must be a whole number, got '555"),
        ("name", "\ud800", "'name' must be printable text of at most 2000 characters"),
        ("set", "\x1b[31m", "'set' must be printable text"),
        ("level", "x" * 10**6, "'level' must be printable text"),
    ],
)
def test_figures_that_are_none_are_refused_in_few_words(repository, key, value, said) -> None:
    change_metrics(repository, lambda content: content["figures"][0].update({key: value}))
    with pytest.raises(ReadError, match=said) as refused:
        recheck(repository / "results/ours")
    assert len(str(refused.value)) < 250


def test_a_document_that_is_no_text_is_refused(repository) -> None:
    (repository / "RESULTS.md").write_bytes(b"# \xff")
    with pytest.raises(ReadError, match=r"^RESULTS.md: is no UTF-8 text \(byte 2\); save it as UTF-8"):
        recheck(repository / "results/ours")
