"""``pgf test``: metrics of a checkpoint on the test split."""

import argparse

from mmengine.runner import Runner

from pgf_plugin.cli.options import add_config, add_work_dir, checked_config_from, existing_file
from pgf_plugin.compat import complete_determinism
from pgf_plugin.weights_loading import load_weights
from pgf_plugin.work_dir import held


def add_parser(commands) -> None:
    """Add the command to ``commands``."""
    parser = commands.add_parser(
        "test", help="test a checkpoint on the test split", description=__doc__
    )
    add_config(parser)
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="best_*.pth or .safetensors")
    add_work_dir(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Test the checkpoint and print its metrics as a table."""
    checkpoint = existing_file(args.checkpoint)
    cfg = checked_config_from(args, needs=("test_dataloader", "test_cfg", "test_evaluator"))
    cfg.log_level = "WARNING"
    cfg.load_from, cfg.resume = None, False
    with held(cfg.work_dir, cfg):
        runner = Runner.from_cfg(cfg)
        complete_determinism()
        load_weights(runner.model, checkpoint)
        print_metrics(runner, f"{args.config}, {checkpoint}")
    return 0


def print_metrics(runner: Runner, what: str) -> None:
    """Test the runner's model and print its metrics as a table, headed by ``what`` is tested."""
    metrics = runner.test()
    dataset = runner.test_dataloader.dataset
    print(f"{what}, {len(dataset)} test utterances")
    width = max(map(len, metrics), default=0)
    for name, value in metrics.items():
        print(f"  {name:<{width}}  {value:.4f}")
    if hasattr(dataset, "describe") and (note := dataset.describe().get("note")):
        print(note)
