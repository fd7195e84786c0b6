"""What of the publications was run, and what was not: the part of RESULTS.md that is written from the runs in results/."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from pathlib import Path

from breastcad.core.errors import ReadError
from breastcad.core.files import write_text
from breastcad.evaluate.documents import read_document
from breastcad.evaluate.run_tables import ORIGINALS
from breastcad.recipes.compared import LEVELS, cell, changes_in_words, length_in_words, minutes_in_words, split_in_words, weights_in_words
from breastcad.recipes.cost import full_hours, recipe_hours, told
from breastcad.recipes.recipe import Recipe, recipes
from breastcad.recipes.reproduction import FILE, read_reproduction
from breastcad.recipes.runs import BY, RecipeRun, read_recipe_run

BEGIN, END = "<!-- recipes: results -->", "<!-- end of recipes -->"
COLUMNS = (
    *("run", "recipe, network", "starts from", "split", "tested", "n windows; patient groups", "AUC", "accuracy"),
    *("AUC by film; breast; woman", "seeds", "minutes", "length", "changed"),
)
NOTE = (
    "Test windows, or whole films, of all folds pooled; brackets: 95 % over patient groups; accuracy: by the highest probability. Films,"
    " breasts and women: malignant against benign, of their windows as the recipe aggregates them; by the probability of a lesion where"
    " windows were asked for lesions alone. Original windows only: the same networks, tested copies left out. A publication's own"
    " figures stand beside ours in what `breastcad compare results/NAME` prints. Minutes: all epochs of all folds one after the other, as"
    " log.csv has them; folds may have run side by side. Full: hours of two cores, an estimate by the publication's number of windows; the"
    " command is `breastcad reproduce RECIPE COLLECTION --network NETWORK --split SPLIT --out RUN`. Changed: settings given with"
    " --setting, beside what --shortened sets (`breastcad recipes RECIPE` prints that)."
)
NOT_RUN = (
    "Not run on real data here. COLLECTION stands for the recipe's sets, whichever of them are at hand. Hours are an estimate: full length,"
    " by patient, the publication's number of windows, two cores; `--shortened` takes less, and says so."
)


def recipe_runs(folder: Path) -> list[RecipeRun]:
    """Return the runs of recipes in a folder of runs, by name; those on made-up data are none."""
    places = [path.parent for path in sorted(folder.glob(f"*/{FILE}"))]
    return [read_recipe_run(place) for place in places if not read_reproduction(place).made_up]


def results_part(runs: Sequence[RecipeRun]) -> str:
    """Return the part of RESULTS.md on the publications: a section each, what was run, then what was not.

    Parameters
    ----------
    runs : sequence of RecipeRun
        On real data.

    Returns
    -------
    str
        Markdown; ends with a line break.
    """
    parts = []
    for publication in dict.fromkeys(one.publication for one in recipes().values()):
        own = [one for one in recipes().values() if one.publication == publication]
        source = own[0].source.split(", chapter")[0]
        parts.append(f"### Publication {publication}: {source}")
        done = [run for run in runs if run.recipe.publication == publication]
        if done:
            parts += ["\n".join([_line(COLUMNS), "|" + "---|" * len(COLUMNS), *(row for run in done for row in _rows(run))]), NOTE]
        left = [(one, network) for one in own for network in one.networks if not _was_run(one, network, done)]
        if left:
            head = ("recipe, network", "command", "hours")
            lines = [_line(head), "|" + "---|" * len(head), *(_not_run(one, network) for one, network in left)]
            parts += [NOT_RUN, "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def _was_run(one: Recipe, network: str, runs: Sequence[RecipeRun]) -> bool:
    return any(run.recipe.key == one.key and run.made.network == network for run in runs)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _rows(run: RecipeRun) -> list[str]:
    """Return a row a set that figures are over, and of each a second of its original windows, where copies were tested too."""
    network = run.made.network if run.made.network == run.held_against else f"{run.made.network} for {run.held_against}"
    rows, last = [], (run.seeds, minutes_in_words(run), _length(run), changes_in_words(run))
    for set_name, level in [(set_name, level) for set_name in run.sets for level in (run.level, ORIGINALS)]:
        area, right = (run.figure(name, set_name, level) for name in (f"auc {run.question}", f"accuracy {run.question}, {BY}"))
        some = area or right
        if level == ORIGINALS and some is None:
            continue
        counted = "" if some is None else f"{some.n:,}; {some.clusters:,}"
        wholes = [cell(run.of_wholes(set_name, one)) or "-" for one in LEVELS] if level == run.level else []
        tested = f"{set_name}: {run.question}" if run.made.split == "leave-one-set-out" else f"{run.made.data}: {run.question}"
        tested += ", original windows only" if level == ORIGINALS else ""
        cells = (
            f"[{run.folder.name}](results/{run.folder.name}/)",
            f"{run.recipe.key}, {network}",
            weights_in_words(run),
            split_in_words(run),
        )
        whole = "; ".join(wholes)
        rows.append(_line((*cells, tested, counted, cell(area), cell(right), whole, *last)))
    return rows


def _length(run: RecipeRun) -> str:
    """Return how long was trained and, where that is shortened, what the full length costs."""
    if not run.settings.shortened:
        return length_in_words(run)
    full = run.recipe.settings(run.made.network, run.made.split)
    return f"{length_in_words(run)}; full: about {told(recipe_hours(run.recipe, full, run.made.split, run.made.sets))}"


def _not_run(one: Recipe, network: str) -> str:
    return _line(
        (
            f"{one.key}, {network}",
            f"`breastcad reproduce {one.key} COLLECTION --network {network} --out RUN`",
            told(full_hours(one, network)),
        )
    )


def fill_results(document: Path, *, check: bool = False) -> bool:
    """Write the part of a document that stands between the markers anew from the runs in results/ beside it.

    Parameters
    ----------
    document : Path
        RESULTS.md.
    check : bool
        Only look.

    Returns
    -------
    bool
        Whether the document was not up to date.

    Raises
    ------
    ReadError
        If the document has no such part, or a run cannot be read.
    InputError
        If a run was not trained to its end.
    """
    text = read_document(document)
    filled = _filled(document, text)
    if filled != text and not check:
        write_text(document, filled)
    return filled != text


def stale_rows(document: Path) -> list[tuple[str, str]]:
    """Return the lines of a document's part on publications that differ from what the runs say: as written, and as it should be.

    A line that one of the two has not is empty there.

    Raises
    ------
    ReadError, InputError
        As `fill_results` does.
    """
    text = read_document(document)
    written, wanted = text.splitlines(), _filled(document, text).splitlines()
    changes = SequenceMatcher(None, written, wanted, autojunk=False).get_opcodes()
    return [
        pair
        for kind, first, last, begin, end in changes
        if kind != "equal"
        for pair in zip_longest(written[first:last], wanted[begin:end], fillvalue="")
    ]


def _filled(document: Path, text: str) -> str:
    before, begin, rest = text.partition(f"{BEGIN}\n")
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ReadError(document, f"has no part between '{BEGIN}' and '{END}'")
    return before + begin + results_part(recipe_runs(document.parent / "results")) + end + after
