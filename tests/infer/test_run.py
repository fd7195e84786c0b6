"""Many files in one call: choice of model and modality, faults among good files, exams, frames, identifiers, the same twice."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import jsonschema
import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

import breastcad
from breastcad.core.errors import InputError
from breastcad.core.files import read_analysis, write_analysis
from breastcad.core.records import ImageResult, Skipped
from breastcad.infer import pictures as pictures_module
from breastcad.infer import run as run_module
from breastcad.infer.pictures import FRAMES_AT_MOST
from breastcad.infer.run import analyze, analyze_files
from breastcad.models import catalogue

MakeModel = Callable[..., Path]
SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "findings.schema.json"


@pytest.fixture
def shelf(tmp_path_factory: pytest.TempPathFactory, tiny_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the bundled models be the tiny ones."""
    folder = tmp_path_factory.mktemp("bundled")
    for modality, name in (("US", "us-lesion"), ("MG", "mg-lesion")):
        (folder / f"{name}.onnx").write_bytes(tiny_model(modality).read_bytes())
    monkeypatch.setattr(catalogue, "BUNDLED", folder)
    return folder


def scan(rows: int = 120, cols: int = 160, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).rayleigh(50, (rows, cols)).clip(0, 255).astype(np.uint8)


def film(rows: int = 240, cols: int = 160, *, right: bool = False) -> np.ndarray:
    down, across = np.mgrid[:rows, :cols]
    inside = ((down - rows / 2) / (0.4 * rows)) ** 2 + (across / (0.6 * cols)) ** 2 <= 1
    pixels = np.where(inside, 100 + 60 * down / rows, 0).astype(np.uint8)
    return pixels[:, ::-1] if right else pixels


def write_png(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)
    return path


def write_dicom(path: Path, pixels: np.ndarray | None, *, cut: int = 0, **tags: object) -> Path:
    """Write 8-bit pixels (H, W) or (frames, H, W) as MONOCHROME2, or a data set without pixels; `cut` bytes are left off the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid(entropy_srcs=[path.name])
    dataset.PatientID, dataset.PatientName = "PAT0042", "DOE^JANE"
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=["study"])
    if pixels is not None:
        dataset.Rows, dataset.Columns = pixels.shape[-2:]
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = 7, 0, 1
        dataset.PhotometricInterpretation = "MONOCHROME2"
        if pixels.ndim == 3:
            dataset.NumberOfFrames = len(pixels)
        dataset.PixelData = pixels.tobytes()
        dataset["PixelData"].VR = "OW"
    for name, value in tags.items():
        setattr(dataset, name, value)
    dataset.save_as(path, enforce_file_format=True)
    if cut:
        path.write_bytes(path.read_bytes()[:-cut])
    return path


def huge_png(rows: int = 60000, cols: int = 60000) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", cols, rows, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def write_faults(folder: Path) -> None:
    """Write six files that cannot be analysed."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "notes.txt").write_text("not an image\n")
    whole = write_png(folder / "truncated.png", scan()).read_bytes()
    (folder / "truncated.png").write_bytes(whole[: len(whole) // 2])
    (folder / "zero.png").write_bytes(b"")
    (folder / "huge.png").write_bytes(huge_png())
    write_dicom(folder / "no_pixels.dcm", None, Modality="MG")
    write_dicom(folder / "lies.dcm", film(), cut=1000, Modality="MG")


def test_faults_among_good_files_are_skipped_with_reasons(tmp_path: Path, tiny_model: MakeModel) -> None:
    write_faults(tmp_path / "in")
    write_png(tmp_path / "in" / "benign (1).png", scan())
    write_png(tmp_path / "in" / "benign (1)_mask.png", scan())
    write_png(tmp_path / "in" / "two-valued.png", (scan() > 40).astype(np.uint8) * 255)
    found = analyze(tmp_path / "in", model=tiny_model("US"))
    assert [image.source for image in found.images] == ["benign (1).png"]
    reasons = {item.source: item.reason for item in found.skipped}
    assert reasons["notes.txt"] == "not an image"
    assert reasons["benign (1)_mask.png"] == "a mask (named as BUSI's are)"
    assert reasons["two-valued.png"] == "a mask (it has two grey levels only)"
    assert "60000 x 60000" in reasons["huge.png"]
    assert "empty" in reasons["zero.png"]
    assert "truncated" in reasons["truncated.png"]
    assert "Pixel Data" in reasons["no_pixels.dcm"]
    assert len(reasons) == 8


def test_a_picture_of_a_kind_that_is_not_read_is_skipped_with_what_to_do(tmp_path: Path, tiny_model: MakeModel) -> None:
    for kind in ("gif", "bmp", "webp"):
        Image.fromarray(scan()).save(tmp_path / f"scan.{kind}")
    found = analyze(tmp_path, model=tiny_model("US"))
    assert [image.source for image in found.images] == ["scan.bmp"]
    reason = "is a {} picture, a format that is not read; convert it to PNG"
    assert {item.source: item.reason for item in found.skipped} == {f"scan.{k}": reason.format(k.upper()) for k in ("gif", "webp")}


def test_an_animated_png_is_analysed_with_a_warning(tmp_path: Path, tiny_model: MakeModel) -> None:
    Image.fromarray(scan()).save(tmp_path / "a.png", save_all=True, append_images=[Image.fromarray(scan() // 2)])
    found = analyze(tmp_path / "a.png", model=tiny_model("US"))
    assert "the file is an animated PNG of 2 pictures; the first was read" in found.images[0].warnings


def test_only_bad_files_give_no_image_and_no_error(tmp_path: Path, tiny_model: MakeModel) -> None:
    write_faults(tmp_path / "in")
    found = analyze(tmp_path / "in", model=tiny_model("US"))
    assert (found.images, len(found.skipped), found.exams, found.models) == ([], 6, [], [])


def test_a_reader_that_breaks_in_a_way_nobody_foresaw_stops_nothing(
    tmp_path: Path, tiny_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        write_png(tmp_path / f"{name}.png", scan())
    whole = pictures_module.open_picture

    def broken(path: Path, frame: int | None = None) -> object:
        if path.name == "b.png":
            raise KeyError("JANE DOE")
        if path.name == "c.png":
            raise PermissionError(13, "Permission denied")
        return whole(path, frame)

    monkeypatch.setattr(pictures_module, "open_picture", broken)
    found = analyze(tmp_path, model=tiny_model("US"))
    assert [image.source for image in found.images] == ["a.png"]
    assert [item.reason for item in found.skipped] == ["cannot be read (KeyError)", "cannot be opened (Permission denied)"]


def test_a_file_in_a_folder_that_may_not_be_entered_stops_nothing(
    tmp_path: Path, tiny_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        write_png(tmp_path / f"{name}.png", scan())
    whole = Path.is_file

    def is_file(path: Path) -> bool:
        if path.name == "a.png":
            raise PermissionError(13, "Permission denied", str(path))
        return whole(path)

    monkeypatch.setattr(Path, "is_file", is_file)
    found = analyze(tmp_path, model=tiny_model("US"))
    assert [image.source for image in found.images] == ["b.png"]
    assert [item.reason for item in found.skipped] == ["cannot be opened (Permission denied)"]


def test_a_picture_that_breaks_the_model_stops_nothing(tmp_path: Path, tiny_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c"):
        write_png(tmp_path / f"{name}.png", scan())
    whole, calls = run_module.look, []

    def broken(*arguments: Any) -> object:
        calls.append(arguments)
        if len(calls) == 2:
            raise OverflowError("JANE DOE")
        return whole(*arguments)

    monkeypatch.setattr(run_module, "look", broken)
    found = analyze(tmp_path, model=tiny_model("US"))
    assert [(image.image, image.source) for image in found.images] == [("0000", "a.png"), ("0001", "c.png")]
    assert [(item.source, item.reason) for item in found.skipped] == [("b.png", "cannot be analysed (OverflowError)")]


def test_an_interrupt_passes_through(tmp_path: Path, tiny_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: Any) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "look", interrupted)
    with pytest.raises(KeyboardInterrupt):
        analyze(write_png(tmp_path / "a.png", scan()), model=tiny_model("US"))


# ---- modality and model ----


def test_the_tag_goes_before_the_call_and_the_contradiction_is_said(tmp_path: Path, shelf: Path) -> None:
    write_dicom(tmp_path / "a.dcm", film(), Modality="MG")
    (image,) = analyze(tmp_path, modality="US").images
    assert (image.modality, image.models) == ("MG", ["tiny-mg"])
    assert "analysed as MG, as its tag says, although the call says US" in image.warnings


def test_the_call_goes_before_the_guess(tmp_path: Path, shelf: Path) -> None:
    write_png(tmp_path / "a.png", scan())
    (image,) = analyze(tmp_path, modality="MG").images
    assert (image.modality, image.models) == ("MG", ["tiny-mg"])
    assert not any("guess" in warning for warning in image.warnings)


@pytest.mark.parametrize(("pixels", "modality"), [(scan(), "US"), (film(), "MG")])
def test_a_guess_is_said(tmp_path: Path, shelf: Path, pixels: np.ndarray, modality: str) -> None:
    write_png(tmp_path / "a.png", pixels)
    (image,) = analyze(tmp_path).images
    assert image.modality == modality
    assert image.warnings[0] == f"modality guessed as {modality} from the picture's texture; say which with --modality"


def test_a_modality_that_says_too_little_is_guessed_at(tmp_path: Path, shelf: Path) -> None:
    write_dicom(tmp_path / "a.dcm", film(), Modality="OT")
    (image,) = analyze(tmp_path).images
    assert image.modality == "MG"
    assert any("guessed as MG" in warning for warning in image.warnings)


@pytest.mark.parametrize("modality", ["CT", "SEG"])
def test_other_modalities_are_skipped(tmp_path: Path, shelf: Path, modality: str) -> None:
    write_dicom(tmp_path / "a.dcm", film(), Modality=modality)
    (item,) = analyze(tmp_path).skipped
    assert item.reason == f"its modality is {modality}; mammograms (MG) and ultrasound (US) are analysed"


def test_an_x_ray_of_another_part_of_the_body_is_skipped_and_a_mammogram_that_says_so_is_warned_about(tmp_path: Path, shelf: Path) -> None:
    for number, (modality, part) in enumerate([("DX", "CHEST"), ("DX", "BREAST"), ("CR", "MAMMA"), ("MG", "CHEST"), (None, "HEAD")]):
        write_dicom(tmp_path / f"{number}.dcm", film(), Modality=modality, BodyPartExamined=part)
    found = analyze(tmp_path)
    assert [(item.source, item.reason) for item in found.skipped] == [
        ("0.dcm", "the file says that it shows another part of the body (CHEST)"),
        ("4.dcm", "the file says that it shows another part of the body (HEAD)"),
    ]
    said = "(0018,0015) 'Body Part Examined' says CHEST, not the breast"
    assert [(image.source, said in image.warnings) for image in found.images] == [("1.dcm", False), ("2.dcm", False), ("3.dcm", True)]


def test_a_named_model_looks_at_all_and_says_where_a_picture_is_unlike_it(tmp_path: Path, tiny_model: MakeModel) -> None:
    write_png(tmp_path / "a.png", film())
    write_png(tmp_path / "b.png", scan())
    found = analyze(tmp_path, model=tiny_model("US"))
    assert [image.modality for image in found.images] == ["US", "US"]
    assert found.images[0].warnings[0] == "the picture looks like MG, but the model tiny-us is for US"
    assert "looks like" not in " ".join(found.images[1].warnings)
    assert [model.id for model in found.models] == ["tiny-us"]


def test_a_model_of_the_other_modality_than_the_file_is_abstained_from_and_counts_in_no_exam(tmp_path: Path, tiny_model: MakeModel) -> None:
    write_dicom(tmp_path / "a.dcm", film(), Modality="MG", ImageLaterality="L")
    found = analyze(tmp_path, model=tiny_model("US"))
    (image,) = found.images
    assert (image.abstained, image.decision) == (True, None)
    assert image.warnings[0] == "abstained: the model tiny-us is for US, but the file says MG: its numbers mean nothing"
    assert [exam.breasts for exam in found.exams] == [{}]


def test_a_model_of_the_other_modality_than_the_call_is_refused(tmp_path: Path, tiny_model: MakeModel) -> None:
    write_png(tmp_path / "a.png", scan())
    with pytest.raises(InputError, match="the model tiny-mg is for MG, but the call says US; leave one of the two out"):
        analyze_files([tmp_path], model=tiny_model("MG"), modality="US")
    assert analyze(tmp_path, model=tiny_model("MG"), modality="MG").images


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"modality": "CT"}, "modality must be MG or US, got 'CT'"),
        ({"exam": "woman"}, "exam must be study or folder, got 'woman'"),
        ({"model": "none-such"}, "unknown model 'none-such'"),
    ],
)
def test_calls_that_cannot_be_taken(tmp_path: Path, shelf: Path, options: dict[str, str], words: str) -> None:
    write_png(tmp_path / "a.png", scan())
    with pytest.raises(InputError, match=words):
        analyze_files([tmp_path], **options)


def test_an_installation_without_models_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "BUNDLED", tmp_path)
    with pytest.raises(InputError, match=r"no models are bundled in this installation; name an \.onnx file or a run folder with --model"):
        analyze_files([tmp_path])


# ---- frames, exams, identifiers ----


def test_every_frame_of_ultrasound_is_an_image(tmp_path: Path, tiny_model: MakeModel) -> None:
    write_dicom(tmp_path / "clip.dcm", np.stack([scan(seed=k) for k in range(3)]), Modality="US")
    images = analyze(tmp_path, model=tiny_model("US")).images
    assert [(image.image, image.frame) for image in images] == [("0000", 0), ("0001", 1), ("0002", 2)]
    assert len({image.probability["abnormal"] for image in images if image.probability}) == 3
    assert len({image.sha256 for image in images}) == 1


def test_of_too_many_frames_some_are_taken_evenly_and_it_is_said(tmp_path: Path, tiny_model: MakeModel) -> None:
    count = 2 * FRAMES_AT_MOST
    write_dicom(tmp_path / "clip.dcm", np.stack([scan(24, 20, seed=k) for k in range(count)]), Modality="US")
    images = analyze(tmp_path, model=tiny_model("US")).images
    frames = [image.frame for image in images]
    assert (len(frames), frames[0], frames[-1], len(set(frames))) == (FRAMES_AT_MOST, 0, count - 1, FRAMES_AT_MOST)
    assert all(f"{FRAMES_AT_MOST} of the file's {count} frames were analysed, evenly spaced" in image.warnings for image in images)


@pytest.mark.quirk("DCM-Q10")
def test_tomosynthesis_is_skipped(tmp_path: Path, tiny_model: MakeModel) -> None:
    write_dicom(tmp_path / "a.dcm", np.stack([film(24, 20)] * 60), Modality="MG")  # more than FRAMES_AT_MOST
    write_dicom(tmp_path / "b.dcm", film(), Modality="MG", ImageType=["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "NONE"])
    write_dicom(tmp_path / "c.dcm", np.stack([film(24, 20)] * 3), Modality="CT")
    found = analyze(tmp_path, model=tiny_model("MG"))
    assert found.images == []
    assert [item.reason for item in found.skipped] == [
        "a mammogram of 60 frames (tomosynthesis); single projections are analysed",
        "a tomosynthesis slice; single projections are analysed",
        "its modality is CT; mammograms (MG) and ultrasound (US) are analysed",
    ]


def test_views_are_joined_by_study_and_by_folder(tmp_path: Path, tiny_model: MakeModel) -> None:
    for number, (study, side) in enumerate([("s1", "L"), ("s1", "R"), ("s2", "L")]):
        tags = {"Modality": "MG", "ImageLaterality": side, "StudyInstanceUID": generate_uid(entropy_srcs=[study])}
        write_dicom(tmp_path / "in" / f"{number}.dcm", film(right=side == "R"), **tags)
    write_png(tmp_path / "in" / "loose" / "3.png", film())
    by_study = analyze(tmp_path / "in", model=tiny_model("MG"))
    assert [(exam.exam, exam.images, list(exam.breasts)) for exam in by_study.exams] == [
        ("1", ["0000", "0001"], ["L", "R"]),
        ("2", ["0002"], ["L"]),
    ]
    by_folder = analyze(tmp_path / "in", model=tiny_model("MG"), exam="folder")
    assert [exam.images for exam in by_folder.exams] == [["0000", "0001", "0002"], ["0003"]]
    assert by_study.analysis != by_folder.analysis


def test_a_folder_of_two_women_is_no_breast_of_one(tmp_path: Path, tiny_model: MakeModel) -> None:
    for number, woman in enumerate(("ZZ9998", "ZZ9999")):
        pixels = film()
        pixels[120, 10] = 100 + number
        write_dicom(tmp_path / f"{number}.dcm", pixels, Modality="MG", ImageLaterality="L", PatientID=woman, PatientName=f"N^{number}")
    found = analyze(tmp_path, model=tiny_model("MG"), exam="folder")
    assert [exam.images for exam in found.exams] == [["0000"], ["0001"]]
    assert "the folder holds images of 2 patients; each one's are an exam of their own" in found.exams[0].warnings


@pytest.mark.quirk("CBIS-Q14")
def test_the_four_ids_of_a_woman_of_cbis_ddsm_are_one_exam_and_her_crops_are_skipped(tmp_path: Path, tiny_model: MakeModel) -> None:
    for number, case in enumerate(["LEFT_CC", "LEFT_MLO", "RIGHT_CC", "RIGHT_MLO", "LEFT_CC_1"]):
        tags = {"PatientID": f"Mass-Test_P_00820_{case}", "StudyInstanceUID": generate_uid(entropy_srcs=[case]), "Modality": "MG"}
        write_dicom(tmp_path / f"{number}.dcm", film(), **tags)
    found = analyze(tmp_path, model=tiny_model("MG"))
    assert [exam.images for exam in found.exams] == [["0000", "0001", "0002", "0003"]]
    assert [item.reason for item in found.skipped] == ["a mask or a crop (its patient id is that of a CBIS-DDSM finding)"]


def test_no_identifier_is_in_the_record_not_even_one_learnt_late(tmp_path: Path, tiny_model: MakeModel) -> None:
    uid = generate_uid(entropy_srcs=["series"])
    write_png(tmp_path / "in" / "a" / "pat0042.png", scan())  # read before any file says that this is a patient's id
    write_dicom(tmp_path / "in" / "b" / "Doe_Jane" / f"{uid}.dcm", scan(), Modality="US")
    write_dicom(tmp_path / "in" / "c" / "ZZ9999" / "x.dcm", None, Modality="US", PatientID="ZZ9999")  # itself not readable
    found = analyze(tmp_path / "in", model=tiny_model("US"))
    text = json.dumps(asdict(found)).lower()
    for private in ("pat0042", "zz9999", "doe", "jane", uid):
        assert private not in text
    assert [image.source for image in found.images] == ["a/#4.png", "b/#1/#2.dcm"]
    assert [item.source for item in found.skipped] == ["c/#3/x.dcm"]


def test_no_identifier_of_a_file_that_is_skipped_by_its_name_is_in_the_record(tmp_path: Path, tiny_model: MakeModel) -> None:
    write_dicom(tmp_path / "in" / "PAT0042_mask.dcm", film(), Modality="MG")
    write_dicom(tmp_path / "in" / "Doe Jane" / "ROI mask images" / "1.dcm", None, Modality="MG")
    (tmp_path / "in" / "mask_1.png").write_bytes(b"")
    found = analyze(tmp_path / "in", model=tiny_model("MG"))
    assert [(item.source, item.reason) for item in found.skipped] == [
        ("#1.dcm", "a mask (named as BUSI's are)"),
        ("mask_1.png", "a mask (named as BUS-BRA's are)"),
        ("#2/ROI mask images/1.dcm", "a mask or a crop (foldered as CBIS-DDSM's are)"),
    ]


# ---- the record ----


def test_the_record_fits_the_schema_and_reads_back(tmp_path: Path, tiny_model: MakeModel) -> None:
    write_faults(tmp_path / "in")
    write_dicom(tmp_path / "in" / "a.dcm", film(), Modality="MG", ImageLaterality="L", PixelSpacing=[0.1, 0.2])
    write_png(tmp_path / "in" / "flat.png", np.full((30, 20), 99, np.uint8))
    write_png(tmp_path / "in" / "back\\slash.png", film())
    found = analyze(tmp_path / "in", model=tiny_model("MG"))
    write_analysis(tmp_path / "findings.json", found)
    jsonschema.validate(json.loads((tmp_path / "findings.json").read_text()), json.loads(SCHEMA.read_text()))
    assert read_analysis(tmp_path / "findings.json") == found


def test_a_flat_picture_is_abstained_from_with_its_probability_and_without_a_decision(tmp_path: Path, tiny_model: MakeModel) -> None:
    write_png(tmp_path / "flat.png", np.full((30, 40), 99, np.uint8))
    (image,) = analyze(tmp_path, model=tiny_model("US")).images
    assert (image.abstained, image.decision) == (True, None)
    assert image.probability is not None
    assert image.warnings[0] == "abstained: the picture is almost uniform"


def test_the_same_call_twice_gives_the_same_and_a_name_changes_no_id(tmp_path: Path, tiny_model: MakeModel) -> None:
    write_png(tmp_path / "one" / "a.png", scan())
    write_png(tmp_path / "two" / "b.png", scan())
    model = tiny_model("US")
    first, again, renamed = (
        analyze(tmp_path / "one", model=model),
        analyze(tmp_path / "one", model=model),
        analyze(tmp_path / "two", model=model),
    )
    assert first == again
    assert first.analysis == renamed.analysis
    write_png(tmp_path / "two" / "b.png", scan(seed=1))
    assert analyze(tmp_path / "two", model=model).analysis != first.analysis


def test_one_result_at_a_time_with_what_pictures_are_made_from(tmp_path: Path, tiny_model: MakeModel) -> None:
    write_png(tmp_path / "a.png", scan())
    write_png(tmp_path / "b.png", scan(80, 60))
    run = analyze_files([tmp_path], model=tiny_model("US"))
    item = next(run)
    assert not isinstance(item, Skipped)
    assert (item.source_path, item.frame, item.heat_map_of) == (tmp_path / "a.png", None, "malignant")
    assert item.picture.pixels.shape == item.heat_map.shape == (item.result.rows, item.result.cols) == (120, 160)
    assert item.masks is not None
    assert len(item.masks) == len(item.result.findings)
    rest: list[ImageResult] = [other.result for other in run if not isinstance(other, Skipped)]
    assert [image.image for image in run.assemble([item.result, *rest], []).images] == ["0000", "0001"]
    assert run.model_facts()["tiny-us"]["seen"] == "B-mode ultrasound"


def test_the_three_lines_of_python(tmp_path: Path, shelf: Path) -> None:
    found = breastcad.analyze(str(write_png(tmp_path / "a.png", scan())))
    assert found.images[0].probability is not None
    assert breastcad.analyze([tmp_path / "a.png"]) == found


def test_what_is_needed_later_is_done_once_while_the_first_model_is_loaded(shelf: Path, tmp_path: Path) -> None:
    done: list[str] = []

    def broken() -> None:
        done.append("once")
        raise ValueError("met where it is needed")

    run = analyze_files([write_png(tmp_path / "a.png", scan()), write_png(tmp_path / "b.png", scan(seed=1))], modality="US")
    run.meanwhile = broken
    assert len([item for item in run if not isinstance(item, Skipped)]) == 2
    assert done == ["once"]
