"""Orders of structures: rules against their definitions, nested orders, compositions, caps, shares."""

import numpy as np
import pytest

from mftl.acquisition.order import COMPOSITION, LABELLED, PILOT, RANDOM, RULE, order
from mftl.acquisition.rules import (
    Clusters,
    Farthest,
    ForceVariance,
    LowLevelError,
    Random,
    Variance,
    standardized,
)
from mftl.inputs import InputError

GENERATOR = np.random.default_rng(3)
FEATURES = np.concatenate([GENERATOR.normal(size=(150, 6)), 5 + 3 * GENERATOR.normal(size=(50, 6))])
ONE_KIND = np.ones((200, 1), int)
ALL = np.ones(200, bool)


def greedy(rule, picks: int, known=(0, 7, 31)) -> list[int]:
    found = order(rule, ONE_KIND, known, [], picks, range(200))
    return [one.structure for one in found[len(known) :]]


def clusters_by_definition(features: np.ndarray, centres: list[int], picks: int) -> list[int]:
    """LCMD as it is defined, with all distances."""
    centres = list(centres)
    for _ in range(picks):
        distances = ((features[:, None] - features[centres]) ** 2).sum(-1)
        nearest, squares = distances.argmin(1), distances.min(1)
        heaviest = max(range(len(centres)), key=lambda c: squares[nearest == c].sum())
        members = np.flatnonzero(nearest == heaviest)
        centres.append(int(members[squares[members].argmax()]))
    return centres[-picks:]


def test_clusters_are_those_of_the_definition():
    for features in (FEATURES, FEATURES[::-1] * [1, 2, 3, 4, 5, 6]):
        assert greedy(Clusters(features), 40) == clusters_by_definition(features, [0, 7, 31], 40)


def test_farthest_point_bounds_the_largest_distance():
    found = greedy(Farthest(FEATURES), 30)
    centres = [0, 7, 31]
    for one in found:
        distances = ((FEATURES[:, None] - FEATURES[centres]) ** 2).sum(-1).min(1)
        assert distances[one] == pytest.approx(distances.max())
        centres.append(one)


def test_posterior_variance_is_the_gain_of_the_determinant():
    """det(A + φφᵀ) = det(A) (1 + φᵀA⁻¹φ): the largest variance raises the determinant the most."""
    noise = 0.01 * (FEATURES**2).sum(1).mean()
    rule, chosen = Variance(FEATURES), [0, 7, 31]
    for one in chosen:
        rule.add(one)
    for _ in range(15):
        matrix = noise * np.eye(6) + FEATURES[chosen].T @ FEATURES[chosen]
        gains = [np.linalg.slogdet(matrix + np.outer(f, f))[1] - np.linalg.slogdet(matrix)[1] for f in FEATURES]
        np.testing.assert_allclose(np.log1p(rule.scores), gains, rtol=1e-8)
        best = rule.best(ALL)
        assert best == np.argmax(gains)
        chosen.append(best)
        rule.add(best)


def test_force_rows_gain_as_the_determinant_does():
    blocks = GENERATOR.normal(size=(700, 4, 6)) * GENERATOR.uniform(0.1, 2, size=(700, 1, 1))
    rule, chosen = ForceVariance(blocks), [0, 1]
    matrix = 0.01 * (blocks**2).sum((1, 2)).mean() * np.eye(6)
    for one in chosen:
        rule.add(one)
        matrix = matrix + blocks[one].T @ blocks[one]
    for _ in range(10):
        gains = [np.linalg.slogdet(matrix + b.T @ b)[1] - np.linalg.slogdet(matrix)[1] for b in blocks]
        allowed = np.ones(700, bool)
        allowed[chosen] = False
        best = rule.best(allowed)
        assert best == max(np.flatnonzero(allowed), key=lambda i: gains[i])
        assert rule.score(best) == pytest.approx(gains[best])
        chosen.append(best)
        rule.add(best)
        matrix = matrix + blocks[best].T @ blocks[best]


def test_rows_of_one_are_the_variance():
    known = [3, 5]
    alone, rows = Variance(FEATURES), ForceVariance(FEATURES[:, None])
    assert greedy(alone, 20, known) == greedy(rows, 20, known)


def test_low_level_error_looks_where_the_regression_misses():
    """Labels are linear but for a few structures far apart from what is known: these are chosen first."""
    values = FEATURES[:, 0].copy()
    odd = np.flatnonzero(FEATURES[:, 1] > 8)[:5]
    values[odd] += 40
    values[10] = np.nan
    found = greedy(LowLevelError(FEATURES, values), 12, known=list(range(20, 60)))
    assert set(odd) & set(found) and 10 not in found
    everything = greedy(LowLevelError(FEATURES, np.full(200, np.nan)), 5)
    assert everything == greedy(Clusters(FEATURES), 5)  # without any label clusters decide


@pytest.mark.parametrize(
    "rule",
    [
        lambda: Clusters(FEATURES),
        lambda: Farthest(FEATURES),
        lambda: Variance(FEATURES),
        lambda: LowLevelError(FEATURES, FEATURES[:, 0] ** 2),
        lambda: Random(np.arange(200)[::-1]),
    ],
)
def test_orders_are_nested_and_the_same_again(rule):
    drawn = np.random.default_rng(1).permutation(200)
    counts = np.stack([np.arange(200) % 3, 1 + np.arange(200) % 2], 1)
    extremes = np.linalg.norm(FEATURES, axis=1) > 9
    settings = {"random_share": 0.3, "extremes": extremes, "extreme_share": 0.1}
    long = order(rule(), counts, [4], [8, 9], 60, drawn, **settings)
    for picks in (1, 7, 30):
        same = [one.structure for one in order(rule(), counts, [4], [8, 9], picks, drawn, **settings)]
        assert same == [one.structure for one in long[: 3 + picks]]
    assert len({one.structure for one in long}) == 63
    assert [one.reason for one in long[:3]] == [LABELLED, PILOT, PILOT]
    picked = [one.structure for one in long[3:]]
    for place in range(1, 61):
        assert extremes[picked[:place]].sum() <= np.ceil(0.1 * place)
    assert sum(one.reason == RANDOM for one in long) in (17, 18)


def test_compositions_come_first():
    """Three elements, of which two are rare: reference energies need them before anything else."""
    counts = np.zeros((200, 3), int)
    counts[:, 0] = 4
    counts[[50, 51, 52, 53], 1] = 1
    counts[[60, 61], 2] = 2  # fewer than an element should occur
    found = order(Clusters(FEATURES), counts, [0], [], 30, range(200))
    first = found[1:6]
    assert all(one.reason == COMPOSITION for one in first)
    held = counts[[one.structure for one in first]]
    assert np.linalg.matrix_rank(np.concatenate([counts[:1], held])) == 3
    assert (held[:, 1] > 0).sum() == 3 and (held[:, 2] > 0).sum() == 2
    assert all(one.reason == RULE for one in found[6:])


def test_what_failed_is_never_picked_and_the_next_takes_its_place():
    before = greedy(Random(np.arange(200)), 10)
    found = order(Random(np.arange(200)), ONE_KIND, [0, 7, 31], [], 10, range(200), barred=before[:2])
    assert [one.structure for one in found[3:]] == [*before[2:], 12, 13]


def test_mistakes():
    with pytest.raises(InputError, match="198 structures are to be chosen, but only 197 are left"):
        greedy(Clusters(FEATURES), 198)
    with pytest.raises(InputError, match="neither labelled structures nor a pilot"):
        order(Clusters(FEATURES), ONE_KIND, [], [], 3, range(200))


def test_what_elements_explain_is_not_counted():
    fractions = GENERATOR.dirichlet([1, 1, 1], size=200)
    features = fractions @ GENERATOR.normal(size=(3, 6)) * 100
    rest = standardized(features + FEATURES, fractions)
    alone = standardized(FEATURES, fractions)
    np.testing.assert_allclose(rest, alone, atol=1e-4)
    assert rest.dtype == np.float32 and np.square(rest).sum(1).mean() == pytest.approx(1, abs=1e-4)
    assert np.abs(fractions.T @ rest).max() < 1e-3
    assert np.isfinite(standardized(features, fractions)).all()


def test_memory_stays_flat_with_many_structures():
    """Beside the features, some numbers of each structure: no matrix of distances."""
    import tracemalloc

    many = GENERATOR.normal(size=(20_000, 64)).astype(np.float32)
    tracemalloc.start()
    found = order(Clusters(many), np.ones((20_000, 1), int), [0], [], 50, range(20_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 51 and peak < 2 * many.nbytes
