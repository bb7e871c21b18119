"""What a transform draws for a sample hangs on nothing but the seed, the sample and the epoch."""

import pickle
from contextlib import suppress

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import ConcatDataset, DataLoader

from pgf_plugin.datasets import (
    EpochSampler,
    LengthBucketSampler,
    SyntheticMSADataset,
    msa_collate,
)
from pgf_plugin.datasets.epochs import EpochIndex, epoch_of
from pgf_plugin.datasets.transforms import EpochUnknownWarning

AUGMENTATION = [
    {"type": "CropSteps", "max_steps": {"audio": 8}, "where": "random"},
    {"type": "ModalityDropout", "rate": 0.3},
    {"type": "MissingSteps", "rate": 0.2, "per_epoch": True},
]
CORRUPTION = [
    {"type": "MissingModality", "rate": 0.3},
    {"type": "MissingSteps", "rate": 0.2},
    {"type": "GaussianNoise", "snr_db": 0.0},
    {"type": "TimeShift", "steps": {"vision": 9}, "random": True},
]
COUNT = 23
KEYS = ("input_ids", "audio", "vision")


@pytest.fixture
def make(encoder):
    def make(transforms) -> SyntheticMSADataset:
        return SyntheticMSADataset("val", COUNT, tokenizer=encoder, transforms=transforms)

    return make


def content(samples) -> dict[str, tuple]:
    return {one["sample_id"]: tuple(one[key].tobytes() for key in KEYS) for one in samples}


def epochs(dataset, first: int = 0, last: int = 2, *, bucket: bool, batch_size: int, **loader):
    """The samples of epochs ``first`` … ``last`` as one loader gives them, epoch by epoch."""
    sampler = (DefaultSampler if bucket else EpochSampler)(dataset, seed=batch_size)
    chosen = (
        {"batch_sampler": LengthBucketSampler(sampler, batch_size, pool_batches=2)}
        if bucket
        else {"sampler": sampler, "batch_size": batch_size}
    )
    loader = DataLoader(dataset, collate_fn=list, **chosen, **loader)
    drawn = []
    for epoch in range(first, last + 1):
        sampler.set_epoch(epoch)
        drawn.append(content(one for batch in loader for one in batch))
    return drawn


WORKERS = {"num_workers": 2, "persistent_workers": True}
LOADERS = {
    "larger batches": dict(bucket=False, batch_size=9),
    "buckets": dict(bucket=True, batch_size=5),
    "two workers": dict(bucket=True, batch_size=3, num_workers=2),
    "persistent workers": dict(bucket=False, batch_size=4, **WORKERS),
    "persistent workers, buckets": dict(bucket=True, batch_size=4, **WORKERS),
}


@pytest.mark.parametrize("transforms", [AUGMENTATION, CORRUPTION], ids=["augment", "corrupt"])
@pytest.mark.parametrize("name", LOADERS)
def test_no_loader_changes_what_is_drawn(make, transforms, name):
    dataset = make(transforms)
    expected = epochs(dataset, bucket=False, batch_size=4)
    assert all(len(samples) == COUNT for samples in expected)
    assert epochs(dataset, **LOADERS[name]) == expected
    assert epochs(make(transforms), first=2, **LOADERS[name]) == expected[2:]  # a resumed run


@pytest.mark.slow
def test_spawned_workers_draw_the_same(make):
    dataset = make(AUGMENTATION)
    spawned = {"multiprocessing_context": "spawn", "num_workers": 1, "persistent_workers": True}
    assert epochs(dataset, last=1, bucket=True, batch_size=4, **spawned) == epochs(
        dataset, last=1, bucket=False, batch_size=4
    )


def test_augmentation_differs_by_epoch_and_corruption_does_not(make):
    first, second, _ = epochs(make(AUGMENTATION), bucket=False, batch_size=4)
    assert sum(first[key] != second[key] for key in first) > COUNT / 2
    first, second, third = epochs(make(CORRUPTION), bucket=False, batch_size=4)
    assert first == second == third
    assert first != content(make([])[row] for row in range(COUNT))


def test_the_dataset_s_own_arrays_stay_as_they_are(make):
    dataset = make(
        [*CORRUPTION, {"type": "NormalizeFeatures"}, {"type": "AlignToText", "how": "even"}]
    )
    before = content(make([])[row] for row in range(COUNT))
    for row in range(COUNT):
        dataset[row]
    dataset.pipeline.transforms.clear()
    assert content(dataset[row] for row in range(COUNT)) == before


def noise(make, *transforms) -> np.ndarray:
    return make(list(transforms))[0]["audio"]


def test_seed_place_and_sample_change_the_draw(make):
    one = {"type": "GaussianNoise", "snr_db": float("-inf")}
    first = noise(make, one)
    np.testing.assert_array_equal(noise(make, one), first)
    assert (noise(make, {**one, "seed": 1}) != first).all()
    assert (noise(make, lambda sample: sample, one) != first).all()
    other = make([one])[1]["audio"]
    steps = min(len(first), len(other))
    assert abs(np.corrcoef(first[:steps].ravel(), other[:steps].ravel())[0, 1]) < 0.5


def test_subsets_and_other_orders_draw_the_same(encoder, make):
    """The draw follows the sample's identifier, not its place in a split."""
    dataset = make(CORRUPTION)
    subset = torch.utils.data.Subset(dataset, [7, 3])
    assert content([subset[0], subset[1]]) == content([dataset[3], dataset[7]])
    smaller = SyntheticMSADataset("val", 5, tokenizer=encoder, transforms=CORRUPTION)
    alike = [row for row in range(5) if content([make([])[row]]) == content([smaller[row]])]
    assert content(smaller[row] for row in alike) == content(dataset[row] for row in alike)


def test_an_index_without_an_epoch_warns_where_every_epoch_is_to_differ(make):
    dataset = make([{"type": "ModalityDropout", "rate": 0.5}])
    with pytest.warns(EpochUnknownWarning, match="set sampler=dict\\(type='EpochSampler'\\)"):
        plain = [dataset[row] for row in range(COUNT)]
    assert content(plain) == content(dataset[EpochIndex(row, 0)] for row in range(COUNT))


def test_indices_keep_their_epoch_through_processes_and_wrappers(make):
    index = pickle.loads(pickle.dumps(EpochIndex(COUNT + 2, 5)))
    assert (index, epoch_of(index), epoch_of(3)) == (COUNT + 2, 5, None)
    dataset = make(AUGMENTATION)
    expected = content([dataset[EpochIndex(2, 5)]])
    assert content([ConcatDataset([dataset, dataset])[index]]) == expected


@pytest.mark.engine
@pytest.mark.parametrize("workers", [0, 2])
def test_training_by_steps_knows_the_pass_of_every_sample(make, workers):
    """Batches fetched ahead, and batches that reach into the next pass, draw for their own."""
    dataset = make(AUGMENTATION)
    sampler = LengthBucketSampler(InfiniteSampler(dataset, seed=1), 4, pool_batches=2)
    loader = iter(
        DataLoader(
            dataset,
            batch_sampler=sampler,
            collate_fn=list,
            num_workers=workers,
            persistent_workers=workers > 0,
        )
    )
    drawn: dict[str, list[int]] = {}
    for _ in range(18):  # three of the sampler's windows of 24: three passes, and a part of one
        for one in next(loader):
            drawn.setdefault(one["sample_id"], []).append(one["epoch"])
            row = int(one["sample_id"][-5:])
            assert content([one]) == content([dataset[EpochIndex(row, one["epoch"])]])
    assert {tuple(sorted(epochs)) for epochs in drawn.values()} == {(0, 1, 2), (0, 1, 2, 3)}


class SumModel(BaseModel):
    """Keeps what it is given: identifier and sum of the audio of each sample, step by step."""

    def __init__(self) -> None:
        super().__init__({"type": "MSADataPreprocessor"})
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.given: list = []

    def forward(self, inputs, data_samples=None, mode="tensor"):
        sums = inputs["audio"].sum((1, 2)).tolist()
        self.given.append(sorted(zip((s.sample_id for s in data_samples), sums, strict=True)))
        return {"loss": self.weight**2}


class StopHook(Hook):
    """Ends the training after an epoch, as if the user had pressed Ctrl-C."""

    def before_train_epoch(self, runner):
        if runner.epoch == 1:
            raise KeyboardInterrupt


@pytest.mark.engine
def test_a_resumed_run_is_given_what_the_undisturbed_one_was(make, tmp_path):
    def run(name: str, *hooks, resume=False) -> list:
        loader = {
            "dataset": make(AUGMENTATION),
            "batch_size": 6,
            "sampler": {"type": "DefaultSampler", "shuffle": True},
            "batch_sampler": {"type": "LengthBucketSampler"},
            "collate_fn": {"type": "msa_collate", "pad_to": {"audio": 8}},
            "num_workers": 2,
        }
        model = SumModel()
        runner = Runner(
            model,
            str(tmp_path / name),
            loader,
            train_cfg={"by_epoch": True, "max_epochs": 3},
            optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.1}},
            custom_hooks=list(hooks),
            randomness={"seed": 4},
            resume=resume,
            experiment_name=f"{tmp_path.name}_{name}_{resume}",
            log_level="ERROR",
        )
        with suppress(KeyboardInterrupt):
            runner.train()
        return model.given

    whole = run("undisturbed")
    begun = run("stopped", StopHook())
    assert 0 < len(begun) < len(whole) == 12
    assert [*begun, *run("stopped", resume=True)] == whole
    audio = [dict(row for batch in whole[start : start + 4] for row in batch) for start in (0, 4)]
    assert audio[0].keys() == audio[1].keys()
    assert audio[0] != audio[1]


def test_collated_batches_hold_no_trace_of_the_epoch(make):
    batch = msa_collate([make(CORRUPTION)[EpochIndex(0, 2)]])
    assert set(batch["inputs"]) == {
        "input_ids", "attention_mask", "audio", "audio_mask", "vision", "vision_mask",
    }  # fmt: skip
