"""What mmengine allows beside the shipped configs, through the commands."""

import itertools
import os
import re
import socket

import pytest
import torch
from forked import run_forked
from mmengine.evaluator import BaseMetric

from pgf_plugin.cli import main
from pgf_plugin.models import TextOnlyNet
from pgf_plugin.registry import METRICS, MODELS

pytest.importorskip("vaderSentiment", reason="extra [quickstart] is not installed")

CONFIG = """
_base_ = "{root}/_base_/default_runtime.py"
encoder = r"{encoder}"
loader = dict(
    batch_size=8, num_workers=0, collate_fn=dict(type="msa_collate"),
    sampler=dict(type="DefaultSampler", shuffle=False))
data = dict(type="SyntheticMSADataset", tokenizer=encoder, num_samples=16)
model = dict(type="TextOnlyNet", encoder=dict(type="HFTextEncoder", pretrained=encoder))
train_dataloader = dict(loader, dataset=dict(data, split="train"))
val_dataloader = dict(loader, dataset=dict(data, split="val"))
test_dataloader = dict(loader, dataset=dict(data, split="test"))
val_evaluator = test_evaluator = dict(type="MSAMetric")
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="AdamW", lr=1e-3))
train_cfg = dict(by_epoch=True, max_epochs=1)
val_cfg = test_cfg = dict()
"""
NUMBERS = itertools.count()


@MODELS.register_module()
class CountingNet(TextOnlyNet):
    """Keeps plain values beside its weights, as modules may."""

    def get_extra_state(self):
        return {"seen": 3, "names": ["a", None]}

    def set_extra_state(self, state):
        self.told = state


@METRICS.register_module()
class ErrorByRow(BaseMetric):
    """A list and a matrix, as metrics of classes return them."""

    default_prefix = ""

    def process(self, data_batch, data_samples):
        self.results += [0.5 for _ in data_samples]

    def compute_metrics(self, results):
        return {"Errors": results[:2], "Matrix": torch.eye(2)}


@pytest.fixture
def config(tmp_path, small_encoder):
    """Write a config with more at its end, and return its path."""
    from pgf_plugin.config.resolve import config_root

    def write(more=""):
        path = tmp_path / "unusual.py"
        text = CONFIG.format(root=config_root(), encoder=small_encoder)
        path.write_text(text + more + "\ndel loader, data\n")
        return path

    return write


def run(command, *argv, options=(), status=0):
    given = [command, *map(str, argv)]
    if command != "weights":  # mmengine allows the name of a run once a process
        name = f"experiment_name=unusual_{next(NUMBERS)}"
        given += ["--cfg-options", name, *options]
    assert main(given) == status


@pytest.mark.parametrize(
    "dataset",
    [
        'dict(type="ConcatDataset", datasets=[dict(data, split="train"), dict(data, split="val")])',
        'dict(type="RepeatDataset", times=2, dataset=dict(data, split="train"))',
    ],
)
def test_wrappers_of_datasets_train(config, tmp_path, dataset):
    path = config(f"train_dataloader = dict(loader, dataset={dataset})")
    run("train", path, "--work-dir", tmp_path / "out")
    saved = torch.load(tmp_path / "out" / "epoch_1.pth", weights_only=True)
    assert saved["meta"]["iter"] == 4


@pytest.mark.slow
def test_a_loop_of_steps_saves_after_each_validation_and_is_resumed(config, tmp_path):
    steps = "train_cfg = dict(by_epoch=False, max_iters={}, val_interval=2)"
    out = tmp_path / "out"
    run("train", config(steps.format(5)), "--work-dir", out)
    assert {path.name for path in out.glob("iter_*.pth")} == {"iter_4.pth", "iter_5.pth"}
    assert [re.sub(r"\d+", "N", path.name) for path in out.glob("best_*.pth")] == [
        "best_MAE_iter_N.pth"
    ]
    run("train", config(steps.format(8)), "--work-dir", out, "--resume")
    assert {path.name for path in out.glob("iter_*.pth")} == {"iter_6.pth", "iter_8.pth"}


def test_plain_values_of_a_model_come_back(config, tmp_path, capsys):
    path, out = config('model = dict(model, type="CountingNet")'), tmp_path / "out"
    run("train", path, "--work-dir", out)
    run("test", path, out / "epoch_1.pth")
    run("weights", "export", out / "epoch_1.pth", tmp_path / "weights.pth")
    state = torch.load(tmp_path / "weights.pth", weights_only=True)["state_dict"]
    assert state["_extra_state"] == {"seen": 3, "names": ["a", None]}
    run("train", path, "--work-dir", out, "--resume", options=["train_cfg.max_epochs=2"])
    run("weights", "export", out / "epoch_1.pth", tmp_path / "weights.safetensors", status=1)
    assert "safetensors hold tensors alone, and '_extra_state'" in capsys.readouterr().err


def test_metrics_that_are_no_numbers_are_printed_as_they_are(config, tmp_path, capsys):
    path = config('test_evaluator = [dict(type="MSAMetric"), dict(type="ErrorByRow")]')
    run("train", path, "--work-dir", tmp_path / "out")
    run("test", path, tmp_path / "out" / "epoch_1.pth")
    printed = capsys.readouterr().out
    assert re.search(r"MAE +\d\.\d{4}\n", printed)
    assert re.search(r"Errors +\[0\.5, 0\.5\]", printed)


def test_what_several_processes_trained_is_tested_by_one(config, tmp_path):
    path, out = config(), tmp_path / "out"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {
        "RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
    }  # fmt: skip

    def train():
        os.environ.update(variables)
        run("train", path, "--work-dir", out, "--launcher", "pytorch")

    run_forked(train)
    run("test", out / path.name, out / "epoch_1.pth")
