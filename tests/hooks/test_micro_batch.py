"""Batches computed in parts: the same steps as of whole ones."""

import pytest
import torch
from killed_runs import CONFIG
from mmengine.config import Config
from mmengine.runner import Runner

from pgf_plugin.errors import ConfigError
from pgf_plugin.hooks import MicroBatchHook
from pgf_plugin.models import TextOnlyNet
from pgf_plugin.training import train


def trained(tmp_path, name: str, hooks: list[dict], **changes) -> Runner:
    """Train the config of four epochs of 12 utterances, without dropout and noise."""
    file = tmp_path / f"{name}.py"
    file.write_text(CONFIG.format(kill=tmp_path / "kill"))
    config = Config.fromfile(file)
    config.work_dir = str(tmp_path / name)
    config.custom_hooks = hooks
    config.model.head.dropout = 0.0
    config.train_dataloader.batch_size = 5
    config.randomness = dict(seed=0)
    config.optim_wrapper.optimizer = dict(type="SGD", lr=0.05, momentum=0.9)
    config.merge_from_dict(changes)
    runner = Runner.from_cfg(config)
    train(runner)
    return runner


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optim_wrapper.accumulative_counts": 1},
        {
            "optim_wrapper.type": "MMSAOptimWrapper",  # clips after each batch
            "optim_wrapper.clip_grad": {"type": "value", "clip_value": 0.02},
        },
    ],
)
@pytest.mark.parametrize("size", [1, 2, 4])
def test_parts_make_the_steps_of_whole_batches(tmp_path, size, changes, monkeypatch):
    monkeypatch.setattr("killed_runs.NoisySynthetic.__getitem__", quiet)
    whole = trained(tmp_path, "whole", [], **changes)
    parts = trained(tmp_path, "parts", [dict(type="MicroBatchHook", size=size)], **changes)
    assert len(whole.train_dataloader.dataset) % whole.train_dataloader.batch_size  # a rest
    assert parts.iter == whole.iter
    assert "train_step" not in vars(parts.model)
    for one, other in zip(whole.model.parameters(), parts.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)
    losses = [runner.message_hub.get_scalar("train/loss").data[0] for runner in (whole, parts)]
    torch.testing.assert_close(*map(torch.tensor, losses), rtol=0, atol=1e-6)


def quiet(self, index: int) -> dict:
    """A sample without noise."""
    return {
        "sample_id": f"synthetic_{index}",
        "raw_text": "",
        "label": self.labels[index],
        "text": self.text[index],
    }


def test_no_part_is_larger(tmp_path):
    seen = []

    def look(module, arguments, keywords):
        if module.training and keywords.get("mode") == "loss":
            seen.append(len(keywords["data_samples"]))

    file = tmp_path / "c.py"
    file.write_text(CONFIG.format(kill=tmp_path / "kill"))
    config = Config.fromfile(file)
    config.work_dir, config.train_cfg.max_epochs = str(tmp_path / "out"), 1
    config.custom_hooks = [dict(type="MicroBatchHook", size=2)]
    runner = Runner.from_cfg(config)
    runner.model.register_forward_pre_hook(look, with_kwargs=True)
    train(runner)
    assert max(seen) == 2
    assert sum(seen) == len(runner.train_dataloader.dataset)


def test_a_model_with_its_own_step_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(TextOnlyNet, "train_step", lambda *args: {}, raising=False)
    with pytest.raises(ConfigError, match="smaller batch_size"):
        trained(tmp_path, "own", [dict(type="MicroBatchHook", size=2)])


def test_a_compiled_step_is_told_to_be_without_effect(tmp_path, monkeypatch):
    def compile_nothing(self, target):
        setattr(self.model, target, getattr(self.model, target))

    monkeypatch.setattr(Runner, "_maybe_compile", compile_nothing)
    trained(tmp_path, "parts", [dict(type="MicroBatchHook", size=2)], log_level="WARNING")
    (log,) = (tmp_path / "parts").glob("*/*.log")
    assert "`compile` is without effect" in log.read_text()


@pytest.mark.parametrize("size", [0, 1.5, True])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(ValueError, match=r"MicroBatchHook\.size must be an integer >= 1"):
        MicroBatchHook(size)
