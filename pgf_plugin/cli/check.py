"""``pgf check``: everything that is wrong with configs, without loading weights or data."""

import argparse
from collections.abc import Iterator

from pgf_plugin.cli.options import add_config
from pgf_plugin.config import Problem, check_config, load_config
from pgf_plugin.config.problem import count
from pgf_plugin.errors import MissingExtraError
from pgf_plugin.plugin import load_entry_points

_UNREADABLE = (ValueError, OSError, MissingExtraError)
"""What keeps a config from being read; anything else is a bug."""


def add_parser(commands) -> None:
    """Add the command to ``commands``."""
    parser = commands.add_parser(
        "check",
        help="find everything that is wrong with configs",
        description=f"{__doc__} Ends with 0 if nothing is, with 1 otherwise.",
    )
    add_config(parser, several="+")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print a section for each config, and for each model of a bench; 1 if there is a problem."""
    load_entry_points()
    total, wrong = 0, 0
    for name in args.configs:
        found = 0
        for label, problems in check(name, args):
            found += len(problems)
            print(f"{label}: {count(len(problems)) if problems else 'fine'}")
            for problem in problems:
                print("  " + str(problem).replace("\n", "\n    "))
        total += found
        wrong += bool(found)
    print(_summary(total, wrong, len(args.configs)))
    return int(total > 0)


def check(name: str, args: argparse.Namespace) -> Iterator[tuple[str, list[Problem]]]:
    """Check one config as the command line changes it.

    Yields:
        label of a section and what is wrong. A config that cannot be read is one problem.
    """
    try:
        yield from _sections(name, args)
    except _UNREADABLE as error:
        yield name, [Problem("config", str(error))]


def _sections(name: str, args: argparse.Namespace) -> Iterator[tuple[str, list[Problem]]]:
    options = args.cfg_options or {}
    of_bench = {key: value for key, value in options.items() if key.startswith("bench.")}
    cfg = load_config(name, of_bench)
    if "bench" not in cfg:
        cfg = load_config(name, options, encoder=args.encoder, data_root=args.data_root)
        yield name, check_config(cfg)
        return
    from pgf_plugin.bench.check import check_bench

    found = check_bench(
        cfg,
        cfg_options={key: value for key, value in options.items() if key not in of_bench},
        encoder=args.encoder,
        data_root=args.data_root,
    )
    for label, problems in found.items():
        if problems or label != "bench":
            yield f"{name}, {label}", problems


def _summary(problems: int, wrong: int, checked: int) -> str:
    if not problems:
        return "The config is fine" if checked == 1 else f"All {checked} configs are fine"
    among = "the config" if checked == 1 else f"{wrong} of {checked} configs"
    return f"{count(problems)} in {among}"
