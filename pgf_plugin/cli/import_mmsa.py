"""``pgf import-mmsa``: evaluates a checkpoint that MMSA wrote, and converts it.

Without training, on the test split of a feature file of MMSA:

    pgf import-mmsa ~/MMSA/saved_models/mult-mosi.pth --data-root DIR
    pgf import-mmsa misa-mosei.pth --data-root DIR --encoder FOLDER_OF_BERT
    pgf import-mmsa tfn-mosi.pth --data-file my_features.pkl --out tfn.safetensors

The model computes as MMSA 2.2.1 does, so that the metrics are MMSA's. Which model it is, the names
in the checkpoint tell; the data set, its file name (MMSA writes MODEL-DATASET.pth), or --dataset.
Widths are the checkpoint's, lengths of the padding the feature file's. Other sizes than MMSA's
settings for the data set come from a config (--config), or one by one (--cfg-options
model.width=40 model.num_heads=8). Where the checkpoint holds a BERT, --encoder is needed for its
tokenizer and its sizes alone. --cfg-options model.reference=False tells what real lengths would
give, without the padding.
"""

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
from pgf_plugin.config.slots import TEST_KEYS
from pgf_plugin.errors import DataError
from pgf_plugin.interop.mmsa import CONVERSIONS, ConvertedState, StateDict, convert_state_dict
from pgf_plugin.interop.mmsa.conversion import DATASETS
from pgf_plugin.interop.mmsa.evaluation import dataset_of, fit_config, other_tokens
from pgf_plugin.models.encoders.hf_build import without_pretrained_weights
from pgf_plugin.weights import Weights, read_weights, write_weights
from pgf_plugin.weights_loading import fit_weights
from pgf_plugin.work_dir import held

_ADVICE = (
    ". The default is MMSA's for MOSI, or for the data set in the file name: give --dataset, the "
    "sizes that differ, or --encoder where the BERT is no bert-base"
)
_OTHERS = "EF-LSTM, LF-DNN, MFN and Graph-MFN are MMSAModel here, whose `network` takes their state"


def add_parser(commands) -> None:
    """Add the command to ``commands``."""
    parser = commands.add_parser(
        "import-mmsa",
        help="evaluate a checkpoint of MMSA here, and convert it",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "checkpoint", metavar="CHECKPOINT", help=".pth file in MMSA's folder saved_models"
    )
    parser.add_argument(
        "--model",
        choices=sorted(CONVERSIONS),
        help="MMSA's name of the model (default: the one whose names the checkpoint has)",
    )
    parser.add_argument(
        "--dataset",
        choices=DATASETS,
        help="whose settings of MMSA (default: the data set in the file name, else mosi)",
    )
    parser.add_argument(
        "--config", metavar="CONFIG", help="other settings (default: MMSA's for the data set)"
    )
    parser.add_argument(
        "--data-file",
        metavar="FILE",
        help="feature file, in --data-root where that is given (default: the config's)",
    )
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
    state = _convert(path, name, source)
    print(f"{path}: MMSA's {name!r}, {len(state)} tensors")
    print(f"left out, because MMSA never trains them: {_summary(state)}")
    conversion = CONVERSIONS[name]
    dataset = args.dataset or dataset_of(path) or DATASETS[0]
    args.config = args.config or conversion.config_for(dataset)
    cfg = checked_config_from(args, needs=TEST_KEYS)
    _use_data_file(cfg, args)
    fit_config(cfg, conversion, state)
    cfg.log_level = "WARNING"
    cfg.load_from, cfg.resume = None, False
    cfg.launcher = "none"  # one process evaluates
    weights = Weights(dict(state), {"model": f"MMSA's {name}"}, {})
    with held(cfg.work_dir, cfg):
        with without_pretrained_weights():  # all of them are in the checkpoint
            runner = Runner.from_cfg(cfg)
        fit_weights(runner.model, weights, path, advice=_ADVICE)
        if args.out:
            _write(runner, conversion.model, Path(args.out).expanduser())
        print_metrics(runner, f"{args.config}, {path}")
        _tell_tokens(cfg, runner)
    return 0


def _recognise(path: Path, state: StateDict) -> str:
    found = [name for name, conversion in CONVERSIONS.items() if conversion.fits(state)]
    if len(found) == 1:
        return found[0]
    shares = {name: conversion.share(state) for name, conversion in CONVERSIONS.items()}
    nearest = max(shares, key=lambda name: shares[name])
    if not found and shares[nearest] > 0.5:
        return nearest  # the conversion says what is missing and what is unknown
    raise DataError(
        f"{path}: its names are those of {found or 'no model'} that can be converted "
        f"({', '.join(sorted(CONVERSIONS))}). Give --model NAME to see what is missing and what is "
        f"unknown. {_OTHERS}"
    )


def _convert(path: Path, name: str, state: StateDict) -> ConvertedState:
    try:
        return convert_state_dict(name, state)
    except DataError as error:
        raise DataError(f"{path}: {error}. {_OTHERS}") from error


def _summary(state: ConvertedState) -> str:
    """The dropped names by their first parts, with how many there are."""
    groups: dict[str, int] = {}
    for name in state.dropped:
        group = name.rpartition(".")[0] or name
        groups[group] = groups.get(group, 0) + 1
    return ", ".join(f"{group} ({count})" for group, count in groups.items()) or "nothing"


def _use_data_file(cfg: Config, args: argparse.Namespace) -> None:
    if args.data_file is None:
        return
    existing_file(str(Path(args.data_root or "", Path(args.data_file).expanduser())))
    for node in dataset_nodes(cfg):
        node["data_file"] = args.data_file
        node["data_root"] = args.data_root or ""


def _write(runner: Runner, model: str, out: Path) -> None:
    """Write the weights, and say with what config they are used."""
    write_weights(Weights.of(runner.model.state_dict(), {"model": model}), out)
    config = Path(runner.work_dir, Path(runner.cfg.filename).name)
    print(f"wrote {out}, for: pgf test {config} {out}")


def _tell_tokens(cfg: Config, runner: Runner) -> None:
    found = other_tokens(cfg, runner.test_dataloader.dataset)
    if found is not None and found[0]:
        print(
            f"note: {found[0]} of {found[1]} texts have other tokens in the feature file, which "
            "MMSA reads, than the tokenizer makes of them: its metrics differ. Is --encoder the "
            "BERT that the file was made with?"
        )
