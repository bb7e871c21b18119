"""``pgf profile``: what models cost in parameters, FLOPs, time and memory, side by side."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config

from pgf_plugin.cli.options import add_config, run_config_from
from pgf_plugin.config import check_config, config_error
from pgf_plugin.config.needs import missing_parts
from pgf_plugin.config.problem import unique
from pgf_plugin.json_files import json_text
from pgf_plugin.profiling import (
    check_device,
    parse_lengths,
    print_profile,
    profile_configs,
    write_profile,
)
from pgf_plugin.profiling.run import BATCH_SIZES, REPEATS


def add_parser(commands) -> None:
    """Add the command to ``commands``."""
    parser = commands.add_parser(
        "profile",
        help="measure what models cost: FLOPs, latency, memory",
        description=f"{__doc__} Weights are random and batches synthetic: nothing is read but "
        "configs. Inference in float32.",
    )
    add_config(parser, several="+")
    parser.add_argument(
        "--batch-sizes",
        nargs="+",
        type=int,
        default=list(BATCH_SIZES),
        metavar="N",
        help=f"utterances a batch (default: {' '.join(map(str, BATCH_SIZES))})",
    )
    parser.add_argument(
        "--lengths",
        nargs="+",
        metavar="L",
        help="tokens and steps, one number for all modalities or "
        "text=50,audio=500,vision=375 (default: what the configs pad to, else 50)",
    )
    parser.add_argument(
        "--device", default="cpu", metavar="NAME", help="cpu (default), cuda or cuda:N"
    )
    parser.add_argument(
        "--repeats",
        type=int,
        default=REPEATS,
        metavar="N",
        help=f"timed passes of each model in each case (default: {REPEATS})",
    )
    parser.add_argument("--out", metavar="DIR", help="also write JSON, Markdown and a plot here")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and print the tables."""
    check_device(args.device)
    lengths = [parse_lengths(word) for word in args.lengths or ()]
    profile = profile_configs(
        _configs(args),
        batch_sizes=args.batch_sizes,
        lengths=lengths,
        device=args.device,
        repeats=args.repeats,
    )
    if args.json:
        print(json_text(profile.to_json(), indent=2))
    else:
        print_profile(profile)
    if args.out:
        for kind, path in write_profile(profile, args.out).items():
            print(f"{kind}: {path}", file=sys.stderr)
    return 0


def _configs(args: argparse.Namespace) -> dict[str, Config]:
    """The configs that ``args`` names, each once, by their labels."""
    names = list(dict.fromkeys(args.configs))
    configs = {}
    for name, label in zip(names, _labels(names), strict=True):
        cfg = run_config_from(argparse.Namespace(**{**vars(args), "config": name}))
        wrong = [each for each in check_config(cfg) if each.key.split(".")[0] == "model"]
        if problems := unique([*missing_parts(cfg, ["model"], args.command), *wrong]):
            raise config_error(problems, name)
        configs[label] = cfg
    return configs


def _labels(names: Sequence[str]) -> list[str]:
    """Stems of the configs; their full names where two have the same."""
    stems = [Path(name).stem for name in names]
    return stems if len(set(stems)) == len(stems) else list(names)
