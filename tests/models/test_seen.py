"""How unlike what was seen: a Gaussian in features, hand-worked in two dimensions, and against a full covariance."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from breastcad.models.seen import FARTHEST, LIMIT_SHARE, Seen, fit_seen  # noqa: E402

pytestmark = pytest.mark.train


def test_distance_by_hand() -> None:
    """Mean (1, 2), spread (2, 1): the features (5, 5) are (2, 3) scaled; along (1, 0) of variance 4 that is 1, the rest 9 / 0.5; in all
    19, over a limit of 76: the root of a quarter."""
    seen = Seen(2, 1)
    for name, value in {"mean": [1.0, 2.0], "spread": [2.0, 1.0], "directions": [[1.0], [0.0]], "variances": [4.0]}.items():
        getattr(seen, name).copy_(torch.tensor(value))
    seen.rest.fill_(0.5)
    seen.limit.fill_(76.0)
    assert seen(torch.tensor([[5.0, 5.0], [1.0, 2.0]])).tolist() == pytest.approx([0.5, 0.0])


def test_with_all_directions_it_is_the_distance_of_mahalanobis() -> None:
    """Of three features all directions are kept; a second implementation inverts the covariance."""
    numbers = np.random.default_rng(0)
    mixed = numbers.normal(size=(3, 3))
    train, validation = numbers.normal(size=(200, 3)) @ mixed, numbers.normal(size=(100, 3)) @ mixed
    seen = fit_seen(train, validation)
    away = validation - train.mean(0)
    plain = np.einsum("ni,ij,nj->n", away, np.linalg.inv(np.cov(train.T)), away)
    said = seen(torch.from_numpy(validation.astype(np.float32))).numpy()
    np.testing.assert_allclose(said, np.sqrt(plain / np.quantile(plain, LIMIT_SHARE)), rtol=1e-3)


def test_what_was_seen_lies_within_and_what_was_not_far_out() -> None:
    numbers = np.random.default_rng(1)
    mixed = numbers.normal(size=(6, 40))

    def drawn(count: int) -> np.ndarray:
        return numbers.normal(size=(count, 6)) @ mixed + 0.1 * numbers.normal(size=(count, 40))

    seen = fit_seen(drawn(300), drawn(100))
    assert (seen(torch.from_numpy(drawn(1000).astype(np.float32))) > 1).float().mean() < 0.05
    strange = numbers.normal(size=(50, 40)) * drawn(300).std(0)
    assert (seen(torch.from_numpy(strange.astype(np.float32))) > 1.7).all()


def test_features_that_never_vary_are_no_fault() -> None:
    same = np.ones((10, 5))
    assert torch.isfinite(fit_seen(same, same)(torch.ones(1, 5))).all()


def test_a_feature_that_hardly_varied_in_training_does_not_outweigh_the_others() -> None:
    """A dead channel fires in one validation image and in what is asked: neither the limit nor the answer is ruled by it."""
    numbers = np.random.default_rng(2)
    train, validation = numbers.normal(size=(200, 8)), numbers.normal(size=(80, 8))
    train[:, 3] = 0.0
    validation[:, 3] = 0.0
    without = fit_seen(train, validation)
    validation[:2, 3] = 0.01
    seen = fit_seen(train, validation)
    asked = torch.from_numpy(numbers.normal(size=(20, 8)).astype(np.float32))
    asked[:, 3] = 0.0
    torch.testing.assert_close(seen(asked), without(asked), rtol=1e-3, atol=1e-3)
    asked[:, 3] = 0.01
    torch.testing.assert_close(seen(asked), without(asked), rtol=1e-3, atol=1e-3)


def test_what_lies_beyond_all_measure_has_a_finite_answer() -> None:
    seen = fit_seen(np.random.default_rng(3).normal(size=(50, 4)), np.random.default_rng(4).normal(size=(20, 4)))
    assert seen(torch.full((1, 4), 1e9)).item() == FARTHEST


def test_too_few_images_are_refused() -> None:
    with pytest.raises(ValueError, match="train must have 2 images at least and validation 1, got 1 and 4"):
        fit_seen(np.zeros((1, 3)), np.zeros((4, 3)))
