"""Corruption for studies of robustness: it is what was asked for, sample by sample."""

import numpy as np
import pytest
from mmengine.registry import TRANSFORMS

from pgf_plugin.datasets import SyntheticMSADataset
from pgf_plugin.datasets.transforms.missing_steps import kept_steps
from pgf_plugin.errors import ConfigError

UNK, MASK = 100, 103


def build(kind: str, **arguments):
    return TRANSFORMS.build({"type": kind, **arguments})


def sample(number: int = 0, steps: int = 40, tokens: int = 30) -> dict:
    rng = np.random.default_rng(number)
    return {
        "sample_id": f"synthetic_{number}",
        "raw_text": "words",
        "input_ids": np.array([101, *rng.integers(1000, 2000, tokens - 2), 102], np.int64),
        "unk_token_id": UNK,
        "mask_token_id": MASK,
        "audio": rng.normal(1, 2, (steps, 5)).astype(np.float32),
        "vision": rng.normal(0, 3, (steps, 8)).astype(np.float32),
    }


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.9, 1.0])
def test_missing_steps_equal_mmsa_s_for_the_same_draws(rate):
    """``generate_m`` of MMSA's data loader, run on the same arrays with the same uniform draws."""
    loader = pytest.importorskip("MMSA.data_loader")
    split = object.__new__(loader.MMDataset)  # the method uses nothing of the object
    lengths, padded = np.array([30, 12, 3]), 30
    real = np.arange(padded) < lengths[:, None]
    np.random.seed(1111)
    draws = np.random.uniform(size=(3, padded))
    ids = np.where(real, np.random.default_rng(0).integers(1000, 2000, (3, padded)), 0)
    text, _, _, text_kept = split.generate_m(
        ids.astype(float), real.astype(int), None, rate, 1111, "text"
    )
    audio = np.random.default_rng(1).normal(size=(3, padded, 4))
    lost, _, _, audio_kept = split.generate_m(audio, None, lengths, rate, 1111, "audio")
    for row, length in enumerate(lengths):
        kept = kept_steps(draws[row, :length], rate, ends=True)
        np.testing.assert_array_equal(kept, text_kept[row, :length])
        np.testing.assert_array_equal(np.where(kept, ids[row, :length], UNK), text[row, :length])
        kept = kept_steps(draws[row, :length], rate, ends=False)
        np.testing.assert_array_equal(kept, audio_kept[row, :length])
        np.testing.assert_array_equal(audio[row, :length] * kept[:, None], lost[row, :length])


def test_missing_steps_are_zero_or_unknown_at_their_rates():
    rates = {"text": 0.3, "audio": 0.1, "vision": 0.6}
    transform = build("MissingSteps", rate=rates)
    lost = {name: [] for name in rates}
    for number in range(200):
        before = sample(number)
        after = transform(before)
        ids, was = after["input_ids"], before["input_ids"]
        assert (ids[0], ids[-1], ids.dtype) == (101, 102, np.int64)
        assert set(ids[ids != was]) <= {UNK}
        lost["text"] += (ids != was)[1:-1].tolist()
        for name in ("audio", "vision"):
            gone = ~after[name].any(axis=1)
            assert (after[name].shape, after[name].dtype) == (before[name].shape, np.float32)
            np.testing.assert_array_equal(after[name][~gone], before[name][~gone])
            lost[name] += gone.tolist()
    for name, rate in rates.items():
        spread = np.sqrt(rate * (1 - rate) / len(lost[name]))
        assert abs(np.mean(lost[name]) - rate) < 4 * spread
        assert np.mean(np.array(lost[name])[1:] & np.array(lost[name])[:-1]) < 1.3 * rate**2


def test_mask_token_stands_for_a_lost_one_where_asked_for():
    after = build("MissingSteps", rate={"text": 1.0}, token="mask")(sample())
    assert after["input_ids"].tolist() == [101, *[MASK] * 28, 102]


def test_modalities_of_a_sample_are_lost_independently_of_each_other():
    both = build("MissingSteps", rate=0.5)(sample())
    alone = build("MissingSteps", rate={"vision": 0.5})(sample())
    np.testing.assert_array_equal(both["vision"], alone["vision"])
    gone = [~both[name].any(axis=1) for name in ("audio", "vision")]
    assert 0.2 < (gone[0] == gone[1]).mean() < 0.8


def test_the_dataset_tells_the_tokenizer_s_ids(encoder):
    dataset = SyntheticMSADataset(
        "val", 4, tokenizer=encoder, transforms=[{"type": "MissingSteps", "rate": {"text": 1.0}}]
    )
    from pgf_plugin.datasets.tokenization import load_tokenizer

    words = dataset[0]["input_ids"][1:-1]
    assert set(words) == {load_tokenizer(encoder).unk_token_id}
    one = sample()
    del one["unk_token_id"]
    with pytest.raises(ConfigError, match="tokenizer of this dataset has no unk token"):
        build("MissingSteps", rate=0.5)(one)


@pytest.mark.parametrize("fill", ["absent", "zeros"])
def test_missing_modalities_come_at_their_rates(fill):
    transform = build("MissingModality", rate={"audio": 0.25, "vision": 1.0}, fill=fill)
    gone = []
    for number in range(400):
        before = sample(number)
        after = transform(before)
        assert not after["vision"].any()
        assert len(after["vision"]) == (40 if fill == "zeros" else 0)
        gone.append(not after["audio"].any())
        if not gone[-1]:
            np.testing.assert_array_equal(after["audio"], before["audio"])
    assert abs(np.mean(gone) - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 400)


def test_missing_text_keeps_the_special_tokens():
    absent = build("MissingModality", rate={"text": 1.0})(sample())
    assert absent["input_ids"].tolist() == [101, 102]
    zeros = build("MissingModality", rate={"text": 1.0}, fill="zeros")(sample())
    assert zeros["input_ids"].tolist() == [101, *[UNK] * 28, 102]


@pytest.mark.parametrize(
    ("rates", "silent", "kept"),
    [
        ({"text": 1.0, "audio": 1.0, "vision": 1.0}, (), {"text", "audio", "vision"}),
        ({"audio": 1.0, "vision": 1.0}, (), {"text"}),
        ({"audio": 1.0, "vision": 1.0}, ("text",), {"audio", "vision"}),
        ({"audio": 1.0, "vision": 1.0}, ("text", "vision"), {"audio"}),
    ],
)
def test_dropout_never_takes_all_that_carry_signal(rates, silent, kept):
    transform = build("ModalityDropout", rate=rates, per_epoch=False)
    found = set()
    for number in range(60):
        one = sample(number, tokens=2 if "text" in silent else 9)
        one |= {name: np.zeros_like(one[name]) for name in silent if name != "text"}
        after = transform(one)
        left = {name for name in ("audio", "vision") if after[name].any()}
        left |= {"text"} if len(after["input_ids"]) > 2 else set()
        assert len(left) == 1
        found |= left
    assert found == kept


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 3.0, 20.0])
def test_noise_has_the_ratio_that_was_asked_for(snr_db):
    transform = build("GaussianNoise", snr_db={"audio": snr_db})
    for number in range(5):
        before = sample(number, steps=4000)
        after = transform(before)
        noise = after["audio"] - before["audio"]
        power = np.square(before["audio"]).mean() / np.square(noise).mean()
        # The power of n normal numbers has the deviation sqrt(2 / n), here 1 % or 0.04 dB.
        assert abs(10 * np.log10(power) - snr_db) < 0.2
        assert abs(np.corrcoef(noise.ravel(), before["audio"].ravel())[0, 1]) < 0.04
        assert abs(np.corrcoef(noise[:, 0], noise[:, 1])[0, 1]) < 0.08
        assert after["vision"] is before["vision"]
        assert after["audio"].dtype == np.float32


def test_noise_at_the_ends_of_the_scale():
    one = sample(steps=4000)
    clean = build("GaussianNoise", snr_db=float("inf"))(one)
    assert clean["audio"] is one["audio"]
    noise = build("GaussianNoise", snr_db=float("-inf"))(one)["audio"]
    assert abs(np.corrcoef(noise.ravel(), one["audio"].ravel())[0, 1]) < 0.04
    assert np.square(noise).mean() == pytest.approx(np.square(one["audio"]).mean(), rel=0.05)
    empty = build("GaussianNoise", snr_db=0.0)(sample(steps=0))
    assert empty["audio"].shape == (0, 5)
