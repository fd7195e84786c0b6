"""The page of an audit: what leaks first, then what to know, each with how many and which. Words are in templates/audit.html.j2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from breastcad.report.html import environment
from breastcad.report.sorting import sorting

SHOWN = 40
"""Items of a check that the page lists; audit.json has all of them."""


def audit_page(audit: Mapping[str, Any]) -> str:
    """Return the page of an audit as HTML that opens alone.

    Parameters
    ----------
    audit : mapping
        The content of audit.json.
    """
    order = {"leak": 0, "warning": 1, "note": 2, "fine": 3}
    checks = sorted(audit["checks"], key=lambda check: order[check["verdict"]])
    return environment().get_template("audit.html.j2").render(audit=audit, checks=checks, shown=SHOWN, **sorting())
