"""Work directories: one process at a time, read-only and full ones, disks that fill up."""

import os
import re
import resource
import shlex
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from killed_runs import TrainCommand, assert_same, in_child, outcome, start_child
from mmengine.hooks import Hook

from pgf_plugin.checkpoint_files import is_intact
from pgf_plugin.cli import main
from pgf_plugin.errors import WorkDirError
from pgf_plugin.registry import HOOKS
from pgf_plugin.work_dir import claimed

pytestmark = pytest.mark.engine

HOOK = "custom_hooks += [dict(type='FullDiskHook', file='{}')]\n"
BENCH = "\nbench = dict(models={'A': dict(model=model)}, seeds=[0])\nmodel = dict()\n"


@HOOKS.register_module()
class FullDiskHook(Hook):
    """Fills the disk of ``file`` before the checkpoint of an epoch, if ``file`` is there.

    ``file`` says how: by filling it, or by a limit on the size of every file of the process.
    """

    def __init__(self, file: str, epoch: int = 3) -> None:
        self.file, self.epoch = Path(file), epoch

    def before_save_checkpoint(self, runner, checkpoint) -> None:
        if runner.epoch != self.epoch or "optimizer" not in checkpoint or not self.file.exists():
            return
        if self.file.read_text() == "limit":
            self.file.unlink()
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
            return
        fill(self.file)


def fill(file: Path) -> None:
    """Write until the disk is full."""
    with file.open("wb", buffering=0) as opened, suppress(OSError):
        while True:
            opened.write(bytes(1 << 12))


@pytest.fixture
def mounted(tmp_path):
    """Mount a small file system of its own; skip where that is not allowed."""
    folders = []

    def mount(options: str) -> Path:
        folder = tmp_path / f"disk_{len(folders)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.skip("there is no mount")
        if done.returncode:
            pytest.skip(f"mounting is not allowed: {done.stderr.strip()}")
        folders.append(folder)
        return folder

    yield mount
    for folder in folders:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def error_of(argv, capsys) -> str:
    assert main(argv) == 1
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    return printed.err


def other_commands(run: TrainCommand, tmp_path: Path) -> list[list[str]]:
    """Every command that writes into the work dir of ``run``."""
    bench, weights = tmp_path / "bench.py", tmp_path / "weights.pth"
    bench.write_text(run.config.read_text() + BENCH)
    torch.save({}, weights)
    where = ["--work-dir", str(run.work_dir)]
    test = ["test", str(run.config), str(weights), *where]
    return [[*run.argv, "--resume"], ["bench", str(bench), *where], test]


def test_a_work_dir_is_held_by_one_process_and_freed_by_its_kill(tmp_path, capsys):
    run = TrainCommand(tmp_path)
    run.kill.write_text(f"20 {int(signal.SIGSTOP)}")
    child = start_child(lambda: main(run.argv), run.output)
    try:
        _, status = os.waitpid(child, os.WUNTRACED)
        assert os.WIFSTOPPED(status), run.output.read_text()
        before = sorted(run.work_dir.rglob("*"))
        for argv in other_commands(run, tmp_path):
            told = error_of(argv, capsys)
            assert f"work_dir {run.work_dir} is in use by another process (pid {child} on " in told
            assert re.search(
                rf"on {re.escape(socket.gethostname())}, since 2\d{{3}}-\d\d-\d\d ", told
            )
            assert "Wait until it has ended, or give another folder (--work-dir DIR)" in told
            assert "To go on" not in told
        assert sorted(run.work_dir.rglob("*")) == before
        elsewhere = [*run.argv, "--work-dir", str(tmp_path / "other")]
        assert in_child(lambda: main(elsewhere), tmp_path / "elsewhere.txt") == 0
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    run.argv.append("--resume")
    status, printed = run()
    assert status == 0, printed
    assert (run.work_dir / "epoch_4.pth").is_file()


def test_a_killed_run_with_loader_workers_leaves_its_work_dir_free(tmp_path):
    run = TrainCommand(tmp_path, more="train_dataloader.update(num_workers=1)\n")
    assert run(12, signal.SIGKILL)[0] == -signal.SIGKILL
    with claimed(run.work_dir):
        pass


def test_a_work_dir_is_free_again_after_a_failure_and_a_stale_note_is_no_lock(tmp_path):
    (tmp_path / ".pgf_owner.json").write_text('{"pid": 1, "host": "elsewhere"}')
    with pytest.raises(KeyError), claimed(tmp_path):
        raise KeyError
    with claimed(tmp_path), pytest.raises(WorkDirError, match=r"in use by another.*pid \d+"):
        claimed(tmp_path).__enter__()
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.parametrize("place", ["below_a_file", "a_file", "/proc/run", "read_only"])
def test_a_folder_that_cannot_be_written_is_refused_at_once(place, tmp_path, mounted, capsys):
    run = TrainCommand(tmp_path)
    (tmp_path / "a_file").write_text("")
    run.work_dir = {
        "below_a_file": tmp_path / "a_file" / "run",
        "a_file": tmp_path / "a_file",
        "/proc/run": Path("/proc/run"),
    }.get(place) or mounted("ro")
    run.argv[3] = str(run.work_dir)
    for argv in other_commands(run, tmp_path):
        told = error_of(argv, capsys)
        what = "is read-only" if place == "read_only" else "cannot be written to"
        assert re.search(rf"work_dir {run.work_dir} {what} \(.+\): give another one", told)


def test_a_full_disk_is_found_before_the_training(tmp_path, mounted, capsys):
    disk = mounted("size=64k")
    run = TrainCommand(tmp_path)
    run.argv[3] = str(disk)
    fill(disk / "filler")
    told = error_of(run.argv, capsys)
    assert f"work_dir {disk} is full (No space left on device): make room, or give" in told
    assert sorted(path.name for path in disk.iterdir()) == ["filler"]


def test_too_little_room_for_the_checkpoints_is_found_before_the_training(
    tmp_path, mounted, capsys
):
    disk = mounted("size=1m")
    run = TrainCommand(tmp_path)
    run.argv[3] = str(disk)
    run.argv += ["model.head.hidden_features=400"]  # 0.6 MiB, thrice with the moments of AdamW
    told = error_of(run.argv, capsys)
    assert re.search(rf"{disk} has 1.0 MiB free, and 2 checkpoints of at least 1\.9 MiB", told)
    assert "max_keep_ckpts" in told
    assert not list(disk.glob("*.pth"))


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    run = TrainCommand(tmp_path_factory.mktemp("whole"))
    assert run()[0] == 0
    return outcome(run.work_dir, "epoch_4.pth")


@pytest.mark.parametrize("how", ["limit", "fill"])
def test_a_disk_that_fills_up_ends_in_an_error_and_can_be_gone_on_with(
    how, expected, tmp_path, request
):
    disk = tmp_path if how == "limit" else request.getfixturevalue("mounted")("size=3m")
    filler = disk / "filler"
    run = TrainCommand(
        tmp_path, more=f"custom_hooks += [dict(type='FullDiskHook', file='{filler}')]\n"
    )
    run.work_dir = disk / "run"
    run.argv[3] = str(run.work_dir)
    filler.write_text(how)
    status, printed = run()
    filler.unlink(missing_ok=True)
    assert status == 1
    assert "Traceback" not in printed
    assert f"pgf train: error: work_dir {run.work_dir} has become full (" in printed
    assert f"whole checkpoint is still there, {run.work_dir}/epoch_2.pth: make room" in printed
    assert not list(run.work_dir.rglob("*.tmp"))
    assert all(is_intact(path) for path in run.work_dir.glob("*.pth"))
    run.take_over(printed)
    status, printed = run()
    assert status == 0, printed
    assert_same(outcome(run.work_dir, "epoch_4.pth"), expected)


@pytest.mark.slow
def test_a_disk_that_fills_up_ends_a_bench(tmp_path):
    filler = tmp_path / "filler"
    run = TrainCommand(
        tmp_path, more=f"custom_hooks += [dict(type='FullDiskHook', file='{filler}')]\n"
    )
    bench = other_commands(run, tmp_path)[1]
    run.argv = bench
    filler.write_text("limit")
    status, printed = run()
    assert status == 1
    folder = run.work_dir / "A" / "seed_0"
    assert f"pgf bench: error: work_dir {folder} has become full (" in printed
    assert shlex.join(bench) in printed
    assert not (folder / "result.json").exists()
    run.take_over(printed)
    status, printed = run()
    assert status == 0, printed
    assert "goes on after epoch 2/4" in printed
