"""Networks over exams: what is not there changes nothing, what is there does, and every weight learns."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from breastcad.core.errors import InputError  # noqa: E402
from breastcad.models.sequence import SequenceNetwork  # noqa: E402
from breastcad.train.sequence_settings import JOINERS  # noqa: E402

pytestmark = pytest.mark.train


def network(joiner: str) -> SequenceNetwork:
    torch.manual_seed(1)
    return SequenceNetwork(joiner)


def exams() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Three breasts with three, one and two exams; what fills them up is not zero."""
    films = torch.rand(3, 3, 24, 20, generator=torch.Generator().manual_seed(2))
    return films, torch.tensor([[0.0, 300, 700], [0, 99, 99], [0, 400, 99]]), torch.tensor([3, 1, 2])


@pytest.mark.parametrize("joiner", JOINERS)
def test_what_fills_up_a_batch_changes_nothing(joiner: str) -> None:
    films, days, counts = exams()
    asked = network(joiner).eval()
    with torch.no_grad():
        together = asked(films, days, counts)
        alone = [asked(films[k : k + 1, :n], days[k : k + 1, :n], counts[k : k + 1]) for k, n in enumerate(counts.tolist())]
    assert together.shape == (3,)
    assert together == pytest.approx(torch.cat(alone), abs=1e-5)


@pytest.mark.parametrize(("joiner", "matters"), [("recurrent", True), ("attention", True), ("last", False)])
def test_earlier_films_and_times_matter_unless_the_last_film_stands_alone(joiner: str, matters: bool) -> None:
    films, days, counts = exams()
    asked = network(joiner).eval()
    earlier, later = films.clone(), days.clone()
    earlier[0, 0], later[0, 1] = 1 - earlier[0, 0], 650
    with torch.no_grad():
        plain, other_film, other_time = asked(films, days, counts), asked(earlier, days, counts), asked(films, later, counts)
    assert bool((plain[0] - other_film[0]).abs() > 1e-6) == matters
    assert bool((plain[0] - other_time[0]).abs() > 1e-6) == matters
    assert plain[1:] == pytest.approx(other_film[1:], abs=1e-6)


@pytest.mark.parametrize("joiner", JOINERS)
def test_a_gradient_reaches_every_weight(joiner: str) -> None:
    trained = network(joiner).train()
    trained(*exams()).square().sum().backward()
    assert [name for name, weight in trained.named_parameters() if weight.grad is None] == []


def test_another_joiner_is_refused() -> None:
    with pytest.raises(InputError, match="network must be one of recurrent, attention, last, got 'mean'"):
        SequenceNetwork("mean")
