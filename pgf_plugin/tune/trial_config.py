"""The config of one trial: the config of the search with other values."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from mmengine.config import Config

from pgf_plugin.config import apply_options
from pgf_plugin.config.importable import name_imported
from pgf_plugin.config.slots import TEST_KEYS
from pgf_plugin.tune.settings import KEY

_OF_THE_SEARCH = (KEY, "work_dir", "experiment_name")


def base_config(cfg: Config) -> Config:
    """The config without the search and its place."""
    base = deepcopy(cfg)
    for key in _OF_THE_SEARCH:
        base.pop(key, None)
    name_imported(base)
    return base


def compose(
    cfg: Config, values: Mapping[str, Any], *, metric: str, higher_is_better: bool, seed: int
) -> Config:
    """Return the training config of a trial, as ``pgf train`` takes it.

    Args:
        cfg: the config of the search.
        values: dotted key to value.
        metric: chooses the checkpoint, so that the checkpoint is the one whose value counts.
        higher_is_better: direction of the metric.
        seed: of the run.
    """
    config = base_config(cfg)
    apply_options(config, values)
    config.randomness = {**(config.get("randomness") or {}), "seed": seed}
    saver = (config.get("default_hooks") or {}).get("checkpoint")
    if isinstance(saver, dict):
        saver["save_best"] = metric
        saver["rule"] = "greater" if higher_is_better else "less"
    return config


def without_test(config: Config) -> Config:
    """The same run without the test set, which is then never built."""
    config = deepcopy(config)
    for key in TEST_KEYS:
        config.pop(key, None)
    return config
