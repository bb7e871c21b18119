"""Files with changed bytes: whatever the change, they are read or refused, and nothing else."""

import io
import pickle
import random

import numpy as np
import pytest
from mmsa_files import mmsa_content
from table_files import ROWS, write_table

from pgf_plugin.datasets.formats import read_table
from pgf_plugin.errors import DataError

FILES = 150
FIRST_BYTES = 600  # where headers and the first instructions are


def misa() -> list:
    features = np.arange(3), np.ones((3, 2)), np.ones((3, 4), np.float32), ["so", "it", "is"]
    return [(features, np.ones((1, 1)), f"v[{row}]") for row in range(4)]


def npz(save) -> bytes:
    buffer = io.BytesIO()
    save(
        buffer, id=np.arange(4), label=np.ones(4), split=np.array(["a"] * 4), audio=np.ones((4, 2))
    )
    return buffer.getvalue()


def mmsa(protocol: int) -> bytes:
    return pickle.dumps(mmsa_content(aligned=protocol > 2), protocol)


def table(suffix: str, folder) -> bytes:
    rows = [{**row, "audio": [1.0, 2.0]} for row in ROWS]
    return write_table(folder / f"whole{suffix}", rows).read_bytes()


SEEDS = {
    "mmsa, protocol 0": (".pkl", "mmsa", lambda folder: mmsa(0)),
    "mmsa, protocol 2": (".pkl", "mmsa", lambda folder: mmsa(2)),
    "mmsa, protocol 4": (".pkl", "mmsa", lambda folder: mmsa(4)),
    "mmsa, protocol 5": (".pkl", "mmsa", lambda folder: mmsa(5)),
    "misa, protocol 2": (".pkl", "misa", lambda folder: pickle.dumps(misa(), 2)),
    "misa, protocol 4": (".pkl", "misa", lambda folder: pickle.dumps(misa(), 4)),
    "npz": (".npz", "npz", lambda folder: npz(np.savez)),
    "npz, compressed": (".npz", "npz", lambda folder: npz(np.savez_compressed)),
    "csv": (".csv", "table", lambda folder: table(".csv", folder)),
    "jsonl": (".jsonl", "table", lambda folder: table(".jsonl", folder)),
    "parquet": (".parquet", "table", lambda folder: table(".parquet", folder)),
}


def changed(rng: random.Random, whole: bytes) -> bytes:
    data = bytearray(whole)
    for _ in range(rng.choice([1, 1, 2, 5])):
        end = min(len(data), FIRST_BYTES) if rng.random() < 0.5 else len(data)
        start = rng.randrange(end)
        kind = rng.randrange(4)
        if kind == 0:
            data[start] = rng.randrange(256)
        elif kind == 1:
            del data[start : start + rng.randrange(1, 9)]
        elif kind == 2:
            data[start:start] = rng.randbytes(rng.randrange(1, 5))
        else:
            source = rng.randrange(len(data))
            data[start : start + 8] = data[source : source + 8]
    return bytes(data)


@pytest.mark.parametrize("name", SEEDS)
def test_changed_files(tmp_path, name):
    suffix, format, content = SEEDS[name]
    path, whole = tmp_path / f"data{suffix}", content(tmp_path)
    rng = random.Random(name)
    messages = []
    for _ in range(FILES):
        path.write_bytes(changed(rng, whole))
        try:
            read = read_table(path, format)
            for sequences in read.sequences.values():
                assert len(sequences.values) == sequences.lengths.sum()
        except DataError as error:
            messages.append(str(error))
    assert len(messages) > FILES / 4
    assert all(path.name in message for message in messages)
