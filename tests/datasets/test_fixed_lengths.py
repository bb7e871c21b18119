"""Batches padded to lengths that a config sets."""

import numpy as np
import pytest
import torch
from mmengine.runner import Runner

from pgf_plugin.datasets import SyntheticMSADataset, msa_collate
from pgf_plugin.errors import DataError


def sample(tokens: int = 5, audio: int = 4, vision: int = 3, **more) -> dict:
    return {
        "sample_id": f"synthetic_{tokens}_{audio}_{vision}",
        "raw_text": "",
        "input_ids": np.array([101, *range(1, tokens - 1), 102], np.int64),
        "pad_token_id": 9,
        "audio": np.arange(1, 1 + 2 * audio, dtype=np.float32).reshape(audio, 2),
        "vision": np.ones((vision, 3), np.float32),
        **more,
    }


def shapes(inputs: dict) -> dict[str, tuple]:
    return {name: tuple(value.shape[1:]) for name, value in inputs.items()}


def test_batches_have_the_lengths_asked_for_and_masks_the_real_ones():
    pad_to = {"text": 8, "audio": 10, "vision": 3}
    inputs = msa_collate([sample(), sample(3, 0, 1)], pad_to=pad_to)["inputs"]
    assert shapes(inputs) == {
        "input_ids": (8,),
        "attention_mask": (8,),
        "audio": (10, 2),
        "audio_mask": (10,),
        "vision": (3, 3),
        "vision_mask": (3,),
    }
    assert inputs["input_ids"][1].tolist() == [101, 1, 102, 9, 9, 9, 9, 9]
    assert inputs["attention_mask"].sum(1).tolist() == [5, 3]
    assert inputs["audio_mask"].sum(1).tolist() == [4, 0]
    assert inputs["audio"][0].flatten().tolist() == [*range(1, 9), *[0] * 12]


def test_a_modality_that_is_not_named_is_padded_to_its_longest_sample():
    inputs = msa_collate([sample(), sample(3, 9, 1)], pad_to={"vision": 6})["inputs"]
    assert shapes(inputs)["audio"] == (9, 2)
    assert shapes(inputs)["input_ids"] == (5,)
    assert shapes(inputs)["vision"] == (6, 3)


def test_longer_samples_are_refused_or_cut():
    samples = [sample(3, 1, 1), sample(7, 4, 3)]
    pad_to = {"text": 4, "audio": 2}
    with pytest.raises(
        DataError,
        match=r"text of 'synthetic_7_4_3' has 7 steps, but collate_fn.pad_to.text is 4: set trunc",
    ):
        msa_collate(samples, pad_to=pad_to)
    inputs = msa_collate(samples, pad_to=pad_to, truncate=True)["inputs"]
    assert inputs["input_ids"].tolist() == [[101, 1, 102, 9], [101, 1, 2, 102]]
    assert inputs["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert inputs["audio"].tolist() == [[[1, 2], [0, 0]], [[1, 2], [3, 4]]]
    assert inputs["audio_mask"].tolist() == [[True, False], [True, True]]


def test_text_features_are_cut_at_their_end():
    row = {"sample_id": "a", "raw_text": "", "text": np.arange(8, dtype=np.float32).reshape(4, 2)}
    inputs = msa_collate([row], pad_to={"text": 3}, truncate=True)["inputs"]
    assert inputs["text"].tolist() == [[[0, 1], [2, 3], [4, 5]]]
    assert inputs["attention_mask"].tolist() == [[1, 1, 1]]


@pytest.mark.parametrize(("multiple", "text", "audio"), [(1, 5, 4), (4, 8, 4), (64, 64, 64)])
def test_lengths_are_rounded_up_to_a_multiple(multiple, text, audio):
    made = msa_collate([sample(vision=0)], pad_to={"vision": 3}, pad_to_multiple_of=multiple)
    assert shapes(made["inputs"]) == {
        "input_ids": (text,),
        "attention_mask": (text,),
        "audio": (audio, 2),
        "audio_mask": (audio,),
        "vision": (3, 3),
        "vision_mask": (3,),
    }
    assert made["inputs"]["audio_mask"].sum() == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pad_to": 50}, "collate_fn.pad_to must be a dict"),
        ({"pad_to": {"audoi": 50}}, "a key of collate_fn.pad_to must be one of .*'audio'"),
        ({"pad_to": {"audio": 0}}, "collate_fn.pad_to.audio must be an integer >= 1"),
        ({"pad_to_multiple_of": 0}, "collate_fn.pad_to_multiple_of must be an integer >= 1"),
        ({"truncate": True}, "collate_fn.truncate cuts to pad_to, which is not set"),
    ],
)
def test_bad_argument_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        msa_collate([sample()], **arguments)


@pytest.mark.engine
def test_a_config_sets_the_lengths(encoder):
    loader = Runner.build_dataloader(
        {
            "dataset": {"type": "SyntheticMSADataset", "split": "val", "tokenizer": encoder},
            "batch_size": 50,
            "sampler": {"type": "DefaultSampler", "shuffle": False},
            "collate_fn": {
                "type": "msa_collate",
                "pad_to": {"text": 50, "audio": 500, "vision": 375},
            },
        }
    )
    for batch in loader:
        widths = {name: value.shape[1] for name, value in batch["inputs"].items()}
        assert (widths["input_ids"], widths["audio"], widths["vision"]) == (50, 500, 375)
        for row, one in enumerate(batch["data_samples"]):
            steps = len(loader.dataset[int(one.sample_id[-5:])]["audio"])
            assert batch["inputs"]["audio_mask"][row].sum() == steps


@pytest.mark.gpu
@pytest.mark.parametrize("workers", [0, 1])
def test_pinned_batches_reach_the_device_whole(encoder, workers):
    from pgf_plugin.models.data_preprocessor import MSADataPreprocessor

    dataset = SyntheticMSADataset("val", 8, tokenizer=encoder)
    loader = torch.utils.data.DataLoader(
        dataset, 4, collate_fn=msa_collate, pin_memory=True, num_workers=workers
    )
    for number, batch in enumerate(loader):
        assert all(value.is_pinned() for value in batch["inputs"].values())
        moved = MSADataPreprocessor().cuda()(batch)
        expected = msa_collate([dataset[4 * number + row] for row in range(4)])
        for name, value in moved["inputs"].items():
            assert value.is_cuda
            assert torch.equal(value.cpu(), expected["inputs"][name])
        for one, other in zip(moved["data_samples"], expected["data_samples"], strict=True):
            assert one.sample_id == other.sample_id
            assert torch.equal(one.label, other.label)
