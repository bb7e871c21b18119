"""How sure a mean and a difference of models are: intervals, a paired test, and its correction.

Functions of errors, or of their differences, take a matrix, seeds in rows and test utterances in
columns; those of seeds alone, and `holm`, take a number a seed or test. Seeds and utterances are
crossed, not nested: every seed is tested on the same utterances, so what is hard for one seed is
hard for all, and neither source of chance averages the other out.

Utterances count as independent. Those of one video are not quite, so that intervals are somewhat
too narrow on data of few speakers.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

LEVEL = 0.95
ALPHA = 1 - LEVEL
MIN_UTTERANCES = 10
"""Fewer say nothing of their variance that a test could stand on."""

MIN_SEEDS = 3
"""Seeds that a test or an interval needs where there are no predictions of utterances."""

_RESAMPLES = 2000
_LEAST_P = -15
"""Logarithm of the p value below which none is told from 0."""

_CHUNK = 100
"""Resamples at a time, which bounds the memory."""


class Interval(NamedTuple):
    """A 95 % interval.

    Attributes:
        low, high: its ends.
        over: what it was taken over: ``'seeds and utterances'``, ``'utterances'`` or ``'seeds'``.
    """

    low: float
    high: float
    over: str


class PairedTest(NamedTuple):
    """A test of whether a mean difference is 0.

    Attributes:
        difference: mean difference.
        low, high: its 95 % confidence interval, which excludes 0 where ``p < 0.05``.
        p: two-sided p value.
    """

    difference: float
    low: float
    high: float
    p: float


def bootstrap_interval(errors: NDArray, seed: int = 0) -> Interval:
    """Percentile bootstrap interval of the mean error over seeds and utterances.

    Seeds and utterances are drawn independently, the same utterances for all seeds (the "pigeonhole
    bootstrap": Owen, Annals of Applied Statistics 2007). Of S seeds S - 1 are drawn: S draws
    give a variance that is too small by (S - 1) / S (Rao and Wu, JASA 1988), which is a half for
    two seeds. With few seeds that differ much it is still too narrow: a bootstrap of three values
    cannot leave their range.

    Args:
        errors: (S, N); one column where only means of the seeds are known.
        seed: of the draws; the same seed gives the same interval.

    Returns:
        the interval; ``over`` says which of the two there was more than one of.
    """
    num_seeds, num_utterances = errors.shape
    generator = np.random.default_rng(seed)
    means = np.empty(_RESAMPLES)
    for start in range(0, _RESAMPLES, _CHUNK):
        # (S, chunk): mean of each seed on each draw of utterances
        of_seeds = errors @ _draw_counts(generator, num_utterances).T / num_utterances
        drawn = generator.integers(0, num_seeds, (max(num_seeds - 1, 1), _CHUNK))
        means[start : start + _CHUNK] = np.take_along_axis(of_seeds, drawn, 0).mean(0)
    low, high = np.quantile(means, [ALPHA / 2, 1 - ALPHA / 2])
    sources = [("seeds", num_seeds), ("utterances", num_utterances)]
    over = " and ".join(name for name, count in sources if count > 1)
    return Interval(float(low), float(high), over)


def seeds_interval(values: Sequence[float]) -> Interval | None:
    """Bootstrap interval of a mean over seeds alone.

    Args:
        values: one a seed.

    Returns:
        the interval; None for fewer than three seeds, and where a value is no finite number.
    """
    if len(values) < MIN_SEEDS or not all(map(math.isfinite, values)):
        return None
    return bootstrap_interval(np.asarray(values, dtype=float)[:, None])


def _draw_counts(generator: np.random.Generator, size: int) -> NDArray:
    """How often each of ``size`` values is drawn in each resample of a chunk, (chunk, size)."""
    drawn = generator.integers(0, size, (_CHUNK, size)) + size * np.arange(_CHUNK)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=_CHUNK * size)
    return counts.reshape(_CHUNK, size).astype(float)


def crossed_test(differences: NDArray) -> PairedTest:
    r"""Test whether the mean difference is 0, for other seeds and other utterances alike.

    This is the primary test of a bench. A paired test over utterances alone (as Dror et al., ACL
    2018, recommend for one model against another) takes a training run for the model: with it, a
    lucky seed is significant. A paired test over seeds alone takes the test set for the language.
    Both are sources of chance, and a comparison has to account for both (Bouthillier et al., MLSys
    2021; for crossed random effects Clark, "The language-as-fixed-effect fallacy", 1973). The
    difference of seed s on utterance u is taken as mu + a_s + b_u + e_su, and the half width of the
    interval of mu as

    .. math:: h^2 = t_{S-1}^2 \frac{MS_s}{SN} + t_{N-1}^2 \frac{\max(MS_u - MS_e, 0)}{SN}

    that is, the half widths of the two paired t-tests, with the share of the seeds taken out of the
    second, added as Howe (JASA 1974) adds those of independent parts. In simulations its rate of
    false positives is never above 5 %, also with two seeds, where Satterthwaite's approximation
    reaches 13 %; with few seeds of small variance it is below (2 % with three).

    Args:
        differences: (S, N), S >= 2 seeds and N >= 2 utterances.
    """
    num_seeds, num_utterances = differences.shape
    of_seeds, of_utterances = differences.mean(1), differences.mean(0)
    mean = float(differences.mean())
    rest = differences - of_seeds[:, None] - of_utterances + mean
    ms_rest = float((rest**2).sum()) / ((num_seeds - 1) * (num_utterances - 1))
    ms_utterances = num_seeds * float(of_utterances.var(ddof=1))
    parts = [
        (float(of_seeds.var(ddof=1)) / num_seeds, num_seeds - 1),
        (max(ms_utterances - ms_rest, 0.0) / differences.size, num_utterances - 1),
    ]
    return _test(mean, parts)


def seeds_test(differences: Sequence[float]) -> PairedTest:
    """Paired t-test over seeds alone.

    Args:
        differences: one a seed, two at least.
    """
    values = np.asarray(differences, dtype=float)
    return _test(float(values.mean()), [(values.var(ddof=1) / len(values), len(values) - 1)])


def utterances_p(differences: NDArray, seed: int = 0) -> float:
    """P value of a paired permutation test over utterances, after the mean over seeds.

    The sign of each utterance's difference is flipped at random (Dror et al., ACL 2018, section
    3.2). It says whether these very runs differ, not whether other seeds would.

    Args:
        differences: (S, N).
        seed: of the draws.
    """
    values = differences.mean(0)
    generator = np.random.default_rng(seed)
    distance = abs(values.sum()) * (1 - 1e-12)  # what is equal but for rounding counts as reached
    reached = 0
    for _ in range(_RESAMPLES // _CHUNK):
        flipped = generator.integers(0, 2, (_CHUNK, len(values)), dtype=np.int8)
        reached += int((abs(values.sum() - 2 * (flipped @ values)) >= distance).sum())
    return (reached + 1) / (_RESAMPLES + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p values for their number (Holm, Scandinavian Journal of Statistics 1979).

    The chance of one or more false differences among all of them stays below 5 %. NaN stays NaN,
    and does not count.
    """
    known = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    corrected = [math.nan] * len(p_values)
    highest = 0.0
    for rank, (p, place) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - rank)))
        corrected[place] = highest
    return corrected


def _test(mean: float, parts: Sequence[tuple[float, int]]) -> PairedTest:
    """Test a mean whose variance has ``parts``, each with its degrees of freedom."""
    if not any(variance for variance, _ in parts):  # mostly the same model twice
        return PairedTest(mean, mean, mean, float(mean == 0))

    def half_width(alpha: float) -> float:
        return math.sqrt(sum(v * special.stdtrit(free, alpha / 2) ** 2 for v, free in parts))

    half = half_width(ALPHA)
    # p is the alpha at which the interval just reaches 0.
    excess = partial(_excess, half_width, abs(mean))
    p = 10 ** optimize.brentq(excess, _LEAST_P, 0) if excess(_LEAST_P) > 0 else 0.0
    return PairedTest(mean, mean - half, mean + half, p)


def _excess(half_width: Callable[[float], float], distance: float, log_alpha: float) -> float:
    return half_width(10**log_alpha) - distance
