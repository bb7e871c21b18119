"""``pgf explain``: where a trained model looks, and what it predicts without a modality."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner

from pgf_plugin.cli.options import add_config, checked_config_from, existing_file
from pgf_plugin.datasets.checks import SPLITS
from pgf_plugin.errors import ConfigError, DataError, check_positive_int, did_you_mean
from pgf_plugin.weights_loading import load_weights


def add_parser(commands) -> None:
    """Add the command to ``commands``."""
    parser = commands.add_parser(
        "explain",
        help="show where a model looks, and what it does without a modality",
        description=__doc__,
    )
    add_config(parser)
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="best_*.pth or .safetensors")
    parser.add_argument("--split", default="test", choices=SPLITS, help="default: test")
    parser.add_argument(
        "--samples",
        nargs="+",
        default=["3"],
        metavar="ID",
        help="utterances to map the attention of, or how many of the first (default: 3)",
    )
    parser.add_argument(
        "--modalities", nargs="+", default=[], metavar="NAME", help="to drop, swap and shift"
    )
    parser.add_argument(
        "--shift-steps", type=int, default=5, metavar="N", help="steps of a shift (default: 5)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the swap (default: 0)")
    parser.add_argument(
        "--word-times",
        metavar="FILE",
        help="a .csd file of words, or JSON lines of id, words, start and end (seconds); planted "
        "data know theirs",
    )
    parser.add_argument("--out", default="explain", metavar="DIR", help="default: explain")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Explain the checkpoint on a split; print tables, write data and pictures."""
    from pgf_plugin.explain.counterfactuals import check_modalities_used
    from pgf_plugin.explain.study import Study
    from pgf_plugin.explain.word_times import planted_times, read_word_times
    from pgf_plugin.explain.write import print_explanation, write_explanation

    checkpoint = existing_file(args.checkpoint)
    check_positive_int("--seed", args.seed, at_least=0)
    check_positive_int("--shift-steps", args.shift_steps)
    given = read_word_times(existing_file(args.word_times)) if args.word_times else {}
    key = f"{args.split}_dataloader"
    cfg = checked_config_from(args, needs=(key,))
    if (cfg[key].get("collate_fn") or {}).get("truncate"):
        raise ConfigError(
            f"{key}.collate_fn.truncate is True, and an utterance that is cut has no times of its "
            f"tokens and steps: --cfg-options {key}.collate_fn.truncate=False "
            f"{key}.collate_fn.pad_to=None"
        )
    init_default_scope(cfg.get("default_scope") or "pgf_plugin")
    model = MODELS.build(cfg.model)
    used = list(getattr(model, "feature_dims", ()))
    names = check_modalities_used(args.modalities, used, type(model).__name__)
    loader = Runner.build_dataloader(cfg[key])
    dataset = loader.dataset
    if not hasattr(dataset, "table"):
        raise ConfigError(
            f"{key}.dataset: {type(dataset).__name__} has no table of utterances: use a dataset of "
            "this package, unwrapped"
        )
    _check_ids(given, dataset.table.ids, args)
    load_weights(model, checkpoint, cfg.model)
    model = model.to("cuda" if torch.cuda.is_available() else "cpu")
    times = given or planted_times(dataset.table)
    study = Study(model, dataset, loader.collate_fn, cfg[key].get("batch_size", 1), times)
    settings = {"seed": args.seed, "shift_steps": args.shift_steps}
    told = study.run(_rows(args.samples, dataset.table.ids), names, settings)
    print(f"{args.config}, {checkpoint}: {len(dataset)} utterances of the {args.split} split")
    print_explanation(told)
    for path in write_explanation(told, Path(args.out)):
        print(path)
    return 0


def _rows(samples: Sequence[str], ids: Sequence[str]) -> list[int]:
    """Rows of the utterances that ``--samples`` names, or of the first so many."""
    if len(samples) == 1 and samples[0].isdecimal() and samples[0] not in ids:
        return list(range(min(int(samples[0]), len(ids))))
    for name in samples:
        if name not in ids:
            raise ConfigError(
                f"--samples: {name!r} is none of the {len(ids)} utterances of the split, such as "
                f"{ids[0]!r}, and no number of them.{did_you_mean(name, ids)}"
            )
    return [ids.index(name) for name in samples]


def _check_ids(given: Mapping, ids: Sequence[str], args: argparse.Namespace) -> None:
    if given and not any(name in given for name in ids):
        raise DataError(
            f"{args.word_times} has word times of {next(iter(given))!r}, …, but the utterances are "
            f"{ids[0]!r}, …: none is in both; use the same identifiers"
        )
