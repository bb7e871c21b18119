"""Files that would run a program or break their reader: refused by name wherever a user gives one.

Every program here makes the folder ``canary``. The second half of each test runs it without
protection, so that a program that is none cannot pass for a refused one.
"""

import functools
import importlib.util
import io
import json
import marshal
import operator
import os
import pickle
import struct
import subprocess
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from pgf_plugin.cli import main
from pgf_plugin.cli.predict import read_features
from pgf_plugin.datasets import MSADataset, SyntheticMSADataset
from pgf_plugin.models.encoders.hf_text import HFTextEncoder
from pgf_plugin.weights_loading import load_weights

pytestmark = pytest.mark.engine


class Call:
    """Pickles as a call of any function, which is how a hostile pickle is made."""

    def __init__(self, function, *arguments):
        self.parts = function, arguments

    def __reduce__(self):
        return self.parts

    def __call__(self):
        """Be what a pickle may call."""


class ByStateSetter(Call):
    def __reduce__(self):
        return str, self.parts[1], 0o700, None, None, self.parts[0]


class ByReduceEx(Call):
    def __reduce_ex__(self, protocol):
        return self.parts


def source(canary: str) -> str:
    return f"import os; os.mkdir({canary!r})"


PROGRAMS = {
    "os.mkdir": lambda c: Call(os.mkdir, c),
    "os.system": lambda c: Call(os.system, f"mkdir '{c}'"),
    "subprocess": lambda c: Call(subprocess.check_call, ["mkdir", c]),
    "builtins.eval": lambda c: Call(eval, f"__import__('os').mkdir({c!r})"),
    "builtins.exec": lambda c: Call(exec, source(c)),
    "a chain of getattr": lambda c: Call(Call(getattr, Call(__import__, "os"), "mkdir"), c),
    "a bound method": lambda c: Call(Path(c).mkdir),
    "functools.partial": lambda c: Call(functools.partial(os.mkdir, c)),
    "operator.methodcaller": lambda c: Call(operator.methodcaller("mkdir"), Path(c)),
    "marshalled code": lambda c: Call(
        exec, Call(marshal.loads, marshal.dumps(compile(source(c), "x", "exec")))
    ),
    "a pickle in the pickle": lambda c: Call(pickle.loads, pickle.dumps(Call(os.mkdir, c))),
    "a function of numpy": lambda c: Call(np.testing._private.utils.runstring, source(c), {}),
    "a state setter": lambda c: ByStateSetter(os.mkdir, c),
    "__reduce_ex__": lambda c: ByReduceEx(os.mkdir, c),
    "an array of objects": lambda c: np.array([Call(os.mkdir, c), None]),
}
OPCODES = {
    "opcode INST": lambda c: f"(S{c!r}\nios\nmkdir\n.".encode(),
    "opcode OBJ": lambda c: f"(cos\nmkdir\nS{c!r}\no.".encode(),
    "copyreg's extensions": lambda c: (
        b"\x80\x02ccopyreg\nadd_extension\n(S'os'\nS'mkdir'\nK\xf0tR0\x82\xf0"
        + f"(S{c!r}\ntR.".encode()
    ),
}
PICKLES = [
    *((name, protocol) for name in PROGRAMS for protocol in (0, 2, 4, 5)),
    *((name, None) for name in OPCODES),
]


def program(name: str, protocol: int | None, canary: Path) -> bytes:
    if protocol is None:
        return OPCODES[name](str(canary))
    return pickle.dumps(PROGRAMS[name](str(canary)), protocol)


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


def refused_as_encoder(folder: Path) -> None:
    with pytest.raises((ValueError, OSError)) as caught:
        HFTextEncoder(pretrained=str(folder))
    assert str(folder) in str(caught.value)


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


def saved(value, **settings) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **settings)
    return file.getvalue()


def replaced(archive: bytes, name: str, content: bytes) -> bytes:
    """A zip file with another content of the entry that ends in ``name``."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(file, "w") as new:
        for item in old.infolist():
            new.writestr(item, content if item.filename.endswith(name) else old.read(item))
    return file.getvalue()


def legacy_tar(hostile) -> bytes:
    """What ``torch.save`` wrote before version 0.2."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        storages = pickle.dumps(0, 2) + pickle.dumps([], 2)
        tensors, content = pickle.dumps(0, 2), pickle.dumps(hostile, 2)
        for name, part in (("storages", storages), ("tensors", tensors), ("pickle", content)):
            member = tarfile.TarInfo(name)
            member.size = len(part)
            archive.addfile(member, io.BytesIO(part))
    return file.getvalue()


CHECKPOINTS = {
    "state_dict.pth": lambda h: saved({"state_dict": {"w": h}}),
    "meta.pth": lambda h: saved({"state_dict": {}, "meta": {"cfg": h}}),
    "optimizer.pth": lambda h: saved({"state_dict": {}, "optimizer": {"state": [h]}}),
    "message_hub.pth": lambda h: saved({"state_dict": {}, "message_hub": h}),
    "key.pth": lambda h: saved({h: torch.zeros(1)}),
    "pickle.pth": lambda h: pickle.dumps(h),
    "legacy.pth": lambda h: saved({"w": h}, _use_new_zipfile_serialization=False),
    "tar.pth": legacy_tar,
    "pickle.safetensors": lambda h: saved({"w": h}),
}


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


def safetensors(header, data=b"") -> bytes:
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(header)) + header + data


def entry(start, end, shape=(1,)):
    return {"dtype": "F32", "shape": list(shape), "data_offsets": [start, end]}


def torchscript() -> bytes:
    archive = saved({})
    file = io.BytesIO(archive)
    with zipfile.ZipFile(file, "a") as target:
        target.writestr("archive/constants.pkl", b"\x80\x02).")
    return file.getvalue()


BROKEN_WEIGHTS = {
    "empty.pth": lambda: b"",
    "text.pth": lambda: b"these are no weights",
    "zip.pth": lambda: replaced(saved({}), "version", b""),
    "torchscript.pth": torchscript,
    "cut.pth": lambda: saved({"w": torch.zeros(100)})[:-300],
    "list.pth": lambda: saved([torch.zeros(1)]),
    "plain.pth": lambda: saved({"state_dict": {"w": "text"}}),
    "bigger_than_its_bytes.pth": lambda: saved({"w": torch.zeros(1).expand(1 << 40)}),
    "without_values.pth": lambda: saved({"w": torch.zeros(1 << 40, device="meta")}),
    "sparse.pth": lambda: saved({"w": torch.eye(2).to_sparse()}),
    "terminal.pth": lambda: saved({"\x1b[2Jw": torch.zeros(1)}),
    "empty.safetensors": lambda: b"",
    "huge_header.safetensors": lambda: struct.pack("<Q", 2**63) + b"{}",
    "long_header.safetensors": lambda: struct.pack("<Q", 99_000_000) + b"{}",
    "json.safetensors": lambda: safetensors(b"{"),
    "cut.safetensors": lambda: safetensors({"w": entry(0, 4)}),
    "outside.safetensors": lambda: safetensors({"w": entry(0, 2**40)}, b"1234"),
    "overlap.safetensors": lambda: safetensors({"v": entry(0, 4), "w": entry(0, 4)}, b"1234"),
    "overflow.safetensors": lambda: safetensors({"w": entry(0, 4, (2**62, 4))}, b"1234"),
    "terminal.safetensors": lambda: safetensors({"\x1b[2Jw": entry(0, 4)}, b"1234"),
}


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


def array_file(value) -> bytes:
    file = io.BytesIO()
    np.save(file, value, allow_pickle=True)
    return file.getvalue()


def huge_array() -> bytes:
    """An array that claims 256 TB."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({2**45}, 1)}}\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()


def table(**columns) -> bytes:
    file = io.BytesIO()
    np.savez(file, **{"id": ["a"], "label": [0.0], "split": ["train"], **columns})
    return file.getvalue()


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


def hdf5() -> bytes:
    if not importlib.util.find_spec("h5py"):
        return b"\x89HDF\r\n\x1a\n" + bytes(100)
    import h5py

    file = io.BytesIO()
    with h5py.File(file, "w") as content:
        content["data"] = h5py.ExternalLink("/etc/passwd", "/")
    return file.getvalue()


BROKEN_DATA = {
    "empty.pkl": lambda c: b"",
    "cut.pkl": lambda c: pickle.dumps({"train": {"id": ["a"] * 99}})[:-50],
    "cut.npz": lambda c: table(audio=np.zeros((1, 99)))[:-200],
    "huge.npz": lambda c: replaced(table(audio=np.zeros((1, 1))), "audio.npy", huge_array()),
    "checkpoint.npz": lambda c: saved({"state_dict": {"w": Call(os.mkdir, c)}}),
    "weights.safetensors": lambda c: safetensors({"w": entry(0, 4)}, b"1234"),
    "features.h5": lambda c: hdf5(),
    "features.csd": lambda c: hdf5(),
    "config.py": lambda c: source(c).encode(),
    "config.json": lambda c: json.dumps({"_delete_": True, "type": "os.mkdir", "path": c}).encode(),
    "config.yaml": lambda c: f"x: !!python/object/apply:os.mkdir [{c}]".encode(),
    "script.pkl": lambda c: source(c).encode(),
}


@pytest.mark.parametrize("name", BROKEN_DATA)
def test_features_that_are_none(name, tmp_path, canary):
    path = tmp_path / name
    path.write_bytes(BROKEN_DATA[name](str(canary)))
    refused_as_data(path)
    assert not canary.exists()


BROKEN_ARRAYS = {
    "huge.npy": lambda c: huge_array(),
    "pickle.npy": lambda c: pickle.dumps(Call(os.mkdir, c)),
    "table.npy": lambda c: table(),
    "empty.npy": lambda c: b"",
}


@pytest.mark.parametrize("name", BROKEN_ARRAYS)
def test_arrays_that_are_none(name, tmp_path, canary):
    path = tmp_path / name
    path.write_bytes(BROKEN_ARRAYS[name](str(canary)))
    refused_as_features(path)
    assert not canary.exists()


# --- encoders -------------------------------------------------------------------------------------


@pytest.fixture
def encoder(tmp_path):
    """A folder with a whole encoder."""
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "intermediate_size": 32}
    config = BertConfig(vocab_size=40, num_attention_heads=2, **sizes)
    BertModel(config).save_pretrained(tmp_path / "encoder")
    return tmp_path / "encoder"


def with_remote_code(folder: Path, canary: Path, **settings) -> None:
    (folder / "evil.py").write_text(source(str(canary)))
    classes = {name: f"evil.{name}" for name in ("AutoConfig", "AutoModel", "AutoTokenizer")}
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "auto_map": classes, **settings}))
    tokenizer = {"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": ["evil.A", "evil.B"]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))


def test_a_program_as_the_weights_of_an_encoder(encoder, canary):
    (encoder / "model.safetensors").unlink()
    path = encoder / "pytorch_model.bin"
    path.write_bytes(saved({"w": Call(os.mkdir, str(canary))}))
    refused_as_encoder(encoder)
    assert not canary.exists()
    torch.load(path, weights_only=False)
    assert canary.exists()


def test_a_program_as_a_part_of_the_weights_of_an_encoder(encoder, canary):
    (encoder / "model.safetensors").unlink()
    (encoder / "part.bin").write_bytes(saved({"w": Call(os.mkdir, str(canary))}))
    index = {"metadata": {}, "weight_map": {"embeddings.word_embeddings.weight": "part.bin"}}
    (encoder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    refused_as_encoder(encoder)
    assert not canary.exists()


@pytest.mark.parametrize("name", [n for n in BROKEN_WEIGHTS if n.endswith("safetensors")])
def test_broken_weights_of_an_encoder(name, encoder):
    (encoder / "model.safetensors").write_bytes(BROKEN_WEIGHTS[name]())
    refused_as_encoder(encoder)


def test_remote_code_of_an_encoder_is_refused_without_a_question(encoder, canary):
    with_remote_code(encoder, canary, model_type="evil")
    refused_as_encoder(encoder)
    with pytest.raises(ValueError, match="custom code") as caught:
        SyntheticMSADataset("train", num_samples=4, tokenizer=str(encoder))
    assert str(encoder) in str(caught.value)
    assert not canary.exists()


def test_remote_code_of_a_known_family_is_not_used(encoder, canary):
    with_remote_code(encoder, canary)
    assert HFTextEncoder(pretrained=str(encoder)).num_layers > 0
    assert not canary.exists()
