"""Hostile files given to the commands: none runs, each is named, whatever the engine would do."""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from hostile_files import (
    BROKEN_ARRAYS,
    BROKEN_DATA,
    BROKEN_WEIGHTS,
    CHECKPOINTS,
    OPCODES,
    PROGRAMS,
    Call,
    array_file,
    program,
    replaced,
    saved,
    table,
)
from mmengine.config import Config

from pgf_plugin.cli import main

pytestmark = pytest.mark.engine

COMMANDS = ("train", "resume", "test", "predict", "bench")
WEIGHTS = {
    **{name: lambda c, make=make: make(Call(os.mkdir, c)) for name, make in CHECKPOINTS.items()},
    **{
        f"{name}.pth": lambda c, name=name: replaced(
            saved({}), "data.pkl", program(name, None if name in OPCODES else 2, Path(c))
        )
        for name in (*PROGRAMS, *OPCODES)
    },
    **{name: lambda c, make=make: make() for name, make in BROKEN_WEIGHTS.items()},
}
DATA = {
    **BROKEN_DATA,
    **{
        f"{name}.pkl": lambda c, name=name: program(name, None if name in OPCODES else 4, Path(c))
        for name in ("os.system", "a chain of getattr", "an array of objects", *OPCODES)
    },
}
ARRAYS = {
    **BROKEN_ARRAYS,
    "objects.npy": lambda c: array_file(np.array([[Call(os.mkdir, c)]])),
    **{
        name: lambda c, name=name: WEIGHTS[name](c)
        for name in ("state_dict.pth", "pickle.safetensors")
    },
    **{name: BROKEN_DATA[name] for name in ("features.h5", "config.py", "config.yaml")},
}
RUN_NUMBERS = itertools.count()


def in_turn(commands, names):
    """Every command with every name; by default, each name with one command in turn."""
    return [
        pytest.param(
            command,
            name,
            marks=[] if (row + column) % len(commands) == 0 else [pytest.mark.exhaustive],
        )
        for row, name in enumerate(names)
        for column, command in enumerate(commands)
    ]


@pytest.fixture(scope="module")
def encoder(small_encoder):
    return small_encoder


@pytest.fixture(scope="module")
def configs(encoder, tmp_path_factory):
    """The folder of ``run.py``, ``bench.py`` and the synthetic data of both."""
    folder = tmp_path_factory.mktemp("configs")
    rows = {"id": list("abcd"), "raw_text": list("abcd"), "label": [0.0, 1.0, 2.0, 3.0]}
    split = ["train", "train", "val", "test"]
    (folder / "data.npz").write_bytes(table(**rows, split=split, audio=np.ones((4, 3))))
    encoder = {"type": "HFTextEncoder", "pretrained": str(encoder)}
    data = {"type": "MSADataset", "data_file": "data.npz", "data_root": str(folder)}
    data |= {"modalities": ["text", "audio"], "tokenizer": encoder["pretrained"]}
    config = {
        "model": {"type": "TextOnlyNet", "encoder": encoder},
        **{f"{split}_dataloader": loader(data, split) for split in ("train", "val", "test")},
        **{f"{split}_evaluator": {"type": "MSAMetric"} for split in ("val", "test")},
        "optim_wrapper": {"optimizer": {"type": "SGD", "lr": 0.1}},
        "train_cfg": {"by_epoch": True, "max_epochs": 1},
        "val_cfg": {},
        "test_cfg": {},
        "default_scope": "pgf_plugin",
        "default_hooks": {
            "checkpoint": {"type": "SafeCheckpointHook", "save_best": "MAE", "rule": "less"}
        },
        "log_level": "ERROR",
    }
    Config(config).dump(folder / "run.py")
    bench = {"models": {"Text": str(folder / "run.py")}, "seeds": [0]}
    Config({"bench": bench}).dump(folder / "bench.py")
    return folder


def loader(data, split):
    return {
        "batch_size": 2,
        "num_workers": 0,
        "sampler": {"type": "DefaultSampler", "shuffle": False},
        "collate_fn": {"type": "msa_collate"},
        "dataset": {**data, "split": split},
    }


@pytest.fixture
def canary(tmp_path):
    return tmp_path / "canary"


def call(command, configs, work_dir, *arguments, weights=None, options=()):
    """Call a command with ``weights``; mmengine allows the name of a run once a process."""
    options = [f"experiment_name=run_{next(RUN_NUMBERS)}", *options]
    work_dir.mkdir(exist_ok=True)
    if weights and command == "resume":
        (work_dir / "last_checkpoint").write_text(str(weights))
        arguments += ("--resume",)
    elif weights and command in ("train", "bench"):
        options.append(f"load_from={weights}")
    checkpoint = [str(weights)] if command in ("test", "predict") else []
    arguments += ("--text", "a") if command == "predict" else ("--work-dir", str(work_dir))
    config = configs / ("bench.py" if command == "bench" else "run.py")
    name = "train" if command == "resume" else command
    return main([name, str(config), *checkpoint, *arguments, "--cfg-options", *options])


def refused(capsys, path, code):
    """Assert that the command ended with an error that names ``path``, and return its lines."""
    printed = "".join(capsys.readouterr())
    assert code == 1, printed
    assert str(path) in printed
    assert "Traceback" not in printed
    assert "\x1b[2J" not in printed  # of the file; torch has bold advice of its own
    assert "not expected" not in printed
    return printed


@pytest.mark.filterwarnings("ignore:.*tar:DeprecationWarning")
@pytest.mark.parametrize(("command", "name"), in_turn(COMMANDS, WEIGHTS))
def test_weights(command, name, configs, tmp_path, canary, capsys):
    path = tmp_path / name.replace(" ", "_")
    path.write_bytes(WEIGHTS[name](str(canary)))
    refused(capsys, path, call(command, configs, tmp_path / "run", weights=path))
    assert not canary.exists()


@pytest.fixture(scope="module")
def best(configs, tmp_path_factory):
    """The weights of a run, which no hostile file has touched."""
    folder = tmp_path_factory.mktemp("run")
    assert call("train", configs, folder) == 0
    (path,) = folder.glob("best_*.pth")
    return path


@pytest.mark.parametrize(("command", "name"), in_turn(("train", "test", "predict", "bench"), DATA))
def test_features(command, name, configs, best, tmp_path, canary, capsys):
    path = tmp_path / name.replace(" ", "_")
    path.write_bytes(DATA[name](str(canary)))
    split = "test" if command == "test" else "train"
    options = [f"{split}_dataloader.dataset.data_file={path}"]
    weights = best if command in ("test", "predict") else None
    work_dir = tmp_path / "run"
    refused(capsys, path, call(command, configs, work_dir, weights=weights, options=options))
    assert not canary.exists()


@pytest.mark.parametrize("modality", ["audio", "vision"])
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_to_predict_from(modality, name, configs, best, tmp_path, canary, capsys):
    path = tmp_path / name
    path.write_bytes(ARRAYS[name](str(canary)))
    given = (f"--{modality}", str(path))
    refused(capsys, path, call("predict", configs, tmp_path, *given, weights=best))
    assert not canary.exists()


def test_what_is_not_hostile_is_taken(configs, best, tmp_path, capsys):
    """So that the refusals above are for the files and for nothing else."""
    for command in COMMANDS:
        weights = best.with_name("epoch_1.pth") if command == "resume" else best
        assert call(command, configs, tmp_path / command, weights=weights) == 0, command
    np.save(tmp_path / "audio.npy", np.ones((2, 3)))
    given = ("--audio", str(tmp_path / "audio.npy"))
    assert call("predict", configs, tmp_path, *given, weights=best) == 0
