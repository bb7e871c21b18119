"""Loading CMU-MOSI's features: the store of this package against MMSA's own loader.

    python -m pip install MMSA
    python benchmarks/data.py [--quick] [--rounds N] [--batch-size N] [--out FILE]

Data: synthetic, of the shape of MMSA's unaligned file (1284 / 229 / 686 utterances, 50 / 500 / 375
steps of 768 / 5 / 20 features). Each side has a process of its own; all have the same batch size,
no workers, and give the tensors that a model takes:

- first batch: the datasets of all three splits, and one batch of the training split. Warm: the
  files are in the cache of the system, as after an earlier run. Cold: they were dropped from it
  and come from the disk (Linux; the libraries stay warm);
- epoch: all batches of the training split in random order, after an epoch that does not count.
  The sides take turns, epoch by epoch;
- peak memory: resident memory over what the process had after its imports, pages of mapped files
  included, over the whole of it.

Set ``OMP_NUM_THREADS=1`` on a busy machine: MMSA's loader stacks samples with all threads of torch,
which then wait for each other, and would seem slower than it is.

A ratio is MMSA's value divided by the side's of the same round (of an epoch: of the same turn),
the median of all, with the smallest and the largest median of a round.

Both ways of MMSA are measured, each against the sides that give the same: text as features
(``use_bert=False``), and as tokens (``use_bert=True``, ids that MMSA's file holds ready; the store
keeps them from the first use on, which a side of its own measures). MMSA pads all to 50 / 500 / 375
steps, gives no masks, and leaves audio and vision as they are; this package gives masks, and
standardizes audio and vision, which sides that are "raw" leave out. Those that are "bucketed" take
samples of similar length, from pools of 16 batches as training does, or from one pool.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from statistics import median
from typing import Any

from _data_sides import SIDES, RemoteSide, Side
from synthetic_mosi import write_synthetic_mosi

BATCH_SIZE = 16
"""Of MMSA's configs for MulT, MISA and Self-MM on CMU-MOSI."""

EPOCHS = 9
COLD = ("MMSA", "store")
"""Sides that are measured with a cold cache, too."""

Values = dict[str, Any]
Results = dict[str, dict[str, list[Values]]]
"""Kind of text and name of a side to its values, round by round."""

Start = Callable[[str, str], AbstractContextManager[Any]]
"""Makes of the name of a side and its file what can be asked for the methods of ``Side``."""


def run(
    folder: Path, *, share: float, rounds: int, start: Start
) -> dict[str, dict[str, list[Values]]]:
    """Write the data, convert them, and measure every side.

    Args:
        folder: where the data go.
        share: of CMU-MOSI's number of utterances.
        rounds: how often everything is repeated.
        start: how a side is started; without a process of its own its memory means nothing.
    """
    files = {"pickle": write_synthetic_mosi(folder / "unaligned_50.pkl", share)}
    files["store"] = folder / "store"
    _convert(files["pickle"], files["store"])
    results: Results = {text: {name: [] for name in sides} for text, sides in SIDES.items()}
    for number in range(rounds):
        for text in SIDES:
            for name, values in _round(text, files, start).items():
                results[text][name].append(values)
            print(f"round {number + 1} of {rounds}: {text}", file=sys.stderr)
    return results


def _convert(source: Path, store: Path) -> None:
    from pgf_plugin.cli import main as pgf

    if pgf(["data", "convert", str(source), str(store)]):
        raise SystemExit("pgf data convert failed")


def _round(text: str, files: dict[str, Path], start: Start) -> dict[str, Values]:
    """Measure every side with this kind of text once."""
    values: dict[str, Values] = {}

    def started(name: str) -> AbstractContextManager[Any]:
        return start(f"{text}/{name}", str(files[SIDES[text][name].source]))

    with ExitStack() as stack:
        sides = {}
        for name in SIDES[text]:
            side = stack.enter_context(started(name))
            values[name] = {"first_batch_s": side.ask("first_batch"), "epoch_s": []}
            sides[name] = side
        for turn in range(EPOCHS + 1):
            for name, side in sides.items():
                seconds = side.ask("epoch")
                if turn:
                    values[name]["epoch_s"].append(seconds)
        for name, side in sides.items():
            values[name] |= side.ask("report")
    for name in COLD:  # now that nothing maps the files any more
        with started(name) as side:
            side.ask("evict")
            values[name] |= {"cold_first_batch_s": side.ask("first_batch")}
            values[name] |= {"cold_epoch_s": side.ask("epoch")}
    return values


def ratios(base: list[Values], side: list[Values], key: str) -> list[float]:
    """MMSA's value divided by the side's, the median of each round.

    Empty for what was not measured, or is zero: of few data, a side may need no memory beyond its
    imports.
    """
    found = []
    for mine, other in zip(base, side, strict=True):
        pairs = list(zip(_listed(mine[key]), _listed(other.get(key, 0)), strict=True))
        if all(value for _, value in pairs):
            found.append(median(a / b for a, b in pairs))
    return found


def _listed(value: Any) -> list[float]:
    return value if isinstance(value, list) else [value]


COLUMNS = {
    "first_batch_s": ("first batch, warm", "s", 1.0),
    "cold_first_batch_s": ("first batch, cold", "s", 1.0),
    "epoch_s": ("epoch", "s", 1.0),
    "cold_epoch_s": ("its first epoch, cold", "s", 1.0),
    "peak_bytes": ("peak memory", "MB", 1e-6),
}


def table(results: Results) -> str:
    """The results as a Markdown table, with ratios to MMSA's side of the same kind of text."""
    titles = ["text", "side", *(title for title, *_ in COLUMNS.values())]
    titles.append("padded / real: text, audio, vision, all")
    lines = [f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}"]
    for text, sides in results.items():
        for name, rounds in sides.items():
            cells = [text, name]
            for key, (_, unit, factor) in COLUMNS.items():
                cells.append(_cell(sides["MMSA"], rounds, key, unit, factor))
            waste = rounds[-1].get("padding_waste", {})
            cells.append(", ".join(f"{value:.2f}" for value in waste.values()) or "-")
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(base: list[Values], side: list[Values], key: str, unit: str, factor: float) -> str:
    if not all(key in values for values in side):
        return "-"
    value = median(_flat(values[key] for values in side)) * factor
    cell = f"{value:.{0 if unit == 'MB' else 3}f} {unit}"
    if side is base:
        return cell
    found = ratios(base, side, key)
    if not found:
        return cell
    spread = f" ({min(found):.1f} to {max(found):.1f})" if len(found) > 1 else ""
    return f"{cell}, {median(found):.1f}x{spread}"


def _flat(values: Iterable[Any]) -> list[float]:
    return [each for value in values for each in _listed(value)]


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few utterances, one process")
    parser.add_argument("--rounds", type=int, default=3, help="repetitions (default: 3)")
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE, help="default: 16, as MMSA")
    parser.add_argument("--out", metavar="FILE", help="where to write the numbers, as JSON")
    parser.add_argument("--folder", metavar="DIR", help="where the data go (default: temporary)")
    args = parser.parse_args(argv)
    place = nullcontext(args.folder) if args.folder else tempfile.TemporaryDirectory()

    def start(name: str, file: str) -> AbstractContextManager[Any]:
        if args.quick:
            return nullcontext(Side(name, file, args.batch_size))
        return RemoteSide(name, file, args.batch_size)

    with place as folder:
        share, rounds = (0.03, 1) if args.quick else (1.0, args.rounds)
        results = run(Path(folder), share=share, rounds=rounds, start=start)
    print(
        f"Synthetic data, batches of {args.batch_size}, no workers, OMP_NUM_THREADS="
        f"{os.environ.get('OMP_NUM_THREADS', 'unset')}, load of the machine "
        f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs."
    )
    print(table(results))
    if args.out:
        Path(args.out).write_text(json.dumps(results, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
