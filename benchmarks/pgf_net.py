"""PGF-Net against its own floor, the same encoder with LoRA and head and no fusion.

BERT-base with random weights (its own are not needed to tell time), frozen, with LoRA, 50 tokens
and a bank of 100 steps (50 of audio and 50 of vision), whose real lengths vary. Sides take turns
in one process; memory is measured in a process for each side. ``recompute`` is PGF-Net with
``model.recompute=True``, which trains alone.

    python benchmarks/pgf_net.py [--batches 16 32] [--repeats 5] [--threads 2] [--out pgf_net.json]

``--quick`` takes a BERT of two layers, two samples, one repeat and one process, to see that it
runs; its memory means nothing.
"""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import torch
from _timing import peak_memory, report, run_alone, take_turns
from torch import Tensor, nn

from pgf_plugin.config import load_config
from pgf_plugin.models import build_module
from pgf_plugin.models.presets import PRESETS, fill_in
from pgf_plugin.structures import MSADataSample

CONFIG = "pgf_net/pgf_net_bert-base_mosi"
STEPS = 50
"""Of text, and of each other modality."""

SIDES: dict[str, dict[str, Any]] = {
    "floor": {"type": "TextOnlyNet"},
    "PGF-Net": {},
    "PGF-Net, recompute": {"recompute": True},
}
QUICK_BERT = dict(num_hidden_layers=2, hidden_size=64, num_attention_heads=2, intermediate_size=128)
WORDS = 30522

Batch = tuple[dict[str, Tensor], list[MSADataSample]]


def build(side: str, quick: bool) -> nn.Module:
    """PGF-Net at the paper's size, or its encoder and head alone."""
    config = load_config(CONFIG).model
    architecture = dict(model_type="bert", **(QUICK_BERT if quick else {}))
    preset = PRESETS[config.preset]
    encoder = {
        **fill_in(config.encoder, preset.encoder()),
        **dict(pretrained=None, architecture=architecture, freeze=True),
    }
    if side == "floor":
        kept = {name: config[name] for name in ("feature_dims", "pooling", "loss")}
        head = fill_in(config.head, preset.head())
        return build_module({**kept, **SIDES[side], "encoder": encoder, "head": head})
    return build_module({**config, **SIDES[side], "encoder": encoder})


def random_batch(samples: int) -> Batch:
    """Tokens, audio and vision of 25 to 50 steps, padded to 50, and labels."""
    random = torch.Generator().manual_seed(0)
    lengths = torch.randint(STEPS // 2, STEPS + 1, (samples, 1), generator=random)
    lengths[0] = STEPS
    mask = torch.arange(STEPS) < lengths
    inputs = {
        "input_ids": torch.randint(1000, WORDS, (samples, STEPS), generator=random) * mask,
        "attention_mask": mask.long(),
    }
    for name, width in load_config(CONFIG).model.feature_dims.items():
        values = torch.randn(samples, STEPS, width, generator=random)
        inputs |= {name: values * mask.unsqueeze(-1), f"{name}_mask": mask}
    labels = torch.randn(samples, 1, generator=random)
    return inputs, [MSADataSample(label=label) for label in labels]


def steps(side: str, samples: int, quick: bool) -> dict[str, Callable[[], None]]:
    """One training step, and one prediction, of a batch."""
    torch.manual_seed(0)
    model = build(side, quick)
    inputs, data_samples = random_batch(samples)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4)

    def train() -> None:
        model.train()
        optimizer.zero_grad()
        sum(model(inputs, data_samples, mode="loss").values()).backward()
        optimizer.step()

    @torch.inference_mode()
    def infer() -> None:
        model.eval()
        model(inputs)

    return {"train": train, "inference": infer}


def measure_memory(side: str, samples: int, quick: bool) -> int:
    """Peak bytes of a training step beyond the model and its batch."""
    train = steps(side, samples, quick)["train"]
    with peak_memory() as peak:
        train()
    return max(1, peak[0])  # a tiny model may fit into what is there


def main(arguments: Sequence[str] | None = None) -> None:
    """Print ratios to the floor: 1 is as fast, or as small."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=[16, 32])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.quick:
        args.batches, args.repeats, args.threads = [2], 1, 1
    torch.set_num_threads(args.threads)
    if args.memory:
        side, samples = args.memory
        print(measure_memory(side, int(samples), args.quick))
        return
    passed_on = ["--threads", str(args.threads)]
    rows = []
    for samples in args.batches:
        sides = {side: steps(side, samples, args.quick) for side in SIDES}
        seconds = take_turns(sides, args.repeats)
        memory = {
            side: measure_memory(side, samples, quick=True)
            if args.quick
            else run_alone(__file__, *passed_on, "--memory", side, str(samples))
            for side in SIDES
        }
        for side in SIDES:
            times = {what: seconds[side, what] for what in ("train", "inference")}
            rows.append(
                {
                    "side": side,
                    "batch": samples,
                    "training step, s": times["train"],
                    "inference, s": times["inference"],
                    "training, MB": memory[side] / 1e6,
                    "training, times the floor": times["train"] / seconds["floor", "train"],
                    "inference, times the floor": times["inference"]
                    / seconds["floor", "inference"],
                    "memory, times the floor": memory[side] / memory["floor"],
                }
            )
    report(rows, args.out)


if __name__ == "__main__":
    main()
