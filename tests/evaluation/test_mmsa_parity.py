"""The metrics against MMSA's own ``MetricsTop``, on random and on adversarial scores."""

import math
import warnings

import numpy as np
import pytest
import torch

from pgf_plugin.evaluation import SCALES, msa_metrics

pytest.importorskip("MMSA", reason="MMSA is not installed (extra 'mmsa')")

BOUNDS = np.array([-3, -2.5, -1.5, -1, -0.7, -0.5, -0.1, 0, 0.1, 0.5, 0.7, 1, 1.5, 2.5, 3])
"""Edges of the classes of every scale, and halves, which are rounded to even."""


def mmsa(prediction, label, scale):
    """MMSA's own results, by its names."""
    from MMSA.utils import MetricsTop

    mode = "classification" if scale == "classes" else "regression"
    name = {"classes": "MOSI", "simsv2": "SIMS"}.get(scale, scale)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it divides by zero where a side is constant
        results = MetricsTop(mode).getMetics(name)(prediction, label)
    return {key: float(value) for key, value in results.items()}


def assert_equal(prediction, label, scale):
    ours = msa_metrics(prediction, label, scale, reproduce_mmsa=True)
    theirs = mmsa(prediction, label, scale)
    assert {info.mmsa for info in SCALES[scale]} == theirs.keys()
    for info in SCALES[scale]:
        mine, reference = ours[info.name], theirs[info.mmsa]
        # Both rounded to four decimals are the same number, unless float32 rounds at a tie.
        same = math.isnan(mine) if math.isnan(reference) else abs(mine - reference) < 5.05e-5
        assert same, f"{scale} {info.name}: {mine} instead of {reference}"


def scores(random, kind, bound):
    size = int(random.integers(2, 60))
    label = random.uniform(-bound, bound, size)
    if kind == "edges":  # predictions and labels exactly on the edges of classes, ties included
        label = random.choice(BOUNDS, size)
        prediction = random.choice(BOUNDS, size)
    elif kind == "beyond":
        prediction = random.normal(0, 5 * bound, size)
    elif kind == "grid":  # labels as in the data sets
        label = np.round(label * 5) / 5
        prediction = label + random.normal(0, bound / 2, size)
    else:
        prediction = label + random.normal(0, bound / 2, size)
    label[0] = bound / 2  # MMSA stops where every label is zero
    return prediction, label


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["random", "grid", "edges", "beyond"])
@pytest.mark.parametrize("scale", ["mosi", "mosei", "sims", "simsv2"])
def test_equals_mmsa(scale, kind, dtype):
    random = np.random.default_rng(0)
    bound = 1 if "sims" in scale else 3
    for _ in range(100):
        sides = (torch.tensor(side, dtype=dtype) for side in scores(random, kind, bound))
        assert_equal(*sides, scale)


@pytest.mark.parametrize("scale", ["mosi", "sims"])
@pytest.mark.parametrize(
    ("prediction", "label"),
    [
        ([0.0, 0.0, 0.0], [1.0, -1.0, 0.0]),
        ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
        ([1.0, -1.0], [1.0, -1.0]),
        ([-0.0, 0.0], [0.3, -0.3]),
        ([0.7], [0.4]),
        ([-0.1], [0.1]),
        ([1e30, -1e30, 2.5], [1.0, -0.6, 0.1]),
    ],
    ids=["all zero", "all equal", "perfect", "signed zero", "one", "one at edges", "huge"],
)
def test_equals_mmsa_in_corner_cases(scale, prediction, label):
    assert_equal(torch.tensor(prediction), torch.tensor(label), scale)


def test_classes_equal_mmsa():
    random = np.random.default_rng(1)
    for _ in range(300):
        size = int(random.integers(1, 40))
        label = torch.from_numpy(random.integers(0, 3, size))
        label[0] = 2 * int(random.integers(0, 2))  # MMSA stops where every label is neutral
        values = torch.from_numpy(random.normal(size=(size, 3)))
        if size % 3 == 0:
            values = values.round()  # ties
        assert_equal(values.float(), label, "classes")


def test_what_mmsa_gets_wrong_is_right_by_default():
    # Two negative and three positive samples, predicted perfectly.
    label = torch.tensor([0, 0, 2, 2, 2])
    values = torch.nn.functional.one_hot(label, 3).float()
    assert mmsa(values, label, "classes")["Non0_acc_2"] == 0.4
    right = msa_metrics(values, label, "classes")
    assert (right["Acc2_non0"], right["F1_non0"]) == (1, 1)
    assert msa_metrics(values, label, "classes", reproduce_mmsa=True)["Acc2_non0"] == 0.4


def test_a_constant_prediction_has_no_correlation():
    constant, label = torch.full((3,), 0.5), torch.tensor([1.0, -1.0, 0.5])
    for scale in ("mosi", "sims"):
        assert math.isnan(mmsa(constant, label, scale)["Corr"])
        assert math.isnan(msa_metrics(constant, label, scale, reproduce_mmsa=True)["Corr"])
        assert msa_metrics(constant, label, scale)["Corr"] == 0


def test_labels_that_are_all_zero_stop_mmsa():
    zeros = torch.zeros(3)
    with pytest.raises(IndexError):
        mmsa(torch.ones(3), zeros, "mosi")
    result = msa_metrics(torch.ones(3), zeros)
    assert math.isnan(result["Acc2_non0"])
    assert math.isnan(result["F1_non0"])
    assert result["MAE"] == 1
