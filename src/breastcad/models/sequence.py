"""Networks over a breast's exams: a small encoder of each film, and what joins the films in time.

Any number of earlier exams, none included: films that are not there are masked, and change nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from breastcad.core.errors import InputError

WIDTH = 32
YEAR_DAYS = 365.25
_PERIODS_YEARS = (1.0, 2.0, 4.0, 8.0)


class FilmEncoder(nn.Module):
    """Three convolutions of stride 2, then the mean and the highest answer over the film: (N, 1, H, W) to (N, `WIDTH`)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inside, outside in ((1, 16), (16, 32), (32, 64)):
            layers += [nn.Conv2d(inside, outside, 3, 2, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(2 * 64, WIDTH)

    def forward(self, films: Tensor) -> Tensor:
        """Return features of films."""
        found = self.layers(films)
        return self.head(torch.cat([found.mean((2, 3)), found.amax((2, 3))], 1))


class RecurrentJoiner(nn.Module):
    """A gated recurrent unit over films in the order of their dates, each with the time since the one before; its last state.

    References
    ----------
    .. [1] K. Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014.
    """

    def __init__(self) -> None:
        super().__init__()
        self.unit = nn.GRU(WIDTH + 1, WIDTH, batch_first=True)

    def forward(self, features: Tensor, years: Tensor, counts: Tensor) -> Tensor:
        """Return (B, WIDTH) of features (B, T, WIDTH), years since the first film (B, T) and films that are there (B,)."""
        gaps = torch.diff(years, dim=1, prepend=years[:, :1])
        states, _ = self.unit(torch.cat([features, gaps[..., None]], 2))
        return states[torch.arange(len(states), device=states.device), counts - 1]


class AttentionJoiner(nn.Module):
    """One layer of self-attention over the films, each with the time before the last one; the last film's answer.

    References
    ----------
    .. [1] A. Vaswani et al., "Attention is all you need", NeurIPS 2017.
    """

    def __init__(self) -> None:
        super().__init__()
        self.time = nn.Linear(1 + 2 * len(_PERIODS_YEARS), WIDTH)
        self.layer = nn.TransformerEncoderLayer(WIDTH, 4, 2 * WIDTH, dropout=0.0, batch_first=True, norm_first=True)

    def forward(self, features: Tensor, years: Tensor, counts: Tensor) -> Tensor:
        """As `RecurrentJoiner.forward`."""
        rows = torch.arange(len(features), device=features.device)
        before = years[rows, counts - 1][:, None] - years
        turns = 2 * torch.pi * before[..., None] / torch.tensor(_PERIODS_YEARS, device=features.device)
        told = self.time(torch.cat([before[..., None], turns.sin(), turns.cos()], 2))
        absent = torch.arange(features.shape[1], device=features.device)[None] >= counts[:, None]
        return self.layer(features + told, src_key_padding_mask=absent)[rows, counts - 1]


class LastFilm(nn.Module):
    """The last film's features alone: what the others are compared with."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(inplace=True))

    def forward(self, features: Tensor, years: Tensor, counts: Tensor) -> Tensor:
        """As `RecurrentJoiner.forward`; times do not matter."""
        return self.layer(features[torch.arange(len(features), device=features.device), counts - 1])


_JOINERS: dict[str, type[nn.Module]] = {"recurrent": RecurrentJoiner, "attention": AttentionJoiner, "last": LastFilm}


class SequenceNetwork(nn.Module):
    """A breast's films over time to the logit of malignant.

    Parameters
    ----------
    joiner : str
        recurrent, attention or last.

    Raises
    ------
    InputError
        If there is no such joiner.
    """

    def __init__(self, joiner: str) -> None:
        super().__init__()
        if joiner not in _JOINERS:
            raise InputError(f"network must be one of {', '.join(_JOINERS)}, got '{joiner}'")
        self.encoder = FilmEncoder()
        self.joiner = _JOINERS[joiner]()
        self.logit = nn.Linear(WIDTH, 1)

    def forward(self, films: Tensor, days: Tensor, counts: Tensor) -> Tensor:
        """Return logits.

        Parameters
        ----------
        films : (B, T, H, W) Tensor of float32
            In [0, 1], in the order of their dates, the last of each row's `counts` films being the present one; what follows is not seen.
        days : (B, T) Tensor of float32
            Since the first film.
        counts : (B,) Tensor of int64
            Films of each breast, at least 1.

        Returns
        -------
        (B,) Tensor of float32
        """
        there = torch.arange(films.shape[1], device=films.device)[None] < counts[:, None]
        found = self.encoder(films[there][:, None])  # only films that are there, so that they alone make the batch's statistics
        features = found.new_zeros(*films.shape[:2], WIDTH)
        features[there] = found
        return self.logit(self.joiner(features, days / YEAR_DAYS, counts)).squeeze(1)
