"""The metrics against scipy, scikit-learn and hand-worked cases."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr
from sklearn.metrics import accuracy_score, f1_score

from pgf_plugin.evaluation import HIGHER_IS_BETTER, METRICS, SCALES, msa_metrics
from pgf_plugin.evaluation.functional import (
    binary_accuracy,
    binary_f1,
    pearson_correlation,
    rounded_accuracy,
)


def reference(prediction: np.ndarray, label: np.ndarray) -> dict[str, float]:
    """The definitions of MMSA's ``MetricsTop``, written with numpy and scikit-learn."""
    seven = [np.round(np.clip(values, -3, 3)) for values in (label, prediction)]
    five = [np.round(np.clip(values, -2, 2)) for values in (label, prediction)]
    keep = label != 0
    non0 = (label[keep] > 0, prediction[keep] > 0)
    has0 = (label >= 0, prediction >= 0)
    return {
        "MAE": np.mean(np.abs(prediction - label)),
        "Corr": pearsonr(prediction, label)[0],
        "Acc7": np.mean(seven[0] == seven[1]),
        "Acc5": np.mean(five[0] == five[1]),
        "Acc2_has0": accuracy_score(*has0),
        "Acc2_non0": accuracy_score(*non0),
        "F1_has0": f1_score(*has0, average="weighted"),
        "F1_non0": f1_score(*non0, average="weighted"),
    }


def synthetic(seed: int, size: int = 200) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    label = np.round(random.uniform(-3, 3, size) * 5) / 5
    label[random.random(size) < 0.1] = 0
    prediction = label + random.normal(0, 1.5, size)
    # Exact halves and exact zeros are where definitions differ.
    prediction[: size // 5] = np.round(prediction[: size // 5] * 2) / 2
    return prediction, label


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_scipy_and_sklearn(seed):
    prediction, label = synthetic(seed)
    result = msa_metrics(prediction, label)
    assert list(result) == [info.name for info in SCALES["mosi"]]
    assert result == pytest.approx(reference(prediction, label), abs=1e-6)
    assert all(type(value) is float for value in result.values())


def test_agrees_with_what_mmsa_prints():
    # MMSA 2.2.1, MetricsTop("regression").getMetics("MOSI"), on the same synthetic scores.
    mmsa = {"MAE": 1.1742, "Corr": 0.7527, "Acc7": 0.335, "Acc5": 0.48}
    mmsa |= {"Acc2_has0": 0.775, "F1_has0": 0.777, "Acc2_non0": 0.8208, "F1_non0": 0.821}
    assert msa_metrics(*synthetic(0)) == pytest.approx(mmsa, abs=5e-5)


def test_perfect_prediction():
    label = [-3.0, -1.2, 0.0, 0.4, 2.8]
    result = msa_metrics(label, label)
    assert result.pop("MAE") == 0
    assert result == pytest.approx(dict.fromkeys(result, 1.0))


def test_order_of_samples_does_not_matter():
    prediction, label = synthetic(11)
    order = np.random.default_rng(0).permutation(len(label))
    expected = pytest.approx(msa_metrics(prediction, label), abs=1e-12)
    assert msa_metrics(prediction[order], label[order]) == expected


def test_negating_both_sides_keeps_everything_but_has0():
    prediction, label = synthetic(12)
    before, after = msa_metrics(prediction, label), msa_metrics(-prediction, -label)
    for name in ("MAE", "Corr", "Acc7", "Acc5"):
        assert after[name] == pytest.approx(before[name])


@pytest.mark.parametrize(
    "convert",
    [
        list,
        np.float32,
        torch.tensor,
        lambda values: torch.tensor(values).unsqueeze(1),
        lambda values: torch.tensor(values, requires_grad=True),
    ],
    ids=["list", "numpy", "tensor", "column", "graph"],
)
def test_takes_tensors_arrays_and_lists(convert):
    prediction, label = [0.5, -1.0, 2.0], [1.0, -1.5, 2.5]
    assert msa_metrics(convert(prediction), label)["MAE"] == pytest.approx(0.5)


def test_halves_round_to_even_and_scores_are_clipped():
    assert rounded_accuracy([0.5, 1.5, 2.5, -0.5], [0, 2, 2, 0], bound=3) == 1
    assert rounded_accuracy([9.0, -9.0], [3, -3], bound=3) == 1
    assert rounded_accuracy([2.6, 3.0], [2.0, 2.0], bound=3) == 0
    assert rounded_accuracy([2.6, 3.0], [2.0, 2.0], bound=2) == 1


def test_zero_counts_as_positive_in_has0_and_is_dropped_in_non0():
    prediction, label = [0.0, -0.1, 1.0, 0.0], [0.0, 0.0, 1.0, -1.0]
    assert binary_accuracy(prediction, label, zeros=True) == 0.5
    # A predicted zero is negative there: right for the label -1.
    assert binary_accuracy(prediction, label, zeros=False) == 1


def test_f1_of_a_model_that_predicts_one_class():
    # Three of four are positive: F1 is 6/7 for them and 0 for the fourth.
    assert binary_f1([1.0] * 4, [1, 2, 3, -1], zeros=False) == pytest.approx(0.75 * 6 / 7)


@pytest.mark.parametrize(
    ("prediction", "label"),
    [([0.1, 0.1, 0.1], [1, 2, 3]), ([1, 2, 3], [0.1, 0.1, 0.1]), ([1.0], [2.0])],
    ids=["constant prediction", "constant label", "one sample"],
)
def test_correlation_is_zero_where_a_side_is_constant(prediction, label):
    assert pearson_correlation(prediction, label) == 0


def test_correlation_of_nearly_constant_predictions_is_exact():
    label = [1.0, 2.0, 4.0, 3.0]
    tiny = [1 + 1e-7 * value for value in label]
    assert pearson_correlation(tiny, label) == pytest.approx(1)


def test_non0_is_nan_without_a_labelled_polarity():
    result = msa_metrics([0.2, -0.3], [0, 0])
    assert {name for name, value in result.items() if math.isnan(value)} == {
        "Acc2_non0",
        "F1_non0",
    }


@pytest.mark.parametrize(
    ("prediction", "label", "message"),
    [
        ([], [], "empty"),
        ([1.0, 2.0], [1.0], "same length, got 2 and 1"),
        ([math.nan, 1.0, math.inf], [1, 2, 3], "prediction has 2 of 3 values"),
        ([1.0], [math.nan], "label has 1 of 1 values"),
        ([[1.0, 2.0]], [[1.0, 2.0]], r"\(N, 1\), got \(1, 2\)"),
    ],
)
def test_bad_input_is_named(prediction, label, message):
    with pytest.raises(ValueError, match=message):
        msa_metrics(prediction, label)


def test_lower_is_better_for_the_error_alone():
    assert [name for name, higher in HIGHER_IS_BETTER.items() if not higher] == ["MAE"]
    assert {info.name for info in METRICS.values() if not info.percent} == {"MAE", "Corr"}
