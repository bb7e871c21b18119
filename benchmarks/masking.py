"""By how much masks move predictions: MMSA's reading of padding against real lengths alone.

Each model is built twice with MMSA's settings for MOSI and the same random weights, once with
``reference=True``, and both predict the same synthetic batches: random text, audio and vision
features, zero-padded to 50, 500 and 375 steps, whose real lengths are spread as in CMU-MOSI. No
trained weights and no data are involved: this says how much of a prediction hangs on padding, not
how accurate a model is.

    python benchmarks/masking.py [--seeds 0 1 2 3 4] [--samples 64]
"""

import argparse
from collections.abc import Sequence

import torch
from torch import Tensor

from pgf_plugin.config import load_config
from pgf_plugin.models import build_module

CONFIGS = {
    "MulT": "mult/mult_mmsa_mosi_unaligned",
    "MISA": "misa/misa_mmsa_mosi_unaligned",
    "TFN": "tfn/tfn_mmsa_mosi_unaligned",
    "LMF": "lmf/lmf_mmsa_mosi_unaligned",
}
TEXT_FEATURES = 768
STEPS = {"text": 50, "audio": 500, "vision": 375}
PER_SECOND = {"text": 3, "audio": 40, "vision": 30}
"""Tokens of an utterance, and the rates at which 12.5 s fill the other two."""

SECONDS_MEDIAN, SECONDS_SPREAD = 3.3, 0.68
"""A lognormal distribution with median, mean and 95th percentile of MOSI: 3.3, 4.2 and 10 s."""


def random_batch(samples: int, dims: dict[str, int], seed: int) -> dict[str, Tensor]:
    """A zero-padded batch with masks, as in the README's batch contract."""
    random = torch.Generator().manual_seed(seed)
    spread = SECONDS_SPREAD * torch.randn(samples, generator=random)
    seconds = SECONDS_MEDIAN * spread.exp()  # (B,)
    inputs = {}
    for name, width in {"text": TEXT_FEATURES, **dims}.items():
        special = 2 if name == "text" else 0  # BERT's first and last token
        lengths = (seconds * PER_SECOND[name]).round().clamp(min=1) + special
        mask = torch.arange(STEPS[name]) < lengths.unsqueeze(1)  # (B, T)
        values = torch.randn(samples, STEPS[name], width, generator=random)
        inputs[name] = values * mask.unsqueeze(-1)
        inputs["attention_mask" if name == "text" else f"{name}_mask"] = mask
    return inputs


def compare(config: str, samples: int, seed: int) -> tuple[float, float, float]:
    """Mean and largest |masked - reference|, and the deviation of the masked predictions."""
    model = load_config(config).model
    model.encoder = dict(type="PrecomputedTextEncoder", in_features=TEXT_FEATURES)
    torch.manual_seed(seed)
    reference = build_module(model).eval()
    masked = build_module({**model, "reference": False}).eval()
    masked.load_state_dict(reference.state_dict())
    batch = random_batch(samples, dict(model.feature_dims), seed)
    with torch.no_grad():
        scores, expected = masked(batch).prediction, reference(batch).prediction
    difference = (scores - expected).abs()
    return difference.mean().item(), difference.max().item(), scores.std().item()


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one row a model: means over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--samples", type=int, default=64)
    args = parser.parse_args(arguments)
    print("| model | mean difference | largest | deviation of predictions | mean / deviation |")
    print("|---|---:|---:|---:|---:|")
    for name, config in CONFIGS.items():
        rows = torch.tensor([compare(config, args.samples, seed) for seed in args.seeds])
        mean, largest, spread = rows.mean(dim=0).tolist()
        print(f"| {name} | {mean:.4f} | {largest:.4f} | {spread:.4f} | {mean / spread:.2f} |")


if __name__ == "__main__":
    main()
