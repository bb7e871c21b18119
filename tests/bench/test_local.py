"""Trials in processes of their own, any of which may be killed: the table of an undisturbed run."""

import os
import random
import resource
import shlex
import shutil
import signal
from pathlib import Path

import pytest
from killed_benches import BenchCommand, wait_until
from killed_runs import assert_same, in_child
from mmengine.hooks import Hook

from pgf_plugin.cli import main
from pgf_plugin.registry import HOOKS

MOMENTS = 59
"""Of a trial, as its hooks see them."""

LOCAL = 'bench["executor"] = dict(type="local", workers=2, start_method="fork")\n'


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> BenchCommand:
    """The bench, one trial after the other."""
    bench = BenchCommand(tmp_path_factory.mktemp("undisturbed"))
    status, printed = bench()
    assert status == 0, printed
    return bench


def assert_ends_alike(bench: BenchCommand, undisturbed: BenchCommand) -> None:
    status, printed = bench()
    assert status == 0, printed
    assert_same(bench.results(), undisturbed.results())
    assert bench.table() == undisturbed.table()
    assert not any(is_running(status["pid"]) for status in bench.statuses().values())


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def truncate_newest(bench: BenchCommand, drawn: random.Random) -> None:
    """Cut off one of the files that were written last, as a power cut may."""
    files = [p for p in bench.work_dir.rglob("*") if p.is_file() and p.name != ".pgf_lock"]
    files = sorted(files, key=lambda p: p.stat().st_mtime_ns)[-8:]
    if files:
        path = drawn.choice(files)
        os.truncate(path, path.stat().st_size // 2)


def check(undisturbed: BenchCommand, folder: Path, seed: int, rounds: int) -> None:
    """Kill workers and drivers and cut off files, ``rounds`` times; compare the end."""
    bench, drawn = BenchCommand(folder, LOCAL), random.Random(seed)
    hits = 0
    for _ in range(rounds):
        signum = drawn.choice([signal.SIGKILL, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT])
        trial = drawn.choice(["Mean/", "Last/"])
        status, printed = bench(f"{drawn.randrange(MOMENTS)} {int(signum)} {trial}")
        hit = not bench.kill.exists()
        bench.kill.unlink(missing_ok=True)
        hits += hit
        if signum == signal.SIGKILL or not hit or status == 0:
            assert status == 0, printed
        else:
            codes = {-signal.SIGKILL: -9, -signal.SIGTERM: 143, -signal.SIGINT: 130}
            assert status == codes[signum], printed
        if status in (130, 143):
            assert f"  python -m pgf_plugin {shlex.join(bench.argv)}\n" in printed
        assert "Traceback" not in printed
        if drawn.random() < 0.5 and status != 0:
            truncate_newest(bench, drawn)
    assert hits > 0
    assert_ends_alike(bench, undisturbed)


@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_killed_the_table_is_the_same(undisturbed, tmp_path, seed):
    check(undisturbed, tmp_path, seed, rounds=2)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(2, 40))
def test_whatever_is_killed_the_table_is_the_same_always(undisturbed, tmp_path, seed):
    check(undisturbed, tmp_path, seed, rounds=5)


def test_a_killed_worker_goes_on_and_the_other_does_not_notice(undisturbed, tmp_path):
    bench = BenchCommand(tmp_path, LOCAL)
    status, printed = bench(f"45 {int(signal.SIGKILL)} Mean/")
    assert status == 0, printed
    assert "[1/2] Mean, seed 0: its process was killed (SIGKILL" in printed
    assert "[1/2] Mean, seed 0: goes on after epoch 3/4" in printed
    assert printed.count("Mean, seed 0: loading") == 1
    for number in (1, 2, 3, 4):
        assert printed.count(f"Mean, seed 0: epoch {number}/4") == 1
        assert printed.count(f"Last, seed 0: epoch {number}/4") == 1
    assert "Last, seed 0: goes on" not in printed
    assert_same(bench.results(), undisturbed.results())
    assert [trial["model"] for trial in bench.results()] == ["Mean", "Last"]
    states = {name: status["state"] for name, status in bench.statuses().items()}
    assert states == {"Mean/seed_0": "finished", "Last/seed_0": "finished"}


def test_a_worker_that_is_killed_again_and_again_fails_alone(undisturbed, tmp_path):
    more = 'bench["models"]["Mean"]["custom_hooks"] = [dict(type="KillHook", count=20)]\n'
    bench = BenchCommand(tmp_path, LOCAL + more)
    status, printed = bench()
    assert status == 1
    mean, last = bench.results()
    assert (mean["status"], mean["cause"]) == ("failed", "process ended")
    assert "SIGKILL" in mean["error"]
    assert_same(last, undisturbed.results()[1])
    assert f"Failed: Mean, seed 0, see {bench.work_dir}/Mean/seed_0/console.log" in printed


@pytest.mark.slow
def test_workers_end_with_the_driver(undisturbed, tmp_path):
    bench = BenchCommand(tmp_path, LOCAL + "train_dataloader.update(num_workers=1)\n")
    driver = bench.start()
    wait_until(lambda: sum(s["step"] > 0 for s in bench.statuses().values()) == 2)
    pids = [status["pid"] for status in bench.statuses().values()]
    assert driver not in pids
    assert all(map(is_running, pids))
    os.kill(driver, signal.SIGSTOP)  # or it may have ended before the second one asks
    status, printed = in_child_with_output(bench, tmp_path / "second")
    assert status == 1
    assert f"work_dir {bench.work_dir} is in use by another process (pid {driver}" in printed
    os.kill(driver, signal.SIGKILL)
    os.waitpid(driver, 0)
    wait_until(lambda: not any(map(is_running, pids)), seconds=5)
    assert bench()[0] == 0  # data loaders with workers draw other numbers than without


def in_child_with_output(bench: BenchCommand, output: Path) -> tuple[int, str]:
    return in_child(lambda: main(bench.argv), output), output.read_text()


@pytest.mark.slow
def test_workers_of_a_fork_server_know_what_the_config_imports(undisturbed, tmp_path):
    more = 'bench["executor"] = "local"\n'
    more += 'custom_imports = dict(imports=["killed_runs"])\n'
    bench = BenchCommand(tmp_path, more)
    bench.argv += ["--workers", "2"]
    status, printed = bench()
    assert status == 0, printed
    # The config differs by what it imports.
    assert_same(bench.results(), undisturbed.results())


def test_a_damaged_result_is_set_aside_and_its_trial_alone_repeated(undisturbed, tmp_path):
    bench = BenchCommand(tmp_path)
    shutil.copytree(undisturbed.work_dir, bench.work_dir)
    bench.argv = [*undisturbed.argv[:2], "--work-dir", str(bench.work_dir)]
    begun = bench()  # its config names another folder
    assert begun[0] == 0
    result = bench.work_dir / "Last" / "seed_0" / "result.json"
    text = result.read_text()
    result.write_text(text[:200])
    stamp = (bench.work_dir / "Mean" / "seed_0" / "result.json").stat().st_mtime_ns
    status, printed = bench()
    assert status == 0
    (aside,) = result.parent.glob("result.json.corrupt-*")
    assert aside.read_text() == text[:200]
    assert f"Last, seed 0: {aside}: was damaged and is set aside; the trial is repeated" in printed
    assert "Mean, seed 0: finished before" in printed
    assert (bench.work_dir / "Mean" / "seed_0" / "result.json").stat().st_mtime_ns == stamp
    assert_same(bench.results(), undisturbed.results())


@pytest.mark.slow
def test_a_disk_that_is_full_for_a_worker_stops_the_bench_and_keeps_what_is_finished(
    undisturbed, tmp_path
):
    more = 'bench["models"]["Last"]["custom_hooks"] = [dict(type="LimitHook")]\n'
    bench = BenchCommand(tmp_path, LOCAL.replace("workers=2", "workers=1") + more)
    status, printed = bench()
    assert status == 1
    folder = bench.work_dir / "Last" / "seed_0"
    assert f"pgf bench: error: work_dir {folder} has become full (" in printed
    assert f"To go on:\n  python -m pgf_plugin {shlex.join(bench.argv)}\n" in printed
    assert "Traceback" not in printed
    os.environ["PGF_TEST_ROOM"] = "1"  # somebody has made some
    try:
        status, printed = bench()
    finally:
        del os.environ["PGF_TEST_ROOM"]
    assert status == 0, printed
    assert "Mean, seed 0: finished before" in printed
    assert "Last, seed 0: goes on after epoch 2/4" in printed
    assert_same(bench.results(), undisturbed.results())


@HOOKS.register_module()
class LimitHook(Hook):
    """Lets no file grow in the third epoch, as on a full disk, unless there is room."""

    def before_save_checkpoint(self, runner, checkpoint) -> None:
        if runner.epoch == 3 and "PGF_TEST_ROOM" not in os.environ:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
