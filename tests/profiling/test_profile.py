"""``pgf profile`` on small models: what it measures, writes and refuses."""

import json
import re
import sys

import pytest
import torch
from transformers import BertConfig, BertModel

from pgf_plugin.cli import main
from pgf_plugin.models import build_module, ledger
from pgf_plugin.profiling import (
    Case,
    Lengths,
    build_model,
    measure_size,
    parse_lengths,
    profile_configs,
    synthetic_batch,
)
from pgf_plugin.profiling.batch import longest_text
from pgf_plugin.profiling.case import configured_lengths
from pgf_plugin.profiling.memory import peaks_on_cpu
from pgf_plugin.profiling.resident import can_be_told
from pgf_plugin.profiling.size import saved_state
from pgf_plugin.registry import MODELS
from pgf_plugin.weights import Weights, write_weights

ARCHITECTURE = {
    "model_type": "bert",
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 60,
}
ENCODER = {"type": "HFTextEncoder", "architecture": ARCHITECTURE, "lora_rank": 4}
DIMS = {"audio": 5, "vision": 7}
KINDS = {"serial": "PGFNet", "parallel": "MMA"}
CPU = torch.device("cpu")


def model_config(kind, encoder=ENCODER):
    return {"type": kind, "encoder": encoder, "feature_dims": DIMS}


@pytest.fixture
def configs(tmp_path, monkeypatch):
    """Two configs whose models are known by a module of the user's alone."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    paths = []
    for name, kind in KINDS.items():
        (tmp_path / f"module_of_{name}.py").write_text(
            "from pgf_plugin.models import PGFNet, MMA\n"
            "from pgf_plugin.registry import MODELS\n"
            f"MODELS.register_module(name='Own{kind}', module={kind}, force=True)\n"
        )
        path = tmp_path / f"{name}.py"
        path.write_text(
            f'custom_imports = dict(imports=["pgf_plugin", "module_of_{name}"])\n'
            f"model = {model_config(f'Own{kind}')!r}\n"
            'test_dataloader = dict(collate_fn=dict(type="msa_collate", pad_to=dict(audio=70)))\n'
        )
        paths.append(str(path))
    yield paths
    for name, kind in KINDS.items():
        MODELS.module_dict.pop(f"Own{kind}", None)
        sys.modules.pop(f"module_of_{name}", None)


@pytest.mark.slow
def test_two_configs_side_by_side(configs, tmp_path, capsys):
    out = tmp_path / "out"
    lengths = ["--lengths", "6", "text=8,audio=20,vision=10"]
    command = ["profile", *configs, "--batch-sizes", "1", "3", *lengths, "--repeats", "2"]
    assert main([*command, "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((out / "profile.json").read_text())
    assert told["weights"] == "random"
    assert told["batch"] == "synthetic"
    assert told["environment"]["device"] == "cpu"
    assert told["environment"]["threads"] == torch.get_num_threads()
    assert told["environment"]["packages"]["torch"] == str(torch.__version__)
    assert [model["label"] for model in told["models"]] == ["serial", "parallel"]
    cases = [(size, steps) for steps in (6, 8) for size in (1, 3)]
    for model in told["models"]:
        found = [
            (cell["case"]["batch_size"], cell["case"]["lengths"]["text"]) for cell in model["cells"]
        ]
        assert found == cases
        assert len(model["work"]) == 2
        assert all(work["macs"] * 2 == work["flops"] > 0 for work in model["work"])
        for cell in model["cells"]:
            assert 0 < cell["p50"] <= cell["p95"]
            assert cell["utterances_per_second"] == pytest.approx(
                cell["case"]["batch_size"] / cell["p50"]
            )
            assert (cell["peak_bytes"] is not None) == can_be_told()
            assert min(cell["components"][name] for name in ("encoder", "fusion", "head")) > 0
    text = (out / "profile.md").read_text()
    assert "| serial | 3 | 8/20/10 |" in text
    assert "random" in text
    assert "synthetic" in text
    assert (out / "profile.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.skipif(not can_be_told(), reason="the system does not tell resident memory")
def test_memory_grows_with_the_length_and_is_measured_afresh_in_each_case():
    cases = [Case(2, Lengths(4, steps, 4)) for steps in (20000, 40000, 20000)]
    peaks = peaks_on_cpu({"a": {"model": model_config("PGFNet")}}, cases)["a"]
    bank = 2 * 20000 * 64 * 4  # bytes of the bank alone
    assert peaks[0] > bank
    assert 1.6 < peaks[1] / peaks[0] < 2.4
    assert peaks[2] == pytest.approx(peaks[0], rel=0.2)


@pytest.mark.parametrize("freeze", [None, False])
def test_size_is_that_of_the_file_that_a_run_would_write(tmp_path, freeze):
    folder = tmp_path / "encoder"
    arguments = {key: value for key, value in ARCHITECTURE.items() if key != "model_type"}
    BertModel(BertConfig(**arguments)).save_pretrained(folder)
    encoder = {"type": "HFTextEncoder", "pretrained": str(folder), "lora_rank": 4, "freeze": freeze}
    trained = build_module(model_config("PGFNet", encoder))
    write_weights(Weights(trained.state_dict(), {}, {}), tmp_path / "best.pth")
    model = build_model(model_config("PGFNet", encoder))
    assert saved_state(model).keys() == trained.state_dict().keys()
    size, counted = measure_size(model), ledger(trained)
    # The hash of the encoder's weights, which is not known without them.
    written = (tmp_path / "best.pth").stat().st_size
    assert size.checkpoint_bytes == pytest.approx(written, abs=200)
    assert (size.trainable, size.total) == (counted.trainable, counted.total)
    assert size.trainable_without_encoder == counted.trainable_without_encoder
    assert size.weight_bytes >= 4 * counted.total


@pytest.mark.gpu
def test_a_gpu_tells_its_own_memory_and_name():
    config = {"model": model_config("PGFNet")}
    cases = {"batch_sizes": [1, 16], "lengths": [Lengths(8, 200, 200)]}
    profile = profile_configs({"a": config}, **cases, device="cuda", repeats=2, quiet=True)
    assert profile.environment["device"] == "cuda"
    one, sixteen = (cell.peak_bytes for cell in profile.models[0].cells)
    assert 0 < one < sixteen


def test_without_lengths_the_configs_tell_them():
    loader = {"collate_fn": {"type": "msa_collate", "pad_to": {"text": 9, "vision": 12}}}
    configs = [{"test_dataloader": loader}, {}, {"train_dataloader": loader}]
    assert configured_lengths(configs) == [Lengths(9, 50, 12), Lengths(50, 50, 50)]


def test_a_batch_of_text_features_where_the_model_reads_them():
    model = build_model(
        model_config("TextOnlyNet", {"type": "PrecomputedTextEncoder", "in_features": 6})
    )
    inputs = synthetic_batch(model, Case(3, Lengths(4, 5, 6)), CPU)
    assert inputs["text"].shape == (3, 4, 6)
    assert model(inputs).prediction.shape == (3, 1)
    assert longest_text(model) is None


def test_the_longest_text_of_each_way_of_counting_positions():
    longest = {}
    for family, settings in (
        ("bert", {}),
        ("roberta", {"pad_token_id": 1}),
        ("deberta-v2", {"position_biased_input": False, "relative_attention": True}),
    ):
        encoder = {**ENCODER, "architecture": {**ARCHITECTURE, "model_type": family, **settings}}
        model = build_model(model_config("TextOnlyNet", encoder))
        longest[family] = longest_text(model)
        tokens = longest[family] or 80
        model(synthetic_batch(model, Case(1, Lengths(tokens)), CPU))
    assert longest == {"bert": 60, "roberta": 58, "deberta-v2": None}


def test_lengths_are_read():
    assert parse_lengths("7") == (7, 7, 7)
    assert parse_lengths("text=5,vision=9") == (5, 50, 9)
    assert str(Lengths(7, 7, 7)) == "7"
    assert str(Lengths(5, 50, 9)) == "5/50/9"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lengths", "0"], "--lengths must be an integer >= 1, got 0"),
        (["--lengths", "text=5,audio=-2"], "--lengths audio must be an integer >= 1, got -2"),
        (["--lengths", "long"], "such as 50, or text=50,audio=500,vision=375"),
        (["--lengths", "sound=5"], "Did you mean 'audio'|must be one of 'text', 'audio'"),
        (["--lengths", "61"], "positions for 60 tokens, got a text of 61"),
        (["--batch-sizes", "4", "0"], "--batch-sizes must be an integer >= 1, got 0"),
        (["--repeats", "0"], "--repeats must be an integer >= 1, got 0"),
        (["--device", "tpu"], "--device must be 'cpu', 'cuda' or 'cuda:N', got 'tpu'"),
        (["--device", "cuda:99"], "--device cuda:99: torch sees .* here .*Use 'cpu'"),
        (["--cfg-options", "model.start_fusion_layer=7"], "start_fusion_layer"),
    ],
)
def test_what_cannot_be_measured_is_refused(configs, capsys, arguments, message):
    assert main(["profile", configs[0], *arguments]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert re.search(message, told.err), told.err


@pytest.mark.parametrize(
    ("config", "message"),
    [("no_such_config", "no_such_config"), ("bench/quickstart", "pgf bench bench/quickstart")],
)
def test_what_is_no_config_of_a_run_is_refused(capsys, config, message):
    assert main(["profile", config]) == 1
    assert message in capsys.readouterr().err


def test_a_config_without_a_model_is_refused(tmp_path, capsys):
    config = tmp_path / "empty.py"
    config.write_text("train_cfg = dict(max_epochs=1)\n")
    assert main(["profile", str(config)]) == 1
    assert "`pgf profile` needs it: add model = dict(" in capsys.readouterr().err
