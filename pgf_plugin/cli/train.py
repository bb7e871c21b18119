"""``pgf train``: trains a config with mmengine's stock ``Runner``."""

import argparse
import os
import shlex
from pathlib import Path

from mmengine.runner import Runner

from pgf_plugin.cli.options import add_config, add_work_dir, checked_config_from


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
    if args.resume:
        if cfg.get("load_from") is None:
            check_resumable(Path(cfg.work_dir))
        cfg.resume = True
    runner = Runner.from_cfg(cfg)
    runner.train()
    best = runner.message_hub.runtime_info.get("best_ckpt")
    if best:
        # The copy of the config that the runner wrote holds what the command line changed.
        written = Path(runner.work_dir, Path(cfg.filename).name)
        command = shlex.join(["pgf", "test", *(os.path.relpath(file) for file in (written, best))])
        print(f"\nBest checkpoint: {best}\nTest it: {command}")
    return 0


def check_resumable(work_dir: Path) -> None:
    """Raise unless a run in ``work_dir`` can be resumed.

    Raises:
        FileNotFoundError: if it left no checkpoint, or the newest was removed.
    """
    pointer = work_dir / "last_checkpoint"
    if not pointer.is_file():
        reason = f"{work_dir} holds no checkpoint of an earlier run"
    elif not Path(newest := pointer.read_text().strip()).is_file():
        reason = f"{pointer} names {newest}, which does not exist"
    else:
        return
    raise FileNotFoundError(
        f"--resume: {reason}. Drop --resume to train from the start, or give the folder of the "
        "run with --work-dir"
    )
