"""``pgf tune``: what a search runs, keeps, chooses and writes."""

import json

import pandas as pd
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from searches import NO_TEST, next_command

from pgf_plugin.cli import main
from pgf_plugin.registry import METRICS
from pgf_plugin.tune import load_study
from pgf_plugin.work_dir import claimed

RATES = 'tune["space"] = {"optim_wrapper.optimizer.lr": [0.05, 1e30, 0.01]}\n'


def test_the_best_trial_is_trained_again_to_the_same_metric(search, tmp_path):
    tune = search(NO_TEST)
    status, printed = tune()
    assert status == 0, printed
    records = tune.records()
    assert [record["state"] for record in records] == ["finished"] * 4
    best = min(records, key=lambda record: record["value"])
    assert "4 trials: 4 finished" in printed
    assert printed.count("epoch 1/") == 4
    assert (tune.work_dir / "tune.png").read_bytes().startswith(b"\x89PNG")
    table = pd.read_csv(tune.work_dir / "trials.csv")
    assert list(table["value"]) == [record["value"] for record in records]
    assert list(table["model.pooling"]) == [r["params"]["model.pooling"] for r in records]

    argv = next_command(printed)
    written = Config.fromfile(argv[1])
    assert "tune" not in written
    assert written.test_dataloader.dataset.count == -1
    assert written.optim_wrapper.optimizer.lr == best["params"]["optim_wrapper.optimizer.lr"]
    assert main([*argv, "--work-dir", str(tmp_path / "again")]) == 0
    assert best_score(tmp_path / "again") == best["value"]
    # Of the trials, the checkpoints of the best alone are left, and they are the same.
    (kept,) = tune.work_dir.glob("trials/*/*/best_*.pth")
    assert kept.parts[-3] == f"{best['number']:04d}"
    (again,) = (tmp_path / "again").glob("best_*.pth")
    one, other = (torch.load(p, weights_only=True)["state_dict"] for p in (kept, again))
    assert all(torch.equal(one[key], other[key]) for key in one)


def best_score(folder):
    newest = (folder / "last_checkpoint").read_text()
    return torch.load(newest, weights_only=True)["message_hub"]["runtime_info"]["best_score"]


@pytest.mark.slow
def test_a_metric_that_rises_is_maximised(search):
    tune = search()
    assert tune("--cfg-options", "tune.metric=Corr")[0] == 0
    values = [record["value"] for record in tune.records()]
    head = (tune.work_dir / "best.py").read_text().splitlines()[0]
    assert f"validation Corr: {max(values)!r} (trial {values.index(max(values))})" in head
    for record in tune.records():
        assert record["value"] == max(record["curve"])
        assert record["curve"][record["best_epochs"][0] - 1] == record["value"]
    hook = Config.fromfile(tune.work_dir / "best.py").default_hooks.checkpoint
    assert (hook.save_best, hook.rule) == ("Corr", "greater")
    assert load_study(Config.fromfile(tune.config), tune.work_dir).trials[0].value == values[0]


@pytest.mark.slow
def test_a_training_by_iterations_is_counted_in_steps(search):
    loop = "train_cfg = dict(by_epoch=False, max_iters=8, val_interval=3)\n"
    tune = search('tune["space"] = {"optim_wrapper.optimizer.lr": [0.05, 0.01]}\n' + loop)
    status, printed = tune()
    assert status == 0, printed
    for record in tune.records():
        assert record["unit"] == "step"
        at = [3, 6, 8].index(record["best_epochs"][0])
        assert record["curve"][at] == record["value"]
    assert "step 3/8, validation MAE" in printed
    assert "epoch" not in printed


def test_a_trial_that_fails_is_recorded_and_the_others_go_on(search):
    tune = search(RATES)
    status, printed = tune()
    assert status == 0
    assert "The space has 3 combinations: 3 trials, not 4" in printed
    assert "3 trials: 2 finished, 1 failed" in printed
    records = tune.records()
    assert len({record["params"]["optim_wrapper.optimizer.lr"] for record in records}) == 3
    (failed,) = [record for record in records if record["state"] == "failed"]
    assert failed["params"]["optim_wrapper.optimizer.lr"] == 1e30
    assert "NaN or infinity" in failed["error"]
    folder = tune.work_dir / "trials" / f"{failed['number']:04d}"
    assert "Traceback" in (folder / "traceback.txt").read_text()
    assert f"Failed: trial {failed['number']}, see {folder}" in printed


@METRICS.register_module(force=True)
class HalfMessage(BaseMetric):
    """Fails with half a character in its message."""

    def process(self, data_batch, data_samples):
        raise ValueError("cannot measure \ud83d")

    def compute_metrics(self, results):
        return {}


def test_an_error_with_half_a_character_is_recorded_and_the_search_goes_on(search):
    tune = search('val_evaluator = dict(type="HalfMessage")\n')
    status, printed = tune("--trials", "2")
    assert status == 1
    assert "2 trials: 2 failed" in printed
    assert printed.count("failed: ValueError: cannot measure \ufffd") == 2
    for record in tune.records():
        assert record["error"] == "ValueError: cannot measure \ufffd"
    for trace in tune.work_dir.glob("trials/*/traceback.txt"):
        assert "ValueError: cannot measure \ufffd" in trace.read_text(encoding="utf-8")
    assert "cannot measure \ufffd" in (tune.work_dir / "trials.csv").read_text(encoding="utf-8")


def test_a_search_in_which_nothing_finishes_ends_with_1(search):
    status, printed = search('tune["space"] = {"optim_wrapper.optimizer.lr": [1e30]}\n')()
    assert status == 1
    assert "1 trial: 1 failed" in printed
    assert "Try next" not in printed
    assert "best.py" not in printed


def test_a_hopeless_trial_is_pruned(search):
    tune = search('tune["pruner"] = dict(type="threshold", upper=1e-6)\n')
    status, printed = tune("--trials", "2")
    assert status == 1
    assert printed.count("pruned after 1 validation, the last with MAE") == 2
    assert [(r["state"], len(r["curve"]), r["value"]) for r in tune.records()] == [
        ("pruned", 1, None)
    ] * 2
    assert not list(tune.work_dir.glob("trials/*/*/*.pth"))


@pytest.mark.slow
def test_the_value_is_the_mean_over_the_seeds(search):
    tune = search()
    options = ["--trials", "1", "--cfg-options", "tune.seeds=[3,4]"]
    assert tune(*options)[0] == 0
    (both,) = tune.records()
    assert both["value"] == sum(both["values"]) / 2
    alone = search(folder="alone")
    assert alone(*options[:3], "tune.seeds=[4]")[0] == 0
    assert alone.records()[0]["values"] == both["values"][1:]


@pytest.mark.slow
def test_a_search_that_goes_on_draws_what_one_command_would_have_drawn(search):
    more = 'tune["sampler"] = dict(type="tpe", n_startup_trials=2)\n'
    more += 'tune["pruner"] = dict(type="successive_halving", reduction_factor=2)\n'
    once, twice = search(more, "once"), search(more, "twice")
    assert once("--trials", "6")[0] == 0
    assert twice("--trials", "3")[0] == 0
    damaged = twice.work_dir / "trials" / "0001" / "trial.json"
    damaged.write_text(damaged.read_text()[:60])
    status, printed = twice("--trials", "6")
    assert status == 0
    assert f"{damaged}: damaged or truncated, set aside; its trial is repeated" in printed
    assert "Goes on: 2 trials" in printed
    expected = once.records()
    assert {record["state"] for record in expected} == {"finished", "pruned"}
    for record in (*expected, *(records := twice.records())):
        record.pop("study")
    assert records == expected


@pytest.mark.slow
def test_no_trial_is_begun_after_the_timeout(search):
    tune = search('tune["timeout"] = 1e-6\n')
    for _ in range(2):
        status, printed = tune()
        assert status == 0
        assert "tune.timeout: the trials took" in printed
        assert len(tune.records()) == 1


@pytest.mark.slow
def test_a_folder_in_use_of_another_search_or_of_a_later_version_is_refused(search):
    tune = search()
    assert tune("--trials", "1")[0] == 0
    with claimed(tune.work_dir):
        status, printed = tune()
    assert status == 1
    assert "is in use by another process" in printed
    for change in ("tune.seeds=[1]", "model.head.dropout=0.2"):
        status, printed = tune("--cfg-options", change)
        assert status == 1
        assert f"work_dir {tune.work_dir} holds the trials of another search" in printed
    file = tune.work_dir / "trials" / "0000" / "trial.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema_version": 99}))
    status, printed = tune()
    assert status == 1
    assert f"{file} was written by a later version" in printed


def test_an_evaluator_that_gives_something_else_fails_the_trial(search):
    tune = search('val_evaluator = dict(type="PlainMAE", prefix="own")\n')
    status, printed = tune("--trials", "1")
    assert status == 1
    assert "tune.metric: val_evaluator gives ['own/MAE'], without 'MAE'" in printed
