"""Many files, one after another: read, choose a model, look, and hand on one result at a time, so that memory stays bounded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import breastcad
from breastcad.core.errors import InputError
from breastcad.core.records import NOTICE, Analysis, ImageResult, ModelUsed, Picture, Skipped
from breastcad.infer.checks import abstention, find_breast, model_abstention, model_warnings, picture_warnings, side_warning
from breastcad.infer.exams import Place, View, fingerprint, join_exams
from breastcad.infer.image import HEAT_MAP_OF, look
from breastcad.infer.inputs import InputFile, list_files
from breastcad.infer.modality import guess_modality
from breastcad.infer.model import Model
from breastcad.infer.pictures import MODALITIES, Pictures
from breastcad.infer.results import Analysed
from breastcad.models.catalogue import MODEL_OF_MODALITY, bundled, find_model

SCHEMA = "breastcad-findings/1"
EXAMS = ("study", "folder")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The modality that a picture is analysed as, and what must be said of how it was chosen (None: the file's tag says so)."""

    modality: str
    warning: str | None = None


class Run(Pictures[Analysed]):
    """One call of `analyze_files`: iterate over it once, then let `assemble` join what came.

    Parameters
    ----------
    files : sequence of InputFile
    model : Model or None
        The one to use for all; None to choose a bundled one by modality.
    modality : str or None
    exam : str

    Attributes
    ----------
    meanwhile : callable or None
        What a caller will need later: done while another thread loads the first model, which onnxruntime does outside Python.
        A fault of it is left to be met where it is needed.
    """

    def __init__(self, files: Sequence[InputFile], model: Model | None, modality: str | None, exam: str) -> None:
        super().__init__(files)
        self._model, self._modality, self._exam = model, modality, exam
        self._models: dict[str, Model] = {}
        self._place_of: dict[str, Place] = {}
        self.meanwhile: Callable[[], None] | None = None

    def model_facts(self) -> dict[str, dict[str, Any]]:
        """Return the metadata of the models used so far, by their ids."""
        return {model.used.id: model.facts for model in self._used_models()}

    def assemble(self, images: Sequence[ImageResult], skipped: Sequence[Skipped]) -> Analysis:
        """Join the results of this run; identifiers that became known late are taken out of the earlier ones too.

        Parameters
        ----------
        images, skipped : sequences
            What the iteration gave, in its order.

        Returns
        -------
        Analysis
            What findings.json holds. Its id is made from the contents of the files, the models and the way exams are joined.
        """
        for image in images:
            image.source = self._names.source(image.source)
        for item in skipped:
            item.source = self._names.source(item.source)
        models = [model.used for model in self._used_models()]
        views = [View(self._place_of[image.image], image) for image in images if image.image in self._place_of]
        identity = _identity(images, models, self._exam)
        return Analysis(SCHEMA, breastcad.__version__, identity, NOTICE, models, list(images), join_exams(views), list(skipped))

    def _used_models(self) -> list[Model]:
        return list(self._models.values())

    def _choose(self, picture: Picture) -> Chosen:
        """Choose the modality: the file's tag, else what the caller says, else the model's own, else a guess."""
        tag = picture.modality if picture.modality in MODALITIES else None
        if tag is not None:
            differs = self._modality is not None and self._modality != tag
            return Chosen(tag, f"analysed as {tag}, as its tag says, although the call says {self._modality}" if differs else None)
        if self._modality is not None:
            return Chosen(self._modality)
        guess = guess_modality(picture.pixels)
        if self._model is not None:
            unlike = guess.sure and guess.modality != self._model.modality
            warning = f"the picture looks like {guess.modality}, but the model {self._model.used.id} is for {self._model.modality}"
            return Chosen(self._model.modality, warning if unlike else None)
        doubt = "" if guess.sure else ", not clear"
        return Chosen(guess.modality, f"modality guessed as {guess.modality} from the picture's texture{doubt}; say which with --modality")

    def _model_for(self, modality: str) -> Model:
        if self._model is not None:
            return self._models.setdefault("", self._model)
        if modality not in self._models:
            with ThreadPoolExecutor(1) as beside:
                loading = beside.submit(Model, find_model(MODEL_OF_MODALITY[modality]))
                work, self.meanwhile = self.meanwhile, None
                with suppress(Exception):
                    if work is not None:
                        work()
            self._models[modality] = loading.result()
        return self._models[modality]

    def _analysed(self, file: InputFile, picture: Picture, sha256: str, image_id: str) -> Analysed:
        chosen = self._choose(picture)
        model = self._model_for(chosen.modality)
        breast = find_breast(picture, chosen.modality)
        looked = look(picture, model, image_id)
        abstained = abstention(picture, breast) or model_abstention(picture, model.facts, looked.unlike)
        mirrored = side_warning(picture, breast)
        said = [abstained, chosen.warning, *picture_warnings(picture, chosen.modality), mirrored]
        said += model_warnings(picture, model.facts, looked.unlike)
        result = ImageResult(
            image=image_id,
            argument=file.argument,
            source=self._names.source(file.relative),
            frame=picture.frame,
            sha256=sha256,
            modality=chosen.modality,
            laterality=picture.laterality,
            view=picture.view,
            rows=picture.pixels.shape[0],
            cols=picture.pixels.shape[1],
            spacing_mm=None if picture.spacing_mm is None else [float(value) for value in picture.spacing_mm],
            models=[model.used.id],
            probability=looked.numbers.probability,
            raw=looked.numbers.raw,
            interval=looked.numbers.interval,
            decision=looked.decision if abstained is None else None,
            possible=looked.possible if abstained is None else None,
            unlike=None if looked.unlike is None else round(looked.unlike[0], 3),
            abstained=abstained is not None,
            warnings=list(dict.fromkeys(self._names.text(text) for text in said if text)),
            findings=looked.findings,
        )
        self._note_exam(file, picture, image_id, side_in_doubt=picture.side_in_doubt or mirrored is not None)
        return Analysed(result, picture, file.path, picture.frame, looked.heat_map, HEAT_MAP_OF, looked.masks)

    def _note_exam(self, file: InputFile, picture: Picture, image_id: str, *, side_in_doubt: bool) -> None:
        by_folder = self._exam == "folder"
        exam = str(file.path.resolve().parent) if by_folder else picture.exam_key
        whose = (picture.patient_key, picture.exam_key) if by_folder else (None, None)
        if exam is not None:
            pixels = fingerprint(picture.pixels)
            self._place_of[image_id] = Place(exam, frozenset(picture.special), pixels, *whose, side_in_doubt=side_in_doubt)


def analyze_files(
    arguments: Sequence[str | Path], *, model: str | Path | None = None, modality: str | None = None, exam: str = "study"
) -> Run:
    """Analyse files and folders, one result at a time.

    Parameters
    ----------
    arguments : sequence of str or Path
        Files and folders; folders are walked in sorted order, without hidden files.
    model : str or Path, optional
        A bundled model's id, an .onnx file, or a run folder that holds model.onnx; by default one is chosen by modality.
    modality : {"MG", "US"}, optional
        For pictures that do not say; the tag of one that does goes before it. By default a stated guess.
    exam : {"study", "folder"}
        What makes images one exam: what the file says of its study, or the folder that they lie in (of each patient in it, where its
        files name several).

    Returns
    -------
    Run
        An iterator of `Analysed` and `Skipped`; its `assemble` joins them. Nothing is read before it is iterated.

    Raises
    ------
    InputError
        If an argument does not exist, there is no such model, or `modality` or `exam` is unknown or is not the model's.
    """
    if modality is not None and modality not in MODALITIES:
        raise InputError(f"modality must be MG or US, got '{modality}'")
    if exam not in EXAMS:
        raise InputError(f"exam must be study or folder, got '{exam}'")
    if model is None and not bundled():
        raise InputError("no models are bundled in this installation; name an .onnx file or a run folder with --model")
    chosen = None if model is None else Model(find_model(model))
    if chosen is not None and modality not in (None, chosen.modality):
        raise InputError(f"the model {chosen.used.id} is for {chosen.modality}, but the call says {modality}; leave one of the two out")
    return Run(list_files(arguments), chosen, modality, exam)


def analyze(
    path_or_paths: str | Path | Sequence[str | Path], *, model: str | Path | None = None, modality: str | None = None, exam: str = "study"
) -> Analysis:
    """Analyse images, and return what findings.json would hold; nothing is written.

    Parameters
    ----------
    path_or_paths : str, Path or sequence of them
        Files, folders, DICOM exams.
    model, modality, exam
        As for `analyze_files`.

    Returns
    -------
    Analysis
        Without heat maps, overlays and masks, which are files of an analysis folder: ``breastcad analyze`` writes one. What could not
        be analysed stands in ``skipped``; ``images`` is empty if nothing could.

    Raises
    ------
    InputError
        If the call cannot be taken.

    Examples
    --------
    >>> breastcad.analyze("exam/").images[0].probability  # doctest: +SKIP
    {'normal': 0.06, 'benign': 0.87, 'malignant': 0.07, 'abnormal': 0.94}
    """
    arguments = [path_or_paths] if isinstance(path_or_paths, str | Path) else list(path_or_paths)
    run = analyze_files(arguments, model=model, modality=modality, exam=exam)
    images: list[ImageResult] = []
    skipped: list[Skipped] = []
    for item in run:
        if isinstance(item, Skipped):
            skipped.append(item)
        else:
            images.append(item.result)
    return run.assemble(images, skipped)


def _identity(images: Sequence[ImageResult], models: Sequence[ModelUsed], exam: str) -> str:
    parts = [exam, [model.sha256 for model in models], [(image.sha256, image.frame, image.modality) for image in images]]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
