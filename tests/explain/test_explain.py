"""``pgf explain`` on a checkpoint of a few steps."""

import json

import numpy as np
import pandas as pd
import pytest

from pgf_plugin.cli import main
from pgf_plugin.config import config_root

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
    assert content["measure"] == "MAE"
    assert [each["edit"] for each in content["counterfactuals"]] == ["drop", "swap", "shift"] * 2
    assert content["alignment"]["audio"][0]["tokens"] > 0
    parts = content["contributions"]
    total = np.sum([parts["audio"], parts["vision"]], axis=0)
    np.testing.assert_allclose(total.mean(1), 1 - np.array(content["gates"]["mean"]), atol=1e-3)
    frame = pd.read_parquet(tmp_path / "predictions.parquet")
    assert list(frame["id"]) == ids
    np.testing.assert_allclose(content["error"], abs(frame.prediction - frame.label).mean())
    assert [each["id"] for each in content["maps"]] == [ids[4]]
    maps = np.load(tmp_path / "maps.npz")
    both = maps["0_audio"].sum(-1) + maps["0_vision"].sum(-1)
    np.testing.assert_allclose(both, 1, atol=1e-5)
    for name in ("contributions", "attention_0", "counterfactuals"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(PNG)


def test_utterances_that_are_cut_are_refused(checkpoint, small_encoder, capsys):
    key = "test_dataloader.collate_fn"
    cut = [f"{key}.pad_to.text=4", f"{key}.truncate=True"]
    argv = ["explain", CONFIG, str(checkpoint), "--encoder", str(small_encoder), *SMALL, *cut]
    assert main(argv) == 1
    assert f"{key}.truncate is True" in capsys.readouterr().err


@pytest.mark.parametrize("task", ["3class", "multilabel"])
def test_classes_and_labels_are_measured_by_their_error_rate(task, small_encoder, tmp_path, capsys):
    pytest.importorskip("vaderSentiment", reason="extra [quickstart] is not installed")
    config, out = f"{CONFIG}_{task}", tmp_path / "looks"
    common = ["--encoder", str(small_encoder)]
    assert main(["train", config, *common, "--work-dir", str(tmp_path), *SMALL]) == 0
    (best,) = tmp_path.glob("best_*.pth")
    capsys.readouterr()
    assert main(["explain", config, str(best), *common, "--out", str(out), *SMALL]) == 0
    assert "change of the error rate" in capsys.readouterr().out
    content = json.loads((out / "explain.json").read_text())
    frame = pd.read_parquet(out / "predictions.parquet")
    scores = frame.filter(regex="^prediction_").to_numpy()
    true = frame.filter(regex="^label").to_numpy()
    assert scores.shape == (12, 3)
    wrong = scores.argmax(1) != true[:, 0] if task == "3class" else (scores > 0) != true
    assert content["measure"] == "error rate"
    np.testing.assert_allclose(content["error"], wrong.mean())


def test_bad_input_is_told(checkpoint, small_encoder, capsys):
    argv = ["explain", CONFIG, str(checkpoint), "--encoder", str(small_encoder)]
    assert main([*argv, "--samples", "nobody", *SMALL]) == 1
    assert "--samples: 'nobody' is none of the" in capsys.readouterr().err
    assert main([*argv, "--modalities", "odour", *SMALL]) == 1
    assert "uses beside the text, 'audio', 'vision', got 'odour'" in capsys.readouterr().err


def test_one_utterance_is_not_swapped_with_itself(checkpoint, small_encoder, tmp_path, capsys):
    argv = ["explain", CONFIG, str(checkpoint), "--encoder", str(small_encoder), *SMALL]
    assert main([*argv, "test_dataloader.dataset.num_samples=1", "--out", str(tmp_path)]) == 0
    assert "there is one utterance: nothing is swapped" in capsys.readouterr().out
    content = json.loads((tmp_path / "explain.json").read_text())
    assert [each["edit"] for each in content["counterfactuals"]] == ["drop", "shift"] * 2


@pytest.mark.parametrize(
    ("entry", "edits", "note"),
    [
        ("audio", ["drop", "swap", "shift"], None),
        (("audio", None), ["swap", "shift"], "sound is not dropped: the model takes every step"),
    ],
    ids=["with a mask", "without"],
)
def test_a_wrapped_model_is_explained_by_its_own_names(
    small_encoder, tmp_path, capsys, entry, edits, note
):
    pytest.importorskip("vaderSentiment", reason="extra [quickstart] is not installed")
    config = tmp_path / "wrapped.py"
    config.write_text(
        f"""
_base_ = {str(config_root() / "pgf_net" / f"{CONFIG}.py")!r}
model = dict(
    _delete_=True,
    type="PGFWrapper",
    model=dict(
        type="HFModel",
        auto_class="AutoModelForSequenceClassification",
        pretrained={str(small_encoder)!r},
        num_labels=1,
    ),
    head="classifier.*",
    layers=["bert.encoder.layer.0"],
    feature_dims=dict(sound=5),
    bank_inputs=dict(sound={entry!r}),
)
"""
    )
    argv = ["train", str(config), "--work-dir", str(tmp_path), *SMALL]
    assert main(argv) == 0, capsys.readouterr()
    (best,) = tmp_path.glob("best_*.pth")
    out = tmp_path / "looks"
    argv = ["explain", str(config), str(best), "--out", str(out), *SMALL]
    assert main(argv) == 0, capsys.readouterr()
    printed = capsys.readouterr().out
    assert note is None or note in printed
    content = json.loads((out / "explain.json").read_text())
    assert content["layers"] == ["bert.encoder.layer.0"]
    assert [each["edit"] for each in content["counterfactuals"]] == edits
    assert {each["modality"] for each in content["counterfactuals"]} == {"sound"}
