"""``pgf data inspect`` and ``validate``: say what a data file holds, and what is wrong with it."""

import argparse
import sys
from collections.abc import Sequence

from pgf_plugin.cli.overrides import ReaderOptions
from pgf_plugin.datasets.checks import SPLITS, canonical_split
from pgf_plugin.datasets.features import FeatureTable
from pgf_plugin.datasets.formats import FORMATS
from pgf_plugin.datasets.inspection import (
    Expectations,
    Finding,
    Survey,
    describe,
    find_problems,
    survey_table,
    unreadable,
)
from pgf_plugin.datasets.inspection.plots import save_plots
from pgf_plugin.datasets.inspection.render import print_findings, print_report, report_console
from pgf_plugin.datasets.source import load_data
from pgf_plugin.errors import DataError
from pgf_plugin.json_files import json_text
from pgf_plugin.structures import MODALITIES


def add_actions(actions) -> None:
    """Add ``inspect`` and ``validate`` to the actions of ``pgf data``."""
    inspect = actions.add_parser("inspect", help="print what a data file or store holds")
    _add_source(inspect)
    inspect.add_argument(
        "--no-hash", action="store_true", help="do not read the source again for its SHA-256"
    )
    inspect.set_defaults(run=run_inspect)
    validate = actions.add_parser(
        "validate", help="list all problems of a data file or store; exit status 1 for errors"
    )
    _add_source(validate)
    validate.add_argument(
        "--feature-dims",
        type=_feature_dims,
        default={},
        metavar="NAME=D,…",
        help="features a step that a model expects, such as audio=5,vision=20",
    )
    validate.add_argument(
        "--label-range",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="smallest and largest label allowed, such as -3 3",
    )
    validate.add_argument(
        "--splits",
        nargs="+",
        default=SPLITS,
        metavar="NAME",
        help="splits that must be there (default: train val test)",
    )
    validate.set_defaults(run=run_validate)


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", help="data file, folder of them, or store")
    parser.add_argument(
        "--format", metavar="NAME", help=f"{', '.join(FORMATS)} (default: told by the content)"
    )
    parser.add_argument("--split-column", metavar="NAME", help="which split column counts")
    parser.add_argument(
        "--option",
        nargs="+",
        action=ReaderOptions,
        metavar="KEY=VALUE",
        help="options of the format's reader",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--plots", metavar="DIR", help="also draw plots (PNG) into this folder")


def run_inspect(args: argparse.Namespace) -> int:
    """Print the report on the data."""
    report = describe(_survey(args, _table(args)), hashed=not args.no_hash)
    if args.json:
        print(json_text(report.to_json(), indent=2))
    else:
        print_report(report, report_console())
    if args.plots:
        _tell_plots(save_plots(report, args.plots))
    return 0


def run_validate(args: argparse.Namespace) -> int:
    """Print all problems of the data; 1 if one is an error."""
    expected = _expectations(args)
    try:
        survey = _survey(args, _table(args))
    except DataError as error:
        findings = [unreadable(error)]
    else:
        findings = find_problems(survey, expected)
        if args.plots:
            _tell_plots(save_plots(describe(survey, hashed=False), args.plots))
    _print_findings(args, findings)
    return int(any(finding.severity == "error" for finding in findings))


def _print_findings(args: argparse.Namespace, findings: Sequence[Finding]) -> None:
    if not args.json:
        print_findings(findings, args.path, report_console())
        return
    content = {
        "source": args.path,
        "errors": sum(finding.severity == "error" for finding in findings),
        "warnings": sum(finding.severity == "warning" for finding in findings),
        "problems": [finding.to_json() for finding in findings],
    }
    print(json_text(content, indent=2))


def _table(args: argparse.Namespace) -> FeatureTable:
    return load_data(args.path, args.format, **(args.option or {}))


def _survey(args: argparse.Namespace, table: FeatureTable) -> Survey:
    return survey_table(table, args.split_column)


def _expectations(args: argparse.Namespace) -> Expectations:
    if args.label_range is not None and not args.label_range[0] < args.label_range[1]:
        raise ValueError(f"--label-range must be LOW HIGH, LOW < HIGH, got {args.label_range}")
    return Expectations(
        splits=tuple(dict.fromkeys(canonical_split(name) for name in args.splits)),
        feature_dims=args.feature_dims,
        label_range=args.label_range and tuple(args.label_range),
    )


def _feature_dims(text: str) -> dict[str, int]:
    """Read ``audio=5,vision=20``."""
    dims = {}
    for part in text.split(","):
        name, _, width = part.partition("=")
        if name not in MODALITIES or not width.isdecimal() or not int(width):
            raise argparse.ArgumentTypeError(
                f"{part!r} is not NAME=D with NAME one of {', '.join(MODALITIES)} and D > 0"
            )
        dims[name] = int(width)
    return dims


def _tell_plots(paths) -> None:
    for path in paths:
        print(f"wrote {path}", file=sys.stderr)
