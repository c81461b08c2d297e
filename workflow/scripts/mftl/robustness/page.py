"""The verdicts in words, as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from mftl.robustness.questions import DIMERS, FORGETTING, SEARCH, SIMULATION, TITLES
from mftl.robustness.verdicts import FAILS, NOT_ASKED, OPEN, PASSES, Answer

REMEDIES = {
    FORGETTING: "A mode that replays data of the parent, or what the parent itself predicts, forgets less.",
    DIMERS: "`pair_repulsion: true` of the architecture keeps two atoms apart; so does replay of a parent that knows "
    "short distances.",
    SEARCH: "`pair_repulsion: true` of the architecture helps where atoms come too close, replay where a parent has "
    "fewer holes.",
    SIMULATION: "Labels of structures that hot simulations reach help: a protocol with `committee: true` and "
    "`max_force_deviation` collects them.",
}
UNCERTAIN = {
    FORGETTING: "More seeds or test structures make the interval smaller; structures of their own, named by `learned`, "
    "separate what was forgotten from what another level says of the same structures.",
    DIMERS: "It depends on the seed: look at the one that you use.",
    SEARCH: "More `structures` make the interval smaller.",
    SIMULATION: "More `replicas`, or seeds, make the interval smaller.",
}


def page(found: Sequence[Answer], settings: Mapping[str, Any]) -> str:
    """The whole page; ``settings`` of ``plan.robustness``."""
    lines = [f"# Robustness of {settings['name']}", "", _summary(found), ""]
    lines += ["| question | verdict | passes if | measured |", "|---|---|---|---|"]
    lines += [f"| {TITLES[one.question]} | **{one.verdict}** | {one.criterion} | {one.said} |" for one in found]
    lines += ["", f"![The four tests]({settings['name']}.png)", ""]
    for one in found:
        lines += [f"## {TITLES[one.question]}: {one.verdict}", "", *_section(one, settings), ""]
    lines += ["## What this rests on", "", *_rests(found, settings)]
    return "\n".join(lines) + "\n"


def _summary(found: Sequence[Answer]) -> str:
    """All verdicts in a sentence."""
    parts = []
    for verdict in (FAILS, OPEN, PASSES, NOT_ASKED):
        if titles := [TITLES[one.question].lower() for one in found if one.verdict == verdict]:
            parts.append(f"{verdict}: {', '.join(titles)}")
    text = "; ".join(parts)
    return f"**{text[0].upper()}{text[1:]}.**"


def _section(one: Answer, settings: Mapping[str, Any]) -> list[str]:
    """One question: why it is not asked, or what was measured and what to do."""
    if one.verdict == NOT_ASKED:
        return [f"It cannot be asked: {one.said}."]
    lines = [f"Measured: {one.said}.", f"It passes if {one.criterion}."]
    if one.question == FORGETTING:
        beside = "tested on the same structures; a difference between levels counts as forgetting"
        lines.append(f"Its parent is `{settings['parent']}`, {beside}.")
    if one.question == SIMULATION:
        lines.append(f"{settings['protocol']}.")
    if one.verdict == FAILS:
        lines.append(REMEDIES[one.question])
    elif one.verdict == OPEN:
        lines.append(UNCERTAIN[one.question])
    table = one.table()
    lines += ["", "| what | measured | from | to | verdict |", "|---|---|---|---|---|"]
    for row in table.fillna({"verdict": ""}).itertuples():
        lines.append(f"| {row.what} | {row.estimate:.3g} | {row.low:.3g} | {row.high:.3g} | {row.verdict} |")
    return lines


def _rests(found: Sequence[Answer], settings: Mapping[str, Any]) -> list[str]:
    """The models, seeds, and what the numbers do not say."""
    seeds = max((int(row.get("seeds", 1)) for one in found for row in one.rows), default=1)
    count = f"{seeds} seeds" if seeds > 1 else "one seed, so what another seed would do is not known"
    return [
        f"- Models: `{settings['recipe']}`, {count}.",
        "- Intervals are of 95 %: over test structures and seeds of errors, Wilson's of shares, as if simulations were "
        "independent of each other. A verdict is *cannot be told* where a limit lies within.",
        "- Limits are conventions: the keys `forgotten`, `holes` and `stable` of the section `robustness` move them.",
        "- Random structures and pairs of atoms are far from what models are made for. A hole there matters where a "
        "search or a hot simulation may get there.",
    ]
