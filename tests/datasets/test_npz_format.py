"""``.npz`` tables: sequences of every layout, and archives that are not what they say."""

import io
import struct
import warnings
import zipfile

import numpy as np
import pytest

from pgf_plugin.datasets.formats import read_table
from pgf_plugin.errors import ConfigError, DataError

COUNT = 5
LENGTHS = np.array([2, 0, 3, 1, 3])
RNG = np.random.default_rng(0)
PADDED = RNG.normal(size=(COUNT, 3, 4)).astype(np.float32)
RAGGED = np.concatenate([steps[:n] for steps, n in zip(PADDED, LENGTHS, strict=True)])


def arrays(**changes):
    table = {
        "id": np.array([f"v_{row}" for row in range(COUNT)]),
        "label": np.linspace(-1, 1, COUNT),
        "split": np.array(["train", "train", "train", "valid", "test"]),
        **changes,
    }
    return {key: value for key, value in table.items() if value is not None}


@pytest.fixture
def write(tmp_path):
    def write(save=np.savez, **changes):
        save(tmp_path / "table.npz", **arrays(**changes))
        return tmp_path / "table.npz"

    return write


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    "layout",
    [
        {"audio": PADDED, "audio_lengths": LENGTHS},
        {"audio": PADDED.astype(">f8"), "audio_lengths": LENGTHS.astype(np.uint8)},
        {"audio": np.asfortranarray(PADDED), "audio_lengths": LENGTHS},
        {"audio": RAGGED, "audio_lengths": LENGTHS},
        {"audio": RAGGED, "audio_offsets": np.r_[0, np.cumsum(LENGTHS)]},
    ],
)
def test_sequences_of_every_layout(write, save, layout):
    audio = read_table(write(save, **layout)).sequences["audio"]
    assert audio.lengths.tolist() == LENGTHS.tolist()
    np.testing.assert_allclose(audio.values, RAGGED, rtol=1e-6)
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(audio[row], PADDED[row, :length], rtol=1e-6)


def test_one_step_an_utterance_where_counts_agree(write):
    """Five steps in all and five utterances: the lengths decide."""
    vectors = RNG.normal(size=(COUNT, 4)).astype(np.float32)
    lengths = np.array([0, 2, 1, 1, 1])
    assert read_table(write(audio=vectors)).sequences["audio"].lengths.tolist() == [1] * COUNT
    ragged = read_table(write(audio=vectors, audio_lengths=lengths)).sequences["audio"]
    assert ragged.lengths.tolist() == lengths.tolist()


def test_keys_named_by_the_user(write):
    usual = dict.fromkeys(("id", "label", "split"))
    labels = {"y1": np.arange(COUNT), "y2": np.ones((COUNT, 2))}
    texts = {"words": np.array(["a"] * COUNT), "fold": np.array(["train"] * COUNT)}
    path = write(**usual, **labels, **texts, key=np.arange(COUNT), mfcc=np.ones((COUNT, 2)))
    table = read_table(
        path,
        id_column="key",
        text_column="words",
        label_column=["y1", "y2"],
        split_column="fold",
        audio_column="mfcc",
    )
    assert table.ids == list("01234")
    assert table.labels.shape == (COUNT, 3)
    assert (table.texts, list(table.sequences)) == (["a"] * COUNT, ["audio"])
    with pytest.raises(ValueError, match="Did you mean 'fold'"):
        read_table(path, id_column="key", label_column="y1", split_column="folds")


def test_keys_that_are_left_out_or_misnamed(write):
    texts = np.array(["a"] * COUNT)
    path = write(text=texts, audio=np.ones((COUNT, 2)), bert=np.ones((COUNT, 3)))
    table = read_table(path, audio_column="none", text_features_column="bert")
    assert (table.texts, list(table.sequences)) == (["a"] * COUNT, ["text"])
    assert read_table(path, text_column="none", text_features_column="none").texts == [""] * COUNT
    for option in ("text_column", "text_features_column", "audio_column", "vision_column"):
        for value in ("audoi", 0):
            with pytest.raises(ValueError, match=rf"{option} for .* must be one of .*{value!r}"):
                read_table(path, **{option: value})
    for option in ("id_column", "label_column", "split_column"):
        with pytest.raises(ValueError, match=r"a column of .* must be one of .*'?0'?"):
            read_table(path, **{option: 0})
    with pytest.raises(ConfigError, match=r"label_column must be .* got 0\.5"):
        read_table(path, label_column=0.5)
    with pytest.raises(DataError, match=r"set split_column to one of its keys \['id', 'key'"):
        read_table(write(split=None, key=texts), id_column="key")


def test_large_arrays_stay_in_the_file(write):
    audio = np.arange(COUNT * 100_000, dtype=np.float32).reshape(COUNT, -1)
    read = read_table(write(audio=audio)).sequences["audio"].values
    assert isinstance(read, np.memmap)
    np.testing.assert_array_equal(read, audio)
    read = read_table(write(np.savez_compressed, audio=audio)).sequences["audio"].values
    np.testing.assert_array_equal(read, audio)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"audio": PADDED}, r"audio must be \(N, D\), \(N, T, D\) with audio_lengths"),
        ({"audio": PADDED, "audio_lengths": LENGTHS + 1}, "reach 4, beyond its 3 steps"),
        ({"audio": PADDED, "audio_lengths": LENGTHS - 1}, "audio_lengths must not be negative"),
        ({"audio": PADDED, "audio_lengths": LENGTHS / 2}, "audio_lengths must be 5 integers"),
        ({"audio": PADDED, "audio_lengths": LENGTHS[1:]}, r"5 integers, got \(4,\)"),
        ({"audio": RAGGED, "audio_lengths": LENGTHS[::-1] * 2}, "audio has 9 rows, but id has 5"),
        ({"audio": RAGGED, "audio_offsets": np.array([0, 5, 3, 9, 9, 9])}, "nor offsets decrease"),
        ({"audio": RAGGED, "audio_offsets": np.array([1, 2, 3, 9, 9, 9])}, "must not be negative"),
        ({"label": np.zeros(4)}, "label has 4 rows, but id has 5"),
        ({"split": np.array(["a"])}, "split has 1 rows"),
        ({"id": np.array([b"\xff\xff\xff\xff"] * 5).view("<U1")}, "beyond Unicode"),
        ({"label": np.zeros(5, [("a", "f4")])}, "label is an array of dtype"),
        ({"id": np.zeros((5, 1))}, r"id must be \(N,\), one an utterance, got \(5, 1\)"),
        ({"id": np.zeros((1 << 40, 0))}, "id is an array of shape .* which holds nothing"),
        (
            {"audio": np.zeros((5, 1 << 40, 0), "f4"), "audio_lengths": LENGTHS},
            "audio is an array of shape .* which holds nothing",
        ),
    ],
)
def test_what_does_not_fit_is_named(write, changes, message):
    with pytest.raises(DataError, match=rf"table\.npz.*{message}"):
        read_table(write(**changes))


def member(shape, content=b"", dtype="<f4", version=b"\x01\x00") -> bytes:
    """A ``.npy`` file whose header says ``shape``, whatever ``content`` has."""
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}\n".encode()
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header + content


def archive(path, audio: bytes, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for key, values in arrays().items():
            buffer = io.BytesIO()
            np.save(buffer, values)
            file.writestr(f"{key}.npy", buffer.getvalue())
        file.writestr("audio.npy", audio)
    return path


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (member((5, 2), b"\0" * 36), r"audio has 36 bytes, its shape \(5, 2\) needs 40"),
        (member((5, 2), b"\0" * 44), "has 44 bytes"),
        (member((5, 1 << 40)), "has 0 bytes"),
        (member((1 << 40, 1 << 40)), "has 0 bytes"),
        (member((-5, -2), b"\0" * 40), "is none"),
        (member((5, 2), b"\0" * 40, version=b"\x09\x00"), "version"),
        (member((5,), b"\0" * 40, dtype="|O"), "pickled objects, which are not loaded"),
        (member((5, 2), b"\0" * 40, dtype="__import__('os').system('x')"), "cannot be read"),
        (b"hello", "cannot be read"),
        (b"", "cannot be read"),
    ],
)
def test_array_that_is_not_what_its_header_says(tmp_path, audio, message):
    with pytest.raises(DataError, match=rf"table\.npz.*{message}"):
        read_table(archive(tmp_path / "table.npz", audio))


def test_decompression_bomb(tmp_path):
    size = 300 << 20
    path = tmp_path / "table.npz"
    bomb = member((5, size // 20), bytes(size // 20 * 20))
    archive(path, bomb, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(DataError, match=r"claims to hold .*not unpacked"):
        read_table(path)


def test_member_that_is_larger_than_the_archive_says(tmp_path):
    """The directory of the archive says little, the compressed data are much."""
    path = archive(tmp_path / "table.npz", member((5, 2 << 20), bytes(40 << 20)), 8)
    whole = path.read_bytes()
    real, claimed = (
        struct.pack("<I", (40 << 20) + len(member((5, 2 << 20)))),
        struct.pack("<I", 200),
    )
    assert whole.count(real) == 2
    path.write_bytes(whole.replace(real, claimed))
    with pytest.raises(DataError, match=r"table\.npz"):
        read_table(path)


def test_changed_bytes_are_noticed(write):
    path = write(audio=PADDED, audio_lengths=LENGTHS)
    whole = bytearray(path.read_bytes())
    position = whole.find(PADDED.tobytes()) + 10
    whole[position] ^= 1
    path.write_bytes(whole)
    with pytest.raises(DataError, match="CRC"):
        read_table(path)


def test_truncated_at_any_offset(write):
    path = write(audio=PADDED, audio_lengths=LENGTHS)
    whole = path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for end in np.linspace(1, len(whole) - 1, 40).astype(int):
            path.write_bytes(whole[:end])
            with pytest.raises(DataError, match=r"table\.npz"):
                read_table(path)


def test_real_table_with_other_text_features(mosi_file):
    table = read_table(mosi_file, text_features_column="text_cnn")
    assert (len(table), table.sequences["text"].width) == (2199, 100)
    assert sorted(table.splits) == ["split_bclstm", "split_standard"]
    assert table.info["label_range"] == [-3.0, 3.0]


def test_transcripts_named_text(write):
    texts = np.array(["good", "bad", "so so", "fine", "no"])
    table = read_table(write(text=texts))
    assert table.texts == texts.tolist()
    assert not table.sequences


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("[Content_Types].xml", "a file of Excel or Word: save it as CSV"),
        ("archive/data.pkl", "a file of torch.save"),
        ("data.csv", "an archive of feature files or tables: unpack it"),
        ("MOSI/train.pkl", "an archive of feature files or tables: unpack it"),
        ("mosi_data.pkl", "an archive of feature files or tables: unpack it"),
        ("CMU_MOSI_COVAREP.csd", "an archive of feature files or tables: unpack it"),
        ("mosi/data.parquet", "an archive of feature files or tables: unpack it"),
        ("mosi/a.npy", "an archive of a folder: unpack it"),
    ],
)
def test_archives_that_are_none_of_numpy(tmp_path, name, advice):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(name, "x")
    with pytest.raises(DataError, match=advice):
        read_table(tmp_path / "x.zip")
