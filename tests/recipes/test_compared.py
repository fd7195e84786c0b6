"""Runs of recipes beside what was reported: whose figures stand where, what is said of each run, what was run and what was not."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from breastcad.commands import main
from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import read_json, write_json, write_text
from breastcad.evaluate.figures import Figure, write_metrics
from breastcad.evaluate.run_tables import ORIGINALS
from breastcad.recipes.compared import compared
from breastcad.recipes.pictures import bars, roc_curves
from breastcad.recipes.recipe import recipes
from breastcad.recipes.results import BEGIN, END, fill_results, recipe_runs, results_part, stale_rows
from breastcad.recipes.runs import read_recipe_run

MakeRun = Callable[..., Path]


def rows_of(text: str) -> dict[str, list[str]]:
    """Return the cells of a Markdown text's table rows by their first cell."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return {cells[0]: cells[1:] for cells in lines}


def test_a_publications_column_stands_beside_both_of_ours(make_run: MakeRun) -> None:
    runs = [
        make_run("one", "b", "b-convnet", "patient", value=0.6, epochs="2"),
        make_run("two", "b", "b-convnet", "published", value=0.9, shortened=True),
    ]
    text = compared([read_recipe_run(folder) for folder in runs])
    rows = rows_of(text)
    assert rows["figure"] == [
        "reported, b-convnet: mini-MIAS", "reported, b-convnet: private set", "ours, b-convnet, parted as published",
        "ours, b-convnet, split patient",
    ]  # fmt: skip
    assert rows["accuracy"] == ["0.94", "0.98", "0.900 [0.800, 1.000]", "0.600 [0.500, 0.700]"]
    assert rows["auc"] == ["0.95", "0.99", "0.950 [0.850, 1.050]", "0.650 [0.550, 0.750]"]
    assert rows["AUC malignant against benign, by image"][2:] == ["0.960 [0.860, 1.060]", "0.660 [0.560, 0.760]"]
    assert "AUC malignant against benign, by breast" not in rows
    assert rows["n"][2:] == ["40 windows and copies, 16 positive; 12 patient groups", "40 windows, 16 positive; 12 patient groups"]
    assert rows["split"][2:] == ["windows parted as published, **leaks**", "patient"]
    assert rows["length"][2:] == ["2 epochs a network, **shortened**", "2 epochs a network"]
    assert rows["folds, seeds"][3] == "2, 1"
    assert rows["changed"][2:] == ["", "epochs=2"]
    assert rows["minutes of training"][3] == "3.5"  # 60 + 30 + 60 + 29.4 + 30 seconds
    assert "- Open: eightfold from 30 variants." in text
    assert "ConvNet's test accuracy is .93 on mini-MIAS" in text


def test_publication_a_is_held_against_what_it_prints_and_both_kinds_stand_there(make_run: MakeRun) -> None:
    question = "lesion against none"
    run = make_run("a", "a3", "efficientnet-lite0", "published", sets=("cbis-ddsm",), question=question, weights="imagenet")
    rows = rows_of(compared([read_recipe_run(run)]))
    assert rows["figure"] == ["reported, efficientnetv2-b0: test, 454 benign and 454 malignant windows", rows["figure"][1]]
    assert rows["figure"][1] == "ours, efficientnet-lite0, parted as published"
    assert rows["auc, as printed (balanced accuracy)"] == ["0.87", "0.710 [0.610, 0.810]"]
    assert rows["AUC (area under the ROC curve)"] == ["", "0.750 [0.650, 0.850]"]
    assert rows["precision, as printed (macro precision)"] == ["0.87", "0.710 [0.610, 0.810]"]
    assert rows["precision, of the positive class"] == ["", "0.700 [0.600, 0.800]"]
    assert rows["question"] == ["", question]
    assert rows["weights"] == ["", "ImageNet"]


def test_other_weights_than_the_publications_and_made_up_data_are_said(make_run: MakeRun) -> None:
    run = read_recipe_run(make_run("x", "a1", "resnet101", "patient", sets=("cbis-ddsm",), made_up=True))
    text = compared([run])
    assert rows_of(text)["weights"][-1] == "none (from scratch); the publication's: ImageNet"
    assert "MADE-UP DATA, no result: ours, resnet101 from scratch, split patient" in text
    assert run.made.title(run.recipe).startswith("MADE-UP DATA, no result; a1 (publication A): resnet101, split patient; cbis-ddsm")


def test_classes_have_their_own_rows_and_sets_that_were_tested_one_by_one_their_own_columns(make_run: MakeRun) -> None:
    run = make_run("us", "e5-us", "resnet18", "leave-one-set-out", sets=("bus-bra", "busi"))
    rows = rows_of(compared([read_recipe_run(run)]))
    assert [name.rpartition(", ")[2] for name in rows["figure"][1:]] == ["tested on bus-bra", "tested on busi"]
    assert rows["accuracy malignant, as printed (recall malignant)"] == ["0.949", "0.720 [0.620, 0.820]", "0.730 [0.630, 0.830]"]
    assert rows["precision benign"] == ["0.97", "0.720 [0.620, 0.820]", "0.730 [0.630, 0.830]"]
    together = read_recipe_run(make_run("all", "e5-us", "resnet18", "patient", sets=("bus-bra", "busi")))
    assert together.sets == ["all"]


def test_a_reported_figure_keeps_the_digits_that_were_printed(make_run: MakeRun) -> None:
    rows = rows_of(compared([read_recipe_run(make_run("c", "c", "c-table-1", "patient"))]))
    assert [rows[name][0] for name in ("accuracy", "precision", "sensitivity")] == ["0.914", "0.9655", "0.9304"]


def test_what_is_no_run_of_a_recipe_is_refused(make_run: MakeRun, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is no run of a recipe \(it has no recipe.json\); make one with breastcad reproduce"):
        read_recipe_run(tmp_path)
    folder = make_run("x", "b", "b-convnet", "patient")
    (folder / "predictions.csv").unlink()
    with pytest.raises(InputError, match="is not trained to its end; go on with breastcad reproduce"):
        read_recipe_run(folder)


def test_damaged_files_are_named(make_run: MakeRun) -> None:
    folder = make_run("x", "b", "b-convnet", "patient")
    write_text(folder / "log.csv", "fold,epoch\n0,0\n")
    with pytest.raises(ReadError, match=r"log.csv: cannot be read \(KeyError: 'part'\)"):
        read_recipe_run(folder)
    content = read_json(folder / "recipe.json")
    write_json(folder / "recipe.json", {**content, "format": "other"})
    with pytest.raises(ReadError, match=r"is not a recipe.json of version 1"):
        read_recipe_run(folder)
    write_json(folder / "recipe.json", {name: value for name, value in content.items() if name != "split"})
    with pytest.raises(ReadError, match=r"recipe.json: is not whole \(.*'split'\)"):
        read_recipe_run(folder)


# ---- pictures ----


def test_bars_show_reported_and_ours_and_nothing_where_there_is_nothing(make_run: MakeRun) -> None:
    runs = [read_recipe_run(make_run(split, "b", "b-convnet", split)) for split in ("patient", "published")]
    picture = bars(runs, "accuracy")
    assert picture is not None
    assert Image.open(io.BytesIO(picture)).size[0] > 800
    assert bars(runs, "specificity") is not None  # ours alone
    assert bars(runs, "kappa") is None


def test_roc_curves_are_of_the_test_windows_of_what_is_asked(make_run: MakeRun) -> None:
    """Eight windows a set, every other malignant, the k-th at k / 8."""
    run = read_recipe_run(make_run("us", "e5-us", "resnet18", "leave-one-set-out", sets=("bus-bra", "busi"), shortened=True))
    curves = roc_curves([run])
    assert [curve.name for curve in curves] == [f"resnet18, leave-one-set-out, tested on {name}, shortened" for name in ("bus-bra", "busi")]
    assert curves[0].labels == [False, True] * 4
    assert curves[0].scores == [number / 8 for number in range(8)]
    figure = run.figure("auc malignant against benign", "bus-bra")
    assert curves[0].interval == (figure.low, figure.high)


def test_compare_writes_its_tables_and_pictures(make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [make_run(split, "b", "b-convnet", split) for split in ("patient", "published")]
    with pytest.raises(SystemExit) as stop:
        main(["compare", *map(str, folders), "--out", str(tmp_path / "out")])
    assert stop.value.code == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["bars-b-accuracy.png", "bars-b-auc.png", "compare.md", "roc-b.png"]
    text = (tmp_path / "out" / "compare.md").read_text()
    assert all(f"]({name})" in text for name in names if name.endswith(".png"))
    assert capsys.readouterr().out.startswith("# Reported, and ours")


# ---- RESULTS.md ----


def test_a_run_that_was_stopped_before_its_figures_is_refused(make_run: MakeRun) -> None:
    run = make_run("one", "b", "b-convnet", "patient")
    write_metrics(run / "metrics.json", "a title alone", [])
    with pytest.raises(InputError, match="has no figures yet; go on with breastcad reproduce"):
        read_recipe_run(run)


def test_runs_that_differ_in_their_weights_or_their_question_have_other_names(make_run: MakeRun) -> None:
    given = [("one", "patient", "imagenet", "malignant against benign"), ("two", "patient", "none", "malignant against benign"),
             ("three", "published", "imagenet", "lesion against none")]  # fmt: skip
    runs = [
        read_recipe_run(make_run(name, "a4", "efficientnet-lite0", split, sets=("cbis-ddsm",), weights=weights, question=question))
        for name, split, weights, question in given
    ]
    assert rows_of(compared(runs))["figure"][1:] == [
        "ours, efficientnet-lite0, parted as published", "ours, efficientnet-lite0, split patient",
        "ours, efficientnet-lite0 from scratch, split patient",
    ]  # fmt: skip
    assert [curve.name for curve in roc_curves(runs[:2])] == [
        "efficientnet-lite0, split by patient", "efficientnet-lite0 from scratch, split by patient",
    ]  # fmt: skip
    assert roc_curves(runs)[0][0] == "efficientnet-lite0, split by patient, malignant against benign"


def test_original_windows_have_a_row_and_films_of_lesion_windows_an_auc(make_run: MakeRun, make_figure: Callable[..., Figure]) -> None:
    run = make_run("one", "a3", "efficientnet-lite0", "published", sets=("cbis-ddsm",), question="lesion against none")
    areas = {"auc lesion against none": ORIGINALS, "auc malignant against benign, by the probability of lesion": "breast"}
    figures = [make_figure(name, 0.5, "cbis-ddsm", level) for name, level in areas.items()]
    write_metrics(run / "metrics.json", "made up", [make_figure("auc lesion against none", 0.7, "cbis-ddsm"), *figures])
    rows = rows_of(compared([read_recipe_run(run)]))
    assert rows["AUC, original windows only"] == ["", "0.500 [0.400, 0.600]"]
    assert rows["AUC malignant against benign, by breast"] == ["", "0.500 [0.400, 0.600]"]
    assert "accuracy, original windows only" not in rows
    lines = [line for line in results_part([read_recipe_run(run)]).splitlines() if line.startswith("| [")]
    assert [" | -; 0.500 [0.400, 0.600]; - | " in line for line in lines] == [True, False]
    assert "cbis-ddsm: lesion against none, original windows only | 40; 12 | 0.500 [0.400, 0.600] |  |  | 1 |" in lines[1]


def test_results_say_what_was_run_and_what_was_not(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("b-patient", "b", "b-convnet", "patient", value=0.61)
    make_run("us", "e5-us", "efficientnet-lite0", "leave-one-set-out", sets=("bus-bra", "busi"), weights="imagenet", shortened=True)
    make_run("made-up", "c", "c-table-1", "patient", made_up=True)
    runs = recipe_runs(tmp_path / "results")
    assert [run.folder.name for run in runs] == ["b-patient", "us"]
    text = results_part(runs)
    rows = [line for line in text.splitlines() if line.startswith("| [")]
    assert rows[0] == (
        "| [b-patient](results/b-patient/) | b, b-convnet | none (from scratch) | patient | mini-mias: malignant against benign | 40; 12 |"
        " 0.660 [0.560, 0.760] | 0.610 [0.510, 0.710] | 0.670 [0.570, 0.770]; -; - | 1 | 3.5 | 2 epochs a network |  |"
    )
    assert len(rows) == 3
    assert (
        "| e5-us, efficientnet-lite0 for resnet18 | ImageNet; the publication's: none (from scratch) | leave-one-set-out | bus-bra: "
        in rows[1]
    )
    assert re.search(r"\| 2 epochs a network, \*\*shortened\*\*; full: about [\d.]+ (hours|minutes) \|  \|$", rows[2])
    left = [line for line in text.splitlines() if "| `breastcad reproduce " in line]
    assert len(left) == sum(len(one.networks) for one in recipes().values()) - 1  # one that stands in does not count as the network
    assert any(line.startswith("| c, c-table-1 | `breastcad reproduce c COLLECTION --network c-table-1 --out RUN` |") for line in left)
    assert not any("| b, b-convnet |" in line for line in left)


def test_results_are_filled_between_their_markers_and_seen_to_be_stale(make_run: MakeRun, tmp_path: Path) -> None:
    document = tmp_path / "RESULTS.md"
    write_text(document, f"before\n{BEGIN}\nold\n{END}\nafter\n")
    make_run("b-patient", "b", "b-convnet", "patient")
    assert fill_results(document, check=True)
    assert "old" in document.read_text()
    assert fill_results(document)
    assert not fill_results(document, check=True)
    text = document.read_text()
    assert text.startswith(f"before\n{BEGIN}\n### Publication A")
    assert text.endswith(f"{END}\nafter\n")
    assert "results/b-patient/" in text
    write_text(document, text.replace("| 3.5 |", "| 2.5 |"))
    ((written, wanted),) = stale_rows(document)
    assert written.replace("| 2.5 |", "| 3.5 |") == wanted
    row = next(line for line in text.splitlines() if "results/b-patient/" in line)
    write_text(document, text.replace(f"{row}\n", ""))
    assert stale_rows(document) == [("", row)]
    write_text(document, "nothing")
    with pytest.raises(ReadError, match=r"RESULTS.md: has no part between '<!-- recipes: results -->'"):
        fill_results(document)
