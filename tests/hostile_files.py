"""Files that would run a program, break their reader, or fill the memory.

Every program makes the folder ``canary``.
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
import torch


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


# --- weights ----------------------------------------------------------------------------------


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


def safetensors(header, data=b"") -> bytes:
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(header)) + header + data


def entry(start, end, shape=(1,)):
    return {"dtype": "F32", "shape": list(shape), "data_offsets": [start, end]}


def claiming(archive: bytes, size: int) -> bytes:
    """A zip file whose first entry claims to become ``size`` bytes."""
    start = archive.index(b"PK\x01\x02") + 24  # of the directory at the end, which readers trust
    return archive[:start] + struct.pack("<I", size) + archive[start + 4 :]


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
    "bomb.pth": lambda: claiming(saved({"w": torch.zeros(1)}), 3 << 30),
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


# --- feature files ----------------------------------------------------------------------------


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


def laughs() -> list:
    """A list of 10**12 numbers that a pickle holds in 6 KB."""
    numbers = [0.0]
    for _ in range(4):
        numbers = [numbers] * 1000
    return numbers


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
    "bomb.npz": lambda c: claiming(table(audio=np.zeros((1, 1))), 3 << 30),
    "shared.pkl": lambda c: pickle.dumps({"train": {"id": ["a"], "regression_labels": laughs()}}),
    "checkpoint.npz": lambda c: saved({"state_dict": {"w": Call(os.mkdir, c)}}),
    "weights.safetensors": lambda c: safetensors({"w": entry(0, 4)}, b"1234"),
    "features.h5": lambda c: hdf5(),
    "features.csd": lambda c: hdf5(),
    "config.py": lambda c: source(c).encode(),
    "config.json": lambda c: json.dumps({"_delete_": True, "type": "os.mkdir", "path": c}).encode(),
    "config.yaml": lambda c: f"x: !!python/object/apply:os.mkdir [{c}]".encode(),
    "script.pkl": lambda c: source(c).encode(),
}


BROKEN_ARRAYS = {
    "huge.npy": lambda c: huge_array(),
    "pickle.npy": lambda c: pickle.dumps(Call(os.mkdir, c)),
    "table.npy": lambda c: table(),
    "empty.npy": lambda c: b"",
}
