"""Files to pictures, one at a time: what is no picture to analyse is told with a reason, and no fault of a file stops the others.

What is made of each picture is the caller's: findings (`run`), heat maps of windows (`heat_maps`).
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from breastcad.core.errors import InputError, ReadError
from breastcad.core.records import Picture, Skipped
from breastcad.infer.checks import is_two_valued
from breastcad.infer.inputs import InputFile, is_cbis_crop_or_mask, known_reason
from breastcad.infer.names import Names
from breastcad.read import count_frames, identifiers, open_picture
from breastcad.read.files import kind_of

MODALITIES = ("MG", "US")
# Kinds of DICOM object whose modality says too little to be believed: what they show is anybody's guess.
UNSPECIFIC = frozenset({"OT", "SC", "CR", "DX", "XC", "DOC"})
FRAMES_AT_MOST = 32
Item = TypeVar("Item")


class Pictures(ABC, Generic[Item]):
    """Files as an iterator of what is made of each picture, and of `Skipped`; nothing is read before it is iterated, once.

    Parameters
    ----------
    files : sequence of InputFile
    """

    def __init__(self, files: Sequence[InputFile]) -> None:
        self.files = list(files)
        self._names = Names()
        self._results = self._all()

    def __iter__(self) -> Iterator[Item | Skipped]:
        return self._results

    def __next__(self) -> Item | Skipped:
        return next(self._results)

    @abstractmethod
    def _analysed(self, file: InputFile, picture: Picture, sha256: str, image_id: str) -> Item:
        """Return what is made of a picture; what it raises becomes the reason of a `Skipped`."""

    def _all(self) -> Iterator[Item | Skipped]:
        count = 0
        for file in self.files:
            for item in self._file(file, count):
                count += not isinstance(item, Skipped)
                yield item

    def _file(self, file: InputFile, count: int) -> Iterator[Item | Skipped]:
        """Give one result a frame of a file, or one reason why there is none."""
        try:
            if (reason := known_reason(file)) is not None:
                self._names.learn(identifiers(file.path))
                raise NotForAnalysis(reason)
            if kind_of(file.path) is None:
                raise NotForAnalysis("not an image")
            total = count_frames(file.path)
            sha256 = _sha256(file.path)
        except Exception as error:  # whatever a damaged file does to a decoder, the others are still analysed
            yield self._failed(file, error)
            return
        frames, cut = _frames(total)
        for frame in frames:
            where = "" if frame is None else f"frame {frame}: "
            try:
                picture = open_picture(file.path, frame)
                self._names.learn(picture.private)
                self._refuse(picture, total)
            except WholeFileNotForAnalysis as error:
                yield self._failed(file, error)
                return
            except Exception as error:  # as above
                yield self._failed(file, error, where)
                continue
            picture.warnings.extend(cut)
            try:
                item = self._analysed(file, picture, sha256, f"{count:04d}")
            except Exception as error:  # whatever a picture does to a model, the others are still analysed
                yield self._failed(file, error, where, "analysed")
                continue
            yield item
            count += 1

    def _failed(self, file: InputFile, error: Exception, where: str = "", what: str = "read") -> Skipped:
        if isinstance(error, ReadError):
            self._names.learn(error.private)
        return Skipped(file.argument, self._names.source(file.relative), self._names.text(where + _reason(error, what)))

    def _refuse(self, picture: Picture, frames: int) -> None:
        """Raise NotForAnalysis for what opens as a picture but must not be analysed as one; `frames` is how many the file holds."""
        modality = picture.modality
        if modality is not None and modality not in MODALITIES and modality not in UNSPECIFIC:
            raise WholeFileNotForAnalysis(f"its modality is {modality}; mammograms (MG) and ultrasound (US) are analysed")
        if modality not in MODALITIES and picture.other_part is not None:
            raise WholeFileNotForAnalysis(f"the file says that it shows another part of the body ({picture.other_part})")
        if modality == "MG" and frames > 1:
            raise WholeFileNotForAnalysis(f"a mammogram of {frames} frames (tomosynthesis); single projections are analysed")
        if picture.image_type == "tomosynthesis":
            raise WholeFileNotForAnalysis("a tomosynthesis slice; single projections are analysed")
        if is_cbis_crop_or_mask(picture.private):
            raise WholeFileNotForAnalysis("a mask or a crop (its patient id is that of a CBIS-DDSM finding)")
        if is_two_valued(picture.pixels) and picture.pixels.max() > picture.pixels.min():
            raise NotForAnalysis("a mask (it has two grey levels only)")


class NotForAnalysis(InputError):
    """A picture that opens, but is none that is analysed; the message is the reason for `skipped`."""


class WholeFileNotForAnalysis(NotForAnalysis):
    """As `NotForAnalysis`, of a file none of whose frames is analysed."""


def _frames(count: int) -> tuple[list[int | None], list[str]]:
    """Return which of a file's frames to look at, evenly spaced where there are too many, and a warning where some are left out."""
    if count <= 1:
        return [None], []
    if count <= FRAMES_AT_MOST:
        return list(range(count)), []
    chosen: list[int | None] = [round(k * (count - 1) / (FRAMES_AT_MOST - 1)) for k in range(FRAMES_AT_MOST)]
    return chosen, [f"{FRAMES_AT_MOST} of the file's {count} frames were analysed, evenly spaced"]


def _reason(error: Exception, what: str) -> str:
    """Return why a file was skipped; `what` was tried: read or analysed.

    Of an error that nobody foresaw it is its kind only, since its text may hold anything.
    """
    if isinstance(error, ReadError):
        return error.reason
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError) and what == "read":
        return f"cannot be opened ({error.strerror or type(error).__name__})"
    return f"cannot be {what} ({type(error).__name__})"


def _sha256(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
