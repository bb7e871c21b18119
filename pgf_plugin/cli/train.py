"""``pgf train``: trains a config with mmengine's stock ``Runner``."""

import argparse

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
    cfg = checked_config_from(args, seed=args.seed)
    if args.resume:
        cfg.resume = True
    runner = Runner.from_cfg(cfg)
    runner.train()
    best = runner.message_hub.runtime_info.get("best_ckpt")
    if best:
        print(f"\nBest checkpoint: {best}\nTest it: pgf test {args.config} {best}")
    return 0
