"""The four tables of a made-up CBIS-DDSM, with the real ones' columns, words and line ends. Films are in `cbis_ddsm`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from breastcad.phantom.pictures import made_up_uid

_WORDS = {"mass": ("mass shape", "mass margins"), "calc": ("calc type", "calc distribution")}
_DENSITY = {"mass": "breast_density", "calc": "breast density"}
_TYPE = {"mass": "mass", "calc": "calcification"}
_CASE = {
    ("mass", "train"): "Mass-Training",
    ("mass", "test"): "Mass-Test",
    ("calc", "train"): "Calc-Training",
    ("calc", "test"): "Calc-Test",
}
# Every row of the real tables has a line break inside the quotes of one cell: of the crop's path or of the mask's.
_BROKEN = {"mass": "ROI mask file path", "calc": "cropped image file path"}
_PATHS = ("image file path", "cropped image file path", "ROI mask file path")


@dataclass(slots=True)
class TableRow:
    """One finding: ``kind`` mass or calc, ``part`` train or test, ``words`` its two descriptors, ``paths`` of film, crop and mask."""

    kind: str
    part: str
    patient: str
    density: int
    side: str
    view: str
    abnormality: int
    words: tuple[str, str]
    assessment: int
    pathology: str
    subtlety: int
    paths: tuple[str, str, str]


def row_of(
    draw: np.random.Generator, kind: str, part: str, number: int, side: str, view: str, *, abnormality: int, pathology: str
) -> TableRow:
    """Draw a row that suits a pathology (``MALIGNANT``, ``BENIGN`` or ``BENIGN_WITHOUT_CALLBACK``)."""
    malignant = pathology == "MALIGNANT"
    words = {
        "mass": ("IRREGULAR", "SPICULATED") if malignant else ("OVAL", "CIRCUMSCRIBED"),
        "calc": ("PLEOMORPHIC", "CLUSTERED") if malignant else ("PUNCTATE", "CLUSTERED"),
    }
    case = f"{_CASE[kind, part]}_P_{number:05d}_{side}_{view}"
    film = f"{case}/{made_up_uid(draw)}/{made_up_uid(draw)}/000000.dcm"
    region = f"{case}_{abnormality}/{made_up_uid(draw)}/{made_up_uid(draw)}"
    crop, mask = ("000001.dcm", "000000.dcm") if kind == "calc" else ("000000.dcm", "000001.dcm")
    assessment = {"MALIGNANT": (4, 5), "BENIGN": (3, 4), "BENIGN_WITHOUT_CALLBACK": (2, 2)}[pathology]
    return TableRow(
        kind=kind,
        part=part,
        patient=f"P_{number:05d}",
        density=int(draw.integers(1, 5)),
        side=side,
        view=view,
        abnormality=abnormality,
        words=words[kind],
        assessment=int(draw.choice(assessment)),
        pathology=pathology,
        subtlety=int(draw.integers(1, 6)),
        paths=(film, f"{region}/{crop}", f"{region}/{mask}"),
    )


def table_text(kind: str, rows: list[TableRow]) -> str:
    """Return a table as the archive has it: lines end with CR LF, one quoted cell of every row with a bare LF."""
    columns = ["patient_id", _DENSITY[kind], "left or right breast", "image view", "abnormality id", "abnormality type", *_WORDS[kind]]
    lines = [",".join([*columns, "assessment", "pathology", "subtlety", *_PATHS])]
    for row in rows:
        paths = [f'"{path}\n"' if name == _BROKEN[kind] else path for name, path in zip(_PATHS, row.paths, strict=True)]
        place = [row.patient, row.density, row.side, row.view, row.abnormality, _TYPE[kind]]
        lines.append(",".join(map(str, [*place, *row.words, row.assessment, row.pathology, row.subtlety, *paths])))
    return "\r\n".join(lines) + "\r\n"
