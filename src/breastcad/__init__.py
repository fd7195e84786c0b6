"""breastcad: analyses breast images, and trains, measures and serves the models that do it. Research use only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["__version__", "analyze"]

if TYPE_CHECKING:
    from breastcad.infer import analyze


def __getattr__(name: str) -> Any:
    """Load `analyze` when it is first asked for, so that ``import breastcad`` stays cheap."""
    if name == "analyze":
        from breastcad.infer import analyze  # noqa: PLC0415

        return analyze
    raise AttributeError(f"module 'breastcad' has no attribute '{name}'")
