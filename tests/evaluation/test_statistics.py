"""Intervals and paired tests, against scipy and against data whose truth is known."""

import math

import numpy as np
import pytest
from scipy import stats

from pgf_plugin.evaluation.statistics import (
    bootstrap_interval,
    crossed_test,
    holm,
    seeds_interval,
    seeds_test,
    utterances_p,
)


def drawn(generator, seeds, utterances, of_seeds, of_utterances, rest, mean=0.0):
    """Differences with a part of each seed, a part of each utterance, and a rest."""
    return (
        mean
        + of_seeds * generator.standard_normal((seeds, 1))
        + of_utterances * generator.standard_normal((1, utterances))
        + rest * generator.standard_normal((seeds, utterances))
    )


def test_the_interval_of_one_seed_is_that_of_scipy():
    errors = np.random.default_rng(0).gamma(2, 0.4, (1, 300))
    found = bootstrap_interval(errors)
    expected = stats.bootstrap((errors[0],), np.mean, method="percentile", rng=1)
    low, high = expected.confidence_interval
    assert found.over == "utterances"
    np.testing.assert_allclose([found.low, found.high], [low, high], atol=0.01)
    assert bootstrap_interval(errors) == found  # seeded
    assert bootstrap_interval(errors, seed=1) != found


def test_the_interval_has_both_sources_of_variance():
    errors = drawn(np.random.default_rng(0), 8, 400, 0.05, 0.5, 0.2)
    both = bootstrap_interval(errors)
    widths = [
        each.high - each.low
        for each in (
            both,
            bootstrap_interval(errors[:1]),
            bootstrap_interval(errors.mean(1)[:, None]),
        )
    ]
    assert both.over == "seeds and utterances"
    assert widths[0] > max(widths[1:])
    # Of the mean over seeds, the utterances are as hard for all seeds: their part stays.
    error = math.sqrt(0.05**2 / 8 + 0.5**2 / 400 + 0.2**2 / 3200)
    assert widths[0] == pytest.approx(2 * 1.96 * error, rel=0.3)


def test_the_interval_over_seeds_alone_has_the_variance_of_their_mean():
    values = np.array([0.70, 0.71, 0.74, 0.69, 0.72, 0.73, 0.71, 0.75, 0.70, 0.72])
    found = bootstrap_interval(values[:, None])
    assert found.over == "seeds"
    half = 1.96 * values.std(ddof=1) / math.sqrt(10)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.1)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(3)
    covered = 0
    for _ in range(150):
        found = bootstrap_interval(drawn(generator, 5, 200, 0.01, 0.5, 0.2, mean=0.7))
        covered += found.low < 0.7 < found.high
    assert 0.90 < covered / 150 <= 1


def test_over_seeds_alone_it_is_the_paired_t_test_of_scipy():
    one, two = np.random.default_rng(0).normal(0.7, 0.02, (2, 5))
    found, expected = seeds_test(one - two), stats.ttest_rel(one, two)
    assert found.p == pytest.approx(expected.pvalue)
    assert [found.low, found.high] == pytest.approx(list(expected.confidence_interval()))


def test_the_crossed_test_becomes_each_paired_t_test_where_only_one_source_varies():
    generator = np.random.default_rng(0)
    of_utterances = generator.normal(0.1, 1, (1, 150))
    same_seeds = crossed_test(np.repeat(of_utterances, 4, 0))
    expected = stats.ttest_1samp(of_utterances[0], 0)
    assert same_seeds.p == pytest.approx(expected.pvalue)
    assert [same_seeds.low, same_seeds.high] == pytest.approx(list(expected.confidence_interval()))
    of_seeds = generator.normal(0.1, 0.1, (6, 1))
    same_utterances = crossed_test(np.repeat(of_seeds, 50, 1))
    assert same_utterances.p == pytest.approx(stats.ttest_1samp(of_seeds[:, 0], 0).pvalue)


def test_p_is_below_a_twentieth_exactly_where_the_interval_excludes_0():
    generator = np.random.default_rng(0)
    found = [crossed_test(drawn(generator, 3, 60, 0.02, 0.3, 0.3, mean=0.08)) for _ in range(60)]
    significant = [test.p < 0.05 for test in found]
    assert significant == [not test.low < 0 < test.high for test in found]
    assert any(significant)
    assert not all(significant)


@pytest.mark.parametrize(
    ("seeds", "parts", "at_least"),
    [
        (10, (0.0, 0.3, 0.3), 0.03),
        (5, (0.02, 0.3, 0.3), 0.015),
        (5, (0.3, 0.3, 0.3), 0.03),
        (3, (0.1, 0.3, 0.3), 0.02),
        (2, (0.03, 0.3, 0.3), 0.0),
        (2, (0.3, 0.1, 0.3), 0.02),
    ],
)
def test_false_differences_are_found_in_at_most_one_of_twenty(seeds, parts, at_least):
    generator = np.random.default_rng(seeds)
    rounds = 1000
    found = sum(crossed_test(drawn(generator, seeds, 200, *parts)).p < 0.05 for _ in range(rounds))
    # 3 standard deviations of a rate of 5 % above it
    assert at_least <= found / rounds <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / rounds)


def test_each_of_the_single_tests_takes_the_other_source_for_nothing():
    """Why neither is the primary one: with lucky seeds the utterances alone mislead."""
    generator = np.random.default_rng(1)
    differences = [drawn(generator, 3, 200, 0.08, 0.2, 0.2) for _ in range(150)]
    misled = sum(utterances_p(each) < 0.05 for each in differences) / 150
    crossed = sum(crossed_test(each).p < 0.05 for each in differences) / 150
    assert misled > 0.3
    assert crossed < 0.1


def test_true_differences_are_found():
    generator = np.random.default_rng(0)
    found = [crossed_test(drawn(generator, 5, 686, 0.01, 0.3, 0.3, mean=0.05)) for _ in range(50)]
    assert sum(test.p < 0.05 for test in found) > 40


def test_the_permutation_test_is_that_of_scipy():
    values = np.random.default_rng(2).normal(0.12, 1, (1, 200))
    expected = stats.permutation_test(
        (values[0],), np.mean, permutation_type="samples", n_resamples=4000, rng=0
    )
    assert utterances_p(values) == pytest.approx(expected.pvalue, abs=0.02)
    assert utterances_p(np.zeros((2, 20))) == 1


def test_the_same_model_twice_is_no_difference():
    assert crossed_test(np.zeros((3, 20))).p == 1
    assert seeds_test([0.0, 0.0, 0.0]).p == 1


def test_holm_gives_the_worked_example_and_skips_what_was_not_tested():
    # Holm's steps by hand: 0.005 * 4, 0.01 * 3, then max(0.03 * 2, …), 0.04 raised to it
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    with_gap = holm([0.01, math.nan, 0.03])
    assert with_gap[::2] == pytest.approx([0.02, 0.03])
    assert math.isnan(with_gap[1])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [1.0, 2.0, math.nan]])
def test_there_is_no_interval_over_fewer_than_three_numbers(values):
    assert seeds_interval(values) is None


def test_the_interval_over_seeds_is_inside_their_range():
    low, high, over = seeds_interval([0.70, 0.74, 0.71, 0.69, 0.75])
    assert 0.69 <= low < 0.718 < high <= 0.75
    assert over == "seeds"
