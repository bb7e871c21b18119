"""Sequences in memory and sequences still in a file are the same to whoever reads them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgf_plugin.datasets.features import FeatureTable, RaggedArray
from pgf_plugin.datasets.sequences import ArrayList, JoinedSequences, PaddedArray
from pgf_plugin.errors import DataError

LENGTHS = np.array([3, 0, 5, 1, 5, 2])
WIDTH = 4


def padded(*, from_end: bool = False, dtype=np.float64) -> PaddedArray:
    values = np.random.default_rng(0).normal(size=(len(LENGTHS), 5, WIDTH)).astype(dtype)
    return PaddedArray(values, LENGTHS, from_end=from_end)


def ragged() -> RaggedArray:
    values = np.random.default_rng(1).normal(size=(LENGTHS.sum(), WIDTH)).astype(np.float32)
    return RaggedArray.from_lengths(values, LENGTHS)


KINDS = {
    "padded": padded,
    "padded at the start": lambda: padded(from_end=True),
    "padded, of another byte order": lambda: padded(dtype=">f8"),
    "arrays": lambda: ArrayList([np.ones((length, WIDTH), int) * length for length in LENGTHS], 4),
    "ragged": ragged,
    "joined": lambda: JoinedSequences([padded(), ragged(), padded(from_end=True)]),
    "selected": lambda: padded().select(np.array([4, 0, 1, 4])),
    "cut": lambda: JoinedSequences([padded(), ragged()]).select(np.arange(11, -1, -1), 2),
}


@pytest.fixture(params=KINDS)
def sequences(request):
    return KINDS[request.param]()


def test_members_agree(sequences):
    arrays = [sequences[row] for row in range(len(sequences))]
    assert [len(array) for array in arrays] == sequences.lengths.tolist()
    assert {array.shape[1] for array in arrays} == {sequences.width} == {WIDTH}
    assert all(array.dtype == np.float32 and array.flags.aligned for array in arrays)
    assert sequences.offsets.tolist() == [0, *np.cumsum(sequences.lengths)]
    np.testing.assert_array_equal(sequences.values, np.concatenate(arrays))
    position = 0
    for row, length in enumerate(sequences.lengths):
        assert all(sequences.row_of(position + step) == row for step in range(length))
        position += length


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 1000])
def test_blocks_are_the_values_in_pieces(sequences, steps):
    blocks = list(sequences.blocks(steps * WIDTH * 4 + 3))
    np.testing.assert_array_equal(np.concatenate(blocks), sequences.values)
    assert {len(block) for block in blocks[:-1]} <= {steps}
    assert 0 < len(blocks[-1]) <= steps


def test_blocks_smaller_than_a_step_are_one_step(sequences):
    assert {len(block) for block in sequences.blocks(1)} == {1}


@settings(deadline=None, max_examples=50)
@given(data=st.data(), kind=st.sampled_from(sorted(KINDS)))
def test_selections_of_selections(data, kind):
    sequences = KINDS[kind]()
    expected = [sequences[row] for row in range(len(sequences))]
    for _ in range(data.draw(st.integers(1, 3))):
        rows = data.draw(st.lists(st.integers(0, len(expected) - 1), min_size=1, max_size=8))
        limit = data.draw(st.none() | st.integers(1, 6))
        sequences = sequences.select(np.array(rows), limit)
        expected = [expected[row][:limit] for row in rows]
    assert len(sequences) == len(expected)
    for row, array in enumerate(expected):
        np.testing.assert_array_equal(sequences[row], array)
    assert sequences.lengths.tolist() == [len(array) for array in expected]


def test_a_padded_array_is_read_only_where_it_is_asked_for(tmp_path):
    path = tmp_path / "padded.npy"
    np.save(path, np.ones((100, 50, WIDTH), np.float32))
    mapped = np.load(path, mmap_mode="r")
    table = FeatureTable(
        "", ["a"] * 100, [""] * 100, np.zeros((100, 1)), {"audio": PaddedArray(mapped, [3] * 100)}
    )
    part = table.select(np.arange(10, 20), {"audio": 2}).sequences["audio"]
    assert np.shares_memory(part[0], mapped)
    assert part.lengths.tolist() == [2] * 10


def test_parts_of_different_width_are_refused():
    with pytest.raises(DataError, match=r"differ in their number of features a step: \[2, 4\]"):
        JoinedSequences([padded(), RaggedArray(np.zeros((0, 2)), np.zeros(1, int))])


def test_sequences_without_any_step():
    empty = ArrayList([np.zeros((0, 3))] * 2, 3)
    assert empty.values.shape == (0, 3)
    assert list(empty.blocks(100)) == []
