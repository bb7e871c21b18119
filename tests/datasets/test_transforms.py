"""Transforms that change what a sample is: length, rate, scale, alignment, place in time."""

import numpy as np
import pytest
import torch
from mmengine.registry import TRANSFORMS

from pgf_plugin.datasets import SyntheticMSADataset, msa_collate
from pgf_plugin.datasets.transforms import TimesUnknownWarning
from pgf_plugin.errors import ConfigError, DataError


def build(kind: str, **arguments):
    return TRANSFORMS.build({"type": kind, **arguments})


def sample(audio: int = 12, vision: int = 7, tokens: int = 6, **more) -> dict:
    """A sample whose steps count themselves: feature 0 of step t is t."""
    rng = np.random.default_rng(audio + vision)
    made = {"sample_id": "a", "raw_text": "four words of text", "pad_token_id": 0}
    for name, steps, width in (("audio", audio, 3), ("vision", vision, 2)):
        made[name] = rng.normal(size=(steps, width)).astype(np.float32)
        made[name][:, 0] = np.arange(steps)
    made["input_ids"] = np.array([101, *range(1000, 1000 + tokens - 2), 102], np.int64)
    return made | more


def order(values: np.ndarray) -> list[float]:
    return values[:, 0].tolist()


@pytest.mark.parametrize(
    ("where", "audio", "tokens"),
    [
        ("head", [0, 1, 2, 3], [101, 1000, 1001, 102]),
        ("center", [4, 5, 6, 7], [101, 1001, 1002, 102]),
        ("tail", [8, 9, 10, 11], [101, 1002, 1003, 102]),
    ],
)
def test_crop_keeps_a_window_and_the_special_tokens(where, audio, tokens):
    times = np.column_stack([np.arange(12), np.arange(1, 13)])
    cropped = build("CropSteps", max_steps={"audio": 4, "text": 4}, where=where)(
        sample(audio_times=times)
    )
    assert order(cropped["audio"]) == audio
    assert cropped["audio_times"][:, 0].tolist() == audio
    assert cropped["input_ids"].tolist() == tokens
    assert len(cropped["vision"]) == 7


def test_random_crop_takes_every_window_and_the_same_part_of_both_modalities():
    crop = build("CropSteps", max_steps={"audio": 4, "vision": 2}, where="random", per_epoch=False)
    begins = [
        (order(out["audio"])[0], order(out["vision"])[0])
        for out in (crop(sample(12, 6, sample_id=str(i))) for i in range(300))
    ]
    assert {audio for audio, _ in begins} == set(range(9))
    assert {vision for _, vision in begins} == set(range(5))
    assert all(abs(audio / 8 - vision / 4) <= 0.25 for audio, vision in begins)


def test_new_input_is_cropped_in_the_middle_and_not_disturbed(encoder):
    dataset = SyntheticMSADataset(
        "val",
        3,
        tokenizer=encoder,
        transforms=[
            {"type": "CropSteps", "max_steps": {"audio": 2}, "where": "random"},
            {"type": "DownsampleSteps", "factor": {"vision": 2}},
            {"type": "GaussianNoise", "snr_db": 0.0},
            {"type": "TimeShift", "steps": {"audio": 1}},
        ],
    )
    raw = sample(audio=6, vision=4)
    audio, vision = np.zeros((6, 5), np.float32), np.zeros((4, 20), np.float32)
    audio[:, 0], vision[:, 0] = raw["audio"][:, 0], raw["vision"][:, 0]
    prepared = dataset.prepare("words", audio=audio, vision=vision)
    assert order(prepared["audio"]) == [2, 3]
    assert order(prepared["vision"]) == [0.5, 2.5]


def test_downsampling_pools_what_is_left_over_too():
    one = sample(audio=7, audio_times=np.column_stack([np.arange(7), np.arange(7) + 1.0]))
    mean = build("DownsampleSteps", factor={"audio": 3})(one)
    assert order(mean["audio"]) == [1, 4, 6]
    np.testing.assert_allclose(mean["audio"][0], one["audio"][:3].mean(0), rtol=1e-6)
    assert mean["audio"].dtype == np.float32
    assert mean["audio_times"].tolist() == [[0, 3], [3, 6], [6, 7]]
    stride = build("DownsampleSteps", factor=2, how="stride")(one)
    assert order(stride["audio"]) == [0, 2, 4, 6]
    assert len(stride["vision"]) == 4
    assert len(build("DownsampleSteps", factor=2)(sample(audio=0))["audio"]) == 0


def test_normalization_by_the_sample_s_own_statistics():
    one = sample(audio=50)
    one["audio"][:, 2] = 7.1  # does not vary
    scaled = build("NormalizeFeatures")(one)
    np.testing.assert_allclose(scaled["audio"].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled["audio"].std(0), [1, 1, 0], atol=1e-5)
    ranged = build("NormalizeFeatures", method="minmax", modalities=["audio"])(one)
    assert ranged["audio"].min(0).tolist() == [0, 0, 0]
    np.testing.assert_allclose(ranged["audio"].max(0), [1, 1, 0], atol=1e-6)
    assert ranged["vision"] is one["vision"]


def test_normalization_by_given_statistics():
    given = {"audio": {"std": [2, 1, 1], "mean": [1, 0, 0]}}
    scaled = build("NormalizeFeatures", modalities=["audio"], statistics=given)(sample())
    assert order(scaled["audio"]) == [(t - 1) / 2 for t in range(12)]
    given = {"audio": {"min": 0, "max": 10}}
    ranged = build("NormalizeFeatures", method="minmax", modalities=["audio"], statistics=given)
    with pytest.raises(DataError, match=r"statistics.audio are of 2 features, but .* have 3"):
        build(
            "NormalizeFeatures",
            modalities=["audio"],
            statistics={"audio": {"mean": [0, 0], "std": [1, 1]}},
        )(sample())
    np.testing.assert_allclose(order(ranged(sample())["audio"]), np.arange(12) / 10, rtol=1e-6)


@pytest.mark.parametrize(("steps", "tokens"), [(12, 6), (7, 9), (3, 12), (11, 11), (500, 50)])
def test_even_alignment_is_adaptive_average_pooling(steps, tokens):
    one = sample(audio=steps, tokens=tokens + 2)
    aligned = build("AlignToText", modalities=["audio"], how="even")(one)["audio"]
    pool = torch.nn.AdaptiveAvgPool1d(tokens)
    expected = pool(torch.from_numpy(one["audio"].T)[None])[0].T
    np.testing.assert_allclose(aligned[1:-1], expected, rtol=1e-4, atol=1e-5)
    assert not aligned[[0, -1]].any()  # nobody speaks the special tokens


def test_even_alignment_to_text_features_uses_every_step():
    one = sample(audio=8)
    text = np.zeros((4, 5), np.float32)
    del one["input_ids"]
    align = build("AlignToText", how="even")
    aligned = align({**one, "text": text})
    assert order(aligned["audio"]) == [0.5, 2.5, 4.5, 6.5]
    assert len(aligned["vision"]) == 4
    nothing = {**sample(audio=0), "text": text}
    del nothing["input_ids"]
    assert len(align(nothing)["audio"]) == 0
    assert len(align({**one, "text": text[:0]})["audio"]) == 0


def test_alignment_by_times_takes_what_overlaps_each_word():
    rng = np.random.default_rng(0)
    begin = np.sort(rng.uniform(0, 3, 12))
    times = np.column_stack([begin, np.append(begin[1:], 3.2)])
    words = np.array([[np.nan, np.nan], [0.3, 0.9], [0.9, 0.95], [2, 2.9], [50, 51], [np.nan] * 2])
    one = sample(audio_times=times, text_times=words)
    with pytest.warns(TimesUnknownWarning, match=r"align vision by times, .* set how='even'"):
        aligned = build("AlignToText")(one)
    for row, (first, last) in zip(aligned["audio"], words, strict=True):
        overlap = (times[:, 1] > first) & (times[:, 0] < last)  # false for NaN
        expected = one["audio"][overlap].mean(0) if overlap.any() else np.zeros(3)
        np.testing.assert_allclose(row, expected, rtol=1e-5, atol=1e-6)
    assert aligned["audio_times"] is words
    assert order(aligned["vision"])[1:-1] != [0] * 4  # without times: evenly


@pytest.mark.parametrize(("steps", "length"), [(12, 6), (13, 6), (375, 50), (4, 6)])
def test_mmsa_alignment_is_that_of_its_align_sub_net(steps, length):
    nets = pytest.importorskip("MMSA.models.subNets.AlignNets")
    one = sample(audio=steps, tokens=length)
    arguments = {"feature_dims": (1, 3, 3), "seq_lens": (length, steps, steps)}
    reference = nets.AlignSubNet(type("Args", (), arguments), "avg_pool")
    audio = torch.from_numpy(one["audio"])[None]
    expected = reference(torch.zeros(1, length, 1), audio, audio)[1][0]
    aligned = build("AlignToText", modalities=["audio"], how="mmsa")(one)["audio"]
    np.testing.assert_allclose(aligned, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("shift", "expected"),
    [(2, [0, 0, 0, 1, 2]), (-2, [2, 3, 4, 0, 0]), (0, [0, 1, 2, 3, 4]), (9, [0] * 5)],
)
def test_shift_moves_one_modality_and_leaves_lengths(shift, expected):
    one = sample(audio=5)
    moved = build("TimeShift", steps={"audio": shift})(one)
    assert order(moved["audio"]) == expected
    assert moved["vision"] is one["vision"]
    assert order(one["audio"]) == [0, 1, 2, 3, 4]  # the dataset's own array


def test_shift_in_seconds_takes_the_rate_from_the_argument_or_the_times():
    by_rate = build("TimeShift", seconds={"audio": 0.5}, rate={"audio": 4.0})
    assert order(by_rate(sample(audio=4))["audio"]) == [0, 0, 0, 1]
    by_times = build("TimeShift", seconds={"audio": -0.5})
    times = np.column_stack([np.arange(4) / 2, np.arange(1, 5) / 2])
    assert order(by_times(sample(audio=4, audio_times=times))["audio"]) == [1, 2, 3, 0]
    with pytest.raises(ConfigError, match="set rate=dict"):
        by_times(sample(audio=4))


def test_random_shifts_reach_both_ends_and_all_between():
    shift = build("TimeShift", steps={"audio": 2}, random=True)
    found = {tuple(order(shift(sample(audio=4, sample_id=str(i)))["audio"])) for i in range(99)}
    assert found == {(0, 1, 2, 3), (0, 0, 1, 2), (0, 0, 0, 1), (1, 2, 3, 0), (2, 3, 0, 0)}


@pytest.mark.parametrize("kind", ["even", "mmsa"])
def test_masks_and_declared_lengths_are_the_real_lengths(encoder, kind):
    transforms = [
        {"type": "CropSteps", "max_steps": {"text": 9, "audio": 25}},
        {"type": "DownsampleSteps", "factor": {"audio": 4}},
        {"type": "AlignToText", "modalities": ["vision"], "how": kind},
        {"type": "MissingModality", "rate": 0.4},
        {"type": "TimeShift", "steps": {"audio": 3}},
    ]
    dataset = SyntheticMSADataset("val", 20, tokenizer=encoder, transforms=transforms)
    samples = [dataset[row] for row in range(20)]
    inputs = msa_collate(samples)["inputs"]
    declared = dataset.sequence_lengths
    for row, one in enumerate(samples):
        assert inputs["attention_mask"][row].sum() == len(one["input_ids"]) == declared["text"][row]
        for name in ("audio", "vision"):
            mask = inputs[f"{name}_mask"][row]
            assert mask.sum() == len(one[name])
            assert len(one[name]) in (0, declared[name][row])  # missing modalities are chance
            np.testing.assert_array_equal(inputs[name][row][mask].numpy(), one[name])


REFUSED = [
    ("CropSteps", {"max_steps": 4}, "max_steps must be a dict"),
    ("CropSteps", {"max_steps": {"adio": 4}}, "'audio'"),
    ("CropSteps", {"max_steps": {"audio": 0}}, "max_steps.audio must be an integer >= 1"),
    ("CropSteps", {"max_steps": {"audio": 4}, "where": "middle"}, "where must be one of"),
    ("CropSteps", {"max_steps": {"audio": 4}, "seed": -1}, "seed must be an integer >= 0"),
    ("CropSteps", {"max_steps": {"audio": 4}, "per_epoch": "no"}, "per_epoch must be True or"),
    ("DownsampleSteps", {"factor": 0}, "factor must be an integer >= 1"),
    ("DownsampleSteps", {"factor": {}}, "factor names no modality"),
    ("DownsampleSteps", {"factor": 2, "how": "max"}, "how must be one of 'mean', 'stride'"),
    ("NormalizeFeatures", {"method": "log"}, "method must be one of"),
    ("NormalizeFeatures", {"statistics": {"audio": {"mean": 0}}}, "statistics.audio must be dict"),
    (
        "NormalizeFeatures",
        {"modalities": ["audio"], "statistics": {"audio": {"mean": 0, "std": 0}}},
        "std must be > 0",
    ),
    ("AlignToText", {"modalities": ["text"]}, "take 'text' out"),
    ("AlignToText", {"how": "ctc"}, "how must be one of"),
    ("MissingSteps", {"rate": 1.1}, r"rate must be a number in \[0, 1\], got 1.1"),
    ("MissingSteps", {"rate": 0.1, "token": "pad"}, "token must be one of 'unk', 'mask'"),
    ("MissingModality", {"rate": {"audio": "x"}}, "rate.audio must be a number"),
    ("ModalityDropout", {"rate": 0.1, "fill": "mean"}, "fill must be one of"),
    ("GaussianNoise", {"snr_db": float("nan")}, "snr_db must be a number of decibels"),
    ("TimeShift", {}, "a shift is given in steps"),
    ("TimeShift", {"steps": {"audio": 1.5}}, "steps.audio must be an integer, got 1.5"),
    ("TimeShift", {"seconds": {"audio": 1}, "rate": {"audio": 0}}, "rate.audio must be a finite"),
]


@pytest.mark.parametrize(("kind", "arguments", "message"), REFUSED)
def test_bad_argument_is_named(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        build(kind, **arguments)


@pytest.mark.parametrize(
    ("transforms", "message"),
    [
        ({"type": "AlignToText"}, "transforms must be a list"),
        ([3], r"transforms\[0\] must be a dict with a type, or a callable, got 3"),
        (
            [{"type": "DownsampleSteps", "factor": {"vision": 2}}],
            r"transforms\[0\], DownsampleSteps, acts on 'vision', but .* \['text', 'audio'\]",
        ),
    ],
)
def test_bad_list_of_transforms_is_refused(encoder, transforms, message):
    with pytest.raises(ConfigError, match=message):
        SyntheticMSADataset(
            "val", 2, tokenizer=encoder, modalities=("text", "audio"), transforms=transforms
        )


def test_transforms_of_features_refuse_tokens(encoder):
    dataset = SyntheticMSADataset(
        "val", 2, tokenizer=encoder, transforms=[{"type": "GaussianNoise", "snr_db": {"text": 3.0}}]
    )
    with pytest.raises(ConfigError, match="GaussianNoise acts on features, and the text"):
        dataset[0]


def test_any_callable_is_a_transform_and_must_return_a_sample(encoder):
    arguments = {"tokenizer": encoder, "transforms": [lambda one: {**one, "raw_text": "x"}, print]}
    with pytest.raises(
        DataError, match=r"transforms\[1\] returned None for sample 'synthetic-0-val"
    ):
        SyntheticMSADataset("val", 2, **arguments)[0]
    arguments["transforms"].pop()
    assert SyntheticMSADataset("val", 2, **arguments)[0]["raw_text"] == "x"
