"""A distribution of somebody else with a metric, a hook, a dataset and a model that is broken."""

import textwrap
import zipfile

import pytest

MODULE = """
import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from torch.utils.data import Dataset


class TinyDataset(Dataset):
    '''Noise, said to be so.'''

    def __init__(self, split, count=4):
        drawn = np.random.default_rng(len(split))
        self.text = drawn.normal(size=(count, 2, 3)).astype(np.float32)

    def __len__(self):
        return len(self.text)

    def __getitem__(self, index):
        text, label = self.text[index], self.text[index, 0, :1]
        return {"sample_id": str(index), "raw_text": "", "text": text, "label": label}


class TinyMetric(BaseMetric):
    '''How many samples there were.'''

    default_prefix = ""

    def process(self, data_batch, data_samples):
        self.results += data_samples

    def compute_metrics(self, results):
        return {"MAE": 0.5, "count": float(len(results))}


class TinyHook(Hook):
    '''Says when the training ends.'''

    def after_train(self, runner):
        print("the tiny hook saw the end")
"""

CONFIG = """
model = dict(type="TextOnlyNet", encoder=dict(type="PrecomputedTextEncoder", in_features=3))
loader = dict(
    batch_size=2, num_workers=0, collate_fn=dict(type="msa_collate"),
    sampler=dict(type="DefaultSampler", shuffle=False),
)
train_dataloader = dict(loader, dataset=dict(type="TinyDataset", split="train"))
val_dataloader = dict(loader, dataset=dict(type="TinyDataset", split="val", count=3))
test_dataloader = dict(loader, dataset=dict(type="TinyDataset", split="test", count=5))
val_evaluator = test_evaluator = dict(type="TinyMetric")
val_cfg = test_cfg = dict()
train_cfg = dict(by_epoch=True, max_epochs=1)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.1))
custom_hooks = [dict(type="TinyHook")]
default_hooks = dict(checkpoint=dict(type="SafeCheckpointHook", save_best="MAE", rule="less"))
default_scope = "pgf_plugin"
log_level = "ERROR"
"""

# One process for all, because importing torch takes longer than everything else.
PROGRAM = """
import os, sys
from pgf_plugin.cli import main

for number, command in enumerate((
    ["list"],
    ["train", "tiny.py"],
    ["train", "tiny.py", "--cfg-options", "model.type=TinyNet"],
    ["bench", "bench.py"],
    ["bench", "bench.py", "--cfg-options", "model.type=TinyNet"],
)):
    print(f"--- {number}", file=sys.stderr, flush=True)
    print(f"--- {number}", flush=True)
    print("ended with", main(command), flush=True)

from mmengine.config import Config
from mmengine.runner import Runner

cfg = Config.fromfile("tiny.py")
cfg.model.type, cfg.work_dir = "TinyNet", "plain"
try:
    Runner.from_cfg(cfg)
except ImportError as error:
    print("Runner:", error)
"""


@pytest.fixture
def tiny_wheel(tmp_path):
    """The wheel of ``tiny-plugin``, of one module that is whole and one that is not."""
    info = "tiny_plugin-1.0.dist-info"
    files = {
        "tiny_plugin.py": MODULE,
        "tiny_broken.py": "import a_module_that_is_missing",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: tiny-plugin\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": textwrap.dedent(
            """
            [mmengine.datasets]
            TinyDataset = tiny_plugin:TinyDataset
            [mmengine.metrics]
            TinyMetric = tiny_plugin:TinyMetric
            [mmengine.hooks]
            TinyHook = tiny_plugin:TinyHook
            [mmengine.models]
            TinyNet = tiny_broken:TinyNet
            """
        ),
    }
    path = tmp_path / "tiny_plugin-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)
        record = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
        wheel.writestr(f"{info}/RECORD", record)
    return path


@pytest.mark.slow
def test_whole_components_are_used_and_a_broken_one_is_isolated(
    wheels, tiny_wheel, environment_with, run_with_errors, tmp_path
):
    python = environment_with(wheels["wheel"], tiny_wheel) / "bin" / "python"
    (tmp_path / "tiny.py").write_text(CONFIG)
    bench = "bench = dict(models={'Text': 'tiny.py'}, seeds=[0])\n"
    (tmp_path / "bench.py").write_text(bench)
    printed, errors = run_with_errors(python, "-c", PROGRAM, cwd=tmp_path)
    listed, trained, refused, benched, refused_bench = printed.split("---")[1:]

    summary = (
        "entry point 'TinyNet' (tiny_broken:TinyNet) of tiny-plugin cannot be loaded: "
        "ModuleNotFoundError: No module named 'a_module_that_is_missing'"
    )
    for name in ("TinyDataset", "TinyMetric", "TinyHook", "TinyNet"):
        (line,) = [line for line in listed.splitlines() if f" {name} " in line]
        assert "tiny-plugin" in line
        assert (f"broken: {summary}" in line) is (name == "TinyNet")
    told = [part.partition("\n")[2] for part in errors.split("---")[1:]]
    assert told[0].count(f"pgf: warning: {summary}") == 1
    assert "pgf: warning" not in "".join(told[1:])  # once a process

    assert "the tiny hook saw the end" in trained
    assert "ended with 0" in trained
    assert "ended with 0" in benched
    for number, refusal in ((2, refused), (4, refused_bench)):
        assert "ended with 1" in refusal
        assert f"model.type: {summary}" in told[number]
    assert f"Runner: {summary}" in refused_bench
