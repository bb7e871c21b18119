"""The schema of a bench: what it expands to, and what of it is refused."""

import pytest
from mmengine.config import Config

from pgf_plugin.bench import plan_trials
from pgf_plugin.bench.check import check_bench
from pgf_plugin.config import load_config
from pgf_plugin.errors import ConfigError

TEXT = dict(
    model=dict(type="TextOnlyNet", encoder=dict(type="PrecomputedTextEncoder", in_features=4)),
    optim_wrapper=dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.1)),
    default_hooks=dict(checkpoint=dict(type="CheckpointHook", save_best="MAE", rule="less")),
)


def bench(**keys):
    """A bench config of two models."""
    models = dict(A=TEXT, B=dict(TEXT, model=dict(TEXT["model"], pooling="cls")))
    return Config(dict(bench={"models": models, "seeds": [0], **keys}))


def test_a_sweep_and_settings_are_multiplied_and_seeds_come_last(tmp_path):
    config = bench(
        seeds=[3, 1],
        settings={"plain": {}, "slow": {"optim_wrapper.optimizer.momentum": 0.9}},
        sweep={"optim_wrapper.optimizer.lr": [0.1, 0.2], "model.pooling": ["mean", "max"]},
    )
    config.bench.models = dict(A=TEXT)
    trials = plan_trials(config, tmp_path)
    assert [trial.seed for trial in trials] == [3] * 8 + [1] * 8
    assert [trial.setting for trial in trials[:3]] == [
        "plain, lr=0.1, pooling=mean",
        "plain, lr=0.1, pooling=max",
        "plain, lr=0.2, pooling=mean",
    ]
    last = trials[7]
    assert last.label == "A (slow, lr=0.2, pooling=max)"
    assert last.config.optim_wrapper.optimizer == dict(type="SGD", lr=0.2, momentum=0.9)
    assert last.config.model.pooling == "max"
    assert last.folder == tmp_path / "A" / "slow_lr_0.2_pooling_max" / "seed_3"
    assert len({trial.folder for trial in trials}) == 16
    assert len({trial.fingerprint for trial in trials}) == 16


def test_swept_keys_of_one_last_part_are_told_apart(tmp_path):
    sweep = {"model.encoder.in_features": [4], "model.loss.x.in_features": [1]}
    config = bench(sweep=sweep)
    config.bench.models = dict(
        A=dict(TEXT, model=dict(TEXT["model"], loss=dict(x=dict(in_features=2))))
    )
    (trial,) = plan_trials(config, tmp_path)
    assert trial.setting == "encoder.in_features=4, x.in_features=1"


@pytest.mark.parametrize(
    ("keys", "problems"),
    [
        (dict(metric="Mae"), ["bench.metric: must be one of 'Acc3'", "'Corr'", "mean 'MAE'"]),
        (dict(reference="a"), ["bench.reference: is 'a', which is not in the table", "'A', 'B'"]),
        (dict(executor="lokal"), ["bench.executor: must be one of 'serial', 'local', 'ray'"]),
        (dict(executor=dict(type="rai")), ["bench.executor.type: must", "got 'rai'", "mean 'ray'"]),
        (dict(title=3), ["bench.title: must be a string"]),
        (dict(datasets={}), ["bench.datasets: must be a dict with at least one entry"]),
        (dict(datasets=dict(X=3)), ["bench.datasets['X']: must be the name of a config", "got 3"]),
        (dict(datasets=dict(X=dict(rot="x"))), ["bench.datasets['X'].rot: unknown", "data_root"]),
        (dict(settings=dict(x=[1])), ["bench.settings['x']: must be a dict of dotted key"]),
        (dict(settings={"a b": {}, "a_b": {}}), ["bench.settings", "would share a folder"]),
        (
            dict(models={"MulT": "a", "MULT": "b"}),
            ["bench.models: two of ['MulT', 'MULT'] would share a folder (upper and lower case"],
        ),
        (dict(settings={"Straße": {}, "STRASSE": {}}), ["bench.settings: two of ['Straße', 'ST"]),
        (dict(sweep={"a.b": ["Mean", "mean"]}), ["bench.sweep: two of ['b=Mean', 'b=mean'] would"]),
        (
            dict(datasets={"mosi": "x", "MOSI": "y"}),
            ["bench.datasets: two of ['mosi', 'MOSI'] would share a folder"],
        ),
        (dict(sweep={"a.b": []}), ["bench.sweep['a.b']: must be a list with at least one value"]),
        (dict(sweep={"a.b": [1, 1]}), ["bench.sweep['a.b']: names a value twice"]),
        (dict(sweeps={}), ["bench.sweeps: unknown key", "Did you mean 'sweep'"]),
        (dict(published=[dict(model="M")]), ["bench.published[0].source: is missing", "metrics"]),
        (
            dict(published=[dict(model="M", source="S", metrics=dict(MAEE=1, Corr="x", Acc7=120))]),
            ["metrics.MAEE: unknown metric", "mean 'MAE'", "Corr: must be a finite", "Acc7: must"],
        ),
        (
            dict(published=[dict(model="M", source="S", dataset="Y", metrics=dict(MAE=1))]),
            ["bench.published[0].dataset: must be one of bench.datasets []", "got 'Y'"],
        ),
        (
            dict(
                datasets={"X": "x", "Y": "y"},
                published=[dict(model="M", source="S", metrics=dict(MAE=1))],
            ),
            ["bench.published[0].dataset: is missing: to which of bench.datasets ['X', 'Y']"],
        ),
    ],
)
def test_what_is_wrong_with_a_bench_is_named_with_what_is_allowed(tmp_path, keys, problems):
    with pytest.raises(ConfigError) as raised:
        plan_trials(bench(**keys), tmp_path)
    told = "\n".join(map(str, check_bench(bench(**keys))["bench"]))
    for problem in problems:
        assert problem in str(raised.value)
        assert problem in told


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("model.poolin", "model of this config (TextOnlyNet) has no 'poolin'. Did you mean 'pool"),
        ("optim_wraper.optimizer.lr", "this config has no 'optim_wraper'. Did you mean 'optim_wr"),
        ("optim_wrapper.optimizer.lr.x", "optim_wrapper.optimizer.lr is 0.1 there, and has no 'x'"),
    ],
)
def test_a_swept_key_that_a_model_lacks_is_refused_with_the_nearest(tmp_path, key, message):
    with pytest.raises(ConfigError) as raised:
        plan_trials(bench(sweep={key: [1, 2]}), tmp_path)
    assert f"bench.sweep[{key!r}]: {message}" in str(raised.value)
    found = check_bench(bench(sweep={key: [1, 2]}))
    assert any(message in str(each) for problems in found.values() for each in problems)


def test_the_same_trial_twice_is_refused(tmp_path):
    config = bench()
    config.bench.models = dict(A=TEXT, C=TEXT)
    with pytest.raises(ConfigError, match="'A' and 'C' are the same trial twice"):
        plan_trials(config, tmp_path)
    assert "'A' and 'C' are the same trial" in str(check_bench(config)["bench"])
    config = bench(settings={"x": {}, "y": {"optim_wrapper.optimizer.lr": 0.1}})
    with pytest.raises(ConfigError, match=r"'A \(x\)' and 'A \(y\)' are the same"):
        plan_trials(config, tmp_path)


def test_models_that_leave_the_reference_out_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"leaves out 'B', the bench.reference"):
        plan_trials(bench(reference="B"), tmp_path, models=["A"])
    assert len(plan_trials(bench(reference="B"), tmp_path, models=["B"])) == 1


def test_the_stated_metric_chooses_the_checkpoints(tmp_path):
    trial, _ = plan_trials(bench(metric="Corr"), tmp_path)
    saver = trial.config.default_hooks.checkpoint
    assert (trial.metric, saver.save_best, saver.rule) == ("Corr", "Corr", "greater")
    trial, _ = plan_trials(bench(metric="MAE"), tmp_path)
    assert trial.config.default_hooks.checkpoint.rule == "less"


def test_a_number_in_a_swept_key_is_a_place_in_a_list(tmp_path):
    config = load_config("bench/sweep_quickstart")
    config.bench.sweep = {"param_scheduler.0.end": [10, 20]}
    trials = plan_trials(config, tmp_path, models=["Text only"], seeds=[0])
    assert [trial.config.param_scheduler[0].end for trial in trials] == [10, 20]
