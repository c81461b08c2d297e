"""How many labels two learning curves need for the same error, within the sizes of one of them and never beyond."""

from typing import Any

import numpy as np

from mftl import points

SAVES, COSTS = "saves labels", "costs labels"
AT_LEAST, AT_MOST, UNBOUNDED = "at least", "at most", "no bound"
LIMITS = 1e-12, 1e12  # of errors in any unit
TAIL = (1 - points.LEVEL) / 2


def falling(logs: np.ndarray) -> np.ndarray:
    """The curves that never rise with their first index and are nearest to ``logs`` (sizes, draws), by least squares.

    Isotonic regression: what rises is levelled. Noise that bends a curve up would else give one error at several sizes.
    """
    count = len(logs)
    sums = np.concatenate([np.zeros_like(logs[:1]), logs.cumsum(0)])

    def mean(first: int, last: int) -> np.ndarray:
        return (sums[last + 1] - sums[first]) / (last + 1 - first)

    return np.array(
        [
            np.min([np.max([mean(a, b) for b in range(i, count)], axis=0) for a in range(i + 1)], axis=0)
            for i in range(count)
        ]
    )


def ratios(
    sizes: np.ndarray, errors: np.ndarray, other_sizes: np.ndarray, other_errors: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """By which factor another curve needs more labels for the error of a curve at each size, in logarithms.

    ``sizes`` (n,) with ``errors`` (n, 1 + draws); ``other_sizes`` (m,) rise. Each draw of the errors belongs to that of
    ``other_errors`` (m, 1 + draws), which is levelled (``falling``) and joined by straight lines in the logarithms of
    size and error. The second result (n, 1 + draws) is 1 where the other curve does not come down to the error, and -1
    where it begins below it. The factor is then that of its largest or smallest size, a bound.
    """
    # draws of two seeds have no bound
    wanted, others = (np.log(np.clip(one, *LIMITS)) for one in (errors, other_errors))
    curve = falling(others)
    places = np.log(other_sizes)
    found = np.empty_like(wanted)
    for draw in range(wanted.shape[1]):
        found[:, draw] = np.interp(wanted[:, draw], curve[::-1, draw], places[::-1])
    beyond = (wanted < curve[-1]).astype(int) - (wanted > curve[0]).astype(int)
    return found - np.log(sizes)[:, None], beyond


def percent(logs: np.ndarray) -> np.ndarray:
    """Labels saved, in percent of the other curve's, from logarithms of ``ratios``; below 0 where more are needed."""
    return 100 * (1 - np.exp(-logs))


def judged(logs: np.ndarray, beyond: np.ndarray) -> dict[str, Any]:
    """Labels saved over some sizes, the geometric mean of their ``ratios``, with its interval and a verdict.

    ``bound`` says what the estimate is where one of the sizes has a bound alone; ``low_open`` and ``high_open`` that an
    end of the interval is one: more than 2.5 % of the draws are beyond the other curve's sizes on that side.
    """
    mean = logs.mean(0)
    more, less = beyond.max(0) > 0, beyond.min(0) < 0
    saved = percent(mean)
    low, high = points.interval(saved)
    bound = {(False, False): "", (True, False): AT_LEAST, (False, True): AT_MOST, (True, True): UNBOUNDED}
    # a draw beyond a bound saves, or costs, what the bound says and more
    saves = ((mean > 0) | ((mean == 0) & more)) & ~less
    costs = ((mean < 0) | ((mean == 0) & less)) & ~more
    verdicts = {SAVES: points.verdict(saves), COSTS: points.verdict(costs)}
    return {
        "saved_percent": saved[0],
        "saved_percent_low": low,
        "saved_percent_high": high,
        "bound": bound[bool(more[0]), bool(less[0])],
        "low_open": bool(less[1:].mean() > TAIL),
        "high_open": bool(more[1:].mean() > TAIL),
        "verdict": next((word for word, one in verdicts.items() if one == points.HOLDS), points.OPEN),
    }
