"""Files that would run a program or break their reader: refused by name wherever a user gives one.

The second half of each test of a program runs it without protection, so that a program that is none
cannot pass for a refused one.
"""

import os
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from hostile_files import (
    BROKEN_ARRAYS,
    BROKEN_DATA,
    BROKEN_WEIGHTS,
    CHECKPOINTS,
    PICKLES,
    Call,
    array_file,
    program,
    replaced,
    saved,
    table,
)

from pgf_plugin.cli import main
from pgf_plugin.cli.predict import read_features
from pgf_plugin.datasets import MSADataset
from pgf_plugin.weights_loading import load_weights

pytestmark = pytest.mark.engine


@pytest.fixture
def canary(tmp_path):
    return tmp_path / "canary"


@pytest.fixture(autouse=True)
def without_extension_codes():
    yield
    import copyreg

    if ("os", "mkdir") in copyreg._extension_registry:
        copyreg.remove_extension("os", "mkdir", 0xF0)


def refused_as_data(path: Path) -> None:
    with pytest.raises((ValueError, OSError)) as caught:
        MSADataset(str(path), "train", modalities=("audio",))
    assert str(path) in str(caught.value)


def refused_as_weights(path: Path, capsys) -> None:
    with pytest.raises(ValueError, match="is not loaded") as caught:
        load_weights(torch.nn.Linear(1, 1), path)
    assert str(path) in str(caught.value)
    assert main(["weights", "inspect", str(path)]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith(f"pgf weights: error: {path}")
    assert "Traceback" not in printed


def refused_as_features(path: Path) -> None:
    with pytest.raises((ValueError, OSError)) as caught:
        read_features(str(path))
    assert str(path) in str(caught.value)


# --- pickles --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "protocol"), PICKLES)
def test_a_program_as_features(name, protocol, tmp_path, canary):
    content = program(name, protocol, canary)
    path = tmp_path / "features.pkl"
    path.write_bytes(content)
    refused_as_data(path)
    assert not canary.exists()
    pickle.loads(content)
    assert canary.exists()


@pytest.mark.parametrize(("name", "protocol"), [(n, p) for n, p in PICKLES if p in (2, None)])
def test_a_program_as_weights(name, protocol, tmp_path, canary, capsys):
    path = tmp_path / "weights.pth"
    path.write_bytes(replaced(saved({}), "data.pkl", program(name, protocol, canary)))
    refused_as_weights(path, capsys)
    assert not canary.exists()
    torch.load(path, weights_only=False)
    assert canary.exists()


# --- weights --------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*tar:DeprecationWarning")
@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_program_inside_a_checkpoint(name, tmp_path, canary, capsys):
    path = tmp_path / name
    path.write_bytes(CHECKPOINTS[name](Call(os.mkdir, str(canary))))
    refused_as_weights(path, capsys)
    assert not canary.exists()
    with path.open("rb") as file:
        load = pickle.load if name == "pickle.pth" else torch.load
        load(file, **({} if name == "pickle.pth" else {"weights_only": False}))
    assert canary.exists()


@pytest.mark.parametrize("name", BROKEN_WEIGHTS)
def test_weights_that_are_none(name, tmp_path, capsys):
    path = tmp_path / name
    path.write_bytes(BROKEN_WEIGHTS[name]())
    refused_as_weights(path, capsys)
    assert main(["weights", "export", str(path), str(tmp_path / "out.pth")]) == 1
    printed = capsys.readouterr().err
    assert str(path) in printed
    assert "\x1b" not in printed
    assert not (tmp_path / "out.pth").exists()


# --- feature files --------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["id", "label", "split", "audio"])
def test_objects_in_a_table(column, tmp_path, canary):
    path = tmp_path / "features.npz"
    path.write_bytes(table(**{column: np.array([Call(os.mkdir, str(canary))])}))
    refused_as_data(path)
    assert not canary.exists()
    with np.load(path, allow_pickle=True) as archive:
        archive[column]
    assert canary.exists()


def test_objects_in_an_array(tmp_path, canary):
    path = tmp_path / "audio.npy"
    path.write_bytes(array_file(np.array([[Call(os.mkdir, str(canary))]])))
    refused_as_features(path)
    assert not canary.exists()
    np.load(path, allow_pickle=True)
    assert canary.exists()


@pytest.mark.parametrize("name", BROKEN_DATA)
def test_features_that_are_none(name, tmp_path, canary):
    path = tmp_path / name
    path.write_bytes(BROKEN_DATA[name](str(canary)))
    refused_as_data(path)
    assert not canary.exists()


@pytest.mark.parametrize("name", BROKEN_ARRAYS)
def test_arrays_that_are_none(name, tmp_path, canary):
    path = tmp_path / name
    path.write_bytes(BROKEN_ARRAYS[name](str(canary)))
    refused_as_features(path)
    assert not canary.exists()


def test_a_pickle_that_numbers_one_reference_high_takes_no_memory(tmp_path):
    """Python's unpickler in C would make room for all numbers below: here, for a gigabyte."""
    path = tmp_path / "features.pkl"
    path.write_bytes(b"\x80\x02N" + pickle.LONG_BINPUT + (1 << 26).to_bytes(4, "little") + b".")
    tracemalloc.start()
    try:
        refused_as_data(path)
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


def test_a_checkpoint_that_holds_itself_is_measured(tmp_path, capsys):
    content = {"state_dict": {}, "loop": []}
    content["loop"] += [torch.zeros(2), content["loop"]]
    path = tmp_path / "weights.pth"
    path.write_bytes(saved(content))
    assert main(["weights", "inspect", str(path)]) == 0
    assert "'loop' (8)" in capsys.readouterr().out
