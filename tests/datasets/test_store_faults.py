"""Conversions that end too early: kills, full disks, two at once."""

import multiprocessing
import random
import resource
import signal
import time

import numpy as np
import pytest
from forked import run_forked
from mmsa_files import mmsa_content, write_mmsa

from pgf_plugin.cli import main
from pgf_plugin.datasets.features import FeatureTable, RaggedArray
from pgf_plugin.datasets.store import open_store, verify_store, write_store

COUNT = 150


class Slow(RaggedArray):
    """Sequences that take their time, so that there is one to stop their writing."""

    def __getitem__(self, index):
        time.sleep(0.004)
        return super().__getitem__(index)


def slow_table():
    return FeatureTable(
        source="synthetic",
        ids=[str(row) for row in range(COUNT)],
        texts=["text"] * COUNT,
        labels=np.zeros((COUNT, 1), np.float32),
        sequences={"audio": Slow.from_lengths(np.ones((2 * COUNT, 4), np.float32), [2] * COUNT)},
        splits={"split": np.array(["train"] * COUNT)},
    )


def converting(target, force=False):
    """A process that writes a store, begun."""
    context = multiprocessing.get_context("fork")
    process = context.Process(
        target=write_store, args=(slow_table(), target), kwargs={"force": force}
    )
    process.start()
    return process


def kill_after(process, seconds):
    time.sleep(seconds)
    process.kill()
    process.join()


@pytest.mark.parametrize("moment", range(6))
def test_a_killed_conversion_leaves_no_half_store(moment, tmp_path):
    target = tmp_path / "store"
    kill_after(converting(target), random.Random(moment).uniform(0.02, 0.9))
    if target.exists():
        assert verify_store(target) == []
    write_store(slow_table(), target, force=True)
    assert len(open_store(target)) == COUNT
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


@pytest.mark.parametrize("moment", range(3))
def test_a_killed_replacement_keeps_the_store_before(moment, tmp_path):
    target = write_store(slow_table(), tmp_path / "store")
    before = {path.name: path.read_bytes() for path in target.iterdir()}
    kill_after(converting(target, force=True), random.Random(moment).uniform(0.02, 0.5))
    assert {path.name: path.read_bytes() for path in target.iterdir()} == before


def test_two_conversions_of_one_store_do_not_mix(tmp_path):
    target = tmp_path / "store"
    first = converting(target)
    time.sleep(0.2)
    with pytest.raises(BlockingIOError, match="is being written by another process"):
        write_store(slow_table(), target)
    first.join()
    assert first.exitcode == 0
    assert verify_store(target) == []


def test_a_full_disk_is_told_and_nothing_is_left(tmp_path):
    content = mmsa_content(aligned=False)
    content["train"]["audio"] = np.ones((6, 9000, 5), np.float32)
    content["train"]["audio_lengths"] = [9000] * 6
    for split in ("valid", "test"):
        count = len(content[split]["id"])
        content[split]["audio"] = np.ones((count, 9000, 5), np.float32)
        content[split]["audio_lengths"] = [9000] * count
    file = write_mmsa(tmp_path / "unaligned_50.pkl", content)

    def convert():
        # What a full disk does: writes fail half-way.
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        return main(["data", "convert", str(file), str(tmp_path / "store")])

    status, printed = run_forked(convert)
    assert status == 1
    assert "is not written, and nothing of it is left" in printed
    assert [path.name for path in tmp_path.iterdir()] == ["unaligned_50.pkl"]


def test_convert_tells_what_was_read_written_and_goes_into_a_config(tmp_path, capsys):
    file = write_mmsa(tmp_path / "unaligned_50.pkl", mmsa_content(aligned=False))
    assert main(["data", "convert", str(file), str(tmp_path / "store")]) == 0
    told = capsys.readouterr().out
    assert "format mmsa" in told
    assert "train 6, valid 3, test 4" in told
    assert "dataset = dict(type='MSADataset'" in told
    assert main(["data", "verify", str(tmp_path / "store")]) == 0
    assert "sound" in capsys.readouterr().out
    (tmp_path / "store" / "audio.npy").write_bytes(b"")
    assert main(["data", "verify", str(tmp_path / "store")]) == 1
    assert "audio.npy has 0 bytes instead of" in capsys.readouterr().out
    assert main(["data", "convert", str(file), str(tmp_path / "store")]) == 1
    assert "--force" in capsys.readouterr().err
