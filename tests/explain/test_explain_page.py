"""Every command of docs/explain.md runs, on less data."""

from pathlib import Path

import pytest
from pages import Page, run

PAGE = Page(Path(__file__).parents[2] / "docs" / "explain.md")
LESS = [f"{part}_dataloader.dataset.num_samples=8" for part in ("train", "val")]


def test_the_commands(small_encoder, tmp_path, monkeypatch, capsys):
    pytest.importorskip("vaderSentiment", reason="extra [quickstart] is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PGF_ENCODER", str(small_encoder))
    for command in PAGE.commands("Explain a checkpoint"):
        assert run(command, *LESS) == 0, (command, capsys.readouterr())
    assert len(list(Path("looks").glob("attention_*.png"))) == 2
