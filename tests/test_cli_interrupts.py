"""Ctrl-C and SIGTERM, sent to real processes: they end cleanly and can be gone on with."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from killed_runs import TrainCommand, assert_same, outcome

from pgf_plugin.checkpoint_files import find_resumable

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


@pytest.mark.parametrize("seed", range(2))
def test_an_interrupted_run_goes_on_to_the_same_end(undisturbed, tmp_path, seed):
    check(undisturbed, tmp_path, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 40))
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


def test_a_run_in_a_used_folder_does_not_go_on_from_the_one_before(undisturbed, tmp_path):
    loop, expected = undisturbed
    other = TrainCommand(tmp_path, loop)
    other.argv[5] = "4"
    assert other()[0] == 0
    run = TrainCommand(tmp_path, loop)
    status, printed = run(2)
    assert status == 130
    assert "has checkpoints of an earlier run: this run begins at its first step" in printed
    assert ("Nothing was saved" in printed) is (loop == "epochs")
    run.argv = [*TrainCommand(tmp_path, loop).argv, "--resume"]
    status, printed = run()
    assert status == 0
    assert ("no checkpoint yet" in printed) is (loop == "epochs")
    best = [path for path in run.work_dir.glob("best_*") if path.name not in expected["files"]]
    for path in best:  # of the other run
        path.unlink()
    assert outcome(run.work_dir, LOOPS[loop][0])["files"] == expected["files"]
    ours, theirs = (o["state"] for o in (outcome(run.work_dir, LOOPS[loop][0]), expected))
    assert_same(ours, theirs)


SLOW = """
import time

from killed_runs import NoisySynthetic
from pgf_plugin.registry import DATASETS


@DATASETS.register_module()
class Slow(NoisySynthetic):
    def __getitem__(self, index):
        time.sleep(0.05)
        return super().__getitem__(index)
"""


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_in_a_terminal_reaches_the_workers_too(tmp_path, presses):
    """A second Ctrl-C does not wait for the end of the step, or of the validation."""
    (tmp_path / f"slow_{tmp_path.name}.py").write_text(SLOW)
    count = 10 if presses == 1 else 10_000
    run = TrainCommand(tmp_path, "epochs")
    run.config.write_text(
        f"custom_imports = dict(imports=['slow_{tmp_path.name}'])\n"
        + run.config.read_text().replace(
            'type="NoisySynthetic", count=6', f'type="Slow", count={count}'
        )
        + "train_dataloader.update(num_workers=1)\nlog_level = 'INFO'\n"
    )
    paths = [str(tmp_path), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    process = subprocess.Popen(
        [sys.executable, "-m", "pgf_plugin", *run.argv],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    with process.stdout as lines:
        assert any("[1][4/4]" in line for line in lines)  # its last step; the validation follows
        time.sleep(0.3)
        os.killpg(process.pid, signal.SIGINT)
        if presses == 2:
            time.sleep(0.6)
            os.killpg(process.pid, signal.SIGINT)
        printed = lines.read()
    assert process.wait() == 130
    assert "Traceback" not in printed
    assert "pgf: the run ends as soon as it can be resumed exactly" in printed
    assert ("pgf: stopped at once" in printed) is (presses == 2)
    assert ("Saved: " in printed) is (presses == 1)
