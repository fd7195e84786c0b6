"""What to do where memory runs out, or a batch has no statistics."""

from __future__ import annotations

import torch

from breastcad.train.settings import NetworkSettings, Settings


def advice(error: Exception, settings: Settings) -> str | None:
    """Return in a sentence what went wrong with settings and what to do; None where the error is of another kind.

    Parameters
    ----------
    error : MemoryError, RuntimeError or ValueError
        As torch raises them.
    settings : Settings
        With which it happened.
    """
    if "more than 1 value per channel" in str(error):
        return "this network learns from the statistics of a batch, which one sample has not; give batch=2 or more"
    if not (isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)):
        return None
    batch = f"a batch of {settings.batch} at " if isinstance(settings, NetworkSettings) else ""
    return (
        f"memory ran out with {batch}{settings.rows} x {settings.cols}; a run goes on with its own settings only, so name another "
        "folder with --out, and give a smaller batch=, smaller rows= and cols=, or a smaller --network"
    )
