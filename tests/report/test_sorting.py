"""Heads that sort a table: in a browser where there is one, else the script's hash alone."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from breastcad.core.records import Collection, ImageRow
from breastcad.datasets.describe import describe
from breastcad.report.audit_page import audit_page
from breastcad.report.describe_page import describe_page
from breastcad.report.sorting import page_script

BROWSER = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
AUDIT: dict[str, Any] = {
    **{"collections": ["s"], "notice": "Research use only.", "breastcad": "0", "images": 9, "present": 9, "looked_at": 9},
    **{"verdict": "leak", "shortcuts": [], "left": []},
    "checks": [
        {"name": name, "verdict": verdict, "said": "<b>said</b>", "count": n, "of": of, "items": ["<script>alert(1)</script>"]}
        for name, verdict, n, of in (("many", "fine", 1200, 1300), ("few", "leak", 3, None), ("some", "note", 40, 50))
    ],
}
_SHOT = """
<script>
const table = document.querySelector("table.sortable"), steps = [];
const seen = () => [...table.tHead.rows[0].cells].map((head) => head.getAttribute("aria-sort")).concat(
  [...table.tBodies[0].rows].map((row) => row.cells[1].querySelector("b").textContent));
steps.push(seen());
const button = table.tHead.rows[0].cells[COLUMN]?.querySelector("button");
for (let press = 0; press < 3 && button; press++) { button.focus(); document.activeElement.click(); steps.push(seen()); }
document.body.innerHTML = "<pre>" + JSON.stringify(steps) + "</pre>";
</script>
"""


def pressed(page: str, column: int, folder: Path) -> list[list[str | None]]:
    """Return heads and first words of the second column of a page's first table: as it is, and after each of three presses on a head."""
    opened = re.sub(r"<meta http-equiv[^>]+>", "", page).replace("</body>", _SHOT.replace("COLUMN", str(column)) + "</body>")
    (folder / "page.html").write_text(opened, encoding="utf-8")
    command = [str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}", "--dump-dom"]
    done = subprocess.run([*command, (folder / "page.html").as_uri()], capture_output=True, text=True, check=True, timeout=120)
    found = re.search(r"<pre>(.*?)</pre>", done.stdout, re.DOTALL)
    assert found is not None
    return json.loads(html.unescape(found[1]))  # type: ignore[no-any-return]


@pytest.mark.skipif(BROWSER is None, reason="no chromium here")
def test_a_press_sorts_by_number_the_next_turns_it_round_the_third_undoes_it(tmp_path: Path) -> None:
    steps = pressed(audit_page(AUDIT), 2, tmp_path)
    assert steps == [
        [None, None, None, None, "few", "some", "many"],
        [None, None, "descending", None, "many", "some", "few"],
        [None, None, "ascending", None, "few", "some", "many"],
        [None, None, None, None, "few", "some", "many"],
    ]


@pytest.mark.skipif(BROWSER is None, reason="no chromium here")
def test_what_is_not_known_stays_last_either_way(tmp_path: Path) -> None:
    steps = pressed(audit_page(AUDIT), 3, tmp_path)
    assert [step[4:] for step in steps[1:3]] == [["many", "some", "few"], ["some", "many", "few"]]


@pytest.mark.skipif(BROWSER is None, reason="no chromium here")
def test_two_rows_need_no_buttons(tmp_path: Path) -> None:
    assert len(pressed(audit_page({**AUDIT, "checks": AUDIT["checks"][:2]}), 2, tmp_path)) == 1


@pytest.mark.skipif(BROWSER is None, reason="no chromium here")
def test_the_policy_lets_the_script_run_and_no_other(tmp_path: Path) -> None:
    page = audit_page(AUDIT).replace("</body>", "<script>document.body.className = 'attacked'</script></body>")
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    command = [str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    shown = subprocess.run([*command, (tmp_path / "page.html").as_uri()], capture_output=True, text=True, check=True, timeout=120).stdout
    assert '<button type="button">' in shown
    assert 'class="attacked"' not in shown


@pytest.mark.skipif(BROWSER is None, reason="no chromium here")
def test_a_slider_fades_the_heat_maps_of_its_exam_alone(tmp_path: Path) -> None:
    exam = '<div class="exam"><p class="slider" hidden><input type="range" min="0" max="100" value="100"></p></div>'
    move = (
        "<script>const input = document.querySelector('input'); input.value = 40; input.dispatchEvent(new Event('input'));"
        "document.body.innerHTML = '<pre>' + JSON.stringify([...document.querySelectorAll('.exam')].map((one) => "
        "[one.style.getPropertyValue('--heat'), one.firstChild.hidden])) + '</pre>';</script>"
    )
    (tmp_path / "page.html").write_text(f"<body>{exam * 2}<script>{page_script('heat.js')['script']}</script>{move}</body>")
    command = [str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    done = subprocess.run([*command, (tmp_path / "page.html").as_uri()], capture_output=True, text=True, check=True, timeout=120)
    assert '<pre>[["0.4",false],["1",false]]</pre>' in done.stdout


def _pages() -> list[str]:
    rows = [ImageRow("s", "a", label="benign"), ImageRow("s", "b", label="malignant")]
    return [audit_page(AUDIT), describe_page([describe(Collection("", rows))])]


@pytest.mark.parametrize("page", _pages(), ids=["audit", "describe"])
def test_the_one_script_is_inline_and_the_policy_names_it(page: str) -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert page.count("<script") == 1
    assert not re.search(r"https?:|fetch|import|innerHTML|eval|XMLHttp", script)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'\"" in html.unescape(page)


def test_an_audit_reads_without_the_script_the_worst_first() -> None:
    page = audit_page(AUDIT)
    assert re.findall(r"<b>(few|some|many)</b>", page) == ["few", "some", "many"]
    assert "&lt;script&gt;alert(1)" in page
    assert "<button" not in page
