"""Recheck: agrees with what was written honestly, and names whatever was changed by hand; tables of documents with it."""

from __future__ import annotations

import json
import shutil

import pytest

from breastcad.core.errors import InputError, ReadError
from breastcad.evaluate.documents import documents_with_figures, fill_tables, quoted_tables, repository_of
from breastcad.evaluate.figures import figures_table, read_metrics, write_metrics
from breastcad.evaluate.recheck import recheck, recheck_card
from breastcad.evaluate.run_figures import figures

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
    cells[place] = "0.999"
    lines[number] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")
    assert any("auc malignant against benign" in difference.what for difference in recheck(repository / "results/ours").differences)


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


def test_a_test_image_of_the_split_without_a_prediction_differs(repository) -> None:
    path = repository / "results/ours/split.csv"
    path.write_text(path.read_text() + "without,forgotten,g99,0,0,0,test\n")
    (found,) = recheck(repository / "results/ours").differences
    assert "'forgotten' of 'without'" in found.what
    assert found.written == "no row"


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
    table.write_text(table.read_text().replace(",image,", ",patient,"))
    write_metrics(run / "metrics.json", "ours", figures(run, level="patient"))
    assert not any("split.csv" in difference.what for difference in recheck(run).differences)


def test_tables_of_other_runs_are_not_asked(repository) -> None:
    (repository / "RESULTS.md").write_text("<!-- figures: results/theirs -->\nmissing\n<!-- end -->\n")
    done = recheck(repository / "results/ours")
    assert (done.tables, done.differences) == (2, [])
