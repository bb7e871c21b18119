"""Batches of similar length, for any lengths, sizes, seeds, ranks and epochs."""

from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.config import Config
from mmengine.dataset import DefaultSampler, InfiniteSampler

from pgf_plugin.datasets import LengthBucketSampler, MSADataset, SyntheticMSADataset
from pgf_plugin.datasets.epochs import epoch_of
from pgf_plugin.datasets.padding import padding_waste
from pgf_plugin.errors import ConfigError


class Lengths:
    """All of a dataset that the sampler looks at."""

    def __init__(self, **lengths) -> None:
        self.sequence_lengths = {name: np.asarray(steps) for name, steps in lengths.items()}

    def __len__(self) -> int:
        return len(next(iter(self.sequence_lengths.values())))


SIZES = {
    "lengths": st.lists(st.integers(0, 60), min_size=1, max_size=80),
    "batch_size": st.integers(1, 12),
    "pool_batches": st.none() | st.integers(1, 12),
    "seed": st.integers(0, 2**31),
    "epoch": st.integers(0, 50),
}


def batches_of(lengths, batch_size, pool_batches, seed, epoch, kind=DefaultSampler, **more):
    sampler = kind(Lengths(text=lengths), seed=seed)
    sampler.set_epoch(epoch)
    return LengthBucketSampler(sampler, batch_size, pool_batches, **more)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(**SIZES)
def test_every_epoch_is_a_permutation_that_the_seed_and_the_epoch_give(**sizes):
    sampler, again = batches_of(**sizes), batches_of(**sizes)
    batches = list(sampler)
    indices = [index for batch in batches for index in batch]
    assert sorted(indices) == list(range(len(sizes["lengths"])))
    assert len(batches) == len(sampler)
    assert {epoch_of(index) for index in indices} == {sizes["epoch"]}
    assert list(again) == batches == list(sampler)  # from the beginning, and iterated again
    assert sum(len(batch) < sizes["batch_size"] for batch in batches) <= 1


@settings(deadline=None, max_examples=40, derandomize=True)
@given(**SIZES)
def test_drop_last_drops_less_than_a_batch(**sizes):
    batches = list(batches_of(**sizes, drop_last=True))
    indices = [index for batch in batches for index in batch]
    assert all(len(batch) == sizes["batch_size"] for batch in batches)
    assert len(set(indices)) == len(indices) > len(sizes["lengths"]) - sizes["batch_size"]


@settings(deadline=None, max_examples=40, derandomize=True)
@given(**SIZES)
def test_behind_an_infinite_sampler_every_pass_is_whole_and_every_batch_full(**sizes):
    sampler = batches_of(**sizes, kind=InfiniteSampler)
    size, count = sizes["batch_size"], len(sizes["lengths"])
    window = -(-count // size)  # batches
    batches = list(islice(sampler, 3 * window))
    assert {len(batch) for batch in batches} == {size}
    drawn = Counter((int(i), epoch_of(i)) for batch in batches for i in batch)
    assert set(drawn.values()) == {1}
    whole = 3 * window * size // count
    assert {(i, p) for i in range(count) for p in range(whole)} <= set(drawn)
    again = batches_of(**sizes, kind=InfiniteSampler)
    assert list(islice(again, 3 * window)) == batches  # a resumed run skips the same ones


@pytest.mark.parametrize("kind", [DefaultSampler, InfiniteSampler])
def test_ranks_share_every_pass(kind, monkeypatch):
    lengths = np.random.default_rng(0).integers(1, 40, 64)
    drawn: Counter = Counter()
    for rank in range(2):
        monkeypatch.setattr("mmengine.dataset.sampler.get_dist_info", lambda rank=rank: (rank, 2))
        sampler = batches_of(lengths, 8, 4, seed=3, epoch=0, kind=kind)
        batches = list(islice(sampler, 8 if kind is InfiniteSampler else None))
        drawn.update((int(i), epoch_of(i)) for batch in batches for i in batch)
    passes = 2 if kind is InfiniteSampler else 1
    assert drawn == Counter({(i, p): 1 for i in range(64) for p in range(passes)})


@pytest.mark.parametrize(
    ("key", "order"),
    [
        (None, [1, 2, 0]),
        ("text", [1, 2, 0]),
        ("audio", [2, 0, 1]),
        ("total", [2, 0, 1]),
        ({"text": 10, "audio": 1}, [2, 1, 0]),
    ],
)
def test_key_says_what_length_is(key, order):
    data = Lengths(text=[9, 2, 3], audio=[20, 85, 10])
    sampler = LengthBucketSampler(DefaultSampler(data, seed=0), 1, pool_batches=3, key=key)
    assert sampler._batches([0, 1, 2]) == [[index] for index in order]


def test_without_text_the_default_is_the_length_of_all():
    data = Lengths(audio=[5, 1, 3], vision=[1, 1, 9])
    sampler = LengthBucketSampler(DefaultSampler(data, seed=0), 1, pool_batches=3)
    assert sampler._batches([0, 1, 2]) == [[1], [0], [2]]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("vision", r"asks for the length of 'vision', but the dataset has those of \['text'\]"),
        ("txt", "batch_sampler.key must be one of .*Did you mean 'text'"),
        ({}, "batch_sampler.key names no modality"),
        ({"text": -1}, "batch_sampler.key.text must be a finite number > 0"),
    ],
)
def test_bad_key_is_refused(key, message):
    with pytest.raises(ValueError, match=message):
        batches_of([1, 2], 1, 1, 0, 0, key=key)
    assert issubclass(ConfigError, ValueError)


def test_lengths_are_those_after_the_transforms(encoder):
    transforms = [{"type": "CropSteps", "max_steps": {"audio": 12, "text": 13}}]
    dataset = SyntheticMSADataset("val", 30, tokenizer=encoder, transforms=transforms)
    for row in range(30):
        one = dataset[row]
        lengths = {name: steps[row] for name, steps in dataset.sequence_lengths.items()}
        assert lengths == {
            "text": len(one["input_ids"]),
            "audio": len(one["audio"]),
            "vision": len(one["vision"]),
        }


def test_waste_is_padded_over_real_steps():
    lengths = {"text": np.array([2, 4, 1]), "audio": np.array([10, 10, 30])}
    waste = padding_waste([[0, 1], [2]], lengths)
    assert waste == {"text": 9 / 7, "audio": 1.0, "total": 59 / 57}


@pytest.mark.parametrize("batch_size", [16, 32])
def test_waste_on_lengths_as_in_mosi(mosi_file, encoder, batch_size):
    """Real transcripts and durations of the training split, features of MMSA's longest lengths."""
    data = MSADataset(
        str(mosi_file),
        "train",
        split_column="split_standard",
        modalities=("text",),
        tokenizer=encoder,
        lower_case=True,
        max_tokens=50,
    )
    with np.load(mosi_file) as archive:
        chosen = archive["split_standard"] == "train"
        begin, end = archive["interval_s"][chosen].T
    seconds = end - begin
    steps = {
        # So many steps a second that one utterance in ten is cut, as in `unaligned_50.pkl`.
        name: np.clip(np.ceil(seconds * limit / np.quantile(seconds, 0.9)), 1, limit)
        for name, limit in (("audio", 500), ("vision", 375))
    }
    lengths = {"text": data.text_lengths} | {k: v.astype(np.int64) for k, v in steps.items()}
    sampler = DefaultSampler(Lengths(**lengths), seed=0)

    def waste(**arguments) -> dict[str, float]:
        return padding_waste(LengthBucketSampler(sampler, batch_size, **arguments), lengths)

    assert waste(pool_batches=1)["total"] > 1.7
    assert waste()["total"] > 1.3
    bucketed = waste(key="total")
    assert bucketed["total"] <= 1.1
    assert max(bucketed["audio"], bucketed["vision"]) <= 1.1
    one_pool = waste(pool_batches=None, key={"audio": 1, "vision": 1})  # as the unaligned configs
    assert one_pool["total"] < bucketed["total"]


def test_waste_of_the_config_for_unaligned_data(tmp_path):
    """On lengths drawn as in MOSI, of which few are long."""
    config = Path(__file__).parents[2] / "configs/_base_/datasets/mosi_mmsa_unaligned.py"
    options = dict(Config.fromfile(config).train_dataloader.batch_sampler)
    assert options.pop("type") == "LengthBucketSampler"
    rng = np.random.default_rng(0)
    seconds = np.exp(rng.normal(1.218, 0.664, 1284))
    steps = {"audio": 500, "vision": 375}
    lengths = {k: np.clip(np.ceil(seconds * v / 30), 1, v).astype(int) for k, v in steps.items()}
    lengths["text"] = np.clip(rng.normal(seconds * 3.7 + 2, 3), 3, 50).astype(int)
    sampler = DefaultSampler(Lengths(**lengths), seed=0)
    batches = LengthBucketSampler(sampler, 16, **options)
    assert padding_waste(batches, lengths)["total"] <= 1.1
