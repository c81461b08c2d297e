"""The advice in words, as Markdown."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mftl import points
from mftl.advice.findings import FORECAST, Findings
from mftl.forecast import CURVES, judged, steps
from mftl.points import FAILS, HOLDS

SURE = points.LEVEL


@dataclass(frozen=True)
class Price:
    """What more labels cost: how many are new, and hours for these and for training all seeds; None: not known."""

    labels: int
    new: int
    label_hours: float | None
    cpu_hours: float
    gpu_hours: float

    @property
    def cpu(self) -> float | None:
        """All CPU hours."""
        return None if self.label_hours is None else self.label_hours + self.cpu_hours


@dataclass(frozen=True)
class Circumstances:
    """What the page tells besides what the pilot found.

    ``have``: labels there are to train on; ``prices`` at more labels; ``rates``: what those rest on, in words;
    ``afforded``: the most labels that the ``budget`` pays, None if that cannot be told; ``next_ids``: structures to
    label next, which lie in ``asked``; ``configuration``: the file with the one that is recommended.
    """

    system: str
    level: str
    seeds: int
    have: int | None
    wanted: Mapping[str, float] = field(default_factory=dict)
    prices: tuple[Price, ...] = ()
    rates: Mapping[str, str] = field(default_factory=dict)
    budget: float | None = None
    afforded: int | None = None
    next_ids: tuple[str, ...] = ()
    asked: str = ""
    configuration: str = ""


def page(found: Findings, known: Circumstances) -> str:
    """The whole page."""
    parts = [
        (f"Advice for {known.system} at {known.level}", _summary(found, known)),
        ("Does a cheap level help?", [*_helps(found), *_which(found)]),
        ("Which way to train?", _way(found)),
        ("Labels or the model?", _limit(found)),
        ("What more labels bring", _expected(found)),
        ("Labels for a wanted error", _needed(found, known)),
        ("What it costs", _costs(found, known)),
        ("What this rests on", _rests(found, known)),
        ("What to label next", _next(known)),
        ("How to go on", _go_on(known)),
    ]
    lines = []
    for number, (title, text) in enumerate(parts):
        if text:
            lines += [f"{'##' if number else '#'} {title}", "", *text, ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _summary(found: Findings, known: Circumstances) -> list[str]:
    best = found.best
    lines = [f"**Train {_name(found, best.name)}.**"]
    if needed := found.needed(known.wanted):
        lines += [f"For {_error(found, key)} of {one.wanted:g} {found.unit(key)}: {one.told()}." for key, one in
                  needed.items()]  # fmt: skip
    elif found.ratios:
        size = int(found.ratios[0] * found.largest)
        median, low, high = found.forecasts[best.name, found.quantity].interval(size)
        unit = found.unit(found.quantity)
        lines.append(
            f"With {size} labels expect {_error(found)} of {median:.3g} {unit} (80 %: {low:.3g} to {high:.3g})."
        )
    return lines


def _helps(found: Findings) -> list[str]:
    """Whether a cheap level helps, at the largest size of the pilot."""
    if found.cheap is None:
        return ["No cheap level was tried."]
    one = found.compared(found.cheap.name, found.scratch.name)
    ratio = f"{_error(found)} with {found.largest} labels is {one.told()} times that from scratch"
    if one.verdict == HOLDS:
        return [f"Yes: after pre-training at {found.cheap.low} the {ratio}."]
    if one.verdict == FAILS:
        return [f"No: after pre-training at {found.cheap.low}, the best of those tried, the {ratio}."]
    return [f"That cannot be told apart: after pre-training at {found.cheap.low} the {ratio}."]


def _which(found: Findings) -> list[str]:
    """Which of several cheap levels helps most."""
    others = [one for one in found.tried if one.kind == "mftl" and one is not found.cheap]
    if found.cheap is None or not others:
        return []
    each = {str(one.low): found.compared(found.cheap.name, one.name) for one in others}
    worse = [f"{low}, ratio {one.told()}" for low, one in each.items() if one.verdict == HOLDS]
    alike = [f"{low}, ratio {one.told()}" for low, one in each.items() if one.verdict != HOLDS]
    lines = []
    if worse:
        lines.append(f"{found.cheap.low} is better than {_and(worse)}.")
    if alike:
        lines.append(f"{found.cheap.low} cannot be told apart from {_and(alike)}; take what is cheaper to compute.")
    return lines


def _way(found: Findings) -> list[str]:
    """Which way has the smallest expected error, and how sure that is."""
    (best, _), *others = found.ranked
    lines = [f"{_name(found, best.name)} has the smallest expected {_error(found)} at {found.aim} labels.", ""]
    for one, share in others:
        how = f"in {share:.0%} of the draws"
        now = found.compared(best.name, one.name)
        verdict = {HOLDS: "smaller", FAILS: "larger"}.get(now.verdict, "cannot be told apart")
        certain = f"better than {_name(found, one.name)} {how}"
        if 1 - SURE < share < SURE:
            certain = f"cannot be told apart from {_name(found, one.name)} there (better {how})"
        lines.append(f"- {certain}; with the {found.largest} labels of the pilot its error is {now.told()} times as "
                     f"large: {verdict}.")  # fmt: skip
    if best.kind == "delta":
        lines.append(f"\nA Δ model needs {best.low} in every step of every use; that costs more than the model does.")
        if rest := [one for one, _ in others if one.kind != "delta"]:
            lines.append(f"Where that is too dear: {_name(found, rest[0].name)}.")
    return lines


def _limit(found: Findings) -> list[str]:
    """Whether labels or the size of the model are the limit."""
    one = found.limit
    if one is None:
        return []
    beside = (
        f"with the same {found.largest} labels the {_error(found)} of the larger model is {one.told()} times "
        f"that of {_name(found, one.other)}"
    )
    forecast = ""
    if found.ratios:
        here = found.draws(one.other, found.largest)[0]
        ratios = [value / here for value in found.forecasts[one.other, found.quantity].interval(2 * found.largest)]
        span = f"{ratios[0]:.2f} times as large (80 %: {ratios[1]:.2f} to {ratios[2]:.2f})"
        forecast = f" Twice the labels are expected to make it {span}."
    if one.verdict == HOLDS:
        return [f"The size of the model is a limit: {beside}.{forecast} Try the larger one before you buy labels."]
    if one.verdict == FAILS:
        return [f"Labels are the limit, not the size of the model: {beside}.{forecast}"]
    return [f"The size of the model makes no difference that can be told apart: {beside}.{forecast}"]


def _expected(found: Findings) -> list[str]:
    """A table of errors at the pilot's largest size, and expected ones at more labels."""
    table = found.numbers()
    lines = []
    for quantity in found.quantities:
        sizes = [int(ratio * found.largest) for ratio in found.ratios]
        head = [f"{_error(found, quantity)}, {found.unit(quantity)}", f"{found.largest} labels (95 %)"]
        rows = [[*head, *(f"{size} labels (80 %)" for size in sizes)], ["---"] * (2 + len(sizes))]
        for one in found.tried:
            own = table[(table["curve"] == one.name) & (table["quantity"] == quantity)]
            ahead = own[own["kind"] == FORECAST]
            known = own[(own["kind"] != FORECAST) & (own["labels"] == found.largest)]
            cells = [f"{row.estimate:.3g} ({row.low:.3g} to {row.high:.3g})" for part in (known, ahead) for row in
                     part.itertuples()]  # fmt: skip
            rows.append([found.labels[one.name], *cells])
        lines += [f"| {' | '.join(row)} |" for row in rows] + [""]
    if not found.ratios:
        lines.append("The record of forecasts holds too few curves to say what more labels bring.")
    return lines[:-1] if lines and not lines[-1] else lines


def _needed(found: Findings, known: Circumstances) -> list[str]:
    lines = []
    for one in found.tried:
        for key, needed in found.needed(known.wanted, one.name).items():
            lines.append(f"- {found.labels[one.name]}, {_error(found, key)} of {needed.wanted:g} {found.unit(key)}: "
                         f"{needed.told()}.")  # fmt: skip
    if lines:
        lines += ["", "Buy to where the chance is 50 %, then ask again: later forecasts rest on more."]
    return lines


def _costs(found: Findings, known: Circumstances) -> list[str]:
    """Hours at more labels, and what a budget pays."""
    if not known.prices:
        return []
    rows = [["labels", "of them new", "labels, CPU h", f"training of {known.seeds} seeds, CPU h", "GPU h"], ["---"] * 5]
    for one in known.prices:
        labels = "not known" if one.label_hours is None else f"{one.label_hours:.3g}"
        rows.append([f"{one.labels}", f"{one.new}", labels, f"{one.cpu_hours:.3g}", f"{one.gpu_hours:.3g}"])
    lines = [f"{_name(found, found.best.name)}, besides what the pilot has made already:", ""]
    lines += [f"| {' | '.join(row)} |" for row in rows] + [""]
    if any(one.label_hours is None for one in known.prices):
        lines.append(
            f"What a label costs is not known; say it: cost.label_seconds: {{{known.system}.{known.level}: …}}"
        )
    if known.budget is not None:
        lines.append(_affords(found, known, known.budget))
    return [*lines, "", *(f"- {what}: {how}" for what, how in known.rates.items())]


def _affords(found: Findings, known: Circumstances, budget: float) -> str:
    if known.afforded is None:
        unknown = any(one.label_hours is None for one in known.prices)
        what = "cannot be told" if unknown else "not the training alone"
        return f"What {budget:g} CPU hours pay: {what}."
    median, low, high = found.forecasts[found.best.name, found.quantity].interval(known.afforded)
    more = " or more, of which nothing is forecast" if known.afforded == found.aim else ""
    return (
        f"{budget:g} CPU hours pay for {known.afforded} labels{more}: {_error(found)} of {median:.3g} "
        f"{found.unit(found.quantity)} (80 %: {low:.3g} to {high:.3g})."
    )


def _rests(found: Findings, known: Circumstances) -> list[str]:
    """What the intervals hold and what they do not."""
    table, own = found.table, found.table[found.table["quantity"] == found.quantity]
    structures = int(own["structures"].max())
    lines = [
        f"- {structures} test structures, drawn at random from what is labelled at {known.level}: errors are those of "
        "structures like these. If your labels were not drawn at random, nor is the test set."
    ]
    if known.seeds > 1:
        lines.append(f"- {known.seeds} seeds, each with other weights and other training structures.")
    else:
        lines.append("- One seed: nothing is known of how far another one would be off. Set `seeds: 3`.")
    worst = points.decided_by_one(table[table["value"] == found.largest])
    if len(worst):
        names = list(dict.fromkeys(one.split()[0] for one in worst["worst"]))
        lines.append(f"- One structure carries more than a fifth of a squared error ({_and(names)}): look at it, and "
                     "at `error: mae`.")  # fmt: skip
    record = judged(found.record)
    for row in record.itertuples():
        lines.append(f"- Forecasts at {row.ratio:g} times the labels: intervals of 80 % held {row.covered:.0%} of "
                     f"{row.cases} cases of {row.curves} other curves, and are widened by {row.widening:.2f}; measured "
                     f"errors were {row.bias:.2f} times the median.")  # fmt: skip
    known_steps = steps(found.record)
    far = f"{known_steps[-1]:g} times the pilot's largest size" if known_steps else "the pilot's largest size"
    lines.append(f"- Nothing is said of more than {far}: of larger ratios fewer than {CURVES} curves are known.")
    lines.append("- Forecasts are of structures that are drawn at random; chosen ones may bring more.")
    return lines


def _next(known: Circumstances) -> list[str]:
    if not known.next_ids:
        return ["No structure of the pool is known to have no label."]
    shown = ", ".join(known.next_ids[:10])
    more = f" and {len(known.next_ids) - 10} more" if len(known.next_ids) > 10 else ""
    return [f"{len(known.next_ids)} structures, the most telling first: {shown}{more}. They lie in `{known.asked}`."]


def _go_on(known: Circumstances) -> list[str]:
    if not known.configuration:
        return []
    have = "" if known.have is None else f" on all {known.have} labels there are"
    return [
        f"`{known.configuration}` trains this way{have}, and goes on from what the pilot has made:",
        "",
        f"    snakemake --configfile {known.configuration} -- results/advised.pdf results/best/advised/model.pt",
    ]


def _error(found: Findings, quantity: str | None = None) -> str:
    name = {"forces": "force"}.get(quantity or found.quantity, "energy")
    return f"{name} {found.error.upper()}"


def _name(found: Findings, name: str) -> str:
    """A way's label in the middle of a sentence."""
    label = found.labels[name]
    return label[0].lower() + label[1:] if label.startswith(("From", "Larger")) else label


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
