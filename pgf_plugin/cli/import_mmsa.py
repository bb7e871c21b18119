"""``pgf import-mmsa``: evaluates a checkpoint that MMSA wrote, and converts it."""

import argparse
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from pgf_plugin.cli.options import (
    add_overrides,
    add_work_dir,
    checked_config_from,
    existing_file,
)
from pgf_plugin.cli.test import print_metrics
from pgf_plugin.config.load import dataset_nodes
from pgf_plugin.errors import DataError
from pgf_plugin.interop.mmsa import CONVERSIONS, ConvertedState, StateDict, convert_state_dict
from pgf_plugin.models.encoders.hf_text import without_pretrained_weights
from pgf_plugin.weights import Weights, read_weights, write_weights
from pgf_plugin.weights_loading import fit_weights
from pgf_plugin.work_dir import held

_TEXT_WEIGHTS = ("projections.text.conv.weight", "text_subnet.rnn.weight_ih_l0")
"""Weights that meet the text first, (features, text features, …): MulT's, TFN's and LMF's."""


def add_parser(commands) -> None:
    """Add the command to ``commands``."""
    parser = commands.add_parser(
        "import-mmsa",
        help="evaluate a checkpoint of MMSA here, and convert it",
        description=__doc__,
    )
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help=".pth file that MMSA saved")
    parser.add_argument(
        "--model",
        choices=sorted(CONVERSIONS),
        help="MMSA's name of the model (default: the one whose names the checkpoint has)",
    )
    parser.add_argument("--config", metavar="CONFIG", help="(default: MMSA's settings for MOSI)")
    parser.add_argument(
        "--out", metavar="FILE", help="also write the converted weights, .pth or .safetensors"
    )
    add_overrides(parser)
    add_work_dir(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Convert the checkpoint, test it, and say what was left out."""
    path = existing_file(args.checkpoint)
    source = read_weights(path).tensors
    name = args.model or _recognise(path, source)
    state = convert_state_dict(name, source)
    print(f"{path}: MMSA's {name!r}, {len(state)} tensors")
    print(f"left out, because MMSA never trains them: {_summary(state)}")
    args.config = args.config or CONVERSIONS[name].config
    cfg = checked_config_from(args, needs=("test_dataloader", "test_cfg", "test_evaluator"))
    cfg.log_level = "WARNING"
    cfg.load_from, cfg.resume = None, False
    if not any(key.startswith("encoder.") for key in state):
        _use_text_features(cfg, state)
    weights = Weights(dict(state), {"model": CONVERSIONS[name].model}, {})
    with held(cfg.work_dir, cfg):
        with without_pretrained_weights():  # all of them are in the checkpoint
            runner = Runner.from_cfg(cfg)
        fit_weights(runner.model, weights, path)
        if args.out:
            out = Path(args.out).expanduser()
            write_weights(weights._replace(tensors=runner.model.state_dict()), out)
            print(f"wrote {out}, for `pgf test {args.config} {out}`")
        print_metrics(runner, f"{args.config}, {path}")
    return 0


def _recognise(path: Path, state: StateDict) -> str:
    found = [name for name, conversion in CONVERSIONS.items() if conversion.fits(state)]
    if len(found) != 1:
        raise DataError(
            f"{path}: its names are those of {found or 'no model'} that can be converted "
            f"({', '.join(sorted(CONVERSIONS))}): give --model NAME to see what is missing and "
            "what is unknown"
        )
    return found[0]


def _summary(state: ConvertedState) -> str:
    """The dropped names by their first parts, with how many there are."""
    groups: dict[str, int] = {}
    for name in state.dropped:
        group = name.rpartition(".")[0] or name
        groups[group] = groups.get(group, 0) + 1
    return ", ".join(f"{group} ({count})" for group, count in groups.items()) or "nothing"


def _use_text_features(cfg: Config, state: ConvertedState) -> None:
    """A checkpoint without a text encoder was trained on the text features of the file."""
    widths = [state[key].shape[1] for key in _TEXT_WEIGHTS if key in state]
    # MulT leaves text that has its width already unprojected.
    width = widths[0] if widths else cfg.model.width
    cfg.model.encoder = dict(type="PrecomputedTextEncoder", in_features=width)
    for node in dataset_nodes(cfg):
        node.update(tokenizer=None, text_features=True)
