"""``breastcad split``."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from breastcad.commands import main
from breastcad.core.files import read_split, write_collection, write_patches
from breastcad.core.records import Collection, ImageRow, PatchRow
from breastcad.core.seeding import generator
from breastcad.datasets.splits import leaks


def _run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["split", *map(str, arguments)])
    assert isinstance(stop.value.code, int)
    return stop.value.code


def _collection(folder: Path, name: str, scenes: list[int], *, present: int = 1) -> Path:
    """Write a collection of ultrasound images; equal numbers are copies of one scene. Every third is malignant."""
    (folder / "pictures").mkdir(parents=True)
    images = []
    for number, scene in enumerate(scenes):
        noise = cv2.GaussianBlur(generator(scene, name, "scene").random((60, 80)), (0, 0), 3)
        cv2.imwrite(str(folder / "pictures" / f"{number}.png"), (255 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8))
        label = "malignant" if scene % 3 == 0 else "benign"
        images.append(ImageRow(name, f"{number}", path=f"{number}.png", present=present, modality="US", rows=60, cols=80, label=label))
    write_collection(folder, Collection(str(folder / "pictures"), images, facts={"set": name}))
    return folder


@pytest.fixture
def one(tmp_path: Path) -> Path:
    """Return a collection of 18 images of 12 scenes; the first six scenes are there twice."""
    return _collection(tmp_path / "one", "one", [*range(12), *range(6)])


@pytest.fixture
def two(tmp_path: Path) -> Path:
    return _collection(tmp_path / "two", "two", list(range(4)))


def test_an_enlarged_copy_stays_with_its_original_unless_asked_not_to(tmp_path: Path) -> None:
    folder = _collection(tmp_path / "one", "one", list(range(5)))
    random = generator(3, "detail")
    image = sum(cv2.GaussianBlur(random.standard_normal((240, 330)), (0, 0), sigma) * sigma for sigma in (2, 4, 8))
    image = (255 * (image - image.min()) / np.ptp(image)).astype(np.uint8)
    cv2.imwrite(str(folder / "pictures" / "0.png"), image)
    cv2.imwrite(str(folder / "pictures" / "4.png"), cv2.resize(image[24:216, 33:297], (330, 240)))
    for option, groups, said in ((), 4, True), (("--no-copies",), 5, False):
        out = tmp_path / f"split{groups}"
        assert _run(folder, "--out", out, "--folds", "2", *option) == 0
        assert len({row.group for row in read_split(out)}) == groups
        assert json.loads((out / "split.json").read_text())["copies"] is said


def test_kfold_keeps_copies_together(one: Path, two: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "split"
    assert _run(one, two, "--out", out, "--folds", "3", "--seed", "4") == 0
    rows = read_split(out)
    assert leaks(rows) == []
    assert len({row.group for row in rows}) == 16
    assert Counter((row.set, row.id) for row in rows if row.part == "test") == Counter({(row.set, row.id) for row in rows})
    facts = json.loads((out / "split.json").read_text())
    assert {key: facts[key] for key in ("format", "kind", "folds", "seed", "by", "leaks")} == {
        "format": "breastcad-split/1",
        "kind": "kfold",
        "folds": 3,
        "seed": 4,
        "by": "group",
        "leaks": [],
    }
    assert sum(line["images"] for line in facts["counts"]) == 3 * 22
    told = capsys.readouterr().out
    assert "fold 2" in told
    assert str(out) in told


def test_a_split_by_image_is_refused_and_not_written(one: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "split"
    assert _run(one, "--out", out, "--by", "image") == 1
    assert list(out.iterdir()) == []
    said = capsys.readouterr().err
    assert said.startswith("breastcad: split leaks: ")
    assert "are in both 'train' and 'test' of one fold (first: 'one/" in said
    assert said.endswith("split by group, or add --allow-leaks\n")


def test_allowed_leaks_are_written_down(one: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "split"
    assert _run(one, "--out", out, "--by", "image", "--allow-leaks") == 0
    facts = json.loads((out / "split.json").read_text())
    assert facts["leaks"] == leaks(read_split(out)) != []
    assert f"! {facts['leaks'][0]}" in capsys.readouterr().out


def test_holdout(one: Path, tmp_path: Path) -> None:
    assert _run(one, "--out", tmp_path / "split", "--kind", "holdout") == 0
    assert {row.outer for row in read_split(tmp_path / "split")} == {0}


def test_nested_is_written_read_audited_and_told(one: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "split"
    assert _run(one, "--out", out, "--kind", "nested", "--folds", "3", "--inner-folds", "2") == 0
    told = capsys.readouterr().out
    assert "What a fold does not test is parted into 2 inner folds." in told
    rows = read_split(out)
    assert {(row.outer, row.inner) for row in rows} == {(outer, inner) for outer in range(3) for inner in range(3)}
    assert leaks(rows) == []
    facts = json.loads((out / "split.json").read_text())
    assert (facts["kind"], facts["folds"], facts["inner_folds"], facts["validation_share"]) == ("nested", 3, 2, 0.1667)
    with pytest.raises(SystemExit) as stop:
        main(["audit", str(one), "--split", str(out), "--no-pixels", "--out", str(tmp_path / "audit")])
    assert stop.value.code == 0
    audited = json.loads((tmp_path / "audit" / "audit.json").read_text())
    assert len([check for check in audited["checks"] if check["name"] == "groups on both sides"]) == 9


def test_how_far_parts_differ_is_written_and_told(one: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """18 images, 6 of them malignant: 2 of 6 in a test part of a third would be no difference."""
    out = tmp_path / "split"
    assert _run(one, "--out", out, "--folds", "3", "--stratify", "label, density") == 0
    facts = json.loads((out / "split.json").read_text())
    assert facts["stratify"] == ["label", "density"]
    assert [(line["of"], line["part"]) for line in facts["balance"]] == [
        (name, part) for name in ("label", "kind", "density") for part in ("train", "validation", "test")
    ]
    largest = max(facts["balance"], key=lambda line: line["difference"])
    told = f"label {100 * largest['difference']:.1f} (benign, {largest['part']})"
    assert largest["difference"] == pytest.approx(abs(largest["share"] - largest["whole"]), abs=1e-4)
    assert largest["whole"] == pytest.approx(12 / 18, abs=1e-4)
    assert told in capsys.readouterr().out


@pytest.mark.parametrize("stratify", ["kind", "label,size", "label,label", ""])
def test_what_cannot_be_balanced_is_refused(one: Path, tmp_path: Path, stratify: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(one, "--out", tmp_path / "split", "--stratify", stratify) == 2
    said = f"--stratify takes label, and after it kind, density or both, with commas between them, got '{stratify}'"
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--inner-folds", "2"], "--inner-folds goes with --kind nested, not with --kind kfold"),
        (["--kind", "holdout", "--folds", "2"], "--folds goes with --kind kfold, nested, official, cleaned, not with --kind holdout"),
        (
            ["--kind", "holdout", "--validation-share", "0.2"],
            "--validation-share goes with --kind kfold, nested, across, official, cleaned,",
        ),
        (
            ["--kind", "official", "--stratify", "label,kind"],
            "--stratify goes with --kind holdout, kfold, nested, not with --kind official",
        ),
        (["--validation-share", "1"], "--validation-share must lie between 0 and 1, got 1.0"),
        (["--validation-share", "0"], "--validation-share must lie between 0 and 1, got 0.0"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    one: Path, tmp_path: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(one, "--out", tmp_path / "split", *options) == 2
    assert said in capsys.readouterr().err


def test_across_tests_on_the_other_set(one: Path, two: Path, tmp_path: Path) -> None:
    out = tmp_path / "split"
    assert _run(one, two, "--out", out, "--kind", "across", "--train-set", "two", "--test-set", "one") == 0
    assert {(row.set, row.part == "test") for row in read_split(out)} == {("one", True), ("two", False)}
    assert json.loads((out / "split.json").read_text())["test_sets"] == ["one"]


def test_sets_to_train_on_need_across(one: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(one, "--out", tmp_path / "split", "--train-set", "one") == 2
    assert "--train-set and --test-set go with --kind across, not with --kind kfold" in capsys.readouterr().err


def test_tables_alone_are_split_by_patient_and_it_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "tables"
    images = [ImageRow("tables", f"{number}", patient_id=f"p{number % 4}", label="benign", modality="US") for number in range(8)]
    write_collection(folder, Collection(str(tmp_path), [replace(image, present=0) for image in images], facts={"set": "tables"}))
    assert _run(folder, "--out", tmp_path / "split", "--folds", "2") == 0
    assert "! no image is present: parted by the tables alone" in capsys.readouterr().out
    rows = read_split(tmp_path / "split")
    assert (len(rows), len({row.group for row in rows}), leaks(rows)) == (16, 4, [])


def test_collections_without_images_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_collection(tmp_path / "none", Collection(str(tmp_path), [], facts={"set": "none"}))
    assert _run(tmp_path / "none", "--out", tmp_path / "split") == 2
    assert "these collections have no images, so there is nothing to split" in capsys.readouterr().err


def test_a_folder_that_is_not_empty_is_refused_unless_told(one: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(one, "--out", tmp_path, "--folds", "2") == 2
    assert "is not empty" in capsys.readouterr().err
    assert _run(one, "--out", tmp_path, "--folds", "2", "--overwrite") == 0


def test_one_seed_gives_one_file(one: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        assert _run(one, "--out", tmp_path / name) == 0
    assert (tmp_path / "first" / "split.csv").read_bytes() == (tmp_path / "second" / "split.csv").read_bytes()
    assert (tmp_path / "first" / "split.json").read_bytes() == (tmp_path / "second" / "split.json").read_bytes()


def test_an_image_that_is_gone_is_left_out_and_said(one: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (one / "pictures" / "3.png").unlink()
    (one / "pictures" / "4.png").write_bytes(b"")
    assert _run(one, "--out", tmp_path / "split", "--folds", "3") == 0
    assert {row.id for row in read_split(tmp_path / "split")} == {str(number) for number in range(18)} - {"3", "4"}
    said = capsys.readouterr().out
    assert "! left out: one 3: 3.png: does not exist; import the set again" in said
    assert "! left out: one 4: 4.png: is empty (0 bytes); import the set again" in said


def test_a_fault_of_a_collection_names_its_folder_as_it_was_given(one: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "deep" / "er" / "none"
    assert _run(one, wrong, "--out", tmp_path / "out") == 2
    assert capsys.readouterr().err.startswith(f"breastcad: '{wrong}' is no collection (it has no collection.json); make one with: ")
    (one / "images.csv").write_text("set\nx\n")
    assert _run(one, "--out", tmp_path / "out") == 2
    assert capsys.readouterr().err == f"breastcad: '{one}': images.csv: lacks the column 'image_id'\n"


def test_a_fold_a_set(one: Path, two: Path, tmp_path: Path) -> None:
    assert _run(one, two, "--out", tmp_path / "split", "--kind", "leave-one-set-out", "--validation-share", "0.25") == 0
    rows = read_split(tmp_path / "split")
    assert {(row.outer, row.set) for row in rows if row.part == "test"} == {(0, "one"), (1, "two")}
    facts = json.loads((tmp_path / "split" / "split.json").read_text())
    assert (facts["kind"], facts["validation_share"], facts["remarks"][0]) == ("leave-one-set-out", 0.25, "fold 0 tests one")


def _windows(folder: Path, collection: str, group: str | None) -> Path:
    places = [(image, place) for image in range(6) for place in range(2)]
    rows = [
        PatchRow(f"{collection}/{image}/{place}", "image", collection, f"{image}", None, 0, place, 8, 8, label="benign", group=group)
        for image, place in places
    ]
    write_patches(folder / "patches.csv", rows)
    return folder


def test_windows_and_copies_are_parted_at_random_only_where_leaks_are_allowed(
    one: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "patches").mkdir()
    windows = _windows(tmp_path / "patches", "one", "g")
    call = [one, "--out", tmp_path / "split", "--patches", windows, "--window-copies", "3", "--folds", "3"]
    assert _run(*call) == 1
    assert "split leaks: 1 group is in both 'train' and 'test'" in capsys.readouterr().err
    assert _run(*call, "--allow-leaks") == 0
    rows = read_split(tmp_path / "split")
    assert len(rows) == 12 * 3 * 3
    assert sum(row.part == "test" for row in rows) == 36
    facts = json.loads((tmp_path / "split" / "split.json").read_text())
    assert (facts["kind"], facts["window_copies"], facts["by"], len(facts["leaks"])) == ("windows", 3, "window", 3)
    assert sum(line["images"] for line in facts["counts"] if line["part"] == "test") == 36
    assert "windows and copies: train / validation / test" in capsys.readouterr().out


def test_what_does_not_go_with_windows_is_refused(one: Path, two: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "patches").mkdir()
    windows = _windows(tmp_path / "patches", "one", "g")
    for collection, options, sentence in (
        (one, ("--window-copies", "2"), "--window-copies goes with --patches; copies of images are made by breastcad augment"),
        (
            one,
            ("--patches", windows, "--kind", "holdout"),
            "--patches parts windows at random into --folds folds; leave out --kind and --by",
        ),
        (
            two,
            ("--patches", windows),
            "window 'one/0/0' is of an image that is in no collection given; give those the windows were cut from",
        ),
    ):
        assert _run(collection, "--out", tmp_path / "split", *options) == 2
        assert sentence in capsys.readouterr().err
        assert not (tmp_path / "split").exists()
