"""The examples, and every command and file of docs/bring_your_own.md, run for real."""

import os
import pickle
import re
import runpy
import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from forked import run_forked, run_script

from pgf_plugin.cli import main
from pgf_plugin.models.encoders.layer_stack import FAMILIES
from pgf_plugin.plugin import GROUPS


def run_commands(lines: Iterable[str]) -> None:
    """Run commands as a shell would, but all in this process."""
    sys.path.insert(0, ".")
    for line in lines:
        print("$", line, flush=True)
        words = shlex.split(line)
        os.environ.pop("PGF_ENCODER", None)
        while "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            os.environ[name] = value
        if words[0] == "python":
            runpy.run_path(words[1], run_name="__main__")
        elif code := main(words[1:]):
            sys.exit(code)


@pytest.fixture
def root(pytestconfig) -> Path:
    return pytestconfig.rootpath


def test_train_pgf_net(root, tmp_path):
    arguments = ("--epochs", 1, "--num-samples", 16, "--work-dir", "run")
    told = run_script(root / "examples" / "train_pgf_net.py", *arguments, folder=tmp_path)
    scores = dict(line.split() for line in told.splitlines()[-8:])
    assert set(scores) >= {"MAE", "Corr", "Acc7", "Acc2_non0", "F1_non0"}
    assert 0 < float(scores["MAE"]) < 6
    assert list((tmp_path / "run").glob("best_MAE_epoch_1.pth"))


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def cut_short(command: str) -> str:
    """Train one epoch, one seed, and a small encoder instead of one from the hub."""
    if "bert-base" in command:
        command += " --encoder ./my-encoder"
    if " bench " in command:
        command += " --encoder ./my-encoder --seeds 0"
    trains = " train " in command or " bench " in command
    return f"{command} --cfg-options train_cfg.max_epochs=1" if trains else command


def write_mmsa_file(root: Path, path: Path) -> None:
    mmsa_files = runpy.run_path(str(root / "tests" / "datasets" / "mmsa_files.py"))
    path.parent.mkdir(parents=True)
    path.write_bytes(pickle.dumps(mmsa_files["mmsa_content"](aligned=True)))


@pytest.mark.slow
def test_bring_your_own(small_encoder, root, tmp_path):
    page = (root / "docs" / "bring_your_own.md").read_text(encoding="utf-8")
    for block in blocks(page, "python"):
        (name,) = re.findall(r"\A# (\w+\.py)$", block, re.M)
        (tmp_path / name).write_text(block)
    shutil.copy(root / "examples" / "late_fusion.py", tmp_path)
    shutil.copytree(small_encoder, tmp_path / "my-encoder")
    write_mmsa_file(root, tmp_path / "data" / "mosi" / "aligned_50.pkl")

    commands = [line for block in blocks(page, "sh") for line in block.splitlines()]
    assert len(commands) >= 7
    status, told = run_forked(lambda: run_commands(map(cut_short, commands)), tmp_path)
    assert status == 0, told

    (config,) = (tmp_path / "work_dirs" / "my_pgf_net").glob("*.py")
    assert config.read_text().count(f"'{tmp_path / 'my-encoder'}'") >= 4, told
    table = (tmp_path / "work_dirs" / "compare" / "table.md").read_text()
    for model in ("PGF-Net", "Late fusion", "Mean audio"):
        assert re.search(rf"{model} +\|", table), told
    shutil.rmtree(tmp_path / "work_dirs")  # checkpoints that pytest would keep


def test_the_page_names_every_family_and_group(root):
    page = (root / "docs" / "bring_your_own.md").read_text(encoding="utf-8")
    for name in [*FAMILIES, *GROUPS]:
        assert f"`{name}`" in page
