"""``pgf check``: everything that is wrong with configs, without loading weights or data."""

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config

from pgf_plugin.cli.options import add_config
from pgf_plugin.config import Problem, check_config, load_config
from pgf_plugin.config.problem import count, unique
from pgf_plugin.errors import MissingExtraError
from pgf_plugin.plugin import load_entry_points

UNREADABLE = (ValueError, OSError, MissingExtraError)
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
        for label, problems in _sections(name, args):
            found += len(problems)
            print(f"{label}: {count(len(problems)) if problems else 'fine'}")
            for problem in problems:
                print("  " + str(problem).replace("\n", "\n    "))
        total += found
        wrong += bool(found)
    print(_summary(total, wrong, len(args.configs)))
    return int(total > 0)


def _sections(name: str, args: argparse.Namespace) -> Iterator[tuple[str, list[Problem]]]:
    """Label of a section and what is wrong; a config that cannot be read is one problem."""
    try:
        cfg, overrides = load(name, args)
        if not overrides:
            yield name, unique([*check_config(cfg), *_of_search(cfg)])
            return
        from pgf_plugin.bench.check import check_bench

        for label, problems in check_bench(cfg, **overrides).items():
            if problems or label != "bench":
                yield f"{name}, {label}", problems
    except UNREADABLE as error:
        yield name, [Problem("config", str(error))]


def _of_search(cfg: Config) -> list[Problem]:
    if "tune" not in cfg:
        return []
    from pgf_plugin.tune import tune_problems

    return tune_problems(cfg)


def load(name: str, args: argparse.Namespace) -> tuple[Config, Mapping[str, Any]]:
    """Load a config of a run or a bench as the command line changes it.

    Returns:
        the config, and what a bench has still to apply to each of its models; nothing for a run.
    """
    options = args.cfg_options or {}
    of_bench = {key: value for key, value in options.items() if key.startswith("bench.")}
    cfg = load_config(name, of_bench)
    places = {"encoder": args.encoder, "data_root": args.data_root}
    if "bench" not in cfg or "type" in (cfg.get("model") or {}):
        return load_config(name, options, **places), {}
    rest = {key: value for key, value in options.items() if key not in of_bench}
    return cfg, {"cfg_options": rest, **places}


def _summary(problems: int, wrong: int, checked: int) -> str:
    if not problems:
        return "The config is fine" if checked == 1 else f"All {checked} configs are fine"
    among = "the config" if checked == 1 else f"{wrong} of {checked} configs"
    return f"{count(problems)} in {among}"
