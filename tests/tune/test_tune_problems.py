"""What is wrong with a search is told before anything runs, all at once."""

import sys

import pytest
from mmengine.config import Config

from pgf_plugin.cli import main
from pgf_plugin.tune import tune_problems

LR = "optim_wrapper.optimizer.lr"


@pytest.fixture
def problems_of(search):
    """Find the problems of a search with another ``tune``; by key."""
    config = Config.fromfile(search().config)

    def find(space=None, val_evaluator=None, **tune):
        config.val_evaluator = val_evaluator or config.val_evaluator
        config.tune = dict(config.tune, **tune)
        if space is not None:
            config.tune = {**config.tune, "space": space}
        return {problem.key: problem.message for problem in tune_problems(config)}

    return find


def test_nothing_is_wrong_with_a_search_that_works(problems_of):
    assert problems_of() == {}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([], "at least one option"),
        ([1, 2, 1], "lists 1 twice"),
        (0.1, "must be a list of options, or dict(type="),
        (dict(low=1, high=2), "type must be one of 'int', 'float', 'log', got None"),
        (dict(type="logs", low=1, high=2), "Did you mean 'log'?"),
        (dict(type="log", low=0.0, high=1.0), "low must be a finite number > 0, got 0.0"),
        (dict(type="log", low=1e-2, high=1e-5), "low must be <= high, got low=0.01 and high=1e-05"),
        (dict(type="float", low=0.0, high=float("inf")), "high must be a finite number, got inf"),
        (dict(type="float", low=0.0), "needs high"),
        (dict(type="float", low=0.0, hihg=1.0), "unknown key 'hihg' (got 1.0)"),
        (dict(type="int", low=2, high=8, step=0), "step must be an integer >= 1, got 0"),
        (dict(type="int", low=2.5, high=8), "low must be an integer, got 2.5"),
    ],
)
def test_a_range_that_is_impossible_is_refused(problems_of, values, said):
    found = problems_of({LR: values})
    assert said in found[f"tune.space[{LR!r}]"]
    assert len(found) == 1


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("optim_wraper.optimizer.lr", "no 'optim_wraper'. Did you mean 'optim_wrapper'?"),
        ("optim_wrapper.optimiser.lr", "has no 'optimiser', it has 'type', 'optimizer'"),
        ("optim_wrapper.optimizer.lr.x", "optim_wrapper.optimizer.lr is 0.05, without a key 'x'"),
        ("model.pooling_", "TextOnlyNet has no argument 'pooling_' (got 1). Did you mean"),
        ("param_scheduler.3.step_size", "param_scheduler is a list of 1, got the position '3'"),
        ("checkpoint.interval", "'checkpoint' is a variable of the config"),
        ("test_dataloader.batch_size", "cannot vary: no search may look at the test set"),
        ("randomness.seed", "cannot vary: set tune.seeds instead"),
        (
            "model.head.dropout",
            "1 is refused: model.head.dropout: dropout must be a number in [0, 1)",
        ),
        ("train_cfg.max_epochs", "1.5 is refused: train_cfg.max_epochs: must be"),
    ],
)
def test_a_key_or_a_value_that_the_config_cannot_take_is_refused(problems_of, key, said):
    found = problems_of({key: [1, 1.5]})
    assert said in found[f"tune.space[{key!r}]"]
    assert len(found) == 1


def test_a_metric_with_a_prefix(problems_of):
    prefixed = dict(type="MSAMetric", prefix="val")
    assert problems_of(metric="val/Corr", val_evaluator=prefixed) == {}
    assert "val/MAE, val/Corr" in problems_of(metric="Corr", val_evaluator=prefixed)["tune.metric"]


def test_an_argument_that_the_config_leaves_out_can_vary(problems_of):
    assert problems_of({"optim_wrapper.optimizer.weight_decay": [0.0, 0.1]}) == {}
    assert problems_of({"param_scheduler.0.gamma": [0.1, 0.5]}) == {}


def test_a_value_is_refused_only_where_no_other_parameter_makes_it_right(problems_of):
    heads = {"model.head.hidden_features": [8, 16], "model.head": [dict(dropout=0.1)]}
    found = problems_of(heads)
    assert list(found) == ["tune.space['model.head.hidden_features']"]
    assert "lies inside 'model.head'" in found["tune.space['model.head.hidden_features']"]


@pytest.mark.parametrize(
    ("given", "key", "said"),
    [
        (dict(space={}), "tune.space", "at least one key"),
        (dict(metric="MEA"), "tune.metric", "Did you mean 'MAE'?"),
        (dict(metric="test/MAE"), "tune.metric", "always a validation metric, never one of the"),
        (dict(metric="Acc3"), "tune.metric", "must be one that val_evaluator gives, MAE, Corr"),
        (dict(metric=3), "tune.metric", "must be a string"),
        (dict(trials=0), "tune.trials", "must be an integer >= 1, got 0"),
        (dict(seeds=[]), "tune.seeds", "at least one seed"),
        (dict(seeds=[1, 1]), "tune.seeds", "names a seed twice"),
        (dict(seeds=[-1]), "tune.seeds", "must be an integer >= 0, got -1"),
        (dict(pruner="mediann"), "tune.pruner", "Did you mean 'median'?"),
        (dict(pruner=dict(type="median", n_startup=1)), "tune.pruner.n_startup", "no argument"),
        (dict(pruner=dict(type="percentile", percentile=200)), "tune.pruner", "got"),
        (dict(sampler="cmaes"), "tune.sampler", "must be one of 'tpe', 'random', got 'cmaes'"),
        (dict(timeout=0), "tune.timeout", "must be a finite number > 0, got 0"),
        (dict(trails=3), "tune.trails", "Did you mean 'trials'?"),
    ],
)
def test_settings_that_cannot_work_are_refused(problems_of, given, key, said):
    found = problems_of(**given)
    assert said in found[key]


def test_everything_is_told_at_once_and_nothing_runs(search, capsys):
    more = f'tune = dict(space={{"{LR}": [], "model.pooling": ["max"]}}, metric="X", trials=-1)\n'
    tune = search(more + 'model["pooling"] = "max"\n')
    status, printed = tune("--cfg-options", "train_cfg.max_epochs=0")
    assert status == 1
    assert "5 problems" in printed
    for key in ("model.pooling", "train_cfg.max_epochs", "tune.metric", "tune.trials"):
        assert f"  {key}: " in printed
    assert f"  tune.space['{LR}']: " in printed
    assert not tune.work_dir.exists()
    assert main(["check", str(tune.config)]) == 1
    assert "  tune.metric: must be one that val_evaluator gives" in capsys.readouterr().out


def test_a_config_without_a_search_is_sent_to_train(search):
    status, printed = search("del tune\n")()
    assert status == 1
    assert "tune: the config has no search: set tune = dict(space=" in printed
    assert "pgf train" in printed


def test_a_bench_is_sent_to_the_bench(capsys):
    assert main(["tune", "bench/quickstart"]) == 1
    assert "pgf bench bench/quickstart" in capsys.readouterr().err


def test_a_missing_extra_is_named(search, monkeypatch, capsys):
    tune = search()
    monkeypatch.setitem(sys.modules, "optuna", None)
    status, printed = tune()
    assert status == 1
    assert 'python -m pip install "pgf-plugin[tune]"' in printed
    assert main(["check", str(tune.config)]) == 1
    assert "tune: 'optuna' is not installed" in capsys.readouterr().out


def test_the_shipped_search_is_listed_and_right(capsys):
    assert main(["config", "list"]) == 0
    assert "tune/pgf_net_quickstart.py" in capsys.readouterr().out
    assert main(["check", "tune/pgf_net_quickstart"]) == 0
