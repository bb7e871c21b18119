"""Metrics of classes and of several labels, against scikit-learn, and as components."""

import numpy as np
import pandas as pd
import pytest
import torch
from mmengine.evaluator import Evaluator
from sklearn import metrics as sk

from pgf_plugin.evaluation import (
    METRICS,
    MSAClassificationMetric,
    MSAMultilabelMetric,
    class_metrics,
    confusion_matrix,
    multilabel_metrics,
)
from pgf_plugin.structures import MSADataSample

RANDOM = np.random.default_rng(0)


def samples(scores, labels):
    return [
        MSADataSample(
            sample_id=f"clip[{row}]",
            label=torch.tensor(np.atleast_1d(label), dtype=torch.float32),
            prediction=torch.tensor(score, dtype=torch.float32),
        )
        for row, (score, label) in enumerate(zip(scores, labels, strict=True))
    ]


def evaluate(metric, rows):
    evaluator = Evaluator(metric)
    evaluator.process(data_samples=rows)
    return evaluator.evaluate(size=len(rows))


@pytest.mark.parametrize("classes", [2, 3, 5, 7])
def test_classes_are_measured_as_scikit_learn_does(classes):
    scores = RANDOM.normal(size=(60, classes))
    # The last of many classes is predicted but never true, which UAR and F1 must not divide by.
    label = RANDOM.integers(0, max(2, classes - 1), 60)
    predicted = scores.argmax(1)
    found = class_metrics(scores, label, classes)
    shown = range(classes)
    recalls = sk.recall_score(label, predicted, labels=np.unique(label), average="macro")
    assert found["Acc"] == pytest.approx(sk.accuracy_score(label, predicted))
    assert found["UAR"] == pytest.approx(recalls)
    for average in ("macro", "weighted"):
        expected = sk.f1_score(label, predicted, average=average, zero_division=0)
        assert found[f"F1_{average}"] == pytest.approx(expected)
    each = sk.f1_score(label, predicted, labels=shown, average=None, zero_division=0)
    assert [found[f"F1_of_{number}"] for number in shown] == pytest.approx(each)
    matrix = confusion_matrix(scores, label, classes).numpy()
    assert (matrix == sk.confusion_matrix(label, predicted, labels=shown)).all()


@pytest.mark.parametrize("scale", [1, 100])
def test_labels_are_measured_as_scikit_learn_does(scale):
    scores = scale * RANDOM.normal(size=(80, 4))
    label = (RANDOM.random((80, 4)) < [0.1, 0.3, 0.5, 0.8]).astype(int)
    predicted = (scores > 0).astype(int)
    found = multilabel_metrics(scores, label, 4)
    for average in ("macro", "micro"):
        assert found[f"F1_{average}"] == pytest.approx(
            sk.f1_score(label, predicted, average=average)
        )
    assert found["mAP"] == pytest.approx(sk.average_precision_score(label, scores))
    for place in range(4):
        # The weighted accuracy of the MOSEI literature: (TP N / P + TN) / 2 N.
        true, taken = label[:, place], predicted[:, place]
        positives, negatives = true.sum(), (1 - true).sum()
        hits, rejections = (true * taken).sum(), ((1 - true) * (1 - taken)).sum()
        expected = (hits * negatives / positives + rejections) / (2 * negatives)
        assert found[f"WA_of_{place}"] == pytest.approx(expected)
    assert found["WA"] == pytest.approx(np.mean([found[f"WA_of_{p}"] for p in range(4)]))


def test_an_emotion_that_nobody_has_is_left_out_of_the_means():
    label = np.array([[1, 0], [0, 0], [1, 0]])
    found = multilabel_metrics([[1.0, 1.0], [-1.0, -1.0], [2.0, -1.0]], label, 2)
    assert np.isnan(found["WA_of_1"])
    assert found["WA"] == found["mAP"] == 1


def test_the_component_names_classes_and_keeps_confusions(tmp_path):
    path = tmp_path / "new" / "confusion.csv"
    arguments = dict(num_classes=3, class_names=["neg", "neu", "pos"])
    metric = MSAClassificationMetric(**arguments, confusion_file=path)
    scores = np.eye(3)[[0, 1, 1, 2]]
    found = evaluate(metric, samples(scores, [0, 1, 2, 2]))
    assert tuple(found) == MSAClassificationMetric.metric_names(**arguments)
    assert found["Acc"] == 0.75
    assert found["F1_of_neg"] == 1
    table = pd.read_csv(path, index_col="true")
    assert table.loc["pos"].to_dict() == {"neg": 0, "neu": 1, "pos": 1}


def test_the_six_emotions_are_the_default(tmp_path):
    path = tmp_path / "counts.csv"
    metric = MSAMultilabelMetric(confusion_file=path)
    label = RANDOM.integers(0, 2, (40, 6))
    found = evaluate(metric, samples(2 * label - 1.0, label))
    assert tuple(found) == MSAMultilabelMetric.metric_names()
    assert set(found.values()) == {1.0}
    assert pd.read_csv(path, index_col="label").loc["fear", "true positive"] == label[:, 5].sum()


def test_every_summary_is_known_to_benches():
    for metric in (
        MSAClassificationMetric.metric_names(num_classes=3),
        MSAMultilabelMetric.metric_names(),
    ):
        assert all(METRICS[name].higher_is_better for name in metric if "_of_" not in name)
    assert METRICS["Acc"].compute([[1.0, 0.0], [1.0, 0.0]], [0, 1]) == 0.5
    assert METRICS["WA"].compute([[1.0, -1.0], [-1.0, 1.0]], [[1, 0], [0, 1]]) == 1


@pytest.mark.parametrize(
    ("metric", "scores", "labels", "message"),
    [
        (MSAClassificationMetric(3), [[0.0] * 4], [0], r"model\.head\.out_features"),
        (MSAClassificationMetric(3), [[0.0] * 3], [[0, 1]], r"2: correct val_evaluator.*num_class"),
        (MSAClassificationMetric(3), [[0.0] * 3], [3], r"1 values that are no class of 0 … 2, fi"),
        (MSAClassificationMetric(3), [[0.0] * 3], [0.5], r"no class of 0 … 2, first 0\.5"),
        (MSAClassificationMetric(2), [[np.nan, 0.0]], [0], r"'clip\[0\]'\): the run diverged"),
        (MSAMultilabelMetric(["a", "b"]), [[0.0] * 2], [[0, 2]], r"neither 0 nor 1, first 2"),
        (MSAMultilabelMetric(["a", "b"]), [[0.0] * 3], [[0, 1]], r"model\.head\.out_features"),
    ],
)
def test_what_does_not_fit_is_named(metric, scores, labels, message):
    with pytest.raises(ValueError, match=message):
        evaluate(metric, samples(scores, labels))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: MSAClassificationMetric(1), r"num_classes must be an integer >= 2, got 1"),
        (lambda: MSAClassificationMetric(3, ["a"]), r"class_names must have num_classes=3 names"),
        (lambda: MSAMultilabelMetric([]), r"label_names must be a list of names, got \[\]"),
        (lambda: MSAMultilabelMetric(["a"]), r"two names or more, got \['a'\]"),
        (lambda: MSAMultilabelMetric(["a", "a"]), r"label_names has a name twice"),
        (lambda: MSAMultilabelMetric(confusion_file="a.txt"), r"must end in \.csv, got 'a\.txt'"),
    ],
)
def test_arguments_that_cannot_be(build, message):
    with pytest.raises(ValueError, match=message):
        build()
