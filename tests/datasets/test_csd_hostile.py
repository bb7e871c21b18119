"""Computational sequences that are damaged, lie, or reach for what is not theirs."""

import re
import resource
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from csd_files import regular, synthetic_sequences, write_csd, write_folder

from pgf_plugin.datasets.formats.csd import read_csd
from pgf_plugin.errors import DataError

h5py = pytest.importorskip("h5py", reason="needs h5py: pip install pgf-plugin[mmsdk]")
read = partial(read_csd, folds={"train": ["one", "two", "three"]})

AUDIO = "COVAREP/data/two/features"


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path, synthetic_sequences())


def read_all(folder):
    table = read(folder, align="words")
    return [sequences.values for sequences in table.sequences.values()]


def replace_with(make):
    """Change the audio of one video to what ``make(group, name)`` creates."""

    def change(folder):
        with h5py.File(folder / "COVAREP.csd", "a") as file:
            del file[AUDIO]
            make(file["COVAREP/data/two"], "features")

    return change


def virtual(group, name):
    layout = h5py.VirtualLayout((1200, 3), "f4")
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", (1200, 3))
    group.create_virtual_dataset(name, layout)


def filled(group, name):
    """Half a terabyte, of which nothing is stored."""
    group.create_dataset(name, (1 << 35, 3), "f4", chunks=(1 << 20, 3))


def unallocated(group, name):
    group.create_dataset(name, (1 << 35, 3), "f4")


def chunk(group, name, packed, shape=(1200, 3), chunks=None):
    made = group.create_dataset(
        name, shape, "f4", chunks=chunks or shape, compression="gzip", maxshape=(None, 3)
    )
    made.id.write_direct_chunk((0, 0), packed)


def bomb(group, name):
    """A gigabyte in a chunk that claims 14 kB."""
    packer = zlib.compressobj(9)
    first, again = (
        packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2)
    )
    chunk(group, name, first + again * 1023)


def huge_chunk(group, name):
    """One chunk that claims more than the file could hold, of an array that does not."""
    chunk(group, name, zlib.compress(bytes(14400)), chunks=(1 << 26, 3))


def cut_chunk(group, name):
    chunk(group, name, zlib.compress(np.ones((1200, 3), "f4").tobytes())[:-2])


def lzf(group, name):
    group.create_dataset(name, data=np.zeros((1200, 3), "f4"), compression="lzf")


def compressed_text(group, name):
    texts = np.array([["a"] * 3] * 1200, object)
    group.create_dataset(name, data=texts, dtype=h5py.string_dtype(), compression="gzip")


def references(group, name):
    made = group.create_dataset(name, (1200, 3), h5py.ref_dtype)
    made[0, 0] = group.ref


HOSTILE = {
    "external link": (
        replace_with(lambda g, n: g.__setitem__(n, h5py.ExternalLink("other.csd", "/x"))),
        r"COVAREP\.csd, /COVAREP/data/two/features is a link to another place .ExternalLink",
    ),
    "soft link": (
        replace_with(lambda g, n: g.__setitem__(n, h5py.SoftLink("/COVAREP/data/one/features"))),
        "two/features is a link to another place .SoftLink",
    ),
    "group for an array": (
        replace_with(lambda g, n: g.create_group(n)),
        "two/features must be a dataset, got Group",
    ),
    "virtual array": (replace_with(virtual), "two/features takes its values from other files"),
    "array in another file": (
        replace_with(
            lambda g, n: g.create_dataset(
                n, (1200, 3), "f4", external=[("/etc/hostname", 0, h5py.h5f.UNLIMITED)]
            )
        ),
        "two/features takes its values from other files",
    ),
    "references": (replace_with(references), "two/features has the type object"),
    "compound type": (
        replace_with(lambda g, n: g.create_dataset(n, (1200, 3), [("x", "f4")])),
        "two/features has the type",
    ),
    "opaque type": (
        replace_with(lambda g, n: g.create_dataset(n, (1200, 3), "V8")),
        "two/features has the type",
    ),
    "nothing stored": (replace_with(filled), "claim more than 100 times the file's size"),
    "nothing allocated": (replace_with(unallocated), r"claims \d+ bytes .* not stored"),
    "bomb": (replace_with(bomb), "a chunk does not unpack to the 14400 bytes"),
    "huge chunk": (replace_with(huge_chunk), "claim more than 100 times the file's size"),
    "cut chunk": (replace_with(cut_chunk), "a chunk does not unpack"),
    "unknown filter": (replace_with(lzf), "passes the filter b'lzf'; gzip is read"),
    "compressed text": (replace_with(compressed_text), "compressed text of variable length"),
    "no shape": (
        replace_with(lambda g, n: g.create_dataset(n, data=h5py.Empty("f4"))),
        "features has no shape",
    ),
    "vector": (
        replace_with(lambda g, n: g.create_dataset(n, data=np.zeros(1200))),
        r"features must be \(T, D\), got \(1200,\)",
    ),
    "other width": (
        replace_with(lambda g, n: g.create_dataset(n, data=np.zeros((1200, 4)))),
        r"\(1200, 4\), but those of the first video are numbers of 3 a step",
    ),
    "axes swapped": (
        replace_with(lambda g, n: g.create_dataset(n, data=np.zeros((3, 1200)))),
        r"\(3, 1200\), but those of the first video are numbers of 3 a step",
    ),
    "other length": (
        replace_with(lambda g, n: g.create_dataset(n, data=np.zeros((1199, 3)))),
        r"intervals must be numbers \(1199, 2\), one start and end for each step",
    ),
    "no features": (replace_with(lambda g, n: None), "two/features: there is no such dataset"),
}


@pytest.fixture
def little_memory():
    """Little more address space than is in use now."""
    status = Path("/proc/self/status")
    if not status.is_file():
        pytest.skip("needs /proc to tell how much memory is in use")
    used = int(re.findall(r"VmSize:\s*(\d+)", status.read_text())[0]) << 10
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (200 << 20), limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_refused_by_name(folder, name, little_memory):
    change, message = HOSTILE[name]
    change(folder)
    with pytest.raises(DataError, match=message):
        read_all(folder)


def test_unharmed_files_are_read(folder, little_memory):
    read_all(folder)


@pytest.mark.parametrize("name", ["nothing stored", "bomb"])
def test_h5py_itself_takes_all_memory(folder, name, little_memory):
    HOSTILE[name][0](folder)
    with h5py.File(folder / "COVAREP.csd") as file, pytest.raises((MemoryError, OSError)):
        file[AUDIO][...]


def rewrite_intervals(folder, file, video, change):
    with h5py.File(folder / f"{file}.csd", "a") as handle:
        (root,) = handle
        intervals = handle[f"{root}/data/{video}/intervals"]
        intervals[...] = change(intervals[...])


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("COVAREP", lambda i: i[:, ::-1], "1200 intervals are not finite or end before they start"),
        ("words", lambda i: i * np.nan, r"words\.csd, video 'two': 24 intervals are not finite"),
        ("Opinion_Segment_Labels", lambda i: i * np.inf, "4 intervals are not finite"),
    ],
)
def test_intervals_that_are_none(folder, file, change, message):
    rewrite_intervals(folder, file, "two", change)
    with np.errstate(invalid="ignore"), pytest.raises(DataError, match=message):
        read_all(folder)


def test_sequences_that_share_no_segment(folder):
    for video in ("one", "two", "three"):
        rewrite_intervals(folder, "COVAREP", video, lambda i: i * 1000 + 20_000)
    message = r"COVAREP\.csd and .*Labels\.csd share videos, but no segment.*step ends at 32000"
    with pytest.raises(DataError, match=message):
        read(folder)
    with pytest.raises(DataError, match=r"COVAREP\.csd and .*words\.csd share videos"):
        read(folder, align="words")


def test_sequences_that_share_no_video(folder):
    other = {f"x{video}": each for video, each in synthetic_sequences()["COVAREP"].items()}
    write_csd(folder / "COVAREP.csd", "COVAREP", other)
    message = r"Opinion_Segment_Labels\.csd.* and COVAREP\.csd.* share no video: \['one'.*'xone'"
    with pytest.raises(DataError, match=message):
        read(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda f: f.move("COVAREP/data", "COVAREP/other"),
            "in 'COVAREP': a computational",
        ),
        (lambda f: f.create_group("second"), "'second'.* at the top: a computational sequence"),
        (lambda f: f["COVAREP/data"].clear(), "has no video in it"),
        (
            lambda f: f["COVAREP/metadata"].__setitem__("dimension names", np.zeros(3)),
            r"metadata 'dimension names' must be one text, got float64 \(3,\)",
        ),
        (
            lambda f: f["COVAREP"].__setitem__("more", h5py.ExternalLink("/etc/passwd", "/")),
            None,
        ),
    ],
)
def test_hdf5_that_is_no_csd(folder, change, message):
    with h5py.File(folder / "COVAREP.csd", "a") as file:
        change(file)
    if message is None:  # what is not asked for is not looked at
        read_all(folder)
        return
    with pytest.raises(DataError, match=message):
        read(folder)


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"text", None])
def test_files_that_are_no_hdf5(folder, content):
    path = folder / "COVAREP.csd"
    path.write_bytes(path.read_bytes()[:-3000] if content is None else content)
    with pytest.raises(DataError, match=r"COVAREP\.csd cannot be read as HDF5"):
        read(folder)


def test_text_of_variable_length_is_bounded(tmp_path):
    # Every word refers to the same megabyte: a small file of 40 GB of text.
    labels = synthetic_sequences()["Opinion Segment Labels"]
    write_csd(tmp_path / "labels.csd", "labels", labels)
    path = tmp_path / "words.csd"
    with h5py.File(path, "w") as file:
        data = file.create_group("words/data")
        for video in ("one", "two", "three"):
            data[f"{video}/intervals"] = regular(40_000, 0.0003)
            data.create_dataset(f"{video}/features", (40_000, 1), h5py.string_dtype())
        data["one/features"][0] = "long" * 250_000
        address = data["one/features"].id.get_offset()
    raw = bytearray(path.read_bytes())
    pointer = raw[address : address + 16]
    raw[address : address + 16 * 40_000] = pointer * 40_000
    path.write_bytes(raw)
    with pytest.raises(DataError, match="holds more text than the file could store"):
        read(tmp_path)


def test_text_of_variable_length_is_read(tmp_path):
    sequences = synthetic_sequences()
    expected = read(write_folder(tmp_path, sequences)).texts
    for video, (intervals, words) in sequences["words"].items():
        texts = np.array([[word.decode()] for (word,) in words], object)
        sequences["words"][video] = (intervals, texts)
    write_csd(tmp_path / "words.csd", "words", sequences["words"])
    assert read(tmp_path).texts == expected


def test_compressed_chunks_are_read_as_h5py_does(folder):
    with h5py.File(folder / "COVAREP.csd", "a") as file:
        expected = {video: file[f"COVAREP/data/{video}/features"][...] for video in ("one", "two")}
        options = {
            "one": dict(compression="gzip", shuffle=True, chunks=(7, 2)),
            "two": dict(chunks=(500, 3), dtype=">f4", maxshape=(None, 3)),
        }
        for video, values in expected.items():
            del file[f"COVAREP/data/{video}/features"]
            file.create_dataset(f"COVAREP/data/{video}/features", data=values, **options[video])
    sequence = read(folder).sequences["audio"]
    for video in (0, 2):
        name = sequence.utterances.videos[video]
        np.testing.assert_array_equal(sequence.file.read(name).features, expected[name])
