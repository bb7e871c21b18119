"""The examples of PGFWrapper, shortened: with the blocks and without, from their configs alone."""

import os
import shutil
import sys

import pandas as pd
import pytest
from forked import run_forked

from pgf_plugin.cli import main


@pytest.fixture
def examples(pytestconfig, tmp_path):
    """Copy of the examples, at their place beside the configs."""
    for folder in ("configs/_base_", "examples/wrapper"):
        shutil.copytree(pytestconfig.rootpath / folder, tmp_path / folder)
    return tmp_path / "examples" / "wrapper"


def bench(folder, name, *options):
    def work():
        sys.path.insert(0, os.getcwd())
        os.environ["PYTHONPATH"] = os.getcwd()
        return main(["bench", name, "--work-dir", "run", *options])

    status, told = run_forked(work, folder)
    assert status == 0, told
    results = pd.read_parquet(folder / "run" / "results.parquet").set_index("model")
    shutil.rmtree(folder / "run")  # checkpoints that pytest would keep
    trainable = results["trainable"]
    assert trainable["With PGF blocks"] > trainable["Without"] > 0, told
    return results


@pytest.mark.slow
def test_a_text_classifier(examples, small_encoder):
    options = ["train_cfg.max_epochs=1", "train_dataloader.dataset.num_samples=32"]
    results = bench(
        examples, "compare_text.py", "--encoder", str(small_encoder), "--cfg-options", *options
    )
    assert results["total"].max() < 1e6, "--encoder was not taken"


@pytest.mark.slow
def test_a_vision_transformer(examples):
    options = ["train_cfg.max_epochs=1", "train_dataloader.dataset.num_samples=64"]
    bench(examples, "compare_vision.py", "--cfg-options", *options)
