"""What the cache of frozen layers saves PGF-Net in an epoch, by the layer where fusion begins.

BERT-base with random weights (or ``--encoder``), frozen, with LoRA and fusion from layer L0 on,
over synthetic utterances of 25 to 50 tokens, audio and vision steps. With and without
``cache_frozen`` take turns in one process; the first epoch, which fills the cache, is timed apart.
An epoch is a pass of training steps over all batches. With ``--threads 1`` seconds are those of the
processor, which other programs do not lengthen.

    python benchmarks/frozen_layers.py [--layers 0 3 6 9] [--batch 16] [--batches 8] [--repeats 3]
        [--threads 2] [--encoder NAME] [--out frozen_layers.json]

``--quick`` takes a BERT of two layers, two batches of two and one repeat, to see that it runs.
"""

import argparse
from collections.abc import Callable, Sequence
from time import perf_counter, process_time
from typing import Any

import torch
from _timing import report, take_turns
from pgf_net import CONFIG, QUICK_BERT, random_batch
from torch import nn

from pgf_plugin.config import load_config
from pgf_plugin.models import build_module


def build(start: int, cached: bool, args: argparse.Namespace) -> nn.Module:
    """PGF-Net at the paper's size, with LoRA and fusion from the layer ``start`` on."""
    config = load_config(CONFIG).model
    weights: dict[str, Any] = {"pretrained": args.encoder}
    if args.encoder is None:
        small = QUICK_BERT if args.quick else {}
        weights |= {"architecture": dict(model_type="bert", **small), "freeze": True}
    encoder = {**config.encoder, **weights, "lora_start_layer": start, "cache_frozen": cached}
    return build_module({**config, "encoder": encoder, "start_fusion_layer": start})


def epochs(start: int, cached: bool, args: argparse.Namespace) -> Callable[[], None]:
    """A training step on every batch."""
    torch.manual_seed(0)
    model = build(start, cached, args).train()
    inputs, labels = random_batch(args.batch * args.batches)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4)

    def epoch() -> None:
        for begin in range(0, len(labels), args.batch):
            rows = slice(begin, begin + args.batch)
            batch = {name: values[rows] for name, values in inputs.items()}
            optimizer.zero_grad()
            sum(model(batch, labels[rows], mode="loss").values()).backward()
            optimizer.step()

    return epoch


def compare(start: int, args: argparse.Namespace) -> dict[str, Any]:
    """Seconds of an epoch on both sides; at L0 = 0 there is nothing to keep."""
    clock = process_time if args.threads == 1 else perf_counter
    sides = {"without": {"epoch": epochs(start, False, args)}}
    row: dict[str, Any] = {"L0": start, "first, s": None, "with, s": None}
    if start:
        sides["with"] = {"epoch": epochs(start, True, args)}
        begin = clock()
        sides["with"]["epoch"]()
        row["first, s"] = clock() - begin
    seconds = take_turns(sides, args.repeats, clock)
    for side in sides:
        row[f"{side}, s"] = seconds[side, "epoch"]
    return row


def main(arguments: Sequence[str] | None = None) -> None:
    """Print seconds of an epoch, and how many times faster it is with the cache."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, nargs="+", default=[0, 3, 6, 9])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--batches", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--encoder")
    parser.add_argument("--out")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args(arguments)
    if args.quick:
        args.layers, args.batch, args.batches, args.repeats, args.threads = [0, 1], 2, 2, 1, 1
    torch.set_num_threads(args.threads)
    rows = [compare(start, args) for start in args.layers]
    for row in rows:
        cached = row["with, s"]
        row["times faster"] = row["without, s"] / cached if cached else None
        row["first, times faster"] = row["without, s"] / row["first, s"] if cached else None
    report(rows, args.out)


if __name__ == "__main__":
    main()
