"""MISA here against MMSA's, on the same weights and batches: training step and inference.

Both sides read text features (no encoder, which would be the same on both), with MMSA's settings
for unaligned CMU-MOSI, batch 16, with all four losses. Lengths are drawn as in CMU-MOSI. MMSA reads
as many steps of audio and vision as the text has tokens, whatever their own lengths; ``reference``
does the same, on the same batches, padded to 50, 500 and 375 steps. ``masked, word-aligned`` reads
the real lengths of batches whose audio and vision have a step a token, padded to their own longest:
the steps that MMSA reads. ``masked, unaligned`` reads all real steps of audio and vision, which are
13 and 10 times as many as MMSA's. Sides take turns in one process.

    python benchmarks/misa.py [--repeats 9] [--batches 8] [--threads 2] [--out misa.json]

``--quick`` takes one batch and one repeat, to see that it runs.
"""

import argparse
from collections.abc import Callable, Sequence
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import torch
from _timing import report, take_turns
from masking import STEPS, TEXT_FEATURES, random_batch
from torch import Tensor, nn

from pgf_plugin.config import load_config
from pgf_plugin.interop.mmsa import convert_state_dict
from pgf_plugin.models import build_module
from pgf_plugin.models.mmsa_settings import read_settings
from pgf_plugin.structures import MSADataSample

CONFIG = "misa/misa_mmsa_mosi_unaligned"
BATCH = 16
SIDES = ("MMSA", "reference", "masked, word-aligned", "masked, unaligned")

Batch = dict[str, Tensor]
Steps = dict[str, Callable[[], None]]


class Features(nn.Module):
    """Stands where MMSA has BERT, and gives the features of the batch."""

    features: Tensor

    def __init__(self, **_: Any) -> None:
        super().__init__()

    def forward(self, text: Tensor) -> Tensor:
        """(B, 3, L) tokens, mask and segments -> (B, L, D_t)."""
        return self.features


def build_mmsa() -> tuple[nn.Module, Any]:
    """MMSA's module with its own settings for MOSI and random weights, and its trainer."""

    from easydict import EasyDict
    from MMSA.trains import singleTask

    dims = [TEXT_FEATURES, *load_config(CONFIG).model.feature_dims.values()]
    settings = EasyDict(
        read_settings("misa", "mosi", {}),
        feature_dims=dims,
        train_mode="regression",
        dataset_name="mosi",
    )
    module = import_module("MMSA.models.singleTask.MISA")
    module.BertTextEncoder = Features  # type: ignore[attr-defined]
    torch.manual_seed(0)
    model = module.MISA(settings)
    trainer = singleTask.MISA(settings)
    trainer.model = SimpleNamespace(Model=model)
    return model, trainer


def build(side: str, mmsa: nn.Module) -> nn.Module:
    """Our model with MMSA's weights."""
    config = load_config(CONFIG).model
    config.encoder = dict(type="PrecomputedTextEncoder", in_features=TEXT_FEATURES)
    model = build_module({**config, "reference": side == "reference"})
    # A weight in BERT's name, without which this would be no checkpoint of MMSA's MISA.
    state = convert_state_dict(
        "misa", {**mmsa.state_dict(), "bertmodel.model.none": torch.zeros(1)}
    )
    del state["encoder.encoder.none"]
    model.load_state_dict(state)
    return model


def trim(batch: Batch, aligned: bool) -> Batch:
    """Cut a batch to its own longest sample, as our loader pads it."""
    trimmed = {}
    for name in STEPS:
        key = "attention_mask" if name == "text" else f"{name}_mask"
        mask = batch["attention_mask" if aligned else key]
        longest = int(mask.sum(1).max())
        trimmed |= {name: batch[name][:, :longest].contiguous(), key: mask[:, :longest]}
    return trimmed


def mmsa_steps(batches: Sequence[Batch], labels: Sequence[Tensor]) -> Steps:
    """MMSA's training and inference, as its trainer computes them."""
    model, trainer = build_mmsa()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    weights = trainer.args

    def predict(batch: Batch) -> Tensor:
        model.bertmodel.features = batch["text"]
        mask = batch["attention_mask"].float()
        tokens = torch.stack((mask, mask, torch.zeros_like(mask)), dim=1)
        return model(tokens, batch["audio"], batch["vision"])["M"]

    def train() -> None:
        model.train()
        for batch, label in zip(batches, labels, strict=True):
            optimizer.zero_grad()
            loss = trainer.criterion(predict(batch), label)
            loss = loss + weights.diff_weight * trainer.get_diff_loss()
            loss = loss + weights.sim_weight * trainer.get_cmd_loss()
            (loss + weights.recon_weight * trainer.get_recon_loss()).backward()
            optimizer.step()

    @torch.no_grad()
    def infer() -> None:
        model.eval()
        for batch in batches:
            predict(batch)

    return {"train": train, "inference": infer}


def our_steps(side: str, batches: Sequence[Batch], labels: Sequence[Tensor]) -> Steps:
    """Training and inference here."""
    model = build(side, build_mmsa()[0])
    fed = (
        list(batches) if side == "reference" else [trim(b, "word-aligned" in side) for b in batches]
    )
    samples = [[MSADataSample(label=row) for row in label] for label in labels]
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)

    def train() -> None:
        model.train()
        for batch, data_samples in zip(fed, samples, strict=True):
            optimizer.zero_grad()
            sum(model(batch, data_samples, mode="loss").values()).backward()
            optimizer.step()

    @torch.no_grad()
    def infer() -> None:
        model.eval()
        for batch in fed:
            model(batch)

    return {"train": train, "inference": infer}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print ratios of medians, MMSA over ours: above 1 is faster here."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--batches", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args(arguments)
    if args.quick:
        args.repeats = args.batches = args.threads = 1
    torch.set_num_threads(args.threads)
    batches = [
        random_batch(BATCH, {"audio": 5, "vision": 20}, seed) for seed in range(args.batches)
    ]
    labels = [torch.linspace(-3, 3, BATCH).unsqueeze(1) for _ in batches]
    sides = {"MMSA": mmsa_steps(batches, labels)}
    sides |= {name: our_steps(name, batches, labels) for name in SIDES[1:]}
    seconds = take_turns(sides, args.repeats)
    rows = [
        {
            "semantics": name,
            "what": what,
            "MMSA, ms a batch": 1e3 * seconds["MMSA", what] / args.batches,
            "here, ms a batch": 1e3 * seconds[name, what] / args.batches,
            "times faster": seconds["MMSA", what] / seconds[name, what],
        }
        for name in SIDES[1:]
        for what in ("train", "inference")
    ]
    report(rows, args.out)


if __name__ == "__main__":
    main()
