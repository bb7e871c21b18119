"""``pgf bench watch`` of benches that run, were killed, or have ended."""

import io
import json
import os
import pty
import re
import signal
import sys

import pytest
from killed_benches import BenchCommand, wait_until
from killed_runs import start_child

from pgf_plugin.bench import TrialResult
from pgf_plugin.bench.folder import Plan
from pgf_plugin.bench.watch import look
from pgf_plugin.cli import main

LOCAL = 'bench["executor"] = dict(type="local", workers=1, start_method="fork")\n'
SLOW = LOCAL + "train_cfg.update(max_epochs=200)\n"


def watched(bench: BenchCommand, capsys) -> str:
    capsys.readouterr()
    assert main(["bench", "watch", str(bench.work_dir)]) == 0
    return capsys.readouterr().out


def test_a_bench_is_seen_while_it_runs_and_after_it_was_killed(tmp_path, capsys):
    bench = BenchCommand(tmp_path, SLOW)
    driver = bench.start()
    wait_until(lambda: any(s["eta"] and s["best"] for s in bench.statuses().values()))
    printed = watched(bench, capsys)
    assert re.search(r"Mean +0 +training +\d+/200 +\d+% +\d\.\d{3} .* \d:\d\d", printed)
    assert re.search(r"Last +0 +waiting", printed)
    assert "2 trials: 1 training, 1 waiting; running, about" in printed
    assert re.search(r"Best validation MAE so far: \d\.\d{3} \(Mean, seed 0\)", printed)
    view = look(bench.work_dir)
    assert view.eta > view.trials[0].status.eta  # the other is still to come
    os.kill(driver, signal.SIGKILL)
    os.waitpid(driver, 0)
    wait_until(lambda: "interrupted" in watched(bench, capsys), seconds=5)
    assert "2 trials: 1 waiting, 1 interrupted; not running: the same command goes on" in watched(
        bench, capsys
    )


@pytest.mark.slow
def test_a_process_that_took_the_number_of_a_killed_one_is_not_the_bench(tmp_path, capsys):
    bench = BenchCommand(tmp_path, SLOW)
    driver = bench.start()
    wait_until(lambda: any(s["best"] for s in bench.statuses().values()))
    (owner,) = bench.work_dir.glob(".pgf_owner.json")
    os.kill(driver, signal.SIGKILL)
    os.waitpid(driver, 0)
    wait_until(lambda: "interrupted" in watched(bench, capsys), seconds=5)
    for note in [owner, *bench.work_dir.glob("*/*/status.json")]:
        note.write_text(json.dumps({**json.loads(note.read_text()), "pid": os.getpid()}))
    assert "2 trials: 1 waiting, 1 interrupted; not running" in watched(bench, capsys)


@pytest.mark.slow
def test_a_terminal_shows_it_live_until_it_ends(tmp_path, capsys):
    bench = BenchCommand(tmp_path, LOCAL + "train_cfg.update(max_epochs=8)\n")
    driver = bench.start()
    wait_until(lambda: bench.statuses())
    master, slave = pty.openpty()

    def watch() -> int:
        sys.stdout = open(os.ttyname(slave), "w")  # noqa: SIM115 - until the process ends
        return main(["bench", "watch", "--interval", "0.1", str(bench.work_dir)])

    child = start_child(watch)
    os.close(slave)
    shown = io.BytesIO()
    while True:
        try:
            shown.write(os.read(master, 65536))
        except OSError:  # nobody has the terminal open any more
            break
    os.close(master)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert os.waitstatus_to_exitcode(os.waitpid(driver, 0)[1]) == 0
    text = shown.getvalue().decode()
    assert "training" in text
    assert "2 trials: 2 finished; ended" in text
    last = watched(bench, capsys)
    for result in bench.results():
        score = f"{result['val_score']:.3f} +{result['metrics']['MAE']:.3f}"
        assert re.search(rf"{result['model']} +0 +finished +8/8 +100% +{score}", last)


@pytest.mark.slow
def test_what_is_of_another_plan_does_not_count(tmp_path, capsys):
    bench = BenchCommand(tmp_path)
    assert bench()[0] == 0
    plan = bench.work_dir / "bench.json"
    content = json.loads(plan.read_text())
    content["trials"][0]["fingerprint"] = "changed since"
    failed = TrialResult("Last", 0, content["trials"][1]["fingerprint"], status="failed")
    failed.save(bench.work_dir / "Last" / "seed_0")
    plan.write_text(json.dumps(content))
    assert "2 trials: 1 waiting, 1 failed; not running: the same" in watched(bench, capsys)


def test_one_trial_is_not_called_trials(tmp_path, capsys):
    trial = dict(model="A", seed=0, dataset="", setting="", fingerprint="f")
    Plan("Alone", [trial]).write(tmp_path)
    assert main(["bench", "watch", str(tmp_path)]) == 0
    assert "\n1 trial: 1 waiting; not running" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "has no bench.json, and is not the folder of a bench"),
        ("{", "bench.json is damaged"),
        ('{"schema_version": 99}', "has schema version 99"),
    ],
)
def test_another_folder_is_named(tmp_path, capsys, content, said):
    if content is not None:
        (tmp_path / "bench.json").write_text(content)
    assert main(["bench", "watch", str(tmp_path)]) == 1
    assert said in capsys.readouterr().err
