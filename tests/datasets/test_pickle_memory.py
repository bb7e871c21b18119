"""What a pickle may cost: nothing for its arrays, and never more than its size allows."""

import pickle
import time
from pathlib import Path

import numpy as np
import pytest
from mmsa_files import write_mmsa

from pgf_plugin.datasets.formats.safe_pickle import load_pickle
from pgf_plugin.errors import DataError

PROTO = b"\x80\x04"
MEBI = 1 << 20


def got(level: int) -> bytes:
    """The instruction that takes entry ``level`` of the memo."""
    return b"h" + bytes([level])


def put(level: int) -> bytes:
    return b"q" + bytes([level])


def number(value: int) -> bytes:
    return b"K" + bytes([value])


NAMES = {"set": b"cbuiltins\nset\n", "array": b"cnumpy.core.multiarray\n_reconstruct\n"}
FLOATS = b"cnumpy\ndtype\nX\x02\x00\x00\x00f4\x85R"
OBJECTS = b"cnumpy\ndtype\nX\x02\x00\x00\x00O8K\x00K\x01\x87R"
LEVELS = range(8)
PAIRS = b"".join(got(n) * 2 + b"\x86" + put(n + 1) for n in range(60))

# Programs that are small, and what they describe would be large.
BOMBS = {
    "sets": b"](" + b"\x8f" * 3 * MEBI + b"e.",
    "memo": b"N" + b"\x94" * 8 * MEBI + b".",
    "one set again and again": (
        b"](" + number(1) * 20_000 + b"e" + put(0) + NAMES["set"] + put(1)
        + b"(" + (got(1) + got(0) + b"\x85R") * 50_000 + b"l."
    ),
    "one text encoded again and again": (
        b"X" + (200_000).to_bytes(4, "little") + b"a" * 200_000 + put(0)
        + b"c_codecs\nencode\n" + put(1) + b"X\x06\x00\x00\x00latin1" + put(2)
        + b"(" + (got(1) + got(0) + got(2) + b"\x86R") * 50_000 + b"l."
    ),
    "the same objects in many arrays": (
        b"](" + b"N" * 50_000 + b"e" + put(0) + OBJECTS + put(1) + NAMES["array"] + put(2) + b"("
        + (got(2) + b")R(K\x01J\x50\xc3\x00\x00\x85" + got(1) + b"\x89" + got(0) + b"tb") * 20_000
        + b"l."
    ),
    "billion laughs": (
        b"]" + put(0) + b"".join(b"](" + got(n) * 100 + b"e" + put(n + 1) for n in LEVELS) + b"."
    ),
    "billion laughs of tuples": (
        b")" + put(0) + b"".join(b"(" + got(n) * 200 + b"t" + put(n + 1) for n in LEVELS) + b"."
    ),
    "billion laughs of dicts": (
        b"}" + put(0)
        + b"".join(
            b"}(" + b"".join(number(key) + got(n) for key in range(200)) + b"u" + put(n + 1)
            for n in LEVELS
        )
        + b"."
    ),
    "deeply nested": b"]" * 100_000 + b"a" * 99_999 + b".",
    "deeply nested tuples": b")" + b"\x85" * 100_000 + b".",
    "deeply nested marks": b"(" * 100_000 + b"l" * 100_000 + b".",
    "nested deeper with each key": (
        b"}(" + number(0) + b")"
        + b"".join(put(1) + number(key) + got(1) + b"\x85" * 10 for key in range(1, 30))
        + b"u."
    ),
    "a key of nested tuples": b"})" + b"\x85" * 900_000 + b"Ns.",
    "an item of nested tuples": b"\x8f()" + b"\x85" * 900_000 + b"\x90.",
    "a frozen set of nested tuples": b"()" + b"\x85" * 900_000 + b"\x91.",
    "keys of an ordered dict": (
        b"ccollections\nOrderedDict\n])" + b"\x85" * 900_000 + b"N\x86a\x85R."
    ),
    "a key of shared tuples": number(1) + put(0) + PAIRS + b"}" + got(60) + b"Ns.",
    "a dtype of shared tuples": (
        number(1) + put(0) + PAIRS + b"cnumpy\ndtype\n" + got(60) + b"\x85R."
    ),
    "one long key again and again": (
        b"(" + number(1) * 100_000 + b"t" + put(0) + b"}(" + (got(0) + b"N") * 100_000 + b"u."
    ),
    "bytes that are not there": b"\x8e" + (1 << 40).to_bytes(8, "little") + b"abc.",
    "text that is not there": b"\x8d" + (1 << 62).to_bytes(8, "little") + b"abc.",
    "an array that is not there": (
        b"cnumpy.core.numeric\n_frombuffer\n(C\x04abcd" + FLOATS
        + b"J\xff\xff\xff\x7f\x85X\x01\x00\x00\x00CtR."
    ),
    "an index of the memo beyond all": b"](r\xff\xff\xff\xffj\xff\xff\xff\x7fe.",
    "an integer without end": b"\x8b" + MEBI.to_bytes(4, "little") + b"\x01" * MEBI + b".",
    "digits without end": b"I" + b"9" * MEBI + b"\n.",
    "a line without end": b"c" + b"a" * MEBI,
}  # fmt: skip


@pytest.fixture
def gibibyte():
    """Lets this process claim one GiB more than it has, and no more."""
    resource = pytest.importorskip("resource")
    status = Path("/proc/self/statm")
    if not status.exists():
        pytest.skip("the limit is set from what Linux says of the process")
    used = int(status.read_text().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_refused_before_it_fills_the_memory(tmp_path, gibibyte, name):
    path = tmp_path / "features.pkl"
    path.write_bytes(PROTO + BOMBS[name])
    begin = time.perf_counter()
    with pytest.raises(DataError, match=r"features\.pkl") as caught:
        load_pickle(path)
    assert "MemoryError" not in str(caught.value)
    assert time.perf_counter() - begin < 20


@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize("shape", [(1 << 40, 0), (2, 1 << 40, 0), (0, 1 << 40)])
def test_arrays_of_nothing_are_not_large(tmp_path, shape, protocol):
    path = write_mmsa(tmp_path / "features.pkl", {"id": np.zeros(shape, np.float32)}, protocol)
    with pytest.raises(DataError, match=r"features\.pkl: an array of shape .* which holds nothing"):
        load_pickle(path)


def lies_in_a_mapped_file(array: np.ndarray) -> bool:
    base = array
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base, memoryview) and type(base.obj).__name__ == "mmap"


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_arrays_are_views_of_the_file(tmp_path, protocol):
    value = {"a": np.arange(6000, dtype=np.float32).reshape(20, 300), "b": [np.arange(99.0)]}
    read = load_pickle(write_mmsa(tmp_path / "features.pkl", value, protocol))
    for array, expected in ((read["a"], value["a"]), (read["b"][0], value["b"][0])):
        assert lies_in_a_mapped_file(array)
        assert not array.flags.writeable
        np.testing.assert_array_equal(array, expected)


def test_arrays_of_python_2_are_views_of_the_file(tmp_path):
    raw = np.arange(500, dtype="<i4").tobytes()
    program = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01M\xf4\x01\x85cnumpy\ndtype\nU\x02i4K\x00K\x01\x87R"
        b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"T" + len(raw).to_bytes(4, "little") + raw + b"tb."
    )
    path = tmp_path / "features.pkl"
    path.write_bytes(program)
    array = load_pickle(path)
    assert lies_in_a_mapped_file(array)
    np.testing.assert_array_equal(array, np.arange(500))


def test_long_texts_and_bytes_are_what_they_were(tmp_path):
    long = {"text": "\u4f60\u597d\ud800 " * 500, "bytes": bytes(range(256)) * 3, "key" * 200: 1}
    value = [long, long["text"], {long["bytes"]}, (long["bytes"],)]
    for protocol in (2, 3, 4, 5):
        read = load_pickle(write_mmsa(tmp_path / f"{protocol}.pkl", value, protocol))
        assert read == value
        assert type(read[0]["bytes"]) is bytes


@pytest.mark.parametrize("protocol", [0, 1])
def test_oldest_protocols(tmp_path, protocol):
    value = {
        "text": "a \u00e4 \u4f60 \\ ' \" \n",
        "numbers": [0, 1, -5, 300, 70000, 1 << 40, 2.5, float("inf"), True, False, None],
        "array": np.arange(300, dtype=np.float64).reshape(3, 100),
        "tuple": ((), (1,), (1, 2, 3, 4)),
    }
    read = load_pickle(write_mmsa(tmp_path / "features.pkl", value, protocol))
    np.testing.assert_equal(read, value)
    assert [type(number) for number in read["numbers"]] == [type(n) for n in value["numbers"]]


def test_objects_of_equal_shape_stay_apart(tmp_path):
    array = np.empty(2, object)
    array[0], array[1] = np.arange(3), np.arange(3, 6)
    lists = np.empty(2, object)
    lists[0], lists[1] = [1, 2], [3, 4]
    read = load_pickle(write_mmsa(tmp_path / "features.pkl", [array, lists]))
    assert [each.shape for each in read] == [(2,), (2,)]
    assert read[0][1].tolist() == [3, 4, 5]
    assert read[1][1] == [3, 4]


def test_many_small_objects_are_within_the_budget(tmp_path):
    value = [
        ((["word"] * 9, np.zeros((3, 2)), np.ones((3, 4))), [[0.5]], f"v[{row}]")
        for row in range(3000)
    ]
    for protocol in (2, 4):
        read = load_pickle(write_mmsa(tmp_path / "train.pkl", value, protocol))
        assert len(read) == 3000
        assert read[2999][2] == "v[2999]"
    numbers = list(range(300_000))
    assert load_pickle(write_mmsa(tmp_path / "numbers.pkl", numbers)) == numbers


def test_file_may_be_deleted_while_its_arrays_are_in_use(tmp_path):
    path = write_mmsa(tmp_path / "features.pkl", np.arange(10_000))
    array = load_pickle(path)
    path.unlink()
    assert array.sum() == np.arange(10_000).sum()
    assert pickle.loads(pickle.dumps(array)).flags.writeable
