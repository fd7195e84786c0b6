"""What a run answers to the items of CLAIM 2024 and TRIPOD+AI: a function an answer, its text, or None where the run does not say.

An answer quotes files of the run; nothing is guessed. Which item takes which answer is in checklist_items.yaml.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from breastcad import __version__
from breastcad.core.records import Collection
from breastcad.datasets.splits import leaks
from breastcad.evaluate.figures import Figure
from breastcad.report.run_facts import RunFacts

Answer = Callable[[RunFacts], str | None]
_MODALITIES = {"US": "ultrasound", "MG": "mammograms"}
_DECISIONS = ("sensitivity", "specificity", "accuracy", "ppv", "npv")
_NETWORK = ("network", "channels", "head", "hidden", "dropout", "attention", "rows", "cols", "classes")
_TRAINING = ("epochs", "patience", "batch", "rate", "stages", "optimiser", "schedule", "weight_decay", "warm_up", "average_decay", "loss",
             "policy", "copies", "copies_policy", "mixup", "label_smoothing", "frozen_stages", "seed", "members")  # fmt: skip
ANSWERS: dict[str, Answer] = {}
"""Every answer by its name in checklist_items.yaml."""


def _answer(function: Answer) -> Answer:
    """Enter an answer under its name, without the underscore."""
    ANSWERS[function.__name__.removeprefix("_")] = function
    return function


def _members(facts: RunFacts) -> int:
    members = facts.settings.get("members")
    return members if isinstance(members, int) else 1


def _told(facts: RunFacts, names: Sequence[str]) -> str:
    """Return settings as "name value", those that the run has."""
    return ", ".join(f"{name} {facts.settings[name]}" for name in names if facts.settings.get(name) not in (None, ""))


def _plain(figures: Sequence[Figure], most: int = 8) -> str:
    """Return figures with interval and n, the first few."""
    said = [f"{one.name} ({_scope(one)}) {one.value:.3f} ({one.low:.3f} to {one.high:.3f}; n {one.n})" for one in figures[:most]]
    rest = f"; {len(figures) - most} more in metrics.json" if len(figures) > most else ""
    return "; ".join(said) + rest


def _version(facts: RunFacts) -> str:
    return ", ".join(dict.fromkeys(str(one.get("breastcad")) for one in facts.environments if one.get("breastcad"))) or __version__


def _devices(facts: RunFacts) -> str:
    return ", ".join(dict.fromkeys(str(one.get("device")) for one in facts.environments if one.get("device"))) or "a machine not named"


def _scope(one: Figure) -> str:
    """Return the set of a figure, and its level where that is not the image."""
    return one.set if one.level == "image" else f"{one.set}, {one.level}"


def _of_tests(facts: RunFacts) -> list[Figure]:
    return [one for one in facts.figures if one.part == "test" and "/" not in one.set]


def _per_collection(facts: RunFacts, say: Callable[[Collection], str | None]) -> str | None:
    """Return what is said of each collection; None if none is given, or nothing can be said of any."""
    said = [(str(one.facts.get("set")), say(one)) for one in facts.collections]
    found = [f"{name}: {text}" for name, text in said if text]
    absent = [name for name in facts.sets if name not in {name for name, _ in said}]
    return ". ".join(found) + (f" (not given: {', '.join(absent)})" if absent else "") if found else None


@_answer
def _technology(facts: RunFacts) -> str | None:
    network, classifier = facts.settings.get("network"), facts.settings.get("classifier")
    kind = f"Deep learning: network {network}" if network else "A model trained on labelled images"
    if classifier:
        of = f" of {network}" if facts.features_of_a_network else ""
        kind = f"Machine learning on measured features: {classifier} on {facts.settings.get('features')}{of}"
    return f"{kind}, on {_MODALITIES.get(str(facts.settings.get('modality')), 'images')}."


@_answer
def _retrospective(facts: RunFacts) -> str | None:
    return "Retrospective: images and labels were collected before the run."


@_answer
def _sources(facts: RunFacts) -> str | None:
    def say(one: Collection) -> str:
        title, cite = one.facts.get("title", one.facts.get("set")), one.facts.get("cite", "no source named")
        return f"{title}; {cite}; {one.facts.get('licence', 'no licence named')}"

    return _per_collection(facts, say)


@_answer
def _licences(facts: RunFacts) -> str | None:
    return _per_collection(facts, lambda one: str(one.facts["licence"]) if one.facts.get("licence") else None)


@_answer
def _included(facts: RunFacts) -> str | None:
    def say(one: Collection) -> str:
        name = str(one.facts.get("set"))
        used = len({row.id for row in facts.rows if row.set == name})
        present = sum(image.present for image in one.images)
        what = "" if facts.unit == "images" else f"{facts.unit} "
        return f"{len(one.images):,} images listed, {present:,} at hand, {used:,} {what}in the split"

    return _per_collection(facts, say)


@_answer
def _subsets(facts: RunFacts) -> str | None:
    said = _included(facts)
    if said is None:
        return None
    classes = facts.settings.get("classes")
    return f"{said}." + (f" Samples of classes {classes} only." if classes else "")


@_answer
def _preprocessing(facts: RunFacts) -> str | None:
    if "classifier" in facts.settings and not facts.features_of_a_network:
        return f"Windows as they were cut; {_told(facts, ('context', 'glcm_distances'))} (settings.yaml)."
    pipeline = facts.settings.get("pipeline") or (f"breastcad's recipe {facts.recipe} says" if facts.recipe else None)
    if not pipeline or "rows" not in facts.settings:  # of windows the run does not know what was done to their images before
        return None
    said = _told(facts, ("normalisation", "channels"))
    return f"Prepared as {pipeline}, to {facts.settings['rows']} x {facts.settings['cols']} pixels" + (f"; {said}." if said else ".")


@_answer
def _missing_data(facts: RunFacts) -> str | None:
    def say(one: Collection) -> str:
        counts, problems = one.facts.get("counts", {}), one.facts.get("problems", [])
        return f"{counts.get('missing', 0)} of {counts.get('listed', len(one.images))} listed images missing, none filled in" + "".join(
            f"; {problem}" for problem in problems
        )

    return _per_collection(facts, say)


def _filled(facts: RunFacts, one: Collection, columns: Sequence[str]) -> str | None:
    """Return for each column of images.csv its commonest values among the images of the split, and how many of these have none."""
    mine, found = {(row.set, row.id) for row in facts.rows} if facts.unit == "images" else set(), []
    images = [image for image in one.images if (image.set, image.image_id) in mine or not mine]
    for column in columns:
        values = Counter(str(getattr(image, column)) for image in images if getattr(image, column) is not None)
        if values:
            shown = ", ".join(f"{value} {n:,}" for value, n in values.most_common(4))
            none = len(images) - sum(values.values())
            found.append(f"{column} ({shown}" + (f"; not known {none:,})" if none else ")"))
    return "; ".join(found) or None


@_answer
def _acquisition(facts: RunFacts) -> str | None:
    return _per_collection(facts, lambda one: _filled(facts, one, ("modality", "image_type", "view", "manufacturer", "bit_depth")))


@_answer
def _characteristics(facts: RunFacts) -> str | None:
    return _per_collection(facts, lambda one: _filled(facts, one, ("label", "density", "birads", "laterality")))


@_answer
def _dates(facts: RunFacts) -> str | None:
    def say(one: Collection) -> str | None:
        known = sorted(image.date for image in one.images if image.date)
        return f"{known[0]} to {known[-1]}, {len(known):,} images with a date" if known else None

    return _per_collection(facts, say)


@_answer
def _reference(facts: RunFacts) -> str | None:
    return _per_collection(facts, lambda one: _filled(facts, one, ("label",)))


@_answer
def _partition(facts: RunFacts) -> str | None:
    if not facts.split:
        return None
    split, parts = facts.split, ", ".join(f"{part} {n['images']:,}" for part, n in facts.counts().items())
    said = [f"{split[name]} {name}" for name in ("folds", "repeats") if split.get(name)]
    kind = ", ".join([f"Split of kind '{split.get('kind')}'", *said])
    return f"{kind}, seed {split.get('seed')}; {facts.unit} that are in a part in any fold: {parts}."


@_answer
def _disjoint(facts: RunFacts) -> str | None:
    if not facts.split or not facts.rows:
        return None
    found = [*facts.split.get("leaks", []), *leaks(facts.rows)]
    by = facts.split.get("by", "group")
    unit = "groups (patients with their near-duplicates)" if by == "group" else f"{by}s"
    said = f"Parts are disjoint by {unit}; no leak was found." if not found else f"It leaks: {'; '.join(dict.fromkeys(found))}."
    return f"{said} {len({row.group for row in facts.rows}):,} groups in all."


@_answer
def _size(facts: RunFacts) -> str | None:
    counts = facts.counts()
    return (
        "; ".join(f"{part}: {n['images']:,} {facts.unit} of {n['groups']:,} groups" for part, n in counts.items()) + "." if counts else None
    )


@_answer
def _model(facts: RunFacts) -> str | None:
    if not facts.settings.get("network"):
        return None
    if "classifier" in facts.settings:
        more = ("network", "weights", "rows", "cols") if facts.features_of_a_network else ()
        return f"{_told(facts, ('features', *more, 'select', 'select_number', 'classifier', 'classes'))}; all settings in settings.yaml."
    said = _told(facts, _NETWORK)
    return f"{said}; all settings in settings.yaml, layers by that name in breastcad {_version(facts)}."


@_answer
def _software(facts: RunFacts) -> str | None:
    said = [", ".join(f"{name} {version}" for name, version in one.items()) for one in facts.environments]
    return "; then ".join(said) + "." if said else None


@_answer
def _initial(facts: RunFacts) -> str | None:
    weights, seed = facts.settings.get("weights"), f"seed {facts.settings.get('seed')}"
    if "classifier" in facts.settings:
        of = f"The features' network by weights '{weights}'; the classifier" if facts.features_of_a_network else "The classifier"
        return f"{of} by {seed}, where it draws any."
    runs = {facts.settings.get(name, "none") for name in ("patch_run", "start_run")} - {"none"}
    said = f"of the run '{min(runs)}' (start.json of each fold)" if runs else weights and f"'{weights}'"
    return f"From scratch, {seed}." if weights == "none" and not runs else said and f"Weights {said}; the rest by {seed}."


@_answer
def _training(facts: RunFacts) -> str | None:
    said = _told(facts, _TRAINING)
    if "classifier" in facts.settings:
        said = _told(facts, ("classifier", "penalty", "gamma", "neighbours", "trees", "leaf", "decay", "search", "inner_folds", "seed"))
    elif "epochs" not in facts.settings:
        return None
    augmentation = "; augmentation: settings.yaml, 'augmentation'" if facts.settings.get("augmentation") else ""
    hours = f"; {facts.seconds / 3600:.1f} hours in all on {_devices(facts)}" if facts.seconds else ""
    shortened = "; **shortened**" if facts.settings.get("shortened") else ""
    return f"{said}{augmentation}{hours}{shortened}."


@_answer
def _chosen(facts: RunFacts) -> str | None:
    by, patience = facts.settings.get("choose_by"), facts.settings.get("patience")
    if by == "last":
        return "The last epoch."
    if "classifier" in facts.settings:
        inner = facts.settings.get("search") == "inner"
        return (
            "Its main parameters by inner folds of the training part, never on test."
            if inner
            else "Nothing was chosen: parameters are set."
        )
    if by is None and patience is None:
        return None
    return f"The epoch that was best on the validation part of each fold{f' by {by}' if by else ''}, never on test."


@_answer
def _ensemble(facts: RunFacts) -> str | None:
    if "members" not in facts.settings:
        return None
    return f"{_members(facts)} networks a fold, whose mean is its answer." if _members(facts) > 1 else "None: one network a fold."


@_answer
def _metrics(facts: RunFacts) -> str | None:
    names = dict.fromkeys(one.name for one in _of_tests(facts))
    return "; ".join(names) + ". How each is made: 'how' in metrics.json." if names else None


@_answer
def _uncertainty(facts: RunFacts) -> str | None:
    found = _of_tests(facts)
    return f"95 % intervals over groups, e.g. {found[0].name}: {found[0].how}" if found else None


@_answer
def _robustness(facts: RunFacts) -> str | None:
    said = []
    if len(facts.folds) > 1:
        said.append(f"{len(facts.folds)} folds")
    if _members(facts) > 1:
        said.append(f"{_members(facts)} seeds a fold")
    spread = [one for one in _of_tests(facts) if one.name.endswith("mean of folds")]
    return "; ".join([*said, _plain(spread, 3)]) + "." if said and spread else None


@_answer
def _explain(facts: RunFacts) -> str | None:
    found = [one for one in _of_tests(facts) if "best mark" in one.name]
    return f"The model marks places: {_plain(found, 3)}." if found else None


@_answer
def _internal(facts: RunFacts) -> str | None:
    found = [one for one in _of_tests(facts) if one.set in facts.tested_by_their_own]
    return _plain(found, 3) + "." if found else None


@_answer
def _external(facts: RunFacts) -> str | None:
    found = [one for one in _of_tests(facts) if one.set not in (*facts.tested_by_their_own, "all")]
    each = ", each set tested by what was trained on the others" if {one.set for one in found} & set(facts.trained_on) else ""
    return f"Trained on {', '.join(facts.trained_on)}{each}; {_plain(found, 4)}." if found and facts.trained_on else None


@_answer
def _flow(facts: RunFacts) -> str | None:
    said, counts = _included(facts), _size(facts)
    return f"{said}. {counts}" if said and counts else None


@_answer
def _performance(facts: RunFacts) -> str | None:
    found = _of_tests(facts)
    return _plain(found) + "." if found else None


@_answer
def _performance_by_group(facts: RunFacts) -> str | None:
    found = _of_tests(facts)
    if not found:
        return None
    groups = f"Subgroups: {_plain(facts.subgroups, 6)}." if facts.subgroups else "No subgroups were looked at."
    return f"{_plain(found, 3)}. {groups}"


@_answer
def _decisions(facts: RunFacts) -> str | None:
    found = [one for one in _of_tests(facts) if one.name.startswith(_DECISIONS)]
    return _plain(found) + "." if found else None


@_answer
def _failures(facts: RunFacts) -> str | None:
    said = []
    for one in _of_tests(facts):
        decides = one.name.startswith(("sensitivity", "specificity")) and "at specificity" not in one.name
        if one.set == "all" or not one.positives or not decides:
            continue
        sick = one.name.startswith("sensitivity")
        said.append(f"{_scope(one)}: {1 - one.value:.1%} of the {'positive' if sick else 'negative'} ones called wrong ({one.name})")
    return "; ".join(said[:4]) + "; predictions.csv names them." if said else None


@_answer
def _limits(facts: RunFacts) -> str | None:
    said = [f"only images of {', '.join(facts.trained_on)} were learnt from"] if facts.trained_on else []
    said += [str(one) for one in facts.split.get("leaks", [])]
    if facts.settings.get("shortened"):
        said.append("the training was shortened")
    if facts.figures and _external(facts) is None:
        said.append("there is no test on another set")
    return "; ".join(said) + "." if said else None


@_answer
def _detail(facts: RunFacts) -> str | None:
    return f"The run folder '{facts.name}': {', '.join(sorted(name for name in facts.files if name.endswith(('.yaml', '.json', '.csv'))))}."


@_answer
def _availability(facts: RunFacts) -> str | None:
    terms = _licences(facts)
    return "Code: breastcad, Apache-2.0." + (f" Data: {terms}." if terms else "")


@_answer
def _code(facts: RunFacts) -> str | None:
    version = _version(facts)
    return f"breastcad {version}, Apache-2.0; breastcad recheck recomputes every figure from the run's tables."


@_answer
def _objective(facts: RunFacts) -> str | None:
    return "Development" + (", with evaluation." if facts.figures else "; nothing is evaluated yet.")


@_answer
def _predictors(facts: RunFacts) -> str | None:
    features = facts.settings.get("features")
    return f"Features measured in the image: {features}." if features else "The pixels of the image or window, nothing else."


@_answer
def _predictors_defined(facts: RunFacts) -> str | None:
    said, features = _preprocessing(facts), facts.settings.get("features")
    return f"{f'Features {features}, each defined in patches/features.py' if features else 'Pixel values'}. {said}" if said else None


@_answer
def _nobody_judged(facts: RunFacts) -> str | None:
    cut = any(one.level == "patch" for one in facts.figures)  # at places that somebody marked
    return None if cut or "classifier" in facts.settings else "Nobody: pixels are read from the file."


@_answer
def _heterogeneity(facts: RunFacts) -> str | None:
    by_name: dict[str, list[Figure]] = {}
    for one in _of_tests(facts):
        if one.set != "all":
            by_name.setdefault(one.name, []).append(one)
    several = next((found for found in by_name.values() if len(found) > 1), None)
    return f"By set, each with its interval: {_plain(several)}." if several else None


@_answer
def _updating(facts: RunFacts) -> str | None:
    return (
        "Calibrated in each fold on its validation part; folds.json has the numbers."
        if any(fold.get("calibration") for fold in facts.folds)
        else None
    )


@_answer
def _calculation(facts: RunFacts) -> str | None:
    if "predictions.csv" not in facts.files:
        return None
    rule = facts.settings.get("aggregation")
    seen = " (but others of the same group, since the split leaks)" if facts.split.get("leaks") else ""
    what = "image" if facts.unit == "images" else "window and copy"
    return f"Each test {what} by the fold that has not seen it{seen}; logits and probabilities in predictions.csv" + (
        f"; windows put together by {rule}." if rule else "."
    )


@_answer
def _imbalance(facts: RunFacts) -> str | None:
    said, shares = _told(facts, ("balance", "class_weight", "normal_weight", "loss", "focal_gamma")), _parts_compared(facts)
    return f"{said}. {shares}" if said and shares else None


@_answer
def _output(facts: RunFacts) -> str | None:
    classes = next((fold["classes"] for fold in facts.folds if fold.get("classes")), None)
    if not classes:
        return None
    threshold = any("threshold" in one.name for one in facts.figures)
    return f"Probabilities of {', '.join(map(str, classes))}" + (
        ", and a decision at a threshold fixed on validation." if threshold else "; no threshold."
    )


@_answer
def _differences(facts: RunFacts) -> str | None:
    if not facts.rows:
        return None
    tested = list(dict.fromkeys(row.set for row in facts.rows if row.part == "test"))
    return f"Trained on {', '.join(facts.trained_on)}; tested on {', '.join(tested)}; same preprocessing."


@_answer
def _parts_compared(facts: RunFacts) -> str | None:
    counts = [one for one in facts.split.get("counts", []) if isinstance(one, dict)]
    totals: dict[str, Counter[str]] = {}
    for one in counts:
        totals.setdefault(str(one.get("part")), Counter())[str(one.get("label"))] += int(one.get("images", 0))
    if not totals:
        return None
    said = [f"{part}: {', '.join(f'{label} {n / sum(by.values()):.0%}' for label, n in sorted(by.items()))}" for part, by in totals.items()]
    return f"Labels, over all folds: {'; '.join(said)}."


@_answer
def _events(facts: RunFacts) -> str | None:
    said = [
        f"{one.name} ({_scope(one)}): n {one.n:,}, {one.positives:,} positive, {one.clusters:,} groups"
        for one in _of_tests(facts)
        if one.positives
    ]
    return "; ".join(said[:4]) + (f"; {len(said) - 4} more in metrics.json." if len(said) > 4 else ".") if said else None


@_answer
def _calibration(facts: RunFacts) -> str | None:
    found = [one for one in _of_tests(facts) if one.name.startswith(("brier", "calibration"))]
    return f"Of calibrated probabilities: {_plain(found, 4)}." if found else None


@_answer
def _poor_input(facts: RunFacts) -> str | None:
    return (
        "breastcad analyze says what it cannot read and why, and abstains, with the reason, from pictures that are nearly uniform, show no"
        " breast or are of another modality."
    )
