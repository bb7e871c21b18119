"""``pgf explain`` on a checkpoint of a few steps."""

import json

import numpy as np
import pandas as pd
import pytest

from pgf_plugin.cli import main

CONFIG = "pgf_net_minilm_synthetic"
PNG = b"\x89PNG"
SMALL = [
    "--cfg-options",
    *(f"{part}_dataloader.dataset.num_samples=12" for part in ("train", "val", "test")),
    "train_cfg.max_epochs=1",
]


@pytest.fixture(scope="module")
def checkpoint(small_encoder, tmp_path_factory):
    pytest.importorskip("vaderSentiment", reason="extra [quickstart] is not installed")
    folder = tmp_path_factory.mktemp("run")
    common = ["--encoder", str(small_encoder), "--work-dir", str(folder)]
    assert main(["train", CONFIG, *common, *SMALL]) == 0
    (best,) = folder.glob("best_*.pth")
    return best


def test_data_and_pictures(checkpoint, small_encoder, tmp_path, capsys):
    words = tmp_path / "words.jsonl"
    ids = [f"synthetic-0-test-{row:05d}" for row in range(12)]
    row = {"words": ["the", "it", "was"], "start": [0, 1, 2], "end": [1, 2, 3]}
    words.write_text("\n".join(json.dumps({"id": each, **row}) for each in ids))
    common = ["--encoder", str(small_encoder), "--out", str(tmp_path), "--samples", ids[4]]
    argv = ["explain", CONFIG, str(checkpoint), *common, "--word-times", str(words), *SMALL]
    assert main(argv) == 0, capsys.readouterr()
    assert "Counterfactuals" in capsys.readouterr().out
    content = json.loads((tmp_path / "explain.json").read_text())
    assert [each["edit"] for each in content["counterfactuals"]] == ["drop", "swap", "shift"] * 2
    assert content["alignment"]["audio"][0]["tokens"] > 0
    parts = content["contributions"]
    total = np.sum([parts["audio"], parts["vision"]], axis=0)
    np.testing.assert_allclose(total.mean(1), 1 - np.array(content["gates"]["mean"]), atol=1e-3)
    frame = pd.read_parquet(tmp_path / "predictions.parquet")
    assert list(frame["id"]) == ids
    assert [each["id"] for each in content["maps"]] == [ids[4]]
    maps = np.load(tmp_path / "maps.npz")
    both = maps["0_audio"].sum(-1) + maps["0_vision"].sum(-1)
    np.testing.assert_allclose(both, 1, atol=1e-5)
    for name in ("gates", "attention_0", "counterfactuals"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(PNG)


def test_bad_input_is_told(checkpoint, small_encoder, capsys):
    argv = ["explain", CONFIG, str(checkpoint), "--encoder", str(small_encoder)]
    assert main([*argv, "--samples", "nobody", *SMALL]) == 1
    assert "--samples must be one of" in capsys.readouterr().err
    assert main([*argv, "--modalities", "odour", *SMALL]) == 1
    assert "does not use 'odour'" in capsys.readouterr().err
