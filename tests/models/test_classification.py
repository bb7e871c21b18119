"""Three classes from data to metric under a real Runner, and data that do not fit a model."""

import numpy as np
import pytest
import torch
from mmengine.runner import Runner

from pgf_plugin.config import check_config
from pgf_plugin.errors import DataError
from pgf_plugin.evaluation.catalogue import msa_metrics
from pgf_plugin.models import MSAClassificationLoss
from pgf_plugin.registry import MODELS

WIDTHS = {"text": 6, "audio": 4, "vision": 5}


def write_table(path, count, classes=3, modalities=tuple(WIDTHS)):
    """Synthetic: the first text features say the class."""
    random = np.random.default_rng(0)
    labels = random.integers(0, classes, count)
    columns = {name: random.normal(size=(count, WIDTHS[name])) for name in modalities}
    columns["text"][np.arange(count), labels] += 4
    split = np.where(np.arange(count) % 4 == 3, "val", "train")
    split[::8] = "test"
    np.savez(path, id=np.arange(count).astype(str), label=labels, split=split, **columns)


def make_config(folder, classes=3, modalities=tuple(WIDTHS), **model):
    def loader(split):
        return dict(
            batch_size=8,
            dataset=dict(
                type="MSADataset",
                data_root=str(folder),
                data_file="table.npz",
                split=split,
                modalities=modalities,
                text_features=True,
            ),
            sampler=dict(type="DefaultSampler", shuffle=False),
            collate_fn=dict(type="msa_collate"),
        )

    return dict(
        model=dict(
            type="MulT",
            width=8,
            num_heads=2,
            num_layers=1,
            num_memory_layers=1,
            encoder=dict(type="PrecomputedTextEncoder", in_features=WIDTHS["text"]),
            feature_dims={"audio": 4, "vision": 5},
            head=dict(type="MulTHead", out_features=classes),
            loss=dict(type="MSAClassificationLoss"),
        )
        | model,
        train_dataloader=loader("train"),
        val_dataloader=loader("val"),
        test_dataloader=loader("test"),
        train_cfg=dict(by_epoch=True, max_epochs=12),
        val_cfg=dict(),
        test_cfg=dict(),
        val_evaluator=dict(type="MSAMetric", scale="classes"),
        test_evaluator=dict(type="MSAMetric", scale="classes"),
        optim_wrapper=dict(optimizer=dict(type="Adam", lr=1e-2)),
        default_hooks=dict(checkpoint=dict(type="SafeCheckpointHook", save_best="Acc3")),
        work_dir=str(folder / "run"),
        experiment_name=folder.name,
        default_scope="pgf_plugin",
        randomness=dict(seed=0),
        log_level="WARNING",
    )


def run(config):
    return Runner(**config)


def test_three_classes_are_learned_and_measured(tmp_path):
    write_table(tmp_path / "table.npz", 96)
    config = make_config(tmp_path)
    assert check_config(config) == []
    runner = run(config)
    runner.train()
    found = runner.test()
    assert found["Acc3"] > 0.75  # a third by chance
    assert list((tmp_path / "run").glob("best_Acc3_*.pth"))
    rows = runner.test_evaluator.metrics[0].predictions
    assert {len(row.prediction) for row in rows} == {3}
    scores = torch.tensor([row.prediction for row in rows])
    labels = torch.tensor([row.label for row in rows])
    assert found == pytest.approx(msa_metrics(scores, labels, "classes"))


def test_a_label_beyond_the_classes_is_named(tmp_path):
    write_table(tmp_path / "table.npz", 48, classes=4)
    told = r"label 3 is no class: the model has scores for 3 classes.*model.head.out_features"
    with pytest.raises(ValueError, match=told):
        run(make_config(tmp_path)).train()


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        ([0, 3, 2], 3, r"label 3 is no class: .* 3 classes, 0 … 2 \(1 of 3"),
        ([-1, -2, 0], 3, r"label -1 is no class.*\(2 of 3 .*model\.head\.out_features"),
        ([0, 0.5, 1], 2, r"label 0\.5 is no class: .* 2 classes, 0 … 1.*MSARegressionLoss"),
        ([0, float("nan"), 1], 2, r"label nan is no class"),
        ([0, 0, 0], 1, r"gives one a sample: set model\.head\.out_features to the number of cl"),
    ],
)
def test_labels_that_are_no_classes(labels, classes, message):
    loss = MODELS.build({"type": "MSAClassificationLoss"})
    with pytest.raises(ValueError, match=message):
        loss(torch.zeros(3, classes), torch.tensor(labels).unsqueeze(1))


def test_labels_of_another_shape():
    with pytest.raises(ValueError, match=r"labels have shape \(3, 2\) for .* \(3, 4\)"):
        MSAClassificationLoss()(torch.zeros(3, 4), torch.zeros(3, 2))


def test_the_loss_is_the_mean_cross_entropy():
    random = np.random.default_rng(0)
    scores, labels = random.normal(size=(7, 4)), random.integers(0, 4, 7)
    expected = np.mean(np.log(np.exp(scores).sum(1)) - scores[np.arange(7), labels])
    prediction = torch.tensor(scores, requires_grad=True)
    loss = MSAClassificationLoss()(prediction, torch.tensor(labels).float().unsqueeze(1))
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    loss.backward()
    assert prediction.grad.any(dim=1).all()
    half = MSAClassificationLoss()(prediction.bfloat16(), torch.tensor(labels).unsqueeze(1))
    assert half.dtype == torch.float32


def test_a_modality_that_the_batches_lack_is_named(tmp_path):
    write_table(tmp_path / "table.npz", 48)
    config = make_config(tmp_path, modalities=("text", "audio"))
    with pytest.raises(ValueError, match=r"MulT uses 'vision' .*take it out of model.feature_dims"):
        run(config).train()


def test_a_modality_that_the_file_lacks_is_named(tmp_path):
    write_table(tmp_path / "table.npz", 48, modalities=("text", "audio"))
    with pytest.raises(DataError, match=r"table\.npz.*vision|vision.*table\.npz"):
        run(make_config(tmp_path)).train()
