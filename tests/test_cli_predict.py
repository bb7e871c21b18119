"""``pgf predict`` and ``pgf test`` on models of classes and of several labels."""

import re

import pytest

from pgf_plugin.cli import main

pytestmark = pytest.mark.engine

CONFIG = "pgf_net_minilm_synthetic"
SMALL = [
    *(f"{part}_dataloader.dataset.num_samples=12" for part in ("train", "val", "test")),
    "train_cfg.max_epochs=1",
]


@pytest.mark.parametrize(
    ("task", "options", "names", "line"),
    [
        ("multilabel", [], ("positive", "intense", "reversed"), r"label {}: (yes|no) "),
        (
            "3class",
            ["test_evaluator.class_names=['bad','so so','good']"],
            ("bad", "so so", "good"),
            r"[ (]{}: 0\.\d{{3}}[,)]",
        ),
    ],
)
def test_names_and_floor_of_classes(task, options, names, line, small_encoder, tmp_path, capsys):
    pytest.importorskip("vaderSentiment", reason="extra [quickstart] is not installed")
    config = f"{CONFIG}_{task}"
    common = ["--encoder", str(small_encoder), "--cfg-options", *SMALL, *options]
    assert main(["train", config, "--work-dir", str(tmp_path), *common]) == 0
    (best,) = tmp_path.glob("best_*.pth")
    capsys.readouterr()
    argv = ["test", config, str(best), "--work-dir", str(tmp_path / "tested"), *common]
    assert main([*argv, "experiment_name=tested"]) == 0
    tested = capsys.readouterr().out
    assert "Synthetic data" in tested
    assert "MAE" not in tested
    assert main(["predict", config, str(best), "--text", "a wonderful film", *common]) == 0
    predicted = capsys.readouterr().out
    for name in names:
        assert f"F1_of_{name}" in tested
        assert re.search(line.format(name), predicted), predicted
