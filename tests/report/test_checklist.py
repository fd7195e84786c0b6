"""A run held against CLAIM 2024 and TRIPOD+AI: what is answered, in part, missing, the author's; nothing is answered that is not there."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import write_split
from breastcad.core.records import Collection, ImageRow, SplitRow
from breastcad.evaluate.figures import Figure, write_metrics
from breastcad.report.checklist import ANSWERED, AUTHOR, IN_PART, MISSING, _items, checklist, checklist_text
from breastcad.report.checklist_answers import ANSWERS
from breastcad.report.run_facts import read_run_facts

RESULTS = Path(__file__).resolve().parents[2] / "results"
IMAGES = [ImageRow("tiny", f"i{n}", present=int(n < 8), label=("benign", "malignant")[n % 2], modality="US") for n in range(9)]
COLLECTION = Collection(
    ".",
    IMAGES,
    facts={"set": "tiny", "title": "Tiny", "licence": "CC BY 4.0", "cite": "Nobody 2026", "counts": {"listed": 9, "missing": 1}},
)


def figure(name: str, set_name: str = "tiny", value: float = 0.8) -> Figure:
    return Figure(name, set_name, "test", "image", value, value - 0.1, value + 0.1, 8, 4, 8, "made up.")


def write_run(folder: Path, *, tested: str = "tiny") -> Path:
    """Write a run of two folds of eight images."""
    folder.mkdir(exist_ok=True)
    settings = {"network": "resnet18", "weights": "none", "modality": "US", "rows": 64, "cols": 64, "epochs": 3, "batch": 4, "rate": 0.1}
    (folder / "settings.yaml").write_text(
        yaml.safe_dump(settings | {"pipeline": "ultrasound", "members": 2, "choose_by": "auc", "class_weight": "balanced", "seed": 4})
    )
    (folder / "environment.json").write_text(
        json.dumps([{"breastcad": "0.1.0", "torch": "2.11.0"}, {"breastcad": "0.1.0", "torch": "2.12.0"}])
    )
    (folder / "folds.json").write_text(json.dumps([{"classes": ["benign", "malignant"]}, {"classes": ["benign", "malignant"]}]))
    (folder / "log.csv").write_text("epoch,part,seconds\n0,train,1800\n0,validation,\n1,train,1800\n")
    rows = [SplitRow("tiny", f"i{n}", f"g{n}", 0, fold, 0, "test" if n % 2 == fold else "train") for fold in range(2) for n in range(8)]
    counts = [{"part": part, "label": label, "images": 4} for part in ("train", "test") for label in ("benign", "malignant")]
    write_split(folder, rows, {"kind": "kfold", "folds": 2, "seed": 1, "by": "group", "leaks": [], "counts": counts})
    write_metrics(
        folder / "metrics.json", "made up", [figure("auc malignant against benign", tested), figure("sensitivity malignant", tested)]
    )
    (folder / "predictions.csv").write_text("set\n")
    return folder


def states(found) -> Counter:
    return Counter(item.state for item in found)


def test_both_lists_are_whole_and_every_answer_is_asked_for() -> None:
    claim, tripod = _items()["claim"], _items()["tripod"]
    assert [item["n"] for item in claim] == list(range(1, 45))
    assert len({item["n"] for item in tripod}) == len(tripod) == 52
    assert {item["n"].rstrip("abcdefg") for item in tripod} == {str(number) for number in range(1, 28)}
    assert {item["run"] for item in [*claim, *tripod] if "run" in item} == set(ANSWERS)
    always = {"technology", "retrospective", "detail", "availability", "objective", "predictors", "nobody_judged", "code", "poor_input"}
    for item in [*claim, *tripod]:
        assert item.get("todo") or item["run"] in always, item["n"]


def test_a_run_with_its_collection(tmp_path: Path) -> None:
    found = {(item.list, item.number): item for item in checklist(read_run_facts(write_run(tmp_path / "run"), [COLLECTION]))}
    claim = {number: item for (title, number), item in found.items() if title == "CLAIM 2024"}
    assert claim["7"].said == "tiny: Tiny; Nobody 2026; CC BY 4.0"
    assert claim["8"].said == "tiny: 9 images listed, 8 at hand, 8 in the split"
    assert claim["19"].said == "Split of kind 'kfold', 2 folds, seed 1; images that are in a part in any fold: test 8, train 8."
    assert claim["20"].said.startswith("Parts are disjoint by groups")
    assert claim["23"].said == "breastcad 0.1.0, torch 2.11.0; then breastcad 0.1.0, torch 2.12.0."
    assert claim["24"].said == "From scratch, seed 4."
    assert claim["25"].said == "epochs 3, batch 4, rate 0.1, seed 4, members 2; 1.0 hours in all on a machine not named."
    assert claim["27"].said == "2 networks a fold, whose mean is its answer."
    assert claim["37"].said.startswith("auc malignant against benign (tiny) 0.800 (0.700 to 0.900; n 8)")
    assert claim["39"].said == "tiny: 20.0% of the positive ones called wrong (sensitivity malignant); predictions.csv names them."
    assert [claim[number].state for number in ("7", "8", "33", "34")] == [ANSWERED, IN_PART, MISSING, AUTHOR]
    assert found["TRIPOD+AI", "13"].said.startswith("class_weight balanced. Labels, over all folds: train: benign 50%, malignant 50%")
    assert found["TRIPOD+AI", "17"].state == AUTHOR


def test_a_run_that_starts_from_another_says_so(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    for more, said in (
        ({"weights": "imagenet"}, "Weights 'imagenet'; the rest by seed 4."),
        ({"patch_run": "patches", "start_run": "none"}, "Weights of the run 'patches' (start.json of each fold); the rest by seed 4."),
    ):
        facts = read_run_facts(run)
        facts.settings.update(more)
        assert next(item.said for item in checklist(facts) if (item.list, item.number) == ("CLAIM 2024", "24")) == said


def test_what_is_not_there_is_missing_and_not_guessed(tmp_path: Path) -> None:
    """Settings alone: whatever needs a split, figures or a collection is missing; the author's items stay the author's."""
    whole = checklist(read_run_facts(write_run(tmp_path / "run"), [COLLECTION]))
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "settings.yaml").write_text("network: ''\n")
    bare = checklist(read_run_facts(tmp_path / "bare"))
    assert states(bare)[AUTHOR] == states(whole)[AUTHOR] == 30
    assert states(whole)[MISSING] < 10 < 35 < states(bare)[MISSING]
    said = {item.said for item in bare if item.state in (ANSWERED, IN_PART)}
    assert all(not any(word in text for word in ("tiny", "0.8", "auc")) for text in said)
    for item in bare:
        assert item.todo if item.state != ANSWERED else item.said
    without = checklist(read_run_facts(tmp_path / "run"))
    assert next(item for item in without if item.number == "7").todo == "Give the collections: breastcad checklist RUN COLLECTION..."


def test_a_test_on_another_set_is_external_and_leaks_are_said(tmp_path: Path) -> None:
    write_run(tmp_path / "run", tested="other")
    facts = json.loads((tmp_path / "run" / "split.json").read_text())
    (tmp_path / "run" / "split.json").write_text(json.dumps(facts | {"leaks": ["split leaks: windows of one film are in both parts"]}))
    claim = {item.number: item for item in checklist(read_run_facts(tmp_path / "run")) if item.list == "CLAIM 2024"}
    assert (claim["32"].state, claim["33"].state) == (MISSING, ANSWERED)
    assert claim["20"].said.startswith("It leaks: split leaks: windows of one film are in both parts.")
    assert "split leaks" in claim["40"].said


def test_sets_left_out_one_by_one_are_external(tmp_path: Path) -> None:
    """Both sets train in some fold; neither is tested by a fold that trained on it."""
    run = write_run(tmp_path / "run")
    rows = [
        SplitRow(name, f"i{n}", f"{name}{n}", 0, fold, 0, "test" if fold == place else "train")
        for fold in range(2) for place, name in enumerate(("tiny", "other")) for n in range(4)
    ]  # fmt: skip
    write_split(run, rows, {"kind": "leave-one-set-out", "seed": 1, "by": "group", "leaks": [], "counts": []})
    claim = {item.number: item for item in checklist(read_run_facts(run)) if item.list == "CLAIM 2024"}
    assert (claim["32"].state, claim["33"].state) == (MISSING, ANSWERED)
    assert "each set tested by what was trained on the others" in claim["33"].said
    assert "no test on another set" not in claim["40"].said


def test_windows_that_were_parted_at_random_are_not_called_images(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    facts = json.loads((run / "split.json").read_text())
    (run / "split.json").write_text(json.dumps(facts | {"by": "window", "leaks": ["split leaks: 8 groups"]}))
    said = {item.said for item in checklist(read_run_facts(run, [COLLECTION])) if item.list == "CLAIM 2024"}
    assert any("windows and copies that are in a part in any fold: test 8, train 8" in text for text in said)
    assert any("9 images listed, 8 at hand, 8 windows and copies in the split" in text for text in said)
    read = checklist(read_run_facts(run))
    assert any("has not seen it (but others of the same group, since the split leaks)" in item.said for item in read)


def test_the_text_counts_honestly(tmp_path: Path) -> None:
    facts = read_run_facts(write_run(tmp_path / "run"), [COLLECTION])
    found = checklist(facts)
    text, count = checklist_text(facts, found), states(found)
    assert f"| both | 96 | {count[ANSWERED]} | {count[IN_PART]} | {count[MISSING]} | {count[AUTHOR]} |" in text
    assert sum(line.startswith("| ") for line in text.splitlines()) == 96 + 2 + 4
    assert text.endswith("Research use only. Not a diagnosis.\n")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("folds.json", "{}", "folds.json: must be a list with what is known of each fold"),
        ("environment.json", "[]", "environment.json: must hold names and values"),
        ("log.csv", "seconds\nmany\n", "log.csv: has a 'seconds' that is no number"),
    ],
)
def test_files_that_cannot_be_read_are_named(tmp_path: Path, name: str, content: str, said: str) -> None:
    write_run(tmp_path / "run")
    (tmp_path / "run" / name).write_text(content)
    with pytest.raises(ReadError, match=said):
        read_run_facts(tmp_path / "run")


def test_what_is_no_run_and_another_collection_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is no run folder \(it has no settings.yaml\)"):
        read_run_facts(tmp_path)
    other = Collection(".", [], facts={"set": "busi"})
    with pytest.raises(InputError, match="a collection of 'busi' was given, but 'run' is of tiny; give those it was made with"):
        read_run_facts(write_run(tmp_path / "run"), [other])


@pytest.mark.parametrize(
    ("name", "counted", "external"), [("us-lesion", (27, 22, 17), MISSING), ("us-busi-to-bus-bra", (26, 19, 21), ANSWERED)]
)
def test_kept_runs(name: str, counted: tuple[int, int, int], external: str) -> None:
    """Without collections."""
    found = checklist(read_run_facts(RESULTS / name))
    assert tuple(states(found)[state] for state in (ANSWERED, IN_PART, MISSING)) == counted
    assert next(item for item in found if item.number == "33").state == external


def test_traditional_cad_answers_by_its_features_and_its_search(tmp_path: Path) -> None:
    """It has the setting of a network too, which only the group cnn uses: no network is named."""
    settings = {"task": "classical", "classifier": "svm", "features": "glcm, shape", "search": "inner", "network": "efficientnet-lite0"}
    (tmp_path / "settings.yaml").write_text(
        yaml.safe_dump(settings | {"modality": "MG", "context": 0.2, "rows": 224, "cols": 224, "seed": 3})
    )
    claim = {item.number: item.said for item in checklist(read_run_facts(tmp_path)) if item.list == "CLAIM 2024"}
    assert claim["1"] == "Machine learning on measured features: svm on glcm, shape, on mammograms."
    assert claim["9"] == "Windows as they were cut; context 0.2 (settings.yaml)."
    assert claim["26"] == "Its main parameters by inner folds of the training part, never on test."
    assert all("efficientnet" not in said for said in claim.values())
    found = checklist(read_run_facts(tmp_path))
    assert next(item.state for item in found if item.asks == "Who judged predictors") == MISSING  # an outline is somebody's
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings | {"features": "glcm, cnn", "weights": "imagenet", "seed": 3}))
    claim = {item.number: item.said for item in checklist(read_run_facts(tmp_path)) if item.list == "CLAIM 2024"}
    assert claim["1"].startswith("Machine learning on measured features: svm on glcm, cnn of efficientnet-lite0, on ")
    assert "network efficientnet-lite0, weights imagenet" in claim["22"]
    assert claim["24"] == "The features' network by weights 'imagenet'; the classifier by seed 3, where it draws any."


def test_windows_are_at_places_that_somebody_marked_and_a_recipe_says_how_they_were_prepared(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    settings = yaml.safe_load((run / "settings.yaml").read_text())
    del settings["pipeline"]
    (run / "settings.yaml").write_text(yaml.safe_dump(settings | {"task": "classifier"}))
    write_metrics(run / "metrics.json", "made up", [replace(figure("auc malignant against benign"), level="patch")])
    found = {item.asks: item for item in checklist(read_run_facts(run))}
    assert (found["Who judged predictors"].state, found["How predictors enter"].state) == (MISSING, MISSING)
    (run / "recipe.json").write_text(json.dumps({"recipe": "b"}))
    found = {item.asks: item for item in checklist(read_run_facts(run))}
    assert found["How predictors enter"].said == "Prepared as breastcad's recipe b says, to 64 x 64 pixels."


def test_subgroups_that_a_run_keeps_are_told(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")

    def said() -> str:
        return next(item.said for item in checklist(read_run_facts(run)) if item.number == "23a")

    assert said().endswith("No subgroups were looked at.")
    write_metrics(run / "subgroups.json", "made up", [figure("auc malignant against benign", "tiny, density A")])
    assert said().endswith("Subgroups: auc malignant against benign (tiny, density A) 0.800 (0.700 to 0.900; n 8).")
