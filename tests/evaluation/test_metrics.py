"""MSAMetric in mmengine's evaluator and under a real Runner."""

import csv
import json
import re

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.registry import METRICS
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.data import DataLoader

from pgf_plugin.evaluation import MSAMetric, Prediction, msa_metrics
from pgf_plugin.models.base import Fused, MSAModel
from pgf_plugin.structures import MSADataSample

LABELS = [-2.0, -0.4, 0.0, 1.2, 3.0]
SCORES = [-1.5, 0.5, 0.25, 1.0, 2.0]


def samples(scores=SCORES, labels=LABELS) -> list[MSADataSample]:
    return [
        MSADataSample(
            sample_id=f"clip[{number}]",
            label=torch.tensor([label]),
            prediction=torch.tensor([score]),
        )
        for number, (score, label) in enumerate(zip(scores, labels, strict=True))
    ]


def evaluate(metric, rows: list[MSADataSample], batch_size: int = 2) -> dict[str, float]:
    evaluator = Evaluator(metric)
    for start in range(0, len(rows), batch_size):
        evaluator.process(data_samples=rows[start : start + batch_size])
    return evaluator.evaluate(size=len(rows))


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_result_is_that_of_the_whole_dataset(batch_size):
    result = evaluate({"type": "MSAMetric"}, samples(), batch_size)
    assert result == pytest.approx(msa_metrics(SCORES, LABELS))


@pytest.mark.parametrize(
    "kind", [float, np.float32, np.float64, np.atleast_1d, lambda number: [number]]
)
def test_numbers_of_any_kind_are_taken(kind):
    rows = samples()
    for row, score, label in zip(rows, SCORES, LABELS, strict=True):
        row.label, row.prediction = kind(label), kind(score)
    assert evaluate({"type": "MSAMetric"}, rows) == pytest.approx(msa_metrics(SCORES, LABELS))


def test_classes_of_any_kind_are_taken():
    rows = samples()
    for row, score, label in zip(rows, SCORES, (0, 1.0, np.int64(1), [0], np.ones(1)), strict=True):
        row.label, row.prediction = label, [0.0, score]
    result = evaluate({"type": "MSAClassificationMetric", "num_classes": 2}, rows)
    assert result["Acc"] == pytest.approx(0.8)


@pytest.mark.parametrize("value", ["good", None, {"score": 1.0}, ["1"]])
@pytest.mark.parametrize(
    "metric", [{"type": "MSAMetric"}, {"type": "MSAClassificationMetric", "num_classes": 2}]
)
def test_what_is_no_number_is_told(metric, value):
    rows = samples()
    rows[0].label = value
    message = (
        f"{metric['type']}: the label of sample 'clip[0]' must be a number, or a tensor, array or "
        f"list of numbers, got {value!r}"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        evaluate(metric, rows)


@pytest.fixture
def told(monkeypatch):
    """What metrics log."""
    lines = []
    monkeypatch.setattr(
        "pgf_plugin.evaluation.metrics.print_log", lambda text, *_, **__: lines.append(text)
    )
    return lines


def test_another_scale_than_one_around_zero_is_told_once(told):
    metric = MSAMetric()
    for label_range in ((-3.0, 3.0), (1.0, 5.0), (1.0, 5.0)):
        evaluator = Evaluator(metric)
        evaluator.dataset_meta = {"label_range": label_range}
        evaluator.process(data_samples=samples())
        evaluator.evaluate(size=len(SCORES))
    (text,) = told
    assert "a scale of 1 to 5" in text


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.linspace(-1, 1, 21), "all 21 labels lie from -1 to 1.*set scale='sims'"),
        (np.linspace(1, 3, 20), "none of the 20 labels is negative"),
        (np.arange(24) % 3, "If they are classes, use MSAClassificationLoss"),
    ],
)
def test_labels_of_another_scale_than_that_of_mosi_are_told_once(labels, message, told):
    metric = MSAMetric()
    for _ in range(2):
        evaluate(metric, samples(labels, labels))
    (text,) = told
    assert re.search(message, text)


@pytest.mark.parametrize(
    ("labels", "scale"),
    [
        (np.linspace(-3, 3, 30), "mosi"),
        (np.linspace(-1, 1, 5), "mosi"),  # so few may be so by chance
        (np.linspace(-1, 1, 30), "sims"),
    ],
)
def test_labels_of_the_scale_are_not_told(labels, scale, told):
    evaluate(MSAMetric(scale=scale), samples(labels, labels))
    assert told == []


def test_prefix_is_only_there_when_asked_for():
    assert "MAE" in evaluate(MSAMetric(), samples())
    assert "mosi/MAE" in evaluate(MSAMetric(prefix="mosi"), samples())


def test_predictions_are_those_of_the_latest_evaluation():
    metric = MSAMetric()
    evaluate(metric, samples())
    evaluate(metric, samples(SCORES[:2], LABELS[:2]))
    assert metric.predictions == [
        Prediction("clip[0]", -2.0, -1.5),
        Prediction("clip[1]", pytest.approx(-0.4), 0.5),
    ]


def test_out_file_json(tmp_path):
    path = tmp_path / "new" / "test.json"
    metric = MSAMetric(out_file=str(path))
    evaluate(metric, samples())
    assert [Prediction(**row) for row in json.loads(path.read_text())] == metric.predictions


def test_out_file_csv(tmp_path):
    path = tmp_path / "test.csv"
    metric = MSAMetric(out_file=path)
    evaluate(metric, samples())
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    read = [(row["sample_id"], float(row["label"]), float(row["prediction"])) for row in rows]
    assert read == metric.predictions


def test_out_file_of_an_unknown_kind():
    with pytest.raises(ValueError, match=r"out_file must be one of '\.json', '\.csv', got '\.xls'"):
        MSAMetric(out_file="predictions.xls")


def test_diverged_run_is_named():
    rows = samples([1.0, float("nan"), 2.0, float("inf"), 0.0])
    with pytest.raises(ValueError, match=r"2 of 5 samples \(first: 'clip\[1\]'\).*diverged"):
        evaluate(MSAMetric(), rows)


def test_sample_without_label_is_named():
    rows = samples()
    del rows[1].label
    with pytest.raises(ValueError, match=r"sample 'clip\[1\]' has no label"):
        evaluate(MSAMetric(), rows)


def test_several_scores_a_sample_are_refused():
    rows = samples()
    rows[0].prediction = torch.zeros(2)
    with pytest.raises(ValueError, match=r"prediction of 'clip\[0\]' has 2"):
        evaluate(MSAMetric(), rows)


class MeanAudioNet(MSAModel):
    """Predicts the mean of the audio, so that its predictions are known."""

    def __init__(self) -> None:
        super().__init__({"audio": 1})
        self.head = nn.Linear(1, 1)
        nn.init.ones_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def extract(self, inputs: dict[str, Tensor]) -> Tensor:
        return inputs["audio"].mean(1)

    def fuse(self, inputs, features, outputs) -> Fused:
        return Fused(features, {})


def collate(rows: list[MSADataSample]) -> dict:
    audio = torch.tensor([[[SCORES[int(row.sample_id[5:-1])]]] for row in rows])
    inputs = {"audio": audio, "audio_mask": torch.ones(len(rows), 1, dtype=torch.bool)}
    return {"inputs": inputs, "data_samples": [row.new() for row in rows]}


def test_chooses_the_checkpoint_under_a_runner(tmp_path):
    unscored = [
        MSADataSample(sample_id=row.sample_id, label=row.label, raw_text="synthetic")
        for row in samples()
    ]
    loader = DataLoader(unscored, batch_size=2, collate_fn=collate)
    runner = Runner(
        model=MeanAudioNet(),
        work_dir=str(tmp_path),
        experiment_name=tmp_path.name,
        train_dataloader=loader,
        val_dataloader=loader,
        train_cfg={"by_epoch": True, "max_epochs": 2},
        val_cfg={},
        val_evaluator={"type": "MSAMetric", "out_file": str(tmp_path / "val.csv")},
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.0}},
        default_hooks={
            "checkpoint": {"type": "CheckpointHook", "save_best": "MAE", "rule": "less"}
        },
        default_scope="pgf_plugin",
    )
    runner.train()
    assert (tmp_path / "best_MAE_epoch_1.pth").exists()
    scalars = runner.message_hub.log_scalars
    for name, value in msa_metrics(SCORES, LABELS).items():
        assert scalars[f"val/{name}"].current() == pytest.approx(value, abs=1e-6)
    assert (tmp_path / "val.csv").read_text().count("clip[") == len(LABELS)


@pytest.mark.parametrize("name", ["MSAMetric", "pgf_plugin.MSAMetric"])
def test_builds_by_name(name):
    assert isinstance(METRICS.build({"type": name}), MSAMetric)
