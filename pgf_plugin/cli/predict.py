"""``pgf predict``: the sentiment of one utterance."""

import argparse
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner
from numpy.typing import NDArray

from pgf_plugin.cli.options import add_config, checked_config_from, existing_file
from pgf_plugin.config.relations import score_names
from pgf_plugin.datasets.checks import as_float32
from pgf_plugin.errors import ConfigError, DataError
from pgf_plugin.models.base import loss_of
from pgf_plugin.models.losses.classification import MSAClassificationLoss
from pgf_plugin.models.losses.multilabel import MSAMultilabelLoss
from pgf_plugin.weights_loading import load_weights

READINGS = (
    *("highly negative", "negative", "weakly negative", "neutral"),
    *("weakly positive", "positive", "highly positive"),
)
"""CMU-MOSI's names for -3 … 3."""


def add_parser(commands) -> None:
    """Add the command to ``commands``."""
    parser = commands.add_parser(
        "predict",
        help="predict the sentiment of one utterance",
        description=f"{__doc__} The training data of CONFIG are read as well: features are scaled "
        "by their statistics.",
    )
    add_config(parser)
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="best_*.pth or .safetensors")
    parser.add_argument("--text", required=True, help="what was said")
    for name in ("audio", "vision"):
        parser.add_argument(
            f"--{name}",
            metavar="F.npy",
            help=f"{name} features, (steps, features) or one step (features,), raw as in the data "
            f"file; without it, the model is told that there is no {name}",
        )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the score and how to read it."""
    checkpoint = existing_file(args.checkpoint)
    sequences = {
        name: read_features(getattr(args, name))
        for name in ("audio", "vision")
        if getattr(args, name)
    }
    cfg = checked_config_from(args, needs=("train_dataloader",))
    init_default_scope(cfg.get("default_scope") or "pgf_plugin")
    # The training data, because their statistics scale the features.
    loader = Runner.build_dataloader(cfg.train_dataloader)
    dataset = loader.dataset
    if not hasattr(dataset, "prepare"):
        raise ConfigError(
            f"train_dataloader.dataset: {type(dataset).__name__} has no method prepare(text, "
            "**sequences), so new input cannot be treated as the training data were"
        )
    check_said(args.text, getattr(dataset, "modalities", ("text",)))
    batch = loader.collate_fn([dataset.prepare(args.text, **sequences)])
    model = MODELS.build(cfg.model)
    load_weights(model, checkpoint, cfg.model)
    model = model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    with torch.inference_mode():
        (sample,) = model.test_step(batch)
    for line in told(sample.prediction, loss_of(model), dataset, names_in(cfg)):
        print(line)
    return 0


def check_said(text: str, modalities: Sequence[str]) -> None:
    """Refuse a blank text where the model reads text: the score would say nothing.

    Raises:
        ConfigError: with what was received, and what to give.
    """
    if "text" in modalities and not text.strip():
        raise ConfigError(
            f"--text is {text!r}, which is blank, and the model reads text: give what was said, "
            'such as --text "a wonderful film"'
        )


def read_features(name: str) -> NDArray[np.float32]:
    """Read a ``.npy`` file of features; no object in it is unpickled.

    Raises:
        FileNotFoundError: if there is no such file.
        DataError: if it is no array of one or two dimensions of numbers that float32 can hold.
    """
    path = existing_file(name)
    try:
        with path.open("rb") as file:  # np.load leaves a file that it cannot read open
            array = np.load(file, allow_pickle=False)
    except (ValueError, EOFError, OSError, MemoryError) as error:
        raise DataError(f"{name} is no .npy file of numbers: {error}") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise DataError(f"{name} must hold numbers, got {getattr(array, 'dtype', 'an archive')}")
    if array.ndim not in (1, 2):
        raise DataError(
            f"{name} must be of shape (steps, features), or (features,) for one step, got "
            f"{array.shape}"
        )
    return as_float32(name, array)


def names_in(cfg: Config) -> tuple[str, ...]:
    """Names of the classes or labels, as ``pgf test`` or the validation print them."""
    scope = cfg.get("default_scope")
    tested = score_names(cfg.get("test_evaluator"), scope)
    return tested or score_names(cfg.get("val_evaluator"), scope)


def told(prediction: torch.Tensor, loss: Any, dataset: Any, names: Sequence[str] = ()) -> list[str]:
    """Lines for the scores (n_out,): the class, the labels, or the values that they stand for.

    Classes and labels are numbered unless there are as many ``names``.
    """
    scores = prediction.float()
    named = names if len(names) == len(scores) else range(len(scores))
    if isinstance(loss, MSAClassificationLoss):
        shares = scores.softmax(0).tolist()
        of_classes = ", ".join(
            f"{name}: {share:.3f}" for name, share in zip(named, shares, strict=True)
        )
        return [f"class {named[int(scores.argmax())]}  (probability of class {of_classes})"]
    if isinstance(loss, MSAMultilabelLoss):
        shares = scores.sigmoid().tolist()
        return [
            f"label {name}: {'yes' if share > 0.5 else 'no'}  (probability {share:.3f})"
            for name, share in zip(named, shares, strict=True)
        ]
    label_range = getattr(dataset, "label_range", None)
    return [told_of(score, label_range) for score in scores.tolist()]


def told_of(score: float, label_range: tuple[float, float] | None) -> str:
    """One line for a score: the number, its name where the scale has one, and the scale."""
    if label_range is None:
        return f"{score:+.3f}"
    low, high = label_range
    named = f"  {reading(score, high)}" if low == -high and math.isfinite(score) else ""
    return f"{score:+.3f}{named}  (scale {low:g} to {high:g})"


def reading(score: float, high: float) -> str:
    """Name a score on a scale from ``-high`` to ``high``."""
    level = round(3 * score / high)
    return READINGS[min(max(level, -3), 3) + 3]
