"""A made-up set of somebody's own: ultrasound images, masks and tables, once under our names and once under others with a map."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from breastcad.core.files import write_text
from breastcad.core.seeding import generator
from breastcad.phantom.pictures import grey_levels, write_png
from breastcad.phantom.record import WrittenPicture
from breastcad.phantom.ultrasound import ultrasound

DEFAULT_N = 6
SIZE_PX = 200, 260
_ORDER = ("benign", "malignant", "normal")
_IMAGES = ("File name", "patient_id", "exam_date", "modality", "side", "spacing_mm", "BI-RADS", "label", "comment")
_FINDINGS = ("image_id", "kind", "pathology", "mask_path", "row0", "col0", "row1", "col1")
_OTHER = ("Bild", "Fall", "Seite", "Befund", "BIRADS-Kategorie", "Abstand", "Maske")
_OTHER_WORDS = {"benign": "gutartig", "malignant": "bösartig", "normal": "o.B.", "": ""}
_BIRADS = {"benign": "3", "malignant": "5", "normal": "1"}
MAP = """\
# What the columns and words of table.csv mean:
#   breastcad import csv FOLDER --tables FOLDER/other-names --map FOLDER/other-names/map.yaml --out COLLECTION
set: made-up-clinic
title: A made-up clinic
licence: made up, free
images:
  path: Bild
  patient_id: Fall
  laterality: Seite
  label: Befund
  birads: BIRADS-Kategorie
  spacing_row_mm: Abstand
  spacing_col_mm: Abstand
findings:
  mask_path: Maske
  pathology: Befund
every:
  modality: US
labels:
  gutartig: benign
  bösartig: malignant
  o.B.: normal
sides:
  links: L
  rechts: R
# BI-RADS makes a label only where there is none, and only because of these lines.
birads:
  3: benign
  5: malignant
"""


def write(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write a made-up set of somebody's own.

    Parameters
    ----------
    folder : Path
        Gets `images`, `masks`, images.csv, findings.csv, and `other-names` with table.csv and map.yaml that say the same.
    n : int
        Images: benign, malignant, normal in turn, two of a woman.
    seed : int
    quirks : bool
        A row whose image is missing, one whose path leads out of the folder, an image that is listed twice, a side that is none, a
        box in place of a mask, a finding of an image that is not listed; in the other table an empty label.

    Returns
    -------
    list of WrittenPicture
    """
    written = []
    images: list[tuple[str, ...]] = [_IMAGES]
    findings: list[tuple[str, ...]] = [_FINDINGS]
    others: list[tuple[str, ...]] = [_OTHER]
    for index in range(n):
        label, name = _ORDER[index % 3], f"scan-{index + 1}"
        made = ultrasound(generator(seed, "phantom", "csv", index), *SIZE_PX, lesion=None if label == "normal" else label)
        write_png(folder / "images" / f"{name}.png", grey_levels(made.pixels))
        patient, side = f"W{index // 2 + 1}", ("left", "right")[index % 2]
        date = f"2020-01-{index % 28 + 1:02d}"
        side_said = "both" if quirks and index == 1 else side
        images.append((f"images/{name}.png", patient, date, "US", side_said, "0.1", _BIRADS[label], label.capitalize(), ""))
        mask = ""
        for lesion in made.lesions:
            mask = f"masks/{name}.png"
            write_png(folder / mask, lesion.mask)
            box = tuple(f"{edge:g}" for edge in lesion.box)
            findings.append((f"images/{name}", "mass", label, "" if quirks and index == 0 else mask, *box))
        word = "" if quirks and index == 1 else _OTHER_WORDS[label]
        others.append((f"images\\{name}.png", patient, {"left": "links", "right": "rechts"}[side], word, _BIRADS[label], "0,1", mask))
        written.append(WrittenPicture(f"images/{name}.png", *SIZE_PX, label, made.boxes, [label] * len(made.lesions)))
    if quirks:
        images.append(("images/scan-0.png", "W0", "", "US", "left", "", "", "benign", "listed but missing"))
        images.append(("../scan-1.png", "W0", "", "US", "left", "", "", "benign", "leads out of the folder"))
        images.append(("images/scan-1.png", "W1", "", "US", "left", "0.1", "", "benign", "listed before"))
        findings.append(("images/scan-99", "mass", "benign", "", "1", "2", "3", "4"))
    write_text(folder / "images.csv", _table(images, ","))
    write_text(folder / "findings.csv", _table(findings, ","))
    write_text(folder / "other-names" / "table.csv", _table(others, ";"))
    write_text(folder / "other-names" / "map.yaml", MAP)
    return written


def _table(rows: list[tuple[str, ...]], delimiter: str) -> str:
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return stream.getvalue()
