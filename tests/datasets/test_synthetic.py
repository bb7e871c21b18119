import numpy as np
import pytest

from pgf_plugin.datasets import SyntheticMSADataset
from pgf_plugin.datasets.features import RaggedArray
from pgf_plugin.datasets.synthetic_generator import SyntheticModel, generate
from pgf_plugin.datasets.synthetic_oracle import (
    KNOWLEDGE,
    best_achievable_mae,
    best_prediction,
)
from pgf_plugin.datasets.synthetic_text import (
    NEGATIVE,
    POSITIVE,
    SUBJECTS,
    TEMPLATES,
    draw_sentences,
    vader_lexicon,
)
from pgf_plugin.errors import MissingExtraError

MODEL = SyntheticModel()


@pytest.fixture(scope="module")
def large():
    return generate(MODEL, "test", 4000, seed=3)


def test_same_seed_same_data():
    first, second = (generate(MODEL, "train", 50, seed=7) for _ in range(2))
    assert first.texts == second.texts
    np.testing.assert_array_equal(first.audio.values, second.audio.values)
    np.testing.assert_array_equal(first.vision.values, second.vision.values)
    np.testing.assert_array_equal(first.label, second.label)
    assert generate(MODEL, "train", 50, seed=8).texts != first.texts


def test_splits_share_directions_and_no_utterance():
    splits = [generate(MODEL, split, 60, seed=1) for split in ("train", "val", "test")]
    for other in splits[1:]:
        np.testing.assert_array_equal(splits[0].audio_direction, other.audio_direction)
        np.testing.assert_array_equal(splits[0].vision_direction, other.vision_direction)
    for name in ("audio", "vision"):
        values = np.concatenate([getattr(split, name).values for split in splits])
        assert len(np.unique(values, axis=0)) == len(values)
    ids = [SyntheticMSADataset(s, 60, modalities=("audio",)).table.ids for s in ("train", "val")]
    assert not set(ids[0]) & set(ids[1])


def test_words_of_the_templates_carry_no_valence():
    lexicon = vader_lexicon()
    neutral = {word for group in TEMPLATES.values() for text in group for word in text.split()}
    assert not (neutral | set(SUBJECTS)) & lexicon.keys()
    assert all(lexicon[word] > 0 for word in POSITIVE)
    assert all(lexicon[word] < 0 for word in NEGATIVE)
    assert len(set(POSITIVE + NEGATIVE)) == len(POSITIVE + NEGATIVE)


def test_valence_is_the_mean_over_the_rated_words_of_the_text():
    lexicon = vader_lexicon()
    texts, valence = draw_sentences(np.random.default_rng(0), 300)
    ratings = [[lexicon[word] for word in text.split() if word in lexicon] for text in texts]
    np.testing.assert_allclose(valence, [np.mean(rating) for rating in ratings])
    assert {len(rating) for rating in ratings} == {1, 2, 3}
    assert all(8 <= len(text.split()) <= 14 for text in texts)


def test_label_follows_the_equation(large):
    product = large.reversal * large.intensity * large.valence
    np.testing.assert_allclose(large.label, np.clip(product, -3, 3))
    assert np.mean(large.reversal < 0) == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(("name", "snr_db"), [("audio", 3.0), ("vision", -4.0)])
def test_signal_to_noise_ratio_is_the_stated_one(name, snr_db):
    data = generate(SyntheticModel(**{f"{name}_snr_db": snr_db}), "train", 3000, seed=0)
    sequences = getattr(data, name)
    direction = getattr(data, f"{name}_direction")
    latent = data.reversal if name == "vision" else (data.intensity - 1.0) / (1.2 / 12**0.5)
    signal = np.repeat(latent, sequences.lengths)
    noise = sequences.values @ direction - signal
    ratio = 10 * np.log10(np.mean(signal**2) / np.mean(noise**2))
    assert ratio == pytest.approx(snr_db, abs=0.15)
    assert sequences.lengths.min() == 10
    assert sequences.lengths.max() == 40


def test_text_floor_agrees_with_monte_carlo(large):
    # With the valence known, the best constant multiple of it, by brute force over draws of s m.
    rng = np.random.default_rng(0)
    draws = rng.uniform(0.4, 1.6, 4000) * np.where(rng.random(4000) < 0.25, -1, 1)
    labels = np.clip(large.valence[:200, None] * draws, -3, 3)
    expected = np.abs(labels - np.median(labels, axis=1, keepdims=True)).mean()
    prediction = best_prediction(MODEL, large, ())[:200, None]
    assert np.abs(labels - prediction).mean() == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("seen", KNOWLEDGE.values(), ids=KNOWLEDGE)
def test_no_perturbed_predictor_beats_the_oracle(large, seen):
    best = best_prediction(MODEL, large, seen)
    floor = np.abs(best - large.label).mean()
    noise = np.random.default_rng(0).normal(0, 0.1, best.shape)
    for other in (
        best * 0.8,
        best * 1.2,
        best + 0.1,
        best - 0.1,
        best + noise,
        np.zeros_like(best),
    ):
        assert np.abs(np.clip(other, -3, 3) - large.label).mean() > floor


def test_oracle_matches_a_posterior_by_importance_sampling():
    model = SyntheticModel(audio_snr_db=-6.0, vision_snr_db=-16.0)
    data = generate(model, "test", 40, seed=0)
    rng = np.random.default_rng(1)
    intensity = rng.uniform(0.4, 1.6, 100_000)
    reversal = np.where(rng.random(100_000) < 0.25, -1.0, 1.0)
    order = np.argsort(intensity * reversal)
    prediction = best_prediction(model, data, ("audio", "vision"))
    for row in range(40):
        logit = np.zeros(100_000)
        for name, latent in (("audio", (intensity - 1) / (1.2 / 12**0.5)), ("vision", reversal)):
            steps = getattr(data, name)[row] @ getattr(data, f"{name}_direction")
            sigma = getattr(model, f"{name}_sigma")
            logit -= len(steps) * (steps.mean() - latent) ** 2 / (2 * sigma**2)
        weight = np.exp(logit - logit.max())[order].cumsum()
        median = (intensity * reversal)[order][np.searchsorted(weight, weight[-1] / 2)]
        expected = np.clip(data.valence[row] * median, -3, 3)
        assert prediction[row] == pytest.approx(expected, abs=0.06)


def test_floor_falls_with_every_modality(large):
    floor = best_achievable_mae(MODEL, large)
    assert floor["all"] < floor["text+vision"] < floor["text"]
    assert floor["all"] < floor["text+audio"] < floor["text"]
    assert floor["text"] > 2 * floor["all"]


def test_floor_without_noise_or_reversal_is_zero():
    model = SyntheticModel(audio_snr_db=80.0, vision_snr_db=80.0, reversal_rate=0.0)
    floor = best_achievable_mae(model, generate(model, "val", 100, seed=0))
    assert floor["all"] < 0.01
    assert floor["text"] == pytest.approx(floor["text+vision"])


def test_floor_is_told_in_one_line():
    dataset = SyntheticMSADataset("test", modalities=("audio",))
    line = dataset.describe_floor()
    floor = dataset.best_achievable_mae()
    assert line.startswith("Synthetic data")
    assert "\n" not in line
    assert f"text alone {floor['text']:.2f}" in line
    assert f"all modalities {floor['all']:.2f}" in line


def test_sample(encoder):
    dataset = SyntheticMSADataset("val", 10, tokenizer=encoder, audio_dim=3, vision_dim=4)
    sample = dataset[4]
    assert set(sample) == {
        "sample_id", "raw_text", "label", "input_ids", "pad_token_id", "audio", "vision",
    }  # fmt: skip
    assert sample["label"].shape == (1,)
    assert sample["label"].dtype == sample["audio"].dtype == np.float32
    assert sample["audio"].shape[1:] == (3,)
    assert sample["vision"].shape[1:] == (4,)
    assert len(sample["input_ids"]) == dataset.text_lengths[4]
    assert dataset.feature_dims == {"audio": 3, "vision": 4}
    assert len(dataset) == 10


def test_text_is_cut_to_max_tokens(encoder):
    dataset = SyntheticMSADataset("val", 10, tokenizer=encoder, max_tokens=6)
    assert set(dataset.text_lengths) == {6}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "tset"}, "Did you mean 'test'"),
        ({"num_samples": 0}, "num_samples must be an integer >= 1, got 0"),
        ({"seed": -1}, "seed must be"),
        ({"audio_dim": 0}, "audio_dim"),
        ({"reversal_rate": 1.5}, "reversal_rate"),
        ({"modalities": ("text", "video")}, "'video'"),
        ({"modalities": ()}, "at least one"),
        ({"tokenizer": None}, "set tokenizer"),
        ({"label_range": (-1, 1)}, r"label_range=\(-1, 1\), first .* of 'synthetic-0-val-"),
    ],
)
def test_bad_argument_is_named(arguments, message, encoder):
    defaults = {"split": "val", "num_samples": 20, "tokenizer": encoder}
    with pytest.raises(ValueError, match=message):
        SyntheticMSADataset(**{**defaults, **arguments})


def test_missing_word_list_names_the_extra(monkeypatch):
    vader_lexicon.cache_clear()
    monkeypatch.setattr("pgf_plugin.datasets.synthetic_text.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install \"pgf-plugin\[quickstart\]\""):
        SyntheticMSADataset("val", 3, modalities=("audio",))


def test_ragged_select_cuts_and_reorders():
    ragged = RaggedArray.from_lengths(np.arange(12).reshape(6, 2), [2, 0, 3, 1])
    chosen = ragged.select(np.array([2, 1, 0]), max_steps=2)
    assert [sequence.tolist() for sequence in (chosen[0], chosen[1], chosen[2])] == [
        [[4, 5], [6, 7]], [], [[0, 1], [2, 3]]
    ]  # fmt: skip
    assert [ragged.row_of(position) for position in range(6)] == [0, 0, 2, 2, 2, 3]


def test_tokenizer_folder_without_tokenizer(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ValueError, match=r"holds no tokenizer \(it holds \['config.json'\]\)"):
        SyntheticMSADataset("val", 3, tokenizer=str(tmp_path))


def test_tokenizer_that_cannot_be_parsed(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ValueError, match="cannot be loaded"):
        SyntheticMSADataset("val", 3, tokenizer=str(tmp_path))
