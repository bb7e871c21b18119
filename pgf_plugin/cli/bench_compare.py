"""``pgf bench compare A B``: what differs between the results of two benches."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgf_plugin.bench.compare import BenchComparison, CommonRow

WIDTH = 160
"""Columns at least, where the output is a file."""


def add_parser(commands) -> None:
    """Add the command to ``commands``, under the name that stands for its two words."""
    parser = commands.add_parser(
        "bench-compare",
        prog="pgf bench compare",
        description=f"{__doc__} Differences are B minus A, on the seeds and test utterances that "
        "both have. (A config whose name is compare is reached as ./compare.)",
    )
    parser.add_argument("first", metavar="A", help="folder of a bench")
    parser.add_argument("second", metavar="B", help="folder of another")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run, command="bench compare")


def run(args: argparse.Namespace) -> int:
    """Print the comparison."""
    from pgf_plugin.bench.compare import as_json, compare_benches
    from pgf_plugin.json_files import json_text

    found = compare_benches(args.first, args.second)
    if args.json:
        print(json_text(as_json(found), indent=1))
    else:
        _print(found, args.first, args.second)
    return 0


def _print(found: "BenchComparison", first: str, second: str) -> None:
    from pgf_plugin.console import open_console

    console = open_console(None, WIDTH)
    print(f"A: {first}\nB: {second}")
    for name, labels in (("A", found.only_first), ("B", found.only_second)):
        for label in labels:
            print(f"only in {name}: {label}")
    if not found.common:
        print("no row in common")
        return
    console.print(_table(found.common))
    print(_note(found.common))
    print(_provenance(found.common))


def _table(rows: "list[CommonRow]"):
    """One line a row and metric, MAE first, with its test."""
    from rich.text import Text

    from pgf_plugin.bench.cells import difference_cell, format_metric
    from pgf_plugin.bench.compare import shared_metrics
    from pgf_plugin.console import new_table
    from pgf_plugin.evaluation import METRICS

    table = new_table()
    table.add_column("row", overflow="fold")
    for heading in ("metric", "A", "B", "B - A", "paired test"):
        table.add_column(heading, justify="left" if heading == "metric" else "right", no_wrap=True)
    for row in rows:
        name = row.first.label
        metrics = [each for each in shared_metrics(row) if each[0] in METRICS]
        if not metrics:
            states = ["finished" if each.seeds else "failed" for each in (row.first, row.second)]
            table.add_row(Text(name), "", *states, "", "")
        for metric, a, b in metrics:
            digits = ".1f" if METRICS[metric].percent else ".3f"
            factor = 100 if METRICS[metric].percent else 1
            test = ""
            if metric == "MAE" and row.test:
                interval = f"{row.test.low:+.3f} to {row.test.high:+.3f}"
                tested = "" if row.test.why_not else f"\n95 %: {interval}"
                test = f"{difference_cell(row.test)}, {row.test.verdict}{tested}"
            values = format_metric(metric, a), format_metric(metric, b)
            change = f"{factor * (b - a):+{digits}}" if b == b and a == a else ""
            table.add_row(Text(name), METRICS[metric].label, *values, change, test)
            name = ""
        table.add_section()
    return table


def _note(rows: "list[CommonRow]") -> str:
    """What the numbers are over."""
    tested = [row.test for row in rows if row.test and not row.test.why_not]
    means = "A and B are means over all seeds of each; accuracies and F1 in per cent."
    if not tested:
        return means
    over = "seeds and test utterances" if all(t.utterances for t in tested) else "seeds"
    return (
        f"{means}\nPaired test: MAE on the common {over}; below 0 B is better; p corrected for "
        f"{tested[0].comparisons} (Holm)."
    )


def _provenance(rows: "list[CommonRow]") -> str:
    """What the rows stand on differently, each thing once."""
    if not any(set(row.first.seeds) & set(row.second.seeds) for row in rows):
        return "No seed of a row is finished in both, so nothing is paired."
    lines: dict[str, list[str]] = {}
    for row in rows:
        for key, values in row.provenance.items():
            if key == "fingerprint":  # another for each seed, and no name of anything
                lines.setdefault("config or data files (fingerprint)", []).append(row.first.label)
                continue
            for a, b in values:
                lines.setdefault(f"{key}: {a} -> {b}", []).append(row.first.label)
    if not lines:
        return "Common trials stand on the same config, data, versions and device."
    everywhere = len({row.first.label for row in rows})
    told = [
        line if len(set(labels)) == everywhere else f"{line} ({', '.join(dict.fromkeys(labels))})"
        for line, labels in lines.items()
    ]
    return "\n  ".join(["What common trials do not stand on alike, A -> B:", *told])
