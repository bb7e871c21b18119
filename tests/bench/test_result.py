"""What a trial leaves behind."""

import json
import math

import numpy as np
import pytest
import torch

from pgf_plugin.bench import TrialResult
from pgf_plugin.bench.result import RESULT_FILE
from pgf_plugin.json_files import write_json


def strict(text):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_what_is_not_finite_is_null_and_comes_back_as_nan(tmp_path):
    result = TrialResult("A", 0, "f", metrics={"MAE": 0.5, "Acc2_non0": math.nan})
    result.learning_curve = [0.7, math.inf]
    result.save(tmp_path)
    content = strict((tmp_path / RESULT_FILE).read_text())
    assert content["metrics"] == {"MAE": 0.5, "Acc2_non0": None}
    assert content["learning_curve"] == [0.7, None]
    loaded = TrialResult.load(tmp_path)
    assert loaded.metrics["MAE"] == 0.5
    assert math.isnan(loaded.metrics["Acc2_non0"])
    assert math.isnan(loaded.learning_curve[1])


def test_the_curve_of_an_earlier_version_counts_from_one(tmp_path):
    TrialResult("A", 0, "f", learning_curve=[0.7, 0.6]).save(tmp_path)
    content = json.loads((tmp_path / RESULT_FILE).read_text())
    for later in ("curve_epochs", "unit"):
        del content[later]
    write_json(tmp_path / RESULT_FILE, content)
    assert TrialResult.load(tmp_path).curve == [(1, 0.7), (2, 0.6)]


def test_half_a_character_is_written_as_a_replacement(tmp_path):
    TrialResult("A", 0, "f", error="\ud83d, \ud83d\ude00", data={"note": "\udc80"}).save(tmp_path)
    loaded = TrialResult.load(tmp_path)
    assert (loaded.error, loaded.data) == ("\ufffd, \U0001f600", {"note": "\ufffd"})


def test_what_a_foreign_dataset_says_is_written_as_json(tmp_path):
    said = {
        "mean": np.float32("nan"),
        1: np.array([1, 2]),
        "scale": torch.tensor([0.5]),
        "range": (-3, 3),
        "type": TrialResult,
        "on": True,
    }
    write_json(tmp_path / "x.json", said)
    content = strict((tmp_path / "x.json").read_text())
    assert "TrialResult" in content.pop("type")
    assert content == {"mean": None, "1": [1, 2], "scale": [0.5], "range": [-3, 3], "on": True}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"a"', "{}", '{"schema_version": 1}'])
def test_a_file_that_no_trial_wrote_is_none(tmp_path, text):
    assert TrialResult.load(tmp_path) is None
    (tmp_path / RESULT_FILE).write_text(text)
    assert TrialResult.load(tmp_path) is None
