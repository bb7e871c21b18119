"""``pgf data``: inspect and validate feature files, convert them to stores, verify stores."""

import argparse
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from pgf_plugin.cli import data_inspect
from pgf_plugin.cli.overrides import ReaderOptions
from pgf_plugin.datasets.features import FeatureTable
from pgf_plugin.datasets.formats import FORMATS, detect_format
from pgf_plugin.datasets.inspection import find_doubts
from pgf_plugin.datasets.source import STORE, load_data
from pgf_plugin.datasets.store import is_store, verify_store, write_store
from pgf_plugin.datasets.store.arrays import TREATMENTS
from pgf_plugin.datasets.store.checks import ALLOWANCES
from pgf_plugin.datasets.store.schema import read_document
from pgf_plugin.datasets.store.staging import check_target
from pgf_plugin.errors import check_one_of
from pgf_plugin.label_scale import other_scale
from pgf_plugin.structures import MODALITIES


def add_parser(commands) -> None:
    """Add the command to ``commands``."""
    parser = commands.add_parser(
        "data", help="inspect, validate and convert feature files", description=__doc__
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    data_inspect.add_actions(actions)
    _add_convert(actions)
    verify = actions.add_parser("verify", help="compare every file of a store with its checksum")
    verify.add_argument("store", metavar="STORE", help="folder that `pgf data convert` wrote")
    verify.set_defaults(run=run_verify)


def _add_convert(actions) -> None:
    convert = actions.add_parser("convert", help="write a store from a feature file of any format")
    convert.add_argument("source", metavar="SRC", help="the file or folder to read")
    convert.add_argument("store", metavar="DST", help="the folder to write")
    convert.add_argument(
        "--format", metavar="NAME", help=f"of SRC: {', '.join(FORMATS)} (default: detected)"
    )
    convert.add_argument(
        "--option",
        nargs="+",
        action=ReaderOptions,
        default={},
        metavar="KEY=VALUE",
        help="what the reader of the format takes",
    )
    convert.add_argument(
        "--split-column",
        nargs="+",
        metavar="NAME",
        help="which of several split columns to keep (default: all)",
    )
    convert.add_argument(
        "--nonfinite",
        choices=TREATMENTS,
        default="refuse",
        help="what becomes of NaN and inf: an error, zeros in their place, or the steps that hold "
        "them left out (default: refuse)",
    )
    convert.add_argument(
        "--allow",
        nargs="+",
        choices=ALLOWANCES,
        default=[],
        help="what is refused otherwise",
    )
    convert.add_argument("--force", action="store_true", help="replace a store that exists")
    convert.set_defaults(run=run_convert)


def run_convert(args: argparse.Namespace) -> int:
    """Read SRC and write DST, saying what was found and what to do with it."""
    check_target(Path(args.store).expanduser(), force=args.force)  # before hours of reading
    begin = perf_counter()
    table, format_name = _read(args)
    read = perf_counter()
    print(f"read   {args.source}, format {format_name}, {read - begin:.1f} s")
    print("\n".join(f"         {line}" for line in _summary(table)), flush=True)
    folder = write_store(
        table,
        args.store,
        nonfinite=args.nonfinite,
        split_columns=args.split_column,
        allow=args.allow,
        force=args.force,
    )
    print(f"wrote  {args.store}, {_bytes(folder)}, {perf_counter() - read:.1f} s")
    print("\n".join(f"         {line}" for line in _changes(folder)))
    print("In a config:")
    print("\n".join(f"    {line}" for line in _config(folder, table)))
    return 0


def run_verify(args: argparse.Namespace) -> int:
    """Print the problems of a store; the exit status is 1 if there are any."""
    folder = Path(args.store).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f"{args.store}: there is no such folder")
    problems = verify_store(folder)
    for problem in problems:
        print(problem)
    if problems:
        print(f"{args.store}: {len(problems)} problems")
        return 1
    count = len(read_document(folder)["files"])
    print(f"{args.store}: sound ({count} files, {_bytes(folder)}, checksums agree)")
    return 0


def _read(args: argparse.Namespace) -> tuple[FeatureTable, str]:
    path = Path(args.source).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"{args.source}: there is no such file or folder")
    if args.format is not None:
        name = check_one_of("--format", args.format, [*FORMATS, STORE])
    else:
        name = STORE if is_store(path) else detect_format(path).name
    table = load_data(path, name, **args.option)
    return replace(table, info={"format": name, **table.info}), name


def _summary(table: FeatureTable) -> list[str]:
    lines = [f"{len(table):,} utterances"]
    for column, values in table.splits.items():
        counts = [f"{name} {sum(values == name):,}" for name in dict.fromkeys(values.tolist())]
        lines.append(f"{column}: {', '.join(counts)}")
    for name, sequences in table.sequences.items():
        steps = sequences.lengths
        lines.append(
            f"{name}: {sequences.width} features a step, {steps.sum():,} steps, the longest of "
            f"{steps.max(initial=0):,}"
        )
    if table.extra_labels:
        lines.append(f"labels: label, {', '.join(table.extra_labels)}")
    notes = [*table.info.get("notes", []), table.info.get("note")]
    doubts = [f"warning: {each.where}: {each.what}; {each.advice}" for each in find_doubts(table)]
    return [*lines, *(f"note: {note}" for note in notes if note), *doubts]


def _changes(folder: Path) -> list[str]:
    document = read_document(folder)
    done = {"zero": "were written as zeros", "drop": "were left out with their steps"}
    lines = [
        f"{name}: {of['nonfinite']:,} values of NaN or inf {done[document['nonfinite']]}"
        for name, of in document["modalities"].items()
        if of["nonfinite"]
    ]
    sizes = ", ".join(f"{name} {state['bytes']:,}" for name, state in document["files"].items())
    return [*lines, f"bytes: {sizes}"]


def _config(folder: Path, table: FeatureTable) -> list[str]:
    """What makes a dataset of the store, and what differs from the defaults."""
    document = read_document(folder)
    has_texts = any(table.texts)
    modalities = [
        name for name in MODALITIES if name in table.sequences or (name == "text" and has_texts)
    ]
    arguments: dict[str, Any] = {
        "type": "MSADataset",
        "data_root": str(folder.parent),
        "data_file": folder.name,
        "split": "train",
        "modalities": modalities,
    }
    if has_texts:
        arguments["tokenizer"] = "ENCODER"
    elif "text" in modalities:
        arguments["text_features"] = True
    if len(document["splits"]) > 1:
        arguments["split_column"] = next(iter(document["splits"]))
    label = document["labels"]["label"]
    if label["min"] is not None and (label["min"] < -3 or label["max"] > 3):
        arguments["label_range"] = (label["min"], label["max"])
    dims = {n: of["dim"] for n, of in document["modalities"].items() if n != "text"}
    told = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
    lines = [f"dataset = dict({told})", f"feature_dims = {dims!r}"]
    if other_scale(table.labels) == "sims":
        scale = "simsv2" if table.info.get("name") == "CH-SIMS v2" else "sims"
        lines.append(f"val_evaluator = test_evaluator = dict(type='MSAMetric', scale={scale!r})")
    return lines


def _bytes(folder: Path) -> str:
    total = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    return f"{total / 1e6:,.1f} MB"
