"""``pgf train``: trains a config with mmengine's stock ``Runner``."""

import argparse
import os
import shlex
import sys
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from pgf_plugin.checkpoint_files import find_resumable
from pgf_plugin.cli.checkpoint import load_weights
from pgf_plugin.cli.options import add_config, add_work_dir, checked_config_from
from pgf_plugin.compat import train_safely
from pgf_plugin.hooks.model_access import unwrap


def add_parser(commands) -> None:
    """Add the command to ``commands``."""
    parser = commands.add_parser("train", help="train a config", description=__doc__)
    add_config(parser)
    add_work_dir(parser)
    parser.add_argument(
        "--resume", action="store_true", help="go on from the newest checkpoint in the work dir"
    )
    parser.add_argument("--seed", type=int, help="random seed (randomness.seed)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check the config, train it, and name the checkpoint to go on with."""
    needs = ("train_dataloader", "train_cfg", "optim_wrapper")
    cfg = checked_config_from(args, needs=needs, seed=args.seed)
    warning = _resume(cfg) if args.resume else None
    runner = Runner.from_cfg(cfg)
    if warning:
        runner.logger.warning(warning)
    checkpoint = cfg.get("load_from")
    if cfg.get("resume") and checkpoint and Path(checkpoint).is_file():
        load_weights(unwrap(runner.model), Path(checkpoint))  # mmengine only logs what does not fit
    train_safely(runner, checkpoint)
    best = runner.message_hub.runtime_info.get("best_ckpt")
    if best:
        # The copy of the config that the runner wrote holds what the command line changed.
        written = Path(runner.work_dir, Path(cfg.filename).name)
        command = shlex.join(["pgf", "test", *(os.path.relpath(file) for file in (written, best))])
        print(f"\nBest checkpoint: {best}\nTest it: {command}")
    return 0


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
        print(f"pgf train: warning: {warning}", file=sys.stderr)
    return warning
