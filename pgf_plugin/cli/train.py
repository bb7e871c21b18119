"""``pgf train``: trains a config with mmengine's stock ``Runner``."""

import argparse
import os
import shlex
import sys
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from pgf_plugin.checkpoint_files import begin_anew, find_resumable, newest_checkpoint
from pgf_plugin.cli.going_on import run_interruptibly, same_command
from pgf_plugin.cli.options import add_config, add_work_dir, checked_config_from
from pgf_plugin.config import config_error
from pgf_plugin.config.device import check_device
from pgf_plugin.config.slots import TEST_KEYS, TRAIN_KEYS
from pgf_plugin.launcher import LAUNCHERS, joined_processes
from pgf_plugin.training import train
from pgf_plugin.work_dir import held, is_first_process

RESUME = "--resume"


def add_parser(commands) -> None:
    """Add the command to ``commands``."""
    parser = commands.add_parser("train", help="train a config", description=__doc__)
    add_config(parser)
    add_work_dir(parser)
    parser.add_argument(
        RESUME, action="store_true", help="go on from the newest checkpoint in the work dir"
    )
    parser.add_argument("--seed", type=int, help="random seed (randomness.seed)")
    parser.add_argument(
        "--launcher",
        choices=LAUNCHERS,
        help="how the processes of a data-parallel run were started (torchrun: pytorch)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check the config, train it, and name the checkpoint to go on with.

    Ctrl-C and SIGTERM end it with 130 and 143, and it says what to resume from.
    """
    work_dir: list[str] = []  # known once the config is read
    return run_interruptibly(
        args, lambda: _train(args, work_dir), lambda: _how_to_go_on(args, work_dir), RESUME
    )


def _train(args: argparse.Namespace, work_dir: list[str]) -> int:
    cfg = checked_config_from(args, needs=TRAIN_KEYS, seed=args.seed)
    if problems := list(check_device(cfg)):
        raise config_error(problems, args.config)
    if args.launcher is not None:
        cfg.launcher = args.launcher
    with held(cfg.work_dir, cfg), joined_processes(cfg):
        work_dir.append(cfg.work_dir)
        resumes = args.resume or (cfg.get("resume") and not cfg.get("load_from"))
        warning = _resume(cfg) if resumes else _begin_anew(cfg)
        runner = Runner.from_cfg(cfg)
        if warning:
            runner.logger.warning(warning)
        train(runner)
    best = runner.message_hub.runtime_info.get("best_ckpt")
    if best and is_first_process(cfg):
        # The copy of the config that the runner wrote holds what the command line changed.
        written = Path(runner.work_dir, Path(cfg.filename).name)
        print(f"\nBest checkpoint: {best}")
        if all(cfg.get(key) is not None for key in TEST_KEYS):
            files = (os.path.relpath(file) for file in (written, best))
            print(f"Test it: {shlex.join(['pgf', 'test', *files])}")
    return 0


def _how_to_go_on(args: argparse.Namespace, work_dir: list[str]) -> str:
    newest = newest_checkpoint(Path(work_dir[0])) if work_dir else None
    if newest is None:
        return f"Nothing was saved yet. To begin anew:\n  {same_command(args)}"
    return f"Saved: {newest}. To go on from it:\n  {same_command(args, RESUME)}"


def _resume(cfg: Config) -> str | None:
    """Let the config go on from the newest checkpoint that can be read.

    Returns:
        What the user must know about it, already told on stderr.
    """
    found = find_resumable(Path(cfg.work_dir))
    if found.path is None:
        warning: str | None = (
            f"{cfg.work_dir} has no checkpoint yet: the run begins at its first step"
        )
    else:
        cfg.load_from, cfg.resume = str(found.path), True
        warning = found.warning()
    if warning:
        _warn(warning)
    return warning


def _begin_anew(cfg: Config) -> str | None:
    """Tell of checkpoints of an earlier run, which a resume of this one will not take."""
    earlier = begin_anew(Path(cfg.work_dir)) if is_first_process(cfg) else []
    if not earlier or cfg.get("resume"):  # from a checkpoint that the config names
        return None
    warning = (
        f"{cfg.work_dir} has checkpoints of an earlier run: this run begins at its first step and "
        "replaces those that it writes itself. To go on from the earlier one instead: "
        f"--cfg-options resume=True load_from={shlex.quote(str(earlier[0]))}"
    )
    _warn(warning)
    return warning


def _warn(warning: str) -> None:
    print(f"pgf train: warning: {warning}", file=sys.stderr)
