import builtins
import codecs
import functools
import operator
import os
import pickle
import zlib
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from mmsa_files import mmsa_content, write_mmsa

from pgf_plugin.datasets import MSADataset
from pgf_plugin.datasets.formats.safe_pickle import load_pickle
from pgf_plugin.errors import DataError

PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)


class Call:
    """Pickles as a call of any function, which is how a hostile pickle is made."""

    def __init__(self, function, *args, state=None, items=None):
        self.parts = (function, args, state, items)

    def __reduce__(self):
        return self.parts


class Marker:
    """Calls that leave a file behind if they are ever executed."""

    def __init__(self, path: Path):
        self.path = path
        self.python = f"open({str(path)!r}, 'w').close()"
        self.shell = f"touch {path}"


HOSTILE = {
    "os.system": lambda m: Call(os.system, m.shell),
    "builtins.eval": lambda m: Call(builtins.eval, m.python),
    "builtins.exec": lambda m: Call(builtins.exec, m.python),
    "builtins.open": lambda m: Call(builtins.open, str(m.path), "w"),
    "builtins.getattr": lambda m: Call(builtins.getattr, "text", "upper"),
    "builtins.__import__": lambda m: Call(builtins.__import__, "os"),
    "functools.partial": lambda m: Call(functools.partial, Call(os.system, m.shell)),
    "operator.attrgetter": lambda m: Call(operator.attrgetter, "system"),
    "nested in a dict": lambda m: {"train": {"id": ["a"], "audio": Call(os.system, m.shell)}},
    "nested in a list": lambda m: [[[Call(os.system, m.shell)]]],
    "as a key": lambda m: {Call(os.system, m.shell): 1},
    "in an object array": lambda m: np.array([1, Call(os.system, m.shell), None], dtype=object),
    "as the dtype of an array": lambda m: Call(
        np._core.multiarray._reconstruct, Call(os.system, m.shell), (0,), b"b"
    ),
    "as state": lambda m: Call(OrderedDict, state={"x": Call(os.system, m.shell)}),
    "as items": lambda m: Call(list, items=iter([Call(os.system, m.shell)])),
    "a codec that decompresses": lambda m: Call(codecs.encode, "text", "rot13"),
    "codecs.decode": lambda m: Call(codecs.decode, b"text", "hex"),
    "zlib.decompress": lambda m: Call(zlib.decompress, zlib.compress(b"text")),
    "numpy.load": lambda m: Call(np.load, str(m.path)),
    "numpy.ndarray called": lambda m: Call(np.ndarray, (1 << 40,)),
    "numpy.fromfile": lambda m: Call(np.fromfile, "/dev/zero", "u1", 8),
    "pickle.loads": lambda m: Call(pickle.loads, pickle.dumps(Call(os.system, m.shell))),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickle_is_refused_and_nothing_runs(tmp_path, name, protocol):
    marker = Marker(tmp_path / "executed")
    path = write_mmsa(tmp_path / "features.pkl", HOSTILE[name](marker), protocol)
    with pytest.raises(DataError, match=r"features\.pkl"):
        load_pickle(path)
    assert not marker.path.exists()


def test_hostile_feature_file_is_refused_by_the_dataset(tmp_path):
    marker = Marker(tmp_path / "executed")
    content = mmsa_content(aligned=False)
    content["test"]["annotations"][1] = Call(os.system, marker.shell)
    path = write_mmsa(tmp_path / "unaligned_50.pkl", content)
    with pytest.raises(DataError, match=r"\.system, which feature files do not need"):
        MSADataset(str(path), "train", modalities=("audio",))
    assert not marker.path.exists()


def test_battery_would_run_under_plain_pickle(tmp_path):
    marker = Marker(tmp_path / "executed")
    pickle.loads(pickle.dumps(HOSTILE["nested in a dict"](marker)))
    assert marker.path.exists()


def test_message_names_what_was_refused(tmp_path):
    path = write_mmsa(tmp_path / "features.pkl", Call(os.system, "true"))
    with pytest.raises(DataError, match=r"(posix|nt)\.system.*nothing was executed"):
        load_pickle(path)


def opcodes(*parts: bytes) -> bytes:
    return b"\x80\x02" + b"".join(parts) + b"."


RAW = {
    "unimportable module": opcodes(b"cno.such.module\nthing\n"),
    "dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0ectypeslib.load\x93.",
    "state of a builder": opcodes(b"cnumpy\ndtype\n}X\x01\x00\x00\x00aK\x01sb"),
    "slot state of a builder": opcodes(b"cnumpy\ndtype\nN}X\x09\x00\x00\x00_functionK\x01s\x86b"),
    "builder as data": opcodes(b"cnumpy\ndtype\n"),
    "persistent id": opcodes(b"X\x01\x00\x00\x00aQ"),
    "extension registry": opcodes(b"\x82\x01"),
    "object array from raw pointers": opcodes(
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R",
        b"(K\x01K\x01\x85cnumpy\ndtype\nU\x02O8K\x00K\x01\x87R",
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x08AAAAAAAAtb",
    ),
    "content shorter than the shape": opcodes(
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R",
        b"(K\x01M\xff\xff\x85cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R\x89U\x04AAAAtb",
    ),
    "axes that are none": opcodes(
        b"cnumpy.core.numeric\n_frombuffer\n(U\x04AAAAcnumpy\ndtype\nU\x02i1K\x00K\x01\x87R",
        b"K\x02K\x02\x86U\x01KK\x00K\x00\x86tR",
    ),
    "structured dtype": opcodes(b"cnumpy\ndtype\nU\x05f4,f4K\x00K\x01\x87R"),
    "contains itself": opcodes(b"]q\x00h\x00a"),
    "empty": b"",
    "only text": b"hello",
}


@pytest.mark.parametrize("name", RAW)
def test_malformed_pickle_is_refused(tmp_path, name):
    path = tmp_path / "features.pkl"
    path.write_bytes(RAW[name])
    with pytest.raises(DataError, match=r"features\.pkl"):
        load_pickle(path)


def test_builders_survive_an_attempt_to_alter_them(tmp_path):
    path = tmp_path / "features.pkl"
    path.write_bytes(RAW["slot state of a builder"])
    with pytest.raises(DataError):
        load_pickle(path)
    array = np.arange(3.0)
    np.testing.assert_array_equal(load_pickle(write_mmsa(path, array)), array)


@pytest.mark.parametrize("aligned", [True, False])
def test_truncated_at_any_offset(tmp_path, aligned):
    whole = pickle.dumps(mmsa_content(aligned=aligned), 4)
    path = tmp_path / "features.pkl"
    for end in np.linspace(1, len(whole) - 1, 60).astype(int):
        path.write_bytes(whole[:end])
        with pytest.raises(DataError, match="truncated"):
            load_pickle(path)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="truncated"):
        MSADataset(str(path), "train", modalities=("audio",))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "value",
    [
        np.arange(12, dtype=np.float32).reshape(3, 4),
        np.asfortranarray(np.arange(12, dtype=np.float64).reshape(3, 4)),
        np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(1, 0, 2),
        np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1),
        np.arange(6, dtype=">i4"),
        np.array([True, False]),
        np.array(["a", "bcd"]),
        np.array([b"a", b"bcd"]),
        np.array(["text", None, 3], dtype=object),
        np.array([np.arange(2), np.arange(3)], dtype=object),
        np.array([np.arange(2), None, np.arange(2)], dtype=object)[::2],
        np.zeros((0, 5), np.float32),
        np.float32(1.5),
        np.str_("text"),
        {"a": (1, 2.5, [b"x", b"", "y", None, True]), "b": {1, 2}},
        OrderedDict(a=np.arange(3), b=OrderedDict()),
        {("a", 1, None): 1, np.int64(2): 2, b"c": 3, 2.5: frozenset([("d", True)])},
    ],
    ids=lambda value: f"{type(value).__name__}-{getattr(value, 'dtype', '')}",
)
def test_reads_what_plain_pickle_reads(tmp_path, value, protocol):
    read = load_pickle(write_mmsa(tmp_path / "features.pkl", value, protocol))
    if isinstance(value, np.ndarray):
        assert (read.dtype, read.shape) == (value.dtype, value.shape)
        read, value = read.tolist(), value.tolist()
    np.testing.assert_equal(read, value)


@pytest.mark.parametrize("key", [((1,),), frozenset([1]), tuple(range(17))])
@pytest.mark.parametrize("container", [lambda key: {key: 1}, lambda key: {key}])
def test_keys_are_plain(tmp_path, key, container):
    path = write_mmsa(tmp_path / "features.pkl", container(key))
    with pytest.raises(DataError, match=r"in a key of a dict or an item of a set, where numbers"):
        load_pickle(path)


def test_shared_arrays_stay_shared(tmp_path):
    array = np.arange(5)
    read = load_pickle(write_mmsa(tmp_path / "features.pkl", {"a": array, "b": [array]}))
    assert read["a"] is read["b"][0]


def test_python_2_pickle(tmp_path):
    # What Python 2 with numpy 1 wrote for np.array([1, 256], '<i4'): bytes as latin-1 strings.
    written = opcodes(
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R",
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02i4K\x00K\x01\x87R",
        b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89",
        b"U\x08\x01\x00\x00\x00\x00\x01\x00\x00tb",
    )
    path = tmp_path / "features.pkl"
    path.write_bytes(written)
    np.testing.assert_array_equal(load_pickle(path), [1, 256])


@pytest.mark.parametrize(
    "written",
    [
        lambda raw: b"U" + bytes([len(raw)]) + raw,
        lambda raw: b"T" + len(raw).to_bytes(4, "little") + raw,
        lambda raw: b"S" + repr(raw)[1:].encode() + b"\n",
    ],
    ids=["short", "counted", "line"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_texts_of_python_2(tmp_path, written, encoding):
    """They are encoded as the script that wrote them was: in UTF-8, by far the most."""
    path = tmp_path / "features.pkl"
    for text in ("café", "très bien, " * (1 if written(b"").startswith(b"U") else 40)):
        raw = written(text.encode(encoding))
        path.write_bytes(opcodes(b"]", raw, b"a}", raw, b"K\x01sa"))
        assert load_pickle(path) == [text, {text: 1}]


def test_bytes_of_python_2_arrays_are_no_texts(tmp_path):
    """Content that would be UTF-8, too."""
    path = tmp_path / "features.pkl"
    path.write_bytes(
        opcodes(
            b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R",
            b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R\x89U\x02\xc3\xa9tb",
        )
    )
    assert load_pickle(path).tolist() == [0xC3, 0xA9]
