"""``pgf test``: metrics of a checkpoint on the test split."""

import argparse
from numbers import Real
from typing import Any

from mmengine.runner import Runner

from pgf_plugin.cli.options import add_config, add_work_dir, checked_config_from, existing_file
from pgf_plugin.compat import complete_determinism
from pgf_plugin.config.slots import TEST_KEYS
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
    cfg = checked_config_from(args, needs=TEST_KEYS)
    cfg.log_level = "WARNING"
    cfg.load_from, cfg.resume = None, False
    cfg.launcher = "none"  # that of the training, in the copy that it wrote
    with held(cfg.work_dir, cfg):
        runner = Runner.from_cfg(cfg)
        complete_determinism()
        load_weights(runner.model, checkpoint, cfg.model)
        print_metrics(runner, f"{args.config}, {checkpoint}")
    return 0


def print_metrics(runner: Runner, what: str) -> None:
    """Test the runner's model and print its metrics as a table, headed by ``what`` is tested.

    A metric that is no single number, such as one for each class, is printed as it is.
    """
    metrics = runner.test()
    dataset: Any = getattr(runner.test_dataloader, "dataset", None)  # none of a loop with several
    print(what if dataset is None else f"{what}, {len(dataset)} test utterances")
    width = max(map(len, metrics), default=0)
    for name, value in metrics.items():
        print(f"  {name:<{width}}  {f'{value:.4f}' if isinstance(value, Real) else value}")
    if hasattr(dataset, "describe") and (note := dataset.describe().get("note")):
        print(note)
