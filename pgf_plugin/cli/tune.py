"""``pgf tune``: searches for the best values of a training config's keys, on validation."""

import argparse
import shlex

from pgf_plugin.cli.going_on import program, run_interruptibly, same_command
from pgf_plugin.cli.options import add_config, add_work_dir, run_config_from
from pgf_plugin.errors import require_extra


def add_parser(commands) -> None:
    """Add the command to ``commands``."""
    parser = commands.add_parser(
        "tune", help="search for the best values of a config", description=__doc__
    )
    add_config(parser)
    add_work_dir(parser)
    parser.add_argument("--trials", type=int, metavar="N", help="instead of tune.trials")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the search that the config describes; 1 if no trial finished.

    Ctrl-C and SIGTERM end it with 130 and 143, and it says how to go on.
    """
    return run_interruptibly(
        args,
        lambda: _run(args),
        lambda: (
            "The trials that have ended are kept, and the same command goes on:\n"
            f"  {same_command(args)}"
        ),
    )


def _run(args: argparse.Namespace) -> int:
    require_extra("optuna", "tune")
    from pgf_plugin.tune import run_tune
    from pgf_plugin.tune.report import BEST_FILE

    cfg = run_config_from(args)
    if args.trials is not None and isinstance(cfg.get("tune"), dict):
        cfg.tune.trials = args.trials
    result = run_tune(cfg, cfg.work_dir)
    if result.best is None:
        return 1
    command = [*program(), "train", str(result.work_dir / BEST_FILE)]
    print(f"\nTry next: {shlex.join(command)}")
    return 0
