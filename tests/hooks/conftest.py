"""A real Runner over tiny synthetic batches, for the tests of hooks."""

import itertools
from collections.abc import Callable

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.data import DataLoader

from pgf_plugin.models.base import Fused, MSAModel
from pgf_plugin.registry import MODELS
from pgf_plugin.structures import MSADataSample

PGF_NET = {
    "type": "PGFNet",
    "encoder": {
        "type": "HFTextEncoder",
        "architecture": {
            "model_type": "bert",
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 64,
            "vocab_size": 100,
        },
        "lora_rank": 2,
        "freeze": True,
    },
    "feature_dims": {"audio": 3},
}


class ThirdPartyNet(MSAModel):
    """Somebody else's model: mean audio into a linear head, no gates, no groups of its own."""

    def __init__(self) -> None:
        super().__init__({"audio": 3})
        self.mix = nn.Linear(3, 4)
        self.head = nn.Linear(4, 1)

    def extract(self, inputs: dict[str, Tensor]) -> Tensor:
        return inputs["audio"].mean(1)

    def fuse(self, inputs, features, outputs) -> Fused:
        return Fused(self.mix(features), {})


def synthetic_samples(count: int = 12) -> list[dict]:
    random = torch.Generator().manual_seed(7)
    samples = []
    for number in range(count):
        tokens, steps = 3 + number % 4, 2 + number % 3
        samples.append(
            {
                "ids": torch.randint(1, 100, (tokens,), generator=random),
                "audio": torch.randn(steps, 3, generator=random),
                "sample": MSADataSample(
                    sample_id=f"synthetic_{number}",
                    label=torch.randn(1, generator=random),
                ),
            }
        )
    return samples


def collate(samples: list[dict]) -> dict:
    pad = nn.utils.rnn.pad_sequence
    ids = [sample["ids"] for sample in samples]
    audio = [sample["audio"] for sample in samples]
    return {
        "inputs": {
            "input_ids": pad(ids, batch_first=True),
            "attention_mask": pad([torch.ones_like(row) for row in ids], batch_first=True),
            "audio": pad(audio, batch_first=True),
            "audio_mask": pad([torch.ones(len(a), dtype=torch.bool) for a in audio], True),
        },
        "data_samples": [sample["sample"] for sample in samples],
    }


class Recorder(Hook):
    """Calls ``observe(runner)`` before every training step and keeps what it returns."""

    priority = "VERY_LOW"

    def __init__(self, observe: Callable[[Runner], object], stage: str) -> None:
        self.seen: list = []
        setattr(self, stage, lambda runner, **_: self.seen.append(observe(runner)))


@pytest.fixture
def recorder() -> Callable[..., Recorder]:
    return lambda observe, stage="before_train_iter": Recorder(observe, stage)


@pytest.fixture
def third_party_net() -> nn.Module:
    return ThirdPartyNet()


@pytest.fixture
def pgf_net() -> dict:
    """Config of a PGF-Net small enough for a test: 2 layers of width 32."""
    return PGF_NET


@pytest.fixture
def batch() -> dict:
    return collate(synthetic_samples())


@pytest.fixture
def make_runner(tmp_path) -> Callable[..., Runner]:
    """Build a Runner with three steps an epoch, shuffled, and dropout as configured."""
    number = itertools.count()

    def make(
        *hooks,
        model=None,
        optimizer=None,
        shuffle=True,
        checkpoint=False,
        log_interval=10,
        **kwargs,
    ) -> Runner:
        checkpoint_hook = {"type": "CheckpointHook"} if checkpoint else None
        logger_hook = {"type": "LoggerHook", "interval": log_interval}
        config = {
            "work_dir": str(tmp_path / "run"),
            "experiment_name": f"{tmp_path.name}_{next(number)}",
            "train_dataloader": DataLoader(
                synthetic_samples(), batch_size=4, shuffle=shuffle, collate_fn=collate
            ),
            "train_cfg": {"by_epoch": True, "max_epochs": 2},
            "optim_wrapper": {"optimizer": optimizer or {"type": "AdamW", "lr": 0.01}},
            "default_hooks": {"checkpoint": checkpoint_hook, "logger": logger_hook},
            "custom_hooks": list(hooks),
            "default_scope": "pgf_plugin",
            "randomness": {"seed": 1},
        }
        torch.manual_seed(0)
        if not isinstance(model, nn.Module):
            model = MODELS.build(model or PGF_NET)
        return Runner(model=model, **{**config, **kwargs})

    return make
