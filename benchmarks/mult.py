"""MulT here against MMSA's, on the same weights and batches: training step, inference, memory.

Both sides read text features (no encoder, which would be the same on both), with MMSA's settings
for unaligned CMU-MOSI, batch 16. ``reference`` computes as MMSA does, on batches padded to 50, 500
and 375 steps. ``masked`` reads the real lengths alone, on batches padded to their own longest,
whose lengths are drawn as in CMU-MOSI; MMSA gets the same samples, padded as its loader pads them.
Sides take turns in one process; memory is measured in a process for each side.

    python benchmarks/mult.py [--repeats 5] [--batches 4] [--threads 2] [--out mult.json]

``--quick`` takes two samples a batch, one repeat and no memory, to see that it runs.
"""

import argparse
from collections.abc import Callable, Sequence

import torch
from _timing import peak_memory, report, run_alone, take_turns
from masking import STEPS, TEXT_FEATURES, random_batch
from torch import Tensor, nn

from pgf_plugin.config import load_config
from pgf_plugin.interop.mmsa import convert_state_dict
from pgf_plugin.models import build_module
from pgf_plugin.models.mmsa_settings import read_settings

CONFIG = "mult/mult_mmsa_mosi_unaligned"
BATCH = 16
SIDES = ("MMSA", "reference", "masked")

Batch = dict[str, Tensor]
Side = tuple[nn.Module, Callable[[Batch], Tensor], list[Batch]]


def build_mmsa() -> nn.Module:
    """MMSA's module with its own settings for MOSI, and random weights."""

    from easydict import EasyDict
    from MMSA.models.singleTask.MULT import MULT

    dims = [TEXT_FEATURES, *load_config(CONFIG).model.feature_dims.values()]
    settings = read_settings("mult", "mosi", {})
    torch.manual_seed(0)
    return MULT(EasyDict(settings, feature_dims=dims, train_mode="regression", use_bert=False))


def build(side: str, mmsa: nn.Module) -> nn.Module:
    """Our model with MMSA's weights."""
    config = load_config(CONFIG).model
    config.encoder = dict(type="PrecomputedTextEncoder", in_features=TEXT_FEATURES)
    model = build_module({**config, "reference": side == "reference"})
    model.load_state_dict(convert_state_dict("mult", mmsa.state_dict()))
    return model


def trim(batch: Batch) -> Batch:
    """Cut a batch to its own longest sample, as our loader pads it."""
    trimmed = {}
    for name in STEPS:
        key = "attention_mask" if name == "text" else f"{name}_mask"
        longest = int(batch[key].sum(1).max())
        trimmed |= {name: batch[name][:, :longest].contiguous(), key: batch[key][:, :longest]}
    return trimmed


def make_side(side: str, batches: Sequence[Batch]) -> Side:
    """A model, how to call it, and what it gets."""
    mmsa = build_mmsa()
    if side == "MMSA":
        return mmsa, lambda x: mmsa(x["text"], x["audio"], x["vision"])["M"], list(batches)
    model = build(side, mmsa)
    fed = [trim(batch) for batch in batches] if side == "masked" else list(batches)
    return model, lambda x: model(x).prediction, fed


def steps(side: Side) -> dict[str, Callable[[], None]]:
    """One training step a batch, and one prediction a batch."""
    model, predict, batches = side
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)

    def train() -> None:
        model.train()
        for batch in batches:
            optimizer.zero_grad()
            predict(batch).abs().mean().backward()
            optimizer.step()

    @torch.inference_mode()
    def infer() -> None:
        model.eval()
        for batch in batches:
            predict(batch)

    return {"train": train, "inference": infer}


def measure_memory(name: str, what: str, batches: Sequence[Batch]) -> int:
    """Peak bytes of one side beyond its model and batches."""
    run = steps(make_side(name, batches))[what]
    with peak_memory() as peak:
        run()
    return peak[0]


def measure_all_memory(threads: int) -> dict[tuple[str, str], int]:
    """Peak bytes of every side in training and in inference, each in a process of its own."""
    return {
        (side, what): run_alone(__file__, "--threads", str(threads), "--memory", side, what)
        for side in SIDES
        for what in ("train", "inference")
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print ratios of medians, MMSA over ours: above 1 is faster, or smaller, here."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.quick:
        args.repeats = args.batches = args.threads = 1
    torch.set_num_threads(args.threads)
    size = 2 if args.quick else BATCH
    batches = [random_batch(size, {"audio": 5, "vision": 20}, seed) for seed in range(args.batches)]
    if args.memory:
        print(measure_memory(*args.memory, batches[:1]))
        return
    sides = {name: steps(make_side(name, batches)) for name in SIDES}
    seconds = take_turns(sides, args.repeats)
    memory = {} if args.quick else measure_all_memory(args.threads)
    rows = []
    for name in SIDES[1:]:
        for what in ("train", "inference"):
            theirs, ours = (seconds[side, what] for side in ("MMSA", name))
            rows.append(
                {
                    "semantics": name,
                    "what": what,
                    "MMSA, s a batch": theirs / args.batches,
                    "here, s a batch": ours / args.batches,
                    "times faster": theirs / ours,
                    "memory, MMSA / here": memory["MMSA", what] / memory[name, what]
                    if memory
                    else None,
                }
            )
    report(rows, args.out)


if __name__ == "__main__":
    main()
