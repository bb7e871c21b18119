"""From the entries of a bench to the config of one training run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from pgf_plugin.bench.datasets import apply_dataset
from pgf_plugin.config import apply_data_root, apply_encoder, find_config
from pgf_plugin.config.load import dataset_nodes, merge, read_config, type_name
from pgf_plugin.errors import ConfigError

Entry = str | Mapping[str, Any]
"""Name or path of a config, or ``dict(config=name, **overrides)``."""


def compose(config: Config, entry: Entry, dataset: Entry | None = None) -> Config:
    """Return the training config of one entry of ``bench.models``, on one of ``bench.datasets``.

    What the bench config itself sets comes before the entry's overrides: ``model`` is merged, every
    other key (data, schedule, hooks) is replaced.

    Args:
        config: the bench config.
        entry: a model.
        dataset: the data in the place of the model's; None leaves those.

    Raises:
        ConfigError: if there is no such config, or it has no model.
    """
    overrides = {"config": entry} if isinstance(entry, str) else dict(entry)
    base = overrides.pop("config", None)
    trial = read_config(find_config(base)) if base else Config()
    for key, value in config.to_dict().items():
        if key == "model":
            trial.merge_from_dict({"model": value})
        elif key not in ("bench", "work_dir"):
            trial[key] = value
    merge(trial, overrides)
    if "model" not in trial:
        raise ConfigError(
            f"bench.models: the entry {entry!r} has no model. Name a config that has one, or give "
            "dict(model=dict(type=…))"
        )
    if dataset is not None:
        apply_dataset(trial, dataset, overrides)
    return trial


def apply_places(
    config: Config,
    trials: Mapping[str, Config],
    encoder: str | None,
    data_root: str | Path | None,
) -> None:
    """Apply ``--encoder`` and ``--data-root`` where they fit; one that fits nowhere is refused."""
    where = f"{config.filename or 'the bench'} ({', '.join(trials)})"
    encoders = [apply_encoder(trial, encoder) for trial in trials.values()]
    if encoder and not any(encoders):
        raise ConfigError(
            f"--encoder {encoder}: no model of {where} has an HFTextEncoder that could load it"
        )
    if data_root is None:
        return
    datasets = [apply_data_root(trial, data_root) for trial in trials.values()]
    if not any(datasets):
        kinds = {type_name(node) for trial in trials.values() for node in dataset_nodes(trial)}
        raise ConfigError(
            f"--data-root {data_root}: no dataset of {where} takes a data_root; they are "
            f"{', '.join(sorted(kinds)) or 'none'}, and MSADataset would take one"
        )
