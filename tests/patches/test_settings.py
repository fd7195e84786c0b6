"""Settings of methods: from text, and what is refused."""

from __future__ import annotations

import pytest

from breastcad.commands.patches import MethodName
from breastcad.core.errors import InputError
from breastcad.core.records import Collection
from breastcad.patches.methods import METHODS
from breastcad.patches.settings import Overlapping, RegionBased, settings_of
from breastcad.patches.table import cut_patches


def test_settings_from_text() -> None:
    texts = ["window=128", "stride=32", "scale=0.25", "roi_share=0.3", "roi_of=window", "breast_share=0", "label=lesion"]
    settings = settings_of(Overlapping, texts)
    expected = Overlapping(window=128, stride=32, scale=0.25, roi_share=0.3, roi_of="window", breast_share=0.0, label="lesion")
    assert settings == expected
    assert settings_of(Overlapping, []) == Overlapping()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("window", "--setting takes KEY=VALUE, got 'window'"),
        (
            "windw=3",
            "unknown setting 'windw'; near name: 'window'. All: window, resize, scale, roi_share, roi_of, label, touching, breast_share",
        ),
        ("qqq=3", "unknown setting 'qqq'; All: window"),
        ("window=big", "setting 'window' must be a whole number, got 'big'"),
        ("window=2.5", "setting 'window' must be a whole number, got '2.5'"),
        ("scale=half", "setting 'scale' must be a number, got 'half'"),
        ("stride=0", "setting 'stride' must be more than 0 and finite, got 0"),
        ("scale=-1", "setting 'scale' must be more than 0 and finite, got -1"),
        ("scale=nan", "setting 'scale' must be more than 0 and finite, got nan"),
        ("roi_share=50", r"setting 'roi_share' must be in \[0, 1\], got 50"),
        ("breast_share=-0.1", r"setting 'breast_share' must be in \[0, 1\], got -0.1"),
        ("roi_of=image", "setting 'roi_of' must be roi or window, got 'image'"),
        ("label=birads", "setting 'label' must be pathology or lesion, got 'birads'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        settings_of(Overlapping, [text])


@pytest.mark.parametrize(
    ("method", "text", "message"),
    [
        ("overlapping", "resize=1024", "setting 'resize' must be ROWSxCOLS, as 1152x896, each from 1 to 65536, got '1024'"),
        ("overlapping", "resize=0x5", "must be ROWSxCOLS"),
        ("overlapping", "resize=99999x5", "must be ROWSxCOLS"),
        ("overlapping", "resize=-3x5", "must be ROWSxCOLS"),
        ("overlapping", "window=70000", "setting 'window' must be at most 65536, got 70000"),
        ("overlapping", "scale=inf", "setting 'scale' must be more than 0 and finite, got inf"),
        ("overlapping", "black=nan", r"setting 'black' must be in \[0, 1\], got nan"),
        ("overlapping", "most=-1", "setting 'most' must be from 0 to 100000, got -1"),
        ("overlapping", "number=3", "unknown setting 'number'"),
        ("region-based", "overlap=1.5", r"setting 'overlap' must be in \[0, 1\], got 1.5"),
        ("region-based", "number=1000000", "setting 'number' must be from 0 to 100000, got 1000000"),
        ("region-based", "scale=2", "set resize or scale, not both: got resize=1152x896 and scale=2.0"),
        ("region-based", "around=near", "setting 'around' must be drawn or centred, got 'near'"),
        ("roi", "border=cut", "setting 'border' must be shift or pad, got 'cut'"),
        ("density", "tissue=2", r"setting 'tissue' must be in \[0, 1\], got 2.0"),
    ],
)
def test_hostile_settings_are_refused(method: str, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        settings_of(METHODS[method].kind, [text])


def test_a_setting_given_twice_is_refused() -> None:
    with pytest.raises(InputError, match="setting 'window' is given twice: 3 and 4"):
        settings_of(Overlapping, ["window=3", "window=4"])


def test_settings_of_another_method_are_refused() -> None:
    with pytest.raises(ValueError, match=r"method must be one of overlapping.*got 'density' and RegionBased"):
        cut_patches(Collection("nowhere", []), "density", RegionBased())


def test_what_publications_set_is_taken_and_the_command_names_every_method() -> None:
    assert [name.value for name in MethodName] == list(METHODS)
    for method in METHODS.values():
        for pairs in method.published.values():
            settings_of(method.kind, pairs.split())
