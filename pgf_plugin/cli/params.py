"""``pgf params``: how many parameters a model has, by group, without reading a weight."""

import argparse

from pgf_plugin.cli.options import add_config, run_config_from
from pgf_plugin.config import check_config, config_error
from pgf_plugin.models.meta import build_to_count
from pgf_plugin.models.peft.ledger import ledger


def add_parser(commands) -> None:
    """Add the command to ``commands``."""
    parser = commands.add_parser(
        "params", help="count the parameters of a model, offline", description=__doc__
    )
    add_config(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the ledger."""
    cfg = run_config_from(args)
    if problems := [p for p in check_config(cfg) if p.key.split(".")[0] == "model"]:
        raise config_error(problems, args.config)
    print(ledger(build_to_count(cfg.model)))
    return 0
