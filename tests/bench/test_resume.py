"""A bench whose trials are killed and gone on with: the same numbers as of an undisturbed one."""

import json
import os
import random
import shlex
import shutil
import signal
from pathlib import Path

import pytest
import torch
from killed_benches import BenchCommand
from killed_runs import assert_same
from mmengine.config import Config

from pgf_plugin.bench import Trial, TrialResult
from pgf_plugin.bench.resume import prepare_folder
from pgf_plugin.compat import only_weights_loaded
from pgf_plugin.errors import DataError

MOMENTS = 59
"""Of a trial: four epochs with validation, the test, and what may come after."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> BenchCommand:
    bench = BenchCommand(tmp_path_factory.mktemp("undisturbed"))
    status, printed = bench()
    assert status == 0, printed
    return bench


def check(undisturbed: BenchCommand, folder: Path, seed: int, most: int) -> None:
    """Kill and interrupt the bench until ``most`` signals have hit, and compare the end."""
    bench, drawn, hits = BenchCommand(folder), random.Random(seed), 0
    codes = {signal.SIGKILL: -9, signal.SIGINT: 130, signal.SIGTERM: 143}
    while hits < most:
        signum = drawn.choice(list(codes))
        trial = drawn.choice(["Mean/", "Last/"])
        status, printed = bench(f"{drawn.randrange(MOMENTS)} {int(signum)} {trial}")
        bench.kill.unlink(missing_ok=True)
        if status == 0:
            break
        hits += 1
        assert status == codes[signum], printed
        if signum != signal.SIGKILL:
            assert f"  python -m pgf_plugin {shlex.join(bench.argv)}\n" in printed
    status, printed = bench()
    assert status == 0, printed
    assert hits > 0
    assert_same(bench.results(), undisturbed.results())
    assert bench.table() == undisturbed.table()


def test_a_killed_bench_ends_with_the_same_table(undisturbed, tmp_path):
    check(undisturbed, tmp_path, 0, most=1)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(1, 40))
def test_a_killed_bench_ends_with_the_same_table_always(undisturbed, tmp_path, seed):
    check(undisturbed, tmp_path, seed, most=4)


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Path:
    """The folder of a trial that was killed in its last epoch, with its bench above."""
    return killed_trial(tmp_path_factory.mktemp("killed"))


def killed_trial(folder: Path, more: str = "") -> Path:
    bench = BenchCommand(folder, more)
    status, printed = bench(f"45 {int(signal.SIGKILL)}", "--models", "Mean")
    assert status == -signal.SIGKILL, printed
    trial = bench.work_dir / "Mean" / "seed_0"
    assert (trial / "epoch_3.pth").exists()
    return trial


def trial_of(folder: Path, fingerprint: str | None = None) -> Trial:
    begun = json.loads((folder / "begun.json").read_text())["fingerprint"]
    return Trial("Mean", 0, Config(), folder, fingerprint or begun)


@pytest.mark.slow
def test_a_trial_goes_on_and_says_so(undisturbed, tmp_path):
    bench = BenchCommand(tmp_path)
    status, _ = bench(f"45 {int(signal.SIGKILL)} Mean/")
    trial = bench.work_dir / "Mean" / "seed_0"
    log = (trial / "console.log").read_text()
    newest = trial / "epoch_3.pth"
    newest.write_bytes(newest.read_bytes()[:5000])
    status, printed = bench(f"30 {int(signal.SIGINT)} Last/")
    assert status == 130
    assert f"Mean, seed 0: {newest}: damaged or truncated; resuming from the one before" in printed
    assert "Mean, seed 0: goes on after epoch 2/4" in printed
    assert "epoch 2/4, validation" not in printed.partition("Last, seed 0")[0]
    assert (trial / "console.log").read_text().startswith(log)
    assert "pgf bench: interrupted in epoch 3 of 4. Finished trials are kept" in printed
    assert "Traceback" not in printed
    status, printed = bench()
    assert status == 0
    assert "Mean, seed 0: finished before" in printed
    assert "Last, seed 0: goes on after epoch 2/4" in printed
    assert_same(bench.results(), undisturbed.results())
    assert len(bench.results()[0]["learning_curve"]) == 4
    assert not (bench.work_dir / ".pgf_owner.json").exists()


@pytest.mark.slow
def test_a_resumed_curve_keeps_the_epochs_of_its_validations(tmp_path):
    bench = BenchCommand(tmp_path, "train_cfg.update(val_interval=3)\n")
    status, printed = bench(f"45 {int(signal.SIGKILL)} Mean/")
    assert status == -signal.SIGKILL, printed
    status, printed = bench()
    assert status == 0, printed
    assert "Mean, seed 0: goes on after epoch 3/4" in printed
    assert "Mean, seed 0: epoch 4/4, validation" in printed
    assert [trial["curve_epochs"] for trial in bench.results()] == [[3, 4], [3, 4]]


def test_a_trial_begins_anew_where_it_changed_failed_or_has_nothing_whole(killed, tmp_path):
    def failed(folder):
        TrialResult("Mean", 0, "", status="failed").save(folder)

    def damaged(folder):
        for path in folder.glob("*.pth"):
            path.write_bytes(b"")

    def unmarked(folder):
        (folder / "begun.json").write_text("{")

    cases = {"unchanged": None, "failed": failed, "damaged": damaged, "unmarked": unmarked}
    for name, change in {**cases, "changed": None}.items():
        folder = tmp_path / name
        shutil.copytree(killed, folder)
        trial = trial_of(folder, "other" if name == "changed" else None)
        if change is not None:
            change(folder)
        found = prepare_folder(trial)
        if name == "unchanged":
            assert found.path == folder / "epoch_3.pth"
            continue
        assert found is None, name
        assert not list(folder.glob("*.pth")), name
        assert not (folder / "last_checkpoint").exists()
        assert json.loads((folder / "begun.json").read_text())["fingerprint"] == trial.fingerprint


@pytest.mark.parametrize(
    "without",
    [
        "default_hooks.pop('exact_resume')\n",
        "checkpoint.pop('max_keep_ckpts')\ncheckpoint.update(type='CheckpointHook')\n",
    ],
)
def test_a_trial_that_cannot_be_resumed_exactly_begins_anew(tmp_path, without):
    folder = killed_trial(tmp_path, without)
    assert prepare_folder(trial_of(folder)) is None


def test_a_checkpoint_of_a_trial_that_would_execute_something_is_refused(killed, tmp_path):
    folder = tmp_path / "trial"
    shutil.copytree(killed, folder)
    torch.save({"pgf_resume": os.getcwd}, folder / "epoch_3.pth")
    with only_weights_loaded(), pytest.raises(DataError, match=r"epoch_3\.pth is not loaded"):
        prepare_folder(trial_of(folder))
