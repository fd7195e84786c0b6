"""The one script of a page, by name: tables whose heads sort them, sliders that fade heat maps. A page reads the same without it."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path


@cache
def sorting() -> dict[str, str]:
    """Return the script that sorts tables, as `page_script` does."""
    return page_script("sorting.js")


@cache
def page_script(name: str, pictures: str = "data:") -> dict[str, str]:
    """Return what a template needs: the ``script``, and the ``policy`` that lets a page run this script, and nothing else, by its hash.

    Parameters
    ----------
    name : str
        A file of templates/.
    pictures : str
        Where the page's pictures may come from, as the policy says it.
    """
    script = (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src {pictures}; script-src 'sha256-{digest}'"
    return {"script": script, "policy": policy}
