"""What is fed of an image, and networks that look at it whole or window by window."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from breastcad.core.errors import InputError  # noqa: E402
from breastcad.core.placement import Placement  # noqa: E402
from breastcad.explain.films import Film, Looker, fed_film, film_size  # noqa: E402
from breastcad.explain.study import Asked, classes_of, fold_looker, mean_curves  # noqa: E402
from breastcad.models.classifier_network import build_classifier  # noqa: E402

pytestmark = pytest.mark.train


def plain(rows: int, cols: int, seed: int = 1) -> Film:
    array = np.random.default_rng(seed).random((rows, cols)).astype(np.float32)
    return Film(array, Placement().resized((2 * rows, 3 * cols), (rows, cols)), np.ones((rows, cols), bool))


def test_a_film_is_fed_at_whole_multiples_of_the_stride() -> None:
    assert film_size((1000, 500), (0.5, 0.3)) == (512, 160)
    assert film_size((40, 40), (0.1, 0.1)) == (32, 32)


def test_a_fed_film_knows_its_place_and_its_breast() -> None:
    pixels = np.zeros((300, 200), np.float32)
    rows, cols = np.mgrid[:300, :200]
    pixels[(rows - 150) ** 2 + (1.4 * cols) ** 2 < 120**2] = 0.6
    film = fed_film(pixels, (96, 64), has_breast=True)
    assert film.array.shape == film.inside.shape == (96, 64)
    assert film.inside[48, 4]
    assert not film.inside[4, 60]
    assert film.place.to_source((0, 0, 96, 64)) == (0, 0, 300, 200)
    assert film.place_of(np.zeros((3, 2))).to_source((1, 1, 2, 2)) == (100, 100, 200, 200)
    assert np.array_equal(film.array, np.round(film.array * 255).astype(np.float32) / np.float32(255))
    assert fed_film(pixels, (96, 64), has_breast=False).inside.all()
    assert fed_film(np.zeros((300, 200), np.float32), (96, 64), has_breast=True).inside.all()


def test_networks_of_a_fold_are_averaged() -> None:
    networks = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        networks.append(build_classifier("resnet18", 2, rows=64, cols=64).eval())
    film = plain(96, 128)
    each = [Looker([network], [1], "cam").look(film) for network in networks]
    both = Looker(networks, [1], "cam").look(film)
    np.testing.assert_allclose(both.values + both.base, sum(one.values + one.base for one in each) / 2, atol=1e-5)
    assert both.values.mean() == pytest.approx(0, abs=1e-5)
    assert both.boxes[0].score == pytest.approx(both.values.max() + both.base, abs=1e-5)
    with torch.no_grad():
        logits = torch.stack([network(torch.from_numpy(film.array)[None, None]) for network in networks]).mean(0)
    assert both.probability == pytest.approx(torch.softmax(logits, 1)[0, 1].item(), abs=1e-5)
    for one in each[0].boxes:
        assert 0 <= one.row <= 192
        assert 0 <= one.col <= 384


def test_a_network_of_one_size_looks_window_by_window() -> None:
    """70 x 95 has windows of 50 at rows 0, 20 and columns 0, 25, 45; the map is their highest, the probability too."""
    torch.manual_seed(5)
    network = build_classifier("c-table-1", 2, rows=50, cols=50, channels=3).eval()
    film = plain(70, 95)
    looker = Looker([network], [1], "grad-cam", window=(50, 50))
    look = looker.look(film)
    assert look.values.shape == (70, 95)
    corners = [(row, col) for row in (0, 20) for col in (0, 25, 45)]
    windows = torch.from_numpy(np.stack([film.array[r : r + 50, c : c + 50] for r, c in corners]))[:, None]
    with torch.no_grad():
        said = torch.softmax(network(windows), 1)[:, 1].max().item()
    assert look.probability == pytest.approx(said, abs=1e-5)
    assert len(look.boxes) <= 5
    assert look.values.max() == pytest.approx(max(one.score for one in look.boxes), rel=0.3)
    half = film.inside.copy()
    half[:, 30:] = False  # the windows at 45 hold no breast
    assert not looker.values(Film(film.array, film.place, half))[:, 75:].any()


def test_what_is_fed_too_small_is_refused() -> None:
    network = build_classifier("c-table-1", 2, rows=50, cols=50, channels=3).eval()
    with pytest.raises(InputError, match="takes windows of 50 x 50, and the image is fed at 32 x 64; feed it larger"):
        Looker([network], [1], "grad-cam", window=(50, 50)).look(plain(32, 64))
    with pytest.raises(InputError, match="an image of 64 x 64 has a map of 2 x 2, too coarse to say where; feed it larger, with --rows"):
        Looker([build_classifier("resnet18", 2, rows=64, cols=64).eval()], [1], "cam").look(plain(64, 64))


@pytest.mark.parametrize(
    ("names", "of", "classes"),
    [
        ([("benign",), ("malignant",)], "malignant", [1]),
        ([("normal",), ("benign mass",), ("malignant mass",)], "malignant", [2]),
        ([("normal",), ("benign mass",), ("malignant mass",)], "abnormal", [1, 2]),
        ([("normal",), ("benign mass",), ("malignant mass",)], "benign mass", [1]),
        ([("normal",), ("benign", "malignant")], "abnormal", [1]),
        ([("normal",), ("lesion",)], "abnormal", [1]),
        ([("normal", "benign"), ("malignant",)], "malignant", [1]),
    ],
)
def test_a_word_names_classes(names, of: str, classes: list[int]) -> None:
    assert classes_of(names, of) == classes


@pytest.mark.parametrize(
    ("names", "of"),
    [
        ([("benign",), ("malignant",)], "abnormal"),
        ([("normal", "benign"), ("malignant",)], "benign"),
        ([("benign",), ("malignant",)], "cyst"),
        ([("normal", "benign"), ("malignant",)], "abnormal"),
    ],
)
def test_a_word_that_names_no_class_or_all_is_refused(names, of: str) -> None:
    with pytest.raises(InputError, match=f"--of '{of}' is none of them, or all"):
        classes_of(names, of)


def test_without_checks_no_network_is_drawn_anew_and_no_curve_made() -> None:
    looker = Looker([build_classifier("resnet18", 2, rows=64, cols=64).eval()], [1], "cam")
    assert fold_looker(looker, Asked(1)).redrawn == {}
    assert list(fold_looker(looker, Asked(1, sanity=True)).redrawn) == ["head", "last quarter", "last half", "last three quarters", "all"]
    assert mean_curves([{}]) == {}
