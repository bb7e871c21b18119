"""The computations behind the charts."""

import math

import pytest

from pgf_plugin.bench.report.costs import pareto_front
from pgf_plugin.bench.report.scale import Scale, scale_over, tick_text


def test_the_front_is_what_nothing_beats():
    costs, errors = [1, 2, 3, 4, 5], [0.9, 0.95, 0.7, 0.7, 0.6]
    assert pareto_front(costs, errors, higher=False) == [0, 2, 4]
    assert pareto_front(costs, errors, higher=True) == [0, 1]


def test_of_equal_costs_the_better_is_on_the_front():
    assert pareto_front([1, 1], [0.9, 0.8], higher=False) == [1]


def test_ticks_are_round_and_inside():
    assert scale_over([0.71, 0.93], 0, 100).ticks() == pytest.approx([0.7, 0.75, 0.8, 0.85, 0.9])
    assert Scale(1, 12, 0, 100, whole=True).ticks(5) == [5.0, 10.0]
    decades = scale_over([1e5, 1e8], 0, 100, log=True).ticks()
    assert decades == pytest.approx([1e5, 1e6, 1e7, 1e8])


def test_a_single_value_has_an_axis():
    scale = scale_over([0.7], 0, 100)
    assert scale(0.7) == pytest.approx(50)
    assert scale_over([math.nan], 0, 100, log=True)(1.5) > 0


@pytest.mark.parametrize(
    ("value", "shown"), [(1.5e6, "1.5M"), (900, "900"), (0.30000001, "0.3"), (2500, "2.5k")]
)
def test_numbers_of_axes_are_short(value, shown):
    assert tick_text(value) == shown
