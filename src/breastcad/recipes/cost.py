"""What a training costs: hours of two cores, from counts and from the time that one image takes in each network.

The times are measured (`benchmarks/training_cost.py`), the hours are an estimate.
"""

from __future__ import annotations

from collections.abc import Sequence

from breastcad.core.errors import InputError
from breastcad.recipes.recipe import PATCH_RUN, Recipe
from breastcad.train.classifier_settings import ClassifierSettings, Stage
from breastcad.train.film_settings import FOREST, FilmSettings

SECONDS: dict[str, tuple[int, float]] = {
    "efficientnet-lite0": (224, 0.11),
    "efficientnet-lite1": (240, 0.12),
    "efficientnet-lite2": (260, 0.16),
    "efficientnetv2-b0": (224, 0.083),
    "efficientnetv2-b2": (224, 0.13),
    "efficientnetv2-l": (224, 1.7),
    "efficientnet-b5": (224, 0.48),
    "resnet18": (128, 0.059),
    "resnet50": (224, 0.38),
    "resnet101": (224, 0.63),
    "resnet152v2": (224, 0.93),
    "mobilenetv3-l": (224, 0.048),
    "vgg16": (224, 0.96),
    "vgg19": (224, 1.2),
    "inceptionv3": (224, 0.23),
    "inceptionresnetv2": (224, 0.52),
    "densenet121": (224, 0.26),
    "nasnet-large": (331, 3.5),
    "b-convnet": (224, 0.089),
    "b-convnet-strided": (224, 0.044),
    "c-table-1": (50, 0.0044),
    "c-table-1-same": (50, 0.0045),
    "branet-small": (128, 0.027),
}
"""By network: the side of its input, and the processor seconds that one image takes in a step of training, one thread, batch of 4."""
FORWARD = 1 / 3
"""What an image costs that is only looked at, as a share of one that is learned from."""
CORES = 2


def training_hours(settings: ClassifierSettings, train: int, folds: int, validation_share: float, *, parts_copies: bool = False) -> float:
    """Return the hours of two cores that a training takes.

    Parameters
    ----------
    settings : ClassifierSettings
        Network, input size, epochs or stages, ``samples_an_epoch``, ``copies``, ``members``. Of whole films
        an epoch in which the head alone learns costs as much as looking at them; a forest looks at each once.
    train : int
        Windows that train in a fold, copies among them; ``samples_an_epoch`` comes before it.
    folds : int
        Each has its network, and tests as many windows as the others; one alone is taken to test as many as it does not.
    validation_share : float
        Of the windows that are not tested, in [0, 1).
    parts_copies : bool
        Whether copies validate and test too.

    Returns
    -------
    float
        Time grows with the input's area; early stopping is not counted on, and reading is not counted.

    Raises
    ------
    InputError
        If the network's time was not measured.

    Examples
    --------
    >>> settings = ClassifierSettings(network="resnet18", epochs=10, rows=128, cols=128)
    >>> seconds = 3 * SECONDS["resnet18"][1] * (10 * (600 + 200 / 3) + 400 / 3)  # 600 train, 200 validate, 400 are tested
    >>> abs(training_hours(settings, 600, 3, 0.25) - seconds / 2 / 3600) < 1e-9
    True
    """
    if settings.network not in SECONDS:
        raise InputError(f"the cost of '{settings.network}' is not known; known are: {', '.join(SECONDS)}")
    films, stages = isinstance(settings, FilmSettings), settings.training_stages()
    if getattr(settings, "top", "") == FOREST:
        stages = [Stage("head", 1, 1.0)]
    side, seconds = SECONDS[settings.network]
    learnt = sum(stage.epochs * (FORWARD if films and stage.part == "head" else 1.0) for stage in stages)
    rest = train / (1 - validation_share) / (1 if parts_copies else settings.copies)
    looked_at = sum(stage.epochs for stage in stages) * FORWARD * rest * validation_share
    images = folds * settings.members * (learnt * (settings.samples_an_epoch or train) + looked_at + FORWARD * rest / max(folds - 1, 1))
    return images * seconds * (settings.rows * settings.cols / side**2) / CORES / 3600


def recipe_hours(recipe: Recipe, settings: ClassifierSettings, split: str, sets: Sequence[str] = ()) -> float:
    """Return what settings of a recipe cost with the publication's number of samples; folds are those of some sets, or of its first.

    Of films, with the patch classifiers beneath unless their run is given.
    """
    folds, share, copied = recipe.folds_of(sets or [recipe.data[0].set], split), recipe.validation_share, split == "published"
    if not isinstance(settings, FilmSettings):
        return training_hours(settings, recipe.samples, folds, share, parts_copies=copied)
    hours = training_hours(settings, recipe.film_samples, folds, share)
    if settings.patch_run == PATCH_RUN:
        below = recipe.patch_classifier(settings.network, split, shortened=settings.shortened)
        hours += training_hours(below, recipe.samples, folds, share)
    return hours


def full_hours(recipe: Recipe, network: str, split: str = "patient") -> float:
    """Return what a recipe costs at its full length, with the publication's number of samples and our folds."""
    return recipe_hours(recipe, recipe.settings(network, split), split)


def told(hours: float) -> str:
    """Return hours in words.

    Examples
    --------
    >>> told(0.4), told(5.26), told(1234.5)
    ('24 minutes', '5.3 hours', '1,234 hours')
    """
    if hours < 1:
        minutes = max(1, round(hours * 60))
        return f"{minutes} minute{'s' * (minutes != 1)}"
    return f"{hours:.1f} hours" if hours < 100 else f"{hours:,.0f} hours"
