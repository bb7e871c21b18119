"""``pgf bench``: trains several models for several seeds and compares them."""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from mmengine.config import Config

from pgf_plugin.cli.going_on import program, run_interruptibly, same_command
from pgf_plugin.cli.options import add_config, add_work_dir
from pgf_plugin.config import load_config
from pgf_plugin.plugin import load_entry_points

if TYPE_CHECKING:
    from pgf_plugin.bench import TrialResult


def add_parser(commands) -> None:
    """Add the command to ``commands``."""
    parser = commands.add_parser(
        "bench",
        help="train several models and compare them",
        description=__doc__,
        epilog="`pgf bench compare A B` tells what differs between the results in two folders.",
    )
    add_config(parser)
    add_work_dir(parser)
    parser.add_argument("--models", nargs="+", metavar="NAME", help="only these of bench.models")
    parser.add_argument(
        "--datasets", nargs="+", metavar="NAME", help="only these of bench.datasets"
    )
    parser.add_argument("--seeds", nargs="+", type=int, metavar="N", help="instead of bench.seeds")
    parser.add_argument(
        "--executor",
        metavar="NAME",
        help="where trials run: serial (the default), local (several processes) or ray",
    )
    parser.add_argument(
        "--workers", type=_workers, metavar="N", help="trials at once, or auto (executor local)"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print the trials, what they would cost and what could not work; train none",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the benchmark that the config describes; 1 if a trial or test failed, or could not work.

    Ctrl-C and SIGTERM end it with 130 and 143, and it says how to go on.
    """
    return run_interruptibly(
        args,
        lambda: _run(args),
        lambda: (
            "Finished trials are kept, and the same command goes on with the others:\n"
            f"  {same_command(args)}"
        ),
    )


def _run(args: argparse.Namespace) -> int:
    from pgf_plugin.bench import dry_run, print_dry_run, run_bench
    from pgf_plugin.bench.datasets import keep_datasets

    load_entry_points()
    options = args.cfg_options or {}
    of_bench = {key: value for key, value in options.items() if key.startswith("bench.")}
    cfg = load_config(args.config, of_bench, work_dir=args.work_dir)
    if args.datasets:
        keep_datasets(cfg.get("bench"), args.datasets)
    given = {
        "models": args.models,
        "seeds": args.seeds,
        "cfg_options": {key: value for key, value in options.items() if key not in of_bench},
        "encoder": args.encoder,
        "data_root": args.data_root,
        "executor": _executor(args, cfg),
        "workers": args.workers,
    }
    if args.dry_run:
        found = dry_run(cfg, cfg.work_dir, **given)
        print_dry_run(found)
        return int(bool(found.problems))
    bench = run_bench(cfg, cfg.work_dir, **given)
    finished = [result for result in bench.results if result.status == "finished"]
    if finished:
        print(_next_command(bench.work_dir, finished[0]))
    return int(any(trial.status != "finished" or trial.failed_tests for trial in bench.results))


def _workers(text: str) -> int | str:
    """Read ``--workers``; what is no number is refused by the executor."""
    return int(text) if text.isdecimal() else text


def _executor(args: argparse.Namespace, cfg: Config) -> str | None:
    """The executor of the command line; several workers need one that can have them."""
    bench = cfg.get("bench")
    configured = bench.get("executor") if isinstance(bench, dict) else None
    if isinstance(configured, dict) and configured.get("type") == args.executor:
        return None  # the config has its arguments
    several = args.workers is not None and not configured
    return args.executor or ("local" if several else None)


def _next_command(work_dir: Path, result: "TrialResult") -> str:
    """Suggest a prediction with the first trained model, as it can be typed from here."""
    folder = result.folder(work_dir)
    command = [
        *program(),
        *("predict", str(folder / "config.py"), str(folder / (result.checkpoint or ""))),
        *("--text", "the plot was wonderful but the ending felt weak"),
    ]
    return f"\nTry next: {shlex.join(command)}"
