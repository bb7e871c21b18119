"""Ctrl-C and SIGTERM, sent to real processes: they end cleanly and can be gone on with."""

import os
import random
import signal
import time
from pathlib import Path

import pytest
from killed_runs import NoisySynthetic, TrainCommand, assert_same, outcome, start_child

from pgf_plugin.checkpoint_files import find_resumable
from pgf_plugin.cli import main
from pgf_plugin.registry import DATASETS

pytestmark = pytest.mark.engine

LOOPS = {"epochs": ("epoch_4.pth", 56), "steps": ("iter_11.pth", 44)}
"""By loop, its last checkpoint, and how many moments a hook sees."""


@pytest.fixture(scope="module", params=LOOPS)
def undisturbed(request, tmp_path_factory):
    """(kind of loop, outcome of its run)."""
    folder = tmp_path_factory.mktemp(request.param)
    run = TrainCommand(folder, request.param)
    status, printed = run()
    assert status == 0, printed
    assert "Best checkpoint" in printed
    return request.param, outcome(run.work_dir, LOOPS[request.param][0])


def check(undisturbed, folder: Path, seed: int) -> None:
    """Interrupt up to three times, go on as told each time, and compare the ends."""
    (loop, expected), drawn = undisturbed, random.Random(seed)
    last, moments = LOOPS[loop]
    run, interrupted = TrainCommand(folder, loop), 0
    while True:
        signum = drawn.choice((signal.SIGINT, signal.SIGTERM))
        moment = drawn.randrange(moments) if interrupted < 3 else None
        status, printed = run(moment, signum)
        run.kill.unlink(missing_ok=True)
        assert "Traceback" not in printed
        if status == 0:
            break
        assert status == {signal.SIGINT: 130, signal.SIGTERM: 143}[signum], printed
        interrupted += 1
        run.take_over(printed)
        assert not list(run.work_dir.glob("*.tmp"))
    assert interrupted > 0
    assert_same(end(outcome(run.work_dir, last), last), end(expected, last))


def end(found: dict, last: str) -> dict:
    """Leave out the checkpoint before the last, which may be one that was saved for a signal."""
    files = [name for name in found["files"] if name == last or name.startswith("best")]
    return {**found, "files": files, "resume": found["resume"][last]}


def test_an_interrupted_run_goes_on_to_the_same_end(undisturbed, tmp_path):
    check(undisturbed, tmp_path, 0)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(1, 40))
def test_an_interrupted_run_goes_on_to_the_same_end_always(undisturbed, tmp_path, seed):
    check(undisturbed, tmp_path, seed)


def test_a_loop_of_steps_saves_the_step(tmp_path):
    run = TrainCommand(tmp_path, "steps")
    status, printed = run(13)  # in the fifth step, between checkpoints
    assert status == 130
    assert "pgf train: interrupted after step 5 of 11." in printed
    assert find_resumable(run.work_dir).path == run.work_dir / "iter_5.pth"
    assert f"Saved: {run.work_dir}/iter_5.pth. To go on from it:" in printed
    run.take_over(printed)
    assert run.argv[-1] == "--resume"
    assert run.argv[1:-1] == TrainCommand(tmp_path, "steps").argv[1:]


def test_a_loop_of_epochs_goes_on_from_the_last_epoch(tmp_path):
    run = TrainCommand(tmp_path, "epochs")
    status, printed = run(3)
    assert status == 130
    assert "pgf train: interrupted in epoch 1 of 4" in printed
    assert "Nothing was saved yet. To begin anew:" in printed
    run.take_over(printed)
    assert run.argv == TrainCommand(tmp_path, "epochs").argv
    status, printed = run(30)
    assert "interrupted in epoch 3 of 4" in printed
    assert f"Saved: {run.work_dir}/epoch_2.pth." in printed


def test_an_epoch_that_is_being_validated_is_saved(tmp_path):
    run = TrainCommand(tmp_path, "epochs")
    status, printed = run(9)  # before its validation
    assert status == 130
    assert f"interrupted after epoch 1 of 4. Saved: {run.work_dir}/epoch_1.pth." in printed
    assert list(run.work_dir.glob("best_MAE_epoch_1.pth"))


def test_a_run_in_a_used_folder_does_not_go_on_from_the_one_before(tmp_path):
    run = TrainCommand(tmp_path, more="train_cfg.update(max_epochs=2)\n")
    assert run()[0] == 0
    status, printed = run(2)
    assert status == 130
    assert "has checkpoints of an earlier run: this run begins at its first step" in printed
    assert f"resume=True load_from={run.work_dir}/epoch_2.pth" in printed
    assert "Nothing was saved yet. To begin anew" in printed
    run.argv.append("--resume")
    status, printed = run(16)
    assert status == 130
    assert "no checkpoint yet" in printed
    assert f"Saved: {run.work_dir}/epoch_1.pth" in printed


@DATASETS.register_module()
class SlowSynthetic(NoisySynthetic):
    def __getitem__(self, index: int) -> dict:
        time.sleep(0.05)
        return super().__getitem__(index)


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_in_a_terminal_reaches_the_workers_too(tmp_path, presses):
    """A second Ctrl-C does not wait for the end of the step, or of the validation."""
    count = 10 if presses == 1 else 10_000
    source = f"val_dataloader.update(dataset=dict(type='SlowSynthetic', count={count}))\n"
    source += "train_dataloader.update(num_workers=1)\nlog_level = 'INFO'\n"
    run = TrainCommand(tmp_path, more=source)

    def in_a_group_of_its_own() -> int:
        os.setpgrp()
        return main(run.argv)

    child = start_child(in_a_group_of_its_own, run.output)
    for _ in range(600):
        if run.output.exists() and "[1][4/4]" in run.output.read_text():  # its last step
            break
        time.sleep(0.1)
    time.sleep(0.2)  # in its validation
    for _ in range(presses):
        os.killpg(child, signal.SIGINT)
        time.sleep(0.5)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 130
    printed = run.output.read_text()
    assert "Traceback" not in printed
    assert "pgf: the run ends as soon as it can be resumed exactly" in printed
    assert ("pgf: stopped at once" in printed) is (presses == 2)
    assert ("Saved: " in printed) is (presses == 1)
