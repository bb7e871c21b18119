"""How the cost of PGF-Net grows: with text, bank, batch and data set, and with what exponent.

Text of 25 to 400 tokens, a bank of 50 to 2000 steps (audio and vision by halves), batches of 1 to
16, data sets of 16 to 128 utterances, with the encoder's architecture of the quickstart, random
weights, and synthetic batches in which every step is real; needs the extra ``quickstart``. Of each
size: seconds of a prediction and of a training step, FLOPs of a prediction, and peak memory of both
beyond weights and batch, measured in a process of its own. Of a data set: seconds to open it, and
of an epoch over it. Sizes take turns; times are medians of repeated runs.

The exponent is that of least squares on logarithms over the upper half of the sizes: 1 is linear, 2
quadratic. The last column is the R² of a straight line through all sizes: a cost that has a part
that does not grow has an exponent below 1, and still lies on one.

    python benchmarks/scaling.py [--repeats 5] [--threads 1] [--out scaling.json]
        [--plot scaling.png] [--quick]

``--quick`` takes a tiny encoder and few sizes, to see that it runs.
"""

import argparse
import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from _timing import measure, peak_memory, report, run_alone
from mmengine.config import Config
from mmengine.runner import Runner
from torch import nn

from pgf_plugin.config import load_config
from pgf_plugin.profiling import Case, Lengths, build_model, count_flops, synthetic_batch
from pgf_plugin.profiling.resident import can_be_told, give_back
from pgf_plugin.structures import MSADataSample

CONFIG = "pgf_net/pgf_net_minilm_synthetic"
SIZES = {
    "text, tokens": (25, 50, 100, 200, 400),
    "bank, steps": (50, 125, 250, 500, 1000, 2000),
    "batch, utterances": (1, 2, 4, 8, 16),
    "data set, utterances": (16, 32, 64, 128),
}
QUICK = {
    "text, tokens": (8, 16, 32),
    "bank, steps": (8, 16, 32),
    "batch, utterances": (1, 2, 4),
    "data set, utterances": (4, 8, 16),
}
DATA = "data set, utterances"
BATCH = 2
TOKENS, STEPS = 50, 50
BANK_BATCH, BANK_TOKENS = 16, 10
"""Beside a bank: so short a text that the bank is what costs memory."""

CPU = torch.device("cpu")

Points = dict[str, dict[str, list[float]]]
"""Sweep, quantity, and its value at each size."""


def read_config(quick: bool) -> Config:
    """The config that is measured."""
    cfg = load_config(CONFIG)
    if quick:
        sizes = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2)
        architecture = dict(model_type="bert", intermediate_size=64, **sizes)
        cfg.model.encoder = dict(
            type="HFTextEncoder", architecture=architecture, freeze=True, lora_rank=4
        )
    return cfg


def make_case(sweep: str, size: int) -> Case:
    """The batch of a sweep at one of its sizes."""
    if sweep.startswith("text"):
        return Case(BATCH, Lengths(size, STEPS, STEPS))
    if sweep.startswith("bank"):
        return Case(BANK_BATCH, Lengths(BANK_TOKENS, size // 2, size - size // 2))
    return Case(size, Lengths(TOKENS, STEPS, STEPS))


def training_step(model: nn.Module, case: Case) -> Callable[[], None]:
    """A function that takes one step of AdamW on a batch."""
    inputs = synthetic_batch(model, case, CPU)
    samples = MSADataSample.make_batch(label=torch.zeros(case.batch_size, 1))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-5)

    def step() -> None:
        model.train()
        optimizer.zero_grad()
        sum(model(inputs, samples, mode="loss").values()).backward()
        optimizer.step()

    return step


def prediction(model: nn.Module, case: Case) -> Callable[[], None]:
    """A function that predicts a batch."""
    inputs = synthetic_batch(model, case, CPU)

    @torch.inference_mode()
    def predict() -> None:
        model.eval()
        model(inputs)

    return predict


def medians(functions: Sequence[Callable[[], None]], repeats: int) -> list[float]:
    """Median seconds of each function, after one call that does not count; they take turns."""
    for function in functions:
        function()
    rounds = [[measure(function, 1) for function in functions] for _ in range(repeats)]
    return np.median(rounds, axis=0).tolist()


def measure_sweep(cfg: Config, sweep: str, sizes: Sequence[int], repeats: int) -> dict[str, list]:
    """Times and FLOPs at each size of a batch."""
    model = build_model(cfg.model)
    cases = [make_case(sweep, size) for size in sizes]
    found: dict[str, list] = {
        "prediction, s": medians([prediction(model, case) for case in cases], repeats),
        "training step, s": medians([training_step(model, case) for case in cases], repeats),
        "FLOPs": [],
    }
    model.eval()
    for size, lengths in cases:
        alone = count_flops(model, synthetic_batch(model, Case(1, lengths), CPU))
        found["FLOPs"].append(size * sum(alone.values()))
    return found


def measure_memory(cfg: Config, sizes: dict[str, tuple[int, ...]]) -> dict[str, list[int]]:
    """Peak bytes of a prediction and of a training step, beyond what there was before, by sweep."""
    model, found = build_model(cfg.model), {}
    for kind, make in (("prediction", prediction), ("training step", training_step)):
        for sweep in sizes:
            if sweep == DATA:
                continue
            peaks = []
            for size in sizes[sweep]:
                function = make(model, make_case(sweep, size))
                function()  # what is set up only once
                give_back()
                with peak_memory() as peak:
                    function()
                peaks += peak
            found[f"{sweep}: memory of a {kind}, bytes"] = peaks
    return found


def measure_data(cfg: Config, sizes: Sequence[int]) -> dict[str, list[float]]:
    """Seconds to open data sets and to train an epoch on them."""
    model = build_model(cfg.model)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-5)
    found: dict[str, list] = {"opening, s": [], "epoch, s": []}
    for size in (sizes[0], *sizes):  # the first reads the tokenizer and the words, once for all
        cfg.train_dataloader.dataset.num_samples = size
        begin = perf_counter()
        loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
        opened = perf_counter()
        model.train()
        for batch in loader:
            optimizer.zero_grad()
            sum(model(**batch, mode="loss").values()).backward()
            optimizer.step()
        found["opening, s"].append(opened - begin)
        found["epoch, s"].append(perf_counter() - opened)
    return {name: values[1:] for name, values in found.items()}


def exponent(sizes: Sequence[int], values: Sequence[float]) -> float:
    """Slope of log(value) over log(size), by least squares over the upper half of the sizes."""
    half = max(2, (len(sizes) + 1) // 2)
    return float(np.polyfit(np.log(sizes[-half:]), np.log(np.maximum(values[-half:], 1e-9)), 1)[0])


def straightness(sizes: Sequence[int], values: Sequence[float]) -> float:
    """R² of a straight line through all points."""
    return float(np.corrcoef(sizes, values)[0, 1] ** 2)


def summarize(points: Points, sizes: dict[str, tuple[int, ...]]) -> list[dict[str, Any]]:
    """One row a sweep and quantity."""
    return [
        {
            "sweep": sweep,
            "sizes": f"{sizes[sweep][0]} … {sizes[sweep][-1]}",
            "quantity": quantity,
            "at the smallest": float(values[0]),
            "at the largest": float(values[-1]),
            "exponent": exponent(sizes[sweep], values),
            "R² of a line": straightness(sizes[sweep], values),
        }
        for sweep, quantities in points.items()
        for quantity, values in quantities.items()
    ]


def draw(points: Points, sizes: dict[str, tuple[int, ...]], path: str) -> None:
    """Draw every quantity over its smallest value, a panel a sweep, logarithmic both ways."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 9), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 2).flatten()
    for axes, (sweep, quantities) in zip(panels, points.items(), strict=True):
        across = np.array(sizes[sweep])
        for name, values in quantities.items():
            label = f"{name.partition(',')[0]}: {exponent(across, values):.2f}"
            axes.plot(across, np.array(values) / values[0], "o-", markersize=4, label=label)
        axes.plot(across, across / across[0], ":", color="0.4", label="linear: 1")
        axes.set(xscale="log", yscale="log", xlabel=sweep, ylabel="times that of the smallest")
        axes.set_xticks(across, map(str, across))
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", title="exponent of the upper half")
    figure.suptitle(f"Scaling of PGF-Net on a CPU, threads: {torch.get_num_threads()}")
    figure.savefig(path, dpi=110)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row a sweep and quantity."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out")
    parser.add_argument("--plot")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.quick:
        args.repeats = 1
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    read = partial(read_config, args.quick)
    sizes = QUICK if args.quick else SIZES
    if args.memory:
        print(json.dumps(measure_memory(read(), sizes)))
        return
    points: Points = {
        sweep: measure_sweep(read(), sweep, sizes[sweep], args.repeats)
        for sweep in sizes
        if sweep != DATA
    }
    if can_be_told():
        quick = ["--quick"] if args.quick else []
        os.environ["MALLOC_MMAP_THRESHOLD_"] = "131072"  # what is freed goes back at once
        for key, peaks in run_alone(__file__, *quick, "--memory", "--threads", "1").items():
            sweep, _, quantity = key.partition(": ")
            points[sweep][quantity] = peaks
    points[DATA] = measure_data(read(), sizes[DATA])
    rows = summarize(points, sizes)
    report(rows, None)
    if args.out:
        content = {"sizes": sizes, "points": points, "rows": rows}
        Path(args.out).write_text(json.dumps(content, indent=2) + "\n")
    if args.plot:
        draw(points, sizes, args.plot)


if __name__ == "__main__":
    main()
