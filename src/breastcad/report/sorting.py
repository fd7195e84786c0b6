"""The one script of a page: tables whose heads sort them. A page reads the same without it."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path


@cache
def sorting() -> dict[str, str]:
    """Return what a template needs: the ``script``, and the ``policy`` that lets a page run this script, and nothing else, by its hash."""
    script = (Path(__file__).parent / "templates" / "sorting.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'"
    return {"script": script, "policy": policy}
