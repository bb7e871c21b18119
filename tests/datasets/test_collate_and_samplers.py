import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler
from mmengine.runner import Runner

from pgf_plugin.datasets import LengthBucketSampler, SyntheticMSADataset, msa_collate
from pgf_plugin.errors import ConfigError
from pgf_plugin.structures import MSADataSample


@pytest.fixture
def dataset(encoder):
    return SyntheticMSADataset("val", 45, tokenizer=encoder)


def sample(tokens: int, steps: int, **more) -> dict:
    return {
        "sample_id": f"{tokens}-{steps}",
        "raw_text": "text",
        "input_ids": np.full(tokens, 5, np.int64),
        "pad_token_id": 1,
        "audio": np.full((steps, 2), 3.0, np.float32),
        "label": np.array([0.5], np.float32),
        **more,
    }


def test_batch_holds_every_sample_and_nothing_else(dataset):
    samples = [dataset[index] for index in range(12)]
    batch = msa_collate(samples)
    inputs = batch["inputs"]
    for row, one in enumerate(samples):
        real = inputs["attention_mask"][row].bool()
        assert inputs["input_ids"][row][real].tolist() == one["input_ids"].tolist()
        for name in ("audio", "vision"):
            mask = inputs[f"{name}_mask"][row]
            np.testing.assert_array_equal(inputs[name][row][mask].numpy(), one[name])
            assert not inputs[name][row][~mask].any()
            assert mask.tolist() == sorted(mask.tolist(), reverse=True)
    assert inputs["audio"].shape[1] == max(len(one["audio"]) for one in samples)
    assert inputs["input_ids"].shape[1] == max(len(one["input_ids"]) for one in samples)
    assert [item.sample_id for item in batch["data_samples"]] == [s["sample_id"] for s in samples]


def test_types_and_padding_values():
    inputs = msa_collate([sample(2, 1), sample(4, 3)])["inputs"]
    assert {name: value.dtype for name, value in inputs.items()} == {
        "input_ids": torch.int64,
        "attention_mask": torch.int64,
        "audio": torch.float32,
        "audio_mask": torch.bool,
    }
    assert inputs["input_ids"].tolist() == [[5, 5, 1, 1], [5, 5, 5, 5]]
    assert inputs["attention_mask"].tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]


@pytest.mark.parametrize("others", [0, 1])
def test_sample_without_a_step_gets_a_step_that_is_masked(others):
    inputs = msa_collate([sample(2, 0), *[sample(2, 3)] * others])["inputs"]
    assert inputs["audio"].shape == (1 + others, 3 if others else 1, 2)
    assert not inputs["audio_mask"][0].any()
    assert not inputs["audio"][0].any()


def test_precomputed_text():
    text = [np.ones((length, 4), np.float32) for length in (2, 3)]
    rows = [{"sample_id": "a", "raw_text": "", "text": value} for value in text]
    batch = msa_collate(rows)
    assert batch["inputs"]["text"].shape == (2, 3, 4)
    assert batch["inputs"]["attention_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]
    assert "label" not in batch["data_samples"][0]


def test_label_is_a_copy_on_the_cpu():
    one = sample(2, 2)
    data_sample = msa_collate([one])["data_samples"][0]
    assert isinstance(data_sample, MSADataSample)
    assert data_sample.label.dtype == torch.float32
    data_sample.label += 1
    assert one["label"].tolist() == [0.5]


def bucket(dataset, seed=0, **more):
    sampler = DefaultSampler(dataset, shuffle=True, seed=seed)
    return LengthBucketSampler(sampler, **{"batch_size": 8, **more})


@pytest.mark.parametrize("pool_batches", [1, 2, 100])
def test_every_index_comes_once(dataset, pool_batches):
    sampler = bucket(dataset, pool_batches=pool_batches)
    batches = list(sampler)
    assert sorted(index for batch in batches for index in batch) == list(range(45))
    assert len(batches) == len(sampler) == 6


def test_drop_last_keeps_full_batches_alone(dataset):
    sampler = bucket(dataset, drop_last=True)
    batches = list(sampler)
    assert [len(batch) for batch in batches] == [8] * 5
    assert len(sampler) == 5


def test_reproducible_from_seed_and_epoch(dataset):
    sampler, again = bucket(dataset), bucket(dataset)
    first = list(sampler)
    assert list(again) == first
    sampler.sampler.set_epoch(1)
    second = list(sampler)
    assert second != first
    assert list(bucket(dataset, seed=1)) != first
    sampler.sampler.set_epoch(0)
    assert list(sampler) == first


def test_batches_hold_similar_lengths(dataset):
    lengths = dataset.text_lengths

    def padding(batches):
        return sum(sum(max(lengths[b]) - lengths[b]) for b in map(list, batches))

    plain = list(DefaultSampler(dataset, shuffle=True, seed=0))
    unsorted = [plain[start : start + 8] for start in range(0, 45, 8)]
    assert padding(bucket(dataset)) < 0.5 * padding(unsorted)
    longest = [max(lengths[batch]) for batch in bucket(dataset)]
    assert longest != sorted(longest)


def test_ranks_share_the_data(dataset, monkeypatch):
    seen = []
    for rank in range(2):
        monkeypatch.setattr("mmengine.dataset.sampler.get_dist_info", lambda rank=rank: (rank, 2))
        sampler = bucket(dataset)
        assert len(sampler) == 3
        seen.append([index for batch in sampler for index in batch])
    assert len(seen[0]) == len(seen[1]) == 23
    assert set(seen[0]) | set(seen[1]) == set(range(45))


def test_dataset_without_lengths_is_refused():
    with pytest.raises(ConfigError, match="text_lengths, got list of DefaultSampler"):
        LengthBucketSampler(DefaultSampler([1, 2, 3], seed=0), batch_size=2)


@pytest.mark.parametrize(("key", "value"), [("batch_size", 0), ("pool_batches", -1)])
def test_bad_argument_is_named(dataset, key, value):
    with pytest.raises(ValueError, match=f"{key} must be an integer >= 1, got {value}"):
        bucket(dataset, **{key: value})


def test_runner_builds_the_loader_with_its_batch_size(dataset):
    loader = Runner.build_dataloader(
        {
            "dataset": dataset,
            "batch_size": 10,
            "sampler": {"type": "DefaultSampler", "shuffle": True},
            "batch_sampler": {"type": "LengthBucketSampler"},
            "collate_fn": {"type": "msa_collate"},
            "num_workers": 0,
            "persistent_workers": False,
        },
        seed=0,
    )
    assert len(loader) == 5
    assert sorted(len(batch["data_samples"]) for batch in loader) == [5, 10, 10, 10, 10]
