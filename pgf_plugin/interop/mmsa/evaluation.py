"""Fits a config to a checkpoint and a feature file of MMSA, which takes all sizes from the file."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from mmengine.config import Config
from numpy.typing import NDArray

from pgf_plugin.config.load import dataset_nodes, type_name
from pgf_plugin.datasets import BaseMSADataset
from pgf_plugin.datasets.formats.safe_pickle import load_pickle
from pgf_plugin.errors import ConfigError, DataError
from pgf_plugin.interop.mmsa.conversion import DATASETS, Conversion, ConvertedState
from pgf_plugin.structures import MODALITIES

_ENCODER = "encoder."
_FILE_NAME = re.compile(rf"-({'|'.join(DATASETS)})(-\d+)?$")
_SPLIT = "test"
_PICKLES = (".pkl", ".pickle")


def dataset_of(checkpoint: Path) -> str | None:
    """The data set in the name that MMSA gives its checkpoints, such as ``mult-mosi.pth``."""
    found = _FILE_NAME.search(checkpoint.stem)
    return found and found[1]


def fit_config(cfg: Config, conversion: Conversion, state: ConvertedState) -> None:
    """Give a config the widths that a checkpoint reads, and the lengths that a file is padded to.

    Args:
        cfg: builds ``conversion.model``; changed in place.
        conversion: of the model.
        state: what it converted.

    Raises:
        ConfigError: if the config builds another model.
        DataError: if the file lacks a modality, or has features of another width.
    """
    if type_name(cfg.model) != conversion.model:
        raise ConfigError(
            f"model.type is {cfg.model.get('type')!r}, but the checkpoint is one of a "
            f"{conversion.model}: give a config of it, such as {conversion.config}"
        )
    told = conversion.widths(state)
    # MulT does not project what has its own width already.
    widths = {name: told.get(name, cfg.model.get("width")) for name in MODALITIES}
    text = widths.pop("text")
    if any(key.startswith(_ENCODER) for key in state):
        _check_features(cfg, widths)
    else:
        _check_features(cfg, {"text": text, **widths})
        _use_text_features(cfg, text)
    cfg.model.feature_dims = {**(cfg.model.get("feature_dims") or {}), **widths}
    for node in dataset_nodes(cfg):
        if "feature_dims" in node:
            node["feature_dims"] = {**node["feature_dims"], **widths}
    _use_padding(cfg)


def other_tokens(cfg: Config, dataset: BaseMSADataset) -> tuple[int, int] | None:
    """How many texts of a test split have other token ids than the feature file has for them.

    MMSA reads the ids of the file, this package those of the tokenizer that the config names.

    Args:
        cfg: what :func:`fit_config` has changed.
        dataset: its test split.

    Returns:
        how many differ, of how many; None where the file has no ids or the model reads none.
    """
    tokens = _split(cfg).get("text_bert")
    if tokens is None or len(tokens) != len(dataset) or "input_ids" not in dataset[0]:
        return None
    ids = (np.asarray(row[0])[np.asarray(row[1]) > 0] for row in tokens)
    differing = sum(
        not np.array_equal(row, dataset[number]["input_ids"]) for number, row in enumerate(ids)
    )
    return differing, len(dataset)


def _check_features(cfg: Config, widths: Mapping[str, int]) -> None:
    """Refuse a file of MMSA whose features are not those that the checkpoint reads."""
    split = _split(cfg)
    if not split:
        return
    path = _data_path(cfg)
    for name, width in widths.items():
        if name not in split:
            raise DataError(
                f"{path} has no {name} features, which the checkpoint needs: it has "
                f"{', '.join(split)}. Give the feature file that it was trained on (--data-file)"
            )
        if split[name].ndim == 3 and split[name].shape[2] != width:
            raise DataError(
                f"the checkpoint reads {width} {name} features a step, but {path} has "
                f"{split[name].shape[2]}: give the feature file that it was trained on "
                "(--data-file)"
            )


def _use_text_features(cfg: Config, width: int) -> None:
    """A checkpoint without a text encoder was trained on the text features of the file."""
    cfg.model.encoder = dict(type="PrecomputedTextEncoder", in_features=width)
    for node in dataset_nodes(cfg):
        node.update(tokenizer=None, text_features=True)


def _use_padding(cfg: Config) -> None:
    """Pad as the file does where the config pads to fixed lengths: MMSA reads the padding."""
    collate = cfg.test_dataloader.get("collate_fn") or {}
    steps = _padded_steps(cfg)
    if not steps or not collate.get("pad_to"):
        return
    collate["pad_to"] = {**collate["pad_to"], **steps}
    if "text" in steps:
        cfg.test_dataloader.dataset["max_tokens"] = steps["text"]


def _padded_steps(cfg: Config) -> dict[str, int]:
    """Steps of each modality in the file, padding included."""
    split = _split(cfg)
    steps = {name: values.shape[1] for name, values in split.items() if values.ndim == 3}
    tokens = split.get("text_bert")
    if tokens is not None and tokens.ndim == 3 and "text" not in steps:
        steps["text"] = tokens.shape[2]
    return {name: steps[name] for name in MODALITIES if name in steps}


def _data_path(cfg: Config) -> Path:
    node = cfg.test_dataloader.dataset
    return Path(node.get("data_root") or "", node.get("data_file") or "").expanduser()


def _split(cfg: Config) -> dict[str, NDArray]:
    """Arrays of the test split in MMSA's feature file; none in another file, which has no padding.

    Raises:
        DataError: for a pickle that is damaged or hostile.
    """
    path = _data_path(cfg)
    separate = cfg.test_dataloader.dataset.get("reader_options")
    if separate or path.suffix not in _PICKLES or not path.is_file():
        return {}
    content = load_pickle(path)
    split = content.get(_SPLIT) if isinstance(content, dict) else None
    names = (*MODALITIES, "text_bert")
    held = split if isinstance(split, dict) else {}
    return {name: held[name] for name in names if isinstance(held.get(name), np.ndarray)}
