"""Planted audio and vision: the signal is there, where and as strong as asked, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from mmengine.logging import MMLogger
from scipy.stats import norm, pearsonr
from sklearn.linear_model import Ridge

from pgf_plugin.datasets import MSADataset
from pgf_plugin.datasets.features import FeatureTable, RaggedArray
from pgf_plugin.datasets.planting import INTERVAL, Planting, plant
from pgf_plugin.datasets.planting_config import DEFAULTS, read_planting
from pgf_plugin.datasets.planting_oracle import best_achievable_mae, best_prediction
from pgf_plugin.errors import DataError

COUNT = 900
CLEAN, NOISE = float("inf"), "-inf"


@pytest.fixture(scope="module")
def table() -> FeatureTable:
    """Synthetic labels and transcripts of 1 to 25 words, which say nothing of the label."""
    rng = np.random.default_rng(0)
    return FeatureTable(
        source="synthetic.npz",
        ids=[f"video_{row // 9}[{row % 9}]" for row in range(COUNT)],
        texts=[" ".join(["word"] * n) for n in rng.integers(1, 26, COUNT)],
        labels=np.clip(rng.normal(0, 1.6, (COUNT, 1)), -3, 3).astype(np.float32),
        sequences={"audio": RaggedArray.from_lengths(np.ones((COUNT, 7)), np.ones(COUNT, int))},
        splits={"split": np.where(np.arange(COUNT) < 600, "train", "test")},
    )


def means(sequences: RaggedArray) -> np.ndarray:
    return np.array([sequences[row].mean(0) for row in range(len(sequences))])


def ridge(table: FeatureTable, **option) -> tuple[float, float]:
    """Correlation on the last third, and its p value, of ridge regression on means over time."""
    planted = plant(table, read_planting(option))
    features = np.hstack([means(planted.sequences[name]) for name in DEFAULTS])
    labels = table.labels[:, 0]
    fitted = Ridge(0.1).fit(features[:600], labels[:600])
    found = pearsonr(fitted.predict(features[600:]), labels[600:])
    return found.statistic, found.pvalue


def test_ridge_regression_learns_the_signal_and_nothing_from_noise_alone(table):
    scores = {snr_db: ridge(table, snr_db=snr_db)[0] for snr_db in (CLEAN, 10.0, 0.0, -10.0)}
    assert scores[CLEAN] > 0.9
    assert scores[0.0] > 0.7
    assert sorted(scores.values(), reverse=True) == list(scores.values())
    assert ridge(table, snr_db=NOISE)[1] > 0.01


def test_signal_is_in_its_interval_alone_and_a_function_of_the_label(table):
    planting = read_planting({"snr_db": CLEAN, "vision": {"dim": 6, "rate": 10.0}})
    planted = plant(table, planting)
    assert set(planted.sequences) == {"audio", "vision"}
    assert planted.sequences["audio"] is table.sequences["audio"]  # not asked for: stays real
    directions = planting.directions("vision")
    np.testing.assert_allclose(directions.T @ directions, np.eye(2), atol=1e-12)
    begins = []
    for row in range(COUNT):
        steps = planted.sequences["vision"][row]
        words = len(table.texts[row].split())
        assert len(steps) == round(words * 0.3 * 10)
        begin, end = planted.extra_labels[INTERVAL][row]
        assert end - begin == pytest.approx(0.3 * max(round(words / 4), 1), abs=1e-5)
        middle = (np.arange(len(steps)) + 0.5) / 10
        inside = (begin - 1e-5 <= middle) & (middle < end - 1e-5)
        assert inside.any()
        assert not steps[~inside].any()
        seen = steps[inside] @ directions
        np.testing.assert_allclose((seen**2).sum(1), 1, rtol=1e-5)  # whatever the label
        angle = np.arctan2(*seen.mean(0)[::-1])
        assert angle / (np.pi / 2) * 3 == pytest.approx(table.labels[row, 0], abs=1e-4)
        begins.append(begin / (0.3 * words - (end - begin)) if words > 2 else 0)
    assert abs(np.corrcoef(begins, table.labels[:, 0])[0, 1]) < 0.15
    assert abs(np.mean(begins) - 0.5) < 0.05


@pytest.mark.parametrize("snr_db", [-6.0, 0.0, 12.0])
def test_ratio_is_that_of_one_step_along_the_signal(table, snr_db):
    """Measured on the steps themselves: the signal is what the clean twin shows."""
    planted, clean = (
        plant(table, read_planting({"snr_db": ratio})).sequences for ratio in (snr_db, CLEAN)
    )
    for name in DEFAULTS:
        signal = clean[name].values @ read_planting({}).directions(name)
        both = planted[name].values @ read_planting({}).directions(name)
        carrying = (signal**2).sum(1) > 0.5
        scale = (both * signal)[carrying].sum() / (signal[carrying] ** 2).sum()
        noise = both - scale * signal
        power = scale**2 / noise.var()  # along one direction; the signal's own power is 1
        assert abs(10 * np.log10(power) - snr_db) < 0.3
        assert scale**2 + noise.var() == pytest.approx(1, abs=0.02)


def test_noise_of_utterances_and_modalities_is_independent(table):
    planted = plant(table, read_planting({"snr_db": NOISE, "vision": {"dim": 5}, "audio": {}}))
    first = {
        name: [planted.sequences[name][row][:3].ravel() for row in range(COUNT)]
        for name in DEFAULTS
    }
    rows = np.array(
        [a for a, b in zip(first["audio"], first["vision"], strict=True) if len(a) == len(b) == 15]
    )
    between = np.corrcoef(rows[:200])
    np.fill_diagonal(between, 0)
    assert len(rows) > 600
    assert np.abs(between).max() < 0.98
    assert abs(between.mean()) < 0.02
    pairs = [(a[0], v[0]) for a, v in zip(first["audio"], first["vision"], strict=True)]
    assert abs(np.corrcoef(np.array(pairs).T)[0, 1]) < 0.15


def test_what_is_planted_follows_from_the_utterance_alone(table):
    planting = read_planting({"snr_db": 3.0, "seed": 5})
    whole = plant(table, planting)
    order = np.random.default_rng(1).permutation(COUNT)[:50]
    part = plant(table.select(order), planting)
    for name in DEFAULTS:
        for place, row in enumerate(order):
            np.testing.assert_array_equal(part.sequences[name][place], whole.sequences[name][row])
    other = plant(table, replace(planting, seed=6))
    assert not np.array_equal(other.sequences["audio"].values, whole.sequences["audio"].values)
    assert "planted" not in table.info  # the table that was given stays as it was


def test_best_achievable_error_is_a_floor_that_knowledge_lowers(table):
    part = table.select(np.arange(600, COUNT))
    labels = part.labels[:, 0]
    constant = np.abs(labels - np.median(labels)).mean()
    floors = []
    for snr_db in (NOISE, -10.0, 0.0, 10.0, CLEAN):
        planting = read_planting({"snr_db": snr_db})
        floor = best_achievable_mae(part, planting, ["audio", "vision"])
        assert set(floor) == {"audio", "vision", "audio+vision"}
        assert floor["audio+vision"] <= min(floor["audio"], floor["vision"]) + 1e-9
        floors.append(floor["audio+vision"])
    assert floors == sorted(floors, reverse=True)
    assert floors[0] == pytest.approx(constant, abs=0.01)
    assert floors[-1] == 0
    features = np.hstack(
        [means(plant(table, read_planting({"snr_db": 0.0})).sequences[n]) for n in DEFAULTS]
    )
    fitted = Ridge(0.1).fit(features[:600], table.labels[:600, 0])
    assert np.abs(fitted.predict(features[600:]) - labels).mean() > floors[2]


def test_best_prediction_is_the_posterior_median():
    """Against the densities of whole sequences, label by label and block by block."""
    rng = np.random.default_rng(3)
    labels = rng.choice([-3.0, -1.0, 1.0, 3.0], (40, 1), p=[0.1, 0.4, 0.3, 0.2]).astype(np.float32)
    texts = [" ".join(["word"] * n) for n in rng.integers(1, 12, 40)]
    table = FeatureTable("synthetic", [str(row) for row in range(40)], texts, labels, {})
    planting = read_planting({"snr_db": -4.0, "audio": {"dim": 4}, "vision": {"dim": 2}})
    planted = plant(table, planting)
    values, counts = np.unique(labels, return_counts=True)
    predicted = best_prediction(table, planting, ["audio", "vision"])
    for row in range(40):
        blocks = planting.blocks(texts[row])
        density = np.zeros((len(blocks.begin), len(values)))
        for name, modality in planting.modalities.items():
            steps = planted.sequences[name][row].astype(np.float64)
            signal, noise = modality.amplitudes
            for block, (first, last) in enumerate(zip(*blocks.steps(modality.rate), strict=True)):
                for column, value in enumerate(values):
                    mean = np.zeros_like(steps)
                    mean[first:last] = signal * planting.directions(name) @ planting.signal(value)
                    density[block, column] += norm.logpdf(steps, mean, noise).sum()
        posterior = counts * np.exp(density - density.max()).sum(0)
        median = values[(posterior.cumsum() >= posterior.sum() / 2).argmax()]
        assert predicted[row] == median
    assert len(set(predicted.tolist())) > 2


def write(table: FeatureTable, path) -> str:
    np.savez(
        path,
        id=np.array(table.ids),
        raw_text=np.array(table.texts),
        label=table.labels[:, 0],
        split=table.splits["split"],
    )
    return str(path)


def test_dataset_is_planted_and_says_so_wherever_it_speaks(table, tmp_path):
    file = write(table, tmp_path / "real.npz")
    option = {"snr_db": -3.0, "vision": {"dim": 4, "snr_db": NOISE}, "audio": {}}
    arguments = {"modalities": ("audio", "vision"), "planted": option}
    dataset = MSADataset(file, "test", feature_dims={"audio": 5, "vision": 4}, **arguments)
    assert len(dataset) == 300
    description = dataset.describe()
    assert description["note"].startswith(
        f"Planted data: audio (-3 dB) and vision (-inf dB): synthetic, with the label as the "
        f"signal, on the transcripts and labels of {file}; results say nothing of real audio or"
    )
    floor = description["planted"]["best_achievable_mae"]["audio+vision"]
    assert description["note"].endswith(f"without the transcript: {floor:.2f}")
    assert dataset.metainfo["planted"]["modalities"]["vision"]["snr_db"] == "-inf"
    assert Planting.from_info(dataset.metainfo["planted"]) == read_planting(option)
    log = tmp_path / "run.log"
    MMLogger.get_instance("planted", log_file=str(log))
    again = MSADataset(file, "test", **arguments)
    assert "WARNING - Planted data: audio (-3 dB)" in log.read_text()
    np.testing.assert_array_equal(again[7]["audio"], dataset[7]["audio"])


def test_classes_of_planted_data_are_told_no_error_of_scores(table, tmp_path):
    file = write(table, tmp_path / "real.npz")
    dataset = MSADataset(
        file, "test", modalities=("audio",), planted={"snr_db": 0.0}, num_classes=3
    )
    description = dataset.describe()
    assert "best_achievable_mae" not in description["planted"]
    share = np.unique(dataset.labels, return_counts=True)[1].max() / 300
    assert description["note"].startswith("Planted data: audio (0 dB): synthetic")
    assert description["note"].endswith(
        "On these 300 utterances, the most frequent of 3 classes, always, has an accuracy of "
        f"{share:.2f}"
    )


def test_where_nothing_planted_is_used_nothing_is_said(table, tmp_path, encoder):
    file = write(table, tmp_path / "real.npz")
    for modalities, planted in ((("text",), {"snr_db": 0.0}), (("text",), None)):
        dataset = MSADataset(
            file, "test", modalities=modalities, planted=planted, tokenizer=encoder
        )
        assert not {"planted", "note"} & set(dataset.describe())
        assert "planted" not in dataset.metainfo


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (3, "planted must be a dict"),
        ({"snr": 0}, "a key of planted must be one of .*'snr_db'"),
        ({"snr_db": "loud"}, "planted.snr_db must be a number of decibels"),
        ({"audio": 5}, "planted.audio must be a dict"),
        ({"audio": {"width": 5}}, "a key of planted.audio must be one of 'dim'"),
        ({"audio": {"dim": 1}}, "planted.audio.dim must be an integer >= 2, got 1"),
        (
            {"vision": {"rate": 2.0}},
            "planted.vision.rate is 2 steps a second, less than one a word",
        ),
        ({"share": 0}, "planted.share must be above 0"),
        ({"word_seconds": -1}, "planted.word_seconds must be a finite number > 0"),
        ({"seed": 1.5}, "planted.seed must be an integer >= 0"),
    ],
)
def test_bad_option_is_named(option, message):
    with pytest.raises(ValueError, match=message):
        read_planting(option)


def test_labels_that_do_not_fit_are_refused(table):
    with pytest.raises(DataError, match=r"label of 'video_.*beyond planted.label_limit=1:"):
        plant(table, read_planting({"label_limit": 1.0}))
    two = replace(table, labels=np.repeat(table.labels, 2, axis=1))
    with pytest.raises(DataError, match="carry one label, but an utterance has 2"):
        plant(two, read_planting({}))
